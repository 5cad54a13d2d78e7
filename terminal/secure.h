/*
 * Decisions that one glitch must not turn. A pulse on supply or clock makes a processor skip an instruction; where a
 * decision is one branch, the skip decides.
 *
 * Each check is made twice. What it says goes into a sum by arithmetic, not by a branch: a check that says E_OK adds its
 * mark, any other result adds something else, and a check that was not made adds nothing. So only a struct whose checks
 * all were made and passed, in both sums, holds the marks that are asked for; whoever acts on it asks twice, at two
 * places. tests/terminal/secure_test.c, and on the board tests/system/skips.sh, which skips each instruction in turn.
 *
 * Built with SECURE_UNHARDENED this is the twin without any of it, for tests to catch: one check, one branch.
 */
#ifndef KEYROOM_TERMINAL_SECURE_H
#define KEYROOM_TERMINAL_SECURE_H

#include "base/err.h"

/* Far apart from each other, from their sums, from zero and from small numbers. */
#define SECURE_ROOT UINT32_C(0x3a5cc96b)
#define SECURE_OWN UINT32_C(0xc3a6591d)
#define SECURE_ENVIRONMENT UINT32_C(0x5996a3e7)
#define SECURE_CERTIFICATE UINT32_C(0xa63c6a95)
#define SECURE_EPOCH UINT32_C(0x6ac53953)
#define SECURE_SIGNATURE UINT32_C(0x9c53c6a9)
#define SECURE_EMPTIED UINT32_C(0x35a99c6e)
#define SECURE_REPEAT UINT32_C(0xca593695)
#define SECURE_FITS UINT32_C(0x5c6a95c3)

#define SECURE_YES UINT32_C(0x96695aa5)

/* What has been passed; zero it to begin. */
struct secure {
	volatile uint32_t sum, inverse;
};

/* A check, which says what it found and which check it is: so one that is made in another's place adds nothing to that. */
typedef enum err secure_check(uint32_t *mark, void *ctx);

/* secure_add - make a check twice (once, if it fails) and add its mark. What it says. Make each check once a session: a
 * mark that is added twice is one that nobody asks for */
MUST_USE enum err secure_add(struct secure *s, secure_check *check, void *ctx);

/* secure_passed - SECURE_YES if the checks passed are those of these marks, added up; any other number if not */
MUST_USE uint32_t secure_passed(const struct secure *s, uint32_t marks);

#endif
