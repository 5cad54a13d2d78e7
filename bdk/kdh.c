#include "bdk/kdh.h"
#include "base/serial.h"
#include "base/wipe.h"
#include "bdk/key_state.h"
#include "bdk/lease.h"
#include "bdk/list.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* --- Exactly once ------------------------------------------------------------------------------------------------- */

/* What may be asked of a slot and of the newest row of {terminal, slot}; columns of the table below. */
enum shown { NO, YES, ANY };

enum verdict {
	RECEIVED,	/* the OFFER is the receipt */
	AGAIN,		/* the row's KSN, in a new KEY */
	FRESH,		/* a new device id */
	HOLDS,		/* E_LOADED */
	DOUBT		/* E_ROLLBACK: what it shows cannot be */
};

#define NO_ROW 1u
#define IN(state) (1u << (state))
#define OVER (IN(LOAD_POSSIBLY) | IN(LOAD_ZEROIZED))
#define ANY_ROW (NO_ROW | IN(LOAD_SENT) | IN(LOAD_LOADED) | OVER)

/*
 * The first line that fits decides. "its KEY": the slot shows the row's KSN with an h that was sent for it. "higher":
 * than in the row's first OFFER; lower than anything seen has been refused before.
 */
static const struct rule {
	unsigned row;			/* newest row of this slot: one of these states */
	enum shown holds, its_key, higher;
	enum load_state becomes;	/* of the row; 0: it stays */
	enum verdict verdict;
} rules[] = {
	/* newest row         holds a key  its KEY  higher   the row becomes  then     */
	{ IN(LOAD_SENT),      YES,         YES,     YES,     LOAD_LOADED,     RECEIVED },
	{ IN(LOAD_SENT),      NO,          YES,     YES,     LOAD_ZEROIZED,   FRESH    },
	{ IN(LOAD_SENT),      NO,          NO,      NO,      0,               AGAIN    },
	{ IN(LOAD_SENT),      YES,         NO,      YES,     LOAD_POSSIBLY,   HOLDS    },
	{ IN(LOAD_SENT),      NO,          NO,      YES,     LOAD_POSSIBLY,   FRESH    },
	{ IN(LOAD_LOADED),    NO,          ANY,     YES,     LOAD_ZEROIZED,   FRESH    },
	{ NO_ROW | OVER,      NO,          ANY,     YES,     0,               FRESH    },
	{ ANY_ROW,            YES,         ANY,     ANY,     0,               HOLDS    },
	{ ANY_ROW,            NO,          ANY,     ANY,     0,               DOUBT    },
};

static bool fits(enum shown rule, bool is)
{
	return rule == ANY || (rule == YES) == is;
}

static const struct rule *decide(unsigned row, bool holds, bool its_key, bool higher)
{
	const struct rule *u = rules;

	while (!(u->row & row) || !fits(u->holds, holds) || !fits(u->its_key, its_key) || !fits(u->higher, higher))
		u++;	/* the last two lines take whatever is left */
	return u;
}

/* --- HELLO -------------------------------------------------------------------------------------------------------- */

static bool same(struct span s, const uint8_t *p, size_t len)
{
	return s.len == len && !memcmp(s.p, p, len);
}

static enum err check_key_set(struct journal *j, const struct key_set_id *id, char why[static KDH_WHY])
{
	char text[KEY_SET_TEXT];
	struct key_set set;
	enum err e;

	key_set_text(text, id);
	e = journal_key_set(&set, j, text);
	if (!e && set.id.scheme != id->scheme)
		e = E_KEY_SET;
	if (e == E_KEY_SET)
		snprintf(why, KDH_WHY, "key set %s is not in this room", text);
	return e ? e : key_state_check(&set, KEY_ISSUE, why);
}

/* All that check_room() judges by: with the same papers, in the same second, it says the same. */
static enum err papers(uint8_t out[static 32], const struct room *r, uint64_t utc)
{
	const struct span part[] = { der_span(&r->own), der_span(&r->kif_ca), der_span(&r->device_ca), SPAN(r->list.digest) };
	struct span all[5];
	uint8_t head[5 * 8];

