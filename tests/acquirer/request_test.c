/* A stanza becomes a request whole, or nothing is sent and the reason names the field but not its value. */
#include "acquirer/recover_answer.h"
#include "base/hex.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static struct stanza stanza_of(const char *text)
{
	static struct stanza s;
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	ck_assert_ptr_nonnull(f);
	s.last = 0;
	ck_assert_int_eq(stanza_read(&s, f), E_OK);
	fclose(f);
	return s;
}

static struct record request;
static char ksn[KSN_TEXT];
static const char *why;

static enum err map(const char *text)
{
	struct stanza s = stanza_of(text);
	enum err e = request_of_stanza(&request, ksn, &why, &s);

	ck_assert_int_eq(why == NULL, e == E_OK);
	return e;
}

static struct span fields(void)
{
	return (struct span){ request.b + 2, request.len - 2 };
}

static void has_hex(uint16_t tag, const char *want)
{
	struct span v = field_get(fields(), tag);
	char got[2 * 64 + 1] = "";

	ck_assert_uint_le(v.len, 64);
	hex_encode(got, v.p, v.len);
	ck_assert_str_eq(got, want);
}

#define WHOLE                                                                                                          \
	"scheme = tdes\nksn = ffff9876543210e00001\npan = 4111111111111111\npin_format = 0\n"                          \
	"pin_block = 1B9C1845EB993A7A\nmac_data = 3132333435\nmac = 9ccc78173f\ndata = 0011223344556677\namount = 1\n"

START_TEST(what_the_till_prints_is_asked)
{
	uint64_t format;
	char pan[20];

	ck_assert_int_eq(map(WHOLE), E_OK);
	ck_assert_uint_eq(get_be16(request.b), OP_RECOVER);
	ck_assert_str_eq(ksn, "FFFF9876543210E00001");
	has_hex(F_KSN, "FFFF9876543210E00001");
	has_hex(F_PIN_BLOCK, "1B9C1845EB993A7A");
	has_hex(F_MAC, "9CCC78173F");
	has_hex(F_MAC_DATA, "3132333435");
	has_hex(F_DATA, "0011223344556677");
	ck_assert_int_eq(field_number(&format, fields(), F_PIN_FORMAT, 4), E_OK);
	ck_assert_uint_eq(format, 0);
	ck_assert_int_eq(field_text(pan, sizeof pan, fields(), F_PAN), E_OK);
	ck_assert_str_eq(pan, "4111111111111111");
}
END_TEST

START_TEST(each_part_may_stand_alone)
{
	ck_assert_int_eq(map("ksn = FFFF9876543210E00001\npan = 4111111111111111\ndata = 00"), E_OK);
	ck_assert_ptr_null(field_get(fields(), F_PAN).p);
	ck_assert_ptr_null(field_get(fields(), F_MAC).p);
	ck_assert_int_eq(map("ksn = FFFF9876543210E00001\nmac = 00112233\nmac_data = 00"), E_OK);
	ck_assert_ptr_null(field_get(fields(), F_DATA).p);
	ck_assert_int_eq(map("ksn = 123456789012345600000001\npan = 411111111111\npin_format = 4\n"
			     "pin_block = 00112233445566778899aabbccddeeff"),
			 E_OK);
	has_hex(F_KSN, "123456789012345600000001");
}
END_TEST

START_TEST(a_short_tdes_ksn_is_padded)
{
	static const char all[] = "9876543210E00001ABCD";
	char text[64], want[32];

	for (size_t n = 16; n <= 20; n++) {
		snprintf(text, sizeof text, "ksn = %.*s\ndata = 00", (int)n, all);
		snprintf(want, sizeof want, "%.*s%.*s", (int)(20 - n), "FFFF", (int)n, all);
		ck_assert_int_eq(map(text), E_OK);
		ck_assert_str_eq(ksn, want);
		has_hex(F_KSN, want);
	}
}
END_TEST

