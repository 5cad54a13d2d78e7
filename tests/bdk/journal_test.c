/*
 * The journal: what is committed is there after reopening, what its rules forbid does not happen, and an error changes
 * nothing.
 */
#include "bdk/journal.h"
#include "bdk/room.h"
#include "crypto/sha256.h"
#include "tests/lib/database.h"
#include "tests/lib/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[96];
static struct journal *j;

static void setup(void)
{
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

static void reopen(void)
{
	journal_close(j);
	ck_assert_int_eq(journal_open(&j, path, ROOM_LOAD), E_OK);
}

/* Something else's hand on the file. */
static void meddle(const char *sql)
{
	sqlite3 *db;
	char *why = NULL;

	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, &why) == SQLITE_OK, "%s: %s", sql, why);
	sqlite3_close(db);
}

static struct key_set key_set(const char *id, enum dukpt_scheme scheme)
{
	struct key_set s = { .state = KEY_SET_ACTIVE, .kcv = { { 1, 2, 3 }, 3 } };

	ck_assert_int_eq(key_set_parse(&s.id, id, scheme), E_OK);
	return s;
}

static void add_set(const char *id, enum dukpt_scheme scheme)
{
	struct key_set s = key_set(id, scheme);

	ck_assert_int_eq(journal_key_set_add(j, &s), E_OK);
}

static struct load load(const char *set, enum dukpt_scheme scheme, const char *serial, uint8_t slot, uint32_t count)
{
	struct load l = { .slot = slot, .first_count = count };

	ck_assert_int_eq(key_set_parse(&l.set, set, scheme), E_OK);
	strcpy(l.serial, serial);
	memset(l.spki, serial[strlen(serial) - 1], sizeof l.spki);
	memset(l.point, serial[strlen(serial) - 1], sizeof l.point);
	strcpy(l.firmware, "1.0");
	return l;
}

static struct device device(const char *serial, uint8_t spki, enum device_state state)
{
	struct device d = { .state = state, .cert_len = 3, .cert = { 1, 2, 3 } };

	strcpy(d.serial, serial);
	memset(d.spki, spki, sizeof d.spki);
	return d;
}

static void digest(uint8_t out[static 32])
{
	ck_assert_int_eq(journal_digest(out, j), E_OK);
}

START_TEST(a_journal_is_made_once)
{
	ck_assert_int_eq(journal_create(path, ROOM_LOAD), E_EXISTS);
	ck_assert_int_eq(journal_create("/nonexistent/journal.db", ROOM_LOAD), E_JOURNAL);
}
END_TEST

START_TEST(refuses_what_is_not_this_room_s_journal)
{
	struct journal *other = j;

	ck_assert_int_eq(journal_open(&other, path, ROOM_CA), E_ROOM_PURPOSE);
	ck_assert_ptr_null(other);
	ck_assert_int_eq(journal_open(&other, "/nonexistent/journal.db", ROOM_LOAD), E_JOURNAL);
	ck_assert_int_eq(journal_open(&other, "/bin/sh", ROOM_LOAD), E_JOURNAL);
	meddle("UPDATE meta SET value = 99 WHERE name = 'version'; DROP TABLE sent");
	ck_assert_int_eq(journal_open(&other, path, ROOM_LOAD), E_ROOM_VERSION);
	meddle("UPDATE meta SET value = 3 WHERE name = 'version'");
	ck_assert_int_eq(journal_open(&other, path, ROOM_LOAD), E_JOURNAL);
	meddle("UPDATE meta SET value = 0 WHERE name = 'version'");
	ck_assert_int_eq(journal_open(&other, path, ROOM_LOAD), E_JOURNAL);
	meddle("DELETE FROM meta");
	ck_assert_int_eq(journal_open(&other, path, ROOM_LOAD), E_JOURNAL);
}
END_TEST

START_TEST(the_file_is_private_and_in_wal_mode)
{
	sqlite3 *db;
	sqlite3_stmt *s;
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &s, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(s, 0), "wal");
	sqlite3_finalize(s);
	sqlite3_close(db);
}
END_TEST

/* Asked for, and looked at: a journal that SQLite cannot put into WAL mode is not written to. */
START_TEST(a_journal_without_a_write_ahead_log_does_not_open)
{
	sqlite3 *db;
	sqlite3_stmt *s;

	journal_close(j);
	meddle("PRAGMA journal_mode = DELETE");
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT * FROM meta", -1, &s, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);	/* a reader keeps the mode as it is */
	ck_assert_int_eq(journal_open(&j, path, ROOM_LOAD), E_JOURNAL);
	sqlite3_finalize(s);
	sqlite3_close(db);
	ck_assert_int_eq(journal_open(&j, path, ROOM_LOAD), E_OK);
}
END_TEST

/* --- Older versions ----------------------------------------------------------------------------------------------- */

static char old[112], kept[128];

