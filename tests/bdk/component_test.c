/*
 * The entry of a key by components: who may give one, when the key is whole, what ends it, and that nothing is left then.
 */
#include "bdk/component.h"
#include "tests/lib/test.h"

#include <string.h>

static const struct entered set = { .set = { { 0xFF, 0xFF, 1, 2, 3 }, 5, DUKPT_TDES } };
static const struct giver anna = { 1001, "anna" }, bert = { 1002, "bert" }, carl = { 1003, "carl" }, nobody = { 0, "" };
static const struct kcv none, paper = { { 1, 2, 3 }, 3 };

static struct key one(uint8_t fill)
{
	struct key k = { .len = 16 };

	memset(k.b, fill, k.len);
	return k;
}

static void begin(struct components *x, unsigned n, const struct kcv *said)
{
	memset(x, 0, sizeof *x);
	ck_assert_int_eq(components_begin(x, "load", &set, n, said, &anna, 1000), E_OK);
}

static enum err give(struct components *x, const struct giver *by, uint8_t fill, uint64_t now)
{
	const char bag[] = { 'A', (char)('A' + fill % 26), 0 };
	struct key k = one(fill);

	return components_give(x, &k, by, bag, now);
}

START_TEST(an_entry_has_2_to_9_components_and_one_is_under_way)
{
	struct components x = { .number = 0 };

	ck_assert_int_eq(components_begin(&x, "load", &set, 1, &none, &anna, 1), E_RANGE);
	ck_assert_int_eq(components_begin(&x, "load", &set, 10, &none, &anna, 1), E_RANGE);
	ck_assert_int_eq(components_begin(&x, "load", &set, 9, &none, &anna, 1), E_OK);
	ck_assert_int_eq(components_begin(&x, "load", &set, 2, &none, &bert, 1), E_EXISTS);
}
END_TEST

/* No two entries look alike, so that nobody takes part in another one than was meant. */
START_TEST(no_two_entries_have_one_digest)
{
	struct components x, y;

	begin(&x, 2, &paper);
	begin(&y, 2, &paper);
	ck_assert_mem_ne(x.hash, y.hash, sizeof x.hash);
}
END_TEST

typedef bool one_person(const struct giver *a, const struct giver *b);

/* As bdk/component.c tells them apart: a name or a login in common, and it is one person. */
static bool by_either(const struct giver *a, const struct giver *b)
{
	struct components x;
	enum err e;

	begin(&x, 3, &none);
	ck_assert_int_eq(give(&x, a, 1, 1001), E_OK);
	e = give(&x, b, 2, 1002);
	return e == E_EXISTS;
}

/* The twins look at one of the two alone. */
static bool by_name(const struct giver *a, const struct giver *b)
{
	return !strcmp(a->name, b->name);
}

static bool by_login(const struct giver *a, const struct giver *b)
{
	return a->uid == b->uid;
}

static bool keeps_apart(one_person *same)
{
	const struct giver other_login = { 1009, "anna" }, other_name = { 1001, "dora" };

	return same(&anna, &anna) && same(&anna, &other_login) && same(&anna, &other_name) && !same(&anna, &bert);
}

START_TEST(no_person_gives_two)
{
	ck_assert(keeps_apart(by_either));
	ck_assert(!keeps_apart(by_name));
	ck_assert(!keeps_apart(by_login));
	/* a test room without people */
	ck_assert(!by_either(&nobody, &nobody));
}
END_TEST

START_TEST(a_key_whose_check_value_was_said_is_whole_with_its_last_component)
{
	struct components x;
	struct key k = one(9);

	begin(&x, 3, &paper);
	ck_assert(!components_whole(&x));
	ck_assert_int_eq(give(&x, &anna, 1, 1001), E_OK);
	k.len = 24;
	ck_assert_int_eq(components_give(&x, &k, &bert, "B1", 1001), E_KEY);
	k = one(9);
	ck_assert_int_eq(components_give(&x, &k, &bert, "AB", 1001), E_BAG_STATE); /* anna's bag */
	ck_assert_int_eq(give(&x, &bert, 2, 1002), E_OK);
	ck_assert(!components_whole(&x));
	ck_assert_int_eq(components_agree(&x, &anna, 1003), E_SEQUENCE);
	ck_assert_int_eq(give(&x, &carl, 3, 1003), E_OK);
	ck_assert(components_whole(&x));
	ck_assert_int_eq(give(&x, &(struct giver){ 1004, "dora" }, 4, 1004), E_SEQUENCE);
}
END_TEST

