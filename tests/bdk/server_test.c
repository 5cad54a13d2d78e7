#include "bdk/client.h"
#include "bdk/rule.h"
#include "base/hex.h"
#include "crypto/sha256.h"
#include "bdk/server.h"
#include "base/host/file.h"
#include "tests/lib/children.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * The server in a process of its own, on a room without a token: what is refused is refused before a worker is asked,
 * and what is permitted may fail for want of one.
 */
static char dir[64], path[128];
static struct room room;
static struct journal *journal;		/* this process's own connection to the room's journal */
static pid_t server;
static unsigned short_approval;		/* seconds that an act waits for a second person; 0: as usual */
static bool entered;			/* start() has an entry of components under way, with a second left */
static bool locked;			/* start() makes a production room that nobody has unlocked */

static const char *const sockets[] = { "people", "station", "acquirer" };
static const struct key_set set = { .id = { { 0xff, 0xff, 1, 2, 3 }, 5, DUKPT_TDES },
				    .state = KEY_SET_ACTIVE };

static void serve_until_told(int ready)
{
	struct server *s;
	struct door door[ROLES];
	char why[ROOM_WHY];
	bool bad = journal_open(&room.journal, path, room.config.purpose) || doors_find(door, &room.config, why) ||
		   server_open(&s, &room, door, why) ||
		   write(ready, "x", 1) != 1 || server_run(s);

	server_close(bad ? NULL : s);
	journal_close(room.journal);
	_exit(bad);
}

static void start(enum room_purpose purpose)
{
	char conf[128], text[64];
	int ready[2];

	test_folder_make(dir, sizeof dir);
	memset(&room, 0, sizeof room);
	room.lock = room.parser.fd = room.mark.lock = room.mark.file = -1;
	for (size_t i = 0; i < ROOM_WORKERS; i++)
		room.worker[i].fd = -1;
	room.config.workers = 1;
	room.config.purpose = purpose;
	room.config.test = !locked;
	room.sealed = locked;
	room.config.approve_seconds = short_approval ? short_approval : 300;
	if (entered)
		ck_assert_int_eq(components_begin(&room.components, "Room", &(struct entered){ .set = set.id }, 2,
						  &(struct kcv){ .len = 0 }, &(struct giver){ .name = "anna" },
						  room_monotonic() - COMPONENTS_IDLE + 1),
				 E_OK);
	snprintf(room.config.name, sizeof room.config.name, "Room");
	snprintf(room.dir, sizeof room.dir, "%s", dir);
	snprintf(conf, sizeof conf, "%s/room.conf", dir);
	snprintf(text, sizeof text, "[room]\npurpose = %s\n", room_purpose_name(purpose));
	ck_assert_int_eq(file_write(conf, (struct span){ (const uint8_t *)text, strlen(text) }, 0600), E_OK);
	snprintf(path, sizeof path, "%s/journal.db", dir);
	ck_assert_int_eq(journal_create(path, purpose), E_OK);
	ck_assert_int_eq(journal_open(&journal, path, purpose), E_OK);
	ck_assert_int_eq(journal_key_set_add(journal, &set), E_OK);
	ck_assert_int_eq(pipe(ready), 0);
	server = fork();
	if (!server)
		serve_until_told(ready[1]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], text, 1), 1);
	close(ready[0]);
}

static void stop(void)
{
	int status;

	ck_assert_int_eq(kill(server, SIGTERM), 0);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	for (size_t i = 0; i < 3; i++) {
		char name[128];

		snprintf(name, sizeof name, "%s/%s.sock", dir, sockets[i]);
		ck_assert_int_ne(access(name, F_OK), 0);
	}
	journal_close(journal);
	test_folder_remove(dir);
}

static struct record request;

static enum err ask(struct client *c, uint16_t op)
{
	record_begin(&request, op);
	return client_call(c, &request);
}

static bool ended(struct client *c)
{
	return ask(c, OP_INFO) == E_UNREACHABLE;
}

START_TEST(an_act_without_its_record_does_not_happen)
{
	static struct client c;
	struct key_set now;

	start(ROOM_LOAD);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	for (int audit_fails = 1; audit_fails >= 0; audit_fails--) {
		room_sim_meddle(
			&room,
			audit_fails
				? "CREATE TRIGGER disk BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END"
				: "DROP TRIGGER disk");
		record_begin(&request, OP_STATE);
		record_put_text(&request, F_KEY_SET, "FFFF010203");
		record_put_text(&request, F_STATE, "suspended");
		ck_assert_int_eq(client_call(&c, &request), audit_fails ? E_JOURNAL : E_OK);
		ck_assert_int_eq(journal_key_set(&now, journal, "FFFF010203"), E_OK);
		ck_assert_int_eq(now.state, audit_fails ? KEY_SET_ACTIVE : KEY_SET_SUSPENDED);
	}
	client_close(&c);
	stop();
}
END_TEST

/* A custodian's share whose record cannot be written was not given: he comes again, and is the first. */
START_TEST(a_share_without_its_record_is_not_given)
{
	static const struct custody_secrets secrets = { { 1 }, { 2 } };
	static struct client c;
	struct custodians who = { .who = { { "anna", getuid() }, { "bert", getuid() + 1 } }, .n = 2, .m = 2, .so_m = 2 };
	struct custodian_key key[2];
	const struct span phrase = { (const uint8_t *)"a passphrase of anna", 20 };
	uint64_t given = 0;
	char shares[128];

	locked = true;
	start(ROOM_LOAD);
	snprintf(shares, sizeof shares, "%s/shares", dir);
	ck_assert_int_eq(mkdir(shares, 0700), 0);
	for (int i = 0; i < 2; i++) {
		key[i] = (struct custodian_key){ .made = true, .cost = { 14, 8, 1 } };
		ck_assert_int_eq(passphrase_derive(key[i].key, &key[i].cost, key[i].salt, phrase), E_OK);
	}
	ck_assert_int_eq(custody_write(dir, "Room", 1, &who, key, &secrets), E_OK);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	for (int audit_fails = 1; audit_fails >= 0; audit_fails--) {
		room_sim_meddle(
			&room,
			audit_fails
				? "CREATE TRIGGER disk BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'full'); END"
				: "DROP TRIGGER disk");
		record_begin(&request, OP_UNLOCK);
		record_put(&request, F_PASSPHRASE, phrase);
		ck_assert_int_eq(client_call(&c, &request), audit_fails ? E_JOURNAL : E_OK);
	}
	ck_assert_int_eq(field_number(&given, c.fields, F_GIVEN, 9), E_OK);
	ck_assert_uint_eq(given, 1);
	client_close(&c);
	stop();
	locked = false;
}
END_TEST

