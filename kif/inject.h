/*
 * Loading one terminal: the messages of one loading carried between bdkd's station socket and a port.
 *
 *     OP_SESSION                       a test room's session for this terminal, key set and slot
 *     OP_BEGIN    -> HELLO             HELLO over the line  -> OFFER
 *     OP_OFFER    -> KEY, or settled   KEY over the line    -> RECEIPT
 *     OP_RECEIPT  -> the facts
 *
 * Nothing of a message is looked at but its type and the reason of an ABORT. Whatever ends it early can be settled by
 * the same command again: bdkd and the terminal see to it that no key is loaded twice and none is lost (PROTOCOL.md).
 */
#ifndef KEYROOM_KIF_INJECT_H
#define KEYROOM_KIF_INJECT_H

#include "kif/ledger.h"

#include <limits.h>
#include <stdio.h>

struct inject {
	const char *room;    /* folder */
	const char *port;    /* line/port.h */
	const char *ledger;  /* file */
	const char *serial;  /* fact_serial() */
	const char *key_set; /* fact_key_set() */
	unsigned slot;
	unsigned give_up_ms;   /* how long to wait for the terminal, each time: LINE_GIVE_UP_MS */
	unsigned room_seconds; /* how long for the room: STATION_SECONDS */
	FILE *progress;        /* a line for each step, NULL for none */
};

struct inject_result {
	struct fact load; /* as bdkd verified it; serial "" where it came to nothing */
	bool settled;     /* an earlier run had loaded it: this one only settled that */
	unsigned long ms;
	unsigned long repeats, dropped;     /* as struct line */
	char what[PATH_MAX + 64], why[256]; /* for fail_why() after an error */
	const char *hint;
};

/*
 * inject_run - load a terminal
 *
 *   out  out  always written. After an error with out->load.serial set the key is loaded, and the ledger is what failed
 *
 *   E_OK; of the arguments and the ledger: E_ROOM, E_IO, E_FORMAT, E_ROOM_VERSION; of the port: as line_open(),
 *   line_ask(); of the room: as client_open(), client_call(); of the terminal: the reason of its ABORT, E_SEQUENCE
 *   (another message than the one expected), E_SHORT, E_FORMAT; E_LOADED (settled, but what the slot holds is of
 *   another key set)
 */
MUST_USE enum err inject_run(struct inject_result *out, const struct inject *in);

#endif
