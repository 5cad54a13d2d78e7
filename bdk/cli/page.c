#include "bdk/cli/page.h"
#include "base/hex.h"

#include <string.h>

/* Black on white, and no colour that means anything: it goes to a printer. */
static const char style[] =
	"@page{size:A4;margin:18mm 16mm 20mm;@bottom-left{content:\"Keyroom ceremony record\";font:8pt sans-serif;color:#555}"
	"@bottom-right{content:counter(page) \" / \" counter(pages);font:8pt sans-serif;color:#555}}\n"
	"*{box-sizing:border-box}\n"
	"body{font:10pt/1.45 'Liberation Sans','Helvetica Neue',Arial,sans-serif;color:#111;background:#fff;margin:0 auto;"
	"max-width:178mm;padding:10mm 0}\n"
	"header{display:flex;justify-content:space-between;align-items:flex-end;gap:8mm;border-bottom:2.5pt solid #111;"
	"padding-bottom:3mm}\n"
	"h1{font-size:20pt;line-height:1.15;margin:0}\n"
	".kind{font-size:8.5pt;letter-spacing:.14em;text-transform:uppercase;color:#444;margin:0 0 1.5mm}\n"
	".room{text-align:right;font-size:9pt;line-height:1.4;white-space:nowrap}.room b{font-size:12pt}\n"
	".test{border:1.5pt solid #111;padding:1.5mm 3mm;margin:4mm 0 0;font-weight:bold;text-align:center;letter-spacing:.06em}\n"
	"h2{font-size:11pt;margin:7mm 0 2mm;padding-bottom:1mm;border-bottom:.5pt solid #999;break-after:avoid}\n"
	"dl{display:grid;grid-template-columns:32mm 1fr;gap:1mm 4mm;margin:5mm 0 0}dt{color:#555}dd{margin:0}\n"
	"table{width:100%;border-collapse:collapse}\n"
	"th{text-align:left;font-size:8pt;text-transform:uppercase;letter-spacing:.06em;color:#555;font-weight:normal;"
	"border-bottom:.75pt solid #111;padding:1mm 2.5mm 1mm 0}\n"
	"td{vertical-align:top;border-bottom:.5pt solid #ccc;padding:1.3mm 2.5mm 1.3mm 0;overflow-wrap:anywhere}\n"
	"thead{display:table-header-group}tr{break-inside:avoid}\n"
	"td.n,th.n{text-align:right;width:12mm;padding-right:4mm}.t{white-space:nowrap;width:42mm}.w{width:30mm}.b{white-space:nowrap;width:34mm}.a{white-space:nowrap;width:20mm}\n"
	".m{font-family:'Liberation Mono','DejaVu Sans Mono',monospace;font-size:9pt}.v{font-size:13pt;font-weight:bold;letter-spacing:.08em}\n"
	".no{font-weight:bold}.no::before{content:\"\\2717\\00a0\"}tr.refused td{background:#f1f1f1}\n"
	".sign{break-inside:avoid}.sign table{table-layout:fixed}.sign th:nth-child(2){width:48%}.sign th:nth-child(3){width:18%}.sign td{height:15mm;vertical-align:bottom;border-bottom:.75pt solid #111;padding-right:0}\n"
	".sign td+td{border-left:4mm solid #fff}.sign th+th{border-left:4mm solid #fff}\n"
	".seal{font-size:8pt;color:#333;margin:0}.seal dl{margin:1mm 0 0;grid-template-columns:34mm 1fr;gap:.5mm 4mm}\n"
	".seal .m{font-size:7pt;overflow-wrap:anywhere}\n"
	"@media print{body{padding:0;max-width:none}}\n";

/* Text of the audit: nothing in it is markup. */
static void put(FILE *f, const char *text)
{
	for (; *text; text++)
		switch (*text) {
		case '&': fputs("&amp;", f); break;
		case '<': fputs("&lt;", f); break;
		case '>': fputs("&gt;", f); break;
		case '"': fputs("&quot;", f); break;
		case '\'': fputs("&#39;", f); break;
		default: fputc(*text < ' ' || *text > '~' ? '?' : *text, f);
		}
}

static void put_time(FILE *f, uint64_t utc)
{
	char time[SEAL_TIME];

	seal_time(time, utc);
	fprintf(f, "%.10s %.8s&nbsp;UTC", time, time + 11);
}

