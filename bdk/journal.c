#include "bdk/journal.h"
#include "base/host/database.h"
#include "base/hex.h"
#include "crypto/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUSY_MS = 1000, DAY = 86400 };

/*
 * The tables of version 1, and what each later version made of them. A new journal goes through all steps too, so that
 * there is one way for tables to come about. A version that was released is never changed: the next one gets a step.
 *
 * The rules that must hold whatever the code does stand here, as constraints: one owner for each device id of a key
 * set, one id for each {terminal, slot, load count}, one identity key for each serial and the other way round.
 */
static const char version_1[] =
	"CREATE TABLE meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE audit(sequence INTEGER PRIMARY KEY, utc INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL,"
	"  object TEXT NOT NULL, reason TEXT NOT NULL, hash BLOB NOT NULL CHECK(length(hash) = 32)) STRICT;"
	"CREATE TABLE key_set(row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, scheme INTEGER NOT NULL,"
	"  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 2), kcv BLOB NOT NULL CHECK(length(kcv) <= 5),"
	"  first INTEGER NOT NULL, last INTEGER NOT NULL, next INTEGER NOT NULL CHECK(next BETWEEN first AND last + 1),"
	"  utc INTEGER NOT NULL) STRICT;"
	"CREATE TABLE package(key_set TEXT PRIMARY KEY REFERENCES key_set(id), bytes BLOB NOT NULL) STRICT;"
	"CREATE TABLE device(row INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT NOT NULL UNIQUE,"
	"  spki BLOB UNIQUE CHECK(length(spki) = 32), cert BLOB NOT NULL,"
	"  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 5), utc INTEGER NOT NULL) STRICT;"
	"CREATE TABLE load(row INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  key_set TEXT NOT NULL REFERENCES key_set(id), id INTEGER NOT NULL, serial TEXT NOT NULL,"
	"  spki BLOB NOT NULL CHECK(length(spki) = 32), point BLOB NOT NULL CHECK(length(point) = 65),"
	"  slot INTEGER NOT NULL CHECK(slot BETWEEN 0 AND 255), first_count INTEGER NOT NULL, firmware TEXT NOT NULL,"
	"  UNIQUE(key_set, id), UNIQUE(spki, slot, first_count)) STRICT;"
	"CREATE INDEX load_serial ON load(serial);"
	"CREATE TABLE event(sequence INTEGER PRIMARY KEY AUTOINCREMENT, load INTEGER NOT NULL REFERENCES load(row),"
	"  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 4), load_count INTEGER NOT NULL,"
	"  kcv BLOB NOT NULL CHECK(length(kcv) <= 5), utc INTEGER NOT NULL) STRICT;"
	"CREATE INDEX event_load ON event(load);"
	"CREATE TABLE sent(row INTEGER PRIMARY KEY AUTOINCREMENT, load INTEGER NOT NULL REFERENCES load(row),"
	"  h BLOB NOT NULL CHECK(length(h) = 32), UNIQUE(load, h)) STRICT;"
	"CREATE TABLE wipe(row INTEGER PRIMARY KEY AUTOINCREMENT, serial TEXT NOT NULL,"
	"  spki BLOB NOT NULL CHECK(length(spki) = 32), point BLOB NOT NULL CHECK(length(point) = 65),"
	"  slot INTEGER NOT NULL CHECK(slot BETWEEN 0 AND 255), load_count INTEGER NOT NULL,"
	"  ksn BLOB NOT NULL CHECK(length(ksn) IN (0, 10, 12)), kcv BLOB NOT NULL CHECK(length(kcv) <= 5),"
	"  h BLOB NOT NULL CHECK(length(h) = 32), sequence INTEGER NOT NULL) STRICT;"
	"CREATE INDEX wipe_serial ON wipe(serial);"
	"CREATE TABLE seen(kind TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY(kind, value)) STRICT, WITHOUT ROWID;";

static const char *const steps[JOURNAL_VERSION] = {
	[1] =
		/* device ids, as they were before leases: the next step drops these columns */
		"ALTER TABLE key_set ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0;"
		"ALTER TABLE key_set ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0;"
		"UPDATE key_set SET claimed = next;"
		/* ca: every certificate that a room was given; revoked: when, or 0 */
		"CREATE TABLE certified(row INTEGER PRIMARY KEY AUTOINCREMENT, number BLOB NOT NULL UNIQUE"
		"  CHECK(length(number) = 20), name TEXT NOT NULL, unit TEXT NOT NULL, spki BLOB NOT NULL"
		"  CHECK(length(spki) = 32), revoked INTEGER NOT NULL, utc INTEGER NOT NULL) STRICT;"
		/* acquirer: which KIF certificate a key set came under; what hand-over packs say of an initial KSN: its
		 * terminal's certificate, and why nothing is recovered under it, or nothing */
		"CREATE TABLE maker(key_set TEXT PRIMARY KEY REFERENCES key_set(id), number BLOB NOT NULL"
		"  CHECK(length(number) = 20), name TEXT NOT NULL) STRICT;"
		"CREATE TABLE handed(ksn BLOB PRIMARY KEY CHECK(length(ksn) IN (10, 12)), serial TEXT NOT NULL,"
		"  number BLOB NOT NULL CHECK(length(number) = 20), refused TEXT NOT NULL) STRICT, WITHOUT ROWID;",
	/* the audit's hashes are renewed too: audit_renew() */
	[2] =
		/* signed heads of the audit (bdk/audit.h) */
		"CREATE TABLE head(sequence INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
		/* people (bdk/people.h): one name and one uid each; card: a point, where a card signs what others type for */
		"CREATE TABLE person(row INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
		"  uid INTEGER NOT NULL UNIQUE, roles INTEGER NOT NULL CHECK(roles BETWEEN 1 AND 15),"
		"  verifier BLOB NOT NULL CHECK(length(verifier) IN (0, 51)), card BLOB NOT NULL CHECK(length(card) IN (0, 65)),"
		"  wrong INTEGER NOT NULL, utc INTEGER NOT NULL) STRICT;"
		/* device ids (bdk/lease.h): a lease's key set need not be in the room, since a ca room has none; UNIQUE(key_set,
		 * id) of manifest is one terminal for each dictated id; tally counts a day's loads */
		"CREATE TABLE lease(number INTEGER PRIMARY KEY, key_set TEXT NOT NULL, scheme INTEGER NOT NULL,"
		"  kcv BLOB NOT NULL CHECK(length(kcv) <= 5), first INTEGER NOT NULL CHECK(first >= 0),"
		"  last INTEGER NOT NULL CHECK(last >= first), kif BLOB NOT NULL CHECK(length(kif) = 32),"
		"  epoch INTEGER NOT NULL, utc INTEGER NOT NULL, next INTEGER NOT NULL CHECK(next BETWEEN first AND last + 1),"
		"  name TEXT NOT NULL, bytes BLOB NOT NULL) STRICT;"
		"CREATE INDEX lease_key_set ON lease(key_set, first);"
		"CREATE TABLE manifest(serial TEXT NOT NULL, slot INTEGER NOT NULL CHECK(slot BETWEEN 0 AND 255),"
		"  key_set TEXT NOT NULL REFERENCES key_set(id), id INTEGER, utc INTEGER NOT NULL, PRIMARY KEY(serial, slot),"
		"  UNIQUE(key_set, id)) STRICT;"
		"CREATE TABLE chain(key_set TEXT PRIMARY KEY REFERENCES key_set(id),"
		"  next TEXT NOT NULL REFERENCES key_set(id)) STRICT;"
		"CREATE TABLE tally(key_set TEXT NOT NULL, day INTEGER NOT NULL, loads INTEGER NOT NULL,"
		"  PRIMARY KEY(key_set, day)) STRICT, WITHOUT ROWID;"
		"INSERT INTO tally SELECT l.key_set, e.utc / 86400, count(*) FROM event e JOIN load l ON l.row = e.load"
		"  WHERE e.state = 1 GROUP BY 1, 2;"
		/* ids that may be issued now, one block of a key set; ids that a crash left unissued (bdk/mark.h) */
		"CREATE TABLE claim(key_set TEXT PRIMARY KEY REFERENCES key_set(id), first INTEGER NOT NULL,"
		"  last INTEGER NOT NULL CHECK(last >= first)) STRICT;"
		"CREATE TABLE skipped(row INTEGER PRIMARY KEY AUTOINCREMENT, key_set TEXT NOT NULL REFERENCES key_set(id),"
		"  first INTEGER NOT NULL, last INTEGER NOT NULL CHECK(last >= first), utc INTEGER NOT NULL) STRICT;"
		"CREATE INDEX skipped_key_set ON skipped(key_set, first);"
		/* a range of the room's own making is no more: ids come out of leases */
		"ALTER TABLE key_set DROP COLUMN next; ALTER TABLE key_set DROP COLUMN last; ALTER TABLE key_set DROP COLUMN first;"
		"ALTER TABLE key_set DROP COLUMN claimed; ALTER TABLE key_set DROP COLUMN skipped;",
	/* 3 -> 4: until that version is released, what comes goes in here */
	[3] =
		/* the life of a key set: its newest row is its state */
		"CREATE TABLE key_state(row INTEGER PRIMARY KEY AUTOINCREMENT, key_set TEXT NOT NULL REFERENCES key_set(id),"
		"  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 6), utc INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
		"CREATE INDEX key_state_key_set ON key_state(key_set);"
		"INSERT INTO key_state(key_set, state, utc, reason) SELECT id, state, utc, '' FROM key_set ORDER BY row;"
		"ALTER TABLE key_set DROP COLUMN state;"
		/* its period; 0: no such end */
		"ALTER TABLE key_set ADD COLUMN begins INTEGER NOT NULL DEFAULT 0 CHECK(begins >= 0);"
		"ALTER TABLE key_set ADD COLUMN ends INTEGER NOT NULL DEFAULT 0 CHECK(ends >= 0);"
		/* what is destroyed never is anything else; by the audit's records: who decided it, and that the token proved it (0: not
		 * yet) */
		"CREATE TRIGGER key_state_end BEFORE INSERT ON key_state WHEN EXISTS (SELECT 1 FROM key_state"
		"  WHERE key_set = new.key_set AND state = 6) BEGIN SELECT raise(ABORT, 'destroyed'); END;"
		"CREATE TABLE destruction(key_set TEXT PRIMARY KEY REFERENCES key_set(id), decided INTEGER NOT NULL,"
		"  proved INTEGER NOT NULL) STRICT;"
		/* which keys were ever here (bdk/fingerprint.h), by the label of the token's object; NULL: one that stands here
		 * under another label too, since a time when nobody looked */
		"CREATE TABLE fingerprint(label TEXT PRIMARY KEY, value BLOB UNIQUE CHECK(length(value) = 16))"
		"  STRICT, WITHOUT ROWID;"
		/* tamper-evident bags (bdk/media.h): a number is used once; what became of one is its newest row of bag_state.
		 * ceremony: the audit's record that opened the one it happened in, 0: none was open */
		"CREATE TABLE bag(row INTEGER PRIMARY KEY AUTOINCREMENT, number TEXT NOT NULL UNIQUE,"
		"  medium INTEGER NOT NULL CHECK(medium BETWEEN 1 AND 5), part INTEGER NOT NULL, parts INTEGER NOT NULL"
		"  CHECK(part BETWEEN (parts > 0) AND parts), holds TEXT NOT NULL, purpose TEXT NOT NULL, keeper TEXT NOT NULL,"
		"  utc INTEGER NOT NULL) STRICT;"
		"CREATE TABLE bag_state(row INTEGER PRIMARY KEY AUTOINCREMENT, bag INTEGER NOT NULL REFERENCES bag(row),"
		"  condition INTEGER NOT NULL CHECK(condition BETWEEN 1 AND 4), disposition INTEGER NOT NULL"
		"  CHECK(disposition BETWEEN 0 AND 5), place TEXT NOT NULL, reason TEXT NOT NULL, ceremony INTEGER NOT NULL,"
		"  utc INTEGER NOT NULL) STRICT;"
		"CREATE INDEX bag_state_bag ON bag_state(bag);"
		/* KBPKs, their lives, and which keys came in or went out under them */
		"CREATE TABLE kbpk(row INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
		"  type INTEGER NOT NULL CHECK(type BETWEEN 0 AND 4), mode TEXT NOT NULL CHECK(mode IN ('B', 'D', 'E')),"
		"  exportability TEXT NOT NULL CHECK(exportability IN ('E', 'S', 'N')), kcv BLOB NOT NULL, utc INTEGER NOT NULL)"
		"  STRICT;"
		"CREATE TABLE kbpk_state(row INTEGER PRIMARY KEY AUTOINCREMENT, kbpk TEXT NOT NULL REFERENCES kbpk(name),"
		"  state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 6), utc INTEGER NOT NULL, reason TEXT NOT NULL) STRICT;"
		"CREATE TABLE block(row INTEGER PRIMARY KEY AUTOINCREMENT, kbpk TEXT NOT NULL REFERENCES kbpk(name),"
		"  key TEXT NOT NULL UNIQUE, outward INTEGER NOT NULL CHECK(outward IN (0, 1)),"
		"  exportability TEXT NOT NULL CHECK(exportability IN ('E', 'S', 'N')), utc INTEGER NOT NULL) STRICT;"
		/* what the token is about to make, or has made and the journal does not know yet (bdk/making.h) */
		"CREATE TABLE making(label TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;",
};

