/*
 * Secrets: clearing them, and comparing them without telling where they differ.
 */
#ifndef KEYROOM_BASE_WIPE_H
#define KEYROOM_BASE_WIPE_H

#include <stdbool.h>
#include <stddef.h>

/* wipe - set len bytes at p to zero in a way that no optimiser removes */
void wipe(void *p, size_t len);

/* ct_equal - are len bytes at a and b the same? The time taken depends on len alone. */
bool ct_equal(const void *a, const void *b, size_t len);

#endif
