#include "bdk/recover.h"
#include "base/wipe.h"
#include "bdk/key_state.h"
#include "bdk/list.h"
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/mac.h"

#include <stdio.h>
#include <string.h>

/* Where the initial key of a KSN's device is; RECOVER_CACHE if nowhere. */
static size_t find(const struct recover *v, const struct ksn *k)
{
	size_t i = 0;

	while (i < RECOVER_CACHE && !(v->cache[i].used && ksn_same_device(&v->cache[i].iksn, k)))
		i++;
	return i;
}

/* An empty place, or that of the key used longest ago. */
static size_t oldest(const struct recover *v)
{
	size_t at = 0;

	for (size_t i = 1; i < RECOVER_CACHE; i++)
		if (v->cache[i].used < v->cache[at].used)
			at = i;
	return at;
}

/* Is the KIF of this key set disowned, or this KSN or its terminal revoked? E_OK (no), E_REVOKED, E_EXPIRED (the list that
 * said so is gone), E_JOURNAL */
static enum err check_revoked(struct room *r, const char *set, const struct ksn *iksn, char why[static RECOVER_WHY])
{
	char name[CERT_TEXT];
	uint8_t number[20];
	struct handed h;
	enum err e = list_kept(r, why);

	if (e)
		return e;
	e = journal_maker(number, name, r->journal, set);
	if (!e && pki_list_names(&r->list, number)) {
		snprintf(why, RECOVER_WHY, "the KIF that key set %s came from, %s, is revoked", set, name);
		return E_REVOKED;
	}
	if (e && e != E_KEY_SET)
		return e;
	e = journal_handed(&h, r->journal, iksn);
	if (!e && *h.refused) {
		snprintf(why, RECOVER_WHY, "%s: %s", h.serial, h.refused);
		e = E_REVOKED;
	} else if (!e && pki_list_names(&r->list, h.number)) {
		snprintf(why, RECOVER_WHY, "%s: the terminal is revoked", h.serial);
		e = E_REVOKED;
	}
	return e == E_UNKNOWN_DEVICE ? E_OK : e;
}

enum err recover_begin(struct recover *v, struct key_set *set, struct room *r, const struct ksn *k,
		       char why[static RECOVER_WHY])
{
	char text[KEY_SET_TEXT];
	struct key_set_id id;
	struct key_set s;
	struct worker *w;
	struct ksn iksn;
	struct key ik;
	size_t at;
	enum err e;

	*why = 0;
	ksn_set_counter(&iksn, k, 0);
	key_set_of_ksn(&id, k);
	key_set_text(text, &id);
	e = journal_key_set(&s, r->journal, text);
	if (!e && !ksn_fits(k, s.id.scheme))
		e = E_KEY_SET;
	if (!e)
		e = key_state_check(&s, KEY_RECOVER, why);
	if (!e && !ksn_counter_valid(k))
		e = E_COUNTER;
	if (!e)
		e = check_revoked(r, text, &iksn, why);
	if (e)
		return e;
	at = find(v, k);
	if (at == RECOVER_CACHE) {
		e = room_worker(&w, r);
		if (!e)
			e = worker_initial_key(w, &ik, &s.id, &iksn);
		if (e)
			return e;
		at = oldest(v);
		v->cache[at].iksn = iksn;
		v->cache[at].scheme = s.id.scheme;
		v->cache[at].ik = ik;
		wipe(&ik, sizeof ik);
	}
	v->cache[at].used = ++v->clock;
	*set = s;
	return E_OK;
}

static enum err working_key(struct key *out, enum dukpt_scheme *scheme, const struct recover *v, const struct ksn *k,
			    enum dukpt_purpose purpose)
{
	size_t at = find(v, k);

	if (at == RECOVER_CACHE)
		return E_SEQUENCE;
	*scheme = v->cache[at].scheme;
	return dukpt_host_key(out, &v->cache[at].ik, *scheme, k, purpose);
}

