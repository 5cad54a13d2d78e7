/*
 * TDES DUKPT against the published examples of X9.24-1:2009 A.4, from the BDK to PIN block, MACs and data.
 */
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/kcv.h"
#include "dukpt/mac.h"
#include "dukpt/pinblock.h"
#include "dukpt/tdes.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static const struct stanza *rows, *inputs;
static size_t nrows;
static struct key bdk, ik;
static struct ksn iksn;

#define FIRST 2		/* rows before it: the initial key, the inputs */

static void load(void)
{
	rows = test_vectors("x9.24-1-2009.txt", &nrows);
	inputs = &rows[1];
	bdk = test_key(stanza_get(&rows[0], "bdk"));
	ik = test_key(stanza_get(&rows[0], "ik"));
	if (ksn_parse(&iksn, stanza_get(&rows[0], "iksn")) || !stanza_get(inputs, "mac_data_ascii"))
		exit(2);
}

static struct ksn row_ksn(int i)
{
	struct ksn k = { { 0 }, 0 };

	ck_assert_int_eq(ksn_parse(&k, stanza_get(&rows[i], "ksn")), E_OK);
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
	struct key out, variant, left = bdk, right;
	struct ksn later;
	uint8_t data[8];

	ck_assert_int_eq(dukpt_tdes_ik(&out, &bdk, &iksn), E_OK);
	ck_assert_mem_eq(out.b, ik.b, 16);
	ck_assert_uint_eq(out.len, 16);
	/* its counter does not matter */
	ksn_set_counter(&later, &iksn, 0x1FF800);
	ck_assert_int_eq(dukpt_tdes_ik(&out, &bdk, &later), E_OK);
	ck_assert_mem_eq(out.b, ik.b, 16);
	/* as a token does it: two ECB encryptions of the same data under the BDK and its variant */
	dukpt_tdes_ik_data(data, &later);
	assert_hex(data, 8, "FFFF9876543210E0");
	ck_assert_int_eq(dukpt_tdes_variant(&variant, &left), E_OK);
	ck_assert_int_eq(dukpt_data(out.b, DUKPT_TDES, &left, ENCRYPT, data, 8), E_OK);
	right = variant;
	ck_assert_int_eq(dukpt_data(out.b + 8, DUKPT_TDES, &right, ENCRYPT, data, 8), E_OK);
	ck_assert_mem_eq(out.b, ik.b, 16);
}
END_TEST

START_TEST(derives_the_published_transaction_key)
{
	struct ksn k = row_ksn(_i);
	struct key txn;

	ck_assert_int_eq(dukpt_tdes_txn(&txn, &ik, &k), E_OK);
	assert_hex(txn.b, txn.len, stanza_get(&rows[_i], "txn_key"));
	ck_assert_int_eq(dukpt_host_txn(&txn, &ik, DUKPT_TDES, &k), E_OK);
	assert_hex(txn.b, txn.len, stanza_get(&rows[_i], "txn_key"));
}
END_TEST

START_TEST(enciphers_the_published_pin_block)
{
	struct ksn k = row_ksn(_i);
	struct pin pin, back;
	struct pan pan;
	struct key key;
	uint8_t block[8], out[8];

	ck_assert_int_eq(pin_parse(&pin, stanza_get(inputs, "pin")), E_OK);
	ck_assert_int_eq(pan_parse(&pan, stanza_get(inputs, "pan")), E_OK);
	ck_assert_int_eq(dukpt_host_key(&key, &ik, DUKPT_TDES, &k, DUKPT_PIN), E_OK);
	ck_assert_int_eq(pinblock_encode(block, PIN_FORMAT_0, &pin, &pan, NULL), E_OK);
	assert_hex(block, 8, stanza_get(inputs, "pin_block_fmt0"));
	ck_assert_int_eq(dukpt_data(out, DUKPT_TDES, &key, ENCRYPT, block, 8), E_OK);
	assert_hex(out, 8, stanza_get(&rows[_i], "enc_pin_block"));
	ck_assert_int_eq(dukpt_data(out, DUKPT_TDES, &key, DECRYPT, out, 8), E_OK);
	ck_assert_int_eq(pinblock_decode(&back, PIN_FORMAT_0, out, &pan), E_OK);
	ck_assert_mem_eq(&back, &pin, sizeof pin);
}
END_TEST

