/* The parser of hand-over packages on any bytes: what it accepts is a package in its one encoding, and lies inside the
 * input; cut short it never is one. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "bdk/exchange.c" /* its parser has no name outside */

static void inside(struct span v, const uint8_t *data, size_t size)
{
	if (v.len && (v.p < data || v.len > size || v.p + v.len > data + size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[EXCHANGE_MAX];
	struct package p;
	struct wr w;

	if (parse(&p, (struct span){ data, size }))
		return 0;
	inside(p.cert, data, size);
	inside(p.head, data, size);
	inside(p.body, data, size);
	if (p.sig != data + size - P256_SIG || p.items != (p.set.scheme == DUKPT_TDES ? 2 : 1) ||
	    p.set.len > sizeof p.set.b)
		abort();
	wr_init(&w, again, sizeof again);
	wr_copy(&w, (const uint8_t *)MAGIC, 4);
	wr_u8(&w, p.set.scheme);
	wr_span8(&w, (struct span){ p.set.b, p.set.len });
	wr_copy(&w, p.recipient, sizeof p.recipient);
	wr_span16(&w, p.cert);
	wr_copy(&w, p.point, sizeof p.point);
	if (p.head.len != w.len)
		abort();
	wr_span8(&w, (struct span){ p.kcv.b, p.kcv.len });
	wr_u8(&w, p.items);
	for (unsigned i = 0; i < p.items; i++) {
		wr_copy(&w, (const uint8_t *)p.item[i].label, sizeof p.item[i].label);
		wr_span8(&w, (struct span){ p.item[i].b, p.item[i].len });
	}
	if (wr_end(&w) || w.len != p.body.len || memcmp(again, p.body.p, w.len) != 0)
		abort();
	if (!parse(&p, (struct span){ data, size - 1 }))
		abort();
	return 0;
}
