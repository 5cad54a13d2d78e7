#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"
#include "base/hex.h"
#include "dukpt/host.h"
#include "dukpt/ikblock.h"

#include <stdio.h>
#include <string.h>

#define DAY UINT64_C(86400)

static struct sim sim, saved;
static struct sim_host host;
static uint8_t before[SIM_NV], message[MSG_MAX];
static size_t len;

static struct span msg(void)
{
	return (struct span){ message, len };
}

/* Send `message`; is it refused for this reason, without a trace in the memory or in the session? */
static bool refused(enum msg_type type, enum err reason)
{
	static const struct key none;
	bool ok;

	memcpy(before, sim.nv, sizeof before);
	ok = sim_ask(&sim, type, msg()) == MSG_ABORT;
	if (!ok || !sim_abort(reason))
		fprintf(stderr, "refused with %s, not %s\n",
			sim_reply_len == 2 ? err_name((enum err)get_be16(sim_reply)) : "no ABORT", err_name(reason));
	return ok && sim_abort(reason) && !memcmp(before, sim.nv, sizeof before) && sim.krd.at == KRD_IDLE &&
	       !memcmp(&sim.krd.ephemeral, &none, sizeof none);
}

static void blank(void)
{
	sim_factory(&sim, "SIM-1");
	sim_host(&host, 1, 3);
	ck_assert_int_eq(sim_boot(&sim), E_OK);
}

static void identified(void)
{
	blank();
	ck_assert(sim_enrol(&sim, &host));
}

static void loaded(void)
{
	sim_loaded(&sim, &host);
}

static void identify(void)
{
	len = sim_identify(&host, message);
	ck_assert_int_eq(sim_ask(&sim, MSG_IDENTIFY, msg()), MSG_CSR);
	ck_assert(sim_csr(&host));
}

/* --- Enrolment --- */

START_TEST(a_blank_terminal_takes_its_enrolment)
{
	struct span cert;

	blank();
	ck_assert(sim_enrol(&sim, &host));
	ck_assert_int_eq(sim.store.state.life, LIFE_IDENTIFIED);
	ck_assert_str_eq(sim.shown[0], "ENROLLED SIM-1");
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	ck_assert_int_eq(sim.store.state.life, LIFE_IDENTIFIED);
	ck_assert_int_eq(store_paper(&cert, &sim.store, PAPER_CERT), E_OK);
	ck_assert_uint_eq(cert.len, host.device_cert_len);
	ck_assert_mem_eq(cert.p, host.device_cert, host.device_cert_len);
}
END_TEST

START_TEST(the_display_shows_the_digest_of_the_identity_key)
{
	uint8_t digest[32];
	char hex[65], want[DISPLAY_LINE + 1] = "SPKI";

	blank();
	identify();
	ck_assert_int_eq(p256_spki_digest(digest, host.device), E_OK);
	hex_encode(hex, digest, sizeof digest);
	for (unsigned i = 0; i < 8; i++)
		snprintf(want + strlen(want), 6, " %.4s", hex + 4 * i);
	ck_assert_str_eq(sim.shown[0], want);
}
END_TEST

START_TEST(the_identity_key_is_made_once_in_a_life)
{
	uint8_t point[P256_POINT];

	blank();
	identify();
	memcpy(point, host.device, sizeof point);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		identify();
		ck_assert_mem_eq(host.device, point, sizeof point);
	}
	ck_assert(sim_enrol(&sim, &host));
	ck_assert_mem_eq(host.device, point, sizeof point);
}
END_TEST

START_TEST(identity_keys_of_two_terminals_differ_even_with_the_same_noise)
{
	uint8_t point[P256_POINT];
	static const uint8_t chip[] = { 2 };

	blank();
	identify();
	memcpy(point, host.device, sizeof point);
	sim_factory(&sim, "SIM-2");
	sim.port.chip = SPAN(chip);
	host.sessions = 0;
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	identify();
	ck_assert_mem_ne(host.device, point, sizeof point);
}
END_TEST

START_TEST(a_foreign_ca_room_cannot_enrol)
{
	struct sim_host foreign;

	blank();
	sim_host(&foreign, 2, 3);
	len = sim_identify(&foreign, message);
	ck_assert(refused(MSG_IDENTIFY, E_ENVIRONMENT));
	/* ... nor by claiming this root and signing with its own key */
	identify();
	host.ca = foreign.ca;
	len = sim_cert(&host, message, "SIM-1");
	ck_assert(refused(MSG_CERT, E_ENVIRONMENT));
	ck_assert_int_eq(sim.store.state.life, LIFE_BLANK);
}
END_TEST

START_TEST(a_changed_cert_is_refused)
{
	blank();
	identify();
	len = sim_cert(&host, message, "SIM-1");
	saved = sim;
	for (size_t i = P256_POINT; i < len; i += 7) {
		sim = saved;
		message[i] ^= 1;
		ck_assert_int_eq(sim_ask(&sim, MSG_CERT, msg()), MSG_ABORT);
		ck_assert_mem_eq(sim.nv, saved.nv, sizeof sim.nv);
		message[i] ^= 1;
	}
}
END_TEST

START_TEST(a_certificate_of_another_terminal_is_refused)
{
	blank();
	identify();
	len = sim_cert(&host, message, "SIM-2");
	ck_assert(refused(MSG_CERT, E_CERTIFICATE));
	/* another key: the ca room certifies what it believes to be this terminal's */
	identify();
	host.device_cert_len = 0;
	ck_assert_int_eq(p256_public(host.device, &host.kdh), E_OK);
	len = sim_cert(&host, message, "SIM-1");
	ck_assert(refused(MSG_CERT, E_CERTIFICATE));
}
END_TEST

START_TEST(an_enrolment_whose_done_was_lost_can_be_finished)
{
	struct state want;

	identified();
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	want = sim.store.state;
	ck_assert(sim_enrol(&sim, &host));
	ck_assert_mem_eq(&sim.store.state, &want, sizeof want);
}
END_TEST

START_TEST(an_enrolled_terminal_takes_no_other_certificate_or_anchor)
{
	struct sim_host foreign;

	identified();
	identify();
	host.device_cert_len = 0; /* certified again: other bytes */
	len = sim_cert(&host, message, "SIM-1");
	ck_assert(refused(MSG_CERT, E_ENROLLED));
	identified();
	identify();
	sim_host(&foreign, 2, 3);
	memcpy(host.anchor, foreign.anchor, sizeof host.anchor);
	host.anchor_len = foreign.anchor_len;
	len = sim_cert(&host, message, "SIM-1");
	ck_assert(refused(MSG_CERT, E_ENROLLED));
}
END_TEST

