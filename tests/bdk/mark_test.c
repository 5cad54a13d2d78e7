/*
 * Marks: whatever of journal, token and outside mark is put back, lost or swapped, no device id is issued, and the room
 * says which witness disagrees; where nothing was done, loading goes on. After a crash no id is issued that may have
 * been.
 */
#include "bdk/mark.h"
#include "base/host/file.h"
#include "bdk/lease.h"
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- The file outside --------------------------------------------------------------------------------------------- */

static struct mark_file file(void)
{
	struct mark_file f = { .claim = { .number = 3, .count = 0x0123456789abcdef, .epoch = 7 }, .last_count = 9 };

	memset(f.room, 0x11, sizeof f.room);
	memset(f.claim.hash, 0x22, sizeof f.claim.hash);
	memset(f.last_hash, 0x33, sizeof f.last_hash);
	return f;
}

START_TEST(the_file_reads_as_it_was_written)
{
	char text[MARK_FILE + 1], again[MARK_FILE + 1];
	struct mark_file f = file(), g;

	mark_print(text, &f);
	ck_assert_uint_eq(strlen(text), MARK_FILE);
	ck_assert_int_eq(strncmp(text + MARK_LAST, "last  0000000000000009", 22), 0);
	ck_assert_int_eq(mark_parse(&g, (struct span){ (const uint8_t *)text, MARK_FILE }), E_OK);
	mark_print(again, &g);
	ck_assert_str_eq(text, again);
	ck_assert_uint_eq(g.claim.epoch, 7);
	ck_assert_uint_eq(g.claim.count, 0x0123456789abcdef);
}
END_TEST

START_TEST(a_file_that_is_short_long_or_changed_in_form_is_refused)
{
	char text[MARK_FILE + 2];
	struct mark_file f = file(), g = f;

	mark_print(text, &f);
	text[MARK_FILE + 1] = 0;
	for (size_t n = 0; n < MARK_FILE + 2; n++)
		if (n != MARK_FILE)
			ck_assert_int_eq(mark_parse(&g, (struct span){ (const uint8_t *)text, n }), E_FORMAT);
	for (size_t i = 0; i < MARK_FILE; i++) {
		char was = text[i];

		text[i] = 'x';
		ck_assert_int_eq(mark_parse(&g, (struct span){ (const uint8_t *)text, MARK_FILE }), E_FORMAT);
		text[i] = was;
	}
	ck_assert_mem_eq(&f.claim, &g.claim, sizeof f.claim);
}
END_TEST

/* --- A room, and what may be done to it --------------------------------------------------------------------------- */

static char dir[64];
static struct room r;
static struct key_set_id set;
static unsigned issued;		/* ids so far, from 0 */

/* What somebody does in the folder, as shell says it. */
static void in_folder(const char *what)
{
	char text[512];

	snprintf(text, sizeof text, "cd %s && { %s; }", dir, what);
	ck_assert_msg(!system(text), "%s", text);
}

static void open_room(void)
{
	char room[80], why[ROOM_WHY];

	snprintf(room, sizeof room, "%s/room", dir);
	ck_assert_msg(!room_open(&r, room, why), "%s", why);
}

static void make_room(void)
{
	const struct room_config config = { .purpose = ROOM_LOAD, .test = true, .name = "R" };
	struct key_set s = { .state = KEY_SET_ACTIVE, .kcv = { { 1, 2, 3 }, 3 } };
	const struct lease l = { .number = 1, .set = { { 0xff, 0xff, 0x98, 0x76, 0x54 }, 5, DUKPT_TDES }, .last = 999, .epoch = 1 };
	char room[80], why[ROOM_WHY];

	test_folder_make(dir, sizeof dir);
	snprintf(room, sizeof room, "%s/room", dir);
	ck_assert_int_eq(room_init(room, &config, &(struct room_birth){ .who.n = 0 }, why), E_OK);
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
	ck_assert_int_eq(key_set_parse(&s.id, "FFFF987654", DUKPT_TDES), E_OK);
	ck_assert_int_eq(journal_key_set_add(r.journal, &s), E_OK);
	ck_assert_int_eq(journal_lease_add(r.journal, &l), E_OK);
	set = s.id;
	issued = 0;
}

