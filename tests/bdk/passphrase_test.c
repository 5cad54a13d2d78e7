/*
 * Passphrases: scrypt's figures, the bounds of its cost, and verifiers that know one passphrase and no other.
 */
#include "bdk/passphrase.h"
#include "tests/lib/test.h"

#include <string.h>

#define TEXT(s) ((struct span){ (const uint8_t *)(s), strlen(s) })

/* made by Python's hashlib.scrypt */
static const struct {
	const char *phrase, *salt, *key;
	struct passphrase_cost cost;
} rows[] = {
	{ "pleaseletmein",
	  "536F6469756D43686C6F726964655858",
	  "AA83B9B8F9A7D5994C12FFF92D5600CB6DE0882ADA07EC33E92F276938EB4665",
	  { 14, 8, 1 } },
	{ "correct horse battery",
	  "000102030405060708090A0B0C0D0E0F",
	  "0544BF8D8DD15C894D51F54589BAD74B59BE66DC834B9EA4B286764A04A35254",
	  { 15, 8, 3 } },
};

START_TEST(gives_the_key_that_another_scrypt_gives)
{
	uint8_t salt[PASSPHRASE_SALT], want[32], key[32];

	test_hex(salt, sizeof salt, rows[_i].salt);
	test_hex(want, sizeof want, rows[_i].key);
	ck_assert_int_eq(passphrase_derive(key, &rows[_i].cost, salt, TEXT(rows[_i].phrase)), E_OK);
	ck_assert_mem_eq(key, want, sizeof key);
}
END_TEST

/* A cost that somebody wrote must neither make guessing cheap nor take the machine's memory. */
START_TEST(a_cost_out_of_bounds_is_refused_before_it_costs_anything)
{
	static const struct passphrase_cost bad[] = { { 0, 8, 1 },      { 13, 8, 3 }, { 18, 8, 1 },  { 63, 8, 1 },
						      { 255, 8, 1 },    { 15, 0, 1 }, { 15, 7, 1 },  { 15, 9, 1 },
						      { 15, 255, 255 }, { 15, 8, 0 }, { 15, 8, 17 }, { 15, 8, 255 } };
	const uint8_t salt[PASSPHRASE_SALT] = { 0 }, none[32] = { 0 };
	struct passphrase_verifier v = { .cost = bad[_i] };
	uint8_t key[32];

	memset(key, 1, sizeof key);
	ck_assert_int_eq(passphrase_derive(key, &bad[_i], salt, TEXT("correct horse battery")), E_RANGE);
	ck_assert_mem_eq(key, none, sizeof key);
	ck_assert_int_eq(passphrase_verify(&v, TEXT("correct horse battery")), E_RANGE);
}
END_TEST

START_TEST(a_verifier_knows_its_passphrase_and_no_other)
{
	static const char *const others[] = { "correct horse batter", "correct horse battery ", "Correct horse battery",
					      "x", "" };
	struct passphrase_verifier v, back;
	uint8_t stored[PASSPHRASE_VERIFIER];
	struct wr w;
	struct rd r;

	ck_assert_int_eq(passphrase_verifier_make(&v, TEXT("correct horse battery")), E_OK);
	wr_init(&w, stored, sizeof stored);
	passphrase_verifier_put(&w, &v);
	ck_assert_int_eq(wr_end(&w), E_OK);
	ck_assert_uint_eq(w.len, sizeof stored);
	rd_init(&r, stored, sizeof stored);
	passphrase_verifier_take(&r, &back);
	ck_assert_int_eq(rd_end(&r), E_OK);
	ck_assert_int_eq(passphrase_verify(&back, TEXT("correct horse battery")), E_OK);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		ck_assert_int_eq(passphrase_verify(&back, TEXT(others[i])), *others[i] ? E_PASSPHRASE : E_RANGE);
	back.salt[0] ^= 1;
	ck_assert_int_eq(passphrase_verify(&back, TEXT("correct horse battery")), E_PASSPHRASE);
}
END_TEST

START_TEST(two_verifiers_of_one_passphrase_have_nothing_in_common)
{
	struct passphrase_verifier a, b;

	ck_assert_int_eq(passphrase_verifier_make(&a, TEXT("correct horse battery")), E_OK);
	ck_assert_int_eq(passphrase_verifier_make(&b, TEXT("correct horse battery")), E_OK);
	ck_assert_mem_ne(a.salt, b.salt, sizeof a.salt);
	ck_assert_mem_ne(a.check, b.check, sizeof a.check);
}
END_TEST

START_TEST(one_that_is_too_short_or_too_long_is_not_taken)
{
	char text[PASSPHRASE_MAX + 2];
	struct passphrase_verifier v;

	memset(text, 'a', sizeof text);
	for (size_t n = 0; n <= sizeof text; n++)
		ck_assert_int_eq(passphrase_fit((struct span){ (const uint8_t *)text, n }),
				 n < PASSPHRASE_MIN || n > PASSPHRASE_MAX ? E_RANGE : E_OK);
	ck_assert_int_eq(passphrase_verifier_make(&v, TEXT("elevenchars")), E_RANGE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("passphrase");
	TCase *t = tcase_create("passphrase");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, gives_the_key_that_another_scrypt_gives, 0, sizeof rows / sizeof *rows);
	tcase_add_loop_test(t, a_cost_out_of_bounds_is_refused_before_it_costs_anything, 0, 12);
	tcase_add_test(t, a_verifier_knows_its_passphrase_and_no_other);
	tcase_add_test(t, two_verifiers_of_one_passphrase_have_nothing_in_common);
	tcase_add_test(t, one_that_is_too_short_or_too_long_is_not_taken);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
