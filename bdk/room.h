/*
 * A room: a folder with a token, a configuration, a journal and one bdkd. One purpose and one environment, both fixed at
 * birth.
 *
 *     DIR/room.conf       INI: what it is (see room_config)
 *     DIR/lock            held by the bdkd that serves it
 *     DIR/token/          SoftHSM's token folder and softhsm2.conf (software tokens only)
 *     DIR/pin             the token's PIN, mode 0400: test rooms only
 *     DIR/journal.db      SQLite (bdk/journal.h)
 *     DIR/certs/          certificates and the revocation list, DER
 *     DIR/people.sock, DIR/station.sock, DIR/acquirer.sock
 */
#ifndef KEYROOM_BDK_ROOM_H
#define KEYROOM_BDK_ROOM_H

#include "bdk/journal.h"
#include "bdk/key_set.h"
#include "bdk/pki.h"
#include "bdk/worker.h"

#include <limits.h>

#define ROOM_VERSION 1			/* of room.conf and the journal's schema */

struct der {
	uint8_t b[PKI_MAX];
	size_t len;			/* 0: not there */
};

/* room.conf, section [room]. */
struct room_config {
	unsigned version;		/* version = 1 */
	enum room_purpose purpose;	/* purpose = ca | load | acquirer */
	bool test;			/* kind = test | production */
	char name[CERT_TEXT];		/* name = KIF-1: stands in its certificates */
	char token[256];		/* token = pkcs11:token=...?module-path=... */
	bool accept_software_token;	/* accept-software-token = yes */
	unsigned device_days;		/* ca: validity of device certificates, default 5475 (15 years) */
	unsigned room_days;		/* ca: validity of rooms' certificates, default 730 */
	unsigned crl_days;		/* ca: how long a revocation list holds, default 30 */
	unsigned epoch;			/* ca: epoch of KIF certificates, default 1 */
};

struct room {
	char dir[PATH_MAX];
	struct room_config config;
	int lock;			/* descriptor */
	struct journal *journal;
	struct worker worker;
	struct der own;			/* load: KDH identity; acquirer: exchange key */
	struct der device_ca, kif_ca, exchange_ca;
	uint8_t crl[PKI_CRL_MAX];
	size_t crl_len;
	uint8_t environment[32];	/* SHA-256 of the KIF CA's SPKI; zero until installed */
	uint8_t device_environment[32];	/* SHA-256 of the device CA's SPKI: what enrolment goes by */
};

/*
 * room_init - make a room: folder (must not exist or be empty), configuration, token with a random 128-bit PIN, journal, and for a
 * ca room its three CAs. Leaves nothing behind when it fails.
 *
 *   E_OK, E_EXISTS, E_IO, E_TOKEN, E_JOURNAL
 */
MUST_USE enum err room_init(const char *dir, const struct room_config *config);

/*
 * room_open - open a room to serve it: lock, configuration, journal, worker, certificates
 *
 *   why  out  one sentence where the result alone does not tell enough
 *
 *   E_OK, E_ROOM, E_ROOM_VERSION (configuration or journal of a newer version), E_ROOM_BUSY, E_JOURNAL, E_TOKEN,
 *   E_DENIED (a production room beside a PIN file, or on a software token that room.conf does not accept)
 */
MUST_USE enum err room_open(struct room *r, const char *dir, char why[static 160]);

/* room_close - everything released, and wiped where secret */
void room_close(struct room *r);

/* room_utc - now, seconds since 1970 */
uint64_t room_utc(void);

/* room_worker - the worker, started anew if it has died. E_OK, E_TOKEN */
MUST_USE enum err room_worker(struct worker **w, struct room *r);

/* room_signer - a pki_signer over one of the room's key pairs */
struct room_key {
	struct room *room;
	const char *label;
};
MUST_USE enum err room_sign(void *room_key, uint8_t sig[static P256_SIG], const uint8_t digest[static 32]);

/* room_store - keep a certificate or list under DIR/certs/NAME.der, durably. E_OK, E_IO */
MUST_USE enum err room_store(struct room *r, const char *name, struct span der);

#endif
