#include "bdk/token_probe.h"
#include "base/wipe.h"
#include "bdk/construction.h"
#include "bdk/kek.h"
#include "bdk/object.h"
#include "bdk/pair.h"
#include "crypto/keywrap.h"
#include "dukpt/tdes.h"

#include <stdio.h>
#include <string.h>

/* Published or made up for this: nothing here is secret. */
static const struct ksn probe_tdes_ksn = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn probe_aes_ksn = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56 }, KSN_AES };
static const struct key probe_tdes_bdk = {
	{ 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10 }, BDK_LEN
};
static const struct key probe_aes_bdk = {
	{ 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1 }, BDK_LEN
};
static const struct key probe_strong_bdk = { /* AES-256; AES-192 are its first 24 bytes */
	{ 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1,
	  0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1 }, 32
};
static const struct key probe_ik[] = {
	[DUKPT_TDES] = { { 0x6A, 0xC2, 0x92, 0xFA, 0xA1, 0x31, 0x5B, 0x4D, 0x85, 0x8A, 0xB3, 0xA3, 0xD7, 0xD5, 0x93, 0x3A },
			 16 },
	[DUKPT_AES128] = { { 0x12, 0x73, 0x67, 0x1E, 0xA2, 0x6A, 0xC2, 0x9A, 0xFA, 0x4D, 0x10, 0x84, 0x12, 0x76, 0x52, 0xA1 },
			   16 },
	[DUKPT_AES192] = { { 0x5B, 0x6D, 0xEE, 0x2B, 0x5B, 0x7F, 0xAB, 0xFF, 0xA3, 0x25, 0x91, 0xF3, 0x5B, 0xF8, 0xF2, 0x3D,
			     0xD9, 0x32, 0x9A, 0xE8, 0x51, 0x31, 0xE5, 0x84 }, 24 },
	[DUKPT_AES256] = { { 0xCE, 0x9C, 0xE0, 0xC1, 0x01, 0xD1, 0x13, 0x8F, 0x97, 0xFB, 0x6C, 0xAD, 0x4D, 0xF0, 0x45, 0xA7,
			     0x08, 0x3D, 0x4E, 0xAE, 0x2D, 0x35, 0xA3, 0x17, 0x89, 0xD0, 0x1C, 0xCF, 0x09, 0x49, 0x55, 0x0F },
			   32 },
};
static const uint8_t probe_ctx[] = { 0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA, 0x41, 0x41, 0x40,
				     0xDE, 0x5D, 0xAE, 0x22, 0x23, 0xB0, 0x03, 0x61, 0xA3, 0x96, 0x17,
				     0x7A, 0x9C, 0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD }; /* SHA-256("abc") */
static const struct key probe_kek = { { 0x8A, 0x7E, 0xF1, 0x09, 0x8E, 0x60, 0xEF, 0x68, 0x43, 0x54, 0x5F,
					0x71, 0x61, 0x46, 0xE0, 0x63, 0x1B, 0x15, 0xC5, 0xE5, 0x43, 0xF1,
					0x25, 0x73, 0xE8, 0x72, 0xA7, 0xBB, 0xDA, 0x03, 0xFA, 0x89 },
				      KEK_LEN }; /* of Z = 00..1F, probe_ctx, KRM1-IK */

static const enum dukpt_scheme schemes[] = { DUKPT_TDES, DUKPT_AES128 };

/* What the objects under a KEK are, as software opens them: do they make up these bytes? */
static enum err check_parts(struct token *t, CK_OBJECT_HANDLE kek, const struct key *soft_kek,
			    const CK_OBJECT_HANDLE part[static 2], const struct key *value)
{
	struct wrapped w;
	struct key k;
	size_t at = 0;
	enum err e = E_OK;

	for (unsigned i = 0; !e && i < 2 && part[i]; i++) {
		e = kek_wrap(t, &w, kek, part[i]);
		if (!e && (keywrap_unwrap(&k, soft_kek, w.b, w.len) || at + k.len > value->len ||
			   !ct_equal(k.b, value->b + at, k.len)))
			e = token_refuse(t, "another key than it should be");
		at += e ? 0 : k.len;
	}
	if (!e && at != value->len)
		e = token_refuse(t, "a key of another length than it should be");
	return e;
}

