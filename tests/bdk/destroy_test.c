/*
 * The end of a key set: tokens that only say that they have destroyed it, workers that still know it, and bdkd killed at each step
 * between the decision and its proof. ops_state.c is compiled into this program, with deaths in it.
 */
#include "bdk/destroy.h"
#include "bdk/room.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the process dies: before or after the commit of the decision, before or after the token, before or after the last commit. */
enum death { LIVES, UNDECIDED, DECIDED, TOKEN_DONE, UNPROVED, PROVED };
static enum death death;

static void die_at(enum death at)
{
	if (death == at)
		raise(SIGKILL);
}

static enum err twin_commit(struct journal *j)
{
	enum err e;

	die_at(UNDECIDED);
	e = journal_commit(j);
	die_at(DECIDED);
	return e;
}

static enum err twin_destroy_token(struct room *r, const struct key_set_id *set)
{
	enum err e = destroy_token(r, set);

	die_at(TOKEN_DONE);
	return e;
}

#define journal_commit twin_commit
#define destroy_token twin_destroy_token
#include "bdk/ops_state.c"
#undef journal_commit
#undef destroy_token

#include "base/host/file.h"
#include "bdk/token.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"
#include "tests/lib/token_folder.h"

/* --- The token ---------------------------------------------------------------------------------------------------- */

static struct token_folder folder;
static struct token t;
static CK_FUNCTION_LIST honest, twin, *list;
static const struct key_set_id set = { { 0xFF, 0xFF, 0x98, 0x76, 0x54 }, 5, DUKPT_TDES };
static const char *const labels[] = { "bdk-FFFF987654", "bdk-variant-FFFF987654" };

static void setup_token(void)
{
	struct key bdk = test_key("0123456789ABCDEFFEDCBA9876543210");
	struct kcv kcv;
	enum err e;

	token_folder_make_token(&folder);
	e = token_open(&t, &folder.at, TOKEN_FOLDER_PIN);
	ck_assert_msg(!e, "%s", t.why);
	ck_assert_int_eq(token_place_bdk(&t, &kcv, &bdk, &set, NULL), E_OK);
	list = t.f;
	honest = twin = *list;
}

static void teardown_token(void)
{
	token_close(&t);
	token_folder_remove(&folder);
}

static unsigned long found(const char *label)
{
	CK_ATTRIBUTE a = { CKA_LABEL, (void *)(uintptr_t)label, strlen(label) };
	CK_OBJECT_HANDLE h[4];
	CK_ULONG n = 9;

	ck_assert_uint_eq(honest.C_FindObjectsInit(t.session, &a, 1), CKR_OK);
	ck_assert_uint_eq(honest.C_FindObjects(t.session, h, 4, &n), CKR_OK);
	ck_assert_uint_eq(honest.C_FindObjectsFinal(t.session), CKR_OK);
	return n;
}

static enum err derive(void)
{
	struct ksn iksn;
	struct key ik;

	ck_assert_int_eq(ksn_parse(&iksn, "FFFF9876543210E00000"), E_OK);
	return token_initial_key(&t, &ik, &set, &iksn);
}

START_TEST(what_is_destroyed_is_not_found_and_derives_nothing)
{
	ck_assert_int_eq(derive(), E_OK); /* its handles are known from here on */
	ck_assert_int_eq(token_destroy_bdk(&t, &set), E_OK);
	for (int i = 0; i < 2; i++)
		ck_assert_uint_eq(found(labels[i]), 0);
	ck_assert_int_eq(derive(), E_KEY_SET);
	ck_assert_int_eq(token_destroy_bdk(&t, &set), E_OK); /* again, as after a crash */
	ck_assert_int_eq(token_destroy_bdk(&t, &(struct key_set_id){ .len = 0 }), E_SCHEME);
}
END_TEST