	for (unsigned i = 0; i < 4; i++) {
		put_be64(head + 8 * i, part[i].len);
		all[i + 1] = part[i];
	}
	put_be64(head + 32, utc);
	all[0] = SPAN(head);
	return sha256(out, all, 5);
}

/* May this room speak to a terminal at all, now? */
static enum err check_room(struct room *r, uint64_t utc, char why[static KDH_WHY])
{
	uint8_t now[32], number[20];
	struct cert own;
	enum err e;

	if (!r->own.len || !r->kif_ca.len || !r->device_ca.len)
		return E_NOT_READY;
	e = papers(now, r, utc);
	if (e || !memcmp(now, r->own_valid, sizeof now))
		return e;
	e = parser_cert(&r->parser, &own, number, der_span(&r->own), der_span(&r->kif_ca), utc);
	if (!e)
		e = list_kif(r, &own, number);
	if (!e)
		memcpy(r->own_valid, now, sizeof now);
	if (e == E_EPOCH)
		snprintf(why, KDH_WHY, "this room's own certificate (%s) is of an older epoch than the revocation list says",
			 own.unit);
	else if (e)
		snprintf(why, KDH_WHY, "this room's own certificate is %s",
			 e == E_EXPIRED ? "outside its dates" : e == E_REVOKED ? "revoked" : "not one of its KIF CA");
	return e;
}

enum err kdh_begin(struct kdh *k, uint8_t hello[static MSG_MAX], size_t *len, struct room *r, const char *serial,
		   const struct key_set_id *set, uint8_t slot, char why[static KDH_WHY])
{
	struct msg_hello m = {
		.version = MSG_VERSION, .suite = MSG_SUITE, .utc = room_utc(), .cert = der_span(&r->own)
	};
	struct kdh o = { .state = KDH_GREETED, .until = room_monotonic() + KDH_SECONDS };
	size_t n = 0;
	enum err e;

	kdh_end(k);
	*why = 0;
	if (!serial_ok(serial, strlen(serial)))
		return E_FORMAT;
	if (set && slot == MSG_SLOT_ALL)
		return E_SLOT;
	snprintf(o.serial, sizeof o.serial, "%s", serial);
	if (set) {
		o.set = *set;
		o.slot = slot;
	}
	e = set && r->mark.locked[0] ? E_LOCKED : E_OK;
	if (e)
		snprintf(why, KDH_WHY, "%s", r->mark.locked);
	if (!e)
		e = check_room(r, m.utc, why);
	if (!e && set)
		e = list_check(r, m.utc, why);
	if (!e && set)
		e = check_key_set(r->journal, set, why);
	if (!e && getrandom(m.nonce, sizeof m.nonce, 0) != sizeof m.nonce)
		e = E_RANDOM;
	if (e)
		return e;
	memcpy(m.environment, r->environment, sizeof m.environment);
	e = msg_put_hello(hello, &n, MSG_MAX, &m);
	if (!e)
		e = transcript_start(&o.t);
	if (!e)
		e = transcript_add(&o.t, MSG_HELLO, (struct span){ hello, n });
	if (!e) {
		*k = o;
		*len = n;
	}
	return e;
}

/* --- OFFER -------------------------------------------------------------------------------------------------------- */

/* Who offers, and what; the spans of m point into the OFFER. */
struct offer {
	struct msg_offer m;
	struct cert cert;
	uint8_t spki[32];
};

