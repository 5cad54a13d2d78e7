#include "bdk/exchange.h"
#include "base/wipe.h"
#include "bdk/fingerprint.h"
#include "bdk/key_state.h"
#include "bdk/list.h"
#include "bdk/making.h"
#include "bdk/media.h"

#include <stdio.h>
#include <string.h>

#define MAGIC "KRX1"

/* The package taken apart; spans point into it. */
struct package {
	struct key_set_id set;
	uint8_t recipient[32];
	struct span cert;
	uint8_t point[P256_POINT];
	struct kcv kcv;
	uint8_t items;
	struct wrapped item[2];
	struct span head;	/* up to and with the point */
	struct span body;
	const uint8_t *sig;
};

static uint8_t items_of(enum dukpt_scheme scheme)
{
	return scheme == DUKPT_TDES ? 2 : 1;
}

static const char *label_of(unsigned i)
{
	return i ? "KRM1-BV" : "KRM1-BD";
}

/* Is this a certificate of that CA, valid now, and not disowned? */
static enum err check_cert(struct cert *c, uint8_t number[static 20], struct room *r, struct span cert,
			   const struct der *ca)
{
	enum err e = parser_cert(&r->parser, c, number, cert, der_span(ca), room_utc());

	if (e)
		return e;
	return ca == &r->kif_ca ? list_kif(r, c, number) : list_certificate(r, number);
}

/* E_OK if no key set of that id is here, E_EXISTS */
static enum err check_new(struct journal *j, const struct key_set_id *id, char why[static EXCHANGE_WHY])
{
	char text[KEY_SET_TEXT];
	struct key_set set;
	enum err e;

	key_set_text(text, id);
	e = journal_key_set(&set, j, text);
	if (!e)
		snprintf(why, EXCHANGE_WHY, "key set %s is in this room already", text);
	return e == E_KEY_SET ? E_OK : e ? e : E_EXISTS;
}

/* A free random id. */
static enum err choose(struct key_set_id *id, struct journal *j, struct worker *w)
{
	char why[EXCHANGE_WHY];
	enum err e;

	id->len = dukpt_key_set_len(id->scheme);
	do {
		e = worker_random(w, id->b, id->len);
		if (id->scheme == DUKPT_TDES)
			id->b[0] = id->b[1] = 0xFF;
		if (!e)
			e = check_new(j, id, why);
	} while (e == E_EXISTS);
	return e;
}

/* An id as it may stand in a package or a request: printable, and read back the same. */
static enum err check_id(const struct key_set_id *id)
{
	char text[KEY_SET_TEXT];
	struct key_set_id back;

	if (id->len != dukpt_key_set_len(id->scheme))
		return E_FORMAT;
	key_set_text(text, id);
	return key_set_parse(&back, text, id->scheme);
}

/* Keys stronger than P-256, under which they would travel, are for test rooms, on tokens that were seen to make them. */
static enum err check_scheme(enum dukpt_scheme scheme, const struct room *r, char why[static EXCHANGE_WHY])
{
	if (!dukpt_key_len(scheme))
		return E_SCHEME;
	if (dukpt_key_len(scheme) > 16 && !r->config.test)
		return E_STRENGTH;
	if (probe_makes(&r->worker[0].probe, dukpt_key_len(scheme)))
		return E_OK;
	snprintf(why, EXCHANGE_WHY, "the token does not make the published %s initial key (bdk probe)", dukpt_scheme_name(scheme));
	return E_TOKEN;
}

static void put_head(struct wr *w, const struct key_set_id *id, const uint8_t recipient[static 32], struct span cert,
		     const uint8_t point[static P256_POINT])
{
	wr_copy(w, (const uint8_t *)MAGIC, 4);
	wr_u8(w, id->scheme);
	wr_span8(w, (struct span){ id->b, id->len });
	wr_copy(w, recipient, 32);
	wr_span16(w, cert);
	wr_copy(w, point, P256_POINT);
}

