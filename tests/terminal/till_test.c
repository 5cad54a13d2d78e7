#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/mac.h"

#include <string.h>

#define PAN "4012345678909"
#define TEXT(s) ((struct span){ (const uint8_t *)(s), sizeof(s) - 1 })

static struct sim sim, saved;
static struct sim_host host;
static uint8_t reply[LINK_PAYLOAD];
static size_t reply_len;

static void setup(void)
{
	sim_loaded(&sim, &host);
}

static unsigned send(struct span request)
{
	memset(reply, 0, sizeof reply);
	reply_len = trade_answer(&sim.trade, reply, request);
	return reply[0];
}

static struct span got(void)
{
	return (struct span){ reply, reply_len };
}

static bool refused(enum err reason)
{
	unsigned e;

	return !till_get(&e, TILL_REFUSAL, got()) && e == (unsigned)reason && !sim.trade.entry.open;
}

static unsigned begin(uint8_t slot, struct span data)
{
	struct till_begin m = { slot, TEXT(PAN), TEXT("12.34"), TEXT("4012345678909D987"), data };
	uint8_t out[LINK_PAYLOAD];
	size_t len;

	ck_assert_int_eq(till_put_begin(out, &len, sizeof out, &m), E_OK);
	return send((struct span){ out, len });
}

static unsigned press(char key)
{
	uint8_t out[4];
	size_t len;

	ck_assert_int_eq(till_put(out, &len, sizeof out, TILL_KEYPAD, (unsigned char)key), E_OK);
	return send((struct span){ out, len });
}

static unsigned type(const char *keys)
{
	unsigned t = 0;

	while (*keys)
		t = press(*keys++);
	return t;
}

static unsigned transact(uint8_t slot)
{
	ck_assert_int_eq(begin(slot, TEXT("track")), TILL_PROMPT);
	return type("1234E");
}

static uint32_t next_counter(uint8_t slot)
{
	struct dukpt_registers r = sim_registers(&sim.store, slot);

	return ksn_counter(&r.ksn);
}

static const struct row {
	uint8_t slot;
	enum dukpt_scheme scheme;
	const char *name, *ik;
} slots[] = {
	{ 0, DUKPT_TDES, "tdes", "6AC292FAA1315B4D858AB3A3D7D5933A" },
	{ 1, DUKPT_AES128, "aes128", "1273671EA26AC29AFA4D1084127652A1" },
};

START_TEST(the_host_recovers_pin_mac_and_data_from_the_ksn)
{
	const struct row *row = &slots[_i];
	struct key ik = test_key(row->ik);
	uint8_t data[TILL_DATA_MAX + 1];

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 3);
	for (uint32_t n = 1; n < 40; n++) {
		size_t len = n == 1 ? TILL_DATA_MAX : n - 2, mac_len;
		uint8_t mac[DUKPT_MAC_MAX], clear[TILL_DATA_MAX + TILL_BLOCK];
		struct till_result m;
		struct ksn ksn = { { 0 }, 0 };
		struct pan pan;
		struct pin pin;
		struct key key;

		ck_assert_int_eq(begin(row->slot, (struct span){ data, len }), TILL_PROMPT);
		ck_assert_int_eq(type("9C12X") == TILL_CANCELLED, 1);
		ck_assert_int_eq(begin(row->slot, (struct span){ data, len }), TILL_PROMPT);
		ck_assert_int_eq(type("99C12E345E"), TILL_RESULT);
		ck_assert_int_eq(till_get_result(&m, got()), E_OK);
		ck_assert_uint_eq(m.scheme.len, strlen(row->name));
		ck_assert_mem_eq(m.scheme.p, row->name, m.scheme.len);
		ksn.len = (uint8_t)m.ksn.len;
		memcpy(ksn.b, m.ksn.p, ksn.len);

		ck_assert_int_eq(pan_parse(&pan, PAN), E_OK);
		ck_assert_int_eq(dukpt_host_key(&key, &ik, row->scheme, &ksn, DUKPT_PIN), E_OK);
		if (row->scheme == DUKPT_TDES) {
			ck_assert_int_eq(m.pin_format, 0);
			ck_assert_uint_eq(m.pin_block.len, 8);
			ck_assert_int_eq(dukpt_data(clear, row->scheme, &key, DECRYPT, m.pin_block.p, 8), E_OK);
			ck_assert_int_eq(pinblock_decode(&pin, PIN_FORMAT_0, clear, &pan), E_OK);
		} else {
			ck_assert_int_eq(m.pin_format, 4);
			ck_assert_uint_eq(m.pin_block.len, 16);
			ck_assert_int_eq(pinblock4_decipher(&pin, &key, m.pin_block.p, &pan), E_OK);
		}
		ck_assert_uint_eq(pin.len, 5);
		ck_assert_mem_eq(pin.digit, "\1\2\3\4\5", 5);

		ck_assert_int_eq(dukpt_host_key(&key, &ik, row->scheme, &ksn, DUKPT_MAC_REQUEST), E_OK);
		ck_assert_int_eq(dukpt_mac(mac, &mac_len, row->scheme, &key, (const uint8_t *)"4012345678909D987", 17),
				 E_OK);
		ck_assert_uint_eq(m.mac.len, mac_len);
		ck_assert_mem_eq(m.mac.p, mac, mac_len);

		ck_assert_int_eq(dukpt_host_key(&key, &ik, row->scheme, &ksn, DUKPT_DATA_REQUEST), E_OK);
		ck_assert_int_eq(dukpt_data(clear, row->scheme, &key, DECRYPT, m.data.p, m.data.len), E_OK);
		ck_assert_mem_eq(clear, data, len);
		ck_assert_int_eq(clear[len], 0x80);
		ck_assert_uint_le(m.data.len - len, dukpt_block_len(row->scheme));
		for (size_t i = len + 1; i < m.data.len; i++)
			ck_assert_int_eq(clear[i], 0);
	}
	/* One key each, in spite of the cancelled entries. */
	ck_assert_uint_eq(next_counter(row->slot), 40);
}
END_TEST

