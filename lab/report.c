#include "lab/report.h"
#include "base/host/fail.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void *must(void *p)
{
	if (!p) {
		fail_why(E_INTERNAL, "no memory", "", "report");
		exit(EX_OSERR);
	}
	return p;
}

struct result *run_add(struct run *r, size_t file, const struct stanza *row, const char *topic, enum verdict verdict,
		       const char *why)
{
	const char *name = stanza_get(row, "case"), *source = stanza_get(row, "source"),
		   *note = stanza_get(row, "note");
	struct result *x;
	int len;

	if (r->n == r->room) {
		r->room = r->room ? 2 * r->room : 256;
		r->results = must(realloc(r->results, r->room * sizeof *r->results));
	}
	x = &r->results[r->n++];
	memset(x, 0, sizeof *x);
	x->file = file;
	x->line = row->line;
	x->name = must(strdup(name ? name : ""));
	len = asprintf(&x->source, "%s%s%s", note ? note : "", note && source ? "; " : "", source ? source : "");
	if (len < 0)
		must(NULL);
	x->topic = topic;
	x->verdict = verdict;
	x->why = must(strdup(why ? why : ""));
	r->count[verdict]++;
	return x;
}

void run_differ(struct run *r, struct result *x, const char *field, const char *expected, const char *found)
{
	r->count[x->verdict]--;
	r->count[x->verdict = FAILED]++;
	x->differences = must(realloc(x->differences, (x->n + 1) * sizeof *x->differences));
	x->differences[x->n++] =
		(struct difference){ must(strdup(field)), must(strdup(expected)), must(strdup(found)) };
}

void run_free(struct run *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct result *x = &r->results[i];

		for (size_t d = 0; d < x->n; d++) {
			free(x->differences[d].field);
			free(x->differences[d].expected);
			free(x->differences[d].found);
		}
		free(x->differences);
		free(x->name);
		free(x->source);
		free(x->why);
	}
	free(r->results);
	for (size_t i = 0; i < r->nfiles; i++) {
		free(r->files[i].path);
		free(r->files[i].name);
		free(r->files[i].head);
	}
	free(r->files);
}

