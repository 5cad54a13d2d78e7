#include "dukpt/registers.h"
#include "base/wipe.h"
#include "dukpt/aes.h"
#include "dukpt/tdes.h"

#include <string.h>

/* The key of k's counter from the one that lacks its lowest one-bit, into the register of that bit */
static enum err fill(struct dukpt_registers *r, unsigned bit, const struct key *parent, const struct ksn *k)
{
	enum dukpt_scheme scheme = (enum dukpt_scheme)r->scheme;
	uint32_t to = ksn_counter(k);
	struct dukpt_walk w = { scheme, to, to & (to - 1) };	/* its last step */
	struct key child = { { 0 }, 0 };
	struct dukpt_step s = { { 0 }, 0 };
	enum err e;

	if (scheme == DUKPT_TDES) {
		e = dukpt_tdes_step(&child, parent, k);
	} else {
		dukpt_aes_step_next(&s, &w, k);
		e = dukpt_run(&child, parent, &s);
	}
	if (e)
		goto done;
	memcpy(r->key[bit], child.b, child.len);
	r->filled |= 1u << bit;
done:
	wipe(&child, sizeof child);
	return e;
}

/* All registers of the bits below one, from the key of k's counter */
static enum err fill_below(struct dukpt_registers *r, unsigned bit, const struct key *parent, const struct ksn *k)
{
	enum err e = E_OK;

	while (!e && bit--) {
		struct ksn child;

		ksn_set_counter(&child, k, ksn_counter(k) | 1u << bit);
		/* false: the rule allows k's counter no further one-bit */
		if (!ksn_counter_valid(&child))
			break;
		e = fill(r, bit, parent, &child);
	}
	return e;
}

enum err dukpt_registers_load(struct dukpt_registers *r, enum dukpt_scheme scheme, const struct key *ik,
			      const struct ksn *iksn)
{
	struct ksn k = *iksn;
	enum err e = E_SCHEME;

	wipe(r, sizeof *r);
	if (!ksn_fits(&k, scheme))
		goto done;
	e = E_COUNTER;
	if (!ksn_initial(&k))
		goto done;
	e = E_KEY;
	if (ik->len != dukpt_key_len(scheme))
		goto done;
	r->scheme = (uint8_t)scheme;
	e = fill_below(r, scheme == DUKPT_TDES ? 21 : 32, ik, &k);
	if (e)
		goto done;
	e = ksn_next(&r->ksn, &k);
done:
	if (e)
		wipe(r, sizeof *r);
	return e;
}

enum err dukpt_registers_take(struct dukpt_registers *next, struct key *txn, struct ksn *used,
			      const struct dukpt_registers *r)
{
	struct key key = { { 0 }, dukpt_key_len((enum dukpt_scheme)r->scheme) };
	struct ksn at = r->ksn;
	uint32_t counter = ksn_counter(&at);
	unsigned bit = 0;
	enum err e = E_SCHEME;

	*next = *r;
	if (!ksn_fits(&at, (enum dukpt_scheme)r->scheme))
		goto done;
	e = E_EXHAUSTED;
	if (!r->filled)
		goto done;
	e = E_COUNTER;
	if (!ksn_counter_valid(&at))
		goto done;
	while (!(counter >> bit & 1))
		bit++;
	if (!(r->filled >> bit & 1))
		goto done;
	memcpy(key.b, r->key[bit], key.len);
	wipe(next->key[bit], sizeof next->key[bit]);
	next->filled &= ~(1u << bit);
	e = fill_below(next, bit, &key, &at);
	if (e)
		goto done;
	e = ksn_next(&next->ksn, &at);
	/* After the last key no register is filled: that is how the state says so. */
	if (e == E_EXHAUSTED)
		e = next->filled ? E_COUNTER : E_OK;
	if (e)
		goto done;
	*txn = key;
	*used = at;
done:
	if (e)
		wipe(next, sizeof *next);
	wipe(&key, sizeof key);
	return e;
}

bool dukpt_registers_exhausted(const struct dukpt_registers *r)
{
	return r->scheme != DUKPT_NONE && !r->filled;
}
