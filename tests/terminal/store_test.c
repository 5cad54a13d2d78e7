#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"

#include <stddef.h>
#include <string.h>

static struct sim sim;
static uint8_t before[SIM_NV];

/* A slot's record of the n-th commit: it shares no four bytes with others. */
static void fill(struct slot_record *r, uint8_t n)
{
	uint32_t x = n;

	r->slot.state = SLOT_LOADED;
	r->slot.scheme = DUKPT_AES128;
	r->slot.epoch = n;
	for (unsigned i = 0; i < DUKPT_REGISTERS; i++)
		for (unsigned b = 0; b < 16; b++)
			r->registers.key[i][b] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
}

static void commit(uint8_t n)
{
	struct slot_record *draft;

	ck_assert_int_eq(store_draft_slot(&draft, &sim.store, 2), E_OK);
	fill(draft, n);
	ck_assert_int_eq(store_commit(&sim.store), E_OK);
}

static bool nv_contains(const uint8_t *p, size_t len)
{
	return memmem(sim.nv, sizeof sim.nv, p, len);
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
	struct dukpt_registers want, is;
	struct slot slot;

	for (uint8_t n = 1; n < 6; n++) {
		commit(n);
		slot = sim.store.slot[2];
		want = sim_registers(&sim.store, 2);
		ck_assert_int_eq(sim_boot(&sim), E_OK);
		ck_assert_mem_eq(&sim.store.slot[2], &slot, sizeof slot);
		is = sim_registers(&sim.store, 2);
		ck_assert_mem_eq(&is, &want, sizeof want);
		ck_assert_uint_eq(store_epoch(&sim.store), n);
	}
}
END_TEST

/* Planted as a wipe that did not happen would leave it, in either copy. */
START_TEST(a_slot_counts_as_emptied_only_while_no_copy_holds_a_byte_of_a_key)
{
	commit(7);
	ck_assert_int_eq(store_emptied(&sim.store, 1u << 2), E_LOADED);
	ck_assert_int_eq(store_emptied(&sim.store, 1u << 1), E_OK);
	ck_assert_int_eq(store_empty(&sim.store, 1u << 2), E_OK);
	ck_assert_int_eq(store_emptied(&sim.store, 1u << 2), E_OK);
	for (unsigned copy = 0; copy < 2; copy++) {
		size_t keys = STORE_RECORDS + 2 * STORE_COPY(struct state) + (4 + copy) * STORE_COPY(struct slot_record) +
			      offsetof(struct slot_record, registers);

		for (size_t i = 0; i < sizeof(struct dukpt_registers); i += 100) {
			sim.nv[keys + i] = 1;
			ck_assert_int_eq(store_emptied(&sim.store, 1u << 2), E_STORE);
			sim.nv[keys + i] = 0;
		}
	}
	ck_assert_int_eq(store_emptied(&sim.store, 15), E_OK);
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
	struct slot_record *draft;

	commit(1);
	memcpy(before, sim.nv, sizeof before);
	ck_assert_int_eq(store_draft_slot(&draft, &sim.store, 2), E_OK);
	fill(draft, 2);
	store_drop(&sim.store);
	ck_assert_mem_eq(sim.nv, before, sizeof before);
	ck_assert_uint_eq(store_epoch(&sim.store), 1);
}
END_TEST

START_TEST(no_byte_of_a_superseded_key_is_left)
{
	struct dukpt_registers old;

	commit(1);
	old = sim_registers(&sim.store, 2);
	ck_assert(nv_contains(old.key[5], 16));
	commit(2);
	for (unsigned r = 0; r < DUKPT_REGISTERS; r++)
		ck_assert(!nv_contains(old.key[r], 4));
}
END_TEST

START_TEST(no_key_stays_in_ram_between_commits)
{
	struct dukpt_registers r;

	commit(1);
	r = sim_registers(&sim.store, 2);
	for (unsigned i = 0; i < DUKPT_REGISTERS; i++)
		ck_assert(!memmem(&sim.store, sizeof sim.store, r.key[i], 4));
}
END_TEST

/* What may be written once, and what only goes up. */
static void lower_load_count(struct store *s)
{
	struct slot_record *draft;

	ck_assert_int_eq(store_draft_slot(&draft, s, 1), E_OK);
	draft->slot.load_count--;
}

