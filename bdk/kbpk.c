#include "bdk/kbpk.h"
#include "base/host/fail.h"
#include "bdk/exchange.h"
#include "bdk/fingerprint.h"
#include "bdk/key_state.h"
#include "bdk/making.h"
#include "bdk/media.h"

#include <stdio.h>
#include <string.h>

_Static_assert(BLOCK_WHY <= KBPK_WHY && EXCHANGE_WHY <= KBPK_WHY, "sentences are handed on");
_Static_assert(BLOCK_MAX <= EXCHANGE_MAX, "a block is kept as a package");

static enum err say(char why[static KBPK_WHY], enum err e, const char *text)
{
	snprintf(why, KBPK_WHY, "%s", text);
	return e;
}

static void label_of(char label[static KEY_LABEL], const char *name)
{
	snprintf(label, KEY_LABEL, "kbpk-%.*s", KBPK_NAME - 1, name);
}

/* A KBPK of this room, whatever became of it. */
static enum err find(struct kbpk *k, struct room *r, const char *name, char why[static KBPK_WHY])
{
	enum err e = kbpk_name_ok(name) ? journal_kbpk(k, r->journal, name) : E_KBPK;

	return e == E_KBPK ? say(why, e, "there is no KBPK of that name in this room") : e;
}

static enum err active(const struct kbpk *k, char why[static KBPK_WHY])
{
	if (k->state == KEY_SET_ACTIVE)
		return E_OK;
	snprintf(why, KBPK_WHY, "KBPK %s is %s", k->id.name, key_set_state_name(k->state));
	return E_KBPK;
}

/* One that may do this: mode E wrap, D unwrap. */
static enum err find_for(struct kbpk *k, struct room *r, const char *name, char mode, char why[static KBPK_WHY])
{
	enum err e = find(k, r, name, why);

	if (!e)
		e = active(k, why);
	if (!e && k->mode != 'B' && k->mode != mode) {
		snprintf(why, KBPK_WHY, "KBPK %s has mode %c: it may only %s", name, k->mode,
			 k->mode == 'D' ? "unwrap" : "wrap");
		e = E_KBPK;
	}
	return e;
}

static enum err check_exportability(char c, char why[static KBPK_WHY])
{
	return c && strchr("ESN", c) ? E_OK : say(why, E_FORMAT, "an exportability is E, S or N");
}

/* ... and the key that is to go under it */
static enum err check_strength(const struct kbpk *under, bool tdes, size_t len, char why[static KBPK_WHY])
{
	if (kbpk_may_hold(under->id.type, tdes, len))
		return E_OK;
	snprintf(why, KBPK_WHY, "the key is stronger than KBPK %s (%s), which would protect it", under->id.name,
		 dukpt_key_kind(under->id.type)->name);
	return E_STRENGTH;
}

/* What a worker says of a block that has the right form. */
static enum err explain(enum err e, const struct block *b, const struct kbpk *under, char why[static KBPK_WHY])
{
	switch (e) {
	case E_MAC:
		snprintf(why, KBPK_WHY, "its MAC is wrong: it is not under KBPK %s, or was changed", under->id.name);
		break;
	case E_KEY:
		snprintf(why, KBPK_WHY,
			 "its MAC is right, but the key in it is none to go by, or its check values are others");
		break;
	case E_SCHEME:
		snprintf(why, KBPK_WHY, "no BDK has the length of the key in it");
		break;
	case E_RANGE:
		e = E_STRENGTH;
		snprintf(why, KBPK_WHY,
			 "BDKs for AES-192 and AES-256 are for test rooms, on tokens that make them (bdk probe)");
		break;
	case E_STRENGTH:
		snprintf(why, KBPK_WHY, "the key in it is stronger than KBPK %s (%s), which would protect it",
			 under->id.name, dukpt_key_kind(under->id.type)->name);
		break;
	case E_EXISTS:
		snprintf(why, KBPK_WHY, "the token holds a %s of that name that the journal does not know",
			 b->kbpk ? "KBPK" : "key set");
		break;
	default:
		break;
	}
	return e;
}