static void make_old(int version)
{
	char sql[64];

	snprintf(sql, sizeof sql, "tests/bdk/journal-%d.sql", version);
	snprintf(old, sizeof old, "%s.old", path);
	snprintf(kept, sizeof kept, "%s.v%d", old, version);
	unlink(old);
	unlink(kept);
	database_from(old, sql);
}

static bool open_old(void)
{
	struct journal *o;
	bool ok = !journal_open(&o, old, ROOM_LOAD);

	journal_close(o);
	return ok;
}

START_TEST(a_journal_of_an_older_version_is_brought_up_with_all_that_is_in_it)
{
	struct load l = load("FFFF987654", DUKPT_TDES, "TC-9", 0, 0);
	struct journal *o;
	struct key_set s;
	struct audit a;
	uint64_t bad, v;

	make_old(_i);
	ck_assert_int_eq(journal_open(&o, old, ROOM_CA), E_ROOM_PURPOSE);	/* not touched: it is another's */
	ck_assert_int_eq(database_number(old, "SELECT value FROM meta WHERE name = 'version'"), _i);
	ck_assert_int_eq(journal_open(&o, old, ROOM_LOAD), E_OK);
	ck_assert_int_eq(journal_audit_check(&bad, o), E_OK);
	ck_assert_int_eq(journal_audit_head(&a, o), E_OK);	/* the old chain is in the new one */
	ck_assert_uint_eq(a.sequence, 4);
	ck_assert_ptr_nonnull(strstr(a.object, "99E160F36C7E185B3B2953E407B4B2B13BE8E3CDDCEF8053467989CAA57048B8"));
	ck_assert_int_eq(journal_number(&v, o, "crl"), E_OK);
	ck_assert_uint_eq(v, 3);
	ck_assert_int_eq(journal_key_set(&s, o, "12345678"), E_OK);
	ck_assert_int_eq(s.state, KEY_SET_SUSPENDED);
	ck_assert_int_eq(journal_load_after(&l, o, 5), E_OK);
	ck_assert_str_eq(l.serial, "TC-2");
	ck_assert_int_eq(l.state, LOAD_ZEROIZED);
	ck_assert_int_eq(journal_key_set(&s, o, "FFFF987654"), E_OK);
	ck_assert_int_eq(database_number(old, "SELECT sum(loads) FROM tally WHERE key_set = 'FFFF987654'"), 3);
	journal_close(o);
	ck_assert_int_eq(database_number(old, "SELECT value FROM meta WHERE name = 'version'"), JOURNAL_VERSION);
	ck_assert_int_eq(database_number(kept, "SELECT value FROM meta WHERE name = 'version'"), _i);
	ck_assert_int_eq(database_number(kept, "SELECT count(*) FROM event"), 6);
	ck_assert(open_old());
}
END_TEST

/* One way for tables to come about: a new journal has what an old one that was brought up has. */
START_TEST(an_old_journal_ends_with_the_tables_of_a_new_one)
{
	static const char count[] = "SELECT count(*) FROM sqlite_master", sum[] =
		"SELECT sum(length(sql)) FROM sqlite_master";

	make_old(_i);
	ck_assert(open_old());
	ck_assert_int_eq(database_number(old, count), database_number(path, count));
	ck_assert_int_eq(database_number(old, sum), database_number(path, sum));
}
END_TEST

START_TEST(a_journal_that_is_being_brought_up_is_old_or_new_when_the_process_dies)
{
	static const char made[] = "SELECT count(*) FROM sqlite_master WHERE name = 'claim'";
	unsigned at = 0, was_old = 0, was_new = 0;
	bool killed;

	do {
		make_old(1);
		killed = database_killed(++at, open_old);
		ck_assert_int_eq(database_number(old, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
		if (database_number(old, "SELECT value FROM meta WHERE name = 'version'") == 1) {
			was_old++;
			ck_assert_int_eq(database_number(old, made), 0);
		} else {
			was_new++;
			ck_assert_int_eq(database_number(old, made), 1);
			ck_assert_int_eq(database_number(kept, "SELECT count(*) FROM event"), 6);
		}
		ck_assert(!database_killed(0, open_old));
		ck_assert_int_eq(database_number(old, "SELECT count(*) FROM event"), 6);
	} while (killed);
	ck_assert_uint_gt(was_old, 10);
	ck_assert_uint_gt(was_new, 1);
}
END_TEST

/* The rules of the design, asked of the file itself. */
START_TEST(the_file_forbids_what_must_never_be)
{
	static const struct {
		const char *sql;
		int rc;
	} inserts[] = {
		{ "INSERT INTO load SELECT 9, key_set, 99, serial, spki, point, slot, 98, firmware FROM load", SQLITE_OK },
		/* UNIQUE(key set, id) */
		{ "INSERT INTO load SELECT 9, key_set, id, serial, spki, point, slot, 98, firmware FROM load", SQLITE_CONSTRAINT },
		/* UNIQUE(SPKI, slot, load count) */
		{ "INSERT INTO load SELECT 9, key_set, 99, serial, spki, point, slot, first_count, firmware FROM load", SQLITE_CONSTRAINT },
		{ "INSERT INTO load SELECT 9, 'none', 99, serial, spki, point, slot, 98, firmware FROM load", SQLITE_CONSTRAINT },
		{ "INSERT INTO device SELECT 9, serial, zeroblob(32), cert, state, utc FROM device", SQLITE_CONSTRAINT },
		{ "INSERT INTO device SELECT 9, 'TC9', spki, cert, state, utc FROM device", SQLITE_CONSTRAINT },
		{ "INSERT INTO seen SELECT * FROM seen", SQLITE_CONSTRAINT },
		{ "INSERT INTO load SELECT 9, key_set, 'x', serial, spki, point, slot, 98, firmware FROM load", SQLITE_CONSTRAINT },
	};
	struct load l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0);
	struct device d = device("TC1", 1, DEVICE_ENROLLED);
	static const uint8_t a[16] = { 1 };
	sqlite3 *db;

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	ck_assert_int_eq(journal_device_put(j, &d), E_OK);
	ck_assert_int_eq(journal_seen(j, "nonce", SPAN(a)), E_OK);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof inserts / sizeof *inserts; i++) {
		ck_assert_int_eq(sqlite3_exec(db, "PRAGMA foreign_keys = ON; BEGIN", NULL, NULL, NULL), SQLITE_OK);
		ck_assert_msg(sqlite3_exec(db, inserts[i].sql, NULL, NULL, NULL) == inserts[i].rc, "%s", inserts[i].sql);
		ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	}
	sqlite3_close(db);
}
END_TEST