/* --- The table ---------------------------------------------------------------------------------------------------- */

/* What bdk/request.h permits, written down once more: socket, op, letters of purposes (c, l, a); "+" needs a state
 * first, "-" people. */
static const struct {
	int socket, op;
	const char *purposes;
} permitted[] = {
	{ 0, OP_INFO, "cla" },	   { 0, OP_LIST, "la" },	 { 0, OP_DEVICES, "cl" },
	{ 0, OP_AUDIT, "cla" },	   { 0, OP_DIGEST, "cla" }, { 0, OP_PROBE, "cla" },	 { 0, OP_REQUEST, "la" },
	{ 0, OP_HEAD, "cla" },	   { 0, OP_HEADS, "cla" },
	{ 0, OP_CEREMONY, "cla" }, { 0, OP_BAG, "cla" }, { 0, OP_BAG_FOUND, "cla" }, { 0, OP_BAG_MOVE, "cla" }, { 0, OP_BAGS, "cla" }, { 0, OP_LED, "cla" }, { 0, OP_KBPK_RESUME, "la" },
	{ 0, OP_RECORD, "cla" },
	{ 0, OP_CERTIFY, "c" },	   { 0, OP_ANCHORS, "c" },	 { 0, OP_INSTALL, "la" },
	{ 0, OP_CRL, "c" },	   { 0, OP_INSTALL_CRL, "la" },	 { 0, OP_GENERATE, "l" },
	{ 0, OP_PACKAGE, "l" },	   { 0, OP_RAISE, "c" },	 { 0, OP_DISOWN, "c" },
	{ 0, OP_HANDOVER, "l" },	   { 0, OP_IMPORT_PACK, "a" },
	{ 0, OP_PUT, "la" },	   { 0, OP_FETCH, "cla" },
	{ 0, OP_IMPORT, "a" },	   { 0, OP_STATE, "la" }, { 0, OP_COMPROMISE, "la" }, { 0, OP_DESTROY, "la" },
	{ 0, OP_PERIOD, "la" },	   { 0, OP_BELOW, "la" },	 { 0, OP_LIFE, "la" }, { 0, OP_DESTROYED, "la" },	 { 0, OP_EXPECT, "c" },
	{ 0, OP_ENROL, "c" },	   { 0, OP_ENROL_CSR, "c+" },	 { 0, OP_ENROL_DIGEST, "c+" },
	{ 0, OP_ENROL_DONE, "c+" }, { 0, OP_REVOKE, "c" },	 { 1, OP_SESSION, "l" },
	{ 1, OP_BEGIN, "l+" },	   { 1, OP_OFFER, "l+" },	 { 1, OP_RECEIPT, "l" },
	{ 1, OP_ABORT, "l+" },	   { 1, OP_HISTORY, "l" },	 { 2, OP_RECOVER, "a" },
	{ 1, OP_ZEROIZE, "l+" },   { 1, OP_WIPED, "l" },	 { 0, OP_LEASE, "c" },
	{ 0, OP_ACCEPT, "l" },	   { 0, OP_LEASES, "cl" },	 { 0, OP_MANIFEST, "l" },
	{ 0, OP_CHAIN, "l" },	   { 0, OP_BACKUP, "l" },
	{ 0, OP_WHO, "cla" },	   { 0, OP_LOGIN, "cla" },	 { 0, OP_PASSPHRASE, "cla" },
	{ 0, OP_PEOPLE, "cla" },   { 0, OP_APPOINT, "cla" },	 { 0, OP_DISMISS, "cla" },
	{ 0, OP_PENDING, "cla" },  { 0, OP_APPROVE, "cla" },	 { 0, OP_AWAIT, "cla" },
	{ 0, OP_ENTER, "la" },	   { 0, OP_ENTERING, "la" },	 { 0, OP_COMPONENT, "la" },
	{ 0, OP_CONFIRM, "la" },   { 0, OP_ENTERED, "la" },	 { 0, OP_AGREE, "la" },
	{ 0, OP_WITHDRAW, "la" },  { 0, OP_MAILER, "la" },
	{ 0, OP_KBPK_GENERATE, "la" }, { 0, OP_KBPK_IMPORT, "la" }, { 0, OP_KBPK_LIST, "la" },
	{ 0, OP_KBPK_COMPROMISE, "la" }, { 0, OP_KBPK_DESTROY, "la" }, { 0, OP_GENERATE_BLOCK, "l" },
	{ 0, OP_IMPORT_BLOCK, "la" },
	{ 0, OP_OPEN, "l-" },	   { 0, OP_ATTEND, "l" },
	/* a test room has no custodians */
	{ 0, OP_UNLOCK, "" },	   { 0, OP_LOCK, "" },	 { 0, OP_CUSTODIANS, "" },
	{ 0, OP_CHANGE, "" },	   { 0, OP_ENTRUST, "" },
};

static const char *row_of(int socket, int op)
{
	for (size_t i = 0; i < sizeof permitted / sizeof permitted[0]; i++)
		if (permitted[i].socket == socket && permitted[i].op == op)
			return permitted[i].purposes;
	return NULL;
}

/* Rooms of purpose _i, none of whose custodians has come: what it does not say is refused, and says how to go on. */
START_TEST(a_locked_room_says_what_it_is_and_nothing_else)
{
	static struct client c;
	uint64_t sealed = 0;

	locked = true;
	start((enum room_purpose)_i);
	for (int op = 0; op < 128; op++) {
		const char *row = row_of(0, op);

		if (!row || (*row && !strchr(row, " cla"[_i])))
			continue;
		ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
		if (op == OP_INFO || op == OP_WHO)
			ck_assert_int_eq(ask(&c, (uint16_t)op), E_OK);
		else if (op == OP_AUDIT) /* for its people: there are none here */
			ck_assert_int_eq(ask(&c, (uint16_t)op), E_DENIED);
		else if (!*row) /* its custodians' affair: there are no shares here */
			ck_assert_int_eq(ask(&c, (uint16_t)op), E_ROOM);
		else
			ck_assert_int_eq(ask(&c, (uint16_t)op), E_SEALED);
		ck_assert(op == OP_INFO || op == OP_WHO || c.why[0]);
		if (op == OP_INFO)
			ck_assert(!field_number(&sealed, c.fields, F_SEALED, 1) && sealed);
		client_close(&c);
	}
	for (int s = 1; s < 3; s++)
		if (s == _i - 1) {
			ck_assert_int_eq(client_open(&c, dir, sockets[s]), E_OK);
			ck_assert_int_eq(ask(&c, s == 1 ? OP_HISTORY : OP_RECOVER), E_SEALED);
			client_close(&c);
		}
	stop();
	locked = false;
}
END_TEST

