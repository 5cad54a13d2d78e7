/* One page that needs nothing but itself: to be handed over, read on a screen, by a screen reader, or on paper. */
#include "lab/report.h"

#include <ctype.h>
#include <string.h>

static const char style[] =
	":root{color-scheme:light}"
	"body{font:16px/1.5 system-ui,sans-serif;color:#1b1f24;background:#fff;margin:0 "
	"auto;max-width:70rem;padding:2rem 1.5rem}"
	"h1{font-size:1.7rem;line-height:1.2;margin:0 0 .25rem}h2{font-size:1.25rem;margin:2.5rem 0 .5rem}"
	"h3{font-size:1rem;margin:1.5rem 0 .25rem}p{margin:.25rem 0 .75rem;max-width:46rem}"
	".verdict{margin:1.25rem 0;padding:.75rem 1rem;border-left:.5rem solid;font-size:1.1rem}"
	".good{border-color:#1a7f37;background:#e9f6ec}.bad{border-color:#b42318;background:#fdecea}"
	".verdict strong{display:block}"
	"dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.5rem;margin:.5rem "
	"0}dt{color:#4a525c}dd{margin:0}"
	"table{border-collapse:collapse;width:100%;margin:.5rem 0 1rem;font-size:.9rem}"
	"caption{text-align:left;color:#4a525c;padding:0 0 .35rem;white-space:pre-line}"
	"th,td{text-align:left;vertical-align:top;padding:.3rem .75rem .3rem 0;border-bottom:1px solid #d5dae0}"
	"thead th{border-bottom:2px solid #4a525c;white-space:nowrap}tbody th{font-weight:400}"
	".group th{background:#f3f5f7;padding:.5rem .75rem}"
	".n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}"
	".hex{font:.85rem/1.45 ui-monospace,monospace;overflow-wrap:anywhere}"
	".ok{color:#116329}.failed{color:#a11b12;font-weight:700}.skipped{color:#4a525c}td.ok,td.failed,td.skipped{"
	"white-space:nowrap}"
	"a{color:#0b57a4}a:focus-visible{outline:3px solid #0b57a4;outline-offset:2px}"
	"mark{background:#ffe08a;color:inherit}th.case{min-width:9rem}.case{overflow-wrap:anywhere}footer{margin-top:"
	"3rem;color:#4a525c;font-size:.9rem}"
	"@media(max-width:40rem){body{padding:1rem}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}table{font-size:"
	".8rem}}"
	"@media "
	"print{body{max-width:none;padding:0;font-size:9pt}table{font-size:8pt}th,td{padding:.1rem .5rem .1rem "
	"0}h2,h3,caption{break-after:avoid}tr{break-inside:avoid}"
	"thead{display:table-header-group}.verdict{background:none}a{color:inherit;text-decoration:none}@page{margin:"
	"18mm}}";

static const struct {
	const char *css, *text;
} verdicts[] = { [PASSED] = { "ok", "ok" }, [FAILED] = { "failed", "FAILED" }, [SKIPPED] = { "skipped", "not asked" } };

/* One of two values, with the stretch marked in which they differ, whatever the case of their letters */
static void difference(FILE *out, const char *s, const char *other)
{
	size_t len = strlen(s), first = 0, last = 0, more = strlen(other);
	char part[2] = { 0 };

	while (s[first] && tolower((unsigned char)s[first]) == tolower((unsigned char)other[first]))
		first++;
	while (last < len - first && last < more - first &&
	       tolower((unsigned char)s[len - 1 - last]) == tolower((unsigned char)other[more - 1 - last]))
		last++;
	for (size_t i = 0; i < len; i++) {
		if (i == first && i < len - last)
			fputs("<mark>", out);
		part[0] = s[i];
		report_markup(out, part);
		if (i + 1 == len - last && i >= first)
			fputs("</mark>", out);
	}
}

static void fact(FILE *out, const char *name, const char *value)
{
	fprintf(out, "<dt>%s</dt><dd>", name);
	report_markup(out, value);
	fputs("</dd>\n", out);
}

