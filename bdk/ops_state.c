#include "bdk/destroy.h"
#include "bdk/exchange.h"
#include "bdk/key_state.h"
#include "bdk/media.h"
#include "bdk/ops.h"
#include "base/hex.h"

#include <stdio.h>
#include <string.h>

/* F_KEY_SET. a->object is its id, also of one that is not here: a refusal names it. */
static enum err read_key_set(struct key_set *s, char id[static KEY_SET_TEXT], struct ask *a)
{
	if (!field_text(id, KEY_SET_TEXT, a->fields, F_KEY_SET))
		snprintf(a->object, sizeof a->object, "%s", id);
	return ops_key_set(s, a, a->fields, F_KEY_SET);
}

/* F_KEY_SET, and F_REASON, which some may leave out. a->object is the id. */
static enum err read_both(struct key_set *s, char id[static KEY_SET_TEXT], char reason[static CERT_TEXT], struct ask *a,
			  bool needed)
{
	enum err e = read_key_set(s, id, a);

	*reason = 0;
	if (e)
		return e;
	if (!needed && !field_get(a->fields, F_REASON).p)
		return E_OK;
	e = field_text(reason, CERT_TEXT, a->fields, F_REASON);
	if (!e && !*reason)
		e = E_FORMAT;
	if (e)
		snprintf(a->why, sizeof a->why, "a reason of 1 to %d characters is needed", CERT_TEXT - 1);
	return e;
}

/* The state that it is in now, which its period has a part in, in the audit with the reason, and as the answer */
static enum err say_state(struct ask *a, const char *id, const char *reason)
{
	struct key_set s;
	const char *state;
	enum err e = journal_key_set(&s, a->room->journal, id);

	if (e)
		return e;
	state = key_set_state_name(key_state_at(&s, room_utc()));
	snprintf(a->object, sizeof a->object, "%s %s%s%s", id, state, *reason ? ": " : "", reason);
	record_put_text(a->answer, F_STATE, state);
	return E_OK;
}

/* What a bag has suspended comes back, also if only to be recovered, with a word on what became of that. */
static enum err check_resume(struct ask *a, const struct key_set *s, const char *id, const char *reason)
{
	struct bag b;
	enum err e;

	if (s->state != KEY_SET_SUSPENDED || *reason)
		return E_OK;
	e = media_suspect(&b, a->room->journal, id);
	if (e)
		return e == E_SHORT ? E_OK : e;
	snprintf(a->why, sizeof a->why, "a reason is needed: bag %s, which holds a part of it, is %s", b.number,
		 media_condition_name(b.condition));
	return E_FORMAT;
}

enum err op_state(struct ask *a)
{
	char id[KEY_SET_TEXT], reason[CERT_TEXT], name[16];
	enum key_set_state to;
	struct key_set s;
	enum err e = read_both(&s, id, reason, a, false);

	if (!e)
		e = field_text(name, sizeof name, a->fields, F_STATE);
	if (e)
		return e;
	if (key_state_parse(&to, name)) {
		snprintf(a->why, sizeof a->why, "a state is active, suspended or deactivated");
		return E_FORMAT;
	}
	e = check_resume(a, &s, id, reason);
	if (!e)
		e = key_state_go(a->room, id, to, OP_STATE, reason, a->why);
	return e ? e : say_state(a, id, reason);
}

enum err op_compromise(struct ask *a)
{
	char id[KEY_SET_TEXT], reason[CERT_TEXT];
	struct key_set s;
	enum err e = read_both(&s, id, reason, a, true);

	if (!e)
		e = key_state_go(a->room, id, KEY_SET_COMPROMISED, OP_COMPROMISE, reason, a->why);
	if (e)
		return e;
	recover_forget(a->recover, &s.id);
	return say_state(a, id, reason);
}

enum err op_period(struct ask *a)
{
	char id[KEY_SET_TEXT], reason[CERT_TEXT], from[SEAL_TIME], until[SEAL_TIME] = "no end";
	enum key_set_state now;
	struct period p;
	struct key_set s;
	enum err e = read_both(&s, id, reason, a, false);

