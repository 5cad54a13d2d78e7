/*
 * The ca room's end against hurt messages and messages out of place: every bit of CSR and DONE flipped, every length,
 * every field of another session, every message in every state. Nothing of it is taken, and the journal stays as it
 * was.
 *
 * enrol.c is compiled into this program with tests/hostile/twins.h in the place of two functions that it calls.
 */
#include "tests/hostile/mutate.h"
#include "tests/hostile/twins.h"
#include "tests/lib/krd_sim.h"
#include "tests/lib/test.h"

#define p256_verify twin_verify
#define msg_open twin_open
#include "bdk/enrol.c"
#undef p256_verify
#undef msg_open

static struct room_sim sim;
static struct krd_sim tc1, tc2;
static uint8_t before[32];
static char why[ENROL_WHY], firmware[CERT_TEXT];

/* Everything that was said in one enrolment, and the room's end before it took CSR and DONE. */
struct session {
	struct recorded identify, csr, cert, done;
	struct enrol identified, pending, certified;
};

enum { OTHERS = 3 };
static const char *const others[OTHERS] = { "terminal", "nonce", "ca room" };
static struct session mine, other[OTHERS];

/* --- Recorded sessions
 * -------------------------------------------------------------------------------------------------- */

static void make_csr(struct session *s, struct krd_sim *t)
{
	krd_sim_identify(t, &sim, recorded_span(&s->identify));
	s->csr.type = MSG_CSR;
	s->csr.len = krd_sim_csr(t, s->csr.b);
}

static void make_done(struct session *s, struct krd_sim *t)
{
	uint8_t digest[32];

	ck_assert_int_eq(sha256(digest, &(struct span){ t->cert.b, t->cert.len }, 1), E_OK);
	s->done.type = MSG_DONE;
	s->done.len = krd_sim_done(t, s->done.b, digest);
}

/* One enrolment up to DONE, which the room does not get. The CSR it gets is not the one it kept: that one stays unseen.
 */
static void record(struct session *s, struct krd_sim *t)
{
	struct enrol e;
	uint8_t spki[32];

	s->identify.type = MSG_IDENTIFY;
	s->cert.type = MSG_CERT;
	ck_assert_int_eq(enrol_begin(&e, s->identify.b, &s->identify.len, &sim.ca, t->serial, why), E_OK);
	s->identified = e;
	make_csr(s, t);
	ck_assert_int_eq(enrol_csr(&e, &sim.ca, recorded_span(&s->csr), firmware, why), E_OK);
	s->pending = e;
	ck_assert_int_eq(p256_spki_digest(spki, t->point), E_OK);
	ck_assert_int_eq(enrol_digest(&e, s->cert.b, &s->cert.len, &sim.ca, spki, why), E_OK);
	s->certified = e;
	ck_assert(krd_sim_cert(t, &sim, recorded_span(&s->cert)));
	make_done(s, t);
	make_csr(s, t);
}

static void put_on_list(const char *serial)
{
	struct device d = { .state = DEVICE_EXPECTED };

	strcpy(d.serial, serial);
	ck_assert_int_eq(journal_device_put(sim.ca.journal, &d), E_OK);
}

