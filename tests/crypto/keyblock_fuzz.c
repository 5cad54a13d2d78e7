/*
 * Input: the length of a KBPK (1 byte: 16, 24, 32 by its remainder), then text. What the parser accepts is put together
 * from its parts again; what opens is written and opens again to the same key.
 */
#include "crypto/keyblock.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* the parts lie one behind the other, and cover the text */
static void covers(const struct keyblock *b, struct span text)
{
	struct keyblock_option o;
	struct span rest = b->optional, found;
	unsigned n = 0;

	must(b->head.p == text.p && b->optional.p == text.p + 16 && b->head.len == 16 + b->optional.len);
	must(b->enciphered.p == b->head.p + b->head.len && b->mac.p == b->enciphered.p + b->enciphered.len);
	must(b->mac.p + b->mac.len == text.p + text.len && keyblock_room(b) <= KEYBLOCK_MAX);
	while (keyblock_next(&o, &rest)) {
		char id[3] = { o.id[0], o.id[1], 0 };

		must(o.data.p >= b->optional.p && o.data.p + o.data.len <= b->enciphered.p);
		must(keyblock_find(&found, b, id));
		n++;
	}
	must(n == b->options && !rest.len);
}

static void write_again(const struct keyblock *b, struct span key, const struct key *kbpk)
{
	static const uint8_t random[KEYBLOCK_RANDOM] = { 7 };
	static uint8_t work[KEYBLOCK_MAX];
	static char out[KEYBLOCK_MAX];
	struct keyblock_option o[100];
	struct span rest = b->optional, back;
	struct keyblock again;
	size_t n = 0, len;
	enum err e;

	while (keyblock_next(&o[n], &rest))
		if (memcmp(o[n].id, "PB", 2))
			n++;
	e = keyblock_write(out, sizeof out, &len, &b->header, o, n, kbpk, key, random, KEYBLOCK_ANY);
	/* too long by another padding, or a key that should not stand under this one */
	if (e == E_SPACE || e == E_STRENGTH || e == E_RANGE)
		return;
	must(e == E_OK);
	must(keyblock_parse(&again, (struct span){ (const uint8_t *)out, len }) == E_OK);
	must(keyblock_open(&back, work, sizeof work, &again, kbpk) == E_OK);
	must(back.len == key.len && !memcmp(back.p, key.p, key.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct keyblock none;
	static uint8_t work[KEYBLOCK_MAX];
	struct key kbpk = { { 'A', 'B', 'C' }, 16 };
	struct keyblock b;
	struct span text, key;
	enum err e;

	if (!size)
		return 0;
	kbpk.len = (uint8_t)(16 + 8 * (data[0] % 3));
	text = (struct span){ data + 1, size - 1 };
	e = keyblock_parse(&b, text);
	if (e) {
		must((e == E_FORMAT || e == E_VERSION) && !memcmp(&b, &none, sizeof b));
		return 0;
	}
	covers(&b, text);
	e = keyblock_open(&key, work, sizeof work, &b, &kbpk);
	must(e == E_OK || e == E_MAC || e == E_FORMAT || e == E_KEY);
	must(e ? !key.len : key.len > 0);
	if (!e)
		write_again(&b, key, &kbpk);
	return 0;
}
