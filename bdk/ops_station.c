#include "bdk/key_state.h"
#include "bdk/ops.h"
#include "bdk/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a session is to load. Without F_KEY_SET it is to zeroize, and s is zero. */
static enum err read_key_set(struct key_set *s, uint64_t *slot, struct ask *a)
{
	char id[KEY_SET_TEXT];
	enum err e;

	if (!field_get(a->fields, F_KEY_SET).p)
		return E_OK;
	e = field_text(id, sizeof id, a->fields, F_KEY_SET);
	if (e)
		return E_KEY_SET;
	snprintf(a->object, sizeof a->object, "%s", id);
	e = field_number(slot, a->fields, F_SLOT, MSG_SLOTS - 1);
	if (e)
		return e == E_RANGE ? E_SLOT : e;
	e = journal_key_set(s, a->room->journal, id);
	return e ? e : key_state_check(s, KEY_ISSUE, a->why);
}

/* The terminals of a session: how many, and the sum of their serials, each on a line. */
static enum err read_serials(size_t *n, char sum[static OPS_SUM], struct ask *a)
{
	char serial[CERT_TEXT];
	uint8_t *lines = malloc(a->fields.len + 1); /* a line is shorter than its field */
	size_t at = 0;
	struct span value;
	struct wr w;
	enum err e = lines ? E_OK : E_INTERNAL;

	*n = 0;
	wr_init(&w, lines, a->fields.len + 1);
	while (!e && field_next(&value, a->fields, F_SERIAL, &at)) {
		e = ops_serial(serial, a, value);
		wr_copy(&w, value.p, value.len);
		wr_u8(&w, '\n');
		++*n;
	}
	if (!e)
		e = wr_end(&w);
	if (!e)
		e = ops_sum(sum, (struct span){ lines, w.len });
	free(lines);
	return e;
}

/* What a session is for. */
static enum err read_session(struct key_set *s, uint8_t *slot, struct ask *a)
{
	char id[KEY_SET_TEXT], sum[OPS_SUM];
	uint64_t number = 0;
	size_t n = 0;
	enum err e = read_key_set(s, &number, a);

	if (!e)
		e = read_serials(&n, sum, a);
	if (!e && !n) {
		snprintf(a->why, sizeof a->why, "a session names its terminals");
		e = E_FORMAT;
	}
	if (e)
		return e;
	*slot = (uint8_t)number;
	if (s->id.len) {
		key_set_text(id, &s->id);
		snprintf(a->object, sizeof a->object, "%s slot %u, %zu terminals %s", id, *slot, n, sum);
	} else {
		snprintf(a->object, sizeof a->object, "to zeroize, %zu terminals %s", n, sum);
	}
	return E_OK;
}

enum err op_open(struct ask *a)
{
	const struct peer *busy = a->peer->attends ? a->peer : a->second;
	struct key_set s = { 0 };
	uint64_t number = 0;
	size_t len;
	uint8_t slot = 0;
	enum err e;

	if (!a->second) {
		snprintf(a->why, sizeof a->why, "this test room has no people yet, and kif opens its sessions itself");
		return E_DENIED;
	}
	e = read_session(&s, &slot, a);
	/* Who goes ends the session that the connection attends: it attends one. */
	if (!e && busy->attends) {
		snprintf(a->why, sizeof a->why, "%s attends session %llu in this login already", busy->who.name,
			 (unsigned long long)busy->attends);
		e = E_EXISTS;
	}
	if (!e)
		e = session_new(&number, a->sessions, &s.id, slot, a->fields, room_monotonic());
	if (e == E_SPACE)
		snprintf(a->why, sizeof a->why, "%d sessions are open already", SESSIONS);
	if (e)
		return e;
	a->peer->attends = a->second->attends = number;
	len = strlen(a->object);
	snprintf(a->object + len, sizeof a->object - len, ", session %llu", (unsigned long long)number);
	return E_OK;
}

enum err op_attend(struct ask *a)
{
	struct peer *p = a->peer;

	if (p->attends) {
		p->stage = PEER_PENDS;
		return E_OK;
	}
	if (!p->ended[0]) {
		snprintf(a->why, sizeof a->why, "no session was opened here");
		return E_LAPSED;
	}
	record_put_text(a->answer, F_REASON, p->ended);
	p->ended[0] = 0;
	return E_OK;
}