static void setup(void)
{
	struct krd_sim elsewhere;
	struct msg_identify m;

	room_sim_make(&sim);
	krd_sim_make(&tc1, &sim, "TC1");
	krd_sim_make(&tc2, &sim, "TC2");
	put_on_list("TC1");
	put_on_list("TC2");
	record(&other[0], &tc2);
	record(&other[1], &tc1);
	record(&mine, &tc1);
	/* another ca room: what the same terminal answers to its IDENTIFY */
	other[2] = mine;
	elsewhere = tc1;
	ck_assert_int_eq(msg_get_identify(&m, recorded_span(&mine.identify)), E_OK);
	m.environment[0] ^= 1;
	m.nonce[0] ^= 1;
	ck_assert_int_eq(msg_put_identify(other[2].identify.b, &other[2].identify.len, MSG_MAX, &m), E_OK);
	make_csr(&other[2], &elsewhere);
	make_done(&other[2], &elsewhere);
	room_sim_digest(before, &sim.ca);
	blind = lenient = false;
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

/* --- Is it taken?
 * --------------------------------------------------------------------------------------------------------- */

static bool takes_in(const struct enrol *state, unsigned as, struct span message)
{
	struct enrol e = *state;
	struct device facts;
	uint8_t after[32];
	enum err result = as == MSG_CSR ? enrol_csr(&e, &sim.ca, message, firmware, why)
					: enrol_done(&e, &facts, &sim.ca, message, why);

	room_sim_digest(after, &sim.ca);
	return !result || e.state != ENROL_IDLE || memcmp(before, after, sizeof after) != 0;
}

static bool takes(const struct recorded *waited, struct span message)
{
	return takes_in(waited->type == MSG_CSR ? &mine.identified : &mine.certified, waited->type, message);
}

static const struct recorded *message_of(int i)
{
	const struct recorded *m = i ? &mine.done : &mine.csr;

	wanted = m->len;
	return m;
}

/* --- The tests
 * ------------------------------------------------------------------------------------------------------------ */

START_TEST(an_unhurt_message_is_taken)
{
	const struct recorded *m = message_of(_i);

	ck_assert(takes(m, recorded_span(m)));
}
END_TEST

START_TEST(no_flipped_bit_is_taken)
{
	ck_assert(!flip_taken(takes, message_of(_i)));
}
END_TEST

START_TEST(no_truncated_message_is_taken)
{
	ck_assert(!cut_taken(takes, message_of(_i)));
}
END_TEST

static bool any_swap_taken(const struct recorded *m)
{
	size_t tried = 0;
	bool taken = false;

	for (int n = 0; n < OTHERS && !taken; n++) {
		taken = swap_taken(&tried, takes, m, m == &mine.csr ? &other[n].csr : &other[n].done);
		if (taken)
			printf("... of another %s\n", others[n]);
	}
	ck_assert(taken || tried);
	return taken;
}

START_TEST(no_field_of_another_session_is_taken)
{
	const struct recorded *m = message_of(_i);

	ck_assert(!any_swap_taken(m));
	for (int n = 0; n < OTHERS; n++) /* nor all of it */
		ck_assert_msg(!takes(m, recorded_span(_i ? &other[n].done : &other[n].csr)), "of another %s",
			      others[n]);
}
END_TEST

/* Everything that is ever on the line, in every state, in both places where bdk enrol may put it. */
START_TEST(every_message_in_every_state)
{
	static const struct enrol idle;
	const struct enrol *const states[] = { &idle, &mine.identified, &mine.pending, &mine.certified };
	struct recorded bare = { .len = 0 }, loading = { .b = { 0 }, .len = 300 };
	const struct recorded *const messages[] = {
		&mine.identify, &mine.csr, &mine.cert, &mine.done, &bare, &loading
	};

	for (int s = 0; s < 4; s++)
		for (int m = 0; m < 6; m++)
			for (int as_csr = 0; as_csr < 2; as_csr++) {
				bool right = as_csr ? messages[m] == &mine.csr && states[s] == &mine.identified
						    : messages[m] == &mine.done && states[s] == &mine.certified;

				if (!right)
					ck_assert_msg(!takes_in(states[s], as_csr ? MSG_CSR : MSG_DONE,
								recorded_span(messages[m])),
						      "state %d, message %d", s, m);
			}
	ck_assert(takes(&mine.csr, recorded_span(&mine.csr)));
	ck_assert(takes(&mine.done, recorded_span(&mine.done)));
}
END_TEST

/* --- The broken twins
 * ---------------------------------------------------------------------------------------------------- */

START_TEST(a_twin_that_checks_no_signature_is_caught)
{
	blind = true;
	ck_assert(flip_taken(takes, message_of(_i)));
}
END_TEST

START_TEST(a_twin_that_checks_no_signature_mixes_sessions)
{
	blind = true;
	ck_assert(any_swap_taken(message_of(_i)));
}
END_TEST

START_TEST(a_twin_that_fills_up_short_messages_is_caught)
{
	const struct recorded *m = message_of(_i);

	blind = lenient = true;
	ck_assert(cut_taken(takes, m));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("bdk/hostile_enrol");
	TCase *t = tcase_create("hostile_enrol");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, an_unhurt_message_is_taken, 0, 2);
	tcase_add_loop_test(t, no_flipped_bit_is_taken, 0, 2);
	tcase_add_loop_test(t, no_truncated_message_is_taken, 0, 2);
	tcase_add_loop_test(t, no_field_of_another_session_is_taken, 0, 2);
	tcase_add_test(t, every_message_in_every_state);
	tcase_add_loop_test(t, a_twin_that_checks_no_signature_is_caught, 0, 2);
	tcase_add_loop_test(t, a_twin_that_checks_no_signature_mixes_sessions, 0, 2);
	tcase_add_loop_test(t, a_twin_that_fills_up_short_messages_is_caught, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
