/*
 * Power cuts, at every store of every operation that writes. An operation is run once and its words are recorded; then
 * its first n words are put over the memory as it was, the terminal boots, and what it holds has to be the state before
 * or after, with nothing left of the other. Each of these recoveries is recorded in turn and cut at each of its own
 * words. Whatever the boot finds is a function of the memory alone, so a memory that was tried before is not tried
 * again.
 *
 * The number of words of each operation stands in the table: one that writes less, or more, is noticed. (CERT's depends
 * on how long the certificates came out: the table has the least.)
 *
 *   STRIDE=1  every second cut of every operation; without it, of those whose rows say so, and some of the others
 */
#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"
#include "dukpt/host.h"
#include "dukpt/ikblock.h"

#include <stdlib.h>
#include <string.h>

#define KSN_NEXT "123456789012345700000000"
#define PIN "92748"

static struct sim sim;
static struct sim_host host;
static uint8_t message[MSG_MAX], reply[LINK_PAYLOAD];
static size_t len;

/* --- What a terminal holds, but for the boot counter --- */

struct view {
	enum err e; /* of the boot */
	struct state state;
	struct slot slot[STORE_SLOTS];
	struct dukpt_registers registers[STORE_SLOTS];
};

static struct view before, after;

static void look(struct view *v, enum err e)
{
	memset(v, 0, sizeof *v);
	v->e = e;
	if (e)
		return;
	v->state = sim.store.state;
	v->state.boots = 0;
	memcpy(v->slot, sim.store.slot, sizeof v->slot);
	for (unsigned i = 0; i < STORE_SLOTS; i++)
		v->registers[i] = sim_registers(&sim.store, i);
}

static bool same(const struct view *a, const struct view *b)
{
	return !memcmp(a, b, sizeof *a);
}

/* --- Needles: 8 bytes each, as a key's halves --- */

struct needles {
	uint8_t b[1024][8];
	unsigned n;
};

static struct needles of_before, of_after, never;

static void add(struct needles *s, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		ck_assert_uint_lt(s->n, 1024);
		memcpy(s->b[s->n++], p + i, 8);
	}
}

/* The keys of v that other lacks. */
static void add_view(struct needles *s, const struct view *v, const struct view *other)
{
	s->n = 0;
	for (unsigned i = 0; i < STORE_SLOTS; i++)
		for (unsigned r = 0; r < DUKPT_REGISTERS; r++)
			if (v->registers[i].filled >> r & 1 &&
			    !memmem(other, sizeof *other, v->registers[i].key[r], 16))
				add(s, v->registers[i].key[r], 16);
	if (v->state.has_identity && !other->state.has_identity) {
		add(s, v->state.identity, 32);
		add(s, v->state.secret, 32);
	}
}

static bool none_in(const struct needles *s, const void *p, size_t n)
{
	for (unsigned i = 0; i < s->n; i++)
		if (memmem(p, n, s->b[i], 8))
			return false;
	return true;
}

/* --- The operations --- */

static void in_the_factory(void)
{
	sim_factory(&sim, "SIM-1");
	sim_host(&host, 1, 3);
}

static void born(void)
{
	in_the_factory();
	ck_assert_int_eq(sim_boot(&sim), E_OK);
}

static void loaded(void)
{
	struct key ik;

	sim_loaded(&sim, &host);
	ik = sim_key_of(&host, 0, DUKPT_TDES, SIM_KSN_TDES).ik;
	add(&never, ik.b, 16);
	ik = sim_key_of(&host, 1, DUKPT_AES128, SIM_KSN_AES).ik;
	add(&never, ik.b, 16);
}

static void switch_on(void)
{
	ck_assert_int_eq(sim_boot(&sim), E_OK);
}

static void ready_to_identify(void)
{
	born();
	len = sim_identify(&host, message);
}

static void identify(void)
{
	ck_assert_int_eq(sim_ask(&sim, MSG_IDENTIFY, (struct span){ message, len }), MSG_CSR);
}

static void ready_to_enrol(void)
{
	ready_to_identify();
	identify();
	ck_assert(sim_csr(&host));
	len = sim_cert(&host, message, "SIM-1");
}

