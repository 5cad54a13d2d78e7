/*
 * What a validation found, and the four ways to tell it.
 */
#ifndef KEYROOM_LAB_REPORT_H
#define KEYROOM_LAB_REPORT_H

#include "lab/plan.h"

#include <time.h>

enum verdict { PASSED, FAILED, SKIPPED };

struct difference {
	char *field, *expected, *found;
};

struct result {
	size_t file;         /* index into the run's files */
	unsigned line;       /* of the row */
	char *name, *source; /* the row's case; its note and source. "" if it has none */
	const char *topic;
	enum verdict verdict;
	char *why; /* SKIPPED: why. FAILED: what the subject gave as a reason, or "" */
	struct difference *differences;
	size_t n; /* of them */
};

struct vector_file {
	char *path, *name;
	char *head; /* its first comment: what the figures are and where they come from */
	char sha256[65];
};

struct run {
	const char *subject; /* what was judged: "this implementation", a command, a terminal */
	const char *version; /* of lab and its crypto back end */
	time_t began;
	double seconds;
	struct vector_file *files;
	size_t nfiles;
	struct result *results;
	size_t n, room;
	size_t count[3]; /* by verdict */
};

/*
 * run_add - one more result; the differences are added to it by run_differ()
 *
 * Ends the program with a line when memory is out, as do the others here.
 */
struct result *run_add(struct run *r, size_t file, const struct stanza *row, const char *topic, enum verdict verdict,
		       const char *why);

/* run_differ - a field that is not as it has to be; the result becomes FAILED */
void run_differ(struct run *r, struct result *x, const char *field, const char *expected, const char *found);

void run_free(struct run *r);

#define CLAUSE_MAX 256

/* run_clause - the standard and its clauses, for a line: the first whole sentences of a file's head, as many as fit */
void run_clause(char out[static CLAUSE_MAX], const struct vector_file *v);

typedef void report(FILE *out, const struct run *r);

report report_people, report_tap, report_junit; /* lab/report.c */
report report_html;                             /* lab/report_html.c */

/* report_markup - text inside XML or HTML: & < > " escaped, control characters as blanks */
void report_markup(FILE *out, const char *s);

/* report_find - by its name: people, tap, junit, html; NULL if there is none */
report *report_find(const char *name);

#endif
