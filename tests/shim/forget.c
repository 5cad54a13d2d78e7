/*
 * Test only, for LD_PRELOAD: a broken bdkd, whose audit lacks what KEYROOM_FORGET says ("'state'"): the act is done, and its record is
 * not written. The chain of the others is whole.
 */
#include <dlfcn.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

int sqlite3_step(sqlite3_stmt *s)
{
	int (*next)(sqlite3_stmt *) = NULL;
	const char *what = getenv("KEYROOM_FORGET"), *sql = sqlite3_sql(s);
	char *bound = what && sql && !strncmp(sql, "INSERT INTO audit", 17) ? sqlite3_expanded_sql(s) : NULL;
	/* done, and not refused: its reason is empty */
	int forget = bound && strstr(bound, what) && strstr(bound, ", '', x'");

	sqlite3_free(bound);
	*(void **)&next = dlsym(RTLD_NEXT, "sqlite3_step");
	return forget ? SQLITE_DONE : next(s);
}
