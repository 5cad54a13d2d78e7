/*
 * A room's KBPKs, and the key sets that come in and go out under them as X9.143 key blocks (bdk/block.h; why so:
 * doc/adr/0014-key-blocks.md).
 *
 * A KBPK is an object of the token that derives and never leaves, "kbpk-NAME". Names are given once, also after its
 * end. It is made by the token, entered by components (bdk/ops_component.c), or comes in a block under another KBPK.
 * By its mode it unwraps (B, D), wraps (B, E), or both, while it is active; one that was compromised or destroyed does
 * nothing more.
 */
#ifndef KEYROOM_BDK_KBPK_H
#define KEYROOM_BDK_KBPK_H

#include "bdk/room.h"

/* All below: why is one sentence where the result alone does not tell enough. E_KBPK: no such KBPK, or its state or
 * mode does not permit it. */
#define KBPK_WHY ROOM_WHY

/* What is written under a KBPK. */
struct kbpk_block {
	char text[BLOCK_MAX];
	size_t len;		/* 0: nothing */
};

/*
 * kbpk_generate - have the token make one
 *
 *   made   out
 *   block  out  it, under another one; len 0 without under
 *   under  in   that other's name, or NULL: nobody else gets it
 *
 *   E_OK, E_KEY (name or type), E_EXISTS, E_KBPK, E_STRENGTH, E_FORMAT (exportability), E_JOURNAL, E_TOKEN
 */
MUST_USE enum err kbpk_generate(struct kbpk *made, struct kbpk_block *block, struct room *r, const struct kbpk_id *id,
				const char *under, char exportability, char why[static KBPK_WHY]);

/*
 * kbpk_import - take one out of a block
 *
 *   E_OK, as block_read(), E_KBPK, E_MAC (not under this KBPK, or changed: never said which), E_KEY (its MAC is right,
 *   but the key in it is none: length, check value; or the name is none), E_STRENGTH, E_PUBLISHED, E_EXISTS, E_JOURNAL, E_TOKEN
 */
MUST_USE enum err kbpk_import(struct kbpk *taken, struct room *r, const char *name, const char *under, struct span text,
			      char why[static KBPK_WHY]);

/*
 * kbpk_enter - put one together of components (bdk/component.h): it wraps and unwraps, mode B
 *
 *   made   out  with its check value
 *   part   in   parts of them; the caller wipes them
 *   paper  in   what its check value has to be; len 0: it is wanted alone, and nothing is made
 *
 *   E_OK, E_KEY (name, type; or together they are none: clear_key_join()), E_MAC (another check value), kbpk_keep()'s
 */
MUST_USE enum err kbpk_enter(struct kbpk *made, struct room *r, const struct kbpk_id *id, const struct key part[],
			     uint8_t parts, const struct kcv *paper, char why[static KBPK_WHY]);

/*
 * kbpk_keep - one whose object has just come into the token is written down, if it may be in this room
 * (fingerprint_admit()); else the object goes again. Whoever puts a KBPK into the token ends with this.
 *
 *   k  in/out  all but state and utc in; as it stands in the journal out
 *
 *   E_OK, E_PUBLISHED, E_EXISTS, E_JOURNAL, E_IO, E_TOKEN (also: an object that had to go stays)
 */
MUST_USE enum err kbpk_keep(struct kbpk *k, struct room *r, char why[static KBPK_WHY]);

/* kbpk_new - may a KBPK have this name here? E_OK, E_KEY (it is none), E_EXISTS, E_JOURNAL */
MUST_USE enum err kbpk_new(struct room *r, const char *name, char why[static KBPK_WHY]);

/*
 * Destroying one, in the manner of bdk/destroy.h: once it is decided, and that is durable, nothing is done with it any
 * more; only then does it leave the token. What a crash leaves in between is finished when the room is opened.
 *
 * kbpk_decide - E_OK (k: as it stands in the journal; to be committed before the rest), E_KBPK (none, or decided
 *   before), E_JOURNAL
 * kbpk_destroy - no worker of the room has it any more, and none finds it. E_OK, E_TOKEN (not shown)
 * kbpk_open - a room has just been opened: those that were decided on, and are in the token still or again, go from it, and the
 *   audit says so; where it does not show that, it is said on standard error. E_OK, E_JOURNAL
 */
MUST_USE enum err kbpk_decide(struct kbpk *k, struct room *r, const char *name, const char *reason,
			      char why[static KBPK_WHY]);
MUST_USE enum err kbpk_destroy(struct room *r, const char *name);
MUST_USE enum err kbpk_open(struct room *r);

/* kbpk_resume - one that a damaged or missing bag has suspended (bdk/media.h) is active again. E_OK, E_KBPK (none, or not
 * suspended), E_JOURNAL */
MUST_USE enum err kbpk_resume(struct kbpk *k, struct room *r, const char *name, const char *reason, char why[static KBPK_WHY]);

/* kbpk_compromise - nothing goes in or out under it any more. E_OK, E_KBPK (none, or neither active nor suspended), E_JOURNAL */
MUST_USE enum err kbpk_compromise(struct kbpk *k, struct room *r, const char *name, const char *reason,
				  char why[static KBPK_WHY]);

/* kbpk_drop - one that cannot be written down goes out of the token again. E_OK, E_TOKEN */
MUST_USE enum err kbpk_drop(struct room *r, const char *name);

/*
 * kbpk_generate_key_set - exchange_generate() towards whoever has a KBPK: the BDK is made in the token and leaves
 * once, in this block, which is kept as its package. Load room
 *
 *   made, set  in/out  as there
 *
 *   E_OK, as exchange_ready(), E_RANGE (no such period), E_KBPK, E_STRENGTH, E_SCHEME, E_FORMAT, E_EXISTS, E_JOURNAL, E_TOKEN
 */
MUST_USE enum err kbpk_generate_key_set(struct kbpk_block *block, struct key_set *made, struct room *r,
					struct key_set_id *set, const char *under, char exportability,
					char why[static KBPK_WHY]);

/*
 * kbpk_import_key_set - take a key set out of a block. Load and acquirer rooms
 *
 *   taken  in/out  its period in; as it stands in the journal out
 *   id     in      what it is to be called, which the block may not contradict; NULL: as the block says
 *
 *   E_OK, as kbpk_import() and exchange_ready(); E_FORMAT (also: an id that is none, or not the block's), E_SCHEME (a
 *   length that no BDK has), E_STRENGTH (also: AES-192 and AES-256 outside test rooms)
 */
MUST_USE enum err kbpk_import_key_set(struct key_set *taken, struct room *r, const char *id, const char *under,
				      struct span text, char why[static KBPK_WHY]);

/* kbpk_may_repeat - may a key set's block be given out once more? E_OK (also where it went out in none), E_KBPK (its
 * KBPK is not active any more), E_JOURNAL */
MUST_USE enum err kbpk_may_repeat(struct room *r, const char *id, char why[static KBPK_WHY]);

#endif
