/*
 * A bad line, for tests: it sits between station and terminal, hands on bytes at the pace of a serial line, damages
 * them at given offsets or at random, and records what it was given.
 *
 *     noise --listen unix:PATH|pty:PATH --to PATH [--baud N] [--tap FILE] [--seed N] [--at OFFSET:KIND[:MS]]...
 *           [--every BYTES:KIND[:MS]]...
 *
 * --listen  where the station finds the line; pty:PATH is a link to a pseudo-terminal, which cannot be unplugged
 * --to      the terminal's UNIX socket
 * --baud    10 bit times a byte, each direction for itself; without it as fast as may be
 * --tap     all bytes as they came in: FILE.station and FILE.terminal, one file a sender
 * --at      damage the byte of this offset, counted from 0 over both directions in the order of their delivery
 * --every   damage one byte in so many, at random
 * --seed    of that; printed, so that a run can be had again
 *
 * KIND: flip (one bit), drop, dup, stall (MS of silence), unplug (both ends see the line go, and it comes back after
 * MS). What a reader has no room for in a second is lost. Every act of damage is a line on standard output.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum kind { FLIP, DROP, DUP, STALL, UNPLUG, KINDS };
static const char *const names[KINDS] = { "flip", "drop", "dup", "stall", "unplug" };

enum { STATION, TERMINAL, AT_MAX = 16, NS = 1000000000, MS_DEFAULT = 150 };

struct damage {
	uint64_t n; /* offset, or one in so many bytes; 0 in a rate: never */
	enum kind kind;
	unsigned ms;
};

static struct damage at[AT_MAX], rate[KINDS];
static size_t ats;
static const char *listen_at, *to;
static uint64_t seed, byte_ns, offset;
static int listener = -1;

static struct side {
	int fd, tap;
	uint8_t q[1024]; /* on their way from here */
	size_t head, len;
	uint64_t due;          /* when the first of them arrives */
	uint8_t out[2 * 1024]; /* have arrived, and are handed over together */
	size_t outs;
} side[2] = { { .fd = -1, .tap = -1 }, { .fd = -1, .tap = -1 } };

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static void pause_ms(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, (long)(ms % 1000) * 1000000 }, NULL);
}

/* splitmix64 */
static uint64_t roll(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* --- The two ends
 * ------------------------------------------------------------------------------------------------------ */

static int unix_at(const char *path, struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (fd < 0 || strlen(path) >= sizeof a->sun_path)
		die(path);
	memcpy(a->sun_path, path, strlen(path));
	return fd;
}

static void listen_unix(void)
{
	struct sockaddr_un a;

	listener = unix_at(listen_at + 5, &a);
	unlink(a.sun_path);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 4))
		die(listen_at);
}

static int open_pty(const char *path)
{
	struct termios raw = { 0 };
	int master, slave; /* the slave stays open: a station may come and go */
	char name[128];

	cfmakeraw(&raw);
	unlink(path);
	if (openpty(&master, &slave, NULL, &raw, NULL) || ttyname_r(slave, name, sizeof name) || symlink(name, path))
		die(path);
	return master;
}

static void hang_up(void)
{
	for (struct side *s = side; s < side + 2; s++) {
		if (s->fd >= 0)
			close(s->fd);
		s->fd = -1;
		s->len = s->outs = 0;
	}
}

/* Wait for a station, and connect it with the terminal. */
static void plug(void)
{
	struct sockaddr_un a;
	int fd;

	if (side[STATION].fd < 0)
		side[STATION].fd = listener < 0 ? open_pty(listen_at + 4) : accept(listener, NULL, NULL);
	if (side[STATION].fd < 0)
		die("accept");
	fd = unix_at(to, &a);
	if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
		close(fd);
		if (listener < 0)
			die(to);
		hang_up(); /* no terminal: the station finds out */
		return;
	}
	side[TERMINAL].fd = fd;
	for (int i = 0; i < 2; i++)
		fcntl(side[i].fd, F_SETFL, O_NONBLOCK);
}

static void unplug(unsigned ms)
{
	hang_up();
	close(listener);
	unlink(listen_at + 5);
	pause_ms(ms);
	listen_unix();
}

/* --- Bytes
 * ---------------------------------------------------------------------------------------------------------------- */

/* Hand over what has arrived from one end. A reader that has gone is noticed where its bytes are read. */
static void flush(int from)
{
	struct side *s = &side[from];
	struct pollfd ready = { side[!from].fd, POLLOUT, 0 };
	size_t done = 0;
	ssize_t n = 1;

	while (done < s->outs && n > 0 && poll(&ready, 1, 1000) > 0) {
		n = write(ready.fd, s->out + done, s->outs - done);
		done += n > 0 ? (size_t)n : 0;
	}
	s->outs = 0;
}

static void deliver(int from, uint8_t byte)
{
	side[from].out[side[from].outs++] = byte;
}

