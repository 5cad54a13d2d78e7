/*
 * 10,000 device ids, asked for by several clients at a time, of a room that is killed and opened again under them: no id
 * comes twice, and every id below the last is a load in the journal or skipped there. A twin whose journal forgets its
 * last load and claim when it is killed is found.
 */
#include "bdk/lease.h"
#include "tests/lib/process.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS = 4, EACH = 2500, KILLS = 5, IDS = CLIENTS * EACH, MOST = IDS + KILLS * MARK_BLOCK };

static char dir[64];
static struct room r;
static struct key_set_id set;

static void open_room(void)
{
	char room[80], why[ROOM_WHY];

	snprintf(room, sizeof room, "%s/room", dir);
	ck_assert_msg(!room_open(&r, room, why), "%s", why);
	ck_assert_str_eq(r.mark.locked, "");
}

static void make_room(void)
{
	const struct room_config config = { .purpose = ROOM_LOAD, .test = true, .name = "R" };
	struct key_set s = { .state = KEY_SET_ACTIVE, .kcv = { { 1, 2, 3 }, 3 } };
	struct lease l = { .number = 1, .last = 524287, .epoch = 1 };
	char room[80], why[ROOM_WHY];

	test_folder_make(dir, sizeof dir);
	snprintf(room, sizeof room, "%s/room", dir);
	ck_assert_int_eq(room_init(room, &config, &(struct room_birth){ .who.n = 0 }, why), E_OK);
	open_room();
	ck_assert_int_eq(key_set_parse(&s.id, "FFFF987654", DUKPT_TDES), E_OK);
	ck_assert_int_eq(journal_key_set_add(r.journal, &s), E_OK);
	set = l.set = s.id;
	ck_assert_int_eq(journal_lease_add(r.journal, &l), E_OK);
}

static void remove_room(void)
{
	room_close(&r);
	test_folder_remove(dir);
}

/* A client: asks for its ids one after the other, as a station with many terminals does. Status 0: it got them all. */
static void be_a_client(int fd, unsigned which, unsigned each)
{
	for (uint32_t i = 0; i < each; i++) {
		uint32_t ask[2] = { which, i }, id;

		if (send(fd, ask, sizeof ask, MSG_NOSIGNAL) != sizeof ask || recv(fd, &id, sizeof id, 0) != sizeof id)
			_exit(1);
	}
	_exit(0);
}

/* One allocation, as a loading makes it (bdk/kdh.c). */
static uint32_t allocate(const uint32_t ask[2])
{
	struct load l = { .first_count = ask[1], .firmware = "1", .point = { 4 } };
	char why[MARK_WHY] = "";
	enum err e = E_LOCKED;

	snprintf(l.serial, sizeof l.serial, "TC-%u", ask[0]);
	memset(l.spki, (int)ask[0] + 1, sizeof l.spki);
	for (int tries = 0; tries < 2 && e == E_LOCKED; tries++) {
		ck_assert_int_eq(journal_begin(r.journal), E_OK);
		e = lease_take(&l.set, &l.id, &r, &set, l.serial, 0, why);
		if (!e)
			e = journal_load_add(r.journal, &l);
		if (!e)
			e = journal_commit(r.journal);
		else
			journal_rollback(r.journal);
		if (e == E_LOCKED)
			ck_assert_int_eq(mark_claim(&r, why), E_OK);
	}
	ck_assert_msg(!e, "%s", why);
	return l.id;
}

START_TEST(no_id_comes_twice_and_every_gap_is_explained)
{
	static bool seen[MOST];
	struct pollfd fd[CLIENTS];
	static const char forget[] = "DELETE FROM claim; DELETE FROM event WHERE load = (SELECT max(row) FROM load);"
				     "DELETE FROM load WHERE row = (SELECT max(row) FROM load);"
				     "UPDATE lease SET next = next - 1";
	const unsigned ids = _i ? 60 : IDS;
	unsigned served = 0, kills = 0, highest = 0, twice = 0;
	uint64_t skipped = 0;
	pid_t pid[CLIENTS];

	mark_stop(&r);
	room_close(&r);		/* whose locks the clients would inherit */
	for (unsigned i = 0; i < CLIENTS; i++) {
		int pair[2];

		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		pid[i] = fork();
		ck_assert_int_ge(pid[i], 0);
		if (!pid[i])
			be_a_client(pair[1], i, ids / CLIENTS);
		close(pair[1]);
		fd[i] = (struct pollfd){ pair[0], POLLIN, 0 };
	}
	open_room();
	while (served < ids) {
		ck_assert_int_gt(poll(fd, CLIENTS, -1), 0);
		for (unsigned i = 0; i < CLIENTS; i++) {
			uint32_t ask[2], id;

			if (!(fd[i].revents & POLLIN) || recv(fd[i].fd, ask, sizeof ask, 0) != sizeof ask)
				continue;
			id = allocate(ask);
			ck_assert_uint_lt(id, MOST);
			twice += seen[id];
			seen[id] = true;
			highest = id > highest ? id : highest;
			served++;
			if (served % (ids / (KILLS + 1)) == 7 && kills < KILLS) {
				if (_i)
					room_sim_meddle(&r, forget);
				room_close(&r);		/* as if it was killed: nobody is told */
				open_room();
				kills++;
			}
			ck_assert_int_eq(send(fd[i].fd, &id, sizeof id, MSG_NOSIGNAL), sizeof id);
		}
	}
	for (unsigned i = 0; i < CLIENTS; i++) {
		int status;

		close(fd[i].fd);
		ck_assert_int_eq(waitpid(pid[i], &status, 0), pid[i]);
		ck_assert_int_eq(status, 0);
	}
	ck_assert_uint_eq(kills, KILLS);
	ck_assert_uint_eq(twice, _i ? KILLS : 0);
	if (_i)
		return;
	ck_assert_int_eq(journal_skipped(&skipped, r.journal, &set), E_OK);
	ck_assert_uint_gt(skipped, 0);
	ck_assert_uint_eq(highest + 1, IDS + skipped);
	printf("%u ids for %u clients, %u kills, %llu ids skipped\n", served, CLIENTS, kills, (unsigned long long)skipped);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("allocate");
	TCase *t = tcase_create("allocate");

	tcase_add_checked_fixture(t, make_room, remove_room);
	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, no_id_comes_twice_and_every_gap_is_explained, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
