#include "bdk/heads.h"
#include "bdk/ops.h"
#include "base/wipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char nobody[] = "this login is no custodian's of this room: bdk custodians tells whose are";

static enum err read_all(struct custody *c, struct ask *a)
{
	return custody_read(c, a->room->dir, a->room->config.name, a->why);
}

/* The split that counts in what people are told: the newest, or an older one (a change was cut off) that is complete. */
static struct share_of counted(const struct custody *c, const struct pieces *p, enum share_set set)
{
	struct share_of newest = { .m = 0 }, of;

	for (unsigned nth = 0; custody_of(&of, c, set, nth); nth++) {
		if (!nth)
			newest = of;
		if (pieces_count(p, &of) >= of.m)
			return of;
	}
	return newest;
}

/* Whose login that is in the newest split of the SO PIN, NULL: nobody's */
static const struct share *custodian(const struct custody *c, uid_t uid)
{
	struct share_of of;

	if (!custody_of(&of, c, SHARE_SO_PIN, 0))
		return NULL;
	for (unsigned i = 0; i < c->n; i++)
		if (c->share[i].of.set == SHARE_SO_PIN && c->share[i].of.generation == of.generation &&
		    c->share[i].uid == uid)
			return &c->share[i];
	return NULL;
}

/* A refusal of pieces_give() in words. */
static enum err refuse(struct ask *a, enum err e)
{
	if (e == E_DENIED)
		snprintf(a->why, sizeof a->why, "%s", nobody);
	if (e == E_EXISTS) {
		snprintf(a->why, sizeof a->why,
			 "this custodian has given his share already: another one, from his own login");
		e = E_DENIED;
	}
	if (e == E_PASSPHRASE)
		snprintf(a->why, sizeof a->why, "the passphrase is wrong, or this custodian's share is damaged");
	return e;
}

/* --- Unlocking ---------------------------------------------------------------------------------------------------- */

/* The shares of these generations go. What stays though it should go opens nothing any more. */
static void drop(const struct room *r, const struct custody *c, uint32_t from, uint32_t to)
{
	struct share_of of;
	enum err e;

	for (int set = 0; set < 2; set++)
		for (unsigned nth = 0; custody_of(&of, c, set ? SHARE_SO_PIN : SHARE_PIN, nth); nth++)
			if (of.generation >= from && of.generation <= to) {
				e = custody_drop(r->dir, of.generation);
				(void)e;
			}
}

/* Every PIN that is complete has one try, the newest first: there is a second only after a change that was cut off. A change
 * gives the token its PIN before its SO PIN, so what is newer than the PIN that the token takes never came into force, and
 * goes. What was given is wiped either way. */
static enum err unlock(struct ask *a, const struct custody *c)
{
	struct pieces given = a->room->given;
	uint8_t pin[SHARE_SECRET];
	struct share_of of = { .generation = 0 };
	enum err e = E_MAC;

	for (unsigned nth = 0; (e == E_MAC || e == E_PASSPHRASE) && custody_of(&of, c, SHARE_PIN, nth); nth++) {
		enum err whole = pieces_secret(pin, &given, &of);

		if (!whole)
			e = room_unlock(a->room, pin, a->why);
		wipe(pin, sizeof pin);
	}
	if (e == E_MAC)
		snprintf(a->why, sizeof a->why, "the shares do not fit together");
	if (e == E_PASSPHRASE)
		snprintf(a->why, sizeof a->why,
			 "the token does not take the PIN that the shares make; it is not tried again");
	pieces_wipe(&given);
	pieces_wipe(&a->room->given);
	/* A room is not open without a record of it. */
	if (!e) {
		e = heads_turn(a->room, "unlocked");
		if (e)
			room_lock(a->room);
		else
			drop(a->room, c, of.generation + 1, UINT32_MAX);
	}
	return e == E_PASSPHRASE || e == E_MAC ? E_TOKEN : e;
}

enum err op_unlock(struct ask *a)
{
	struct pieces *p = &a->room->given;
	struct custody c;
	struct share_of of, other;
	char name[SHARE_NAME];
	unsigned given;
	enum err e = read_all(&c, a);