START_TEST(makes_the_published_macs)
{
	static const struct {
		enum dukpt_purpose purpose;
		const char *field;
	} macs[] = { { DUKPT_MAC_REQUEST, "mac_request" }, { DUKPT_MAC_RESPONSE, "mac_response" } };
	const char *data = stanza_get(inputs, "mac_data_ascii");
	struct ksn k = row_ksn(_i);

	for (int i = 0; i < 2; i++) {
		uint8_t mac[DUKPT_MAC_MAX];
		struct key key;
		size_t len;

		ck_assert_int_eq(dukpt_host_key(&key, &ik, DUKPT_TDES, &k, macs[i].purpose), E_OK);
		ck_assert_int_eq(dukpt_mac(mac, &len, DUKPT_TDES, &key, (const uint8_t *)data, strlen(data)), E_OK);
		ck_assert_uint_eq(len, 8);
		assert_hex(mac, 4, stanza_get(&rows[_i], macs[i].field));
	}
}
END_TEST

START_TEST(encrypts_the_published_data)
{
	struct ksn k = row_ksn(_i);
	struct key key, twin;
	uint8_t plain[24], out[24], wrong[24];

	test_hex(plain, sizeof plain, stanza_get(inputs, "data_plaintext"));
	ck_assert_int_eq(dukpt_host_key(&key, &ik, DUKPT_TDES, &k, DUKPT_DATA_REQUEST), E_OK);
	ck_assert_int_eq(dukpt_data(out, DUKPT_TDES, &key, ENCRYPT, plain, 24), E_OK);
	assert_hex(out, 24, stanza_get(&rows[_i], "enc_request"));
	/* the common bug, a variant without the one-way step, gives something else */
	ck_assert_int_eq(dukpt_tdes_txn(&twin, &ik, &k), E_OK);
	twin.b[5] ^= 0xFF;
	twin.b[13] ^= 0xFF;
	ck_assert_int_eq(dukpt_data(wrong, DUKPT_TDES, &twin, ENCRYPT, plain, 24), E_OK);
	ck_assert_mem_ne(wrong, out, 24);
	ck_assert_int_eq(dukpt_data(out, DUKPT_TDES, &key, DECRYPT, out, 24), E_OK);
	ck_assert_mem_eq(out, plain, 24);
}
END_TEST

/* X9.24-1 prints no response data: the variant in byte 3, encrypted under itself half by half. */
START_TEST(the_response_data_key_is_its_variant_under_itself)
{
	struct ksn k = row_ksn(_i);
	struct key txn, key;

	ck_assert_int_eq(dukpt_tdes_txn(&txn, &ik, &k), E_OK);
	ck_assert_int_eq(dukpt_txn_key(&key, &txn, DUKPT_TDES, &k, DUKPT_DATA_RESPONSE), E_OK);
	txn.b[3] ^= 0xFF;
	txn.b[11] ^= 0xFF;
	for (int h = 0; h < 16; h += 8) {
		uint8_t half[8];

		ck_assert_int_eq(dukpt_data(half, DUKPT_TDES, &txn, ENCRYPT, txn.b + h, 8), E_OK);
		ck_assert_mem_eq(key.b + h, half, 8);
	}
}
END_TEST

START_TEST(five_purposes_are_five_keys)
{
	struct ksn k = row_ksn(_i);
	struct key key[5], txn;

	ck_assert_int_eq(dukpt_tdes_txn(&txn, &ik, &k), E_OK);
	for (int p = DUKPT_PIN; p <= DUKPT_DATA_RESPONSE; p++) {
		ck_assert_int_eq(dukpt_tdes_working(&key[p], &txn, (enum dukpt_purpose)p), E_OK);
		ck_assert_mem_ne(key[p].b, txn.b, 16);
		for (int q = 0; q < p; q++)
			ck_assert_mem_ne(key[p].b, key[q].b, 16);
	}
}
END_TEST