/* The package for a key set that is made in the token on the way. E_EXISTS where the token has it already. */
static enum err make(uint8_t *b, size_t *len, struct kcv *kcv, bool *made, struct room *r, struct worker *w,
		     const struct key_set_id *id, const struct cert *to)
{
	uint8_t point[P256_POINT], recipient[32], ctx[32], digest[32], sig[P256_SIG];
	struct wrapped item[2] = { 0 };
	uint8_t items = 0;
	uint64_t handle;
	struct wr o;
	enum err e = p256_spki_digest(recipient, to->point);

	if (!e)
		e = worker_ephemeral(w, &handle, point);
	if (e)
		return e;
	wr_init(&o, b, EXCHANGE_MAX);
	put_head(&o, id, recipient, der_span(&r->own), point);
	e = wr_end(&o);
	if (!e)
		e = room_digest(ctx, "keyroom/1 exchange", (struct span){ b, o.len });
	if (e) {
		if (worker_forget(w, handle))
			e = E_TOKEN;
		return e;
	}
	e = worker_make_bdk(w, kcv, item, &items, handle, to->point, ctx, id);
	if (e)
		return e;
	*made = true;
	wr_span8(&o, (struct span){ kcv->b, kcv->len });
	wr_u8(&o, items);
	for (unsigned i = 0; i < items; i++) {
		wr_copy(&o, (const uint8_t *)item[i].label, sizeof item[i].label);
		wr_span8(&o, (struct span){ item[i].b, item[i].len });
	}
	e = wr_end(&o);
	if (!e)
		e = room_digest(digest, "keyroom/1 EXCHANGE", (struct span){ b, o.len });
	if (!e)
		e = worker_sign(w, sig, "identity", digest);
	wr_copy(&o, sig, e ? 0 : sizeof sig);
	if (!e)
		e = wr_end(&o);
	*len = o.len;
	return e;
}

enum err exchange_drop(struct room *r, const struct key_set_id *id)
{
	struct worker *w;

	return room_worker(&w, r) || worker_drop_bdk(w, id) ? E_TOKEN : E_OK;
}

/* ... for an error, which stays the error */
static enum err drop(struct room *r, const struct key_set_id *id, enum err e)
{
	return exchange_drop(r, id) ? E_TOKEN : e;
}

/* A bag with a part of it was found damaged or missing before it came: it waits for people, as if it had come first. */
static enum err hold_back(struct journal *j, const char *id)
{
	char reason[MEDIA_DOUBT], object[64];
	enum err e = media_doubt(reason, j, id);

	if (e || !*reason)
		return e;
	snprintf(object, sizeof object, "%s suspended: %s", id, reason);
	e = journal_key_set_state(j, id, KEY_SET_SUSPENDED, reason);
	return e ? e : journal_audit(j, "bdkd", "state", object, "");
}

enum err exchange_keep(struct key_set *s, struct room *r, const struct key_set_origin *from, char why[static EXCHANGE_WHY])
{
	char text[KEY_SET_TEXT], label[KEY_LABEL];
	enum err e = key_state_period_check(&s->period, why);

	key_set_text(text, &s->id);
	snprintf(label, sizeof label, "bdk-%s", text);
	s->state = s->period.from > room_utc() ? KEY_SET_PRE_ACTIVE : KEY_SET_ACTIVE;
	r->tend_states = 0;
	if (!e)
		e = journal_begin(r->journal);
	if (!e)
		e = fingerprint_admit(r, label, why);
	if (!e)
		e = journal_key_set_add(r->journal, s);
	if (!e)
		e = hold_back(r->journal, text);
	if (!e && from->package.len)
		e = journal_package_add(r->journal, text, from->package);
	if (!e && from->number)
		e = journal_maker_add(r->journal, text, from->number, from->name);
	if (!e)
		e = making_end(r, label);
	if (!e)
		e = journal_commit(r->journal);
	if (e)
		journal_rollback(r->journal);
	if (!e)
		e = journal_key_set(s, r->journal, text);
	return e ? drop(r, &s->id, e) : E_OK;
}

static void say_orphan(char why[static EXCHANGE_WHY], const struct key_set_id *id)
{
	char text[KEY_SET_TEXT];

	key_set_text(text, id);
	snprintf(why, EXCHANGE_WHY, "the token holds keys of key set %s that the journal does not know", text);
}

enum err exchange_ready(struct room *r, char why[static EXCHANGE_WHY])
{
	const struct der *ca = r->config.purpose == ROOM_LOAD ? &r->kif_ca : &r->exchange_ca;
	uint8_t number[20];
	struct cert own;
	enum err e;

	*why = 0;
	if (!r->own.len || !r->kif_ca.len || !r->exchange_ca.len)
		return E_NOT_READY;
	e = list_check(r, room_utc(), why);
	if (e)
		return e;
	e = check_cert(&own, number, r, der_span(&r->own), ca);
	if (e)
		snprintf(why, EXCHANGE_WHY, "this room's own certificate: %s", err_text(e));
	return e;
}

uint8_t exchange_most(const struct room *r)
{
	char why[EXCHANGE_WHY];
	enum dukpt_scheme s = DUKPT_AES256;

	while (s > DUKPT_AES128 && check_scheme(s, r, why))
		s--;
	return dukpt_key_len(s);
}

enum err exchange_name(struct key_set_id *id, struct room *r, char why[static EXCHANGE_WHY])
{
	struct key_set_id out = *id;
	struct worker *w;
	enum err e;

