/*
 * The supervisor's loop: a room's sockets, who may ask what on which, and the audit of every request before its answer.
 *
 * One table (server.c) holds a row for each op: the socket it is permitted on, the purposes of room, the state the
 * connection has to be in, and whether it may be asked only once. What has no row on this socket, or not now, is
 * answered with E_DENIED, what only rooms of another purpose do with E_ROOM_PURPOSE, and the connection ends. Requests
 * run one after the other; a client that does not read its answers is dropped.
 *
 * Requests that touch nothing but the journal (GROUP) share a commit with all others of that kind that are there in the
 * same round: their answers leave after it, and only after it do orders go to workers. If it fails, they all get E_JOURNAL
 * and their connections end.
 *
 * A login by passphrase waits for a process that tries it (bdk/proof.h), one at a time; the others are served meanwhile.
 *
 * An OFFER that takes a KEY is two requests in one: when its order is committed the others go on, and it is answered
 * when a worker has made the KEY. Orders go to idle workers, first come first served. Its client is not read from
 * meanwhile; one that hangs up gets no KEY, and that stands in the audit. No transaction is open between the two.
 */
#ifndef KEYROOM_BDK_SERVER_H
#define KEYROOM_BDK_SERVER_H

#include "bdk/act.h"
#include "bdk/card.h"
#include "bdk/door.h"
#include "bdk/enrol.h"
#include "bdk/kdh.h"
#include "bdk/proof.h"
#include "bdk/recover.h"
#include "bdk/record.h"
#include "bdk/request.h"
#include "bdk/session.h"

#define SERVER_CLIENTS 64	/* one more is hung up on */
#define SERVER_PEOPLE 8		/* places that only people get: nobody else shuts them out */
#define SERVER_MACHINES 16	/* places that only stations and acquirers get: people do not shut them out */
#define SERVER_LOGINS 16	/* places of people that one user gets, so that no person shuts the others out */
#define SERVER_ROWS 96		/* that its table may have */
#define SERVER_DESCRIPTORS (SERVER_CLIENTS + 32) /* what the process must be allowed: clients, sockets, room, journal */

struct server;

/* server_open - the room's doors (doors_find()'s), open for clients; SIGTERM and SIGINT are held back from here on.
 * E_OK, E_IO (why says what), E_INTERNAL (no memory) */
MUST_USE enum err server_open(struct server **s, struct room *r, const struct door door[static ROLES],
			      char why[static ROOM_WHY]);

/* server_run - serve until SIGTERM or SIGINT. E_OK, E_IO */
MUST_USE enum err server_run(struct server *s);

/* server_close - connections ended and wiped, sockets removed; NULL is fine. The room stays the caller's. */
void server_close(struct server *s);

/* --- Inside bdkd: what a handler (bdk/ops.h) sees ----------------------------------------------------------------- */

/* A passphrase that somebody has typed. */
struct guess {
	struct passphrase_verifier verifier;
	size_t len;			/* 0: it was none that there can be */
	uint8_t phrase[PASSPHRASE_MAX];
};

/* One connection, and how far it has come. */
struct peer {
	int fd;
	struct bulk { uint8_t *b; size_t len; } put, left; /* on the heap: what OP_PUT brought, what OP_FETCH gets */
	enum role role;
	uid_t uid;
	bool spent[SERVER_ROWS];	/* rows of the table that may not be asked again */
	bool session;			/* station: a session is open, for these */
	struct key_set_id set;		/* len 0: to zeroize, and not to load */
	uint8_t slot;
	uint8_t *serials;		/* fields F_SERIAL*, on the heap */
	size_t serials_len;
	struct kdh kdh;			/* station: the loading or zeroizing under way */
	struct enrol enrol;		/* people: the enrolment under way */
	/* it waits for a worker, for what one makes for it, for a second person, for its passphrase to be tried, or for what that
	 * comes to */
	enum { PEER_READS, PEER_QUEUES, PEER_WAITS, PEER_PENDS, PEER_GUESSES, PEER_PROVES } stage;
	struct guess *guess;		/* people: a passphrase that is to be tried; on the heap */
	struct person who;		/* people: of this uid; row 0: nobody of the room */
	bool proved;			/* and knows the passphrase, or its card has signed */
	uint8_t nonce[CARD_NONCE];	/* for the card to sign; zero: none was given, or it is used up */
	uint8_t signed_for[32];		/* SHA-256 of the one request that the card has signed */
	struct act *act;		/* what was asked, and takes a second person; NULL: nothing */
	uint64_t attends;		/* operator: the session that is open while this one stays; 0: none */
	char ended[CERT_TEXT];		/* why the one before is not any more, until it is asked for */
	uint64_t enters;		/* custodian: the entry of components that ends when this one goes; 0: none */
	uint64_t agreed;		/* the same, once this one has agreed to its check value */
	bool awaits;			/* it waits for what becomes of that */
	struct key typed;		/* a component that does not count yet: secret */
	uint64_t sits;			/* station: the operators' session that it is in; 0: none */
	uint64_t turn;			/* in the queue */
	struct bulk held;		/* on the heap: its answer, until the group's commit */
	bool keep;			/* the connection, after that */
};

/* One request on its way. */
struct ask {
	struct room *room;
	struct peer *peer, **peers;	/* who asks; all SERVER_CLIENTS of them, NULL where there is none */
	struct peer *second;		/* who has agreed to it, if that is needed */
	struct sessions *sessions;
	struct recover *recover;
	struct span fields;		/* what was asked */
	struct record *answer;		/* op and F_RESULT E_OK stand in it; thrown away on an error */
	char object[144];		/* for the audit, which keeps 127 characters: what it was about */
	char why[256];			/* a sentence for people, if there is more to say than err_text() */
	struct key_set_id made;		/* len 0, or a key set in the token that is to go if this is not written down */
	enum { ENTRY_NONE, ENTRY_CHANGED, ENTRY_TAKEN } entry; /* what this has done to the room's entry of components */
	char kbpk[KBPK_NAME];		/* "", or a KBPK that likewise is to go */
	uint32_t shares;		/* 0, or the custodians' shares that alone count once this is written down */
	bool end;			/* end the connection after the answer */
	bool later;			/* E_OK, but a worker has to make a KEY, or a passphrase is to be tried, before there is an answer */
	struct peer *agreed;		/* OP_APPROVE: whose act it is about, and whether it may go ahead */
	bool agrees;
};

/* server_op - an op as the audit calls it, "generate", if it is permitted on this socket, else NULL. server_op_name - on
 * people.sock */
const char *server_op(enum role role, uint16_t op);
const char *server_op_name(uint16_t op);

/* server_note - a record of the audit beside the one that ends the request, by the same people, in its transaction. E_OK,
 * E_JOURNAL */
MUST_USE enum err server_note(const struct ask *a, const char *what, const char *object);

#endif
