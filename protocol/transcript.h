/*
 * The transcript: what both ends hash, so that every signature covers all that was said before it.
 *
 *     h0   = SHA-256("keyroom/1 transcript")
 *     h(k) = SHA-256(h(k-1) || type(1) || length(4) || message with its signature)
 *     what is signed = SHA-256("keyroom/1 " || type name || 00 || h(k-1) || length(4) || body)
 *     ctx  = SHA-256("keyroom/1 kdf" || 00 || h(OFFER) || length(4) || KEY body up to and with the KDH point)
 *
 * Plain values: a copy is a snapshot.
 */
#ifndef KEYROOM_PROTOCOL_TRANSCRIPT_H
#define KEYROOM_PROTOCOL_TRANSCRIPT_H

#include "protocol/message.h"

struct transcript {
	uint8_t h[32];
};

/* All of these: E_OK, E_CRYPTO (out wiped). */

/* transcript_start - h0 */
MUST_USE enum err transcript_start(struct transcript *t);

/* transcript_add - one message, either direction, as it was on the wire without its type */
MUST_USE enum err transcript_add(struct transcript *t, enum msg_type type, struct span message);

/* transcript_digest - what the sender of a message of this type signs when t holds all that came before it */
MUST_USE enum err transcript_digest(uint8_t out[static 32], const struct transcript *t, enum msg_type type,
				    struct span body);

/* transcript_ctx - the KDF context of KEY; t holds HELLO and OFFER */
MUST_USE enum err transcript_ctx(uint8_t ctx[static 32], const struct transcript *t, struct span key_head);

#endif
