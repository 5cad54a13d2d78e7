/*
 * Custodians: who may be one, what lies in their room's folder, what they give and how long that counts; and as people of the
 * room, before and after a change.
 */
#include "bdk/custodian.h"
#include "base/host/file.h"
#include "bdk/people.h"
#include "bdk/room.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define TEXT(s) ((struct span){ (const uint8_t *)(s), strlen(s) })

static char dir[64], path[128];
static struct journal *journal;
static struct custody custody;
static char why[CUSTODY_WHY];
static const char *const phrases[] = { "the first passphrase", "the second passphrase", "the third passphrase" };
static const struct custodians three = {
	.who = { { "anna", 60001 }, { "bert", 60002 }, { "carl", 60003 } }, .n = 3, .m = 2, .so_m = 3
};
static const struct custody_secrets secrets = { { 1, 2, 3 }, { 4, 5, 6 } };

/* As custodian_key_make() does, at the least cost that there is. */
static void cheap(struct custodian_key key[static 3])
{
	for (int i = 0; i < 3; i++) {
		key[i] = (struct custodian_key){ .made = true, .cost = { 14, 8, 1 }, .salt = { (uint8_t)(i + 1) } };
		ck_assert_int_eq(passphrase_derive(key[i].key, &key[i].cost, key[i].salt, TEXT(phrases[i])), E_OK);
	}
}