enum err kbpk_drop(struct room *r, const char *name)
{
	struct worker *w;

	return room_worker(&w, r) || worker_drop_kbpk(w, name) ? E_TOKEN : E_OK;
}

enum err kbpk_new(struct room *r, const char *name, char why[static KBPK_WHY])
{
	struct kbpk k;
	enum err e;

	if (!kbpk_name_ok(name))
		return say(why, E_KEY, "a KBPK's name is a small letter, then letters, digits and dashes: 15 at most");
	e = journal_kbpk(&k, r->journal, name);
	if (!e)
		return say(why, E_EXISTS, "that name was given before: names of KBPKs are given once");
	return e == E_KBPK ? E_OK : e;
}

/* As a key set: bdk/exchange.c */
static enum err hold_back(struct journal *j, const char *name)
{
	char reason[MEDIA_DOUBT], object[64];
	enum err e = media_doubt(reason, j, name);

	if (e || !*reason)
		return e;
	snprintf(object, sizeof object, "KBPK %s suspended: %s", name, reason);
	e = journal_kbpk_state(j, name, KEY_SET_SUSPENDED, reason);
	return e ? e : journal_audit(j, "bdkd", "state", object, "");
}

enum err kbpk_keep(struct kbpk *k, struct room *r, char why[static KBPK_WHY])
{
	char label[KEY_LABEL];
	enum err e = room_sync(r);

	label_of(label, k->id.name);
	if (!e)
		e = journal_begin(r->journal);
	if (!e)
		e = fingerprint_admit(r, label, why);
	if (!e)
		e = journal_kbpk_add(r->journal, k);
	if (!e)
		e = hold_back(r->journal, k->id.name);
	if (!e)
		e = making_end(r, label);
	if (!e)
		e = journal_commit(r->journal);
	if (e)
		journal_rollback(r->journal);
	if (!e)
		e = journal_kbpk(k, r->journal, k->id.name);
	return e && kbpk_drop(r, k->id.name) ? E_TOKEN : e;
}

/* --- KBPKs ------------------------------------------------------------------------------------------------------- */

/* In one transaction: the KBPK, and that it went under another. */
static enum err keep_under(struct kbpk *k, struct room *r, const struct block_use *use, char why[static KBPK_WHY])
{
	enum err e = journal_begin(r->journal);

	if (e)
		return kbpk_drop(r, k->id.name) ? E_TOKEN : e;
	e = kbpk_keep(k, r, why);
	if (!e && *use->kbpk) {
		e = journal_block_add(r->journal, use);
		if (e && kbpk_drop(r, k->id.name))
			e = E_TOKEN;
	}
	if (!e)
		return journal_commit(r->journal);
	journal_rollback(r->journal);
	return e;
}

enum err kbpk_generate(struct kbpk *made, struct kbpk_block *block, struct room *r, const struct kbpk_id *id,
		       const char *under, char exportability, char why[static KBPK_WHY])
{
	struct kbpk k = { .id = *id, .mode = 'B', .exportability = exportability }, by = { 0 };
	struct block_use use = { .outward = true, .exportability = exportability };
	struct kbpk_block out = { .len = 0 };
	struct worker *w;
	enum err e;

	*why = 0;
	e = kbpk_new(r, id->name, why);
	if (!e && !kbpk_len(id->type))
		e = E_KEY;
	if (!e)
		e = check_exportability(exportability, why);
	if (!e && under)
		e = find_for(&by, r, under, 'E', why);
	if (!e && under)
		e = check_strength(&by, kbpk_tdes(id->type), kbpk_len(id->type), why);
	if (!e)
		e = room_worker(&w, r);
	if (e)
		return e;
	label_of(use.key, id->name);
	e = making_begin(r, use.key);
	if (!e)
		e = worker_make_kbpk(w, &k.kcv, out.text, &out.len, id, under ? &by.id : NULL, exportability);
	if (e == E_EXISTS)
		snprintf(why, KBPK_WHY, "the token holds a KBPK %s that the journal does not know", id->name);
	if (e)
		return e;
	snprintf(use.kbpk, sizeof use.kbpk, "%s", under ? under : "");
	e = keep_under(&k, r, &use, why);
	if (e)
		return e;
	*made = k;
	*block = out;
	return E_OK;
}

