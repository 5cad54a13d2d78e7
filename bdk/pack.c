#include "bdk/pack.h"
#include "base/hex.h"
#include "base/host/stanza.h"
#include "crypto/sha256.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#define MAGIC "keyroom/1"
enum { LINK = 8, TIME = 21, SIG_DER = 80, BASE64 = 4 * ((CERT_MAX + 2) / 3) + 1, SPKI_TEXT = 4 * ((P256_SPKI + 2) / 3) + 1 };

/* --- Values as text ----------------------------------------------------------------------------------------------- */

static void base64(char *out, struct span in)
{
	EVP_EncodeBlock((unsigned char *)out, in.p, (int)in.len);
}

/* The one way in which bytes are written: E_OK, E_FORMAT */
static enum err from_base64(uint8_t *out, size_t *len, size_t size, const char *text)
{
	unsigned char b[BASE64];
	char again[BASE64 + 4];
	size_t n = strlen(text), pad = 0;

	if (!n || n % 4 || n >= BASE64 || EVP_DecodeBlock(b, (const unsigned char *)text, (int)n) < 0)
		return E_FORMAT;
	while (pad < 2 && text[n - 1 - pad] == '=')
		pad++;
	*len = n / 4 * 3 - pad;
	base64(again, (struct span){ b, *len });
	if (*len > size || strcmp(again, text))
		return E_FORMAT;
	memcpy(out, b, *len);
	return E_OK;
}

static enum err sig_to_der(uint8_t der[static SIG_DER], size_t *len, const uint8_t sig[static P256_SIG])
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, 32, NULL), *v = BN_bin2bn(sig + 32, 32, NULL);
	unsigned char *p = der;
	enum err e = E_CRYPTO;
	int n;

	if (s && r && v && ECDSA_SIG_set0(s, r, v)) {
		r = v = NULL;
		n = i2d_ECDSA_SIG(s, NULL);
		if (n > 0 && n <= SIG_DER) {
			*len = (size_t)i2d_ECDSA_SIG(s, &p);
			e = E_OK;
		}
	}
	BN_free(r);
	BN_free(v);
	ECDSA_SIG_free(s);
	return e;
}

/* The one way in which a signature is written, with the lower s. */
static enum err get_sig(uint8_t sig[static P256_SIG], const char *text)
{
	uint8_t der[SIG_DER], again[SIG_DER], raw[P256_SIG], low[P256_SIG];
	size_t len = 0, n = 0;
	const unsigned char *p = der;
	ECDSA_SIG *s = NULL;
	enum err e = from_base64(der, &len, sizeof der, text);

	if (!e)
		s = d2i_ECDSA_SIG(NULL, &p, (long)len);
	if (!s || BN_bn2binpad(ECDSA_SIG_get0_r(s), raw, 32) != 32 || BN_bn2binpad(ECDSA_SIG_get0_s(s), raw + 32, 32) != 32) {
		ECDSA_SIG_free(s);
		return E_FORMAT;
	}
	ECDSA_SIG_free(s);
	memcpy(low, raw, sizeof low);
	p256_low(low);
	if (memcmp(low, raw, sizeof low) || sig_to_der(again, &n, raw) || n != len || memcmp(again, der, n))
		return E_FORMAT;
	memcpy(sig, raw, sizeof raw);
	return E_OK;
}

static void put_time(char out[static TIME + 1], uint64_t utc)
{
	time_t t = (time_t)utc;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, TIME + 1, "%Y-%m-%dT%H:%M:%SZ", &tm) != TIME - 1)
		strcpy(out, "1970-01-01T00:00:00Z");
}

static enum err get_time(uint64_t *utc, const char *text)
{
	char again[TIME + 1];
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t t = end && !*end ? timegm(&tm) : -1;

	if (t < 0)
		return E_FORMAT;
	*utc = (uint64_t)t;
	put_time(again, *utc);
	return strcmp(again, text) ? E_FORMAT : E_OK;
}

/* h after one more piece of the text. */
static enum err add_link(uint8_t h[static 32], bool first, struct span piece)
{
	const struct span parts[] = { { h, first ? 0 : 32 }, piece };
	uint8_t next[32];
	enum err e = sha256(next, parts, 2);

	if (!e)
		memcpy(h, next, sizeof next);
	return e;
}

