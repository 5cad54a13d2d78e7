/* Any bytes as a stanza file: it ends, counts its lines, and what it gives is inside the stanza and can be found. */
#include "base/host/stanza.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stanza s;
	size_t lines = 1;
	unsigned before;
	FILE *f;
	enum err e;

	if (!size)
		return 0; /* fmemopen() takes no empty buffer */
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	f = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!f)
		abort();
	s.last = 0;
	do {
		before = s.last;
		e = stanza_read(&s, f);
		if (s.last > lines || (e != E_SHORT && s.last == before) || s.n > STANZA_FIELDS ||
		    s.used > STANZA_BYTES)
			abort();
		for (size_t i = 0; i < s.n; i++) {
			const char *key = s.text + s.field[i].key, *value = s.text + s.field[i].value;

			if (!*key || stanza_get(&s, key) != value || value + strlen(value) >= s.text + s.used)
				abort();
		}
	} while (e != E_SHORT);
	fclose(f);
	return 0;
}
