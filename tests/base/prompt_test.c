/*
 * Hex digits as a person types them, group by group: what counts, what is asked for again, and that nothing else moves. How they
 * are typed at a terminal is shown by tests/system/components.sh.
 */
#include "base/host/prompt.h"
#include "tests/lib/test.h"

#include <string.h>

START_TEST(whole_groups_count_in_any_portion)
{
	static const char *const lines[][9] = {
		{ "0123", "4567", "89AB", "CDEF", "FEDC", "BA98", "7654", "3210" },
		{ "0123456789ABCDEF", "fedcba9876543210" },
		{ "0123 4567 89ab cdef fedc ba98 7654 3210" },
		{ " 01 23 ", "4567 89AB", "CDEFFEDCBA98 76543210 " },
		{ "0123", "9999", "-", "456789ABCDEF", "FEDCBA9876543210" },
		{ "4444 5555", "-", "-", "0123456789ABCDEFFEDCBA9876543210" },
	};
	uint8_t out[16] = { 0 }, expected[16];
	size_t got = 0;

	test_hex(expected, sizeof expected, "0123456789ABCDEFFEDCBA9876543210");
	for (unsigned i = 0; i < 9 && lines[_i][i]; i++)
		ck_assert_int_eq(prompt_groups(out, &got, sizeof out, lines[_i][i]), E_OK);
	ck_assert_uint_eq(got, sizeof out);
	ck_assert_mem_eq(out, expected, sizeof out);
}
END_TEST

START_TEST(anything_else_changes_nothing)
{
	static const char *const lines[] = {
		"", " ", "0", "01", "012", "01234", "012G", "0x12", "01-2", "--", "-0123", "0123\t4567", "0123,4567",
		"0123456789ABCDEF0123456789", /* more than is missing */
		"O123", ("\xC3\xA9" "12"), "0123 4567 89AB CDEF 0",
	};
	uint8_t out[16], before[16];
	size_t got = 4;

	memset(out, 0, sizeof out);
	memcpy(out, "\1\2\3\4", 4);
	memcpy(before, out, sizeof out);
	ck_assert_int_eq(prompt_groups(out, &got, sizeof out, lines[_i]), E_FORMAT);
	ck_assert_uint_eq(got, 4);
	ck_assert_mem_eq(out, before, sizeof out);
}
END_TEST

START_TEST(a_group_that_is_taken_back_is_wiped)
{
	uint8_t out[16] = { 0 };
	static const uint8_t none[16];
	size_t got = 0;

	ck_assert_int_eq(prompt_groups(out, &got, sizeof out, "-"), E_FORMAT); /* there is none before */
	ck_assert_int_eq(prompt_groups(out, &got, sizeof out, "1234 5678"), E_OK);
	ck_assert_int_eq(prompt_groups(out, &got, sizeof out, "-"), E_OK);
	ck_assert_uint_eq(got, 2);
	ck_assert_mem_eq(out + 2, none, 14);
	ck_assert_int_eq(prompt_groups(out, &got, sizeof out, "-"), E_OK);
	ck_assert_uint_eq(got, 0);
	ck_assert_mem_eq(out, none, 16);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("prompt");
	TCase *t = tcase_create("prompt");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, whole_groups_count_in_any_portion, 0, 6);
	tcase_add_loop_test(t, anything_else_changes_nothing, 0, 17);
	tcase_add_test(t, a_group_that_is_taken_back_is_wiped);
	return s;
}

int main(void)
{
	return test_main(suite());
}
