/*
 * lab pinblock: PIN blocks of ISO 9564-1 formats 0 to 4, made and opened, clear or enciphered. Unlike every other
 * program of Keyroom it says why a block is malformed: its keys and PINs are test data.
 */
#include "dukpt/pinblock.h"
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "lab/commands.h"
#include "lab/keys.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>

struct work {
	unsigned format;
	bool has_key, has_pan;
	struct key key;
	enum dukpt_key_type type;
	struct pin pin;
	struct pan pan;
	uint8_t random[8];
};

static const char *const plain_keys[] = { "key", "pin_key", NULL };

static enum err read_key(struct work *w, const struct turn *t)
{
	const char *name = turn_first(t, plain_keys);
	struct keys k;
	enum err e;

	if (name) {
		w->has_key = true;
		return keys_plain(&w->key, &w->type, t, name, "algorithm", w->format == PIN_FORMAT_4 ? "aes" : "tdes");
	}
	if (!keys_named(t))
		return E_OK;
	e = keys_read_txn(&k, t);
	if (e)
		return e;
	w->has_key = true;
	w->type = k.type;
	e = keys_working(&w->key, &k, DUKPT_USE_PIN);
	if (!e)
		turn_say_hex(t, "pin_key", w->key.b, w->key.len);
	wipe(&k, sizeof k);
	return e;
}

/* The format where none is given: what the PIN key's cipher is for. TDES: 0, else 4. */
static unsigned usual_format(const struct turn *t)
{
	const char *type = turn_get(t, "working_key_type"), *block = turn_get(t, "enc_pin_block"),
		   *algorithm = turn_get(t, "algorithm"), *key = turn_first(t, plain_keys), *ksn = turn_get(t, "ksn"),
		   *field = turn_get(t, "field_53");
	bool tdes;

	if (!ksn && field && strlen(field) > 3)
		ksn = field + 3; /* behind the descriptor */
	if (key)
		tdes = algorithm ? !strcasecmp(algorithm, "tdes") : strlen(turn_get(t, key)) == 16;
	else
		tdes = (type && (*type == '2' || *type == '3')) ||
		       (keys_named(t) && ksn && strlen(ksn) <= 2 * KSN_TDES);
	return tdes || turn_get(t, "pin_block") || (block && strlen(block) == 16) ? 0 : 4;
}

static enum err read_work(struct work *w, const struct turn *t)
{
	const char *pin = turn_get(t, "pin"), *pan = turn_get(t, "pan");
	enum err e = turn_number(t, "format", &w->format, usual_format(t), 0, 4);

	if (e)
		return e;
	if (pin && pin_parse(&w->pin, pin))
		return turn_refuse(t, E_FORMAT, "pin is not 4 to 12 digits");
	if (pan && pan_parse(&w->pan, pan))
		return turn_refuse(t, E_FORMAT, "pan is not 1 to 19 digits");
	w->has_pan = pan;
	if (w->format == PIN_FORMAT_0 || w->format == PIN_FORMAT_3) {
		if (!pan)
			return turn_refuse(t, E_SHORT, "pan is needed for format %u", w->format);
		if (w->pan.len < PAN_MIN)
			return turn_refuse(t, E_RANGE, "pan is shorter than %d digits", PAN_MIN);
	}
	e = read_key(w, t);
	if (!e && w->has_key && dukpt_key_kind(w->type)->block != (w->format == PIN_FORMAT_4 ? 16 : 8))
		e = turn_refuse(t, E_SCHEME, "a PIN block of format %u is not enciphered under a %s key", w->format,
				dukpt_key_kind(w->type)->name);
	return e;
}

/* The random part: the question's, or ours, which the answer then tells */
static enum err read_random(struct work *w, const struct turn *t)
{
	static const char *const names[] = { "random", "nonce", NULL };
	const char *name = turn_first(t, names);
	size_t len;
	enum err e;

	if (!name) {
		if (getrandom(w->random, sizeof w->random, 0) != sizeof w->random)
			return E_RANDOM;
	} else {
		e = turn_hex(t, name, w->random, &len, sizeof w->random);
		if (e)
			return e;
		if (len != sizeof w->random)
			return turn_refuse(t, E_RANGE, "%s is not 16 hexadecimal digits", name);
	}
	turn_say_hex(t, "random", w->random, sizeof w->random);
	return E_OK;
}

/* What is wrong with a clear field of 16 digits: control, length, PIN, filler */
static enum err malformed(const struct turn *t, const uint8_t *field, unsigned format)
{
	static const struct {
		const char *name;
		unsigned low, high;
	} filler[] = { { "F", 15, 15 }, { "", 0, 15 }, { "F", 15, 15 }, { "A to F", 10, 15 }, { "A", 10, 10 } };
	const char *const pan = format == PIN_FORMAT_1 || format == PIN_FORMAT_2 ? "" : " (or key or PAN is another)";
	unsigned digit[16];