static void lower_epoch(struct store *s)
{
	struct slot_record *draft;

	ck_assert_int_eq(store_draft_slot(&draft, s, 1), E_OK);
	draft->slot.epoch--;
}

static void forget_ksn(struct store *s)
{
	struct slot_record *draft;

	ck_assert_int_eq(store_draft_slot(&draft, s, 1), E_OK);
	draft->slot.ksn.len = 0;
}

static void lower_boots(struct store *s)
{
	store_draft(s)->boots--;
}

static void change_identity(struct store *s)
{
	store_draft(s)->identity[31] ^= 1;
}

static void change_secret(struct store *s)
{
	store_draft(s)->secret[0] ^= 1;
}

static void forget_identity(struct store *s)
{
	store_draft(s)->has_identity = 0;
}

static void go_blank(struct store *s)
{
	store_draft(s)->life = LIFE_BLANK;
}

static void change_environment(struct store *s)
{
	store_draft(s)->environment[3] ^= 1;
}

static void change_anchor(struct store *s)
{
	store_draft(s)->paper[PAPER_ANCHOR].digest[0] ^= 1;
}

START_TEST(what_is_written_once_stays_and_no_counter_is_turned_back)
{
	static void (*const changes[])(struct store *s) = {
		lower_load_count, lower_epoch, forget_ksn, lower_boots,	       change_identity,
		change_secret,	  go_blank,    forget_identity, change_environment, change_anchor,
	};
	struct sim_host host;

	sim_loaded(&sim, &host);
	memcpy(before, sim.nv, sizeof before);
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		changes[i](&sim.store);
		ck_assert_int_eq(store_commit(&sim.store), E_ENROLLED);
		store_draft(&sim.store);
		ck_assert_int_eq(store_put_paper(&sim.store, PAPER_ANCHOR, SPAN(before)), E_ENROLLED);
		ck_assert_mem_eq(before, sim.nv, sizeof before);
	}
	ck_assert_int_eq(sim_boot(&sim), E_OK);
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

/* Every byte, on a terminal that has papers and keys: it is noticed, or it counted for nothing and is wiped again. */
START_TEST(a_changed_byte_is_tampering_and_never_a_blank_terminal)
{
	size_t forged = 0, live = 0;
	struct sim_host host;
	struct state want;

	sim_loaded(&sim, &host);
	want = sim.store.state;
	want.boots++;
	memcpy(before, sim.nv, sizeof before);
	for (size_t i = 0; i < STORE_BYTES; i++) {
		enum err e;

		memcpy(sim.nv, before, sizeof before);
		sim.nv[i] ^= (uint8_t)(1u << i % 8);
		live += before[i] != 0;
		e = sim_boot(&sim);
		if (e) {
			ck_assert_int_eq(e, E_TAMPERED);
			is_tampered();
			forged++;
		} else {
			ck_assert_mem_eq(&sim.store.state, &want, sizeof want);
		}
	}
	ck_assert_uint_ge(forged, live);
}
END_TEST

START_TEST(a_memory_that_is_changed_while_the_terminal_runs_is_tampering)
{
	struct slot_record *draft;
	struct sim_host host;
	struct span text;

	for (unsigned i = 0; i < 2; i++) {
		sim_loaded(&sim, &host);
		if (i)
			sim.nv[STORE_PAPERS + 5] ^= 1;
		else
			memset(sim.nv + STORE_BYTES / 2, 0x5a, STORE_BYTES / 2);
		if (i)
			ck_assert_int_eq(store_paper(&text, &sim.store, PAPER_CERT), E_TAMPERED);
		else
			ck_assert_int_eq(store_draft_slot(&draft, &sim.store, 1), E_TAMPERED);
		is_tampered();
	}
}
END_TEST

START_TEST(an_erased_slot_of_a_born_terminal_is_tampering)
{
	commit(1);
	memset(sim.nv + STORE_RECORDS, 0, STORE_BYTES - STORE_RECORDS);
	ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
	is_tampered();
}
END_TEST