static void enrol(void)
{
	ck_assert_int_eq(sim_ask(&sim, MSG_CERT, (struct span){ message, len }), MSG_DONE);
}

static void offered(uint8_t slot, enum dukpt_scheme scheme, const char *ksn)
{
	struct sim_key k;

	loaded();
	ck_assert(sim_greet(&sim, &host));
	k = sim_key_of(&host, slot, scheme, ksn);
	k.ik.b[5] ^= 0x5a;
	add(&never, k.ik.b, 16);
	len = sim_key(&host, message, &k);
}

static void ready_to_load_tdes(void)
{
	offered(2, DUKPT_TDES, "FFFF9876543210C00000");
}

static void ready_to_load_aes(void)
{
	offered(3, DUKPT_AES128, KSN_NEXT);
}

static void load(void)
{
	ck_assert_int_eq(sim_ask(&sim, MSG_KEY, (struct span){ message, len }), MSG_RECEIPT);
}

static void ready_to_update(void)
{
	static const struct key next = { { 0x0f, 0x1e, 0x2d, 0x3c, 0x4b, 0x5a, 0x69, 0x78, 1, 2, 3, 4, 5, 6, 7, 8 }, 16 };
	static const uint8_t padding[KEYBLOCK_RANDOM] = { 1, 2, 3 };
	char text[IKBLOCK_MAX];
	struct msg_update m = { 1, { (const uint8_t *)text, 0 } };
	struct ksn k, was;
	struct key old, kbpk;

	loaded();
	old = sim_key_of(&host, 1, DUKPT_AES128, SIM_KSN_AES).ik;
	ck_assert_int_eq(ksn_parse(&k, KSN_NEXT) || ksn_parse(&was, SIM_KSN_AES), 0);
	ck_assert_int_eq(dukpt_host_update_key(&kbpk, &old, DUKPT_AES128, &was, DUKPT_KEY_AES128), E_OK);
	ck_assert_int_eq(dukpt_ik_block(text, &m.block.len, 'D', DUKPT_AES128, &next, &k, &kbpk, padding), E_OK);
	ck_assert_int_eq(msg_put_update(message, &len, sizeof message, &m), E_OK);
	add(&never, next.b, 16);
	add(&never, kbpk.b, 16);
}

static void update(void)
{
	ck_assert_int_eq(sim_ask(&sim, MSG_UPDATE, (struct span){ message, len }), MSG_RECEIPT);
}

static void greeted_to_zeroize(uint8_t slot)
{
	loaded();
	ck_assert(sim_greet(&sim, &host));
	len = sim_zeroize(&host, message, slot);
}

static void ready_to_zeroize_one(void)
{
	greeted_to_zeroize(0);
}

static void ready_to_zeroize_all(void)
{
	greeted_to_zeroize(MSG_SLOT_ALL);
}

static void zeroize(void)
{
	ck_assert_int_eq(sim_ask(&sim, MSG_ZEROIZE, (struct span){ message, len }), MSG_RECEIPT);
}

static unsigned till(const void *p, size_t n)
{
	ck_assert_uint_gt(trade_answer(&sim.trade, reply, (struct span){ p, n }), 0);
	return reply[0];
}

/* A sale whose PIN stands at the keypad; of the PIN no form may be found, neither digits nor text. */
static void at_the_keypad(uint8_t slot)
{
	struct till_begin m = { slot,
				{ (const uint8_t *)"4012345678909", 13 },
				{ (const uint8_t *)"1.00", 4 },
				{ (const uint8_t *)"mac", 3 },
				{ (const uint8_t *)"data", 4 } };
	uint8_t out[TILL_REQUEST];
	size_t n;

	ck_assert_int_eq(till_put_begin(out, &n, sizeof out, &m), E_OK);
	ck_assert_int_eq(till(out, n), TILL_PROMPT);
	for (const char *p = PIN; *p; p++)
		ck_assert_int_eq(till((uint8_t[]){ TILL_KEYPAD, (uint8_t)*p }, 2), TILL_PROMPT);
}

