/* Any bytes as an export and as heads, and the same without the last one: only the one export that a head vouches for is whole,
 * whatever else it is has a reason that names a record, and no head is read but those that were signed. */
#include "tests/lib/audit_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static struct audit_sim sim;

static void try(const uint8_t *data, size_t size)
{
	struct audit_check c;
	struct audit_head *h;
	char why[AUDIT_WHY];
	size_t n = 0;
	enum err e = audit_verify(&c, (struct span){ data, size }, &sim.head[AUDIT_SIM_RECORDS], 1, why);

	if (e ? !c.named || !*why : size != sim.len || memcmp(data, sim.text, size))
		abort();
	e = audit_heads(&h, &n, (struct span){ data, size }, sim.records, why);
	if (e ? h || !*why : !n)
		abort();
	for (size_t i = 0; i < n; i++)
		if (h[i].sequence > AUDIT_SIM_RECORDS || memcmp(&h[i], &sim.head[h[i].sequence], sizeof h[i]))
			abort();
	free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!sim.len)
		audit_sim(&sim);
	try(data, size);
	if (size)
		try(data, size - 1);
	return 0;
}
