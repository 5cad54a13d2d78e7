/*
 * What an entry of components leaves behind that did not become a key, in a real load room whose server runs in a process of
 * its own: nothing in the token, the journal and its memory, but the bags that were opened for it.
 */
#include "bdk/client.h"
#include "bdk/passphrase.h"
#include "bdk/people.h"
#include "bdk/rule.h"
#include "bdk/server.h"
#include "tests/lib/children.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct room_sim sim;
static struct journal *journal; /* this process's own connection to the room's journal */
static pid_t server;
static struct record request;
static struct client anna, bert;
static uint8_t hash[32];
static char dir[PATH_MAX];

static void serve(int ready)
{
	struct server *s = NULL;
	struct door door[ROLES];
	char why[ROOM_WHY];
	bool bad = room_open(&sim.load, dir, why) || doors_find(door, &sim.load.config, why) ||
		   server_open(&s, &sim.load, door, why) || write(ready, "x", 1) != 1 || server_run(s);

	server_close(s);
	if (!bad)
		room_close(&sim.load);
	_exit(bad);
}

static void setup(void)
{
	char path[PATH_MAX + 16], one;
	int ready[2];

	room_sim_make(&sim);
	snprintf(dir, sizeof dir, "%s", sim.load.dir);
	room_close(&sim.load);
	ck_assert_int_eq(pipe(ready), 0);
	server = fork();
	if (!server)
		serve(ready[1]);
	ck_assert_int_gt(server, 0);
	snprintf(sim.load.dir, sizeof sim.load.dir, "%s", dir); /* for room_sim_meddle() */
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &one, 1), 1);
	close(ready[0]);
	snprintf(path, sizeof path, "%s/journal.db", dir);
	ck_assert_int_eq(journal_open(&journal, path, ROOM_LOAD), E_OK);
	ck_assert_int_eq(client_open(&anna, dir, "people"), E_OK);
	ck_assert_int_eq(client_open(&bert, dir, "people"), E_OK);
}

/* The room is this process's again. */
static void stop(void)
{
	char why[ROOM_WHY];
	int status;

	client_close(&anna);
	client_close(&bert);
	if (server <= 0)
		return;
	ck_assert_int_eq(kill(server, SIGTERM), 0);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	server = 0;
	journal_close(journal);
	ck_assert_int_eq(room_open(&sim.load, dir, why), E_OK);
}

static void teardown(void)
{
	stop();
	room_sim_remove(&sim);
}

/* paper "": nobody said */
static void begin(const char *id, const char *scheme, unsigned n, const char *paper)
{
	uint8_t kcv[5];
	size_t len = test_hex(kcv, sizeof kcv, paper);

	record_begin(&request, OP_ENTER);
	record_put_text(&request, F_KEY_SET, id);
	record_put_text(&request, F_SCHEME, scheme);
	record_put_number(&request, F_COUNT, n);
	if (len)
		record_put(&request, F_KCV, (struct span){ kcv, len });
	ck_assert_int_eq(client_call(&anna, &request), E_OK);
	memcpy(hash, field_get(anna.fields, F_HASH).p, sizeof hash);
}

static void type(struct client *c, const char *component)
{
	struct key k = test_key(component);

	record_begin(&request, OP_COMPONENT);
	record_put(&request, F_HASH, SPAN(hash));
	record_put(&request, F_COMPONENT, (struct span){ k.b, k.len });
	ck_assert_int_eq(client_call(c, &request), E_OK);
}

static enum err give(struct client *c, const char *component, const char *bag)
{
	uint8_t kcv[5];
	struct span v;

	type(c, component);
	v = field_get(c->fields, F_KCV);
	ck_assert_uint_le(v.len, sizeof kcv);
	memcpy(kcv, v.p, v.len);
	record_begin(&request, OP_CONFIRM);
	record_put(&request, F_HASH, SPAN(hash));
	record_put(&request, F_KCV, (struct span){ kcv, v.len });
	record_put_text(&request, F_BAG, bag);
	return client_call(c, &request);
}

/* Components, their sum, and its check value */
#define SUM "AB13F4ECAB13F4EC0123456789ABCDEF"
#define ONE "5D79A1F4298C3BE64C0EF2FD1A76D093"
#define TWO "F66A5518829FCF0A4D2DB79A93DD1D7C"
#define KCV "BE9618"

static bool in_token(const char *label)
{
	uint8_t fp[FINGERPRINT];
	bool published;
	enum err e = worker_fingerprint(sim.load.worker, fp, &published, label);

	ck_assert(!e || e == E_KEY);
	return !e;
}

