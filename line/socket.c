#include "line/stream.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECT_MS 5000

/* A connected, non-blocking socket, or -1 with errno. */
static int connected(int family, const struct sockaddr *to, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), failed = 0;
	socklen_t size = sizeof failed;

	if (fd < 0)
		return -1;
	if (connect(fd, to, len)) {
		failed = errno;
		if (failed == EINPROGRESS) {
			struct pollfd p = { .fd = fd, .events = POLLOUT };

			failed = ETIMEDOUT;
			if (poll(&p, 1, CONNECT_MS) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size))
				failed = errno;
		}
	}
	if (failed) {
		close(fd);
		errno = failed;
		return -1;
	}
	return fd;
}

/* Why there is no connection, for people. */
static void explain(char why[static WHY], const char *form, const char *name)
{
	if (errno == ENOENT)
		port_why(why, "no such port: %s:%s", form, name);
	else if (errno == ECONNREFUSED)
		port_why(why, "nobody listens on %s:%s", form, name);
	else if (errno == EAGAIN)
		port_why(why, "in use by another program: %s:%s", form, name);
	else
		port_why(why, "cannot connect to %s:%s: %s", form, name, strerror(errno));
}

enum err unix_open(struct port *p, const char *path, char why[static WHY])
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (!*path || strlen(path) >= sizeof a.sun_path) {
		port_why(why, "a socket's path has 1 to %zu characters: unix:%s", sizeof a.sun_path - 1, path);
		return E_PORT;
	}
	memcpy(a.sun_path, path, strlen(path));
	fd = connected(AF_UNIX, (const struct sockaddr *)&a, sizeof a);
	if (fd < 0) {
		explain(why, "unix", path);
		return E_PORT;
	}
	*p = (struct port){ fd, NULL, -1 };
	return E_OK;
}

enum err tcp_open(struct port *p, const char *host_port, char why[static WHY])
{
	const struct addrinfo want = { .ai_socktype = SOCK_STREAM };
	const char *colon = strrchr(host_port, ':');
	const int on = 1, unheard_ms = 10000;
	char host[256];
	struct addrinfo *all = NULL;
	size_t n = colon ? (size_t)(colon - host_port) : 0;
	int fd = -1, g;

	if (!n || n >= sizeof host || !colon[1]) {
		port_why(why, "neither tcp:host:port nor tcp:[address]:port: tcp:%s", host_port);
		return E_USAGE;
	}
	memcpy(host, host_port, n);
	host[n] = 0;
	if (host[0] == '[' && host[n - 1] == ']') {
		host[n - 1] = 0;
		memmove(host, host + 1, n - 1);
	}
	g = getaddrinfo(host, colon + 1, &want, &all);
	if (g) {
		port_why(why, "no such host and port: tcp:%s: %s", host_port, gai_strerror(g));
		return E_PORT;
	}
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
		fd = connected(a->ai_family, a->ai_addr, a->ai_addrlen);
	if (fd < 0)
		explain(why, "tcp", host_port);
	freeaddrinfo(all);
	if (fd < 0)
		return E_PORT;
	/* Frames leave at once; a terminal server that lost its power is gone, not silent for a quarter of an hour. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unheard_ms, sizeof unheard_ms);
	*p = (struct port){ fd, NULL, -1 };
	return E_OK;
}
