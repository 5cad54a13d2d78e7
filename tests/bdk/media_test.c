/*
 * Media in bags: a number is used once, what may follow what is one table, and what a ceremony has made, opened or found
 * damaged is pending until it has a disposition. media.c is compiled into this program with two twins: one for which every bag is
 * sealed and here, and one that forgets in which ceremony it is.
 */
#include "bdk/journal.h"

#include <stdio.h>
#include <string.h>

static bool all_sealed, no_ceremony;

static enum err twin_bag(struct bag *out, struct journal *j, const char *number)
{
	enum err e = journal_bag(out, j, number);

	if (!e && all_sealed) {
		out->condition = BAG_SEALED;
		out->disposition = BAG_HERE;
	}
	return e;
}

static enum err twin_number(uint64_t *v, struct journal *j, const char *name)
{
	enum err e = journal_number(v, j, name);

	if (no_ceremony)
		*v = 0;
	return e;
}

#define journal_bag twin_bag
#define journal_number twin_number
#include "bdk/media.c"
#undef journal_bag
#undef journal_number

#include "tests/lib/test.h"

static char dir[64], why[MEDIA_WHY];
static struct journal *j;
static struct bag b;

static const struct bag paper = { .number = "A4711",
				  .medium = BAG_COMPONENT,
				  .part = 1,
				  .parts = 3,
				  .holds = "FFFF987654",
				  .purpose = "loading",
				  .keeper = "ann" };

static void setup(void)
{
	char path[96];

	all_sealed = no_ceremony = false;
	test_folder_make(dir, sizeof dir);
	snprintf(path, sizeof path, "%s/journal.db", dir);
	ck_assert_int_eq(journal_create(path, ROOM_LOAD), E_OK);
	ck_assert_int_eq(journal_open(&j, path, ROOM_LOAD), E_OK);
}

static void teardown(void)
{
	journal_close(j);
	test_folder_remove(dir);
}

static void record(const char *number)
{
	struct bag made = paper;

	strcpy(made.number, number);
	ck_assert_int_eq(media_record(j, &made, why), E_OK);
}

/* A bag in that condition, as nothing but the journal made it. */
static void put(const char *number, enum bag_condition condition, enum bag_disposition disposition)
{
	struct bag made = paper;

	strcpy(made.number, number);
	made.condition = condition;
	made.disposition = disposition;
	ck_assert_int_eq(journal_bag_add(j, &made), E_OK);
}

START_TEST(a_bag_s_number_is_used_once)
{
	record("A4711");
	ck_assert_int_eq(media_record(j, &paper, why), E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "used once"));
	ck_assert_int_eq(media_find(&b, j, "A4711", BAG_OPENED, "", why), E_OK);
	ck_assert_int_eq(media_move(&b, j, "A4711", BAG_REBAGGED, "A4711", why), E_EXISTS);
	ck_assert_int_eq(media_move(&b, j, "A4711", BAG_DESTROYED, "", why), E_OK);
	ck_assert_int_eq(media_record(j, &paper, why), E_EXISTS);
	ck_assert_int_eq(media_find(&b, j, "A4712", BAG_OPENED, "", why), E_BAG);
	ck_assert_int_eq(media_move(&b, j, "A4712", BAG_DESTROYED, "", why), E_BAG);
}
END_TEST

