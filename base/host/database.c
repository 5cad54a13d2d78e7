#include "base/host/database.h"
#include "base/host/file.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUSY_MS = 5000 };

/* Page by page into an empty file, which is taken out of WAL mode: it would need a log beside it. */
static enum err fill(const char *to, const char *path)
{
	sqlite3 *in = NULL, *out = NULL;
	sqlite3_backup *b = NULL;
	enum err e = E_IO;

	if (sqlite3_open_v2(path, &in, SQLITE_OPEN_READONLY, NULL) ||
	    sqlite3_open_v2(to, &out, SQLITE_OPEN_READWRITE, NULL))
		goto done;
	sqlite3_busy_timeout(in, BUSY_MS);
	b = sqlite3_backup_init(out, "main", in, "main");
	if (b && sqlite3_backup_step(b, -1) == SQLITE_DONE)
		e = E_OK;
	if (sqlite3_backup_finish(b) || (!e && sqlite3_exec(out, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL)))
		e = E_IO;
done:
	sqlite3_close(in);
	if (sqlite3_close(out))
		e = E_IO;
	return e;
}

enum err database_copy(const char *to, const char *path)
{
	char temp[PATH_MAX];
	struct stat st;
	int fd, bad;
	enum err e;

	if (snprintf(temp, sizeof temp, "%s.new", to) >= (int)sizeof temp || stat(path, &st))
		return E_IO;
	unlink(temp); /* of one that was killed */
	fd = open(temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777);
	if (fd < 0)
		return E_IO;
	e = fill(temp, path);
	bad = fsync(fd);
	bad = close(fd) || bad;
	if (!e && (bad || rename(temp, to)))
		e = E_IO;
	if (e) {
		unlink(temp);
		return e;
	}
	return file_sync_folder(to);
}

enum err database_migrate(sqlite3 *db, const char *path, const char *const step[], unsigned from, unsigned to)
{
	char kept[PATH_MAX];
	enum err e = E_OK;

	if (from == to)
		return E_OK;
	if (snprintf(kept, sizeof kept, "%s.v%u", path, from) >= (int)sizeof kept)
		return E_IO;
	e = database_copy(kept, path);
	for (unsigned v = from; !e && v < to; v++)
		if (sqlite3_exec(db, step[v], NULL, NULL, NULL))
			e = E_IO;
	return e;
}
