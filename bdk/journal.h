/*
 * The journal: what a room has done, in SQLite (WAL, synchronous=FULL). It is the truth; everything else is a
 * projection.
 *
 * An I/O error ends issuing: every function here gives E_JOURNAL and has changed nothing. What allocates is committed
 * and read back before it returns. Tables: meta, audit, key_set, key_state (a key set's life), destruction (and its end), making (keys on their way into it), package (what a key set
 * was handed over in), fingerprint (which keys were ever here), device, load, event (what became of a load), sent (h after each KEY), wipe (each ZEROIZE, and h
 * after it), seen (nonces and points); of device ids lease, manifest (what is dictated), chain (which key set follows
 * which), tally (loads a day), claim (what may be issued now) and skipped (what never will be); kbpk and kbpk_state
 * (KBPKs and their lives), block (which keys came or went under them); bag and bag_state (what is in it,
 * what became of it).
 */
#ifndef KEYROOM_BDK_JOURNAL_H
#define KEYROOM_BDK_JOURNAL_H

#include "bdk/audit.h"
#include "bdk/block.h"
#include "bdk/key_set.h"
#include "bdk/passphrase.h"
#include "crypto/cert.h"

#include <stdbool.h>

struct journal;

#define JOURNAL_VERSION 4		/* of its tables */

/* As numbered in the journal; in the order of a key's life pre-active comes first. */
enum key_set_state {
	KEY_SET_ACTIVE = 1, KEY_SET_SUSPENDED, KEY_SET_PRE_ACTIVE, KEY_SET_DEACTIVATED, KEY_SET_COMPROMISED, KEY_SET_DESTROYED
};

struct key_set {
	struct key_set_id id;
	enum key_set_state state;
	struct kcv kcv;
	uint64_t utc;
	struct period {			/* seconds since 1970; 0: no such end (bdk/key_state.h) */
		uint64_t from, until;
	} period;
	uint64_t changed;		/* out: since when it is in that state */
};

/* One piece of a key set's life. */
struct key_life {
	enum key_set_state state;
	uint64_t utc;			/* from then on */
	char reason[CERT_TEXT];
};

/* A key set that is to be destroyed, or was: sequences of the audit's records that say so. */
struct destruction {
	char id[KEY_SET_TEXT];
	uint64_t decided;
	uint64_t proved;		/* 0: the token has not shown yet that it is gone */
};

#define LEASE_MAX 512

/* A lease of device ids (bdk/lease.h): in a load room one that it accepted, in a ca room one that it granted, or ids
 * that are noted as issued elsewhere. */
struct lease {
	uint64_t number;
	struct key_set_id set;
	struct kcv kcv;			/* len 0: it does not say */
	uint32_t first, last;
	uint8_t kif[32];		/* SHA-256 of the load room's SPKI; zero: issued elsewhere */
	uint32_t epoch;
	uint64_t utc;			/* when it was granted */
	uint64_t next;			/* load: no id below it is free; last + 1: used up */
	char name[CERT_TEXT];		/* ca: of the load room; else "" */
	uint8_t bytes[LEASE_MAX];	/* the lease as a file */
	size_t len;
};

/* A manifest's line: from which key set a terminal's slot is loaded, and where it is dictated with which device id. */
struct dictated {
	char serial[CERT_TEXT];
	uint8_t slot;
	struct key_set_id set;
	bool has_id;
	uint32_t id;
	bool spent;			/* out: that id has been issued */
	bool skipped;			/* out: a process that died had claimed it */
};

enum device_state { DEVICE_EXPECTED = 1, DEVICE_CERTIFIED, DEVICE_ENROLLED, DEVICE_QUARANTINED, DEVICE_REVOKED };

struct device {
	char serial[CERT_TEXT];
	uint8_t spki[32];		/* zero while expected */
	uint8_t cert[CERT_MAX];
	size_t cert_len;
	enum device_state state;
	uint64_t utc;
};

enum load_state { LOAD_SENT = 1, LOAD_LOADED, LOAD_POSSIBLY, LOAD_ZEROIZED };

struct load {
	uint64_t sequence;		/* of its last change, room-wide */
	uint64_t row;			/* of the load itself */
	struct key_set_id set;
	uint32_t id;			/* device id */
	struct ksn iksn;
	char serial[CERT_TEXT];
	uint8_t spki[32];
	uint8_t point[P256_POINT];	/* the terminal's identity key, to verify a RECEIPT later */
	uint8_t slot;
	enum load_state state;
	uint32_t first_count;		/* load count of the first OFFER */
	uint32_t load_count;		/* as the terminal signed it, once loaded */
	struct kcv kcv;			/* as the terminal signed it, once loaded */
	char firmware[CERT_TEXT];
	uint64_t utc;
};