/* Each connection. What undoes a part of a group may outgrow SQLite's buffer, and no file may come about outside the room. */
static const char settings[] = "PRAGMA temp_store = MEMORY; "
			       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
			       "PRAGMA trusted_schema = OFF;";

#define KEY_SET                                                                                                        \
	"SELECT k.row, k.id, k.scheme, s.state, k.kcv, k.utc, k.begins, k.ends, s.utc FROM key_set k"                  \
	"  JOIN key_state s ON s.row = (SELECT max(row) FROM key_state WHERE key_set = k.id) "
#define KBPK                                                                                                           \
	"SELECT k.row, k.name, k.type, k.mode, k.exportability, k.kcv, k.utc,"                                         \
	"  (SELECT state FROM kbpk_state WHERE kbpk = k.name ORDER BY row DESC LIMIT 1),"                              \
	"  (SELECT count(*) FROM block WHERE kbpk = k.name) FROM kbpk k "
#define BLOCK "SELECT row, kbpk, key, outward, exportability FROM block "
#define LEASE "SELECT number, key_set, scheme, kcv, first, last, kif, epoch, utc, next, name, bytes FROM lease "
#define DEVICE "SELECT row, serial, coalesce(spki, zeroblob(32)), cert, state, utc FROM device "
/* A load is its row and its newest event; the others are its life. */
#define LOAD                                                                                                           \
	"SELECT e.sequence, l.row, k.id, k.scheme, l.id, l.serial, l.spki, l.point, l.slot, e.state, l.first_count,"   \
	"  e.load_count, e.kcv, l.firmware, e.utc"                                                                     \
	"  FROM load l JOIN event e ON e.load = l.row JOIN key_set k ON k.id = l.key_set "
#define NEWEST "AND e.sequence = (SELECT max(sequence) FROM event WHERE load = l.row) "
#define AUDIT                                                                                                          \
	"SELECT sequence, utc, who, what, object, reason, hash, coalesce((SELECT hash FROM audit WHERE sequence ="     \
	"  a.sequence - 1), zeroblob(32)) FROM audit a "
#define PERSON "SELECT row, name, uid, roles, verifier, card, wrong, utc FROM person "
#define CLAIM "SELECT k.id, k.scheme, c.first, c.last FROM claim c JOIN key_set k ON k.id = c.key_set "
#define BAG                                                                                                            \
	"SELECT b.row, b.number, b.medium, b.part, b.parts, b.holds, b.purpose, b.keeper, b.utc, s.condition,"         \
	"  s.disposition, s.place, s.reason, s.ceremony, s.utc FROM bag b JOIN bag_state s"                            \
	"  ON s.row = (SELECT max(row) FROM bag_state WHERE bag = b.row) "
#define SENT "SELECT s.row, s.load, s.h FROM sent s JOIN load l ON l.row = s.load "

enum statement {
	BEGIN, COMMIT, ROLLBACK, BEGIN_PART, COMMIT_PART, ROLLBACK_PART, META_GET, META_SET, AUDIT_HEAD, AUDIT_AFTER, AUDIT_ADD,
	HEAD_ADD, HEAD_LAST, HEAD_AFTER, ALL_KEY_SETS, ALL_KEY_STATES, ALL_DEVICES,
	ALL_LOADS, ALL_EVENTS, SEEN_ADD, KEY_SET_BY_ID, KEY_SET_AFTER, KEY_SET_ADD, KEY_SET_STATE, KEY_LIFE,
	KEY_PERIOD, DESTRUCTION_PUT, DESTRUCTION, LOAD_BELOW, HANDED_FROM,
	PACKAGE_GET, PACKAGE_ADD, PACKAGE_WIPE, FINGERPRINT_ADD, FINGERPRINT_HAS, FINGERPRINT_OF, DEVICE_BY_SERIAL, DEVICE_BY_SPKI, DEVICE_AFTER, DEVICE_PUT, LOAD_ADD,
	LOAD_BY_ROW, LOAD_LAST, LOAD_COUNT, LOAD_AFTER, LOAD_NEWEST_AFTER, EVENT_ADD, SENT_ADD, SENT_HAS, SENT_NEXT, WIPE_ADD, WIPE_NEXT,
	WIPED, CERTIFIED_PUT, CERTIFIED_REVOKE, CERTIFIED_AFTER, MAKER_ADD, MAKER_GET, HANDED_PUT, HANDED_GET,
	PERSON_BY_NAME, PERSON_BY_UID, PERSON_AFTER, PERSON_ADD, PERSON_SET, PERSON_REMOVE,
	LEASE_ADD, LEASE_NEXT, LEASE_AT, LEASE_OPEN, LEASE_MOVE, LEASE_LEFT, LEASE_EPOCH, ID_TAKEN, DICTATE,
	DICTATED, CHAIN, FOLLOWER, TALLY_ADD, TALLY, LOAD_WAITS, CLAIM_PUT, CLAIM_OF, CLAIM_ANY, CLAIM_END, CLAIMS_END,
	SKIP, SKIP_BELOW, SKIP_OVER, SKIPPED, BAG_ADD, BAG_STATE_ADD, BAG_BY_NUMBER, BAG_AFTER,
	KBPK_BY_NAME, KBPK_AFTER, KBPK_ADD, KBPK_STATE, BLOCK_ADD, BLOCK_OF, BLOCK_UNDER, MAKING, MADE, MAKING_DUE, STATEMENTS
};

