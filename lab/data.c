/* lab data: encryption and decryption, ECB or CBC, under a key of the question or under a transaction's data keys. */
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "lab/commands.h"
#include "lab/keys.h"

#include <strings.h>

#define TEXT_MAX (STANZA_BYTES / 2)

struct text {
	uint8_t b[TEXT_MAX];
	size_t len;
};

struct mode {
	bool cbc;
	uint8_t iv[16];
};

/* chained: is it CBC if nothing is said? */
static enum err read_mode(struct mode *m, const struct turn *t, enum dukpt_key_type type, bool chained)
{
	const char *const ivs[] = { "iv", "data_iv", NULL };
	const char *mode = turn_get(t, "mode"), *iv = turn_first(t, ivs);
	const unsigned block = dukpt_key_kind(type)->block;
	size_t len;
	enum err e;

	*m = (struct mode){ chained || iv, { 0 } };
	if (!block)
		return turn_refuse(t, E_SCHEME, "a %s key enciphers nothing", dukpt_key_kind(type)->name);
	if (mode) {
		if (strcasecmp(mode, "cbc") && strcasecmp(mode, "ecb"))
			return turn_refuse(t, E_FORMAT, "mode is neither cbc nor ecb");
		m->cbc = !strcasecmp(mode, "cbc");
	}
	if (!iv || !m->cbc)
		return E_OK;
	e = turn_hex(t, iv, m->iv, &len, sizeof m->iv);
	if (!e && len != block)
		e = turn_refuse(t, E_RANGE, "%s is not one block of %u bytes", iv, block);
	return e;
}

static enum err say_text(const struct turn *t, const char *name, const struct text *in, const struct key *key,
			 enum dukpt_key_type type, enum dir dir, const struct mode *m)
{
	const unsigned block = dukpt_key_kind(type)->block;
	uint8_t out[TEXT_MAX];
	enum err e;

	if (!in->len || in->len % block)
		return turn_refuse(t, E_RANGE, "the data is not one or more blocks of %u bytes", block);
	if (block == 8)
		e = m->cbc ? des_cbc(out, key, dir, m->iv, in->b, in->len / 8)
			   : des_ecb(out, key, dir, in->b, in->len / 8);
	else
		e = m->cbc ? aes_cbc(out, key, dir, m->iv, in->b, in->len / 16)
			   : aes_ecb(out, key, dir, in->b, in->len / 16);
	if (!e)
		turn_say_hex(t, name, out, in->len);
	wipe(out, in->len);
	return e;
}

/* plain gives cipher, or cipher gives plain */
static enum err plain(const struct turn *t, struct text *in)
{
	const bool encrypt = turn_get(t, "plain");
	struct key key;
	enum dukpt_key_type type;
	struct mode m;
	enum err e = turn_hex(t, encrypt ? "plain" : "cipher", in->b, &in->len, sizeof in->b);

	if (e)
		return e;
	e = keys_plain(&key, &type, t, "key", "algorithm", "aes");
	if (e)
		return e;
	e = read_mode(&m, t, type, false);
	if (!e)
		e = say_text(t, encrypt ? "cipher" : "plain", in, &key, type, encrypt ? ENCRYPT : DECRYPT, &m);
	wipe(&key, sizeof key);
	return e;
}

/* data_plaintext gives enc_request and enc_response; either of these alone gives data_plaintext */
static enum err by_ksn(const struct turn *t, struct text *in)
{
	const char *const names[] = { "data_plaintext", "enc_request", "enc_response", NULL };
	const char *name = turn_first(t, names);
	struct key key = { { 0 }, 0 };
	struct keys k;
	struct mode m;
	enum err e;

	if (!name)
		return turn_refuse(t, E_SHORT, "data_plaintext, enc_request or enc_response is needed");
	e = turn_hex(t, name, in->b, &in->len, sizeof in->b);
	if (e)
		return e;
	e = keys_read_txn(&k, t);
	if (e)
		return e;
	e = read_mode(&m, t, k.type, true);
	for (unsigned response = 0; !e && response < 2; response++) {
		const char *const sent = response ? "enc_response" : "enc_request";

		if (name != names[0] && name != names[1 + response])
			continue;
		e = keys_working(&key, &k, response ? DUKPT_USE_DATA_DECRYPT : DUKPT_USE_DATA_ENCRYPT);
		if (!e)
			e = name == names[0] ? say_text(t, sent, in, &key, k.type, ENCRYPT, &m)
					     : say_text(t, names[0], in, &key, k.type, DECRYPT, &m);
	}
	wipe(&key, sizeof key);
	wipe(&k, sizeof k);
	return e;
}

enum err data_answer(const struct turn *t)
{
	struct text in;
	enum err e;

	in.len = 0;
	if (!turn_get(t, "key") && !keys_named(t))
		e = turn_refuse(t, E_SHORT, "key is needed, or bdk or ik with a ksn");
	else
		e = turn_get(t, "key") ? plain(t, &in) : by_ksn(t, &in);
	wipe(in.b, in.len);
	return e;
}
