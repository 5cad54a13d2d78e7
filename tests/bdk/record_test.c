#include "bdk/record.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

enum { OP = 0x1234, TEXT = 7, NUMBER = 8, ROW = 9, EMPTY = 10 };

static struct record r;

/* A record with every shape: text, number, an empty field, two rows. */
static void put_all(void)
{
	record_begin(&r, OP);
	record_put_text(&r, TEXT, "KIF-1");
	record_put_number(&r, NUMBER, 0x0102030405060708);
	record_put(&r, EMPTY, (struct span){ NULL, 0 });
	for (uint64_t i = 0; i < 2; i++) {
		size_t at = record_open(&r, ROW);

		record_put_number(&r, NUMBER, 40 + i);
		record_put_text(&r, TEXT, i ? "b" : "a");
		record_close(&r, at);
	}
	ck_assert_int_eq(r.e, E_OK);
}

START_TEST(what_is_put_is_read_back)
{
	struct span fields, row;
	size_t at = 0;
	uint16_t op;
	uint64_t v;
	char text[8];

	put_all();
	ck_assert_int_eq(record_parse(&op, &fields, (struct span){ r.b, r.len }), E_OK);
	ck_assert_uint_eq(op, OP);
	ck_assert_int_eq(field_text(text, sizeof text, fields, TEXT), E_OK);
	ck_assert_str_eq(text, "KIF-1");
	ck_assert_int_eq(field_number(&v, fields, NUMBER, UINT64_MAX), E_OK);
	ck_assert(v == 0x0102030405060708);
	ck_assert_ptr_nonnull(field_get(fields, EMPTY).p);
	ck_assert_uint_eq(field_get(fields, EMPTY).len, 0);
	ck_assert_ptr_null(field_get(fields, 99).p);
	for (uint64_t i = 0; i < 2; i++) {
		ck_assert(field_next(&row, fields, ROW, &at));
		ck_assert_int_eq(field_check(row), E_OK);
		ck_assert_int_eq(field_number(&v, row, NUMBER, 41), E_OK);
		ck_assert_uint_eq(v, 40 + i);
		ck_assert_int_eq(field_text(text, sizeof text, row, TEXT), E_OK);
		ck_assert_str_eq(text, i ? "b" : "a");
	}
	ck_assert(!field_next(&row, fields, ROW, &at));
}
END_TEST

/* The bytes themselves: other programs may speak them. */
START_TEST(the_bytes_are_those_of_the_header)
{
	static const uint8_t expected[] = { 0x12, 0x34, 0, 7, 0, 2, 'h', 'i', 0, 9, 0, 5, 0, 7, 0, 1, 'x' };
	size_t at;

	record_begin(&r, OP);
	record_put_text(&r, TEXT, "hi");
	at = record_open(&r, ROW);
	record_put_text(&r, TEXT, "x");
	record_close(&r, at);
	ck_assert_uint_eq(r.len, sizeof expected);
	ck_assert_mem_eq(r.b, expected, sizeof expected);
}
END_TEST

/* A cut between two fields leaves a shorter record; every other cut is seen. */
START_TEST(a_truncated_twin_is_refused)
{
	struct span fields;
	uint16_t op;
	size_t whole = 0;

	put_all();
	for (size_t n = 0; n < r.len; n++) {
		uint8_t *exact = malloc(n + 1); /* so that a sanitizer sees one byte too far */
		enum err e;

		memcpy(exact, r.b, n);
		e = record_parse(&op, &fields, (struct span){ exact, n });
		whole += !e;
		ck_assert(e == E_OK || e == E_SHORT);
		free(exact);
	}
	ck_assert_uint_eq(whole, 5); /* after the op and after each field but the last */
}
END_TEST

START_TEST(a_field_that_promises_more_than_its_row_holds_stays_inside)
{
	const uint8_t row[] = { 0, NUMBER, 0, 8, 1, 2, 3 };
	struct span fields, inner;
	uint16_t op;
	uint64_t v;

	record_begin(&r, OP);
	record_put(&r, ROW, SPAN(row));
	record_put_number(&r, TEXT, 5);
	ck_assert_int_eq(record_parse(&op, &fields, (struct span){ r.b, r.len }), E_OK);
	inner = field_get(fields, ROW);
	ck_assert_int_eq(field_check(inner), E_SHORT);
	ck_assert_ptr_null(field_get(inner, NUMBER).p);
	ck_assert_int_eq(field_number(&v, inner, NUMBER, UINT64_MAX), E_FORMAT);
}
END_TEST

START_TEST(a_full_record_takes_no_more)
{
	static uint8_t big[RECORD_MAX];

	record_begin(&r, OP);
	record_put(&r, TEXT, (struct span){ big, 65530 });
	ck_assert_int_eq(r.e, E_OK);
	ck_assert_uint_eq(r.len, RECORD_MAX);
	record_put(&r, EMPTY, (struct span){ NULL, 0 });
	ck_assert_int_eq(r.e, E_SPACE);
	record_begin(&r, OP);
	record_put(&r, TEXT, (struct span){ big, 65531 });
	ck_assert_int_eq(r.e, E_SPACE);
	record_begin(&r, OP);
	record_put(&r, TEXT, (struct span){ big, 65536 });
	ck_assert_int_eq(r.e, E_RANGE);
	record_put_number(&r, NUMBER, 1);
	ck_assert_uint_eq(r.len, 2);
}
END_TEST

START_TEST(texts_and_numbers_are_strict)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = { { "", 0 }, { "12345678", 8 }, { "a\nb", 3 }, { "a\0b", 3 }, { "\xc3\xa4", 2 }, { "\x7f", 1 } };
	struct span fields;
	char text[8] = "x";
	uint16_t op;
	uint64_t v;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		record_begin(&r, OP);
		record_put(&r, TEXT, (struct span){ (const uint8_t *)bad[i].bytes, bad[i].len });
		ck_assert_int_eq(record_parse(&op, &fields, (struct span){ r.b, r.len }), E_OK);
		ck_assert_int_eq(field_text(text, sizeof text, fields, TEXT), E_FORMAT);
		ck_assert_str_eq(text, "");
	}
	record_begin(&r, OP);
	record_put_number(&r, NUMBER, 10);
	ck_assert_int_eq(record_parse(&op, &fields, (struct span){ r.b, r.len }), E_OK);
	ck_assert_int_eq(field_number(&v, fields, NUMBER, 10), E_OK);
	ck_assert_int_eq(field_number(&v, fields, NUMBER, 9), E_RANGE);
	ck_assert_uint_eq(v, 0);
	ck_assert_int_eq(field_number(&v, fields, TEXT, 9), E_FORMAT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("record");
	TCase *t = tcase_create("record");

	tcase_add_test(t, what_is_put_is_read_back);
	tcase_add_test(t, the_bytes_are_those_of_the_header);
	tcase_add_test(t, a_truncated_twin_is_refused);
	tcase_add_test(t, a_field_that_promises_more_than_its_row_holds_stays_inside);
	tcase_add_test(t, a_full_record_takes_no_more);
	tcase_add_test(t, texts_and_numbers_are_strict);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
