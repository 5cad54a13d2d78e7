#include "dukpt/tdes.h"
#include "base/wipe.h"
#include "crypto/des.h"

#include <string.h>

#define TDES_KEY 16

void dukpt_tdes_ik_data(uint8_t out[static 8], const struct ksn *k)
{
	struct ksn initial;

	ksn_set_counter(&initial, k, 0);
	memcpy(out, initial.b, 8);
}

enum err dukpt_tdes_variant(struct key *out, const struct key *key)
{
	struct key v = *key;
	enum err e = v.len == TDES_KEY ? E_OK : E_KEY;

	if (e)
		goto done;
	for (unsigned i = 0; i < TDES_KEY; i++)
		v.b[i] = (uint8_t)(v.b[i] ^ (i & 4 ? 0 : 0xC0));
	*out = v;
done:
	wipe(&v, sizeof v);
	return e;
}

enum err dukpt_tdes_ik(struct key *ik, const struct key *bdk, const struct ksn *k)
{
	uint8_t data[8];
	struct key variant = { { 0 }, 0 }, out = { { 0 }, TDES_KEY };
	enum err e = E_SCHEME;

	if (k->len != KSN_TDES)
		goto done;
	e = dukpt_tdes_variant(&variant, bdk);
	if (e)
		goto done;
	dukpt_tdes_ik_data(data, k);
	e = des_ecb(out.b, bdk, ENCRYPT, data, 1);
	if (e)
		goto done;
	e = des_ecb(out.b + 8, &variant, ENCRYPT, data, 1);
	if (e)
		goto done;
	*ik = out;
done:
	wipe(&variant, sizeof variant);
	wipe(&out, sizeof out);
	return e;
}

static void xor8(uint8_t out[static 8], const uint8_t a[static 8], const uint8_t b[static 8])
{
	for (unsigned i = 0; i < 8; i++)
		out[i] = (uint8_t)(a[i] ^ b[i]);
}

/* data xor right half, single DES under the left half, xor right half */
static enum err half(uint8_t out[static 8], const struct key *key, const uint8_t data[static 8])
{
	struct key left = { { 0 }, 8 };
	enum err e;

	memcpy(left.b, key->b, 8);
	xor8(out, data, key->b + 8);
	e = des_ecb(out, &left, ENCRYPT, out, 1);
	xor8(out, out, key->b + 8);
	wipe(&left, sizeof left);
	return e;
}

enum err dukpt_tdes_step(struct key *child, const struct key *parent, const struct ksn *k)
{
	const uint8_t *data = k->b + 2;		/* the rightmost 64 bits of the KSN */
	struct key variant = { { 0 }, 0 }, out = { { 0 }, TDES_KEY };
	enum err e = E_SCHEME;

	if (k->len != KSN_TDES)
		goto done;
	e = dukpt_tdes_variant(&variant, parent);
	if (e)
		goto done;
	e = half(out.b + 8, parent, data);
	if (e)
		goto done;
	e = half(out.b, &variant, data);
	if (e)
		goto done;
	*child = out;
done:
	wipe(&variant, sizeof variant);
	wipe(&out, sizeof out);
	return e;
}

enum err dukpt_tdes_txn(struct key *txn, const struct key *ik, const struct ksn *k)
{
	struct key out = *ik;
	uint32_t to = ksn_counter(k), at = 0;
	enum err e = E_SCHEME;

	if (k->len != KSN_TDES)
		goto done;
	e = E_COUNTER;
	if (!ksn_counter_valid(k))
		goto done;
	for (uint32_t bit = 0x100000; bit; bit >>= 1) {
		struct ksn step;

		if (!(to & bit))
			continue;
		at |= bit;
		ksn_set_counter(&step, k, at);
		e = dukpt_tdes_step(&out, &out, &step);
		if (e)
			goto done;
	}
	*txn = out;
done:
	wipe(&out, sizeof out);
	return e;
}

enum err dukpt_tdes_working(struct key *out, const struct key *txn, enum dukpt_purpose purpose)
{
	/* which byte of each half is xored with FF */
	static const uint8_t variant[] = {
		[DUKPT_PIN] = 7,
		[DUKPT_MAC_REQUEST] = 6,
		[DUKPT_MAC_RESPONSE] = 4,
		[DUKPT_DATA_REQUEST] = 5,
		[DUKPT_DATA_RESPONSE] = 3,
	};
	uint8_t twice[TDES_KEY];
	struct key key = *txn;
	enum err e = E_RANGE;

	if ((unsigned)purpose >= sizeof variant)
		goto done;
	e = E_KEY;
	if (key.len != TDES_KEY)
		goto done;
	e = E_OK;
	for (unsigned i = 0; i < TDES_KEY; i += 8)
		key.b[i + variant[purpose]] ^= 0xFF;
	if (purpose == DUKPT_DATA_REQUEST || purpose == DUKPT_DATA_RESPONSE) {
		e = des_ecb(twice, &key, ENCRYPT, key.b, 2);
		memcpy(key.b, twice, sizeof twice);
	}
	if (e)
		goto done;
	*out = key;
done:
	wipe(&key, sizeof key);
	wipe(twice, sizeof twice);
	return e;
}
