/*
 * From a KSN to a PIN, a verdict, or data: the published figures come out of keys that a package brought into the
 * token, and what may not leave does not.
 */
#include "bdk/evident.h"
#include "bdk/recover.h"
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/mac.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct room_sim sim;
static struct recover *v;
static const struct stanza *tdes, *aes4;
static size_t tdes_count, aes4_count;

/* The published keys, taken by package. */
static void take(enum dukpt_scheme scheme, const char *id, const char *bdk)
{
	uint8_t bytes[EXCHANGE_MAX];
	char from[CERT_TEXT], why[EXCHANGE_WHY];
	struct room_sim_package p;
	struct key_set taken = { .utc = 0 };
	size_t len;

	room_sim_package(&sim, &p, scheme, id, bdk);
	len = room_sim_package_bytes(&sim, bytes, &p);
	ck_assert_int_eq(exchange_import(&taken, from, &sim.acquirer, (struct span){ bytes, len }, why), E_OK);
}

static void setup(void)
{
	room_sim_make(&sim);
	take(DUKPT_TDES, "FFFF987654", "0123456789ABCDEFFEDCBA9876543210");
	take(DUKPT_AES128, "12345678", "FEDCBA9876543210F1F1F1F1F1F1F1F1");
	v = calloc(1, sizeof *v);
	ck_assert_ptr_nonnull(v);
}

static void teardown(void)
{
	recover_end(v);
	free(v);
	room_sim_remove(&sim);
}

static struct ksn ksn(const char *text)
{
	struct ksn k;

	ck_assert_int_eq(ksn_parse(&k, text), E_OK);
	return k;
}

static struct pan pan(const char *text)
{
	struct pan p;

	ck_assert_int_eq(pan_parse(&p, text), E_OK);
	return p;
}

static char why[RECOVER_WHY];

static enum err begin(const struct ksn *k)
{
	struct key_set set;

	return recover_begin(v, &set, &sim.acquirer, k, why);
}

static enum err recover(struct pin *pin, const struct ksn *k, int format, const char *block, const char *digits)
{
	struct pan p = pan(digits);
	uint8_t b[16];
	size_t len = test_hex(b, sizeof b, block);

	return recover_pin(pin, v, &sim.acquirer, k, format, (struct span){ b, len }, &p);
}

static void assert_pin_1234(const struct pin *pin)
{
	ck_assert_uint_eq(pin->len, 4);
	ck_assert_mem_eq(pin->digit, "\1\2\3\4", 4);
}

/* --- Published figures --- */

START_TEST(recovers_the_published_tdes_pins_and_macs)
{
	static const char message[] = "4012345678909D987";
	size_t rows = 0;

	for (size_t i = 0; i < tdes_count; i++) {
		const char *text = stanza_get(&tdes[i], "ksn"), *block = stanza_get(&tdes[i], "enc_pin_block");
		struct span data = { (const uint8_t *)message, sizeof message - 1 };
		struct pin pin;
		uint8_t mac[8];
		struct ksn k;
		size_t len;

		if (!text || !block)
			continue;
		k = ksn(text);
		if (!ksn_counter_valid(&k))
			continue;
		rows++;
		ck_assert_int_eq(begin(&k), E_OK);
		ck_assert_int_eq(recover(&pin, &k, 0, block, "4012345678909"), E_OK);
		assert_pin_1234(&pin);
		len = test_hex(mac, sizeof mac, stanza_get(&tdes[i], "mac_request"));
		ck_assert_int_eq(recover_mac(v, &k, (struct span){ mac, len }, data), E_OK);
		mac[len - 1] ^= 1;
		ck_assert_int_eq(recover_mac(v, &k, (struct span){ mac, len }, data), E_MAC);
	}
	ck_assert_uint_ge(rows, 30);
}
END_TEST

START_TEST(recovers_the_published_format_4_pins)
{
	size_t rows = 0;

	for (size_t i = 0; i < aes4_count; i++) {
		struct ksn k = ksn(stanza_get(&aes4[i], "ksn"));
		struct pin pin;

		rows++;
		ck_assert_int_eq(begin(&k), E_OK);
		ck_assert_int_eq(
			recover(&pin, &k, 4, stanza_get(&aes4[i], "enc_pin_block"), stanza_get(&aes4[i], "pan")), E_OK);
		assert_pin_1234(&pin);
	}
	ck_assert_uint_ge(rows, 8);
}
END_TEST