static void put_head(FILE *f, const struct ceremony *c)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Ceremony record: ", f);
	put(f, c->title);
	fprintf(f, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<header><div><p class=\"kind\">Ceremony record</p><h1>", style);
	put(f, c->title);
	fputs("</h1></div><div class=\"room\"><b>", f);
	put(f, c->room);
	fputs("</b><br>", f);
	put(f, c->purpose);
	fprintf(f, " room, %s<br>%s token</div></header>\n", c->test ? "test" : "production", c->software ? "software" : "hardware");
	if (c->test)
		fputs("<p class=\"test\">TEST ROOM: test keys only</p>\n", f);
	fputs("<dl><dt>Opened</dt><dd>", f);
	put_time(f, c->act[0].utc);
	fputs("</dd><dt>Closed</dt><dd>", f);
	put_time(f, c->act[c->n - 1].utc);
	fprintf(f, "</dd><dt>Audit</dt><dd>records %llu to %llu, %zu in all</dd><dt>Record made</dt><dd>",
		(unsigned long long)c->act[0].sequence, (unsigned long long)c->act[c->n - 1].sequence, c->n);
	put_time(f, c->utc);
	fputs("</dd></dl>\n", f);
}

static void put_people(FILE *f, const struct ceremony *c)
{
	struct ceremony_person p = { .act = 0 };

	fputs("<h2>People</h2>\n<table><thead><tr><th>Who</th><th class=\"n\">Acts</th><th class=\"n\">Refused</th></tr></thead><tbody>\n", f);
	while (ceremony_person_next(&p, c)) {
		size_t acts, refused;

		ceremony_count(&acts, &refused, c, p.name);
		fputs("<tr><td>", f);
		put(f, p.name);
		fprintf(f, "</td><td class=\"n\">%zu</td><td class=\"n\">%zu</td></tr>\n", acts, refused);
	}
	fputs("</tbody></table>\n", f);
}

static void put_notes(FILE *f, const struct ceremony *c, const char *kind, const char *title)
{
	const char *text;
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		text = ceremony_note(&c->act[i], kind);
		if (!text)
			continue;
		if (!any)
			fprintf(f, "<h2>%s</h2>\n<table><thead><tr><th class=\"n\">No</th><th class=\"t\">Time</th><th>%s</th></tr></thead>"
				   "<tbody>\n", title, kind);
		any = true;
		fprintf(f, "<tr><td class=\"n\">%llu</td><td class=\"t\">", (unsigned long long)c->act[i].sequence);
		put_time(f, c->act[i].utc);
		fputs("</td><td>", f);
		put(f, text);
		fputs("</td></tr>\n", f);
	}
	if (any)
		fputs("</tbody></table>\n", f);
}

/* A row a bag: what is in it, and what happened to it, the last in bold: that is where it is now. */
static void put_bags(FILE *f, const struct ceremony *c)
{
	struct ceremony_bag b, one, next;
	char text[sizeof c->act->object];
	bool any = false, open;

	for (size_t i = 0; i < c->n; i++) {
		if (!ceremony_bag_first(c, i) || !ceremony_bag(&b, &c->act[i]))
			continue;
		if (!any)
			fputs("<h2>Bags</h2>\n<table><thead><tr><th class=\"b\">Bag</th><th>Holds</th><th>What became of it</th></tr></thead>"
			      "<tbody>\n", f);
		any = true;
		snprintf(text, sizeof text, "%.*s", b.number_len, b.number);
		fputs("<tr><td class=\"b m\">", f);
		put(f, text);
		snprintf(text, sizeof text, "%.*s", b.holds_len, b.holds);
		fputs("</td><td>", f);
		put(f, text);
		fputs("</td><td>", f);
		open = ceremony_bag(&one, &c->act[i]);
		for (size_t k = i + 1; open; k++) {
			while (k < c->n && !(ceremony_bag(&next, &c->act[k]) && ceremony_bag_same(&b, &next)))
				k++;
			open = k < c->n;
			fputs(open ? "" : "<b>", f);
			put(f, one.what);
			fputs(open ? "<br>" : "</b>", f);
			one = next;
		}
		fputs("</td></tr>\n", f);
	}
	if (any)
		fputs("</tbody></table>\n", f);
}

