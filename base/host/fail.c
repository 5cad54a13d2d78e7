#include "base/host/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

static const char *program = "keyroom";

void fail_program(const char *name)
{
	program = name;
}

/* Text from outside stays on its line: control characters become '?'. */
static void print_clean(const char *s)
{
	for (; *s; s++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, stderr);
}

static int print(enum err e, const char *why, const char *hint, const char *what, va_list args)
{
	char text[512];

	vsnprintf(text, sizeof text, what, args);
	fprintf(stderr, "%s: ", program);
	print_clean(text);
	fputs(": ", stderr);
	print_clean(why);
	if (hint && *hint) {
		fputs("; ", stderr);
		print_clean(hint);
	}
	fputc('\n', stderr);
	return err_exit(e);
}

int fail_say(enum err e, const char *what, ...)
{
	va_list args;
	int status;

	va_start(args, what);
	status = print(e, err_text(e), err_hint(e), what, args);
	va_end(args);
	return status;
}

int fail_why(enum err e, const char *why, const char *hint, const char *what, ...)
{
	va_list args;
	int status;

	va_start(args, what);
	status = print(e, why, hint, what, args);
	va_end(args);
	return status;
}

void fail_memory(void)
{
	fprintf(stderr, "%s: memory: there is no more; run the same command again when there is\n", program);
	exit(EX_OSERR);
}
