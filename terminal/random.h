/*
 * Randomness in the terminal. No source is believed alone: the noise source is tested and then mixed, by HMAC-DRBG,
 * with what else there is. A terminal whose noise source fails unseen still never repeats an ephemeral key or a nonce:
 * the device secret is its own, and the durable boot counter and a count of draws since then never repeat together.
 */
#ifndef KEYROOM_TERMINAL_RANDOM_H
#define KEYROOM_TERMINAL_RANDOM_H

#include "crypto/drbg.h"
#include "terminal/store.h"

#define RANDOM_ENTROPY 64 /* bytes drawn from the noise source at a time */

struct random {
	const struct port *port;
	const struct store *store;
	uint32_t draws; /* since power-on */
};

/*
 * random_entropy - bytes of the noise source that pass the health test
 *
 *   E_OK
 *   E_RANDOM  the source says so, repeats a byte six times running, or gives the same half twice; out is wiped
 *
 * The repetition count test of SP 800-90B 4.4.1 for 4 bits a byte and one false alarm in 2^20; a good source trips it
 * once in about 2^34 draws.
 */
MUST_USE enum err random_entropy(uint8_t out[static RANDOM_ENTROPY], const struct port *port);

/* random_birth - a generator for keys of a lifetime, of fresh entropy, the other side's bytes and the chip id.
 * E_OK, E_RANDOM, E_CRYPTO; d is wiped on an error and the caller's to wipe */
MUST_USE enum err random_birth(struct drbg *d, const struct port *port, struct span room);

/* random_session - a generator for one session, of the device secret, the boot counter, the count of draws, fresh
 * entropy and the message that began the session. Results as random_birth */
MUST_USE enum err random_session(struct drbg *d, struct random *r, struct span message);

#endif