/* Every op on every socket of a room of purpose _i, on a connection that has done nothing yet. */
START_TEST(what_the_table_does_not_permit_ends_the_connection)
{
	static struct client c;
	const char letter = " cla"[_i];
	uint64_t refused = 0, audited = 0;
	struct audit a = { 0 };

	start((enum room_purpose)_i);
	for (int s = 0; s < 3; s++) {
		if (s && s != _i - 1) {		/* station: load; acquirer: acquirer */
			ck_assert_int_eq(client_open(&c, dir, sockets[s]), E_ROOM_PURPOSE);
			ck_assert_str_ne(c.why, "");
			continue;
		}
		for (int op = 0; op < 128; op++) {
			const char *row = row_of(s, op);
			bool here = row && strchr(row, letter), now = here && !strchr(row, '+');
			enum err e;

			ck_assert_int_eq(client_open(&c, dir, sockets[s]), E_OK);
			e = ask(&c, (uint16_t)op);
			if (now) {
				ck_assert_msg((e != E_DENIED || strchr(row, '-')) && e != E_ROOM_PURPOSE && e != E_UNREACHABLE &&
						      e != E_SEQUENCE,
					      "%s %d: %s", sockets[s], op, err_text(e));
				ck_assert_int_ne(ask(&c, (uint16_t)op), E_UNREACHABLE);
				refused += e == E_DENIED ? 2 : 0;
			} else {
				ck_assert_msg(e == (row && !here ? E_ROOM_PURPOSE : E_DENIED), "%s %d: %s", sockets[s],
					      op, err_text(e));
				ck_assert_str_ne(c.why, "");
				ck_assert(ended(&c));
				refused++;
			}
			client_close(&c);
		}
	}
	/* Every one of those refusals stands in the journal. */
	while (!journal_audit_next(&a, journal, a.sequence))
		audited += !strcmp(a.reason, err_text(E_DENIED)) || !strcmp(a.reason, err_text(E_ROOM_PURPOSE));
	ck_assert_uint_gt(refused, 40);
	ck_assert_uint_eq(audited, refused);
	stop();
}
END_TEST

static void put_session(const char *serial)
{
	record_begin(&request, OP_SESSION);
	record_put_text(&request, F_KEY_SET, "FFFF010203");
	record_put_number(&request, F_SLOT, 1);
	record_put_text(&request, F_SERIAL, "TC-1");
	record_put_text(&request, F_SERIAL, serial);
}

START_TEST(a_session_is_opened_once_and_for_its_terminals)
{
	static struct client c;
	char text[16];

	start(ROOM_LOAD);
	ck_assert_int_eq(client_open(&c, dir, "station"), E_OK);
	put_session("no serial!");
	ck_assert_int_eq(client_call(&c, &request), E_FORMAT);		/* fails: may be asked again */
	put_session("TC-2");
	ck_assert_int_eq(client_call(&c, &request), E_OK);
	ck_assert_int_eq(field_text(text, sizeof text, c.fields, F_SCHEME), E_OK);
	ck_assert_str_eq(text, "tdes");
	record_begin(&request, OP_BEGIN);
	record_put_text(&request, F_SERIAL, "TC-2");
	ck_assert_int_eq(client_call(&c, &request), E_NOT_READY); /* permitted, but this room has no certificate */
	ck_assert_int_eq(ask(&c, OP_OFFER), E_DENIED);			/* nothing was begun */
	ck_assert(ended(&c));
	client_close(&c);

	ck_assert_int_eq(client_open(&c, dir, "station"), E_OK);
	put_session("TC-2");
	ck_assert_int_eq(client_call(&c, &request), E_OK);
	record_begin(&request, OP_BEGIN);
	record_put_text(&request, F_SERIAL, "TC-3");
	ck_assert_int_eq(client_call(&c, &request), E_DENIED);
	ck_assert(ended(&c));
	client_close(&c);

	ck_assert_int_eq(client_open(&c, dir, "station"), E_OK);
	put_session("TC-2");
	ck_assert_int_eq(client_call(&c, &request), E_OK);
	put_session("TC-3");
	ck_assert_int_eq(client_call(&c, &request), E_DENIED);
	ck_assert(ended(&c));
	client_close(&c);
	stop();
}
END_TEST

START_TEST(a_session_without_a_key_set_zeroizes_and_does_not_load)
{
	static struct client c;

	start(ROOM_LOAD);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(client_open(&c, dir, "station"), E_OK);
		record_begin(&request, OP_SESSION);
		record_put_text(&request, F_SERIAL, "TC-1");
		if (i == 2)	/* names one, but it is none */
			record_put(&request, F_KEY_SET, (struct span){ (const uint8_t *)"", 0 });
		ck_assert_int_eq(client_call(&c, &request), i == 2 ? E_KEY_SET : E_OK);
		if (i < 2) {
			ck_assert_ptr_null(field_get(c.fields, F_SCHEME).p);
			ck_assert_int_eq(ask(&c, i ? OP_OFFER : OP_ZEROIZE), E_DENIED); /* nothing was begun */
			ck_assert(ended(&c));
		}
		client_close(&c);
	}
	stop();
}
END_TEST

/* --- Clients that do not behave ----------------------------------------------------------------------------------- */

START_TEST(random_bytes_do_not_end_the_server)
{
	static struct client c;
	uint8_t bytes[300];
	uint32_t x = 12345;

	start(ROOM_LOAD);
	for (int i = 0; i < 1500; i++) {
		size_t len;

		ck_assert_int_eq(client_open(&c, dir, sockets[i % 2]), E_OK);
		for (int j = 0; j < 4; j++) {
			for (size_t k = 0; k < sizeof bytes; k++) {
				x = x * 1664525 + 1013904223;
				bytes[k] = (uint8_t)(x >> 24);
			}
			len = 1 + x % sizeof bytes;
			if (j % 2)
				put_be16(bytes, bytes[0] % 60u);	/* an op, for a change */
			if (send(c.fd, bytes, len, MSG_NOSIGNAL) < 0)
				break;
		}
		client_close(&c);
	}
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	ck_assert_int_eq(ask(&c, OP_INFO), E_OK);
	client_close(&c);
	stop();
}
END_TEST