static void remove_room(void)
{
	room_close(&r);
	test_folder_remove(dir);
}

static enum err claim(uint32_t id)
{
	char why[MARK_WHY] = "";

	return mark_permits(&r, &set, id, 999) ? E_OK : mark_claim(&r, why);
}

/* The next id, as a loading takes it; with the audit record that the server makes. */
static uint32_t issue(void)
{
	struct load l = { .first_count = issued, .serial = "TC-1", .firmware = "1" };
	char why[MARK_WHY] = "";
	enum err e;

	ck_assert_int_eq(journal_begin(r.journal), E_OK);
	e = lease_take(&l.set, &l.id, &r, &set, l.serial, 0, why);
	if (e == E_LOCKED) {
		journal_rollback(r.journal);
		ck_assert_int_eq(mark_claim(&r, why), E_OK);
		ck_assert_int_eq(journal_begin(r.journal), E_OK);
		e = lease_take(&l.set, &l.id, &r, &set, l.serial, 0, why);
	}
	ck_assert_msg(!e, "%s", why);
	memset(l.spki, 1, sizeof l.spki);
	l.point[0] = 4;
	ck_assert_int_eq(journal_load_add(r.journal, &l), E_OK);
	ck_assert_int_eq(journal_commit(r.journal), E_OK);
	ck_assert_int_eq(journal_audit(r.journal, "uid 0 station", "offer", "TC-1", ""), E_OK);
	mark_note(&r);
	issued++;
	return l.id;
}

static void stop(void)
{
	mark_stop(&r);
	room_close(&r);
}

/* As if it was killed: nothing is said to anybody. */
static void crash(void)
{
	room_close(&r);
}

START_TEST(where_nothing_was_done_loading_goes_on)
{
	for (int i = 0; i < 3; i++) {
		ck_assert_uint_eq(issue(), (unsigned)i);
		stop();		/* no gap */
		open_room();
		ck_assert_str_eq(r.mark.locked, "");
	}
}
END_TEST

START_TEST(ids_are_claimed_in_blocks_and_no_further_than_their_range)
{
	struct mark_file before, after;
	uint8_t text[MARK_FILE + 1];
	size_t len;

	issue();
	ck_assert_int_eq(file_read(text, &len, sizeof text, r.mark.path), E_OK);
	ck_assert_int_eq(mark_parse(&before, (struct span){ text, len }), E_OK);
	for (unsigned i = 1; i < MARK_BLOCK; i++)
		issue();
	ck_assert_int_eq(file_read(text, &len, sizeof text, r.mark.path), E_OK);
	ck_assert_int_eq(mark_parse(&after, (struct span){ text, len }), E_OK);
	ck_assert_uint_eq(before.claim.count, after.claim.count);	/* one claim for all of them */
	ck_assert_uint_gt(after.last_count, before.last_count);
	ck_assert(!mark_permits(&r, &set, MARK_BLOCK, 999));
	ck_assert(!mark_permits(&r, &set, 990, 999));
	ck_assert_uint_eq(r.mark.last, 999);
}
END_TEST

START_TEST(after_a_crash_no_id_of_the_block_is_issued_and_the_gap_is_explained)
{
	struct audit a;
	uint64_t skipped = 0;

	for (unsigned i = 0; i < 3; i++)
		issue();
	crash();
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
	ck_assert_uint_eq(issue(), MARK_BLOCK);
	ck_assert_int_eq(journal_skipped(&skipped, r.journal, &set), E_OK);
	ck_assert_uint_eq(skipped, MARK_BLOCK - 3);
	for (uint64_t at = 0; !journal_audit_next(&a, r.journal, at) && strcmp(a.what, "skip"); at = a.sequence)
		;
	ck_assert_str_eq(a.what, "skip");
	ck_assert_str_eq(a.object, "FFFF987654 0-63");
}
END_TEST

