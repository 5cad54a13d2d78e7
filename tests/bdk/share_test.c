/*
 * Shares: any m of n give the secret back and fewer none; what is not sealed so, by that passphrase, does not open.
 */
#include "bdk/share.h"
#include "tests/lib/test.h"

#include <string.h>

#define TEXT(s) ((struct span){ (const uint8_t *)(s), strlen(s) })

static const uint8_t secret[SHARE_SECRET] = { 0xC0, 0xFF, 0xEE, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
static const char phrase[] = "correct horse battery";

static struct share_of pins(uint8_t m, uint8_t n)
{
	return (struct share_of){ SHARE_PIN, 1, m, n, "KIF-1" };
}

START_TEST(any_m_of_n_give_the_secret_back_and_m_less_one_do_not)
{
	for (uint8_t n = SHARE_LEAST; n <= 6; n++) {
		for (uint8_t m = SHARE_LEAST; m <= n; m++) {
			const struct share_of of = pins(m, n);
			struct share_of fewer = of;
			uint8_t piece[SHARE_MOST][SHARE_BYTES];

			fewer.m = (uint8_t)(m - 1);
			ck_assert_int_eq(share_split(piece, &of, secret), E_OK);
			for (unsigned chosen = 0; chosen < 1u << n; chosen++) {
				uint8_t x[SHARE_MOST], have[SHARE_MOST][SHARE_BYTES], got[SHARE_SECRET];
				uint8_t k = 0;

				for (uint8_t i = n; i-- > 0;)
					if (chosen >> i & 1) {
						memcpy(have[k], piece[i], SHARE_BYTES);
						x[k++] = (uint8_t)(i + 1);
					}
				if (k == m) {
					ck_assert_int_eq(share_combine(got, &of, x, have), E_OK);
					ck_assert_mem_eq(got, secret, sizeof got);
				} else if (k == m - 1 && k >= SHARE_LEAST) {
					ck_assert_int_eq(share_combine(got, &fewer, x, have), E_MAC);
				}
			}
		}
	}
}
END_TEST

START_TEST(no_share_is_the_secret_or_another_share)
{
	const struct share_of of = pins(2, 3);
	uint8_t piece[SHARE_MOST][SHARE_BYTES];
	unsigned same = 0, all = 64;

	for (unsigned i = 0; i < all; i++) {
		ck_assert_int_eq(share_split(piece, &of, secret), E_OK);
		same += !memcmp(piece[0], piece[1], SHARE_BYTES) || !memcmp(piece[0], secret, SHARE_SECRET);
	}
	ck_assert_uint_eq(same, 0);
}
END_TEST

START_TEST(shares_that_do_not_belong_together_give_nothing)
{
	const struct share_of of = pins(2, 3);
	const uint8_t none[SHARE_SECRET] = { 0 };
	static const uint8_t numbers[][2] = { { 1, 1 }, { 0, 1 }, { 1, 4 }, { 2, 1 } };
	uint8_t piece[SHARE_MOST][SHARE_BYTES], other[SHARE_MOST][SHARE_BYTES], got[SHARE_SECRET], x[2] = { 1, 2 };
	struct share_of wrong = of;

	ck_assert_int_eq(share_split(piece, &of, secret), E_OK);
	ck_assert_int_eq(share_split(other, &of, secret), E_OK);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		memset(got, 1, sizeof got);
		ck_assert_int_eq(share_combine(got, &of, numbers[i], piece), E_MAC);
		ck_assert_mem_eq(got, none, sizeof none);
	}
	wrong.generation = 2;
	ck_assert_int_eq(share_combine(got, &wrong, x, piece), E_MAC);
	wrong = of;
	wrong.set = SHARE_SO_PIN;
	ck_assert_int_eq(share_combine(got, &wrong, x, piece), E_MAC);
	wrong = of;
	memcpy(wrong.room, "KIF-2", 6);
	ck_assert_int_eq(share_combine(got, &wrong, x, piece), E_MAC);
	piece[1][5] ^= 1;
	ck_assert_int_eq(share_combine(got, &of, x, piece), E_MAC);
	piece[1][5] ^= 1;
	memcpy(piece[1], other[1], SHARE_BYTES); /* of the same secret, split a second time */
	ck_assert_int_eq(share_combine(got, &of, x, piece), E_MAC);
}
END_TEST

START_TEST(a_threshold_of_one_is_refused)
{
	static const struct {
		uint8_t m, n;
	} bad[] = { { 0, 3 }, { 1, 1 }, { 1, 3 }, { 4, 3 }, { 2, 10 }, { 10, 10 }, { 255, 255 } };
	const struct share_of of = pins(bad[_i].m, bad[_i].n);
	uint8_t piece[SHARE_MOST][SHARE_BYTES];

	ck_assert_int_eq(share_split(piece, &of, secret), E_RANGE);
}
END_TEST

