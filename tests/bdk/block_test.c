/*
 * What key blocks say before anybody has a key: every published one is taken for what it is or refused, names and types of KBPKs,
 * and which may protect what.
 */
#include "bdk/block.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "tests/lib/test.h"

#include <string.h>

START_TEST(published_blocks_are_what_they_say)
{
	size_t n, bdks = 0;
	const struct stanza *r = test_vectors("x9.143.txt", &n);

	for (size_t i = 0; i < n; i++) {
		const char *text = stanza_get(&r[i], "key_block");
		char why[BLOCK_WHY];
		struct block b;
		enum err e = block_read(&b, (struct span){ (const uint8_t *)text, strlen(text) }, why);

		if (strcmp(stanza_get(&r[i], "outcome"), "ok") || strlen(text) > BLOCK_MAX)
			ck_assert_int_eq(e, E_FORMAT);
		else if (text[0] != 'B' && text[0] != 'D')
			ck_assert_int_eq(e, E_VERSION);
		else if (strncmp(text + 5, "B0", 2))
			ck_assert_int_eq(e, E_SCHEME);
		else if (strstr(text, "KS1800604B120F") || strstr(text, "BI100008793E2500"))
			ck_assert_int_eq(e, E_FORMAT); /* its id is none of a key set here */
		else
			ck_assert_int_eq(e, E_OK);
		ck_assert_int_eq(!e, !*why);
		bdks += !e;
	}
	ck_assert_uint_eq(bdks, 2);
}
END_TEST

/* Each type of KBPK with each key that may stand in a block: none protects a stronger one. */
START_TEST(a_kbpk_protects_nothing_stronger_than_itself)
{
	static const char *const names[] = { "2TDEA", "3TDEA", "AES128", "AES192", "AES256" };
	static const struct {
		bool tdes;
		uint8_t len;
	} keys[] = { { true, 16 }, { true, 24 }, { false, 16 }, { false, 24 }, { false, 32 } };
	static const char *const may[] = { "y....", "yy...", "yyy..", "yyyy.", "yyyyy" };
	enum dukpt_key_type type, back;

	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(kbpk_type_parse(&type, names[i]), E_OK);
		ck_assert_int_eq(kbpk_type_of(&back, keys[i].tdes, keys[i].len), E_OK);
		ck_assert_int_eq(back, type);
		ck_assert_int_eq(kbpk_version(type), i < 2 ? 'B' : 'D');
		for (unsigned k = 0; k < 5; k++)
			ck_assert_msg(kbpk_may_hold(type, keys[k].tdes, keys[k].len) == (may[i][k] == 'y'), "%s, %u",
				      names[i], k);
	}
	ck_assert_int_eq(kbpk_type_parse(&type, "HMAC128"), E_FORMAT);
	ck_assert_int_eq(kbpk_type_parse(&type, "aes128"), E_FORMAT);
	ck_assert_int_eq(kbpk_type_of(&type, true, 32), E_KEY);
	ck_assert_int_eq(kbpk_type_of(&type, false, 8), E_KEY);
	ck_assert_uint_eq(kbpk_len(DUKPT_KEY_HMAC256), 0);
	ck_assert_uint_eq(kbpk_len((enum dukpt_key_type)77), 0);
}
END_TEST

START_TEST(names_are_short_and_small)
{
	static const char *const good[] = { "a", "zmk-bank", "k2", "abcdefghijklmno" }, *const bad[] = {
		"", "-a", "2k", "Zmk", "zmk bank", "zmk/bank", "abcdefghijklmnop", "zm\xC3\xA4"
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		ck_assert_msg(kbpk_name_ok(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!kbpk_name_ok(bad[i]), "%s", bad[i]);
}
END_TEST

struct near {
	struct key key;
	bool tdes;
};

static enum err encipher(void *ctx, uint8_t *out, const uint8_t *in, size_t blocks)
{
	const struct near *k = ctx;

	return k->tdes ? des_ecb(out, &k->key, ENCRYPT, in, blocks) : aes_ecb(out, &k->key, ENCRYPT, in, blocks);
}

/* KC and KP of a published block are the check values of its key and its KBPK; with a digit changed they are not. */
START_TEST(check_values_in_blocks_are_compared_whole)
{
	struct near key = { test_key("EDB380DD340BC2620247D445F5B8D678"), true },
		    kbpk = { test_key("B8ED59E0A279A295E9F5ED7944FD06B9"), true };
	char text[] = "B0136B0TX00E0300BI1000FFFF987654KC0C00F4B08DKP0C002F0EEA16BD28BCC923ED336AF77733257CD5238E406F95"
		      "7CEDFE9172E7B2C88377EAC6884223A69E9B499D";
	struct span whole = { (const uint8_t *)text, sizeof text - 1 };
	char why[BLOCK_WHY];
	struct block b;
	struct kcv kcv;

	ck_assert_int_eq(block_read(&b, whole, why), E_OK);
	ck_assert_int_eq(block_check_value(&b, "KC", true, encipher, &key), E_OK);
	ck_assert_int_eq(block_check_value(&b, "KP", true, encipher, &kbpk), E_OK);
	ck_assert_int_eq(block_check_value(&b, "KC", true, encipher, &kbpk), E_MAC);
	ck_assert_int_eq(block_check_value(&b, "KP", true, encipher, &key), E_MAC);
	for (const char *at = strstr(text, "00F4B08D") + 2; *at != 'K'; at++) {
		text[at - text] = *at == '0' ? '1' : '0';
		ck_assert_int_eq(block_read(&b, whole, why), E_OK);
		ck_assert_int_eq(block_check_value(&b, "KC", true, encipher, &key), E_MAC);
		memcpy(text + 38, "F4B08D", 6);
	}
	ck_assert_int_eq(block_kcv(&kcv, true, encipher, &key), E_OK);
	ck_assert_uint_eq(kcv.len, 3);
	ck_assert_mem_eq(kcv.b, "\xF4\xB0\x8D", 3);
	key = (struct near){ test_key("FEDCBA9876543210F1F1F1F1F1F1F1F1"), false };
	ck_assert_int_eq(block_kcv(&kcv, false, encipher, &key), E_OK);
	ck_assert_uint_eq(kcv.len, 5);
	ck_assert_mem_eq(kcv.b, "\xFF\x0B\xD7\xC4\x55", 5);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("block");
	TCase *t = tcase_create("block");

	tcase_add_test(t, published_blocks_are_what_they_say);
	tcase_add_test(t, a_kbpk_protects_nothing_stronger_than_itself);
	tcase_add_test(t, names_are_short_and_small);
	tcase_add_test(t, check_values_in_blocks_are_compared_whole);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
