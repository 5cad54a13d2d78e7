/*
 * What hangs on a bag: a damaged or missing one suspends its key set or KBPK, in the same request; one that is found whole, or opened,
 * does not. ops_media.c is compiled into this program with a twin that suspends nothing.
 */
#include "bdk/key_state.h"

static bool careless;

static enum err twin_go(struct room *r, const char *id, enum key_set_state to, uint16_t op, const char *reason,
			char why[static KEY_STATE_WHY])
{
	return careless ? E_OK : key_state_go(r, id, to, op, reason, why);
}

#define key_state_go twin_go
#include "bdk/ops_media.c"
#undef key_state_go

#include "bdk/kbpk.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <stdlib.h>

static struct room_sim sim;
static struct record request, answer;
static struct peer peer;
static struct ask a;

static void setup(void)
{
	careless = false;
	room_sim_make(&sim);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

/* That a bag was found so, by one person. */
static enum err found(const char *number, const char *state, const char *reason)
{
	uint16_t op;

	memset(&a, 0, sizeof a);
	a.room = &sim.load;
	a.peer = &peer;
	a.answer = &answer;
	record_begin(&answer, OP_BAG_FOUND);
	record_begin(&request, OP_BAG_FOUND);
	record_put_text(&request, F_BAG, number);
	record_put_text(&request, F_STATE, state);
	if (*reason)
		record_put_text(&request, F_REASON, reason);
	ck_assert_int_eq(record_parse(&op, &a.fields, (struct span){ request.b, request.len }), E_OK);
	return op_bag_found(&a);
}

static struct span said(void)
{
	static struct span fields;
	uint16_t op;

	ck_assert_int_eq(record_parse(&op, &fields, (struct span){ answer.b, answer.len }), E_OK);
	return fields;
}

static uint64_t number(uint16_t tag)
{
	uint64_t v;

	ck_assert_int_eq(field_number(&v, said(), tag, INT64_MAX), E_OK);
	return v;
}

static void record_bag(const char *bag, const char *holds)
{
	struct bag b = { .medium = BAG_COMPONENT, .purpose = "paper", .keeper = "ann" };
	char why[MEDIA_WHY];

	strcpy(b.number, bag);
	strcpy(b.holds, holds);
	ck_assert_int_eq(media_record(sim.load.journal, &b, why), E_OK);
}

static enum key_set_state state_of(const char *id)
{
	struct key_set s;

	ck_assert_int_eq(journal_key_set(&s, sim.load.journal, id), E_OK);
	return s.state;
}

static void generate(const char *id)
{
	struct key bdk;

	room_sim_generate(&sim, &bdk, DUKPT_TDES, id, 0, 99);
}

START_TEST(damage_and_loss_suspend_the_key_set_and_say_what_hangs_below_and_the_twin_shows)
{
	struct span row;
	size_t at = 0;
	uint64_t last;

	generate("FFFF000001");
	record_bag("A1", "FFFF000001");
	ck_assert_int_eq(found("A1", "sealed", ""), E_OK);
	ck_assert_uint_eq(number(F_SUSPENDED), 0);
	ck_assert_int_eq(state_of("FFFF000001"), KEY_SET_ACTIVE);
	careless = true;
	ck_assert_int_eq(found("A1", "damaged", "torn"), E_OK);
	ck_assert_int_ne(state_of("FFFF000001"), KEY_SET_SUSPENDED);
	careless = false;
	ck_assert_int_eq(found("A1", "missing", "gone"), E_OK);
	ck_assert_uint_eq(number(F_SUSPENDED), 1);
	ck_assert_int_eq(state_of("FFFF000001"), KEY_SET_SUSPENDED);
	ck_assert_str_eq(a.object, "A1: component of FFFF000001: missing, gone (key suspended)");
	ck_assert_uint_eq(number(F_GIVEN), 1);
	ck_assert(field_next(&row, said(), F_ROW, &at) && !field_number(&last, row, F_LAST, UINT32_MAX) && last == 99);
	/* once is enough */
	ck_assert_int_eq(found("A1", "damaged", "back"), E_OK);
	ck_assert_uint_eq(number(F_SUSPENDED), 0);
	ck_assert_int_eq(state_of("FFFF000001"), KEY_SET_SUSPENDED);
}
END_TEST

START_TEST(a_kbpk_is_suspended_and_resumed_and_what_is_no_key_of_the_room_is_written_down_all_the_same)
{
	struct kbpk_id id = { "partner", DUKPT_KEY_AES128 };
	struct kbpk_block block;
	char why[KBPK_WHY];
	struct kbpk k;

	ck_assert_int_eq(kbpk_generate(&k, &block, &sim.load, &id, NULL, 'N', why), E_OK);
	record_bag("K1", "partner");
	record_bag("S1", "");
	record_bag("X1", "FFFF00000F");
	ck_assert_int_eq(kbpk_resume(&k, &sim.load, "partner", "why not", why), E_KBPK);
	ck_assert_int_eq(found("K1", "damaged", "torn"), E_OK);
	ck_assert_uint_eq(number(F_SUSPENDED), 1);
	ck_assert_int_eq(journal_kbpk(&k, sim.load.journal, "partner"), E_OK);
	ck_assert_int_eq(k.state, KEY_SET_SUSPENDED);
	ck_assert_int_eq(kbpk_resume(&k, &sim.load, "partner", "made anew", why), E_OK);
	ck_assert_int_eq(k.state, KEY_SET_ACTIVE);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(found(i ? "S1" : "X1", "missing", "gone"), E_OK);
		ck_assert_uint_eq(number(F_SUSPENDED), 0);
	}
	ck_assert_int_eq(found("Z1", "missing", "gone"), E_BAG);
	ck_assert_int_eq(found("S1", "missing", ""), E_BAG_STATE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("suspect");
	TCase *t = tcase_create("suspect");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, damage_and_loss_suspend_the_key_set_and_say_what_hangs_below_and_the_twin_shows);
	tcase_add_test(t, a_kbpk_is_suspended_and_resumed_and_what_is_no_key_of_the_room_is_written_down_all_the_same);
	suite_add_tcase(s, t);
	return test_main(s);
}
