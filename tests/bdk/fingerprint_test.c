/*
 * A key is known again by its fingerprint: under a second id, and if it is one that everybody knows. The table of published
 * keys is made again here from vectors/; run with "table" this program prints it for bdk/fingerprint_table.c.
 */
#include "bdk/fingerprint.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "dukpt/aes.h"
#include "dukpt/tdes.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TDES_BDK "0123456789ABCDEFFEDCBA9876543210"
#define AES_BDK "FEDCBA9876543210F1F1F1F1F1F1F1F1"

static struct room_sim sim;
static struct room_sim_package p;
static uint8_t package[EXCHANGE_MAX];
static size_t len;
static char why[EXCHANGE_WHY], from[CERT_TEXT];

/* --- What is published -------------------------------------------------------------------------------------------- */

enum { VALUES = 400 };
static uint8_t values[VALUES][FINGERPRINT];
static const struct stanza *read_once[4];
static size_t n;

static void value_of(uint8_t out[static FINGERPRINT], const struct key *k, bool tdes)
{
	struct key made = { { 0 }, FINGERPRINT };
	enum err e = tdes ? des_ecb(made.b, k, ENCRYPT, fingerprint_label, 2)
			  : aes_ecb(made.b, k, ENCRYPT, fingerprint_label, 1);

	if (e || aes_ecb(out, &made, ENCRYPT, fingerprint_label, 1))
		exit(2);
}

static int order(const void *a, const void *b)
{
	return memcmp(a, b, FINGERPRINT);
}

/* Whatever vectors/ calls bdk or kbpk, and the keys in its key blocks. */
static void collect(void)
{
	static const char *const files[] = { "x9.24-1-2009.txt", "x9.24-3-2017.txt", "x9.24-3-2017-format4.txt",
					     "x9.143.txt" };
	static const char *const names[] = { "bdk", "kbpk", "key" };

	n = 0;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		size_t count;
		const struct stanza *s = read_once[i] = test_vectors(files[i], &count);

		for (size_t j = 0; j < 3 * count; j++) {
			const char *text = stanza_get(&s[j / 3], names[j % 3]);
			struct key k;

			if (!text || (j % 3 == 2 && strcmp(files[i], "x9.143.txt") != 0))
				continue;
			if (strlen(text) != 32 && strlen(text) != 48 && strlen(text) != 64)
				continue;
			k = test_key(text);
			if (n + 2 > VALUES)
				exit(2);
			value_of(values[n++], &k, false);
			if (k.len < 32)
				value_of(values[n++], &k, true);
		}
	}
	qsort(values, n, FINGERPRINT, order);
	for (size_t i = 1; i < n; i++)
		if (!order(values[i - 1], values[i]))
			memmove(values[i - 1], values[i], (n-- - i) * FINGERPRINT), i--;
}

static int print_table(void)
{
	collect();
	for (size_t i = 0; i < n; i++) {
		printf("\t{ ");
		for (size_t j = 0; j < FINGERPRINT; j++)
			printf("0x%02X%s", values[i][j], j + 1 < FINGERPRINT ? ", " : " },\n");
	}
	return 0;
}

START_TEST(the_table_knows_every_published_key_and_no_other)
{
	uint8_t flipped[FINGERPRINT];

	collect();
	ck_assert_uint_gt(n, 50);
	ck_assert_uint_eq(n, fingerprint_published_count());
	for (size_t i = 0; i < n; i++) {
		ck_assert(fingerprint_published(values[i]));
		for (size_t bit = 0; bit < 8 * FINGERPRINT; bit++) {
			memcpy(flipped, values[i], sizeof flipped);
			flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
			ck_assert(!fingerprint_published(flipped));
		}
	}
}
END_TEST

/* The keys that anybody tries first, by name: a table made of empty files would know none. */
START_TEST(the_keys_of_the_standards_are_in_it)
{
	static const struct {
		const char *key;
		bool tdes;
	} known[] = {
		{ TDES_BDK, true },
		{ AES_BDK, false },
		{ AES_BDK "FEDCBA9876543210", false },
		{ AES_BDK AES_BDK, false },
	};
	uint8_t value[FINGERPRINT];
	struct key k = test_key(known[_i].key);

	value_of(value, &k, known[_i].tdes);
	ck_assert(fingerprint_published(value));
	k.b[3] ^= 0x10;
	value_of(value, &k, known[_i].tdes);
	ck_assert(!fingerprint_published(value));
}
END_TEST