/* Names as they stand in records, ledgers and prints: "active", "sent", "possibly-loaded", … */
const char *key_set_state_name(enum key_set_state s);
const char *device_state_name(enum device_state s);
const char *load_state_name(enum load_state s);

/* journal_create - a new, empty journal file of this schema version. E_OK, E_EXISTS, E_JOURNAL */
MUST_USE enum err journal_create(const char *path, enum room_purpose purpose);

/* journal_open - one of an older version is brought up to this one, all or nothing, and kept beside it as it was
 * (PATH.v1). E_OK, E_JOURNAL (also: SQLite does not give WAL and synchronous=FULL), E_ROOM_VERSION (newer), E_ROOM_PURPOSE
 * (another purpose than room.conf's) */
MUST_USE enum err journal_open(struct journal **j, const char *path, enum room_purpose purpose);
void journal_close(struct journal *j);

/*
 * One transaction: everything between begin and commit, or nothing. They nest: the outermost commit counts, and a
 * rollback at any depth undoes all. journal_rollback() after any error; fine when none is open. Without it each
 * function below is a transaction of its own.
 */
MUST_USE enum err journal_begin(struct journal *j);
MUST_USE enum err journal_commit(struct journal *j);
void journal_rollback(struct journal *j);

/*
 * One commit, and one wait for the disk, for several transactions: between journal_group() and journal_group_commit()
 * each of them is a part that can be rolled back alone, and none is durable before the group's commit, so that until
 * then nothing may be answered or derived that rests on them. The group is not begun within a transaction.
 *
 * journal_group - E_OK, E_JOURNAL (no group: each transaction is for itself)
 * journal_group_commit - E_OK, E_JOURNAL (none of them is known to have happened: a log that was written, but not synced, may
 *   come back at the next start)
 * journal_durable - what was committed so far is durable, also inside a group, which goes on. Not inside a transaction.
 *   E_OK, E_JOURNAL (and so will the group's commit be)
 */
MUST_USE enum err journal_group(struct journal *j);
MUST_USE enum err journal_group_commit(struct journal *j);
MUST_USE enum err journal_durable(struct journal *j);

/* --- audit: a hash chain (bdk/audit.h) ------------------------------------------------------------------------------ */

/* journal_audit - append one act or refusal: who ("uid 0 people"), what ("generate"), object ("FFFF987654"), reason
 * (err_text() or "") */
MUST_USE enum err journal_audit(struct journal *j, const char *who, const char *what, const char *object,
				const char *reason);

/* journal_audit_next - the record after a sequence. E_OK, E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_audit_next(struct audit *a, struct journal *j, uint64_t after);

/* journal_audit_head - the newest record; all zero where there is none. E_OK, E_JOURNAL */
MUST_USE enum err journal_audit_head(struct audit *a, struct journal *j);

/* Signed heads that are kept: journal_head_add - of the record with that sequence; one that is there stays. journal_head - the
 * newest; "" and 0 if there is none. journal_head_next - the next after *at, which moves on. E_OK, E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_head_add(struct journal *j, uint64_t sequence, const char *text);
MUST_USE enum err journal_head(char text[static AUDIT_HEAD_TEXT], uint64_t *sequence, struct journal *j);
MUST_USE enum err journal_head_next(char text[static AUDIT_HEAD_TEXT], struct journal *j, uint64_t *at);

/* journal_begun - is a transaction open? */
bool journal_begun(const struct journal *j);

/* journal_audit_check - recompute the whole chain. E_OK, E_MAC (bad: the first sequence that does not fit),
 * E_JOURNAL */
MUST_USE enum err journal_audit_check(uint64_t *bad, struct journal *j);

/* journal_digest - SHA-256 over the rows of key_set, device, load and event, in order: what has been issued, not how
 * often it was tried (sent, wipe, seen and audit grow with every attempt) */
MUST_USE enum err journal_digest(uint8_t out[static 32], struct journal *j);

/* --- seen values -------------------------------------------------------------------------------------------------- */

