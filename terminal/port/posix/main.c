/*
 * The terminal as a Linux process.
 */
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/opt.h"
#include "base/serial.h"
#include "crypto/sha256.h"
#include "terminal/firmware.h"
#include "terminal/port/posix/posix.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static const char *nv_path, *link_address, *till_address, *serial, *root, *display_path, *loading = "always";

static const struct opt options[] = {
	{ "nv", "FILE", "non-volatile memory, made if it is missing", &nv_path, true },
	{ "link", "ADDR", "loading link: unix:PATH, tcp:HOST:PORT or pty:PATH", &link_address, true },
	{ "till", "ADDR", "till and keypad: likewise", &till_address, true },
	{ "serial", "S", "serial number, 1 to 32 of A-Z a-z 0-9 -", &serial, true },
	{ "root", "HEX64", "SHA-256 of the SPKI of the device CA that may enrol this terminal", &root, true },
	{ "display", "FILE", "append what the display shows to FILE as well", &display_path, false },
	{ "loading", "HOW", "loading key: always (pressed, unless told) or key (SIGUSR2 presses it)", &loading, false },
	{ 0 },
};

/* The firmware is this program: its digest is that of the file that runs. */
static enum err own_digest(uint8_t out[static 32])
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	enum err e = E_IO;
	struct stat st;
	void *p;

	if (fd < 0)
		return e;
	if (!fstat(fd, &st)) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p != MAP_FAILED) {
			e = sha256(out, &(struct span){ p, (size_t)st.st_size }, 1);
			munmap(p, (size_t)st.st_size);
		}
	}
	close(fd);
	return e;
}

/* Everything that can be wrong on the command line or in the file system. Returns the exit status. */
static int open_all(struct posix *p, struct port *port)
{
	char why[POSIX_WHY];
	size_t len = 0;
	enum err e;

	if (!serial_ok(serial, strlen(serial)))
		return fail_why(E_USAGE, "is not a serial number", "1 to 32 of A-Z a-z 0-9 -", "--serial %s", serial);
	if (hex_decode(port->root, &len, sizeof port->root, root, strlen(root)) || len != sizeof port->root)
		return fail_why(E_USAGE, "is not a SHA-256 digest", "64 hexadecimal digits", "--root %s", root);
	if (strcmp(loading, "always") && strcmp(loading, "key"))
		return fail_why(E_USAGE, "is no loading key", "always or key", "--loading %s", loading);
	p->always = !strcmp(loading, "always");
	port->serial = (struct span){ (const uint8_t *)serial, strlen(serial) };
	port->chip = port->serial; /* a process has no chip: its serial tells it from others */
	port->firmware = (struct span){ (const uint8_t *)"keyroom-posix " KEYROOM_VERSION,
					sizeof "keyroom-posix " KEYROOM_VERSION - 1 };
	if (own_digest(port->firmware_digest))
		return fail_say(E_IO, "/proc/self/exe");
	e = posix_nv_open(p, nv_path, why);
	if (e)
		return fail_why(e, why, e == E_ROOM_BUSY ? "stop that one first" : "", "--nv %s", nv_path);
	e = posix_uart_open(p, UART_LINK, link_address, why);
	if (e)
		return fail_why(e, why, "", "--link %s", link_address);
	e = posix_uart_open(p, UART_TILL, till_address, why);
	if (e)
		return fail_why(e, why, "", "--till %s", till_address);
	if (display_path) {
		p->display = fopen(display_path, "ae");
		if (!p->display)
			return fail_say(E_IO, "--display %s", display_path);
	}
	return EX_OK;
}

static int run(int operands, char **operand)
{
	static struct firmware firmware;
	static struct port port;
	static const struct posix_uart closed = { -1, -1, -1, "" };
	struct posix p = { .nv = -1, .uart = { closed, closed } };
	bool locked;
	enum err e;
	int status;

	(void)operands;
	(void)operand;
	e = guard_secrets(&locked);
	if (e)
		return fail_say(e, "guarding memory");
	if (!locked)
		fail_why(E_INTERNAL, "keys may reach the swap space", "raise the limit (ulimit -l)",
			 "memory is not locked");
	e = posix_signals();
	if (e)
		return fail_say(e, "signals");
	status = open_all(&p, &port);
	if (!status) {
		posix_port(&port, &p);
		e = firmware_start(&firmware, &port);
		if (e)
			status = fail_say(e, "--nv %s", nv_path);
		while (!e && firmware_step(&firmware))
			;
		firmware_stop(&firmware);
	}
	posix_close(&p);
	return status;
}

int main(int argc, char **argv)
{
	static const struct command command = {
		"terminal", "", "", options, 0, 0, run,
	};

	return opt_run(&command,
		       "Runs a payment terminal as a process. SIGUSR1 is its tamper switch, SIGUSR2 its loading key; SIGTERM powers it off.",
		       argc, argv);
}
