/*
 * Inside crypto/: what cert.c has read of a certificate, and what it asks the back end's X.509 code.
 */
#ifndef KEYROOM_CRYPTO_X509_H
#define KEYROOM_CRYPTO_X509_H

#include "crypto/cert.h"

#include <stdbool.h>

struct x509 {
	struct span der;             /* the whole certificate; the spans below point into it */
	struct span issuer, subject; /* names, as DER */
	uint64_t from, until;        /* its dates, seconds since 1970 */
	uint8_t point[P256_POINT];   /* on the curve */
	bool ca;                     /* basicConstraints says so */
};

/*
 * x509_verify - is x signed by ca's key, at utc (which lies within its dates), and what is its subject?
 *
 *   c   out  texts only: serial, unit, name; meaningless on an error
 *   x   in   cert.c has found it well-formed, and its issuer to be ca's subject
 *   ca  in   may be x
 *
 *   E_OK, E_CERTIFICATE, E_CRYPTO
 */
MUST_USE enum err x509_verify(struct cert *c, const struct x509 *x, const struct x509 *ca, uint64_t utc);

#endif
