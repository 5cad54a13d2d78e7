#include "line/line.h"
#include "line/stream.h"
#include "base/wipe.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#define REOPEN_MS 100 /* between two looks for a port that vanished */
#define QUIET_MS 100  /* a reply is still arriving while bytes follow each other this fast */

enum err line_open(struct line *l, const char *name, char why[static 160])
{
	uint8_t random[4];
	enum err e;

	memset(l, 0, sizeof *l);
	l->reply_ms = LINE_REPLY_MS;
	l->give_up_ms = LINE_GIVE_UP_MS;
	if (strlen(name) >= sizeof l->name) {
		port_why(why, "a port's name has at most %zu characters", sizeof l->name - 1);
		return E_USAGE;
	}
	memcpy(l->name, name, strlen(name));
	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
		port_why(why, "%s", err_text(E_RANDOM));
		return E_RANDOM;
	}
	e = port_open(&l->port, name, why);
	if (!e)
		link_host_open(&l->host, random);
	return e;
}

void line_close(struct line *l)
{
	port_close(l->port);
	l->port = NULL;
}

static unsigned left_ms(uint64_t deadline)
{
	uint64_t now = line_now_ms();

	return now < deadline ? (unsigned)(deadline - now) : 0;
}

/* The port vanished. Look for it by its name until the deadline. E_OK, E_GONE */
static enum err reopen(struct line *l, uint64_t deadline)
{
	char why[WHY];

	line_close(l);
	memset(&l->rx, 0, sizeof l->rx);
	while (left_ms(deadline)) {
		nanosleep(&(struct timespec){ .tv_nsec = REOPEN_MS * 1000000L }, NULL);
		if (!port_open(&l->port, l->name, why))
			return E_OK;
	}
	return E_GONE;
}

/* Read until the reply is there or it is time to repeat. E_OK, E_TIMEOUT, E_GONE, E_IO */
static enum err await(struct line *l, uint8_t reply[static LINK_PAYLOAD], size_t *len, uint64_t deadline)
{
	uint64_t until = line_now_ms() + l->reply_ms;
	enum err e = E_TIMEOUT;

	if (until > deadline)
		until = deadline;
	while (e == E_TIMEOUT && left_ms(until)) {
		uint8_t in[512];
		struct frame f;
		size_t n;
		enum err r = port_read(l->port, in, &n, sizeof in, left_ms(until));

		if (r)
			return r;
		if (n && until < deadline && left_ms(until) < QUIET_MS)
			until = line_now_ms() + QUIET_MS;
		for (size_t i = 0; i < n; i++) {
			r = link_push(&l->rx, &f, in[i]);
			if (r == E_FORMAT || r == E_LENGTH)
				l->dropped++;
			if (r || !link_host_reply(&l->host, &f))
				continue;
			if (f.payload.len)
				memcpy(reply, f.payload.p, f.payload.len);
			*len = f.payload.len;
			e = E_OK;
		}
	}
	return e;
}

enum err line_ask(struct line *l, uint8_t reply[static LINK_PAYLOAD], size_t *len, struct span request)
{
	uint64_t deadline = line_now_ms() + l->give_up_ms;
	uint8_t wire[LINK_WIRE];
	bool sent = false;
	size_t n;
	enum err e;

	e = link_host_request(&l->host, wire, &n, sizeof wire, request);
	if (e)
		return e;
	do {
		e = E_GONE;
		if (l->port) {
			l->repeats += sent;
			sent = true;
			e = port_write(l->port, wire, n, left_ms(deadline));
		}
		if (!e)
			e = await(l, reply, len, deadline);
		if (e != E_GONE && e != E_TIMEOUT)
			break;
		if (e == E_GONE)
			e = reopen(l, deadline) ? E_GONE : E_TIMEOUT;
	} while (e == E_TIMEOUT && left_ms(deadline));
	wipe(wire, sizeof wire);	/* a till's requests carry a PAN, and here PIN digits */
	return e;
}