static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[BEGIN_PART] = "SAVEPOINT part",
	[COMMIT_PART] = "RELEASE part",
	[ROLLBACK_PART] = "ROLLBACK TO part",
	[META_GET] = "SELECT value FROM meta WHERE name = ?",
	[META_SET] = "INSERT INTO meta(name, value) VALUES(?, ?)"
		     "  ON CONFLICT(name) DO UPDATE SET value = excluded.value",
	[AUDIT_HEAD] = AUDIT "ORDER BY sequence DESC LIMIT 1",
	[AUDIT_AFTER] = AUDIT "WHERE sequence > ? ORDER BY sequence LIMIT 1",
	[AUDIT_ADD] = "INSERT INTO audit(sequence, utc, who, what, object, reason, hash) VALUES(?, ?, ?, ?, ?, ?, ?)",
	[HEAD_ADD] = "INSERT INTO head(sequence, text) VALUES(?, ?) ON CONFLICT(sequence) DO NOTHING",
	[HEAD_LAST] = "SELECT sequence, text FROM head ORDER BY sequence DESC LIMIT 1",
	[HEAD_AFTER] = "SELECT sequence, text FROM head WHERE sequence > ? ORDER BY sequence LIMIT 1",
	[ALL_KEY_SETS] = "SELECT * FROM key_set ORDER BY row",
	[ALL_KEY_STATES] = "SELECT * FROM key_state ORDER BY row",
	[ALL_DEVICES] = "SELECT * FROM device ORDER BY row",
	[ALL_LOADS] = "SELECT * FROM load ORDER BY row",
	[ALL_EVENTS] = "SELECT * FROM event ORDER BY sequence",
	[SEEN_ADD] = "INSERT INTO seen(kind, value) VALUES(?, ?)",
	[KEY_SET_BY_ID] = KEY_SET "WHERE k.id = ?",
	[KEY_SET_AFTER] = KEY_SET "WHERE k.row > ? ORDER BY k.row LIMIT 1",
	[KEY_SET_ADD] = "INSERT INTO key_set(id, scheme, kcv, utc, begins, ends) VALUES(?, ?, ?, ?, ?, ?)",
	[PACKAGE_GET] = "SELECT bytes FROM package WHERE key_set = ?",
	[PACKAGE_ADD] = "INSERT INTO package(key_set, bytes) VALUES(?, ?)",
	[PACKAGE_WIPE] = "UPDATE package SET bytes = zeroblob(length(bytes)) WHERE key_set = ?", /* in its place */
	[FINGERPRINT_ADD] = "INSERT INTO fingerprint(label, value) VALUES(?, nullif(?, x''))",
	[FINGERPRINT_HAS] = "SELECT 1 FROM fingerprint WHERE label = ?",
	[FINGERPRINT_OF] = "SELECT label FROM fingerprint WHERE value = ?",
	[KEY_SET_STATE] = "INSERT INTO key_state(key_set, state, utc, reason) SELECT id, ?, ?, ? FROM key_set WHERE id = ?",
	[KEY_LIFE] = "SELECT row, state, utc, reason FROM key_state WHERE key_set = ? AND row > ? ORDER BY row LIMIT 1",
	[KEY_PERIOD] = "UPDATE key_set SET begins = ?, ends = ? WHERE id = ?",
	[DESTRUCTION_PUT] = "INSERT INTO destruction(key_set, decided, proved) VALUES(?, ?, ?)"
			    "  ON CONFLICT(key_set) DO UPDATE SET decided = excluded.decided, proved = excluded.proved",
	[MAKING] = "INSERT INTO making(label) VALUES(?) ON CONFLICT DO NOTHING",
	[MADE] = "DELETE FROM making WHERE label = ?",
	[MAKING_DUE] = "SELECT label FROM making LIMIT 1",
	[DESTRUCTION] = "SELECT key_set, decided, proved FROM destruction WHERE key_set = ?",
	[DEVICE_BY_SERIAL] = DEVICE "WHERE serial = ?",
	[DEVICE_BY_SPKI] = DEVICE "WHERE spki = ?",
	[DEVICE_AFTER] = DEVICE "WHERE row > ? ORDER BY row LIMIT 1",
	[DEVICE_PUT] = "INSERT INTO device(serial, spki, cert, state, utc) VALUES(?, nullif(?, zeroblob(32)), ?, ?, ?)"
		       "  ON CONFLICT(serial) DO UPDATE SET spki = excluded.spki, cert = excluded.cert,"
		       "  state = excluded.state, utc = excluded.utc",
	[LOAD_ADD] = "INSERT INTO load(key_set, id, serial, spki, point, slot, first_count, firmware)"
		     "  VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
	[LOAD_BY_ROW] = LOAD "WHERE l.row = ? " NEWEST,
	[LOAD_BELOW] = LOAD "WHERE l.key_set = ? AND l.id >= ? " NEWEST "ORDER BY l.id LIMIT 1",
	[LOAD_LAST] = LOAD "WHERE l.spki = ? AND l.slot = ? " NEWEST "ORDER BY l.row DESC LIMIT 1",
	[LOAD_COUNT] = "SELECT coalesce(max(max(l.first_count, e.load_count)), 0)"
		       "  FROM load l JOIN event e ON e.load = l.row WHERE l.spki = ?",
	[LOAD_AFTER] = LOAD "WHERE e.sequence > ? ORDER BY e.sequence LIMIT 1",
	[LOAD_NEWEST_AFTER] = LOAD "WHERE e.sequence > ? " NEWEST "ORDER BY e.sequence LIMIT 1",
	[EVENT_ADD] = "INSERT INTO event(load, state, load_count, kcv, utc)"
		      "  SELECT row, ?, ?, ?, ? FROM load WHERE row = ?",
	[SENT_ADD] = "INSERT INTO sent(load, h) VALUES(?, ?)",
	[SENT_HAS] = "SELECT row FROM sent WHERE load = ? AND h = ?",
	[SENT_NEXT] = SENT "WHERE l.serial = ? AND s.row < ? ORDER BY s.row DESC LIMIT 1",
	[WIPE_ADD] = "INSERT INTO wipe(serial, spki, point, slot, load_count, ksn, kcv, h, sequence)"
		     "  SELECT ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(sequence), 0) FROM event",
	[WIPE_NEXT] = "SELECT row, serial, spki, point, slot, load_count, ksn, kcv, h, sequence FROM wipe"
		      "  WHERE serial = ? AND row < ? ORDER BY row DESC LIMIT 1",
	/* 255: all slots. 2 and 3: loaded, possibly loaded */
	[WIPED] = "INSERT INTO event(load, state, load_count, kcv, utc) SELECT l.row, ?1, e.load_count, e.kcv, ?2"
		  "  FROM load l JOIN event e ON e.load = l.row WHERE l.spki = ?3 AND (l.slot = ?4 OR ?4 = 255)"
		  "  AND e.sequence <= ?5 AND e.state IN (2, 3) " NEWEST "ORDER BY l.row",
	[CERTIFIED_PUT] = "INSERT INTO certified(number, name, unit, spki, revoked, utc) VALUES(?, ?, ?, ?, 0, ?)"
			  "  ON CONFLICT(number) DO NOTHING",
	[CERTIFIED_REVOKE] = "UPDATE certified SET revoked = ? WHERE spki = ? AND revoked = 0",
	[CERTIFIED_AFTER] = "SELECT row, number, name, unit, spki, revoked, utc FROM certified WHERE row > ?"
			    "  ORDER BY row LIMIT 1",
	[MAKER_ADD] = "INSERT INTO maker(key_set, number, name) VALUES(?, ?, ?)",
	[MAKER_GET] = "SELECT number, name FROM maker WHERE key_set = ?",
	/* what is refused once stays refused, for the reason given first */
	[HANDED_PUT] = "INSERT INTO handed(ksn, serial, number, refused) VALUES(?, ?, ?, ?) ON CONFLICT(ksn) DO UPDATE"
		       "  SET serial = excluded.serial, number = excluded.number, refused = excluded.refused"
		       "  WHERE handed.refused = ''",
	[HANDED_GET] = "SELECT serial, number, refused FROM handed WHERE ksn = ?",
	[HANDED_FROM] = "SELECT ksn, serial, number, refused FROM handed WHERE ksn >= ?1 AND length(ksn) = length(?1)"
			"  ORDER BY ksn LIMIT 1",
	[PERSON_BY_NAME] = PERSON "WHERE name = ?",
	[PERSON_BY_UID] = PERSON "WHERE uid = ?",
	[PERSON_AFTER] = PERSON "WHERE row > ? ORDER BY row LIMIT 1",
	[PERSON_ADD] = "INSERT INTO person(name, uid, roles, verifier, card, wrong, utc) VALUES(?, ?, ?, x'', ?, 0, ?)",
	[PERSON_SET] = "UPDATE person SET verifier = ?, wrong = ? WHERE row = ?",
	[PERSON_REMOVE] = "DELETE FROM person WHERE row = ?",
	[LEASE_ADD] = "INSERT INTO lease(number, key_set, scheme, kcv, first, last, kif, epoch, utc, next, name, bytes)"
		      "  VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[LEASE_NEXT] = LEASE "WHERE number > ? ORDER BY number LIMIT 1",
	[LEASE_AT] = LEASE "WHERE key_set = ? AND last >= ? AND first <= ? AND epoch > ? ORDER BY first LIMIT 1",
	[LEASE_OPEN] = LEASE "WHERE key_set = ? AND next <= last AND epoch > ? ORDER BY first LIMIT 1",
	[LEASE_MOVE] = "UPDATE lease SET next = ? WHERE number = ?",
	/* what lies ahead, and what is dictated behind, but for what was issued or skipped */
	[LEASE_LEFT] = "SELECT max(0, s.last - s.next + 1"
		       "  - (SELECT count(*) FROM load WHERE key_set = s.key_set AND id BETWEEN s.next AND s.last)"
		       "  - (SELECT coalesce(sum(min(x.last, s.last) - max(x.first, s.next) + 1 - (SELECT count(*) FROM load"
		       "     WHERE key_set = x.key_set AND id BETWEEN max(x.first, s.next) AND min(x.last, s.last))), 0)"
		       "     FROM skipped x WHERE x.key_set = s.key_set AND x.first <= s.last AND x.last >= s.next)"
		       "  + (SELECT count(*) FROM manifest m WHERE m.key_set = s.key_set"
		       "     AND m.id BETWEEN s.first AND s.next - 1"
		       "     AND NOT EXISTS (SELECT 1 FROM load WHERE key_set = m.key_set AND id = m.id)"
		       "     AND NOT EXISTS (SELECT 1 FROM skipped x WHERE x.key_set = m.key_set AND m.id BETWEEN x.first AND x.last)))"
		       "  FROM lease s WHERE s.number = ?",
	[LEASE_EPOCH] = "SELECT coalesce(max(epoch), 0) FROM lease",
	[ID_TAKEN] = "SELECT 1 FROM load WHERE key_set = ?1 AND id = ?2"
		     "  UNION ALL SELECT 1 FROM manifest WHERE key_set = ?1 AND id = ?2"
		     "  UNION ALL SELECT 1 FROM skipped WHERE key_set = ?1 AND ?2 BETWEEN first AND last LIMIT 1",
	[DICTATE] = "INSERT INTO manifest(serial, slot, key_set, id, utc) VALUES(?, ?, ?, nullif(?, -1), ?)"
		    "  ON CONFLICT(serial, slot) DO UPDATE SET key_set = excluded.key_set, id = excluded.id,"
		    "  utc = excluded.utc",
	[DICTATED] = "SELECT m.serial, m.slot, k.id, k.scheme, m.id IS NOT NULL, coalesce(m.id, 0),"
		     "  EXISTS (SELECT 1 FROM load WHERE key_set = m.key_set AND id = m.id),"
		     "  EXISTS (SELECT 1 FROM skipped WHERE key_set = m.key_set AND m.id BETWEEN first AND last)"
		     "  FROM manifest m JOIN key_set k ON k.id = m.key_set WHERE m.serial = ? AND m.slot = ?",
	[CHAIN] = "INSERT INTO chain(key_set, next) VALUES(?, ?) ON CONFLICT(key_set) DO UPDATE SET next = excluded.next",
	[FOLLOWER] = "SELECT k.id, k.scheme FROM chain c JOIN key_set k ON k.id = c.next WHERE c.key_set = ?",
	[TALLY_ADD] = "INSERT INTO tally(key_set, day, loads) VALUES(?, ?, 1)"
		      "  ON CONFLICT(key_set, day) DO UPDATE SET loads = loads + 1",
	[TALLY] = "SELECT coalesce(sum(loads), 0), coalesce(sum(loads) FILTER (WHERE day > ?2 - 7), 0),"
		  "  coalesce(sum(loads) FILTER (WHERE day > ?2 - 30), 0), max(?2 - coalesce(min(day), ?2), 0)"
		  "  FROM tally WHERE key_set = ?1",
	[LOAD_WAITS] = LOAD "WHERE l.serial = ? AND l.slot = ? AND e.state = 1 " NEWEST "ORDER BY l.row DESC LIMIT 1",
	[CLAIM_PUT] = "INSERT INTO claim(key_set, first, last) VALUES(?, ?, ?)"
		      "  ON CONFLICT(key_set) DO UPDATE SET first = excluded.first, last = excluded.last",
	[CLAIM_OF] = CLAIM "WHERE c.key_set = ?",
	[CLAIM_ANY] = CLAIM "LIMIT 1",
	[CLAIM_END] = "DELETE FROM claim WHERE key_set = ? AND first = ? AND last = ?",
	[CLAIMS_END] = "DELETE FROM claim",
	/* rows do not overlap: an id of a manifest that was skipped by itself may lie in a block that is skipped later */
	[SKIP] = "INSERT INTO skipped(key_set, first, last, utc) SELECT ?1, min(?2, coalesce(min(first), ?2)),"
		 "  max(?3, coalesce(max(last), ?3)), ?4 FROM skipped WHERE key_set = ?1 AND first <= ?3 AND last >= ?2",
	[SKIP_BELOW] = "DELETE FROM skipped WHERE key_set = ?1 AND first <= ?3 AND last >= ?2"
		       "  AND row <> (SELECT max(row) FROM skipped)",
	[SKIP_OVER] = "UPDATE lease SET next = min(?3, last) + 1 WHERE key_set = ?1 AND next BETWEEN ?2 AND ?3",
	[SKIPPED] = "SELECT coalesce(sum(s.last - s.first + 1 - (SELECT count(*) FROM load"
		    "  WHERE key_set = s.key_set AND id BETWEEN s.first AND s.last)), 0) FROM skipped s WHERE s.key_set = ?",
	[BAG_ADD] = "INSERT INTO bag(number, medium, part, parts, holds, purpose, keeper, utc) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
	[BAG_STATE_ADD] = "INSERT INTO bag_state(bag, condition, disposition, place, reason, ceremony, utc)"
			  "  SELECT row, ?, ?, ?, ?, ?, ? FROM bag WHERE row = ?",
	[BAG_BY_NUMBER] = BAG "WHERE b.number = ?",
	[BAG_AFTER] = BAG "WHERE b.row > ? ORDER BY b.row LIMIT 1",
	[KBPK_BY_NAME] = KBPK "WHERE k.name = ?",
	[KBPK_AFTER] = KBPK "WHERE k.row > ? ORDER BY k.row LIMIT 1",
	[KBPK_ADD] = "INSERT INTO kbpk(name, type, mode, exportability, kcv, utc) VALUES(?, ?, ?, ?, ?, ?)",
	[KBPK_STATE] = "INSERT INTO kbpk_state(kbpk, state, utc, reason) SELECT name, ?, ?, ? FROM kbpk WHERE name = ?",
	[BLOCK_ADD] = "INSERT INTO block(kbpk, key, outward, exportability, utc) VALUES(?, ?, ?, ?, ?)",
	[BLOCK_OF] = BLOCK "WHERE key = ?",
	[BLOCK_UNDER] = BLOCK "WHERE kbpk = ? AND row > ? ORDER BY row LIMIT 1",
};

struct journal {
	sqlite3 *db;
	unsigned depth;		/* of journal_begin(); 0: none is open */
	bool group;		/* what it begins is part of a group */
	sqlite3_stmt *stmt[STATEMENTS];
};

static const char *name_of(const char *const *names, size_t n, unsigned v)
{
	return v < n && names[v] ? names[v] : "unknown";
}
#define NAME_OF(names, v) name_of(names, sizeof(names) / sizeof *(names), (unsigned)(v))

const char *key_set_state_name(enum key_set_state s)
{
	static const char *const names[] = {
		[KEY_SET_PRE_ACTIVE] = "pre-active",   [KEY_SET_ACTIVE] = "active",
		[KEY_SET_SUSPENDED] = "suspended",     [KEY_SET_DEACTIVATED] = "deactivated",
		[KEY_SET_COMPROMISED] = "compromised", [KEY_SET_DESTROYED] = "destroyed",
	};

	return NAME_OF(names, s);
}

const char *device_state_name(enum device_state s)
{
	static const char *const names[] = {
		[DEVICE_EXPECTED] = "expected",	      [DEVICE_CERTIFIED] = "certified", [DEVICE_ENROLLED] = "enrolled",
		[DEVICE_QUARANTINED] = "quarantined", [DEVICE_REVOKED] = "revoked",
	};

	return NAME_OF(names, s);
}

const char *load_state_name(enum load_state s)
{
	static const char *const names[] = {
		[LOAD_SENT] = "sent",	      [LOAD_LOADED] = "loaded",	    [LOAD_POSSIBLY] = "possibly-loaded",
		[LOAD_ZEROIZED] = "zeroized",
	};

	return NAME_OF(names, s);
}

/* --- One query: values in, columns out, in order; the first error stays, and query_end() asks once. --------------- */

struct query {
	sqlite3_stmt *s;
	int in, out;	/* the parameter and the column last used */
	int rc;		/* SQLite's word on the last step, or the first error */
	bool bad;	/* a column is not what the schema says */
};

static struct query query(struct journal *j, enum statement which)
{
	return (struct query){ .s = j->stmt[which], .in = 0, .out = -1, .rc = SQLITE_OK };
}

static void put_number(struct query *q, uint64_t v)
{
	if (!q->rc)
		q->rc = sqlite3_bind_int64(q->s, ++q->in, (sqlite3_int64)v);
}

static void put_text(struct query *q, const char *text)
{
	if (!q->rc)
		q->rc = sqlite3_bind_text(q->s, ++q->in, text, -1, SQLITE_TRANSIENT);
}

static void put_blob(struct query *q, const void *p, size_t len)
{
	if (!q->rc)
		q->rc = sqlite3_bind_blob64(q->s, ++q->in, p ? p : "", len, SQLITE_TRANSIENT);
}

