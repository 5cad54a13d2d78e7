#include "lab/terminal.h"
#include "base/host/fail.h"
#include "dukpt/ksn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

/* ISO 9564-1 and X9.24-1 A.4 take this account in their examples; the PIN goes to the keypad through a pipe. */
#define PIN "1234"
#define PAN "4012345678909"
#define DATA "4012345678909D987"

struct transaction {
	char ksn[KSN_TEXT]; /* as emitted; "" if none was */
};

struct judging {
	struct run *run;
	struct transaction *made;
	struct ksn *expected; /* by the skip rule, from the initial KSN on */
	unsigned count;
	size_t file;
	unsigned line; /* of the row looked at last */
};

/* Run a program to its end: in, or nothing, on its standard input; its standard output in out. Its exit status. */
static int run_child(char *const argv[], FILE *in, FILE *out)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		/* not rewind(), which may think that it need not move what is in its buffer already */
		if (in && (lseek(fileno(in), 0, SEEK_SET) || dup2(fileno(in), STDIN_FILENO) < 0))
			_exit(EX_OSERR);
		if (dup2(fileno(out), STDOUT_FILENO) < 0)
			_exit(EX_OSERR);
		execvp(argv[0], argv);
		_exit(EX_UNAVAILABLE);
	}
	if (pid < 0)
		return fail_why(E_IO, strerror(errno), "", "%s", argv[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	rewind(out);
	status = WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
	/* what it says for itself is above this line */
	return status ? (fail_why(E_IO, "ended with an error", "see above", "%s", argv[0]), status) : 0;
}

static char *arg(const char *s)
{
	return (char *)(uintptr_t)s; /* execvp() takes, but does not change, what is not const */
}

static int load(const struct terminal *t, FILE *out)
{
	char *const argv[] = { arg("kif"),
			       arg("inject"),
			       arg("--room"),
			       arg(t->room),
			       arg("--port"),
			       arg(t->port),
			       arg("--serial"),
			       arg(t->serial),
			       arg("--key-set"),
			       arg(t->key_set),
			       arg("--slot"),
			       arg(t->slot),
			       NULL };

	return run_child(argv, NULL, out);
}

static int sell(const struct terminal *t, unsigned count, FILE *in, FILE *out)
{
	char number[16];
	char *const argv[] = { arg("pos"),   arg("--till"),  arg(t->till), arg("--slot"),
			       arg(t->slot), arg("--count"), number,       NULL };

	snprintf(number, sizeof number, "%u", count);
	fprintf(in, "pin = %s\npan = %s\namount = 1999\ndata = %s\n", PIN, PAN, DATA);
	return run_child(argv, in, out);
}

/* A result that stands in no vector file */
static struct result *add(struct judging *j, unsigned number, const char *topic)
{
	static struct stanza row;
	const struct turn w = { NULL, &row };

	row.n = row.used = 0;
	row.line = number;
	turn_say_format(&w, "case", "transaction %u", number);
	return run_add(j->run, j->run->nfiles - 1, &row, topic, PASSED, "");
}

static void judge_sequence(struct judging *j)
{
	char want[KSN_TEXT];

	for (unsigned i = 0; i < j->count; i++) {
		struct result *x = add(j, i + 1, "KSN follows by the skip rule");

		ksn_text(want, &j->expected[i]);
		if (strcmp(want, j->made[i].ksn))
			run_differ(j->run, x, "ksn", want, *j->made[i].ksn ? j->made[i].ksn : "(none)");
	}
}

static enum err judge_published(void *context, const struct check *c, const struct stanza *row)
{
	struct judging *j = context;
	const char *ksn = stanza_get(row, "ksn"), *valid = stanza_get(row, "valid_counter");
	char want[KSN_TEXT];
	struct result *x;
	struct ksn k;
	unsigned i;

	(void)c;
	if (row->line == j->line || !ksn || (valid && !strcmp(valid, "no")) || ksn_parse(&k, ksn) ||
	    !ksn_same_device(&k, &j->expected[0]))
		return E_OK;
	j->line = row->line;
	for (i = 0; i < j->count && ksn_counter(&j->expected[i]) != ksn_counter(&k); i++)
		;
	if (i == j->count) {
		run_add(j->run, j->file, row, "published KSN emitted", SKIPPED,
			"beyond the transactions that were made");
		return E_OK;
	}
	ksn_text(want, &k);
	x = run_add(j->run, j->file, row, "published KSN emitted", PASSED, "");
	if (strcmp(want, j->made[i].ksn))
		run_differ(j->run, x, "ksn", want, *j->made[i].ksn ? j->made[i].ksn : "(none)");
	return E_OK;
}

static void judge_recovery(struct judging *j, FILE *answers)
{
	static const char *const want[][2] = {
		{ "status", "ok" }, { "pin", PIN }, { "mac_verdict", "ok" }, { "data_clear", DATA }
	};
	static struct stanza a;

	a.last = 0;
	for (unsigned i = 0; i < j->count; i++) {
		struct result *x = add(j, i + 1, "recovered by the acquirer from its KSN");

		if (stanza_read(&a, answers))
			a.n = 0;
		for (size_t f = 0; f < sizeof want / sizeof want[0]; f++) {
			const char *found = stanza_get(&a, want[f][0]);

			if (!found || strcmp(found, want[f][1]))
				run_differ(j->run, x, want[f][0], want[f][1], found ? found : "(no such field)");
		}
	}
	turn_wipe(&a);
}

/* What pos printed; and from its first KSN all that have to be there. E_OK, E_FORMAT */
static enum err read_made(struct judging *j, FILE *sales)
{
	static struct stanza s;
	struct ksn k;

	s.last = 0;
	for (unsigned i = 0; i < j->count && !stanza_read(&s, sales); i++) {
		const char *ksn = stanza_get(&s, "ksn");

		if (ksn && !ksn_parse(&k, ksn))
			ksn_text(j->made[i].ksn, &k);
	}
	if (ksn_parse(&k, j->made[0].ksn))
		return E_FORMAT;
	ksn_set_counter(&k, &k, 0);
	for (unsigned i = 0; i < j->count; i++) {
		if (ksn_next(&k, &k))
			return E_FORMAT;
		j->expected[i] = k;
	}
	return E_OK;
}

/* The results that belong to no vector file stand under the terminal's own name. */
static enum err add_terminal(struct run *r, const struct terminal *t)
{
	struct vector_file *grown = realloc(r->files, (r->nfiles + 1) * sizeof *r->files), *v;

	if (!grown)
		return E_INTERNAL;
	r->files = grown;
	v = &r->files[r->nfiles];
	memset(v, 0, sizeof *v);
	v->path = strdup("");
	v->name = strdup(t->serial);
	v->head = strdup("ANSI X9.24-1:2009 A.3 and X9.24-3:2017 6.1: which counters there are, in which order. What "
			 "the terminal "
			 "emitted at its till, from its initial KSN on.");
	if (!v->path || !v->name || !v->head) {
		free(v->path);
		free(v->name);
		free(v->head);
		return E_INTERNAL;
	}
	r->nfiles++;
	return E_OK;
}

int terminal_judge(struct run *r, struct plan *p, const struct terminal *t, unsigned count)
{
	struct judging j = { .run = r, .count = count };
	FILE *temporary[] = { tmpfile(), tmpfile(), tmpfile(), tmpfile() };
	FILE *in = temporary[0], *loaded = temporary[1], *sales = temporary[2], *answers = temporary[3];
	char *const recover[] = { arg("acquirer"), arg("decrypt"), arg("--room"), arg(t->acquirer), NULL };
	const size_t vectors = r->nfiles;
	int status = EX_OSERR;

	r->subject = t->serial;
	j.made = calloc(count, sizeof *j.made);
	j.expected = calloc(count, sizeof *j.expected);
	if (!in || !loaded || !sales || !answers || !j.made || !j.expected || add_terminal(r, t)) {
		status = fail_why(E_INTERNAL, "no memory or no temporary file", "", "terminal");
		goto done;
	}
	status = load(t, loaded);
	if (!status)
		status = sell(t, count, in, sales);
	if (status)
		goto done;
	if (read_made(&j, sales)) {
		status = fail_why(E_FORMAT, "its first KSN is none", "", "what the terminal emitted");
		goto done;
	}
	judge_sequence(&j);
	for (j.file = 0; j.file < vectors && !status; j.file++) {
		FILE *f = fopen(r->files[j.file].path, "re");

		j.line = 0;
		if (!f || plan_run(p, f, judge_published, &j))
			status = fail_why(E_IO, "cannot be read", "", "%s", r->files[j.file].path);
		if (f)
			fclose(f);
	}
	if (!status && t->acquirer) {
		/* a stanza that the acquirer refuses makes its status, but its answers stand */
		(void)run_child(recover, sales, answers);
		judge_recovery(&j, answers);
	}
done:
	free(j.made);
	free(j.expected);
	for (size_t i = 0; i < sizeof temporary / sizeof temporary[0]; i++)
		if (temporary[i])
			fclose(temporary[i]);
	return status;
}
