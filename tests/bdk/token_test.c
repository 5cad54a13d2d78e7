/*
 * The acts on the token, in this process, so that a test can look at the token's objects between them.
 */
#include "bdk/token.h"
#include "crypto/keywrap.h"
#include "dukpt/aes.h"
#include "dukpt/kcv.h"
#include "dukpt/tdes.h"
#include "tests/lib/test.h"
#include "tests/lib/token_folder.h"
#include "tests/shim/lies.h"

#include <stdio.h>
#include <string.h>

static struct token_folder folder;
static struct token t;

static const struct key_set_id sets[] = {
	{ { 0xFF, 0xFF, 0x4B, 0x45, 0x59 }, 5, DUKPT_TDES },
	{ { 0x4B, 0x45, 0x59, 0x31 }, 4, DUKPT_AES128 },
	{ { 0x4B, 0x45, 0x59, 0x32 }, 4, DUKPT_AES192 },
	{ { 0x4B, 0x45, 0x59, 0x33 }, 4, DUKPT_AES256 },
};
#define NSETS ((int)(sizeof sets / sizeof *sets))

static const uint8_t ctx[32] = "a hash stands here, as from KEY.";

/* The other side: an acquirer's or a terminal's pair, known to this program */
static struct key peer_priv;
static uint8_t peer[P256_POINT];

static void open_again(void)
{
	enum err e = token_open(&t, &folder.at, TOKEN_FOLDER_PIN);

	ck_assert_msg(!e, "%s", t.why);
}

static void open_token(void)
{
	token_folder_make_token(&folder);
	open_again();
	peer_priv = test_key("00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF");
	ck_assert_int_eq(p256_public(peer, &peer_priv), E_OK);
}

static void close_token(void)
{
	token_close(&t);
	token_folder_remove(&folder);
}

