#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"

#include <string.h>

static struct sim sim;
static uint8_t before[SIM_NV];

/* A state that shares no four bytes with others, with secrets in every slot. */
static void fill(struct state *s, uint8_t n)
{
	uint32_t x = n;

	s->life = LIFE_IDENTIFIED;
	s->epoch = n;
	memset(s->identity, 0xa0 ^ n, sizeof s->identity);
	for (unsigned i = 0; i < STORE_SLOTS; i++) {
		s->slot[i].state = SLOT_LOADED;
		s->slot[i].scheme = DUKPT_AES128;
		for (unsigned r = 0; r < DUKPT_REGISTERS; r++)
			for (unsigned b = 0; b < 16; b++)
				s->slot[i].registers.key[r][b] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
	}
}

static void commit(uint8_t n)
{
	fill(store_draft(&sim.store), n);
	ck_assert_int_eq(store_commit(&sim.store), E_OK);
}

static bool nv_contains(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i + len <= sizeof sim.nv; i++)
		if (!memcmp(sim.nv + i, p, len))
			return true;
	return false;
}

static void setup(void)
{
	sim_factory(&sim, "S1");
	ck_assert_int_eq(sim_boot(&sim), E_OK);
}

START_TEST(a_fresh_memory_is_a_blank_terminal)
{
	ck_assert_int_eq(sim.store.state.life, LIFE_BLANK);
	ck_assert_int_eq(sim.store.state.has_identity, 0);
	ck_assert_uint_eq(sim.store.state.boots, 1);
}
END_TEST

START_TEST(what_was_committed_is_there_after_power_on)
{
	struct state want;

	for (uint8_t n = 1; n < 6; n++) {
		commit(n);
		want = sim.store.state;
		want.boots++;
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		ck_assert_mem_eq(&sim.store.state, &want, sizeof want);
	}
}
END_TEST

START_TEST(every_power_on_is_counted)
{
	for (uint32_t n = 2; n < 10; n++) {
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		ck_assert_uint_eq(sim.store.state.boots, n);
	}
}
END_TEST

START_TEST(a_dropped_draft_changes_nothing)
{
	commit(1);
	memcpy(before, sim.nv, sizeof before);
	fill(store_draft(&sim.store), 2);
	store_drop(&sim.store);
	ck_assert_mem_eq(sim.nv, before, sizeof before);
	ck_assert_uint_eq(sim.store.state.epoch, 1);
}
END_TEST

START_TEST(no_byte_of_a_superseded_key_is_left)
{
	struct state old;

	commit(1);
	old = sim.store.state;
	ck_assert(nv_contains(old.slot[2].registers.key[5], 16));
	commit(2);
	for (unsigned i = 0; i < STORE_SLOTS; i++)
		for (unsigned r = 0; r < DUKPT_REGISTERS; r++)
			ck_assert(!nv_contains(old.slot[i].registers.key[r], 8));
	ck_assert(!nv_contains(old.identity, 4));
}
END_TEST

/*
 * Power cuts. One commit from epoch 1 to epoch 2 is recorded word by word; then its first n words are put over the
 * memory as it was, and the terminal boots. `holds` is the property: the state before or after, nothing of the other
 * left.
 */
static struct sim_word words[SIM_WORDS];
static size_t count;

static void record(void)
{
	commit(1);
	memcpy(before, sim.nv, sizeof before);
	sim.logged = 0;
	commit(2);
	count = sim.logged;
	ck_assert_uint_gt(count, 2 * sizeof(struct state) / 4);
	ck_assert_uint_lt(count, SIM_WORDS);
	memcpy(words, sim.log, count * sizeof *words);
}

static void cut_after(size_t n, unsigned bytes)
{
	memcpy(sim.nv, before, sizeof before);
	for (size_t i = 0; i < n; i++)
		memcpy(sim.nv + words[i].at, words[i].b, 4);
	if (n < count)
		memcpy(sim.nv + words[n].at, words[n].b, bytes);
}