enum err pack_vouch(uint8_t digest[static 32], const uint8_t records[static P256_POINT])
{
	uint8_t spki[P256_SPKI];
	char line[SPKI_TEXT + 16], text[SPKI_TEXT];

	p256_spki(spki, records);
	base64(text, SPAN(spki));
	snprintf(line, sizeof line, "records = %s\n", text);
	return sha256(digest, &(struct span){ (const uint8_t *)line, strlen(line) }, 1);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

/* A stanza's fields, taken one by one: the first error stays, and end() sees that none is left over. */
struct fields {
	const struct stanza *s;
	size_t taken;
	enum err e;
};

static const char *take(struct fields *f, const char *key)
{
	const char *v = stanza_get(f->s, key);

	if (!v)
		f->e = E_FORMAT;
	f->taken++;
	return v ? v : "";
}

static void take_text(char *out, size_t size, struct fields *f, const char *key)
{
	const char *v = take(f, key);
	size_t n = strlen(v);

	for (size_t i = 0; i < n; i++)
		if (v[i] < ' ' || v[i] > '~')
			f->e = E_FORMAT;
	if (!n || n >= size)
		f->e = E_FORMAT;
	snprintf(out, size, "%s", v);
}

static uint64_t take_number(struct fields *f, const char *key, uint64_t most)
{
	const char *v = take(f, key);
	uint64_t n = 0;

	if (!*v || (*v == '0' && v[1]) || strspn(v, "0123456789") != strlen(v) || strlen(v) > 18)
		f->e = E_FORMAT;
	for (; !f->e && *v; v++)
		n = 10 * n + (uint64_t)(*v - '0');
	if (n > most)
		f->e = E_FORMAT;
	return f->e ? 0 : n;
}

/* Upper-case digits of a or b bytes. */
static uint8_t take_hex(uint8_t *out, struct fields *f, const char *key, size_t a, size_t b)
{
	const char *v = take(f, key);
	char again[65];
	size_t n = 0;

	if (hex_decode(out, &n, a > b ? a : b, v, strlen(v)) || (n != a && n != b)) {
		f->e = E_FORMAT;
		return 0;
	}
	hex_encode(again, out, n);
	if (strcmp(again, v))
		f->e = E_FORMAT;
	return (uint8_t)n;
}

static bool take_choice(struct fields *f, const char *key, const char *yes, const char *no)
{
	const char *v = take(f, key);

	if (strcmp(v, yes) && strcmp(v, no))
		f->e = E_FORMAT;
	return !strcmp(v, yes);
}

/* Everything that was there has been taken, but for the link. */
static enum err end(const struct fields *f)
{
	return f->e ? f->e : f->taken + 1 == f->s->n ? E_OK : E_FORMAT;
}

static void take_key_set(char out[static 11], struct fields *f)
{
	take_text(out, 11, f, "key_set");
	if (strspn(out, "0123456789ABCDEF") != strlen(out) || (strlen(out) != 8 && strlen(out) != 10))
		f->e = f->e ? f->e : E_FORMAT;
}

static enum err get_head(struct pack_head *h, const struct stanza *s)
{
	struct fields f = { .s = s };
	uint8_t spki[P256_SPKI], is[P256_SPKI];
	size_t len = 0;

	memset(h, 0, sizeof *h);
	if (strcmp(take(&f, "pack"), MAGIC))
		f.e = E_FORMAT;
	take_text(h->room, sizeof h->room, &f, "room");
	h->test = take_choice(&f, "kind", "test", "production");
	h->software = take_choice(&f, "token", "software", "hardware");
	take_hex(h->environment, &f, "environment", 32, 32);
	if (!strcmp(stanza_get(s, "key_set") ? stanza_get(s, "key_set") : "", "all"))
		take_text(h->key_set, sizeof h->key_set, &f, "key_set");
	else
		take_key_set(h->key_set, &f);
	h->after = take_number(&f, "after", INT64_MAX);
	h->sequence = take_number(&f, "sequence", INT64_MAX);
	if (get_time(&h->time, take(&f, "time")))
		f.e = E_FORMAT;
	h->list = take_number(&f, "list", INT64_MAX);
	h->epoch = (uint32_t)take_number(&f, "epoch", INT32_MAX);
	h->loads = take_number(&f, "loads", PACK_MAX);
	if (from_base64(h->cert, &h->cert_len, sizeof h->cert, take(&f, "certificate")) ||
	    from_base64(is, &len, sizeof is, take(&f, "records")) || len != sizeof is || get_sig(h->vouched, take(&f, "vouched")))
		return E_FORMAT;
	memcpy(h->records, is + P256_SPKI - P256_POINT, P256_POINT);
	p256_spki(spki, h->records);
	if (memcmp(spki, is, sizeof is) || h->after > h->sequence)
		f.e = E_FORMAT;
	return end(&f);
}

static enum err get_load(struct pack_load *l, uint64_t *number, const struct stanza *s)
{
	struct fields f = { .s = s };

