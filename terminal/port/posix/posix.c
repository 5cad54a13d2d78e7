#include "terminal/port/posix/posix.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_MS = 5000 };

static bool stopping, tampered, pressed;
static int signals = -1;

/* --- Addresses --- */

static enum err open_unix(struct posix_uart *u, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), probe;
	mode_t mask;
	bool bad;

	if (fd < 0 || strlen(path) >= sizeof a.sun_path) {
		if (fd >= 0)
			close(fd);
		errno = ENAMETOOLONG;
		return E_PORT;
	}
	strcpy(a.sun_path, path);
	/* A socket that nobody listens on is left over from a process that was killed. */
	probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(probe, (struct sockaddr *)&a, sizeof a) && errno == ECONNREFUSED)
		unlink(path);
	close(probe);
	mask = umask(0077);
	bad = bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 4);
	umask(mask);
	if (bad) {
		close(fd);
		return E_PORT;
	}
	u->listener = fd;
	strcpy(u->path, path);
	return E_OK;
}

static enum err open_tcp(struct posix_uart *u, const char *host_port)
{
	struct addrinfo want = { .ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM }, *list;
	const char *colon = strrchr(host_port, ':');
	char host[256];
	int fd = -1, on = 1;

	if (!colon || (size_t)(colon - host_port) >= sizeof host)
		return E_USAGE;
	snprintf(host, sizeof host, "%.*s", (int)(colon - host_port), host_port);
	if (getaddrinfo(host, colon + 1, &want, &list)) {
		errno = EADDRNOTAVAIL;
		return E_PORT;
	}
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) ||
				bind(fd, a->ai_addr, a->ai_addrlen) || listen(fd, 4))) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	u->listener = fd;
	return fd < 0 ? E_PORT : E_OK;
}

static enum err open_pty(struct posix_uart *u, const char *path)
{
	struct termios raw = { 0 };
	char name[128];
	struct stat st;

	cfmakeraw(&raw);
	if (strlen(path) >= sizeof u->path) {
		errno = ENAMETOOLONG;
		return E_PORT;
	}
	if (openpty(&u->fd, &u->slave, NULL, &raw, NULL)) {
		u->fd = u->slave = -1;
		return E_PORT;
	}
	fcntl(u->fd, F_SETFL, O_NONBLOCK);
	fcntl(u->fd, F_SETFD, FD_CLOEXEC);
	fcntl(u->slave, F_SETFD, FD_CLOEXEC);
	if (ttyname_r(u->slave, name, sizeof name))
		return E_PORT;
	if (!lstat(path, &st) && S_ISLNK(st.st_mode))
		unlink(path);
	if (symlink(name, path))
		return E_PORT;
	strcpy(u->path, path);
	return E_OK;
}

enum err posix_uart_open(struct posix *p, enum uart which, const char *address, char why[static POSIX_WHY])
{
	struct posix_uart *u = &p->uart[which];
	enum err e = E_USAGE;

	why[0] = 0;
	if (!strncmp(address, "unix:", 5))
		e = open_unix(u, address + 5);
	else if (!strncmp(address, "tcp:", 4))
		e = open_tcp(u, address + 4);
	else if (!strncmp(address, "pty:", 4))
		e = open_pty(u, address + 4);
	if (e)
		snprintf(why, POSIX_WHY, "%s",
			 e == E_USAGE ? "is none of unix:PATH, tcp:HOST:PORT, pty:PATH" : strerror(errno));
	return e;
}

/* --- UARTs --- */

static void leave(struct posix_uart *u)
{
	close(u->fd);
	u->fd = -1;
}

