/*
 * Several workers: while one makes a KEY the room serves others; KEYs reach whom they are for; a worker that hangs or
 * dies costs one answer. The server runs in a process of its own on a real room; a slow token is a worker that is
 * stopped.
 *
 * Broken twins: a server that answers what a dead worker leaves open with the last KEY it has, one that sends each KEY
 * twice, and one that goes on although the journal's commit has failed.
 */
#include "base/bytes.h"
#include "bdk/ops.h"

#include <string.h>
#include <sys/socket.h>

static bool stale, twice, deaf; /* switches of the twins */
static unsigned head_seconds;	 /* of room.conf's interval of heads; 0: as room.conf says */
static unsigned *commits;	/* of groups, for all processes to see */

static enum err twin_op_key(struct ask *a, enum err made, struct span key)
{
	static uint8_t last[MSG_MAX];
	static size_t len;
	enum err e = op_key(a, made, key);

	if (!e) {
		memcpy(last, key.p, key.len);
		len = key.len;
	} else if (stale && made == E_TOKEN && len) {
		record_put(a->answer, F_MESSAGE, (struct span){ last, len });
		e = E_OK;
	}
	return e;
}

static ssize_t twin_send(int fd, const void *p, size_t len, int flags)
{
	ssize_t n = send(fd, p, len, flags);

	return twice && get_be16(p) == OP_OFFER ? send(fd, p, len, flags) : n;
}

static enum err twin_group_commit(struct journal *j)
{
	enum err e = journal_group_commit(j);

	__atomic_add_fetch(commits, 1, __ATOMIC_RELAXED);
	return deaf ? E_OK : e;
}

#define journal_group_commit twin_group_commit
#define op_key twin_op_key
#define send twin_send
#include "bdk/server.c"
#undef send
#undef op_key
#undef journal_group_commit

#include "bdk/client.h"
#include "tests/lib/children.h"
#include "tests/lib/krd_sim.h"
#include "tests/lib/test.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SET "12345678"

enum { STATIONS = 4, WORKERS = 2, PATIENCE_MS = 10000 };

static struct room_sim sim;
static struct krd_sim terminal[STATIONS];
static struct client station[STATIONS], people;
static struct record request;
static struct key bdk;
static pid_t server, worker[ROOM_WORKERS];

/* --- The server --------------------------------------------------------------------------------------------------- */

/* A block of device ids is claimed before anybody asks: a claim is written by a worker, and here these are stopped. */
static bool claim(struct room *r)
{
	char why[MARK_WHY];
	struct lease l;

	return !journal_lease_next(&l, r->journal, 0) && !mark_permits(r, &l.set, (uint32_t)l.next, l.last) &&
	       !mark_claim(r, why);
}

static void serve_until_told(int ready)
{
	static struct room room;
	struct server *s = NULL;
	struct door door[ROLES];
	char why[ROOM_WHY];
	bool bad = room_open(&room, sim.load.dir, why) || !claim(&room) || doors_find(door, &room.config, why);

	if (head_seconds)
		room.config.head_seconds = head_seconds;
	bad = bad ||
		   server_open(&s, &room, door, why) || write(ready, "x", 1) != 1 ||
		   server_run(s);

	server_close(s);
	mark_stop(&room);
	room_close(&room);
	_exit(bad);
}

static unsigned look_at_workers(pid_t pid[static ROOM_WORKERS])
{
	return children(pid, ROOM_WORKERS, server, "--worker");
}

static void start_server(void)
{
	int ready[2];
	char x;

	ck_assert_int_eq(pipe(ready), 0);
	server = fork();
	if (!server)
		serve_until_told(ready[1]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &x, 1), 1);
	close(ready[0]);
	ck_assert_uint_eq(look_at_workers(worker), WORKERS);
}