/* journal_seen - remember a nonce or point for ever. E_OK (new), E_REPLAY (seen before), E_JOURNAL */
MUST_USE enum err journal_seen(struct journal *j, const char *kind, struct span value);

/* --- numbers kept by name: number of the last revocation list ... E_OK (0 if never set), E_JOURNAL ---------------- */
MUST_USE enum err journal_number(uint64_t *v, struct journal *j, const char *name);
MUST_USE enum err journal_set_number(struct journal *j, const char *name, uint64_t v);

/* --- key sets ----------------------------------------------------------------------------------------------------- */

/* journal_key_set - by id text. E_OK, E_KEY_SET, E_JOURNAL */
MUST_USE enum err journal_key_set(struct key_set *out, struct journal *j, const char *id);
/* journal_key_set_next - in the order of their making; *at starts at 0. E_OK, E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_key_set_next(struct key_set *out, struct journal *j, uint64_t *at);
/* journal_key_set_add - utc is the journal's. E_OK, E_EXISTS (also when another scheme has the same id), E_JOURNAL */
MUST_USE enum err journal_key_set_add(struct journal *j, const struct key_set *s);
/* journal_key_set_state - a new state, kept with those before it: a key set's newest is the one it is in. Whether it may follow
 * the one before is the caller's to know. E_OK, E_KEY_SET, E_JOURNAL */
MUST_USE enum err journal_key_set_state(struct journal *j, const char *id, enum key_set_state state, const char *reason);

/* journal_key_set_life - the next piece of its life after *at, which starts at 0. E_OK, E_SHORT (no more), E_JOURNAL
 * journal_key_set_period - E_OK, E_KEY_SET, E_JOURNAL */
MUST_USE enum err journal_key_set_life(struct key_life *out, struct journal *j, const char *id, uint64_t *at);
MUST_USE enum err journal_key_set_period(struct journal *j, const char *id, const struct period *p);

#define KEY_LABEL 24			/* of an object in the token, with its NUL */
/* journal_making - a key that is about to come into the token under this label (bdk/making.h). journal_made - the journal knows it, or
 * it is gone: fine where there was none. journal_making_due - one of those that are left. E_OK, E_SHORT (none), E_JOURNAL */
MUST_USE enum err journal_making(struct journal *j, const char *label);
MUST_USE enum err journal_made(struct journal *j, const char *label);
MUST_USE enum err journal_making_due(char label[static KEY_LABEL], struct journal *j);

/* journal_destruction_put - insert or replace. journal_destruction - of a key set: E_OK, E_SHORT (none), E_JOURNAL */
MUST_USE enum err journal_destruction_put(struct journal *j, const struct destruction *d);
MUST_USE enum err journal_destruction(struct destruction *d, struct journal *j, const char *id);

/*
 * Fingerprints of keys (bdk/fingerprint.h), by the label of the token's object; one that was written down stays when its key is
 * destroyed.
 *
 * journal_fingerprint_add - fp of 16 bytes, or of none: the same as another label's. E_OK, E_EXISTS (that fingerprint, or that
 *   label), E_JOURNAL
 * journal_fingerprint_has - is there one of that label? E_OK, E_SHORT (no), E_JOURNAL
 * journal_fingerprint_of - whose is it? E_OK, E_SHORT (nobody's), E_JOURNAL
 */
MUST_USE enum err journal_fingerprint_add(struct journal *j, const char *label, struct span fp);
MUST_USE enum err journal_fingerprint_has(struct journal *j, const char *label);
MUST_USE enum err journal_fingerprint_of(char label[static KEY_LABEL], struct journal *j, struct span fp);

/* journal_package_add - keep the hand-over package of a key set: wrapped for one recipient, and made only once.
 * E_EXISTS */
MUST_USE enum err journal_package_add(struct journal *j, const char *id, struct span package);
/* journal_package - E_OK, E_KEY_SET (none of that id), E_JOURNAL (also: longer than size) */
MUST_USE enum err journal_package(uint8_t *out, size_t *len, size_t size, struct journal *j, const char *id);
/* journal_package_wipe - zeros in its place, if there is one: that it has left stays known. Once that is committed
 * journal_checkpoint() takes it out of SQLite's log too */
MUST_USE enum err journal_package_wipe(struct journal *j, const char *id);
void journal_checkpoint(struct journal *j);

/* --- KBPKs, and what went under them (bdk/kbpk.h decides) ---------------------------------------------------------- */

