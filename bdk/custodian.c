#include "bdk/custodian.h"
#include "base/host/file.h"
#include "base/wipe.h"
#include "bdk/people.h"
#include "bdk/users.h"
#include "crypto/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FILE_NAME = 32, PATH = PATH_MAX + 64 };

/* --- Who ---------------------------------------------------------------------------------------------------------- */

static bool threshold(uint8_t *out, const char *text, uint8_t least, uint8_t most)
{
	*out = text[0] >= '0' && text[0] <= '9' && !text[1] ? (uint8_t)(text[0] - '0') : 0;
	return *out >= least && *out <= most;
}

/* "anna=1001" as the next one of c */
static enum err add(struct custodians *c, char *text, char why[static CUSTODY_WHY])
{
	char *login = strchr(text, '='), unknown[USERS_WHY];
	struct users u;

	if (c->n == SHARE_MOST) {
		snprintf(why, CUSTODY_WHY, "a room has at most %d custodians", SHARE_MOST);
		return E_RANGE;
	}
	if (login)
		*login++ = 0;
	if (!login || !share_name(text)) {
		snprintf(why, CUSTODY_WHY,
			 "a custodian is NAME=LOGIN, the name of 1 to %d small letters, digits and dashes",
			 SHARE_NAME - 1);
		return E_RANGE;
	}
	if (users_find(&u, login, unknown) || u.n != 1) {
		snprintf(why, CUSTODY_WHY, "this machine does not know the login of the custodian %s", text);
		return E_RANGE;
	}
	if (!u.uid[0] || u.uid[0] == geteuid()) {
		snprintf(why, CUSTODY_WHY, "the custodian %s would be root, or the room's own user", text);
		return E_RANGE;
	}
	for (unsigned i = 0; i < c->n; i++)
		if (!strcmp(c->who[i].name, text) || c->who[i].uid == u.uid[0]) {
			snprintf(why, CUSTODY_WHY, "two custodians have one name or login: %s", text);
			return E_RANGE;
		}
	snprintf(c->who[c->n].name, SHARE_NAME, "%s", text);
	c->who[c->n++].uid = u.uid[0];
	return E_OK;
}

enum err custodians_parse(struct custodians *c, const char *text, const char *m, const char *so_m,
			  char why[static CUSTODY_WHY])
{
	char copy[CUSTODIANS_TEXT], *rest = NULL;
	enum err e = E_OK;

	memset(c, 0, sizeof *c);
	if (snprintf(copy, sizeof copy, "%s", text) >= (int)sizeof copy) {
		snprintf(why, CUSTODY_WHY, "too long");
		return E_RANGE;
	}
	for (char *one = strtok_r(copy, " ,", &rest); !e && one; one = strtok_r(NULL, " ,", &rest))
		e = add(c, one, why);
	if (!e && c->n < SHARE_LEAST) {
		snprintf(why, CUSTODY_WHY, "a room has at least %d custodians", SHARE_LEAST);
		e = E_RANGE;
	}
	if (!e && (!threshold(&c->m, m, SHARE_LEAST, c->n) || !threshold(&c->so_m, so_m ? so_m : m, c->m, c->n))) {
		snprintf(why, CUSTODY_WHY,
			 "of %u custodians, 2 to %u unlock the room, and as many or more change its custodians", c->n,
			 c->n);
		e = E_RANGE;
	}
	if (e)
		memset(c, 0, sizeof *c);
	return e;
}

enum err custodian_key_make(struct custodian_key *k, struct span phrase)
{
	struct custodian_key made = { .made = true, .cost = PASSPHRASE_COST };
	enum err e = passphrase_fit(phrase);

	if (!e && RAND_bytes(made.salt, sizeof made.salt) != 1)
		e = E_RANDOM;
	if (!e)
		e = passphrase_derive(made.key, &made.cost, made.salt, phrase);
	if (!e)
		e = passphrase_verifier_make(&made.verifier, phrase);
	if (!e)
		*k = made;
	wipe(&made, sizeof made);
	return e;
}

/* --- As people of the room ---------------------------------------------------------------------------------------- */

enum err custodians_check(const struct custodians *c, struct journal *j, char why[static CUSTODY_WHY])
{
	enum err e = E_OK;

	for (unsigned i = 0; !e && i < c->n; i++) {
		struct person named, there;
		enum err by_name = journal_person(&named, j, c->who[i].name, 0),
			 by_uid = journal_person(&there, j, NULL, c->who[i].uid);

		if ((by_name && by_name != E_PERSON) || (by_uid && by_uid != E_PERSON))
			e = E_JOURNAL;
		else if (by_name != by_uid || (!by_name && named.row != there.row)) {
			snprintf(why, CUSTODY_WHY,
				 "the name or the login of %s is another person's: bdk people lists them",
				 c->who[i].name);
			e = E_DENIED;
		} else if (!by_name) {
			e = people_roles_apart(why, there.roles | PERSON_CUSTODIAN);
		}
	}
	return e;
}

