/*
 * AES DUKPT against the published examples of X9.24-3:2017 and its supplement: all strengths, all working key types.
 */
#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "dukpt/aes.h"
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/kcv.h"
#include "dukpt/mac.h"
#include "dukpt/pinblock.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct stanza *rows, *pin_rows;
static size_t nrows, npin_rows, niks;
static struct key ik[DUKPT_AES256 + 1]; /* of initial key ID 1234567890123456 */

static enum dukpt_scheme scheme_of(const char *type)
{
	return !strcmp(type, "AES128") ? DUKPT_AES128 : !strcmp(type, "AES192") ? DUKPT_AES192 : DUKPT_AES256;
}

static enum dukpt_scheme scheme_of_len(size_t len)
{
	return len == 16 ? DUKPT_AES128 : len == 24 ? DUKPT_AES192 : DUKPT_AES256;
}

static enum dukpt_key_type own_type(enum dukpt_scheme scheme)
{
	enum dukpt_key_type type;

	ck_assert_int_eq(dukpt_key_type_of(&type, scheme), E_OK);
	return type;
}

static void load(void)
{
	rows = test_vectors("x9.24-3-2017.txt", &nrows);
	pin_rows = test_vectors("x9.24-3-2017-format4.txt", &npin_rows);
	for (niks = 0; stanza_get(&rows[niks], "bdk"); niks++) {
		struct key k = test_key(stanza_get(&rows[niks], "ik"));

		if (!strcmp(stanza_get(&rows[niks], "ikid"), "1234567890123456"))
			ik[scheme_of_len(k.len)] = k;
	}
	for (int s = DUKPT_AES128; s <= DUKPT_AES256; s++)
		if (ik[s].len != dukpt_key_len((enum dukpt_scheme)s))
			exit(2);
}

static struct ksn ksn_of(const char *text)
{
	struct ksn k = { { 0 }, 0 };

	ck_assert_int_eq(ksn_parse(&k, text), E_OK);
	return k;
}

static void assert_hex(const uint8_t *got, size_t len, const char *want)
{
	uint8_t b[64];

	ck_assert_uint_eq(test_hex(b, sizeof b, want), len);
	ck_assert_mem_eq(got, b, len);
}

START_TEST(derives_the_published_initial_key)
{
	const struct stanza *r = &rows[_i];
	const char *data = stanza_get(r, "derivation_data");
	struct key bdk = test_key(stanza_get(r, "bdk")), out;
	enum dukpt_scheme scheme = scheme_of_len(bdk.len);
	struct dukpt_step s;
	struct ksn k;
	char text[32];

	snprintf(text, sizeof text, "%s00000007", stanza_get(r, "ikid"));
	k = ksn_of(text);
	ck_assert_int_eq(dukpt_aes_step_ik(&s, scheme, &k), E_OK);
	if (data || (data = stanza_get(r, "derivation_data_block1")))
		assert_hex(s.data, 16, data);
	if ((data = stanza_get(r, "derivation_data_block2")))
		assert_hex(s.data + 16, 16, data);
	ck_assert_uint_eq(dukpt_step_blocks(&s), bdk.len == 16 ? 1 : 2);
	ck_assert_int_eq(dukpt_run(&out, &bdk, &s), E_OK);
	assert_hex(out.b, out.len, stanza_get(r, "ik"));
}
END_TEST

static const struct {
	const char *field;
	enum dukpt_usage usage;
	int purpose; /* -1: no terminal key */
} usages[] = {
	{ "key_key_encryption", DUKPT_USE_KEY_ENCRYPTION, -1 },
	{ "key_pin", DUKPT_USE_PIN, DUKPT_PIN },
	{ "key_mac_gen", DUKPT_USE_MAC_GENERATE, DUKPT_MAC_REQUEST },
	{ "key_mac_ver", DUKPT_USE_MAC_VERIFY, DUKPT_MAC_RESPONSE },
	{ "key_mac_both", DUKPT_USE_MAC_BOTH, -1 },
	{ "key_data_enc", DUKPT_USE_DATA_ENCRYPT, DUKPT_DATA_REQUEST },
	{ "key_data_dec", DUKPT_USE_DATA_DECRYPT, DUKPT_DATA_RESPONSE },
	{ "key_data_both", DUKPT_USE_DATA_BOTH, -1 },
	{ "key_key_derivation", DUKPT_USE_DERIVATION, -1 },
};

#define USAGES (sizeof usages / sizeof usages[0])

static enum dukpt_key_type type_of(const char *name)
{
	enum dukpt_key_type type;

	ck_assert_int_eq(dukpt_key_type_parse(&type, name), E_OK);
	return type;
}

