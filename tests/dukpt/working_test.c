/*
 * Working keys of every type, and what is done with them: MACs and data are those of the primitives, and a key of one
 * type does nothing of another.
 */
#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "crypto/des.h"
#include "crypto/sha256.h"
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/mac.h"
#include "tests/lib/test.h"


static const struct key ik = { { 0x12, 0x73, 0x67, 0x1E, 0xA2, 0x6A, 0xC2, 0x9A, 0xFA, 0x4D, 0x10,
				 0x84, 0x12, 0x76, 0x52, 0xA1, 1,    2,    3,    4,    5,    6,
				 7,    8,    9,    10,   11,   12,   13,   14,   15,   16 },
			       32 };
static const struct ksn k = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 5 }, KSN_AES };
static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 5 }, KSN_TDES };

static struct key working(enum dukpt_key_type type, enum dukpt_usage usage)
{
	struct key out;

	ck_assert_int_eq(dukpt_host_aes_key(&out, &ik, DUKPT_AES256, &k, usage, type), E_OK);
	ck_assert_uint_eq(out.len, dukpt_key_kind(type)->len);
	return out;
}

START_TEST(every_type_and_usage_is_its_own_key)
{
	static const enum dukpt_usage usages[] = {
		DUKPT_USE_KEY_ENCRYPTION, DUKPT_USE_PIN,       DUKPT_USE_MAC_GENERATE,
		DUKPT_USE_MAC_VERIFY,     DUKPT_USE_MAC_BOTH,  DUKPT_USE_DATA_ENCRYPT,
		DUKPT_USE_DATA_DECRYPT,   DUKPT_USE_DATA_BOTH, DUKPT_USE_DERIVATION,
	};
	enum { USAGES = sizeof usages / sizeof usages[0], ALL = USAGES * DUKPT_KEY_TYPES };
	struct key keys[ALL];

	for (int i = 0; i < ALL; i++) {
		keys[i] = working((enum dukpt_key_type)(i / USAGES), usages[i % USAGES]);
		for (int j = 0; j < i; j++)
			ck_assert_mem_ne(keys[i].b, keys[j].b, 16);
	}
}
END_TEST

START_TEST(each_type_has_its_macs)
{
	static const struct {
		enum dukpt_mac_method method;
		enum dukpt_key_type first, last;
		size_t len;
	} rows[] = {
		{ DUKPT_MAC_RETAIL, DUKPT_KEY_2TDEA, DUKPT_KEY_2TDEA, 8 },
		{ DUKPT_MAC_CMAC, DUKPT_KEY_2TDEA, DUKPT_KEY_3TDEA, 8 },
		{ DUKPT_MAC_CMAC, DUKPT_KEY_AES128, DUKPT_KEY_AES256, 16 },
		{ DUKPT_MAC_HMAC, DUKPT_KEY_HMAC128, DUKPT_KEY_HMAC256, 32 },
	};
	static const uint8_t data[] = "4012345678909D987";

	for (int method = -1; method <= DUKPT_MAC_HMAC + 1; method++)
		for (int t = 0; t < DUKPT_KEY_TYPES; t++) {
			enum dukpt_key_type type = (enum dukpt_key_type)t;
			uint8_t mac[DUKPT_MAC_ANY] = { 0xA5 }, want[32];
			struct key key = working(type, DUKPT_USE_MAC_BOTH), half = key;
			struct span part = SPAN(data);
			size_t len = 99, row = 0;
			enum err e;

			while (row < 4 && (rows[row].method != (enum dukpt_mac_method)method ||
					   type < rows[row].first || type > rows[row].last))
				row++;
			e = dukpt_mac_by(mac, &len, (enum dukpt_mac_method)method, type, &key, data, sizeof data);
			if (row == 4) {
				ck_assert_int_eq(e, E_SCHEME);
				ck_assert(mac[0] == 0xA5 && len == 99);
				continue;
			}
			ck_assert_int_eq(e, E_OK);
			ck_assert_uint_eq(len, rows[row].len);
			if (row == 0)
				ck_assert_int_eq(dukpt_mac(want, &len, DUKPT_TDES, &key, data, sizeof data), E_OK);
			else if (row == 1)
				ck_assert_int_eq(cmac_tdes(want, &key, data, sizeof data), E_OK);
			else if (row == 2)
				ck_assert_int_eq(cmac_aes(want, &key, data, sizeof data), E_OK);
			else
				ck_assert_int_eq(hmac_sha256(want, (struct span){ key.b, key.len }, &part, 1), E_OK);
			ck_assert_mem_eq(mac, want, len);
			half.len = 8;
			ck_assert_int_eq(dukpt_mac_by(mac, &len, (enum dukpt_mac_method)method, type, &half, data, 1),
					 E_KEY);
			ck_assert_mem_eq(mac, want, len);
		}
}
END_TEST

