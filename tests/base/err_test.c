#include "base/err.h"
#include "tests/lib/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define MANY 256

/* The enumerators as base/err.h writes them: the table is held against the source, not against itself. */
static struct {
	char name[32];
	int value;
} row[MANY];
static int rows;

static void read_header(void)
{
	const char *top = getenv("SRC");
	char path[512], line[256], name[32];
	FILE *f;
	int value;

	snprintf(path, sizeof path, "%s/base/err.h", top ? top : ".");
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "%s", path);
	while (fgets(line, sizeof line, f))
		if (sscanf(line, " %31[A-Z_0-9] = %d", name, &value) == 2 && !strncmp(name, "E_", 2)) {
			ck_assert_int_lt(rows, MANY);
			strcpy(row[rows].name, name);
			row[rows++].value = value;
		}
	fclose(f);
	ck_assert_int_gt(rows, 50);
	ck_assert_int_eq(row[rows - 1].value, E_CEREMONY);
}

START_TEST(every_result_has_its_own_name_text_and_exit_status)
{
	for (int i = 0; i < rows; i++) {
		enum err e = (enum err)row[i].value;
		const char *text = err_text(e);

		ck_assert_str_eq(err_name(e), row[i].name);
		ck_assert_msg(strcmp(text, "unknown result") && strlen(text) >= 2, "%s has no text", row[i].name);
		ck_assert_msg(text[strlen(text) - 1] != '.', "%s ends with a full stop", row[i].name);
		ck_assert_ptr_nonnull(err_hint(e));
		if (e == E_OK)
			ck_assert_int_eq(err_exit(e), 0);
		else
			ck_assert_msg(err_exit(e) >= EX__BASE && err_exit(e) <= EX__MAX, "%s exits with %d",
				      row[i].name, err_exit(e));
	}
}
END_TEST

START_TEST(no_number_name_or_text_is_used_twice)
{
	for (int i = 0; i < rows; i++)
		for (int j = 0; j < i; j++) {
			ck_assert_msg(row[i].value != row[j].value, "%s = %s", row[i].name, row[j].name);
			ck_assert_str_ne(row[i].name, row[j].name);
			ck_assert_str_ne(err_text((enum err)row[i].value), err_text((enum err)row[j].value));
		}
}
END_TEST

START_TEST(every_other_number_is_unknown)
{
	for (int n = 0; n < MANY; n++) {
		bool known = false;

		for (int i = 0; i < rows; i++)
			known |= row[i].value == n;
		ck_assert_int_eq(!strcmp(err_name((enum err)n), "E_UNKNOWN"), !known);
		if (!known) {
			ck_assert_str_eq(err_text((enum err)n), "unknown result");
			ck_assert_str_eq(err_hint((enum err)n), "");
			ck_assert_int_eq(err_exit((enum err)n), EX_SOFTWARE);
		}
	}
}
END_TEST

/* The numbers are on the wire: these are written down a second time, so that one cannot change unseen. */
START_TEST(the_numbers_are_what_the_wire_knows)
{
	ck_assert_int_eq(E_OK, 0);
	ck_assert_int_eq(E_SHORT, 1);
	ck_assert_int_eq(E_SCHEME, 10);
	ck_assert_int_eq(E_MAC, 20);
	ck_assert_int_eq(E_VERSION, 30);
	ck_assert_int_eq(E_CERTIFICATE, 32);
	ck_assert_int_eq(E_SIGNATURE, 35);
	ck_assert_int_eq(E_DIGEST, 43);
	ck_assert_int_eq(E_BLANK, 50);
	ck_assert_int_eq(E_ENROLLED, 56);
	ck_assert_int_eq(E_ROOM, 70);
	ck_assert_int_eq(E_INTERNAL, 84);
	ck_assert_int_eq(E_PASSPHRASE, 85);
	ck_assert_int_eq(E_SEALED, 86);
	ck_assert_int_eq(E_PARSER, 87);
	ck_assert_int_eq(E_LOCKED, 88);
	ck_assert_int_eq(E_LEASE, 89);
	ck_assert_int_eq(E_PORT, 90);
	ck_assert_int_eq(E_IO, 94);
	ck_assert_int_eq(E_BAG, 110);
	ck_assert_int_eq(E_MEDIA, 112);
	ck_assert_int_eq(E_PERSON, 100);
	ck_assert_int_eq(E_LAPSED, 103);
	ck_assert_int_eq(E_CEREMONY, 104);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("err");
	TCase *t = tcase_create("err");

	tcase_add_checked_fixture(t, read_header, NULL);
	tcase_add_test(t, every_result_has_its_own_name_text_and_exit_status);
	tcase_add_test(t, no_number_name_or_text_is_used_twice);
	tcase_add_test(t, every_other_number_is_unknown);
	tcase_add_test(t, the_numbers_are_what_the_wire_knows);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
