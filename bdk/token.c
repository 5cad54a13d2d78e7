#include "bdk/token.h"
#include "base/hex.h"
#include "base/wipe.h"
#include "crypto/cmac.h"
#include "crypto/keywrap.h"
#include "dukpt/aes.h"
#include "dukpt/tdes.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define KEK_LEN 32
#define BDK_LEN 16
#define HALF_LEN 8
#define PIN_TEXT 256 /* longest PIN, with its NUL */

static const char ik_label[] = "KRM1-IK", left_label[] = "KRM1-IL", right_label[] = "KRM1-IR", bdk_label[] = "KRM1-BD",
		  variant_label[] = "KRM1-BV";

/* --- What the token answers -------------------------------------------------------------------------------------- */

static enum err refuse(struct token *t, const char *why)
{
	snprintf(t->why, sizeof t->why, "%s", why);
	return E_TOKEN;
}

static enum err check(struct token *t, const char *function, CK_RV rv)
{
	if (rv == CKR_OK)
		return E_OK;
	snprintf(t->why, sizeof t->why, "%s answers %#lx", function, rv);
	return E_TOKEN;
}

/* --- Templates --------------------------------------------------------------------------------------------------- */

struct attrs {
	CK_ATTRIBUTE a[24];
	CK_ULONG n;
	CK_OBJECT_CLASS class; /* what a[] points to */
	CK_KEY_TYPE type;
	CK_ULONG len;
};

static void put(struct attrs *l, CK_ATTRIBUTE_TYPE type, const void *p, size_t len)
{
	l->a[l->n++] = (CK_ATTRIBUTE){ type, (void *)p, len };
}

static void put_flag(struct attrs *l, CK_ATTRIBUTE_TYPE type, bool v)
{
	static const CK_BBOOL no = CK_FALSE, yes = CK_TRUE;

	put(l, type, v ? &yes : &no, sizeof yes);
}

/* A session object has no label, a token object has one. */
static void put_head(struct attrs *l, CK_OBJECT_CLASS class, const char *label)
{
	memset(l, 0, sizeof *l);
	l->class = class;
	put(l, CKA_CLASS, &l->class, sizeof l->class);
	put_flag(l, CKA_TOKEN, label);
	put_flag(l, CKA_PRIVATE, true);
	if (label)
		put(l, CKA_LABEL, label, strlen(label));
}

enum may {
	MAY_ENCRYPT = 1, /* KDF under Z, check values */
	MAY_DERIVE = 2,
	MAY_WRAP = 4,
	MAY_UNWRAP = 8,
	MAY_LEAVE = 16,     /* extractable: it is about to be wrapped */
	MAY_BE_COPIED = 32, /* modifiable: a BDK that is about to be copied into the token */
	MAY_BE_READ = 64    /* an initial key in an acquirer room */
};

/* A secret key that may do this and nothing else. len 0 where the type says it. */
static void secret(struct attrs *l, CK_KEY_TYPE type, size_t len, unsigned may, const char *label)
{
	static const CK_MECHANISM_TYPE tdes[] = { CKM_DES3_ECB_ENCRYPT_DATA, CKM_DES3_ECB },
				       aes[] = { CKM_AES_ECB_ENCRYPT_DATA, CKM_AES_ECB },
				       kek[] = { CKM_AES_KEY_WRAP_PAD };
	size_t two = may & MAY_ENCRYPT ? 2 : 1;

	put_head(l, CKO_SECRET_KEY, label);
	l->type = type;
	l->len = len;
	put(l, CKA_KEY_TYPE, &l->type, sizeof l->type);
	if (len)
		put(l, CKA_VALUE_LEN, &l->len, sizeof l->len);
	put_flag(l, CKA_SENSITIVE, !(may & MAY_BE_READ));
	put_flag(l, CKA_EXTRACTABLE, may & (MAY_LEAVE | MAY_BE_READ));
	put_flag(l, CKA_ENCRYPT, may & MAY_ENCRYPT);
	put_flag(l, CKA_DERIVE, may & MAY_DERIVE);
	put_flag(l, CKA_WRAP, may & MAY_WRAP);
	put_flag(l, CKA_UNWRAP, may & MAY_UNWRAP);
	put_flag(l, CKA_DECRYPT, false);
	put_flag(l, CKA_SIGN, false);
	put_flag(l, CKA_VERIFY, false);
	if (type == CKK_DES2)
		put(l, CKA_ALLOWED_MECHANISMS, tdes, two * sizeof *tdes);
	else if (may & (MAY_WRAP | MAY_UNWRAP))
		put(l, CKA_ALLOWED_MECHANISMS, kek, sizeof kek);
	else if (type == CKK_AES)
		put(l, CKA_ALLOWED_MECHANISMS, aes, two * sizeof *aes);
	/* last: SoftHSM 2.6.1 goes through a template in its order and changes nothing after this */
	put_flag(l, CKA_MODIFIABLE, may & MAY_BE_COPIED);
}

static CK_KEY_TYPE bdk_type(enum dukpt_scheme scheme)
{
	return scheme == DUKPT_TDES ? CKK_DES2 : CKK_AES;
}

/* How many objects a BDK is, and how many items an initial key: TDES has the variant, and two halves. */
static uint8_t parts(enum dukpt_scheme scheme)
{
	return scheme == DUKPT_TDES ? 2 : 1;
}

/* --- Session objects --------------------------------------------------------------------------------------------- */

static void destroy(struct token *t, CK_OBJECT_HANDLE *h)
{
	if (*h)
		t->f->C_DestroyObject(t->session, *h);
	*h = 0;
}

static enum err create(struct token *t, CK_OBJECT_HANDLE *h, CK_KEY_TYPE type, const uint8_t *value, size_t len,
		       unsigned may)
{
	struct attrs l;

	secret(&l, type, 0, may, NULL);
	put(&l, CKA_VALUE, value, len);
	return check(t, "C_CreateObject", t->f->C_CreateObject(t->session, l.a, l.n, h));
}

/* child = ECB(parent, data), cut to len */
static enum err derive(struct token *t, CK_OBJECT_HANDLE *child, CK_OBJECT_HANDLE parent, CK_MECHANISM_TYPE ecb,
		       const uint8_t *data, size_t data_len, CK_KEY_TYPE type, size_t len, unsigned may)
{
	CK_KEY_DERIVATION_STRING_DATA p = { (unsigned char *)data, data_len };
	CK_MECHANISM m = { ecb, &p, sizeof p };
	struct attrs l;

	secret(&l, type, len, may, NULL);
	return check(t, "C_DeriveKey", t->f->C_DeriveKey(t->session, &m, parent, l.a, l.n, child));
}

