/*
 * The register machine: it gives what the host derives, at every counter, to the very last; and forgets it.
 */
#include "dukpt/host.h"
#include "dukpt/registers.h"
#include "tests/dukpt/machine.h"
#include "tests/lib/test.h"

#include <stdbool.h>
#include <string.h>

/* one row a scheme, DUKPT_TDES first; read-only, so that a write to an input would not survive */
static const struct key iks[] = {
	{ { 0x6A, 0xC2, 0x92, 0xFA, 0xA1, 0x31, 0x5B, 0x4D, 0x85, 0x8A, 0xB3, 0xA3, 0xD7, 0xD5, 0x93, 0x3A }, 16 },
	{ { 0x12, 0x73, 0x67, 0x1E, 0xA2, 0x6A, 0xC2, 0x9A, 0xFA, 0x4D, 0x10, 0x84, 0x12, 0x76, 0x52, 0xA1 }, 16 },
	{ { 0x5B, 0x6D, 0xEE, 0x2B, 0x5B, 0x7F, 0xAB, 0xFF, 0xA3, 0x25, 0x91, 0xF3, 0x5B, 0xF8, 0xF2, 0x3D, 1 }, 24 },
	{ { 0xCE, 0x9C, 0xE0, 0xC1, 0x01, 0xD1, 0x13, 0x8F, 0x97, 0xFB, 0x6C, 0xAD, 0x4D, 0xF0, 0x45, 0xA7, 2 }, 32 },
};
static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 0 }, KSN_AES };
static const struct dukpt_registers zero;

static const struct ksn *iksn_of(enum dukpt_scheme s)
{
	return s == DUKPT_TDES ? &tdes : &aes;
}

static const struct key *ik_of(enum dukpt_scheme s)
{
	return &iks[s - DUKPT_TDES];
}

static struct ksn at(enum dukpt_scheme s, uint32_t counter)
{
	struct ksn k;

	ksn_set_counter(&k, iksn_of(s), counter);
	return k;
}

static uint32_t last_of(enum dukpt_scheme s)
{
	return s == DUKPT_TDES ? 0x1FF800 : 0xFFFF0000;
}

static struct key txn_of(enum dukpt_scheme s, const struct ksn *k)
{
	struct key key;

	ck_assert_int_eq(dukpt_host_txn(&key, ik_of(s), s, k), E_OK);
	return key;
}

static struct dukpt_registers state_at(enum dukpt_scheme s, const struct ksn *k)
{
	return machine_at(s, ik_of(s), k);
}

/* Is this key, or either half of it, anywhere in the state? */
static bool holds(const struct dukpt_registers *r, const struct key *key)
{
	return memmem(r, sizeof *r, key->b, key->len / 2u) ||
	       memmem(r, sizeof *r, key->b + key->len / 2, key->len / 2u);
}

/* One transaction, with everything that has to hold of it. */
static struct dukpt_registers take(const struct dukpt_registers *r)
{
	enum dukpt_scheme s = (enum dukpt_scheme)r->scheme;
	struct dukpt_registers before = *r, next;
	struct key txn, host = txn_of(s, &r->ksn);
	struct ksn used, after;
	enum err e;

	ck_assert(holds(r, &host));
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, r), E_OK);
	ck_assert_mem_eq(&before, r, sizeof before);
	ck_assert_mem_eq(&used, &r->ksn, sizeof used);
	ck_assert_uint_eq(txn.len, host.len);
	ck_assert_mem_eq(txn.b, host.b, txn.len);
	ck_assert_msg(!holds(&next, &txn), "the used key is still there at %08X", (unsigned)ksn_counter(&used));
	e = ksn_next(&after, &used);
	ck_assert_int_eq(dukpt_registers_exhausted(&next), e == E_EXHAUSTED);
	ck_assert_mem_eq(&next.ksn, e ? &used : &after, sizeof after);
	return next;
}

START_TEST(gives_the_hosts_keys_from_the_first_on)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct dukpt_registers r, built;

	ck_assert_int_eq(dukpt_registers_load(&r, s, ik_of(s), iksn_of(s)), E_OK);
	ck_assert_uint_eq(ksn_counter(&r.ksn), 1);
	ck_assert_msg(!holds(&r, ik_of(s)), "the initial key is kept");
	built = state_at(s, &r.ksn);
	ck_assert_mem_eq(&r, &built, sizeof r);
	for (int i = 0; i < 3000; i++)
		r = take(&r);
	built = state_at(s, &r.ksn);
	ck_assert_mem_eq(&r, &built, sizeof r);
}
END_TEST

