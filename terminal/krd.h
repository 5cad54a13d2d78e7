/*
 * The terminal's end of enrolment and loading (KRD, key receiving device): the payload of a request in, the payload of
 * its reply out. PROTOCOL.md says what the messages mean; krd.c's table says what is taken when, and this is all of it:
 *
 *     at       got        answer    next
 *     any      IDENTIFY   CSR       asked      a blank terminal's one enrolment, or the same one again
 *     asked    CERT       DONE      idle
 *     any      HELLO      OFFER     offered
 *     offered  KEY        RECEIPT   idle
 *     offered  ZEROIZE    RECEIPT   idle
 *     idle     KEY        RECEIPT   idle       only the very KEY that a slot was loaded with: nothing happens again
 *     any      UPDATE     RECEIPT   idle       where a test room enrolled it; the very same again: nothing happens
 *
 * Whatever has no row, or fails, ends the session, wipes its secrets and is answered with ABORT and the reason; so is
 * an ABORT, with its own reason. A refusal changes nothing durable, and what an answer confirms is durable before it
 * leaves. An empty payload is answered with an empty one ("is anybody there?") at any time.
 *
 * HELLO, and KEY and ZEROIZE in its session, are taken only while the loading window is open: somebody at the terminal
 * opens it, by a key that no line can press (struct port), and it closes by itself. Else the answer is E_WINDOW. What
 * needs nobody there does not need it: enrolment, which a person watches anyway, the KEY of a slot repeated, UPDATE.
 *
 * Enrolment after a loss of power. An identified terminal answers IDENTIFY of its own root with a CSR of the key it
 * has, and a CERT that carries what it has stored already with DONE. Anything else is E_ENROLLED. So a lost DONE
 * strands nobody, and nothing can be enrolled twice.
 */
#ifndef KEYROOM_TERMINAL_KRD_H
#define KEYROOM_TERMINAL_KRD_H

#include "protocol/link.h"
#include "protocol/transcript.h"
#include "terminal/random.h"
#include "terminal/secure.h"

#define KRD_WINDOW_MS 900000 /* the loading window closes after a quarter of an hour in any case, */
#define KRD_IDLE_MS 120000   /* and two minutes after the last message that was taken */

enum krd_at { KRD_IDLE, KRD_ASKED, KRD_OFFERED };

struct krd_window {
	bool open;
	uint32_t opened, used; /* ticks */
};

struct krd {
	const struct port *port;
	struct store *store;
	struct random *random;
	struct krd_window window;
	enum krd_at at;
	struct secure secure;    /* what has been checked in this session */
	struct transcript t;     /* all that was said in this session */
	struct key ephemeral;    /* of OFFER */
	uint8_t kdh[P256_POINT]; /* whose signature KEY and ZEROIZE need */
	uint32_t epoch;          /* of the KDH's certificate */
};

/* krd_init - at power-on; what is pointed to has to stay */
void krd_init(struct krd *k, const struct port *port, struct store *store, struct random *random);

/* krd_answer - one request; returns the length of its reply */
size_t krd_answer(struct krd *k, uint8_t reply[static LINK_PAYLOAD], struct span request);

/* krd_refuse - likewise of one that could not be read: ends the session and answers ABORT with the reason */
size_t krd_refuse(struct krd *k, uint8_t reply[static LINK_PAYLOAD], enum err reason);

/* krd_show_slot - "SLOT 0 LOADED FFFF9876543210E00000 KCV AF8C07" on the display */
void krd_show_slot(const struct krd *k, unsigned index);

/* krd_open - the loading key is pressed: open the loading window, or let it begin again */
void krd_open(struct krd *k);

/* krd_tick - call now and then: closes a window that is open for too long, and the session in it */
void krd_tick(struct krd *k);

/* krd_end - end the session and wipe its secrets */
void krd_end(struct krd *k);

#endif
