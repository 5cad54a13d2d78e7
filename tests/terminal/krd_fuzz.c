/*
 * A stream of payloads, each behind its length in two bytes, into a terminal that holds two keys. Whatever comes, those
 * two stay as they are: nobody here can sign for the KDH, or knows an update key. (Everything is deterministic, so a corpus file may hold a
 * whole session that loads a third.)
 */
#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sim sim, saved;
	static struct sim_host host;
	static uint8_t reply[LINK_PAYLOAD];
	struct rd r;

	if (!saved.port.ctx) {
		sim_loaded(&sim, &host);
		saved = sim;
	}
	sim = saved;
	rd_init(&r, data, size);
	while (r.left > 2) {
		size_t len = rd_u16(&r);
		struct span request = rd_span(&r, len < r.left ? len : r.left);
		size_t n;

		if (request.len > LINK_PAYLOAD)
			break;
		n = krd_answer(&sim.krd, reply, request);
		if (n > LINK_PAYLOAD || !n != !request.len)
			abort();
	}
	if (memcmp(sim.store.slot, saved.store.slot, 2 * sizeof sim.store.slot[0]) ||
	    sim.store.state.life != LIFE_IDENTIFIED || store_load_count(&sim.store) < store_load_count(&saved.store))
		abort();
	krd_end(&sim.krd);
	return 0;
}
