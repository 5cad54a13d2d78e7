#include "bdk/ceremony.h"
#include "crypto/sha256.h"

#include <stdlib.h>
#include <string.h>

/* --- What stands in the acts -------------------------------------------------------------------------------------- */

const char *ceremony_note(const struct audit *act, const char *kind)
{
	size_t n = strlen(kind);

	if (strcmp(act->what, "ceremony") || *act->reason || strncmp(act->object, kind, n) || strncmp(act->object + n, ": ", 2))
		return NULL;
	return act->object + n + 2;
}

const char *ceremony_check_value(const struct audit *act, int *of)
{
	static const char words[] = ", check value ";
	static const char *const making[] = { "generate", "import", "generate-block", "import-block", "kbpk-generate", "kbpk-import" };
	const char *at;
	bool made = false;

	for (size_t i = 0; i < sizeof making / sizeof *making; i++)
		made |= !strcmp(act->what, making[i]);
	at = *act->reason || !made ? NULL : strstr(act->object, words);

	*of = at ? (int)(at - act->object) : 0;
	return at ? at + strlen(words) : NULL;
}

bool ceremony_bag(struct ceremony_bag *b, const struct audit *act)
{
	const char *holds = strstr(act->object, ": "), *what = holds ? strstr(holds + 2, ": ") : NULL;

	if (*act->reason || !what || (strcmp(act->what, "bag") && strcmp(act->what, "bag-found") && strcmp(act->what, "bag-move")))
		return false;
	*b = (struct ceremony_bag){ act->object, holds + 2, what + 2, (int)(holds - act->object), (int)(what - holds - 2) };
	return true;
}

bool ceremony_bag_same(const struct ceremony_bag *a, const struct ceremony_bag *b)
{
	return a->number_len == b->number_len && !memcmp(a->number, b->number, (size_t)a->number_len);
}

bool ceremony_bag_first(const struct ceremony *c, size_t act)
{
	struct ceremony_bag b, earlier;

	if (!ceremony_bag(&b, &c->act[act]))
		return false;
	for (size_t i = 0; i < act; i++)
		if (ceremony_bag(&earlier, &c->act[i]) && ceremony_bag_same(&b, &earlier))
			return false;
	return true;
}

/* The next of an act's people, "anna uid 60002, bert uid 60003", which moves on; len 0 after the last */
static struct span next_of(const char **who)
{
	struct span name = { (const uint8_t *)*who, strcspn(*who, ",") };

	*who += name.len;
	*who += strspn(*who, ", ");
	return name;
}

static bool did(struct span name, const struct audit *act)
{
	const char *who = act->who;
	struct span one;

	while ((one = next_of(&who)).len)
		if (one.len == name.len && !memcmp(one.p, name.p, name.len))
			return true;
	return false;
}

bool ceremony_person_next(struct ceremony_person *p, const struct ceremony *c)
{
	for (; p->act < c->n; p->act++, p->at = 0) {
		const char *who = c->act[p->act].who + p->at;
		struct span name;

		while ((name = next_of(&who)).len) {
			size_t i = 0;

			p->at = (size_t)(who - c->act[p->act].who);
			while (i < p->act && !did(name, &c->act[i]))
				i++;
			if (i < p->act)
				continue;
			snprintf(p->name, sizeof p->name, "%.*s", (int)name.len, (const char *)name.p);
			return true;
		}
	}
	return false;
}

void ceremony_count(size_t *acts, size_t *refused, const struct ceremony *c, const char *name)
{
	const struct span who = { (const uint8_t *)name, strlen(name) };

	*acts = *refused = 0;
	for (size_t i = 0; i < c->n; i++)
		if (did(who, &c->act[i])) {
			++*acts;
			*refused += *c->act[i].reason != 0;
		}
}

/* --- Making ------------------------------------------------------------------------------------------------------- */

/* A text of the audit as it may be printed; the lines below say it exactly. */
static void put_text(FILE *f, const char *text)
{
	for (; *text; text++)
		fputc(*text < ' ' || *text > '~' ? '?' : *text, f);
}

