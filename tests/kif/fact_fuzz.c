/* Whatever a row of facts holds: it is refused, or every text in it is printable and every number in its range. */
#include "kif/fact.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void printable(const char *text, size_t size)
{
	size_t n = strnlen(text, size);

	if (n == size)
		abort();
	for (size_t i = 0; i < n; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fact f;

	if (fact_read(&f, (struct span){ data, size }))
		return 0;
	printable(f.serial, sizeof f.serial);
	printable(f.key_set, sizeof f.key_set);
	printable(f.scheme, sizeof f.scheme);
	printable(f.ksn, sizeof f.ksn);
	printable(f.state, sizeof f.state);
	printable(f.kcv, sizeof f.kcv);
	printable(f.firmware, sizeof f.firmware);
	if (!f.sequence || f.slot > 7 || !serial_ok(f.serial, strlen(f.serial)))
		abort();
	return 0;
}
