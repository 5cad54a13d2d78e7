/* Certificates are made here, at run time, by OpenSSL; both back ends have to read them alike. */
#include "crypto/cert.h"
#include "tests/lib/test.h"

#include <openssl/asn1.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FROM "20240101000000Z"
#define UNTIL "20340101000000Z"
#define NOON UINT64_C(1800000000) /* between them */
#define DER_MAX 2048

struct der {
	uint8_t b[DER_MAX];
	size_t len;
};

struct recipe {
	const char *serial, *unit, *name; /* subject */
	const char *second;               /* a second serialNumber */
	const char *issuer;               /* CN; NULL: the subject's */
	const char *from, *until;         /* NULL: FROM, UNTIL */
	const char *ext[4][2];            /* {short name, value} */
	EVP_PKEY *key, *signer;           /* signer NULL: key */
	const char *digest;               /* NULL: SHA256 */
	int serial_len;                   /* 0: up to its NUL */
	int serial_type;                  /* 0: UTF8String */
	bool v1;
};

static EVP_PKEY *ca_key, *other_key, *device_key;
static struct der ca, device;

static struct span span(const struct der *d)
{
	return (struct span){ d->b, d->len };
}

static void add_typed(X509_NAME *n, int nid, int type, const char *text, int len)
{
	if (text)
		ck_assert_int_eq(X509_NAME_add_entry_by_NID(n, nid, type ? type : V_ASN1_UTF8STRING,
							    (const unsigned char *)text, len ? len : (int)strlen(text),
							    -1, 0),
				 1);
}

static void add_text(X509_NAME *n, int nid, const char *text)
{
	add_typed(n, nid, 0, text, 0);
}

static struct der make(const struct recipe *r)
{
	X509 *x = X509_new();
	X509_NAME *subject = X509_NAME_new(), *issuer = X509_NAME_new();
	EVP_MD *md = EVP_MD_fetch(NULL, r->digest ? r->digest : "SHA256", NULL);
	struct der d = { .len = 0 };
	unsigned char *p = d.b;
	int len;

	ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
	X509_set_version(x, r->v1 ? X509_VERSION_1 : X509_VERSION_3);
	add_typed(subject, NID_serialNumber, r->serial_type, r->serial, r->serial_len);
	add_text(subject, NID_serialNumber, r->second);
	add_text(subject, NID_organizationalUnitName, r->unit);
	add_text(subject, NID_commonName, r->name);
	add_text(issuer, NID_commonName, r->issuer);
	X509_set_subject_name(x, subject);
	X509_set_issuer_name(x, r->issuer ? issuer : subject);
	ck_assert_int_eq(ASN1_TIME_set_string_X509(X509_getm_notBefore(x), r->from ? r->from : FROM), 1);
	ck_assert_int_eq(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), r->until ? r->until : UNTIL), 1);
	ck_assert_int_eq(X509_set_pubkey(x, r->key), 1);
	for (size_t i = 0; i < 4 && r->ext[i][0]; i++) {
		X509V3_CTX ctx;
		X509_EXTENSION *e;

		X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
		e = X509V3_EXT_conf(NULL, &ctx, r->ext[i][0], r->ext[i][1]);
		ck_assert_ptr_nonnull(e);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	ck_assert_int_gt(X509_sign(x, r->signer ? r->signer : r->key, md), 0);
	len = i2d_X509(x, NULL);
	ck_assert(len > 0 && len < DER_MAX);
	i2d_X509(x, &p);
	d.len = (size_t)len;
	X509_NAME_free(subject);
	X509_NAME_free(issuer);
	EVP_MD_free(md);
	X509_free(x);
	return d;
}

#define CA_EXT                                                                                                         \
	{                                                                                                              \
		{ "basicConstraints", "critical,CA:TRUE,pathlen:0" },                                                  \
		{                                                                                                      \
			"keyUsage", "critical,keyCertSign"                                                             \
		}                                                                                                      \
	}

