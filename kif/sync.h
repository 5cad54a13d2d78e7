/*
 * Bringing a ledger up to its room's journal.
 */
#ifndef KEYROOM_KIF_SYNC_H
#define KEYROOM_KIF_SYNC_H

#include "kif/ledger.h"

#define STATION_SECONDS 60 /* bdkd's side of a loading lives no longer: whoever says nothing for that long is gone */

/*
 * station_open - connect to a load room's station socket, and wait at most so many seconds for each answer
 *
 *   As client_open; E_UNREACHABLE later on when an answer takes longer.
 */
MUST_USE enum err station_open(struct client *c, const char *room, unsigned seconds);

/*
 * sync_catch_up - apply what the journal has had since the ledger's last sequence
 *
 *   E_OK, E_IO (l->why), or as client_call (c->why); E_FORMAT also when a fact is none or their sequence does not grow
 */
MUST_USE enum err sync_catch_up(struct ledger *l, struct client *c);

/* sync_rebuild - make the ledger anew from the journal of that room; as it was after any error. As sync_catch_up. */
MUST_USE enum err sync_rebuild(struct ledger *l, struct client *c, const char *room);

#endif
