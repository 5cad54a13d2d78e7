#include "bdk/lease.h"
#include "bdk/key_state.h"
#include "bdk/list.h"
#include "bdk/revocation.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "KRL1"
static const char floor_number[] = "lease floor", last_number[] = "lease number";
static const char records_label[] = "keyroom/1 RECORDS KEY", lease_label[] = "keyroom/1 LEASE";

static bool same_set(const struct key_set_id *a, const struct key_set_id *b)
{
	return a->len == b->len && a->scheme == b->scheme && !memcmp(a->b, b->b, a->len);
}

static bool same_kcv(const struct kcv *a, const struct kcv *b)
{
	return a->len == b->len && !memcmp(a->b, b->b, a->len);
}

/* E_OK, E_SCHEME, E_RANGE */
static enum err check_range(const struct lease *l)
{
	if (!dukpt_key_set_len(l->set.scheme))
		return E_SCHEME;
	return l->first <= l->last && l->last <= dukpt_device_max(l->set.scheme) ? E_OK : E_RANGE;
}

static enum err check_kcv(const struct lease *l)
{
	return !l->kcv.len || l->kcv.len == (l->set.scheme == DUKPT_TDES ? 3 : 5) ? E_OK : E_FORMAT;
}

/* --- The file ----------------------------------------------------------------------------------------------------- */

static void put_body(struct wr *w, const struct lease *l, const uint8_t records[static P256_POINT])
{
	wr_copy(w, (const uint8_t *)MAGIC, 4);
	wr_u8(w, l->set.scheme);
	wr_span8(w, (struct span){ l->set.b, l->set.len });
	wr_span8(w, (struct span){ l->kcv.b, l->kcv.len });
	wr_u32(w, l->first);
	wr_u32(w, l->last);
	wr_copy(w, l->kif, sizeof l->kif);
	wr_u32(w, l->epoch);
	wr_u64(w, l->number);
	wr_u64(w, l->utc);
	wr_copy(w, records, P256_POINT);
}

enum err lease_parse(struct lease_file *f, struct span in)
{
	struct lease_file o = { .ca_sig = NULL };
	struct lease *l = &o.lease;
	struct key_set_id back;
	struct span set, kcv;
	char text[KEY_SET_TEXT];
	uint8_t magic[4];
	struct rd r;
	enum err e;

	rd_init(&r, in.p, in.len);
	rd_copy(&r, magic, sizeof magic);
	l->set.scheme = (enum dukpt_scheme)rd_u8(&r);
	set = rd_span8(&r);
	kcv = rd_span8(&r);
	l->first = rd_u32(&r);
	l->last = rd_u32(&r);
	rd_copy(&r, l->kif, sizeof l->kif);
	l->epoch = rd_u32(&r);
	l->number = rd_u64(&r);
	l->utc = rd_u64(&r);
	rd_copy(&r, o.records, sizeof o.records);
	o.ca_sig = rd_span(&r, P256_SIG).p;
	o.sig = rd_span(&r, P256_SIG).p;
	if (!r.e && (memcmp(magic, MAGIC, sizeof magic) != 0 || set.len != dukpt_key_set_len(l->set.scheme) ||
		     kcv.len > sizeof l->kcv.b || !l->number || l->number > INT64_MAX || l->utc > INT64_MAX))
		r.e = E_FORMAT;
	e = rd_end(&r);
	if (e)
		return e;
	memcpy(l->set.b, set.p, set.len);
	l->set.len = (uint8_t)set.len;
	if (kcv.len)
		memcpy(l->kcv.b, kcv.p, kcv.len);
	l->kcv.len = (uint8_t)kcv.len;
	e = check_range(l);
	if (!e)
		e = check_kcv(l);
	key_set_text(text, &l->set);
	if (!e)
		e = key_set_parse(&back, text, l->set.scheme);
	if (!e)
		*f = o;
	return e;
}

/* The lease as a file, into l itself. */
static enum err make_file(struct lease *l, struct room *r)
{
	uint8_t point[P256_POINT], digest[32], sig[P256_SIG];
	struct room_key ca = { r, "kif-ca" }, records = { r, "records" };
	struct worker *worker;
	struct wr w;
	enum err e = room_worker(&worker, r);

