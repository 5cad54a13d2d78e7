#include "crypto/x509.h"

#include <bearssl.h>

/* Days from year 0 to 1970 in the proleptic Gregorian calendar, BearSSL's way of counting */
#define DAYS_1970 719528u

enum err x509_verify(struct cert *c, const struct x509 *x, const struct x509 *ca, uint64_t utc)
{
	/* a length, then the OID's content: 2.5.4.5 serialNumber, 2.5.4.11 OU, 2.5.4.3 CN */
	static const unsigned char serial[] = { 3, 0x55, 0x04, 0x05 }, unit[] = { 3, 0x55, 0x04, 0x0b },
				   name[] = { 3, 0x55, 0x04, 0x03 };
	br_name_element text[] = {
		{ serial, c->serial, sizeof c->serial, 0 },
		{ unit, c->unit, sizeof c->unit, 0 },
		{ name, c->name, sizeof c->name, 0 },
	};
	const size_t texts = sizeof text / sizeof text[0];
	/* BearSSL only reads what its structures call unsigned char * */
	const br_x509_trust_anchor anchor = {
		.dn = { (unsigned char *)ca->subject.p, ca->subject.len },
		.flags = BR_X509_TA_CA,
		.pkey = { .key_type = BR_KEYTYPE_EC,
			  .key.ec = { BR_EC_secp256r1, (unsigned char *)ca->point, P256_POINT } },
	};
	/* 3 KiB, public: on a small machine's stack they would lie under the deepest of all calls. One thread uses them. */
	static br_x509_minimal_context m;
	unsigned refused;

	br_x509_minimal_init(&m, &br_sha256_vtable, &anchor, 1);
	br_x509_minimal_set_hash(&m, br_sha256_ID, &br_sha256_vtable);
	br_x509_minimal_set_ecdsa(&m, &br_ec_p256_m31, br_ecdsa_i31_vrfy_asn1);
	/* always: where there is a wall clock, it would be asked otherwise */
	br_x509_minimal_set_time(&m, (uint32_t)(utc / 86400) + DAYS_1970, (uint32_t)(utc % 86400));
	br_x509_minimal_set_name_elements(&m, text, texts);
	m.vtable->start_chain(&m.vtable, NULL);
	m.vtable->start_cert(&m.vtable, (uint32_t)x->der.len);
	m.vtable->append(&m.vtable, x->der.p, x->der.len);
	m.vtable->end_cert(&m.vtable);
	refused = m.vtable->end_chain(&m.vtable);
	for (size_t i = 0; i < texts; i++)
		refused |= text[i].status < 0; /* too long, or not a text */
	return refused ? E_CERTIFICATE : E_OK;
}
