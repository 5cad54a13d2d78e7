/*
 * Certificates, requests and lists: what this project makes is what it accepts, and openssl(1) agrees.
 */
#include "bdk/evident.h"
#include "bdk/pki_read.h"
#include "base/host/file.h"
#include "tests/lib/soft_ca.h"
#include "tests/lib/test.h"

#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define UTC UINT64_C(1790000000) /* 2026-09-21: every time here is relative to it */
#define DAY UINT64_C(86400)

struct party {
	struct key priv;
	uint8_t point[P256_POINT];
	struct pki_signer signer;
	uint8_t der[PKI_MAX];
	size_t len;
};

static struct party ca, other_ca, someone;
static char dir[64];

static enum err failing_sign(void *ctx, uint8_t sig[static P256_SIG], const uint8_t digest[static 32])
{
	(void)ctx, (void)sig, (void)digest;
	return E_TOKEN;
}

static struct span der_of(const struct party *p)
{
	return (struct span){ p->der, p->len };
}

static void make_party(struct party *p, uint8_t seed)
{
	memset(p, 0, sizeof *p);
	memset(p->priv.b, seed, 32);
	p->priv.len = 32;
	ck_assert_int_eq(p256_public(p->point, &p->priv), E_OK);
	p->signer = (struct pki_signer){ soft_sign, &p->priv };
}

static void make_parties(void)
{
	make_party(&ca, 0x11);
	make_party(&other_ca, 0x22);
	make_party(&someone, 0x33);
	ck_assert_int_eq(pki_ca(ca.der, &ca.len, sizeof ca.der, ca.point, "Test device CA", UTC, 3650, &ca.signer),
			 E_OK);
	ck_assert_int_eq(pki_ca(other_ca.der, &other_ca.len, sizeof other_ca.der, other_ca.point, "Test device CA", UTC,
				3650, &other_ca.signer),
			 E_OK);
	test_folder_make(dir, sizeof dir);
}

static void remove_dir(void)
{
	test_folder_remove(dir);
}

/* What certificates and lists are made below. */
static const struct cert *facts_of(const struct party *p)
{
	static struct cert c;

	ck_assert_int_eq(cert_anchor(&c, der_of(p)), E_OK);
	return &c;
}

static enum err issue(struct party *p, const struct pki_subject *who, const struct party *by, uint8_t number,
		      bool agreement)
{
	const uint8_t n[16] = { number, 2, 3 };

	return pki_issue(p->der, &p->len, sizeof p->der, p->point, who, facts_of(by), n, UTC, 30, agreement, &by->signer);
}

static const struct pki_subject terminal = { "TC1", "TC1", NULL }, kif = { "KIF-1", NULL, "epoch 7" };

static void save(const char *name, struct span der)
{
	char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	ck_assert_int_eq(file_write(path, der, 0600), E_OK);
}

