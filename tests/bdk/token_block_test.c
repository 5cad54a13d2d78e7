/*
 * KBPKs in the token, and what goes in and out under them, in this process, so that a test can look at the token's objects
 * between. Every block that leaves is opened by OpenSSL alone (tests/lib/outsider.h), and what comes in derives what it has to.
 */
#include "bdk/clear_key.h"
#include "bdk/token.h"
#include "crypto/cmac.h"
#include "crypto/des.h"
#include "dukpt/aes.h"
#include "dukpt/kcv.h"
#include "dukpt/tdes.h"
#include "tests/lib/outsider.h"
#include "tests/lib/test.h"
#include "tests/lib/token_folder.h"

#include <string.h>

static struct token_folder folder;
static struct token t;

/* A KBPK of each type, and its value in clear */
static const struct row {
	struct kbpk_id id;
	const char *value;
} kbpks[] = {
	{ { "two", DUKPT_KEY_2TDEA }, "89E88CF7931444F334BD7547FC3F380C" },
	{ { "three", DUKPT_KEY_3TDEA }, "89E88CF7931444F334BD7547FC3F380C1FDF1A3B5C7A9D2E" },
	{ { "a128", DUKPT_KEY_AES128 }, "88E1AB2A2E3DD38C1FA039A536500CC8" },
	{ { "a192", DUKPT_KEY_AES192 }, "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01" },
	{ { "a256", DUKPT_KEY_AES256 }, "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6" },
};
enum { KBPKS = sizeof kbpks / sizeof *kbpks };

static const struct key_set_id sets[] = {
	{ { 0xFF, 0xFF, 0x4B, 0x45, 0x59 }, 5, DUKPT_TDES },
	{ { 0x4B, 0x45, 0x59, 0x31 }, 4, DUKPT_AES128 },
	{ { 0x4B, 0x45, 0x59, 0x32 }, 4, DUKPT_AES192 },
	{ { 0x4B, 0x45, 0x59, 0x33 }, 4, DUKPT_AES256 },
};
enum { SETS = sizeof sets / sizeof *sets };

static void open_token(void)
{
	enum err e;

	token_folder_make_token(&folder);
	e = token_open(&t, &folder.at, TOKEN_FOLDER_PIN);
	ck_assert_msg(!e, "%s", t.why);
}

static void close_token(void)
{
	token_close(&t);
	token_folder_remove(&folder);
}

/* How many objects this session sees: all of them, or those of the session alone */
static unsigned long objects(bool session_only)
{
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE a = { CKA_TOKEN, &no, sizeof no };
	CK_OBJECT_HANDLE h[64];
	CK_ULONG n, sum = 0;

	ck_assert_uint_eq(t.f->C_FindObjectsInit(t.session, &a, session_only), CKR_OK);
	do {
		ck_assert_uint_eq(t.f->C_FindObjects(t.session, h, 64, &n), CKR_OK);
		sum += n;
	} while (n);
	ck_assert_uint_eq(t.f->C_FindObjectsFinal(t.session), CKR_OK);
	return sum;
}

/* Enter a KBPK by two components, and say what it is in clear */
static struct key enter(const struct row *k)
{
	struct key value = test_key(k->value), part[2];
	struct kcv kcv;

	part[0] = (struct key){ { 0x5D, 0x79, 0xA1, 0xF4, 0x29, 0x8C, 0x3B, 0xE6, 0x4C, 0x0E, 0xF2, 0xFD, 0x1A, 0x76,
				  0xD0, 0x93 },
				value.len };
	part[1] = value;
	for (unsigned i = 0; i < value.len; i++)
		part[1].b[i] ^= part[0].b[i];
	ck_assert_msg(!token_enter_kbpk(&t, &kcv, part, 2, &k->id, NULL), "%s", t.why);
	if (kbpk_tdes(k->id.type))
		clear_key_parity(&value);
	return value;
}

static struct key software_ik(const struct key_set_id *set, const struct key *bdk, const struct ksn *iksn)
{
	struct dukpt_step s;
	struct key ik;

