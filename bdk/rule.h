/*
 * Who may ask what, with how many of whom: one table (rule.c) for all that people.sock takes, in rooms that go by it
 * (bdk/people.h). What has no row there is refused.
 *
 * Everything that makes, moves or ends a key takes two people: one of a role that asks, one of a role that agrees, with
 * different names and different uids. bdkd does nothing, and keeps nothing, before the second has agreed (bdk/act.h).
 */
#ifndef KEYROOM_BDK_RULE_H
#define KEYROOM_BDK_RULE_H

#include "bdk/people.h"
#include "bdk/request.h"

/* How bdkd knows who asks: not at all (whoever may use the socket), by the uid at its other end, or by a passphrase too. */
enum rule_proof { RULE_ANYBODY, RULE_UID, RULE_PASSPHRASE };

struct rule {
	uint16_t op;
	enum rule_proof proof;
	unsigned asks;		/* roles, any of which may ask; not looked at with RULE_ANYBODY */
	unsigned agrees;	/* roles, any of which may agree; 0: one person does */
};

/* rule_of - the row of an op, NULL: there is none. rule_next - all rows, in order: i from 0; NULL after the last */
const struct rule *rule_of(uint16_t op);
const struct rule *rule_next(size_t i);

/*
 * rule_ask - may this person ask it?
 *
 *   rule    in  NULL: nobody may
 *   who     in  NULL: nobody of this room
 *   proved  in  has this person given the passphrase on this connection?
 *
 *   E_OK, E_LOGIN (yes, with a passphrase), E_SECOND (yes, if a second person agrees), E_DENIED (no: why)
 */
MUST_USE enum err rule_ask(char why[static ROOM_WHY], const struct rule *rule, const struct person *who, bool proved);

/* rule_agree - may second agree to what first has asked? Both are proved. E_OK, E_DENIED (why) */
MUST_USE enum err rule_agree(char why[static ROOM_WHY], const struct rule *rule, const struct person *first,
			     const struct person *second);

#endif