START_TEST(what_is_half_destroyed_is_destroyed_whole)
{
	CK_OBJECT_HANDLE h;
	CK_ATTRIBUTE a = { CKA_LABEL, (void *)(uintptr_t)labels[_i], strlen(labels[_i]) };
	CK_ULONG n = 0;

	ck_assert_uint_eq(honest.C_FindObjectsInit(t.session, &a, 1), CKR_OK);
	ck_assert_uint_eq(honest.C_FindObjects(t.session, &h, 1, &n), CKR_OK);
	ck_assert_uint_eq(honest.C_FindObjectsFinal(t.session), CKR_OK);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(honest.C_DestroyObject(t.session, h), CKR_OK);
	ck_assert_int_eq(token_destroy_bdk(&t, &set), E_OK);
	ck_assert_uint_eq(found(labels[!_i]), 0);
}
END_TEST

/* Tokens that lie. */
static bool done;

static CK_RV destroys_nothing(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE h)
{
	CK_ATTRIBUTE a;
	CK_OBJECT_CLASS class = 0;

	/* session objects go as they should: what the token keeps is the token objects */
	a = (CK_ATTRIBUTE){ CKA_CLASS, &class, sizeof class };
	if (honest.C_GetAttributeValue(session, h, &a, 1) == CKR_OK) {
		CK_BBOOL token = 0;

		a = (CK_ATTRIBUTE){ CKA_TOKEN, &token, sizeof token };
		if (honest.C_GetAttributeValue(session, h, &a, 1) == CKR_OK && !token)
			return honest.C_DestroyObject(session, h);
	}
	done = true;
	return CKR_OK;
}

static CK_RV finds_nothing_any_more(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *h, CK_ULONG most, CK_ULONG *n)
{
	CK_RV rv = honest.C_FindObjects(session, h, most, n);

	if (done)
		*n = 0;
	return rv;
}

START_TEST(a_token_that_lies_about_it_is_found_out)
{
	if (_i & 1)
		ck_assert_int_eq(derive(), E_OK);
	done = false;
	twin.C_DestroyObject = destroys_nothing;
	if (_i & 2)
		twin.C_FindObjects = finds_nothing_any_more;
	t.f = &twin;
	ck_assert_int_eq(token_destroy_bdk(&t, &set), E_TOKEN);
	t.f = list;
	ck_assert(done);
	ck_assert_str_eq(t.why, _i & 2 ? "an object that was destroyed still derives"
				       : "an object that was destroyed is found again");
	ck_assert_uint_eq(found(labels[0]), 1);
}
END_TEST

/* --- Rooms -------------------------------------------------------------------------------------------------------- */

static struct room_sim sim;
static struct key_set made;
static char id[KEY_SET_TEXT], label[KEY_LABEL], why[ROOM_WHY];

/* A key set that is no longer active, in the load room */
static void one_more(const char *name)
{
	struct key bdk;

	made = room_sim_generate(&sim, &bdk, DUKPT_TDES, name, 0, 99);
	key_set_text(id, &made.id);
	snprintf(label, sizeof label, "bdk-%s", id);
	ck_assert_int_eq(key_state_go(&sim.load, id, KEY_SET_DEACTIVATED, OP_STATE, "", why), E_OK);
}

static void setup(void)
{
	death = LIVES;
	room_sim_make(&sim);
	one_more("FFFF987654");
}

static void teardown(void)
{
	room_sim_remove(&sim);
}

/* As the server does it: the handler, and its record. */
static enum err destroy(struct room *r)
{
	static struct record asked, answer;
	static struct recover v;
	static struct peer peer = { .role = ROLE_PEOPLE,
				    .uid = 1001,
				    .who = { .row = 1, .name = "anna", .uid = 1001 } },
			   second = { .role = ROLE_PEOPLE,
				      .uid = 1002,
				      .who = { .row = 2, .name = "bert", .uid = 1002 } };
	struct ask a = { .room = r, .peer = &peer, .second = &second, .recover = &v, .answer = &answer };
	uint16_t op;
	enum err e;

