/*
 * Forward secrecy: out of the complete memory after transaction n, no key of 1..n can be derived. Whoever has the memory
 * takes each register, and each 16 bytes at any place, for the initial key and for every key on the way to each of those
 * counters, and derives on from there. Broken twins: a memory that kept one key too many is caught by the same search.
 */
#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"
#include "dukpt/host.h"
#include "dukpt/tdes.h"

#include <string.h>

#define LAST 200

static struct sim sim;
static struct sim_host host;

static const struct row {
	uint8_t slot;
	enum dukpt_scheme scheme;
	const char *ksn;
} rows[] = {
	{ 0, DUKPT_TDES, SIM_KSN_TDES },
	{ 1, DUKPT_AES128, SIM_KSN_AES },
};

static struct ksn iksn;
static struct key ik, txn[LAST + 1]; /* as the host derives them */

/* The key of `to` from that of `at`, whose one-bits are the highest of to's. */
static void derive(struct key *k, enum dukpt_scheme scheme, uint32_t at, uint32_t to)
{
	struct dukpt_walk w = { scheme, to, at };
	struct dukpt_step s;
	struct ksn ksn;

	ksn_set_counter(&ksn, &iksn, to);
	if (scheme != DUKPT_TDES) {
		while (dukpt_aes_step_next(&s, &w, &ksn))
			ck_assert_int_eq(dukpt_run(k, k, &s), E_OK);
		return;
	}
	while (at != to) {
		uint32_t left = to & ~at;

		at |= UINT32_C(1) << (31 - __builtin_clz(left));
		ksn_set_counter(&ksn, &iksn, at);
		ck_assert_int_eq(dukpt_tdes_step(k, k, &ksn), E_OK);
	}
}

/* Does this key, taken for any on the way, lead to a key of 1..n? */
static bool leads(const uint8_t b[static 16], enum dukpt_scheme scheme, uint32_t n)
{
	static const uint8_t zero[16];

	if (!memcmp(b, zero, sizeof zero))
		return false;
	for (uint32_t to = 1; to <= n; to++)
		for (uint32_t at = to;; at &= at - 1) {
			struct key k = { { 0 }, 16 };

			memcpy(k.b, b, 16);
			derive(&k, scheme, at, to);
			if (!memcmp(k.b, txn[to].b, 16))
				return true;
			if (!at)
				break;
		}
	return false;
}

static bool registers_lead(const struct dukpt_registers *r, uint32_t n)
{
	for (unsigned i = 0; i < DUKPT_REGISTERS; i++)
		if (leads(r->key[i], (enum dukpt_scheme)r->scheme, n))
			return true;
	return false;
}

/* Each 16 bytes, wherever they begin. */
static bool memory_leads(enum dukpt_scheme scheme, uint32_t n)
{
	for (size_t i = 0; i + 16 <= STORE_BYTES; i++)
		if (leads(sim.nv + i, scheme, n))
			return true;
	return false;
}

static void transact(const struct row *row)
{
	struct till_begin m = { row->slot,
				{ (const uint8_t *)"4012345678909", 13 },
				{ (const uint8_t *)"1.00", 4 },
				{ (const uint8_t *)"mac", 3 },
				{ (const uint8_t *)"data", 4 } };
	uint8_t out[TILL_REQUEST], reply[LINK_PAYLOAD];
	size_t len;

	ck_assert_int_eq(till_put_begin(out, &len, sizeof out, &m), E_OK);
	trade_answer(&sim.trade, reply, (struct span){ out, len });
	for (const char *p = "1234E"; *p; p++)
		trade_answer(&sim.trade, reply, (struct span){ (const uint8_t[]){ TILL_KEYPAD, (uint8_t)*p }, 2 });
	ck_assert_int_eq(reply[0], TILL_RESULT);
}

static const struct row *prepare(int i)
{
	const struct row *row = &rows[i];

	sim_loaded(&sim, &host);
	ik = sim_key_of(&host, row->slot, row->scheme, row->ksn).ik;
	ck_assert_int_eq(ksn_parse(&iksn, row->ksn), E_OK);
	for (uint32_t n = 1; n <= LAST; n++) {
		struct ksn k;

		ksn_set_counter(&k, &iksn, n);
		ck_assert_int_eq(dukpt_host_txn(&txn[n], &ik, row->scheme, &k), E_OK);
	}
	return row;
}

START_TEST(no_register_leads_to_a_key_that_was_used)
{
	const struct row *row = prepare(_i);

	for (uint32_t n = 1; n <= LAST; n++) {
		struct dukpt_registers r;

		transact(row);
		if (n > 24 && n % 25 && (n & (n - 1)) && (n & (n + 1)))
			continue;
		for (unsigned slot = 0; slot < STORE_SLOTS; slot++) {
			r = sim_registers(&sim.store, slot);
			r.scheme = (uint8_t)row->scheme; /* another slot's taken for this one's, too */
			ck_assert_msg(!registers_lead(&r, n), "slot %u after transaction %u", slot, (unsigned)n);
		}
	}
}
END_TEST

START_TEST(no_16_bytes_of_the_memory_lead_to_a_key_that_was_used)
{
	const struct row *row = prepare(_i);

	for (uint32_t n = 1; n <= 8; n++)
		transact(row);
	ck_assert(!memory_leads(row->scheme, 8));
}
END_TEST

/* The twins: the memory before a transaction, the initial key, and a register of the way, each somewhere in it. */
START_TEST(a_memory_that_kept_a_key_is_caught)
{
	const struct row *row = prepare(_i);
	struct dukpt_registers r;

	for (uint32_t n = 1; n <= 7; n++)
		transact(row);
	r = sim_registers(&sim.store, row->slot);
	ck_assert(!registers_lead(&r, 7));
	ck_assert(registers_lead(&r, 8)); /* it holds the next one's, of course */
	ck_assert(!memory_leads(row->scheme, 2));
	memcpy(sim.nv + STORE_BYTES - 41, ik.b, 16);
	ck_assert(memory_leads(row->scheme, 2));
	memcpy(sim.nv + STORE_BYTES - 41, txn[2].b, 16);
	ck_assert(memory_leads(row->scheme, 2));
	memcpy(r.key[31], txn[4].b, 16); /* the key of 4 is on the way to 5, 6 and 7 */
	ck_assert(registers_lead(&r, 7));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("terminal/forward");
	TCase *t = tcase_create("forward");

	tcase_set_timeout(t, 600);
	tcase_add_loop_test(t, no_register_leads_to_a_key_that_was_used, 0, 2);
	tcase_add_loop_test(t, no_16_bytes_of_the_memory_lead_to_a_key_that_was_used, 0, 2);
	tcase_add_loop_test(t, a_memory_that_kept_a_key_is_caught, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
