/* A ledger is a function of the facts, not of the order or the portions in which they came. */
#include "kif/ledger.h"
#include "tests/lib/database.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FACTS = 60, LOADS = 11 };

static char dir[64], path[128];

static void set_up(void)
{
	test_folder_make(dir, sizeof dir);
	snprintf(path, sizeof path, "%s/kif.db", dir);
}

static void tear_down(void)
{
	test_folder_remove(dir);
}

/* The journal's facts: each load is sent, then loaded, and so on, in turns. */
static struct fact make(unsigned i)
{
	static const char *const states[] = { "sent", "loaded", "zeroized", "possibly-loaded" };
	struct fact f = { .sequence = i + 1, .time = 1700000000u + i, .slot = (uint8_t)(i % LOADS % 3) };
	unsigned load = i % LOADS;

	snprintf(f.serial, sizeof f.serial, "TC-%u", load / 3);
	snprintf(f.key_set, sizeof f.key_set, load % 2 ? "FFFF000001" : "00000001");
	snprintf(f.scheme, sizeof f.scheme, load % 2 ? "tdes" : "aes128");
	snprintf(f.ksn, sizeof f.ksn, load % 2 ? "FFFF0000%02u00000000" : "00000001%08u00000000", load);
	snprintf(f.state, sizeof f.state, "%s", states[i / LOADS % 4]);
	snprintf(f.kcv, sizeof f.kcv, i / LOADS ? "A1B2C3" : "");
	f.load_count = i / LOADS;
	return f;
}

struct dump {
	char text[20000];
	size_t len;
	struct ledger *ledger;
};

static void dump_event(void *context, const struct fact *f)
{
	struct dump *d = context;

	d->len += (size_t)snprintf(d->text + d->len, sizeof d->text - d->len, "  %llu %llu %s\n",
				   (unsigned long long)f->sequence, (unsigned long long)f->time, f->state);
}

static void dump_load(void *context, const struct fact *f)
{
	struct dump *d = context;

	d->len += (size_t)snprintf(d->text + d->len, sizeof d->text - d->len, "%s %u %s %s %s %s %s %u %llu\n",
				   f->serial, f->slot, f->key_set, f->scheme, f->ksn, f->state, f->kcv, f->load_count,
				   (unsigned long long)f->sequence);
	ck_assert_int_eq(ledger_events(d->ledger, f, dump_event, d), E_OK);
}

static void dump(struct dump *d, struct ledger *l)
{
	d->len = 0;
	d->text[0] = 0;
	d->ledger = l;
	ck_assert_int_eq(ledger_loads(l, NULL, dump_load, d), E_OK);
	ck_assert_uint_lt(d->len, sizeof d->text);
}

/* A new ledger of the facts in this order, in transactions of so many. */
static void apply(struct dump *d, const unsigned order[FACTS], unsigned portion)
{
	struct ledger l;
	uint64_t last;

	unlink(path);
	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	for (unsigned i = 0; i < FACTS;) {
		ck_assert_int_eq(ledger_begin(&l), E_OK);
		for (unsigned n = 0; n < portion && i < FACTS; n++, i++) {
			struct fact f = make(order[i]);

			ck_assert_int_eq(ledger_put(&l, &f), E_OK);
		}
		ck_assert_int_eq(ledger_commit(&l), E_OK);
	}
	ck_assert_int_eq(ledger_last(&last, &l), E_OK);
	ck_assert_uint_eq(last, FACTS);
	dump(d, &l);
	ledger_close(&l);
}

static void shuffle(unsigned order[FACTS], unsigned seed)
{
	for (unsigned i = 0; i < FACTS; i++)
		order[i] = i;
	for (unsigned i = FACTS - 1; seed && i; i--) {
		unsigned j, t;

		seed = seed * 1103515245u + 12345u;
		j = (seed >> 16) % (i + 1);
		t = order[i];
		order[i] = order[j];
		order[j] = t;
	}
}