	record_begin(&asked, OP_DESTROY);
	record_put_text(&asked, F_KEY_SET, id);
	record_put_text(&asked, F_REASON, "its period is over");
	record_begin(&answer, OP_DESTROY);
	ck_assert_int_eq(record_parse(&op, &a.fields, (struct span){ asked.b, asked.len }), E_OK);
	ck_assert_int_eq(journal_begin(r->journal), E_OK);
	e = op_destroy(&a);
	if (e)
		journal_rollback(r->journal);
	ck_assert_int_eq(journal_audit(r->journal, "anna uid 1001, bert uid 1002", DESTROYED_PROVED, a.object,
				       e ? err_text(e) : ""),
			 E_OK);
	if (e)
		return e;
	die_at(UNPROVED);
	ck_assert_int_eq(journal_commit(r->journal), E_OK);
	die_at(PROVED);
	return E_OK;
}

static bool has_key(struct room *r)
{
	uint8_t fp[FINGERPRINT];
	bool published;
	enum err e = worker_fingerprint(r->worker, fp, &published, label);

	ck_assert(!e || e == E_KEY);
	return !e;
}

static enum key_set_state state_in(struct room *r)
{
	struct key_set s;

	ck_assert_int_eq(journal_key_set(&s, r->journal, id), E_OK);
	return s.state;
}

/* What a room may be found as: it has the key and has decided nothing, or it has decided, and then it has the key no more and can
 * certify that. */
static bool sound(struct room *r)
{
	static struct destroyed c;
	static char text[DESTROYED_MAX];
	size_t len;

	if (state_in(r) != KEY_SET_DESTROYED)
		return has_key(r);
	return !has_key(r) && !destroy_certificate(&c, r, id, why) && !destroyed_text(text, &len, &c);
}

START_TEST(it_is_destroyed_certified_and_never_back)
{
	struct destroyed c;
	uint8_t fp[FINGERPRINT];
	uint8_t package[EXCHANGE_MAX];
	struct key_set again = { .utc = 0 };
	struct key_set_id same = made.id;
	bool published;
	size_t len;

	/* every worker of the room has it in mind */
	ck_assert_uint_ge(sim.load.config.workers, 2);
	for (unsigned i = 0; i < sim.load.config.workers; i++)
		ck_assert_int_eq(worker_fingerprint(&sim.load.worker[i], fp, &published, label), E_OK);
	ck_assert_int_eq(destroy_certificate(&c, &sim.load, id, why), E_KEY_SET_STATE);
	ck_assert_int_eq(destroy(&sim.load), E_OK);
	for (unsigned i = 0; i < sim.load.config.workers; i++)
		ck_assert_int_eq(worker_fingerprint(&sim.load.worker[i], fp, &published, label), E_KEY);
	ck_assert(sound(&sim.load));
	ck_assert_int_eq(destroy_certificate(&c, &sim.load, id, why), E_OK);
	ck_assert_str_eq(c.decided.who, "anna uid 1001, bert uid 1002");
	ck_assert_ptr_nonnull(strstr(c.decided.object, "its period is over"));
	ck_assert_int_eq(destroy(&sim.load), E_KEY_SET_STATE);
	ck_assert_int_eq(exchange_generate(package, &len, &again, &sim.load, &same, der_span(&sim.acquirer.own), why),
			 E_EXISTS);
	room_sim_reopen(&sim.load);
	ck_assert(sound(&sim.load));
}
END_TEST

/* The same key under another id, in the acquirer room that had it: its fingerprint has stayed. */
START_TEST(a_destroyed_key_does_not_come_back_under_another_id)
{
	struct room_sim_package p;
	uint8_t bytes[EXCHANGE_MAX];
	struct key_set in = { .utc = 0 };
	char from[CERT_TEXT];
	size_t len;

	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", "AB13F4ECAB13F4EC0123456789ABCDEF");
	len = room_sim_package_bytes(&sim, bytes, &p);
	ck_assert_int_eq(exchange_import(&in, from, &sim.acquirer, (struct span){ bytes, len }, why), E_OK);
	ck_assert_int_eq(key_state_go(&sim.acquirer, id, KEY_SET_COMPROMISED, OP_COMPROMISE, "", why), E_OK);
	ck_assert_int_eq(destroy(&sim.acquirer), E_OK);
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987655", "AB13F4ECAB13F4EC0123456789ABCDEF");
	len = room_sim_package_bytes(&sim, bytes, &p);
	ck_assert_int_eq(exchange_import(&in, from, &sim.acquirer, (struct span){ bytes, len }, why), E_EXISTS);
	ck_assert_ptr_nonnull(strstr(why, "FFFF987654"));
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", "AB13F4ECAB13F4EC0123456789ABCDEF");
	len = room_sim_package_bytes(&sim, bytes, &p);
	ck_assert_int_eq(exchange_import(&in, from, &sim.acquirer, (struct span){ bytes, len }, why), E_EXISTS);
}
END_TEST