enum err kbpk_enter(struct kbpk *made, struct room *r, const struct kbpk_id *id, const struct key part[], uint8_t parts,
		    const struct kcv *paper, char why[static KBPK_WHY])
{
	struct kbpk k = { .id = *id, .mode = 'B', .exportability = 'N' };
	struct worker *w;
	enum err e;

	*why = 0;
	e = kbpk_new(r, id->name, why);
	if (!e)
		e = room_worker(&w, r);
	if (e)
		return e;
	e = worker_enter_kbpk(w, &k.kcv, part, parts, id, paper);
	/* as exchange_enter() */
	if (e == E_EXISTS) {
		e = worker_drop_kbpk(w, id->name);
		if (!e)
			e = worker_enter_kbpk(w, &k.kcv, part, parts, id, paper);
	}
	if (e == E_KEY)
		say(why, e, "two components are the same, one is zero, or together they make a weak key");
	if (!e && paper->len)
		e = kbpk_keep(&k, r, why);
	if (!e)
		*made = k;
	return e;
}

enum err kbpk_import(struct kbpk *taken, struct room *r, const char *name, const char *under, struct span text,
		     char why[static KBPK_WHY])
{
	struct kbpk k = { .mode = 0 }, by;
	struct block_use use = { .outward = false };
	struct block b;
	struct worker *w;
	enum err e;

	*why = 0;
	e = kbpk_new(r, name, why);
	if (!e)
		e = find_for(&by, r, under, 'D', why);
	if (!e)
		e = block_read(&b, text, why);
	if (!e && !b.kbpk)
		e = say(why, E_SCHEME, "it holds a BDK, and no KBPK: bdk import takes it");
	if (!e && !b.tdes)
		e = check_strength(&by, false, 16, why);
	if (!e)
		e = room_worker(&w, r);
	if (e)
		return e;
	snprintf(k.id.name, sizeof k.id.name, "%s", name);
	e = worker_take_kbpk_block(w, &k.kcv, &k.id, text, &by.id);
	/* an import was cut off between token and journal: there may be only this block, so it has to be possible
	 * again */
	if (e == E_EXISTS) {
		e = kbpk_drop(r, name);
		if (!e)
			e = room_worker(&w, r);
		if (!e)
			e = worker_take_kbpk_block(w, &k.kcv, &k.id, text, &by.id);
	}
	if (e)
		return explain(e, &b, &by, why);
	k.mode = b.mode;
	k.exportability = use.exportability = b.exportability;
	snprintf(use.kbpk, sizeof use.kbpk, "%s", under);
	label_of(use.key, name);
	e = keep_under(&k, r, &use, why);
	if (!e)
		*taken = k;
	return e;
}

enum err kbpk_decide(struct kbpk *k, struct room *r, const char *name, const char *reason, char why[static KBPK_WHY])
{
	enum err e;

	*why = 0;
	e = find(k, r, name, why);
	if (!e && k->state == KEY_SET_DESTROYED)
		return active(k, why);
	if (!e)
		e = journal_kbpk_state(r->journal, name, KEY_SET_DESTROYED, reason);
	if (!e)
		e = journal_kbpk(k, r->journal, name);
	return e;
}

enum err kbpk_destroy(struct room *r, const char *name)
{
	struct worker *w;
	enum err e = E_OK;

	/* each knows handles of its own */
	for (unsigned i = 0; !e && i < r->config.workers; i++) {
		e = room_worker_at(&w, r, i);
		if (!e)
			e = worker_drop_kbpk(w, name);
	}
	if (!e && room_sync(r))
		e = E_TOKEN;
	return e ? E_TOKEN : E_OK;
}

/* One that is in the token although it was destroyed, once more, and the audit says so. */
static enum err open_destroyed(struct room *r, const char *name)
{
	uint8_t fp[FINGERPRINT];
	char label[KEY_LABEL], object[128];
	bool published;
	struct worker *w;

