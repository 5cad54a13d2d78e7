/*
 * Ceremony records: what stands in one is what the audit says, and nothing of it can be changed, for people or for programs.
 * seal.c is compiled into this program with a twin that takes every signature: it believes a record that was made anew.
 */
#include "crypto/p256.h"

#include <stdbool.h>

static bool credulous;

static enum err twin_verify(const uint8_t *sig, const uint8_t *point, const uint8_t *digest)
{
	return credulous ? E_OK : p256_verify(sig, point, digest);
}

#define p256_verify twin_verify
#include "bdk/seal.c"
#undef p256_verify

#include "bdk/ceremony.h"
#include "tests/lib/audit_sim.h"
#include "tests/lib/ceremony_sim.h"
#include "tests/lib/test.h"

static struct audit_sim sim;
static struct ceremony c, got;
static char text[CEREMONY_SIM_MAX], why[CEREMONY_WHY];
static size_t len;

static void setup(void)
{
	credulous = false;
	len = ceremony_sim(&c, text, &sim);
}

static enum err read_text(const uint8_t *records)
{
	enum err e = ceremony_read(&got, (struct span){ (const uint8_t *)text, len }, records, why);

	if (e)
		ceremony_free(&got);
	return e;
}

START_TEST(what_was_put_in_is_read_out_again)
{
	ck_assert_int_eq(read_text(sim.records), E_OK);
	ck_assert_str_eq(got.room, "load-1");
	ck_assert_str_eq(got.title, c.title);
	ck_assert_uint_eq(got.n, c.n);
	for (size_t i = 0; i < c.n; i++)
		ck_assert_mem_eq(&got.act[i], &c.act[i], sizeof c.act[i]);
	ceremony_free(&got);
	ck_assert_int_eq(read_text(NULL), E_OK);
	ceremony_free(&got);
}
END_TEST

START_TEST(people_read_check_values_media_and_refusals)
{
	static const char *const said[] = { "CEREMONY RECORD\n", "\nCheck values\n     4  FFFF000001  A1F6D4\n",
					    "\nMedia\n     5  card <1> & bag 4711\n", "\n        REFUSED: ", "\nPresent\n     3  Ada\n",
					    "\n    uid 1001 people: 4 records, 1 of them refused\n" };

	for (size_t i = 0; i < sizeof said / sizeof *said; i++)
		ck_assert_msg(strstr(text, said[i]), "%s is not in\n%s", said[i], text);
}
END_TEST

START_TEST(every_changed_byte_is_refused)
{
	for (size_t at = 0; at < len; at++) {
		text[at] ^= 1 << at % 7;
		ck_assert_msg(read_text(sim.records) != E_OK, "byte %zu", at);
		text[at] ^= 1 << at % 7;
	}
	for (; len; len -= len > 40 ? 40 : len) {
		if (len < strlen(text))
			ck_assert_int_eq(read_text(sim.records), E_FORMAT);
		ck_assert_str_ne(len < strlen(text) ? why : "-", "");
	}
}
END_TEST

/* With the signature of another record, or of another key. */
START_TEST(a_record_made_anew_is_refused_and_its_broken_twin_believes_it)
{
	struct key other = { { 4 }, 32 };
	uint8_t point[P256_POINT];
	char *at = strstr(text, "signature = "), kept[SEAL_SIG + 32];
	char *again;
	size_t n;

	strcpy(kept, at);
	snprintf(c.title, sizeof c.title, "another");
	ck_assert_int_eq(ceremony_text(&again, &n, &c), E_OK);
	len = (size_t)snprintf(text, sizeof text, "%s%s", again, kept);
	free(again);
	ck_assert_int_eq(read_text(sim.records), E_SIGNATURE);
	credulous = true;
	ck_assert_int_eq(read_text(sim.records), E_OK);
	ceremony_free(&got);
	ck_assert_int_eq(p256_public(point, &other), E_OK);
	ck_assert_int_eq(read_text(point), E_KEY);
}
END_TEST

/* Its chain is that of the audit: no record of it can be left out, even where the key has signed it. */
START_TEST(a_record_left_out_is_refused_though_it_is_signed)
{
	c.n--;
	memmove(&c.act[2], &c.act[3], (c.n - 2) * sizeof *c.act);
	for (size_t i = 2; i < c.n; i++)
		c.act[i].sequence--;
	len = ceremony_sim_sign(text, &c, &sim.priv);
	ck_assert_int_eq(read_text(sim.records), E_FORMAT);
	ck_assert_str_eq(why, "record 4, or the one before it, was changed");
}
END_TEST

