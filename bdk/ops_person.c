#include "bdk/ops.h"
#include "bdk/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *state_of(const struct person *p)
{
	return p->has_card ? "card" : !p->passphrase ? "no passphrase" : p->wrong >= PEOPLE_WRONG ? "kept out" : "ready";
}

/* The person at the other end, by the uid. */
static enum err asker(struct person *p, struct ask *a)
{
	enum err e = journal_person(p, a->room->journal, NULL, a->peer->uid);

	if (e == E_PERSON)
		snprintf(a->why, sizeof a->why, "uid %u is nobody of this room", (unsigned)a->peer->uid);
	return e;
}

enum err op_who(struct ask *a)
{
	char roles[PERSON_ROLES_TEXT];
	struct person p;
	bool in_force = false;
	enum err e = people_in_force(&in_force, a->room);

	if (e)
		return e;
	record_put_number(a->answer, F_IN_FORCE, in_force);
	e = journal_person(&p, a->room->journal, NULL, a->peer->uid);
	if (e)
		return e == E_PERSON ? E_OK : e;
	people_roles_text(roles, p.roles);
	record_put_text(a->answer, F_NAME, p.name);
	record_put_text(a->answer, F_ROLE, roles);
	record_put_text(a->answer, F_STATE, state_of(&p));
	if (!p.has_card)
		return E_OK;
	if (getrandom(a->peer->nonce, sizeof a->peer->nonce, 0) != sizeof a->peer->nonce)
		return E_RANDOM;
	record_put_text(a->answer, F_ROOM, a->room->config.name);
	record_put_number(a->answer, F_UID, p.uid);
	record_put(a->answer, F_NONCE, SPAN(a->peer->nonce));
	return E_OK;
}

/* A card's signature over the request that comes next, under the nonce that this connection was given: whether it is good
 * or not, that nonce is used up. */
static enum err login_card(struct ask *a, const struct person *p)
{
	static const uint8_t none[CARD_NONCE];
	struct peer *peer = a->peer;
	struct span request = field_get(a->fields, F_HASH);
	enum err e = E_FORMAT;

	if (request.len == sizeof peer->signed_for && memcmp(peer->nonce, none, sizeof none) != 0)
		e = people_card(a->room, p, peer->nonce, request.p, field_get(a->fields, F_SIGNATURE));
	memset(peer->nonce, 0, sizeof peer->nonce);
	if (!e)
		memcpy(peer->signed_for, request.p, sizeof peer->signed_for);
	return e;
}

/* A passphrase, for a process of its own to try (bdk/proof.h): the answer comes with op_login_tried(). */
static enum err login_passphrase(struct ask *a, struct person *p)
{
	struct span phrase = field_get(a->fields, F_PASSPHRASE);
	struct guess *made = calloc(1, sizeof *made);
	enum err e = made ? people_guess(&made->verifier, a->room, p, a->why) : E_INTERNAL;

	if (e) {
		free(made);
		return e;
	}
	made->len = phrase.len <= sizeof made->phrase ? phrase.len : 0;
	if (made->len)
		memcpy(made->phrase, phrase.p, made->len);
	a->peer->guess = made;
	a->peer->who = *p;
	a->later = true;
	return E_OK;
}

enum err op_login(struct ask *a)
{
	struct person p;
	enum err e = asker(&p, a);

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%s", p.name);
	a->peer->proved = false;
	if (!field_get(a->fields, F_SIGNATURE).p)
		return login_passphrase(a, &p);
	e = login_card(a, &p);
	if (!e) {
		a->peer->who = p;
		a->peer->proved = true;
	}
	return e;
}

enum err op_login_tried(struct ask *a, enum err verdict)
{
	struct person p;
	enum err e = asker(&p, a);

	snprintf(a->object, sizeof a->object, "%s", a->peer->who.name);
	if (!e)
		e = people_knows(a->room, &p, &a->peer->who, verdict);
	if (!e) {
		a->peer->who = p;
		a->peer->proved = true;
	}
	return e;
}

enum err op_passphrase(struct ask *a)
{
	struct person p;
	enum err e = asker(&p, a);

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%s", p.name);
	if (p.has_card) {
		snprintf(a->why, sizeof a->why, "%s has a card that signs, and no passphrase", p.name);
		return E_DENIED;
	}
	/* Who has one gives the old one first, whether or not the room goes by the rules. */
	if (p.passphrase && !(a->peer->proved && a->peer->who.row == p.row))
		return E_LOGIN;
	e = people_passphrase(a->room, &p, field_get(a->fields, F_PASSPHRASE));
	if (e == E_RANGE)
		snprintf(a->why, sizeof a->why, "a passphrase has %d to %d bytes", PASSPHRASE_MIN, PASSPHRASE_MAX);
	return e;
}

enum err op_people(struct ask *a)
{
	char roles[PERSON_ROLES_TEXT];
	struct person p;
	uint64_t at;
	bool full = false;
	enum err e = ops_since(&at, a);

	while (!e && !(full = ops_full(a->answer))) {
		size_t row;

		e = journal_person_next(&p, a->room->journal, &at);
		if (e)
			break;
		row = record_open(a->answer, F_ROW);
		people_roles_text(roles, p.roles);
		record_put_text(a->answer, F_NAME, p.name);
		record_put_number(a->answer, F_UID, p.uid);
		record_put_text(a->answer, F_ROLE, roles);
		record_put_text(a->answer, F_STATE, state_of(&p));
		record_put_number(a->answer, F_TIME, p.utc);
		record_close(a->answer, row);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, at);
	return E_OK;
}

enum err op_appoint(struct ask *a)
{
	char name[CERT_TEXT], text[PERSON_ROLES_TEXT];
	struct span card = field_get(a->fields, F_CARD);
	unsigned roles = 0;
	uint64_t uid = 0;
	bool in_force = false;
	enum err e = field_text(name, sizeof name, a->fields, F_NAME);

	if (!e)
		e = field_text(text, sizeof text, a->fields, F_ROLE);
	if (!e)
		e = people_roles_parse(&roles, text);
	if (e) {
		snprintf(a->why, sizeof a->why, "a person has a name, and roles: custodian, supervisor, operator, auditor");
		return e;
	}
	snprintf(a->object, sizeof a->object, "%s %s", name, text);
	e = field_number(&uid, a->fields, F_UID, UINT32_MAX - 1);
	if (!e && card.p && card.len != P256_POINT)
		e = E_POINT;
	if (!e)
		e = people_appoint(a->room, name, (uint32_t)uid, roles, card.p, a->why);
	if (!e)
		e = people_in_force(&in_force, a->room);
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%s uid %u %s", name, (unsigned)uid, text);
	record_put_number(a->answer, F_IN_FORCE, in_force);
	return E_OK;
}

enum err op_dismiss(struct ask *a)
{
	char name[CERT_TEXT];
	enum err e = field_text(name, sizeof name, a->fields, F_NAME);

	if (e)
		return E_PERSON;
	snprintf(a->object, sizeof a->object, "%s", name);
	return people_dismiss(a->room, name, a->why);
}
