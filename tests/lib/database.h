/*
 * Databases of older versions, and processes that die while they bring them up.
 */
#ifndef KEYROOM_TESTS_LIB_DATABASE_H
#define KEYROOM_TESTS_LIB_DATABASE_H

#include <stdbool.h>

/* database_from - a new database at path from a file of SQL; exits 2 with a line when it cannot */
void database_from(const char *path, const char *sql_file);

/* database_number - what a query gives, asked over a connection of its own; exits 2 with a line when it gives nothing */
long long database_number(const char *path, const char *query);

/* database_killed - run open() in a process that is killed at its at-th write, sync, truncation, renaming or removal of
 * a file (0: at none). False: it lived to the end. Exits 2 when open() fails before */
bool database_killed(unsigned at, bool (*open)(void));

#endif
