#include "crypto/keywrap.h"
#include "base/wipe.h"
#include "crypto/aes.h"

#include <string.h>

/*
 * RFC 5649 over the W and W^-1 of RFC 3394 2.2. buf is A (8 bytes: ICV and length of the key), then the padded key. A
 * key of one block is no chain: A and the key are one AES block.
 */
static const uint8_t icv[4] = { 0xa6, 0x59, 0x59, 0xa6 };

/* The step counter t, xored into A. */
static void count(uint8_t a[static 8], size_t t)
{
	a[7] = (uint8_t)(a[7] ^ t); /* t <= 6 * 4 */
}

static enum err chain_wrap(uint8_t *buf, size_t blocks, const struct key *kek)
{
	uint8_t x[16];
	enum err e = E_OK;

	memcpy(x, buf, 8);
	for (size_t t = 1; !e && t <= 6 * blocks; t++) {
		uint8_t *r = buf + 8 + 8 * ((t - 1) % blocks);

		memcpy(x + 8, r, 8);
		e = aes_ecb(x, kek, ENCRYPT, x, 1);
		count(x, t);
		memcpy(r, x + 8, 8);
	}
	memcpy(buf, x, 8);
	wipe(x, sizeof x);
	return e;
}

static enum err chain_unwrap(uint8_t *buf, size_t blocks, const struct key *kek)
{
	uint8_t x[16];
	enum err e = E_OK;

	memcpy(x, buf, 8);
	for (size_t t = 6 * blocks; !e && t; t--) {
		uint8_t *r = buf + 8 + 8 * ((t - 1) % blocks);

		count(x, t);
		memcpy(x + 8, r, 8);
		e = aes_ecb(x, kek, DECRYPT, x, 1);
		memcpy(r, x + 8, 8);
	}
	memcpy(buf, x, 8);
	wipe(x, sizeof x);
	return e;
}

enum err keywrap_wrap(uint8_t out[static KEYWRAP_MAX], size_t *len, const struct key *kek, const struct key *key)
{
	uint8_t buf[KEYWRAP_MAX] = { 0 };
	size_t blocks = (key->len + 7u) / 8;
	enum err e = E_KEY;

	if (!key->len || key->len > sizeof key->b)
		goto done;
	memcpy(buf, icv, sizeof icv);
	put_be32(buf + 4, key->len);
	memcpy(buf + 8, key->b, key->len);
	e = blocks == 1 ? aes_ecb(buf, kek, ENCRYPT, buf, 1) : chain_wrap(buf, blocks, kek);
done:
	*len = e ? 0 : 8 + 8 * blocks;
	if (e)
		wipe(buf, sizeof buf);
	memcpy(out, buf, sizeof buf);
	wipe(buf, sizeof buf);
	return e;
}

enum err keywrap_unwrap(struct key *out, const struct key *kek, const uint8_t *in, size_t len)
{
	struct key key = { .len = 0 };
	uint8_t buf[KEYWRAP_MAX] = { 0 };
	size_t blocks = len / 8 - 1;
	uint32_t more, bad = 0;
	enum err e = E_KEY;

	if (kek->len != 16 && kek->len != 24 && kek->len != 32)
		goto done;
	e = E_UNWRAP;
	if (len < 16 || len > sizeof buf || len % 8)
		goto done;
	memcpy(buf, in, len);
	e = blocks == 1 ? aes_ecb(buf, kek, DECRYPT, buf, 1) : chain_unwrap(buf, blocks, kek);
	if (e)
		goto done;
	/*
	 * Every check is made, and none branches: which one failed would be an oracle. more = bytes of the last block
	 * that belong to the key, less one; 0..7 in a good input.
	 */
	for (size_t i = 0; i < sizeof icv; i++)
		bad |= (uint32_t)(buf[i] ^ icv[i]);
	more = get_be32(buf + 4) - (uint32_t)(8 * blocks - 7);
	bad |= more & ~UINT32_C(7);
	for (uint32_t i = 0; i < 8; i++)
		bad |= (0u - ((more - i) >> 31)) & buf[8 * blocks + i];
	if (bad) {
		e = E_UNWRAP;
		goto done;
	}
	key.len = (uint8_t)(8 * blocks - 7 + more);
	memcpy(key.b, buf + 8, sizeof key.b); /* what is not key is zero by now */
done:
	*out = key;
	wipe(&key, sizeof key);
	wipe(buf, sizeof buf);
	return e;
}
