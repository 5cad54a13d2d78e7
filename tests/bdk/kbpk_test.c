/*
 * KBPKs of rooms, and key sets under them: both rooms have the same key afterwards; what the wrong KBPK, mode, state, strength,
 * room or name would do is not done, and leaves nothing behind.
 */
#include "bdk/clear_key.h"
#include "bdk/kbpk.h"
#include "tests/lib/outsider.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <string.h>

static struct room_sim sim;
static char why[KBPK_WHY];

static void setup(void)
{
	room_sim_make(&sim);
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

static const char strong[] = "5D0B3F1C8A7799E264C1F00D1B2A39485766758493A2B1C0DFEE0D1C2B3A4958",
		  weak[] = "5D0B3F1C8A7799E264C1F00D1B2A3948", tdes[] = "8C7A1F1C8A7799E264C1F00D1B2A3949";

/* A KBPK of this value in a room, as two custodians enter it */
static struct key enter(struct room *r, const char *name, enum dukpt_key_type type, const char *value, char mode)
{
	struct key whole = test_key(value), part[2] = { whole, whole };
	struct kbpk k = { .id.type = type, .mode = mode, .exportability = 'N' };
	struct worker *w;
	enum err e;

	memset(part[0].b, 0x3C, whole.len);
	for (unsigned i = 0; i < whole.len; i++)
		part[1].b[i] ^= 0x3C;
	snprintf(k.id.name, sizeof k.id.name, "%s", name);
	ck_assert_int_eq(room_worker(&w, r), E_OK);
	e = worker_enter_kbpk(w, &k.kcv, part, 2, &k.id, &(struct kcv){ .len = 0 });
	ck_assert_int_eq(e, E_OK);
	ck_assert_int_eq(worker_enter_kbpk(w, &k.kcv, part, 2, &k.id, &k.kcv), E_OK);
	e = kbpk_keep(&k, r, why);
	ck_assert_msg(!e, "%s: %s", name, why);
	if (kbpk_tdes(type))
		clear_key_parity(&whole);
	return whole;
}

static struct span text_of(const struct kbpk_block *b)
{
	return (struct span){ (const uint8_t *)b->text, b->len };
}

static enum err generate(struct kbpk_block *b, struct key_set *made, enum dukpt_scheme scheme, const char *under)
{
	struct key_set_id id = { .scheme = scheme };

	made->period = (struct period){ 0, 0 };
	return kbpk_generate_key_set(b, made, &sim.load, &id, under, 'S', why);
}

/* A block as a partner makes it: header is version, usage, algorithm, mode, exportability */
static void partner(struct kbpk_block *b, const char *header, const char *version, const struct key *key,
		    const struct key *kbpk, const char *bi)
{
	const struct keyblock_header h = { header[0],   { header[1], header[2] },   header[3],
					   header[4],   { version[0], version[1] }, header[5],
					   { '0', '0' } };
	const struct keyblock_option o = { { bi && bi[0] == 'K' ? 'K' : 'B', bi && bi[0] == 'K' ? 'S' : 'I' },
					   { (const uint8_t *)(bi ? bi + 2 : ""), bi ? strlen(bi) - 2 : 0 } };
	static const uint8_t random[KEYBLOCK_RANDOM] = { 3 };

	ck_assert_int_eq(keyblock_write(b->text, sizeof b->text, &b->len, &h, &o, bi ? 1 : 0, kbpk,
					(struct span){ key->b, key->len }, random, KEYBLOCK_ANY),
			 E_OK);
}

/* Nothing came into a room: neither its journal nor its token has grown. */
static void refused(enum err got, enum err expected, const char *say, struct room *r, const char *id)
{
	struct key_set s;
	struct block_use use;
	char label[KEY_LABEL];

	ck_assert_msg(got == expected, "%s, not %s: %s", err_name(got), err_name(expected), why);
	ck_assert_msg(strstr(why, say), "\"%s\" is not in \"%s\"", say, why);
	ck_assert_int_eq(journal_key_set(&s, r->journal, id), E_KEY_SET);
	snprintf(label, sizeof label, "bdk-%s", id);
	ck_assert_int_eq(journal_block_of(&use, r->journal, label), E_SHORT);
}

START_TEST(what_a_load_room_writes_an_acquirer_room_takes)
{
	static const struct {
		enum dukpt_scheme scheme;
		const char *under;
	} rows[] = { { DUKPT_TDES, "old" }, { DUKPT_TDES, "zmk" }, { DUKPT_AES128, "zmk" }, { DUKPT_AES256, "zmk" } };
	struct key kbpk[2] = { enter(&sim.load, "old", DUKPT_KEY_2TDEA, tdes, 'B'),
			       enter(&sim.load, "zmk", DUKPT_KEY_AES256, strong, 'B') };
	uint8_t package[BLOCK_MAX];
	char text[KEY_SET_TEXT], label[KEY_LABEL];
	struct key_set made = { .kcv.len = 0 }, taken = made;
	struct kbpk_block b;
	struct block_use use;
	struct key bdk, ik;
	struct ksn iksn;
	struct kbpk k;
	size_t len;

	enter(&sim.acquirer, "old", DUKPT_KEY_2TDEA, tdes, 'D');
	enter(&sim.acquirer, "zmk", DUKPT_KEY_AES256, strong, 'D');
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ck_assert_int_eq(generate(&b, &made, rows[i].scheme, rows[i].under), E_OK);
		ck_assert(outsider_open(&bdk, b.text, b.len, &kbpk[*rows[i].under == 'z']));
		key_set_text(text, &made.id);
		/* kept, to be given out once more */
		ck_assert_int_eq(journal_package(package, &len, sizeof package, sim.load.journal, text), E_OK);
		ck_assert_uint_eq(len, b.len);
		ck_assert_mem_eq(package, b.text, len);
		ck_assert_int_eq(kbpk_import_key_set(&taken, &sim.acquirer, NULL, rows[i].under, text_of(&b), why),
				 E_OK);
		ck_assert_mem_eq(&taken.id, &made.id, sizeof made.id);
		ck_assert_mem_eq(taken.kcv.b, made.kcv.b, taken.kcv.len);
		ck_assert_int_eq(ksn_make(&iksn, made.id.scheme, made.id.b, 9), E_OK);
		ck_assert_int_eq(worker_initial_key(sim.acquirer.worker, &ik, &taken.id, &iksn), E_OK);
		ck_assert_uint_eq(ik.len, bdk.len);
		snprintf(label, sizeof label, "bdk-%s", text);
		ck_assert_int_eq(journal_block_of(&use, sim.acquirer.journal, label), E_OK);
		ck_assert(!use.outward && use.exportability == 'S');
		ck_assert_str_eq(use.kbpk, rows[i].under);
		ck_assert_int_eq(kbpk_import_key_set(&taken, &sim.acquirer, NULL, rows[i].under, text_of(&b), why),
				 E_EXISTS);
		/* what was taken is given on to nobody */
		ck_assert_int_eq(journal_package(package, &len, sizeof package, sim.acquirer.journal, text), E_KEY_SET);
	}
	ck_assert_int_eq(journal_kbpk(&k, sim.acquirer.journal, "zmk"), E_OK);
	ck_assert_uint_eq(k.below, 3);
}
END_TEST

