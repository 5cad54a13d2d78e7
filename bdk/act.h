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

#define ACT_SHOWN 16384	/* bytes that an act's lines have at most: what is longer nobody reads, and it is not asked for */

struct act {
	uint16_t op;
	uint8_t *fields;	/* on the heap */
	size_t len;
	uint8_t nonce[16];
	uint8_t *said;		/* on the heap: F_LABEL and F_VALUE, of what its files say */
	size_t said_len;
	struct person first;	/* who asks */
	uint64_t until;		/* room_monotonic(): it lapses then */
};

/* act_takes - is this op one that takes two, and are these fields its own, each there once (F_SERIAL of OP_OPEN as often as there
 * are terminals)? A field that it does not look at would be shown as if it meant something. */
bool act_takes(uint16_t op, struct span fields);

/* act_new - a copy of what was asked. E_OK, E_INTERNAL (no memory), E_RANDOM; *a is NULL on an error */
MUST_USE enum err act_new(struct act **a, uint16_t op, struct span fields, const struct person *first, uint64_t until);

/* act_tell - what its files say (bdk/preview.h), to be shown with its fields. E_OK, E_INTERNAL (no memory) */
MUST_USE enum err act_tell(struct act *a, struct span lines);

/* act_digest - put: what OP_PUT brought for it. E_OK, E_SPACE, E_CRYPTO */
MUST_USE enum err act_digest(uint8_t out[static 32], const struct act *a, const char *room, struct span put);

/*
 * act_show - F_WHO, F_WHAT, F_HASH the digest, F_SECONDS until it lapses, and for each field F_LABEL what it is, then
 * F_VALUE for each value: text of at most 64 characters and numbers as they are, short bytes in hex, all else as
 * length and SHA-256. Only a reason has blanks in it. Then what act_tell() was told
 *
 *   what  in  the op's name in the audit
 *   now   in  room_monotonic()
 *
 * What does not fit, in the answer or in ACT_SHOWN, or fails, stands in answer->e.
 */
void act_show(struct record *answer, const struct act *a, const char *what, const char *room, struct span put, uint64_t now);

/* act_free - wiped; NULL is fine */
void act_free(struct act *a);

#endif