static void count_cells(FILE *out, const size_t count[3])
{
	fprintf(out, "<td class=n>%zu</td><td class=\"n%s\">%zu</td><td class=n>%zu</td>", count[PASSED],
		count[FAILED] ? " failed" : "", count[FAILED], count[SKIPPED]);
}

/* The results of one file, of one topic unless that is NULL */
static void tally(size_t count[3], const struct run *r, size_t file, const char *topic)
{
	memset(count, 0, 3 * sizeof *count);
	for (size_t i = 0; i < r->n; i++)
		if (r->results[i].file == file && (!topic || !strcmp(r->results[i].topic, topic)))
			count[r->results[i].verdict]++;
}

static void head(FILE *out, const struct run *r)
{
	struct tm tm;
	char when[64], value[96];

	gmtime_r(&r->began, &tm);
	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S UTC", &tm);
	fputs("<!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
	      "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n<title>",
	      out);
	report_markup(out, r->count[FAILED] ? "Failed: " : "Passed: ");
	report_markup(out, r->subject);
	fprintf(out,
		"</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n<h1>Validation against published vectors</h1>\n",
		style);
	fprintf(out, "<div class=\"verdict %s\"><strong>%s</strong>%zu ok, %zu failed, %zu not asked.</div>\n",
		r->count[FAILED] || !r->count[PASSED] ? "bad" : "good",
		r->count[FAILED]   ? "&#10007; Not every answer was right."
		: r->count[PASSED] ? "&#10003; Every answer was right."
				   : "&#10007; Nothing was asked.",
		r->count[PASSED], r->count[FAILED], r->count[SKIPPED]);
	fputs("<dl>\n", out);
	fact(out, "Judged", r->subject);
	fact(out, "By", r->version);
	fact(out, "When", when);
	snprintf(value, sizeof value, "%.3f seconds", r->seconds);
	fact(out, "Took", value);
	fputs("</dl>\n<p>A row of a vector file becomes one or more questions; each answer is compared with the "
	      "published figure, "
	      "and where a figure may not be had (an impossible counter, a malformed block) with a refusal. Nothing "
	      "here says that a "
	      "device is secure or certified: it says which published figures it gives.</p>\n",
	      out);
}

static void failures(FILE *out, const struct run *r)
{
	if (!r->count[FAILED])
		return;
	fputs("<h2 id=failures>Failures</h2>\n", out);
	for (size_t i = 0; i < r->n; i++) {
		const struct result *x = &r->results[i];

		if (x->verdict != FAILED)
			continue;
		fprintf(out, "<h3 id=r%zu>", i);
		report_markup(out, *x->name ? x->name : x->topic);
		fputs("</h3>\n<table>\n<caption>", out);
		report_markup(out, x->topic);
		fputs("; ", out);
		report_markup(out, r->files[x->file].name);
		fprintf(out, ", line %u", x->line);
		if (*x->source) {
			fputs("; source: ", out);
			report_markup(out, x->source);
		}
		if (*x->why) {
			fputs("\nReason given: ", out);
			report_markup(out, x->why);
		}
		fputs("</caption>\n<thead><tr><th scope=col>Field<th scope=col>Expected<th "
		      "scope=col>Found</tr></thead>\n<tbody>\n",
		      out);
		for (size_t d = 0; d < x->n; d++) {
			fputs("<tr><th scope=row>", out);
			report_markup(out, x->differences[d].field);
			fputs("<td class=hex>", out);
			difference(out, x->differences[d].expected, x->differences[d].found);
			fputs("<td class=hex>", out);
			difference(out, x->differences[d].found, x->differences[d].expected);
			fputs("</tr>\n", out);
		}
		fputs("</tbody>\n</table>\n", out);
	}
}

