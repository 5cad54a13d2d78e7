/*
 * A stream of payloads, each behind its length in one byte, from the till to a terminal that holds two keys. A counter
 * moves by one with every RESULT and by nothing else.
 */
#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static uint32_t counters(struct sim *s)
{
	struct dukpt_registers tdes = sim_registers(&s->store, 0), aes = sim_registers(&s->store, 1);

	return ksn_counter(&tdes.ksn) + ksn_counter(&aes.ksn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct sim sim, saved;
	static struct sim_host host;
	static uint8_t reply[LINK_PAYLOAD];
	uint32_t used = 0, before;
	struct rd r;

	if (!saved.port.ctx) {
		sim_loaded(&sim, &host);
		saved = sim;
	}
	sim = saved;
	before = counters(&sim);
	rd_init(&r, data, size);
	while (r.left > 1) {
		size_t len = rd_u8(&r), n = trade_answer(&sim.trade, reply, rd_span(&r, len < r.left ? len : r.left));

		if (n > LINK_PAYLOAD)
			abort();
		used += n && reply[0] == TILL_RESULT;
	}
	if (counters(&sim) != before + used)
		abort();
	return 0;
}
