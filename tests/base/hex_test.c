#include "base/hex.h"
#include "tests/lib/test.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

START_TEST(every_byte_goes_there_and_back)
{
	for (unsigned v = 0; v < 256; v++) {
		uint8_t in = (uint8_t)v, out = (uint8_t)~v;
		char text[3], want[3];
		size_t len = 9;

		hex_encode(text, &in, 1);
		snprintf(want, sizeof want, "%02X", v);
		ck_assert_str_eq(text, want);
		ck_assert_int_eq(hex_decode(&out, &len, 1, text, 2), E_OK);
		ck_assert_uint_eq(len, 1);
		ck_assert_uint_eq(out, v);
		text[0] = (char)tolower(text[0]);
		ck_assert_int_eq(hex_decode(&out, &len, 1, text, 2), E_OK);
		ck_assert_uint_eq(out, v);
		text[1] = (char)tolower(text[1]);
		ck_assert_int_eq(hex_decode(&out, &len, 1, text, 2), E_OK);
		ck_assert_uint_eq(out, v);
	}
}
END_TEST

START_TEST(every_character_is_a_digit_or_refused_at_either_place)
{
	for (int c = -128; c < 128; c++) {
		bool digit = isxdigit((unsigned char)c) && c > 0;

		for (int place = 0; place < 2; place++) {
			char text[4] = "1111";
			uint8_t out[2] = { 7, 7 };
			size_t len = 99;

			text[2 + place] = (char)c;
			ck_assert_int_eq(hex_decode(out, &len, sizeof out, text, 4), digit ? E_OK : E_FORMAT);
			ck_assert_uint_eq(len, digit ? 2 : 99);
			if (!digit)
				ck_assert_mem_eq(out, "\0\0", 2); /* the good digits are wiped too */
		}
	}
}
END_TEST

START_TEST(an_odd_number_of_digits_is_no_text)
{
	uint8_t out[4] = { 1, 2, 3, 4 };
	size_t len;

	for (size_t n = 1; n < 8; n += 2) {
		ck_assert_int_eq(hex_decode(out, &len, sizeof out, "00000000", n), E_FORMAT);
	}
}
END_TEST

START_TEST(too_many_digits_for_the_buffer_are_refused)
{
	static const char text[] = "0102030405060708";
	uint8_t out[8];
	size_t len;

	for (size_t size = 0; size < 8; size++) {
		ck_assert_int_eq(hex_decode(out, &len, size, text, 16), E_SPACE);
		ck_assert_int_eq(hex_decode(out, &len, size, text, 2 * size), E_OK);
		ck_assert_uint_eq(len, size);
	}
}
END_TEST

START_TEST(an_error_leaves_none_of_an_old_secret)
{
	uint8_t out[4] = { 1, 2, 3, 4 };
	size_t len;

	ck_assert_int_eq(hex_decode(out, &len, sizeof out, "111", 3), E_FORMAT);
	ck_assert_mem_eq(out, "\0\0\0\0", 4);
	memset(out, 5, sizeof out);
	ck_assert_int_eq(hex_decode(out, &len, sizeof out, "1111111111", 10), E_SPACE);
	ck_assert_mem_eq(out, "\0\0\0\0", 4);
	memset(out, 5, sizeof out);
	ck_assert_int_eq(hex_decode(out, &len, sizeof out, "1x", 2), E_FORMAT);
	ck_assert_mem_eq(out, "\0\0\0\0", 4);
}
END_TEST

START_TEST(nothing_is_a_text_of_nothing)
{
	char text[1] = { 'x' };
	size_t len = 9;

	hex_encode(text, NULL, 0);
	ck_assert_int_eq(text[0], 0);
	ck_assert_int_eq(hex_decode(NULL, &len, 0, text, 0), E_OK);
	ck_assert_uint_eq(len, 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("hex");
	TCase *t = tcase_create("hex");

	tcase_add_test(t, every_byte_goes_there_and_back);
	tcase_add_test(t, every_character_is_a_digit_or_refused_at_either_place);
	tcase_add_test(t, an_odd_number_of_digits_is_no_text);
	tcase_add_test(t, too_many_digits_for_the_buffer_are_refused);
	tcase_add_test(t, an_error_leaves_none_of_an_old_secret);
	tcase_add_test(t, nothing_is_a_text_of_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
