#include "tests/lib/test.h"
#include "base/hex.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int test_main(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed, ran;

	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	ran = srunner_ntests_run(r);
	srunner_free(r);
	return failed || !ran;
}

const struct stanza *test_vectors(const char *name, size_t *count)
{
	static struct stanza *all;
	const char *top = getenv("SRC");
	char path[512];
	size_t n = 0, room = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/vectors/%s", top ? top : ".", name);
	f = fopen(path, "r");
	if (!f) {
		perror(path);
		exit(2);
	}
	all = NULL;
	for (;;) {
		enum err e;

		if (n == room) {
			room = room ? 2 * room : 64;
			all = realloc(all, room * sizeof *all);
			if (!all)
				exit(2);
		}
		all[n].last = n ? all[n - 1].last : 0;
		e = stanza_read(&all[n], f);
		if (e == E_SHORT)
			break;
		if (e) {
			fprintf(stderr, "%s: stanza %zu: %s\n", path, n + 1, err_text(e));
			exit(2);
		}
		n++;
	}
	fclose(f);
	if (!n) {
		fprintf(stderr, "%s: no stanza\n", path);
		exit(2);
	}
	*count = n;
	return all;
}

size_t test_hex(uint8_t *out, size_t size, const char *text)
{
	size_t len = 0;

	if (!text || hex_decode(out, &len, size, text, strlen(text))) {
		fprintf(stderr, "not hexadecimal, or too long: %s\n", text ? text : "(missing)");
		exit(2);
	}
	return len;
}

struct key test_key(const char *text)
{
	struct key k = { { 0 }, 0 };

	k.len = (uint8_t)test_hex(k.b, sizeof k.b, text);
	return k;
}

void test_folder_make(char *dir, size_t size)
{
	const char *top = getenv("TMPDIR");
	int n = snprintf(dir, size, "%s/keyroom-XXXXXX", top && *top ? top : "/tmp");

	if (n < 0 || (size_t)n >= size || !mkdtemp(dir)) {
		perror(dir);
		exit(2);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

void test_folder_remove(const char *dir)
{
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
