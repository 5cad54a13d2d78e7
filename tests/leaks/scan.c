/*
 * Looks for secrets in files and in the memory of processes.
 *
 *     scan files NEEDLES FILE...            in each file
 *     scan memory NEEDLES PID...            in each process, stopped for the time
 *     scan busy NEEDLES SEED COMMAND...     runs the command, stops it at random instants (of that seed) until it ends,
 *                                           looks each time
 *     scan beside NEEDLES SEED PID COMMAND...  runs the command, and stops another process at random instants meanwhile
 *
 * NEEDLES is a file of lines "NAME HEX", or NAME "TEXT with a quote before it. Of a key of 16 bytes or more each 8-byte
 * part is looked for as well; and of all bytes and texts the hexadecimal text in either case, what they are backwards, and
 * base64, wherever in it they begin. Prints "WHERE: NAME FORM" each
 * time one is found. Status 0: nothing; 1: something; 2: it could not look, which is never silent. A busy command has
 * to end with status 0.
 */
#include "base/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NEEDLES = 16384, LONGEST = 420, CHUNK = 1 << 20 };

static struct needle {
	char name[40];
	const char *form;
	uint8_t b[LONGEST];
	size_t len;
	int next; /* with the same first two bytes, -1: none */
} needles[NEEDLES];
static int count, first[65536];
static unsigned found, stops;
static uint64_t looked; /* bytes */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "scan: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void add(const char *name, const char *form, const void *p, size_t len)
{
	struct needle *n = &needles[count];
	unsigned head;

	if (count == NEEDLES || len < 4 || len > LONGEST) {
		errno = ERANGE;
		die(name);
	}
	snprintf(n->name, sizeof n->name, "%s", name);
	n->form = form;
	memcpy(n->b, p, len);
	n->len = len;
	head = (unsigned)(n->b[0] << 8 | n->b[1]);
	n->next = first[head];
	first[head] = count++;
}

static void add_hex_text(const char *name, const uint8_t *b, size_t len)
{
	char upper[LONGEST + 1], lower[LONGEST + 1];

	hex_encode(upper, b, len);
	for (size_t i = 0; i <= 2 * len; i++)
		lower[i] = (char)(upper[i] >= 'A' && upper[i] <= 'F' ? upper[i] + 32 : upper[i]);
	add(name, "hex", upper, 2 * len);
	if (strcmp(upper, lower))
		add(name, "hex", lower, 2 * len);
}

/* The digits of base64 that these bytes alone decide, if the first is at that place of three. */
static void add_base64(const char *name, const uint8_t *b, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[LONGEST];

	for (size_t place = 0; place < 3; place++) {
		size_t n = 0;

		for (size_t digit = (8 * place + 5) / 6; 6 * digit + 6 <= 8 * (place + len) && n < sizeof text;
		     digit++) {
			unsigned bits = 0;

			for (size_t bit = 6 * digit; bit < 6 * digit + 6; bit++)
				bits = bits << 1 | (b[bit / 8 - place] >> (7 - bit % 8) & 1u);
			text[n++] = digits[bits];
		}
		add(name, "base64", text, n);
	}
}

static void add_backwards(const char *name, const uint8_t *b, size_t len)
{
	uint8_t back[LONGEST];

	for (size_t i = 0; i < len; i++)
		back[i] = b[len - 1 - i];
	if (memcmp(back, b, len))
		add(name, "backwards", back, len);
}

static void add_text(const char *name, const char *text)
{
	const uint8_t *b = (const uint8_t *)text;
	size_t len = strlen(text);

	add(name, "text", text, len);
	if (len < 8)
		return; /* a PAN's or a PIN's digits are found as they stand */
	add_hex_text(name, b, len);
	add_base64(name, b, len);
	add_backwards(name, b, len);
}

static void add_hex(const char *name, const char *text)
{
	uint8_t b[64];
	size_t len;

	if (hex_decode(b, &len, sizeof b, text, strlen(text))) {
		errno = EINVAL;
		die(name);
	}
	add(name, "bytes", b, len);
	for (size_t at = 0; len >= 16 && at + 8 <= len; at += 8)
		add(name, "half", b + at, 8);
	for (size_t at = 0, part = len >= 16 ? 8 : len; at + part <= len; at += part) {
		add_hex_text(name, b + at, part);
		if (part >= 8)
			add_backwards(name, b + at, part);
	}
	if (len >= 8)
		add_base64(name, b, len);
}

static void read_needles(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[300], name[40], value[200];

	memset(first, 0xFF, sizeof first);
	if (!f)
		die(path);
	while (fgets(line, sizeof line, f)) {
		if (sscanf(line, "%39s \"%199[^\n]", name, value) == 2)
			add_text(name, value);
		else if (sscanf(line, "%39s %199s", name, value) == 2)
			add_hex(name, value);
	}
	fclose(f);
	if (!count) {
		errno = EINVAL;
		die(path);
	}
}

/* One stretch of bytes */
static void look(const char *where, const char *what, const uint8_t *p, size_t len)
{
	looked += len;
	for (size_t i = 0; i + 1 < len; i++)
		for (int n = first[p[i] << 8 | p[i + 1]]; n >= 0; n = needles[n].next)
			if (needles[n].len <= len - i && !memcmp(p + i, needles[n].b, needles[n].len)) {
				found++;
				printf("%s%s: %s %s\n", where, what, needles[n].name, needles[n].form);
			}
}

