/*
 * Loads terminals through a real bdkd as fast as one station can: terminals in software (tests/lib/krd_sim.h) speak
 * over the station socket, so there is no line, and what is measured is token, journal and bdkd. Prints one JSON
 * object.
 *
 *     loads BDKD SCHEME N [READY GO]    N loads with scheme tdes or aes128; with two files: makes READY, waits for GO,
 *                                       then starts
 */
#include "bdk/client.h"
#include "dukpt/ksn.h"
#include "tests/lib/krd_sim.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TERMINALS = 100 };

static struct room_sim sim;
static struct krd_sim terminal[TERMINALS];
static double spent[3];  /* seconds in BEGIN (with SESSION), OFFER, RECEIPT */
static double simulated; /* seconds in the terminals */

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

static void load(struct krd_sim *k, const char *key_set)
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
	spent[0] += t[1] - t[0];
	spent[1] += t[3] - t[2];
	spent[2] += t[5] - t[4];
	simulated += t[2] - t[1] + t[4] - t[3];
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

static pid_t worker_of(pid_t supervisor)
{
	char path[80];
	int pid = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)supervisor, (int)supervisor);
	f = fopen(path, "re");
	if (f) {
		need(fscanf(f, "%d", &pid) == 1, "bdkd has no worker");
		fclose(f);
	}
	return (pid_t)pid;
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

int main(int argc, char **argv)
{
	enum dukpt_scheme scheme;
	unsigned long n;
	const char *id;
	struct key bdk;
	double begin, seconds, half = 0;
	pid_t pid;

	need(argc == 4 || argc == 6, "loads BDKD SCHEME N [READY GO]");
	scheme = !strcmp(argv[2], "tdes") ? DUKPT_TDES : DUKPT_AES128;
	id = scheme == DUKPT_TDES ? "FFFF445566" : "44556677";
	n = strtoul(argv[3], NULL, 10);
	room_sim_make(&sim);
	room_sim_generate(&sim, &bdk, scheme, id, 0, dukpt_device_max(scheme));
	for (unsigned i = 0; i < TERMINALS; i++) {
		char serial[32];

		snprintf(serial, sizeof serial, "BENCH-%u", i);
		krd_sim_enrolled(&terminal[i], &sim, serial);
	}
	pid = serve(argv[1]);
	for (unsigned i = 0; i < TERMINALS; i++)
		load(&terminal[i], id); /* not counted: every terminal is known, every page touched */
	memset(spent, 0, sizeof spent);
	simulated = 0;
	if (argc == 6) {
		FILE *ready = fopen(argv[4], "we");

		need(ready && !fclose(ready), argv[4]);
		while (access(argv[5], F_OK))
			nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	printf("{\"scheme\": \"%s\", \"loads\": %lu, ", argv[2], n);
	print_sizes("start", pid, ", ");
	begin = now();
	for (unsigned long i = 0; i < n; i++) {
		load(&terminal[i % TERMINALS], id);
		if (i == n / 2) {
			half = now() - begin;
			print_sizes("middle", pid, ", ");
		}
	}
	seconds = now() - begin;
	print_sizes("end", pid, ", ");
	printf("\"seconds\": %.3f, \"seconds_first_half\": %.3f, \"loads_per_second\": %.1f, \"begin_ms\": %.3f, "
	       "\"offer_ms\": %.3f, \"receipt_ms\": %.3f, "
	       "\"simulated_terminal_ms\": %.3f}\n",
	       seconds, half, (double)n / seconds, spent[0] * 1e3 / (double)n, spent[1] * 1e3 / (double)n,
	       spent[2] * 1e3 / (double)n, simulated * 1e3 / (double)n);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	room_sim_remove(&sim);
	return 0;
}