/* One step of X9.24-3 on handles. The child is bytes to the token, not a cipher key: nothing there is to use it. */
static enum err token_run(struct token *t, CK_OBJECT_HANDLE *child, CK_OBJECT_HANDLE parent, const struct dukpt_step *s,
			  unsigned may)
{
	return derive(t, child, parent, CKM_AES_ECB_ENCRYPT_DATA, s->data, 16 * dukpt_step_blocks(s),
		      CKK_GENERIC_SECRET, s->len, may);
}

static enum err encrypt(struct token *t, uint8_t *out, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE ecb, const uint8_t *in,
			size_t len)
{
	CK_MECHANISM m = { ecb, NULL, 0 };
	CK_ULONG n = len;
	enum err e = check(t, "C_EncryptInit", t->f->C_EncryptInit(t->session, &m, key));

	if (!e)
		e = check(t, "C_Encrypt", t->f->C_Encrypt(t->session, (unsigned char *)in, len, out, &n));
	if (!e && n != len)
		e = refuse(t, "C_Encrypt gives another length");
	return e;
}

/* --- Token objects ----------------------------------------------------------------------------------------------- */

/* The one token object of that class and label. E_OK, E_KEY (none), E_TOKEN (also: more than one) */
static enum err find(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_CLASS class, const char *label)
{
	CK_OBJECT_HANDLE found[2];
	CK_ULONG n = 0;
	struct attrs l;
	struct token_known *k;
	enum err e;

	for (k = t->known; k < t->known + TOKEN_KNOWN; k++) {
		if (k->object && k->class == class && !strcmp(k->label, label)) {
			*h = k->object;
			return E_OK;
		}
	}
	put_head(&l, class, label);
	e = check(t, "C_FindObjectsInit", t->f->C_FindObjectsInit(t->session, l.a, l.n));
	if (e)
		return e;
	e = check(t, "C_FindObjects", t->f->C_FindObjects(t->session, found, 2, &n));
	if (!e)
		e = check(t, "C_FindObjectsFinal", t->f->C_FindObjectsFinal(t->session));
	else
		t->f->C_FindObjectsFinal(t->session);
	if (!e && n > 1)
		e = refuse(t, "two objects of one label in the token");
	if (!e && !n)
		e = E_KEY;
	if (e)
		return e;
	k = &t->known[t->oldest++ % TOKEN_KNOWN];
	k->class = class;
	k->object = *h = found[0];
	snprintf(k->label, sizeof k->label, "%s", label);
	return E_OK;
}

static enum err destroy_token_object(struct token *t, CK_OBJECT_CLASS class, const char *label)
{
	CK_OBJECT_HANDLE h;
	enum err e = find(t, &h, class, label);

	if (e)
		return e == E_KEY ? E_OK : e;
	for (unsigned i = 0; i < TOKEN_KNOWN; i++)
		if (t->known[i].object == h)
			memset(&t->known[i], 0, sizeof t->known[i]);
	return check(t, "C_DestroyObject", t->f->C_DestroyObject(t->session, h));
}

/* E_OK (no such object), E_EXISTS, E_TOKEN */
static enum err absent(struct token *t, CK_OBJECT_CLASS class, const char *label)
{
	CK_OBJECT_HANDLE h;
	enum err e = find(t, &h, class, label);

	if (!e)
		return E_EXISTS;
	return e == E_KEY ? E_OK : e;
}

struct bdk_names {
	char label[2][TOKEN_LABEL]; /* of the BDK, and of its variant */
	uint8_t n;
};

/* E_OK, E_SCHEME */
static enum err name_bdk(struct bdk_names *b, const struct key_set_id *set)
{
	char id[KEY_SET_TEXT];

	if ((set->scheme != DUKPT_TDES && set->scheme != DUKPT_AES128) || set->len != dukpt_key_set_len(set->scheme))
		return E_SCHEME;
	key_set_text(id, set);
	b->n = parts(set->scheme);
	snprintf(b->label[0], sizeof b->label[0], "bdk-%s", id);
	snprintf(b->label[1], sizeof b->label[1], "bdk-variant-%s", id);
	return E_OK;
}

static enum err absent_bdk(struct token *t, const struct bdk_names *b)
{
	enum err e = E_OK;

	for (unsigned i = 0; !e && i < b->n; i++)
		e = absent(t, CKO_SECRET_KEY, b->label[i]);
	return e;
}

static enum err drop_bdk(struct token *t, const struct bdk_names *b)
{
	enum err e = E_OK;

	for (unsigned i = 0; i < b->n; i++) {
		enum err f = destroy_token_object(t, CKO_SECRET_KEY, b->label[i]);

		if (!e)
			e = f;
	}
	return e;
}

/* --- Pairs ------------------------------------------------------------------------------------------------------- */

static enum err generate_pair(struct token *t, CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv, bool sign, bool agree,
			      const char *label)
{
	static const uint8_t p256[] = { 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }; /* prime256v1 */
	static const CK_MECHANISM_TYPE may[] = { CKM_ECDSA, CKM_ECDH1_DERIVE };
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	struct attrs u, r;

	put_head(&u, CKO_PUBLIC_KEY, label);
	put_flag(&u, CKA_VERIFY, sign);
	put_flag(&u, CKA_ENCRYPT, false);
	put_flag(&u, CKA_WRAP, false);
	put(&u, CKA_EC_PARAMS, p256, sizeof p256);
	put_flag(&u, CKA_MODIFIABLE, false);
	put_head(&r, CKO_PRIVATE_KEY, label);
	put_flag(&r, CKA_SENSITIVE, true);
	put_flag(&r, CKA_EXTRACTABLE, false);
	put_flag(&r, CKA_SIGN, sign);
	put_flag(&r, CKA_DERIVE, agree);
	put_flag(&r, CKA_DECRYPT, false);
	put_flag(&r, CKA_UNWRAP, false);
	put(&r, CKA_ALLOWED_MECHANISMS, may + !sign, (sign + agree) * sizeof may[0]);
	put_flag(&r, CKA_MODIFIABLE, false);
	return check(t, "C_GenerateKeyPair", t->f->C_GenerateKeyPair(t->session, &m, u.a, u.n, r.a, r.n, pub, priv));
}