static void reopen_token(void)
{
	token_close(&t);
	open_again();
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

static CK_OBJECT_HANDLE object(const char *label, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE a[] = { { CKA_LABEL, (void *)label, strlen(label) }, { CKA_CLASS, &class, sizeof class } };
	CK_OBJECT_HANDLE h[2];
	CK_ULONG n;

	ck_assert_uint_eq(t.f->C_FindObjectsInit(t.session, a, 2), CKR_OK);
	ck_assert_uint_eq(t.f->C_FindObjects(t.session, h, 2, &n), CKR_OK);
	ck_assert_uint_eq(t.f->C_FindObjectsFinal(t.session), CKR_OK);
	ck_assert_uint_eq(n, 1);
	return h[0];
}

/* What the other side makes of a wrapped item */
static struct key open_item(const struct wrapped *item, const char *label, const uint8_t point[static P256_POINT])
{
	struct key z, kek, k;

	ck_assert_mem_eq(item->label, label, KBKDF_LABEL);
	ck_assert_int_eq(p256_ecdh(&z, &peer_priv, point), E_OK);
	ck_assert_int_eq(kbkdf(&kek, &z, label, ctx), E_OK);
	ck_assert_int_eq(keywrap_unwrap(&k, &kek, item->b, item->len), E_OK);
	return k;
}

static void make_set(const struct key_set_id *set, struct key *bdk, struct key *variant, struct kcv *kcv)
{
	uint8_t point[P256_POINT], items;
	struct wrapped item[2];
	uint64_t h;

	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_int_eq(token_make_bdk(&t, kcv, item, &items, h, peer, ctx, set), E_OK);
	ck_assert_uint_eq(items, set->scheme == DUKPT_TDES ? 2 : 1);
	*bdk = open_item(&item[0], "KRM1-BD", point);
	ck_assert_uint_eq(bdk->len, dukpt_key_len(set->scheme));
	if (items == 2)
		*variant = open_item(&item[1], "KRM1-BV", point);
}

static struct key load(const struct key_set_id *set, const struct ksn *iksn)
{
	uint8_t point[P256_POINT], items;
	struct wrapped item[2];
	struct key ik, right;
	uint64_t h;

	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_int_eq(token_wrap_initial_key(&t, item, &items, h, peer, ctx, set, iksn), E_OK);
	ck_assert_uint_eq(items, set->scheme == DUKPT_TDES ? 2 : 1);
	if (items == 1)
		return open_item(&item[0], "KRM1-IK", point);
	ik = open_item(&item[0], "KRM1-IL", point);
	right = open_item(&item[1], "KRM1-IR", point);
	ck_assert_uint_eq(ik.len, 8);
	ck_assert_uint_eq(right.len, 8);
	memcpy(ik.b + 8, right.b, 8);
	ik.len = 16;
	return ik;
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

START_TEST(initialises_a_token_once)
{
	char why[96];

	token_folder_make(&folder);
	ck_assert_int_eq(token_init(&folder.at, TOKEN_FOLDER_PIN, TOKEN_FOLDER_SO_PIN, why), E_OK);
	ck_assert_int_eq(token_init(&folder.at, TOKEN_FOLDER_PIN, TOKEN_FOLDER_SO_PIN, why), E_EXISTS);
	token_folder_remove(&folder);
}
END_TEST

START_TEST(says_why_it_cannot_open)
{
	static const struct {
		const char *uri;
		struct span pin;
		const char *why;
		enum err e;
	} row[] = {
		{ TOKEN_FOLDER_URI, { (const uint8_t *)"wrong", 5 }, "the token does not take the PIN", E_PASSPHRASE },
		{ TOKEN_FOLDER_URI, { (const uint8_t *)"", 0 }, "not a PIN", E_TOKEN },
		{ TOKEN_FOLDER_URI, { (const uint8_t *)"0123456789abcdef\0", 17 }, "not a PIN", E_TOKEN },
		{ "pkcs11:token=another?module-path=" TOKEN_FOLDER_MODULE,
		  { (const uint8_t *)"x", 1 },
		  "no token fits the URI", E_TOKEN },
		{ "pkcs11:token=x?module-path=/nonexistent.so",
		  { (const uint8_t *)"x", 1 },
		  "the PKCS#11 module cannot be loaded", E_TOKEN },
		{ "softhsm",
		  { (const uint8_t *)"x", 1 },
		  "not a token URI: pkcs11:token=NAME?module-path=PATH (RFC 7512)", E_TOKEN },
	};
	static struct token other;

	token_folder_make_token(&folder);
	folder.at.uri = row[_i].uri;
	ck_assert_int_eq(token_open(&other, &folder.at, row[_i].pin), row[_i].e);
	ck_assert_str_eq(other.why, row[_i].why);
	token_close(&other);
	token_folder_remove(&folder);
}
END_TEST

START_TEST(signs_so_that_software_verifies)
{
	static const char *const label[] = { "identity", "records", "device-ca", "kif-ca", "exchange-ca" };
	uint8_t point[P256_POINT], again[P256_POINT], sig[P256_SIG], digest[32] = { 7 };

	for (unsigned i = 0; i < 5; i++) {
		ck_assert_int_eq(token_sign(&t, sig, label[i], digest), E_KEY);
		ck_assert_int_eq(token_point(&t, point, label[i]), E_KEY);
		ck_assert_int_eq(token_make_pair(&t, point, label[i]), E_OK);
		ck_assert_int_eq(token_make_pair(&t, again, label[i]), E_EXISTS);
		ck_assert_int_eq(token_point(&t, again, label[i]), E_OK);
		ck_assert_mem_eq(again, point, sizeof point);
		ck_assert_int_eq(token_sign(&t, sig, label[i], digest), E_OK);
		ck_assert_int_eq(p256_verify(sig, point, digest), E_OK);
	}
	reopen_token();
	ck_assert_int_eq(token_sign(&t, sig, "exchange-ca", digest), E_OK);
	ck_assert_int_eq(p256_verify(sig, point, digest), E_OK);
}
END_TEST

START_TEST(the_exchange_pair_signs_its_own_request)
{
	uint8_t point[P256_POINT], sig[P256_SIG], digest[32] = { 7 };

	ck_assert_int_eq(token_make_pair(&t, point, "exchange"), E_OK);
	ck_assert_int_eq(token_sign(&t, sig, "exchange", digest), E_OK);
	ck_assert_int_eq(p256_verify(sig, point, digest), E_OK);
}
END_TEST

START_TEST(a_made_bdk_leaves_once_with_its_check_value)
{
	const struct key_set_id *set = &sets[_i];
	struct key bdk, variant, expected;
	uint8_t value[KCV_MAX], len;
	struct kcv kcv;

	make_set(set, &bdk, &variant, &kcv);
	ck_assert_int_eq(kcv_compute(value, &len, set->scheme, &bdk), E_OK);
	ck_assert_uint_eq(kcv.len, len);
	ck_assert_mem_eq(kcv.b, value, len);
	if (set->scheme == DUKPT_TDES) {
		ck_assert_int_eq(dukpt_tdes_variant(&expected, &bdk), E_OK);
		ck_assert_mem_eq(variant.b, expected.b, 16);
		for (unsigned i = 0; i < 16; i++)
			ck_assert_int_eq(__builtin_parity(bdk.b[i]), 1);
	}
}
END_TEST

START_TEST(a_wrapped_initial_key_is_the_one_software_derives)
{
	const struct key_set_id *set = &sets[_i];
	struct key bdk, variant, ik, expected;
	struct ksn iksn;
	struct kcv kcv;

	make_set(set, &bdk, &variant, &kcv);
	for (uint32_t device = 0; device < 5; device++) {
		ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, device * 1000 + 1), E_OK);
		ik = load(set, &iksn);
		expected = software_ik(set, &bdk, &iksn);
		ck_assert_uint_eq(ik.len, dukpt_key_len(set->scheme));
		ck_assert_uint_eq(expected.len, ik.len);
		ck_assert_mem_eq(ik.b, expected.b, ik.len);
		if (device == 2)
			reopen_token(); /* key sets outlive the process */
	}
}
END_TEST

