/*
 * Command lines: options as a table, --help and --version everywhere, and no way to write a help text that lies.
 */
#ifndef KEYROOM_BASE_HOST_OPT_H
#define KEYROOM_BASE_HOST_OPT_H

#include <stdbool.h>

struct opt {
	const char *name;	/* "port" for --port */
	const char *arg;	/* "PORT" if it takes a value, NULL for a flag */
	const char *help;	/* one sentence */
	const char **value;	/* set to the value; to "yes" for a flag; starts as the caller's default */
	bool needed;		/* missing is a usage error */
};

struct command {
	const char *name;	/* "inject"; NULL ends a list of commands */
	const char *operands;	/* "SERIAL", "[FILE...]" or "" */
	const char *help;	/* one sentence */
	const struct opt *opts;	/* ends with name NULL; NULL for none */
	int least, most;	/* number of operands; most < 0: any */
	int (*run)(int operands, char **operand);
};

/*
 * opt_run - a program without subcommands: reads the options into their values, then runs c
 *
 * --help and --version print and return 0. A wrong command line prints one line and returns EX_USAGE.
 */
int opt_run(const struct command *c, const char *about, int argc, char **argv);

/* opt_run_commands - a program with subcommands: "PROGRAM COMMAND [options] [operands]" */
int opt_run_commands(const struct command *list, const char *program, const char *about, int argc, char **argv);

/*
 * opt_number - an unsigned decimal number between least and most
 *
 * Returns false, having said so on one line, if the text of option --name is anything else.
 */
bool opt_number(unsigned long *out, const char *name, const char *text, unsigned long least, unsigned long most);

#endif