/* A crash between the claim and each of its marks: nothing disagrees, and nothing was issued. */
START_TEST(a_crash_between_claim_and_marks_locks_nothing)
{
	struct claim c = { set, 0, 63 };

	ck_assert_int_eq(journal_claim(r.journal, &c), E_OK);
	ck_assert_int_eq(journal_audit(r.journal, "bdkd", "claim", "by hand", ""), E_OK);
	if (_i > 0) {		/* the token's is written, the other is not */
		struct audit head;
		uint8_t bytes[MARK_BYTES] = { 0 }, known[MARK_BYTES];

		ck_assert_int_eq(journal_audit_head(&head, r.journal), E_OK);
		put_be64(bytes, r.mark.number + 1);
		put_be64(bytes + 8, head.sequence);
		memcpy(bytes + 16, head.hash, 32);
		ck_assert_int_eq(worker_mark(r.worker, known), E_OK);
		ck_assert_int_eq(worker_set_mark(r.worker, bytes, known, known), E_OK);
	}
	crash();
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
	ck_assert_uint_eq(issue(), MARK_BLOCK);
}
END_TEST

/* --- Each witness, put back, lost or swapped ---------------------------------------------------------------------- */

static const struct {
	const char *what;	/* shell, in the folder, between two runs; "kept" is as things were after the first id */
	bool killed;		/* the second run was not stopped */
	const char *says;
} acts[] = {
	{ "true", false, "" },
	{ "true", true, "" },
	/* the journal */
	{ "cp kept/room/journal.db* room/", false, "an older journal was put back" },
	{ "rm room/journal.db*; cp kept/room/journal.db* room/", true, "an older journal was put back" },
	{ "rm room/journal.db-wal room/journal.db-shm", true, "an older journal was put back" },
	/* the token alone */
	{ "rm -r room/token; cp -a kept/room/token room/", false, "the mark on the token is an older one" },
	{ "rm -r room/token; cp -a kept/room/token room/", true, "the mark on the token is an older one" },
	/* the mark outside */
	{ "rm room.mark/*.mark", false, "the mark outside the room is missing" },
	{ "rm -r room.mark", false, "the mark outside the room is missing" },
	{ "cp kept/room.mark/*.mark room.mark/", false, "the mark outside the room is an older one" },
	{ ": >$(echo room.mark/*.mark)", false, "the mark outside the room is damaged" },
	{ "sed -i 's/^room  ..../room  0000/' room.mark/*.mark", false, "the mark outside the room is another room's" },
	/* two of them: what is left is enough */
	{ "cp kept/room.mark/*.mark room.mark/; rm -f room/journal.db*; cp kept/room/journal.db* room/", false,
	  "the mark on the token knows audit record" },
	{ "rm -r room; cp -a kept/room .", false, "the mark outside the room knows audit record" },
};

START_TEST(a_witness_that_does_not_agree_locks_loading_and_is_named)
{
	char why[MARK_WHY] = "";
	struct audit a;

	issue();
	stop();
	in_folder("mkdir kept && cp -a room room.mark kept/");
	open_room();
	for (unsigned i = 0; i < 2; i++)
		issue();
	if (acts[_i].killed) {
		in_folder("mkdir live && cp room/journal.db* live/");	/* with its log */
		crash();
		in_folder("rm room/journal.db* && cp live/* room/");
	} else {
		stop();
	}
	in_folder(acts[_i].what);
	open_room();
	ck_assert_msg(strstr(r.mark.locked, acts[_i].says) && (*acts[_i].says || !r.mark.locked[0]), "\"%s\" for: %s",
		      r.mark.locked, acts[_i].what);
	if (!*acts[_i].says) {
		ck_assert_int_eq(claim(500), E_OK);
		return;
	}
	ck_assert(!mark_permits(&r, &set, 0, 999));
	ck_assert_int_eq(mark_claim(&r, why), E_LOCKED);
	ck_assert_str_eq(why, r.mark.locked);
	ck_assert_int_eq(journal_audit_next(&a, r.journal, 0), E_OK);	/* everything else is served */
	/* It does not go away by itself. */
	stop();
	open_room();
	ck_assert_str_ne(r.mark.locked, "");
}
END_TEST

