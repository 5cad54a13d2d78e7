/*
 * Leases: device ids come out of leases that the ca room granted to this room, in force, and out of nothing else; each
 * once, whatever is granted, accepted, dictated, chained or restored.
 *
 * lease.c is compiled into this program with broken twins in the place of functions that it calls: with each of them the
 * refusal that it stands for does not come.
 */
#include "bdk/lease.h"
#include "bdk/list.h"
#include "bdk/revocation.h"
#include "tests/hostile/twins.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

static struct broken {
	bool rooms;	/* any room's identity is the one that a lease names */
	bool epochs;	/* no epoch was ever seen */
	bool ranges;	/* no lease has any ids */
	bool numbers;	/* no lease has a number */
	bool ids;	/* every id is free */
	bool marks;	/* every id is claimed */
	bool floor;	/* no lease is void */
	bool gaps;	/* what is given up is not written down */
} broken;

static uint8_t named[32]; /* in the lease under test */

static enum err twin_digest(uint8_t out[static 32], const uint8_t point[static P256_POINT])
{
	enum err e = p256_spki_digest(out, point);

	if (broken.rooms)
		memcpy(out, named, sizeof named);
	return e;
}

static enum err twin_list_epoch(uint32_t *epoch, struct room *r)
{
	enum err e = list_epoch(epoch, r);

	if (broken.epochs)
		*epoch = 0;
	return e;
}

static enum err twin_lease_epoch(uint64_t *epoch, struct journal *j)
{
	enum err e = journal_lease_epoch(epoch, j);

	if (broken.epochs)
		*epoch = 0;
	return e;
}

static enum err twin_lease_at(struct lease *out, struct journal *j, const struct key_set_id *set, uint32_t first,
			      uint32_t last, uint64_t floor)
{
	return broken.ranges ? E_SHORT : journal_lease_at(out, j, set, first, last, floor);
}

static enum err twin_lease_next(struct lease *out, struct journal *j, uint64_t after)
{
	return broken.numbers ? E_SHORT : journal_lease_next(out, j, after);
}

static enum err twin_id_free(struct journal *j, const struct key_set_id *set, uint32_t id)
{
	return broken.ids ? E_OK : journal_id_free(j, set, id);
}

static bool twin_permits(struct room *r, const struct key_set_id *set, uint32_t id, uint32_t last)
{
	return broken.marks || mark_permits(r, set, id, last);
}

static enum err twin_number(uint64_t *v, struct journal *j, const char *name)
{
	enum err e = journal_number(v, j, name);

	if (broken.floor && !strcmp(name, "lease floor"))
		*v = 0;
	return e;
}

static enum err twin_skip_one(struct journal *j, const struct key_set_id *set, uint32_t id, const char *reason)
{
	return broken.gaps ? E_OK : journal_skip_one(j, set, id, reason);
}

#define journal_skip_one twin_skip_one
#define p256_verify twin_verify
#define p256_spki_digest twin_digest
#define list_epoch twin_list_epoch
#define journal_lease_epoch twin_lease_epoch
#define journal_lease_at twin_lease_at
#define journal_lease_next twin_lease_next
#define journal_id_free twin_id_free
#define mark_permits twin_permits
#define journal_number twin_number
#include "bdk/lease.c"
#undef journal_skip_one
#undef p256_verify
#undef p256_spki_digest
#undef list_epoch
#undef journal_lease_epoch
#undef journal_lease_at
#undef journal_lease_next
#undef journal_id_free
#undef mark_permits
#undef journal_number

#define SET "FFFF987654"
#define OTHER "FFFF111111"

static struct room_sim sim;
static struct key_set_id set, other;
static char why[MARK_WHY];
static uint32_t counts; /* loads so far */

static struct key_set_id add_set(const char *text, enum dukpt_scheme scheme)
{
	struct key_set s = { .state = KEY_SET_ACTIVE, .kcv = { { 1, 2, 3 }, 3 } };

	ck_assert_int_eq(key_set_parse(&s.id, text, scheme), E_OK);
	ck_assert_int_eq(journal_key_set_add(sim.load.journal, &s), E_OK);
	return s.id;
}