/* A shell command in the folder; true if it ends with status 0. What it says goes to the file "out". */
static bool shell(const char *command)
{
	char line[1024];
	int status;

	snprintf(line, sizeof line, "cd '%s' && { %s; } >out 2>&1", dir, command);
	status = system(line);
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static bool said(const char *text)
{
	static char b[1 << 16];
	char path[128];
	size_t n;

	snprintf(path, sizeof path, "%s/out", dir);
	ck_assert_int_eq(file_read((uint8_t *)b, &n, sizeof b - 1, path), E_OK);
	b[n] = 0;
	return strstr(b, text);
}

START_TEST(what_is_issued_is_what_is_verified)
{
	struct cert c;

	ck_assert_int_eq(cert_anchor(&c, der_of(&ca)), E_OK);
	ck_assert_str_eq(c.name, "Test device CA");
	ck_assert_int_eq(issue(&someone, &terminal, &ca, 1, false), E_OK);
	ck_assert_int_eq(cert_verify(&c, der_of(&someone), der_of(&ca), UTC), E_OK);
	ck_assert_mem_eq(c.point, someone.point, P256_POINT);
	ck_assert_str_eq(c.name, "TC1");
	ck_assert_str_eq(c.serial, "TC1");
	ck_assert_str_eq(c.unit, "");
	ck_assert_int_eq(issue(&someone, &kif, &ca, 1, true), E_OK);
	ck_assert_int_eq(cert_verify(&c, der_of(&someone), der_of(&ca), UTC), E_OK);
	ck_assert_str_eq(c.serial, "");
	ck_assert_str_eq(c.unit, "epoch 7");
}
END_TEST

START_TEST(a_certificate_holds_from_an_hour_before_to_its_end)
{
	struct cert c;

	ck_assert_int_eq(issue(&someone, &terminal, &ca, 1, false), E_OK);
	ck_assert_int_eq(cert_verify(&c, der_of(&someone), der_of(&ca), UTC - 3601), E_EXPIRED);
	ck_assert_int_eq(cert_verify(&c, der_of(&someone), der_of(&ca), UTC - 3600), E_OK);
	ck_assert_int_eq(cert_verify(&c, der_of(&someone), der_of(&ca), UTC + 30 * DAY), E_OK);
	ck_assert_int_eq(cert_verify(&c, der_of(&someone), der_of(&ca), UTC + 30 * DAY + 1), E_EXPIRED);
}
END_TEST

START_TEST(a_ca_of_the_same_name_is_another_ca)
{
	struct cert c;

	ck_assert_int_eq(issue(&someone, &terminal, &other_ca, 1, false), E_OK);
	ck_assert_int_eq(cert_verify(&c, der_of(&someone), der_of(&ca), UTC), E_CERTIFICATE);
	ck_assert_int_eq(cert_verify(&c, der_of(&ca), der_of(&ca), UTC), E_CERTIFICATE); /* no end entity */
}
END_TEST

/* 1 signature in 256 ends with a zero byte, 1 number in 2 has its first bit set: neither may be lost. */
START_TEST(no_byte_of_a_signature_or_number_is_lost)
{
	uint8_t number[16], read[20], zero[20] = { 0 };
	bool ends_in_zero = false;
	struct cert c;

	for (unsigned i = 0; i < 3000 && !(i > 300 && ends_in_zero); i++) {
		memset(number, (int)(i * 37 + 1), sizeof number);
		put_be32(number + 12, i);
		ck_assert_int_eq(pki_issue(someone.der, &someone.len, sizeof someone.der, someone.point, &terminal,
					   facts_of(&ca), number, UTC, 30, false, &ca.signer),
				 E_OK);
		ck_assert_int_eq(cert_verify(&c, der_of(&someone), der_of(&ca), UTC), E_OK);
		ck_assert_int_eq(evident_number(read, der_of(&someone)), E_OK);
		ck_assert_mem_eq(read, zero, 4);
		ck_assert_mem_eq(read + 4, number, 16);
		ends_in_zero = ends_in_zero || !someone.der[someone.len - 1];
	}
	ck_assert(ends_in_zero);
}
END_TEST

START_TEST(refuses_texts_that_no_verifier_would_take)
{
	static const char long_text[] = "0123456789012345678901234567890123456789012345678901234567890123";
	static const struct pki_subject bad[] = {
		{ "", NULL, NULL },         { "a\nb", NULL, NULL },     { "a\x7f", NULL, NULL },
		{ long_text, NULL, NULL },  { "\xff\xfe", NULL, NULL }, { "TC1", "", NULL },
		{ "TC1", "TC\t1", NULL },   { "TC1", "TC@1", NULL },    { "TC1", NULL, long_text },
		{ "TC1", long_text, NULL },
	};
	uint8_t der[PKI_MAX];
	size_t len = 77;

	ck_assert_int_eq(issue(&someone, &bad[_i], &ca, 1, false), E_FORMAT);
	if (!bad[_i].serial && !bad[_i].unit) {
		ck_assert_int_eq(pki_request(der, &len, sizeof der, ca.point, bad[_i].name, &ca.signer), E_FORMAT);
		ck_assert_int_eq(pki_ca(der, &len, sizeof der, ca.point, bad[_i].name, UTC, 1, &ca.signer), E_FORMAT);
		ck_assert_uint_eq(len, 77);
	}
}
END_TEST

START_TEST(errors_come_through_and_publish_nothing)
{
	const struct pki_signer failing = { failing_sign, NULL };
	const struct pki_revoked none[1] = { { { 0 }, 0 } };
	uint8_t der[PKI_MAX] = { 0 }, number[16] = { 1 };
	const struct cert *by = facts_of(&ca);
	size_t len = 77;

	ck_assert_int_eq(pki_request(der, &len, sizeof der, ca.point, "x", &failing), E_TOKEN);
	ck_assert_int_eq(pki_ca(der, &len, sizeof der, ca.point, "x", UTC, 1, &failing), E_TOKEN);
	ck_assert_int_eq(pki_issue(der, &len, sizeof der, ca.point, &kif, by, number, UTC, 1, false, &failing),
			 E_TOKEN);
	ck_assert_int_eq(pki_crl(der, &len, PKI_MAX, by, 1, 1, none, 0, UTC, 1, &failing), E_TOKEN);
	ck_assert_int_eq(pki_request(der, &len, 100, ca.point, "x", &ca.signer), E_SPACE);
	ck_assert_int_eq(pki_ca(der, &len, 100, ca.point, "x", UTC, 1, &ca.signer), E_SPACE);
	ck_assert_int_eq(pki_issue(der, &len, 100, ca.point, &kif, by, number, UTC, 1, false, &ca.signer), E_SPACE);
	ck_assert_int_eq(pki_crl(der, &len, 100, by, 1, 1, none, 0, UTC, 1, &ca.signer), E_SPACE);
	ck_assert_int_eq(pki_ca(der, &len, sizeof der, ca.point, "x", UTC, UINT32_MAX, &ca.signer), E_RANGE);
	ck_assert_int_eq(pki_ca(der, &len, sizeof der, ca.point, "x", UINT64_MAX, 1, &ca.signer), E_RANGE);
	ck_assert_uint_eq(len, 77);
	ck_assert_uint_eq(der[0], 0);
}
END_TEST

START_TEST(openssl_verifies_the_certificates)
{
	ck_assert_int_eq(issue(&someone, &terminal, &ca, 1, false), E_OK);
	save("ca.der", der_of(&ca));
	save("tc1.der", der_of(&someone));
	ck_assert_int_eq(issue(&someone, &kif, &ca, 2, true), E_OK);
	save("kif.der", der_of(&someone));
	save("other.der", der_of(&other_ca));
	ck_assert(
		shell("for c in ca tc1 kif other; do openssl x509 -inform DER -in $c.der -out $c.pem || exit 1; done"));
	ck_assert(shell("openssl verify -x509_strict -attime 1790000000 -CAfile ca.pem tc1.pem kif.pem"));
	ck_assert(!shell("openssl verify -attime 1790000000 -CAfile other.pem tc1.pem"));
	ck_assert(!shell("openssl verify -attime 1799999999 -CAfile ca.pem tc1.pem"));
	ck_assert(said("expired"));
	ck_assert(shell("openssl x509 -noout -text -in tc1.pem"));
	ck_assert(said("Subject: CN = TC1, serialNumber = TC1"));
	ck_assert(said("Digital Signature") && said("CA:FALSE") && said("ecdsa-with-SHA256") &&
		  said("Issuer: CN = Test device CA"));
	ck_assert(shell("openssl x509 -noout -text -in kif.pem"));
	ck_assert(said("Subject: CN = KIF-1, OU = epoch 7"));
	ck_assert(said("Key Agreement") && !said("Digital Signature"));
	ck_assert(shell("openssl x509 -noout -text -in ca.pem"));
	ck_assert(said("CA:TRUE, pathlen:0") && said("Certificate Sign, CRL Sign"));
}
END_TEST

START_TEST(a_request_is_read_by_us_and_by_openssl)
{
	uint8_t der[PKI_MAX], point[P256_POINT];
	char name[CERT_TEXT];
	size_t len;

	ck_assert_int_eq(pki_request(der, &len, sizeof der, someone.point, "KIF-1", &someone.signer), E_OK);
	ck_assert_int_eq(pki_request_read(point, name, (struct span){ der, len }), E_OK);
	ck_assert_mem_eq(point, someone.point, sizeof point);
	ck_assert_str_eq(name, "KIF-1");
	save("r.der", (struct span){ der, len });
	ck_assert(shell("openssl req -inform DER -in r.der -verify -noout -text"));
	ck_assert(said("CN = KIF-1") && said("verify OK"));
	ck_assert_int_eq(pki_request_read(point, name, (struct span){ der, len - 1 }), E_FORMAT);
	der[len] = 0;
	ck_assert_int_eq(pki_request_read(point, name, (struct span){ der, len + 1 }), E_FORMAT);
	/* somebody else's key in it */
	ck_assert_int_eq(pki_request(der, &len, sizeof der, someone.point, "KIF-1", &ca.signer), E_OK);
	ck_assert_int_eq(pki_request_read(point, name, (struct span){ der, len }), E_SIGNATURE);
}
END_TEST

START_TEST(a_request_with_a_changed_bit_is_refused)
{
	uint8_t der[PKI_MAX], point[P256_POINT] = { 0 };
	char name[CERT_TEXT] = "";
	size_t len;

	ck_assert_int_eq(pki_request(der, &len, sizeof der, someone.point, "KIF-1", &someone.signer), E_OK);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		der[bit / 8] = (uint8_t)(der[bit / 8] ^ 1u << bit % 8);
		ck_assert_msg(pki_request_read(point, name, (struct span){ der, len }) != E_OK, "bit %zu", bit);
		der[bit / 8] = (uint8_t)(der[bit / 8] ^ 1u << bit % 8);
	}
	ck_assert_uint_eq(point[0], 0);
	ck_assert_str_eq(name, "");
}
END_TEST

