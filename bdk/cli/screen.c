#include "bdk/cli/screen.h"
#include "base/host/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { COLUMNS = 80, LINES = 24, LEAST_COLUMNS = 20, LEAST_LINES = 8, LONGEST = 400, PARAGRAPHS = 160, TYPED = 512 };

static int tty = -1;
static bool plain; /* no control sequences */
static volatile sig_atomic_t resized;
static sigset_t before_open; /* while it waits signals come, and SIGWINCH then alone */

static struct paragraph {
	char text[LONGEST];
	bool title;
} said[PARAGRAPHS];
static size_t n_said;
static char loud_line[COLUMNS + 1], top_line[LONGEST];

static void on_resize(int signal)
{
	(void)signal;
	resized = 1;
}

bool screen_open(int *status)
{
	const struct sigaction act = { .sa_handler = on_resize };
	const char *term = getenv("TERM");
	sigset_t winch;

	tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	if (tty < 0) {
		*status = fail_why(E_USAGE, "there is no terminal to lead at", "run it at a terminal", "bdk lead");
		return false;
	}
	plain = !term || !*term || !strcmp(term, "dumb");
	sigemptyset(&winch);
	sigaddset(&winch, SIGWINCH);
	sigprocmask(SIG_BLOCK, &winch, &before_open);
	sigaction(SIGWINCH, &act, NULL);
	return true;
}

void screen_close(void)
{
	sigprocmask(SIG_SETMASK, &before_open, NULL);
	close(tty);
	tty = -1;
}

/* --- What stands on it -------------------------------------------------------------------------------------------- */

static void tame(char *text)
{
	for (; *text; text++)
		if ((*text < ' ' && *text != '\t') || *text > '~')
			*text = '?';
}

void screen_begin(const char *loud, const char *top)
{
	n_said = 0;
	snprintf(loud_line, sizeof loud_line, "%s", loud);
	snprintf(top_line, sizeof top_line, "%s", top);
	tame(loud_line);
	tame(top_line);
}

static void add(bool title, const char *format, va_list list)
{
	if (n_said == PARAGRAPHS)
		return;
	vsnprintf(said[n_said].text, sizeof said->text, format, list);
	tame(said[n_said].text);
	said[n_said++].title = title;
}

void screen_title(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add(true, format, list);
	va_end(list);
}

void screen_say(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	add(false, format, list);
	va_end(list);
}