/* All that can be said without the journal. */
static enum err verify(struct offer *o, const struct kdh *k, struct room *r, struct span message,
		       char why[static KDH_WHY])
{
	const uint8_t *sig;
	uint8_t digest[32], number[20];
	struct span body;
	enum err e = msg_open(&body, &sig, MSG_OFFER, message);

	if (!e)
		e = msg_get_offer(&o->m, body);
	if (!e)
		e = parser_cert(&r->parser, &o->cert, number, o->m.cert, der_span(&r->device_ca), room_utc());
	if (!e && k->set.len)
		e = list_certificate(r, number);
	if (!e && strcmp(o->cert.serial, k->serial) != 0) {
		snprintf(why, KDH_WHY, "expected %s, this is %s", k->serial, o->cert.serial);
		e = E_SERIAL;
	}
	if (!e)
		e = transcript_digest(digest, &k->t, MSG_OFFER, body);
	if (!e)
		e = p256_verify(sig, o->cert.point, digest);
	if (!e)
		e = p256_check(o->m.point);
	if (!e)
		e = p256_spki_digest(o->spki, o->cert.point);
	return e;
}

/* The slot of an OFFER that is spoken about. E_OK, E_SLOT */
static enum err find_slot(const struct msg_slot **s, const struct kdh *k, const struct offer *o, uint8_t index,
			  char why[static KDH_WHY])
{
	for (unsigned i = 0; i < o->m.slots; i++)
		if (o->m.slot[i].index == index) {
			*s = &o->m.slot[i];
			return E_OK;
		}
	snprintf(why, KDH_WHY, "%s has no slot %u", k->serial, index);
	return E_SLOT;
}

/* One serial, one identity key, for ever. */
static enum err know(struct journal *j, const struct kdh *k, const struct offer *o, char why[static KDH_WHY])
{
	struct device known, d = { .state = DEVICE_ENROLLED, .cert_len = o->m.cert.len };
	enum err e = journal_device(&known, j, k->serial, NULL);

	if (!e && memcmp(known.spki, o->spki, sizeof known.spki) != 0) {
		snprintf(why, KDH_WHY, "%s was here before with another identity key", k->serial);
		return E_DUPLICATE;
	}
	if (e != E_UNKNOWN_DEVICE)
		return e;
	snprintf(d.serial, sizeof d.serial, "%s", k->serial);
	memcpy(d.spki, o->spki, sizeof d.spki);
	memcpy(d.cert, o->m.cert.p, o->m.cert.len);
	e = journal_device_put(j, &d);
	if (e == E_DUPLICATE)
		snprintf(why, KDH_WHY, "the identity key of %s was here before under another serial", k->serial);
	return e;
}

/* Under what name the journal keeps the highest load count that this terminal showed. */
static const char *count_name(char out[static 2 * CERT_TEXT], const char *serial)
{
	snprintf(out, 2 * CERT_TEXT, "load count of %s", serial);
	return out;
}

/* An OFFER that verified is remembered, whatever is decided about it. */
static enum err remember(struct journal *j, const struct kdh *k, const struct offer *o, char why[static KDH_WHY])
{
	char name[2 * CERT_TEXT];
	uint64_t seen = 0;
	enum err e = journal_begin(j);

	if (!e)
		e = journal_number(&seen, j, count_name(name, k->serial));
	if (!e && o->m.load_count > seen)
		e = journal_set_number(j, name, o->m.load_count);
	if (!e)
		e = know(j, k, o, why);
	if (!e)
		e = journal_seen(j, "nonce", SPAN(o->m.nonce));
	if (!e)
		e = journal_seen(j, "point", SPAN(o->m.point));
	if (e) {
		journal_rollback(j);
		return e;
	}
	return journal_commit(j);
}

/* Does the slot show, as what it holds or last held, the KSN of this row in a KEY that was sent? E_OK, E_JOURNAL */
static enum err shows_row(bool *yes, struct journal *j, const struct msg_slot *s, const struct load *row)
{
	enum err e;

	*yes = false;
	if (!row->row || !same(s->ksn, row->iksn.b, row->iksn.len))
		return E_OK;
	if (s->state != SLOT_EMPTY &&
	    (s->scheme != row->set.scheme || s->kcv.len != (row->set.scheme == DUKPT_TDES ? 3 : 5)))
		return E_OK;
	e = journal_load_was_sent(j, row->row, s->key_hash);
	*yes = !e;
	return e == E_UNKNOWN_DEVICE ? E_OK : e;
}

