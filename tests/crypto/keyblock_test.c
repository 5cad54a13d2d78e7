/*
 * Key blocks: every published one is read or refused as it says, what was tampered with is refused, and what is written
 * is what the published ones are made like.
 */
#include "crypto/keyblock.h"
#include "base/hex.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static const struct stanza *rows;
static size_t nrows;
static uint8_t work[KEYBLOCK_MAX];

static struct span text_of(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static enum err open_text(struct span *key, struct span text, const struct key *kbpk)
{
	struct keyblock b;
	enum err e = keyblock_parse(&b, text);

	*key = (struct span){ NULL, 0 };
	return e ? e : keyblock_open(key, work, sizeof work, &b, kbpk);
}

static bool is_ok(const struct stanza *r)
{
	return !strcmp(stanza_get(r, "outcome"), "ok");
}

START_TEST(the_published_key_block_is_read_or_refused)
{
	const struct stanza *r = &rows[_i];
	struct key kbpk = test_key(stanza_get(r, "kbpk"));
	struct span text = text_of(stanza_get(r, "key_block")), key, ks;
	static uint8_t want[4096];
	struct keyblock b;

	if (!is_ok(r)) {
		/* X9.143 8.3.2.1 prints it with a wrong length */
		ck_assert_int_eq(open_text(&key, text, &kbpk), E_FORMAT);
		ck_assert_uint_eq(key.len, 0);
		return;
	}
	ck_assert_int_eq(open_text(&key, text, &kbpk), E_OK);
	ck_assert_uint_eq(test_hex(want, sizeof want, stanza_get(r, "key")), key.len);
	ck_assert_mem_eq(want, key.p, key.len);
	ck_assert_int_eq(keyblock_parse(&b, text), E_OK);
	if (stanza_get(r, "ks")) {
		ck_assert(keyblock_find(&ks, &b, "KS"));
		ck_assert_uint_eq(ks.len, strlen(stanza_get(r, "ks")));
		ck_assert_mem_eq(ks.p, stanza_get(r, "ks"), ks.len);
	}
}
END_TEST

/* Any character of any block, turned in each of its bits; of the long one each 17th character. */
START_TEST(no_character_may_change)
{
	const struct stanza *r = &rows[_i];
	struct key kbpk = test_key(stanza_get(r, "kbpk"));
	const char *block = stanza_get(r, "key_block");
	size_t len = strlen(block), step = len > 1000 ? 61 : 1;
	static uint8_t text[KEYBLOCK_MAX];
	struct span key;

	memcpy(text, block, len);
	for (size_t i = 0; i < len; i += step) {
		for (int bit = 0; bit < 8; bit++) {
			text[i] = (uint8_t)(text[i] ^ 1 << bit);
			ck_assert_msg(open_text(&key, (struct span){ text, len }, &kbpk), "character %zu bit %d", i,
				      bit);
			ck_assert_uint_eq(key.len, 0);
			text[i] = (uint8_t)(text[i] ^ 1 << bit);
		}
	}
}
END_TEST

START_TEST(no_length_but_its_own_is_taken)
{
	const struct stanza *r = &rows[_i];
	struct key kbpk = test_key(stanza_get(r, "kbpk"));
	const char *block = stanza_get(r, "key_block");
	size_t len = strlen(block);
	static char text[KEYBLOCK_MAX + 2];
	struct keyblock b, zero = { .options = 0 };

	if (!is_ok(r))
		return;
	for (size_t n = 0; n < len; n++) {
		char *cut = malloc(n + 1); /* exactly so long, for the sanitizer */
		struct span key;

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, block, n);
		ck_assert_int_eq(keyblock_parse(&b, (struct span){ (const uint8_t *)cut, n }), E_FORMAT);
		ck_assert_mem_eq(&b, &zero, sizeof b);
		/* and with a header that tells the new length */
		if (n >= KEYBLOCK_MIN) {
			cut[1] = (char)('0' + n / 1000);
			cut[2] = (char)('0' + n / 100 % 10);
			cut[3] = (char)('0' + n / 10 % 10);
			cut[4] = (char)('0' + n % 10);
			ck_assert(open_text(&key, (struct span){ (const uint8_t *)cut, n }, &kbpk));
		}
		free(cut);
		if (len > 1000)
			n += 60;
	}
	memcpy(text, block, len);
	text[len] = '0';
	ck_assert_int_eq(keyblock_parse(&b, (struct span){ (const uint8_t *)text, len + 1 }), E_FORMAT);
}
END_TEST

