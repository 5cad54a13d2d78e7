#include "base/host/stanza.h"
#include "base/hex.h"
#include "base/wipe.h"

#include <stdbool.h>
#include <string.h>

static enum err add(struct stanza *s, char *line)
{
	char *eq = strchr(line, '='), *end, *value;
	size_t klen, vlen;

	if (!eq)
		return E_FORMAT;
	for (end = eq; end > line && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	*end = 0;
	for (value = eq + 1; *value == ' ' || *value == '\t'; value++)
		;
	for (end = value + strlen(value); end > value && strchr(" \t\r", end[-1]); end--)
		;
	*end = 0;
	klen = strlen(line);
	vlen = strlen(value);
	if (!klen || stanza_get(s, line))
		return E_FORMAT;
	if (s->n == STANZA_FIELDS || klen + vlen + 2 > sizeof s->text - s->used)
		return E_SPACE;
	s->field[s->n].key = (uint16_t)s->used;
	memcpy(s->text + s->used, line, klen + 1);
	s->used += klen + 1;
	s->field[s->n++].value = (uint16_t)s->used;
	memcpy(s->text + s->used, value, vlen + 1);
	s->used += vlen + 1;
	return E_OK;
}

enum { LINE = STANZA_BYTES + 256 }; /* with the blanks that are not kept */

/*
 * One line without its end. *e: E_FORMAT for a NUL byte, E_SPACE where it is longer than any stanza, and then its
 * beginning. False at the end of the stream.
 */
static bool read_line(char line[static LINE], size_t *len, enum err *e, FILE *f)
{
	int c;

	*len = 0;
	*e = E_OK;
	while ((c = getc_unlocked(f)) != EOF && c != '\n') {
		if (!c)
			*e = E_FORMAT;
		if (*len < LINE - 1)
			line[(*len)++] = (char)c;
		else if (!*e)
			*e = E_SPACE;
	}
	if (*len && line[*len - 1] == '\r')
		--*len;
	line[*len] = 0;
	return c != EOF || *len;
}

enum err stanza_read(struct stanza *s, FILE *f)
{
	char line[LINE];	/* not on the heap: values may be keys, and this is wiped */
	bool any = false;
	enum err e = E_OK, bad;
	size_t len;

	s->n = s->used = 0;
	while (read_line(line, &len, &bad, f)) {
		char *p = line + strspn(line, " \t");

		s->last++;
		if (*p == '#' && bad != E_FORMAT)
			continue;
		if (!*p && !bad) {
			if (any)
				break;
			continue;
		}
		if (!any)
			s->line = s->last;
		any = true;
		if (!e)
			e = bad ? bad : add(s, p);
	}
	wipe(line, sizeof line);
	return any ? e : E_SHORT;
}

const char *stanza_get(const struct stanza *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->text + s->field[i].key, key))
			return s->text + s->field[i].value;
	return NULL;
}

static bool is_text(struct span d)
{
	for (size_t i = 0; i < d.len; i++)
		if (d.p[i] < 0x20 || d.p[i] > 0x7e)
			return false;
	return !d.len || (d.p[0] != ' ' && d.p[d.len - 1] != ' ');
}

void stanza_print(FILE *out, const char *key, struct span value)
{
	char digits[3] = "";

	if (is_text(value)) {
		fprintf(out, "%s = %.*s\n", key, (int)value.len, value.len ? (const char *)value.p : "");
		return;
	}
	fprintf(out, "%s_hex = ", key);
	for (size_t i = 0; i < value.len; i++) {
		hex_encode(digits, value.p + i, 1);
		fputs(digits, out);
	}
	fputc('\n', out);
	wipe(digits, sizeof digits);
}
