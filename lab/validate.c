#include "lab/validate.h"
#include "base/hex.h"
#include "base/host/fail.h"
#include "crypto/backend.h"
#include "crypto/sha256.h"
#include "lab/report.h"
#include "lab/subject.h"
#include "lab/terminal.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#ifndef KEYROOM_VECTORS
#define KEYROOM_VECTORS "/usr/local/share/keyroom/vectors"
#endif

#define FILE_MAX (1 << 22)

enum { EX_WRONG = 1 };

static const char *vectors, *command, *format = "people", *out_name, *patience_text = "60";
static const char *port, *till, *room, *acquirer, *serial, *slot = "0", *key_set, *count_text = "21";

const struct opt validate_opts[] = {
	{ "vectors", "DIR", "folder of the vector files (usual: ./vectors, or where they are installed)", &vectors,
	  false },
	{ "exec", "CMD", "judge this program in place of this implementation", &command, false },
	{ "patience", "SECONDS", "how long the program may take for one answer (usual: 60)", &patience_text, false },
	{ "format", "F", "people, tap, junit or html", &format, false },
	{ "out", "FILE", "where the report goes (usual: standard output)", &out_name, false },
	{ "port", "PORT", "judge the terminal on this loading port; needs the options that follow", &port, false },
	{ "till", "PORT", "the terminal's till line", &till, false },
	{ "serial", "S", "the terminal's serial", &serial, false },
	{ "room", "DIR", "a test load room, its bdkd running", &room, false },
	{ "key-set", "ID", "the key set to load from, made with the published ids", &key_set, false },
	{ "acquirer", "DIR", "the acquirer room that has this key set", &acquirer, false },
	{ "slot", "N", "the terminal's key slot (usual: 0)", &slot, false },
	{ "count", "N", "how many transactions (usual: 21)", &count_text, false },
	{ NULL, NULL, NULL, NULL, false },
};

static struct run run;
static struct plan plan;
static struct subject subject;
static size_t at, total, done; /* the file being asked about; questions */

static int no_memory(void)
{
	return fail_why(E_INTERNAL, "no memory", "", "vectors");
}

/* The comment at the top of a file, as running text */
static char *head_of(const char *text)
{
	char *head = malloc(strlen(text) + 1);
	size_t n = 0;

	while (head && *text == '#') {
		text += strspn(text, "# \t");
		while (*text && *text != '\n')
			head[n++] = *text++;
		head[n++] = '\n';
		text += *text == '\n';
	}
	if (head)
		head[n ? n - 1 : 0] = 0;
	return head;
}

static int add_file(const char *path)
{
	static char text[FILE_MAX + 1];
	struct vector_file v = { 0 }, *grown;
	uint8_t digest[32];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, FILE_MAX, f) : 0;
	enum err e;

	if (!f || ferror(f)) {
		int status = fail_why(E_IO, strerror(errno), "", "%s", path);

		if (f)
			fclose(f);
		return status;
	}
	text[n] = 0;
	rewind(f);
	e = plan_learn(&plan, f);
	fclose(f);
	if (e || n == FILE_MAX)
		return fail_why(E_FORMAT, e ? err_text(e) : "is too long", "compare it with the format in the manual",
				"%s, line %u", path, plan.row.last);
	if (sha256(digest, &(struct span){ (const uint8_t *)text, n }, 1))
		return fail_say(E_CRYPTO, "%s", path);
	hex_encode(v.sha256, digest, sizeof digest);
	v.path = strdup(path);
	v.name = strdup(strrchr(path, '/') ? strrchr(path, '/') + 1 : path);
	v.head = head_of(text);
	grown = realloc(run.files, (run.nfiles + 1) * sizeof v);
	if (!grown || !v.path || !v.name || !v.head)
		return no_memory();
	run.files = grown;
	run.files[run.nfiles++] = v;
	return 0;
}

static int is_vectors(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 4 && !strcmp(d->d_name + n - 4, ".txt");
}

static int add_folder(void)
{
	struct stat st;
	struct dirent **names;
	const char *folder = vectors ? vectors : stat("vectors", &st) ? KEYROOM_VECTORS : "vectors";
	int n = scandir(folder, &names, is_vectors, alphasort), status = 0;

	if (n <= 0)
		return fail_why(E_IO, n ? strerror(errno) : "no vector files in it", "--vectors tells where they are",
				"%s", folder);
	for (int i = 0; i < n; i++) {
		char path[4096];

		snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
		if (!status)
			status = add_file(path);
		free(names[i]);
	}
	free(names);
	return status;
}

static enum err prepare(void *context, const struct check *c, const struct stanza *row)
{
	(void)context;
	(void)row;
	total += c->command != NULL;
	return c->command ? subject_prepare(&subject, &c->question) : E_OK;
}

/* One line that grows, on a terminal only */
static void progress(void)
{
	enum { WIDTH = 40 };
	static int shown = -1;
	const int part = (int)(done * WIDTH / (total ? total : 1));

	if (part == shown || !isatty(STDERR_FILENO))
		return;
	shown = part;
	fprintf(stderr, "\r[%.*s%*s] %zu of %zu%s", part, "########################################", WIDTH - part, "",
		done, total, done == total ? "\n" : "");
}

