#include "base/host/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum err file_read(uint8_t *out, size_t *len, size_t size, const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : dup(STDIN_FILENO);
	size_t n = 0;
	ssize_t got = 0;
	uint8_t more;
	enum err e = E_OK;

	if (fd < 0)
		return E_IO;
	while (n < size && (got = read(fd, out + n, size - n)) > 0)
		n += (size_t)got;
	if (n == size && (got = read(fd, &more, 1)) > 0)
		e = E_SPACE;
	if (got < 0)
		e = E_IO;
	close(fd);
	if (!e)
		*len = n;
	return e;
}

enum err file_sync_folder(const char *path)
{
	char copy[PATH_MAX];
	int fd, bad;

	if (snprintf(copy, sizeof copy, "%s", path) >= (int)sizeof copy) {
		errno = ENAMETOOLONG;
		return E_IO;
	}
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return E_IO;
	bad = fsync(fd);
	close(fd);
	return bad ? E_IO : E_OK;
}

enum err file_write(const char *path, struct span content, mode_t mode)
{
	char temp[PATH_MAX];
	size_t done = 0;
	bool bad = false;
	int fd, saved;

	if (snprintf(temp, sizeof temp, "%s.new", path) >= (int)sizeof temp) {
		errno = ENAMETOOLONG;
		return E_IO;
	}
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return E_IO;
	while (!bad && done < content.len) {
		ssize_t n = write(fd, content.p + done, content.len - done);

		bad = n <= 0;
		done += bad ? 0 : (size_t)n;
	}
	bad = bad || fsync(fd);
	bad = close(fd) || bad;
	if (bad || rename(temp, path)) {
		saved = errno;
		unlink(temp);
		errno = saved;
		return E_IO;
	}
	return file_sync_folder(path);
}
