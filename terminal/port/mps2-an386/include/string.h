/*
 * What a freestanding build needs of <string.h>, without a C library: the four functions that the compiler may call
 * itself. mem.c has them.
 */
#ifndef KEYROOM_BOARD_STRING_H
#define KEYROOM_BOARD_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int c, size_t len);
int memcmp(const void *a, const void *b, size_t len);

#endif