struct kbpk {
	struct kbpk_id id;
	char mode;			/* B wraps and unwraps, D unwraps, E wraps */
	char exportability;		/* E, S or N, as it came */
	struct kcv kcv;
	enum key_set_state state;	/* active, suspended, compromised or destroyed */
	uint64_t utc;
	uint64_t below;			/* so many keys came in or went out under it */
};

/* One key that came in, or went out, in a block. */
struct block_use {
	char kbpk[KBPK_NAME];
	char key[KEY_LABEL];		/* "bdk-ID", "kbpk-NAME" */
	bool outward;
	char exportability;
};

/* journal_kbpk - by name. E_OK, E_KBPK, E_JOURNAL. journal_kbpk_next - in the order of their making; *at starts at 0. E_OK,
 * E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_kbpk(struct kbpk *out, struct journal *j, const char *name);
MUST_USE enum err journal_kbpk_next(struct kbpk *out, struct journal *j, uint64_t *at);
/* journal_kbpk_add - an active one; utc and state are the journal's. E_OK, E_EXISTS, E_JOURNAL. journal_kbpk_state - a new state,
 * kept with those before it. E_OK, E_KBPK, E_JOURNAL */
MUST_USE enum err journal_kbpk_add(struct journal *j, const struct kbpk *k);
MUST_USE enum err journal_kbpk_state(struct journal *j, const char *name, enum key_set_state state, const char *reason);
/* journal_block_add - E_OK, E_EXISTS (that key went so before), E_JOURNAL. journal_block_of - how a key came or went: E_OK, E_SHORT (in no
 * block), E_JOURNAL. journal_block_next - the next under a KBPK; *at starts at 0. E_OK, E_SHORT, E_JOURNAL */
MUST_USE enum err journal_block_add(struct journal *j, const struct block_use *b);
MUST_USE enum err journal_block_of(struct block_use *out, struct journal *j, const char *key);
MUST_USE enum err journal_block_next(struct block_use *out, struct journal *j, const char *kbpk, uint64_t *at);

/* --- device ids: leases, manifests, chains (bdk/lease.h decides) --------------------------------------------------- */

/* journal_lease_add - number is the caller's. E_OK, E_EXISTS (that number), E_JOURNAL */
MUST_USE enum err journal_lease_add(struct journal *j, const struct lease *l);
/* journal_lease_next - the lease after a number. E_OK, E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_lease_next(struct lease *out, struct journal *j, uint64_t after);
/* journal_lease_at - the lowest of a key set that has an id of first..last and an epoch above floor. E_OK, E_SHORT
 * (none), E_JOURNAL */
MUST_USE enum err journal_lease_at(struct lease *out, struct journal *j, const struct key_set_id *set, uint32_t first,
				   uint32_t last, uint64_t floor);
/* journal_lease_open - the lowest of a key set that is not used up and has an epoch above floor. E_OK, E_SHORT,
 * E_JOURNAL */
MUST_USE enum err journal_lease_open(struct lease *out, struct journal *j, const struct key_set_id *set, uint64_t floor);
/* journal_lease_move - its next. E_OK, E_JOURNAL */
MUST_USE enum err journal_lease_move(struct journal *j, uint64_t number, uint64_t next);
/* journal_lease_left - ids that a lease can still give. E_OK, E_JOURNAL */
MUST_USE enum err journal_lease_left(uint64_t *left, struct journal *j, uint64_t number);
/* journal_lease_epoch - the highest of any lease, 0 if none. E_OK, E_JOURNAL */
MUST_USE enum err journal_lease_epoch(uint64_t *epoch, struct journal *j);

/* journal_id_free - is no load of it, is it dictated to nobody and was it not skipped? E_OK (yes), E_EXISTS, E_JOURNAL */
MUST_USE enum err journal_id_free(struct journal *j, const struct key_set_id *set, uint32_t id);

/* journal_dictate - put a manifest's line, in place of an earlier one of that serial and slot. E_OK, E_EXISTS (the id
 * is dictated to another), E_KEY_SET, E_JOURNAL */
MUST_USE enum err journal_dictate(struct journal *j, const struct dictated *d);
/* journal_dictated - the line of a serial and slot. E_OK, E_SHORT (none), E_JOURNAL */
MUST_USE enum err journal_dictated(struct dictated *out, struct journal *j, const char *serial, uint8_t slot);

/* journal_chain - next is loaded from when set is used up. E_OK, E_JOURNAL
 * journal_follower - E_OK, E_SHORT (none), E_JOURNAL */
