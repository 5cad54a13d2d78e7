/* Any bytes as a certificate of destruction, and the same without the last one: only the one that the key signed is one. */
#include "tests/lib/destroyed_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static struct audit_sim sim;
static struct destroyed right;
static char text[DESTROYED_MAX];
static size_t len;

static void try(const uint8_t *data, size_t size)
{
	struct destroyed d;
	char why[DESTROYED_WHY];
	enum err e = destroyed_read(&d, (struct span){ data, size }, sim.records, why);

	if (!e && (size != len || memcmp(data, text, size)))
		abort();
	if (e == E_FORMAT && !*why)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!len)
		len = destroyed_sim(&right, text, &sim);
	try(data, size);
	if (size)
		try(data, size - 1);
	return 0;
}
