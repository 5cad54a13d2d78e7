/*
 * The host's end of loading: a key goes to the terminal it was meant for, once, and is never lost without a trace;
 * whatever is wrong about an OFFER or a RECEIPT changes nothing. The terminal is a software one, the rooms and their
 * tokens are real.
 */
#include "bdk/kdh.h"
#include "dukpt/aes.h"
#include "dukpt/tdes.h"
#include "tests/lib/kdh_now.h"
#include "tests/lib/krd_sim.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define TDES_SET "FFFF987654"
#define AES_SET "12345678"
#define DAY UINT64_C(86400)

static struct room_sim sim;
static struct krd_sim tc1, tc2;
static struct key tdes_bdk, aes_bdk;
static struct kdh kdh;
static char why[KDH_WHY];
static uint8_t hello[MSG_MAX], offer[MSG_MAX], key[MSG_MAX], receipt[MSG_MAX];
static size_t hello_len, offer_len, key_len, receipt_len;
static struct load facts;

static void setup(void)
{
	room_sim_make(&sim);
	krd_sim_enrolled(&tc1, &sim, "TC1");
	krd_sim_enrolled(&tc2, &sim, "TC2");
	room_sim_generate(&sim, &tdes_bdk, DUKPT_TDES, TDES_SET, 0, 9);
	room_sim_generate(&sim, &aes_bdk, DUKPT_AES128, AES_SET, 0, 9);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static struct key_set_id set_of(const char *text)
{
	struct key_set_id id;

	ck_assert_int_eq(key_set_parse(&id, text, strlen(text) == 10 ? DUKPT_TDES : DUKPT_AES128), E_OK);
	return id;
}

/* --- A loading, step by step; each gives bdkd's result --- */

static enum err begin(const char *serial, const char *set, uint8_t slot)
{
	struct key_set_id id = set_of(set);

	return kdh_begin(&kdh, hello, &hello_len, &sim.load, serial, &id, slot, why);
}

/* HELLO to the terminal, which prepares its OFFER. */
static void greet(struct krd_sim *t, const char *set, uint8_t slot)
{
	ck_assert_int_eq(begin(t->serial, set, slot), E_OK);
	krd_sim_hello(t, &sim, (struct span){ hello, hello_len });
}

static enum err give_offer(struct krd_sim *t)
{
	offer_len = krd_sim_offer(t, offer);
	return kdh_now(&kdh, key, &key_len, &facts, &sim.load, (struct span){ offer, offer_len }, why);
}

/* Up to bdkd's answer to the OFFER. */
static enum err ask(struct krd_sim *t, const char *set, uint8_t slot)
{
	greet(t, set, slot);
	return give_offer(t);
}

static void accept_key(struct krd_sim *t)
{
	ck_assert_uint_ne(key_len, 0);
	ck_assert(krd_sim_key(t, &sim, (struct span){ key, key_len }));
}

static enum err give_receipt(const char *serial)
{
	return kdh_receipt(&facts, &sim.load, serial, (struct span){ receipt, receipt_len }, why);
}

static enum err confirm(struct krd_sim *t, uint8_t slot)
{
	krd_sim_receipt_of(t, slot);
	receipt_len = krd_sim_receipt(t, receipt);
	return give_receipt(t->serial);
}

static void load(struct krd_sim *t, const char *set, uint8_t slot)
{
	ck_assert_int_eq(ask(t, set, slot), E_OK);
	accept_key(t);
	ck_assert_int_eq(confirm(t, slot), E_OK);
}

/* What the journal says of a row now. */
static struct load row(uint64_t number)
{
	struct load l = { 0 }, newest = { 0 };
	enum err e;

	while (!(e = journal_load_after(&l, sim.load.journal, l.sequence)))
		if (l.row == number)
			newest = l;
	ck_assert_int_eq(e, E_SHORT);
	ck_assert_uint_eq(newest.row, number);
	return newest;
}

static void digest(uint8_t out[static 32])
{
	room_sim_digest(out, &sim.load);
}

/* --- What HELLO and KEY are --- */

START_TEST(hello_says_who_and_where_and_when)
{
	struct msg_hello m;

	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_OK);
	ck_assert_int_eq(msg_get_hello(&m, (struct span){ hello, hello_len }), E_OK);
	ck_assert_uint_eq(m.version, MSG_VERSION);
	ck_assert_uint_eq(m.suite, MSG_SUITE);
	ck_assert_mem_eq(m.environment, sim.load.environment, 32);
	ck_assert_uint_le(m.utc, room_utc());
	ck_assert_uint_ge(m.utc + 5, room_utc());
	ck_assert_uint_eq(m.cert.len, sim.load.own.len);
	ck_assert_mem_eq(m.cert.p, sim.load.own.b, m.cert.len);
}
END_TEST

START_TEST(the_wrapped_key_is_the_initial_key_of_its_ksn)
{
	struct dukpt_step step;
	struct key ik;

	load(&tc1, TDES_SET, 0);
	ck_assert_int_eq(dukpt_tdes_ik(&ik, &tdes_bdk, &facts.iksn), E_OK);
	ck_assert_uint_eq(tc1.slot[0].ik.len, 16);
	ck_assert_mem_eq(tc1.slot[0].ik.b, ik.b, 16);
	ck_assert_int_eq(facts.state, LOAD_LOADED);
	ck_assert_uint_eq(facts.load_count, 1);
	ck_assert_mem_eq(facts.kcv.b, tc1.slot[0].kcv.b, 3);

	load(&tc1, AES_SET, 1);
	ck_assert_int_eq(dukpt_aes_step_ik(&step, DUKPT_AES128, &facts.iksn), E_OK);
	ck_assert_int_eq(dukpt_run(&ik, &aes_bdk, &step), E_OK);
	ck_assert_uint_eq(tc1.slot[1].ik.len, 16);
	ck_assert_mem_eq(tc1.slot[1].ik.b, ik.b, 16);
	ck_assert_uint_eq(facts.kcv.len, 5);
	ck_assert_str_eq(facts.firmware, "sim 1");
}
END_TEST

/* --- When no HELLO leaves --- */

START_TEST(a_room_without_certificates_greets_nobody)
{
	size_t *const needed[] = { &sim.load.own.len, &sim.load.kif_ca.len, &sim.load.device_ca.len };

	for (size_t i = 0; i < 3; i++) {
		size_t len = *needed[i];

		*needed[i] = 0;
		ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_NOT_READY);
		*needed[i] = len;
	}
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_OK);
}
END_TEST

