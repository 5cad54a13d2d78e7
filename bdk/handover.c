#include "bdk/handover.h"
#include "base/hex.h"
#include "bdk/evident.h"
#include "bdk/list.h"

#include <stdio.h>
#include <string.h>

/* --- Making ------------------------------------------------------------------------------------------------------- */

/* Why no acquirer shall recover anything under a load; "" if it shall. */
static enum err say_revoked(char out[static PACK_REVOKED], struct room *r, const struct load *l,
			    const uint8_t number[static 20])
{
	struct load newest;
	char ksn[KSN_TEXT];
	enum err on_list = list_certificate(r, number), e = journal_load_last(&newest, r->journal, l->spki, l->slot);

	*out = 0;
	if (e)
		return e;
	if (newest.row != l->row) {
		ksn_text(ksn, &newest.iksn);
		snprintf(out, PACK_REVOKED, "superseded by %s", ksn);
	} else if (l->state == LOAD_POSSIBLY) {
		snprintf(out, PACK_REVOKED, "possibly loaded");
	} else if (l->state == LOAD_ZEROIZED) {
		snprintf(out, PACK_REVOKED, "zeroized");
	} else if (on_list == E_REVOKED) {
		snprintf(out, PACK_REVOKED, "its terminal is revoked");
	}
	return on_list == E_REVOKED ? E_OK : on_list;
}

static enum err put_load(struct pack_text *t, struct room *r, const struct load *l)
{
	struct pack_load p = { .slot = l->slot, .ksn_len = l->iksn.len, .kcv_len = l->kcv.len, .sequence = l->sequence };
	struct device d;
	enum err e = journal_device(&d, r->journal, l->serial, NULL);

	if (!e)
		e = evident_number(p.device, (struct span){ d.cert, d.cert_len });
	if (!e)
		e = say_revoked(p.revoked, r, l, p.device);
	if (e)
		return e == E_UNKNOWN_DEVICE ? E_JOURNAL : e;
	snprintf(p.serial, sizeof p.serial, "%.*s", SERIAL_MAX, l->serial);
	key_set_text(p.key_set, &l->set);
	snprintf(p.scheme, sizeof p.scheme, "%s", dukpt_scheme_name(l->set.scheme));
	memcpy(p.ksn, l->iksn.b, l->iksn.len);
	snprintf(p.state, sizeof p.state, "%s", load_state_name(l->state));
	memcpy(p.kcv, l->kcv.b, l->kcv.len);
	memcpy(p.spki, l->spki, sizeof p.spki);
	pack_put(t, &p);
	return E_OK;
}

/* One walk over the loads as they are now: counted into h where t is NULL, else put into t. */
static enum err walk(struct pack_text *t, struct pack_head *h, struct room *r, const char *set)
{
	uint64_t at = h->after, loads = 0;
	char text[KEY_SET_TEXT];
	struct load l;
	enum err e;

	while (!(e = journal_load_newest_after(&l, r->journal, at))) {
		at = l.sequence;
		key_set_text(text, &l.set);
		if (set && strcmp(text, set))
			continue;
		loads++;
		e = t ? put_load(t, r, &l) : E_OK;
		if (!e && t)
			e = t->e;
		if (e)
			return e;
	}
	if (!t) {
		h->sequence = at;
		h->loads = loads;
	}
	return e == E_SHORT ? E_OK : e;
}

static enum err make_head(struct pack_head *h, struct room *r, struct worker *w, const char *set, uint64_t after,
			  char why[static HANDOVER_WHY])
{
	uint8_t digest[32], number[20];
	struct key_set s;
	struct cert own;
	enum err e = parser_cert(&r->parser, &own, number, der_span(&r->own), der_span(&r->kif_ca), room_utc());

	if (!e)
		e = list_kif(r, &own, number);
	if (e)
		snprintf(why, HANDOVER_WHY, "this room's own certificate: %s", err_text(e));
	if (!e && set)
		e = journal_key_set(&s, r->journal, set);
	if (e)
		return e;
	*h = (struct pack_head){ .test = r->config.test, .software = room_software(r), .after = after,
				 .time = room_utc(), .list = r->list.number };
	memcpy(h->room, own.name, sizeof h->room);
	memcpy(h->environment, r->environment, sizeof h->environment);
	snprintf(h->key_set, sizeof h->key_set, "%s", set ? set : "all");
	memcpy(h->cert, r->own.b, r->own.len);
	h->cert_len = r->own.len;
	e = cert_epoch(&h->epoch, &own);
	if (!e)
		e = worker_point(w, h->records, "records");
	if (!e)
		e = pack_vouch(digest, h->records);
	return e ? e : worker_sign(w, h->vouched, "identity", digest);
}