static void ready_to_sell_tdes(void)
{
	loaded();
	at_the_keypad(0);
}

static void ready_to_sell_aes(void)
{
	loaded();
	for (unsigned i = 0; i < 3; i++) {
		at_the_keypad(1);
		ck_assert_int_eq(till((uint8_t[]){ TILL_KEYPAD, TILL_ENTER }, 2), TILL_RESULT);
	}
	at_the_keypad(1); /* the fourth: it fills two registers */
}

static void ready_for_the_last_sale(void)
{
	struct dukpt_registers r;

	loaded();
	r = sim_registers(&sim.store, 0);
	ksn_set_counter(&r.ksn, &r.ksn, 0x1ff800);
	memset(r.key, 0, sizeof r.key);
	memcpy(r.key[11], "the last key of!", 16);
	r.filled = 1u << 11;
	sim_set_registers(&sim.store, 0, &r, SLOT_LOADED);
	at_the_keypad(0);
}

static void sell(void)
{
	ck_assert_int_eq(till((uint8_t[]){ TILL_KEYPAD, TILL_ENTER }, 2), TILL_RESULT);
}

static void tamper(void)
{
	ck_assert_int_eq(store_tamper(&sim.store), E_OK);
}

static const struct op {
	const char *name;
	void (*prepare)(void);
	void (*run)(void);
	size_t words;
	unsigned stride; /* of the second cut in make check */
} ops[] = {
	/* clang-format off */
	{ "first boot",       in_the_factory,          switch_on, 1253, 31 },
	{ "boot",             loaded,                  switch_on,  128,  1 },
	{ "IDENTIFY",         ready_to_identify,       identify,   128,  1 },
	{ "CERT",             ready_to_enrol,          enrol,      280, 13 },
	{ "KEY, TDES",        ready_to_load_tdes,      load,       590, 13 },
	{ "KEY, AES",         ready_to_load_aes,       load,       590,  1 },
	{ "UPDATE",           ready_to_update,         update,     590, 13 },
	{ "ZEROIZE of one",   ready_to_zeroize_one,    zeroize,    590,  1 },
	{ "ZEROIZE of all",   ready_to_zeroize_all,    zeroize,   2616, 29 },
	{ "sale, TDES",       ready_to_sell_tdes,      sell,       590,  1 },
	{ "sale, AES",        ready_to_sell_aes,       sell,       590, 13 },
	{ "the last sale",    ready_for_the_last_sale, sell,       590, 13 },
	{ "tamper",           loaded,                  tamper,    3073, 31 },
	/* clang-format on */
};
enum { OPS = sizeof ops / sizeof ops[0] };

/* --- Recorded words --- */

struct words {
	struct sim_word w[SIM_WORDS];
	size_t n;
};

static struct words first, second;
static uint8_t untouched[SIM_NV];
static uint32_t boots;

static void keep_log(struct words *w)
{
	ck_assert_uint_lt(sim.logged, SIM_WORDS);
	w->n = sim.logged;
	memcpy(w->w, sim.log, w->n * sizeof *w->w);
}

/* The memory after the first n words, and so many bytes of the next. */
static void cut_first(size_t n, unsigned bytes)
{
	memcpy(sim.nv, untouched, sizeof untouched);
	for (size_t i = 0; i < n; i++)
		memcpy(sim.nv + first.w[i].at, first.w[i].b, 4);
	if (n < first.n)
		memcpy(sim.nv + first.w[n].at, first.w[n].b, bytes);
}