START_TEST(what_a_bag_does_not_say_well_is_not_recorded)
{
	static const char *const numbers[] = { "", "A 1", "A:1", "A\"1" };
	static const struct {
		uint8_t part, parts;
	} parts[] = { { 1, 1 }, { 0, 2 }, { 3, 2 }, { 1, 10 }, { 1, 0 } };
	struct bag bad = paper;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		bad = paper;
		strcpy(bad.number, numbers[i]);
		ck_assert_int_eq(media_record(j, &bad, why), E_FORMAT);
		ck_assert_ptr_nonnull(strstr(why, "number"));
	}
	for (int i = 0; i < 2; i++) {
		bad = paper;
		bad.medium = i ? (enum bag_medium)(BAG_MAILER + 1) : (enum bag_medium)0;
		ck_assert_int_eq(media_record(j, &bad, why), E_FORMAT);
	}
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		bad = paper;
		bad.part = parts[i].part;
		bad.parts = parts[i].parts;
		ck_assert_int_eq(media_record(j, &bad, why), E_FORMAT);
	}
	bad = paper;
	strcpy(bad.keeper, "Ann B");
	ck_assert_int_eq(media_record(j, &bad, why), E_FORMAT);
	bad = paper;
	strcpy(bad.purpose, "a\nb");
	ck_assert_int_eq(media_record(j, &bad, why), E_FORMAT);
	bad = paper;
	strcpy(bad.holds, "FFFF 1");
	ck_assert_int_eq(media_record(j, &bad, why), E_FORMAT);
	ck_assert_int_eq(journal_bag(&b, j, "A4711"), E_BAG);
	bad = paper;
	bad.part = bad.parts = 0;
	bad.holds[0] = 0;
	ck_assert_int_eq(media_record(j, &bad, why), E_OK);
	ck_assert_int_eq(journal_bag(&b, j, "A4711"), E_OK);
	ck_assert_int_eq(b.condition, BAG_SEALED);
	ck_assert_int_eq(b.disposition, BAG_HERE);
}
END_TEST

/* Every condition and disposition that a bag can have, and everything that can be said of it: who holds against what. The table
 * is written down a second time here, as letters: s o d m found as, R D r S s (after ':') moved to. */
static const char *allowed(enum bag_condition c, enum bag_disposition d)
{
	if (d == BAG_REBAGGED || d == BAG_DESTROYED)
		return ":";
	switch (c) {
	case BAG_SEALED:
		return "sodm:DrSs";
	case BAG_OPENED:
		return "dm:RDr";
	case BAG_DAMAGED:
		return "m:RD";
	case BAG_MISSING:
		return "d:";
	}
	return ":";
}

static int strange(void)
{
	static const char found[] = " sodm", moved[] = " RDrSs";
	int n = 0, k = 0;

	for (enum bag_condition c = BAG_SEALED; c <= BAG_MISSING; c++)
		for (enum bag_disposition d = BAG_HERE; d <= BAG_SENT; d++) {
			const char *may = allowed(c, d), *colon = strchr(may, ':');
			char number[BAG_NUMBER], place[BAG_NUMBER];
			bool yes;

			for (unsigned v = 0; v <= BAG_MISSING + 1; v++) {
				snprintf(number, sizeof number, "F%d", k++);
				put(number, c, d);
				yes = v && v <= BAG_MISSING && memchr(may, found[v], (size_t)(colon - may));
				n += media_find(&b, j, number, (enum bag_condition)v, v >= BAG_DAMAGED ? "torn" : "",
						why) != (yes ? E_OK : E_BAG_STATE);
			}
			for (unsigned v = 0; v <= BAG_SENT + 1; v++) {
				snprintf(number, sizeof number, "M%d", k++);
				snprintf(place, sizeof place, "N%d", k);
				put(number, c, d);
				yes = v && v <= BAG_SENT && strchr(colon, moved[v]);
				n += media_move(&b, j, number, (enum bag_disposition)v,
						v == BAG_DESTROYED || v == BAG_RETURNED ? "" : place,
						why) != (yes ? E_OK : E_BAG_STATE);
			}
		}
	return n;
}

START_TEST(what_may_follow_what_is_the_table_and_a_twin_shows)
{
	ck_assert_int_eq(strange(), 0);
	teardown();
	setup();
	all_sealed = true;
	ck_assert_int_gt(strange(), 50);
}
END_TEST

