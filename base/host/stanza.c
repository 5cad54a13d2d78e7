#include "base/host/stanza.h"
#include "base/wipe.h"

#include <stdbool.h>
#include <stdlib.h>
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

enum err stanza_read(struct stanza *s, FILE *f)
{
	char *text = NULL;
	size_t size = 0;
	ssize_t len;
	bool any = false;
	enum err e = E_OK;

	s->n = s->used = 0;
	while ((len = getline(&text, &size, f)) >= 0) {
		char *p = text;

		s->last++;
		while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
			text[--len] = 0;
		p += strspn(p, " \t");
		if (*p == '#')
			continue;
		if (!*p && strlen(text) == (size_t)len) {
			if (any)
				break;
			continue;
		}
		if (!any)
			s->line = s->last;
		any = true;
		if (!e)
			e = strlen(text) == (size_t)len ? add(s, p) : E_FORMAT;
	}
	if (text) {
		wipe(text, size);	/* values may be keys */
		free(text);
	}
	return any ? e : E_SHORT;
}

const char *stanza_get(const struct stanza *s, const char *key)
{
	for (size_t i = 0; i < s->n; i++)
		if (!strcmp(s->text + s->field[i].key, key))
			return s->text + s->field[i].value;
	return NULL;
}
