/*
 * A room: a folder with a token, a configuration, a journal and one bdkd. One purpose and one environment, both fixed
 * at birth.
 *
 *     DIR/room.conf       INI: what it is (see room_config)
 *     DIR/lock            held by the bdkd that serves it
 *     DIR/token/          SoftHSM's token folder, softhsm2.conf and a copy of the token's token.object (software tokens
 *                         only)
 *     DIR/pin             the token's PIN, mode 0400: test rooms only
 *     DIR/shares/         of the token's PINs, one file a custodian: production rooms only (bdk/custodian.h)
 *     DIR/journal.db      SQLite (bdk/journal.h)
 *     DIR/certs/          certificates and the revocation list, DER
 *     DIR.mark/           the mark outside the room (bdk/mark.h; load rooms only), unless room.conf names a folder
 *     DIR/people.sock, DIR/station.sock, DIR/acquirer.sock
 */
#ifndef KEYROOM_BDK_ROOM_H
#define KEYROOM_BDK_ROOM_H

#include "bdk/component.h"
#include "bdk/custodian.h"
#include "bdk/journal.h"
#include "bdk/key_set.h"
#include "bdk/login.h"
#include "bdk/mark.h"
#include "bdk/parser.h"
#include "bdk/pki.h"
#include "bdk/users.h"
#include "bdk/worker.h"

#include <limits.h>

#define ROOM_VERSION 1			/* of room.conf */
#define ROOM_WORKERS 8			/* at most; two where room.conf says nothing */
#define ROOM_NAME 41			/* 1..40 of [A-Za-z0-9._-] and single blanks between them, and a NUL */
#define ROOM_WHY 160

struct der {
	uint8_t b[PKI_MAX];
	size_t len;			/* 0: not there */
};

struct span der_span(const struct der *d);

/* room.conf, section [room]: every key at most once, no other key. */
struct room_config {
	unsigned version;		/* version = 1 */
	enum room_purpose purpose;	/* purpose = ca | load | acquirer */
	bool test;			/* kind = test | production */
	char name[ROOM_NAME];		/* name = KIF-1: stands in its certificates */
	char token[256];		/* token = pkcs11:token=...?module-path=... */
	char token_arguments[192];	/* token-arguments = configdir=...: what its module wants at C_Initialize */
	bool accept_software_token;	/* accept-software-token = yes */
	char module_folder[256];	/* module-folder = /PATH: the module writes there too; "": nowhere */
	char user[USERS_TEXT];		/* user = NAME: who bdkd becomes when root starts it */
	char people_user[USERS_TEXT];	/* people-user = NAME...: who may use people.sock, "": the room's own user */
	char station_user[USERS_TEXT];	/* load: station-user */
	char acquirer_user[USERS_TEXT];	/* acquirer: acquirer-user */
	unsigned device_days;		/* ca: validity of device certificates, default 5475 (15 years) */
	unsigned room_days;		/* ca: validity of rooms' certificates, default 730 */
	unsigned crl_days;		/* ca: how long a revocation list holds, default 30 */
	unsigned epoch;			/* ca: epoch of KIF certificates, default 1 */
	unsigned approve_seconds;	/* how long an act waits for a second person, default 300 */
	unsigned head_records;		/* head-records = N: a head of the audit is signed after so many, default 100 */
	unsigned head_seconds;		/* audit-head-minutes = N: and after so long, if anything was recorded; default 60 minutes */
	unsigned session_idle_seconds;	/* load: a session in which nothing is asked ends, default 900 */
	unsigned session_seconds;	/* load: and one that is open so long, default 28800 */
	char mark[160];			/* load: mark = /FOLDER, where the mark outside the room is; production has to say */
	unsigned workers;		/* load: workers = 1..8, default 2; others: one */
};

struct room {
	char dir[PATH_MAX];
	struct room_config config;
	int lock;			/* descriptor */
	struct journal *journal;
	struct parser parser;		/* reads whatever certificate comes from outside */
	struct login pin;			/* what every new worker is given */
	bool sealed;				/* nobody has unlocked it: no PIN, no workers; never a test room */
	bool refused;				/* sealed because the token takes the PIN no longer: whoever serves it locks it */
	struct pieces given;			/* sealed: what its custodians have given so far */
	struct custody_change change;		/* the change of custodians under way */
	struct components components;		/* the entry of a key under way */
	struct worker worker[ROOM_WORKERS];	/* config.workers of them */
	struct der own;			/* load: KDH identity; acquirer: exchange key */
	struct der device_ca, kif_ca, exchange_ca;
	struct pki_list list;		/* revocation list (bdk/list.h) */
	uint8_t environment[32];	/* SHA-256 of the KIF CA's SPKI; zero until installed */
	uint8_t device_environment[32];	/* SHA-256 of the device CA's SPKI: what enrolment goes by */
	uint8_t records[P256_POINT];	/* of the records key, once asked for; zero before */
	uint64_t head_looked;		/* room_monotonic() when heads_tend() looked last, or when the room was opened */
	uint8_t own_valid[32];		/* kdh_begin()'s: what it found valid last */
	struct marks mark;		/* load: do journal and marks agree? */
	uint64_t tend_states;		/* key_state_tend()'s: when a period begins or ends next; 0: it has to look */
};

