#include "bdk/passphrase.h"
#include "base/wipe.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

enum { BLOCK = 128, LEAST_LOG_N = 14, MOST_LOG_N = 17, R = 8, MOST_P = 16, SPARE = 1 << 20 };

enum err passphrase_fit(struct span phrase)
{
	return phrase.len < PASSPHRASE_MIN || phrase.len > PASSPHRASE_MAX ? E_RANGE : E_OK;
}

enum err passphrase_derive(uint8_t key[static 32], const struct passphrase_cost *cost,
			   const uint8_t salt[static PASSPHRASE_SALT], struct span phrase)
{
	enum err e = E_OK;

	memset(key, 0, 32);
	/* Nobody's, or nobody's passphrase: an empty one would open what was made with none. */
	if (!phrase.len || phrase.len > PASSPHRASE_MAX || cost->log_n < LEAST_LOG_N || cost->log_n > MOST_LOG_N ||
	    cost->r != R || !cost->p || cost->p > MOST_P)
		return E_RANGE;
	if (EVP_PBE_scrypt((const char *)phrase.p, phrase.len, salt, PASSPHRASE_SALT, (uint64_t)1 << cost->log_n, R,
			   cost->p, (((uint64_t)1 << cost->log_n) + cost->p) * BLOCK * R + SPARE, key, 32) != 1) {
		wipe(key, 32);
		e = E_CRYPTO;
	}
	return e;
}

enum err passphrase_verifier_make(struct passphrase_verifier *v, struct span phrase)
{
	struct passphrase_verifier made = { .cost = PASSPHRASE_COST };
	enum err e = passphrase_fit(phrase);

	if (!e && RAND_bytes(made.salt, sizeof made.salt) != 1)
		e = E_RANDOM;
	if (!e)
		e = passphrase_derive(made.check, &made.cost, made.salt, phrase);
	if (!e)
		*v = made;
	wipe(&made, sizeof made);
	return e;
}

enum err passphrase_verify(const struct passphrase_verifier *v, struct span phrase)
{
	uint8_t check[32];
	enum err e = passphrase_derive(check, &v->cost, v->salt, phrase);

	if (!e && !ct_equal(check, v->check, sizeof check))
		e = E_PASSPHRASE;
	wipe(check, sizeof check);
	return e;
}

void passphrase_verifier_put(struct wr *w, const struct passphrase_verifier *v)
{
	wr_u8(w, v->cost.log_n);
	wr_u8(w, v->cost.r);
	wr_u8(w, v->cost.p);
	wr_copy(w, v->salt, sizeof v->salt);
	wr_copy(w, v->check, sizeof v->check);
}

void passphrase_verifier_take(struct rd *r, struct passphrase_verifier *v)
{
	v->cost.log_n = rd_u8(r);
	v->cost.r = rd_u8(r);
	v->cost.p = rd_u8(r);
	rd_copy(r, v->salt, sizeof v->salt);
	rd_copy(r, v->check, sizeof v->check);
}
