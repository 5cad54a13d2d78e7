#include "base/host/opt.h"
#include "base/host/fail.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_OPTS = 24, HELP = 1000, VERSION };

static void print_help(const struct command *c, const char *program, const char *about)
{
	printf("usage: %s%s%s", program, *program ? " " : "", c->name);
	for (const struct opt *o = c->opts; o && o->name; o++)
		printf(o->needed ? " --%s%s%s" : " [--%s%s%s]", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
	printf("%s%s\n\n%s\n\n", *c->operands ? " " : "", c->operands, about);
	for (const struct opt *o = c->opts; o && o->name; o++) {
		char left[64];

		snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
		printf("  %-22s %s\n", left, o->help);
	}
	printf("  %-22s %s\n  %-22s %s\n", "--help", "print this", "--version", "print the version");
}

static int run(const struct command *c, const char *program, const char *about, int argc, char **argv)
{
	struct option table[MOST_OPTS + 3] = { { 0 } };
	bool given[MOST_OPTS] = { false };
	int n = 0, got, operands;
	char name[64];

	snprintf(name, sizeof name, "%s%s%s", program, *program ? " " : "", c->name);
	for (; c->opts && c->opts[n].name && n < MOST_OPTS; n++)
		table[n] = (struct option){ c->opts[n].name, c->opts[n].arg ? required_argument : no_argument, NULL,
					    n };
	table[n] = (struct option){ "help", no_argument, NULL, HELP };
	table[n + 1] = (struct option){ "version", no_argument, NULL, VERSION };

	opterr = 0;
	optind = 1;
	while ((got = getopt_long(argc, argv, ":", table, NULL)) != -1) {
		if (got == HELP) {
			print_help(c, program, about);
			return 0;
		}
		if (got == VERSION) {
			printf("%s (Keyroom) %s\n", *program ? program : c->name, KEYROOM_VERSION);
			return 0;
		}
		if (got == '?' || got == ':')
			return fail_why(E_USAGE, got == ':' ? "needs a value" : "no such option, or it takes no value",
					"--help tells them", "%s", argv[optind - 1]);
		if (given[got])
			return fail_why(E_USAGE, "given twice", "give it once", "--%s", c->opts[got].name);
		given[got] = true;
		*c->opts[got].value = c->opts[got].arg ? optarg : "yes";
	}
	for (int i = 0; i < n; i++)
		if (c->opts[i].needed && !given[i])
			return fail_why(E_USAGE, "is needed", "--help tells how", "--%s", c->opts[i].name);
	operands = argc - optind;
	if (operands < c->least || (c->most >= 0 && operands > c->most))
		return fail_why(E_USAGE, operands < c->least ? "something is missing" : "too many words",
				"--help tells how", "%s %s", name, c->operands);
	return c->run(operands, argv + optind);
}

int opt_run(const struct command *c, const char *about, int argc, char **argv)
{
	fail_program(c->name);
	return run(c, "", about, argc, argv);
}

int opt_run_commands(const struct command *list, const char *program, const char *about, int argc, char **argv)
{
	fail_program(program);
	if (argc < 2)
		return fail_why(E_USAGE, "which command?", "--help lists them", "%s COMMAND", program);
	if (!strcmp(argv[1], "--version")) {
		printf("%s (Keyroom) %s\n", program, KEYROOM_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help")) {
		printf("usage: %s COMMAND [options]\n\n%s\n\n", program, about);
		for (const struct command *c = list; c->name; c++)
			printf("  %-12s %s\n", c->name, c->help);
		printf("\n%s COMMAND --help tells more.\n", program);
		return 0;
	}
	for (const struct command *c = list; c->name; c++)
		if (!strcmp(argv[1], c->name))
			return run(c, program, c->help, argc - 1, argv + 1);
	return fail_why(E_USAGE, "no such command", "--help lists them", "%s %s", program, argv[1]);
}

bool opt_number(unsigned long *out, const char *name, const char *text, unsigned long least, unsigned long most)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || v < least || v > most) {
		char why[96];

		snprintf(why, sizeof why, "not a number from %lu to %lu", least, most);
		fail_why(E_USAGE, why, "", "--%s %s", name, text);
		return false;
	}
	*out = v;
	return true;
}