	if (e)
		return e;
	if (!a->room->sealed) {
		snprintf(a->why, sizeof a->why, "the room is unlocked already");
		return E_DENIED;
	}
	e = pieces_give(p, name, &c, SHARE_PIN, a->peer->uid, field_get(a->fields, F_PASSPHRASE), room_monotonic());
	of = counted(&c, p, SHARE_PIN);
	given = pieces_count(p, &of);
	snprintf(a->object, sizeof a->object, "%s, %u of %u", *name ? name : "nobody", given, of.m);
	if (e)
		return refuse(a, e);
	if (given >= of.m)
		e = unlock(a, &c);
	if (e)
		return e;
	record_put_text(a->answer, F_NAME, name);
	record_put_number(a->answer, F_GIVEN, given);
	record_put_number(a->answer, F_NEEDED, of.m);
	record_put_number(a->answer, F_SEALED, a->room->sealed);
	if (custody_of(&other, &c, SHARE_PIN, 1))
		record_put_text(a->answer, F_REASON,
				"a change of custodians was cut off: make it again (bdk custodians --change)");
	else if (c.bad[0])
		record_put_text(a->answer, F_REASON, c.bad);
	return E_OK;
}

enum err op_lock(struct ask *a)
{
	struct custody c;
	bool may = !a->room->sealed;
	enum err e = may ? E_OK : read_all(&c, a);

	/* What custodians have given is theirs to wipe: nobody else keeps the room locked. */
	for (unsigned i = 0; !e && !may && i < c.n; i++)
		may = c.share[i].uid == a->peer->uid;
	if (!e && !may) {
		snprintf(a->why, sizeof a->why, "the room is locked already, and this login is no custodian's");
		e = E_DENIED;
	}
	if (e)
		return e;
	/* A journal that cannot be written does not keep it open. */
	e = a->room->sealed ? E_OK : heads_turn(a->room, "locking");
	room_lock(a->room);
	return e;
}

/* --- Who they are ------------------------------------------------------------------------------------------------- */

static void put_row(struct record *answer, const char *name, uid_t uid, const char *state)
{
	size_t row = record_open(answer, F_ROW);

	record_put_text(answer, F_NAME, name);
	record_put_number(answer, F_UID, uid);
	record_put_text(answer, F_STATE, state);
	record_close(answer, row);
}

static bool gave(const struct pieces *p, const struct share *s)
{
	for (unsigned i = 0; i < p->n; i++)
		if (p->got[i].of.set == s->of.set && p->got[i].of.generation == s->of.generation && p->got[i].x == s->x)
			return true;
	return false;
}

/* A change that nobody goes on with is forgotten. */
static struct custody_change *under_way(struct room *r)
{
	custody_change_tend(&r->change, room_monotonic());
	return r->change.until ? &r->change : NULL;
}

static const struct custodian_key *next_key(const struct custody_change *x, uid_t uid)
{
	for (unsigned i = 0; x && i < x->next.n; i++)
		if (x->next.who[i].uid == uid)
			return &x->key[i];
	return NULL;
}

enum err op_custodians(struct ask *a)
{
	const struct custody_change *x = under_way(a->room);
	struct share_of pin = { .m = 0 }, so = { .m = 0 };
	struct custody c;
	enum err e = read_all(&c, a);

	if (e)
		return e;
	pieces_tend(&a->room->given, room_monotonic());
	custody_of(&pin, &c, SHARE_PIN, 0);
	custody_of(&so, &c, SHARE_SO_PIN, 0);
	record_put_number(a->answer, F_NEEDED, pin.m);
	record_put_number(a->answer, F_SO_NEEDED, so.m);
	record_put_number(a->answer, F_SEALED, a->room->sealed);
	record_put_number(a->answer, F_CUSTODIAN, custodian(&c, a->peer->uid) != NULL);
	record_put_number(a->answer, F_NEXT, next_key(x, a->peer->uid) != NULL);
	for (unsigned i = 0; i < c.n; i++) {
		const struct share *s = &c.share[i];

		if (s->of.set == SHARE_PIN && s->of.generation == pin.generation)
			put_row(a->answer, s->custodian, s->uid, gave(&a->room->given, s) ? "has given" : "custodian");
	}
	if (x) {
		record_put(a->answer, F_HASH, SPAN(x->hash));
		record_put_number(a->answer, F_UID, x->by);
		record_put_number(a->answer, F_NEXT_NEEDED, x->next.m);
		record_put_number(a->answer, F_NEXT_SO_NEEDED, x->next.so_m);
	}
	for (unsigned i = 0; x && i < x->next.n; i++)
		put_row(a->answer, x->next.who[i].name, x->next.who[i].uid, x->key[i].made ? "next, has come" : "next");
	if (c.bad[0])
		record_put_text(a->answer, F_REASON, c.bad);
	ops_more(a->answer, false, 0);
	return E_OK;
}

