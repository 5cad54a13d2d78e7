/*
 * The ca room's end of enrolment: one serial and one identity key belong together for good, a person's word decides,
 * and a power cut anywhere strands nobody.
 */
#include "bdk/enrol.h"
#include "bdk/evident.h"
#include "bdk/pki_read.h"
#include "bdk/revocation.h"
#include "crypto/sha256.h"
#include "tests/lib/krd_sim.h"
#include "tests/lib/test.h"

#include <string.h>

static struct room_sim sim;
static struct krd_sim tc1, tc2;
static struct enrol enrol;
static struct device facts;
static char why[ENROL_WHY], firmware[CERT_TEXT];
static uint8_t out[MSG_MAX], in[MSG_MAX];
static size_t out_len, in_len;

static void expect(const char *serial)
{
	struct device d = { .state = DEVICE_EXPECTED };

	strcpy(d.serial, serial);
	ck_assert_int_eq(journal_device_put(sim.ca.journal, &d), E_OK);
}

static void setup(void)
{
	room_sim_make(&sim);
	krd_sim_make(&tc1, &sim, "TC1");
	krd_sim_make(&tc2, &sim, "TC2");
	expect("TC1");
	expect("TC2");
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static enum device_state state_of(const char *serial)
{
	struct device d;

	ck_assert_int_eq(journal_device(&d, sim.ca.journal, serial, NULL), E_OK);
	return d.state;
}

/* --- The steps; each gives bdkd's result --- */

static enum err identify(struct krd_sim *t)
{
	enum err e = enrol_begin(&enrol, out, &out_len, &sim.ca, t->serial, why);

	if (!e)
		krd_sim_identify(t, &sim, (struct span){ out, out_len });
	return e;
}

static enum err give_csr(struct krd_sim *t)
{
	in_len = krd_sim_csr(t, in);
	return enrol_csr(&enrol, &sim.ca, (struct span){ in, in_len }, firmware, why);
}

static enum err ask(struct krd_sim *t)
{
	ck_assert_int_eq(identify(t), E_OK);
	return give_csr(t);
}

/* A person reads the display of this terminal. */
static enum err read_display(const struct krd_sim *t)
{
	uint8_t spki[32];

	ck_assert_int_eq(p256_spki_digest(spki, t->point), E_OK);
	return enrol_digest(&enrol, out, &out_len, &sim.ca, spki, why);
}

static enum err finish(struct krd_sim *t)
{
	uint8_t digest[32];

	ck_assert(krd_sim_cert(t, &sim, (struct span){ out, out_len }));
	ck_assert_int_eq(sha256(digest, &(struct span){ t->cert.b, t->cert.len }, 1), E_OK);
	in_len = krd_sim_done(t, in, digest);
	return enrol_done(&enrol, &facts, &sim.ca, (struct span){ in, in_len }, why);
}

static void enrol_whole(struct krd_sim *t)
{
	ck_assert_int_eq(ask(t), E_OK);
	ck_assert_int_eq(read_display(t), E_OK);
	ck_assert_int_eq(finish(t), E_OK);
}

/* krd_sim_cert() looks at the configuration; and that it does so is seen on a room that is the other kind by then. */
START_TEST(only_a_test_room_permits_update)
{
	for (int test = 0; test < 2; test++) {
		struct krd_sim *t = test ? &tc1 : &tc2;

		sim.ca.config.test = test;
		ck_assert_int_eq(ask(t), E_OK);
		ck_assert_int_eq(read_display(t), E_OK);
		sim.ca.config.test = !test;
		ck_assert(!krd_sim_cert(t, &sim, (struct span){ out, out_len }));
		sim.ca.config.test = test;
		ck_assert_int_eq(finish(t), E_OK);
	}
}
END_TEST

START_TEST(enrols_a_terminal)
{
	uint8_t spki[32];

	enrol_whole(&tc1);
	ck_assert_str_eq(firmware, "sim 1");
	ck_assert_str_eq(facts.serial, "TC1");
	ck_assert_int_eq(facts.state, DEVICE_ENROLLED);
	ck_assert_int_eq(p256_spki_digest(spki, tc1.point), E_OK);
	ck_assert_mem_eq(facts.spki, spki, 32);
	ck_assert_uint_eq(facts.cert_len, tc1.cert.len);
	ck_assert_mem_eq(facts.cert, tc1.cert.b, tc1.cert.len);
	ck_assert_int_eq(enrol.state, ENROL_IDLE);
	room_sim_reopen(&sim.ca);
	ck_assert_int_eq(state_of("TC1"), DEVICE_ENROLLED);
}
END_TEST

START_TEST(identify_says_where_and_when)
{
	struct msg_identify m;
	uint8_t nonce[MSG_NONCE], random[32];

	ck_assert_int_eq(identify(&tc1), E_OK);
	ck_assert_int_eq(msg_get_identify(&m, (struct span){ out, out_len }), E_OK);
	ck_assert_uint_eq(m.version, MSG_VERSION);
	ck_assert_uint_eq(m.suite, MSG_SUITE);
	ck_assert_mem_eq(m.environment, sim.ca.device_environment, 32);
	ck_assert_uint_ge(m.utc + 5, room_utc());
	memcpy(nonce, m.nonce, sizeof nonce);
	memcpy(random, m.random, sizeof random);
	ck_assert_int_eq(identify(&tc1), E_OK);
	ck_assert_int_eq(msg_get_identify(&m, (struct span){ out, out_len }), E_OK);
	ck_assert_mem_ne(m.nonce, nonce, sizeof nonce);
	ck_assert_mem_ne(m.random, random, sizeof random);
}
END_TEST

START_TEST(only_expected_serials_are_identified)
{
	struct device d = { .serial = "TC2", .state = DEVICE_REVOKED };
	size_t len = sim.ca.kif_ca.len;

	ck_assert_int_eq(enrol_begin(&enrol, out, &out_len, &sim.ca, "TC9", why), E_UNKNOWN_DEVICE);
	ck_assert_int_eq(enrol_begin(&enrol, out, &out_len, &sim.ca, "TC 1", why), E_FORMAT);
	ck_assert_int_eq(enrol_begin(&enrol, out, &out_len, &sim.ca, "key:00", why), E_FORMAT);
	ck_assert_int_eq(journal_device_put(sim.ca.journal, &d), E_OK);
	ck_assert_int_eq(identify(&tc2), E_REVOKED);
	d.state = DEVICE_QUARANTINED;
	ck_assert_int_eq(journal_device_put(sim.ca.journal, &d), E_OK);
	ck_assert_int_eq(identify(&tc2), E_QUARANTINED);
	sim.ca.kif_ca.len = 0;
	ck_assert_int_eq(identify(&tc1), E_NOT_READY);
	sim.ca.kif_ca.len = len;
	ck_assert_int_eq(identify(&tc1), E_OK);
}
END_TEST

/* --- The same pair again gets the same certificate again: a power cut after each step --- */

START_TEST(a_power_cut_strands_nobody)
{
	uint8_t first[PKI_MAX];
	size_t len;

	ck_assert_int_eq(identify(&tc1), E_OK);	/* IDENTIFY lost */
	ck_assert_int_eq(ask(&tc1), E_OK);		/* before anybody read the display */
	ck_assert_int_eq(state_of("TC1"), DEVICE_EXPECTED);
	ck_assert_int_eq(ask(&tc1), E_OK);
	ck_assert_int_eq(read_display(&tc1), E_OK);	/* CERT lost; bdkd restarts */
	ck_assert(krd_sim_cert(&tc1, &sim, (struct span){ out, out_len }));
	len = tc1.cert.len;
	memcpy(first, tc1.cert.b, len);
	ck_assert_int_eq(state_of("TC1"), DEVICE_CERTIFIED);
	room_sim_reopen(&sim.ca);
	enrol_end(&enrol);
	enrol_whole(&tc1);
	ck_assert_uint_eq(tc1.cert.len, len);
	ck_assert_mem_eq(tc1.cert.b, first, len);
	enrol_whole(&tc1);			/* DONE's answer lost */
	ck_assert_uint_eq(tc1.cert.len, len);
	ck_assert_mem_eq(tc1.cert.b, first, len);
	ck_assert_int_eq(state_of("TC1"), DEVICE_ENROLLED);
}
END_TEST

/* --- Duplicates --- */

/* As far as a person's word about this terminal's display. */
static enum err offer(struct krd_sim *t)
{
	ck_assert_int_eq(ask(t), E_OK);
	return read_display(t);
}

/* Its DONE was lost, and in the next run somebody on the line answers with a key of his own. */
START_TEST(the_line_cannot_put_a_terminal_out_of_use)
{
	struct krd_sim line;

	ck_assert_int_eq(offer(&tc1), E_OK);
	krd_sim_make(&line, &sim, "TC1");
	ck_assert_int_eq(ask(&line), E_OK);
	ck_assert_int_eq(read_display(&tc1), E_DIGEST);
	ck_assert_int_eq(state_of("TC1"), DEVICE_CERTIFIED);
	enrol_whole(&tc1);
}
END_TEST

START_TEST(a_certified_serial_with_another_key_quarantines_both)
{
	struct krd_sim twin;
	struct device d;
	uint8_t spki[32];

	enrol_whole(&tc1);
	krd_sim_make(&twin, &sim, "TC1");
	ck_assert_int_eq(offer(&twin), E_DUPLICATE);
	ck_assert_int_eq(enrol.state, ENROL_IDLE);
	ck_assert_int_eq(state_of("TC1"), DEVICE_QUARANTINED);
	ck_assert_int_eq(p256_spki_digest(spki, twin.point), E_OK);
	ck_assert_int_eq(journal_device(&d, sim.ca.journal, NULL, spki), E_OK);
	ck_assert_int_eq(d.state, DEVICE_QUARANTINED);
	ck_assert_int_eq(strncmp(d.serial, "key:", 4), 0);
	ck_assert_int_eq(identify(&tc1), E_QUARANTINED);
	strcpy(twin.serial, "TC2");		/* the key tries another serial, honest in itself */
	ck_assert_int_eq(offer(&twin), E_QUARANTINED);
	ck_assert_int_eq(state_of("TC2"), DEVICE_EXPECTED);
}
END_TEST

START_TEST(a_certified_key_with_another_serial_quarantines_both)
{
	enrol_whole(&tc1);
	tc2.identity = tc1.identity;
	memcpy(tc2.point, tc1.point, sizeof tc2.point);
	ck_assert_int_eq(offer(&tc2), E_DUPLICATE);
	ck_assert_int_eq(state_of("TC1"), DEVICE_QUARANTINED);
	ck_assert_int_eq(state_of("TC2"), DEVICE_QUARANTINED);
	ck_assert_int_eq(identify(&tc1), E_QUARANTINED);
	ck_assert_int_eq(identify(&tc2), E_QUARANTINED);
}
END_TEST

START_TEST(two_certified_terminals_that_swap_are_both_quarantined)
{
	enrol_whole(&tc1);
	enrol_whole(&tc2);
	tc2.identity = tc1.identity;
	memcpy(tc2.point, tc1.point, sizeof tc2.point);
	ck_assert_int_eq(offer(&tc2), E_DUPLICATE);
	ck_assert_int_eq(state_of("TC1"), DEVICE_QUARANTINED);
	ck_assert_int_eq(state_of("TC2"), DEVICE_QUARANTINED);
}
END_TEST

START_TEST(a_quarantined_terminal_is_on_the_revocation_list)
{
	static uint8_t list[PKI_CRL_MAX];
	struct span der = { list, 0 }, cert;
	struct pki_list l = { 0 };
	uint64_t before, after;
	uint8_t number[20];
	size_t n;

	enrol_whole(&tc1);
	cert = (struct span){ tc1.cert.b, tc1.cert.len };
	ck_assert_int_eq(evident_number(number, cert), E_OK);
	ck_assert_int_eq(revocation_list(list, &der.len, &before, &n, &sim.ca), E_OK);
	ck_assert_uint_eq(n, 0);
	ck_assert_int_eq(pki_list_read(&l, der, der_span(&sim.ca.device_ca)), E_OK);
	ck_assert(!pki_list_names(&l, number));
	pki_list_free(&l);
	tc2.identity = tc1.identity;
	memcpy(tc2.point, tc1.point, sizeof tc2.point);
	ck_assert_int_eq(offer(&tc2), E_DUPLICATE);
	ck_assert_int_eq(revocation_list(list, &der.len, &after, &n, &sim.ca), E_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_gt(after, before);
	ck_assert_int_eq(pki_list_read(&l, der, der_span(&sim.ca.device_ca)), E_OK);
	ck_assert(pki_list_names(&l, number));
	pki_list_free(&l);
}
END_TEST

START_TEST(what_was_revoked_stays_revoked)
{
	struct device d;

	enrol_whole(&tc1);
	d = facts;
	d.state = DEVICE_REVOKED;
	ck_assert_int_eq(journal_device_put(sim.ca.journal, &d), E_OK);
	tc2.identity = tc1.identity;
	memcpy(tc2.point, tc1.point, sizeof tc2.point);
	ck_assert_int_eq(offer(&tc2), E_DUPLICATE);
	ck_assert_int_eq(state_of("TC1"), DEVICE_REVOKED);
	ck_assert_int_eq(state_of("TC2"), DEVICE_QUARANTINED);
}
END_TEST

/* Another session gets ahead between the CSR and the person's word. */
START_TEST(a_pair_that_has_become_another_s_gets_no_certificate)
{
	struct enrol slow;

	ck_assert_int_eq(ask(&tc1), E_OK);
	slow = enrol;
	krd_sim_make(&tc2, &sim, "TC1");
	enrol_whole(&tc2);
	enrol = slow;
	ck_assert_int_eq(read_display(&tc1), E_DUPLICATE);
	ck_assert_int_eq(state_of("TC1"), DEVICE_QUARANTINED);	/* a person has seen the serial on two terminals */
}
END_TEST

/* --- CSR --- */

START_TEST(a_csr_that_proves_nothing_is_refused)
{
	ck_assert_int_eq(identify(&tc1), E_OK);
	tc1.csr.serial.p = (const uint8_t *)"TC2";
	ck_assert_int_eq(give_csr(&tc1), E_SERIAL);
	ck_assert_int_eq(enrol.state, ENROL_IDLE);
	ck_assert_int_eq(identify(&tc1), E_OK);
	tc1.csr.point[64] ^= 1;
	ck_assert_int_eq(give_csr(&tc1), E_POINT);
	ck_assert_int_eq(identify(&tc1), E_OK);
	memcpy(tc1.csr.point, tc2.point, sizeof tc2.point);	/* somebody else's key */
	ck_assert_int_eq(give_csr(&tc1), E_SIGNATURE);
	ck_assert_int_eq(state_of("TC1"), DEVICE_EXPECTED);
}
END_TEST

START_TEST(a_csr_counts_once)
{
	struct enrol before;
	uint8_t nonce[MSG_NONCE];

	ck_assert_int_eq(identify(&tc1), E_OK);
	before = enrol;
	ck_assert_int_eq(give_csr(&tc1), E_OK);
	memcpy(nonce, tc1.csr.nonce, sizeof nonce);
	enrol = before;
	ck_assert_int_eq(enrol_csr(&enrol, &sim.ca, (struct span){ in, in_len }, firmware, why), E_REPLAY);
	ck_assert_int_eq(identify(&tc1), E_OK);			/* under another nonce of the room it proves nothing */
	ck_assert_int_eq(enrol_csr(&enrol, &sim.ca, (struct span){ in, in_len }, firmware, why), E_SIGNATURE);
	ck_assert_int_eq(identify(&tc2), E_OK);
	memcpy(tc2.csr.nonce, nonce, sizeof nonce);
	ck_assert_int_eq(give_csr(&tc2), E_REPLAY);
}
END_TEST

START_TEST(a_csr_changed_anywhere_is_refused_and_changes_nothing)
{
	uint8_t before[32], after[32], bad[MSG_MAX];
	struct enrol begun;

	ck_assert_int_eq(identify(&tc1), E_OK);
	begun = enrol;
	in_len = krd_sim_csr(&tc1, in);
	room_sim_digest(before, &sim.ca);
	for (size_t i = 0; i < in_len; i++) {
		memcpy(bad, in, in_len);
		bad[i] ^= (uint8_t)(1u << i % 8);
		enrol = begun;
		ck_assert_int_ne(enrol_csr(&enrol, &sim.ca, (struct span){ bad, in_len }, firmware, why), E_OK);
		enrol = begun;
		ck_assert_int_ne(enrol_csr(&enrol, &sim.ca, (struct span){ in, i }, firmware, why), E_OK);
	}
	room_sim_digest(after, &sim.ca);
	ck_assert_mem_eq(before, after, 32);
	enrol = begun;
	ck_assert_int_eq(enrol_csr(&enrol, &sim.ca, (struct span){ in, in_len }, firmware, why), E_OK);
}
END_TEST

/* --- The person's word, and DONE --- */

START_TEST(a_digest_that_differs_in_any_bit_gives_no_certificate)
{
	uint8_t spki[32];

	ck_assert_int_eq(p256_spki_digest(spki, tc1.point), E_OK);
	for (size_t i = 0; i < ENROL_DIGEST; i++) {
		ck_assert_int_eq(ask(&tc1), E_OK);
		spki[i] ^= (uint8_t)(1u << i % 8);
		out_len = 0;
		ck_assert_int_eq(enrol_digest(&enrol, out, &out_len, &sim.ca, spki, why), E_DIGEST);
		ck_assert_uint_eq(out_len, 0);
		ck_assert_int_eq(enrol.state, ENROL_IDLE);
		spki[i] ^= (uint8_t)(1u << i % 8);
	}
	ck_assert_int_eq(state_of("TC1"), DEVICE_EXPECTED);
}
END_TEST

START_TEST(done_counts_only_from_the_terminal_and_for_this_certificate)
{
	uint8_t digest[32];

	ck_assert_int_eq(ask(&tc1), E_OK);
	ck_assert_int_eq(read_display(&tc1), E_OK);
	ck_assert(krd_sim_cert(&tc1, &sim, (struct span){ out, out_len }));
	ck_assert_int_eq(sha256(digest, &(struct span){ tc1.cert.b, tc1.cert.len }, 1), E_OK);
	digest[0] ^= 1;
	in_len = krd_sim_done(&tc1, in, digest);
	ck_assert_int_eq(enrol_done(&enrol, &facts, &sim.ca, (struct span){ in, in_len }, why), E_DIGEST);
	ck_assert_int_eq(state_of("TC1"), DEVICE_CERTIFIED);

	ck_assert_int_eq(ask(&tc1), E_OK);
	ck_assert_int_eq(read_display(&tc1), E_OK);
	ck_assert(krd_sim_cert(&tc1, &sim, (struct span){ out, out_len }));
	digest[0] ^= 1;
	in_len = krd_sim_done(&tc1, in, digest);
	in[0] ^= 1;
	ck_assert_int_eq(enrol_done(&enrol, &facts, &sim.ca, (struct span){ in, in_len }, why), E_SIGNATURE);
	ck_assert_int_eq(state_of("TC1"), DEVICE_CERTIFIED);
}
END_TEST

START_TEST(a_step_out_of_order_or_late_ends_it)
{
	static const uint8_t any[200];
	struct span bytes = SPAN(any);

	/* every step in every state that has no row for it; then the same state too late */
	for (int state = 0; state < 8; state++) {
		for (int step = 1; step <= 3; step++) {
			bool late = state >= 4;

			if (state % 4 == step && !late)
				continue;
			enrol_end(&enrol);
			if (state % 4 >= 1)
				ck_assert_int_eq(identify(&tc1), E_OK);
			if (state % 4 >= 2)
				ck_assert_int_eq(give_csr(&tc1), E_OK);
			if (state % 4 >= 3)
				ck_assert_int_eq(read_display(&tc1), E_OK);
			if (late)
				enrol.until = 0;
			if (step == 1)
				ck_assert_int_eq(enrol_csr(&enrol, &sim.ca, bytes, firmware, why), E_SEQUENCE);
			if (step == 2)
				ck_assert_int_eq(enrol_digest(&enrol, out, &out_len, &sim.ca, any, why), E_SEQUENCE);
			if (step == 3)
				ck_assert_int_eq(enrol_done(&enrol, &facts, &sim.ca, bytes, why), E_SEQUENCE);
			ck_assert_int_eq(enrol.state, ENROL_IDLE);
		}
	}
}
END_TEST

START_TEST(no_certificate_leaves_before_its_row_is_durable)
{
	ck_assert_int_eq(ask(&tc1), E_OK);
	room_sim_meddle(&sim.ca, "CREATE TRIGGER no BEFORE UPDATE ON device BEGIN SELECT RAISE(ABORT, 'disk'); END");
	out_len = 0;
	ck_assert_int_eq(read_display(&tc1), E_JOURNAL);
	ck_assert_uint_eq(out_len, 0);
	room_sim_meddle(&sim.ca, "DROP TRIGGER no");
	ck_assert_int_eq(state_of("TC1"), DEVICE_EXPECTED);
	enrol_whole(&tc1);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("enrol");
	TCase *t = tcase_create("enrol");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, enrols_a_terminal);
	tcase_add_test(t, only_a_test_room_permits_update);
	tcase_add_test(t, identify_says_where_and_when);
	tcase_add_test(t, only_expected_serials_are_identified);
	tcase_add_test(t, a_power_cut_strands_nobody);
	tcase_add_test(t, the_line_cannot_put_a_terminal_out_of_use);
	tcase_add_test(t, a_certified_serial_with_another_key_quarantines_both);
	tcase_add_test(t, a_certified_key_with_another_serial_quarantines_both);
	tcase_add_test(t, two_certified_terminals_that_swap_are_both_quarantined);
	tcase_add_test(t, a_quarantined_terminal_is_on_the_revocation_list);
	tcase_add_test(t, what_was_revoked_stays_revoked);
	tcase_add_test(t, a_pair_that_has_become_another_s_gets_no_certificate);
	tcase_add_test(t, a_csr_that_proves_nothing_is_refused);
	tcase_add_test(t, a_csr_counts_once);
	tcase_add_test(t, a_csr_changed_anywhere_is_refused_and_changes_nothing);
	tcase_add_test(t, a_digest_that_differs_in_any_bit_gives_no_certificate);
	tcase_add_test(t, done_counts_only_from_the_terminal_and_for_this_certificate);
	tcase_add_test(t, a_step_out_of_order_or_late_ends_it);
	tcase_add_test(t, no_certificate_leaves_before_its_row_is_durable);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
