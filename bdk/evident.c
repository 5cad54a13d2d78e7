#include "bdk/evident.h"
#include "crypto/sha256.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* clang-format off */
enum {
	INTEGER = 0x02, BIT_STRING = 0x03, OCTET_STRING = 0x04, OID = 0x06, UTF8_STRING = 0x0c, PRINTABLE_STRING = 0x13,
	UTC_TIME = 0x17, GENERALIZED_TIME = 0x18, SEQUENCE = 0x30, SET = 0x31, VERSION = 0xa0, LIST_EXTENSIONS = 0xa0
};
/* clang-format on */

/* --- Elements: taken off what is left, or false ------------------------------------------------------------------- */

static bool next_is(struct span left, uint8_t tag)
{
	return left.len && *left.p == tag;
}

static bool take(struct span *value, struct span *left, uint8_t tag)
{
	struct span out;
	struct rd r;
	size_t len;

	if (!next_is(*left, tag))
		return false;
	rd_init(&r, left->p + 1, left->len - 1);
	len = rd_u8(&r);
	if (len == 0x81)
		len = rd_u8(&r);
	else if (len == 0x82)
		len = rd_u16(&r);
	else if (len == 0x83)
		len = (size_t)rd_u8(&r) << 16 | rd_u16(&r);
	else if (len >= 0x80)
		return false;
	out = rd_span(&r, len);
	if (r.e)
		return false;
	*value = out;
	*left = (struct span){ r.p, r.left };
	return true;
}

static bool skip(struct span *left, uint8_t tag)
{
	struct span value;

	return take(&value, left, tag);
}

static bool is(struct span s, const void *what, size_t len)
{
	return s.len == len && !memcmp(s.p, what, len);
}

/* A number of at most size bytes, left-padded. */
static bool take_number(uint8_t *out, size_t size, struct span *left)
{
	struct span n;

	if (!take(&n, left, INTEGER))
		return false;
	while (n.len && !*n.p)
		n = (struct span){ n.p + 1, n.len - 1 };
	if (n.len > size)
		return false;
	memset(out, 0, size);
	if (n.len)
		memcpy(out + size - n.len, n.p, n.len);
	return true;
}

/* YYMMDDHHMMSSZ or YYYYMMDDHHMMSSZ, as seconds since 1970 */
static bool take_time(uint64_t *utc, struct span *left)
{
	bool two = next_is(*left, UTC_TIME);
	char text[16] = "";
	struct tm tm = { 0 };
	struct span t;
	const char *end;
	time_t at;

	if (!take(&t, left, two ? UTC_TIME : GENERALIZED_TIME) || t.len != (two ? 13 : 15))
		return false;
	if (two)
		memcpy(text, *t.p < '5' ? "20" : "19", 2);
	memcpy(text + (two ? 2 : 0), t.p, t.len);
	end = strptime(text, "%Y%m%d%H%M%SZ", &tm);
	at = end && !*end ? timegm(&tm) : -1;
	*utc = (uint64_t)at;
	return at >= 0;
}

/* A P-256 key as this project writes it. */
static bool take_point(uint8_t point[static P256_POINT], struct span *left)
{
	struct span all = *left;
	uint8_t at[P256_POINT], spki[P256_SPKI];

	if (!skip(left, SEQUENCE) || all.len - left->len != P256_SPKI)
		return false;
	memcpy(at, all.p + P256_SPKI - P256_POINT, sizeof at);
	p256_spki(spki, at);
	if (memcmp(spki, all.p, sizeof spki))
		return false;
	memcpy(point, at, sizeof at);
	return true;
}

static bool take_text(char out[static CERT_TEXT], struct span *left)
{
	char text[CERT_TEXT] = "";
	struct span t;

	if (!take(&t, left, next_is(*left, UTF8_STRING) ? UTF8_STRING : PRINTABLE_STRING) || !t.len ||
	    t.len >= CERT_TEXT)
		return false;
	memcpy(text, t.p, t.len);
	if (strlen(text) != t.len || !pki_good_text(text))
		return false;
	memcpy(out, text, sizeof text);
	return true;
}

