#include "dukpt/host.h"
#include "base/wipe.h"
#include "dukpt/aes.h"
#include "dukpt/tdes.h"

static enum err aes_txn(struct key *txn, const struct key *ik, enum dukpt_scheme scheme, const struct ksn *k)
{
	struct key out = *ik;
	struct dukpt_walk w;
	struct dukpt_step s;
	enum err e = dukpt_aes_walk(&w, scheme, k);

	while (!e && dukpt_aes_step_next(&s, &w, k))
		e = dukpt_run(&out, &out, &s);
	if (e)
		goto done;
	*txn = out;
done:
	wipe(&out, sizeof out);
	return e;
}

enum err dukpt_host_txn(struct key *txn, const struct key *ik, enum dukpt_scheme scheme, const struct ksn *k)
{
	if (!ksn_fits(k, scheme))
		return E_SCHEME;
	if (ik->len != dukpt_key_len(scheme))
		return E_KEY;
	return scheme == DUKPT_TDES ? dukpt_tdes_txn(txn, ik, k) : aes_txn(txn, ik, scheme, k);
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
