#include "terminal/till.h"

#include <stdbool.h>
#include <string.h>

#define NAME_MAX 32

/* Bytes of the number that a small message carries. */
static unsigned width(enum till_type type)
{
	return type == TILL_REFUSAL ? 2 : type == TILL_PROMPT || type == TILL_KEYPAD ? 1 : 0;
}

static bool all_within(struct span s, uint8_t least, uint8_t most)
{
	bool ok = true;

	for (size_t i = 0; i < s.len; i++)
		ok &= s.p[i] >= least && s.p[i] <= most;
	return ok;
}

static bool text_ok(struct span s, size_t least, size_t most)
{
	return s.len >= least && s.len <= most && all_within(s, ' ', '~');
}

static bool ksn_ok(struct span s)
{
	return s.len == 10 || s.len == 12;
}

/* What fields may be: encoders and decoders ask the same. */
static bool state_ok(const struct till_state *m)
{
	bool ok = text_ok(m->serial, 1, NAME_MAX) && text_ok(m->firmware, 0, NAME_MAX) && m->slots <= TILL_SLOTS;

	for (unsigned i = 0; ok && i < m->slots; i++) {
		const struct till_slot *s = &m->slot[i];

		ok = text_ok(s->scheme, 1, NAME_MAX) && (!s->ksn.len || ksn_ok(s->ksn)) && s->kcv.len <= 5;
	}
	return ok;
}

static bool begin_ok(const struct till_begin *m)
{
	return m->pan.len >= TILL_PAN_MIN && m->pan.len <= TILL_PAN_MAX && all_within(m->pan, '0', '9') &&
	       text_ok(m->amount, 1, TILL_AMOUNT_MAX) && m->mac_data.len <= TILL_MAC_DATA_MAX &&
	       m->data.len <= TILL_DATA_MAX;
}

static bool result_ok(const struct till_result *m)
{
	return text_ok(m->scheme, 1, NAME_MAX) && ksn_ok(m->ksn) && (m->pin_block.len == 8 || m->pin_block.len == 16) &&
	       (m->mac.len == 8 || m->mac.len == 16) && m->data.len && m->data.len % 8 == 0 &&
	       m->data.len <= TILL_DATA_MAX + TILL_BLOCK;
}

static bool response_ok(const struct till_response *m)
{
	return (m->mac.len == 8 || m->mac.len == 16) && m->clear <= TILL_MAC_DATA_MAX && m->clear <= m->text.len &&
	       m->text.len - m->clear <= TILL_DATA_MAX + TILL_BLOCK && (m->text.len - m->clear) % 8 == 0;
}

static enum err put_end(size_t *len, const struct wr *w, bool ok)
{
	enum err e = ok ? wr_end(w) : E_RANGE;

	if (!e)
		*len = w->len;
	return e;
}

static enum err get_end(void *m, size_t size, const struct rd *r, bool ok)
{
	enum err e = rd_end(r);

	if (!e && !ok)
		e = E_FORMAT;
	if (e)
		memset(m, 0, size);
	return e;
}

enum err till_put_state(uint8_t *out, size_t *len, size_t size, const struct till_state *m)
{
	bool ok = state_ok(m);
	struct wr w;

	wr_init(&w, out, size);
	wr_u8(&w, TILL_STATE);
	wr_u8(&w, m->life);
	wr_span8(&w, m->serial);
	wr_span8(&w, m->firmware);
	wr_u8(&w, m->slots);
	for (unsigned i = 0; ok && i < m->slots; i++) {
		const struct till_slot *s = &m->slot[i];

		wr_u8(&w, s->index);
		wr_u8(&w, s->state);
		wr_span8(&w, s->scheme);
		wr_span8(&w, s->ksn);
		wr_span8(&w, s->kcv);
	}
	return put_end(len, &w, ok);
}

enum err till_get_state(struct till_state *m, struct span payload)
{
	struct rd r;
	bool ok;

	memset(m, 0, sizeof *m);
	rd_init(&r, payload.p, payload.len);
	ok = rd_u8(&r) == TILL_STATE;
	m->life = rd_u8(&r);
	m->serial = rd_span8(&r);
	m->firmware = rd_span8(&r);
	m->slots = rd_u8(&r);
	for (unsigned i = 0; i < m->slots && i < TILL_SLOTS; i++) {
		struct till_slot *s = &m->slot[i];

		s->index = rd_u8(&r);
		s->state = rd_u8(&r);
		s->scheme = rd_span8(&r);
		s->ksn = rd_span8(&r);
		s->kcv = rd_span8(&r);
	}
	return get_end(m, sizeof *m, &r, ok && state_ok(m));
}