/* Wherever the copies stand that count: an unborn mark makes no used terminal blank. */
START_TEST(an_unborn_mark_over_a_used_memory_is_tampering)
{
	for (unsigned commits = 1; commits < 4; commits++)
		for (unsigned boots = 0; boots < 3; boots++) {
			setup();
			for (unsigned i = 0; i < commits; i++)
				commit((uint8_t)(i + 1));
			for (unsigned i = 0; i < boots; i++)
				ck_assert_int_eq(sim_boot(&sim), E_OK);
			memset(sim.nv + 32, 0, 4);
			ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
			is_tampered();
		}
}
END_TEST

/* An old copy kept aside and put back under a number that beats the new one, or in the place of another slot's. */
START_TEST(a_copy_whose_number_or_place_was_changed_is_tampering)
{
	const size_t copy = STORE_COPY(struct slot_record), first = STORE_RECORDS + 2 * STORE_COPY(struct state);
	uint8_t *head = sim.nv + first + copy - 8;
	uint32_t seq[2];

	for (uint32_t up = 1; up < 4; up++) {
		sim_factory(&sim, "S1");
		ck_assert_int_eq(sim_boot(&sim), E_OK); /* in the first copy */
		memcpy(seq, head, sizeof seq);
		seq[1] += up;
		seq[0] = ~seq[1];
		memcpy(head, seq, sizeof seq);
		ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
		is_tampered();
	}
	sim_factory(&sim, "S1");
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	memcpy(sim.nv + first, sim.nv + first + 2 * copy, copy);
	ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
	is_tampered();
}
END_TEST

START_TEST(a_slot_of_another_terminal_is_tampering)
{
	static struct sim other;

	sim_factory(&other, "S2");
	other.entropy_count = 1000;
	ck_assert_int_eq(sim_boot(&other), E_OK);
	commit(1);
	memcpy(sim.nv + STORE_RECORDS, other.nv + STORE_RECORDS, STORE_BYTES - STORE_RECORDS);
	ck_assert_int_eq(sim_boot(&sim), E_TAMPERED);
}
END_TEST

START_TEST(a_memory_that_failed_takes_no_more_commits)
{
	struct slot_record *draft;

	commit(1);
	for (unsigned i = 0; i < 2; i++) {
		sim.budget = i ? -1 : 10;
		ck_assert_int_eq(store_draft_slot(&draft, &sim.store, 2), E_OK);
		fill(draft, 2);
		ck_assert_int_eq(store_commit(&sim.store), E_STORE);
	}
	ck_assert_uint_eq(store_epoch(&sim.store), 1);
	ck_assert_int_eq(sim_boot(&sim), E_OK);
	ck_assert_uint_eq(store_epoch(&sim.store), 1);
}
END_TEST

static enum err worn_write(void *ctx, uint32_t at, const uint8_t *in, size_t len)
{
	struct sim *s = ctx;

	memcpy(s->nv + at, in, len);
	s->nv[STORE_BYTES - STORE_COPY(struct slot_record) + 200] &= 0xef; /* a cell of the last copy that sticks */
	return E_OK;
}

START_TEST(a_cell_that_does_not_keep_its_word_is_found_while_the_old_record_stands)
{
	struct slot_record *draft;

	sim.port.nv_write = worn_write;
	ck_assert_int_eq(store_draft_slot(&draft, &sim.store, STORE_SLOTS - 1), E_OK);
	memset(draft->registers.key, 0xff, sizeof draft->registers.key);
	draft->slot.epoch = 1;
	ck_assert_int_eq(store_commit(&sim.store), E_STORE);
	ck_assert_uint_eq(store_epoch(&sim.store), 0);
	ck_assert_int_eq(sim_boot(&sim), E_OK);
}
END_TEST

START_TEST(a_bad_noise_source_is_noticed_and_nothing_is_born_of_it)
{
	static const uint8_t zero[SIM_NV];
	uint8_t b[RANDOM_ENTROPY];
	struct health h;

	for (int n = NOISE_FAILS; n <= NOISE_BIASED; n++) {
		sim_factory(&sim, "S1");
		sim.noise = (enum sim_noise)n;
		health_start(&h, &sim.port);
		ck_assert_int_eq(random_entropy(b, &h, &sim.port), E_RANDOM);
		ck_assert_mem_eq(b, zero, sizeof b);
		ck_assert_int_eq(sim_boot(&sim), E_RANDOM);
		ck_assert_mem_eq(sim.nv, zero, sizeof zero);
	}
}
END_TEST