	memset(l, 0, sizeof *l);
	*number = take_number(&f, "load", PACK_MAX);
	take_text(l->serial, sizeof l->serial, &f, "serial");
	l->slot = (uint8_t)take_number(&f, "slot", UINT8_MAX);
	take_key_set(l->key_set, &f);
	take_text(l->scheme, sizeof l->scheme, &f, "scheme");
	l->ksn_len = take_hex(l->ksn, &f, "ksn", 10, 12);
	take_text(l->state, sizeof l->state, &f, "state");
	if (stanza_get(s, "kcv"))
		l->kcv_len = take_hex(l->kcv, &f, "kcv", 3, 5);
	l->sequence = take_number(&f, "sequence", INT64_MAX);
	take_hex(l->device, &f, "device", PACK_NUMBER, PACK_NUMBER);
	take_hex(l->spki, &f, "spki", 32, 32);
	if (stanza_get(s, "revoked"))
		take_text(l->revoked, sizeof l->revoked, &f, "revoked");
	if (!serial_ok(l->serial, strlen(l->serial)))
		f.e = E_FORMAT;
	return end(&f);
}

/* A pack on its way through. */
struct reader {
	struct span text;
	FILE *f;
	struct stanza s;
	size_t linked;			/* where the last link line ends */
	uint8_t link[32];
	bool begun;
	char *why;			/* PACK_WHY */
};

static enum err bad(const struct reader *r, unsigned line, const char *what)
{
	snprintf(r->why, PACK_WHY, "line %u: %s", line, what);
	return E_FORMAT;
}

/* The next stanza; E_SHORT after the last. */
static enum err next(struct reader *r)
{
	enum err e = stanza_read(&r->s, r->f);

	return e && e != E_SHORT ? bad(r, r->s.line, "not a stanza of a pack") : e;
}

/* Where "\nKEY = " last stands before the end of the bytes read so far, one behind the line end. 0: nowhere */
static size_t find_line(const struct reader *r, const char *key)
{
	size_t end = (size_t)ftell(r->f), n = strlen(key);

	for (size_t at = end < r->text.len ? end : r->text.len; at > r->linked; at--)
		if (at + n <= r->text.len && r->text.p[at - 1] == '\n' && !memcmp(r->text.p + at, key, n))
			return at;
	return 0;
}

/* Does this stanza's link fit all bytes since the one before? */
static enum err check_link(struct reader *r)
{
	const char *is = stanza_get(&r->s, "link");
	char text[2 * LINK + 1];
	size_t at = find_line(r, "link = ");
	enum err e;

	if (!is || !at)
		return bad(r, r->s.line, "a stanza without its link");
	e = add_link(r->link, !r->begun, (struct span){ r->text.p + r->linked, at - r->linked });
	if (e)
		return e;
	hex_encode(text, r->link, LINK);
	r->begun = true;
	r->linked = at + strlen("link = ") + 2 * LINK + 1;
	if (strcmp(text, is) || r->linked > r->text.len || r->text.p[r->linked - 1] != '\n')
		return bad(r, r->s.line, "changed, or something before it was changed, removed or moved");
	return E_OK;
}

/* ... as a sentence that names the load. */
static enum err check_load_link(struct reader *r, const struct pack_load *l)
{
	char what[PACK_WHY - 32];
	enum err e = check_link(r);