static enum err read_point(struct token *t, uint8_t point[static P256_POINT], CK_OBJECT_HANDLE pub)
{
	uint8_t der[2 + P256_POINT] = { 0 }; /* OCTET STRING */
	CK_ATTRIBUTE a = { CKA_EC_POINT, der, sizeof der };
	enum err e = check(t, "C_GetAttributeValue", t->f->C_GetAttributeValue(t->session, pub, &a, 1));

	if (e)
		return e;
	if (a.ulValueLen != sizeof der || der[0] != 0x04 || der[1] != P256_POINT || p256_check(der + 2))
		return refuse(t, "not a point of P-256");
	memcpy(point, der + 2, P256_POINT);
	return E_OK;
}

static enum err sign(struct token *t, uint8_t sig[static P256_SIG], CK_OBJECT_HANDLE priv,
		     const uint8_t digest[static 32])
{
	CK_MECHANISM m = { CKM_ECDSA, NULL, 0 };
	CK_ULONG len = P256_SIG;
	CK_RV rv = t->f->C_SignInit(t->session, &m, priv);
	enum err e;

	if (rv == CKR_KEY_FUNCTION_NOT_PERMITTED)
		return E_KEY;
	e = check(t, "C_SignInit", rv);
	if (!e)
		e = check(t, "C_Sign", t->f->C_Sign(t->session, (unsigned char *)digest, 32, sig, &len));
	if (!e && len != P256_SIG)
		e = refuse(t, "C_Sign gives another length");
	return e;
}

static void destroy_pair(struct token *t, struct token_pair *p)
{
	destroy(t, &p->pub);
	destroy(t, &p->priv);
	p->handle = 0;
}

/* The pair of a handle, which nobody can claim again. */
static enum err claim(struct token *t, struct token_pair *p, uint64_t handle)
{
	for (struct token_pair *q = t->ephemeral; handle && q < t->ephemeral + TOKEN_EPHEMERALS; q++) {
		if (q->handle == handle) {
			*p = *q;
			memset(q, 0, sizeof *q);
			return E_OK;
		}
	}
	return E_KEY;
}

/* --- From two points to a key-encryption key --------------------------------------------------------------------- */

#define KDF_POINTS (1 + 2 * 6) /* zero, and for each of at most two items B1, P^B2 and X, twice each */

/*
 * The KDF of crypto/kbkdf.h run by the token. The chain of the CMAC is queried with C_Encrypt under Z, so this program
 * sees AES under Z at public points; the last call of each chain is CKM_AES_ECB_ENCRYPT_DATA, so its output is a key
 * object and nothing else. That holds only while no X is also a point that was queried: all of them have to be
 * distinct.
 */
struct kdf {
	CK_OBJECT_HANDLE z;
	uint8_t k1[16]; /* the subkey for whole last blocks: dbl(E(0)) */
	uint8_t point[KDF_POINTS][16];
	unsigned n;
};

static void xor16(uint8_t out[static 16], const uint8_t a[static 16], const uint8_t b[static 16])
{
	for (unsigned i = 0; i < 16; i++)
		out[i] = (uint8_t)(a[i] ^ b[i]);
}

static enum err kdf_note(struct kdf *k, const uint8_t x[static 16])
{
	bool old = k->n == KDF_POINTS;

	for (unsigned i = 0; i < k->n; i++)
		old |= ct_equal(k->point[i], x, 16);
	if (old)
		return E_CRYPTO;
	memcpy(k->point[k->n++], x, 16);
	return E_OK;
}

static enum err kdf_query(struct token *t, struct kdf *k, uint8_t *io, unsigned blocks)
{
	enum err e = E_OK;

	for (unsigned i = 0; !e && i < blocks; i++)
		e = kdf_note(k, io + 16 * i);
	return e ? e : encrypt(t, io, k->z, CKM_AES_ECB, io, 16 * blocks);
}

static enum err kdf_begin(struct token *t, struct kdf *k)
{
	enum err e = kdf_query(t, k, k->k1, 1);

	cmac_double(k->k1, k->k1);
	return e;
}

static enum err kdf_kek(struct token *t, CK_OBJECT_HANDLE *kek, struct kdf *k, const char label[static KBKDF_LABEL],
			const uint8_t ctx[static 32], unsigned may)
{
	uint8_t in[2][KBKDF_INPUT], x[2][16];
	enum err e;

	for (unsigned i = 0; i < 2; i++) {
		kbkdf_input(in[i], i + 1, label, ctx);
		memcpy(x[i], in[i], 16);
	}
	e = kdf_query(t, k, x[0], 2);
	if (e)
		goto done;
	for (unsigned i = 0; i < 2; i++)
		xor16(x[i], x[i], in[i] + 16);
	e = kdf_query(t, k, x[0], 2);
	if (e)
		goto done;
	for (unsigned i = 0; !e && i < 2; i++) {
		xor16(x[i], x[i], in[i] + 32);
		xor16(x[i], x[i], k->k1);
		e = kdf_note(k, x[i]);
	}
	if (e)
		goto done;
	e = derive(t, kek, k->z, CKM_AES_ECB_ENCRYPT_DATA, x[0], sizeof x, CKK_AES, KEK_LEN, may);
done:
	wipe(x, sizeof x);
	return e;
}

static void kdf_end(struct token *t, struct kdf *k)
{
	destroy(t, &k->z);
	wipe(k, sizeof *k);
}

/* Z of a pair and the other side's point. E_OK, E_POINT, E_CRYPTO, E_TOKEN */
static enum err agree(struct token *t, struct kdf *k, CK_OBJECT_HANDLE priv, const uint8_t point[static P256_POINT])
{
	CK_ECDH1_DERIVE_PARAMS p = { .kdf = CKD_NULL,
				     .public_data_len = P256_POINT,
				     .public_data = (unsigned char *)point };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
	struct attrs l;
	enum err e = p256_check(point);

	if (e)
		return e;
	secret(&l, CKK_AES, 32, MAY_ENCRYPT | MAY_DERIVE, NULL);
	e = check(t, "C_DeriveKey (ECDH)", t->f->C_DeriveKey(t->session, &m, priv, l.a, l.n, &k->z));
	return e ? e : kdf_begin(t, k);
}

static enum err wrap_under(struct token *t, struct wrapped *item, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM m = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
	CK_ULONG len = sizeof item->b;
	enum err e = check(t, "C_WrapKey", t->f->C_WrapKey(t->session, &m, kek, key, item->b, &len));

	item->len = e ? 0 : (uint8_t)len;
	return e;
}