START_TEST(a_kbpk_does_what_its_mode_state_and_strength_permit)
{
	static const struct kbpk_id id = { "next", DUKPT_KEY_AES128 };
	static const struct key_set_id other = { { 1, 2, 3, 4 }, 4, DUKPT_AES128 };
	struct kbpk_block b, kept;
	struct key_set made;
	struct kbpk k;
	char text[KEY_SET_TEXT];

	enter(&sim.load, "unwraps", DUKPT_KEY_AES256, strong, 'D');
	enter(&sim.load, "wraps", DUKPT_KEY_AES128, weak, 'E');
	enter(&sim.load, "tdes", DUKPT_KEY_2TDEA, tdes, 'B');
	refused(generate(&b, &made, DUKPT_TDES, "unwraps"), E_KBPK, "may only unwrap", &sim.load, "none");
	refused(generate(&b, &made, DUKPT_TDES, "nobody"), E_KBPK, "no KBPK of that name", &sim.load, "none");
	refused(generate(&b, &made, DUKPT_AES128, "tdes"), E_STRENGTH, "2TDEA", &sim.load, "none");
	refused(generate(&b, &made, DUKPT_AES256, "wraps"), E_STRENGTH, "AES128", &sim.load, "none");
	ck_assert_int_eq(kbpk_generate(&k, &b, &sim.load, &id, "unwraps", 'N', why), E_KBPK);
	ck_assert_int_eq(kbpk_generate(&k, &b, &sim.load, &id, "tdes", 'N', why), E_STRENGTH);
	ck_assert_int_eq(kbpk_generate(&k, &b, &sim.load, &id, "wraps", 'X', why), E_FORMAT);
	ck_assert_int_eq(
		kbpk_generate(&k, &b, &sim.load, &(struct kbpk_id){ "Next", DUKPT_KEY_AES128 }, NULL, 'N', why), E_KEY);
	ck_assert_int_eq(
		kbpk_generate(&k, &b, &sim.load, &(struct kbpk_id){ "next", DUKPT_KEY_HMAC128 }, NULL, 'N', why),
		E_KEY);
	ck_assert_int_eq(journal_kbpk(&k, sim.load.journal, "next"), E_KBPK);

	ck_assert_int_eq(generate(&kept, &made, DUKPT_AES128, "wraps"), E_OK);
	key_set_text(text, &made.id);
	ck_assert_int_eq(kbpk_may_repeat(&sim.load, text, why), E_OK);
	ck_assert_int_eq(kbpk_import_key_set(&made, &sim.load, "FFFF000001", "wraps", text_of(&kept), why), E_KBPK);
	ck_assert_ptr_nonnull(strstr(why, "may only wrap"));
	/* compromised: nothing more, not even its blocks again; destroyed: likewise, and for good */
	ck_assert_int_eq(kbpk_compromise(&k, &sim.load, "wraps", "seen on a screen", why), E_OK);
	ck_assert_int_eq(k.state, KEY_SET_COMPROMISED);
	ck_assert_int_eq(kbpk_may_repeat(&sim.load, text, why), E_KBPK);
	refused(generate(&b, &made, DUKPT_AES128, "wraps"), E_KBPK, "is compromised", &sim.load, "none");
	ck_assert_int_eq(kbpk_compromise(&k, &sim.load, "wraps", "", why), E_KBPK);
	ck_assert_int_eq(kbpk_decide(&k, &sim.load, "wraps", "the ceremony is over", why), E_OK);
	ck_assert_int_eq(k.state, KEY_SET_DESTROYED);
	ck_assert_int_eq(kbpk_decide(&k, &sim.load, "wraps", "", why), E_KBPK);
	refused(generate(&b, &made, DUKPT_AES128, "wraps"), E_KBPK, "is destroyed", &sim.load, "none");
	/* the power went: the token has it until the room is opened */
	ck_assert_int_eq(worker_make_bdk_block(sim.load.worker, &k.kcv, b.text, &b.len, &other, &k.id, 'N'), E_OK);
	ck_assert_int_eq(worker_drop_bdk(sim.load.worker, &other), E_OK);
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(worker_make_bdk_block(sim.load.worker, &k.kcv, b.text, &b.len, &other, &k.id, 'N'), E_TOKEN);
	ck_assert_int_eq(kbpk_destroy(&sim.load, "wraps"), E_OK);
	/* names are given once */
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(
		kbpk_generate(&k, &b, &sim.load, &(struct kbpk_id){ "wraps", DUKPT_KEY_AES128 }, NULL, 'N', why),
		E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "given once"));
	ck_assert_int_eq(kbpk_generate(&k, &b, &sim.load, &id, NULL, 'N', why), E_OK);
	ck_assert_uint_eq(b.len, 0);
	ck_assert_int_eq(kbpk_generate(&k, &b, &sim.load, &id, NULL, 'N', why), E_EXISTS);
}
END_TEST

