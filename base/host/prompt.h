/*
 * What a person types at the terminal, or is shown there, and nobody else sees: passphrases and components. Never an argument, the environment or
 * a pipe.
 */
#ifndef KEYROOM_BASE_HOST_PROMPT_H
#define KEYROOM_BASE_HOST_PROMPT_H

#include "base/bytes.h"

#include <stdbool.h>

/*
 * prompt_secret - a line typed on the controlling terminal, echo off; the terminal is as it was however this ends
 *
 *   out       out  at most size - 1 bytes without the line end, then zeros: the caller's to wipe
 *   len       out  their number
 *   question  in   printed before it, with ": "
 *
 * False, having said why (no terminal, the line is empty or too long, end of input); *status is the exit status then.
 */
bool prompt_secret(char out[], size_t *len, size_t size, const char *question, int *status);

/* prompt_new_secret - asked for twice, and again until both are the same and of least to size - 1 bytes (three times at
 * most). False, having said why. */
bool prompt_new_secret(char out[], size_t *len, size_t size, size_t least, const char *question, int *status);

/*
 * prompt_groups - what was typed of hex digits in groups of four, on top of what was typed before
 *
 *   out   in/out  size bytes, an even number; *got of them are there already
 *   line  in      whole groups, with blanks or without, at most as many as are missing; or "-": one group back
 *
 *   E_OK, E_FORMAT (anything else: out and *got are as they were). Runs in a time that depends on the line's form alone.
 */
MUST_USE enum err prompt_groups(uint8_t out[], size_t *got, size_t size, const char *line);

/* prompt_digits - size bytes (at most PROMPT_DIGITS) as hex digits, echo off, asked for group by group; a group that is none is
 * asked for again, five times in a row at most. As prompt_secret() otherwise; out is wiped on an error. */
#define PROMPT_DIGITS 32
bool prompt_digits(uint8_t out[], size_t size, const char *question, int *status);

/* prompt_yes - a question to be answered with yes or no, in words, which are shown. False, having said why */
bool prompt_yes(bool *yes, const char *question, int *status);

/* prompt_show - text on the controlling terminal until a key is pressed there, and then nothing of it: the screen and what had
 * been scrolled off it are cleared, also when the terminal hangs up. False, having said why (no terminal) */
bool prompt_show(const char *text, int *status);

#endif