static void setup(void)
{
	broken = (struct broken){ .rooms = false };
	blind = false;
	counts = 0;
	room_sim_make(&sim);
	set = add_set(SET, DUKPT_TDES);
	other = add_set(OTHER, DUKPT_TDES);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

/* A lease of the ca room's, whatever its journal says of it. */
static struct lease forged(uint64_t number, uint32_t epoch, uint32_t first, uint32_t last)
{
	struct lease l = { .number = number, .set = set, .first = first, .last = last, .epoch = epoch, .utc = room_utc() };
	uint8_t point[P256_POINT];

	ck_assert_int_eq(worker_point(sim.load.worker, point, "identity"), E_OK);
	ck_assert_int_eq(p256_spki_digest(l.kif, point), E_OK);
	ck_assert_int_eq(make_file(&l, &sim.ca), E_OK);
	return l;
}

static enum err accept(const struct lease *l)
{
	struct lease taken;
	bool again;

	why[0] = 0;
	memcpy(named, l->kif, sizeof named);
	return lease_accept(&taken, &again, &sim.load, (struct span){ l->bytes, l->len }, why);
}

/* The next id, as a loading takes it. */
static enum err take(uint32_t *id, struct key_set_id *from, const char *serial, uint8_t slot)
{
	struct load l = { .slot = slot, .first_count = counts++, .firmware = "1" };
	struct journal *j = sim.load.journal;
	enum err e = E_LOCKED;

	snprintf(l.serial, sizeof l.serial, "%s", serial);
	memcpy(l.spki, serial, strlen(serial));
	l.point[0] = 4;
	why[0] = 0;
	for (int tries = 0; tries < 2 && e == E_LOCKED; tries++) {
		ck_assert_int_eq(journal_begin(j), E_OK);
		e = lease_take(&l.set, &l.id, &sim.load, &set, serial, slot, why);
		if (!e)
			e = journal_load_add(j, &l);
		if (!e)
			e = journal_commit(j);
		else
			journal_rollback(j);
		if (e == E_LOCKED)
			ck_assert_int_eq(mark_claim(&sim.load, why), E_OK);
	}
	*id = l.id;
	*from = l.set;
	return e;
}

static void issues(uint32_t want)
{
	struct key_set_id from;
	uint32_t id;

	ck_assert_msg(!take(&id, &from, "TC-1", 0), "%s", why);
	ck_assert(same_set(&from, &set));
	ck_assert_uint_eq(id, want);
}

static enum err none(void)
{
	struct key_set_id from;
	uint32_t id;

	return take(&id, &from, "TC-1", 0);
}

/* --- Issuing ------------------------------------------------------------------------------------------------------ */

START_TEST(without_a_lease_no_id_and_with_one_each_of_its_ids_once)
{
	struct lease l = { .number = 0 };
	uint64_t left = 0;

	ck_assert_int_eq(none(), E_LEASE);
	ck_assert_ptr_nonnull(strstr(why, "key set " SET " has no lease"));
	l = room_sim_lease(&sim, &set, 3, 5);
	for (uint32_t i = 3; i <= 5; i++) {
		ck_assert_int_eq(journal_lease_left(&left, sim.load.journal, l.number), E_OK);
		ck_assert_uint_eq(left, 6 - i);
		issues(i);
	}
	ck_assert_int_eq(none(), E_KEY_SET_FULL);
	ck_assert_ptr_nonnull(strstr(why, "another lease (bdk lease, bdk accept), or one that follows (bdk chain)"));
	room_sim_lease(&sim, &set, 0, 0);	/* and a lower one that comes later is no worse */
	issues(0);
	ck_assert_int_eq(none(), E_KEY_SET_FULL);
}
END_TEST

/* Ids that this room issued before leases were are in its journal, and in no lease's next. */
START_TEST(an_id_that_was_issued_is_passed_over_and_a_twin_that_takes_it_for_free_meets_the_journal)
{
	struct load l = { .set = set, .id = 1, .serial = "TC-9", .firmware = "1", .point = { 4 } };

	ck_assert_int_eq(journal_load_add(sim.load.journal, &l), E_OK);
	room_sim_lease(&sim, &set, 0, 9);
	issues(0);
	issues(2);
	room_sim_meddle(&sim.load, "UPDATE lease SET next = 0");
	broken.ids = true;
	ck_assert_int_eq(none(), E_REPLAY);	/* UNIQUE(key set, id) */
}
END_TEST

START_TEST(no_id_is_taken_before_it_is_claimed)
{
	struct key_set_id from;
	uint32_t id;

	room_sim_lease(&sim, &set, 0, 99);
	for (unsigned i = 0; i < 2; i++) {
		broken.marks = i;
		ck_assert_int_eq(lease_take(&from, &id, &sim.load, &set, "TC-1", 0, why), broken.marks ? E_OK : E_LOCKED);
	}
}
END_TEST

/* --- What is not accepted, and the twin that accepts it ----------------------------------------------------------- */

static struct lease of_a_foreign_key(void)
{
	struct lease l = forged(7, 1, 50, 59);

	l.bytes[l.len - 1] ^= 1;
	return l;
}

static struct lease of_an_unvouched_key(void)
{
	struct lease l = forged(7, 1, 50, 59);

	l.bytes[l.len - P256_SIG - 1] ^= 1;
	return l;
}

static struct lease of_another_room(void)
{
	struct lease l = forged(7, 1, 50, 59);

	l.kif[0] ^= 1;
	ck_assert_int_eq(make_file(&l, &sim.ca), E_OK);
	return l;
}

static struct lease of_an_older_epoch(void)
{
	struct lease newer = forged(6, 3, 40, 49);

	ck_assert_int_eq(accept(&newer), E_OK);
	return forged(7, 2, 50, 59);
}

static struct lease of_ids_of_another(void)
{
	return forged(7, 1, 9, 20);
}

static struct lease of_a_number_of_another(void)
{
	return forged(1, 1, 50, 59);
}

static struct lease of_a_lease_that_is_void(void)
{
	uint64_t epoch = 1;

	ck_assert_int_eq(lease_void(&epoch, &sim.load), E_OK);
	return forged(7, 1, 50, 59);
}

static struct lease of_a_key_set_elsewhere(void)
{
	struct lease l = forged(7, 1, 50, 59);

	l.set.b[4] ^= 1;
	ck_assert_int_eq(make_file(&l, &sim.ca), E_OK);
	return l;
}

static struct lease of_another_key(void)
{
	struct lease l = forged(7, 1, 50, 59);

	l.kcv = (struct kcv){ { 9, 9, 9 }, 3 };
	ck_assert_int_eq(make_file(&l, &sim.ca), E_OK);
	return l;
}

static const struct {
	struct lease (*make)(void);
	enum err want;
	struct broken twin;
	bool blind;
	enum err twin_gives;	/* E_OK but where the journal's own constraint stands behind it */
} wrong[] = {
	{ of_a_foreign_key, E_SIGNATURE, { 0 }, true, E_OK },
	{ of_an_unvouched_key, E_SIGNATURE, { 0 }, true, E_OK },
	{ of_another_room, E_KEY, { .rooms = true }, false, E_OK },
	{ of_an_older_epoch, E_EPOCH, { .epochs = true }, false, E_OK },
	{ of_ids_of_another, E_EXISTS, { .ranges = true }, false, E_OK },
	{ of_a_number_of_another, E_REPLAY, { .numbers = true }, false, E_EXISTS },
	{ of_a_lease_that_is_void, E_EPOCH, { .floor = true }, false, E_OK },
	{ of_a_key_set_elsewhere, E_KEY_SET, { 0 }, false, E_KEY_SET },
	{ of_another_key, E_MAC, { 0 }, false, E_MAC },
};

START_TEST(a_lease_that_is_wrong_is_refused_and_a_twin_accepts_it)
{
	struct lease first = forged(1, 1, 0, 9), l, after = { .number = 0 };
	unsigned before = 0, now = 0;

	ck_assert_int_eq(accept(&first), E_OK);
	l = wrong[_i].make();
	while (!journal_lease_next(&after, sim.load.journal, after.number))
		before++;
	ck_assert_int_eq(accept(&l), wrong[_i].want);
	after.number = 0;
	while (!journal_lease_next(&after, sim.load.journal, after.number))
		now++;
	ck_assert_uint_eq(now, before);
	broken = wrong[_i].twin;
	blind = wrong[_i].blind;
	ck_assert_int_eq(accept(&l), wrong[_i].twin_gives);
}
END_TEST

START_TEST(a_lease_with_any_bit_changed_is_refused)
{
	struct lease l = forged(7, 1, 50, 59);

	for (size_t i = 0; i < l.len; i++) {
		l.bytes[i] ^= (uint8_t)(1u << i % 8);
		ck_assert_int_ne(accept(&l), E_OK);
		l.bytes[i] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t cut = 1; cut < l.len; cut += 7) {
		l.len -= cut;
		ck_assert_int_ne(accept(&l), E_OK);
		l.len += cut;
	}
	ck_assert_int_eq(accept(&l), E_OK);
}
END_TEST

START_TEST(a_lease_that_is_accepted_again_changes_nothing)
{
	struct lease l = forged(7, 1, 50, 59), taken;
	bool again = true;

	ck_assert_int_eq(lease_accept(&taken, &again, &sim.load, (struct span){ l.bytes, l.len }, why), E_OK);
	ck_assert(!again);
	issues(50);
	ck_assert_int_eq(lease_accept(&taken, &again, &sim.load, (struct span){ l.bytes, l.len }, why), E_OK);
	ck_assert(again);
	ck_assert_uint_eq(taken.next, 51);
	issues(51);
}
END_TEST

START_TEST(a_room_without_certificates_accepts_none)
{
	struct lease l = forged(7, 1, 50, 59);

	sim.load.own.len = 0;
	ck_assert_int_eq(accept(&l), E_NOT_READY);
}
END_TEST

/* --- Granting ----------------------------------------------------------------------------------------------------- */

static enum err grant(struct lease *l, uint32_t first, uint32_t last, uint64_t count)
{
	*l = (struct lease){ .set = set, .first = first, .last = last };
	why[0] = 0;
	return lease_grant(l, &sim.ca, count, der_span(&sim.load.own), why);
}

START_TEST(an_id_is_granted_once_or_was_issued_elsewhere_and_a_twin_grants_it_twice)
{
	struct lease l, m, gone = { .set = set, .first = 10, .last = 19 };

	ck_assert_int_eq(grant(&l, 0, 4, 0), E_OK);
	ck_assert_str_eq(l.name, "KIF-1");
	ck_assert_int_eq(lease_elsewhere(&gone, &sim.ca, why), E_OK);
	ck_assert_int_eq(grant(&m, 4, 5, 0), E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "0-4 were granted before"));
	ck_assert_int_eq(grant(&m, 19, 30, 0), E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "noted as issued elsewhere"));
	ck_assert_int_eq(lease_elsewhere(&gone, &sim.ca, why), E_EXISTS);
	ck_assert_int_eq(grant(&m, 0, 0, 6), E_OK);	/* the lowest six that are free together */
	ck_assert_uint_eq(m.first, 20);
	ck_assert_uint_eq(m.last, 25);
	ck_assert_int_eq(grant(&m, 0, 0, 5), E_OK);
	ck_assert_uint_eq(m.first, 5);
	ck_assert_int_eq(grant(&m, 5, 524288, 0), E_RANGE);
	ck_assert_int_eq(grant(&m, 0, 0, 524288), E_KEY_SET_FULL);
	ck_assert_int_eq(lease_again(&m, &sim.ca, l.number, why), E_OK);
	ck_assert_uint_eq(m.len, l.len);
	ck_assert_mem_eq(m.bytes, l.bytes, l.len);
	ck_assert_int_eq(lease_again(&m, &sim.ca, gone.number, why), E_LEASE);
	ck_assert_int_eq(lease_again(&m, &sim.ca, 99, why), E_LEASE);
	broken.ranges = true;
	ck_assert_int_eq(grant(&m, 4, 5, 0), E_OK);
}
END_TEST