/* --- What is refused before anything is derived --- */

START_TEST(refuses_unknown_and_suspended_key_sets_and_impossible_counters)
{
	static const struct {
		const char *ksn;
		enum err e;
	} rows[] = {
		{ "FFFF0000003210E00001", E_KEY_SET },
		{ "000098765432E0000001", E_KEY_SET },
		{ "123456799012345600000001", E_KEY_SET },
		{ "FFFF9876543210E00000", E_COUNTER },
		{ "FFFF9876543210E007FF", E_COUNTER },	/* 11 one-bits */
		{ "FFFF9876543210FFFFFF", E_COUNTER },
		{ "123456789012345600000000", E_COUNTER },
		{ "12345678901234560001FFFF", E_COUNTER },	/* 17 */
		{ "1234567890123456FFFFFFFF", E_COUNTER },
	};
	struct ksn k;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		k = ksn(rows[i].ksn);
		ck_assert_int_eq(begin(&k), rows[i].e);
	}
	ck_assert_uint_eq(v->clock, 0);	/* nothing was derived */
	k = ksn("FFFF9876543210E00001");
	ck_assert_int_eq(begin(&k), E_OK);
	ck_assert_int_eq(journal_key_set_state(sim.acquirer.journal, "FFFF987654", KEY_SET_SUSPENDED, ""), E_OK);
	ck_assert_int_eq(begin(&k), E_KEY_SET_STATE);	/* also with its initial key at hand */
	ck_assert_int_eq(journal_key_set_state(sim.acquirer.journal, "FFFF987654", KEY_SET_ACTIVE, ""), E_OK);
	ck_assert_int_eq(begin(&k), E_OK);
}
END_TEST

/* Also with its initial key at hand, and what was refused once stays so. */
START_TEST(refuses_what_packs_and_the_list_revoke_and_no_other)
{
	struct ksn k = ksn("FFFF9876543210E00001"), other = ksn("FFFF9876543212E00001");
	const struct pki_subject who = { "TC-1", "TC-1", NULL };
	struct handed h = { .iksn = ksn("FFFF9876543210E00000"), .serial = "TC-1" };
	uint8_t point[P256_POINT], number[20];
	char name[CERT_TEXT];
	struct key priv;
	struct der cert;

	room_sim_key(&sim, &priv, point);
	cert = room_sim_issue(&sim, "device-ca", point, &who, room_utc(), 5);
	ck_assert_int_eq(evident_number(h.number, der_span(&cert)), E_OK);
	ck_assert_int_eq(begin(&k), E_OK);
	ck_assert_int_eq(journal_handed_put(sim.acquirer.journal, &h), E_OK);
	ck_assert_int_eq(begin(&k), E_OK);
	/* its terminal */
	room_sim_crl(&sim, &sim.acquirer, der_span(&cert), room_utc(), 5);
	ck_assert_int_eq(begin(&k), E_REVOKED);
	ck_assert_str_eq(why, "TC-1: the terminal is revoked");
	ck_assert_int_eq(begin(&other), E_OK);
	/* the same while the list is past its end: payments do not stop, and nobody gets back in */
	room_sim_crl(&sim, &sim.acquirer, der_span(&cert), room_utc() - 10 * 86400, 5);
	ck_assert_int_eq(begin(&k), E_REVOKED);
	ck_assert_int_eq(begin(&other), E_OK);
	/* its id */
	room_sim_crl(&sim, &sim.acquirer, (struct span){ NULL, 0 }, room_utc(), 5);
	ck_assert_int_eq(begin(&k), E_OK);
	snprintf(h.refused, sizeof h.refused, "possibly loaded");
	ck_assert_int_eq(journal_handed_put(sim.acquirer.journal, &h), E_OK);
	h.refused[0] = 0;
	ck_assert_int_eq(journal_handed_put(sim.acquirer.journal, &h), E_OK);
	ck_assert_int_eq(begin(&k), E_REVOKED);
	ck_assert_str_eq(why, "TC-1: possibly loaded");
	ck_assert_int_eq(begin(&other), E_OK);
	/* the KIF that its key set came from */
	ck_assert_int_eq(journal_maker(number, name, sim.acquirer.journal, "FFFF987654"), E_OK);
	ck_assert_str_eq(name, "KIF-2");
	room_sim_revoke(&sim, &sim.acquirer, number);
	ck_assert_int_eq(begin(&other), E_REVOKED);
	ck_assert_ptr_nonnull(strstr(why, "KIF-2, is revoked"));
	k = ksn("123456789012345600000001");	/* another package of the same room, under another certificate */
	ck_assert_int_eq(begin(&k), E_OK);
}
END_TEST

