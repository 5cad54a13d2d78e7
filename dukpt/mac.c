#include "dukpt/mac.h"
#include "base/wipe.h"
#include "crypto/cmac.h"
#include "crypto/des.h"

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

enum err dukpt_mac(uint8_t out[static DUKPT_MAC_MAX], size_t *out_len, enum dukpt_scheme scheme, const struct key *key,
		   const uint8_t *data, size_t len)
{
	uint8_t mac[DUKPT_MAC_MAX];
	size_t n = scheme == DUKPT_TDES ? 8 : 16;
	enum err e = E_SCHEME;

	if (!dukpt_key_len(scheme))
		goto done;
	e = E_KEY;
	if (key->len != dukpt_key_len(scheme))
		goto done;
	e = scheme == DUKPT_TDES ? retail(mac, key, data, len) : cmac_aes(mac, key, data, len);
	if (e)
		goto done;
	memcpy(out, mac, n);
	*out_len = n;
done:
	wipe(mac, sizeof mac);
	return e;
}
