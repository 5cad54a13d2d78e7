/* lab derive: from a BDK or an initial key and a KSN to every key of that transaction. */
#include "base/wipe.h"
#include "lab/commands.h"
#include "lab/keys.h"

struct output {
	const char *name; /* NULL ends a list */
	enum dukpt_usage usage;
};

static const struct output tdes[] = {
	{ "key_pin", DUKPT_USE_PIN },
	{ "key_mac_request", DUKPT_USE_MAC_GENERATE },
	{ "key_mac_response", DUKPT_USE_MAC_VERIFY },
	{ "key_data_request", DUKPT_USE_DATA_ENCRYPT },
	{ "key_data_response", DUKPT_USE_DATA_DECRYPT },
	{ NULL, DUKPT_USE_PIN },
};

static const struct output aes[] = {
	{ "key_pin", DUKPT_USE_PIN },
	{ "key_mac_gen", DUKPT_USE_MAC_GENERATE },
	{ "key_mac_ver", DUKPT_USE_MAC_VERIFY },
	{ "key_mac_both", DUKPT_USE_MAC_BOTH },
	{ "key_data_enc", DUKPT_USE_DATA_ENCRYPT },
	{ "key_data_dec", DUKPT_USE_DATA_DECRYPT },
	{ "key_data_both", DUKPT_USE_DATA_BOTH },
	{ "key_key_encryption", DUKPT_USE_KEY_ENCRYPTION },
	{ "key_key_derivation", DUKPT_USE_DERIVATION },
	{ NULL, DUKPT_USE_PIN },
};

static const struct output update[] = {
	{ "key_key_encryption", DUKPT_USE_KEY_ENCRYPTION },
	{ NULL, DUKPT_USE_PIN },
};

enum err derive_answer(const struct turn *t)
{
	struct key working = { { 0 }, 0 };
	struct keys k;
	bool is_tdes;
	enum err e = keys_read(&k, t);

	if (e)
		goto done;
	is_tdes = k.scheme == DUKPT_TDES;
	turn_say_hex(t, "ik", k.ik.b, k.ik.len);
	if (k.initial)
		goto done;
	turn_say_hex(t, is_tdes ? "txn_key" : "deriv_key", k.txn.b, k.txn.len);
	for (const struct output *o = is_tdes ? tdes : k.update ? update : aes; o->name; o++) {
		e = keys_working(&working, &k, o->usage);
		if (e)
			goto done;
		turn_say_hex(t, o->name, working.b, working.len);
	}
done:
	wipe(&working, sizeof working);
	wipe(&k, sizeof k);
	return e;
}