START_TEST(refuses_what_is_no_tdes_key_and_leaves_the_output)
{
	static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 1 }, KSN_AES };
	static const uint8_t lengths[] = { 0, 8, 24, 32 };
	struct key out = { { 0xA5 }, 3 }, before = out, bad = ik;
	struct ksn k = row_ksn(FIRST);
	size_t mac_len = 99;
	uint8_t b[16] = { 1 }, len = 9;

	for (size_t i = 0; i < sizeof lengths; i++) {
		bad.len = lengths[i];
		ck_assert_int_eq(dukpt_tdes_ik(&out, &bad, &iksn), E_KEY);
		ck_assert_int_eq(dukpt_tdes_variant(&out, &bad), E_KEY);
		ck_assert_int_eq(dukpt_tdes_step(&out, &bad, &k), E_KEY);
		ck_assert_int_eq(dukpt_tdes_txn(&out, &bad, &k), E_KEY);
		ck_assert_int_eq(dukpt_tdes_working(&out, &bad, DUKPT_PIN), E_KEY);
		ck_assert_int_eq(dukpt_txn_key(&out, &bad, DUKPT_TDES, &k, DUKPT_PIN), E_KEY);
		ck_assert_int_eq(dukpt_host_key(&out, &bad, DUKPT_TDES, &k, DUKPT_PIN), E_KEY);
		ck_assert_int_eq(kcv_compute(b, &len, DUKPT_TDES, &bad), E_KEY);
		ck_assert_int_eq(dukpt_mac(b, &mac_len, DUKPT_TDES, &bad, b, 1), E_KEY);
		ck_assert_int_eq(dukpt_data(b, DUKPT_TDES, &bad, ENCRYPT, b, 8), E_KEY);
	}
	ck_assert_int_eq(dukpt_tdes_ik(&out, &bdk, &aes), E_SCHEME);
	ck_assert_int_eq(dukpt_tdes_step(&out, &ik, &aes), E_SCHEME);
	ck_assert_int_eq(dukpt_tdes_txn(&out, &ik, &aes), E_SCHEME);
	ck_assert_int_eq(dukpt_host_key(&out, &ik, DUKPT_TDES, &aes, DUKPT_PIN), E_SCHEME);
	ck_assert_int_eq(dukpt_host_key(&out, &ik, DUKPT_NONE, &k, DUKPT_PIN), E_SCHEME);
	ck_assert_int_eq(dukpt_host_key(&out, &ik, DUKPT_TDES, &k, (enum dukpt_purpose)5), E_RANGE);
	ck_assert_int_eq(dukpt_data(b, DUKPT_TDES, &ik, ENCRYPT, b, 7), E_RANGE);
	ck_assert_mem_eq(&out, &before, sizeof out);
	ck_assert(b[0] == 1 && len == 9 && mac_len == 99);
}
END_TEST

START_TEST(the_check_value_is_three_bytes_of_e_of_zero)
{
	static const uint8_t zero[8];
	uint8_t kcv[KCV_MAX] = { 9, 9, 9, 9, 9 }, b[8], len;

	ck_assert_int_eq(kcv_compute(kcv, &len, DUKPT_TDES, &bdk), E_OK);
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(dukpt_data(b, DUKPT_TDES, &bdk, ENCRYPT, zero, 8), E_OK);
	ck_assert_mem_eq(kcv, b, 3);
	ck_assert(!kcv[3] && !kcv[4]);
	assert_hex(kcv, 3, "08D7B4");		/* the check value of this well-known key */
}
END_TEST

/* Zero padding: a message and the same with zeros up to the block are one MAC; a whole block takes none. */
START_TEST(the_retail_mac_pads_with_zeros)
{
	static const uint8_t data[24] = { 'd', 'u', 'k', 'p', 't', 1, 2, 3, 4 };
	uint8_t mac[25][DUKPT_MAC_MAX];
	size_t len;

	for (size_t n = 0; n <= 24; n++)
		ck_assert_int_eq(dukpt_mac(mac[n], &len, DUKPT_TDES, &ik, data, n), E_OK);
	for (size_t n = 9; n <= 16; n++)
		ck_assert_mem_eq(mac[n], mac[9], 8);
	ck_assert_mem_ne(mac[8], mac[9], 8);
	ck_assert_mem_ne(mac[16], mac[17], 8);
	ck_assert_mem_ne(mac[0], mac[1], 8);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("tdes");
	TCase *t = tcase_create("tdes");

	load();
	tcase_add_test(t, derives_the_published_initial_key);
	tcase_add_loop_test(t, derives_the_published_transaction_key, FIRST, (int)nrows);
	tcase_add_loop_test(t, enciphers_the_published_pin_block, FIRST, (int)nrows);
	tcase_add_loop_test(t, makes_the_published_macs, FIRST, (int)nrows);
	tcase_add_loop_test(t, encrypts_the_published_data, FIRST, (int)nrows);
	tcase_add_loop_test(t, the_response_data_key_is_its_variant_under_itself, FIRST, (int)nrows);
	tcase_add_loop_test(t, five_purposes_are_five_keys, FIRST, (int)nrows);
	tcase_add_test(t, refuses_what_is_no_tdes_key_and_leaves_the_output);
	tcase_add_test(t, the_check_value_is_three_bytes_of_e_of_zero);
	tcase_add_test(t, the_retail_mac_pads_with_zeros);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
