/* lab primitive: the functions that the loading protocol is made of, by the field "function". */
#include "base/wipe.h"
#include "crypto/drbg.h"
#include "crypto/kbkdf.h"
#include "crypto/keywrap.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "lab/commands.h"

#include <string.h>

#define MESSAGE_MAX (STANZA_BYTES / 2)
#define DRBG_INPUT 128
#define DRBG_OUTPUT 128

/* a field of exactly len bytes */
static enum err read_exact(const struct turn *t, const char *name, uint8_t *out, size_t len)
{
	size_t got = 0;
	enum err e = turn_hex(t, name, out, &got, len);

	return !e && got != len ? turn_refuse(t, E_RANGE, "%s is not %zu bytes long", name, len) : e;
}

static enum err hash_message(uint8_t out[static 32], const struct turn *t)
{
	uint8_t message[MESSAGE_MAX];
	size_t len;
	enum err e = turn_hex(t, "message", message, &len, sizeof message);

	return e ? e : sha256(out, &(struct span){ message, len }, 1);
}

static enum err hash(const struct turn *t)
{
	uint8_t digest[32];
	enum err e = hash_message(digest, t);

	if (!e)
		turn_say_hex(t, "digest", digest, sizeof digest);
	return e;
}

static enum err ecdh(const struct turn *t)
{
	uint8_t peer[P256_POINT], public[P256_POINT];
	struct key private, z = { { 0 }, 0 };
	enum err e = turn_key(t, "private", &private);

	if (!e)
		e = read_exact(t, "peer", peer, sizeof peer);
	if (!e)
		e = p256_public(public, &private);
	if (!e)
		e = p256_ecdh(&z, &private, peer);
	if (!e) {
		turn_say_hex(t, "public", public, sizeof public);
		turn_say_hex(t, "z", z.b, z.len);
	}
	wipe(&private, sizeof private);
	wipe(&z, sizeof z);
	return e;
}

static enum err sign(const struct turn *t)
{
	uint8_t digest[32], signature[P256_SIG], public[P256_POINT];
	struct key private;
	enum err e = turn_key(t, "private", &private);

	if (!e)
		e = turn_get(t, "message") ? hash_message(digest, t) : read_exact(t, "digest", digest, sizeof digest);
	if (!e)
		e = p256_sign(signature, &private, digest);
	if (!e)
		e = p256_public(public, &private);
	if (!e) {
		turn_say_hex(t, "public", public, sizeof public);
		turn_say_hex(t, "signature", signature, sizeof signature);
	}
	wipe(&private, sizeof private);
	return e;
}

static enum err derive_kek(const struct turn *t)
{
	const char *label = turn_get(t, "label");
	uint8_t ctx[32];
	struct key z, kek = { { 0 }, 0 };
	enum err e = turn_key(t, "z", &z);

	if (!e && (!label || strlen(label) != KBKDF_LABEL))
		e = turn_refuse(t, E_RANGE, "label is not %d characters long", KBKDF_LABEL);
	if (!e)
		e = read_exact(t, "ctx", ctx, sizeof ctx);
	if (!e)
		e = kbkdf(&kek, &z, label, ctx);
	if (!e)
		turn_say_hex(t, "kek", kek.b, kek.len);
	wipe(&z, sizeof z);
	wipe(&kek, sizeof kek);
	return e;
}

/* key gives wrapped, or wrapped gives key */
static enum err wrap(const struct turn *t)
{
	const bool unwrap = !turn_get(t, "key");
	uint8_t wrapped[KEYWRAP_MAX];
	size_t len;
	struct key kek, key = { { 0 }, 0 };
	enum err e = turn_key(t, "kek", &kek);

	if (!e)
		e = unwrap ? turn_hex(t, "wrapped", wrapped, &len, sizeof wrapped) : turn_key(t, "key", &key);
	if (!e)
		e = unwrap ? keywrap_unwrap(&key, &kek, wrapped, len) : keywrap_wrap(wrapped, &len, &kek, &key);
	if (!e)
		turn_say_hex(t, unwrap ? "key" : "wrapped", unwrap ? key.b : wrapped, unwrap ? key.len : len);
	wipe(&kek, sizeof kek);
	wipe(&key, sizeof key);
	return e;
}

/* Seed, reseed if the question says so, take twice: the second is the answer, as in NIST's files */
static enum err random_bits(const struct turn *t)
{
	uint8_t entropy[DRBG_INPUT], nonce[DRBG_INPUT], reseed[DRBG_INPUT], out[DRBG_OUTPUT];
	struct span parts[2] = { { entropy, 0 }, { nonce, 0 } }, more = { reseed, 0 };
	struct drbg d = { { 0 }, { 0 }, 0 };
	enum err e = turn_hex(t, "entropy", entropy, &parts[0].len, sizeof entropy);

	if (!e)
		e = turn_hex(t, "nonce", nonce, &parts[1].len, sizeof nonce);
	if (!e)
		e = drbg_seed(&d, parts, 2);
	if (!e && turn_get(t, "reseed"))
		e = turn_hex(t, "reseed", reseed, &more.len, sizeof reseed);
	if (!e && more.len)
		e = drbg_reseed(&d, &more, 1);
	for (unsigned i = 0; !e && i < 2; i++)
		e = drbg_take(&d, out, sizeof out);
	if (!e)
		turn_say_hex(t, "second", out, sizeof out);
	wipe(&d, sizeof d);
	return e;
}

enum err primitive_answer(const struct turn *t)
{
	static const struct {
		const char *name;
		answerer *answer;
	} functions[] = {
		{ "sha256", hash },      { "ecdh", ecdh },    { "ecdsa", sign },
		{ "kbkdf", derive_kek }, { "keywrap", wrap }, { "hmac-drbg", random_bits },
	};
	const char *name = turn_get(t, "function");

	for (size_t i = 0; name && i < sizeof functions / sizeof functions[0]; i++)
		if (!strcmp(functions[i].name, name))
			return functions[i].answer(t);
	return turn_refuse(t, E_FORMAT, "function is none of sha256, ecdh, ecdsa, kbkdf, keywrap, hmac-drbg");
}
