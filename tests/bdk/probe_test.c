#include "bdk/probe.h"
#include "tests/lib/test.h"

#include <string.h>

/* Everything as it should be, and no choice taken but one way to wrap */
static struct probe sound(void)
{
	struct probe p = { .about = "M by N, library 1.2" };

	for (enum probe_question q = 0; q < PROBE_QUESTIONS; q++)
		p.of[q].answer = probe_rows[q].kind == PROBE_CHOICE ? PROBE_NONE : PROBE_RIGHT;
	p.of[PROBE_KWP].answer = PROBE_RIGHT;
	return p;
}

START_TEST(one_answer_decides)
{
	static const enum probe_answer others[] = { PROBE_UNASKED, PROBE_WRONG, PROBE_NONE };
	struct probe p = sound();
	char blame[256];

	ck_assert_int_eq(probe_verdict(&p), PROBE_PRODUCTION);
	probe_blame(blame, sizeof blame, &p);
	ck_assert_str_eq(blame, "");
	for (enum probe_question q = 0; q < PROBE_QUESTIONS; q++) {
		for (unsigned i = 0; i < 3; i++) {
			enum probe_kind kind = probe_rows[q].kind;

			p = sound();
			p.of[q].answer = others[i];
			ck_assert_int_eq(probe_verdict(&p), kind == PROBE_NEEDED || q == PROBE_KWP ? PROBE_UNUSABLE
							    : kind == PROBE_REFUSAL		    ? PROBE_TEST
												    : PROBE_PRODUCTION);
			probe_blame(blame, sizeof blame, &p);
			ck_assert_str_eq(blame, kind == PROBE_CHOICE ? "" : probe_rows[q].name);
		}
	}
}
END_TEST

START_TEST(a_token_that_was_not_asked_is_good_for_nothing)
{
	static const struct probe none;
	char blame[8];

	ck_assert_int_eq(probe_verdict(&none), PROBE_UNUSABLE);
	probe_blame(blame, sizeof blame, &none);
	ck_assert_uint_eq(strlen(blame), sizeof blame - 1); /* cut, and ended */
}
END_TEST

START_TEST(every_question_has_a_name_and_every_answer_travels)
{
	struct probe p = sound(), q;
	uint8_t b[PROBE_BYTES];
	struct rd r;
	struct wr w;

	for (unsigned i = 0; i < PROBE_QUESTIONS; i++) {
		p.of[i].answer = i % 4;
		p.of[i].rv = 0x80000000 + i;
		ck_assert(probe_rows[i].name && probe_rows[i].text);
	}
	memset(p.about, 'a', sizeof p.about - 1);
	wr_init(&w, b, sizeof b);
	probe_put(&w, &p);
	ck_assert_int_eq(wr_end(&w), E_OK);
	rd_init(&r, b, w.len);
	probe_take(&r, &q);
	ck_assert_int_eq(rd_end(&r), E_OK);
	ck_assert_mem_eq(&p, &q, sizeof p);
	for (size_t len = 0; len < w.len; len++) {
		rd_init(&r, b, len);
		probe_take(&r, &q);
		ck_assert_int_ne(rd_end(&r), E_OK);
		ck_assert_int_eq(q.of[0].answer, PROBE_UNASKED);
	}
	b[0] = PROBE_NONE + 1;
	rd_init(&r, b, w.len);
	probe_take(&r, &q);
	ck_assert_int_eq(rd_end(&r), E_FORMAT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("probe");
	TCase *t = tcase_create("probe");

	suite_add_tcase(s, t);
	tcase_add_test(t, one_answer_decides);
	tcase_add_test(t, a_token_that_was_not_asked_is_good_for_nothing);
	tcase_add_test(t, every_question_has_a_name_and_every_answer_travels);
	return s;
}

int main(void)
{
	return test_main(suite());
}
