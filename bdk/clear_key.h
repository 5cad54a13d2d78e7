/*
 * Clear keys that came in by components or in a block: putting them together, and refusing those that are none. Bytes
 * alone; only a worker (bdk/worker.h) does this, in its locked memory, and makes a token object of the result at once.
 *
 * Nothing here branches on a key or indexes by one, but for the result.
 */
#ifndef KEYROOM_BDK_CLEAR_KEY_H
#define KEYROOM_BDK_CLEAR_KEY_H

#include "crypto/key.h"

#include <stdbool.h>

#define COMPONENTS_LEAST 2
#define COMPONENTS_MOST 9

/*
 * clear_key_fit - is this a key to go by?
 *
 *   k    in/out  TDES: 16 or 24 bytes, which get odd parity. DES takes no notice of those bits and no check value tells
 *                them apart, but some tokens take nothing else. AES: 16, 24 or 32 bytes, as they are
 *
 *   E_OK, E_KEY (another length; all zero; TDES: two DES keys in it the same, or one of the 16 weak and semi-weak ones)
 */
MUST_USE enum err clear_key_fit(struct key *k, bool tdes);

/*
 * clear_key_join - the key of which these are the components: all of them xor each other over their full length
 *
 *   out   out  as clear_key_fit() leaves it; wiped on an error. TDES components may have any parity: of an even number
 *              of odd ones the sum is even
 *   part  in   n of one length
 *
 *   E_OK, E_RANGE (n is not 2 to 9), E_KEY (two of them the same, which cancel each other; one that is zero, which adds
 *   nothing; lengths that differ; or clear_key_fit()'s)
 */
MUST_USE enum err clear_key_join(struct key *out, const struct key part[], unsigned n, bool tdes);

/* clear_key_parity - odd parity in every byte, as `bdk component` gives it to TDES ones */
void clear_key_parity(struct key *k);

#endif