static void may_derive_alone(const char *label)
{
	static const CK_ATTRIBUTE_TYPE no[] = { CKA_EXTRACTABLE, CKA_MODIFIABLE, CKA_ENCRYPT, CKA_DECRYPT,
						CKA_SIGN,        CKA_VERIFY,     CKA_WRAP,    CKA_UNWRAP },
				       yes[] = { CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_DERIVE };
	CK_OBJECT_HANDLE h = object(label, CKO_SECRET_KEY), child;
	CK_BYTE value[64];
	CK_BBOOL on = CK_TRUE, b;
	CK_ATTRIBUTE read = { CKA_VALUE, value, sizeof value }, a = { 0, &b, sizeof b },
		     change = { CKA_EXTRACTABLE, &on, sizeof on };
	CK_MECHANISM_TYPE list[4];
	CK_ATTRIBUTE allowed = { CKA_ALLOWED_MECHANISMS, list, sizeof list };
	CK_AES_CBC_ENCRYPT_DATA_PARAMS cbc = { { 0 }, value, 16 };
	CK_MECHANISM other = { CKM_AES_CBC_ENCRYPT_DATA, &cbc, sizeof cbc };

	for (unsigned i = 0; i < sizeof no / sizeof *no; i++) {
		a.type = no[i];
		ck_assert_uint_eq(t.f->C_GetAttributeValue(t.session, h, &a, 1), CKR_OK);
		ck_assert_msg(!b, "%s has attribute %#lx", label, no[i]);
	}
	for (unsigned i = 0; i < sizeof yes / sizeof *yes; i++) {
		a.type = yes[i];
		ck_assert_uint_eq(t.f->C_GetAttributeValue(t.session, h, &a, 1), CKR_OK);
		ck_assert_msg(b, "%s lacks attribute %#lx", label, yes[i]);
	}
	ck_assert_uint_eq(t.f->C_GetAttributeValue(t.session, h, &allowed, 1), CKR_OK);
	ck_assert_uint_eq(allowed.ulValueLen, 2 * sizeof *list);
	ck_assert_uint_eq(t.f->C_DeriveKey(t.session, &other, h, &read, 0, &child), CKR_MECHANISM_INVALID);
	ck_assert_uint_eq(t.f->C_GetAttributeValue(t.session, h, &read, 1), CKR_ATTRIBUTE_SENSITIVE);
	ck_assert_uint_ne(t.f->C_SetAttributeValue(t.session, h, &change, 1), CKR_OK);
}

START_TEST(a_bdk_in_the_token_may_derive_and_nothing_else)
{
	struct key bdk, variant;
	struct kcv kcv;

	make_set(&sets[0], &bdk, &variant, &kcv);
	make_set(&sets[1], &bdk, &variant, &kcv);
	may_derive_alone("bdk-FFFF4B4559");
	may_derive_alone("bdk-variant-FFFF4B4559");
	may_derive_alone("bdk-4B455931");
}
END_TEST

START_TEST(a_key_set_is_made_once_until_it_is_dropped)
{
	const struct key_set_id *set = &sets[_i];
	uint8_t point[P256_POINT], items;
	struct wrapped item[2];
	struct key bdk, variant;
	struct ksn iksn;
	struct kcv kcv;
	uint64_t h;

	make_set(set, &bdk, &variant, &kcv);
	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_int_eq(token_make_bdk(&t, &kcv, item, &items, h, peer, ctx, set), E_EXISTS);
	ck_assert_uint_eq(items, 0);
	ck_assert_uint_eq(kcv.len, 0);
	ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, 1), E_OK);
	load(set, &iksn);
	ck_assert_int_eq(token_drop_bdk(&t, set), E_OK);
	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_int_eq(token_wrap_initial_key(&t, item, &items, h, peer, ctx, set, &iksn), E_KEY_SET);
	ck_assert_uint_eq(objects(false), 0);
	make_set(set, &bdk, &variant, &kcv);
}
END_TEST

