/* Any bytes as a ceremony record, and the same without the last one: only the one record that the key signed is one. */
#include "tests/lib/ceremony_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static struct audit_sim sim;
static struct ceremony right;
static char text[CEREMONY_SIM_MAX];
static size_t len;

static void try(const uint8_t *data, size_t size)
{
	struct ceremony c;
	char why[CEREMONY_WHY];
	enum err e = ceremony_read(&c, (struct span){ data, size }, sim.records, why);

	if (!e && (size != len || memcmp(data, text, size) || c.n != right.n))
		abort();
	if (e == E_FORMAT && !*why)
		abort();
	ceremony_free(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!len)
		len = ceremony_sim(&right, text, &sim);
	try(data, size);
	if (size)
		try(data, size - 1);
	return 0;
}
