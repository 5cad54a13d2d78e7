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

/*
 * The health tests of SP 800-90B 4.4 on every byte of the noise source, which is taken to give 4 bits a byte at least;
 * each is wrong about a good source once in 2^20 bytes or windows at that rate, and far more seldom about a better one.
 *
 *   repetition count (4.4.1)     fails at RANDOM_REPEATS equal bytes in a row: 1 + 20 / 4
 *   adaptive proportion (4.4.2)  fails when the first byte of a window of RANDOM_WINDOW comes RANDOM_SAME times in it:
 *                                1 + the binomial's 1 - 2^-20 quantile for 512 and 2^-4
 *   start-up (4.3)               RANDOM_STARTUP bytes at power-on, which are used for nothing else
 *   and a draw whose halves are the same fails
 *
 * Once failed, a source is not believed until the next power-on.
 */
#define RANDOM_REPEATS 6
#define RANDOM_WINDOW 512
#define RANDOM_SAME 62
#define RANDOM_STARTUP 1024

struct health {
	uint32_t taken; /* bytes */
	uint16_t run, same;
	uint8_t last, sample; /* the byte before; the first of this window */
	bool failed;
};

struct random {
	const struct port *port;
	const struct store *store;
	uint32_t draws; /* since power-on */
	struct health health;
};

/* health_start - the start-up test; what it found shows in every draw after it */
void health_start(struct health *h, const struct port *port);

/* random_start - at power-on, with health_start(); what is pointed to has to stay */
void random_start(struct random *r, const struct port *port, const struct store *store);

/*
 * random_entropy - bytes of the noise source that pass the health tests
 *
 *   E_OK
 *   E_RANDOM  the source says so, or fails a test, now or earlier since power-on; out is wiped
 */
MUST_USE enum err random_entropy(uint8_t out[static RANDOM_ENTROPY], struct health *h, const struct port *port);

/* random_birth - a generator for keys of a lifetime, of fresh entropy, the other side's bytes and the chip id.
 * E_OK, E_RANDOM, E_CRYPTO; d is wiped on an error and the caller's to wipe */
MUST_USE enum err random_birth(struct drbg *d, struct health *h, const struct port *port, struct span room);

/* random_session - a generator for one session, of the device secret, the boot counter, the count of draws, fresh
 * entropy and the message that began the session. Results as random_birth */
MUST_USE enum err random_session(struct drbg *d, struct random *r, struct span message);

#endif