START_TEST(a_room_of_an_older_epoch_is_granted_nothing)
{
	uint64_t number;
	uint32_t epoch;
	struct lease l;

	ck_assert_int_eq(revocation_raise(&epoch, &number, &sim.ca), E_OK);
	ck_assert_int_eq(grant(&l, 0, 4, 0), E_EPOCH);
	ck_assert_ptr_nonnull(strstr(why, "certify it anew"));
}
END_TEST

START_TEST(a_room_that_is_disowned_is_granted_nothing)
{
	const struct pki_subject who = { "KIF-1", NULL, "epoch 1" };
	struct certified x = { .name = "KIF-1" };
	char name[CERT_TEXT], reason[REVOCATION_WHY];
	uint8_t point[P256_POINT];
	uint64_t number;
	struct cert c;
	struct lease l;

	ck_assert_int_eq(grant(&l, 0, 4, 0), E_OK);
	ck_assert_int_eq(revocation_disown(name, &number, &sim.ca, der_span(&sim.load.own), reason), E_OK);
	ck_assert_int_eq(grant(&l, 5, 9, 0), E_REVOKED);
	ck_assert_ptr_nonnull(strstr(why, "disowned"));
	/* A certificate of that key which the journal did not keep is no better; one that was given since is. */
	ck_assert_int_eq(worker_point(sim.load.worker, point, "identity"), E_OK);
	sim.load.own = room_sim_issue(&sim, "kif-ca", point, &who, room_utc(), 5);
	ck_assert_int_eq(grant(&l, 5, 9, 0), E_REVOKED);
	ck_assert_int_eq(parser_cert(&sim.ca.parser, &c, x.number, der_span(&sim.load.own), der_span(&sim.ca.kif_ca), room_utc()),
			 E_OK);
	ck_assert_int_eq(p256_spki_digest(x.spki, point), E_OK);
	ck_assert_int_eq(journal_certified_put(sim.ca.journal, &x), E_OK);
	ck_assert_int_eq(grant(&l, 5, 9, 0), E_OK);
}
END_TEST

