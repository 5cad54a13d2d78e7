/*
 * Hand-over packs (bdk/pack.h): made in a load room from its journal, taken in acquirer rooms, which recover nothing more
 * under what they revoke (bdk/recover.h).
 *
 * No acquirer shall recover under an initial KSN that is possibly loaded, that was zeroized or superseded by a newer load of
 * the same slot, or whose terminal is revoked. Under one that is loaded, or sent with its receipt not seen yet, it shall.
 */
#ifndef KEYROOM_BDK_HANDOVER_H
#define KEYROOM_BDK_HANDOVER_H

#include "bdk/pack.h"
#include "bdk/room.h"

#define HANDOVER_WHY PACK_WHY

/*
 * handover_make - a load room's pack
 *
 *   text   out  at most PACK_MAX characters
 *   h      out  its head
 *   set    in   id of the one key set it is about, or NULL: all
 *   after  in   loads that have changed after this sequence of the journal
 *
 *   E_OK, E_NOT_READY, E_EXPIRED (as list_check(): nobody is told what an old list says), E_KEY_SET, E_EPOCH, E_REVOKED
 *   (this room's own certificate), E_PARSER, E_RANGE (longer than PACK_MAX: why says
 *   how to cut it), E_TOKEN, E_JOURNAL, E_CRYPTO
 */
MUST_USE enum err handover_make(char text[static PACK_MAX], size_t *len, struct pack_head *h, struct room *r,
				const char *set, uint64_t after, char why[static HANDOVER_WHY]);

struct handover_taken {
	uint64_t loads;		/* of key sets that are here */
	uint64_t revoked;	/* of these */
	uint64_t strange;	/* of key sets that are not */
};

/*
 * handover_import - take a pack into an acquirer room. Call it in a transaction.
 *
 *   E_OK (the same pack again changes nothing), E_NOT_READY (no anchors, or no revocation list), E_EXPIRED (that list, or
 *   the room's certificate), as pack_read(), E_ENVIRONMENT, E_REVOKED or E_EPOCH (its room is disowned), E_REPLAY (a later
 *   one of this room was taken before), E_SEQUENCE (it begins after more than was taken), E_JOURNAL, E_PARSER
 */
MUST_USE enum err handover_import(struct handover_taken *taken, struct pack_head *h, struct room *r, struct span text,
				  char why[static HANDOVER_WHY]);

#endif
