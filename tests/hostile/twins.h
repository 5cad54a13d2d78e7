/*
 * Broken twins. A test that compiles a source of the product into itself puts these in the place of the functions that
 * the source calls (with #define, before it includes it); with the switches off they are those functions.
 */
#ifndef KEYROOM_TESTS_HOSTILE_TWINS_H
#define KEYROOM_TESTS_HOSTILE_TWINS_H

#include "crypto/cert.h"
#include "protocol/message.h"

#include <string.h>

static bool blind;    /* every signature and certificate is good */
static bool lenient;  /* what a message lacks is taken as zero */
static size_t wanted; /* length of the message under test */

static inline enum err twin_verify(const uint8_t *sig, const uint8_t *point, const uint8_t *digest)
{
	return blind ? E_OK : p256_verify(sig, point, digest);
}

/* What was found out about a certificate, and what the twin makes of it. */
static inline enum err twin_believe(struct cert *out, enum err e)
{
	static struct cert believed;

	if (!e)
		believed = *out;
	else if (blind)
		*out = believed;
	return blind ? E_OK : e;
}

static inline enum err twin_cert(struct cert *out, struct span der, struct span issuer, uint64_t utc)
{
	return twin_believe(out, cert_verify(out, der, issuer, utc));
}

static inline enum err twin_open(struct span *body, const uint8_t **sig, unsigned type, struct span message)
{
	static uint8_t padded[MSG_MAX];

	if (lenient && message.len < wanted) {
		memset(padded, 0, sizeof padded);
		memcpy(padded, message.p, message.len);
		message = (struct span){ padded, wanted };
	}
	return msg_open(body, sig, type, message);
}

#endif
