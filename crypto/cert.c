/*
 * The certificate profile, read strictly and once for both back ends: DER alone, P-256 and ecdsa-with-SHA256 alone, and
 * no critical extension that this project does not obey. General X.509 code differs here from library to library (one
 * ignores critical key identifiers, another takes BER); what passes this file both read alike. The signature and the
 * subject's texts are then the back end's work.
 */
#include "base/wipe.h"
#include "crypto/x509.h"

#include <string.h>

/* clang-format off */
enum {
	BOOLEAN = 0x01, INTEGER = 0x02, BIT_STRING = 0x03, OCTET_STRING = 0x04, OID = 0x06, UTC_TIME = 0x17,
	GENERALIZED_TIME = 0x18, SEQUENCE = 0x30, VERSION = 0xa0, EXTENSIONS = 0xa3
};
/* clang-format on */

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

/* A positive INTEGER in its shortest form, as DER wants r and s */
static void read_positive(struct rd *r)
{
	struct rd in;
	uint8_t first;

	enter(&in, r, INTEGER);
	first = rd_u8(&in);
	if (!in.e && (first & 0x80 || (!first && in.left && !(*in.p & 0x80))))
		in.e = E_FORMAT;
	if (!r->e)
		r->e = in.e;
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
	x->der = der;
	rd_init(&r, der.p, der.len);
	enter(&cert, &r, SEQUENCE);
	enter(&tbs, &cert, SEQUENCE);
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
	read_positive(&in);
	read_positive(&in);
	leave(&sig, &in);
	leave(&cert, &sig);
	leave(&r, &cert);
	if (!r.e)
		r.e = rd_end(&r);
	return r.e == E_SHORT ? E_FORMAT : r.e;
}

static bool printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static enum err verify(struct cert *c, const struct x509 *x, const struct x509 *ca, uint64_t utc)
{
	struct cert out;
	enum err e = E_CERTIFICATE;

	memset(&out, 0, sizeof out);
	if (!same(x->issuer, ca->subject))
		goto done;
	e = E_EXPIRED;
	if (utc < x->from || utc > x->until)
		goto done;
	e = x509_verify(&out, x, ca, utc);
	if (!e && (!printable(out.serial) || !printable(out.unit) || !printable(out.name)))
		e = E_CERTIFICATE;
	memcpy(out.point, x->point, sizeof out.point);
done:
	if (e)
		wipe(c, sizeof *c);
	else
		*c = out;
	return e;
}

enum err cert_anchor(struct cert *c, struct span der)
{
	struct x509 ca;
	enum err e = read_certificate(&ca, der);

	if (!e && !ca.ca)
		e = E_CERTIFICATE;
	if (!e)
		/* a date that is right in any case: an anchor's dates do not count */
		e = verify(c, &ca, &ca, ca.from);
	else
		wipe(c, sizeof *c);
	return e == E_EXPIRED ? E_CERTIFICATE : e;
}

enum err cert_verify(struct cert *c, struct span der, struct span ca_der, uint64_t utc)
{
	struct x509 ca, x;
	enum err e = read_certificate(&x, der), f = read_certificate(&ca, ca_der);

	if (!e)
		e = f;
	if (!e && (x.ca || !ca.ca))
		e = E_CERTIFICATE;
	if (!e)
		e = verify(c, &x, &ca, utc);
	else
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
