#include "base/host/prompt.h"
#include "base/host/fail.h"
#include "base/wipe.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { QUESTION = 160, LINE = 1024, TRIES = 3 };

bool prompt_secret(char out[], size_t *len, size_t size, const char *question, int *status)
{
	char text[QUESTION], line[LINE]; /* longer than what fits: what is too long is refused, not cut */
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
		*status = fail_why(E_RANGE, line[0] ? "too long" : "nothing was typed", "run the same command again",
				   "%s", question);
	}
	if (good) {
		*len = strlen(line);
		memcpy(out, line, *len);
	}
	wipe(line, sizeof line);
	return good;
}

bool prompt_new_secret(char out[], size_t *len, size_t size, size_t least, const char *question, int *status)
{
	char again[LINE], text[QUESTION], why[64];
	bool good = false, typed = true;
	size_t n;

	snprintf(text, sizeof text, "%s, again", question);
	snprintf(why, sizeof why, "it has to have at least %zu characters", least);
	for (int i = 0; !good && typed && i < TRIES; i++) {
		typed = prompt_secret(out, len, size, question, status);
		if (!typed)
			break;
		if (*len < least) {
			*status = fail_why(E_RANGE, why, "type another one", "%s", question);
			continue;
		}
		typed = prompt_secret(again, &n, sizeof again, text, status);
		good = typed && n == *len && ct_equal(again, out, n);
		if (typed && !good)
			*status = fail_why(E_PASSPHRASE, "the two are not the same", "type it again", "%s", question);
	}
	if (good)
		*status = 0; /* whatever was said of tries before */
	else
		wipe(out, size);
	wipe(again, sizeof again);
	return good;
}