START_TEST(what_a_partner_writes_is_taken_or_refused_with_its_reason)
{
	static const struct {
		const char *header, *version, *bi, *id; /* bi: "BI..." or "KS..." */
		enum err e;
		const char *say;
	} rows[] = {
		{ "DB0TXN", "00", "BI00FFFF111111", NULL, E_OK, "" },
		{ "DB0TNE", "01", NULL, "FFFF222222", E_OK, "" },
		{ "DB0TXS", "00", "KS3333333333E00000", NULL, E_OK, "" }, /* without its leading Fs */
		{ "DB0TXS", "00", "KSFFFF333333000000", "FFFF333333", E_FORMAT, "of key set FFFFFFFF33" },
		{ "DB0TXS", "00", "KSFFFF3333343333E00000", "FFFF333334", E_OK, "" },
		{ "DB0TXS", "00", "KS00604B120F9292800000", NULL, E_FORMAT, "00604B120F" },
		{ "DB0TXN", "00", "BI00FFFF444444", "FFFF555555", E_FORMAT, "of key set FFFF444444" },
		{ "DB0TXN", "00", "BI0008793E2500", NULL, E_FORMAT, "08793E2500" },
		{ "DB0TXN", "00", "BI0112345678", NULL, E_FORMAT, "another algorithm" },
		{ "DB0TXN", "00", NULL, NULL, E_FORMAT, "--id" },
		{ "DB0TXN", "00", NULL, "12345678", E_FORMAT, "10 hex digits" },
		{ "DB0TXN", "c1", NULL, "FFFF666666", E_FORMAT, "component" },
		{ "DP0TEN", "00", NULL, "FFFF666666", E_SCHEME, "usage is P0" },
		{ "DB0TEN", "00", NULL, "FFFF666666", E_SCHEME, "mode of use is E" },
		{ "DB0DXN", "00", NULL, "FFFF666666", E_SCHEME, "another algorithm" },
		{ "DK1TBN", "00", NULL, "FFFF666666", E_SCHEME, "bdk kbpk import" },
		{ "DB0TXX", "00", NULL, "FFFF666666", E_FORMAT, "exportability" },
		{ "EB0TXN", "00", NULL, "FFFF666666", E_VERSION, "versions B and D" },
	};
	struct key kbpk = enter(&sim.acquirer, "zmk", DUKPT_KEY_AES256, strong, 'B'), old, bdk;
	struct kbpk_block b;
	struct key_set taken = { .kcv.len = 0 };
	struct kbpk k;

	old = enter(&sim.acquirer, "old", DUKPT_KEY_2TDEA, tdes, 'B');
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		enum err e;

		bdk = test_key("4AC3A7637268E6194AC3A7637268E600");
		bdk.b[15] = (uint8_t)(2 * i + 1);
		partner(&b, rows[i].header, rows[i].version, &bdk, &kbpk, rows[i].bi);
		e = kbpk_import_key_set(&taken, &sim.acquirer, rows[i].id, "zmk", text_of(&b), why);
		ck_assert_msg(e == rows[i].e && strstr(why, rows[i].say), "row %zu: %s, \"%s\"", i, err_name(e), why);
	}
	/* the same key under another id; a block under no KBPK that is here; one that was changed: the last two are one answer */
	bdk.b[15] = 1;
	partner(&b, "DB0TXN", "00", &bdk, &kbpk, NULL);
	refused(kbpk_import_key_set(&taken, &sim.acquirer, "FFFF777777", "zmk", text_of(&b), why), E_EXISTS,
		"FFFF111111", &sim.acquirer, "FFFF777777");
	bdk.b[15] = 0x77;
	partner(&b, "BB0TXN", "00", &bdk, &old, NULL);
	refused(kbpk_import_key_set(&taken, &sim.acquirer, "FFFF777777", "zmk", text_of(&b), why), E_MAC,
		"not under KBPK zmk, or was changed", &sim.acquirer, "FFFF777777");
	b.text[40] = b.text[40] == '0' ? '1' : '0';
	refused(kbpk_import_key_set(&taken, &sim.acquirer, "FFFF777777", "old", text_of(&b), why), E_MAC,
		"not under KBPK old, or was changed", &sim.acquirer, "FFFF777777");
	/* AES under TDES, which a partner may well write */
	partner(&b, "BB0HXN", "00", &bdk, &old, NULL);
	b.text[7] = 'A';
	refused(kbpk_import_key_set(&taken, &sim.acquirer, "77777777", "old", text_of(&b), why), E_STRENGTH, "2TDEA",
		&sim.acquirer, "77777777");
	/* a KBPK, with the mode that it has; and a BDK in its place */
	partner(&b, "DK0AND", "00", &old, &kbpk, NULL);
	ck_assert_int_eq(kbpk_import(&k, &sim.acquirer, "bad", "zmk", text_of(&b), why), E_FORMAT);
	partner(&b, "DK0ADE", "00", &(struct key){ { 1, 2, 3 }, 24 }, &kbpk, NULL);
	ck_assert_int_eq(kbpk_import(&k, &sim.acquirer, "taken", "zmk", text_of(&b), why), E_OK);
	ck_assert(k.mode == 'D' && k.exportability == 'E' && k.id.type == DUKPT_KEY_AES192);
	ck_assert_int_eq(kbpk_import(&k, &sim.acquirer, "taken", "zmk", text_of(&b), why), E_EXISTS);
	ck_assert_int_eq(kbpk_import(&k, &sim.acquirer, "again", "zmk", text_of(&b), why), E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "taken"));
	partner(&b, "DB0TXN", "00", &bdk, &kbpk, NULL);
	ck_assert_int_eq(kbpk_import(&k, &sim.acquirer, "again", "zmk", text_of(&b), why), E_SCHEME);
	ck_assert_int_eq(journal_kbpk(&k, sim.acquirer.journal, "again"), E_KBPK);
}
END_TEST

