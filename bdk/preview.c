#include "bdk/preview.h"
#include "base/hex.h"
#include "bdk/block.h"
#include "bdk/exchange.h"
#include "bdk/lease.h"
#include "bdk/media.h"
#include "bdk/request.h"

#include <stdio.h>
#include <string.h>

/* With a text of CERT_TEXT a label of 12 is less than a screen's line. */
enum { LABEL = 16 };

static void line(struct record *out, const char *of, const char *what, const char *text)
{
	char label[LABEL];

	snprintf(label, sizeof label, "%s%s%s", of, *what ? " " : "", what);
	record_put_text(out, F_LABEL, label);
	record_put_text(out, F_VALUE, text);
}

static void hex_line(struct record *out, const char *of, const char *what, const uint8_t *p, size_t len)
{
	char text[65];

	hex_encode(text, p, len);
	line(out, of, what, text);
}

static void unread(struct record *out, const char *of, enum err e)
{
	char text[80];

	snprintf(text, sizeof text, "cannot be read: %.60s", err_text(e));
	line(out, of, "", text);
}

/* A digest, in two values. */
static void digest_line(struct record *out, const char *of, const char *what, const uint8_t digest[static 32])
{
	char half[33];

	hex_line(out, of, what, digest, 16);
	hex_encode(half, digest + 16, 16);
	record_put_text(out, F_VALUE, half);
}

/* SHA-256 of the key. */
static void key_line(struct record *out, const char *of, const uint8_t point[static P256_POINT])
{
	uint8_t spki[32];
	enum err e = p256_spki_digest(spki, point);

	if (e)
		unread(out, of, e);
	else
		digest_line(out, of, "key", spki);
}

/* One that this CA gave out, if it is there and did. */
static enum err cert_below(struct record *out, const char *of, struct room *r, struct span der, struct span ca, const char *name)
{
	uint8_t number[20];
	size_t zeros = 0;
	struct cert c;
	enum err e = ca.len ? parser_cert(&r->parser, &c, number, der, ca, room_utc()) : E_CERTIFICATE;

	if (e)
		return e;
	while (zeros < sizeof number - 1 && !number[zeros])
		zeros++;
	line(out, of, "of", c.name);
	if (c.unit[0])
		line(out, of, "unit", c.unit);
	line(out, of, "by", name);
	hex_line(out, of, "number", number + zeros, sizeof number - zeros);
	key_line(out, of, c.point);
	return E_OK;
}

/* An act names rooms only; where it brings the CAs, those count. */
static void cert_lines(struct record *out, const char *of, struct room *r, struct span der, struct span fields)
{
	struct span kif = field_get(fields, F_KIF_CA), exchange = field_get(fields, F_EXCHANGE_CA);
	enum err e = cert_below(out, of, r, der, kif.p ? kif : der_span(&r->kif_ca), "KIF CA");

	if (e == E_CERTIFICATE)
		e = cert_below(out, of, r, der, exchange.p ? exchange : der_span(&r->exchange_ca), "exchange CA");
	if (e)
		unread(out, of, e);
}

static void anchor_lines(struct record *out, const char *of, struct room *r, struct span der)
{
	struct cert c;
	enum err e = parser_anchor(&r->parser, &c, der);

	if (e) {
		unread(out, of, e);
		return;
	}
	line(out, of, "of", c.name);
	key_line(out, of, c.point);
}

static void request_lines(struct record *out, const char *of, struct room *r, struct span der)
{
	uint8_t point[P256_POINT];
	char name[CERT_TEXT];
	enum err e = parser_request(&r->parser, point, name, der);

	if (e) {
		unread(out, of, e);
		return;
	}
	line(out, of, "of", name);
	key_line(out, of, point);
}

/* For whom: this room, as its own certificate has it, or the key of another. */
static void to_line(struct record *out, const char *of, struct room *r, const uint8_t spki[static 32])
{
	struct span ca = der_span(r->config.purpose == ROOM_LOAD ? &r->kif_ca : &r->exchange_ca);
	uint8_t number[20], own[32];
	struct cert c;

	if (r->own.len && !parser_cert(&r->parser, &c, number, der_span(&r->own), ca, room_utc()) &&
	    !p256_spki_digest(own, c.point) && !memcmp(own, spki, sizeof own))
		line(out, of, "for", "this room");
	else
		digest_line(out, of, "for key", spki);
}

