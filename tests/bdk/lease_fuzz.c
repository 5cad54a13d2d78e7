/* A lease's file: any bytes are refused, or are a lease in its one encoding, whose ids its scheme has; cut short they
 * never are. Who signed it is not looked at here. */
#include "tests/lib/test.h"

#include <stdlib.h>

#include "bdk/lease.c" /* how it is written has no name outside */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[LEASE_MAX];
	struct lease_file f, g;
	struct wr w;

	if (lease_parse(&f, (struct span){ data, size }))
		return 0;
	if (f.lease.first > f.lease.last || f.lease.last > dukpt_device_max(f.lease.set.scheme) ||
	    f.sig != data + size - P256_SIG || f.ca_sig != f.sig - P256_SIG)
		abort();
	wr_init(&w, again, sizeof again);
	put_body(&w, &f.lease, f.records);
	wr_copy(&w, f.ca_sig, P256_SIG);
	wr_copy(&w, f.sig, P256_SIG);
	if (wr_end(&w) || w.len != size || memcmp(again, data, size) != 0 ||
	    !lease_parse(&g, (struct span){ data, size - 1 }))
		abort();
	return 0;
}
