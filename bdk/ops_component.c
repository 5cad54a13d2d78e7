#include "base/hex.h"
#include "base/wipe.h"
#include "bdk/exchange.h"
#include "bdk/kbpk.h"
#include "bdk/ops.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#define KCV_TEXT (2 * sizeof(struct kcv) + 1)

static void kcv_text(char out[static KCV_TEXT], const struct kcv *v)
{
	hex_encode(out, v->b, v->len);
}

static bool same_kcv(const struct kcv *a, struct span b)
{
	return a->len && a->len == b.len && !memcmp(a->b, b.p, b.len);
}

static struct giver giver(const struct ask *a)
{
	struct giver g = { .uid = a->peer->uid };

	snprintf(g.name, sizeof g.name, "%s", a->peer->who.name);
	return g;
}

/* A key's scheme by its name, or where it is a KBPK its algorithm. E_SCHEME, E_FORMAT (why) */
static enum err read_kind(struct entered *what, struct ask *a)
{
	char text[16];
	enum err e;

	memset(what, 0, sizeof *what);
	if (field_get(a->fields, F_ALGORITHM).p) {
		e = field_text(text, sizeof text, a->fields, F_ALGORITHM);
		if (!e)
			e = kbpk_type_parse(&what->kbpk.type, text);
		if (e)
			snprintf(a->why, sizeof a->why, "a KBPK's algorithm is 2TDEA, 3TDEA, AES128, AES192 or AES256");
		return e;
	}
	e = field_text(text, sizeof text, a->fields, F_SCHEME);
	if (!e)
		e = dukpt_scheme_parse(&what->set.scheme, text);
	what->set.len = dukpt_key_set_len(what->set.scheme);
	if (e)
		snprintf(a->why, sizeof a->why, "a scheme is tdes, aes128, aes192 or aes256");
	return e ? E_SCHEME : E_OK;
}

static const char not_entered[] = "no key is being entered by components: a custodian begins it, bdk import --components";

/* The entry that this request means, which has to be the one that its sender was shown. E_LAPSED */
static enum err under_way(struct ask *a)
{
	const struct components *x = &a->room->components;
	struct span hash = field_get(a->fields, F_HASH);

	if (x->number && hash.len == sizeof x->hash && !memcmp(hash.p, x->hash, sizeof x->hash))
		return E_OK;
	snprintf(a->why, sizeof a->why, "%s",
		 x->number	? "another key is being entered than the one that was shown" :
		 x->ended[0]	? x->ended :
				  not_entered);
	return E_LAPSED;
}

/* --- The entry ---------------------------------------------------------------------------------------------------- */

static enum err read_what(struct entered *what, struct ask *a)
{
	char text[ENTERED_NAME];
	enum err e = read_kind(what, a);

	if (e)
		return e;
	if (!what->set.len) {
		e = field_text(what->kbpk.name, sizeof what->kbpk.name, a->fields, F_KBPK);
		return e ? e : kbpk_new(a->room, what->kbpk.name, a->why);
	}
	e = field_text(text, sizeof text, a->fields, F_KEY_SET);
	if (!e)
		e = key_set_parse(&what->set, text, what->set.scheme);
	if (e)
		snprintf(a->why, sizeof a->why, "a key set is 10 hex digits beginning FFFF (tdes), or 8 (AES)");
	return e ? e : exchange_may_enter(a->room, &what->set, a->why);
}

static enum err read_paper(struct kcv *paper, struct ask *a, const struct entered *what)
{
	struct span v = field_get(a->fields, F_KCV);

	*paper = (struct kcv){ .len = 0 };
	if (!v.p)
		return E_OK;
	if (v.len != (entered_tdes(what) ? 3 : 5)) {
		snprintf(a->why, sizeof a->why, "a check value is 6 hex digits (TDES), or 10 (AES)");
		return E_FORMAT;
	}
	memcpy(paper->b, v.p, v.len);
	paper->len = (uint8_t)v.len;
	return E_OK;
}

static void put_what(struct record *answer, const struct entered *what)
{
	char name[ENTERED_NAME];

	entered_name(name, what);
	record_put_text(answer, what->set.len ? F_KEY_SET : F_KBPK, name);
	record_put_text(answer, what->set.len ? F_SCHEME : F_ALGORITHM, entered_kind(what));
}