/* If a fingerprint's value were an initial key, or half of one, whoever may ask for it would have that. */
START_TEST(dukpt_derives_nothing_from_what_a_value_is_made_of)
{
	uint8_t ids[5] = { 0xFF, 0xFF, 0x98, 0x76, 0x54 }, data[8];
	struct dukpt_step step;
	struct ksn iksn;

	for (uint32_t id = 0; id < 2000; id++) {
		ck_assert_int_eq(ksn_make(&iksn, DUKPT_TDES, ids, id * 262 % 524288), E_OK);
		dukpt_tdes_ik_data(data, &iksn);
		ck_assert_uint_eq(data[7] & 0x1F, 0);
		ck_assert_int_eq(ksn_make(&iksn, DUKPT_AES256, ids, id * 2147483), E_OK);
		ck_assert_int_eq(dukpt_aes_step_ik(&step, DUKPT_AES256, &iksn), E_OK);
		ck_assert_uint_eq(step.data[0], 1);
		ck_assert_uint_eq(step.data[16], 1);
	}
	ck_assert_uint_ne(fingerprint_label[0], 1);
	ck_assert_uint_ne(fingerprint_label[7] & 0x1F, 0);
	ck_assert_uint_ne(fingerprint_label[15] & 0x1F, 0);
}
END_TEST

/* --- In rooms ----------------------------------------------------------------------------------------------------- */

static void setup(void)
{
	room_sim_make(&sim);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static enum err import(enum dukpt_scheme scheme, const char *id, const char *bdk)
{
	struct key_set taken = { .utc = 0 };

	room_sim_package(&sim, &p, scheme, id, bdk);
	len = room_sim_package_bytes(&sim, package, &p);
	return exchange_import(&taken, from, &sim.acquirer, (struct span){ package, len }, why);
}

static void assert_gone(void)
{
	char id[KEY_SET_TEXT], label[KEY_LABEL];
	uint8_t fp[FINGERPRINT];
	struct key_set s;
	bool is;

	key_set_text(id, &p.set);
	snprintf(label, sizeof label, "bdk-%s", id);
	ck_assert_int_eq(journal_key_set(&s, sim.acquirer.journal, id), E_KEY_SET);
	ck_assert_int_eq(journal_fingerprint_has(sim.acquirer.journal, label), E_SHORT);
	ck_assert_int_eq(worker_fingerprint(sim.acquirer.worker, fp, &is, label), E_KEY);
}

START_TEST(the_same_key_under_a_second_id_is_refused_and_leaves_the_token)
{
	static const struct {
		enum dukpt_scheme scheme;
		const char *id, *second, *bdk;
	} keys[] = {
		{ DUKPT_TDES, "FFFF987654", "FFFF987655", "AB13F4ECAB13F4EC0123456789ABCDEF" },
		{ DUKPT_AES128, "12345678", "12345679", "AB13F4ECAB13F4EC0123456789ABCDEF" },
		{ DUKPT_AES192, "22345678", "22345679", "AB13F4ECAB13F4EC0123456789ABCDEF0123456789ABCDE0" },
		{ DUKPT_AES256, "32345678", "32345679",
		  "AB13F4ECAB13F4EC0123456789ABCDEF0123456789ABCDE00123456789ABCDE1" },
	};
	uint8_t before[32], after[32];

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		ck_assert_int_eq(import(keys[i].scheme, keys[i].id, keys[i].bdk), E_OK);
		room_sim_digest(before, &sim.acquirer);
		ck_assert_int_eq(import(keys[i].scheme, keys[i].second, keys[i].bdk), E_EXISTS);
		ck_assert_ptr_nonnull(strstr(why, keys[i].id));
		room_sim_digest(after, &sim.acquirer);
		ck_assert_mem_eq(before, after, sizeof after);
		assert_gone();
	}
	/* after a restart too */
	room_sim_reopen(&sim.acquirer);
	ck_assert_int_eq(import(keys[0].scheme, keys[0].second, keys[0].bdk), E_EXISTS);
	assert_gone();
}
END_TEST