	if (e == E_FORMAT) {
		snprintf(what, sizeof what, "the load of %s slot %u is changed, or something before it was changed, removed or moved",
			 l->serial, l->slot);
		return bad(r, r->s.line, what);
	}
	return e;
}

/* All loads, each in its place. */
static enum err walk(struct reader *r, const struct pack_head *h, enum err (*each)(void *ctx, const struct pack_load *l),
		     void *ctx)
{
	uint64_t at = h->after, number = 0;
	struct pack_load l;
	enum err e = E_OK;

	for (uint64_t i = 1; !e && i <= h->loads; i++) {
		char what[PACK_WHY - 32];

		e = next(r);
		if (e)
			return e == E_SHORT ? bad(r, r->s.last, "the pack ends early: loads are missing") : e;
		if (get_load(&l, &number, &r->s))
			return bad(r, r->s.line, "not a load, or not written as a room writes it");
		if (number != i || l.sequence <= at || l.sequence > h->sequence) {
			snprintf(what, sizeof what, "load %llu (%s slot %u) stands where load %llu belongs",
				 (unsigned long long)number, l.serial, l.slot, (unsigned long long)i);
			return bad(r, r->s.line, what);
		}
		at = l.sequence;
		e = check_load_link(r, &l);
		if (!e && each)
			e = each(ctx, &l);
	}
	return e;
}

/* The signature stands alone behind the last load, and nothing behind it. */
static enum err check_signature(struct reader *r, const struct pack_head *h)
{
	uint8_t digest[32], sig[P256_SIG];
	const char *text;
	size_t at;
	enum err e = next(r);

	if (e == E_SHORT)
		return bad(r, r->s.last, "the pack ends early: its signature is missing");
	if (e)
		return e;
	text = stanza_get(&r->s, "signature");
	if (!text || r->s.n != 1)
		return bad(r, r->s.line, text ? "more than a signature" : "a stanza more than the head says");
	at = find_line(r, "signature = ");
	if (!at || get_sig(sig, text) || at + strlen("signature = ") + strlen(text) + 1 != r->text.len)
		return bad(r, r->s.line, "the signature is not written as a room writes it");
	e = sha256(digest, &(struct span){ r->text.p, at }, 1);
	if (!e)
		e = p256_verify(sig, h->records, digest);
	if (e == E_SIGNATURE)
		snprintf(r->why, PACK_WHY, "line %u: the signature of the records key is wrong", r->s.line);
	return e;
}

/* Who made it: the CA, its room, the room's records key. */
static enum err check_maker(struct cert *maker, const struct reader *r, const struct pack_head *h, struct span kif_ca,
			    uint64_t utc)
{
	uint8_t digest[32];
	uint32_t epoch = 0;
	enum err e = cert_verify(maker, (struct span){ h->cert, h->cert_len }, kif_ca, utc ? utc : h->time);

	if (!e)
		e = cert_epoch(&epoch, maker);
	if (e) {
		snprintf(r->why, PACK_WHY, "its room's certificate: %s", err_text(e));
		return e;
	}
	if (strcmp(maker->name, h->room)) {
		snprintf(r->why, PACK_WHY, "its certificate is not that of a room %s", h->room);
		return E_CERTIFICATE;
	}
	e = pack_vouch(digest, h->records);
	if (!e)
		e = p256_verify(h->vouched, maker->point, digest);
	if (e == E_SIGNATURE)
		snprintf(r->why, PACK_WHY, "its room has not vouched for its records key");
	return e;
}

/* One pass over the text. */
static enum err pass(struct pack_head *h, struct cert *maker, struct reader *r, struct span kif_ca, uint64_t utc,
		     enum err (*each)(void *ctx, const struct pack_load *l), void *ctx)
{
	enum err e;

	rewind(r->f);
	r->s.last = 0;
	r->linked = 0;
	r->begun = false;
	e = next(r);
	if (e == E_SHORT || (!e && !stanza_get(&r->s, "pack"))) {
		snprintf(r->why, PACK_WHY, "not a hand-over pack");
		e = E_FORMAT;
	}
	if (!e && get_head(h, &r->s))
		e = bad(r, r->s.line, "not a pack's head, or not written as a room writes it");
	if (!e)
		e = check_link(r);
	if (!e)
		e = walk(r, h, each, ctx);
	if (!e && !each)
		e = check_maker(maker, r, h, kif_ca, utc);
	if (!e && !each)
		e = check_signature(r, h);
	return e;
}

enum err pack_read(struct pack_head *h, struct cert *maker, struct span text, struct span kif_ca, uint64_t utc,
		   enum err (*each)(void *ctx, const struct pack_load *l), void *ctx, char why[static PACK_WHY])
{
	struct reader r = { .text = text, .why = why };
	enum err e;

