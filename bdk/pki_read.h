/*
 * X.509 from outside, read with OpenSSL: requests and revocation lists; for certificates crypto/cert.h stands beside it.
 * Only the parser calls this (bdk/parser.h).
 */
#ifndef KEYROOM_BDK_PKI_READ_H
#define KEYROOM_BDK_PKI_READ_H

#include "bdk/pki.h"

/* pki_request_read - its point and name (the one CN), its signature verified; both written on E_OK only. E_OK,
 * E_FORMAT, E_SIGNATURE */
MUST_USE enum err pki_request_read(uint8_t point[static P256_POINT], char name[static CERT_TEXT], struct span der);

/* pki_list_read - is der a list of that CA, and what does it say? Its dates are not judged. l is written on E_OK only,
 * and the caller's to free. E_OK, E_FORMAT, E_CERTIFICATE (another CA's, a wrong signature, a list without number, or
 * one with a critical extension, which would mean something else), E_CRYPTO, E_INTERNAL (no memory) */
MUST_USE enum err pki_list_read(struct pki_list *l, struct span der, struct span ca);

#endif