START_TEST(a_record_that_is_too_long_is_refused)
{
	static uint8_t big[RECORD_MAX + 100];
	static struct client c;
	ssize_t n;

	start(ROOM_LOAD);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	put_be16(big, OP_INFO);
	ck_assert_int_eq(send(c.fd, big, sizeof big, MSG_NOSIGNAL), sizeof big);
	n = recv(c.fd, big, sizeof big, 0);
	ck_assert_int_eq(n, 2 + 4 + 8);
	ck_assert_uint_eq(big[13], E_FORMAT);
	ck_assert(ended(&c));
	client_close(&c);
	stop();
}
END_TEST

START_TEST(a_client_that_never_reads_blocks_nobody)
{
	static struct client deaf, other;
	int sent = 0;

	start(ROOM_LOAD);
	/* Answers that are long: 300 rows of audit. */
	ck_assert_int_eq(journal_begin(journal), E_OK);
	for (int i = 0; i < 300; i++)
		ck_assert_int_eq(
			journal_audit(journal, "uid 0 people", "test", "an object with a rather long name", ""), E_OK);
	ck_assert_int_eq(journal_commit(journal), E_OK);
	ck_assert_int_eq(client_open(&deaf, dir, "people"), E_OK);
	ck_assert_int_eq(client_open(&other, dir, "people"), E_OK);
	record_begin(&request, OP_AUDIT);
	while (send(deaf.fd, request.b, request.len, MSG_NOSIGNAL) >= 0 && ++sent < 1000) {
		ck_assert_int_eq(ask(&other, OP_INFO), E_OK);
		record_begin(&request, OP_AUDIT);
	}
	ck_assert_int_ge(sent, 2);
	ck_assert_int_lt(sent, 1000);			/* dropped */
	ck_assert_int_eq(ask(&other, OP_INFO), E_OK);
	client_close(&deaf);
	client_close(&other);
	stop();
}
END_TEST

START_TEST(a_user_s_logins_leave_places_to_other_people_and_to_stations)
{
	static struct client c[SERVER_LOGINS + 1], station[SERVER_CLIENTS - SERVER_PEOPLE];

	start(ROOM_LOAD);
	for (int i = 0; i < SERVER_LOGINS; i++) {
		ck_assert_int_eq(client_open(&c[i], dir, "people"), E_OK);
		ck_assert_int_eq(ask(&c[i], OP_INFO), E_OK);
	}
	ck_assert_int_eq(client_open(&c[SERVER_LOGINS], dir, "people"), E_OK);
	ck_assert_int_eq(ask(&c[SERVER_LOGINS], OP_INFO), E_UNREACHABLE);
	client_close(&c[SERVER_LOGINS]);
	ck_assert_int_eq(ask(&c[0], OP_BEGIN), E_DENIED);	/* ends the first: its place is free now */
	ck_assert_int_eq(client_open(&c[SERVER_LOGINS], dir, "people"), E_OK);
	ck_assert_int_eq(ask(&c[SERVER_LOGINS], OP_INFO), E_OK);
	/* the same user's station: all places but those of people that are taken or kept */
	for (int i = 0; i < SERVER_CLIENTS - SERVER_LOGINS; i++) {
		ck_assert_int_eq(client_open(&station[i], dir, "station"), E_OK);
		ck_assert_int_eq(ask(&station[i], OP_HISTORY), E_OK);
	}
	for (int i = 0; i < SERVER_CLIENTS - SERVER_LOGINS; i++)
		client_close(&station[i]);
	for (int i = 0; i <= SERVER_LOGINS; i++)
		client_close(&c[i]);
	stop();
}
END_TEST

START_TEST(a_station_s_connections_leave_people_their_places)
{
	static struct client c[SERVER_CLIENTS], person;

	start(ROOM_LOAD);
	for (int i = 0; i < SERVER_CLIENTS; i++) {
		enum err e = i < SERVER_CLIENTS - SERVER_PEOPLE ? E_OK : E_UNREACHABLE;

		ck_assert_int_eq(client_open(&c[i], dir, "station"), E_OK);
		ck_assert_int_eq(ask(&c[i], OP_HISTORY), e);
	}
	ck_assert_int_eq(client_open(&person, dir, "people"), E_OK);
	ck_assert_int_eq(ask(&person, OP_INFO), E_OK);
	client_close(&person);
	for (int i = 0; i < SERVER_CLIENTS; i++)
		client_close(&c[i]);
	stop();
}
END_TEST

static enum err sign(void *priv, uint8_t sig[static P256_SIG], const uint8_t digest[static 32])
{
	return p256_sign(sig, priv, digest);
}

/* A name that no screen shows, or that looks like another, is certified for nobody. (A good one gets as far as the
 * token, which is not there.) */
START_TEST(only_a_room_s_name_is_certified)
{
	static const struct {
		const char *name;
		enum err e;
	} rows[] = { { "KIF-1", E_TOKEN },
		     { "KIF\xe2\x80\x90"
		       "1",
		       E_FORMAT },
		     { "KIF-1\xc2\x85", E_FORMAT },
		     { "KIF  1", E_FORMAT } };
	static struct client c;
	struct key priv = { { 1 }, 32 };
	const struct pki_signer signer = { sign, &priv };
	uint8_t point[P256_POINT], der[PKI_MAX];
	size_t len = 0;

	start(ROOM_CA);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	ck_assert_int_eq(p256_public(point, &priv), E_OK);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		ck_assert_int_eq(pki_request(der, &len, sizeof der, point, rows[i].name, &signer), E_OK);
		record_begin(&request, OP_CERTIFY);
		record_put_text(&request, F_ROLE, "load");
		record_put(&request, F_CSR, (struct span){ der, len });
		ck_assert_int_eq(client_call(&c, &request), rows[i].e);
	}
	client_close(&c);
	stop();
}
END_TEST

/* --- Two people --------------------------------------------------------------------------------------------------- */

static const char *const phrase = "one of my passphrases";

/* This process's user as the custodian "me", whose passphrase costs less to try than usual, and two others: the room
 * goes by its people from now on. */