static enum err wrap(struct token *t, struct wrapped *item, struct kdf *k, const char label[static KBKDF_LABEL],
		     const uint8_t ctx[static 32], CK_OBJECT_HANDLE key)
{
	CK_OBJECT_HANDLE kek = 0;
	enum err e = kdf_kek(t, &kek, k, label, ctx, MAY_WRAP);

	memcpy(item->label, label, KBKDF_LABEL);
	if (!e)
		e = wrap_under(t, item, kek, key);
	destroy(t, &kek);
	return e;
}

/* One object of a BDK, wrapped to this room. label NULL: a session object. E_UNWRAP, E_TOKEN */
static enum err unwrap(struct token *t, CK_OBJECT_HANDLE *key, CK_OBJECT_HANDLE kek, const struct wrapped *item,
		       CK_KEY_TYPE type, unsigned may, const char *label)
{
	CK_MECHANISM m = { CKM_AES_KEY_WRAP_PAD, NULL, 0 };
	struct attrs l;
	CK_RV rv;

	secret(&l, type, 0, may, label);
	rv = t->f->C_UnwrapKey(t->session, &m, kek, (unsigned char *)item->b, item->len, l.a, l.n, key);
	/* SoftHSM says general error when the integrity check fails */
	if (rv == CKR_WRAPPED_KEY_INVALID || rv == CKR_WRAPPED_KEY_LEN_RANGE || rv == CKR_GENERAL_ERROR)
		return E_UNWRAP;
	return check(t, "C_UnwrapKey", rv);
}

/* --- BDKs -------------------------------------------------------------------------------------------------------- */

/* TDES: E(0). AES: CMAC(0), whose one block is whole: E(K1). */
static enum err check_value(struct token *t, struct kcv *kcv, CK_OBJECT_HANDLE key, enum dukpt_scheme scheme)
{
	bool tdes = scheme == DUKPT_TDES;
	CK_MECHANISM_TYPE ecb = tdes ? CKM_DES3_ECB : CKM_AES_ECB;
	uint8_t x[16] = { 0 };
	size_t len = tdes ? 8 : 16;
	struct kcv out = { { 0 }, tdes ? 3 : 5 };
	enum err e = encrypt(t, x, key, ecb, x, len);

	if (!e && !tdes) {
		cmac_double(x, x);
		e = encrypt(t, x, key, ecb, x, len);
	}
	if (!e) {
		memcpy(out.b, x, out.len);
		*kcv = out;
	}
	wipe(x, sizeof x);
	return e;
}

/* Odd parity, as TDES keys have it */
static uint8_t odd(uint8_t b)
{
	unsigned x = b & 0xFEu, p = x ^ x >> 4;

	p ^= p >> 2;
	p ^= p >> 1;
	return (uint8_t)(x | (~p & 1u));
}

/* Is a DES key with odd parity one of the 4 weak and 12 semi-weak ones (NIST SP 800-67 3.3.2)? */
static bool weak(const uint8_t half[static HALF_LEN])
{
	static const uint64_t list[] = {
		0x0101010101010101, 0xFEFEFEFEFEFEFEFE, 0xE0E0E0E0F1F1F1F1, 0x1F1F1F1F0E0E0E0E,
		0x011F011F010E010E, 0x1F011F010E010E01, 0x01E001E001F101F1, 0xE001E001F101F101,
		0x01FE01FE01FE01FE, 0xFE01FE01FE01FE01, 0x1FE01FE00EF10EF1, 0xE01FE01FF10EF10E,
		0x1FFE1FFE0EFE0EFE, 0xFE1FFE1FFE0EFE0E, 0xE0FEE0FEF1FEF1FE, 0xFEE0FEE0FEF1FEF1,
	};
	bool is = false;
	uint8_t b[HALF_LEN];

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		put_be64(b, list[i]);
		is |= ct_equal(b, half, HALF_LEN);
	}
	return is;
}

/* The one place where a clear BDK exists: SoftHSM 2.6.1 neither makes DES2 keys with a variant nor has an XOR. */
static enum err born_tdes(struct token *t, CK_OBJECT_HANDLE born[static 2], unsigned may)
{
	struct key k[2] = { { { 0 }, BDK_LEN }, { { 0 }, BDK_LEN } }; /* BDK, variant */
	bool bad;
	enum err e;

	do {
		e = token_random(t, k[0].b, BDK_LEN);
		if (e)
			goto done;
		for (unsigned i = 0; i < BDK_LEN; i++)
			k[0].b[i] = odd(k[0].b[i]);
		e = dukpt_tdes_variant(&k[1], &k[0]);
		if (e)
			goto done;
		bad = ct_equal(k[0].b, k[0].b + HALF_LEN, HALF_LEN);
		for (unsigned i = 0; i < 2; i++)
			bad = bad || weak(k[i].b) || weak(k[i].b + HALF_LEN);
	} while (bad);
	for (unsigned i = 0; !e && i < 2; i++)
		e = create(t, &born[i], CKK_DES2, k[i].b, BDK_LEN, may);
done:
	wipe(k, sizeof k);
	return e;
}

static enum err born_aes(struct token *t, CK_OBJECT_HANDLE born[static 2], unsigned may)
{
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	struct attrs l;

	secret(&l, CKK_AES, BDK_LEN, may, NULL);
	return check(t, "C_GenerateKey", t->f->C_GenerateKey(t->session, &m, l.a, l.n, &born[0]));
}

/* The copy that stays: a token object that may derive and can never leave. Its list of mechanisms it inherits. */
static enum err settle(struct token *t, CK_OBJECT_HANDLE born, const char *label)
{
	CK_OBJECT_HANDLE h;
	struct attrs l = { .n = 0 };

	put_flag(&l, CKA_TOKEN, true);
	put(&l, CKA_LABEL, label, strlen(label));
	put_flag(&l, CKA_EXTRACTABLE, false);
	put_flag(&l, CKA_ENCRYPT, false);
	put_flag(&l, CKA_DERIVE, true);
	put_flag(&l, CKA_MODIFIABLE, false);
	return check(t, "C_CopyObject", t->f->C_CopyObject(t->session, born, l.a, l.n, &h));
}