START_TEST(numbers_keep)
{
	uint64_t v = 9;

	ck_assert_int_eq(journal_number(&v, j, "list"), E_OK);
	ck_assert_uint_eq(v, 0);
	ck_assert_int_eq(journal_set_number(j, "list", 7), E_OK);
	ck_assert_int_eq(journal_set_number(j, "list", INT64_MAX), E_OK);
	reopen();
	ck_assert_int_eq(journal_number(&v, j, "list"), E_OK);
	ck_assert_uint_eq(v, INT64_MAX);
}
END_TEST

START_TEST(a_value_is_new_once)
{
	static const uint8_t a[16] = { 1 }, b[16] = { 2 };

	ck_assert_int_eq(journal_seen(j, "nonce", SPAN(a)), E_OK);
	ck_assert_int_eq(journal_seen(j, "nonce", SPAN(a)), E_REPLAY);
	ck_assert_int_eq(journal_seen(j, "nonce", SPAN(b)), E_OK);
	ck_assert_int_eq(journal_seen(j, "point", SPAN(a)), E_OK);
	reopen();
	ck_assert_int_eq(journal_seen(j, "nonce", SPAN(a)), E_REPLAY);
}
END_TEST

START_TEST(key_sets_keep_in_order_and_once)
{
	struct key_set s, twin = key_set("FFFF987654", DUKPT_TDES), back;
	uint64_t at = 0;
	char id[KEY_SET_TEXT];

	add_set("FFFF987654", DUKPT_TDES);
	add_set("12345678", DUKPT_AES128);
	add_set("00000001", DUKPT_AES256);
	ck_assert_int_eq(journal_key_set_add(j, &twin), E_EXISTS);
	twin = key_set("12345678", DUKPT_AES192);
	ck_assert_int_eq(journal_key_set_add(j, &twin), E_EXISTS);
	reopen();
	ck_assert_int_eq(journal_key_set_next(&s, j, &at), E_OK);
	ck_assert_int_eq(s.id.scheme, DUKPT_TDES);
	ck_assert_uint_eq(s.kcv.len, 3);
	ck_assert_uint_gt(s.utc, 1600000000);
	ck_assert_int_eq(journal_key_set_next(&s, j, &at), E_OK);
	key_set_text(id, &s.id);
	ck_assert_str_eq(id, "12345678");
	ck_assert_int_eq(journal_key_set_next(&s, j, &at), E_OK);
	ck_assert_int_eq(journal_key_set_next(&s, j, &at), E_SHORT);
	ck_assert_int_eq(journal_key_set(&back, j, "00000001"), E_OK);
	ck_assert_int_eq(back.id.scheme, DUKPT_AES256);
	ck_assert_int_eq(journal_key_set(&back, j, "00000002"), E_KEY_SET);
}
END_TEST

START_TEST(a_key_set_is_suspended_and_active_again)
{
	struct key_set s;

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_key_set_state(j, "FFFF987654", KEY_SET_SUSPENDED, ""), E_OK);
	ck_assert_int_eq(journal_key_set(&s, j, "FFFF987654"), E_OK);
	ck_assert_int_eq(s.state, KEY_SET_SUSPENDED);
	ck_assert_int_eq(journal_key_set_state(j, "FFFF987654", KEY_SET_ACTIVE, ""), E_OK);
	ck_assert_int_eq(journal_key_set(&s, j, "FFFF987654"), E_OK);
	ck_assert_int_eq(s.state, KEY_SET_ACTIVE);
	ck_assert_int_eq(journal_key_set_state(j, "FFFF000000", KEY_SET_ACTIVE, ""), E_KEY_SET);
}
END_TEST