	if (!e)
		e = worker_point(worker, point, records.label);
	if (!e)
		e = room_digest(digest, records_label, SPAN(point));
	if (!e)
		e = room_sign(&ca, sig, digest);
	if (e)
		return e;
	wr_init(&w, l->bytes, sizeof l->bytes);
	put_body(&w, l, point);
	wr_copy(&w, sig, sizeof sig);
	e = wr_end(&w);
	if (!e)
		e = room_digest(digest, lease_label, (struct span){ l->bytes, w.len });
	if (!e)
		e = room_sign(&records, sig, digest);
	if (e)
		return e;
	wr_copy(&w, sig, sizeof sig);
	l->len = w.len;
	return wr_end(&w);
}

/* --- In a ca room ------------------------------------------------------------------------------------------------- */

/* Does this agree with what earlier leases say of the key set? A check value that they know is taken from them. */
static enum err check_known(struct lease *l, struct journal *j, char why[static LEASE_WHY])
{
	char id[KEY_SET_TEXT];
	struct lease x = { .number = 0 };
	enum err e;

	key_set_text(id, &l->set);
	while (!(e = journal_lease_next(&x, j, x.number))) {
		if (x.set.len != l->set.len || memcmp(x.set.b, l->set.b, l->set.len) != 0)
			continue;
		if (x.set.scheme != l->set.scheme) {
			snprintf(why, LEASE_WHY, "key set %s is %s in lease %llu", id, dukpt_scheme_name(x.set.scheme),
				 (unsigned long long)x.number);
			return E_KEY_SET;
		}
		if (x.kcv.len && !l->kcv.len)
			l->kcv = x.kcv;
		if (x.kcv.len && !same_kcv(&x.kcv, &l->kcv)) {
			snprintf(why, LEASE_WHY, "key set %s has another check value in lease %llu", id,
				 (unsigned long long)x.number);
			return E_KEY_SET;
		}
	}
	return e == E_SHORT ? E_OK : e;
}

/* Nobody has any of these ids. */
static enum err check_nobodys(const struct lease *l, struct journal *j, char why[static LEASE_WHY])
{
	struct lease x;
	enum err e = journal_lease_at(&x, j, &l->set, l->first, l->last, 0);

	if (e)
		return e == E_SHORT ? E_OK : e;
	snprintf(why, LEASE_WHY, "%lu-%lu were %s before, by number %llu", (unsigned long)x.first, (unsigned long)x.last,
		 x.len ? "granted" : "noted as issued elsewhere", (unsigned long long)x.number);
	return E_EXISTS;
}

/* The lowest so many ids that nobody has. */
static enum err find_room(struct lease *l, struct journal *j, uint64_t count, char why[static LEASE_WHY])
{
	uint64_t at = 0, most = dukpt_device_max(l->set.scheme);
	struct lease x;
	enum err e = E_OK;

	while (!e && count <= most + 1 && at <= most + 1 - count) {
		e = journal_lease_at(&x, j, &l->set, (uint32_t)at, (uint32_t)(at + count - 1), 0);
		if (e == E_SHORT) {
			l->first = (uint32_t)at;
			l->last = (uint32_t)(at + count - 1);
			return E_OK;
		}
		at = (uint64_t)x.last + 1;
	}
	if (e)
		return e;
	snprintf(why, LEASE_WHY, "no %llu ids of it are free together", (unsigned long long)count);
	return E_KEY_SET_FULL;
}

/* Number and time; nothing of it may be anybody's. */
static enum err prepare(struct lease *l, struct room *r, uint64_t count, char why[static LEASE_WHY])
{
	enum err e = E_OK;

	if (count)
		e = find_room(l, r->journal, count, why);
	if (!e)
		e = check_range(l);
	if (e == E_RANGE)
		snprintf(why, LEASE_WHY, "device ids are FIRST-LAST, from 0 to %lu",
			 (unsigned long)dukpt_device_max(l->set.scheme));
	if (!e)
		e = check_kcv(l);
	if (e == E_FORMAT)
		snprintf(why, LEASE_WHY, "a check value has 6 digits (tdes) or 10 (aes)");
	if (!e)
		e = check_known(l, r->journal, why);
	if (!e)
		e = check_nobodys(l, r->journal, why);
	if (!e)
		e = journal_number(&l->number, r->journal, last_number);
	if (!e)
		e = revocation_epoch(&l->epoch, r);
	l->number++;
	l->utc = room_utc();
	l->next = l->first;
	l->len = 0;
	return e;
}

