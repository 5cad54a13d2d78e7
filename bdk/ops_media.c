#include "bdk/exchange.h"
#include "bdk/key_state.h"
#include "bdk/media.h"
#include "bdk/ops.h"

#include <stdio.h>
#include <string.h>

/* A field that may be absent: "" then. */
static enum err text_or_none(char *out, size_t size, struct span fields, uint16_t tag)
{
	out[0] = 0;
	return field_get(fields, tag).p ? field_text(out, size, fields, tag) : E_OK;
}

static enum err number_or_none(uint8_t *out, struct span fields, uint16_t tag)
{
	uint64_t v = 0;
	enum err e = field_get(fields, tag).p ? field_number(&v, fields, tag, UINT8_MAX) : E_OK;

	*out = (uint8_t)v;
	return e;
}

/* Which key a part of is in it, and that key's state where it is here: a name that nobody has is perhaps mistyped. */
static enum err put_held(struct ask *a, const char *holds)
{
	struct journal *j = a->room->journal;
	struct key_set s;
	struct kbpk k;
	enum err e;

	if (!*holds)
		return E_OK;
	record_put_text(a->answer, F_HOLDS, holds);
	e = journal_key_set(&s, j, holds);
	if (!e)
		record_put_text(a->answer, F_STATE, key_set_state_name(key_state_at(&s, room_utc())));
	if (e != E_KEY_SET)
		return e;
	e = journal_kbpk(&k, j, holds);
	if (!e)
		record_put_text(a->answer, F_STATE, key_set_state_name(k.state));
	return e == E_KBPK ? E_OK : e;
}

enum err op_bag(struct ask *a)
{
	struct bag b = { 0 };
	char medium[16];
	enum err e = field_text(b.number, sizeof b.number, a->fields, F_BAG);

	if (!e)
		e = field_text(medium, sizeof medium, a->fields, F_MEDIUM);
	if (!e)
		e = number_or_none(&b.part, a->fields, F_PART);
	if (!e)
		e = number_or_none(&b.parts, a->fields, F_PARTS);
	if (!e)
		e = text_or_none(b.holds, sizeof b.holds, a->fields, F_HOLDS);
	if (!e)
		e = field_text(b.purpose, sizeof b.purpose, a->fields, F_INTENT);
	if (!e)
		e = field_text(b.keeper, sizeof b.keeper, a->fields, F_KEEPER);
	if (e) {
		snprintf(a->why, sizeof a->why,
			 "a bag has a number (1 to %d characters), medium, custodian and purpose (1 to %d)",
			 BAG_NUMBER - 1, BAG_TEXT - 1);
		return e;
	}
	b.medium = media_medium_parse(medium);
	snprintf(a->object, sizeof a->object, "%s", b.number);
	e = media_record(a->room->journal, &b, a->why);
	if (e)
		return e;
	media_made(a->object, &b);
	return put_held(a, b.holds);
}

enum err ops_bag_made(struct ask *a, const struct bag *b)
{
	char said[MEDIA_SAID];
	enum err e = media_record(a->room->journal, b, a->why);

	media_made(said, b);
	return e ? e : server_note(a, server_op_name(OP_BAG), said);
}

enum err ops_bag_used(struct ask *a, const char *number, const char *holds, unsigned part, unsigned parts)
{
	char said[MEDIA_SAID];
	struct bag b;
	enum err e = media_use(&b, a->room->journal, number, holds, part, parts, a->why);

	if (e)
		return e;
	media_seen(said, &b, false);
	return server_note(a, server_op_name(OP_BAG_FOUND), said);
}

static enum err suspend_kbpk(bool *suspended, struct ask *a, const struct bag *b, const char *reason)
{
	struct journal *j = a->room->journal;
	struct kbpk k;
	enum err e = journal_kbpk(&k, j, b->holds);

	if (e)
		return e == E_KBPK ? E_OK : e; /* none of this room, yet */
	if (k.state == KEY_SET_ACTIVE) {
		e = journal_kbpk_state(j, b->holds, KEY_SET_SUSPENDED, reason);
		*suspended = !e;
	}
	return e ? e : ops_under_kbpk(a, b->holds);
}

/* Has its package or key block left the room? */
static enum err put_given(struct ask *a, const char *key_set)
{
	uint8_t package[EXCHANGE_MAX];
	size_t len;
	enum err e = journal_package(package, &len, sizeof package, a->room->journal, key_set);

	record_put_number(a->answer, F_GIVEN, !e);
	return e == E_KEY_SET ? E_OK : e;
}

/* Its leases, as many as fit. */
static enum err put_leases(struct ask *a, const struct key_set_id *set)
{
	struct journal *j = a->room->journal;
	struct lease l = { .number = 0 };
	enum err e = E_OK;

	while (!ops_full(a->answer) && !(e = journal_lease_next(&l, j, l.number))) {
		uint64_t left = 0;
		size_t row;

		if (l.set.len != set->len || memcmp(l.set.b, set->b, set->len) != 0)
			continue;
		e = journal_lease_left(&left, j, l.number);
		if (e)
			break;
		row = record_open(a->answer, F_ROW);
		record_put_number(a->answer, F_NUMBER, l.number);
		record_put_number(a->answer, F_FIRST, l.first);
		record_put_number(a->answer, F_LAST, l.last);
		record_put_number(a->answer, F_LEFT, left);
		record_close(a->answer, row);
	}
	return e == E_SHORT ? E_OK : e;
}