START_TEST(a_request_of_openssl_is_read_if_it_is_p256)
{
	static const struct {
		const char *options;
		enum err e;
	} row[] = {
		{ "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -subj /CN=KIF-2", E_OK },
		{ "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -subj /O=x/CN=KIF-2/OU=y", E_OK },
		{ "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha512 -subj /CN=KIF-2", E_SIGNATURE },
		{ "-newkey ec -pkeyopt ec_paramgen_curve:P-384 -sha256 -subj /CN=KIF-2", E_FORMAT },
		{ "-newkey rsa:1024 -sha256 -subj /CN=KIF-2", E_FORMAT },
		{ "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -subj /O=nobody", E_FORMAT },
		{ "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -sha256 -subj /CN=a/CN=b", E_FORMAT },
	};
	uint8_t der[PKI_MAX], point[P256_POINT];
	char command[256], path[128], name[CERT_TEXT];
	size_t len;

	snprintf(command, sizeof command, "openssl req -new -nodes -keyout key.pem -outform DER -out r.der %s",
		 row[_i].options);
	ck_assert(shell(command));
	snprintf(path, sizeof path, "%s/r.der", dir);
	ck_assert_int_eq(file_read(der, &len, sizeof der, path), E_OK);
	ck_assert_int_eq(pki_request_read(point, name, (struct span){ der, len }), row[_i].e);
	if (!row[_i].e)
		ck_assert_str_eq(name, "KIF-2");
}
END_TEST

