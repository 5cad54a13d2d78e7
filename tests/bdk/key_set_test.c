/*
 * Key set ids as text and as the head of a KSN.
 */
#include "bdk/key_set.h"
#include "tests/lib/test.h"

#include <string.h>

static const struct {
	const char *text;
	enum dukpt_scheme scheme;
	enum err e;
	const char *back;
} rows[] = {
	{ "FFFF987654", DUKPT_TDES, E_OK, "FFFF987654" }, { "ffff98765a", DUKPT_TDES, E_OK, "FFFF98765A" },
	{ "12345678", DUKPT_AES128, E_OK, "12345678" },   { "FFFF9876", DUKPT_AES256, E_OK, "FFFF9876" },
	{ "FFFE987654", DUKPT_TDES, E_FORMAT, NULL },     { "0FFF987654", DUKPT_TDES, E_FORMAT, NULL },
	{ "FFFF98765", DUKPT_TDES, E_FORMAT, NULL },      { "FFFF98765432", DUKPT_TDES, E_FORMAT, NULL },
	{ "12345678", DUKPT_TDES, E_FORMAT, NULL },       { "FFFF987654", DUKPT_AES128, E_FORMAT, NULL },
	{ "1234567G", DUKPT_AES128, E_FORMAT, NULL },     { "", DUKPT_AES128, E_FORMAT, NULL },
	{ "12345678", DUKPT_NONE, E_SCHEME, NULL },       { "12345678", (enum dukpt_scheme)9, E_SCHEME, NULL },
};

START_TEST(reads_what_it_prints_and_nothing_else)
{
	struct key_set_id set = { { 7 }, 1, DUKPT_NONE };
	char text[KEY_SET_TEXT];

	ck_assert_int_eq(key_set_parse(&set, rows[_i].text, rows[_i].scheme), rows[_i].e);
	if (rows[_i].e) {
		ck_assert_uint_eq(set.b[0], 7);
		return;
	}
	ck_assert_int_eq(set.scheme, rows[_i].scheme);
	ck_assert_uint_eq(set.len, dukpt_key_set_len(rows[_i].scheme));
	key_set_text(text, &set);
	ck_assert_str_eq(text, rows[_i].back);
}
END_TEST

START_TEST(a_ksn_names_the_key_set_it_was_made_for)
{
	static const struct {
		const char *text;
		enum dukpt_scheme scheme, known;
	} row[] = { { "FFFF987654", DUKPT_TDES, DUKPT_TDES }, { "12345678", DUKPT_AES128, DUKPT_NONE } };
	struct key_set_id set, of;
	struct ksn k;

	ck_assert_int_eq(key_set_parse(&set, row[_i].text, row[_i].scheme), E_OK);
	for (uint32_t device = 0; device < 3; device++) {
		ck_assert_int_eq(ksn_make(&k, row[_i].scheme, set.b, dukpt_device_max(row[_i].scheme) - device), E_OK);
		ksn_set_counter(&k, &k, 0x1FF800);
		memset(&of, 0xAA, sizeof of);
		key_set_of_ksn(&of, &k);
		ck_assert_int_eq(of.scheme, row[_i].known);
		ck_assert_uint_eq(of.len, set.len);
		ck_assert_mem_eq(of.b, set.b, sizeof of.b);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("key_set");
	TCase *t = tcase_create("key_set");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, reads_what_it_prints_and_nothing_else, 0, (int)(sizeof rows / sizeof *rows));
	tcase_add_loop_test(t, a_ksn_names_the_key_set_it_was_made_for, 0, 2);
	return s;
}

int main(void)
{
	return test_main(suite());
}