MUST_USE enum err journal_chain(struct journal *j, const struct key_set_id *set, const struct key_set_id *next);
MUST_USE enum err journal_follower(struct key_set_id *next, struct journal *j, const struct key_set_id *set);

/* What was loaded from a key set. */
struct tally {
	uint64_t loads;			/* ever */
	uint64_t week, month;		/* in the last 7 and 30 days of UTC, today included */
	uint64_t days;			/* whole days between the first load and today */
};
MUST_USE enum err journal_tally(struct tally *t, struct journal *j, const struct key_set_id *set);
/* --- claims: which device ids may be issued now (bdk/mark.h) ------------------------------------------------------ */

struct claim {
	struct key_set_id set;
	uint32_t first, last;
};

/* journal_claim - put a block, in place of the key set's one. journal_claimed - that block: E_SHORT (none).
 * journal_claims_end - there is no claim any more. E_OK, E_JOURNAL */
MUST_USE enum err journal_claim(struct journal *j, const struct claim *c);
MUST_USE enum err journal_claimed(struct claim *c, struct journal *j, const struct key_set_id *set);
MUST_USE enum err journal_claims_end(struct journal *j);

/* journal_skip - what a process that died had claimed is never issued; the audit says so. E_OK, E_JOURNAL
 * journal_skip_one - likewise one id, for another reason. E_OK, E_JOURNAL
 * journal_skipped - so many ids of a key set. E_OK, E_JOURNAL */
MUST_USE enum err journal_skip(struct journal *j);
MUST_USE enum err journal_skip_one(struct journal *j, const struct key_set_id *set, uint32_t id, const char *reason);
MUST_USE enum err journal_skipped(uint64_t *n, struct journal *j, const struct key_set_id *set);

/* --- devices: a ca room's list; in a load room the terminals that have proved themselves there -------------------- */

/* journal_device - by serial, or by spki where serial is NULL. E_OK, E_UNKNOWN_DEVICE, E_JOURNAL */
MUST_USE enum err journal_device(struct device *out, struct journal *j, const char *serial, const uint8_t *spki);
MUST_USE enum err journal_device_next(struct device *out, struct journal *j, uint64_t *at);
/* journal_device_put - insert or replace the row of d->serial; utc is the journal's. E_OK, E_DUPLICATE (its spki stands
 * under another serial), E_JOURNAL */
MUST_USE enum err journal_device_put(struct journal *j, const struct device *d);

/* --- loads (load room) -------------------------------------------------------------------------------------------- */

/*
 * journal_load_add - a device id (of lease_take()) for {spki, slot, load count}
 *
 *   l  in/out  set, id, serial, spki, point, slot, first_count, firmware in; row, iksn, state, sequence, utc out
 *
 *   E_OK (durable, read back; inside a transaction durable with its commit), E_KEY_SET, E_REPLAY (UNIQUE(spki, slot,
 *   load count) or UNIQUE(key set, id) is taken), E_JOURNAL
 */
MUST_USE enum err journal_load_add(struct journal *j, struct load *l);

/* journal_load_waits - the load of {serial, slot} whose KEY was sent, and of which nobody knows yet whether it was
 * taken. E_OK, E_UNKNOWN_DEVICE (none), E_JOURNAL */
MUST_USE enum err journal_load_waits(struct load *out, struct journal *j, const char *serial, uint8_t slot);

/* journal_load_last - the newest load of {spki, slot}. E_OK, E_UNKNOWN_DEVICE (none) */
MUST_USE enum err journal_load_last(struct load *out, struct journal *j, const uint8_t spki[static 32], uint8_t slot);

/* journal_load_count - the highest load count seen of a terminal, 0 if none */
MUST_USE enum err journal_load_count(uint32_t *count, struct journal *j, const uint8_t spki[static 32]);

/* journal_load_sent - remember h after a KEY, before that KEY leaves. E_OK, E_JOURNAL */
MUST_USE enum err journal_load_sent(struct journal *j, uint64_t row, const uint8_t h[static 32]);

/* journal_load_was_sent - was h sent for this row? E_OK, E_UNKNOWN_DEVICE */
MUST_USE enum err journal_load_was_sent(struct journal *j, uint64_t row, const uint8_t h[static 32]);

/* journal_load_sent_next - walk over the h sent to a serial, newest first; *at starts at 0. E_OK, E_SHORT (no more) */
MUST_USE enum err journal_load_sent_next(struct load *l, uint8_t h[static 32], struct journal *j, const char *serial,
					 uint64_t *at);

