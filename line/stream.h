/*
 * The two kinds of port, between port.c, serial.c and socket.c.
 */
#ifndef KEYROOM_LINE_STREAM_H
#define KEYROOM_LINE_STREAM_H

#include "line/port.h"

#include <libserialport.h>
#include <stdint.h>

#define WHY 160

struct port {
	int fd;                 /* non-blocking: wait on it, and close it where serial is NULL */
	struct sp_port *serial; /* NULL for a socket */
	int lock;               /* of a serial line: an open file that holds the lock */
};

/* serial_open, unix_open, tcp_open - as port_open; p is written only on E_OK */
MUST_USE enum err serial_open(struct port *p, const char *name, char why[static WHY]);
MUST_USE enum err unix_open(struct port *p, const char *path, char why[static WHY]);
MUST_USE enum err tcp_open(struct port *p, const char *host_port, char why[static WHY]);

/* serial_close - gives the line back to others */
void serial_close(struct port *p);

/* port_why - a sentence for people, cut to fit */
__attribute__((format(printf, 2, 3))) void port_why(char why[static WHY], const char *format, ...);

/* line_now_ms - milliseconds by a clock that nobody sets */
uint64_t line_now_ms(void);

#endif
