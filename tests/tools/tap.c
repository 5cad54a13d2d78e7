/*
 * A wire tap with pliers, for tests and the demo: it sits on the line between station and terminal, both UNIX sockets,
 * records what passes and damages it on request. It recomputes the FCS, so that the link believes it.
 *
 *     tap pass --listen PATH --to PATH [--save FOLDER] [--flip TYPE:BIT] [--cut TYPE]
 *     tap replay --to PATH FILE...
 *
 * pass    forwards frames. --save writes each payload to FOLDER/NN-TYPE; --flip inverts one bit of that message type in
 *         passing; --cut swallows the first message of that type and ends, as if the cable had been pulled.
 * replay  sends recorded payloads as requests and prints the type of each reply, with the reason of an ABORT.
 */
#include "base/err.h"
#include "line/line.h"
#include "protocol/message.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct pliers {
	const char *save, *flip, *cut;
	unsigned flip_bit;
	unsigned count;
};

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int socket_at(const char *path, bool listening)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	if (fd < 0 || strlen(path) >= sizeof a.sun_path)
		die(path);
	memcpy(a.sun_path, path, strlen(path));
	if (!listening) {
		if (connect(fd, (struct sockaddr *)&a, sizeof a))
			die(path);
		return fd;
	}
	unlink(path);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1))
		die(path);
	puts("tap: listening");
	fflush(stdout);
	peer = accept(fd, NULL, NULL);
	if (peer < 0)
		die("accept");
	close(fd);
	return peer;
}

static const char *type_of(const struct frame *f)
{
	const char *name = f->payload.len ? msg_name(f->payload.p[0]) : "EMPTY";

	return name ? name : "UNKNOWN";
}

/* One frame towards fd; false when it was cut. */
static bool forward(int fd, const struct frame *in, struct pliers *p)
{
	static uint8_t payload[LINK_PAYLOAD], wire[LINK_WIRE];
	const char *type = type_of(in);
	struct frame f = *in;
	size_t len;

	memcpy(payload, in->payload.p, in->payload.len);
	f.payload.p = payload;
	if (p->save) {
		char path[512];
		FILE *out;

		snprintf(path, sizeof path, "%s/%02u-%s", p->save, p->count++, type);
		out = fopen(path, "wb");
		if (!out || fwrite(payload, 1, f.payload.len, out) != f.payload.len || fclose(out))
			die(path);
	}
	if (p->cut && !strcmp(type, p->cut))
		return false;
	if (p->flip && !strcmp(type, p->flip) && p->flip_bit / 8 + 1 < f.payload.len) {
		payload[1 + p->flip_bit / 8] = (uint8_t)(payload[1 + p->flip_bit / 8] ^ 1u << p->flip_bit % 8);
		printf("tap: flipped bit %u of %s\n", p->flip_bit, type);
		fflush(stdout);
	}
	if (link_encode(wire, &len, sizeof wire, &f) || write(fd, wire, len) != (ssize_t)len)
		die("forward");
	return true;
}

static int pass(const char *listen_at, const char *to, struct pliers *p)
{
	int station = socket_at(listen_at, true), terminal = socket_at(to, false);
	struct pollfd fds[2] = { { station, POLLIN, 0 }, { terminal, POLLIN, 0 } };
	static struct link_rx rx[2];

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			die("poll");
		for (int i = 0; i < 2; i++) {
			uint8_t b[512];
			ssize_t n;

			if (!fds[i].revents)
				continue;
			n = read(fds[i].fd, b, sizeof b);
			if (n <= 0)
				return 0;
			for (ssize_t k = 0; k < n; k++) {
				struct frame f;

				if (link_push(&rx[i], &f, b[k]) == E_OK && !forward(fds[!i].fd, &f, p))
					return 0;
			}
		}
	}
}

static int replay(const char *to, int n, char **file)
{
	static uint8_t request[LINK_PAYLOAD], reply[LINK_PAYLOAD];
	static struct line line;
	char name[300], why[160];
	enum err e;

	snprintf(name, sizeof name, "unix:%s", to);
	e = line_open(&line, name, why);
	for (int i = 0; !e && i < n; i++) {
		FILE *f = fopen(file[i], "rb");
		struct span r = { request, 0 };
		struct frame got = { 0 };
		size_t len;

		if (!f)
			die(file[i]);
		r.len = fread(request, 1, sizeof request, f);
		fclose(f);
		e = line_ask(&line, reply, &len, r);
		if (e)
			break;
		got.payload = (struct span){ reply, len };
		printf("%s -> %s", r.len && msg_name(request[0]) ? msg_name(request[0]) : "EMPTY", type_of(&got));
		if (len == 3 && reply[0] == MSG_ABORT)
			printf(": %s", err_text((enum err)get_be16(reply + 1)));
		putchar('\n');
	}
	line_close(&line);
	if (e)
		fprintf(stderr, "tap: %s: %s\n", to, err_text(e));
	return err_exit(e);
}

int main(int argc, char **argv)
{
	const char *listen_at = NULL, *to = NULL;
	struct pliers p = { 0 };
	int i = 2;

	for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		if (!strcmp(argv[i], "--listen"))
			listen_at = argv[i + 1];
		else if (!strcmp(argv[i], "--to"))
			to = argv[i + 1];
		else if (!strcmp(argv[i], "--save"))
			p.save = argv[i + 1];
		else if (!strcmp(argv[i], "--cut"))
			p.cut = argv[i + 1];
		else if (!strcmp(argv[i], "--flip")) {
			char *colon = strchr(argv[i + 1], ':');

			if (!colon)
				break;
			*colon = 0;
			p.flip = argv[i + 1];
			p.flip_bit = (unsigned)strtoul(colon + 1, NULL, 10);
		}
	}
	if (argc > 1 && !strcmp(argv[1], "pass") && listen_at && to && i == argc)
		return pass(listen_at, to, &p);
	if (argc > 1 && !strcmp(argv[1], "replay") && to && i < argc)
		return replay(to, argc - i, argv + i);
	fprintf(stderr, "usage: tap pass --listen PATH --to PATH [--save FOLDER] [--flip TYPE:BIT] [--cut TYPE]\n"
			"       tap replay --to PATH FILE...\n");
	return 64;
}
