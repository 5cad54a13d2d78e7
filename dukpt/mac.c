#include "dukpt/mac.h"
#include "base/wipe.h"
#include "crypto/cmac.h"
#include "crypto/des.h"
#include "crypto/sha256.h"

#include <string.h>

/* Single DES under the left half chains the blocks; the last one goes through both halves. */
static enum err retail(uint8_t out[static 8], const struct key *key, const uint8_t *data, size_t len)
{
	struct key left = { { 0 }, 8 };
	uint8_t b[8] = { 0 };
	enum err e = E_OK;

	memcpy(left.b, key->b, 8);
	for (; !e && len > 8; data += 8, len -= 8) {
		for (unsigned i = 0; i < 8; i++)
			b[i] = (uint8_t)(b[i] ^ data[i]);
		e = des_ecb(b, &left, ENCRYPT, b, 1);
	}
	if (e)
		goto done;
	for (unsigned i = 0; i < len; i++)
		b[i] = (uint8_t)(b[i] ^ data[i]);
	e = des_ecb(b, key, ENCRYPT, b, 1);
	if (e)
		goto done;
	memcpy(out, b, sizeof b);
done:
	wipe(&left, sizeof left);
	wipe(b, sizeof b);
	return e;
}

static enum err hmac(uint8_t out[static 32], const struct key *key, const uint8_t *data, size_t len)
{
	struct span part = { data, len };

	return hmac_sha256(out, (struct span){ key->b, key->len }, &part, 1);
}

/* which MAC, by method and the block of the key's cipher */
static const struct row {
	uint8_t method, block, len;
	enum err (*mac)(uint8_t *out, const struct key *key, const uint8_t *data, size_t len);
} rows[] = {
	{ DUKPT_MAC_RETAIL, 8, 8, retail },
	{ DUKPT_MAC_CMAC, 8, 8, cmac_tdes },
	{ DUKPT_MAC_CMAC, 16, 16, cmac_aes },
	{ DUKPT_MAC_HMAC, 0, 32, hmac },
};

static const struct row *find(enum dukpt_mac_method method, enum dukpt_key_type type)
{
	const struct dukpt_key_kind *kind = dukpt_key_kind(type);

	if (!kind || (method == DUKPT_MAC_RETAIL && type != DUKPT_KEY_2TDEA))
		return NULL;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].method == (unsigned)method && rows[i].block == kind->block)
			return &rows[i];
	return NULL;
}

enum err dukpt_mac_by(uint8_t out[static DUKPT_MAC_ANY], size_t *out_len, enum dukpt_mac_method method,
		      enum dukpt_key_type type, const struct key *key, const uint8_t *data, size_t len)
{
	const struct row *row = find(method, type);
	uint8_t mac[DUKPT_MAC_ANY];
	enum err e = E_SCHEME;

	if (!row)
		goto done;
	e = E_KEY;
	if (key->len != dukpt_key_kind(type)->len)
		goto done;
	e = row->mac(mac, key, data, len);
	if (e)
		goto done;
	memcpy(out, mac, row->len);
	*out_len = row->len;
done:
	wipe(mac, sizeof mac);
	return e;
}

enum err dukpt_mac(uint8_t out[static DUKPT_MAC_MAX], size_t *out_len, enum dukpt_scheme scheme, const struct key *key,
		   const uint8_t *data, size_t len)
{
	enum dukpt_mac_method own = scheme == DUKPT_TDES ? DUKPT_MAC_RETAIL : DUKPT_MAC_CMAC;
	uint8_t mac[DUKPT_MAC_ANY];
	enum dukpt_key_type type;
	size_t n;
	enum err e = dukpt_key_type_of(&type, scheme);

	if (e)
		goto done;
	e = dukpt_mac_by(mac, &n, own, type, key, data, len);
	if (e)
		goto done;
	memcpy(out, mac, n);
	*out_len = n;
done:
	wipe(mac, sizeof mac);
	return e;
}
