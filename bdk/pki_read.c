#include "bdk/pki_read.h"
#include "crypto/sha256.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
		if (pki_good_text(text)) {
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
	key = pki_key(at);
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

/* --- Revocation lists -------------------------------------------------------------------------------------------- */

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
	ASN1_OBJECT *oid = OBJ_txt2obj(PKI_EPOCH_OID, 1);
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
	qsort(l->revoked, l->n, sizeof *l->revoked, pki_compare);
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
	key = pki_key(c.point);
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