START_TEST(a_number_is_read_from_certificates_alone)
{
	uint8_t number[20], expected[20] = { 0, 0, 0, 0, 0x91, 2, 3 };

	ck_assert_int_eq(issue(&someone, &terminal, &ca, 0x91, false), E_OK);
	ck_assert_int_eq(evident_number(number, der_of(&someone)), E_OK);
	ck_assert_mem_eq(number, expected, sizeof number);
	for (size_t len = 0; len < someone.len; len++)
		ck_assert_int_eq(evident_number(number, (struct span){ someone.der, len }), E_PARSER);
	someone.der[someone.len++] = 0;
	ck_assert_int_eq(evident_number(number, der_of(&someone)), E_PARSER);
}
END_TEST

/* A list that names certificates 1 and 2 of ca, number 12345678901 */
static uint8_t crl[PKI_CRL_MAX];
static size_t crl_len;

static struct span list(void)
{
	return (struct span){ crl, crl_len };
}

static void make_list(const struct party *by)
{
	struct pki_revoked r[2];

	for (uint8_t i = 0; i < 2; i++) {
		ck_assert_int_eq(issue(&someone, &terminal, by, (uint8_t)(2 - i), false), E_OK);
		ck_assert_int_eq(evident_number(r[i].number, der_of(&someone)), E_OK);
		r[i].utc = UTC - 5;
	}
	ck_assert_int_eq(pki_crl(crl, &crl_len, sizeof crl, facts_of(by), 12345678901, 7, r, 2, UTC, 30, &by->signer), E_OK);
}

