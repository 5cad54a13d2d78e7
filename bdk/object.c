#include "bdk/object.h"

#include <stdio.h>
#include <string.h>

enum err token_refuse(struct token *t, const char *why)
{
	t->rv = CKR_OK;
	snprintf(t->why, sizeof t->why, "%s", why);
	return E_TOKEN;
}

enum err token_check(struct token *t, const char *function, CK_RV rv)
{
	t->rv = rv;
	if (rv == CKR_OK)
		return E_OK;
	snprintf(t->why, sizeof t->why, "%s answers %#lx", function, rv);
	return E_TOKEN;
}

/* --- Templates --------------------------------------------------------------------------------------------------- */

void attrs_put(struct attrs *l, CK_ATTRIBUTE_TYPE type, const void *p, size_t len)
{
	l->a[l->n++] = (CK_ATTRIBUTE){ type, (void *)p, len };
}

void attrs_flag(struct attrs *l, CK_ATTRIBUTE_TYPE type, bool v)
{
	static const CK_BBOOL no = CK_FALSE, yes = CK_TRUE;

	attrs_put(l, type, v ? &yes : &no, sizeof yes);
}

/* A session object has no label, a token object has one. */
void attrs_head(struct attrs *l, CK_OBJECT_CLASS class, const char *label)
{
	memset(l, 0, sizeof *l);
	l->class = class;
	attrs_put(l, CKA_CLASS, &l->class, sizeof l->class);
	attrs_flag(l, CKA_TOKEN, label);
	attrs_flag(l, CKA_PRIVATE, true);
	if (label)
		attrs_put(l, CKA_LABEL, label, strlen(label));
}

/* The mechanisms of a key, where the token keeps to a list of them. Where there is none, the key is bytes to the token. */
static void attrs_mechanisms(const struct token *t, struct attrs *l, CK_KEY_TYPE type, unsigned may)
{
	static const CK_MECHANISM_TYPE tdes[] = { CKM_DES3_ECB_ENCRYPT_DATA, CKM_DES3_ECB },
				       aes[] = { CKM_AES_ECB_ENCRYPT_DATA, CKM_AES_ECB },
				       mix[] = { CKM_XOR_BASE_AND_DATA, CKM_CONCATENATE_BASE_AND_KEY };
	size_t two = may & MAY_ENCRYPT ? 2 : 1;

	if (!t->made.lists)
		return;
	if (may & MAY_MIX)
		attrs_put(l, CKA_ALLOWED_MECHANISMS, mix, sizeof mix);
	else if (type == CKK_DES2 || type == CKK_DES3)
		attrs_put(l, CKA_ALLOWED_MECHANISMS, tdes, two * sizeof *tdes);
	else if (may & (MAY_WRAP | MAY_UNWRAP))
		attrs_put(l, CKA_ALLOWED_MECHANISMS, &t->made.wrap, sizeof t->made.wrap);
	else if (type == CKK_AES)
		attrs_put(l, CKA_ALLOWED_MECHANISMS, aes, two * sizeof *aes);
}

/* A secret key that may do this and nothing else. len 0 where the type says it. */
void attrs_secret(const struct token *t, struct attrs *l, CK_KEY_TYPE type, size_t len, unsigned may, const char *label)
{
	attrs_head(l, CKO_SECRET_KEY, label);
	l->type = type;
	l->len = len;
	attrs_put(l, CKA_KEY_TYPE, &l->type, sizeof l->type);
	if (len)
		attrs_put(l, CKA_VALUE_LEN, &l->len, sizeof l->len);
	attrs_flag(l, CKA_SENSITIVE, !(may & MAY_BE_READ));
	attrs_flag(l, CKA_EXTRACTABLE, may & (MAY_LEAVE | MAY_BE_READ));
	attrs_flag(l, CKA_ENCRYPT, may & MAY_ENCRYPT);
	attrs_flag(l, CKA_DERIVE, may & (MAY_DERIVE | MAY_MIX));
	attrs_flag(l, CKA_WRAP, may & MAY_WRAP);
	attrs_flag(l, CKA_UNWRAP, may & MAY_UNWRAP);
	attrs_flag(l, CKA_DECRYPT, false);
	attrs_flag(l, CKA_SIGN, false);
	attrs_flag(l, CKA_VERIFY, false);
	attrs_mechanisms(t, l, type, may);
	/* last: SoftHSM 2.6.1 goes through a template in its order and changes nothing after this */
	attrs_flag(l, CKA_MODIFIABLE, may & MAY_BE_COPIED);
}