START_TEST(refuses_what_is_no_scheme)
{
	static const struct key_set_id strong[] = {
		{ { 1, 2, 3, 4 }, 4, DUKPT_NONE },      { { 1, 2, 3, 4 }, 4, DUKPT_TDES },
		{ { 1, 2, 3, 4, 5 }, 5, DUKPT_AES128 },
	};
	uint8_t point[P256_POINT], items;
	struct wrapped item[2];
	struct kcv kcv;
	uint64_t h;

	for (size_t i = 0; i < sizeof strong / sizeof *strong; i++) {
		ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
		ck_assert_int_eq(token_make_bdk(&t, &kcv, item, &items, h, peer, ctx, &strong[i]), E_SCHEME);
		ck_assert_int_eq(token_drop_bdk(&t, &strong[i]), E_SCHEME);
	}
	ck_assert_uint_eq(objects(false), 0);
}
END_TEST

START_TEST(an_ephemeral_pair_serves_once_whatever_comes_of_it)
{
	const struct key_set_id *set = &sets[1];
	uint8_t point[P256_POINT], off[P256_POINT], items;
	struct wrapped item[2];
	struct key bdk, variant;
	struct ksn iksn, other;
	struct kcv kcv;
	uint64_t h;

	make_set(set, &bdk, &variant, &kcv);
	ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, 1), E_OK);
	ck_assert_int_eq(ksn_make(&other, set->scheme, (const uint8_t *)"none", 1), E_OK);
	memcpy(off, peer, sizeof off);
	off[64] ^= 1;

	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_int_eq(token_wrap_initial_key(&t, item, &items, h, peer, ctx, set, &iksn), E_OK);
	ck_assert_int_eq(token_wrap_initial_key(&t, item, &items, h, peer, ctx, set, &iksn), E_KEY);
	ck_assert_uint_eq(items, 0);

	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_int_eq(token_wrap_initial_key(&t, item, &items, h, off, ctx, set, &iksn), E_POINT);
	ck_assert_int_eq(token_wrap_initial_key(&t, item, &items, h, peer, ctx, set, &iksn), E_KEY);

	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_int_eq(token_wrap_initial_key(&t, item, &items, h, peer, ctx, set, &other), E_KEY_SET);
	ck_assert_int_eq(token_forget(&t, h), E_KEY);

	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_int_eq(token_forget(&t, h), E_OK);
	ck_assert_int_eq(token_forget(&t, h), E_KEY);
	ck_assert_int_eq(token_forget(&t, 0), E_KEY);
	ck_assert_uint_eq(objects(true), 0);
}
END_TEST

START_TEST(only_so_many_ephemeral_pairs_wait)
{
	uint64_t h[TOKEN_EPHEMERALS + 1];
	uint8_t point[P256_POINT];

	for (unsigned i = 0; i < TOKEN_EPHEMERALS; i++)
		ck_assert_int_eq(token_ephemeral(&t, &h[i], point), E_OK);
	ck_assert_int_eq(token_ephemeral(&t, &h[TOKEN_EPHEMERALS], point), E_SPACE);
	ck_assert_int_eq(token_forget(&t, h[5]), E_OK);
	ck_assert_int_eq(token_ephemeral(&t, &h[5], point), E_OK);
}
END_TEST

START_TEST(two_hundred_loads_leave_no_object_behind)
{
	struct key bdk, variant;
	unsigned long before;
	struct ksn iksn;
	struct kcv kcv;
	uint64_t h;
	uint8_t point[P256_POINT];

	for (int i = 0; i < NSETS; i++)
		make_set(&sets[i], &bdk, &variant, &kcv);
	before = objects(false);
	for (uint32_t i = 0; i < 200; i++) {
		const struct key_set_id *set = &sets[i % NSETS];

		ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, i), E_OK);
		load(set, &iksn);
	}
	ck_assert_uint_eq(objects(true), 0);
	ck_assert_uint_eq(objects(false), before);
	/* the count does see what stays */
	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	ck_assert_uint_eq(objects(true), 2);
}
END_TEST

