#include "dukpt/aes.h"
#include "base/wipe.h"
#include "crypto/aes.h"

#include <string.h>

/* As derivation data name them; strength in bits of security. */
static const struct {
	uint16_t algorithm, bits, strength;
} types[] = {
	[DUKPT_KEY_2TDEA]   = { 0, 128, 80 },
	[DUKPT_KEY_3TDEA]   = { 1, 192, 112 },
	[DUKPT_KEY_AES128]  = { 2, 128, 128 },
	[DUKPT_KEY_AES192]  = { 3, 192, 192 },
	[DUKPT_KEY_AES256]  = { 4, 256, 256 },
	[DUKPT_KEY_HMAC128] = { 5, 128, 128 },
	[DUKPT_KEY_HMAC192] = { 5, 192, 192 },
	[DUKPT_KEY_HMAC256] = { 5, 256, 256 },
};

enum dukpt_key_type dukpt_aes_type(enum dukpt_scheme scheme)
{
	switch (dukpt_key_len(scheme)) {
	case 16:
		return DUKPT_KEY_AES128;
	case 24:
		return DUKPT_KEY_AES192;
	default:
		return DUKPT_KEY_AES256;
	}
}

/* tail: the last 8 bytes of each block */
static void derivation_data(struct dukpt_step *s, enum dukpt_usage usage, enum dukpt_key_type type,
			    const uint8_t tail[static 8])
{
	struct dukpt_step n = { { 0 }, (uint8_t)(types[type].bits / 8) };

	for (unsigned i = 0; i < dukpt_step_blocks(&n); i++) {
		uint8_t *d = n.data + 16 * i;

		d[0] = 1;
		d[1] = (uint8_t)(i + 1);
		put_be16(d + 2, (unsigned)usage);
		put_be16(d + 4, types[type].algorithm);
		put_be16(d + 6, types[type].bits);
		memcpy(d + 8, tail, 8);
	}
	*s = n;
}

size_t dukpt_step_blocks(const struct dukpt_step *s)
{
	return s->len > 16 ? 2 : 1;
}

static bool aes_ksn(enum dukpt_scheme scheme, const struct ksn *k)
{
	return k->len == KSN_AES && ksn_fits(k, scheme);
}

enum err dukpt_aes_step_ik(struct dukpt_step *s, enum dukpt_scheme scheme, const struct ksn *k)
{
	if (!aes_ksn(scheme, k))
		return E_SCHEME;
	derivation_data(s, DUKPT_USE_INITIAL_KEY, dukpt_aes_type(scheme), k->b);
	return E_OK;
}

enum err dukpt_aes_walk(struct dukpt_walk *w, enum dukpt_scheme scheme, const struct ksn *k)
{
	if (!aes_ksn(scheme, k))
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
	uint32_t bit = 0x80000000;
	struct ksn at;

	if (w->at == w->to)
		return false;
	while (!((w->to ^ w->at) & bit))
		bit >>= 1;
	w->at |= bit;
	ksn_set_counter(&at, k, w->at);
	derivation_data(s, DUKPT_USE_DERIVATION, dukpt_aes_type(w->scheme), at.b + 4);
	return true;
}

enum err dukpt_aes_step_derivation(struct dukpt_step *s, enum dukpt_scheme scheme, const struct ksn *k)
{
	if (!aes_ksn(scheme, k))
		return E_SCHEME;
	derivation_data(s, DUKPT_USE_DERIVATION, dukpt_aes_type(scheme), k->b + 4);
	return E_OK;
}

enum err dukpt_aes_step_working(struct dukpt_step *s, enum dukpt_scheme scheme, const struct ksn *k,
				enum dukpt_usage usage, enum dukpt_key_type type)
{
	if (!aes_ksn(scheme, k) || (unsigned)type >= sizeof types / sizeof types[0])
		return E_SCHEME;
	if (types[type].strength > types[dukpt_aes_type(scheme)].strength)
		return E_STRENGTH;
	derivation_data(s, usage, type, k->b + 4);
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
