/*
 * Hexadecimal text. Upper case out; either case in; no blanks, no 0x.
 */
#ifndef KEYROOM_BASE_HEX_H
#define KEYROOM_BASE_HEX_H

#include "base/err.h"

#include <stddef.h>

/*
 * hex_encode - text of bytes
 *
 *   out  out  2*len characters and a NUL
 *   in   in   len bytes
 */
void hex_encode(char *out, const uint8_t *in, size_t len);

/*
 * hex_decode - bytes of text
 *
 *   out   out  at most size bytes; on any error they are wiped
 *   len   out  how many were written
 *   text  in   chars characters, an even number
 *
 *   E_OK, E_FORMAT (odd number, or not a digit), E_SPACE (more than size bytes)
 *
 * Runs in a time that depends on chars alone, so it may read keys.
 */
MUST_USE enum err hex_decode(uint8_t *out, size_t *len, size_t size, const char *text, size_t chars);

#endif
