/*
 * DES and TDES (NIST SP 800-67) by blocks of 8 bytes. The key's length says which: 8 single DES (DUKPT's own steps
 * and the retail MAC need it), 16 two-key TDES, 24 three-key TDES. Parity bits are ignored, never changed.
 * out may be in. On an error out is wiped.
 *
 *   E_OK, E_KEY (length not 8, 16 or 24), E_CRYPTO
 */
#ifndef KEYROOM_CRYPTO_DES_H
#define KEYROOM_CRYPTO_DES_H

#include "crypto/key.h"

/* des_ecb - blocks times 8 bytes, each for itself */
MUST_USE enum err des_ecb(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks);

/* des_cbc - blocks times 8 bytes, chained; iv is only read */
MUST_USE enum err des_cbc(uint8_t *out, const struct key *key, enum dir dir, const uint8_t iv[static 8],
			  const uint8_t *in, size_t blocks);

#endif