enum err token_make_bdk(struct token *t, struct kcv *kcv, struct wrapped item[static 2], uint8_t *items,
			uint64_t handle, const uint8_t peer[static P256_POINT], const uint8_t ctx[static 32],
			const struct key_set_id *set)
{
	static const char *const label[2] = { bdk_label, variant_label };
	const unsigned may = MAY_ENCRYPT | MAY_LEAVE | MAY_BE_COPIED;
	CK_OBJECT_HANDLE born[2] = { 0, 0 };
	struct token_pair pair = { 0, 0, 0 };
	struct wrapped out[2] = { { .len = 0 } };
	struct kcv value = { .len = 0 };
	struct bdk_names b = { .n = 0 };
	struct kdf k = { .z = 0 };
	enum err e = claim(t, &pair, handle);

	if (!e)
		e = name_bdk(&b, set);
	if (!e)
		e = absent_bdk(t, &b);
	if (!e)
		e = agree(t, &k, pair.priv, peer);
	if (!e)
		e = set->scheme == DUKPT_TDES ? born_tdes(t, born, may) : born_aes(t, born, may);
	if (!e)
		e = check_value(t, &value, born[0], set->scheme);
	for (unsigned i = 0; !e && i < b.n; i++)
		e = wrap(t, &out[i], &k, label[i], ctx, born[i]);
	for (unsigned i = 0; !e && i < b.n; i++) {
		e = settle(t, born[i], b.label[i]);
		if (e && drop_bdk(t, &b))
			e = E_TOKEN;
	}
	if (e)
		wipe(out, sizeof out);
	memcpy(item, out, sizeof out);
	*items = e ? 0 : b.n;
	*kcv = e ? (struct kcv){ .len = 0 } : value;
	destroy(t, &born[0]);
	destroy(t, &born[1]);
	kdf_end(t, &k);
	destroy_pair(t, &pair);
	return e;
}

enum err token_take_bdk(struct token *t, struct kcv *kcv, const struct wrapped *item, uint8_t items,
			const uint8_t point[static P256_POINT], const uint8_t ctx[static 32],
			const struct key_set_id *set)
{
	static const char *const label[2] = { bdk_label, variant_label };
	CK_OBJECT_HANDLE exchange, kek[2] = { 0, 0 }, h = 0;
	struct kcv v[2];
	struct bdk_names b = { .n = 0 };
	struct kdf k = { .z = 0 };
	bool settled = false;
	enum err e = name_bdk(&b, set);

	if (!e)
		e = absent_bdk(t, &b);
	if (!e)
		e = find(t, &exchange, CKO_PRIVATE_KEY, "exchange");
	if (!e && items != b.n)
		e = E_UNWRAP;
	for (unsigned i = 0; !e && i < b.n; i++)
		if (memcmp(item[i].label, label[i], KBKDF_LABEL) || item[i].len != BDK_LEN + 8)
			e = E_UNWRAP;
	if (!e)
		e = agree(t, &k, exchange, point);
	for (unsigned i = 0; !e && i < b.n; i++)
		e = kdf_kek(t, &kek[i], &k, label[i], ctx, MAY_UNWRAP);
	/* all of them as session objects first, so that what does not unwrap never reaches the token */
	for (unsigned i = 0; !e && i < b.n; i++) {
		e = unwrap(t, &h, kek[i], &item[i], bdk_type(set->scheme), MAY_ENCRYPT, NULL);
		/* a key of another length unwraps as well, and then does not work */
		if (!e && check_value(t, &v[i], h, set->scheme))
			e = E_UNWRAP;
		destroy(t, &h);
	}
	for (unsigned i = 0; !e && i < b.n; i++) {
		settled = true;
		e = unwrap(t, &h, kek[i], &item[i], bdk_type(set->scheme), MAY_DERIVE, b.label[i]);
	}
	if (e && settled && drop_bdk(t, &b))
		e = E_TOKEN;
	*kcv = e ? (struct kcv){ .len = 0 } : v[0];
	destroy(t, &kek[0]);
	destroy(t, &kek[1]);
	kdf_end(t, &k);
	return e;
}

enum err token_drop_bdk(struct token *t, const struct key_set_id *set)
{
	struct bdk_names b;
	enum err e = name_bdk(&b, set);

	return e ? e : drop_bdk(t, &b);
}

/* --- Initial keys ------------------------------------------------------------------------------------------------ */

/* The parts of an initial key under the objects of its BDK: AES one, TDES left and right half. */
static enum err derive_initial(struct token *t, CK_OBJECT_HANDLE part[static 2], const CK_OBJECT_HANDLE bdk[static 2],
			       enum dukpt_scheme scheme, const struct ksn *iksn, unsigned may)
{
	struct dukpt_step s;
	uint8_t data[HALF_LEN];
	enum err e = E_OK;

	if (scheme != DUKPT_TDES) {
		e = dukpt_aes_step_ik(&s, scheme, iksn);
		return e ? e : token_run(t, &part[0], bdk[0], &s, may);
	}
	dukpt_tdes_ik_data(data, iksn);
	/* bytes, not DES keys: a token forces parity on those, and DUKPT uses all 64 bits */
	for (unsigned i = 0; !e && i < 2; i++)
		e = derive(t, &part[i], bdk[i], CKM_DES3_ECB_ENCRYPT_DATA, data, sizeof data, CKK_GENERIC_SECRET,
			   HALF_LEN, may);
	return e;
}

/* The objects of a key set, if iksn belongs to it. E_KEY_SET, E_SCHEME, E_TOKEN */
static enum err find_bdk(struct token *t, CK_OBJECT_HANDLE bdk[static 2], const struct key_set_id *set,
			 const struct ksn *iksn)
{
	struct key_set_id of;
	struct bdk_names b;
	enum err e = name_bdk(&b, set);

	if (e)
		return e;
	if (!ksn_fits(iksn, set->scheme))
		return E_KEY_SET;
	key_set_of_ksn(&of, iksn);
	if (memcmp(of.b, set->b, sizeof of.b))
		return E_KEY_SET;
	for (unsigned i = 0; !e && i < b.n; i++)
		e = find(t, &bdk[i], CKO_SECRET_KEY, b.label[i]);
	return e == E_KEY ? E_KEY_SET : e;
}

