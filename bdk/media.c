#include "bdk/media.h"
#include "bdk/ceremony.h"
#include "bdk/people.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { MEDIA = BAG_MAILER + 1, CONDITIONS = BAG_MISSING + 1, DISPOSITIONS = BAG_SENT + 1 };

static const char *const media[MEDIA] = {
	[BAG_COMPONENT] = "component", [BAG_SHARE] = "share",   [BAG_CARD] = "card",
	[BAG_BLOCK] = "key-block",     [BAG_MAILER] = "mailer",
};
static const char *const conditions[CONDITIONS] = {
	[BAG_SEALED] = "sealed",
	[BAG_OPENED] = "opened",
	[BAG_DAMAGED] = "damaged",
	[BAG_MISSING] = "missing",
};
static const char *const dispositions[DISPOSITIONS] = {
	[BAG_HERE] = "here",         [BAG_REBAGGED] = "re-bagged", [BAG_DESTROYED] = "destroyed",
	[BAG_RETURNED] = "returned", [BAG_STORED] = "stored",      [BAG_SENT] = "sent",
};

/* From the condition a bag is in (row) to the one it is found in. What was opened is never sealed again: it gets another bag. A
 * bag that was missing is back with a seal that says nothing any more. */
static const bool found_as[CONDITIONS][CONDITIONS] = {
	[BAG_SEALED] = { [BAG_SEALED] = true, [BAG_OPENED] = true, [BAG_DAMAGED] = true, [BAG_MISSING] = true },
	[BAG_OPENED] = { [BAG_DAMAGED] = true, [BAG_MISSING] = true },
	[BAG_DAMAGED] = { [BAG_MISSING] = true },
	[BAG_MISSING] = { [BAG_DAMAGED] = true },
};

/* What may become of it, by its condition. Nothing open lies in a safe or travels. */
static const bool goes[CONDITIONS][DISPOSITIONS] = {
	[BAG_SEALED] = { [BAG_DESTROYED] = true, [BAG_RETURNED] = true, [BAG_STORED] = true, [BAG_SENT] = true },
	[BAG_OPENED] = { [BAG_REBAGGED] = true, [BAG_DESTROYED] = true, [BAG_RETURNED] = true },
	[BAG_DAMAGED] = { [BAG_REBAGGED] = true, [BAG_DESTROYED] = true },
	[BAG_MISSING] = { 0 },
};

static const char *name_of(const char *const *names, size_t n, unsigned v)
{
	return v < n && names[v] ? names[v] : "unknown";
}

static unsigned number_of(const char *const *names, size_t n, const char *text)
{
	for (unsigned v = 1; v < n; v++)
		if (!strcmp(names[v], text))
			return v;
	return 0;
}

const char *media_medium_name(enum bag_medium m)
{
	return name_of(media, MEDIA, m);
}

const char *media_condition_name(enum bag_condition c)
{
	return name_of(conditions, CONDITIONS, c);
}

const char *media_disposition_name(enum bag_disposition d)
{
	return name_of(dispositions, DISPOSITIONS, d);
}

enum bag_medium media_medium_parse(const char *text)
{
	return (enum bag_medium)number_of(media, MEDIA, text);
}

enum bag_condition media_condition_parse(const char *text)
{
	return (enum bag_condition)number_of(conditions, CONDITIONS, text);
}

enum bag_disposition media_disposition_parse(const char *text)
{
	return (enum bag_disposition)number_of(dispositions, DISPOSITIONS, text);
}

/* --- What a bag says ---------------------------------------------------------------------------------------------- */

/* 1 to size - 1 of letters, digits and dashes: it stands before a blank or a colon in the audit */
static bool plain(const char *text, size_t size)
{
	size_t n = 0;

	for (; text[n]; n++)
		if (!isalnum((unsigned char)text[n]) && text[n] != '-')
			return false;
	return n && n < size;
}

static bool printable(const char *text, size_t size)
{
	size_t n = 0;

	for (; text[n]; n++)
		if (text[n] < ' ' || text[n] > '~')
			return false;
	return n && n < size;
}

static enum err check(const struct bag *b, char why[static MEDIA_WHY])
{
	const char *bad = NULL;

