/*
 * A slow token, as one behind a network is: preloaded into bdkd, each answer of a worker comes 20 ms late. The program
 * itself is not slowed down; only its workers are forked.
 */
#include <dlfcn.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static pid_t program;

__attribute__((constructor)) static void start(void)
{
	program = getpid();
}

ssize_t send(int fd, const void *p, size_t len, int flags)
{
	static ssize_t (*real)(int, const void *, size_t, int);

	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "send");
	if (getpid() != program)
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
	return real(fd, p, len, flags);
}