/* From one offset to another, in chunks that overlap by the longest needle. A hole that cannot be read is passed over.
 */
static uint64_t look_range(const char *where, const char *what, int fd, uint64_t from, uint64_t to)
{
	static uint8_t b[CHUNK + LONGEST];
	uint64_t done = 0;

	while (from < to) {
		uint64_t want = to - from < sizeof b ? to - from : sizeof b;
		ssize_t n = pread(fd, b, want, (off_t)from);

		if (n <= 0)
			break;
		look(where, what, b, (size_t)n);
		done += (uint64_t)n;
		if ((uint64_t)n <= LONGEST || from + (uint64_t)n == to)
			break;
		from += (uint64_t)n - LONGEST;
	}
	memset(b, 0, sizeof b);
	return done;
}

static void look_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	look_range(path, "", fd, 0, INT64_MAX);
	close(fd);
}

/* All readable mappings of a process that stands still. */
static void look_process(pid_t pid)
{
	char path[64], where[64], line[600], may[5], name[400];
	unsigned long long from, to;
	uint64_t done = 0;
	FILE *maps;
	int mem;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	if (mem < 0)
		die(path);
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	if (!maps)
		die(path);
	snprintf(where, sizeof where, "process %d ", (int)pid);
	while (fgets(line, sizeof line, maps)) {
		name[0] = 0;
		if (sscanf(line, "%llx-%llx %4s %*s %*s %*s %399[^\n]", &from, &to, may, name) < 3 || may[0] != 'r' ||
		    !strcmp(name, "[vvar]") || !strcmp(name, "[vsyscall]"))
			continue;
		if (!name[0])
			snprintf(name, sizeof name, "nameless memory of %llu bytes", to - from);
		done += look_range(where, name, mem, from, to);
	}
	fclose(maps);
	close(mem);
	if (!done) {
		errno = EACCES;
		die(path);
	}
}

/* The letter of a process's state, 'X' if there is none */
static char state_of(pid_t pid)
{
	char path[64], text[200] = "", *end;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	if (f) {
		end = fgets(text, sizeof text, f) ? strrchr(text, ')') : NULL;
		fclose(f);
		if (end && end[1] && end[2])
			return end[2];
	}
	return 'X';
}

/* Does it stand still? False: it has ended. */
static bool stop(pid_t pid)
{
	char state = 0;

	if (kill(pid, SIGSTOP))
		return false;
	while ((state = state_of(pid)) != 'T' && state != 't') {
		if (state == 'Z' || state == 'X')
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	return true;
}

/* other 0: the command itself is looked at */
static int busy(unsigned seed, pid_t other, char **command)
{
	int status, born[2];
	pid_t pid, looked_at;
	char c;

	if (pipe2(born, O_CLOEXEC) || (pid = fork()) < 0)
		die("fork");
	if (!pid) {
		execvp(command[0], command);
		_exit(127);
	}
	looked_at = other ? other : pid;
	/* Until it is another program, its memory is ours, needles and all. */
	close(born[1]);
	if (read(born[0], &c, 1))
		die("pipe");
	while (!waitpid(pid, &status, WNOHANG)) {
		/* At once, so that the shortest life is looked at; then short waits and long ones, 0 to about 8 ms. */
		unsigned shift = (unsigned)(rand_r(&seed) % 14);
		long us = stops ? rand_r(&seed) % (1 << shift) : 0;

		nanosleep(&(struct timespec){ .tv_nsec = us * 1000 }, NULL);
		if (!stop(looked_at)) {
			if (other)
				die("the process beside it");
			continue;
		}
		stops++;
		look_process(looked_at);
		kill(looked_at, SIGCONT);
	}
	fprintf(stderr, "scan: stopped %u times, %.1f MB looked at\n", stops, (double)looked / 1e6);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "scan: %s: status %d\n", command[0], WIFEXITED(status) ? WEXITSTATUS(status) : -1);
		return 2;
	}
	return stops ? 0 : 2;
}

int main(int argc, char **argv)
{
	int bad = 0;

	if (argc < 4)
		return 2;
	read_needles(argv[2]);
	if (!strcmp(argv[1], "files"))
		for (int i = 3; i < argc; i++)
			look_file(argv[i]);
	else if (!strcmp(argv[1], "memory"))
		for (int i = 3; i < argc; i++) {
			pid_t pid = (pid_t)atoi(argv[i]);
			bool stood = pid > 1 && state_of(pid) == 'T';

			if (pid <= 1 || !stop(pid))
				die(argv[i]);
			look_process(pid);
			if (!stood)
				kill(pid, SIGCONT);
		}
	else if (!strcmp(argv[1], "busy") && argc > 4)
		bad = busy((unsigned)atoi(argv[3]), 0, argv + 4);
	else if (!strcmp(argv[1], "beside") && argc > 5 && atoi(argv[4]) > 1)
		bad = busy((unsigned)atoi(argv[3]), (pid_t)atoi(argv[4]), argv + 5);
	else
		bad = 2;
	return bad ? bad : found ? 1 : 0;
}
