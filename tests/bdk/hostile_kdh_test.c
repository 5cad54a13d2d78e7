/*
 * The load room's end against hurt messages and messages out of place: every bit of OFFER and RECEIPT flipped, every
 * length, every field of another session, every message in every state. Nothing of it is taken, and the journal stays
 * as it was.
 *
 * kdh.c is compiled into this program with tests/hostile/twins.h in the place of three functions that it calls.
 */
#include "bdk/parser.h"
#include "tests/hostile/mutate.h"
#include "tests/hostile/twins.h"
#include "tests/lib/krd_sim.h"
#include "tests/lib/test.h"

static enum err twin_parser(struct parser *p, struct cert *c, uint8_t *number, struct span der, struct span ca,
			    uint64_t utc)
{
	return twin_believe(c, parser_cert(p, c, number, der, ca, utc));
}

#define p256_verify twin_verify
#define parser_cert twin_parser
#define msg_open twin_open
#include "bdk/kdh.c"
#include "tests/lib/kdh_now.h"
#undef p256_verify
#undef parser_cert
#undef msg_open

#define SET "FFFF987654"

static struct room_sim sim;
static struct krd_sim tc1, tc2;
static struct kdh greeted, keyed;
static struct key_set_id set;
static uint8_t before[32];
static char why[KDH_WHY];

static struct recorded offer, receipt, hello, key; /* of the session under test */

enum { OTHERS = 4 };
static const char *const others[OTHERS] = { "terminal", "slot", "nonce", "station" };
static struct recorded other_offer[OTHERS], other_receipt[OTHERS];

/* --- Recorded sessions
 * -------------------------------------------------------------------------------------------------- */

/* The room greets a terminal; k is what it waits with. */
static void greet(struct kdh *k, struct recorded *out, struct krd_sim *t, uint8_t slot)
{
	out->type = MSG_HELLO;
	ck_assert_int_eq(kdh_begin(k, out->b, &out->len, &sim.load, t->serial, &set, slot, why), E_OK);
	krd_sim_hello(t, &sim, recorded_span(out));
}

static void make_offer(struct recorded *out, struct krd_sim *t)
{
	out->type = MSG_OFFER;
	out->len = krd_sim_offer(t, out->b);
}

/* The room's answer to an OFFER goes to the terminal, and its RECEIPT to nobody. */
static void load(struct kdh *k, struct recorded *out, struct krd_sim *t, const struct recorded *o, uint8_t slot)
{
	struct load facts;

	key.type = MSG_KEY;
	ck_assert_int_eq(kdh_now(k, key.b, &key.len, &facts, &sim.load, recorded_span(o), why), E_OK);
	ck_assert(krd_sim_key(t, &sim, recorded_span(&key)));
	krd_sim_receipt_of(t, slot);
	out->type = MSG_RECEIPT;
	out->len = krd_sim_receipt(t, out->b);
}

/* A HELLO of another station: this room's, with other words in it. */
static void greet_elsewhere(struct krd_sim *t)
{
	struct recorded foreign = hello;
	struct msg_hello m;

	ck_assert_int_eq(msg_get_hello(&m, recorded_span(&hello)), E_OK);
	m.cert = (struct span){ t->cert.b, t->cert.len };
	m.nonce[0] ^= 1;
	ck_assert_int_eq(msg_put_hello(foreign.b, &foreign.len, MSG_MAX, &m), E_OK);
	krd_sim_hello(t, &sim, recorded_span(&foreign));
}