static enum err remember(const struct lease *l, struct journal *j)
{
	enum err e = journal_begin(j);

	if (!e)
		e = journal_set_number(j, last_number, l->number);
	if (!e)
		e = journal_lease_add(j, l);
	if (!e)
		return journal_commit(j);
	journal_rollback(j);
	return e;
}

/* Is this certificate, or every one that its key was given, disowned? A newer one may have been given since. */
static enum err check_owned(const struct cert *c, const uint8_t serial[static 20], const uint8_t spki[static 32],
			    struct journal *j, char why[static LEASE_WHY])
{
	bool disowned = false, stands = false;
	struct certified x;
	uint64_t at = 0;
	enum err e;

	while (!(e = journal_certified_next(&x, j, &at))) {
		if (memcmp(x.spki, spki, sizeof x.spki) != 0)
			continue;
		disowned |= x.revoked != 0;
		stands |= !x.revoked && !memcmp(x.number, serial, sizeof x.number);
	}
	if (e != E_SHORT)
		return e;
	if (!disowned || stands)
		return E_OK;
	snprintf(why, LEASE_WHY, "this room has disowned %s (bdk disown)", c->name);
	return E_REVOKED;
}

enum err lease_grant(struct lease *l, struct room *r, uint64_t count, struct span cert, char why[static LEASE_WHY])
{
	struct lease o = *l;
	uint8_t serial[20];
	struct cert c;
	uint32_t epoch, now;
	enum err e = parser_cert(&r->parser, &c, serial, cert, der_span(&r->kif_ca), room_utc());

	if (!e)
		e = cert_epoch(&epoch, &c);
	if (!e)
		e = revocation_epoch(&now, r);
	if (!e && epoch != now) {
		snprintf(why, LEASE_WHY, "%s has a certificate of epoch %lu, this room is at epoch %lu: certify it anew",
			 c.name, (unsigned long)epoch, (unsigned long)now);
		e = E_EPOCH;
	}
	if (!e)
		e = p256_spki_digest(o.kif, c.point);
	if (!e)
		e = check_owned(&c, serial, o.kif, r->journal, why);
	if (!e)
		e = prepare(&o, r, count, why);
	if (e)
		return e;
	snprintf(o.name, sizeof o.name, "%s", c.name);
	e = make_file(&o, r);
	if (!e)
		e = remember(&o, r->journal);
	if (!e)
		*l = o;
	return e;
}

enum err lease_elsewhere(struct lease *l, struct room *r, char why[static LEASE_WHY])
{
	struct lease o = *l;
	enum err e;

	memset(o.kif, 0, sizeof o.kif);
	snprintf(o.name, sizeof o.name, "elsewhere");
	e = prepare(&o, r, 0, why);
	if (!e)
		e = remember(&o, r->journal);
	if (!e)
		*l = o;
	return e;
}

enum err lease_again(struct lease *l, struct room *r, uint64_t number, char why[static LEASE_WHY])
{
	struct lease o;
	enum err e = number ? journal_lease_next(&o, r->journal, number - 1) : E_SHORT;

	if (e == E_SHORT || (!e && (o.number != number || !o.len))) {
		snprintf(why, LEASE_WHY, "no lease %llu was granted here", (unsigned long long)number);
		e = E_LEASE;
	}
	if (!e)
		*l = o;
	return e;
}

/* --- Accepting ---------------------------------------------------------------------------------------------------- */

enum err lease_floor(uint64_t *epoch, struct journal *j)
{
	return journal_number(epoch, j, floor_number);
}

/* The highest epoch that this room has seen: in its own certificate, a lease, the revocation list, or before a
 * restore. */
static enum err highest_seen(uint64_t *epoch, struct room *r, uint32_t own)
{
	uint64_t leased = 0, floor = 0;
	uint32_t listed = 0;
	enum err e = journal_lease_epoch(&leased, r->journal);

	if (!e)
		e = lease_floor(&floor, r->journal);
	if (!e)
		e = list_epoch(&listed, r);
	*epoch = own > listed ? own : listed;
	if (*epoch < leased)
		*epoch = leased;
	if (*epoch < floor)
		*epoch = floor;
	return e;
}

/* What this room's certificate says, as long as it is valid. */
static enum err read_own(uint32_t *epoch, uint8_t spki[static 32], struct room *r)
{
	uint8_t serial[20];
	struct cert own;
	enum err e = parser_cert(&r->parser, &own, serial, der_span(&r->own), der_span(&r->kif_ca), room_utc());

