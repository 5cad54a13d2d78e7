#include "bdk/audit.h"
#include "base/hex.h"
#include "crypto/sha256.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Every byte of a text may become six characters. */
_Static_assert(6 * (CERT_TEXT + 2 * 128 + 256) + 256 <= AUDIT_LINE, "the longest record fits a line");

/* --- Records ------------------------------------------------------------------------------------------------------ */

static char *put_string(char *out, const char *key, const char *text)
{
	out += sprintf(out, ",\"%s\":\"", key);
	for (; *text; text++)
		if (*text == '"' || *text == '\\')
			out += sprintf(out, "\\%c", *text);
		else if (*text < ' ' || *text > '~')
			out += sprintf(out, "\\u%04X", (unsigned)(unsigned char)*text);
		else
			*out++ = *text;
	*out++ = '"';
	return out;
}

size_t audit_line(char out[static AUDIT_LINE], const struct audit *a)
{
	char time[SEAL_TIME], previous[65], *p = out;

	seal_time(time, a->utc);
	hex_encode(previous, a->previous, sizeof a->previous);
	p += sprintf(p, "{\"sequence\":%llu,\"utc\":\"%s\"", (unsigned long long)a->sequence, time);
	p = put_string(p, "who", a->who);
	p = put_string(p, "what", a->what);
	p = put_string(p, "object", a->object);
	p = put_string(p, "reason", a->reason);
	p += sprintf(p, ",\"previous\":\"%s\"}\n", previous);
	return (size_t)(p - out);
}

enum err audit_hash(uint8_t out[static 32], const struct audit *a)
{
	char line[AUDIT_LINE];
	size_t len = audit_line(line, a);

	return sha256(out, &(struct span){ (const uint8_t *)line, len }, 1);
}

/* What is left of a line; the first thing that is not there as it should be leaves nothing. */
struct left {
	const char *p, *end;
	bool bad;
};

static void expect(struct left *l, const char *text)
{
	size_t n = strlen(text);

	l->bad = l->bad || (size_t)(l->end - l->p) < n || memcmp(l->p, text, n) != 0;
	if (!l->bad)
		l->p += n;
}

static uint64_t get_digits(struct left *l)
{
	uint64_t v = 0;

	for (int n = 0; !l->bad && l->p < l->end && *l->p >= '0' && *l->p <= '9'; n++) {
		l->bad = n == 18;
		v = 10 * v + (uint64_t)(*l->p++ - '0');
	}
	return v;
}

/* Up to the next quotation mark, which is passed over. */
static void get_string(char *out, size_t size, struct left *l)
{
	size_t n = 0, got;
	uint8_t b;

	while (!l->bad && l->p < l->end && *l->p != '"') {
		b = (uint8_t)*l->p++;
		if (b == '\\' && l->end - l->p >= 5 && !memcmp(l->p, "u00", 3)) {
			l->bad = hex_decode(&b, &got, 1, l->p + 3, 2) != E_OK;
			l->p += 5;
		} else if (b == '\\' && l->p < l->end) {
			b = (uint8_t)*l->p++;
		}
		l->bad = l->bad || !b || n + 1 >= size;
		if (!l->bad)
			out[n++] = (char)b;
	}
	out[n] = 0;
	expect(l, "\"");
}

enum err audit_parse(struct audit *a, struct span line)
{
	struct left l = { (const char *)line.p, (const char *)line.p + line.len, line.len >= AUDIT_LINE };
	struct audit o = { 0 };
	char time[SEAL_TIME], previous[65], again[AUDIT_LINE];
	size_t got;
	enum err e;

	expect(&l, "{\"sequence\":");
	o.sequence = get_digits(&l);
	expect(&l, ",\"utc\":\"");
	get_string(time, sizeof time, &l);
	expect(&l, ",\"who\":\"");
	get_string(o.who, sizeof o.who, &l);
	expect(&l, ",\"what\":\"");
	get_string(o.what, sizeof o.what, &l);
	expect(&l, ",\"object\":\"");
	get_string(o.object, sizeof o.object, &l);
	expect(&l, ",\"reason\":\"");
	get_string(o.reason, sizeof o.reason, &l);
	expect(&l, ",\"previous\":\"");
	get_string(previous, sizeof previous, &l);
	expect(&l, "}\n");
	if (l.bad || l.p != l.end || seal_from_time(&o.utc, time) ||
	    hex_decode(o.previous, &got, sizeof o.previous, previous, strlen(previous)) || got != sizeof o.previous)
		return E_FORMAT;
	/* One text for a record: whatever says the same otherwise is none. */
	if (audit_line(again, &o) != line.len || memcmp(again, line.p, line.len) != 0)
		return E_FORMAT;
	e = sha256(o.hash, &line, 1);
	if (!e)
		*a = o;
	return e;
}