static const struct {
	const char *text, *names;
} bad[] = {
	{ "data = 00", "ksn" },
	{ "ksn = \ndata = 00", "ksn" },
	{ "ksn = 1234\ndata = 00", "ksn" },
	{ "ksn = 98765432100000A\ndata = 00", "ksn" },           /* 15 digits */
	{ "ksn = FFFF9876543210E000011\ndata = 00", "ksn" },     /* 21 */
	{ "ksn = FFFF9876543210E0000111\ndata = 00", "ksn" },    /* 22 */
	{ "ksn = FFFF9876543210E00001111\ndata = 00", "ksn" },   /* 23 */
	{ "ksn = FFFF9876543210E0000111111\ndata = 00", "ksn" }, /* 25 */
	{ "ksn = FFFF9876543210E0000G\ndata = 00", "ksn" },
	{ "ksn = FFFF 9876543210E0000\ndata = 00", "ksn" },
	{ "ksn = FFFF9876543210E00001", "nothing" },
	{ "ksn = FFFF9876543210E00001\npan = 4111111111111111", "nothing" },
	{ "ksn = FFFF9876543210E00001\npin_block = 0011223344556677\npan = 4111111111111111", "pin_format" },
	{ "ksn = FFFF9876543210E00001\npin_format = 0\npan = 4111111111111111", "pin_block" },
	{ "ksn = FFFF9876543210E00001\npin_format = 0\npin_block = 0011223344556677", "pan" },
	{ "ksn = FFFF9876543210E00001\npin_format = 5\npin_block = 0011223344556677\npan = 4111111111111111",
	  "pin_format" },
	{ "ksn = FFFF9876543210E00001\npin_format = \npin_block = 0011223344556677\npan = 4111111111111111",
	  "pin_format" },
	{ "ksn = FFFF9876543210E00001\npin_format = 00\npin_block = 0011223344556677\npan = 4111111111111111",
	  "pin_format" },
	{ "ksn = FFFF9876543210E00001\npin_format = 0\npin_block = 00112233445566\npan = 4111111111111111",
	  "pin_block" },
	{ "ksn = FFFF9876543210E00001\npin_format = 4\npin_block = 0011223344556677\npan = 4111111111111111",
	  "pin_block" },
	{ "ksn = FFFF9876543210E00001\npin_format = 0\npin_block = 001122334455667x\npan = 4111111111111111",
	  "pin_block" },
	{ "ksn = FFFF9876543210E00001\npin_format = 0\npin_block = 0011223344556677\npan = 41111111111", "pan" },
	{ "ksn = FFFF9876543210E00001\npin_format = 0\npin_block = 0011223344556677\npan = 41111111111111111111",
	  "pan" },
	{ "ksn = FFFF9876543210E00001\npin_format = 0\npin_block = 0011223344556677\npan = 411111111111111x", "pan" },
	{ "ksn = FFFF9876543210E00001\npan = 41x\ndata = 00", "pan" },
	{ "ksn = FFFF9876543210E00001\nmac = 00112233", "mac_data" },
	{ "ksn = FFFF9876543210E00001\nmac_data = 00112233", "mac" },
	{ "ksn = FFFF9876543210E00001\nmac = 001122\nmac_data = 00", "mac" },
	{ "ksn = FFFF9876543210E00001\nmac = 0011223344556677889900112233445566\nmac_data = 00", "mac" },
	{ "ksn = FFFF9876543210E00001\nmac = 00112233\nmac_data = ", "mac_data" },
	{ "ksn = FFFF9876543210E00001\nmac = 00112233\nmac_data = 001", "mac_data" },
	{ "ksn = FFFF9876543210E00001\ndata = ", "data" },
	{ "ksn = FFFF9876543210E00001\ndata = 00112", "data" },
	{ "ksn = FFFF9876543210E00001\ndata = 0g", "data" },
};

START_TEST(what_is_not_in_order_is_refused_by_name)
{
	struct stanza s = stanza_of(bad[_i].text);

	ck_assert_int_eq(map(bad[_i].text), E_FORMAT);
	ck_assert_msg(strstr(why, bad[_i].names), "\"%s\" does not name %s", why, bad[_i].names);
	for (size_t i = 0; i < s.n; i++) {
		const char *value = s.text + s.field[i].value;

		ck_assert_msg(strlen(value) < 3 || !strstr(why, value), "\"%s\" shows a value", why);
	}
}
END_TEST

START_TEST(no_truncation_of_a_stanza_asks_for_more_than_is_there)
{
	static char text[sizeof WHOLE];

	for (size_t n = 1; n < sizeof WHOLE; n++) {
		FILE *f = fmemopen(memcpy(text, WHOLE, n), n, "r");
		static struct stanza s;

		ck_assert_ptr_nonnull(f);
		s.last = 0;
		if (!stanza_read(&s, f) && !request_of_stanza(&request, ksn, &why, &s)) {
			ck_assert_int_eq(field_get(fields(), F_PIN_BLOCK).p != NULL,
					 stanza_get(&s, "pin_block") != NULL);
			ck_assert_int_eq(field_get(fields(), F_MAC).p != NULL, stanza_get(&s, "mac") != NULL);
			ck_assert_int_eq(field_get(fields(), F_DATA).p != NULL, stanza_get(&s, "data") != NULL);
		}
		fclose(f);
	}
}
END_TEST

/* --- answers ------------------------------------------------------------------------------------------------------ */

static char *printed;

static enum err print(const struct record *answer)
{
	size_t size;
	FILE *f = open_memstream(&printed, &size);
	enum err e;