/* The parity bits of a TDES key are no other key. */
START_TEST(a_tdes_key_with_other_parity_bits_is_the_same_key)
{
	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987654", "AB13F4ECAB13F4EC0123456789ABCDEF"), E_OK);
	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987655", "AA12F5EDAA12F5ED0022446688AACCEE"), E_EXISTS);
	assert_gone();
}
END_TEST

START_TEST(a_published_key_is_for_test_rooms_alone)
{
	uint8_t fp[FINGERPRINT];
	bool published;

	sim.acquirer.config.test = false;
	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987654", TDES_BDK), E_PUBLISHED);
	assert_gone();
	ck_assert_int_eq(import(DUKPT_AES128, "12345678", AES_BDK), E_PUBLISHED);
	assert_gone();
	/* the twin: the room would take it, were it not for that */
	ck_assert_int_eq(import(DUKPT_AES128, "12345678", "FEDCBA9876543210F1F1F1F1F1F1F1F2"), E_OK);
	sim.acquirer.config.test = true;
	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987654", TDES_BDK), E_OK);
	ck_assert_int_eq(worker_fingerprint(sim.acquirer.worker, fp, &published, "bdk-FFFF987654"), E_OK);
	ck_assert(published);
}
END_TEST

/* Two journals say nothing about whether two rooms have the same key. */
START_TEST(a_fingerprint_is_the_rooms_own)
{
	uint8_t value[FINGERPRINT], here[FINGERPRINT], there[FINGERPRINT];
	struct key_set made = { .utc = 0 }, taken = made;
	struct key k = test_key(TDES_BDK);
	struct key_set_id id = { .scheme = DUKPT_AES128 };
	char label[KEY_LABEL], text[KEY_SET_TEXT];
	bool published;

	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987654", TDES_BDK), E_OK);
	ck_assert_int_eq(worker_fingerprint(sim.acquirer.worker, here, &published, "bdk-FFFF987654"), E_OK);
	value_of(value, &k, true);
	ck_assert(memcmp(value, here, sizeof here) != 0);
	ck_assert_int_eq(exchange_generate(package, &len, &made, &sim.load, &id, der_span(&sim.acquirer.own), why),
			 E_OK);
	ck_assert_int_eq(exchange_import(&taken, from, &sim.acquirer, (struct span){ package, len }, why), E_OK);
	key_set_text(text, &made.id);
	snprintf(label, sizeof label, "bdk-%s", text);
	ck_assert_int_eq(worker_fingerprint(sim.load.worker, here, &published, label), E_OK);
	ck_assert(!published);
	ck_assert_int_eq(worker_fingerprint(sim.acquirer.worker, there, &published, label), E_OK);
	ck_assert(memcmp(here, there, sizeof here) != 0);
	/* the same again after a restart */
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(worker_fingerprint(sim.load.worker, there, &published, label), E_OK);
	ck_assert_mem_eq(here, there, sizeof here);
}
END_TEST

START_TEST(an_id_stands_for_one_key_set_across_schemes)
{
	ck_assert_int_eq(import(DUKPT_AES128, "12345678", "AB13F4ECAB13F4EC0123456789ABCDE0"), E_OK);
	ck_assert_int_eq(import(DUKPT_AES192, "12345678", "AB13F4ECAB13F4EC0123456789ABCDEF0123456789ABCDE0"),
			 E_EXISTS);
	ck_assert_int_eq(import(DUKPT_AES128, "12345678", "AB13F4ECAB13F4EC0123456789ABCDE2"), E_EXISTS);
}
END_TEST

static uint64_t records(struct room *r, const char *what)
{
	struct audit a = { .sequence = 0 };
	uint64_t found = 0;

	while (!journal_audit_next(&a, r->journal, a.sequence))
		found += !strcmp(a.what, what);
	return found;
}

