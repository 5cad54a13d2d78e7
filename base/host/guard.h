/*
 * The walls around a process that can see a key, built at the top of main().
 */
#ifndef KEYROOM_BASE_HOST_GUARD_H
#define KEYROOM_BASE_HOST_GUARD_H

#include "base/err.h"

#include <stdbool.h>

/*
 * guard_secrets - no core dumps, no ptrace by others of the same user, no new privileges, memory locked
 *
 *   locked  out  is memory locked? False where RLIMIT_MEMLOCK does not allow it: the caller warns or refuses
 *
 *   E_OK, E_INTERNAL (the kernel refused the first three)
 *
 * Shown by tests/system/walls.sh, which reads /proc.
 */
MUST_USE enum err guard_secrets(bool *locked);

#endif