static void stop_server(void)
{
	int status;

	ck_assert_int_eq(kill(server, SIGTERM), 0);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void setup(void)
{
	struct room kept;

	commits = mmap(NULL, sizeof *commits, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(commits, MAP_FAILED);
	room_sim_make(&sim);
	room_sim_generate(&sim, &bdk, DUKPT_AES128, SET, 0, 99);
	for (unsigned i = 0; i < STATIONS; i++) {
		char serial[8];

		snprintf(serial, sizeof serial, "TC%u", i);
		krd_sim_enrolled(&terminal[i], &sim, serial);
	}
	/* What the terminals hold KEY against stays here. */
	kept = sim.load;
	room_close(&sim.load);
	memcpy(sim.load.dir, kept.dir, sizeof kept.dir);
	memcpy(sim.load.environment, kept.environment, sizeof kept.environment);
	sim.load.own = kept.own;
	start_server();
	ck_assert_int_eq(client_open(&people, sim.load.dir, "people"), E_OK);
}

static void teardown(void)
{
	if (server)
		kill(server, SIGKILL);
	room_sim_remove(&sim);
}

static void slow(unsigned which)
{
	ck_assert_int_eq(kill(worker[which], SIGSTOP), 0);
}

static void fast_again(unsigned which)
{
	ck_assert_int_eq(kill(worker[which], SIGCONT), 0);
}

static void settled(void)
{
	/* What was sent before is served in the round of the second at the latest. */
	for (int i = 0; i < 2; i++) {
		record_begin(&request, OP_INFO);
		ck_assert_int_eq(client_call(&people, &request), E_OK);
	}
}

/* --- A loading ---------------------------------------------------------------------------------------------------- */

static void greet(unsigned i)
{
	struct client *c = &station[i];
	enum err e;

	ck_assert_int_eq(client_open(c, sim.load.dir, "station"), E_OK);
	record_begin(&request, OP_SESSION);
	record_put_text(&request, F_KEY_SET, SET);
	record_put_number(&request, F_SLOT, 0);
	record_put_text(&request, F_SERIAL, terminal[i].serial);
	ck_assert_int_eq(client_call(c, &request), E_OK);
	record_begin(&request, OP_BEGIN);
	record_put_text(&request, F_SERIAL, terminal[i].serial);
	while ((e = client_call(c, &request)) == E_PARSER)
		; /* it was killed meanwhile */
	ck_assert_int_eq(e, E_OK);
	krd_sim_hello(&terminal[i], &sim, field_get(c->fields, F_MESSAGE));
}

/* The OFFER goes without waiting for what becomes of it. */
static void send_offer(unsigned i)
{
	uint8_t message[MSG_MAX];
	size_t len = krd_sim_offer(&terminal[i], message);

	record_begin(&request, OP_OFFER);
	record_put(&request, F_MESSAGE, (struct span){ message, len });
	ck_assert_int_eq(send(station[i].fd, request.b, request.len, 0), (ssize_t)request.len);
}

static void offer(unsigned i)
{
	greet(i);
	send_offer(i);
}

static bool answered(unsigned i, int limit_ms)
{
	struct pollfd fd = { station[i].fd, POLLIN, 0 };

	return poll(&fd, 1, limit_ms) == 1;
}

/* What came of an OFFER that was sent. */
struct outcome {
	enum err result;
	bool wrong;	/* a KEY that the terminal does not take */
	bool again;	/* a second answer */
};

/* A KEY goes to the terminal. Others are not asked. */
static struct outcome listen_to(unsigned i)
{
	struct outcome o = { E_OK, false, false };
	struct client *c = &station[i];
	uint64_t result = E_OK;
	uint16_t op = 0;
	ssize_t n;

	ck_assert(answered(i, PATIENCE_MS));
	n = recv(c->fd, c->in.b, sizeof c->in.b, 0);
	ck_assert_int_gt(n, 0);
	c->in.len = (size_t)n;
	ck_assert_int_eq(record_parse(&op, &c->fields, (struct span){ c->in.b, c->in.len }), E_OK);
	ck_assert_uint_eq(op, OP_OFFER);
	ck_assert_int_eq(field_number(&result, c->fields, F_RESULT, UINT16_MAX), E_OK);
	o.result = (enum err)result;
	o.wrong = !result && !krd_sim_key(&terminal[i], &sim, field_get(c->fields, F_MESSAGE));
	return o;
}

static struct outcome hear(unsigned i)
{
	struct outcome o = listen_to(i);

	settled();
	o.again = answered(i, 0);
	return o;
}

/* The result, of an answer that is right and the only one. */
static enum err result(unsigned i)
{
	struct outcome o = hear(i);

	ck_assert(!o.wrong);
	ck_assert(!o.again);
	return o.result;
}

static void confirm(unsigned i)
{
	uint8_t message[MSG_MAX];
	size_t len;

	krd_sim_receipt_of(&terminal[i], 0);
	len = krd_sim_receipt(&terminal[i], message);
	record_begin(&request, OP_RECEIPT);
	record_put_text(&request, F_SERIAL, terminal[i].serial);
	record_put(&request, F_MESSAGE, (struct span){ message, len });
	ck_assert_int_eq(client_call(&station[i], &request), E_OK);
	client_close(&station[i]);
}

static uint8_t device_of(unsigned i)
{
	return terminal[i].slot[0].ksn.b[7];
}

/* How many KEYs the journal says were sent to a terminal, and whether what it holds came with one of them. */
static unsigned sent_to(unsigned i, bool *its_own)
{
	struct journal *j;
	struct load l;
	uint8_t h[32];
	char path[PATH_MAX + 16];
	uint64_t at = 0;
	unsigned n = 0;

	*its_own = false;
	snprintf(path, sizeof path, "%s/journal.db", sim.load.dir);
	ck_assert_int_eq(journal_open(&j, path, ROOM_LOAD), E_OK);
	while (!journal_load_sent_next(&l, h, j, terminal[i].serial, &at)) {
		*its_own |= !memcmp(h, terminal[i].slot[0].key_hash, sizeof h);
		n++;
	}
	journal_close(j);
	return n;
}

static void was_sent_one_key(unsigned i)
{
	bool its_own;

	ck_assert_uint_eq(sent_to(i, &its_own), 1);
	ck_assert(its_own);
}

static void workers_are_back(void)
{
	struct timespec t = { .tv_nsec = 1000000 };
	pid_t now[ROOM_WORKERS];
	int ms = 0;

	settled();
	/* At once, but for one that was killed while it started. */
	while (look_at_workers(now) != WORKERS && ms++ < PATIENCE_MS)
		nanosleep(&t, NULL);
	ck_assert_uint_eq(look_at_workers(now), WORKERS);
	memcpy(worker, now, sizeof worker);
}

/* --- Tests -------------------------------------------------------------------------------------------------------- */

START_TEST(two_keys_in_the_making_reach_whom_they_are_for) /* whichever worker is ready first */
{
	slow(0);
	slow(1);
	offer(0);
	offer(1);
	settled();
	fast_again((unsigned)_i);
	ck_assert_int_eq(result((unsigned)_i), E_OK);
	ck_assert(!answered(1 - (unsigned)_i, 0));
	fast_again(1 - (unsigned)_i);
	ck_assert_int_eq(result(1 - (unsigned)_i), E_OK);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(device_of(i), i);
		was_sent_one_key(i);
		confirm(i);
	}
}
END_TEST

START_TEST(a_slow_token_call_holds_up_nobody_else)
{
	slow(0);
	offer(0);
	settled(); /* people are served */
	for (unsigned i = 1; i < STATIONS; i++) {
		offer(i);
		ck_assert_int_eq(result(i), E_OK);
		confirm(i);
	}
	ck_assert(!answered(0, 0));
	fast_again(0);
	ck_assert_int_eq(result(0), E_OK);
	confirm(0);
}
END_TEST

START_TEST(a_greeting_needs_no_worker)
{
	slow(0);
	slow(1);
	for (unsigned i = 0; i < STATIONS; i++)
		offer(i);
	settled();
	fast_again(0);
	fast_again(1);
	for (unsigned i = 0; i < STATIONS; i++)
		ck_assert_int_eq(result(i), E_OK);
}
END_TEST

START_TEST(orders_are_made_in_their_turn)
{
	slow(0);
	slow(1);
	for (unsigned i = 0; i < STATIONS; i++) {
		offer(STATIONS - 1 - i); /* not by place */
		settled();
	}
	fast_again(0); /* has the first; the second is with the other */
	ck_assert_int_eq(result(3), E_OK);
	ck_assert_int_eq(result(1), E_OK);
	ck_assert_int_eq(result(0), E_OK);
	ck_assert(!answered(2, 0));
	fast_again(1);
	ck_assert_int_eq(result(2), E_OK);
	for (unsigned i = 0; i < STATIONS; i++)
		ck_assert_uint_eq(device_of(i), STATIONS - 1 - i);
}
END_TEST

START_TEST(a_worker_that_dies_costs_one_answer_and_no_id)
{
	slow(0);
	slow(1);
	offer(0);
	offer(1);
	settled();
	ck_assert_int_eq(kill(worker[0], SIGKILL), 0);
	ck_assert_int_eq(result(0), E_TOKEN);
	workers_are_back();
	client_close(&station[0]);
	offer(0); /* at the new worker, while the other's call goes on */
	ck_assert_int_eq(result(0), E_OK);
	ck_assert_uint_eq(device_of(0), 0);
	was_sent_one_key(0);
	ck_assert(!answered(1, 0));
	ck_assert_int_eq(kill(worker[0], SIGCONT), 0);
	ck_assert_int_eq(result(1), E_OK);
	was_sent_one_key(1);
	confirm(0);
	confirm(1);
}
END_TEST

/* One that is still about to die could be given an order. */
static void dies(pid_t pid)
{
	struct timespec t = { .tv_nsec = 1000000 };
	char path[40], line[100] = "", *state;
	FILE *f;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	while ((f = fopen(path, "re"))) {
		state = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
		fclose(f);
		if (!state || state[2] == 'Z')
			break;
		nanosleep(&t, NULL);
	}
}

START_TEST(idle_workers_that_die_are_replaced)
{
	dies(worker[0]);
	dies(worker[1]);
	offer(0);
	ck_assert_int_eq(result(0), E_OK);
	confirm(0);
	workers_are_back();
}
END_TEST

START_TEST(a_station_that_hangs_up_gets_no_key_and_loses_no_id)
{
	struct audit a = { 0 };
	char path[PATH_MAX + 16];
	struct journal *j;
	bool its_own, told = false;

	slow(0);
	if (_i)
		slow(1);
	offer(0);
	if (_i)
		offer(1);
	settled();
	if (_i)
		offer(2); /* has no worker yet */
	settled();
	client_close(&station[_i ? 2 : 0]);
	settled();
	fast_again(0);
	fast_again(1);
	for (unsigned i = 0; _i && i < 2; i++) {
		ck_assert_int_eq(result(i), E_OK);
		confirm(i);
	}
	workers_are_back();
	ck_assert_uint_eq(sent_to(_i ? 2 : 0, &its_own), 0);
	snprintf(path, sizeof path, "%s/journal.db", sim.load.dir);
	ck_assert_int_eq(journal_open(&j, path, ROOM_LOAD), E_OK);
	while (!journal_audit_next(&a, j, a.sequence))
		told |= !strcmp(a.what, "offer") && strstr(a.reason, "before its KEY");
	journal_close(j);
	ck_assert(told);
	offer(_i ? 2 : 0);
	ck_assert_int_eq(result(_i ? 2 : 0), E_OK);
	ck_assert_uint_eq(device_of(_i ? 2 : 0), _i ? 2 : 0);
	was_sent_one_key(_i ? 2 : 0);
	confirm(_i ? 2 : 0);
}
END_TEST

START_TEST(a_key_set_that_is_suspended_meanwhile_gives_no_key)
{
	bool its_own;

	slow(0);
	offer(0);
	settled();
	record_begin(&request, OP_STATE);
	record_put_text(&request, F_KEY_SET, SET);
	record_put_text(&request, F_STATE, "suspended");
	ck_assert_int_eq(client_call(&people, &request), E_OK);
	fast_again(0);
	ck_assert_int_eq(result(0), E_KEY_SET_STATE);
	ck_assert_uint_eq(sent_to(0, &its_own), 0);
}
END_TEST

START_TEST(other_acts_wait_for_a_worker_that_is_at_work)
{
	slow(0);
	slow(1);
	offer(0);
	offer(1);
	settled();
	record_begin(&request, OP_REQUEST); /* signs with the token */
	ck_assert_int_eq(send(people.fd, request.b, request.len, 0), (ssize_t)request.len);
	fast_again(1);
	fast_again(0);
	ck_assert_int_gt(recv(people.fd, people.in.b, sizeof people.in.b, 0), 0);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(result(i), E_OK);
		was_sent_one_key(i);
		confirm(i);
	}
}
END_TEST