/* journal_load_set - change state, load count and check value of l->row; l is then the row as it stands, with its new
 * sequence. E_OK, E_UNKNOWN_DEVICE (no such row), E_JOURNAL */
MUST_USE enum err journal_load_set(struct journal *j, struct load *l);

/* journal_load_after - the next event after a sequence: the load as it was then. E_OK, E_SHORT */
MUST_USE enum err journal_load_after(struct load *out, struct journal *j, uint64_t sequence);

/* journal_load_below - a key set's load of device id at or above id, as it is now. E_OK, E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_load_below(struct load *out, struct journal *j, const struct key_set_id *set, uint64_t id);

/* journal_load_newest_after - the next event after a sequence that is its load's newest: the load as it is. E_OK,
 * E_SHORT */
MUST_USE enum err journal_load_newest_after(struct load *out, struct journal *j, uint64_t sequence);

/* --- ZEROIZE (load room) ------------------------------------------------------------------------------------------ */

/* One ZEROIZE, and all that its RECEIPT has to be held against. */
struct wipe {
	char serial[CERT_TEXT];
	uint8_t spki[32];
	uint8_t point[P256_POINT];	/* the terminal's identity key */
	uint8_t slot;			/* or MSG_SLOT_ALL */
	uint32_t load_count;		/* of the OFFER before it; ZEROIZE changes none */
	struct ksn ksn;			/* what that OFFER showed in the slot; both empty for all slots */
	struct kcv kcv;
	uint8_t h[32];			/* after ZEROIZE */
	uint64_t sequence;		/* it concerns loads that have not changed since then */
};

/* journal_wipe_sent - remember a ZEROIZE before it leaves; w->sequence is the journal's. E_OK, E_JOURNAL */
MUST_USE enum err journal_wipe_sent(struct journal *j, const struct wipe *w);

/* journal_wipe_next - walk over what was sent to a serial, newest first; *at starts at 0. E_OK, E_SHORT (no more) */
MUST_USE enum err journal_wipe_next(struct wipe *w, struct journal *j, const char *serial, uint64_t *at);

/* journal_wiped - the slot is empty: its loads that were "loaded" or "possibly-loaded", and last changed at w->sequence
 * at the latest, are "zeroized", each by an event of its own. Of w only spki, slot and sequence count. E_OK,
 * E_JOURNAL */
MUST_USE enum err journal_wiped(struct journal *j, const struct wipe *w);

/* --- certificates of rooms (ca room) ------------------------------------------------------------------------------ */

struct certified {
	uint8_t number[20];
	char name[CERT_TEXT], unit[CERT_TEXT];	/* CN, OU */
	uint8_t spki[32];
	uint64_t revoked, utc;			/* revoked: when, 0: it is not */
};

/* journal_certified_put - remember a certificate that a room was given; one that is known stays as it is. utc is the
 * journal's. E_OK, E_JOURNAL */
MUST_USE enum err journal_certified_put(struct journal *j, const struct certified *c);
/* journal_certified_revoke - all that this key was given; *n: how many were not revoked before. E_OK, E_JOURNAL */
MUST_USE enum err journal_certified_revoke(size_t *n, struct journal *j, const uint8_t spki[static 32]);
/* journal_certified_next - in the order they were given; *at starts at 0. E_OK, E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_certified_next(struct certified *out, struct journal *j, uint64_t *at);

/* --- people of the room (bdk/people.h) ---------------------------------------------------------------------------- */

#define PERSON_NAME 16			/* 1..15 of [a-z0-9-], and a NUL */

struct person {
	uint64_t row;			/* never anybody else's */
	char name[PERSON_NAME];
	uint32_t uid;
	unsigned roles;			/* bits of enum person_role */
	uint8_t verifier[PASSPHRASE_VERIFIER];
	bool passphrase;		/* verifier is there */
	uint8_t card[P256_POINT];
	bool has_card;			/* card is there: it signs, and no passphrase counts */
	unsigned wrong;			/* passphrases typed wrong since the last right one */
	uint64_t utc;
};

