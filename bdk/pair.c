#include "bdk/pair.h"

#include <string.h>

enum err pair_make(struct token *t, CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv, bool sign, bool agree,
		   const char *label)
{
	static const uint8_t p256[] = { 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 }; /* prime256v1 */
	static const CK_MECHANISM_TYPE may[] = { CKM_ECDSA, CKM_ECDH1_DERIVE };
	CK_MECHANISM m = { CKM_EC_KEY_PAIR_GEN, NULL, 0 };
	struct attrs u, r;

	attrs_head(&u, CKO_PUBLIC_KEY, label);
	attrs_flag(&u, CKA_VERIFY, sign);
	attrs_flag(&u, CKA_ENCRYPT, false);
	attrs_flag(&u, CKA_WRAP, false);
	attrs_put(&u, CKA_EC_PARAMS, p256, sizeof p256);
	attrs_flag(&u, CKA_MODIFIABLE, false);
	attrs_head(&r, CKO_PRIVATE_KEY, label);
	attrs_flag(&r, CKA_SENSITIVE, true);
	attrs_flag(&r, CKA_EXTRACTABLE, false);
	attrs_flag(&r, CKA_SIGN, sign);
	attrs_flag(&r, CKA_DERIVE, agree);
	attrs_flag(&r, CKA_DECRYPT, false);
	attrs_flag(&r, CKA_UNWRAP, false);
	if (t->made.lists)
		attrs_put(&r, CKA_ALLOWED_MECHANISMS, may + !sign, (sign + agree) * sizeof may[0]);
	attrs_flag(&r, CKA_MODIFIABLE, false);
	return token_check(t, "C_GenerateKeyPair",
			   t->f->C_GenerateKeyPair(t->session, &m, u.a, u.n, r.a, r.n, pub, priv));
}

enum err pair_point(struct token *t, uint8_t point[static P256_POINT], CK_OBJECT_HANDLE pub)
{
	uint8_t der[2 + P256_POINT] = { 0 }; /* OCTET STRING */
	CK_ATTRIBUTE a = { CKA_EC_POINT, der, sizeof der };
	enum err e = token_check(t, "C_GetAttributeValue", t->f->C_GetAttributeValue(t->session, pub, &a, 1));

	if (e)
		return e;
	if (a.ulValueLen != sizeof der || der[0] != 0x04 || der[1] != P256_POINT || p256_check(der + 2))
		return token_refuse(t, "not a point of P-256");
	memcpy(point, der + 2, P256_POINT);
	return E_OK;
}

enum err pair_sign(struct token *t, uint8_t sig[static P256_SIG], CK_OBJECT_HANDLE priv,
		   const uint8_t digest[static 32])
{
	CK_MECHANISM m = { CKM_ECDSA, NULL, 0 };
	CK_ULONG len = P256_SIG;
	CK_RV rv = t->f->C_SignInit(t->session, &m, priv);
	enum err e;

	if (rv == CKR_KEY_FUNCTION_NOT_PERMITTED)
		return E_KEY;
	e = token_check(t, "C_SignInit", rv);
	if (!e)
		e = token_check(t, "C_Sign", t->f->C_Sign(t->session, (unsigned char *)digest, 32, sig, &len));
	if (!e && len != P256_SIG)
		e = token_refuse(t, "C_Sign gives another length");
	return e;
}

void pair_destroy(struct token *t, struct token_pair *p)
{
	object_destroy(t, &p->pub);
	object_destroy(t, &p->priv);
	p->handle = 0;
}