/* Nobody asks anything meanwhile: the loop wakes by itself. */
START_TEST(a_head_comes_when_its_time_is_there)
{
	char path[PATH_MAX + 16], text[AUDIT_HEAD_TEXT];
	struct timespec t = { .tv_nsec = 5000000 };
	struct audit newest;
	struct journal *j;
	uint64_t last = 0;

	stop_server();
	client_close(&people);
	head_seconds = 1;
	start_server();
	ck_assert_int_eq(client_open(&people, sim.load.dir, "people"), E_OK);
	snprintf(path, sizeof path, "%s/journal.db", sim.load.dir);
	ck_assert_int_eq(journal_open(&j, path, ROOM_LOAD), E_OK);
	for (int i = 0; i < 2; i++) {
		record_begin(&request, OP_STATE); /* refused, and so recorded */
		ck_assert_int_ne(client_call(&people, &request), E_OK);
		ck_assert_int_eq(journal_audit_head(&newest, j), E_OK);
		do {
			nanosleep(&t, NULL);
			ck_assert_int_eq(journal_head(text, &last, j), E_OK);
		} while (last < newest.sequence); /* or the test's time is over */
		ck_assert_uint_eq(last, newest.sequence);
	}
	journal_close(j);
	head_seconds = 0;
}
END_TEST