	if (set->scheme == DUKPT_TDES) {
		ck_assert_int_eq(dukpt_tdes_ik(&ik, bdk, iksn), E_OK);
	} else {
		ck_assert_int_eq(dukpt_aes_step_ik(&s, set->scheme, iksn), E_OK);
		ck_assert_int_eq(dukpt_run(&ik, bdk, &s), E_OK);
	}
	return ik;
}

/* The token's key set has this BDK: the initial keys that it derives are its. */
static void holds(const struct key_set_id *set, const struct key *bdk)
{
	struct key ik, expected;
	struct ksn iksn;

	ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, 77), E_OK);
	ck_assert_int_eq(token_initial_key(&t, &ik, set, &iksn), E_OK);
	expected = software_ik(set, bdk, &iksn);
	ck_assert_uint_eq(ik.len, expected.len);
	ck_assert_mem_eq(ik.b, expected.b, ik.len);
}

static bool refused_for_strength(const struct row *k, const struct key_set_id *set)
{
	return set->scheme != DUKPT_TDES &&
	       (kbpk_tdes(k->id.type) || kbpk_len(k->id.type) < dukpt_key_len(set->scheme));
}

/* A block as a partner makes it */
static size_t partner(char text[static BLOCK_MAX], const char *header, const struct key *key, const struct key *kbpk,
		      const struct keyblock_option *o, size_t n)
{
	const struct keyblock_header h = {
		header[0], { header[1], header[2] }, header[3], header[4], { '0', '0' }, header[5], { '0', '0' }
	};
	static const uint8_t random[KEYBLOCK_RANDOM] = { 5, 6, 7 };
	size_t len;

	ck_assert_int_eq(keyblock_write(text, BLOCK_MAX, &len, &h, o, n, kbpk, (struct span){ key->b, key->len },
					random, KEYBLOCK_ANY),
			 E_OK);
	return len;
}

static struct span span_of(const char *text, size_t len)
{
	return (struct span){ (const uint8_t *)text, len };
}

/* --- What leaves ---------------------------------------------------------------------------------------------------- */

/* Every KBPK with every scheme: the block is opened by OpenSSL to the BDK whose initial keys the token derives; or refused, the
 * KBPK being weaker, and nothing is made. */
static void leaves(const struct row *k, const struct key *kbpk, const struct key_set_id *set)
{
	struct key bdk;
	unsigned long before = objects(false);
	char text[BLOCK_MAX], why[BLOCK_WHY];
	uint8_t value[KCV_MAX], value_len;
	struct block b;
	struct kcv kcv;
	size_t len = 0;

	if (refused_for_strength(k, set)) {
		ck_assert_int_eq(token_make_bdk_block(&t, &kcv, text, &len, set, &k->id, 'N'), E_STRENGTH);
		ck_assert_uint_eq(objects(false), before);
		ck_assert_uint_eq(kcv.len, 0);
		return;
	}
	ck_assert_int_eq(token_make_bdk_block(&t, &kcv, text, &len, set, &k->id, 'S'), E_OK);
	ck_assert(outsider_open(&bdk, text, len, kbpk));
	ck_assert_uint_eq(bdk.len, dukpt_key_len(set->scheme));
	holds(set, &bdk);
	ck_assert_uint_eq(objects(false), before + (set->scheme == DUKPT_TDES ? 2 : 1));
	ck_assert_uint_eq(objects(true), 0);
	ck_assert_int_eq(kcv_compute(value, &value_len, set->scheme, &bdk), E_OK);
	ck_assert_uint_eq(kcv.len, value_len);
	ck_assert_mem_eq(kcv.b, value, value_len);
	/* what it says of itself */
	ck_assert_int_eq(block_read(&b, span_of(text, len), why), E_OK);
	ck_assert(!b.kbpk && b.mode == 'X' && b.exportability == 'S' && b.set.len == set->len);
	ck_assert_mem_eq(b.set.b, set->b, sizeof set->b);
	ck_assert_int_eq(b.parsed.header.version, kbpk_tdes(k->id.type) ? 'B' : 'D');
	/* once */
	ck_assert_int_eq(token_make_bdk_block(&t, &kcv, text, &len, set, &k->id, 'S'), E_EXISTS);
	holds(set, &bdk);
}