	*why = 0;
	e = check_scheme(id->scheme, r, why);
	if (!e && !out.len) {
		e = room_worker(&w, r);
		if (!e)
			e = choose(&out, r->journal, w);
	}
	if (!e)
		e = check_id(&out);
	if (!e)
		e = check_new(r->journal, &out, why);
	if (!e)
		*id = out;
	return e;
}

enum err exchange_generate(uint8_t package[static EXCHANGE_MAX], size_t *len, struct key_set *made, struct room *r,
			   struct key_set_id *set, struct span cert, char why[static EXCHANGE_WHY])
{
	struct key_set s = { .id = *set, .period = made->period };
	uint8_t b[EXCHANGE_MAX], number[20];
	char text[KEY_SET_TEXT], label[KEY_LABEL];
	bool in_token = false;
	struct worker *w;
	struct cert to;
	size_t n = 0;
	enum err e = exchange_ready(r, why);

	if (!e)
		e = key_state_period_check(&s.period, why);
	if (e)
		return e;
	e = check_cert(&to, number, r, cert, &r->exchange_ca);
	if (e) {
		snprintf(why, EXCHANGE_WHY, "the acquirer room's certificate: %s", err_text(e));
		return e;
	}
	e = exchange_name(&s.id, r, why);
	if (!e)
		e = room_worker(&w, r);
	if (e)
		return e;
	key_set_text(text, &s.id);
	snprintf(label, sizeof label, "bdk-%s", text);
	e = making_begin(r, label);
	if (!e)
		e = make(b, &n, &s.kcv, &in_token, r, w, &s.id, &to);
	if (e == E_EXISTS)
		say_orphan(why, &s.id);
	if (e)
		return in_token ? drop(r, &s.id, e) : e;
	e = exchange_keep(&s, r, &(struct key_set_origin){ .package = { b, n } }, why);
	if (!e) {
		memcpy(package, b, n);
		*len = n;
		*made = s;
		*set = s.id;
	}
	return e;
}

enum err exchange_may_enter(struct room *r, const struct key_set_id *id, char why[static EXCHANGE_WHY])
{
	enum err e = check_id(id);

	*why = 0;
	if (!e)
		e = check_scheme(id->scheme, r, why);
	if (!e)
		e = exchange_ready(r, why);
	return e ? e : check_new(r->journal, id, why);
}

enum err exchange_enter(struct key_set *taken, struct room *r, const struct key_set_id *id, const struct key part[],
			uint8_t parts, const struct kcv *paper, char why[static EXCHANGE_WHY])
{
	struct key_set s = { .id = *id, .state = KEY_SET_ACTIVE };
	struct worker *w;
	enum err e = exchange_may_enter(r, id, why);

	if (!e)
		e = room_worker(&w, r);
	if (!e)
		e = worker_enter_bdk(w, &s.kcv, part, parts, id, paper);
	/* The token has what the journal does not know: an entry was cut off between the two, and nobody has that key. */
	if (e == E_EXISTS && !*why) {
		e = worker_drop_bdk(w, id);
		if (!e)
			e = worker_enter_bdk(w, &s.kcv, part, parts, id, paper);
	}
	if (e == E_KEY)
		snprintf(why, EXCHANGE_WHY, "two components are the same, one is zero, or together they make a weak key");
	if (!e && paper->len)
		e = exchange_keep(&s, r, &(struct key_set_origin){ .number = NULL }, why);
	if (e)
		s = (struct key_set){ .id = *id };
	*taken = s;
	return e;
}

/* Form alone. */
static enum err parse(struct package *p, struct span in)
{
	struct span id, kcv, wrapped;
	uint8_t magic[4], scheme;
	struct rd r;
	enum err e;