START_TEST(the_first_pin_block_and_mac_are_the_published_ones)
{
	uint8_t want[16];
	struct till_result m;

	ck_assert_int_eq(transact(0), TILL_RESULT);
	ck_assert_int_eq(till_get_result(&m, got()), E_OK);
	test_hex(want, sizeof want, "1B9C1845EB993A7A9CCC7817");
	ck_assert_mem_eq(m.pin_block.p, want, 8);
	ck_assert_mem_eq(m.mac.p, want + 8, 4);
}
END_TEST

START_TEST(no_pin_or_pan_is_left_after_any_end_of_an_entry)
{
	static const struct entry none;
	static const char *const ends[] = { "1234E", "1234X", "12X", "12?" };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		ck_assert_int_eq(begin(0, TEXT("track")), TILL_PROMPT);
		type(ends[i]);
		ck_assert_mem_eq(&sim.trade.entry, &none, sizeof none);
	}
	ck_assert_int_eq(begin(0, TEXT("track")), TILL_PROMPT);
	type("12");
	ck_assert_int_eq(send(TEXT("\xff")), TILL_REFUSAL);
	ck_assert_mem_eq(&sim.trade.entry, &none, sizeof none);

	ck_assert_int_eq(begin(0, TEXT("track")), TILL_PROMPT);
	type("12");
	sim.now += TRADE_ENTRY_MS - 1;
	trade_tick(&sim.trade);
	ck_assert(sim.trade.entry.open);
	sim.now++;
	trade_tick(&sim.trade);
	ck_assert_mem_eq(&sim.trade.entry, &none, sizeof none);
	ck_assert_int_eq(press('3'), TILL_REFUSAL);
	ck_assert(refused(E_SEQUENCE));
}
END_TEST

/* What ends the terminal's sleep may be the key itself, long after; nobody has called trade_tick() meanwhile. */
START_TEST(a_key_pressed_or_a_response_given_after_its_time_comes_too_late)
{
	uint8_t out[64] = { 0 };
	struct till_response m = { .mac = { out, 8 }, .text = { out, 0 } };
	size_t len;

	ck_assert_int_eq(begin(0, TEXT("track")), TILL_PROMPT);
	type("1234");
	sim.now += TRADE_ENTRY_MS;
	ck_assert_int_eq(press('E'), TILL_REFUSAL);
	ck_assert(refused(E_SEQUENCE));
	ck_assert_uint_eq(next_counter(0), 1);
	ck_assert_int_eq(transact(0), TILL_RESULT);
	ck_assert_int_eq(till_put_response(out + 8, &len, sizeof out - 8, &m), E_OK);
	sim.now += TRADE_RESPONSE_MS;
	ck_assert_int_eq(send((struct span){ out + 8, len }), TILL_REFUSAL);
	ck_assert(refused(E_SEQUENCE)); /* in time it had been E_MAC: */
	ck_assert_int_eq(transact(0), TILL_RESULT);
	ck_assert_int_eq(send((struct span){ out + 8, len }), TILL_REFUSAL);
	ck_assert(refused(E_MAC));
}
END_TEST

