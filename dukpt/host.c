#include "dukpt/host.h"
#include "base/wipe.h"
#include "dukpt/tdes.h"

enum err dukpt_host_ik(struct key *ik, const struct key *bdk, enum dukpt_scheme scheme, const struct ksn *k)
{
	struct dukpt_step s;
	enum err e;

	if (scheme == DUKPT_TDES)
		return dukpt_tdes_ik(ik, bdk, k);
	e = dukpt_aes_step_ik(&s, scheme, k);
	if (e)
		return e;
	if (bdk->len != s.len)
		return E_KEY;
	return dukpt_run(ik, bdk, &s);
}

/* along a walk of k's terminal, from its initial key */
static enum err go(struct key *out, struct dukpt_walk *w, const struct key *ik, const struct ksn *k)
{
	struct key at = *ik;
	struct dukpt_step s;
	enum err e = at.len == dukpt_key_len(w->scheme) ? E_OK : E_KEY;

	while (!e && dukpt_aes_step_next(&s, w, k))
		e = dukpt_run(&at, &at, &s);
	if (e)
		goto done;
	*out = at;
done:
	wipe(&at, sizeof at);
	return e;
}

enum err dukpt_host_txn(struct key *txn, const struct key *ik, enum dukpt_scheme scheme, const struct ksn *k)
{
	struct dukpt_walk w;
	enum err e;

	if (scheme == DUKPT_TDES)
		return dukpt_tdes_txn(txn, ik, k);
	e = dukpt_aes_walk(&w, scheme, k);
	return e ? e : go(txn, &w, ik, k);
}

enum err dukpt_host_key(struct key *out, const struct key *ik, enum dukpt_scheme scheme, const struct ksn *k,
			enum dukpt_purpose purpose)
{
	struct key txn = { { 0 }, 0 };
	enum err e = dukpt_host_txn(&txn, ik, scheme, k);

	if (e)
		goto done;
	e = dukpt_txn_key(out, &txn, scheme, k, purpose);
done:
	wipe(&txn, sizeof txn);
	return e;
}

enum err dukpt_host_aes_key(struct key *out, const struct key *ik, enum dukpt_scheme scheme, const struct ksn *k,
			    enum dukpt_usage usage, enum dukpt_key_type type)
{
	struct key txn = { { 0 }, 0 };
	enum err e = dukpt_host_txn(&txn, ik, scheme, k);

	if (e)
		goto done;
	e = dukpt_txn_aes_key(out, &txn, scheme, k, usage, type);
done:
	wipe(&txn, sizeof txn);
	return e;
}

enum err dukpt_host_update_key(struct key *out, const struct key *ik, enum dukpt_scheme scheme, const struct ksn *k,
			       enum dukpt_key_type type)
{
	struct key parent = { { 0 }, 0 };
	struct dukpt_walk w;
	struct dukpt_step s;
	struct ksn last;
	enum err e;

	ksn_set_counter(&last, k, UINT32_MAX);
	e = dukpt_aes_walk_update(&w, scheme);
	if (e)
		goto done;
	e = dukpt_aes_step_working(&s, scheme, &last, DUKPT_USE_KEY_ENCRYPTION, type);
	if (e)
		goto done;
	e = go(&parent, &w, ik, &last);
	if (e)
		goto done;
	e = dukpt_run(out, &parent, &s);
done:
	wipe(&parent, sizeof parent);
	return e;
}