/* What the list says, by the CA of that party. It is let go at once: the tests look at it before the next. */
static enum err read_list(struct pki_list *l, const struct party *by)
{
	pki_list_free(l);
	return pki_list_read(l, list(), der_of(by));
}

START_TEST(a_list_names_the_revoked_and_no_others)
{
	static const struct pki_list none;
	struct pki_list l = { 0 };
	uint8_t number[20];

	make_list(&ca);
	ck_assert_int_eq(read_list(&l, &ca), E_OK);
	ck_assert_uint_eq(l.number, 12345678901);
	ck_assert_uint_eq(l.epoch, 7);
	ck_assert_uint_eq(l.from, UTC);
	ck_assert_uint_eq(l.until, UTC + 30 * DAY);
	ck_assert_uint_eq(l.n, 2);
	for (uint8_t i = 0; i < 5; i++) {
		ck_assert_int_eq(issue(&someone, &terminal, &ca, i, false), E_OK);
		ck_assert_int_eq(evident_number(number, der_of(&someone)), E_OK);
		ck_assert(pki_list_names(&l, number) == (i == 1 || i == 2));
		ck_assert(!pki_list_names(&none, number));
	}
	pki_list_free(&l);
}
END_TEST

START_TEST(a_list_holds_from_an_hour_before_to_its_end)
{
	struct pki_list l = { 0 };

	make_list(&ca);
	ck_assert_int_eq(read_list(&l, &ca), E_OK);
	ck_assert_int_eq(pki_list_current(&l, 0), E_EXPIRED);
	ck_assert_int_eq(pki_list_current(&l, UTC - 3601), E_EXPIRED);
	ck_assert_int_eq(pki_list_current(&l, UTC - 3600), E_OK);
	ck_assert_int_eq(pki_list_current(&l, UTC + 30 * DAY), E_OK);
	ck_assert_int_eq(pki_list_current(&l, UTC + 30 * DAY + 1), E_EXPIRED);
	ck_assert_int_eq(pki_list_current(&l, UINT64_MAX), E_EXPIRED);
	pki_list_free(&l);
}
END_TEST

