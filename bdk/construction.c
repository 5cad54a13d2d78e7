#include "bdk/construction.h"
#include "base/wipe.h"
#include "bdk/clear_key.h"
#include "dukpt/aes.h"
#include "dukpt/tdes.h"

#include <string.h>

#define HALF_LEN 8

CK_KEY_TYPE construct_type(enum dukpt_scheme scheme)
{
	return scheme == DUKPT_TDES ? CKK_DES2 : CKK_AES;
}

uint8_t construct_parts(enum dukpt_scheme scheme)
{
	return scheme == DUKPT_TDES ? 2 : 1;
}

enum err construct_given(struct token *t, CK_OBJECT_HANDLE born[static 2], const struct key *bdk, enum dukpt_scheme scheme,
			 unsigned may)
{
	struct key k[2] = { *bdk, { .len = 0 } }; /* BDK, variant */
	uint8_t n = construct_parts(scheme);
	enum err e = k[0].len == dukpt_key_len(scheme) ? clear_key_fit(&k[0], n == 2) : E_KEY;

	if (!e && n == 2)
		e = dukpt_tdes_variant(&k[1], &k[0]);
	if (!e && n == 2)
		e = clear_key_fit(&k[1], true);
	for (unsigned i = 0; !e && i < n; i++)
		e = object_create(t, &born[i], construct_type(scheme), k[i].b, k[i].len, may);
	wipe(k, sizeof k);
	return e;
}

/* The one place where a BDK that is born here is clear: for tokens without an XOR, as SoftHSM 2.6.1. */
static enum err born_here(struct token *t, CK_OBJECT_HANDLE born[static 2], unsigned may)
{
	struct key bdk = { { 0 }, BDK_LEN };
	enum err e;

	do {
		e = token_random(t, bdk.b, BDK_LEN);
		if (!e)
			e = construct_given(t, born, &bdk, DUKPT_TDES, may);
	} while (e == E_KEY);
	wipe(&bdk, sizeof bdk);
	return e;
}

enum err construct_xor(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_HANDLE base, const uint8_t mask[static BDK_LEN],
		       unsigned may)
{
	CK_KEY_DERIVATION_STRING_DATA p = { (unsigned char *)mask, BDK_LEN };
	CK_MECHANISM m = { CKM_XOR_BASE_AND_DATA, &p, sizeof p };
	struct attrs l;

	attrs_secret(t, &l, CKK_DES2, 0, may, NULL);
	return token_check(t, "C_DeriveKey (XOR)", t->f->C_DeriveKey(t->session, &m, base, l.a, l.n, h));
}

/* A random key, and from it the BDK and its variant: the one that all of them hang on may do nothing else, and goes. Tokens
 * force odd parity on both or on none; one chance in 2^50 that a half is weak has to be taken. */
static enum err born_in_token(struct token *t, CK_OBJECT_HANDLE born[static 2], unsigned may)
{
	static const struct key none = { { 0 }, BDK_LEN };
	struct key mask;
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	CK_OBJECT_HANDLE base = 0;
	struct attrs l;
	enum err e = dukpt_tdes_variant(&mask, &none);

	attrs_secret(t, &l, CKK_AES, BDK_LEN, MAY_MIX | MAY_LEAVE, NULL);
	if (!e)
		e = token_check(t, "C_GenerateKey", t->f->C_GenerateKey(t->session, &m, l.a, l.n, &base));
	if (!e)
		e = construct_xor(t, &born[0], base, none.b, may);
	if (!e)
		e = construct_xor(t, &born[1], base, mask.b, may);
	object_destroy(t, &base);
	return e;
}

enum err construct_tdes(struct token *t, CK_OBJECT_HANDLE born[static 2], unsigned may)
{
	return t->made.mixes ? born_in_token(t, born, may) : born_here(t, born, may);
}

enum err construct_aes(struct token *t, CK_OBJECT_HANDLE born[static 2], uint8_t len, unsigned may)
{
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	struct attrs l;

	attrs_secret(t, &l, CKK_AES, len, may, NULL);
	return token_check(t, "C_GenerateKey", t->f->C_GenerateKey(t->session, &m, l.a, l.n, &born[0]));
}

enum err construct_settle(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_HANDLE born, const char *label)
{
	struct attrs l = { .n = 0 };

	attrs_flag(&l, CKA_TOKEN, label);
	if (label)
		attrs_put(&l, CKA_LABEL, label, strlen(label));
	attrs_flag(&l, CKA_EXTRACTABLE, false);
	attrs_flag(&l, CKA_ENCRYPT, false);
	attrs_flag(&l, CKA_DERIVE, true);
	attrs_flag(&l, CKA_MODIFIABLE, false);
	return token_check(t, "C_CopyObject", t->f->C_CopyObject(t->session, born, l.a, l.n, h));
}

/* One step of X9.24-3 on handles. The child is bytes to the token, not a cipher key: nothing there is to use it. */
static enum err token_run(struct token *t, CK_OBJECT_HANDLE *child, CK_OBJECT_HANDLE parent, const struct dukpt_step *s,
			  unsigned may)
{
	return object_derive(t, child, parent, CKM_AES_ECB_ENCRYPT_DATA, s->data, 16 * dukpt_step_blocks(s),
			     CKK_GENERIC_SECRET, s->len, may);
}

enum err construct_initial(struct token *t, CK_OBJECT_HANDLE part[static 2], const CK_OBJECT_HANDLE bdk[static 2],
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
		e = object_derive(t, &part[i], bdk[i], CKM_DES3_ECB_ENCRYPT_DATA, data, sizeof data, CKK_GENERIC_SECRET,
				  HALF_LEN, may);
	return e;
}

enum err construct_join(struct token *t, CK_OBJECT_HANDLE *whole, const CK_OBJECT_HANDLE part[static 2], unsigned may)
{
	CK_OBJECT_HANDLE right = part[1];
	CK_MECHANISM m = { CKM_CONCATENATE_BASE_AND_KEY, &right, sizeof right };
	struct attrs l;

	attrs_secret(t, &l, CKK_GENERIC_SECRET, 2 * HALF_LEN, may, NULL);
	return token_check(t, "C_DeriveKey (CONCATENATE)",
			   t->f->C_DeriveKey(t->session, &m, part[0], l.a, l.n, whole));
}
