/*
 * The terminal's end against hurt messages: every bit flipped, every length, every field of another session. Nothing of
 * it is taken, and its memory stays as it was.
 *
 * krd.c is compiled into this program, with a switch at four of the functions it calls: the broken twins are the same
 * code with one check left out, and each has to be caught by the very loop that finds nothing in the real one.
 */
#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"
#include "tests/hostile/mutate.h"
#include "tests/hostile/twins.h"

static bool deaf; /* what is signed does not cover what was received */
static struct span heard;

static enum err twin_add(struct transcript *t, enum msg_type type, struct span message)
{
	return transcript_add(t, type, deaf && (type == MSG_HELLO || type == MSG_IDENTIFY) ? heard : message);
}

#define p256_verify twin_verify
#define cert_verify twin_cert
#define msg_open twin_open
#define transcript_add twin_add
#include "terminal/krd.c"
#undef p256_verify
#undef cert_verify
#undef msg_open
#undef transcript_add

/* --- Recorded sessions
 * -------------------------------------------------------------------------------------------------- */

static struct sim sim;
static struct sim_host host;

/* The ends as they were when they waited for a message. */
static struct moment {
	struct sim sim;
	struct sim_host host;
} waiting_identify, waiting_cert, waiting_hello, waiting_key;

/* One session with the messages that a host sent in it. */
struct session {
	struct recorded identify, cert, hello, key, zeroize;
};

static struct session mine, other_terminal, other_slot, other_nonce, other_station;

static void keep(struct moment *m)
{
	m->sim = sim;
	m->host = host;
}

static void back_to(const struct moment *m)
{
	sim = m->sim;
	host = m->host;
}

static unsigned give(const struct recorded *m)
{
	return sim_ask(&sim, m->type, recorded_span(m));
}

/* Enrol sim, which is blank, and keep what was said. */
static void record_enrolment(struct session *s, const char *serial)
{
	s->identify.type = MSG_IDENTIFY;
	s->cert.type = MSG_CERT;
	s->identify.len = sim_identify(&host, s->identify.b);
	ck_assert_int_eq(give(&s->identify), MSG_CSR);
	ck_assert(sim_csr(&host));
	s->cert.len = sim_cert(&host, s->cert.b, serial);
}

/* Greet sim and make KEY and ZEROIZE for what it offers, which it does not get. */
static void record_loading(struct session *s, uint8_t slot, enum dukpt_scheme scheme, const char *ksn)
{
	struct sim_key k = sim_key_of(&host, slot, scheme, ksn);
	struct sim_host before;

	s->hello.type = MSG_HELLO;
	s->key.type = MSG_KEY;
	s->zeroize.type = MSG_ZEROIZE;
	s->hello.len = sim_hello(&host, s->hello.b);
	ck_assert_int_eq(give(&s->hello), MSG_OFFER);
	ck_assert(sim_offer(&host));
	before = host;
	s->key.len = sim_key(&host, s->key.b, &k);
	host = before;
	s->zeroize.len = sim_zeroize(&host, s->zeroize.b, slot < 2 ? slot : 0);
	host = before;
}

static void record_all(void)
{
	struct sim_host first;
	struct moment idle;

	/* the terminal under test: enrolled, slots 0 and 1 loaded */
	sim_factory(&sim, "SIM-1");
	sim_host(&host, 1, 3);
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	record_enrolment(&other_nonce, "SIM-1");
	keep(&waiting_identify);
	record_enrolment(&mine, "SIM-1");
	keep(&waiting_cert);
	sim_loaded(&sim, &host);
	keep(&waiting_hello);
	idle = waiting_hello;
	record_loading(&mine, 2, DUKPT_TDES, "FFFF9876543210C00000");
	keep(&waiting_key);

	/* each of the others is a session that could have been tapped */
	host = waiting_key.host;
	sim = idle.sim;
	record_loading(&other_nonce, 2, DUKPT_TDES, "FFFF9876543210C00000");
	record_loading(&other_slot, 3, DUKPT_TDES, "FFFF9876543210A00000");
	other_slot.zeroize.len = sim_zeroize(&host, other_slot.zeroize.b, 1);

	first = host;
	host.kdh = host.kif_ca; /* another station's identity key, certified by the same CA */
	host.kdh.b[31] ^= 1;
	sim_kdh_certificate(&host, 3, SIM_UTC - 86400, SIM_UTC + 86400);
	record_loading(&other_station, 2, DUKPT_TDES, "FFFF9876543211000000");
	sim_factory(&sim, "SIM-1");
	sim_host(&host, 2, 3); /* and another ca room */
	memcpy(sim.port.root, host.root, sizeof sim.port.root);
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	record_enrolment(&other_station, "SIM-1");

	host = first;
	sim_factory(&sim, "SIM-2");
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	host.device_cert_len = 0;
	record_enrolment(&other_terminal, "SIM-2");
	ck_assert_int_eq(give(&other_terminal.cert), MSG_DONE);
	record_loading(&other_terminal, 2, DUKPT_TDES, "FFFF9876543210C00000");
	blind = lenient = deaf = false;
}

/* --- Is it taken?
 * --------------------------------------------------------------------------------------------------------- */