START_TEST(only_a_result_uses_a_key)
{
	ck_assert_int_eq(begin(0, TEXT("track")), TILL_PROMPT);
	type("1234X");
	ck_assert_int_eq(begin(0, TEXT("track")), TILL_PROMPT);
	ck_assert_int_eq(type("123E"), TILL_PROMPT);
	ck_assert_int_eq(begin(0, TEXT("track")), TILL_PROMPT); /* begun again */
	ck_assert_int_eq(press('E'), TILL_PROMPT);
	ck_assert_int_eq(type("12?"), TILL_REFUSAL);
	ck_assert_int_eq(press('E'), TILL_REFUSAL);
	ck_assert(refused(E_SEQUENCE));
	ck_assert_uint_eq(next_counter(0), 1);
	ck_assert_int_eq(transact(0), TILL_RESULT);
	ck_assert_uint_eq(next_counter(0), 2);
}
END_TEST

START_TEST(no_more_than_twelve_digits_are_taken)
{
	unsigned digits;

	ck_assert_int_eq(begin(0, TEXT("track")), TILL_PROMPT);
	ck_assert_int_eq(type("12345678901234"), TILL_PROMPT);
	ck_assert_int_eq(till_get(&digits, TILL_PROMPT, got()), E_OK);
	ck_assert_uint_eq(digits, PIN_MAX);
	ck_assert_int_eq(press('E'), TILL_RESULT);
}
END_TEST

START_TEST(bad_noise_uses_no_key)
{
	sim.noise = NOISE_STUCK;
	ck_assert_int_eq(transact(1), TILL_REFUSAL);
	ck_assert(refused(E_RANDOM));
	ck_assert_uint_eq(next_counter(1), 1);
}
END_TEST

START_TEST(slots_without_a_key_are_refused_with_the_reason)
{
	ck_assert_int_eq(begin(2, TEXT("")), TILL_REFUSAL);
	ck_assert(refused(E_EMPTY));
	ck_assert_int_eq(begin(STORE_SLOTS, TEXT("")), TILL_REFUSAL);
	ck_assert(refused(E_SLOT));
	sim_factory(&sim, "S2");
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	ck_assert_int_eq(begin(0, TEXT("")), TILL_REFUSAL);
	ck_assert(refused(E_BLANK));
	ck_assert_int_eq(store_tamper(&sim.store), E_OK);
	ck_assert_int_eq(begin(0, TEXT("")), TILL_REFUSAL);
	ck_assert(refused(E_TAMPERED));
	ck_assert_int_eq(send(TEXT("\1")), TILL_REFUSAL);
	ck_assert(refused(E_TAMPERED));
}
END_TEST

/* The last key of all: only the highest register is left. Getting there takes a million transactions, so it is set. */
START_TEST(after_the_last_key_the_slot_is_exhausted)
{
	struct dukpt_registers r = sim_registers(&sim.store, 0);
	struct till_state m;
	struct till_result result;
	uint8_t want[10];

	ksn_set_counter(&r.ksn, &r.ksn, 0x1ff800);
	memset(r.key, 0, sizeof r.key);
	memset(r.key[11], 0x5a, 16);
	r.filled = 1u << 11;
	sim_set_registers(&sim.store, 0, &r, SLOT_LOADED);
	ck_assert_int_eq(transact(0), TILL_RESULT);
	ck_assert_int_eq(till_get_result(&result, got()), E_OK);
	test_hex(want, sizeof want, "FFFF9876543210FFF800");
	ck_assert_mem_eq(result.ksn.p, want, sizeof want);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(begin(0, TEXT("")), TILL_REFUSAL);
		ck_assert(refused(E_EXHAUSTED));
		ck_assert_int_eq(send(TEXT("\1")), TILL_STATE);
		ck_assert_int_eq(till_get_state(&m, got()), E_OK);
		ck_assert_int_eq(m.slot[0].state, SLOT_EXHAUSTED);
		ck_assert_int_eq(sim_boot(&sim), E_OK);
	}
}
END_TEST

