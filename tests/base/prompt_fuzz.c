/*
 * prompt_groups() on any lines: what was typed grows by whole groups or goes back by one, never past its size; a line that is
 * refused changes nothing, nothing is left behind what counts, and cut short none is taken. The first byte says how many bytes are asked for.
 */
#include "base/host/prompt.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

/* The same line without its last digit, on top of what was there before it */
static bool taken_cut_short(uint8_t out[], size_t got, size_t asked, char *line)
{
	size_t len = strlen(line);

	while (len && line[len - 1] == ' ')
		len--;
	line[len - 1] = 0;
	return !prompt_groups(out, &got, asked, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t none[PROMPT_DIGITS];
	uint8_t *out, before[PROMPT_DIGITS];
	size_t got = 0, was, n, asked;

	if (!size)
		return 0;
	asked = 2u + 2u * (data[0] % (PROMPT_DIGITS / 2));
	out = calloc(1, asked); /* as long as it is, and no longer */
	for (data++, size--; out && size; data += n, size -= n) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;
		char *line = malloc(len + 1);
		enum err e;

		n = end ? len + 1 : len;
		if (!line)
			break;
		memcpy(line, data, len);
		line[len] = 0;
		was = got;
		memcpy(before, out, asked);
		e = prompt_groups(out, &got, asked, line);
		if (got > asked || got % 2 || memcmp(out + got, none, asked - got) != 0)
			abort();
		if (e ? got != was || memcmp(out, before, asked) != 0 : got == was)
			abort();
		if (!e && memcmp(out, before, got < was ? got : was) != 0)
			abort();
		if (!e && got > was && taken_cut_short(before, was, asked, line))
			abort();
		free(line);
	}
	free(out);
	return 0;
}