/* --- Changing them ------------------------------------------------------------------------------------------------ */

static enum err withdraw(struct ask *a)
{
	const struct custody_change *x = under_way(a->room);

	snprintf(a->object, sizeof a->object, "withdrawn");
	if (!x || x->by != a->peer->uid) {
		snprintf(a->why, sizeof a->why, "this login has begun no change of custodians");
		return E_DENIED;
	}
	custody_change_wipe(&a->room->change);
	return E_OK;
}

enum err op_change(struct ask *a)
{
	char text[CUSTODIANS_TEXT], m[4], so_m[4] = "";
	struct custodians next;
	struct custody c;
	enum err e = read_all(&c, a);

	if (e)
		return e;
	if (!custodian(&c, a->peer->uid)) {
		snprintf(a->why, sizeof a->why, "%s", nobody);
		return E_DENIED;
	}
	if (!field_get(a->fields, F_CUSTODIANS).p)
		return withdraw(a);
	/* What somebody has agreed to is not put in another's place. */
	if (under_way(a->room) && !custody_change_open(&a->room->change, a->peer->uid)) {
		snprintf(a->why, sizeof a->why,
			 "uid %u has begun a change: it ends after ten minutes, or that login withdraws it (bdk custodians --withdraw)",
			 (unsigned)a->room->change.by);
		return E_EXISTS;
	}
	if (field_text(text, sizeof text, a->fields, F_CUSTODIANS) || field_text(m, sizeof m, a->fields, F_NEEDED) ||
	    (field_get(a->fields, F_SO_NEEDED).p && field_text(so_m, sizeof so_m, a->fields, F_SO_NEEDED)))
		return E_FORMAT;
	snprintf(a->object, sizeof a->object, "%.100s, %s of them", text, m);
	e = custodians_parse(&next, text, m, *so_m ? so_m : NULL, a->why);
	if (!e)
		e = custodians_check(&next, a->room->journal, a->why);
	if (e)
		return e;
	return custody_change_begin(&a->room->change, a->room->config.name, &next, a->peer->uid, room_monotonic());
}

/* The newest there is of either set, and how many. */
static uint32_t newest(const struct custody *c, unsigned *n)
{
	struct share_of of;
	uint32_t newest = 0;

	*n = 0;
	for (int set = 0; set < 2; set++) {
		unsigned nth = 0;

		while (custody_of(&of, c, set ? SHARE_SO_PIN : SHARE_PIN, nth)) {
			if (of.generation > newest)
				newest = of.generation;
			nth++;
		}
		if (nth > *n)
			*n = nth;
	}
	return newest;
}

/* The new shares are on the disk before the token has their PINs, and those that it had them of until the change is written
 * down: whenever this is cut off, either opens it. New ones that certainly do not come into force go at once. */
static enum err change(struct ask *a, const struct custody *c, const struct custody_change *x, const struct share_of *of)
{
	struct room *r = a->room;
	struct custody_secrets next;
	uint8_t so_pin[SHARE_SECRET];
	unsigned n;
	uint32_t generation = newest(c, &n) + 1;
	enum err e = pieces_secret(so_pin, &x->given, of);

	if (!e)
		e = custody_secrets_make(&next);
	if (!e)
		e = custodians_enter(&x->next, x->key, r->journal, c);
	if (!e) {
		bool tried = false;

		e = custody_write(r->dir, r->config.name, generation, &x->next, x->key, &next);
		if (!e) {
			tried = true;
			e = room_change_pins(r, so_pin, &next);
		}
		if (e && (!tried || e == E_PASSPHRASE)) {
			enum err dropped = custody_drop(r->dir, generation);

			(void)dropped;
		}
	}
	if (!e) {
		drop(r, c, 1, of->generation - 1);
		drop(r, c, of->generation + 1, generation - 1);
		a->shares = generation;
	}
	wipe(so_pin, sizeof so_pin);
	wipe(&next, sizeof next);
	return e;
}

/* Before anything is done: a token that has other PINs is not put back by a rollback. */
static enum err write_first(struct ask *a)
{
	enum err e = journal_audit(a->room->journal, "bdkd", "entrusting", a->object, "");

	if (!e)
		e = journal_commit(a->room->journal);
	return e ? e : journal_begin(a->room->journal);
}

/* As unlock() does with PINs. */
static enum err change_by(struct ask *a, const struct custody *c)
{
	struct custody_change *x = &a->room->change;
	struct share_of of;
	unsigned n;
	enum err e;

