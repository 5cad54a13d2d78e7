/*
 * What a key set's state permits, which follows which and by whom, and what the clock does: the whole table, written down once
 * more. key_state.c is compiled into this program with a clock that the tests set.
 */
#include "bdk/room.h"
#include "bdk/rule.h"

static uint64_t clock_utc;

static uint64_t twin_utc(void)
{
	return clock_utc;
}

#define room_utc twin_utc
#include "bdk/key_state.c"
#undef room_utc

#include "bdk/kdh.h"
#include "bdk/recover.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>

enum { ACTS = 4, NEVER = 0 };
#define NOON UINT64_C(1800000000)

static const enum key_act acts[ACTS] = { KEY_ISSUE, KEY_RECOVER, KEY_PACKAGE, KEY_PLAN };

/* --- The table ---------------------------------------------------------------------------------------------------- */

/* By state: issue, recover, package, plan */
static const bool right[STATES][ACTS] = {
	[KEY_SET_PRE_ACTIVE] = { false, false, true, true },
	[KEY_SET_ACTIVE] = { true, true, true, true },
	[KEY_SET_DEACTIVATED] = { false, true, true, false },
};

/* Does what permits say what the test says? Cell: one whose answer is turned round, the broken twin; -1: none is */
static bool same_table(int cell)
{
	for (int i = 0; i < STATES * ACTS; i++)
		if ((key_state_permits((enum key_set_state)(i / ACTS), acts[i % ACTS]) ^ (i == cell)) !=
		    right[i / ACTS][i % ACTS])
			return false;
	return true;
}

START_TEST(each_state_permits_what_it_permits)
{
	ck_assert(same_table(-1));
	for (int cell = 0; cell < STATES * ACTS; cell++)
		ck_assert_msg(!same_table(cell), "a twin that is wrong in cell %d is not noticed", cell);
	for (unsigned i = 0; i < ACTS; i++) {
		ck_assert(!key_state_permits((enum key_set_state)0, acts[i]));
		ck_assert(!key_state_permits((enum key_set_state)STATES, acts[i]));
	}
}
END_TEST

/* From (row) to (column), in the order pre-active, active, suspended, deactivated, compromised, destroyed: s by OP_STATE, c by
 * OP_COMPROMISE, d by OP_DESTROY */
static const enum key_set_state order[] = { KEY_SET_PRE_ACTIVE,  KEY_SET_ACTIVE,      KEY_SET_SUSPENDED,
					    KEY_SET_DEACTIVATED, KEY_SET_COMPROMISED, KEY_SET_DESTROYED };
static const char *const ways[] = {
	".ss.cd", "..ssc.", ".s.sc.", "....cd", ".....d", "......",
};

static uint16_t way(size_t from, size_t to)
{
	char c = ways[from][to];

	return c == 's' ? OP_STATE : c == 'c' ? OP_COMPROMISE : c == 'd' ? OP_DESTROY : NEVER;
}

START_TEST(states_follow_each_other_and_nothing_follows_the_end)
{
	for (size_t from = 0; from < 6; from++)
		for (size_t to = 0; to < 6; to++)
			ck_assert_msg(key_state_next(order[from], order[to]) == way(from, to), "%s to %s",
				      key_set_state_name(order[from]), key_set_state_name(order[to]));
	for (size_t to = 0; to < 6; to++) {
		ck_assert_uint_eq(key_state_next(KEY_SET_DESTROYED, order[to]), NEVER);
		ck_assert_uint_eq(key_state_next(order[to], KEY_SET_PRE_ACTIVE), NEVER);
	}
}
END_TEST