/* The twin is the same entry, before: nothing hinders its record then. */
START_TEST(a_key_whose_record_cannot_be_written_is_not_left_in_the_token)
{
	struct key_set s;

	begin("FFFF000001", "tdes", 2, KCV);
	ck_assert_int_eq(give(&anna, ONE, "B-1"), E_OK);
	room_sim_meddle(&sim.load, "CREATE TRIGGER no BEFORE INSERT ON audit WHEN NEW.what = 'import' "
				   "BEGIN SELECT raise(ABORT, 'full'); END");
	ck_assert_int_eq(give(&bert, TWO, "B-2"), E_JOURNAL);
	ck_assert_int_eq(journal_key_set(&s, journal, "FFFF000001"), E_KEY_SET);
	room_sim_meddle(&sim.load, "DROP TRIGGER no");
	begin("FFFF000002", "tdes", 2, KCV);
	ck_assert_int_eq(give(&anna, ONE, "B-3"), E_OK);
	ck_assert_int_eq(give(&bert, TWO, "B-4"), E_OK);
	ck_assert_int_eq(journal_key_set(&s, journal, "FFFF000002"), E_OK);
	stop();
	ck_assert(in_token("bdk-FFFF000002"));
	ck_assert(!in_token("bdk-FFFF000001"));
}
END_TEST

/* Whoever has opened a bag has seen what was in it, whatever became of the key. */
START_TEST(a_bag_that_was_opened_for_a_key_that_is_refused_is_open)
{
	static const char *const bags[] = { "B-1", "B-2", "B-3", "B-4", "B-5", "B-6" };
	struct key_set s;
	struct bag b;

	begin("FFFF000001", "tdes", 2, KCV);
	ck_assert_int_eq(give(&anna, ONE, bags[0]), E_OK);
	ck_assert_int_eq(give(&bert, TWO, bags[1]), E_OK);
	begin("FFFF000002", "tdes", 2, KCV); /* the same key once more */
	ck_assert_int_eq(give(&anna, ONE, bags[2]), E_OK);
	ck_assert_int_eq(give(&bert, TWO, bags[3]), E_EXISTS);
	begin("FFFF000003", "tdes", 2, "123456"); /* another one than on the paper */
	ck_assert_int_eq(give(&anna, ONE, bags[4]), E_OK);
	ck_assert_int_eq(give(&bert, TWO, bags[5]), E_MAC);
	ck_assert_int_eq(journal_key_set(&s, journal, "FFFF000002"), E_KEY_SET);
	ck_assert_int_eq(journal_key_set(&s, journal, "FFFF000003"), E_KEY_SET);
	for (size_t i = 0; i < sizeof bags / sizeof *bags; i++) {
		ck_assert_msg(!journal_bag(&b, journal, bags[i]), "%s is not recorded", bags[i]);
		ck_assert_int_eq(b.condition, BAG_OPENED);
	}
}
END_TEST

/* Does this process hold these bytes anywhere it can write? */
static bool process_holds(pid_t pid, const char *component)
{
	struct key k = test_key(component);
	static uint8_t page[4096 + sizeof k.b];
	char path[64], line[256];
	unsigned long from, to;
	bool found = false;
	FILE *maps;
	int mem;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	ck_assert(mem >= 0 && maps);
	while (fgets(line, sizeof line, maps)) {
		char may[8];

		/* what is that long is a sanitizer's own */
		if (sscanf(line, "%lx-%lx %7s", &from, &to, may) != 3 || may[1] != 'w' || to - from > 1ul << 30)
			continue;
		for (; from < to && !found; from += 4096) {
			ssize_t got = pread(mem, page, sizeof page, (off_t)from);

			found = got > 0 && memmem(page, (size_t)got, k.b, k.len);
		}
	}
	fclose(maps);
	close(mem);
	return found;
}

/* The server has gone once round for what happened before, and once behind it. */
static void a_round_passes(struct client *c)
{
	for (int i = 0; i < 2; i++) {
		record_begin(&request, OP_INFO);
		ck_assert_int_eq(client_call(c, &request), E_OK);
	}
}

START_TEST(what_was_typed_is_gone_with_the_entry_that_it_was_for)
{
	begin("FFFF000001", "tdes", 2, KCV);
	ck_assert_int_eq(give(&anna, ONE, "B-1"), E_OK);
	type(&bert, TWO); /* and bert does not confirm it, and stays */
	ck_assert(process_holds(server, ONE) && process_holds(server, TWO)); /* this sees them */
	client_close(&anna);
	a_round_passes(&bert);
	ck_assert(!process_holds(server, ONE));
	ck_assert(!process_holds(server, TWO));
}
END_TEST