/* journal_person - by name, or by uid where name is NULL. E_OK, E_PERSON, E_JOURNAL */
MUST_USE enum err journal_person(struct person *out, struct journal *j, const char *name, uint32_t uid);
/* journal_person_next - in the order of their appointment; *at starts at 0. E_OK, E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_person_next(struct person *out, struct journal *j, uint64_t *at);
/* journal_person_add - name, uid, roles and card of p. E_OK, E_EXISTS (name or uid), E_JOURNAL */
MUST_USE enum err journal_person_add(struct journal *j, const struct person *p);
/* journal_person_set - passphrase, verifier and wrong of p->row. E_OK, E_PERSON, E_JOURNAL */
MUST_USE enum err journal_person_set(struct journal *j, const struct person *p);
/* journal_person_remove - E_OK, E_JOURNAL */
MUST_USE enum err journal_person_remove(struct journal *j, uint64_t row);

/* --- who loads what (acquirer room) ------------------------------------------------------------------------------- */

/* journal_maker_add - number and CN of the KIF certificate that a key set's package came under. E_OK, E_EXISTS,
 * E_JOURNAL. journal_maker - E_OK, E_KEY_SET (not known), E_JOURNAL */
MUST_USE enum err journal_maker_add(struct journal *j, const char *id, const uint8_t number[static 20], const char *name);
MUST_USE enum err journal_maker(uint8_t number[static 20], char name[static CERT_TEXT], struct journal *j, const char *id);

#define HANDED_REFUSED 64

/* What a hand-over pack said of an initial KSN. */
struct handed {
	struct ksn iksn;
	char serial[CERT_TEXT];
	uint8_t number[20];			/* of the terminal's certificate */
	char refused[HANDED_REFUSED];		/* why nothing is recovered under it; "": it is */
};

/* journal_handed_put - insert or replace; what was refused once stays so. E_OK, E_JOURNAL. journal_handed - E_OK,
 * E_UNKNOWN_DEVICE (no pack named it), E_JOURNAL */
MUST_USE enum err journal_handed_put(struct journal *j, const struct handed *h);
MUST_USE enum err journal_handed(struct handed *out, struct journal *j, const struct ksn *iksn);
/* journal_handed_from - what stands at an initial KSN, or at the next of as many bytes. E_OK, E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_handed_from(struct handed *out, struct journal *j, const struct ksn *iksn);

/* --- tamper-evident bags (bdk/media.h decides) -------------------------------------------------------------------- */

#define BAG_NUMBER 16			/* with its NUL, as all of these */
#define BAG_HOLDS 25
#define BAG_TEXT 33

/* As numbered in the journal. */
enum bag_medium { BAG_COMPONENT = 1, BAG_SHARE, BAG_CARD, BAG_BLOCK, BAG_MAILER };
enum bag_condition { BAG_SEALED = 1, BAG_OPENED, BAG_DAMAGED, BAG_MISSING };
enum bag_disposition { BAG_HERE, BAG_REBAGGED, BAG_DESTROYED, BAG_RETURNED, BAG_STORED, BAG_SENT };

struct bag {
	uint64_t row;
	char number[BAG_NUMBER];
	enum bag_medium medium;
	uint8_t part, parts;		/* component 1 of 3; 0 and 0: it is no part */
	char holds[BAG_HOLDS];		/* of which key set or KBPK; "" of none: a custodian's share of the room */
	char purpose[BAG_TEXT], keeper[PERSON_NAME];
	uint64_t made;
	/* what became of it last */
	enum bag_condition condition;
	enum bag_disposition disposition;
	char place[BAG_TEXT];		/* of the disposition: the new bag, where, to whom */
	char reason[BAG_TEXT];
	uint64_t ceremony;		/* the audit's record that opened the one it happened in; 0: none was open */
	uint64_t utc;
};

/* journal_bag_add - row, made and utc are the journal's. E_OK, E_EXISTS (that number), E_JOURNAL */
MUST_USE enum err journal_bag_add(struct journal *j, const struct bag *b);
/* journal_bag_state - b->row's new condition, disposition, place, reason and ceremony, kept with those before. E_OK, E_BAG,
 * E_JOURNAL */
MUST_USE enum err journal_bag_state(struct journal *j, const struct bag *b);
/* journal_bag - by number. E_OK, E_BAG, E_JOURNAL. journal_bag_next - in the order they were recorded; *at starts at 0. E_OK,
 * E_SHORT (no more), E_JOURNAL */
MUST_USE enum err journal_bag(struct bag *out, struct journal *j, const char *number);
MUST_USE enum err journal_bag_next(struct bag *out, struct journal *j, uint64_t *at);

#endif
