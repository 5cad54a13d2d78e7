#include "bdk/pki.h"
#include "crypto/sha256.h"

#include <openssl/ecdsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_ID 20                       /* bytes of a key identifier: the head of the SPKI's SHA-256 (RFC 7093 2) */
#define LAST_UTC UINT64_C(253402300799) /* 9999-12-31 23:59:59: X.509 has no later date */

/* --- Small parts ------------------------------------------------------------------------------------------------- */

EVP_PKEY *pki_key(const uint8_t point[static P256_POINT])
{
	uint8_t spki[P256_SPKI];
	const unsigned char *p = spki;

	p256_spki(spki, point);
	return d2i_PUBKEY(NULL, &p, sizeof spki);
}

static enum err put_time(ASN1_TIME *t, uint64_t utc)
{
	if (utc > LAST_UTC)
		return E_RANGE;
	return ASN1_TIME_set(t, (time_t)utc) ? E_OK : E_CRYPTO;
}

bool pki_good_text(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return n && n < CERT_TEXT;
}

static enum err put_text(X509_NAME *name, int nid, const char *text)
{
	if (!pki_good_text(text) ||
	    !X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *)text, -1, -1, 0))
		return E_FORMAT;
	return E_OK;
}

static bool put_number(ASN1_INTEGER *out, const uint8_t *number, size_t len)
{
	BIGNUM *n = BN_bin2bn(number, (int)len, NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, out);

	BN_free(n);
	return ok;
}

/*
 * The structures are built by OpenSSL, which signs only with a key that it holds; ours is in a token. So each is signed
 * twice: by a key of the moment, which puts the algorithm in all its places, and then by the right one, whose signature
 * replaces the first.
 */
static EVP_PKEY *moment_key(void)
{
	return EVP_EC_gen("P-256");
}

/* Sign the len bytes at tbs, which are freed, into the signature field of a structure of ours. */
static enum err sign(const ASN1_BIT_STRING *field, unsigned char *tbs, int len, const struct pki_signer *s)
{
	ASN1_BIT_STRING *out = (ASN1_BIT_STRING *)field; /* OpenSSL has no setter for it */
	const struct span part = { tbs, (size_t)len };
	uint8_t digest[32], raw[P256_SIG];
	unsigned char *der = NULL;
	ECDSA_SIG *sig = NULL;
	BIGNUM *r = NULL, *v = NULL;
	enum err e = E_CRYPTO;
	int n;

	if (len <= 0)
		goto done;
	e = sha256(digest, &part, 1);
	if (!e)
		e = s->sign(s->ctx, raw, digest);
	if (e)
		goto done;
	e = E_CRYPTO;
	sig = ECDSA_SIG_new();
	r = BN_bin2bn(raw, 32, NULL);
	v = BN_bin2bn(raw + 32, 32, NULL);
	if (!sig || !r || !v || !ECDSA_SIG_set0(sig, r, v))
		goto done;
	r = v = NULL;
	n = i2d_ECDSA_SIG(sig, &der);
	if (n <= 0 || !ASN1_BIT_STRING_set(out, der, n))
		goto done;
	/* whole bytes: without this flag a trailing zero byte would be cut off */
	out->flags &= ~0x07L;
	out->flags |= ASN1_STRING_FLAG_BITS_LEFT;
	e = E_OK;
done:
	BN_free(r);
	BN_free(v);
	ECDSA_SIG_free(sig);
	OPENSSL_free(der);
	OPENSSL_free(tbs);
	return e;
}

/* The n bytes of DER at p, which are freed, to the caller. */
static enum err publish(uint8_t *der, size_t *len, size_t size, unsigned char *p, int n)
{
	enum err e = n <= 0 ? E_CRYPTO : (size_t)n > size ? E_SPACE : E_OK;

	if (!e) {
		memcpy(der, p, (size_t)n);
		*len = (size_t)n;
	}
	OPENSSL_free(p);
	return e;
}

/* --- Requests ---------------------------------------------------------------------------------------------------- */