	for (unsigned i = 0; i < 16; i++)
		digit[i] = i & 1 ? field[i / 2] & 15 : field[i / 2] >> 4;
	if (digit[0] != format)
		return turn_refuse(t, E_PIN_BLOCK, "control digit is %X, not %u", digit[0], format);
	if (digit[1] < PIN_MIN || digit[1] > PIN_MAX)
		return turn_refuse(t, E_PIN_BLOCK, "PIN length is %u, not 4 to 12", digit[1]);
	for (unsigned i = 0; i < digit[1]; i++)
		if (digit[2 + i] > 9)
			return turn_refuse(t, E_PIN_BLOCK, "PIN digit %u is %X, not decimal%s", i + 1, digit[2 + i],
					   pan);
	for (unsigned i = 2 + digit[1]; i < 16; i++)
		if (digit[i] < filler[format].low || digit[i] > filler[format].high)
			return turn_refuse(t, E_PIN_BLOCK, "filler digit %X at place %u is not %s%s", digit[i], i + 1,
					   filler[format].name, pan);
	return turn_refuse(t, E_PIN_BLOCK, "%s", err_text(E_PIN_BLOCK));
}

static void say_pin(const struct turn *t, const struct pin *pin)
{
	char text[PIN_MAX + 1] = { 0 };

	for (unsigned i = 0; i < pin->len; i++)
		text[i] = (char)('0' + pin->digit[i]);
	turn_say(t, "pin", text);
	wipe(text, sizeof text);
}

static enum err encode(struct work *w, const struct turn *t)
{
	uint8_t block[8] = { 0 };
	enum err e = E_OK;

	if (w->format == PIN_FORMAT_1 || w->format == PIN_FORMAT_3)
		e = read_random(w, t);
	if (!e)
		e = pinblock_encode(block, (enum pin_format)w->format, &w->pin, &w->pan, w->random);
	if (e)
		goto done;
	turn_say_hex(t, "pin_block", block, sizeof block);
	if (w->has_key)
		e = des_ecb(block, &w->key, ENCRYPT, block, 1);
	if (!e && w->has_key)
		turn_say_hex(t, "enc_pin_block", block, sizeof block);
done:
	wipe(block, sizeof block);
	return e;
}

/* The clear block of formats 0 and 3 is the field, PIN and filler, xor the PAN's digits: format 0's block of a PIN 0000
 * is 040000FFFFFFFFFF xor these, so that there is one place that knows them. */
static enum err clear_field(uint8_t out[static 8], const struct work *w, const uint8_t block[static 8])
{
	static const uint8_t zeros[8] = { 0x04, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
	const struct pin pin = { { 0 }, 4 };
	uint8_t mask[8] = { 0 };
	enum err e = E_OK;

	if (w->format == PIN_FORMAT_0 || w->format == PIN_FORMAT_3)
		e = pinblock_encode(mask, PIN_FORMAT_0, &pin, &w->pan, NULL);
	for (unsigned i = 0; !e && i < 8; i++)
		out[i] = (uint8_t)(block[i] ^
				   (w->format == PIN_FORMAT_0 || w->format == PIN_FORMAT_3 ? mask[i] ^ zeros[i] : 0));
	return e;
}

static enum err decode(struct work *w, const struct turn *t)
{
	const bool clear = turn_get(t, "pin_block");
	const char *const name = clear ? "pin_block" : "enc_pin_block";
	uint8_t block[8] = { 0 }, field[8] = { 0 };
	size_t len;
	enum err e = turn_hex(t, name, block, &len, sizeof block);

	if (!e && len != sizeof block)
		e = turn_refuse(t, E_PIN_BLOCK, "%s is %zu bytes long, not 8", name, len);
	if (!e && !clear && !w->has_key)
		e = turn_refuse(t, E_SHORT, "key is needed to open enc_pin_block");
	if (!e && !clear)
		e = des_ecb(block, &w->key, DECRYPT, block, 1);
	if (e)
		goto done;
	turn_say_hex(t, "pin_block", block, sizeof block);
	e = pinblock_decode(&w->pin, (enum pin_format)w->format, block, &w->pan);
	if (!e)
		say_pin(t, &w->pin);
	else if (e == E_PIN_BLOCK && !clear_field(field, w, block))
		e = malformed(t, field, w->format);
done:
	wipe(block, sizeof block);
	wipe(field, sizeof field);
	return e;
}

/*
 * The PAN field of format 4, taken out of the very function that the terminals use: E(A xor PAN field) with A = E(PIN
 * field), once with this PAN and once with the PAN 0, whose field is zero.
 */
static enum err pan_field4(uint8_t out[static 16], const struct pan *pan)
{
	static const struct key key = { { 0 }, 16 };
	static const struct pan zero = { "0", 1 };
	static const struct pin pin = { { 0 }, 4 };
	static const uint8_t random[8];
	uint8_t a[16], b[16];
	enum err e = pinblock4_encipher(a, &key, &pin, &zero, random);