/* --- Session objects --------------------------------------------------------------------------------------------- */

void object_destroy(struct token *t, CK_OBJECT_HANDLE *h)
{
	if (*h)
		t->f->C_DestroyObject(t->session, *h);
	*h = 0;
}

enum err object_create(struct token *t, CK_OBJECT_HANDLE *h, CK_KEY_TYPE type, const uint8_t *value, size_t len,
		       unsigned may)
{
	struct attrs l;

	attrs_secret(t, &l, type, 0, may, NULL);
	attrs_put(&l, CKA_VALUE, value, len);
	return token_check(t, "C_CreateObject", t->f->C_CreateObject(t->session, l.a, l.n, h));
}

/* child = ECB(parent, data), cut to len */
enum err object_derive(struct token *t, CK_OBJECT_HANDLE *child, CK_OBJECT_HANDLE parent, CK_MECHANISM_TYPE ecb,
		       const uint8_t *data, size_t data_len, CK_KEY_TYPE type, size_t len, unsigned may)
{
	CK_KEY_DERIVATION_STRING_DATA p = { (unsigned char *)data, data_len };
	CK_MECHANISM m = { ecb, &p, sizeof p };
	struct attrs l;

	attrs_secret(t, &l, type, len, may, NULL);
	return token_check(t, "C_DeriveKey", t->f->C_DeriveKey(t->session, &m, parent, l.a, l.n, child));
}

enum err object_encrypt(struct token *t, uint8_t *out, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE ecb, const uint8_t *in,
			size_t len)
{
	CK_MECHANISM m = { ecb, NULL, 0 };
	CK_ULONG n = len;
	enum err e = token_check(t, "C_EncryptInit", t->f->C_EncryptInit(t->session, &m, key));

	if (!e)
		e = token_check(t, "C_Encrypt", t->f->C_Encrypt(t->session, (unsigned char *)in, len, out, &n));
	if (!e && n != len)
		e = token_refuse(t, "C_Encrypt gives another length");
	return e;
}

enum err object_read(struct token *t, uint8_t *out, size_t len, CK_OBJECT_HANDLE h)
{
	CK_ATTRIBUTE a = { CKA_VALUE, out, len };
	enum err e = token_check(t, "C_GetAttributeValue", t->f->C_GetAttributeValue(t->session, h, &a, 1));

	return !e && a.ulValueLen != len ? token_refuse(t, "a derived key of another length") : e;
}

/* --- Token objects ----------------------------------------------------------------------------------------------- */

/* The one token object of that class and label. E_OK, E_KEY (none), E_TOKEN (also: more than one) */
enum err object_find(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_CLASS class, const char *label)
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
	attrs_head(&l, class, label);
	e = token_check(t, "C_FindObjectsInit", t->f->C_FindObjectsInit(t->session, l.a, l.n));
	if (e)
		return e;
	e = token_check(t, "C_FindObjects", t->f->C_FindObjects(t->session, found, 2, &n));
	if (!e)
		e = token_check(t, "C_FindObjectsFinal", t->f->C_FindObjectsFinal(t->session));
	else
		t->f->C_FindObjectsFinal(t->session);
	if (!e && n > 1)
		e = token_refuse(t, "two objects of one label in the token");
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

void object_forget(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_CLASS class, const char *label)
{
	*h = 0;
	for (struct token_known *k = t->known; k < t->known + TOKEN_KNOWN; k++) {
		if (!k->object || k->class != class || strcmp(k->label, label))
			continue;
		*h = k->object;
		memset(k, 0, sizeof *k);
	}
}

enum err object_drop(struct token *t, CK_OBJECT_CLASS class, const char *label)
{
	CK_OBJECT_HANDLE h, found;
	enum err e;

	object_forget(t, &h, class, label); /* as object_absent() */
	e = object_find(t, &h, class, label);
	if (e)
		return e == E_KEY ? E_OK : e;
	object_forget(t, &found, class, label);
	return token_check(t, "C_DestroyObject", t->f->C_DestroyObject(t->session, h));
}

/* E_OK (no such object), E_EXISTS, E_TOKEN */
enum err object_absent(struct token *t, CK_OBJECT_CLASS class, const char *label)
{
	CK_OBJECT_HANDLE h;
	enum err e;

	object_forget(t, &h, class, label); /* another worker may have dropped it */
	e = object_find(t, &h, class, label);

	if (!e)
		return E_EXISTS;
	return e == E_KEY ? E_OK : e;
}
