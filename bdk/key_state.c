#include "bdk/key_state.h"
#include "bdk/request.h"

#include <stdio.h>
#include <string.h>

enum { STATES = KEY_SET_DESTROYED + 1 };

/* clang-format off */
static const unsigned permits[STATES] = {
	[KEY_SET_PRE_ACTIVE]  = KEY_PACKAGE | KEY_PLAN,
	[KEY_SET_ACTIVE]      = KEY_PACKAGE | KEY_PLAN | KEY_ISSUE | KEY_RECOVER,
	[KEY_SET_SUSPENDED]   = 0,
	[KEY_SET_DEACTIVATED] = KEY_PACKAGE | KEY_RECOVER,
	[KEY_SET_COMPROMISED] = 0,
	[KEY_SET_DESTROYED]   = 0,
};

static const struct {
	enum key_set_state from, to;
	uint16_t op;
} steps[] = {
	{ KEY_SET_PRE_ACTIVE,  KEY_SET_ACTIVE,      OP_STATE },
	{ KEY_SET_PRE_ACTIVE,  KEY_SET_SUSPENDED,   OP_STATE },
	{ KEY_SET_PRE_ACTIVE,  KEY_SET_COMPROMISED, OP_COMPROMISE },
	{ KEY_SET_PRE_ACTIVE,  KEY_SET_DESTROYED,   OP_DESTROY },
	{ KEY_SET_ACTIVE,      KEY_SET_SUSPENDED,   OP_STATE },
	{ KEY_SET_ACTIVE,      KEY_SET_DEACTIVATED, OP_STATE },
	{ KEY_SET_ACTIVE,      KEY_SET_COMPROMISED, OP_COMPROMISE },
	{ KEY_SET_SUSPENDED,   KEY_SET_ACTIVE,      OP_STATE },
	{ KEY_SET_SUSPENDED,   KEY_SET_DEACTIVATED, OP_STATE },
	{ KEY_SET_SUSPENDED,   KEY_SET_COMPROMISED, OP_COMPROMISE },
	{ KEY_SET_DEACTIVATED, KEY_SET_COMPROMISED, OP_COMPROMISE },
	{ KEY_SET_DEACTIVATED, KEY_SET_DESTROYED,   OP_DESTROY },
	{ KEY_SET_COMPROMISED, KEY_SET_DESTROYED,   OP_DESTROY },
};
/* clang-format on */

enum key_set_state key_state_at(const struct key_set *s, uint64_t utc)
{
	const struct period *p = &s->period;

	if (p->until && utc >= p->until && (s->state == KEY_SET_PRE_ACTIVE || s->state == KEY_SET_ACTIVE))
		return KEY_SET_DEACTIVATED;
	if (s->state == KEY_SET_ACTIVE && utc < p->from)
		return KEY_SET_PRE_ACTIVE;
	return s->state == KEY_SET_PRE_ACTIVE && p->from && utc >= p->from ? KEY_SET_ACTIVE : s->state;
}

bool key_state_permits(enum key_set_state state, enum key_act act)
{
	return (unsigned)state < STATES && permits[state] & act;
}

uint16_t key_state_next(enum key_set_state from, enum key_set_state to)
{
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
		if (steps[i].from == from && steps[i].to == to)
			return steps[i].op;
	return 0;
}

enum err key_state_parse(enum key_set_state *state, const char *name)
{
	for (int i = KEY_SET_ACTIVE; i < STATES; i++)
		if (!strcmp(name, key_set_state_name((enum key_set_state)i))) {
			*state = (enum key_set_state)i;
			return E_OK;
		}
	return E_FORMAT;
}

static enum err say(char why[static KEY_STATE_WHY], const struct key_set *s, enum key_set_state state, const char *more)
{
	char id[KEY_SET_TEXT];

	key_set_text(id, &s->id);
	snprintf(why, KEY_STATE_WHY, "key set %s is %s%s", id, key_set_state_name(state), more);
	return E_KEY_SET_STATE;
}