/* A person with these roles, none: nobody; the verifier stays. */
static enum err set_roles(struct journal *j, const struct person *p, unsigned roles)
{
	struct person next = *p;
	enum err e = p->row ? journal_person_remove(j, p->row) : E_OK;

	next.roles = roles;
	if (!e && roles)
		e = journal_person_add(j, &next);
	if (!e && roles)
		e = journal_person(&next, j, p->name, 0);
	if (!e && roles) {
		memcpy(next.verifier, p->verifier, sizeof next.verifier);
		next.passphrase = p->passphrase;
		next.wrong = p->wrong;
		e = journal_person_set(j, &next);
	}
	wipe(&next, sizeof next);
	return e;
}

static enum err enter(struct journal *j, const char *name, uid_t uid, const struct passphrase_verifier *v)
{
	struct person p;
	struct wr w;
	enum err e = journal_person(&p, j, NULL, uid);

	if (e == E_PERSON) {
		p = (struct person){ .uid = uid };
		snprintf(p.name, sizeof p.name, "%s", name);
		e = E_OK;
	}
	if (e)
		return e;
	wr_init(&w, p.verifier, sizeof p.verifier);
	passphrase_verifier_put(&w, v);
	p.passphrase = true;
	p.wrong = 0;
	return wr_end(&w) ? E_INTERNAL : set_roles(j, &p, p.roles | PERSON_CUSTODIAN);
}

static bool among(const struct custodians *c, uid_t uid)
{
	for (unsigned i = 0; i < c->n; i++)
		if (c->who[i].uid == uid)
			return true;
	return false;
}

enum err custodians_enter(const struct custodians *c, const struct custodian_key key[], struct journal *j,
			  const struct custody *before)
{
	struct person p;
	enum err e = E_OK;

	for (unsigned i = 0; !e && before && i < before->n; i++) {
		if (among(c, before->share[i].uid))
			continue;
		e = journal_person(&p, j, NULL, before->share[i].uid);
		if (!e)
			e = set_roles(j, &p, p.roles & ~(unsigned)PERSON_CUSTODIAN);
		if (e == E_PERSON)
			e = E_OK;
	}
	for (unsigned i = 0; !e && i < c->n; i++)
		e = enter(j, c->who[i].name, c->who[i].uid, &key[i].verifier);
	return e;
}

/* --- Files -------------------------------------------------------------------------------------------------------- */

enum err custody_secrets_make(struct custody_secrets *s)
{
	return RAND_priv_bytes((uint8_t *)s, sizeof *s) == 1 ? E_OK : E_RANDOM;
}

static void file_name(char out[static FILE_NAME], const struct share *s)
{
	snprintf(out, FILE_NAME, "%s-%u-%u", s->of.set == SHARE_PIN ? "pin" : "so", (unsigned)s->of.generation, s->x);
}

static enum err write_set(const char *dir, const struct share_of *of, const struct custodians *c,
			  const struct custodian_key key[], const uint8_t secret[static SHARE_SECRET])
{
	uint8_t piece[SHARE_MOST][SHARE_BYTES], file[SHARE_MAX];
	enum err e = share_split(piece, of, secret);

	for (uint8_t i = 0; !e && i < of->n; i++) {
		struct share s = { .of = *of, .x = (uint8_t)(i + 1), .uid = c->who[i].uid, .cost = key[i].cost };
		char path[PATH], name[FILE_NAME];
		size_t len = 0;

		memcpy(s.custodian, c->who[i].name, sizeof s.custodian);
		memcpy(s.salt, key[i].salt, sizeof s.salt);
		file_name(name, &s);
		snprintf(path, sizeof path, "%s/shares/%s", dir, name);
		e = key[i].made ? share_seal(&s, key[i].key, piece[i]) : E_RANGE;
		if (!e)
			e = share_put(file, &len, sizeof file, &s);
		if (!e)
			e = file_write(path, (struct span){ file, len }, 0600);
	}
	wipe(piece, sizeof piece);
	return e;
}

enum err custody_write(const char *dir, const char *room, uint32_t generation, const struct custodians *c,
		       const struct custodian_key key[], const struct custody_secrets *s)
{
	struct share_of of = { SHARE_PIN, generation, c->m, c->n, "" };
	enum err e;

	snprintf(of.room, sizeof of.room, "%s", room);
	e = write_set(dir, &of, c, key, s->pin);
	of.set = SHARE_SO_PIN;
	of.m = c->so_m;
	return e ? e : write_set(dir, &of, c, key, s->so_pin);
}

