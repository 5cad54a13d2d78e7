/*
 * What the terminal remembers without power.
 *
 * Memory map, in bytes of the port's non-volatile memory; words are in the machine's own order, since a memory never
 * moves to another machine:
 *
 *       0   32  store key: made at first boot, written once
 *      32    4  birth: 0 from the factory, STORE_BORN, or STORE_TAMPERED
 *      36   28  zero
 *      64       first slot, then the second:
 *                 struct state, whole
 *                 check (32) = HMAC-SHA-256(store key, "keyroom/1 store" || 00 || be32(seq) || struct state)
 *                 ~seq (4)
 *                 seq (4), from 1, one up with every commit
 *
 * A commit writes the slot that is free in that order, reads it back before its head (~seq, seq), and then wipes the
 * slot it supersedes, head first. So a head that is whole vouches for a slot that was written whole:
 *
 *   no power loss can make   a whole head over a wrong check    -> forged
 *                            no whole head at all, once born    -> forged
 *                            any birth word but those three     -> forged
 *   a power loss can leave   two whole heads, seq and seq + 1   -> the higher counts, the other is wiped
 *                            one whole head, the other slot in pieces -> those are wiped
 *                            birth 0 and pieces in key and first slot -> first boot begins again
 *
 * Forged means tampered: everything is wiped. It never means blank. What this cannot notice is an old image of the
 * whole memory put back (hosts do, by the load count and by KSNs that come twice), or all of it set to zero: that is a
 * new terminal, whose old serial no ca room certifies again.
 */
#ifndef KEYROOM_TERMINAL_STORE_H
#define KEYROOM_TERMINAL_STORE_H

#include "crypto/cert.h"
#include "dukpt/kcv.h"
#include "dukpt/registers.h"
#include "protocol/slot.h"
#include "terminal/port.h"

#define STORE_SLOTS 4 /* keys at a time */
#define STORE_CONFIG 256

#define STORE_BORN UINT32_C(0x4b524d31)
#define STORE_TAMPERED UINT32_C(0xb4adb2ce) /* no bit in common with STORE_BORN */

/* One key slot. */
struct slot {
	struct dukpt_registers registers;
	uint32_t load_count;    /* the terminal's, with this load */
	uint8_t key_hash[32];   /* h after the accepted KEY */
	uint8_t key_digest[32]; /* SHA-256 of the accepted KEY message; zero once the slot is zeroized */
	struct ksn ksn;         /* initial KSN it holds, or last held; len 0 if it never held one */
	uint8_t state;          /* enum slot_state */
	uint8_t scheme;         /* enum dukpt_scheme */
	uint8_t kcv_len;
	uint8_t kcv[KCV_MAX];
	uint8_t zero[3];
};

enum life { LIFE_BLANK = 0, LIFE_IDENTIFIED = 1, LIFE_TAMPERED = 2 };

/* Plain bytes without padding: stored as a whole. */
struct state {
	uint32_t layout;      /* STORE_LAYOUT: another firmware's memory is not guessed at */
	uint32_t boots;       /* counts every power-on */
	uint32_t load_count;  /* accepted KEYs in this terminal's life */
	uint32_t epoch;       /* highest seen under a valid KEY */
	uint8_t life;         /* enum life */
	uint8_t has_identity; /* identity and secret are made; they never change again */
	uint16_t cert_len, anchor_len, config_len;
	uint8_t identity[32];     /* private key */
	uint8_t secret[32];       /* device secret, for random.h */
	uint8_t cert[CERT_MAX];   /* the terminal's own */
	uint8_t anchor[CERT_MAX]; /* KIF CA */
	uint8_t config[STORE_CONFIG];
	struct slot slot[STORE_SLOTS];
};

#define STORE_LAYOUT 1

_Static_assert(sizeof(struct slot) == sizeof(struct dukpt_registers) + 4 + 64 + sizeof(struct ksn) + 3 + KCV_MAX + 3,
	       "no padding");
_Static_assert(sizeof(struct state) == 16 + 8 + 64 + 2 * CERT_MAX + STORE_CONFIG + STORE_SLOTS * sizeof(struct slot),
	       "no padding");
_Static_assert(sizeof(struct state) % 4 == 0, "whole words");

#define STORE_FIRST 64
#define STORE_SLOT (sizeof(struct state) + 32 + 8)
#define STORE_BYTES (STORE_FIRST + 2 * STORE_SLOT) /* of the port's memory, at least */

struct store {
	const struct port *port;
	struct state state; /* what is durable; only read it */
	struct state draft; /* what the next commit writes; zero in between */
	uint8_t key[32];
	uint32_t seq;
	unsigned live; /* which slot holds state: 0, 1 */
	bool failed;   /* the memory failed: nothing is known until the next power-on */
};

/*
 * store_open - read the memory at power-on, finish what a loss of power left, count the boot
 *
 *   s  out  state holds what was last committed, a blank terminal's at first boot
 *
 *   E_OK
 *   E_TAMPERED  tampered earlier, or the memory is forged: all of it is wiped now, and state says LIFE_TAMPERED
 *   E_RANDOM    first boot, and no good entropy for the store key: nothing is written
 *   E_STORE     the memory is too small or failed
 *   E_CRYPTO
 */
MUST_USE enum err store_open(struct store *s, const struct port *port);

/* store_draft - a copy of what is durable, to be changed and committed, or dropped */
struct state *store_draft(struct store *s);

/*
 * store_commit - make the draft durable, and wipe what it supersedes
 *
 *   E_OK        s->state is the draft
 *   E_STORE     the memory failed, now or earlier: after the next power-on it holds the old state or the draft
 *   E_TAMPERED  tampered: nothing is kept any more
 *   E_CRYPTO    nothing was written
 *
 * The draft is wiped in any case.
 */
MUST_USE enum err store_commit(struct store *s);

/* store_drop - forget the draft */
void store_drop(struct store *s);

/* store_tamper - wipe everything for good, the store key first. The mark is written before, so that a loss of power
 * only puts off the rest. E_OK, E_STORE (s->state is wiped even so) */
MUST_USE enum err store_tamper(struct store *s);

#endif