START_TEST(refuses_a_bad_serial_slot_or_key_set)
{
	ck_assert_int_eq(begin("", TDES_SET, 0), E_FORMAT);
	ck_assert_int_eq(begin("TC 1", TDES_SET, 0), E_FORMAT);
	ck_assert_int_eq(begin("123456789012345678901234567890123", TDES_SET, 0), E_FORMAT);
	ck_assert_int_eq(begin("TC1", TDES_SET, MSG_SLOT_ALL), E_SLOT);
	ck_assert_int_eq(begin("TC1", "FFFF000000", 0), E_KEY_SET);
	ck_assert_int_eq(journal_key_set_state(sim.load.journal, TDES_SET, KEY_SET_SUSPENDED, ""), E_OK);
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_KEY_SET_STATE);
	ck_assert_ptr_nonnull(strstr(why, TDES_SET));
	ck_assert_int_eq(kdh.state, KDH_IDLE);
}
END_TEST

START_TEST(does_not_load_under_an_expired_certificate_or_list)
{
	struct pki_subject who = { "KIF-1", NULL, "epoch 1" };
	uint8_t point[P256_POINT];
	struct der good = sim.load.own;

	ck_assert_int_eq(worker_point(sim.load.worker, point, "identity"), E_OK);
	sim.load.own = room_sim_issue(&sim, "kif-ca", point, &who, room_utc() - 10 * DAY, 5);
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_EXPIRED);
	sim.load.own = good;
	room_sim_crl(&sim, &sim.load, (struct span){ NULL, 0 }, room_utc() - 10 * DAY, 5);
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_EXPIRED);
	room_sim_crl(&sim, &sim.load, (struct span){ NULL, 0 }, room_utc(), 5);
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_OK);
}
END_TEST

/* --- Exactly once --- */

START_TEST(a_lost_key_is_sent_again_with_the_same_ksn)
{
	struct load first;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	first = facts;
	for (int i = 0; i < 3; i++) {	/* KEY lost; with a restart in between */
		room_sim_reopen(&sim.load);
		ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
		ck_assert_uint_eq(facts.row, first.row);
		ck_assert_int_eq(facts.state, LOAD_SENT);
	}
	accept_key(&tc1);
	ck_assert_mem_eq(tc1.slot[0].ksn.b, first.iksn.b, first.iksn.len);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
	ck_assert_uint_eq(facts.row, first.row);
}
END_TEST

START_TEST(the_next_offer_replaces_a_lost_receipt)
{
	uint64_t number;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	number = facts.row;
	accept_key(&tc1);
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_uint_eq(key_len, 0);
	ck_assert_uint_eq(facts.row, number);
	ck_assert_int_eq(facts.state, LOAD_LOADED);
	ck_assert_uint_eq(facts.load_count, 1);
	ck_assert_mem_eq(facts.kcv.b, tc1.slot[0].kcv.b, 3);
	ck_assert_int_eq(kdh.state, KDH_IDLE);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);	/* the receipt turns up after all */
	ck_assert_uint_eq(facts.row, number);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_LOADED);
}
END_TEST

START_TEST(an_offer_is_a_receipt_even_of_a_suspended_key_set)
{
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	greet(&tc1, TDES_SET, 0);
	ck_assert_int_eq(journal_key_set_state(sim.load.journal, TDES_SET, KEY_SET_SUSPENDED, ""), E_OK);
	ck_assert_int_eq(give_offer(&tc1), E_OK);
	ck_assert_int_eq(facts.state, LOAD_LOADED);
}
END_TEST

START_TEST(a_receipt_verifies_after_a_restart_and_twice)
{
	struct load first;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
	ck_assert_int_eq(facts.state, LOAD_LOADED);
	first = facts;
	ck_assert_int_eq(give_receipt("TC1"), E_OK);
	ck_assert_uint_eq(facts.sequence, first.sequence);
	ck_assert_uint_eq(facts.row, first.row);
}
END_TEST

START_TEST(a_receipt_of_any_key_sent_is_good)
{
	struct krd_sim early;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	early = tc1;		/* accepts the first KEY, late; bdkd has sent another since */
	accept_key(&early);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_int_eq(confirm(&early, 0), E_OK);
	ck_assert_int_eq(facts.state, LOAD_LOADED);
}
END_TEST

START_TEST(a_higher_count_without_the_ksn_burns_the_id)
{
	uint64_t number;
	uint32_t id;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	number = facts.row;
	id = facts.id;
	tc1.load_count = 1;	/* something was loaded since, and the slot is empty */
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_uint_eq(facts.id, id + 1);
	ck_assert_int_eq(row(number).state, LOAD_POSSIBLY);
	accept_key(&tc1);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
	ck_assert_uint_eq(facts.load_count, 2);
	ck_assert_int_eq(row(number).state, LOAD_POSSIBLY);
}
END_TEST

START_TEST(a_slot_that_holds_another_key_burns_the_id_and_is_refused)
{
	uint64_t number;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	number = facts.row;
	tc1.load_count = 1;
	tc1.slot[0] = (struct krd_sim_slot){ .state = SLOT_LOADED, .scheme = DUKPT_TDES, .kcv = { { 1, 2, 3 }, 3 } };
	ck_assert_int_eq(ksn_parse(&tc1.slot[0].ksn, "FFFF1111110000200000"), E_OK);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_LOADED);
	ck_assert_int_eq(row(number).state, LOAD_POSSIBLY);
}
END_TEST

START_TEST(the_right_ksn_with_an_h_never_sent_is_no_receipt)
{
	uint64_t number;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	number = facts.row;
	accept_key(&tc1);
	tc1.slot[0].key_hash[31] ^= 1;
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_LOADED);
	ck_assert_int_eq(row(number).state, LOAD_POSSIBLY);
}
END_TEST

START_TEST(a_burned_id_stays_burned)
{
	struct krd_sim late;
	uint64_t number;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	number = facts.row;
	late = tc1;
	tc1.load_count = 1;
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_int_eq(ask(&late, TDES_SET, 0), E_ROLLBACK);
	ck_assert_int_eq(row(number).state, LOAD_POSSIBLY);
}
END_TEST

START_TEST(a_lower_count_is_refused)
{
	load(&tc1, TDES_SET, 0);
	load(&tc1, AES_SET, 1);
	krd_sim_zeroize(&tc1, 0);
	tc1.load_count = 1;
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_ROLLBACK);
	tc1.load_count = 2;
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
}
END_TEST

/* The other slot has been loaded since: the old state of the memory, put back, gets no KEY again. */
START_TEST(a_waiting_ksn_is_not_sent_to_a_rolled_back_terminal)
{
	struct krd_sim image;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	image = tc1;
	load(&tc1, AES_SET, 1);
	ck_assert_int_eq(ask(&image, TDES_SET, 0), E_ROLLBACK);
}
END_TEST