/* The file is the room's, the number the journal's. Without that, a revoked terminal would be back in once its list is gone. */
START_TEST(a_list_that_is_gone_or_older_lets_nobody_back_in)
{
	struct ksn k = ksn("FFFF9876543210E00001");
	char path[PATH_MAX + 32];

	ck_assert_int_eq(journal_set_number(sim.acquirer.journal, "crl", 1), E_OK);
	ck_assert_int_eq(begin(&k), E_OK);
	ck_assert_int_eq(journal_set_number(sim.acquirer.journal, "crl", 2), E_OK);
	ck_assert_int_eq(begin(&k), E_EXPIRED); /* also with its initial key at hand */
	ck_assert_ptr_nonnull(strstr(why, "bdk install --room ACQUIRER --crl"));
	ck_assert_int_eq(journal_set_number(sim.acquirer.journal, "crl", 1), E_OK);
	ck_assert_int_eq(begin(&k), E_OK);
	snprintf(path, sizeof path, "%s/certs/crl.der", sim.acquirer.dir);
	ck_assert_int_eq(unlink(path), 0);
	room_sim_reopen(&sim.acquirer);
	ck_assert_int_eq(begin(&k), E_EXPIRED);
	/* A room that never had one goes on without. */
	ck_assert_int_eq(journal_set_number(sim.acquirer.journal, "crl", 0), E_OK);
	ck_assert_int_eq(begin(&k), E_OK);
}
END_TEST

START_TEST(nothing_without_begin)
{
	struct ksn k = ksn("FFFF9876543210E00001");
	uint8_t out[RECOVER_DATA], block[8] = { 0 };
	struct pin pin;
	size_t len;

	ck_assert_int_eq(recover(&pin, &k, 0, "1B9C1845EB993A7A", "4012345678909"), E_SEQUENCE);
	ck_assert_int_eq(recover_mac(v, &k, SPAN(block), SPAN(block)), E_SEQUENCE);
	ck_assert_int_eq(recover_data(out, &len, v, &sim.acquirer, &k, SPAN(block)), E_SEQUENCE);
}
END_TEST

START_TEST(a_production_room_gives_out_no_pin_and_no_data)
{
	struct ksn k = ksn("FFFF9876543210E00001");
	uint8_t out[RECOVER_DATA], data[24], mac[4];
	struct pin pin;
	size_t len;

	test_hex(data, sizeof data, "FC0D53B7EA1FDA9EE68AAF2E70D9B9506229BE2AA993F04F");
	test_hex(mac, sizeof mac, "9CCC7817");
	sim.acquirer.config.test = false;
	ck_assert_int_eq(begin(&k), E_OK);
	ck_assert_int_eq(recover(&pin, &k, 0, "1B9C1845EB993A7A", "4012345678909"), E_DENIED);
	ck_assert_uint_eq(pin.len, 0);
	ck_assert_int_eq(recover_data(out, &len, v, &sim.acquirer, &k, SPAN(data)), E_DENIED);
	ck_assert_uint_eq(len, 0);
	ck_assert_int_eq(recover_mac(v, &k, SPAN(mac), (struct span){ (const uint8_t *)"4012345678909D987", 17 }),
			 E_OK);
}
END_TEST

/* --- PIN blocks --- */