/* By induction this is the whole walk: one transaction leads from the state of a counter to that of the next. */
START_TEST(one_transaction_leads_from_any_state_to_the_next)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	uint32_t c = 0x9E3779B9;
	int tried = 0;

	while (tried < 300) {
		struct dukpt_registers r, built;
		struct ksn k, next;

		c = c * 1664525 + 1013904223;
		/* many low zeros, few zeros on top: the edges of the skip rule */
		k = at(s, tried % 3 == 0 ? c : tried % 3 == 1 ? c << c % 19 : c | 0xFFFFF800);
		if (!ksn_counter_valid(&k) && tried % 3 == 2)
			k = at(s, ksn_counter(&k) & (s == DUKPT_TDES ? 0x1FF800 : 0xFFFF8000) & ~(1u << (12 + c % 8)));
		if (!ksn_counter_valid(&k) || ksn_next(&next, &k))
			continue;
		r = state_at(s, &k);
		r = take(&r);
		built = state_at(s, &next);
		ck_assert_msg(!memcmp(&r, &built, sizeof r), "after %08X", (unsigned)ksn_counter(&k));
		tried++;
	}
}
END_TEST

START_TEST(the_last_key_comes_out_and_then_no_more)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	uint32_t last = last_of(s);
	struct ksn k = at(s, last ^ (last & (0u - last)) ^ 0x400), used = k;
	struct dukpt_registers r = state_at(s, &k), next;
	struct key txn = { { 0xA5 }, 7 };

	while (!dukpt_registers_exhausted(&r)) {
		k = r.ksn;
		r = take(&r);
	}
	ck_assert_uint_eq(ksn_counter(&k), last);
	ck_assert_uint_eq(r.filled, 0);
	for (int i = 0; i < DUKPT_REGISTERS; i++)
		ck_assert_mem_eq(r.key[i], zero.key[i], sizeof r.key[i]);
	memset(&next, 0xA5, sizeof next);
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &r), E_EXHAUSTED);
	ck_assert_mem_eq(&next, &zero, sizeof next);
	ck_assert(txn.b[0] == 0xA5 && txn.len == 7);
}
END_TEST

/* Every transaction of one terminal's life; each 4099th key against the host. */
START_TEST(a_tdes_terminal_lives_for_1048575_transactions)
{
	struct dukpt_registers r[2];
	struct key txn, host;
	struct ksn used;
	unsigned long n = 0;
	enum err e;

	ck_assert_int_eq(dukpt_registers_load(&r[0], DUKPT_TDES, ik_of(DUKPT_TDES), &tdes), E_OK);
	while (!(e = dukpt_registers_take(&r[~n & 1], &txn, &used, &r[n & 1]))) {
		if (n++ % 4099)
			continue;
		host = txn_of(DUKPT_TDES, &used);
		ck_assert_mem_eq(&txn, &host, sizeof txn);
	}
	ck_assert_int_eq(e, E_EXHAUSTED);
	ck_assert_uint_eq(n, 1048575);
	ck_assert_uint_eq(ksn_counter(&used), 0x1FF800);
}
END_TEST

/* The checker of this suite, shown to see what it looks for: a machine that only counts on keeps the used key. */
START_TEST(a_machine_that_forgets_to_erase_would_be_caught)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct ksn k = at(s, 0x1400);
	struct dukpt_registers r = state_at(s, &k), good, twin;
	struct key txn;
	struct ksn used;

	ck_assert_int_eq(dukpt_registers_take(&good, &txn, &used, &r), E_OK);
	twin = good;
	memcpy(twin.key[10], r.key[10], sizeof twin.key[10]);
	ck_assert(holds(&twin, &txn));
	ck_assert(!holds(&good, &txn));
}
END_TEST