START_TEST(what_leases_say_of_a_key_set_stays)
{
	struct lease l = { .set = set, .kcv = { { 1, 2, 3 }, 3 }, .last = 4 };

	ck_assert_int_eq(lease_grant(&l, &sim.ca, 0, der_span(&sim.load.own), why), E_OK);
	ck_assert_int_eq(grant(&l, 5, 9, 0), E_OK);
	ck_assert_uint_eq(l.kcv.len, 3);	/* taken from the first */
	l = (struct lease){ .set = set, .kcv = { { 9, 9, 9 }, 3 }, .first = 10, .last = 14 };
	ck_assert_int_eq(lease_grant(&l, &sim.ca, 0, der_span(&sim.load.own), why), E_KEY_SET);
	l.kcv.len = 5;
	ck_assert_int_eq(lease_grant(&l, &sim.ca, 0, der_span(&sim.load.own), why), E_FORMAT);
}
END_TEST

/* --- After a restore ---------------------------------------------------------------------------------------------- */

START_TEST(void_leases_issue_nothing_until_one_of_a_newer_epoch_and_a_twin_goes_on)
{
	struct lease l = forged(1, 2, 0, 9), same = forged(2, 2, 10, 19), newer = forged(3, 3, 20, 29);
	uint64_t epoch = 1;

	ck_assert_int_eq(accept(&l), E_OK);
	issues(0);
	ck_assert_int_eq(lease_void(&epoch, &sim.load), E_OK);
	ck_assert_uint_eq(epoch, 2);
	ck_assert_int_eq(none(), E_LEASE);
	ck_assert_ptr_nonnull(strstr(why, "are void: bdk lease at an epoch above 2"));
	ck_assert_int_eq(accept(&same), E_EPOCH);
	broken.floor = true;
	issues(1);
	broken.floor = false;
	ck_assert_int_eq(none(), E_LEASE);
	ck_assert_int_eq(accept(&newer), E_OK);
	issues(20);
}
END_TEST