/* Item 0 or 1 of a package, as another site would make it */
static void pack_one(struct wrapped *item, unsigned part, const struct key *k,
		     const uint8_t exchange[static P256_POINT])
{
	static const char *const label[] = { "KRM1-BD", "KRM1-BV" };
	struct key z, kek;
	size_t len;

	ck_assert_int_eq(p256_ecdh(&z, &peer_priv, exchange), E_OK);
	ck_assert_int_eq(kbkdf(&kek, &z, label[part], ctx), E_OK);
	ck_assert_int_eq(keywrap_wrap(item->b, &len, &kek, k), E_OK);
	memcpy(item->label, label[part], KBKDF_LABEL);
	item->len = (uint8_t)len;
}

static void pack(struct wrapped item[static 2], uint8_t point[static P256_POINT], const struct key_set_id *set,
		 const struct key *bdk, const uint8_t exchange[static P256_POINT])
{
	struct key variant;

	memset(item, 0, 2 * sizeof *item);
	memcpy(point, peer, P256_POINT);
	pack_one(&item[0], 0, bdk, exchange);
	if (set->scheme == DUKPT_TDES) {
		ck_assert_int_eq(dukpt_tdes_variant(&variant, bdk), E_OK);
		pack_one(&item[1], 1, &variant, exchange);
	}
}

static const struct {
	struct key_set_id set;
	struct ksn iksn;
	const char *bdk, *kcv, *ik;
} published[] = {
	{ { { 0xFF, 0xFF, 0x98, 0x76, 0x54 }, 5, DUKPT_TDES },
	  { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES },
	  "0123456789ABCDEFFEDCBA9876543210",
	  "08D7B4",
	  "6AC292FAA1315B4D858AB3A3D7D5933A" },
	{ { { 0x12, 0x34, 0x56, 0x78 }, 4, DUKPT_AES128 },
	  { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56 }, KSN_AES },
	  "FEDCBA9876543210F1F1F1F1F1F1F1F1",
	  "FF0BD7C455",
	  "1273671EA26AC29AFA4D1084127652A1" },
};

START_TEST(a_taken_bdk_gives_the_published_initial_key)
{
	struct key bdk = test_key(published[_i].bdk), expected = test_key(published[_i].ik), ik;
	uint8_t exchange[P256_POINT], point[P256_POINT], kcv_bytes[5],
		items = published[_i].set.scheme == DUKPT_TDES ? 2 : 1;
	const struct key_set_id *set = &published[_i].set;
	struct wrapped item[2];
	struct kcv kcv;

	ck_assert_int_eq(token_take_bdk(&t, &kcv, item, items, peer, ctx, set), E_KEY); /* no exchange pair yet */
	ck_assert_int_eq(token_make_pair(&t, exchange, "exchange"), E_OK);
	pack(item, point, set, &bdk, exchange);
	ck_assert_int_eq(token_take_bdk(&t, &kcv, item, items, point, ctx, set), E_OK);
	ck_assert_uint_eq(kcv.len, test_hex(kcv_bytes, sizeof kcv_bytes, published[_i].kcv));
	ck_assert_mem_eq(kcv.b, kcv_bytes, kcv.len);
	ck_assert_int_eq(token_initial_key(&t, &ik, set, &published[_i].iksn), E_OK);
	ck_assert_uint_eq(ik.len, 16);
	ck_assert_mem_eq(ik.b, expected.b, 16);
	ck_assert_int_eq(token_take_bdk(&t, &kcv, item, items, point, ctx, set), E_EXISTS);
	ck_assert_int_eq(token_initial_key(&t, &ik, &sets[_i], &published[_i].iksn), E_KEY_SET);
	ck_assert_uint_eq(ik.len, 0);
	reopen_token();
	ck_assert_int_eq(token_initial_key(&t, &ik, set, &published[_i].iksn), E_OK);
	ck_assert_mem_eq(ik.b, expected.b, 16);
	ck_assert_uint_eq(objects(true), 0);
}
END_TEST