enum err pki_request(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT], const char *name,
		     const struct pki_signer *s)
{
	X509_REQ *x = X509_REQ_new();
	EVP_PKEY *key = pki_key(point), *moment = moment_key();
	const ASN1_BIT_STRING *sig;
	unsigned char *p = NULL;
	enum err e = E_CRYPTO;
	int n;

	if (!x || !key || !moment || !X509_REQ_set_version(x, X509_REQ_VERSION_1) || !X509_REQ_set_pubkey(x, key))
		goto done;
	e = put_text(X509_REQ_get_subject_name(x), NID_commonName, name);
	if (e)
		goto done;
	e = E_CRYPTO;
	if (!X509_REQ_sign(x, moment, EVP_sha256()))
		goto done;
	X509_REQ_get0_signature(x, &sig, NULL);
	n = i2d_re_X509_REQ_tbs(x, &p);
	e = sign(sig, p, n, s);
	if (e)
		goto done;
	p = NULL;
	n = i2d_X509_REQ(x, &p);
	e = publish(der, len, size, p, n);
done:
	X509_REQ_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(moment);
	return e;
}

/* --- Certificates ------------------------------------------------------------------------------------------------ */

enum usage { DIGITAL_SIGNATURE = 0, KEY_AGREEMENT = 4, KEY_CERT_SIGN = 5, CRL_SIGN = 6 }; /* bits of keyUsage */

static bool add_constraints(X509 *x, bool ca)
{
	BASIC_CONSTRAINTS *b = BASIC_CONSTRAINTS_new();
	bool ok = b;

	if (ok && ca) {
		b->ca = 0xFF;
		b->pathlen = ASN1_INTEGER_new(); /* 0: nothing but end entities below it */
		ok = b->pathlen && ASN1_INTEGER_set(b->pathlen, 0);
	}
	ok = ok && X509_add1_ext_i2d(x, NID_basic_constraints, b, 1, X509V3_ADD_DEFAULT) == 1;
	BASIC_CONSTRAINTS_free(b);
	return ok;
}

static bool add_usage(X509 *x, enum usage one, enum usage other)
{
	ASN1_BIT_STRING *u = ASN1_BIT_STRING_new();
	bool ok = u && ASN1_BIT_STRING_set_bit(u, (int)one, 1) && ASN1_BIT_STRING_set_bit(u, (int)other, 1) &&
		  X509_add1_ext_i2d(x, NID_key_usage, u, 1, X509V3_ADD_DEFAULT) == 1;

	ASN1_BIT_STRING_free(u);
	return ok;
}

static ASN1_OCTET_STRING *key_id(const uint8_t point[static P256_POINT])
{
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	uint8_t digest[32];

	if (id && (p256_spki_digest(digest, point) || !ASN1_OCTET_STRING_set(id, digest, KEY_ID))) {
		ASN1_OCTET_STRING_free(id);
		id = NULL;
	}
	return id;
}

static bool add_key_id(X509 *x, const uint8_t point[static P256_POINT])
{
	ASN1_OCTET_STRING *id = key_id(point);
	bool ok = id && X509_add1_ext_i2d(x, NID_subject_key_identifier, id, 0, X509V3_ADD_DEFAULT) == 1;

	ASN1_OCTET_STRING_free(id);
	return ok;
}

/* The CA's key identifier, as authorityKeyIdentifier wants it */
static AUTHORITY_KEYID *authority(const uint8_t ca[static P256_POINT])
{
	AUTHORITY_KEYID *a = AUTHORITY_KEYID_new();

	if (a)
		a->keyid = key_id(ca);
	if (a && !a->keyid) {
		AUTHORITY_KEYID_free(a);
		a = NULL;
	}
	return a;
}

static bool add_authority(X509 *x, const uint8_t ca[static P256_POINT])
{
	AUTHORITY_KEYID *a = authority(ca);
	bool ok = a && X509_add1_ext_i2d(x, NID_authority_key_identifier, a, 0, X509V3_ADD_DEFAULT) == 1;

	AUTHORITY_KEYID_free(a);
	return ok;
}

static enum err put_subject(X509 *x, const struct pki_subject *who)
{
	X509_NAME *name = X509_get_subject_name(x);
	enum err e = put_text(name, NID_commonName, who->name);

	if (!e && who->unit)
		e = put_text(name, NID_organizationalUnitName, who->unit);
	if (!e && who->serial)
		e = put_text(name, NID_serialNumber, who->serial);
	return e;
}

