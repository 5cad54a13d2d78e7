#include "bdk/ops.h"
#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- Leases ------------------------------------------------------------------------------------------------------- */

static void name_lease(struct ask *a, const struct lease *l, const char *what)
{
	char id[KEY_SET_TEXT];

	key_set_text(id, &l->set);
	snprintf(a->object, sizeof a->object, "lease %llu: %s %lu-%lu %s", (unsigned long long)l->number, id,
		 (unsigned long)l->first, (unsigned long)l->last, what);
}

static void put_lease(struct record *answer, const struct lease *l)
{
	char id[KEY_SET_TEXT];

	key_set_text(id, &l->set);
	record_put_number(answer, F_NUMBER, l->number);
	record_put_text(answer, F_KEY_SET, id);
	record_put_text(answer, F_SCHEME, dukpt_scheme_name(l->set.scheme));
	record_put_number(answer, F_FIRST, l->first);
	record_put_number(answer, F_LAST, l->last);
	record_put_number(answer, F_EPOCH, l->epoch);
	record_put_number(answer, F_TIME, l->utc);
	if (l->kcv.len)
		record_put(answer, F_KCV, (struct span){ l->kcv.b, l->kcv.len });
}

/* Which key set a lease is asked for: the ca room has none itself. */
static enum err read_set(struct lease *l, struct ask *a)
{
	struct span kcv = field_get(a->fields, F_KCV);
	char scheme[16], id[KEY_SET_TEXT];
	enum err e = field_text(scheme, sizeof scheme, a->fields, F_SCHEME);

	if (!e)
		e = dukpt_scheme_parse(&l->set.scheme, scheme);
	if (e) {
		snprintf(a->why, sizeof a->why, "a scheme is tdes, aes128, aes192 or aes256");
		return E_SCHEME;
	}
	e = field_text(id, sizeof id, a->fields, F_KEY_SET);
	if (!e)
		e = key_set_parse(&l->set, id, l->set.scheme);
	if (e) {
		snprintf(a->why, sizeof a->why, "a key set is 10 hex digits beginning FFFF (tdes), or 8 (aes)");
		return e;
	}
	if (kcv.len > sizeof l->kcv.b)
		return E_FORMAT;
	memcpy(l->kcv.b, kcv.len ? kcv.p : l->kcv.b, kcv.len);
	l->kcv.len = (uint8_t)kcv.len;
	return E_OK;
}

static enum err read_ids(struct lease *l, uint64_t *count, struct ask *a)
{
	uint64_t most = dukpt_device_max(l->set.scheme), first = 0, last = 0;
	enum err e;

	*count = 0;
	if (field_get(a->fields, F_COUNT).p) {
		e = field_number(count, a->fields, F_COUNT, most + 1);
		e = !e && !*count ? E_RANGE : e;
	} else {
		e = field_number(&first, a->fields, F_FIRST, most);
		if (!e)
			e = field_number(&last, a->fields, F_LAST, most);
	}
	if (!e && first > last)
		e = E_RANGE;
	if (e)
		snprintf(a->why, sizeof a->why, "device ids are FIRST-LAST, from 0 to %llu", (unsigned long long)most);
	l->first = (uint32_t)first;
	l->last = (uint32_t)last;
	return e;
}

enum err op_lease(struct ask *a)
{
	struct lease l = { .number = 0 };
	struct span cert = field_get(a->fields, F_CERT);
	uint64_t count = 0, number;
	bool again = field_get(a->fields, F_NUMBER).p;
	enum err e;

	if (again) {
		e = field_number(&number, a->fields, F_NUMBER, INT64_MAX);
		if (!e)
			e = lease_again(&l, a->room, number, a->why);
	} else {
		e = read_set(&l, a);
		if (!e)
			e = read_ids(&l, &count, a);
		if (!e)
			e = cert.p ? lease_grant(&l, a->room, count, cert, a->why) :
			    count  ? E_FORMAT : lease_elsewhere(&l, a->room, a->why);
	}
	if (e)
		return e;
	name_lease(a, &l, again ? "once more" : l.name);
	put_lease(a->answer, &l);
	record_put_text(a->answer, F_NAME, l.name);
	if (l.len)
		record_put(a->answer, F_LEASE, (struct span){ l.bytes, l.len });
	return E_OK;
}

enum err op_accept(struct ask *a)
{
	struct lease l;
	bool again = false;
	enum err e = lease_accept(&l, &again, a->room, field_get(a->fields, F_LEASE), a->why);

	if (e)
		return e;
	name_lease(a, &l, again ? "again" : "accepted");
	put_lease(a->answer, &l);
	record_put_number(a->answer, F_AGAIN, again);
	return E_OK;
}

static const char *state_of(const struct lease *l, bool ca, uint64_t floor, uint64_t left)
{
	if (ca)
		return l->len ? "granted" : "elsewhere";
	return l->epoch <= floor ? "void" : left ? "in force" : "used up";
}

enum err op_leases(struct ask *a)
{
	struct journal *j = a->room->journal;
	bool ca = a->room->config.purpose == ROOM_CA, full = false;
	uint64_t at = 0, floor = 0, left = 0;
	struct lease l;
	enum err e = ops_since(&at, a);

	if (!e)
		e = lease_floor(&floor, j);
	while (!e && !(full = ops_full(a->answer))) {
		size_t row;

		e = journal_lease_next(&l, j, at);
		if (!e && !ca)
			e = journal_lease_left(&left, j, l.number);
		if (e)
			break;
		at = l.number;
		row = record_open(a->answer, F_ROW);
		put_lease(a->answer, &l);
		record_put_text(a->answer, F_STATE, state_of(&l, ca, floor, left));
		if (ca)
			record_put_text(a->answer, F_NAME, l.name);
		else
			record_put_number(a->answer, F_LEFT, left);
		record_close(a->answer, row);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, at);
	return E_OK;
}