START_TEST(a_journal_put_back_within_a_block_after_a_crash_is_seen)
{
	issue();
	in_folder("mkdir kept && cp room/journal.db* kept/");
	issue();
	crash();
	in_folder("rm room/journal.db* && cp kept/* room/");
	open_room();
	ck_assert_ptr_nonnull(strstr(r.mark.locked, "the mark outside the room knows audit record"));
}
END_TEST

/* The broken twin of that, with what was written without a sync lost too: it is not seen, and so the ids are skipped. */
START_TEST(where_that_is_not_seen_no_id_comes_twice)
{
	issue();
	in_folder("mkdir kept && cp room/journal.db* room.mark/*.mark kept/");
	ck_assert_uint_eq(issue(), 1);
	crash();
	in_folder("rm room/journal.db* && cp kept/journal.db* room/ && cp kept/*.mark room.mark/");
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
	ck_assert_uint_eq(issue(), MARK_BLOCK);
}
END_TEST

START_TEST(of_a_room_and_its_copy_one_issues_ids)
{
	static struct room copy;
	char path[80], why[ROOM_WHY];

	issue();
	stop();
	in_folder("cp -a room copy");
	snprintf(path, sizeof path, "%s/copy", dir);
	open_room();
	ck_assert_int_eq(room_open(&copy, path, why), E_OK);
	ck_assert_ptr_nonnull(strstr(copy.mark.locked, "a copy of this room is being served"));
	room_close(&copy);
	ck_assert_str_eq(r.mark.locked, "");
	issue();
	stop();
	/* One after the other: the copy's journal is behind. */
	ck_assert_int_eq(room_open(&r, path, why), E_OK);
	ck_assert_ptr_nonnull(strstr(r.mark.locked, "an older journal was put back"));
	room_close(&r);
	/* A copy with a place of its own for the mark has none there. */
	in_folder("sed -i 's/room[.]mark/copy.mark/' copy/room.conf");
	ck_assert_int_eq(room_open(&r, path, why), E_OK);
	ck_assert_ptr_nonnull(strstr(r.mark.locked, "missing"));
	room_close(&r);
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
}
END_TEST

/* A copy that started while the first was served, because the lock was removed: at most one of them issues what comes next. */
START_TEST(of_two_copies_that_run_at_once_one_issues_ids)
{
	static const struct {
		const char *what, *says;
	} acts2[] = {
		{ "rm room.mark/*.lock", "the lock of this room was removed" },
		{ "mv room.mark/*.lock other && : >$(ls room.mark/*.mark | sed s/mark$/lock/)", "the lock of this room was removed" },
		/* the folder was copied with it, and only the mark shows it */
		{ "cp -a room.mark/*.mark kept.mark && sed -i 's/^claim 000000000000..../claim 0000000000000fff/' room.mark/*.mark",
		  "the mark outside the room is not the one this room wrote" },
	};
	char why[MARK_WHY] = "";

	issue();
	in_folder(acts2[_i].what);
	ck_assert_uint_eq(issue(), 1);			/* it was claimed before */
	ck_assert(!mark_permits(&r, &set, 500, 999));
	ck_assert_int_eq(mark_claim(&r, why), E_LOCKED);
	ck_assert_msg(strstr(why, acts2[_i].says), "%s", why);
	ck_assert_str_eq(why, r.mark.locked);
	ck_assert(!mark_permits(&r, &set, 2, 999));	/* nor what is left of the block */
	ck_assert_int_eq(mark_claim(&r, why), E_LOCKED);
}
END_TEST

