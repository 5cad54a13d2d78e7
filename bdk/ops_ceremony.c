#include "bdk/ceremony.h"
#include "bdk/heads.h"
#include "bdk/media.h"
#include "bdk/ops.h"
#include "crypto/sha256.h"

#include <stdlib.h>
#include <string.h>

/* Sequences of records: that opened the ceremony which is open now (0: none is); first and last of the one that was closed last. */
static const char at_open[] = CEREMONY_OPEN, at_first[] = "ceremony first", at_last[] = "ceremony last";

/* Every medium that was made or opened has gone somewhere, or the ceremony is not over. */
static enum err nothing_left(struct ask *a)
{
	char numbers[160];
	size_t n;
	enum err e = media_pending(numbers, sizeof numbers, &n, a->room->journal);

	if (e || !n)
		return e;
	snprintf(a->why, sizeof a->why, "%zu %s no disposition yet: %s", n, n == 1 ? "bag has" : "bags have", numbers);
	return E_MEDIA;
}

/* What is to be written down opens or closes a ceremony, or belongs to the one that is open. */
static enum err note(struct ask *a, const char *kind, uint64_t record)
{
	struct journal *j = a->room->journal;
	uint64_t open;
	enum err e = media_ceremony(&open, j);

	if (e)
		return e;
	if (!strcmp(kind, "opened")) {
		if (open) {
			snprintf(a->why, sizeof a->why, "one is open already, since record %llu: close it first",
				 (unsigned long long)open);
			return E_EXISTS;
		}
		return journal_set_number(j, at_open, record);
	}
	if (!open)
		return E_CEREMONY;
	if (strcmp(kind, "closed"))
		return E_OK;
	e = nothing_left(a);
	if (!e)
		e = journal_set_number(j, at_first, open);
	if (!e)
		e = journal_set_number(j, at_last, record);
	return e ? e : journal_set_number(j, at_open, 0);
}

enum err op_ceremony(struct ask *a)
{
	static const char *const kinds[] = { "opened", "present", "media", "remark", "closed" };
	char kind[16], text[96];
	struct audit head;
	bool known = false;
	enum err e = field_text(kind, sizeof kind, a->fields, F_STATE);

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		known |= !strcmp(kind, kinds[i]);
	if (e || !known)
		return E_FORMAT;
	if (field_text(text, sizeof text, a->fields, F_OBJECT)) {
		snprintf(a->why, sizeof a->why, "a text of 1 to %zu printable characters is needed", sizeof text - 1);
		return E_FORMAT;
	}
	snprintf(a->object, sizeof a->object, "%s: %s", kind, text);
	e = journal_audit_head(&head, a->room->journal);
	return e ? e : note(a, kind, head.sequence + 1); /* this act's own record is the next */
}

enum err op_led(struct ask *a)
{
	struct journal *j = a->room->journal;
	struct audit opened;
	uint64_t open;
	const char *title;
	enum err e = media_ceremony(&open, j);

	if (e || !open)
		return e;
	e = journal_audit_next(&opened, j, open - 1);
	title = e ? NULL : ceremony_note(&opened, "opened");
	if (!title)
		return E_JOURNAL;
	record_put_number(a->answer, F_FIRST, open);
	record_put_text(a->answer, F_OBJECT, title);
	return E_OK;
}

/* Which records: those that were asked for, or the ceremony that was closed last. */
static enum err range(uint64_t *first, uint64_t *last, struct ask *a)
{
	enum err e;

	if (field_get(a->fields, F_FIRST).p) {
		e = field_number(first, a->fields, F_FIRST, INT64_MAX);
		if (!e)
			e = field_number(last, a->fields, F_LAST, INT64_MAX);
	} else {
		e = journal_number(first, a->room->journal, at_first);
		if (!e)
			e = journal_number(last, a->room->journal, at_last);
		if (!e && !*first) {
			snprintf(a->why, sizeof a->why, "no ceremony was closed here; --records names records without one");
			return E_CEREMONY;
		}
	}
	if (!e && (!*first || *first > *last || *last - *first >= CEREMONY_RECORDS)) {
		snprintf(a->why, sizeof a->why, "records are FIRST-LAST, at most %d", CEREMONY_RECORDS);
		e = E_RANGE;
	}
	return e;
}

static enum err collect(struct ceremony *c, struct room *r, uint64_t first, uint64_t last)
{
	const char *title;
	size_t len;
	enum err e = E_OK;

	c->act = calloc((size_t)(last - first + 1), sizeof *c->act);
	if (!c->act)
		return E_INTERNAL;
	for (uint64_t at = first - 1; !e && at < last; at++) {
		e = journal_audit_next(&c->act[c->n], r->journal, at);
		c->n += !e;
	}
	if (e)
		return e == E_SHORT ? E_RANGE : e;
	/* a field's value has no blanks at its ends */
	title = ceremony_note(&c->act[0], "opened");
	if (title)
		title += strspn(title, " ");
	len = title ? strlen(title) : 0;
	while (len && title[len - 1] == ' ')
		len--;
	if (len)
		snprintf(c->title, sizeof c->title, "%.*s", (int)len, title);
	else
		snprintf(c->title, sizeof c->title, "records %llu to %llu", (unsigned long long)first, (unsigned long long)last);
	snprintf(c->room, sizeof c->room, "%s", r->config.name);
	snprintf(c->purpose, sizeof c->purpose, "%s", room_purpose_name(r->config.purpose));
	c->test = r->config.test;
	c->software = room_software(r);
	c->utc = room_utc();
	return heads_key(c->records, r);
}

enum err op_record(struct ask *a)
{
	struct ceremony c = { .n = 0 };
	uint64_t first, last;
	char *text = NULL;
	size_t len = 0;
	enum err e = range(&first, &last, a);

	if (!e)
		e = collect(&c, a->room, first, last);
	if (!e)
		e = ceremony_text(&text, &len, &c);
	if (!e)
		e = ops_sign(a, text, len);
	free(text);
	ceremony_free(&c);
	if (e == E_SPACE) {
		snprintf(a->why, sizeof a->why, "longer than %d bytes: name fewer records", CEREMONY_MAX);
		e = E_RANGE;
	}
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "records %llu to %llu", (unsigned long long)first, (unsigned long long)last);
	record_put_number(a->answer, F_FIRST, first);
	record_put_number(a->answer, F_LAST, last);
	return E_OK;
}