static void begin_entry(uint8_t hash[static 32])
{
	record_begin(&request, OP_ENTER);
	record_put_text(&request, F_SCHEME, "aes128");
	record_put_text(&request, F_KEY_SET, "87654321");
	record_put_number(&request, F_COUNT, 2);
	ck_assert_int_eq(client_call(&people, &request), E_OK);
	memcpy(hash, field_get(people.fields, F_HASH).p, 32);
}

/* Typed, and not confirmed yet: it is not one of the next entry's. */
START_TEST(a_typed_component_goes_with_its_entry)
{
	static const uint8_t component[16] = { 1, 2, 3 };
	static struct client other;
	uint8_t hash[32], kcv[5];

	ck_assert_int_eq(client_open(&other, sim.load.dir, "people"), E_OK);
	for (int withdrawn = 0; withdrawn < 2; withdrawn++) {
		begin_entry(hash);
		record_begin(&request, OP_COMPONENT);
		record_put(&request, F_HASH, SPAN(hash));
		record_put(&request, F_COMPONENT, SPAN(component));
		ck_assert_int_eq(client_call(&other, &request), E_OK);
		memcpy(kcv, field_get(other.fields, F_KCV).p, sizeof kcv);
		if (withdrawn) {
			record_begin(&request, OP_WITHDRAW);
			ck_assert_int_eq(client_call(&people, &request), E_OK);
			begin_entry(hash);
		}
		record_begin(&request, OP_CONFIRM);
		record_put(&request, F_HASH, SPAN(hash));
		record_put(&request, F_KCV, SPAN(kcv));
		record_put_text(&request, F_BAG, withdrawn ? "B-2" : "B-1");
		ck_assert_int_eq(client_call(&other, &request), withdrawn ? E_SEQUENCE : E_OK);
		record_begin(&request, OP_WITHDRAW);
		ck_assert_int_eq(client_call(&people, &request), E_OK);
	}
	client_close(&other);
}
END_TEST

