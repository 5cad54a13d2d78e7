/*
 * An act that waits for a second person: what the first has asked, kept as it came, with a digest over all of it. Both
 * are shown the same lines and the same digest; what is carried out is these very bytes.
 *
 * digest = SHA-256("keyroom/1 act" || 00 || u8 length, room's name || nonce(16) || u8 length, name of the first || be32
 * uid || be16 op || be32 length, fields || be32 length, what OP_PUT brought). The nonce is bdkd's, one an act: agreeing
 * to one says nothing about the next that looks like it.
 */
#ifndef KEYROOM_BDK_ACT_H
#define KEYROOM_BDK_ACT_H

#include "bdk/journal.h"
#include "bdk/record.h"

struct act {
	uint16_t op;
	uint8_t *fields;	/* on the heap */
	size_t len;
	uint8_t nonce[16];
	struct person first;	/* who asks */
	uint64_t until;		/* room_monotonic(): it lapses then */
};

/* act_new - a copy of what was asked. E_OK, E_INTERNAL (no memory), E_RANDOM; *a is NULL on an error */
MUST_USE enum err act_new(struct act **a, uint16_t op, struct span fields, const struct person *first, uint64_t until);

/* act_digest - put: what OP_PUT brought for it. E_OK, E_SPACE, E_CRYPTO */
MUST_USE enum err act_digest(uint8_t out[static 32], const struct act *a, const char *room, struct span put);

/*
 * act_show - F_WHO, F_WHAT, F_HASH the digest, F_SECONDS until it lapses, and for each field F_LABEL what it is, then
 * F_VALUE for each value: text and numbers as they are, short bytes in hex, long ones as their length and SHA-256
 *
 *   what  in  the op's name in the audit
 *   now   in  room_monotonic()
 *
 * What does not fit or fails stands in answer->e.
 */
void act_show(struct record *answer, const struct act *a, const char *what, const char *room, struct span put, uint64_t now);

/* act_free - wiped; NULL is fine */
void act_free(struct act *a);

#endif
