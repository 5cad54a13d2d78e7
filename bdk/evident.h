/*
 * What the supervisor reads of a certificate, request or list, after a process without PIN found it good (bdk/parser.h):
 * first that it is signed, and then, in the bytes that are signed, all that the room goes by. So nobody but the CA has
 * written what is read here; only around it, down to the signature, stand bytes of anybody's. The form is that which a
 * ca room writes (bdk/pki.h), not all of X.509's; extensions are the parser's affair.
 *
 * It is another reader than the parser's, on purpose: what takes over the one does not fit the other.
 *
 * All of them: E_OK, E_PARSER (it is not so), E_CRYPTO. Outputs are written on E_OK only.
 */
#ifndef KEYROOM_BDK_EVIDENT_H
#define KEYROOM_BDK_EVIDENT_H

#include "bdk/pki.h"

/* evident_anchor - a CA's certificate, which signs itself */
MUST_USE enum err evident_anchor(struct cert *c, struct span der);

/* evident_cert - a certificate that this CA, an anchor of the room, gave to another, valid at utc; number: left-padded */
MUST_USE enum err evident_cert(struct cert *c, uint8_t number[static 20], struct span der, struct span ca,
			       uint64_t utc);

/* evident_number - of a certificate of this room's own records, which was found good when it came there */
MUST_USE enum err evident_number(uint8_t number[static 20], struct span der);

/* evident_request - a request signed by the key that it names */
MUST_USE enum err evident_request(uint8_t point[static P256_POINT], char name[static CERT_TEXT], struct span der);

/* evident_list - a list of this CA, as pki_list_read() gives it. Also E_INTERNAL (no memory) */
MUST_USE enum err evident_list(struct pki_list *l, struct span der, struct span ca);

#endif