START_TEST(it_ends_when_told_whatever_is_in_the_making)
{
	bool its_own;

	slow(0);
	slow(1);
	for (unsigned i = 0; i < 3; i++)
		offer(i);
	settled();
	stop_server();
	for (unsigned i = 0; i < 3; i++) {
		client_close(&station[i]);
		ck_assert_uint_eq(sent_to(i, &its_own), 0);
	}
	start_server();
	ck_assert_int_eq(client_open(&people, sim.load.dir, "people"), E_OK);
	offer(0);
	ck_assert_int_eq(result(0), E_OK);
	ck_assert_uint_eq(device_of(0), 0);
}
END_TEST

START_TEST(offers_that_come_together_share_a_commit)
{
	unsigned before;

	slow(0);
	slow(1);
	for (unsigned i = 0; i < STATIONS; i++)
		greet(i);
	settled();
	before = *commits;
	ck_assert_int_eq(kill(server, SIGSTOP), 0);
	for (unsigned i = 0; i < STATIONS; i++)
		send_offer(i);
	ck_assert_int_eq(kill(server, SIGCONT), 0);
	settled();
	ck_assert_uint_eq(*commits - before, 1);
	fast_again(0);
	fast_again(1);
	for (unsigned i = 0; i < STATIONS; i++) {
		ck_assert_int_eq(result(i), E_OK);
		was_sent_one_key(i);
		confirm(i);
	}
}
END_TEST