START_TEST(without_good_noise_no_identity_is_made)
{
	blank();
	sim.noise = NOISE_STUCK;
	len = sim_identify(&host, message);
	ck_assert(refused(MSG_IDENTIFY, E_RANDOM));
	ck_assert_int_eq(sim.store.state.has_identity, 0);
}
END_TEST

/* --- Loading --- */

START_TEST(both_schemes_load_and_their_first_transaction_keys_are_the_published_ones)
{
	static const struct {
		uint8_t slot;
		const char *txn, *line;
	} want[] = {
		{ 0, "042666B49184CFA368DE9628D0397BC9", "SLOT 0 LOADED FFFF9876543210E00000 KCV AF8C07" },
		{ 1, "4F21B565BAD9835E112B6465635EAE44", "SLOT 1 LOADED 123456789012345600000000 KCV " },
	};
	struct dukpt_registers next;

	loaded();
	ck_assert_uint_eq(store_load_count(&sim.store), 2);
	ck_assert_uint_eq(store_epoch(&sim.store), 3);
	for (unsigned i = 0; i < 2; i++) {
		struct key txn, good = test_key(want[i].txn);
		struct ksn used;

		next = sim_registers(&sim.store, want[i].slot);
		ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &next), E_OK);
		ck_assert_mem_eq(txn.b, good.b, 16);
		ck_assert_uint_eq(ksn_counter(&used), 1);
		ck_assert_mem_eq(sim.shown[1 - i], want[i].line, strlen(want[i].line));
	}
}
END_TEST

START_TEST(keys_stronger_than_the_curve_load_where_a_test_room_permits_it)
{
	static const enum dukpt_scheme schemes[] = { DUKPT_AES192, DUKPT_AES256 };
	static const char *const configs[] = { SIM_CONFIG "update = yes\n", SIM_CONFIG "strong = yes", SIM_CONFIG "strong = yes\n" };
	struct sim_key k;

	for (unsigned c = 0; c < 3; c++) {
		blank();
		host.config = configs[c];
		ck_assert(sim_enrol(&sim, &host));
		for (unsigned i = 0; i < 2; i++) {
			struct dukpt_registers own, right;

			k = sim_key_of(&host, (uint8_t)i, schemes[i], i ? "123456789012345700000000" : SIM_KSN_AES);
			k.ik = test_key("1273671EA26AC29AFA4D1084127652A1F1F1F1F1F1F1F1F1FEDCBA9876543210");
			k.ik.len = dukpt_key_len(schemes[i]);
			ck_assert_int_eq(sim_load(&sim, &host, &k), c == 2);
			if (c < 2) {
				ck_assert_str_eq(sim.shown[0], err_text(E_STRENGTH));
				continue;
			}
			ck_assert_int_eq(dukpt_registers_load(&right, schemes[i], &k.ik, &k.ksn), E_OK);
			own = sim_registers(&sim.store, i);
			ck_assert_mem_eq(&own, &right, sizeof own);
		}
	}
	/* One of the right scheme and another length */
	k.ik.len = 16;
	k.slot = 2;
	ck_assert_int_eq(ksn_parse(&k.ksn, "123456789012345800000000"), E_OK);
	ck_assert(!sim_load(&sim, &host, &k));
	ck_assert_str_eq(sim.shown[0], err_text(E_KEY));
}
END_TEST

START_TEST(the_initial_key_is_nowhere_in_the_terminal_after_loading)
{
	const struct key keys[] = { test_key("6AC292FAA1315B4D858AB3A3D7D5933A"),
				    test_key("1273671EA26AC29AFA4D1084127652A1") };
	const uint8_t *all = (const uint8_t *)&sim;

	loaded();
	for (unsigned k = 0; k < 2; k++)
		for (size_t i = 0; i + 8 <= sizeof sim; i++)
			ck_assert_msg(memcmp(all + i, keys[k].b, 8) && memcmp(all + i, keys[k].b + 8, 8),
				      "key %u at %zu", k, i);
}
END_TEST

START_TEST(an_offer_tells_what_the_terminal_holds)
{
	loaded();
	ck_assert(sim_greet(&sim, &host));
	ck_assert_uint_eq(host.offer.load_count, 2);
	ck_assert_uint_eq(host.offer.slots, STORE_SLOTS);
	ck_assert_int_eq(host.offer.slot[0].state, SLOT_LOADED);
	ck_assert_int_eq(host.offer.slot[0].scheme, DUKPT_TDES);
	ck_assert_uint_eq(host.offer.slot[0].ksn.len, 10);
	ck_assert_int_eq(host.offer.slot[1].scheme, DUKPT_AES128);
	ck_assert_uint_eq(host.offer.slot[1].kcv.len, 5);
	ck_assert_int_eq(host.offer.slot[2].state, SLOT_EMPTY);
}
END_TEST

START_TEST(offers_never_repeat_a_nonce_or_a_point)
{
	uint8_t nonce[8][MSG_NONCE], point[8][P256_POINT];

	identified();
	for (unsigned n = 0; n < 8; n++) {
		if (n == 4)
			ck_assert_int_eq(sim_boot(&sim), E_OK);
		sim.entropy_count = 77; /* the same noise every time */
		host.sessions = 1;      /* and the same HELLO */
		ck_assert(sim_greet(&sim, &host));
		memcpy(nonce[n], host.offer.nonce, MSG_NONCE);
		memcpy(point[n], host.offer.point, P256_POINT);
		for (unsigned i = 0; i < n; i++) {
			ck_assert_mem_ne(nonce[n], nonce[i], MSG_NONCE);
			ck_assert_mem_ne(point[n], point[i], P256_POINT);
		}
	}
}
END_TEST

