#include "kif/ledger.h"
#include "base/host/database.h"
#include "base/host/fail.h"
#include "base/host/stanza.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define APPLICATION 0x4b524b46 /* "KRKF": how a ledger is told from another SQLite file */
#define BUSY_MS 5000           /* another kif writes */

/* The tables of version 1, and what each later version made of them; a new ledger goes through all steps too. */
static const char first[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE load(key_set TEXT NOT NULL, ksn TEXT NOT NULL, sequence INTEGER NOT NULL, time INTEGER NOT NULL,"
	" serial TEXT NOT NULL, spki TEXT NOT NULL, scheme TEXT NOT NULL, slot INTEGER NOT NULL, state TEXT NOT NULL,"
	" kcv TEXT NOT NULL, load_count INTEGER NOT NULL, firmware TEXT NOT NULL, PRIMARY KEY(key_set, ksn))"
	" WITHOUT ROWID;"
	"CREATE INDEX load_serial ON load(serial);"
	"CREATE TABLE event(sequence INTEGER PRIMARY KEY, key_set TEXT NOT NULL, ksn TEXT NOT NULL, state TEXT NOT "
	"NULL,"
	" time INTEGER NOT NULL);"
	"CREATE INDEX event_load ON event(key_set, ksn);";

static const char *const steps[LEDGER_VERSION] = {
	/* 1 -> 2: until 0.2 is released, whatever else a ledger needs goes at the end of this step */
	[1] = "CREATE INDEX load_sequence ON load(sequence);" /* the order in which loads are listed */
	      /* signed heads of rooms' audits: of each records key the newest */
	      "CREATE TABLE head(records TEXT PRIMARY KEY, sequence INTEGER NOT NULL, text TEXT NOT NULL) WITHOUT ROWID;",
};

enum err ledger_path(char *out, size_t size, bool make)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	int n;

	errno = ENOENT;
	if (state && *state == '/')
		n = snprintf(out, size, "%s/keyroom/kif.db", state);
	else if (home && *home == '/')
		n = snprintf(out, size, "%s/.local/state/keyroom/kif.db", home);
	else
		return E_IO;
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return E_IO;
	}
	for (char *p = out + 1; make && (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		if (mkdir(out, 0700) && errno != EEXIST)
			return E_IO;
	}
	return E_OK;
}

static enum err failed(struct ledger *l)
{
	snprintf(l->why, sizeof l->why, "%s", sqlite3_errmsg(l->db));
	return sqlite3_errcode(l->db) == SQLITE_NOTADB ? E_FORMAT : E_IO;
}

static enum err run(struct ledger *l, const char *sql)
{
	return sqlite3_exec(l->db, sql, NULL, NULL, NULL) ? failed(l) : E_OK;
}

static enum err number(struct ledger *l, uint64_t *out, const char *sql)
{
	sqlite3_stmt *s = NULL;
	enum err e = E_OK;

	if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) || sqlite3_step(s) != SQLITE_ROW)
		e = failed(l);
	else
		*out = (uint64_t)sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return e;
}

/* Is it a ledger that this version can use, and of which one is it? 0: an empty file. */
static enum err check_version(struct ledger *l, unsigned *is)
{
	uint64_t application = 0, version = 0, tables = 0;
	enum err e;

	*is = 0;
	e = number(l, &application, "PRAGMA application_id");
	if (!e)
		e = number(l, &version, "PRAGMA user_version");
	if (!e)
		e = number(l, &tables, "SELECT count(*) FROM sqlite_master");
	if (e)
		return e;
	if (!application && !version && !tables)
		return E_OK;
	if (application == APPLICATION && version && version <= LEDGER_VERSION) {
		*is = (unsigned)version;
		return E_OK;
	}
	if (application == APPLICATION && version > LEDGER_VERSION) {
		snprintf(l->why, sizeof l->why, "written by a newer kif (format %llu, this one knows %d)",
			 (unsigned long long)version, LEDGER_VERSION);
		return E_ROOM_VERSION;
	}
	snprintf(l->why, sizeof l->why, "not a ledger of kif");
	return E_FORMAT;
}

/* Text of a row. The file may have been written by anything: what is not printable does not reach a screen or JSON. */
static void copy(char *out, size_t size, sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	snprintf(out, size, "%s", text ? text : "");
	for (; *out; out++)
		if (*out < 0x20 || *out > 0x7e)
			*out = '?';
}

static enum err set_meta(struct ledger *l, const char *key, const char *value)
{
	sqlite3_stmt *s = NULL;
	enum err e = E_OK;