/* Nothing was loaded through this room since, but a refused OFFER has shown the higher count. */
START_TEST(a_count_shown_in_a_refused_offer_counts)
{
	struct krd_sim image;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	image = tc1;
	accept_key(&tc1); /* and its RECEIPT is kept back */
	greet(&tc1, AES_SET, 1);
	ck_assert_int_eq(journal_key_set_state(sim.load.journal, AES_SET, KEY_SET_SUSPENDED, ""), E_OK);
	ck_assert_int_eq(give_offer(&tc1), E_KEY_SET_STATE);
	ck_assert_int_eq(ask(&image, TDES_SET, 0), E_ROLLBACK);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
}
END_TEST

START_TEST(a_loaded_or_exhausted_slot_is_refused)
{
	load(&tc1, TDES_SET, 0);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_LOADED);
	ck_assert_int_eq(ask(&tc1, AES_SET, 0), E_LOADED);
	tc1.slot[0].state = SLOT_EXHAUSTED;
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_LOADED);
	ck_assert_ptr_nonnull(strstr(why, "TC1"));
}
END_TEST

START_TEST(a_key_loaded_elsewhere_is_left_alone)
{
	tc1.load_count = 4;
	tc1.slot[0] = (struct krd_sim_slot){ .state = SLOT_LOADED, .scheme = DUKPT_TDES, .kcv = { { 1, 2, 3 }, 3 } };
	ck_assert_int_eq(ksn_parse(&tc1.slot[0].ksn, "FFFF1111110000200000"), E_OK);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_LOADED);
}
END_TEST

START_TEST(a_zeroized_slot_gets_a_new_id)
{
	uint64_t number;

	load(&tc1, TDES_SET, 0);
	number = facts.row;
	krd_sim_zeroize(&tc1, 0);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_uint_ne(facts.row, number);
	ck_assert_int_eq(row(number).state, LOAD_ZEROIZED);
	accept_key(&tc1);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
	ck_assert_uint_eq(facts.load_count, 2);
}
END_TEST

START_TEST(a_slot_zeroized_before_its_receipt_is_known_to_have_been_loaded)
{
	uint64_t number;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	number = facts.row;
	accept_key(&tc1);
	krd_sim_receipt_of(&tc1, 0);
	receipt_len = krd_sim_receipt(&tc1, receipt);
	krd_sim_zeroize(&tc1, 0);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_uint_ne(facts.row, number);
	ck_assert_int_eq(row(number).state, LOAD_ZEROIZED);
	ck_assert_int_eq(give_receipt("TC1"), E_OK);	/* the old one, late: it changes nothing */
	ck_assert_uint_eq(facts.row, number);
	ck_assert_int_eq(facts.state, LOAD_ZEROIZED);
}
END_TEST

START_TEST(a_slot_that_contradicts_its_count_is_refused)
{
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	krd_sim_zeroize(&tc1, 0);
	tc1.load_count = 0;	/* it shows that it took the KEY, and that it took none */
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_ROLLBACK);
	ck_assert_int_eq(facts.state, LOAD_SENT);
}
END_TEST

START_TEST(two_slots_get_two_ids_and_two_terminals_never_share_one)
{
	uint32_t seen = 0;

	for (uint8_t slot = 0; slot < 2; slot++) {
		load(&tc1, TDES_SET, slot);
		ck_assert_uint_eq(seen & 1u << facts.id, 0);
		seen |= 1u << facts.id;
		load(&tc2, TDES_SET, slot);
		ck_assert_uint_eq(seen & 1u << facts.id, 0);
		seen |= 1u << facts.id;
	}
	ck_assert_uint_eq(seen, 15);
	ck_assert_mem_ne(tc1.slot[0].ik.b, tc2.slot[0].ik.b, 16);
}
END_TEST

START_TEST(a_slot_that_waits_for_one_key_set_gets_no_other)
{
	uint64_t number;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	number = facts.row;
	ck_assert_int_eq(ask(&tc1, AES_SET, 0), E_DENIED);
	ck_assert_ptr_nonnull(strstr(why, TDES_SET));
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_uint_eq(facts.row, number);
}
END_TEST

START_TEST(a_full_key_set_gives_no_key)
{
	struct key bdk;

	room_sim_generate(&sim, &bdk, DUKPT_TDES, "FFFF000001", 7, 7);
	load(&tc1, "FFFF000001", 0);
	ck_assert_uint_eq(facts.id, 7);
	ck_assert_int_eq(ask(&tc2, "FFFF000001", 0), E_KEY_SET_FULL);
	ck_assert_uint_eq(key_len, 0);
}
END_TEST

START_TEST(a_key_set_suspended_after_hello_gives_no_key)
{
	uint8_t before[32], after[32];

	load(&tc1, TDES_SET, 0);
	greet(&tc1, TDES_SET, 1);
	ck_assert_int_eq(journal_key_set_state(sim.load.journal, TDES_SET, KEY_SET_SUSPENDED, ""), E_OK);
	digest(before);
	ck_assert_int_eq(give_offer(&tc1), E_KEY_SET_STATE);
	digest(after);
	ck_assert_mem_eq(before, after, 32);
	ck_assert_uint_eq(key_len, 0);
}
END_TEST

/* --- Replay --- */

START_TEST(an_offer_counts_once)
{
	struct kdh before;

	greet(&tc1, TDES_SET, 0);
	before = kdh;
	ck_assert_int_eq(give_offer(&tc1), E_OK);
	kdh = before;
	ck_assert_int_eq(kdh_now(&kdh, key, &key_len, &facts, &sim.load, (struct span){ offer, offer_len }, why),
			 E_REPLAY);
	ck_assert_uint_eq(key_len, 0);
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_OK);	/* and in another session it is signed for nothing */
	ck_assert_int_eq(kdh_now(&kdh, key, &key_len, &facts, &sim.load, (struct span){ offer, offer_len }, why),
			 E_SIGNATURE);
}
END_TEST

START_TEST(a_nonce_or_point_counts_once_for_all_terminals)
{
	uint8_t nonce[MSG_NONCE], point[P256_POINT];

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	memcpy(nonce, tc1.offer.nonce, sizeof nonce);
	memcpy(point, tc1.offer.point, sizeof point);
	room_sim_reopen(&sim.load);
	greet(&tc1, TDES_SET, 0);
	memcpy(tc1.offer.nonce, nonce, sizeof nonce);
	ck_assert_int_eq(give_offer(&tc1), E_REPLAY);
	greet(&tc2, TDES_SET, 0);
	memcpy(tc2.offer.point, point, sizeof point);
	ck_assert_int_eq(give_offer(&tc2), E_REPLAY);
	ck_assert_int_eq(ask(&tc2, TDES_SET, 0), E_OK);
}
END_TEST

