#include "bdk/destroy.h"
#include "base/host/fail.h"
#include "bdk/heads.h"

#include <stdio.h>
#include <string.h>

enum err destroy_token(struct room *r, const struct key_set_id *set)
{
	struct worker *w;
	enum err e = E_OK;

	for (unsigned i = 0; !e && i < r->config.workers; i++) {
		e = room_worker_at(&w, r, i);
		if (!e)
			e = worker_destroy_bdk(w, set);
	}
	if (!e && room_sync(r))
		e = E_TOKEN;
	return e ? E_TOKEN : E_OK;
}

/* Does the token have it? What it does not say counts as yes. */
static bool in_token(struct room *r, const char *id)
{
	uint8_t fp[FINGERPRINT];
	char label[KEY_LABEL];
	bool published;
	struct worker *w;

	snprintf(label, sizeof label, "bdk-%s", id);
	return room_worker(&w, r) || worker_fingerprint(w, fp, &published, label) != E_KEY;
}

/* The token has it no more: what a crash has cut off, or what somebody has put back. */
static enum err finish(struct room *r, struct destruction *d)
{
	struct audit head;
	char object[128];
	enum err e = journal_begin(r->journal);

	if (!e)
		e = journal_audit_head(&head, r->journal);
	snprintf(object, sizeof object, "%s, %s: the token has it no more", d->id,
		 d->proved ? "destroyed once more after a copy of the token was put back" : "finished after a crash");
	if (!e)
		e = journal_audit(r->journal, "bdkd", DESTROYED_PROVED, object, "");
	d->proved = head.sequence + 1;
	if (!e)
		e = journal_destruction_put(r->journal, d);
	if (!e)
		e = journal_commit(r->journal);
	if (e)
		journal_rollback(r->journal);
	return e;
}

enum err destroy_open(struct room *r)
{
	struct destruction d;
	struct key_set s;
	uint64_t at = 0;
	enum err e;

	while (!(e = journal_key_set_next(&s, r->journal, &at))) {
		char id[KEY_SET_TEXT];

		key_set_text(id, &s.id);
		if (s.state != KEY_SET_DESTROYED)
			continue;
		e = journal_destruction(&d, r->journal, id);
		if (e)
			return E_JOURNAL;
		if (d.proved && !in_token(r, id))
			continue;
		if (destroy_token(r, &s.id)) {
			fail_why(E_TOKEN, "is not shown to be destroyed", "start bdkd again", "key set %s", id);
			continue;
		}
		e = finish(r, &d);
		if (e)
			return e;
	}
	return e == E_SHORT ? E_OK : e;
}

enum err destroy_certificate(struct destroyed *c, struct room *r, const char *id, char why[static ROOM_WHY])
{
	struct destruction d;
	struct key_set s;
	enum err e = journal_key_set(&s, r->journal, id);

	if (!e)
		e = journal_destruction(&d, r->journal, id);
	if (e == E_SHORT || (!e && !d.proved)) {
		snprintf(why, ROOM_WHY, "key set %s %s", id,
			 e ? "was not destroyed: bdk destroy"
			   : "is to be destroyed, and the token has not shown yet that it is gone: start bdkd again");
		e = E_KEY_SET_STATE;
	}
	if (e)
		return e;
	*c = (struct destroyed){ .test = r->config.test,
				 .software = room_software(r),
				 .born = s.utc,
				 .utc = room_utc(),
				 .kcv_len = s.kcv.len };
	snprintf(c->room, sizeof c->room, "%s", r->config.name);
	snprintf(c->purpose, sizeof c->purpose, "%s", room_purpose_name(r->config.purpose));
	snprintf(c->key_set, sizeof c->key_set, "%s", id);
	snprintf(c->scheme, sizeof c->scheme, "%s", dukpt_scheme_name(s.id.scheme));
	memcpy(c->kcv, s.kcv.b, sizeof c->kcv);
	e = journal_audit_next(&c->decided, r->journal, d.decided - 1);
	if (!e)
		e = journal_audit_next(&c->proved, r->journal, d.proved - 1);
	return e ? E_JOURNAL : heads_key(c->records, r);
}
