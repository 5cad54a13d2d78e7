/*
 * Input: the length of a CA certificate (2 bytes), that certificate, an end entity's certificate. Whatever they are, a
 * refusal leaves nothing behind and what is accepted is a text.
 */
#include "crypto/cert.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void sound(enum err e, const struct cert *c)
{
	static const struct cert none;

	if (e != E_OK && e != E_FORMAT && e != E_CERTIFICATE && e != E_EXPIRED)
		abort();
	if (e && memcmp(c, &none, sizeof none))
		abort();
	if (!memchr(c->serial, 0, CERT_TEXT) || !memchr(c->unit, 0, CERT_TEXT) || !memchr(c->name, 0, CERT_TEXT))
		abort();
	if (!e && p256_check(c->point))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rd r;
	struct span ca, der;
	struct cert c;
	enum err e;

	rd_init(&r, data, size);
	ca = rd_span16(&r);
	der = rd_span(&r, r.left);
	e = cert_anchor(&c, ca);
	sound(e, &c);
	e = cert_verify(&c, der, ca, 1800000000);
	sound(e, &c);
	return 0;
}
