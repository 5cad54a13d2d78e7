#include "base/serial.h"
#include "tests/lib/test.h"

#include <string.h>

static bool ok(const char *text)
{
	return serial_ok(text, strlen(text));
}

START_TEST(letters_digits_and_dashes_up_to_32)
{
	ck_assert(ok("TC-1"));
	ck_assert(ok("a"));
	ck_assert(ok("-"));
	ck_assert(ok("12345678901234567890123456789012"));
	ck_assert(!ok("123456789012345678901234567890123"));
	ck_assert(!ok(""));
	ck_assert(!serial_ok(NULL, 0));
}
END_TEST

/* Every byte, alone and at the end of a good serial. */
START_TEST(no_other_byte)
{
	const char text[2] = { 'T', (char)_i };
	bool good = strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-", _i) && _i;

	ck_assert_int_eq(serial_ok(text, 2), good);
	ck_assert_int_eq(serial_ok(text + 1, 1), good);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("serial");
	TCase *t = tcase_create("serial");

	tcase_add_test(t, letters_digits_and_dashes_up_to_32);
	tcase_add_loop_test(t, no_other_byte, 0, 256);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