/* --- Heads -------------------------------------------------------------------------------------------------------- */

/* What is signed. Returns its length. */
static size_t head_body(char out[static AUDIT_HEAD_TEXT], const struct audit_head *h)
{
	char time[SEAL_TIME], hash[65], records[SEAL_SPKI];

	seal_time(time, h->utc);
	hex_encode(hash, h->hash, sizeof h->hash);
	seal_spki(records, h->records);
	return (size_t)snprintf(out, AUDIT_HEAD_TEXT,
				"head = " SEAL_MAGIC "\nroom = %s\npurpose = %s\nsequence = %llu\nhash = %s\nutc = %s\nrecords = %s\n",
				h->room, h->purpose, (unsigned long long)h->sequence, hash, time, records);
}

enum err audit_head_digest(uint8_t digest[static 32], const struct audit_head *h)
{
	char body[AUDIT_HEAD_TEXT];
	size_t len = head_body(body, h);

	return sha256(digest, &(struct span){ (const uint8_t *)body, len }, 1);
}

enum err audit_head_text(char out[static AUDIT_HEAD_TEXT], const struct audit_head *h)
{
	char sig[SEAL_SIG];
	size_t len = head_body(out, h);
	enum err e = seal_sig(sig, h->sig);

	if (!e)
		snprintf(out + len, AUDIT_HEAD_TEXT - len, "signature = %s\n", sig);
	return e;
}

static enum err get_head(struct audit_head *h, const struct stanza *s)
{
	struct seal_fields f = { .s = s };

	memset(h, 0, sizeof *h);
	if (strcmp(seal_take(&f, "head"), SEAL_MAGIC))
		f.e = E_FORMAT;
	seal_take_text(h->room, sizeof h->room, &f, "room");
	seal_take_text(h->purpose, sizeof h->purpose, &f, "purpose");
	h->sequence = seal_take_number(&f, "sequence", INT64_MAX);
	seal_take_hex(h->hash, &f, "hash", sizeof h->hash, sizeof h->hash);
	if (seal_from_time(&h->utc, seal_take(&f, "utc")) || seal_from_spki(h->records, seal_take(&f, "records")) ||
	    seal_from_sig(h->sig, seal_take(&f, "signature")))
		return E_FORMAT;
	return seal_end(&f, 0);
}

__attribute__((format(printf, 3, 4))) static enum err say(char why[static AUDIT_WHY], enum err e, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, AUDIT_WHY, format, args);
	va_end(args);
	return e;
}

static enum err check_head(const struct audit_head *h, const uint8_t records[static P256_POINT], unsigned line,
			   char why[static AUDIT_WHY])
{
	uint8_t digest[32];
	enum err e;

	if (memcmp(h->records, records, P256_POINT) != 0)
		return say(why, E_KEY, "line %u: a head that another records key signed", line);
	e = audit_head_digest(digest, h);
	if (!e)
		e = p256_verify(h->sig, records, digest);
	return e == E_SIGNATURE ? say(why, e, "line %u: the head's signature is wrong", line) : e;
}

enum err audit_heads(struct audit_head **head, size_t *n, struct span text, const uint8_t records[static P256_POINT],
		     char why[static AUDIT_WHY])
{
	struct audit_head *all = NULL, *more;
	struct stanza s = { .last = 0 };
	FILE *f = text.len && !memchr(text.p, 0, text.len) ? fmemopen((void *)(uintptr_t)text.p, text.len, "r") : NULL;
	size_t found = 0;
	enum err e = E_OK;

	*head = NULL;
	*why = 0;
	while (f && !(e = stanza_read(&s, f))) {
		more = realloc(all, (found + 1) * sizeof *all);
		if (!more) {
			e = E_INTERNAL;
			break;
		}
		all = more;
		e = get_head(&all[found], &s);
		if (!e)
			e = check_head(&all[found], records, s.line, why);
		if (e)
			break;
		found++;
	}
	if (e == E_SPACE || (e == E_FORMAT && !*why))
		e = say(why, E_FORMAT, "line %u: not a head as a room writes it", s.line);
	if (e == E_SHORT)
		e = E_OK;
	if (!e && !found)
		e = say(why, E_FORMAT, "there is no head in it");
	if (f)
		fclose(f);
	if (e) {
		free(all);
		return e;
	}
	*head = all;
	*n = found;
	return E_OK;
}

