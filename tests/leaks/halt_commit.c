/*
 * Preloaded into a terminal: the next time it makes its non-volatile memory durable after the file $HALT_COMMIT was
 * made, it takes that file away and stops until it is told to go on. In a sale that is the first write of the commit,
 * with the record in RAM.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fdatasync(int fd)
{
	const char *path = getenv("HALT_COMMIT");

	if (path && !unlink(path))
		raise(SIGSTOP);
	return (int)syscall(SYS_fdatasync, fd);
}