static void take_kcv(struct kcv *kcv, struct span s)
{
	memset(kcv, 0, sizeof *kcv);
	memcpy(kcv->b, s.p, s.len);
	kcv->len = (uint8_t)s.len;
}

/* Is this the terminal's latest memory, as far as anybody here has seen? */
static enum err check_count(struct journal *j, const struct kdh *k, const struct offer *o, char why[static KDH_WHY])
{
	char name[2 * CERT_TEXT];
	uint32_t loaded = 0;
	uint64_t shown = 0;
	enum err e = journal_load_count(&loaded, j, o->spki);

	if (!e)
		e = journal_number(&shown, j, count_name(name, k->serial));
	if (shown < loaded)
		shown = loaded; /* in a RECEIPT */
	if (!e && o->m.load_count < shown) {
		snprintf(why, KDH_WHY, "%s showed load count %llu before and shows %u now", k->serial,
			 (unsigned long long)shown, (unsigned)o->m.load_count);
		e = E_ROLLBACK;
	}
	return e;
}

/* The verdict on a slot's newest row, carried out on that row. *row is the row then, zero where there is none. */
static enum err judge(enum verdict *verdict, struct load *row, struct journal *j, const struct kdh *k,
		      const struct offer *o, const struct msg_slot *s, char why[static KDH_WHY])
{
	struct load l = { 0 };
	const struct rule *rule;
	bool its_key = false;
	enum err e = journal_load_last(&l, j, o->spki, s->index);

	if (e == E_UNKNOWN_DEVICE)
		e = E_OK;
	if (!e)
		e = shows_row(&its_key, j, s, &l);
	if (e)
		return e;
	rule = decide(l.row ? IN(l.state) : NO_ROW, s->state != SLOT_EMPTY, its_key,
		      !l.row || o->m.load_count > l.first_count);
	if (rule->becomes) {
		l.state = rule->becomes;
		l.load_count = its_key ? o->m.load_count : l.load_count;
		if (its_key && s->kcv.len)
			take_kcv(&l.kcv, s->kcv);
		e = journal_load_set(j, &l);
	}
	if (!e && rule->verdict == DOUBT) {
		snprintf(why, KDH_WHY, "slot %u of %s contradicts its load count %u", s->index, k->serial,
			 (unsigned)o->m.load_count);
		e = E_ROLLBACK;
	}
	if (!e) {
		*verdict = rule->verdict;
		*row = l;
	}
	return e;
}

/* The verdict on an OFFER to load, carried out in the journal. E_OK: *l is loaded (a receipt), or the load that KEY is
 * for. */
static enum err settle(struct load *l, struct room *r, const struct kdh *k, const struct offer *o,
		       const struct msg_slot *s, char why[static KDH_WHY])
{
	struct journal *j = r->journal;
	struct load row = { 0 };
	bool follows = false;
	enum verdict verdict = DOUBT;
	char ksn[KSN_TEXT], set[KEY_SET_TEXT];
	enum err e = check_count(j, k, o, why);

	if (!e)
		e = judge(&verdict, &row, j, k, o, s, why);
	if (!e && (verdict == AGAIN || verdict == FRESH))
		e = check_key_set(j, &k->set, why);
	if (e)
		return e;
	switch (verdict) {
	case RECEIVED:
		*l = row;
		break;
	case AGAIN:
		key_set_text(set, &row.set);
		ksn_text(ksn, &row.iksn);
		e = lease_follows(&follows, j, &k->set, &row.set);
		if (!e && !follows) {
			snprintf(why, KDH_WHY, "slot %u of %s waits for KSN %s of key set %s", k->slot, k->serial, ksn,
				 set);
			e = E_DENIED;
		}
		if (!e)
			e = check_key_set(j, &row.set, why);
		*l = row;
		break;
	case FRESH:
		*l = (struct load){ .slot = k->slot, .first_count = o->m.load_count };
		memcpy(l->serial, k->serial, sizeof l->serial);
		memcpy(l->spki, o->spki, sizeof l->spki);
		memcpy(l->point, o->cert.point, sizeof l->point);
		memcpy(l->firmware, o->m.firmware.p, o->m.firmware.len);
		e = lease_take(&l->set, &l->id, r, &k->set, k->serial, k->slot, why);
		if (!e)
			e = journal_load_add(j, l);
		break;
	case HOLDS:
		snprintf(why, KDH_WHY, "slot %u of %s holds a key already", k->slot, k->serial);
		e = E_LOADED;
		break;
	case DOUBT:
		e = E_ROLLBACK;	/* refused by judge() */
		break;
	}
	return e;
}

