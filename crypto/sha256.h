/*
 * SHA-256 (FIPS 180-4) and HMAC-SHA-256 (FIPS 198-1) over a list of spans, as if they stood in one piece.
 * One-shot, so that nothing lingers between calls.
 */
#ifndef KEYROOM_CRYPTO_SHA256_H
#define KEYROOM_CRYPTO_SHA256_H

#include "crypto/key.h"

/* sha256 - E_OK, E_CRYPTO (out wiped) */
MUST_USE enum err sha256(uint8_t out[static 32], const struct span *parts, size_t n);

/* hmac_sha256 - key of any length; out may be the key or a part. E_OK, E_CRYPTO (out wiped) */
MUST_USE enum err hmac_sha256(uint8_t out[static 32], struct span key, const struct span *parts, size_t n);

#endif