START_TEST(a_bdk_leaves_once_in_a_block_that_openssl_opens)
{
	struct key kbpk = enter(&kbpks[_i]);

	for (unsigned i = 0; i < SETS; i++)
		leaves(&kbpks[_i], &kbpk, &sets[i]);
}
END_TEST

START_TEST(a_made_kbpk_leaves_in_a_block_and_protects_what_it_should)
{
	const struct row *under = &kbpks[_i];
	struct key kbpk = enter(under), inside;
	char text[BLOCK_MAX], why[BLOCK_WHY], again[BLOCK_MAX];
	struct kcv kcv;
	struct block b;
	struct key bdk;
	size_t len, n;

	for (unsigned i = 0; i < KBPKS; i++) {
		struct kbpk_id id = kbpks[i].id;
		bool strong = kbpk_tdes(id.type) ? !kbpk_tdes(under->id.type) || id.type <= under->id.type
						 : !kbpk_tdes(under->id.type) && id.type <= under->id.type;
		unsigned long before = objects(false);

		snprintf(id.name, sizeof id.name, "made-%u", i);
		if (!strong) {
			ck_assert_int_eq(token_make_kbpk(&t, &kcv, text, &len, &id, &under->id, 'N'), E_STRENGTH);
			ck_assert_uint_eq(objects(false), before);
			ck_assert_uint_eq(len, 0);
			continue;
		}
		ck_assert_int_eq(token_make_kbpk(&t, &kcv, text, &len, &id, &under->id, 'E'), E_OK);
		ck_assert_uint_eq(objects(false), before + 1);
		ck_assert_int_eq(block_read(&b, span_of(text, len), why), E_OK);
		ck_assert(b.kbpk && b.mode == 'B' && b.exportability == 'E');
		ck_assert(outsider_open(&inside, text, len, &kbpk));
		ck_assert_uint_eq(inside.len, kbpk_len(id.type));
		/* what the token writes under it is what whoever took the block opens */
		if (i == 4 || (kbpk_tdes(id.type) && id.type == under->id.type)) {
			const struct key_set_id *set = kbpk_tdes(id.type) ? &sets[0] : &sets[3];

			ck_assert_int_eq(token_make_bdk_block(&t, &kcv, again, &n, set, &id, 'N'), E_OK);
			ck_assert(outsider_open(&bdk, again, n, &inside));
			holds(set, &bdk);
			ck_assert_int_eq(token_drop_bdk(&t, set), E_OK);
		}
		ck_assert_int_eq(token_make_kbpk(&t, &kcv, text, &len, &id, NULL, 'N'), E_EXISTS);
	}
	/* without anybody to get it there is no block */
	ck_assert_int_eq(token_make_kbpk(&t, &kcv, text, &len, &(struct kbpk_id){ "alone", under->id.type }, NULL, 'N'),
			 E_OK);
	ck_assert_uint_eq(len, 0);
	ck_assert_uint_gt(kcv.len, 0);
}
END_TEST

/* --- What comes in -------------------------------------------------------------------------------------------------- */

