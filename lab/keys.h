/*
 * The keys that a question names: by BDK or initial key and KSN, all schemes.
 *
 *   scheme            tdes, aes128, aes192, aes256. Where it is absent: ik_type (AES128 ...); where that is absent too,
 *                     the KSN's family and the length of bdk or ik tell it
 *   bdk, ik           one of them; bdk counts where both stand there
 *   ksn               of the transaction
 *   field_53          in its place: ISO 8583 field 53, descriptor and KSN
 *   ksn_descriptor    beside ksn: its layout, three digits
 *   iksn, ikid        in its place where only the initial key is asked for: the initial KSN, or the 8 bytes of an AES
 *                     initial key ID
 *   working_key_type  AES: 2TDEA, 3TDEA, AES128, AES192, AES256, HMAC128, HMAC192, HMAC256; the scheme's own if absent.
 *                     TDES: 2TDEA, or absent
 *   update_key        yes: ksn's counter FFFFFFFF stands for the update key (X9.24-3:2017); refused without it
 */
#ifndef KEYROOM_LAB_KEYS_H
#define KEYROOM_LAB_KEYS_H

#include "dukpt/aes.h"
#include "lab/turn.h"

struct keys {
	enum dukpt_scheme scheme;
	enum dukpt_key_type type; /* of the working keys */
	struct ksn ksn;
	bool initial;       /* only the initial key is asked for: there is no txn */
	bool update;        /* txn is the derivation key of the update key */
	struct key ik, txn; /* wipe them */
};

/* keys_ksn - the KSN alone, by ksn, ksn_descriptor, field_53. E_OK, or refused with the field's name: E_SHORT (no such
 * field), E_FORMAT */
MUST_USE enum err keys_ksn(struct ksn *k, const struct turn *t);

/* keys_scheme - a scheme's name in either case. E_OK, E_FORMAT (scheme is as it was) */
MUST_USE enum err keys_scheme(enum dukpt_scheme *scheme, const char *text);

/* keys_read - everything above. On an error the turn is refused with the field's name, and k is wiped */
MUST_USE enum err keys_read(struct keys *k, const struct turn *t);

/*
 * keys_working - one working key
 *
 *   usage  in  TDES has PIN, MAC and data, generate/encrypt being the request and verify/decrypt the response
 *
 *   E_OK; E_RANGE (TDES has no such usage), E_KEY, E_CRYPTO
 */
MUST_USE enum err keys_working(struct key *out, const struct keys *k, enum dukpt_usage usage);

/* keys_named - does the question name keys by bdk or ik? */
bool keys_named(const struct turn *t);

/*
 * keys_read_txn - the keys of a transaction, for a command that goes on to use one: a question for an initial key or an
 * update key is refused. Otherwise as keys_read().
 */
MUST_USE enum err keys_read_txn(struct keys *k, const struct turn *t);

/*
 * keys_plain - a key that stands in the question itself
 *
 *   key    out  wiped on an error
 *   type   out  from the key's length and the field by, which says tdes, aes or hmac
 *   name   in   "key", "pin_key"
 *   by     in   "algorithm"; where the question has no such field, otherwise counts
 *
 *   E_OK; E_SCHEME, E_KEY and what turn_key() says: refused. Single DES is no type: a TDES key of 8 bytes becomes
 *   2TDEA, one half twice, which is the same cipher.
 */
MUST_USE enum err keys_plain(struct key *key, enum dukpt_key_type *type, const struct turn *t, const char *name,
			     const char *by, const char *otherwise);

#endif