	if (sqlite3_prepare_v2(l->db, "REPLACE INTO meta VALUES(?, ?)", -1, &s, NULL) ||
	    sqlite3_bind_text(s, 1, key, -1, SQLITE_STATIC) || sqlite3_bind_text(s, 2, value, -1, SQLITE_STATIC) ||
	    sqlite3_step(s) != SQLITE_DONE)
		e = failed(l);
	sqlite3_finalize(s);
	return e;
}

static enum err set_room(struct ledger *l, const char *room)
{
	return set_meta(l, "room", room);
}

/* Follow this room if the ledger follows none yet; else it must be the same. */
static enum err bind_room(struct ledger *l, const char *room)
{
	const char *now;
	sqlite3_stmt *s = NULL;
	enum err e = E_OK;
	bool none = false;
	int step;

	step = sqlite3_prepare_v2(l->db, "SELECT value FROM meta WHERE key = 'room'", -1, &s, NULL);
	step = step ? step : sqlite3_step(s);
	if (step == SQLITE_DONE) {
		none = true;
	} else if (step != SQLITE_ROW) {
		e = failed(l);
	} else {
		now = (const char *)sqlite3_column_text(s, 0);
		if (!now || strcmp(now, room)) {
			snprintf(l->why, sizeof l->why, "it follows the room %s", now ? now : "without a name");
			e = E_ROOM;
		}
	}
	sqlite3_finalize(s);
	return none ? set_room(l, room) : e;
}

static enum err open_file(struct ledger *l, const char *path, int flags)
{
	*l = (struct ledger){ 0 };
	if (!sqlite3_open_v2(path, &l->db, flags, NULL)) {
		sqlite3_busy_timeout(l->db, BUSY_MS);
		return E_OK;
	}
	if (!l->db)
		fail_memory();
	return failed(l);
}

/* A new ledger, or one of an older version, becomes one of this version. */
static enum err bring_up(struct ledger *l, const char *path, unsigned version)
{
	enum err e = E_OK;

	if (version) {
		e = database_migrate(l->db, path, steps, version, LEDGER_VERSION);
		if (e)
			snprintf(l->why, sizeof l->why, "it is an older kif's, and there is no space or no right to renew it");
		return e;
	}
	e = run(l, first);
	for (unsigned v = 1; !e && v < LEDGER_VERSION; v++)
		e = run(l, steps[v]);
	return e;
}

enum err ledger_open(struct ledger *l, const char *path, const char *room)
{
	char probe[160];
	unsigned version = 0;
	enum err e;

	e = open_file(l, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	if (!e)
		e = ledger_begin(l);
	if (!e)
		e = check_version(l, &version);
	if (!e)
		e = bring_up(l, path, version);
	/* Written even where it stands already: now is the time to learn that the disk is full or the file read-only.
	 */
	snprintf(probe, sizeof probe, "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION,
		 LEDGER_VERSION);
	if (!e)
		e = run(l, probe);
	if (!e && room)
		e = bind_room(l, room);
	if (!e)
		e = ledger_commit(l);
	if (e)
		ledger_close(l);
	return e;
}

enum err ledger_open_read(struct ledger *l, const char *path)
{
	unsigned version = 0;
	struct stat st;
	enum err e;

	*l = (struct ledger){ 0 };
	if (stat(path, &st)) {
		snprintf(l->why, sizeof l->why, errno == ENOENT ? "there is no ledger yet" : "%s", strerror(errno));
		return E_IO;
	}
	e = open_file(l, path, SQLITE_OPEN_READONLY);
	if (!e)
		e = check_version(l, &version);
	if (!e && version && version < LEDGER_VERSION) {
		ledger_close(l);
		e = ledger_open(l, path, NULL);
		ledger_close(l);
		if (!e)
			e = open_file(l, path, SQLITE_OPEN_READONLY);
	}
	if (!e && !version) {
		snprintf(l->why, sizeof l->why, "not a ledger of kif");
		e = E_FORMAT;
	}
	if (e)
		ledger_close(l);
	return e;
}

void ledger_close(struct ledger *l)
{
	sqlite3_close(l->db);
	l->db = NULL;
}

enum err ledger_begin(struct ledger *l)
{
	return run(l, "BEGIN IMMEDIATE");
}

enum err ledger_commit(struct ledger *l)
{
	return run(l, "COMMIT");
}

void ledger_rollback(struct ledger *l)
{
	if (!sqlite3_get_autocommit(l->db))
		sqlite3_exec(l->db, "ROLLBACK", NULL, NULL, NULL);
}

enum err ledger_clear(struct ledger *l, const char *room)
{
	enum err e = run(l, "DELETE FROM load; DELETE FROM event; DELETE FROM meta");