/* --- KEY ---------------------------------------------------------------------------------------------------------- */

/* Sign a body that comes after all of t, and add the whole message to t. */
static enum err seal(uint8_t *b, size_t *len, struct transcript *t, struct worker *w, enum msg_type type)
{
	uint8_t digest[32], sig[P256_SIG];
	enum err e = transcript_digest(digest, t, type, (struct span){ b, *len });

	if (!e)
		e = worker_sign(w, sig, "identity", digest);
	if (!e)
		e = msg_seal(b, len, MSG_MAX, sig);
	if (!e)
		e = transcript_add(t, type, (struct span){ b, *len });
	return e;
}

/* What an OFFER changed is written down in the same transaction: the request's own record comes when it is answered, which a
 * crash, or a KEY that cannot be made, may prevent. */
static enum err note(struct journal *j, const struct kdh *k, uint8_t slot, const struct load *l, enum err refused)
{
	char object[128], ksn[KSN_TEXT] = "";

	if (l)
		ksn_text(ksn, &l->iksn);
	snprintf(object, sizeof object, "%s slot %u%s%s%s%s", k->serial, slot, l ? ": " : "", ksn, l ? " " : "",
		 l ? load_state_name(l->state) : "");
	return journal_audit(j, "bdkd", "settle", object, refused ? err_text(refused) : "");
}

/* An OFFER that verified, in one transaction: remembered whatever is decided about it, and settled. */
static enum err take_offer(struct load *l, struct room *r, const struct kdh *k, const struct offer *o,
			   const struct msg_slot *s, char why[static KDH_WHY])
{
	struct journal *j = r->journal;
	enum err kept, e = journal_begin(j);

	if (!e)
		e = remember(j, k, o, why);
	if (e) {
		journal_rollback(j);
		return e;
	}
	e = settle(l, r, k, o, s, why);
	if (e == E_JOURNAL || e == E_LOCKED) {
		journal_rollback(j);
		return e;
	}
	kept = note(j, k, k->slot, e ? NULL : l, e);
	if (kept) {
		journal_rollback(j);
		return kept;
	}
	kept = journal_commit(j);
	return kept ? kept : e;
}

enum err kdh_offer(struct kdh *k, struct load *facts, struct room *r, struct span offer, char why[static KDH_WHY])
{
	const struct msg_slot *s = NULL;
	char unclaimed[MARK_WHY] = "";
	struct offer o = { 0 };
	struct load l = { 0 };
	enum err e = E_OK;

	*why = 0;
	if (k->state != KDH_GREETED || !k->set.len || room_monotonic() >= k->until)
		e = E_SEQUENCE;
	if (!e)
		e = verify(&o, k, r, offer, why);
	if (!e)
		e = find_slot(&s, k, &o, k->slot, why);
	if (!e)
		e = transcript_add(&k->t, MSG_OFFER, offer);
	if (!e)
		e = papers(k->papers, r, 0);
	if (!e)
		e = take_offer(&l, r, k, &o, s, why);
	if (e == E_LOCKED) {	/* its id is in no claimed block yet */
		e = mark_claim(r, unclaimed);
		snprintf(why, KDH_WHY, "%s", unclaimed);
		if (!e)
			e = take_offer(&l, r, k, &o, s, why);
	}
	if (!e)
		*facts = l;
	if (e || l.state != LOAD_SENT) {
		kdh_end(k);
		return e;
	}
	k->load = l;
	k->order = (struct key_order){ .t = k->t, .slot = l.slot, .set = l.set, .iksn = l.iksn };
	memcpy(k->order.environment, r->environment, sizeof k->order.environment);
	memcpy(k->order.peer, o.m.point, sizeof k->order.peer);
	k->state = KDH_ORDERED;
	return E_OK;
}

