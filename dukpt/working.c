#include "dukpt/aes.h"
#include "dukpt/tdes.h"

static enum err aes_working(struct key *out, const struct key *txn, enum dukpt_scheme scheme, const struct ksn *k,
			    enum dukpt_purpose purpose)
{
	static const enum dukpt_usage usage[] = {
		[DUKPT_PIN] = DUKPT_USE_PIN,
		[DUKPT_MAC_REQUEST] = DUKPT_USE_MAC_GENERATE,
		[DUKPT_MAC_RESPONSE] = DUKPT_USE_MAC_VERIFY,
		[DUKPT_DATA_REQUEST] = DUKPT_USE_DATA_ENCRYPT,
		[DUKPT_DATA_RESPONSE] = DUKPT_USE_DATA_DECRYPT,
	};
	struct dukpt_step s;
	enum err e;

	if ((unsigned)purpose >= sizeof usage / sizeof usage[0])
		return E_RANGE;
	e = dukpt_aes_step_working(&s, scheme, k, usage[purpose], dukpt_aes_type(scheme));
	if (e)
		return e;
	return dukpt_run(out, txn, &s);
}

enum err dukpt_txn_key(struct key *out, const struct key *txn, enum dukpt_scheme scheme, const struct ksn *k,
		       enum dukpt_purpose purpose)
{
	if (!ksn_fits(k, scheme))
		return E_SCHEME;
	if (!ksn_counter_valid(k))
		return E_COUNTER;
	if (txn->len != dukpt_key_len(scheme))
		return E_KEY;
	if (scheme == DUKPT_TDES)
		return dukpt_tdes_working(out, txn, purpose);
	return aes_working(out, txn, scheme, k, purpose);
}