START_TEST(a_serial_and_an_identity_key_belong_together)
{
	struct device a = device("TC1", 1, DEVICE_CERTIFIED), b = device("TC2", 1, DEVICE_CERTIFIED), d;
	struct device e1 = device("E1", 0, DEVICE_EXPECTED), e2 = device("E2", 0, DEVICE_EXPECTED);
	static const uint8_t spki[32] = { 0 };
	uint64_t at = 0;

	ck_assert_int_eq(journal_device_put(j, &a), E_OK);
	ck_assert_int_eq(journal_device_put(j, &b), E_DUPLICATE);
	ck_assert_int_eq(journal_device_put(j, &e1), E_OK);
	ck_assert_int_eq(journal_device_put(j, &e2), E_OK);	/* no key yet: nothing to be unique */
	ck_assert_int_eq(journal_device(&d, j, NULL, spki), E_UNKNOWN_DEVICE);
	a.state = DEVICE_ENROLLED;
	ck_assert_int_eq(journal_device_put(j, &a), E_OK);
	memcpy(e2.spki, a.spki, 32);
	ck_assert_int_eq(journal_device_put(j, &e2), E_DUPLICATE);
	reopen();
	ck_assert_int_eq(journal_device(&d, j, NULL, a.spki), E_OK);
	ck_assert_str_eq(d.serial, "TC1");
	ck_assert_int_eq(d.state, DEVICE_ENROLLED);
	ck_assert_uint_eq(d.cert_len, 3);
	ck_assert_int_eq(journal_device(&d, j, "E2", NULL), E_OK);
	ck_assert_mem_eq(d.spki, spki, 32);
	ck_assert_int_eq(journal_device(&d, j, "TC2", NULL), E_UNKNOWN_DEVICE);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(journal_device_next(&d, j, &at), E_OK);
	ck_assert_int_eq(journal_device_next(&d, j, &at), E_SHORT);
}
END_TEST

START_TEST(a_load_has_the_ksn_of_its_id)
{
	struct load l;

	add_set("FFFF987654", DUKPT_TDES);
	for (uint32_t i = 0; i < 4; i++) {
		char serial[] = "TC0", iksn[KSN_TEXT], expect[KSN_TEXT];

		serial[2] = (char)('0' + i);
		l = load("FFFF987654", DUKPT_TDES, serial, 0, 0);
		l.id = 5 + i;
		ck_assert_int_eq(journal_load_add(j, &l), E_OK);
		ck_assert_uint_eq(l.id, 5 + i);
		ck_assert_int_eq(l.state, LOAD_SENT);
		ck_assert_uint_eq(l.sequence, i + 1);
		ksn_text(iksn, &l.iksn);
		snprintf(expect, sizeof expect, "FFFF987654%05X00000", 2 * (5 + i));
		ck_assert_str_eq(iksn, expect);
		reopen();
	}
	l = load("FFFF000000", DUKPT_TDES, "TC9", 0, 0);
	ck_assert_int_eq(journal_load_add(j, &l), E_KEY_SET);
}
END_TEST

START_TEST(the_last_id_of_a_scheme_is_an_id_and_the_one_after_it_none)
{
	struct load l = load("12345678", DUKPT_AES128, "TC1", 0, 0);

	add_set("12345678", DUKPT_AES128);
	add_set("FFFF987654", DUKPT_TDES);
	l.id = UINT32_MAX;
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	ck_assert_uint_eq(l.id, UINT32_MAX);
	l = load("FFFF987654", DUKPT_TDES, "TC2", 0, 0);
	l.id = 524287;
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	l = load("FFFF987654", DUKPT_TDES, "TC3", 0, 0);
	l.id = 524288;
	ck_assert_int_eq(journal_load_add(j, &l), E_RANGE);
}
END_TEST

START_TEST(a_terminal_gets_one_id_for_a_slot_and_load_count)
{
	struct load l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 3);
	uint8_t before[32], after[32];

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	digest(before);
	ck_assert_int_eq(journal_load_add(j, &l), E_REPLAY);
	digest(after);
	ck_assert_mem_eq(before, after, 32);
	l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 3);
	l.id = 1;
	ck_assert_int_eq(journal_load_add(j, &l), E_REPLAY);
	l = load("FFFF987654", DUKPT_TDES, "TC1", 1, 3);
	l.id = 1;
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 4);
	l.id = 2;
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
}
END_TEST

START_TEST(the_file_itself_forbids_a_second_owner)
{
	struct load l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0);
	uint8_t before[32], after[32];

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	digest(before);
	l = load("FFFF987654", DUKPT_TDES, "TC2", 0, 0);	/* the same id once more */
	ck_assert_int_eq(journal_load_add(j, &l), E_REPLAY);
	digest(after);
	ck_assert_mem_eq(before, after, 32);
}
END_TEST