START_TEST(a_spoiled_package_leaves_nothing_in_the_token)
{
	struct key bdk = test_key(published[_i].bdk);
	uint8_t exchange[P256_POINT], point[P256_POINT], other_ctx[32] = { 0 };
	uint8_t items = published[_i].set.scheme == DUKPT_TDES ? 2 : 1;
	const struct key_set_id *set = &published[_i].set;
	struct wrapped item[2], bad[2];
	unsigned long before;
	struct kcv kcv;

	ck_assert_int_eq(token_make_pair(&t, exchange, "exchange"), E_OK);
	pack(item, point, set, &bdk, exchange);
	before = objects(false);
	for (unsigned part = 0; part < items; part++) {
		for (unsigned bit = 0; bit < 8 * 24; bit += 11) {
			memcpy(bad, item, sizeof bad);
			bad[part].b[bit / 8] = (uint8_t)(bad[part].b[bit / 8] ^ 1u << bit % 8);
			ck_assert_int_eq(token_take_bdk(&t, &kcv, bad, items, point, ctx, set), E_UNWRAP);
		}
		for (unsigned len = 0; len < 24; len += 8) {
			memcpy(bad, item, sizeof bad);
			bad[part].len = (uint8_t)len;
			ck_assert_int_eq(token_take_bdk(&t, &kcv, bad, items, point, ctx, set), E_UNWRAP);
		}
		memcpy(bad, item, sizeof bad);
		bad[part].label[6] = 'X';
		ck_assert_int_eq(token_take_bdk(&t, &kcv, bad, items, point, ctx, set), E_UNWRAP);
	}
	ck_assert_int_eq(token_take_bdk(&t, &kcv, item, items ^ 3, point, ctx, set), E_UNWRAP);
	ck_assert_int_eq(token_take_bdk(&t, &kcv, item, items, point, other_ctx, set), E_UNWRAP);
	if (items == 2) {
		bad[0] = item[1]; /* the two swapped, labels in place */
		bad[1] = item[0];
		memcpy(bad[0].label, item[0].label, KBKDF_LABEL);
		memcpy(bad[1].label, item[1].label, KBKDF_LABEL);
		ck_assert_int_eq(token_take_bdk(&t, &kcv, bad, items, point, ctx, set), E_UNWRAP);
	}
	point[64] ^= 1;
	ck_assert_int_eq(token_take_bdk(&t, &kcv, item, items, point, ctx, set), E_POINT);
	ck_assert_uint_eq(kcv.len, 0);
	ck_assert_uint_eq(objects(false), before);
}
END_TEST

START_TEST(a_short_or_long_bdk_is_refused)
{
	const struct key_set_id *set = &published[_i].set;
	uint8_t exchange[P256_POINT], point[P256_POINT], items = set->scheme == DUKPT_TDES ? 2 : 1;
	struct key k = test_key(published[_i].bdk);
	struct wrapped item[2], bad[2];
	struct kcv kcv;

	ck_assert_int_eq(token_make_pair(&t, exchange, "exchange"), E_OK);
	pack(item, point, set, &k, exchange);
	for (unsigned part = 0; part < items; part++) {
		for (k.len = 9; k.len <= 32; k.len++) {
			if (k.len == 16)
				continue;
			memcpy(bad, item, sizeof bad);
			pack_one(&bad[part], part, &k, exchange);
			ck_assert_int_eq(token_take_bdk(&t, &kcv, bad, items, point, ctx, set), E_UNWRAP);
		}
	}
	ck_assert_uint_eq(objects(false), 2);
}
END_TEST

/* Whatever speaks against a key set of components or of given bytes, and what is left of it then: nothing. */
START_TEST(what_is_no_key_leaves_nothing_in_the_token)
{
	const struct key_set_id *set = &published[_i].set;
	struct key bdk = test_key(published[_i].bdk), bad = bdk, part[2] = { bdk, { { 0 }, 16 } };
	struct kcv kcv, wrong = { { 1, 2, 3, 4, 5 }, set->scheme == DUKPT_TDES ? 3 : 5 }, want = { .len = 0 };
	unsigned long before = objects(false);

	bad.len = 24;
	ck_assert_int_eq(token_place_bdk(&t, &kcv, &bad, set, NULL), E_KEY);
	bad = (struct key){ { 0 }, 16 };
	ck_assert_int_eq(token_place_bdk(&t, &kcv, &bad, set, NULL), E_KEY);
	ck_assert_int_eq(token_enter_bdk(&t, &kcv, part, 2, set, &want), E_KEY); /* the second one is nothing */
	ck_assert_int_eq(token_enter_bdk(&t, &kcv, part, 1, set, &want), E_RANGE);
	ck_assert_int_eq(token_place_bdk(&t, &kcv, &bdk, set, &wrong), E_MAC);
	ck_assert_int_eq(token_place_bdk(&t, &kcv, &bdk, set, &want), E_OK); /* asked alone */
	ck_assert_uint_gt(kcv.len, 0);
	ck_assert_uint_eq(objects(false), before);
	ck_assert_int_eq(token_place_bdk(&t, &kcv, &bdk, set, &kcv), E_OK);
	ck_assert_uint_eq(objects(false), before + (set->scheme == DUKPT_TDES ? 2 : 1));
	ck_assert_uint_eq(objects(true), 0);
	ck_assert_int_eq(token_place_bdk(&t, &kcv, &bdk, set, NULL), E_EXISTS);
	ck_assert_int_eq(token_drop_bdk(&t, set), E_OK);
	ck_assert_uint_eq(objects(false), before);
}
END_TEST

