#include "dukpt/update.h"
#include "base/wipe.h"
#include "dukpt/aes.h"
#include "dukpt/ikblock.h"

#include <string.h>

/* The register on the path to FFFFFFFF; its counter is all ones from that bit up. c is a valid counter. */
static unsigned on_path(uint32_t c)
{
	unsigned bit = 31;

	while (c >> bit & 1)
		bit--;
	return c << (31 - bit) ? bit : bit + 1;
}

enum err dukpt_update_key(struct key *key, const struct dukpt_registers *r)
{
	enum dukpt_scheme scheme = (enum dukpt_scheme)r->scheme;
	struct key at = { { 0 }, dukpt_key_len(scheme) };
	struct dukpt_walk w = { scheme, UINT32_MAX, 0 };
	enum dukpt_key_type type;
	struct dukpt_step working, s;
	struct ksn last;
	unsigned bit;
	enum err e = dukpt_key_type_of(&type, scheme);

	if (e)
		goto done;
	ksn_set_counter(&last, &r->ksn, UINT32_MAX);
	e = dukpt_aes_step_working(&working, scheme, &last, DUKPT_USE_KEY_ENCRYPTION, type);
	if (e)
		goto done;
	e = E_EXHAUSTED;
	if (!r->filled)
		goto done;
	e = E_COUNTER;
	if (!ksn_counter_valid(&r->ksn))
		goto done;
	bit = on_path(ksn_counter(&r->ksn));
	if (!(r->filled >> bit & 1))
		goto done;
	memcpy(at.b, r->key[bit], at.len);
	w.at = UINT32_MAX << bit;
	e = E_OK;
	while (!e && dukpt_aes_step_next(&s, &w, &last))
		e = dukpt_run(&at, &at, &s);
	if (e)
		goto done;
	e = dukpt_run(key, &at, &working);
done:
	wipe(&at, sizeof at);
	return e;
}

enum err dukpt_update(struct dukpt_registers *next, uint8_t kcv[static KCV_MAX], uint8_t *kcv_len,
		      const struct dukpt_registers *r, struct span text)
{
	enum dukpt_scheme had = (enum dukpt_scheme)r->scheme;
	uint8_t check[KCV_MAX], check_len;
	struct ksn was = r->ksn;
	struct key update = { { 0 }, 0 }, ik = { { 0 }, 0 };
	enum dukpt_scheme scheme;
	struct ksn iksn;
	enum err e = dukpt_update_key(&update, r);

	wipe(next, sizeof *next);
	if (e)
		goto done;
	e = dukpt_ik_open(&ik, &scheme, &iksn, text, &update);
	if (e)
		goto done;
	e = E_SCHEME;
	if (scheme != had)
		goto done;
	e = E_REPLAY;
	if (ksn_same_device(&iksn, &was))
		goto done;
	e = kcv_compute(check, &check_len, scheme, &ik);
	if (e)
		goto done;
	e = dukpt_registers_load(next, scheme, &ik, &iksn);
	if (e)
		goto done;
	memcpy(kcv, check, sizeof check);
	*kcv_len = check_len;
done:
	wipe(&update, sizeof update);
	wipe(&ik, sizeof ik);
	return e;
}
