/*
 * Initial keys in key blocks, and the update key: host and terminal agree on it at every counter, and what it brings
 * replaces the old key whole.
 */
#include "dukpt/ikblock.h"
#include "dukpt/update.h"
#include "tests/dukpt/machine.h"
#include "tests/lib/test.h"

#include <string.h>

static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 0 }, KSN_AES };
static const struct ksn other = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x57, 0, 0, 0, 0 }, KSN_AES };
static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn *const iksns[] = {
	[DUKPT_TDES] = &tdes, [DUKPT_AES128] = &aes, [DUKPT_AES192] = &aes, [DUKPT_AES256] = &aes
};
static const uint8_t random16[KEYBLOCK_RANDOM] = { 0x52, 0x41, 0x4E, 0x44 };
static const struct dukpt_registers zero;

static struct key key_of(enum dukpt_scheme s, uint8_t seed)
{
	struct key k = { { 0 }, dukpt_key_len(s) };

	for (uint8_t i = 0; i < k.len; i++)
		k.b[i] = (uint8_t)(seed + 11 * i);
	return k;
}

static struct ksn at(uint32_t counter)
{
	struct ksn k;

	ksn_set_counter(&k, &aes, counter);
	return k;
}

static struct span text_of(const char *p, size_t len)
{
	return (struct span){ (const uint8_t *)p, len };
}

/* the schemes and versions that there are blocks for, and how these begin */
static const struct {
	enum dukpt_scheme scheme;
	char version;
	uint8_t kbpk;
	const char *head;
} blocks[] = {
	{ DUKPT_TDES, 'B', 16, "B0104B1TX00N0100KS18FFFF9876543210E00000" },
	{ DUKPT_TDES, 'B', 24, "B0104B1TX00N0100KS18FFFF9876543210E00000" },
	{ DUKPT_TDES, 'D', 16, "D0144B1TX00N0200KS18FFFF9876543210E00000PB080000" },
	{ DUKPT_AES128, 'D', 16, "D0144B1AX00N0200IK141234567890123456PB0C00000000" },
	{ DUKPT_AES192, 'D', 24, "D0144B1AX00N0200IK141234567890123456PB0C00000000" },
	{ DUKPT_AES256, 'D', 32, "D0176B1AX00N0200IK141234567890123456PB0C00000000" },
};

enum { BLOCKS = sizeof blocks / sizeof blocks[0] };

START_TEST(an_initial_key_travels_with_its_ksn)
{
	enum dukpt_scheme scheme = blocks[_i].scheme, s;
	struct key ik = key_of(scheme, 1), kbpk = key_of(DUKPT_AES256, 99), back;
	char text[IKBLOCK_MAX];
	struct ksn k;
	size_t len;

	kbpk.len = blocks[_i].kbpk;
	ck_assert_int_eq(dukpt_ik_block(text, &len, blocks[_i].version, scheme, &ik, iksns[scheme], &kbpk, random16),
			 E_OK);
	ck_assert_mem_eq(text, blocks[_i].head, strlen(blocks[_i].head));
	ck_assert_int_eq(dukpt_ik_open(&back, &s, &k, text_of(text, len), &kbpk), E_OK);
	ck_assert_int_eq(s, scheme);
	ck_assert_mem_eq(&back, &ik, sizeof ik);
	ck_assert_mem_eq(&k, iksns[scheme], sizeof k);
	for (size_t i = 0; i < len; i++) {
		s = DUKPT_NONE;
		text[i] ^= 1;
		ck_assert(dukpt_ik_open(&back, &s, &k, text_of(text, len), &kbpk));
		ck_assert_int_eq(s, DUKPT_NONE);
		text[i] ^= 1;
	}
}
END_TEST