START_TEST(a_room_of_before_gets_its_fingerprints_when_it_is_opened)
{
	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987654", "AB13F4ECAB13F4EC0123456789ABCDEF"), E_OK);
	room_sim_meddle(&sim.acquirer, "DELETE FROM fingerprint");
	/* in force: nobody looks, and there are two of them */
	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987655", "AB13F4ECAB13F4EC0123456789ABCDEF"), E_OK);
	room_sim_meddle(&sim.acquirer, "DELETE FROM fingerprint");
	room_sim_reopen(&sim.acquirer);
	ck_assert_int_eq(journal_fingerprint_has(sim.acquirer.journal, "bdk-FFFF987654"), E_OK);
	ck_assert_int_eq(journal_fingerprint_has(sim.acquirer.journal, "bdk-FFFF987655"), E_OK);
	ck_assert_uint_eq(records(&sim.acquirer, "fingerprint"), 1); /* the second is the same as the first */
	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987656", "AB13F4ECAB13F4EC0123456789ABCDEF"), E_EXISTS);
	room_sim_reopen(&sim.acquirer);
	ck_assert_uint_eq(records(&sim.acquirer, "fingerprint"), 1);
}
END_TEST

START_TEST(a_published_key_that_is_found_in_a_production_room_is_suspended)
{
	struct key_set s;

	ck_assert_int_eq(import(DUKPT_TDES, "FFFF987654", TDES_BDK), E_OK);
	ck_assert_int_eq(import(DUKPT_AES128, "12345678", "FEDCBA9876543210F1F1F1F1F1F1F1F2"), E_OK);
	ck_assert_int_eq(import(DUKPT_AES128, "12345679", AES_BDK), E_OK);
	ck_assert_int_eq(journal_key_set_state(sim.acquirer.journal, "12345679", KEY_SET_PRE_ACTIVE, ""), E_OK);
	ck_assert_int_eq(import(DUKPT_AES256, "12345670", AES_BDK AES_BDK), E_OK);
	ck_assert_int_eq(journal_key_set_state(sim.acquirer.journal, "12345670", KEY_SET_COMPROMISED, ""), E_OK);
	room_sim_meddle(&sim.acquirer, "DELETE FROM fingerprint");
	sim.acquirer.config.test = false;
	ck_assert_int_eq(fingerprint_open(&sim.acquirer), E_OK);
	ck_assert_int_eq(journal_key_set(&s, sim.acquirer.journal, "12345679"), E_OK);
	ck_assert_int_eq(s.state, KEY_SET_SUSPENDED);
	ck_assert_int_eq(journal_key_set(&s, sim.acquirer.journal, "12345670"), E_OK);
	ck_assert_int_eq(s.state, KEY_SET_COMPROMISED);
	ck_assert_int_eq(journal_key_set(&s, sim.acquirer.journal, "FFFF987654"), E_OK);
	ck_assert_int_eq(s.state, KEY_SET_SUSPENDED);
	ck_assert_int_eq(journal_key_set(&s, sim.acquirer.journal, "12345678"), E_OK);
	ck_assert_int_eq(s.state, KEY_SET_ACTIVE);
	ck_assert_uint_eq(records(&sim.acquirer, "fingerprint"), 3);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("fingerprint");
	TCase *plain = tcase_create("published"), *rooms = tcase_create("rooms");

	suite_add_tcase(s, plain);
	tcase_add_test(plain, the_table_knows_every_published_key_and_no_other);
	tcase_add_loop_test(plain, the_keys_of_the_standards_are_in_it, 0, 4);
	tcase_add_test(plain, dukpt_derives_nothing_from_what_a_value_is_made_of);
	suite_add_tcase(s, rooms);
	tcase_set_timeout(rooms, 120);
	tcase_add_checked_fixture(rooms, setup, teardown);
	tcase_add_test(rooms, the_same_key_under_a_second_id_is_refused_and_leaves_the_token);
	tcase_add_test(rooms, a_tdes_key_with_other_parity_bits_is_the_same_key);
	tcase_add_test(rooms, a_published_key_is_for_test_rooms_alone);
	tcase_add_test(rooms, a_fingerprint_is_the_rooms_own);
	tcase_add_test(rooms, an_id_stands_for_one_key_set_across_schemes);
	tcase_add_test(rooms, a_room_of_before_gets_its_fingerprints_when_it_is_opened);
	tcase_add_test(rooms, a_published_key_that_is_found_in_a_production_room_is_suspended);
	return s;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "table"))
		return print_table();
	return test_main(suite());
}
