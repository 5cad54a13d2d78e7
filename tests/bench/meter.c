/*
 * Stands between a client and a server on UNIX sockets and measures: how many bytes went each way, and how long the
 * server took, from the last byte that reached it to the first that came back. Prints a JSON object for each
 * connection. With a speed it is a serial line: a byte takes 10 bit times, one after the other.
 *
 *     meter LISTEN TO stream [BAUD]      meter LISTEN TO packets
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { QUEUE = 1 << 17, PACKET = 1 << 16 };

static int type = SOCK_STREAM;
static uint64_t byte_ns; /* 0: as fast as it goes */

/* What is on its way in one direction */
struct way {
	int from, to;
	uint8_t b[QUEUE];
	uint64_t due[QUEUE]; /* when the byte has arrived */
	size_t head, len;
	uint64_t free; /* when the line is */
	uint64_t total;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "meter: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int socket_at(const char *path, bool listener)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
	if (listener)
		unlink(path);
	if (fd < 0 || (listener ? bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4)
				: connect(fd, (struct sockaddr *)&at, sizeof at)))
		die(path);
	return fd;
}

/* Take in what is there. False: that end has hung up. */
static bool take(struct way *w)
{
	static uint8_t in[PACKET];
	size_t room = QUEUE - w->len;
	ssize_t n = recv(w->from, in, room < sizeof in ? room : sizeof in, 0);
	uint64_t now = now_ns();

	if (n <= 0)
		return false;
	w->total += (uint64_t)n;
	if (w->free < now)
		w->free = now;
	for (ssize_t i = 0; i < n; i++) {
		size_t at = (w->head + w->len++) % QUEUE;

		w->free += byte_ns;
		w->b[at] = in[i];
		w->due[at] = w->free;
	}
	return true;
}

/* Hand on what has arrived by now. True: something was handed on. */
static bool give(struct way *w)
{
	static uint8_t out[QUEUE];
	uint64_t now = now_ns();
	size_t n = 0;

	while (n < w->len && w->due[(w->head + n) % QUEUE] <= now) {
		out[n] = w->b[(w->head + n) % QUEUE];
		n++;
	}
	if (!n)
		return false;
	if (send(w->to, out, n, MSG_NOSIGNAL) != (ssize_t)n)
		return false;
	w->head = (w->head + n) % QUEUE;
	w->len -= n;
	return true;
}

static void connection(int client, int server)
{
	static struct way up, down;
	struct pollfd fd[2] = { { client, POLLIN, 0 }, { server, POLLIN, 0 } };
	uint64_t asked = 0, busy = 0;
	unsigned long questions = 0;
	bool open = true;

	memset(&up, 0, sizeof up);
	memset(&down, 0, sizeof down);
	up.from = down.to = client;
	up.to = down.from = server;
	while (open) {
		struct timespec wait = { .tv_sec = 1 };

		if (up.len || down.len) {
			/* A chip hands on a few bytes at a time; the last byte of all is not kept waiting. */
			uint64_t now = now_ns(), until = now + 1000000;

			for (int i = 0; i < 2; i++) {
				const struct way *w = i ? &down : &up;
				uint64_t last = w->len ? w->due[(w->head + w->len - 1) % QUEUE] : UINT64_MAX;

				until = last < until ? last : until;
			}
			wait = (struct timespec){ .tv_nsec = until > now ? (long)(until - now) : 0 };
		}
		if (ppoll(fd, 2, &wait, NULL) < 0 && errno != EINTR)
			die("poll");
		if (fd[1].revents) {
			if (asked)
				busy += now_ns() - asked;
			questions += asked != 0;
			asked = 0;
			open = take(&down);
		}
		if (open && fd[0].revents)
			open = take(&up);
		if (give(&up) && !up.len)
			asked = now_ns();
		give(&down);
	}
	printf("{\"questions\": %lu, \"to\": %llu, \"from\": %llu, \"busy_ms\": %.3f}\n", questions,
	       (unsigned long long)up.total, (unsigned long long)down.total, (double)busy / 1e6);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int listener;

	if (argc < 4 || argc > 5)
		return 2;
	if (!strcmp(argv[3], "packets"))
		type = SOCK_SEQPACKET;
	if (argc == 5)
		byte_ns = UINT64_C(10000000000) / strtoul(argv[4], NULL, 10);
	listener = socket_at(argv[1], true);
	printf("meter: listening\n");
	fflush(stdout);
	for (;;) {
		int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC), server;

		if (client < 0)
			die("accept");
		server = socket_at(argv[2], false);
		connection(client, server);
		close(client);
		close(server);
	}
}
