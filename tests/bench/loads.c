/*
 * Loads terminals through a real bdkd as fast as some stations can, each in a process of its own: terminals in software
 * (tests/lib/krd_sim.h) speak over the station socket, so there is no line, and what is measured is token, journal and
 * bdkd. Prints one JSON object.
 *
 *     loads BDKD SCHEME N WORKERS STATIONS    N loads with scheme tdes or aes128
 */
#include "bdk/client.h"
#include "dukpt/ksn.h"
#include "tests/lib/children.h"
#include "tests/lib/krd_sim.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TERMINALS = 96, STATIONS = 8 };

static struct room_sim sim;
/* What the stations share; each has its own terminals. */
static struct shared {
	struct krd_sim terminal[TERMINALS];
	struct times_of {
		double spent[3];  /* seconds in BEGIN (with SESSION), OFFER, RECEIPT */
		double simulated; /* seconds in the terminals */
	} of[STATIONS];
} *shared;
static unsigned stations;

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

static void load(struct krd_sim *k, const char *key_set, struct times_of *of)
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
	ask(&c, &r);
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

/* The first worker, where all are alike. */
static pid_t worker_of(pid_t supervisor)
{
	pid_t pid = 0;

	need(children(&pid, 1, supervisor, "--worker"), "bdkd has no worker");
	return pid;
}

static void print_sizes(const char *at, pid_t supervisor, const char *end)
{
	long kib;
	int files;

	sizes(supervisor, &kib, &files);
	printf("\"%s\": {\"supervisor_kib\": %ld, \"supervisor_descriptors\": %d, ", at, kib, files);
	sizes(worker_of(supervisor), &kib, &files);
	printf("\"worker\": %d, \"worker_kib\": %ld, \"worker_descriptors\": %d}%s", (int)worker_of(supervisor), kib,
	       files, end);
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

/* So many loads, by all stations at once. */
static void run(unsigned long n, const char *id)
{
	int status;

	for (unsigned i = 0; i < stations; i++) {
		pid_t pid = fork();

		need(pid >= 0, "fork");
		if (pid)
			continue;
		sim.keys += i << 24; /* no key comes twice */
		for (unsigned long k = i; k < n; k += stations)
			load(&shared->terminal[k % TERMINALS], id, &shared->of[i]);
		_exit(0);
	}
	for (unsigned i = 0; i < stations; i++)
		need(wait(&status) > 0 && !status, "a station failed");
	sim.keys += 1u << 20;
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
	unsigned long n;
	const char *id;
	char path[PATH_MAX + 16];
	struct key bdk;
	double begin, seconds, cpu[2];
	unsigned workers;
	FILE *conf;
	pid_t pid;

	need(argc == 6, "loads BDKD SCHEME N WORKERS STATIONS");
	scheme = !strcmp(argv[2], "tdes") ? DUKPT_TDES : DUKPT_AES128;
	id = scheme == DUKPT_TDES ? "FFFF445566" : "44556677";
	n = strtoul(argv[3], NULL, 10) / 2 * 2;
	workers = (unsigned)strtoul(argv[4], NULL, 10);
	stations = (unsigned)strtoul(argv[5], NULL, 10);
	/* Every terminal is one station's: TERMINALS is a multiple of it. */
	need(n && stations && stations <= STATIONS && TERMINALS % stations == 0, "not so many");
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	need(shared != MAP_FAILED, "mmap");
	room_sim_make(&sim);
	room_sim_generate(&sim, &bdk, scheme, id, 0, dukpt_device_max(scheme));
	for (unsigned i = 0; i < TERMINALS; i++) {
		char serial[32];

		snprintf(serial, sizeof serial, "BENCH-%u", i);
		krd_sim_enrolled(&shared->terminal[i], &sim, serial);
	}
	snprintf(path, sizeof path, "%s/room.conf", sim.load.dir);
	conf = fopen(path, "ae");
	need(conf && fprintf(conf, "workers = %u\n", workers) > 0 && !fclose(conf), path);
	pid = serve(argv[1]);
	run(TERMINALS, id); /* not counted: every terminal is known, every page touched */
	memset(shared->of, 0, sizeof shared->of);
	printf("{\"scheme\": \"%s\", \"loads\": %lu, \"workers\": %u, \"stations\": %u, ", argv[2], n, workers, stations);
	print_sizes("start", pid, ", ");
	fflush(stdout);
	cpu[0] = used(pid);
	cpu[1] = used(worker_of(pid));
	begin = now();
	run(n / 2, id);
	print_sizes("middle", pid, ", ");
	fflush(stdout);
	run(n / 2, id);
	seconds = now() - begin;
	cpu[0] = used(pid) - cpu[0];
	cpu[1] = used(worker_of(pid)) - cpu[1];
	print_sizes("end", pid, ", ");
	printf("\"seconds\": %.3f, \"loads_per_second\": %.1f, \"begin_ms\": %.3f, \"offer_ms\": %.3f, \"receipt_ms\": %.3f, "
	       "\"simulated_terminal_ms\": %.3f, \"supervisor_cpu\": %.2f, \"first_worker_cpu\": %.2f}\n",
	       seconds, (double)n / seconds, sum_spent(0) * 1e3 / (double)n, sum_spent(1) * 1e3 / (double)n,
	       sum_spent(2) * 1e3 / (double)n, sum_spent(3) * 1e3 / (double)n, cpu[0] / seconds, cpu[1] / seconds);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	room_sim_remove(&sim);
	return 0;
}