static bool holds(void)
{
	struct state want = { .layout = STORE_LAYOUT }, other = want;

	if (sim_boot(&sim))
		return false;
	fill(&want, (uint8_t)sim.store.state.epoch);
	fill(&other, (uint8_t)(3 - sim.store.state.epoch));
	want.boots = sim.store.state.boots;
	if (memcmp(&want, &sim.store.state, sizeof want))
		return false;
	for (unsigned i = 0; i < STORE_SLOTS; i++)
		if (nv_contains(other.slot[i].registers.key[9], 8))
			return false;
	return true;
}

START_TEST(a_power_cut_at_any_word_leaves_the_state_before_or_after)
{
	size_t befores = 0, afters = 0;

	record();
	for (size_t n = 0; n <= count; n++) {
		cut_after(n, 0);
		ck_assert_msg(holds(), "cut after word %zu of %zu", n, count);
		*(sim.store.state.epoch == 1 ? &befores : &afters) += 1;
	}
	ck_assert_uint_gt(befores, 0);
	ck_assert_uint_gt(afters, 0);
}
END_TEST

/* More than the port promises: words torn into bytes, each at heads and edges, elsewhere every 29th. */
START_TEST(a_torn_word_leaves_the_state_before_or_after)
{
	record();
	for (size_t n = 0; n < count; n += n % 1700 < 80 || n % 1700 > 1640 ? 1 : 29)
		for (unsigned bytes = 1; bytes < 4; bytes++) {
			cut_after(n, bytes);
			ck_assert_msg(holds(), "word %zu torn after %u bytes", n, bytes);
		}
}
END_TEST

START_TEST(a_second_power_cut_during_recovery_does_no_harm)
{
	record();
	for (size_t n = 0; n <= count; n += 97) {
		long all;

		cut_after(n, 0);
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		all = sim.written;
		for (long m = 0; m < all; m += 61) {
			cut_after(n, 0);
			sim.budget = m;
			ck_assert_int_eq(sim_boot(&sim), E_STORE);
			sim.budget = -1;
			ck_assert_msg(holds(), "cuts after words %zu and %ld", n, m);
		}
	}
}
END_TEST

/* The broken twin: the head goes first. The same checks have to catch it. */
START_TEST(a_store_that_writes_its_head_first_is_caught)
{
	size_t head = sizeof(struct state) / 4 + 8, broken = 0;

	record();
	for (unsigned i = 0; i < 2; i++) {
		struct sim_word w = words[head + i];

		memmove(words + i + 1, words + i, (head) * sizeof *words);
		words[i] = w;
	}
	for (size_t n = 0; n <= count; n++) {
		cut_after(n, 0);
		broken += !holds();
	}
	ck_assert_uint_gt(broken, 100);
}
END_TEST

START_TEST(a_power_cut_during_the_first_boot_leaves_a_terminal_that_boots_blank)
{
	long all = sim.written;

	for (long n = 0; n < all; n += n < 20 || n > all - 60 ? 1 : 17) {
		sim_factory(&sim, "S1");
		sim.budget = n;
		ck_assert_int_eq(sim_boot(&sim), E_STORE);
		sim.budget = -1;
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		ck_assert_int_eq(sim.store.state.life, LIFE_BLANK);
	}
}
END_TEST

static void is_tampered(void)
{
	uint8_t rest[SIM_NV] = { 0 };

	ck_assert_int_eq(sim.store.state.life, LIFE_TAMPERED);
	memcpy(rest + 32, sim.nv + 32, 4);
	ck_assert_mem_eq(sim.nv, rest, STORE_BYTES);
	ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
}