START_TEST(a_foreign_or_changed_list_is_refused)
{
	static const struct pki_list nothing;
	struct pki_list l = { 0 };

	make_list(&other_ca);
	ck_assert_int_eq(read_list(&l, &ca), E_CERTIFICATE);
	make_list(&ca);
	ck_assert_int_eq(read_list(&l, &someone), E_CERTIFICATE);
	for (size_t len = 0; len < crl_len; len++)
		ck_assert_int_eq(pki_list_read(&l, (struct span){ crl, len }, der_of(&ca)), E_FORMAT);
	for (size_t bit = 0; bit < 8 * crl_len; bit++) {
		crl[bit / 8] = (uint8_t)(crl[bit / 8] ^ 1u << bit % 8);
		ck_assert_msg(read_list(&l, &ca) != E_OK, "bit %zu", bit);
		crl[bit / 8] = (uint8_t)(crl[bit / 8] ^ 1u << bit % 8);
	}
	ck_assert_mem_eq(&l, &nothing, sizeof l);
}
END_TEST

START_TEST(an_empty_and_a_long_list_work)
{
	enum { MOST = 30000 };
	static struct pki_revoked r[MOST];
	struct pki_list l = { 0 };
	size_t most = 20000;

	ck_assert_int_eq(pki_crl(crl, &crl_len, sizeof crl, facts_of(&ca), 0, 0, r, 0, UTC, 30, &ca.signer), E_OK);
	ck_assert_int_eq(read_list(&l, &ca), E_OK);
	ck_assert_uint_eq(l.number, 0);
	ck_assert_uint_eq(l.epoch, 0);
	ck_assert_uint_eq(l.n, 0);
	for (uint32_t i = 0; i < MOST; i++) {
		r[i].utc = UTC;
		memset(r[i].number + 4, 0x80, 16);
		put_be32(r[i].number + 16, i);
	}
	ck_assert_int_eq(pki_crl(crl, &crl_len, sizeof crl, facts_of(&ca), UINT64_MAX, 1, r, MOST, UTC, 30, &ca.signer),
			 E_SPACE);
	ck_assert_int_eq(pki_crl(crl, &crl_len, sizeof crl, facts_of(&ca), UINT64_MAX, 1, r, most, UTC, 30, &ca.signer),
			 E_OK);
	ck_assert_int_eq(read_list(&l, &ca), E_OK);
	ck_assert_uint_eq(l.number, UINT64_MAX);
	ck_assert_uint_eq(l.n, most);
	for (size_t i = 0; i < MOST; i++)
		ck_assert(pki_list_names(&l, r[i].number) == (i < most));
	pki_list_free(&l);
}
END_TEST

START_TEST(openssl_reads_the_list_and_refuses_the_revoked)
{
	make_list(&ca);
	save("list.der", list());
	save("ca.der", der_of(&ca));
	ck_assert_int_eq(issue(&someone, &terminal, &ca, 1, false), E_OK);
	save("revoked.der", der_of(&someone));
	ck_assert_int_eq(issue(&someone, &terminal, &ca, 3, false), E_OK);
	save("good.der", der_of(&someone));
	ck_assert(
		shell("for c in ca revoked good; do openssl x509 -inform DER -in $c.der -out $c.pem || exit 1; done"));
	ck_assert(shell("openssl crl -inform DER -in list.der -CAfile ca.pem -out list.pem -text"));
	ck_assert(said("verify OK"));
	ck_assert(shell("openssl crl -in list.pem -noout -text"));
	ck_assert(said("12345678901") && said("ecdsa-with-SHA256") && said("epoch 7"));
	ck_assert(shell(
		"openssl verify -x509_strict -crl_check -CRLfile list.pem -attime 1790000001 -CAfile ca.pem good.pem"));
	ck_assert(!shell("openssl verify -crl_check -CRLfile list.pem -attime 1790000001 -CAfile ca.pem revoked.pem"));
	ck_assert(said("revoked"));
}
END_TEST

