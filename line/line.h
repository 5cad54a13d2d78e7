/*
 * The host's end of a link on a port: one request out, its reply back, with repeats. Reopens a port that vanished, by
 * its name, and repeats there: the other end recognises the repeat (protocol/link.h).
 */
#ifndef KEYROOM_LINE_LINE_H
#define KEYROOM_LINE_LINE_H

#include "line/port.h"
#include "protocol/link.h"

struct line {
	struct port *port;		/* NULL while it is gone */
	char name[256];
	struct link_host host;
	struct link_rx rx;
	unsigned reply_ms;		/* how long to wait before a repeat; LINE_REPLY_MS */
	unsigned give_up_ms;		/* how long in all; LINE_GIVE_UP_MS */
	unsigned long repeats, dropped;	/* counted for the operator: frames sent again, frames received broken */
};

#define LINE_REPLY_MS 1500
#define LINE_GIVE_UP_MS 20000

/* line_open - open the port and a channel (random from the kernel). As port_open, and E_RANDOM. */
MUST_USE enum err line_open(struct line *l, const char *name, char why[static 160]);

/*
 * line_ask - send a request, return its reply
 *
 *   reply  out  at most LINK_PAYLOAD bytes
 *   len    out  how many
 *
 *   E_OK, E_TIMEOUT (nothing came in give_up_ms), E_GONE (the port vanished and did not come back in that time),
 *   E_RANGE (request too long), E_IO
 */
MUST_USE enum err line_ask(struct line *l, uint8_t reply[static LINK_PAYLOAD], size_t *len, struct span request);

/* line_close - closes the port; l may be opened again */
void line_close(struct line *l);

#endif