START_TEST(a_changed_byte_is_tampering_and_never_a_blank_terminal)
{
	struct state want;
	size_t forged = 0, live = 0;

	commit(1);
	want = sim.store.state;
	want.boots++;
	memcpy(before, sim.nv, sizeof before);
	for (size_t i = 0; i < STORE_BYTES; i += i < 64 || i % 6980 > 6900 || i % 6980 < 80 ? 1 : 37) {
		enum err e;

		memcpy(sim.nv, before, sizeof before);
		sim.nv[i] ^= (uint8_t)(1u << i % 8);
		live += before[i] != 0;
		e = sim_boot(&sim);
		if (e) {
			ck_assert_int_eq(e, E_TAMPERED);
			is_tampered();
			forged++;
		} else { /* a byte that counts for nothing: it is wiped again */
			ck_assert_mem_eq(&sim.store.state, &want, sizeof want);
		}
	}
	ck_assert_uint_ge(forged, live);
}
END_TEST

START_TEST(an_erased_slot_of_a_born_terminal_is_tampering)
{
	commit(1);
	memset(sim.nv + STORE_FIRST, 0, STORE_BYTES - STORE_FIRST);
	ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
	is_tampered();
}
END_TEST

START_TEST(an_unborn_mark_over_a_used_memory_is_tampering)
{
	commit(1); /* boot 1 went to the first slot, this to the second */
	memset(sim.nv + 32, 0, 4);
	ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
	is_tampered();
}
END_TEST

/* An old slot kept aside and put back under a number that beats the new one. */
START_TEST(a_slot_whose_number_was_changed_is_tampering)
{
	uint8_t *head = sim.nv + STORE_FIRST + STORE_SLOT - 8;
	uint32_t seq[2];

	for (uint32_t up = 1; up < 4; up++) {
		sim_factory(&sim, "S1");
		ck_assert_int_eq(sim_boot(&sim), E_OK); /* in the first slot */
		memcpy(seq, head, sizeof seq);
		seq[1] += up;
		seq[0] = ~seq[1];
		memcpy(head, seq, sizeof seq);
		ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
		is_tampered();
	}
}
END_TEST

START_TEST(a_slot_of_another_terminal_is_tampering)
{
	static struct sim other;

	sim_factory(&other, "S2");
	other.entropy_count = 1000;
	ck_assert_int_eq(sim_boot(&other), E_OK);
	commit(1);
	fill(store_draft(&other.store), 2);
	ck_assert_int_eq(store_commit(&other.store), E_OK);
	memcpy(sim.nv + STORE_FIRST, other.nv + STORE_FIRST, STORE_BYTES - STORE_FIRST);
	ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
}
END_TEST

START_TEST(a_tampered_terminal_is_wiped_through_any_power_cut)
{
	struct state secret;
	long all;

	commit(1);
	secret = sim.store.state;
	memcpy(before, sim.nv, sizeof before);
	sim.written = 0;
	ck_assert_int_eq(store_tamper(&sim.store), E_OK);
	all = sim.written;
	for (long n = 1; n < all; n += 23) {
		memcpy(sim.nv, before, sizeof before);
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		sim.budget = n;
		ck_assert_int_eq(store_tamper(&sim.store), E_STORE);
		sim.budget = -1;
		ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
		is_tampered();
		ck_assert(!nv_contains(secret.identity, 4));
	}
}
END_TEST

START_TEST(a_memory_that_failed_takes_no_more_commits)
{
	commit(1);
	sim.budget = 10;
	fill(store_draft(&sim.store), 2);
	ck_assert_int_eq(store_commit(&sim.store), E_STORE);
	sim.budget = -1;
	fill(store_draft(&sim.store), 3);
	ck_assert_int_eq(store_commit(&sim.store), E_STORE);
	ck_assert_uint_eq(sim.store.state.epoch, 1);
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	ck_assert_uint_eq(sim.store.state.epoch, 1);
}
END_TEST

static enum err worn_write(void *ctx, uint32_t at, const uint8_t *in, size_t len)
{
	struct sim *s = ctx;

	memcpy(s->nv + at, in, len);
	s->nv[STORE_FIRST + 100] |= 0x10; /* both slots begin with a cell that sticks */
	s->nv[STORE_FIRST + STORE_SLOT + 100] |= 0x10;
	return E_OK;
}

