/*
 * Key serial numbers: the skip rule, the counts, text, and building them.
 */
#include "dukpt/ksn.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct stanza *rows;
static size_t nrows;

/* Read-only, so that a function that wrote to its input would not survive. */
static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 0 }, KSN_AES };
static const struct ksn *const families[] = { &tdes, &aes };

static struct ksn at(const struct ksn *k, uint32_t counter)
{
	struct ksn out;

	ksn_set_counter(&out, k, counter);
	return out;
}

START_TEST(follows_the_published_counters)
{
	const struct stanza *r = &rows[_i];
	const char *name = stanza_get(r, "case"), *next = stanza_get(r, "next");
	const struct ksn *k = strncmp(name, "aes", 3) ? &tdes : &aes;
	struct ksn a, b;

	if (stanza_get(r, "max_counter")) {
		a = at(k, (uint32_t)strtoul(stanza_get(r, "max_counter"), NULL, 16));
		b = at(k, (uint32_t)strtoul(stanza_get(r, "min_counter"), NULL, 16));
		ck_assert(ksn_counter_valid(&a) && ksn_counter_valid(&b));
		ck_assert_int_eq(ksn_next(&a, &a), E_EXHAUSTED);
		ck_assert_int_eq(ksn_next(&a, k), E_OK);
		ck_assert_mem_eq(&a, &b, sizeof a);
		return;
	}
	a = at(k, (uint32_t)strtoul(stanza_get(r, "tc"), NULL, 16));
	ck_assert_int_eq(ksn_counter_valid(&a), !strcmp(stanza_get(r, "valid"), "yes"));
	b = a;
	if (!strcmp(next, "exhausted")) {
		ck_assert_int_eq(ksn_next(&b, &a), E_EXHAUSTED);
		ck_assert_mem_eq(&a, &b, sizeof a);
	} else {
		ck_assert_int_eq(ksn_next(&b, &a), E_OK);
		ck_assert_uint_eq(ksn_counter(&b), strtoul(next, NULL, 16));
		ck_assert(ksn_same_device(&a, &b));
	}
}
END_TEST

START_TEST(a_tdes_device_has_1048575_counters)
{
	struct ksn k = tdes;
	unsigned long n = 0;
	uint32_t last = 0;
	enum err e;

	while (!(e = ksn_next(&k, &k))) {
		ck_assert(ksn_counter_valid(&k));
		ck_assert_uint_gt(ksn_counter(&k), last);
		last = ksn_counter(&k);
		n++;
	}
	ck_assert_int_eq(e, E_EXHAUSTED);
	ck_assert_uint_eq(n, 1048575);
	ck_assert_uint_eq(last, 0x1FF800);
}
END_TEST

/* The successor is the smallest valid counter above; found here by trying all. */
START_TEST(no_valid_aes_counter_is_skipped)
{
	uint32_t c = 0x2545F491;

	for (int i = 0; i < 3000; i++) {
		struct ksn a, b, next;

		c = c * 1664525 + 1013904223;
		a = at(&aes, i % 3 ? c : c | 0xFFFE0000 >> c % 16);
		if (!ksn_counter_valid(&a) || ksn_next(&next, &a))
			continue;
		b = a;
		do
			b = at(&b, ksn_counter(&b) + 1);
		while (!ksn_counter_valid(&b));
		ck_assert_mem_eq(&b, &next, sizeof b);
	}
}
END_TEST

START_TEST(nothing_follows_an_impossible_counter)
{
	static const uint32_t bad_tdes[] = { 0x7FF, 0x1FF801, 0x1FFC00, 0x1FFFFF };
	static const uint32_t bad_aes[] = { 0x1FFFF, 0xFFFF0001, 0xFFFF8000, 0xFFFFFFFF };

	for (int i = 0; i < 4; i++) {
		struct ksn t = at(&tdes, bad_tdes[i]), a = at(&aes, bad_aes[i]), out = tdes;

		ck_assert(!ksn_counter_valid(&t) && !ksn_counter_valid(&a));
		ck_assert_int_eq(ksn_next(&out, &t), E_COUNTER);
		ck_assert_int_eq(ksn_next(&out, &a), E_COUNTER);
		ck_assert_mem_eq(&out, &tdes, sizeof out);
	}
	ck_assert(!ksn_counter_valid(&tdes) && !ksn_counter_valid(&aes));
	ck_assert(ksn_initial(&tdes) && ksn_initial(&aes));
}
END_TEST