START_TEST(a_message_out_of_order_ends_the_session)
{
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_int_eq(kdh_now(&kdh, key, &key_len, &facts, &sim.load, (struct span){ offer, offer_len }, why),
			 E_SEQUENCE);
	ck_assert_int_eq(kdh.state, KDH_IDLE);
	greet(&tc1, TDES_SET, 0);
	kdh.until = 0;		/* too late */
	ck_assert_int_eq(give_offer(&tc1), E_SEQUENCE);
	greet(&tc1, TDES_SET, 0);
	kdh_end(&kdh);
	ck_assert_int_eq(give_offer(&tc1), E_SEQUENCE);
}
END_TEST

/* --- Who offers --- */

static void refused(struct krd_sim *t, enum err expected)
{
	uint8_t before[32], after[32];

	greet(t, TDES_SET, 0);
	digest(before);
	ck_assert_int_eq(give_offer(t), expected);
	digest(after);
	ck_assert_mem_eq(before, after, 32);
	ck_assert_uint_eq(key_len, 0);
	ck_assert_int_eq(kdh.state, KDH_IDLE);
}

START_TEST(another_environment_s_terminal_is_refused)
{
	/* certified by a CA that stands for something else here */
	tc1.cert =
		room_sim_issue(&sim, "kif-ca", tc1.point, &(struct pki_subject){ "TC1", "TC1", NULL }, room_utc(), 9);
	refused(&tc1, E_CERTIFICATE);
}
END_TEST

START_TEST(an_expired_or_future_terminal_certificate_is_refused)
{
	const struct pki_subject who = { "TC1", "TC1", NULL };

	tc1.cert = room_sim_issue(&sim, "device-ca", tc1.point, &who, room_utc() - 10 * DAY, 5);
	refused(&tc1, E_EXPIRED);
	tc1.cert = room_sim_issue(&sim, "device-ca", tc1.point, &who, room_utc() + 10 * DAY, 5);
	refused(&tc1, E_EXPIRED);
}
END_TEST

START_TEST(a_revoked_terminal_is_refused_and_no_other)
{
	room_sim_crl(&sim, &sim.load, der_span(&tc1.cert), room_utc(), 5);
	refused(&tc1, E_REVOKED);
	ck_assert_int_eq(ask(&tc2, TDES_SET, 0), E_OK);
}
END_TEST

/* Its file is gone, or an older one is back in its place. */
START_TEST(a_revocation_list_is_not_done_without_once_it_was_installed)
{
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_OK);
	ck_assert_int_eq(journal_set_number(sim.load.journal, "crl", 2), E_OK);
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_EXPIRED);
	room_sim_crl(&sim, &sim.load, (struct span){ NULL, 0 }, room_utc(), 5);		/* number 1 */
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_EXPIRED);
	ck_assert_int_eq(journal_set_number(sim.load.journal, "crl", 1), E_OK);
	ck_assert_int_eq(begin("TC1", TDES_SET, 0), E_OK);
}
END_TEST

START_TEST(another_terminal_than_the_one_expected_is_refused)
{
	greet(&tc1, TDES_SET, 0);
	krd_sim_hello(&tc2, &sim, (struct span){ hello, hello_len });
	ck_assert_int_eq(give_offer(&tc2), E_SERIAL);
	ck_assert_ptr_nonnull(strstr(why, "TC2"));
}
END_TEST

START_TEST(a_certificate_without_its_key_is_refused)
{
	tc1.identity = tc2.identity;
	refused(&tc1, E_SIGNATURE);
}
END_TEST

START_TEST(an_identity_key_has_one_serial_and_a_serial_one_key)
{
	struct krd_sim tc3 = tc1, clone;

	load(&tc1, TDES_SET, 0);
	strcpy(tc3.serial, "TC3");
	tc3.cert = room_sim_issue(&sim, "device-ca", tc3.point, &(struct pki_subject){ "TC3", "TC3", NULL }, room_utc(),
				  9);
	refused(&tc3, E_DUPLICATE);
	ck_assert_ptr_nonnull(strstr(why, "another serial"));
	krd_sim_enrolled(&clone, &sim, "TC1");
	refused(&clone, E_DUPLICATE);
	ck_assert_ptr_nonnull(strstr(why, "another identity key"));
}
END_TEST

START_TEST(a_point_off_the_curve_is_refused)
{
	greet(&tc1, TDES_SET, 0);
	tc1.offer.point[64] ^= 1;
	ck_assert_int_eq(give_offer(&tc1), E_POINT);
}
END_TEST

START_TEST(a_slot_the_terminal_does_not_have_is_refused)
{
	greet(&tc1, TDES_SET, 5);
	ck_assert_int_eq(give_offer(&tc1), E_SLOT);
}
END_TEST

/* A bit of every byte, each byte left out, and each byte cut off: refused, and the journal as before. */
START_TEST(an_offer_changed_anywhere_is_refused_and_changes_nothing)
{
	uint8_t before[32], after[32], bad[MSG_MAX];
	struct kdh greeted;

	greet(&tc1, TDES_SET, 0);
	greeted = kdh;
	offer_len = krd_sim_offer(&tc1, offer);
	digest(before);
	for (size_t i = 0; i < offer_len; i++) {
		kdh = greeted;
		memcpy(bad, offer, offer_len);
		bad[i] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_ne(
			kdh_now(&kdh, key, &key_len, &facts, &sim.load, (struct span){ bad, offer_len }, why), E_OK);
		ck_assert_uint_eq(key_len, 0);
		ck_assert_int_eq(kdh.state, KDH_IDLE);
		kdh = greeted;
		ck_assert_int_ne(kdh_now(&kdh, key, &key_len, &facts, &sim.load, (struct span){ offer, i }, why),
				 E_OK);
	}
	digest(after);
	ck_assert_mem_eq(before, after, 32);
	kdh = greeted;		/* it was the change that was refused */
	ck_assert_int_eq(kdh_now(&kdh, key, &key_len, &facts, &sim.load, (struct span){ offer, offer_len }, why),
			 E_OK);
}
END_TEST

/* --- RECEIPT --- */

START_TEST(a_receipt_changed_anywhere_is_refused)
{
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	krd_sim_receipt_of(&tc1, 0);
	receipt_len = krd_sim_receipt(&tc1, receipt);
	for (size_t i = 0; i < receipt_len; i++) {
		receipt[i] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_ne(give_receipt("TC1"), E_OK);
		receipt[i] ^= (uint8_t)(1u << i % 8);
	}
	ck_assert_int_eq(row(facts.row).state, LOAD_SENT);
	ck_assert_int_eq(give_receipt("TC2"), E_UNKNOWN_DEVICE);
	ck_assert_int_eq(give_receipt("TC1"), E_OK);
}
END_TEST

