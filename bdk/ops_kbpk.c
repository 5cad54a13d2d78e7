#include "base/hex.h"
#include "bdk/kbpk.h"
#include "bdk/ops.h"

#include <stdio.h>
#include <string.h>

/* What the audit calls a KBPK: its name, what it is, its check value, and under which other one it came or went. */
static void name_kbpk(struct ask *a, const struct kbpk *k, const char *how, const char *under)
{
	char kcv[2 * sizeof k->kcv.b + 1];

	hex_encode(kcv, k->kcv.b, k->kcv.len);
	snprintf(a->object, sizeof a->object, "KBPK %s (%s)%s%s, check value %s", k->id.name,
		 dukpt_key_kind(k->id.type)->name, how, under, kcv);
}

static void name_key_set(struct ask *a, const struct key_set *s, const char *how, const char *under)
{
	char id[KEY_SET_TEXT], kcv[2 * sizeof s->kcv.b + 1];

	key_set_text(id, &s->id);
	hex_encode(kcv, s->kcv.b, s->kcv.len);
	snprintf(a->object, sizeof a->object, "%s %s KBPK %s, check value %s", id, how, under, kcv);
}

/* A KBPK's name that has to be there; it is what the act is about until there is more to say. */
static enum err take_name(struct ask *a, char name[static KBPK_NAME], uint16_t tag)
{
	if (!field_text(name, KBPK_NAME, a->fields, tag) && kbpk_name_ok(name))
		return E_OK;
	name[0] = 0;
	snprintf(a->why, sizeof a->why, "a KBPK's name is a small letter, then letters, digits and dashes: %d at most",
		 KBPK_NAME - 1);
	return E_FORMAT;
}

/* The letter E, S or N; fallback where it is absent, 0 for anything else. */
static char take_letter(const struct ask *a, char fallback)
{
	struct span v = field_get(a->fields, F_EXPORTABILITY);

	return !v.p ? fallback : v.len == 1 ? (char)v.p[0] : 0;
}

static void put_letter(struct record *answer, uint16_t tag, char c)
{
	record_put_text(answer, tag, (char[]){ c, 0 });
}

static void put_kcv(struct record *answer, const struct kcv *kcv)
{
	record_put(answer, F_KCV, (struct span){ kcv->b, kcv->len });
}

static void put_block(struct record *answer, const struct kbpk_block *b)
{
	record_put(answer, F_BLOCK, (struct span){ (const uint8_t *)b->text, b->len });
}

/* --- KBPKs ---------------------------------------------------------------------------------------------------------- */

enum err op_kbpk_generate(struct ask *a)
{
	struct kbpk_id id = { .name = "" };
	char type[16], under[KBPK_NAME];
	bool given = field_get(a->fields, F_UNDER).p;
	struct kbpk_block block;
	struct kbpk made;
	enum err e = take_name(a, id.name, F_KBPK);

	if (!e && given)
		e = take_name(a, under, F_UNDER);
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "KBPK %s", id.name);
	e = field_text(type, sizeof type, a->fields, F_ALGORITHM);
	if (!e)
		e = kbpk_type_parse(&id.type, type);
	if (e) {
		snprintf(a->why, sizeof a->why, "a KBPK's algorithm is 2TDEA, 3TDEA, AES128, AES192 or AES256");
		return e;
	}
	e = kbpk_generate(&made, &block, a->room, &id, given ? under : NULL, take_letter(a, 'N'), a->why);
	if (e)
		return e;
	memcpy(a->kbpk, made.id.name, sizeof a->kbpk);
	name_kbpk(a, &made, given ? ", for whoever has KBPK " : "", given ? under : "");
	put_kcv(a->answer, &made.kcv);
	if (given)
		put_block(a->answer, &block);
	return E_OK;
}

enum err op_kbpk_import(struct ask *a)
{
	char name[KBPK_NAME], under[KBPK_NAME];
	struct kbpk taken;
	enum err e = take_name(a, name, F_KBPK);

