/*
 * What is a scalar of P-256. The code is in the header so that the back ends need nothing of the library that stands on
 * them.
 */
#ifndef KEYROOM_CRYPTO_SCALAR_H
#define KEYROOM_CRYPTO_SCALAR_H

#include "crypto/key.h"

#include <stdbool.h>

/* n, the order of the group */
static const uint8_t p256_n[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
				    0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
				    0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };

/* p256_scalar_ok - is the big-endian number s one of 1..n-1? In constant time. */
static inline bool p256_scalar_ok(const uint8_t s[static 32])
{
	uint32_t borrow = 0, any = 0;

	for (size_t i = sizeof p256_n; i-- > 0;) {
		borrow = ((uint32_t)s[i] - p256_n[i] - borrow) >> 31;
		any |= s[i];
	}
	return borrow & ((0u - any) >> 31);
}

/* p256_private_ok - is it a private key? */
static inline bool p256_private_ok(const struct key *priv)
{
	return priv->len == 32 && p256_scalar_ok(priv->b);
}

#endif