enum err token_wrap_initial_key(struct token *t, struct wrapped item[static 2], uint8_t *items, uint64_t handle,
				const uint8_t peer[static P256_POINT], const uint8_t ctx[static 32],
				const struct key_set_id *set, const struct ksn *iksn)
{
	CK_OBJECT_HANDLE bdk[2], part[2] = { 0, 0 };
	struct token_pair pair = { 0, 0, 0 };
	struct wrapped out[2] = { { .len = 0 } };
	struct kdf k = { .z = 0 };
	uint8_t n = parts(set->scheme);
	const char *const label[2] = { n == 1 ? ik_label : left_label, right_label };
	enum err e = claim(t, &pair, handle);

	if (!e)
		e = find_bdk(t, bdk, set, iksn);
	if (!e)
		e = agree(t, &k, pair.priv, peer);
	if (!e)
		e = derive_initial(t, part, bdk, set->scheme, iksn, MAY_LEAVE);
	for (unsigned i = 0; !e && i < n; i++)
		e = wrap(t, &out[i], &k, label[i], ctx, part[i]);
	if (e)
		wipe(out, sizeof out);
	memcpy(item, out, sizeof out);
	*items = e ? 0 : n;
	destroy(t, &part[0]);
	destroy(t, &part[1]);
	kdf_end(t, &k);
	destroy_pair(t, &pair);
	return e;
}

enum err token_initial_key(struct token *t, struct key *ik, const struct key_set_id *set, const struct ksn *iksn)
{
	CK_OBJECT_HANDLE bdk[2], part[2] = { 0, 0 };
	struct key out = { { 0 }, 0 };
	size_t each = BDK_LEN / parts(set->scheme);
	enum err e = find_bdk(t, bdk, set, iksn);

	if (!e)
		e = derive_initial(t, part, bdk, set->scheme, iksn, MAY_BE_READ);
	for (unsigned i = 0; !e && i < parts(set->scheme); i++) {
		CK_ATTRIBUTE a = { CKA_VALUE, out.b + out.len, each };

		e = check(t, "C_GetAttributeValue", t->f->C_GetAttributeValue(t->session, part[i], &a, 1));
		if (!e && a.ulValueLen != each)
			e = refuse(t, "an initial key of another length");
		out.len = (uint8_t)(out.len + each);
	}
	if (e)
		wipe(&out, sizeof out);
	*ik = out;
	wipe(&out, sizeof out);
	destroy(t, &part[0]);
	destroy(t, &part[1]);
	return e;
}

/* --- Random bytes, named pairs, ephemeral pairs ------------------------------------------------------------------ */

enum err token_random(struct token *t, uint8_t *out, size_t len)
{
	if (!PKCS11_generate_random(t->slot, out, (unsigned)len))
		return E_OK;
	wipe(out, len);
	return refuse(t, "no random bytes");
}

enum err token_make_pair(struct token *t, uint8_t point[static P256_POINT], const char *label)
{
	CK_OBJECT_HANDLE pub = 0, priv = 0;
	enum err e = strlen(label) < TOKEN_LABEL ? E_OK : E_KEY;

	if (!e)
		e = absent(t, CKO_PRIVATE_KEY, label);
	if (!e)
		e = absent(t, CKO_PUBLIC_KEY, label);
	if (!e)
		/* The exchange key signs too, once: its own certificate request (SP 800-57 part 1, 5.2 allows just
		 * that). */
		e = generate_pair(t, &pub, &priv, true, !strcmp(label, "exchange"), label);
	if (!e) {
		e = read_point(t, point, pub);
		if (e) {
			destroy(t, &pub);
			destroy(t, &priv);
		}
	}
	return e;
}

enum err token_point(struct token *t, uint8_t point[static P256_POINT], const char *label)
{
	CK_OBJECT_HANDLE pub;
	enum err e = find(t, &pub, CKO_PUBLIC_KEY, label);

	return e ? e : read_point(t, point, pub);
}

enum err token_sign(struct token *t, uint8_t sig[static P256_SIG], const char *label, const uint8_t digest[static 32])
{
	CK_OBJECT_HANDLE priv;
	enum err e = find(t, &priv, CKO_PRIVATE_KEY, label);

	return e ? e : sign(t, sig, priv, digest);
}

enum err token_ephemeral(struct token *t, uint64_t *handle, uint8_t point[static P256_POINT])
{
	struct token_pair p = { 0, 0, 0 }, *slot = NULL;
	uint8_t number[8];
	enum err e;

	for (unsigned i = 0; i < TOKEN_EPHEMERALS && !slot; i++)
		if (!t->ephemeral[i].handle)
			slot = &t->ephemeral[i];
	if (!slot)
		return E_SPACE;
	e = token_random(t, number, sizeof number);
	if (e)
		return e;
	p.handle = get_be64(number) | 1; /* never 0 */
	e = generate_pair(t, &p.pub, &p.priv, false, true, NULL);
	if (!e)
		e = read_point(t, point, p.pub);
	if (e) {
		destroy_pair(t, &p);
		return e;
	}
	*slot = p;
	*handle = p.handle;
	return E_OK;
}

enum err token_forget(struct token *t, uint64_t handle)
{
	struct token_pair p;
	enum err e = claim(t, &p, handle);

	if (!e)
		destroy_pair(t, &p);
	return e;
}

/* --- The probe --------------------------------------------------------------------------------------------------- */

/* Published or made up for this: nothing here is secret. */
static const struct ksn probe_tdes_ksn = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn probe_aes_ksn = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56 }, KSN_AES };
static const struct key probe_tdes_bdk = {
	{ 0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10 }, BDK_LEN
};
static const struct key probe_aes_bdk = {
	{ 0xFE, 0xDC, 0xBA, 0x98, 0x76, 0x54, 0x32, 0x10, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1, 0xF1 }, BDK_LEN
};
static const uint8_t probe_tdes_ik[] = { 0x6A, 0xC2, 0x92, 0xFA, 0xA1, 0x31, 0x5B, 0x4D,
					 0x85, 0x8A, 0xB3, 0xA3, 0xD7, 0xD5, 0x93, 0x3A };
static const uint8_t probe_aes_ik[] = { 0x12, 0x73, 0x67, 0x1E, 0xA2, 0x6A, 0xC2, 0x9A,
					0xFA, 0x4D, 0x10, 0x84, 0x12, 0x76, 0x52, 0xA1 };
static const uint8_t probe_ctx[] = { 0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA, 0x41, 0x41, 0x40,
				     0xDE, 0x5D, 0xAE, 0x22, 0x23, 0xB0, 0x03, 0x61, 0xA3, 0x96, 0x17,
				     0x7A, 0x9C, 0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD }; /* SHA-256("abc") */
static const struct key probe_kek = { { 0x8A, 0x7E, 0xF1, 0x09, 0x8E, 0x60, 0xEF, 0x68, 0x43, 0x54, 0x5F,
					0x71, 0x61, 0x46, 0xE0, 0x63, 0x1B, 0x15, 0xC5, 0xE5, 0x43, 0xF1,
					0x25, 0x73, 0xE8, 0x72, 0xA7, 0xBB, 0xDA, 0x03, 0xFA, 0x89 },
				      KEK_LEN }; /* of Z = 00..1F, probe_ctx, KRM1-IK */

