#include "crypto/cmac.h"
#include "crypto/kbkdf.h"
#include "tests/lib/test.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

/* OpenSSL's own SP 800-108 */
static void openssl_kbkdf(uint8_t out[static 32], const struct key *z, const char *label, const uint8_t ctx[static 32])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(kdf);
	char mac[] = "CMAC", cipher[] = "AES-256-CBC", mode[] = "counter";
	uint8_t key[32], l[KBKDF_LABEL], info[32];
	OSSL_PARAM p[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_CIPHER, cipher, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof key),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, l, sizeof l),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info),
		OSSL_PARAM_construct_end(),
	};

	memcpy(key, z->b, sizeof key);
	memcpy(l, label, sizeof l);
	memcpy(info, ctx, sizeof info);
	ck_assert_int_eq(EVP_KDF_derive(c, out, 32, p), 1);
	EVP_KDF_CTX_free(c);
	EVP_KDF_free(kdf);
}

START_TEST(gives_the_known_answer)
{
	size_t count;
	const struct stanza *v = test_vectors("kbkdf.txt", &count);

	for (size_t i = 0; i < count; i++) {
		struct key z = test_key(stanza_get(&v[i], "z")), want = test_key(stanza_get(&v[i], "kek")), kek;
		const char *label = stanza_get(&v[i], "label");
		uint8_t ctx[32], again[32];

		ck_assert_uint_eq(test_hex(ctx, sizeof ctx, stanza_get(&v[i], "ctx")), 32);
		ck_assert_uint_eq(strlen(label), KBKDF_LABEL);
		ck_assert_int_eq(kbkdf(&kek, &z, label, ctx), E_OK);
		ck_assert_uint_eq(kek.len, 32);
		ck_assert_mem_eq(kek.b, want.b, 32);
		openssl_kbkdf(again, &z, label, ctx);
		ck_assert_mem_eq(kek.b, again, 32);
	}
}
END_TEST

START_TEST(agrees_with_openssl_over_labels_keys_and_contexts)
{
	static const char *const labels[] = { "KRM1-IK", "KRM1-IL", "KRM1-IR" };
	struct key z = { .len = 32 }, kek;
	uint8_t ctx[32] = { 0 }, want[32];

	for (unsigned i = 0; i < 48; i++) {
		z.b[i % 32] = (uint8_t)(z.b[i % 32] + 11 * i + 1);
		ctx[(7 * i) % 32] = (uint8_t)(255 - i);
		ck_assert_int_eq(kbkdf(&kek, &z, labels[i % 3], ctx), E_OK);
		openssl_kbkdf(want, &z, labels[i % 3], ctx);
		ck_assert_mem_eq(kek.b, want, 32);
	}
}
END_TEST

START_TEST(the_input_blocks_are_what_the_prf_authenticates)
{
	struct key z = test_key("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"), kek;
	uint8_t ctx[32] = { 5 }, in[KBKDF_INPUT], half[16];

	ck_assert_int_eq(kbkdf(&kek, &z, "KRM1-IL", ctx), E_OK);
	for (uint32_t i = 1; i <= 2; i++) {
		kbkdf_input(in, i, "KRM1-IL", ctx);
		ck_assert_int_eq(cmac_aes(half, &z, in, sizeof in), E_OK);
		ck_assert_mem_eq(half, kek.b + 16 * (i - 1), 16);
	}
}
END_TEST

START_TEST(refuses_a_z_of_another_length)
{
	static const struct key none;
	const uint8_t ctx[32] = { 0 };

	for (unsigned len = 0; len < 256; len++) {
		struct key z = { .len = (uint8_t)len }, kek;

		if (len == 32)
			continue;
		memset(&kek, 1, sizeof kek);
		ck_assert_int_eq(kbkdf(&kek, &z, "KRM1-IK", ctx), E_KEY);
		ck_assert_mem_eq(&kek, &none, sizeof kek);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kbkdf");
	TCase *t = tcase_create("kbkdf");

	tcase_add_test(t, gives_the_known_answer);
	tcase_add_test(t, agrees_with_openssl_over_labels_keys_and_contexts);
	tcase_add_test(t, the_input_blocks_are_what_the_prf_authenticates);
	tcase_add_test(t, refuses_a_z_of_another_length);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