/* --- Chains ------------------------------------------------------------------------------------------------------- */

START_TEST(a_used_up_key_set_is_followed_by_the_next_of_its_chain)
{
	struct key_set_id from, third = add_set("FFFF222222", DUKPT_TDES), aes = add_set("12345678", DUKPT_AES128);
	uint32_t id;
	bool yes;

	room_sim_lease(&sim, &set, 0, 0);
	room_sim_lease(&sim, &third, 7, 9);
	ck_assert_int_eq(lease_chain(sim.load.journal, &set, &other, why), E_OK);
	ck_assert_int_eq(lease_chain(sim.load.journal, &other, &third, why), E_OK);
	ck_assert_int_eq(lease_chain(sim.load.journal, &third, &set, why), E_DENIED);	/* no circle */
	ck_assert_int_eq(lease_chain(sim.load.journal, &set, &set, why), E_DENIED);
	ck_assert_int_eq(lease_chain(sim.load.journal, &third, &aes, why), E_SCHEME);
	issues(0);
	ck_assert_int_eq(take(&id, &from, "TC-1", 0), E_OK);
	ck_assert(same_set(&from, &third));
	ck_assert_uint_eq(id, 7);
	ck_assert_int_eq(lease_follows(&yes, sim.load.journal, &set, &third), E_OK);
	ck_assert(yes);
	ck_assert_int_eq(lease_follows(&yes, sim.load.journal, &third, &set), E_OK);
	ck_assert(!yes);
	ck_assert_int_eq(journal_key_set_state(sim.load.journal, "FFFF222222", KEY_SET_SUSPENDED, ""), E_OK);
	ck_assert_int_eq(none(), E_KEY_SET_STATE);
	ck_assert_ptr_nonnull(strstr(why, "FFFF222222 is suspended"));
}
END_TEST

/* --- Manifests ---------------------------------------------------------------------------------------------------- */

static struct ksn ksn_of(const struct key_set_id *of, uint32_t id)
{
	struct ksn k;

	ck_assert_int_eq(ksn_make(&k, of->scheme, of->b, id), E_OK);
	return k;
}

static enum err dictate(const char *serial, uint8_t slot, const struct ksn *k)
{
	struct dictated d = { .slot = slot, .set = set };

	snprintf(d.serial, sizeof d.serial, "%s", serial);
	why[0] = 0;
	return lease_dictate(&sim.load, &d, k, why);
}