START_TEST(changes_are_found_in_the_order_they_happened)
{
	struct load a = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0), b = load("FFFF987654", DUKPT_TDES, "TC2", 0, 0), l;
	uint32_t count;

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_load_add(j, &a), E_OK);
	b.id = 1;
	ck_assert_int_eq(journal_load_add(j, &b), E_OK);
	a.state = LOAD_LOADED;
	a.load_count = 1;
	a.kcv = (struct kcv){ { 7, 8, 9 }, 3 };
	ck_assert_int_eq(journal_load_set(j, &a), E_OK);
	ck_assert_uint_eq(a.sequence, 3);
	/* All of its life, and each event as it was then */
	ck_assert_int_eq(journal_load_after(&l, j, 0), E_OK);
	ck_assert_str_eq(l.serial, "TC1");
	ck_assert_int_eq(l.state, LOAD_SENT);
	ck_assert_uint_eq(l.kcv.len, 0);
	ck_assert_int_eq(journal_load_after(&l, j, l.sequence), E_OK);
	ck_assert_str_eq(l.serial, "TC2");
	ck_assert_int_eq(journal_load_after(&l, j, l.sequence), E_OK);
	ck_assert_str_eq(l.serial, "TC1");
	ck_assert_int_eq(l.state, LOAD_LOADED);
	ck_assert_uint_eq(l.kcv.b[1], 8);
	ck_assert_int_eq(journal_load_after(&l, j, l.sequence), E_SHORT);
	ck_assert_int_eq(journal_load_count(&count, j, a.spki), E_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(journal_load_last(&l, j, a.spki, 0), E_OK);
	ck_assert_uint_eq(l.row, a.row);
	ck_assert_int_eq(journal_load_last(&l, j, a.spki, 1), E_UNKNOWN_DEVICE);
	a.row = 99;
	ck_assert_int_eq(journal_load_set(j, &a), E_UNKNOWN_DEVICE);
}
END_TEST

START_TEST(what_was_sent_is_remembered_newest_first)
{
	struct load a = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0), b = load("FFFF987654", DUKPT_TDES, "TC2", 0, 0), l;
	uint8_t h[3][32] = { { 1 }, { 2 }, { 3 } }, was[32];
	uint64_t at = 0;

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_load_add(j, &a), E_OK);
	b.id = 1;
	ck_assert_int_eq(journal_load_add(j, &b), E_OK);
	ck_assert_int_eq(journal_load_sent(j, a.row, h[0]), E_OK);
	ck_assert_int_eq(journal_load_sent(j, b.row, h[1]), E_OK);
	ck_assert_int_eq(journal_load_sent(j, a.row, h[2]), E_OK);
	ck_assert_int_eq(journal_load_sent(j, 99, h[2]), E_JOURNAL);	/* no such load */
	reopen();
	ck_assert_int_eq(journal_load_was_sent(j, a.row, h[0]), E_OK);
	ck_assert_int_eq(journal_load_was_sent(j, a.row, h[1]), E_UNKNOWN_DEVICE);
	ck_assert_int_eq(journal_load_sent_next(&l, was, j, "TC1", &at), E_OK);
	ck_assert_mem_eq(was, h[2], 32);
	ck_assert_uint_eq(l.row, a.row);
	ck_assert_int_eq(journal_load_sent_next(&l, was, j, "TC1", &at), E_OK);
	ck_assert_mem_eq(was, h[0], 32);
	ck_assert_int_eq(journal_load_sent_next(&l, was, j, "TC1", &at), E_SHORT);
}
END_TEST

START_TEST(a_transaction_is_all_or_nothing)
{
	struct load l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0);
	uint8_t before[32], after[32];
	struct audit a;

	add_set("FFFF987654", DUKPT_TDES);
	digest(before);
	ck_assert_int_eq(journal_begin(j), E_OK);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	ck_assert_int_eq(journal_audit(j, "me", "load", "TC1", ""), E_OK);
	journal_rollback(j);
	journal_rollback(j);
	digest(after);
	ck_assert_mem_eq(before, after, 32);
	ck_assert_int_eq(journal_audit_next(&a, j, 0), E_SHORT);
	ck_assert_int_eq(journal_begin(j), E_OK);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	ck_assert_int_eq(journal_audit(j, "me", "load", "TC1", ""), E_OK);
	ck_assert_int_eq(journal_commit(j), E_OK);
	reopen();
	digest(after);
	ck_assert_mem_ne(before, after, 32);
	ck_assert_int_eq(journal_audit_next(&a, j, 0), E_OK);
	ck_assert_int_eq(journal_commit(j), E_JOURNAL);	/* none is open */
}
END_TEST

/* Each writer, while something in the file makes writing fail. */
/* What somebody else, who sees what is committed and no more, finds. */
static uint64_t number_for_others(const char *name)
{
	struct journal *other;
	uint64_t v;

	ck_assert_int_eq(journal_open(&other, path, ROOM_LOAD), E_OK);
	ck_assert_int_eq(journal_number(&v, other, name), E_OK);
	journal_close(other);
	return v;
}