static struct recipe good_ca(void)
{
	return (struct recipe){ .unit = "epoch 3", .name = "Device CA", .key = ca_key, .ext = CA_EXT };
}

static struct recipe good_device(void)
{
	return (struct recipe){ .serial = "SN-0001",
				.unit = "epoch 12",
				.name = "a terminal",
				.issuer = "Device CA",
				.key = device_key,
				.signer = ca_key };
}

static void setup(void)
{
	struct recipe c, d;

	ca_key = EVP_EC_gen("P-256");
	other_key = EVP_EC_gen("P-256");
	device_key = EVP_EC_gen("P-256");
	c = good_ca();
	c.unit = NULL;
	ca = make(&c);
	d = good_device();
	device = make(&d);
}

static enum err verify(struct cert *c, const struct der *d, uint64_t utc)
{
	return cert_verify(c, span(d), span(&ca), utc);
}

/* On an error nothing may be left. */
static void refused(const struct der *d, enum err want)
{
	static const struct cert none;
	struct cert c;

	memset(&c, 1, sizeof c);
	ck_assert_int_eq(verify(&c, d, NOON), want);
	ck_assert_mem_eq(&c, &none, sizeof c);
}

static void refused_anchor(const struct der *d, enum err want)
{
	static const struct cert none;
	struct cert c;

	memset(&c, 1, sizeof c);
	ck_assert_int_eq(cert_anchor(&c, span(d)), want);
	ck_assert_mem_eq(&c, &none, sizeof c);
}

static void has_key(const struct cert *c, EVP_PKEY *key)
{
	uint8_t point[P256_POINT + 1];
	size_t len;

	ck_assert_int_eq(EVP_PKEY_get_octet_string_param(key, "pub", point, sizeof point, &len), 1);
	ck_assert_uint_eq(len, P256_POINT);
	ck_assert_mem_eq(c->point, point, P256_POINT);
}

START_TEST(says_what_a_good_certificate_says)
{
	struct cert c;
	struct recipe r = good_ca();
	struct der d = make(&r);

	ck_assert_int_eq(verify(&c, &device, NOON), E_OK);
	ck_assert_str_eq(c.serial, "SN-0001");
	ck_assert_str_eq(c.unit, "epoch 12");
	ck_assert_str_eq(c.name, "a terminal");
	has_key(&c, device_key);
	ck_assert_int_eq(cert_anchor(&c, span(&d)), E_OK);
	ck_assert_str_eq(c.serial, "");
	ck_assert_str_eq(c.unit, "epoch 3");
	ck_assert_str_eq(c.name, "Device CA");
	has_key(&c, ca_key);
	r = good_device();
	r.serial = r.unit = NULL;
	d = make(&r);
	ck_assert_int_eq(verify(&c, &d, NOON), E_OK);
	ck_assert_str_eq(c.serial, "");
	ck_assert_str_eq(c.unit, "");
	r.v1 = true; /* as "openssl x509 -req" makes them without extensions */
	d = make(&r);
	ck_assert_int_eq(verify(&c, &d, NOON), E_OK);
}
END_TEST

START_TEST(counts_only_the_right_ca)
{
	struct recipe r = good_device();
	struct der d;
	struct cert c;

	r.signer = other_key; /* the right name, another key */
	d = make(&r);
	refused(&d, E_CERTIFICATE);
	r = good_device();
	r.issuer = "Device CB"; /* the right key, another name */
	d = make(&r);
	refused(&d, E_CERTIFICATE);
	r = good_device(); /* by a CA that only calls itself so */
	r.issuer = NULL;
	r.signer = NULL;
	d = make(&r);
	refused(&d, E_CERTIFICATE);
	ck_assert_int_eq(cert_verify(&c, span(&device), span(&device), NOON), E_CERTIFICATE);
	refused(&ca, E_CERTIFICATE); /* the CA is no end entity */
	r = good_device();
	r.ext[0][0] = "basicConstraints";
	r.ext[0][1] = "CA:TRUE";
	d = make(&r);
	refused(&d, E_CERTIFICATE);
}
END_TEST