/* What the room knew when it verified the OFFER still holds. Others were served while the KEY was made. */
static enum err check_unchanged(const struct kdh *k, const struct room *r, char why[static KDH_WHY])
{
	uint8_t now[32];
	enum err e = papers(now, r, 0);

	if (!e && memcmp(now, k->papers, sizeof now) != 0) {
		snprintf(why, KDH_WHY, "certificates or revocation list were changed meanwhile: load again");
		e = E_SEQUENCE;
	}
	return e ? e : check_key_set(r->journal, &k->load.set, why);
}

/* Is it the KEY that was ordered? E_OK, E_TOKEN */
static enum err check_key(const struct key_order *o, struct span key)
{
	const uint8_t *sig;
	struct msg_key m;
	struct span body;

	return msg_open(&body, &sig, MSG_KEY, key) || msg_get_key(&m, body) || m.slot != o->slot ||
	       m.scheme != (uint8_t)o->set.scheme || !same(m.ksn, o->iksn.b, o->iksn.len) ? E_TOKEN : E_OK;
}

enum err kdh_key(struct kdh *k, struct load *facts, struct room *r, enum err made, struct span key,
		 char why[static KDH_WHY])
{
	struct transcript t = k->t;
	enum err e = made;

	*why = 0;
	if (!e && (k->state != KDH_ORDERED || room_monotonic() >= k->until))
		e = E_SEQUENCE;
	if (!e)
		e = check_key(&k->order, key);
	if (!e)
		e = check_unchanged(k, r, why);
	if (!e)
		e = transcript_add(&t, MSG_KEY, key);
	if (!e)
		e = journal_load_sent(r->journal, k->load.row, t.h);
	if (e) {
		kdh_end(k);
		return e;
	}
	*facts = k->load;
	k->state = KDH_KEYED;
	return E_OK;
}

/* --- ZEROIZE ------------------------------------------------------------------------------------------------------ */

/* The rows of what is to be zeroized, brought up to the OFFER. *holds: there is something to zeroize, and w says
 * what. */
static enum err settle_slots(bool *holds, struct wipe *w, struct journal *j, const struct kdh *k, const struct offer *o,
			     uint8_t slot, char why[static KDH_WHY])
{
	struct wipe made = { .slot = slot, .load_count = o->m.load_count, .sequence = INT64_MAX };
	enum verdict verdict;
	struct load row;
	bool any = false;
	enum err e = check_count(j, k, o, why);

	if (!e)
		e = journal_begin(j);
	if (e)
		return e;
	memcpy(made.serial, k->serial, sizeof made.serial);
	memcpy(made.spki, o->spki, sizeof made.spki);
	memcpy(made.point, o->cert.point, sizeof made.point);
	for (unsigned i = 0; !e && i < o->m.slots; i++) {
		const struct msg_slot *s = &o->m.slot[i];

		if (slot != MSG_SLOT_ALL && slot != s->index)
			continue;
		e = judge(&verdict, &row, j, k, o, s, why);
		any |= s->state != SLOT_EMPTY;
		if (slot != MSG_SLOT_ALL) {
			made.ksn.len = (uint8_t)s->ksn.len;
			memcpy(made.ksn.b, s->ksn.p, s->ksn.len);
			take_kcv(&made.kcv, s->kcv);
		}
	}
	if (!e && !any)
		e = journal_wiped(j, &made);
	if (!e)
		e = note(j, k, slot, NULL, E_OK);
	if (e) {
		journal_rollback(j);
		return e;
	}
	e = journal_commit(j);
	if (!e) {
		*holds = any;
		*w = made;
	}
	return e;
}

