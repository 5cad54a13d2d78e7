/*
 * What a second person is shown of certificates, requests, leases, packages and key blocks is what the act does with these very bytes; what
 * cannot be read is said to be so. A twin that reads other bytes than it was asked about is found out.
 */
#include "base/hex.h"
#include "bdk/preview.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

static struct room_sim sim;
static struct record lines;
static char text[4096];

static void make(void)
{
	room_sim_make(&sim);
}

static void remove_rooms(void)
{
	room_sim_remove(&sim);
}

/* What is shown in this room of an act with one field, or with two: "label: value\n" */
static const char *shown2(struct room *r, uint16_t tag, struct span value, uint16_t other, struct span more)
{
	static struct record asked;
	const char *colon = "";
	struct rd in;

	record_begin(&asked, OP_GENERATE);
	record_put(&asked, tag, value);
	if (other)
		record_put(&asked, other, more);
	record_begin(&lines, OP_GENERATE);
	preview(&lines, r, (struct span){ asked.b + 2, asked.len - 2 });
	ck_assert_int_eq(lines.e, E_OK);
	text[0] = 0;
	rd_init(&in, lines.b + 2, lines.len - 2);
	while (in.left && !in.e) {
		uint16_t is = rd_u16(&in);
		struct span v = rd_span16(&in);

		ck_assert(is == F_LABEL || is == F_VALUE);
		ck_assert_uint_gt(v.len, 0);
		for (size_t i = 0; i < v.len; i++)
			ck_assert(v.p[i] >= ' ' && v.p[i] <= '~');
		ck_assert_uint_lt(strlen(text) + v.len + 3, sizeof text);
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%.*s", is == F_LABEL ? "\n" : colon, (int)v.len,
			 (const char *)v.p);
		colon = is == F_LABEL ? ": " : "";
	}
	ck_assert_int_eq(rd_end(&in), E_OK);
	strcat(text, "\n");
	return text;
}

static const char *shown(struct room *r, uint16_t tag, struct span value)
{
	return shown2(r, tag, value, 0, value);
}

static void says(const char *line)
{
	char whole[200];

	snprintf(whole, sizeof whole, "\n%s\n", line);
	ck_assert_msg(strstr(text, whole), "not \"%s\" in%s", line, text);
}

static void says_key(const char *label, const uint8_t point[static P256_POINT])
{
	uint8_t spki[32];
	char hex[65], line[100];

	ck_assert_int_eq(p256_spki_digest(spki, point), E_OK);
	hex_encode(hex, spki, sizeof spki);
	snprintf(line, sizeof line, "%s: %s", label, hex);
	says(line);
}

static struct key_set_id set = { { 0x44, 0x55, 0x66, 0x77 }, 4, DUKPT_AES128 };

START_TEST(a_lease_is_shown_as_it_is_accepted_and_any_other_byte_shows)
{
	struct key bdk;
	char line[100], before[sizeof text];
	bool again;
	struct lease granted, taken;
	char why[LEASE_WHY];

	room_sim_generate(&sim, &bdk, DUKPT_AES128, "44556677", 0, 9);
	granted = (struct lease){ .set = set, .first = 20, .last = 4711 };
	ck_assert_int_eq(lease_grant(&granted, &sim.ca, 0, der_span(&sim.load.own), why), E_OK);
	snprintf(before, sizeof before, "%s", shown(&sim.load, F_LEASE, (struct span){ granted.bytes, granted.len }));
	ck_assert_int_eq(lease_accept(&taken, &again, &sim.load, (struct span){ granted.bytes, granted.len }, why), E_OK);
	snprintf(line, sizeof line, "lease number: %llu", (unsigned long long)taken.number);
	says(line);
	says("lease of: 44556677 aes128");
	snprintf(line, sizeof line, "lease ids: %lu to %lu", (unsigned long)taken.first, (unsigned long)taken.last);
	says(line);
	snprintf(line, sizeof line, "lease epoch: %lu", (unsigned long)taken.epoch);
	says(line);
	says("lease for: this room");
	/* the twin: one more id than was granted, and another's key */
	granted.bytes[4 + 1 + 1 + 4 + 1 + granted.kcv.len + 7]++;
	shown(&sim.load, F_LEASE, (struct span){ granted.bytes, granted.len });
	ck_assert_str_ne(text, before);
	says("lease ids: 20 to 4712");
	granted.bytes[4 + 1 + 1 + 4 + 1 + granted.kcv.len + 8] ^= 1;
	shown(&sim.load, F_LEASE, (struct span){ granted.bytes, granted.len });
	ck_assert_ptr_null(strstr(text, "this room"));
	ck_assert_ptr_nonnull(strstr(text, "\nlease for key: "));
	shown(&sim.load, F_LEASE, (struct span){ granted.bytes, 40 });
	ck_assert_ptr_nonnull(strstr(text, "\nlease: cannot be read: "));
	ck_assert_ptr_eq(strchr(text + 1, '\n'), text + strlen(text) - 1); /* and nothing else */
}
END_TEST

