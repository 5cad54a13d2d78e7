#include "crypto/cmac.h"
#include "tests/lib/test.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

START_TEST(gives_the_published_figures)
{
	size_t count;
	const struct stanza *v = test_vectors("cmac.txt", &count);

	for (size_t i = 0; i < count; i++) {
		struct key k = test_key(stanza_get(&v[i], "key"));
		bool aes = !strcmp(stanza_get(&v[i], "cipher"), "aes");
		uint8_t message[64], want[16], out[16];
		size_t len = test_hex(message, sizeof message, stanza_get(&v[i], "message"));
		size_t size = test_hex(want, sizeof want, stanza_get(&v[i], "mac"));

		ck_assert_int_eq(aes ? cmac_aes(out, &k, message, len) : cmac_tdes(out, &k, message, len), E_OK);
		ck_assert_uint_eq(size, aes ? 16 : 8);
		ck_assert_msg(!memcmp(out, want, size), "%s", stanza_get(&v[i], "case"));
	}
}
END_TEST

START_TEST(agrees_with_openssl_at_every_length)
{
	static const struct {
		const char *cipher;
		uint8_t len;
	} row[] = { { "AES-128-CBC", 16 }, { "AES-192-CBC", 24 }, { "AES-256-CBC", 32 }, { "DES-EDE3-CBC", 24 } };
	struct key k = { .len = row[_i].len };
	uint8_t in[100], want[16], out[16];

	for (size_t i = 0; i < sizeof k.b; i++)
		k.b[i] = (uint8_t)(i * i + 3);
	for (size_t len = 0; len <= sizeof in; len++) {
		size_t size = _i == 3 ? 8 : 16, n;

		if (len)
			in[len - 1] = (uint8_t)(len * 7);
		ck_assert_ptr_nonnull(
			EVP_Q_mac(NULL, "CMAC", NULL, row[_i].cipher, NULL, k.b, k.len, in, len, want, size, &n));
		ck_assert_uint_eq(n, size);
		ck_assert_int_eq(_i == 3 ? cmac_tdes(out, &k, in, len) : cmac_aes(out, &k, in, len), E_OK);
		ck_assert_mem_eq(out, want, size);
	}
}
END_TEST

START_TEST(doubling_folds_the_bit_that_falls_out)
{
	uint8_t x[16] = { 0x80 }, want[16] = { 0 };

	want[15] = 0x87;
	cmac_double(x, x);
	ck_assert_mem_eq(x, want, 16);
	want[15] = 0x0e;
	want[14] = 0x01;
	cmac_double(x, x);
	ck_assert_mem_eq(x, want, 16);
}
END_TEST

START_TEST(refuses_other_key_lengths)
{
	static const uint8_t zero[16];

	for (unsigned len = 0; len < 256; len++) {
		struct key k = { .len = (uint8_t)len };
		uint8_t out[16];

		memset(out, 1, sizeof out);
		if (len != 16 && len != 24 && len != 32) {
			ck_assert_int_eq(cmac_aes(out, &k, zero, 0), E_KEY);
			ck_assert_mem_eq(out, zero, 16);
		}
		memset(out, 1, sizeof out);
		if (len != 16 && len != 24) {
			ck_assert_int_eq(cmac_tdes(out, &k, zero, 0), E_KEY);
			ck_assert_mem_eq(out, zero, 8);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cmac");
	TCase *t = tcase_create("cmac");

	tcase_add_test(t, gives_the_published_figures);
	tcase_add_loop_test(t, agrees_with_openssl_at_every_length, 0, 4);
	tcase_add_test(t, doubling_folds_the_bit_that_falls_out);
	tcase_add_test(t, refuses_other_key_lengths);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
