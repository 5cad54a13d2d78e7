#include "crypto/drbg.h"
#include "tests/lib/test.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define TAKE_MAX 7500

START_TEST(gives_the_published_figures)
{
	size_t count;
	const struct stanza *v = test_vectors("drbg.txt", &count);

	for (size_t i = 0; i < count; i++) {
		uint8_t entropy[32], nonce[16], more[32], want[128], out[128];
		const char *reseed = stanza_get(&v[i], "reseed");
		struct span parts[] = { { entropy, test_hex(entropy, sizeof entropy, stanza_get(&v[i], "entropy")) },
					{ nonce, test_hex(nonce, sizeof nonce, stanza_get(&v[i], "nonce")) } };
		struct drbg d;

		ck_assert_uint_eq(test_hex(want, sizeof want, stanza_get(&v[i], "second")), sizeof want);
		ck_assert_int_eq(drbg_seed(&d, parts, 2), E_OK);
		if (reseed)
			ck_assert_int_eq(
				drbg_reseed(&d, &(struct span){ more, test_hex(more, sizeof more, reseed) }, 1), E_OK);
		ck_assert_int_eq(drbg_take(&d, out, sizeof out), E_OK);
		ck_assert_int_eq(drbg_take(&d, out, sizeof out), E_OK);
		ck_assert_msg(!memcmp(out, want, sizeof out), "%s", stanza_get(&v[i], "case"));
	}
}
END_TEST

/* OpenSSL's own HMAC-DRBG, fed with entropy and nonce by its "TEST-RAND" */
static EVP_RAND_CTX *openssl_drbg(uint8_t *entropy, size_t entropy_len, uint8_t *nonce, size_t nonce_len,
				  const uint8_t *pers, size_t pers_len, EVP_RAND_CTX **parent)
{
	unsigned strength = 256;
	char mac[] = "HMAC", digest[] = "SHA256";
	OSSL_PARAM source[] = { OSSL_PARAM_construct_uint(OSSL_RAND_PARAM_STRENGTH, &strength),
				OSSL_PARAM_construct_octet_string(OSSL_RAND_PARAM_TEST_ENTROPY, entropy, entropy_len),
				OSSL_PARAM_construct_octet_string(OSSL_RAND_PARAM_TEST_NONCE, nonce, nonce_len),
				OSSL_PARAM_construct_end() };
	OSSL_PARAM kind[] = { OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_MAC, mac, 0),
			      OSSL_PARAM_construct_utf8_string(OSSL_DRBG_PARAM_DIGEST, digest, 0),
			      OSSL_PARAM_construct_end() };
	EVP_RAND *test = EVP_RAND_fetch(NULL, "TEST-RAND", NULL), *hmac = EVP_RAND_fetch(NULL, "HMAC-DRBG", NULL);
	EVP_RAND_CTX *c;

	*parent = EVP_RAND_CTX_new(test, NULL);
	ck_assert_int_eq(EVP_RAND_instantiate(*parent, strength, 0, NULL, 0, source), 1);
	c = EVP_RAND_CTX_new(hmac, *parent);
	ck_assert_int_eq(EVP_RAND_instantiate(c, strength, 0, pers, pers_len, kind), 1);
	EVP_RAND_free(test);
	EVP_RAND_free(hmac);
	return c;
}

START_TEST(agrees_with_openssl)
{
	uint8_t entropy[32], nonce[16], pers[50], out[400], want[400];

	for (unsigned run = 0; run < 20; run++) {
		struct span parts[] = { SPAN(entropy), SPAN(nonce), { pers, 2 * run } };
		struct drbg d;
		EVP_RAND_CTX *parent, *c;

		memset(entropy, (int)run + 1, sizeof entropy);
		memset(nonce, (int)(200 - run), sizeof nonce);
		memset(pers, (int)(17 * run), sizeof pers);
		c = openssl_drbg(entropy, sizeof entropy, nonce, sizeof nonce, pers, 2 * run, &parent);
		ck_assert_int_eq(drbg_seed(&d, parts, 3), E_OK);
		for (size_t len = 1; len <= sizeof out; len += 57) {
			ck_assert_int_eq(EVP_RAND_generate(c, want, len, 256, 0, NULL, 0), 1);
			ck_assert_int_eq(drbg_take(&d, out, len), E_OK);
			ck_assert_mem_eq(out, want, len);
		}
		EVP_RAND_CTX_free(c);
		EVP_RAND_CTX_free(parent);
	}
}
END_TEST