static void put_check_values(FILE *f, const struct ceremony *c)
{
	const char *value;
	char key[sizeof c->act->object];
	bool any = false;
	int of;

	for (size_t i = 0; i < c->n; i++) {
		value = ceremony_check_value(&c->act[i], &of);
		if (!value)
			continue;
		if (!any)
			fputs("<h2>Keys</h2>\n<table><thead><tr><th class=\"n\">No</th><th>Act</th><th>Key set</th><th>Check value</th>"
			      "</tr></thead><tbody>\n", f);
		any = true;
		snprintf(key, sizeof key, "%.*s", of, c->act[i].object);
		fprintf(f, "<tr><td class=\"n\">%llu</td><td>", (unsigned long long)c->act[i].sequence);
		put(f, c->act[i].what);
		fputs("</td><td class=\"m\">", f);
		put(f, key);
		fputs("</td><td class=\"m v\">", f);
		put(f, value);
		fputs("</td></tr>\n", f);
	}
	if (any)
		fputs("</tbody></table>\n", f);
}

static void put_acts(FILE *f, const struct ceremony *c)
{
	fputs("<h2>Acts, in their order</h2>\n<table><thead><tr><th class=\"n\">No</th><th class=\"t\">Time</th><th class=\"w\">Who</th><th class=\"a\">Act</th>"
	      "<th>Object</th></tr></thead><tbody>\n", f);
	for (size_t i = 0; i < c->n; i++) {
		const struct audit *a = &c->act[i];

		fprintf(f, "<tr%s><td class=\"n\">%llu</td><td class=\"t\">", *a->reason ? " class=\"refused\"" : "",
			(unsigned long long)a->sequence);
		put_time(f, a->utc);
		fputs("</td><td class=\"w\">", f);
		put(f, a->who);
		fputs("</td><td class=\"a\">", f);
		put(f, a->what);
		fputs("</td><td>", f);
		put(f, a->object);
		if (*a->reason) {
			fputs(*a->object ? "<br><span class=\"no\">refused: " : "<span class=\"no\">refused: ", f);
			put(f, a->reason);
			fputs("</span>", f);
		}
		fputs("</td></tr>\n", f);
	}
	fputs("</tbody></table>\n", f);
}

/* A line for everybody who did something or was there, and two more. */
static void put_signatures(FILE *f, const struct ceremony *c)
{
	static const char line[] = "</td><td></td><td></td></tr>\n";
	struct ceremony_person p = { .act = 0 };
	const char *present;

	fputs("<h2>Signed by hand: we were there, and it was so</h2>\n<table><thead><tr><th>Name</th><th>Signature"
	      "</th><th>Date</th></tr></thead><tbody>\n", f);
	for (size_t i = 0; i < c->n; i++) {
		present = ceremony_note(&c->act[i], "present");
		if (!present)
			continue;
		fputs("<tr><td>", f);
		put(f, present);
		fputs(line, f);
	}
	while (ceremony_person_next(&p, c)) {
		if (!strcmp(p.name, "bdkd"))
			continue;
		fputs("<tr><td>", f);
		put(f, p.name);
		fputs(line, f);
	}
	fprintf(f, "<tr><td>%s<tr><td>%s</tbody></table></section>\n</body>\n</html>\n", line, line);
}

static void put_seal(FILE *f, const struct ceremony *c, const char *name, const char *digest)
{
	uint8_t spki[32];
	char key[65] = "-", last[65], sig[SEAL_SIG] = "-";

	if (!p256_spki_digest(spki, c->records))
		hex_encode(key, spki, sizeof spki);
	hex_encode(last, c->act[c->n - 1].hash, sizeof c->act->hash);
	if (seal_sig(sig, c->sig))
		strcpy(sig, "-");
	fputs("<section class=\"sign\"><h2>Signed by the room</h2>\n<div class=\"seal\">This page shows a text that the room's records key has "
	      "signed. Whoever doubts the page checks the text: bdk ceremony verify.\n<dl><dt>Text</dt><dd class=\"m\">", f);
	put(f, name);
	fprintf(f, "</dd><dt>its SHA-256</dt><dd class=\"m\">%s</dd><dt>Records key, SHA-256</dt><dd class=\"m\">%s</dd>"
		   "<dt>Hash of record %llu</dt><dd class=\"m\">%s</dd><dt>Signature</dt><dd class=\"m\">%s</dd></dl></div>\n", digest, key, (unsigned long long)c->act[c->n - 1].sequence, last, sig);
}

void page_print(FILE *f, const struct ceremony *c, const char *name, const char *digest)
{
	put_head(f, c);
	put_people(f, c);
	put_notes(f, c, "present", "Present");
	put_check_values(f, c);
	put_notes(f, c, "media", "Media");
	put_bags(f, c);
	put_notes(f, c, "remark", "Remarks");
	put_acts(f, c);
	put_seal(f, c, name, digest);
	put_signatures(f, c);
}