/* Do these objects of the published BDK derive the published initial key? */
static enum err check_initial(struct token *t, CK_OBJECT_HANDLE kek, enum dukpt_scheme scheme,
			      const CK_OBJECT_HANDLE bdk[static 2])
{
	bool tdes = scheme == DUKPT_TDES;
	CK_OBJECT_HANDLE part[2] = { 0, 0 };
	enum err e = construct_initial(t, part, bdk, scheme, tdes ? &probe_tdes_ksn : &probe_aes_ksn, MAY_LEAVE);

	if (!e)
		e = check_parts(t, kek, &probe_kek, part, &probe_ik[scheme]);
	object_destroy(t, &part[0]);
	object_destroy(t, &part[1]);
	return e;
}

/* The published BDK, and for TDES its variant */
static enum err published(struct key bdk[static 2], enum dukpt_scheme scheme)
{
	if (scheme != DUKPT_TDES) {
		bdk[0] = probe_strong_bdk;
		bdk[0].len = (uint8_t)dukpt_key_len(scheme);
		return E_OK;
	}
	bdk[0] = probe_tdes_bdk;
	return dukpt_tdes_variant(&bdk[1], &bdk[0]);
}

/* By a mechanism that no list of a BDK has */
static CK_RV derive_otherwise(struct token *t, CK_OBJECT_HANDLE h)
{
	uint8_t data[BDK_LEN] = { 0 };
	CK_AES_CBC_ENCRYPT_DATA_PARAMS p = { { 0 }, data, sizeof data };
	CK_MECHANISM cbc = { CKM_AES_CBC_ENCRYPT_DATA, &p, sizeof p };
	CK_OBJECT_HANDLE child = 0;
	struct attrs l;
	CK_RV rv;

	attrs_secret(t, &l, CKK_GENERIC_SECRET, BDK_LEN, MAY_LEAVE, NULL);
	rv = t->f->C_DeriveKey(t->session, &cbc, h, l.a, l.n, &child);
	object_destroy(t, &child);
	return rv;
}

/* What later questions use of earlier ones: session objects, destroyed at the end. */
struct asking {
	CK_OBJECT_HANDLE wrapping, unwrapping; /* the KEK of the published Z, to do either */
	CK_OBJECT_HANDLE bound, copy;          /* keys that may derive and nothing else: made so, and copied so */
};

/* --- Choices: each has its question, and works on where the token takes another way ------------------------------- */

static enum err ask_allowed(struct token *t, struct asking *a)
{
	CK_OBJECT_HANDLE h = 0;
	enum err e;

	(void)a;
	t->made.lists = true;
	e = object_create(t, &h, CKK_AES, probe_aes_bdk.b, BDK_LEN, MAY_DERIVE);
	if (!e && derive_otherwise(t, h) == CKR_OK)
		e = token_refuse(t, "the list is taken, and not kept to");
	t->made.lists = !e;
	object_destroy(t, &h);
	return e;
}

static enum err ask_wrap(struct token *t, CK_MECHANISM_TYPE mechanism)
{
	CK_OBJECT_HANDLE kek = 0, part[2] = { 0, 0 };
	CK_MECHANISM_TYPE before = t->made.wrap;
	enum err e;

	t->made.wrap = mechanism;
	e = object_create(t, &kek, CKK_AES, probe_kek.b, KEK_LEN, MAY_WRAP);
	if (!e)
		e = object_create(t, &part[0], CKK_GENERIC_SECRET, probe_ik[DUKPT_AES128].b, BDK_LEN, MAY_LEAVE);
	if (!e)
		e = check_parts(t, kek, &probe_kek, part, &probe_ik[DUKPT_AES128]);
	/* the first of them that is right */
	if (e || before)
		t->made.wrap = before;
	object_destroy(t, &part[0]);
	object_destroy(t, &kek);
	return e;
}

static enum err ask_pad(struct token *t, struct asking *a)
{
	(void)a;
	return ask_wrap(t, CKM_AES_KEY_WRAP_PAD);
}

