/*
 * The terminal's register machine, both schemes.
 *
 * The terminal keeps no initial key. It keeps one future key for each counter bit from which keys are still to come: 21
 * registers (TDES), 32 (AES). The key of the current transaction is in the register of the lowest one-bit of the
 * counter. Taking it fills the registers of all lower bits from it, unless the counter already has as many one-bits as
 * the rule allows, and erases it. So the registers never tell a key that was taken before.
 *
 * A machine is a value: dukpt_registers_take() makes the one that follows, in another place or in its own. The
 * terminal stores the successor durably, and only then releases what the key made: derive, commit, release.
 */
#ifndef KEYROOM_DUKPT_REGISTERS_H
#define KEYROOM_DUKPT_REGISTERS_H

#include "dukpt/working.h"

#define DUKPT_REGISTERS 32

/* Plain bytes without padding: it may be copied, stored and compared as a whole. All zero: nothing loaded. */
struct dukpt_registers {
	uint32_t filled;	/* bit n set: key[n] holds a key. Zero, with a scheme: exhausted */
	struct ksn ksn;		/* of the next transaction; when exhausted, of the last one */
	uint8_t scheme;		/* enum dukpt_scheme */
	uint8_t zero[2];
	uint8_t key[DUKPT_REGISTERS][32];	/* key[n] belongs to counter bit n; unused bytes are zero */
};

_Static_assert(sizeof(struct dukpt_registers) == 4 + 13 + 1 + 2 + DUKPT_REGISTERS * 32, "no padding");

/*
 * dukpt_registers_load - fill the registers from an initial key, which is not kept: wipe it
 *
 *   r     out  ready for the first transaction (counter 1); zero on an error
 *   iksn  in   the initial KSN
 *
 *   E_OK, E_SCHEME (no scheme, or a KSN of the other family), E_COUNTER (iksn is not initial), E_KEY (ik is not as long
 *   as the scheme says), E_CRYPTO
 */
MUST_USE enum err dukpt_registers_load(struct dukpt_registers *r, enum dukpt_scheme scheme, const struct key *ik,
				       const struct ksn *iksn);

/*
 * dukpt_registers_take - the transaction key of r->ksn, and the machine without it
 *
 *   next  out  the successor: this key gone, the keys that come from it in, the KSN advanced. May be r. Zero on an
 *              error
 *   txn   out  the transaction key; written only on E_OK. Release nothing made with it before next is durable
 *   used  out  its KSN; written only on E_OK
 *   r     in   unchanged, unless it is next
 *
 * The last key (1FF800, FFFF0000) does come out; the call after it says E_EXHAUSTED.
 *
 *   E_OK
 *   E_EXHAUSTED  every key is used
 *   E_SCHEME     r is not loaded
 *   E_COUNTER    r is damaged: its counter is no transaction, its register is empty, or others are full after the last
 *   E_CRYPTO
 */
MUST_USE enum err dukpt_registers_take(struct dukpt_registers *next, struct key *txn, struct ksn *used,
				       const struct dukpt_registers *r);

/* dukpt_registers_exhausted - loaded once, and every key used? */
bool dukpt_registers_exhausted(const struct dukpt_registers *r);

#endif
