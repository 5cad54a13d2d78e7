/*
 * What hangs below a key set: each load as it is now and each initial KSN that was handed over, once, however many pieces that takes,
 * and nothing of another key set.
 */
#include "bdk/key_state.h"
#include "bdk/ops.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

enum { MANY = 2400 };

static struct room_sim sim;
static struct record asked, answer;

static void setup(void)
{
	struct key bdk;

	room_sim_make(&sim);
	room_sim_generate(&sim, &bdk, DUKPT_TDES, "FFFF000001", 0, 9999);
	room_sim_generate(&sim, &bdk, DUKPT_TDES, "FFFF000002", 0, 9999);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static enum err ask(struct room *r, const char *id, uint64_t since)
{
	static struct peer peer = { .role = ROLE_PEOPLE };
	struct ask a = { .room = r, .peer = &peer, .answer = &answer };
	uint16_t op;

	record_begin(&asked, OP_BELOW);
	record_put_text(&asked, F_KEY_SET, id);
	record_put_number(&asked, F_SINCE, since);
	record_begin(&answer, OP_BELOW);
	ck_assert_int_eq(record_parse(&op, &a.fields, (struct span){ asked.b, asked.len }), E_OK);
	return op_below(&a);
}

/* What all pieces say. Overlaps: the broken twin, which asks for a bit again. */
struct told {
	unsigned rows, also, pieces, zeroized, refused;
	uint32_t next; /* device id that has to come */
	bool in_order;
};

static struct told all(struct room *r, const char *id, uint32_t step, bool overlaps)
{
	struct told t = { .in_order = true };
	uint64_t since = 0, more = 1;

	while (more && t.pieces < 100) {
		struct span fields, row;
		size_t at = 0;
		uint16_t op;

		ck_assert_int_eq(ask(r, id, since), E_OK);
		ck_assert_int_eq(answer.e, E_OK);
		ck_assert_int_eq(record_parse(&op, &fields, (struct span){ answer.b, answer.len }), E_OK);
		while (field_next(&row, fields, F_ROW, &at)) {
			struct span ksn = field_get(row, F_KSN);
			char text[64];
			struct ksn k = { .len = (uint8_t)ksn.len };

			if (!ksn.p) {
				t.also++;
				continue;
			}
			memcpy(k.b, ksn.p, ksn.len);
			t.in_order = t.in_order && ksn_device(&k) == t.next;
			t.next += step;
			t.rows++;
			t.zeroized += !field_text(text, sizeof text, row, F_STATE) && !strcmp(text, "zeroized");
			t.refused += !field_text(text, sizeof text, row, F_REASON) && *text;
		}
		t.pieces++;
		ck_assert_int_eq(field_number(&more, fields, F_MORE, 1), E_OK);
		ck_assert_int_eq(field_number(&since, fields, F_SEQUENCE, INT64_MAX), E_OK);
		since -= overlaps;
	}
	return t;
}

START_TEST(every_load_is_told_once_as_it_is_now)
{
	char sql[1600];
	struct told t;

	/* of two key sets by turns; each a terminal of its own; every third is zeroized since */
	snprintf(sql, sizeof sql,
		 "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		 " INSERT INTO load(key_set, id, serial, spki, point, slot, first_count, firmware) SELECT"
		 " 'FFFF00000' || (1 + i %% 2), i / 2, 'TC-' || i, cast(printf('%%032d', i) AS BLOB), zeroblob(65), 0, "
		 "0, '1' FROM n;"
		 "INSERT INTO event(load, state, load_count, kcv, utc) SELECT row, 1, 0, x'', 1 FROM load;"
		 "INSERT INTO event(load, state, load_count, kcv, utc) SELECT row, 2, 1, x'010203', 2 FROM load;"
		 "INSERT INTO event(load, state, load_count, kcv, utc) SELECT row, 4, 1, x'010203', 3 FROM load WHERE "
		 "id %% 3 = 0",
		 2 * MANY - 1);
	room_sim_meddle(&sim.load, sql);
	t = all(&sim.load, "FFFF000001", 1, false);
	ck_assert(t.in_order);
	ck_assert_uint_eq(t.rows, MANY);
	ck_assert_uint_eq(t.zeroized, MANY / 3);
	ck_assert_uint_eq(t.also, 1); /* its package */
	ck_assert_uint_gt(t.pieces, 3);
	/* the twin that asks wrongly is noticed */
	t = all(&sim.load, "FFFF000001", 1, true);
	ck_assert(!t.in_order);
}
END_TEST

START_TEST(every_initial_ksn_that_was_handed_over_is_told_once)
{
	struct room_sim_package p;
	uint8_t bytes[EXCHANGE_MAX];
	struct key_set in = { .utc = 0 };
	struct handed h = { .serial = "TC-1" };
	char from[CERT_TEXT], why[EXCHANGE_WHY];
	struct told t;
	size_t len;

	for (int i = 0; i < 3; i++) {
		static const char *const ids[] = { "FFFF0001", "FFFF000100", "FFFF000101" };

		room_sim_package(&sim, &p, i ? DUKPT_TDES : DUKPT_AES128, ids[i],
				 i == 0   ? "AB13F4ECAB13F4EC0123456789ABCDEF"
				 : i == 1 ? "AB13F4ECAB13F4ECFEDCBA9876543210"
					  : "AB13F4ECAB13F4ECFEDCBA98765432EF");
		len = room_sim_package_bytes(&sim, bytes, &p);
		ck_assert_int_eq(exchange_import(&in, from, &sim.acquirer, (struct span){ bytes, len }, why), E_OK);
		ck_assert_int_eq(journal_begin(sim.acquirer.journal), E_OK);
		for (uint32_t k = 0; k < MANY; k++) {
			ck_assert_int_eq(ksn_make(&h.iksn, p.set.scheme, p.set.b, 7 * k), E_OK);
			snprintf(h.refused, sizeof h.refused, "%s", k % 5 ? "" : "zeroized");
			ck_assert_int_eq(journal_handed_put(sim.acquirer.journal, &h), E_OK);
		}
		ck_assert_int_eq(journal_commit(sim.acquirer.journal), E_OK);
	}
	/* an id of AES that begins like one of TDES, and TDES ids that are neighbours */
	t = all(&sim.acquirer, "FFFF000100", 7, false);
	ck_assert(t.in_order);
	ck_assert_uint_eq(t.rows, MANY);
	ck_assert_uint_eq(t.refused, MANY / 5);
	ck_assert_uint_eq(t.also, 1); /* who made it */
	ck_assert_uint_gt(t.pieces, 1);
	t = all(&sim.acquirer, "FFFF0001", 7, false);
	ck_assert(t.in_order);
	ck_assert_uint_eq(t.rows, MANY);
	ck_assert_int_eq(ask(&sim.acquirer, "FFFF000199", 0), E_KEY_SET);
}
END_TEST

/* A destroyed key set still tells: what was loaded from it is out there. */
START_TEST(in_every_state_it_can_be_asked)
{
	for (int s = KEY_SET_ACTIVE; s <= KEY_SET_DESTROYED; s++) {
		ck_assert_int_eq(journal_key_set_state(sim.load.journal, "FFFF000001", (enum key_set_state)s, ""),
				 E_OK);
		ck_assert_int_eq(ask(&sim.load, "FFFF000001", 0), E_OK);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("below");
	TCase *t = tcase_create("below");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, every_load_is_told_once_as_it_is_now);
	tcase_add_test(t, every_initial_ksn_that_was_handed_over_is_told_once);
	tcase_add_test(t, in_every_state_it_can_be_asked);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
