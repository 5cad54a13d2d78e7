/*
 * Loads terminals through a real bdkd as fast as some stations can, each in a process of its own: terminals in software
 * (tests/lib/krd_sim.h) speak over the station socket, so there is no line, and what is measured is token, journal and
 * bdkd. Prints one JSON object; memory and descriptors of bdkd and its workers stand in it as they were at the beginning
 * and after each tenth of the loads, and each is on standard error at once.
 *
 *     loads BDKD SCHEME N WORKERS STATIONS [kill]    N loads with scheme tdes or aes128
 *
 * kill: all workers are killed each half second, and it prints how long it takes until one that is new has made a KEY.
 *
 * With tests/bench/parts.c preloaded into bdkd it prints what a load takes by part.
 */
#include "bdk/client.h"
#include "dukpt/ksn.h"
#include "tests/bench/parts.h"
#include "tests/lib/children.h"
#include "tests/lib/krd_sim.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TENTHS = 10, STATIONS = 8, LEAST = 96, MOST = 9600, LOADS_EACH = 100 };

static struct room_sim sim;
/* What the stations share; each has its own terminals. */
static struct shared {
	struct krd_sim terminal[MOST];
	struct times_of {
		double spent[3];  /* seconds in BEGIN (with SESSION), OFFER, RECEIPT */
		double simulated; /* seconds in the terminals */
	} of[STATIONS];
	unsigned keys, again; /* KEYs that came; loads that had to begin again */
} *shared;
static unsigned stations, terminals;
static bool killing;
static struct parts *parts; /* zero where nobody adds them up */

static void need(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "loads: %s\n", what);
		exit(2);
	}
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void ask(struct client *c, const struct record *r)
{
	enum err e = client_call(c, r);

	need(!e, *c->why ? c->why : err_text(e));
}

/* False: its worker was killed. */
static bool load(struct krd_sim *k, const char *key_set, struct times_of *of)
{
	static struct record r;
	static struct client c;
	uint8_t message[MSG_MAX];
	double t[6];
	size_t len;

	if (k->slot[0].state != SLOT_EMPTY)
		krd_sim_zeroize(k, 0);
	t[0] = now();
	need(!client_open(&c, sim.load.dir, "station"), "no bdkd");
	record_begin(&r, OP_SESSION);
	record_put_text(&r, F_KEY_SET, key_set);
	record_put_number(&r, F_SLOT, 0);
	record_put_text(&r, F_SERIAL, k->serial);
	ask(&c, &r);
	record_begin(&r, OP_BEGIN);
	record_put_text(&r, F_SERIAL, k->serial);
	ask(&c, &r);
	t[1] = now();
	krd_sim_hello(k, &sim, field_get(c.fields, F_MESSAGE));
	len = krd_sim_offer(k, message);
	t[2] = now();
	record_begin(&r, OP_OFFER);
	record_put(&r, F_MESSAGE, (struct span){ message, len });
	switch (client_call(&c, &r)) {
	case E_OK:
		__atomic_add_fetch(&shared->keys, 1, __ATOMIC_RELAXED);
		break;
	case E_TOKEN:
		if (killing) {
			__atomic_add_fetch(&shared->again, 1, __ATOMIC_RELAXED);
			client_close(&c);
			return false;
		}
		/* fall through */
	default:
		need(false, *c.why ? c.why : "no KEY");
	}
	t[3] = now();
	need(krd_sim_key(k, &sim, field_get(c.fields, F_MESSAGE)), "a wrong KEY");
	krd_sim_receipt_of(k, 0);
	len = krd_sim_receipt(k, message);
	t[4] = now();
	record_begin(&r, OP_RECEIPT);
	record_put_text(&r, F_SERIAL, k->serial);
	record_put(&r, F_MESSAGE, (struct span){ message, len });
	ask(&c, &r);
	client_close(&c);
	t[5] = now();
	of->spent[0] += t[1] - t[0];
	of->spent[1] += t[3] - t[2];
	of->spent[2] += t[5] - t[4];
	of->simulated += t[2] - t[1] + t[4] - t[3];
	return true;
}

/* Resident memory (KiB) and descriptors of a process */
static void sizes(pid_t pid, long *kib, int *files)
{
	char path[64], line[200];
	FILE *f;
	DIR *d;

	*kib = 0;
	*files = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "VmRSS: %ld", kib) == 1)
			break;
	if (f)
		fclose(f);
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	d = opendir(path);
	for (const struct dirent *x; d && (x = readdir(d));)
		*files += x->d_name[0] != '.';
	if (d)
		closedir(d);
}