static bool same_split(const struct share_of *a, const struct share_of *b)
{
	return a->set == b->set && a->generation == b->generation && a->m == b->m && a->n == b->n &&
	       !strcmp(a->room, b->room);
}

/* Why a share does not belong here, NULL where it does. */
static const char *strange(const struct custody *c, const struct share *s, const char *file, const char *room)
{
	char name[FILE_NAME];

	file_name(name, s);
	if (strcmp(s->of.room, room))
		return "is a share of another room";
	if (strcmp(name, file))
		return "is another share than its name says";
	for (unsigned i = 0; i < c->n; i++) {
		const struct share *t = &c->share[i];

		if (t->of.set == s->of.set && t->of.generation == s->of.generation &&
		    (!same_split(&t->of, &s->of) || t->uid == s->uid || !strcmp(t->custodian, s->custodian)))
			return "does not belong to the others of its set";
	}
	return c->n == CUSTODY_FILES ? "is one share too many" : NULL;
}

static void take_file(struct custody *c, const char *dir, const char *file, const char *room)
{
	uint8_t b[SHARE_MAX];
	char path[PATH];
	const char *bad = NULL;
	struct share s;
	size_t len = 0;

	snprintf(path, sizeof path, "%s/shares/%.40s", dir, file);
	if (file_read(b, &len, sizeof b, path) || share_parse(&s, (struct span){ b, len }))
		bad = "is not a share, or a damaged one";
	else
		bad = strange(c, &s, file, room);
	if (bad)
		snprintf(c->bad, sizeof c->bad, "shares/%.40s %s", file, bad);
	else
		c->share[c->n++] = s;
}

static unsigned there(const struct custody *c, const struct share_of *of)
{
	unsigned n = 0;

	for (unsigned i = 0; i < c->n; i++)
		n += same_split(&c->share[i].of, of);
	return n;
}

bool custody_of(struct share_of *of, const struct custody *c, enum share_set set, unsigned nth)
{
	uint32_t below = UINT32_MAX;

	for (unsigned k = 0; k <= nth; k++) {
		const struct share *newest = NULL;

		for (unsigned i = 0; i < c->n; i++)
			if (c->share[i].of.set == set && c->share[i].of.generation < below &&
			    (!newest || c->share[i].of.generation > newest->of.generation))
				newest = &c->share[i];
		if (!newest)
			return false;
		*of = newest->of;
		below = of->generation;
	}
	return true;
}

enum err custody_read(struct custody *c, const char *dir, const char *room, char why[static CUSTODY_WHY])
{
	char path[PATH];
	struct share_of of;
	struct dirent *x;
	DIR *d;

	memset(c, 0, sizeof *c);
	snprintf(path, sizeof path, "%s/shares", dir);
	d = opendir(path);
	if (!d) {
		snprintf(why, CUSTODY_WHY, "the custodians' shares cannot be read: shares: %s", strerror(errno));
		return E_ROOM;
	}
	while ((x = readdir(d)))
		if (x->d_name[0] != '.')
			take_file(c, dir, x->d_name, room);
	closedir(d);
	for (unsigned nth = 0; custody_of(&of, c, SHARE_PIN, nth); nth++)
		if (there(c, &of) >= of.m)
			return E_OK;
	snprintf(why, CUSTODY_WHY, "%s",
		 c->bad[0] ? c->bad : "too few of the custodians' shares are in its folder shares");
	return E_ROOM;
}

enum err custody_drop(const char *dir, uint32_t generation)
{
	static const enum share_set sets[] = { SHARE_PIN, SHARE_SO_PIN };
	char path[PATH], name[FILE_NAME];
	bool good = true;

	for (unsigned i = 0; i < 2 * SHARE_MOST; i++) {
		struct share s = { .of = { .set = sets[i / SHARE_MOST], .generation = generation },
				   .x = (uint8_t)(i % SHARE_MOST + 1) };

		file_name(name, &s);
		snprintf(path, sizeof path, "%s/shares/%s", dir, name);
		good = (!unlink(path) || errno == ENOENT) && good;
	}
	snprintf(path, sizeof path, "%s/shares/x", dir);
	return good ? file_sync_folder(path) : E_IO;
}

/* --- What they give ----------------------------------------------------------------------------------------------- */

void pieces_wipe(struct pieces *p)
{
	wipe(p, sizeof *p);
}

uint64_t pieces_tend(struct pieces *p, uint64_t now)
{
	if (p->until && now >= p->until)
		pieces_wipe(p);
	return p->until ? p->until - now : 0;
}

