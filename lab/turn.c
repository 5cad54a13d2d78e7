#include "lab/turn.h"
#include "base/hex.h"
#include "base/wipe.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void turn_wipe(struct stanza *s)
{
	wipe(s->text, s->used);
	s->n = s->used = 0;
}

/* Room for a value of chars characters and its NUL. NULL if it does not fit: then the stanza is full from there on, so
 * that turn_end() sees it. */
static char *add(struct stanza *a, const char *key, size_t chars)
{
	size_t klen = strlen(key) + 1;
	char *value;

	if (a->n == STANZA_FIELDS || klen + chars + 1 > sizeof a->text - a->used) {
		a->used = sizeof a->text;
		return NULL;
	}
	a->field[a->n].key = (uint16_t)a->used;
	memcpy(a->text + a->used, key, klen);
	value = a->text + a->used + klen;
	a->field[a->n++].value = (uint16_t)(a->used + klen);
	a->used += klen + chars + 1;
	return value;
}

void turn_begin(const struct turn *t)
{
	const char *name = stanza_get(t->q, "case");

	t->a->n = t->a->used = 0;
	if (name && strlen(name) <= TURN_CASE)
		turn_say(t, "case", name);
}

enum err turn_end(const struct turn *t, enum err e)
{
	if (e && !stanza_get(t->a, "status"))
		turn_refuse(t, e, "%s", err_text(e));
	if (!e)
		turn_say(t, "status", "ok");
	if (t->a->used == sizeof t->a->text)
		e = turn_refuse(t, E_RANGE, "the answer is longer than a stanza may be: %d fields, %d bytes",
				STANZA_FIELDS, STANZA_BYTES);
	return e;
}

const char *turn_get(const struct turn *t, const char *key)
{
	const char *value = stanza_get(t->q, key);

	return value && strcmp(value, "-") ? value : NULL;
}

const char *turn_first(const struct turn *t, const char *const *names)
{
	for (; *names; names++)
		if (turn_get(t, *names))
			return *names;
	return NULL;
}

enum err turn_hex(const struct turn *t, const char *key, uint8_t *out, size_t *len, size_t size)
{
	const char *text = turn_get(t, key);
	enum err e;

	if (!text) {
		wipe(out, size);
		return turn_refuse(t, E_SHORT, "%s is needed", key);
	}
	e = hex_decode(out, len, size, text, strlen(text));
	if (e == E_FORMAT)
		return turn_refuse(t, e, "%s is not an even number of hexadecimal digits", key);
	if (e == E_SPACE)
		return turn_refuse(t, E_RANGE, "%s is longer than %zu bytes", key, size);
	return e;
}

enum err turn_key(const struct turn *t, const char *key, struct key *out)
{
	size_t len = 0;
	enum err e = turn_hex(t, key, out->b, &len, sizeof out->b);

	out->len = e ? 0 : (uint8_t)len;
	return e;
}

enum err turn_number(const struct turn *t, const char *key, unsigned *out, unsigned otherwise, unsigned least,
		     unsigned most)
{
	const char *text = turn_get(t, key);
	unsigned long v = otherwise;
	char *end;

	if (text) {
		v = strtoul(text, &end, 10);
		if (*text < '0' || *text > '9' || *end || strlen(text) > 9 || v < least || v > most)
			return turn_refuse(t, E_RANGE, "%s is not a number from %u to %u", key, least, most);
	}
	*out = (unsigned)v;
	return E_OK;
}

void turn_say(const struct turn *t, const char *key, const char *value)
{
	size_t len = strlen(value);
	char *p = add(t->a, key, len);

	if (p)
		memcpy(p, value, len + 1);
}

void turn_say_hex(const struct turn *t, const char *key, const uint8_t *value, size_t len)
{
	char *p = add(t->a, key, 2 * len);

	if (p)
		hex_encode(p, value, len);
}

void turn_say_format(const struct turn *t, const char *key, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	turn_say(t, key, text);
	wipe(text, sizeof text);
}

enum err turn_refuse(const struct turn *t, enum err e, const char *why, ...)
{
	char text[256];
	va_list args;

	turn_wipe(t->a);
	turn_begin(t);
	va_start(args, why);
	vsnprintf(text, sizeof text, why, args);
	va_end(args);
	turn_say(t, "status", "refused");
	turn_say(t, "reason", text);
	return e;
}
