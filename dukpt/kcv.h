/*
 * Key check values. They tell keys apart in a list and show a mistyped component; they are too short to prove that two
 * keys are the same, or that a key is unique.
 */
#ifndef KEYROOM_DUKPT_KCV_H
#define KEYROOM_DUKPT_KCV_H

#include "crypto/key.h"
#include "dukpt/ksn.h"

#define KCV_MAX 5

/*
 * kcv_compute - the check value of a key
 *
 *   out  out  TDES: the first 3 bytes of E(0). AES: the first 5 bytes of CMAC(16 zero bytes). The rest is zero; on an
 *             error out is as it was
 *   len  out  3 or 5
 *   key  in   dukpt_key_len(scheme) bytes
 *
 *   E_OK, E_SCHEME, E_KEY, E_CRYPTO
 */
MUST_USE enum err kcv_compute(uint8_t out[static KCV_MAX], uint8_t *len, enum dukpt_scheme scheme,
			      const struct key *key);

#endif
