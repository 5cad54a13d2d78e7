/*
 * Device ids over the real sockets: bdkd with two workers, stations in processes of their own that load one terminal after
 * the other, and kills in between, of one worker, of both, of the supervisor, which is started again each time. Afterwards
 * every id that a station ever got is one that no other load got, and every id below the highest is either a load of the
 * terminal that got it, or the rest of a block that a supervisor had claimed when it was killed; `bdk list` says the same.
 *
 *     stations LOADS KILLS [repeated | lost]
 *
 * repeated, lost: twins whose journal is changed while nobody serves it, so that an id comes a second time, or that some are
 * passed over. Status 1, with a line, where something is wrong; 2 where nothing could be said.
 */
#include "bdk/client.h"
#include "tests/lib/children.h"
#include "tests/lib/krd_sim.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STATIONS = 4, EACH = 8, TERMINALS = STATIONS * EACH, WORKERS = 2, IDS = 65536, PATIENCE_S = 120 };

static struct room_sim sim;
static const char id_text[] = "44556677";
/* What the stations share; each has its own terminals. */
static struct shared {
	struct krd_sim terminal[TERMINALS];
	unsigned keys;            /* KEYs that came */
	unsigned again;           /* loadings that had to begin again */
	unsigned char times[IDS]; /* how often a station got this id */
	unsigned char terminal_of[IDS];
} * shared;

static void end(int status, const char *what, ...) __attribute__((format(printf, 2, 3), noreturn));
static void end(int status, const char *what, ...)
{
	va_list ap;

	va_start(ap, what);
	vprintf(what, ap);
	va_end(ap);
	putchar('\n');
	fflush(stdout);
	_exit(status);
}

static void need(bool ok, const char *what)
{
	if (!ok)
		end(2, "stations: %s", what);
}