/* One byte; false when the line was unplugged on it. */
static bool pass(int from, uint8_t byte)
{
	struct damage d = { .kind = KINDS };

	for (size_t i = 0; i < ats; i++)
		if (at[i].n == offset)
			d = at[i];
	for (int k = 0; d.kind == KINDS && k < KINDS; k++)
		if (rate[k].n && roll() % rate[k].n == 0)
			d = rate[k];
	if (d.kind != KINDS) {
		printf("noise: %s at %llu, from the %s\n", names[d.kind], (unsigned long long)offset,
		       from == STATION ? "station" : "terminal");
		fflush(stdout);
	}
	offset++;
	switch (d.kind) {
	case DROP:
		return true;
	case UNPLUG:
		flush(from);
		unplug(d.ms);
		return false;
	case FLIP:
		byte = (uint8_t)(byte ^ 1u << roll() % 8);
		break;
	case DUP:
		deliver(from, byte);
		break;
	case STALL:
		flush(from);
		pause_ms(d.ms);
		break;
	case KINDS:
		break;
	}
	deliver(from, byte);
	return true;
}

/* What has arrived at one end goes into its queue. False when that end is gone. */
static bool take(struct side *s)
{
	uint8_t b[sizeof s->q];
	ssize_t n = read(s->fd, b, sizeof s->q - s->len);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0)
		return false;
	if (s->tap >= 0 && write(s->tap, b, (size_t)n) != n)
		die("tap");
	if (!s->len)
		s->due = now_ns() + byte_ns;
	for (ssize_t i = 0; i < n; i++)
		s->q[(s->head + s->len++) % sizeof s->q] = b[i];
	return true;
}

static void step(void)
{
	struct pollfd fds[2];
	uint64_t now = now_ns(), wait = UINT64_MAX;
	struct timespec t;

	for (int i = 0; i < 2; i++) {
		fds[i] = (struct pollfd){ side[i].fd, side[i].len < sizeof side[i].q ? POLLIN : 0, 0 };
		if (side[i].len && (side[i].due <= now || side[i].due - now < wait))
			wait = side[i].due <= now ? 0 : side[i].due - now;
	}
	t = (struct timespec){ (time_t)(wait / NS), (long)(wait % NS) };
	if (ppoll(fds, 2, wait == UINT64_MAX ? NULL : &t, NULL) < 0 && errno != EINTR)
		die("poll");
	for (int i = 0; i < 2; i++)
		if (fds[i].revents && !take(&side[i])) {
			hang_up();
			return;
		}
	now = now_ns();
	for (int i = 0; i < 2; i++) {
		for (struct side *s = &side[i]; s->len && s->due <= now; s->due += byte_ns) {
			uint8_t byte = s->q[s->head];

			s->head = (s->head + 1) % sizeof s->q;
			s->len--;
			if (!pass(i, byte))
				return;
		}
		flush(i);
	}
}

/* --- Command line
 * ------------------------------------------------------------------------------------------------------- */

/* NUMBER:KIND[:MS] */
static bool get_damage(struct damage *d, const char *text)
{
	char kind[16] = "", rest = 0;
	unsigned long long n;
	int got = sscanf(text, "%llu:%15[a-z]:%u%c", &n, kind, &d->ms, &rest);

	if (got == 2)
		d->ms = MS_DEFAULT;
	d->n = n;
	d->kind = FLIP;
	while (d->kind < KINDS && strcmp(kind, names[d->kind]))
		d->kind++;
	return (got == 2 || got == 3) && d->kind < KINDS;
}

static int open_tap(const char *path, const char *who)
{
	char name[512];
	int fd;

	snprintf(name, sizeof name, "%s.%s", path, who);
	fd = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		die(name);
	return fd;
}

static bool option(const char *name, const char *value)
{
	struct damage d;

	if (!strcmp(name, "--listen") && (!strncmp(value, "unix:", 5) || !strncmp(value, "pty:", 4))) {
		listen_at = value;
	} else if (!strcmp(name, "--to")) {
		to = value;
	} else if (!strcmp(name, "--baud") && strtoul(value, NULL, 10)) {
		byte_ns = 10 * (uint64_t)NS / strtoul(value, NULL, 10);
	} else if (!strcmp(name, "--seed")) {
		seed = strtoull(value, NULL, 10);
	} else if (!strcmp(name, "--tap")) {
		side[STATION].tap = open_tap(value, "station");
		side[TERMINAL].tap = open_tap(value, "terminal");
	} else if (!strcmp(name, "--at") && ats < AT_MAX && get_damage(&d, value)) {
		at[ats++] = d;
	} else if (!strcmp(name, "--every") && get_damage(&d, value) && d.n) {
		rate[d.kind] = d;
	} else {
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	bool good = argc % 2;

	if (getrandom(&seed, sizeof seed / 2, 0) != sizeof seed / 2)
		die("seed");
	for (int i = 1; good && i < argc; i += 2)
		good = option(argv[i], argv[i + 1]);
	for (size_t i = 0; good && i < ats; i++)
		good = at[i].kind != UNPLUG || (listen_at && listen_at[0] == 'u');
	if (!good || !listen_at || !to || (rate[UNPLUG].n && listen_at[0] != 'u')) {
		fprintf(stderr,
			"usage: noise --listen unix:PATH|pty:PATH --to PATH [--baud N] [--tap FILE] [--seed N]\n"
			"             [--at OFFSET:KIND[:MS]]... [--every BYTES:KIND[:MS]]...\n");
		return 64;
	}
	signal(SIGPIPE, SIG_IGN);
	printf("noise: seed %llu\n", (unsigned long long)seed);
	if (listen_at[0] == 'u')
		listen_unix();
	else
		plug();
	puts("noise: listening");
	fflush(stdout);
	for (;;) {
		if (side[TERMINAL].fd < 0)
			plug();
		else
			step();
	}
}