	if (!e)
		e = pinblock4_encipher(b, &key, &pin, pan, random);
	if (!e)
		e = aes_ecb(a, &key, DECRYPT, a, 1);
	if (!e)
		e = aes_ecb(b, &key, DECRYPT, b, 1);
	for (unsigned i = 0; !e && i < 16; i++)
		out[i] = a[i] ^ b[i];
	return e;
}

struct fields4 {
	uint8_t pin_field[16], block_a[16], block_b[16], pan_field[16];
};

/* Everything that is inside an enciphered block of format 4 */
static enum err open4(struct fields4 *f, const struct key *key, const uint8_t in[static 16], const struct pan *pan)
{
	enum err e = pan_field4(f->pan_field, pan);

	if (!e)
		e = aes_ecb(f->block_b, key, DECRYPT, in, 1);
	for (unsigned i = 0; !e && i < 16; i++)
		f->block_a[i] = f->block_b[i] ^ f->pan_field[i];
	if (!e)
		e = aes_ecb(f->pin_field, key, DECRYPT, f->block_a, 1);
	return e;
}

static enum err encode4(struct work *w, const struct turn *t)
{
	static const struct pan zero = { "0", 1 };
	static const struct key any = { { 0 }, 16 };
	struct fields4 f;
	uint8_t block[16];
	enum err e = read_random(w, t);

	if (!e && w->has_key && !w->has_pan)
		e = turn_refuse(t, E_SHORT, "pan is needed for format 4");
	if (e)
		return e;
	e = pinblock4_encipher(block, w->has_key ? &w->key : &any, &w->pin, w->has_pan ? &w->pan : &zero, w->random);
	if (!e)
		e = open4(&f, w->has_key ? &w->key : &any, block, w->has_pan ? &w->pan : &zero);
	if (e)
		goto done;
	turn_say_hex(t, "pin_field", f.pin_field, 16);
	if (w->has_pan)
		turn_say_hex(t, "pan_field", f.pan_field, 16);
	if (w->has_key) {
		turn_say_hex(t, "block_a", f.block_a, 16);
		turn_say_hex(t, "block_b", f.block_b, 16);
		turn_say_hex(t, "enc_pin_block", block, 16);
	}
done:
	wipe(&f, sizeof f);
	wipe(block, sizeof block);
	return e;
}

static enum err decode4(struct work *w, const struct turn *t)
{
	struct fields4 f = { { 0 }, { 0 }, { 0 }, { 0 } };
	uint8_t block[16];
	size_t len;
	enum err e = turn_hex(t, "enc_pin_block", block, &len, sizeof block);

	if (!e && len != sizeof block)
		e = turn_refuse(t, E_PIN_BLOCK, "enc_pin_block is %zu bytes long, not 16", len);
	if (!e && (!w->has_key || !w->has_pan))
		e = turn_refuse(t, E_SHORT, "%s is needed to open a block of format 4", w->has_key ? "pan" : "key");
	if (!e)
		e = open4(&f, &w->key, block, &w->pan);
	if (e)
		goto done;
	e = pinblock4_decipher(&w->pin, &w->key, block, &w->pan);
	if (e == E_PIN_BLOCK)
		e = malformed(t, f.pin_field, PIN_FORMAT_4);
	if (e)
		goto done;
	turn_say_hex(t, "block_b", f.block_b, 16);
	turn_say_hex(t, "pan_field", f.pan_field, 16);
	turn_say_hex(t, "block_a", f.block_a, 16);
	turn_say_hex(t, "pin_field", f.pin_field, 16);
	say_pin(t, &w->pin);
done:
	wipe(&f, sizeof f);
	wipe(block, sizeof block);
	return e;
}

static enum err pan_alone(struct work *w, const struct turn *t)
{
	uint8_t field[16];
	enum err e = pan_field4(field, &w->pan);

	if (!e)
		turn_say_hex(t, "pan_field", field, sizeof field);
	return e;
}

enum err pinblock_answer(const struct turn *t)
{
	const bool pin = turn_get(t, "pin"), clear = turn_get(t, "pin_block"), block = turn_get(t, "enc_pin_block");
	struct work w;
	enum err e;

	memset(&w, 0, sizeof w);
	e = read_work(&w, t);
	if (e)
		goto done;
	if (w.format == PIN_FORMAT_4)
		e = pin         ? encode4(&w, t)
		    : block     ? decode4(&w, t)
		    : w.has_pan ? pan_alone(&w, t)
				: turn_refuse(t, E_SHORT, "pin or enc_pin_block is needed");
	else
		e = pin              ? encode(&w, t)
		    : clear || block ? decode(&w, t)
				     : turn_refuse(t, E_SHORT, "pin, pin_block or enc_pin_block is needed");
done:
	wipe(&w, sizeof w);
	return e;
}