enum err recover_pin(struct pin *pin, struct recover *v, struct room *r, const struct ksn *k, int format,
		     struct span block, const struct pan *pan)
{
	bool by_pan = format == PIN_FORMAT_0 || format == PIN_FORMAT_3 || format == PIN_FORMAT_4;
	struct key key = { 0 };
	uint8_t clear[16] = { 0 };
	enum dukpt_scheme scheme;
	enum err e;

	memset(pin, 0, sizeof *pin);
	if (!r->config.test)
		return E_DENIED;
	if (format < PIN_FORMAT_0 || format > PIN_FORMAT_4 || (by_pan && !pan))
		return E_FORMAT;
	e = working_key(&key, &scheme, v, k, DUKPT_PIN);
	if (!e && ((scheme == DUKPT_TDES) != (format != PIN_FORMAT_4) || block.len != dukpt_block_len(scheme)))
		e = E_FORMAT;
	if (e)
		goto done;
	if (format == PIN_FORMAT_4) {
		e = pinblock4_decipher(pin, &key, block.p, pan);
	} else {
		e = dukpt_data(clear, scheme, &key, DECRYPT, block.p, block.len);	/* one block: CBC is ECB */
		if (!e)
			e = pinblock_decode(pin, (enum pin_format)format, clear, pan);
	}
	if (e == E_RANGE)
		e = E_FORMAT;	/* the PAN is too short for the format */
done:
	wipe(&key, sizeof key);
	wipe(clear, sizeof clear);
	return e;
}

enum err recover_mac(struct recover *v, const struct ksn *k, struct span mac, struct span data)
{
	struct key key = { 0 };
	uint8_t right[DUKPT_MAC_MAX] = { 0 };
	enum dukpt_scheme scheme;
	size_t len = 0;
	enum err e;

	e = working_key(&key, &scheme, v, k, DUKPT_MAC_REQUEST);
	if (!e)
		e = dukpt_mac(right, &len, scheme, &key, data.p, data.len);
	if (!e && (mac.len < 4 || mac.len > len))
		e = E_FORMAT;
	if (!e && !ct_equal(right, mac.p, mac.len))
		e = E_MAC;
	wipe(&key, sizeof key);
	wipe(right, sizeof right);
	return e;
}

enum err recover_data(uint8_t out[static RECOVER_DATA], size_t *len, struct recover *v, struct room *r,
		      const struct ksn *k, struct span data)
{
	struct key key = { 0 };
	enum dukpt_scheme scheme;
	size_t n = data.len;
	enum err e;

	*len = 0;
	e = !r->config.test ? E_DENIED : !data.len || data.len > RECOVER_DATA ? E_FORMAT : E_OK;
	if (!e)
		e = working_key(&key, &scheme, v, k, DUKPT_DATA_REQUEST);
	if (!e)
		e = dukpt_data(out, scheme, &key, DECRYPT, data.p, data.len);
	if (e == E_RANGE)
		e = E_FORMAT;
	if (e)
		goto done;
	/* ISO 9797-1 padding method 2: 80, then zeros to the end of the block */
	while (n && !out[n - 1])
		n--;
	if (!n || out[n - 1] != 0x80 || data.len - n >= dukpt_block_len(scheme))
		e = E_FORMAT;
	else
		*len = n - 1;
done:
	wipe(&key, sizeof key);
	wipe(out + *len, RECOVER_DATA - *len);
	return e;
}

void recover_forget(struct recover *v, const struct key_set_id *set)
{
	for (size_t i = 0; i < RECOVER_CACHE; i++)
		if (v->cache[i].used && v->cache[i].iksn.len == (set->scheme == DUKPT_TDES ? KSN_TDES : KSN_AES) &&
		    !memcmp(ksn_key_set(&v->cache[i].iksn).p, set->b, set->len))
			wipe(&v->cache[i], sizeof v->cache[i]);
}

void recover_end(struct recover *v)
{
	wipe(v, sizeof *v);
}