	if (!e)
		e = cert_epoch(epoch, &own);
	return e ? e : p256_spki_digest(spki, own.point);
}

enum err lease_void(uint64_t *epoch, struct room *r)
{
	uint64_t seen = 0;
	uint8_t spki[32];
	uint32_t own = 0;
	enum err e;

	if (read_own(&own, spki, r))
		own = 0;
	e = highest_seen(&seen, r, own);
	if (*epoch < seen)
		*epoch = seen;
	if (!*epoch)
		*epoch = 1;
	return e ? e : journal_set_number(r->journal, floor_number, *epoch);
}

static enum err check_signatures(const struct lease_file *f, struct room *r, struct span file)
{
	uint8_t digest[32];
	struct cert ca;
	enum err e = parser_anchor(&r->parser, &ca, der_span(&r->kif_ca));

	if (!e)
		e = room_digest(digest, records_label, SPAN(f->records));
	if (!e)
		e = p256_verify(f->ca_sig, ca.point, digest);
	if (!e)
		e = room_digest(digest, lease_label, (struct span){ file.p, file.len - P256_SIG });
	return e ? e : p256_verify(f->sig, f->records, digest);
}

/* Is it for this room, and not one of a time that is over? */
static enum err check_mine(const struct lease *l, struct room *r, char why[static LEASE_WHY])
{
	uint64_t seen = 0, floor = 0;
	uint8_t spki[32];
	uint32_t own = 0;
	enum err e = read_own(&own, spki, r);

	if (e) {
		snprintf(why, LEASE_WHY, "this room's own certificate: %s", err_text(e));
		return e;
	}
	if (memcmp(spki, l->kif, sizeof spki) != 0) {
		snprintf(why, LEASE_WHY, "lease %llu is for another load room", (unsigned long long)l->number);
		return E_KEY;
	}
	e = highest_seen(&seen, r, own);
	if (!e)
		e = lease_floor(&floor, r->journal);
	if (!e && (l->epoch < seen || l->epoch <= floor)) {
		snprintf(why, LEASE_WHY, "lease %llu is of epoch %lu, this room needs epoch %llu or higher",
			 (unsigned long long)l->number, (unsigned long)l->epoch,
			 (unsigned long long)(seen <= floor ? floor + 1 : seen));
		e = E_EPOCH;
	}
	return e;
}

/* Is it of a key set that is here, and are its ids in no other lease? */
static enum err check_ids(const struct lease *l, struct journal *j, char why[static LEASE_WHY])
{
	char text[KEY_SET_TEXT];
	struct key_set set;
	struct lease x;
	enum err e;

	key_set_text(text, &l->set);
	e = journal_key_set(&set, j, text);
	if (e == E_KEY_SET || (!e && set.id.scheme != l->set.scheme)) {
		snprintf(why, LEASE_WHY, "key set %s (%s) is not in this room", text, dukpt_scheme_name(l->set.scheme));
		return E_KEY_SET;
	}
	if (!e && l->kcv.len && !same_kcv(&set.kcv, &l->kcv)) {
		snprintf(why, LEASE_WHY, "key set %s has another check value here", text);
		e = E_MAC;
	}
	if (!e)
		e = key_state_check(&set, KEY_PLAN, why);
	if (e)
		return e;
	e = journal_lease_at(&x, j, &l->set, l->first, l->last, 0);
	if (e == E_SHORT)
		return E_OK;
	if (!e) {
		snprintf(why, LEASE_WHY, "%lu-%lu are in lease %llu already", (unsigned long)x.first,
			 (unsigned long)x.last, (unsigned long long)x.number);
		e = E_EXISTS;
	}
	return e;
}

enum err lease_accept(struct lease *l, bool *again, struct room *r, struct span file, char why[static LEASE_WHY])
{
	struct lease_file f;
	struct lease known;
	enum err e;

