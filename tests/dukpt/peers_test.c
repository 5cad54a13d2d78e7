/*
 * Mistakes that other implementations of DUKPT make, or made: one test each, whose name says what ours does instead.
 * Each test runs over all schemes where the mistake could be made in all.
 *
 * Two more have their tests elsewhere, for they are no matter of arithmetic: a restored copy of a terminal's memory
 * (tests/terminal/store_test.c) and keys on a command line (tests/system/badinput.sh).
 */
#include "dukpt/host.h"
#include "dukpt/registers.h"
#include "dukpt/tdes.h"
#include "tests/dukpt/machine.h"
#include "tests/lib/test.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 0 }, KSN_AES };
static const struct dukpt_registers zero;

static struct ksn at(enum dukpt_scheme s, uint32_t counter)
{
	struct ksn k;

	ksn_set_counter(&k, s == DUKPT_TDES ? &tdes : &aes, counter);
	return k;
}

static struct key ik_of(enum dukpt_scheme s)
{
	struct key k = { { 0 }, dukpt_key_len(s) };

	for (uint8_t i = 0; i < k.len; i++)
		k.b[i] = (uint8_t)(17 * i + 5);
	return k;
}

static uint32_t last_of(enum dukpt_scheme s)
{
	return s == DUKPT_TDES ? 0x1FF800 : 0xFFFF0000;
}

/* Theirs: the last valid key never comes out; 1,048,574 of 1,048,575 are delivered. */
START_TEST(the_last_valid_key_comes_out)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct key ik = ik_of(s), txn, host;
	struct ksn last = at(s, last_of(s)), before = at(s, last_of(s) ^ (s == DUKPT_TDES ? 0xC00 : 0x18000)), k, used;
	struct dukpt_registers r = machine_at(s, &ik, &before), next;

	ck_assert_int_eq(ksn_next(&k, &before), E_OK);
	ck_assert_mem_eq(&k, &last, sizeof k);
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &r), E_OK);
	ck_assert(!dukpt_registers_exhausted(&next));
	ck_assert_int_eq(dukpt_registers_take(&r, &txn, &used, &next), E_OK);
	ck_assert_mem_eq(&used, &last, sizeof used);
	ck_assert_int_eq(dukpt_host_txn(&host, &ik, s, &last), E_OK);
	ck_assert_mem_eq(&txn, &host, sizeof txn);
	ck_assert(dukpt_registers_exhausted(&r));
}
END_TEST

/* Theirs: too many one-bits, zero, FFFFFFFF derive on the host without an error; counter 0 gives the IK itself. */
START_TEST(impossible_counters_derive_nothing)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	uint32_t last = last_of(s), ones = s == DUKPT_TDES ? 0x7FF : 0x1FFFF;
	const uint32_t bad[] = { 0, ones, ones << 3, last + 1, last | last >> 1, UINT32_MAX };
	struct key ik = ik_of(s), out = { { 0xA5 }, 7 }, before = out;
	enum dukpt_key_type type;

	ck_assert_int_eq(dukpt_key_type_of(&type, s), E_OK);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct ksn k = at(s, bad[i]), next = k;

		ck_assert_int_eq(dukpt_host_txn(&out, &ik, s, &k), E_COUNTER);
		for (int p = DUKPT_PIN; p <= DUKPT_DATA_RESPONSE; p++) {
			ck_assert_int_eq(dukpt_host_key(&out, &ik, s, &k, (enum dukpt_purpose)p), E_COUNTER);
			ck_assert_int_eq(dukpt_txn_key(&out, &ik, s, &k, (enum dukpt_purpose)p), E_COUNTER);
		}
		if (s != DUKPT_TDES) {
			ck_assert_int_eq(dukpt_host_aes_key(&out, &ik, s, &k, DUKPT_USE_PIN, type), E_COUNTER);
			ck_assert_int_eq(dukpt_txn_aes_key(&out, &ik, s, &k, DUKPT_USE_PIN, type), E_COUNTER);
		}
		if (bad[i])
			ck_assert_int_eq(ksn_next(&next, &k), E_COUNTER);
	}
	ck_assert_mem_eq(&out, &before, sizeof out);
}
END_TEST