/*
 * Also the rows whose counter no terminal reaches: the figures stand in the supplement, so the steps have to agree.
 * Only the walk refuses such a counter, and is therefore begun here by hand.
 */
START_TEST(derives_every_published_figure)
{
	const struct stanza *r = &rows[_i];
	enum dukpt_scheme scheme = scheme_of(stanza_get(r, "ik_type"));
	enum dukpt_key_type type = type_of(stanza_get(r, "working_key_type"));
	struct ksn k = ksn_of(stanza_get(r, "ksn"));
	struct dukpt_walk w = { scheme, ksn_counter(&k), 0 };
	struct key key = ik[scheme], working;
	struct dukpt_step s;
	int steps = 0, figures = 0;

	while (dukpt_aes_step_next(&s, &w, &k)) {
		ck_assert_int_eq(dukpt_run(&key, &key, &s), E_OK);
		steps++;
	}
	ck_assert_int_eq(steps, __builtin_popcount(ksn_counter(&k)));
	if (stanza_get(r, "deriv_key")) {
		assert_hex(key.b, key.len, stanza_get(r, "deriv_key"));
		figures++;
	}
	for (size_t i = 0; i < USAGES; i++) {
		if (!stanza_get(r, usages[i].field))
			continue;
		ck_assert_int_eq(dukpt_aes_step_working(&s, scheme, &k, usages[i].usage, type), E_OK);
		ck_assert_int_eq(dukpt_run(&working, &key, &s), E_OK);
		assert_hex(working.b, working.len, stanza_get(r, usages[i].field));
		figures++;
	}
	ck_assert_int_gt(figures, 0);
}
END_TEST

START_TEST(the_host_agrees_or_refuses_an_impossible_counter)
{
	const struct stanza *r = &rows[_i];
	enum dukpt_scheme scheme = scheme_of(stanza_get(r, "ik_type"));
	bool valid = !strcmp(stanza_get(r, "valid_counter"), "yes");
	bool own = type_of(stanza_get(r, "working_key_type")) == own_type(scheme);
	struct ksn k = ksn_of(stanza_get(r, "ksn"));
	struct key out = { { 0xA5 }, 1 }, before = out;
	struct dukpt_walk w;

	ck_assert_int_eq(ksn_counter_valid(&k), valid);
	ck_assert_int_eq(dukpt_aes_walk(&w, scheme, &k), valid ? E_OK : E_COUNTER);
	ck_assert_int_eq(dukpt_host_txn(&out, &ik[scheme], scheme, &k), valid ? E_OK : E_COUNTER);
	if (valid && stanza_get(r, "deriv_key"))
		assert_hex(out.b, out.len, stanza_get(r, "deriv_key"));
	for (size_t i = 0; i < USAGES; i++) {
		enum dukpt_purpose purpose = (enum dukpt_purpose)usages[i].purpose;

		if (usages[i].purpose < 0)
			continue;
		out = before;
		ck_assert_int_eq(dukpt_host_key(&out, &ik[scheme], scheme, &k, purpose), valid ? E_OK : E_COUNTER);
		if (!valid)
			ck_assert_mem_eq(&out, &before, sizeof out);
		else if (own && stanza_get(r, usages[i].field))
			assert_hex(out.b, out.len, stanza_get(r, usages[i].field));
	}
}
END_TEST

START_TEST(the_update_key_is_derived_at_the_last_number)
{
	const struct stanza *r = &rows[_i];
	enum dukpt_scheme scheme = scheme_of(stanza_get(r, "ik_type"));
	struct ksn k = ksn_of(stanza_get(r, "ksn"));
	struct key key = ik[scheme];
	struct dukpt_walk w;
	struct dukpt_step s;

	if (ksn_counter(&k) != UINT32_MAX)
		return;
	ck_assert_int_eq(dukpt_aes_walk_update(&w, scheme), E_OK);
	while (dukpt_aes_step_next(&s, &w, &k))
		ck_assert_int_eq(dukpt_run(&key, &key, &s), E_OK);
	ck_assert_int_eq(dukpt_aes_step_working(&s, scheme, &k, DUKPT_USE_KEY_ENCRYPTION,
						type_of(stanza_get(r, "working_key_type"))),
			 E_OK);
	ck_assert_int_eq(dukpt_run(&key, &key, &s), E_OK);
	assert_hex(key.b, key.len, stanza_get(r, "key_key_encryption"));
}
END_TEST

