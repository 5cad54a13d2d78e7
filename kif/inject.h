/*
 * Loading one terminal: the messages of one loading carried between bdkd's station socket and a port (kif/visit.h).
 *
 *     OP_SESSION                       into a session for this terminal, key set and slot
 *     OP_BEGIN    -> HELLO             HELLO over the line  -> OFFER
 *     OP_OFFER    -> KEY, or settled   KEY over the line    -> RECEIPT
 *     OP_RECEIPT  -> the facts
 *
 * Whatever ends it early can be settled by the same command again: bdkd and the terminal see to it that no key is
 * loaded twice and none is lost (PROTOCOL.md).
 */
#ifndef KEYROOM_KIF_INJECT_H
#define KEYROOM_KIF_INJECT_H

#include "kif/visit.h"

struct inject {
	struct visit_to to;
	const char *key_set; /* fact_key_set() */
	unsigned slot;
};

#define INJECT_LONG UINT64_MAX

struct inject_result {
	struct visit_report report;
	struct fact load; /* as bdkd verified it; serial "" where it came to nothing */
	bool settled;     /* an earlier run had loaded it: this one only settled that */
	bool follows;     /* the key set asked for is used up: it was loaded from one that the room says follows */
	bool low;         /* it is time for another lease of device ids: */
	uint64_t left;    /* so many are left of the key set and those that follow it, */
	uint64_t days;    /* and they last so long at the present rate; INJECT_LONG: nobody can tell */
};

/*
 * inject_run - load a terminal
 *
 *   out  out  always written. After an error with out->load.serial set the key is loaded, and the ledger is what failed
 *
 *   E_OK, as visit_begin(), visit_ask_room(), visit_ask_terminal(); E_LOADED (settled, but what the slot holds is of
 *   another key set)
 */
MUST_USE enum err inject_run(struct inject_result *out, const struct inject *in);

#endif
