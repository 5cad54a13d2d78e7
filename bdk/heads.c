#include "bdk/heads.h"

#include <stdio.h>
#include <string.h>

enum err heads_key(uint8_t point[static P256_POINT], struct room *r)
{
	struct worker *w;
	enum err e = E_OK;

	if (!r->records[0]) {
		e = room_worker(&w, r);
		if (!e)
			e = worker_point(w, r->records, "records");
	}
	memcpy(point, r->records, sizeof r->records);
	return e;
}

static enum err sign(char text[static AUDIT_HEAD_TEXT], struct room *r, const struct audit *newest)
{
	struct audit_head h = { .sequence = newest->sequence, .utc = room_utc() };
	uint8_t digest[32];
	struct room_key key = { r, "records" };
	enum err e = heads_key(h.records, r);

	snprintf(h.room, sizeof h.room, "%s", r->config.name);
	snprintf(h.purpose, sizeof h.purpose, "%s", room_purpose_name(r->config.purpose));
	memcpy(h.hash, newest->hash, sizeof h.hash);
	if (!e)
		e = audit_head_digest(digest, &h);
	if (!e)
		e = room_sign(&key, h.sig, digest);
	return e ? e : audit_head_text(text, &h);
}

enum err heads_sign(char text[static AUDIT_HEAD_TEXT], struct room *r)
{
	struct audit newest;
	uint64_t last;
	enum err e = journal_audit_head(&newest, r->journal);

	if (!e)
		e = journal_head(text, &last, r->journal);
	if (e || (text[0] && last == newest.sequence))
		return e;
	e = sign(text, r, &newest);
	return e ? e : journal_head_add(r->journal, newest.sequence, text);
}

enum err heads_turn(struct room *r, const char *what)
{
	char text[AUDIT_HEAD_TEXT];
	enum err e = journal_audit(r->journal, "bdkd", what, "", "");

	if (!e)
		e = heads_sign(text, r);
	return e == E_JOURNAL ? e : E_OK;
}

static bool idle(const struct room *r)
{
	for (unsigned i = 0; i < r->config.workers; i++)
		if (r->worker[i].fd >= 0 && r->worker[i].state == WORKER_KEY_NONE)
			return true;
	return false;
}

void heads_hand_out(char text[static AUDIT_HEAD_TEXT], struct room *r)
{
	struct audit newest;
	uint64_t last;

	if (idle(r) && !journal_audit_head(&newest, r->journal) && !sign(text, r, &newest))
		return;
	if (journal_head(text, &last, r->journal))
		text[0] = 0;
}

void heads_grown(struct room *r)
{
	char text[AUDIT_HEAD_TEXT];
	struct audit newest;
	uint64_t last;
	enum err e = r->config.head_records ? journal_audit_head(&newest, r->journal) : E_SHORT;

	if (!e)
		e = journal_head(text, &last, r->journal);
	if (!e && newest.sequence - last >= r->config.head_records)
		e = heads_sign(text, r);
	(void)e;
}

uint64_t heads_left(const struct room *r, uint64_t now)
{
	uint64_t until = r->head_looked + r->config.head_seconds;

	if (r->sealed || !r->config.head_seconds)
		return UINT64_MAX;
	if (now < until)
		return until - now;
	return idle(r) ? 0 : UINT64_MAX;
}

void heads_tend(struct room *r, uint64_t now)
{
	char text[AUDIT_HEAD_TEXT];

	if (heads_left(r, now))
		return;
	r->head_looked = now;
	if (heads_sign(text, r))
		fprintf(stderr, "bdkd: no head of the audit could be signed\n");
}
