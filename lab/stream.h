/*
 * Stanzas in, stanzas out, in order, in constant memory.
 */
#ifndef KEYROOM_LAB_STREAM_H
#define KEYROOM_LAB_STREAM_H

#include "base/host/stanza.h"

/* stream_print - one stanza and the blank line that ends it */
void stream_print(FILE *out, const struct stanza *s);

/*
 * stream_answer - answer every stanza of a stream
 *
 *   command  in      as command_answer() has it
 *   first    in/out  why the first stanza that was refused was; E_OK as long as none was
 *   count    in/out  stanzas
 *
 * A stanza that breaks the format is refused like any other, and the next one is answered. An answer is written before
 * the stream is waited for, so that a program may ask and read by turns.
 *
 *   E_OK, E_IO (in or out; errno says why)
 */
MUST_USE enum err stream_answer(FILE *out, FILE *in, const char *command, enum err *first, unsigned long *count);

#endif
