/*
 * Sessions that operators have opened: found for what they were opened for and for nothing else, and over when their time
 * is.
 */
#include "bdk/record.h"
#include "bdk/request.h"
#include "bdk/session.h"
#include "tests/lib/test.h"

#include <string.h>

static struct sessions all;
static struct record fields;

static const struct key_set_id tdes = { { 0xff, 0xff, 1, 2, 3 }, 5, DUKPT_TDES }, other = { { 0xff, 0xff, 1, 2, 4 }, 5, DUKPT_TDES },
			       none = { { 0 }, 0, DUKPT_TDES };

/* "A B C" as F_SERIAL fields. */
static struct span serials(const char *text)
{
	char copy[64], *rest = NULL;

	record_begin(&fields, OP_OPEN);
	strcpy(copy, text);
	for (char *one = strtok_r(copy, " ", &rest); one; one = strtok_r(NULL, " ", &rest))
		record_put_text(&fields, F_SERIAL, one);
	return (struct span){ fields.b + 2, fields.len - 2 };
}

static void teardown(void)
{
	for (int i = 0; i < SESSIONS; i++)
		session_end(&all.one[i]);
}

START_TEST(a_session_is_found_for_what_it_was_opened_for)
{
	static const struct {
		const struct key_set_id *set;
		uint8_t slot;
		const char *serials;
		bool found;
	} rows[] = {
		{ &tdes, 2, "A", true },   { &tdes, 2, "B A", true },	{ &tdes, 2, "A B C", false }, { &tdes, 2, "AB", false },
		{ &tdes, 3, "A", false },  { &other, 2, "A", false },	{ &none, 2, "A", false },     { &tdes, 2, "a", false },
	};
	uint64_t number;

	ck_assert_ptr_null(session_find(&all, &tdes, 2, serials("A")));
	ck_assert_int_eq(session_new(&number, &all, &tdes, 2, serials("A B"), 10), E_OK);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct session *s = session_find(&all, rows[i].set, rows[i].slot, serials(rows[i].serials));

		ck_assert_msg(!s == !rows[i].found, "row %zu", i);
		ck_assert(!s || s->number == number);
	}
	session_end(session_of(&all, number));
	ck_assert_ptr_null(session_find(&all, &tdes, 2, serials("A")));
	ck_assert_ptr_null(session_of(&all, number));
	ck_assert_ptr_null(session_of(&all, 0));
	/* one to zeroize loads nothing, and the other way round */
	ck_assert_int_eq(session_new(&number, &all, &none, 0, serials("A"), 10), E_OK);
	ck_assert_ptr_null(session_find(&all, &tdes, 0, serials("A")));
	ck_assert_ptr_nonnull(session_find(&all, &none, 0, serials("A")));
}
END_TEST

START_TEST(no_number_comes_twice_and_there_are_so_many_sessions)
{
	uint64_t number, seen = 0;

	for (int i = 0; i < 3 * SESSIONS; i++) {
		ck_assert_int_eq(session_new(&number, &all, &tdes, 0, serials("A"), 10), E_OK);
		ck_assert_uint_gt(number, seen);
		seen = number;
		if (i >= SESSIONS - 1) {
			ck_assert_int_eq(session_new(&number, &all, &tdes, 0, serials("A"), 10), E_SPACE);
			session_end(&all.one[i % SESSIONS]);
		}
	}
}
END_TEST

START_TEST(a_session_ends_when_it_idles_and_when_its_time_is_over)
{
	const struct room_config c = { .session_idle_seconds = 10, .session_seconds = 25 };
	struct session *s;
	uint64_t number;
	const char *why;

	ck_assert_int_eq(session_new(&number, &all, &tdes, 0, serials("A"), 100), E_OK);
	s = session_of(&all, number);
	ck_assert_uint_eq(session_left(s, &c, 100, &why), 10);
	ck_assert_uint_eq(session_left(s, &c, 109, &why), 1);
	ck_assert_uint_eq(session_left(s, &c, 110, &why), 0);
	ck_assert_ptr_nonnull(strstr(why, "idle"));
	s->used = 109;
	ck_assert_uint_eq(session_left(s, &c, 110, &why), 9);
	s->used = 120;
	ck_assert_uint_eq(session_left(s, &c, 120, &why), 5);
	ck_assert_uint_eq(session_left(s, &c, 125, &why), 0);
	ck_assert_ptr_null(strstr(why, "idle"));
	ck_assert_uint_eq(session_left(s, &c, 1000, &why), 0);
}
END_TEST

/* A station that only talks does not keep a session open. */
START_TEST(what_a_terminal_signs_anew_uses_a_session_and_nothing_else)
{
	int uses = 0;

	for (unsigned op = 0; op <= UINT16_MAX; op++) {
		ck_assert(!session_uses((uint16_t)op, E_DENIED) && !session_uses((uint16_t)op, E_FORMAT));
		uses += session_uses((uint16_t)op, E_OK);
	}
	ck_assert_int_eq(uses, 2);
	ck_assert(session_uses(OP_OFFER, E_OK) && session_uses(OP_ZEROIZE, E_OK));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("session");

	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, a_session_is_found_for_what_it_was_opened_for);
	tcase_add_test(t, no_number_comes_twice_and_there_are_so_many_sessions);
	tcase_add_test(t, what_a_terminal_signs_anew_uses_a_session_and_nothing_else);
	tcase_add_test(t, a_session_ends_when_it_idles_and_when_its_time_is_over);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