	*why = 0;
	if (!text.len || text.len > PACK_MAX || memchr(text.p, 0, text.len)) {
		snprintf(why, PACK_WHY, "not a hand-over pack");
		e = E_FORMAT;
	} else {
		r.f = fmemopen((void *)(uintptr_t)text.p, text.len, "r");
		e = r.f ? pass(h, maker, &r, kif_ca, utc, NULL, NULL) : E_INTERNAL;
		if (!e && each)
			e = pass(h, maker, &r, kif_ca, utc, each, ctx);
	}
	if (r.f)
		fclose(r.f);
	if (e)
		memset(h, 0, sizeof *h);
	return e;
}

/* --- Making ------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void put(struct pack_text *t, const char *format, ...)
{
	va_list args;
	int n;

	if (t->e)
		return;
	va_start(args, format);
	n = vsnprintf(t->b + t->len, PACK_MAX - t->len, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= PACK_MAX - t->len)
		t->e = E_SPACE;
	else
		t->len += (size_t)n;
}

static void put_hex(struct pack_text *t, const char *key, const uint8_t *p, size_t len)
{
	char text[65];

	hex_encode(text, p, len);
	put(t, "%s = %s\n", key, text);
}

static void put_base64(struct pack_text *t, const char *key, struct span in)
{
	char text[BASE64];

	base64(text, in);
	put(t, "%s = %s\n", key, text);
}

static void put_sig(struct pack_text *t, const char *key, const uint8_t sig[static P256_SIG])
{
	uint8_t der[SIG_DER], low[P256_SIG];
	size_t len = 0;
	enum err e;

	memcpy(low, sig, sizeof low);
	p256_low(low);
	e = sig_to_der(der, &len, low);
	if (e)
		t->e = t->e ? t->e : e;
	else
		put_base64(t, key, (struct span){ der, len });
}

static void put_link(struct pack_text *t)
{
	if (!t->e)
		t->e = add_link(t->link, !t->linked, (struct span){ (const uint8_t *)t->b + t->linked, t->len - t->linked });
	put_hex(t, "link", t->link, LINK);
	t->linked = t->len;
	put(t, "\n");
}

void pack_begin(struct pack_text *t, char *b, const struct pack_head *h)
{
	uint8_t spki[P256_SPKI];
	char time[TIME + 1];

	*t = (struct pack_text){ .b = b };
	p256_spki(spki, h->records);
	put_time(time, h->time);
	put(t, "# What the load room %s has issued. bdk verify checks it; bdk(1) shows how openssl does.\n", h->room);
	put(t, "pack = " MAGIC "\nroom = %s\nkind = %s\ntoken = %s\n", h->room, h->test ? "test" : "production",
	    h->software ? "software" : "hardware");
	put_hex(t, "environment", h->environment, sizeof h->environment);
	put(t, "key_set = %s\nafter = %llu\nsequence = %llu\ntime = %s\nlist = %llu\nepoch = %u\nloads = %llu\n", h->key_set,
	    (unsigned long long)h->after, (unsigned long long)h->sequence, time, (unsigned long long)h->list,
	    (unsigned)h->epoch, (unsigned long long)h->loads);
	put_base64(t, "certificate", (struct span){ h->cert, h->cert_len });
	put_base64(t, "records", SPAN(spki));
	put_sig(t, "vouched", h->vouched);
	put_link(t);
}

void pack_put(struct pack_text *t, const struct pack_load *l)
{
	put(t, "load = %llu\nserial = %s\nslot = %u\nkey_set = %s\nscheme = %s\n", (unsigned long long)++t->loads, l->serial,
	    l->slot, l->key_set, l->scheme);
	put_hex(t, "ksn", l->ksn, l->ksn_len);
	put(t, "state = %s\n", l->state);
	if (l->kcv_len)
		put_hex(t, "kcv", l->kcv, l->kcv_len);
	put(t, "sequence = %llu\n", (unsigned long long)l->sequence);
	put_hex(t, "device", l->device, sizeof l->device);
	put_hex(t, "spki", l->spki, sizeof l->spki);
	if (*l->revoked)
		put(t, "revoked = %s\n", l->revoked);
	put_link(t);
}

enum err pack_digest(uint8_t digest[static 32], const struct pack_text *t)
{
	return t->e ? t->e : sha256(digest, &(struct span){ (const uint8_t *)t->b, t->len }, 1);
}

void pack_seal(struct pack_text *t, const uint8_t sig[static P256_SIG])
{
	put_sig(t, "signature", sig);
}