START_TEST(a_dictated_id_is_issued_to_its_terminal_and_slot_and_to_nobody_else)
{
	struct ksn one = ksn_of(&set, 1), two = ksn_of(&set, 2), nine = ksn_of(&set, 9), far = ksn_of(&set, 10), ran;
	struct ksn foreign = ksn_of(&other, 3);
	struct key_set_id from;
	uint32_t id;

	room_sim_lease(&sim, &set, 0, 9);
	ck_assert_int_eq(dictate("TC-5", 2, &one), E_OK);
	ck_assert_int_eq(dictate("TC-5", 2, &one), E_OK);	/* the same line again */
	ck_assert_int_eq(dictate("TC-6", 2, &one), E_EXISTS);
	ck_assert_int_eq(dictate("TC-6", 2, &nine), E_OK);
	ck_assert_int_eq(dictate("TC-7", 0, &far), E_LEASE);
	ck_assert_int_eq(dictate("TC-7", 0, &foreign), E_KEY_SET);
	ran = two;
	ran.b[9] |= 1;
	ck_assert_int_eq(dictate("TC-7", 0, &ran), E_COUNTER);
	issues(0);
	issues(2);	/* not 1 */
	ck_assert_int_eq(take(&id, &from, "TC-6", 2), E_OK);
	ck_assert_uint_eq(id, 9);
	ck_assert_int_eq(take(&id, &from, "TC-5", 2), E_OK);
	ck_assert_uint_eq(id, 1);
	ck_assert_int_eq(take(&id, &from, "TC-5", 2), E_OK);	/* a later load of that slot takes another one */
	ck_assert_uint_eq(id, 3);
	ck_assert_int_eq(dictate("TC-7", 0, &one), E_REPLAY);	/* issued */
	ck_assert_int_eq(dictate("TC-5", 2, &nine), E_EXISTS);
	for (uint32_t i = 4; i < 9; i++)
		issues(i);
	ck_assert_int_eq(none(), E_KEY_SET_FULL);
}
END_TEST

START_TEST(a_twin_that_takes_dictated_ids_for_free_gives_one_to_another)
{
	struct ksn one = ksn_of(&set, 1);

	room_sim_lease(&sim, &set, 0, 9);
	ck_assert_int_eq(dictate("TC-5", 2, &one), E_OK);
	broken.ids = true;
	issues(0);
	issues(1);
}
END_TEST

START_TEST(a_manifest_names_the_key_set_of_a_slot)
{
	struct dictated d = { .serial = "TC-1", .slot = 0, .set = other };
	struct ksn k = { .len = 0 };

	room_sim_lease(&sim, &set, 0, 9);
	ck_assert_int_eq(lease_dictate(&sim.load, &d, &k, why), E_OK);
	ck_assert_int_eq(none(), E_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "the manifest says key set " OTHER " for slot 0 of TC-1"));
}
END_TEST

START_TEST(a_dictated_id_that_a_crash_left_claimed_is_never_issued)
{
	struct ksn five = ksn_of(&set, 5);
	struct key_set_id from;
	uint64_t left, skipped;
	uint32_t id;

	room_sim_lease(&sim, &set, 0, 99);
	ck_assert_int_eq(dictate("TC-5", 2, &five), E_OK);
	issues(0);			/* claims 0-63 */
	ck_assert_int_eq(journal_skip(sim.load.journal), E_OK);
	ck_assert_int_eq(take(&id, &from, "TC-5", 2), E_LEASE);
	ck_assert_ptr_nonnull(strstr(why, "device id 5, dictated for TC-5, was skipped after a crash: dictate another"));
	issues(MARK_BLOCK);
	ck_assert_int_eq(journal_skipped(&skipped, sim.load.journal, &set), E_OK);
	ck_assert_uint_eq(skipped, MARK_BLOCK - 1);
	ck_assert_int_eq(journal_lease_left(&left, sim.load.journal, 1), E_OK);
	ck_assert_uint_eq(left, 100 - MARK_BLOCK - 1);
	ck_assert_int_eq(dictate("TC-6", 2, &five), E_REPLAY);
}
END_TEST

/* How many records of the audit say that of this object */
static unsigned told(const char *what, const char *object, const char *reason)
{
	struct audit a = { .sequence = 0 };
	unsigned n = 0;

	while (!journal_audit_next(&a, sim.load.journal, a.sequence))
		n += !strcmp(a.what, what) && !strcmp(a.object, object) && !strcmp(a.reason, reason);
	return n;
}

