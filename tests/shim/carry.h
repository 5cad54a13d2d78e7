/*
 * Test only: bdkd starts its own processes with a clean environment, so a shim for LD_PRELOAD takes itself along, with
 * what it is told by. Not to its parser, nor to what tries a passphrase: these have no journal and no token, and may not open
 * a file.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int is_carried(const char *variable)
{
	return !strncmp(variable, "LD_PRELOAD=", 11) || !strncmp(variable, "KEYROOM_", 8);
}

static int takes_it(const char *argument)
{
	return !argument || (strcmp(argument, "--parser") != 0 && strcmp(argument, "--proof") != 0);
}

int execve(const char *path, char *const argv[], char *const env[])
{
	int (*next)(const char *, char *const[], char *const[]);
	char *carried[256];
	size_t n = 0;

	*(void **)&next = dlsym(RTLD_NEXT, "execve");
	for (char **v = environ; *v && n < 200 && takes_it(argv[1]); v++)
		if (is_carried(*v))
			carried[n++] = *v;
	for (; *env && n < 255; env++)
		if (!is_carried(*env))
			carried[n++] = *env;
	carried[n] = NULL;
	return next(path, argv, carried);
}