enum err op_enter(struct ask *a)
{
	struct components *x = &a->room->components;
	struct giver by = giver(a);
	struct entered what;
	struct kcv paper;
	char name[ENTERED_NAME], kcv[KCV_TEXT];
	uint64_t n = 0;
	enum err e = read_what(&what, a);

	if (!e)
		e = read_paper(&paper, a, &what);
	if (!e)
		e = field_number(&n, a->fields, F_COUNT, UINT8_MAX);
	if (e)
		return e;
	entered_name(name, &what);
	kcv_text(kcv, &paper);
	snprintf(a->object, sizeof a->object, "%s (%s), %u components%s%s", name, entered_kind(&what), (unsigned)n,
		 *kcv ? ", check value on the paper " : "", kcv);
	e = components_begin(x, a->room->config.name, &what, (unsigned)n, &paper, &by, room_monotonic());
	if (e == E_EXISTS)
		snprintf(a->why, sizeof a->why,
			 "%s%sa key is being entered already: it ends when one of them leaves, or by bdk import --withdraw",
			 x->by.name, *x->by.name ? " has begun another one: " : "");
	if (e == E_RANGE)
		snprintf(a->why, sizeof a->why, "a key has 2 to 9 components");
	if (e)
		return e;
	a->entry = ENTRY_CHANGED;
	a->peer->enters = x->number;
	record_put(a->answer, F_HASH, SPAN(x->hash));
	return E_OK;
}

static void put_who(struct record *answer, const struct giver *g)
{
	char who[64];

	snprintf(who, sizeof who, "%s%suid %u", g->name, *g->name ? " " : "", (unsigned)g->uid);
	record_put_text(answer, F_WHO, who);
}

enum err op_entering(struct ask *a)
{
	struct components *x = &a->room->components;
	struct giver by = giver(a);
	const char *why;

	if (!x->number) { /* no refusal: whoever leads a ceremony asks it every second */
		record_put_text(a->answer, F_REASON, x->ended[0] ? x->ended : not_entered);
		return E_OK;
	}
	put_who(a->answer, &x->by);
	put_what(a->answer, &x->what);
	record_put_number(a->answer, F_COUNT, x->n);
	record_put_number(a->answer, F_GIVEN, x->given);
	if (x->paper.len)
		record_put(a->answer, F_KCV, (struct span){ x->paper.b, x->paper.len });
	record_put_number(a->answer, F_SECONDS, components_left(x, room_monotonic(), &why));
	record_put(a->answer, F_HASH, SPAN(x->hash));
	record_put_number(a->answer, F_USED, components_may_give(x, &by) == E_EXISTS);
	return E_OK;
}

/* Each component is another person's. E_DENIED, E_SEQUENCE */
static enum err may_give(struct ask *a)
{
	struct giver by = giver(a);
	enum err e = components_may_give(&a->room->components, &by);

	if (e == E_EXISTS)
		snprintf(a->why, sizeof a->why, "%s has given a component already: each is another person's", by.name);
	if (e == E_SEQUENCE)
		snprintf(a->why, sizeof a->why, "all components are in");
	return e == E_EXISTS ? E_DENIED : e;
}

/* It is wiped as soon as the connection brings another one, or goes. */
enum err op_component(struct ask *a)
{
	const struct components *x = &a->room->components;
	struct span given = field_get(a->fields, F_COMPONENT);
	struct kcv v;
	enum err e = under_way(a);

	wipe(&a->peer->typed, sizeof a->peer->typed);
	if (!e)
		e = may_give(a);
	if (!e && given.len != entered_len(&x->what)) {
		snprintf(a->why, sizeof a->why, "a component is %u hex digits", 2u * entered_len(&x->what));
		e = E_FORMAT;
	}
	if (e)
		return e;
	memcpy(a->peer->typed.b, given.p, given.len);
	a->peer->typed.len = (uint8_t)given.len;
	e = entered_kcv(&v, &x->what, &a->peer->typed);
	if (!e)
		record_put(a->answer, F_KCV, (struct span){ v.b, v.len });
	return e;
}

/* --- The key ------------------------------------------------------------------------------------------------------ */

/* All that was given goes to a worker: for the check value alone, which takes paper's place, or for the key with that one. */
static enum err join(struct kcv *paper, struct ask *a)
{
	struct components *x = &a->room->components;
	struct key part[COMPONENTS_MOST];
	struct key_set s = { .kcv.len = 0 };
	struct kbpk k = { .kcv.len = 0 };
	bool made = paper->len;
	enum err e;

