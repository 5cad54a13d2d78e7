/*
 * Lies of a token, one at a time: each is the wrong answer to one question of the probe, by whose name it goes, given
 * by one function of the module; every other call is SoftHSM's. Two are about the PIN: one more wrong one and it is locked, or
 * it is. For tests of the probe, in this process (lie()) or as a
 * module of its own (tests/shim/liar.c).
 */
#ifndef KEYROOM_TESTS_SHIM_LIES_H
#define KEYROOM_TESTS_SHIM_LIES_H

#include <p11-kit/pkcs11.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static CK_FUNCTION_LIST honest;

static CK_OBJECT_CLASS class_of(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h)
{
	CK_OBJECT_CLASS class = 0;
	CK_ATTRIBUTE a = { CKA_CLASS, &class, sizeof class };

	honest.C_GetAttributeValue(s, h, &a, 1);
	return class;
}

static CK_RV read_secret(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n)
{
	return a->type == CKA_VALUE && class_of(s, h) == CKO_SECRET_KEY ? CKR_OK
									 : honest.C_GetAttributeValue(s, h, a, n);
}

static CK_RV read_private(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n)
{
	return a->type == CKA_VALUE && class_of(s, h) == CKO_PRIVATE_KEY ? CKR_OK
									  : honest.C_GetAttributeValue(s, h, a, n);
}

static CK_RV change_any(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n)
{
	(void)s, (void)h, (void)a, (void)n;
	return CKR_OK;
}

static CK_RV wrap_any(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, CK_BYTE *out,
		      CK_ULONG *len)
{
	CK_RV rv = honest.C_WrapKey(s, m, kek, key, out, len);

	return rv == CKR_KEY_UNEXTRACTABLE ? CKR_OK : rv;
}

static CK_RV wrap_wrongly(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key, CK_BYTE *out,
			  CK_ULONG *len)
{
	CK_RV rv = honest.C_WrapKey(s, m, kek, key, out, len);

	if (rv == CKR_OK)
		out[0] ^= 1;
	return rv;
}

static CK_RV copy_any(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *copy)
{
	CK_RV rv = honest.C_CopyObject(s, h, a, n, copy);

	return a->type == CKA_EXTRACTABLE ? CKR_OK : rv;
}

static CK_RV copy_none(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE h, CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *copy)
{
	(void)s, (void)h, (void)a, (void)n, (void)copy;
	return CKR_FUNCTION_NOT_SUPPORTED;
}

static CK_RV encrypt_any(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	CK_RV rv = honest.C_EncryptInit(s, m, key);

	return rv == CKR_KEY_FUNCTION_NOT_PERMITTED ? CKR_OK : rv;
}

/* Takes a list of mechanisms as ever, and does not keep to it */
static CK_RV derive_any(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE parent, CK_ATTRIBUTE *a, CK_ULONG n,
			CK_OBJECT_HANDLE *child)
{
	CK_RV rv = honest.C_DeriveKey(s, m, parent, a, n, child);

	return m->mechanism == CKM_AES_CBC_ENCRYPT_DATA ? CKR_OK : rv;
}

/* One bit of the data to encrypt is lost, for children of one length */
static CK_ULONG spoiled_len;

static CK_ULONG child_len(const CK_ATTRIBUTE *a, CK_ULONG n)
{
	CK_ULONG len = 0;

	for (CK_ULONG i = 0; i < n; i++)
		if (a[i].type == CKA_VALUE_LEN)
			memcpy(&len, a[i].pValue, sizeof len);
	return len;
}

static CK_RV derive_wrongly(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE parent, CK_ATTRIBUTE *a, CK_ULONG n,
			    CK_OBJECT_HANDLE *child)
{
	CK_KEY_DERIVATION_STRING_DATA *d = m->pParameter, p;
	CK_MECHANISM other = { m->mechanism, &p, sizeof p };
	CK_BYTE data[32];

	if ((m->mechanism != CKM_AES_ECB_ENCRYPT_DATA && m->mechanism != CKM_DES3_ECB_ENCRYPT_DATA) ||
	    child_len(a, n) != spoiled_len)
		return honest.C_DeriveKey(s, m, parent, a, n, child);
	memcpy(data, d->pData, d->ulLen);
	data[0] ^= 1;
	p = (CK_KEY_DERIVATION_STRING_DATA){ data, d->ulLen };
	return honest.C_DeriveKey(s, &other, parent, a, n, child);
}