enum err op_session(struct ask *a)
{
	struct peer *p = a->peer;
	struct session *open = NULL;
	struct key_set s = { 0 };
	bool in_force = false;
	uint8_t slot = 0, *copy;
	enum err e = read_session(&s, &slot, a);

	if (!e)
		e = people_in_force(&in_force, a->room);
	if (!e && in_force)
		open = session_find(a->sessions, &s.id, slot, a->fields);
	if (!e && in_force && !open) {
		snprintf(a->why, sizeof a->why, "no session is open for it: two operators open one, each in an own login: "
						"bdk session");
		e = E_DENIED;
	}
	if (e)
		return e;
	copy = malloc(a->fields.len);
	if (!copy)
		return E_INTERNAL;
	memcpy(copy, a->fields.p, a->fields.len);
	p->serials = copy;
	p->serials_len = a->fields.len;
	p->set = s.id;
	p->slot = slot;
	p->sits = open ? open->number : 0;
	p->session = true;
	if (s.id.len)
		record_put_text(a->answer, F_SCHEME, dukpt_scheme_name(s.id.scheme));
	return E_OK;
}

enum err op_begin(struct ask *a)
{
	struct peer *p = a->peer;
	uint8_t hello[MSG_MAX];
	char serial[CERT_TEXT];
	size_t len = 0;
	enum err e = ops_serial(serial, a, field_get(a->fields, F_SERIAL));

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%s", serial);
	if (!session_has((struct span){ p->serials, p->serials_len }, field_get(a->fields, F_SERIAL))) {
		snprintf(a->why, sizeof a->why, "%s is not in this session", serial);
		a->end = true;
		return E_DENIED;
	}
	kdh_end(&p->kdh);
	e = kdh_begin(&p->kdh, hello, &len, a->room, serial, p->set.len ? &p->set : NULL, p->slot,
		      a->why);
	if (!e)
		record_put(a->answer, F_MESSAGE, (struct span){ hello, len });
	return e;
}

/* What the audit calls a load: its serial, initial KSN and state. */
static void name_load(struct ask *a, const struct load *l)
{
	char ksn[KSN_TEXT];

	ksn_text(ksn, &l->iksn);
	snprintf(a->object, sizeof a->object, "%s %s %s", l->serial, ksn, load_state_name(l->state));
}

/* The facts of a load, and what is to be said with them of its key set: that it follows the session's, and that its ids
 * come to an end. */
static enum err put_load(struct ask *a, const struct load *l)
{
	const struct key_set_id *asked = &a->peer->set;
	struct lease_forecast f;
	bool follows = false;
	enum err e = E_OK;

	name_load(a, l);
	ops_facts(a->answer, l);
	if (l->set.len != asked->len || memcmp(l->set.b, asked->b, asked->len) != 0)
		e = lease_follows(&follows, a->room->journal, asked, &l->set);
	if (!e && follows)
		record_put_number(a->answer, F_FOLLOWS, 1);
	if (!e)
		e = lease_forecast_chain(&f, a->room->journal, asked);
	if (!e && lease_low(&f))
		ops_left(a->answer, &f);
	return e;
}

enum err op_offer(struct ask *a)
{
	struct kdh *k = &a->peer->kdh;
	struct load facts;
	enum err e;

	snprintf(a->object, sizeof a->object, "%s", k->serial);
	e = kdh_offer(k, &facts, a->room, field_get(a->fields, F_MESSAGE), a->why);
	a->later = !e && k->state == KDH_ORDERED;
	return e || a->later ? e : put_load(a, &facts);
}

enum err op_key(struct ask *a, enum err made, struct span key)
{
	struct load facts;
	enum err e;

	snprintf(a->object, sizeof a->object, "%s", a->peer->kdh.serial);
	e = kdh_key(&a->peer->kdh, &facts, a->room, made, key, a->why);
	if (e)
		return e;
	record_put(a->answer, F_MESSAGE, key);
	return put_load(a, &facts);
}

