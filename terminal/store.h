/*
 * What the terminal remembers without power.
 *
 * Memory map, in bytes of the port's non-volatile memory; words are in the machine's own order, since a memory never
 * moves to another machine:
 *
 *       0   32  store key: made at first boot, written once
 *      32    4  birth: 0 from the factory, STORE_BORN, or STORE_TAMPERED
 *      36   28  zero
 *      64       papers, written once: own certificate, KIF CA's certificate, configuration
 *               records, each in two copies: first the terminal's own (struct state), then one for each key slot
 *               (struct slot, its registers); a copy is
 *                 contents, whole
 *                 check (32) = HMAC-SHA-256(store key, "keyroom/1 store" || 00 || record (1) || be32(seq) || contents)
 *                 ~seq (4)
 *                 seq (4), from 1, one up with every commit of this record
 *
 * A commit writes the copy that is free in that order, reads it back before its head (~seq, seq), and then wipes the
 * copy it supersedes, head first. So a head that is whole vouches for a copy that was written whole:
 *
 *   no power loss can make   a whole head over a wrong check    -> forged
 *                            a record without a whole head, once born    -> forged
 *                            any birth word but those three     -> forged
 *   a power loss can leave   two whole heads, seq and seq + 1   -> the higher counts, the other is wiped
 *                            one whole head, the other copy in pieces -> those are wiped
 *                            birth 0 and pieces in key and first copies -> first boot begins again
 *
 * Forged means tampered: everything is wiped. It never means blank. What this cannot notice is an old image of the
 * memory put back (hosts do, by the load count and by KSNs that come twice), or all of it set to zero: that is a
 * new terminal, whose old serial no ca room certifies again.
 *
 * One commit is one record, so a transaction costs no more than its slot, and no more than one record is ever in RAM.
 * What has to happen to several slots at once is announced first, in `emptying`, and finished at the next power-on.
 * Load count and epoch are those of the slot that was loaded last: a slot keeps its own when it is emptied.
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

/* One key slot, but for its registers. */
struct slot {
	uint32_t load_count;    /* the terminal's, with this load */
	uint32_t epoch;         /* of the load room that loaded it */
	uint8_t key_hash[32];   /* h after the accepted KEY or UPDATE */
	uint8_t key_digest[32]; /* SHA-256 of that message; zero once the slot is zeroized */
	struct ksn ksn;         /* initial KSN it holds, or last held; len 0 if it never held one */
	uint8_t state;          /* enum slot_state */
	uint8_t scheme;         /* enum dukpt_scheme */
	uint8_t kcv_len;
	uint8_t kcv[KCV_MAX];
	uint8_t zero[3];
};

/* As it is stored. */
struct slot_record {
	struct slot slot;
	struct dukpt_registers registers;
};

enum life { LIFE_BLANK = 0, LIFE_IDENTIFIED = 1, LIFE_TAMPERED = 2 };

/* What CERT brings, in the order in which it is stored. */
enum paper { PAPER_CERT, PAPER_ANCHOR, PAPER_CONFIG, PAPERS };

/* The terminal's own record. */
struct state {
	uint32_t layout;       /* STORE_LAYOUT: another firmware's memory is not guessed at */
	uint32_t boots;        /* counts every power-on */
	uint8_t life;          /* enum life */
	uint8_t has_identity;  /* identity and secret are made; they never change again */
	uint8_t emptying;      /* bit i: slot i is being emptied */
	uint8_t zero;
	uint8_t identity[32];    /* private key */
	uint8_t secret[32];      /* device secret, for random.h */
	uint8_t environment[32]; /* SHA-256 of the SPKI of the KIF CA */
	struct {
		uint32_t len;
		uint8_t digest[32]; /* SHA-256 */
	} paper[PAPERS];
};

#define STORE_LAYOUT 2

/* Plain bytes without padding: stored as a whole. */
_Static_assert(sizeof(struct slot) == 8 + 64 + sizeof(struct ksn) + 3 + KCV_MAX + 3, "no padding");
_Static_assert(sizeof(struct slot_record) == sizeof(struct slot) + sizeof(struct dukpt_registers), "no padding");
_Static_assert(sizeof(struct state) == 12 + 3 * 32 + PAPERS * 36, "no padding");
_Static_assert(sizeof(struct slot_record) % 4 == 0 && sizeof(struct state) % 4 == 0, "whole words");

