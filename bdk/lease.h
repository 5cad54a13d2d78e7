/*
 * Leases: who may issue which device ids. The ca room grants ranges, each id of a key set once and for ever; a load room
 * issues ids out of leases that it accepted, and out of nothing else.
 *
 *     body:  "KRL1"(4)  scheme(1)  key set(span8)  check value(span8)  first(4)  last(4)  SHA-256 of the load room's
 *            SPKI(32)  epoch(4)  number(8)  UTC(8)  the ca room's records key(65)
 *     then   signature(64) by the KIF CA over the digest "keyroom/1 RECORDS KEY" of that key: KIFs know no other anchor
 *     then   signature(64) by that key over the digest "keyroom/1 LEASE" of everything before it
 *
 * Digests as room_digest() makes them. A check value of no bytes says nothing about the key. Which id is next:
 *
 *     1. the one that a manifest dictates for that serial and slot, as long as it was not issued
 *     2. the lowest free one of the key set's leases that was dictated to nobody
 *     3. likewise of the key set that follows it (bdk chain), and of the one after that
 *
 * A lease is void where its epoch is not above the room's floor. Restoring a backup raises the floor (lease_void()):
 * what was issued after the backup is not in its journal, so nothing of these leases may be issued again.
 */
#ifndef KEYROOM_BDK_LEASE_H
#define KEYROOM_BDK_LEASE_H

#include "bdk/room.h"

#define LEASE_WHY 160

/* What a lease's file says; ca_sig and sig point into it. */
struct lease_file {
	struct lease lease; /* but for next, name and bytes */
	uint8_t records[P256_POINT];
	const uint8_t *ca_sig, *sig;
};

/* lease_parse - form alone, ranges included. E_OK, E_SHORT, E_FORMAT, E_SCHEME, E_RANGE (ids that the scheme does not
 * have) */
MUST_USE enum err lease_parse(struct lease_file *f, struct span in);

/* --- In a ca room ------------------------------------------------------------------------------------------------- */

/*
 * lease_grant - grant ids of a key set to a load room; remembered for ever
 *
 *   l      in/out  set, kcv (len 0: not known) and first..last in; the whole lease out
 *   count  in      not 0: so many ids, the lowest that are free together; first and last are not read
 *   cert   in      the load room's certificate
 *
 *   E_OK, E_FORMAT (cert, or a check value of another length), E_CERTIFICATE, E_EXPIRED, E_REVOKED (it is disowned), E_EPOCH
 *   (cert is of another epoch than this room's), E_RANGE, E_EXISTS (ids were granted or noted before), E_KEY_SET (that key set has another
 *   scheme or check value in an earlier lease), E_KEY_SET_FULL (not so many together), E_TOKEN, E_JOURNAL
 */
MUST_USE enum err lease_grant(struct lease *l, struct room *r, uint64_t count, struct span cert,
			      char why[static LEASE_WHY]);

/* lease_elsewhere - note first..last as issued elsewhere: never granted. As lease_grant() */
MUST_USE enum err lease_elsewhere(struct lease *l, struct room *r, char why[static LEASE_WHY]);

/* lease_again - a lease that was granted before. E_OK, E_LEASE (none of that number, or nothing was granted by it) */
MUST_USE enum err lease_again(struct lease *l, struct room *r, uint64_t number, char why[static LEASE_WHY]);

/* --- In a load room ----------------------------------------------------------------------------------------------- */

/*
 * lease_accept - verify a lease, and issue ids out of it from now on
 *
 *   l     out  the lease as the journal has it
 *   again out  it was accepted before, and nothing has changed
 *
 *   E_OK, as lease_parse(), E_NOT_READY, E_SIGNATURE, E_KEY (another load room's), E_EPOCH (below the highest seen, or
 *   void since a restore), E_KEY_SET (not in this room), E_MAC (another key's check value), E_REPLAY (its number was
 *   another lease's), E_EXISTS (ids of another lease), E_EXPIRED (this room's own certificate), E_JOURNAL
 */