/* What the objects under a KEK are, as software opens them: do they make up these bytes? */
static enum err probe_parts(struct token *t, CK_OBJECT_HANDLE kek, const struct key *soft_kek,
			    const CK_OBJECT_HANDLE part[static 2], const uint8_t value[static BDK_LEN], const char *why)
{
	struct wrapped w;
	struct key k;
	size_t at = 0;
	enum err e = E_OK;

	for (unsigned i = 0; !e && i < 2 && part[i]; i++) {
		e = wrap_under(t, &w, kek, part[i]);
		if (!e && (keywrap_unwrap(&k, soft_kek, w.b, w.len) || at + k.len > BDK_LEN ||
			   !ct_equal(k.b, value + at, k.len)))
			e = refuse(t, why);
		at += e ? 0 : k.len;
	}
	if (!e && at != BDK_LEN)
		e = refuse(t, why);
	return e;
}

static enum err probe_scheme(struct token *t, CK_OBJECT_HANDLE kek, enum dukpt_scheme scheme)
{
	bool tdes = scheme == DUKPT_TDES;
	struct key bdk[2] = { tdes ? probe_tdes_bdk : probe_aes_bdk };
	CK_OBJECT_HANDLE object[2] = { 0, 0 }, part[2] = { 0, 0 };
	enum err e = dukpt_tdes_variant(&bdk[1], &bdk[0]);

	for (unsigned i = 0; !e && i < parts(scheme); i++)
		e = create(t, &object[i], bdk_type(scheme), bdk[i].b, BDK_LEN, MAY_DERIVE);
	if (!e)
		e = derive_initial(t, part, object, scheme, tdes ? &probe_tdes_ksn : &probe_aes_ksn, MAY_LEAVE);
	if (!e)
		e = probe_parts(t, kek, &probe_kek, part, tdes ? probe_tdes_ik : probe_aes_ik,
				tdes ? "probe: a wrong TDES initial key" : "probe: a wrong AES initial key");
	destroy(t, &part[0]);
	destroy(t, &part[1]);
	destroy(t, &object[0]);
	destroy(t, &object[1]);
	return e;
}

/* What has to fail. A token that lets any of it pass does not keep what the design builds on. */
static enum err probe_refusals(struct token *t, CK_OBJECT_HANDLE kek)
{
	CK_BBOOL yes = CK_TRUE;
	uint8_t value[KEK_LEN];
	CK_ATTRIBUTE read = { CKA_VALUE, value, sizeof value }, change = { CKA_ENCRYPT, &yes, sizeof yes };
	CK_MECHANISM ecb = { CKM_AES_ECB, NULL, 0 };
	CK_OBJECT_HANDLE bdk = 0, leaving = 0;
	struct wrapped w;
	enum err e = create(t, &bdk, CKK_AES, probe_aes_bdk.b, BDK_LEN, MAY_DERIVE);

	if (!e)
		e = create(t, &leaving, CKK_GENERIC_SECRET, probe_aes_ik, BDK_LEN, MAY_LEAVE);
	if (e)
		goto done;
	if (t->f->C_GetAttributeValue(t->session, leaving, &read, 1) == CKR_OK)
		e = refuse(t, "probe: a sensitive value can be read");
	else if (!wrap_under(t, &w, kek, bdk))
		e = refuse(t, "probe: an unextractable key can be wrapped");
	else if (t->f->C_SetAttributeValue(t->session, bdk, &change, 1) == CKR_OK)
		e = refuse(t, "probe: an unmodifiable key can be changed");
	else if (t->f->C_EncryptInit(t->session, &ecb, bdk) == CKR_OK)
		e = refuse(t, "probe: a key that may only derive encrypts");
done:
	destroy(t, &bdk);
	destroy(t, &leaving);
	return e;
}

/* A pair of the token against this program's own arithmetic */
static enum err probe_pairs(struct token *t)
{
	static const struct key mine = { { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, 32 };
	struct token_pair p = { 0, 0, 0 };
	CK_OBJECT_HANDLE kek = 0, part[2] = { 0, 0 };
	uint8_t theirs[P256_POINT], own[P256_POINT], sig[P256_SIG];
	struct key z, soft_kek;
	struct kdf k = { .z = 0 };
	enum err e = generate_pair(t, &p.pub, &p.priv, true, false, NULL);

	if (!e)
		e = read_point(t, theirs, p.pub);
	if (!e)
		e = sign(t, sig, p.priv, probe_ctx);
	if (!e && p256_verify(sig, theirs, probe_ctx))
		e = refuse(t, "probe: a wrong signature");
	destroy_pair(t, &p);
	if (!e)
		e = generate_pair(t, &p.pub, &p.priv, false, true, NULL);
	if (!e)
		e = read_point(t, theirs, p.pub);
	if (!e)
		e = p256_public(own, &mine);
	if (!e)
		e = agree(t, &k, p.priv, own);
	if (!e)
		e = kdf_kek(t, &kek, &k, ik_label, probe_ctx, MAY_WRAP);
	if (!e)
		e = create(t, &part[0], CKK_GENERIC_SECRET, probe_aes_ik, BDK_LEN, MAY_LEAVE);
	if (!e)
		e = p256_ecdh(&z, &mine, theirs);
	if (!e)
		e = kbkdf(&soft_kek, &z, ik_label, probe_ctx);
	if (!e)
		e = probe_parts(t, kek, &soft_kek, part, probe_aes_ik, "probe: a wrong ECDH");
	destroy(t, &part[0]);
	destroy(t, &kek);
	kdf_end(t, &k);
	destroy_pair(t, &p);
	return e;
}

static enum err probe(struct token *t)
{
	CK_OBJECT_HANDLE kek = 0, part[2] = { 0, 0 };
	struct kdf k = { .z = 0 };
	uint8_t z[32];
	enum err e;