/* A name: SEQUENCE OF SET { SEQUENCE { OID, text } }. Each kind that counts may stand in it once. */
static bool read_texts(struct cert *c, struct span name)
{
	enum { NAME = 3, SERIAL = 5, UNIT = 11 };
	struct span set, pair, id;

	while (name.len) {
		char *out = NULL;

		if (!take(&set, &name, SET) || !take(&pair, &set, SEQUENCE) || set.len || !take(&id, &pair, OID))
			return false;
		if (is(id, (uint8_t[]){ 0x55, 4, NAME }, 3))
			out = c->name;
		else if (is(id, (uint8_t[]){ 0x55, 4, SERIAL }, 3))
			out = c->serial;
		else if (is(id, (uint8_t[]){ 0x55, 4, UNIT }, 3))
			out = c->unit;
		if (out && (*out || !take_text(out, &pair) || pair.len))
			return false;
	}
	return true;
}

/* --- What is signed ------------------------------------------------------------------------------------------------ */

struct sealed {
	struct span all, body; /* what is signed: with its tag and length, and without */
	uint8_t sig[P256_SIG];
};

/* SEQUENCE { what is signed, algorithm, BIT STRING { 00, SEQUENCE { r, s } } } */
static bool open_sealed(struct sealed *s, struct span der)
{
	struct span in, bits, rs;

	if (!take(&in, &der, SEQUENCE) || der.len)
		return false;
	s->all.p = in.p;
	if (!take(&s->body, &in, SEQUENCE))
		return false;
	s->all.len = (size_t)(in.p - s->all.p);
	if (!skip(&in, SEQUENCE) || !take(&bits, &in, BIT_STRING) || in.len || !bits.len || *bits.p)
		return false;
	bits = (struct span){ bits.p + 1, bits.len - 1 };
	return take(&rs, &bits, SEQUENCE) && !bits.len && take_number(s->sig, 32, &rs) &&
	       take_number(s->sig + 32, 32, &rs) && !rs.len;
}

/* E_OK, E_PARSER, E_CRYPTO */
static enum err verify(const struct sealed *s, const uint8_t by[static P256_POINT])
{
	uint8_t digest[32];
	enum err e = sha256(digest, &s->all, 1);

	if (!e)
		e = p256_verify(s->sig, by, digest);
	return e == E_OK || e == E_CRYPTO ? e : E_PARSER;
}

/* --- Certificates -------------------------------------------------------------------------------------------------- */

struct certificate {
	struct cert says;
	uint8_t number[20];
	struct span issuer, subject;
	uint64_t from, until;
};

static bool read_certificate(struct certificate *c, struct span body)
{
	struct span dates;

	memset(c, 0, sizeof *c);
	return skip(&body, VERSION) && take_number(c->number, sizeof c->number, &body) && skip(&body, SEQUENCE) &&
	       take(&c->issuer, &body, SEQUENCE) && take(&dates, &body, SEQUENCE) && take_time(&c->from, &dates) &&
	       take_time(&c->until, &dates) && take(&c->subject, &body, SEQUENCE) && read_texts(&c->says, c->subject) &&
	       take_point(c->says.point, &body);
}

/* A CA's, as far as it can be said without its signature. */
static enum err read_anchor(struct certificate *c, struct sealed *s, struct span der)
{
	return open_sealed(s, der) && read_certificate(c, s->body) && is(c->issuer, c->subject.p, c->subject.len)
		       ? E_OK
		       : E_PARSER;
}

enum err evident_anchor(struct cert *c, struct span der)
{
	struct certificate ca;
	struct sealed s;
	enum err e = read_anchor(&ca, &s, der);

	if (!e)
		e = verify(&s, ca.says.point);
	if (!e)
		*c = ca.says;
	return e;
}

enum err evident_cert(struct cert *c, uint8_t number[static 20], struct span der, struct span ca_der, uint64_t utc)
{
	struct certificate ca, x;
	struct sealed s;
	enum err e = read_anchor(&ca, &s, ca_der);

	if (!e)
		e = open_sealed(&s, der) ? verify(&s, ca.says.point) : E_PARSER;
	if (e)
		return e;
	/* From here on the CA has written what is read. It may be of another kind than a certificate, or the CA's own. */
	if (!read_certificate(&x, s.body) || !is(x.issuer, ca.subject.p, ca.subject.len) ||
	    is(x.subject, ca.subject.p, ca.subject.len) || utc < x.from || utc > x.until)
		return E_PARSER;
	*c = x.says;
	memcpy(number, x.number, sizeof x.number);
	return E_OK;
}

enum err evident_number(uint8_t number[static 20], struct span der)
{
	struct certificate x;
	struct sealed s;

