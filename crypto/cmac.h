/*
 * CMAC (NIST SP 800-38B). The back end gives the block cipher; this is written once (crypto/cmac.c).
 *
 *   E_OK, E_KEY, E_CRYPTO; on an error out is wiped
 */
#ifndef KEYROOM_CRYPTO_CMAC_H
#define KEYROOM_CRYPTO_CMAC_H

#include "crypto/key.h"

/* cmac_aes - 16 bytes; key of 16, 24 or 32 bytes */
MUST_USE enum err cmac_aes(uint8_t out[static 16], const struct key *key, const uint8_t *in, size_t len);

/* cmac_tdes - 8 bytes; key of 16 or 24 bytes */
MUST_USE enum err cmac_tdes(uint8_t out[static 8], const struct key *key, const uint8_t *in, size_t len);

/* Something that enciphers blocks (ECB), out may be in: a key that is not at hand, such as a token's. E_OK, or its error */
typedef enum err cmac_ecb(void *ctx, uint8_t *out, const uint8_t *in, size_t blocks);

/* cmac_ecb_aes, cmac_ecb_tdes - under a key that is: ctx is a const struct key */
cmac_ecb cmac_ecb_aes, cmac_ecb_tdes;

/* cmac_by - CMAC by whatever enciphers blocks of so many bytes: 8 or 16, and as many are written. As ecb */
MUST_USE enum err cmac_by(uint8_t *out, size_t block, cmac_ecb *ecb, void *ctx, const uint8_t *in, size_t len);

/* cmac_double - one doubling in GF(2^128), the subkey step of SP 800-38B 6.1; constant time; out may be in */
void cmac_double(uint8_t out[static 16], const uint8_t in[static 16]);

#endif
