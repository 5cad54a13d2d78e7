#include "crypto/drbg.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

#include <string.h>

#define TAKE_MAX 7500
#define REQUESTS_MAX (UINT32_C(1) << 24)

/* HMAC_DRBG_Update (SP 800-90A 10.1.2.2); the second round is for data only. */
static enum err update(struct drbg *d, const struct span *parts, size_t n)
{
	uint8_t round = 0;
	struct span in[DRBG_PARTS + 2] = { SPAN(d->v), { &round, 1 } };
	size_t len = 0;
	enum err e;

	for (size_t i = 0; i < n; i++) {
		in[2 + i] = parts[i];
		len += parts[i].len;
	}
	do {
		e = hmac_sha256(d->k, SPAN(d->k), in, 2 + n);
		if (!e)
			e = hmac_sha256(d->v, SPAN(d->k), in, 1);
	} while (!e && len && !round++);
	return e;
}

enum err drbg_seed(struct drbg *d, const struct span *parts, size_t n)
{
	memset(d->k, 0x00, sizeof d->k);
	memset(d->v, 0x01, sizeof d->v);
	d->requests = 1;
	return drbg_reseed(d, parts, n);
}

enum err drbg_reseed(struct drbg *d, const struct span *parts, size_t n)
{
	enum err e = E_OK;

	if (!d->requests)
		return E_RANDOM;
	if (n > DRBG_PARTS)
		e = E_RANGE;
	else
		e = update(d, parts, n);
	d->requests = 1;
	if (e)
		wipe(d, sizeof *d);
	return e;
}

enum err drbg_take(struct drbg *d, uint8_t *out, size_t len)
{
	enum err e = E_OK;

	if (!d->requests || d->requests > REQUESTS_MAX)
		e = E_RANDOM;
	else if (len > TAKE_MAX)
		e = E_RANGE;
	if (e) {
		wipe(out, len);
		return e;
	}
	for (size_t at = 0, piece; !e && at < len; at += piece) {
		piece = len - at < sizeof d->v ? len - at : sizeof d->v;
		e = hmac_sha256(d->v, SPAN(d->k), &SPAN(d->v), 1);
		memcpy(out + at, d->v, piece);
	}
	if (!e)
		e = update(d, NULL, 0);
	d->requests++;
	if (e) {
		wipe(d, sizeof *d);
		wipe(out, len);
	}
	return e;
}
