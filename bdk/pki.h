/*
 * X.509 as the rooms make it: requests, certificates and revocation lists, P-256 and ECDSA with SHA-256, all readable
 * by openssl(1). Built with OpenSSL; signed through a function of the caller's, because the key is in a token.
 *
 * Roles are separated by CA: the device CA certifies terminals, the KIF CA load rooms, the exchange CA acquirer rooms.
 */
#ifndef KEYROOM_BDK_PKI_H
#define KEYROOM_BDK_PKI_H

#include "crypto/cert.h"

#include <stdbool.h>

#define PKI_MAX 1024 /* DER of a certificate or request */
#define PKI_CRL_MAX 49152

/* Who signs: sign(ctx, sig, digest) with the signer's private key. */
struct pki_signer {
	enum err (*sign)(void *ctx, uint8_t sig[static P256_SIG], const uint8_t digest[static 32]);
	void *ctx;
};

struct pki_subject {
	const char *name;   /* CN */
	const char *serial; /* subject serialNumber, NULL for none */
	const char *unit;   /* OU, NULL for none */
};

/*
 * All that make something: E_OK, E_CRYPTO, E_SPACE (size is too small), E_FORMAT (a text that cert_verify() would
 * refuse: empty, CERT_TEXT or more, control characters, a serial that is no PrintableString; or ca is no certificate),
 * E_CERTIFICATE (ca is no CA's), E_RANGE (a date after the year 9999), or the signer's error. der and *len are written
 * on E_OK only.
 */

/* pki_request - a PKCS#10 request for a point */
MUST_USE enum err pki_request(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT],
			      const char *name, const struct pki_signer *s);

/* pki_request_read - its point and name (the one CN), its signature verified; both written on E_OK only. E_OK,
 * E_FORMAT, E_SIGNATURE */
MUST_USE enum err pki_request_read(uint8_t point[static P256_POINT], char name[static CERT_TEXT], struct span der);

/* pki_ca - a self-signed CA certificate (basicConstraints CA, keyUsage keyCertSign and cRLSign), valid days from utc */
MUST_USE enum err pki_ca(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT],
			 const char *name, uint64_t utc, unsigned days, const struct pki_signer *s);

/* pki_issue - an end-entity certificate below ca, with a random 16-byte certificate serial number of the caller's,
 * valid from an hour before utc for days. basicConstraints not a CA, keyUsage digitalSignature, or keyAgreement for the
 * exchange role. The result is what cert_verify() accepts. */
MUST_USE enum err pki_issue(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT],
			    const struct pki_subject *who, struct span ca, const uint8_t number[static 16],
			    uint64_t utc, unsigned days, bool agreement, const struct pki_signer *s);

/* pki_number - a certificate's serial number, left-padded to 20 bytes. Nothing is verified. E_OK, E_FORMAT */
MUST_USE enum err pki_number(uint8_t number[static 20], struct span der);

struct pki_revoked {
	uint8_t number[20]; /* of the certificate */
	uint64_t utc;
};

/* pki_crl - a revocation list with its number, and its end (nextUpdate) days after utc. About 1,200 entries fit
 * PKI_CRL_MAX */
MUST_USE enum err pki_crl(uint8_t *der, size_t *len, size_t size, struct span ca, uint64_t list_number,
			  const struct pki_revoked *revoked, size_t n, uint64_t utc, unsigned days,
			  const struct pki_signer *s);

/* pki_crl_verify - is der a list of that CA, valid at utc (or an hour later: clocks differ)? list_number and n (revoked
 * certificates) are written on E_OK only. E_OK, E_FORMAT, E_CERTIFICATE (another CA's, a wrong signature, a list
 * without number, or one with a critical extension, which would mean something else), E_EXPIRED, E_CRYPTO. That
 * list_number does not go back is the caller's to see. */
MUST_USE enum err pki_crl_verify(uint64_t *list_number, size_t *n, struct span der, struct span ca, uint64_t utc);

/* pki_crl_has - does a verified list name this certificate's number? E_OK (no), E_REVOKED, E_FORMAT */
MUST_USE enum err pki_crl_has(struct span crl, struct span cert);

#endif
