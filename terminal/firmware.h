/*
 * The terminal as a whole: what runs from power-on until the port says stop.
 */
#ifndef KEYROOM_TERMINAL_FIRMWARE_H
#define KEYROOM_TERMINAL_FIRMWARE_H

#include "terminal/krd.h"
#include "terminal/trade.h"

/* Everything there is: about 12 KiB, for the port to place. No heap is used. */
struct firmware {
	const struct port *port;
	struct store store;
	struct random random;
	struct krd krd;
	struct trade trade;
	/* A line: what comes in, and the reply, made where it is kept for repeats. */
	struct wire {
		struct link_in in;
		struct link_peer peer;
	} wire[UARTS];
	uint8_t link_frame[LINK_FRAME];
	uint8_t till_frame[LINK_HEAD + TILL_REQUEST + LINK_FCS];
	bool tampered; /* and all of RAM knows */
};

/*
 * firmware_start - power-on: opens the store and shows what the terminal is
 *
 *   E_OK        ready; also when tampered: the terminal then runs to say so
 *   E_RANDOM, E_STORE, E_CRYPTO   it cannot run; the display says why
 */
MUST_USE enum err firmware_start(struct firmware *f, const struct port *port);

/* firmware_step - do what there is to do: tamper switch, both lines, clocks; then wait. False: the port says stop */
bool firmware_step(struct firmware *f);

/* firmware_stop - wipe all of it */
void firmware_stop(struct firmware *f);

#endif