	if (!e)
		e = ops_period(&p, a);
	if (!e)
		e = key_state_period(a->room, id, &p, a->why);
	if (!e)
		e = journal_key_set(&s, a->room->journal, id);
	if (e)
		return e;
	now = key_state_at(&s, room_utc());
	snprintf(from, sizeof from, "%s", now == KEY_SET_PRE_ACTIVE ? "its activation" : "now");
	if (p.from)
		seal_time(from, p.from);
	if (p.until)
		seal_time(until, p.until);
	snprintf(a->object, sizeof a->object, "%s from %s until %s", id, from, until);
	record_put_text(a->answer, F_STATE, key_set_state_name(now));
	return E_OK;
}

/* --- Destruction -------------------------------------------------------------------------------------------------- */

/* From here on it is destroyed, whatever comes: durable, and in the audit by who decided it. What it had left in, under a
 * KBPK of this very token perhaps, is wiped with it. */
static enum err decide(struct destruction *d, struct ask *a, const struct key_set *s, const char *id,
		       const char *reason)
{
	struct journal *j = a->room->journal;
	char object[128], kcv[2 * sizeof s->kcv.b + 1];
	struct audit record;
	enum err e = key_state_go(a->room, id, KEY_SET_DESTROYED, OP_DESTROY, reason, a->why);

	hex_encode(kcv, s->kcv.b, s->kcv.len);
	snprintf(object, sizeof object, "%s, check value %s: %s", id, kcv, reason);
	if (!e)
		e = server_note(a, DESTROYED_DECIDED, object);
	if (!e)
		e = journal_audit_head(&record, j);
	if (e)
		return e;
	*d = (struct destruction){ .decided = record.sequence };
	snprintf(d->id, sizeof d->id, "%s", id);
	e = journal_destruction_put(j, d);
	if (!e)
		e = journal_package_wipe(j, id);
	if (!e)
		e = journal_commit(j);
	if (e)
		return e;
	journal_checkpoint(j);
	return journal_begin(j);
}

enum err op_destroy(struct ask *a)
{
	char id[KEY_SET_TEXT], reason[CERT_TEXT];
	struct journal *j = a->room->journal;
	struct destruction d;
	struct audit head;
	struct key_set s;
	enum err e = read_both(&s, id, reason, a, true);

	if (e)
		return e;
	e = journal_destruction(&d, j, id);
	if (e == E_SHORT)
		e = decide(&d, a, &s, id, reason);
	else if (!e && d.proved)
		e = key_state_go(a->room, id, KEY_SET_DESTROYED, OP_DESTROY, reason, a->why); /* it is already */
	if (e)
		return e;
	recover_forget(a->recover, &s.id);
	e = destroy_token(a->room, &s.id);
	if (e) {
		snprintf(a->why, sizeof a->why,
			 "the token has not shown that key set %s is gone; it is used no more, and bdkd tries again "
			 "when it is started",
			 id);
		return e;
	}
	snprintf(a->object, sizeof a->object,
		 "%s, the token has it no more: no search finds it, nothing derives from it", id);
	e = journal_audit_head(&head, j);
	d.proved = head.sequence + 1; /* this act's own record is the next */
	if (!e)
		e = journal_destruction_put(j, &d);
	record_put_text(a->answer, F_STATE, key_set_state_name(KEY_SET_DESTROYED));
	return e;
}

enum err op_destroyed(struct ask *a)
{
	char id[KEY_SET_TEXT], text[DESTROYED_MAX];
	struct destroyed d;
	struct key_set s;
	size_t len = 0;
	enum err e = read_key_set(&s, id, a);

	if (!e)
		e = destroy_certificate(&d, a->room, id, a->why);
	if (!e)
		e = destroyed_text(text, &len, &d);
	if (e == E_FORMAT)
		e = E_JOURNAL; /* the audit's records are not those that the journal says */
	return e ? e : ops_sign(a, text, len);
}

/* --- What is there to see ----------------------------------------------------------------------------------------- */

enum err op_life(struct ask *a)
{
	struct key_life l;
	char id[KEY_SET_TEXT];
	struct key_set s;
	uint64_t at;
	bool full = false;
	enum err e = read_key_set(&s, id, a);