/* What fails with the commit: the ids of two OFFERs, or what is remembered of two KEYs. */
static const char *const failing[] = { "load", "sent" };

static void restart(void)
{
	client_close(&people);
	stop_server();
	start_server();
	ck_assert_int_eq(client_open(&people, sim.load.dir, "people"), E_OK);
}

START_TEST(nothing_is_answered_whose_commit_fails)
{
	struct outcome o;
	char sql[200];
	bool its_own;

	snprintf(sql, sizeof sql,
		 "CREATE TABLE bad(x TEXT REFERENCES key_set(id) DEFERRABLE INITIALLY DEFERRED);"
		 "CREATE TRIGGER bad AFTER INSERT ON %s BEGIN INSERT INTO bad VALUES('none'); END", failing[_i]);
	room_sim_meddle(&sim.load, sql);
	slow(0);
	slow(1);
	for (unsigned i = 0; i < 2; i++)
		greet(i);
	for (unsigned i = 0; i < 2; i++)
		send_offer(i);
	if (!strcmp(failing[_i], "sent"))
		settled(); /* else they may be in a group that fails, as whoever asks then */
	fast_again(0);
	fast_again(1);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(listen_to(i).result, E_JOURNAL);
		ck_assert_int_le(recv(station[i].fd, sql, sizeof sql, 0), 0);
		client_close(&station[i]);
		ck_assert_uint_eq(sent_to(i, &its_own), 0);
	}
	/* The twin answers with a KEY that nobody remembers. */
	if (!strcmp(failing[_i], "sent")) {
		deaf = true;
		restart();
		offer(0);
		o = hear(0);
		ck_assert(o.result == E_OK && !sent_to(0, &its_own));
		client_close(&station[0]);
		krd_sim_zeroize(&terminal[0], 0);
		terminal[0].load_count--; /* as if it had not come */
		deaf = false;
		restart();
	}
	/* Mended, nothing is lost. */
	room_sim_meddle(&sim.load, "DROP TRIGGER bad");
	for (unsigned i = 0; i < 2; i++) {
		offer(i);
		ck_assert_int_eq(result(i), E_OK);
		ck_assert_uint_eq(device_of(i), i);
		was_sent_one_key(i);
		confirm(i);
	}
}
END_TEST