START_TEST(hellos_that_must_be_refused)
{
	struct sim_host foreign;

	blank();
	len = sim_hello(&host, message);
	ck_assert(refused(MSG_HELLO, E_BLANK));

	identified();
	len = sim_hello(&host, message);
	message[0]++;
	ck_assert(refused(MSG_HELLO, E_VERSION));
	len = sim_hello(&host, message);
	message[1]++;
	ck_assert(refused(MSG_HELLO, E_VERSION));
	len = sim_hello(&host, message) - 1;
	ck_assert(refused(MSG_HELLO, E_SHORT));

	sim_host(&foreign, 2, 3);
	len = sim_hello(&foreign, message);
	ck_assert(refused(MSG_HELLO, E_ENVIRONMENT));
	/* the environment of here, a certificate of there */
	memcpy(foreign.environment, host.environment, 32);
	len = sim_hello(&foreign, message);
	ck_assert(refused(MSG_HELLO, E_CERTIFICATE));

	host.utc = SIM_UTC + 31 * DAY;
	len = sim_hello(&host, message);
	ck_assert(refused(MSG_HELLO, E_EXPIRED));
	host.utc = SIM_UTC - 31 * DAY;
	len = sim_hello(&host, message);
	ck_assert(refused(MSG_HELLO, E_EXPIRED));
	host.utc = SIM_UTC;
	sim_kdh_certificate(&host, 0, SIM_UTC - DAY, SIM_UTC + DAY);
	len = sim_hello(&host, message);
	ck_assert(refused(MSG_HELLO, E_CERTIFICATE));
}
END_TEST

START_TEST(a_lower_epoch_is_refused_but_only_after_a_key_under_a_higher_one)
{
	struct sim_key k;

	identified();
	sim_kdh_certificate(&host, 9, SIM_UTC - DAY, SIM_UTC + DAY);
	ck_assert(sim_greet(&sim, &host)); /* a HELLO alone raises nothing */
	sim_kdh_certificate(&host, 3, SIM_UTC - DAY, SIM_UTC + DAY);
	ck_assert(sim_greet(&sim, &host));
	sim_kdh_certificate(&host, 9, SIM_UTC - DAY, SIM_UTC + DAY);
	k = sim_key_of(&host, 0, DUKPT_TDES, SIM_KSN_TDES);
	ck_assert(sim_load(&sim, &host, &k));
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	sim_kdh_certificate(&host, 8, SIM_UTC - DAY, SIM_UTC + DAY);
	len = sim_hello(&host, message);
	ck_assert(refused(MSG_HELLO, E_EPOCH));
	sim_kdh_certificate(&host, 9, SIM_UTC - DAY, SIM_UTC + DAY);
	ck_assert(sim_greet(&sim, &host));
}
END_TEST

/* A KEY that is right but for what `change` does; slots 0 and 1 are loaded. */
static const struct bad {
	const char *what;
	enum err reason;
	uint8_t slot, scheme;
	const char *ksn, *usage;
} bads[] = {
	{ "a loaded slot", E_LOADED, 0, DUKPT_TDES, "FFFF9876543210C00000", "B1" },
	{ "a slot that is none", E_SLOT, STORE_SLOTS, DUKPT_TDES, "FFFF9876543210C00000", "B1" },
	{ "the KSN of another slot", E_REPLAY, 2, DUKPT_TDES, SIM_KSN_TDES, "B1" },
	{ "the AES KSN of another slot", E_REPLAY, 2, DUKPT_AES128, SIM_KSN_AES, "B1" },
	{ "AES-192", E_STRENGTH, 2, DUKPT_AES192, "123456789012345700000000", "B1" },
	{ "AES-256", E_STRENGTH, 2, DUKPT_AES256, "123456789012345700000000", "B1" },
	{ "a scheme that is none", E_SCHEME, 2, 9, "123456789012345700000000", "B1" },
	{ "another usage", E_SCHEME, 2, DUKPT_AES128, "123456789012345700000000", "B0" },
	{ "a TDES KSN for AES", E_SCHEME, 2, DUKPT_AES128, "FFFF9876543210C00000", "B1" },
	{ "an AES KSN for TDES", E_SCHEME, 2, DUKPT_TDES, "123456789012345700000000", "B1" },
	{ "a KSN in use", E_COUNTER, 2, DUKPT_TDES, "FFFF9876543210C00001", "B1" },
};

START_TEST(keys_that_must_be_refused)
{
	const struct bad *b = &bads[_i];
	struct sim_key k;

	loaded();
	k = sim_key_of(&host, b->slot, (enum dukpt_scheme)b->scheme, b->ksn);
	memcpy(k.usage, b->usage, 2);
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	ck_assert_msg(refused(MSG_KEY, b->reason), "%s", b->what);
}
END_TEST

START_TEST(a_key_for_another_environment_or_by_another_signer_is_refused)
{
	struct sim_key k;

	loaded();
	k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	k.environment[0] ^= 1;
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	ck_assert(refused(MSG_KEY, E_ENVIRONMENT));
	k.environment[0] ^= 1;
	ck_assert(sim_greet(&sim, &host));
	host.kdh = host.kif_ca;
	len = sim_key(&host, message, &k);
	ck_assert(refused(MSG_KEY, E_SIGNATURE));
}
END_TEST

START_TEST(equal_halves_are_no_tdes_key)
{
	struct sim_key k;

	loaded();
	k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	memcpy(k.ik.b + 8, k.ik.b, 8);
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	ck_assert(refused(MSG_KEY, E_KEY));
}
END_TEST

START_TEST(a_flipped_bit_anywhere_in_key_changes_nothing)
{
	struct sim_key k;

	loaded();
	k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	saved = sim;
	for (size_t i = 0; i < len; i++) {
		sim = saved;
		message[i] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_eq(sim_ask(&sim, MSG_KEY, msg()), MSG_ABORT);
		ck_assert_mem_eq(sim.nv, saved.nv, sizeof sim.nv);
		ck_assert_int_eq(sim.krd.at, KRD_IDLE);
		message[i] ^= (uint8_t)(1u << i % 8);
	}
	sim = saved; /* and untouched it is taken: the loop tested what it says */
	ck_assert_int_eq(sim_ask(&sim, MSG_KEY, msg()), MSG_RECEIPT);
}
END_TEST

/* (r, n - s) verifies where (r, s) does, so whoever holds the line can make it; its h is one that no load room
 * knows. */
START_TEST(the_second_form_of_a_signature_is_refused)
{
	static const uint32_t n[8] = { 0xffffffff, 0x00000000, 0xffffffff, 0xffffffff,
				       0xbce6faad, 0xa7179e84, 0xf3b9cac2, 0xfc632551 };
	struct sim_key k;
	int64_t d = 0;

	loaded();
	k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	for (size_t i = 8; i-- > 0; d >>= 32) {
		uint8_t *s = message + len - 32 + 4 * i;

		d += (int64_t)n[i] - get_be32(s);
		put_be32(s, (uint32_t)d);
	}
	ck_assert(refused(MSG_KEY, E_SIGNATURE));
}
END_TEST