START_TEST(another_protection_key_opens_nothing)
{
	const struct stanza *r = &rows[_i];
	struct key kbpk = test_key(stanza_get(r, "kbpk")), other = kbpk;
	struct span text = text_of(stanza_get(r, "key_block")), key;
	struct keyblock b;

	if (!is_ok(r))
		return;
	other.b[0] ^= 0x10;
	ck_assert_int_eq(open_text(&key, text, &other), E_MAC);
	for (size_t i = 0; i < sizeof work; i++)
		ck_assert_uint_eq(work[i], 0);
	other.len = 8;
	ck_assert_int_eq(open_text(&key, text, &other), E_KEY);
	other.len = 32;
	ck_assert_int_eq(open_text(&key, text, &other), text.p[0] < 'D' ? E_KEY : E_MAC);
	ck_assert_int_eq(keyblock_parse(&b, text), E_OK);
	ck_assert_int_eq(keyblock_open(&key, work, keyblock_room(&b) - 1, &b, &kbpk), E_SPACE);
	ck_assert_int_eq(keyblock_open(&key, work, keyblock_room(&b), &b, &kbpk), E_OK);
}
END_TEST

/* A token's KBPK: it enciphers blocks, and nobody has its bytes. */
struct far {
	const struct key *kbpk;
	size_t block;
	unsigned asked, fails_at;
};

static enum err encipher_far(void *ctx, uint8_t *out, const uint8_t *in, size_t blocks)
{
	struct far *f = ctx;

	if (++f->asked == f->fails_at)
		return E_TOKEN;
	return f->block == 8 ? des_ecb(out, f->kbpk, ENCRYPT, in, blocks) : aes_ecb(out, f->kbpk, ENCRYPT, in, blocks);
}

START_TEST(a_kbpk_that_only_enciphers_opens_and_writes_the_same)
{
	const struct stanza *r = &rows[_i];
	static char text[KEYBLOCK_MAX], same[KEYBLOCK_MAX];
	static const uint8_t random[KEYBLOCK_RANDOM] = { 9 };
	struct key kbpk = test_key(stanza_get(r, "kbpk"));
	struct keyblock b;
	struct keyblock_keys keys, zero = { 0 };
	struct far f = { &kbpk, 0, 0, 0 };
	struct span key, again;
	static uint8_t mine[KEYBLOCK_MAX];
	size_t len, n;

	if (!is_ok(r))
		return;
	ck_assert_int_eq(keyblock_parse(&b, text_of(stanza_get(r, "key_block"))), E_OK);
	f.block = b.header.version == 'B' ? 8 : 16;
	if (b.header.version == 'A' || b.header.version == 'C') {
		ck_assert_int_eq(keyblock_derive(&keys, b.header.version, kbpk.len, encipher_far, &f), E_VERSION);
		ck_assert_mem_eq(&keys, &zero, sizeof keys);
		return;
	}
	ck_assert_int_eq(keyblock_derive(&keys, b.header.version, kbpk.len, encipher_far, &f), E_OK);
	ck_assert_int_eq(keyblock_open_by(&key, mine, sizeof mine, &b, &keys), E_OK);
	ck_assert_int_eq(open_text(&again, text_of(stanza_get(r, "key_block")), &kbpk), E_OK);
	ck_assert_uint_eq(key.len, again.len);
	ck_assert_mem_eq(key.p, again.p, key.len);
	if (keyblock_protects(b.header.version, kbpk.len, b.header.algorithm, key.len)) {
		ck_assert_int_eq(keyblock_write_by(text, sizeof text, &len, &b.header, NULL, 0, &keys, key, random,
						   KEYBLOCK_ANY), E_OK);
		ck_assert_int_eq(keyblock_write(same, sizeof same, &n, &b.header, NULL, 0, &kbpk, key, random,
						KEYBLOCK_ANY), E_OK);
		ck_assert_uint_eq(len, n);
		ck_assert_mem_eq(text, same, n);
	}
	/* the keys of another version are none of this one */
	keys.version = b.header.version == 'D' ? 'E' : 'D';
	ck_assert_int_eq(keyblock_open_by(&key, mine, sizeof mine, &b, &keys), E_KEY);
	ck_assert_uint_eq(key.len, 0);
	/* and a token that fails anywhere leaves nothing */
	for (unsigned at = 1, asked = f.asked; at <= asked; at++) {
		f.asked = 0;
		f.fails_at = at;
		memset(&keys, 0x55, sizeof keys);
		ck_assert_int_eq(keyblock_derive(&keys, b.header.version, kbpk.len, encipher_far, &f), E_TOKEN);
		ck_assert_mem_eq(&keys, &zero, sizeof keys);
	}
	ck_assert_int_eq(keyblock_derive(&keys, b.header.version, 8, encipher_far, &f), E_KEY);
}
END_TEST