/* True: there is a row to read columns from. */
static bool query_row(struct query *q)
{
	q->out = -1;
	if (!q->rc || q->rc == SQLITE_ROW)
		q->rc = sqlite3_step(q->s);
	return q->rc == SQLITE_ROW;
}

static uint64_t get_number(struct query *q, uint64_t most)
{
	bool ok = sqlite3_column_type(q->s, ++q->out) == SQLITE_INTEGER;
	sqlite3_int64 v = sqlite3_column_int64(q->s, q->out);

	ok = ok && v >= 0 && (uint64_t)v <= most;
	q->bad |= !ok;
	return ok ? (uint64_t)v : 0;
}

static size_t get_blob(struct query *q, uint8_t *out, size_t least, size_t most)
{
	bool ok = sqlite3_column_type(q->s, ++q->out) == SQLITE_BLOB;
	const void *p = sqlite3_column_blob(q->s, q->out);
	size_t len = (size_t)sqlite3_column_bytes(q->s, q->out);

	ok = ok && len >= least && len <= most && (p || !len);
	q->bad |= !ok;
	memset(out, 0, most);
	if (ok && len)
		memcpy(out, p, len);
	return ok ? len : 0;
}

static void get_text(struct query *q, char *out, size_t size)
{
	bool ok = sqlite3_column_type(q->s, ++q->out) == SQLITE_TEXT;
	const unsigned char *p = sqlite3_column_text(q->s, q->out);
	size_t len = (size_t)sqlite3_column_bytes(q->s, q->out);

	ok = ok && p && len < size;
	q->bad |= !ok;
	memset(out, 0, size);
	if (ok)
		memcpy(out, p, len);
}

/* E_OK, taken (a UNIQUE rule says no), or E_JOURNAL */
static enum err query_end_unique(struct query *q, enum err taken)
{
	int rc = q->rc == SQLITE_CONSTRAINT ? sqlite3_extended_errcode(sqlite3_db_handle(q->s)) : q->rc;
	enum err e = E_JOURNAL;

	if (rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY)
		e = taken;
	else if ((rc == SQLITE_ROW || rc == SQLITE_DONE) && !q->bad)
		e = E_OK;
	sqlite3_reset(q->s);
	sqlite3_clear_bindings(q->s);
	return e;
}

static enum err query_end(struct query *q)
{
	return query_end_unique(q, E_JOURNAL);
}

/* A query without rows. */
static enum err run(struct query *q)
{
	q->bad |= query_row(q);
	return query_end(q);
}

static void get_audit(struct query *q, struct audit *a)
{
	a->sequence = get_number(q, INT64_MAX);
	a->utc = get_number(q, INT64_MAX);
	get_text(q, a->who, sizeof a->who);
	get_text(q, a->what, sizeof a->what);
	get_text(q, a->object, sizeof a->object);
	get_text(q, a->reason, sizeof a->reason);
	get_blob(q, a->hash, sizeof a->hash, sizeof a->hash);
	get_blob(q, a->previous, sizeof a->previous, sizeof a->previous);
}

static void put_audit(struct query *q, const struct audit *a)
{
	put_number(q, a->sequence);
	put_number(q, a->utc);
	put_text(q, a->who);
	put_text(q, a->what);
	put_text(q, a->object);
	put_text(q, a->reason);
	put_blob(q, a->hash, sizeof a->hash);
}

/* --- File and transactions ---------------------------------------------------------------------------------------- */

static uint64_t now(void)
{
	return (uint64_t)time(NULL);
}

static enum err execute(sqlite3 *db, const char *text)
{
	return sqlite3_exec(db, text, NULL, NULL, NULL) ? E_JOURNAL : E_OK;
}

/* The number that a statement gives. */
static enum err number(uint64_t *v, sqlite3 *db, const char *text)
{
	sqlite3_stmt *s = NULL;
	enum err e = E_JOURNAL;

	if (!sqlite3_prepare_v2(db, text, -1, &s, NULL) && sqlite3_step(s) == SQLITE_ROW) {
		*v = (uint64_t)sqlite3_column_int64(s, 0);
		e = E_OK;
	}
	sqlite3_finalize(s);
	return e;
}

/* What durability stands on was not only asked for, it is so. */
static enum err set_up(sqlite3 *db)
{
	uint64_t wal = 0, synchronous = 0, keys = 0;
	enum err e = execute(db, settings);

	if (!e)
		e = number(&wal, db, "SELECT journal_mode = 'wal' FROM pragma_journal_mode");
	if (!e)
		e = number(&synchronous, db, "PRAGMA synchronous");
	if (!e)
		e = number(&keys, db, "PRAGMA foreign_keys");
	return !e && (!wal || synchronous != 2 || !keys) ? E_JOURNAL : e;
}

enum err journal_create(const char *path, enum room_purpose purpose)
{
	char meta[160];
	sqlite3 *db = NULL;
	enum err e = E_JOURNAL;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno == EEXIST ? E_EXISTS : E_JOURNAL;
	close(fd);
	snprintf(meta, sizeof meta, "INSERT INTO meta(name, value) VALUES('version', %d), ('purpose', %d); COMMIT;",
		 JOURNAL_VERSION, (int)purpose);
	if (!sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL))
		e = set_up(db);
	if (!e)
		e = execute(db, "BEGIN IMMEDIATE;");
	if (!e)
		e = execute(db, version_1);
	for (unsigned v = 1; !e && v < JOURNAL_VERSION; v++)
		e = execute(db, steps[v]);
	if (!e)
		e = execute(db, meta);
	if (sqlite3_close(db) && !e)
		e = E_JOURNAL;
	if (e)
		unlink(path);
	return e;
}

/* Version and purpose, before any statement of this version is tried on what may be another. */
static enum err identify(unsigned *version, sqlite3 *db, enum room_purpose purpose)
{
	uint64_t is = 0, of = 0;
	enum err e = number(&is, db, "SELECT value FROM meta WHERE name = 'version'");

	if (!e)
		e = number(&of, db, "SELECT value FROM meta WHERE name = 'purpose'");
	if (!e && is > JOURNAL_VERSION)
		e = E_ROOM_VERSION;
	if (!e && !is)
		e = E_JOURNAL;
	if (!e && of != (uint64_t)purpose)
		e = E_ROOM_PURPOSE;
	*version = (unsigned)is;
	return e;
}

/* Until version 3 the hash of an audit record was SHA-256(previous hash || be64 sequence || be64 utc || who, what, object
 * and reason, each with a u16 length). */
static enum err hash_of_version_2(uint8_t out[static 32], const uint8_t before[static 32], const struct audit *a)
{
	const char *const texts[] = { a->who, a->what, a->object, a->reason };
	uint8_t b[32 + 8 + 8 + 4 * 2 + sizeof a->who + sizeof a->what + sizeof a->object + sizeof a->reason];
	struct wr w;
	enum err e;

	wr_init(&w, b, sizeof b);
	wr_copy(&w, before, 32);
	wr_u64(&w, a->sequence);
	wr_u64(&w, a->utc);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		wr_span16(&w, (struct span){ (const uint8_t *)texts[i], strlen(texts[i]) });
	e = wr_end(&w);
	return e ? e : sha256(out, &(struct span){ b, w.len }, 1);
}

/* One record of an older journal, checked and written anew. */
static enum err renew(sqlite3_stmt *put, uint8_t before[static 32], const struct audit *a, uint64_t number)
{
	uint8_t hash[32];

	if (a->sequence != number || hash_of_version_2(hash, before, a) || memcmp(hash, a->hash, sizeof hash) != 0)
		return E_JOURNAL;
	memcpy(before, hash, sizeof hash);
	if (audit_hash(hash, a) || sqlite3_bind_blob(put, 1, hash, sizeof hash, SQLITE_TRANSIENT) ||
	    sqlite3_bind_int64(put, 2, (sqlite3_int64)number) || sqlite3_step(put) != SQLITE_DONE)
		return E_JOURNAL;
	return sqlite3_reset(put) ? E_JOURNAL : E_OK;
}

/* The audit of an older journal is chained as bdk/audit.h says, if its old chain is whole, and names the old head. */
static enum err audit_renew(sqlite3 *db)
{
	struct audit a = { 0 }, next;
	uint8_t before[32] = { 0 };
	struct query q = { .out = -1 };
	sqlite3_stmt *put = NULL;
	uint64_t n = 0;
	enum err e = E_JOURNAL;

	if (sqlite3_prepare_v2(db, AUDIT "ORDER BY sequence", -1, &q.s, NULL) ||
	    sqlite3_prepare_v2(db, "UPDATE audit SET hash = ? WHERE sequence = ?", -1, &put, NULL))
		goto done;
	e = E_OK;
	while (!e && query_row(&q)) {
		get_audit(&q, &next);
		memcpy(next.previous, a.hash, sizeof next.previous); /* renewed */
		e = q.bad ? E_JOURNAL : renew(put, before, &next, ++n);
		a = next;
		if (!e)
			e = audit_hash(a.hash, &a) ? E_JOURNAL : E_OK;
	}
	if (!e && q.rc != SQLITE_DONE)
		e = E_JOURNAL;
	sqlite3_finalize(put);
	put = NULL;
	if (!e && n) {
		char old[65];

		hex_encode(old, before, sizeof before);
		next = (struct audit){ .sequence = n + 1, .utc = now(), .who = "bdkd", .what = "renew" };
		snprintf(next.object, sizeof next.object, "the audit's hashes; its head was %s", old);
		memcpy(next.previous, a.hash, sizeof next.previous);
		e = audit_hash(next.hash, &next);
		if (e || sqlite3_prepare_v2(db, sql[AUDIT_ADD], -1, &put, NULL)) {
			e = E_JOURNAL;
			goto done;
		}
		sqlite3_finalize(q.s);
		q = (struct query){ .s = put, .out = -1 };
		put = NULL;
		put_audit(&q, &next);
		query_row(&q);
		e = q.rc == SQLITE_DONE ? E_OK : E_JOURNAL;
	}
done:
	sqlite3_finalize(put);
	sqlite3_finalize(q.s);
	return e;
}

/* An older journal becomes one of this version in one transaction; what it was stays beside it. */
static enum err bring_up(sqlite3 *db, const char *path, unsigned version)
{
	char done[96];
	enum err e;

	if (version == JOURNAL_VERSION)
		return E_OK;
	snprintf(done, sizeof done, "UPDATE meta SET value = %d WHERE name = 'version'; COMMIT;", JOURNAL_VERSION);
	e = execute(db, "BEGIN IMMEDIATE;");
	if (!e && database_migrate(db, path, steps, version, JOURNAL_VERSION))
		e = E_JOURNAL;
	if (!e && version < 3)
		e = audit_renew(db);
	return e ? e : execute(db, done); /* what was not committed is undone when the connection ends */
}

enum err journal_open(struct journal **j, const char *path, enum room_purpose purpose)
{
	struct journal *o = calloc(1, sizeof *o);
	unsigned version = 0;
	enum err e = E_JOURNAL;

	*j = NULL;
	if (!o)
		return E_JOURNAL;
	if (!sqlite3_open_v2(path, &o->db, SQLITE_OPEN_READWRITE, NULL)) {
		/* A bdkd that was killed gives up the room's lock a moment before SQLite's. */
		sqlite3_busy_timeout(o->db, BUSY_MS);
		e = identify(&version, o->db, purpose);
	}
	if (!e)
		e = set_up(o->db);
	if (!e)
		e = bring_up(o->db, path, version);
	for (size_t i = 0; !e && i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(o->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &o->stmt[i], NULL))
			e = E_JOURNAL;
	if (e)
		journal_close(o);
	else
		*j = o;
	return e;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(j->stmt[i]);
	sqlite3_close(j->db);
	free(j);
}

/* After some errors SQLite has rolled all back already. */
static bool undone(const struct journal *j)
{
	return sqlite3_get_autocommit(j->db);
}

enum err journal_begin(struct journal *j)
{
	struct query q = query(j, j->group ? BEGIN_PART : BEGIN);
	enum err e = E_OK;

	if (j->group && undone(j))
		e = E_JOURNAL; /* it would be durable without the others */
	else if (!j->depth)
		e = run(&q);
	if (!e)
		j->depth++;
	return e;
}

enum err journal_commit(struct journal *j)
{
	struct query q = query(j, j->group ? COMMIT_PART : COMMIT);
	enum err e;