START_TEST(a_receipt_signed_for_something_else_is_refused)
{
	static uint8_t other[10] = { 0xFF, 0xFF, 1 };

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	for (int i = 0; i < 6; i++) {
		static const enum err expected[] = { E_REPLAY, E_REPLAY, E_REPLAY, E_REPLAY, E_FORMAT, E_UNWRAP };

		krd_sim_receipt_of(&tc1, 0);
		switch (i) {
		case 0: tc1.receipt.slot = 1; break;
		case 1: tc1.receipt.ksn.p = other; break;
		case 2: tc1.receipt.load_count = 0; break;
		case 3: tc1.receipt.load_count = 2; break;
		case 4: tc1.receipt.kcv.len = 0; break;
		case 5: tc1.receipt.result = E_UNWRAP; break;
		}
		receipt_len = krd_sim_receipt(&tc1, receipt);
		ck_assert_int_eq(give_receipt("TC1"), expected[i]);
		ck_assert_int_eq(row(1).state, LOAD_SENT);
	}
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
}
END_TEST

START_TEST(a_receipt_of_another_session_s_key_is_refused)
{
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	krd_sim_receipt_of(&tc1, 0);
	tc1.t.h[0] ^= 1;	/* over an h that was never sent */
	receipt_len = krd_sim_receipt(&tc1, receipt);
	ck_assert_int_eq(give_receipt("TC1"), E_SIGNATURE);
}
END_TEST

/* So that many KEYs cost a RECEIPT no more than a few; what it would have settled, the next OFFER does. */
START_TEST(a_receipt_is_compared_with_the_last_keys_alone)
{
	static const struct {
		unsigned keys;
		enum err e;
	} rows[] = { { 63, E_OK }, { 64, E_SIGNATURE }, { 2000, E_SIGNATURE } };
	uint8_t h[32] = { 1 };
	unsigned n = 0;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	krd_sim_receipt_of(&tc1, 0);
	receipt_len = krd_sim_receipt(&tc1, receipt);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_int_eq(journal_begin(sim.load.journal), E_OK);
		for (; n < rows[i].keys; n++) {
			put_be32(h + 1, n);
			ck_assert_int_eq(journal_load_sent(sim.load.journal, facts.row, h), E_OK);
		}
		ck_assert_int_eq(journal_commit(sim.load.journal), E_OK);
		ck_assert_int_eq(give_receipt("TC1"), rows[i].e);
	}
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_LOADED);
}
END_TEST

/* --- Order: verify, commit, derive, answer --- */

/* A journal that cannot take the row, the h, or the marks: no KEY. */
START_TEST(no_key_leaves_before_its_row_is_durable)
{
	static const char *const tables[] = { "load", "sent", "seen", "device" };
	char sql[160];

	snprintf(sql, sizeof sql, "CREATE TRIGGER no BEFORE INSERT ON %s BEGIN SELECT RAISE(ABORT, 'disk'); END",
		 tables[_i]);
	greet(&tc1, TDES_SET, 0);
	room_sim_meddle(&sim.load, sql);
	ck_assert_int_eq(give_offer(&tc1), E_JOURNAL);
	ck_assert_uint_eq(key_len, 0);
	room_sim_meddle(&sim.load, "DROP TRIGGER no");
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);	/* whatever had been allocated is what it gets now */
	ck_assert_uint_eq(facts.id, 0);
	accept_key(&tc1);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
}
END_TEST

/* The commit itself fails: a deferred constraint that only COMMIT checks. */
START_TEST(no_key_leaves_when_the_commit_fails)
{
	uint8_t before[32], after[32];

	load(&tc2, TDES_SET, 0);
	load(&tc1, TDES_SET, 1);
	room_sim_meddle(&sim.load,
			"CREATE TABLE parent(x INTEGER PRIMARY KEY) STRICT;"
			"CREATE TABLE child(x INTEGER REFERENCES parent(x) DEFERRABLE INITIALLY DEFERRED) STRICT;"
			"CREATE TRIGGER late AFTER INSERT ON load BEGIN INSERT INTO child VALUES(1); END");
	digest(before);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_JOURNAL);
	ck_assert_uint_eq(key_len, 0);
	digest(after);
	ck_assert_mem_eq(before, after, 32);
	room_sim_meddle(&sim.load, "DROP TRIGGER late");
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_uint_eq(facts.id, 2);
}
END_TEST

/* bdkd stops between the commit and KEY. */
START_TEST(an_allocation_without_a_key_is_used_next_time)
{
	struct load l = { .set = set_of(TDES_SET), .serial = "TC1" };

	memcpy(l.point, tc1.point, sizeof l.point);
	ck_assert_int_eq(p256_spki_digest(l.spki, tc1.point), E_OK);
	ck_assert_int_eq(journal_load_add(sim.load.journal, &l), E_OK);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_uint_eq(facts.row, l.row);
	accept_key(&tc1);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
}
END_TEST

