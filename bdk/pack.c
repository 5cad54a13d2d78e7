#include "bdk/pack.h"
#include "base/hex.h"
#include "bdk/seal.h"
#include "crypto/sha256.h"

#include <stdarg.h>
#include <string.h>

enum { LINK = 8 };

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
	char line[SEAL_SPKI + 16], text[SEAL_SPKI];

	seal_spki(text, records);
	snprintf(line, sizeof line, "records = %s\n", text);
	return sha256(digest, &(struct span){ (const uint8_t *)line, strlen(line) }, 1);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static void take_key_set(char out[static 11], struct seal_fields *f)
{
	seal_take_text(out, 11, f, "key_set");
	if (strspn(out, "0123456789ABCDEF") != strlen(out) || (strlen(out) != 8 && strlen(out) != 10))
		f->e = f->e ? f->e : E_FORMAT;
}

static enum err get_head(struct pack_head *h, const struct stanza *s)
{
	struct seal_fields f = { .s = s };

	memset(h, 0, sizeof *h);
	if (strcmp(seal_take(&f, "pack"), SEAL_MAGIC))
		f.e = E_FORMAT;
	seal_take_text(h->room, sizeof h->room, &f, "room");
	h->test = seal_take_choice(&f, "kind", "test", "production");
	h->software = seal_take_choice(&f, "token", "software", "hardware");
	seal_take_hex(h->environment, &f, "environment", 32, 32);
	if (!strcmp(stanza_get(s, "key_set") ? stanza_get(s, "key_set") : "", "all"))
		seal_take_text(h->key_set, sizeof h->key_set, &f, "key_set");
	else
		take_key_set(h->key_set, &f);
	h->after = seal_take_number(&f, "after", INT64_MAX);
	h->sequence = seal_take_number(&f, "sequence", INT64_MAX);
	if (seal_from_time(&h->time, seal_take(&f, "time")))
		f.e = E_FORMAT;
	h->list = seal_take_number(&f, "list", INT64_MAX);
	h->epoch = (uint32_t)seal_take_number(&f, "epoch", INT32_MAX);
	h->loads = seal_take_number(&f, "loads", PACK_MAX);
	if (seal_from_base64(h->cert, &h->cert_len, sizeof h->cert, seal_take(&f, "certificate")) ||
	    seal_from_spki(h->records, seal_take(&f, "records")) || seal_from_sig(h->vouched, seal_take(&f, "vouched")) ||
	    h->after > h->sequence)
		return E_FORMAT;
	return seal_end(&f, 1); /* but for the link */
}

static enum err get_load(struct pack_load *l, uint64_t *number, const struct stanza *s)
{
	struct seal_fields f = { .s = s };

	memset(l, 0, sizeof *l);
	*number = seal_take_number(&f, "load", PACK_MAX);
	seal_take_text(l->serial, sizeof l->serial, &f, "serial");
	l->slot = (uint8_t)seal_take_number(&f, "slot", UINT8_MAX);
	take_key_set(l->key_set, &f);
	seal_take_text(l->scheme, sizeof l->scheme, &f, "scheme");
	l->ksn_len = seal_take_hex(l->ksn, &f, "ksn", 10, 12);
	seal_take_text(l->state, sizeof l->state, &f, "state");
	if (stanza_get(s, "kcv"))
		l->kcv_len = seal_take_hex(l->kcv, &f, "kcv", 3, 5);
	l->sequence = seal_take_number(&f, "sequence", INT64_MAX);
	seal_take_hex(l->device, &f, "device", PACK_NUMBER, PACK_NUMBER);
	seal_take_hex(l->spki, &f, "spki", 32, 32);
	if (stanza_get(s, "revoked"))
		seal_take_text(l->revoked, sizeof l->revoked, &f, "revoked");
	if (!serial_ok(l->serial, strlen(l->serial)))
		f.e = E_FORMAT;
	return seal_end(&f, 1); /* but for the link */
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
	if (!at || seal_from_sig(sig, text) || at + strlen("signature = ") + strlen(text) + 1 != r->text.len)
		return bad(r, r->s.line, "the signature is not written as a room writes it");
	e = sha256(digest, &(struct span){ r->text.p, at }, 1);
	if (!e)
		e = p256_verify(sig, h->records, digest);
	if (e == E_SIGNATURE)
		snprintf(r->why, PACK_WHY, "line %u: the signature of the records key is wrong", r->s.line);
	return e;
}

/* Who made it: the CA, its room, the room's records key. */
static enum err check_maker(struct cert *maker, const struct reader *r, const struct pack_head *h,
			    const struct pack_judge *judge, uint64_t utc)
{
	uint8_t digest[32];
	uint32_t epoch = 0;
	enum err e = judge->cert(judge->ctx, maker, (struct span){ h->cert, h->cert_len }, utc ? utc : h->time);

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
static enum err pass(struct pack_head *h, struct cert *maker, struct reader *r, const struct pack_judge *judge,
		     uint64_t utc, enum err (*each)(void *ctx, const struct pack_load *l), void *ctx)
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
		e = check_maker(maker, r, h, judge, utc);
	if (!e && !each)
		e = check_signature(r, h);
	return e;
}

enum err pack_read(struct pack_head *h, struct cert *maker, struct span text, const struct pack_judge *judge,
		   uint64_t utc, enum err (*each)(void *ctx, const struct pack_load *l), void *ctx,
		   char why[static PACK_WHY])
{
	struct reader r = { .text = text, .why = why };
	enum err e;

	*why = 0;
	if (!text.len || text.len > PACK_MAX || memchr(text.p, 0, text.len)) {
		snprintf(why, PACK_WHY, "not a hand-over pack");
		e = E_FORMAT;
	} else {
		r.f = fmemopen((void *)(uintptr_t)text.p, text.len, "r");
		e = r.f ? pass(h, maker, &r, judge, utc, NULL, NULL) : E_INTERNAL;
		if (!e && each)
			e = pass(h, maker, &r, judge, utc, each, ctx);
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
	char text[SEAL_BASE64];

	seal_base64(text, in);
	put(t, "%s = %s\n", key, text);
}

static void put_sig(struct pack_text *t, const char *key, const uint8_t sig[static P256_SIG])
{
	char text[SEAL_SIG];
	enum err e = seal_sig(text, sig);

	if (e)
		t->e = t->e ? t->e : e;
	else
		put(t, "%s = %s\n", key, text);
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
	char time[SEAL_TIME], records[SEAL_SPKI];

	*t = (struct pack_text){ .b = b };
	seal_spki(records, h->records);
	seal_time(time, h->time);
	put(t, "# What the load room %s has issued. bdk verify checks it; bdk(1) shows how openssl does.\n", h->room);
	put(t, "pack = " SEAL_MAGIC "\nroom = %s\nkind = %s\ntoken = %s\n", h->room, h->test ? "test" : "production",
	    h->software ? "software" : "hardware");
	put_hex(t, "environment", h->environment, sizeof h->environment);
	put(t, "key_set = %s\nafter = %llu\nsequence = %llu\ntime = %s\nlist = %llu\nepoch = %u\nloads = %llu\n", h->key_set,
	    (unsigned long long)h->after, (unsigned long long)h->sequence, time, (unsigned long long)h->list,
	    (unsigned)h->epoch, (unsigned long long)h->loads);
	put_base64(t, "certificate", (struct span){ h->cert, h->cert_len });
	put(t, "records = %s\n", records);
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