/* The same CA's own word, but in a form that would mean something else */
START_TEST(a_list_with_a_critical_extension_is_refused)
{
	uint8_t priv[121] = { 0x30, 0x77, 2, 1, 1, 4, 32 }; /* RFC 5915 */
	static const uint8_t curve[] = { 0xA0, 10, 6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7, 0xA1, 68, 3, 66, 0 };
	const unsigned char *p = priv, *q = crl;
	unsigned char *out = crl;
	ISSUING_DIST_POINT *idp = ISSUING_DIST_POINT_new();
	ASN1_INTEGER *base = ASN1_INTEGER_new();
	struct pki_list l = { 0 };
	X509_REVOKED *entry;
	EVP_PKEY *key;
	X509_CRL *x;

	memcpy(priv + 7, ca.priv.b, 32);
	memcpy(priv + 39, curve, sizeof curve);
	memcpy(priv + 56, ca.point, P256_POINT);
	key = d2i_PrivateKey(EVP_PKEY_EC, NULL, &p, sizeof priv);
	make_list(&ca);
	x = d2i_X509_CRL(NULL, &q, (long)crl_len);
	ck_assert(key && x && idp && base && ASN1_INTEGER_set(base, 1));
	switch (_i) {
	case 0: /* the twin that has none: this way of signing works */
		break;
	case 1: /* a list of CAs only */
		idp->onlyCA = 0xFF;
		ck_assert_int_eq(X509_CRL_add1_ext_i2d(x, NID_issuing_distribution_point, idp, 1, 0), 1);
		break;
	case 2: /* the difference to another list */
		ck_assert_int_eq(X509_CRL_add1_ext_i2d(x, NID_delta_crl, base, 1, 0), 1);
		break;
	case 3: /* an entry of another issuer's */
		entry = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(x), 0);
		ck_assert_int_eq(X509_REVOKED_add1_ext_i2d(entry, NID_crl_number, base, 1, 0), 1);
		break;
	}
	ck_assert_int_gt(X509_CRL_sign(x, key, EVP_sha256()), 0);
	crl_len = (size_t)i2d_X509_CRL(x, &out);
	ck_assert_int_eq(read_list(&l, &ca), _i ? E_CERTIFICATE : E_OK);
	pki_list_free(&l);
	X509_CRL_free(x);
	EVP_PKEY_free(key);
	ISSUING_DIST_POINT_free(idp);
	ASN1_INTEGER_free(base);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("pki");
	TCase *t = tcase_create("pki");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_parties, remove_dir);
	tcase_add_test(t, what_is_issued_is_what_is_verified);
	tcase_add_test(t, a_certificate_holds_from_an_hour_before_to_its_end);
	tcase_add_test(t, a_ca_of_the_same_name_is_another_ca);
	tcase_add_test(t, no_byte_of_a_signature_or_number_is_lost);
	tcase_add_loop_test(t, refuses_texts_that_no_verifier_would_take, 0, 10);
	tcase_add_test(t, errors_come_through_and_publish_nothing);
	tcase_add_test(t, openssl_verifies_the_certificates);
	tcase_add_test(t, a_request_is_read_by_us_and_by_openssl);
	tcase_add_test(t, a_request_with_a_changed_bit_is_refused);
	tcase_add_loop_test(t, a_request_of_openssl_is_read_if_it_is_p256, 0, 7);
	tcase_add_test(t, a_number_is_read_from_certificates_alone);
	tcase_add_test(t, a_list_names_the_revoked_and_no_others);
	tcase_add_test(t, a_list_holds_from_an_hour_before_to_its_end);
	tcase_add_test(t, a_foreign_or_changed_list_is_refused);
	tcase_add_test(t, an_empty_and_a_long_list_work);
	tcase_add_test(t, openssl_reads_the_list_and_refuses_the_revoked);
	tcase_add_loop_test(t, a_list_with_a_critical_extension_is_refused, 0, 4);
	return s;
}

int main(void)
{
	return test_main(suite());
}