START_TEST(no_block_is_made_of_what_is_no_initial_key)
{
	struct key ik = key_of(DUKPT_AES128, 1), strong = key_of(DUKPT_AES256, 1), kbpk = key_of(DUKPT_AES128, 99);
	char text[IKBLOCK_MAX] = "x", none[IKBLOCK_MAX] = "";
	struct ksn used = at(1);
	size_t len = 0;

#define BLOCK(v, s, key, k) dukpt_ik_block(text, &len, v, s, key, k, &kbpk, random16)
	ck_assert_int_eq(BLOCK('D', DUKPT_TDES, &ik, &aes), E_SCHEME);
	ck_assert_int_eq(BLOCK('D', DUKPT_NONE, &ik, &aes), E_SCHEME);
	ck_assert_int_eq(BLOCK('D', DUKPT_AES128, &ik, &used), E_COUNTER);
	ck_assert_int_eq(BLOCK('D', DUKPT_AES256, &ik, &aes), E_KEY);
	ck_assert_int_eq(BLOCK('D', DUKPT_AES256, &strong, &aes), E_STRENGTH);
	ck_assert_int_eq(BLOCK('B', DUKPT_AES128, &ik, &aes), E_STRENGTH);
	ck_assert_int_eq(BLOCK('C', DUKPT_TDES, &ik, &tdes), E_VERSION);
	ck_assert_int_eq(BLOCK('E', DUKPT_AES128, &ik, &aes), E_VERSION);
#undef BLOCK
	ck_assert_mem_eq(text, none, sizeof text);
	ck_assert_uint_eq(len, 0);
}
END_TEST

/* Well-made key blocks that hold something else, or tell another KSN. */
START_TEST(only_an_initial_key_is_opened)
{
	static const struct {
		const char *header; /* version, usage, algorithm, mode */
		const char *id, *data;
		uint8_t len;
		enum err e;
	} rows[] = {
		{ "DB1AX", "IK", "1234567890123456", 16, E_OK },
		{ "CB1TX", "KS", "FFFF9876543210E00000", 16, E_OK },
		{ "BB1TX", "KS", "9876543210E00000", 16, E_OK },
		{ "AB1TX", "KS", "FFFF9876543210E00000", 16, E_VERSION },
		{ "EB1AX", "IK", "1234567890123456", 16, E_VERSION },
		{ "DB0AX", "IK", "1234567890123456", 16, E_FORMAT },
		{ "DB1AN", "IK", "1234567890123456", 16, E_FORMAT },
		{ "DB1HX", "IK", "1234567890123456", 16, E_FORMAT },
		{ "DB1AX", "KS", "FFFF9876543210E00000", 16, E_FORMAT },
		{ "DB1TX", "IK", "1234567890123456", 16, E_FORMAT },
		{ "DB1TX", "KS", "FFFF9876543210E00001", 16, E_FORMAT },
		{ "DB1TX", "KS", "FFFF9876543210E00000", 24, E_KEY },
		{ "DB1TX", "KS", "FFFF9876543210E00000", 32, E_KEY },
		{ "DB1AX", "IK", "1234567890123456", 8, E_KEY },
	};
	struct key kbpk = key_of(DUKPT_AES256, 99), key = key_of(DUKPT_AES256, 1), ik;
	enum dukpt_scheme scheme;
	struct ksn k;

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		const char *c = rows[i].header;
		struct keyblock_header h = { c[0], { c[1], c[2] }, c[3], c[4], { '0', '0' }, 'N', { '0', '0' } };
		struct keyblock_option o = { { rows[i].id[0], rows[i].id[1] },
					     text_of(rows[i].data, strlen(rows[i].data)) };
		struct key with = kbpk;
		char text[512];
		size_t len;

		with.len = c[0] < 'D' ? 16 : 32;
		ck_assert_int_eq(keyblock_write(text, sizeof text, &len, &h, &o, 1, &with,
						(struct span){ key.b, rows[i].len }, random16, KEYBLOCK_ANY),
				 E_OK);
		ck_assert_msg(dukpt_ik_open(&ik, &scheme, &k, text_of(text, len), &with) == rows[i].e, "row %zu", i);
		if (!rows[i].e)
			ck_assert_mem_eq(ik.b, key.b, rows[i].len);
	}
	ck_assert_int_eq(dukpt_ik_open(&ik, &scheme, &k, text_of("D", 1), &kbpk), E_FORMAT);
}
END_TEST