	if (!e)
		e = ops_since(&at, a);
	while (!e && !(full = ops_full(a->answer))) {
		size_t row;

		e = journal_key_set_life(&l, a->room->journal, id, &at);
		if (e)
			break;
		row = record_open(a->answer, F_ROW);
		record_put_text(a->answer, F_STATE, key_set_state_name(l.state));
		record_put_number(a->answer, F_TIME, l.utc);
		record_put_text(a->answer, F_REASON, l.reason);
		record_close(a->answer, row);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, at);
	return E_OK;
}

/* One row, of the first device id at or above *id, which is then the next. E_SHORT (no more) */
static enum err put_load(struct ask *a, const struct key_set_id *set, uint64_t *id)
{
	struct load l;
	enum err e = journal_load_below(&l, a->room->journal, set, *id);

	if (e)
		return e;
	ops_facts(a->answer, &l);
	*id = (uint64_t)l.id + 1;
	return E_OK;
}

static enum err put_handed(struct ask *a, const struct key_set_id *set, uint64_t *id)
{
	struct handed h;
	struct ksn at;
	size_t row;
	enum err e = *id > dukpt_device_max(set->scheme) ? E_SHORT : ksn_make(&at, set->scheme, set->b, (uint32_t)*id);

	if (!e)
		e = journal_handed_from(&h, a->room->journal, &at);
	if (!e && memcmp(ksn_key_set(&h.iksn).p, set->b, set->len) != 0)
		e = E_SHORT;
	if (e)
		return e;
	row = record_open(a->answer, F_ROW);
	record_put(a->answer, F_KSN, (struct span){ h.iksn.b, h.iksn.len });
	record_put_text(a->answer, F_SERIAL, h.serial);
	record_put_text(a->answer, F_REASON, h.refused);
	record_close(a->answer, row);
	*id = (uint64_t)ksn_device(&h.iksn) + 1;
	return E_OK;
}

static void put_also(struct ask *a, const char *what, const char *name)
{
	char text[96];
	size_t row = record_open(a->answer, F_ROW);

	snprintf(text, sizeof text, "%s%s", what, name);
	record_put_text(a->answer, F_OBJECT, text);
	record_close(a->answer, row);
}

/* Where else the key is, or may be: who made it, what it came or left in, what goes on with its ids. */
static enum err put_kin(struct ask *a, const struct key_set_id *set)
{
	uint8_t bytes[EXCHANGE_MAX], number[20];
	char id[KEY_SET_TEXT], label[KEY_LABEL], name[CERT_TEXT];
	struct journal *j = a->room->journal;
	struct key_set_id next;
	struct block_use use;
	size_t len;
	enum err e;

	key_set_text(id, set);
	snprintf(label, sizeof label, "bdk-%s", id);
	e = journal_maker(number, name, j, id);
	if (!e)
		put_also(a, "came in a package of ", name);
	if (!e || e == E_KEY_SET)
		e = journal_block_of(&use, j, label);
	if (!e) {
		put_also(a, use.outward ? "left in a key block under KBPK " : "came in a key block under KBPK ",
			 use.kbpk);
	} else if (e == E_SHORT) {
		e = journal_package(bytes, &len, sizeof bytes, j, id);
		if (!e)
			put_also(a, "left in a package for an acquirer room", "");
	}
	if (!e || e == E_KEY_SET)
		e = journal_follower(&next, j, set);
	if (!e) {
		key_set_text(id, &next);
		put_also(a, "is followed by key set ", id);
	}
	return e == E_SHORT ? E_OK : e;
}

enum err op_below(struct ask *a)
{
	bool full = false, loads = a->room->config.purpose == ROOM_LOAD;
	char name[KEY_SET_TEXT];
	struct key_set s;
	uint64_t id;
	enum err e = read_key_set(&s, name, a);

	if (!e)
		e = ops_since(&id, a);
	if (!e)
		record_put_text(a->answer, F_STATE, key_set_state_name(key_state_at(&s, room_utc())));
	if (!e && !id)
		e = put_kin(a, &s.id);
	while (!e && !(full = ops_full(a->answer)))
		e = loads ? put_load(a, &s.id, &id) : put_handed(a, &s.id, &id);
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, id);
	return E_OK;
}
