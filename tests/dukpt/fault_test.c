/*
 * When the cryptographic library fails, at whichever call: the failure is passed on, and nothing is left behind. The
 * primitives here are not ciphers but something that can be inverted, and that fails on command; they take the place of
 * both back ends.
 */
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "crypto/sha256.h"
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/ikblock.h"
#include "dukpt/kcv.h"
#include "dukpt/mac.h"
#include "dukpt/pinblock.h"
#include "dukpt/update.h"
#include "tests/lib/test.h"

#include <string.h>

static unsigned calls, fail_at; /* fail_at: 1 is the first call, 0 none */

static enum err mangle(uint8_t *out, size_t block, const struct key *key, enum dir dir, const uint8_t *iv,
		       const uint8_t *in, size_t blocks)
{
	uint8_t chain[16] = { 0 };

	if (++calls == fail_at) {
		wipe(out, block * blocks);
		return E_CRYPTO;
	}
	if (iv)
		memcpy(chain, iv, block);
	for (size_t b = 0; b < blocks; b++) {
		for (size_t i = 0; i < block; i++) {
			size_t at = b * block + i;
			uint8_t k = (uint8_t)(key->b[i % key->len] * 3u + 1u + i), x = in[at];

			if (dir == ENCRYPT)
				out[at] = (uint8_t)((x ^ chain[i]) + k);
			else
				out[at] = (uint8_t)((uint8_t)(x - k) ^ chain[i]);
			if (iv)
				chain[i] = dir == ENCRYPT ? out[at] : x;
		}
	}
	return E_OK;
}

enum err aes_ecb(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks)
{
	return mangle(out, 16, key, dir, NULL, in, blocks);
}

enum err aes_cbc(uint8_t *out, const struct key *key, enum dir dir, const uint8_t iv[static 16], const uint8_t *in,
		 size_t blocks)
{
	return mangle(out, 16, key, dir, iv, in, blocks);
}

enum err des_ecb(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks)
{
	return mangle(out, 8, key, dir, NULL, in, blocks);
}

enum err des_cbc(uint8_t *out, const struct key *key, enum dir dir, const uint8_t iv[static 8], const uint8_t *in,
		 size_t blocks)
{
	return mangle(out, 8, key, dir, iv, in, blocks);
}

enum err sha256(uint8_t out[static 32], const struct span *parts, size_t n)
{
	memset(out, (int)(n + parts->len), 32);
	return E_OK;
}

enum err hmac_sha256(uint8_t out[static 32], struct span key, const struct span *parts, size_t n)
{
	if (++calls == fail_at) {
		wipe(out, 32);
		return E_CRYPTO;
	}
	memset(out, (int)(n + parts->len + key.len), 32);
	return E_OK;
}

/* --- Every function that calls a primitive, with what it writes ------------------------------------------------- */

static const struct key key16 = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 }, 16 };
static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn tdes_used = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 5 }, KSN_TDES };
static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 0 }, KSN_AES };
static const struct ksn aes_used = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 5 }, KSN_AES };
static const struct ksn other = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x57, 0, 0, 0, 0 }, KSN_AES };
static const struct pin pin = { { 1, 2, 3, 4 }, 4 };
static const struct pan pan = { "4111111111111111", 16 };
static const uint8_t bytes[32] = { 9, 8, 7 };

static struct dukpt_registers loaded[2]; /* TDES, AES */
static char update[IKBLOCK_MAX], sealed[IKBLOCK_MAX];
static size_t update_len, sealed_len;
static uint8_t enciphered[16];

static union {
	struct key key;
	struct pin pin;
	uint8_t b[IKBLOCK_MAX];
	struct dukpt_registers r;
} out;
static size_t out_len;
static uint8_t out_len8;

#define STEP(name, call)                                                                                               \
	static enum err name(void)                                                                                     \
	{                                                                                                              \
		return call;                                                                                           \
	}

STEP(tdes_ik, dukpt_host_ik(&out.key, &key16, DUKPT_TDES, &tdes))
STEP(aes_ik, dukpt_host_ik(&out.key, &key16, DUKPT_AES128, &aes))
STEP(tdes_txn, dukpt_host_txn(&out.key, &key16, DUKPT_TDES, &tdes_used))
STEP(aes_txn, dukpt_host_txn(&out.key, &key16, DUKPT_AES128, &aes_used))
STEP(tdes_key, dukpt_host_key(&out.key, &key16, DUKPT_TDES, &tdes_used, DUKPT_DATA_REQUEST))
STEP(aes_key, dukpt_host_key(&out.key, &key16, DUKPT_AES128, &aes_used, DUKPT_PIN))
STEP(any_key, dukpt_host_aes_key(&out.key, &key16, DUKPT_AES128, &aes_used, DUKPT_USE_MAC_BOTH, DUKPT_KEY_3TDEA))
STEP(host_update, dukpt_host_update_key(&out.key, &key16, DUKPT_AES128, &aes, DUKPT_KEY_AES128))
STEP(kcv_tdes, kcv_compute(out.b, &out_len8, DUKPT_TDES, &key16))
STEP(kcv_aes, kcv_compute(out.b, &out_len8, DUKPT_AES128, &key16))
STEP(mac_tdes, dukpt_mac(out.b, &out_len, DUKPT_TDES, &key16, bytes, 20))
STEP(mac_aes, dukpt_mac(out.b, &out_len, DUKPT_AES128, &key16, bytes, 20))
STEP(mac_hmac, dukpt_mac_by(out.b, &out_len, DUKPT_MAC_HMAC, DUKPT_KEY_HMAC128, &key16, bytes, 20))
STEP(data_tdes, dukpt_data(out.b, DUKPT_TDES, &key16, ENCRYPT, bytes, 16))
STEP(data_aes, dukpt_data(out.b, DUKPT_AES128, &key16, ENCRYPT, bytes, 16))
STEP(encipher, pinblock4_encipher(out.b, &key16, &pin, &pan, bytes))
STEP(decipher, pinblock4_decipher(&out.pin, &key16, enciphered, &pan))
STEP(load_tdes, dukpt_registers_load(&out.r, DUKPT_TDES, &key16, &tdes))
STEP(load_aes, dukpt_registers_load(&out.r, DUKPT_AES128, &key16, &aes))
STEP(update_key, dukpt_update_key(&out.key, &loaded[1]))
STEP(update_all, dukpt_update(&out.r, &loaded[1], (struct span){ (uint8_t *)update, update_len }))
STEP(seal, dukpt_ik_block((char *)out.b, &out_len, 'D', DUKPT_AES128, &key16, &aes, &key16, bytes))