	if (!r->own.len || !r->kif_ca.len)
		return E_NOT_READY;
	e = lease_parse(&f, file);
	if (!e)
		e = check_signatures(&f, r, file);
	if (e)
		return e;
	memcpy(f.lease.bytes, file.p, file.len);
	f.lease.len = file.len;
	f.lease.next = f.lease.first;
	e = journal_lease_next(&known, r->journal, f.lease.number - 1);
	*again = !e && known.number == f.lease.number;
	if (*again) {
		bool same = known.len == file.len && !memcmp(known.bytes, file.p, file.len);

		*l = known;
		if (!same)
			snprintf(why, LEASE_WHY, "another lease with number %llu was accepted before",
				 (unsigned long long)known.number);
		return same ? E_OK : E_REPLAY;
	}
	if (e == E_SHORT)
		e = E_OK;
	if (!e)
		e = check_mine(&f.lease, r, why);
	if (!e)
		e = check_ids(&f.lease, r->journal, why);
	if (!e)
		e = journal_lease_add(r->journal, &f.lease);
	if (!e)
		*l = f.lease;
	return e;
}

/* --- The next id -------------------------------------------------------------------------------------------------- */

enum err lease_follows(bool *yes, struct journal *j, const struct key_set_id *from, const struct key_set_id *to)
{
	struct key_set_id at = *from;
	enum err e = E_OK;

	while (!e && !same_set(&at, to))
		e = journal_follower(&at, j, &at);
	*yes = !e;
	return e == E_SHORT ? E_OK : e;
}

/* The lowest id of this key set's leases that is free and dictated to nobody, as next of its lease. E_OK, E_SHORT
 * (none), E_JOURNAL */
static enum err lowest_free(struct lease *l, struct journal *j, const struct key_set_id *set, uint64_t floor)
{
	enum err e;

	while (!(e = journal_lease_open(l, j, set, floor))) {
		while (l->next <= l->last && (e = journal_id_free(j, set, (uint32_t)l->next)) == E_EXISTS)
			l->next++;
		if (e != E_EXISTS)
			return e;
		e = journal_lease_move(j, l->number, l->next);
		if (e)
			return e;
	}
	return e;
}

/* Why nothing is left. The command is named by what is wrong. */
static enum err say_none(struct journal *j, const struct key_set_id *asked, uint64_t floor, char why[static LEASE_WHY])
{
	bool any = false, voided = false;
	struct lease l = { .number = 0 };
	char id[KEY_SET_TEXT];
	enum err e;

	key_set_text(id, asked);
	while (!(e = journal_lease_next(&l, j, l.number)))
		if (same_set(&l.set, asked)) {
			any |= l.epoch > floor;
			voided |= l.epoch <= floor;
		}
	if (e != E_SHORT)
		return e;
	if (any)
		snprintf(why, LEASE_WHY,
			 "no device id of key set %s is left: another lease (bdk lease, bdk accept), or one that follows "
			 "(bdk chain)", id);
	else if (voided)
		snprintf(why, LEASE_WHY,
			 "the leases of key set %s are void: bdk lease at an epoch above %llu, then bdk accept", id,
			 (unsigned long long)floor);
	else
		snprintf(why, LEASE_WHY,
			 "key set %s has no lease of device ids: bdk lease in the ca room, then bdk accept", id);
	return any ? E_KEY_SET_FULL : E_LEASE;
}

static enum err check_state(struct journal *j, const struct key_set_id *id, enum key_act act, char why[static LEASE_WHY])
{
	char text[KEY_SET_TEXT];
	struct key_set set;
	enum err e;

	key_set_text(text, id);
	e = journal_key_set(&set, j, text);
	return e ? e : key_state_check(&set, act, why);
}

/* The same of a key set or the first that follows it and has one. */
static enum err find_free(struct lease *l, struct journal *j, const struct key_set_id *from, uint64_t floor,
			  char why[static LEASE_WHY])
{
	struct key_set_id at, next = *from;
	enum err e, more;

	do {
		at = next;
		e = check_state(j, &at, KEY_ISSUE, why);
		if (!e)
			e = lowest_free(l, j, &at, floor);
		if (e != E_SHORT)
			return e;
		more = journal_follower(&next, j, &at);
	} while (!more);
	return more == E_SHORT ? say_none(j, &at, floor, why) : more;
}

/* The lease of a dictated id: it was in one when it was dictated, which may be void now. */
static enum err find_dictated(struct lease *l, struct journal *j, const struct dictated *d, uint64_t floor,
			      char why[static LEASE_WHY])
{
	enum err e = check_state(j, &d->set, KEY_ISSUE, why);

	if (!e && d->skipped) {
		snprintf(why, LEASE_WHY, "device id %lu, dictated for %s, was skipped after a crash: dictate another",
			 (unsigned long)d->id, d->serial);
		return E_LEASE;
	}
	if (!e)
		e = journal_lease_at(l, j, &d->set, d->id, d->id, floor);
	if (e == E_SHORT) {
		snprintf(why, LEASE_WHY, "device id %lu, dictated for %s, is in no lease in force", (unsigned long)d->id,
			 d->serial);
		e = E_LEASE;
	}
	return e;
}

