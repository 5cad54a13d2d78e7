#include "bdk/pki.h"
#include "crypto/sha256.h"

#include <openssl/ecdsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CLOCK_SKEW 3600                 /* rooms' clocks may differ by an hour */
#define KEY_ID 20                       /* bytes of a key identifier: the head of the SPKI's SHA-256 (RFC 7093 2) */
#define LAST_UTC UINT64_C(253402300799) /* 9999-12-31 23:59:59: X.509 has no later date */

/* --- Small parts ------------------------------------------------------------------------------------------------- */

static EVP_PKEY *key_of(const uint8_t point[static P256_POINT])
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

/* What cert_verify() takes as a text: not empty, short, no control characters */
static bool good_text(const char *text)
{
	size_t n = strlen(text);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return n && n < CERT_TEXT;
}

static enum err put_text(X509_NAME *name, int nid, const char *text)
{
	if (!good_text(text) ||
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

/* One whole structure, nothing after it. NULL if it is not that. */
#define PARSE(type)                                                                                                    \
	static type *parse_##type(struct span der, size_t max)                                                         \
	{                                                                                                              \
		const unsigned char *p = der.p;                                                                        \
		type *x = der.len && der.len <= max ? d2i_##type(NULL, &p, (long)der.len) : NULL;                      \
                                                                                                                       \
		if (x && p != der.p + der.len) {                                                                       \
			type##_free(x);                                                                                \
			x = NULL;                                                                                      \
		}                                                                                                      \
		return x;                                                                                              \
	}
PARSE(X509)
PARSE(X509_REQ)
PARSE(X509_CRL)

/* The CA's certificate, known to sign itself. E_OK, E_FORMAT, E_CERTIFICATE, E_CRYPTO */
static enum err parse_ca(X509 **x, struct cert *c, struct span der)
{
	enum err e = cert_anchor(c, der);

	if (e)
		return e;
	*x = parse_X509(der, PKI_MAX);
	return *x ? E_OK : E_FORMAT;
}

/* --- Requests ---------------------------------------------------------------------------------------------------- */

enum err pki_request(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT], const char *name,
		     const struct pki_signer *s)
{
	X509_REQ *x = X509_REQ_new();
	EVP_PKEY *key = key_of(point), *moment = moment_key();
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

/* The one CN of a request, as a good text */
static enum err read_name(char name[static CERT_TEXT], const X509_NAME *subject)
{
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1), n;
	unsigned char *utf8 = NULL;
	char text[CERT_TEXT] = "";
	enum err e = E_FORMAT;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, at) >= 0)
		return e;
	n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
	if (n > 0 && n < CERT_TEXT && !memchr(utf8, 0, (size_t)n)) {
		memcpy(text, utf8, (size_t)n);
		if (good_text(text)) {
			memcpy(name, text, sizeof text);
			e = E_OK;
		}
	}
	OPENSSL_free(utf8);
	return e;
}

enum err pki_request_read(uint8_t point[static P256_POINT], char name[static CERT_TEXT], struct span der)
{
	X509_REQ *x = parse_X509_REQ(der, PKI_MAX);
	uint8_t spki[P256_SPKI], at[P256_POINT];
	unsigned char *p = NULL;
	char text[CERT_TEXT];
	EVP_PKEY *key = NULL;
	enum err e = E_FORMAT;
	int n;

	if (!x)
		goto done;
	/* the key as this project writes it, and no other way: P-256, a whole point */
	n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(x), &p);
	if (n != P256_SPKI)
		goto done;
	memcpy(at, p + P256_SPKI - P256_POINT, sizeof at);
	p256_spki(spki, at);
	if (memcmp(spki, p, sizeof spki) || p256_check(at) || read_name(text, X509_REQ_get_subject_name(x)))
		goto done;
	e = E_SIGNATURE;
	key = key_of(at);
	if (!key || X509_REQ_get_signature_nid(x) != NID_ecdsa_with_SHA256 || X509_REQ_verify(x, key) != 1)
		goto done;
	memcpy(point, at, sizeof at);
	memcpy(name, text, sizeof text);
	e = E_OK;
