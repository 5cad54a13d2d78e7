/*
 * What AES and TDES share over OpenSSL: one run of a block cipher mode without padding.
 */
#ifndef KEYROOM_CRYPTO_OPENSSL_CIPHER_H
#define KEYROOM_CRYPTO_OPENSSL_CIPHER_H

#include "crypto/key.h"

#include <openssl/evp.h>

/*
 * cipher_run - len bytes, a whole number of blocks
 *
 *   out     out  len bytes; may be in; wiped on an error
 *   cipher  in   a fetched cipher, NULL if it could not be fetched
 *   key     in   as long as the cipher wants it
 *   iv      in   one block, NULL for ECB
 *
 *   E_OK, E_CRYPTO
 */
MUST_USE enum err cipher_run(uint8_t *out, const EVP_CIPHER *cipher, const uint8_t *key, enum dir dir,
			     const uint8_t *iv, const uint8_t *in, size_t len);

#endif
