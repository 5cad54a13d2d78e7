#include "lab/keys.h"
#include "base/wipe.h"
#include "dukpt/host.h"

#include <string.h>
#include <strings.h>

#define UPDATE_COUNTER UINT32_MAX

static const char *const parents[] = { "bdk", "ik", NULL };

enum err keys_ksn(struct ksn *k, const struct turn *t)
{
	const char *text = turn_get(t, "ksn"), *descriptor = turn_get(t, "ksn_descriptor");
	const char *field = turn_get(t, "field_53");

	if (!text && field)
		return ksn_parse_field53(k, field) ? turn_refuse(t, E_FORMAT, "field_53 is not a descriptor and a KSN")
						   : E_OK;
	if (!text)
		return turn_refuse(t, E_SHORT, "ksn is needed");
	if (descriptor)
		return ksn_parse_described(k, descriptor, text)
			       ? turn_refuse(t, E_FORMAT, "ksn does not fit ksn_descriptor")
			       : E_OK;
	if (ksn_parse(k, text))
		return turn_refuse(t, E_FORMAT, "ksn is not 16 to 20 hexadecimal digits (TDES) or 24 (AES)");
	return E_OK;
}

enum err keys_scheme(enum dukpt_scheme *scheme, const char *text)
{
	char name[8] = { 0 };

	strncpy(name, text, sizeof name - 1);
	for (char *p = name; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	return dukpt_scheme_parse(scheme, name);
}

static enum err read_ikid(struct ksn *k, const struct turn *t)
{
	struct ksn id = { { 0 }, KSN_AES };
	size_t len;
	enum err e = turn_hex(t, "ikid", id.b, &len, 8);

	if (e)
		return e;
	if (len != 8)
		return turn_refuse(t, E_FORMAT, "ikid is not 16 hexadecimal digits");
	*k = id;
	return E_OK;
}

static enum err read_ksn(struct keys *k, const struct turn *t)
{
	const char *iksn = turn_get(t, "iksn");

	if (turn_get(t, "ksn") || turn_get(t, "field_53"))
		return keys_ksn(&k->ksn, t);
	k->initial = true;
	if (!iksn && turn_get(t, "ikid"))
		return read_ikid(&k->ksn, t);
	if (!iksn)
		return turn_refuse(t, E_SHORT, "ksn is needed");
	if (ksn_parse(&k->ksn, iksn))
		return turn_refuse(t, E_FORMAT, "iksn is not 16 to 20 hexadecimal digits (TDES) or 24 (AES)");
	if (!ksn_initial(&k->ksn))
		return turn_refuse(t, E_COUNTER, "iksn has a transaction counter that is not zero");
	return E_OK;
}

/* by: the field of the base key, len its bytes */
static enum err read_scheme(struct keys *k, const struct turn *t, const char *by, size_t len)
{
	const char *scheme = turn_get(t, "scheme"), *ik_type = turn_get(t, "ik_type");

	if (k->ksn.len == KSN_TDES)
		k->scheme = DUKPT_TDES;
	else
		k->scheme = len == 16 ? DUKPT_AES128 : len == 24 ? DUKPT_AES192 : DUKPT_AES256;
	if ((scheme || ik_type) && keys_scheme(&k->scheme, scheme ? scheme : ik_type))
		return turn_refuse(t, E_SCHEME, "%s is not tdes, aes128, aes192 or aes256",
				   scheme ? "scheme" : "ik_type");
	if (!ksn_fits(&k->ksn, k->scheme))
		return turn_refuse(t, E_SCHEME, "the KSN is not one of scheme %s", dukpt_scheme_name(k->scheme));
	if (len != dukpt_key_len(k->scheme))
		return turn_refuse(t, E_KEY, "%s is not %u bytes long, as scheme %s wants it", by,
				   dukpt_key_len(k->scheme), dukpt_scheme_name(k->scheme));
	return E_OK;
}

static enum err read_type(struct keys *k, const struct turn *t)
{
	const char *name = turn_get(t, "working_key_type");
	enum dukpt_key_type own;
	struct dukpt_step s;
	enum err e = dukpt_key_type_of(&own, k->scheme);

	k->type = own;
	if (e || !name)
		return e;
	for (unsigned i = 0;; i++) {
		if (i == DUKPT_KEY_TYPES)
			return turn_refuse(t, E_SCHEME,
					   "working_key_type is none of 2TDEA, 3TDEA, AES128, AES192, "
					   "AES256, HMAC128, HMAC192, HMAC256");
		k->type = (enum dukpt_key_type)i;
		if (!strcasecmp(dukpt_key_kind(k->type)->name, name))
			break;
	}
	if (k->scheme == DUKPT_TDES && k->type != own)
		return turn_refuse(t, E_SCHEME, "working keys of scheme tdes are 2TDEA");
	if (k->scheme != DUKPT_TDES &&
	    dukpt_aes_step_working(&s, k->scheme, &k->ksn, DUKPT_USE_PIN, k->type) == E_STRENGTH)
		return turn_refuse(t, E_STRENGTH, "a working key %s is stronger than scheme %s, which would protect it",
				   dukpt_key_kind(k->type)->name, dukpt_scheme_name(k->scheme));
	return E_OK;
}

static enum err derive_txn(struct keys *k, const struct turn *t)
{
	struct dukpt_walk w;
	struct dukpt_step s;
	enum err e;

