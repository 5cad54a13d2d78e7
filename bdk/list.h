/*
 * The revocation list that a load or acquirer room goes by: certificates that are revoked, terminals' and rooms', and the
 * epoch that KIF certificates must have. The ca room makes it (bdk/revocation.h).
 *
 * Without a list in force nothing is begun that trusts a certificate: no loading, no key set, no import. In force is one
 * that is there, whose end (nextUpdate) has not passed, and that is not older than any that was installed. The journal
 * keeps the numbers that say so, and the highest time that was seen under the list: a clock that is set back does not
 * revive it. Only a newer list, which has a later beginning, starts that time anew, so that a clock that once ran ahead
 * costs one `bdk crl` and no more.
 */
#ifndef KEYROOM_BDK_LIST_H
#define KEYROOM_BDK_LIST_H

#include "bdk/room.h"

#define LIST_WHY 160

/* list_open - the list that the room keeps under certs/, into r->list; none where the file is missing or damaged: then
 * none is in force. E_OK, E_IO, E_INTERNAL (no memory), E_PARSER */
MUST_USE enum err list_open(struct room *r);

/*
 * list_install - take a list as the room's: check it, store it, have it in r->list. Call it in a transaction.
 *
 *   E_OK, E_NOT_READY (no anchors), E_FORMAT, E_CERTIFICATE (not the device CA's), E_EXPIRED (outside its dates), E_REPLAY
 *   (older than one that was installed, by number, date or epoch), E_JOURNAL, E_IO, E_INTERNAL, E_PARSER
 */
MUST_USE enum err list_install(struct room *r, struct span der, char why[static LIST_WHY]);

/* list_check - is a list in force at utc? E_OK, E_NOT_READY (none was ever installed), E_EXPIRED (its end has passed, or
 * it is older than one that was installed), E_JOURNAL. why tells which commands bring a new one. */
MUST_USE enum err list_check(struct room *r, uint64_t utc, char why[static LIST_WHY]);

/* list_kept - is the list here the newest that was ever installed, whether in force or not? E_OK (also where none ever
 * was), E_EXPIRED (its file is lost, or an older one's), E_JOURNAL */
MUST_USE enum err list_kept(struct room *r, char why[static LIST_WHY]);

/* list_epoch - the epoch that KIF certificates must have at least, 0 if no list ever said. E_OK, E_JOURNAL */
MUST_USE enum err list_epoch(uint32_t *epoch, struct room *r);

/* list_certificate - is the certificate of this number on the list, if there is one? E_OK (no), E_REVOKED */
MUST_USE enum err list_certificate(const struct room *r, const uint8_t number[static 20]);

/* list_kif - may a room act as a KIF with this certificate, which parser_cert() took? E_OK, E_REVOKED, E_CERTIFICATE (no
 * epoch in it), E_EPOCH (lower than the list's), E_JOURNAL */
MUST_USE enum err list_kif(struct room *r, const struct cert *c, const uint8_t number[static 20]);

#endif