	if (!e)
		e = take_name(a, under, F_UNDER);
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "KBPK %s under KBPK %s", name, under);
	e = kbpk_import(&taken, a->room, name, under, field_get(a->fields, F_BLOCK), a->why);
	if (e)
		return e;
	memcpy(a->kbpk, taken.id.name, sizeof a->kbpk);
	name_kbpk(a, &taken, " under KBPK ", under);
	record_put_text(a->answer, F_ALGORITHM, dukpt_key_kind(taken.id.type)->name);
	put_kcv(a->answer, &taken.kcv);
	put_letter(a->answer, F_MODE, taken.mode);
	put_letter(a->answer, F_EXPORTABILITY, taken.exportability);
	return E_OK;
}

enum err op_kbpk_list(struct ask *a)
{
	struct kbpk k;
	uint64_t at;
	bool full = false;
	enum err e = ops_since(&at, a);

	while (!e && !(full = ops_full(a->answer))) {
		size_t row;

		e = journal_kbpk_next(&k, a->room->journal, &at);
		if (e)
			break;
		row = record_open(a->answer, F_ROW);
		record_put_text(a->answer, F_KBPK, k.id.name);
		record_put_text(a->answer, F_ALGORITHM, dukpt_key_kind(k.id.type)->name);
		put_letter(a->answer, F_MODE, k.mode);
		put_letter(a->answer, F_EXPORTABILITY, k.exportability);
		record_put_text(a->answer, F_STATE, key_set_state_name(k.state));
		put_kcv(a->answer, &k.kcv);
		record_put_number(a->answer, F_USED, k.below);
		record_put_number(a->answer, F_TIME, k.utc);
		record_close(a->answer, row);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, at);
	return E_OK;
}

/* ... and why it is no more what it was */
static void name_ended(struct ask *a, const struct kbpk *k, const char *reason)
{
	size_t len;

	name_kbpk(a, k, "", "");
	len = strlen(a->object);
	if (*reason)
		snprintf(a->object + len, sizeof a->object - len, ": %s", reason);
}

/* What destroying and compromising say: which KBPK it was, and what had come in or gone out under it. */
static enum err put_end(struct ask *a, const struct kbpk *k, const char *reason)
{
	name_ended(a, k, reason);
	put_kcv(a->answer, &k->kcv);
	return ops_under_kbpk(a, k->id.name);
}

enum err ops_under_kbpk(struct ask *a, const char *kbpk)
{
	struct block_use use;
	uint64_t at = 0;
	enum err e = E_OK;

	while (!ops_full(a->answer) && !(e = journal_block_next(&use, a->room->journal, kbpk, &at))) {
		size_t row = record_open(a->answer, F_ROW);

		record_put_text(a->answer, F_OBJECT, use.key);
		record_put_number(a->answer, F_GIVEN, use.outward);
		record_close(a->answer, row);
	}
	return e == E_SHORT ? E_OK : e;
}

/* Which one, and why */
static enum err read_end(struct ask *a, char name[static KBPK_NAME], char reason[static CERT_TEXT])
{
	enum err e = take_name(a, name, F_KBPK);

	reason[0] = 0;
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "KBPK %s", name);
	if (field_get(a->fields, F_REASON).p)
		e = field_text(reason, CERT_TEXT, a->fields, F_REASON);
	if (e)
		snprintf(a->why, sizeof a->why, "a reason of 1 to %d characters is needed", CERT_TEXT - 1);
	return e;
}

static enum err end_kbpk(struct ask *a, enum err (*act)(struct kbpk *, struct room *, const char *, const char *,
							char why[static KBPK_WHY]))
{
	char name[KBPK_NAME], reason[CERT_TEXT];
	struct kbpk k;
	enum err e = read_end(a, name, reason);

	if (!e)
		e = act(&k, a->room, name, reason, a->why);
	return e ? e : put_end(a, &k, reason);
}