	for (unsigned i = 0; i < x->given; i++)
		part[i] = x->part[i].key;
	if (x->what.set.len)
		e = exchange_enter(&s, a->room, &x->what.set, part, x->given, paper, a->why);
	else
		e = kbpk_enter(&k, a->room, &x->what.kbpk, part, x->given, paper, a->why);
	wipe(part, sizeof part);
	if (!e)
		*paper = x->what.set.len ? s.kcv : k.kcv;
	if (!e && made && x->what.set.len)
		a->made = x->what.set;
	else if (!e && made)
		memcpy(a->kbpk, x->what.kbpk.name, sizeof a->kbpk);
	return e;
}

/* The key's own record in the audit. */
static enum err note_taken(struct ask *a)
{
	const struct components *x = &a->room->components;
	char name[ENTERED_NAME], kcv[KCV_TEXT], object[96];

	entered_name(name, &x->what);
	kcv_text(kcv, &x->total);
	snprintf(object, sizeof object, "%s%s of %u components, check value %s", x->what.set.len ? "" : "KBPK ", name, x->n, kcv);
	return journal_audit(a->room->journal, "bdkd", "import", object, "");
}

/* The last word was spoken: there is the key, or everything is wiped. */
static enum err take(struct ask *a, const struct kcv *paper)
{
	struct components *x = &a->room->components;
	struct kcv value = *paper;
	enum err e = join(&value, a);

	if (e == E_MAC) {
		struct kcv found = { .len = 0 };
		char is[KCV_TEXT], was[KCV_TEXT];

		kcv_text(was, paper);
		if (join(&found, a))
			found.len = 0;
		kcv_text(is, &found);
		snprintf(a->why, sizeof a->why, "together they have check value %s, and on the paper stands %s: nothing is kept",
			 is, was);
	}
	if (!e) {
		x->total = value;
		a->entry = ENTRY_TAKEN;
		e = note_taken(a);
	}
	if (e)
		components_end(x, *a->why ? a->why : err_text(e));
	return e;
}

/* Who keeps the bag that this person brings: a name as media have it. */
static void keeper(char out[static PERSON_NAME], const struct ask *a)
{
	if (*a->peer->who.name)
		snprintf(out, PERSON_NAME, "%s", a->peer->who.name);
	else
		snprintf(out, PERSON_NAME, "uid-%u", (unsigned)a->peer->uid);
}

/* The bag that a component comes in is opened. One that nobody has recorded is recorded before: it is the next part. */
static enum err open_bag(struct ask *a, const char *number, const char *id)
{
	const struct components *x = &a->room->components;
	struct bag b, made = { .medium = BAG_COMPONENT, .part = (uint8_t)(x->given + 1), .parts = x->n, .purpose = "key entry" };
	enum err e = journal_bag(&b, a->room->journal, number);

	keeper(made.keeper, a);
	snprintf(made.number, sizeof made.number, "%s", number);
	snprintf(made.holds, sizeof made.holds, "%s", id);
	if (e == E_BAG) {
		b = made;
		e = ops_bag_made(a, &b);
	}
	if (!e && strcmp(b.keeper, made.keeper) != 0) {
		snprintf(a->why, sizeof a->why, "bag %s is kept by %s: each custodian gives what is in the own", number, b.keeper);
		e = E_BAG_STATE;
	}
	return e ? e : ops_bag_used(a, number, id, b.part, x->n);
}

enum err op_confirm(struct ask *a)
{
	struct components *x = &a->room->components;
	struct key *typed = &a->peer->typed;
	struct giver by = giver(a);
	char bag[BAG_NUMBER], name[ENTERED_NAME], kcv[KCV_TEXT];
	struct kcv own = { .len = 0 };
	enum err e = under_way(a);

