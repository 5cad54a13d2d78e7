/*
 * Destroying a key set. From the moment that it is decided, and that is durable, nothing is done with it any more; only then does
 * its key leave the token. What a crash leaves in between is finished when the room is opened: a key set that was decided on is
 * either proved to be gone or still to be destroyed, and never back.
 */
#ifndef KEYROOM_BDK_DESTROY_H
#define KEYROOM_BDK_DESTROY_H

#include "bdk/destroyed.h"
#include "bdk/room.h"

/* destroy_token - no worker of the room has the key any more, and none finds it. E_OK, E_TOKEN (not shown) */
MUST_USE enum err destroy_token(struct room *r, const struct key_set_id *set);

/* destroy_open - a room has just been opened: what was decided and not proved is finished, what was destroyed and is in the
 * token again, since somebody has put a copy of it back, is destroyed once more, and that stands in the audit. Where the
 * token does not show it, that is said on standard error, and tried again next time. E_OK, E_JOURNAL */
MUST_USE enum err destroy_open(struct room *r);

/* destroy_certificate - all of it but the signature. E_OK, E_KEY_SET (none of that id), E_KEY_SET_STATE (it was not destroyed, or
 * that is not proved: why), E_JOURNAL, E_TOKEN */
MUST_USE enum err destroy_certificate(struct destroyed *d, struct room *r, const char *id, char why[static ROOM_WHY]);

#endif