START_TEST(every_bad_pin_block_gives_one_answer)
{
	struct ksn k = ksn("FFFF9876543210E00001"), a = ksn("123456789012345600000001");
	struct pan right = pan("4012345678909"), right4 = pan("4111111111111111");
	uint8_t b[16];
	size_t len = test_hex(b, 8, "1B9C1845EB993A7A"), good = 0;
	struct pin pin;

	ck_assert_int_eq(begin(&k), E_OK);
	ck_assert_int_eq(begin(&a), E_OK);
	for (size_t bit = 0; bit < 64; bit++) {
		enum err e;

		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		e = recover_pin(&pin, v, &sim.acquirer, &k, 0, (struct span){ b, len }, &right);
		ck_assert(e == E_PIN_BLOCK || e == E_OK);	/* one in some 10^4 is well-formed by chance */
		good += e == E_OK;
		ck_assert(e == E_OK || pin.len == 0);
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	ck_assert_uint_le(good, 2);
	ck_assert_int_eq(recover(&pin, &k, 0, "1B9C1845EB993A7A", "9999999999999"), E_PIN_BLOCK); /* another PAN */
	ck_assert_int_eq(recover(&pin, &k, 3, "1B9C1845EB993A7A", "4012345678909"), E_PIN_BLOCK); /* another format */
	k = ksn("FFFF9876543210E00002");                                                          /* another key */
	ck_assert_int_eq(recover(&pin, &k, 0, "1B9C1845EB993A7A", "4012345678909"), E_PIN_BLOCK);
	test_hex(b, 16, "A912150391AB65A67E52883D81CE2D15");
	for (size_t bit = 0; bit < 128; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		ck_assert_int_eq(recover_pin(&pin, v, &sim.acquirer, &a, 4, SPAN(b), &right4), E_PIN_BLOCK);
		ck_assert_uint_eq(pin.len, 0);
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}
END_TEST

START_TEST(format_scheme_and_length_have_to_go_together)
{
	struct ksn k = ksn("FFFF9876543210E00001"), a = ksn("123456789012345600000001");
	static const char tdes_block[] = "1B9C1845EB993A7A", aes_block[] = "A912150391AB65A67E52883D81CE2D15";
	struct pin pin;
	uint8_t b[8];

	test_hex(b, sizeof b, tdes_block);
	ck_assert_int_eq(begin(&k), E_OK);
	ck_assert_int_eq(begin(&a), E_OK);
	ck_assert_int_eq(recover(&pin, &k, 4, aes_block, "4012345678909"), E_FORMAT);
	ck_assert_int_eq(recover(&pin, &k, 4, tdes_block, "4012345678909"), E_FORMAT);
	ck_assert_int_eq(recover(&pin, &a, 0, aes_block, "4012345678909"), E_FORMAT);
	ck_assert_int_eq(recover(&pin, &a, 0, tdes_block, "4012345678909"), E_FORMAT);
	ck_assert_int_eq(recover(&pin, &k, 0, aes_block, "4012345678909"), E_FORMAT);
	ck_assert_int_eq(recover(&pin, &k, 5, tdes_block, "4012345678909"), E_FORMAT);
	ck_assert_int_eq(recover(&pin, &k, -1, tdes_block, "4012345678909"), E_FORMAT);
	ck_assert_int_eq(recover(&pin, &k, 0, tdes_block, "12345678901"), E_FORMAT);
	ck_assert_int_eq(recover_pin(&pin, v, &sim.acquirer, &k, 0, SPAN(b), NULL), E_FORMAT);
	ck_assert_int_eq(recover_pin(&pin, v, &sim.acquirer, &k, 1, SPAN(b), NULL), E_PIN_BLOCK);	/* needs none */
}
END_TEST

/* --- MAC and data --- */

static struct key working(const char *bdk_ik, enum dukpt_scheme scheme, const struct ksn *k, enum dukpt_purpose purpose)
{
	struct key ik = test_key(bdk_ik), out;

	ck_assert_int_eq(dukpt_host_key(&out, &ik, scheme, k, purpose), E_OK);
	return out;
}

static const struct {
	enum dukpt_scheme scheme;
	const char *ksn, *ik;
	size_t block, mac;
} kinds[] = {
	{ DUKPT_TDES, "FFFF9876543210E00003", "6AC292FAA1315B4D858AB3A3D7D5933A", 8, 8 },
	{ DUKPT_AES128, "123456789012345600000003", "1273671EA26AC29AFA4D1084127652A1", 16, 16 },
};

START_TEST(a_mac_of_any_usual_length_is_checked_whole)
{
	static const uint8_t data[] = "any message";
	struct ksn k = ksn(kinds[_i].ksn);
	struct key key = working(kinds[_i].ik, kinds[_i].scheme, &k, DUKPT_MAC_REQUEST);
	uint8_t mac[DUKPT_MAC_MAX + 1] = { 0 };
	size_t whole;

	ck_assert_int_eq(begin(&k), E_OK);
	ck_assert_int_eq(dukpt_mac(mac, &whole, kinds[_i].scheme, &key, data, sizeof data), E_OK);
	for (size_t len = 0; len <= whole + 1; len++) {
		struct span m = { mac, len };

		if (len < 4 || len > whole) {
			ck_assert_int_eq(recover_mac(v, &k, m, SPAN(data)), E_FORMAT);
			continue;
		}
		ck_assert_int_eq(recover_mac(v, &k, m, SPAN(data)), E_OK);
		for (size_t i = 0; i < len; i++) {
			mac[i] ^= 0x10;
			ck_assert_int_eq(recover_mac(v, &k, m, SPAN(data)), E_MAC);
			mac[i] ^= 0x10;
		}
	}
	ck_assert_int_eq(recover_mac(v, &k, (struct span){ mac, whole }, (struct span){ data, 3 }), E_MAC);
}
END_TEST

START_TEST(data_comes_back_without_its_padding)
{
	struct ksn k = ksn(kinds[_i].ksn);
	struct key key = working(kinds[_i].ik, kinds[_i].scheme, &k, DUKPT_DATA_REQUEST);
	uint8_t clear[64], cipher[64], out[RECOVER_DATA];
	size_t block = kinds[_i].block, len;

	ck_assert_int_eq(begin(&k), E_OK);
	for (size_t n = 0; n < 40; n++) {
		size_t padded = (n / block + 1) * block;

		memset(clear, 0, sizeof clear);
		memset(clear, 'x', n);
		clear[n] = 0x80;
		ck_assert_int_eq(dukpt_data(cipher, kinds[_i].scheme, &key, ENCRYPT, clear, padded), E_OK);
		ck_assert_int_eq(recover_data(out, &len, v, &sim.acquirer, &k, (struct span){ cipher, padded }), E_OK);
		ck_assert_uint_eq(len, n);
		ck_assert_mem_eq(out, clear, n);
		for (size_t i = n; i < RECOVER_DATA; i++)
			ck_assert_uint_eq(out[i], 0);
	}
}
END_TEST

START_TEST(data_that_is_not_padded_gives_one_answer_and_no_byte)
{
	struct ksn k = ksn(kinds[_i].ksn);
	struct key key = working(kinds[_i].ik, kinds[_i].scheme, &k, DUKPT_DATA_REQUEST);
	uint8_t clear[32], cipher[32], out[RECOVER_DATA];
	static uint8_t longer[RECOVER_DATA + 16];
	size_t len;

	ck_assert_int_eq(begin(&k), E_OK);
	for (int i = 0; i < 4; i++) {
		memset(clear, 'x', sizeof clear);
		switch (i) {
		case 0: break;						/* no padding at all */
		case 1: memset(clear, 0, sizeof clear); break;		/* nothing but zeros */
		case 2: clear[31] = 0x81; break;
		case 3: memset(clear, 0, sizeof clear); clear[0] = 0x80; break;	/* more than a block of it */
		}
		ck_assert_int_eq(dukpt_data(cipher, kinds[_i].scheme, &key, ENCRYPT, clear, 32), E_OK);
		ck_assert_int_eq(recover_data(out, &len, v, &sim.acquirer, &k, SPAN(cipher)), E_FORMAT);
		ck_assert_uint_eq(len, 0);
		for (size_t b = 0; b < sizeof out; b++)
			ck_assert_uint_eq(out[b], 0);
	}
	ck_assert_int_eq(recover_data(out, &len, v, &sim.acquirer, &k, (struct span){ cipher, 0 }), E_FORMAT);
	ck_assert_int_eq(recover_data(out, &len, v, &sim.acquirer, &k, (struct span){ cipher, 31 }), E_FORMAT);
	ck_assert_int_eq(recover_data(out, &len, v, &sim.acquirer, &k, SPAN(longer)), E_FORMAT);
}
END_TEST

/* --- The cache --- */

START_TEST(a_cached_device_needs_no_token_and_the_oldest_goes_first)
{
	struct ksn k = ksn("FFFF9876543210E00001"), other;
	siginfo_t ended;

	ck_assert_int_eq(begin(&k), E_OK);
	for (uint32_t i = 0; i < RECOVER_CACHE - 1; i++) {
		ck_assert_int_eq(ksn_make(&other, DUKPT_TDES, (const uint8_t *)"\xFF\xFF\x98\x76\x54", i), E_OK);
		ksn_set_counter(&other, &other, 1);
		ck_assert_int_eq(begin(&other), E_OK);
	}
	ck_assert_int_eq(begin(&k), E_OK);		/* now the youngest */
	ck_assert_int_eq(ksn_make(&other, DUKPT_TDES, (const uint8_t *)"\xFF\xFF\x98\x76\x54", 9999), E_OK);
	ksn_set_counter(&other, &other, 1);
	ck_assert_int_eq(begin(&other), E_OK);		/* puts device 0 out */
	sim.acquirer.config.token[0] = 0;		/* no worker can be started from here on */
	ck_assert_int_eq(kill(sim.acquirer.worker[0].pid, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)sim.acquirer.worker[0].pid, &ended, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(begin(&k), E_OK);
	ksn_set_counter(&k, &k, 7);
	ck_assert_int_eq(begin(&k), E_OK);
	ck_assert_int_eq(ksn_make(&other, DUKPT_TDES, (const uint8_t *)"\xFF\xFF\x98\x76\x54", 1), E_OK);
	ksn_set_counter(&other, &other, 1);
	ck_assert_int_eq(begin(&other), E_OK);
	ck_assert_int_eq(ksn_make(&other, DUKPT_TDES, (const uint8_t *)"\xFF\xFF\x98\x76\x54", 0), E_OK);
	ksn_set_counter(&other, &other, 1);
	ck_assert_int_eq(begin(&other), E_TOKEN);
}
END_TEST

START_TEST(the_end_leaves_no_key)
{
	static const struct recover none;
	struct ksn k = ksn("FFFF9876543210E00001");

	ck_assert_int_eq(begin(&k), E_OK);
	recover_end(v);
	ck_assert_mem_eq(v, &none, sizeof none);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("recover");
	TCase *t = tcase_create("recover");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, recovers_the_published_tdes_pins_and_macs);
	tcase_add_test(t, recovers_the_published_format_4_pins);
	tcase_add_test(t, refuses_unknown_and_suspended_key_sets_and_impossible_counters);
	tcase_add_test(t, refuses_what_packs_and_the_list_revoke_and_no_other);
	tcase_add_test(t, a_list_that_is_gone_or_older_lets_nobody_back_in);
	tcase_add_test(t, nothing_without_begin);
	tcase_add_test(t, a_production_room_gives_out_no_pin_and_no_data);
	tcase_add_test(t, every_bad_pin_block_gives_one_answer);
	tcase_add_test(t, format_scheme_and_length_have_to_go_together);
	tcase_add_loop_test(t, a_mac_of_any_usual_length_is_checked_whole, 0, 2);
	tcase_add_loop_test(t, data_comes_back_without_its_padding, 0, 2);
	tcase_add_loop_test(t, data_that_is_not_padded_gives_one_answer_and_no_byte, 0, 2);
	tcase_add_test(t, a_cached_device_needs_no_token_and_the_oldest_goes_first);
	tcase_add_test(t, the_end_leaves_no_key);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	tdes = test_vectors("x9.24-1-2009.txt", &tdes_count);
	aes4 = test_vectors("x9.24-3-2017-format4.txt", &aes4_count);
	return test_main(suite());
}