START_TEST(enciphers_the_published_pin_block)
{
	const struct stanza *r = &pin_rows[_i];
	struct ksn k = ksn_of(stanza_get(r, "ksn"));
	uint8_t random[8], out[16];
	struct pin pin, back;
	struct pan pan;
	struct key key;

	test_hex(random, sizeof random, stanza_get(r, "random"));
	ck_assert_int_eq(pin_parse(&pin, stanza_get(r, "pin")), E_OK);
	ck_assert_int_eq(pan_parse(&pan, stanza_get(r, "pan")), E_OK);
	ck_assert_int_eq(dukpt_host_key(&key, &ik[DUKPT_AES128], DUKPT_AES128, &k, DUKPT_PIN), E_OK);
	assert_hex(key.b, key.len, stanza_get(r, "pin_key"));
	ck_assert_int_eq(pinblock4_encipher(out, &key, &pin, &pan, random), E_OK);
	assert_hex(out, 16, stanza_get(r, "enc_pin_block"));
	ck_assert_int_eq(pinblock4_decipher(&back, &key, out, &pan), E_OK);
	ck_assert_mem_eq(&back, &pin, sizeof pin);
}
END_TEST

START_TEST(a_working_key_is_never_stronger_than_its_parent)
{
	/* per type: the weakest scheme that may have it */
	static const struct {
		enum dukpt_scheme least;
		uint8_t len;
		const char *head; /* algorithm and bits */
	} types[] = {
		[DUKPT_KEY_2TDEA] = { DUKPT_AES128, 16, "00000080" },
		[DUKPT_KEY_3TDEA] = { DUKPT_AES128, 24, "000100C0" },
		[DUKPT_KEY_AES128] = { DUKPT_AES128, 16, "00020080" },
		[DUKPT_KEY_AES192] = { DUKPT_AES192, 24, "000300C0" },
		[DUKPT_KEY_AES256] = { DUKPT_AES256, 32, "00040100" },
		[DUKPT_KEY_HMAC128] = { DUKPT_AES128, 16, "00050080" },
		[DUKPT_KEY_HMAC192] = { DUKPT_AES192, 24, "000500C0" },
		[DUKPT_KEY_HMAC256] = { DUKPT_AES256, 32, "00050100" },
	};
	struct ksn k = ksn_of("123456789012345600000001");

	for (int scheme = DUKPT_AES128; scheme <= DUKPT_AES256; scheme++)
		for (int t = 0; t < 8; t++) {
			struct dukpt_step s = { { 0 }, 77 };
			enum err e = dukpt_aes_step_working(&s, (enum dukpt_scheme)scheme, &k, DUKPT_USE_MAC_GENERATE,
							    (enum dukpt_key_type)t);

			ck_assert_int_eq(e, scheme < (int)types[t].least ? E_STRENGTH : E_OK);
			ck_assert_uint_eq(s.len, e ? 77 : types[t].len);
			if (!e)
				assert_hex(s.data + 4, 4, types[t].head);
		}
}
END_TEST

START_TEST(refuses_other_schemes_and_lengths)
{
	static const enum dukpt_scheme none[] = { DUKPT_NONE, DUKPT_TDES, (enum dukpt_scheme)5 };
	struct ksn k = ksn_of("123456789012345600000001"), tdes = ksn_of("FFFF9876543210E00001");
	struct dukpt_step s = { { 0 }, 77 };
	struct dukpt_walk w;
	struct key out = { { 0xA5 }, 1 }, bad = ik[DUKPT_AES128];

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(dukpt_aes_step_ik(&s, none[i], &k), E_SCHEME);
		ck_assert_int_eq(dukpt_aes_walk(&w, none[i], &k), E_SCHEME);
		ck_assert_int_eq(dukpt_aes_walk_update(&w, none[i]), E_SCHEME);
		ck_assert_int_eq(dukpt_aes_step_working(&s, none[i], &k, DUKPT_USE_PIN, DUKPT_KEY_AES128), E_SCHEME);
		ck_assert_int_eq(dukpt_host_key(&out, &bad, none[i], &k, DUKPT_PIN), E_SCHEME);
	}
	w = (struct dukpt_walk){ DUKPT_AES128, 5, 0 };
	ck_assert(!dukpt_aes_step_next(&s, &w, &tdes));
	/* also with the KSN of the scheme's own family */
	ck_assert_int_eq(dukpt_aes_step_ik(&s, DUKPT_TDES, &tdes), E_SCHEME);
	ck_assert_int_eq(dukpt_aes_walk(&w, DUKPT_AES128, &tdes), E_SCHEME);
	ck_assert_int_eq(dukpt_host_key(&out, &bad, DUKPT_AES128, &tdes, DUKPT_PIN), E_SCHEME);
	ck_assert_int_eq(dukpt_aes_step_working(&s, DUKPT_AES128, &k, DUKPT_USE_PIN, (enum dukpt_key_type)8), E_SCHEME);
	ck_assert_uint_eq(s.len, 77);
	ck_assert_int_eq(dukpt_run(&out, &bad, &s), E_KEY);
	ck_assert_int_eq(dukpt_host_key(&out, &bad, DUKPT_AES256, &k, DUKPT_PIN), E_KEY);
	ck_assert_int_eq(dukpt_host_key(&out, &bad, DUKPT_AES128, &k, (enum dukpt_purpose)5), E_RANGE);
	ck_assert(out.b[0] == 0xA5 && out.len == 1);
}
END_TEST

