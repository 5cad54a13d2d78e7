#include "bdk/people.h"
#include "base/wipe.h"

#include <stdio.h>
#include <string.h>

/* Bit by bit, as enum person_role counts them. */
static const char *const names[PERSON_ROLES] = { "custodian", "supervisor", "operator", "auditor" };

/* Who controls whom: custodians make the keys that operators load, and supervisors say what is loaded; auditors look at all
 * of them. */
static const unsigned apart[][2] = {
	{ PERSON_CUSTODIAN, PERSON_OPERATOR },	 { PERSON_SUPERVISOR, PERSON_OPERATOR },
	{ PERSON_AUDITOR, PERSON_CUSTODIAN },	 { PERSON_AUDITOR, PERSON_SUPERVISOR },
	{ PERSON_AUDITOR, PERSON_OPERATOR },
};

bool people_name(const char *name)
{
	size_t len = strlen(name);

	return len && len < PERSON_NAME && name[0] >= 'a' && name[0] <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

enum err people_roles_parse(unsigned *roles, const char *text)
{
	unsigned found = 0;

	*roles = 0;
	for (;;) {
		size_t len = strcspn(text, ",");
		unsigned i = 0;

		while (i < PERSON_ROLES && (strlen(names[i]) != len || memcmp(names[i], text, len) != 0))
			i++;
		if (i == PERSON_ROLES || found >> i & 1)
			return E_FORMAT;
		found |= 1u << i;
		if (!text[len])
			break;
		text += len + 1;
	}
	*roles = found;
	return E_OK;
}

void people_roles_text(char out[static PERSON_ROLES_TEXT], unsigned roles)
{
	int len = 0;

	out[0] = 0;
	for (unsigned i = 0; i < PERSON_ROLES; i++)
		if (roles >> i & 1)
			len += snprintf(out + len, PERSON_ROLES_TEXT - (size_t)len, "%s%s", len ? "," : "", names[i]);
}

enum err people_roles_apart(char why[static ROOM_WHY], unsigned roles)
{
	char two[PERSON_ROLES_TEXT];

	for (size_t i = 0; i < sizeof apart / sizeof *apart; i++) {
		unsigned both = apart[i][0] | apart[i][1];

		if ((roles & both) != both)
			continue;
		people_roles_text(two, both);
		snprintf(why, ROOM_WHY, "one person does not hold both of %s: they control each other", two);
		return E_DENIED;
	}
	return E_OK;
}

static enum err count_custodians(unsigned *n, const struct room *r)
{
	struct person p;
	uint64_t at = 0;
	enum err e;

	*n = 0;
	while (!(e = journal_person_next(&p, r->journal, &at)))
		*n += !!(p.roles & PERSON_CUSTODIAN);
	return e == E_SHORT ? E_OK : e;
}

enum err people_in_force(bool *yes, const struct room *r)
{
	unsigned n = 0;
	enum err e = r->config.test ? count_custodians(&n, r) : E_OK;

	*yes = !r->config.test || n >= PEOPLE_CUSTODIANS;
	return e;
}

enum err people_appoint(const struct room *r, const char *name, uint32_t uid, unsigned roles, const uint8_t *card,
			char why[static ROOM_WHY])
{
	struct person p = { .uid = uid, .roles = roles };
	enum err e = people_roles_apart(why, roles);

	if (e)
		return e;
	if (!people_name(name)) {
		snprintf(why, ROOM_WHY, "a person's name is 1 to %d small letters, digits and dashes, a letter first",
			 PERSON_NAME - 1);
		return E_FORMAT;
	}
	if (!uid && !r->config.test) {
		snprintf(why, ROOM_WHY, "root can be anybody, and is nobody in a production room");
		return E_DENIED;
	}
	if (!r->config.test && roles & PERSON_CUSTODIAN) {
		snprintf(why, ROOM_WHY, "custodians of a production room change with their shares: bdk custodians");
		return E_DENIED;
	}
	if (card && p256_check(card)) {
		snprintf(why, ROOM_WHY, "not the public key of a P-256 pair");
		return E_POINT;
	}
	if (card)
		memcpy(p.card, card, sizeof p.card);
	p.has_card = card;
	snprintf(p.name, sizeof p.name, "%s", name);
	e = journal_person_add(r->journal, &p);
	if (e == E_EXISTS)
		snprintf(why, ROOM_WHY, "a person of that name, or of uid %u, is there already", (unsigned)uid);
	return e;
}

enum err people_dismiss(const struct room *r, const char *name, char why[static ROOM_WHY])
{
	struct person p;
	unsigned n;
	enum err e = journal_person(&p, r->journal, name, 0);

	if (!e)
		e = count_custodians(&n, r);
	if (e)
		return e;
	if (!r->config.test && p.roles & PERSON_CUSTODIAN) {
		snprintf(why, ROOM_WHY, "custodians of a production room change with their shares: bdk custodians");
		return E_DENIED;
	}
	if (p.roles & PERSON_CUSTODIAN && n <= PEOPLE_CUSTODIANS) {
		snprintf(why, ROOM_WHY, "%d custodians have to stay: appoint another one first", PEOPLE_CUSTODIANS);
		return E_DENIED;
	}
	return journal_person_remove(r->journal, p.row);
}

enum err people_guess(struct passphrase_verifier *v, const struct room *r, struct person *p, char why[static ROOM_WHY])
{
	struct rd stored;

	if (p->has_card) {
		snprintf(why, ROOM_WHY, "%s has a card that signs, and no passphrase", p->name);
		return E_DENIED;
	}
	if (!p->passphrase) {
		snprintf(why, ROOM_WHY, "%s has no passphrase yet: bdk passphrase", p->name);
		return E_DENIED;
	}
	if (p->wrong >= PEOPLE_WRONG) {
		snprintf(why, ROOM_WHY, "%u wrong passphrases: two custodians dismiss %s, and appoint anew", p->wrong, p->name);
		return E_DENIED;
	}
	rd_init(&stored, p->verifier, sizeof p->verifier);
	passphrase_verifier_take(&stored, v);
	p->wrong++;
	return journal_person_set(r->journal, p);
}

enum err people_knows(const struct room *r, struct person *p, const struct person *tried, enum err e)
{
	bool same = p->row == tried->row && p->passphrase && !memcmp(p->verifier, tried->verifier, sizeof p->verifier);

	if (e == E_RANGE || (!e && !same))
		return E_PASSPHRASE;
	if (e)
		return e;
	p->wrong = 0;
	return journal_person_set(r->journal, p);
}

enum err people_card(const struct room *r, const struct person *p, const uint8_t nonce[static CARD_NONCE],
		     const uint8_t request[static 32], struct span sig)
{
	uint8_t digest[32];
	enum err e = p->has_card ? E_OK : E_DENIED;

	if (!e && sig.len != P256_SIG)
		e = E_SIGNATURE;
	if (!e)
		e = card_digest(digest, r->config.name, nonce, p->name, p->uid, request);
	return e ? e : p256_verify(sig.p, p->card, digest);
}

enum err people_passphrase(const struct room *r, struct person *p, struct span phrase)
{
	struct passphrase_verifier v = { 0 };
	struct person changed = *p;
	struct wr w;
	enum err e = passphrase_verifier_make(&v, phrase);

	if (!e) {
		wr_init(&w, changed.verifier, sizeof changed.verifier);
		passphrase_verifier_put(&w, &v);
		e = wr_end(&w);
	}
	changed.passphrase = true;
	changed.wrong = 0;
	if (!e)
		e = journal_person_set(r->journal, &changed);
	if (!e)
		*p = changed;
	wipe(&v, sizeof v);
	wipe(&changed, sizeof changed);
	return e;
}
