#include "dukpt/working.h"
#include "dukpt/tdes.h"

enum err dukpt_txn_aes_key(struct key *out, const struct key *txn, enum dukpt_scheme scheme, const struct ksn *k,
			   enum dukpt_usage usage, enum dukpt_key_type type)
{
	struct dukpt_step s;
	enum err e = dukpt_aes_step_working(&s, scheme, k, usage, type);

	if (e)
		return e;
	if (!ksn_counter_valid(k))
		return E_COUNTER;
	if (txn->len != dukpt_key_len(scheme))
		return E_KEY;
	return dukpt_run(out, txn, &s);
}

static enum err aes_own(struct key *out, const struct key *txn, enum dukpt_scheme scheme, const struct ksn *k,
			enum dukpt_purpose purpose)
{
	static const enum dukpt_usage usage[] = {
		[DUKPT_PIN] = DUKPT_USE_PIN,
		[DUKPT_MAC_REQUEST] = DUKPT_USE_MAC_GENERATE,
		[DUKPT_MAC_RESPONSE] = DUKPT_USE_MAC_VERIFY,
		[DUKPT_DATA_REQUEST] = DUKPT_USE_DATA_ENCRYPT,
		[DUKPT_DATA_RESPONSE] = DUKPT_USE_DATA_DECRYPT,
	};
	enum dukpt_key_type type;
	enum err e = dukpt_key_type_of(&type, scheme);

	if (!e && (unsigned)purpose >= sizeof usage / sizeof usage[0])
		e = E_RANGE;
	return e ? e : dukpt_txn_aes_key(out, txn, scheme, k, usage[purpose], type);
}

enum err dukpt_txn_key(struct key *out, const struct key *txn, enum dukpt_scheme scheme, const struct ksn *k,
		       enum dukpt_purpose purpose)
{
	if (scheme != DUKPT_TDES)
		return aes_own(out, txn, scheme, k, purpose);
	if (!ksn_fits(k, scheme))
		return E_SCHEME;
	if (!ksn_counter_valid(k))
		return E_COUNTER;
	return dukpt_tdes_working(out, txn, purpose);
}