/* A worker dies with an OFFER's KEY in its hands, after one was made that could stand in for it. */
static struct outcome die_with_an_order(void)
{
	offer(1);
	ck_assert_int_eq(hear(1).result, E_OK);
	client_close(&station[1]);
	slow(0);
	slow(1);
	offer(0);
	settled();
	ck_assert_int_eq(kill(worker[0], SIGKILL), 0);
	ck_assert_int_eq(kill(worker[1], SIGKILL), 0);
	return hear(0);
}

START_TEST(an_answer_that_is_stale_or_comes_twice_would_be_seen)
{
	struct outcome o = die_with_an_order();

	ck_assert(o.result == E_TOKEN && !o.wrong && !o.again);
	for (int twin = 0; twin < 2; twin++) {
		client_close(&station[0]);
		client_close(&people);
		stop_server();
		krd_sim_zeroize(&terminal[1], 0);
		stale = !twin;
		twice = twin;
		start_server();
		ck_assert_int_eq(client_open(&people, sim.load.dir, "people"), E_OK);
		o = die_with_an_order();
		ck_assert(twin ? o.again : o.wrong);
	}
}
END_TEST

/* STREAK: of kills before another KEY has come, so that a slow machine comes to an end. */
enum { LOADS = 16, STREAK = 4, KILLS = STATIONS * LOADS * STREAK };

/* What the stations did, for all processes to see. */
static struct deeds {
	uint32_t id[STATIONS * LOADS];	/* device ids, as the terminals got them */
	uint64_t made[STATIONS * LOADS]; /* when, milliseconds */
	unsigned failed[STATIONS], keys[STATIONS];
} *deeds;

/* One station's loads, again and again while workers or parsers are killed. */
static void keep_loading(unsigned i)
{
	for (unsigned n = 0; n < LOADS; n++) {
		enum err e;

		offer(i);
		while ((e = result(i)) == E_TOKEN || e == E_PARSER) {
			client_close(&station[i]);
			deeds->failed[i]++;
			offer(i);
		}
		ck_assert_int_eq(e, E_OK);
		deeds->id[i * LOADS + n] = get_be32(terminal[i].slot[0].ksn.b + 4);
		deeds->made[i * LOADS + n] = milliseconds();
		deeds->keys[i]++;
		confirm(i);
		krd_sim_zeroize(&terminal[i], 0);
	}
}

/* The longest wait from a kill to the next KEY that anybody got, milliseconds. */
static uint64_t longest_wait(const uint64_t *kill_at, unsigned kills)
{
	uint64_t longest = 0;

	for (unsigned k = 0; k < kills; k++) {
		uint64_t next = UINT64_MAX;

		for (unsigned i = 0; i < STATIONS * LOADS; i++)
			if (deeds->made[i] >= kill_at[k] && deeds->made[i] < next)
				next = deeds->made[i];
		if (next != UINT64_MAX && next - kill_at[k] > longest)
			longest = next - kill_at[k];
	}
	return longest;
}

/* Each KEY under an id of its own, none lost, and no row or record that does not fit. */
static void journal_is_consistent(void)
{
	char path[PATH_MAX + 16];
	bool seen[STATIONS * LOADS] = { false };
	struct load l = { 0 };
	struct lease lease;
	struct journal *j;
	unsigned loaded = 0;
	uint64_t bad = 0;

	for (unsigned i = 0; i < STATIONS * LOADS; i++) {
		ck_assert_uint_lt(deeds->id[i], STATIONS * LOADS); /* a refusal costs no id: they are used up in order */
		ck_assert(!seen[deeds->id[i]]);
		seen[deeds->id[i]] = true;
	}
	snprintf(path, sizeof path, "%s/journal.db", sim.load.dir);
	ck_assert_int_eq(journal_open(&j, path, ROOM_LOAD), E_OK);
	ck_assert_int_eq(journal_audit_check(&bad, j), E_OK);
	ck_assert_int_eq(journal_lease_next(&lease, j, 0), E_OK);
	ck_assert_uint_eq(lease.next, STATIONS * LOADS);
	while (!journal_load_newest_after(&l, j, l.sequence))
		loaded += l.state == LOAD_LOADED || l.state == LOAD_ZEROIZED;
	ck_assert_uint_eq(loaded, STATIONS * LOADS);
	journal_close(j);
}