/* The supervisor has the components until there is a key, and its worker has them and the key for that one act. */
START_TEST(a_key_that_was_entered_is_in_no_process)
{
	static const char *const needle[] = { ONE, TWO, SUM };
	pid_t worker[ROOM_WORKERS];
	unsigned workers = children(worker, ROOM_WORKERS, server, "--worker");

	ck_assert_uint_ge(workers, 1);
	begin("FFFF000001", "tdes", 2, KCV);
	ck_assert_int_eq(give(&anna, ONE, "B-1"), E_OK);
	ck_assert(process_holds(server, ONE)); /* this sees it */
	ck_assert_int_eq(give(&bert, TWO, "B-2"), E_OK);
	a_round_passes(&bert);
	for (size_t n = 0; n < sizeof needle / sizeof *needle; n++) {
		ck_assert_msg(!process_holds(server, needle[n]), "the supervisor holds %s", needle[n]);
		for (unsigned i = 0; i < workers; i++)
			ck_assert_msg(!process_holds(worker[i], needle[n]), "a worker holds %s", needle[n]);
	}
}
END_TEST

/* --- Fresh components ----------------------------------------------------------------------------------------------- */

static const uint8_t phrase[] = { "the passphrase of a custodian" };

/* This process's user is "me", a custodian among three: the room goes by its people from now on. */
static void appoint(void)
{
	static const char *const names[] = { "me", "bert", "carl" };
	struct passphrase_verifier v = { .cost = { 14, 8, 1 } };
	struct wr w;

	ck_assert_int_eq(passphrase_derive(v.check, &v.cost, v.salt, (struct span){ phrase, sizeof phrase - 1 }), E_OK);
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
		struct person p = { .uid = (uint32_t)getuid() + i, .roles = PERSON_CUSTODIAN };

		snprintf(p.name, sizeof p.name, "%s", names[i]);
		ck_assert_int_eq(journal_person_add(journal, &p), E_OK);
		ck_assert_int_eq(journal_person(&p, journal, names[i], 0), E_OK);
		wr_init(&w, p.verifier, sizeof p.verifier);
		passphrase_verifier_put(&w, &v);
		p.passphrase = true;
		ck_assert_int_eq(journal_person_set(journal, &p), E_OK);
	}
}

static enum err mailer(const char *of, unsigned part, const char *bag)
{
	record_begin(&request, OP_MAILER);
	record_put_text(&request, F_SCHEME, "tdes");
	record_put_text(&request, F_KEY_SET, of);
	record_put_number(&request, F_PART, part);
	record_put_number(&request, F_PARTS, 2);
	record_put_text(&request, F_BAG, bag);
	return client_call(&anna, &request);
}

/* Whoever was given all the components of a key would have the key, alone. */
START_TEST(nobody_is_given_two_components_of_one_key)
{
	/* a room without people: one login may have all */
	ck_assert_int_eq(mailer("FFFF000009", 1, "M-1"), E_OK);
	ck_assert_int_eq(mailer("FFFF000009", 2, "M-2"), E_OK);
	appoint();
	record_begin(&request, OP_LOGIN);
	record_put(&request, F_PASSPHRASE, (struct span){ phrase, sizeof phrase - 1 });
	ck_assert_int_eq(client_call(&anna, &request), E_OK);
	ck_assert_int_eq(mailer("FFFF00000A", 1, "M-3"), E_OK);
	ck_assert_int_eq(mailer("FFFF00000A", 2, "M-4"), E_DENIED);
	ck_assert_ptr_nonnull(strstr(anna.why, "another person's"));
	ck_assert_int_eq(mailer("ffff00000a", 2, "M-4"), E_DENIED); /* the same key */
	ck_assert_int_eq(mailer("FFFF00000A", 0, "M-4"), E_FORMAT);
	ck_assert_int_eq(mailer("FFFF00000A ", 2, "M-4"), E_FORMAT);
	/* the same part once more, where the first was spoiled, and a part of another key */
	ck_assert_int_eq(mailer("FFFF00000A", 1, "M-4"), E_OK);
	ck_assert_int_eq(mailer("FFFF00000B", 2, "M-5"), E_OK);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("entry");
	TCase *t = tcase_create("entry");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, a_key_whose_record_cannot_be_written_is_not_left_in_the_token);
	tcase_add_test(t, a_bag_that_was_opened_for_a_key_that_is_refused_is_open);
	tcase_add_test(t, what_was_typed_is_gone_with_the_entry_that_it_was_for);
	tcase_add_test(t, a_key_that_was_entered_is_in_no_process);
	tcase_add_test(t, nobody_is_given_two_components_of_one_key);
	return s;
}

int main(void)
{
	return test_main(suite());
}
