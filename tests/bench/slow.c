/*
 * A slow token, as one behind a network is: preloaded into bdkd, each answer of a worker comes 20 ms late. The others
 * are not slowed down.
 */
#include "tests/shim/carry.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>

static bool worker;

__attribute__((constructor)) static void start(int argc, char **argv)
{
	worker = argc == 2 && !strcmp(argv[1], "--worker");
}

ssize_t send(int fd, const void *p, size_t len, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "send");
	if (worker)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	return real(fd, p, len, flags);
}
