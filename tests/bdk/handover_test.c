/*
 * Hand-over between rooms, where the list of revoked certificates is not in force: no pack is made, none is taken, and what
 * the clock said of the list stays written although the taking is undone.
 */
#include "bdk/handover.h"
#include "bdk/list.h"
#include "bdk/ops.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

#define DAY UINT64_C(86400)

static struct room_sim sim;
static char text[PACK_MAX], why[HANDOVER_WHY];
static struct pack_head head;
static size_t len;

static void setup(void)
{
	room_sim_make(&sim);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static enum err make(void)
{
	len = 0;
	return handover_make(text, &len, &head, &sim.load, NULL, 0, why);
}

static void expire(struct room *r)
{
	room_sim_crl(&sim, r, (struct span){ NULL, 0 }, room_utc() - 10 * DAY, 5);
}

START_TEST(a_pack_is_made_under_a_list_in_force_alone)
{
	ck_assert_int_eq(make(), E_OK);
	ck_assert_uint_gt(len, 0);
	expire(&sim.load);
	ck_assert_int_eq(make(), E_EXPIRED);
	ck_assert_uint_eq(len, 0);
	ck_assert_ptr_nonnull(strstr(why, "bdk install --room LOAD --crl"));
}
END_TEST

/* As bdk/server.c asks it: in a transaction, which an error undoes. */
static enum err import(void)
{
	static struct record answer;
	static struct peer peer;
	struct ask a = { .room = &sim.acquirer, .peer = &peer, .answer = &answer };
	enum err e = journal_begin(sim.acquirer.journal);

	ck_assert_int_eq(e, E_OK);
	peer.put = (struct bulk){ malloc(len), len };
	ck_assert_ptr_nonnull(peer.put.b);
	memcpy(peer.put.b, text, len);
	record_begin(&answer, OP_IMPORT_PACK);
	e = op_import_pack(&a);
	if (e)
		journal_rollback(sim.acquirer.journal);
	else
		ck_assert_int_eq(journal_commit(sim.acquirer.journal), E_OK);
	return e;
}

START_TEST(that_a_list_was_seen_expired_stays_though_the_pack_does_not)
{
	uint64_t seen = 0;

	ck_assert_int_eq(make(), E_OK);
	ck_assert_int_eq(import(), E_OK);
	ck_assert_int_eq(import(), E_OK); /* the same again */
	expire(&sim.acquirer);
	ck_assert_int_eq(journal_set_number(sim.acquirer.journal, "crl seen", 0), E_OK);
	ck_assert_int_eq(import(), E_EXPIRED);
	ck_assert_int_eq(journal_number(&seen, sim.acquirer.journal, "crl seen"), E_OK);
	ck_assert_uint_gt(seen, sim.acquirer.list.until);
	/* So a clock before the list's end, at which it would be in force, is not believed. */
	ck_assert_int_eq(list_check(&sim.acquirer, sim.acquirer.list.until - DAY, why), E_EXPIRED);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("handover");
	TCase *t = tcase_create("handover");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_pack_is_made_under_a_list_in_force_alone);
	tcase_add_test(t, that_a_list_was_seen_expired_stays_though_the_pack_does_not);
	return s;
}

int main(void)
{
	return test_main(suite());
}
