#include "crypto/aes.h"
#include "crypto/keywrap.h"
#include "tests/lib/test.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <string.h>

static const struct key none;

/* a KEK of 16, 24 or 32 bytes and a key of any length, without a pattern that a fault could repeat */
static struct key numbered(unsigned seed, uint8_t len)
{
	struct key k = { .len = len };

	for (unsigned i = 0; i < len; i++)
		k.b[i] = (uint8_t)(seed * 31 + i * 17 + i * i);
	return k;
}

/* OpenSSL's own RFC 5649 */
static size_t openssl_wrap(uint8_t out[static KEYWRAP_MAX], const struct key *kek, const struct key *key)
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL,
					      kek->len == 16   ? "AES-128-WRAP-PAD"
					      : kek->len == 24 ? "AES-192-WRAP-PAD"
							       : "AES-256-WRAP-PAD",
					      NULL);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int len = 0;

	EVP_CIPHER_CTX_set_flags(c, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	ck_assert_int_eq(EVP_EncryptInit_ex2(c, cipher, kek->b, NULL, NULL), 1);
	ck_assert_int_eq(EVP_EncryptUpdate(c, out, &len, key->b, key->len), 1);
	EVP_CIPHER_CTX_free(c);
	EVP_CIPHER_free(cipher);
	return (size_t)len;
}

/* RFC 3394's W of arbitrary eight bytes before a padded key: what an honest wrapper never makes */
static void wrap_raw(uint8_t *buf, size_t blocks, const struct key *kek)
{
	uint8_t x[16];

	if (blocks == 1) {
		ck_assert_int_eq(aes_ecb(buf, kek, ENCRYPT, buf, 1), E_OK);
		return;
	}
	memcpy(x, buf, 8);
	for (size_t j = 0; j < 6; j++)
		for (size_t i = 1; i <= blocks; i++) {
			memcpy(x + 8, buf + 8 * i, 8);
			ck_assert_int_eq(aes_ecb(x, kek, ENCRYPT, x, 1), E_OK);
			x[7] = (uint8_t)(x[7] ^ (blocks * j + i));
			memcpy(buf + 8 * i, x + 8, 8);
		}
	memcpy(buf, x, 8);
}

START_TEST(gives_the_published_figures)
{
	size_t count;
	const struct stanza *v = test_vectors("keywrap.txt", &count);

	for (size_t i = 0; i < count; i++) {
		struct key kek = test_key(stanza_get(&v[i], "kek")), key = test_key(stanza_get(&v[i], "key")), back;
		uint8_t want[KEYWRAP_MAX], out[KEYWRAP_MAX];
		size_t size = test_hex(want, sizeof want, stanza_get(&v[i], "wrapped")), len;

		ck_assert_int_eq(keywrap_wrap(out, &len, &kek, &key), E_OK);
		ck_assert_uint_eq(len, size);
		ck_assert_mem_eq(out, want, len);
		ck_assert_int_eq(keywrap_unwrap(&back, &kek, out, len), E_OK);
		ck_assert_mem_eq(&back, &key, sizeof key);
	}
}
END_TEST

START_TEST(agrees_with_openssl_and_opens_again_at_every_length)
{
	for (uint8_t k = 16; k <= 32; k = (uint8_t)(k + 8))
		for (uint8_t n = 1; n <= 32; n++) {
			struct key kek = numbered(k, k), key = numbered(n, n), back;
			uint8_t out[KEYWRAP_MAX], want[KEYWRAP_MAX + 8];
			size_t len;

			ck_assert_int_eq(keywrap_wrap(out, &len, &kek, &key), E_OK);
			ck_assert_uint_eq(len, 8u + (n + 7u) / 8 * 8);
			ck_assert_uint_eq(openssl_wrap(want, &kek, &key), len);
			ck_assert_mem_eq(out, want, len);
			ck_assert_int_eq(keywrap_unwrap(&back, &kek, out, len), E_OK);
			ck_assert_mem_eq(&back, &key, sizeof key);
		}
}
END_TEST

