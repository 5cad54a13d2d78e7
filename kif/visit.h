/*
 * One visit to a terminal: what loading, zeroizing and updating share. The ledger, the room and the line are opened,
 * messages of one session are carried between bdkd's station socket and a port, and the ledger is brought up to the
 * journal.
 *
 *     OP_SESSION, OP_BEGIN -> HELLO    HELLO over the line  -> OFFER       visit_greet()
 *     a question with OFFER in it -> a message              visit_ask_room()
 *     that message over the line -> RECEIPT                 visit_ask_terminal()
 *     a question with RECEIPT in it                         visit_ask_room()
 *
 * Nothing of a message is looked at but its type and the reason of an ABORT.
 */
#ifndef KEYROOM_KIF_VISIT_H
#define KEYROOM_KIF_VISIT_H

#include "kif/ledger.h"
#include "line/line.h"

#include <limits.h>
#include <stdio.h>

/* Whom, and by what way. */
struct visit_to {
	const char *room;      /* folder; NULL: the terminal alone is visited, and ledger and serial are not read */
	const char *port;      /* line/port.h */
	const char *ledger;    /* file */
	const char *serial;    /* serial_ok() */
	unsigned give_up_ms;   /* how long to wait for the terminal, each time: LINE_GIVE_UP_MS */
	unsigned room_seconds; /* how long for the room: STATION_SECONDS */
	FILE *progress;        /* a line for each step, NULL for none */
};

/* How it went. */
struct visit_report {
	unsigned long ms;
	unsigned long repeats, dropped;     /* as struct line */
	char what[PATH_MAX + 64], why[256]; /* for fail_why() after an error */
	const char *hint;
};

/* The first byte of a link's payload: what PROTOCOL.md fixes, as far as a station has to know it. */
enum visit_type {
	VISIT_HELLO = 1,
	VISIT_OFFER = 2,
	VISIT_KEY = 3,
	VISIT_ZEROIZE = 4,
	VISIT_RECEIPT = 5,
	VISIT_ABORT = 6,
	VISIT_UPDATE = 7
};

struct visit {
	const struct visit_to *to;
	struct visit_report *report;
	const char *doing; /* "loading" */
	const char *again; /* the hint once the terminal may have changed */
	char room[PATH_MAX];
	struct ledger ledger;
	struct client client;
	struct record request; /* the next question to the room */
	struct line line;
	uint8_t reply[LINK_PAYLOAD];
	uint64_t began;
	bool connected, open; /* to bdkd; the port */
	bool begun;           /* there is something that bdkd has to be told the end of */
	bool sent;            /* what changes the terminal may have reached it */
};

/*
 * visit_begin - open what is needed, in the order of how little it costs: nothing is asked of bdkd before the ledger
 * can be written
 *
 *   v  out  on the heap, for visit_end() whatever the result. Without a room the line alone is opened
 *
 *   E_OK; of the arguments and the ledger: E_ROOM, E_IO, E_FORMAT, E_ROOM_VERSION; of the port: as line_open(); of the
 *   room: as client_open(), client_call()
 */
MUST_USE enum err visit_begin(struct visit **v, struct visit_report *report, const struct visit_to *to,
			      const char *doing, const char *again);

/* visit_greet - ask what stands in v->request, OP_SESSION, then for HELLO; HELLO goes out, OFFER comes in. offer points
 * into v. As visit_ask_room(), visit_ask_terminal() */
MUST_USE enum err visit_greet(struct visit *v, struct span *offer);

/* visit_ask_room - ask what stands in v->request; a head of the audit in its answer goes to the ledger. As client_call();
 * E_IO (the ledger's) */
MUST_USE enum err visit_ask_room(struct visit *v);

/*
 * visit_ask_terminal - one message to the terminal, its answer of the wanted type back; out points into v
 *
 *   E_OK, as line_ask(), the reason of its ABORT, E_SEQUENCE (another message than the one wanted), E_SHORT, E_FORMAT
 */
MUST_USE enum err visit_ask_terminal(struct visit *v, struct span *out, enum visit_type type, struct span message,
				     enum visit_type want);

/* visit_message - the message in the room's last answer; empty where there is none. Until the next question. */
struct span visit_message(const struct visit *v);

/* visit_facts - the next facts in the room's last answer, from *at on (0): of this terminal, and of that slot if it is
 * not VISIT_ALL_SLOTS, or they are none. E_OK, E_SHORT (no more; said nothing), E_FORMAT */
MUST_USE enum err visit_facts(struct visit *v, struct fact *f, size_t *at, unsigned slot);
#define VISIT_ALL_SLOTS 255

/* visit_record - bring the ledger up to the journal. As sync_catch_up() */
MUST_USE enum err visit_record(struct visit *v);

/* visit_check - is this load in the ledger, as it is or later? E_OK, E_IO, E_FORMAT (it follows another journal) */
MUST_USE enum err visit_check(struct visit *v, const struct fact *load);

/* visit_give_up - tell bdkd that it came to nothing, and note what its journal keeps of it. The error that counts is
 * said already. */
void visit_give_up(struct visit *v, enum err e);

/* visit_end - everything closed and counted */
void visit_end(struct visit *v);

/* visit_fail - an error's line in the report. why NULL or "" and hint NULL stand for the general ones. Returns e. */
enum err visit_fail(struct visit *v, enum err e, const char *why, const char *hint, const char *what, ...)
	__attribute__((format(printf, 5, 6)));

/* visit_bad_answer - E_FORMAT: bdkd's answer is none. visit_progress - a step, told to whoever watches */
enum err visit_bad_answer(struct visit *v);
void visit_progress(const struct visit *v, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
