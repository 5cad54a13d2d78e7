/*
 * Signed heads of a room's audit (bdk/audit.h): made when the room is opened and closed, unlocked and locked, after so many records, after so
 * long, and handed out with each receipt and report. The journal keeps the former; what shows a truncation are heads that are held elsewhere.
 */
#ifndef KEYROOM_BDK_HEADS_H
#define KEYROOM_BDK_HEADS_H

#include "bdk/room.h"

/* heads_turn - an audit record "start", "stop", "unlocked" or "locking" of "bdkd", and the head of it. E_OK (also where the head cannot be signed now),
 * E_JOURNAL */
MUST_USE enum err heads_turn(struct room *r, const char *what);

/* heads_key - the public records key. E_OK, E_TOKEN */
MUST_USE enum err heads_key(uint8_t point[static P256_POINT], struct room *r);

/* heads_sign - the head of the newest record, signed now unless it was signed before, and kept. E_OK, E_TOKEN, E_CRYPTO,
 * E_JOURNAL */
MUST_USE enum err heads_sign(char text[static AUDIT_HEAD_TEXT], struct room *r);

/* heads_hand_out - for an answer that shall not wait: the newest record's head if a worker is free to sign it, which is not
 * kept, else the newest that is, else "" */
void heads_hand_out(char text[static AUDIT_HEAD_TEXT], struct room *r);

/* heads_grown - the audit has grown: a head is signed if config.head_records (0: never) have none yet. If it cannot be the
 * next record tries again. */
void heads_grown(struct room *r);

/* heads_left - seconds until heads_tend() has to look again; UINT64_MAX: the clock does not say when, since the room is locked, all its
 * workers are making KEYs, or config.head_seconds is 0 */
uint64_t heads_left(const struct room *r, uint64_t now);

/* heads_tend - when an interval is over: what was recorded since the last head gets one. Where it cannot be signed, the next
 * interval tries again. now: room_monotonic() */
void heads_tend(struct room *r, uint64_t now);

#endif
