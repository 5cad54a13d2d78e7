#include "crypto/sha256.h"
#include "base/wipe.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

/* Fetched once: the digest, and an HMAC context that knows its digest and waits for a key */
static EVP_MD *md;
static EVP_MAC_CTX *mac;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void fetch(void)
{
	char name[] = "SHA256";
	OSSL_PARAM p[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
			   OSSL_PARAM_construct_end() };
	EVP_MAC *m;

	if (!OSSL_LIB_CTX_get0_global_default())
		return; /* no memory to begin with: a fetch would crash (OpenSSL 3.0) */
	m = EVP_MAC_fetch(NULL, "HMAC", NULL);
	md = EVP_MD_fetch(NULL, name, NULL);
	mac = m ? EVP_MAC_CTX_new(m) : NULL;
	EVP_MAC_free(m);
	if (mac && EVP_MAC_CTX_set_params(mac, p) != 1) {
		EVP_MAC_CTX_free(mac);
		mac = NULL;
	}
}

enum err sha256(uint8_t out[static 32], const struct span *parts, size_t n)
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	enum err e = E_CRYPTO;

	if (!c || CRYPTO_THREAD_run_once(&once, fetch) != 1 || !md || EVP_DigestInit_ex2(c, md, NULL) != 1)
		goto done;
	for (size_t i = 0; i < n; i++)
		if (EVP_DigestUpdate(c, parts[i].p, parts[i].len) != 1)
			goto done;
	if (EVP_DigestFinal_ex(c, out, NULL) == 1)
		e = E_OK;
done:
	EVP_MD_CTX_free(c);
	if (e)
		wipe(out, 32);
	return e;
}

enum err hmac_sha256(uint8_t out[static 32], struct span key, const struct span *parts, size_t n)
{
	static const uint8_t none[1]; /* to OpenSSL NULL means "the key as before", not "the empty key" */
	EVP_MAC_CTX *c = NULL;
	enum err e = E_CRYPTO;
	size_t len;

	if (CRYPTO_THREAD_run_once(&once, fetch) != 1 || !mac)
		goto done;
	c = EVP_MAC_CTX_dup(mac);
	if (!c || EVP_MAC_init(c, key.len ? key.p : none, key.len, NULL) != 1)
		goto done;
	for (size_t i = 0; i < n; i++)
		if (parts[i].len && EVP_MAC_update(c, parts[i].p, parts[i].len) != 1)
			goto done;
	if (EVP_MAC_final(c, out, &len, 32) == 1 && len == 32)
		e = E_OK;
done:
	EVP_MAC_CTX_free(c);
	if (e)
		wipe(out, 32);
	return e;
}