START_TEST(a_re_bagged_medium_is_in_a_new_bag_that_is_sealed)
{
	char said[MEDIA_SAID], content[MEDIA_CONTENT];

	record("A1");
	ck_assert_int_eq(media_find(&b, j, "A1", BAG_OPENED, "", why), E_OK);
	media_seen(said, &b, false);
	ck_assert_str_eq(said, "A1: component 1 of 3 of FFFF987654: opened");
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_REBAGGED, "A 2", why), E_FORMAT);
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_REBAGGED, "a-number-that-is-too-long", why), E_FORMAT);
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_REBAGGED, "A2", why), E_OK);
	media_moved(said, &b);
	ck_assert_str_eq(said, "A1: component 1 of 3 of FFFF987654: re-bagged as A2");
	ck_assert_int_eq(journal_bag(&b, j, "A2"), E_OK);
	ck_assert_int_eq(b.condition, BAG_SEALED);
	ck_assert_int_eq(b.disposition, BAG_HERE);
	ck_assert_str_eq(b.holds, paper.holds);
	ck_assert_str_eq(b.place, "");
	media_content(content, &b);
	ck_assert_str_eq(content, "component 1 of 3 of FFFF987654");
	media_made(said, &b);
	ck_assert_str_eq(said, "A2: component 1 of 3 of FFFF987654: ann, for loading");
	ck_assert_int_eq(media_find(&b, j, "A1", BAG_OPENED, "", why), E_BAG_STATE);
	ck_assert_ptr_nonnull(strstr(why, "re-bagged as A2"));
	ck_assert_int_eq(media_move(&b, j, "A2", BAG_RETURNED, "", why), E_OK);
	ck_assert_str_eq(b.place, "ann");
}
END_TEST

START_TEST(a_key_is_suspect_while_a_bag_of_it_is_damaged_or_missing)
{
	record("A1");
	record("A2");
	ck_assert_int_eq(media_suspect(&b, j, paper.holds), E_SHORT);
	ck_assert_int_eq(media_find(&b, j, "A2", BAG_MISSING, "gone", why), E_OK);
	ck_assert_int_eq(media_suspect(&b, j, "FFFF987655"), E_SHORT);
	ck_assert_int_eq(media_suspect(&b, j, paper.holds), E_OK);
	ck_assert_str_eq(b.number, "A2");
	ck_assert_int_eq(media_find(&b, j, "A2", BAG_DAMAGED, "back", why), E_OK);
	ck_assert_int_eq(media_move(&b, j, "A2", BAG_DESTROYED, "", why), E_OK);
	ck_assert_int_eq(media_suspect(&b, j, paper.holds), E_OK); /* somebody may have seen it all the same */
}
END_TEST

START_TEST(damage_and_loss_take_a_reason_and_moves_their_place)
{
	record("A1");
	ck_assert_int_eq(media_find(&b, j, "A1", BAG_DAMAGED, "", why), E_FORMAT);
	ck_assert_int_eq(media_find(&b, j, "A1", BAG_MISSING, "a\tb", why), E_FORMAT);
	ck_assert_int_eq(media_find(&b, j, "A1", BAG_OPENED, "because", why), E_FORMAT);
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_STORED, "", why), E_FORMAT);
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_DESTROYED, "somewhere", why), E_FORMAT);
	ck_assert_int_eq(journal_bag(&b, j, "A1"), E_OK);
	ck_assert_int_eq(b.condition, BAG_SEALED);
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_STORED, "safe 2", why), E_OK);
	ck_assert_int_eq(media_find(&b, j, "A1", BAG_SEALED, "", why), E_OK); /* an inventory leaves it where it lies */
	ck_assert_int_eq(b.disposition, BAG_STORED);
	ck_assert_str_eq(b.place, "safe 2");
	ck_assert_int_eq(media_find(&b, j, "A1", BAG_DAMAGED, "torn", why), E_OK);
	ck_assert_int_eq(b.disposition, BAG_HERE);
	ck_assert_str_eq(b.place, "");
}
END_TEST

