/*
 * PIN blocks: every published block, and one answer for whatever is none.
 */
#include "crypto/aes.h"
#include "dukpt/pinblock.h"
#include "tests/lib/test.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct stanza *rows, *rows4;
static size_t nrows, nrows4;

static struct pan pan_of(const struct stanza *r)
{
	const char *text = stanza_get(r, "pan");
	struct pan pan = { { 0 }, 0 };

	if (text && strcmp(text, "-"))
		ck_assert_int_eq(pan_parse(&pan, text), E_OK);
	return pan;
}

static struct pin pin_of(const char *text)
{
	struct pin pin = { { 0 }, 0 };

	ck_assert_int_eq(pin_parse(&pin, text), E_OK);
	return pin;
}

static bool accepted(const struct stanza *r)
{
	return !strcmp(stanza_get(r, "accept"), "yes");
}

START_TEST(decodes_the_published_blocks_and_refuses_the_others)
{
	static const struct pin none;
	const struct stanza *r = &rows[_i];
	enum pin_format format = (enum pin_format)atoi(stanza_get(r, "format"));
	struct pan pan = pan_of(r);
	struct pin pin, want;
	uint8_t block[8] = { 0 };

	/* A block of 7 bytes cannot be given to this decoder: its shape is in the type. */
	if (test_hex(block, sizeof block, stanza_get(r, "pin_block")) != sizeof block)
		return;
	memset(&pin, 0xA5, sizeof pin);
	if (accepted(r)) {
		want = pin_of(stanza_get(r, "pin"));
		ck_assert_int_eq(pinblock_decode(&pin, format, block, &pan), E_OK);
		ck_assert_mem_eq(&pin, &want, sizeof pin);
	} else {
		ck_assert_int_eq(pinblock_decode(&pin, format, block, &pan), E_PIN_BLOCK);
		ck_assert_mem_eq(&pin, &none, sizeof pin);
	}
}
END_TEST

START_TEST(encodes_the_published_blocks)
{
	const struct stanza *r = &rows[_i];
	enum pin_format format = (enum pin_format)atoi(stanza_get(r, "format"));
	struct pan pan = pan_of(r);
	struct pin pin, back;
	uint8_t block[8], out[8];

	if (!accepted(r))
		return;
	test_hex(block, sizeof block, stanza_get(r, "pin_block"));
	pin = pin_of(stanza_get(r, "pin"));
	/* Format 1 takes its filler from the same places of random; what format 3 fills in is its own affair. */
	ck_assert_int_eq(pinblock_encode(out, format, &pin, &pan, block), E_OK);
	if (format != PIN_FORMAT_3)
		ck_assert_mem_eq(out, block, 8);
	ck_assert_int_eq(pinblock_decode(&back, format, out, &pan), E_OK);
	ck_assert_mem_eq(&back, &pin, sizeof pin);
}
END_TEST

START_TEST(format_3_fills_with_a_to_f_evenly)
{
	struct pin pin = pin_of("1234"), back;
	struct pan pan = { "000000000000000", 15 };
	unsigned seen[16] = { 0 };
	uint64_t x = 88172645463325252u;
	uint8_t random[8], out[8];

	for (int i = 0; i < 6000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		put_be64(random, x);
		ck_assert_int_eq(pinblock_encode(out, PIN_FORMAT_3, &pin, &pan, random), E_OK);
		ck_assert_int_eq(pinblock_decode(&back, PIN_FORMAT_3, out, &pan), E_OK);
		for (int n = 6; n < 16; n++)
			seen[n & 1 ? out[n / 2] & 15 : out[n / 2] >> 4]++;
	}
	/* 60,000 digits, 10,000 of each expected, 91 the deviation of one */
	for (int d = 0; d < 16; d++)
		ck_assert_msg(d < 10 ? !seen[d] : seen[d] > 9400 && seen[d] < 10600, "%X: %u", (unsigned)d, seen[d]);
}
END_TEST

