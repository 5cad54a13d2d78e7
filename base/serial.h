/*
 * Serials of terminals.
 */
#ifndef KEYROOM_BASE_SERIAL_H
#define KEYROOM_BASE_SERIAL_H

#include <stdbool.h>
#include <stddef.h>

#define SERIAL_MAX 32	/* characters */

/* serial_ok - may a terminal be called that? 1 to SERIAL_MAX of [A-Za-z0-9-] */
bool serial_ok(const char *text, size_t len);

#endif
