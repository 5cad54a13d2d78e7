/*
 * What a person types at the terminal, and nobody sees: passphrases and components. Never an argument, the environment or
 * a pipe.
 */
#ifndef KEYROOM_BDK_CLI_PROMPT_H
#define KEYROOM_BDK_CLI_PROMPT_H

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

/* prompt_new_passphrase - asked for twice, and again until both are the same and of PASSPHRASE_MIN to _MAX bytes
 * (three times at most). False, having said why. */
bool prompt_new_passphrase(char out[], size_t *len, size_t size, const char *question, int *status);

#endif
