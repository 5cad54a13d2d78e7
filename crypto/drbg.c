#include "crypto/drbg.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

#include <string.h>

#define TAKE_MAX 7500
#define REQUESTS_MAX (UINT32_C(1) << 24)
#define PARTS_MAX 8

/*
 * HMAC_DRBG_Update (SP 800-90A 10.1.2.2): K = HMAC(K, V || round || data), V = HMAC(K, V), and a second round when
 * there are data.
 */
static enum err update(struct drbg *d, const struct span *parts, size_t n)
{
	struct span in[PARTS_MAX + 2];
	uint8_t round = 0;
	size_t len = 0;
	enum err e;

	if (n > PARTS_MAX)
		return E_RANGE;
	in[0] = SPAN(d->v);
	in[1] = (struct span){ &round, 1 };
	for (size_t i = 0; i < n; i++) {
		in[i + 2] = parts[i];
		len += parts[i].len;
	}
	do {
		uint8_t k[32];

		e = hmac_sha256(k, SPAN(d->k), in, n + 2);
		memcpy(d->k, k, sizeof k);
		wipe(k, sizeof k);
		if (!e)
			e = hmac_sha256(d->v, SPAN(d->k), in, 1);
	} while (!e && len && round++ == 0);
	return e;
}