START_TEST(a_key_of_another_session_is_refused)
{
	struct sim_key k;

	loaded();
	k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	{
		uint8_t other[MSG_MAX];
		size_t n = sim_hello(&host, other);

		ck_assert_int_eq(sim_ask(&sim, MSG_HELLO, (struct span){ other, n }), MSG_OFFER);
	}
	ck_assert(refused(MSG_KEY, E_SIGNATURE));
	ck_assert(refused(MSG_KEY, E_SEQUENCE)); /* and without any session */
}
END_TEST

START_TEST(a_repeated_key_gets_the_same_receipt_and_loads_nothing)
{
	uint8_t receipt[LINK_PAYLOAD];
	struct msg_receipt m;
	size_t receipt_len;
	struct sim_key k;

	loaded();
	k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	ck_assert_int_eq(sim_ask(&sim, MSG_KEY, msg()), MSG_RECEIPT);
	ck_assert(sim_receipt(&m, &host));
	ck_assert_uint_eq(m.load_count, 3);
	ck_assert_int_eq(m.result, E_OK);
	receipt_len = sim_reply_len;
	memcpy(receipt, sim_reply, receipt_len);
	for (unsigned i = 0; i < 4; i++) {
		if (i == 1) { /* the receipt was lost, the terminal restarted */
			ck_assert_int_eq(sim_boot(&sim), E_OK);
		} else if (i == 2) { /* a later load does not change it */
			struct sim_host other = host;

			k = sim_key_of(&host, 3, DUKPT_AES128, "123456789012345700000000");
			ck_assert(sim_load(&sim, &other, &k));
		} else if (i == 3) { /* inside a session that was begun since */
			struct sim_host other = host;

			ck_assert(sim_greet(&sim, &other));
		}
		memcpy(before, sim.nv, sizeof before);
		ck_assert_int_eq(sim_ask(&sim, MSG_KEY, msg()), MSG_RECEIPT);
		ck_assert_uint_eq(sim_reply_len, receipt_len);
		ck_assert_mem_eq(sim_reply, receipt, receipt_len);
		ck_assert_mem_eq(before, sim.nv, sizeof before);
	}
}
END_TEST

START_TEST(a_power_cut_in_a_load_leaves_it_done_or_not_begun)
{
	struct sim_key k;
	size_t done = 0, not_begun = 0;
	long all;

	loaded();
	k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	saved = sim;
	sim.written = 0;
	ck_assert_int_eq(sim_ask(&sim, MSG_KEY, msg()), MSG_RECEIPT);
	all = sim.written;
	for (long n = 0; n < all; n += 5) {
		sim = saved;
		sim.budget = n;
		ck_assert_int_eq(sim_ask(&sim, MSG_KEY, msg()), MSG_ABORT);
		sim.budget = -1;
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		if (sim.store.slot[2].state == SLOT_LOADED) {
			struct msg_receipt m;

			done++;
			ck_assert_uint_eq(store_load_count(&sim.store), 3);
			ck_assert_int_eq(sim_ask(&sim, MSG_KEY, msg()), MSG_RECEIPT);
			ck_assert(sim_receipt(&m, &host));
		} else {
			not_begun++;
			ck_assert_uint_eq(store_load_count(&sim.store), 2);
			ck_assert_int_eq(sim_ask(&sim, MSG_KEY, msg()), MSG_ABORT);
			ck_assert(sim_abort(E_SEQUENCE));
		}
	}
	ck_assert_uint_gt(done, 0);
	ck_assert_uint_gt(not_begun, 0);
}
END_TEST

START_TEST(zeroize_wipes_the_slot_and_the_ksn_is_remembered)
{
	uint8_t key[16], old[MSG_MAX];
	struct msg_receipt m;
	struct sim_key k;
	size_t old_len;

	identified();
	k = sim_key_of(&host, 0, DUKPT_TDES, SIM_KSN_TDES);
	ck_assert(sim_greet(&sim, &host));
	old_len = sim_key(&host, old, &k);
	ck_assert_int_eq(sim_ask(&sim, MSG_KEY, (struct span){ old, old_len }), MSG_RECEIPT);
	memcpy(key, sim_registers(&sim.store, 0).key[7], sizeof key);

	ck_assert(sim_greet(&sim, &host));
	len = sim_zeroize(&host, message, 0);
	ck_assert_int_eq(sim_ask(&sim, MSG_ZEROIZE, msg()), MSG_RECEIPT);
	ck_assert(sim_receipt(&m, &host));
	ck_assert_uint_eq(m.ksn.len, 10);
	ck_assert_uint_eq(m.kcv.len, 3);
	ck_assert_str_eq(sim.shown[0], "SLOT 0 EMPTY");
	for (size_t i = 0; i + sizeof key <= sizeof sim; i++)
		ck_assert(memcmp((const uint8_t *)&sim + i, key, sizeof key));

	/* The KEY that loaded it is not answered any more as if it were loaded, and its KSN is refused. */
	ck_assert_int_eq(sim_ask(&sim, MSG_KEY, (struct span){ old, old_len }), MSG_ABORT);
	ck_assert(sim_abort(E_SEQUENCE));
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	ck_assert_uint_eq(store_load_count(&sim.store), 1);
	k = sim_key_of(&host, 1, DUKPT_TDES, SIM_KSN_TDES);
	ck_assert(sim_greet(&sim, &host));
	len = sim_key(&host, message, &k);
	ck_assert(refused(MSG_KEY, E_REPLAY));
	k = sim_key_of(&host, 0, DUKPT_TDES, "FFFF9876543210C00000");
	ck_assert(sim_load(&sim, &host, &k));
}
END_TEST

START_TEST(zeroize_of_all_slots_empties_them_and_a_forged_one_nothing)
{
	struct msg_receipt m;

	loaded();
	ck_assert(sim_greet(&sim, &host));
	len = sim_zeroize(&host, message, MSG_SLOT_ALL);
	message[len - 1] ^= 1;
	ck_assert(refused(MSG_ZEROIZE, E_SIGNATURE));
	ck_assert(sim_greet(&sim, &host));
	len = sim_zeroize(&host, message, STORE_SLOTS);
	ck_assert(refused(MSG_ZEROIZE, E_SLOT));
	ck_assert(sim_greet(&sim, &host));
	len = sim_zeroize(&host, message, MSG_SLOT_ALL);
	ck_assert_int_eq(sim_ask(&sim, MSG_ZEROIZE, msg()), MSG_RECEIPT);
	ck_assert(sim_receipt(&m, &host));
	ck_assert_int_eq(m.slot, MSG_SLOT_ALL);
	for (unsigned i = 0; i < STORE_SLOTS; i++)
		ck_assert_int_eq(sim.store.slot[i].state, SLOT_EMPTY);
	ck_assert_uint_eq(store_load_count(&sim.store), 2);
}
END_TEST