/* The key that hangs on it does nothing from now on, whoever has seen a part of it. */
static enum err suspend(bool *suspended, struct ask *a, const struct bag *b)
{
	struct journal *j = a->room->journal;
	struct key_set s;
	char reason[64];
	enum err e;

	*suspended = false;
	if (!*b->holds)
		return E_OK;
	snprintf(reason, sizeof reason, "bag %s %s", b->number, media_condition_name(b->condition));
	e = journal_key_set(&s, j, b->holds);
	if (e == E_KEY_SET)
		return suspend_kbpk(suspended, a, b, reason);
	if (!e)
		e = put_given(a, b->holds);
	if (!e)
		e = put_leases(a, &s.id);
	if (e || key_state_next(key_state_at(&s, room_utc()), KEY_SET_SUSPENDED) != OP_STATE)
		return e;
	e = key_state_go(a->room, b->holds, KEY_SET_SUSPENDED, OP_STATE, reason, a->why);
	*suspended = !e;
	return e;
}

enum err op_bag_found(struct ask *a)
{
	char number[BAG_NUMBER], found[16], reason[BAG_TEXT];
	bool suspended = false;
	struct bag b;
	enum err e = field_text(number, sizeof number, a->fields, F_BAG);

	if (!e)
		e = field_text(found, sizeof found, a->fields, F_STATE);
	if (!e)
		e = text_or_none(reason, sizeof reason, a->fields, F_REASON);
	if (e) {
		snprintf(a->why, sizeof a->why,
			 "a bag's number, how it was found and a reason (up to %d characters) are needed",
			 BAG_TEXT - 1);
		return e;
	}
	snprintf(a->object, sizeof a->object, "%s", number);
	e = media_find(&b, a->room->journal, number, media_condition_parse(found), reason, a->why);
	if (!e && b.condition >= BAG_DAMAGED)
		e = suspend(&suspended, a, &b);
	if (e)
		return e;
	media_seen(a->object, &b, suspended);
	record_put_number(a->answer, F_SUSPENDED, suspended);
	return put_held(a, b.holds);
}

enum err op_bag_move(struct ask *a)
{
	char number[BAG_NUMBER], disposition[16], place[BAG_TEXT], said[MEDIA_SAID];
	struct bag b, next;
	enum err e = field_text(number, sizeof number, a->fields, F_BAG);

	if (!e)
		e = field_text(disposition, sizeof disposition, a->fields, F_DISPOSITION);
	if (!e)
		e = text_or_none(place, sizeof place, a->fields, F_PLACE);
	if (e) {
		snprintf(a->why, sizeof a->why,
			 "a bag's number, what became of it and where (up to %d characters) are needed", BAG_TEXT - 1);
		return e;
	}
	snprintf(a->object, sizeof a->object, "%s", number);
	e = media_move(&b, a->room->journal, number, media_disposition_parse(disposition), place, a->why);
	if (e)
		return e;
	media_moved(a->object, &b);
	if (b.disposition != BAG_REBAGGED)
		return E_OK;
	e = journal_bag(&next, a->room->journal, b.place);
	if (e)
		return e;
	media_made(said, &next);
	return server_note(a, server_op_name(OP_BAG), said);
}

static void put_bag(struct record *answer, const struct bag *b, uint64_t ceremony)
{
	size_t row = record_open(answer, F_ROW);

	record_put_text(answer, F_BAG, b->number);
	record_put_text(answer, F_MEDIUM, media_medium_name(b->medium));
	if (b->parts) {
		record_put_number(answer, F_PART, b->part);
		record_put_number(answer, F_PARTS, b->parts);
	}
	if (*b->holds)
		record_put_text(answer, F_HOLDS, b->holds);
	record_put_text(answer, F_INTENT, b->purpose);
	record_put_text(answer, F_KEEPER, b->keeper);
	record_put_text(answer, F_STATE, media_condition_name(b->condition));
	record_put_text(answer, F_DISPOSITION, media_disposition_name(b->disposition));
	if (*b->place)
		record_put_text(answer, F_PLACE, b->place);
	if (*b->reason)
		record_put_text(answer, F_REASON, b->reason);
	record_put_number(answer, F_FIRST, b->made);
	record_put_number(answer, F_TIME, b->utc);
	if (b->ceremony)
		record_put_number(answer, F_NUMBER, b->ceremony);
	record_put_number(answer, F_NEEDED, media_is_pending(b, ceremony));
	record_close(answer, row);
}

enum err op_bags(struct ask *a)
{
	uint64_t since, ceremony = 0;
	struct bag b;
	enum err e = ops_since(&since, a);

	if (!e)
		e = media_ceremony(&ceremony, a->room->journal);
	while (!e && !ops_full(a->answer)) {
		e = journal_bag_next(&b, a->room->journal, &since);
		if (!e)
			put_bag(a->answer, &b, ceremony);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, !e, since);
	return E_OK;
}