/* Theirs: advancing past the end gives an invalid KSN and no error. */
START_TEST(there_is_an_error_past_the_end_and_no_ksn)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct ksn last = at(s, last_of(s)), out = tdes, used = tdes;
	struct key ik = ik_of(s), txn = { { 0xA5 }, 7 };
	struct dukpt_registers r = machine_at(s, &ik, &last), next, after;

	ck_assert_int_eq(ksn_next(&out, &last), E_EXHAUSTED);
	ck_assert_mem_eq(&out, &tdes, sizeof out);
	ck_assert_int_eq(dukpt_registers_take(&next, &txn, &used, &r), E_OK);
	out = used;
	txn.len = 7;
	for (int again = 0; again < 3; again++) {
		ck_assert_int_eq(dukpt_registers_take(&after, &txn, &used, &next), E_EXHAUSTED);
		ck_assert_mem_eq(&after, &zero, sizeof after);
		ck_assert_mem_eq(&used, &out, sizeof used);
		ck_assert_uint_eq(txn.len, 7);
	}
	ck_assert(ksn_counter_valid(&next.ksn));
}
END_TEST

/* What a derivation reads, on a page that nobody can write to */
struct inputs {
	struct key key;
	struct ksn k, iksn;
	struct dukpt_registers r;
};

static const struct inputs *read_only(enum dukpt_scheme s)
{
	struct inputs *in = mmap(NULL, sizeof *in, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert(in != MAP_FAILED);
	in->key = ik_of(s);
	in->k = at(s, 0x1F0);
	in->iksn = at(s, 0);
	in->r = machine_at(s, &in->key, &in->k);
	ck_assert_int_eq(mprotect(in, sizeof *in, PROT_READ), 0);
	return in;
}

static void derive_all(enum dukpt_scheme s, const struct inputs *in, struct key *sum)
{
	struct dukpt_registers next;
	struct key out;
	struct ksn k;
	enum err e;

	memset(sum, 0, sizeof *sum);
	for (int p = DUKPT_PIN; p <= DUKPT_DATA_RESPONSE; p++) {
		e = dukpt_host_key(&out, &in->key, s, &in->k, (enum dukpt_purpose)p);
		for (unsigned i = 0; i < 16; i++)
			sum->b[i] = (uint8_t)(sum->b[i] * 3 + (e ? 0 : out.b[i]));
	}
	e = dukpt_host_ik(&out, &in->key, s, &in->k);
	sum->b[16] = (uint8_t)e;
	e = ksn_next(&k, &in->k);
	sum->b[17] = (uint8_t)e;
	e = dukpt_registers_take(&next, &out, &k, &in->r);
	sum->b[18] = (uint8_t)e;
	e = dukpt_registers_load(&next, s, &in->key, &in->iksn);
	sum->b[19] = (uint8_t)e;
}

/* Theirs: derivation writes into the caller's KSN buffer. */
START_TEST(nothing_is_written_to_an_input)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct key sum;

	derive_all(s, read_only(s), &sum); /* a write would be the end */
	for (int i = 16; i < 20; i++)
		ck_assert_uint_eq(sum.b[i], E_OK);
}
END_TEST

struct job {
	enum dukpt_scheme s;
	const struct inputs *in;
	struct key want;
	int wrong;
};

static void *work(void *p)
{
	struct job *j = p;
	struct key sum;

	for (int i = 0; i < 200; i++) {
		derive_all(j->s, j->in, &sum);
		j->wrong += memcmp(&sum, &j->want, sizeof sum) != 0;
	}
	return NULL;
}

/* Theirs: so two threads that share a KSN race. */
START_TEST(threads_may_share_a_ksn)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct job jobs[4];
	pthread_t t[4];

	for (int i = 0; i < 4; i++) {
		jobs[i] = (struct job){ s, i ? jobs[0].in : read_only(s), { { 0 }, 0 }, 0 };
		derive_all(s, jobs[0].in, &jobs[i].want);
	}
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&t[i], NULL, work, &jobs[i]), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_join(t[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(jobs[i].wrong, 0);
}
END_TEST

/* Theirs: a failed initialisation leaves 1,068 bytes of state unwiped. fault_test.c fails it inside, too. */
START_TEST(a_failed_initialisation_leaves_no_state)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct ksn good = at(s, 0), used = at(s, 1);
	struct key ik = ik_of(s), half = ik;
	struct dukpt_registers r;

	half.len = 8;
	memset(&r, 0xA5, sizeof r);
	ck_assert_int_eq(dukpt_registers_load(&r, s, &half, &good), E_KEY);
	ck_assert_mem_eq(&r, &zero, sizeof r);
	memset(&r, 0xA5, sizeof r);
	ck_assert_int_eq(dukpt_registers_load(&r, s, &ik, &used), E_COUNTER);
	ck_assert_mem_eq(&r, &zero, sizeof r);
	memset(&r, 0xA5, sizeof r);
	ck_assert_int_eq(dukpt_registers_load(&r, DUKPT_NONE, &ik, &good), E_SCHEME);
	ck_assert_mem_eq(&r, &zero, sizeof r);
}
END_TEST