START_TEST(every_flipped_bit_every_other_length_and_every_other_kek_is_refused)
{
	struct key kek = numbered(1, 32), key = numbered(2, (uint8_t)_i), back;
	uint8_t out[KEYWRAP_MAX + 16] = { 0 };
	size_t len;

	ck_assert_int_eq(keywrap_wrap(out, &len, &kek, &key), E_OK);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		out[bit / 8] = (uint8_t)(out[bit / 8] ^ 1u << bit % 8);
		memset(&back, 1, sizeof back);
		ck_assert_int_eq(keywrap_unwrap(&back, &kek, out, len), E_UNWRAP);
		ck_assert_mem_eq(&back, &none, sizeof back);
		out[bit / 8] = (uint8_t)(out[bit / 8] ^ 1u << bit % 8);
	}
	for (size_t n = 0; n < sizeof out; n++)
		if (n != len) {
			memset(&back, 1, sizeof back);
			ck_assert_int_eq(keywrap_unwrap(&back, &kek, out, n), E_UNWRAP);
			ck_assert_mem_eq(&back, &none, sizeof back);
		}
	for (unsigned bit = 0; bit < 256; bit++) {
		struct key other = kek;

		other.b[bit / 8] = (uint8_t)(other.b[bit / 8] ^ 1u << bit % 8);
		ck_assert_int_eq(keywrap_unwrap(&back, &other, out, len), E_UNWRAP);
	}
	/* the same loop sees a good one pass: it can tell them apart */
	ck_assert_int_eq(keywrap_unwrap(&back, &kek, out, len), E_OK);
}
END_TEST

START_TEST(a_wrong_constant_length_or_padding_under_the_right_kek_is_refused)
{
	struct key kek = numbered(3, 16), back;

	for (uint32_t blocks = 1; blocks <= 4; blocks++) {
		for (uint32_t said = 0; said <= 8 * blocks + 9; said++) {
			bool good = said > 8 * (blocks - 1) && said <= 8 * blocks;
			uint8_t buf[KEYWRAP_MAX] = { 0xa6, 0x59, 0x59, 0xa6 };

			put_be32(buf + 4, said);
			memset(buf + 8, 0x11, good ? said : 8 * blocks);
			wrap_raw(buf, blocks, &kek);
			ck_assert_int_eq(keywrap_unwrap(&back, &kek, buf, 8 + 8 * blocks), good ? E_OK : E_UNWRAP);
			ck_assert_uint_eq(back.len, good ? said : 0);
		}
		for (uint32_t more = 0; more < 7; more++) /* one byte of the padding is not zero */
			for (uint32_t at = more + 1; at < 8; at++) {
				uint8_t buf[KEYWRAP_MAX] = { 0xa6, 0x59, 0x59, 0xa6 };

				put_be32(buf + 4, 8 * blocks - 7 + more);
				buf[8 * blocks + at] = 0x80;
				wrap_raw(buf, blocks, &kek);
				ck_assert_int_eq(keywrap_unwrap(&back, &kek, buf, 8 + 8 * blocks), E_UNWRAP);
			}
		for (unsigned bit = 0; bit < 64; bit++) { /* the constant, and the length's high bytes */
			uint8_t buf[KEYWRAP_MAX] = { 0xa6, 0x59, 0x59, 0xa6 };

			put_be32(buf + 4, 8 * blocks);
			buf[bit / 8] = (uint8_t)(buf[bit / 8] ^ 1u << bit % 8);
			memset(buf + 8, 0x11, 8 * blocks);
			wrap_raw(buf, blocks, &kek);
			ck_assert_int_eq(keywrap_unwrap(&back, &kek, buf, 8 + 8 * blocks), E_UNWRAP);
		}
	}
}
END_TEST

START_TEST(refuses_what_is_no_key)
{
	static const uint8_t zero[KEYWRAP_MAX];
	struct key kek = numbered(1, 16), key = numbered(2, 16), back;
	uint8_t out[KEYWRAP_MAX];
	size_t len;

	for (unsigned n = 0; n < 256; n++) {
		struct key bad = { .len = (uint8_t)n };

		if (n != 16 && n != 24 && n != 32) {
			memset(out, 1, sizeof out);
			ck_assert_int_eq(keywrap_wrap(out, &len, &bad, &key), E_KEY);
			ck_assert_mem_eq(out, zero, sizeof out);
			ck_assert_int_eq(keywrap_unwrap(&back, &bad, zero, 24), E_KEY);
		}
		if (n == 0 || n > 32)
			ck_assert_int_eq(keywrap_wrap(out, &len, &kek, &bad), E_KEY);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("keywrap");
	TCase *t = tcase_create("keywrap");

	tcase_add_test(t, gives_the_published_figures);
	tcase_add_test(t, agrees_with_openssl_and_opens_again_at_every_length);
	tcase_add_loop_test(t, every_flipped_bit_every_other_length_and_every_other_kek_is_refused, 1, 33);
	tcase_add_test(t, a_wrong_constant_length_or_padding_under_the_right_kek_is_refused);
	tcase_add_test(t, refuses_what_is_no_key);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