/* As if these were production rooms: rules alone, not their custody */
START_TEST(a_production_room_takes_no_key_that_is_too_strong_for_its_suite_or_known_to_all)
{
	struct key kbpk = enter(&sim.acquirer, "zmk", DUKPT_KEY_AES256, strong, 'B'), bdk = test_key(strong);
	struct key printed = test_key("0123456789ABCDEFFEDCBA9876543210");
	struct kbpk_block b;
	struct key_set taken = { .kcv.len = 0 }, made = taken;

	enter(&sim.load, "zmk", DUKPT_KEY_AES256, strong, 'B');
	sim.acquirer.config.test = sim.load.config.test = false;
	bdk.b[0] ^= 1;
	for (uint8_t len = 24; len <= 32; len = (uint8_t)(len + 8)) {
		bdk.len = len;
		partner(&b, "DB0AXN", "00", &bdk, &kbpk, NULL);
		refused(kbpk_import_key_set(&taken, &sim.acquirer, "12345678", "zmk", text_of(&b), why), E_STRENGTH,
			"test rooms", &sim.acquirer, "12345678");
		ck_assert_int_eq(generate(&b, &made, len == 24 ? DUKPT_AES192 : DUKPT_AES256, "zmk"), E_STRENGTH);
	}
	partner(&b, "DB0TXN", "00", &printed, &kbpk, NULL);
	refused(kbpk_import_key_set(&taken, &sim.acquirer, "FFFF777777", "zmk", text_of(&b), why), E_PUBLISHED,
		"everybody knows", &sim.acquirer, "FFFF777777");
	/* and what was refused left no object: the same block is taken once the room is one for tests */
	sim.acquirer.config.test = true;
	ck_assert_int_eq(kbpk_import_key_set(&taken, &sim.acquirer, "FFFF777777", "zmk", text_of(&b), why), E_OK);
}
END_TEST