static enum err ask_kwp(struct token *t, struct asking *a)
{
	(void)a;
	return ask_wrap(t, CKM_AES_KEY_WRAP_KWP);
}

static enum err ask_xor(struct token *t, struct asking *a)
{
	static const struct key none = { { 0 }, BDK_LEN };
	CK_OBJECT_HANDLE base = 0, variant[2] = { 0, 0 };
	struct key bdk[2], mask;
	enum err e = published(bdk, DUKPT_TDES);

	if (!e)
		e = dukpt_tdes_variant(&mask, &none);
	if (!e)
		e = object_create(t, &base, CKK_AES, bdk[0].b, BDK_LEN, MAY_MIX | MAY_LEAVE);
	if (!e)
		e = construct_xor(t, &variant[0], base, mask.b, MAY_DERIVE | MAY_LEAVE);
	if (!e)
		e = check_parts(t, a->wrapping, &probe_kek, variant, &bdk[1]);
	t->made.mixes = !e;
	object_destroy(t, &base);
	object_destroy(t, &variant[0]);
	return e;
}

static enum err ask_concatenate(struct token *t, struct asking *a)
{
	CK_OBJECT_HANDLE object[2] = { 0, 0 }, part[2] = { 0, 0 }, whole[2] = { 0, 0 };
	struct key bdk[2];
	enum err e = published(bdk, DUKPT_TDES);

	for (unsigned i = 0; !e && i < 2; i++)
		e = object_create(t, &object[i], CKK_DES2, bdk[i].b, BDK_LEN, MAY_DERIVE);
	if (!e)
		e = construct_initial(t, part, object, DUKPT_TDES, &probe_tdes_ksn, MAY_MIX | MAY_LEAVE);
	if (!e)
		e = construct_join(t, &whole[0], part, MAY_LEAVE);
	if (!e)
		e = check_parts(t, a->wrapping, &probe_kek, whole, &probe_ik[DUKPT_TDES]);
	t->made.joins = !e;
	for (unsigned i = 0; i < 2; i++) {
		object_destroy(t, &object[i]);
		object_destroy(t, &part[i]);
		object_destroy(t, &whole[i]);
	}
	return e;
}

/* --- What is needed ----------------------------------------------------------------------------------------------- */

/* The KEK of the published Z, which the other questions use */
static enum err ask_kdf(struct token *t, struct asking *a)
{
	static const unsigned may[2] = { MAY_WRAP, MAY_UNWRAP };
	CK_OBJECT_HANDLE *const kek[2] = { &a->wrapping, &a->unwrapping };
	CK_OBJECT_HANDLE part[2] = { 0, 0 };
	uint8_t z[32];
	enum err e = t->made.wrap ? E_OK : token_refuse(t, "no way to wrap by RFC 5649");

	for (unsigned i = 0; i < sizeof z; i++)
		z[i] = (uint8_t)i;
	for (unsigned i = 0; !e && i < 2; i++) {
		struct kdf k = { .z = 0 };

		e = object_create(t, &k.z, CKK_AES, z, sizeof z, MAY_ENCRYPT | MAY_DERIVE);
		if (!e)
			e = kek_begin(t, &k);
		if (!e)
			e = kek_make(t, kek[i], &k, KEK_IK, probe_ctx, may[i]);
		kek_end(t, &k);
	}
	if (!e)
		e = object_create(t, &part[0], CKK_GENERIC_SECRET, probe_ik[DUKPT_AES128].b, BDK_LEN, MAY_LEAVE);
	if (!e)
		e = check_parts(t, a->wrapping, &probe_kek, part, &probe_ik[DUKPT_AES128]);
	object_destroy(t, &part[0]);
	return e;
}

static enum err ask_scheme(struct token *t, CK_OBJECT_HANDLE kek, enum dukpt_scheme scheme)
{
	CK_OBJECT_HANDLE object[2] = { 0, 0 };
	struct key bdk[2];
	enum err e = published(bdk, scheme);

	for (unsigned i = 0; !e && i < construct_parts(scheme); i++)
		e = object_create(t, &object[i], construct_type(scheme), bdk[i].b, bdk[i].len, MAY_DERIVE);
	if (!e)
		e = check_initial(t, kek, scheme, object);
	object_destroy(t, &object[0]);
	object_destroy(t, &object[1]);
	return e;
}

