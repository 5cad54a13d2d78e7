/*
 * Translation of PIN blocks: the whole table, and nothing but it.
 */
#include "dukpt/translate.h"
#include "tests/lib/test.h"

START_TEST(only_what_iso_9564_lists_is_permitted)
{
	/* from, to: 's' with the same PAN, 'y' always */
	static const char *table[] = { "s--ss", "y--yy", "-----", "s--ss", "s--ss" };

	for (int from = -1; from <= 6; from++)
		for (int to = -1; to <= 6; to++) {
			bool known = from >= 0 && from <= 4 && to >= 0 && to <= 4;
			char rule = known ? table[from][to] : '-';
			enum pin_format a = (enum pin_format)from, b = (enum pin_format)to;

			ck_assert_int_eq(pinblock_may_translate(a, b, true), rule != '-');
			ck_assert_int_eq(pinblock_may_translate(a, b, false), rule == 'y');
		}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("translate");
	TCase *t = tcase_create("translate");

	tcase_add_test(t, only_what_iso_9564_lists_is_permitted);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
