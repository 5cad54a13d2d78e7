/*
 * AES key wrap with padding (RFC 5649, NIST SP 800-38F KWP). Written once over the back end's AES.
 */
#ifndef KEYROOM_CRYPTO_KEYWRAP_H
#define KEYROOM_CRYPTO_KEYWRAP_H

#include "crypto/key.h"

#define KEYWRAP_MAX 40		/* a wrapped key of 32 bytes */

/*
 * keywrap_wrap - wrap one key
 *
 *   out  out  16 bytes for a key of 8, else key->len + 8
 *   len  out  how many
 *
 *   E_OK, E_KEY (kek not 16, 24 or 32 bytes; key empty or longer than 32), E_CRYPTO
 */
MUST_USE enum err keywrap_wrap(uint8_t out[static KEYWRAP_MAX], size_t *len, const struct key *kek,
			       const struct key *key);

/*
 * keywrap_unwrap - open it again
 *
 *   out  out  the key; zeroed on an error
 *   in   in   len bytes
 *
 *   E_OK, E_KEY (kek), E_UNWRAP (any defect of the input: one result, one time for one length), E_CRYPTO
 */
MUST_USE enum err keywrap_unwrap(struct key *out, const struct key *kek, const uint8_t *in, size_t len);

#endif