	for (unsigned i = 0; i < sizeof z; i++)
		z[i] = (uint8_t)i;
	e = create(t, &k.z, CKK_AES, z, sizeof z, MAY_ENCRYPT | MAY_DERIVE);
	if (!e)
		e = kdf_begin(t, &k);
	if (!e)
		e = kdf_kek(t, &kek, &k, ik_label, probe_ctx, MAY_WRAP);
	if (!e)
		e = create(t, &part[0], CKK_GENERIC_SECRET, probe_aes_ik, BDK_LEN, MAY_LEAVE);
	if (!e)
		e = probe_parts(t, kek, &probe_kek, part, probe_aes_ik, "probe: a wrong key-encryption key");
	if (!e)
		e = probe_scheme(t, kek, DUKPT_TDES);
	if (!e)
		e = probe_scheme(t, kek, DUKPT_AES128);
	if (!e)
		e = probe_refusals(t, kek);
	if (!e)
		e = probe_pairs(t);
	destroy(t, &part[0]);
	destroy(t, &kek);
	kdf_end(t, &k);
	return e;
}

/* --- Opening ----------------------------------------------------------------------------------------------------- */

/* One attribute's value up to an end character or the end of the text, percent-decoded. */
static enum err uri_value(char *out, size_t size, const char **text, const char *ends)
{
	const char *p = *text;
	size_t n = 0, one;

	for (; *p && !strchr(ends, *p); p++) {
		uint8_t c = (uint8_t)*p;

		if (c == '%') {
			if (!p[1] || hex_decode(&c, &one, 1, p + 1, 2) || !c)
				return E_FORMAT;
			p += 2;
		} else if (c <= ' ' || c >= 0x7f) {
			return E_FORMAT;
		}
		if (n + 1 >= size)
			return E_FORMAT;
		out[n++] = (char)c;
	}
	if (!n)
		return E_FORMAT;
	out[n] = 0;
	*text = p;
	return E_OK;
}

static bool uri_word(const char **text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*text, word, n))
		return false;
	*text += n;
	return true;
}

enum err token_uri_parse(struct token_uri *u, const char *text)
{
	struct token_uri out;

	if (!uri_word(&text, "pkcs11:token=") || uri_value(out.name, sizeof out.name, &text, ";?&/#") ||
	    !uri_word(&text, "?module-path=") || uri_value(out.module, sizeof out.module, &text, ";?&#") || *text ||
	    out.module[0] != '/')
		return E_FORMAT;
	*u = out;
	return E_OK;
}

static enum err load(struct token *t, struct token_uri *u, const char *uri)
{
	memset(t, 0, sizeof *t);
	if (token_uri_parse(u, uri))
		return refuse(t, "not a token URI of the form pkcs11:token=NAME?module-path=PATH");
	t->p11 = PKCS11_CTX_new();
	if (!t->p11 || PKCS11_CTX_load(t->p11, u->module)) {
		PKCS11_CTX_free(t->p11);
		t->p11 = NULL;
		return refuse(t, "the PKCS#11 module cannot be loaded");
	}
	if (PKCS11_enumerate_slots(t->p11, &t->slots, &t->n))
		return refuse(t, "the PKCS#11 module does not list its slots");
	return E_OK;
}

static PKCS11_SLOT *slot_of(struct token *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++) {
		PKCS11_TOKEN *k = t->slots[i].token;

		if (k && k->initialized && k->label && !strcmp(k->label, name))
			return &t->slots[i];
	}
	return NULL;
}

/* The PIN as the text that libp11 wants */
static enum err pin_text(struct token *t, char out[static PIN_TEXT], struct span pin)
{
	if (!pin.len || pin.len >= PIN_TEXT || memchr(pin.p, 0, pin.len))
		return refuse(t, "not a PIN");
	memcpy(out, pin.p, pin.len);
	out[pin.len] = 0;
	return E_OK;
}

/* The same library again, for the functions that libp11 does not offer. */
static enum err open_session(struct token *t, const char *module)
{
	CK_C_GetFunctionList list;

	t->module = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	list = t->module ? (CK_C_GetFunctionList)dlsym(t->module, "C_GetFunctionList") : NULL;
	if (!list)
		return refuse(t, "the PKCS#11 module cannot be loaded");
	if (list(&t->f) != CKR_OK || !t->f)
		return refuse(t, "the PKCS#11 module lists no functions");
	return check(t, "C_OpenSession",
		     t->f->C_OpenSession(PKCS11_get_slotid_from_slot(t->slot), CKF_SERIAL_SESSION | CKF_RW_SESSION,
					 NULL, NULL, &t->session));
}

enum err token_open(struct token *t, const char *uri, struct span pin)
{
	char text[PIN_TEXT] = "";
	struct token_uri u;
	enum err e = load(t, &u, uri);

	if (e)
		goto done;
	t->slot = slot_of(t, u.name);
	if (!t->slot)
		e = refuse(t, "no token of this name");
	if (!e)
		e = pin_text(t, text, pin);
	if (!e && PKCS11_login(t->slot, 0, text))
		e = refuse(t, "the token does not take the PIN");
	if (!e)
		e = open_session(t, u.module);
	if (!e)
		e = probe(t);
done:
	wipe(text, sizeof text);
	return e;
}

void token_close(struct token *t)
{
	if (t->session)
		t->f->C_CloseSession(t->session);
	if (t->slots)
		PKCS11_release_all_slots(t->p11, t->slots, t->n);
	if (t->p11) {
		PKCS11_CTX_unload(t->p11);
		PKCS11_CTX_free(t->p11);
	}
	if (t->module)
		dlclose(t->module);
	wipe(t, sizeof *t);
}

enum err token_init(const char *uri, struct span pin, char why[static 96])
{
	static struct token t;
	char text[PIN_TEXT] = "", so_pin[33];
	uint8_t random[16];
	PKCS11_SLOT *blank = NULL;
	struct token_uri u;
	enum err e = load(&t, &u, uri);

	if (!e)
		e = pin_text(&t, text, pin);
	if (!e && slot_of(&t, u.name))
		e = E_EXISTS;
	for (unsigned i = 0; i < t.n && !blank; i++)
		if (t.slots[i].token && !t.slots[i].token->initialized)
			blank = &t.slots[i];
	if (!e && !blank)
		e = refuse(&t, "no blank token to initialise");
	if (!e && getrandom(random, sizeof random, 0) != sizeof random)
		e = refuse(&t, "no random bytes for the SO PIN");
	if (e)
		goto done;
	hex_encode(so_pin, random, sizeof random);
	if (PKCS11_init_token(blank->token, so_pin, u.name))
		e = refuse(&t, "the token cannot be initialised");
	else if (PKCS11_login(blank, 1, so_pin) || PKCS11_init_pin(blank->token, text))
		e = refuse(&t, "the token does not take a user PIN");
done:
	memcpy(why, t.why, sizeof t.why);
	wipe(text, sizeof text);
	wipe(so_pin, sizeof so_pin);
	wipe(random, sizeof random);
	token_close(&t);
	return e;
}