/* As one that was made here: a_bdk_in_the_token_may_derive_and_nothing_else. */
START_TEST(a_given_bdk_may_derive_and_nothing_else)
{
	const struct key_set_id *set = &published[_i].set;
	struct key bdk = test_key(published[_i].bdk), expected = test_key(published[_i].ik), ik;
	char id[KEY_SET_TEXT], label[TOKEN_LABEL];
	struct kcv kcv;

	ck_assert_int_eq(token_place_bdk(&t, &kcv, &bdk, set, NULL), E_OK);
	key_set_text(id, set);
	for (unsigned i = 0; i < (set->scheme == DUKPT_TDES ? 2 : 1); i++) {
		snprintf(label, sizeof label, i ? "bdk-variant-%s" : "bdk-%s", id);
		may_derive_alone(label);
	}
	ck_assert_int_eq(token_initial_key(&t, &ik, set, &published[_i].iksn), E_OK);
	ck_assert_mem_eq(ik.b, expected.b, 16);
}
END_TEST

START_TEST(random_bytes_differ)
{
	uint8_t a[32], b[32];

	ck_assert_int_eq(token_random(&t, a, sizeof a), E_OK);
	ck_assert_int_eq(token_random(&t, b, sizeof b), E_OK);
	ck_assert_mem_ne(a, b, sizeof a);
}
END_TEST

/* Each of tests/shim/lies.h is noticed, by its name, and nothing else is blamed. */
START_TEST(the_probe_notices_a_token_that_lies)
{
	static const struct {
		enum probe_question q;
		enum probe_answer answer;
		const char *why; /* NULL: test rooms are served */
	} row[] = {
		{ PROBE_READ, PROBE_WRONG, NULL },
		{ PROBE_PRIVATE, PROBE_WRONG, NULL },
		{ PROBE_CHANGE, PROBE_WRONG, NULL },
		{ PROBE_WRAP_BOUND, PROBE_WRONG, NULL },
		{ PROBE_LOOSEN, PROBE_WRONG, NULL },
		{ PROBE_ENCRYPT, PROBE_WRONG, NULL },
		{ PROBE_MECHANISM, PROBE_WRONG, NULL },
		{ PROBE_SPOILED, PROBE_WRONG, NULL },
		{ PROBE_AES192, PROBE_WRONG, NULL },
		{ PROBE_PAD, PROBE_WRONG, "probe: kdf: no way to wrap by RFC 5649" },
		{ PROBE_KDF, PROBE_WRONG, "probe: kdf: another key than it should be" },
		{ PROBE_TDES, PROBE_WRONG, "probe: tdes-initial-key: another key than it should be" },
		{ PROBE_AES, PROBE_WRONG, "probe: aes-initial-key: another key than it should be" },
		{ PROBE_UNWRAP, PROBE_WRONG, "probe: unwrap: C_UnwrapKey answers 0x110" },
		{ PROBE_COPY, PROBE_WRONG, "probe: copy: C_CopyObject answers 0x54" },
		{ PROBE_SIGNATURE, PROBE_WRONG, "probe: signature: a wrong signature" },
		{ PROBE_AGREEMENT, PROBE_WRONG, "probe: agreement: another key than it should be" },
	};
	static struct token other;
	CK_FUNCTION_LIST *list = t.f;
	char blame[256];

	if (_i == sizeof row / sizeof *row) { /* the lies are not in the figures: without one nothing is noticed */
		ck_assert_int_eq(token_open(&other, &folder.at, TOKEN_FOLDER_PIN), E_OK);
		ck_assert_int_eq(probe_verdict(&other.probe), PROBE_PRODUCTION);
		return;
	}
	/* the list is the module's own and shared: what token_open() will find there */
	ck_assert(lie(list, probe_rows[row[_i].q].name));
	ck_assert_int_eq(token_open(&other, &folder.at, TOKEN_FOLDER_PIN), row[_i].why ? E_TOKEN : E_OK);
	*list = honest;
	ck_assert_int_eq(other.probe.of[row[_i].q].answer, row[_i].answer);
	if (row[_i].why) {
		ck_assert_str_eq(other.why, row[_i].why);
		ck_assert_int_eq(probe_verdict(&other.probe), PROBE_UNUSABLE);
	} else if (probe_rows[row[_i].q].kind == PROBE_CHOICE) {
		ck_assert_int_eq(probe_verdict(&other.probe), PROBE_PRODUCTION);
		ck_assert(probe_makes(&other.probe, 16) && !probe_makes(&other.probe, 24) && probe_makes(&other.probe, 32));
	} else {
		probe_blame(blame, sizeof blame, &other.probe);
		ck_assert_str_eq(blame, probe_rows[row[_i].q].name);
		ck_assert_int_eq(probe_verdict(&other.probe), PROBE_TEST);
	}
}
END_TEST