/* --- The check ---------------------------------------------------------------------------------------------------- */

/* A line of an export: what chains it. sequence 0: no record at all */
struct line {
	uint64_t sequence, utc;
	uint8_t previous[32], hash[32];
};

struct export {
	struct line *line;
	size_t n;
	const struct audit_head *head;
	size_t heads;
};

static bool same(const uint8_t a[static 32], const uint8_t b[static 32])
{
	return !memcmp(a, b, 32);
}

/* The hash that the line at i has to name. */
static const uint8_t *before(const struct export *x, size_t i)
{
	static const uint8_t none[32];

	return i ? x->line[i - 1].hash : none;
}

/* Would the line at i be the record after those before the one at "at"? */
static bool fits(const struct export *x, size_t i, size_t at)
{
	return i < x->n && x->line[i].sequence == at + 1 && same(x->line[i].previous, before(x, at));
}

/* A head of that record: 1 it is this line, -1 it is not, 0 there is none. */
static int held(const struct export *x, size_t i)
{
	for (size_t h = 0; h < x->heads; h++)
		if (x->head[h].sequence == i + 1)
			return same(x->head[h].hash, x->line[i].hash) ? 1 : -1;
	return 0;
}

/* Is that line the same record as one before it? */
static bool again(const struct export *x, size_t i)
{
	for (size_t j = 0; j < i; j++)
		if (same(x->line[j].hash, x->line[i].hash))
			return true;
	return false;
}

#define N(v) ((unsigned long long)(v))

/* The first line that does not fit, where the one after it does: something stands before it that does not belong there. */
static enum err name_extra(uint64_t *named, const struct export *x, size_t i, char why[static AUDIT_WHY])
{
	const struct line *l = &x->line[i];
	bool stays = i + 2 < x->n && same(x->line[i + 2].hash, l->hash);

	*named = i + 1;
	if (l->sequence == i + 2 && same(l->previous, x->line[i + 1].hash) && !stays)
		return say(why, E_FORMAT, "records %zu and %zu stand in each other's place", i + 1, i + 2);
	if (l->sequence && again(x, i)) {
		*named = l->sequence;
		return say(why, E_FORMAT, "record %llu stands twice: again on line %zu", N(l->sequence), i + 1);
	}
	return say(why, E_FORMAT, "line %zu was inserted before record %zu", i + 1, i + 1);
}

/* Does what comes behind that line, or a head of it, say that it is the record at "at"? */
static bool vouched(const struct export *x, size_t i, size_t at)
{
	for (size_t h = 0; h < x->heads; h++)
		if (x->head[h].sequence == at + 1)
			return same(x->head[h].hash, x->line[i].hash);
	return i + 1 < x->n && same(x->line[i + 1].previous, x->line[i].hash);
}

/* A record in its place that names another one before it: which of the two was changed? */
static enum err name_changed(uint64_t *named, const struct export *x, size_t i, char why[static AUDIT_WHY])
{
	bool next = i + 1 < x->n && x->line[i + 1].sequence;
	bool right = held(x, i) > 0 || (next && same(x->line[i + 1].previous, x->line[i].hash));
	bool wrong = held(x, i) < 0 || (next && !right) || !i || held(x, i - 1) > 0;

	*named = right && i ? i : i + 1;
	if (right || wrong)
		return say(why, E_FORMAT, "record %llu was changed", N(*named));
	return say(why, E_FORMAT, "record %zu or %zu was changed; a later head would tell which", i, i + 1);
}

/* What is wrong with the first line that does not fit. */
static enum err name(uint64_t *named, const struct export *x, size_t i, char why[static AUDIT_WHY])
{
	const struct line *l = &x->line[i];