START_TEST(any_portions_give_the_same_ledger)
{
	static struct dump whole, portions;
	unsigned order[FACTS];

	shuffle(order, 0);
	apply(&whole, order, FACTS);
	ck_assert_uint_gt(whole.len, 0);
	apply(&portions, order, (unsigned)_i);
	ck_assert_str_eq(whole.text, portions.text);
}
END_TEST

/* Does a ledger in which the last word wins, whatever its sequence, differ? It has to, or this suite shows nothing. */
static bool last_word_differs(const unsigned order[FACTS])
{
	unsigned newest[LOADS] = { 0 }, last[LOADS] = { 0 };

	for (unsigned i = 0; i < FACTS; i++) {
		unsigned load = order[i] % LOADS;

		last[load] = order[i];
		if (order[i] > newest[load])
			newest[load] = order[i];
	}
	return memcmp(newest, last, sizeof newest);
}

START_TEST(an_older_fact_never_overwrites_a_newer)
{
	static struct dump sorted, shuffled;
	unsigned order[FACTS];

	shuffle(order, 0);
	ck_assert(!last_word_differs(order));
	apply(&sorted, order, FACTS);
	shuffle(order, (unsigned)_i);
	ck_assert(last_word_differs(order));
	apply(&shuffled, order, 7);
	ck_assert_str_eq(sorted.text, shuffled.text);
}
END_TEST

START_TEST(the_same_facts_twice_are_the_facts_once)
{
	static struct dump once, twice;
	struct ledger l;
	unsigned order[FACTS];

	shuffle(order, 0);
	apply(&once, order, FACTS);
	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	for (unsigned i = 0; i < FACTS; i++) {
		struct fact f = make(i);

		ck_assert_int_eq(ledger_put(&l, &f), E_OK);
	}
	dump(&twice, &l);
	ledger_close(&l);
	ck_assert_str_eq(once.text, twice.text);
}
END_TEST

static void count(void *context, const struct fact *f)
{
	(void)f;
	++*(unsigned *)context;
}

START_TEST(a_transaction_that_is_not_committed_leaves_nothing)
{
	struct fact f = make(0);
	struct ledger l;
	unsigned n = 0;

	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	ck_assert_int_eq(ledger_put(&l, &f), E_OK);
	ck_assert_int_eq(ledger_begin(&l), E_OK);
	ck_assert_int_eq(ledger_clear(&l, "/other"), E_OK);
	ledger_close(&l);
	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	ck_assert_int_eq(ledger_loads(&l, "TC-0", count, &n), E_OK);
	ck_assert_uint_eq(n, 1);
	n = 0;
	ck_assert_int_eq(ledger_loads(&l, "TC-1", count, &n), E_OK);
	ck_assert_uint_eq(n, 0);
	ledger_close(&l);
}
END_TEST

START_TEST(a_ledger_follows_one_room)
{
	struct ledger l;

	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	ledger_close(&l);
	ck_assert_int_eq(ledger_open(&l, path, "/other"), E_ROOM);
	ck_assert_ptr_nonnull(strstr(l.why, "/room"));
	ck_assert_int_eq(ledger_open(&l, path, NULL), E_OK);
	ck_assert_int_eq(ledger_clear(&l, "/other"), E_OK);
	ledger_close(&l);
	ck_assert_int_eq(ledger_open(&l, path, "/other"), E_OK);
	ledger_close(&l);
}
END_TEST

static void run_sql(const char *sql)
{
	sqlite3 *db;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(a_newer_format_is_named)
{
	struct ledger l;

	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	ledger_close(&l);
	run_sql("PRAGMA user_version = 3");
	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_ROOM_VERSION);
	ck_assert_ptr_nonnull(strstr(l.why, "newer"));
	ck_assert_int_eq(ledger_open_read(&l, path), E_ROOM_VERSION);
}
END_TEST

/* --- Older versions ----------------------------------------------------------------------------------------------- */

static char kept[140];

static void make_old(void)
{
	snprintf(kept, sizeof kept, "%s.v1", path);
	unlink(path);
	unlink(kept);
	database_from(path, "tests/kif/ledger-1.sql");
}

static bool open_old(void)
{
	struct ledger l;
	bool ok = !ledger_open(&l, path, "/room");

	ledger_close(&l);
	return ok;
}