static void comes_in(const struct row *k, const struct key *kbpk, const struct key_set_id *set)
{
	const bool tdes = set->scheme == DUKPT_TDES;
	struct key bdk = test_key("4AC3A7637268E618C52C97CE7766F26A4AC3A7637268E618C52C97CE7766F26B");
	struct key_set_id id = *set;
	char header[] = "DB0AXN", text[BLOCK_MAX];
	struct kcv kcv;
	size_t len;

	bdk.len = dukpt_key_len(set->scheme);
	if (tdes)
		clear_key_parity(&bdk);
	header[0] = kbpk_version(k->id.type);
	header[3] = tdes ? 'T' : 'A';
	if (refused_for_strength(k, set))
		return; /* nobody writes such a block */
	len = partner(text, header, &bdk, kbpk, NULL, 0);
	id.scheme = DUKPT_NONE;
	ck_assert_int_eq(
		token_take_bdk_block(&t, &kcv, &id, 32, span_of(text, len), &(struct kbpk_id){ "other", k->id.type }),
		E_MAC);
	ck_assert_uint_eq(kcv.len, 0);
	ck_assert_int_eq(token_take_bdk_block(&t, &kcv, &id, (uint8_t)(bdk.len - 1), span_of(text, len), &k->id),
			 E_RANGE);
	ck_assert_uint_eq(objects(true), 0);
	ck_assert_int_eq(token_take_bdk_block(&t, &kcv, &id, 32, span_of(text, len), &k->id), E_OK);
	ck_assert_int_eq(id.scheme, set->scheme);
	holds(set, &bdk);
	ck_assert_uint_eq(objects(true), 0);
	ck_assert_int_eq(token_take_bdk_block(&t, &kcv, &id, 32, span_of(text, len), &k->id), E_EXISTS);
}

START_TEST(a_bdk_comes_in_and_derives_what_it_should)
{
	const struct row *k = &kbpks[_i];
	struct key kbpk = enter(k);
	char none[BLOCK_MAX];
	struct kcv kcv;
	size_t len;

	ck_assert_int_eq(token_make_kbpk(&t, &kcv, none, &len, &(struct kbpk_id){ "other", k->id.type }, NULL, 'N'),
			 E_OK);
	for (unsigned i = 0; i < SETS; i++)
		comes_in(k, &kbpk, &sets[i]);
}
END_TEST

/* The BDKs of X9.143's and partners' published blocks, with the check values printed beside them */
START_TEST(published_bdks_come_in)
{
	static const struct kbpk_id by = { "published", DUKPT_KEY_AES256 };
	struct key kbpk = test_key("4141414141414141414141414141414141414141414141414141414141414141"),
		   part[2] = { kbpk, kbpk };
	size_t n, taken = 0;
	const struct stanza *r = test_vectors("x9.143.txt", &n);
	struct kcv kcv;

	memset(part[0].b, 0x17, 32);
	for (unsigned i = 0; i < 32; i++)
		part[1].b[i] ^= 0x17;
	ck_assert_int_eq(token_enter_kbpk(&t, &kcv, part, 2, &by, NULL), E_OK);
	for (size_t i = 0; i < n; i++) {
		const char *text = stanza_get(&r[i], "key_block");
		struct key_set_id id = { { 0xFF, 0xFF, 0, 0, (uint8_t)i }, 5, DUKPT_TDES };
		struct key given = test_key("00"), bdk;
		uint8_t expected[KCV_MAX];

		if (strncmp(stanza_get(&r[i], "kbpk"), "414141414141", 12) || strncmp(text + 5, "B0", 2))
			continue;
		given = test_key(stanza_get(&r[i], "key"));
		bdk = given;
		if (text[7] == 'A')
			id = (struct key_set_id){ { 1, 2, 3, (uint8_t)i }, 4, DUKPT_NONE };
		else
			clear_key_parity(&bdk);
		ck_assert_int_eq(token_take_bdk_block(&t, &kcv, &id, 32, span_of(text, strlen(text)), &by), E_OK);
		ck_assert_uint_eq(test_hex(expected, sizeof expected, stanza_get(&r[i], "kcv")), kcv.len);
		ck_assert_mem_eq(kcv.b, expected, kcv.len);
		holds(&id, &bdk);
		taken++;
	}
	ck_assert_uint_eq(taken, 2);
}
END_TEST