/* What was cut off between token and journal can be done again; and what cannot be written down is not there. */
START_TEST(an_import_that_was_cut_off_is_possible_again)
{
	struct key kbpk = enter(&sim.load, "zmk", DUKPT_KEY_AES128, weak, 'B'),
		   bdk = test_key("4AC3A7637268E6194AC3A7637268E680");
	struct key_set_id id = { { 0xFF, 0xFF, 1, 2, 3 }, 5, DUKPT_TDES };
	struct kbpk_block b;
	struct key_set taken = { .kcv.len = 0 };
	struct kbpk k;
	struct kbpk_id kid = { "next", DUKPT_KEY_AES128 };
	struct kcv kcv;

	partner(&b, "DB0TXN", "00", &bdk, &kbpk, "BI00FFFF010203");
	ck_assert_int_eq(worker_take_bdk_block(sim.load.worker, &kcv, &id, 16, text_of(&b),
					       &(struct kbpk_id){ "zmk", DUKPT_KEY_AES128 }),
			 E_OK);
	ck_assert_int_eq(kbpk_import_key_set(&taken, &sim.load, NULL, "zmk", text_of(&b), why), E_OK);
	partner(&b, "DK1ABN", "00", &(struct key){ { 1, 2, 3 }, 16 }, &kbpk, NULL);
	ck_assert_int_eq(worker_take_kbpk_block(sim.load.worker, &kcv, &kid, text_of(&b),
						&(struct kbpk_id){ "zmk", DUKPT_KEY_AES128 }),
			 E_OK);
	ck_assert_int_eq(kbpk_import(&k, &sim.load, "next", "zmk", text_of(&b), why), E_OK);
	/* a made one is not: nobody has it, and it may be a restored journal that has forgotten it */
	ck_assert_int_eq(worker_make_kbpk(sim.load.worker, &kcv, b.text, &b.len,
					  &(struct kbpk_id){ "lost", DUKPT_KEY_AES128 }, NULL, 'N'),
			 E_OK);
	ck_assert_int_eq(
		kbpk_generate(&k, &b, &sim.load, &(struct kbpk_id){ "lost", DUKPT_KEY_AES128 }, NULL, 'N', why),
		E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "does not know"));

	room_sim_meddle(&sim.load, "CREATE TRIGGER no BEFORE INSERT ON block BEGIN SELECT raise(ABORT, 'full'); END");
	bdk.b[15] ^= 0x10;
	partner(&b, "DB0TXN", "00", &bdk, &kbpk, "BI00FFFF040506");
	ck_assert_int_eq(kbpk_import_key_set(&taken, &sim.load, NULL, "zmk", text_of(&b), why), E_JOURNAL);
	ck_assert_int_eq(journal_key_set(&taken, sim.load.journal, "FFFF040506"), E_KEY_SET);
	ck_assert_int_eq(
		kbpk_generate(&k, &b, &sim.load, &(struct kbpk_id){ "never", DUKPT_KEY_AES128 }, "zmk", 'N', why),
		E_JOURNAL);
	ck_assert_int_eq(journal_kbpk(&k, sim.load.journal, "never"), E_KBPK);
	/* neither is in the token: the worker makes them as if they had never been */
	id.b[2] = 4;
	id.b[3] = 5;
	id.b[4] = 6;
	ck_assert_int_eq(worker_make_bdk_block(sim.load.worker, &kcv, b.text, &b.len, &id,
					       &(struct kbpk_id){ "zmk", DUKPT_KEY_AES128 }, 'N'),
			 E_OK);
	ck_assert_int_eq(worker_make_kbpk(sim.load.worker, &kcv, b.text, &b.len,
					  &(struct kbpk_id){ "never", DUKPT_KEY_AES128 }, NULL, 'N'),
			 E_OK);
}
END_TEST

