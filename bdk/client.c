#include "bdk/client.h"
#include "base/host/file.h"
#include "base/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Is this room's configuration there, and does it have such a socket? */
static enum err look(struct client *c, const char *room, const char *name)
{
	static const struct {
		const char *socket, *purpose;
	} only[] = { { "station", "load" }, { "acquirer", "acquirer" } };
	char path[sizeof c->why + 16], purpose[16] = "", *rest = NULL;
	uint8_t text[8192];
	size_t len = 0;

	snprintf(path, sizeof path, "%s/room.conf", room);
	if (file_read(text, &len, sizeof text - 1, path)) {
		if (errno == EACCES)
			return E_OK; /* another user's room: its sockets say who may come in */
		if (access(room, F_OK))
			snprintf(c->why, sizeof c->why, "no such folder");
		else
			snprintf(c->why, sizeof c->why, "room.conf cannot be read: %s", strerror(errno));
		return E_ROOM;
	}
	text[len] = 0;
	for (char *line = strtok_r((char *)text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (sscanf(line, " purpose = %15s", purpose) == 1)
			break;
	for (size_t i = 0; i < sizeof only / sizeof only[0]; i++)
		if (!strcmp(only[i].socket, name) && strcmp(only[i].purpose, purpose)) {
			snprintf(c->why, sizeof c->why, "it is of purpose \"%s\", which has no %s socket", purpose,
				 name);
			return E_ROOM_PURPOSE;
		}
	return E_OK;
}

enum err client_open(struct client *c, const char *room, const char *socket_name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	enum err e;
	int dir;

	memset(c, 0, sizeof *c);
	c->fd = -1;
	e = look(c, room, socket_name);
	if (e)
		return e;
	/* A room's path may be longer than sun_path, so the folder is named by its descriptor. */
	dir = open(room, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return E_ROOM;
	snprintf(to.sun_path, sizeof to.sun_path, "/proc/self/fd/%d/%s.sock", dir, socket_name);
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) {
		e = errno == EACCES ? E_DENIED : E_UNREACHABLE;
		if (e == E_DENIED)
			snprintf(c->why, sizeof c->why, "this user may not use its %s socket: %s-user in room.conf", socket_name,
				 socket_name);
		else if (errno != ENOENT && errno != ECONNREFUSED)
			snprintf(c->why, sizeof c->why, "%s", strerror(errno));
		client_close(c);
	}
	close(dir);
	return e;
}

enum err client_patience(struct client *c, unsigned seconds)
{
	const struct timeval limit = { .tv_sec = (time_t)seconds };

	if (setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) ||
	    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit)) {
		client_close(c);
		return E_UNREACHABLE;
	}
	return E_OK;
}

enum err client_ask(struct client *c, const struct record *request)
{
	ssize_t n;

	wipe(c->in.b, c->in.len);
	c->in.len = 0;
	c->fields = (struct span){ NULL, 0 };
	c->why[0] = 0;
	if (request->e)
		return request->e;
	do
		n = send(c->fd, request->b, request->len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)request->len ? E_OK : E_UNREACHABLE;
}

enum err client_answer(struct client *c, const struct record *request)
{
	uint16_t op = 0;
	uint64_t result = 0;
	ssize_t n;

	do
		n = recv(c->fd, c->in.b, sizeof c->in.b, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return E_UNREACHABLE;
	c->in.len = (size_t)n < sizeof c->in.b ? (size_t)n : sizeof c->in.b;
	if (record_parse(&op, &c->fields, (struct span){ c->in.b, (size_t)n }) || op != get_be16(request->b) ||
	    field_number(&result, c->fields, F_RESULT, UINT16_MAX)) {
		c->fields = (struct span){ NULL, 0 };
		return E_FORMAT;
	}
	if (result && field_text(c->why, sizeof c->why, c->fields, F_WHY))
		c->why[0] = 0;
	return (enum err)result;
}

enum err client_call(struct client *c, const struct record *request)
{
	enum err e = client_ask(c, request);

	return e ? e : client_answer(c, request);
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	wipe(&c->in, sizeof c->in);
	c->fields = (struct span){ NULL, 0 };
}