START_TEST(a_version_1_ledger_is_brought_up_with_all_that_is_in_it)
{
	static struct dump d;
	struct ledger l;

	make_old();
	if (_i) {	/* also by a command that only reads */
		ck_assert_int_eq(ledger_open_read(&l, path), E_OK);
	} else {
		ck_assert_int_eq(ledger_open(&l, path, "/other"), E_ROOM);
		ck_assert_int_eq(database_number(path, "PRAGMA user_version"), 1);
		ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	}
	dump(&d, &l);
	ledger_close(&l);
	ck_assert_str_eq(d.text, "TC-1 0 FFFF987654 tdes FFFF9876540001400000 zeroized 070809 2 3\n"
				 "  1 1700000000 sent\n  2 1700000001 loaded\n  3 1700000002 zeroized\n");
	ck_assert_int_eq(database_number(path, "PRAGMA user_version"), LEDGER_VERSION);
	ck_assert_int_eq(database_number(kept, "PRAGMA user_version"), 1);
	ck_assert_int_eq(database_number(kept, "SELECT count(*) FROM event"), 3);
}
END_TEST

START_TEST(a_ledger_that_is_being_brought_up_is_old_or_new_when_the_process_dies)
{
	unsigned at = 0, was_old = 0, was_new = 0;
	bool killed;

	do {
		make_old();
		killed = database_killed(++at, open_old);
		if (database_number(path, "PRAGMA user_version") == 1)
			was_old++;
		else
			was_new++;
		ck_assert(!database_killed(0, open_old));
		ck_assert_int_eq(database_number(path, "SELECT count(*) FROM sqlite_master WHERE name = 'load_sequence'"), 1);
		ck_assert_int_eq(database_number(path, "SELECT count(*) FROM event"), 3);
	} while (killed);
	ck_assert_uint_gt(was_old, 5);
	ck_assert_uint_gt(was_new, 0);
}
END_TEST

START_TEST(other_files_are_left_alone)
{
	static const char text[] = "this is a letter to a friend, and nothing that a program should write into\n";
	char got[sizeof text] = "";
	struct ledger l;
	int fd;

	fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(write(fd, text, sizeof text - 1), sizeof text - 1);
	close(fd);
	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_FORMAT);
	ck_assert_int_eq(ledger_open_read(&l, path), E_FORMAT);
	fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, got, sizeof got), sizeof text - 1);
	ck_assert_str_eq(got, text);
	close(fd);
	unlink(path);
	run_sql("CREATE TABLE wine(year)");
	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_FORMAT);
	ck_assert_int_eq(ledger_open_read(&l, path), E_FORMAT);
}
END_TEST

START_TEST(what_cannot_be_written_is_said)
{
	struct ledger l;

	ck_assert_int_eq(ledger_open(&l, dir, "/room"), E_IO);
	ck_assert_str_ne(l.why, "");
	snprintf(path, sizeof path, "%s/no/such/folder", dir);
	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_IO);
	ck_assert_int_eq(ledger_open_read(&l, path), E_IO);
	ck_assert_ptr_nonnull(strstr(l.why, "no ledger"));
	ck_assert_int_eq(ledger_open(&l, "/proc/self/nothing", "/room"), E_IO);
}
END_TEST

START_TEST(the_usual_place_is_made)
{
	char got[256], small[16];
	struct stat st;

	setenv("XDG_STATE_HOME", "", 1);
	setenv("HOME", dir, 1);
	ck_assert_int_eq(ledger_path(got, sizeof got, false), E_OK);
	ck_assert(!strncmp(got, dir, strlen(dir)));
	ck_assert_str_eq(got + strlen(dir), "/.local/state/keyroom/kif.db");
	*strrchr(got, '/') = 0;
	ck_assert_int_ne(stat(got, &st), 0);
	ck_assert_int_eq(ledger_path(got, sizeof got, true), E_OK);
	*strrchr(got, '/') = 0;
	ck_assert_int_eq(stat(got, &st), 0);
	ck_assert_int_eq(st.st_mode & 077, 0);
	setenv("XDG_STATE_HOME", "/state", 1);
	ck_assert_int_eq(ledger_path(got, sizeof got, false), E_OK);
	ck_assert_str_eq(got, "/state/keyroom/kif.db");
	ck_assert_int_eq(ledger_path(small, sizeof small, false), E_IO);
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	ck_assert_int_eq(ledger_path(got, sizeof got, false), E_IO);
}
END_TEST

