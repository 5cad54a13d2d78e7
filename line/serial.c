#include "line/stream.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BAUD 115200
#define BAUD_MAX 4000000

/*
 * "device:baud" taken apart. Device names may hold colons themselves (/dev/serial/by-path), so only a last part of
 * letters and digits is taken for a speed.
 */
static enum err split(char device[static PATH_MAX], int *baud, const char *name, char why[static WHY])
{
	const char *tail = strrchr(name, ':');
	size_t len = strlen(name);
	long v = BAUD;

	if (tail) {
		size_t n = 1;

		while (isalnum((unsigned char)tail[n]))
			n++;
		if (!tail[n]) {
			char *end;

			v = strtol(tail + 1, &end, 10);
			if (end == tail + 1 || *end || v < 1 || v > BAUD_MAX) {
				port_why(why, "not a speed in baud: \"%s\" of %s", tail + 1, name);
				return E_BAUD;
			}
			len = (size_t)(tail - name);
		}
	}
	if (len >= PATH_MAX) {
		port_why(why, "name too long: %.80s...", name);
		return E_PORT;
	}
	memcpy(device, name, len);
	device[len] = 0;
	*baud = (int)v;
	return E_OK;
}

/* Locked before libserialport touches its settings: somebody may be loading a terminal over this line right now. */
static enum err lock_device(int *lock, const char *device, char why[static WHY])
{
	int fd = open(device, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	enum err e = E_PORT;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ENODEV || errno == ENXIO))
		port_why(why, "no such port: %s", device);
	else if (fd < 0 && errno == EACCES)
		port_why(why, "no right to open %s: is this user in the group that owns it (dialout)?", device);
	else if ((fd < 0 && errno == EBUSY) || (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK))
		port_why(why, "in use by another program: %s", device);
	else if (fd < 0)
		port_why(why, "cannot open %s: %s", device, strerror(errno));
	else if (!isatty(fd))
		port_why(why, "not a serial port: %s", device);
	else
		e = E_OK;
	if (!e)
		*lock = fd;
	else if (fd >= 0)
		close(fd);
	return e;
}

/* 8N1 without handshake, at a speed that is read back: some drivers say OK to one that the chip cannot run. */
static enum err set_up(struct sp_port *sp, int baud, const char *device, char why[static WHY])
{
	struct sp_port_config *c = NULL;
	int got = -1;
	enum err e = E_PORT;

	if (sp_set_bits(sp, 8) || sp_set_parity(sp, SP_PARITY_NONE) || sp_set_stopbits(sp, 1) ||
	    sp_set_flowcontrol(sp, SP_FLOWCONTROL_NONE)) {
		port_why(why, "not a serial port that does 8N1: %s", device);
	} else if (sp_set_baudrate(sp, baud) || sp_new_config(&c) || sp_get_config(sp, c) ||
		   sp_get_config_baudrate(c, &got) || got != baud) {
		port_why(why, "%s does not run at %d baud", device, baud);
		e = E_BAUD;
	} else {
		e = E_OK;
	}
	if (c)
		sp_free_config(c);
	return e;
}

enum err serial_open(struct port *p, const char *name, char why[static WHY])
{
	char device[PATH_MAX], real[PATH_MAX];
	struct sp_port *sp = NULL;
	int baud, fd = -1, lock = -1;
	enum err e;

	e = split(device, &baud, name, why);
	if (!e)
		e = lock_device(&lock, device, why);
	if (e)
		goto done;
	e = E_PORT;
	/* libserialport knows no symbolic links; /dev/serial/by-id is made of them. */
	if (!realpath(device, real) || sp_get_port_by_name(real, &sp)) {
		port_why(why, "not a serial port: %s", device);
		goto done;
	}
	if (sp_open(sp, SP_MODE_READ_WRITE) || sp_get_port_handle(sp, &fd)) {
		port_why(why, "cannot open %s: %s", device, strerror(errno));
		goto done;
	}
	e = set_up(sp, baud, device, why);
	if (e)
		goto done;
	ioctl(fd, TIOCEXCL); /* against programs that do not ask for the lock */
	*p = (struct port){ fd, sp, lock };
done:
	if (e && sp) {
		if (fd >= 0)
			sp_close(sp);
		sp_free_port(sp);
	}
	if (e && lock >= 0)
		close(lock);
	return e;
}

void serial_close(struct port *p)
{
	ioctl(p->fd, TIOCNXCL);
	sp_close(p->serial);
	sp_free_port(p->serial);
	close(p->lock);
}