/*
 * A power cut at any word of a transaction: how often did a KSN get out twice? With `releases_first` the terminal is
 * taken for the broken twin that releases before it commits, and the same count has to show it.
 */
static size_t reused(bool releases_first)
{
	struct till_result first, m;
	uint8_t kept[LINK_PAYLOAD];
	size_t bad = 0, kept_len;
	long all;

	ck_assert_int_eq(transact(1), TILL_RESULT);
	ck_assert_int_eq(begin(1, TEXT("track")), TILL_PROMPT);
	type("1234");
	saved = sim;
	sim.written = 0;
	ck_assert_int_eq(press('E'), TILL_RESULT);
	all = sim.written;
	kept_len = reply_len;
	memcpy(kept, reply, kept_len);
	ck_assert_int_eq(till_get_result(&first, (struct span){ kept, kept_len }), E_OK);
	for (long n = 0; n <= all; n++) {
		bool released;

		sim = saved;
		sim.budget = n;
		released = press('E') == TILL_RESULT || releases_first;
		sim.budget = -1;
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		ck_assert_int_eq(transact(1), TILL_RESULT);
		ck_assert_int_eq(till_get_result(&m, got()), E_OK);
		/* What left the terminal under a KSN may never be followed by that KSN again. */
		bad += released && !memcmp(m.ksn.p, first.ksn.p, 12);
	}
	return bad;
}

START_TEST(a_power_cut_at_any_word_never_lets_a_ksn_out_twice)
{
	ck_assert_uint_eq(reused(false), 0);
}
END_TEST

START_TEST(a_terminal_that_released_before_it_committed_would_be_caught)
{
	ck_assert_uint_gt(reused(true), 0);
}
END_TEST

START_TEST(a_spent_key_is_nowhere_in_the_terminal)
{
	struct key txn;
	struct dukpt_registers next;
	struct ksn used;
	const uint8_t *all = (const uint8_t *)&sim;

	for (unsigned i = 0; i < 5; i++) {
		next = sim_registers(&sim.store, 1);
		ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &next), E_OK);
		memset(&next, 0, sizeof next);
		ck_assert_int_eq(transact(1), TILL_RESULT);
		sim.logged = 0;
		memset(sim.log, 0, sizeof sim.log);
		for (size_t n = 0; n + 8 <= sizeof sim; n++)
			ck_assert(memcmp(all + n, txn.b, 8));
	}
}
END_TEST

/* --- Responses --- */

/* The host's answer to the transaction of this counter: text in clear, data encrypted behind it. */
static struct till_response answer_to(const struct row *row, uint32_t counter, struct span clear, struct span data)
{
	static uint8_t covered[4 + TILL_MAC_DATA_MAX + TILL_DATA_MAX + TILL_BLOCK], *text = covered + 4;
	static uint8_t mac[DUKPT_MAC_MAX];
	const struct key ik = test_key(row->ik);
	size_t block = dukpt_block_len(row->scheme), len = data.p ? (data.len / block + 1) * block : 0;
	struct till_response m = { .mac = { mac, 0 }, .clear = (uint16_t)clear.len, .text = { text, clear.len + len } };
	struct ksn ksn;
	struct key key;

	ksn_set_counter(&ksn, &sim.store.slot[row->slot].ksn, counter);
	memset(covered, 0, sizeof covered);
	put_be16(covered, (unsigned)clear.len);
	put_be16(covered + 2, (unsigned)m.text.len);
	memcpy(text, clear.p, clear.len);
	if (data.p) {
		memcpy(text + clear.len, data.p, data.len);
		text[clear.len + data.len] = 0x80;
		ck_assert_int_eq(dukpt_host_key(&key, &ik, row->scheme, &ksn, DUKPT_DATA_RESPONSE), E_OK);
		ck_assert_int_eq(dukpt_data(text + clear.len, row->scheme, &key, ENCRYPT, text + clear.len, len), E_OK);
	}
	ck_assert_int_eq(dukpt_host_key(&key, &ik, row->scheme, &ksn, DUKPT_MAC_RESPONSE), E_OK);
	ck_assert_int_eq(dukpt_mac(mac, &m.mac.len, row->scheme, &key, covered, 4 + m.text.len), E_OK);
	return m;
}