	if (!plain(b->number, sizeof b->number))
		bad = "a bag's number is 1 to 15 letters, digits and dashes";
	else if (b->medium < BAG_COMPONENT || b->medium > BAG_MAILER)
		bad = "a medium is a component, share, card, key-block or mailer";
	else if ((b->parts && (b->parts < 2 || b->parts > MEDIA_PARTS || !b->part || b->part > b->parts)) ||
		 (!b->parts && b->part))
		bad = "a part is K of N, N 2 to 9";
	else if (*b->holds && !plain(b->holds, sizeof b->holds))
		bad = "what it holds is a key set's id or a KBPK's name";
	else if (!printable(b->purpose, sizeof b->purpose))
		bad = "a purpose of 1 to 32 printable characters is needed";
	else if (!people_name(b->keeper))
		bad = "its custodian is 1 to 15 of a-z, 0-9 and -, the first a letter";
	if (!bad)
		return E_OK;
	snprintf(why, MEDIA_WHY, "%s", bad);
	return E_FORMAT;
}

void media_content(char out[static MEDIA_CONTENT], const struct bag *b)
{
	char part[16] = "";

	if (b->parts)
		snprintf(part, sizeof part, " %u of %u", b->part, b->parts);
	snprintf(out, MEDIA_CONTENT, "%s%s%s%s", media_medium_name(b->medium), part, *b->holds ? " of " : "", b->holds);
}

/* "A4711: component 1 of 3 of FFFF987654: ", in front of what happened to it. Returns its length. */
static size_t begin(char out[static MEDIA_SAID], const struct bag *b)
{
	char content[MEDIA_CONTENT];

	media_content(content, b);
	return (size_t)snprintf(out, MEDIA_SAID, "%s: %s: ", b->number, content);
}

void media_made(char out[static MEDIA_SAID], const struct bag *b)
{
	size_t at = begin(out, b);

	snprintf(out + at, MEDIA_SAID - at, "%s, for %s", b->keeper, b->purpose);
}

void media_seen(char out[static MEDIA_SAID], const struct bag *b, bool suspended)
{
	size_t at = begin(out, b);

	snprintf(out + at, MEDIA_SAID - at, "%s%s%s%s", media_condition_name(b->condition), *b->reason ? ", " : "",
		 b->reason, suspended ? " (key suspended)" : "");
}

void media_moved(char out[static MEDIA_SAID], const struct bag *b)
{
	static const char *const joins[DISPOSITIONS] = {
		[BAG_REBAGGED] = " as ",
		[BAG_RETURNED] = " to ",
		[BAG_STORED] = ", ",
		[BAG_SENT] = " to ",
	};
	size_t at = begin(out, b);

	snprintf(out + at, MEDIA_SAID - at, "%s%s%s", media_disposition_name(b->disposition),
		 *b->place && joins[b->disposition] ? joins[b->disposition] : "", b->place);
}

/* --- What may follow ---------------------------------------------------------------------------------------------- */

enum err media_ceremony(uint64_t *record, struct journal *j)
{
	return journal_number(record, j, CEREMONY_OPEN);
}

static bool spent(const struct bag *b)
{
	return b->disposition == BAG_REBAGGED || b->disposition == BAG_DESTROYED;
}

static enum err say(char why[static MEDIA_WHY], const struct bag *b, const char *what, const char *not_now)
{
	if (spent(b))
		snprintf(why, MEDIA_WHY, "%s was %s%s%s: nothing is in it any more", b->number,
			 media_disposition_name(b->disposition), *b->place ? " as " : "", b->place);
	else
		snprintf(why, MEDIA_WHY, "%s is %s: it is not %s%s", b->number, media_condition_name(b->condition),
			 what, not_now);
	return E_BAG_STATE;
}

/* The bag as it is, for a new row that happens now. */
static enum err take(struct bag *b, struct journal *j, const char *number, char why[static MEDIA_WHY])
{
	enum err e = journal_bag(b, j, number);

	why[0] = 0;
	if (!e)
		e = media_ceremony(&b->ceremony, j);
	b->reason[0] = 0;
	return e;
}

enum err media_record(struct journal *j, const struct bag *b, char why[static MEDIA_WHY])
{
	struct bag made = *b;
	enum err e = check(b, why);

	if (e)
		return e;
	made.condition = BAG_SEALED;
	made.disposition = BAG_HERE;
	made.place[0] = made.reason[0] = why[0] = 0;
	e = media_ceremony(&made.ceremony, j);
	if (!e)
		e = journal_bag_add(j, &made);
	if (e == E_EXISTS)
		snprintf(why, MEDIA_WHY, "a bag's number is used once, and %s was recorded before", b->number);
	return e;
}