MUST_USE enum err lease_accept(struct lease *l, bool *again, struct room *r, struct span file,
			       char why[static LEASE_WHY]);

/*
 * lease_void - every lease of the highest epoch seen, or a lower one, is void
 *
 *   epoch  in/out  at least this one (what a witness outside the journal has seen: the journal may be an old one); then
 *                  the floor, never 0: a new lease has to be above it
 *
 *   E_OK, E_JOURNAL
 */
MUST_USE enum err lease_void(uint64_t *epoch, struct room *r);

/* lease_floor - leases of this epoch and below are void; 0: none is. E_OK, E_JOURNAL */
MUST_USE enum err lease_floor(uint64_t *epoch, struct journal *j);

/*
 * lease_take - pick the next device id. Call it in the transaction that issues it; where the answer is E_LOCKED roll that
 * back, mark_claim(), and begin again
 *
 *   set, id       out  set is asked, or a key set that follows it
 *   serial, slot  in   for whom
 *
 *   E_OK, E_LOCKED (not claimed yet), E_LEASE (no lease in force, or the dictated id was skipped), E_KEY_SET_FULL (all are used up), E_KEY_SET_STATE (a key set that follows is
 *   suspended), E_DENIED (a manifest names another key set), E_JOURNAL
 */
MUST_USE enum err lease_take(struct key_set_id *set, uint32_t *id, struct room *r, const struct key_set_id *asked,
			     const char *serial, uint8_t slot, char why[static LEASE_WHY]);

/* lease_follows - is to the same key set, or one that follows from? E_OK, E_JOURNAL */
MUST_USE enum err lease_follows(bool *yes, struct journal *j, const struct key_set_id *from,
				const struct key_set_id *to);

/*
 * lease_dictate - one line of a manifest. The id that an earlier line had dictated to that serial and slot is given up, and
 * the audit names it: anybody's again, or never to be issued where the ids have gone on past it
 *
 *   d    in  has_id, id and spent are not read
 *   ksn  in  the initial KSN dictated; len 0: none is
 *
 *   E_OK (also where the same line was put before), E_KEY_SET (no such key set here, or another one's KSN), E_SCHEME,
 *   E_COUNTER (no initial KSN), E_LEASE (outside every lease in force), E_REPLAY (issued, or passed over), E_EXISTS
 *   (dictated to another), E_DENIED (the slot waits for a KSN that was sent to it), E_JOURNAL
 */
MUST_USE enum err lease_dictate(struct room *r, const struct dictated *d, const struct ksn *ksn,
				char why[static LEASE_WHY]);

/* lease_chain - what loads from set goes on with next when no id is left. E_OK, E_SCHEME (another scheme), E_DENIED
 * (next leads back to set), E_JOURNAL */
MUST_USE enum err lease_chain(struct journal *j, const struct key_set_id *set, const struct key_set_id *next,
			      char why[static LEASE_WHY]);

/* How long the ids last at the rate of the last 30 days, or of as many as there are. */
struct lease_forecast {
	uint64_t left; /* ids in leases in force */
	struct tally loads;
	bool known; /* there is a basis: loads, and a whole day of them */
	uint64_t days;
};

/* lease_forecast - of a key set; lease_forecast_chain - of it and all that follow it. E_OK, E_JOURNAL */
MUST_USE enum err lease_forecast(struct lease_forecast *f, struct journal *j, const struct key_set_id *set);
MUST_USE enum err lease_forecast_chain(struct lease_forecast *f, struct journal *j, const struct key_set_id *set);

/* lease_low - is it time to get another lease: fewer than LEASE_FEW ids, or fewer than LEASE_DAYS days? */
#define LEASE_FEW 100
#define LEASE_DAYS 7
bool lease_low(const struct lease_forecast *f);

#endif