	if (!k->update) {
		e = dukpt_host_txn(&k->txn, &k->ik, k->scheme, &k->ksn);
		if (e != E_COUNTER)
			return e;
		if (ksn_initial(&k->ksn))
			return turn_refuse(t, e,
					   "the counter is zero: no transaction; iksn or ikid asks for the "
					   "initial key");
		if (k->ksn.len == KSN_AES && ksn_counter(&k->ksn) == UPDATE_COUNTER)
			return turn_refuse(t, e,
					   "the counter is FFFFFFFF: no transaction; update_key = yes asks for the "
					   "update key");
		return turn_refuse(t, e, "no terminal reaches this counter: more than %d one-bits",
				   k->ksn.len == KSN_AES ? 16 : 10);
	}
	if (k->ksn.len != KSN_AES || ksn_counter(&k->ksn) != UPDATE_COUNTER)
		return turn_refuse(t, E_COUNTER, "an update key has the counter FFFFFFFF of an AES KSN");
	k->txn = k->ik;
	e = dukpt_aes_walk_update(&w, k->scheme);
	while (!e && dukpt_aes_step_next(&s, &w, &k->ksn))
		e = dukpt_run(&k->txn, &k->txn, &s);
	return e;
}

enum err keys_read(struct keys *k, const struct turn *t)
{
	const char *parent = turn_first(t, parents), *update = turn_get(t, "update_key");
	enum err e;

	memset(k, 0, sizeof *k);
	e = read_ksn(k, t);
	if (e)
		goto done;
	if (!parent) {
		e = turn_refuse(t, E_SHORT, "bdk or ik is needed");
		goto done;
	}
	e = turn_key(t, parent, &k->ik);
	if (e)
		goto done;
	e = read_scheme(k, t, parent, k->ik.len);
	if (e)
		goto done;
	e = read_type(k, t);
	if (e)
		goto done;
	if (update && strcasecmp(update, "yes")) {
		e = turn_refuse(t, E_FORMAT, "update_key is either yes or absent");
		goto done;
	}
	k->update = update;
	if (!strcmp(parent, "bdk"))
		e = dukpt_host_ik(&k->ik, &k->ik, k->scheme, &k->ksn);
	if (!e && !k->initial)
		e = derive_txn(k, t);
done:
	if (e)
		wipe(k, sizeof *k);
	return e;
}

enum err keys_read_txn(struct keys *k, const struct turn *t)
{
	enum err e = keys_read(k, t);

	if (!e && (k->initial || k->update)) {
		wipe(k, sizeof *k);
		e = turn_refuse(t, E_COUNTER, "the ksn of a transaction is needed");
	}
	return e;
}

enum err keys_working(struct key *out, const struct keys *k, enum dukpt_usage usage)
{
	struct dukpt_step s;
	enum dukpt_purpose purpose;
	enum err e;

	if (k->scheme != DUKPT_TDES) {
		e = dukpt_aes_step_working(&s, k->scheme, &k->ksn, usage, k->type);
		return e ? e : dukpt_run(out, &k->txn, &s);
	}
	switch (usage) {
	case DUKPT_USE_PIN:
		purpose = DUKPT_PIN;
		break;
	case DUKPT_USE_MAC_GENERATE:
		purpose = DUKPT_MAC_REQUEST;
		break;
	case DUKPT_USE_MAC_VERIFY:
		purpose = DUKPT_MAC_RESPONSE;
		break;
	case DUKPT_USE_DATA_ENCRYPT:
		purpose = DUKPT_DATA_REQUEST;
		break;
	case DUKPT_USE_DATA_DECRYPT:
		purpose = DUKPT_DATA_RESPONSE;
		break;
	default:
		return E_RANGE;
	}
	return dukpt_txn_key(out, &k->txn, DUKPT_TDES, &k->ksn, purpose);
}

bool keys_named(const struct turn *t)
{
	return turn_first(t, parents);
}

enum err keys_plain(struct key *key, enum dukpt_key_type *type, const struct turn *t, const char *name, const char *by,
		    const char *otherwise)
{
	const char *algorithm = turn_get(t, by);
	enum dukpt_key_type first, last;
	enum err e = turn_key(t, name, key);

	if (e)
		goto done;
	if (!algorithm)
		algorithm = otherwise;
	e = E_OK;
	if (!strcasecmp(algorithm, "tdes")) {
		first = DUKPT_KEY_2TDEA, last = DUKPT_KEY_3TDEA;
	} else if (!strcasecmp(algorithm, "aes")) {
		first = DUKPT_KEY_AES128, last = DUKPT_KEY_AES256;
	} else if (!strcasecmp(algorithm, "hmac")) {
		first = DUKPT_KEY_HMAC128, last = DUKPT_KEY_HMAC256;
	} else {
		e = turn_refuse(t, E_SCHEME, "%s is none of tdes, aes, hmac", by);
		goto done;
	}
	if (first == DUKPT_KEY_2TDEA && key->len == 8) {
		memcpy(key->b + 8, key->b, 8);
		key->len = 16;
	}
	for (; first <= last && dukpt_key_kind(first)->len != key->len; first++)
		;
	if (first > last)
		e = turn_refuse(t, E_KEY, "%s has a length that no %s key has", name, algorithm);
	*type = first;
done:
	if (e)
		wipe(key, sizeof *key);
	return e;
}