static void appoint(void)
{
	struct passphrase_verifier v = { .cost = { 14, 8, 1 } };
	struct person p = { .name = "me", .uid = (uint32_t)getuid(), .roles = PERSON_CUSTODIAN };
	struct wr w;

	ck_assert_int_eq(journal_person_add(journal, &p), E_OK);
	ck_assert_int_eq(journal_person(&p, journal, "me", 0), E_OK);
	ck_assert_int_eq(passphrase_derive(v.check, &v.cost, v.salt, (struct span){ (const uint8_t *)phrase, strlen(phrase) }),
			 E_OK);
	wr_init(&w, p.verifier, sizeof p.verifier);
	passphrase_verifier_put(&w, &v);
	p.passphrase = true;
	ck_assert_int_eq(journal_person_set(journal, &p), E_OK);
	for (unsigned i = 0; i < 2; i++) {
		p = (struct person){ .uid = (uint32_t)getuid() + 1 + i, .roles = PERSON_CUSTODIAN };
		snprintf(p.name, sizeof p.name, "other-%u", i);
		ck_assert_int_eq(journal_person_add(journal, &p), E_OK);
	}
}

static void become(unsigned roles)
{
	char sql[64];

	snprintf(sql, sizeof sql, "UPDATE person SET roles = %u WHERE name = 'me'", roles);
	room_sim_meddle(&room, sql);
}

static enum err login(struct client *c, const char *with)
{
	record_begin(&request, OP_LOGIN);
	record_put_text(&request, F_PASSPHRASE, with);
	return client_call(c, &request);
}

/* Asks, and waits for a second person without waiting for the answer. */
static void ask_and_wait(struct client *c, uint16_t op, uint8_t digest[static 32])
{
	struct span d;

	ck_assert_int_eq(ask(c, op), E_SECOND);
	d = field_get(c->fields, F_HASH);
	ck_assert_uint_eq(d.len, 32);
	memcpy(digest, d.p, 32);
	record_begin(&request, OP_AWAIT);
	ck_assert_int_eq(send(c->fd, request.b, request.len, 0), (ssize_t)request.len);
}

static enum err approve(struct client *c, const uint8_t digest[static 32], const char *state)
{
	record_begin(&request, OP_APPROVE);
	record_put(&request, F_HASH, (struct span){ digest, 32 });
	record_put_text(&request, F_STATE, state);
	return client_call(c, &request);
}

static bool pends(struct client *c, const uint8_t digest[static 32])
{
	struct span row;
	size_t at = 0;
	bool found = false;

	ck_assert_int_eq(ask(c, OP_PENDING), E_OK);
	while (field_next(&row, c->fields, F_ROW, &at)) {
		struct span d = field_get(row, F_HASH);

		found |= d.len == 32 && !memcmp(d.p, digest, 32);
	}
	return found;
}

/* Until the server has read the AWAIT. */
static void until_pends(struct client *c, const uint8_t digest[static 32])
{
	while (!pends(c, digest))
		;
}

/* Rows of the rules that take two, each as every role, in a room of purpose _i: with one connection, with two, asking for
 * one thing and agreeing to another. */
START_TEST(no_act_that_takes_two_is_done_by_one)
{
	static struct client c, again;
	uint8_t before[32], after[32], digest[32], gone[32] = { 0 };
	struct audit a = { 0 };
	const struct rule *r;
	int asked = 0;

	start((enum room_purpose)_i);
	appoint();
	ck_assert_int_eq(journal_digest(before, journal), E_OK);
	ck_assert_int_eq(client_open(&again, dir, "people"), E_OK);
	ck_assert_int_eq(login(&again, phrase), E_OK);
	for (size_t i = 0; (r = rule_next(i)); i++) {
		const char *row = row_of(0, r->op);

		if (!r->agrees || !strchr(row, " cla"[_i]))
			continue;
		for (unsigned role = 0; role < PERSON_ROLES; role++) {
			become(1u << role);
			ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
			if (!(r->asks >> role & 1)) {
				ck_assert_int_eq(ask(&c, r->op), E_DENIED);
				client_close(&c);
				continue;
			}
			ck_assert_int_eq(ask(&c, r->op), E_LOGIN);
			ck_assert_int_eq(login(&c, phrase), E_OK);
			ask_and_wait(&c, r->op, digest);
			until_pends(&again, digest);
			ck_assert_int_eq(approve(&again, digest, "agreed"), E_DENIED);
			ck_assert_int_eq(approve(&again, gone, "agreed"), E_LAPSED);	/* what waited before */
			digest[31] ^= 1;
			ck_assert_int_eq(approve(&again, digest, "agreed"), E_LAPSED);
			digest[31] ^= 1;
			client_close(&c);
			ck_assert_int_eq(approve(&again, digest, "agreed"), E_LAPSED);
			memcpy(gone, digest, sizeof gone);
			asked++;
		}
	}
	client_close(&again);
	ck_assert_int_gt(asked, 3);
	ck_assert_int_eq(journal_digest(after, journal), E_OK);
	ck_assert_mem_eq(before, after, sizeof before);
	while (!journal_audit_next(&a, journal, a.sequence))
		for (size_t i = 0; (r = rule_next(i)); i++)
			ck_assert_msg(!r->agrees || strcmp(a.what, server_op_name(r->op)) != 0 || a.reason[0], "%s was done",
				      a.what);
	stop();
}
END_TEST

START_TEST(an_act_that_nobody_agrees_to_lapses)
{
	static struct client c;

	short_approval = 1;
	start(ROOM_LOAD);
	appoint();
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	ck_assert_int_eq(login(&c, phrase), E_OK);
	ck_assert_int_eq(ask(&c, OP_GENERATE), E_SECOND);
	ck_assert_int_eq(ask(&c, OP_AWAIT), E_LAPSED);
	ck_assert_int_eq(ask(&c, OP_AWAIT), E_LAPSED);		/* and there is nothing any more */
	client_close(&c);
	stop();
}
END_TEST

START_TEST(whatever_else_is_asked_withdraws_an_act)
{
	static struct client c, again;
	static const uint16_t ops[] = { OP_GENERATE, OP_PUT, OP_INFO, OP_LOGIN, OP_PENDING };

	start(ROOM_LOAD);
	appoint();
	ck_assert_int_eq(client_open(&again, dir, "people"), E_OK);
	for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
		ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
		ck_assert_int_eq(login(&c, phrase), E_OK);
		ck_assert_int_eq(ask(&c, OP_GENERATE), E_SECOND);
		ck_assert_int_eq(ask(&c, ops[i]), E_DENIED);
		ck_assert(ended(&c));
		client_close(&c);
	}
	ck_assert_int_eq(ask(&again, OP_PENDING), E_OK);
	ck_assert_ptr_null(field_get(again.fields, F_ROW).p);
	client_close(&again);
	stop();
}
END_TEST