void screen_text(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		screen_say("%.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

/* --- Drawing ------------------------------------------------------------------------------------------------------ */

struct drawing {
	char line[PARAGRAPHS * 4][COLUMNS + 1];
	bool title[PARAGRAPHS * 4];
	size_t n, columns;
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* As many lines as it takes: broken at blanks, or where there is none in the middle of a word. */
static void put(struct drawing *d, const char *text, bool title)
{
	size_t indent = least(strspn(text, " "), d->columns / 2), hang = strcspn(text, "\t");
	char line[LONGEST];

	snprintf(line, sizeof line, "%s", text + strspn(text, " "));
	hang = hang < d->columns / 2 && text[hang] ? hang + 1 : indent;
	for (text = line; strchr(text, '\t');)
		*strchr(line, '\t') = ' ';
	do {
		size_t n = strlen(text), width = d->columns - indent, next;

		if (n > width) {
			for (n = width; n && text[n] != ' ';)
				n--;
			n = n ? n : width;
		}
		next = n + strspn(text + n, " ");
		if (d->n < sizeof d->line / sizeof *d->line) {
			snprintf(d->line[d->n], sizeof *d->line, "%*s%.*s", (int)indent, "", (int)n, text);
			d->title[d->n++] = title;
		}
		text += next;
		indent = hang;
	} while (*text);
}

static size_t page; /* how many lines of the body were shown last */

/* All of it in one piece; keys NULL: without the line to type on; first: of the lines of the body; changed: only where it is
 * another screen than before. Returns how many lines of the body did not fit behind those shown. */
static size_t draw(const char *keys, const char *before, size_t first, bool changed)
{
	static struct drawing body, head, foot;
	static char out[(LINES + 2) * (COLUMNS + 32)], drawn[sizeof out];
	struct winsize w = { .ws_row = 0 };
	size_t rows = LINES, columns = COLUMNS, len = 0, room, shown, left;
	char typed[41];

	resized = 0;
	snprintf(typed, sizeof typed, "%s", before); /* an arrow key's sequence too */
	tame(typed);
	if (!ioctl(tty, TIOCGWINSZ, &w) && w.ws_row && w.ws_col) {
		rows = least(LINES, w.ws_row < LEAST_LINES ? LEAST_LINES : w.ws_row);
		columns = least(COLUMNS, w.ws_col < LEAST_COLUMNS ? LEAST_COLUMNS : w.ws_col);
	}
	body.n = head.n = foot.n = 0;
	body.columns = head.columns = foot.columns = columns;
	if (*loud_line)
		put(&head, loud_line, true);
	put(&head, top_line, false);
	put(&head, "", false);
	for (size_t i = 0; i < n_said; i++)
		put(&body, said[i].text, said[i].title);
	put(&foot, "", false);
	if (keys)
		put(&foot, keys, false);
	room = rows > head.n + foot.n + 2 ? rows - head.n - foot.n - 1 : 1; /* and the line to type on */
	first = least(first, body.n);
	left = body.n - first;
	shown = first || left > room ? least(left, room - 1) : left; /* another line says that there is more */
	left -= shown;
	page = shown;
#define OUT(...) (len += (size_t)snprintf(out + len, sizeof out - len, __VA_ARGS__))
#define OUT_LINE(d, i)                                                                                                 \
	OUT("%s%s%s\n", !plain && (d).title[i] ? "\033[1;7m" : "", (d).line[i], !plain && (d).title[i] ? "\033[0m" : "")
	OUT("%s", plain ? "\n" : "\033[H\033[2J");
	for (size_t i = 0; i < head.n; i++)
		OUT_LINE(head, i);
	for (size_t i = first; i < first + shown; i++)
		OUT_LINE(body, i);
	if (left)
		OUT("(%zu more lines: m)\n", left);
	else if (first)
		OUT("(from the top: m)\n");
	for (size_t i = 0; i < foot.n; i++)
		OUT_LINE(foot, i);
	if (keys)
		OUT(*typed ? "[%s] > " : "%s> ", typed);
#undef OUT_LINE
#undef OUT
	if (changed && !strcmp(out, drawn))
		return left;
	memcpy(drawn, out, len + 1);
	for (size_t at = 0; at < len;) {
		ssize_t done = write(tty, out + at, len - at);

		if (done < 0 && errno != EINTR)
			break;
		at += done > 0 ? (size_t)done : 0;
	}
	return left;
}

void screen_show(void)
{
	draw(NULL, "", 0, false);
}

/* --- Asking ------------------------------------------------------------------------------------------------------- */

/* A line in the terminal's line mode comes as a whole. False: the terminal is gone, or its end was typed. */
static bool read_line(char typed[static TYPED])
{
	ssize_t n;
	size_t len, skip;

	do
		n = read(tty, typed, TYPED - 1);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	len = (size_t)n;
	while (len && strchr(" \t\r\n", typed[len - 1]))
		len--;
	typed[len] = 0;
	skip = strspn(typed, " \t");
	memmove(typed, typed + skip, len - skip + 1);
	return true;
}

void screen_pause(void)
{
	static const char question[] = "Enter: back to the screen ";
	char typed[TYPED];

	if (write(tty, question, strlen(question)) > 0)
		read_line(typed);
}

enum screen_answer screen_ask(char *out, size_t size, const char *keys, const char *before, int fd, int ms)
{
	struct pollfd on[2] = { { .fd = tty, .events = POLLIN }, { .fd = fd, .events = POLLIN } };
	struct timespec limit = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };
	sigset_t open = before_open;
	char typed[TYPED], note[LONGEST];
	size_t first = 0, left;

	sigdelset(&open, SIGWINCH);
	out[0] = 0;
	left = draw(keys, before, first, ms >= 0);
	for (;;) {
		int n = ppoll(on, fd < 0 ? 1 : 2, ms < 0 ? NULL : &limit, &open);

		if (n < 0 && errno == EINTR) {
			if (resized) { /* half a line that nobody sees any more is not kept either */
				tcflush(tty, TCIFLUSH);
				left = draw(keys, before, first = 0, false);
			}
			continue;
		}
		if (!n || (fd >= 0 && on[1].revents))
			return SCREEN_READY;
		if (n < 0 || !read_line(typed) || !strcmp(typed, "q"))
			return SCREEN_LEAVE;
		if (!strcmp(typed, "m") && (left || first)) {
			left = draw(keys, before, first = left ? first + page : 0, false);
			continue;
		}
		if (!*typed)
			return SCREEN_ENTER;
		if (!strcmp(typed, "b"))
			return SCREEN_BACK;
		if (!strcmp(typed, "?"))
			return SCREEN_HELP;
		if (strlen(typed) < size)
			break;
		snprintf(note, sizeof note, "At most %zu characters. %s", size - 1, keys);
		left = draw(note, before, first = 0, false);
	}
	snprintf(out, size, "%s", typed);
	return SCREEN_TEXT;
}