static void nap(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* A process that does not outlive this one. */
static pid_t process(void)
{
	pid_t pid = fork();

	need(pid >= 0, "fork");
	need(pid || !prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
	return pid;
}

/* --- Stations ----------------------------------------------------------------------------------------------------- */

/* False: what was asked died over it. */
static bool ask(struct client *c, const struct record *r)
{
	enum err e = client_call(c, r);

	if (e && e != E_UNREACHABLE && e != E_TOKEN)
		end(1, "refused: %s", *c->why ? c->why : err_text(e));
	return !e;
}

static void got(const struct krd_sim *k, unsigned which)
{
	uint32_t id = get_be32(k->slot[0].ksn.b + 4);

	need(k->slot[0].ksn.len == 12 && id < IDS, "no such device id");
	__atomic_store_n(&shared->terminal_of[id], (unsigned char)which, __ATOMIC_RELAXED);
	__atomic_add_fetch(&shared->times[id], 1, __ATOMIC_RELAXED);
	__atomic_add_fetch(&shared->keys, 1, __ATOMIC_RELAXED);
}

/* From SESSION to KEY. False: what was asked died over it. */
static bool get_key(struct client *c, struct krd_sim *k, unsigned which)
{
	static struct record r;
	uint8_t message[MSG_MAX];
	size_t len;

	record_begin(&r, OP_SESSION);
	record_put_text(&r, F_KEY_SET, id_text);
	record_put_number(&r, F_SLOT, 0);
	record_put_text(&r, F_SERIAL, k->serial);
	if (!ask(c, &r))
		return false;
	record_begin(&r, OP_BEGIN);
	record_put_text(&r, F_SERIAL, k->serial);
	if (!ask(c, &r))
		return false;
	krd_sim_hello(k, &sim, field_get(c->fields, F_MESSAGE));
	len = krd_sim_offer(k, message);
	record_begin(&r, OP_OFFER);
	record_put(&r, F_MESSAGE, (struct span){ message, len });
	if (!ask(c, &r))
		return false;
	if (!krd_sim_key(k, &sim, field_get(c->fields, F_MESSAGE)))
		end(1, "a wrong KEY");
	got(k, which);
	return true;
}

static bool give_receipt(struct client *c, struct krd_sim *k)
{
	static struct record r;
	uint8_t message[MSG_MAX];
	size_t len;

	krd_sim_receipt_of(k, 0);
	len = krd_sim_receipt(k, message);
	record_begin(&r, OP_RECEIPT);
	record_put_text(&r, F_SERIAL, k->serial);
	record_put(&r, F_MESSAGE, (struct span){ message, len });
	return ask(c, &r);
}

/* One loading, begun again as often as what was asked died over it; a RECEIPT that was given once may be given again. */
static void load(unsigned which)
{
	struct krd_sim *k = &shared->terminal[which];
	time_t until = now() + PATIENCE_S;
	static struct client c;

	krd_sim_zeroize(k, 0);
	for (bool done = false; !done;) {
		need(now() < until, "a loading comes to no end");
		if (client_open(&c, sim.load.dir, "station")) {
			nap(5);
			continue;
		}
		done = (k->slot[0].state == SLOT_LOADED || get_key(&c, k, which)) && give_receipt(&c, k);
		client_close(&c);
		if (!done)
			__atomic_add_fetch(&shared->again, 1, __ATOMIC_RELAXED);
	}
}

/* --- bdkd --------------------------------------------------------------------------------------------------------- */

/* The room is another process's from here on; what the simulated terminals check KEY against stays here. */
static void give_up_room(void)
{
	static struct room keep;

	keep = sim.load;
	mark_stop(&sim.load);
	room_close(&sim.load);
	memcpy(sim.load.dir, keep.dir, sizeof keep.dir);
	memcpy(sim.load.environment, keep.environment, sizeof keep.environment);
	sim.load.own = keep.own;
}

static pid_t serve(void)
{
	time_t until = now() + PATIENCE_S;
	struct client c;
	pid_t pid = process();

	if (!pid) {
		need(freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr), "/dev/null");
		execlp("bdkd", "bdkd", "--room", sim.load.dir, (char *)NULL);
		_exit(127);
	}
	while (client_open(&c, sim.load.dir, "station")) {
		need(now() < until && !waitpid(pid, NULL, WNOHANG), "no bdkd");
		nap(5);
	}
	client_close(&c);
	return pid;
}

static void end_bdkd(pid_t pid, int with)
{
	need(pid > 0 && !kill(pid, with) && waitpid(pid, NULL, 0) == pid, "bdkd cannot be ended");
}

static void kill_workers(pid_t supervisor, unsigned n)
{
	time_t until = now() + PATIENCE_S;
	pid_t worker[ROOM_WORKERS];

	while (children(worker, ROOM_WORKERS, supervisor, "--worker") != WORKERS) {
		need(now() < until, "a worker does not come back");
		nap(1);
	}
	for (unsigned i = 0; i < n; i++)
		need(worker[i] > 0 && !kill(worker[i], SIGKILL), "a worker cannot be killed");
}

/* The newest load that its terminal has not got any more is not one, and its block is not claimed. */
static const char forget[] =
	"CREATE TEMP TABLE gone AS SELECT l.row, l.id FROM load l WHERE EXISTS (SELECT 1 FROM load n WHERE n.serial = "
	"l.serial"
	"  AND n.row > l.row) ORDER BY l.row DESC LIMIT 1;"
	"DELETE FROM sent WHERE load IN (SELECT row FROM gone); DELETE FROM event WHERE load IN (SELECT row FROM gone);"
	"DELETE FROM load WHERE row IN (SELECT row FROM gone); DELETE FROM claim;"
	"UPDATE lease SET next = (SELECT id FROM gone)";
static const char pass_over[] = "DELETE FROM claim; UPDATE lease SET next = next + 5";

/* --- Afterwards --------------------------------------------------------------------------------------------------- */

static uint64_t number(struct span row, uint16_t tag)
{
	uint64_t n = 0;

	need(!field_number(&n, row, tag, UINT64_MAX), "a number of bdk list");
	return n;
}

/* What bdk list prints. */
static void ask_list(uint64_t *issued, uint64_t *skipped)
{
	static struct record r;
	static struct client c;
	struct span row;

	need(!client_open(&c, sim.load.dir, "people"), "people.sock");
	record_begin(&r, OP_LIST);
	need(ask(&c, &r), "bdk list");
	row = field_get(c.fields, F_ROW);
	*issued = number(row, F_USED);
	*skipped = number(row, F_SKIPPED);
	client_close(&c);
}

static struct journal *open_journal(void)
{
	char path[PATH_MAX + 16];
	struct journal *j;

	snprintf(path, sizeof path, "%s/journal.db", sim.load.dir);
	need(!journal_open(&j, path, ROOM_LOAD), path);
	return j;
}

/* Each block that a killed supervisor had claimed, and what it had issued of it. Returns how many there were. */
static unsigned explain(unsigned char *explained, struct journal *j, const unsigned char *loaded)
{
	static uint64_t claimed[IDS]; /* by which record: by the first id of the block */
	struct audit a = { .sequence = 0 };
	unsigned kills = 0, first, last;
	enum err e;

	while (!(e = journal_audit_next(&a, j, a.sequence))) {
		unsigned left = 0;

		if (sscanf(a.object, "44556677 %u-%u", &first, &last) != 2 || first > last || last >= IDS)
			continue;
		if (!strcmp(a.what, "claim"))
			claimed[first] = a.sequence;
		if (strcmp(a.what, "skip") != 0)
			continue;
		if (!claimed[first])
			end(1, "audit record %llu skips what nobody had claimed", (unsigned long long)a.sequence);
		for (unsigned i = first; i <= last; i++)
			left += explained[i] = !loaded[i];
		kills++;
		printf("ids %u-%u, claimed by audit record %llu, skipped by %llu: %u were issued, %u never will be\n",
		       first, last, (unsigned long long)claimed[first], (unsigned long long)a.sequence,
		       last - first + 1 - left, left);
	}
	need(e == E_SHORT, "journal");
	return kills;
}

static void check(unsigned loads, unsigned supervisors, uint64_t issued, uint64_t skipped)
{
	static unsigned char loaded[IDS], explained[IDS];
	struct journal *j = open_journal();
	unsigned highest = 0, distinct = 0, gaps = 0, n;
	struct load l = { .sequence = 0 };
	enum err e;

	for (unsigned i = 0; i < IDS; i++) {
		if (shared->times[i] > 1)
			end(1, "id %u came %u times", i, shared->times[i]);
		distinct += shared->times[i];
	}
	if (distinct != loads)
		end(1, "%u ids came for %u loads", distinct, loads);
	while (!(e = journal_load_after(&l, j, l.sequence))) {
		need(l.id < IDS, "an id out of the lease");
		if (!shared->times[l.id] || strcmp(shared->terminal[shared->terminal_of[l.id]].serial, l.serial) != 0)
			end(1, "id %u is a load of %s, which did not get it", (unsigned)l.id, l.serial);
		loaded[l.id] = 1;
		highest = l.id > highest ? l.id : highest;
	}
	need(e == E_SHORT, "journal");
	n = explain(explained, j, loaded);
	journal_close(j);
	for (unsigned i = 0; i <= highest; i++) {
		if (shared->times[i] && !loaded[i])
			end(1, "id %u came, and is no load", i);
		if (!loaded[i] && !explained[i])
			end(1, "id %u is neither a load nor skipped", i);
		gaps += !loaded[i];
	}
	/* The last kill may have left a block of which nothing was issued, above the highest. */
	for (unsigned i = highest + 1; i < IDS; i++)
		gaps += explained[i];
	if (issued != loads || skipped != gaps)
		end(1, "bdk list: %llu issued, %llu skipped; there are %u loads and %u gaps",
		    (unsigned long long)issued, (unsigned long long)skipped, loads, gaps);
	if (n != supervisors)
		end(1, "%u blocks were skipped in %u kills of the supervisor", n, supervisors);
}

int main(int argc, char **argv)
{
	enum { OF_ONE, OF_ALL, OF_SUPERVISOR, KINDS };
	unsigned loads, kills, killed[KINDS] = { 0 };
	const char *meddle = NULL;
	char path[PATH_MAX + 16];
	uint64_t issued, skipped;
	struct timespec t[2];
	pid_t pid, station[STATIONS];
	struct key bdk;
	FILE *conf;

	setlinebuf(stdout);
	need(argc == 3 || argc == 4, "LOADS KILLS [repeated | lost]");
	loads = (unsigned)strtoul(argv[1], NULL, 10);
	kills = (unsigned)strtoul(argv[2], NULL, 10);
	need(loads && loads % STATIONS == 0 && loads + kills * MARK_BLOCK <= IDS, "not so many loads");
	if (argc == 4)
		meddle = !strcmp(argv[3], "repeated") ? forget : pass_over;
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(shared != MAP_FAILED, "mmap");
	room_sim_make(&sim);
	room_sim_generate(&sim, &bdk, DUKPT_AES128, id_text, 0, IDS - 1);
	for (unsigned i = 0; i < TERMINALS; i++) {
		char serial[32];

		snprintf(serial, sizeof serial, "TC-%u", i);
		krd_sim_enrolled(&shared->terminal[i], &sim, serial);
	}
	snprintf(path, sizeof path, "%s/room.conf", sim.load.dir);
	conf = fopen(path, "ae");
	need(conf && fprintf(conf, "workers = %d\n", WORKERS) > 0 && !fclose(conf), path);
	give_up_room();
	pid = serve();
	clock_gettime(CLOCK_MONOTONIC, &t[0]);
	for (unsigned i = 0; i < STATIONS; i++) {
		station[i] = process();
		if (station[i])
			continue;
		sim.keys += (i + 1) << 24; /* no nonce and no point comes twice */
		for (unsigned k = 0; k < loads / STATIONS; k++)
			load(i * EACH + k % EACH);
		_exit(0);
	}
	for (unsigned i = 1; i <= kills; i++) {
		unsigned kind = i % KINDS;

		while (__atomic_load_n(&shared->keys, __ATOMIC_RELAXED) < loads / (kills + 1) * i) {
			need(!waitpid(-1, NULL, WNOHANG), "a station has failed, or bdkd has ended");
			nap(1);
		}
		killed[kind]++;
		if (kind == OF_SUPERVISOR) {
			end_bdkd(pid, SIGKILL);
			if (meddle)
				room_sim_meddle(&sim.load, meddle);
			pid = serve();
		} else {
			kill_workers(pid, kind == OF_ALL ? WORKERS : 1);
		}
	}
	for (unsigned i = 0; i < STATIONS; i++) {
		int status;

		if (waitpid(station[i], &status, 0) != station[i] || status)
			end(WIFEXITED(status) ? WEXITSTATUS(status) : 2, "a station failed");
	}
	clock_gettime(CLOCK_MONOTONIC, &t[1]);
	ask_list(&issued, &skipped);
	end_bdkd(pid, SIGTERM);
	check(loads, killed[OF_SUPERVISOR], issued, skipped);
	printf("%u loads of %d stations in %.1f s: %u ids, all distinct; %llu skipped; killed: %u times a worker, %u "
	       "times all, "
	       "%u times the supervisor; %u loadings had to begin again\n",
	       loads, STATIONS, (double)(t[1].tv_sec - t[0].tv_sec) + (double)(t[1].tv_nsec - t[0].tv_nsec) / 1e9,
	       loads, (unsigned long long)skipped, killed[OF_ONE], killed[OF_ALL], killed[OF_SUPERVISOR],
	       shared->again);
	room_sim_remove(&sim);
	return 0;
}
