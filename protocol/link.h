/*
 * The link: frames on a serial line, one outstanding request, idempotent repeats.
 *
 * The host asks, the terminal answers; the terminal never speaks unasked. A frame on the wire is RFC 1662 (asynchronous
 * HDLC): flag 7E, octet stuffing with 7D, 32-bit FCS, flag 7E. Inside, before stuffing:
 *
 *     kind(1)  channel(4)  sequence(2)  payload(0..LINK_PAYLOAD)  FCS(4, least significant octet first)
 *
 * The host picks a random channel whenever it opens the line and counts the sequence up from 1 within it, so that
 * neither end's restart can make an old reply look new. A request that repeats channel and sequence gets the stored
 * reply again; a lower sequence of the same channel is dropped; a new channel starts afresh. The payload is type(1) ||
 * message of protocol/message.h on the loading link, and terminal/till.h on the till's; an empty payload asks for an
 * empty reply ("is anybody there?"). Nothing here is a security boundary: the messages protect themselves.
 *
 * Pure: bytes in, bytes out. Time-outs and repeats belong to whoever drives it (line/line.h).
 */
#ifndef KEYROOM_PROTOCOL_LINK_H
#define KEYROOM_PROTOCOL_LINK_H

#include "base/bytes.h"

#include <stdbool.h>

#define LINK_PAYLOAD 2560
#define LINK_HEAD 7
#define LINK_FCS 4
#define LINK_FRAME (LINK_HEAD + LINK_PAYLOAD + LINK_FCS)
#define LINK_WIRE (2 * LINK_FRAME + 2)		/* worst case of stuffing, with both flags */

enum link_kind { LINK_REQUEST = 1, LINK_REPLY = 2 };

struct frame {
	uint8_t kind;
	uint32_t channel;
	uint16_t sequence;
	struct span payload;
};

/*
 * link_encode - a frame as it goes on the wire
 *
 *   out  out  at most size bytes
 *   len  out  how many
 *
 *   E_OK, E_RANGE (payload longer than LINK_PAYLOAD), E_SPACE
 */
MUST_USE enum err link_encode(uint8_t *out, size_t *len, size_t size, const struct frame *f);

/*
 * link_send - the same without a buffer for all of it: piece by piece, at most LINK_PIECE bytes each
 *
 *   E_OK, E_RANGE (payload longer than LINK_PAYLOAD; nothing was sent)
 */
#define LINK_PIECE 1024
typedef void link_piece(void *ctx, const uint8_t *p, size_t len);
MUST_USE enum err link_send(const struct frame *f, link_piece *send, void *ctx);

/* What has been received of the current frame. Zero it to begin. */
struct link_in {
	size_t len;
	uint32_t fcs; /* so far */
	bool escaped, dropping;
};

/*
 * link_take - one received byte, where memory is short
 *
 *   b  the frame's place, size bytes, LINK_HEAD to LINK_FRAME; touched by nobody else until a frame is whole
 *
 * As link_push(), of frames up to size.
 */
MUST_USE enum err link_take(struct link_in *in, uint8_t *b, size_t size, struct frame *f, uint8_t byte);

/* A receiver with room for every frame. Zero it to begin. */
struct link_rx {
	struct link_in in;
	uint8_t b[LINK_FRAME];
};

/*
 * link_push - one received byte
 *
 *   f  out  written on E_OK and E_LENGTH; its payload points into rx and lives until the next call
 *
 *   E_OK      a whole frame with a good FCS
 *   E_LENGTH  likewise, but longer than a frame may be: f is without its payload, which was not kept
 *   E_SHORT   read on
 *   E_FORMAT  what came between two flags was no frame (too short, aborted, bad FCS, unknown kind): dropped, read on
 */
MUST_USE enum err link_push(struct link_rx *rx, struct frame *f, uint8_t byte);

/* The host's end. */
struct link_host {
	uint32_t channel;
	uint16_t sequence;	/* of the outstanding or last request */
};

/* link_host_open - a new channel, from 4 random bytes of the caller's */
void link_host_open(struct link_host *h, const uint8_t random[static 4]);

/* link_host_request - the next request, encoded; send the same bytes again to repeat it. As link_encode. */
MUST_USE enum err link_host_request(struct link_host *h, uint8_t *out, size_t *len, size_t size, struct span payload);

/* link_host_reply - is f the reply to the outstanding request? Anything else is to be ignored. */
bool link_host_reply(const struct link_host *h, const struct frame *f);

/* The terminal's end: the last request and the reply that was given to it. Zero it to begin. */
struct link_peer {
	uint32_t channel;
	uint16_t sequence;
	bool open;			/* a request has been accepted */
	uint16_t len;
	uint8_t reply[LINK_PAYLOAD];	/* len bytes: the stored reply */
};

/*
 * link_peer_request - what to do with a received frame
 *
 *   E_OK        a new request: work on f->payload, then link_peer_reply()
 *   E_REPLAY    a repeat: link_peer_send() again, do nothing else
 *   E_SEQUENCE  stale, or no request: ignore it
 */
MUST_USE enum err link_peer_request(struct link_peer *p, const struct frame *f);

/* link_peer_reply - store the reply to the request just accepted; it may stand in p->reply already. E_OK, E_RANGE
 * (longer than LINK_PAYLOAD) */
MUST_USE enum err link_peer_reply(struct link_peer *p, struct span payload);

/* link_peer_send - the stored reply as a frame on the wire, as link_send() */
MUST_USE enum err link_peer_send(const struct link_peer *p, link_piece *send, void *ctx);

#endif
