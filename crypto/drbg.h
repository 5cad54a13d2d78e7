/*
 * HMAC-DRBG with SHA-256 (NIST SP 800-90A 10.1.2). Written once over hmac_sha256(). The caller brings the entropy and
 * owns the state: wipe it when done.
 */
#ifndef KEYROOM_CRYPTO_DRBG_H
#define KEYROOM_CRYPTO_DRBG_H

#include "crypto/key.h"

struct drbg {
	uint8_t k[32], v[32];
	uint32_t requests;	/* since seeding; 0 means never seeded */
};

#define DRBG_PARTS 8

/* drbg_seed - instantiate from all parts in order (entropy, nonce, personalization), at most DRBG_PARTS.
 * E_OK, E_RANGE, E_CRYPTO (d wiped) */
MUST_USE enum err drbg_seed(struct drbg *d, const struct span *parts, size_t n);

/* drbg_reseed - mix in more. E_OK, E_RANDOM (never seeded), E_RANGE, E_CRYPTO (d wiped) */
MUST_USE enum err drbg_reseed(struct drbg *d, const struct span *parts, size_t n);

/*
 * drbg_take - len random bytes, at most 7500 a call (SP 800-90A table 2)
 *
 *   E_OK, E_RANDOM (never seeded, or due for reseeding after 2^24 requests), E_RANGE, E_CRYPTO (d wiped); out wiped on
 *   an error
 */
MUST_USE enum err drbg_take(struct drbg *d, uint8_t *out, size_t len);

#endif
