#include "base/hex.h"
#include "base/wipe.h"

void hex_encode(char *out, const uint8_t *in, size_t len)
{
	for (size_t i = 0; i < 2 * len; i++) {
		unsigned v = i & 1 ? in[i / 2] & 15u : in[i / 2] >> 4;

		/* '0'+v, and 7 more from ten on, without a branch or a table */
		out[i] = (char)('0' + v + (((9u - v) >> 8) & 7u));
	}
	out[2 * len] = 0;
}

/* 0..15, or 0x100 set for no digit */
static unsigned digit(unsigned c)
{
	unsigned d = c - '0', l = (c | 0x20u) - 'a';
	unsigned is_d = ((d - 10u) >> 31) & ~(d >> 31), is_l = ((l - 6u) >> 31) & ~(l >> 31);

	is_d &= 1u;
	is_l &= 1u;
	return ((0u - is_d) & d) | ((0u - is_l) & (l + 10u)) | ((1u ^ (is_d | is_l)) << 8);
}

enum err hex_decode(uint8_t *out, size_t *len, size_t size, const char *text, size_t chars)
{
	unsigned bad = 0;
	enum err e = E_OK;

	if (chars & 1)
		e = E_FORMAT;
	else if (chars / 2 > size)
		e = E_SPACE;
	for (size_t i = 0; !e && i < chars / 2; i++) {
		unsigned h = digit((unsigned char)text[2 * i]), l = digit((unsigned char)text[2 * i + 1]);

		bad |= h | l;
		out[i] = (uint8_t)(h << 4 | (l & 15u));
	}
	if (bad & 0x100u)
		e = E_FORMAT;
	if (e)
		wipe(out, size);
	else
		*len = chars / 2;
	return e;
}