static unsigned respond(const struct till_response *m)
{
	uint8_t out[TILL_REQUEST];
	size_t len;

	ck_assert_int_eq(till_put_response(out, &len, sizeof out, m), E_OK);
	return send((struct span){ out, len });
}

static bool no_response_keys(void)
{
	static const struct pending none;

	return !memcmp(&sim.trade.pending, &none, sizeof none);
}

START_TEST(a_response_under_the_keys_of_the_same_ksn_is_verified_and_its_data_come_out)
{
	const struct row *row = &slots[_i];
	uint8_t data[TILL_DATA_MAX];
	uint32_t n = 0;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i % 5 ? i : 0);
	for (size_t len = 0; len <= sizeof data; len += len < 40 ? 1 : 59) {
		struct till_response m;
		struct span clear;

		ck_assert_int_eq(transact(row->slot), TILL_RESULT);
		m = answer_to(row, ++n, TEXT("approved 123456"), (struct span){ len ? data : NULL, len });
		ck_assert_int_eq(respond(&m), TILL_VERIFIED);
		ck_assert_int_eq(till_get_verified(&clear, got()), E_OK);
		ck_assert_uint_eq(clear.len, len);
		ck_assert(!len || !memcmp(clear.p, data, len));
		ck_assert_str_eq(sim.shown[0], "VERIFIED");
		ck_assert(no_response_keys());
		ck_assert_int_eq(respond(&m), TILL_REFUSAL); /* once */
		ck_assert(refused(E_SEQUENCE));
	}
}
END_TEST

