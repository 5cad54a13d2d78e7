/* record_parse() and the field_ functions on any bytes: what they give lies inside the input, rows included. */
#include "bdk/record.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static void inside(struct span v, struct span all)
{
	if (v.p && (v.p < all.p || v.len > all.len || v.p + v.len > all.p + all.len))
		abort();
}

static void read_all(struct span fields, struct span all, int depth)
{
	char text[64];
	uint64_t n;

	for (uint16_t tag = 0; tag < 70; tag++) {
		struct span v;
		size_t at = 0;

		while (field_next(&v, fields, tag, &at)) {
			inside(v, all);
			if (depth < 3)
				read_all(v, all, depth + 1);
		}
		if (field_text(text, sizeof text, fields, tag) != E_OK && text[0])
			abort();
		if (field_number(&n, fields, tag, 1000) == E_OK && n > 1000)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { data, size }, fields;
	uint16_t op;

	if (record_parse(&op, &fields, all) == E_OK) {
		inside(fields, all);
		if (field_check(fields) != E_OK)
			abort();
		read_all(fields, all, 0);
	}
	return 0;
}
