/*
 * A key set's way from the load room to one acquirer room: the right package is taken whole, any other leaves nothing
 * behind.
 */
#include "dukpt/aes.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define TDES_BDK "0123456789ABCDEFFEDCBA9876543210"
#define AES_BDK "FEDCBA9876543210F1F1F1F1F1F1F1F1"
#define DAY UINT64_C(86400)

static struct room_sim sim;
static struct room_sim_package p;
static uint8_t package[EXCHANGE_MAX];
static size_t len;
static struct key_set made, taken;
static char why[EXCHANGE_WHY], from[CERT_TEXT];

static void setup(void)
{
	room_sim_make(&sim);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static struct key_set_id set_of(const char *text, enum dukpt_scheme scheme)
{
	struct key_set_id id = { .scheme = scheme };

	if (text)
		ck_assert_int_eq(key_set_parse(&id, text, scheme), E_OK);
	return id;
}

static enum err generate(const char *text, enum dukpt_scheme scheme, struct span cert)
{
	struct key_set_id id = set_of(text, scheme);

	len = 0;
	return exchange_generate(package, &len, &made, &sim.load, &id, cert, why);
}

static enum err import(void)
{
	return exchange_import(&taken, from, &sim.acquirer, (struct span){ package, len }, why);
}

/* Neither the journal nor the token of a room knows the key set. */
static void assert_nothing(struct room *r, const struct key_set_id *id)
{
	char text[KEY_SET_TEXT];
	struct key_set s;

	key_set_text(text, id);
	ck_assert_int_eq(journal_key_set(&s, r->journal, text), E_KEY_SET);
	if (r == &sim.acquirer) {
		struct ksn iksn;
		struct key ik;

		ck_assert_int_eq(ksn_make(&iksn, id->scheme, id->b, 0), E_OK);
		ck_assert_int_eq(worker_initial_key(r->worker, &ik, id, &iksn), E_KEY_SET);
	}
}

static void refused(enum err expected)
{
	uint8_t before[32], after[32];

	room_sim_digest(before, &sim.acquirer);
	ck_assert_int_eq(import(), expected);
	room_sim_digest(after, &sim.acquirer);
	ck_assert_mem_eq(before, after, 32);
	assert_nothing(&sim.acquirer, &p.set);
}

/* --- From room to room --- */

START_TEST(both_rooms_hold_the_same_key)
{
	static const enum dukpt_scheme schemes[] = { DUKPT_TDES, DUKPT_AES128, DUKPT_AES192, DUKPT_AES256 };
	char text[KEY_SET_TEXT];
	struct key_set s;

	for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
		ck_assert_int_eq(generate(NULL, schemes[i], der_span(&sim.acquirer.own)), E_OK);
		key_set_text(text, &made.id);
		ck_assert_int_eq(made.id.scheme, schemes[i]);
		ck_assert_uint_gt(made.utc, 1600000000);
		ck_assert_int_eq(import(), E_OK);
		ck_assert_str_eq(from, "KIF-1");
		ck_assert_int_eq(taken.id.scheme, schemes[i]);
		ck_assert_uint_eq(taken.kcv.len, schemes[i] == DUKPT_TDES ? 3 : 5);
		ck_assert_mem_eq(taken.kcv.b, made.kcv.b, taken.kcv.len);
		room_sim_reopen(&sim.acquirer);
		ck_assert_int_eq(journal_key_set(&s, sim.acquirer.journal, text), E_OK);
		ck_assert_int_eq(import(), E_EXISTS);
		ck_assert_ptr_nonnull(strstr(why, text));
	}
}
END_TEST

