/*
 * Test only, for LD_PRELOAD: a disk that knows only what it was told to keep.
 *
 * KEYROOM_DISK names a folder that stands for the disk. fsync and fdatasync of a file copy its whole content there, of
 * a folder its names; nothing else reaches it. When the power goes, a test throws the real files away and puts the disk
 * in their place (Machine.cut in tests/survive/world.py): every byte and every name that was not synced is gone, and so
 * is what was synced only in part.
 *
 *   DISK/f-ID   content of a file
 *   DISK/d-ID   a folder: a line a name, "f ID MODE NAME" or "d ID MODE NAME"
 *
 * ID is inode and time of birth, since inodes are given out again. Real syncs are not made: SIGKILL keeps the page
 * cache.
 */
#include "carry.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

struct id {
	char text[64];
	mode_t mode;
};

static int identify(struct id *id, int dir, const char *name)
{
	struct statx x;

	if (statx(dir, name, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_INO | STATX_BTIME | STATX_MODE, &x) ||
	    !(x.stx_mask & STATX_BTIME))
		return -1;
	id->mode = x.stx_mode;
	snprintf(id->text, sizeof id->text, "%llu-%lld.%u", (unsigned long long)x.stx_ino,
		 (long long)x.stx_btime.tv_sec, x.stx_btime.tv_nsec);
	return 0;
}

/*
 * A file's content, at offsets of our own. A second descriptor only where the first cannot be read: closing one gives
 * up the locks that the process holds on the file, and SQLite holds some.
 */
static int keep_file(int fd, const char *to)
{
	int in = fd, out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), bad;
	char self[32];
	off_t at = 0;
	uint8_t part[65536];
	ssize_t n;

	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) {
		snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
		in = open(self, O_RDONLY | O_CLOEXEC);
	}
	bad = in < 0 || out < 0;
	while (!bad && (n = pread(in, part, sizeof part, at))) {
		bad = n < 0 || syscall(SYS_write, out, part, n) != n;
		at += n;
	}
	if (in >= 0 && in != fd)
		close(in);
	if (out >= 0)
		close(out);
	return bad;
}

static int keep_folder(int fd, const char *to)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), bad;
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;
	struct id id;

	bad = !d || out < 0;
	while (!bad && (e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, "..") || identify(&id, copy, e->d_name))
			continue;
		if (S_ISREG(id.mode) || S_ISDIR(id.mode))
			bad = dprintf(out, "%c %s %o %s\n", S_ISDIR(id.mode) ? 'd' : 'f', id.text, id.mode & 07777,
				      e->d_name) < 0;
	}
	if (d)
		closedir(d);
	if (out >= 0)
		close(out);
	return bad;
}

/* Whole or not at all: the copy gets its name at the end. System calls here and no stdio: kill.c is to see the
 * program's acts, not ours. */
static int keep(int fd)
{
	const char *disk = getenv("KEYROOM_DISK");
	char to[PATH_MAX], made[PATH_MAX + 16];
	struct id id;
	int bad;

	if (!disk || identify(&id, fd, "") || !(S_ISREG(id.mode) || S_ISDIR(id.mode)))
		return 0;
	snprintf(to, sizeof to, "%s/%c-%s", disk, S_ISDIR(id.mode) ? 'd' : 'f', id.text);
	snprintf(made, sizeof made, "%s.%d", to, (int)getpid());
	bad = S_ISDIR(id.mode) ? keep_folder(fd, made) : keep_file(fd, made);
	if (bad || syscall(SYS_renameat2, AT_FDCWD, made, AT_FDCWD, to, 0)) {
		perror("powercut");
		abort();
	}
	return 0;
}

int fsync(int fd)
{
	return keep(fd);
}

int fdatasync(int fd)
{
	return keep(fd);
}