START_TEST(a_dictated_id_that_a_manifest_gives_up_is_named_and_a_twin_loses_it)
{
	struct ksn one = ksn_of(&set, 1), seven = ksn_of(&set, 7), eight = ksn_of(&set, 8), any = { .len = 0 };
	uint64_t skipped, left;

	room_sim_lease(&sim, &set, 0, 9);
	ck_assert_int_eq(dictate("TC-5", 2, &one), E_OK);
	issues(0);
	issues(2);
	broken.gaps = _i;
	ck_assert_int_eq(dictate("TC-5", 2, &seven), E_OK); /* ids have gone on past 1 */
	ck_assert_int_eq(dictate("TC-5", 2, &seven), E_OK); /* and 7 is not given up */
	ck_assert_int_eq(journal_skipped(&skipped, sim.load.journal, &set), E_OK);
	ck_assert_uint_eq(skipped, _i ? 0 : 1);
	ck_assert_uint_eq(told("skip", SET " 1-1", "dictated for TC-5 slot 2, and given up by a manifest"), _i ? 0 : 1);
	if (_i)
		return;
	ck_assert_int_eq(dictate("TC-5", 2, &eight), E_OK); /* not past 7 */
	ck_assert_uint_eq(told("release", SET " 7", "dictated for TC-5 slot 2, and given up by a manifest"), 1);
	ck_assert_int_eq(dictate("TC-5", 2, &any), E_OK);
	ck_assert_uint_eq(told("release", SET " 8", "dictated for TC-5 slot 2, and given up by a manifest"), 1);
	ck_assert_int_eq(journal_skipped(&skipped, sim.load.journal, &set), E_OK);
	ck_assert_uint_eq(skipped, 1);
	ck_assert_int_eq(journal_lease_left(&left, sim.load.journal, 1), E_OK);
	ck_assert_uint_eq(left, 7);
	for (uint32_t i = 3; i < 10; i++)
		issues(i);
	ck_assert_int_eq(none(), E_KEY_SET_FULL);
	ck_assert_int_eq(dictate("TC-5", 2, &one), E_REPLAY);
}
END_TEST

/* Journals of before may have rows that overlap. */
START_TEST(where_more_was_skipped_than_is_left_nothing_is_left)
{
	struct lease_forecast f;
	uint64_t left;

	room_sim_lease(&sim, &set, 0, 9);
	for (int i = 0; i < 2; i++)
		room_sim_meddle(&sim.load, "INSERT INTO skipped(key_set, first, last, utc) VALUES('" SET "', 0, 5, 0)");
	ck_assert_int_eq(journal_lease_left(&left, sim.load.journal, 1), E_OK);
	ck_assert_uint_eq(left, 0); /* and not -2 */
	ck_assert_int_eq(lease_forecast(&f, sim.load.journal, &set), E_OK);
	ck_assert_uint_eq(f.left, 0);
}
END_TEST

START_TEST(skipped_ids_are_counted_once)
{
	struct ksn far = ksn_of(&set, 70);
	struct key_set_id from;
	uint64_t left, skipped;
	uint32_t id;

	room_sim_lease(&sim, &set, 0, 199);
	ck_assert_int_eq(dictate("TC-5", 2, &far), E_OK);
	ck_assert(!mark_permits(&sim.load, &set, 70, 70));
	ck_assert_int_eq(mark_claim(&sim.load, why), E_OK);
	ck_assert_int_eq(journal_skip(sim.load.journal), E_OK);		/* 70 alone, ahead of what is free */
	ck_assert_int_eq(journal_lease_left(&left, sim.load.journal, 1), E_OK);
	ck_assert_uint_eq(left, 199);
	ck_assert_int_eq(take(&id, &from, "TC-5", 2), E_LEASE);
	for (uint32_t i = 0; i < 65; i++)
		issues(i);		/* 64 is the first of the block up to 127, and 70 is in it */
	ck_assert_int_eq(journal_skip(sim.load.journal), E_OK);
	ck_assert_int_eq(journal_skipped(&skipped, sim.load.journal, &set), E_OK);
	ck_assert_uint_eq(skipped, MARK_BLOCK - 1);
	ck_assert_int_eq(journal_lease_left(&left, sim.load.journal, 1), E_OK);
	ck_assert_uint_eq(left, 200 - 2 * MARK_BLOCK);
	issues(2 * MARK_BLOCK);
}
END_TEST

START_TEST(skipped_ids_of_claims_that_overlap_are_counted_once)
{
	static const struct {
		uint32_t first, last, left;
	} claims[] = { { 0, 63, 136 }, { 32, 95, 104 }, { 40, 41, 104 }, { 120, 183, 40 }, { 90, 125, 16 }, { 0, 199, 0 } };
	uint64_t left, skipped;

	room_sim_lease(&sim, &set, 0, 199);
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
		ck_assert_int_eq(journal_claim(sim.load.journal, &(struct claim){ set, claims[i].first, claims[i].last }), E_OK);
		ck_assert_int_eq(journal_skip(sim.load.journal), E_OK);
		ck_assert_int_eq(journal_skipped(&skipped, sim.load.journal, &set), E_OK);
		ck_assert_uint_eq(skipped, 200 - claims[i].left);
		ck_assert_int_eq(journal_lease_left(&left, sim.load.journal, 1), E_OK);
		ck_assert_uint_eq(left, claims[i].left);
	}
}
END_TEST

