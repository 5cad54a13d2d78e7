#include "base/wipe.h"
#include "bdk/fingerprint.h"
#include "bdk/object.h"

#include <string.h>

enum { OWN_LEN = 32 };

static const char own[] = "fingerprint";

/* No derived key is read, only what one enciphers. */
static enum err value_of(struct token *t, uint8_t value[static FINGERPRINT], CK_OBJECT_HANDLE key,
			 CK_MECHANISM_TYPE ecb)
{
	CK_OBJECT_HANDLE made = 0;
	enum err e =
		object_derive(t, &made, key, ecb, fingerprint_label, FINGERPRINT, CKK_AES, FINGERPRINT, MAY_ENCRYPT);

	if (!e)
		e = object_encrypt(t, value, made, CKM_AES_ECB, fingerprint_label, FINGERPRINT);
	object_destroy(t, &made);
	return e;
}

/* What the room's fingerprints are under. Older rooms get it with their first fingerprint. */
static enum err find_own(struct token *t, CK_OBJECT_HANDLE *h)
{
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	struct attrs l;
	enum err e = object_find(t, h, CKO_SECRET_KEY, own);

	if (e != E_KEY)
		return e;
	attrs_secret(t, &l, CKK_AES, OWN_LEN, MAY_ENCRYPT, own);
	return token_check(t, "C_GenerateKey", t->f->C_GenerateKey(t->session, &m, l.a, l.n, h));
}

/* How a key of this type enciphers. E_SCHEME */
static enum err cipher_of(struct token *t, CK_MECHANISM_TYPE *ecb, CK_OBJECT_HANDLE key)
{
	CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
	CK_ATTRIBUTE a = { CKA_KEY_TYPE, &type, sizeof type };
	enum err e = token_check(t, "C_GetAttributeValue", t->f->C_GetAttributeValue(t->session, key, &a, 1));

	if (e)
		return e;
	*ecb = type == CKK_AES ? CKM_AES_ECB_ENCRYPT_DATA : CKM_DES3_ECB_ENCRYPT_DATA;
	return type == CKK_AES || type == CKK_DES2 || type == CKK_DES3 ? E_OK : E_SCHEME;
}

enum err token_fingerprint(struct token *t, uint8_t fp[static FINGERPRINT], bool *published, const char *label)
{
	uint8_t value[FINGERPRINT], out[FINGERPRINT] = { 0 };
	CK_OBJECT_HANDLE key, under;
	CK_MECHANISM_TYPE ecb;
	enum err e;

	object_forget(t, &key, CKO_SECRET_KEY, label); /* another worker may have put a new key under this name */
	e = object_find(t, &key, CKO_SECRET_KEY, label);
	if (!e)
		e = cipher_of(t, &ecb, key);
	if (!e)
		e = find_own(t, &under);
	if (!e)
		e = value_of(t, value, key, ecb);
	if (!e)
		e = object_encrypt(t, out, under, CKM_AES_ECB, value, FINGERPRINT);
	*published = !e && fingerprint_published(value);
	memcpy(fp, out, sizeof out);
	wipe(value, sizeof value);
	return e;
}