/* --- UPDATE --- */

#define KSN_NEXT "123456789012345700000000"

static const struct key next_ik = { { 0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78, 1, 2, 3, 4, 5, 6, 7, 8 }, 16 };

static struct ksn ksn_of(const char *text)
{
	struct ksn k;

	ck_assert_int_eq(ksn_parse(&k, text), E_OK);
	return k;
}

/* An UPDATE for a slot: this initial key and KSN, under the update key of that initial key and KSN. */
static void update_from(uint8_t slot, const struct key *ik, const char *ksn, const struct key *old, const char *old_ksn)
{
	static const uint8_t padding[KEYBLOCK_RANDOM] = { 1, 2, 3 };
	struct ksn k = ksn_of(ksn), was = ksn_of(old_ksn);
	char text[IKBLOCK_MAX];
	struct msg_update m = { slot, { (const uint8_t *)text, 0 } };
	struct key kbpk;

	ck_assert_int_eq(dukpt_host_update_key(&kbpk, old, DUKPT_AES128, &was, DUKPT_KEY_AES128), E_OK);
	ck_assert_int_eq(dukpt_ik_block(text, &m.block.len, 'D', DUKPT_AES128, ik, &k, &kbpk, padding), E_OK);
	ck_assert_int_eq(msg_put_update(message, &len, sizeof message, &m), E_OK);
}

/* ... of the published key that slot 1 holds */
static void update(uint8_t slot, const char *ksn)
{
	const struct key old = test_key("1273671EA26AC29AFA4D1084127652A1");

	update_from(slot, &next_ik, ksn, &old, SIM_KSN_AES);
}

/* One transaction key out of a slot, durably. */
static void take(unsigned slot, struct key *txn, struct ksn *used)
{
	struct slot_record *draft;

	ck_assert_int_eq(store_draft_slot(&draft, &sim.store, slot), E_OK);
	ck_assert_int_eq(dukpt_registers_take(&draft->registers, txn, used, &draft->registers), E_OK);
	ck_assert_int_eq(store_commit(&sim.store), E_OK);
}

/* The host's own transcript over UPDATE alone: h0, then it. */
static bool receipt_of_update(struct msg_receipt *m)
{
	return !transcript_start(&host.t) && !transcript_add(&host.t, MSG_UPDATE, msg()) && sim_receipt(m, &host);
}

START_TEST(an_update_gives_the_slot_a_new_initial_key_and_leaves_nothing_of_the_old_one)
{
	static const char line[] = "SLOT 1 LOADED " KSN_NEXT " KCV ";
	struct dukpt_registers old, want, now;
	struct slot others[STORE_SLOTS];
	uint8_t kcv[KCV_MAX], kcv_len;
	struct ksn next = ksn_of(KSN_NEXT), used;
	struct key txn, right;
	struct msg_receipt m;

	loaded();
	for (unsigned i = 0; i < 5; i++) /* not only at its first transaction */
		take(1, &txn, &used);
	old = sim_registers(&sim.store, 1);
	memcpy(others, sim.store.slot, sizeof others);
	update(1, KSN_NEXT);
	ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
	ck_assert(receipt_of_update(&m));
	ck_assert_int_eq(m.result, E_OK);
	ck_assert_uint_eq(m.slot, 1);
	ck_assert_uint_eq(m.load_count, 2);
	ck_assert_uint_eq(m.ksn.len, KSN_AES);
	ck_assert_mem_eq(m.ksn.p, next.b, KSN_AES);
	ck_assert_int_eq(kcv_compute(kcv, &kcv_len, DUKPT_AES128, &next_ik), E_OK);
	ck_assert_uint_eq(m.kcv.len, kcv_len);
	ck_assert_mem_eq(m.kcv.p, kcv, kcv_len);
	ck_assert_mem_eq(sim.shown[0], line, sizeof line - 1);
	ck_assert_uint_eq(store_load_count(&sim.store), 2);
	ck_assert_int_eq(dukpt_registers_load(&want, DUKPT_AES128, &next_ik, &next), E_OK);
	now = sim_registers(&sim.store, 1);
	ck_assert_mem_eq(&now, &want, sizeof want);
	ck_assert_mem_eq(&sim.store.slot[0], &others[0], sizeof others[0]);
	ck_assert_mem_eq(&sim.store.slot[2], &others[2], 2 * sizeof others[0]);
	for (unsigned r = 0; r < DUKPT_REGISTERS; r++)
		for (size_t i = 0; old.filled >> r & 1 && i + 16 <= sizeof sim; i++)
			ck_assert_msg(memcmp((const uint8_t *)&sim + i, old.key[r], 16), "register %u at %zu", r, i);
	for (size_t i = 0; i + 16 <= sizeof sim; i++)
		ck_assert(memcmp((const uint8_t *)&sim + i, next_ik.b, 16));

	/* the power goes; transactions are the new key's, from its first */
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	for (uint32_t i = 1; i <= 5; i++) {
		take(1, &txn, &used);
		ck_assert(ksn_same_device(&used, &next));
		ck_assert_uint_eq(ksn_counter(&used), i);
		ck_assert_int_eq(dukpt_host_txn(&right, &next_ik, DUKPT_AES128, &used), E_OK);
		ck_assert_mem_eq(txn.b, right.b, 16);
	}
	ck_assert(sim_greet(&sim, &host));
	ck_assert_mem_eq(host.offer.slot[1].ksn.p, next.b, KSN_AES);
}
END_TEST

START_TEST(a_receipt_of_update_is_none_of_key)
{
	struct sim_host sent;
	struct msg_receipt m;

	loaded();
	ck_assert(sim_greet(&sim, &host));
	sent = host;
	update(1, KSN_NEXT);
	ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT); /* and the session is over */
	ck_assert_int_eq(sim.krd.at, KRD_IDLE);
	for (enum msg_type type = MSG_KEY; type <= MSG_UPDATE; type++) {
		host = sent; /* a session in which these bytes were sent as another message */
		ck_assert_int_eq(transcript_add(&host.t, type, msg()), E_OK);
		ck_assert(!sim_receipt(&m, &host));
		ck_assert_int_eq(transcript_start(&host.t), E_OK);
		ck_assert_int_eq(transcript_add(&host.t, type, msg()), E_OK);
		ck_assert(sim_receipt(&m, &host) == (type == MSG_UPDATE));
	}
}
END_TEST

