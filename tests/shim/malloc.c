/*
 * Test only, for LD_PRELOAD: memory that runs out.
 *
 * KEYROOM_MALLOC_FAIL=N lets the process's Nth allocation fail, and "N+" every one from there on. Each process counts
 * for itself. KEYROOM_MALLOC_COUNT names a file that gets the number of allocations at exit.
 */
#include "carry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static unsigned long count, fail_at;
static bool from_there;

static __attribute__((constructor)) void begin(void)
{
	const char *text = getenv("KEYROOM_MALLOC_FAIL");
	char *end;

	count = 0;
	if (text) {
		fail_at = strtoul(text, &end, 10);
		from_there = *end == '+';
	}
}

static __attribute__((destructor)) void report(void)
{
	const char *path = getenv("KEYROOM_MALLOC_COUNT");
	unsigned long total = count;
	char text[32];
	int fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	if (fd >= 0) {
		int len = snprintf(text, sizeof text, "%lu\n", total);

		if (write(fd, text, (size_t)len) != len)
			_exit(3);
		close(fd);
	}
}

static bool out_of_memory(void)
{
	unsigned long now = __atomic_add_fetch(&count, 1, __ATOMIC_RELAXED);
	bool out = fail_at && (from_there ? now >= fail_at : now == fail_at);

	if (out)
		errno = ENOMEM;
	return out;
}

void *malloc(size_t size)
{
	return out_of_memory() ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	return out_of_memory() ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	return out_of_memory() ? NULL : __libc_realloc(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(p, bytes);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return out_of_memory() ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **p, size_t alignment, size_t size)
{
	void *got = out_of_memory() ? NULL : __libc_memalign(alignment, size);

	if (!got)
		return ENOMEM;
	*p = got;
	return 0;
}
