/* The mark outside a room: any bytes are refused, or are what would be written for what they say; cut short they never
 * are. */
#include "bdk/mark.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[MARK_FILE + 1];
	struct mark_file f;

	if (mark_parse(&f, (struct span){ data, size }))
		return 0;
	mark_print(text, &f);
	/* hex digits may be small or large */
	for (size_t i = 15; i < size; i++) {
		char c = (char)data[i];

		if (c >= 'a' && c <= 'f' && text[i] == c - 'a' + 'A')
			text[i] = c;
	}
	if (size != MARK_FILE || memcmp(text, data, size) != 0 || !mark_parse(&f, (struct span){ data, size - 1 }))
		abort();
	return 0;
}