	memset(p, 0, sizeof *p);
	if (in.len > EXCHANGE_MAX)
		return E_FORMAT;
	if (in.len < P256_SIG)
		return E_SHORT;
	p->body = (struct span){ in.p, in.len - P256_SIG };
	p->sig = in.p + p->body.len;
	rd_init(&r, p->body.p, p->body.len);
	rd_copy(&r, magic, sizeof magic);
	scheme = rd_u8(&r);
	id = rd_span8(&r);
	rd_copy(&r, p->recipient, sizeof p->recipient);
	p->cert = rd_span16(&r);
	rd_copy(&r, p->point, sizeof p->point);
	p->head = (struct span){ p->body.p, p->body.len - r.left };
	kcv = rd_span8(&r);
	p->items = rd_u8(&r);
	if (!r.e && (memcmp(magic, MAGIC, sizeof magic) != 0 || id.len > sizeof p->set.b || kcv.len > sizeof p->kcv.b ||
		     !dukpt_key_len((enum dukpt_scheme)scheme) || p->items != items_of((enum dukpt_scheme)scheme)))
		r.e = E_FORMAT;
	for (unsigned i = 0; !r.e && i < p->items; i++) {
		struct wrapped *it = &p->item[i];

		rd_copy(&r, (uint8_t *)it->label, sizeof it->label);
		wrapped = rd_span8(&r);
		if (!r.e && (memcmp(it->label, label_of(i), sizeof it->label) != 0 || wrapped.len > sizeof it->b))
			r.e = E_FORMAT;
		if (!r.e && wrapped.len) {
			memcpy(it->b, wrapped.p, wrapped.len);
			it->len = (uint8_t)wrapped.len;
		}
	}
	e = rd_end(&r);
	if (e)
		return e;
	p->set = (struct key_set_id){ .len = (uint8_t)id.len, .scheme = (enum dukpt_scheme)scheme };
	memcpy(p->set.b, id.p, id.len);
	p->kcv.len = (uint8_t)kcv.len;
	memcpy(p->kcv.b, kcv.p, kcv.len);
	return check_id(&p->set);
}

enum err exchange_read(struct exchange_says *s, struct span package)
{
	struct package p;
	enum err e = parse(&p, package);

	if (e)
		return e;
	*s = (struct exchange_says){ .set = p.set, .kcv = p.kcv, .cert = p.cert };
	memcpy(s->recipient, p.recipient, sizeof s->recipient);
	return E_OK;
}

/* Who made it, and is it for this room? */
static enum err verify(struct cert *maker, uint8_t number[static 20], const struct package *p, struct room *r,
		       char why[static EXCHANGE_WHY])
{
	uint8_t digest[32];
	struct cert own;
	enum err e = check_cert(maker, number, r, p->cert, &r->kif_ca);

	if (e) {
		snprintf(why, EXCHANGE_WHY, "the certificate of the room that made it: %s", err_text(e));
		return e;
	}
	e = room_digest(digest, "keyroom/1 EXCHANGE", p->body);
	if (!e)
		e = p256_verify(p->sig, maker->point, digest);
	if (!e)
		e = check_cert(&own, digest, r, der_span(&r->own), &r->exchange_ca);
	if (!e)
		e = p256_spki_digest(digest, own.point);
	if (!e && memcmp(digest, p->recipient, sizeof digest) != 0) {
		snprintf(why, EXCHANGE_WHY, "the package is for another acquirer room");
		e = E_KEY;
	}
	return e;
}

enum err exchange_import(struct key_set *taken, char from[static CERT_TEXT], struct room *r, struct span package,
			 char why[static EXCHANGE_WHY])
{
	struct key_set s = { .period = taken->period };
	uint8_t ctx[32], number[20];
	struct package p;
	struct cert maker;
	struct worker *w;
	struct kcv kcv;
	enum err e;

	*why = 0;
	*from = 0;
	if (!r->own.len || !r->kif_ca.len || !r->exchange_ca.len)
		return E_NOT_READY;
	e = parse(&p, package);
	if (!e)
		e = check_scheme(p.set.scheme, r, why);
	if (!e)
		e = key_state_period_check(&s.period, why);
	if (!e)
		e = list_check(r, room_utc(), why);
	if (!e)
		e = verify(&maker, number, &p, r, why);
	if (!e)
		e = check_new(r->journal, &p.set, why);
	if (!e)
		e = room_digest(ctx, "keyroom/1 exchange", p.head);
	if (!e)
		e = room_worker(&w, r);
	if (e)
		return e;
	e = worker_take_bdk(w, &kcv, p.item, p.items, p.point, ctx, &p.set);
	/* The token has what the journal does not know: an import was cut off between the two. There is only this
	 * package, so it has to be possible again. */
	if (e == E_EXISTS) {
		e = worker_drop_bdk(w, &p.set);
		if (!e)
			e = worker_take_bdk(w, &kcv, p.item, p.items, p.point, ctx, &p.set);
	}
	if (e)
		return e;
	s.id = p.set;
	s.kcv = kcv;
	if (kcv.len != p.kcv.len || !ct_equal(kcv.b, p.kcv.b, kcv.len)) {
		snprintf(why, EXCHANGE_WHY, "the key's check value is not the one announced");
		return drop(r, &p.set, E_MAC);
	}
	e = exchange_keep(&s, r, &(struct key_set_origin){ .number = number, .name = maker.name }, why);
	if (e)
		return e;
	*taken = s;
	snprintf(from, CERT_TEXT, "%s", maker.name);
	return E_OK;
}