	return e ? e : set_room(l, room);
}

enum err ledger_put_token(struct ledger *l, bool accepted)
{
	return set_meta(l, "software token accepted", accepted ? "yes" : "no");
}

enum err ledger_token(bool *accepted, struct ledger *l)
{
	sqlite3_stmt *s = NULL;
	enum err e = E_OK;
	int step = sqlite3_prepare_v2(l->db, "SELECT value = 'yes' FROM meta WHERE key = 'software token accepted'", -1, &s, NULL);

	*accepted = false;
	step = step ? step : sqlite3_step(s);
	if (step == SQLITE_ROW)
		*accepted = sqlite3_column_int(s, 0);
	else if (step != SQLITE_DONE)
		e = failed(l);
	sqlite3_finalize(s);
	return e;
}

static int bind(sqlite3_stmt *s, const char *name, const char *text)
{
	return sqlite3_bind_text(s, sqlite3_bind_parameter_index(s, name), text, -1, SQLITE_STATIC);
}

static int bind_number(sqlite3_stmt *s, const char *name, uint64_t v)
{
	return sqlite3_bind_int64(s, sqlite3_bind_parameter_index(s, name), (sqlite3_int64)v);
}

enum err ledger_put(struct ledger *l, const struct fact *f)
{
	static const char load[] =
		"INSERT INTO load VALUES(:key_set, :ksn, :sequence, :time, :serial, :spki, :scheme, :slot, :state, "
		":kcv,"
		" :count, :firmware) ON CONFLICT(key_set, ksn) DO UPDATE SET sequence = excluded.sequence,"
		" time = excluded.time, serial = excluded.serial, spki = excluded.spki, scheme = excluded.scheme,"
		" slot = excluded.slot, state = excluded.state, kcv = excluded.kcv, load_count = excluded.load_count,"
		" firmware = excluded.firmware WHERE excluded.sequence > load.sequence";
	static const char event[] = "INSERT OR IGNORE INTO event VALUES(:sequence, :key_set, :ksn, :state, :time)";
	sqlite3_stmt *s = NULL, *t = NULL;
	enum err e = E_OK;

	if (sqlite3_prepare_v2(l->db, load, -1, &s, NULL) || bind(s, ":key_set", f->key_set) ||
	    bind(s, ":ksn", f->ksn) || bind_number(s, ":sequence", f->sequence) || bind_number(s, ":time", f->time) ||
	    bind(s, ":serial", f->serial) || bind(s, ":spki", f->spki) || bind(s, ":scheme", f->scheme) ||
	    bind_number(s, ":slot", f->slot) || bind(s, ":state", f->state) || bind(s, ":kcv", f->kcv) ||
	    bind_number(s, ":count", f->load_count) || bind(s, ":firmware", f->firmware) ||
	    sqlite3_step(s) != SQLITE_DONE || sqlite3_prepare_v2(l->db, event, -1, &t, NULL) ||
	    bind_number(t, ":sequence", f->sequence) || bind(t, ":key_set", f->key_set) || bind(t, ":ksn", f->ksn) ||
	    bind(t, ":state", f->state) || bind_number(t, ":time", f->time) || sqlite3_step(t) != SQLITE_DONE)
		e = failed(l);
	sqlite3_finalize(s);
	sqlite3_finalize(t);
	return e;
}

/* Of whose audit, and how far: what a head says, unverified. E_OK, E_FORMAT */
static enum err read_head(char records[static LEDGER_HEAD], uint64_t *sequence, struct span text)
{
	struct stanza s = { .last = 0 };
	FILE *f = fmemopen((void *)(uintptr_t)text.p, text.len, "r");
	const char *whose, *number;
	char *end;
	enum err e;

