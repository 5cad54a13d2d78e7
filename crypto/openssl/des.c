#include "crypto/des.h"
#include "base/wipe.h"
#include "crypto/openssl/cipher.h"

#include <openssl/crypto.h>
#include <string.h>

/*
 * Everything runs as three-key TDES, which the default provider has: two-key TDES is K1 K2 K1, and single DES, which
 * only the legacy provider has, is K K K.
 */
static EVP_CIPHER *ecb, *cbc;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void fetch(void)
{
	ecb = EVP_CIPHER_fetch(NULL, "DES-EDE3-ECB", NULL);
	cbc = EVP_CIPHER_fetch(NULL, "DES-EDE3-CBC", NULL);
}

static enum err run(uint8_t *out, EVP_CIPHER *const *cipher, const struct key *key, enum dir dir, const uint8_t *iv,
		    const uint8_t *in, size_t blocks)
{
	uint8_t k[24];
	enum err e = E_OK;

	if (key->len != 8 && key->len != 16 && key->len != 24)
		e = E_KEY;
	else if (CRYPTO_THREAD_run_once(&once, fetch) != 1)
		e = E_CRYPTO;
	if (e) {
		wipe(out, 8 * blocks);
		return e;
	}
	for (size_t i = 0; i < 3; i++)
		memcpy(k + 8 * i, key->b + 8 * i % key->len, 8);
	e = cipher_run(out, *cipher, k, dir, iv, in, 8 * blocks);
	wipe(k, sizeof k);
	return e;
}

enum err des_ecb(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks)
{
	return run(out, &ecb, key, dir, NULL, in, blocks);
}

enum err des_cbc(uint8_t *out, const struct key *key, enum dir dir, const uint8_t iv[static 8], const uint8_t *in,
		 size_t blocks)
{
	return run(out, &cbc, key, dir, iv, in, blocks);
}
