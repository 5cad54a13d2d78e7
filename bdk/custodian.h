/*
 * The custodians of a production room: who they are, the share files that each has in the room's folder, and what they
 * have given of them so far.
 *
 *     DIR/shares/pin-G-X    the token user's PIN: unlocks the room
 *     DIR/shares/so-G-X     the token's SO PIN: changes both PINs, when custodians change
 *
 * each bdk/share.h's, of generation G and number X. Custodians are told apart by their logins, and each has one share of
 * either set. A change of custodians makes generation G + 1 of both sets, in files beside those of G, which go when the
 * change is written down: one that is cut off leaves two generations, and one of them opens the token. Unlocking it tells which,
 * and drops what is newer; with more than two there no change is made.
 */
#ifndef KEYROOM_BDK_CUSTODIAN_H
#define KEYROOM_BDK_CUSTODIAN_H

#include "bdk/journal.h"
#include "bdk/share.h"

#define CUSTODY_FILES (6 * SHARE_MOST) /* both sets, of two generations that may be in force and one that is made */
#define CUSTODY_SECONDS 600            /* what has been given is forgotten after that: from the first on */
#define CUSTODY_WHY 160
#define CUSTODIANS_TEXT 512

struct custody;

struct custodians {
	struct {
		char name[SHARE_NAME];
		uid_t uid;
	} who[SHARE_MOST];
	uint8_t n, m, so_m; /* m of n unlock, so_m of n change custodians: m <= so_m */
};

/*
 * custodians_parse - who they are and how many of them it takes
 *
 *   text     in  "anna=1001 bert=bert-login, carl=1003": names, and logins as the machine knows them, or uids
 *   m, so_m  in  decimal; so_m NULL: as many as m
 *
 *   E_OK, E_RANGE (why: a bad or repeated name, two with one login, root or the room's own user, fewer than 2 or more than 9,
 *   m < 2, so_m < m, or more than there are)
 */
MUST_USE enum err custodians_parse(struct custodians *c, const char *text, const char *m, const char *so_m,
				   char why[static CUSTODY_WHY]);

/* What a new share is sealed with, and what the custodian is known by as one of the room's people (bdk/people.h): made of the
 * passphrase when it is typed, which is not kept. */
struct custodian_key {
	bool made;
	struct passphrase_cost cost;
	uint8_t salt[PASSPHRASE_SALT], key[32];
	struct passphrase_verifier verifier;
};

/* custodian_key_make - under a fresh salt. E_OK, E_RANGE (passphrase_fit()'s), E_RANDOM, E_CRYPTO */
MUST_USE enum err custodian_key_make(struct custodian_key *k, struct span phrase);

/* custodians_check - could they be among the room's people as custodians? E_OK, E_DENIED (why: a name or login is somebody
 * else's, or has a role that does not go together with it), E_JOURNAL */
MUST_USE enum err custodians_check(const struct custodians *c, struct journal *j, char why[static CUSTODY_WHY]);

/* custodians_enter - they are, with these passphrases; those of before who are not among them are custodians no more (before:
 * NULL at a room's birth). E_OK, E_EXISTS (custodians_check() would have said so), E_JOURNAL */
MUST_USE enum err custodians_enter(const struct custodians *c, const struct custodian_key key[], struct journal *j,
				   const struct custody *before);

/* The secrets of which the token's PINs are the hexadecimal text. */
struct custody_secrets {
	uint8_t pin[SHARE_SECRET], so_pin[SHARE_SECRET];
};

/* custody_secrets_make - random by OpenSSL. E_OK, E_RANDOM */
MUST_USE enum err custody_secrets_make(struct custody_secrets *s);

/* custody_write - split both and write every share of that generation, durably. shares/ is there.
 * E_OK, E_RANGE, E_CRYPTO, E_INTERNAL, E_IO (errno says why; some of its files may be there) */
MUST_USE enum err custody_write(const char *dir, const char *room, uint32_t generation, const struct custodians *c,
				const struct custodian_key key[], const struct custody_secrets *s);