static void make_folder(void)
{
	test_folder_make(dir, sizeof dir);
	snprintf(path, sizeof path, "%s/journal.db", dir);
	ck_assert_int_eq(journal_create(path, ROOM_LOAD), E_OK);
	ck_assert_int_eq(journal_open(&journal, path, ROOM_LOAD), E_OK);
	snprintf(path, sizeof path, "%s/shares", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static void remove_folder(void)
{
	journal_close(journal);
	test_folder_remove(dir);
}

static void write_shares(uint32_t generation)
{
	struct custodian_key key[SHARE_MOST];

	cheap(key);
	ck_assert_int_eq(custody_write(dir, "Room", generation, &three, key, &secrets), E_OK);
}

static void read_shares(void)
{
	ck_assert_int_eq(custody_read(&custody, dir, "Room", why), E_OK);
}

START_TEST(who_may_be_a_custodian)
{
	static const struct {
		const char *text, *m, *so_m;
		bool good;
	} row[] = {
		{ "anna=60001,bert=60002", "2", NULL, true },
		{ "anna=60001 bert=60002, carl=60003", "2", "3", true },
		{ "anna=60001,bert=60002", "1", NULL, false },
		{ "anna=60001,bert=60002", "3", NULL, false },
		{ "anna=60001,bert=60002", "0", NULL, false },
		{ "anna=60001,bert=60002", "", NULL, false },
		{ "anna=60001,bert=60002", "2x", NULL, false },
		{ "anna=60001,bert=60002", "12", NULL, false },
		{ "anna=60001,bert=60002,carl=60003", "3", "2", false },
		{ "anna=60001,bert=60002,carl=60003", "2", "4", false },
		{ "anna=60001", "2", NULL, false },
		{ "", "2", NULL, false },
		{ "anna=60001,bert", "2", NULL, false },
		{ "anna=60001,=60002", "2", NULL, false },
		{ "anna=60001,anna=60002", "2", NULL, false },
		{ "anna=60001,bert=60001", "2", NULL, false },
		{ "anna=60001,bert=0", "2", NULL, false },
		{ "anna=60001,Bert=60002", "2", NULL, false },
		{ "anna=60001,bert=nobody-has-this-name", "2", NULL, false },
		{ "a=60001,b=60002,c=60003,d=60004,e=60005,f=60006,g=60007,h=60008,i=60009", "9", NULL, true },
		{ "a=60001,b=60002,c=60003,d=60004,e=60005,f=60006,g=60007,h=60008,i=60009,j=60010", "2", NULL, false },
	};
	static const struct custodians nobody;
	struct custodians c;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		enum err e = custodians_parse(&c, row[i].text, row[i].m, row[i].so_m, why);

		ck_assert_msg(e == (row[i].good ? E_OK : E_RANGE), "%s, %s", row[i].text, row[i].m);
		if (e)
			ck_assert_mem_eq(&c, &nobody, sizeof c);
	}
}
END_TEST

START_TEST(m_logins_give_the_secret_and_one_login_counts_once)
{
	struct pieces p = { .n = 0 };
	uint8_t pin[SHARE_SECRET];
	char name[SHARE_NAME];
	struct share_of of;

	write_shares(1);
	read_shares();
	ck_assert(custody_of(&of, &custody, SHARE_PIN, 0));
	ck_assert_int_eq(pieces_give(&p, name, &custody, SHARE_PIN, 60009, TEXT(phrases[0]), 1), E_DENIED);
	ck_assert_int_eq(pieces_give(&p, name, &custody, SHARE_PIN, 60001, TEXT(phrases[1]), 1), E_PASSPHRASE);
	ck_assert_uint_eq(p.n, 0);
	ck_assert_int_eq(pieces_give(&p, name, &custody, SHARE_PIN, 60001, TEXT(phrases[0]), 1), E_OK);
	ck_assert_str_eq(name, "anna");
	ck_assert_int_eq(pieces_give(&p, name, &custody, SHARE_PIN, 60001, TEXT(phrases[0]), 1), E_EXISTS);
	ck_assert_uint_eq(pieces_count(&p, &of), 1);
	ck_assert_int_eq(pieces_secret(pin, &p, &of), E_SHORT);
	ck_assert_int_eq(pieces_give(&p, name, &custody, SHARE_PIN, 60003, TEXT(phrases[2]), 1), E_OK);
	ck_assert_int_eq(pieces_secret(pin, &p, &of), E_OK);
	ck_assert_mem_eq(pin, secrets.pin, sizeof pin);
	/* those are no shares of the other PIN */
	ck_assert(custody_of(&of, &custody, SHARE_SO_PIN, 0));
	ck_assert_uint_eq(pieces_count(&p, &of), 0);
	ck_assert_int_eq(pieces_secret(pin, &p, &of), E_SHORT);
}
END_TEST

START_TEST(what_was_given_is_forgotten_after_its_time)
{
	static const struct pieces nothing;
	struct pieces p = { .n = 0 };
	char name[SHARE_NAME];

	write_shares(1);
	read_shares();
	ck_assert_uint_eq(pieces_tend(&p, 1000), 0);
	ck_assert_int_eq(pieces_give(&p, name, &custody, SHARE_PIN, 60001, TEXT(phrases[0]), 1000), E_OK);
	ck_assert_uint_eq(pieces_tend(&p, 1000), CUSTODY_SECONDS);
	ck_assert_uint_eq(pieces_tend(&p, 1000 + CUSTODY_SECONDS - 1), 1);
	ck_assert_uint_eq(p.n, 1);
	/* the second one comes too late, and is the first */
	ck_assert_int_eq(pieces_give(&p, name, &custody, SHARE_PIN, 60002, TEXT(phrases[1]), 1000 + CUSTODY_SECONDS),
			 E_OK);
	ck_assert_uint_eq(p.n, 1);
	ck_assert_uint_eq(pieces_tend(&p, 1000 + 2 * CUSTODY_SECONDS), 0);
	ck_assert_mem_eq(&p, &nothing, sizeof p);
}
END_TEST

/* A copy under another name, another room's, one of another split: passed over, and named; the others still open. */
START_TEST(a_share_that_does_not_belong_is_passed_over)
{
	static const struct {
		const char *from, *to;
	} copied[] = {
		{ "pin-1-1", "pin-1-2" }, { "so-1-2", "pin-1-2" }, { "pin-1-1", "pin-2-1" }, { "pin-1-1", "pin-1-4" }
	};
	uint8_t file[SHARE_MAX];
	char from[160], to[160];
	size_t len;

	write_shares(1);
	snprintf(from, sizeof from, "%s/shares/%s", dir, copied[_i].from);
	snprintf(to, sizeof to, "%s/shares/%s", dir, copied[_i].to);
	ck_assert_int_eq(file_read(file, &len, sizeof file, from), E_OK);
	ck_assert_int_eq(file_write(to, (struct span){ file, len }, 0600), E_OK);
	read_shares();
	ck_assert_ptr_nonnull(strstr(custody.bad, copied[_i].to));
	ck_assert_uint_eq(custody.n, _i > 1 ? 6 : 5 /* one more, or one in the place of another */);
	ck_assert_int_eq(custody_read(&custody, dir, "Another", why), E_ROOM);
	ck_assert_ptr_nonnull(strstr(why, "another room"));
}
END_TEST

START_TEST(two_generations_are_told_apart_and_the_old_one_goes)
{
	struct share_of of;

	write_shares(1);
	write_shares(2);
	read_shares();
	ck_assert_uint_eq(custody.n, 12);
	ck_assert(custody_of(&of, &custody, SHARE_PIN, 0) && of.generation == 2);
	ck_assert(custody_of(&of, &custody, SHARE_PIN, 1) && of.generation == 1);
	ck_assert(!custody_of(&of, &custody, SHARE_PIN, 2));
	ck_assert_int_eq(custody_drop(dir, 1), E_OK);
	read_shares();
	ck_assert_uint_eq(custody.n, 6);
	ck_assert(custody_of(&of, &custody, SHARE_SO_PIN, 0) && of.generation == 2 && of.m == 3);
	ck_assert(!custody_of(&of, &custody, SHARE_SO_PIN, 1));
}
END_TEST

/* Twin of each field: a digest that left it out would be the same. */
START_TEST(the_digest_of_a_change_is_that_of_everything_in_it)
{
	const uint8_t nonce[32] = { 1 }, fresh[32] = { 2 };
	struct custodians other = three;
	uint8_t hash[32], changed[32];

	ck_assert_int_eq(custody_change_digest(hash, nonce, "Room", &three), E_OK);
	ck_assert_int_eq(custody_change_digest(changed, nonce, "Room", &other), E_OK);
	ck_assert_mem_eq(hash, changed, sizeof hash);
	switch (_i) {
	case 0: other.who[2].uid++; break;
	case 1: other.who[2].name[0]++; break;
	case 2: other.m = 3; break;
	case 3: other.so_m = 2; break;
	case 4: other.n = 2; break;
	default: break;
	}
	ck_assert_int_eq(custody_change_digest(changed, _i == 5 ? fresh : nonce, _i == 6 ? "Moor" : "Room", &other), E_OK);
	ck_assert_mem_ne(hash, changed, sizeof hash);
}
END_TEST

START_TEST(a_change_is_nobody_elses_to_put_another_in_its_place)
{
	static struct custody_change x;
	uint8_t hash[32];

	ck_assert(custody_change_open(&x, 60001));
	ck_assert_int_eq(custody_change_begin(&x, "Room", &three, 60001, 1000), E_OK);
	memcpy(hash, x.hash, sizeof hash);
	ck_assert(!custody_change_open(&x, 60002));
	ck_assert(custody_change_open(&x, 60001));
	ck_assert_int_eq(custody_change_begin(&x, "Room", &three, 60001, 1000), E_OK);
	ck_assert_mem_ne(x.hash, hash, sizeof hash);
	x.given.n = 1;
	ck_assert(!custody_change_open(&x, 60001));
	x.given.n = 0;
	x.key[2].made = true;
	ck_assert(!custody_change_open(&x, 60001));
	ck_assert_uint_eq(custody_change_tend(&x, 1000 + CUSTODY_SECONDS), 0);
	ck_assert(custody_change_open(&x, 60002));
}
END_TEST

START_TEST(custodians_are_people_until_others_take_their_place)
{
	static const struct custodians next = {
		.who = { { "anna", 60001 }, { "dora", 60004 } }, .n = 2, .m = 2, .so_m = 2
	};
	struct custodian_key key[SHARE_MOST] = { { .made = true, .verifier.check = { 7 } } };
	struct person p;

	write_shares(1);
	read_shares();
	ck_assert_int_eq(custodians_check(&three, journal, why), E_OK);
	ck_assert_int_eq(custodians_enter(&three, key, journal, NULL), E_OK);
	ck_assert_int_eq(journal_person(&p, journal, "anna", 0), E_OK);
	ck_assert(p.uid == 60001 && p.roles == PERSON_CUSTODIAN && p.passphrase &&
		  p.verifier[PASSPHRASE_VERIFIER - 32] == 7);
	ck_assert_int_eq(custodians_check(&next, journal, why), E_OK);
	ck_assert_int_eq(custodians_enter(&next, key, journal, &custody), E_OK);
	ck_assert_int_eq(journal_person(&p, journal, "bert", 0), E_PERSON);
	ck_assert_int_eq(journal_person(&p, journal, NULL, 60003), E_PERSON);
	ck_assert_int_eq(journal_person(&p, journal, "dora", 0), E_OK);
	ck_assert_int_eq(journal_person(&p, journal, "anna", 0), E_OK);
	ck_assert_uint_eq(p.roles, PERSON_CUSTODIAN);
}
END_TEST

START_TEST(nobody_becomes_a_custodian_over_another_person)
{
	static const struct {
		struct person there;
		enum err e;
	} row[] = {
		{ { .name = "anna", .uid = 60009, .roles = PERSON_AUDITOR }, E_DENIED },
		{ { .name = "otto", .uid = 60001, .roles = PERSON_AUDITOR }, E_DENIED },
		{ { .name = "anna", .uid = 60001, .roles = PERSON_AUDITOR }, E_DENIED },
		{ { .name = "anna", .uid = 60001, .roles = PERSON_OPERATOR }, E_DENIED },
		{ { .name = "anna", .uid = 60001, .roles = PERSON_SUPERVISOR }, E_OK },
	};

	ck_assert_int_eq(journal_person_add(journal, &row[_i].there), E_OK);
	why[0] = 0;
	ck_assert_int_eq(custodians_check(&three, journal, why), row[_i].e);
	ck_assert(!row[_i].e == !why[0]);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("custodian");
	TCase *t = tcase_create("custodian");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, make_folder, remove_folder);
	tcase_add_test(t, who_may_be_a_custodian);
	tcase_add_test(t, m_logins_give_the_secret_and_one_login_counts_once);
	tcase_add_test(t, what_was_given_is_forgotten_after_its_time);
	tcase_add_loop_test(t, a_share_that_does_not_belong_is_passed_over, 0, 4);
	tcase_add_test(t, two_generations_are_told_apart_and_the_old_one_goes);
	tcase_add_loop_test(t, the_digest_of_a_change_is_that_of_everything_in_it, 0, 7);
	tcase_add_test(t, a_change_is_nobody_elses_to_put_another_in_its_place);
	tcase_add_test(t, custodians_are_people_until_others_take_their_place);
	tcase_add_loop_test(t, nobody_becomes_a_custodian_over_another_person, 0, 5);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
