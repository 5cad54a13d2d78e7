#include "tests/lib/children.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Its command line is "bdkd" and that. */
static bool is_one(int pid, const char *what)
{
	char path[40], line[64] = "";
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	f = fopen(path, "re");
	if (f) {
		n = fread(line, 1, sizeof line - 1, f);
		fclose(f);
	}
	return n > sizeof "bdkd" && !strcmp(line + sizeof "bdkd", what);
}

unsigned children(pid_t *pid, unsigned size, pid_t supervisor, const char *what)
{
	char path[80];
	unsigned n = 0;
	int one;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)supervisor, (int)supervisor);
	f = fopen(path, "re");
	while (f && n < size && fscanf(f, "%d", &one) == 1)
		if (is_one(one, what))
			pid[n++] = one;
	if (f)
		fclose(f);
	return n;
}