START_TEST(an_anchor_is_a_self_signed_p256_ca_of_any_date)
{
	struct recipe r = good_ca();
	struct der d;
	struct cert c;

	r.from = "19710101000000Z";
	r.until = "19710102000000Z";
	d = make(&r);
	ck_assert_int_eq(cert_anchor(&c, span(&d)), E_OK);
	r.unit = NULL; /* and it verifies what is valid now */
	d = make(&r);
	ck_assert_int_eq(cert_verify(&c, span(&device), span(&d), NOON), E_OK);
	r = good_ca();
	r.signer = other_key;
	d = make(&r);
	refused_anchor(&d, E_CERTIFICATE);
	r = good_ca();
	r.issuer = "somebody else";
	d = make(&r);
	refused_anchor(&d, E_CERTIFICATE);
	r = good_ca();
	r.ext[0][1] = "critical,CA:FALSE";
	d = make(&r);
	refused_anchor(&d, E_CERTIFICATE);
	r.ext[0][0] = NULL;
	d = make(&r);
	refused_anchor(&d, E_CERTIFICATE);
}
END_TEST

START_TEST(only_p256_and_ecdsa_with_sha256)
{
	EVP_PKEY *p384 = EVP_EC_gen("P-384"), *rsa = EVP_RSA_gen(2048);
	EVP_PKEY *const wrong[] = { p384, rsa };
	struct cert c;

	for (size_t i = 0; i < 2; i++) {
		struct recipe r = good_device();
		struct der d;

		r.key = wrong[i];
		d = make(&r);
		refused(&d, E_CERTIFICATE);
		r = good_device();
		r.signer = wrong[i];
		d = make(&r);
		refused(&d, E_CERTIFICATE);
		r = good_ca();
		r.key = wrong[i];
		r.unit = NULL;
		d = make(&r);
		refused_anchor(&d, E_CERTIFICATE);
		ck_assert_int_eq(cert_verify(&c, span(&device), span(&d), NOON), E_CERTIFICATE);
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const digest[] = { "SHA1", "SHA384", "SHA512" };
		struct recipe r = good_device();
		struct der d;

		r.digest = digest[i];
		d = make(&r);
		refused(&d, E_CERTIFICATE);
	}
	EVP_PKEY_free(p384);
	EVP_PKEY_free(rsa);
}
END_TEST

START_TEST(is_valid_from_its_first_to_its_last_second)
{
	static const char *const dates[] = { "19700101000000Z", "19700301000000Z", "19991231235959Z", "20000229120000Z",
					     "20000301000001Z", "20240228235959Z", "20240229000000Z", "20241231235959Z",
					     "20491231235959Z", "20500101000000Z", "21000228235959Z", "21000301000000Z",
					     "24000229000000Z", "99981231235959Z", "99991231235959Z" };
	const size_t n = sizeof dates / sizeof dates[0];

	for (size_t i = 0; i + 1 < n; i++) {
		struct recipe r = good_device();
		struct tm a = { .tm_year = 0 }, b = a;
		uint64_t from, until;
		struct der d;
		struct cert c;

		r.from = dates[i];
		r.until = dates[i + 1];
		d = make(&r);
		ck_assert_ptr_nonnull(strptime(r.from, "%Y%m%d%H%M%SZ", &a));
		ck_assert_ptr_nonnull(strptime(r.until, "%Y%m%d%H%M%SZ", &b));
		from = (uint64_t)timegm(&a);
		until = (uint64_t)timegm(&b);
		ck_assert_int_eq(verify(&c, &d, from), E_OK);
		ck_assert_int_eq(verify(&c, &d, until), E_OK);
		ck_assert_int_eq(verify(&c, &d, until + 1), E_EXPIRED);
		ck_assert_int_eq(verify(&c, &d, UINT64_MAX), E_EXPIRED);
		if (from)
			ck_assert_int_eq(verify(&c, &d, from - 1), E_EXPIRED);
	}
}
END_TEST