enum err lease_take(struct key_set_id *set, uint32_t *id, struct room *r, const struct key_set_id *asked,
		    const char *serial, uint8_t slot, char why[static LEASE_WHY])
{
	struct journal *j = r->journal;
	struct dictated d = { .has_id = false };
	struct key_set_id from = *asked;
	uint64_t floor = 0;
	bool follows = true, dictated;
	struct lease l;
	uint32_t taken;
	enum err e = lease_floor(&floor, j);

	if (!e)
		e = journal_dictated(&d, j, serial, slot);
	if (!e) {
		from = d.set;
		e = lease_follows(&follows, j, asked, &from);
	}
	if (e == E_SHORT)
		e = E_OK;
	if (!e && !follows) {
		char text[KEY_SET_TEXT];

		key_set_text(text, &from);
		snprintf(why, LEASE_WHY, "the manifest says key set %s for slot %u of %s", text, slot, serial);
		e = E_DENIED;
	}
	if (e)
		return e;
	dictated = d.has_id && !d.spent;
	e = dictated ? find_dictated(&l, j, &d, floor, why) : find_free(&l, j, &from, floor, why);
	if (e)
		return e;
	taken = dictated ? d.id : (uint32_t)l.next;
	if (!mark_permits(r, &l.set, taken, dictated ? taken : l.last))
		return E_LOCKED;
	*set = l.set;
	*id = taken;
	return dictated ? E_OK : journal_lease_move(j, l.number, l.next + 1);
}

/* --- Manifests and chains ----------------------------------------------------------------------------------------- */

/* May this id be dictated? */
static enum err check_id(const struct dictated *d, struct journal *j, char why[static LEASE_WHY])
{
	uint64_t floor = 0;
	struct lease l;
	enum err e = lease_floor(&floor, j);

	if (!e)
		e = journal_lease_at(&l, j, &d->set, d->id, d->id, floor);
	if (e == E_SHORT) {
		snprintf(why, LEASE_WHY, "device id %lu is in no lease in force", (unsigned long)d->id);
		return E_LEASE;
	}
	if (!e && d->id < l.next) {
		snprintf(why, LEASE_WHY, "device id %lu was used before", (unsigned long)d->id);
		return E_REPLAY;
	}
	if (!e)
		e = journal_id_free(j, &d->set, d->id);
	if (e == E_EXISTS)
		snprintf(why, LEASE_WHY, "device id %lu was used, dictated or skipped before", (unsigned long)d->id);
	return e;
}

/* What was dictated in d and not issued is dictated no longer. */
static enum err give_up(struct journal *j, const struct dictated *d)
{
	char set[KEY_SET_TEXT], object[64], reason[CERT_TEXT + 64];
	struct lease l;
	enum err e = journal_lease_at(&l, j, &d->set, d->id, d->id, 0);

	if (e)
		return e == E_SHORT ? E_OK : e;
	snprintf(reason, sizeof reason, "dictated for %s slot %u, and given up by a manifest", d->serial, d->slot);
	if (d->id < l.next)
		return journal_skip_one(j, &d->set, d->id, reason);
	key_set_text(set, &d->set);
	snprintf(object, sizeof object, "%s %lu", set, (unsigned long)d->id);
	return journal_audit(j, "bdkd", "release", object, reason);
}

static enum err replace_line(struct journal *j, const struct dictated *before, const struct dictated *d)
{
	enum err e = journal_begin(j);

	if (!e && before->has_id && !before->spent && !before->skipped)
		e = give_up(j, before);
	if (!e)
		e = journal_dictate(j, d);
	if (!e)
		e = journal_commit(j);
	if (e)
		journal_rollback(j);
	return e;
}

enum err lease_dictate(struct room *r, const struct dictated *line, const struct ksn *ksn, char why[static LEASE_WHY])
{
	struct dictated d = *line, before = { .has_id = false };
	struct journal *j = r->journal;
	char text[KEY_SET_TEXT], waits[KSN_TEXT];
	struct load sent;
	enum err e;