/*
 * room_config_parse - the text of a room.conf
 *
 *   c    out  zeroed on an error
 *   why  out  the line and what is wrong with it; "" on E_OK
 *
 *   E_OK, E_ROOM (unknown, repeated or missing key, bad value, or no INI), E_ROOM_VERSION (its version is newer,
 *   whatever else stands in it)
 */
MUST_USE enum err room_config_parse(struct room_config *c, struct span text, char why[static ROOM_WHY]);

/* room_config_read - of the room in that folder. E_OK, E_ROOM (also: no folder, or no room.conf in it), E_ROOM_VERSION */
MUST_USE enum err room_config_read(struct room_config *c, const char *dir, char why[static ROOM_WHY]);

/* room_config_name - is this a name for a room? */
bool room_config_name(const char *name);

/* room_config_software - does its URI name a software token's module (SoftHSM or NSS softokn)? room_config_softhsm - is it SoftHSM, in
 * the room's own folder? */
bool room_config_software(const struct room_config *c);
bool room_config_softhsm(const struct room_config *c);

/* room_purpose_name - "ca", "load", "acquirer"; room_purpose_parse - the reverse. E_OK, E_FORMAT */
const char *room_purpose_name(enum room_purpose p);
MUST_USE enum err room_purpose_parse(enum room_purpose *p, const char *name);

/* What a room is born with. pin: of a test room's token that is not blank; length 0: the token is blank and gets random PINs.
 * who, key: a production room's custodians, and what their shares of these PINs are sealed with */
struct room_birth {
	struct span pin;
	struct custodians who; /* n 0: none */
	struct custodian_key key[SHARE_MOST];
};

/*
 * room_init - make a room: folder (must not exist or be empty), token, journal, and for a ca
 * room its three CAs; room.conf comes last, so that a folder without it is no room. Leaves nothing behind when it
 * fails.
 *
 *   config  in   purpose, test and name; token and token_arguments, or a SoftHSM token of its own is made in the folder;
 *                accept_software_token; the rest is the room's own choice
 *   why     out  one sentence where the result alone does not tell enough
 *
 *   E_OK, E_EXISTS (a folder with something in it), E_IO, E_TOKEN, E_JOURNAL, E_CRYPTO, E_RANDOM, E_RANGE (name, a path that
 *   SoftHSM's configuration cannot say, or a URI that room.conf cannot hold), E_DENIED (a production room without custodians,
 *   of root, in memory that is not locked, on a software token that is not accepted, or on one whose probe found what must
 *   fail)
 */
/* room_permit_birth - what a production room is not made without: as room_init() asks, before anybody has typed anything (the
 * keys of birth are not looked at). E_OK, E_DENIED (why) */
MUST_USE enum err room_permit_birth(const struct room_config *config, const struct room_birth *birth,
				    char why[static ROOM_WHY]);

MUST_USE enum err room_init(const char *dir, const struct room_config *config, const struct room_birth *birth,
			    char why[static ROOM_WHY]);

/*
 * room_open - open a room to serve it: lock, configuration, journal, certificates; a test room's workers. A production
 * room is sealed: room_unlock()
 *
 *   why  out  one sentence where the result alone does not tell enough
 *
 *   E_OK, E_ROOM, E_ROOM_VERSION (configuration or journal of a newer version), E_ROOM_PURPOSE (the journal is another
 *   room's), E_ROOM_BUSY, E_JOURNAL (also when its audit chain is broken), E_TOKEN, E_CRYPTO, E_DENIED (a production
 *   room beside a PIN file, or on a software token that room.conf does not accept). Nothing is held on an error.
 */
MUST_USE enum err room_open(struct room *r, const char *dir, char why[static ROOM_WHY]);

/*
 * room_unlock - a sealed room's workers, by its PIN
 *
 *   E_OK (it is sealed no more), E_PASSPHRASE (the token does not take it: it had one try), E_TOKEN, E_DENIED (room_judge()'s,
 *   or a worker's walls), E_ROOM (a ca room's certificates are not of this token). Sealed as before on an error.
 */
MUST_USE enum err room_unlock(struct room *r, const uint8_t pin[static SHARE_SECRET], char why[static ROOM_WHY]);

/* room_lock - workers ended, the PIN and what custodians have given wiped: the room is sealed. Not a test room. */
void room_lock(struct room *r);

