#include "base/host/prompt.h"
#include "base/host/fail.h"
#include "base/hex.h"
#include "base/wipe.h"

#include <bsd/readpassphrase.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { QUESTION = 320, LINE = 1024, TRIES = 3, MISTAKES = 5, GROUP = 2 };

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

enum err prompt_groups(uint8_t out[], size_t *got, size_t size, const char *line)
{
	char digits[2 * PROMPT_DIGITS + 1];
	uint8_t bytes[PROMPT_DIGITS];
	size_t n = 0, len = 0;
	enum err e = E_OK;

	if (!strcmp(line, "-")) {
		if (!*got)
			return E_FORMAT;
		*got -= GROUP;
		wipe(out + *got, GROUP);
		return E_OK;
	}
	for (; *line && !e; line++) {
		if (*line == ' ')
			continue;
		if (n == 2 * PROMPT_DIGITS || n == 2 * (size - *got))
			e = E_FORMAT;
		else
			digits[n++] = *line;
	}
	if (!e && (!n || n % (2 * GROUP)))
		e = E_FORMAT;
	if (!e)
		e = hex_decode(bytes, &len, sizeof bytes, digits, n);
	if (!e) {
		memcpy(out + *got, bytes, len);
		*got += len;
	}
	wipe(digits, sizeof digits);
	wipe(bytes, sizeof bytes);
	return e;
}

/* A line from the controlling terminal. False, having said why. */
static bool read_line(char line[static LINE], const char *question, int flags, int *status)
{
	if (readpassphrase(question, line, LINE, RPP_REQUIRE_TTY | flags))
		return true;
	*status = fail_why(E_USAGE, errno == ENOTTY ? "there is no terminal to type at" : strerror(errno),
			   "type it at a terminal: it may not come from a pipe or a file", "%s", question);
	return false;
}

bool prompt_digits(uint8_t out[], size_t size, const char *question, int *status)
{
	char text[QUESTION], line[LINE];
	unsigned mistakes = 0;
	size_t got = 0;
	bool typed = true;

	memset(out, 0, size);
	while (typed && got < size && mistakes <= MISTAKES) {
		snprintf(text, sizeof text, "%s%s, digits %zu to %zu of %zu: ",
			 mistakes ? "Not groups of 4 hex digits: again, or - for the group before.\n" : "", question, 2 * got + 1,
			 2 * (got + GROUP), 2 * size);
		typed = read_line(line, text, 0, status);
		if (typed && prompt_groups(out, &got, size, line))
			mistakes++;
		else
			mistakes = 0;
	}
	wipe(line, sizeof line);
	if (typed && got < size)
		*status = fail_why(E_FORMAT, "not hex digits, again and again", "run the same command again", "%s", question);
	if (got < size)
		wipe(out, size);
	return got == size;
}

bool prompt_yes(bool *yes, const char *question, int *status)
{
	char text[QUESTION], line[LINE];
	bool no = false;

	*yes = false;
	snprintf(text, sizeof text, "%s (yes or no): ", question);
	for (int i = 0; !*yes && !no && i < MISTAKES; i++) {
		if (!read_line(line, text, RPP_ECHO_ON, status))
			return false;
		*yes = !strcmp(line, "yes");
		no = !strcmp(line, "no");
	}
	if (!*yes && !no)
		*status = fail_why(E_USAGE, "neither yes nor no", "run the same command again", "%s", question);
	return *yes || no;
}

/* All of it, or it cannot be helped. */
static void put(int fd, const char *text)
{
	size_t n = strlen(text);

	while (n) {
		ssize_t some = write(fd, text, n);

		if (some <= 0)
			return;
		text += some;
		n -= (size_t)some;
	}
}

bool prompt_show(const char *text, int *status)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios was, raw;
	sigset_t all, before;
	char key;

	if (fd < 0 || tcgetattr(fd, &was)) {
		*status = fail_why(E_USAGE, "there is no terminal to show it on", "run it at a terminal", "/dev/tty");
		if (fd >= 0)
			close(fd);
		return false;
	}
	/* Whoever is told to stop here clears the screen first. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	raw = was;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(fd, TCSAFLUSH, &raw);
	put(fd, text);
	if (read(fd, &key, 1) < 0)
		key = 0;
	put(fd, "\033[H\033[2J\033[3J");
	tcsetattr(fd, TCSAFLUSH, &was);
	close(fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return true;
}