static void record(const struct op *op)
{
	never.n = 0;
	op->prepare();
	memcpy(untouched, sim.nv, sizeof untouched);
	boots = sim.store.state.boots;
	if (op->prepare == in_the_factory)
		memset(&before, 0, sizeof before);
	else
		look(&before, E_OK);
	sim.logged = 0;
	op->run();
	keep_log(&first);
	ck_assert(none_in(&never, sim.nv, sizeof sim.nv));
	ck_assert(none_in(&never, &sim.store, sizeof sim.store));
	ck_assert(none_in(&never, &sim.krd, sizeof sim.krd));
	ck_assert(none_in(&never, &sim.trade, sizeof sim.trade));
	look(&after, op->run == tamper ? E_TAMPERED : E_OK);
	if (op->prepare == in_the_factory)
		before = after; /* either way it is a blank terminal */
	for (unsigned i = 0; i < STORE_SLOTS && op->run != tamper; i++) {
		ck_assert_uint_ge(after.slot[i].load_count, before.slot[i].load_count);
		ck_assert_uint_ge(after.slot[i].epoch, before.slot[i].epoch);
		ck_assert_uint_ge(after.slot[i].ksn.len, before.slot[i].ksn.len);
	}
	add_view(&of_before, &before, &after);
	add_view(&of_after, &after, &before);
}

/* Boot the memory as it is. 0 before, 1 after, -1: neither, or something is left that must not be */
static int recover(void)
{
	static struct view v;
	enum err e = sim_boot(&sim);
	bool is_before, is_after;

	look(&v, e);
	is_before = same(&v, &before);
	is_after = same(&v, &after);
	if (!is_before && !is_after)
		return -1;
	if (!e && sim.store.state.boots <= boots)
		return -1;
	if (!none_in(&never, sim.nv, sizeof sim.nv) || memmem(sim.nv, sizeof sim.nv, PIN, sizeof PIN - 1) ||
	    !none_in(is_after ? &of_before : &of_after, sim.nv, sizeof sim.nv))
		return -1;
	return is_after;
}

/* --- Memories that were tried: a sum over words that can be kept up word by word --- */

enum { TRIED = 1 << 20 };
static struct {
	uint64_t sum;
	int outcome;
} tried[TRIED];
static size_t distinct;

