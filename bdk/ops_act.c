#include "bdk/ops.h"
#include "bdk/rule.h"
#include "base/hex.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { ROW = ACT_SHOWN + 64 /* a row, and what ends the list */ };

/* Does this connection's act wait for a second person, and is its first still there? */
static bool waits(const struct peer *p)
{
	char byte;

	return p && p->act && p->stage == PEER_PENDS && recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

static struct span put_of(const struct peer *p)
{
	return (struct span){ p->put.b, p->put.len };
}

enum err op_pending(struct ask *a)
{
	uint64_t at;
	enum err e = ops_since(&at, a);

	if (e || at > SERVER_CLIENTS)
		return e ? e : E_RANGE;
	for (; at < SERVER_CLIENTS && a->answer->len + ROW <= RECORD_MAX; at++) {
		const struct peer *p = a->peers[at];
		size_t row;

		if (!waits(p))
			continue;
		row = record_open(a->answer, F_ROW);
		act_show(a->answer, p->act, server_op_name(p->act->op), a->room->config.name, put_of(p), room_monotonic());
		record_close(a->answer, row);
	}
	ops_more(a->answer, at < SERVER_CLIENTS, at);
	return E_OK;
}

/* The act of this digest as it stands now, whatever it was when somebody looked at it. */
static enum err find(struct peer **found, struct ask *a, struct span digest)
{
	uint8_t now[32];
	enum err e = E_OK;

	*found = NULL;
	for (size_t i = 0; i < SERVER_CLIENTS && !e && !*found; i++) {
		struct peer *p = a->peers[i];

		if (!waits(p))
			continue;
		e = act_digest(now, p->act, a->room->config.name, put_of(p));
		if (!e && digest.len == sizeof now && !memcmp(digest.p, now, sizeof now))
			*found = p;
	}
	if (!e && !*found) {
		snprintf(a->why, sizeof a->why, "nothing of this digest waits: it has lapsed, was withdrawn, or was never this");
		e = E_LAPSED;
	}
	return e;
}

enum err op_approve(struct ask *a)
{
	const struct person *second = &a->peer->who;
	struct person first;
	char state[16], why[ROOM_WHY], digest[65];
	struct peer *p;
	enum err e = field_text(state, sizeof state, a->fields, F_STATE);

	if (e || (strcmp(state, "agreed") != 0 && strcmp(state, "refused") != 0)) {
		snprintf(a->why, sizeof a->why, "a second person has agreed, or refused");
		return E_FORMAT;
	}
	e = find(&p, a, field_get(a->fields, F_HASH));
	if (e)
		return e;
	hex_encode(digest, field_get(a->fields, F_HASH).p, 32); /* find() has compared 32 bytes */
	snprintf(a->object, sizeof a->object, "%s by %s: %s, %s", server_op_name(p->act->op), p->act->first.name, state, digest);
	e = rule_agree(a->why, rule_of(p->act->op), &p->act->first, second);
	if (!e)
		e = journal_person(&first, a->room->journal, NULL, p->uid);
	/* Who was dismissed meanwhile asks for nothing. */
	if (!e && (first.row != p->act->first.row || rule_ask(why, rule_of(p->act->op), &first, p->proved) != E_SECOND))
		e = E_LAPSED;
	if (!e) {
		a->agreed = p;
		a->agrees = !strcmp(state, "agreed");
	}
	return e;
}

enum err op_await(struct ask *a)
{
	if (!a->peer->act) {
		snprintf(a->why, sizeof a->why, "nothing that was asked here waits for a second person");
		return E_LAPSED;
	}
	a->peer->stage = PEER_PENDS;
	return E_OK;
}
