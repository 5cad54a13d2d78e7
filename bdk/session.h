/*
 * Loading sessions of a room that goes by its people: two operators have opened one, each from an own login, for what
 * both saw listed: terminals, key set and slot, or terminals alone, to zeroize them. It is open while both keep their
 * connection and neither is dismissed, and no longer than room.conf's limits.
 */
#ifndef KEYROOM_BDK_SESSION_H
#define KEYROOM_BDK_SESSION_H

#include "bdk/room.h"

#define SESSIONS 8	/* open at a time */

struct session {
	uint64_t number;		/* never another's; 0: not open */
	struct key_set_id set;		/* len 0: to zeroize */
	uint8_t slot;
	uint8_t *serials;		/* fields F_SERIAL*, on the heap */
	size_t serials_len;
	uint64_t opened, used;		/* room_monotonic() */
};

struct sessions {
	struct session one[SESSIONS];
	uint64_t last;			/* number given out */
};

/* session_new - what it is for is in: set, slot, and the fields its serials stand in. E_OK, E_SPACE (SESSIONS are open),
 * E_INTERNAL (no memory) */
MUST_USE enum err session_new(uint64_t *number, struct sessions *all, const struct key_set_id *set, uint8_t slot,
			      struct span fields, uint64_t now);

/* session_find - one that is open for this key set and slot, and for all these terminals; NULL: none */
struct session *session_find(struct sessions *all, const struct key_set_id *set, uint8_t slot, struct span fields);

/* session_of - by its number; NULL: it is not open, or the number is 0 */
struct session *session_of(struct sessions *all, uint64_t number);

/* session_left - seconds until a limit of room.conf ends it; *why which one */
uint64_t session_left(const struct session *s, const struct room_config *c, uint64_t now, const char **why);

/* session_uses - has a request with this result used its session? What a terminal has signed anew has: OP_OFFER, OP_ZEROIZE.
 * All else a station can ask without a terminal, an old receipt too. */
bool session_uses(uint16_t op, enum err result);

/* session_end - it is open no longer */
void session_end(struct session *s);

/* session_has - does F_SERIAL stand in these fields with this value? */
bool session_has(struct span fields, struct span serial);

#endif
