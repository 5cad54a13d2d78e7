#include "line/stream.h"
#include "base/host/fail.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A serial driver does not always wake up whoever waits on a line that is unplugged: ask it this often. */
#define SLICE_MS 100

uint64_t line_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void port_why(char why[static WHY], const char *format, ...)
{
	va_list a;

	va_start(a, format);
	vsnprintf(why, WHY, format, a);
	va_end(a);
}

enum err port_open(struct port **p, const char *name, char why[static 160])
{
	struct port port;
	enum err e;

	*p = NULL;
	why[0] = 0;
	if (name[0] == '/')
		e = serial_open(&port, name, why);
	else if (!strncmp(name, "unix:", 5))
		e = unix_open(&port, name + 5, why);
	else if (!strncmp(name, "tcp:", 4))
		e = tcp_open(&port, name + 4, why);
	else {
		port_why(why, "not a port's name: \"%.60s\"; use /dev/ttyUSB0[:baud], tcp:host:port or unix:path",
			 name);
		e = E_USAGE;
	}
	if (e)
		return e;
	*p = malloc(sizeof **p);
	if (!*p)
		fail_memory();
	**p = port;
	return E_OK;
}

void port_close(struct port *p)
{
	if (!p)
		return;
	if (p->serial)
		serial_close(p);
	else
		close(p->fd);
	free(p);
}

/*
 * Wait for an event until the deadline. 1: it is there (or the port hung up; reading or writing tells), 0: the time is
 * over, -1: with errno.
 */
static int wait_for(const struct port *p, short event, uint64_t deadline)
{
	struct pollfd pfd = { .fd = p->fd, .events = event };

	for (;;) {
		uint64_t now = line_now_ms(), left = now < deadline ? deadline - now : 0;
		int n = poll(&pfd, 1, left < SLICE_MS ? (int)left : SLICE_MS);

		if (n > 0)
			return 1;
		if (n < 0 && errno != EINTR)
			return -1;
		if (!n && p->serial && sp_input_waiting(p->serial) < 0) {
			errno = EIO;
			return -1;
		}
		if (!left)
			return 0;
	}
}

/* What the last failure of a port means: whatever breaks a stream of bytes to the outside is its loss. */
static enum err lost(void)
{
	return errno == EBADF || errno == EINVAL || errno == EFAULT || errno == ENOMEM ? E_IO : E_GONE;
}

enum err port_read(struct port *p, uint8_t *out, size_t *len, size_t size, unsigned timeout_ms)
{
	uint64_t deadline = line_now_ms() + timeout_ms;
	int ready;

	*len = 0;
	while ((ready = wait_for(p, POLLIN, deadline)) > 0) {
		ssize_t n;

		if (p->serial) {
			n = sp_nonblocking_read(p->serial, out, size);
			/* 0 is both "nothing" and "hung up" */
			if (!n && sp_input_waiting(p->serial) < 0)
				return E_GONE;
		} else {
			n = recv(p->fd, out, size, 0);
			if (!n)
				return E_GONE;
		}
		if (n > 0) {
			*len = (size_t)n;
			return E_OK;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return lost();
	}
	return ready ? lost() : E_OK;
}

enum err port_write(struct port *p, const uint8_t *in, size_t len, unsigned timeout_ms)
{
	uint64_t deadline = line_now_ms() + timeout_ms;
	int ready;

	while (len) {
		ssize_t n;

		ready = wait_for(p, POLLOUT, deadline);
		if (ready <= 0)
			return ready ? lost() : E_TIMEOUT;
		n = p->serial ? sp_nonblocking_write(p->serial, in, len) : send(p->fd, in, len, MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return lost();
		if (n > 0) {
			in += n;
			len -= (size_t)n;
			deadline = line_now_ms() + timeout_ms;
		}
	}
	return E_OK;
}
