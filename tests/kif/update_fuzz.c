/*
 * What kif update reads, as a file and as a RECEIPT: a key block is printable and stood there, a refused RECEIPT leaves
 * nothing.
 */
#include "kif/update.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct update_result none;
	struct update_result out = none;
	char block[UPDATE_BLOCK + 1];
	enum err e = update_block(block, (struct span){ data, size });
	size_t len = strlen(block);

	if (!e != (len > 0) || len > UPDATE_BLOCK || (len && !memmem(data, size, block, len)))
		abort();
	for (const char *c = block; *c; c++)
		if (*c < ' ' || *c > '~')
			abort();
	e = update_receipt(&out, 1, (struct span){ data, size });
	if (e ? memcmp(&out, &none, sizeof out) != 0 : !out.done)
		abort();
	return 0;
}