static void put(const char *name, enum err end)
{
	ck_assert_int_eq(journal_begin(j), E_OK);
	ck_assert_int_eq(journal_begin(j), E_OK);
	ck_assert_int_eq(journal_set_number(j, name, 1), E_OK);
	ck_assert_int_eq(journal_commit(j), E_OK);
	if (end)
		journal_rollback(j);
	else
		ck_assert_int_eq(journal_commit(j), E_OK);
}

START_TEST(transactions_of_a_group_share_a_commit_and_no_rollback)
{
	ck_assert_int_eq(journal_group(j), E_OK);
	put("a", E_OK);
	put("b", E_DENIED);
	journal_rollback(j); /* nothing of this one's is open */
	ck_assert_int_eq(journal_audit(j, "who", "what", "object", ""), E_OK);
	put("c", E_OK);
	ck_assert_uint_eq(number_for_others("a"), 0);
	ck_assert_int_eq(journal_group_commit(j), E_OK);
	ck_assert_uint_eq(number_for_others("a"), 1);
	ck_assert_uint_eq(number_for_others("b"), 0);
	ck_assert_uint_eq(number_for_others("c"), 1);
	ck_assert_int_eq(journal_group(j), E_OK);
	put("e", E_OK);
	ck_assert_int_eq(journal_durable(j), E_OK); /* what must not wait */
	put("f", E_OK);
	ck_assert_uint_eq(number_for_others("e"), 1);
	ck_assert_uint_eq(number_for_others("f"), 0);
	ck_assert_int_eq(journal_group_commit(j), E_OK);
	ck_assert_uint_eq(number_for_others("f"), 1);
	ck_assert_int_eq(journal_durable(j), E_OK);
	put("b", E_OK); /* for itself again */
	ck_assert_uint_eq(number_for_others("b"), 1);
	ck_assert_int_eq(journal_group(j), E_OK);
	put("d", E_OK);
	reopen(); /* it ended without its commit */
	ck_assert_uint_eq(number_for_others("d"), 0);
}
END_TEST

START_TEST(a_group_that_fails_leaves_nothing_of_any_of_its_parts)
{
	/* SQLite undoes all, as it does on a full disk; or the commit fails. */
	meddle("CREATE TRIGGER full BEFORE INSERT ON meta WHEN NEW.name = 'full' BEGIN SELECT RAISE(ROLLBACK, 'full'); END");
	meddle("CREATE TABLE bad(x TEXT REFERENCES key_set(id) DEFERRABLE INITIALLY DEFERRED);"
	       "CREATE TRIGGER bad AFTER INSERT ON meta WHEN NEW.name = 'bad' BEGIN INSERT INTO bad VALUES('none'); END");
	ck_assert_int_eq(journal_group(j), E_OK);
	put("a", E_OK);
	if (_i) {
		put("bad", E_OK);
		if (_i == 2) {
			ck_assert_int_eq(journal_durable(j), E_JOURNAL);
			ck_assert_int_eq(journal_begin(j), E_JOURNAL);
		}
	} else {
		ck_assert_int_eq(journal_begin(j), E_OK);
		ck_assert_int_eq(journal_set_number(j, "full", 1), E_JOURNAL);
		journal_rollback(j);
		ck_assert_int_eq(journal_begin(j), E_JOURNAL); /* it would not be part of anything */
		ck_assert_int_eq(journal_audit(j, "who", "what", "object", ""), E_JOURNAL);
	}
	ck_assert_int_eq(journal_group_commit(j), E_JOURNAL);
	ck_assert_uint_eq(number_for_others("a"), 0);
	put("a", E_OK);
	ck_assert_uint_eq(number_for_others("a"), 1);
}
END_TEST