done:
	OPENSSL_free(p);
	EVP_PKEY_free(key);
	X509_REQ_free(x);
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
	EVP_PKEY *key = key_of(point);
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
		   const struct pki_subject *who, struct span ca, const uint8_t number[static 16], uint64_t utc,
		   unsigned days, bool agreement, const struct pki_signer *s)
{
	enum usage usage = agreement ? KEY_AGREEMENT : DIGITAL_SIGNATURE;
	uint64_t from = utc < CLOCK_SKEW ? 0 : utc - CLOCK_SKEW;
	X509 *x = X509_new(), *by = NULL;
	struct cert c;
	enum err e = x ? parse_ca(&by, &c, ca) : E_CRYPTO;

	if (!e)
		e = put_subject(x, who);
	if (!e && !X509_set_issuer_name(x, X509_get_subject_name(by)))
		e = E_CRYPTO;
	if (!e)
		e = put_body(x, point, number, from, utc + UINT64_C(86400) * days);
	if (!e && (!add_authority(x, c.point) || !add_constraints(x, false) || !add_usage(x, usage, usage)))
		e = E_CRYPTO;
	if (!e)
		e = sign_certificate(der, len, size, x, s);
	X509_free(x);
	X509_free(by);
	return e;
}

/* The number of a certificate, left-padded. False: longer than any */
static bool get_number(uint8_t number[static 20], const ASN1_INTEGER *n)
{
	size_t len = n ? (size_t)ASN1_STRING_length(n) : 0;

	if (!n || ASN1_STRING_type(n) != V_ASN1_INTEGER || len > 20)
		return false;
	memset(number, 0, 20);
	memcpy(number + 20 - len, ASN1_STRING_get0_data(n), len);
	return true;
}

enum err pki_number(uint8_t number[static 20], struct span der)
{
	X509 *x = parse_X509(der, PKI_MAX);
	enum err e = x && get_number(number, X509_get0_serialNumber(x)) ? E_OK : E_FORMAT;

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
static const char epoch_oid[] = "2.25.3367411078260422156963744493430285549", epoch_head[] = "epoch ";

static bool add_epoch(X509_CRL *x, uint32_t epoch)
{
	uint8_t value[2 + sizeof epoch_head + 10];
	int n = snprintf((char *)value + 2, sizeof value - 2, "%s%u", epoch_head, (unsigned)epoch);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	ASN1_OBJECT *oid = OBJ_txt2obj(epoch_oid, 1);
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

enum err pki_crl(uint8_t *der, size_t *len, size_t size, struct span ca, uint64_t list_number, uint32_t epoch,
		 const struct pki_revoked *revoked, size_t n, uint64_t utc, unsigned days, const struct pki_signer *s)
{
	X509_CRL *x = X509_CRL_new();
	EVP_PKEY *moment = moment_key();
	X509 *by = NULL;
	const ASN1_BIT_STRING *sig;
	unsigned char *p = NULL;
	struct cert c;
	enum err e = x && moment ? parse_ca(&by, &c, ca) : E_CRYPTO;
	int l;

	if (!e &&
	    (!X509_CRL_set_version(x, X509_CRL_VERSION_2) || !X509_CRL_set_issuer_name(x, X509_get_subject_name(by))))
		e = E_CRYPTO;
	if (!e)
		e = put_updates(x, utc, days);
	for (size_t i = 0; !e && i < n; i++)
		e = add_revoked(x, &revoked[i]);
	if (e)
		goto done;
	e = E_CRYPTO;
	if (!X509_CRL_sort(x) || !add_crl_extensions(x, list_number, epoch, c.point) ||
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
	X509_free(by);
	EVP_PKEY_free(moment);
	return e;
}

/* A critical extension of a list or of an entry changes what it means (a part of a list, another issuer's entry): there
 * is none in ours. */
static bool critical(X509_CRL *x)
{
	STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(x);

	for (int i = 0; i < X509_CRL_get_ext_count(x); i++)
		if (X509_EXTENSION_get_critical(X509_CRL_get_ext(x, i)))
			return true;
	for (int i = 0; i < sk_X509_REVOKED_num(list); i++) {
		X509_REVOKED *r = sk_X509_REVOKED_value(list, i);

		for (int j = 0; j < X509_REVOKED_get_ext_count(r); j++)
			if (X509_EXTENSION_get_critical(X509_REVOKED_get_ext(r, j)))
				return true;
	}
	return false;
}

static bool get_time(uint64_t *utc, const ASN1_TIME *t)
{
	struct tm tm;
	time_t at = -1;

	if (t && ASN1_TIME_to_tm(t, &tm))
		at = timegm(&tm);
	*utc = at < 0 ? 0 : (uint64_t)at;
	return at >= 0;
}

/* The epoch of our own extension, 0 where there is none. False: it says something else */
static bool get_epoch(uint32_t *epoch, const X509_CRL *x)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(epoch_oid, 1);
	int at = oid ? X509_CRL_get_ext_by_OBJ(x, oid, -1) : -1;
	const ASN1_OCTET_STRING *o = at < 0 ? NULL : X509_EXTENSION_get_data(X509_CRL_get_ext(x, at));
	struct cert c = { .unit = "" };
	bool ok = oid;

	*epoch = 0;
	if (ok && o) {
		const unsigned char *p = ASN1_STRING_get0_data(o);
		size_t n = (size_t)ASN1_STRING_length(o);

		ok = n > 2 && n - 2 < sizeof c.unit && p[0] == V_ASN1_UTF8STRING && p[1] == n - 2;
		if (ok)
			memcpy(c.unit, p + 2, n - 2);
		ok = ok && !cert_epoch(epoch, &c);
	}
	ASN1_OBJECT_free(oid);
	return ok;
}

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 20);
}

