/*
 * Initial keys in key blocks: usage B1, mode X (derive), not exportable; the KSN stands in the optional block KS (TDES:
 * the whole initial KSN) or IK (AES: the initial key ID).
 *
 *   scheme        version  block, without what is enciphered
 *   TDES          B        B0104B1TX00N0100KS18<20 digits>
 *   TDES          D        D0144B1TX00N0200KS18<20 digits>PB08....
 *   AES           D        D0144B1AX00N0200IK14<16 digits>PB0C........
 */
#ifndef KEYROOM_DUKPT_IKBLOCK_H
#define KEYROOM_DUKPT_IKBLOCK_H

#include "crypto/keyblock.h"
#include "dukpt/ksn.h"

#define IKBLOCK_MAX 176		/* characters: AES-192 and AES-256 */
#define IKBLOCK_ROOM 256	/* bytes of work in dukpt_ik_open(): a block that needs more is refused */

/*
 * dukpt_ik_block - an initial key as a key block
 *
 *   out      out  text without a NUL; wiped on an error
 *   len      out  characters
 *   version  in   'B' (TDES alone) or 'D'
 *   iksn     in   its counter is 0
 *   kbpk     in   TDES for B, AES for D, and not weaker than ik
 *   random   in   KEYBLOCK_RANDOM bytes, fresh for each block
 *
 *   E_OK, E_SCHEME (no scheme, or a KSN of the other family), E_COUNTER (iksn is not initial), E_KEY (ik is not as long
 *   as the scheme says; kbpk), E_VERSION, E_STRENGTH, E_CRYPTO
 */
MUST_USE enum err dukpt_ik_block(char out[static IKBLOCK_MAX], size_t *len, char version, enum dukpt_scheme scheme,
				 const struct key *ik, const struct ksn *iksn, const struct key *kbpk,
				 const uint8_t random[static KEYBLOCK_RANDOM]);

/*
 * dukpt_ik_open - the initial key of such a block, of version B, C or D
 *
 *   ik, scheme, iksn  out  written only on E_OK
 *   text              in   one key block
 *
 *   E_OK
 *   E_FORMAT  not a key block, or not one of an initial key: usage, mode, KS or IK missing, KSN not initial
 *   E_KEY     kbpk does not fit the version; or the key in the block is not as long as keys of its algorithm
 *   E_VERSION (A and E too), E_MAC, E_SPACE (longer than any initial key needs), E_CRYPTO
 */
MUST_USE enum err dukpt_ik_open(struct key *ik, enum dukpt_scheme *scheme, struct ksn *iksn, struct span text,
				const struct key *kbpk);

#endif