/* All counters whose registers may be special: around each power of two and each row of ones from the top. */
START_TEST(host_and_terminal_agree_on_the_update_key_at_every_counter)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct key ik = key_of(s, 3), host, mine;
	enum dukpt_key_type type;
	struct dukpt_registers r;
	struct ksn k;
	int tried = 0;

	ck_assert_int_eq(dukpt_key_type_of(&type, s), E_OK);
	ck_assert_int_eq(dukpt_host_update_key(&host, &ik, s, &aes, type), E_OK);
	ck_assert_uint_eq(host.len, ik.len);
	ck_assert_int_eq(dukpt_registers_load(&r, s, &ik, &aes), E_OK);
	ck_assert_int_eq(dukpt_update_key(&mine, &r), E_OK);
	ck_assert_mem_eq(&mine, &host, sizeof host);
	for (unsigned bit = 0; bit < 32; bit++)
		for (uint32_t low = 0; low < 40; low++) {
			const uint32_t c[] = { (1u << bit) - low, (1u << bit) + low, (UINT32_MAX << bit) - low,
					       (UINT32_MAX << bit) + low, (UINT32_MAX << bit) ^ (low << 16) };

			for (int i = 0; i < 5; i++) {
				k = at(c[i]);
				if (!ksn_counter_valid(&k))
					continue;
				r = machine_at(s, &ik, &k);
				ck_assert_int_eq(dukpt_update_key(&mine, &r), E_OK);
				ck_assert_msg(!memcmp(&mine, &host, sizeof host), "at %08X", (unsigned)c[i]);
				tried++;
			}
		}
	ck_assert_int_gt(tried, 1000);
	/* by the way of transactions it cannot be had */
	k = at(UINT32_MAX);
	ck_assert_int_eq(dukpt_host_aes_key(&mine, &ik, s, &k, DUKPT_USE_KEY_ENCRYPTION, type), E_COUNTER);
}
END_TEST

START_TEST(a_terminal_changes_its_initial_key)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct key ik = key_of(s, 3), fresh = key_of(s, 77), update, txn, host;
	struct ksn k = at(0x00012340), used;
	struct dukpt_registers r = machine_at(s, &ik, &k), before = r, next, after;
	enum dukpt_key_type type;
	uint8_t kcv[KCV_MAX], want[KCV_MAX], kcv_len, want_len;
	char text[IKBLOCK_MAX];
	size_t len;

	ck_assert_int_eq(dukpt_key_type_of(&type, s), E_OK);
	ck_assert_int_eq(dukpt_host_update_key(&update, &ik, s, &k, type), E_OK);
	ck_assert_int_eq(dukpt_ik_block(text, &len, 'D', s, &fresh, &other, &update, random16), E_OK);
	ck_assert_int_eq(dukpt_update(&next, kcv, &kcv_len, &r, text_of(text, len)), E_OK);
	ck_assert_mem_eq(&r, &before, sizeof r);
	ck_assert_int_eq(dukpt_registers_load(&after, s, &fresh, &other), E_OK);
	ck_assert_mem_eq(&next, &after, sizeof next);
	ck_assert_int_eq(kcv_compute(want, &want_len, s, &fresh), E_OK);
	ck_assert_uint_eq(kcv_len, want_len);
	ck_assert_mem_eq(kcv, want, sizeof want);
	ck_assert_int_eq(dukpt_registers_take(&after, &txn, &used, &next), E_OK);
	ck_assert_int_eq(dukpt_host_txn(&host, &fresh, s, &used), E_OK);
	ck_assert_mem_eq(&txn, &host, sizeof txn);

	/* a changed block, one for the ID that the terminal has, one of another scheme */
	text[len - 1] = text[len - 1] == '0' ? '1' : '0';
	memset(&next, 0xA5, sizeof next);
	ck_assert_int_eq(dukpt_update(&next, kcv, &kcv_len, &r, text_of(text, len)), E_MAC);
	ck_assert_mem_eq(&next, &zero, sizeof next);
	ck_assert_int_eq(dukpt_ik_block(text, &len, 'D', s, &fresh, &aes, &update, random16), E_OK);
	memset(&next, 0xA5, sizeof next);
	ck_assert_int_eq(dukpt_update(&next, kcv, &kcv_len, &r, text_of(text, len)), E_REPLAY);
	ck_assert_mem_eq(&next, &zero, sizeof next);
	fresh.len = 16;
	ck_assert_int_eq(dukpt_ik_block(text, &len, 'D', DUKPT_TDES, &fresh, &tdes, &update, random16), E_OK);
	ck_assert_int_eq(dukpt_update(&next, kcv, &kcv_len, &r, text_of(text, len)), E_SCHEME);
	ck_assert_mem_eq(&next, &zero, sizeof next);
}
END_TEST