/* State x act x role: who may bring a key set from one state into another, and with whom. */
START_TEST(every_step_takes_two_people_of_the_roles_that_may)
{
	static const struct {
		uint16_t op;
		unsigned asks, agrees;
	} by[] = {
		{ OP_STATE, PERSON_CUSTODIAN | PERSON_SUPERVISOR, PERSON_CUSTODIAN | PERSON_SUPERVISOR },
		{ OP_COMPROMISE, PERSON_CUSTODIAN | PERSON_SUPERVISOR, PERSON_CUSTODIAN | PERSON_SUPERVISOR },
		{ OP_PERIOD, PERSON_CUSTODIAN | PERSON_SUPERVISOR, PERSON_CUSTODIAN | PERSON_SUPERVISOR },
		{ OP_DESTROY, PERSON_CUSTODIAN, PERSON_CUSTODIAN },
	};
	char why[ROOM_WHY];

	for (size_t i = 0; i < sizeof by / sizeof *by; i++) {
		const struct rule *rule = rule_of(by[i].op);

		ck_assert_ptr_nonnull(rule);
		for (unsigned role = 1; role < 16; role <<= 1) {
			struct person one = { .row = 1, .name = "one", .uid = 1, .roles = role };
			struct person two = { .row = 2, .name = "two", .uid = 2, .roles = PERSON_CUSTODIAN };
			bool may = role & by[i].asks;

			ck_assert_int_eq(rule_ask(why, rule, &one, true), may ? E_SECOND : E_DENIED);
			ck_assert_int_eq(rule_ask(why, rule, &one, false), may ? E_LOGIN : E_DENIED);
			ck_assert_int_eq(rule_agree(why, rule, &two, &one), role & by[i].agrees ? E_OK : E_DENIED);
			ck_assert_int_eq(rule_agree(why, rule, &one, &one), E_DENIED);
		}
	}
	for (size_t from = 0; from < 6; from++)
		for (size_t to = 0; to < 6; to++)
			ck_assert(!way(from, to) || rule_of(way(from, to))->agrees);
}
END_TEST

START_TEST(a_state_has_one_name)
{
	enum key_set_state s;

	for (size_t i = 0; i < 6; i++) {
		ck_assert_int_eq(key_state_parse(&s, key_set_state_name(order[i])), E_OK);
		ck_assert_int_eq(s, order[i]);
	}
	ck_assert_int_eq(key_state_parse(&s, "unknown"), E_FORMAT);
	ck_assert_int_eq(key_state_parse(&s, ""), E_FORMAT);
	ck_assert_int_eq(key_state_parse(&s, "Active"), E_FORMAT);
}
END_TEST

/* --- The clock ---------------------------------------------------------------------------------------------------- */

START_TEST(a_period_makes_active_and_deactivates_to_the_second)
{
	static const struct {
		enum key_set_state state;
		uint64_t from, until, at;
		enum key_set_state is;
	} rows[] = {
		{ KEY_SET_PRE_ACTIVE, NOON, 0, NOON - 1, KEY_SET_PRE_ACTIVE },
		{ KEY_SET_PRE_ACTIVE, NOON, 0, NOON, KEY_SET_ACTIVE },
		{ KEY_SET_PRE_ACTIVE, NOON, NOON + 9, NOON + 9, KEY_SET_DEACTIVATED },
		{ KEY_SET_PRE_ACTIVE, 0, 0, NOON, KEY_SET_PRE_ACTIVE }, /* until people say so */
		{ KEY_SET_PRE_ACTIVE, 0, NOON, NOON, KEY_SET_DEACTIVATED },
		{ KEY_SET_ACTIVE, 0, 0, UINT32_MAX, KEY_SET_ACTIVE },
		{ KEY_SET_ACTIVE, NOON, 0, NOON - 1, KEY_SET_PRE_ACTIVE }, /* resumed before its beginning */
		{ KEY_SET_ACTIVE, 0, NOON, NOON - 1, KEY_SET_ACTIVE },
		{ KEY_SET_ACTIVE, 0, NOON, NOON, KEY_SET_DEACTIVATED },
		{ KEY_SET_SUSPENDED, NOON - 9, NOON, NOON - 1, KEY_SET_SUSPENDED },
		{ KEY_SET_SUSPENDED, NOON - 9, NOON, NOON, KEY_SET_SUSPENDED }, /* or the clock would permit its recovery again */
		{ KEY_SET_DEACTIVATED, NOON, NOON + 9, NOON + 1, KEY_SET_DEACTIVATED },
		{ KEY_SET_COMPROMISED, NOON, NOON + 9, NOON + 10, KEY_SET_COMPROMISED },
		{ KEY_SET_DESTROYED, NOON, NOON + 9, NOON + 10, KEY_SET_DESTROYED },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct key_set s = { .state = rows[i].state, .period = { rows[i].from, rows[i].until } };

		ck_assert_msg(key_state_at(&s, rows[i].at) == rows[i].is, "row %zu", i);
	}
}
END_TEST