static void copy_head(void *out, const char *text)
{
	strcat(out, text);
}

START_TEST(what_token_the_room_has_is_kept_and_goes_with_it)
{
	struct ledger l;
	bool accepted = true;

	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	ck_assert_int_eq(ledger_token(&accepted, &l), E_OK);
	ck_assert(!accepted);
	for (int i = 1; i >= 0; i--) {
		ck_assert_int_eq(ledger_put_token(&l, i), E_OK);
		ck_assert_int_eq(ledger_token(&accepted, &l), E_OK);
		ck_assert_int_eq(accepted, i);
	}
	ck_assert_int_eq(ledger_put_token(&l, true), E_OK);
	ck_assert_int_eq(ledger_clear(&l, "/other"), E_OK);
	ck_assert_int_eq(ledger_token(&accepted, &l), E_OK);
	ck_assert(!accepted);
	ledger_close(&l);
}
END_TEST

/* The newest head of each room's audit, whatever else is made anew; what is none is refused. */
START_TEST(the_newest_head_is_kept)
{
	static const char *const heads[] = {
		"head = keyroom/1\nroom = a\nsequence = 7\nrecords = AAAA\n", "head = keyroom/1\nroom = a\nsequence = 12\nrecords = AAAA\n",
		"head = keyroom/1\nroom = a\nsequence = 9\nrecords = AAAA\n", "head = keyroom/1\nroom = b\nsequence = 1\nrecords = BBBB\n",
	};
	static const char *const none[] = {
		"", "\n", "head = keyroom/1\n", "room = a\nsequence = 13\nrecords = AAAA\n",
		"head = keyroom/1\nsequence = -1\nrecords = AAAA\n", "head = keyroom/1\nsequence = 13x\nrecords = AAAA\n",
		"head = keyroom/1\nsequence = 99999999999999999999\nrecords = AAAA\n",
	};
	char all[1024] = "", expected[1024];
	struct ledger l;

	ck_assert_int_eq(ledger_open(&l, path, "/room"), E_OK);
	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		ck_assert_int_eq(ledger_put_head(&l, (struct span){ (const uint8_t *)heads[i], strlen(heads[i]) }), E_OK);
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		ck_assert_int_eq(ledger_put_head(&l, (struct span){ (const uint8_t *)none[i], strlen(none[i]) }), E_FORMAT);
	ck_assert_int_eq(ledger_clear(&l, "/room"), E_OK);
	ck_assert_int_eq(ledger_heads(&l, copy_head, all), E_OK);
	snprintf(expected, sizeof expected, "%s%s", heads[1], heads[3]);
	ck_assert_str_eq(all, expected);
	ledger_close(&l);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kif/ledger");
	TCase *t = tcase_create("ledger");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, any_portions_give_the_same_ledger, 1, 9);
	tcase_add_loop_test(t, an_older_fact_never_overwrites_a_newer, 1, 6);
	tcase_add_test(t, the_same_facts_twice_are_the_facts_once);
	tcase_add_test(t, a_transaction_that_is_not_committed_leaves_nothing);
	tcase_add_test(t, a_ledger_follows_one_room);
	tcase_add_test(t, a_newer_format_is_named);
	tcase_add_loop_test(t, a_version_1_ledger_is_brought_up_with_all_that_is_in_it, 0, 2);
	tcase_add_test(t, a_ledger_that_is_being_brought_up_is_old_or_new_when_the_process_dies);
	tcase_add_test(t, other_files_are_left_alone);
	tcase_add_test(t, what_cannot_be_written_is_said);
	tcase_add_test(t, the_newest_head_is_kept);
	tcase_add_test(t, what_token_the_room_has_is_kept_and_goes_with_it);
	tcase_add_test(t, the_usual_place_is_made);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
