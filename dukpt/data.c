#include "dukpt/data.h"
#include "crypto/aes.h"
#include "crypto/des.h"

uint8_t dukpt_block_len(enum dukpt_scheme scheme)
{
	if (!dukpt_key_len(scheme))
		return 0;
	return scheme == DUKPT_TDES ? 8 : 16;
}

enum err dukpt_data(uint8_t *out, enum dukpt_scheme scheme, const struct key *key, enum dir dir, const uint8_t *data,
		    size_t len)
{
	static const uint8_t iv[16];
	size_t block = dukpt_block_len(scheme), blocks;

	if (!block)
		return E_SCHEME;
	if (key->len != dukpt_key_len(scheme))
		return E_KEY;
	if (len % block)
		return E_RANGE;
	blocks = len / block;
	if (scheme == DUKPT_TDES)
		return des_cbc(out, key, dir, iv, data, blocks);
	return aes_cbc(out, key, dir, iv, data, blocks);
}
