/*
 * P-256: key pairs, ECDH, ECDSA. Points are 65 bytes 04 || x || y; scalars are 32 bytes, 1..n-1; signatures are
 * 64 bytes r || s. Every function that takes a point checks that it is on the curve. Outputs are wiped on an error.
 */
#ifndef KEYROOM_CRYPTO_P256_H
#define KEYROOM_CRYPTO_P256_H

#include "crypto/drbg.h"
#include "crypto/key.h"
#include "crypto/scalar.h"

#define P256_POINT 65
#define P256_SIG 64

/* p256_generate - a private key from the DRBG, by testing candidates (FIPS 186-4 B.4.2). E_OK, E_RANDOM, E_CRYPTO */
MUST_USE enum err p256_generate(struct key *priv, struct drbg *d);

/* p256_public - the point of a private key. E_OK, E_KEY (not 32 bytes in 1..n-1), E_CRYPTO */
MUST_USE enum err p256_public(uint8_t point[static P256_POINT], const struct key *priv);

/* p256_check - E_OK if point is 04 || x || y on the curve, else E_POINT */
MUST_USE enum err p256_check(const uint8_t point[static P256_POINT]);

/* p256_ecdh - Z, the x coordinate, 32 bytes with leading zeros kept. E_OK, E_KEY, E_POINT, E_CRYPTO */
MUST_USE enum err p256_ecdh(struct key *z, const struct key *priv, const uint8_t point[static P256_POINT]);

/* p256_sign - ECDSA over a SHA-256 digest with the deterministic nonce of RFC 6979. E_OK, E_KEY, E_CRYPTO */
MUST_USE enum err p256_sign(uint8_t sig[static P256_SIG], const struct key *priv, const uint8_t digest[static 32]);

/* p256_verify - E_OK, E_POINT, E_SIGNATURE (also for r or s outside 1..n-1), E_CRYPTO. The digest is a SHA-256: the
 * numbers 0 and n, which no message is known to give, are refused by one back end and not by the other. */
MUST_USE enum err p256_verify(const uint8_t sig[static P256_SIG], const uint8_t point[static P256_POINT],
			      const uint8_t digest[static 32]);

/* p256_low - of the signatures (r, s) and (r, n - s), which are good or bad together, the one with the lower s */
void p256_low(uint8_t sig[static P256_SIG]);

/* p256_spki - the DER SubjectPublicKeyInfo of a point: a fixed head of 26 bytes, then the point. Its SHA-256 is the
 * "SPKI digest" that a person compares. */
#define P256_SPKI 91
void p256_spki(uint8_t out[static P256_SPKI], const uint8_t point[static P256_POINT]);

/* p256_spki_digest - SHA-256 of p256_spki(). E_OK, E_CRYPTO */
MUST_USE enum err p256_spki_digest(uint8_t out[static 32], const uint8_t point[static P256_POINT]);

#endif