/* In a process that dies there; backwards: the token first, as it must not be done. */
static void destroy_and_die(enum death at, bool backwards)
{
	char dir[sizeof sim.load.dir];
	int status;
	pid_t child;

	memcpy(dir, sim.load.dir, sizeof dir);
	mark_stop(&sim.load);
	room_close(&sim.load);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (!child) {
		if (room_open(&sim.load, dir, why))
			_exit(2);
		if (backwards && destroy_token(&sim.load, &made.id))
			_exit(3);
		if (backwards)
			raise(SIGKILL);
		death = at;
		_exit(destroy(&sim.load) ? 4 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	if (at == LIVES && !backwards)
		ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	else
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	ck_assert_int_eq(room_open(&sim.load, dir, why), E_OK);
}

START_TEST(whatever_is_cut_off_is_finished_or_was_never_decided)
{
	static const char *const names[] = { "FFFF000000", "FFFF000001", "FFFF000002", "FFFF000003", "FFFF000004", "FFFF000005" };

	for (int at = LIVES; at <= PROVED; at++) {
		one_more(names[at]);
		destroy_and_die((enum death)at, false);
		ck_assert(sound(&sim.load));
		ck_assert_int_eq(state_in(&sim.load), at == UNDECIDED ? KEY_SET_DEACTIVATED : KEY_SET_DESTROYED);
		/* and what was never decided can be */
		if (at == UNDECIDED)
			ck_assert_int_eq(destroy(&sim.load), E_OK);
		ck_assert(sound(&sim.load));
	}
}
END_TEST

START_TEST(the_token_before_the_journal_would_be_noticed)
{
	destroy_and_die(LIVES, true);
	ck_assert_int_eq(state_in(&sim.load), KEY_SET_DEACTIVATED);
	ck_assert(!sound(&sim.load));
}
END_TEST

/* A token that cannot be asked: it is used no more, not certified, and destroyed when it can. */
START_TEST(what_the_token_does_not_show_is_not_certified)
{
	struct destroyed c;
	struct destruction d;

	ck_assert_int_eq(journal_key_set_state(sim.load.journal, id, KEY_SET_DESTROYED, "decided"), E_OK);
	d = (struct destruction){ .decided = 1 };
	snprintf(d.id, sizeof d.id, "%s", id);
	ck_assert_int_eq(journal_destruction_put(sim.load.journal, &d), E_OK);
	ck_assert_int_eq(destroy_certificate(&c, &sim.load, id, why), E_KEY_SET_STATE);
	ck_assert(has_key(&sim.load));
	room_sim_reopen(&sim.load);
	ck_assert(!has_key(&sim.load));
	ck_assert_int_eq(journal_destruction(&d, sim.load.journal, id), E_OK);
	ck_assert_uint_gt(d.proved, 0);
}
END_TEST

static void shell(const char *what)
{
	char text[PATH_MAX + 128];

	snprintf(text, sizeof text, "cd %s && { %s; }", sim.load.dir, what);
	ck_assert_msg(!system(text), "%s", text);
}

/* Somebody puts a copy of the token's files back: the key is destroyed once more, which the audit says. */
START_TEST(a_copy_of_the_token_brings_no_destroyed_key_back)
{
	struct destroyed c;
	struct destruction first, again;
	struct audit a;

	shell("cp -a token copy");
	ck_assert_int_eq(destroy(&sim.load), E_OK);
	ck_assert_int_eq(journal_destruction(&first, sim.load.journal, id), E_OK);
	room_sim_reopen(&sim.load);
	ck_assert_int_eq(journal_destruction(&again, sim.load.journal, id), E_OK);
	ck_assert_uint_eq(again.proved, first.proved); /* nothing to be done */
	shell("rm -r token && mv copy token");
	room_sim_reopen(&sim.load);
	ck_assert(sound(&sim.load));
	ck_assert_int_eq(journal_destruction(&again, sim.load.journal, id), E_OK);
	ck_assert_uint_gt(again.proved, first.proved);
	ck_assert_int_eq(journal_audit_next(&a, sim.load.journal, again.proved - 1), E_OK);
	ck_assert_ptr_nonnull(strstr(a.object, "copy"));
	ck_assert_int_eq(destroy_certificate(&c, &sim.load, id, why), E_OK);
	ck_assert_uint_eq(c.proved.sequence, again.proved);
}
END_TEST

/* Is it anywhere in the journal's files? */
static bool in_journal(struct span needle)
{
	static const char *const files[] = { "journal.db", "journal.db-wal" };
	static uint8_t all[8 << 20];
	bool found = false;

	for (size_t i = 0; i < 2; i++) {
		char path[PATH_MAX + 32];
		size_t len = 0;

		snprintf(path, sizeof path, "%s/%s", sim.load.dir, files[i]);
		ck_assert_int_eq(file_read(all, &len, sizeof all, path), 0);
		found = found || (len && memmem(all, len, needle.p, needle.len));
	}
	return found;
}

/* Whoever has its KBPK, or the acquirer's token, would have the key of it again. */
START_TEST(what_it_left_in_is_wiped_with_it)
{
	uint8_t package[EXCHANGE_MAX], left[EXCHANGE_MAX];
	struct key_set later = { .utc = 0 };
	struct key_set_id new = { .scheme = DUKPT_AES128 };
	size_t len, n;

	ck_assert_int_eq(exchange_generate(package, &len, &later, &sim.load, &new, der_span(&sim.acquirer.own), why),
			 E_OK);
	/* the wrapped key: the maker's certificate before it is nobody's secret */
	ck_assert(in_journal((struct span){ package + len - 128, 64 }));
	key_set_text(id, &later.id);
	ck_assert_int_eq(key_state_go(&sim.load, id, KEY_SET_COMPROMISED, OP_COMPROMISE, "", why), E_OK);
	ck_assert_int_eq(destroy(&sim.load), E_OK);
	/* that there was one stays */
	ck_assert_int_eq(journal_package(left, &n, sizeof left, sim.load.journal, id), E_OK);
	ck_assert_uint_eq(n, len);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(left[i], 0);
	for (size_t at = len - 128; at + 16 <= len; at += 16)
		ck_assert(!in_journal((struct span){ package + at, 16 }));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("destroy");
	TCase *token = tcase_create("token"), *rooms = tcase_create("rooms");

	suite_add_tcase(s, token);
	tcase_set_timeout(token, 60);
	tcase_add_checked_fixture(token, setup_token, teardown_token);
	tcase_add_test(token, what_is_destroyed_is_not_found_and_derives_nothing);
	tcase_add_loop_test(token, what_is_half_destroyed_is_destroyed_whole, 0, 2);
	tcase_add_loop_test(token, a_token_that_lies_about_it_is_found_out, 0, 4);
	suite_add_tcase(s, rooms);
	tcase_set_timeout(rooms, 120);
	tcase_add_checked_fixture(rooms, setup, teardown);
	tcase_add_test(rooms, it_is_destroyed_certified_and_never_back);
	tcase_add_test(rooms, a_destroyed_key_does_not_come_back_under_another_id);
	tcase_add_test(rooms, whatever_is_cut_off_is_finished_or_was_never_decided);
	tcase_add_test(rooms, the_token_before_the_journal_would_be_noticed);
	tcase_add_test(rooms, what_the_token_does_not_show_is_not_certified);
	tcase_add_test(rooms, a_copy_of_the_token_brings_no_destroyed_key_back);
	tcase_add_test(rooms, what_it_left_in_is_wiped_with_it);
	return s;
}

int main(void)
{
	return test_main(suite());
}