START_TEST(a_counter_stays_inside_its_bits)
{
	for (int i = 0; i < 2; i++) {
		struct ksn all = at(families[i], UINT32_MAX), none = at(&all, 0);

		ck_assert_uint_eq(ksn_counter(&all), i ? UINT32_MAX : 0x1FFFFF);
		ck_assert_mem_eq(&none, families[i], sizeof none);
		ck_assert(ksn_same_device(&all, &none));
	}
	ck_assert(!ksn_same_device(&tdes, &aes));
}
END_TEST

START_TEST(reads_what_pin_pads_and_people_write)
{
	static const struct {
		const char *in, *out;
	} good[] = {
		{ "FFFF9876543210E00001", "FFFF9876543210E00001" },
		{ "ffff9876543210e00001", "FFFF9876543210E00001" },
		{ "FFF9876543210E00001", "FFFF9876543210E00001" },
		{ "F9876543210E00001", "FFFF9876543210E00001" },
		{ "9876543210E00001", "FFFF9876543210E00001" },
		{ "1234567890123456FFFF0000", "1234567890123456FFFF0000" },
		{ "1234567890abcdef00000001", "1234567890ABCDEF00000001" },
	};
	static const char *bad[] = { "",
				     "0",
				     "987654321000001",
				     "123456789012345600001",
				     "1234567890123456000001",
				     "12345678901234560000001",
				     "1234567890123456000000001",
				     "FFFF9876543210E0000G",
				     "FFFF 876543210E00001",
				     "0xFF9876543210E00001",
				     "1234567890123456 0000001" };
	struct ksn k;
	char text[KSN_TEXT];

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		ck_assert_int_eq(ksn_parse(&k, good[i].in), E_OK);
		ksn_text(text, &k);
		ck_assert_str_eq(text, good[i].out);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		k = tdes;
		ck_assert_msg(ksn_parse(&k, bad[i]) == E_FORMAT, "%s", bad[i]);
		ck_assert_mem_eq(&k, &tdes, sizeof k);
	}
}
END_TEST

START_TEST(reads_what_switches_describe)
{
	static const struct {
		const char *descriptor, *text, *out; /* out: NULL if refused */
	} given[] = {
		{ "A05", "FFFF9876543210E00001", "FFFF9876543210E00001" },
		{ "609", "FFFF9876543210E00001", "FFFF9876543210E00001" },
		{ "a05", "ffff9876543210e00001", "FFFF9876543210E00001" },
		{ "A23", "FFFF9876543210E00001", "FFFF9876543210E00001" },
		{ "605", "9876543210E00001", "FFFF9876543210E00001" },
		{ "808", "123456789012345600000001", "123456789012345600000001" },
		{ "088", "123456789012345600000001", "123456789012345600000001" },
		{ "A05", "9876543210E00001", NULL },
		{ "605", "FFFF9876543210E00001", NULL },
		{ "808", "FFFF9876543210E00001", NULL },
		{ "A05", "123456789012345600000001", NULL },
		{ "F09", "123456789012345600000001", NULL },
		{ "A0", "FFFF9876543210E00001", NULL },
		{ "", "FFFF9876543210E00001", NULL },
		{ "A055", "FFFF9876543210E00001", NULL },
		{ "AG5", "FFFF9876543210E00001", NULL },
		{ "A05", "FFFF9876543210E0000", NULL },
		{ "A05", "FFFF9876543210E0000G", NULL },
		{ "A05", "", NULL },
	};

	for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
		char field[64], text[KSN_TEXT];
		struct ksn k = tdes, f = tdes;
		enum err e = ksn_parse_described(&k, given[i].descriptor, given[i].text);

		snprintf(field, sizeof field, "%s%s", given[i].descriptor, given[i].text);
		ck_assert_msg(e == (given[i].out ? E_OK : E_FORMAT), "row %zu", i);
		ck_assert_int_eq(ksn_parse_field53(&f, field), e);
		ck_assert_mem_eq(&k, &f, sizeof k);
		if (e) {
			ck_assert_mem_eq(&k, &tdes, sizeof k);
			continue;
		}
		ksn_text(text, &k);
		ck_assert_str_eq(text, given[i].out);
		ck_assert_int_eq(ksn_parse_field53(&f, given[i].descriptor), E_FORMAT);
		field[2] = 0;
		ck_assert_int_eq(ksn_parse_field53(&f, field), E_FORMAT);
		ck_assert_int_eq(ksn_parse_field53(&f, ""), E_FORMAT);
	}
}
END_TEST

