/*
 * custodians_parse() on any three lines: list, threshold, threshold of the SO PIN. An error leaves nothing and says why; what is taken
 * are different people in their bounds, and without its last word it is one fewer, or refused.
 */
#include "bdk/custodian.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
	if (!holds)
		abort();
}

/* The next line, as a text of its own: its memory ends there. NULL: there is none */
static char *line(const uint8_t **data, size_t *size)
{
	const uint8_t *end = *size ? memchr(*data, '\n', *size) : NULL;
	size_t len = end ? (size_t)(end - *data) : *size;
	char *text = *size ? malloc(len + 1) : NULL;

	if (text) {
		memcpy(text, *data, len);
		text[len] = 0;
		*data += end ? len + 1 : len;
		*size -= end ? len + 1 : len;
	}
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct custodians nobody;
	char *list = line(&data, &size), *m = line(&data, &size), *so_m = line(&data, &size), why[CUSTODY_WHY] = "";
	struct custodians c, fewer;
	char *last;

	if (!list || !m)
		goto done;
	if (custodians_parse(&c, list, m, so_m, why)) {
		must(!memcmp(&c, &nobody, sizeof c) && *why && memchr(why, 0, sizeof why));
		goto done;
	}
	must(c.n >= SHARE_LEAST && c.n <= SHARE_MOST && c.m >= 2 && c.m <= c.so_m && c.so_m <= c.n);
	for (unsigned i = 0; i < c.n; i++) {
		must(share_name(c.who[i].name) && c.who[i].uid);
		for (unsigned j = 0; j < i; j++)
			must(strcmp(c.who[i].name, c.who[j].name) && c.who[i].uid != c.who[j].uid);
	}
	/* cut */
	for (size_t len = strlen(list); len && strchr(" ,", list[len - 1]); len--)
		list[len - 1] = 0;
	last = list + strlen(list);
	while (last > list && !strchr(" ,", last[-1]))
		last--;
	*last = 0;
	must(custodians_parse(&fewer, list, m, so_m, why) || fewer.n == c.n - 1);
done:
	free(list);
	free(m);
	free(so_m);
	return 0;
}
