/*
 * The certificate profile, read strictly and once for both back ends: DER alone, P-256 and ecdsa-with-SHA256 alone, and
 * no critical extension that this project does not obey. General X.509 code differs here from library to library (one
 * ignores critical key identifiers, another takes BER), and costs a terminal 10 kB of code and half its stack; see
 * doc/adr/0005-x509-is-read-once.md.
 */
#include "base/wipe.h"
#include "crypto/cert.h"
#include "crypto/sha256.h"

#include <stdbool.h>

#include <string.h>

/* clang-format off */
enum {
	BOOLEAN = 0x01, INTEGER = 0x02, BIT_STRING = 0x03, OCTET_STRING = 0x04, OID = 0x06, UTC_TIME = 0x17,
	GENERALIZED_TIME = 0x18, SEQUENCE = 0x30, SET = 0x31, VERSION = 0xa0, EXTENSIONS = 0xa3,
	UTF8_STRING = 0x0c, PRINTABLE_STRING = 0x13
};
/* clang-format on */

/* What has been read of a certificate; the spans point into it. */
struct x509 {
	struct span signed_part;     /* tbsCertificate, whole */
	struct span issuer, subject; /* names, as DER */
	uint64_t from, until;        /* its dates, seconds since 1970 */
	uint8_t point[P256_POINT];   /* on the curve */
	uint8_t sig[P256_SIG];
	bool ca; /* basicConstraints says so */
};

/*
 * The next element, whose tag has to be tag: all of it is returned, *in reads its contents. The reader's error sticks,
 * so only the last one is asked for it; a nested reader inherits it and gives it back in leave().
 */
static struct span enter(struct rd *in, struct rd *r, uint8_t tag)
{
	struct span all = { r->p, 0 }, body;
	size_t len;

	if (rd_u8(r) != tag && !r->e)
		r->e = E_FORMAT;
	len = rd_u8(r);
	if (len == 0x81) {
		len = rd_u8(r);
		if (len < 0x80 && !r->e)
			r->e = E_FORMAT;
	} else if (len == 0x82) {
		len = rd_u16(r);
		if (len < 0x100 && !r->e)
			r->e = E_FORMAT;
	} else if (len >= 0x80 && !r->e) {
		r->e = E_FORMAT;
	}
	body = rd_span(r, len);
	rd_init(in, body.p, body.len);
	in->e = r->e;
	if (!r->e)
		all.len = (size_t)(r->p - all.p);
	return all;
}

static void leave(struct rd *r, const struct rd *in)
{
	if (!r->e)
		r->e = rd_end(in);
}

static struct span skip(struct rd *r, uint8_t tag)
{
	struct rd in;

	return enter(&in, r, tag);
}

static bool next_is(const struct rd *r, uint8_t tag)
{
	return !r->e && r->left && *r->p == tag;
}

static bool same(struct span a, struct span b)
{
	return a.len == b.len && a.len && !memcmp(a.p, b.p, a.len);
}

static void refuse(struct rd *r)
{
	if (!r->e)
		r->e = E_CERTIFICATE;
}

static unsigned two_digits(struct rd *r)
{
	unsigned h = rd_u8(r) - (unsigned)'0', l = rd_u8(r) - (unsigned)'0';

	if ((h > 9 || l > 9) && !r->e)
		r->e = E_FORMAT;
	return 10 * h + l;
}

/* YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ, as RFC 5280 4.1.2.5 allows and no other */
static uint64_t read_time(struct rd *r)
{
	static const uint8_t month_days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned year, month, day, hour, minute, second;
	uint64_t days;
	bool leap;
	struct rd t;

	if (next_is(r, GENERALIZED_TIME)) {
		enter(&t, r, GENERALIZED_TIME);
		year = 100 * two_digits(&t);
		year += two_digits(&t);
	} else {
		enter(&t, r, UTC_TIME);
		year = two_digits(&t);
		year += year < 50 ? 2000 : 1900;
	}
	month = two_digits(&t);
	day = two_digits(&t);
	hour = two_digits(&t);
	minute = two_digits(&t);
	second = two_digits(&t);
	if (rd_u8(&t) != 'Z' && !t.e)
		t.e = E_FORMAT;
	leave(r, &t);
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (!r->e && (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59 ||
		      day > month_days[month - 1] + (month == 2 && leap ? 1u : 0u)))
		r->e = E_FORMAT;
	if (year < 1970)
		refuse(r); /* time is counted from there */
	if (r->e)
		return 0;
	days = 365 * (year - 1970) + (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400 + day - 1;
	for (unsigned m = 0; m + 1 < month; m++)
		days += month_days[m];
	if (leap && month > 2)
		days++;
	return 86400 * days + 3600 * hour + 60 * minute + second;
}

/* SEQUENCE OF { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING } */
static void read_extensions(struct x509 *x, struct rd *r)
{
	static const uint8_t basic_constraints[] = { OID, 3, 0x55, 0x1d, 0x13 },
			     key_usage[] = { OID, 3, 0x55, 0x1d, 0x0f }, yes[] = { BOOLEAN, 1, 0xff };
	struct rd tagged, list, ext, value, bc;

	enter(&tagged, r, EXTENSIONS);
	enter(&list, &tagged, SEQUENCE);
	while (!list.e && list.left) {
		struct span id;
		bool critical, is_bc;

		enter(&ext, &list, SEQUENCE);
		id = skip(&ext, OID);
		critical = next_is(&ext, BOOLEAN);
		if (critical && !same(skip(&ext, BOOLEAN), SPAN(yes)) && !ext.e)
			ext.e = E_FORMAT;
		is_bc = same(id, SPAN(basic_constraints));
		if (critical && !is_bc && !same(id, SPAN(key_usage)))
			refuse(&ext);
		enter(&value, &ext, OCTET_STRING);
		if (is_bc) {
			enter(&bc, &value, SEQUENCE);
			if (next_is(&bc, BOOLEAN)) {
				x->ca = true;
				if (!same(skip(&bc, BOOLEAN), SPAN(yes)) && !bc.e)
					bc.e = E_FORMAT;
			}
			if (next_is(&bc, INTEGER))
				skip(&bc, INTEGER);
			leave(&value, &bc);
			leave(&ext, &value);
		}
		leave(&list, &ext);
	}
	leave(&tagged, &list);
	leave(r, &tagged);
}

/* A positive INTEGER in its shortest form, as DER wants r and s: into 32 bytes. One that is longer is no signature. */
static void read_positive(uint8_t out[static 32], struct rd *r)
{
	struct rd in;

	enter(&in, r, INTEGER);
	if (!in.e && (!in.left || *in.p & 0x80))
		in.e = E_FORMAT;
	if (!in.e && in.left > 1 && !*in.p) {
		rd_u8(&in);
		if (!(*in.p & 0x80))
			in.e = E_FORMAT;
	}
	if (!in.e && in.left > 32)
		in.e = E_CERTIFICATE;
	if (!in.e)
		memcpy(out + 32 - in.left, in.p, in.left);
	if (!r->e)
		r->e = in.e;
}

/* The first text of a kind counts. Texts are ASCII, without control characters. */
static void read_text(char out[static CERT_TEXT], struct rd *value, uint8_t tag)
{
	bool ok = (tag == UTF8_STRING || tag == PRINTABLE_STRING) && value->left && value->left < CERT_TEXT;

	if (value->e || out[0])
		return;
	for (size_t i = 0; ok && i < value->left; i++)
		ok = value->p[i] >= ' ' && value->p[i] < 0x7f;
	if (!ok)
		refuse(value);
	else
		memcpy(out, value->p, value->left);
}

/* The subject's texts: SEQUENCE OF SET OF SEQUENCE { OID, value } */
static enum err read_texts(struct cert *c, struct span subject)
{
	static const uint8_t serial[] = { OID, 3, 0x55, 0x04, 0x05 }, unit[] = { OID, 3, 0x55, 0x04, 0x0b },
			     name[] = { OID, 3, 0x55, 0x04, 0x03 };
	struct rd r, list, set, pair, value;

	rd_init(&r, subject.p, subject.len);
	enter(&list, &r, SEQUENCE);
	while (!list.e && list.left) {
		enter(&set, &list, SET);
		while (!set.e && set.left) {
			struct span id;
			uint8_t tag;

			enter(&pair, &set, SEQUENCE);
			id = skip(&pair, OID);
			tag = pair.left ? *pair.p : 0;
			enter(&value, &pair, tag);
			if (same(id, SPAN(serial)))
				read_text(c->serial, &value, tag);
			else if (same(id, SPAN(unit)))
				read_text(c->unit, &value, tag);
			else if (same(id, SPAN(name)))
				read_text(c->name, &value, tag);
			if (!pair.e)
				pair.e = value.e;
			leave(&set, &pair);
		}
		leave(&list, &set);
	}
	leave(&r, &list);
	return rd_end(&r);
}

/* All of it. E_OK, E_FORMAT, E_CERTIFICATE */
static enum err read_certificate(struct x509 *x, struct span der)
{
	static const uint8_t ecdsa_with_sha256[] = { SEQUENCE, 10, OID, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
	struct rd r, cert, tbs, in, sig;
	struct span alg, key;
	uint8_t spki[P256_SPKI];

	memset(x, 0, sizeof *x);
	if (der.len > CERT_MAX)
		return E_FORMAT;
	rd_init(&r, der.p, der.len);
	enter(&cert, &r, SEQUENCE);
	x->signed_part = enter(&tbs, &cert, SEQUENCE);
	if (next_is(&tbs, VERSION)) {
		enter(&in, &tbs, VERSION);
		skip(&in, INTEGER);
		leave(&tbs, &in);
	}
	skip(&tbs, INTEGER); /* serial number */
	alg = skip(&tbs, SEQUENCE);
	x->issuer = skip(&tbs, SEQUENCE);
	enter(&in, &tbs, SEQUENCE);
	x->from = read_time(&in);
	x->until = read_time(&in);
	leave(&tbs, &in);
	x->subject = skip(&tbs, SEQUENCE);
	key = skip(&tbs, SEQUENCE);
	if (!same(alg, SPAN(ecdsa_with_sha256)) || key.len != P256_SPKI) {
		refuse(&tbs);
	} else {
		memcpy(x->point, key.p + P256_SPKI - P256_POINT, P256_POINT);
		p256_spki(spki, x->point);
		if (!same(key, SPAN(spki)) || p256_check(x->point))
			refuse(&tbs);
	}
	if (next_is(&tbs, EXTENSIONS))
		read_extensions(x, &tbs);
	leave(&cert, &tbs);
	if (!same(skip(&cert, SEQUENCE), alg))
		refuse(&cert);
	enter(&sig, &cert, BIT_STRING);
	if (rd_u8(&sig) && !sig.e)
		sig.e = E_FORMAT; /* unused bits */
	enter(&in, &sig, SEQUENCE);
	read_positive(x->sig, &in);
	read_positive(x->sig + 32, &in);
	leave(&sig, &in);
	leave(&cert, &sig);
	leave(&r, &cert);
	if (!r.e)
		r.e = rd_end(&r);
	return r.e == E_SHORT ? E_FORMAT : r.e;
}

/* Is x signed by this key, and what does it say? */
static enum err verify(struct cert *c, const struct x509 *x, const uint8_t signer[static P256_POINT])
{
	struct cert out;
	uint8_t digest[32];
	enum err e;

	memset(&out, 0, sizeof out);
	e = sha256(digest, &x->signed_part, 1);
	if (!e)
		e = p256_verify(x->sig, signer, digest);
	if (!e)
		e = read_texts(&out, x->subject);
	memcpy(out.point, x->point, sizeof out.point);
	if (e)
		wipe(c, sizeof *c);
	else
		*c = out;
	return e == E_OK || e == E_CRYPTO ? e : E_CERTIFICATE;
}

enum err cert_anchor(struct cert *c, struct span der)
{
	struct x509 ca;
	enum err e = read_certificate(&ca, der);

	if (!e && (!ca.ca || !same(ca.issuer, ca.subject)))
		e = E_CERTIFICATE;
	if (!e)
		return verify(c, &ca, ca.point);
	wipe(c, sizeof *c);
	return e;
}

enum err cert_verify(struct cert *c, struct span der, struct span ca_der, uint64_t utc)
{
	struct x509 ca, x;
	enum err e = read_certificate(&x, der), f = read_certificate(&ca, ca_der);

	if (!e)
		e = f;
	if (!e && (x.ca || !ca.ca || !same(x.issuer, ca.subject)))
		e = E_CERTIFICATE;
	if (!e && (utc < x.from || utc > x.until))
		e = E_EXPIRED;
	if (!e)
		return verify(c, &x, ca.point);
	wipe(c, sizeof *c);
	return e;
}

enum err cert_signed_by(struct cert *c, struct span der, const uint8_t signer[static P256_POINT])
{
	struct x509 x;
	enum err e = read_certificate(&x, der);

	if (!e && x.ca)
		e = E_CERTIFICATE;
	if (!e)
		return verify(c, &x, signer);
	wipe(c, sizeof *c);
	return e;
}

enum err cert_epoch(uint32_t *epoch, const struct cert *c)
{
	static const char head[] = "epoch ";
	const char *p = c->unit + sizeof head - 1;
	uint32_t n = 0;

	if (memcmp(c->unit, head, sizeof head - 1) || *p < '1')
		return E_CERTIFICATE;
	for (; *p >= '0' && *p <= '9'; p++) {
		uint32_t d = (uint32_t)(*p - '0');

		if (n > (INT32_MAX - d) / 10)
			return E_CERTIFICATE;
		n = 10 * n + d;
	}
	if (*p)
		return E_CERTIFICATE;
	*epoch = n;
	return E_OK;
}
