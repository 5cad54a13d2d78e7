/*
 * One-line errors and exit statuses. Every program says what went wrong, why, and what to do, on one line of standard
 * error: "kif: slot 0 of TC1: the slot holds a key already; choose another slot, or zeroize this one first".
 */
#ifndef KEYROOM_BASE_HOST_FAIL_H
#define KEYROOM_BASE_HOST_FAIL_H

#include "base/err.h"

/* fail_program - the name that the lines begin with; first thing in main() */
void fail_program(const char *name);

/* fail_say - print "program: WHAT: err_text(e); err_hint(e)", WHAT being the formatted text without a newline.
 * Returns err_exit(e), so that main() can return it. */
int fail_say(enum err e, const char *what, ...) __attribute__((format(printf, 2, 3)));

/* fail_why - the same with a reason and a hint of the caller's in place of the general ones; hint may be "" or NULL */
int fail_why(enum err e, const char *why, const char *hint, const char *what, ...)
	__attribute__((format(printf, 4, 5)));

/* fail_memory - there is no memory to go on with: say so on one line, and end the process with EX_OSERR. For programs
 * whose work may be cut off anywhere; bdkd, which serves others, refuses the request instead. */
_Noreturn void fail_memory(void);

#endif
