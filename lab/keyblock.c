/* lab keyblock: what a key block says, with its key or without, and new key blocks. */
#include "crypto/keyblock.h"
#include "base/wipe.h"
#include "crypto/cmac.h"
#include "crypto/des.h"
#include "lab/commands.h"

#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define OPTIONS_MAX 32
#define KEY_MAX 4000

struct meaning {
	const char *code, *text;
};

static const struct meaning usages[] = {
	{ "B0", "base derivation key" },
	{ "B1", "initial DUKPT key" },
	{ "B2", "base key variant key" },
	{ "B3", "key derivation key, other than DUKPT" },
	{ "C0", "card verification key" },
	{ "D0", "data encryption key" },
	{ "D1", "asymmetric data encryption key" },
	{ "D2", "data encryption key for decimalization tables" },
	{ "D3", "data encryption key for sensitive data" },
	{ "E0", "EMV issuer master key: application cryptograms" },
	{ "E1", "EMV issuer master key: secure messaging for confidentiality" },
	{ "E2", "EMV issuer master key: secure messaging for integrity" },
	{ "E3", "EMV issuer master key: data authentication code" },
	{ "E4", "EMV issuer master key: dynamic numbers" },
	{ "E5", "EMV issuer master key: card personalization" },
	{ "E6", "EMV issuer master key: other" },
	{ "I0", "initialization vector" },
	{ "K0", "key encryption or wrapping key" },
	{ "K1", "key block protection key" },
	{ "K2", "TR-34 asymmetric key" },
	{ "K3", "asymmetric key for key agreement" },
	{ "K4", "key block protection key, ISO 20038" },
	{ "M0", "MAC key, ISO 16609 algorithm 1" },
	{ "M1", "MAC key, ISO 9797-1 algorithm 1" },
	{ "M2", "MAC key, ISO 9797-1 algorithm 2" },
	{ "M3", "MAC key, ISO 9797-1 algorithm 3 (retail MAC)" },
	{ "M4", "MAC key, ISO 9797-1 algorithm 4" },
	{ "M5", "MAC key, ISO 9797-1 algorithm 5" },
	{ "M6", "MAC key, CMAC" },
	{ "M7", "MAC key, HMAC" },
	{ "M8", "MAC key, ISO 9797-1 algorithm 6" },
	{ "P0", "PIN encryption key" },
	{ "S0", "asymmetric key pair for digital signature" },
	{ "S1", "asymmetric key pair of a CA" },
	{ "S2", "asymmetric key pair, other" },
	{ "V0", "PIN verification key" },
	{ "V1", "PIN verification key, IBM 3624" },
	{ "V2", "PIN verification key, Visa PVV" },
	{ NULL, NULL },
};

static const struct meaning algorithms[] = {
	{ "A", "AES" }, { "D", "single DES" }, { "E", "elliptic curve" }, { "H", "HMAC" },
	{ "R", "RSA" }, { "S", "DSA" },        { "T", "TDES" },           { NULL, NULL },
};

static const struct meaning modes[] = {
	{ "B", "encrypt and decrypt" }, { "C", "MAC, generate and verify" }, { "D", "decrypt only" },
	{ "E", "encrypt only" },        { "G", "MAC, generate only" },       { "N", "no restriction" },
	{ "S", "signature only" },      { "T", "sign and decrypt" },         { "V", "MAC, verify only" },
	{ "X", "derive other keys" },   { "Y", "create key variants" },      { NULL, NULL },
};

static const struct meaning exports[] = {
	{ "E", "exportable under a trusted key" },
	{ "N", "not exportable" },
	{ "S", "sensitive: exportable under any key block protection key" },
	{ NULL, NULL },
};

static const struct meaning versions[] = {
	{ "A", "TDES, key variant binding (old)" }, { "B", "TDES, key derivation binding" },
	{ "C", "TDES, key variant binding" },       { "D", "AES, key derivation binding" },
	{ "E", "AES in counter mode (ISO 20038)" }, { NULL, NULL },
};

static const char *meaning_of(const struct meaning *table, const char *code, size_t len)
{
	for (; table->code; table++)
		if (!strncmp(table->code, code, len))
			return table->text;
	return "not one of the standard's";
}

static void say_code(const struct turn *t, const char *name, const char *code, int len)
{
	turn_say_format(t, name, "%.*s", len, code);
}

