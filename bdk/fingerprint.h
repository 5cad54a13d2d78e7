/*
 * Fingerprints of keys: by them a room knows a key again that it has, or has had, under another name, and a production room
 * a test key that everybody knows. Nobody gets from one to its key (doc/adr/0013-fingerprints.md).
 *
 * With label = "keyroom/finger/1" and an AES-128 key k = ECB(key, label), value = AES(k, label) and fingerprint = AES(the room's
 * key, value). DUKPT never derives with such data: those of AES begin with 01, and in what TDES derives an initial key from, the
 * last five bits of its eight bytes are clear. All of it is made in the worker (bdk/token_fingerprint.c): k stays in the token,
 * and the value in the worker.
 */
#ifndef KEYROOM_BDK_FINGERPRINT_H
#define KEYROOM_BDK_FINGERPRINT_H

#include "bdk/room.h"

/* fingerprint_label - those 16 bytes */
extern const uint8_t fingerprint_label[FINGERPRINT];

/* fingerprint_published - is it the value of a key that is printed in a standard, or in what tests go by (vectors/)? How many of them
 * are known */
bool fingerprint_published(const uint8_t value[static FINGERPRINT]);
size_t fingerprint_published_count(void);

/*
 * fingerprint_admit - may a key that has just come into the token be in this room? The token is on the disk then (room_sync()), and
 * its fingerprint is written down, in the caller's transaction. On any error the caller's objects have to go again.
 *
 *   label  in   of the object: "bdk-ID" (exchange_keep() does this), "kbpk-NAME"
 *   why    out  one sentence where the result alone does not tell enough
 *
 *   E_OK, E_PUBLISHED (production rooms), E_EXISTS (that key is, or was, here under another name), E_KEY (no such object), E_JOURNAL,
 *   E_IO, E_TOKEN
 */
MUST_USE enum err fingerprint_admit(struct room *r, const char *label, char why[static ROOM_WHY]);

/*
 * fingerprint_open - a room has just been opened: its key sets get their fingerprints that were made before there were any.
 * What of them would not be admitted now stands in the audit, and a published key in a production room is suspended.
 *
 *   E_OK (also where the token has lost a key), E_JOURNAL, E_IO, E_TOKEN
 */
MUST_USE enum err fingerprint_open(struct room *r);

#endif