/* The plain way to read a block, with branches: what the careful one has to agree with. */
static bool plain(struct pin *pin, int format, const uint8_t in[static 8], const char *pan12)
{
	static const char *filler[] = { "F", "0123456789ABCDEF", "F", "ABCDEF" };
	char hex[17];
	uint8_t b[8];

	memcpy(b, in, 8);
	if (format == 0 || format == 3)
		for (int i = 0; i < 12; i++)
			b[2 + i / 2] = (uint8_t)(b[2 + i / 2] ^ (pan12[i] - '0') << (i & 1 ? 0 : 4));
	for (int i = 0; i < 8; i++)
		snprintf(hex + 2 * i, 3, "%02X", b[i]);
	memset(pin, 0, sizeof *pin);
	if (hex[0] != '0' + format || !strchr("456789ABC", hex[1]))
		return false;
	for (int i = 0; i < 14; i++) {
		if (i >= (b[0] & 15)) {
			if (!strchr(filler[format], hex[2 + i]))
				return false;
		} else if (!strchr("0123456789", hex[2 + i])) {
			return false;
		}
	}
	pin->len = b[0] & 15;
	for (int i = 0; i < pin->len; i++)
		pin->digit[i] = (uint8_t)(hex[2 + i] - '0');
	return true;
}

START_TEST(agrees_with_the_plain_way_to_read_a_block)
{
	static const struct pin none;
	struct pan pan = { "5555555551234567", 16 };
	struct pin good = pin_of("1234");
	int format = _i, ok = 0;
	uint64_t x = 88172645463325252u;

	for (int i = 0; i < 40000; i++) {
		struct pin got, want;
		uint8_t b[8], random[8];
		enum err e;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		put_be64(random, x);
		good.len = (uint8_t)(4 + x % 9);
		for (int d = 0; d < PIN_MAX; d++)
			good.digit[d] = (uint8_t)(d < good.len ? (x >> d) % 10 : 0);
		ck_assert_int_eq(pinblock_encode(b, (enum pin_format)format, &good, &pan, random), E_OK);
		/* a good block, one digit of it changed, or anything behind a control digit */
		if (i % 3 == 1)
			b[x >> 8 & 7] = (uint8_t)(b[x >> 8 & 7] ^ (x >> 16 & 15) << (x & 4));
		if (i % 3 == 2) {
			memcpy(b, random, 8);
			b[0] = (uint8_t)(format << 4 | (b[0] & 15));
		}
		e = pinblock_decode(&got, (enum pin_format)format, b, &pan);
		if (plain(&want, format, b, "555555123456")) {
			ck_assert_int_eq(e, E_OK);
			ck_assert_mem_eq(&got, &want, sizeof got);
			ok++;
		} else {
			ck_assert_int_eq(e, E_PIN_BLOCK);
			ck_assert_mem_eq(&got, &none, sizeof got);
		}
	}
	ck_assert_int_gt(ok, 13000);
	ck_assert_int_lt(ok, 39000);
}
END_TEST

START_TEST(refuses_what_is_no_pin)
{
	struct pan pan = { "5555555551234567", 16 };
	struct key key = { { 1 }, 16 };
	uint8_t random[8] = { 0 }, out[16] = { 0xA5 };

	for (int format = 0; format <= 4; format++)
		for (int bad = 0; bad < 5; bad++) {
			struct pin pin = pin_of("1234");
			enum err e;

			if (bad == 4)
				pin.digit[2] = 10;
			else
				pin.len = (uint8_t[]){ 0, 3, 13, 255 }[bad];
			if (format == 4)
				e = pinblock4_encipher(out, &key, &pin, &pan, random);
			else
				e = pinblock_encode(out, (enum pin_format)format, &pin, &pan, random);
			ck_assert_int_eq(e, E_RANGE);
			ck_assert_int_eq(out[0], 0xA5);
		}
}
END_TEST