static void say_header(const struct turn *t, const struct keyblock *b, size_t length)
{
	const struct keyblock_header *h = &b->header;

	say_code(t, "version", &h->version, 1);
	turn_say_format(t, "length", "%zu", length);
	say_code(t, "usage", h->usage, 2);
	say_code(t, "algorithm", &h->algorithm, 1);
	say_code(t, "mode", &h->mode, 1);
	say_code(t, "key_version", h->key_version, 2);
	say_code(t, "exportability", &h->exportability, 1);
	turn_say_format(t, "optional_blocks", "%u", b->options);
	turn_say_format(t, "explanation",
			"version %c: %s; usage %.2s: %s; algorithm %c: %s; mode %c: %s; exportability %c: %s",
			h->version, meaning_of(versions, &h->version, 1), h->usage, meaning_of(usages, h->usage, 2),
			h->algorithm, meaning_of(algorithms, &h->algorithm, 1), h->mode, meaning_of(modes, &h->mode, 1),
			h->exportability, meaning_of(exports, &h->exportability, 1));
}

/* Optional blocks by their ids, of several with one id the first; KS and IK also by the names of the vector files */
static void say_options(const struct turn *t, const struct keyblock *b, char *text)
{
	struct span rest = b->optional;
	struct keyblock_option o;

	for (unsigned n = 0; n < OPTIONS_MAX / 2 && keyblock_next(&o, &rest); n++) {
		char name[] = "opt_??";

		memcpy(name + 4, o.id, 2);
		if (stanza_get(t->a, name))
			continue;
		memcpy(text, o.data.p, o.data.len);
		text[o.data.len] = 0;
		turn_say(t, name, text);
		if (!strcmp(name, "opt_KS"))
			turn_say(t, "ks", text);
		else if (!strcmp(name, "opt_IK"))
			turn_say(t, "ik_opt", text);
	}
}

/* The check value of a symmetric cipher's key; nothing for other keys */
static enum err say_kcv(const struct turn *t, char algorithm, struct span key)
{
	static const uint8_t zero[16];
	struct key k = { { 0 }, 0 };
	uint8_t out[16];
	bool aes = algorithm == 'A';
	enum err e = E_OK;

	if ((!aes && algorithm != 'T' && algorithm != 'D') || key.len > sizeof k.b)
		goto done;
	memcpy(k.b, key.p, key.len);
	k.len = (uint8_t)key.len;
	e = aes ? cmac_aes(out, &k, zero, sizeof zero) : des_ecb(out, &k, ENCRYPT, zero, 1);
	if (!e)
		turn_say_hex(t, "kcv", out, aes ? 5 : 3);
	if (e == E_KEY)
		e = turn_refuse(t, e, "the key in the block is of no length that its algorithm has");
done:
	wipe(&k, sizeof k);
	wipe(out, sizeof out);
	return e;
}

static enum err open_block(const struct turn *t, const struct keyblock *b)
{
	uint8_t work[KEYBLOCK_MAX];
	struct key kbpk;
	struct span key;
	enum err e = turn_key(t, "kbpk", &kbpk);

	if (e)
		return e;
	e = keyblock_open(&key, work, sizeof work, b, &kbpk);
	if (e == E_MAC)
		e = turn_refuse(t, e, "MAC wrong: the block was changed, or kbpk is another");
	else if (e == E_KEY)
		e = turn_refuse(t, e, "kbpk has a length that version %c does not take", b->header.version);
	else if (e == E_FORMAT)
		e = turn_refuse(t, e, "the MAC is right, but the length of the key inside is not");
	if (e)
		goto done;
	turn_say(t, "verified", "yes");
	turn_say_hex(t, "key", key.p, key.len);
	e = say_kcv(t, b->header.algorithm, key);
done:
	wipe(&kbpk, sizeof kbpk);
	wipe(work, sizeof work);
	return e;
}

static enum err read_block(const struct turn *t, const char *text)
{
	char option[KEYBLOCK_MAX + 1];
	const struct span whole = { (const uint8_t *)text, strlen(text) };
	struct keyblock b;
	enum err e = keyblock_parse(&b, whole);