	if (!f)
		fail_memory();
	e = stanza_read(&s, f);
	fclose(f);
	whose = e ? NULL : stanza_get(&s, "records");
	number = e ? NULL : stanza_get(&s, "sequence");
	if (!whose || !number || !stanza_get(&s, "head") || strlen(whose) >= LEDGER_HEAD)
		return E_FORMAT;
	strcpy(records, whose);
	errno = 0;
	*sequence = strtoull(number, &end, 10);
	return errno || *end || *number < '0' || *number > '9' || *sequence > INT64_MAX ? E_FORMAT : E_OK;
}

enum err ledger_put_head(struct ledger *l, struct span text)
{
	static const char sql[] = "INSERT INTO head VALUES(:records, :sequence, :text) ON CONFLICT(records) DO UPDATE SET"
				  " sequence = excluded.sequence, text = excluded.text WHERE excluded.sequence > head.sequence";
	char records[LEDGER_HEAD], copy[LEDGER_HEAD];
	uint64_t sequence;
	sqlite3_stmt *s = NULL;
	enum err e;

	if (!text.len || text.len >= sizeof copy || memchr(text.p, 0, text.len))
		return E_FORMAT;
	memcpy(copy, text.p, text.len);
	copy[text.len] = 0;
	e = read_head(records, &sequence, text);
	if (e)
		return e;
	if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) || bind(s, ":records", records) ||
	    bind_number(s, ":sequence", sequence) || bind(s, ":text", copy) || sqlite3_step(s) != SQLITE_DONE)
		e = failed(l);
	sqlite3_finalize(s);
	return e;
}

enum err ledger_heads(struct ledger *l, void (*each)(void *context, const char *text), void *context)
{
	sqlite3_stmt *s = NULL;
	enum err e = E_OK;
	int step = SQLITE_ERROR;

	if (!sqlite3_prepare_v2(l->db, "SELECT text FROM head ORDER BY records", -1, &s, NULL))
		while ((step = sqlite3_step(s)) == SQLITE_ROW)
			if (sqlite3_column_text(s, 0))
				each(context, (const char *)sqlite3_column_text(s, 0));
	if (step != SQLITE_DONE)
		e = failed(l);
	sqlite3_finalize(s);
	return e;
}

enum err ledger_last(uint64_t *sequence, struct ledger *l)
{
	*sequence = 0;
	return number(l, sequence, "SELECT coalesce(max(sequence), 0) FROM event");
}

enum err ledger_loads(struct ledger *l, const char *serial, void (*each)(void *context, const struct fact *f),
		      void *context)
{
	static const char sql[] =
		"SELECT sequence, time, slot, load_count, serial, spki, key_set, scheme, ksn, state, kcv, firmware"
		" FROM load WHERE :serial IS NULL OR serial = :serial ORDER BY sequence";
	sqlite3_stmt *s = NULL;
	enum err e = E_OK;
	int step = SQLITE_ERROR;

	if (!sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) && !bind(s, ":serial", serial))
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			struct fact f = {
				.sequence = (uint64_t)sqlite3_column_int64(s, 0),
				.time = (uint64_t)sqlite3_column_int64(s, 1),
				.slot = (uint8_t)sqlite3_column_int(s, 2),
				.load_count = (uint32_t)sqlite3_column_int64(s, 3),
			};

			copy(f.serial, sizeof f.serial, s, 4);
			copy(f.spki, sizeof f.spki, s, 5);
			copy(f.key_set, sizeof f.key_set, s, 6);
			copy(f.scheme, sizeof f.scheme, s, 7);
			copy(f.ksn, sizeof f.ksn, s, 8);
			copy(f.state, sizeof f.state, s, 9);
			copy(f.kcv, sizeof f.kcv, s, 10);
			copy(f.firmware, sizeof f.firmware, s, 11);
			each(context, &f);
		}
	if (step != SQLITE_DONE)
		e = failed(l);
	sqlite3_finalize(s);
	return e;
}

enum err ledger_events(struct ledger *l, const struct fact *f, void (*each)(void *context, const struct fact *event),
		       void *context)
{
	static const char sql[] = "SELECT sequence, time, state FROM event"
				  " WHERE key_set = :key_set AND ksn = :ksn ORDER BY sequence";
	sqlite3_stmt *s = NULL;
	enum err e = E_OK;
	int step = SQLITE_ERROR;

	if (!sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) && !bind(s, ":key_set", f->key_set) &&
	    !bind(s, ":ksn", f->ksn))
		while ((step = sqlite3_step(s)) == SQLITE_ROW) {
			struct fact event = *f;

			event.sequence = (uint64_t)sqlite3_column_int64(s, 0);
			event.time = (uint64_t)sqlite3_column_int64(s, 1);
			copy(event.state, sizeof event.state, s, 2);
			each(context, &event);
		}
	if (step != SQLITE_DONE)
		e = failed(l);
	sqlite3_finalize(s);
	return e;
}
