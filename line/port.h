/*
 * Ports: a byte stream to a terminal, by name.
 *
 *     /dev/ttyUSB0[:baud]   a serial line through libserialport, 8N1, 115200 baud unless told; locked for this process
 *     tcp:host:port         a terminal server
 *     unix:path             a UNIX socket
 */
#ifndef KEYROOM_LINE_PORT_H
#define KEYROOM_LINE_PORT_H

#include "base/err.h"

#include <stddef.h>

struct port;

/*
 * port_open - open a port by name
 *
 *   p     out  NULL on an error; else the caller's to close
 *   why   out  one sentence for people that names the port and what is wrong; "" on E_OK
 *
 *   E_OK, E_PORT (no such port, no rights, locked by another), E_BAUD (not a number, or the port reads back another
 *   speed than the one asked for), E_USAGE (none of the three forms)
 */
MUST_USE enum err port_open(struct port **p, const char *name, char why[static 160]);

/* port_close - NULL is fine */
void port_close(struct port *p);

/*
 * port_read - what is there, up to size bytes; waits timeout_ms at most for the first
 *
 *   len  out  0 with E_OK means the time is over
 *
 *   E_OK, E_GONE (unplugged, or the peer closed), E_IO
 */
MUST_USE enum err port_read(struct port *p, uint8_t *out, size_t *len, size_t size, unsigned timeout_ms);

/* port_write - all of it, or an error. E_OK, E_GONE, E_IO, E_TIMEOUT (the line takes nothing for timeout_ms) */
MUST_USE enum err port_write(struct port *p, const uint8_t *in, size_t len, unsigned timeout_ms);

#endif