/* --- Manifests and chains ----------------------------------------------------------------------------------------- */

/* One line of a manifest into the journal. */
static enum err take_line(struct ask *a, struct span row)
{
	struct dictated d = { .has_id = false };
	struct ksn ksn = { .len = 0 };
	struct span v = field_get(row, F_KSN);
	struct key_set set;
	uint64_t slot = 0;
	enum err e = ops_serial(d.serial, a, field_get(row, F_SERIAL));

	if (!e)
		e = ops_key_set(&set, a, row, F_KEY_SET);
	if (!e && field_number(&slot, row, F_SLOT, MSG_SLOTS - 1)) {
		snprintf(a->why, sizeof a->why, "a slot is 0 to %d", MSG_SLOTS - 1);
		e = E_SLOT;
	}
	if (!e && v.len && v.len != KSN_TDES && v.len != KSN_AES)
		e = E_FORMAT;
	if (e)
		return e;
	if (v.len)
		memcpy(ksn.b, v.p, v.len);
	ksn.len = (uint8_t)v.len;
	d.set = set.id;
	d.slot = (uint8_t)slot;
	return lease_dictate(a->room, &d, &ksn, a->why);
}

/* Does an earlier line of the same manifest speak of the same serial and slot? */
static bool said_before(struct span fields, struct span row)
{
	struct span serial = field_get(row, F_SERIAL), slot = field_get(row, F_SLOT), v;
	size_t at = 0;

	while (field_next(&v, fields, F_ROW, &at) && v.p != row.p) {
		struct span s = field_get(v, F_SERIAL), n = field_get(v, F_SLOT);

		if (s.len == serial.len && n.len == slot.len && s.len && n.len && !memcmp(s.p, serial.p, s.len) &&
		    !memcmp(n.p, slot.p, n.len))
			return true;
	}
	return false;
}

/* The sum of a manifest's lines, which were taken: serial, key set, slot and, if it is dictated, KSN, a blank between two. */
static enum err sum_lines(char sum[static OPS_SUM], struct span fields)
{
	uint8_t *lines = malloc(fields.len + 1); /* a line is shorter than its row */
	struct span row;
	size_t at = 0;
	struct wr w;
	enum err e = lines ? E_OK : E_INTERNAL;

	wr_init(&w, lines, fields.len + 1);
	while (!e && field_next(&row, fields, F_ROW, &at)) {
		struct span serial = field_get(row, F_SERIAL), set = field_get(row, F_KEY_SET), ksn = field_get(row, F_KSN);
		char text[2 * KSN_AES + 16] = "";
		uint64_t slot = 0;
		int len;

		e = field_number(&slot, row, F_SLOT, MSG_SLOTS - 1);
		len = snprintf(text, sizeof text, " %llu%s", (unsigned long long)slot, ksn.len ? " " : "");
		hex_encode(text + len, ksn.p, ksn.len <= KSN_AES ? ksn.len : 0);
		wr_copy(&w, serial.p, serial.len);
		wr_u8(&w, ' ');
		wr_copy(&w, set.p, set.len);
		wr_copy(&w, (const uint8_t *)text, strlen(text));
		wr_u8(&w, '\n');
	}
	if (!e)
		e = wr_end(&w);
	if (!e)
		e = ops_sum(sum, (struct span){ lines, w.len });
	free(lines);
	return e;
}

enum err op_manifest(struct ask *a)
{
	char why[sizeof a->why], sum[OPS_SUM];
	struct span row;
	uint64_t n = 0, line = 0;
	size_t at = 0;
	enum err e = E_OK;

	while (!e && field_next(&row, a->fields, F_ROW, &at)) {
		e = field_check(row);
		if (!e)
			e = field_number(&line, row, F_SEQUENCE, INT64_MAX);
		if (!e && said_before(a->fields, row)) {
			snprintf(a->why, sizeof a->why, "that serial and slot stand in it before");
			e = E_EXISTS;
		}
		if (!e)
			e = take_line(a, row);
		n++;
	}
	if (e) {
		snprintf(why, sizeof why, "line %llu: %.200s", (unsigned long long)line, *a->why ? a->why : err_text(e));
		memcpy(a->why, why, sizeof why);
		return e;
	}
	if (!n)
		return E_FORMAT;
	e = sum_lines(sum, a->fields);
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%llu lines %s", (unsigned long long)n, sum);
	record_put_number(a->answer, F_USED, n);
	return E_OK;
}

enum err op_chain(struct ask *a)
{
	char id[KEY_SET_TEXT], follower[KEY_SET_TEXT];
	struct key_set set, next;
	enum err e = ops_key_set(&set, a, a->fields, F_KEY_SET);

	if (!e)
		e = ops_key_set(&next, a, a->fields, F_FOLLOWER);
	if (e)
		return e;
	key_set_text(id, &set.id);
	key_set_text(follower, &next.id);
	snprintf(a->object, sizeof a->object, "%s, then %s", id, follower);
	return lease_chain(a->room->journal, &set.id, &next.id, a->why);
}

/* --- Backups ------------------------------------------------------------------------------------------------------ */

enum err op_backup(struct ask *a)
{
	struct audit head;
	enum err e = journal_audit_head(&head, a->room->journal);

	if (!e)
		e = room_backup(a->room);
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "up to record %llu", (unsigned long long)head.sequence);
	record_put_text(a->answer, F_NAME, "backup.db");
	record_put_number(a->answer, F_SEQUENCE, head.sequence);
	return E_OK;
}