/* One as it lies in a file */
static void make(struct share *s, uint8_t file[static SHARE_MAX], size_t *len, uint8_t piece[static SHARE_BYTES])
{
	uint8_t pieces[SHARE_MOST][SHARE_BYTES], key[32];

	memset(s, 0, sizeof *s);
	s->of = pins(2, 3);
	s->x = 2;
	s->uid = 1001;
	memcpy(s->custodian, "anna", 5);
	s->cost = (struct passphrase_cost){ 14, 8, 1 };
	memset(s->salt, 0x5A, sizeof s->salt);
	ck_assert_int_eq(share_split(pieces, &s->of, secret), E_OK);
	memcpy(piece, pieces[1], SHARE_BYTES);
	ck_assert_int_eq(passphrase_derive(key, &s->cost, s->salt, TEXT(phrase)), E_OK);
	ck_assert_int_eq(share_seal(s, key, piece), E_OK);
	ck_assert_int_eq(share_put(file, len, SHARE_MAX, s), E_OK);
}

START_TEST(opens_with_its_passphrase_and_no_other)
{
	static const char *const others[] = { "correct horse batterz", "correct horse batter", "correct horse battery ",
					      "x", "" };
	uint8_t file[SHARE_MAX], piece[SHARE_BYTES], got[SHARE_BYTES];
	const uint8_t none[SHARE_BYTES] = { 0 };
	struct share s, back;
	size_t len;

	make(&s, file, &len, piece);
	ck_assert_int_eq(share_parse(&back, (struct span){ file, len }), E_OK);
	ck_assert_int_eq(share_open(got, &back, TEXT(phrase)), E_OK);
	ck_assert_mem_eq(got, piece, sizeof got);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		memset(got, 1, sizeof got);
		ck_assert_int_eq(share_open(got, &back, TEXT(others[i])), E_PASSPHRASE);
		ck_assert_mem_eq(got, none, sizeof got);
	}
}
END_TEST

/* Header, box and tag alike: whichever bit it is, the answer is that of a wrong passphrase, or the form is broken. */
START_TEST(one_bit_anywhere_keeps_it_shut)
{
	uint8_t file[SHARE_MAX], piece[SHARE_BYTES], got[SHARE_BYTES];
	struct share s, back;
	size_t len;
	unsigned shut = 0;

	make(&s, file, &len, piece);
	for (size_t bit = 0; bit < 8 * len; bit += 11) {
		file[bit / 8] = (uint8_t)(file[bit / 8] ^ 1u << bit % 8);
		if (!share_parse(&back, (struct span){ file, len })) {
			ck_assert_int_eq(share_open(got, &back, TEXT(phrase)), E_PASSPHRASE);
			shut++;
		}
		file[bit / 8] = (uint8_t)(file[bit / 8] ^ 1u << bit % 8);
	}
	ck_assert_uint_ge(shut, 32);
}
END_TEST

START_TEST(a_part_of_a_share_is_none)
{
	static const struct share nothing;
	uint8_t file[SHARE_MAX], longer[SHARE_MAX + 1] = { 0 }, piece[SHARE_BYTES];
	struct share s, back;
	size_t len;

	make(&s, file, &len, piece);
	for (size_t n = 0; n < len; n++) {
		ck_assert_int_eq(share_parse(&back, (struct span){ file, n }), E_SHORT);
		ck_assert_mem_eq(&back, &nothing, sizeof back);
	}
	memcpy(longer, file, len);
	ck_assert_int_eq(share_parse(&back, (struct span){ longer, len + 1 }), E_FORMAT);
	file[4] = 2;
	ck_assert_int_eq(share_parse(&back, (struct span){ file, len }), E_ROOM_VERSION);
}
END_TEST

START_TEST(a_custodian_has_a_name_that_a_table_can_print)
{
	char text[SHARE_NAME + 1];

	memset(text, 'a', sizeof text);
	text[SHARE_NAME] = 0;
	ck_assert(!share_name(text));
	text[SHARE_NAME - 1] = 0;
	ck_assert(share_name(text));
	ck_assert(!share_name(""));
	ck_assert(!share_name("a b"));
	ck_assert(!share_name("a/b"));
	ck_assert(!share_name("a\nb"));
	ck_assert(!share_name("1a"));
	ck_assert(!share_name("Anna"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("share");
	TCase *t = tcase_create("share");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, any_m_of_n_give_the_secret_back_and_m_less_one_do_not);
	tcase_add_test(t, no_share_is_the_secret_or_another_share);
	tcase_add_test(t, shares_that_do_not_belong_together_give_nothing);
	tcase_add_loop_test(t, a_threshold_of_one_is_refused, 0, 7);
	tcase_add_test(t, opens_with_its_passphrase_and_no_other);
	tcase_add_test(t, one_bit_anywhere_keeps_it_shut);
	tcase_add_test(t, a_part_of_a_share_is_none);
	tcase_add_test(t, a_custodian_has_a_name_that_a_table_can_print);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