	d.has_id = ksn->len;
	d.id = ksn->len ? ksn_device(ksn) : 0;
	key_set_text(text, &d.set);
	if (ksn->len && !ksn_fits(ksn, d.set.scheme))
		return E_SCHEME;
	if (ksn->len && memcmp(ksn_key_set(ksn).p, d.set.b, d.set.len) != 0) {
		snprintf(why, LEASE_WHY, "that is no KSN of key set %s", text);
		return E_KEY_SET;
	}
	if (ksn->len && !ksn_initial(ksn)) {
		snprintf(why, LEASE_WHY, "that is no initial KSN: its counter is not 0");
		return E_COUNTER;
	}
	e = journal_dictated(&before, j, d.serial, d.slot);
	if (!e && d.has_id && before.has_id && !before.spent && before.id == d.id && same_set(&before.set, &d.set))
		return E_OK;
	if (e == E_SHORT)
		e = E_OK;
	if (!e)
		e = check_state(j, &d.set, KEY_PLAN, why);
	if (!e && d.has_id)
		e = check_id(&d, j, why);
	if (e)
		return e;
	e = journal_load_waits(&sent, j, d.serial, d.slot);
	if (!e) {
		ksn_text(waits, &sent.iksn);
		snprintf(why, LEASE_WHY, "slot %u of %s waits for KSN %s, which was sent to it", d.slot, d.serial, waits);
		return E_DENIED;
	}
	return e == E_UNKNOWN_DEVICE ? replace_line(j, &before, &d) : e;
}

enum err lease_chain(struct journal *j, const struct key_set_id *set, const struct key_set_id *next,
		     char why[static LEASE_WHY])
{
	char a[KEY_SET_TEXT], b[KEY_SET_TEXT];
	bool back = false;
	enum err e;

	key_set_text(a, set);
	key_set_text(b, next);
	if (set->scheme != next->scheme) {
		snprintf(why, LEASE_WHY, "key set %s is %s, %s is %s", a, dukpt_scheme_name(set->scheme), b,
			 dukpt_scheme_name(next->scheme));
		return E_SCHEME;
	}
	e = check_state(j, next, KEY_PLAN, why);
	if (!e)
		e = lease_follows(&back, j, next, set);
	if (!e && back) {
		snprintf(why, LEASE_WHY, "key set %s leads to %s already", b, a);
		e = E_DENIED;
	}
	return e ? e : journal_chain(j, set, next);
}

/* --- Forecast ----------------------------------------------------------------------------------------------------- */

static enum err ids_left(uint64_t *left, struct journal *j, const struct key_set_id *set)
{
	struct lease l = { .number = 0 };
	uint64_t floor = 0, n;
	enum err e = lease_floor(&floor, j);

	*left = 0;
	while (!e && !(e = journal_lease_next(&l, j, l.number))) {
		if (!same_set(&l.set, set) || l.epoch <= floor)
			continue;
		e = journal_lease_left(&n, j, l.number);
		*left += n;
	}
	return e == E_SHORT ? E_OK : e;
}

static void work_out(struct lease_forecast *f)
{
	uint64_t span = f->loads.days < 30 ? f->loads.days : 30;

	f->known = span && f->loads.month;
	f->days = f->known ? f->left * span / f->loads.month : 0;
}

enum err lease_forecast(struct lease_forecast *f, struct journal *j, const struct key_set_id *set)
{
	enum err e = ids_left(&f->left, j, set);

	if (!e)
		e = journal_tally(&f->loads, j, set);
	work_out(f);
	return e;
}

enum err lease_forecast_chain(struct lease_forecast *f, struct journal *j, const struct key_set_id *set)
{
	struct lease_forecast one, all = { .left = 0 };
	struct key_set_id at = *set;
	enum err e = E_OK;

	while (!e) {
		e = lease_forecast(&one, j, &at);
		all.left += one.left;
		all.loads.loads += one.loads.loads;
		all.loads.week += one.loads.week;
		all.loads.month += one.loads.month;
		if (one.loads.days > all.loads.days)
			all.loads.days = one.loads.days;
		if (!e)
			e = journal_follower(&at, j, &at);
	}
	work_out(&all);
	*f = all;
	return e == E_SHORT ? E_OK : e;
}

bool lease_low(const struct lease_forecast *f)
{
	return f->left < LEASE_FEW || (f->known && f->days < LEASE_DAYS);
}
