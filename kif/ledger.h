/*
 * The ledger: what one room's journal says about its loads, in a SQLite file of the station's own, for asking without
 * the room. The journal is the truth: a ledger is filled from OP_HISTORY alone (kif/sync.h), in any portions, and can
 * be made anew at any time.
 *
 *     meta   key, value       "room": the folder of the room whose journal it follows; "software token
 *                             accepted": "yes" where that is a production room on one, else "no"
 *     load   one row for each {key set, initial KSN}: the fact with the highest sequence
 *     event  one row for each sequence that was seen: what a load went through, and when
 *     head   the newest signed head of the room's audit that came with a receipt: it stays when the rest is made anew,
 *            for it tells a room whose journal was cut off
 */
#ifndef KEYROOM_KIF_LEDGER_H
#define KEYROOM_KIF_LEDGER_H

#include "kif/fact.h"

#define LEDGER_VERSION 2

struct sqlite3;

struct ledger {
	struct sqlite3 *db;
	char why[256]; /* one sentence about the last error; "" where err_text() says enough */
};

/*
 * ledger_path - where the ledger is unless told: $XDG_STATE_HOME/keyroom/kif.db, else ~/.local/state/keyroom/kif.db
 *
 *   out   out  size characters at most
 *   make  in   make the folders that are missing
 *
 *   E_OK, E_IO (no home folder, path too long, or a folder cannot be made; errno says why)
 */
MUST_USE enum err ledger_path(char *out, size_t size, bool make);

/*
 * ledger_open - open a ledger to write, made if it is not there; a write is tried at once. One of an older version is
 * brought up to this one, all or nothing, and kept beside it as it was (PATH.v1).
 *
 *   room  in  real path of the room's folder that this ledger must follow; a new ledger takes it. NULL: any room's, for
 *             ledger_clear()
 *
 *   E_OK, E_IO (cannot be written), E_FORMAT (another kind of file), E_ROOM_VERSION (a newer kif's), E_ROOM (it follows
 *   another room). l is closed after an error; l->why is set.
 */
MUST_USE enum err ledger_open(struct ledger *l, const char *path, const char *room);

/* ledger_open_read - open an existing ledger to read; an older one is brought up first, and so has to be writable. E_OK,
 * E_IO (also: there is none), E_FORMAT, E_ROOM_VERSION */
MUST_USE enum err ledger_open_read(struct ledger *l, const char *path);

/* ledger_close - an open transaction is rolled back; fine after a failed open */
void ledger_close(struct ledger *l);

/* One transaction: everything between begin and commit, or nothing. E_OK, E_IO */
MUST_USE enum err ledger_begin(struct ledger *l);
MUST_USE enum err ledger_commit(struct ledger *l);
void ledger_rollback(struct ledger *l);

/* ledger_clear - forget all facts, follow that room from now on. E_OK, E_IO */
MUST_USE enum err ledger_clear(struct ledger *l, const char *room);

/* ledger_put - apply a fact: it replaces one with a lower sequence, never one with a higher. E_OK, E_IO */
MUST_USE enum err ledger_put(struct ledger *l, const struct fact *f);

/* ledger_put_head - keep a signed head (a stanza), unless a newer one of the same records key is kept. It is not verified:
 * bdk audit verify does that. E_OK, E_IO, E_FORMAT (it is none) */
#define LEDGER_HEAD 1024
MUST_USE enum err ledger_put_head(struct ledger *l, struct span text);

/* ledger_heads - walk over them: of each records key one. E_OK, E_IO */
MUST_USE enum err ledger_heads(struct ledger *l, void (*each)(void *context, const char *text), void *context);

/* ledger_put_token - is it a production room on a software token? Every report of one says so. E_OK, E_IO
 * ledger_token - what was put last, false if nothing was. E_OK, E_IO */
MUST_USE enum err ledger_put_token(struct ledger *l, bool accepted);
MUST_USE enum err ledger_token(bool *accepted, struct ledger *l);

/* ledger_last - the highest sequence applied, 0 if none. E_OK, E_IO */
MUST_USE enum err ledger_last(uint64_t *sequence, struct ledger *l);

/*
 * ledger_loads - walk over the loads in the order of their last change
 *
 *   serial  in  of one terminal, or NULL: of all
 *   each    in  called with each
 *
 *   E_OK, E_IO
 */
MUST_USE enum err ledger_loads(struct ledger *l, const char *serial, void (*each)(void *context, const struct fact *f),
			       void *context);

/* ledger_events - walk over what the load of f went through, in order: each is called with f's sequence, time and state
 * of that event. E_OK, E_IO */
MUST_USE enum err ledger_events(struct ledger *l, const struct fact *f,
				void (*each)(void *context, const struct fact *event), void *context);

#endif