START_TEST(else_all_of_them_agree_to_it)
{
	struct components x;

	begin(&x, 2, &none);
	ck_assert_int_eq(give(&x, &anna, 1, 1001), E_OK);
	ck_assert_int_eq(give(&x, &bert, 2, 1002), E_OK);
	ck_assert(!components_whole(&x));
	x.total = paper;
	ck_assert(!components_whole(&x));
	ck_assert_int_eq(components_agree(&x, &carl, 1003), E_DENIED);
	ck_assert_int_eq(components_agree(&x, &anna, 1003), E_OK);
	ck_assert_int_eq(components_agree(&x, &anna, 1003), E_DENIED); /* and not for another */
	ck_assert(!components_whole(&x));
	ck_assert_int_eq(components_agree(&x, &bert, 1003), E_OK);
	ck_assert(components_whole(&x));
	/* in a room without people one login agrees as often as it gave */
	begin(&x, 2, &none);
	ck_assert(!give(&x, &nobody, 1, 1001) && !give(&x, &nobody, 2, 1002));
	x.total = paper;
	ck_assert_int_eq(components_agree(&x, &nobody, 1003), E_OK);
	ck_assert(!components_whole(&x));
	ck_assert_int_eq(components_agree(&x, &nobody, 1003), E_OK);
	ck_assert(components_whole(&x));
}
END_TEST

START_TEST(an_entry_ends_by_itself)
{
	struct components x = { .number = 0 };
	const char *why;

	ck_assert_uint_eq(components_left(&x, 5000, &why), UINT64_MAX);
	begin(&x, 9, &none);
	ck_assert_uint_eq(components_left(&x, 1000, &why), COMPONENTS_IDLE);
	ck_assert_uint_eq(components_left(&x, 1000 + COMPONENTS_IDLE, &why), 0);
	for (unsigned i = 0; i < 4; i++) { /* they come, but slowly */
		const struct giver by = { 2000 + i, { 'a', (char)('a' + i) } };

		ck_assert_int_eq(give(&x, &by, (uint8_t)i, 1000 + 800 * (i + 1)), E_OK);
	}
	ck_assert_uint_eq(components_left(&x, 4200, &why), COMPONENTS_SECONDS - 3200);
	ck_assert_str_eq(why, "it took too long");
	ck_assert_uint_eq(components_left(&x, 1000 + COMPONENTS_SECONDS + 1, &why), 0);
}
END_TEST

static bool holds(const struct components *x, uint8_t fill)
{
	struct key k = one(fill);

	return memmem(x, sizeof *x, k.b, 8);
}

/* The twin marks an entry as done, and keeps what was given. */
static void forgetful(struct components *x, const char *why)
{
	(void)why;
	x->number = 0;
	x->given = 0;
}

static bool wipes(void (*end)(struct components *x, const char *why), const char *why, struct components *x)
{
	begin(x, 2, &none);
	ck_assert(!give(x, &anna, 0xA5, 1001) && !give(x, &bert, 0x5A, 1002));
	ck_assert(holds(x, 0xA5) && holds(x, 0x5A));
	end(x, why);
	return !holds(x, 0xA5) && !holds(x, 0x5A);
}

START_TEST(what_was_given_is_wiped_however_it_ends)
{
	static const char *const why[] = { "", "anna has left", "it took too long" };
	struct components x;

	ck_assert(!wipes(forgetful, "", &x));
	for (size_t i = 0; i < sizeof why / sizeof *why; i++) {
		ck_assert(wipes(components_end, why[i], &x));
		ck_assert_uint_eq(x.number, 0);
		ck_assert_str_eq(x.ended, why[i]);
		ck_assert_int_eq(components_begin(&x, "load", &set, 2, &none, &bert, 2000), E_OK);
		ck_assert_uint_eq(x.number, 2); /* another one, also for whoever was in the one before */
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("component");
	TCase *t = tcase_create("component");

	suite_add_tcase(s, t);
	tcase_add_test(t, an_entry_has_2_to_9_components_and_one_is_under_way);
	tcase_add_test(t, no_two_entries_have_one_digest);
	tcase_add_test(t, no_person_gives_two);
	tcase_add_test(t, a_key_whose_check_value_was_said_is_whole_with_its_last_component);
	tcase_add_test(t, else_all_of_them_agree_to_it);
	tcase_add_test(t, an_entry_ends_by_itself);
	tcase_add_test(t, what_was_given_is_wiped_however_it_ends);
	return s;
}

int main(void)
{
	return test_main(suite());
}