static enum err ask_tdes(struct token *t, struct asking *a)
{
	return ask_scheme(t, a->wrapping, DUKPT_TDES);
}

static enum err ask_aes(struct token *t, struct asking *a)
{
	return ask_scheme(t, a->wrapping, DUKPT_AES128);
}

/* What only test rooms may have (E_STRENGTH) */
static enum err ask_aes192(struct token *t, struct asking *a)
{
	return ask_scheme(t, a->wrapping, DUKPT_AES192);
}

static enum err ask_aes256(struct token *t, struct asking *a)
{
	return ask_scheme(t, a->wrapping, DUKPT_AES256);
}

/* As an acquirer room takes a BDK */
static enum err ask_unwrap(struct token *t, struct asking *a)
{
	enum err e = E_OK;

	for (unsigned s = 0; !e && s < sizeof schemes / sizeof *schemes; s++) {
		CK_OBJECT_HANDLE object[2] = { 0, 0 };
		struct wrapped w;
		struct key bdk[2];
		size_t len;

		e = published(bdk, schemes[s]);
		for (unsigned i = 0; !e && i < construct_parts(schemes[s]); i++) {
			e = keywrap_wrap(w.b, &len, &probe_kek, &bdk[i]);
			w.len = (uint8_t)len;
			if (!e)
				e = kek_unwrap(t, &object[i], a->unwrapping, &w, construct_type(schemes[s]), MAY_DERIVE,
					       NULL);
		}
		if (!e)
			e = check_initial(t, a->wrapping, schemes[s], object);
		object_destroy(t, &object[0]);
		object_destroy(t, &object[1]);
	}
	return e;
}

/* As a load room keeps a BDK that was born */
static enum err ask_copy(struct token *t, struct asking *a)
{
	CK_OBJECT_HANDLE born = 0;
	enum err e = object_create(t, &born, CKK_AES, probe_aes_bdk.b, BDK_LEN, MAY_ENCRYPT | MAY_LEAVE | MAY_BE_COPIED);

	if (!e)
		e = construct_settle(t, &a->copy, born, NULL);
	if (!e)
		e = check_initial(t, a->wrapping, DUKPT_AES128, (CK_OBJECT_HANDLE[2]){ a->copy, 0 });
	object_destroy(t, &born);
	return e;
}

/* Pairs of the token against this program's own arithmetic */
static enum err ask_signature(struct token *t, struct asking *a)
{
	struct token_pair p = { 0, 0, 0 };
	uint8_t point[P256_POINT], sig[P256_SIG];
	enum err e = pair_make(t, &p.pub, &p.priv, true, false, NULL);

	(void)a;
	if (!e)
		e = pair_point(t, point, p.pub);
	if (!e)
		e = pair_sign(t, sig, p.priv, probe_ctx);
	if (!e && p256_verify(sig, point, probe_ctx))
		e = token_refuse(t, "a wrong signature");
	pair_destroy(t, &p);
	return e;
}