START_TEST(a_changed_response_is_refused_and_the_keys_are_gone)
{
	const struct row *row = &slots[_i];
	uint8_t good[TILL_REQUEST];
	struct till_response m;
	size_t len;

	ck_assert_int_eq(transact(row->slot), TILL_RESULT);
	m = answer_to(row, 1, TEXT("approved"), TEXT("secret"));
	ck_assert_int_eq(till_put_response(good, &len, sizeof good, &m), E_OK);
	saved = sim;
	for (size_t i = 1; i < len; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			sim = saved;
			good[i] ^= (uint8_t)(1u << bit);
			ck_assert_msg(send((struct span){ good, len }) == TILL_REFUSAL, "byte %zu, bit %u", i, bit);
			ck_assert(no_response_keys());
			good[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t n = 1; n < len; n++) {
		sim = saved;
		ck_assert_int_eq(send((struct span){ good, n }), TILL_REFUSAL);
	}
	sim = saved; /* unhurt it is taken: the loops tried what they say */
	ck_assert_int_eq(send((struct span){ good, len }), TILL_VERIFIED);
}
END_TEST

START_TEST(only_the_response_to_the_last_result_is_verified_and_only_for_a_while)
{
	const struct row *row = &slots[_i];
	struct till_response m;

	m = answer_to(row, 1, TEXT("early"), TEXT("x"));
	ck_assert_int_eq(respond(&m), TILL_REFUSAL);
	ck_assert(refused(E_SEQUENCE));
	/* of the transaction before, of the next, and of this one's request keys */
	ck_assert_int_eq(transact(row->slot), TILL_RESULT);
	for (uint32_t of = 1; of <= 3; of += 2) {
		ck_assert_int_eq(transact(row->slot), TILL_RESULT);
		m = answer_to(row, of == 1 ? of : 4, TEXT("other"), TEXT("x"));
		ck_assert_int_eq(respond(&m), TILL_REFUSAL);
		ck_assert(refused(E_MAC));
	}
	/* after another BEGIN */
	ck_assert_int_eq(transact(row->slot), TILL_RESULT);
	m = answer_to(row, 4, TEXT("late"), TEXT("x"));
	ck_assert_int_eq(begin(row->slot, TEXT("track")), TILL_PROMPT);
	ck_assert_int_eq(respond(&m), TILL_REFUSAL);
	ck_assert(refused(E_SEQUENCE));
	/* after its time, but not after a STATUS */
	ck_assert_int_eq(transact(row->slot), TILL_RESULT);
	m = answer_to(row, 5, TEXT("late"), TEXT("x"));
	ck_assert_int_eq(send(TEXT("\1")), TILL_STATE);
	sim.now += TRADE_RESPONSE_MS - 1;
	trade_tick(&sim.trade);
	ck_assert(sim.trade.pending.open);
	sim.now++;
	trade_tick(&sim.trade);
	ck_assert(no_response_keys());
	ck_assert_int_eq(respond(&m), TILL_REFUSAL);
	ck_assert(refused(E_SEQUENCE));
}
END_TEST

START_TEST(every_field_goes_round_and_every_truncation_is_refused)
{
	struct till_begin b = { 3, TEXT("4012345678909"), TEXT("1.00"), TEXT("mac"), TEXT("data") }, b2;
	struct till_result r = { TEXT("tdes"),     TEXT("0123456789"), 0,
				 TEXT("01234567"), TEXT("01234567"),   TEXT("01234567") },
			   r2;
	struct till_state s2;
	uint8_t out[LINK_PAYLOAD];
	size_t len;

	ck_assert_int_eq(till_put_begin(out, &len, sizeof out, &b), E_OK);
	for (size_t n = 0; n < len; n++)
		ck_assert_int_ne(till_get_begin(&b2, (struct span){ out, n }), E_OK);
	ck_assert_int_eq(till_get_begin(&b2, (struct span){ out, len }), E_OK);
	ck_assert_uint_eq(b2.slot, 3);
	ck_assert_uint_eq(b2.data.len, 4);
	ck_assert_int_eq(till_get_begin(&b2, (struct span){ out, len + 1 }), E_FORMAT);

	ck_assert_int_eq(till_put_result(out, &len, sizeof out, &r), E_OK);
	for (size_t n = 0; n < len; n++)
		ck_assert_int_ne(till_get_result(&r2, (struct span){ out, n }), E_OK);
	ck_assert_int_eq(till_get_result(&r2, (struct span){ out, len }), E_OK);

	ck_assert_int_eq(send(TEXT("\1")), TILL_STATE);
	ck_assert_int_eq(till_get_state(&s2, got()), E_OK);
	ck_assert_uint_eq(s2.slots, STORE_SLOTS);
	ck_assert_mem_eq(s2.serial.p, "SIM-1", 5);
	for (size_t n = 0; n < reply_len; n++)
		ck_assert_int_ne(till_get_state(&s2, (struct span){ reply, n }), E_OK);

	b.pan = TEXT("40123456789O9");
	ck_assert_int_eq(till_put_begin(out, &len, sizeof out, &b), E_RANGE);
	ck_assert_int_eq(till_put(out, &len, sizeof out, TILL_KEYPAD, 256), E_RANGE);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("terminal/till");
	TCase *t = tcase_create("till");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, the_host_recovers_pin_mac_and_data_from_the_ksn, 0, 2);
	tcase_add_test(t, the_first_pin_block_and_mac_are_the_published_ones);
	tcase_add_test(t, no_pin_or_pan_is_left_after_any_end_of_an_entry);
	tcase_add_test(t, a_key_pressed_or_a_response_given_after_its_time_comes_too_late);
	tcase_add_test(t, only_a_result_uses_a_key);
	tcase_add_test(t, no_more_than_twelve_digits_are_taken);
	tcase_add_test(t, bad_noise_uses_no_key);
	tcase_add_test(t, slots_without_a_key_are_refused_with_the_reason);
	tcase_add_test(t, after_the_last_key_the_slot_is_exhausted);
	tcase_add_test(t, a_power_cut_at_any_word_never_lets_a_ksn_out_twice);
	tcase_add_test(t, a_terminal_that_released_before_it_committed_would_be_caught);
	tcase_add_test(t, a_spent_key_is_nowhere_in_the_terminal);
	tcase_add_loop_test(t, a_response_under_the_keys_of_the_same_ksn_is_verified_and_its_data_come_out, 0, 2);
	tcase_add_loop_test(t, a_changed_response_is_refused_and_the_keys_are_gone, 0, 2);
	tcase_add_loop_test(t, only_the_response_to_the_last_result_is_verified_and_only_for_a_while, 0, 2);
	tcase_add_test(t, every_field_goes_round_and_every_truncation_is_refused);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
