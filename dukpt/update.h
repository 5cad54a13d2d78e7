/*
 * The update key of AES DUKPT: the key-encryption key at counter FFFFFFFF, which no transaction reaches. Host and
 * terminal both know it; under it a terminal gets its next initial key without a visit.
 *
 * The facts that are public say no more than that. Here the new initial key travels as a key block of dukpt/ikblock.h,
 * version D, with the update key as its protection key; so the new initial key ID is bound to it.
 *
 * There is no allocator of KSNs behind this yet: whoever sends the same initial key twice restarts a counter. It is for
 * test rooms; production terminals refuse it (UPDATE in PROTOCOL.md).
 *
 * Host: dukpt_host_update_key() of dukpt/host.h, then dukpt_ik_block().
 */
#ifndef KEYROOM_DUKPT_UPDATE_H
#define KEYROOM_DUKPT_UPDATE_H

#include "dukpt/kcv.h"
#include "dukpt/registers.h"

/*
 * dukpt_update_key - the update key out of a terminal's registers
 *
 * The path to FFFFFFFF sets all bits from the top. The first key on it that this terminal has not used yet is always in
 * a register: that of the highest zero-bit of the next counter, or of its lowest one-bit if all bits from there up are
 * one. So the update key can be derived until the last transaction key is taken.
 *
 *   key  out  as long as the scheme's keys; written only on E_OK
 *
 *   E_OK, E_SCHEME (not loaded, or TDES), E_EXHAUSTED, E_COUNTER (r is damaged), E_CRYPTO
 */
MUST_USE enum err dukpt_update_key(struct key *key, const struct dukpt_registers *r);

/*
 * dukpt_update - load the initial key that comes under the update key
 *
 *   next     out  loaded, ready for the first transaction of the new initial key. May be r. Zero on an error
 *   kcv      out  check value of the new initial key, kcv_compute(); written only on E_OK
 *   kcv_len  out  likewise
 *   r        in   unchanged, unless it is next; make next durable in its place
 *   text     in   the key block
 *
 *   E_OK
 *   E_REPLAY   the block is for the initial key ID that r has: it would restart the counter
 *   E_SCHEME, E_EXHAUSTED, E_COUNTER as above; E_SCHEME also if the new initial key is of another scheme
 *   what dukpt_ik_open() says
 *
 * A block for a key that this terminal had still earlier is not known here: the terminal remembers its last KSNs.
 */
MUST_USE enum err dukpt_update(struct dukpt_registers *next, uint8_t kcv[static KCV_MAX], uint8_t *kcv_len,
			       const struct dukpt_registers *r, struct span text);

#endif
