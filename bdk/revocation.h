/*
 * The ca room's revocation list: every terminal that holds a certificate and may not be loaded any more, because
 * somebody revoked it or because it is quarantined; every certificate of a room that was disowned; and the epoch that
 * KIF certificates must have. The list is numbered; each change of what it says raises the number. What rooms do with it stands in bdk/list.h.
 */
#ifndef KEYROOM_BDK_REVOCATION_H
#define KEYROOM_BDK_REVOCATION_H

#include "bdk/room.h"

#define REVOCATION_WHY 160

/*
 * revocation_add - revoke a terminal's certificate
 *
 *   number  out  of the first list that names it; a terminal revoked before keeps its place
 *
 *   E_OK, E_UNKNOWN_DEVICE (no such serial, or it has no certificate), E_JOURNAL
 */
MUST_USE enum err revocation_add(uint64_t *number, struct journal *j, const char *serial,
				 char why[static REVOCATION_WHY]);

/*
 * revocation_disown - revoke a room: every certificate of a KIF or acquirer room that its key was given
 *
 *   cert    in   one of them
 *   name    out  its CN
 *   number  out  of the first list that names them
 *
 *   E_OK (also: it was disowned before), E_FORMAT, E_CERTIFICATE, E_EXPIRED (not one of this room's KIF or exchange CA,
 *   or it has ended anyway), E_JOURNAL
 */
MUST_USE enum err revocation_disown(char name[static CERT_TEXT], uint64_t *number, struct room *r, struct span cert,
				    char why[static REVOCATION_WHY]);

/* revocation_grown - the next list says more than the last: call it in the transaction that made it so. E_OK,
 * E_JOURNAL */
MUST_USE enum err revocation_grown(uint64_t *number, struct journal *j);

/*
 * revocation_list - the list as it is now, signed by the device CA, valid for the room's crl_days
 *
 *   der     out  at most PKI_CRL_MAX bytes
 *   number  out  of this list
 *   n       out  certificates on it
 *
 *   E_OK, E_SPACE (more than PKI_CRL_MAX holds), E_JOURNAL, E_TOKEN, E_INTERNAL (out of memory)
 */
MUST_USE enum err revocation_list(uint8_t der[static PKI_CRL_MAX], size_t *len, uint64_t *number, size_t *n,
				  struct room *r);

/* revocation_epoch - of the KIF certificates that are issued now, and of the list: the journal's number "epoch", or
 * room.conf's, which is the first, where that is higher. E_OK, E_JOURNAL */
MUST_USE enum err revocation_epoch(uint32_t *epoch, struct room *r);

/*
 * revocation_raise - the next epoch: it disowns every KIF certificate issued so far
 *
 *   epoch   out  the new one
 *   number  out  of the first list that says so
 *
 *   E_OK, E_RANGE (there is none), E_JOURNAL
 */
MUST_USE enum err revocation_raise(uint32_t *epoch, uint64_t *number, struct room *r);

#endif
