#include "tests/lib/database.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void quit(const char *path, const char *what)
{
	fprintf(stderr, "%s: %s\n", path, what);
	exit(2);
}

void database_from(const char *path, const char *sql_file)
{
	static char sql[65536];
	FILE *f = fopen(sql_file, "r");
	sqlite3 *db = NULL;
	char *why = NULL;

	if (!f || !(sql[fread(sql, 1, sizeof sql - 1, f)] = 0, feof(f)))
		quit(sql_file, "cannot be read");
	fclose(f);
	if (sqlite3_open(path, &db) || sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, &why) ||
	    sqlite3_exec(db, sql, NULL, NULL, &why))
		quit(path, why ? why : "cannot be made");
	sqlite3_close(db);
}

long long database_number(const char *path, const char *query)
{
	sqlite3_stmt *s = NULL;
	sqlite3 *db = NULL;
	long long v;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) ||
	    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) || sqlite3_prepare_v2(db, query, -1, &s, NULL) ||
	    sqlite3_step(s) != SQLITE_ROW)
		quit(path, sqlite3_errmsg(db));
	v = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return v;
}

/* --- The way to the system, SQLite's and our own, with a death in it ---------------------------------------------- */

static bool mortal;   /* this process is one of database_killed() */
static unsigned left; /* acts until its death; 0: never */

static void act(void)
{
	if (left && !--left)
		raise(SIGKILL);
}

static ssize_t write_at(int fd, const void *p, size_t len, off_t at)
{
	act();
	return pwrite(fd, p, len, at);
}

static int cut(int fd, off_t len)
{
	act();
	return ftruncate(fd, len);
}

static int remove_file(const char *path)
{
	act();
	return unlink(path);
}

/* In place of the C library's: what SQLite has in no table of its own, and what our own code calls. A process that dies
 * leaves the page cache as it is, so its test need not wait for a disk. */
int fsync(int fd)
{
	act();
	return mortal ? 0 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	act();
	return mortal ? 0 : (int)syscall(SYS_fdatasync, fd);
}

int rename(const char *from, const char *to)
{
	act();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

bool database_killed(unsigned at, bool (*open)(void))
{
	static const struct {
		const char *name;
		sqlite3_syscall_ptr call;
	} calls[] = {
		{ "pwrite", (sqlite3_syscall_ptr)write_at },   { "pwrite64", (sqlite3_syscall_ptr)write_at },
		{ "ftruncate", (sqlite3_syscall_ptr)cut },     { "unlink", (sqlite3_syscall_ptr)remove_file },
	};
	sqlite3_vfs *vfs;
	int status;
	pid_t child = fork();

	if (!child) {
		sqlite3_initialize();
		vfs = sqlite3_vfs_find(NULL);
		for (unsigned i = 0; i < sizeof calls / sizeof *calls; i++)
			vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call);
		mortal = true;
		left = at;
		_exit(open() ? 0 : 1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status)))
		quit("a process that opens a database", "fails by itself");
	return WIFSIGNALED(status);
}
