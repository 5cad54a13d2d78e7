#include "crypto/aes.h"
#include "base/wipe.h"
#include "crypto/openssl/cipher.h"

#include <openssl/crypto.h>

/* Fetched once and kept: a fetch costs more than the encryption of a block. By key length: 16, 24, 32. */
static EVP_CIPHER *ecb[3], *cbc[3];
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void fetch(void)
{
	static const char *const name[3][2] = { { "AES-128-ECB", "AES-128-CBC" },
						{ "AES-192-ECB", "AES-192-CBC" },
						{ "AES-256-ECB", "AES-256-CBC" } };

	for (size_t i = 0; i < 3; i++) {
		ecb[i] = EVP_CIPHER_fetch(NULL, name[i][0], NULL);
		cbc[i] = EVP_CIPHER_fetch(NULL, name[i][1], NULL);
	}
}

static enum err run(uint8_t *out, EVP_CIPHER *const by_length[3], const struct key *key, enum dir dir,
		    const uint8_t *iv, const uint8_t *in, size_t blocks)
{
	enum err e = E_OK;

	if (key->len != 16 && key->len != 24 && key->len != 32)
		e = E_KEY;
	else if (CRYPTO_THREAD_run_once(&once, fetch) != 1)
		e = E_CRYPTO;
	if (e) {
		wipe(out, 16 * blocks);
		return e;
	}
	return cipher_run(out, by_length[key->len / 8 - 2], key->b, dir, iv, in, 16 * blocks);
}

enum err aes_ecb(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks)
{
	return run(out, ecb, key, dir, NULL, in, blocks);
}

enum err aes_cbc(uint8_t *out, const struct key *key, enum dir dir, const uint8_t iv[static 16], const uint8_t *in,
		 size_t blocks)
{
	return run(out, cbc, key, dir, iv, in, blocks);
}