START_TEST(an_error_while_writing_changes_nothing)
{
	static const char *const tables[] = { "meta", "audit", "key_set", "key_state", "device", "load", "event", "sent",
					      "seen" };
	struct load l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0), m = load("FFFF987654", DUKPT_TDES, "TC2", 0, 0);
	struct key_set s = key_set("12345678", DUKPT_AES128);
	struct device d = device("TC1", 1, DEVICE_EXPECTED);
	uint8_t before[32], after[32];
	static const uint8_t h[32] = { 1 };
	struct audit a;
	uint64_t v;

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		char sql[256];

		snprintf(sql, sizeof sql,
			 "CREATE TRIGGER no_%s BEFORE INSERT ON %s BEGIN SELECT RAISE(ABORT, 'disk'); END;"
			 "CREATE TRIGGER nu_%s BEFORE UPDATE ON %s BEGIN SELECT RAISE(ABORT, 'disk'); END",
			 tables[i], tables[i], tables[i], tables[i]);
		meddle(sql);
	}
	digest(before);
	m.id = 1;
	ck_assert_int_eq(journal_load_add(j, &m), E_JOURNAL);
	ck_assert_int_eq(journal_load_set(j, &l), E_JOURNAL);
	ck_assert_int_eq(journal_load_sent(j, l.row, h), E_JOURNAL);
	ck_assert_int_eq(journal_key_set_add(j, &s), E_JOURNAL);
	ck_assert_int_eq(journal_key_set_state(j, "FFFF987654", KEY_SET_SUSPENDED, ""), E_JOURNAL);
	ck_assert_int_eq(journal_device_put(j, &d), E_JOURNAL);
	ck_assert_int_eq(journal_set_number(j, "list", 1), E_JOURNAL);
	ck_assert_int_eq(journal_seen(j, "nonce", SPAN(h)), E_JOURNAL);
	ck_assert_int_eq(journal_audit(j, "me", "load", "TC1", ""), E_JOURNAL);
	digest(after);
	ck_assert_mem_eq(before, after, 32);
	ck_assert_int_eq(journal_audit_next(&a, j, 0), E_SHORT);
	ck_assert_int_eq(journal_number(&v, j, "list"), E_OK);
	ck_assert_uint_eq(v, 0);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		char sql[128];

		snprintf(sql, sizeof sql, "DROP TRIGGER no_%s; DROP TRIGGER nu_%s", tables[i], tables[i]);
		meddle(sql);
	}
	ck_assert_int_eq(journal_load_add(j, &m), E_OK);	/* and it goes on where it was */
	ck_assert_uint_eq(m.id, 1);
}
END_TEST

START_TEST(a_journal_locked_by_another_gives_no_id)
{
	struct load l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0);
	sqlite3 *db;

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(journal_load_add(j, &l), E_JOURNAL);
	ck_assert_int_eq(journal_begin(j), E_JOURNAL);
	ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	ck_assert_uint_eq(l.id, 0);
}
END_TEST

START_TEST(a_row_that_breaks_the_schema_is_an_error_not_a_fact)
{
	struct key_set s;
	struct load l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0);

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	meddle("UPDATE key_set SET scheme = 2");	/* ten digits are no AES id */
	ck_assert_int_eq(journal_key_set(&s, j, "FFFF987654"), E_JOURNAL);
	ck_assert_int_eq(journal_load_after(&l, j, 0), E_JOURNAL);
	meddle("UPDATE key_set SET scheme = 1, utc = -5");
	ck_assert_int_eq(journal_key_set(&s, j, "FFFF987654"), E_JOURNAL);
	meddle("UPDATE key_set SET utc = 0; UPDATE load SET id = 524288");
	ck_assert_int_eq(journal_load_after(&l, j, 0), E_JOURNAL);
}
END_TEST

START_TEST(the_audit_chain_is_what_its_header_says)
{
	char longer[400], line[AUDIT_LINE];
	uint8_t hash[32] = { 0 };
	struct audit a;
	uint64_t bad;
	size_t n;

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = 0;
	ck_assert_int_eq(journal_audit(j, "uid 0 people", "generate", "X", ""), E_OK);
	ck_assert_int_eq(journal_audit(j, longer, longer, longer, longer), E_OK);
	ck_assert_int_eq(journal_audit(j, "", "", "", ""), E_OK);
	reopen();
	ck_assert_int_eq(journal_audit_check(&bad, j), E_OK);
	for (uint64_t i = 1; i <= 3; i++) {
		ck_assert_int_eq(journal_audit_next(&a, j, i - 1), E_OK);
		ck_assert_uint_eq(a.sequence, i);
		ck_assert_mem_eq(a.previous, hash, 32);
		n = audit_line(line, &a);
		ck_assert_int_eq(sha256(hash, &(struct span){ (const uint8_t *)line, n }, 1), E_OK);
		ck_assert_mem_eq(a.hash, hash, 32);
	}
	ck_assert_int_eq(journal_audit_next(&a, j, 0), E_OK);
	ck_assert_str_eq(a.who, "uid 0 people");
	ck_assert_str_eq(a.object, "X");
	ck_assert_int_eq(journal_audit_next(&a, j, 1), E_OK);
	ck_assert_uint_eq(strlen(a.reason), sizeof a.reason - 1);
	ck_assert_int_eq(journal_audit_next(&a, j, 3), E_SHORT);
	ck_assert_int_eq(journal_audit_head(&a, j), E_OK);
	ck_assert_uint_eq(a.sequence, 3);
}
END_TEST

START_TEST(a_changed_audit_record_shows)
{
	static const char *const changes[] = {
		"UPDATE audit SET who = 'nobody' WHERE sequence = 3",
		"UPDATE audit SET what = 'x' WHERE sequence = 3",
		"UPDATE audit SET object = 'x' WHERE sequence = 3",
		"UPDATE audit SET reason = 'x' WHERE sequence = 3",
		"UPDATE audit SET utc = utc + 1 WHERE sequence = 3",
		"UPDATE audit SET hash = zeroblob(32) WHERE sequence = 3",
		"DELETE FROM audit WHERE sequence = 3",
		"UPDATE audit SET who = what, what = who WHERE sequence = 3",
		"UPDATE audit SET sequence = 99 WHERE sequence = 3",
	};
	uint64_t bad;

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(journal_audit(j, "me", "act", "object", ""), E_OK);
	ck_assert_int_eq(journal_audit_check(&bad, j), E_OK);
	meddle(changes[_i]);
	ck_assert_int_eq(journal_audit_check(&bad, j), E_MAC);
	ck_assert_uint_eq(bad, 3);
}
END_TEST