/* A head line that goes on with a capital or a bracket begins something new. */
void run_clause(char out[static CLAUSE_MAX], const struct vector_file *v)
{
	size_t n = 0, whole = 0;

	for (; n < CLAUSE_MAX - 1 && v->head[n]; n++) {
		const char c = v->head[n], next = v->head[n + 1];

		if (whole && c == '[')
			break;
		out[n] = c == '\n' ? ' ' : c;
		if ((c == '.' && strchr(" \n", next)) ||
		    (next == '\n' && strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZ[", v->head[n + 2])))
			whole = n + 1;
	}
	out[whole ? whole : n] = 0;
}

static void print_where(FILE *out, const struct run *r, const struct result *x)
{
	fprintf(out, "%s:%u%s%s: %s", r->files[x->file].name, x->line, *x->name ? " " : "", x->name, x->topic);
}

void report_people(FILE *out, const struct run *r)
{
	char clause[CLAUSE_MAX];

	for (size_t i = 0; i < r->n; i++) {
		const struct result *x = &r->results[i];

		if (x->verdict != FAILED)
			continue;
		fputs("FAILED ", out);
		print_where(out, r, x);
		fputc('\n', out);
		if (*x->source)
			fprintf(out, "  source    %s\n", x->source);
		run_clause(clause, &r->files[x->file]);
		fprintf(out, "  clause    %s\n", clause);
		for (size_t d = 0; d < x->n; d++)
			fprintf(out, "  %s\n    expected  %s\n    found     %s\n", x->differences[d].field,
				x->differences[d].expected, x->differences[d].found);
		if (*x->why)
			fprintf(out, "  reason    %s\n", x->why);
		fputc('\n', out);
	}
	for (size_t f = 0; f < r->nfiles; f++) {
		size_t count[3] = { 0 };

		for (size_t i = 0; i < r->n; i++)
			if (r->results[i].file == f)
				count[r->results[i].verdict]++;
		fprintf(out, "%-36s %5zu ok %5zu FAILED %5zu not asked\n", r->files[f].name, count[PASSED],
			count[FAILED], count[SKIPPED]);
	}
	fprintf(out, "%s: %zu ok, %zu failed, %zu not asked, in %.1f s\n", r->subject, r->count[PASSED],
		r->count[FAILED], r->count[SKIPPED], r->seconds);
}

/* A description may not hold "#", which begins a directive, nor a line's end. */
static void tap_text(FILE *out, const char *s)
{
	for (; *s; s++)
		fputc(*s == '#' ? '.' : (unsigned char)*s < 0x20 ? ' ' : *s, out);
}

/* A YAML string in single quotes */
static void yaml_text(FILE *out, const char *s)
{
	fputc('\'', out);
	for (; *s; s++)
		fputs((char[]){ *s, *s == '\'' ? '\'' : 0, 0 }, out);
	fputc('\'', out);
}

void report_tap(FILE *out, const struct run *r)
{
	fprintf(out, "TAP version 13\n1..%zu\n# subject: %s\n# by: %s\n", r->n, r->subject, r->version);
	for (size_t i = 0; i < r->n; i++) {
		const struct result *x = &r->results[i];

		fprintf(out, "%s %zu - %s:%u ", x->verdict == FAILED ? "not ok" : "ok", i + 1, r->files[x->file].name,
			x->line);
		tap_text(out, x->name);
		fputs(*x->name ? " " : "", out);
		tap_text(out, x->topic);
		if (x->verdict == SKIPPED) {
			fputs(" # SKIP ", out);
			tap_text(out, x->why);
		}
		fputc('\n', out);
		if (x->verdict != FAILED)
			continue;
		fputs("  ---\n", out);
		if (*x->why) {
			fputs("  reason: ", out);
			yaml_text(out, x->why);
			fputc('\n', out);
		}
		for (size_t d = 0; d < x->n; d++) {
			fprintf(out, "  %s:\n    expected: ", x->differences[d].field);
			yaml_text(out, x->differences[d].expected);
			fputs("\n    found: ", out);
			yaml_text(out, x->differences[d].found);
			fputc('\n', out);
		}
		fputs("  ...\n", out);
	}
}

void report_markup(FILE *out, const char *s)
{
	for (; *s; s++)
		switch (*s) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc((unsigned char)*s < 0x20 && *s != '\n' ? ' ' : *s, out);
		}
}

static void junit_case(FILE *out, const struct run *r, const struct result *x)
{
	fputs("    <testcase classname=\"", out);
	report_markup(out, r->files[x->file].name);
	fprintf(out, "\" name=\"line %u ", x->line);
	report_markup(out, x->name);
	fputs(*x->name ? ": " : "", out);
	report_markup(out, x->topic);
	fputs("\">", out);
	if (x->verdict == SKIPPED) {
		fputs("<skipped message=\"", out);
		report_markup(out, x->why);
		fputs("\"/>", out);
	}
	if (x->verdict == FAILED) {
		fputs("<failure message=\"", out);
		report_markup(out, x->n ? x->differences[0].field : x->why);
		fputs(" differs\">", out);
		for (size_t d = 0; d < x->n; d++) {
			report_markup(out, x->differences[d].field);
			fputs(": expected ", out);
			report_markup(out, x->differences[d].expected);
			fputs(", found ", out);
			report_markup(out, x->differences[d].found);
			fputc('\n', out);
		}
		report_markup(out, x->why);
		fputs("</failure>", out);
	}
	fputs("</testcase>\n", out);
}

void report_junit(FILE *out, const struct run *r)
{
	struct tm tm;
	char when[32];

	gmtime_r(&r->began, &tm);
	strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(out,
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"%zu\" failures=\"%zu\" "
		"skipped=\"%zu\">\n",
		r->n, r->count[FAILED], r->count[SKIPPED]);
	fprintf(out, "  <testsuite name=\"lab validate: ");
	report_markup(out, r->subject);
	fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" skipped=\"%zu\" time=\"%.3f\" timestamp=\"%s\">\n",
		r->n, r->count[FAILED], r->count[SKIPPED], r->seconds, when);
	for (size_t i = 0; i < r->n; i++)
		junit_case(out, r, &r->results[i]);
	fputs("  </testsuite>\n</testsuites>\n", out);
}

report *report_find(const char *name)
{
	static const struct {
		const char *name;
		report *report;
	} all[] = {
		{ "people", report_people },
		{ "tap", report_tap },
		{ "junit", report_junit },
		{ "html", report_html },
	};

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (!strcmp(all[i].name, name))
			return all[i].report;
	return NULL;
}
