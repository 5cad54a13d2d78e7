/*
 * Hostile clients on every socket of every room: requests that are random, well-formed of the wrong things, right but for a
 * bit, cut or doubled, and out of turn, on several connections at once. Each is answered with a result that a client may
 * be told, the room goes on for others, and what a station or an acquirer asks changes no key set, terminal or load.
 *
 * Real rooms, with tokens, workers and parser; the server runs in a process of its own. tests/tools/rogue.c is the station
 * that knows the loading protocol.
 */
#include "bdk/client.h"
#include "bdk/server.h"
#include "crypto/sha256.h"
#include "tests/lib/children.h"
#include "tests/lib/krd_sim.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REQUESTS = 1500, OPS = 120, CONNECTIONS = 3, PATIENCE = 60000, SLACK = 3 };

static struct room_sim sim;
static struct krd_sim tc1;
static struct room *room;
static char dir[PATH_MAX];
static pid_t server;
static uint8_t before[32]; /* digest of its journal */

static const struct front {
	enum room_purpose purpose;
	enum role role;
} fronts[] = {
	{ ROOM_CA, ROLE_PEOPLE },    { ROOM_LOAD, ROLE_PEOPLE },       { ROOM_ACQUIRER, ROLE_PEOPLE },
	{ ROOM_LOAD, ROLE_STATION }, { ROOM_ACQUIRER, ROLE_ACQUIRER },
};
static const struct front *front;

/* --- Chance, the same each time --- */

static uint32_t state;

static uint32_t chance(uint32_t below)
{
	state = state * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(state >> 4) * below >> 28);
}

static void noise(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)chance(256);
}

/* --- Requests --- */

static struct record request;
static uint8_t package[EXCHANGE_MAX], csr[PKI_MAX], list[PKI_MAX], offer[MSG_MAX];
static size_t package_len, csr_len, list_len, offer_len;

/* What may well stand in a field: right somewhere, if not here. */
static void put_value(uint16_t tag)
{
	static const char *const texts[] = {
		"TC1",      "FFFF987654", "12345678",
		"tdes",     "aes128",     "load",
		"acquirer", "suspended",  "active",
		"reject",   "a",          "",
		"\033[2J",  "00",         "0123456789012345678901234567890123456789012345678901234567890123456789"
	};
	static const uint64_t numbers[] = { 0, 1, 2, 3, 4, 9, 255, 256, UINT32_MAX, UINT64_MAX, (uint64_t)1 << 63 };
	static const uint8_t ksn[] = { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0, 0, 0, 0, 1, 0, 0 };
	const struct span whole[] = { der_span(&sim.load.own),
				      der_span(&sim.acquirer.own),
				      der_span(&sim.load.device_ca),
				      der_span(&sim.load.kif_ca),
				      der_span(&sim.load.exchange_ca),
				      der_span(&tc1.cert),
				      { package, package_len },
				      { csr, csr_len },
				      { list, list_len },
				      { offer, offer_len } };
	static uint8_t b[3000];
	size_t len;

	switch (chance(6)) {
	case 0:
		record_put_text(&request, tag, texts[chance(sizeof texts / sizeof *texts)]);
		break;
	case 1:
		record_put_number(&request, tag, numbers[chance(sizeof numbers / sizeof *numbers)]);
		break;
	case 2:
		record_put(&request, tag, (struct span){ ksn, 8 + chance(5) });
		break;
	case 3:
		len = chance(2) ? chance(80) : chance(sizeof b);
		noise(b, len);
		record_put(&request, tag, (struct span){ b, len });
		break;
	default: {
		struct span s = whole[chance(sizeof whole / sizeof *whole)];

		memcpy(b, s.p, s.len);
		len = s.len;
		if (len && !chance(3))
			b[chance((uint32_t)len)] ^= (uint8_t)(1u << chance(8));
		if (len && !chance(6))
			len = chance((uint32_t)len);
		record_put(&request, tag, (struct span){ b, len });
		break;
	}
	}
}

