#include "crypto/cmac.h"
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/des.h"

#include <string.h>

/* Shift left by one bit; the bit that falls out comes back as the constant r, without a branch (SP 800-38B 6.1). */
static void dbl(uint8_t *out, const uint8_t *in, size_t block, uint8_t r)
{
	uint8_t carry = (uint8_t)(in[0] >> 7);

	for (size_t i = 0; i + 1 < block; i++)
		out[i] = (uint8_t)(in[i] << 1 | in[i + 1] >> 7);
	out[block - 1] = (uint8_t)(in[block - 1] << 1 ^ carry * r);
}

void cmac_double(uint8_t out[static 16], const uint8_t in[static 16])
{
	dbl(out, in, 16, 0x87);
}

typedef enum err ecb_fn(uint8_t *out, const struct key *key, enum dir dir, const uint8_t *in, size_t blocks);

static void xor_into(uint8_t *out, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(out[i] ^ in[i]);
}

/* SP 800-38B 6.2. The last block is kept back: it takes K1 if it is whole, else padding and K2. */
static enum err cmac(uint8_t *out, ecb_fn *ecb, size_t block, uint8_t r, const struct key *key, const uint8_t *in,
		     size_t len)
{
	uint8_t sub[16] = { 0 }, x[16] = { 0 };
	size_t last = len ? (len - 1) % block + 1 : 0;
	enum err e = ecb(sub, key, ENCRYPT, sub, 1);

	for (size_t at = 0; !e && at < len - last; at += block) {
		xor_into(x, in + at, block);
		e = ecb(x, key, ENCRYPT, x, 1);
	}
	if (e)
		goto done;
	dbl(sub, sub, block, r);
	if (last < block) {
		dbl(sub, sub, block, r);
		x[last] ^= 0x80;
	}
	if (last)
		xor_into(x, in + (len - last), last);
	xor_into(x, sub, block);
	e = ecb(x, key, ENCRYPT, x, 1);
done:
	if (e)
		wipe(out, block);
	else
		memcpy(out, x, block);
	wipe(sub, sizeof sub);
	wipe(x, sizeof x);
	return e;
}

enum err cmac_aes(uint8_t out[static 16], const struct key *key, const uint8_t *in, size_t len)
{
	return cmac(out, aes_ecb, 16, 0x87, key, in, len);
}

enum err cmac_tdes(uint8_t out[static 8], const struct key *key, const uint8_t *in, size_t len)
{
	if (key->len == 8) {
		wipe(out, 8);
		return E_KEY;
	}
	return cmac(out, des_ecb, 8, 0x1b, key, in, len);
}
