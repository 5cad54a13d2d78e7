/* AES and TDES by blocks: the published figures, and what the headers promise beyond them. */
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "tests/lib/test.h"

#include <string.h>

typedef enum err ecb_fn(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks);
typedef enum err cbc_fn(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *iv, const uint8_t *in,
			size_t blocks);

static enum err aes_cbc_any(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *iv, const uint8_t *in,
			    size_t blocks)
{
	return aes_cbc(out, key, dir, iv, in, blocks);
}

static enum err des_cbc_any(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *iv, const uint8_t *in,
			    size_t blocks)
{
	return des_cbc(out, key, dir, iv, in, blocks);
}

static const struct cipher {
	const char *file;
	ecb_fn *ecb;
	cbc_fn *cbc;
	size_t block;
	uint8_t lengths[3];
} ciphers[] = {
	{ "aes.txt", aes_ecb, aes_cbc_any, 16, { 16, 24, 32 } },
	{ "tdes.txt", des_ecb, des_cbc_any, 8, { 8, 16, 24 } },
};

static bool takes(const struct cipher *c, unsigned len)
{
	return len == c->lengths[0] || len == c->lengths[1] || len == c->lengths[2];
}

START_TEST(gives_the_published_figures_both_ways_and_in_place)
{
	const struct cipher *c = &ciphers[_i];
	size_t count;
	const struct stanza *v = test_vectors(c->file, &count);

	for (size_t i = 0; i < count; i++) {
		struct key k = test_key(stanza_get(&v[i], "key"));
		const char *iv_text = stanza_get(&v[i], "iv"), *name = stanza_get(&v[i], "case");
		uint8_t plain[64], cipher[64], iv[16], out[64];
		size_t len = test_hex(plain, sizeof plain, stanza_get(&v[i], "plain")), blocks = len / c->block;

		ck_assert_uint_eq(test_hex(cipher, sizeof cipher, stanza_get(&v[i], "cipher")), len);
		if (iv_text) {
			test_hex(iv, sizeof iv, iv_text);
			ck_assert_int_eq(c->cbc(out, &k, ENCRYPT, iv, plain, blocks), E_OK);
			ck_assert_msg(!memcmp(out, cipher, len), "%s", name);
			ck_assert_int_eq(c->cbc(out, &k, DECRYPT, iv, out, blocks), E_OK);
		} else {
			ck_assert_int_eq(c->ecb(out, &k, ENCRYPT, plain, blocks), E_OK);
			ck_assert_msg(!memcmp(out, cipher, len), "%s", name);
			ck_assert_int_eq(c->ecb(out, &k, DECRYPT, out, blocks), E_OK);
		}
		ck_assert_msg(!memcmp(out, plain, len), "%s", name);
	}
}
END_TEST

START_TEST(cbc_is_ecb_chained_by_hand)
{
	const struct cipher *c = &ciphers[_i];

	for (size_t n = 0; n < 3; n++) {
		struct key k = { .len = c->lengths[n] };
		uint8_t iv[16], keep[16], in[96], x[16], want[96], out[96];

		for (size_t i = 0; i < k.len; i++)
			k.b[i] = (uint8_t)(37 * i + n);
		for (size_t i = 0; i < sizeof in; i++)
			in[i] = (uint8_t)(5 * i);
		memset(iv, 0x3c, sizeof iv);
		memcpy(keep, iv, sizeof keep);
		memcpy(x, iv, sizeof x);
		for (size_t at = 0; at < sizeof in; at += c->block) {
			for (size_t i = 0; i < c->block; i++)
				x[i] ^= in[at + i];
			ck_assert_int_eq(c->ecb(x, &k, ENCRYPT, x, 1), E_OK);
			memcpy(want + at, x, c->block);
		}
		ck_assert_int_eq(c->cbc(out, &k, ENCRYPT, iv, in, sizeof in / c->block), E_OK);
		ck_assert_mem_eq(out, want, sizeof out);
		ck_assert_int_eq(c->cbc(out, &k, DECRYPT, iv, out, sizeof in / c->block), E_OK);
		ck_assert_mem_eq(out, in, sizeof out);
		ck_assert_mem_eq(iv, keep, sizeof iv);
	}
}
END_TEST