	ck_assert_ptr_nonnull(f);
	e = answer_print(f, ksn, &request, (struct span){ answer->b + 2, answer->len - 2 });
	fclose(f);
	return e;
}

static void answer_begin(struct record *a)
{
	record_begin(a, OP_RECOVER);
	record_put_number(a, F_RESULT, E_OK);
	record_put_text(a, F_SCHEME, "tdes");
	record_put_text(a, F_KEY_SET, "FFFF987654");
}

START_TEST(an_answer_is_a_stanza)
{
	static struct record a;

	ck_assert_int_eq(map(WHOLE), E_OK);
	answer_begin(&a);
	record_put_text(&a, F_PIN, "1234");
	record_put_text(&a, F_VERDICT, "ok");
	record_put_text(&a, F_CLEAR, "track = two");
	ck_assert_int_eq(print(&a), E_OK);
	ck_assert_str_eq(printed, "ksn = FFFF9876543210E00001\nscheme = tdes\nkey_set = FFFF987654\npin = 1234\n"
				  "mac_verdict = ok\ndata_clear = track = two\nstatus = ok\n\n");
	free(printed);
}
END_TEST

START_TEST(a_wrong_mac_is_said_and_nothing_else_expected)
{
	static struct record a;

	ck_assert_int_eq(map(WHOLE), E_OK);
	answer_begin(&a);
	record_put_text(&a, F_VERDICT, "wrong");
	ck_assert_int_eq(print(&a), E_MAC);
	ck_assert_str_eq(printed, "ksn = FFFF9876543210E00001\nscheme = tdes\nkey_set = FFFF987654\n"
				  "mac_verdict = wrong\nstatus = refused\nreason = MAC wrong\n\n");
	free(printed);
}
END_TEST

static const struct {
	const char *clear;
	size_t len;
	const char *line;
} clears[] = {
	{ "", 0, "data_clear = \n" },
	{ "a b", 3, "data_clear = a b\n" },
	{ " a", 2, "data_clear_hex = 2061\n" },
	{ "a ", 2, "data_clear_hex = 6120\n" },
	{ "a\nb", 3, "data_clear_hex = 610A62\n" },
	{ "\033[2J", 4, "data_clear_hex = 1B5B324A\n" },
	{ "\0", 1, "data_clear_hex = 00\n" },
	{ "\xff", 1, "data_clear_hex = FF\n" },
};

START_TEST(clear_data_is_text_only_where_that_is_exact)
{
	static struct record a;

	ck_assert_int_eq(map("ksn = FFFF9876543210E00001\ndata = 00"), E_OK);
	answer_begin(&a);
	record_put(&a, F_CLEAR, (struct span){ (const uint8_t *)clears[_i].clear, clears[_i].len });
	ck_assert_int_eq(print(&a), E_OK);
	ck_assert_msg(strstr(printed, clears[_i].line), "%s", printed);
	free(printed);
}
END_TEST

START_TEST(an_answer_to_something_else_is_none)
{
	static const char *const texts[] = { "1234\n1", "12x4", "1234567890123", "" };
	static struct record a;

	ck_assert_int_eq(map(WHOLE), E_OK);
	answer_begin(&a);
	for (int had = 0; had < 3; had++) { /* each time one more part is there; the last is never */
		ck_assert_int_eq(print(&a), E_FORMAT);
		ck_assert_str_eq(printed, "");
		free(printed);
		if (had == 0)
			record_put_text(&a, F_PIN, "1234");
		if (had == 1)
			record_put_text(&a, F_VERDICT, "ok");
	}
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		answer_begin(&a);
		record_put_text(&a, F_PIN, texts[i]);
		record_put_text(&a, F_VERDICT, "ok");
		record_put_text(&a, F_CLEAR, "x");
		ck_assert_int_eq(print(&a), E_FORMAT);
		ck_assert_str_eq(printed, "");
		free(printed);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("acquirer/request");
	TCase *t = tcase_create("request");

	tcase_add_test(t, what_the_till_prints_is_asked);
	tcase_add_test(t, each_part_may_stand_alone);
	tcase_add_test(t, a_short_tdes_ksn_is_padded);
	tcase_add_loop_test(t, what_is_not_in_order_is_refused_by_name, 0, sizeof bad / sizeof bad[0]);
	tcase_add_test(t, no_truncation_of_a_stanza_asks_for_more_than_is_there);
	tcase_add_test(t, an_answer_is_a_stanza);
	tcase_add_test(t, a_wrong_mac_is_said_and_nothing_else_expected);
	tcase_add_loop_test(t, clear_data_is_text_only_where_that_is_exact, 0, sizeof clears / sizeof clears[0]);
	tcase_add_test(t, an_answer_to_something_else_is_none);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