START_TEST(a_package_is_shown_as_it_is_imported)
{
	static uint8_t bytes[EXCHANGE_MAX];
	struct room_sim_package p;
	struct key_set taken = { .utc = 0 };
	char from[CERT_TEXT], why[EXCHANGE_WHY], kcv[2 * sizeof p.kcv.b + 1], line[100];
	size_t len;

	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF445566", "0123456789ABCDEFFEDCBA9876543211");
	len = room_sim_package_bytes(&sim, bytes, &p);
	shown(&sim.acquirer, F_PACKAGE, (struct span){ bytes, len });
	says("package of: FFFF445566 tdes");
	says("package for: this room");
	says("its cert of: KIF-2");
	says("its cert unit: epoch 1");
	says("its cert by: KIF CA");
	hex_encode(kcv, p.kcv.b, p.kcv.len);
	snprintf(line, sizeof line, "package kcv: %s", kcv);
	says(line);
	ck_assert_int_eq(exchange_import(&taken, from, &sim.acquirer, (struct span){ bytes, len }, why), E_OK);
	ck_assert_str_eq(from, "KIF-2");
	ck_assert_mem_eq(taken.kcv.b, p.kcv.b, p.kcv.len);
	/* in another room, and cut off */
	shown(&sim.load, F_PACKAGE, (struct span){ bytes, len });
	ck_assert_ptr_nonnull(strstr(text, "\npackage for key: "));
	shown(&sim.acquirer, F_PACKAGE, (struct span){ bytes, len - 1 });
	ck_assert_ptr_nonnull(strstr(text, "\npackage: cannot be read: "));
}
END_TEST

START_TEST(a_certificate_is_shown_once_its_ca_has_signed_it)
{
	uint8_t point[P256_POINT], bad[CERT_MAX];
	struct key priv;
	struct der device;

	ck_assert_int_eq(worker_point(sim.acquirer.worker, point, "exchange"), E_OK);
	shown(&sim.load, F_CERT, der_span(&sim.acquirer.own));
	says("cert of: Bank-1");
	says("cert by: exchange CA");
	says_key("cert key", point);
	ck_assert_ptr_nonnull(strstr(text, "\ncert number: "));
	ck_assert_int_eq(worker_point(sim.load.worker, point, "identity"), E_OK);
	shown(&sim.ca, F_CERT, der_span(&sim.load.own));
	says("cert of: KIF-1");
	says("cert unit: epoch 1");
	says("cert by: KIF CA");
	says_key("cert key", point);
	/* a terminal's is no room's; a changed one is nobody's */
	room_sim_key(&sim, &priv, point);
	device = room_sim_issue(&sim, "device-ca", point, &(struct pki_subject){ "TC-1", "TC-1", NULL }, room_utc(), 30);
	shown(&sim.ca, F_CERT, der_span(&device));
	ck_assert_ptr_nonnull(strstr(text, "\ncert: cannot be read: "));
	memcpy(bad, sim.load.own.b, sim.load.own.len);
	for (size_t i = 0; i < sim.load.own.len; i += 29) {
		bad[i] ^= 1;
		shown(&sim.ca, F_CERT, (struct span){ bad, sim.load.own.len });
		ck_assert_ptr_nonnull(strstr(text, "\ncert: cannot be read: "));
		bad[i] ^= 1;
	}
	/* where the act brings the CAs, those count */
	sim.load.kif_ca.len = 0;
	shown(&sim.load, F_CERT, der_span(&sim.load.own));
	ck_assert_ptr_nonnull(strstr(text, "\ncert: cannot be read: "));
	shown2(&sim.load, F_CERT, der_span(&sim.load.own), F_KIF_CA, der_span(&sim.ca.kif_ca));
	says("cert of: KIF-1");
	ck_assert_ptr_nonnull(strstr(text, "\nKIF CA of: "));
	ck_assert_ptr_nonnull(strstr(text, "\nKIF CA key: "));
}
END_TEST