/*
 * room_change_pins - the token gets the PINs of next by its SO PIN; workers stay, and a room that is not sealed starts its
 * next ones with the new PIN
 *
 *   E_OK, E_PASSPHRASE (the token does not take the SO PIN: it had one try), E_TOKEN, E_IO
 */
MUST_USE enum err room_change_pins(struct room *r, const uint8_t so_pin[static SHARE_SECRET],
				   const struct custody_secrets *next);

/* room_judge - may this room be served by a token that was probed so? E_OK, E_DENIED (a production room, and the token
 * allows what must fail, or says that it is software, which room.conf does not accept: why says so) */
MUST_USE enum err room_judge(char why[static ROOM_WHY], const struct room_config *c, const struct probe *p);

/* room_software - is its token a software token, by its module or by what it says of itself? */
bool room_software(const struct room *r);

/* room_close - everything released, and wiped where secret */
void room_close(struct room *r);

/* room_utc - now, seconds since 1970 */
uint64_t room_utc(void);

/* room_monotonic - seconds by a clock that nobody sets: for time limits */
uint64_t room_monotonic(void);

/* room_worker - one that can be asked, started anew if it has died (its handles died with it) or has served long. Where
 * all are at work it waits for one, whose KEY is there to be taken then. E_OK, E_TOKEN */
MUST_USE enum err room_worker(struct worker **w, struct room *r);

/* room_worker_at - that one of config.workers, as room_worker() gives it; where it is at work, its KEY is there to be taken then. E_OK,
 * E_TOKEN */
MUST_USE enum err room_worker_at(struct worker **w, struct room *r, unsigned which);

/* room_order - give an order to a worker that has none. E_OK (*which: index of the worker), E_SPACE (all have one),
 * E_TOKEN */
MUST_USE enum err room_order(unsigned *which, struct room *r, const struct key_order *order);

/* room_tend - a worker that was stopped or has died is started anew; if that fails, whoever needs one tries again */
void room_tend(struct room *r, unsigned which);

/* A key pair of the room as a pki_signer: struct room_key k = { room, "kif-ca" }; struct pki_signer s = { room_sign, &k
 * }; room_sign: E_OK, E_KEY, E_TOKEN */
struct room_key {
	struct room *room;
	const char *label;
};
MUST_USE enum err room_sign(void *room_key, uint8_t sig[static P256_SIG], const uint8_t digest[static 32]);

/* room_digest - what the rooms sign of their own formats: SHA-256(label || 00 || length(4) || covered). E_OK, E_CRYPTO */
MUST_USE enum err room_digest(uint8_t digest[static 32], const char *label, struct span covered);

/* room_sync - what the token has written is on the disk: a software token does not see to that itself. Before a row
 * says that a key is there. E_OK, E_IO */
MUST_USE enum err room_sync(const struct room *r);

/* room_backup - the journal as it is, in DIR/backup.db: whole and durable, or as it was before. E_OK, E_IO, E_JOURNAL */
MUST_USE enum err room_backup(struct room *r);

/*
 * room_restore - put a backup's journal in the place of a load room's, which may be missing and else stays beside it as
 * journal.db.before and journal.db.before-wal. Nobody may be serving the room
 *
 *   E_EXISTS: one of those is there; it is never deleted
 *   E_OK, as room_config_read(), E_ROOM_BUSY, E_ROOM_PURPOSE (no load room), E_FORMAT (no backup), E_ROOM_VERSION, E_MAC
 *   (its audit does not fit), E_IO, E_JOURNAL; why is a sentence, or ""
 */
MUST_USE enum err room_restore(const char *dir, const char *file, char why[static ROOM_WHY]);

/* room_store - keep a certificate or list under DIR/certs/NAME.der, durably. E_OK, E_IO */
MUST_USE enum err room_store(struct room *r, const char *name, struct span der);

/* room_own_label - the pair that r->own certifies: "identity" in a load room, "exchange" in an acquirer room, else
 * NULL */
const char *room_own_label(const struct room *r);

/*
 * room_check_certs - may these certificates become this room's?
 *
 *   own, number  out  what its own says
 *
 *   E_OK, E_FORMAT, E_CERTIFICATE/E_EXPIRED (own is not from the CA that counts for this purpose; an anchor is no CA),
 *   E_EPOCH (load: no epoch in own), E_KEY (own is not for the key pair in the token), E_ENVIRONMENT (other anchors
 *   than those installed: an environment is fixed at birth), E_ROOM_PURPOSE, E_TOKEN
 *
 * room_install - they are: store them, then have them in r. E_OK, E_IO
 */
struct room_certs {
	struct span own, device_ca, kif_ca, exchange_ca;
};
MUST_USE enum err room_check_certs(struct cert *own, uint8_t number[static 20], struct room *r, const struct room_certs *in,
				   char why[static ROOM_WHY]);
MUST_USE enum err room_install(struct room *r, const struct room_certs *in);

#endif