/* All the numbers on it, sorted. E_OK, E_FORMAT, E_INTERNAL */
static enum err get_revoked(struct pki_list *l, X509_CRL *x)
{
	STACK_OF(X509_REVOKED) *list = X509_CRL_get_REVOKED(x);
	int n = sk_X509_REVOKED_num(list); /* -1: it is not even there */

	l->n = n > 0 ? (size_t)n : 0;
	l->revoked = malloc((l->n + 1) * sizeof *l->revoked);
	if (!l->revoked)
		return E_INTERNAL;
	for (int i = 0; i < n; i++)
		if (!get_number(l->revoked[i], X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(list, i))))
			return E_FORMAT;
	qsort(l->revoked, l->n, sizeof *l->revoked, compare);
	return E_OK;
}

enum err pki_list_read(struct pki_list *l, struct span der, struct span ca)
{
	X509_CRL *x = parse_X509_CRL(der, PKI_CRL_MAX);
	struct pki_list out = { 0 };
	ASN1_INTEGER *number = NULL;
	EVP_PKEY *key = NULL;
	X509 *by = NULL;
	struct cert c;
	enum err e = x ? parse_ca(&by, &c, ca) : E_FORMAT;

	if (e)
		goto done;
	e = E_CERTIFICATE;
	key = key_of(c.point);
	if (X509_NAME_cmp(X509_CRL_get_issuer(x), X509_get_subject_name(by)) || critical(x) ||
	    X509_CRL_get_signature_nid(x) != NID_ecdsa_with_SHA256 || !key || X509_CRL_verify(x, key) != 1)
		goto done;
	number = X509_CRL_get_ext_d2i(x, NID_crl_number, NULL, NULL);
	if (!number || !ASN1_INTEGER_get_uint64(&out.number, number) || !get_epoch(&out.epoch, x) ||
	    !get_time(&out.from, X509_CRL_get0_lastUpdate(x)) || !get_time(&out.until, X509_CRL_get0_nextUpdate(x)))
		goto done;
	e = get_revoked(&out, x);
	if (!e)
		e = sha256(out.digest, &der, 1);
	if (!e) {
		*l = out;
		out.revoked = NULL;
	}
done:
	free(out.revoked);
	ASN1_INTEGER_free(number);
	EVP_PKEY_free(key);
	X509_free(by);
	X509_CRL_free(x);
	return e;
}

enum err pki_list_current(const struct pki_list *l, uint64_t utc)
{
	bool begun = l->from <= utc || l->from - utc <= CLOCK_SKEW;

	return begun && utc <= l->until ? E_OK : E_EXPIRED;
}

bool pki_list_names(const struct pki_list *l, const uint8_t number[static 20])
{
	return l->n && bsearch(number, l->revoked, l->n, sizeof *l->revoked, compare);
}

void pki_list_free(struct pki_list *l)
{
	free(l->revoked);
	memset(l, 0, sizeof *l);
}
