#include "base/bytes.h"

#include <string.h>

void put_be16(uint8_t out[static 2], unsigned v)
{
	out[0] = (uint8_t)(v >> 8);
	out[1] = (uint8_t)v;
}

void put_be32(uint8_t out[static 4], uint32_t v)
{
	put_be16(out, v >> 16);
	put_be16(out + 2, v & 0xffffu);
}

void put_be64(uint8_t out[static 8], uint64_t v)
{
	put_be32(out, (uint32_t)(v >> 32));
	put_be32(out + 4, (uint32_t)v);
}

uint16_t get_be16(const uint8_t in[static 2])
{
	return (uint16_t)(in[0] << 8 | in[1]);
}

uint32_t get_be32(const uint8_t in[static 4])
{
	return (uint32_t)get_be16(in) << 16 | get_be16(in + 2);
}

uint64_t get_be64(const uint8_t in[static 8])
{
	return (uint64_t)get_be32(in) << 32 | get_be32(in + 4);
}

void rd_init(struct rd *r, const uint8_t *p, size_t len)
{
	*r = (struct rd){ p, len, E_OK };
}

struct span rd_span(struct rd *r, size_t len)
{
	struct span s = { r->p, len };

	if (!r->e && r->left < len)
		r->e = E_SHORT;
	if (r->e)
		return (struct span){ NULL, 0 };
	if (len)
		r->p += len;
	r->left -= len;
	return s;
}

void rd_copy(struct rd *r, uint8_t *out, size_t len)
{
	struct span s = rd_span(r, len);

	if (r->e)
		memset(out, 0, len);
	else if (len)
		memcpy(out, s.p, len);
}

uint8_t rd_u8(struct rd *r)
{
	uint8_t b[1];

	rd_copy(r, b, sizeof b);
	return b[0];
}

uint16_t rd_u16(struct rd *r)
{
	uint8_t b[2];

	rd_copy(r, b, sizeof b);
	return get_be16(b);
}

uint32_t rd_u32(struct rd *r)
{
	uint8_t b[4];

	rd_copy(r, b, sizeof b);
	return get_be32(b);
}

uint64_t rd_u64(struct rd *r)
{
	uint8_t b[8];

	rd_copy(r, b, sizeof b);
	return get_be64(b);
}

struct span rd_span8(struct rd *r)
{
	return rd_span(r, rd_u8(r));
}

struct span rd_span16(struct rd *r)
{
	return rd_span(r, rd_u16(r));
}

enum err rd_end(const struct rd *r)
{
	if (r->e)
		return r->e;
	return r->left ? E_FORMAT : E_OK;
}

void wr_init(struct wr *w, uint8_t *p, size_t size)
{
	*w = (struct wr){ p, size, 0, E_OK };
}

void wr_copy(struct wr *w, const uint8_t *in, size_t len)
{
	if (!w->e && w->size - w->len < len)
		w->e = E_SPACE;
	if (w->e || !len)
		return;
	memcpy(w->p + w->len, in, len);
	w->len += len;
}

void wr_u8(struct wr *w, unsigned v)
{
	uint8_t b[1] = { (uint8_t)v };

	wr_copy(w, b, sizeof b);
}

void wr_u16(struct wr *w, unsigned v)
{
	uint8_t b[2];

	put_be16(b, v);
	wr_copy(w, b, sizeof b);
}

void wr_u32(struct wr *w, uint32_t v)
{
	uint8_t b[4];

	put_be32(b, v);
	wr_copy(w, b, sizeof b);
}

void wr_u64(struct wr *w, uint64_t v)
{
	uint8_t b[8];

	put_be64(b, v);
	wr_copy(w, b, sizeof b);
}

void wr_span8(struct wr *w, struct span s)
{
	if (!w->e && s.len > 0xff)
		w->e = E_RANGE;
	wr_u8(w, (unsigned)s.len);
	wr_copy(w, s.p, s.len);
}

void wr_span16(struct wr *w, struct span s)
{
	if (!w->e && s.len > 0xffff)
		w->e = E_RANGE;
	wr_u16(w, (unsigned)s.len);
	wr_copy(w, s.p, s.len);
}

enum err wr_end(const struct wr *w)
{
	return w->e;
}
