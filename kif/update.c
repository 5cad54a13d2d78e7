#include "kif/update.h"
#include "base/hex.h"

#include <string.h>

#define SIGNATURE 64 /* bytes at the end of a RECEIPT */

/* A line that is a key block of version D by its first five characters: its length stands in them (X9.143 6.2). */
static bool is_block(const uint8_t *p, size_t len)
{
	size_t says = 0;

	if (len < 5 || *p != 'D')
		return false;
	for (int i = 1; i < 5; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		says = says * 10 + (size_t)(p[i] - '0');
	}
	return says == len;
}

enum err update_block(char out[static UPDATE_BLOCK + 1], struct span text)
{
	static const char name[] = "key_block = ";
	const uint8_t *p = text.p, *end = text.p + text.len, *line_end;

	*out = 0;
	for (; p < end; p = line_end + 1) {
		line_end = memchr(p, '\n', (size_t)(end - p));
		if (!line_end)
			line_end = end;
		if ((size_t)(line_end - p) >= sizeof name && !memcmp(p, name, sizeof name - 1))
			p += sizeof name - 1;
		else if (!is_block(p, (size_t)(line_end - p)))
			continue;
		if (line_end - p > UPDATE_BLOCK)
			return E_SPACE;
		for (const uint8_t *c = p; c < line_end; c++)
			if (*c < ' ' || *c > '~')
				return E_FORMAT;
		memcpy(out, p, (size_t)(line_end - p));
		out[line_end - p] = 0;
		return E_OK;
	}
	return E_SHORT;
}

enum err update_receipt(struct update_result *out, unsigned slot, struct span receipt)
{
	struct span ksn, kcv;
	uint32_t load_count;
	bool is_this;
	struct rd r;
	enum err e;

	rd_init(&r, receipt.p, receipt.len);
	is_this = rd_u16(&r) == E_OK;
	is_this &= rd_u8(&r) == slot;
	ksn = rd_span8(&r);
	kcv = rd_span8(&r);
	load_count = rd_u32(&r);
	rd_span(&r, SIGNATURE);
	e = rd_end(&r);
	if (e)
		return e;
	if (!is_this || ksn.len > UPDATE_KSN || kcv.len > UPDATE_KCV)
		return E_FORMAT;
	hex_encode(out->ksn, ksn.p, ksn.len);
	hex_encode(out->kcv, kcv.p, kcv.len);
	out->load_count = load_count;
	out->done = true;
	return E_OK;
}

enum err update_run(struct update_result *out, const struct update *in)
{
	uint8_t message[1 + 2 + UPDATE_BLOCK];
	struct span receipt = { NULL, 0 };
	struct visit *v;
	struct wr w;
	enum err e;

	*out = (struct update_result){ .done = false };
	wr_init(&w, message, sizeof message);
	wr_u8(&w, in->slot);
	wr_span16(&w, (struct span){ (const uint8_t *)in->block, strlen(in->block) });
	e = visit_begin(&v, &out->report, &in->to, "updating",
			"run the same command again: the terminal loads no key twice, and answers as before");
	if (!e)
		e = wr_end(&w);
	if (e)
		goto done;
	v->sent = true;
	visit_progress(v, "UPDATE to the terminal on %s", in->to.port);
	e = visit_ask_terminal(v, &receipt, VISIT_UPDATE, (struct span){ message, w.len }, VISIT_RECEIPT);
	if (e)
		goto done;
	e = update_receipt(out, in->slot, receipt);
	if (e)
		e = visit_fail(v, e, "its RECEIPT is none for this slot", v->again, "terminal on %s", in->to.port);
done:
	visit_end(v);
	return e;
}
