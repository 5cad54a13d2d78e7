/* Facts are read whole or not at all, and serials and key set ids only in their own form. */
#include "kif/fact.h"
#include "tests/lib/test.h"


static const uint8_t spki[32] = { 0xab }, kcv[3] = { 1, 2, 3 };
static const uint8_t ksn[10] = { 0xff, 0xff, 0x98, 0x76, 0x54, 0x32, 0x10, 0xe0, 0, 0 };

/* A good row, but for one tag that is left out, or comes first with another value. */
static struct span build(struct record *r, uint16_t without, uint16_t other, struct span value)
{
	record_begin(r, 0);
	if (other)
		record_put(r, other, value);
#define PUT(tag, how, v)                                                                                               \
	if (without != tag)                                                                                            \
	record_put##how(r, tag, v)
	PUT(F_SEQUENCE, _number, 7);
	PUT(F_TIME, _number, 1700000000);
	PUT(F_SERIAL, _text, "TC-1");
	PUT(F_SPKI, , SPAN(spki));
	PUT(F_KEY_SET, _text, "ffff987654");
	PUT(F_SCHEME, _text, "tdes");
	PUT(F_SLOT, _number, 3);
	PUT(F_KSN, , SPAN(ksn));
	PUT(F_STATE, _text, "loaded");
	PUT(F_LOAD_COUNT, _number, 9);
	PUT(F_KCV, , SPAN(kcv));
	PUT(F_FIRMWARE, _text, "0.1.0");
#undef PUT
	ck_assert_int_eq(r->e, E_OK);
	return (struct span){ r->b + 2, r->len - 2 };
}

static const struct span nothing = { NULL, 0 };

START_TEST(reads_what_bdkd_says)
{
	static struct record r;
	struct fact f;

	ck_assert_int_eq(fact_read(&f, build(&r, 0, 0, nothing)), E_OK);
	ck_assert_uint_eq(f.sequence, 7);
	ck_assert_uint_eq(f.time, 1700000000);
	ck_assert_str_eq(f.serial, "TC-1");
	ck_assert_str_eq(f.key_set, "FFFF987654");
	ck_assert_str_eq(f.ksn, "FFFF9876543210E00000");
	ck_assert_str_eq(f.kcv, "010203");
	ck_assert_str_eq(f.state, "loaded");
	ck_assert_uint_eq(f.slot, 3);
	ck_assert_uint_eq(f.load_count, 9);
	ck_assert_str_eq(f.firmware, "0.1.0");
}
END_TEST

START_TEST(needs_every_field_but_check_value_and_firmware)
{
	static const uint16_t needed[] = { F_SEQUENCE, F_TIME, F_SERIAL, F_SPKI,  F_KEY_SET,
					   F_SCHEME,   F_SLOT, F_KSN,    F_STATE, F_LOAD_COUNT };
	static const struct fact zero;
	static struct record r;
	struct fact f;

	for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
		ck_assert_int_eq(fact_read(&f, build(&r, needed[i], 0, nothing)), E_FORMAT);
		ck_assert_mem_eq(&f, &zero, sizeof f);
	}
	ck_assert_int_eq(fact_read(&f, build(&r, F_KCV, 0, nothing)), E_OK);
	ck_assert_str_eq(f.kcv, "");
	ck_assert_int_eq(fact_read(&f, build(&r, F_FIRMWARE, 0, nothing)), E_OK);
	ck_assert_str_eq(f.firmware, "");
}
END_TEST

START_TEST(reads_no_truncation)
{
	static struct record r;
	struct span row = build(&r, F_FIRMWARE, 0, nothing);
	struct fact f;

	/* The check value stands last: without it the row is whole again. */
	for (size_t n = 0; n < row.len; n++)
		if (n != row.len - 4 - sizeof kcv)
			ck_assert_int_ne(fact_read(&f, (struct span){ row.p, n }), E_OK);
}
END_TEST

#define TEXT(t)                                                                                                        \
	{                                                                                                              \
		(const uint8_t *)(t), sizeof(t) - 1                                                                    \
	}
static const uint8_t big[8] = { 0x80 }, eight[8] = { [7] = 8 }, wide[8] = { [3] = 1 }, zero8[8], long_ksn[13];
static const struct {
	uint16_t tag;
	struct span value;
} wrong[] = {
	{ F_SEQUENCE, { zero8, 8 } },     { F_SEQUENCE, { big, 8 } },
	{ F_TIME, { big, 8 } },           { F_SLOT, { eight, 8 } },
	{ F_LOAD_COUNT, { wide, 8 } },    { F_SERIAL, TEXT("a b") },
	{ F_SERIAL, TEXT("\033[2J") },    { F_KEY_SET, TEXT("0123456789") },
	{ F_KEY_SET, TEXT("FFFF98765") }, { F_STATE, TEXT("lost") },
	{ F_KSN, { long_ksn, 13 } },      { F_KSN, { long_ksn, 11 } },
	{ F_KCV, { long_ksn, 4 } },       { F_SPKI, { long_ksn, 13 } },
	{ F_FIRMWARE, TEXT("1\n2") },     { F_SERIAL, TEXT("123456789012345678901234567890123") },
};

START_TEST(refuses_what_no_journal_holds)
{
	static struct record r;
	struct fact f;

	ck_assert_int_ne(fact_read(&f, build(&r, 0, wrong[_i].tag, wrong[_i].value)), E_OK);
}
END_TEST

START_TEST(knows_a_key_set)
{
	static const char *const bad[] = { "",          "FFFF98765",   "FFFF9876543", "1234567",
					   "123456789", "12345678901", "0000987654",  "FFFF98765G",
					   "1234567Z",  "0x123456" };
	char id[FACT_KEY_SET];

	ck_assert_int_eq(fact_key_set(id, "ffff98765a"), E_OK);
	ck_assert_str_eq(id, "FFFF98765A");
	ck_assert_int_eq(fact_key_set(id, "1234abcd"), E_OK);
	ck_assert_str_eq(id, "1234ABCD");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_int_eq(fact_key_set(id, bad[i]), E_FORMAT);
		ck_assert_str_eq(id, "");
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kif/fact");
	TCase *t = tcase_create("fact");

	tcase_add_test(t, reads_what_bdkd_says);
	tcase_add_test(t, needs_every_field_but_check_value_and_firmware);
	tcase_add_test(t, reads_no_truncation);
	tcase_add_loop_test(t, refuses_what_no_journal_holds, 0, sizeof wrong / sizeof wrong[0]);
	tcase_add_test(t, knows_a_key_set);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
