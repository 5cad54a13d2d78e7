/*
 * Decisions that one glitch must not turn (terminal/secure.h). What a skipped instruction can do is played here in C; that each
 * instruction of the target is skipped, tests/system/skips.sh. The twin is the same file, built without hardening.
 */
#include "terminal/secure.h"
#include "tests/lib/test.h"

#include <stdbool.h>

#define SECURE_UNHARDENED
#define secure_add twin_add
#define secure_passed twin_passed
enum err twin_add(struct secure *s, secure_check *check, void *ctx);
uint32_t twin_passed(const struct secure *s, uint32_t marks);
#include "terminal/secure.c"
#undef SECURE_UNHARDENED
#undef secure_add
#undef secure_passed

static const struct module {
	enum err (*add)(struct secure *s, secure_check *check, void *ctx);
	uint32_t (*passed)(const struct secure *s, uint32_t marks);
} hardened = { secure_add, secure_passed }, twin = { twin_add, twin_passed };

static const uint32_t marks[] = { SECURE_ROOT,        SECURE_OWN,    SECURE_ENVIRONMENT,
				  SECURE_CERTIFICATE, SECURE_EPOCH,  SECURE_SIGNATURE,
				  SECURE_EMPTIED,     SECURE_REPEAT, SECURE_FITS };
enum { MARKS = sizeof marks / sizeof marks[0] };

/* A check that says these in turn, and counts. */
struct script {
	uint32_t mark;
	enum err says[2];
	unsigned made;
};

static enum err play(uint32_t *mark, void *ctx)
{
	struct script *s = ctx;

	*mark = s->mark;
	return s->says[s->made++ % 2];
}

START_TEST(a_check_that_passes_is_made_twice)
{
	struct script s = { SECURE_EPOCH, { E_OK, E_OK }, 0 };
	struct secure c = { 0, 0 };

	ck_assert_int_eq(secure_add(&c, play, &s), E_OK);
	ck_assert_uint_eq(s.made, 2);
	ck_assert_uint_eq(secure_passed(&c, SECURE_EPOCH), SECURE_YES);
}
END_TEST

START_TEST(a_check_that_fails_says_why_and_is_never_passed)
{
	for (int e = 1; e < 256; e++)
		for (unsigned which = 0; which < 3; which++) {
			struct script s = { SECURE_SIGNATURE,
					    { which == 1 ? E_OK : (enum err)e, which == 0 ? E_OK : (enum err)e },
					    0 };
			struct secure c = { 0, 0 };

			ck_assert_int_eq(secure_add(&c, play, &s), (enum err)e);
			ck_assert_uint_ne(secure_passed(&c, SECURE_SIGNATURE), SECURE_YES);
		}
}
END_TEST

/* Exactly the checks asked for: every subset of them against every other. */
START_TEST(neither_a_missing_nor_a_further_check_passes)
{
	for (unsigned made = 0; made < 1u << MARKS; made++) {
		struct secure c = { 0, 0 };

		for (unsigned i = 0; i < MARKS; i++)
			if (made >> i & 1) {
				struct script s = { marks[i], { E_OK, E_OK }, 0 };

				ck_assert_int_eq(secure_add(&c, play, &s), E_OK);
			}
		for (unsigned asked = 0; asked < 1u << MARKS; asked++) {
			uint32_t sum = 0;

			for (unsigned i = 0; i < MARKS; i++)
				sum += asked >> i & 1 ? marks[i] : 0;
			ck_assert((secure_passed(&c, sum) == SECURE_YES) == (made == asked));
		}
	}
}
END_TEST

START_TEST(one_sum_alone_does_not_pass)
{
	struct secure c = { SECURE_EPOCH, 0 };

	ck_assert_uint_ne(secure_passed(&c, SECURE_EPOCH), SECURE_YES);
	c = (struct secure){ 0, 0 - SECURE_EPOCH };
	ck_assert_uint_ne(secure_passed(&c, SECURE_EPOCH), SECURE_YES);
}
END_TEST

/* What a skipped instruction left of the check before, in the place of the one that was to be made. */
START_TEST(a_check_made_in_the_place_of_another_does_not_pass_for_it)
{
	struct script s = { SECURE_CERTIFICATE, { E_OK, E_OK }, 0 };
	struct secure c = { 0, 0 };

	ck_assert_int_eq(secure_add(&c, play, &s), E_OK);
	ck_assert_int_eq(secure_add(&c, play, &s), E_OK);
	ck_assert_uint_ne(secure_passed(&c, SECURE_CERTIFICATE + SECURE_EPOCH), SECURE_YES);
}
END_TEST

START_TEST(the_marks_are_far_apart)
{
	for (unsigned i = 0; i < MARKS; i++) {
		ck_assert_int_ge(__builtin_popcount(marks[i]), 12);
		for (unsigned j = 0; j < i; j++)
			ck_assert_int_ge(__builtin_popcount(marks[i] ^ marks[j]), 10);
	}
	ck_assert_int_ge(__builtin_popcount(SECURE_YES), 12);
}
END_TEST

/* --- Skips: how many of them make a caller accept what must be refused? --- */

enum skip { BRANCH, FIRST_CHECK, SECOND_CHECK, ONE_ASKING, WHOLE_CALL, SKIPS };

/* The caller, as krd.c: check, ask, do more, ask again. True: it acted. */
static bool acts(const struct module *m, enum skip skip)
{
	struct script s = { SECURE_SIGNATURE, { E_SIGNATURE, E_SIGNATURE }, 0 };
	struct secure c = { 0, 0 };
	enum err e = E_OK;

	if (skip == FIRST_CHECK || skip == SECOND_CHECK)
		s.says[skip == SECOND_CHECK] = E_OK; /* a skip within the check turned it */
	if (skip != WHOLE_CALL)
		e = m->add(&c, play, &s);
	if (e && skip != BRANCH)
		return false;
	if (m->passed(&c, SECURE_SIGNATURE) != SECURE_YES && skip != ONE_ASKING)
		return false;
	return m->passed(&c, SECURE_SIGNATURE) == SECURE_YES;
}

START_TEST(no_single_skip_makes_the_caller_act)
{
	for (enum skip i = BRANCH; i < SKIPS; i++)
		ck_assert_msg(!acts(&hardened, i), "skip %d", (int)i);
}
END_TEST

START_TEST(the_unhardened_twin_is_caught)
{
	ck_assert(acts(&twin, BRANCH));
	ck_assert(acts(&twin, FIRST_CHECK));
	ck_assert(acts(&twin, WHOLE_CALL));
	ck_assert(!acts(&twin, ONE_ASKING)); /* without a glitch it decides right */
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("terminal/secure");
	TCase *t = tcase_create("secure");

	tcase_add_test(t, a_check_that_passes_is_made_twice);
	tcase_add_test(t, a_check_that_fails_says_why_and_is_never_passed);
	tcase_add_test(t, neither_a_missing_nor_a_further_check_passes);
	tcase_add_test(t, one_sum_alone_does_not_pass);
	tcase_add_test(t, a_check_made_in_the_place_of_another_does_not_pass_for_it);
	tcase_add_test(t, the_marks_are_far_apart);
	tcase_add_test(t, no_single_skip_makes_the_caller_act);
	tcase_add_test(t, the_unhardened_twin_is_caught);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