	if (!open_sealed(&s, der) || !read_certificate(&x, s.body))
		return E_PARSER;
	memcpy(number, x.number, sizeof x.number);
	return E_OK;
}

/* --- Requests ------------------------------------------------------------------------------------------------------ */

enum err evident_request(uint8_t point[static P256_POINT], char name[static CERT_TEXT], struct span der)
{
	struct cert c = { .name = "" };
	struct span subject;
	struct sealed s;
	uint8_t version;
	enum err e;

	if (!open_sealed(&s, der) || !take_number(&version, 1, &s.body) || !take(&subject, &s.body, SEQUENCE) ||
	    !read_texts(&c, subject) || !*c.name || !take_point(c.point, &s.body))
		return E_PARSER;
	e = verify(&s, c.point);
	if (e)
		return e;
	memcpy(point, c.point, P256_POINT);
	memcpy(name, c.name, CERT_TEXT);
	return E_OK;
}

/* --- Lists --------------------------------------------------------------------------------------------------------- */

/* The numbers on it, sorted: SEQUENCE OF { number, date, ... } */
static enum err read_revoked(struct pki_list *l, struct span list)
{
	enum { SHORTEST = 18 };
	size_t most = list.len / SHORTEST;
	struct span entry;

	l->revoked = malloc((most + 1) * sizeof *l->revoked);
	if (!l->revoked)
		return E_INTERNAL;
	for (; list.len; l->n++)
		if (l->n == most || !take(&entry, &list, SEQUENCE) ||
		    !take_number(l->revoked[l->n], sizeof *l->revoked, &entry))
			return E_PARSER;
	qsort(l->revoked, l->n, sizeof *l->revoked, pki_compare);
	return E_OK;
}

/* Its number, which has to be there, and its epoch: OCTET STRING { INTEGER }, OCTET STRING { UTF8String } */
static bool read_extensions(struct pki_list *l, struct span body)
{
	static const uint8_t number_is[] = { 0x55, 0x1d, 0x14 };
	static const uint8_t epoch_is[] = { 0x69, 0x85, 0x88, 0xc5, 0x8b, 0xe7, 0x92, 0x8a, 0xba, 0xe5,
					    0xb1, 0x90, 0xcf, 0xb5, 0xaa, 0xce, 0xda, 0xc9, 0x6d }; /* PKI_EPOCH_OID */
	struct cert epoch = { .unit = "" };
	struct span all, ext, id, value;
	bool numbered = false;
	uint8_t number[8];

	if (!take(&all, &body, LIST_EXTENSIONS) || body.len || !take(&body, &all, SEQUENCE) || all.len)
		return false;
	while (body.len) {
		if (!take(&ext, &body, SEQUENCE) || !take(&id, &ext, OID) || !take(&value, &ext, OCTET_STRING) ||
		    ext.len)
			return false;
		if (is(id, number_is, sizeof number_is)) {
			if (numbered || !take_number(number, sizeof number, &value))
				return false;
			numbered = true;
			l->number = get_be64(number);
		} else if (is(id, epoch_is, sizeof epoch_is)) {
			if (l->epoch || !take_text(epoch.unit, &value) || cert_epoch(&l->epoch, &epoch))
				return false;
		}
	}
	return numbered;
}

static enum err read_list(struct pki_list *l, struct span body, struct span ca_name)
{
	struct span issuer, revoked = { NULL, 0 };
	enum err e;

	if (!skip(&body, INTEGER) || !skip(&body, SEQUENCE) || !take(&issuer, &body, SEQUENCE) ||
	    !is(issuer, ca_name.p, ca_name.len) || !take_time(&l->from, &body) || !take_time(&l->until, &body))
		return E_PARSER;
	if (next_is(body, SEQUENCE) && !take(&revoked, &body, SEQUENCE))
		return E_PARSER;
	e = read_revoked(l, revoked);
	return !e && !read_extensions(l, body) ? E_PARSER : e;
}

enum err evident_list(struct pki_list *l, struct span der, struct span ca_der)
{
	struct pki_list out = { 0 };
	struct certificate ca;
	struct sealed s;
	enum err e = read_anchor(&ca, &s, ca_der);

	if (!e)
		e = open_sealed(&s, der) ? verify(&s, ca.says.point) : E_PARSER;
	if (!e)
		e = read_list(&out, s.body, ca.subject);
	if (!e)
		e = sha256(out.digest, &der, 1);
	if (e)
		pki_list_free(&out);
	else
		*l = out;
	return e;
}