static void set_line(struct record *out, const char *of, const struct key_set_id *set)
{
	char id[KEY_SET_TEXT], text[KEY_SET_TEXT + 16];

	key_set_text(id, set);
	snprintf(text, sizeof text, "%s %s", id, dukpt_scheme_name(set->scheme));
	line(out, of, "of", text);
}

static void number_line(struct record *out, const char *of, const char *what, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	line(out, of, what, text);
}

static void lease_lines(struct record *out, const char *of, struct room *r, struct span file)
{
	struct lease_file f;
	char ids[32];
	enum err e = lease_parse(&f, file);

	if (e) {
		unread(out, of, e);
		return;
	}
	number_line(out, of, "number", f.lease.number);
	set_line(out, of, &f.lease.set);
	if (f.lease.kcv.len)
		hex_line(out, of, "kcv", f.lease.kcv.b, f.lease.kcv.len);
	snprintf(ids, sizeof ids, "%lu to %lu", (unsigned long)f.lease.first, (unsigned long)f.lease.last);
	line(out, of, "ids", ids);
	number_line(out, of, "epoch", f.lease.epoch);
	to_line(out, of, r, f.lease.kif);
}

static void package_lines(struct record *out, const char *of, struct room *r, struct span package)
{
	struct exchange_says s;
	enum err e = exchange_read(&s, package);

	if (e) {
		unread(out, of, e);
		return;
	}
	set_line(out, of, &s.set);
	hex_line(out, of, "kcv", s.kcv.b, s.kcv.len);
	to_line(out, of, r, s.recipient);
	e = cert_below(out, "its cert", r, s.cert, der_span(&r->kif_ca), "KIF CA");
	if (e)
		unread(out, "its cert", e);
}

static void block_lines(struct record *out, const char *of, struct span file)
{
	char why[BLOCK_WHY], id[KEY_SET_TEXT] = "", text[64], taken[8] = "";
	struct span kcv;
	struct block b;
	enum err e = block_read(&b, file, why);

	if (e) {
		unread(out, of, e);
		return;
	}
	if (b.set.len)
		key_set_text(id, &b.set);
	snprintf(text, sizeof text, "%s for %s%s%s", b.kbpk ? "KBPK" : "BDK", b.tdes ? "TDES" : "AES", *id ? ", key set " : "", id);
	line(out, of, "holds", text);
	if (b.mode != b.parsed.header.mode)
		snprintf(taken, sizeof taken, " as %c", b.mode);
	snprintf(text, sizeof text, "usage %.2s, mode %c%s, exportability %c", b.parsed.header.usage, b.parsed.header.mode, taken,
		 b.exportability);
	line(out, of, "use", text);
	if (keyblock_find(&kcv, &b.parsed, "KC") && kcv.len < sizeof text) {
		snprintf(text, sizeof text, "%.*s", (int)kcv.len - 2, (const char *)kcv.p + 2);
		line(out, of, "kcv", text);
	}
}

/* What is in a bag, who keeps it and how it is, as the room knows. */
static void bag_lines(struct record *out, const char *of, struct room *r, struct span fields)
{
	char number[BAG_NUMBER], content[MEDIA_CONTENT];
	struct bag b;
	enum err e = field_text(number, sizeof number, fields, F_BAG);

	if (!e)
		e = journal_bag(&b, r->journal, number);
	if (e) {
		unread(out, of, e);
		return;
	}
	media_content(content, &b);
	line(out, of, "holds", content);
	line(out, of, "is", media_condition_name(b.condition));
	line(out, of, "kept by", b.keeper);
}

void preview(struct record *lines, struct room *r, struct span fields)
{
	struct rd in;

	rd_init(&in, fields.p, fields.len);
	while (in.left && !in.e && !lines->e) {
		uint16_t tag = rd_u16(&in);
		struct span value = rd_span16(&in);

		switch (tag) {
		case F_CERT:
			cert_lines(lines, "cert", r, value, fields);
			break;
		case F_DEVICE_CA:
			anchor_lines(lines, "device CA", r, value);
			break;
		case F_KIF_CA:
			anchor_lines(lines, "KIF CA", r, value);
			break;
		case F_EXCHANGE_CA:
			anchor_lines(lines, "exch CA", r, value);
			break;
		case F_CSR:
			request_lines(lines, "request", r, value);
			break;
		case F_LEASE:
			lease_lines(lines, "lease", r, value);
			break;
		case F_PACKAGE:
			package_lines(lines, "package", r, value);
			break;
		case F_BAG:
			bag_lines(lines, "bag", r, fields);
			break;
		case F_BLOCK:
			block_lines(lines, "key block", value);
			break;
		}
	}
}
