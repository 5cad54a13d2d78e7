#include "bdk/kek.h"
#include "base/wipe.h"
#include "crypto/cmac.h"

#include <string.h>

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
	return e ? e : object_encrypt(t, io, k->z, CKM_AES_ECB, io, 16 * blocks);
}

enum err kek_begin(struct token *t, struct kdf *k)
{
	enum err e = kdf_query(t, k, k->k1, 1);

	cmac_double(k->k1, k->k1);
	return e;
}

enum err kek_make(struct token *t, CK_OBJECT_HANDLE *kek, struct kdf *k, const char label[static KBKDF_LABEL],
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
	e = object_derive(t, kek, k->z, CKM_AES_ECB_ENCRYPT_DATA, x[0], sizeof x, CKK_AES, KEK_LEN, may);
done:
	wipe(x, sizeof x);
	return e;
}

void kek_end(struct token *t, struct kdf *k)
{
	object_destroy(t, &k->z);
	wipe(k, sizeof *k);
}

/* Z of a pair and the other side's point. E_OK, E_POINT, E_CRYPTO, E_TOKEN */
enum err kek_agree(struct token *t, struct kdf *k, CK_OBJECT_HANDLE priv, const uint8_t point[static P256_POINT])
{
	CK_ECDH1_DERIVE_PARAMS p = { .kdf = CKD_NULL,
				     .public_data_len = P256_POINT,
				     .public_data = (unsigned char *)point };
	CK_MECHANISM m = { CKM_ECDH1_DERIVE, &p, sizeof p };
	struct attrs l;
	enum err e = p256_check(point);

	if (e)
		return e;
	attrs_secret(t, &l, CKK_AES, 32, MAY_ENCRYPT | MAY_DERIVE, NULL);
	e = token_check(t, "C_DeriveKey (ECDH)", t->f->C_DeriveKey(t->session, &m, priv, l.a, l.n, &k->z));
	return e ? e : kek_begin(t, k);
}

enum err kek_wrap(struct token *t, struct wrapped *item, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM m = { t->made.wrap, NULL, 0 };
	CK_ULONG len = sizeof item->b;
	enum err e = token_check(t, "C_WrapKey", t->f->C_WrapKey(t->session, &m, kek, key, item->b, &len));

	item->len = e ? 0 : (uint8_t)len;
	return e;
}

enum err kek_wrap_item(struct token *t, struct wrapped *item, struct kdf *k, const char label[static KBKDF_LABEL],
		       const uint8_t ctx[static 32], CK_OBJECT_HANDLE key)
{
	CK_OBJECT_HANDLE kek = 0;
	enum err e = kek_make(t, &kek, k, label, ctx, MAY_WRAP);

	memcpy(item->label, label, KBKDF_LABEL);
	if (!e)
		e = kek_wrap(t, item, kek, key);
	object_destroy(t, &kek);
	return e;
}

/* One object of a BDK, wrapped to this room. label NULL: a session object. E_UNWRAP, E_TOKEN */
enum err kek_unwrap(struct token *t, CK_OBJECT_HANDLE *key, CK_OBJECT_HANDLE kek, const struct wrapped *item,
		    CK_KEY_TYPE type, unsigned may, const char *label)
{
	CK_MECHANISM m = { t->made.wrap, NULL, 0 };
	struct attrs l;
	enum err e;
	CK_RV rv;

	attrs_secret(t, &l, type, 0, may, label);
	rv = t->f->C_UnwrapKey(t->session, &m, kek, (unsigned char *)item->b, item->len, l.a, l.n, key);
	e = token_check(t, "C_UnwrapKey", rv);
	/* SoftHSM says general error when the integrity check fails */
	if (rv == CKR_WRAPPED_KEY_INVALID || rv == CKR_WRAPPED_KEY_LEN_RANGE || rv == CKR_GENERAL_ERROR)
		e = E_UNWRAP;
	return e;
}