/* X9.143 itself prints blocks (8.3.2.1, 8.3.2.2) whose length field is not their length. Here a sound one is made such.
 */
START_TEST(a_length_field_that_lies_is_refused)
{
	const struct keyblock_header h = { 'D', { 'P', '0' }, 'A', 'E', { '0', '0' }, 'E', { '0', '0' } };
	const struct key kbpk = { { 1, 2, 3 }, 32 };
	const uint8_t key[16] = { 9 }, random[KEYBLOCK_RANDOM] = { 0 };
	static const char *lies[] = { "0128", "0096", "0000", "112 ", "01 2", "+112", "9999", "0070" };
	char text[256];
	struct keyblock b;
	size_t len;

	ck_assert_int_eq(
		keyblock_write(text, sizeof text, &len, &h, NULL, 0, &kbpk, SPAN(key), random, KEYBLOCK_MODERN), E_OK);
	ck_assert_uint_eq(len, 112);
	ck_assert_int_eq(keyblock_parse(&b, (struct span){ (uint8_t *)text, len }), E_OK);
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		memcpy(text + 1, lies[i], 4);
		ck_assert_int_eq(keyblock_parse(&b, (struct span){ (uint8_t *)text, len }), E_FORMAT);
	}
}
END_TEST

/* What is written is the published block: only its padding differs, which is random there. */
START_TEST(writes_what_is_published)
{
	const struct stanza *r = &rows[_i];
	struct key kbpk = test_key(stanza_get(r, "kbpk"));
	struct span text = text_of(stanza_get(r, "key_block")), key, rest, back;
	struct keyblock_option o[16];
	static char out[KEYBLOCK_MAX];
	static uint8_t again[KEYBLOCK_MAX];
	uint8_t random[KEYBLOCK_RANDOM];
	struct keyblock b, mine;
	size_t n = 0, len;
	bool pb = false;

	if (!is_ok(r))
		return;
	ck_assert_int_eq(open_text(&key, text, &kbpk), E_OK);
	ck_assert_int_eq(keyblock_parse(&b, text), E_OK);
	rest = b.optional;
	while (keyblock_next(&o[n], &rest)) {
		if (memcmp(o[n].id, "PB", 2))
			n++;
		else
			pb = true;
	}
	ck_assert_uint_eq(n + pb, b.options);
	/* the same padding, where there is as little of it as we put */
	memset(random, 0, sizeof random);
	memcpy(random, key.p + key.len,
	       b.enciphered.len / 2 - 2 - key.len < sizeof random ? b.enciphered.len / 2 - 2 - key.len : 0);
	ck_assert_int_eq(keyblock_write(out, sizeof out, &len, &b.header, o, n, &kbpk, key, random, KEYBLOCK_ANY),
			 E_OK);
	if (!pb && len == text.len)
		ck_assert_mem_eq(out, text.p, len);
	ck_assert_int_eq(keyblock_parse(&mine, (struct span){ (uint8_t *)out, len }), E_OK);
	ck_assert_mem_eq(&mine.header, &b.header, sizeof b.header);
	ck_assert_int_eq(keyblock_open(&back, again, sizeof again, &mine, &kbpk), E_OK);
	ck_assert_uint_eq(back.len, key.len);
	ck_assert_mem_eq(back.p, key.p, key.len);
	/* only B and D are written unasked */
	ck_assert_int_eq(keyblock_write(out, sizeof out, &len, &b.header, o, n, &kbpk, key, random, KEYBLOCK_MODERN),
			 b.header.version == 'B' || b.header.version == 'D' ? E_OK : E_VERSION);
}
END_TEST

static const struct keyblock_header header = { 'D', { 'K', '0' }, 'A', 'B', { '0', '0' }, 'N', { '0', '0' } };
static const struct key aes128 = { { 0x41, 0x42 }, 16 }, aes256 = { { 0x43, 0x44 }, 32 };
static const uint8_t ones[KEYBLOCK_RANDOM] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };

