/*
 * A key that the token has made and the journal does not know, as a kill leaves it: it goes when the room is opened, and its id can be
 * given again. One that the journal knows stays, and so does one that nobody was about to make here.
 */
#include "tests/lib/process.h"
#include "bdk/kbpk.h"
#include "bdk/making.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <string.h>

static struct room_sim sim;
static struct key bdk;

static void setup(void)
{
	room_sim_make(&sim);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static bool in_token(const char *label)
{
	uint8_t fp[FINGERPRINT];
	bool published;
	struct worker *w;
	enum err e;

	ck_assert_int_eq(room_worker(&w, &sim.load), E_OK);
	e = worker_fingerprint(w, fp, &published, label);
	ck_assert(!e || e == E_KEY);
	return !e;
}

/* The journal forgets a key, as if the transaction that wrote it down had never been. */
static void forget(const char *id, bool was_making)
{
	char sql[600];

	snprintf(sql, sizeof sql,
		 "DELETE FROM fingerprint WHERE label LIKE '%%-%s'; DELETE FROM package WHERE key_set = '%s';"
		 "DELETE FROM lease WHERE key_set = '%s'; DELETE FROM key_state WHERE key_set = '%s'; DELETE FROM "
		 "key_set WHERE id = '%s';"
		 "DELETE FROM kbpk_state WHERE kbpk = '%s'; DELETE FROM kbpk WHERE name = '%s'; %s",
		 id, id, id, id, id, id, id, was_making ? "" : "DELETE FROM making;");
	room_sim_meddle(&sim.load, sql);
}

static void making(const char *label)
{
	ck_assert_int_eq(journal_making(sim.load.journal, label), E_OK);
}

START_TEST(a_key_whose_making_was_cut_off_goes_and_its_id_is_free)
{
	static const struct {
		enum dukpt_scheme scheme;
		const char *id, *label;
	} rows[] = {
		{ DUKPT_TDES, "FFFF010203", "bdk-FFFF010203" },
		{ DUKPT_AES128, "01020304", "bdk-01020304" },
	};
	struct audit a;
	uint64_t dropped = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		room_sim_generate(&sim, &bdk, rows[i].scheme, rows[i].id, 0, 9);
		ck_assert_int_eq(journal_making_due((char[KEY_LABEL]){ 0 }, sim.load.journal), E_SHORT);
		making(rows[i].label);
		forget(rows[i].id, true);
		room_sim_reopen(&sim.load);
		ck_assert(!in_token(rows[i].label));
		ck_assert_int_eq(journal_making_due((char[KEY_LABEL]){ 0 }, sim.load.journal), E_SHORT);
	}
	a.sequence = 0;
	while (!journal_audit_next(&a, sim.load.journal, a.sequence))
		dropped += !strcmp(a.what, "drop") && strstr(a.object, "cut off");
	ck_assert_uint_eq(dropped, 2);
	ck_assert_int_eq(making_begin(&sim.load, rows[0].label), E_OK);
}
END_TEST

START_TEST(a_kbpk_goes_likewise)
{
	const struct kbpk_id id = { .name = "zmk", .type = DUKPT_KEY_AES128 };
	struct kbpk_block block;
	struct kbpk made;
	char why[KBPK_WHY];

	ck_assert_int_eq(kbpk_generate(&made, &block, &sim.load, &id, NULL, 'N', why), E_OK);
	making("kbpk-zmk");
	forget("zmk", true);
	room_sim_reopen(&sim.load);
	ck_assert(!in_token("kbpk-zmk"));
	ck_assert_int_eq(kbpk_generate(&made, &block, &sim.load, &id, NULL, 'N', why), E_OK);
}
END_TEST

/* Killed after the transaction and before anything else: nothing is to be done. */
START_TEST(a_key_that_was_written_down_stays)
{
	room_sim_generate(&sim, &bdk, DUKPT_AES128, "01020304", 0, 9);
	making("bdk-01020304");
	room_sim_reopen(&sim.load);
	ck_assert(in_token("bdk-01020304"));
	ck_assert_int_eq(journal_making_due((char[KEY_LABEL]){ 0 }, sim.load.journal), E_SHORT);
}
END_TEST

/* A restored room's journal is older than its token: what was made since is nobody's to drop, or to replace. */
START_TEST(a_key_that_nobody_was_about_to_make_stays)
{
	room_sim_generate(&sim, &bdk, DUKPT_AES128, "01020304", 0, 9);
	forget("01020304", false);
	room_sim_reopen(&sim.load);
	ck_assert(in_token("bdk-01020304"));
	ck_assert_int_eq(making_begin(&sim.load, "bdk-01020304"), E_EXISTS);
	ck_assert_int_eq(journal_making_due((char[KEY_LABEL]){ 0 }, sim.load.journal), E_SHORT);
}
END_TEST

/* ... also where the backup is of a time when one of that name was cut off. */
START_TEST(a_backup_has_nothing_that_is_in_the_making)
{
	char path[PATH_MAX + 16];
	struct journal *copy;

	making("bdk-01020304");
	ck_assert_int_eq(room_backup(&sim.load), E_OK);
	snprintf(path, sizeof path, "%s/backup.db", sim.load.dir);
	ck_assert_int_eq(journal_open(&copy, path, ROOM_LOAD), E_OK);
	ck_assert_int_eq(journal_making_due((char[KEY_LABEL]){ 0 }, copy), E_SHORT);
	journal_close(copy);
	ck_assert_int_eq(journal_making_due((char[KEY_LABEL]){ 0 }, sim.load.journal), E_OK);
}
END_TEST

/* What was said beforehand is durable, whatever becomes of the transaction that it stands in. */
START_TEST(what_is_about_to_be_made_is_said_beforehand)
{
	ck_assert_int_eq(journal_begin(sim.load.journal), E_OK);
	ck_assert_int_eq(making_begin(&sim.load, "bdk-0A0B0C0D"), E_OK);
	ck_assert(journal_begun(sim.load.journal));
	journal_rollback(sim.load.journal);
	ck_assert_int_eq(journal_making_due((char[KEY_LABEL]){ 0 }, sim.load.journal), E_OK);
	ck_assert_int_eq(making_open(&sim.load), E_OK);
	ck_assert_int_eq(journal_making_due((char[KEY_LABEL]){ 0 }, sim.load.journal), E_SHORT);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("making");
	TCase *t = tcase_create("making");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_key_whose_making_was_cut_off_goes_and_its_id_is_free);
	tcase_add_test(t, a_kbpk_goes_likewise);
	tcase_add_test(t, a_key_that_was_written_down_stays);
	tcase_add_test(t, a_key_that_nobody_was_about_to_make_stays);
	tcase_add_test(t, a_backup_has_nothing_that_is_in_the_making);
	tcase_add_test(t, what_is_about_to_be_made_is_said_beforehand);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
