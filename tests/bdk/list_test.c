/*
 * The revocation list that a room goes by: without one in force nothing is begun, and neither an older list nor a clock
 * that is set back brings an old one into force again.
 */
#include "bdk/list.h"
#include "bdk/evident.h"
#include "bdk/revocation.h"
#include "tests/lib/krd_sim.h"
#include "tests/lib/kdh_now.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAY UINT64_C(86400)

static struct room_sim sim;
static char why[KDH_WHY];

static void setup(void)
{
	room_sim_make(&sim);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

/* A list of the ca room's, whatever its journal says. */
static struct span make(uint64_t number, uint32_t epoch, uint64_t utc, unsigned days)
{
	static uint8_t der[PKI_MAX];
	struct room_key key = { &sim.ca, "device-ca" };
	const struct pki_signer signer = { room_sign, &key };
	struct cert ca;
	size_t len;

	ck_assert_int_eq(cert_anchor(&ca, der_span(&sim.ca.device_ca)), E_OK);
	ck_assert_int_eq(pki_crl(der, &len, sizeof der, &ca, number, epoch, NULL, 0, utc, days,
				 &signer),
			 E_OK);
	return (struct span){ der, len };
}

static enum err install(uint64_t number, uint32_t epoch, uint64_t utc, unsigned days)
{
	return list_install(&sim.load, make(number, epoch, utc, days), why);
}

static enum err check(uint64_t utc)
{
	return list_check(&sim.load, utc, why);
}

/* As it is before any list came. */
static void without(void)
{
	char path[PATH_MAX + 32];

	snprintf(path, sizeof path, "%s/certs/crl.der", sim.load.dir);
	ck_assert(!unlink(path));
	room_sim_reopen(&sim.load);
}

START_TEST(without_a_list_nothing_is_begun_and_one_stays_over_a_restart)
{
	uint64_t now = room_utc();

	without();
	ck_assert_int_eq(check(now), E_NOT_READY);
	ck_assert_ptr_nonnull(strstr(why, "bdk crl --room CA"));
	ck_assert_ptr_nonnull(strstr(why, "bdk install --room LOAD --crl"));
	ck_assert_int_eq(install(3, 2, now, 30), E_OK);
	ck_assert_int_eq(check(now), E_OK);
	room_sim_reopen(&sim.load);
	ck_assert_uint_eq(sim.load.list.number, 3);
	ck_assert_uint_eq(sim.load.list.epoch, 2);
	ck_assert_int_eq(check(now), E_OK);
	without();	/* its file is lost */
	ck_assert_int_eq(check(now), E_EXPIRED);
}
END_TEST

START_TEST(an_older_or_foreign_list_is_refused_and_an_older_file_not_in_force)
{
	uint64_t now = room_utc();
	struct span der;

	ck_assert_int_eq(install(5, 3, now - 100, 30), E_OK);
	ck_assert_int_eq(install(4, 3, now, 30), E_REPLAY);
	ck_assert_ptr_nonnull(strstr(why, "list 5 was installed before"));
	ck_assert_int_eq(install(5, 3, now - 101, 30), E_REPLAY);
	ck_assert_int_eq(install(6, 2, now, 30), E_REPLAY);
	ck_assert_uint_eq(sim.load.list.number, 5);
	ck_assert_int_eq(install(5, 3, now - 100, 30), E_OK);	/* the same again */
	ck_assert_int_eq(install(6, 3, now, 30), E_OK);
	ck_assert_int_eq(check(now), E_OK);
	ck_assert_int_eq(room_store(&sim.load, "crl", make(5, 3, now, 30)), E_OK);
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(check(now), E_EXPIRED);
	der = make(9, 3, now, 30);
	sim.load.device_ca = sim.ca.kif_ca;
	ck_assert_int_eq(list_install(&sim.load, der, why), E_CERTIFICATE);
	sim.load.device_ca.len = 0;
	ck_assert_int_eq(list_install(&sim.load, der, why), E_NOT_READY);
	ck_assert_uint_eq(sim.load.list.number, 5);
}
END_TEST

/* A clock that was set forward and back, once with a restart in between. */
START_TEST(an_expired_list_stays_expired_when_the_clock_is_set_back)
{
	uint64_t now = room_utc();

	ck_assert_int_eq(install(5, 1, now - 100, 30), E_OK);
	ck_assert_int_eq(check(now), E_OK);
	ck_assert_int_eq(check(now + 30 * DAY), E_EXPIRED);
	ck_assert_int_eq(check(now), E_EXPIRED);
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(check(now), E_EXPIRED);
	ck_assert_int_eq(install(5, 1, now - 100, 30), E_OK);
	ck_assert_int_eq(check(now), E_EXPIRED);		/* the same list does not help */
	ck_assert_int_eq(install(5, 1, now, 30), E_OK);
	ck_assert_int_eq(check(now), E_OK);			/* a newer issue does */
}
END_TEST

/* A clock that goes on slowly while it is set back again and again gains nothing either. */
START_TEST(the_highest_time_is_kept_while_the_list_is_in_force)
{
	uint64_t now = room_utc(), seen;

	ck_assert_int_eq(install(5, 1, now, 30), E_OK);
	ck_assert_int_eq(check(now + 20 * DAY), E_OK);
	ck_assert_int_eq(check(now), E_OK);
	ck_assert_int_eq(journal_number(&seen, sim.load.journal, "crl seen"), E_OK);
	ck_assert_uint_eq(seen, now + 20 * DAY);
	/* broken twin: without what the journal keeps, the clock alone would decide */
	ck_assert_int_eq(check(now + 31 * DAY), E_EXPIRED);
	ck_assert_int_eq(journal_set_number(sim.load.journal, "crl seen", 0), E_OK);
	ck_assert_int_eq(check(now), E_OK);
}
END_TEST

/* As many revoked terminals as a large fleet may have: the list is made, read and asked. */
START_TEST(twenty_thousand_revoked_terminals_are_a_list)
{
	enum { N = 20000 };
	static uint8_t der[PKI_CRL_MAX];
	struct device d = { .state = DEVICE_REVOKED };
	struct krd_sim k;
	uint8_t number[20];
	uint64_t list;
	size_t len, n, at = 0;

	krd_sim_enrolled(&k, &sim, "TC");
	ck_assert_int_eq(evident_number(number, der_span(&k.cert)), E_OK);
	memcpy(d.cert, k.cert.b, k.cert.len);
	d.cert_len = k.cert.len;
	while (memcmp(d.cert + at, number + 8, 12))	/* where its number ends in it; it may begin with zeros */
		at++;
	ck_assert_int_eq(journal_begin(sim.ca.journal), E_OK);
	for (uint32_t i = 0; i < N; i++) {
		snprintf(d.serial, sizeof d.serial, "TC-%u", (unsigned)i);
		put_be32(d.spki, i + 1);
		put_be32(d.cert + at + 8, i);
		ck_assert_int_eq(journal_device_put(sim.ca.journal, &d), E_OK);
	}
	ck_assert_int_eq(journal_commit(sim.ca.journal), E_OK);
	ck_assert_int_eq(revocation_list(der, &len, &list, &n, &sim.ca), E_OK);
	ck_assert_uint_eq(n, N);
	ck_assert_int_eq(list_install(&sim.load, (struct span){ der, len }, why), E_OK);
	ck_assert_int_eq(check(room_utc()), E_OK);
	for (uint32_t i = 0; i < N; i++) {
		put_be32(number + 16, i);
		ck_assert(pki_list_names(&sim.load.list, number));
	}
	put_be32(number + 16, N);
	ck_assert(!pki_list_names(&sim.load.list, number));
}
END_TEST

/* --- Epochs ------------------------------------------------------------------------------------------------------- */

START_TEST(the_ca_room_raises_its_epoch_and_the_list_says_so)
{
	static uint8_t der[PKI_CRL_MAX];
	uint64_t number, before;
	uint32_t epoch;
	size_t len, n;

	ck_assert_int_eq(revocation_epoch(&epoch, &sim.ca), E_OK);
	ck_assert_uint_eq(epoch, 1);
	ck_assert_int_eq(revocation_list(der, &len, &before, &n, &sim.ca), E_OK);
	ck_assert_int_eq(list_install(&sim.load, (struct span){ der, len }, why), E_OK);
	ck_assert_uint_eq(sim.load.list.epoch, 1);
	ck_assert_int_eq(revocation_raise(&epoch, &number, &sim.ca), E_OK);
	ck_assert_uint_eq(epoch, 2);
	ck_assert_uint_eq(number, before + 1);
	room_sim_reopen(&sim.ca);
	ck_assert_int_eq(revocation_epoch(&epoch, &sim.ca), E_OK);
	ck_assert_uint_eq(epoch, 2);
	ck_assert_int_eq(revocation_list(der, &len, &before, &n, &sim.ca), E_OK);
	ck_assert_int_eq(list_install(&sim.load, (struct span){ der, len }, why), E_OK);
	ck_assert_uint_eq(sim.load.list.epoch, 2);
	ck_assert_int_eq(list_epoch(&epoch, &sim.load), E_OK);
	ck_assert_uint_eq(epoch, 2);
}
END_TEST

/* Neither to load nor to zeroize: its HELLO would be a disowned room's. */
START_TEST(a_load_room_that_is_disowned_says_so_and_stops)
{
	const struct pki_subject who = { "KIF-1", NULL, "epoch 2" };
	uint8_t hello[MSG_MAX], point[P256_POINT];
	struct kdh k = { .state = KDH_IDLE };
	size_t len;

	ck_assert_int_eq(kdh_begin(&k, hello, &len, &sim.load, "TC1", NULL, 0, why), E_OK);
	ck_assert_int_eq(install(5, 2, room_utc(), 30), E_OK);
	ck_assert_int_eq(kdh_begin(&k, hello, &len, &sim.load, "TC1", NULL, 0, why), E_EPOCH);
	ck_assert_ptr_nonnull(strstr(why, "epoch 1"));
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(kdh_begin(&k, hello, &len, &sim.load, "TC1", NULL, 0, why), E_EPOCH);
	ck_assert_int_eq(worker_point(sim.load.worker, point, "identity"), E_OK);
	sim.load.own = room_sim_issue(&sim, "kif-ca", point, &who, room_utc(), 5);
	ck_assert_int_eq(kdh_begin(&k, hello, &len, &sim.load, "TC1", NULL, 0, why), E_OK);
	room_sim_list(&sim, &sim.load, der_span(&sim.load.own), 2, room_utc(), 5);
	ck_assert_int_eq(kdh_begin(&k, hello, &len, &sim.load, "TC1", NULL, 0, why), E_REVOKED);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("list");
	TCase *t = tcase_create("list");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, without_a_list_nothing_is_begun_and_one_stays_over_a_restart);
	tcase_add_test(t, an_older_or_foreign_list_is_refused_and_an_older_file_not_in_force);
	tcase_add_test(t, an_expired_list_stays_expired_when_the_clock_is_set_back);
	tcase_add_test(t, the_highest_time_is_kept_while_the_list_is_in_force);
	tcase_add_test(t, twenty_thousand_revoked_terminals_are_a_list);
	tcase_add_test(t, the_ca_room_raises_its_epoch_and_the_list_says_so);
	tcase_add_test(t, a_load_room_that_is_disowned_says_so_and_stops);
	suite_add_tcase(s, t);
	return test_main(s);
}
