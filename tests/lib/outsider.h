/*
 * A partner who has a KBPK and OpenSSL, and none of this project's code: opens X9.143 key blocks of versions B and D.
 */
#ifndef KEYROOM_TESTS_LIB_OUTSIDER_H
#define KEYROOM_TESTS_LIB_OUTSIDER_H

#include "crypto/key.h"

#include <stdbool.h>

/* outsider_open - the key in a block, as its MAC vouches for it; true, or false: the MAC is another */
bool outsider_open(struct key *out, const char *text, size_t len, const struct key *kbpk);

/* outsider_believe - the twin, who looks at no MAC: true if there seems to be a key of 16, 24 or 32 bytes in it */
bool outsider_believe(struct key *out, const char *text, size_t len, const struct key *kbpk);

#endif
