#include "dukpt/pinblock.h"
#include "base/wipe.h"
#include "crypto/aes.h"

#include <string.h>

/*
 * All formats lay out a field of 16 digits: control, length, up to 12 digits of PIN, and filler. Digits stand one a
 * byte here, so that only loop counters are an index.
 */
#define FIELD 16

enum err pan_parse(struct pan *pan, const char *text)
{
	struct pan p = { { 0 }, 0 };

	for (; text[p.len]; p.len++) {
		if (p.len == PAN_MAX || text[p.len] < '0' || text[p.len] > '9')
			return E_FORMAT;
		p.digits[p.len] = text[p.len];
	}
	if (!p.len)
		return E_FORMAT;
	*pan = p;
	return E_OK;
}

enum err pin_parse(struct pin *pin, const char *text)
{
	struct pin p = { { 0 }, 0 };
	enum err e = E_FORMAT;

	for (; text[p.len]; p.len++) {
		if (p.len == PIN_MAX || text[p.len] < '0' || text[p.len] > '9')
			goto done;
		p.digit[p.len] = (uint8_t)(text[p.len] - '0');
	}
	if (p.len < PIN_MIN)
		goto done;
	*pin = p;
	e = E_OK;
done:
	wipe(&p, sizeof p);
	return e;
}

/* all ones if a < b, else zero; both small */
static unsigned below(unsigned a, unsigned b)
{
	return 0u - ((a - b) >> 31);
}

static void pack(uint8_t *out, const uint8_t *digit, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (uint8_t)(digit[2 * i] << 4 | digit[2 * i + 1]);
}

static void unpack(uint8_t *digit, const uint8_t *in, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		digit[2 * i] = in[i] >> 4;
		digit[2 * i + 1] = in[i] & 15;
	}
}

/* out = in, or as it was where bad is all ones */
static void publish(uint8_t *out, const uint8_t *in, unsigned len, unsigned bad)
{
	for (unsigned i = 0; i < len; i++)
		out[i] = (uint8_t)((out[i] & bad) | (in[i] & ~bad));
}

/* failure, or E_OK, without a branch on what the PIN is like */
static enum err verdict(unsigned bad, enum err failure)
{
	return (enum err)(bad & (unsigned)failure);
}

static void mix(uint8_t *out, const uint8_t *in, unsigned len)
{
	for (unsigned i = 0; i < len; i++)
		out[i] = (uint8_t)(out[i] ^ in[i]);
}

/* filler: the digits that stand where no PIN digit does. All ones if pin is none, else zero. */
static unsigned field_make(uint8_t digit[static FIELD], unsigned control, const struct pin *pin,
			   const uint8_t filler[static FIELD])
{
	unsigned bad = below(pin->len, PIN_MIN) | below(PIN_MAX, pin->len);

	digit[0] = (uint8_t)control;
	digit[1] = pin->len & 15;
	for (unsigned i = 0; i < FIELD - 2; i++) {
		unsigned d = i < PIN_MAX ? pin->digit[i] : 0, is_pin = below(i, pin->len);

		bad |= is_pin & below(9, d);
		digit[2 + i] = (uint8_t)((d & is_pin) | (filler[2 + i] & ~is_pin));
	}
	return bad;
}

/* low, high: between which the filler digits have to be. All ones if the field is none, else zero. */
static unsigned field_open(struct pin *pin, const uint8_t digit[static FIELD], unsigned control, unsigned low,
			   unsigned high)
{
	unsigned len = digit[1];
	unsigned bad = below(len, PIN_MIN) | below(PIN_MAX, len) | below(digit[0], control) | below(control, digit[0]);

	for (unsigned i = 0; i < FIELD - 2; i++) {
		unsigned d = digit[2 + i], is_pin = below(i, len);

		bad |= is_pin & below(9, d);
		bad |= ~is_pin & (below(d, low) | below(high, d));
	}
	for (unsigned i = 0; i < PIN_MAX; i++)
		pin->digit[i] = (uint8_t)(digit[2 + i] & below(i, len) & ~bad);
	pin->len = (uint8_t)(len & ~bad);
	return bad;
}

/* Four zeros and the 12 digits before the check digit, with zeros on the left where the PAN is shorter */
static void pan_field(uint8_t out[static 8], const struct pan *pan)
{
	uint8_t digit[FIELD] = { 0 };

	for (unsigned i = 1; i <= 12 && i < pan->len; i++)
		digit[FIELD - i] = (uint8_t)(pan->digits[pan->len - 1 - i] - '0');
	pack(out, digit, 8);
}

static bool with_pan(enum pin_format format)
{
	return format == PIN_FORMAT_0 || format == PIN_FORMAT_3;
}

static bool is_clear(enum pin_format format, const struct pan *pan)
{
	return (unsigned)format <= PIN_FORMAT_3 && (!with_pan(format) || (pan->len >= PAN_MIN && pan->len <= PAN_MAX));
}

