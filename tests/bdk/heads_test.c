/*
 * Heads of the audit by the clock: what was recorded gets one when an interval is over, and nothing else does. The clock is the
 * test's; that bdkd wakes for it by itself is in workers_test.c.
 */
#include "tests/lib/process.h"
#include "bdk/heads.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

enum { INTERVAL = 600 };

static struct room_sim sim;

static void setup(void)
{
	room_sim_make(&sim);
	sim.load.config.head_seconds = INTERVAL;
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static void record(const char *what)
{
	ck_assert_int_eq(journal_audit(sim.load.journal, "uid 0 people", what, "", ""), E_OK);
}

/* Records that no head covers yet. */
static uint64_t uncovered(void)
{
	char text[AUDIT_HEAD_TEXT], why[AUDIT_WHY];
	struct audit newest;
	struct audit_head *head = NULL;
	uint64_t last;
	size_t n = 0;

	ck_assert_int_eq(journal_audit_head(&newest, sim.load.journal), E_OK);
	ck_assert_int_eq(journal_head(text, &last, sim.load.journal), E_OK);
	if (text[0]) {
		uint8_t records[P256_POINT];

		ck_assert_int_eq(heads_key(records, &sim.load), E_OK);
		ck_assert_int_eq(
			audit_heads(&head, &n, (struct span){ (const uint8_t *)text, strlen(text) }, records, why),
			E_OK);
		ck_assert_uint_eq(head->sequence, last);
		ck_assert(last < newest.sequence || !memcmp(head->hash, newest.hash, sizeof newest.hash));
	}
	free(head);
	return newest.sequence - last;
}

typedef void tend(struct room *r, uint64_t now);

static void twin_deaf(struct room *r, uint64_t now)
{
	(void)r;
	(void)now;
}

/* A head for what came in an interval, at its end: records that none covers after one, and a moment before. */
static bool keeps_up(tend *look)
{
	uint64_t now = room_monotonic() + INTERVAL, before;
	bool good = true;

	look(&sim.load, now);
	good &= !uncovered();
	for (int i = 0; i < 3; i++) {
		record("one");
		record("another");
		look(&sim.load, now + INTERVAL - 1);
		before = uncovered();
		good &= before == 2 && heads_left(&sim.load, now + INTERVAL - 1) == 1;
		now += INTERVAL;
		look(&sim.load, now);
		good &= !uncovered() && heads_left(&sim.load, now) == INTERVAL;
	}
	return good;
}

START_TEST(what_was_recorded_gets_a_head_when_an_interval_is_over)
{
	ck_assert(keeps_up(heads_tend));
	ck_assert(!keeps_up(twin_deaf));
}
END_TEST

START_TEST(without_a_record_there_is_no_head)
{
	char one[AUDIT_HEAD_TEXT], again[AUDIT_HEAD_TEXT];
	uint64_t last, at = 0, now = room_monotonic() + INTERVAL;
	int n = 0;

	record("one");
	heads_tend(&sim.load, now);
	ck_assert_int_eq(journal_head(one, &last, sim.load.journal), E_OK);
	for (uint64_t i = 1; i < 5; i++)
		heads_tend(&sim.load, now + i * INTERVAL);
	ck_assert_int_eq(journal_head(again, &last, sim.load.journal), E_OK);
	ck_assert_str_eq(one, again);
	while (!journal_head_next(again, sim.load.journal, &at))
		n++;
	ck_assert_int_eq(n, 1);
}
END_TEST

/* All are making KEYs: nobody waits for one of them. */
START_TEST(a_head_waits_for_a_worker_that_has_nothing_to_do)
{
	uint64_t now = room_monotonic() + INTERVAL;

	record("one");
	for (unsigned i = 0; i < sim.load.config.workers; i++)
		sim.load.worker[i].state = WORKER_KEY_ORDERED;
	ck_assert_uint_eq(heads_left(&sim.load, now), UINT64_MAX);
	heads_tend(&sim.load, now);
	ck_assert_uint_gt(uncovered(), 0);
	sim.load.worker[0].state = WORKER_KEY_NONE;
	ck_assert_uint_eq(heads_left(&sim.load, now), 0);
	heads_tend(&sim.load, now);
	ck_assert_uint_eq(uncovered(), 0);
}
END_TEST

START_TEST(a_locked_room_signs_nothing_and_waits_for_nothing)
{
	uint64_t now = room_monotonic() + INTERVAL;

	record("one");
	sim.load.sealed = true;
	ck_assert_uint_eq(heads_left(&sim.load, now), UINT64_MAX);
	heads_tend(&sim.load, now);
	ck_assert_uint_gt(uncovered(), 0);
	sim.load.sealed = false;
	heads_tend(&sim.load, now);
	ck_assert_uint_eq(uncovered(), 0);
	sim.load.config.head_seconds = 0;
	ck_assert_uint_eq(heads_left(&sim.load, now + INTERVAL), UINT64_MAX);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("heads");
	TCase *t = tcase_create("heads");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_recorded_gets_a_head_when_an_interval_is_over);
	tcase_add_test(t, without_a_record_there_is_no_head);
	tcase_add_test(t, a_head_waits_for_a_worker_that_has_nothing_to_do);
	tcase_add_test(t, a_locked_room_signs_nothing_and_waits_for_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
