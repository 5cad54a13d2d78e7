/* What of P-256 needs no arithmetic on the curve. */
#include "crypto/p256.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

#include <string.h>

enum err p256_generate(struct key *priv, struct drbg *d)
{
	struct key k = { .len = 32 };
	enum err e;

	/* FIPS 186-4 B.4.2: c + 1 for a c of 0..n-2. The loop runs once but for a chance of 2^-32. */
	do {
		uint32_t carry = 1;

		e = drbg_take(d, k.b, 32);
		for (size_t i = 32; i-- > 0; carry >>= 8) {
			carry += k.b[i];
			k.b[i] = (uint8_t)carry;
		}
	} while (!e && !p256_scalar_ok(k.b));
	if (e)
		wipe(priv, sizeof *priv);
	else
		*priv = k;
	wipe(&k, sizeof k);
	return e;
}

void p256_low(uint8_t sig[static P256_SIG])
{
	uint8_t *s = sig + 32, other[32];
	uint32_t borrow = 0;

	for (size_t i = sizeof other; i-- > 0;) {
		uint32_t d = (uint32_t)p256_n[i] - s[i] - borrow;

		other[i] = (uint8_t)d;
		borrow = d >> 31;
	}
	/* borrow: s is above n, and no signature */
	if (!borrow && memcmp(other, s, sizeof other) < 0)
		memcpy(s, other, sizeof other);
}

void p256_spki(uint8_t out[static P256_SPKI], const uint8_t point[static P256_POINT])
{
	/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING without unused bits (RFC 5480) */
	static const uint8_t head[P256_SPKI - P256_POINT] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
							      0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
							      0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00 };

	memcpy(out, head, sizeof head);
	memcpy(out + sizeof head, point, P256_POINT);
}

enum err p256_spki_digest(uint8_t out[static 32], const uint8_t point[static P256_POINT])
{
	uint8_t spki[P256_SPKI];

	p256_spki(spki, point);
	return sha256(out, &SPAN(spki), 1);
}