enum err handover_make(char text[static PACK_MAX], size_t *len, struct pack_head *h, struct room *r, const char *set,
		       uint64_t after, char why[static HANDOVER_WHY])
{
	uint8_t digest[32], sig[P256_SIG];
	struct pack_text t;
	struct worker *w;
	enum err e;

	*why = 0;
	if (!r->own.len || !r->kif_ca.len)
		return E_NOT_READY;
	e = list_check(r, room_utc(), why);
	if (!e)
		e = room_worker(&w, r);
	if (!e)
		e = make_head(h, r, w, set, after, why);
	if (!e)
		e = walk(NULL, h, r, set);
	if (e)
		return e;
	pack_begin(&t, text, h);
	e = walk(&t, h, r, set);
	if (!e)
		e = pack_digest(digest, &t);
	if (!e)
		e = worker_sign(w, sig, "records", digest);
	if (!e)
		pack_seal(&t, sig);
	if (e == E_SPACE || (!e && t.e == E_SPACE)) {
		snprintf(why, HANDOVER_WHY, "longer than %d bytes: name one --key-set, or begin with --since", PACK_MAX);
		return E_RANGE;
	}
	if (!e)
		e = t.e;
	if (!e)
		*len = t.len;
	return e;
}

/* --- Taking ------------------------------------------------------------------------------------------------------- */

struct taking {
	struct room *room;
	uint8_t number[20]; /* of its maker's certificate */
	struct handover_taken taken;
};

static enum err take_load(void *ctx, const struct pack_load *l)
{
	struct taking *t = ctx;
	struct key_set_id id;
	struct key_set s;
	struct handed h = { .iksn.len = l->ksn_len };
	char text[KEY_SET_TEXT];
	enum err e = journal_key_set(&s, t->room->journal, l->key_set);

	if (e == E_KEY_SET) {
		t->taken.strange++;
		return E_OK;
	}
	if (e)
		return e;
	memcpy(h.iksn.b, l->ksn, l->ksn_len);
	key_set_of_ksn(&id, &h.iksn);
	key_set_text(text, &id);
	if (strcmp(text, l->key_set) || !ksn_fits(&h.iksn, s.id.scheme) || !ksn_initial(&h.iksn))
		return E_FORMAT;
	memcpy(h.number, l->device, sizeof h.number);
	snprintf(h.serial, sizeof h.serial, "%s", l->serial);
	snprintf(h.refused, sizeof h.refused, "%s", l->revoked);
	t->taken.loads++;
	t->taken.revoked += *l->revoked != 0;
	return journal_handed_put(t->room->journal, &h);
}

/* Under what name the journal keeps how far this room's packs were taken. */
static enum err seen_name(char out[static 160], const struct pack_head *h, const struct cert *maker)
{
	uint8_t spki[32];
	char text[17];
	enum err e = p256_spki_digest(spki, maker->point);

	hex_encode(text, spki, 8);
	snprintf(out, 160, "pack of %s, key %s, key set %s", h->room, text, h->key_set);
	return e;
}

static enum err judge(void *taking, struct cert *maker, struct span der, uint64_t utc)
{
	struct taking *t = taking;

	return parser_cert(&t->room->parser, maker, t->number, der, der_span(&t->room->kif_ca), utc);
}

enum err handover_import(struct handover_taken *taken, struct pack_head *h, struct room *r, struct span text,
			 char why[static HANDOVER_WHY])
{
	struct taking t = { .room = r };
	const struct pack_judge by = { judge, &t };
	struct cert maker;
	char name[160];
	uint64_t seen = 0;
	enum err e;

	*why = 0;
	if (!r->kif_ca.len)
		return E_NOT_READY;
	e = list_check(r, room_utc(), why);
	if (!e)
		e = pack_read(h, &maker, text, &by, room_utc(), NULL, NULL, why);
	if (e)
		return e;
	e = list_kif(r, &maker, t.number);
	if (e)
		snprintf(why, HANDOVER_WHY, "its room, %s: %s", h->room, err_text(e));
	if (!e && memcmp(h->environment, r->environment, sizeof h->environment))
		e = E_ENVIRONMENT;
	if (!e)
		e = seen_name(name, h, &maker);
	if (!e)
		e = journal_number(&seen, r->journal, name);
	if (!e && h->sequence < seen) {
		snprintf(why, HANDOVER_WHY, "it goes up to sequence %llu, but a pack up to %llu was taken before",
			 (unsigned long long)h->sequence, (unsigned long long)seen);
		e = E_REPLAY;
	}
	if (!e && h->after > seen) {
		snprintf(why, HANDOVER_WHY, "it begins after sequence %llu, but only those up to %llu were taken",
			 (unsigned long long)h->after, (unsigned long long)seen);
		e = E_SEQUENCE;
	}
	if (!e)
		e = journal_set_number(r->journal, name, h->sequence);
	if (!e)
		e = pack_read(h, &maker, text, &by, room_utc(), take_load, &t, why);
	if (!e)
		*taken = t.taken;
	return e;
}