static uint64_t mix(size_t at, const uint8_t b[static 4])
{
	uint64_t x = (uint64_t)at << 32 | get_be32(b);

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

static uint64_t sum_of(const uint8_t *nv)
{
	uint64_t sum = 1;

	for (size_t i = 0; i < SIM_NV; i += 4)
		sum += mix(i, nv + i);
	return sum;
}

/* recover() of sim.nv, whose sum this is; the memory is as it was afterwards. */
static int outcome_of(uint64_t sum)
{
	static uint8_t kept[SIM_NV];
	size_t i = sum % TRIED;

	while (tried[i].sum && tried[i].sum != sum)
		i = (i + 1) % TRIED;
	if (!tried[i].sum) {
		ck_assert_uint_lt(++distinct, TRIED / 4 * 3);
		memcpy(kept, sim.nv, sizeof kept);
		tried[i].sum = sum;
		tried[i].outcome = recover();
		memcpy(sim.nv, kept, sizeof kept);
	}
	return tried[i].outcome;
}

/* --- The tests --- */

START_TEST(a_power_cut_at_any_word_leaves_the_state_before_or_after)
{
	const struct op *op = &ops[_i];
	size_t counts[2] = { 0 };
	int last = 0;

	record(op);
	ck_assert_msg(first.n == op->words || op->run == enrol, "%s: %zu words, the table says %zu", op->name, first.n,
		      op->words);
	ck_assert_uint_ge(first.n, op->words);
	for (size_t n = 0; n <= first.n; n++) {
		int is;

		cut_first(n, 0);
		is = recover();
		ck_assert_msg(is >= last, "%s cut after word %zu of %zu: %d", op->name, n, first.n, is);
		last = is;
		counts[is]++;
	}
	ck_assert_uint_gt(counts[1], 0);
	ck_assert(counts[0] || same(&before, &after));
}
END_TEST

/* More than the port promises. Only the birth word has to come whole: a torn one is no blank terminal's. */
START_TEST(a_torn_word_leaves_the_state_before_or_after)
{
	const struct op *op = &ops[_i];

	record(op);
	for (size_t n = 0; n < first.n; n++)
		for (unsigned bytes = 1; bytes < 4; bytes++) {
			cut_first(n, bytes);
			if (first.w[n].at == 32 && op->run == switch_on)
				continue;
			ck_assert_msg(recover() >= 0, "%s: word %zu torn after %u bytes", op->name, n, bytes);
		}
}
END_TEST

START_TEST(a_second_power_cut_anywhere_in_the_recovery_changes_nothing)
{
	const struct op *op = &ops[_i];
	size_t stride = getenv("STRIDE") ? strtoul(getenv("STRIDE"), NULL, 10) : op->stride, cuts = 0;

	record(op);
	memset(tried, 0, sizeof tried);
	distinct = 0;
	for (size_t n = 0; n <= first.n; n += stride) {
		uint64_t sum;
		int is;

		cut_first(n, 0);
		sim.logged = 0;
		is = recover();
		keep_log(&second);
		cut_first(n, 0);
		sum = sum_of(sim.nv);
		for (size_t m = 0; m < second.n; m++, cuts++) {
			const struct sim_word *w = &second.w[m];

			ck_assert_msg(outcome_of(sum) == is, "%s: cuts after words %zu and %zu", op->name, n, m);
			sum -= mix(w->at, sim.nv + w->at);
			memcpy(sim.nv + w->at, w->b, 4);
			sum += mix(w->at, w->b);
		}
	}
	ck_assert_uint_gt(cuts, first.n / stride * 100);
}
END_TEST

/* Broken twins: the same words in another order, or some of them missing. */
static size_t broken(void)
{
	size_t bad = 0;

	for (size_t n = 0; n <= first.n; n++) {
		cut_first(n, 0);
		bad += recover() < 0;
	}
	return bad;
}

static size_t head_of_the_new_copy(void)
{
	return sizeof(struct slot_record) / 4 + STORE_CHECK / 4;
}

START_TEST(a_store_that_writes_its_head_first_is_caught)
{
	size_t head = head_of_the_new_copy();

	record(&ops[_i]);
	for (size_t i = 0; i < 2; i++) {
		struct sim_word w = first.w[head + i];

		memmove(first.w + i + 1, first.w + i, head * sizeof w);
		first.w[i] = w;
	}
	ck_assert_uint_gt(broken(), head / 2);
}
END_TEST

START_TEST(a_store_that_wipes_the_old_copy_before_the_new_one_counts_is_caught)
{
	size_t half = head_of_the_new_copy() + 2;
	static struct words swapped;

	record(&ops[_i]);
	swapped = first;
	memcpy(swapped.w, first.w + half, (first.n - half) * sizeof *first.w);
	memcpy(swapped.w + (first.n - half), first.w, half * sizeof *first.w);
	first = swapped;
	ck_assert_uint_gt(broken(), half / 2);
}
END_TEST

/* ... and one that never wipes: found by the bytes that stay, since the boot that would wipe them is left out too. */
START_TEST(a_store_that_keeps_the_old_copy_is_caught)
{
	record(&ops[_i]);
	ck_assert_uint_gt(of_before.n, 0);
	cut_first(head_of_the_new_copy() + 2, 0);
	ck_assert(!none_in(&of_before, sim.nv, sizeof sim.nv));
	cut_first(first.n, 0);
	ck_assert(none_in(&of_before, sim.nv, sizeof sim.nv));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("terminal/power");
	TCase *t = tcase_create("power");
	int slot = 0;

	while (strcmp(ops[slot].name, "sale, TDES"))
		slot++;
	tcase_set_timeout(t, 3600);
	tcase_add_loop_test(t, a_power_cut_at_any_word_leaves_the_state_before_or_after, 0, OPS);
	tcase_add_loop_test(t, a_torn_word_leaves_the_state_before_or_after, 0, OPS);
	tcase_add_loop_test(t, a_second_power_cut_anywhere_in_the_recovery_changes_nothing, 0, OPS);
	tcase_add_loop_test(t, a_store_that_writes_its_head_first_is_caught, slot, slot + 2);
	tcase_add_loop_test(t, a_store_that_wipes_the_old_copy_before_the_new_one_counts_is_caught, slot, slot + 2);
	tcase_add_loop_test(t, a_store_that_keeps_the_old_copy_is_caught, slot, slot + 2);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