/* Rooms that share a token, not the folders: whoever claims second is locked, and what the first wrote stays. */
START_TEST(of_two_copies_on_one_token_the_second_to_claim_is_locked)
{
	uint8_t known[MARK_BYTES], theirs[MARK_BYTES], now[MARK_BYTES];
	char why[MARK_WHY] = "";

	issue();
	ck_assert_int_eq(worker_mark(r.worker, known), E_OK);
	memcpy(theirs, known, sizeof theirs);
	put_be64(theirs, get_be64(known) + 1 + (unsigned)_i);
	theirs[20] ^= 1;
	ck_assert_int_eq(worker_set_mark(r.worker, theirs, known, known), E_OK);
	ck_assert_int_eq(worker_set_mark(r.worker, theirs, known, known), E_DENIED);
	ck_assert(!mark_permits(&r, &set, 500, 999));
	ck_assert_int_eq(mark_claim(&r, why), E_LOCKED);
	ck_assert_msg(strstr(why, "the mark on the token is not the one this room wrote"), "%s", why);
	ck_assert_int_eq(worker_mark(r.worker, now), E_OK);
	ck_assert_mem_eq(now, theirs, sizeof now);
	ck_assert(!mark_permits(&r, &set, 2, 999));
}
END_TEST

/* What a worker wrote of it before it was killed is this room's own. */
START_TEST(a_mark_whose_writing_was_cut_off_locks_nothing)
{
	uint8_t known[MARK_BYTES], tried[MARK_BYTES];

	issue();
	ck_assert_int_eq(worker_mark(r.worker, known), E_OK);
	memcpy(tried, known, sizeof tried);
	put_be64(tried, get_be64(known) + 1);
	ck_assert_int_eq(worker_set_mark(r.worker + 1, tried, known, known), E_OK);	/* the other worker's is seen */
	r.mark.tried = r.mark.token;
	r.mark.tried.number++;
	r.mark.number++;
	ck_assert_int_eq(claim(500), E_OK);
	ck_assert_str_eq(r.mark.locked, "");
}
END_TEST

START_TEST(a_mark_that_cannot_be_written_gives_no_id_and_once_it_can_it_does)
{
	char why[MARK_WHY] = "";

	in_folder("mv room.mark elsewhere");
	ck_assert(!mark_permits(&r, &set, 0, 999));
	ck_assert_int_eq(mark_claim(&r, why), E_IO);
	ck_assert_ptr_nonnull(strstr(why, "the mark outside the room cannot be written"));
	ck_assert(!mark_permits(&r, &set, 0, 999));
	in_folder("mv elsewhere room.mark");
	ck_assert_uint_eq(issue(), 0);
	stop();
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
}
END_TEST

/* --- Backups ------------------------------------------------------------------------------------------------------ */

/* What the next id is refused with. */
static enum err refusal(void)
{
	struct key_set_id from;
	char why[MARK_WHY] = "";
	uint32_t id;

	return lease_take(&from, &id, &r, &set, "TC-1", 0, why);
}

/* Ids of a lease of epoch 3 were issued after the backup: the journal that is put back does not know it. Either mark does,
 * and without both nobody: the twin, whose lease of epoch 2 would be accepted again. */