/* What all certificates have: version 3, number, key and its identifier, dates */
static enum err put_body(X509 *x, const uint8_t point[static P256_POINT], const uint8_t number[static 16],
			 uint64_t from, uint64_t until)
{
	EVP_PKEY *key = pki_key(point);
	enum err e = E_CRYPTO;

	if (key && X509_set_version(x, X509_VERSION_3) && put_number(X509_get_serialNumber(x), number, 16) &&
	    X509_set_pubkey(x, key) && add_key_id(x, point))
		e = put_time(X509_getm_notBefore(x), from);
	if (!e)
		e = put_time(X509_getm_notAfter(x), until);
	EVP_PKEY_free(key);
	return e;
}

static enum err sign_certificate(uint8_t *der, size_t *len, size_t size, X509 *x, const struct pki_signer *s)
{
	EVP_PKEY *moment = moment_key();
	const ASN1_BIT_STRING *sig;
	unsigned char *p = NULL;
	enum err e = E_CRYPTO;
	int n;

	if (!moment || !X509_sign(x, moment, EVP_sha256()))
		goto done;
	X509_get0_signature(&sig, NULL, x);
	n = i2d_re_X509_tbs(x, &p);
	e = sign(sig, p, n, s);
	if (e)
		goto done;
	p = NULL;
	n = i2d_X509(x, &p);
	e = publish(der, len, size, p, n);
done:
	EVP_PKEY_free(moment);
	return e;
}

enum err pki_ca(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT], const char *name,
		uint64_t utc, unsigned days, const struct pki_signer *s)
{
	const struct pki_subject who = { name, NULL, NULL };
	uint8_t digest[32];
	X509 *x = X509_new();
	enum err e = x ? p256_spki_digest(digest, point) : E_CRYPTO;

	if (!e)
		e = put_subject(x, &who);
	if (!e && !X509_set_issuer_name(x, X509_get_subject_name(x)))
		e = E_CRYPTO;
	if (!e)
		e = put_body(x, point, digest, utc, utc + UINT64_C(86400) * days);
	if (!e && (!add_constraints(x, true) || !add_usage(x, KEY_CERT_SIGN, CRL_SIGN)))
		e = E_CRYPTO;
	if (!e)
		e = sign_certificate(der, len, size, x, s);
	X509_free(x);
	return e;
}

enum err pki_issue(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT],
		   const struct pki_subject *who, const struct cert *ca, const uint8_t number[static 16], uint64_t utc,
		   unsigned days, bool agreement, const struct pki_signer *s)
{
	enum usage usage = agreement ? KEY_AGREEMENT : DIGITAL_SIGNATURE;
	uint64_t from = utc < PKI_CLOCK_SKEW ? 0 : utc - PKI_CLOCK_SKEW;
	X509 *x = X509_new();
	enum err e = x ? put_subject(x, who) : E_CRYPTO;

	if (!e)
		e = put_text(X509_get_issuer_name(x), NID_commonName, ca->name);
	if (!e)
		e = put_body(x, point, number, from, utc + UINT64_C(86400) * days);
	if (!e && (!add_authority(x, ca->point) || !add_constraints(x, false) || !add_usage(x, usage, usage)))
		e = E_CRYPTO;
	if (!e)
		e = sign_certificate(der, len, size, x, s);
	X509_free(x);
	return e;
}

/* --- Revocation lists -------------------------------------------------------------------------------------------- */

static enum err add_revoked(X509_CRL *x, const struct pki_revoked *r)
{
	X509_REVOKED *entry = X509_REVOKED_new();
	ASN1_INTEGER *number = ASN1_INTEGER_new();
	ASN1_TIME *at = ASN1_TIME_new();
	enum err e = entry && number && at ? put_time(at, r->utc) : E_CRYPTO;

	if (!e && (!put_number(number, r->number, sizeof r->number) || !X509_REVOKED_set_serialNumber(entry, number) ||
		   !X509_REVOKED_set_revocationDate(entry, at) || !X509_CRL_add0_revoked(x, entry)))
		e = E_CRYPTO;
	if (e)
		X509_REVOKED_free(entry);
	ASN1_INTEGER_free(number);
	ASN1_TIME_free(at);
	return e;
}

/* Its value is a UTF8String "epoch N", as in the OU of a KIF certificate. */
static const char epoch_head[] = "epoch ";

