/*
 * Marks: how a load room knows that its journal is the newest one.
 *
 * The journal cannot know by itself: an older copy of it is as whole. So count and head of the audit, which is a chain in
 * the journal, are kept in two more places: on the token, and in a file outside the room's folder. Before a device id is
 * issued it is in a block of at most MARK_BLOCK ids that was claimed, in this order:
 *
 *     1. the journal holds the claim and its audit record, committed
 *     2. the mark on the token, then the one outside, is that record: durable
 *     3. the journal knows that both are
 *
 * So at every moment the marks are the journal's past, and no older than 3. says. Where at start they are not, some of
 * them were put back, lost or swapped: no id is issued then (loading is locked), and all else is served. An id of a block
 * that a killed process left is never issued: the journal may have been put back within that block. The file outside
 * also has the last audit record, written without waiting for the disk, so that this shows unless the power was lost too.
 *
 *     FOLDER/ID.mark   mark_print(); ID: the first 16 digits of the room's identity, SHA-256 of its records key's SPKI
 *     FOLDER/ID.lock   held while the room is served: two copies of a room have one identity
 *
 * Where the lock does not keep two copies apart, because it was removed or each has its own, what they share does: a mark
 * is replaced only if it is the one that this room wrote. Else loading is locked until the room is opened again.
 */
#ifndef KEYROOM_BDK_MARK_H
#define KEYROOM_BDK_MARK_H

#include "bdk/key_set.h"

#include <stdbool.h>

#define MARK_BLOCK 64
#define MARK_WHY 240
#define MARK_BYTES 56

struct journal;
struct room;
struct room_config;

#define MARK_FOLDER 4160

/* mark_folder - where a load room's mark outside is, made if it is not there and can be: before the walls, which forbid it.
 * False: it is not there */
bool mark_folder(char out[static MARK_FOLDER], const struct room_config *c, const char *dir);

/* An audit record, and what was known with it. */
struct mark {
	uint64_t number;		/* of the mark: higher with each */
	uint64_t count;			/* the record's sequence, 0: there is none yet */
	uint8_t hash[32];		/* its hash */
	uint64_t epoch;			/* the highest epoch of a lease that was accepted till then */
};

/* The file outside the room. */
struct mark_file {
	uint8_t room[32];		/* identity */
	struct mark claim;		/* durable */
	uint64_t last_count;		/* the last record that was seen */
	uint8_t last_hash[32];
};

/* "keyroom-mark 1", and three lines: room, claim and last, each its bytes in hex. last stands at a place of its own. */
#define MARK_LAST (15 + (6 + 64 + 1) + (6 + 2 * MARK_BYTES + 1))
#define MARK_FILE (MARK_LAST + 6 + 80 + 1)

/* mark_print - the file's text; mark_parse - the reverse. E_OK, E_FORMAT (f is as it was) */
void mark_print(char out[static MARK_FILE + 1], const struct mark_file *f);
MUST_USE enum err mark_parse(struct mark_file *f, struct span text);

/* A load room's marks while it is served. */
struct marks {
	bool agree;			/* the witnesses did when the room was opened or unlocked: ids are issued */
	char locked[MARK_WHY];		/* why none is: one sentence; "": nobody has asked them yet */
	char path[256];			/* of the file outside */
	uint8_t room[32];
	int lock, file;			/* descriptors, -1: none */
	uint64_t number;		/* of the newest mark */
	struct mark token, outside;	/* as they were read or written last; all zero: there was none */
	struct mark tried;		/* what the token may have instead: writing it failed, or was cut off */
	bool due;			/* a claim is in the journal, and its marks may not be written */
	struct key_set_id set;		/* what mark_permits() was asked for last, and did not permit */
	uint32_t first, last;
};

/* mark_backup - this journal is a backup's from now on: the room that it is of voids its leases when it is put back, another one
 * issues nothing. mark_is_backup */
MUST_USE enum err mark_backup(struct journal *j);
MUST_USE enum err mark_is_backup(bool *yes, struct journal *j);

/* mark_open - the last thing to open in a room, once it has workers: do the witnesses agree? r->mark.locked says why not.
 * Nothing but in load rooms. */
void mark_open(struct room *r);

/*
 * mark_permits - is this id claimed? If not, mark_claim() claims it: roll back, claim, and begin again
 *
 *   last  in  where ids of its range end: none after it is claimed with it
 */
bool mark_permits(struct room *r, const struct key_set_id *set, uint32_t id, uint32_t last);

/* mark_claim - claim what was not permitted, and what follows it. Not inside a transaction.
 * E_OK, E_LOCKED (also from now on: a mark is not the one this room wrote), E_TOKEN, E_IO, E_JOURNAL; why is a sentence where the result does not say enough */
MUST_USE enum err mark_claim(struct room *r, char why[static MARK_WHY]);

/* mark_note - the audit has grown: the file outside is told, if it can be */
void mark_note(struct room *r);

/* mark_stop - the room is about to be closed or locked, and everything issued is in its journal: its claims end with a record, and
 * the marks become that record. If the journal cannot be written, the claims stay, as after a kill; if the marks cannot, the
 * claims have ended all the same, and the marks are the journal's past, which the next start takes. */
void mark_stop(struct room *r);

/* mark_close - no id is issued until mark_open(); fine if that was never called on r->mark with lock and file -1 */
void mark_close(struct room *r);

#endif