START_TEST(a_restored_journal_voids_the_leases_up_to_the_epoch_that_a_mark_has_seen)
{
	static const char *const lost[] = { "true", "rm room.mark/*.mark", "rm -r room/token && cp -a kept/room/token room/",
					    "rm room.mark/*.mark && rm -r room/token && cp -a kept/room/token room/" };
	static const char *const says[] = { "restored from a backup", "restored from a backup; missing: the mark outside the room",
					    "restored from a backup", "restored from a backup; missing: the mark outside the room" };
	const struct lease later = { .number = 2, .set = set, .first = 2000, .last = 2999, .epoch = 3, .next = 2000 };
	char room[80], backup[80], why[ROOM_WHY], unclaimed[MARK_WHY];
	uint64_t floor = 0;
	struct audit a = { .sequence = 0 };
	bool is = true;

	issue();
	ck_assert_int_eq(room_backup(&r), E_OK);
	stop();
	in_folder("mkdir kept && cp -a room kept/ && cp room/backup.db .");
	open_room();
	ck_assert_int_eq(journal_lease_add(r.journal, &later), E_OK);
	ck_assert(!mark_permits(&r, &set, 2000, 2999));
	ck_assert_int_eq(mark_claim(&r, unclaimed), E_OK);
	stop();
	snprintf(room, sizeof room, "%s/room", dir);
	snprintf(backup, sizeof backup, "%s/backup.db", dir);
	ck_assert_int_eq(room_restore(room, backup, why), E_OK);
	in_folder(lost[_i]);
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
	ck_assert_int_eq(lease_floor(&floor, r.journal), E_OK);
	ck_assert_uint_eq(floor, _i < 3 ? 3 : 1);
	ck_assert_int_eq(refusal(), E_LEASE);
	ck_assert_int_eq(mark_is_backup(&is, r.journal), E_OK);
	while (!journal_audit_next(&a, r.journal, a.sequence) && strcmp(a.what, "void"))
		;
	ck_assert_str_eq(a.reason, says[_i]);
	ck_assert(!is);		/* its marks are the room's again */
	stop();
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
	ck_assert_int_eq(refusal(), E_LEASE);
}
END_TEST

START_TEST(another_rooms_backup_locks_loading_and_voids_nothing)
{
	static struct room other;
	const struct room_config config = { .purpose = ROOM_LOAD, .test = true, .name = "O" };
	char room[80], path[80], backup[80], why[ROOM_WHY];
	uint64_t floor = 1;

	issue();
	stop();
	snprintf(room, sizeof room, "%s/room", dir);
	snprintf(path, sizeof path, "%s/other", dir);
	snprintf(backup, sizeof backup, "%s/other/backup.db", dir);
	ck_assert_int_eq(room_init(path, &config, &(struct room_birth){ .who.n = 0 }, why), E_OK);
	ck_assert_int_eq(room_open(&other, path, why), E_OK);
	ck_assert_int_eq(room_backup(&other), E_OK);
	room_close(&other);
	ck_assert_int_eq(room_restore(room, backup, why), E_OK);
	open_room();
	ck_assert_ptr_nonnull(strstr(r.mark.locked, "the journal is another room's backup"));
	ck_assert_int_eq(lease_floor(&floor, r.journal), E_OK);
	ck_assert_uint_eq(floor, 0);
	stop();
	in_folder("mv room/journal.db.before room/journal.db && rm -f room/journal.db-*");
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
	ck_assert_uint_eq(issue(), 1);
}
END_TEST

/* The second time what stands there is a backup's, and the only real journal has been put aside; or a crash left a part. */
START_TEST(a_second_restore_deletes_no_journal)
{
	static const char *const asides[] = { "true", "rm -f room/journal.db.before-wal", "mv room/journal.db.before room/journal.db.before-wal" };
	char room[80], backup[80], why[ROOM_WHY];

	issue();
	ck_assert_int_eq(room_backup(&r), E_OK);
	issue();
	in_folder("mkdir live && cp room/journal.db* live/ && cp room/backup.db .");	/* with its log */
	crash();
	in_folder("rm room/journal.db* && cp live/* room/");
	snprintf(room, sizeof room, "%s/room", dir);
	snprintf(backup, sizeof backup, "%s/backup.db", dir);
	ck_assert_int_eq(room_restore(room, backup, why), E_OK);
	in_folder("cmp live/journal.db room/journal.db.before && cmp live/journal.db-wal room/journal.db.before-wal");
	in_folder(asides[_i]);
	in_folder("mkdir aside && cp room/journal.db.before* aside/");
	ck_assert_int_eq(room_restore(room, backup, why), E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "journal.db.before"));
	in_folder("for f in aside/*; do cmp $f room/$(basename $f) || exit 1; done; [ ! -e room/restore.part ] && rm room/journal.db.before*");
	ck_assert_int_eq(room_restore(room, backup, why), E_OK);
	open_room();
}
END_TEST

