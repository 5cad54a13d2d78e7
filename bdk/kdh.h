/*
 * The host's end of loading (KDH): HELLO, OFFER, KEY or ZEROIZE, RECEIPT on this side, and the exactly-once rules.
 *
 * One struct kdh is one loading, or one zeroizing, on one connection; it lives KDH_SECONDS. The order is the design's:
 * verify everything, allocate and commit (kdh_offer), derive (a worker, while the room does other things), remember h
 * and commit (kdh_key and its caller), answer. What OFFER shows decides, in this order (the table in kdh.c):
 *
 *     a load count lower than any seen                    E_ROLLBACK
 *     the KSN of a row "sent", with an h sent for it      it is loaded: the OFFER is the receipt ("loaded", no KEY)
 *     a row "sent", slot empty, load count as in its      the same KSN again, in a new KEY
 *       first OFFER
 *     a row "sent", load count higher                     that id is burned ("possibly-loaded"); then as below
 *     slot loaded or exhausted                            E_LOADED
 *     slot empty                                          a new device id, committed before anything is derived
 *
 * Where the slot is empty and shows the KSN of a row as the last it held, or its row was "loaded", that row is
 * "zeroized" first. Burned stays burned: a receipt that comes after all changes nothing.
 *
 * A RECEIPT verifies after any restart, because the journal keeps h after each KEY and each ZEROIZE that was sent.
 *
 * ZEROIZE. The same table brings the rows of its slots up to what OFFER shows; then RECEIPT, or an OFFER that shows the
 * slot empty, makes "zeroized" whatever was "loaded" or "possibly-loaded" there when ZEROIZE left, and nothing that
 * came later. A row "sent" of which OFFER shows that nothing was taken stays "sent": there is nothing to zeroize, and
 * its KSN still waits. No id is ever given back: the next load takes a new one, at a load count that no ZEROIZE has
 * changed.
 *
 * A revoked terminal is zeroized like any other, and no revocation list has to be in force for it: whoever holds a
 * stolen terminal gains nothing by losing its keys, and the room gains a signed word that they are gone.
 */
#ifndef KEYROOM_BDK_KDH_H
#define KEYROOM_BDK_KDH_H

#include "bdk/journal.h"
#include "bdk/room.h"
#include "protocol/transcript.h"

#define KDH_SECONDS 60

struct kdh {
	enum { KDH_IDLE, KDH_GREETED, KDH_ORDERED, KDH_KEYED } state;
	struct transcript t;
	uint64_t until;			/* by room_monotonic(): later is E_SEQUENCE */
	char serial[CERT_TEXT];		/* the terminal expected; CERT_TEXT as in its certificate */
	struct key_set_id set;		/* len 0: this one may only zeroize */
	uint8_t slot;
	/* after kdh_offer(), where the OFFER takes a KEY (KDH_ORDERED) */
	struct key_order order;
	struct load load;		/* that it is for */
	uint8_t papers[32];		/* certificates and list that the OFFER was verified with */
};

/* A refusal's sentence: names serial, slot, KSN or dates where that helps; "" where err_text() says enough. */
#define KDH_WHY 240

/*
 * kdh_begin - HELLO for a terminal. Its nonce is the system's random number: no secret, and no worker is waited for
 *
 *   hello  out  message without its type, at most MSG_MAX bytes
 *   set    in   to load from; NULL: to zeroize, and slot means nothing yet
 *
 *   E_OK, E_NOT_READY (no certificates or anchors), E_KEY_SET, E_KEY_SET_STATE, E_EXPIRED (own certificate; to load
 *   also the revocation list), E_LOCKED (to load: journal and marks do not agree), E_SLOT, E_FORMAT (serial), E_RANDOM, E_JOURNAL
 */
MUST_USE enum err kdh_begin(struct kdh *k, uint8_t hello[static MSG_MAX], size_t *len, struct room *r,
			    const char *serial, const struct key_set_id *set, uint8_t slot, char why[static KDH_WHY]);