/* What each op reads, after bdk/request.h. */
static const struct {
	uint16_t op, tags[6];
} reads[] = {
	{ OP_AUDIT, { F_SINCE } },
	{ OP_PUT, { F_PIECE } },
	{ OP_FETCH, { F_SINCE } },
	{ OP_CERTIFY, { F_ROLE, F_CSR } },
	{ OP_INSTALL, { F_CERT, F_DEVICE_CA, F_KIF_CA, F_EXCHANGE_CA } },
	{ OP_DISOWN, { F_CERT, F_REASON } },
	{ OP_GENERATE, { F_SCHEME, F_CERT, F_KEY_SET, F_FIRST, F_LAST } },
	{ OP_IMPORT, { F_PACKAGE, F_FROM, F_UNTIL } },
	{ OP_PACKAGE, { F_KEY_SET } },
	{ OP_STATE, { F_KEY_SET, F_STATE, F_REASON } },
	{ OP_COMPROMISE, { F_KEY_SET, F_REASON } },
	{ OP_DESTROY, { F_KEY_SET, F_REASON } },
	{ OP_PERIOD, { F_KEY_SET, F_FROM, F_UNTIL } },
	{ OP_BELOW, { F_KEY_SET, F_SINCE } },
	{ OP_LIFE, { F_KEY_SET, F_SINCE } },
	{ OP_DESTROYED, { F_KEY_SET } },
	{ OP_HANDOVER, { F_KEY_SET, F_SINCE } },
	{ OP_EXPECT, { F_SERIAL } },
	{ OP_ENROL, { F_SERIAL } },
	{ OP_ENROL_CSR, { F_MESSAGE } },
	{ OP_ENROL_DIGEST, { F_DIGEST } },
	{ OP_ENROL_DONE, { F_MESSAGE } },
	{ OP_REVOKE, { F_SERIAL, F_REASON } },
	{ OP_SESSION, { F_KEY_SET, F_SLOT, F_SERIAL, F_SERIAL } },
	{ OP_BEGIN, { F_SERIAL } },
	{ OP_OFFER, { F_MESSAGE } },
	{ OP_RECEIPT, { F_SERIAL, F_MESSAGE } },
	{ OP_ABORT, { F_REASON } },
	{ OP_HISTORY, { F_SINCE } },
	{ OP_ZEROIZE, { F_MESSAGE, F_SLOT, F_REASON } },
	{ OP_WIPED, { F_SERIAL, F_MESSAGE } },
	{ OP_RECOVER, { F_KSN, F_PIN_BLOCK, F_PIN_FORMAT, F_PAN, F_MAC, F_MAC_DATA } },
};

/* What works, so that what is behind it is reached. */
static void put_recover(void)
{
	static const uint8_t ksn[] = { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 1 }, block[8] = { 1 };

	record_begin(&request, OP_RECOVER);
	record_put(&request, F_KSN, SPAN(ksn));
	if (chance(2)) {
		record_put(&request, F_MAC, (struct span){ block, 4 });
		record_put(&request, F_MAC_DATA, SPAN(ksn));
	}
}

static void put_session(void)
{
	record_begin(&request, OP_SESSION);
	if (chance(3)) {
		record_put_text(&request, F_KEY_SET, "FFFF987654");
		record_put_number(&request, F_SLOT, chance(2));
	}
	record_put_text(&request, F_SERIAL, "TC1");
}

static void make_request(void)
{
	const uint16_t *tags = NULL;
	bool mine = chance(12), station = front->role == ROLE_STATION;
	uint16_t op;

	do
		op = (uint16_t)chance(OPS);
	while (mine && !server_op(front->role, op));
	if (station && !chance(4)) {
		put_session();
		return;
	}
	if (station && !chance(5)) {
		record_begin(&request, OP_BEGIN);
		record_put_text(&request, F_SERIAL, "TC1");
		return;
	}
	if (front->role == ROLE_ACQUIRER && !chance(4)) {
		put_recover();
		return;
	}
	record_begin(&request, op);
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++)
		if (reads[i].op == op)
			tags = reads[i].tags;
	for (size_t i = 0; tags && i < 6 && tags[i]; i++)
		if (chance(10))
			put_value(tags[i]);
	while (!chance(4))
		put_value((uint16_t)chance(72));
	if (!chance(8)) { /* a field of fields */
		size_t at = record_open(&request, F_ROW);

		put_value((uint16_t)chance(72));
		record_close(&request, at);
	}
	ck_assert_int_eq(request.e, E_OK);
}

/* Cut, flipped, doubled, or nothing but noise. */
static void hurt(void)
{
	size_t at;

	switch (chance(5)) {
	case 0:
		request.len = chance((uint32_t)request.len) + 1;
		break;
	case 1:
		for (unsigned n = 1 + chance(4); n; n--)
			request.b[chance((uint32_t)request.len)] ^= (uint8_t)(1u << chance(8));
		break;
	case 2:
		at = chance((uint32_t)request.len);
		memcpy(request.b + request.len, request.b + at, request.len - at);
		request.len += request.len - at;
		break;
	case 3:
		request.len = 1 + chance(400);
		noise(request.b, request.len);
		break;
	default:
		put_be32(request.b + 2 + chance(request.len > 8 ? (uint32_t)request.len - 8 : 1), UINT32_MAX);
		if (request.len < 6)
			request.len = 6;
		break;
	}
}