/* What one worker has dropped, others may have looked at: none of them goes by the handle that it had. */
START_TEST(what_one_worker_drops_is_gone_for_the_other)
{
	const struct kbpk_id id = { "gone", DUKPT_KEY_AES128 };
	const struct key_set_id set = { { 0xFF, 0xFF, 1, 2, 3 }, 5, DUKPT_TDES };
	const struct key part[2] = { test_key(tdes), test_key("4AC3A7637268E6194AC3A7637268E680") };
	const struct kcv none = { .len = 0 };
	uint8_t fp[FINGERPRINT], again[FINGERPRINT];
	struct worker *one, *other;
	struct kcv kcv, total;
	struct kbpk_block b;
	bool published;

	ck_assert_int_eq(room_worker_at(&one, &sim.load, 0), E_OK);
	ck_assert_int_eq(room_worker_at(&other, &sim.load, 1), E_OK);
	ck_assert_int_eq(worker_make_kbpk(one, &kcv, b.text, &b.len, &id, NULL, 'N'), E_OK);
	ck_assert_int_eq(worker_fingerprint(other, fp, &published, "kbpk-gone"), E_OK);
	ck_assert_int_eq(worker_drop_kbpk(one, id.name), E_OK);
	ck_assert_int_eq(worker_make_kbpk(other, &kcv, b.text, &b.len, &id, NULL, 'N'), E_OK);
	ck_assert_int_eq(worker_fingerprint(one, fp, &published, "kbpk-gone"), E_OK);
	ck_assert_int_eq(worker_drop_kbpk(other, id.name), E_OK);
	ck_assert_int_eq(worker_make_kbpk(other, &kcv, b.text, &b.len, &id, NULL, 'N'), E_OK);
	ck_assert_int_eq(worker_fingerprint(one, again, &published, "kbpk-gone"), E_OK);
	ck_assert_mem_ne(fp, again, sizeof fp);
	ck_assert_int_eq(worker_enter_bdk(one, &total, part, 2, &set, &none), E_OK);
	ck_assert_int_eq(worker_enter_bdk(one, &kcv, part, 2, &set, &total), E_OK);
	ck_assert_int_eq(worker_fingerprint(other, fp, &published, "bdk-FFFF010203"), E_OK);
	ck_assert_int_eq(worker_drop_bdk(one, &set), E_OK);
	ck_assert_int_eq(worker_drop_bdk(other, &set), E_OK);
	ck_assert_int_eq(worker_enter_bdk(other, &kcv, part, 2, &set, &total), E_OK);
}
END_TEST