/* Signed by the host: an ABORT is all there is to say. */
static bool takes_signed(const struct recorded *waited, struct span message)
{
	const struct moment *m = waited->type == MSG_CERT ? &waiting_cert : &waiting_key;

	back_to(m);
	return sim_ask(&sim, waited->type, message) != MSG_ABORT || memcmp(sim.nv, m->sim.nv, sizeof sim.nv) != 0 ||
	       sim.krd.at != KRD_IDLE;
}

/*
 * Not signed, but covered by every signature after it: the terminal may answer, but nothing becomes durable, the host
 * that sent the real one refuses the answer, and the message that the host then sent in the real session is refused.
 */
static bool takes_unsigned(const struct recorded *waited, struct span message)
{
	bool hello = waited->type == MSG_HELLO, taken;
	const struct moment *before = hello ? &waiting_hello : &waiting_identify;
	const struct sim_host *sent = hello ? &waiting_key.host : &waiting_cert.host;
	unsigned answer;

	back_to(before);
	/* the host's transcript as it is after the real message */
	if (transcript_start(&host.t) || transcript_add(&host.t, (enum msg_type)waited->type, recorded_span(waited)))
		exit(2);
	memcpy(host.device, sent->device, sizeof host.device);
	answer = sim_ask(&sim, waited->type, message);
	taken = hello ? answer == MSG_OFFER && sim_offer(&host) : answer == MSG_CSR && sim_csr(&host);
	taken = taken || memcmp(sim.nv, before->sim.nv, sizeof sim.nv) != 0;
	return taken || give(hello ? &mine.key : &mine.cert) != MSG_ABORT ||
	       memcmp(sim.nv, before->sim.nv, sizeof sim.nv) != 0;
}

static takes_fn *takes_of(const struct recorded *m)
{
	return msg_signed(m->type) ? takes_signed : takes_unsigned;
}

static const struct recorded *const messages[] = { &mine.identify, &mine.cert, &mine.hello, &mine.key, &mine.zeroize };
enum { MESSAGES = sizeof messages / sizeof messages[0] };

static const struct recorded *prepare(int i)
{
	record_all();
	wanted = messages[i]->len;
	heard = recorded_span(messages[i]);
	return messages[i];
}

/* --- The tests
 * ------------------------------------------------------------------------------------------------------------ */

/* First of all: unhurt, each is taken. So the loops below try what they say. */
START_TEST(an_unhurt_message_is_taken)
{
	const struct recorded *m = prepare(_i);

	ck_assert(takes_of(m)(m, recorded_span(m)));
}
END_TEST

START_TEST(no_flipped_bit_is_taken)
{
	const struct recorded *m = prepare(_i);

	ck_assert(!flip_taken(takes_of(m), m));
}
END_TEST

START_TEST(no_truncated_message_is_taken)
{
	const struct recorded *m = prepare(_i);

	ck_assert(!cut_taken(takes_of(m), m));
}
END_TEST

/* The same message of the other sessions. */
static const struct recorded *other(unsigned type, unsigned n)
{
	struct session *s = (struct session *[]){ &other_terminal, &other_slot, &other_nonce, &other_station }[n];

	switch (type) {
	case MSG_IDENTIFY:
		return &s->identify;
	case MSG_CERT:
		return &s->cert;
	case MSG_HELLO:
		return &s->hello;
	case MSG_KEY:
		return &s->key;
	default:
		return &s->zeroize;
	}
}

static bool any_swap_taken(const struct recorded *m)
{
	size_t tried = 0;
	bool taken = false;

	for (unsigned n = 0; n < 4; n++)
		if (other(m->type, n)->len) /* an enrolment knows no slots */
			taken = taken || swap_taken(&tried, takes_of(m), m, other(m->type, n));
	ck_assert(taken || tried > 0);
	return taken;
}

START_TEST(no_field_of_another_session_is_taken)
{
	const struct recorded *m = prepare(_i);

	ck_assert(!any_swap_taken(m));
	for (unsigned n = 0; n < 4; n++) /* nor all of it */
		ck_assert(!takes_of(m)(m, recorded_span(other(m->type, n))));
}
END_TEST

/* --- The broken twins
 * ---------------------------------------------------------------------------------------------------- */

START_TEST(a_twin_that_checks_no_signature_is_caught)
{
	const struct recorded *m = prepare(_i);

	blind = true;
	deaf = !msg_signed(m->type);
	ck_assert(flip_taken(takes_of(m), m));
	ck_assert(any_swap_taken(m));
}
END_TEST

START_TEST(a_twin_that_fills_up_short_messages_is_caught)
{
	const struct recorded *m = prepare(_i);

	blind = lenient = true;
	deaf = !msg_signed(m->type);
	ck_assert(cut_taken(takes_of(m), m));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("terminal/hostile");
	TCase *t = tcase_create("hostile");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, an_unhurt_message_is_taken, 0, MESSAGES);
	tcase_add_loop_test(t, no_flipped_bit_is_taken, 0, MESSAGES);
	tcase_add_loop_test(t, no_truncated_message_is_taken, 0, MESSAGES);
	tcase_add_loop_test(t, no_field_of_another_session_is_taken, 0, MESSAGES);
	tcase_add_loop_test(t, a_twin_that_checks_no_signature_is_caught, 0, MESSAGES);
	tcase_add_loop_test(t, a_twin_that_fills_up_short_messages_is_caught, 0, MESSAGES);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