	if (j->depth > 1) {
		j->depth--;
		return E_OK;
	}
	e = run(&q);
	if (e)
		journal_rollback(j);
	j->depth = 0;
	return e;
}

void journal_rollback(struct journal *j)
{
	struct query q = query(j, j->group ? ROLLBACK_PART : ROLLBACK), end = query(j, COMMIT_PART);
	bool open = !undone(j) && (!j->group || j->depth);

	j->depth = 0;
	if (open)
		query_row(&q);
	if (open && j->group)
		query_row(&end);
	sqlite3_reset(q.s);
	sqlite3_reset(end.s);
}

enum err journal_group(struct journal *j)
{
	struct query q = query(j, BEGIN);
	enum err e = run(&q);

	j->group = !e;
	return e;
}

enum err journal_group_commit(struct journal *j)
{
	struct query q = query(j, COMMIT);
	enum err e = undone(j) ? E_JOURNAL : run(&q);

	j->group = false;
	if (e)
		journal_rollback(j);
	return e;
}

enum err journal_durable(struct journal *j)
{
	enum err e = E_OK;

	if (j->group) {
		e = journal_group_commit(j);
		if (!e)
			e = journal_group(j);
		j->group = true; /* on an error one that is undone */
	}
	return e;
}

bool journal_begun(const struct journal *j)
{
	return j->depth;
}

/* The end of a function that began a transaction. */
static enum err finish(struct journal *j, enum err e)
{
	if (!e)
		return journal_commit(j);
	journal_rollback(j);
	return e;
}

/* --- Audit -------------------------------------------------------------------------------------------------------- */

/* As much of a text as fits: an act is recorded even if its object has too long a name. */
static void cut(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);

	memset(out, 0, size);
	memcpy(out, text, len);
}

enum err journal_audit(struct journal *j, const char *who, const char *what, const char *object, const char *reason)
{
	struct audit head, a = { 0 };
	struct query q;
	enum err e = journal_begin(j);

	if (e)
		return e;
	e = journal_audit_head(&head, j);
	if (e)
		goto done;
	a.sequence = head.sequence + 1;
	a.utc = now();
	cut(a.who, sizeof a.who, who);
	cut(a.what, sizeof a.what, what);
	cut(a.object, sizeof a.object, object);
	cut(a.reason, sizeof a.reason, reason);
	memcpy(a.previous, head.hash, sizeof a.previous);
	e = audit_hash(a.hash, &a);
	if (e) {
		e = E_JOURNAL;
		goto done;
	}
	q = query(j, AUDIT_ADD);
	put_audit(&q, &a);
	e = run(&q);
done:
	return finish(j, e);
}

enum err journal_audit_next(struct audit *a, struct journal *j, uint64_t after)
{
	struct query q = query(j, AUDIT_AFTER);
	bool found;
	enum err e;

	put_number(&q, after);
	found = query_row(&q);
	if (found)
		get_audit(&q, a);
	e = query_end(&q);
	return e || found ? e : E_SHORT;
}

enum err journal_audit_head(struct audit *a, struct journal *j)
{
	struct query q = query(j, AUDIT_HEAD);

	memset(a, 0, sizeof *a);
	if (query_row(&q))
		get_audit(&q, a);
	return query_end(&q);
}

enum err journal_audit_check(uint64_t *bad, struct journal *j)
{
	struct audit a = { 0 };
	uint8_t hash[32];
	uint64_t at = 0;
	enum err e;

	*bad = 0;
	while (!(e = journal_audit_next(&a, j, at))) {
		at++;
		if (audit_hash(hash, &a))
			return E_JOURNAL;
		if (a.sequence != at || memcmp(hash, a.hash, sizeof hash) != 0) {
			*bad = at;
			return E_MAC;
		}
	}
	return e == E_SHORT ? E_OK : e;
}

enum err journal_head_add(struct journal *j, uint64_t sequence, const char *text)
{
	struct query q = query(j, HEAD_ADD);

	put_number(&q, sequence);
	put_text(&q, text);
	return run(&q);
}

enum err journal_head(char text[static AUDIT_HEAD_TEXT], uint64_t *sequence, struct journal *j)
{
	struct query q = query(j, HEAD_LAST);

	text[0] = 0;
	*sequence = 0;
	if (query_row(&q)) {
		*sequence = get_number(&q, INT64_MAX);
		get_text(&q, text, AUDIT_HEAD_TEXT);
	}
	return query_end(&q);
}

enum err journal_head_next(char text[static AUDIT_HEAD_TEXT], struct journal *j, uint64_t *at)
{
	struct query q = query(j, HEAD_AFTER);
	uint64_t found = *at;
	enum err e;

	put_number(&q, *at);
	if (query_row(&q)) {
		found = get_number(&q, INT64_MAX);
		get_text(&q, text, AUDIT_HEAD_TEXT);
	}
	e = query_end(&q);
	if (!e && found == *at)
		e = E_SHORT;
	*at = found;
	return e;
}

/* One row, column by column, with type and length, hashed onto what came before it. */
static enum err digest_row(uint8_t h[static 32], struct query *q)
{
	uint8_t b[CERT_MAX + 1024];
	struct wr w;
	enum err e;

	wr_init(&w, b, sizeof b);
	wr_copy(&w, h, 32);
	for (int i = 0; i < sqlite3_column_count(q->s); i++) {
		int type = sqlite3_column_type(q->s, i);	/* asked before the column is read as bytes */
		const void *p = sqlite3_column_blob(q->s, i);

		wr_u8(&w, (unsigned)type);
		wr_span16(&w, (struct span){ p, (size_t)sqlite3_column_bytes(q->s, i) });
	}
	e = wr_end(&w);
	return e ? e : sha256(h, &(struct span){ b, w.len }, 1);
}

enum err journal_digest(uint8_t out[static 32], struct journal *j)
{
	static const enum statement tables[] = { ALL_KEY_SETS, ALL_KEY_STATES, ALL_DEVICES, ALL_LOADS, ALL_EVENTS };
	uint8_t h[32] = { 0 };
	enum err e = E_OK;

	for (size_t i = 0; !e && i < sizeof tables / sizeof *tables; i++) {
		struct query q = query(j, tables[i]);

		while (query_row(&q))
			q.bad |= digest_row(h, &q) != E_OK;
		e = query_end(&q);
		if (!e)		/* where a table ends is part of the digest */
			e = sha256(h, &SPAN(h), 1) ? E_JOURNAL : E_OK;
	}
	if (!e)
		memcpy(out, h, sizeof h);
	return e;
}

/* --- Seen values, numbers ----------------------------------------------------------------------------------------- */

enum err journal_seen(struct journal *j, const char *kind, struct span value)
{
	struct query q = query(j, SEEN_ADD);

	put_text(&q, kind);
	put_blob(&q, value.p, value.len);
	query_row(&q);
	return query_end_unique(&q, E_REPLAY);
}

enum err journal_number(uint64_t *v, struct journal *j, const char *name)
{
	struct query q = query(j, META_GET);

	put_text(&q, name);
	*v = query_row(&q) ? get_number(&q, INT64_MAX) : 0;
	return query_end(&q);
}

enum err journal_set_number(struct journal *j, const char *name, uint64_t v)
{
	struct query q = query(j, META_SET);

	put_text(&q, name);
	put_number(&q, v);
	return v > INT64_MAX ? E_JOURNAL : run(&q);
}

/* --- Key sets ----------------------------------------------------------------------------------------------------- */

static void get_set_id(struct query *q, struct key_set_id *id)
{
	char text[KEY_SET_TEXT];
	enum dukpt_scheme scheme;

	get_text(q, text, sizeof text);
	scheme = (enum dukpt_scheme)get_number(q, DUKPT_AES256);
	q->bad |= key_set_parse(id, text, scheme) != E_OK;
}

static void get_kcv(struct query *q, struct kcv *kcv)
{
	kcv->len = (uint8_t)get_blob(q, kcv->b, 0, sizeof kcv->b);
}

static uint64_t get_key_set(struct query *q, struct key_set *s)
{
	uint64_t row = get_number(q, INT64_MAX);

	get_set_id(q, &s->id);
	s->state = (enum key_set_state)get_number(q, KEY_SET_DESTROYED);
	get_kcv(q, &s->kcv);
	s->utc = get_number(q, INT64_MAX);
	s->period.from = get_number(q, INT64_MAX);
	s->period.until = get_number(q, INT64_MAX);
	s->changed = get_number(q, INT64_MAX);
	return row;
}

enum err journal_key_set(struct key_set *out, struct journal *j, const char *id)
{
	struct query q = query(j, KEY_SET_BY_ID);
	struct key_set s = { 0 };
	bool found;
	enum err e;

	put_text(&q, id);
	found = query_row(&q);
	if (found)
		get_key_set(&q, &s);
	e = query_end(&q);
	if (!e && !found)
		e = E_KEY_SET;
	if (!e)
		*out = s;
	return e;
}

enum err journal_key_set_next(struct key_set *out, struct journal *j, uint64_t *at)
{
	struct query q = query(j, KEY_SET_AFTER);
	struct key_set s = { 0 };
	uint64_t row = 0;
	enum err e;

	put_number(&q, *at);
	if (query_row(&q))
		row = get_key_set(&q, &s);
	e = query_end(&q);
	if (!e && !row)
		e = E_SHORT;
	if (!e) {
		*out = s;
		*at = row;
	}
	return e;
}

/* What an UPDATE of one row gives: none is there when nothing was changed. */
static enum err run_update(struct journal *j, struct query *q, enum err none)
{
	enum err e = run(q);

	return !e && sqlite3_changes(j->db) != 1 ? none : e;
}

enum err journal_key_set_state(struct journal *j, const char *id, enum key_set_state state, const char *reason)
{
	struct query q = query(j, KEY_SET_STATE);

	put_number(&q, state);
	put_number(&q, now());
	put_text(&q, reason);
	put_text(&q, id);
	return run_update(j, &q, E_KEY_SET);
}

enum err journal_key_set_life(struct key_life *out, struct journal *j, const char *id, uint64_t *at)
{
	struct query q = query(j, KEY_LIFE);
	struct key_life l = { 0 };
	uint64_t row = 0;
	enum err e;

	put_text(&q, id);
	put_number(&q, *at);
	if (query_row(&q)) {
		row = get_number(&q, INT64_MAX);
		l.state = (enum key_set_state)get_number(&q, KEY_SET_DESTROYED);
		l.utc = get_number(&q, INT64_MAX);
		get_text(&q, l.reason, sizeof l.reason);
	}
	e = query_end(&q);
	if (!e && !row)
		e = E_SHORT;
	if (!e) {
		*out = l;
		*at = row;
	}
	return e;
}

enum err journal_key_set_period(struct journal *j, const char *id, const struct period *p)
{
	struct query q = query(j, KEY_PERIOD);

	put_number(&q, p->from);
	put_number(&q, p->until);
	put_text(&q, id);
	return run_update(j, &q, E_KEY_SET);
}

enum err journal_destruction_put(struct journal *j, const struct destruction *d)
{
	struct query q = query(j, DESTRUCTION_PUT);

	put_text(&q, d->id);
	put_number(&q, d->decided);
	put_number(&q, d->proved);
	return run(&q);
}

enum err journal_destruction(struct destruction *out, struct journal *j, const char *id)
{
	struct query q = query(j, DESTRUCTION);
	struct destruction d = { .decided = 0 };
	bool found;
	enum err e;

	put_text(&q, id);
	found = query_row(&q);
	if (found) {
		get_text(&q, d.id, sizeof d.id);
		d.decided = get_number(&q, INT64_MAX);
		d.proved = get_number(&q, INT64_MAX);
	}
	e = query_end(&q);
	if (!e && !found)
		e = E_SHORT;
	if (!e)
		*out = d;
	return e;
}

enum err journal_making(struct journal *j, const char *label)
{
	struct query q = query(j, MAKING);

	put_text(&q, label);
	return run(&q);
}

enum err journal_made(struct journal *j, const char *label)
{
	struct query q = query(j, MADE);

	put_text(&q, label);
	return run(&q);
}

enum err journal_making_due(char label[static KEY_LABEL], struct journal *j)
{
	struct query q = query(j, MAKING_DUE);
	bool found = query_row(&q);
	enum err e;

	if (found)
		get_text(&q, label, KEY_LABEL);
	e = query_end(&q);
	return e || found ? e : E_SHORT;
}

static enum err add_key_set(struct journal *j, const struct key_set *s, const char *id)
{
	struct query q = query(j, KEY_SET_ADD);