/* Before everybody has agreed to a check value the token is only asked for it: what the journal does not know stays there. */
START_TEST(a_check_value_alone_changes_nothing_in_the_token)
{
	const struct key part[2] = { test_key(tdes), test_key("4AC3A7637268E6194AC3A7637268E680") };
	const struct kcv none = { .len = 0 };
	const struct kbpk_id id = { "lost", DUKPT_KEY_2TDEA };
	struct key_set_id set = { { 0xFF, 0xFF, 1, 2, 3 }, 5, DUKPT_TDES };
	struct key_set asked;
	struct kbpk kbpk;
	uint8_t fp[2][FINGERPRINT], again[FINGERPRINT];
	struct kbpk_block b;
	struct kcv kcv, total;
	bool published;

	ck_assert_int_eq(worker_make_kbpk(sim.load.worker, &kcv, b.text, &b.len, &id, NULL, 'N'), E_OK);
	ck_assert_int_eq(worker_enter_bdk(sim.load.worker, &total, part, 2, &set, &none), E_OK);
	ck_assert_int_eq(worker_enter_bdk(sim.load.worker, &kcv, part, 2, &set, &total), E_OK);
	ck_assert_int_eq(worker_fingerprint(sim.load.worker, fp[0], &published, "kbpk-lost"), E_OK);
	ck_assert_int_eq(worker_fingerprint(sim.load.worker, fp[1], &published, "bdk-FFFF010203"), E_OK);
	ck_assert_int_eq(exchange_enter(&asked, &sim.load, &set, part, 2, &none, why), E_OK);
	ck_assert_int_eq(kbpk_enter(&kbpk, &sim.load, &id, part, 2, &none, why), E_OK);
	ck_assert_mem_eq(asked.kcv.b, total.b, total.len);
	ck_assert_int_eq(worker_fingerprint(sim.load.worker, again, &published, "kbpk-lost"), E_OK);
	ck_assert_mem_eq(fp[0], again, sizeof again);
	ck_assert_int_eq(worker_fingerprint(sim.load.worker, again, &published, "bdk-FFFF010203"), E_OK);
	ck_assert_mem_eq(fp[1], again, sizeof again);
}
END_TEST

/* Without a revocation list in force nothing comes in or goes out, as by packages. */
START_TEST(without_a_list_in_force_no_key_set_moves)
{
	struct key kbpk = enter(&sim.load, "zmk", DUKPT_KEY_AES128, weak, 'B'),
		   bdk = test_key("4AC3A7637268E6194AC3A7637268E680");
	struct kbpk_block b;
	struct key_set s = { .kcv.len = 0 };

	partner(&b, "DB0TXN", "00", &bdk, &kbpk, "BI00FFFF010203");
	room_sim_crl(&sim, &sim.load, (struct span){ NULL, 0 }, room_utc() - 40 * 86400, 30);
	refused(kbpk_import_key_set(&s, &sim.load, NULL, "zmk", text_of(&b), why), E_EXPIRED, "", &sim.load,
		"FFFF010203");
	refused(generate(&b, &s, DUKPT_TDES, "zmk"), E_EXPIRED, "", &sim.load, "FFFF010203");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kbpk");
	TCase *t = tcase_create("kbpk");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, what_a_load_room_writes_an_acquirer_room_takes);
	tcase_add_test(t, a_kbpk_does_what_its_mode_state_and_strength_permit);
	tcase_add_test(t, what_a_partner_writes_is_taken_or_refused_with_its_reason);
	tcase_add_test(t, a_production_room_takes_no_key_that_is_too_strong_for_its_suite_or_known_to_all);
	tcase_add_test(t, an_import_that_was_cut_off_is_possible_again);
	tcase_add_test(t, what_one_worker_drops_is_gone_for_the_other);
	tcase_add_test(t, a_check_value_alone_changes_nothing_in_the_token);
	tcase_add_test(t, without_a_list_in_force_no_key_set_moves);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