START_TEST(dates_of_no_calendar_are_refused)
{
	static const char *const bad[] = { "991301000000Z", "990001000000Z", "990100000000Z", "990132000000Z",
					   "990229000000Z", "990101240000Z", "990101006000Z", "990101000060Z",
					   "99010100000aZ", "9901010000000", "690101000000Z" };
	struct recipe r = good_device();
	size_t at;
	struct der d;

	r.from = "990101000000Z"; /* a UTCTime */
	d = make(&r);
	for (at = 0; memcmp(d.b + at, "990101000000Z", 13); at++)
		ck_assert_uint_lt(at, d.len);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		memcpy(d.b + at, bad[i], 13);
		refused(&d, i == 10 ? E_CERTIFICATE : E_FORMAT); /* the last one is a date, but before 1970 */
	}
}
END_TEST

static const struct {
	const char *name, *value;
	enum err want;
} extensions[] = {
	{ "extendedKeyUsage", "critical,clientAuth", E_CERTIFICATE },
	{ "extendedKeyUsage", "clientAuth", E_OK },
	{ "keyUsage", "critical,digitalSignature", E_OK },
	{ "keyUsage", "digitalSignature", E_OK },
	{ "basicConstraints", "critical,CA:FALSE", E_OK },
	{ "subjectKeyIdentifier", "hash", E_OK },
	{ "subjectKeyIdentifier", "critical,hash", E_CERTIFICATE },
	{ "subjectAltName", "DNS:terminal.example", E_OK },
	{ "subjectAltName", "critical,DNS:terminal.example", E_CERTIFICATE },
	{ "2.5.29.32", "critical,DER:3007300506032A0304", E_CERTIFICATE }, /* certificatePolicies */
	{ "nameConstraints", "critical,permitted;DNS:example", E_CERTIFICATE },
	{ "crlDistributionPoints", "critical,URI:http://example/", E_CERTIFICATE },
	{ "1.2.3.4.5", "ASN1:NULL", E_OK },
	{ "1.2.3.4.5", "critical,ASN1:NULL", E_CERTIFICATE },
};

START_TEST(refuses_critical_extensions_that_it_does_not_obey)
{
	struct recipe r = good_device();
	struct der d;
	struct cert c;

	r.ext[0][0] = extensions[_i].name;
	r.ext[0][1] = extensions[_i].value;
	d = make(&r);
	ck_assert_msg(verify(&c, &d, NOON) == extensions[_i].want, "%s = %s", r.ext[0][0], r.ext[0][1]);
	r.ext[1][0] = "keyUsage"; /* nor behind another one */
	r.ext[1][1] = "critical,keyAgreement";
	if (strcmp(r.ext[0][0], "keyUsage")) {
		memcpy(r.ext[2], r.ext[0], sizeof r.ext[2]);
		memcpy(r.ext[0], r.ext[1], sizeof r.ext[0]);
		memcpy(r.ext[1], r.ext[2], sizeof r.ext[1]);
		r.ext[2][0] = NULL;
		d = make(&r);
		ck_assert_int_eq(verify(&c, &d, NOON), extensions[_i].want);
	}
}
END_TEST

START_TEST(texts_fit_or_the_certificate_is_refused)
{
	char text[CERT_TEXT + 1];
	struct cert c;

	for (int len = 1; len <= CERT_TEXT; len++) {
		struct recipe r = good_device();
		struct der d;

		memset(text, 'x', sizeof text);
		text[len] = 0;
		r.serial = r.unit = r.name = text;
		d = make(&r);
		if (len < CERT_TEXT) {
			ck_assert_int_eq(verify(&c, &d, NOON), E_OK);
			ck_assert_str_eq(c.serial, text);
			ck_assert_str_eq(c.unit, text);
			ck_assert_str_eq(c.name, text);
		} else {
			refused(&d, E_CERTIFICATE);
		}
	}
	for (int code = 0; code < 128; code++) {
		struct recipe r = good_device();
		struct der d;

		memcpy(text, "SN-?001", 8);
		text[3] = (char)code;
		r.serial = text;
		r.serial_len = 7;
		d = make(&r);
		if (code < ' ' || code == 0x7f) {
			refused(&d, E_CERTIFICATE);
		} else {
			ck_assert_int_eq(verify(&c, &d, NOON), E_OK);
			ck_assert_str_eq(c.serial, text);
		}
	}
}
END_TEST

