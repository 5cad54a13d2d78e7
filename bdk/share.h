/*
 * One custodian's share of a secret of the room: m of n of them give it back, m - 1 tell nothing about it. The secret is
 * split with libgfshare; each share is sealed under its custodian's passphrase, and its header with it.
 *
 * A share file, binary, SHARE_MAX bytes at most, integers big-endian:
 *
 *     magic       4    "KRSH"
 *     version     1    1
 *     set         1    1: the token user's PIN, 2: its SO PIN
 *     generation  4    1 at the room's birth; each change of custodians makes the next
 *     x, m, n     3    which share, how many give the secret back, how many there are: 1 <= x <= n, 2 <= m <= n <= 9
 *     uid         4    the custodian's login: its passphrase counts from nobody else
 *     custodian   1+   length, then the name: 1 to 15 of [a-z0-9-], the first a letter
 *     room        1+   length, then the room's name (1 to 40 bytes)
 *     cost        3    scrypt: log_n, r, p, in the bounds of bdk/passphrase.h
 *     salt        16
 *     box         24   AES-256-GCM of the share; key: scrypt of the passphrase; nonce: set, then 11 zeros
 *     tag         16   over the box and every byte before it
 *
 * A salt is used for one generation of one custodian, so a key never sees a nonce twice. The secret is 16 random bytes
 * and 8 of SHA-256 over its header's generation, set and room and those: shares that do not belong together give no secret,
 * instead of a wrong PIN that would cost the token a try.
 */
#ifndef KEYROOM_BDK_SHARE_H
#define KEYROOM_BDK_SHARE_H

#include "bdk/passphrase.h"

#include <stdbool.h>
#include <sys/types.h>

#define SHARE_SECRET 16
#define SHARE_BYTES 24 /* a share: as long as what was split */
#define SHARE_LEAST 2
#define SHARE_MOST 9
#define SHARE_NAME 16 /* a custodian's name, with its NUL */
#define SHARE_ROOM 41
#define SHARE_MAX 133

enum share_set { SHARE_PIN = 1, SHARE_SO_PIN = 2 };

/* What makes shares belong together. */
struct share_of {
	enum share_set set;
	uint32_t generation;
	uint8_t m, n;
	char room[SHARE_ROOM];
};

struct share {
	struct share_of of;
	uint8_t x;
	uid_t uid;
	char custodian[SHARE_NAME];
	struct passphrase_cost cost;
	uint8_t salt[PASSPHRASE_SALT];
	uint8_t box[SHARE_BYTES], tag[16];
};

/* share_name - may a custodian be called so? As any person of a room (bdk/people.h) */
bool share_name(const char *name);

/* share_parse - the header's form, without a passphrase. E_OK, E_SHORT, E_FORMAT, E_ROOM_VERSION (a newer one); s zero on
 * an error */
MUST_USE enum err share_parse(struct share *s, struct span file);

/* share_put - the file of a share; len at most SHARE_MAX. E_OK, E_RANGE (what share_parse() would not take), E_SPACE */
MUST_USE enum err share_put(uint8_t *out, size_t *len, size_t size, const struct share *s);

/* share_split - n shares of the secret, piece[x - 1] being share x. Random bytes are OpenSSL's; without them the process is
 * aborted, since libgfshare cannot be told. E_OK, E_RANGE (m, n), E_INTERNAL (no memory) */
MUST_USE enum err share_split(uint8_t piece[][SHARE_BYTES], const struct share_of *of,
			      const uint8_t secret[static SHARE_SECRET]);

/* share_combine - the secret of m pieces, x[i] being the number of piece[i]. E_OK, E_MAC (they are not m different ones of
 * one split), E_INTERNAL; secret zero on an error */
MUST_USE enum err share_combine(uint8_t secret[static SHARE_SECRET], const struct share_of *of, const uint8_t x[],
				uint8_t piece[][SHARE_BYTES]);

/* share_seal - box and tag of s, whose other fields are filled in. key: passphrase_derive() of s->cost and s->salt.
 * E_OK, E_RANGE, E_CRYPTO */
MUST_USE enum err share_seal(struct share *s, const uint8_t key[static 32], const uint8_t piece[static SHARE_BYTES]);

/* share_open - E_OK, E_PASSPHRASE (another passphrase, or not one byte more or less as it was sealed: never said which),
 * E_CRYPTO; piece zero on an error */
MUST_USE enum err share_open(uint8_t piece[static SHARE_BYTES], const struct share *s, struct span phrase);

#endif
