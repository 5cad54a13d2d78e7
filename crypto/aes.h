/*
 * AES (FIPS 197) by blocks. One-shot and stateless; the key schedule is wiped before the function returns.
 * out may be in. On an error out is wiped.
 *
 *   E_OK, E_KEY (length not 16, 24 or 32), E_CRYPTO
 */
#ifndef KEYROOM_CRYPTO_AES_H
#define KEYROOM_CRYPTO_AES_H

#include "crypto/key.h"

/* aes_ecb - blocks times 16 bytes, each for itself */
MUST_USE enum err aes_ecb(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks);

/* aes_cbc - blocks times 16 bytes, chained; iv is only read */
MUST_USE enum err aes_cbc(uint8_t *out, const struct key *key, enum dir dir, const uint8_t iv[static 16],
			  const uint8_t *in, size_t blocks);

#endif
