/*
 * Is this the passphrase? scrypt takes a quarter of a second, in which the supervisor serves others: it is a process
 * (bdk/process.h) that finds out, one for each login, which has nothing but the verifier and what was typed, builds the walls of a
 * parser, answers one byte and ends.
 */
#ifndef KEYROOM_BDK_PROOF_H
#define KEYROOM_BDK_PROOF_H

#include "bdk/passphrase.h"

#include <stdbool.h>
#include <sys/types.h>

#define PROOF_SECONDS 30

struct proof {
	int fd; /* -1: none is under way; readable once it has an answer */
	pid_t pid;
};

/* proof_start - where none is under way. strict: without one of its walls there is no answer. E_OK, E_RANGE (no passphrase of 1
 * to PASSPHRASE_MAX bytes), E_INTERNAL */
MUST_USE enum err proof_start(struct proof *p, const struct passphrase_verifier *v, struct span phrase, bool strict);

/* proof_take - wait for the answer, PROOF_SECONDS at most; none is under way then. passphrase_verify()'s, or E_INTERNAL (it
 * has died, or has not answered) */
MUST_USE enum err proof_take(struct proof *p);

/* proof_end - without its answer; fine where none is under way */
void proof_end(struct proof *p);

/* proof_main - its whole life, in its own process */
void proof_main(void);

#endif