static enum err ask_agreement(struct token *t, struct asking *a)
{
	static const struct key mine = { { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 32 };
	struct token_pair p = { 0, 0, 0 };
	CK_OBJECT_HANDLE kek = 0, part[2] = { 0, 0 };
	uint8_t theirs[P256_POINT], own[P256_POINT];
	struct key z, soft_kek;
	struct kdf k = { .z = 0 };
	enum err e = pair_make(t, &p.pub, &p.priv, false, true, NULL);

	(void)a;
	if (!e)
		e = pair_point(t, theirs, p.pub);
	if (!e)
		e = p256_public(own, &mine);
	if (!e)
		e = kek_agree(t, &k, p.priv, own);
	if (!e)
		e = kek_make(t, &kek, &k, KEK_IK, probe_ctx, MAY_WRAP);
	if (!e)
		e = object_create(t, &part[0], CKK_GENERIC_SECRET, probe_ik[DUKPT_AES128].b, BDK_LEN, MAY_LEAVE);
	if (!e)
		e = p256_ecdh(&z, &mine, theirs);
	if (!e)
		e = kbkdf(&soft_kek, &z, KEK_IK, probe_ctx);
	if (!e)
		e = check_parts(t, kek, &soft_kek, part, &probe_ik[DUKPT_AES128]);
	object_destroy(t, &part[0]);
	object_destroy(t, &kek);
	kek_end(t, &k);
	pair_destroy(t, &p);
	return e;
}

/* --- What has to fail: a function of the module is called, and its answer is the answer ---------------------------- */

/* Each is tried on the key that was made so and on the copy; one that passes is enough. */
static CK_RV on_both(struct token *t, const struct asking *a, CK_RV (*attempt)(struct token *t, CK_OBJECT_HANDLE h))
{
	CK_RV rv = attempt(t, a->bound);

	return rv == CKR_OK ? rv : attempt(t, a->copy);
}

static CK_RV read_value(struct token *t, CK_OBJECT_HANDLE h)
{
	uint8_t value[KEK_LEN];
	CK_ATTRIBUTE read = { CKA_VALUE, value, sizeof value };

	return t->f->C_GetAttributeValue(t->session, h, &read, 1);
}

static CK_RV change(struct token *t, CK_OBJECT_HANDLE h)
{
	static const CK_ATTRIBUTE_TYPE rights[] = { CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_SIGN, CKA_EXTRACTABLE };
	CK_BBOOL yes = CK_TRUE;
	CK_RV rv = CKR_GENERAL_ERROR;

	for (size_t i = 0; rv != CKR_OK && i < sizeof rights / sizeof *rights; i++) {
		CK_ATTRIBUTE a = { rights[i], &yes, sizeof yes };

		rv = t->f->C_SetAttributeValue(t->session, h, &a, 1);
	}
	return rv;
}

static CK_RV loosen(struct token *t, CK_OBJECT_HANDLE h)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE extractable = { CKA_EXTRACTABLE, &yes, sizeof yes };
	CK_OBJECT_HANDLE copy = 0;
	CK_RV rv = t->f->C_CopyObject(t->session, h, &extractable, 1, &copy);

	object_destroy(t, &copy);
	return rv;
}

static CK_RV encrypt_with(struct token *t, CK_OBJECT_HANDLE h)
{
	CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
	uint8_t block[16] = { 0 };
	CK_ULONG len = sizeof block;
	CK_RV rv = t->f->C_EncryptInit(t->session, &ecb, h);

	if (rv == CKR_OK) /* what was begun has to end, whatever comes of it */
		t->f->C_Encrypt(t->session, block, sizeof block, block, &len);
	return rv;
}

static CK_RV try_read(struct token *t, struct asking *a)
{
	CK_OBJECT_HANDLE leaving = 0;
	CK_RV rv = object_create(t, &leaving, CKK_GENERIC_SECRET, probe_ik[DUKPT_AES128].b, BDK_LEN, MAY_LEAVE)
			   ? CKR_OK
			   : read_value(t, leaving);

	object_destroy(t, &leaving);
	return rv == CKR_OK ? rv : on_both(t, a, read_value);
}

static CK_RV try_wrap(struct token *t, struct asking *a)
{
	struct wrapped w;

	return kek_wrap(t, &w, a->wrapping, a->bound) && kek_wrap(t, &w, a->wrapping, a->copy) ? t->rv : CKR_OK;
}

static CK_RV try_change(struct token *t, struct asking *a)
{
	return on_both(t, a, change);
}

static CK_RV try_loosen(struct token *t, struct asking *a)
{
	return on_both(t, a, loosen);
}

static CK_RV try_encrypt(struct token *t, struct asking *a)
{
	return on_both(t, a, encrypt_with);
}

static CK_RV try_mechanism(struct token *t, struct asking *a)
{
	return on_both(t, a, derive_otherwise);
}

static CK_RV try_spoiled(struct token *t, struct asking *a)
{
	CK_OBJECT_HANDLE h = 0;
	struct wrapped w;
	size_t len;
	CK_RV rv = CKR_OK;

	if (!keywrap_wrap(w.b, &len, &probe_kek, &probe_aes_bdk)) {
		w.len = (uint8_t)len;
		w.b[9] ^= 1;
		rv = kek_unwrap(t, &h, a->unwrapping, &w, CKK_AES, MAY_DERIVE, NULL) ? t->rv : CKR_OK;
	}
	object_destroy(t, &h);
	return rv;
}

