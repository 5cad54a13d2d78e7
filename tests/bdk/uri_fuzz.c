/* token_uri_parse() on any text: an error says why and holds nothing, a success names a module by its absolute path. */
#include "bdk/token_uri.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct token_uri u;
	const char *why;
	enum err e;

	if (!text)
		exit(2);
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	e = token_uri_parse(&u, text, &why);
	if (e ? u.uri || !why || !*why : !u.uri || why || u.module[0] != '/' || strlen(token_uri_label(&u)) != 32)
		abort();
	token_uri_free(&u);
	free(text);
	return 0;
}
