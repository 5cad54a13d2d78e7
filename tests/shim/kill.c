/*
 * Test only, for LD_PRELOAD: kills a process just before the n-th act that anybody else could notice, so that a test
 * can have it die at every one of them in turn.
 *
 * An act is a write to a file or a socket, a sync, a truncation, a rename or an unlink. Reading is none: a process that
 * dies after it and before its next act leaves the same behind as one that dies before. Of stdio only fclose() counts,
 * for SoftHSM, which writes its objects in it.
 *
 *   KEYROOM_KILL      a file of struct control, written by the test at any time
 *   KEYROOM_KILL_LOG  a file; a line an act: who, number, act, target, length, and of what goes to a socket the bytes
 *   KEYROOM_NO_SYNC   if set, fsync and fdatasync are no acts and do nothing, as in a program that does not call them
 */
#include "carry.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* [0] is the program, [1] bdkd's worker. */
struct control {
	uint32_t at[2];    /* die before this act; 0: never */
	uint32_t count[2]; /* acts since the test set this to 0 */
};

static struct control none;
static volatile struct control *control = &none;
static int who;

__attribute__((constructor)) static void begin(int argc, char **argv)
{
	const char *path = getenv("KEYROOM_KILL");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	who = argc == 2 && !strcmp(argv[1], "--worker");
	if (fd < 0)
		return;
	p = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p != MAP_FAILED)
		control = p;
	close(fd);
}

static void note(uint32_t n, const char *act, const char *target, const uint8_t *bytes, size_t len)
{
	const char *path = getenv("KEYROOM_KILL_LOG");
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	char *line = fd < 0 ? NULL : malloc(2 * len + PATH_MAX + 64);
	int n_line = 0;

	if (line) {
		n_line = sprintf(line, "%d %u %s %s %zu ", who, n, act, target, len);
		for (size_t i = 0; bytes && i < len; i++)
			n_line += sprintf(line + n_line, "%02x", bytes[i]);
		dprintf(fd, "%s\n", line);
	}
	free(line);
	if (fd >= 0)
		close(fd);
}

static void act_on(const char *act, const char *target, const uint8_t *bytes, size_t len)
{
	uint32_t n = ++control->count[who];

	if (n == control->at[who])
		kill(getpid(), SIGKILL);
	note(n, act, target, bytes, len);
}

/* An act on a descriptor; one on a terminal or a pipe is only talk. */
static void act(const char *name, int fd, const void *bytes, size_t len)
{
	char link[32], target[PATH_MAX] = "?";
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode) || S_ISSOCK(st.st_mode)))
		return;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, target, sizeof target - 1);
	target[n > 0 ? n : 0] = 0;
	act_on(name, target, S_ISSOCK(st.st_mode) ? bytes : NULL, len);
}

#define NEXT(name) (*(void **)&next = dlsym(RTLD_NEXT, name))

ssize_t write(int fd, const void *p, size_t len)
{
	ssize_t (*next)(int, const void *, size_t);

	act("write", fd, p, len);
	NEXT("write");
	return next(fd, p, len);
}

ssize_t send(int fd, const void *p, size_t len, int flags)
{
	ssize_t (*next)(int, const void *, size_t, int);

	act("send", fd, p, len);
	NEXT("send");
	return next(fd, p, len, flags);
}

ssize_t pwrite64(int fd, const void *p, size_t len, off_t at)
{
	ssize_t (*next)(int, const void *, size_t, off_t);

	act("pwrite", fd, NULL, len);
	NEXT("pwrite64");
	return next(fd, p, len, at);
}

ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	return pwrite64(fd, p, len, at);
}

int ftruncate64(int fd, off_t len)
{
	int (*next)(int, off_t);

	act("ftruncate", fd, NULL, (size_t)len);
	NEXT("ftruncate64");
	return next(fd, len);
}

int ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

int fsync(int fd)
{
	int (*next)(int);

	if (getenv("KEYROOM_NO_SYNC"))
		return 0;
	act("sync", fd, NULL, 0);
	NEXT("fsync");
	return next(fd);
}

int fdatasync(int fd)
{
	int (*next)(int);

	if (getenv("KEYROOM_NO_SYNC"))
		return 0;
	act("sync", fd, NULL, 0);
	NEXT("fdatasync");
	return next(fd);
}

int fclose(FILE *f)
{
	int (*next)(FILE *);

	if ((fcntl(fileno(f), F_GETFL) & O_ACCMODE) != O_RDONLY)
		act("close", fileno(f), NULL, 0);
	NEXT("fclose");
	return next(f);
}

int rename(const char *from, const char *to)
{
	int (*next)(const char *, const char *);

	act_on("rename", to, NULL, 0);
	NEXT("rename");
	return next(from, to);
}

int unlink(const char *path)
{
	int (*next)(const char *);

	act_on("unlink", path, NULL, 0);
	NEXT("unlink");
	return next(path);
}

int unlinkat(int dir, const char *path, int flags)
{
	int (*next)(int, const char *, int);

	act_on("unlink", path, NULL, 0);
	NEXT("unlinkat");
	return next(dir, path, flags);
}
