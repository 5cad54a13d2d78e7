/*
 * The client's end of bdkd's sockets: all that kif, acquirer and bdk see of a room.
 */
#ifndef KEYROOM_BDK_CLIENT_H
#define KEYROOM_BDK_CLIENT_H

#include "bdk/record.h"
#include "bdk/request.h"

struct client {
	int fd;
	char why[256];		/* a sentence about the last refusal, bdkd's or client_open()'s; "" if there is none */
	struct record in;	/* the last answer: field_ functions point into it until the next call */
	struct span fields;
};

/*
 * client_open - connect to one of a room's sockets
 *
 *   room    in  the room's folder
 *   socket  in  "people", "station" or "acquirer"
 *
 *   E_OK, E_ROOM (no such folder, or not a room), E_ROOM_PURPOSE (a room of that purpose has no such socket),
 *   E_UNREACHABLE (no bdkd serves it), E_DENIED (it is for other users). c->why tells more where there is more to tell; c needs no client_close() then.
 */
MUST_USE enum err client_open(struct client *c, const char *room, const char *socket);

/*
 * client_call - send a request, wait for its answer
 *
 *   E_OK: c->fields are the answer's. Otherwise bdkd's F_RESULT with its sentence in c->why, or E_UNREACHABLE
 *   (connection lost), E_FORMAT (the answer is no record, or another op's), or the request's own e. Waits as long as
 *   bdkd takes, but for client_patience(). After E_DENIED, E_UNREACHABLE and E_FORMAT bdkd may have ended the
 *   connection: client_open() again.
 */
MUST_USE enum err client_call(struct client *c, const struct record *request);

/* client_ask, client_answer - client_call in two halves, for who does something else until c->fd is readable */
MUST_USE enum err client_ask(struct client *c, const struct record *request);
MUST_USE enum err client_answer(struct client *c, const struct record *request);

/* client_patience - from now on an answer that takes longer than so many seconds is E_UNREACHABLE. E_OK, E_UNREACHABLE
 * (the connection is closed then) */
MUST_USE enum err client_patience(struct client *c, unsigned seconds);

/* client_close - wipes the last answer; fine on a closed one */
void client_close(struct client *c);

#endif
