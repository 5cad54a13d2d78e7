/* Any bytes as a hand-over pack, and the same without the last one: it ends, and a load is given out only of the one pack
 * that its room signed, whole. */
#include "tests/lib/pack_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static struct pack_sim sim;
static char right[PACK_MAX];
static size_t right_len;

static enum err each(void *n, const struct pack_load *l)
{
	++*(unsigned *)n;
	return serial_ok(l->serial, strlen(l->serial)) ? E_OK : E_FORMAT;
}

static void try(const uint8_t *data, size_t size)
{
	struct pack_judge judge = pack_sim_judge(&sim);
	char why[PACK_WHY];
	struct pack_head h;
	struct cert maker;
	unsigned n = 0;
	enum err e = pack_read(&h, &maker, (struct span){ data, size }, &judge, PACK_SIM_UTC, each, &n, why);

	if (e ? n || h.loads : size != right_len || memcmp(data, right, size) || n != PACK_SIM_LOADS)
		abort();
	if (e && !*why)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!right_len) {
		pack_sim(&sim);
		right_len = pack_sim_make(right, &sim);
	}
	try(data, size);
	if (size)
		try(data, size - 1);
	return 0;
}