/* ZEROIZE for what w says; k->t holds HELLO and OFFER. Only when h is in the journal does zeroize hold anything. */
static enum err make_zeroize(uint8_t zeroize[static MSG_MAX], size_t *len, const struct kdh *k, struct room *r,
			     const struct wipe *w, enum zeroize_reason reason)
{
	struct msg_zeroize m = { .slot = w->slot, .reason = (uint8_t)reason };
	struct wipe sent = *w;
	struct transcript t = k->t;
	uint8_t b[MSG_MAX];
	struct worker *worker;
	size_t n = 0;
	enum err e;

	memcpy(m.environment, r->environment, sizeof m.environment);
	e = room_worker(&worker, r);
	if (!e)
		e = msg_put_zeroize(b, &n, sizeof b, &m);
	if (!e)
		e = seal(b, &n, &t, worker, MSG_ZEROIZE);
	if (e)
		return e;
	memcpy(sent.h, t.h, sizeof sent.h);
	e = journal_wipe_sent(r->journal, &sent);
	if (!e) {
		memcpy(zeroize, b, n);
		*len = n;
	}
	return e;
}

/* The newest load of a slot, or of each. */
static enum err newest_loads(struct kdh_slots *facts, struct journal *j, const uint8_t spki[static 32], uint8_t slot)
{
	enum err e = E_OK;

	facts->n = 0;
	for (uint8_t i = 0; !e && i < MSG_SLOTS; i++) {
		if (slot != MSG_SLOT_ALL && slot != i)
			continue;
		e = journal_load_last(&facts->load[facts->n], j, spki, i);
		if (!e)
			facts->n++;
		else if (e == E_UNKNOWN_DEVICE)
			e = E_OK;
	}
	return e;
}

enum err kdh_zeroize(struct kdh *k, uint8_t zeroize[static MSG_MAX], size_t *len, struct kdh_slots *facts,
		     struct room *r, struct span offer, uint8_t slot, enum zeroize_reason reason,
		     char why[static KDH_WHY])
{
	const struct msg_slot *s = NULL;
	struct offer o = { 0 };
	struct wipe w = { 0 };
	bool holds = false;
	enum err e = E_OK;

	*len = 0;
	*why = 0;
	if (k->state != KDH_GREETED || k->set.len || room_monotonic() >= k->until)
		e = E_SEQUENCE;
	if (!e)
		e = verify(&o, k, r, offer, why);
	if (!e && slot != MSG_SLOT_ALL)
		e = find_slot(&s, k, &o, slot, why);
	if (!e)
		e = transcript_add(&k->t, MSG_OFFER, offer);
	if (!e)
		e = remember(r->journal, k, &o, why);
	if (!e)
		e = settle_slots(&holds, &w, r->journal, k, &o, slot, why);
	if (!e)
		e = newest_loads(facts, r->journal, o.spki, slot);
	if (!e && holds)
		e = make_zeroize(zeroize, len, k, r, &w, reason);
	if (e || !*len)
		kdh_end(k);
	else
		k->state = KDH_KEYED;
	return e;
}

/* --- RECEIPT ------------------------------------------------------------------------------------------------------ */

/* A RECEIPT answers one of a terminal's last so many KEYs or ZEROIZEs; for an older one its next OFFER is the receipt.
 * Else a station that has them sent again and again would make every RECEIPT cost more. */
enum { TRIED = 64 };

/* A RECEIPT, and where its signature begins. */
struct receipt {
	struct msg_receipt m;
	struct span body;
	const uint8_t *sig;
};

static enum err open_receipt(struct receipt *r, struct span message)
{
	enum err e = msg_open(&r->body, &r->sig, MSG_RECEIPT, message);

	return e ? e : msg_get_receipt(&r->m, r->body);
}

/* Is it what that terminal says after h? E_OK, E_SIGNATURE */
static enum err answers(const struct receipt *r, const uint8_t h[static 32], const uint8_t point[static P256_POINT])
{
	struct transcript t;
	uint8_t digest[32];
	enum err e;