	if (!e && !typed->len) {
		snprintf(a->why, sizeof a->why, "no component was typed before");
		e = E_SEQUENCE;
	}
	if (!e && field_text(bag, sizeof bag, a->fields, F_BAG)) {
		snprintf(a->why, sizeof a->why, "the bag that it came in has to be named, with up to %d characters", BAG_NUMBER - 1);
		e = E_FORMAT;
	}
	if (!e)
		e = entered_kcv(&own, &x->what, typed);
	if (!e && !same_kcv(&own, field_get(a->fields, F_KCV))) {
		snprintf(a->why, sizeof a->why, "another check value was confirmed than this component has");
		e = E_MAC;
	}
	if (!e)
		e = may_give(a);
	entered_name(name, &x->what);
	if (!e)
		e = open_bag(a, bag, name);
	if (!e)
		e = components_give(x, typed, &by, bag, room_monotonic());
	if (e == E_BAG_STATE && !*a->why)
		snprintf(a->why, sizeof a->why, "what came in bag %s is in already", bag);
	wipe(typed, sizeof *typed);
	if (e)
		return e;
	a->entry = ENTRY_CHANGED;
	a->peer->enters = x->number;
	kcv_text(kcv, &own);
	snprintf(a->object, sizeof a->object, "component %u of %u of %s, check value %s, bag %s", x->given, x->n, name, kcv, bag);
	record_put_number(a->answer, F_NUMBER, x->given);
	record_put_number(a->answer, F_COUNT, x->n);
	/* the last bag is open, whatever becomes of the key */
	if (x->given == x->n)
		e = journal_commit(a->room->journal);
	if (!e && x->given == x->n)
		e = journal_begin(a->room->journal);
	if (e)
		return e;
	if (components_whole(x))
		return take(a, &x->paper);
	if (x->given == x->n) {
		e = join(&x->total, a);
		if (e)
			components_end(x, *a->why ? a->why : err_text(e));
	}
	return e;
}

enum err op_agree(struct ask *a)
{
	struct components *x = &a->room->components;
	struct giver by = giver(a);
	char state[16], name[ENTERED_NAME], kcv[KCV_TEXT];
	enum err e = under_way(a);

	if (!e && (field_text(state, sizeof state, a->fields, F_STATE) || (strcmp(state, "agreed") && strcmp(state, "refused"))))
		e = E_FORMAT;
	if (!e && !same_kcv(&x->total, field_get(a->fields, F_KCV)))
		e = E_MAC;
	if (!e)
		e = components_agree(x, &by, room_monotonic());
	if (e)
		return e;
	a->entry = ENTRY_CHANGED;
	a->peer->agreed = x->number;
	entered_name(name, &x->what);
	kcv_text(kcv, &x->total);
	snprintf(a->object, sizeof a->object, "%s, check value %s: %s", name, kcv, state);
	if (!strcmp(state, "refused")) {
		char why[80];

		snprintf(why, sizeof why, "%s says that it is not the check value on the paper", *by.name ? by.name : "one of them");
		components_end(x, why);
		return E_OK;
	}
	return components_whole(x) ? take(a, &x->total) : E_OK;
}

enum err op_withdraw(struct ask *a)
{
	struct components *x = &a->room->components;
	struct giver by = giver(a);
	char name[ENTERED_NAME], why[64];

	if (!x->number)
		return under_way(a);
	entered_name(name, &x->what);
	snprintf(a->object, sizeof a->object, "%s, %u of %u components: wiped", name, x->given, x->n);
	snprintf(why, sizeof why, "%s has withdrawn it", *by.name ? by.name : "one of them");
	components_end(x, why);
	return E_OK;
}

/* --- What becomes of it ------------------------------------------------------------------------------------------- */

void ops_entry_written(struct ask *a, enum err e)
{
	struct components *x = &a->room->components;

	if (e)
		components_end(x, e == E_JOURNAL ? "it could not be written down" : err_text(e));
	else if (a->entry == ENTRY_TAKEN)
		components_end(x, "");
}

bool ops_entered(enum err *e, struct ask *a)
{
	const struct components *x = &a->room->components;
	struct peer *p = a->peer;

	*e = E_OK;
	if (p->enters == x->number) {
		if (!x->total.len || p->agreed == x->number)
			return false;
		record_put_text(a->answer, F_STATE, "agree");
		record_put(a->answer, F_KCV, (struct span){ x->total.b, x->total.len });
	} else if (p->enters == x->last && !x->ended[0]) {
		record_put_text(a->answer, F_STATE, "taken");
		put_what(a->answer, &x->what);
		record_put(a->answer, F_KCV, (struct span){ x->total.b, x->total.len });
	} else {
		snprintf(a->why, sizeof a->why, "%s: nothing was kept", p->enters == x->last ? x->ended : "it has ended");
		*e = E_LAPSED;
	}
	p->awaits = false;
	return true;
}

enum err op_entered(struct ask *a)
{
	enum err e = E_OK;

