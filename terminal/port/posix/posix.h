/*
 * The terminal's hardware as a process has it: a file for the non-volatile memory, sockets or pseudo-terminals for the
 * UARTs, standard output for the display, the kernel for entropy, SIGUSR1 for the tamper switch, SIGUSR2 for the loading key.
 *
 * A file system may keep old blocks (copy on write, journals, flash): this memory is durable, but not one that forgets
 * as battery-backed SRAM does. That is what a simulation cannot give.
 */
#ifndef KEYROOM_TERMINAL_PORT_POSIX_H
#define KEYROOM_TERMINAL_PORT_POSIX_H

#include "terminal/port.h"

#include <stdio.h>

#define POSIX_NV (64 * 1024)
#define POSIX_WHY 160

struct posix_uart {
	int listener;   /* -1: a pty, which has no peers that come and go */
	int fd;         /* -1: nobody is there */
	int slave;      /* of a pty: held open, so that the master outlives its users; else -1 */
	char path[108]; /* to remove at the end: socket or symbolic link; "" if none */
};

struct posix {
	int nv;
	FILE *display; /* second display, or NULL */
	bool always;   /* the loading key stays pressed */
	struct posix_uart uart[UARTS];
};

/*
 * posix_nv_open - the memory in a file, made if it is missing, locked for this process
 *
 *   why  out  one sentence for people; "" on E_OK
 *
 *   E_OK, E_STORE, E_ROOM_BUSY (another process has it: sysexits' "try again later")
 */
MUST_USE enum err posix_nv_open(struct posix *p, const char *path, char why[static POSIX_WHY]);

/* posix_nv - the memory's part of posix_port() */
void posix_nv(struct port *port);

/*
 * posix_uart_open - a UART at an address
 *
 *     unix:PATH        listens on a UNIX socket
 *     tcp:HOST:PORT    listens
 *     pty:PATH         a pseudo-terminal; PATH becomes a symbolic link to its device
 *
 * One peer at a time; when it leaves, the next may come. E_OK, E_USAGE (none of the three), E_PORT
 */
MUST_USE enum err posix_uart_open(struct posix *p, enum uart u, const char *address, char why[static POSIX_WHY]);

/* posix_signals - SIGTERM and SIGINT stop, SIGUSR1 is the tamper switch, SIGUSR2 the loading key. E_OK, E_IO */
MUST_USE enum err posix_signals(void);

/* posix_port - fill in the functions, ctx and nv_size */
void posix_port(struct port *port, struct posix *p);

/* posix_close - let go of everything, remove sockets and links */
void posix_close(struct posix *p);

#endif
