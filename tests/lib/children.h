/*
 * bdkd's own processes, as /proc shows them.
 */
#ifndef KEYROOM_TESTS_LIB_CHILDREN_H
#define KEYROOM_TESTS_LIB_CHILDREN_H

#include <sys/types.h>

/* children - those of a supervisor that are there for one thing ("--worker", "--parser"), in the order of their start; at
 * most size. One that has just been forked or is dead is none. Returns how many. */
unsigned children(pid_t *pid, unsigned size, pid_t supervisor, const char *what);

#endif