static CK_RV try_private(struct token *t, struct asking *a)
{
	struct token_pair p = { 0, 0, 0 };
	CK_RV rv = pair_make(t, &p.pub, &p.priv, true, false, NULL) ? CKR_OK : read_value(t, p.priv);

	(void)a;
	pair_destroy(t, &p);
	return rv;
}

/* --- The questions, in their order --------------------------------------------------------------------------------- */

static const struct {
	enum err (*ask)(struct token *t, struct asking *a);
	CK_RV (*attempt)(struct token *t, struct asking *a); /* of a refusal */
} rows[PROBE_QUESTIONS] = {
	/* clang-format off */
	[PROBE_ALLOWED]		= { ask_allowed, NULL },
	[PROBE_PAD]		= { ask_pad, NULL },
	[PROBE_KWP]		= { ask_kwp, NULL },
	[PROBE_KDF]		= { ask_kdf, NULL },
	[PROBE_TDES]		= { ask_tdes, NULL },
	[PROBE_AES]		= { ask_aes, NULL },
	[PROBE_AES192]		= { ask_aes192, NULL },
	[PROBE_AES256]		= { ask_aes256, NULL },
	[PROBE_XOR]		= { ask_xor, NULL },
	[PROBE_CONCATENATE]	= { ask_concatenate, NULL },
	[PROBE_UNWRAP]		= { ask_unwrap, NULL },
	[PROBE_COPY]		= { ask_copy, NULL },
	[PROBE_SIGNATURE]	= { ask_signature, NULL },
	[PROBE_AGREEMENT]	= { ask_agreement, NULL },
	[PROBE_READ]		= { NULL, try_read },
	[PROBE_WRAP_BOUND]	= { NULL, try_wrap },
	[PROBE_CHANGE]		= { NULL, try_change },
	[PROBE_LOOSEN]		= { NULL, try_loosen },
	[PROBE_ENCRYPT]		= { NULL, try_encrypt },
	[PROBE_MECHANISM]	= { NULL, try_mechanism },
	[PROBE_SPOILED]		= { NULL, try_spoiled },
	[PROBE_PRIVATE]		= { NULL, try_private },
	/* clang-format on */
};

/* One question, and its answer into t->probe. E_OK, E_TOKEN (what is needed is not there; t->why says which) */
static enum err ask_one(struct token *t, struct asking *a, enum probe_question q)
{
	const struct probe_row *row = &probe_rows[q];
	char what[sizeof t->why];
	bool right;

	if (row->kind == PROBE_REFUSAL) {
		t->rv = rows[q].attempt(t, a);
		right = t->rv != CKR_OK;
	} else {
		t->rv = CKR_OK;
		right = !rows[q].ask(t, a);
	}
	t->probe.of[q].rv = (uint32_t)t->rv;
	t->probe.of[q].answer = right					       ? PROBE_RIGHT
				: row->kind == PROBE_CHOICE && t->rv != CKR_OK ? PROBE_NONE
									       : PROBE_WRONG;
	if (right || row->kind != PROBE_NEEDED)
		return E_OK;
	snprintf(what, sizeof what, "probe: %s: %.60s", row->name, t->why);
	memcpy(t->why, what, sizeof what);
	return E_TOKEN;
}

enum err token_probe(struct token *t)
{
	struct asking a = { 0, 0, 0, 0 };
	enum err e = E_OK;

	memset(&t->made, 0, sizeof t->made);
	for (enum probe_question q = 0; !e && q < PROBE_QUESTIONS; q++) {
		if (q == PROBE_READ)
			e = object_create(t, &a.bound, CKK_AES, probe_aes_bdk.b, BDK_LEN, MAY_DERIVE);
		if (!e)
			e = ask_one(t, &a, q);
	}
	object_destroy(t, &a.wrapping);
	object_destroy(t, &a.unwrapping);
	object_destroy(t, &a.bound);
	object_destroy(t, &a.copy);
	return e;
}