START_TEST(counter_zero_never_hands_out_the_initial_key)
{
	struct ksn k = ksn_of("123456789012345600000000"), tdes = ksn_of("FFFF9876543210E00000");
	struct key out = { { 0xA5 }, 1 };

	for (int s = DUKPT_AES128; s <= DUKPT_AES256; s++) {
		ck_assert_int_eq(dukpt_host_txn(&out, &ik[s], (enum dukpt_scheme)s, &k), E_COUNTER);
		ck_assert_int_eq(dukpt_txn_key(&out, &ik[s], (enum dukpt_scheme)s, &k, DUKPT_PIN), E_COUNTER);
	}
	ck_assert_int_eq(dukpt_host_txn(&out, &ik[DUKPT_AES128], DUKPT_TDES, &tdes), E_COUNTER);
	ck_assert_int_eq(dukpt_txn_key(&out, &ik[DUKPT_AES128], DUKPT_TDES, &tdes, DUKPT_PIN), E_COUNTER);
	ck_assert(out.b[0] == 0xA5 && out.len == 1);
}
END_TEST

START_TEST(check_values_macs_and_data_are_those_of_the_primitives)
{
	static const uint8_t zero[16];
	uint8_t data[48], a[48], b[48], kcv[KCV_MAX], len;

	for (unsigned i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(7 * i);
	for (int i = DUKPT_AES128; i <= DUKPT_AES256; i++) {
		enum dukpt_scheme s = (enum dukpt_scheme)i;
		size_t n;

		ck_assert_int_eq(kcv_compute(kcv, &len, s, &ik[s]), E_OK);
		ck_assert_int_eq(cmac_aes(a, &ik[s], zero, 16), E_OK);
		ck_assert_uint_eq(len, 5);
		ck_assert_mem_eq(kcv, a, 5);
		ck_assert_int_eq(dukpt_mac(a, &n, s, &ik[s], data, 21), E_OK);
		ck_assert_int_eq(cmac_aes(b, &ik[s], data, 21), E_OK);
		ck_assert_uint_eq(n, 16);
		ck_assert_mem_eq(a, b, 16);
		ck_assert_int_eq(dukpt_data(a, s, &ik[s], ENCRYPT, data, 48), E_OK);
		ck_assert_int_eq(aes_cbc(b, &ik[s], ENCRYPT, zero, data, 3), E_OK);
		ck_assert_mem_eq(a, b, 48);
		ck_assert_int_eq(dukpt_data(a, s, &ik[s], DECRYPT, a, 48), E_OK);
		ck_assert_mem_eq(a, data, 48);
		ck_assert_int_eq(dukpt_data(a, s, &ik[s], ENCRYPT, data, 40), E_RANGE);
		ck_assert_int_eq(dukpt_data(a, DUKPT_TDES, &ik[DUKPT_AES256], ENCRYPT, data, 40), E_KEY);
	}
	ck_assert_int_eq(dukpt_data(a, DUKPT_NONE, &ik[DUKPT_AES128], ENCRYPT, data, 16), E_SCHEME);
	ck_assert_int_eq(kcv_compute(kcv, &len, DUKPT_NONE, &ik[DUKPT_AES128]), E_SCHEME);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("aes");
	TCase *t = tcase_create("aes");

	load();
	tcase_add_loop_test(t, derives_the_published_initial_key, 0, (int)niks);
	tcase_add_loop_test(t, derives_every_published_figure, (int)niks, (int)nrows);
	tcase_add_loop_test(t, the_host_agrees_or_refuses_an_impossible_counter, (int)niks, (int)nrows);
	tcase_add_loop_test(t, the_update_key_is_derived_at_the_last_number, (int)niks, (int)nrows);
	tcase_add_loop_test(t, enciphers_the_published_pin_block, 0, (int)npin_rows);
	tcase_add_test(t, a_working_key_is_never_stronger_than_its_parent);
	tcase_add_test(t, refuses_other_schemes_and_lengths);
	tcase_add_test(t, counter_zero_never_hands_out_the_initial_key);
	tcase_add_test(t, check_values_macs_and_data_are_those_of_the_primitives);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
