/*
 * A passphrase: what a person knows, and what bdkd makes of it by scrypt (RFC 7914), which costs whoever guesses as much
 * memory and time a guess as it costs us once.
 *
 * A passphrase is the bytes that were typed: nothing is normalised, so a letter that two keyboards write differently is
 * two letters.
 */
#ifndef KEYROOM_BDK_PASSPHRASE_H
#define KEYROOM_BDK_PASSPHRASE_H

#include "base/bytes.h"
#include "bdk/request.h"

#define PASSPHRASE_SALT 16

/* 2^log_n blocks of 128 r bytes, p times. What is stored names its cost, so that a later version may ask for more. */
struct passphrase_cost {
	uint8_t log_n, r, p;
};
#define PASSPHRASE_COST ((struct passphrase_cost){ 15, 8, 3 }) /* 32 MiB, about a quarter of a second */

/* passphrase_fit - may it be chosen? E_OK, E_RANGE (shorter than PASSPHRASE_MIN or longer than PASSPHRASE_MAX) */
MUST_USE enum err passphrase_fit(struct span phrase);

/*
 * passphrase_derive - a key of the passphrase
 *
 *   key   out  zero on an error
 *   cost  in   log_n 14 to 17, r 8, p 1 to 16: neither weaker nor of more than 128 MiB, whoever has written it
 *
 *   E_OK, E_RANGE (the cost, or no passphrase of 1 to PASSPHRASE_MAX bytes), E_CRYPTO
 */
MUST_USE enum err passphrase_derive(uint8_t key[static 32], const struct passphrase_cost *cost,
				    const uint8_t salt[static PASSPHRASE_SALT], struct span phrase);

/* What is kept to know a person's passphrase again. Stored as PASSPHRASE_VERIFIER bytes: log_n, r, p, salt, check. */
#define PASSPHRASE_VERIFIER (3 + PASSPHRASE_SALT + 32)
struct passphrase_verifier {
	struct passphrase_cost cost;
	uint8_t salt[PASSPHRASE_SALT], check[32];
};

/* passphrase_verifier_make - under a fresh salt. E_OK, E_RANGE (passphrase_fit()'s), E_RANDOM, E_CRYPTO */
MUST_USE enum err passphrase_verifier_make(struct passphrase_verifier *v, struct span phrase);

/* passphrase_verify - E_OK, E_PASSPHRASE (it is another one), E_RANGE (v breaks the bounds), E_CRYPTO. It takes the same
 * time whatever was typed. */
MUST_USE enum err passphrase_verify(const struct passphrase_verifier *v, struct span phrase);

/* passphrase_verifier_put, passphrase_verifier_take - as it is stored; bounds are passphrase_verify()'s */
void passphrase_verifier_put(struct wr *w, const struct passphrase_verifier *v);
void passphrase_verifier_take(struct rd *r, struct passphrase_verifier *v);

#endif
