/*
 * The KDF that turns Z into the key-encryption key of one wrapped item: NIST SP 800-108, counter mode, PRF
 * CMAC-AES-256 under Z, 32 bytes out. Input of block i = 1, 2: be32(i) || label(7) || 00 || ctx(32) || 00000100.
 *
 * It is SP 800-108 and not SP 800-56C: no extract step is claimed (doc/adr/0002-kdf-in-token.md).
 */
#ifndef KEYROOM_CRYPTO_KBKDF_H
#define KEYROOM_CRYPTO_KBKDF_H

#include "crypto/key.h"

#define KBKDF_LABEL 7
#define KBKDF_INPUT 48

/*
 * kbkdf_input - the three whole blocks that the PRF authenticates for counter i; what a token needs to run the PRF
 *
 *   out  out  48 bytes
 *   i    in   1 or 2
 */
void kbkdf_input(uint8_t out[static KBKDF_INPUT], uint32_t i, const char label[static KBKDF_LABEL],
		 const uint8_t ctx[static 32]);

/*
 * kbkdf - the whole KDF on bytes
 *
 *   kek  out  32 bytes; wiped on an error
 *   z    in   32 bytes
 *
 *   E_OK, E_KEY (z is not 32 bytes long), E_CRYPTO
 */
MUST_USE enum err kbkdf(struct key *kek, const struct key *z, const char label[static KBKDF_LABEL],
			const uint8_t ctx[static 32]);

#endif
