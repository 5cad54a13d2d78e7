/*
 * From a transaction key to the keys that are used: terminal and host share this.
 */
#ifndef KEYROOM_DUKPT_WORKING_H
#define KEYROOM_DUKPT_WORKING_H

#include "dukpt/aes.h"

/* What a working key does. Request: from the terminal to the host. Response: back. */
enum dukpt_purpose {
	DUKPT_PIN,
	DUKPT_MAC_REQUEST,
	DUKPT_MAC_RESPONSE,
	DUKPT_DATA_REQUEST,
	DUKPT_DATA_RESPONSE
};

/*
 * dukpt_txn_key - the working key for one purpose
 *
 *   out  out  as long as txn; may be txn; written only on E_OK
 *   txn  in   the transaction key of k (X9.24-3 says: derivation key)
 *
 * TDES: the variants of X9.24-1:2009 A.4.1, the data keys after the one-way step. AES: usages 1000, 2000 (MAC request),
 * 2001 (response), 3000 (data request) and 3001 (response) with a working key of the scheme's own type.
 *
 *   E_OK, E_SCHEME (no scheme, or k of the other family), E_COUNTER (k is no transaction), E_RANGE (no such purpose),
 *   E_KEY (txn is not as long as the scheme says), E_CRYPTO
 */
MUST_USE enum err dukpt_txn_key(struct key *out, const struct key *txn, enum dukpt_scheme scheme, const struct ksn *k,
				enum dukpt_purpose purpose);

/*
 * dukpt_txn_aes_key - the working key of AES DUKPT for any usage and of any type not stronger than its parent
 *
 *   out  out  may be txn; written only on E_OK
 *   txn  in   the derivation key of k
 *
 *   E_OK, E_SCHEME (not an AES scheme, a TDES KSN, no such type), E_COUNTER (k is no transaction), E_RANGE (no such
 *   usage of a working key), E_KEY (txn is not as long as the scheme says), E_STRENGTH, E_CRYPTO
 */
MUST_USE enum err dukpt_txn_aes_key(struct key *out, const struct key *txn, enum dukpt_scheme scheme,
				    const struct ksn *k, enum dukpt_usage usage, enum dukpt_key_type type);

#endif
