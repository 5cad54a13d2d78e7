#include "crypto/aes.h"
#include "base/wipe.h"
#include "crypto/bearssl/cipher.h"

static enum err run(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *iv, const uint8_t *in,
		    size_t blocks)
{
	if (key->len != 16 && key->len != 24 && key->len != 32) {
		wipe(out, 16 * blocks);
		return E_KEY;
	}
	cipher_run(out, &br_aes_ct_cbcenc_vtable, &br_aes_ct_cbcdec_vtable, key, dir, iv, in, blocks);
	return E_OK;
}

enum err aes_ecb(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks)
{
	return run(out, key, dir, NULL, in, blocks);
}

enum err aes_cbc(uint8_t *out, const struct key *key, enum dir dir, const uint8_t iv[static 16], const uint8_t *in,
		 size_t blocks)
{
	return run(out, key, dir, iv, in, blocks);
}