static struct keyblock_option option(const char *id, const char *data)
{
	return (struct keyblock_option){ { id[0], id[1] }, text_of(data) };
}

/* Every optional block there is, written and read back */
START_TEST(all_optional_blocks_come_back)
{
	static const struct {
		const char *id, *data;
	} given[] = {
		{ "KS", "FFFF9876543210E00000" },
		{ "IK", "1234567890123456" },
		{ "KC", "0108793E25AB" },
		{ "KP", "00ECAD62" },
		{ "BI", "0112345678" },
		{ "LB", "slot 1, a label" },
		{ "TS", "20261120051300Z" },
		{ "TC", "2026-11-20T05:13:00Z" },
		{ "10", "an unknown one" },
		{ "HM", "21" },
		{ "xx", "" },
	};
	enum { N = sizeof given / sizeof given[0] };
	struct keyblock_option o[N], got;
	char text[1024];
	struct span rest, key, data;
	struct keyblock b;
	size_t len;

	for (int i = 0; i < N; i++)
		o[i] = option(given[i].id, given[i].data);
	for (char v = 'A'; v <= 'E'; v++) {
		struct keyblock_header h = header;

		h.version = v;
		h.algorithm = 'T';
		ck_assert_int_eq(
			keyblock_write(text, sizeof text, &len, &h, o, N, &aes128, SPAN(ones), ones, KEYBLOCK_ANY),
			E_OK);
		ck_assert_int_eq(keyblock_parse(&b, (struct span){ (uint8_t *)text, len }), E_OK);
		rest = b.optional;
		for (int i = 0; i < N; i++) {
			ck_assert(keyblock_next(&got, &rest));
			ck_assert_mem_eq(got.id, given[i].id, 2);
			ck_assert_uint_eq(got.data.len, strlen(given[i].data));
			ck_assert_mem_eq(got.data.p, given[i].data, got.data.len);
			ck_assert(keyblock_find(&data, &b, given[i].id) && data.p == got.data.p);
		}
		if (keyblock_next(&got, &rest))
			ck_assert_mem_eq(got.id, "PB", 2);
		ck_assert(!keyblock_next(&got, &rest));
		ck_assert(!keyblock_find(&data, &b, "ZZ") && !data.len);
		ck_assert_int_eq(keyblock_open(&key, work, sizeof work, &b, &aes128), E_OK);
		ck_assert_mem_eq(key.p, ones, 16);
	}
}
END_TEST

START_TEST(a_long_option_takes_the_long_length)
{
	static uint8_t data[3000];
	static char text[KEYBLOCK_MAX];
	struct keyblock b;
	struct span back;
	size_t len;

	memset(data, 'x', sizeof data);
	/* around the longest that two digits can say */
	for (size_t n = 240; n < 270; n++) {
		struct keyblock_option o = { { 'L', 'B' }, { data, n } };

		ck_assert_int_eq(keyblock_write(text, sizeof text, &len, &header, &o, 1, &aes128, SPAN(ones), ones,
						KEYBLOCK_MODERN),
				 E_OK);
		ck_assert_mem_eq(text + 18, n + 4 > 255 ? "0004" : "F", n + 4 > 255 ? 4 : 1);
		ck_assert_int_eq(keyblock_parse(&b, (struct span){ (uint8_t *)text, len }), E_OK);
		ck_assert(keyblock_find(&back, &b, "LB"));
		ck_assert_uint_eq(back.len, n);
	}
}
END_TEST