	if (!a->peer->enters) {
		snprintf(a->why, sizeof a->why, "this connection has given no component");
		return E_LAPSED;
	}
	if (!ops_entered(&e, a)) {
		a->peer->awaits = true;
		a->peer->stage = PEER_PENDS;
	}
	return e;
}

/* --- A fresh component -------------------------------------------------------------------------------------------- */

_Static_assert(ENTERED_NAME <= BAG_HOLDS, "a bag says which key it is for");

/* Random from the token and from OpenSSL, so that it is enough if one of them is good. */
static enum err fresh(struct key *k, struct ask *a, const struct entered *what)
{
	uint8_t token[sizeof k->b], own[sizeof k->b];
	struct worker *w;
	enum err e = room_worker(&w, a->room);

	k->len = entered_len(what);
	if (!e)
		e = worker_random(w, token, k->len);
	if (!e && RAND_priv_bytes(own, k->len) != 1)
		e = E_RANDOM;
	for (unsigned i = 0; !e && i < k->len; i++)
		k->b[i] = token[i] ^ own[i];
	if (!e && entered_tdes(what))
		clear_key_parity(k);
	wipe(token, sizeof token);
	wipe(own, sizeof own);
	return e;
}

/* The key that a fresh component is for, by the one name that it has. E_FORMAT */
static enum err read_whose(char holds[static ENTERED_NAME], struct entered *what, struct ask *a)
{
	char text[ENTERED_NAME];
	enum err e = field_text(text, sizeof text, a->fields, F_KEY_SET);

	if (!e && what->set.len)
		e = key_set_parse(&what->set, text, what->set.scheme);
	else if (!e)
		e = kbpk_name_ok(text) ? E_OK : E_FORMAT;
	if (!e && !what->set.len)
		memcpy(what->kbpk.name, text, sizeof what->kbpk.name);
	if (!e)
		entered_name(holds, what);
	return e ? E_FORMAT : E_OK;
}

/* Who was given one part of a key may have that part again, and no other: with all of them it would be the key. E_DENIED */
static enum err no_other_part(struct ask *a, const struct bag *b)
{
	struct bag had;
	uint64_t at = 0;
	enum err e = E_SHORT;

	while (*a->peer->who.name && !(e = journal_bag_next(&had, a->room->journal, &at))) {
		if ((had.medium != BAG_MAILER && had.medium != BAG_COMPONENT) || had.part == b->part ||
		    strcmp(had.holds, b->holds) != 0 || strcmp(had.keeper, b->keeper) != 0)
			continue;
		snprintf(a->why, sizeof a->why, "%s has component %u of %s already, bag %s: each is another person's", b->keeper,
			 had.part, b->holds, had.number);
		return E_DENIED;
	}
	return e == E_SHORT ? E_OK : e;
}

enum err op_mailer(struct ask *a)
{
	struct bag b = { .medium = BAG_MAILER, .purpose = "key entry" };
	char kcv[KCV_TEXT];
	uint64_t part = 0, parts = 0;
	struct entered what;
	struct giver by = giver(a);
	struct kcv v = { .len = 0 };
	struct key k = { .len = 0 };
	enum err e = read_kind(&what, a);

	if (!e && (field_text(b.number, sizeof b.number, a->fields, F_BAG) || read_whose(b.holds, &what, a) ||
		   field_number(&part, a->fields, F_PART, COMPONENTS_MOST) ||
		   field_number(&parts, a->fields, F_PARTS, COMPONENTS_MOST) || !part)) {
		snprintf(a->why, sizeof a->why, "which part of which key, and a bag of up to %d characters are needed",
			 BAG_NUMBER - 1);
		e = E_FORMAT;
	}
	b.part = (uint8_t)part;
	b.parts = (uint8_t)parts;
	keeper(b.keeper, a);
	if (!e)
		e = no_other_part(a, &b);
	if (!e)
		e = ops_bag_made(a, &b);
	if (!e)
		e = fresh(&k, a, &what);
	if (!e)
		e = entered_kcv(&v, &what, &k);
	if (!e) {
		kcv_text(kcv, &v);
		snprintf(a->object, sizeof a->object, "component %u of %u of %s (%s), check value %s, bag %s", b.part,
			 b.parts, b.holds, entered_kind(&what), kcv, b.number);
		put_who(a->answer, &by);
		record_put(a->answer, F_COMPONENT, (struct span){ k.b, k.len });
		record_put(a->answer, F_KCV, (struct span){ v.b, v.len });
	}
	wipe(&k, sizeof k);
	return e;
}