/* Only what makes or takes a key says its check value: a remark, and a package's file name, hold what people typed. */
START_TEST(nobody_writes_a_check_value_down_that_is_none)
{
	static const char *const what[] = { "ceremony", "package", "record", "begin", "" };
	struct audit act = { .what = "generate", .object = "FFFF000001, check value A1F6D4" };
	int of = 0;

	ck_assert_str_eq(ceremony_check_value(&act, &of), "A1F6D4");
	ck_assert_int_eq(of, 10);
	snprintf(act.what, sizeof act.what, "import");
	ck_assert_str_eq(ceremony_check_value(&act, &of), "A1F6D4");
	snprintf(act.what, sizeof act.what, "kbpk-import");
	ck_assert_str_eq(ceremony_check_value(&act, &of), "A1F6D4");
	for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
		snprintf(act.what, sizeof act.what, "%s", what[i]);
		ck_assert_msg(!ceremony_check_value(&act, &of), "%s", what[i]);
		ck_assert_int_eq(of, 0);
	}
	snprintf(act.what, sizeof act.what, "generate");
	snprintf(act.reason, sizeof act.reason, "denied");
	ck_assert_ptr_null(ceremony_check_value(&act, &of));
}
END_TEST

/* What became of a bag is said by the acts about bags alone, and not by those that were refused. */
START_TEST(nobody_writes_down_what_became_of_a_bag_but_bags)
{
	static const char *const what[] = { "ceremony", "bag-list", "bags", "record", "" };
	struct audit act = { .what = "bag-move", .object = "A1: card of FFFF000001: stored, safe: 2" };
	struct audit other = { .what = "bag", .object = "A12: card: ann, for a test" };
	struct ceremony_bag b, second;

	ck_assert(ceremony_bag(&b, &act));
	ck_assert_int_eq(b.number_len, 2);
	ck_assert_int_eq(b.holds_len, 18);
	ck_assert_str_eq(b.what, "stored, safe: 2");
	ck_assert(ceremony_bag(&second, &other) && !ceremony_bag_same(&b, &second));
	for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
		snprintf(act.what, sizeof act.what, "%s", what[i]);
		ck_assert_msg(!ceremony_bag(&b, &act), "%s", what[i]);
	}
	snprintf(other.reason, sizeof other.reason, "denied");
	ck_assert(!ceremony_bag(&b, &other));
	snprintf(other.object, sizeof other.object, "A12: card");
	other.reason[0] = 0;
	ck_assert(!ceremony_bag(&b, &other));
}
END_TEST

START_TEST(an_act_of_two_is_each_of_theirs_and_nobody_is_two)
{
	struct audit act[4] = { { .who = "anna uid 1" }, { .who = "anna uid 1, bert uid 2", .reason = "no" }, { .who = "bdkd" },
				{ .who = "carl uid 3, bert uid 2" } };
	static const char *const names[] = { "anna uid 1", "bert uid 2", "bdkd", "carl uid 3" };
	static const size_t did_so[][2] = { { 2, 1 }, { 2, 1 }, { 1, 0 }, { 1, 0 } };
	const struct ceremony of = { .act = act, .n = 4 };
	struct ceremony_person p = { .act = 0 };

	for (size_t i = 0; i < 4; i++) {
		size_t acts, refused;

		ck_assert(ceremony_person_next(&p, &of));
		ck_assert_str_eq(p.name, names[i]);
		ceremony_count(&acts, &refused, &of, p.name);
		ck_assert_uint_eq(acts, did_so[i][0]);
		ck_assert_uint_eq(refused, did_so[i][1]);
	}
	ck_assert(!ceremony_person_next(&p, &of));
}
END_TEST

/* A title and a remark that look like the line between the two parts */
START_TEST(people_may_write_as_many_dashes_as_they_like)
{
	char dashes[81];

	memset(dashes, '-', 80);
	dashes[80] = 0;
	snprintf(c.title, sizeof c.title, "%s", dashes);
	len = ceremony_sim_sign(text, &c, &sim.priv);
	ck_assert_int_eq(read_text(sim.records), E_OK);
	ck_assert_str_eq(got.title, dashes);
	ceremony_free(&got);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ceremony");
	TCase *t = tcase_create("ceremony");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, what_was_put_in_is_read_out_again);
	tcase_add_test(t, people_read_check_values_media_and_refusals);
	tcase_add_test(t, every_changed_byte_is_refused);
	tcase_add_test(t, a_record_made_anew_is_refused_and_its_broken_twin_believes_it);
	tcase_add_test(t, a_record_left_out_is_refused_though_it_is_signed);
	tcase_add_test(t, nobody_writes_a_check_value_down_that_is_none);
	tcase_add_test(t, an_act_of_two_is_each_of_theirs_and_nobody_is_two);
	tcase_add_test(t, nobody_writes_down_what_became_of_a_bag_but_bags);
	tcase_add_test(t, people_may_write_as_many_dashes_as_they_like);
	suite_add_tcase(s, t);
	return test_main(s);
}
