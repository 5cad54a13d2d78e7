#include "tests/lib/outsider.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "outsider: %s\n", what);
	exit(2);
}

static size_t cmac(unsigned char out[16], const char *cipher, const unsigned char *key, size_t key_len,
		   const unsigned char *in, size_t len)
{
	EVP_MAC *m = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *c = EVP_MAC_CTX_new(m);
	OSSL_PARAM p[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)cipher, 0),
			   OSSL_PARAM_construct_end() };
	size_t n = 0;

	must(c && EVP_MAC_init(c, key, key_len, p) && EVP_MAC_update(c, in, len) && EVP_MAC_final(c, out, &n, 16),
	     "CMAC");
	EVP_MAC_CTX_free(c);
	EVP_MAC_free(m);
	return n;
}

/* X9.143: CMAC under the KBPK of counter, usage, 00, algorithm and bits, as often as it takes */
static void derive(unsigned char out[32], bool tdes, unsigned char use, const struct key *kbpk)
{
	const char *cipher = tdes ? (kbpk->len == 16 ? "DES-EDE-CBC" : "DES-EDE3-CBC")
				  : (kbpk->len == 16   ? "AES-128-CBC"
				     : kbpk->len == 24 ? "AES-192-CBC"
						       : "AES-256-CBC");
	const unsigned algorithm = tdes ? (kbpk->len == 16 ? 0 : 1) : (kbpk->len == 16 ? 2 : kbpk->len == 24 ? 3 : 4);
	unsigned char mac[16], long_key[24];
	const unsigned char *key = kbpk->b;
	size_t key_len = kbpk->len;

	if (tdes && kbpk->len == 16) { /* OpenSSL has no CMAC of two-key TDES: K1 K2 K1 is the same cipher */
		memcpy(long_key, kbpk->b, 16);
		memcpy(long_key + 16, kbpk->b, 8);
		key = long_key;
		key_len = 24;
		cipher = "DES-EDE3-CBC";
	}
	for (size_t at = 0, i = 1; at < kbpk->len; i++) {
		const unsigned char in[8] = { (unsigned char)i,
					      0,
					      use,
					      0,
					      (unsigned char)(algorithm >> 8),
					      (unsigned char)algorithm,
					      (unsigned char)(kbpk->len * 8 >> 8),
					      (unsigned char)(kbpk->len * 8) };
		size_t n = cmac(mac, cipher, key, key_len, in, 8);

		n = n < kbpk->len - at ? n : kbpk->len - at;
		memcpy(out + at, mac, n);
		at += n;
	}
}

static size_t bytes(unsigned char *out, const char *hex, size_t digits)
{
	for (size_t i = 0; i < digits / 2; i++) {
		unsigned v = 0;

		must(sscanf(hex + 2 * i, "%2x", &v) == 1, "hexadecimal");
		out[i] = (unsigned char)v;
	}
	return digits / 2;
}

/* Is the MAC right? The key is what it seems to be either way; of no length that a key has, len is 0. */
static bool decipher(struct key *out, const char *text, size_t len, const struct key *kbpk)
{
	bool tdes = text[0] == 'B';
	size_t block = tdes ? 8 : 16, at = 16, options, cut, n, bits;
	unsigned char kbek[32], kbak[32], iv[16], mac[16], body[4096];
	char digits[3] = { 0 };
	int part = 0;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	struct key k = *kbpk, whole;

	must(text[0] == 'B' || text[0] == 'D', "version");
	derive(kbek, tdes, 0, kbpk);
	derive(kbak, tdes, 1, kbpk);
	memcpy(digits, text + 12, 2);
	options = (size_t)atoi(digits);
	for (; options; options--) {
		memcpy(digits, text + at + 2, 2);
		at += strtoul(digits, NULL, 16);
	}
	cut = len - 2 * block;
	bytes(iv, text + cut, 2 * block);
	memcpy(body, text, at);
	n = bytes(body + at, text + at, cut - at);
	/* two-key TDES as three keys */
	memcpy(k.b, kbek, k.len);
	whole = k;
	if (tdes && k.len == 16) {
		memcpy(whole.b + 16, kbek, 8);
		whole.len = 24;
	}
	must(EVP_DecryptInit_ex(c,
				tdes          ? EVP_des_ede3_cbc()
				: k.len == 16 ? EVP_aes_128_cbc()
				: k.len == 24 ? EVP_aes_192_cbc()
					      : EVP_aes_256_cbc(),
				NULL, whole.b, iv) &&
		     EVP_CIPHER_CTX_set_padding(c, 0) && EVP_DecryptUpdate(c, body + at, &part, body + at, (int)n) &&
		     part == (int)n,
	     "deciphering");
	EVP_CIPHER_CTX_free(c);
	memcpy(whole.b, kbak, k.len);
	if (tdes && k.len == 16)
		memcpy(whole.b + 16, kbak, 8);
	cmac(mac,
	     tdes          ? "DES-EDE3-CBC"
	     : k.len == 16 ? "AES-128-CBC"
	     : k.len == 24 ? "AES-192-CBC"
			   : "AES-256-CBC",
	     whole.b, whole.len, body, at + n);
	bits = (size_t)(body[at] << 8 | body[at + 1]);
	*out = (struct key){ .len = 0 };
	if (bits % 64 == 0 && bits >= 128 && bits <= 256 && bits / 8 <= n - 2) {
		out->len = (uint8_t)(bits / 8);
		memcpy(out->b, body + at + 2, bits / 8);
	}
	return !memcmp(mac, iv, block);
}

bool outsider_open(struct key *out, const char *text, size_t len, const struct key *kbpk)
{
	return decipher(out, text, len, kbpk) && out->len;
}

bool outsider_believe(struct key *out, const char *text, size_t len, const struct key *kbpk)
{
	(void)decipher(out, text, len, kbpk);
	return out->len;
}
