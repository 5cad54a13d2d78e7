#include "terminal/port/posix/posix.h"
#include "base/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum err posix_nv_open(struct posix *p, const char *path, char why[static POSIX_WHY])
{
	enum err e = E_STORE;
	struct stat st;
	int fd;

	why[0] = 0;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstat(fd, &st)) {
		snprintf(why, POSIX_WHY, "%s", strerror(errno));
	} else if (flock(fd, LOCK_EX | LOCK_NB)) {
		snprintf(why, POSIX_WHY, "%s", errno == EWOULDBLOCK ? "another terminal runs on it" : strerror(errno));
		e = errno == EWOULDBLOCK ? E_ROOM_BUSY : E_STORE;
	} else if (!S_ISREG(st.st_mode) || (st.st_size && st.st_size != POSIX_NV)) {
		snprintf(why, POSIX_WHY, "not a terminal's memory: %d bytes are expected", POSIX_NV);
	} else if ((!st.st_size && ftruncate(fd, POSIX_NV)) || fsync(fd) || file_sync_folder(path)) {
		/* synced every time: whoever made the file may have died before its name was durable */
		snprintf(why, POSIX_WHY, "%s", strerror(errno));
	} else {
		e = E_OK;
	}
	if (!e)
		p->nv = fd;
	else if (fd >= 0)
		close(fd);
	return e;
}

static bool inside(uint32_t at, size_t len)
{
	return at <= POSIX_NV && len <= POSIX_NV - at;
}

static enum err nv_read(void *ctx, uint32_t at, uint8_t *out, size_t len)
{
	const struct posix *p = ctx;

	return inside(at, len) && pread(p->nv, out, len, at) == (ssize_t)len ? E_OK : E_STORE;
}

static enum err nv_write(void *ctx, uint32_t at, const uint8_t *in, size_t len)
{
	const struct posix *p = ctx;

	return inside(at, len) && pwrite(p->nv, in, len, at) == (ssize_t)len && !fdatasync(p->nv) ? E_OK : E_STORE;
}

void posix_nv(struct port *port)
{
	port->nv_size = POSIX_NV;
	port->nv_read = nv_read;
	port->nv_write = nv_write;
}