START_TEST(a_kbpk_comes_in_and_opens_what_stands_under_it)
{
	const struct row *by = &kbpks[_i];
	struct key kbpk = enter(by), value, bdk = test_key("4AC3A7637268E618C52C97CE7766F26A"), back;
	char header[] = "DK1ABE", text[BLOCK_MAX];
	struct kbpk_id id = { "taken", DUKPT_KEY_HMAC128 };
	struct key_set_id set = sets[0];
	struct kcv kcv;
	size_t len;

	clear_key_parity(&bdk);
	value = test_key(kbpk_tdes(by->id.type) ? "1FA1F7CEC798D91545DA8AE0C7796BD9"
						: "2FA1F7CEC798D91545DA8AE0C7796BD8");
	if (kbpk_tdes(by->id.type))
		clear_key_parity(&value);
	header[0] = kbpk_version(by->id.type);
	header[3] = kbpk_tdes(by->id.type) ? 'T' : 'A';
	len = partner(text, header, &value, &kbpk, NULL, 0);
	ck_assert_int_eq(token_take_bdk_block(&t, &kcv, &set, 32, span_of(text, len), &by->id), E_SCHEME);
	ck_assert_int_eq(token_take_kbpk_block(&t, &kcv, &id, span_of(text, len), &by->id), E_OK);
	ck_assert_int_eq(id.type, kbpk_tdes(by->id.type) ? DUKPT_KEY_2TDEA : DUKPT_KEY_AES128);
	header[0] = kbpk_version(id.type);
	memcpy(header + 1, "B0TN", 4);
	len = partner(text, header, &bdk, &value, NULL, 0);
	ck_assert(outsider_open(&back, text, len, &value));
	ck_assert_int_eq(token_take_kbpk_block(&t, &kcv, &(struct kbpk_id){ "no", 0 }, span_of(text, len), &id),
			 E_SCHEME);
	ck_assert_int_eq(token_take_bdk_block(&t, &kcv, &set, 32, span_of(text, len), &id), E_OK);
	holds(&sets[0], &bdk);
	/* and goes, which the token shows */
	ck_assert_int_eq(token_drop_kbpk(&t, "taken"), E_OK);
	ck_assert_int_eq(token_drop_kbpk(&t, "taken"), E_OK);
	set.b[4] ^= 1;
	ck_assert_int_eq(token_take_bdk_block(&t, &kcv, &set, 32, span_of(text, len), &id), E_TOKEN);
	ck_assert_str_eq(t.why, "the token has lost a KBPK");
}
END_TEST

