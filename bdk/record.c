#include "bdk/record.h"

#include <string.h>

enum { HEAD = 4 }; /* of a field: tag and length */

void record_begin(struct record *r, uint16_t op)
{
	r->e = E_OK;
	put_be16(r->b, op);
	r->len = 2;
}

/* The head of a field whose value of len bytes has to fit as well. */
static bool head(struct record *r, uint16_t tag, size_t len)
{
	if (r->e)
		return false;
	if (len > UINT16_MAX) {
		r->e = E_RANGE;
		return false;
	}
	if (len + HEAD > RECORD_MAX - r->len) {
		r->e = E_SPACE;
		return false;
	}
	put_be16(r->b + r->len, tag);
	put_be16(r->b + r->len + 2, (unsigned)len);
	r->len += HEAD;
	return true;
}

void record_put(struct record *r, uint16_t tag, struct span value)
{
	if (!head(r, tag, value.len))
		return;
	if (value.len)
		memcpy(r->b + r->len, value.p, value.len);
	r->len += value.len;
}

void record_put_text(struct record *r, uint16_t tag, const char *text)
{
	record_put(r, tag, (struct span){ (const uint8_t *)text, strlen(text) });
}

void record_put_number(struct record *r, uint16_t tag, uint64_t v)
{
	uint8_t b[8];

	put_be64(b, v);
	record_put(r, tag, SPAN(b));
}

size_t record_open(struct record *r, uint16_t tag)
{
	size_t at = r->len;

	head(r, tag, 0);
	return at;
}

void record_close(struct record *r, size_t at)
{
	size_t len;

	if (r->e)
		return;
	len = r->len - at - HEAD;
	if (len > UINT16_MAX)
		r->e = E_RANGE;
	else
		put_be16(r->b + at + 2, (unsigned)len);
}

/* The next field, whatever its tag; false at the end, and where a field is cut off. */
static bool next(uint16_t *tag, struct span *value, struct span fields, size_t *at)
{
	size_t left = *at < fields.len ? fields.len - *at : 0, len;

	if (left < HEAD)
		return false;
	len = get_be16(fields.p + *at + 2);
	if (len > left - HEAD)
		return false;
	*tag = get_be16(fields.p + *at);
	*value = (struct span){ fields.p + *at + HEAD, len };
	*at += HEAD + len;
	return true;
}

enum err field_check(struct span fields)
{
	struct span value;
	uint16_t tag;
	size_t at = 0;

	while (next(&tag, &value, fields, &at))
		;
	return at == fields.len ? E_OK : E_SHORT;
}

enum err record_parse(uint16_t *op, struct span *fields, struct span received)
{
	struct span all;

	if (received.len > RECORD_MAX)
		return E_FORMAT;
	if (received.len < 2)
		return E_SHORT;
	all = (struct span){ received.p + 2, received.len - 2 };
	if (field_check(all))
		return E_SHORT;
	*op = get_be16(received.p);
	*fields = all;
	return E_OK;
}

bool field_next(struct span *value, struct span fields, uint16_t tag, size_t *at)
{
	struct span v;
	uint16_t t;

	while (next(&t, &v, fields, at))
		if (t == tag) {
			*value = v;
			return true;
		}
	return false;
}

struct span field_get(struct span fields, uint16_t tag)
{
	struct span v = { NULL, 0 };
	size_t at = 0;

	return field_next(&v, fields, tag, &at) ? v : (struct span){ NULL, 0 };
}

enum err field_text(char *out, size_t size, struct span fields, uint16_t tag)
{
	struct span v = field_get(fields, tag);

	out[0] = 0;
	if (!v.len || v.len >= size)
		return E_FORMAT;
	for (size_t i = 0; i < v.len; i++)
		if (v.p[i] < 0x20 || v.p[i] > 0x7e)
			return E_FORMAT;
	memcpy(out, v.p, v.len);
	out[v.len] = 0;
	return E_OK;
}

enum err field_number(uint64_t *v, struct span fields, uint16_t tag, uint64_t most)
{
	struct span f = field_get(fields, tag);
	uint64_t n;

	*v = 0;
	if (f.len != 8)
		return E_FORMAT;
	n = get_be64(f.p);
	if (n > most)
		return E_RANGE;
	*v = n;
	return E_OK;
}