START_TEST(workers_and_parsers_may_be_killed_under_load)
{
	static const char *const victims[] = { "workers", "parsers" };
	static const unsigned most[] = { KILLS, 60 };
	struct timespec pause = { .tv_nsec = 15000000 };
	pid_t pid[STATIONS], now[ROOM_WORKERS];
	unsigned left = STATIONS, kills = 0, failed = 0, keys, before = 0, streak = 0, n;
	static uint64_t kill_at[KILLS];
	int status;
	bool its_own;

	deeds = mmap(NULL, sizeof *deeds, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(deeds, MAP_FAILED);
	for (unsigned i = 0; i < STATIONS; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			/* Both are this process's own: one client each, and no key twice. */
			ck_assert_int_eq(client_open(&people, sim.load.dir, "people"), E_OK);
			sim.keys += i << 24;
			keep_loading(i);
			_exit(0);
		}
	}
	while (left) {
		nanosleep(&pause, NULL);
		n = _i ? children(now, 1, server, "--parser") : look_at_workers(now);
		for (unsigned i = keys = 0; i < STATIONS; i++)
			keys += deeds->keys[i];
		streak = keys == before ? streak + 1 : 0;
		before = keys;
		if (n && streak < STREAK && kills < most[_i]) {
			kill_at[kills] = milliseconds();
			kills += !kill(now[kills % n], SIGKILL);
		}
		for (unsigned i = 0; i < STATIONS; i++)
			if (pid[i] && waitpid(pid[i], &status, WNOHANG) == pid[i]) {
				ck_assert_int_eq(status, 0);
				pid[i] = 0;
				left--;
			}
	}
	ck_assert_uint_gt(kills, 5);
	for (unsigned i = 0; i < STATIONS; i++) {
		ck_assert_uint_eq(sent_to(i, &its_own), deeds->keys[i]); /* each h belongs to one answer */
		failed += deeds->failed[i];
	}
	journal_is_consistent();
	workers_are_back();
	printf("%u %s killed under %u loads, %u of them asked again; at most %llu ms from a kill to the next KEY\n", kills,
	       victims[_i], STATIONS * LOADS, failed, (unsigned long long)longest_wait(kill_at, kills));
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("workers");
	TCase *t = tcase_create("workers");

	tcase_set_timeout(t, 300);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, two_keys_in_the_making_reach_whom_they_are_for, 0, 2);
	tcase_add_test(t, a_slow_token_call_holds_up_nobody_else);
	tcase_add_test(t, a_greeting_needs_no_worker);
	tcase_add_test(t, orders_are_made_in_their_turn);
	tcase_add_test(t, a_worker_that_dies_costs_one_answer_and_no_id);
	tcase_add_test(t, idle_workers_that_die_are_replaced);
	tcase_add_loop_test(t, a_station_that_hangs_up_gets_no_key_and_loses_no_id, 0, 2);
	tcase_add_test(t, a_key_set_that_is_suspended_meanwhile_gives_no_key);
	tcase_add_test(t, other_acts_wait_for_a_worker_that_is_at_work);
	tcase_add_test(t, a_head_comes_when_its_time_is_there);
	tcase_add_test(t, a_typed_component_goes_with_its_entry);
	tcase_add_test(t, it_ends_when_told_whatever_is_in_the_making);
	tcase_add_test(t, offers_that_come_together_share_a_commit);
	tcase_add_loop_test(t, nothing_is_answered_whose_commit_fails, 0, sizeof failing / sizeof *failing);
	tcase_add_test(t, an_answer_that_is_stale_or_comes_twice_would_be_seen);
	tcase_add_loop_test(t, workers_and_parsers_may_be_killed_under_load, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
