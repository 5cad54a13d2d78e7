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

/* What a crash has cut off. */
static enum err finish(struct room *r, struct destruction *d)
{
	struct audit head;
	char object[64];
	enum err e = journal_begin(r->journal);

	if (!e)
		e = journal_audit_head(&head, r->journal);
	snprintf(object, sizeof object, "%s, finished after a crash: the token has it no more", d->id);
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
	enum err e;

	while (!(e = journal_destruction_due(&d, r->journal))) {
		e = journal_key_set(&s, r->journal, d.id);
		if (e)
			return E_JOURNAL;
		e = destroy_token(r, &s.id);
		if (e) {
			fail_why(e, "is not shown to be destroyed", "start bdkd again", "key set %s", d.id);
			return E_OK;
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