	if (e == E_VERSION)
		return turn_refuse(t, e, "key_block has a version that is none of A to E");
	if (e)
		return turn_refuse(t, e, "key_block is malformed: length, header or optional blocks");
	say_header(t, &b, whole.len);
	say_options(t, &b, option);
	if (turn_get(t, "kbpk"))
		return open_block(t, &b);
	turn_say(t, "verified", "no");
	return E_OK;
}

/* A header field of n characters */
static enum err read_code(const struct turn *t, const char *name, char *out, size_t n, const char *otherwise)
{
	const char *text = turn_get(t, name);

	if (!text)
		text = otherwise;
	if (!text)
		return turn_refuse(t, E_SHORT, "%s is needed", name);
	if (strlen(text) != n)
		return turn_refuse(t, E_FORMAT, "%s has %zu character%s", name, n, n > 1 ? "s" : "");
	memcpy(out, text, n);
	return E_OK;
}

/* opt_XX, ks and ik_opt of the question, in its order */
static size_t read_options(struct keyblock_option o[static OPTIONS_MAX], const struct stanza *q)
{
	size_t n = 0;

	for (size_t i = 0; i < q->n && n < OPTIONS_MAX; i++) {
		const char *name = q->text + q->field[i].key, *value = q->text + q->field[i].value;
		const char *id = !strcmp(name, "ks")                              ? "KS"
				 : !strcmp(name, "ik_opt")                        ? "IK"
				 : !strncmp(name, "opt_", 4) && strlen(name) == 6 ? name + 4
										  : NULL;

		if (!id || !strcmp(value, "-"))
			continue;
		memcpy(o[n].id, id, 2);
		o[n++].data = (struct span){ (const uint8_t *)value, strlen(value) };
	}
	return n;
}

static enum err write_block(const struct turn *t)
{
	struct keyblock_header h;
	struct keyblock_option options[OPTIONS_MAX];
	struct key kbpk = { { 0 }, 0 };
	uint8_t key[KEY_MAX], random[KEYBLOCK_RANDOM];
	char text[KEYBLOCK_MAX + 1];
	size_t len, key_len = 0, n = read_options(options, t->q);
	const char *any = turn_get(t, "any_version");
	enum err e = turn_hex(t, "key", key, &key_len, sizeof key);

	if (!e)
		e = turn_key(t, "kbpk", &kbpk);
	if (!e)
		e = read_code(t, "version", &h.version, 1, NULL);
	if (!e)
		e = read_code(t, "usage", h.usage, 2, NULL);
	if (!e)
		e = read_code(t, "algorithm", &h.algorithm, 1, NULL);
	if (!e)
		e = read_code(t, "mode", &h.mode, 1, NULL);
	if (!e)
		e = read_code(t, "key_version", h.key_version, 2, "00");
	if (!e)
		e = read_code(t, "exportability", &h.exportability, 1, "N");
	if (e)
		goto done;
	memcpy(h.reserved, "00", 2);
	if (turn_get(t, "random")) {
		e = turn_hex(t, "random", random, &len, sizeof random);
		if (!e && len != sizeof random)
			e = turn_refuse(t, E_RANGE, "random is not 32 hexadecimal digits");
	} else if (getrandom(random, sizeof random, 0) != sizeof random) {
		e = E_RANDOM;
	}
	if (e)
		goto done;
	e = keyblock_write(text, sizeof text - 1, &len, &h, options, n, &kbpk, (struct span){ key, key_len }, random,
			   any && !strcasecmp(any, "yes") ? KEYBLOCK_ANY : KEYBLOCK_MODERN);
	if (e == E_VERSION)
		e = turn_refuse(t, e, "version is not B or D (A, C and E are written with any_version = yes)");
	else if (e == E_FORMAT)
		e = turn_refuse(t, e, "a header field or an optional block is not what a key block may hold");
	else if (e == E_KEY)
		e = turn_refuse(t, e, "kbpk has a length that version %c does not take", h.version);
	if (e)
		goto done;
	text[len] = 0;
	turn_say(t, "key_block", text);
done:
	wipe(key, sizeof key);
	wipe(&kbpk, sizeof kbpk);
	wipe(random, sizeof random);
	return e;
}

enum err keyblock_answer(const struct turn *t)
{
	const char *block = turn_get(t, "key_block");

	if (block)
		return read_block(t, block);
	if (!turn_get(t, "key"))
		return turn_refuse(t, E_SHORT, "key_block is needed, or key and kbpk to make one");
	return write_block(t);
}
