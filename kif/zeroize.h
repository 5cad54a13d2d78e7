/*
 * Zeroizing slots of one terminal: ZEROIZE and its RECEIPT carried between bdkd's station socket and a port
 * (kif/visit.h).
 *
 *     OP_SESSION                           into a session for this terminal, without a key set
 *     OP_BEGIN    -> HELLO                 HELLO over the line    -> OFFER
 *     OP_ZEROIZE  -> ZEROIZE, or settled   ZEROIZE over the line  -> RECEIPT
 *     OP_WIPED    -> the facts
 *
 * Whatever ends it early can be settled by the same command again: the terminal's next OFFER shows what its slots hold.
 */
#ifndef KEYROOM_KIF_ZEROIZE_H
#define KEYROOM_KIF_ZEROIZE_H

#include "kif/visit.h"

#define ZEROIZE_SLOTS 8

struct zeroize {
	struct visit_to to;
	unsigned slot; /* or VISIT_ALL_SLOTS */
	const char *reason;
};

struct zeroize_result {
	struct visit_report report;
	bool done;  /* the terminal has signed that the slots are empty; after an error the ledger is what failed */
	bool empty; /* they were so already: nothing was sent */
	unsigned n;
	struct fact load[ZEROIZE_SLOTS]; /* the newest load of each, as bdkd verified it; none where this room loaded
					    none */
};

/* zeroize_reason - "reject", "decommission" or "reload"? */
bool zeroize_reason(const char *text);

/* zeroize_run - zeroize slots of a terminal. out is always written. E_OK, as visit_begin(), visit_ask_room(),
 * visit_ask_terminal() */
MUST_USE enum err zeroize_run(struct zeroize_result *out, const struct zeroize *in);

#endif
