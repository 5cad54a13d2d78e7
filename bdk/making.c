#include "bdk/making.h"
#include "base/host/fail.h"

#include <stdio.h>
#include <string.h>

enum err making_begin(struct room *r, const char *label)
{
	uint8_t fp[FINGERPRINT];
	bool published;
	struct worker *w;
	enum err e = room_worker(&w, r);

	if (!e)
		e = worker_fingerprint(w, fp, &published, label);
	if (e != E_KEY)
		return !e || e == E_SCHEME ? E_EXISTS : e;
	e = journal_making(r->journal, label);
	if (e || !journal_begun(r->journal))
		return e;
	e = journal_commit(r->journal);
	return e ? e : journal_begin(r->journal);
}

enum err making_end(struct room *r, const char *label)
{
	return journal_made(r->journal, label);
}

/* E_OK: the journal knows it; E_KEY: it does not */
static enum err known(struct room *r, const char *label, struct key_set_id *set)
{
	const char *name = strchr(label, '-') + 1;
	struct key_set s;
	struct kbpk k;
	enum err e;

	*set = (struct key_set_id){ .len = 0 };
	if (!strncmp(label, "kbpk-", 5)) {
		e = journal_kbpk(&k, r->journal, name);
		return e == E_KBPK ? E_KEY : e;
	}
	e = key_set_parse(set, name, strlen(name) == 10 ? DUKPT_TDES : DUKPT_AES128);
	if (!e)
		e = journal_key_set(&s, r->journal, name);
	return e == E_KEY_SET ? E_KEY : e;
}

/* It is no more, and the audit says so. */
static enum err write_down(struct room *r, const char *label, bool gone)
{
	char object[64];
	enum err e = journal_begin(r->journal);

	snprintf(object, sizeof object, "%s, whose making was cut off", label);
	if (!e && gone)
		e = journal_audit(r->journal, "bdkd", "drop", object, "");
	if (!e)
		e = journal_made(r->journal, label);
	if (!e)
		e = journal_commit(r->journal);
	if (e)
		journal_rollback(r->journal);
	return e;
}

enum err making_open(struct room *r)
{
	char label[KEY_LABEL];
	struct key_set_id set;
	struct worker *w;
	enum err e;

	while (!(e = journal_making_due(label, r->journal))) {
		enum err there = known(r, label, &set);

		e = there == E_KEY ? room_worker(&w, r) : there;
		if (!e && there == E_KEY)
			e = set.len ? worker_drop_bdk(w, &set) : worker_drop_kbpk(w, strchr(label, '-') + 1);
		if (!e && there == E_KEY)
			e = room_sync(r);
		if (e) {
			fail_why(e, "a key whose making was cut off stays in the token", "start bdkd again", "%s",
				 label);
			return E_OK;
		}
		e = write_down(r, label, there == E_KEY);
		if (e)
			return e;
	}
	return e == E_SHORT ? E_OK : e;
}