START_TEST(no_mac_without_scheme_or_type)
{
	uint8_t mac[DUKPT_MAC_ANY] = { 0xA5 };
	size_t len = 99;

	ck_assert_int_eq(dukpt_mac(mac, &len, DUKPT_NONE, &ik, mac, 1), E_SCHEME);
	ck_assert_int_eq(dukpt_mac(mac, &len, (enum dukpt_scheme)5, &ik, mac, 1), E_SCHEME);
	ck_assert_int_eq(dukpt_mac_by(mac, &len, DUKPT_MAC_CMAC, (enum dukpt_key_type) - 1, &ik, mac, 1), E_SCHEME);
	ck_assert_int_eq(dukpt_mac_by(mac, &len, DUKPT_MAC_CMAC, DUKPT_KEY_TYPES, &ik, mac, 1), E_SCHEME);
	ck_assert(mac[0] == 0xA5 && len == 99);
}
END_TEST

START_TEST(data_are_enciphered_under_every_type_that_can)
{
	static const uint8_t data[48] = "some data to encipher, three blocks of AES long", zero[16],
			     iv[16] = { 1, 2, 3 };

	for (int t = -1; t <= DUKPT_KEY_TYPES; t++) {
		const struct dukpt_key_kind *kind = dukpt_key_kind((enum dukpt_key_type)t);
		struct key key = kind ? working((enum dukpt_key_type)t, DUKPT_USE_DATA_BOTH) : ik;
		uint8_t out[48] = { 0 }, want[48] = { 0 };

		for (int with = 0; with < 2; with++) {
			enum err e =
				dukpt_data_by(out, (enum dukpt_key_type)t, &key, ENCRYPT, with ? iv : NULL, data, 48);
			const uint8_t *start = with ? iv : zero;

			if (!kind || !kind->block) {
				ck_assert_int_eq(e, E_SCHEME);
				ck_assert_mem_eq(out, want, 48);
				continue;
			}
			ck_assert_int_eq(e, E_OK);
			ck_assert_int_eq(kind->block == 8 ? des_cbc(want, &key, ENCRYPT, start, data, 6)
							  : aes_cbc(want, &key, ENCRYPT, start, data, 3),
					 E_OK);
			ck_assert_mem_eq(out, want, 48);
			ck_assert_int_eq(
				dukpt_data_by(out, (enum dukpt_key_type)t, &key, DECRYPT, with ? iv : NULL, out, 48),
				E_OK);
			ck_assert_mem_eq(out, data, 48);
			ck_assert_int_eq(dukpt_data_by(out, (enum dukpt_key_type)t, &key, ENCRYPT, iv, data, 47),
					 E_RANGE);
			key.len ^= 8;
			ck_assert_int_eq(dukpt_data_by(out, (enum dukpt_key_type)t, &key, ENCRYPT, iv, data, 48),
					 E_KEY);
			key.len ^= 8;
			ck_assert_mem_eq(out, data, 48);
		}
	}
	ck_assert_uint_eq(dukpt_block_len(DUKPT_TDES), 8);
	ck_assert_uint_eq(dukpt_block_len(DUKPT_AES192), 16);
	ck_assert_uint_eq(dukpt_block_len(DUKPT_NONE), 0);
}
END_TEST