static enum err sign(void *key, uint8_t sig[static P256_SIG], const uint8_t digest[static 32])
{
	return p256_sign(sig, key, digest);
}

START_TEST(a_request_is_shown_with_the_key_that_signed_it)
{
	uint8_t point[P256_POINT], der[PKI_MAX];
	struct pki_signer signer = { sign, NULL };
	struct key priv;
	size_t len = 0;

	room_sim_key(&sim, &priv, point);
	signer.ctx = &priv;
	ck_assert_int_eq(pki_request(der, &len, sizeof der, point, "KIF-9", &signer), E_OK);
	shown(&sim.ca, F_CSR, (struct span){ der, len });
	says("request of: KIF-9");
	says_key("request key", point);
	der[len - 1] ^= 1;
	shown(&sim.ca, F_CSR, (struct span){ der, len });
	ck_assert_ptr_nonnull(strstr(text, "\nrequest: cannot be read: "));
}
END_TEST

/* What stands in the header is shown; that it is so the MAC says, when the act is done: so a changed header shows here and is
 * refused there. */
START_TEST(a_key_block_is_shown_as_it_says)
{
	char block[] = "B0136B0TX00E0300BI1000FFFF987654KC0C00F4B08DKP0C002F0EEA16BD28BCC923ED336AF77733257CD5238E406F957CEDFE9172E7B2C88377EAC6884223A69E9B499D";
	struct span whole = { (const uint8_t *)block, sizeof block - 1 };

	shown(&sim.load, F_BLOCK, whole);
	says("key block holds: BDK for TDES, key set FFFF987654");
	says("key block use: usage B0, mode X, exportability E");
	says("key block kcv: F4B08D");
	block[11] = 'N';
	shown(&sim.load, F_BLOCK, whole);
	says("key block use: usage B0, mode X, exportability N");
	block[8] = 'N';
	shown(&sim.load, F_BLOCK, whole);
	says("key block use: usage B0, mode N as X, exportability N");
	block[5] = 'P';
	shown(&sim.load, F_BLOCK, whole);
	ck_assert_ptr_nonnull(strstr(text, "\nkey block: cannot be read: "));
}
END_TEST

START_TEST(what_has_nothing_to_read_shows_nothing)
{
	ck_assert_str_eq(shown(&sim.load, F_KEY_SET, (struct span){ (const uint8_t *)"44556677", 8 }), "\n");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("preview");
	TCase *t = tcase_create("preview");

	tcase_add_checked_fixture(t, make, remove_rooms);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, a_lease_is_shown_as_it_is_accepted_and_any_other_byte_shows);
	tcase_add_test(t, a_package_is_shown_as_it_is_imported);
	tcase_add_test(t, a_certificate_is_shown_once_its_ca_has_signed_it);
	tcase_add_test(t, a_request_is_shown_with_the_key_that_signed_it);
	tcase_add_test(t, a_key_block_is_shown_as_it_says);
	tcase_add_test(t, what_has_nothing_to_read_shows_nothing);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
