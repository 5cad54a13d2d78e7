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

/* cmac_double - one doubling in GF(2^128), the subkey step of SP 800-38B 6.1; constant time; out may be in */
void cmac_double(uint8_t out[static 16], const uint8_t in[static 16]);

#endif