START_TEST(a_worker_that_dies_costs_no_id)
{
	siginfo_t ended;

	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	greet(&tc1, TDES_SET, 0);
	ck_assert_int_eq(kill(sim.load.worker[0].pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)sim.load.worker[0].pid, &ended, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(give_offer(&tc1), E_OK);	/* started anew */
	ck_assert_uint_eq(facts.id, 0);
	accept_key(&tc1);
	ck_assert_int_eq(confirm(&tc1, 0), E_OK);
}
END_TEST

/* --- ZEROIZE --- */

static struct kdh_slots slots;
static uint8_t zeroize[MSG_MAX], gone[MSG_MAX], wiped;
static size_t zeroize_len, gone_len;

/* HELLO, OFFER, up to bdkd's answer to that. */
static enum err ask_zeroize(struct krd_sim *t, uint8_t slot)
{
	ck_assert_int_eq(kdh_begin(&kdh, hello, &hello_len, &sim.load, t->serial, NULL, 0, why), E_OK);
	krd_sim_hello(t, &sim, (struct span){ hello, hello_len });
	offer_len = krd_sim_offer(t, offer);
	return kdh_zeroize(&kdh, zeroize, &zeroize_len, &slots, &sim.load, (struct span){ offer, offer_len }, slot,
			   ZEROIZE_RELOAD, why);
}

/* The terminal obeys, and its RECEIPT is there, in gone. */
static void obey(struct krd_sim *t)
{
	ck_assert_uint_ne(zeroize_len, 0);
	ck_assert(krd_sim_obey(t, &sim, (struct span){ zeroize, zeroize_len }));
	gone_len = krd_sim_receipt(t, gone);
}

static enum err give_wiped(const char *serial)
{
	return kdh_wiped(&slots, &wiped, &sim.load, serial, (struct span){ gone, gone_len }, why);
}

static void zeroized(struct krd_sim *t, uint8_t slot)
{
	ck_assert_int_eq(ask_zeroize(t, slot), E_OK);
	obey(t);
	ck_assert_int_eq(give_wiped(t->serial), E_OK);
	ck_assert_uint_eq(wiped, slot);
}

/* The states that a row went through, a digit each. */
static unsigned life(uint64_t number)
{
	struct load l = { 0 };
	unsigned states = 0;

	while (!journal_load_after(&l, sim.load.journal, l.sequence))
		if (l.row == number)
			states = 10 * states + l.state;
	return states;
}

enum { SENT = LOAD_SENT, SENT_LOADED = 12, SENT_LOADED_ZEROIZED = 124, SENT_POSSIBLY_ZEROIZED = 134 };

START_TEST(a_zeroized_slot_is_loaded_again_under_a_new_id)
{
	const char *const sets[] = { TDES_SET, AES_SET, TDES_SET };
	uint64_t old = 0;
	struct ksn ksn;

	load(&tc1, TDES_SET, 0);
	for (unsigned i = 0; i < 3; i++) {
		old = facts.row;
		ksn = facts.iksn;
		ck_assert_int_eq(ask(&tc1, sets[i], 0), E_LOADED);
		tc1.slot[0].state = i ? SLOT_EXHAUSTED : SLOT_LOADED;
		ck_assert_int_eq(ask_zeroize(&tc1, 0), E_OK);
		ck_assert_uint_eq(slots.n, 1);
		ck_assert_uint_eq(slots.load[0].row, old);
		obey(&tc1);
		ck_assert_uint_eq(life(old), SENT_LOADED);	/* until the terminal's signature is here */
		ck_assert_int_eq(give_wiped("TC1"), E_OK);
		ck_assert_uint_eq(life(old), SENT_LOADED_ZEROIZED);
		ck_assert_uint_eq(slots.load[0].state, LOAD_ZEROIZED);
		ck_assert_uint_eq(slots.load[0].kcv.len, tc1.was.len);
		load(&tc1, sets[i], 0);
		ck_assert_uint_ne(facts.row, old);
		ck_assert(facts.iksn.len != ksn.len || memcmp(facts.iksn.b, ksn.b, ksn.len) != 0);
		ck_assert_uint_eq(facts.load_count, i + 2);
		ck_assert_uint_eq(life(old), SENT_LOADED_ZEROIZED);
	}
}
END_TEST

START_TEST(all_slots_go_at_once_and_another_terminal_s_stay)
{
	load(&tc2, TDES_SET, 0);
	load(&tc1, TDES_SET, 0);
	load(&tc1, AES_SET, 1);
	zeroized(&tc1, MSG_SLOT_ALL);
	ck_assert_uint_eq(slots.n, 2);
	ck_assert_uint_eq(life(1), SENT_LOADED);
	ck_assert_uint_eq(life(2), SENT_LOADED_ZEROIZED);
	ck_assert_uint_eq(life(3), SENT_LOADED_ZEROIZED);
	load(&tc1, AES_SET, 0);
	zeroized(&tc1, 0);	/* one slot alone */
	ck_assert_uint_eq(slots.n, 1);
}
END_TEST

START_TEST(a_zeroize_s_receipt_verifies_after_a_restart_and_twice)
{
	uint8_t first[32], again[32];

	load(&tc1, TDES_SET, 0);
	ck_assert_int_eq(ask_zeroize(&tc1, 0), E_OK);
	obey(&tc1);
	kdh_end(&kdh);
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(give_wiped("TC1"), E_OK);
	ck_assert_uint_eq(life(1), SENT_LOADED_ZEROIZED);
	digest(first);
	ck_assert_int_eq(give_wiped("TC1"), E_OK);
	ck_assert_uint_eq(slots.load[0].state, LOAD_ZEROIZED);
	digest(again);
	ck_assert_mem_eq(first, again, 32);
}
END_TEST

/* ... by the same command, or by the next loading. */
START_TEST(the_next_offer_replaces_a_zeroize_s_lost_receipt)
{
	for (int by_load = 0; by_load < 2; by_load++) {
		uint64_t number;

		load(&tc1, TDES_SET, 0);
		number = facts.row;
		ck_assert_int_eq(ask_zeroize(&tc1, 0), E_OK);
		obey(&tc1);
		room_sim_reopen(&sim.load);
		if (by_load) {
			load(&tc1, TDES_SET, 0);
		} else {
			ck_assert_int_eq(ask_zeroize(&tc1, 0), E_OK);
			ck_assert_uint_eq(zeroize_len, 0);
			ck_assert_int_eq(kdh.state, KDH_IDLE);
			ck_assert_uint_eq(slots.n, 1);
			ck_assert_int_eq(slots.load[0].state, LOAD_ZEROIZED);
		}
		ck_assert_uint_eq(life(number), SENT_LOADED_ZEROIZED);
		ck_assert_int_eq(give_wiped("TC1"), E_OK);	/* it turns up after all */
		ck_assert_uint_eq(life(number), SENT_LOADED_ZEROIZED);
	}
}
END_TEST

START_TEST(an_old_receipt_zeroizes_no_later_load)
{
	load(&tc1, TDES_SET, 0);
	ck_assert_int_eq(ask_zeroize(&tc1, 0), E_OK);
	obey(&tc1);
	load(&tc1, TDES_SET, 0);
	ck_assert_int_eq(give_wiped("TC1"), E_OK);
	ck_assert_uint_eq(life(1), SENT_LOADED_ZEROIZED);
	ck_assert_uint_eq(life(2), SENT_LOADED);
}
END_TEST

/* The row is older than ZEROIZE, its key is younger. */
START_TEST(an_old_receipt_zeroizes_no_key_that_was_only_waiting)
{
	load(&tc1, AES_SET, 1);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);		/* KEY is lost */
	ck_assert_int_eq(ask_zeroize(&tc1, MSG_SLOT_ALL), E_OK);
	obey(&tc1);
	ck_assert_uint_eq(life(2), SENT);
	load(&tc1, TDES_SET, 0);
	ck_assert_uint_eq(facts.row, 2);
	ck_assert_int_eq(give_wiped("TC1"), E_OK);
	ck_assert_uint_eq(life(1), SENT_LOADED_ZEROIZED);
	ck_assert_uint_eq(life(2), SENT_LOADED);
}
END_TEST

START_TEST(a_ksn_that_was_never_taken_still_waits)
{
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	ck_assert_int_eq(ask_zeroize(&tc1, 0), E_OK);
	ck_assert_uint_eq(zeroize_len, 0);
	ck_assert_uint_eq(life(1), SENT);
	load(&tc1, TDES_SET, 0);
	ck_assert_uint_eq(facts.row, 1);
}
END_TEST

START_TEST(a_key_whose_receipt_was_lost_is_known_to_have_been_there)
{
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	zeroized(&tc1, 0);
	ck_assert_uint_eq(life(1), SENT_LOADED_ZEROIZED);
}
END_TEST

