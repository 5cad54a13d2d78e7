/*
 * The host's side: from an initial key and a KSN to any working key, both schemes.
 */
#ifndef KEYROOM_DUKPT_HOST_H
#define KEYROOM_DUKPT_HOST_H

#include "dukpt/working.h"

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

#endif