START_TEST(a_repeated_update_gets_the_same_receipt_and_loads_nothing)
{
	uint8_t receipt[LINK_PAYLOAD];
	struct msg_receipt m;
	size_t receipt_len;
	struct ksn used;
	struct key txn;

	loaded();
	update(1, KSN_NEXT);
	ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
	receipt_len = sim_reply_len;
	memcpy(receipt, sim_reply, receipt_len);
	for (unsigned i = 0; i < 3; i++) {
		if (i == 1)
			ck_assert_int_eq(sim_boot(&sim), E_OK);
		take(1, &txn, &used); /* or its counter would restart */
		memcpy(before, sim.nv, sizeof before);
		ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
		ck_assert_uint_eq(sim_reply_len, receipt_len);
		ck_assert_mem_eq(sim_reply, receipt, receipt_len);
		ck_assert_mem_eq(before, sim.nv, sizeof before);
	}
	ck_assert(receipt_of_update(&m));
	/* a later one has taken its place: nobody makes blocks under its update key any more */
	update_from(1, &txn, "123456789012345800000000", &next_ik, KSN_NEXT);
	ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
	update(1, KSN_NEXT);
	ck_assert(refused(MSG_UPDATE, E_MAC));
}
END_TEST

START_TEST(a_changed_byte_anywhere_in_update_changes_nothing)
{
	loaded();
	update(1, KSN_NEXT);
	saved = sim;
	for (size_t i = 0; i < len; i++)
		for (unsigned v = 1; v < 256; v = v * 2 + 1) {
			sim = saved;
			message[i] ^= (uint8_t)v;
			ck_assert_msg(sim_ask(&sim, MSG_UPDATE, msg()) == MSG_ABORT, "byte %zu ^ %02x", i, v);
			ck_assert_mem_eq(sim.nv, saved.nv, sizeof sim.nv);
			ck_assert_mem_eq(sim.store.slot, saved.store.slot, sizeof sim.store.slot);
			message[i] ^= (uint8_t)v;
		}
	for (size_t n = len; n-- > 0;) {
		sim = saved;
		ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, (struct span){ message, n }), MSG_ABORT);
		ck_assert_mem_eq(sim.nv, saved.nv, sizeof sim.nv);
	}
	sim = saved; /* and untouched it is taken: the loops tested what they say */
	ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
}
END_TEST

START_TEST(updates_that_must_be_refused)
{
	const struct key old = test_key("1273671EA26AC29AFA4D1084127652A1");
	struct sim_key k;

	loaded();
	update(0, KSN_NEXT);
	ck_assert(refused(MSG_UPDATE, E_SCHEME)); /* TDES has no update key */
	update(2, KSN_NEXT);
	ck_assert(refused(MSG_UPDATE, E_EMPTY));
	update(STORE_SLOTS, KSN_NEXT);
	ck_assert(refused(MSG_UPDATE, E_SLOT));
	/* for a terminal with another initial key, or another id */
	update_from(1, &next_ik, KSN_NEXT, &next_ik, SIM_KSN_AES);
	ck_assert(refused(MSG_UPDATE, E_MAC));
	update_from(1, &next_ik, KSN_NEXT, &old, KSN_NEXT);
	ck_assert(refused(MSG_UPDATE, E_MAC));
	/* a KSN that would restart a counter: this slot's, one that another slot holds, one that another last held */
	update(1, SIM_KSN_AES);
	ck_assert(refused(MSG_UPDATE, E_REPLAY));
	k = sim_key_of(&host, 3, DUKPT_AES128, KSN_NEXT);
	ck_assert(sim_load(&sim, &host, &k));
	update(1, KSN_NEXT);
	ck_assert(refused(MSG_UPDATE, E_REPLAY));
	ck_assert(sim_greet(&sim, &host));
	len = sim_zeroize(&host, message, 3);
	ck_assert_int_eq(sim_ask(&sim, MSG_ZEROIZE, msg()), MSG_RECEIPT);
	update(1, KSN_NEXT);
	ck_assert(refused(MSG_UPDATE, E_REPLAY));
	update(1, "123456789012345800000000");
	ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
}
END_TEST

START_TEST(an_exhausted_slot_takes_no_update)
{
	struct dukpt_registers none;

	loaded();
	none = sim_registers(&sim.store, 1);
	none.filled = 0;
	memset(none.key, 0, sizeof none.key);
	sim_set_registers(&sim.store, 1, &none, SLOT_EXHAUSTED);
	update(1, KSN_NEXT);
	ck_assert(refused(MSG_UPDATE, E_EXHAUSTED));
}
END_TEST

/* The configurations that production rooms make, and what resembles the permission without being it. */
START_TEST(without_permission_in_its_configuration_a_terminal_takes_no_update)
{
	static const char *const configs[] = {
		SIM_CONFIG,
		"",
		SIM_CONFIG "update = no\n",
		SIM_CONFIG "update = yes",
		SIM_CONFIG "update = yes or no\n",
		SIM_CONFIG "no update = yes\n",
		"environment = update = yes\n",
		SIM_CONFIG "update = yes\n", /* this one is taken: the loop tests what it says */
	};
	const unsigned n = sizeof configs / sizeof *configs;

	for (unsigned i = 0; i < n; i++) {
		struct sim_key k;

		blank();
		update(1, KSN_NEXT);
		ck_assert(refused(MSG_UPDATE, E_BLANK));
		host.config = configs[i];
		ck_assert(sim_enrol(&sim, &host));
		k = sim_key_of(&host, 1, DUKPT_AES128, SIM_KSN_AES);
		ck_assert(sim_load(&sim, &host, &k));
		update(1, KSN_NEXT);
		if (i + 1 < n)
			ck_assert_msg(refused(MSG_UPDATE, E_DENIED), "%s", configs[i]);
		else
			ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
	}
}
END_TEST

