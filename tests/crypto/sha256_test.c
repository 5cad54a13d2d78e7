#include "crypto/sha256.h"
#include "tests/lib/test.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

/* One-shot, and in two and three pieces wherever they are cut, with an empty piece among them */
static void same_in_any_pieces(const uint8_t *m, size_t len, const uint8_t want[static 32], const struct span *key)
{
	uint8_t out[32];

	for (size_t cut = 0; cut <= len; cut++) {
		const struct span parts[] = {
			{ m, cut / 2 }, { m + cut / 2, cut - cut / 2 }, { NULL, 0 }, { m + cut, len - cut }
		};

		ck_assert_int_eq(key ? hmac_sha256(out, *key, parts, 4) : sha256(out, parts, 4), E_OK);
		ck_assert_mem_eq(out, want, 32);
	}
}

START_TEST(gives_the_published_figures_in_any_pieces)
{
	size_t count;
	const struct stanza *v = test_vectors("sha256.txt", &count);

	for (size_t i = 0; i < count; i++) {
		const char *key_text = stanza_get(&v[i], "key");
		uint8_t m[200], k[200], want[32];
		size_t len = test_hex(m, sizeof m, stanza_get(&v[i], "message"));
		struct span key = { k, key_text ? test_hex(k, sizeof k, key_text) : 0 };

		ck_assert_uint_eq(test_hex(want, sizeof want, stanza_get(&v[i], key_text ? "mac" : "digest")), 32);
		same_in_any_pieces(m, len, want, key_text ? &key : NULL);
	}
}
END_TEST

START_TEST(no_parts_are_the_empty_message)
{
	uint8_t a[32], b[32];

	ck_assert_int_eq(sha256(a, NULL, 0), E_OK);
	EVP_Digest("", 0, b, NULL, EVP_sha256(), NULL);
	ck_assert_mem_eq(a, b, 32);
	ck_assert_int_eq(hmac_sha256(a, (struct span){ NULL, 0 }, NULL, 0), E_OK);
	HMAC(EVP_sha256(), "", 0, (const uint8_t *)"", 0, b, NULL);
	ck_assert_mem_eq(a, b, 32);
}
END_TEST

START_TEST(agrees_with_openssl_at_every_length_of_key_and_message)
{
	uint8_t m[200], want[32], out[32];

	for (size_t i = 0; i < sizeof m; i++)
		m[i] = (uint8_t)(i * 13 + 1);
	for (size_t len = 0; len <= sizeof m; len++) {
		const struct span part = { m, len };

		EVP_Digest(m, len, want, NULL, EVP_sha256(), NULL);
		ck_assert_int_eq(sha256(out, &part, 1), E_OK);
		ck_assert_mem_eq(out, want, 32);
		HMAC(EVP_sha256(), m, (int)len, m, sizeof m - len, want, NULL);
		ck_assert_int_eq(hmac_sha256(out, part, &(struct span){ m, sizeof m - len }, 1), E_OK);
		ck_assert_mem_eq(out, want, 32);
	}
}
END_TEST

START_TEST(a_key_does_not_stay_for_the_next_call)
{
	static const uint8_t k[32] = { 1 };
	uint8_t a[32], b[32];

	ck_assert_int_eq(hmac_sha256(a, (struct span){ NULL, 0 }, NULL, 0), E_OK);
	ck_assert_int_eq(hmac_sha256(b, SPAN(k), NULL, 0), E_OK);
	ck_assert_mem_ne(a, b, 32);
	ck_assert_int_eq(hmac_sha256(b, (struct span){ NULL, 0 }, NULL, 0), E_OK);
	ck_assert_mem_eq(a, b, 32);
}
END_TEST

START_TEST(the_output_may_be_the_key_or_a_part)
{
	uint8_t k[32] = { 7 }, m[32] = { 9 }, want[32];
	const struct span part = SPAN(m);

	ck_assert_int_eq(hmac_sha256(want, SPAN(k), &part, 1), E_OK);
	ck_assert_int_eq(hmac_sha256(m, SPAN(k), &part, 1), E_OK);
	ck_assert_mem_eq(m, want, 32);
	memset(m, 0, sizeof m);
	m[0] = 9;
	ck_assert_int_eq(hmac_sha256(k, SPAN(k), &part, 1), E_OK);
	ck_assert_mem_eq(k, want, 32);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("sha256");
	TCase *t = tcase_create("sha256");

	tcase_add_test(t, gives_the_published_figures_in_any_pieces);
	tcase_add_test(t, no_parts_are_the_empty_message);
	tcase_add_test(t, agrees_with_openssl_at_every_length_of_key_and_message);
	tcase_add_test(t, a_key_does_not_stay_for_the_next_call);
	tcase_add_test(t, the_output_may_be_the_key_or_a_part);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
