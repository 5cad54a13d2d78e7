#include "crypto/bearssl/cipher.h"
#include "base/wipe.h"

#include <string.h>

void cipher_run(uint8_t *out, const br_block_cbcenc_class *enc, const br_block_cbcdec_class *dec, const struct key *key,
		enum dir dir, const uint8_t *iv, const uint8_t *in, size_t blocks)
{
	size_t block = enc->block_size, len = block * blocks, piece = iv ? len : block;
	union {
		const br_block_cbcenc_class *enc;
		const br_block_cbcdec_class *dec;
		br_aes_ct_cbcenc_keys aes_enc;
		br_aes_ct_cbcdec_keys aes_dec;
		br_des_ct_cbcenc_keys des_enc;
		br_des_ct_cbcdec_keys des_dec;
	} c;
	uint8_t x[16] = { 0 };

	if (!blocks)
		return;
	memmove(out, in, len);
	if (iv)
		memcpy(x, iv, block);
	if (dir == ENCRYPT)
		enc->init(&c.enc, key->b, key->len);
	else
		dec->init(&c.dec, key->b, key->len);
	for (size_t at = 0; at < len; at += piece) {
		if (dir == ENCRYPT)
			enc->run(&c.enc, x, out + at, piece);
		else
			dec->run(&c.dec, x, out + at, piece);
		wipe(x, sizeof x); /* and zero for the next block of ECB */
	}
	wipe(&c, sizeof c);
}