/*
 * Theirs: the used key is erased before anything is durable; so a failure between loses it, or hands it out again. Ours
 * makes a successor and leaves the state alone: whoever stores the successor first can be stopped at any moment.
 */
START_TEST(the_used_key_goes_with_the_commit_not_before)
{
	enum dukpt_scheme s = (enum dukpt_scheme)_i;
	struct key ik = ik_of(s), first, again;
	struct ksn k = at(s, 0x150), used, used_again;
	struct dukpt_registers r = machine_at(s, &ik, &k), before = r, next, next_again;

	ck_assert_int_eq(dukpt_registers_take(&next, &first, &used, &r), E_OK);
	ck_assert_mem_eq(&r, &before, sizeof r);
	/* the power went before next was stored: nothing was released, and nothing is lost */
	ck_assert_int_eq(dukpt_registers_take(&next_again, &again, &used_again, &r), E_OK);
	ck_assert_mem_eq(&again, &first, sizeof first);
	ck_assert_mem_eq(&next_again, &next, sizeof next);
	/* it was stored: the used key cannot be had from it */
	ck_assert_ptr_null(memmem(&next, sizeof next, first.b, 8));
	ck_assert_int_eq(dukpt_registers_take(&next_again, &again, &used_again, &next), E_OK);
	ck_assert_mem_ne(again.b, first.b, 16);
}
END_TEST

/* Theirs: a KSN is 20 digits (so no AES), and the next one is this one plus one. */
START_TEST(a_ksn_is_not_20_digits_and_the_next_not_plus_one)
{
	static const char *texts[] = { "9876543210E00001", "FFFF9876543210E00001", "123456789012345600000001" };
	static const struct {
		enum dukpt_scheme s;
		uint32_t from, to;
	} next[] = { { DUKPT_TDES, 0x3FF, 0x400 },       { DUKPT_TDES, 0x7FE, 0x800 },
		     { DUKPT_TDES, 0xFFC00, 0x100000 },  { DUKPT_AES128, 0xFFFF, 0x10000 },
		     { DUKPT_AES128, 0x1FFFE, 0x20000 }, { DUKPT_AES256, 0xFFFE8000, 0xFFFF0000 } };
	struct ksn k;

	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(ksn_parse(&k, texts[i]), E_OK);
		ck_assert_uint_eq(ksn_counter(&k), 1);
		ck_assert_uint_eq(k.len, i == 2 ? KSN_AES : KSN_TDES);
	}
	for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
		struct ksn from = at(next[i].s, next[i].from);

		ck_assert_int_eq(ksn_next(&k, &from), E_OK);
		ck_assert_uint_eq(ksn_counter(&k), next[i].to);
	}
}
END_TEST

/* Theirs: "data" keys that are the bare variant, or the PIN key. */
START_TEST(a_tdes_data_key_is_encrypted_under_itself)
{
	struct ksn k = at(DUKPT_TDES, 1);
	struct key ik = ik_of(DUKPT_TDES), txn, bare, pin, data;

	ck_assert_int_eq(dukpt_host_txn(&txn, &ik, DUKPT_TDES, &k), E_OK);
	ck_assert_int_eq(dukpt_tdes_working(&pin, &txn, DUKPT_PIN), E_OK);
	for (int p = DUKPT_DATA_REQUEST; p <= DUKPT_DATA_RESPONSE; p++) {
		bare = txn;
		bare.b[p == DUKPT_DATA_REQUEST ? 5 : 3] ^= 0xFF;
		bare.b[p == DUKPT_DATA_REQUEST ? 13 : 11] ^= 0xFF;
		ck_assert_int_eq(dukpt_tdes_working(&data, &txn, (enum dukpt_purpose)p), E_OK);
		ck_assert_mem_ne(data.b, bare.b, 16);
		ck_assert_mem_ne(data.b, pin.b, 16);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("peers");
	TCase *t = tcase_create("peers");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, the_last_valid_key_comes_out, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, impossible_counters_derive_nothing, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, there_is_an_error_past_the_end_and_no_ksn, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, nothing_is_written_to_an_input, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, threads_may_share_a_ksn, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, a_failed_initialisation_leaves_no_state, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_loop_test(t, the_used_key_goes_with_the_commit_not_before, DUKPT_TDES, DUKPT_AES256 + 1);
	tcase_add_test(t, a_ksn_is_not_20_digits_and_the_next_not_plus_one);
	tcase_add_test(t, a_tdes_data_key_is_encrypted_under_itself);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
