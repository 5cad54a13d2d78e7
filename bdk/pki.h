/*
 * X.509 as the rooms make it: requests, certificates and revocation lists, P-256 and ECDSA with SHA-256, all readable
 * by openssl(1). Built with OpenSSL; signed through a function of the caller's, because the key is in a token. Nothing
 * that comes from outside is read here: that is bdk/pki_read.h's, in a process without PIN.
 *
 * Roles are separated by CA: the device CA certifies terminals, the KIF CA load rooms, the exchange CA acquirer rooms.
 */
#ifndef KEYROOM_BDK_PKI_H
#define KEYROOM_BDK_PKI_H

#include "crypto/cert.h"

#include <stdbool.h>

#define PKI_MAX 1024		/* DER of a certificate or request */
#define PKI_CRL_MAX 1048576	/* DER of a revocation list */
#define PKI_CLOCK_SKEW 3600	/* rooms' clocks may differ by an hour */
#define PKI_EPOCH_OID "2.25.3367411078260422156963744493430285549" /* extension of a list: UTF8String "epoch N" */

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
 * refuse: empty, CERT_TEXT or more, control characters, a serial that is no PrintableString), E_RANGE (a date after
 * the year 9999), or the signer's error. der and *len are written on E_OK only. ca is what cert_anchor() says of a CA
 * that pki_ca() made: its name and point.
 */

/* pki_request - a PKCS#10 request for a point */
MUST_USE enum err pki_request(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT],
			      const char *name, const struct pki_signer *s);

/* pki_ca - a self-signed CA certificate (basicConstraints CA, keyUsage keyCertSign and cRLSign), valid days from utc */
MUST_USE enum err pki_ca(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT],
			 const char *name, uint64_t utc, unsigned days, const struct pki_signer *s);

/* pki_issue - an end-entity certificate below ca, with a random 16-byte certificate serial number of the caller's,
 * valid from an hour before utc for days. basicConstraints not a CA, keyUsage digitalSignature, or keyAgreement for the
 * exchange role. The result is what cert_verify() accepts. */
MUST_USE enum err pki_issue(uint8_t *der, size_t *len, size_t size, const uint8_t point[static P256_POINT],
			    const struct pki_subject *who, const struct cert *ca, const uint8_t number[static 16],
			    uint64_t utc, unsigned days, bool agreement, const struct pki_signer *s);

struct pki_revoked {
	uint8_t number[20]; /* of the certificate */
	uint64_t utc;
};

/* pki_crl - a revocation list with its number, the epoch that KIF certificates must have (0: it says none), and its end
 * (nextUpdate) days after utc. About 27,000 entries fit PKI_CRL_MAX. The epoch stands in an extension of ours as the
 * text "epoch N", not critical, so that others can use the list. */
MUST_USE enum err pki_crl(uint8_t *der, size_t *len, size_t size, const struct cert *ca, uint64_t list_number, uint32_t epoch,
			  const struct pki_revoked *revoked, size_t n, uint64_t utc, unsigned days,
			  const struct pki_signer *s);

/* A revocation list taken apart. */
struct pki_list {
	uint64_t number, from, until;	/* seconds since 1970: thisUpdate, nextUpdate */
	uint32_t epoch;			/* KIF certificates of a lower one are disowned; 0: it says none */
	size_t n;
	uint8_t (*revoked)[20];		/* numbers of certificates, sorted; on the heap */
	uint8_t digest[32];		/* SHA-256 of its DER; zero: there is no list */
};

/* pki_list_current - is it in force at utc (or an hour later: clocks differ)? E_OK, E_EXPIRED */
MUST_USE enum err pki_list_current(const struct pki_list *l, uint64_t utc);

/* pki_list_names - does it name this certificate's number? By number alone: numbers are random and long, and a list that
 * names one means it. An empty list names none. */
bool pki_list_names(const struct pki_list *l, const uint8_t number[static 20]);

/* pki_list_free - forget it; fine on a zeroed one */
void pki_list_free(struct pki_list *l);

/* pki_compare - the order of numbers on a list */
int pki_compare(const void *a, const void *b);

/* pki_good_text - what cert_verify() takes as a text: not empty, short, no control characters */
bool pki_good_text(const char *text);

/* pki_key - a point as OpenSSL's public key, to be freed; NULL: E_CRYPTO */
struct evp_pkey_st *pki_key(const uint8_t point[static P256_POINT]);

#endif