START_TEST(an_option_that_is_not_what_its_id_says_is_refused)
{
	static const struct {
		const char *id, *data;
	} bad[] = {
		{ "KS", "FFFF9876543210E000000" },
		{ "KS", "FFFF98765432100" },
		{ "KS", "ffff9876543210e00000" },
		{ "IK", "123456789012345" },
		{ "IK", "12345678901234567" },
		{ "IK", "123456789012345G" },
		{ "KC", "" },
		{ "KC", "00" },
		{ "KC", "0208793E" },
		{ "KC", "01087" },
		{ "KP", "10ECAD62" },
		{ "KP", "00ecad62" },
		{ "BI", "0012345678" },
		{ "BI", "011234567890" },
		{ "BI", "0212345678" },
		{ "BI", "1112345678" },
		{ "BI", "01123456789G" },
		{ "BI", "01" },
		{ "TS", "20261120051300" },
		{ "TS", "2026112005130Z" },
		{ "TC", "20261120Z51300Z" },
		{ "TC", "Z" },
		{ "LB", "tab\t" },
		{ "10", "\x7F" },
		{ "1 ", "id" },
		{ "PB", "0000" },
	};
	struct keyblock_option o[2], twice[2];
	char text[1024];
	size_t len;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		o[0] = option(bad[i].id, bad[i].data);
		ck_assert_msg(keyblock_write(text, sizeof text, &len, &header, o, 1, &aes128, SPAN(ones), ones,
					     KEYBLOCK_MODERN) == E_FORMAT,
			      "%s %s", bad[i].id, bad[i].data);
		ck_assert(!text[0] && !text[20]);
	}
	twice[0] = twice[1] = option("KC", "0108793E25AB");
	ck_assert_int_eq(
		keyblock_write(text, sizeof text, &len, &header, twice, 2, &aes128, SPAN(ones), ones, KEYBLOCK_MODERN),
		E_FORMAT);
	/* of a block that is not known here there may be two */
	twice[0] = twice[1] = option("10", "x");
	ck_assert_int_eq(
		keyblock_write(text, sizeof text, &len, &header, twice, 2, &aes128, SPAN(ones), ones, KEYBLOCK_MODERN),
		E_OK);
}
END_TEST

/* Optional blocks as a hostile writer makes them: the parser alone, without a MAC. */
START_TEST(options_that_reach_over_the_end_are_refused)
{
	static const char *bad[] = {
		"LB",      "LB0",    "LB00",     "LB03",       "LB99",       "LB0G",
		"LB0004",  "LB0005", "LB000000", "LB00040000", "LB00040009", "LB0004FFFF",
		"LB00010", "LB0002", "LB00020",  "LB000207",   "LB00FF00",   "LB0004000A",
	};
	char text[256];
	struct keyblock b;

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		size_t n = strlen(bad[i]), len = 16 + n;

		memcpy(text, "B0000P0TE00E0100", 16);
		memcpy(text + 16, bad[i], n);
		text[3] = (char)('0' + len / 10);
		text[4] = (char)('0' + len % 10);
		ck_assert_msg(keyblock_parse(&b, (struct span){ (uint8_t *)text, len }) == E_FORMAT, "%s", bad[i]);
	}
	/* LB0004000A is sound in itself: what it lacks is the rest of the block */
	memcpy(text, "B0072P0TE00E0100LB000207", 24);
	memset(text + 24, '0', 48);
	ck_assert_int_eq(keyblock_parse(&b, (struct span){ (uint8_t *)text, 72 }), E_FORMAT);
	memcpy(text, "B0080P0TE00E0100LB00040010xxxxxx", 32);
	memset(text + 32, '0', 48);
	ck_assert_int_eq(keyblock_parse(&b, (struct span){ (uint8_t *)text, 80 }), E_OK);
	ck_assert_uint_eq(b.optional.len, 16);
}
END_TEST

START_TEST(a_header_of_other_characters_is_refused)
{
	char text[] = "B0080P0TE00E000094B420079CC80BA3461F86FE26EFC4A3B8E4FA4C5F5341176EED7B727B8A248E";
	struct keyblock_header h = header;
	struct keyblock b;
	size_t len;

	ck_assert_int_eq(keyblock_parse(&b, text_of(text)), E_OK);
	for (int i = 0; i < 16; i++) {
		char was = text[i];

		text[i] = ' ';
		ck_assert_int_eq(keyblock_parse(&b, text_of(text)), i ? E_FORMAT : E_VERSION);
		text[i] = was;
	}
	text[0] = 'F';
	ck_assert_int_eq(keyblock_parse(&b, text_of(text)), E_VERSION);
	h.version = 'F';
	ck_assert_int_eq(keyblock_write(text, sizeof text, &len, &h, NULL, 0, &aes128, SPAN(ones), ones, KEYBLOCK_ANY),
			 E_VERSION);
	h = header;
	h.mode = '-';
	ck_assert_int_eq(keyblock_write(text, sizeof text, &len, &h, NULL, 0, &aes128, SPAN(ones), ones, KEYBLOCK_ANY),
			 E_FORMAT);
}
END_TEST

