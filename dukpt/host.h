/*
 * The host's side: from a BDK to an initial key, and from that and a KSN to any working key, all schemes.
 */
#ifndef KEYROOM_DUKPT_HOST_H
#define KEYROOM_DUKPT_HOST_H

#include "dukpt/working.h"

/*
 * dukpt_host_ik - the initial key of a terminal, on bytes (bdkd derives it in its token)
 *
 *   ik   out  as long as bdk; may be bdk; written only on E_OK
 *   k    in   its counter does not matter
 *
 *   E_OK, E_SCHEME (no scheme, or k of the other family), E_KEY (bdk is not as long as the scheme says), E_CRYPTO
 */
MUST_USE enum err dukpt_host_ik(struct key *ik, const struct key *bdk, enum dukpt_scheme scheme, const struct ksn *k);

/*
 * dukpt_host_txn - the transaction key of a KSN
 *
 *   txn     out  written only on E_OK
 *   ik      in   the terminal's initial key
 *   scheme  in   of ik
 *
 *   E_OK
 *   E_SCHEME   no scheme, or k of the other family
 *   E_COUNTER  no terminal reaches k's counter: zero, more one-bits than the rule allows, or FFFFFFFF
 *   E_KEY      ik is not as long as the scheme says
 *   E_CRYPTO
 */
MUST_USE enum err dukpt_host_txn(struct key *txn, const struct key *ik, enum dukpt_scheme scheme, const struct ksn *k);

/* dukpt_host_key - the working key of a KSN: dukpt_host_txn(), then dukpt_txn_key(). out is written only on E_OK.
 * Results of both. */
MUST_USE enum err dukpt_host_key(struct key *out, const struct key *ik, enum dukpt_scheme scheme, const struct ksn *k,
				 enum dukpt_purpose purpose);

/* dukpt_host_aes_key - the same for any usage and type of AES DUKPT: dukpt_host_txn(), then dukpt_txn_aes_key().
 * Results of both. */
MUST_USE enum err dukpt_host_aes_key(struct key *out, const struct key *ik, enum dukpt_scheme scheme,
				     const struct ksn *k, enum dukpt_usage usage, enum dukpt_key_type type);

/*
 * dukpt_host_update_key - the update key of a terminal: usage "key encryption" at counter FFFFFFFF
 *
 *   out  out  written only on E_OK
 *   k    in   its counter does not matter
 *
 *   E_OK, E_SCHEME (not an AES scheme, a TDES KSN, no such type), E_KEY (ik), E_STRENGTH, E_CRYPTO
 */
MUST_USE enum err dukpt_host_update_key(struct key *out, const struct key *ik, enum dukpt_scheme scheme,
					const struct ksn *k, enum dukpt_key_type type);

#endif