static void setup(void)
{
	struct krd_sim twin;
	struct recorded h, o;
	struct key bdk;
	struct kdh k;

	room_sim_make(&sim);
	krd_sim_enrolled(&tc1, &sim, "TC1");
	krd_sim_enrolled(&tc2, &sim, "TC2");
	set = room_sim_generate(&sim, &bdk, DUKPT_TDES, SET, 0, 99).id;

	/* RECEIPTs: all of these KEYs have left, and no RECEIPT has come back */
	greet(&k, &h, &tc1, 0);
	make_offer(&o, &tc1);
	twin = tc1;
	load(&k, &other_receipt[2], &twin, &o, 0);
	greet(&k, &hello, &tc1, 0);
	greet(&k, &h, &tc2, 0);
	make_offer(&o, &tc2);
	load(&k, &other_receipt[0], &tc2, &o, 0);
	twin = tc1;
	greet(&k, &h, &twin, 1);
	make_offer(&o, &twin);
	load(&k, &other_receipt[1], &twin, &o, 1);
	greet_elsewhere(&twin);
	make_offer(&o, &twin);
	krd_sim_receipt_of(&twin, 1);
	memcpy(twin.t.h, h.b, sizeof twin.t.h); /* what a KEY of elsewhere came to */
	other_receipt[3].type = MSG_RECEIPT;
	other_receipt[3].len = krd_sim_receipt(&twin, other_receipt[3].b);
	greet(&k, &h, &tc1, 0);
	make_offer(&o, &tc1);
	load(&k, &receipt, &tc1, &o, 0);
	keyed = k;

	/* OFFERs of a third terminal: none of these has reached the room */
	krd_sim_enrolled(&tc1, &sim, "TC3");
	greet(&k, &h, &tc2, 1);
	make_offer(&other_offer[0], &tc2);
	greet(&k, &h, &tc1, 1);
	make_offer(&other_offer[1], &tc1);
	greet(&k, &h, &tc1, 0);
	make_offer(&other_offer[2], &tc1);
	twin = tc1;
	greet_elsewhere(&twin);
	make_offer(&other_offer[3], &twin);
	greet(&greeted, &hello, &tc1, 0);
	make_offer(&offer, &tc1);

	room_sim_digest(before, &sim.load);
	blind = lenient = false;
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

/* --- Is it taken?
 * --------------------------------------------------------------------------------------------------------- */

static bool changed(void)
{
	uint8_t after[32];

	room_sim_digest(after, &sim.load);
	return memcmp(before, after, sizeof after) != 0;
}

/* A message for OP_OFFER or OP_RECEIPT, whatever its own type is. */
static bool takes_in(const struct kdh *state, bool as_offer, struct span message)
{
	struct kdh k = *state;
	struct load facts;
	uint8_t out[MSG_MAX];
	size_t len = 0;
	enum err e = as_offer ? kdh_now(&k, out, &len, &facts, &sim.load, message, why)
			      : kdh_receipt(&facts, &sim.load, "TC1", message, why);

	return !e || len || (as_offer && k.state != KDH_IDLE) || changed();
}

static bool takes(const struct recorded *waited, struct span message)
{
	return takes_in(&greeted, waited->type == MSG_OFFER, message);
}

static const struct recorded *message_of(int i)
{
	const struct recorded *m = i ? &receipt : &offer;

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
		taken = swap_taken(&tried, takes, m, m == &offer ? &other_offer[n] : &other_receipt[n]);
		if (taken)
			printf("... of another %s\n", others[n]);
	}
	ck_assert(taken || tried > 10);
	return taken;
}

START_TEST(no_field_of_another_session_is_taken)
{
	ck_assert(!any_swap_taken(message_of(_i)));
}
END_TEST

/* RECEIPTs of this terminal for another slot or an earlier KEY are its own, and right whenever they come. */
START_TEST(no_message_of_another_session_is_taken)
{
	for (int n = 0; n < OTHERS; n++)
		ck_assert_msg(!takes(&offer, recorded_span(&other_offer[n])), "OFFER of another %s", others[n]);
	ck_assert(!takes(&receipt, recorded_span(&other_receipt[0])));
	ck_assert(!takes(&receipt, recorded_span(&other_receipt[3])));
}
END_TEST

/* Everything that is ever on the line, in every state, in both places where the station may put it. */
START_TEST(every_message_in_every_state)
{
	static const struct kdh idle;
	const struct kdh *const states[] = { &idle, &greeted, &keyed };
	struct recorded bare = { .len = 0 }, enrolment = { .b = { 0 }, .len = 96 };
	const struct recorded *const messages[] = { &hello, &offer, &key, &bare, &enrolment, &receipt };

	for (int s = 0; s < 3; s++)
		for (int m = 0; m < 6; m++)
			for (int as_offer = 0; as_offer < 2; as_offer++) {
				/* the two that are right come last of all, below */
				bool right = as_offer ? messages[m] == &offer && states[s] == &greeted
						      : messages[m] == &receipt;

				if (!right)
					ck_assert_msg(!takes_in(states[s], as_offer, recorded_span(messages[m])),
						      "state %d, message %d", s, m);
			}
	ck_assert(takes_in(&idle, false, recorded_span(&receipt))); /* a RECEIPT may come at any time */
	ck_assert(takes_in(&greeted, true, recorded_span(&offer)));
}
END_TEST

/* --- The broken twins
 * ---------------------------------------------------------------------------------------------------- */

START_TEST(a_twin_that_checks_no_signature_is_caught)
{
	const struct recorded *m = message_of(_i);

	ck_assert_int_eq(cert_verify(&(struct cert){ 0 }, (struct span){ tc1.cert.b, tc1.cert.len },
				     der_span(&sim.load.device_ca), room_utc()),
			 E_OK);
	blind = true;
	ck_assert(flip_taken(takes, m));
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
	Suite *s = suite_create("bdk/hostile_kdh");
	TCase *t = tcase_create("hostile_kdh");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, an_unhurt_message_is_taken, 0, 2);
	tcase_add_loop_test(t, no_flipped_bit_is_taken, 0, 2);
	tcase_add_loop_test(t, no_truncated_message_is_taken, 0, 2);
	tcase_add_loop_test(t, no_field_of_another_session_is_taken, 0, 2);
	tcase_add_test(t, no_message_of_another_session_is_taken);
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