START_TEST(a_text_is_ascii_in_a_utf8_or_printable_string)
{
	static const struct {
		int type;
		const char *text;
		enum err want;
	} rows[] = {
		{ V_ASN1_UTF8STRING, "SN-1", E_OK },
		{ V_ASN1_PRINTABLESTRING, "SN-1", E_OK },
		{ V_ASN1_IA5STRING, "SN-1", E_CERTIFICATE },
		{ V_ASN1_T61STRING, "SN-1", E_CERTIFICATE },
		{ V_ASN1_BMPSTRING, "SN-1", E_CERTIFICATE },
		{ V_ASN1_UTF8STRING, "SN-\xc3\xbc", E_CERTIFICATE },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct recipe r = good_device();
		struct cert c;
		struct der d;

		r.serial = rows[i].text;
		r.serial_type = rows[i].type;
		d = make(&r);
		ck_assert_msg(verify(&c, &d, NOON) == rows[i].want, "row %zu", i);
	}
}
END_TEST

START_TEST(under_a_known_key_only_what_that_key_signed_counts)
{
	struct recipe r = good_device();
	struct cert c, of_ca, of_device;
	static const struct cert none;
	struct der d;

	ck_assert_int_eq(cert_anchor(&of_ca, span(&ca)), E_OK);
	ck_assert_int_eq(cert_signed_by(&of_device, span(&device), of_ca.point), E_OK);
	ck_assert_str_eq(of_device.serial, "SN-0001");
	has_key(&of_device, device_key);
	/* by another key; by its own; a CA; hurt */
	r.signer = other_key;
	d = make(&r);
	ck_assert_int_eq(cert_signed_by(&c, span(&d), of_ca.point), E_CERTIFICATE);
	ck_assert_int_eq(cert_signed_by(&c, span(&device), of_device.point), E_CERTIFICATE);
	ck_assert_int_eq(cert_signed_by(&c, span(&ca), of_ca.point), E_CERTIFICATE);
	d = device;
	d.len--;
	ck_assert_int_eq(cert_signed_by(&c, span(&d), of_ca.point), E_FORMAT);
	ck_assert_mem_eq(&c, &none, sizeof c);
}
END_TEST

START_TEST(the_first_of_several_texts_counts)
{
	struct recipe r = good_device();
	struct der d;
	struct cert c;

	r.serial = "first";
	r.second = "second";
	d = make(&r);
	ck_assert_int_eq(verify(&c, &d, NOON), E_OK);
	ck_assert_str_eq(c.serial, "first");
}
END_TEST

START_TEST(every_truncation_and_every_byte_more_is_a_format_error)
{
	struct der long_one = device;
	struct cert c;

	for (size_t len = 0; len < device.len; len++) {
		uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees one byte too far */

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, device.b, len);
		ck_assert_int_eq(cert_verify(&c, (struct span){ exact, len }, span(&ca), NOON), E_FORMAT);
		ck_assert_int_eq(cert_anchor(&c, (struct span){ exact, len }), E_FORMAT);
		if (len < ca.len) {
			memcpy(exact, ca.b, len);
			ck_assert_int_eq(cert_verify(&c, span(&device), (struct span){ exact, len }, NOON), E_FORMAT);
		}
		free(exact);
	}
	for (size_t more = 1; more < 4; more++) {
		long_one.len = device.len + more;
		refused(&long_one, E_FORMAT);
	}
	long_one.len = CERT_MAX + 1;
	refused(&long_one, E_FORMAT);
}
END_TEST