/* A key of no length that a BDK has, check values that are others, a weak key: under a right MAC, and refused all the same */
START_TEST(what_is_wrong_under_a_right_mac_is_refused_too)
{
	static const struct {
		const char *header, *key, *kc, *kp;
		enum err e;
	} rows[] = {
		{ "DB0TXN", "4AC3A7637268E618C52C97CE7766F26B", "0072098B", NULL, E_OK },
		{ "DB0TXN", "4AC3A7637268E618C52C97CE7766F26B", "0072098C", NULL, E_KEY },
		{ "DB0TXN", "4AC3A7637268E618C52C97CE7766F26B", NULL, "01000000", E_KEY },
		{ "DB0TXN", "4AC3A7637268E618C52C97CE7766F26B", NULL, "00000000", E_KEY },
		{ "DB0TXN", "4AC3A7637268E618C52C97CE7766F26B", "00112233445566778899AABBCCDDEEFF0011", NULL, E_KEY },
		{ "DB0TXN", "4AC3A7637268E618C52C97CE7766F26B0123456789ABCDEF", NULL, NULL, E_SCHEME },
		{ "DB0TXN", "4AC3A7637268E619", NULL, NULL, E_SCHEME },
		{ "DB0TXN", "4AC3A7637268E6194AC3A7637268E619", NULL, NULL, E_KEY },
		{ "DB0TXN", "01010101010101014AC3A7637268E619", NULL, NULL, E_KEY },
		{ "DB0AXN", "00000000000000000000000000000000", NULL, NULL, E_KEY },
		{ "DB0AXN", "0102030405060708090A0B0C0D0E0F", NULL, NULL, E_SCHEME },
		{ "DB0AXN", "0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F2021", NULL, NULL, E_KEY },
		{ "DK1AXN", "0102030405060708090A0B0C0D0E0F10", NULL, NULL, E_SCHEME },
		{ "DP0TXN", "4AC3A7637268E618C52C97CE7766F26B", NULL, NULL, E_SCHEME },
	};
	const struct row *k = &kbpks[4];
	struct key kbpk = enter(k);
	unsigned long before = objects(false);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct key_set_id set = rows[i].header[3] == 'T' ? sets[0] : sets[1];
		uint8_t bytes[64];
		size_t len = test_hex(bytes, sizeof bytes, rows[i].key), n = 0;
		const struct keyblock_header h = { 'D',
						   { rows[i].header[1], rows[i].header[2] },
						   rows[i].header[3],
						   rows[i].header[4],
						   { '0', '0' },
						   'N',
						   { '0', '0' } };
		static const uint8_t random[KEYBLOCK_RANDOM] = { 1 };
		struct keyblock_option o[2];
		char text[BLOCK_MAX];
		struct kcv kcv;
		size_t written;

		if (rows[i].kc)
			o[n++] = (struct keyblock_option){ { 'K', 'C' }, span_of(rows[i].kc, strlen(rows[i].kc)) };
		if (rows[i].kp)
			o[n++] = (struct keyblock_option){ { 'K', 'P' }, span_of(rows[i].kp, strlen(rows[i].kp)) };
		if (len > 32) { /* longer than its KBPK: no writer of ours makes it */
			ck_assert_int_eq(keyblock_write(text, sizeof text, &written, &h, o, n, &kbpk,
							(struct span){ bytes, len }, random, KEYBLOCK_ANY),
					 E_STRENGTH);
			continue;
		}
		ck_assert_int_eq(keyblock_write(text, sizeof text, &written, &h, o, n, &kbpk,
						(struct span){ bytes, len }, random, KEYBLOCK_ANY),
				 E_OK);
		ck_assert_msg(token_take_bdk_block(&t, &kcv, &set, 32, span_of(text, written), &k->id) == rows[i].e,
			      "row %zu", i);
		ck_assert_uint_eq(objects(true), 0);
		if (!rows[i].e)
			ck_assert_int_eq(token_drop_bdk(&t, &set), E_OK);
		ck_assert_uint_eq(objects(false), before);
	}
}
END_TEST

/* No character of a block may be another: nothing comes in, and no answer tells a wrong KBPK from a changed cryptogram. */
START_TEST(no_character_of_a_block_may_change)
{
	const struct row *k = &kbpks[_i];
	struct key kbpk = enter(k), bdk = test_key("4AC3A7637268E618C52C97CE7766F26B");
	const char *id = kbpk_tdes(k->id.type) ? "00FFFF4B4559" : "014B455931";
	char header[] = "DB0AXN", text[BLOCK_MAX];
	struct keyblock_option o = { { 'B', 'I' }, span_of(id, strlen(id)) };
	unsigned long before = objects(false);
	struct block b;
	struct kcv kcv;
	size_t len, macs = 0, believed = 0;
	struct key other;

	header[0] = kbpk_version(k->id.type);
	header[3] = kbpk_tdes(k->id.type) ? 'T' : 'A';
	len = partner(text, header, &bdk, &kbpk, &o, 1);
	for (size_t i = 0; i < len; i++) {
		static const char others[] = "0123456789ABCDEFNSTXYZ";
		char was = text[i];

		for (const char *c = others; c < others + sizeof others - 1; c += 2 + (size_t)(i % 3)) {
			struct key_set_id set = kbpk_tdes(k->id.type) ? sets[0] : sets[1];
			char why[BLOCK_WHY];
			enum err e;

			if (*c == was)
				continue;
			text[i] = *c;
			e = token_take_bdk_block(&t, &kcv, &set, 32, span_of(text, len), &k->id);
			ck_assert_msg(e == E_MAC || e == E_FORMAT || e == E_SCHEME || e == E_VERSION, "%zu %c: %s", i,
				      *c, err_name(e));
			/* what the header does not rule out is the MAC's to say */
			ck_assert_int_eq(e == E_MAC, !block_read(&b, span_of(text, len), why) && !b.kbpk);
			macs += e == E_MAC;
			/* the twin, who looks at no MAC, takes another key */
			if (e == E_MAC && i >= b.parsed.head.len)
				believed += outsider_believe(&other, text, len, &kbpk);
		}
		text[i] = was;
	}
	ck_assert_uint_gt(macs, len);
	ck_assert_uint_gt(believed, 0);
	ck_assert_uint_eq(objects(false), before);
	ck_assert_int_eq(token_take_bdk_block(&t, &kcv, &(struct key_set_id){ { 0xFF, 0xFF, 9 }, 5, DUKPT_TDES }, 32,
					      span_of(text, len - 1), &k->id),
			 E_FORMAT);
}
END_TEST