START_TEST(the_digest_sees_what_was_issued_and_not_the_attempts)
{
	static const char *const changes[] = {
		"INSERT INTO key_state(key_set, state, utc, reason) VALUES('FFFF987654', 2, 0, '')",
		"UPDATE device SET cert = zeroblob(3)",
		"UPDATE load SET slot = 3",
		"UPDATE event SET state = 3",
		"UPDATE event SET kcv = zeroblob(3)",
		"DELETE FROM event",
		"DELETE FROM device",
	};
	struct load l = load("FFFF987654", DUKPT_TDES, "TC1", 0, 0);
	struct device d = device("TC1", 1, DEVICE_EXPECTED);
	uint8_t before[32], after[32];
	static const uint8_t h[32] = { 1 };

	add_set("FFFF987654", DUKPT_TDES);
	ck_assert_int_eq(journal_device_put(j, &d), E_OK);
	ck_assert_int_eq(journal_load_add(j, &l), E_OK);
	digest(before);
	ck_assert_int_eq(journal_load_sent(j, l.row, h), E_OK);
	ck_assert_int_eq(journal_audit(j, "me", "act", "object", ""), E_OK);
	ck_assert_int_eq(journal_seen(j, "nonce", SPAN(h)), E_OK);
	reopen();
	digest(after);
	ck_assert_mem_eq(before, after, 32);
	meddle(changes[_i]);
	digest(after);
	ck_assert_mem_ne(before, after, 32);
}
END_TEST

START_TEST(states_have_their_published_names)
{
	ck_assert_str_eq(load_state_name(LOAD_POSSIBLY), "possibly-loaded");
	ck_assert_str_eq(load_state_name(LOAD_SENT), "sent");
	ck_assert_str_eq(device_state_name(DEVICE_ENROLLED), "enrolled");
	ck_assert_str_eq(key_set_state_name(KEY_SET_ACTIVE), "active");
	ck_assert_str_eq(load_state_name((enum load_state)77), "unknown");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("journal");
	TCase *t = tcase_create("journal");

	tcase_set_timeout(t, 30);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_journal_is_made_once);
	tcase_add_test(t, refuses_what_is_not_this_room_s_journal);
	tcase_add_test(t, the_file_is_private_and_in_wal_mode);
	tcase_add_test(t, a_journal_without_a_write_ahead_log_does_not_open);
	tcase_add_loop_test(t, a_journal_of_an_older_version_is_brought_up_with_all_that_is_in_it, 1, JOURNAL_VERSION);
	tcase_add_loop_test(t, an_old_journal_ends_with_the_tables_of_a_new_one, 1, JOURNAL_VERSION);
	tcase_add_test(t, a_journal_that_is_being_brought_up_is_old_or_new_when_the_process_dies);
	tcase_add_test(t, the_file_forbids_what_must_never_be);
	tcase_add_test(t, numbers_keep);
	tcase_add_test(t, a_value_is_new_once);
	tcase_add_test(t, key_sets_keep_in_order_and_once);
	tcase_add_test(t, a_key_set_is_suspended_and_active_again);
	tcase_add_test(t, a_serial_and_an_identity_key_belong_together);
	tcase_add_test(t, a_load_has_the_ksn_of_its_id);
	tcase_add_test(t, the_last_id_of_a_scheme_is_an_id_and_the_one_after_it_none);
	tcase_add_test(t, a_terminal_gets_one_id_for_a_slot_and_load_count);
	tcase_add_test(t, the_file_itself_forbids_a_second_owner);
	tcase_add_test(t, changes_are_found_in_the_order_they_happened);
	tcase_add_test(t, what_was_sent_is_remembered_newest_first);
	tcase_add_test(t, a_transaction_is_all_or_nothing);
	tcase_add_test(t, transactions_of_a_group_share_a_commit_and_no_rollback);
	tcase_add_loop_test(t, a_group_that_fails_leaves_nothing_of_any_of_its_parts, 0, 3);
	tcase_add_test(t, an_error_while_writing_changes_nothing);
	tcase_add_test(t, a_journal_locked_by_another_gives_no_id);
	tcase_add_test(t, a_row_that_breaks_the_schema_is_an_error_not_a_fact);
	tcase_add_test(t, the_audit_chain_is_what_its_header_says);
	tcase_add_loop_test(t, a_changed_audit_record_shows, 0, 9);
	tcase_add_loop_test(t, the_digest_sees_what_was_issued_and_not_the_attempts, 0, 7);
	tcase_add_test(t, states_have_their_published_names);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