/* --- What it may answer --- */

/* What is wrong with an answer; NULL: nothing. */
static const char *wrong(struct span answer, struct span asked)
{
	static const enum err never[] = { E_INTERNAL, E_JOURNAL, E_TOKEN, E_CRYPTO, E_IO, E_PARSER, E_UNREACHABLE };
	uint16_t op, was = asked.len < 2 ? 0 : get_be16(asked.p);
	struct span fields;
	uint64_t result;

	if (record_parse(&op, &fields, answer) || field_check(fields))
		return "it is no record";
	if (op != was)
		return "it is to another question";
	if (field_number(&result, fields, F_RESULT, 255))
		return "it has no result";
	for (size_t i = 0; i < sizeof never / sizeof *never; i++)
		if (result == (uint64_t)never[i])
			return err_text(never[i]);
	if (!server_op(front->role, was) && result != E_DENIED && result != E_FORMAT && result != E_SHORT)
		return "this socket is not for that";
	return NULL;
}

/* True: an answer came. False: the connection has ended. */
static bool answered(int fd, uint8_t *b, size_t *len)
{
	struct pollfd p = { fd, POLLIN, 0 };
	ssize_t n;

	ck_assert_msg(poll(&p, 1, PATIENCE) == 1, "no answer");
	n = recv(fd, b, RECORD_MAX, 0);
	*len = n > 0 ? (size_t)n : 0;
	return *len;
}

static void others_are_served(void)
{
	static struct client c;
	static struct record info;

	ck_assert_int_eq(client_open(&c, dir, "people"), E_OK);
	record_begin(&info, OP_INFO);
	ck_assert_int_eq(client_call(&c, &info), E_OK);
	client_close(&c);
}

/* --- The rooms --- */

static unsigned descriptors(void)
{
	char path[32];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)server);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void serve(int ready)
{
	struct server *s = NULL;
	struct door door[ROLES];
	char why[ROOM_WHY];
	bool bad = room_open(room, dir, why) || doors_find(door, &room->config, why) ||
		   server_open(&s, room, door, why) || write(ready, "x", 1) != 1 || server_run(s);

	server_close(s);
	if (!bad)
		room_close(room);
	_exit(bad);
}

static void setup(void)
{
	const struct room_key key = { &sim.load, "identity" };
	const struct pki_signer signer = { room_sign, (void *)&key };
	const struct room_key ca = { &sim.ca, "device-ca" };
	const struct pki_signer ca_signer = { room_sign, (void *)&ca };
	struct room_sim_package p;
	uint8_t point[P256_POINT];
	struct key bdk;
	struct cert by;
	int ready[2];
	char one;

	room_sim_make(&sim);
	krd_sim_enrolled(&tc1, &sim, "TC1");
	room_sim_generate(&sim, &bdk, DUKPT_TDES, "FFFF987654", 0, 9);
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF987654", "0123456789ABCDEFFEDCBA9876543210");
	package_len = room_sim_package_bytes(&sim, package, &p);
	if (front->purpose == ROOM_ACQUIRER) {
		char from[CERT_TEXT], why[EXCHANGE_WHY];
		struct key_set taken = { .utc = 0 };

		ck_assert_int_eq(
			exchange_import(&taken, from, &sim.acquirer, (struct span){ package, package_len }, why), E_OK);
	}
	room = front->purpose == ROOM_CA ? &sim.ca : front->purpose == ROOM_LOAD ? &sim.load : &sim.acquirer;
	ck_assert_int_eq(worker_point(&sim.load.worker[0], point, "identity"), E_OK);
	ck_assert_int_eq(pki_request(csr, &csr_len, sizeof csr, point, "KIF-1", &signer), E_OK);
	ck_assert_int_eq(cert_anchor(&by, der_span(&sim.ca.device_ca)), E_OK);
	ck_assert_int_eq(pki_crl(list, &list_len, sizeof list, &by, 1, 1, NULL, 0, room_utc(), 5, &ca_signer), E_OK);
	memcpy(offer, tc1.cert.b, tc1.cert.len);
	offer_len = tc1.cert.len;
	room_sim_digest(before, room);
	snprintf(dir, sizeof dir, "%s", room->dir);
	room_close(room);
	ck_assert_int_eq(pipe(ready), 0);
	server = fork();
	if (!server)
		serve(ready[1]);
	ck_assert_int_gt(server, 0);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &one, 1), 1);
	close(ready[0]);
}