static void make_filler(uint8_t filler[static FIELD], enum pin_format format, const uint8_t *random)
{
	uint64_t x;

	memset(filler, 15, FIELD);
	if (format == PIN_FORMAT_1)
		unpack(filler, random, 8);
	if (format == PIN_FORMAT_3) {
		/* x / 2^64 is a fraction; six times it, its whole part is the next of six equally likely digits. */
		x = get_be64(random);
		for (unsigned i = 2; i < FIELD; i++) {
			uint64_t low = (x & UINT32_MAX) * 6, high = (x >> 32) * 6 + (low >> 32);

			filler[i] = (uint8_t)(10 + (high >> 32));
			x *= 6;
		}
		wipe(&x, sizeof x);
	}
}

enum err pinblock_encode(uint8_t out[static 8], enum pin_format format, const struct pin *pin, const struct pan *pan,
			 const uint8_t *random)
{
	uint8_t digit[FIELD] = { 0 }, filler[FIELD] = { 0 }, block[8] = { 0 }, field[8];
	enum err e = E_RANGE;
	unsigned bad;

	if (!is_clear(format, pan))
		goto done;
	make_filler(filler, format, random);
	bad = field_make(digit, (unsigned)format, pin, filler);
	pack(block, digit, 8);
	if (with_pan(format)) {
		pan_field(field, pan);
		mix(block, field, 8);
	}
	publish(out, block, 8, bad);
	e = verdict(bad, E_RANGE);
done:
	wipe(digit, sizeof digit);
	wipe(filler, sizeof filler);
	wipe(block, sizeof block);
	return e;
}

enum err pinblock_decode(struct pin *pin, enum pin_format format, const uint8_t in[static 8], const struct pan *pan)
{
	static const struct {
		uint8_t low, high;
	} filler[] = { { 15, 15 }, { 0, 15 }, { 15, 15 }, { 10, 15 } };
	uint8_t digit[FIELD] = { 0 }, block[8] = { 0 }, field[8];
	enum err e = E_RANGE;

	wipe(pin, sizeof *pin);
	if (!is_clear(format, pan))
		goto done;
	memcpy(block, in, 8);
	if (with_pan(format)) {
		pan_field(field, pan);
		mix(block, field, 8);
	}
	unpack(digit, block, 8);
	e = verdict(field_open(pin, digit, (unsigned)format, filler[format].low, filler[format].high), E_PIN_BLOCK);
done:
	wipe(digit, sizeof digit);
	wipe(block, sizeof block);
	return e;
}

/* How many digits there are above 12, the PAN with zeros on the left up to 12 digits, zeros */
static void pan_field4(uint8_t out[static 16], const struct pan *pan)
{
	uint8_t digit[2 * FIELD] = { 0 };
	unsigned pad = pan->len < 12 ? 12u - pan->len : 0;

	digit[0] = (uint8_t)(pan->len > 12 ? pan->len - 12 : 0);
	for (unsigned i = 0; i < pan->len; i++)
		digit[1 + pad + i] = (uint8_t)(pan->digits[i] - '0');
	pack(out, digit, 16);
}

static bool is_pan4(const struct pan *pan)
{
	return pan->len >= 1 && pan->len <= PAN_MAX;
}

enum err pinblock4_encipher(uint8_t out[static 16], const struct key *key, const struct pin *pin,
			    const struct pan *pan, const uint8_t random[static 8])
{
	uint8_t digit[FIELD] = { 0 }, filler[FIELD], block[16] = { 0 }, field[16];
	enum err e = E_RANGE;
	unsigned bad;

	if (!is_pan4(pan))
		goto done;
	memset(filler, 10, sizeof filler);
	bad = field_make(digit, PIN_FORMAT_4, pin, filler);
	pack(block, digit, 8);
	memcpy(block + 8, random, 8);
	e = aes_ecb(block, key, ENCRYPT, block, 1);
	if (e)
		goto done;
	pan_field4(field, pan);
	mix(block, field, 16);
	e = aes_ecb(block, key, ENCRYPT, block, 1);
	if (e)
		goto done;
	publish(out, block, 16, bad);
	e = verdict(bad, E_RANGE);
done:
	wipe(digit, sizeof digit);
	wipe(block, sizeof block);
	return e;
}

enum err pinblock4_decipher(struct pin *pin, const struct key *key, const uint8_t in[static 16], const struct pan *pan)
{
	uint8_t digit[FIELD] = { 0 }, block[16] = { 0 }, field[16];
	enum err e = E_RANGE;

	wipe(pin, sizeof *pin);
	if (!is_pan4(pan))
		goto done;
	e = aes_ecb(block, key, DECRYPT, in, 1);
	if (e)
		goto done;
	pan_field4(field, pan);
	mix(block, field, 16);
	e = aes_ecb(block, key, DECRYPT, block, 1);
	if (e)
		goto done;
	unpack(digit, block, 8);
	e = verdict(field_open(pin, digit, PIN_FORMAT_4, 10, 10), E_PIN_BLOCK);
done:
	wipe(digit, sizeof digit);
	wipe(block, sizeof block);
	return e;
}