START_TEST(a_part_is_entered_out_of_its_own_bag_alone)
{
	record("A1");
	ck_assert_int_eq(media_use(&b, j, "A2", "FFFF987654", 1, 3, why), E_BAG);
	ck_assert_int_eq(media_use(&b, j, "A1", "FFFF987655", 1, 3, why), E_BAG_STATE);
	ck_assert_int_eq(media_use(&b, j, "A1", "FFFF987654", 2, 3, why), E_BAG_STATE);
	ck_assert_int_eq(media_use(&b, j, "A1", "FFFF987654", 1, 2, why), E_BAG_STATE);
	ck_assert_int_eq(journal_bag(&b, j, "A1"), E_OK);
	ck_assert_int_eq(b.condition, BAG_SEALED);
	ck_assert_int_eq(media_use(&b, j, "A1", "FFFF987654", 1, 3, why), E_OK);
	ck_assert_int_eq(b.condition, BAG_OPENED);
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_RETURNED, "", why), E_OK);
	ck_assert_int_eq(media_use(&b, j, "A1", "FFFF987654", 1, 3, why), E_OK);
	ck_assert_int_eq(b.disposition, BAG_HERE);
	ck_assert_int_eq(media_find(&b, j, "A1", BAG_DAMAGED, "torn", why), E_OK);
	ck_assert_int_eq(media_use(&b, j, "A1", "FFFF987654", 1, 3, why), E_BAG_STATE);
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_DESTROYED, "", why), E_OK);
	ck_assert_int_eq(media_use(&b, j, "A1", "FFFF987654", 1, 3, why), E_BAG_STATE);
}
END_TEST

static const char *pending(void)
{
	static char text[64];
	size_t n;

	ck_assert_int_eq(media_pending(text, sizeof text, &n, j), E_OK);
	return text;
}

static void during(uint64_t ceremony)
{
	ck_assert_int_eq(journal_set_number(j, CEREMONY_OPEN, ceremony), E_OK);
}

START_TEST(what_a_ceremony_touches_is_pending_until_it_is_disposed_of)
{
	char few[9];
	size_t n;

	record("old");
	ck_assert_str_eq(pending(), "");
	during(7);
	ck_assert_str_eq(pending(), "");
	record("A1");
	ck_assert_int_eq(media_find(&b, j, "old", BAG_OPENED, "", why), E_OK);
	ck_assert_str_eq(pending(), "old, A1");
	ck_assert_int_eq(media_pending(few, sizeof few, &n, j), E_OK); /* as many as fit */
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(few, "old, A1");
	ck_assert_int_eq(media_pending(few, 7, &n, j), E_OK);
	ck_assert_uint_eq(n, 2);
	ck_assert_str_eq(few, "old");
	ck_assert_int_eq(media_move(&b, j, "old", BAG_REBAGGED, "new", why), E_OK);
	ck_assert_str_eq(pending(), "A1, new");
	ck_assert_int_eq(media_move(&b, j, "A1", BAG_STORED, "safe", why), E_OK);
	ck_assert_int_eq(media_find(&b, j, "new", BAG_DAMAGED, "torn", why), E_OK);
	ck_assert_str_eq(pending(), "new");
	ck_assert_int_eq(media_find(&b, j, "new", BAG_MISSING, "gone", why), E_OK); /* there is nothing to dispose of */
	ck_assert_str_eq(pending(), "");
	during(0);
	record("A3");
	during(9);
	ck_assert_str_eq(pending(), "");
	no_ceremony = true; /* the twin */
	record("A4");
	no_ceremony = false;
	ck_assert_str_eq(pending(), "");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("media");
	TCase *t = tcase_create("media");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_bag_s_number_is_used_once);
	tcase_add_test(t, what_a_bag_does_not_say_well_is_not_recorded);
	tcase_add_test(t, what_may_follow_what_is_the_table_and_a_twin_shows);
	tcase_add_test(t, a_re_bagged_medium_is_in_a_new_bag_that_is_sealed);
	tcase_add_test(t, a_key_is_suspect_while_a_bag_of_it_is_damaged_or_missing);
	tcase_add_test(t, damage_and_loss_take_a_reason_and_moves_their_place);
	tcase_add_test(t, a_part_is_entered_out_of_its_own_bag_alone);
	tcase_add_test(t, what_a_ceremony_touches_is_pending_until_it_is_disposed_of);
	suite_add_tcase(s, t);
	return test_main(s);
}