/* --- KBPKs as objects ----------------------------------------------------------------------------------------------- */

START_TEST(an_entered_kbpk_has_its_check_value_and_may_derive_alone)
{
	static const CK_ATTRIBUTE_TYPE no[] = { CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_ENCRYPT, CKA_DECRYPT,
						CKA_SIGN,        CKA_VERIFY,     CKA_WRAP,    CKA_UNWRAP },
				       yes[] = { CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_DERIVE };
	const struct row *k = &kbpks[_i];
	struct key value = test_key(k->value), part[3] = { value, value, value };
	struct kcv kcv, paper = { .len = 0 };
	uint8_t expected[16] = { 0 }, zero[16] = { 0 }, read_value[64];
	char label[TOKEN_LABEL];
	CK_OBJECT_HANDLE h[2];
	CK_ATTRIBUTE by = { CKA_LABEL, label, 0 }, value_of = { CKA_VALUE, read_value, sizeof read_value };
	CK_ULONG n;
	CK_BBOOL b;

	for (unsigned i = 0; i < value.len; i++) {
		part[1].b[i] = (uint8_t)(17 * i + 3);
		part[2].b[i] = (uint8_t)(29 * i + 5);
		part[0].b[i] ^= part[1].b[i] ^ part[2].b[i];
	}
	if (kbpk_tdes(k->id.type))
		ck_assert_int_eq(des_ecb(expected, &value, ENCRYPT, zero, 1), E_OK);
	else
		ck_assert_int_eq(cmac_aes(expected, &value, zero, 16), E_OK);
	/* the check value alone keeps nothing */
	ck_assert_int_eq(token_enter_kbpk(&t, &kcv, part, 3, &k->id, &paper), E_OK);
	ck_assert_uint_eq(kcv.len, kbpk_tdes(k->id.type) ? 3 : 5);
	ck_assert_mem_eq(kcv.b, expected, kcv.len);
	ck_assert_uint_eq(objects(false), 0);
	paper = kcv;
	paper.b[0] ^= 1;
	ck_assert_int_eq(token_enter_kbpk(&t, &kcv, part, 3, &k->id, &paper), E_MAC);
	ck_assert_uint_eq(objects(false), 0);
	paper.b[0] ^= 1;
	ck_assert_int_eq(token_enter_kbpk(&t, &kcv, part, 3, &(struct kbpk_id){ "Two", k->id.type }, &paper), E_KEY);
	ck_assert_int_eq(token_enter_kbpk(&t, &kcv, part, 3, &(struct kbpk_id){ "x", DUKPT_KEY_HMAC128 }, &paper),
			 E_KEY);
	ck_assert_int_eq(token_enter_kbpk(&t, &kcv, part, 1, &k->id, &paper), E_RANGE);
	ck_assert_int_eq(token_enter_kbpk(&t, &kcv, part, 3, &k->id, &paper), E_OK);
	ck_assert_int_eq(token_enter_kbpk(&t, &kcv, part, 3, &k->id, &paper), E_EXISTS);
	ck_assert_uint_eq(objects(true), 0);
	snprintf(label, sizeof label, "kbpk-%s", k->id.name);
	by.ulValueLen = strlen(label);
	ck_assert_uint_eq(t.f->C_FindObjectsInit(t.session, &by, 1), CKR_OK);
	ck_assert_uint_eq(t.f->C_FindObjects(t.session, h, 2, &n), CKR_OK);
	ck_assert_uint_eq(t.f->C_FindObjectsFinal(t.session), CKR_OK);
	ck_assert_uint_eq(n, 1);
	for (unsigned i = 0; i < sizeof no / sizeof *no + sizeof yes / sizeof *yes; i++) {
		bool want = i >= sizeof no / sizeof *no;
		CK_ATTRIBUTE a = { want ? yes[i - sizeof no / sizeof *no] : no[i], &b, sizeof b };

		ck_assert_uint_eq(t.f->C_GetAttributeValue(t.session, h[0], &a, 1), CKR_OK);
		ck_assert_msg(b == want, "attribute %#lx", a.type);
	}
	ck_assert_uint_eq(t.f->C_GetAttributeValue(t.session, h[0], &value_of, 1), CKR_ATTRIBUTE_SENSITIVE);
}
END_TEST