	*named = i + 1;
	if (fits(x, i + 1, i))
		return name_extra(named, x, i, why);
	if (i && fits(x, i, i - 1) && !same(l->hash, x->line[i - 1].hash) && vouched(x, i, i - 1)) {
		*named = i;
		return say(why, E_FORMAT, "line %zu was inserted before record %zu", i, i);
	}
	if (!l->sequence)
		return say(why, E_FORMAT, "record %zu was changed: line %zu is not written as a room writes it", i + 1, i + 1);
	if (l->sequence == i + 1)
		return name_changed(named, x, i, why);
	if (same(l->previous, before(x, i)))
		return say(why, E_FORMAT, "record %zu was changed: it says that it is record %llu", i + 1, N(l->sequence));
	for (size_t m = i + 2; m < x->n; m++)
		if (fits(x, m, i))
			return say(why, E_FORMAT, "record %zu was moved to line %zu", i + 1, m + 1);
	if (l->sequence == i + 2)
		return say(why, E_FORMAT, "record %zu was removed", i + 1);
	if (l->sequence > i + 1)
		return say(why, E_FORMAT, "records %zu to %llu were removed", i + 1, N(l->sequence - 1));
	if (!again(x, i))
		return say(why, E_FORMAT, "line %zu was inserted: it says that it is record %llu", i + 1, N(l->sequence));
	*named = l->sequence;
	return say(why, E_FORMAT, "record %llu stands twice: again on line %zu", N(l->sequence), i + 1);
}

/* A chain without a break, held against the heads: the lowest that does not fit is named. */
static enum err check_heads(struct audit_check *c, const struct export *x, char why[static AUDIT_WHY])
{
	static const uint8_t none[32];
	const struct audit_head *bad = NULL;
	char time[SEAL_TIME];

	for (size_t h = 0; h < x->heads; h++) {
		const struct audit_head *head = &x->head[h];
		bool fit = head->sequence <= x->n && same(head->hash, head->sequence ? x->line[head->sequence - 1].hash : none);

		if (fit && head->sequence > c->held)
			c->held = head->sequence;
		if (!fit && (!bad || head->sequence < bad->sequence))
			bad = head;
	}
	if (!bad)
		return E_OK;
	seal_time(time, bad->utc);
	c->named = bad->sequence;
	if (bad->sequence <= x->n)
		return say(why, E_FORMAT, "record %llu is not the one that the head of %s vouches for: it was changed, or all after "
			   "record %llu were made anew", N(bad->sequence), time, N(c->held < bad->sequence ? c->held : 0));
	c->named = x->n + 1;
	return say(why, E_FORMAT, "truncated: it ends with record %zu, the head of %s is of record %llu", x->n, time,
		   N(bad->sequence));
}

/* Every line: E_OK, E_CRYPTO */
static enum err read_lines(struct export *x, struct span text)
{
	const uint8_t *p = text.p, *end = p ? p + text.len : p, *nl;
	struct audit a;
	enum err e = E_OK;

	while (!e && p < end) {
		nl = memchr(p, '\n', (size_t)(end - p));
		nl = nl ? nl + 1 : end;
		e = audit_parse(&a, (struct span){ p, (size_t)(nl - p) });
		if (!e) {
			x->line[x->n].sequence = a.sequence;
			x->line[x->n].utc = a.utc;
			memcpy(x->line[x->n].previous, a.previous, sizeof a.previous);
			memcpy(x->line[x->n].hash, a.hash, sizeof a.hash);
		}
		e = e == E_FORMAT ? E_OK : e;
		x->n++;
		p = nl;
	}
	return e;
}

enum err audit_verify(struct audit_check *c, struct span text, const struct audit_head *head, size_t n,
		      char why[static AUDIT_WHY])
{
	struct export x = { .head = head, .heads = n };
	size_t lines = 1;
	enum err e;

	*why = 0;
	*c = (struct audit_check){ 0 };
	for (size_t i = 0; i < text.len; i++)
		lines += text.p[i] == '\n';
	x.line = calloc(lines, sizeof *x.line);
	if (!x.line)
		return E_INTERNAL;
	e = read_lines(&x, text);
	c->records = x.n;
	c->utc = x.n ? x.line[x.n - 1].utc : 0;
	for (size_t i = 0; !e && i < x.n; i++)
		if (!fits(&x, i, i))
			e = name(&c->named, &x, i, why);
	if (!e)
		e = check_heads(c, &x, why);
	free(x.line);
	return e;
}