/* The acquirer derives from the package what dukpt derives from the BDK. */
START_TEST(the_imported_key_derives_the_published_initial_keys)
{
	struct ksn iksn;
	struct key ik, right;

	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	len = room_sim_package_bytes(&sim, package, &p);
	ck_assert_int_eq(import(), E_OK);
	ck_assert_str_eq(from, "KIF-2");
	ck_assert_int_eq(ksn_parse(&iksn, "FFFF9876543210E00000"), E_OK);
	ck_assert_int_eq(worker_initial_key(sim.acquirer.worker, &ik, &p.set, &iksn), E_OK);
	right = test_key("6AC292FAA1315B4D858AB3A3D7D5933A");
	ck_assert_mem_eq(ik.b, right.b, 16);

	room_sim_package(&sim, &p, DUKPT_AES128, "12345678", AES_BDK);
	len = room_sim_package_bytes(&sim, package, &p);
	ck_assert_int_eq(import(), E_OK);
	ck_assert_int_eq(ksn_parse(&iksn, "123456789012345600000000"), E_OK);
	ck_assert_int_eq(worker_initial_key(sim.acquirer.worker, &ik, &p.set, &iksn), E_OK);
	right = test_key("1273671EA26AC29AFA4D1084127652A1");
	ck_assert_mem_eq(ik.b, right.b, 16);
}
END_TEST

START_TEST(an_id_that_is_asked_for_is_given_once)
{
	ck_assert_int_eq(generate("FFFF0000AB", DUKPT_TDES, der_span(&sim.acquirer.own)), E_OK);
	ck_assert_mem_eq(made.id.b, "\xFF\xFF\x00\x00\xAB", 5);
	ck_assert_int_eq(generate("FFFF0000AB", DUKPT_TDES, der_span(&sim.acquirer.own)), E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "FFFF0000AB"));
	ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(random_ids_look_like_their_family_and_differ)
{
	struct key_set_id first;

	ck_assert_int_eq(generate(NULL, DUKPT_TDES, der_span(&sim.acquirer.own)), E_OK);
	ck_assert_mem_eq(made.id.b, "\xFF\xFF", 2);
	first = made.id;
	ck_assert_int_eq(generate(NULL, DUKPT_TDES, der_span(&sim.acquirer.own)), E_OK);
	ck_assert_mem_ne(made.id.b, first.b, 5);
}
END_TEST

/* --- What is not generated --- */

START_TEST(what_is_stronger_than_the_curve_is_for_test_rooms)
{
	static const struct {
		enum dukpt_scheme scheme;
		const char *id, *ksn, *bdk;
	} rows[] = {
		{ DUKPT_AES192, "87654321", "876543210000000700000000", AES_BDK "F1F1F1F1F1F1F1F1" },
		{ DUKPT_AES256, "87654322", "876543220000000700000000", AES_BDK AES_BDK },
	};

	for (size_t i = 0; i < 2; i++) {
		struct ksn iksn;
		struct key ik, right;
		struct dukpt_step step;

		room_sim_package(&sim, &p, rows[i].scheme, rows[i].id, rows[i].bdk);
		len = room_sim_package_bytes(&sim, package, &p);
		sim.acquirer.config.test = sim.load.config.test = false;
		refused(E_STRENGTH);
		ck_assert_int_eq(generate(NULL, rows[i].scheme, der_span(&sim.acquirer.own)), E_STRENGTH);
		sim.acquirer.config.test = sim.load.config.test = true;
		len = room_sim_package_bytes(&sim, package, &p);
		ck_assert_int_eq(import(), E_OK);
		ck_assert_int_eq(ksn_parse(&iksn, rows[i].ksn), E_OK);
		ck_assert_int_eq(worker_initial_key(sim.acquirer.worker, &ik, &p.set, &iksn), E_OK);
		ck_assert_int_eq(dukpt_aes_step_ik(&step, rows[i].scheme, &iksn), E_OK);
		ck_assert_int_eq(dukpt_run(&right, &p.bdk, &step), E_OK);
		ck_assert_uint_eq(ik.len, right.len);
		ck_assert_mem_eq(ik.b, right.b, ik.len);
	}
}
END_TEST

/* The probe of the token says whether it makes them: a room on one that does not is told so before anything is made. */
START_TEST(a_strength_that_the_token_was_not_seen_to_make_is_refused)
{
	sim.load.worker[0].probe.of[PROBE_AES192].answer = PROBE_WRONG;
	ck_assert_int_eq(generate(NULL, DUKPT_AES192, der_span(&sim.acquirer.own)), E_TOKEN);
	ck_assert_ptr_nonnull(strstr(why, "does not make the published aes192 initial key"));
	ck_assert_int_eq(generate(NULL, DUKPT_AES128, der_span(&sim.acquirer.own)), E_OK);
	ck_assert_int_eq(generate(NULL, DUKPT_AES256, der_span(&sim.acquirer.own)), E_OK);
	ck_assert_int_eq(import(), E_OK);
	ck_assert_int_eq(generate(NULL, DUKPT_AES256, der_span(&sim.acquirer.own)), E_OK);
	sim.acquirer.worker[0].probe.of[PROBE_AES256].answer = PROBE_NONE;
	ck_assert_int_eq(import(), E_TOKEN);
}
END_TEST