START_TEST(a_burned_id_is_zeroized_with_its_slot)
{
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_OK);
	accept_key(&tc1);
	tc1.slot[0].key_hash[0] ^= 1;	/* another h than was ever sent */
	ck_assert_int_eq(ask(&tc1, TDES_SET, 0), E_LOADED);
	zeroized(&tc1, 0);
	ck_assert_uint_eq(life(1), SENT_POSSIBLY_ZEROIZED);
	load(&tc1, TDES_SET, 0);
	ck_assert_uint_eq(facts.row, 2);
}
END_TEST

START_TEST(a_key_loaded_elsewhere_is_zeroized_too)
{
	tc1.load_count = 4;
	tc1.slot[0] = (struct krd_sim_slot){ .state = SLOT_LOADED, .scheme = DUKPT_TDES, .kcv = { { 1, 2, 3 }, 3 } };
	ck_assert_int_eq(ksn_parse(&tc1.slot[0].ksn, "FFFF1111110000200000"), E_OK);
	zeroized(&tc1, 0);
	ck_assert_uint_eq(slots.n, 0);
	load(&tc1, TDES_SET, 0);
	ck_assert_uint_eq(facts.load_count, 5);
}
END_TEST

/* Whoever has a stolen terminal gains nothing by losing its keys. */
START_TEST(a_revoked_terminal_is_zeroized_and_no_list_is_needed_for_it)
{
	load(&tc1, TDES_SET, 0);
	room_sim_crl(&sim, &sim.load, der_span(&tc1.cert), room_utc(), 5);
	ck_assert_int_eq(ask(&tc1, TDES_SET, 1), E_REVOKED);
	ck_assert_int_eq(journal_set_number(sim.load.journal, "crl", 2), E_OK);
	ck_assert_int_eq(begin("TC1", TDES_SET, 1), E_EXPIRED);
	zeroized(&tc1, 0);
	ck_assert_uint_eq(life(1), SENT_LOADED_ZEROIZED);
}
END_TEST

START_TEST(a_session_to_zeroize_does_not_load_nor_the_other_way_round)
{
	load(&tc1, TDES_SET, 0);
	ck_assert_int_eq(kdh_begin(&kdh, hello, &hello_len, &sim.load, "TC1", NULL, 0, why), E_OK);
	krd_sim_hello(&tc1, &sim, (struct span){ hello, hello_len });
	ck_assert_int_eq(give_offer(&tc1), E_SEQUENCE);
	ck_assert_uint_eq(key_len, 0);
	greet(&tc1, TDES_SET, 0);
	offer_len = krd_sim_offer(&tc1, offer);
	ck_assert_int_eq(kdh_zeroize(&kdh, zeroize, &zeroize_len, &slots, &sim.load, (struct span){ offer, offer_len },
				     0, ZEROIZE_RELOAD, why),
			 E_SEQUENCE);
	ck_assert_uint_eq(zeroize_len, 0);
	ck_assert_int_eq(kdh.state, KDH_IDLE);
}
END_TEST

/* Whoever offers is asked for the same proofs as for loading. */
START_TEST(no_zeroize_leaves_for_an_offer_that_does_not_verify)
{
	static const enum err expected[] = { E_SERIAL, E_CERTIFICATE, E_SIGNATURE, E_POINT,
					     E_REPLAY, E_SLOT,        E_ROLLBACK,  E_SIGNATURE };
	uint8_t before[32], after[32], nonce[MSG_NONCE];
	struct krd_sim *t = &tc1;
	enum err e;

	load(&tc1, TDES_SET, 0);
	memcpy(nonce, tc1.offer.nonce, sizeof nonce);
	ck_assert_int_eq(kdh_begin(&kdh, hello, &hello_len, &sim.load, "TC1", NULL, 0, why), E_OK);
	if (_i == 0)
		t = &tc2;
	if (_i == 1)
		tc1.cert = room_sim_issue(&sim, "kif-ca", tc1.point, &(struct pki_subject){ "TC1", "TC1", NULL },
					  room_utc(), 9);
	if (_i == 2)
		tc1.identity = tc2.identity;
	if (_i == 6)
		tc1.load_count = 0;
	krd_sim_hello(t, &sim, (struct span){ hello, hello_len });
	if (_i == 3)
		tc1.offer.point[64] ^= 1;
	if (_i == 4)
		memcpy(tc1.offer.nonce, nonce, sizeof nonce);
	offer_len = krd_sim_offer(t, offer);
	if (_i == 7)
		offer[offer_len / 2] ^= 1;
	digest(before);
	e = kdh_zeroize(&kdh, zeroize, &zeroize_len, &slots, &sim.load, (struct span){ offer, offer_len },
			_i == 5 ? 5 : 0, ZEROIZE_RELOAD, why);
	if (_i == 7)
		ck_assert_int_ne(e, E_OK);
	else
		ck_assert_int_eq(e, expected[_i]);
	ck_assert_uint_eq(zeroize_len, 0);
	ck_assert_int_eq(kdh.state, KDH_IDLE);
	digest(after);
	ck_assert_mem_eq(before, after, 32);
}
END_TEST

START_TEST(no_zeroize_leaves_before_its_row_is_durable)
{
	load(&tc1, TDES_SET, 0);
	room_sim_meddle(&sim.load, "CREATE TRIGGER no BEFORE INSERT ON wipe BEGIN SELECT RAISE(ABORT, 'disk'); END");
	ck_assert_int_eq(ask_zeroize(&tc1, 0), E_JOURNAL);
	ck_assert_uint_eq(zeroize_len, 0);
	room_sim_meddle(&sim.load, "DROP TRIGGER no");
	zeroized(&tc1, 0);
}
END_TEST

START_TEST(a_zeroize_s_receipt_changed_anywhere_is_refused)
{
	load(&tc1, TDES_SET, 0);
	memcpy(gone, receipt, receipt_len);
	gone_len = receipt_len;
	ck_assert_int_eq(give_wiped("TC1"), E_UNKNOWN_DEVICE);
	ck_assert_int_eq(ask_zeroize(&tc1, 0), E_OK);
	ck_assert_int_eq(give_wiped("TC1"), E_SIGNATURE);	/* the KEY's */
	obey(&tc1);
	for (size_t i = 0; i < gone_len; i++) {
		gone[i] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_ne(give_wiped("TC1"), E_OK);
		gone[i] ^= (uint8_t)(1u << i % 8);
	}
	ck_assert_int_eq(give_wiped("TC2"), E_UNKNOWN_DEVICE);
	memcpy(receipt, gone, gone_len);
	receipt_len = gone_len;
	ck_assert_int_eq(give_receipt("TC1"), E_SIGNATURE);	/* of no KEY */
	ck_assert_uint_eq(life(1), SENT_LOADED);
	ck_assert_int_eq(give_wiped("TC1"), E_OK);
}
END_TEST