enum err key_state_check(const struct key_set *s, enum key_act act, char why[static KEY_STATE_WHY])
{
	enum key_set_state now = key_state_at(s, room_utc());

	return key_state_permits(now, act) ? E_OK : say(why, s, now, "");
}

enum err key_state_go(struct room *r, const char *id, enum key_set_state to, uint16_t op, const char *reason,
		      char why[static KEY_STATE_WHY])
{
	char more[64];
	enum key_set_state now;
	struct key_set s;
	enum err e = journal_key_set(&s, r->journal, id);

	if (e)
		return e;
	now = key_state_at(&s, room_utc());
	if (now == to)
		return say(why, &s, now, " already");
	if (key_state_next(now, to) != op) {
		snprintf(more, sizeof more, ", and from there it cannot become %s", key_set_state_name(to));
		return say(why, &s, now, more);
	}
	r->tend_states = 0;
	/* people do not wait for its period */
	if (now == KEY_SET_PRE_ACTIVE && to == KEY_SET_ACTIVE && s.period.from) {
		s.period.from = 0;
		e = journal_key_set_period(r->journal, id, &s.period);
	}
	return e ? e : journal_key_set_state(r->journal, id, to, reason);
}

enum err key_state_period_check(const struct period *p, char why[static KEY_STATE_WHY])
{
	uint64_t now = room_utc();

	if (p->until && p->until <= now)
		snprintf(why, KEY_STATE_WHY, "a period ends later than now");
	else if (p->until && p->until <= p->from)
		snprintf(why, KEY_STATE_WHY, "a period ends after it begins");
	else
		return E_OK;
	return E_RANGE;
}

enum err key_state_period(struct room *r, const char *id, const struct period *p, char why[static KEY_STATE_WHY])
{
	struct key_set s;
	enum key_set_state now;
	enum err e = key_state_period_check(p, why);

	if (!e)
		e = journal_key_set(&s, r->journal, id);
	if (e)
		return e;
	now = key_state_at(&s, room_utc());
	if ((now != KEY_SET_PRE_ACTIVE && now != KEY_SET_ACTIVE && now != KEY_SET_SUSPENDED) ||
	    (s.period.until && s.period.until <= room_utc()))
		return say(why, &s, now, ": its period is over");
	if (p->from > room_utc() && now != KEY_SET_PRE_ACTIVE)
		return say(why, &s, now, ": its period has begun");
	r->tend_states = 0;
	return journal_key_set_period(r->journal, id, p);
}

/* One that the clock has moved on. */
static enum err move_on(struct room *r, const struct key_set *s, enum key_set_state now)
{
	char id[KEY_SET_TEXT], object[64];
	const char *reason = now == KEY_SET_ACTIVE       ? "its period has begun"
			     : now == KEY_SET_PRE_ACTIVE ? "its period has not begun"
							 : "its period has ended";
	enum err e = journal_begin(r->journal);

	key_set_text(id, &s->id);
	snprintf(object, sizeof object, "%s %s: %s", id, key_set_state_name(now), reason);
	if (!e)
		e = journal_key_set_state(r->journal, id, now, reason);
	if (!e)
		e = journal_audit(r->journal, "bdkd", "state", object, "");
	if (!e)
		e = journal_commit(r->journal);
	if (e)
		journal_rollback(r->journal);
	return e;
}

enum err key_state_tend(struct room *r)
{
	uint64_t utc = room_utc(), at = 0, due = UINT64_MAX;
	struct key_set s;
	enum err e = E_OK;

	if (utc < r->tend_states)
		return E_OK;
	while (!e && !(e = journal_key_set_next(&s, r->journal, &at))) {
		enum key_set_state now = key_state_at(&s, utc);

		if (now != s.state)
			e = move_on(r, &s, now);
		if (now == KEY_SET_PRE_ACTIVE && s.period.from && s.period.from < due)
			due = s.period.from;
		if (s.period.until > utc && s.period.until < due)
			due = s.period.until;
	}
	if (e != E_SHORT)
		return e;
	r->tend_states = due;
	return E_OK;
}
