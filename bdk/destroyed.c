#include "bdk/destroyed.h"
#include "base/hex.h"

#include <stdio.h>
#include <string.h>

/* --- Making ------------------------------------------------------------------------------------------------------- */

/* Is that a record of this key set, by that name, and of something that was done? */
static bool is_record(const struct audit *a, const char *what, const char *id)
{
	return !strcmp(a->what, what) && !strncmp(a->object, id, strlen(id)) && a->object[strlen(id)] == ',' &&
	       !*a->reason;
}

/* A text of the audit as it may be printed; the lines below say it exactly. */
static void put(FILE *f, const char *title, const char *text)
{
	fputs(title, f);
	for (; *text; text++)
		fputc(*text < ' ' || *text > '~' ? '?' : *text, f);
	fputc('\n', f);
}

static void put_head(FILE *f, const struct destroyed *d)
{
	char kcv[2 * sizeof d->kcv + 1], born[SEAL_TIME], decided[SEAL_TIME], proved[SEAL_TIME], made[SEAL_TIME];

	hex_encode(kcv, d->kcv, d->kcv_len);
	seal_time(born, d->born);
	seal_time(decided, d->decided.utc);
	seal_time(proved, d->proved.utc);
	seal_time(made, d->utc);
	fprintf(f,
		"CERTIFICATE OF DESTRUCTION\n\nRoom        %s (%s, %s, %s token)\nKey set     %s (%s), check value %s\n"
		"In it from  %s\n\n",
		d->room, d->purpose, d->test ? "test" : "production", d->software ? "software" : "hardware", d->key_set,
		d->scheme, kcv, born);
	fprintf(f, "Decided     %s, record %llu of its audit\n", decided, (unsigned long long)d->decided.sequence);
	put(f, "            ", d->decided.who);
	put(f, "            ", d->decided.object);
	fprintf(f, "Proved      %s, record %llu of its audit\n", proved, (unsigned long long)d->proved.sequence);
	put(f, "            ", d->proved.who);
	put(f, "            ", d->proved.object);
	fprintf(f, "Made        %s\n\nSigned by hand: we were there, and it was so\n\n", made);
	for (int i = 0; i < 2; i++)
		fputs("    name ______________________  signature ______________________  date ____________\n\n", f);
}

static void put_stanza(FILE *f, const struct destroyed *d)
{
	char kcv[2 * sizeof d->kcv + 1], born[SEAL_TIME], made[SEAL_TIME], records[SEAL_SPKI], line[AUDIT_LINE];

	hex_encode(kcv, d->kcv, d->kcv_len);
	seal_time(born, d->born);
	seal_time(made, d->utc);
	seal_spki(records, d->records);
	fprintf(f,
		"%sdestroyed = " SEAL_MAGIC
		"\nroom = %s\npurpose = %s\nkind = %s\ntoken = %s\nkey_set = %s\nscheme = %s\n"
		"check_value = %s\nborn = %s\nutc = %s\nrecords = %s\n\n",
		seal_rule + 1, d->room, d->purpose, d->test ? "test" : "production",
		d->software ? "software" : "hardware", d->key_set, d->scheme, kcv, born, made, records);
	audit_line(line, &d->decided);
	fputs(line, f);
	audit_line(line, &d->proved);
	fprintf(f, "%s\n", line);
}

enum err destroyed_text(char text[static DESTROYED_MAX], size_t *len, const struct destroyed *d)
{
	long at;
	FILE *f;

	if (!is_record(&d->decided, DESTROYED_DECIDED, d->key_set) ||
	    !is_record(&d->proved, DESTROYED_PROVED, d->key_set) || d->proved.sequence <= d->decided.sequence)
		return E_FORMAT;
	f = fmemopen(text, DESTROYED_MAX, "w");
	if (!f)
		return E_INTERNAL;
	put_head(f, d);
	put_stanza(f, d);
	at = ftell(f);
	/* with its NUL and its signature it fits */
	if (fclose(f) || at < 0 || (size_t)at + SEAL_SIG + 32 > DESTROYED_MAX)
		return E_INTERNAL;
	*len = (size_t)at;
	return E_OK;
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static enum err say(char why[static DESTROYED_WHY], const char *what)
{
	snprintf(why, DESTROYED_WHY, "%s", what);
	return E_FORMAT;
}

static enum err get_stanza(struct destroyed *d, struct span text)
{
	struct stanza s;
	struct seal_fields f;
	uint8_t id[5];

	seal_open(&f, &s, text, "destroyed");
	seal_take_text(d->room, sizeof d->room, &f, "room");
	seal_take_text(d->purpose, sizeof d->purpose, &f, "purpose");
	d->test = seal_take_choice(&f, "kind", "test", "production");
	d->software = seal_take_choice(&f, "token", "software", "hardware");
	hex_encode(d->key_set, id, seal_take_hex(id, &f, "key_set", 4, 5));
	seal_take_text(d->scheme, sizeof d->scheme, &f, "scheme");
	d->kcv_len = seal_take_hex(d->kcv, &f, "check_value", 3, 5);
	if (seal_from_time(&d->born, seal_take(&f, "born")) || seal_from_time(&d->utc, seal_take(&f, "utc")) ||
	    seal_from_spki(d->records, seal_take(&f, "records")))
		return E_FORMAT;
	return seal_end(&f, 0);
}

enum err destroyed_read(struct destroyed *d, struct span text, const uint8_t *records, char why[static DESTROYED_WHY])
{
	struct span left = text, body;
	char again[DESTROYED_MAX];
	const uint8_t *at;
	size_t len = 0;
	enum err e;

	memset(d, 0, sizeof *d);
	*why = 0;
	at = text.len && text.len < DESTROYED_MAX ? memmem(text.p, text.len, seal_rule, strlen(seal_rule)) : NULL;
	if (!at || memchr(text.p, 0, text.len))
		return say(why, "not a certificate of destruction");
	left.p = at + strlen(seal_rule);
	left.len = (size_t)(text.p + text.len - left.p);
	if (get_stanza(d, left))
		return say(why, "not a certificate of destruction as a room writes it");
	while (seal_line(&left).len > 1)
		;
	e = audit_parse(&d->decided, seal_line(&left));
	if (!e)
		e = audit_parse(&d->proved, seal_line(&left));
	if (!e && seal_line(&left).len != 1)
		e = E_FORMAT;
	body = (struct span){ text.p, text.len - left.len };
	if (!e)
		e = destroyed_text(again, &len, d);
	if (!e && (len != body.len || memcmp(again, body.p, len) != 0))
		e = E_FORMAT;
	if (e == E_FORMAT)
		return say(why, "its text is not what the two records in it say");
	return e ? e : seal_check(d->sig, body, left, d->records, records, why);
}