/* Seconds of processor that a process has used */
static double used(pid_t pid)
{
	unsigned long user = 0, kernel = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	f = fopen(path, "re");
	need(f && fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel) == 2, path);
	fclose(f);
	return (double)(user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static unsigned workers_of(pid_t pid[static ROOM_WORKERS], pid_t supervisor)
{
	unsigned n = children(pid, ROOM_WORKERS, supervisor, "--worker");

	need(n, "bdkd has no worker");
	return n;
}

static void print_sizes(unsigned long loads, double seconds, pid_t supervisor)
{
	pid_t worker[ROOM_WORKERS];
	unsigned n = workers_of(worker, supervisor);
	long kib;
	int files;

	sizes(supervisor, &kib, &files);
	printf("%s{\"loads\": %lu, \"supervisor_kib\": %ld, \"supervisor_descriptors\": %d, \"workers\": [", loads ? ", " : "",
	       loads, kib, files);
	fprintf(stderr, "loads: %lu in %.0f s; supervisor %ld KiB, %d descriptors", loads, seconds, kib, files);
	for (unsigned i = 0; i < n; i++) {
		sizes(worker[i], &kib, &files);
		printf("%s{\"pid\": %d, \"kib\": %ld, \"descriptors\": %d}", i ? ", " : "", (int)worker[i], kib, files);
		fprintf(stderr, "; worker %d %ld KiB, %d", (int)worker[i], kib, files);
	}
	printf("]}");
	fputc('\n', stderr);
}

/* bdkd in a process of its own from here on; what the simulated terminals check KEY against stays here */
static pid_t serve(const char *bdkd)
{
	struct room keep;
	struct client c;
	pid_t pid;

	keep = sim.load;
	room_close(&sim.load);
	memcpy(sim.load.dir, keep.dir, sizeof keep.dir);
	memcpy(sim.load.environment, keep.environment, sizeof keep.environment);
	sim.load.own = keep.own;
	pid = fork();
	if (!pid) {
		need(freopen("/dev/null", "w", stdout) && freopen("/dev/null", "w", stderr), "/dev/null");
		execl(bdkd, bdkd, "--room", sim.load.dir, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000 && client_open(&c, sim.load.dir, "station"); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	client_close(&c);
	return pid;
}

static void nap(unsigned ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

/* All workers are killed at once, each half second: how long until a KEY comes that none of them made. What it has seen so far
 * goes through the descriptor, a line each time. */
static void kill_workers(pid_t supervisor, int told, unsigned pool)
{
	double begin, ms, sum = 0, most = 0;
	pid_t worker[ROOM_WORKERS];
	unsigned n = 0, keys;

	for (;;) {
		nap(500);
		if (children(worker, ROOM_WORKERS, supervisor, "--worker") != pool)
			continue;
		keys = __atomic_load_n(&shared->keys, __ATOMIC_RELAXED);
		begin = now();
		for (unsigned i = 0; i < pool; i++)
			need(worker[i] > 0 && !kill(worker[i], SIGKILL), "a worker cannot be killed");
		/* Each may have had one in its hands. */
		while (__atomic_load_n(&shared->keys, __ATOMIC_RELAXED) - keys <= pool)
			nap(1);
		ms = (now() - begin) * 1e3;
		n++;
		sum += ms;
		most = ms > most ? ms : most;
		dprintf(told, "\"kills\": %u, \"healed_ms\": %.1f, \"healed_most_ms\": %.1f, \n", n, sum / n, most);
	}
}

/* So many loads, by all stations at once, beginning with this terminal: where from and terminals are multiples of
 * stations, every terminal is one station's. */
static void run(unsigned long from, unsigned long n, const char *id)
{
	int status;

	for (unsigned i = 0; i < stations; i++) {
		pid_t pid = fork();

		need(pid >= 0, "fork");
		if (pid)
			continue;
		sim.keys += i << 24; /* no key comes twice */
		for (unsigned long k = i; k < n; k += stations)
			while (!load(&shared->terminal[(from + k) % terminals], id, &shared->of[i]))
				;
		_exit(0);
	}
	for (unsigned i = 0; i < stations; i++)
		need(wait(&status) > 0 && !status, "a station failed");
	sim.keys += 1u << 20;
}

/* In the room's folder, where bdkd and its workers may write. */
static void make_parts(void)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof path, "%s/parts", sim.load.dir);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	need(fd >= 0 && !ftruncate(fd, sizeof *parts) && !setenv("KEYROOM_PARTS", path, 1), path);
	parts = mmap(NULL, sizeof *parts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(parts != MAP_FAILED, path);
	close(fd);
}

/* Milliseconds of the wall's clock or of processor, and calls, each by load */
static void print_parts(unsigned long n)
{
	static const char *const names[] = {
#define PART(name, text) text,
		PARTS
#undef PART
	};

	printf("\"parts\": {");
	for (int i = 0; i < PART_COUNT; i++)
		printf("%s\"%s\": {\"ms\": %.4f, \"calls\": %.2f}", i ? ", " : "", names[i],
		       (double)parts->of[i].ns / 1e6 / (double)n, (double)parts->of[i].calls / (double)n);
	printf("}, ");
}

static double sum_spent(int which)
{
	double sum = 0;

	for (unsigned i = 0; i < stations; i++)
		sum += which < 3 ? shared->of[i].spent[which] : shared->of[i].simulated;
	return sum;
}

int main(int argc, char **argv)
{
	enum dukpt_scheme scheme;
	unsigned long n, tenth;
	const char *id;
	char path[PATH_MAX + 16];
	struct key bdk;
	double begin, seconds, cpu[2];
	unsigned workers;
	pid_t pid, last, worker[ROOM_WORKERS], killer = -1;
	char said[65536];
	ssize_t heard;
	int told[2];
	FILE *conf;

	killing = argc == 7 && !strcmp(argv[6], "kill");
	need(argc == 6 || killing, "loads BDKD SCHEME N WORKERS STATIONS [kill]");
	scheme = !strcmp(argv[2], "tdes") ? DUKPT_TDES : DUKPT_AES128;
	id = scheme == DUKPT_TDES ? "FFFF445566" : "44556677";
	workers = (unsigned)strtoul(argv[4], NULL, 10);
	stations = (unsigned)strtoul(argv[5], NULL, 10);
	need(stations && stations <= STATIONS && LEAST % stations == 0, "not so many stations");
	tenth = strtoul(argv[3], NULL, 10) / TENTHS / stations * stations;
	need(tenth, "not so few loads");
	n = TENTHS * tenth;
	/* No terminal is loaded hundreds of times in its life. */
	terminals = n / LOADS_EACH < LEAST ? LEAST : n / LOADS_EACH > MOST ? MOST : (unsigned)(n / LOADS_EACH / LEAST * LEAST);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(shared != MAP_FAILED, "mmap");
	room_sim_make(&sim);
	room_sim_generate(&sim, &bdk, scheme, id, 0, dukpt_device_max(scheme));
	for (unsigned i = 0; i < terminals; i++) {
		char serial[32];

		snprintf(serial, sizeof serial, "BENCH-%u", i);
		krd_sim_enrolled(&shared->terminal[i], &sim, serial);
	}
	snprintf(path, sizeof path, "%s/room.conf", sim.load.dir);
	conf = fopen(path, "ae");
	need(conf && fprintf(conf, "workers = %u\n", workers) > 0 && !fclose(conf), path);
	make_parts();
	pid = serve(argv[1]);
	run(0, terminals, id); /* not counted: every terminal is known, every page touched */
	memset(shared->of, 0, sizeof shared->of);
	memset(parts, 0, sizeof *parts);
	printf("{\"scheme\": \"%s\", \"loads\": %lu, \"workers\": %u, \"stations\": %u, \"terminals\": %u, \"memory\": [", argv[2],
	       n, workers, stations, terminals);
	print_sizes(0, 0, pid);
	cpu[0] = used(pid);
	workers_of(worker, pid);
	cpu[1] = used(*worker);
	if (killing) {
		need(!pipe2(told, O_CLOEXEC | O_NONBLOCK), "pipe");
		killer = fork();
		if (!killer)
			kill_workers(pid, told[1], workers);
		need(killer > 0, "fork");
	}
	begin = now();
	for (unsigned i = 0; i < TENTHS; i++) {
		fflush(stdout); /* or each station prints it too */
		run(i * tenth, tenth, id);
		print_sizes((i + 1) * tenth, now() - begin, pid);
	}
	seconds = now() - begin;
	cpu[0] = used(pid) - cpu[0];
	last = *worker;
	workers_of(worker, pid);
	cpu[1] = *worker == last ? used(*worker) - cpu[1] : 0;
	printf("], ");
	if (killer > 0) {
		kill(killer, SIGKILL);
		waitpid(killer, NULL, 0);
		heard = read(told[0], said, sizeof said - 1);
		need(heard > 0, "nothing was killed: more loads");
		said[heard - 1] = 0;
		printf("\"again\": %u, %s", shared->again, strrchr(said, '\n') ? strrchr(said, '\n') + 1 : said);
	}
	if (parts->of[PART_JOURNAL].calls)
		print_parts(n);
	printf("\"seconds\": %.3f, \"loads_per_second\": %.1f, \"begin_ms\": %.3f, \"offer_ms\": %.3f, \"receipt_ms\": %.3f, "
	       "\"simulated_terminal_ms\": %.3f, \"supervisor_cpu\": %.2f, \"first_worker_cpu\": %.2f}\n",
	       seconds, (double)n / seconds, sum_spent(0) * 1e3 / (double)n, sum_spent(1) * 1e3 / (double)n,
	       sum_spent(2) * 1e3 / (double)n, sum_spent(3) * 1e3 / (double)n, cpu[0] / seconds, cpu[1] / seconds);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	room_sim_remove(&sim);
	return 0;
}