static enum err take(int i)
{
	static struct key txn;
	static struct ksn used;
	enum err e = dukpt_registers_take(&out.r, &txn, &used, &loaded[i]);

	return e;
}

STEP(take_tdes, take(0))
STEP(take_aes, take(1))

static enum err open_block(void)
{
	enum dukpt_scheme scheme;
	struct ksn k;

	return dukpt_ik_open(&out.key, &scheme, &k, (struct span){ (uint8_t *)sealed, sealed_len }, &key16);
}

/* zero: what is left in out after a failure is nothing; else out is as it was */
static const struct {
	const char *name;
	enum err (*run)(void);
	size_t size;
	bool zero;
} rows[] = {
	{ "tdes_ik", tdes_ik, sizeof out.key, false },
	{ "aes_ik", aes_ik, sizeof out.key, false },
	{ "tdes_txn", tdes_txn, sizeof out.key, false },
	{ "aes_txn", aes_txn, sizeof out.key, false },
	{ "tdes_key", tdes_key, sizeof out.key, false },
	{ "aes_key", aes_key, sizeof out.key, false },
	{ "any_key", any_key, sizeof out.key, false },
	{ "host_update", host_update, sizeof out.key, false },
	{ "kcv_tdes", kcv_tdes, KCV_MAX, false },
	{ "kcv_aes", kcv_aes, KCV_MAX, false },
	{ "mac_tdes", mac_tdes, 8, false },
	{ "mac_aes", mac_aes, 16, false },
	{ "mac_hmac", mac_hmac, 32, false },
	{ "data_tdes", data_tdes, 16, true },
	{ "data_aes", data_aes, 16, true },
	{ "encipher", encipher, 16, false },
	{ "decipher", decipher, sizeof out.pin, true },
	{ "load_tdes", load_tdes, sizeof out.r, true },
	{ "load_aes", load_aes, sizeof out.r, true },
	{ "take_tdes", take_tdes, sizeof out.r, true },
	{ "take_aes", take_aes, sizeof out.r, true },
	{ "update_key", update_key, sizeof out.key, false },
	{ "update_all", update_all, sizeof out.r, true },
	{ "seal", seal, IKBLOCK_MAX, true },
	{ "open_block", open_block, sizeof out.key, false },
};

enum { ROWS = sizeof rows / sizeof rows[0] };

static void prepare(void)
{
	struct dukpt_registers first;
	struct key key;
	struct ksn used;

	fail_at = 0;
	ck_assert_int_eq(dukpt_registers_load(&first, DUKPT_TDES, &key16, &tdes), E_OK);
	/* at counter 2 there are registers to fill */
	ck_assert_int_eq(dukpt_registers_take(&loaded[0], &key, &used, &first), E_OK);
	ck_assert_int_eq(dukpt_registers_load(&first, DUKPT_AES128, &key16, &aes), E_OK);
	ck_assert_int_eq(dukpt_registers_take(&loaded[1], &key, &used, &first), E_OK);
	ck_assert_int_eq(dukpt_update_key(&key, &loaded[1]), E_OK);
	ck_assert_int_eq(dukpt_ik_block(update, &update_len, 'D', DUKPT_AES128, &key16, &other, &key, bytes), E_OK);
	ck_assert_int_eq(dukpt_ik_block(sealed, &sealed_len, 'D', DUKPT_AES128, &key16, &aes, &key16, bytes), E_OK);
	ck_assert_int_eq(pinblock4_encipher(enciphered, &key16, &pin, &pan, bytes), E_OK);
}

START_TEST(a_failing_primitive_leaves_nothing)
{
	static uint8_t want[sizeof out];
	unsigned n;

	prepare();
	calls = 0;
	ck_assert_int_eq(rows[_i].run(), E_OK);
	n = calls;
	ck_assert_uint_gt(n, 0);
	for (fail_at = 1; fail_at <= n; fail_at++) {
		calls = 0;
		memset(&out, 0xA5, sizeof out);
		memset(want, rows[_i].zero ? 0 : 0xA5, sizeof want);
		ck_assert_msg(rows[_i].run() == E_CRYPTO, "%s: call %u of %u", rows[_i].name, fail_at, n);
		ck_assert_uint_eq(calls, fail_at);
		ck_assert_mem_eq(&out, want, rows[_i].size);
	}
	/* and it is sound again when the library is */
	fail_at = calls = 0;
	ck_assert_int_eq(rows[_i].run(), E_OK);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fault");
	TCase *t = tcase_create("fault");

	tcase_add_loop_test(t, a_failing_primitive_leaves_nothing, 0, ROWS);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