/* Z of another point: the generator of P-256 */
static CK_RV agree_wrongly(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE parent, CK_ATTRIBUTE *a, CK_ULONG n,
			   CK_OBJECT_HANDLE *child)
{
	static CK_BYTE g[65] = { 0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5,
				 0x63, 0xA4, 0x40, 0xF2, 0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4,
				 0xA1, 0x39, 0x45, 0xD8, 0x98, 0xC2, 0x96, 0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A,
				 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F, 0x9E, 0x16, 0x2B, 0xCE, 0x33,
				 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51, 0xF5 };
	CK_ECDH1_DERIVE_PARAMS p;
	CK_MECHANISM other = { m->mechanism, &p, sizeof p };

	if (m->mechanism != CKM_ECDH1_DERIVE)
		return honest.C_DeriveKey(s, m, parent, a, n, child);
	p = *(CK_ECDH1_DERIVE_PARAMS *)m->pParameter;
	p.pPublicData = g;
	return honest.C_DeriveKey(s, &other, parent, a, n, child);
}

static CK_RV sign_wrongly(CK_SESSION_HANDLE s, CK_BYTE *in, CK_ULONG in_len, CK_BYTE *out, CK_ULONG *out_len)
{
	CK_RV rv = honest.C_Sign(s, in, in_len, out, out_len);

	out[40] ^= 1;
	return rv;
}

static CK_RV unwrap_any(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_BYTE *in, CK_ULONG len,
			CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *key)
{
	honest.C_UnwrapKey(s, m, kek, in, len, a, n, key);
	return CKR_OK;
}

static CK_RV unwrap_none(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE kek, CK_BYTE *in, CK_ULONG len,
			 CK_ATTRIBUTE *a, CK_ULONG n, CK_OBJECT_HANDLE *key)
{
	(void)s, (void)m, (void)kek, (void)in, (void)len, (void)a, (void)n, (void)key;
	return CKR_WRAPPED_KEY_INVALID;
}

static CK_FLAGS counted;

static CK_RV count_tries(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = honest.C_GetTokenInfo(slot, info);

	info->flags |= counted;
	return rv;
}

static CK_RV say_tried(CK_SESSION_HANDLE s, CK_USER_TYPE user, CK_BYTE *pin, CK_ULONG len)
{
	fprintf(stderr, "liar: a PIN was tried\n");
	return honest.C_Login(s, user, pin, len);
}

static void count(CK_FUNCTION_LIST *list, CK_FLAGS flags)
{
	counted = flags;
	list->C_GetTokenInfo = count_tries;
	list->C_Login = say_tried;
}

/* lie - have the module tell this one from now on; false if there is no such lie */
static bool lie(CK_FUNCTION_LIST *list, const char *name)
{
	honest = *list;
	if (!strcmp(name, "read-sensitive"))
		list->C_GetAttributeValue = read_secret;
	else if (!strcmp(name, "read-private"))
		list->C_GetAttributeValue = read_private;
	else if (!strcmp(name, "change-unmodifiable"))
		list->C_SetAttributeValue = change_any;
	else if (!strcmp(name, "wrap-unextractable"))
		list->C_WrapKey = wrap_any;
	else if (!strcmp(name, "loosen-copy"))
		list->C_CopyObject = copy_any;
	else if (!strcmp(name, "encrypt-derive-only"))
		list->C_EncryptInit = encrypt_any;
	else if (!strcmp(name, "derive-forbidden"))
		list->C_DeriveKey = derive_any;
	else if (!strcmp(name, "unwrap-spoiled"))
		list->C_UnwrapKey = unwrap_any;
	else if (!strcmp(name, "key-wrap-pad"))
		list->C_WrapKey = wrap_wrongly;
	else if (!strcmp(name, "kdf"))
		list->C_DeriveKey = derive_wrongly, spoiled_len = 32;
	else if (!strcmp(name, "tdes-initial-key"))
		list->C_DeriveKey = derive_wrongly, spoiled_len = 8;
	else if (!strcmp(name, "aes-initial-key"))
		list->C_DeriveKey = derive_wrongly, spoiled_len = 16;
	else if (!strcmp(name, "aes192-initial-key"))
		list->C_DeriveKey = derive_wrongly, spoiled_len = 24;
	else if (!strcmp(name, "unwrap"))
		list->C_UnwrapKey = unwrap_none;
	else if (!strcmp(name, "copy"))
		list->C_CopyObject = copy_none;
	else if (!strcmp(name, "signature"))
		list->C_Sign = sign_wrongly;
	else if (!strcmp(name, "agreement"))
		list->C_DeriveKey = agree_wrongly;
	else if (!strcmp(name, "pin-final-try"))
		count(list, CKF_USER_PIN_FINAL_TRY);
	else if (!strcmp(name, "pin-locked"))
		count(list, CKF_USER_PIN_LOCKED);
	else if (!strcmp(name, "pin-count-low"))
		count(list, CKF_USER_PIN_COUNT_LOW);
	else
		return false;
	return true;
}

#endif