/*
 * A token whose AES under Z answers what an attacker would like: 0: the second query of each chain is the block 0,
 * which was queried before; 1: the last block of each chain, whose image is the key, is that block.
 */
static CK_FUNCTION_LIST twin;
static int encrypts, collide_at;

static CK_RV colliding_encrypt(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG len, CK_BYTE *out, CK_ULONG *out_len)
{
	CK_RV rv = honest.C_Encrypt(s, in, len, out, out_len);
	uint8_t block[KBKDF_INPUT];

	if (encrypts == 0)
		memset(out, 0, 16); /* E(0), and with it K1 */
	for (unsigned i = 0; encrypts == collide_at && i < 2; i++) {
		kbkdf_input(block, i + 1, "KRM1-IK", ctx);
		memcpy(out + 16 * i, block + 16 * collide_at, 16);
	}
	encrypts++;
	return rv;
}

START_TEST(a_kek_that_could_have_been_seen_is_never_used)
{
	const struct key_set_id *set = &sets[1];
	uint8_t point[P256_POINT], items;
	CK_FUNCTION_LIST *list = t.f;
	struct key bdk, variant;
	struct wrapped item[2];
	struct ksn iksn;
	struct kcv kcv;
	uint64_t h;

	make_set(set, &bdk, &variant, &kcv);
	ck_assert_int_eq(ksn_make(&iksn, set->scheme, set->b, 1), E_OK);
	honest = twin = *list;
	twin.C_Encrypt = colliding_encrypt;
	encrypts = 0;
	collide_at = _i + 1;
	ck_assert_int_eq(token_ephemeral(&t, &h, point), E_OK);
	t.f = &twin;
	ck_assert_int_eq(token_wrap_initial_key(&t, item, &items, h, peer, ctx, set, &iksn), E_CRYPTO);
	t.f = list;
	ck_assert_int_eq(encrypts, _i + 2);
	ck_assert_uint_eq(items, 0);
	ck_assert_uint_eq(item[0].len, 0);
	ck_assert_uint_eq(objects(true), 0);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("token");
	TCase *plain = tcase_create("opening"), *open = tcase_create("open");

	suite_add_tcase(s, plain);
	tcase_set_timeout(plain, 60);
	tcase_add_test(plain, initialises_a_token_once);
	tcase_add_loop_test(plain, says_why_it_cannot_open, 0, 6);
	suite_add_tcase(s, open);
	tcase_set_timeout(open, 60);
	tcase_add_checked_fixture(open, open_token, close_token);
	tcase_add_test(open, signs_so_that_software_verifies);
	tcase_add_test(open, the_exchange_pair_signs_its_own_request);
	tcase_add_loop_test(open, a_made_bdk_leaves_once_with_its_check_value, 0, NSETS);
	tcase_add_loop_test(open, a_wrapped_initial_key_is_the_one_software_derives, 0, NSETS);
	tcase_add_test(open, a_bdk_in_the_token_may_derive_and_nothing_else);
	tcase_add_loop_test(open, a_key_set_is_made_once_until_it_is_dropped, 0, NSETS);
	tcase_add_test(open, refuses_what_is_no_scheme);
	tcase_add_test(open, an_ephemeral_pair_serves_once_whatever_comes_of_it);
	tcase_add_test(open, only_so_many_ephemeral_pairs_wait);
	tcase_add_test(open, two_hundred_loads_leave_no_object_behind);
	tcase_add_loop_test(open, a_taken_bdk_gives_the_published_initial_key, 0, 2);
	tcase_add_loop_test(open, a_spoiled_package_leaves_nothing_in_the_token, 0, 2);
	tcase_add_loop_test(open, a_short_or_long_bdk_is_refused, 0, 2);
	tcase_add_loop_test(open, what_is_no_key_leaves_nothing_in_the_token, 0, 2);
	tcase_add_loop_test(open, a_given_bdk_may_derive_and_nothing_else, 0, 2);
	tcase_add_test(open, random_bytes_differ);
	tcase_add_loop_test(open, a_kek_that_could_have_been_seen_is_never_used, 0, 2);
	tcase_add_loop_test(open, the_probe_notices_a_token_that_lies, 0, 17);
	return s;
}

int main(void)
{
	return test_main(suite());
}