START_TEST(what_is_no_backup_is_not_put_back_and_changes_nothing)
{
	char room[80], why[ROOM_WHY], file[80];

	issue();
	ck_assert_int_eq(room_backup(&r), E_OK);
	snprintf(room, sizeof room, "%s/room", dir);
	snprintf(file, sizeof file, "%s/room/backup.db", dir);
	ck_assert_int_eq(room_restore(room, file, why), E_ROOM_BUSY);
	stop();
	in_folder("cp room/journal.db plain.db; cp room/backup.db cut.db; truncate -s 9000 cut.db; cp room/backup.db bent.db;"
		  "sqlite3 bent.db \"UPDATE audit SET who = 'x' WHERE sequence = 1\"; cp room/journal.db before.db");
	snprintf(file, sizeof file, "%s/plain.db", dir);
	ck_assert_int_eq(room_restore(room, file, why), E_FORMAT);
	snprintf(file, sizeof file, "%s/cut.db", dir);
	ck_assert_int_ne(room_restore(room, file, why), E_OK);
	snprintf(file, sizeof file, "%s/bent.db", dir);
	ck_assert_int_eq(room_restore(room, file, why), E_MAC);
	snprintf(file, sizeof file, "%s/none.db", dir);
	ck_assert_int_eq(room_restore(room, file, why), E_IO);
	in_folder("cmp room/journal.db before.db && [ ! -e room/restore.part ]");
	open_room();
	ck_assert_str_eq(r.mark.locked, "");
	issue();
}
END_TEST

#define ROWS(array) (int)(sizeof(array) / sizeof *(array))

static Suite *suite(void)
{
	Suite *s = suite_create("mark");
	TCase *f = tcase_create("file"), *t = tcase_create("room");

	tcase_add_test(f, the_file_reads_as_it_was_written);
	tcase_add_test(f, a_file_that_is_short_long_or_changed_in_form_is_refused);
	suite_add_tcase(s, f);
	tcase_add_checked_fixture(t, make_room, remove_room);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, where_nothing_was_done_loading_goes_on);
	tcase_add_test(t, ids_are_claimed_in_blocks_and_no_further_than_their_range);
	tcase_add_test(t, after_a_crash_no_id_of_the_block_is_issued_and_the_gap_is_explained);
	tcase_add_loop_test(t, a_crash_between_claim_and_marks_locks_nothing, 0, 2);
	tcase_add_loop_test(t, a_witness_that_does_not_agree_locks_loading_and_is_named, 0, ROWS(acts));
	tcase_add_test(t, a_journal_put_back_within_a_block_after_a_crash_is_seen);
	tcase_add_test(t, where_that_is_not_seen_no_id_comes_twice);
	tcase_add_test(t, of_a_room_and_its_copy_one_issues_ids);
	tcase_add_loop_test(t, of_two_copies_that_run_at_once_one_issues_ids, 0, 3);
	tcase_add_loop_test(t, of_two_copies_on_one_token_the_second_to_claim_is_locked, 0, 2);
	tcase_add_test(t, a_mark_whose_writing_was_cut_off_locks_nothing);
	tcase_add_test(t, a_mark_that_cannot_be_written_gives_no_id_and_once_it_can_it_does);
	tcase_add_loop_test(t, a_restored_journal_voids_the_leases_up_to_the_epoch_that_a_mark_has_seen, 0, 4);
	tcase_add_test(t, another_rooms_backup_locks_loading_and_voids_nothing);
	tcase_add_loop_test(t, a_second_restore_deletes_no_journal, 0, 3);
	tcase_add_test(t, what_is_no_backup_is_not_put_back_and_changes_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