START_TEST(a_cell_that_does_not_keep_its_word_is_found_while_the_old_state_stands)
{
	commit(1);
	memcpy(before, sim.nv, sizeof before);
	sim.port.nv_write = worn_write;
	store_draft(&sim.store)->epoch = 2;
	memset(sim.store.draft.cert, 0, sizeof sim.store.draft.cert);
	ck_assert_int_eq(store_commit(&sim.store), E_STORE);
	ck_assert_uint_eq(sim.store.state.epoch, 1);
}
END_TEST

START_TEST(a_bad_noise_source_is_noticed_and_nothing_is_born_of_it)
{
	static const uint8_t zero[SIM_NV];
	uint8_t b[RANDOM_ENTROPY];

	for (int n = NOISE_FAILS; n <= NOISE_REPEATS; n++) {
		sim_factory(&sim, "S1");
		sim.noise = (enum sim_noise)n;
		ck_assert_int_eq(random_entropy(b, &sim.port), E_RANDOM);
		ck_assert_mem_eq(b, zero, sizeof b);
		ck_assert_int_eq(sim_boot(&sim), E_RANDOM);
		ck_assert_mem_eq(sim.nv, zero, sizeof zero);
	}
}
END_TEST

START_TEST(a_good_noise_source_passes)
{
	uint8_t b[RANDOM_ENTROPY];

	for (int n = 0; n < 2000; n++)
		ck_assert_int_eq(random_entropy(b, &sim.port), E_OK);
}
END_TEST

/* With one and the same noise each time, the boot counter and the count of draws keep sessions apart. */
START_TEST(sessions_differ_even_when_the_noise_repeats)
{
	static const uint8_t hello[] = { 1, 2, 3 };
	uint8_t seen[6][32];
	struct drbg d;
	unsigned n = 0;

	for (unsigned boot = 0; boot < 2; boot++) {
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		for (unsigned i = 0; i < 3; i++, n++) {
			sim.entropy_count = 5;
			ck_assert_int_eq(random_session(&d, &sim.random, SPAN(hello)), E_OK);
			ck_assert_int_eq(drbg_take(&d, seen[n], 32), E_OK);
			for (unsigned j = 0; j < n; j++)
				ck_assert_mem_ne(seen[n], seen[j], 32);
		}
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("terminal/store");
	TCase *t = tcase_create("store");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_fresh_memory_is_a_blank_terminal);
	tcase_add_test(t, what_was_committed_is_there_after_power_on);
	tcase_add_test(t, every_power_on_is_counted);
	tcase_add_test(t, a_dropped_draft_changes_nothing);
	tcase_add_test(t, no_byte_of_a_superseded_key_is_left);
	tcase_add_test(t, a_power_cut_at_any_word_leaves_the_state_before_or_after);
	tcase_add_test(t, a_torn_word_leaves_the_state_before_or_after);
	tcase_add_test(t, a_second_power_cut_during_recovery_does_no_harm);
	tcase_add_test(t, a_store_that_writes_its_head_first_is_caught);
	tcase_add_test(t, a_power_cut_during_the_first_boot_leaves_a_terminal_that_boots_blank);
	tcase_add_test(t, a_changed_byte_is_tampering_and_never_a_blank_terminal);
	tcase_add_test(t, an_erased_slot_of_a_born_terminal_is_tampering);
	tcase_add_test(t, an_unborn_mark_over_a_used_memory_is_tampering);
	tcase_add_test(t, a_slot_whose_number_was_changed_is_tampering);
	tcase_add_test(t, a_slot_of_another_terminal_is_tampering);
	tcase_add_test(t, a_tampered_terminal_is_wiped_through_any_power_cut);
	tcase_add_test(t, a_memory_that_failed_takes_no_more_commits);
	tcase_add_test(t, a_cell_that_does_not_keep_its_word_is_found_while_the_old_state_stands);
	tcase_add_test(t, a_bad_noise_source_is_noticed_and_nothing_is_born_of_it);
	tcase_add_test(t, a_good_noise_source_passes);
	tcase_add_test(t, sessions_differ_even_when_the_noise_repeats);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