START_TEST(each_format_has_its_shortest_pan)
{
	/* the 12 digits before the check digit are 012345678901 and 123456789012 */
	static const struct {
		const char *pan, *block;
	} shorts[] = { { "123456789012", "041235DCBA9876FE" }, { "1234567890123", "041226CBA9876FED" } };
	struct pin pin = pin_of("1234"), back;
	uint8_t out[8] = { 0xA5 }, in[8] = { 0x04 }, want[8];
	struct pan pan;

	ck_assert_int_eq(pan_parse(&pan, "12345678901"), E_OK);
	for (int format = 0; format <= 3; format += 3) {
		ck_assert_int_eq(pinblock_encode(out, (enum pin_format)format, &pin, &pan, in), E_RANGE);
		ck_assert_int_eq(pinblock_decode(&back, (enum pin_format)format, in, &pan), E_RANGE);
	}
	ck_assert_int_eq(out[0], 0xA5);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(pan_parse(&pan, shorts[i].pan), E_OK);
		ck_assert_int_eq(pinblock_encode(out, PIN_FORMAT_0, &pin, &pan, NULL), E_OK);
		test_hex(want, 8, shorts[i].block);
		ck_assert_mem_eq(out, want, 8);
	}
	/* formats 1 and 2 want none */
	ck_assert_int_eq(pinblock_encode(out, PIN_FORMAT_1, &pin, NULL, in), E_OK);
	ck_assert_int_eq(pinblock_decode(&back, PIN_FORMAT_1, out, NULL), E_OK);
	ck_assert_int_eq(pinblock_encode(out, PIN_FORMAT_2, &pin, NULL, NULL), E_OK);
	ck_assert_int_eq(pinblock_decode(&back, PIN_FORMAT_2, out, NULL), E_OK);
	/* and there is no clear block of format 4 or 5 */
	ck_assert_int_eq(pinblock_encode(out, PIN_FORMAT_4, &pin, &pan, in), E_RANGE);
	ck_assert_int_eq(pinblock_decode(&back, PIN_FORMAT_4, out, &pan), E_RANGE);
	ck_assert_int_eq(pinblock_decode(&back, (enum pin_format)5, out, &pan), E_RANGE);
	pan.len = PAN_MAX + 1; /* not from pan_parse() */
	ck_assert_int_eq(pinblock_encode(out, PIN_FORMAT_0, &pin, &pan, in), E_RANGE);
	ck_assert_int_eq(pinblock_decode(&back, PIN_FORMAT_0, out, &pan), E_RANGE);
}
END_TEST

/* The two fields of format 4, taken out of an enciphered block with the key: E(E(PIN field) xor PAN field) */
START_TEST(format_4_has_the_published_fields)
{
	const struct stanza *r = &rows4[_i];
	struct key key = { { 7 }, 32 };
	struct pin pin = pin_of(stanza_get(r, "pin") ? stanza_get(r, "pin") : "1234"), back;
	struct pan pan = pan_of(r);
	uint8_t random[8] = { 0 }, out[16], a[16], b[16], field[16];

	if (!stanza_get(r, "pin_field") && !stanza_get(r, "pan_field"))
		return;
	if (!pan.len)
		ck_assert_int_eq(pan_parse(&pan, "1234567890123"), E_OK);
	if (stanza_get(r, "random"))
		test_hex(random, 8, stanza_get(r, "random"));
	if (stanza_get(r, "key"))
		key = test_key(stanza_get(r, "key"));
	ck_assert_int_eq(pinblock4_encipher(out, &key, &pin, &pan, random), E_OK);
	if (stanza_get(r, "enc_pin_block")) {
		test_hex(b, 16, stanza_get(r, "enc_pin_block"));
		ck_assert_mem_eq(out, b, 16);
	}
	ck_assert_int_eq(pinblock4_decipher(&back, &key, out, &pan), E_OK);
	ck_assert_mem_eq(&back, &pin, sizeof pin);
	ck_assert_int_eq(aes_ecb(b, &key, DECRYPT, out, 1), E_OK);
	if (stanza_get(r, "pan_field"))
		test_hex(field, 16, stanza_get(r, "pan_field"));
	else
		test_hex(field, 16, "11234567890123000000000000000000");
	for (int i = 0; i < 16; i++)
		b[i] ^= field[i];
	ck_assert_int_eq(aes_ecb(a, &key, DECRYPT, b, 1), E_OK);
	if (stanza_get(r, "pin_field")) {
		test_hex(field, 16, stanza_get(r, "pin_field"));
		ck_assert_mem_eq(a, field, 16);
	}
	ck_assert_int_eq(a[0], 0x40 | pin.len);
}
END_TEST

START_TEST(format_4_refuses_the_published_bad_blocks)
{
	static const struct pin none;
	const struct stanza *r = &rows4[_i];
	struct key key;
	struct pan pan = pan_of(r);
	struct pin pin, want = pin_of("1234");
	uint8_t in[16];

	if (!stanza_get(r, "clear_pin_field"))
		return;
	key = test_key(stanza_get(r, "key"));
	test_hex(in, sizeof in, stanza_get(r, "enc_pin_block"));
	memset(&pin, 0xA5, sizeof pin);
	ck_assert_int_eq(pinblock4_decipher(&pin, &key, in, &pan), E_PIN_BLOCK);
	ck_assert_mem_eq(&pin, &none, sizeof pin);
	if (!stanza_get(r, "derived_pin_key"))
		return;
	key = test_key(stanza_get(r, "derived_pin_key"));
	ck_assert_int_eq(pinblock4_decipher(&pin, &key, in, &pan), E_OK);
	ck_assert_mem_eq(&pin, &want, sizeof pin);
}
END_TEST