START_TEST(a_good_noise_source_passes)
{
	uint8_t b[RANDOM_ENTROPY];
	struct health h;

	health_start(&h, &sim.port);
	for (int n = 0; n < 20000; n++)
		ck_assert_int_eq(random_entropy(b, &h, &sim.port), E_OK);
}
END_TEST

START_TEST(a_source_that_failed_is_not_believed_until_the_next_power_on)
{
	uint8_t b[RANDOM_ENTROPY];
	struct health h;

	health_start(&h, &sim.port);
	sim.noise = NOISE_STUCK;
	ck_assert_int_eq(random_entropy(b, &h, &sim.port), E_RANDOM);
	sim.noise = NOISE_GOOD;
	ck_assert_int_eq(random_entropy(b, &h, &sim.port), E_RANDOM);
	health_start(&h, &sim.port);
	ck_assert_int_eq(random_entropy(b, &h, &sim.port), E_OK);
}
END_TEST

/* A source that says what it is told to: the cut-offs are where random.h says. */
static struct {
	uint8_t b[2 * RANDOM_WINDOW];
	size_t at;
} script;

static enum err scripted(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	memcpy(out, script.b + script.at, len);
	script.at = (script.at + len) % sizeof script.b;
	return E_OK;
}

/* Bytes that never come twice in a row, and 0x77 not at all. */
static bool passes(size_t run_at, size_t run, size_t same)
{
	uint8_t b[RANDOM_ENTROPY];
	struct health h;

	for (size_t i = 0; i < sizeof script.b; i++) {
		script.b[i] = (uint8_t)(i * 37 + (i >> 8) * 11);
		script.b[i] = (uint8_t)(script.b[i] ^ (script.b[i] == 0x77));
	}
	memset(script.b + run_at, 0x78, run);
	for (size_t i = 0; i < same; i++)
		script.b[RANDOM_WINDOW + i * 8] = 0x77;
	script.at = 0;
	health_start(&h, &sim.port);
	return !random_entropy(b, &h, &sim.port);
}

START_TEST(the_health_tests_fail_at_their_cut_offs_and_not_before)
{
	sim.port.entropy = scripted;
	ck_assert(passes(0, 0, 0));
	for (size_t at = 0; at < RANDOM_STARTUP - RANDOM_REPEATS; at += 7) {
		/* 0x78 next to a run would lengthen it: so it is not exact to one there */
		ck_assert(passes(at, RANDOM_REPEATS - 2, 0));
		ck_assert(!passes(at, RANDOM_REPEATS, 0));
	}
	ck_assert(passes(0, 0, RANDOM_SAME - 1));
	ck_assert(!passes(0, 0, RANDOM_SAME));
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
	tcase_add_test(t, a_slot_counts_as_emptied_only_while_no_copy_holds_a_byte_of_a_key);
	tcase_add_test(t, every_power_on_is_counted);
	tcase_add_test(t, a_dropped_draft_changes_nothing);
	tcase_add_test(t, no_byte_of_a_superseded_key_is_left);
	tcase_add_test(t, no_key_stays_in_ram_between_commits);
	tcase_add_test(t, what_is_written_once_stays_and_no_counter_is_turned_back);
	tcase_add_test(t, a_changed_byte_is_tampering_and_never_a_blank_terminal);
	tcase_add_test(t, a_memory_that_is_changed_while_the_terminal_runs_is_tampering);
	tcase_add_test(t, an_erased_slot_of_a_born_terminal_is_tampering);
	tcase_add_test(t, an_unborn_mark_over_a_used_memory_is_tampering);
	tcase_add_test(t, a_copy_whose_number_or_place_was_changed_is_tampering);
	tcase_add_test(t, a_slot_of_another_terminal_is_tampering);
	tcase_add_test(t, a_memory_that_failed_takes_no_more_commits);
	tcase_add_test(t, a_cell_that_does_not_keep_its_word_is_found_while_the_old_record_stands);
	tcase_add_test(t, a_bad_noise_source_is_noticed_and_nothing_is_born_of_it);
	tcase_add_test(t, a_good_noise_source_passes);
	tcase_add_test(t, a_source_that_failed_is_not_believed_until_the_next_power_on);
	tcase_add_test(t, the_health_tests_fail_at_their_cut_offs_and_not_before);
	tcase_add_test(t, sessions_differ_even_when_the_noise_repeats);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