START_TEST(no_client_stops_a_room_or_learns_of_its_insides)
{
	static struct client c[CONNECTIONS];
	static uint8_t answer[RECORD_MAX];
	uint8_t after[32];
	pid_t then[2][ROOM_WORKERS], now[2][ROOM_WORKERS];
	unsigned n[2], held, good = 0, refused = 0;
	static const char *const what[] = { "--worker", "--parser" };
	char why[ROOM_WHY];
	int status;

	front = &fronts[_i];
	state = 1 + (uint32_t)_i;
	setup();
	for (unsigned i = 0; i < CONNECTIONS; i++)
		c[i].fd = -1;
	others_are_served();
	held = descriptors();
	for (unsigned k = 0; k < 2; k++)
		n[k] = children(then[k], ROOM_WORKERS, server, what[k]);
	ck_assert_uint_ge(n[0], 1);
	ck_assert_uint_eq(n[1], 1);
	for (unsigned i = 0; i < REQUESTS; i++) {
		struct client *at = &c[chance(CONNECTIONS)];
		size_t len;

		if (at->fd < 0)
			ck_assert_int_eq(client_open(at, dir, door_name(front->role)), E_OK);
		make_request();
		if (!chance(3))
			hurt();
		if (send(at->fd, request.b, request.len, MSG_NOSIGNAL) != (ssize_t)request.len) {
			client_close(at);
			continue;
		}
		if (!chance(40)) { /* it goes without waiting */
			client_close(at);
			continue;
		}
		if (answered(at->fd, answer, &len)) {
			const char *no = wrong((struct span){ answer, len }, (struct span){ request.b, request.len });
			uint16_t op;
			struct span fields;

			ck_assert_msg(!no, "request %u (op %u): %s", i, get_be16(request.b), no);
			good += !record_parse(&op, &fields, (struct span){ answer, len }) && fields.len >= 14 &&
				!field_get(fields, F_RESULT).p[7];
		} else {
			refused++;
			client_close(at);
		}
		if (i % 100 == 0)
			others_are_served();
	}
	for (unsigned i = 0; i < CONNECTIONS; i++)
		client_close(&c[i]);
	others_are_served();
	for (unsigned ms = 0; ms < PATIENCE && descriptors() > held + SLACK; ms += 10) /* until it has seen that they are gone */
		poll(NULL, 0, 10);
	ck_assert_uint_le(descriptors(), held + SLACK); /* what is opened once, when it is first needed, is no leak */
	ck_assert_uint_gt(good, 20); /* some were in order */
	ck_assert_uint_gt(refused, 20);
	/* Its workers and parser are those it began with. */
	for (unsigned k = 0; k < 2; k++) {
		ck_assert_uint_eq(children(now[k], ROOM_WORKERS, server, what[k]), n[k]);
		ck_assert_mem_eq(then[k], now[k], n[k] * sizeof(pid_t));
	}
	ck_assert_int_eq(kill(server, SIGTERM), 0);
	ck_assert_int_eq(waitpid(server, &status, 0), server);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the server ended with %d", status);
	ck_assert_int_eq(room_open(room, dir, why), E_OK); /* the audit's chain and all */
	room_sim_digest(after, room);
	if (front->role != ROLE_PEOPLE)
		ck_assert_mem_eq(before, after, sizeof before);
	room_sim_remove(&sim);
}
END_TEST

START_TEST(the_twin_that_tells_of_its_insides_is_caught)
{
	struct span asked = { request.b, 2 };

	front = &fronts[0];
	put_be16(request.b, OP_INFO);
	for (int right = 0; right < 2; right++) {
		static struct record out;

		record_begin(&out, OP_INFO);
		record_put_number(&out, F_RESULT, right ? E_OK : E_INTERNAL);
		ck_assert((wrong((struct span){ out.b, out.len }, asked) == NULL) == right);
		ck_assert_ptr_nonnull(wrong((struct span){ out.b, out.len - 1 }, asked));
		put_be16(request.b, OP_LIST);
		ck_assert_ptr_nonnull(wrong((struct span){ out.b, out.len }, asked));
		put_be16(request.b, OP_RECOVER);
		put_be16(out.b, OP_RECOVER);
		ck_assert_ptr_nonnull(wrong((struct span){ out.b, out.len }, asked));
		put_be16(request.b, OP_INFO);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("hostile clients");
	TCase *t = tcase_create("hostile clients");

	suite_add_tcase(s, t);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, no_client_stops_a_room_or_learns_of_its_insides, 0, sizeof fronts / sizeof *fronts);
	tcase_add_test(t, the_twin_that_tells_of_its_insides_is_caught);
	return s;
}

int main(void)
{
	return test_main(suite());
}
