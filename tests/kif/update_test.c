/*
 * What kif update reads: a key block out of a file, and the facts out of a RECEIPT. Both from strangers.
 */
#include "kif/update.h"
#include "tests/lib/test.h"

#include <string.h>

#define A10 "D001045678"
#define X100 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10
#define X507 X100 X100 X100 X100 X100 "5678901"

static const struct {
	const char *text, *block;
	enum err e;
} files[] = {
	{ A10, A10, E_OK },
	{ A10 "\n", A10, E_OK },
	{ "case = 1\n\nkey_block = " A10 "\nstatus = ok\n", A10, E_OK },
	{ "# a comment\n\n" A10 "\nD2\n", A10, E_OK },
	{ "key_block = B0104\n" A10 "\n", "B0104", E_OK }, /* the terminal says what it thinks of it */
	{ "D0512" X507, "D0512" X507, E_OK },
	{ "D0513" X507 "8", "", E_SPACE },
	{ "", "", E_SHORT },
	{ "\n\n", "", E_SHORT },
	{ "key_block = \n", "", E_SHORT },
	{ "status = refused\n", "", E_SHORT },
	{ "D0011456789\n", "D0011456789", E_OK },
	{ "D0010456789\n", "", E_SHORT }, /* another length than it says */
	{ "D00104567\n", "", E_SHORT },
	{ "D000\n", "", E_SHORT },
	{ "Dk4GA1UEAwwHQSByb29tMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEx1J5bWUu\n", "", E_SHORT }, /* out of a certificate */
	{ "D0006\r\n", "", E_FORMAT },
	{ "D0006\x80\n", "", E_FORMAT },
};

START_TEST(a_key_block_is_found_in_a_file)
{
	char out[UPDATE_BLOCK + 1] = "?";

	ck_assert_int_eq(update_block(out, (struct span){ (const uint8_t *)files[_i].text, strlen(files[_i].text) }),
			 files[_i].e);
	ck_assert_str_eq(out, files[_i].block);
}
END_TEST

/* result, slot, KSN, check value, load count; a signature comes behind */
static const uint8_t good[] = { 0, 0, 1, 12, 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0,
				0, 0, 0, 5,  1,    2,    3,    4,    5,    0,    0,    0,    2 };

START_TEST(a_receipt_is_taken_for_its_slot_alone_and_only_whole)
{
	static const struct update_result none;
	uint8_t in[sizeof good + 65] = { 0 };
	struct update_result out = none;

	memcpy(in, good, sizeof good);
	for (size_t n = 0; n <= sizeof in; n++)
		if (n != sizeof good + 64)
			ck_assert_int_ne(update_receipt(&out, 1, (struct span){ in, n }), E_OK);
	for (unsigned slot = 0; slot < 8; slot++)
		if (slot != 1)
			ck_assert_int_eq(update_receipt(&out, slot, (struct span){ in, sizeof in - 1 }), E_FORMAT);
	for (unsigned at = 0; at < 4; at++) { /* another result, slot, length */
		in[at] ^= 0x10;
		ck_assert_int_ne(update_receipt(&out, 1, (struct span){ in, sizeof in - 1 }), E_OK);
		in[at] ^= 0x10;
	}
	ck_assert_mem_eq(&out, &none, sizeof out);
	ck_assert_int_eq(update_receipt(&out, 1, (struct span){ in, sizeof in - 1 }), E_OK);
	ck_assert(out.done);
	ck_assert_str_eq(out.ksn, "123456789012345600000000");
	ck_assert_str_eq(out.kcv, "0102030405");
	ck_assert_uint_eq(out.load_count, 2);
}
END_TEST

/* Lengths that fill the message and no buffer of ours. */
START_TEST(no_field_is_longer_than_its_place)
{
	static const struct update_result none;
	uint8_t in[4 + 255 + 1 + 255 + 4 + 64];
	struct update_result out = none;

	for (unsigned ksn = 0; ksn < 256; ksn++)
		for (unsigned kcv = 0; kcv < 256; kcv++) {
			size_t n = 4 + ksn + 1 + kcv + 4 + 64;

			memset(in, 0, sizeof in);
			in[2] = 1;
			in[3] = (uint8_t)ksn;
			in[4 + ksn] = (uint8_t)kcv;
			ck_assert(!update_receipt(&out, 1, (struct span){ in, n }) ==
				  (ksn <= UPDATE_KSN && kcv <= UPDATE_KCV));
		}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kif/update");
	TCase *t = tcase_create("update");

	tcase_add_loop_test(t, a_key_block_is_found_in_a_file, 0, sizeof files / sizeof files[0]);
	tcase_add_test(t, a_receipt_is_taken_for_its_slot_alone_and_only_whole);
	tcase_add_test(t, no_field_is_longer_than_its_place);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