START_TEST(parts_are_one_piece)
{
	uint8_t seed[64], a[32], b[32];
	const struct span whole = SPAN(seed);
	struct drbg d, e;

	for (size_t i = 0; i < sizeof seed; i++)
		seed[i] = (uint8_t)i;
	ck_assert_int_eq(drbg_seed(&d, &whole, 1), E_OK);
	for (size_t cut = 0; cut <= sizeof seed; cut++) {
		const struct span parts[] = { { seed, cut }, { seed + cut, sizeof seed - cut } };

		ck_assert_int_eq(drbg_seed(&e, parts, 2), E_OK);
		ck_assert_mem_eq(&d, &e, sizeof d);
	}
	ck_assert_int_eq(drbg_reseed(&d, &whole, 1), E_OK);
	ck_assert_int_eq(drbg_take(&d, a, sizeof a), E_OK);
	ck_assert_int_eq(drbg_take(&e, b, sizeof b), E_OK);
	ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

START_TEST(gives_nothing_unless_seeded_and_not_for_ever)
{
	static const uint8_t zero[32];
	const struct span seed = SPAN(zero);
	struct drbg d = { .requests = 0 };
	uint8_t out[32];

	memset(out, 1, sizeof out);
	ck_assert_int_eq(drbg_take(&d, out, sizeof out), E_RANDOM);
	ck_assert_mem_eq(out, zero, sizeof out);
	ck_assert_int_eq(drbg_reseed(&d, &seed, 1), E_RANDOM);
	ck_assert_int_eq(drbg_seed(&d, &seed, 1), E_OK);
	d.requests = 1u << 24;
	ck_assert_int_eq(drbg_take(&d, out, sizeof out), E_OK);
	memset(out, 1, sizeof out);
	ck_assert_int_eq(drbg_take(&d, out, sizeof out), E_RANDOM);
	ck_assert_mem_eq(out, zero, sizeof out);
	ck_assert_int_eq(drbg_reseed(&d, &seed, 1), E_OK);
	ck_assert_int_eq(drbg_take(&d, out, sizeof out), E_OK);
}
END_TEST

START_TEST(at_most_7500_bytes_a_call_and_8_parts)
{
	static uint8_t out[TAKE_MAX + 1];
	static const struct drbg none;
	const struct span seed[DRBG_PARTS + 1] = { { (const uint8_t *)"x", 1 } };
	struct drbg d;

	ck_assert_int_eq(drbg_seed(&d, seed, DRBG_PARTS), E_OK);
	ck_assert_int_eq(drbg_take(&d, out, TAKE_MAX), E_OK);
	ck_assert_int_eq(drbg_take(&d, out, TAKE_MAX + 1), E_RANGE);
	for (size_t i = 0; i < sizeof out; i++)
		ck_assert_uint_eq(out[i], 0);
	ck_assert_int_eq(drbg_seed(&d, seed, DRBG_PARTS + 1), E_RANGE);
	ck_assert_mem_eq(&d, &none, sizeof d);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("drbg");
	TCase *t = tcase_create("drbg");

	tcase_add_test(t, gives_the_published_figures);
	tcase_add_test(t, agrees_with_openssl);
	tcase_add_test(t, parts_are_one_piece);
	tcase_add_test(t, gives_nothing_unless_seeded_and_not_for_ever);
	tcase_add_test(t, at_most_7500_bytes_a_call_and_8_parts);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