/* Every share file of a room. */
struct custody {
	struct share share[CUSTODY_FILES];
	unsigned n;
	char bad[CUSTODY_WHY]; /* a file that is no share of this room, and why; "" if all are. It is passed over. */
};

/* custody_read - E_OK, E_ROOM (no folder shares/, or not one whole set of each kind could be put together from it: why) */
MUST_USE enum err custody_read(struct custody *c, const char *dir, const char *room, char why[static CUSTODY_WHY]);

/* custody_of - the nth newest generation of a set, 0 being the newest. False: there is none */
bool custody_of(struct share_of *of, const struct custody *c, enum share_set set, unsigned nth);

/* custody_drop - remove the share files of that generation, all that there are. E_OK, E_IO */
MUST_USE enum err custody_drop(const char *dir, uint32_t generation);

/* What custodians have given, each from an own login. Secret: to be wiped. */
struct pieces {
	uint64_t until; /* seconds of the caller's clock; 0: nothing was given */
	unsigned n;
	struct {
		struct share_of of;
		uint8_t x;
		uint8_t piece[SHARE_BYTES];
	} got[CUSTODY_FILES];
};

/*
 * pieces_give - a custodian's share, in every generation of the set that the passphrase opens
 *
 *   name  out  of the custodian with that login, as in the newest generation; "" if it is nobody's
 *   now   in   seconds; what was given more than CUSTODY_SECONDS ago is wiped first
 *
 *   E_OK, E_DENIED (no custodian has this login), E_EXISTS (given before), E_PASSPHRASE, E_CRYPTO
 */
MUST_USE enum err pieces_give(struct pieces *p, char name[static SHARE_NAME], const struct custody *c,
			      enum share_set set, uid_t uid, struct span phrase, uint64_t now);

/* pieces_tend - what is too old is wiped; seconds until that, 0 where there is nothing */
uint64_t pieces_tend(struct pieces *p, uint64_t now);

/* pieces_count - how many different ones were given of that split */
unsigned pieces_count(const struct pieces *p, const struct share_of *of);

/* pieces_secret - E_OK, E_SHORT (fewer than m), E_MAC (they do not fit together), E_INTERNAL; secret zero on an error */
MUST_USE enum err pieces_secret(uint8_t secret[static SHARE_SECRET], const struct pieces *p, const struct share_of *of);

void pieces_wipe(struct pieces *p);

/* A change of custodians that one of them has begun: it comes about when all of the next ones have typed a passphrase, and
 * enough of those who are it now have given their shares of the SO PIN. Secret: to be wiped. */
struct custody_change {
	uint64_t until;    /* as in struct pieces; 0: none is under way */
	uid_t by;          /* who began it */
	uint8_t hash[32];  /* what each who takes part agrees to: custody_change_digest() */
	struct custodians next;
	struct custodian_key key[SHARE_MOST]; /* of next */
	struct pieces given;
};

/* custody_change_digest - SHA-256("custodians" 00, nonce, the room's name, who is next with names, uids and role, and both
 * thresholds). E_OK, E_CRYPTO, E_INTERNAL */
MUST_USE enum err custody_change_digest(uint8_t hash[static 32], const uint8_t nonce[static 32], const char *room,
					const struct custodians *next);

/* custody_change_begin - in the place of what x held, with a fresh nonce: no two changes have one digest. E_OK, E_RANDOM,
 * E_CRYPTO, E_INTERNAL (x is empty on an error) */
MUST_USE enum err custody_change_begin(struct custody_change *x, const char *room, const struct custodians *next, uid_t by,
				       uint64_t now);

/* custody_change_open - may that login begin another one in its place? Whoever began it, until somebody takes part in it. */
bool custody_change_open(const struct custody_change *x, uid_t by);

/* custody_change_tend - wiped when it has taken longer than CUSTODY_SECONDS; seconds until it ends, 0: none is under way */
uint64_t custody_change_tend(struct custody_change *x, uint64_t now);
void custody_change_wipe(struct custody_change *x);

#endif
