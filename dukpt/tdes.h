/*
 * TDES DUKPT (ANSI X9.24-1:2009 annex A). BDK, initial key and transaction keys are 16 bytes: two-key TDES. The chain
 * from the initial key on runs single DES, which no token does: it is bytes only.
 *
 * Vectors: vectors/x9.24-1-2009.txt
 */
#ifndef KEYROOM_DUKPT_TDES_H
#define KEYROOM_DUKPT_TDES_H

#include "dukpt/working.h"

/*
 * dukpt_tdes_ik_data - what to encrypt for an initial key: the first 8 bytes of the KSN with the counter's bits zero
 *
 * The left half of the initial key is this under the BDK, the right half is this under the BDK's variant, both TDES. A
 * token that holds both keys derives the two halves from it. k has to be a TDES KSN.
 */
void dukpt_tdes_ik_data(uint8_t out[static 8], const struct ksn *k);

/* dukpt_tdes_variant - key xor C0C0C0C000000000C0C0C0C000000000: the BDK's variant. out may be key. E_OK, E_KEY (not 16
 * bytes; out is as it was) */
MUST_USE enum err dukpt_tdes_variant(struct key *out, const struct key *key);

/*
 * dukpt_tdes_ik - the initial key of a terminal on bytes
 *
 *   ik  out  16 bytes; written only on E_OK
 *   k   in   its counter does not matter
 *
 *   E_OK, E_SCHEME (an AES KSN), E_KEY (bdk is not 16 bytes), E_CRYPTO
 */
MUST_USE enum err dukpt_tdes_ik(struct key *ik, const struct key *bdk, const struct ksn *k);

/*
 * dukpt_tdes_step - one step of the chain (the "non-reversible key generation process"): to the key whose counter is
 * k's, from the one whose counter lacks k's lowest one-bit
 *
 *   child  out  16 bytes; may be parent; written only on E_OK
 *
 *   E_OK, E_SCHEME (an AES KSN), E_KEY (parent is not 16 bytes), E_CRYPTO
 */
MUST_USE enum err dukpt_tdes_step(struct key *child, const struct key *parent, const struct ksn *k);

/*
 * dukpt_tdes_txn - the transaction key of a counter: one step for each of its one-bits, highest first
 *
 *   txn  out  16 bytes; may be ik; written only on E_OK
 *
 *   E_OK, E_SCHEME (an AES KSN), E_COUNTER (no terminal reaches it), E_KEY (ik is not 16 bytes), E_CRYPTO
 */
MUST_USE enum err dukpt_tdes_txn(struct key *txn, const struct key *ik, const struct ksn *k);

/*
 * dukpt_tdes_working - a variant of the transaction key; a data key is then encrypted under itself, half by half, so
 * that whoever learns it learns neither the transaction key nor the PIN key
 *
 *   out  out  16 bytes; may be txn; written only on E_OK
 *
 *   E_OK, E_RANGE (no such purpose), E_KEY (txn is not 16 bytes), E_CRYPTO
 */
MUST_USE enum err dukpt_tdes_working(struct key *out, const struct key *txn, enum dukpt_purpose purpose);

#endif
