/* lab mac: retail MAC (X9.19), CMAC and HMAC, under a key of the question or under a transaction's two MAC keys. */
#include "dukpt/mac.h"
#include "base/wipe.h"
#include "crypto/sha256.h"
#include "lab/commands.h"
#include "lab/keys.h"

#include <string.h>
#include <strings.h>

#define MESSAGE_MAX STANZA_BYTES /* as text; half of it in hexadecimal */
#define HMAC_KEY_MAX 1024

struct message {
	uint8_t b[MESSAGE_MAX];
	size_t len;
};

static enum err read_message(struct message *m, const struct turn *t)
{
	const char *const names[] = { "message", "mac_data", NULL };
	const char *name = turn_first(t, names), *ascii = turn_get(t, "mac_data_ascii");

	if (name)
		return turn_hex(t, name, m->b, &m->len, sizeof m->b);
	if (!ascii)
		return turn_refuse(t, E_SHORT, "message (hexadecimal) or mac_data_ascii is needed");
	m->len = strlen(ascii);
	memcpy(m->b, ascii, m->len);
	return E_OK;
}

static enum err read_method(enum dukpt_mac_method *m, const struct turn *t, enum dukpt_mac_method otherwise)
{
	static const char *const names[] = { "retail", "cmac", "hmac" };
	const char *name = turn_get(t, "method");

	*m = otherwise;
	for (unsigned i = 0; name && i < sizeof names / sizeof names[0]; i++)
		if (!strcasecmp(name, names[i])) {
			*m = (enum dukpt_mac_method)i;
			return E_OK;
		}
	return name ? turn_refuse(t, E_SCHEME, "method is none of retail, cmac, hmac") : E_OK;
}

/* The method that a key of this type has if nobody says otherwise */
static enum dukpt_mac_method usual(enum dukpt_key_type type)
{
	if (type == DUKPT_KEY_2TDEA)
		return DUKPT_MAC_RETAIL;
	return type < DUKPT_KEY_HMAC128 ? DUKPT_MAC_CMAC : DUKPT_MAC_HMAC;
}

static enum err say_mac(const struct turn *t, const char *name, enum dukpt_mac_method method, enum dukpt_key_type type,
			const struct key *key, const struct message *m)
{
	uint8_t mac[DUKPT_MAC_ANY];
	size_t len;
	unsigned want;
	enum err e = dukpt_mac_by(mac, &len, method, type, key, m->b, m->len);

	if (e == E_SCHEME)
		return turn_refuse(t, e, "method does not go with a %s key", dukpt_key_kind(type)->name);
	if (e)
		return e;
	e = turn_number(t, "mac_len", &want, (unsigned)len, 1, (unsigned)len);
	if (!e)
		turn_say_hex(t, name, mac, want);
	return e;
}

/* HMAC takes a key of any length, which struct key does not. */
static enum err plain_hmac(const struct turn *t, const struct message *m)
{
	uint8_t key[HMAC_KEY_MAX], mac[32];
	size_t len = 0;
	unsigned want;
	enum err e = turn_hex(t, "key", key, &len, sizeof key);

	if (!e)
		e = hmac_sha256(mac, (struct span){ key, len }, &(struct span){ m->b, m->len }, 1);
	if (!e)
		e = turn_number(t, "mac_len", &want, sizeof mac, 1, sizeof mac);
	if (!e)
		turn_say_hex(t, "mac", mac, want);
	wipe(key, len);
	return e;
}

/* One key, one MAC */
static enum err plain(const struct turn *t, const struct message *m)
{
	struct key key;
	enum dukpt_key_type type;
	enum dukpt_mac_method method;
	const char *cipher = turn_get(t, "cipher"); /* as vectors/cmac.txt has it */
	const char *by = cipher ? "cipher" : "algorithm", *algorithm = turn_get(t, by);
	enum err e =
		read_method(&method, t, algorithm && !strcasecmp(algorithm, "hmac") ? DUKPT_MAC_HMAC : DUKPT_MAC_CMAC);

	if (e)
		return e;
	if (method == DUKPT_MAC_HMAC)
		return plain_hmac(t, m);
	e = keys_plain(&key, &type, t, "key", by, method == DUKPT_MAC_RETAIL ? "tdes" : "aes");
	if (e)
		return e;
	if (!cipher && !turn_get(t, "method"))
		method = usual(type);
	e = say_mac(t, "mac", method, type, &key, m);
	wipe(&key, sizeof key);
	return e;
}

static enum err by_ksn(const struct turn *t, const struct message *m)
{
	struct key key = { { 0 }, 0 };
	struct keys k;
	enum dukpt_mac_method method;
	enum err e = keys_read_txn(&k, t);

	if (e)
		return e;
	e = read_method(&method, t, usual(k.type));
	if (!e)
		e = keys_working(&key, &k, DUKPT_USE_MAC_GENERATE);
	if (!e)
		e = say_mac(t, "mac_request", method, k.type, &key, m);
	if (!e)
		e = keys_working(&key, &k, DUKPT_USE_MAC_VERIFY);
	if (!e)
		e = say_mac(t, "mac_response", method, k.type, &key, m);
	wipe(&key, sizeof key);
	wipe(&k, sizeof k);
	return e;
}

enum err mac_answer(const struct turn *t)
{
	struct message m;
	enum err e = read_message(&m, t);

	if (e)
		return e;
	if (!turn_get(t, "key") && !keys_named(t))
		e = turn_refuse(t, E_SHORT, "key is needed, or bdk or ik with a ksn");
	else
		e = turn_get(t, "key") ? plain(t, &m) : by_ksn(t, &m);
	wipe(m.b, m.len);
	return e;
}