static bool has(const struct pieces *p, const struct share *s)
{
	for (unsigned i = 0; i < p->n; i++)
		if (same_split(&p->got[i].of, &s->of) && p->got[i].x == s->x)
			return true;
	return false;
}

enum err pieces_give(struct pieces *p, char name[static SHARE_NAME], const struct custody *c, enum share_set set,
		     uid_t uid, struct span phrase, uint64_t now)
{
	uint32_t newest = 0;
	bool before = false, given = false;
	enum err e = E_OK;

	pieces_tend(p, now);
	name[0] = 0;
	for (unsigned i = 0; !e && i < c->n; i++) {
		const struct share *s = &c->share[i];
		uint8_t piece[SHARE_BYTES];

		if (s->of.set != set || s->uid != uid)
			continue;
		if (s->of.generation > newest) {
			newest = s->of.generation;
			memcpy(name, s->custodian, SHARE_NAME);
		}
		if (has(p, s)) {
			before = true;
			continue;
		}
		e = share_open(piece, s, phrase);
		if (!e && p->n < CUSTODY_FILES) {
			p->got[p->n].of = s->of;
			p->got[p->n].x = s->x;
			memcpy(p->got[p->n++].piece, piece, sizeof piece);
			given = true;
		}
		if (e == E_PASSPHRASE)
			e = E_OK;
		wipe(piece, sizeof piece);
	}
	if (!p->until && given)
		p->until = now + CUSTODY_SECONDS;
	if (e || given)
		return e;
	return !newest ? E_DENIED : before ? E_EXISTS : E_PASSPHRASE;
}

unsigned pieces_count(const struct pieces *p, const struct share_of *of)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->n; i++)
		n += same_split(&p->got[i].of, of);
	return n;
}

enum err pieces_secret(uint8_t secret[static SHARE_SECRET], const struct pieces *p, const struct share_of *of)
{
	uint8_t x[CUSTODY_FILES], piece[CUSTODY_FILES][SHARE_BYTES];
	unsigned n = 0;
	enum err e;

	memset(secret, 0, SHARE_SECRET);
	for (unsigned i = 0; i < p->n; i++)
		if (same_split(&p->got[i].of, of)) {
			x[n] = p->got[i].x;
			memcpy(piece[n++], p->got[i].piece, SHARE_BYTES);
		}
	e = n < of->m ? E_SHORT : share_combine(secret, of, x, piece);
	wipe(piece, sizeof piece);
	return e;
}

/* --- A change of them --------------------------------------------------------------------------------------------- */

static void put_text(struct wr *w, const char *text)
{
	wr_span8(w, (struct span){ (const uint8_t *)text, strlen(text) });
}

enum err custody_change_digest(uint8_t hash[static 32], const uint8_t nonce[static 32], const char *room,
			       const struct custodians *next)
{
	static const uint8_t label[] = "custodians";
	uint8_t b[64 + CUSTODIANS_TEXT];
	struct wr w;

	wr_init(&w, b, sizeof b);
	put_text(&w, room);
	wr_u8(&w, next->n);
	for (unsigned i = 0; i < next->n; i++) {
		put_text(&w, next->who[i].name);
		wr_u32(&w, (uint32_t)next->who[i].uid);
		put_text(&w, "custodian");
	}
	wr_u8(&w, next->m);
	wr_u8(&w, next->so_m);
	return wr_end(&w) ? E_INTERNAL
			  : sha256(hash, (struct span[]){ SPAN(label), { nonce, 32 }, { b, w.len } }, 3);
}

enum err custody_change_begin(struct custody_change *x, const char *room, const struct custodians *next, uid_t by,
			      uint64_t now)
{
	uint8_t nonce[32];
	enum err e = RAND_bytes(nonce, sizeof nonce) == 1 ? E_OK : E_RANDOM;

	custody_change_wipe(x);
	if (!e)
		e = custody_change_digest(x->hash, nonce, room, next);
	if (e)
		return e;
	x->next = *next;
	x->by = by;
	x->until = now + CUSTODY_SECONDS;
	return E_OK;
}

bool custody_change_open(const struct custody_change *x, uid_t by)
{
	bool came = x->given.n;

	for (unsigned i = 0; i < x->next.n; i++)
		came = came || x->key[i].made;
	return !x->until || (x->by == by && !came);
}

uint64_t custody_change_tend(struct custody_change *x, uint64_t now)
{
	if (x->until && now >= x->until)
		custody_change_wipe(x);
	return x->until ? x->until - now : 0;
}

void custody_change_wipe(struct custody_change *x)
{
	wipe(x, sizeof *x);
}