/* As op_destroy(): decided first, durable and in the audit by who decided it; only then the token. */
static enum err destroy(struct kbpk *k, struct room *r, struct ask *a, const char *name, const char *reason)
{
	enum err e = kbpk_decide(k, r, name, reason, a->why);

	if (e)
		return e;
	name_ended(a, k, reason);
	e = server_note(a, "kbpk-destroying", a->object);
	if (!e)
		e = journal_commit(r->journal);
	if (!e)
		e = journal_begin(r->journal);
	if (e)
		return e;
	e = kbpk_destroy(r, name);
	if (e)
		snprintf(a->why, sizeof a->why, "the token has not shown that KBPK %s is gone; it is used no more, and bdkd tries "
			 "again when it is started", name);
	return e;
}

enum err op_kbpk_destroy(struct ask *a)
{
	char name[KBPK_NAME], reason[CERT_TEXT];
	struct kbpk k;
	enum err e = read_end(a, name, reason);

	if (!e)
		e = destroy(&k, a->room, a, name, reason);
	return e ? e : put_end(a, &k, reason);
}

enum err op_kbpk_resume(struct ask *a)
{
	if (!field_get(a->fields, F_REASON).p) {
		snprintf(a->why, sizeof a->why, "a reason is needed: what became of the bag that suspended it");
		return E_FORMAT;
	}
	return end_kbpk(a, kbpk_resume);
}

enum err op_kbpk_compromise(struct ask *a)
{
	return end_kbpk(a, kbpk_compromise);
}

/* --- Key sets ------------------------------------------------------------------------------------------------------- */

enum err op_generate_block(struct ask *a)
{
	struct key_set_id set;
	char id[KEY_SET_TEXT], under[KBPK_NAME];
	struct kbpk_block block;
	struct key_set made;
	enum err e = take_name(a, under, F_UNDER);

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "under KBPK %s", under);
	e = ops_wanted(&set, a);
	if (!e)
		e = ops_period(&made.period, a);
	if (!e)
		e = kbpk_generate_key_set(&block, &made, a->room, &set, under, take_letter(a, 'N'), a->why);
	if (e)
		return e;
	a->made = made.id;
	key_set_text(id, &made.id);
	name_key_set(a, &made, "for whoever has", under);
	record_put_text(a->answer, F_KEY_SET, id);
	put_kcv(a->answer, &made.kcv);
	put_block(a->answer, &block);
	return E_OK;
}

enum err op_import_block(struct ask *a)
{
	char id[KEY_SET_TEXT], under[KBPK_NAME];
	bool named = field_get(a->fields, F_KEY_SET).p;
	struct key_set taken;
	struct block_use use;
	char label[KEY_LABEL];
	enum err e = take_name(a, under, F_UNDER);

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "under KBPK %s", under);
	if (named && field_text(id, sizeof id, a->fields, F_KEY_SET)) {
		snprintf(a->why, sizeof a->why, "a key set is 10 hex digits beginning FFFF (tdes), or 8 (AES)");
		return E_FORMAT;
	}
	e = ops_period(&taken.period, a);
	if (!e)
		e = kbpk_import_key_set(&taken, a->room, named ? id : NULL, under, field_get(a->fields, F_BLOCK), a->why);
	if (e)
		return e;
	a->made = taken.id;
	key_set_text(id, &taken.id);
	snprintf(label, sizeof label, "bdk-%s", id);
	e = journal_block_of(&use, a->room->journal, label);
	if (e)
		return E_JOURNAL;
	name_key_set(a, &taken, "under", under);
	record_put_text(a->answer, F_KEY_SET, id);
	record_put_text(a->answer, F_SCHEME, dukpt_scheme_name(taken.id.scheme));
	put_kcv(a->answer, &taken.kcv);
	put_letter(a->answer, F_EXPORTABILITY, use.exportability);
	return E_OK;
}