START_TEST(refuses_every_other_key_length_and_wipes_the_output)
{
	const struct cipher *c = &ciphers[_i];
	static const uint8_t zero[32];
	const uint8_t iv[16] = { 0 }, in[32] = { 1 };

	for (unsigned len = 0; len < 256; len++) {
		struct key k = { .len = (uint8_t)len };
		uint8_t out[32];

		if (takes(c, len))
			continue;
		memset(out, 0x55, sizeof out);
		ck_assert_int_eq(c->ecb(out, &k, ENCRYPT, in, sizeof out / c->block), E_KEY);
		ck_assert_mem_eq(out, zero, sizeof out);
		memset(out, 0x55, sizeof out);
		ck_assert_int_eq(c->cbc(out, &k, DECRYPT, iv, in, sizeof out / c->block), E_KEY);
		ck_assert_mem_eq(out, zero, sizeof out);
	}
}
END_TEST

START_TEST(no_block_is_no_work)
{
	const struct cipher *c = &ciphers[_i];
	struct key k = { .len = 16 };
	const uint8_t iv[16] = { 0 };

	ck_assert_int_eq(c->ecb(NULL, &k, ENCRYPT, NULL, 0), E_OK);
	ck_assert_int_eq(c->cbc(NULL, &k, ENCRYPT, iv, NULL, 0), E_OK);
	k.len = 1;
	ck_assert_int_eq(c->ecb(NULL, &k, ENCRYPT, NULL, 0), E_KEY);
}
END_TEST

START_TEST(des_ignores_parity_bits_and_knows_no_other_bit_to_ignore)
{
	struct key a = test_key("0123456789ABCDEFFEDCBA9876543210456789ABCDEF0123"), b;
	const uint8_t in[8] = { 1, 2, 3 };
	uint8_t x[8], y[8];

	for (uint8_t len = 8; len <= 24; len = (uint8_t)(len + 8)) {
		a.len = len;
		ck_assert_int_eq(des_ecb(x, &a, ENCRYPT, in, 1), E_OK);
		for (unsigned bit = 0; bit < 8u * len; bit++) {
			b = a;
			b.b[bit / 8] = (uint8_t)(b.b[bit / 8] ^ 1u << bit % 8);
			ck_assert_int_eq(des_ecb(y, &b, ENCRYPT, in, 1), E_OK);
			ck_assert_int_eq(!memcmp(x, y, 8), bit % 8 == 0);
		}
	}
}
END_TEST

START_TEST(two_key_and_single_des_are_special_cases_of_three_keys)
{
	struct key one = test_key("0123456789ABCDEF"), two = test_key("0123456789ABCDEFFEDCBA9876543210"), three = two;
	const uint8_t in[8] = { 9 };
	uint8_t x[8], y[8];

	memcpy(three.b + 16, two.b, 8);
	three.len = 24;
	ck_assert_int_eq(des_ecb(x, &two, ENCRYPT, in, 1), E_OK);
	ck_assert_int_eq(des_ecb(y, &three, ENCRYPT, in, 1), E_OK);
	ck_assert_mem_eq(x, y, 8);
	memcpy(three.b + 8, one.b, 8);
	memcpy(three.b + 16, one.b, 8);
	ck_assert_int_eq(des_ecb(x, &one, DECRYPT, in, 1), E_OK);
	ck_assert_int_eq(des_ecb(y, &three, DECRYPT, in, 1), E_OK);
	ck_assert_mem_eq(x, y, 8);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("blocks");
	TCase *t = tcase_create("aes and tdes");
	const int n = sizeof ciphers / sizeof ciphers[0];

	tcase_add_loop_test(t, gives_the_published_figures_both_ways_and_in_place, 0, n);
	tcase_add_loop_test(t, cbc_is_ecb_chained_by_hand, 0, n);
	tcase_add_loop_test(t, refuses_every_other_key_length_and_wipes_the_output, 0, n);
	tcase_add_loop_test(t, no_block_is_no_work, 0, n);
	tcase_add_test(t, des_ignores_parity_bits_and_knows_no_other_bit_to_ignore);
	tcase_add_test(t, two_key_and_single_des_are_special_cases_of_three_keys);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