START_TEST(refuses_schemes_and_rooms_that_are_not_ready)
{
	const struct span to = der_span(&sim.acquirer.own);
	struct key_set_id bad = { { 1, 2, 3, 4, 5 }, 5, DUKPT_TDES };	/* no FFFF */
	size_t own = sim.load.own.len;

	ck_assert_int_eq(generate(NULL, DUKPT_NONE, to), E_SCHEME);
	ck_assert_int_eq(exchange_generate(package, &len, &made, &sim.load, &bad, to, why), E_FORMAT);
	bad.len = 4;
	ck_assert_int_eq(exchange_generate(package, &len, &made, &sim.load, &bad, to, why), E_FORMAT);
	sim.load.own.len = 0;
	ck_assert_int_eq(generate(NULL, DUKPT_TDES, to), E_NOT_READY);
	sim.load.own.len = own;
	ck_assert_int_eq(generate(NULL, DUKPT_AES128, to), E_OK);
}
END_TEST

START_TEST(a_package_is_made_only_for_a_certified_acquirer_room)
{
	const struct pki_subject who = { "Bank-2", "Bank-2", NULL };
	uint8_t point[P256_POINT];
	struct key priv;
	struct der cert;

	room_sim_key(&sim, &priv, point);
	cert = room_sim_issue(&sim, "device-ca", point, &who, room_utc(), 5);
	ck_assert_int_eq(generate("FFFF000001", DUKPT_TDES, der_span(&cert)), E_CERTIFICATE);
	cert = room_sim_issue(&sim, "kif-ca", point, &who, room_utc(), 5);
	ck_assert_int_eq(generate("FFFF000001", DUKPT_TDES, der_span(&cert)), E_CERTIFICATE);
	cert = room_sim_issue(&sim, "exchange-ca", point, &who, room_utc() - 10 * DAY, 5);
	ck_assert_int_eq(generate("FFFF000001", DUKPT_TDES, der_span(&cert)), E_EXPIRED);
	cert = room_sim_issue(&sim, "exchange-ca", point, &who, room_utc(), 5);
	room_sim_crl(&sim, &sim.load, der_span(&cert), room_utc(), 5);
	ck_assert_int_eq(generate("FFFF000001", DUKPT_TDES, der_span(&cert)), E_REVOKED);
	ck_assert_int_eq(generate("FFFF000001", DUKPT_TDES, (struct span){ cert.b, 20 }), E_FORMAT);
	cert.b[cert.len - 1] ^= 1;
	ck_assert_int_eq(generate("FFFF000001", DUKPT_TDES, der_span(&cert)), E_CERTIFICATE);
	ck_assert_uint_eq(len, 0);
	p.set = set_of("FFFF000001", DUKPT_TDES);
	assert_nothing(&sim.load, &p.set);
}
END_TEST

/* A key set whose row cannot be written is not in the token either. */
START_TEST(a_journal_that_fails_leaves_no_key_behind)
{
	room_sim_meddle(&sim.load, "CREATE TRIGGER no BEFORE INSERT ON key_set BEGIN SELECT RAISE(ABORT, 'disk'); END");
	ck_assert_int_eq(generate("FFFF000001", DUKPT_TDES, der_span(&sim.acquirer.own)), E_JOURNAL);
	ck_assert_uint_eq(len, 0);
	room_sim_meddle(&sim.load, "DROP TRIGGER no");
	ck_assert_int_eq(generate("FFFF000001", DUKPT_TDES, der_span(&sim.acquirer.own)), E_OK);

	p.set = made.id;
	room_sim_meddle(&sim.acquirer,
			"CREATE TRIGGER no BEFORE INSERT ON key_set BEGIN SELECT RAISE(ABORT, 'disk'); END");
	refused(E_JOURNAL);
	room_sim_meddle(&sim.acquirer, "DROP TRIGGER no");
	ck_assert_int_eq(import(), E_OK);
}
END_TEST