/* Each as long as may be shown: the list comes in pieces. One that is longer is refused, and that stands in the audit. */
START_TEST(nobody_s_acts_keep_another_s_out_of_the_list)
{
	enum { ACTS = 5 };
	static struct client c[ACTS], again;
	uint8_t digest[ACTS][32];
	uint64_t more = 1, since = 0;
	struct audit a;
	int found = 0, pieces = 0;

	start(ROOM_LOAD);
	appoint();
	become(PERSON_OPERATOR);
	ck_assert_int_eq(client_open(&again, dir, "people"), E_OK);
	for (int i = 0; i < ACTS; i++) {
		ck_assert_int_eq(client_open(&c[i], dir, "people"), E_OK);
		ck_assert_int_eq(login(&c[i], phrase), E_OK);
		for (int terminals = i ? 750 : 1500; terminals; terminals = terminals == 1500 ? 750 : 0) {
			record_begin(&request, OP_OPEN);
			for (int t = 0; t < terminals; t++)
				record_put_text(&request, F_SERIAL, "TERMINAL-0000001");
			ck_assert_int_eq(client_call(&c[i], &request), terminals == 1500 ? E_RANGE : E_SECOND);
			if (terminals != 1500)
				continue;
			ck_assert_int_eq(journal_audit_head(&a, journal), E_OK);
			ck_assert_str_eq(a.what, "open");
			ck_assert_str_eq(a.reason, err_text(E_RANGE));
		}
		memcpy(digest[i], field_get(c[i].fields, F_HASH).p, 32);
		record_begin(&request, OP_AWAIT);
		ck_assert_int_eq(send(c[i].fd, request.b, request.len, 0), (ssize_t)request.len);
	}
	/* until all have been read: those that wait, in all pieces */
	while (found < ACTS) {
		found = pieces = 0;
		for (more = 1, since = 0; more; pieces++) {
			struct span row;
			size_t at = 0;

			record_begin(&request, OP_PENDING);
			record_put_number(&request, F_SINCE, since);
			ck_assert_int_eq(client_call(&again, &request), E_OK);
			while (field_next(&row, again.fields, F_ROW, &at))
				for (int i = 0; i < ACTS; i++)
					found += !memcmp(field_get(row, F_HASH).p, digest[i], 32);
			ck_assert_int_eq(field_number(&more, again.fields, F_MORE, 1), E_OK);
			ck_assert_int_eq(field_number(&since, again.fields, F_SEQUENCE, INT64_MAX), E_OK);
		}
	}
	ck_assert_int_eq(found, ACTS);
	ck_assert_int_gt(pieces, 1);
	for (int i = 0; i < ACTS; i++)
		client_close(&c[i]);
	client_close(&again);
	stop();
}
END_TEST

/* A passphrase is given once a connection, and is good for no other; who is appointed anew gives it anew. */
START_TEST(a_passphrase_is_good_for_its_connection_and_its_person)
{
	static struct client c, other;
	char sql[96];

	start(ROOM_LOAD);
	appoint();
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	ck_assert_int_eq(client_open(&other, dir, "people"), E_OK);
	ck_assert_int_eq(ask(&c, OP_HANDOVER), E_LOGIN);
	ck_assert_int_eq(login(&c, "one of his passphrases"), E_PASSPHRASE);
	ck_assert_int_eq(ask(&c, OP_HANDOVER), E_LOGIN);
	ck_assert_int_eq(login(&c, phrase), E_OK);
	ck_assert_int_ne(ask(&c, OP_HANDOVER), E_LOGIN);
	ck_assert_int_eq(ask(&other, OP_HANDOVER), E_LOGIN);
	/* a wrong one takes it back */
	ck_assert_int_eq(login(&c, "one of his passphrases"), E_PASSPHRASE);
	ck_assert_int_eq(ask(&c, OP_HANDOVER), E_LOGIN);
	ck_assert_int_eq(login(&c, phrase), E_OK);
	/* the same name, uid and verifier: another person */
	room_sim_meddle(&room, "UPDATE person SET row = row + 10 WHERE name = 'me'");
	ck_assert_int_eq(ask(&c, OP_HANDOVER), E_LOGIN);
	/* another person's uid */
	snprintf(sql, sizeof sql, "UPDATE person SET uid = %u WHERE name = 'me'", (unsigned)getuid() + 3);
	room_sim_meddle(&room, sql);
	ck_assert_int_eq(ask(&c, OP_HANDOVER), E_DENIED);
	ck_assert_int_eq(ask(&c, OP_INFO), E_OK);
	client_close(&c);
	client_close(&other);
	stop();
}
END_TEST

/* The process that tries a passphrase, stopped before it has an answer: that of the greatest cost that there may be */
static pid_t stopped_proof(void)
{
	pid_t proof = 0;

	while (!children(&proof, 1, server, "--proof"))
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	ck_assert_int_gt(proof, 0);
	ck_assert_int_eq(kill(proof, SIGSTOP), 0);
	return proof;
}

static void begin_login(const struct client *c)
{
	record_begin(&request, OP_LOGIN);
	record_put_text(&request, F_PASSPHRASE, "one of his passphrases");
	ck_assert_int_eq(send(c->fd, request.b, request.len, MSG_NOSIGNAL), (ssize_t)request.len);
}