enum { RECORD_STATE, RECORD_SLOT, RECORDS = RECORD_SLOT + STORE_SLOTS };

#define STORE_CHECK 32
#define STORE_HEAD 8
#define STORE_COPY(contents) (sizeof(contents) + STORE_CHECK + STORE_HEAD)
#define STORE_PAPERS 64
#define STORE_RECORDS (STORE_PAPERS + 2 * CERT_MAX + STORE_CONFIG)
/* of the port's memory, at least: 12,320 */
#define STORE_BYTES \
	(STORE_RECORDS + 2 * STORE_COPY(struct state) + 2 * STORE_SLOTS * STORE_COPY(struct slot_record))

struct store {
	const struct port *port;
	/* What is durable; only read it. Registers and papers stay in the port's memory. */
	struct state state;
	struct slot slot[STORE_SLOTS];
	/* The one record or paper that is being worked on; zero in between. */
	union {
		struct state state;
		struct slot_record slot;
		uint8_t paper[CERT_MAX];
		uint8_t b[sizeof(struct slot_record) + STORE_CHECK];
	} draft;
	unsigned drafted; /* which record that is */
	uint8_t key[32];
	uint32_t seq[RECORDS];
	uint8_t live[RECORDS]; /* which copy counts: 0, 1 */
	bool failed;           /* the memory failed: nothing is known until the next power-on */
};

/*
 * store_open - read the memory at power-on, finish what a loss of power left, count the boot
 *
 *   s  out  holds what was last committed, a blank terminal's at first boot
 *
 *   E_OK
 *   E_TAMPERED  tampered earlier, or the memory is forged: all of it is wiped now, and state says LIFE_TAMPERED
 *   E_RANDOM    first boot, and no good entropy for the store key: nothing is written
 *   E_STORE     the memory is too small or failed
 *   E_CRYPTO
 */
MUST_USE enum err store_open(struct store *s, const struct port *port);

/* The highest of all slots: KEYs accepted in this terminal's life; epoch seen under a valid KEY */
uint32_t store_load_count(const struct store *s);
uint32_t store_epoch(const struct store *s);

/* store_draft - the terminal's own record, to be changed and committed, or dropped */
struct state *store_draft(struct store *s);

/* store_draft_slot - a slot's record likewise. E_OK, E_STORE, E_TAMPERED (forged since: all is wiped), E_CRYPTO */
MUST_USE enum err store_draft_slot(struct slot_record **draft, struct store *s, unsigned slot);

/* store_put_paper - write a paper of a blank terminal; it counts once the draft, a struct state, is committed. E_OK,
 * E_ENROLLED, E_RANGE (longer than CERT_MAX, STORE_CONFIG), E_STORE, E_CRYPTO; the draft is wiped on an error */
MUST_USE enum err store_put_paper(struct store *s, enum paper which, struct span text);

/* store_paper - read a paper into the draft, where it stays until the next draft or store_drop(). Results as
 * store_draft_slot(), and E_BLANK */
MUST_USE enum err store_paper(struct span *text, struct store *s, enum paper which);

/*
 * store_commit - make the draft durable, and wipe what it supersedes
 *
 *   E_OK        what is durable is the draft
 *   E_STORE     the memory failed, now or earlier: after the next power-on it holds the old record or the draft
 *   E_TAMPERED  tampered: nothing is kept any more
 *   E_ENROLLED  the draft changes what is written once, or turns a counter back: nothing was written
 *   E_CRYPTO    nothing was written
 *
 * The draft is wiped in any case.
 */
MUST_USE enum err store_commit(struct store *s);

/* store_drop - forget the draft */
void store_drop(struct store *s);

/* store_empty - wipe the keys of these slots (bit i: slot i), durably; a power cut empties none or all. What stays of
 * each is its KSN, hash, epoch and load count. Results as store_commit() */
MUST_USE enum err store_empty(struct store *s, unsigned slots);

/* store_emptied - is no key of these slots anywhere in the memory, read back now? E_OK, E_LOADED, E_STORE */
MUST_USE enum err store_emptied(const struct store *s, unsigned slots);

/* store_tamper - wipe everything for good, the store key first. The mark is written before, so that a loss of power
 * only puts off the rest. E_OK, E_STORE (what is in RAM is wiped even so) */
MUST_USE enum err store_tamper(struct store *s);

#endif
