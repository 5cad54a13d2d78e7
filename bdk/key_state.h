/*
 * The life of a key set: what its state permits, and which state may follow which (key_state.c has one table for either).
 *
 *     pre-active    made, its period has not begun
 *     active        terminals are loaded from it
 *     suspended     nothing, until people have found out what is the matter
 *     deactivated   nothing new; acquirers still recover what terminals send that have it
 *     compromised   somebody may know it: nothing but being listed
 *     destroyed     the token does not have it any more; its id never comes back
 *
 * A period, where it has one, makes it active at its beginning and deactivated at its end, by the room's clock. Whoever asks goes
 * by the time of asking; key_state_tend() writes it down, so that a clock that is set back brings nothing back. What is
 * suspended stays so beyond its end, or the clock alone would have it recovered and packaged again; resumed then, it is
 * deactivated.
 */
#ifndef KEYROOM_BDK_KEY_STATE_H
#define KEYROOM_BDK_KEY_STATE_H

#include "bdk/room.h"

#define KEY_STATE_WHY 160

enum key_act {
	KEY_ISSUE = 1,		/* device ids, and loads that begin */
	KEY_RECOVER = 2,	/* an acquirer's recovery of what terminals send */
	KEY_PACKAGE = 4,	/* hand it over, wrapped */
	KEY_PLAN = 8		/* take part in what is loaded later: accept a lease, follow in a chain, be dictated */
};

/* key_state_at - the state that a key set is in at that time */
enum key_set_state key_state_at(const struct key_set *s, uint64_t utc);

/* key_state_permits - does a state permit an act? */
bool key_state_permits(enum key_set_state state, enum key_act act);

/* key_state_next - by which request a key set goes from one state to another: OP_STATE, OP_COMPROMISE, OP_DESTROY; 0: never.
 * Who asks and agrees to it stands in bdk/rule.c */
uint16_t key_state_next(enum key_set_state from, enum key_set_state to);

/* key_state_parse - its name: key_set_state_name(). E_OK, E_FORMAT */
MUST_USE enum err key_state_parse(enum key_set_state *state, const char *name);

/* key_state_check - does the state that it is in now permit the act? E_OK, E_KEY_SET_STATE (why: "key set ID is suspended") */
MUST_USE enum err key_state_check(const struct key_set *s, enum key_act act, char why[static KEY_STATE_WHY]);

/* key_state_go - into another state, by this request; written down, with the reason. E_OK, E_KEY_SET_STATE (why), E_KEY_SET,
 * E_JOURNAL */
MUST_USE enum err key_state_go(struct room *r, const char *id, enum key_set_state to, uint16_t op, const char *reason,
			       char why[static KEY_STATE_WHY]);

/* key_state_period_check - is it one that can be given now? E_OK, E_RANGE (why) */
MUST_USE enum err key_state_period_check(const struct period *p, char why[static KEY_STATE_WHY]);

/* key_state_period - give a key set that is not at its end another one: before its beginning it is pre-active. E_OK, E_RANGE,
 * E_KEY_SET_STATE (why), E_KEY_SET, E_JOURNAL */
MUST_USE enum err key_state_period(struct room *r, const char *id, const struct period *p, char why[static KEY_STATE_WHY]);

/* key_state_tend - periods that have begun or ended are written down; cheap where none has. E_OK, E_JOURNAL (it is tried again) */
MUST_USE enum err key_state_tend(struct room *r);

#endif