/* --- In rooms ----------------------------------------------------------------------------------------------------- */

static struct room_sim sim;
static struct key_set tdes, aes;
static char why[KDH_WHY], id[KEY_SET_TEXT];

static void setup(void)
{
	struct key bdk;

	clock_utc = room_utc();
	room_sim_make(&sim);
	tdes = room_sim_generate(&sim, &bdk, DUKPT_TDES, "FFFF987654", 0, 99);
	aes = room_sim_generate(&sim, &bdk, DUKPT_TDES, "FFFF222222", 0, 99);
	key_set_text(id, &tdes.id);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static enum key_set_state state_now(void)
{
	struct key_set s;

	ck_assert_int_eq(journal_key_set(&s, sim.load.journal, id), E_OK);
	return key_state_at(&s, clock_utc);
}

static enum err go(enum key_set_state to, uint16_t op)
{
	return key_state_go(&sim.load, id, to, op, "because", why);
}

START_TEST(only_its_own_request_brings_a_key_set_on_and_its_life_is_kept)
{
	struct key_life l;
	uint64_t at = 0;

	ck_assert_int_eq(go(KEY_SET_DESTROYED, OP_DESTROY), E_KEY_SET_STATE);
	ck_assert_ptr_nonnull(strstr(why, "cannot become destroyed"));
	ck_assert_int_eq(go(KEY_SET_ACTIVE, OP_STATE), E_KEY_SET_STATE);
	ck_assert_ptr_nonnull(strstr(why, "already"));
	ck_assert_int_eq(go(KEY_SET_COMPROMISED, OP_STATE), E_KEY_SET_STATE);
	ck_assert_int_eq(go(KEY_SET_SUSPENDED, OP_COMPROMISE), E_KEY_SET_STATE);
	ck_assert_int_eq(go(KEY_SET_SUSPENDED, OP_STATE), E_OK);
	ck_assert_int_eq(go(KEY_SET_DEACTIVATED, OP_STATE), E_OK);
	ck_assert_int_eq(go(KEY_SET_ACTIVE, OP_STATE), E_KEY_SET_STATE);
	ck_assert_int_eq(go(KEY_SET_DESTROYED, OP_DESTROY), E_OK);
	for (size_t i = 0; i < 6; i++)
		for (int op = 0; op < 3; op++)
			ck_assert_int_eq(go(order[i], (uint16_t[]){ OP_STATE, OP_COMPROMISE, OP_DESTROY }[op]),
					 E_KEY_SET_STATE);
	/* whoever writes past the table: the file itself says no */
	ck_assert_int_eq(journal_key_set_state(sim.load.journal, id, KEY_SET_ACTIVE, ""), E_JOURNAL);
	for (size_t i = 0; i < 4; i++) {
		static const enum key_set_state lived[] = { KEY_SET_ACTIVE, KEY_SET_SUSPENDED, KEY_SET_DEACTIVATED,
							    KEY_SET_DESTROYED };

		ck_assert_int_eq(journal_key_set_life(&l, sim.load.journal, id, &at), E_OK);
		ck_assert_int_eq(l.state, lived[i]);
		ck_assert_str_eq(l.reason, i ? "because" : "");
	}
	ck_assert_int_eq(journal_key_set_life(&l, sim.load.journal, id, &at), E_SHORT);
}
END_TEST

START_TEST(a_clock_that_is_set_back_brings_nothing_back)
{
	uint64_t start = clock_utc;

	ck_assert_int_eq(key_state_period(&sim.load, id, &(struct period){ 0, start + 100 }, why), E_OK);
	clock_utc = start + 100;
	ck_assert_int_eq(state_now(), KEY_SET_DEACTIVATED);
	clock_utc = start;
	ck_assert_int_eq(state_now(), KEY_SET_ACTIVE); /* nobody has looked meanwhile */
	ck_assert_int_eq(key_state_tend(&sim.load), E_OK);
	clock_utc = start + 100;
	ck_assert_int_eq(key_state_tend(&sim.load), E_OK);
	clock_utc = start;
	ck_assert_int_eq(key_state_tend(&sim.load), E_OK);
	ck_assert_int_eq(state_now(), KEY_SET_DEACTIVATED);
	ck_assert_int_eq(key_state_period(&sim.load, id, &(struct period){ 0, start + 1000 }, why), E_KEY_SET_STATE);
	ck_assert_int_eq(go(KEY_SET_ACTIVE, OP_STATE), E_KEY_SET_STATE);
}
END_TEST

/* What people have stopped, people let go on: until then nothing is recovered, also when its time is over. */
START_TEST(a_suspended_key_set_waits_for_people_beyond_its_end)
{
	uint64_t end = clock_utc + 100;
	struct key_set s;

	ck_assert_int_eq(key_state_period(&sim.load, id, &(struct period){ 0, end }, why), E_OK);
	ck_assert_int_eq(go(KEY_SET_SUSPENDED, OP_STATE), E_OK);
	clock_utc = end;
	ck_assert_int_eq(key_state_tend(&sim.load), E_OK);
	ck_assert_int_eq(journal_key_set(&s, sim.load.journal, id), E_OK);
	for (unsigned i = 0; i < ACTS; i++)
		ck_assert_int_eq(key_state_check(&s, acts[i], why), E_KEY_SET_STATE);
	ck_assert_int_eq(key_state_period(&sim.load, id, &(struct period){ 0, end + 100 }, why), E_KEY_SET_STATE);
	ck_assert_ptr_nonnull(strstr(why, "is over"));
	/* they have, and it is what it would have become */
	ck_assert_int_eq(go(KEY_SET_ACTIVE, OP_STATE), E_OK);
	ck_assert_int_eq(state_now(), KEY_SET_DEACTIVATED);
	ck_assert_int_eq(key_state_tend(&sim.load), E_OK);
	clock_utc = end - 1;
	ck_assert_int_eq(state_now(), KEY_SET_DEACTIVATED);
}
END_TEST

START_TEST(a_period_is_one_that_can_be)
{
	uint64_t now = clock_utc;
	const struct period bad[] = { { 0, now }, { 0, now - 1 }, { now + 9, now + 9 }, { now + 9, now + 8 } };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_int_eq(key_state_period(&sim.load, id, &bad[i], why), E_RANGE);
	/* it is in use: nobody takes it back to before its beginning */
	ck_assert_int_eq(key_state_period(&sim.load, id, &(struct period){ now + 9, 0 }, why), E_KEY_SET_STATE);
	ck_assert_int_eq(state_now(), KEY_SET_ACTIVE);
	ck_assert_int_eq(key_state_period(&sim.load, id, &(struct period){ now - 9, now + 9 }, why), E_OK);
	ck_assert_int_eq(key_state_period(&sim.load, id, &(struct period){ 0, 0 }, why), E_OK);
	clock_utc = UINT32_MAX;
	ck_assert_int_eq(state_now(), KEY_SET_ACTIVE);
}
END_TEST

START_TEST(a_key_set_that_is_made_for_later_waits_or_is_made_active)
{
	uint8_t package[EXCHANGE_MAX];
	struct key_set made = { .period = { clock_utc + 3600, clock_utc + 7200 } };
	struct key_set_id set = { .scheme = DUKPT_AES128 };
	size_t len;

	ck_assert_int_eq(exchange_generate(package, &len, &made, &sim.load, &set, der_span(&sim.acquirer.own), why),
			 E_OK);
	ck_assert_int_eq(made.state, KEY_SET_PRE_ACTIVE);
	key_set_text(id, &made.id);
	ck_assert_int_eq(state_now(), KEY_SET_PRE_ACTIVE);
	/* found damaged before it began, and found to be well: it still waits */
	ck_assert_int_eq(go(KEY_SET_SUSPENDED, OP_STATE), E_OK);
	ck_assert_int_eq(go(KEY_SET_ACTIVE, OP_STATE), E_OK);
	ck_assert_int_eq(state_now(), KEY_SET_PRE_ACTIVE);
	/* until people say so */
	ck_assert_int_eq(go(KEY_SET_ACTIVE, OP_STATE), E_OK);
	ck_assert_int_eq(state_now(), KEY_SET_ACTIVE);
	clock_utc = made.period.until;
	ck_assert_int_eq(state_now(), KEY_SET_DEACTIVATED);
	/* and one whose time never was */
	made.period = (struct period){ 0, 1 };
	set.len = 0;
	ck_assert_int_eq(exchange_generate(package, &len, &made, &sim.load, &set, der_span(&sim.acquirer.own), why),
			 E_RANGE);
}
END_TEST

/* All places that do something with a key set ask the table. */
START_TEST(what_a_state_does_not_permit_nobody_does)
{
	static struct kdh kdh;
	uint8_t hello[MSG_MAX];
	struct key_set_id taken;
	struct recover *v = calloc(1, sizeof *v);
	struct lease l = room_sim_lease(&sim, &tdes.id, 200, 299), again;
	struct dictated d = { .serial = "TC1", .set = tdes.id };
	struct room_sim_package p;
	uint8_t bytes[EXCHANGE_MAX];
	struct key_set in = { .utc = 0 };
	char from[CERT_TEXT];
	struct ksn iksn;
	uint32_t device;
	bool known;
	size_t len;

	ck_assert_ptr_nonnull(v);
	room_sim_package(&sim, &p, DUKPT_TDES, id, "AB13F4ECAB13F4EC0123456789ABCDEF");
	len = room_sim_package_bytes(&sim, bytes, &p);
	ck_assert_int_eq(exchange_import(&in, from, &sim.acquirer, (struct span){ bytes, len }, why), E_OK);
	ck_assert_int_eq(ksn_make(&iksn, DUKPT_TDES, tdes.id.b, 1), E_OK);
	iksn.b[9] |= 1;
	for (size_t i = 0; i < 6; i++) {
		enum err issue = key_state_permits(order[i], KEY_ISSUE) ? E_OK : E_KEY_SET_STATE,
			 plan = key_state_permits(order[i], KEY_PLAN) ? E_OK : E_KEY_SET_STATE,
			 recover = key_state_permits(order[i], KEY_RECOVER) ? E_OK : E_KEY_SET_STATE, e;

		ck_assert_int_eq(journal_key_set_state(sim.load.journal, id, order[i], ""), E_OK);
		ck_assert_int_eq(journal_key_set_state(sim.acquirer.journal, id, order[i], ""), E_OK);
		ck_assert_int_eq(kdh_begin(&kdh, hello, &len, &sim.load, "TC1", &tdes.id, 0, why), issue);
		if (issue)
			ck_assert_ptr_nonnull(strstr(why, key_set_state_name(order[i])));
		kdh_end(&kdh);
		ck_assert_int_eq(journal_begin(sim.load.journal), E_OK);
		e = lease_take(&taken, &device, &sim.load, &tdes.id, "TC1", 0, why);
		journal_rollback(sim.load.journal);
		ck_assert_int_eq(e == E_LOCKED ? E_OK : e, issue); /* not claimed yet: the id could be had */
		ck_assert_int_eq(recover_begin(v, &in, &sim.acquirer, &iksn, why), recover);
		ck_assert_int_eq(lease_chain(sim.load.journal, &aes.id, &tdes.id, why), plan);
		ck_assert_int_eq(lease_dictate(&sim.load, &d, &(struct ksn){ .len = 0 }, why), plan);
		room_sim_meddle(&sim.load, "DELETE FROM lease WHERE first = 200");
		e = lease_accept(&again, &known, &sim.load, (struct span){ l.bytes, l.len }, why);
		ck_assert_int_eq(e == E_REPLAY ? E_OK : e, plan);
		room_sim_meddle(&sim.load, "DELETE FROM chain; DELETE FROM manifest");
	}
	recover_end(v);
	free(v);
}
END_TEST

START_TEST(what_is_compromised_or_destroyed_is_wiped_from_the_acquirers_memory)
{
	struct recover *v = calloc(1, sizeof *v);
	struct room_sim_package p;
	uint8_t bytes[EXCHANGE_MAX];
	struct key_set in = { .utc = 0 };
	char from[CERT_TEXT];
	struct ksn k[2];
	size_t len, used = 0;

	ck_assert_ptr_nonnull(v);
	for (int i = 0; i < 2; i++) {
		room_sim_package(&sim, &p, DUKPT_TDES, i ? "FFFF000002" : "FFFF000001",
				 i ? "AB13F4ECAB13F4EC0123456789ABCDEF" : "AB13F4ECAB13F4ECFEDCBA9876543210");
		len = room_sim_package_bytes(&sim, bytes, &p);
		ck_assert_int_eq(exchange_import(&in, from, &sim.acquirer, (struct span){ bytes, len }, why), E_OK);
		ck_assert_int_eq(ksn_make(&k[i], DUKPT_TDES, p.set.b, 7), E_OK);
		k[i].b[9] |= 1;
		ck_assert_int_eq(recover_begin(v, &in, &sim.acquirer, &k[i], why), E_OK);
	}
	recover_forget(v, &p.set);
	for (size_t i = 0; i < RECOVER_CACHE; i++) {
		used += v->cache[i].used != 0;
		ck_assert(!v->cache[i].used || !ksn_same_device(&v->cache[i].iksn, &k[1]));
	}
	ck_assert_uint_eq(used, 1);
	recover_end(v);
	free(v);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("key_state");
	TCase *t = tcase_create("table"), *rooms = tcase_create("rooms");

	suite_add_tcase(s, t);
	tcase_add_test(t, each_state_permits_what_it_permits);
	tcase_add_test(t, states_follow_each_other_and_nothing_follows_the_end);
	tcase_add_test(t, every_step_takes_two_people_of_the_roles_that_may);
	tcase_add_test(t, a_state_has_one_name);
	tcase_add_test(t, a_period_makes_active_and_deactivates_to_the_second);
	suite_add_tcase(s, rooms);
	tcase_set_timeout(rooms, 120);
	tcase_add_checked_fixture(rooms, setup, teardown);
	tcase_add_test(rooms, only_its_own_request_brings_a_key_set_on_and_its_life_is_kept);
	tcase_add_test(rooms, a_clock_that_is_set_back_brings_nothing_back);
	tcase_add_test(rooms, a_suspended_key_set_waits_for_people_beyond_its_end);
	tcase_add_test(rooms, a_period_is_one_that_can_be);
	tcase_add_test(rooms, a_key_set_that_is_made_for_later_waits_or_is_made_active);
	tcase_add_test(rooms, what_a_state_does_not_permit_nobody_does);
	tcase_add_test(rooms, what_is_compromised_or_destroyed_is_wiped_from_the_acquirers_memory);
	return s;
}

int main(void)
{
	return test_main(suite());
}
