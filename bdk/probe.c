#include "bdk/probe.h"
#include "base/wipe.h"
#include "bdk/construction.h"
#include "bdk/kek.h"
#include "bdk/object.h"
#include "bdk/pair.h"
#include "crypto/keywrap.h"
#include "dukpt/tdes.h"

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
		e = kek_wrap(t, &w, kek, part[i]);
		if (!e && (keywrap_unwrap(&k, soft_kek, w.b, w.len) || at + k.len > BDK_LEN ||
			   !ct_equal(k.b, value + at, k.len)))
			e = token_refuse(t, why);
		at += e ? 0 : k.len;
	}
	if (!e && at != BDK_LEN)
		e = token_refuse(t, why);
	return e;
}

static enum err probe_scheme(struct token *t, CK_OBJECT_HANDLE kek, enum dukpt_scheme scheme)
{
	bool tdes = scheme == DUKPT_TDES;
	struct key bdk[2] = { tdes ? probe_tdes_bdk : probe_aes_bdk };
	CK_OBJECT_HANDLE object[2] = { 0, 0 }, part[2] = { 0, 0 };
	enum err e = dukpt_tdes_variant(&bdk[1], &bdk[0]);

	for (unsigned i = 0; !e && i < construct_parts(scheme); i++)
		e = object_create(t, &object[i], construct_type(scheme), bdk[i].b, BDK_LEN, MAY_DERIVE);
	if (!e)
		e = construct_initial(t, part, object, scheme, tdes ? &probe_tdes_ksn : &probe_aes_ksn, MAY_LEAVE);
	if (!e)
		e = probe_parts(t, kek, &probe_kek, part, tdes ? probe_tdes_ik : probe_aes_ik,
				tdes ? "probe: a wrong TDES initial key" : "probe: a wrong AES initial key");
	object_destroy(t, &part[0]);
	object_destroy(t, &part[1]);
	object_destroy(t, &object[0]);
	object_destroy(t, &object[1]);
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
	enum err e = object_create(t, &bdk, CKK_AES, probe_aes_bdk.b, BDK_LEN, MAY_DERIVE);

	if (!e)
		e = object_create(t, &leaving, CKK_GENERIC_SECRET, probe_aes_ik, BDK_LEN, MAY_LEAVE);
	if (e)
		goto done;
	if (t->f->C_GetAttributeValue(t->session, leaving, &read, 1) == CKR_OK)
		e = token_refuse(t, "probe: a sensitive value can be read");
	else if (!kek_wrap(t, &w, kek, bdk))
		e = token_refuse(t, "probe: an unextractable key can be wrapped");
	else if (t->f->C_SetAttributeValue(t->session, bdk, &change, 1) == CKR_OK)
		e = token_refuse(t, "probe: an unmodifiable key can be changed");
	else if (t->f->C_EncryptInit(t->session, &ecb, bdk) == CKR_OK)
		e = token_refuse(t, "probe: a key that may only derive encrypts");
done:
	object_destroy(t, &bdk);
	object_destroy(t, &leaving);
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
	enum err e = pair_make(t, &p.pub, &p.priv, true, false, NULL);

	if (!e)
		e = pair_point(t, theirs, p.pub);
	if (!e)
		e = pair_sign(t, sig, p.priv, probe_ctx);
	if (!e && p256_verify(sig, theirs, probe_ctx))
		e = token_refuse(t, "probe: a wrong signature");
	pair_destroy(t, &p);
	if (!e)
		e = pair_make(t, &p.pub, &p.priv, false, true, NULL);
	if (!e)
		e = pair_point(t, theirs, p.pub);
	if (!e)
		e = p256_public(own, &mine);
	if (!e)
		e = kek_agree(t, &k, p.priv, own);
	if (!e)
		e = kek_make(t, &kek, &k, KEK_IK, probe_ctx, MAY_WRAP);
	if (!e)
		e = object_create(t, &part[0], CKK_GENERIC_SECRET, probe_aes_ik, BDK_LEN, MAY_LEAVE);
	if (!e)
		e = p256_ecdh(&z, &mine, theirs);
	if (!e)
		e = kbkdf(&soft_kek, &z, KEK_IK, probe_ctx);
	if (!e)
		e = probe_parts(t, kek, &soft_kek, part, probe_aes_ik, "probe: a wrong ECDH");
	object_destroy(t, &part[0]);
	object_destroy(t, &kek);
	kek_end(t, &k);
	pair_destroy(t, &p);
	return e;
}

enum err probe_token(struct token *t)
{
	CK_OBJECT_HANDLE kek = 0, part[2] = { 0, 0 };
	struct kdf k = { .z = 0 };
	uint8_t z[32];
	enum err e;

	for (unsigned i = 0; i < sizeof z; i++)
		z[i] = (uint8_t)i;
	e = object_create(t, &k.z, CKK_AES, z, sizeof z, MAY_ENCRYPT | MAY_DERIVE);
	if (!e)
		e = kek_begin(t, &k);
	if (!e)
		e = kek_make(t, &kek, &k, KEK_IK, probe_ctx, MAY_WRAP);
	if (!e)
		e = object_create(t, &part[0], CKK_GENERIC_SECRET, probe_aes_ik, BDK_LEN, MAY_LEAVE);
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
	object_destroy(t, &part[0]);
	object_destroy(t, &kek);
	kek_end(t, &k);
	return e;
}
