#include "bdk/fingerprint.h"
#include "bdk/key_state.h"

#include <stdio.h>
#include <string.h>

const uint8_t fingerprint_label[FINGERPRINT] = { 'k', 'e', 'y', 'r', 'o', 'o', 'm', '/',
						 'f', 'i', 'n', 'g', 'e', 'r', '/', '1' };

/* "the same key as key set FFFF987654" */
static void say_same(char why[static ROOM_WHY], const char *label)
{
	bool bdk = !strncmp(label, "bdk-", 4);

	snprintf(why, ROOM_WHY, "it is the same key as %s %s, which is or was in this room", bdk ? "key set" : "KBPK",
		 strchr(label, '-') + 1);
}

static enum err worker_says(uint8_t fp[static FINGERPRINT], bool *is_published, struct room *r, const char *label)
{
	struct worker *w;
	enum err e = room_worker(&w, r);

	if (!e)
		e = worker_fingerprint(w, fp, is_published, label);
	return e ? e : room_sync(r); /* the key under which it is may be new, and outlasts the row that says it */
}

enum err fingerprint_admit(struct room *r, const char *label, char why[static ROOM_WHY])
{
	uint8_t fp[FINGERPRINT];
	char other[KEY_LABEL];
	bool is_published;
	enum err e = worker_says(fp, &is_published, r, label);

	if (!e && is_published && !r->config.test) {
		snprintf(why, ROOM_WHY, "a production room, and everybody knows this key: it is printed as a test key");
		e = E_PUBLISHED;
	}
	if (!e)
		e = journal_fingerprint_add(r->journal, label, SPAN(fp));
	if (e == E_EXISTS && !journal_fingerprint_of(other, r->journal, SPAN(fp)))
		say_same(why, other);
	return e;
}

/* One that was here before there were fingerprints. */
static enum err catch_up(struct room *r, const struct key_set *s, const char *id, const char *label)
{
	uint8_t fp[FINGERPRINT];
	char why[ROOM_WHY] = "", other[KEY_LABEL];
	bool is_published = false;
	enum err e = worker_says(fp, &is_published, r, label);

	if (e)
		return e == E_KEY ? E_OK : e;
	e = journal_begin(r->journal);
	if (!e)
		e = journal_fingerprint_add(r->journal, label, SPAN(fp));
	if (e == E_EXISTS) {
		e = journal_fingerprint_of(other, r->journal, SPAN(fp));
		if (!e)
			e = journal_fingerprint_add(r->journal, label, (struct span){ NULL, 0 });
		if (!e)
			say_same(why, other);
	}
	if (!e && is_published && !r->config.test) {
		snprintf(why, sizeof why, "%s", err_text(E_PUBLISHED));
		if (key_state_next(s->state, KEY_SET_SUSPENDED))
			e = journal_key_set_state(r->journal, id, KEY_SET_SUSPENDED, why);
	}
	if (!e && why[0])
		e = journal_audit(r->journal, "bdkd", "fingerprint", id, why);
	if (!e)
		e = journal_commit(r->journal);
	if (e)
		journal_rollback(r->journal);
	return e;
}

enum err fingerprint_open(struct room *r)
{
	char id[KEY_SET_TEXT], label[KEY_LABEL];
	struct key_set s;
	uint64_t at = 0;
	enum err e;

	while (!(e = journal_key_set_next(&s, r->journal, &at))) {
		key_set_text(id, &s.id);
		snprintf(label, sizeof label, "bdk-%s", id);
		e = journal_fingerprint_has(r->journal, label);
		if (e == E_SHORT)
			e = catch_up(r, &s, id, label);
		if (e)
			return e;
	}
	return e == E_SHORT ? E_OK : e;
}
