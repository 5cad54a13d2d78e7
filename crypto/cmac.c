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

static void xor_into(uint8_t *out, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(out[i] ^ in[i]);
}

/* SP 800-38B 6.2. The last block is kept back: it takes K1 if it is whole, else padding and K2. */
enum err cmac_by(uint8_t *out, size_t block, cmac_ecb *ecb, void *ctx, const uint8_t *in, size_t len)
{
	uint8_t sub[16] = { 0 }, x[16] = { 0 }, r = block == 8 ? 0x1b : 0x87;
	size_t last = len ? (len - 1) % block + 1 : 0;
	enum err e = ecb(ctx, sub, sub, 1);

	for (size_t at = 0; !e && at < len - last; at += block) {
		xor_into(x, in + at, block);
		e = ecb(ctx, x, x, 1);
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
	e = ecb(ctx, x, x, 1);
done:
	if (e)
		wipe(out, block);
	else
		memcpy(out, x, block);
	wipe(sub, sizeof sub);
	wipe(x, sizeof x);
	return e;
}

enum err cmac_ecb_aes(void *key, uint8_t *out, const uint8_t *in, size_t blocks)
{
	return aes_ecb(out, key, ENCRYPT, in, blocks);
}

enum err cmac_ecb_tdes(void *key, uint8_t *out, const uint8_t *in, size_t blocks)
{
	return des_ecb(out, key, ENCRYPT, in, blocks);
}

enum err cmac_aes(uint8_t out[static 16], const struct key *key, const uint8_t *in, size_t len)
{
	return cmac_by(out, 16, cmac_ecb_aes, (void *)key, in, len);
}

enum err cmac_tdes(uint8_t out[static 8], const struct key *key, const uint8_t *in, size_t len)
{
	if (key->len == 8) {
		wipe(out, 8);
		return E_KEY;
	}
	return cmac_by(out, 8, cmac_ecb_tdes, (void *)key, in, len);
}
