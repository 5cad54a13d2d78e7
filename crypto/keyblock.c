#include "crypto/keyblock.h"
#include "base/hex.h"
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "crypto/des.h"

#include <string.h>

#define HEADER 16
#define KEY_MAX 4000
#define OPTIONS_MAX 98 /* the header counts to 99, and one may be PB */

/* What the versions differ in */
static const struct version {
	char id;
	bool variant;       /* keys are variants of the KBPK, the MAC is over what is enciphered */
	uint8_t block, mac; /* bytes */
	uint8_t cipher_use; /* in the derivation of the cipher's key: 0 CBC, 2 CTR */
	bool modern;
} versions[] = {
	{ 'A', true, 8, 4, 0, false },   { 'B', false, 8, 8, 0, true },    { 'C', true, 8, 4, 0, false },
	{ 'D', false, 16, 16, 0, true }, { 'E', false, 16, 16, 2, false },
};

enum { USE_MAC = 1, USE_CTR = 2 };

static const struct version *version_of(char id)
{
	for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++)
		if (versions[i].id == id)
			return &versions[i];
	return NULL;
}

/* --- Text ------------------------------------------------------------------------------------------------------- */

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(uint8_t c)
{
	return is_digit(c) || (c >= 'A' && c <= 'F');
}

static bool is_word(uint8_t c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_print(uint8_t c)
{
	return c >= 0x20 && c <= 0x7E;
}

/* as ISO 8601 writes a time in UTC, with or without its separators and parts of a second; the Z is looked at apart */
static bool is_time(uint8_t c)
{
	return is_digit(c) || c == '-' || c == ':' || c == 'T' || c == '.';
}

static bool all(struct span s, bool (*is)(uint8_t))
{
	for (size_t i = 0; i < s.len; i++)
		if (!is(s.p[i]))
			return false;
	return true;
}

static struct span part(struct span s, size_t from, size_t len)
{
	return (struct span){ s.p + from, len };
}

static struct span chars(const char *p, size_t len)
{
	return (struct span){ (const uint8_t *)p, len };
}

/* The number that upper-case digits write in base 10 or 16, a few of them; false if they do not */
static bool number(size_t *n, struct span s, size_t base)
{
	size_t v = 0;

	for (size_t i = 0; i < s.len; i++) {
		size_t d = (size_t)(is_digit(s.p[i]) ? s.p[i] - '0' : s.p[i] - 'A' + 10);

		if (!is_hex(s.p[i]) || d >= base)
			return false;
		v = base * v + d;
	}
	*n = v;
	return true;
}

/* --- Optional blocks -------------------------------------------------------------------------------------------- */

/* The first of rest, which it leaves behind. False: there is none whole. */
static bool take(struct keyblock_option *o, struct span *rest)
{
	size_t head = 4, len, digits;

	if (rest->len < head || !number(&len, part(*rest, 2, 2), 16))
		return false;
	if (!len) {
		if (rest->len < 6 || !number(&digits, part(*rest, 4, 2), 16) || !digits || digits > 4 ||
		    rest->len < 6 + digits || !number(&len, part(*rest, 6, digits), 16))
			return false;
		head = 6 + digits;
	}
	if (len < head || len > rest->len || !all(part(*rest, 0, 2), is_word))
		return false;
	memcpy(o->id, rest->p, 2);
	o->data = part(*rest, head, len - head);
	*rest = part(*rest, len, rest->len - len);
	return true;
}

/* a method of two digits, then as many digits as it says; zero: at least one byte */
static bool is_check_value(struct span s)
{
	return s.len >= 4 && s.len % 2 == 0 && s.p[0] == '0' && (s.p[1] == '0' || s.p[1] == '1') && all(s, is_hex);
}

static bool is_bdk_id(struct span s)
{
	bool tdes = s.len == 12 && s.p[1] == '0', aes = s.len == 10 && s.p[1] == '1';

	return (tdes || aes) && s.p[0] == '0' && all(s, is_hex);
}

static bool is_ksn(struct span s)
{
	return s.len >= 16 && s.len <= 20 && all(s, is_hex);
}

static bool is_key_id(struct span s)
{
	return s.len == 16 && all(s, is_hex);
}

static bool is_time_stamp(struct span s)
{
	return s.len >= 15 && s.p[s.len - 1] == 'Z' && all(part(s, 0, s.len - 1), is_time);
}

static bool is_text(struct span s)
{
	return all(s, is_print);
}

static const struct {
	char id[3];
	bool (*ok)(struct span data);
} known[] = {
	{ "KS", is_ksn },         { "IK", is_key_id }, { "KC", is_check_value },
	{ "KP", is_check_value }, { "BI", is_bdk_id }, { "TS", is_time_stamp },
	{ "TC", is_time_stamp },  { "LB", is_text },   { "PB", is_text },
};

#define KNOWN (sizeof known / sizeof known[0])

/* seen: a bit for each that stood there */
static bool option_ok(const struct keyblock_option *o, unsigned *seen)
{
	for (unsigned i = 0; i < KNOWN; i++) {
		if (memcmp(o->id, known[i].id, 2))
			continue;
		if (*seen >> i & 1 || !known[i].ok(o->data))
			return false;
		*seen |= 1u << i;
	}
	return is_text(o->data) && all(chars(o->id, 2), is_word);
}

bool keyblock_next(struct keyblock_option *o, struct span *rest)
{
	return take(o, rest);
}

bool keyblock_find(struct span *data, const struct keyblock *b, const char *id)
{
	struct span rest = b->optional;
	struct keyblock_option o;

	*data = (struct span){ NULL, 0 };
	while (take(&o, &rest))
		if (!memcmp(o.id, id, 2)) {
			*data = o.data;
			return true;
		}
	return false;
}

/* --- Header ----------------------------------------------------------------------------------------------------- */

static bool header_ok(const struct keyblock_header *h)
{
	return all(chars(h->usage, 2), is_word) && is_word((uint8_t)h->algorithm) && is_word((uint8_t)h->mode) &&
	       all(chars(h->key_version, 2), is_word) && is_word((uint8_t)h->exportability) &&
	       all(chars(h->reserved, 2), is_word);
}

enum err keyblock_parse(struct keyblock *b, struct span text)
{
	struct keyblock n = { .options = 0 };
	const struct version *v;
	struct keyblock_option o;
	struct span rest;
	size_t len, count, mac;
	unsigned seen = 0;
	enum err e = E_FORMAT;

	memset(b, 0, sizeof *b);
	if (text.len < HEADER)
		goto done;
	v = version_of((char)text.p[0]);
	e = E_VERSION;
	if (!v)
		goto done;
	e = E_FORMAT;
	if (!number(&len, part(text, 1, 4), 10) || len != text.len || !number(&count, part(text, 12, 2), 10))
		goto done;
	n.header.version = v->id;
	memcpy(n.header.usage, text.p + 5, 2);
	n.header.algorithm = (char)text.p[7];
	n.header.mode = (char)text.p[8];
	memcpy(n.header.key_version, text.p + 9, 2);
	n.header.exportability = (char)text.p[11];
	memcpy(n.header.reserved, text.p + 14, 2);
	if (!header_ok(&n.header))
		goto done;
	rest = part(text, HEADER, text.len - HEADER);
	for (size_t i = 0; i < count; i++)
		if (!take(&o, &rest) || !option_ok(&o, &seen))
			goto done;
	n.options = (uint8_t)count;
	n.head = part(text, 0, text.len - rest.len);
	n.optional = part(text, HEADER, n.head.len - HEADER);
	mac = 2u * v->mac;
	/* CTR needs no whole blocks: two bytes of length and one of key are the least. */
	if (rest.len < mac + (v->cipher_use == USE_CTR ? 6 : 2u * v->block) || rest.len % 2 || !all(rest, is_hex))
		goto done;
	if (v->cipher_use != USE_CTR && (n.head.len % v->block || (rest.len - mac) % (2u * v->block)))
		goto done;
	n.enciphered = part(rest, 0, rest.len - mac);
	n.mac = part(rest, rest.len - mac, mac);
	*b = n;
	e = E_OK;
done:
	return e;
}

/* --- Keys, cipher, MAC ------------------------------------------------------------------------------------------ */

static bool kbpk_ok(const struct version *v, size_t len)
{
	return len == 16 || len == 24 || (len == 32 && v->block == 16);
}

/* The key of one use by CMAC of what it is for, block by block */
static enum err derive(struct key *out, const struct version *v, uint8_t len, uint8_t use, cmac_ecb *ecb, void *ctx)
{
	uint8_t algorithm = (uint8_t)(v->block == 8 ? len / 8 - 2 : len / 8);
	uint8_t input[8] = { 0, 0, use, 0, 0, algorithm, len == 32 /* 256 bits are 0100 */, (uint8_t)(8 * len) }, mac[16];
	enum err e = E_OK;

	out->len = len;
	for (uint8_t at = 0; !e && at < len; at = (uint8_t)(at + v->block)) {
		uint8_t left = (uint8_t)(len - at), n = left < v->block ? left : v->block;

		input[0]++;
		e = cmac_by(mac, v->block, ecb, ctx, input, sizeof input);
		if (!e)
			memcpy(out->b + at, mac, n);
	}
	wipe(mac, sizeof mac);
	return e;
}

enum err keyblock_derive(struct keyblock_keys *k, char version, uint8_t len, cmac_ecb *ecb, void *ctx)
{
	const struct version *v = version_of(version);
	enum err e = !v || v->variant ? E_VERSION : kbpk_ok(v, len) ? E_OK : E_KEY;

	wipe(k, sizeof *k);
	if (!e)
		e = derive(&k->cipher, v, len, v->cipher_use, ecb, ctx);
	if (!e)
		e = derive(&k->mac, v, len, USE_MAC, ecb, ctx);
	if (e)
		wipe(k, sizeof *k);
	else
		k->version = version;
	return e;
}

/* TR-31's two ways from the KBPK to the keys: derived, or each byte of it xor a letter */
static enum err keys_of(struct keyblock_keys *k, const struct version *v, const struct key *kbpk)
{
	if (!v->variant)
		return keyblock_derive(k, v->id, kbpk->len, v->block == 8 ? cmac_ecb_tdes : cmac_ecb_aes, (void *)kbpk);
	if (!kbpk_ok(v, kbpk->len))
		return E_KEY;
	k->version = v->id;
	k->cipher = k->mac = *kbpk;
	for (uint8_t i = 0; i < kbpk->len; i++) {
		k->cipher.b[i] ^= 'E';
		k->mac.b[i] ^= 'M';
	}
	return E_OK;
}

/* The MAC over len bytes, whole blocks for CBC-MAC: n bytes of it count */
static enum err make_mac(uint8_t mac[static 16], const struct version *v, const struct key *k, const uint8_t *p,
			 size_t len)
{
	uint8_t b[16] = { 0 };
	enum err e = E_OK;

	if (!v->variant)
		e = v->block == 8 ? cmac_tdes(b, k, p, len) : cmac_aes(b, k, p, len);
	for (size_t at = 0; !e && v->variant && at < len; at += 8) {
		for (unsigned i = 0; i < 8; i++)
			b[i] = (uint8_t)(b[i] ^ p[at + i]);
		e = des_ecb(b, k, ENCRYPT, b, 1);
	}
	memcpy(mac, b, sizeof b);
	wipe(b, sizeof b);
	return e;
}

static enum err ctr(uint8_t *p, const struct key *k, const uint8_t iv[static 16], size_t len)
{
	uint8_t counter[16], pad[16];
	enum err e = E_OK;

	memcpy(counter, iv, sizeof counter);
	for (size_t at = 0; !e && at < len; at += 16) {
		e = aes_ecb(pad, k, ENCRYPT, counter, 1);
		for (size_t i = 0; i < 16 && at + i < len; i++)
			p[at + i] = (uint8_t)(p[at + i] ^ pad[i]);
		for (int i = 15; i >= 0 && !++counter[i]; i--)
			;
	}
	wipe(pad, sizeof pad);
	return e;
}

/* len bytes in place; head: the header's first bytes */
static enum err cipher(uint8_t *p, size_t len, const struct version *v, const struct key *k, enum dir dir,
		       const uint8_t mac[static 16], const uint8_t *head)
{
	const uint8_t *iv = v->variant ? head : mac;

	if (v->cipher_use == USE_CTR)
		return ctr(p, k, mac, len);
	if (v->block == 16)
		return aes_cbc(p, k, dir, iv, p, len / 16);
	return des_cbc(p, k, dir, iv, p, len / 8);
}

size_t keyblock_room(const struct keyblock *b)
{
	return b->head.len + b->enciphered.len / 2;
}

enum err keyblock_open_by(struct span *key, uint8_t *work, size_t size, const struct keyblock *b,
			  const struct keyblock_keys *keys)
{
	const struct version *v = version_of(b->header.version);
	size_t head = b->head.len, len, bits;
	uint8_t theirs[16] = { 0 }, ours[16] = { 0 }, *clear;
	enum err e = E_VERSION;

	*key = (struct span){ NULL, 0 };
	if (!v)
		goto done;
	e = E_KEY;
	if (keys->version != v->id)
		goto done;
	e = E_SPACE;
	if (size < keyblock_room(b))
		goto done;
	memcpy(work, b->head.p, head);
	clear = work + head;
	e = hex_decode(clear, &len, size - head, (const char *)b->enciphered.p, b->enciphered.len);
	if (e)
		goto done;
	e = hex_decode(theirs, &bits, sizeof theirs, (const char *)b->mac.p, b->mac.len);
	if (e)
		goto done;
	/* What is under the MAC is the clear text or the enciphered one; either way it is verified before it is looked
	 * at. */
	if (!v->variant)
		e = cipher(clear, len, v, &keys->cipher, DECRYPT, theirs, work);
	if (!e)
		e = make_mac(ours, v, &keys->mac, work, head + len);
	if (!e && !ct_equal(ours, theirs, v->mac))
		e = E_MAC;
	if (!e && v->variant)
		e = cipher(clear, len, v, &keys->cipher, DECRYPT, theirs, work);
	if (e)
		goto done;
	bits = get_be16(clear);
	e = E_FORMAT;
	if (!bits || bits % 8 || bits / 8 > len - 2)
		goto done;
	*key = (struct span){ clear + 2, bits / 8 };
	e = E_OK;
done:
	if (e)
		wipe(work, size);
	wipe(ours, sizeof ours);
	return e;
}

enum err keyblock_open(struct span *key, uint8_t *work, size_t size, const struct keyblock *b, const struct key *kbpk)
{
	const struct version *v = version_of(b->header.version);
	struct keyblock_keys keys = { 0 };
	enum err e = v ? keys_of(&keys, v, kbpk) : E_VERSION;

	if (!e) {
		e = keyblock_open_by(key, work, size, b, &keys);
	} else {
		*key = (struct span){ NULL, 0 };
		wipe(work, size);
	}
	wipe(&keys, sizeof keys);
	return e;
}

/* --- Writing ---------------------------------------------------------------------------------------------------- */

/* id, length and data; the length in two digits, or in four behind 0004 */
static void put_option(struct wr *w, const struct keyblock_option *o)
{
	size_t len = 4 + o->data.len;
	uint8_t be[2];
	char text[5];

	wr_copy(w, (const uint8_t *)o->id, 2);
	if (len > 0xFF) {
		len += 6;
		wr_copy(w, (const uint8_t *)"0004", 4);
	}
	put_be16(be, (unsigned)len);
	hex_encode(text, be, 2);
	if (len > 0xFF)
		wr_copy(w, (const uint8_t *)text, 4);
	else
		wr_copy(w, (const uint8_t *)text + 2, 2);
	wr_copy(w, o->data.p, o->data.len);
}

static void put_decimal(uint8_t *out, unsigned digits, size_t n)
{
	while (digits--) {
		out[digits] = (uint8_t)('0' + n % 10);
		n /= 10;
	}
}

/* PB to the next whole block: at least four characters, so perhaps a whole block more */
static bool put_padding(struct wr *w, const struct version *v)
{
	static const uint8_t fill[20] = "00000000000000000000";
	struct keyblock_option o = { { 'P', 'B' }, { fill, 0 } };

	if (w->len % v->block == 0)
		return false;
	while ((w->len + 4 + o.data.len) % v->block)
		o.data.len++;
	put_option(w, &o);
	return true;
}

bool keyblock_protects(char version, size_t kbpk, char algorithm, size_t len)
{
	const struct version *v = version_of(version);
	char own = v && v->block == 8 ? 'T' : 'A';

	return v && !(algorithm == 'A' && own == 'T') && !(algorithm == own && len > kbpk);
}

/* bytes to hexadecimal digits in their own place, from the end on */
static void spread(char *p, size_t bytes)
{
	char text[3];

	for (size_t i = bytes; i-- > 0;) {
		uint8_t b = (uint8_t)p[i];

		hex_encode(text, &b, 1);
		memcpy(p + 2 * i, text, 2);
	}
	wipe(text, sizeof text);
}

enum err keyblock_write_by(char *out, size_t size, size_t *len, const struct keyblock_header *h,
			   const struct keyblock_option *options, size_t n, const struct keyblock_keys *keys,
			   struct span key, const uint8_t random[static KEYBLOCK_RANDOM], enum keyblock_policy policy)
{
	const struct version *v = version_of(h->version);
	uint8_t mac[16] = { 0 }, *head = (uint8_t *)out;
	size_t clear, total, pad, at;
	unsigned seen = 1u << (KNOWN - 1); /* PB is ours */
	struct wr w;
	enum err e = E_VERSION;

	if (!v || (policy != KEYBLOCK_ANY && !v->modern))
		goto done;
	e = E_RANGE;
	if (!key.len || key.len > KEY_MAX || n > OPTIONS_MAX)
		goto done;
	e = E_KEY;
	if (keys->version != v->id)
		goto done;
	e = E_STRENGTH;
	if (!keyblock_protects(v->id, keys->cipher.len, h->algorithm, key.len))
		goto done;
	e = E_FORMAT;
	if (!header_ok(h))
		goto done;
	for (size_t i = 0; i < n; i++)
		if (!option_ok(&options[i], &seen))
			goto done;

	wr_init(&w, head, size);
	wr_u8(&w, (uint8_t)v->id);
	wr_copy(&w, (const uint8_t *)"0000", 4);
	wr_copy(&w, (const uint8_t *)h->usage, 2);
	wr_u8(&w, (uint8_t)h->algorithm);
	wr_u8(&w, (uint8_t)h->mode);
	wr_copy(&w, (const uint8_t *)h->key_version, 2);
	wr_u8(&w, (uint8_t)h->exportability);
	wr_copy(&w, (const uint8_t *)"00", 2);
	wr_copy(&w, (const uint8_t *)h->reserved, 2);
	for (size_t i = 0; i < n; i++)
		put_option(&w, &options[i]);
	n += put_padding(&w, v);
	at = w.len;
	clear = 2 + key.len;
	pad = v->cipher_use == USE_CTR ? 0 : (v->block - clear % v->block) % v->block;
	clear += pad;
	total = at + 2 * (clear + v->mac);
	e = E_SPACE;
	if (total > size || total > KEYBLOCK_MAX)
		goto done;
	wr_u16(&w, (unsigned)(8 * key.len));
	wr_copy(&w, key.p, key.len);
	wr_copy(&w, random, pad);
	e = wr_end(&w);
	if (e)
		goto done;
	put_decimal(head + 1, 4, total);
	put_decimal(head + 12, 2, n);

	if (v->variant)
		e = cipher(head + at, clear, v, &keys->cipher, ENCRYPT, mac, head);
	if (!e)
		e = make_mac(mac, v, &keys->mac, head, at + clear);
	if (!e && !v->variant)
		e = cipher(head + at, clear, v, &keys->cipher, ENCRYPT, mac, head);
	if (e)
		goto done;
	memcpy(head + at + clear, mac, v->mac);
	spread(out + at, clear + v->mac);
	*len = total;
done:
	if (e)
		wipe(out, size);
	wipe(mac, sizeof mac);
	return e;
}

enum err keyblock_write(char *out, size_t size, size_t *len, const struct keyblock_header *h,
			const struct keyblock_option *options, size_t n, const struct key *kbpk, struct span key,
			const uint8_t random[static KEYBLOCK_RANDOM], enum keyblock_policy policy)
{
	const struct version *v = version_of(h->version);
	struct keyblock_keys keys = { 0 };
	enum err e = v ? keys_of(&keys, v, kbpk) : E_VERSION;

	/* what is wrong with the rest is said first */
	if (!e || e == E_KEY)
		e = keyblock_write_by(out, size, len, h, options, n, &keys, key, random, policy);
	else
		wipe(out, size);
	wipe(&keys, sizeof keys);
	return e;
}