	newest(c, &n);
	if (n > 2) {
		snprintf(a->why, sizeof a->why,
			 "two changes before this one were cut off: unlock the room first, which tells whose shares are in force");
		e = E_DENIED;
	} else {
		e = write_first(a);
	}
	if (!e)
		e = E_SHORT;
	for (unsigned nth = 0; (e == E_SHORT || e == E_PASSPHRASE) && custody_of(&of, c, SHARE_SO_PIN, nth); nth++)
		if (pieces_count(&x->given, &of) >= of.m)
			e = change(a, c, x, &of);
	if (e == E_PASSPHRASE)
		snprintf(a->why, sizeof a->why,
			 "the token does not take the SO PIN that the shares make; it is not tried again");
	custody_change_wipe(x);
	return e == E_PASSPHRASE ? E_TOKEN : e;
}

/* All of the next ones have come, and enough of those who are it now. */
static bool complete(const struct custody *c, const struct custody_change *x, unsigned *came, struct share_of *of)
{
	*came = 0;
	for (unsigned i = 0; i < x->next.n; i++)
		*came += x->key[i].made;
	*of = counted(c, &x->given, SHARE_SO_PIN);
	return *came == x->next.n && pieces_count(&x->given, of) >= of->m;
}

/* Everything that speaks against this request, before anything of it is kept. key: of this login as a next one's, or NULL */
static enum err may_entrust(struct ask *a, const struct custody *c, const struct custody_change *x,
			    const struct custodian_key *key)
{
	struct span now = field_get(a->fields, F_PASSPHRASE), next = field_get(a->fields, F_NEW_PASSPHRASE),
		    hash = field_get(a->fields, F_HASH);

	a->why[0] = 0;
	if (!x)
		snprintf(a->why, sizeof a->why,
			 "no change of custodians is under way: one of them begins it with bdk custodians --change");
	else if (hash.len != sizeof x->hash || memcmp(hash.p, x->hash, sizeof x->hash) != 0)
		snprintf(a->why, sizeof a->why,
			 "another change of custodians is under way than the one that was shown: bdk entrust shows it");
	else if (next.p && (!key || key->made))
		snprintf(a->why, sizeof a->why, "%s",
			 key ? "this custodian has come already" : "this login is not among the next custodians'");
	if (a->why[0])
		return E_DENIED;
	if (!now.p && !next.p)
		return E_FORMAT;
	/* Whoever stays proves who he is before he gets a new share. */
	return next.p && !now.p && custodian(c, a->peer->uid) ? E_PASSPHRASE : E_OK;
}

enum err op_entrust(struct ask *a)
{
	struct custody_change *x = under_way(a->room);
	struct span now = field_get(a->fields, F_PASSPHRASE), next = field_get(a->fields, F_NEW_PASSPHRASE);
	struct custodian_key *key = (struct custodian_key *)next_key(x, a->peer->uid), made = { .made = false };
	char name[SHARE_NAME] = "";
	struct share_of of;
	struct custody c;
	unsigned came, given;
	bool whole;
	enum err e = read_all(&c, a);

	if (!e)
		e = may_entrust(a, &c, x, key);
	if (!e && next.p)
		e = custodian_key_make(&made, next);
	if (!e && now.p)
		e = pieces_give(&x->given, name, &c, SHARE_SO_PIN, a->peer->uid, now, room_monotonic());
	if (!e && next.p)
		*key = made;
	wipe(&made, sizeof made);
	if (e)
		return *a->why ? e : refuse(a, e);
	whole = complete(&c, x, &came, &of);
	given = pieces_count(&x->given, &of);
	snprintf(a->object, sizeof a->object, "uid %u: %u of %u give, %u of %u have come", (unsigned)a->peer->uid,
		 given, of.m, came, x->next.n);
	record_put_number(a->answer, F_GIVEN, given);
	record_put_number(a->answer, F_NEEDED, of.m);
	record_put_number(a->answer, F_USED, came);
	record_put_number(a->answer, F_LAST, x->next.n);
	record_put_text(a->answer, F_STATE, whole ? "changed" : "waiting");
	return whole ? change_by(a, &c) : E_OK;
}

void ops_shares(struct ask *a)
{
	struct custody c;

	if (!read_all(&c, a))
		drop(a->room, &c, 1, a->shares - 1);
}

void ops_unwritten(struct ask *a, uint16_t op)
{
	if (op == OP_UNLOCK)
		room_lock(a->room);
	custody_change_wipe(&a->room->change);
}
