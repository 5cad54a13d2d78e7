/*
 * What AES and TDES share over BearSSL, which offers CBC in place: ECB is CBC of each block with a zero IV.
 */
#ifndef KEYROOM_CRYPTO_BEARSSL_CIPHER_H
#define KEYROOM_CRYPTO_BEARSSL_CIPHER_H

#include "crypto/key.h"

#include <bearssl.h>

/*
 * cipher_run - blocks times enc->block_size bytes
 *
 *   out  out  may be in
 *   enc  in   the cipher, as BearSSL's two classes
 *   dec  in
 *   key  in   of a length that the cipher takes
 *   iv   in   one block, NULL for ECB
 */
void cipher_run(uint8_t *out, const br_block_cbcenc_class *enc, const br_block_cbcdec_class *dec, const struct key *key,
		enum dir dir, const uint8_t *iv, const uint8_t *in, size_t blocks);

#endif