START_TEST(every_flipped_bit_is_refused)
{
	struct der d = _i ? device : ca;
	struct cert c;

	for (size_t bit = 0; bit < 8 * d.len; bit++) {
		enum err e;

		d.b[bit / 8] = (uint8_t)(d.b[bit / 8] ^ 1u << bit % 8);
		e = _i ? verify(&c, &d, NOON) : cert_anchor(&c, span(&d));
		ck_assert_msg(e == E_FORMAT || e == E_CERTIFICATE || e == E_EXPIRED, "bit %zu: %s", bit, err_name(e));
		d.b[bit / 8] = (uint8_t)(d.b[bit / 8] ^ 1u << bit % 8);
	}
	/* the loop can tell: the same bytes pass, and so does another text that is signed again */
	ck_assert_int_eq(_i ? verify(&c, &d, NOON) : cert_anchor(&c, span(&d)), E_OK);
}
END_TEST

START_TEST(a_changed_text_passes_only_when_it_is_signed_again)
{
	struct recipe r = good_device();
	struct der d = device;
	struct cert c;
	size_t at;

	for (at = 0; memcmp(d.b + at, "SN-0001", 7); at++)
		ck_assert_uint_lt(at, d.len);
	d.b[at + 6] = '2';
	refused(&d, E_CERTIFICATE);
	r.serial = "SN-0002";
	d = make(&r);
	ck_assert_int_eq(verify(&c, &d, NOON), E_OK);
	ck_assert_str_eq(c.serial, "SN-0002");
}
END_TEST

START_TEST(lengths_have_one_form)
{
	/* the serial number's INTEGER 02 02 12 67 with its length as 81 02: BER, not DER */
	struct der d = { .len = device.len + 1 };
	size_t at = device.b[5] == 0x81 ? 12 : 13;

	ck_assert_mem_eq(device.b + at, "\x02\x02\x12\x67", 4);
	memcpy(d.b, device.b, at + 1);
	d.b[at + 1] = 0x81;
	memcpy(d.b + at + 2, device.b + at + 1, device.len - at - 1);
	put_be16(d.b + 2, (unsigned)get_be16(device.b + 2) + 1);
	if (device.b[5] == 0x81)
		d.b[6] = (uint8_t)(d.b[6] + 1);
	else
		put_be16(d.b + 6, (unsigned)get_be16(device.b + 6) + 1);
	refused(&d, E_FORMAT);
}
END_TEST

/* The device's certificate with bytes put in; the lengths at the given places grow, and the outermost one. */
static struct der with(size_t at, const char *bytes, size_t n, const size_t *lengths, size_t count)
{
	struct der d = { .len = device.len + n };

	memcpy(d.b, device.b, at);
	if (n)
		memcpy(d.b + at, bytes, n);
	memcpy(d.b + at + n, device.b + at, device.len - at);
	for (size_t i = 0; i < count; i++)
		d.b[lengths[i]] = (uint8_t)(d.b[lengths[i]] + n);
	put_be16(d.b + 2, (unsigned)(get_be16(device.b + 2) + n));
	return d;
}