static bool answered(const struct client *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

/* While a passphrase is tried the others are served, and other passphrases wait; whoever goes has guessed all the same. */
START_TEST(a_passphrase_that_is_tried_holds_up_nobody_else)
{
	static struct client c, next, other, station;
	struct person me;
	struct wr w;
	pid_t proof;
	uint8_t answer[64];

	start(ROOM_LOAD);
	appoint();
	ck_assert_int_eq(journal_person(&me, journal, "me", 0), E_OK);
	wr_init(&w, me.verifier, sizeof me.verifier);
	passphrase_verifier_put(&w, &(struct passphrase_verifier){ { 17, 8, 16 }, { 1 }, { 2 } });
	ck_assert_int_eq(wr_end(&w), E_OK);
	ck_assert_int_eq(journal_person_set(journal, &me), E_OK);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	ck_assert_int_eq(client_open(&next, dir, "people"), E_OK);
	ck_assert_int_eq(client_open(&other, dir, "people"), E_OK);
	ck_assert_int_eq(client_open(&station, dir, "station"), E_OK);
	begin_login(&c);
	proof = stopped_proof();
	begin_login(&next);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(ask(&other, OP_INFO), E_OK);
		ck_assert_int_eq(ask(&station, OP_HISTORY), E_OK);
	}
	ck_assert(!answered(&c) && !answered(&next));
	ck_assert_int_eq(children((pid_t[2]){ 0 }, 2, server, "--proof"), 1);
	/* it dies: that login has failed, and the next is tried */
	ck_assert_int_eq(kill(proof, SIGKILL), 0);
	ck_assert_int_eq(recv(c.fd, answer, sizeof answer, 0), 14);
	ck_assert_uint_eq(get_be16(answer), OP_LOGIN);
	ck_assert_uint_eq(get_be64(answer + 6), E_INTERNAL);
	proof = stopped_proof();
	ck_assert_int_eq(ask(&c, OP_HANDOVER), E_LOGIN);
	/* whoever goes is not waited for, and the guess was one */
	client_close(&next);
	ck_assert_int_eq(ask(&other, OP_INFO), E_OK);
	ck_assert_int_eq(journal_person(&me, journal, "me", 0), E_OK);
	ck_assert_uint_eq(me.wrong, 2);
	ck_assert_int_eq(kill(proof, SIGKILL), 0);
	client_close(&c);
	client_close(&other);
	client_close(&station);
	stop();
}
END_TEST

/* Signs, as the card of "me" that appoint_card() has made, for what is asked next. */
static const struct key card = { { 7 }, 32 };

static void appoint_card(void)
{
	char sql[256] = "UPDATE person SET card = x'";
	uint8_t point[P256_POINT];

	ck_assert_int_eq(p256_public(point, &card), E_OK);
	hex_encode(sql + strlen(sql), point, sizeof point);
	strcat(sql, "' WHERE name = 'me'");
	room_sim_meddle(&room, sql);
}

static void sign_next(struct client *c, uint16_t op, struct record *login)
{
	uint8_t request_hash[32], digest[32], sig[P256_SIG];

	ck_assert_int_eq(ask(c, OP_WHO), E_OK);
	record_begin(&request, op);
	ck_assert_int_eq(sha256(request_hash, &(struct span){ request.b, request.len }, 1), E_OK);
	ck_assert_int_eq(card_digest(digest, "Room", field_get(c->fields, F_NONCE).p, "me", (uint32_t)getuid(), request_hash), E_OK);
	ck_assert_int_eq(p256_sign(sig, &card, digest), E_OK);
	record_begin(login, OP_LOGIN);
	record_put(login, F_HASH, SPAN(request_hash));
	record_put(login, F_SIGNATURE, SPAN(sig));
}

START_TEST(a_card_s_signature_is_good_for_one_request_once)
{
	static struct client c, other;
	static struct record signature;

	start(ROOM_LOAD);
	appoint();
	appoint_card();
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	ck_assert_int_eq(client_open(&other, dir, "people"), E_OK);
	ck_assert_int_eq(login(&c, phrase), E_DENIED);			/* no passphrase beside it */
	sign_next(&c, OP_HANDOVER, &signature);
	ck_assert_int_ne(client_call(&other, &signature), E_OK);	/* another connection's nonce */
	ck_assert_int_eq(client_call(&c, &signature), E_OK);
	ck_assert_int_eq(client_call(&c, &signature), E_FORMAT);	/* its nonce is used up */
	ck_assert_int_eq(ask(&c, OP_CRL), E_ROOM_PURPOSE);		/* ends this connection */
	client_close(&c);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	sign_next(&c, OP_HANDOVER, &signature);
	ck_assert_int_eq(client_call(&c, &signature), E_OK);
	ck_assert_int_eq(ask(&c, OP_GENERATE), E_LOGIN);		/* another request */
	ck_assert_int_eq(ask(&c, OP_HANDOVER), E_LOGIN);		/* and that spent it */
	sign_next(&c, OP_HANDOVER, &signature);
	ck_assert_int_eq(client_call(&c, &signature), E_OK);
	ck_assert_int_ne(ask(&c, OP_HANDOVER), E_LOGIN);
	ck_assert_int_eq(ask(&c, OP_HANDOVER), E_LOGIN);
	sign_next(&c, OP_GENERATE, &signature);
	ck_assert_int_eq(client_call(&c, &signature), E_OK);
	ck_assert_int_eq(ask(&c, OP_GENERATE), E_SECOND);
	client_close(&c);
	client_close(&other);
	stop();
}
END_TEST

START_TEST(a_room_with_people_opens_no_session_for_a_station_alone)
{
	static struct client c;

	start(ROOM_LOAD);
	ck_assert_int_eq(client_open(&c, dir, "station"), E_OK);
	put_session("TC-1");
	ck_assert_int_eq(client_call(&c, &request), E_OK);
	client_close(&c);
	appoint();
	ck_assert_int_eq(client_open(&c, dir, "station"), E_OK);
	put_session("TC-1");
	ck_assert_int_eq(client_call(&c, &request), E_DENIED);
	ck_assert_ptr_nonnull(strstr(c.why, "bdk session"));
	record_begin(&request, OP_SESSION);			/* nor one that zeroizes */
	record_put_text(&request, F_SERIAL, "TC-1");
	ck_assert_int_eq(client_call(&c, &request), E_DENIED);
	client_close(&c);
	stop();
}
END_TEST

/* --- The journal -------------------------------------------------------------------------------------------------- */

START_TEST(nothing_is_answered_that_cannot_be_audited)
{
	static struct client c;

	start(ROOM_CA);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	record_begin(&request, OP_REVOKE);
	record_put_text(&request, F_SERIAL, "TC-1");
	record_put_text(&request, F_REASON, "lost");
	ck_assert_int_eq(client_call(&c, &request), E_UNKNOWN_DEVICE);
	ck_assert_int_eq(journal_begin(journal), E_OK);		/* nobody else writes now */
	ck_assert_int_eq(client_call(&c, &request), E_JOURNAL);
	ck_assert_int_eq(ask(&c, OP_INFO), E_OK);		/* reading is not audited */
	journal_rollback(journal);
	record_begin(&request, OP_REVOKE);
	record_put_text(&request, F_SERIAL, "TC-1");
	record_put_text(&request, F_REASON, "lost");
	ck_assert_int_eq(client_call(&c, &request), E_UNKNOWN_DEVICE);
	client_close(&c);
	stop();
}
END_TEST