static void clause_rows(FILE *out, const struct run *r, size_t file)
{
	size_t count[3];

	for (size_t i = 0; i < r->n; i++) {
		const struct result *x = &r->results[i];
		bool seen = x->file != file;

		for (size_t before = i; before-- > 0 && !seen;)
			seen = r->results[before].file == file && !strcmp(r->results[before].topic, x->topic);
		if (seen)
			continue;
		tally(count, r, file, x->topic);
		fputs("<tr><th scope=row>", out);
		report_markup(out, x->topic);
		count_cells(out, count);
		fputs("</tr>\n", out);
	}
}

static void clauses(FILE *out, const struct run *r)
{
	char clause[CLAUSE_MAX];
	size_t count[3];

	fputs("<h2 id=clauses>Result per clause</h2>\n<table>\n<thead><tr><th scope=col>What was asked<th scope=col "
	      "class=n>ok"
	      "<th scope=col class=n>failed<th scope=col class=n>not asked</tr></thead>\n",
	      out);
	for (size_t f = 0; f < r->nfiles; f++) {
		tally(count, r, f, NULL);
		if (!(count[PASSED] + count[FAILED] + count[SKIPPED]))
			continue;
		fprintf(out, "<tbody>\n<tr class=group><th scope=rowgroup colspan=4><a href=\"#f%zu\">", f);
		report_markup(out, r->files[f].name);
		fputs("</a><br>", out);
		run_clause(clause, &r->files[f]);
		report_markup(out, clause);
		fputs("</tr>\n", out);
		clause_rows(out, r, f);
		fputs("</tbody>\n", out);
	}
	fputs("</table>\n", out);
}

static void sources(FILE *out, const struct run *r)
{
	fputs("<h2 id=vectors>Vectors and their sources</h2>\n", out);
	for (size_t f = 0; f < r->nfiles; f++) {
		fputs("<h3>", out);
		report_markup(out, r->files[f].name);
		fputs("</h3>\n<p class=case>", out);
		report_markup(out, r->files[f].head);
		fputs("</p>\n", out);
		if (*r->files[f].sha256)
			fprintf(out, "<p class=hex>SHA-256 %s</p>\n", r->files[f].sha256);
	}
}

static void rows(FILE *out, const struct run *r)
{
	size_t count[3];

	fputs("<h2 id=rows>Every row</h2>\n", out);
	for (size_t f = 0; f < r->nfiles; f++) {
		tally(count, r, f, NULL);
		if (!(count[PASSED] + count[FAILED] + count[SKIPPED]))
			continue;
		fprintf(out, "<h3 id=f%zu>", f);
		report_markup(out, r->files[f].name);
		fprintf(out,
			"</h3>\n<table>\n<caption>%zu ok, %zu failed, %zu not asked</caption>\n"
			"<thead><tr><th scope=col class=n>Line<th scope=col>Case<th scope=col>What was asked<th "
			"scope=col>Source"
			"<th scope=col>Result</tr></thead>\n<tbody>\n",
			count[PASSED], count[FAILED], count[SKIPPED]);
		for (size_t i = 0; i < r->n; i++) {
			const struct result *x = &r->results[i];

			if (x->file != f)
				continue;
			fprintf(out, "<tr><td class=n>%u<th scope=row class=case>", x->line);
			report_markup(out, x->name);
			fputs("<td>", out);
			report_markup(out, x->topic);
			if (x->verdict == SKIPPED && strcmp(x->why, x->topic)) {
				fputs("; ", out);
				report_markup(out, x->why);
			}
			fputs("<td class=case>", out);
			report_markup(out, x->source);
			fprintf(out, "<td class=%s>", verdicts[x->verdict].css);
			if (x->verdict == FAILED)
				fprintf(out, "<a class=failed href=\"#r%zu\">FAILED</a>", i);
			else
				fputs(verdicts[x->verdict].text, out);
			fputs("</tr>\n", out);
		}
		fputs("</tbody>\n</table>\n", out);
	}
}

void report_html(FILE *out, const struct run *r)
{
	head(out, r);
	failures(out, r);
	clauses(out, r);
	sources(out, r);
	rows(out, r);
	fputs("</main>\n<footer>", out);
	report_markup(out, r->version);
	fputs("</footer>\n</body>\n</html>\n", out);
}