START_TEST(types_have_names)
{
	static const char *names[] = {
		"2TDEA", "3TDEA", "AES128", "AES192", "AES256", "HMAC128", "HMAC192", "HMAC256"
	};
	static const char *bad[] = { "", "AES", "AES1280", "aes128", "HMAC", "4TDEA", "AES-128" };
	enum dukpt_key_type type;

	for (int i = 0; i < DUKPT_KEY_TYPES; i++) {
		ck_assert_str_eq(dukpt_key_kind((enum dukpt_key_type)i)->name, names[i]);
		ck_assert_int_eq(dukpt_key_type_parse(&type, names[i]), E_OK);
		ck_assert_int_eq(type, i);
	}
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		type = DUKPT_KEY_HMAC192;
		ck_assert_int_eq(dukpt_key_type_parse(&type, bad[i]), E_FORMAT);
		ck_assert_int_eq(type, DUKPT_KEY_HMAC192);
	}
	ck_assert_int_eq(dukpt_key_type_of(&type, DUKPT_NONE), E_SCHEME);
	ck_assert_int_eq(dukpt_key_type_of(&type, (enum dukpt_scheme)5), E_SCHEME);
	ck_assert_int_eq(dukpt_key_type_of(&type, DUKPT_TDES), E_OK);
	ck_assert_int_eq(type, DUKPT_KEY_2TDEA);
}
END_TEST

START_TEST(what_is_no_working_key_is_refused)
{
	struct key out = { { 0xA5 }, 7 }, half = ik, half_tdes = { { 1 }, 8 };
	struct ksn initial = k;

	initial.b[11] = 0;
	half.len = 16;
#define TXN(key, scheme, ksn, usage) dukpt_txn_aes_key(&out, key, scheme, ksn, usage, DUKPT_KEY_AES128)
	ck_assert_int_eq(TXN(&ik, DUKPT_AES256, &initial, DUKPT_USE_PIN), E_COUNTER);
	ck_assert_int_eq(TXN(&half, DUKPT_AES256, &k, DUKPT_USE_PIN), E_KEY);
	ck_assert_int_eq(TXN(&ik, DUKPT_AES256, &tdes, DUKPT_USE_PIN), E_SCHEME);
	ck_assert_int_eq(TXN(&ik, DUKPT_TDES, &k, DUKPT_USE_PIN), E_SCHEME);
	ck_assert_int_eq(TXN(&ik, DUKPT_AES256, &k, DUKPT_USE_INITIAL_KEY), E_RANGE);
	ck_assert_int_eq(TXN(&ik, DUKPT_AES256, &k, (enum dukpt_usage)0x1001), E_RANGE);
#undef TXN
	ck_assert_int_eq(dukpt_host_aes_key(&out, &half, DUKPT_AES128, &k, DUKPT_USE_PIN, DUKPT_KEY_AES192),
			 E_STRENGTH);
	ck_assert_int_eq(dukpt_host_aes_key(&out, &half, DUKPT_AES128, &initial, DUKPT_USE_PIN, DUKPT_KEY_AES128),
			 E_COUNTER);
	ck_assert_int_eq(dukpt_txn_key(&out, &half, DUKPT_TDES, &k, DUKPT_PIN), E_SCHEME);
	ck_assert_int_eq(dukpt_txn_key(&out, &half, DUKPT_NONE, &k, DUKPT_PIN), E_SCHEME);
	ck_assert_int_eq(dukpt_host_ik(&out, &half, DUKPT_AES256, &k), E_KEY);
	ck_assert_int_eq(dukpt_host_ik(&out, &half_tdes, DUKPT_TDES, &tdes), E_KEY);
	ck_assert_int_eq(dukpt_host_ik(&out, &half, DUKPT_TDES, &k), E_SCHEME);
	ck_assert_int_eq(dukpt_host_ik(&out, &half, DUKPT_AES128, &tdes), E_SCHEME);
	ck_assert_int_eq(dukpt_host_ik(&out, &half, DUKPT_NONE, &k), E_SCHEME);
	ck_assert(out.b[0] == 0xA5 && out.len == 7);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("working");
	TCase *t = tcase_create("working");

	tcase_add_test(t, every_type_and_usage_is_its_own_key);
	tcase_add_test(t, each_type_has_its_macs);
	tcase_add_test(t, no_mac_without_scheme_or_type);
	tcase_add_test(t, data_are_enciphered_under_every_type_that_can);
	tcase_add_test(t, types_have_names);
	tcase_add_test(t, what_is_no_working_key_is_refused);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