enum err till_put_begin(uint8_t *out, size_t *len, size_t size, const struct till_begin *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_u8(&w, TILL_BEGIN);
	wr_u8(&w, m->slot);
	wr_span8(&w, m->pan);
	wr_span8(&w, m->amount);
	wr_span16(&w, m->mac_data);
	wr_span16(&w, m->data);
	return put_end(len, &w, begin_ok(m));
}

enum err till_get_begin(struct till_begin *m, struct span payload)
{
	struct rd r;
	bool ok;

	memset(m, 0, sizeof *m);
	rd_init(&r, payload.p, payload.len);
	ok = rd_u8(&r) == TILL_BEGIN;
	m->slot = rd_u8(&r);
	m->pan = rd_span8(&r);
	m->amount = rd_span8(&r);
	m->mac_data = rd_span16(&r);
	m->data = rd_span16(&r);
	return get_end(m, sizeof *m, &r, ok && begin_ok(m));
}

enum err till_put_result(uint8_t *out, size_t *len, size_t size, const struct till_result *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_u8(&w, TILL_RESULT);
	wr_span8(&w, m->scheme);
	wr_span8(&w, m->ksn);
	wr_u8(&w, m->pin_format);
	wr_span8(&w, m->pin_block);
	wr_span8(&w, m->mac);
	wr_span16(&w, m->data);
	return put_end(len, &w, result_ok(m));
}

enum err till_get_result(struct till_result *m, struct span payload)
{
	struct rd r;
	bool ok;

	memset(m, 0, sizeof *m);
	rd_init(&r, payload.p, payload.len);
	ok = rd_u8(&r) == TILL_RESULT;
	m->scheme = rd_span8(&r);
	m->ksn = rd_span8(&r);
	m->pin_format = rd_u8(&r);
	m->pin_block = rd_span8(&r);
	m->mac = rd_span8(&r);
	m->data = rd_span16(&r);
	return get_end(m, sizeof *m, &r, ok && result_ok(m));
}

enum err till_put_response(uint8_t *out, size_t *len, size_t size, const struct till_response *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_u8(&w, TILL_RESPONSE);
	wr_span8(&w, m->mac);
	wr_u16(&w, m->clear);
	wr_span16(&w, m->text);
	return put_end(len, &w, response_ok(m));
}

enum err till_get_response(struct till_response *m, struct span payload)
{
	struct rd r;
	bool ok;

	memset(m, 0, sizeof *m);
	rd_init(&r, payload.p, payload.len);
	ok = rd_u8(&r) == TILL_RESPONSE;
	m->mac = rd_span8(&r);
	m->covered = (struct span){ r.p, r.left };
	m->clear = rd_u16(&r);
	m->text = rd_span16(&r);
	return get_end(m, sizeof *m, &r, ok && response_ok(m));
}

enum err till_put_verified(uint8_t *out, size_t *len, size_t size, struct span data)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_u8(&w, TILL_VERIFIED);
	wr_span16(&w, data);
	return put_end(len, &w, data.len <= TILL_DATA_MAX);
}

enum err till_get_verified(struct span *data, struct span payload)
{
	struct rd r;
	bool ok;

	rd_init(&r, payload.p, payload.len);
	ok = rd_u8(&r) == TILL_VERIFIED;
	*data = rd_span16(&r);
	return get_end(data, sizeof *data, &r, ok && data->len <= TILL_DATA_MAX);
}

enum err till_put(uint8_t *out, size_t *len, size_t size, enum till_type type, unsigned value)
{
	unsigned n = width(type);
	struct wr w;

	wr_init(&w, out, size);
	wr_u8(&w, type);
	if (n == 1)
		wr_u8(&w, value);
	else if (n == 2)
		wr_u16(&w, value);
	return put_end(len, &w, value < 1u << 8 * n);
}

enum err till_get(unsigned *value, enum till_type type, struct span payload)
{
	unsigned n = width(type);
	struct rd r;
	bool ok;

	rd_init(&r, payload.p, payload.len);
	ok = rd_u8(&r) == type;
	*value = n == 2 ? rd_u16(&r) : n == 1 ? rd_u8(&r) : 0;
	return get_end(value, sizeof *value, &r, ok);
}
