#include "bdk/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/acl.h>
#include <acl/libacl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CA = 1 << ROOM_CA, LOAD = 1 << ROOM_LOAD, ACQ = 1 << ROOM_ACQUIRER, ANY = CA | LOAD | ACQ };
enum { ACL_MAX = 64 + 24 * USERS_MAX * ROLES, HANDED = 3 /* SD_LISTEN_FDS_START */ };

static const struct {
	const char *name, *socket;
	unsigned purposes;
} doors[ROLES] = {
	[ROLE_PEOPLE] = { "people", "people.sock", ANY },
	[ROLE_STATION] = { "station", "station.sock", LOAD },
	[ROLE_ACQUIRER] = { "acquirer", "acquirer.sock", ACQ },
};

const char *door_name(enum role role)
{
	return doors[role].name;
}

bool door_there(enum role role, enum room_purpose purpose)
{
	return doors[role].purposes & 1u << purpose;
}

/* --- Who, and what systemd has made ------------------------------------------------------------------------------- */

static bool listens(int fd)
{
	int type = 0, family = 0, accepts = 0;
	socklen_t len = sizeof type;

	return !getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) && type == SOCK_SEQPACKET &&
	       !getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) && family == AF_UNIX &&
	       !getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len) && accepts;
}

static enum err take(struct door door[static ROLES], enum room_purpose purpose, int fd, const char *name,
		     char why[static ROOM_WHY])
{
	for (int i = 0; i < ROLES; i++) {
		if (strcmp(name, doors[i].name) || !door_there((enum role)i, purpose) || door[i].listener >= 0)
			continue;
		if (!listens(fd) || fcntl(fd, F_SETFD, FD_CLOEXEC) || fcntl(fd, F_SETFL, O_NONBLOCK)) {
			snprintf(why, ROOM_WHY, "the socket \"%.20s\" that was handed over does not listen for records "
						"(ListenSequentialPacket=)", name);
			return E_ROOM;
		}
		door[i].listener = fd;
		return E_OK;
	}
	snprintf(why, ROOM_WHY, "a socket \"%.20s\" was handed over, which this room has not, or has already "
				"(FileDescriptorName=)", name);
	return E_ROOM;
}

/* The protocol of sd_listen_fds(3): descriptors from 3 on, if they are meant for this process. */
static enum err take_handed(struct door door[static ROLES], enum room_purpose purpose, char why[static ROOM_WHY])
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS"), *text = getenv("LISTEN_FDNAMES");
	char names[256], *rest = NULL, *name;
	enum err e = E_OK;
	int n = 0;

	if (pid && count && strtol(pid, NULL, 10) == (long)getpid())
		n = (int)strtol(count, NULL, 10);
	snprintf(names, sizeof names, "%s", text ? text : "");
	name = strtok_r(names, ":", &rest);
	for (int i = 0; !e && i < n; i++) {
		e = take(door, purpose, HANDED + i, name ? name : "without a name", why);
		name = strtok_r(NULL, ":", &rest);
	}
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	return e;
}

enum err doors_find(struct door door[static ROLES], const struct room_config *c, char why[static ROOM_WHY])
{
	const char *const named[ROLES] = { c->people_user, c->station_user, c->acquirer_user };
	enum err e = E_OK;

	for (int i = 0; i < ROLES; i++) {
		door[i].listener = -1;
		door[i].handed = false;
		door[i].users.n = 0;
	}
	for (int i = 0; !e && i < ROLES; i++)
		e = users_find(&door[i].users, named[i], why);
	if (!e)
		e = take_handed(door, c->purpose, why);
	for (int i = 0; i < ROLES; i++)
		door[i].handed = door[i].listener >= 0;
	return e;
}

/* --- Open and closed ---------------------------------------------------------------------------------------------- */

/* Gives these users, besides the owner, these rights; they come one after the other and may come twice. */
static bool grant(const char *path, const char *owner, const char *rights, const struct users *u, size_t n)
{
	char text[ACL_MAX];
	size_t len = (size_t)snprintf(text, sizeof text, "u::%s,g::-,o::-,m::%s", owner, rights);
	bool good;
	acl_t acl;

	for (size_t i = 0; i < n; i++)
		for (unsigned j = 0; j < u[i].n; j++) {
			char entry[24];

			snprintf(entry, sizeof entry, ",u:%u:", (unsigned)u[i].uid[j]);
			if (!strstr(text, entry))
				len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", entry, rights);
		}
	acl = acl_from_text(text);
	good = acl && !acl_set_file(path, ACL_TYPE_ACCESS, acl);
	acl_free(acl);
	return good;
}

/* The folder lets those pass who have a door of their own; the rest is as it was. */
static bool open_folder(const struct door door[static ROLES], const char *dir)
{
	struct users u[ROLES];
	unsigned named = 0;

	for (int i = 0; i < ROLES; i++) {
		u[i] = door[i].users;
		named += u[i].n;
	}
	if (named)
		return grant(dir, "rwx", "x", u, ROLES);
	return acl_extended_file(dir) <= 0 || !chmod(dir, 0700);
}

static int listen_at(int dir, const char *name)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	mode_t before;
	int fd, bad;

	/* A room's path may be longer than sun_path, so the folder is named by its descriptor. */
	snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/%s", dir, name);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	unlinkat(dir, name, 0); /* left by one that was killed: we hold the room's lock */
	before = umask(0177);
	bad = bind(fd, (struct sockaddr *)&at, sizeof at);
	umask(before);
	if (bad || listen(fd, 16)) {
		bad = errno;
		close(fd);
		errno = bad;
		return -1;
	}
	return fd;
}

enum err doors_open(struct door door[static ROLES], const char *dir, enum room_purpose purpose,
		    char why[static ROOM_WHY])
{
	int folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[PATH_MAX + 16];
	bool good = folder >= 0;

	for (int i = 0; good && i < ROLES; i++) {
		if (!door_there((enum role)i, purpose) || door[i].handed)
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, doors[i].socket);
		door[i].listener = listen_at(folder, doors[i].socket);
		good = door[i].listener >= 0 && (!door[i].users.n || grant(path, "rw", "rw", &door[i].users, 1));
		if (!good)
			snprintf(why, ROOM_WHY, "%s: %s", doors[i].socket, strerror(errno));
	}
	if (good && !open_folder(door, dir)) {
		good = false;
		snprintf(why, ROOM_WHY, "the folder cannot be opened to those that room.conf names: %s", strerror(errno));
	}
	if (folder >= 0)
		close(folder);
	else
		snprintf(why, ROOM_WHY, "%s", strerror(errno));
	if (!good)
		doors_close(door, dir);
	return good ? E_OK : E_IO;
}

void doors_close(struct door door[static ROLES], const char *dir)
{
	char path[PATH_MAX + 16];

	for (int i = 0; i < ROLES; i++) {
		if (door[i].listener < 0)
			continue;
		close(door[i].listener);
		door[i].listener = -1;
		snprintf(path, sizeof path, "%s/%s", dir, doors[i].socket);
		if (!door[i].handed)
			unlink(path);
	}
}