START_TEST(reading_that_is_refused_stands_in_the_audit)
{
	static struct client c;
	struct audit a;

	start(ROOM_LOAD);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	record_begin(&request, OP_LIST);
	record_put_text(&request, F_SINCE, "not a number");
	ck_assert_int_eq(client_call(&c, &request), E_FORMAT);
	ck_assert_int_eq(journal_audit_head(&a, journal), E_OK);
	ck_assert_uint_eq(a.sequence, 1);
	ck_assert_str_eq(a.what, "list");
	ck_assert_str_eq(a.reason, err_text(E_FORMAT));
	client_close(&c);
	stop();
}
END_TEST

START_TEST(lists_come_whole_in_pieces)
{
	static struct client c;
	char serial[16];
	uint64_t more = 1, since = 0;
	int pieces = 0, rows = 0;
	struct span row;

	start(ROOM_CA);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	record_begin(&request, OP_EXPECT);
	for (int i = 0; i < 2000; i++) {
		snprintf(serial, sizeof serial, "TC-%04d", i);
		record_put_text(&request, F_SERIAL, serial);
	}
	ck_assert_int_eq(client_call(&c, &request), E_OK);
	while (more) {
		size_t at = 0;

		record_begin(&request, OP_DEVICES);
		record_put_number(&request, F_SINCE, since);
		ck_assert_int_eq(client_call(&c, &request), E_OK);
		while (field_next(&row, c.fields, F_ROW, &at)) {
			char expected[16];

			snprintf(expected, sizeof expected, "TC-%04d", rows++);
			ck_assert_int_eq(field_text(serial, sizeof serial, row, F_SERIAL), E_OK);
			ck_assert_str_eq(serial, expected);
		}
		ck_assert_int_eq(field_number(&more, c.fields, F_MORE, 1), E_OK);
		ck_assert_int_eq(field_number(&since, c.fields, F_SEQUENCE, UINT64_MAX), E_OK);
		pieces++;
	}
	ck_assert_int_eq(rows, 2000);
	ck_assert_int_gt(pieces, 1);
	client_close(&c);
	stop();
}
END_TEST

START_TEST(a_room_without_bdkd_and_a_folder_without_a_room_are_told_apart)
{
	static struct client c;
	char conf[128];

	start(ROOM_LOAD);
	ck_assert_int_eq(kill(server, SIGKILL), 0);		/* its sockets stay behind */
	ck_assert_int_eq(waitpid(server, NULL, 0), server);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_UNREACHABLE);
	snprintf(conf, sizeof conf, "%s/people.sock", dir);
	ck_assert_int_eq(unlink(conf), 0);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_UNREACHABLE);
	snprintf(conf, sizeof conf, "%s/room.conf", dir);
	ck_assert_int_eq(unlink(conf), 0);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_ROOM);
	journal_close(journal);
	test_folder_remove(dir);
	ck_assert_int_eq(client_open(&c, dir, "people"), E_ROOM);
	ck_assert_str_eq(c.why, "no such folder");
}
END_TEST

/* Nobody asks anything meanwhile: bdkd wakes by itself. */
START_TEST(an_entry_of_components_ends_in_time)
{
	static struct client c;
	struct audit a = { 0 };
	bool found = false;

	entered = true;
	start(ROOM_LOAD);
	entered = false;
	while (!found) /* or the test's own limit */
		if (journal_audit_next(&a, journal, a.sequence))
			usleep(10000);
		else
			found = !strcmp(a.what, "enter") && !strcmp(a.who, "bdkd") && strstr(a.object, "0 of 2 components: wiped") &&
				!strcmp(a.reason, "nobody went on with it in time");
	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	ck_assert_int_eq(ask(&c, OP_WITHDRAW), E_LAPSED);
	ck_assert_str_eq(c.why, "nobody went on with it in time");
	client_close(&c);
	stop();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("server");
	TCase *t = tcase_create("server");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, an_act_without_its_record_does_not_happen);
	tcase_add_test(t, a_share_without_its_record_is_not_given);
	tcase_add_loop_test(t, what_the_table_does_not_permit_ends_the_connection, ROOM_CA, ROOM_ACQUIRER + 1);
	tcase_add_loop_test(t, a_locked_room_says_what_it_is_and_nothing_else, ROOM_CA, ROOM_ACQUIRER + 1);
	tcase_add_test(t, a_session_is_opened_once_and_for_its_terminals);
	tcase_add_test(t, a_session_without_a_key_set_zeroizes_and_does_not_load);
	tcase_add_test(t, random_bytes_do_not_end_the_server);
	tcase_add_test(t, a_record_that_is_too_long_is_refused);
	tcase_add_test(t, a_client_that_never_reads_blocks_nobody);
	tcase_add_test(t, a_user_s_logins_leave_places_to_other_people_and_to_stations);
	tcase_add_test(t, a_station_s_connections_leave_people_their_places);
	tcase_add_test(t, only_a_room_s_name_is_certified);
	tcase_add_loop_test(t, no_act_that_takes_two_is_done_by_one, ROOM_CA, ROOM_ACQUIRER + 1);
	tcase_add_test(t, an_act_that_nobody_agrees_to_lapses);
	tcase_add_test(t, whatever_else_is_asked_withdraws_an_act);
	tcase_add_test(t, nobody_s_acts_keep_another_s_out_of_the_list);
	tcase_add_test(t, a_passphrase_is_good_for_its_connection_and_its_person);
	tcase_add_test(t, a_passphrase_that_is_tried_holds_up_nobody_else);
	tcase_add_test(t, a_card_s_signature_is_good_for_one_request_once);
	tcase_add_test(t, a_room_with_people_opens_no_session_for_a_station_alone);
	tcase_add_test(t, nothing_is_answered_that_cannot_be_audited);
	tcase_add_test(t, reading_that_is_refused_stands_in_the_audit);
	tcase_add_test(t, lists_come_whole_in_pieces);
	tcase_add_test(t, an_entry_of_components_ends_in_time);
	tcase_add_test(t, a_room_without_bdkd_and_a_folder_without_a_room_are_told_apart);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