	label_of(label, name);
	if (!room_worker(&w, r) && worker_fingerprint(w, fp, &published, label) == E_KEY)
		return E_OK;
	if (kbpk_destroy(r, name)) {
		fail_why(E_TOKEN, "is not shown to be destroyed", "start bdkd again", "KBPK %s", name);
		return E_OK;
	}
	snprintf(object, sizeof object,
		 "KBPK %s, left by a crash or in a copy of the token that was put back: the token has it no more", name);
	return journal_audit(r->journal, "bdkd", "kbpk-destroy", object, "");
}

enum err kbpk_open(struct room *r)
{
	struct kbpk k;
	uint64_t at = 0;
	enum err e;

	while (!(e = journal_kbpk_next(&k, r->journal, &at))) {
		e = k.state == KEY_SET_DESTROYED ? open_destroyed(r, k.id.name) : E_OK;
		if (e)
			return e;
	}
	return e == E_SHORT ? E_OK : e;
}

enum err kbpk_resume(struct kbpk *k, struct room *r, const char *name, const char *reason, char why[static KBPK_WHY])
{
	enum err e;

	*why = 0;
	e = find(k, r, name, why);
	if (!e && k->state != KEY_SET_SUSPENDED) {
		snprintf(why, KBPK_WHY, "KBPK %s is %s, and not suspended", name, key_set_state_name(k->state));
		e = E_KBPK;
	}
	if (!e)
		e = journal_kbpk_state(r->journal, name, KEY_SET_ACTIVE, reason);
	if (!e)
		e = journal_kbpk(k, r->journal, name);
	return e;
}

enum err kbpk_compromise(struct kbpk *k, struct room *r, const char *name, const char *reason,
			 char why[static KBPK_WHY])
{
	enum err e;

	*why = 0;
	e = find(k, r, name, why);
	if (!e && k->state != KEY_SET_SUSPENDED)
		e = active(k, why);
	if (!e)
		e = journal_kbpk_state(r->journal, name, KEY_SET_COMPROMISED, reason);
	if (!e)
		e = journal_kbpk(k, r->journal, name);
	return e;
}

/* --- Key sets ---------------------------------------------------------------------------------------------------- */

/* As keep_under() */
static enum err keep_key_set(struct key_set *s, struct room *r, const struct key_set_origin *from,
			     const struct block_use *use, char why[static KBPK_WHY])
{
	enum err e = journal_begin(r->journal);

	if (e)
		return exchange_drop(r, &s->id) ? E_TOKEN : e;
	e = exchange_keep(s, r, from, why);
	if (!e) {
		e = journal_block_add(r->journal, use);
		if (e && exchange_drop(r, &s->id))
			e = E_TOKEN;
	}
	if (!e)
		return journal_commit(r->journal);
	journal_rollback(r->journal);
	return e;
}

enum err kbpk_generate_key_set(struct kbpk_block *block, struct key_set *made, struct room *r, struct key_set_id *set,
			       const char *under, char exportability, char why[static KBPK_WHY])
{
	struct key_set s = { .id = *set, .period = made->period };
	struct block_use use = { .outward = true, .exportability = exportability };
	struct key_set_origin from = { .package.len = 0 };
	struct kbpk_block out = { .len = 0 };
	struct kbpk by;
	char text[KEY_SET_TEXT];
	struct worker *w;
	enum err e;

	*why = 0;
	e = exchange_ready(r, why);
	if (!e)
		e = key_state_period_check(&s.period, why);
	if (!e)
		e = check_exportability(exportability, why);
	if (!e)
		e = find_for(&by, r, under, 'E', why);
	if (!e)
		e = exchange_name(&s.id, r, why);
	if (!e)
		e = check_strength(&by, s.id.scheme == DUKPT_TDES, dukpt_key_len(s.id.scheme), why);
	if (!e)
		e = room_worker(&w, r);
	if (e)
		return e;
	key_set_text(text, &s.id);
	snprintf(use.key, sizeof use.key, "bdk-%s", text);
	e = making_begin(r, use.key);
	if (!e)
		e = worker_make_bdk_block(w, &s.kcv, out.text, &out.len, &s.id, &by.id, exportability);
	if (e == E_EXISTS)
		snprintf(why, KBPK_WHY, "the token holds keys of key set %s that the journal does not know", text);
	if (e)
		return e;
	from.package = (struct span){ (const uint8_t *)out.text, out.len };
	snprintf(use.kbpk, sizeof use.kbpk, "%s", under);
	e = keep_key_set(&s, r, &from, &use, why);
	if (e)
		return e;
	*made = s;
	*set = s.id;
	*block = out;
	return E_OK;
}

