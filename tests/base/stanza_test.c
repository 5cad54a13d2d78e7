#include "base/host/stanza.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

static FILE *text(const char *s, size_t len)
{
	FILE *f = tmpfile();

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(s, 1, len, f), len);
	rewind(f);
	return f;
}

static FILE *of(const char *s)
{
	return text(s, strlen(s));
}

START_TEST(reads_fields_comments_and_blank_lines)
{
	FILE *f = of("# a file\n\n\nkey = value\nother=1 2  3\t\r\n# between\n  third  =\n\t\n\nnext = a = b\n");
	struct stanza s = { .last = 0 };

	ck_assert_int_eq(stanza_read(&s, f), E_OK);
	ck_assert_uint_eq(s.n, 3);
	ck_assert_uint_eq(s.line, 4);
	ck_assert_str_eq(stanza_get(&s, "key"), "value");
	ck_assert_str_eq(stanza_get(&s, "other"), "1 2  3");
	ck_assert_str_eq(stanza_get(&s, "third"), "");
	ck_assert_ptr_null(stanza_get(&s, "fourth"));
	ck_assert_ptr_null(stanza_get(&s, "KEY"));
	ck_assert_int_eq(stanza_read(&s, f), E_OK);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_uint_eq(s.line, 10);
	ck_assert_str_eq(stanza_get(&s, "next"), "a = b");
	ck_assert_ptr_null(stanza_get(&s, "key"));
	ck_assert_int_eq(stanza_read(&s, f), E_SHORT);
	ck_assert_int_eq(stanza_read(&s, f), E_SHORT);
	fclose(f);
}
END_TEST

START_TEST(what_is_printed_is_read_back_byte_for_byte)
{
	static const struct {
		const char *bytes, *key, *read;
	} rows[] = {
		{ "plain = text", "v", "plain = text" }, { "", "v", "" },
		{ " blank", "v_hex", "20626C616E6B" },	 { "blank ", "v_hex", "626C616E6B20" },
		{ "a\nb = c", "v_hex", "610A62203D2063" }, { "\177", "v_hex", "7F" },
		{ "\303\244", "v_hex", "C3A4" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct stanza s = { .last = 0 };
		FILE *f = tmpfile();

		ck_assert_ptr_nonnull(f);
		stanza_print(f, "v", (struct span){ (const uint8_t *)rows[i].bytes, strlen(rows[i].bytes) });
		rewind(f);
		ck_assert_int_eq(stanza_read(&s, f), E_OK);
		ck_assert_uint_eq(s.n, 1);
		ck_assert_str_eq(stanza_get(&s, rows[i].key), rows[i].read);
		fclose(f);
	}
}
END_TEST

START_TEST(a_file_without_a_last_newline_or_without_anything)
{
	static const char *const empty[] = { "", "\n\n", "# only\n", "#", " \t\n", "\r\n\r\n" };
	struct stanza s = { .last = 0 };
	FILE *f = of("a = 1\nb = 2");

	ck_assert_int_eq(stanza_read(&s, f), E_OK);
	ck_assert_uint_eq(s.n, 2);
	ck_assert_str_eq(stanza_get(&s, "b"), "2");
	fclose(f);
	for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
		f = of(empty[i]);
		s.last = 0;
		ck_assert_int_eq(stanza_read(&s, f), E_SHORT);
		fclose(f);
	}
}
END_TEST

static const char *const broken[] = { "key value\n", "= value\n", " = \n", "a = 1\na = 2\n", "a = 1\nno sign\nb = 2\n",
				      "\\\n" };

START_TEST(a_broken_stanza_is_refused_and_the_next_one_read)
{
	char all[256];
	struct stanza s = { .last = 0 };
	FILE *f;

	snprintf(all, sizeof all, "%s\nnext = yes\n", broken[_i]);
	f = of(all);
	ck_assert_int_eq(stanza_read(&s, f), E_FORMAT);
	ck_assert_int_eq(stanza_read(&s, f), E_OK);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_str_eq(stanza_get(&s, "next"), "yes");
	ck_assert_int_eq(stanza_read(&s, f), E_SHORT);
	fclose(f);
}
END_TEST

START_TEST(a_nul_in_a_line_is_refused)
{
	static const char with[] = "a = 1\0 2\n\nb = 3\n", alone[] = "\0\n\nb = 3\n", tail[] = "a = 1\n\0\n\nb = 3\n";
	static const struct {
		const char *p;
		size_t len;
	} row[] = { { with, sizeof with - 1 }, { alone, sizeof alone - 1 }, { tail, sizeof tail - 1 } };

	for (size_t i = 0; i < 3; i++) {
		FILE *f = text(row[i].p, row[i].len);
		struct stanza s = { .last = 0 };

		ck_assert_int_eq(stanza_read(&s, f), E_FORMAT);
		ck_assert_int_eq(stanza_read(&s, f), E_OK);
		ck_assert_str_eq(stanza_get(&s, "b"), "3");
		fclose(f);
	}
}
END_TEST

START_TEST(as_many_fields_as_there_is_room_for_and_no_more)
{
	for (int n = STANZA_FIELDS; n <= STANZA_FIELDS + 1; n++) {
		char all[2048] = "", last[16];
		size_t at = 0;
		struct stanza s = { .last = 0 };
		FILE *f;

		for (int i = 0; i < n; i++)
			at += (size_t)snprintf(all + at, sizeof all - at, "k%d = %d\n", i, i);
		snprintf(all + at, sizeof all - at, "\nnext = yes\n");
		f = of(all);
		ck_assert_int_eq(stanza_read(&s, f), n > STANZA_FIELDS ? E_SPACE : E_OK);
		snprintf(last, sizeof last, "k%d", STANZA_FIELDS - 1);
		ck_assert_str_eq(stanza_get(&s, last), last + 1);
		ck_assert_int_eq(stanza_read(&s, f), E_OK);
		ck_assert_str_eq(stanza_get(&s, "next"), "yes");
		fclose(f);
	}
}
END_TEST

START_TEST(as_many_bytes_as_there_is_room_for_and_no_more)
{
	static char all[STANZA_BYTES + 64];

	for (size_t value = STANZA_BYTES - 6; value < STANZA_BYTES; value++) { /* "k" NUL value NUL */
		struct stanza s = { .last = 0 };
		FILE *f;

		memcpy(all, "k = ", 4);
		memset(all + 4, 'v', value);
		memcpy(all + 4 + value, "\n\nnext = yes\n", 14);
		f = of(all);
		ck_assert_int_eq(stanza_read(&s, f), value + 3 > STANZA_BYTES ? E_SPACE : E_OK);
		if (value + 3 <= STANZA_BYTES)
			ck_assert_uint_eq(strlen(stanza_get(&s, "k")), value);
		ck_assert_int_eq(stanza_read(&s, f), E_OK);
		ck_assert_str_eq(stanza_get(&s, "next"), "yes");
		fclose(f);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("stanza");
	TCase *t = tcase_create("stanza");

	tcase_add_test(t, reads_fields_comments_and_blank_lines);
	tcase_add_test(t, what_is_printed_is_read_back_byte_for_byte);
	tcase_add_test(t, a_file_without_a_last_newline_or_without_anything);
	tcase_add_loop_test(t, a_broken_stanza_is_refused_and_the_next_one_read, 0, sizeof broken / sizeof broken[0]);
	tcase_add_test(t, a_nul_in_a_line_is_refused);
	tcase_add_test(t, as_many_fields_as_there_is_room_for_and_no_more);
	tcase_add_test(t, as_many_bytes_as_there_is_room_for_and_no_more);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
