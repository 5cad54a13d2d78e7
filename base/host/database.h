/*
 * What our SQLite files have in common: a durable copy, and an older version brought up to this one.
 */
#ifndef KEYROOM_BASE_HOST_DATABASE_H
#define KEYROOM_BASE_HOST_DATABASE_H

#include "base/err.h"

#include <sqlite3.h>

/*
 * database_copy - all that is committed in the database at path, as one file without a log beside it
 *
 *   to  in  its name: the copy is there whole and durable, or not at all; one of that name is replaced. It has path's
 *           mode.
 *
 * Others may read and write path meanwhile. E_OK, E_IO
 */
MUST_USE enum err database_copy(const char *to, const char *path);

/*
 * database_migrate - inside the caller's write transaction on db: from one version of its tables to a later one
 *
 *   path  in  of its file: what it held stays beside it as PATH.v1, PATH.v2 ..., durable before the first step
 *   step  in  step[v] is the SQL that makes version v + 1 out of version v
 *
 * The caller writes the version into the file and commits: a process that is killed anywhere in between leaves the old
 * version, and the next one begins again. E_OK (also: from is to already), E_IO
 */
MUST_USE enum err database_migrate(sqlite3 *db, const char *path, const char *const step[], unsigned from, unsigned to);

#endif
