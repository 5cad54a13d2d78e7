#include "bdk/cli/prompt.h"
#include "base/host/fail.h"
#include "base/wipe.h"
#include "bdk/request.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { QUESTION = 160, TRIES = 3 };

bool prompt_secret(char out[], size_t *len, size_t size, const char *question, int *status)
{
	char text[QUESTION], line[1024]; /* longer than what fits: what is too long is refused, not cut */
	bool good;

	*len = 0;
	memset(out, 0, size);
	snprintf(text, sizeof text, "%s: ", question);
	good = readpassphrase(text, line, sizeof line, RPP_REQUIRE_TTY);
	if (!good)
		*status = fail_why(E_USAGE, errno == ENOTTY ? "there is no terminal to type at" : strerror(errno),
				   "type it at a terminal: it may not come from a pipe or a file", "%s", question);
	else if (!line[0] || strlen(line) >= size) {
		good = false;
		*status = fail_why(E_RANGE, line[0] ? "too long" : "nothing was typed", "run the same command again", "%s",
				   question);
	}
	if (good) {
		*len = strlen(line);
		memcpy(out, line, *len);
	}
	wipe(line, sizeof line);
	return good;
}

bool prompt_new_passphrase(char out[], size_t *len, size_t size, const char *question, int *status)
{
	char again[PASSPHRASE_MAX + 1], text[QUESTION];
	bool good = false, typed = true;
	size_t n;

	snprintf(text, sizeof text, "%s, again", question);
	for (int i = 0; !good && typed && i < TRIES; i++) {
		typed = prompt_secret(out, len, size, question, status);
		if (!typed)
			break;
		if (*len < PASSPHRASE_MIN || *len > PASSPHRASE_MAX) {
			*status = fail_why(E_RANGE, "it has to have 12 to 255 characters", "type another one", "%s", question);
			continue;
		}
		typed = prompt_secret(again, &n, sizeof again, text, status);
		good = typed && n == *len && ct_equal(again, out, n);
		if (typed && !good)
			*status = fail_why(E_PASSPHRASE, "the two are not the same", "type it again", "%s", question);
	}
	if (!good)
		wipe(out, size);
	wipe(again, sizeof again);
	return good;
}
