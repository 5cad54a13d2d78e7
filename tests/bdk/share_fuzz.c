/* share_parse() on any bytes: an error leaves nothing, and what is taken is written back byte by byte; cut short it never is taken. */
#include "bdk/share.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct share nothing;
	uint8_t back[SHARE_MAX];
	struct share s;
	size_t len = 0;
	enum err e = share_parse(&s, (struct span){ data, size });

	if (e && memcmp(&s, &nothing, sizeof s))
		abort();
	if (!e && (share_put(back, &len, sizeof back, &s) || len != size || memcmp(back, data, len) || !s.x || s.x > s.of.n ||
		   s.of.m < 2 || s.of.m > s.of.n || s.of.n > SHARE_MOST || !share_name(s.custodian)))
		abort();
	if (!e && !share_parse(&s, (struct span){ data, size - 1 }))
		abort();
	return 0;
}