static void put_people(FILE *f, const struct ceremony *c)
{
	struct ceremony_person p = { .act = 0 };

	fputs("\nPeople\n", f);
	while (ceremony_person_next(&p, c)) {
		size_t acts, refused;

		ceremony_count(&acts, &refused, c, p.name);
		fputs("    ", f);
		put_text(f, p.name);
		fprintf(f, ": %zu records, %zu of them refused\n", acts, refused);
	}
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
			fprintf(f, "\n%s\n", title);
		any = true;
		fprintf(f, "%6llu  ", (unsigned long long)c->act[i].sequence);
		put_text(f, text);
		fputc('\n', f);
	}
}

/* A number and what is in that bag, and below it what happened to it. */
static void put_bags(FILE *f, const struct ceremony *c)
{
	struct ceremony_bag b, one;
	bool any = false;

	for (size_t i = 0; i < c->n; i++) {
		if (!ceremony_bag_first(c, i) || !ceremony_bag(&b, &c->act[i]))
			continue;
		fprintf(f, "%s        %.*s  %.*s\n", any ? "" : "\nBags\n", b.number_len, b.number, b.holds_len, b.holds);
		any = true;
		for (size_t k = i; k < c->n; k++) {
			if (!ceremony_bag(&one, &c->act[k]) || !ceremony_bag_same(&b, &one))
				continue;
			fprintf(f, "%6llu    ", (unsigned long long)c->act[k].sequence);
			put_text(f, one.what);
			fputc('\n', f);
		}
	}
}

static void put_check_values(FILE *f, const struct ceremony *c)
{
	const char *value;
	bool any = false;
	int of;

	for (size_t i = 0; i < c->n; i++) {
		value = ceremony_check_value(&c->act[i], &of);
		if (!value)
			continue;
		if (!any)
			fputs("\nCheck values\n", f);
		any = true;
		fprintf(f, "%6llu  %.*s  ", (unsigned long long)c->act[i].sequence, of, c->act[i].object);
		put_text(f, value);
		fputc('\n', f);
	}
}

static void put_acts(FILE *f, const struct ceremony *c)
{
	char time[SEAL_TIME];

	fputs("\nActs\n", f);
	for (size_t i = 0; i < c->n; i++) {
		const struct audit *a = &c->act[i];

		seal_time(time, a->utc);
		fprintf(f, "%6llu  %s  ", (unsigned long long)a->sequence, time);
		put_text(f, a->who);
		fputs("\n        ", f);
		put_text(f, a->what);
		fputs(*a->object ? "  " : "", f);
		put_text(f, a->object);
		if (*a->reason) {
			fputs("\n        REFUSED: ", f);
			put_text(f, a->reason);
		}
		fputc('\n', f);
	}
}

static void put_head(FILE *f, const struct ceremony *c)
{
	char time[SEAL_TIME], from[SEAL_TIME], to[SEAL_TIME], records[SEAL_SPKI];
	const struct audit *first = &c->act[0], *last = &c->act[c->n - 1];

	seal_time(time, c->utc);
	seal_time(from, first->utc);
	seal_time(to, last->utc);
	fprintf(f, "CEREMONY RECORD\n\nRoom      %s (%s, %s, %s token)\nCeremony  %s\nRecords   %llu to %llu of its audit\n"
		"Time      %s to %s\nMade      %s\n", c->room, c->purpose, c->test ? "test" : "production",
		c->software ? "software" : "hardware", c->title, (unsigned long long)first->sequence,
		(unsigned long long)last->sequence, from, to, time);
	put_people(f, c);
	put_notes(f, c, "present", "Present");
	put_check_values(f, c);
	put_notes(f, c, "media", "Media");
	put_bags(f, c);
	put_notes(f, c, "remark", "Remarks");
	put_acts(f, c);
	fputs("\nSigned by hand: we were there, and it was so\n\n", f);
	for (int i = 0; i < 4; i++)
		fputs("    name ______________________  signature ______________________  date ____________\n\n", f);
	seal_spki(records, c->records);
	fprintf(f, "%srecord = " SEAL_MAGIC "\nroom = %s\npurpose = %s\nkind = %s\ntoken = %s\ntitle = %s\nfirst = %llu\nlast = %llu\n"
		"utc = %s\nrecords = %s\n\n", seal_rule + 1, c->room, c->purpose, c->test ? "test" : "production",
		c->software ? "software" : "hardware", c->title, (unsigned long long)first->sequence,
		(unsigned long long)last->sequence, time, records);
}

enum err ceremony_text(char **text, size_t *len, const struct ceremony *c)
{
	char line[AUDIT_LINE];
	FILE *f = open_memstream(text, len);