/* Tokens that lie about its end */
static CK_FUNCTION_LIST honest, twin;
static bool told;

static CK_RV keeps_token_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE h)
{
	CK_BBOOL kept = CK_FALSE;
	CK_ATTRIBUTE a = { CKA_TOKEN, &kept, sizeof kept };

	if (honest.C_GetAttributeValue(session, h, &a, 1) != CKR_OK || !kept)
		return honest.C_DestroyObject(session, h);
	told = true;
	return CKR_OK;
}

static CK_RV finds_none_of_them(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *h, CK_ULONG most, CK_ULONG *n)
{
	CK_RV rv = honest.C_FindObjects(session, h, most, n);

	if (told)
		*n = 0;
	return rv;
}

START_TEST(a_token_that_keeps_a_kbpk_is_found_out)
{
	static const char *const why[] = { "a KBPK that was destroyed is found again", "a KBPK that was destroyed still derives" };
	CK_FUNCTION_LIST *list = t.f;
	char text[BLOCK_MAX];
	struct kcv kcv;
	size_t len;

	enter(&kbpks[_i]);
	ck_assert_int_eq(token_make_bdk_block(&t, &kcv, text, &len, &sets[0], &kbpks[_i].id, 'N'), E_OK);
	honest = twin = *list;
	twin.C_DestroyObject = keeps_token_objects;
	t.f = &twin;
	for (int hides = 0; hides < 2; hides++) {
		told = false;
		if (hides)
			twin.C_FindObjects = finds_none_of_them;
		ck_assert_int_eq(token_drop_kbpk(&t, kbpks[_i].id.name), E_TOKEN);
		ck_assert_str_eq(t.why, why[hides]);
	}
	/* the honest one shows it, also what this process remembered */
	t.f = list;
	ck_assert_int_eq(token_drop_kbpk(&t, kbpks[_i].id.name), E_OK);
	ck_assert_int_eq(token_make_bdk_block(&t, &kcv, text, &len, &sets[1], &kbpks[_i].id, 'N'),
			 kbpk_tdes(kbpks[_i].id.type) ? E_STRENGTH : E_TOKEN);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("token_block");
	TCase *c = tcase_create("token_block");

	tcase_add_checked_fixture(c, open_token, close_token);
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, a_bdk_leaves_once_in_a_block_that_openssl_opens, 0, KBPKS);
	tcase_add_loop_test(c, a_made_kbpk_leaves_in_a_block_and_protects_what_it_should, 0, KBPKS);
	tcase_add_loop_test(c, a_bdk_comes_in_and_derives_what_it_should, 0, KBPKS);
	tcase_add_test(c, published_bdks_come_in);
	tcase_add_loop_test(c, a_kbpk_comes_in_and_opens_what_stands_under_it, 0, KBPKS);
	tcase_add_test(c, what_is_wrong_under_a_right_mac_is_refused_too);
	tcase_add_loop_test(c, no_character_of_a_block_may_change, 0, KBPKS);
	tcase_add_loop_test(c, an_entered_kbpk_has_its_check_value_and_may_derive_alone, 0, KBPKS);
	tcase_add_loop_test(c, a_token_that_keeps_a_kbpk_is_found_out, 0, KBPKS);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return test_main(suite());
}