START_TEST(no_update_key_comes_out_of_nothing)
{
	struct key ik = key_of(DUKPT_AES128, 3), out = { { 0xA5 }, 7 };
	struct ksn last = at(0xFFFF0000), used;
	struct dukpt_registers r = machine_at(DUKPT_AES128, &ik, &last), next, bad;
	uint8_t kcv[KCV_MAX], kcv_len = 7;
	struct key txn;

	ck_assert_int_eq(dukpt_update_key(&out, &zero), E_SCHEME);
	/* until the last key is taken there is one, then no more */
	bad = r;
	bad.ksn = at(0);
	ck_assert_int_eq(dukpt_update_key(&out, &bad), E_COUNTER);
	bad.ksn = at(0x80000000);
	ck_assert_int_eq(dukpt_update_key(&out, &bad), E_COUNTER);
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &r), E_OK);
	ck_assert_int_eq(dukpt_update_key(&out, &next), E_EXHAUSTED);
	ck_assert_int_eq(dukpt_update(&bad, kcv, &kcv_len, &next, text_of("", 0)), E_EXHAUSTED);
	ck_assert_int_eq(dukpt_registers_load(&r, DUKPT_TDES, &ik, &tdes), E_OK);
	ck_assert_int_eq(dukpt_update_key(&out, &r), E_SCHEME);
	ck_assert_uint_eq(kcv_len, 7);
	ck_assert(out.b[0] == 0xA5 && out.len == 7);
}
END_TEST

START_TEST(the_host_refuses_what_has_no_update_key)
{
	struct key ik = key_of(DUKPT_AES128, 3), out = { { 0xA5 }, 7 };

	ck_assert_int_eq(dukpt_host_update_key(&out, &ik, DUKPT_TDES, &tdes, DUKPT_KEY_2TDEA), E_SCHEME);
	ck_assert_int_eq(dukpt_host_update_key(&out, &ik, DUKPT_AES128, &tdes, DUKPT_KEY_AES128), E_SCHEME);
	ck_assert_int_eq(dukpt_host_update_key(&out, &ik, DUKPT_AES128, &aes, DUKPT_KEY_AES192), E_STRENGTH);
	ck_assert_int_eq(dukpt_host_update_key(&out, &ik, DUKPT_AES256, &aes, DUKPT_KEY_AES192), E_KEY);
	ck_assert(out.b[0] == 0xA5 && out.len == 7);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("update");
	TCase *t = tcase_create("update");

	tcase_add_loop_test(t, an_initial_key_travels_with_its_ksn, 0, BLOCKS);
	tcase_add_test(t, no_block_is_made_of_what_is_no_initial_key);
	tcase_add_test(t, only_an_initial_key_is_opened);
	tcase_add_loop_test(t, host_and_terminal_agree_on_the_update_key_at_every_counter, DUKPT_AES128,
			    DUKPT_AES256 + 1);
	tcase_add_loop_test(t, a_terminal_changes_its_initial_key, DUKPT_AES128, DUKPT_AES256 + 1);
	tcase_add_test(t, no_update_key_comes_out_of_nothing);
	tcase_add_test(t, the_host_refuses_what_has_no_update_key);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