START_TEST(a_dead_worker_is_started_anew)
{
	siginfo_t ended;

	ck_assert_int_eq(kill(sim.load.worker[0].pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)sim.load.worker[0].pid, &ended, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(kill(sim.acquirer.worker[0].pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)sim.acquirer.worker[0].pid, &ended, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(generate(NULL, DUKPT_TDES, der_span(&sim.acquirer.own)), E_OK);
	ck_assert_int_eq(import(), E_OK);
}
END_TEST

/* --- What is not taken --- */

START_TEST(a_package_for_another_room_is_refused)
{
	struct key priv;

	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	room_sim_key(&sim, &priv, p.recipient);
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_KEY);
}
END_TEST

START_TEST(a_package_from_no_load_room_of_this_environment_is_refused)
{
	const struct pki_subject who = { "KIF-2", "KIF-2", "epoch 1" };
	uint8_t point[P256_POINT];

	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	ck_assert_int_eq(p256_public(point, &p.kdh), E_OK);
	p.cert = room_sim_issue(&sim, "device-ca", point, &who, room_utc(), 5);
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_CERTIFICATE);
	p.cert = room_sim_issue(&sim, "kif-ca", point, &who, room_utc() - 10 * DAY, 5);
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_EXPIRED);
	p.cert = room_sim_issue(&sim, "kif-ca", point, &who, room_utc(), 5);
	room_sim_crl(&sim, &sim.acquirer, der_span(&p.cert), room_utc(), 5);
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_REVOKED);
	room_sim_crl(&sim, &sim.acquirer, (struct span){ NULL, 0 }, room_utc(), 5);
	room_sim_key(&sim, &p.kdh, point);		/* certificate of one, signature of another */
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_SIGNATURE);
}
END_TEST

START_TEST(a_signed_lie_about_the_key_is_refused)
{
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	p.kcv.b[2] ^= 1;
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_MAC);
	p.kcv.len = 2;
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_MAC);
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	p.variant.len = 0;				/* half of it */
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_FORMAT);
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	p.surplus = 1;
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_FORMAT);
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	p.set.b[0] = 0;
	len = room_sim_package_bytes(&sim, package, &p);
	refused(E_FORMAT);
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	p.set.scheme = DUKPT_AES256;
	len = room_sim_package_bytes(&sim, package, &p);
	ck_assert_int_eq(import(), E_FORMAT);
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	len = room_sim_package_bytes(&sim, package, &p);
	ck_assert_int_eq(import(), E_OK);
}
END_TEST

/* A bit of every byte, and every length: refused with nothing left in the token. */
START_TEST(a_package_changed_anywhere_is_refused)
{
	static const char *const ids[] = { "FFFF987654", "12345678" };
	static const char *const keys[] = { TDES_BDK, AES_BDK };
	uint8_t before[32], after[32];
	size_t whole;

	room_sim_package(&sim, &p, _i ? DUKPT_AES128 : DUKPT_TDES, ids[_i], keys[_i]);
	whole = len = room_sim_package_bytes(&sim, package, &p);
	room_sim_digest(before, &sim.acquirer);
	for (size_t i = 0; i < whole; i++) {
		package[i] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_ne(import(), E_OK);
		package[i] ^= (uint8_t)(1u << i % 8);
		len = i;
		ck_assert_int_ne(import(), E_OK);
		len = whole;
	}
	package[whole] = 0;
	len = whole + 1;
	ck_assert_int_ne(import(), E_OK);
	len = whole;
	room_sim_digest(after, &sim.acquirer);
	ck_assert_mem_eq(before, after, 32);
	assert_nothing(&sim.acquirer, &p.set);
	ck_assert_int_eq(import(), E_OK);
}
END_TEST