/* What the signature does not cover could be changed by anybody, were it not held to one form. */
START_TEST(the_unsigned_part_has_one_form)
{
	size_t tbs = (device.b[5] == 0x81 ? 7 : 8), alg, sig, r, s;
	struct der d;

	alg = tbs + (tbs == 7 ? device.b[6] : get_be16(device.b + 6));
	sig = alg + 12;
	r = sig + 5;
	s = r + 2 + device.b[r + 1];
	ck_assert_mem_eq(device.b + alg, "\x30\x0a\x06\x08", 4);
	ck_assert_uint_eq(device.b[sig], 3);
	ck_assert_uint_eq(device.b[sig + 3], 0x30);
	ck_assert_uint_eq(device.b[r], 2);
	ck_assert_uint_eq(device.b[s], 2);
	d = with(sig, "\x05\x00", 2, (size_t[]){ alg + 1 }, 1); /* parameters that are NULL */
	refused(&d, E_CERTIFICATE);
	d = with(r + 2, "\x00", 1, (size_t[]){ sig + 1, sig + 4, r + 1 }, 3);
	refused(&d, E_FORMAT);
	d = with(s + 2, "\x00", 1, (size_t[]){ sig + 1, sig + 4, s + 1 }, 3);
	refused(&d, E_FORMAT);
	d = with(device.len, "\x05\x00", 2, (size_t[]){ sig + 1, sig + 4 }, 2); /* more behind s */
	refused(&d, E_FORMAT);
	d = with(device.len, "\x05\x00", 2, (size_t[]){ sig + 1 }, 1);
	refused(&d, E_FORMAT);
	d = with(device.len, "\x05\x00", 2, NULL, 0);
	refused(&d, E_FORMAT);
	d = device;
	d.b[sig + 2] = 1; /* an unused bit */
	refused(&d, E_FORMAT);
	d = with(device.len, NULL, 0, NULL, 0);
	ck_assert_mem_eq(d.b, device.b, device.len);
}
END_TEST

START_TEST(an_epoch_is_a_plain_number_from_1_to_2_to_the_31_minus_1)
{
	static const struct {
		const char *unit;
		uint32_t epoch;
	} row[] = {
		{ "epoch 1", 1 },
		{ "epoch 42", 42 },
		{ "epoch 2147483647", 2147483647 },
		{ "epoch 2147483648", 0 },
		{ "epoch 99999999999", 0 },
		{ "epoch 0", 0 },
		{ "epoch 01", 0 },
		{ "epoch -1", 0 },
		{ "epoch +1", 0 },
		{ "epoch  1", 0 },
		{ "epoch 1 ", 0 },
		{ "epoch 1x", 0 },
		{ "epoch", 0 },
		{ "epoch ", 0 },
		{ "", 0 },
		{ "Epoch 1", 0 },
		{ "1", 0 },
		{ "epoch 4294967297", 0 },
	};

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct cert c = { .serial = "" };
		uint32_t epoch = 7;

		strcpy(c.unit, row[i].unit);
		ck_assert_int_eq(cert_epoch(&epoch, &c), row[i].epoch ? E_OK : E_CERTIFICATE);
		ck_assert_uint_eq(epoch, row[i].epoch ? row[i].epoch : 7);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cert");
	TCase *t = tcase_create("cert");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, says_what_a_good_certificate_says);
	tcase_add_test(t, counts_only_the_right_ca);
	tcase_add_test(t, an_anchor_is_a_self_signed_p256_ca_of_any_date);
	tcase_add_test(t, only_p256_and_ecdsa_with_sha256);
	tcase_add_test(t, is_valid_from_its_first_to_its_last_second);
	tcase_add_test(t, dates_of_no_calendar_are_refused);
	tcase_add_loop_test(t, refuses_critical_extensions_that_it_does_not_obey, 0,
			    sizeof extensions / sizeof extensions[0]);
	tcase_add_test(t, texts_fit_or_the_certificate_is_refused);
	tcase_add_test(t, a_text_is_ascii_in_a_utf8_or_printable_string);
	tcase_add_test(t, under_a_known_key_only_what_that_key_signed_counts);
	tcase_add_test(t, the_first_of_several_texts_counts);
	tcase_add_test(t, every_truncation_and_every_byte_more_is_a_format_error);
	tcase_add_loop_test(t, every_flipped_bit_is_refused, 0, 2);
	tcase_add_test(t, a_changed_text_passes_only_when_it_is_signed_again);
	tcase_add_test(t, lengths_have_one_form);
	tcase_add_test(t, the_unsigned_part_has_one_form);
	tcase_add_test(t, an_epoch_is_a_plain_number_from_1_to_2_to_the_31_minus_1);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