/* Hold an answer against what it has to be */
static void judge(const struct check *c, const struct stanza *row, const struct stanza *a)
{
	const char *status = stanza_get(a, "status"), *reason = stanza_get(a, "reason");
	struct result *x;

	if (status && !strcasecmp(status, "unsupported")) {
		run_add(&run, at, row, c->topic, SKIPPED,
			reason ? reason : "the program does not support this question");
		return;
	}
	if (c->refused) {
		const bool refused = status && !strcasecmp(status, "refused");

		x = run_add(&run, at, row, c->topic, PASSED, refused ? reason : "");
		if (!refused)
			run_differ(&run, x, "status", "refused", status ? status : "(no such field)");
		return;
	}
	x = run_add(&run, at, row, c->topic, PASSED, reason);
	if (status ? strcasecmp(status, "ok") != 0 : !c->expected.n)
		run_differ(&run, x, "status", "ok", status ? status : "(no such field)");
	for (size_t i = 0; i < c->expected.n; i++) {
		const char *key = c->expected.text + c->expected.field[i].key;
		const char *want = c->expected.text + c->expected.field[i].value, *found = stanza_get(a, key);

		if (!found || strcasecmp(found, want))
			run_differ(&run, x, key, want, found ? found : "(no such field)");
	}
}

static enum err ask(void *context, const struct check *c, const struct stanza *row)
{
	enum err e;

	(void)context;
	if (!c->command) {
		run_add(&run, at, row, c->topic, SKIPPED, c->topic);
		return E_OK;
	}
	e = subject_ask(&subject, &c->question);
	if (e)
		run_differ(&run, run_add(&run, at, row, c->topic, PASSED, ""), "answer", "one stanza",
			   e == E_SHORT ? "none" : "not a stanza");
	else
		judge(c, row, &subject.answer);
	done++;
	progress();
	return E_OK;
}

/* Every row of every file through visit */
static int each(plan_visit *visit)
{
	for (at = 0; at < run.nfiles; at++) {
		FILE *f = fopen(run.files[at].path, "re");
		enum err e = f ? plan_run(&plan, f, visit, NULL) : E_IO;

		if (f)
			fclose(f);
		if (e)
			return fail_why(e, e == E_IO ? strerror(errno) : err_text(e), "", "%s", run.files[at].name);
	}
	return 0;
}

static int judge_all(void)
{
	unsigned long patience;
	int status = 0;

	if (!opt_number(&patience, "patience", patience_text, 1, 86400))
		return EX_USAGE;
	run.subject = command ? command : "this implementation: Keyroom " KEYROOM_VERSION;
	if (subject_open(&subject, command, (unsigned)patience))
		return fail_why(E_IO, strerror(errno), "", "--exec");
	status = each(prepare);
	if (!status && subject_start(&subject))
		status = fail_why(E_IO, strerror(errno), "", "--exec %s", command);
	if (!status)
		status = each(ask);
	subject_close(&subject);
	return status;
}

static int judge_terminal(void)
{
	const struct terminal t = { port, till, serial, room, key_set, acquirer, slot };
	unsigned long count;

	if (!till || !serial || !room || !key_set)
		return fail_why(E_USAGE, "are needed with --port", "--help tells them",
				"--till, --serial, --room and --key-set");
	if (!opt_number(&count, "count", count_text, 1, 10000))
		return EX_USAGE;
	return terminal_judge(&run, &plan, &t, (unsigned)count);
}

static int tell(report *report_it)
{
	FILE *out = out_name ? fopen(out_name, "we") : stdout;
	int status = 0;

	if (!out)
		return fail_why(E_IO, strerror(errno), "", "--out %s", out_name);
	report_it(out, &run);
	if (fflush(out) || ferror(out))
		status = fail_why(E_IO, strerror(errno), "", "%s", out_name ? out_name : "standard output");
	if (out_name)
		fclose(out);
	return status;
}

int validate(int operands, char **operand)
{
	report *report_it = report_find(format);
	struct timespec begin, end;
	char version[96];
	int status = 0;

	if (!report_it)
		return fail_why(E_USAGE, "no such format", "people, tap, junit or html", "--format %s", format);
	if (command && port)
		return fail_why(E_USAGE, "one subject at a time", "give one of them", "--exec and --port");
	for (int i = 0; i < operands && !status; i++)
		status = add_file(operand[i]);
	if (!operands)
		status = add_folder();
	snprintf(version, sizeof version, "lab (Keyroom) %s, with %s", KEYROOM_VERSION, crypto_backend());
	run.version = version;
	run.began = time(NULL);
	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (!status)
		status = port ? judge_terminal() : judge_all();
	clock_gettime(CLOCK_MONOTONIC, &end);
	run.seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
	if (!status)
		status = tell(report_it);
	if (!status && run.count[FAILED])
		status = EX_WRONG;
	else if (!status && !run.count[PASSED])
		status = fail_why(E_SHORT, "nothing was asked", "no row of the vector files is a question", "vectors");
	run_free(&run);
	plan_free(&plan);
	return status;
}