START_TEST(a_room_that_is_not_ready_takes_nothing)
{
	size_t own = sim.acquirer.own.len;

	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", TDES_BDK);
	len = room_sim_package_bytes(&sim, package, &p);
	sim.acquirer.own.len = 0;
	ck_assert_int_eq(import(), E_NOT_READY);
	sim.acquirer.own.len = own;
	ck_assert_int_eq(import(), E_OK);
}
END_TEST

/* --- Components --------------------------------------------------------------------------------------------------- */

static const struct key components[] = { { "one half of what nobody k", 16 }, { "and the other half of it, ", 16 } };

/* In a load and in an acquirer room: everything that speaks against it leaves nothing, and what was cut off is possible again. */
START_TEST(components_are_a_key_set_or_nothing)
{
	struct room *r = _i ? &sim.acquirer : &sim.load;
	struct key_set_id id = set_of("FFFF0A0B0C", DUKPT_TDES), other = set_of("FFFF0A0B0D", DUKPT_TDES);
	const struct kcv none = { .len = 0 };
	struct kcv paper, orphan;
	struct worker *w;

	ck_assert_int_eq(exchange_enter(&taken, r, &id, components, 2, &none, why), E_OK);
	paper = taken.kcv;
	ck_assert_uint_eq(paper.len, 3);
	assert_nothing(r, &id);
	paper.b[0] ^= 1;
	ck_assert_int_eq(exchange_enter(&taken, r, &id, components, 2, &paper, why), E_MAC);
	ck_assert_uint_eq(taken.kcv.len, 0);
	assert_nothing(r, &id);
	paper.b[0] ^= 1;
	ck_assert_int_eq(exchange_enter(&taken, r, &id, components, 1, &paper, why), E_RANGE);
	assert_nothing(r, &id);

	/* the journal takes no key set: full */
	room_sim_meddle(r, "CREATE TRIGGER full BEFORE INSERT ON key_set BEGIN SELECT RAISE(ABORT, 'full'); END");
	ck_assert_int_eq(exchange_enter(&taken, r, &id, components, 2, &paper, why), E_JOURNAL);
	assert_nothing(r, &id);
	room_sim_meddle(r, "DROP TRIGGER full");

	/* killed when the token had it and the journal had not */
	ck_assert_int_eq(room_worker(&w, r), E_OK);
	ck_assert_int_eq(worker_enter_bdk(w, &orphan, components, 2, &id, &paper), E_OK);
	ck_assert_int_eq(exchange_enter(&taken, r, &id, components, 2, &paper, why), E_OK);
	ck_assert_mem_eq(taken.kcv.b, paper.b, 3);

	ck_assert_int_eq(exchange_enter(&taken, r, &id, components, 2, &paper, why), E_EXISTS);
	ck_assert_int_eq(exchange_enter(&taken, r, &other, components, 2, &paper, why), E_EXISTS); /* the same key */
	assert_nothing(r, &other);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("exchange");
	TCase *t = tcase_create("exchange");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, both_rooms_hold_the_same_key);
	tcase_add_test(t, the_imported_key_derives_the_published_initial_keys);
	tcase_add_test(t, an_id_that_is_asked_for_is_given_once);
	tcase_add_test(t, random_ids_look_like_their_family_and_differ);
	tcase_add_test(t, what_is_stronger_than_the_curve_is_for_test_rooms);
	tcase_add_test(t, refuses_schemes_and_rooms_that_are_not_ready);
	tcase_add_test(t, a_strength_that_the_token_was_not_seen_to_make_is_refused);
	tcase_add_test(t, a_package_is_made_only_for_a_certified_acquirer_room);
	tcase_add_test(t, a_journal_that_fails_leaves_no_key_behind);
	tcase_add_test(t, a_dead_worker_is_started_anew);
	tcase_add_test(t, a_package_for_another_room_is_refused);
	tcase_add_test(t, a_package_from_no_load_room_of_this_environment_is_refused);
	tcase_add_test(t, a_signed_lie_about_the_key_is_refused);
	tcase_add_loop_test(t, a_package_changed_anywhere_is_refused, 0, 2);
	tcase_add_test(t, a_room_that_is_not_ready_takes_nothing);
	suite_add_tcase(s, t);
	tcase_add_loop_test(t, components_are_a_key_set_or_nothing, 0, 2);
	return s;
}

int main(void)
{
	return test_main(suite());
}