enum err op_receipt(struct ask *a)
{
	struct load facts;
	char serial[CERT_TEXT];
	enum err e = ops_serial(serial, a, field_get(a->fields, F_SERIAL));

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%s", serial);
	e = kdh_receipt(&facts, a->room, serial, field_get(a->fields, F_MESSAGE), a->why);
	if (e)
		return e;
	name_load(a, &facts);
	ops_facts(a->answer, &facts);
	return E_OK;
}

/* A reason as it stands in requests, 0 for none of these. */
static enum zeroize_reason zeroize_reason(const char *text)
{
	static const char *const names[] = {
		[ZEROIZE_REJECT] = "reject", [ZEROIZE_DECOMMISSION] = "decommission", [ZEROIZE_RELOAD] = "reload"
	};

	for (unsigned i = ZEROIZE_REJECT; i <= ZEROIZE_RELOAD; i++)
		if (!strcmp(text, names[i]))
			return (enum zeroize_reason)i;
	return 0;
}

/* What the audit calls it, and the loads for the answer. */
static void put_slots(struct ask *a, const char *serial, uint8_t slot, const char *what, const struct kdh_slots *s)
{
	char name[16] = "all slots";

	if (slot != MSG_SLOT_ALL)
		snprintf(name, sizeof name, "slot %u", slot);
	snprintf(a->object, sizeof a->object, "%s %s, %s", serial, name, what);
	for (unsigned i = 0; i < s->n; i++)
		ops_facts(a->answer, &s->load[i]);
}

enum err op_zeroize(struct ask *a)
{
	uint8_t zeroize[MSG_MAX];
	size_t len = 0;
	struct kdh_slots facts;
	char serial[CERT_TEXT], text[16] = "";
	enum zeroize_reason reason;
	uint64_t slot;
	enum err e = field_number(&slot, a->fields, F_SLOT, MSG_SLOT_ALL);

	snprintf(serial, sizeof serial, "%s", a->peer->kdh.serial);
	snprintf(a->object, sizeof a->object, "%s", serial);
	if (!e && slot >= MSG_SLOTS && slot != MSG_SLOT_ALL)
		e = E_RANGE;
	if (e)
		return e == E_RANGE ? E_SLOT : e;
	e = field_text(text, sizeof text, a->fields, F_REASON);
	reason = zeroize_reason(text);
	if (e || !reason) {
		snprintf(a->why, sizeof a->why, "a reason is reject, decommission or reload");
		return E_FORMAT;
	}
	e = kdh_zeroize(&a->peer->kdh, zeroize, &len, &facts, a->room, field_get(a->fields, F_MESSAGE), (uint8_t)slot,
			reason, a->why);
	if (e)
		return e;
	if (len)
		record_put(a->answer, F_MESSAGE, (struct span){ zeroize, len });
	put_slots(a, serial, (uint8_t)slot, len ? text : "empty already", &facts);
	return E_OK;
}

enum err op_wiped(struct ask *a)
{
	struct kdh_slots facts;
	char serial[CERT_TEXT];
	uint8_t slot = 0;
	enum err e = ops_serial(serial, a, field_get(a->fields, F_SERIAL));

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%s", serial);
	e = kdh_wiped(&facts, &slot, a->room, serial, field_get(a->fields, F_MESSAGE), a->why);
	if (!e)
		put_slots(a, serial, slot, "zeroized", &facts);
	return e;
}

enum err op_abort(struct ask *a)
{
	char reason[CERT_TEXT];
	enum err e = field_text(reason, sizeof reason, a->fields, F_REASON);

	snprintf(a->object, sizeof a->object, "%s%s%s", a->peer->kdh.serial, a->peer->kdh.serial[0] ? ": " : "",
		 reason);
	kdh_end(&a->peer->kdh);
	return e;
}

enum err op_history(struct ask *a)
{
	struct load l;
	uint64_t at;
	bool full = false;
	enum err e = ops_since(&at, a);

	while (!e && !(full = ops_full(a->answer))) {
		e = journal_load_after(&l, a->room->journal, at);
		if (!e) {
			ops_facts(a->answer, &l);
			at = l.sequence;
		}
	}
	if (e && e != E_SHORT)
		return e;
	record_put_number(a->answer, F_TEST_ROOM, a->room->config.test);
	record_put_number(a->answer, F_SOFTWARE_TOKEN, room_software(a->room));
	ops_more(a->answer, full, at);
	return E_OK;
}
