/*
 * X.509 as far as both ends of the loading protocol need it: is this end-entity certificate issued by that CA, at that
 * time, and what does it say? P-256 and ECDSA with SHA-256 only, DER only. One CA, one end entity: no intermediate
 * certificates, so the CA alone says what the certificate is for (device, KIF, exchange: see doc/ARCHITECTURE.md). A
 * critical extKeyUsage is refused, as is every other critical extension that is not basicConstraints or keyUsage. An
 * end entity that says it is a CA is refused.
 */
#ifndef KEYROOM_CRYPTO_CERT_H
#define KEYROOM_CRYPTO_CERT_H

#include "crypto/p256.h"

#define CERT_MAX 1024		/* DER bytes of one certificate */
#define CERT_TEXT 64		/* longest serialNumber, OU or CN, with its NUL */

struct cert {
	uint8_t point[P256_POINT];
	char serial[CERT_TEXT];		/* subject serialNumber (2.5.4.5), "" if absent */
	char unit[CERT_TEXT];		/* subject OU, "" if absent: "epoch N" in a KIF's */
	char name[CERT_TEXT];		/* subject CN */
};

/* cert_anchor - the self-signed CA certificate in der, as a trust anchor: its name and key are taken, its dates are
 * not looked at; that it signs itself is verified. E_OK, E_FORMAT, E_CERTIFICATE (not a P-256 CA certificate),
 * E_CRYPTO. c holds its subject, and is wiped on an error. */
MUST_USE enum err cert_anchor(struct cert *c, struct span der);

/*
 * cert_verify - verify an end-entity certificate
 *
 *   c    out  what it says; wiped on an error
 *   der  in   the end entity's certificate
 *   ca   in   the CA's certificate: a trust anchor
 *   utc  in   seconds since 1970 at which it has to be valid (of the end entity; the anchor's dates do not count)
 *
 *   E_OK, E_FORMAT (not DER, too long), E_CERTIFICATE (another issuer, bad signature, another algorithm, refused
 *   extension, a date before 1970, or a subject field of CERT_TEXT or more or not of printable ASCII), E_EXPIRED
 *   (before or after its dates; said before the signature is looked at), E_CRYPTO
 */
MUST_USE enum err cert_verify(struct cert *c, struct span der, struct span ca, uint64_t utc);

/* cert_signed_by - an end-entity certificate under a CA of which only the key is known, at any date. Results as
 * cert_verify(), but for E_EXPIRED */
MUST_USE enum err cert_signed_by(struct cert *c, struct span der, const uint8_t signer[static P256_POINT]);

/* cert_epoch - N of the OU "epoch N", 1..2^31-1. E_OK, E_CERTIFICATE (no such OU) */
MUST_USE enum err cert_epoch(uint32_t *epoch, const struct cert *c);

#endif