START_TEST(a_power_cut_in_an_update_leaves_the_old_key_or_the_new_one)
{
	struct slot was, is;
	size_t old = 0, new = 0;
	long all;

	loaded();
	update(1, KSN_NEXT);
	was = sim.store.slot[1];
	saved = sim;
	sim.written = 0;
	ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
	is = sim.store.slot[1];
	all = sim.written;
	for (long n = 0; n < all; n += 5) {
		bool updated;

		sim = saved;
		sim.budget = n;
		ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_ABORT);
		sim.budget = -1;
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		updated = !memcmp(&sim.store.slot[1], &is, sizeof is);
		ck_assert(updated || !memcmp(&sim.store.slot[1], &was, sizeof was));
		new += updated;
		old += !updated;
		/* either way the same UPDATE finishes it */
		ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, msg()), MSG_RECEIPT);
		ck_assert_mem_eq(&sim.store.slot[1], &is, sizeof is);
	}
	ck_assert_uint_gt(old, 0);
	ck_assert_uint_gt(new, 0);
}
END_TEST

/* --- Every state, every message --- */

static void go(enum krd_at at)
{
	if (at == KRD_ASKED)
		identify();
	else if (at == KRD_OFFERED)
		ck_assert(sim_greet(&sim, &host));
	ck_assert_int_eq(sim.krd.at, at);
}

/* A message of this type that is as right as it can be in this state. */
static void compose(unsigned type)
{
	struct sim_key k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	struct msg_abort abort = { E_TIMEOUT };

	len = 0;
	switch (type) {
	case MSG_IDENTIFY:
		len = sim_identify(&host, message);
		break;
	case MSG_CERT:
		len = sim_cert(&host, message, "SIM-1");
		break;
	case MSG_HELLO:
		len = sim_hello(&host, message);
		break;
	case MSG_KEY:
		if (!host.ephemeral[0])
			memcpy(host.ephemeral, host.device, sizeof host.ephemeral);
		len = sim_key(&host, message, &k);
		break;
	case MSG_ZEROIZE:
		len = sim_zeroize(&host, message, 2);
		break;
	case MSG_UPDATE:
		update(1, KSN_NEXT);
		break;
	case MSG_ABORT:
		ck_assert_int_eq(msg_put_abort(message, &len, sizeof message, &abort), E_OK);
		break;
	}
}

START_TEST(every_message_in_every_state_does_what_the_table_says_and_nothing_else)
{
	static const struct {
		enum krd_at at;
		unsigned got, answer;
		enum krd_at next;
	} table[] = {
		{ KRD_IDLE, MSG_IDENTIFY, MSG_CSR, KRD_ASKED },      { KRD_IDLE, MSG_HELLO, MSG_OFFER, KRD_OFFERED },
		{ KRD_ASKED, MSG_IDENTIFY, MSG_CSR, KRD_ASKED },     { KRD_ASKED, MSG_HELLO, MSG_OFFER, KRD_OFFERED },
		{ KRD_ASKED, MSG_CERT, MSG_DONE, KRD_IDLE },         { KRD_OFFERED, MSG_IDENTIFY, MSG_CSR, KRD_ASKED },
		{ KRD_OFFERED, MSG_HELLO, MSG_OFFER, KRD_OFFERED },  { KRD_OFFERED, MSG_KEY, MSG_RECEIPT, KRD_IDLE },
		{ KRD_OFFERED, MSG_ZEROIZE, MSG_RECEIPT, KRD_IDLE }, { KRD_IDLE, MSG_UPDATE, MSG_RECEIPT, KRD_IDLE },
		{ KRD_ASKED, MSG_UPDATE, MSG_RECEIPT, KRD_IDLE },    { KRD_OFFERED, MSG_UPDATE, MSG_RECEIPT, KRD_IDLE },
	};
	struct sim_host kept;

	loaded();
	saved = sim;
	kept = host;
	for (enum krd_at at = KRD_IDLE; at <= KRD_OFFERED; at++)
		for (unsigned type = 0; type < 40; type++) {
			unsigned answer = MSG_ABORT;
			enum krd_at next = KRD_IDLE;

			for (size_t i = 0; i < sizeof table / sizeof *table; i++)
				if (table[i].at == at && table[i].got == type) {
					answer = table[i].answer;
					next = table[i].next;
				}
			sim = saved;
			host = kept;
			go(at);
			compose(type);
			if (answer == MSG_ABORT) {
				ck_assert_msg(refused((enum msg_type)type, type == MSG_ABORT ? E_TIMEOUT
									   : msg_name(type)  ? E_SEQUENCE
											     : E_FORMAT),
					      "state %d, message %u", (int)at, type);
			} else {
				ck_assert_msg(sim_ask(&sim, type, msg()) == answer, "state %d, message %u", (int)at,
					      type);
				ck_assert_int_eq(sim.krd.at, next);
			}
		}
}
END_TEST

/* --- The loading window --- */

static void shut(void)
{
	sim.loading = false;
	ck_assert_int_eq(sim_boot(&sim), E_OK);
}

START_TEST(outside_the_loading_window_nothing_is_loaded_or_zeroized_and_the_rest_goes_on)
{
	struct sim_host kept;
	struct sim_key k;

	loaded();
	shut();
	saved = sim;
	kept = host;
	for (enum krd_at at = KRD_IDLE; at <= KRD_ASKED; at++)
		for (unsigned type = 0; type < 40; type++) {
			enum err reason = type == MSG_ABORT  ? E_TIMEOUT
					  : msg_name(type) ? E_SEQUENCE
							   : E_FORMAT;

			if (type == MSG_HELLO || type == MSG_ZEROIZE || (type == MSG_KEY && at == KRD_IDLE))
				reason = E_WINDOW;
			if (type == MSG_IDENTIFY || type == MSG_UPDATE || (type == MSG_CERT && at == KRD_ASKED))
				reason = E_OK;
			sim = saved;
			host = kept;
			go(at);
			compose(type);
			if (reason)
				ck_assert_msg(refused((enum msg_type)type, reason), "state %d, message %u", (int)at,
					      type);
			else
				ck_assert_msg(sim_ask(&sim, type, msg()) != MSG_ABORT, "state %d, message %u", (int)at,
					      type);
		}
	sim = saved;
	host = kept;
	krd_open(&sim.krd);
	ck_assert_str_eq(sim.shown[0], "LOADING OPEN");
	k = sim_key_of(&host, 2, DUKPT_TDES, "FFFF9876543210C00000");
	ck_assert(sim_load(&sim, &host, &k));
}
END_TEST

