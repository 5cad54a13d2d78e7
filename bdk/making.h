/*
 * Keys that the token makes. It has one before the journal knows it, and what dies in between would leave a key that nobody asks for
 * and whose id nobody can give again. So the journal says beforehand, durably, what is about to be made, and no more with the
 * transaction that writes the key down; what a crash has left goes out of the token when the room is opened.
 *
 * Keys that come in (packages, blocks, components) need none of it: whoever brings one again has it replaced.
 */
#ifndef KEYROOM_BDK_MAKING_H
#define KEYROOM_BDK_MAKING_H

#include "bdk/room.h"

/*
 * making_begin - a key is about to be made under this label, "bdk-ID" or "kbpk-NAME", which the journal does not know. What the
 * caller's transaction has written before is durable, too.
 *
 *   E_OK, E_EXISTS (the token has one, which is not to go: a room that was restored may have it), E_JOURNAL, E_TOKEN
 */
MUST_USE enum err making_begin(struct room *r, const char *label);

/* making_end - it is written down, or has gone again. E_OK, E_JOURNAL */
MUST_USE enum err making_end(struct room *r, const char *label);

/* making_open - a room has just been opened: keys whose making was cut off leave the token, and the audit says so. Where one does
 * not, that is said on standard error, and tried again next time. E_OK, E_JOURNAL */
MUST_USE enum err making_open(struct room *r);

#endif
