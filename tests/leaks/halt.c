/*
 * Preloaded into a program: at the end of main(), before memory goes back to the kernel, it stops until it is told to
 * go on, so that a test can look at what is left.
 */
#include <signal.h>

static __attribute__((destructor)) void halt(void)
{
	raise(SIGSTOP);
}