START_TEST(is_built_from_key_set_and_device_and_taken_apart_again)
{
	static const uint8_t set[] = { 0xFF, 0xFF, 0x98, 0x76, 0x54 };
	static const uint32_t devices[] = { 0, 1, 2, 0x19081, 0x40000, 0x7FFFF, 0x80000, 0x90123456, 0xFFFFFFFF };

	enum dukpt_scheme scheme = (enum dukpt_scheme)_i;

	for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
		struct ksn k = { { 0 }, 0 }, later;
		struct span s;

		if (scheme == DUKPT_TDES && devices[i] > 0x7FFFF) {
			ck_assert_int_eq(ksn_make(&k, scheme, set, devices[i]), E_RANGE);
			ck_assert_int_eq(k.len, 0);
			continue;
		}
		ck_assert_int_eq(ksn_make(&k, scheme, set, devices[i]), E_OK);
		ck_assert(ksn_fits(&k, scheme) && ksn_initial(&k));
		later = at(&k, 0x1FF800);
		s = ksn_key_set(&later);
		ck_assert_uint_eq(s.len, dukpt_key_set_len(scheme));
		ck_assert_mem_eq(s.p, set, s.len);
		ck_assert_uint_eq(ksn_device(&later), devices[i]);
	}
}
END_TEST

START_TEST(builds_the_published_initial_ksns)
{
	static const uint8_t set[] = { 0xFF, 0xFF, 0x98, 0x76, 0x54 }, id[] = { 0x12, 0x34, 0x56, 0x78 };
	struct ksn k;

	/* 3210E00000 is 19 bits of device, 21 of counter: the device is 3210E00000 / 2^21 */
	ck_assert_int_eq(ksn_make(&k, DUKPT_TDES, set, 0x19087), E_OK);
	ck_assert_mem_eq(&k, &tdes, sizeof k);
	ck_assert_int_eq(ksn_make(&k, DUKPT_AES192, id, 0x90123456), E_OK);
	ck_assert_mem_eq(&k, &aes, sizeof k);
	ck_assert_int_eq(ksn_make(&k, DUKPT_NONE, id, 0), E_SCHEME);
	ck_assert_int_eq(ksn_make(&k, (enum dukpt_scheme)5, id, 0), E_SCHEME);
}
END_TEST

START_TEST(schemes_have_names)
{
	static const char *names[] = { "none", "tdes", "aes128", "aes192", "aes256", "none" };
	static const char *bad[] = { "", "none", "tde", "tdess", "AES128", "aes", "aes512" };
	enum dukpt_scheme s;

	for (int i = 0; i < 6; i++) {
		ck_assert_str_eq(dukpt_scheme_name((enum dukpt_scheme)i), names[i]);
		if (i == 0 || i == 5)
			continue;
		ck_assert_int_eq(dukpt_scheme_parse(&s, names[i]), E_OK);
		ck_assert_int_eq(s, i);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		s = DUKPT_AES192;
		ck_assert_int_eq(dukpt_scheme_parse(&s, bad[i]), E_FORMAT);
		ck_assert_int_eq(s, DUKPT_AES192);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("ksn");
	TCase *t = tcase_create("ksn");

	rows = test_vectors("ksn-counters.txt", &nrows);
	tcase_add_loop_test(t, follows_the_published_counters, 0, (int)nrows);
	tcase_add_test(t, a_tdes_device_has_1048575_counters);
	tcase_add_test(t, no_valid_aes_counter_is_skipped);
	tcase_add_test(t, nothing_follows_an_impossible_counter);
	tcase_add_test(t, a_counter_stays_inside_its_bits);
	tcase_add_test(t, reads_what_pin_pads_and_people_write);
	tcase_add_test(t, reads_what_switches_describe);
	tcase_add_loop_test(t, is_built_from_key_set_and_device_and_taken_apart_again, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_test(t, builds_the_published_initial_ksns);
	tcase_add_test(t, schemes_have_names);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
