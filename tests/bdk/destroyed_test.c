/*
 * Certificates of destruction: one says what two records of the audit say, and nothing of it can be changed, for people or for
 * programs. seal.c is compiled into this program with a twin that takes every signature: it believes a certificate that was made
 * anew.
 */
#include "crypto/p256.h"

#include <stdbool.h>

static bool credulous;

static enum err twin_verify(const uint8_t *sig, const uint8_t *point, const uint8_t *digest)
{
	return credulous ? E_OK : p256_verify(sig, point, digest);
}

#define p256_verify twin_verify
#include "bdk/seal.c"
#undef p256_verify

#include "tests/lib/destroyed_sim.h"
#include "tests/lib/test.h"

static struct audit_sim sim;
static struct destroyed d, got;
static char text[DESTROYED_MAX], why[DESTROYED_WHY];
static size_t len;

static void setup(void)
{
	credulous = false;
	len = destroyed_sim(&d, text, &sim);
}

static enum err read_text(const uint8_t *records)
{
	return destroyed_read(&got, (struct span){ (const uint8_t *)text, len }, records, why);
}

START_TEST(a_certificate_says_what_the_audit_says)
{
	ck_assert_int_eq(read_text(sim.records), E_OK);
	ck_assert_str_eq(got.key_set, "FFFF000001");
	ck_assert_str_eq(got.scheme, "tdes");
	ck_assert_str_eq(got.room, "load-1");
	ck_assert_uint_eq(got.kcv_len, 3);
	ck_assert_uint_eq(got.born, d.born);
	ck_assert_uint_eq(got.utc, d.utc);
	ck_assert_mem_eq(got.decided.hash, d.decided.hash, 32);
	ck_assert_mem_eq(got.proved.hash, d.proved.hash, 32);
	ck_assert_ptr_nonnull(strstr(text, "its period is over"));
	ck_assert_ptr_nonnull(strstr(text, d.decided.who));
	ck_assert_ptr_nonnull(strstr(text, "the token has it no more"));
}
END_TEST

START_TEST(every_change_is_noticed)
{
	char changed[DESTROYED_MAX];
	struct destroyed x;

	for (size_t i = 0; i < len; i++) {
		memcpy(changed, text, len);
		changed[i] ^= 1;
		ck_assert_msg(destroyed_read(&x, (struct span){ (const uint8_t *)changed, len }, sim.records, why),
			      "byte %zu", i);
		if (i)
			ck_assert(destroyed_read(&x, (struct span){ (const uint8_t *)text, i }, sim.records, why));
	}
	memcpy(changed, text, len);
	changed[len] = '\n';
	ck_assert_int_eq(destroyed_read(&x, (struct span){ (const uint8_t *)changed, len + 1 }, sim.records, why),
			 E_FORMAT);
}
END_TEST

/* Made anew by whoever has another key: of another key set, by other people. Only the signature tells; the twin without one
 * believes it. */
START_TEST(only_the_records_key_makes_one)
{
	struct key other = test_key("00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF");

	snprintf(d.decided.who, sizeof d.decided.who, "mallory uid 666");
	len = destroyed_sim_sign(text, &d, &other);
	ck_assert_int_eq(read_text(sim.records), E_SIGNATURE);
	credulous = true;
	ck_assert_int_eq(read_text(sim.records), E_OK);
	credulous = false;
	ck_assert_int_eq(p256_public(d.records, &other), E_OK);
	len = destroyed_sim_sign(text, &d, &other);
	ck_assert_int_eq(read_text(sim.records), E_KEY);
	ck_assert_int_eq(read_text(NULL), E_OK);
}
END_TEST

START_TEST(other_records_make_none)
{
	const struct destroyed right = d;
	size_t n;

	snprintf(d.decided.object, sizeof d.decided.object, "FFFF0000012, check value A1F6D4: longer");
	ck_assert_int_eq(destroyed_text(text, &n, &d), E_FORMAT);
	d = right;
	snprintf(d.proved.object, sizeof d.proved.object, "FFFF000002, the token has it no more");
	ck_assert_int_eq(destroyed_text(text, &n, &d), E_FORMAT);
	d = right;
	snprintf(d.proved.reason, sizeof d.proved.reason, "PKCS#11 token failed or refused");
	ck_assert_int_eq(destroyed_text(text, &n, &d), E_FORMAT);
	d = right;
	snprintf(d.proved.what, sizeof d.proved.what, "list");
	ck_assert_int_eq(destroyed_text(text, &n, &d), E_FORMAT);
	d = right;
	d.proved.sequence = d.decided.sequence;
	ck_assert_int_eq(destroyed_text(text, &n, &d), E_FORMAT);
	ck_assert_int_eq(destroyed_text(text, &n, &right), E_OK);
}
END_TEST

/* The longest that the audit can hold fits, and what is no text for people does not get to them. */
START_TEST(whatever_stands_in_the_audit_can_be_printed)
{
	memset(d.decided.who, '\\', sizeof d.decided.who - 1);
	memset(d.decided.object + strlen("FFFF000001,"), '\033', sizeof d.decided.object - strlen("FFFF000001,") - 1);
	memset(d.proved.who, '"', sizeof d.proved.who - 1);
	len = destroyed_sim_sign(text, &d, &sim.priv);
	ck_assert_ptr_null(memchr(text, '\033', len));
	ck_assert_int_eq(read_text(sim.records), E_OK);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("destroyed");
	TCase *t = tcase_create("destroyed");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, a_certificate_says_what_the_audit_says);
	tcase_add_test(t, every_change_is_noticed);
	tcase_add_test(t, only_the_records_key_makes_one);
	tcase_add_test(t, other_records_make_none);
	tcase_add_test(t, whatever_stands_in_the_audit_can_be_printed);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
