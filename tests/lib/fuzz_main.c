/*
 * Replays a corpus through a fuzz target where libFuzzer is not linked: every file of the folder, each of its
 * truncations up to 4 KiB, and every single-bit flip of the first 512 bytes. Fails when there is no corpus.
 */
#include "tests/lib/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A buffer of exactly the input's size, so that a sanitizer sees one byte too far. */
static void feed(const uint8_t *p, size_t n)
{
	uint8_t *q = malloc(n ? n : 1);

	if (!q)
		exit(2);
	if (n)
		memcpy(q, p, n);
	LLVMFuzzerTestOneInput(q, n);
	free(q);
}

static void replay(const char *path)
{
	static uint8_t b[1 << 16];
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		perror(path);
		exit(2);
	}
	n = fread(b, 1, sizeof b, f);
	fclose(f);
	for (size_t i = 0; i <= n && i <= 4096; i++)
		feed(b, i);
	feed(b, n);
	for (size_t i = 0; i < 8 * n && i < 8 * 512; i++) {
		b[i / 8] = (uint8_t)(b[i / 8] ^ 1u << i % 8);
		feed(b, n);
		b[i / 8] = (uint8_t)(b[i / 8] ^ 1u << i % 8);
	}
}

int main(int argc, char **argv)
{
	char path[1024];
	struct dirent *d;
	int files = 0;
	DIR *dir = argc == 2 ? opendir(argv[1]) : NULL;

	if (!dir) {
		fprintf(stderr, "usage: %s CORPUS-FOLDER (given: %s)\n", argv[0], argc > 1 ? argv[1] : "none");
		return 2;
	}
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, sizeof path, "%s/%s", argv[1], d->d_name);
		replay(path);
		files++;
	}
	closedir(dir);
	if (!files)
		fprintf(stderr, "%s: no corpus\n", argv[1]);
	return files ? 0 : 2;
}