	*text = NULL;
	if (!f)
		return E_INTERNAL;
	put_head(f, c);
	for (size_t i = 0; i < c->n; i++) {
		audit_line(line, &c->act[i]);
		fputs(line, f);
	}
	fputc('\n', f);
	if (fclose(f) || *len + SEAL_SIG + 32 > CEREMONY_MAX) {
		free(*text);
		*text = NULL;
		return *len + SEAL_SIG + 32 > CEREMONY_MAX ? E_SPACE : E_INTERNAL;
	}
	return E_OK;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static enum err say(char why[static CEREMONY_WHY], const char *what)
{
	snprintf(why, CEREMONY_WHY, "%s", what);
	return E_FORMAT;
}

/* The part behind the dashes, up to a blank line. */
static enum err get_head(struct ceremony *c, uint64_t *first, uint64_t *last, struct span text)
{
	struct stanza s;
	struct seal_fields f;

	seal_open(&f, &s, text, "record");
	seal_take_text(c->room, sizeof c->room, &f, "room");
	seal_take_text(c->purpose, sizeof c->purpose, &f, "purpose");
	c->test = seal_take_choice(&f, "kind", "test", "production");
	c->software = seal_take_choice(&f, "token", "software", "hardware");
	seal_take_text(c->title, sizeof c->title, &f, "title");
	*first = seal_take_number(&f, "first", INT64_MAX);
	*last = seal_take_number(&f, "last", INT64_MAX);
	if (seal_from_time(&c->utc, seal_take(&f, "utc")) || seal_from_spki(c->records, seal_take(&f, "records")))
		return E_FORMAT;
	return *first && *first <= *last && *last - *first < CEREMONY_RECORDS ? seal_end(&f, 0) : E_FORMAT;
}

static enum err get_acts(struct ceremony *c, struct span *text, uint64_t first, uint64_t last, char why[static CEREMONY_WHY])
{
	enum err e;

	c->act = calloc((size_t)(last - first + 1), sizeof *c->act);
	if (!c->act)
		return E_INTERNAL;
	for (; c->n < last - first + 1; c->n++) {
		struct audit *a = &c->act[c->n];

		e = audit_parse(a, seal_line(text));
		if (!e && (a->sequence != first + c->n || (c->n && memcmp(a->previous, a[-1].hash, sizeof a->previous) != 0)))
			e = E_FORMAT;
		if (e == E_FORMAT)
			snprintf(why, CEREMONY_WHY, "record %llu, or the one before it, was changed",
				 (unsigned long long)(first + c->n));
		if (e)
			return e;
	}
	return E_OK;
}

/* Made anew from what was read, is it that text? */
static enum err check_text(const struct ceremony *c, struct span text, char why[static CEREMONY_WHY])
{
	char *again;
	size_t len;
	enum err e = ceremony_text(&again, &len, c);

	if (!e && (len != text.len || memcmp(again, text.p, len) != 0))
		e = say(why, "its text is not what the records in it say");
	free(again);
	return e;
}

enum err ceremony_read(struct ceremony *c, struct span text, const uint8_t *records,
		       char why[static CEREMONY_WHY])
{
	struct span left = text, head, body;
	const uint8_t *at;
	uint64_t first, last;
	enum err e;

	*c = (struct ceremony){ .n = 0 };
	*why = 0;
	at = text.len && text.len <= CEREMONY_MAX ? memmem(text.p, text.len, seal_rule, strlen(seal_rule)) : NULL;
	if (!at || memchr(text.p, 0, text.len))
		return say(why, "not a ceremony record");
	left.p = at + strlen(seal_rule);
	left.len = (size_t)(text.p + text.len - left.p);
	head = left;
	if (get_head(c, &first, &last, head))
		return say(why, "not a ceremony record as a room writes it");
	while (seal_line(&left).len > 1)
		;
	e = get_acts(c, &left, first, last, why);
	if (!e && seal_line(&left).len != 1)
		e = say(why, "it holds more records than it says");
	body = (struct span){ text.p, text.len - left.len };
	if (!e)
		e = check_text(c, body, why);
	return e ? e : seal_check(c->sig, body, left, c->records, records, why);
}

void ceremony_free(struct ceremony *c)
{
	free(c->act);
	*c = (struct ceremony){ .n = 0 };
}