/*
 * kdh_offer - verify an OFFER, and commit what it changes
 *
 *   facts  out  the load as the journal now has it
 *
 *   E_OK: k is KDH_ORDERED, and k->order is what a worker has to make for kdh_key(); or idle, when the OFFER was itself
 *   a receipt. E_SEQUENCE (no HELLO to load, or too late), E_SHORT/E_FORMAT, E_CERTIFICATE, E_EXPIRED, E_REVOKED,
 *   E_SERIAL (another terminal), E_SIGNATURE, E_POINT, E_DUPLICATE (its identity key is known under another serial, or
 *   its serial with another key), E_REPLAY (its nonce or point was seen before), E_SLOT (no such slot in it),
 *   E_ROLLBACK, E_LOADED, E_DENIED (the slot waits for a KSN of another key set, or a manifest names another), E_LEASE,
 *   E_KEY_SET_FULL, E_KEY_SET_STATE, E_LOCKED, E_TOKEN, E_IO (no device ids can be claimed), E_JOURNAL. k is idle after
 *   any error.
 */
MUST_USE enum err kdh_offer(struct kdh *k, struct load *facts, struct room *r, struct span offer,
			    char why[static KDH_WHY]);

/*
 * kdh_key - what a worker made of k->order: its h goes into the journal, and then KEY may leave
 *
 *   made   in   the worker's result; an error ends the loading with it
 *   key    in   KEY without its type
 *
 *   E_OK (KEY may leave: inside a transaction, after its commit), made, E_SEQUENCE (nothing is ordered, too late, or
 *   certificates or revocation list have changed since the OFFER), E_KEY_SET_STATE (suspended since), E_TOKEN (not the
 *   KEY that was ordered), E_JOURNAL. k is idle after any error; the row stays "sent", and the next OFFER has its KSN
 *   again.
 */
MUST_USE enum err kdh_key(struct kdh *k, struct load *facts, struct room *r, enum err made, struct span key,
			  char why[static KDH_WHY]);

/*
 * kdh_receipt - verify a RECEIPT against the KEYs sent to this serial; needs no struct kdh, so it works in a later
 * session
 *
 *   E_OK (facts as the journal now has them: "loaded", unless the id was burned or the slot zeroized since; the same
 *   RECEIPT again gives the same facts), E_UNKNOWN_DEVICE (nothing was sent to it), E_SHORT, E_FORMAT, E_SIGNATURE (of
 *   none of the KEYs sent last), E_REPLAY (KSN, slot or load count are not those of that KEY), E_JOURNAL, or the result
 *   that the terminal signed
 */
MUST_USE enum err kdh_receipt(struct load *facts, struct room *r, const char *serial, struct span receipt,
			      char why[static KDH_WHY]);

/* The newest load of each of some slots, as the journal has it now. */
struct kdh_slots {
	unsigned n;
	struct load load[MSG_SLOTS];
};

/*
 * kdh_zeroize - verify an OFFER, answer with ZEROIZE
 *
 *   zeroize  out  ZEROIZE without its type, at most MSG_MAX bytes; *len 0 when the OFFER shows nothing to zeroize, and
 *                 that settled it
 *   facts    out  of the slots it concerns
 *   slot     in   or MSG_SLOT_ALL
 *
 *   As kdh_offer(), of a HELLO without a key set; but for E_REVOKED and what is about loading. E_TOKEN
 */
MUST_USE enum err kdh_zeroize(struct kdh *k, uint8_t zeroize[static MSG_MAX], size_t *len, struct kdh_slots *facts,
			      struct room *r, struct span offer, uint8_t slot, enum zeroize_reason reason,
			      char why[static KDH_WHY]);

/*
 * kdh_wiped - verify a RECEIPT against the ZEROIZEs sent to this serial; needs no struct kdh, so it works in a later
 * session
 *
 *   facts  out  of the slots it concerns
 *   slot   out  which, or MSG_SLOT_ALL
 *
 *   E_OK (the same RECEIPT again changes nothing), E_UNKNOWN_DEVICE (nothing was sent to it), E_SHORT, E_FORMAT,
 *   E_SIGNATURE (of none of the ZEROIZEs sent last), E_REPLAY (slot, KSN, check value or load count are not those of
 *   the OFFER before it), E_JOURNAL, or the result that the terminal signed
 */
MUST_USE enum err kdh_wiped(struct kdh_slots *facts, uint8_t *slot, struct room *r, const char *serial,
			    struct span receipt, char why[static KDH_WHY]);

/* kdh_end - forget and wipe */
void kdh_end(struct kdh *k);

#endif
