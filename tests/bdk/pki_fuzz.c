/*
 * Requests, certificates and lists from outside. The CA is made once, of a fixed key and fixed dates, so that the list
 * of the corpus is its own; whatever is accepted has to be what the headers say.
 */
#include "bdk/evident.h"
#include "bdk/pki_read.h"
#include "tests/lib/soft_ca.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

/* What the parser finds good the supervisor reads, and in the same sense. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span in = { data, size }, ca = soft_ca();
	uint8_t point[P256_POINT], other_point[P256_POINT], number[20];
	char name[CERT_TEXT], other_name[CERT_TEXT];
	struct pki_list l = { 0 }, m = { 0 };
	struct cert c, d;

	if (!pki_request_read(point, name, in)) {
		if (p256_check(point) || !*name || strlen(name) >= sizeof name)
			abort();
		if (!evident_request(other_point, other_name, in) &&
		    (memcmp(point, other_point, sizeof point) || strcmp(name, other_name)))
			abort();
	}
	if (!cert_verify(&c, in, ca, SOFT_CA_UTC) && (evident_cert(&d, number, in, ca, SOFT_CA_UTC) || memcmp(&c, &d, sizeof c)))
		abort();
	if (!pki_list_read(&l, in, ca)) {
		if (l.n > size ||
		    (l.n && (!pki_list_names(&l, l.revoked[0]) || !pki_list_names(&l, l.revoked[l.n - 1]))))
			abort();
		if (evident_list(&m, in, ca) || m.n != l.n || memcmp(l.revoked, m.revoked, l.n * sizeof *l.revoked) ||
		    m.number != l.number || m.epoch != l.epoch || m.from != l.from || m.until != l.until ||
		    memcmp(m.digest, l.digest, sizeof m.digest))
			abort();
		pki_list_free(&l);
		pki_list_free(&m);
	}
	return 0;
}