/* What may be learnt from a state is the future alone: one step from any register leads to no key of the past. */
START_TEST(no_register_gives_an_earlier_key)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct ksn k = at(s, 0x2C0);
	struct dukpt_registers r = state_at(s, &k);

	r = take(&r);
	for (uint32_t c = 1; c <= 0x2C0; c++) {
		struct ksn past = at(s, c);
		struct key key;

		if (!ksn_counter_valid(&past))
			continue;
		key = txn_of(s, &past);
		ck_assert(!holds(&r, &key));
	}
	for (int bit = 0; bit < DUKPT_REGISTERS; bit++)
		if (r.filled >> bit & 1) {
			/* the register's counter: what it was filled for lies ahead */
			uint32_t ahead = (0x2C0u & ~((1u << bit) - 1)) | 1u << bit;
			struct ksn future = at(s, ahead);
			struct key key = txn_of(s, &future);

			ck_assert_uint_gt(ahead, 0x2C0);
			ck_assert_mem_eq(r.key[bit], key.b, key.len);
		}
}
END_TEST

START_TEST(a_failed_load_leaves_nothing)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct ksn used = at(s, 1), other = s == DUKPT_TDES ? aes : tdes;
	struct dukpt_registers r;
	struct key bad = *ik_of(s);

	memset(&r, 0xA5, sizeof r);
	ck_assert_int_eq(dukpt_registers_load(&r, s, ik_of(s), &used), E_COUNTER);
	ck_assert_mem_eq(&r, &zero, sizeof r);
	memset(&r, 0xA5, sizeof r);
	ck_assert_int_eq(dukpt_registers_load(&r, s, ik_of(s), &other), E_SCHEME);
	ck_assert_mem_eq(&r, &zero, sizeof r);
	ck_assert_int_eq(dukpt_registers_load(&r, DUKPT_NONE, ik_of(s), iksn_of(s)), E_SCHEME);
	bad.len = 8;
	memset(&r, 0xA5, sizeof r);
	ck_assert_int_eq(dukpt_registers_load(&r, s, &bad, iksn_of(s)), E_KEY);
	ck_assert_mem_eq(&r, &zero, sizeof r);
}
END_TEST

START_TEST(a_damaged_machine_gives_nothing)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct ksn k = at(s, 0x10), used = k;
	struct dukpt_registers good = state_at(s, &k), bad, next;
	struct key txn = { { 0xA5 }, 7 };

	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &zero), E_SCHEME);
	ck_assert(!dukpt_registers_exhausted(&zero));
	bad = good;
	bad.scheme = 5;
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &bad), E_SCHEME);
	bad = good;
	bad.ksn = at(s, 0);
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &bad), E_COUNTER);
	bad.ksn = at(s, 0x1FFFFF);
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &bad), E_COUNTER);
	bad = good;
	bad.filled &= ~0x10u;
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &bad), E_COUNTER);
	/* the last key, and yet another register full */
	k = at(s, last_of(s));
	bad = state_at(s, &k);
	bad.filled |= 1u << 20;
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &bad), E_COUNTER);
	ck_assert_mem_eq(&next, &zero, sizeof next);
	ck_assert(txn.b[0] == 0xA5 && txn.len == 7);
}
END_TEST

START_TEST(terminal_and_host_make_the_same_working_keys)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct dukpt_registers r, next;
	struct key txn, mine, theirs;
	struct ksn used;

	ck_assert_int_eq(dukpt_registers_load(&r, s, ik_of(s), iksn_of(s)), E_OK);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &r), E_OK);
		for (int p = DUKPT_PIN; p <= DUKPT_DATA_RESPONSE; p++) {
			ck_assert_int_eq(dukpt_txn_key(&mine, &txn, s, &used, (enum dukpt_purpose)p), E_OK);
			ck_assert_int_eq(dukpt_host_key(&theirs, ik_of(s), s, &used, (enum dukpt_purpose)p), E_OK);
			ck_assert_mem_eq(&mine, &theirs, sizeof mine);
		}
		r = next;
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("registers");
	TCase *t = tcase_create("registers");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, gives_the_hosts_keys_from_the_first_on, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, one_transaction_leads_from_any_state_to_the_next, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_test(t, a_tdes_terminal_lives_for_1048575_transactions);
	tcase_add_loop_test(t, the_last_key_comes_out_and_then_no_more, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, a_machine_that_forgets_to_erase_would_be_caught, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, no_register_gives_an_earlier_key, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, a_failed_load_leaves_nothing, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, a_damaged_machine_gives_nothing, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, terminal_and_host_make_the_same_working_keys, DUKPT_TDES, DUKPT_AES256 + 1);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