START_TEST(format_4_shows_a_changed_bit_or_another_pan)
{
	struct key key = { { 9, 8, 7 }, 16 }, bad = { { 9, 8, 7 }, 8 };
	struct pin pin = pin_of("908172"), back;
	struct pan pan = { "4111111111111111", 16 }, other = { "4111111111111112", 16 }, none = { "", 0 };
	uint8_t random[8] = { 3, 1, 4, 1, 5, 9, 2, 6 }, out[16];

	ck_assert_int_eq(pinblock4_encipher(out, &key, &pin, &pan, random), E_OK);
	for (int i = 0; i < 128; i++) {
		out[i / 8] = (uint8_t)(out[i / 8] ^ 1 << i % 8);
		ck_assert_int_eq(pinblock4_decipher(&back, &key, out, &pan), E_PIN_BLOCK);
		out[i / 8] = (uint8_t)(out[i / 8] ^ 1 << i % 8);
	}
	ck_assert_int_eq(pinblock4_decipher(&back, &key, out, &other), E_PIN_BLOCK);
	ck_assert_int_eq(pinblock4_decipher(&back, &key, out, &none), E_RANGE);
	ck_assert_int_eq(pinblock4_encipher(out, &key, &pin, &none, random), E_RANGE);
	none.len = PAN_MAX + 1; /* not from pan_parse() */
	ck_assert_int_eq(pinblock4_encipher(out, &key, &pin, &none, random), E_RANGE);
	ck_assert_int_eq(pinblock4_decipher(&back, &bad, out, &pan), E_KEY);
	ck_assert_int_eq(pinblock4_encipher(out, &bad, &pin, &pan, random), E_KEY);
	ck_assert_int_eq(pinblock4_decipher(&back, &key, out, &pan), E_OK);
	ck_assert_mem_eq(&back, &pin, sizeof pin);
}
END_TEST

START_TEST(pans_and_pins_are_digits)
{
	static const char *bad_pans[] = { "", "12345678901234567890", "4111 1111", "411111111111111x", "-1" };
	static const char *bad_pins[] = { "", "123", "1234567890123", "12a4", "12 4", "-1234" };
	struct pan pan = { "7", 1 };
	struct pin pin = { { 7 }, 1 };

	for (size_t i = 0; i < sizeof bad_pans / sizeof bad_pans[0]; i++) {
		ck_assert_int_eq(pan_parse(&pan, bad_pans[i]), E_FORMAT);
		ck_assert(pan.len == 1 && pan.digits[0] == '7');
	}
	for (size_t i = 0; i < sizeof bad_pins / sizeof bad_pins[0]; i++) {
		ck_assert_int_eq(pin_parse(&pin, bad_pins[i]), E_FORMAT);
		ck_assert(pin.len == 1 && pin.digit[0] == 7);
	}
	ck_assert_int_eq(pan_parse(&pan, "1234567890123456789"), E_OK);
	ck_assert(pan.len == 19 && !strcmp(pan.digits, "1234567890123456789"));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pinblock");
	TCase *t = tcase_create("pinblock");

	rows = test_vectors("iso9564-formats-0-3.txt", &nrows);
	rows4 = test_vectors("iso9564-format-4.txt", &nrows4);
	tcase_add_loop_test(t, decodes_the_published_blocks_and_refuses_the_others, 0, (int)nrows);
	tcase_add_loop_test(t, encodes_the_published_blocks, 0, (int)nrows);
	tcase_add_test(t, format_3_fills_with_a_to_f_evenly);
	tcase_add_loop_test(t, agrees_with_the_plain_way_to_read_a_block, 0, 4);
	tcase_add_test(t, refuses_what_is_no_pin);
	tcase_add_test(t, each_format_has_its_shortest_pan);
	tcase_add_loop_test(t, format_4_has_the_published_fields, 0, (int)nrows4);
	tcase_add_loop_test(t, format_4_refuses_the_published_bad_blocks, 0, (int)nrows4);
	tcase_add_test(t, format_4_shows_a_changed_bit_or_another_pan);
	tcase_add_test(t, pans_and_pins_are_digits);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