	put_text(&q, id);
	put_number(&q, s->id.scheme);
	put_blob(&q, s->kcv.b, s->kcv.len);
	put_number(&q, now());
	put_number(&q, s->period.from);
	put_number(&q, s->period.until);
	query_row(&q);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_key_set_add(struct journal *j, const struct key_set *s)
{
	char id[KEY_SET_TEXT];
	enum err e = journal_begin(j);

	if (e)
		return e;
	key_set_text(id, &s->id);
	e = add_key_set(j, s, id);
	if (!e)
		e = journal_key_set_state(j, id, s->state, "");
	if (!e)
		e = journal_commit(j);
	if (e)
		journal_rollback(j);
	return e;
}

enum err journal_fingerprint_add(struct journal *j, const char *label, struct span fp)
{
	struct query q = query(j, FINGERPRINT_ADD);

	put_text(&q, label);
	put_blob(&q, fp.p, fp.len);
	query_row(&q);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_fingerprint_has(struct journal *j, const char *label)
{
	struct query q = query(j, FINGERPRINT_HAS);
	bool found;
	enum err e;

	put_text(&q, label);
	found = query_row(&q);
	e = query_end(&q);
	return e || found ? e : E_SHORT;
}

enum err journal_fingerprint_of(char label[static KEY_LABEL], struct journal *j, struct span fp)
{
	struct query q = query(j, FINGERPRINT_OF);
	bool found;
	enum err e;

	put_blob(&q, fp.p, fp.len);
	found = query_row(&q);
	if (found)
		get_text(&q, label, KEY_LABEL);
	e = query_end(&q);
	return e || found ? e : E_SHORT;
}

/* --- KBPKs -------------------------------------------------------------------------------------------------------- */

static char get_letter(struct query *q)
{
	char text[2];

	get_text(q, text, sizeof text);
	return text[0];
}

static void put_letter(struct query *q, char c)
{
	put_text(q, (char[]){ c, 0 });
}

static uint64_t get_kbpk(struct query *q, struct kbpk *k)
{
	uint64_t row = get_number(q, INT64_MAX);

	get_text(q, k->id.name, sizeof k->id.name);
	k->id.type = (enum dukpt_key_type)get_number(q, DUKPT_KEY_AES256);
	k->mode = get_letter(q);
	k->exportability = get_letter(q);
	get_kcv(q, &k->kcv);
	k->utc = get_number(q, INT64_MAX);
	k->state = (enum key_set_state)get_number(q, KEY_SET_DESTROYED);
	k->below = get_number(q, INT64_MAX);
	return row;
}

enum err journal_kbpk(struct kbpk *out, struct journal *j, const char *name)
{
	struct query q = query(j, KBPK_BY_NAME);
	struct kbpk k = { .mode = 0 };
	bool found;
	enum err e;

	put_text(&q, name);
	found = query_row(&q);
	if (found)
		get_kbpk(&q, &k);
	e = query_end(&q);
	if (!e && !found)
		e = E_KBPK;
	if (!e)
		*out = k;
	return e;
}

enum err journal_kbpk_next(struct kbpk *out, struct journal *j, uint64_t *at)
{
	struct query q = query(j, KBPK_AFTER);
	struct kbpk k = { .mode = 0 };
	uint64_t row = 0;
	enum err e;

	put_number(&q, *at);
	if (query_row(&q))
		row = get_kbpk(&q, &k);
	e = query_end(&q);
	if (!e && !row)
		e = E_SHORT;
	if (!e) {
		*out = k;
		*at = row;
	}
	return e;
}

enum err journal_kbpk_state(struct journal *j, const char *name, enum key_set_state state, const char *reason)
{
	struct query q = query(j, KBPK_STATE);

	put_number(&q, state);
	put_number(&q, now());
	put_text(&q, reason);
	put_text(&q, name);
	return run_update(j, &q, E_KBPK);
}

enum err journal_kbpk_add(struct journal *j, const struct kbpk *k)
{
	struct query q = query(j, KBPK_ADD);
	enum err e = journal_begin(j);

	if (e)
		return e;
	put_text(&q, k->id.name);
	put_number(&q, k->id.type);
	put_letter(&q, k->mode);
	put_letter(&q, k->exportability);
	put_blob(&q, k->kcv.b, k->kcv.len);
	put_number(&q, now());
	query_row(&q);
	e = query_end_unique(&q, E_EXISTS);
	if (!e)
		e = journal_kbpk_state(j, k->id.name, KEY_SET_ACTIVE, "");
	return finish(j, e);
}

static uint64_t get_block(struct query *q, struct block_use *b)
{
	uint64_t row = get_number(q, INT64_MAX);

	get_text(q, b->kbpk, sizeof b->kbpk);
	get_text(q, b->key, sizeof b->key);
	b->outward = get_number(q, 1);
	b->exportability = get_letter(q);
	return row;
}

enum err journal_block_add(struct journal *j, const struct block_use *b)
{
	struct query q = query(j, BLOCK_ADD);

	put_text(&q, b->kbpk);
	put_text(&q, b->key);
	put_number(&q, b->outward);
	put_letter(&q, b->exportability);
	put_number(&q, now());
	query_row(&q);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_block_of(struct block_use *out, struct journal *j, const char *key)
{
	struct query q = query(j, BLOCK_OF);
	struct block_use b = { .outward = false };
	bool found;
	enum err e;

	put_text(&q, key);
	found = query_row(&q);
	if (found)
		get_block(&q, &b);
	e = query_end(&q);
	if (!e && !found)
		e = E_SHORT;
	if (!e)
		*out = b;
	return e;
}

enum err journal_block_next(struct block_use *out, struct journal *j, const char *kbpk, uint64_t *at)
{
	struct query q = query(j, BLOCK_UNDER);
	struct block_use b = { .outward = false };
	uint64_t row = 0;
	enum err e;

	put_text(&q, kbpk);
	put_number(&q, *at);
	if (query_row(&q))
		row = get_block(&q, &b);
	e = query_end(&q);
	if (!e && !row)
		e = E_SHORT;
	if (!e) {
		*out = b;
		*at = row;
	}
	return e;
}

enum err journal_package_add(struct journal *j, const char *id, struct span package)
{
	struct query q = query(j, PACKAGE_ADD);

	put_text(&q, id);
	put_blob(&q, package.p, package.len);
	query_row(&q);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_package(uint8_t *out, size_t *len, size_t size, struct journal *j, const char *id)
{
	struct query q = query(j, PACKAGE_GET);
	bool found;
	size_t n = 0;
	enum err e;

	put_text(&q, id);
	found = query_row(&q);
	if (found)
		n = get_blob(&q, out, 0, size);
	e = query_end(&q);
	if (!e && !found)
		e = E_KEY_SET;
	if (!e)
		*len = n;
	return e;
}

enum err journal_package_wipe(struct journal *j, const char *id)
{
	struct query q = query(j, PACKAGE_WIPE);