START_TEST(refuses_to_write_what_it_may_not)
{
	static uint8_t big[4001];
	static struct keyblock_option many[99];
	static char text[KEYBLOCK_MAX];
	struct keyblock_header h = header;
	struct key bad = { { 1 }, 8 };
	struct span key = { big, 32 };
	size_t len;

	for (size_t i = 0; i < 99; i++)
		many[i] = option("10", "x");
#define WRITE(size, options, n, kbpk) keyblock_write(text, size, &len, &h, options, n, kbpk, key, ones, KEYBLOCK_MODERN)
	/* a key is never under a weaker one */
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes128), E_STRENGTH);
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes256), E_OK);
	h.version = 'B';
	key.len = 16;
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes128), E_STRENGTH);
	h.algorithm = 'T';
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes128), E_OK);
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes256), E_KEY);
	key.len = 24;
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes128), E_STRENGTH);
	h = header;
	h.algorithm = 'R';
	key.len = 0;
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes128), E_RANGE);
	key.len = 4001;
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes128), E_RANGE);
	key.len = 4000;
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &aes128), E_OK);
	ck_assert_int_eq(WRITE(len - 1, NULL, 0, &aes128), E_SPACE);
	key.len = 16;
	ck_assert_int_eq(WRITE(sizeof text, many, 98, &aes128), E_OK);
	ck_assert_int_eq(WRITE(sizeof text, many, 99, &aes128), E_RANGE);
	ck_assert_int_eq(WRITE(100, many, 98, &aes128), E_SPACE);
	ck_assert_int_eq(WRITE(sizeof text, NULL, 0, &bad), E_KEY);
	ck_assert_int_eq(WRITE(10, NULL, 0, &aes128), E_SPACE);
#undef WRITE
}
END_TEST

/* Who knows the KBPK may still lie about the key's length: a block of version C by hand, sound but for that. */
START_TEST(a_key_length_beyond_the_block_is_refused)
{
	static const struct {
		uint16_t bits;
		enum err e;
	} lies[] = { { 8, E_OK },       { 8 * 22, E_OK },     { 0, E_FORMAT },      { 7, E_FORMAT },
		     { 129, E_FORMAT }, { 8 * 23, E_FORMAT }, { 8 * 24, E_FORMAT }, { 0xFFF8, E_FORMAT } };
	const uint8_t zero[8] = { 0 };
	struct key enc = aes128, mac = aes128;

	for (unsigned i = 0; i < 16; i++) {
		enc.b[i] ^= 'E';
		mac.b[i] ^= 'M';
	}
	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		uint8_t b[40] = "C0072K0TB00N0000", chain[40];
		char text[73];
		struct span key;

		put_be16(b + 16, lies[i].bits);
		ck_assert_int_eq(des_cbc(b + 16, &enc, ENCRYPT, b, b + 16, 3), E_OK);
		ck_assert_int_eq(des_cbc(chain, &mac, ENCRYPT, zero, b, 5), E_OK);
		memcpy(text, b, 16);
		hex_encode(text + 16, b + 16, 24);
		hex_encode(text + 64, chain + 32, 4);
		ck_assert_int_eq(open_text(&key, text_of(text), &aes128), lies[i].e);
		ck_assert_uint_eq(key.len, lies[i].e ? 0 : lies[i].bits / 8);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("keyblock");
	TCase *t = tcase_create("keyblock");

	rows = test_vectors("x9.143.txt", &nrows);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, the_published_key_block_is_read_or_refused, 0, (int)nrows);
	tcase_add_loop_test(t, no_character_may_change, 0, (int)nrows);
	tcase_add_loop_test(t, no_length_but_its_own_is_taken, 0, (int)nrows);
	tcase_add_loop_test(t, another_protection_key_opens_nothing, 0, (int)nrows);
	tcase_add_loop_test(t, a_kbpk_that_only_enciphers_opens_and_writes_the_same, 0, (int)nrows);
	tcase_add_test(t, a_length_field_that_lies_is_refused);
	tcase_add_loop_test(t, writes_what_is_published, 0, (int)nrows);
	tcase_add_test(t, all_optional_blocks_come_back);
	tcase_add_test(t, a_long_option_takes_the_long_length);
	tcase_add_test(t, an_option_that_is_not_what_its_id_says_is_refused);
	tcase_add_test(t, options_that_reach_over_the_end_are_refused);
	tcase_add_test(t, a_header_of_other_characters_is_refused);
	tcase_add_test(t, refuses_to_write_what_it_may_not);
	tcase_add_test(t, a_key_length_beyond_the_block_is_refused);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