static size_t uart_read(void *ctx, enum uart which, uint8_t *out, size_t size)
{
	struct posix *p = ctx;
	struct posix_uart *u = &p->uart[which];
	ssize_t n;
	int on = 1;

	if (u->fd < 0) {
		u->fd = accept4(u->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (u->fd < 0)
			return 0;
		/* This fails on UNIX sockets, which need none. */
		setsockopt(u->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	}
	n = read(u->fd, out, size);
	if (n > 0)
		return (size_t)n;
	if (u->listener >= 0 && (!n || (errno != EAGAIN && errno != EINTR)))
		leave(u);
	return 0;
}

static void uart_write(void *ctx, enum uart which, const uint8_t *in, size_t len)
{
	struct posix *p = ctx;
	struct posix_uart *u = &p->uart[which];

	while (u->fd >= 0 && len) {
		struct pollfd f = { u->fd, POLLOUT, 0 };
		ssize_t n;

		if (poll(&f, 1, WRITE_MS) <= 0)
			break; /* it does not listen: it will ask again */
		n = write(u->fd, in, len);
		if (n > 0) {
			in += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN && errno != EINTR) {
			if (u->listener >= 0)
				leave(u);
			break;
		}
	}
}

/* --- The rest --- */

static void display(void *ctx, const char *line)
{
	const struct posix *p = ctx;

	puts(line);
	fflush(stdout);
	if (p->display) {
		fprintf(p->display, "%s\n", line);
		fflush(p->display);
	}
}

static enum err entropy(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	return getrandom(out, len, 0) == (ssize_t)len ? E_OK : E_RANDOM;
}

static bool tamper(void *ctx)
{
	(void)ctx;
	return tampered;
}

static bool loading(void *ctx)
{
	const struct posix *p = ctx;
	bool now = pressed;

	pressed = 0;
	return now || p->always;
}

static uint32_t tick(void *ctx)
{
	struct timespec t;

	(void)ctx;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint32_t)t.tv_sec * 1000u + (uint32_t)(t.tv_nsec / 1000000);
}

static void take_signals(void)
{
	struct signalfd_siginfo s;

	while (read(signals, &s, sizeof s) == (ssize_t)sizeof s)
		switch (s.ssi_signo) {
		case SIGUSR1:
			tampered = true;
			break;
		case SIGUSR2:
			pressed = true;
			break;
		default:
			stopping = true;
		}
}

static bool wait_ready(void *ctx)
{
	enum { SECOND = 1000 };
	const struct posix *p = ctx;
	struct pollfd f[UARTS + 1];

	for (unsigned i = 0; i < UARTS; i++)
		f[i] = (struct pollfd){ p->uart[i].fd >= 0 ? p->uart[i].fd : p->uart[i].listener, POLLIN, 0 };
	f[UARTS] = (struct pollfd){ signals, POLLIN, 0 };
	poll(f, UARTS + 1, SECOND);
	take_signals();
	return !stopping;
}

/* Read, not handled: for a handler the kernel would save the vector registers, and what keys they still hold, on the
 * stack. */
enum err posix_signals(void)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t blocked;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGUSR1);
	sigaddset(&blocked, SIGUSR2);
	sigaction(SIGPIPE, &ignore, NULL);
	signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals >= 0 && !sigprocmask(SIG_BLOCK, &blocked, NULL) ? E_OK : E_IO;
}

void posix_port(struct port *port, struct posix *p)
{
	posix_nv(port);
	port->ctx = p;
	port->uart_read = uart_read;
	port->uart_write = uart_write;
	port->display = display;
	port->entropy = entropy;
	port->tamper = tamper;
	port->loading = loading;
	port->tick = tick;
	port->wait = wait_ready;
}

void posix_close(struct posix *p)
{
	for (unsigned i = 0; i < UARTS; i++) {
		struct posix_uart *u = &p->uart[i];

		if (u->path[0])
			unlink(u->path);
		if (u->listener >= 0)
			close(u->listener);
		if (u->fd >= 0)
			close(u->fd);
		if (u->slave >= 0)
			close(u->slave);
	}
	if (p->display)
		fclose(p->display);
	if (p->nv >= 0)
		close(p->nv);
}