	memcpy(t.h, h, sizeof t.h);
	e = transcript_digest(digest, &t, MSG_RECEIPT, r->body);
	return e ? e : p256_verify(r->sig, point, digest);
}

/* The load whose KEY this RECEIPT answers: the one under whose h the signature is right. */
static enum err find_load(struct load *l, struct journal *j, const char *serial, const struct receipt *r)
{
	uint8_t h[32];
	uint64_t at = 0;
	enum err e, none = E_UNKNOWN_DEVICE;

	for (int i = 0; i < TRIED && !(e = journal_load_sent_next(l, h, j, serial, &at)); i++) {
		e = answers(r, h, l->point);
		if (e != E_SIGNATURE)
			return e;
		none = E_SIGNATURE;
	}
	return e == E_SHORT ? none : e;
}

/* ... and the ZEROIZE, likewise. */
static enum err find_wipe(struct wipe *w, struct journal *j, const char *serial, const struct receipt *r)
{
	uint64_t at = 0;
	enum err e, none = E_UNKNOWN_DEVICE;

	for (int i = 0; i < TRIED && !(e = journal_wipe_next(w, j, serial, &at)); i++) {
		e = answers(r, w->h, w->point);
		if (e != E_SIGNATURE)
			return e;
		none = E_SIGNATURE;
	}
	return e == E_SHORT ? none : e;
}

enum err kdh_receipt(struct load *facts, struct room *r, const char *serial, struct span receipt,
		     char why[static KDH_WHY])
{
	struct receipt o;
	const struct msg_receipt *m = &o.m;
	struct load l;
	enum err e;

	*why = 0;
	e = open_receipt(&o, receipt);
	if (!e)
		e = find_load(&l, r->journal, serial, &o);
	if (!e && m->result) {
		snprintf(why, KDH_WHY, "%s refused the key", serial);
		e = (enum err)m->result;
	}
	if (!e && (m->slot != l.slot || m->load_count != l.first_count + 1 || !same(m->ksn, l.iksn.b, l.iksn.len))) {
		snprintf(why, KDH_WHY, "%s signed for another slot, KSN or load count than it was sent", serial);
		e = E_REPLAY;
	}
	if (!e && m->kcv.len != (l.set.scheme == DUKPT_TDES ? 3 : 5))
		e = E_FORMAT;
	if (!e && l.state == LOAD_SENT) {
		l.state = LOAD_LOADED;
		l.load_count = m->load_count;
		take_kcv(&l.kcv, m->kcv);
		e = journal_load_set(r->journal, &l);
	}
	if (!e)
		*facts = l;
	return e;
}

enum err kdh_wiped(struct kdh_slots *facts, uint8_t *slot, struct room *r, const char *serial, struct span receipt,
		   char why[static KDH_WHY])
{
	struct receipt o;
	const struct msg_receipt *m = &o.m;
	struct kdh_slots newest;
	struct wipe w;
	enum err e;

	*why = 0;
	e = open_receipt(&o, receipt);
	if (!e)
		e = find_wipe(&w, r->journal, serial, &o);
	if (!e && m->result) {
		snprintf(why, KDH_WHY, "%s did not zeroize", serial);
		e = (enum err)m->result;
	}
	if (!e && (m->slot != w.slot || m->load_count != w.load_count || !same(m->ksn, w.ksn.b, w.ksn.len) ||
		   !same(m->kcv, w.kcv.b, w.kcv.len))) {
		snprintf(why, KDH_WHY, "%s signed for another slot, KSN, check value or load count than it showed",
			 serial);
		e = E_REPLAY;
	}
	if (!e)
		e = journal_wiped(r->journal, &w);
	if (!e)
		e = newest_loads(&newest, r->journal, w.spki, w.slot);
	if (!e) {
		*slot = w.slot;
		*facts = newest;
	}
	return e;
}

void kdh_end(struct kdh *k)
{
	wipe(k, sizeof *k);
	k->state = KDH_IDLE;
}
