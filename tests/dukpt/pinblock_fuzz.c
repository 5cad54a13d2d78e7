/*
 * The PIN block decoders on any block: format (1 byte), block (8 bytes, 16 for format 4), then the PAN as text. What a
 * decoder accepts is a PIN, and encodes to a block that it accepts as the same PIN; formats 0 to 2 to the same block.
 */
#include "crypto/aes.h"
#include "dukpt/pinblock.h"
#include "tests/lib/test.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
	if (!holds)
		abort();
}

static void is_pin(enum err e, const struct pin *pin)
{
	static const struct pin none;

	must(e == E_OK || e == E_PIN_BLOCK || e == E_RANGE);
	if (e) {
		must(!memcmp(pin, &none, sizeof none));
		return;
	}
	must(pin->len >= PIN_MIN && pin->len <= PIN_MAX);
	for (unsigned i = 0; i < PIN_MAX; i++)
		must(pin->digit[i] <= (i < pin->len ? 9 : 0));
}

static void clear(enum pin_format format, const uint8_t in[static 8], const struct pan *pan)
{
	struct pin pin, again;
	uint8_t out[8];
	enum err e = pinblock_decode(&pin, format, in, pan);

	is_pin(e, &pin);
	if (e)
		return;
	must(pinblock_encode(out, format, &pin, pan, in) == E_OK);
	must(format == PIN_FORMAT_3 || !memcmp(in, out, 8));
	must(pinblock_decode(&again, format, out, pan) == E_OK && !memcmp(&pin, &again, sizeof pin));
}

/* The 16 bytes are taken for the PIN field, so that the fuzzer need not break AES to reach the inside. */
static void format4(const uint8_t field[static 16], const struct pan *pan)
{
	static const struct key key = { { 0x4B, 0x65, 0x79 }, 16 };
	struct pin sample = { { 1, 2, 3, 4 }, 4 }, pin;
	uint8_t a[16], b[16], pan_field[16], random[8] = { 0 };
	enum err e;

	is_pin(pinblock4_decipher(&pin, &key, field, pan), &pin);
	if (pinblock4_encipher(b, &key, &sample, pan, random))
		return;
	/* the PAN field, out of a block whose PIN field is known */
	memcpy(a, (const uint8_t[16]){ 0x44, 0x12, 0x34, 0xAA, 0xAA, 0xAA, 0xAA, 0xAA }, 16);
	must(aes_ecb(a, &key, ENCRYPT, a, 1) == E_OK && aes_ecb(b, &key, DECRYPT, b, 1) == E_OK);
	for (unsigned i = 0; i < 16; i++)
		pan_field[i] = a[i] ^ b[i];
	must(aes_ecb(a, &key, ENCRYPT, field, 1) == E_OK);
	for (unsigned i = 0; i < 16; i++)
		a[i] ^= pan_field[i];
	must(aes_ecb(a, &key, ENCRYPT, a, 1) == E_OK);
	e = pinblock4_decipher(&pin, &key, a, pan);
	is_pin(e, &pin);
	if (e)
		return;
	must(pinblock4_encipher(b, &key, &pin, pan, field + 8) == E_OK && !memcmp(a, b, 16));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t block[16] = { 0 };
	struct pan pan = { "", 0 };
	char text[PAN_MAX + 2] = "";
	size_t len, rest;

	if (!size)
		return 0;
	len = data[0] % 5 == PIN_FORMAT_4 ? 16 : 8;
	if (size < 1 + len)
		return 0;
	memcpy(block, data + 1, len);
	rest = size - 1 - len;
	memcpy(text, data + 1 + len, rest < sizeof text - 1 ? rest : sizeof text - 1);
	if (pan_parse(&pan, text))
		must(!pan.len);
	if (data[0] % 5 == PIN_FORMAT_4)
		format4(block, &pan);
	else
		clear((enum pin_format)(data[0] % 5), block, &pan);
	return 0;
}
