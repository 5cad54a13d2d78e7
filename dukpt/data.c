#include "dukpt/data.h"
#include "crypto/aes.h"
#include "crypto/des.h"

uint8_t dukpt_block_len(enum dukpt_scheme scheme)
{
	enum dukpt_key_type type;

	return dukpt_key_type_of(&type, scheme) ? 0 : dukpt_key_kind(type)->block;
}

enum err dukpt_data_by(uint8_t *out, enum dukpt_key_type type, const struct key *key, enum dir dir, const uint8_t *iv,
		       const uint8_t *data, size_t len)
{
	static const uint8_t zero[16];
	const struct dukpt_key_kind *kind = dukpt_key_kind(type);

	if (!kind || !kind->block)
		return E_SCHEME;
	if (key->len != kind->len)
		return E_KEY;
	if (len % kind->block)
		return E_RANGE;
	return (kind->block == 8 ? des_cbc : aes_cbc)(out, key, dir, iv ? iv : zero, data, len / kind->block);
}

enum err dukpt_data(uint8_t *out, enum dukpt_scheme scheme, const struct key *key, enum dir dir, const uint8_t *data,
		    size_t len)
{
	enum dukpt_key_type type;
	enum err e = dukpt_key_type_of(&type, scheme);

	return e ? e : dukpt_data_by(out, type, key, dir, NULL, data, len);
}