START_TEST(a_zeroize_s_receipt_says_what_the_offer_showed)
{
	static uint8_t other[10] = { 0xFF, 0xFF, 1 };

	load(&tc1, TDES_SET, 0);
	ck_assert_int_eq(ask_zeroize(&tc1, 0), E_OK);
	ck_assert(krd_sim_obey(&tc1, &sim, (struct span){ zeroize, zeroize_len }));
	for (int i = 0; i < 6; i++) {
		const struct msg_receipt right = tc1.receipt;

		switch (i) {
		case 0: tc1.receipt.slot = 1; break;
		case 1: tc1.receipt.ksn.p = other; break;
		case 2: tc1.receipt.ksn.len = 0; break;
		case 3: tc1.receipt.kcv.p = other; break;
		case 4: tc1.receipt.load_count++; break;
		case 5: tc1.receipt.result = E_STORE; break;
		}
		gone_len = krd_sim_receipt(&tc1, gone);
		ck_assert_int_eq(give_wiped("TC1"), i == 5 ? E_STORE : E_REPLAY);
		ck_assert_uint_eq(life(1), SENT_LOADED);
		tc1.receipt = right;
	}
	gone_len = krd_sim_receipt(&tc1, gone);
	ck_assert_int_eq(give_wiped("TC1"), E_OK);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kdh");
	TCase *t = tcase_create("kdh");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, hello_says_who_and_where_and_when);
	tcase_add_test(t, the_wrapped_key_is_the_initial_key_of_its_ksn);
	tcase_add_test(t, a_room_without_certificates_greets_nobody);
	tcase_add_test(t, refuses_a_bad_serial_slot_or_key_set);
	tcase_add_test(t, does_not_load_under_an_expired_certificate_or_list);
	tcase_add_test(t, a_lost_key_is_sent_again_with_the_same_ksn);
	tcase_add_test(t, the_next_offer_replaces_a_lost_receipt);
	tcase_add_test(t, an_offer_is_a_receipt_even_of_a_suspended_key_set);
	tcase_add_test(t, a_receipt_verifies_after_a_restart_and_twice);
	tcase_add_test(t, a_receipt_of_any_key_sent_is_good);
	tcase_add_test(t, a_higher_count_without_the_ksn_burns_the_id);
	tcase_add_test(t, a_slot_that_holds_another_key_burns_the_id_and_is_refused);
	tcase_add_test(t, the_right_ksn_with_an_h_never_sent_is_no_receipt);
	tcase_add_test(t, a_burned_id_stays_burned);
	tcase_add_test(t, a_lower_count_is_refused);
	tcase_add_test(t, a_waiting_ksn_is_not_sent_to_a_rolled_back_terminal);
	tcase_add_test(t, a_count_shown_in_a_refused_offer_counts);
	tcase_add_test(t, a_loaded_or_exhausted_slot_is_refused);
	tcase_add_test(t, a_key_loaded_elsewhere_is_left_alone);
	tcase_add_test(t, a_zeroized_slot_gets_a_new_id);
	tcase_add_test(t, a_slot_zeroized_before_its_receipt_is_known_to_have_been_loaded);
	tcase_add_test(t, a_slot_that_contradicts_its_count_is_refused);
	tcase_add_test(t, two_slots_get_two_ids_and_two_terminals_never_share_one);
	tcase_add_test(t, a_slot_that_waits_for_one_key_set_gets_no_other);
	tcase_add_test(t, a_full_key_set_gives_no_key);
	tcase_add_test(t, a_key_set_suspended_after_hello_gives_no_key);
	tcase_add_test(t, an_offer_counts_once);
	tcase_add_test(t, a_nonce_or_point_counts_once_for_all_terminals);
	tcase_add_test(t, a_message_out_of_order_ends_the_session);
	tcase_add_test(t, another_environment_s_terminal_is_refused);
	tcase_add_test(t, an_expired_or_future_terminal_certificate_is_refused);
	tcase_add_test(t, a_revoked_terminal_is_refused_and_no_other);
	tcase_add_test(t, a_revocation_list_is_not_done_without_once_it_was_installed);
	tcase_add_test(t, another_terminal_than_the_one_expected_is_refused);
	tcase_add_test(t, a_certificate_without_its_key_is_refused);
	tcase_add_test(t, an_identity_key_has_one_serial_and_a_serial_one_key);
	tcase_add_test(t, a_point_off_the_curve_is_refused);
	tcase_add_test(t, a_slot_the_terminal_does_not_have_is_refused);
	tcase_add_test(t, an_offer_changed_anywhere_is_refused_and_changes_nothing);
	tcase_add_test(t, a_receipt_changed_anywhere_is_refused);
	tcase_add_test(t, a_receipt_signed_for_something_else_is_refused);
	tcase_add_test(t, a_receipt_of_another_session_s_key_is_refused);
	tcase_add_test(t, a_receipt_is_compared_with_the_last_keys_alone);
	tcase_add_loop_test(t, no_key_leaves_before_its_row_is_durable, 0, 4);
	tcase_add_test(t, no_key_leaves_when_the_commit_fails);
	tcase_add_test(t, an_allocation_without_a_key_is_used_next_time);
	tcase_add_test(t, a_worker_that_dies_costs_no_id);
	tcase_add_test(t, a_zeroized_slot_is_loaded_again_under_a_new_id);
	tcase_add_test(t, all_slots_go_at_once_and_another_terminal_s_stay);
	tcase_add_test(t, a_zeroize_s_receipt_verifies_after_a_restart_and_twice);
	tcase_add_test(t, the_next_offer_replaces_a_zeroize_s_lost_receipt);
	tcase_add_test(t, an_old_receipt_zeroizes_no_later_load);
	tcase_add_test(t, an_old_receipt_zeroizes_no_key_that_was_only_waiting);
	tcase_add_test(t, a_ksn_that_was_never_taken_still_waits);
	tcase_add_test(t, a_key_whose_receipt_was_lost_is_known_to_have_been_there);
	tcase_add_test(t, a_burned_id_is_zeroized_with_its_slot);
	tcase_add_test(t, a_key_loaded_elsewhere_is_zeroized_too);
	tcase_add_test(t, a_revoked_terminal_is_zeroized_and_no_list_is_needed_for_it);
	tcase_add_test(t, a_session_to_zeroize_does_not_load_nor_the_other_way_round);
	tcase_add_loop_test(t, no_zeroize_leaves_for_an_offer_that_does_not_verify, 0, 8);
	tcase_add_test(t, no_zeroize_leaves_before_its_row_is_durable);
	tcase_add_test(t, a_zeroize_s_receipt_changed_anywhere_is_refused);
	tcase_add_test(t, a_zeroize_s_receipt_says_what_the_offer_showed);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