/* The id: what was asked for, or what the block says; both where they are the same. */
static enum err name_taken(struct key_set_id *set, const struct block *b, const char *id, char why[static KBPK_WHY])
{
	enum dukpt_scheme family = b->tdes ? DUKPT_TDES : DUKPT_AES128;
	char text[KEY_SET_TEXT];

	*set = b->set;
	if (!id && !b->set.len)
		return say(why, E_FORMAT, "it does not say of which key set it is: name it with --id");
	if (id && key_set_parse(set, id, family))
		return say(why, E_FORMAT, "a key set's id is 10 hex digits beginning FFFF (tdes), or 8 (AES)");
	if (b->set.len && memcmp(b->set.b, set->b, sizeof set->b)) {
		key_set_text(text, &b->set);
		snprintf(why, KBPK_WHY, "it says that it is of key set %s", text);
		return E_FORMAT;
	}
	set->scheme = family;
	return E_OK;
}

enum err kbpk_import_key_set(struct key_set *taken, struct room *r, const char *id, const char *under, struct span text,
			     char why[static KBPK_WHY])
{
	const uint8_t most = exchange_most(r);
	struct key_set s = { .period = taken->period };
	struct block_use use = { .outward = false };
	struct key_set_origin from = { .package.len = 0 };
	struct kbpk by;
	struct block b;
	char name[KEY_SET_TEXT];
	struct worker *w;
	enum err e;

	*why = 0;
	e = exchange_ready(r, why);
	if (!e)
		e = key_state_period_check(&s.period, why);
	if (!e)
		e = find_for(&by, r, under, 'D', why);
	if (!e)
		e = block_read(&b, text, why);
	if (!e && b.kbpk)
		e = say(why, E_SCHEME, "it holds a KBPK, and no BDK: bdk kbpk import takes it");
	if (!e && !b.tdes)
		e = check_strength(&by, false, 16, why);
	if (!e)
		e = name_taken(&s.id, &b, id, why);
	if (!e)
		e = exchange_name(&s.id, r, why);
	if (!e)
		e = room_worker(&w, r);
	if (e)
		return e;
	e = worker_take_bdk_block(w, &s.kcv, &s.id, most, text, &by.id);
	/* as in kbpk_import() */
	if (e == E_EXISTS) {
		e = worker_drop_bdk(w, &s.id);
		if (!e)
			e = worker_take_bdk_block(w, &s.kcv, &s.id, most, text, &by.id);
	}
	if (e)
		return explain(e, &b, &by, why);
	key_set_text(name, &s.id);
	use.exportability = b.exportability;
	snprintf(use.kbpk, sizeof use.kbpk, "%s", under);
	snprintf(use.key, sizeof use.key, "bdk-%s", name);
	e = keep_key_set(&s, r, &from, &use, why);
	if (!e)
		*taken = s;
	return e;
}

enum err kbpk_may_repeat(struct room *r, const char *id, char why[static KBPK_WHY])
{
	char label[KEY_LABEL];
	struct block_use use;
	struct kbpk k;
	enum err e;

	*why = 0;
	snprintf(label, sizeof label, "bdk-%.10s", id);
	e = journal_block_of(&use, r->journal, label);
	if (e)
		return e == E_SHORT ? E_OK : e;
	e = find(&k, r, use.kbpk, why);
	return e ? e : active(&k, why);
}