/* From a tick of 0, and from one just before it goes round. */
START_TEST(the_loading_window_closes_after_its_time_and_with_it_the_session)
{
	static const struct key none;

	loaded();
	saved = sim;
	for (unsigned i = 0; i < 2; i++) {
		sim = saved;
		sim.now = i ? UINT32_MAX - 1000 : 0;
		sim.loading = false;
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		krd_open(&sim.krd);
		sim.now += KRD_IDLE_MS - 1;
		ck_assert(sim_greet(&sim, &host)); /* which keeps it open */
		len = sim_zeroize(&host, message, 2);
		sim.now += KRD_IDLE_MS - 1;
		krd_tick(&sim.krd);
		ck_assert_int_eq(sim.krd.at, KRD_OFFERED);
		sim.now++;
		krd_tick(&sim.krd);
		ck_assert_str_eq(sim.shown[0], "LOADING CLOSED");
		ck_assert_int_eq(sim.krd.at, KRD_IDLE);
		ck_assert_mem_eq(&sim.krd.ephemeral, &none, sizeof none);
		ck_assert(refused(MSG_ZEROIZE, E_WINDOW));
		len = sim_hello(&host, message);
		ck_assert(refused(MSG_HELLO, E_WINDOW));
		krd_tick(&sim.krd);
		ck_assert_str_eq(sim.shown[0], err_text(E_WINDOW)); /* it closed once */

		/* never silent for long, it closes all the same */
		krd_open(&sim.krd);
		for (unsigned t = 0; t < KRD_WINDOW_MS / 60000; t++) {
			ck_assert(sim_greet(&sim, &host));
			sim.now += 60000;
		}
		len = sim_hello(&host, message);
		ck_assert(refused(MSG_HELLO, E_WINDOW));
	}
}
END_TEST

START_TEST(messages_that_are_refused_keep_no_window_open)
{
	loaded();
	shut();
	krd_open(&sim.krd);
	for (uint32_t t = 0; t < KRD_IDLE_MS; t += 1000) {
		len = sim_hello(&host, message);
		message[0]++;
		ck_assert(refused(MSG_HELLO, E_VERSION));
		sim.now += 1000;
	}
	len = sim_hello(&host, message);
	ck_assert(refused(MSG_HELLO, E_WINDOW));
}
END_TEST

START_TEST(an_empty_payload_is_answered_with_an_empty_one_and_ends_nothing)
{
	uint8_t reply[LINK_PAYLOAD];

	loaded();
	ck_assert(sim_greet(&sim, &host));
	ck_assert_uint_eq(krd_answer(&sim.krd, reply, (struct span){ reply, 0 }), 0);
	ck_assert_int_eq(sim.krd.at, KRD_OFFERED);
}
END_TEST

START_TEST(a_tampered_terminal_says_only_that)
{
	loaded();
	ck_assert_int_eq(store_tamper(&sim.store), E_OK);
	for (unsigned type = 0; type < 40; type++) {
		compose(type);
		ck_assert_int_eq(sim_ask(&sim, type, msg()), MSG_ABORT);
		ck_assert(sim_abort(E_TAMPERED));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("terminal/krd");
	TCase *t = tcase_create("krd");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_blank_terminal_takes_its_enrolment);
	tcase_add_test(t, the_display_shows_the_digest_of_the_identity_key);
	tcase_add_test(t, the_identity_key_is_made_once_in_a_life);
	tcase_add_test(t, identity_keys_of_two_terminals_differ_even_with_the_same_noise);
	tcase_add_test(t, a_foreign_ca_room_cannot_enrol);
	tcase_add_test(t, a_changed_cert_is_refused);
	tcase_add_test(t, a_certificate_of_another_terminal_is_refused);
	tcase_add_test(t, an_enrolment_whose_done_was_lost_can_be_finished);
	tcase_add_test(t, an_enrolled_terminal_takes_no_other_certificate_or_anchor);
	tcase_add_test(t, without_good_noise_no_identity_is_made);
	tcase_add_test(t, both_schemes_load_and_their_first_transaction_keys_are_the_published_ones);
	tcase_add_test(t, keys_stronger_than_the_curve_load_where_a_test_room_permits_it);
	tcase_add_test(t, the_initial_key_is_nowhere_in_the_terminal_after_loading);
	tcase_add_test(t, an_offer_tells_what_the_terminal_holds);
	tcase_add_test(t, offers_never_repeat_a_nonce_or_a_point);
	tcase_add_test(t, hellos_that_must_be_refused);
	tcase_add_test(t, a_lower_epoch_is_refused_but_only_after_a_key_under_a_higher_one);
	tcase_add_loop_test(t, keys_that_must_be_refused, 0, sizeof bads / sizeof *bads);
	tcase_add_test(t, a_key_for_another_environment_or_by_another_signer_is_refused);
	tcase_add_test(t, equal_halves_are_no_tdes_key);
	tcase_add_test(t, a_flipped_bit_anywhere_in_key_changes_nothing);
	tcase_add_test(t, the_second_form_of_a_signature_is_refused);
	tcase_add_test(t, a_key_of_another_session_is_refused);
	tcase_add_test(t, a_repeated_key_gets_the_same_receipt_and_loads_nothing);
	tcase_add_test(t, a_power_cut_in_a_load_leaves_it_done_or_not_begun);
	tcase_add_test(t, zeroize_wipes_the_slot_and_the_ksn_is_remembered);
	tcase_add_test(t, zeroize_of_all_slots_empties_them_and_a_forged_one_nothing);
	tcase_add_test(t, an_update_gives_the_slot_a_new_initial_key_and_leaves_nothing_of_the_old_one);
	tcase_add_test(t, a_receipt_of_update_is_none_of_key);
	tcase_add_test(t, a_repeated_update_gets_the_same_receipt_and_loads_nothing);
	tcase_add_test(t, a_changed_byte_anywhere_in_update_changes_nothing);
	tcase_add_test(t, updates_that_must_be_refused);
	tcase_add_test(t, an_exhausted_slot_takes_no_update);
	tcase_add_test(t, without_permission_in_its_configuration_a_terminal_takes_no_update);
	tcase_add_test(t, a_power_cut_in_an_update_leaves_the_old_key_or_the_new_one);
	tcase_add_test(t, every_message_in_every_state_does_what_the_table_says_and_nothing_else);
	tcase_add_test(t, outside_the_loading_window_nothing_is_loaded_or_zeroized_and_the_rest_goes_on);
	tcase_add_test(t, the_loading_window_closes_after_its_time_and_with_it_the_session);
	tcase_add_test(t, messages_that_are_refused_keep_no_window_open);
	tcase_add_test(t, an_empty_payload_is_answered_with_an_empty_one_and_ends_nothing);
	tcase_add_test(t, a_tampered_terminal_says_only_that);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