static bool add_epoch(X509_CRL *x, uint32_t epoch)
{
	uint8_t value[2 + sizeof epoch_head + 10];
	int n = snprintf((char *)value + 2, sizeof value - 2, "%s%u", epoch_head, (unsigned)epoch);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj(PKI_EPOCH_OID, 1);
	X509_EXTENSION *ext = NULL;
	bool ok;

	value[0] = V_ASN1_UTF8STRING;
	value[1] = (uint8_t)n;
	ok = oid && octets && ASN1_OCTET_STRING_set(octets, value, n + 2) &&
	     (ext = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, octets)) && X509_CRL_add_ext(x, ext, -1);
	X509_EXTENSION_free(ext);
	ASN1_OBJECT_free(oid);
	ASN1_OCTET_STRING_free(octets);
	return ok;
}

static bool add_crl_extensions(X509_CRL *x, uint64_t list_number, uint32_t epoch, const uint8_t ca[static P256_POINT])
{
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	AUTHORITY_KEYID *a = authority(ca);
	bool ok = n && a && ASN1_INTEGER_set_uint64(n, list_number) &&
		  X509_CRL_add1_ext_i2d(x, NID_crl_number, n, 0, X509V3_ADD_DEFAULT) == 1 &&
		  X509_CRL_add1_ext_i2d(x, NID_authority_key_identifier, a, 0, X509V3_ADD_DEFAULT) == 1 &&
		  (!epoch || add_epoch(x, epoch));

	ASN1_INTEGER_free(n);
	AUTHORITY_KEYID_free(a);
	return ok;
}

static enum err put_updates(X509_CRL *x, uint64_t utc, unsigned days)
{
	ASN1_TIME *t = ASN1_TIME_new();
	enum err e = t ? put_time(t, utc) : E_CRYPTO;

	if (!e && !X509_CRL_set1_lastUpdate(x, t))
		e = E_CRYPTO;
	if (!e)
		e = put_time(t, utc + UINT64_C(86400) * days);
	if (!e && !X509_CRL_set1_nextUpdate(x, t))
		e = E_CRYPTO;
	ASN1_TIME_free(t);
	return e;
}

enum err pki_crl(uint8_t *der, size_t *len, size_t size, const struct cert *ca, uint64_t list_number, uint32_t epoch,
		 const struct pki_revoked *revoked, size_t n, uint64_t utc, unsigned days, const struct pki_signer *s)
{
	X509_CRL *x = X509_CRL_new();
	EVP_PKEY *moment = moment_key();
	X509_NAME *by = X509_NAME_new();
	const ASN1_BIT_STRING *sig;
	unsigned char *p = NULL;
	enum err e = x && moment && by ? put_text(by, NID_commonName, ca->name) : E_CRYPTO;
	int l;

	if (!e && (!X509_CRL_set_version(x, X509_CRL_VERSION_2) || !X509_CRL_set_issuer_name(x, by)))
		e = E_CRYPTO;
	if (!e)
		e = put_updates(x, utc, days);
	for (size_t i = 0; !e && i < n; i++)
		e = add_revoked(x, &revoked[i]);
	if (e)
		goto done;
	e = E_CRYPTO;
	if (!X509_CRL_sort(x) || !add_crl_extensions(x, list_number, epoch, ca->point) ||
	    !X509_CRL_sign(x, moment, EVP_sha256()))
		goto done;
	X509_CRL_get0_signature(x, &sig, NULL);
	l = i2d_re_X509_CRL_tbs(x, &p);
	e = sign(sig, p, l, s);
	if (e)
		goto done;
	p = NULL;
	l = i2d_X509_CRL(x, &p);
	e = publish(der, len, size, p, l);
done:
	X509_CRL_free(x);
	X509_NAME_free(by);
	EVP_PKEY_free(moment);
	return e;
}

int pki_compare(const void *a, const void *b)
{
	return memcmp(a, b, 20);
}

enum err pki_list_current(const struct pki_list *l, uint64_t utc)
{
	bool begun = l->from <= utc || l->from - utc <= PKI_CLOCK_SKEW;

	return begun && utc <= l->until ? E_OK : E_EXPIRED;
}

bool pki_list_names(const struct pki_list *l, const uint8_t number[static 20])
{
	return l->n && bsearch(number, l->revoked, l->n, sizeof *l->revoked, pki_compare);
}

void pki_list_free(struct pki_list *l)
{
	free(l->revoked);
	memset(l, 0, sizeof *l);
}
