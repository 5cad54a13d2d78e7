#include "dukpt/aes.h"
#include "base/wipe.h"
#include "crypto/aes.h"

#include <string.h>

/* The kind of a scheme's own keys; NULL if it is no scheme of AES DUKPT, or k no KSN of it. */
static const struct dukpt_key_kind *own(enum dukpt_scheme scheme, const struct ksn *k)
{
	enum dukpt_key_type type;

	if (k->len != KSN_AES || scheme == DUKPT_TDES || dukpt_key_type_of(&type, scheme))
		return NULL;
	return dukpt_key_kind(type);
}

/* tail: the last 8 bytes of each block */
static void derivation_data(struct dukpt_step *s, enum dukpt_usage usage, const struct dukpt_key_kind *kind,
			    const uint8_t tail[static 8])
{
	struct dukpt_step n = { { 0 }, kind->len };

	for (unsigned i = 0; i < dukpt_step_blocks(&n); i++) {
		uint8_t *d = n.data + 16 * i;

		d[0] = 1;
		d[1] = (uint8_t)(i + 1);
		put_be16(d + 2, (unsigned)usage);
		put_be16(d + 4, kind->algorithm);
		put_be16(d + 6, 8u * kind->len);
		memcpy(d + 8, tail, 8);
	}
	*s = n;
}

size_t dukpt_step_blocks(const struct dukpt_step *s)
{
	return s->len > 16 ? 2 : 1;
}

enum err dukpt_aes_step_ik(struct dukpt_step *s, enum dukpt_scheme scheme, const struct ksn *k)
{
	const struct dukpt_key_kind *kind = own(scheme, k);

	if (!kind)
		return E_SCHEME;
	derivation_data(s, DUKPT_USE_INITIAL_KEY, kind, k->b);
	return E_OK;
}

enum err dukpt_aes_walk(struct dukpt_walk *w, enum dukpt_scheme scheme, const struct ksn *k)
{
	if (!own(scheme, k))
		return E_SCHEME;
	if (!ksn_counter_valid(k))
		return E_COUNTER;
	*w = (struct dukpt_walk){ scheme, ksn_counter(k), 0 };
	return E_OK;
}

enum err dukpt_aes_walk_update(struct dukpt_walk *w, enum dukpt_scheme scheme)
{
	if (dukpt_key_set_len(scheme) != 4)
		return E_SCHEME;
	*w = (struct dukpt_walk){ scheme, UINT32_MAX, 0 };
	return E_OK;
}

bool dukpt_aes_step_next(struct dukpt_step *s, struct dukpt_walk *w, const struct ksn *k)
{
	const struct dukpt_key_kind *kind = own(w->scheme, k);
	uint32_t bit = 0x80000000;
	struct ksn at;

	if (!kind || w->at == w->to)
		return false;
	while (!((w->to ^ w->at) & bit))
		bit >>= 1;
	w->at |= bit;
	ksn_set_counter(&at, k, w->at);
	derivation_data(s, DUKPT_USE_DERIVATION, kind, at.b + 4);
	return true;
}

static bool is_working(enum dukpt_usage usage)
{
	static const uint16_t working[] = {
		DUKPT_USE_KEY_ENCRYPTION, DUKPT_USE_PIN,       DUKPT_USE_MAC_GENERATE,
		DUKPT_USE_MAC_VERIFY,     DUKPT_USE_MAC_BOTH,  DUKPT_USE_DATA_ENCRYPT,
		DUKPT_USE_DATA_DECRYPT,   DUKPT_USE_DATA_BOTH, DUKPT_USE_DERIVATION,
	};

	for (size_t i = 0; i < sizeof working / sizeof working[0]; i++)
		if (working[i] == (unsigned)usage)
			return true;
	return false;
}

enum err dukpt_aes_step_working(struct dukpt_step *s, enum dukpt_scheme scheme, const struct ksn *k,
				enum dukpt_usage usage, enum dukpt_key_type type)
{
	const struct dukpt_key_kind *parent = own(scheme, k), *kind = dukpt_key_kind(type);

	if (!parent || !kind)
		return E_SCHEME;
	if (!is_working(usage))
		return E_RANGE;
	if (kind->strength > parent->strength)
		return E_STRENGTH;
	derivation_data(s, usage, kind, k->b + 4);
	return E_OK;
}

enum err dukpt_run(struct key *child, const struct key *parent, const struct dukpt_step *s)
{
	uint8_t b[32];
	struct key out = { { 0 }, s->len };
	enum err e = E_KEY;

	if (s->len != 16 && s->len != 24 && s->len != 32)
		goto done;
	e = aes_ecb(b, parent, ENCRYPT, s->data, dukpt_step_blocks(s));
	if (e)
		goto done;
	memcpy(out.b, b, s->len);
	*child = out;
done:
	wipe(&out, sizeof out);
	wipe(b, sizeof b);
	return e;
}
