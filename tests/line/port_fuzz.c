/*
 * Ports' names of any bytes: each is refused with a result and a sentence that fits, and a serial line's name is taken
 * apart into a device and a speed that make it up. No port is touched: what the system would be asked is answered here.
 */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static volatile int refused = -1; /* the compiler is not told that no port ever opens */

static int stub_open(const char *path, int flags, ...)
{
	(void)path, (void)flags;
	errno = ENOENT;
	return refused;
}

static int stub_socket(int family, int type, int protocol)
{
	(void)family, (void)type, (void)protocol;
	errno = EMFILE;
	return refused;
}

static int stub_getaddrinfo(const char *host, const char *port, const struct addrinfo *want, struct addrinfo **all)
{
	if (!host || !*port || !want || strlen(host) >= 256)
		abort();
	*all = NULL;
	return EAI_NONAME;
}

#define open stub_open
#define socket stub_socket
#define getaddrinfo stub_getaddrinfo
#include "line/port.c"
#include "line/serial.c"
#include "line/socket.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[6000], device[PATH_MAX], made[sizeof name + 16], why[WHY];
	struct port *p;
	int baud = 0;
	enum err e;

	if (size >= sizeof name)
		return 0;
	if (size)
		memcpy(name, data, size);
	name[size] = 0;
	e = port_open(&p, name, why);
	if ((e != E_PORT && e != E_BAUD && e != E_USAGE) || p || !why[0] || !memchr(why, 0, sizeof why))
		abort();
	if (split(device, &baud, name, why))
		return 0;
	if (baud < 1 || baud > BAUD_MAX)
		abort();
	/* device alone, or device:speed, whose number may have zeros in front */
	if (strcmp(name, device)) {
		size_t n = strlen(device);

		snprintf(made, sizeof made, "%d", baud);
		if (strncmp(name, device, n) || name[n] != ':' || atoi(name + n + 1) != baud ||
		    strlen(name + n + 1) < strlen(made))
			abort();
	} else if (baud != BAUD) {
		abort();
	}
	return 0;
}
