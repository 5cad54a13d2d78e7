/*
 * The supervisor's reader, with every signature taken for good, so that all of it is reached, and the same bytes without
 * the last one: it ends, reads nothing behind its end, and what it gives out is whole.
 */
#include "bdk/pki.h"
#include "tests/lib/soft_ca.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static enum err good(const uint8_t *sig, const uint8_t *point, const uint8_t *digest)
{
	(void)sig;
	(void)point;
	(void)digest;
	return E_OK;
}

#define p256_verify good
#include "bdk/evident.c"
#undef p256_verify

/* A text is "" or one that may be shown. */
static void check_cert(const struct cert *c)
{
	const char *const text[] = { c->name, c->serial, c->unit };

	for (size_t i = 0; i < 3; i++)
		if (!memchr(text[i], 0, CERT_TEXT) || (*text[i] && !pki_good_text(text[i])))
			abort();
}

static void try(const uint8_t *data, size_t size)
{
	uint8_t point[P256_POINT], number[20];
	struct pki_list l = { 0 };
	char name[CERT_TEXT];
	struct cert c;
	/* a copy of that length: a sanitizer sees what is read behind it */
	uint8_t *copy = malloc(size + !size);
	struct span in = { copy, size };

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	if (!evident_anchor(&c, in))
		check_cert(&c);
	if (!evident_cert(&c, number, in, soft_ca(), SOFT_CA_UTC)) {
		check_cert(&c);
		if (evident_number(number, in))
			abort();
	}
	if (!evident_request(point, name, in) && (!memchr(name, 0, sizeof name) || !pki_good_text(name)))
		abort();
	if (!evident_list(&l, in, soft_ca())) {
		if (l.n > size ||
		    (l.n && (!pki_list_names(&l, l.revoked[0]) || !pki_list_names(&l, l.revoked[l.n - 1]))))
			abort();
		pki_list_free(&l);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try(data, size);
	if (size)
		try(data, size - 1);
	return 0;
}