	put_text(&q, id);
	return run(&q);
}

void journal_checkpoint(struct journal *j)
{
	sqlite3_wal_checkpoint_v2(j->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

/* --- Device ids --------------------------------------------------------------------------------------------------- */

static void put_set(struct query *q, const struct key_set_id *set)
{
	char text[KEY_SET_TEXT];

	key_set_text(text, set);
	put_text(q, text);
}

static void get_lease(struct query *q, struct lease *l)
{
	l->number = get_number(q, INT64_MAX);
	get_set_id(q, &l->set);
	get_kcv(q, &l->kcv);
	l->first = (uint32_t)get_number(q, UINT32_MAX);
	l->last = (uint32_t)get_number(q, UINT32_MAX);
	get_blob(q, l->kif, sizeof l->kif, sizeof l->kif);
	l->epoch = (uint32_t)get_number(q, UINT32_MAX);
	l->utc = get_number(q, INT64_MAX);
	l->next = get_number(q, INT64_MAX);
	get_text(q, l->name, sizeof l->name);
	l->len = get_blob(q, l->bytes, 0, sizeof l->bytes);
}

/* The lease of a query. E_OK, E_SHORT, E_JOURNAL */
static enum err find_lease(struct lease *out, struct query *q)
{
	struct lease l = { 0 };
	bool found = query_row(q);
	enum err e;

	if (found)
		get_lease(q, &l);
	e = query_end(q);
	if (!e && !found)
		e = E_SHORT;
	if (!e)
		*out = l;
	return e;
}

/* The one number of a query. */
static enum err find_number(uint64_t *v, struct query *q)
{
	*v = query_row(q) ? get_number(q, INT64_MAX) : 0;
	return query_end(q);
}

enum err journal_lease_add(struct journal *j, const struct lease *l)
{
	struct query q = query(j, LEASE_ADD);

	put_number(&q, l->number);
	put_set(&q, &l->set);
	put_number(&q, l->set.scheme);
	put_blob(&q, l->kcv.b, l->kcv.len);
	put_number(&q, l->first);
	put_number(&q, l->last);
	put_blob(&q, l->kif, sizeof l->kif);
	put_number(&q, l->epoch);
	put_number(&q, l->utc);
	put_number(&q, l->next);
	put_text(&q, l->name);
	put_blob(&q, l->bytes, l->len);
	query_row(&q);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_lease_next(struct lease *out, struct journal *j, uint64_t after)
{
	struct query q = query(j, LEASE_NEXT);

	put_number(&q, after);
	return find_lease(out, &q);
}

enum err journal_lease_at(struct lease *out, struct journal *j, const struct key_set_id *set, uint32_t first,
			  uint32_t last, uint64_t floor)
{
	struct query q = query(j, LEASE_AT);

	put_set(&q, set);
	put_number(&q, first);
	put_number(&q, last);
	put_number(&q, floor);
	return find_lease(out, &q);
}

enum err journal_lease_open(struct lease *out, struct journal *j, const struct key_set_id *set, uint64_t floor)
{
	struct query q = query(j, LEASE_OPEN);

	put_set(&q, set);
	put_number(&q, floor);
	return find_lease(out, &q);
}

enum err journal_lease_move(struct journal *j, uint64_t number, uint64_t next)
{
	struct query q = query(j, LEASE_MOVE);

	put_number(&q, next);
	put_number(&q, number);
	return run_update(j, &q, E_JOURNAL);
}

enum err journal_lease_left(uint64_t *left, struct journal *j, uint64_t number)
{
	struct query q = query(j, LEASE_LEFT);

	put_number(&q, number);
	return find_number(left, &q);
}

enum err journal_lease_epoch(uint64_t *epoch, struct journal *j)
{
	struct query q = query(j, LEASE_EPOCH);

	return find_number(epoch, &q);
}

enum err journal_id_free(struct journal *j, const struct key_set_id *set, uint32_t id)
{
	struct query q = query(j, ID_TAKEN);
	bool found;
	enum err e;

	put_set(&q, set);
	put_number(&q, id);
	found = query_row(&q);
	e = query_end(&q);
	return !e && found ? E_EXISTS : e;
}

enum err journal_dictate(struct journal *j, const struct dictated *d)
{
	struct query q = query(j, DICTATE);
	struct key_set set;
	char text[KEY_SET_TEXT];
	enum err e;

	key_set_text(text, &d->set);
	e = journal_key_set(&set, j, text);
	if (e)
		return e;
	put_text(&q, d->serial);
	put_number(&q, d->slot);
	put_text(&q, text);
	put_number(&q, d->has_id ? d->id : UINT64_MAX); /* -1: NULL */
	put_number(&q, now());
	query_row(&q);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_dictated(struct dictated *out, struct journal *j, const char *serial, uint8_t slot)
{
	struct query q = query(j, DICTATED);
	struct dictated d = { 0 };
	bool found;
	enum err e;

	put_text(&q, serial);
	put_number(&q, slot);
	found = query_row(&q);
	if (found) {
		get_text(&q, d.serial, sizeof d.serial);
		d.slot = (uint8_t)get_number(&q, UINT8_MAX);
		get_set_id(&q, &d.set);
		d.has_id = get_number(&q, 1);
		d.id = (uint32_t)get_number(&q, UINT32_MAX);
		d.spent = get_number(&q, 1);
		d.skipped = get_number(&q, 1);
	}
	e = query_end(&q);
	if (!e && !found)
		e = E_SHORT;
	if (!e)
		*out = d;
	return e;
}

enum err journal_chain(struct journal *j, const struct key_set_id *set, const struct key_set_id *next)
{
	struct query q = query(j, CHAIN);

	put_set(&q, set);
	put_set(&q, next);
	return run(&q);
}

enum err journal_follower(struct key_set_id *next, struct journal *j, const struct key_set_id *set)
{
	struct query q = query(j, FOLLOWER);
	struct key_set_id id = { .len = 0 };
	bool found;
	enum err e;

	put_set(&q, set);
	found = query_row(&q);
	if (found)
		get_set_id(&q, &id);
	e = query_end(&q);
	if (!e && !found)
		e = E_SHORT;
	if (!e)
		*next = id;
	return e;
}

enum err journal_tally(struct tally *t, struct journal *j, const struct key_set_id *set)
{
	struct query q = query(j, TALLY);

	memset(t, 0, sizeof *t);
	put_set(&q, set);
	put_number(&q, now() / DAY);
	if (query_row(&q)) {
		t->loads = get_number(&q, INT64_MAX);
		t->week = get_number(&q, INT64_MAX);
		t->month = get_number(&q, INT64_MAX);
		t->days = get_number(&q, INT64_MAX);
	}
	return query_end(&q);
}

/* --- Claims ------------------------------------------------------------------------------------------------------- */

/* The claim of a query. E_OK, E_SHORT, E_JOURNAL */
static enum err find_claim(struct claim *out, struct query *q)
{
	struct claim c = { .set = { .len = 0 } };
	bool found = query_row(q);
	enum err e;

	if (found) {
		get_set_id(q, &c.set);
		c.first = (uint32_t)get_number(q, UINT32_MAX);
		c.last = (uint32_t)get_number(q, UINT32_MAX);
	}
	e = query_end(q);
	if (!e && !found)
		e = E_SHORT;
	if (!e)
		*out = c;
	return e;
}

enum err journal_claim(struct journal *j, const struct claim *c)
{
	struct query q = query(j, CLAIM_PUT);

	put_set(&q, &c->set);
	put_number(&q, c->first);
	put_number(&q, c->last);
	return run(&q);
}

enum err journal_claimed(struct claim *c, struct journal *j, const struct key_set_id *set)
{
	struct query q = query(j, CLAIM_OF);

	put_set(&q, set);
	return find_claim(c, &q);
}

enum err journal_claims_end(struct journal *j)
{
	struct query q = query(j, CLAIMS_END);

	return run(&q);
}

/* What is left of a block is never issued, for this reason. */
static enum err skip(struct journal *j, const struct claim *c, const char *reason)
{
	static const enum statement acts[] = { SKIP, SKIP_BELOW, SKIP_OVER, CLAIM_END };
	char set[KEY_SET_TEXT], object[64];
	enum err e = E_OK;

	key_set_text(set, &c->set);
	snprintf(object, sizeof object, "%s %lu-%lu", set, (unsigned long)c->first, (unsigned long)c->last);
	for (size_t i = 0; !e && i < sizeof acts / sizeof *acts; i++) {
		struct query q = query(j, acts[i]);

		put_text(&q, set);
		put_number(&q, c->first);
		put_number(&q, c->last);
		if (acts[i] == SKIP)
			put_number(&q, now());
		e = run(&q);
	}
	return e ? e : journal_audit(j, "bdkd", "skip", object, reason);
}

enum err journal_skip(struct journal *j)
{
	struct claim c;
	enum err e = journal_begin(j);

	while (!e) {
		struct query q = query(j, CLAIM_ANY);

		e = find_claim(&c, &q);
		if (!e)
			e = skip(j, &c, "claimed before a crash: what was not issued never will be");
	}
	return finish(j, e == E_SHORT ? E_OK : e);
}

enum err journal_skip_one(struct journal *j, const struct key_set_id *set, uint32_t id, const char *reason)
{
	enum err e = journal_begin(j);

	if (!e)
		e = skip(j, &(struct claim){ *set, id, id }, reason);
	return finish(j, e);
}

enum err journal_skipped(uint64_t *n, struct journal *j, const struct key_set_id *set)
{
	struct query q = query(j, SKIPPED);

	put_set(&q, set);
	return find_number(n, &q);
}

/* --- Devices ------------------------------------------------------------------------------------------------------ */

static uint64_t get_device(struct query *q, struct device *d)
{
	uint64_t row = get_number(q, INT64_MAX);

	get_text(q, d->serial, sizeof d->serial);
	get_blob(q, d->spki, sizeof d->spki, sizeof d->spki);
	d->cert_len = get_blob(q, d->cert, 0, sizeof d->cert);
	d->state = (enum device_state)get_number(q, DEVICE_REVOKED);
	d->utc = get_number(q, INT64_MAX);
	return row;
}

/* The device of a query, and its row. E_OK, none, E_JOURNAL */
static enum err find_device(struct device *out, uint64_t *row, struct query *q, enum err none)
{
	struct device d = { 0 };
	uint64_t at = 0;
	enum err e;

	if (query_row(q))
		at = get_device(q, &d);
	e = query_end(q);
	if (!e && !at)
		e = none;
	if (!e) {
		*out = d;
		*row = at;
	}
	return e;
}

enum err journal_device(struct device *out, struct journal *j, const char *serial, const uint8_t *spki)
{
	struct query q = query(j, serial ? DEVICE_BY_SERIAL : DEVICE_BY_SPKI);
	uint64_t row;

	if (serial)
		put_text(&q, serial);
	else
		put_blob(&q, spki, 32);
	return find_device(out, &row, &q, E_UNKNOWN_DEVICE);
}

enum err journal_device_next(struct device *out, struct journal *j, uint64_t *at)
{
	struct query q = query(j, DEVICE_AFTER);

	put_number(&q, *at);
	return find_device(out, at, &q, E_SHORT);
}

enum err journal_device_put(struct journal *j, const struct device *d)
{
	struct query q = query(j, DEVICE_PUT);

	put_text(&q, d->serial);
	put_blob(&q, d->spki, sizeof d->spki);
	put_blob(&q, d->cert, d->cert_len);
	put_number(&q, d->state);
	put_number(&q, now());
	query_row(&q);
	return query_end_unique(&q, E_DUPLICATE);
}

/* --- Loads -------------------------------------------------------------------------------------------------------- */

static void get_load(struct query *q, struct load *l)
{
	l->sequence = get_number(q, INT64_MAX);
	l->row = get_number(q, INT64_MAX);
	get_set_id(q, &l->set);
	l->id = (uint32_t)get_number(q, UINT32_MAX);
	get_text(q, l->serial, sizeof l->serial);
	get_blob(q, l->spki, sizeof l->spki, sizeof l->spki);
	get_blob(q, l->point, sizeof l->point, sizeof l->point);
	l->slot = (uint8_t)get_number(q, UINT8_MAX);
	l->state = (enum load_state)get_number(q, LOAD_ZEROIZED);
	l->first_count = (uint32_t)get_number(q, UINT32_MAX);
	l->load_count = (uint32_t)get_number(q, UINT32_MAX);
	get_kcv(q, &l->kcv);
	get_text(q, l->firmware, sizeof l->firmware);
	l->utc = get_number(q, INT64_MAX);
	q->bad |= ksn_make(&l->iksn, l->set.scheme, l->set.b, l->id) != E_OK;
}

/* The load of a query. E_OK, none, E_JOURNAL */
static enum err find_load(struct load *out, struct query *q, enum err none)
{
	struct load l = { 0 };
	bool found = query_row(q);
	enum err e;

	if (found)
		get_load(q, &l);
	e = query_end(q);
	if (!e && !found)
		e = none;
	if (!e)
		*out = l;
	return e;
}

static enum err load_by_row(struct load *out, struct journal *j, uint64_t row)
{
	struct query q = query(j, LOAD_BY_ROW);

	put_number(&q, row);
	return find_load(out, &q, E_JOURNAL);
}

/* What became of a load. E_OK, E_UNKNOWN_DEVICE (no such row), E_JOURNAL */
static enum err event_add(struct journal *j, const struct load *l)
{
	struct query q = query(j, EVENT_ADD);

	put_number(&q, l->state);
	put_number(&q, l->load_count);
	put_blob(&q, l->kcv.b, l->kcv.len);
	put_number(&q, now());
	put_number(&q, l->row);
	return run_update(j, &q, E_UNKNOWN_DEVICE);
}

static enum err load_add(uint64_t *row, struct journal *j, const struct load *l, const char *set)
{
	struct query q = query(j, LOAD_ADD);
	enum err e;

	put_text(&q, set);
	put_number(&q, l->id);
	put_text(&q, l->serial);
	put_blob(&q, l->spki, sizeof l->spki);
	put_blob(&q, l->point, sizeof l->point);
	put_number(&q, l->slot);
	put_number(&q, l->first_count);
	put_text(&q, l->firmware);
	query_row(&q);
	e = query_end_unique(&q, E_REPLAY);
	*row = (uint64_t)sqlite3_last_insert_rowid(j->db);
	if (!e)
		e = event_add(j, &(struct load){ .row = *row, .state = LOAD_SENT });
	if (e)
		return e;
	q = query(j, TALLY_ADD);
	put_text(&q, set);
	put_number(&q, now() / DAY);
	return run(&q);
}

enum err journal_load_add(struct journal *j, struct load *l)
{
	char text[KEY_SET_TEXT];
	struct key_set set = { 0 };
	struct load made = { 0 };
	uint64_t row = 0;
	enum err e = journal_begin(j);

	if (e)
		return e;
	key_set_text(text, &l->set);
	e = journal_key_set(&set, j, text);
	if (!e && set.id.scheme != l->set.scheme)
		e = E_KEY_SET;
	if (!e && l->id > dukpt_device_max(set.id.scheme))
		e = E_RANGE;
	if (!e)
		e = load_add(&row, j, l, text);
	e = finish(j, e);
	if (!e)
		e = load_by_row(&made, j, row);
	if (!e &&
	    (made.state != LOAD_SENT || made.id != l->id || made.slot != l->slot ||
	     made.first_count != l->first_count || strcmp(made.serial, l->serial) != 0 ||
	     memcmp(made.spki, l->spki, sizeof made.spki) != 0 || memcmp(made.point, l->point, sizeof made.point) != 0))
		e = E_JOURNAL;
	if (!e)
		*l = made;
	return e;
}

enum err journal_load_waits(struct load *out, struct journal *j, const char *serial, uint8_t slot)
{
	struct query q = query(j, LOAD_WAITS);

	put_text(&q, serial);
	put_number(&q, slot);
	return find_load(out, &q, E_UNKNOWN_DEVICE);
}

enum err journal_load_last(struct load *out, struct journal *j, const uint8_t spki[static 32], uint8_t slot)
{
	struct query q = query(j, LOAD_LAST);

	put_blob(&q, spki, 32);
	put_number(&q, slot);
	return find_load(out, &q, E_UNKNOWN_DEVICE);
}

enum err journal_load_count(uint32_t *count, struct journal *j, const uint8_t spki[static 32])
{
	struct query q = query(j, LOAD_COUNT);

	put_blob(&q, spki, 32);
	*count = query_row(&q) ? (uint32_t)get_number(&q, UINT32_MAX) : 0;
	return query_end(&q);
}

enum err journal_load_sent(struct journal *j, uint64_t row, const uint8_t h[static 32])
{
	struct query q = query(j, SENT_ADD);

	put_number(&q, row);
	put_blob(&q, h, 32);
	return run(&q);
}

enum err journal_load_was_sent(struct journal *j, uint64_t row, const uint8_t h[static 32])
{
	struct query q = query(j, SENT_HAS);
	bool found;
	enum err e;

	put_number(&q, row);
	put_blob(&q, h, 32);
	found = query_row(&q);
	e = query_end(&q);
	return e || found ? e : E_UNKNOWN_DEVICE;
}

enum err journal_load_sent_next(struct load *l, uint8_t h[static 32], struct journal *j, const char *serial,
				uint64_t *at)
{
	struct query q = query(j, SENT_NEXT);
	uint8_t was[32];
	uint64_t row = 0, load = 0;
	enum err e;

	put_text(&q, serial);
	put_number(&q, *at ? *at : INT64_MAX);
	if (query_row(&q)) {
		row = get_number(&q, INT64_MAX);
		load = get_number(&q, INT64_MAX);
		get_blob(&q, was, sizeof was, sizeof was);
	}
	e = query_end(&q);
	if (!e && !row)
		e = E_SHORT;
	if (!e)
		e = load_by_row(l, j, load);
	if (!e) {
		memcpy(h, was, sizeof was);
		*at = row;
	}
	return e;
}

enum err journal_load_set(struct journal *j, struct load *l)
{
	enum err e = event_add(j, l);

	return e ? e : load_by_row(l, j, l->row);
}

enum err journal_load_after(struct load *out, struct journal *j, uint64_t sequence)
{
	struct query q = query(j, LOAD_AFTER);

	put_number(&q, sequence);
	return find_load(out, &q, E_SHORT);
}

enum err journal_load_below(struct load *out, struct journal *j, const struct key_set_id *set, uint64_t id)
{
	struct query q = query(j, LOAD_BELOW);

	put_set(&q, set);
	put_number(&q, id);
	return find_load(out, &q, E_SHORT);
}

enum err journal_load_newest_after(struct load *out, struct journal *j, uint64_t sequence)
{
	struct query q = query(j, LOAD_NEWEST_AFTER);

	put_number(&q, sequence);
	return find_load(out, &q, E_SHORT);
}

/* --- ZEROIZE ------------------------------------------------------------------------------------------------------ */

enum err journal_wipe_sent(struct journal *j, const struct wipe *w)
{
	struct query q = query(j, WIPE_ADD);

	put_text(&q, w->serial);
	put_blob(&q, w->spki, sizeof w->spki);
	put_blob(&q, w->point, sizeof w->point);
	put_number(&q, w->slot);
	put_number(&q, w->load_count);
	put_blob(&q, w->ksn.b, w->ksn.len);
	put_blob(&q, w->kcv.b, w->kcv.len);
	put_blob(&q, w->h, sizeof w->h);
	return run(&q);
}

enum err journal_wipe_next(struct wipe *w, struct journal *j, const char *serial, uint64_t *at)
{
	struct query q = query(j, WIPE_NEXT);
	struct wipe o = { 0 };
	uint64_t row = 0;
	enum err e;

	put_text(&q, serial);
	put_number(&q, *at ? *at : INT64_MAX);
	if (query_row(&q)) {
		row = get_number(&q, INT64_MAX);
		get_text(&q, o.serial, sizeof o.serial);
		get_blob(&q, o.spki, sizeof o.spki, sizeof o.spki);
		get_blob(&q, o.point, sizeof o.point, sizeof o.point);
		o.slot = (uint8_t)get_number(&q, UINT8_MAX);
		o.load_count = (uint32_t)get_number(&q, UINT32_MAX);
		o.ksn.len = (uint8_t)get_blob(&q, o.ksn.b, 0, sizeof o.ksn.b);
		get_kcv(&q, &o.kcv);
		get_blob(&q, o.h, sizeof o.h, sizeof o.h);
		o.sequence = get_number(&q, INT64_MAX);
	}
	e = query_end(&q);
	if (!e && !row)
		e = E_SHORT;
	if (!e) {
		*w = o;
		*at = row;
	}
	return e;
}

enum err journal_wiped(struct journal *j, const struct wipe *w)
{
	struct query q = query(j, WIPED);

	put_number(&q, LOAD_ZEROIZED);
	put_number(&q, now());
	put_blob(&q, w->spki, sizeof w->spki);
	put_number(&q, w->slot);
	put_number(&q, w->sequence);
	return run(&q);
}

/* --- Rooms' certificates, makers of key sets, hand-overs ---------------------------------------------------------- */

enum err journal_certified_put(struct journal *j, const struct certified *c)
{
	struct query q = query(j, CERTIFIED_PUT);

	put_blob(&q, c->number, sizeof c->number);
	put_text(&q, c->name);
	put_text(&q, c->unit);
	put_blob(&q, c->spki, sizeof c->spki);
	put_number(&q, now());
	return run(&q);
}

enum err journal_certified_revoke(size_t *n, struct journal *j, const uint8_t spki[static 32])
{
	struct query q = query(j, CERTIFIED_REVOKE);
	enum err e;

	put_number(&q, now());
	put_blob(&q, spki, 32);
	e = run(&q);
	if (!e)
		*n = (size_t)sqlite3_changes(j->db);
	return e;
}

enum err journal_certified_next(struct certified *out, struct journal *j, uint64_t *at)
{
	struct query q = query(j, CERTIFIED_AFTER);
	struct certified c = { 0 };
	uint64_t row = 0;
	enum err e;

	put_number(&q, *at);
	if (query_row(&q)) {
		row = get_number(&q, INT64_MAX);
		get_blob(&q, c.number, sizeof c.number, sizeof c.number);
		get_text(&q, c.name, sizeof c.name);
		get_text(&q, c.unit, sizeof c.unit);
		get_blob(&q, c.spki, sizeof c.spki, sizeof c.spki);
		c.revoked = get_number(&q, INT64_MAX);
		c.utc = get_number(&q, INT64_MAX);
	}
	e = query_end(&q);
	if (!e && !row)
		e = E_SHORT;
	if (!e) {
		*out = c;
		*at = row;
	}
	return e;
}

enum err journal_maker_add(struct journal *j, const char *id, const uint8_t number[static 20], const char *name)
{
	struct query q = query(j, MAKER_ADD);

	put_text(&q, id);
	put_blob(&q, number, 20);
	put_text(&q, name);
	query_row(&q);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_maker(uint8_t number[static 20], char name[static CERT_TEXT], struct journal *j, const char *id)
{
	struct query q = query(j, MAKER_GET);
	bool found;
	enum err e;

	put_text(&q, id);
	found = query_row(&q);
	if (found) {
		get_blob(&q, number, 20, 20);
		get_text(&q, name, CERT_TEXT);
	}
	e = query_end(&q);
	return e || found ? e : E_KEY_SET;
}

enum err journal_handed_put(struct journal *j, const struct handed *h)
{
	struct query q = query(j, HANDED_PUT);

	put_blob(&q, h->iksn.b, h->iksn.len);
	put_text(&q, h->serial);
	put_blob(&q, h->number, sizeof h->number);
	put_text(&q, h->refused);
	return run(&q);
}

enum err journal_handed(struct handed *out, struct journal *j, const struct ksn *iksn)
{
	struct query q = query(j, HANDED_GET);
	struct handed h = { .iksn = *iksn };
	bool found;
	enum err e;

	put_blob(&q, iksn->b, iksn->len);
	found = query_row(&q);
	if (found) {
		get_text(&q, h.serial, sizeof h.serial);
		get_blob(&q, h.number, sizeof h.number, sizeof h.number);
		get_text(&q, h.refused, sizeof h.refused);
	}
	e = query_end(&q);
	if (!e && !found)
		e = E_UNKNOWN_DEVICE;
	if (!e)
		*out = h;
	return e;
}

enum err journal_handed_from(struct handed *out, struct journal *j, const struct ksn *iksn)
{
	struct query q = query(j, HANDED_FROM);
	struct handed h = { .iksn.len = iksn->len };
	bool found;
	enum err e;

	put_blob(&q, iksn->b, iksn->len);
	found = query_row(&q);
	if (found) {
		get_blob(&q, h.iksn.b, h.iksn.len, h.iksn.len);
		get_text(&q, h.serial, sizeof h.serial);
		get_blob(&q, h.number, sizeof h.number, sizeof h.number);
		get_text(&q, h.refused, sizeof h.refused);
	}
	e = query_end(&q);
	if (!e && !found)
		e = E_SHORT;
	if (!e)
		*out = h;
	return e;
}

/* --- People ------------------------------------------------------------------------------------------------------- */

/* The person of a query whose values are put. */
static enum err one_person(struct person *out, struct query *q, enum err none)
{
	struct person p = { 0 };
	bool found = query_row(q);
	enum err e;

	if (found) {
		p.row = get_number(q, INT64_MAX);
		get_text(q, p.name, sizeof p.name);
		p.uid = (uint32_t)get_number(q, UINT32_MAX);
		p.roles = (unsigned)get_number(q, UINT8_MAX);
		p.passphrase = get_blob(q, p.verifier, 0, sizeof p.verifier);
		p.has_card = get_blob(q, p.card, 0, sizeof p.card);
		p.wrong = (unsigned)get_number(q, INT32_MAX);
		p.utc = get_number(q, INT64_MAX);
	}
	e = query_end(q);
	if (!e && !found)
		e = none;
	if (!e)
		*out = p;
	return e;
}

enum err journal_person(struct person *out, struct journal *j, const char *name, uint32_t uid)
{
	struct query q = query(j, name ? PERSON_BY_NAME : PERSON_BY_UID);

	if (name)
		put_text(&q, name);
	else
		put_number(&q, uid);
	return one_person(out, &q, E_PERSON);
}

enum err journal_person_next(struct person *out, struct journal *j, uint64_t *at)
{
	struct query q = query(j, PERSON_AFTER);
	enum err e;

	put_number(&q, *at);
	e = one_person(out, &q, E_SHORT);
	if (!e)
		*at = out->row;
	return e;
}

enum err journal_person_add(struct journal *j, const struct person *p)
{
	struct query q = query(j, PERSON_ADD);

	put_text(&q, p->name);
	put_number(&q, p->uid);
	put_number(&q, p->roles);
	put_blob(&q, p->card, p->has_card ? sizeof p->card : 0);
	put_number(&q, now());
	q.bad |= query_row(&q);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_person_set(struct journal *j, const struct person *p)
{
	struct query q = query(j, PERSON_SET);
	enum err e;

	put_blob(&q, p->verifier, p->passphrase ? sizeof p->verifier : 0);
	put_number(&q, p->wrong);
	put_number(&q, p->row);
	e = run(&q);
	return !e && sqlite3_changes(j->db) != 1 ? E_PERSON : e;
}

enum err journal_person_remove(struct journal *j, uint64_t row)
{
	struct query q = query(j, PERSON_REMOVE);

	put_number(&q, row);
	return run(&q);
}

/* --- Bags --------------------------------------------------------------------------------------------------------- */

/* The bag of a query. E_OK, none, E_JOURNAL */
static enum err find_bag(struct bag *out, struct query *q, enum err none)
{
	struct bag b = { 0 };
	bool found = query_row(q);
	enum err e;

	if (found) {
		b.row = get_number(q, INT64_MAX);
		get_text(q, b.number, sizeof b.number);
		b.medium = (enum bag_medium)get_number(q, BAG_MAILER);
		b.part = (uint8_t)get_number(q, UINT8_MAX);
		b.parts = (uint8_t)get_number(q, UINT8_MAX);
		get_text(q, b.holds, sizeof b.holds);
		get_text(q, b.purpose, sizeof b.purpose);
		get_text(q, b.keeper, sizeof b.keeper);
		b.made = get_number(q, INT64_MAX);
		b.condition = (enum bag_condition)get_number(q, BAG_MISSING);
		b.disposition = (enum bag_disposition)get_number(q, BAG_SENT);
		get_text(q, b.place, sizeof b.place);
		get_text(q, b.reason, sizeof b.reason);
		b.ceremony = get_number(q, INT64_MAX);
		b.utc = get_number(q, INT64_MAX);
	}
	e = query_end(q);
	if (!e && !found)
		e = none;
	if (!e)
		*out = b;
	return e;
}

enum err journal_bag(struct bag *out, struct journal *j, const char *number)
{
	struct query q = query(j, BAG_BY_NUMBER);

	put_text(&q, number);
	return find_bag(out, &q, E_BAG);
}

enum err journal_bag_next(struct bag *out, struct journal *j, uint64_t *at)
{
	struct query q = query(j, BAG_AFTER);
	enum err e;

	put_number(&q, *at);
	e = find_bag(out, &q, E_SHORT);
	if (!e)
		*at = out->row;
	return e;
}

enum err journal_bag_state(struct journal *j, const struct bag *b)
{
	struct query q = query(j, BAG_STATE_ADD);

	put_number(&q, b->condition);
	put_number(&q, b->disposition);
	put_text(&q, b->place);
	put_text(&q, b->reason);
	put_number(&q, b->ceremony);
	put_number(&q, now());
	put_number(&q, b->row);
	return run_update(j, &q, E_BAG);
}

static enum err add_bag(struct journal *j, struct bag *b)
{
	struct query q = query(j, BAG_ADD);

	put_text(&q, b->number);
	put_number(&q, b->medium);
	put_number(&q, b->part);
	put_number(&q, b->parts);
	put_text(&q, b->holds);
	put_text(&q, b->purpose);
	put_text(&q, b->keeper);
	put_number(&q, now());
	q.bad |= query_row(&q);
	b->row = (uint64_t)sqlite3_last_insert_rowid(j->db);
	return query_end_unique(&q, E_EXISTS);
}

enum err journal_bag_add(struct journal *j, const struct bag *b)
{
	struct bag made = *b;
	enum err e = journal_begin(j);

	if (e)
		return e;
	e = add_bag(j, &made);
	if (!e)
		e = journal_bag_state(j, &made);
	return finish(j, e);
}