enum err media_find(struct bag *b, struct journal *j, const char *number, enum bag_condition found, const char *reason,
		    char why[static MEDIA_WHY])
{
	struct bag now;
	enum err e = take(&now, j, number, why);

	if (e)
		return e;
	if (found < BAG_SEALED || found > BAG_MISSING || spent(&now) || !found_as[now.condition][found])
		return say(why, &now, media_condition_name(found), " after that");
	if (found >= BAG_DAMAGED ? !printable(reason, sizeof now.reason) : *reason) {
		snprintf(why, MEDIA_WHY, "a reason of 1 to %zu characters goes with damaged and missing",
			 sizeof now.reason - 1);
		return E_FORMAT;
	}
	if (found != BAG_SEALED) { /* whoever finds it whole where it lay leaves it there */
		now.disposition = BAG_HERE;
		now.place[0] = 0;
	}
	now.condition = found;
	snprintf(now.reason, sizeof now.reason, "%s", reason);
	e = journal_bag_state(j, &now);
	if (!e)
		*b = now;
	return e;
}

enum err media_use(struct bag *b, struct journal *j, const char *number, const char *holds, unsigned part,
		   unsigned parts, char why[static MEDIA_WHY])
{
	struct bag now;
	enum err e = take(&now, j, number, why);

	if (e)
		return e;
	if (strcmp(now.holds, holds) || now.part != part || now.parts != parts) {
		snprintf(why, MEDIA_WHY, "%s does not hold part %u of %u of %s", now.number, part, parts, holds);
		return E_BAG_STATE;
	}
	if (now.condition != BAG_OPENED || spent(&now))
		return media_find(b, j, number, BAG_OPENED, "", why);
	now.disposition = BAG_HERE; /* it was opened before, and kept so: now it is out again */
	now.place[0] = 0;
	e = journal_bag_state(j, &now);
	if (!e)
		*b = now;
	return e;
}

enum err media_move(struct bag *b, struct journal *j, const char *number, enum bag_disposition disposition,
		    const char *place, char why[static MEDIA_WHY])
{
	struct bag now, next;
	enum err e = take(&now, j, number, why);

	if (e)
		return e;
	if (disposition < BAG_REBAGGED || disposition > BAG_SENT || spent(&now) || !goes[now.condition][disposition])
		return say(why, &now, media_disposition_name(disposition),
			   now.condition == BAG_SEALED ? ": open it first" : " like that");
	if (disposition == BAG_DESTROYED || disposition == BAG_RETURNED ? *place
									: !printable(place, sizeof now.place)) {
		snprintf(why, MEDIA_WHY,
			 "re-bagged takes the new number, stored where, sent to whom; the others take none");
		return E_FORMAT;
	}
	now.disposition = disposition;
	snprintf(now.place, sizeof now.place, "%s", disposition == BAG_RETURNED ? now.keeper : place);
	if (disposition == BAG_REBAGGED) {
		next = now;
		snprintf(next.number, sizeof next.number, "%.*s", (int)sizeof next.number - 1, place);
		e = strlen(place) < sizeof next.number ? media_record(j, &next, why) : E_FORMAT;
	}
	if (!e)
		e = journal_bag_state(j, &now);
	if (!e)
		*b = now;
	return e;
}

enum err media_suspect(struct bag *b, struct journal *j, const char *holds)
{
	uint64_t at = 0;
	enum err e;

	do
		e = journal_bag_next(b, j, &at);
	while (!e && (strcmp(b->holds, holds) || b->condition < BAG_DAMAGED));
	return e;
}

enum err media_doubt(char reason[static MEDIA_DOUBT], struct journal *j, const char *holds)
{
	struct bag b;
	enum err e = media_suspect(&b, j, holds);

	*reason = 0;
	if (!e)
		snprintf(reason, MEDIA_DOUBT, "bag %s %s", b.number, media_condition_name(b.condition));
	return e == E_SHORT ? E_OK : e;
}

/* --- Before a ceremony closes ------------------------------------------------------------------------------------- */

bool media_is_pending(const struct bag *b, uint64_t ceremony)
{
	return ceremony && b->ceremony == ceremony && b->disposition == BAG_HERE && b->condition != BAG_MISSING;
}

enum err media_pending(char *numbers, size_t size, size_t *n, struct journal *j)
{
	uint64_t ceremony, at = 0;
	size_t len = 0;
	struct bag b;
	enum err e = media_ceremony(&ceremony, j);

	*n = 0;
	*numbers = 0;
	while (!e && !(e = journal_bag_next(&b, j, &at))) {
		if (!media_is_pending(&b, ceremony))
			continue;
		++*n;
		if (len + strlen(b.number) + 3 < size)
			len += (size_t)snprintf(numbers + len, size - len, "%s%s", len ? ", " : "", b.number);
	}
	return e == E_SHORT ? E_OK : e;
}