/* --- Forecast ----------------------------------------------------------------------------------------------------- */

START_TEST(the_forecast_goes_by_the_loads_of_the_last_30_days)
{
	struct lease_forecast f;
	char sql[256];

	room_sim_lease(&sim, &set, 0, 199);
	room_sim_lease(&sim, &other, 0, 99);
	ck_assert_int_eq(lease_chain(sim.load.journal, &set, &other, why), E_OK);
	ck_assert_int_eq(lease_forecast(&f, sim.load.journal, &set), E_OK);
	ck_assert_uint_eq(f.left, 200);
	ck_assert(!f.known);	/* no loads: nobody knows */
	snprintf(sql, sizeof sql, "INSERT INTO tally SELECT '" SET "', %llu - d, n FROM (SELECT 40 AS d, 500 AS n UNION "
		 "SELECT 20, 300 UNION SELECT 3, 20)", (unsigned long long)(room_utc() / 86400));
	room_sim_meddle(&sim.load, sql);
	ck_assert_int_eq(lease_forecast(&f, sim.load.journal, &set), E_OK);
	ck_assert_uint_eq(f.loads.loads, 820);
	ck_assert_uint_eq(f.loads.month, 320);
	ck_assert_uint_eq(f.loads.week, 20);
	ck_assert(f.known);
	ck_assert_uint_eq(f.days, 200 * 30 / 320);
	ck_assert(!lease_low(&f));
	ck_assert_int_eq(lease_forecast_chain(&f, sim.load.journal, &set), E_OK);
	ck_assert_uint_eq(f.left, 300);
	ck_assert_uint_eq(f.days, 300 * 30 / 320);
	f.left = LEASE_FEW - 1;
	ck_assert(lease_low(&f));
	f = (struct lease_forecast){ .left = 100000, .known = true, .days = LEASE_DAYS - 1 };
	ck_assert(lease_low(&f));
}
END_TEST

#define ROWS(array) (int)(sizeof(array) / sizeof *(array))

static Suite *suite(void)
{
	Suite *s = suite_create("lease");
	TCase *t = tcase_create("lease");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, without_a_lease_no_id_and_with_one_each_of_its_ids_once);
	tcase_add_test(t, an_id_that_was_issued_is_passed_over_and_a_twin_that_takes_it_for_free_meets_the_journal);
	tcase_add_test(t, no_id_is_taken_before_it_is_claimed);
	tcase_add_loop_test(t, a_lease_that_is_wrong_is_refused_and_a_twin_accepts_it, 0, ROWS(wrong));
	tcase_add_test(t, a_lease_with_any_bit_changed_is_refused);
	tcase_add_test(t, a_lease_that_is_accepted_again_changes_nothing);
	tcase_add_test(t, a_room_without_certificates_accepts_none);
	tcase_add_test(t, an_id_is_granted_once_or_was_issued_elsewhere_and_a_twin_grants_it_twice);
	tcase_add_test(t, a_room_of_an_older_epoch_is_granted_nothing);
	tcase_add_test(t, a_room_that_is_disowned_is_granted_nothing);
	tcase_add_test(t, what_leases_say_of_a_key_set_stays);
	tcase_add_test(t, void_leases_issue_nothing_until_one_of_a_newer_epoch_and_a_twin_goes_on);
	tcase_add_test(t, a_used_up_key_set_is_followed_by_the_next_of_its_chain);
	tcase_add_test(t, a_dictated_id_is_issued_to_its_terminal_and_slot_and_to_nobody_else);
	tcase_add_test(t, a_twin_that_takes_dictated_ids_for_free_gives_one_to_another);
	tcase_add_test(t, a_manifest_names_the_key_set_of_a_slot);
	tcase_add_test(t, a_dictated_id_that_a_crash_left_claimed_is_never_issued);
	tcase_add_loop_test(t, a_dictated_id_that_a_manifest_gives_up_is_named_and_a_twin_loses_it, 0, 2);
	tcase_add_test(t, where_more_was_skipped_than_is_left_nothing_is_left);
	tcase_add_test(t, skipped_ids_are_counted_once);
	tcase_add_test(t, skipped_ids_of_claims_that_overlap_are_counted_once);
	tcase_add_test(t, the_forecast_goes_by_the_loads_of_the_last_30_days);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
