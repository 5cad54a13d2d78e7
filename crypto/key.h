/*
 * A key is a type. Its length travels with it: 8 (one half of a TDES key, or single DES), 16, 24 or 32 bytes.
 * Whoever declares one wipes it, on every path.
 */
#ifndef KEYROOM_CRYPTO_KEY_H
#define KEYROOM_CRYPTO_KEY_H

#include "base/bytes.h"
#include "base/err.h"

struct key {
	uint8_t b[32];
	uint8_t len;
};

enum dir { ENCRYPT, DECRYPT };

#endif
