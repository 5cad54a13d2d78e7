#include "bdk/room.h"
#include "base/host/file.h"
#include "base/host/guard.h"
#include "tests/lib/room_sim.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <glob.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- room.conf ---------------------------------------------------------------------------------------------------- */

#define LOAD "[room]\nversion = 1\npurpose = load\nkind = test\nname = L\ntoken = pkcs11:x\n"
#define GOOD "[room]\nversion = 1\npurpose = ca\nkind = test\nname = CA-1\ntoken = pkcs11:token=x?module-path=/x/libsofthsm2.so\n"

static enum err parse(struct room_config *c, const char *text, char *why)
{
	return room_config_parse(c, (struct span){ (const uint8_t *)text, strlen(text) }, why);
}

START_TEST(a_configuration_is_read)
{
	struct room_config c;
	char why[ROOM_WHY];

	ck_assert_int_eq(parse(&c, GOOD "epoch = 3\naccept-software-token = yes\n", why), E_OK);
	ck_assert_str_eq(why, "");
	ck_assert_uint_eq(c.version, 1);
	ck_assert_int_eq(c.purpose, ROOM_CA);
	ck_assert(c.test && c.accept_software_token && room_config_software(&c));
	ck_assert_str_eq(c.name, "CA-1");
	ck_assert_str_eq(c.token, "pkcs11:token=x?module-path=/x/libsofthsm2.so");
	ck_assert_uint_eq(c.epoch, 3);
	ck_assert_uint_eq(c.device_days, 5475);
	ck_assert_uint_eq(c.room_days, 730);
	ck_assert_uint_eq(c.crl_days, 30);
	ck_assert_uint_eq(c.workers, 1);
	ck_assert_int_eq(parse(&c, LOAD, why), E_OK);
	ck_assert_uint_eq(c.workers, 2);
	ck_assert_int_eq(parse(&c, LOAD "workers = 8\n", why), E_OK);
	ck_assert_uint_eq(c.workers, ROOM_WORKERS);
}
END_TEST

static const struct {
	const char *text, *why;
	enum err e;
} configs[] = {
	{ "", "has no \"version\"", E_ROOM },
	{ GOOD "colour = blue\n", "line 7: unknown key \"colour\"", E_ROOM },
	{ GOOD "name = CA-2\n", "line 7: stands there twice: \"name\"", E_ROOM },
	{ GOOD "  more\n", "line 7: stands there twice: \"token\"", E_ROOM },
	{ GOOD "[other]\nx = 1\n", "line 8: belongs to no section [room]: \"x\"", E_ROOM },
	{ "version = 1\n" GOOD, "line 1: belongs to no section [room]: \"version\"", E_ROOM },
	{ GOOD "what is this\n", "line 7: neither", E_ROOM },
	{ GOOD "epoch = 0\n", "line 7: bad value of \"epoch\"", E_ROOM },
	{ GOOD "epoch = 2147483648\n", "line 7: bad value of \"epoch\"", E_ROOM },
	{ GOOD "crl-days = -1\n", "bad value", E_ROOM },
	{ GOOD "accept-software-token = maybe\n", "bad value", E_ROOM },
	{ GOOD "token-arguments = a\ntoken-arguments = b\n", "twice", E_ROOM },
	{ LOAD "epoch = 1\n", "line 7: only a ca room has \"epoch\"", E_ROOM },
	{ GOOD "workers = 2\n", "line 7: only a load room has \"workers\"", E_ROOM },
	{ LOAD "workers = 0\n", "line 7: bad value of \"workers\"", E_ROOM },
	{ LOAD "workers = 9\n", "line 7: bad value of \"workers\"", E_ROOM },
	{ LOAD "workers = 80\n", "line 7: bad value of \"workers\"", E_ROOM },
	{ "[room]\nversion = 1\npurpose = ca\nkind = test\nname = CA-1\n", "has no \"token\"", E_ROOM },
	{ "[room]\nversion = 1\npurpose = ca\nname = CA-1\ntoken = pkcs11:x\n", "has no \"kind\"", E_ROOM },
	{ "[room]\nversion = 1\npurpose = kitchen\nkind = test\nname = A\ntoken = pkcs11:x\n", "line 3: bad value of \"purpose\"",
	  E_ROOM },
	{ "[room]\nversion = 1\npurpose = ca\nkind = Test\nname = A\ntoken = pkcs11:x\n", "bad value of \"kind\"", E_ROOM },
	{ "[room]\nversion = 1\npurpose = ca\nkind = test\nname = A/B\ntoken = pkcs11:x\n", "bad value of \"name\"", E_ROOM },
	{ "[room]\nversion = 1\npurpose = ca\nkind = test\nname = A\ntoken = slot 3\n", "bad value of \"token\"", E_ROOM },
	{ "[room]\nversion = 0\npurpose = ca\nkind = test\nname = A\ntoken = pkcs11:x\n", "bad value of \"version\"", E_ROOM },
	{ "[room]\nversion = 2\n", "version 2, this bdkd knows 1", E_ROOM_VERSION },
	{ "[room]\nsomething = new\nversion = 17\npurpose = moon\n", "version 17", E_ROOM_VERSION },
};

START_TEST(a_wrong_configuration_is_refused_with_its_line)
{
	static const struct room_config nothing;
	struct room_config c;
	char why[ROOM_WHY];

	ck_assert_int_eq(parse(&c, configs[_i].text, why), configs[_i].e);
	ck_assert_msg(strstr(why, configs[_i].why), "\"%s\" does not say \"%s\"", why, configs[_i].why);
	ck_assert_mem_eq(&c, &nothing, sizeof c);
}
END_TEST

START_TEST(a_line_that_is_too_long_is_not_cut)
{
	char text[1024] = GOOD "# ", why[ROOM_WHY];
	struct room_config c;

	memset(text + strlen(text), 'x', 400);
	ck_assert_int_eq(parse(&c, text, why), E_ROOM);
	ck_assert_str_eq(why, "room.conf, line 7: too long");
}
END_TEST

/* --- Rooms -------------------------------------------------------------------------------------------------------- */

static char folder[64], dir[80];	/* dir is to be the room */

static void make_folder(void)
{
	test_folder_make(folder, sizeof folder);
	snprintf(dir, sizeof dir, "%s/room", folder);
}

static void remove_folder(void)
{
	test_folder_remove(folder);
}

static enum err make(enum room_purpose purpose, char *why)
{
	const struct room_config config = { .purpose = purpose, .test = true, .name = "Room 1" };

	return room_init(dir, &config, &(struct room_birth){ .who.n = 0 }, why);
}

static size_t entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static struct room r, other;

START_TEST(a_room_that_was_made_opens)
{
	static const char *const labels[][5] = {
		[ROOM_CA] = { "device-ca", "kif-ca", "exchange-ca", "records" },
		[ROOM_LOAD] = { "identity", "records" },
		[ROOM_ACQUIRER] = { "exchange", "records" },
	};
	enum room_purpose purpose = (enum room_purpose)_i;
	uint8_t point[P256_POINT], none[32] = { 0 };
	char why[ROOM_WHY], path[128];
	struct worker *w;
	struct stat st;

	ck_assert_int_eq(make(purpose, why), E_OK);
	ck_assert_int_eq(stat(dir, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0700);
	snprintf(path, sizeof path, "%s/pin", dir);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0400);
	ck_assert_int_eq(st.st_size, 33);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	ck_assert_int_eq(room_worker(&w, &r), E_OK);
	for (int i = 0; labels[purpose][i]; i++)
		ck_assert_int_eq(worker_point(w, point, labels[purpose][i]), E_OK);
	ck_assert(!memcmp(r.environment, none, 32) == (purpose != ROOM_CA));
	ck_assert_uint_eq(r.own.len, 0);
	room_close(&r);
}
END_TEST

START_TEST(a_room_may_be_moved)
{
	char why[ROOM_WHY], moved[96];

	ck_assert_int_eq(make(ROOM_CA, why), E_OK);
	snprintf(moved, sizeof moved, "%s/moved here", folder);
	ck_assert_int_eq(rename(dir, moved), 0);
	ck_assert_int_eq(room_open(&r, moved, why), E_OK);
	room_close(&r);
}
END_TEST

/* A file may be no longer than this: each step of making a room fails once. */
static const rlim_t limits[] = { 0, 40, 120, 300, 1000, 4000, 16000 };

/* In a process of its own: Check keeps a file too. */
static enum err make_within(rlim_t size)
{
	const struct rlimit limit = { size, size };
	char why[ROOM_WHY];
	int status;
	pid_t child = fork();

	if (!child) {
		signal(SIGXFSZ, SIG_IGN);
		_exit(setrlimit(RLIMIT_FSIZE, &limit) ? E_INTERNAL : (int)make(ROOM_CA, why));
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	return (enum err)WEXITSTATUS(status);
}

START_TEST(a_room_that_cannot_be_made_leaves_nothing)
{
	enum err e = make_within(limits[_i]);

	ck_assert_msg(e == E_IO || e == E_TOKEN || e == E_JOURNAL, "%s", err_text(e));
	ck_assert_uint_eq(entries(folder), 0);
	/* The folder was there before: it stays, empty. */
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	ck_assert_int_eq(make_within(limits[_i]), e);
	ck_assert_uint_eq(entries(dir), 0);
	ck_assert_int_eq(make_within(RLIM_INFINITY), E_OK);
}
END_TEST

START_TEST(nothing_is_made_over_something)
{
	char why[ROOM_WHY];

	ck_assert_int_eq(make(ROOM_LOAD, why), E_OK);
	ck_assert_int_eq(make(ROOM_LOAD, why), E_EXISTS);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	room_close(&r);
}
END_TEST

/* In a test room (0), and in one that is a production room from then on (1). */
START_TEST(a_pin_that_the_token_refuses_is_not_tried_again)
{
	char why[ROOM_WHY];
	struct worker *w;

	ck_assert_int_eq(make(ROOM_CA, why), E_OK);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	r.config.test = !_i;
	r.pin.page[0] ^= 1;
	worker_stop(&r.worker[0]);
	ck_assert_int_eq(room_worker(&w, &r), E_TOKEN);
	ck_assert_ptr_null(r.pin.page);
	ck_assert_int_eq(r.sealed, _i);
	ck_assert_int_eq(room_worker(&w, &r), E_TOKEN);
	room_tend(&r, 0);
	ck_assert_int_eq(r.worker[0].fd, -1);
	room_close(&r);
}
END_TEST

START_TEST(a_locked_room_has_no_worker_and_no_pin)
{
	static const struct pieces nothing;
	uint8_t wrong[SHARE_SECRET] = { 0 };
	char why[ROOM_WHY];
	struct worker *w;

	ck_assert_int_eq(make(ROOM_CA, why), E_OK);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	r.config.test = false;
	r.given.n = 1;
	r.worker[0].state = WORKER_KEY_ORDERED; /* in the middle of a load */
	room_lock(&r);
	ck_assert(r.sealed);
	ck_assert_ptr_null(r.pin.page);
	ck_assert_int_eq(r.worker[0].fd, -1);
	ck_assert_int_eq(r.worker[0].state, WORKER_KEY_NONE);
	ck_assert_mem_eq(&r.given, &nothing, sizeof nothing);
	ck_assert_int_eq(room_worker(&w, &r), E_TOKEN);
	ck_assert_int_eq(room_unlock(&r, wrong, why), E_PASSPHRASE);
	ck_assert(r.sealed);
	ck_assert_ptr_null(r.pin.page);
	room_close(&r);
}
END_TEST

START_TEST(a_production_room_is_not_half_made)
{
	const struct room_config config = { .purpose = ROOM_LOAD, .test = false, .name = "P" };
	char why[ROOM_WHY];

	ck_assert_int_eq(room_init(dir, &config, &(struct room_birth){ .who.n = 0 }, why), E_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "custodians"));
	ck_assert_uint_eq(entries(folder), 0);
}
END_TEST

START_TEST(one_bdkd_serves_a_room)
{
	char why[ROOM_WHY];

	ck_assert_int_eq(make(ROOM_LOAD, why), E_OK);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	ck_assert_int_eq(room_open(&other, dir, why), E_ROOM_BUSY);
	room_close(&r);
	ck_assert_int_eq(room_open(&other, dir, why), E_OK);
	room_close(&other);
}
END_TEST

static void rewrite(const char *from, const char *to)
{
	char path[128], text[2048], *at;
	uint8_t bytes[1024];
	size_t len;

	snprintf(path, sizeof path, "%s/room.conf", dir);
	ck_assert_int_eq(file_read(bytes, &len, sizeof bytes - 1, path), E_OK);
	bytes[len] = 0;
	at = strstr((char *)bytes, from);
	ck_assert_ptr_nonnull(at);
	snprintf(text, sizeof text, "%.*s%s%s", (int)(at - (char *)bytes), (char *)bytes, to, at + strlen(from));
	ck_assert_int_eq(file_write(path, (struct span){ (const uint8_t *)text, strlen(text) }, 0600), E_OK);
}

static const struct {
	const char *from, *to, *why;
	enum err e;
} damaged[] = {
	{ "version = 1", "version = 2", "version 2", E_ROOM_VERSION },
	{ "kind = test", "kind = production", "PIN file", E_DENIED },
	{ "purpose = acquirer", "purpose = ca", "", E_ROOM_PURPOSE },
	{ "name = Room 1", "name = Room 1\nname = Room 2", "twice", E_ROOM },
	{ "token = pkcs11:token=keyroom-", "token = pkcs11:token=other-", "", E_TOKEN },
};

START_TEST(a_room_whose_configuration_was_changed_does_not_open)
{
	char why[ROOM_WHY];

	ck_assert_int_eq(make(ROOM_ACQUIRER, why), E_OK);
	rewrite(damaged[_i].from, damaged[_i].to);
	ck_assert_int_eq(room_open(&r, dir, why), damaged[_i].e);
	ck_assert_msg(strstr(why, damaged[_i].why), "\"%s\" does not say \"%s\"", why, damaged[_i].why);
	rewrite(damaged[_i].to, damaged[_i].from);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);		/* nothing was held or spoilt by the refusal */
	room_close(&r);
}
END_TEST

START_TEST(a_room_that_others_may_enter_does_not_open)
{
	char why[ROOM_WHY], pin[128];

	ck_assert_int_eq(make(ROOM_LOAD, why), E_OK);
	snprintf(pin, sizeof pin, "%s/pin", dir);
	ck_assert_int_eq(chmod(dir, 0720), 0);
	ck_assert_int_eq(room_open(&r, dir, why), E_ROOM);
	ck_assert_ptr_nonnull(strstr(why, "folder"));
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(chmod(pin, 0440), 0);
	ck_assert_int_eq(room_open(&r, dir, why), E_ROOM);
	ck_assert_ptr_nonnull(strstr(why, "pin"));
	ck_assert_int_eq(chmod(pin, 0400), 0);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	room_close(&r);
}
END_TEST

/* Power fails when the token has the key set and the journal has not: the one package there is can be taken again. */
START_TEST(an_import_that_was_cut_off_can_be_done_again)
{
	static struct room_sim sim;
	static uint8_t package[EXCHANGE_MAX];
	struct room_sim_package p;
	struct key_set taken = { .utc = 0 };
	char from[CERT_TEXT], why[EXCHANGE_WHY];
	struct span bytes = { package, 0 };

	room_sim_make(&sim);
	room_sim_package(&sim, &p, DUKPT_TDES, "FFFF000077", "0123456789ABCDEFFEDCBA9876543210");
	bytes.len = room_sim_package_bytes(&sim, package, &p);
	ck_assert_int_eq(exchange_import(&taken, from, &sim.acquirer, bytes, why), E_OK);
	ck_assert_int_eq(exchange_import(&taken, from, &sim.acquirer, bytes, why), E_EXISTS);
	room_sim_meddle(&sim.acquirer, "DELETE FROM maker; DELETE FROM fingerprint; DELETE FROM key_state; DELETE FROM key_set");
	room_sim_reopen(&sim.acquirer);
	ck_assert_int_eq(exchange_import(&taken, from, &sim.acquirer, bytes, why), E_OK);
	ck_assert_mem_eq(taken.kcv.b, p.kcv.b, p.kcv.len);
	room_sim_remove(&sim);
}
END_TEST

START_TEST(certificates_of_another_token_are_seen)
{
	char why[ROOM_WHY], to[128];
	uint8_t der[PKI_MAX];
	size_t len;

	ck_assert_int_eq(make(ROOM_CA, why), E_OK);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	memcpy(der, r.kif_ca.b, r.kif_ca.len);
	len = r.kif_ca.len;
	room_close(&r);
	snprintf(to, sizeof to, "%s/certs/device-ca.der", dir);
	ck_assert_int_eq(file_write(to, (struct span){ der, len }, 0600), E_OK);
	ck_assert_int_eq(room_open(&r, dir, why), E_ROOM);
	ck_assert_ptr_nonnull(strstr(why, "device-ca"));
}
END_TEST

START_TEST(a_worker_that_died_is_replaced)
{
	uint8_t a[32], b[32];
	char why[ROOM_WHY];
	struct worker *w;
	pid_t first;

	ck_assert_int_eq(make(ROOM_LOAD, why), E_OK);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	ck_assert_int_eq(room_worker(&w, &r), E_OK);
	ck_assert_int_eq(worker_random(w, a, sizeof a), E_OK);
	first = w->pid;
	ck_assert_int_eq(kill(first, SIGKILL), 0);
	ck_assert_int_eq(waitid(P_PID, (id_t)first, &(siginfo_t){ 0 }, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(room_worker(&w, &r), E_OK);
	ck_assert_int_ne(w->pid, first);
	ck_assert_int_eq(worker_random(w, b, sizeof b), E_OK);
	ck_assert_mem_ne(a, b, sizeof a);
	room_close(&r);
}
END_TEST

START_TEST(a_production_room_refuses_a_token_that_allows_what_must_fail)
{
	struct room_config c = { .test = false };
	struct probe p = { .about = "" };
	char why[ROOM_WHY] = "";

	for (enum probe_question q = 0; q < PROBE_QUESTIONS; q++)
		p.of[q].answer = PROBE_RIGHT;
	ck_assert_int_eq(room_judge(why, &c, &p), E_OK);
	for (enum probe_question q = 0; q < PROBE_QUESTIONS; q++) {
		if (probe_rows[q].kind != PROBE_REFUSAL)
			continue;
		p.of[q].answer = PROBE_WRONG;
		c.test = false;
		ck_assert_int_eq(room_judge(why, &c, &p), E_DENIED);
		ck_assert_ptr_nonnull(strstr(why, probe_rows[q].name));
		c.test = true;
		ck_assert_int_eq(room_judge(why, &c, &p), E_OK);
		p.of[q].answer = PROBE_RIGHT;
	}
}
END_TEST

/* A module may be a proxy, or a link with another name: the token says what it is. */
START_TEST(a_token_that_says_that_it_is_software_has_to_be_accepted)
{
	static const struct {
		const char *about;
		bool software;
	} rows[] = {
		{ "SoftHSM v2 by SoftHSM project, library 0.25", true },
		{ "NSS 3 by Mozilla Foundation, library 3.110", true },
		{ "nShield by nCipher, library 12.80", false },
		{ "", false },
	};
	char why[ROOM_WHY];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct room_config c = { .token = "pkcs11:token=x?module-path=/usr/lib/proxy.so" };
		struct room made = { .config = c };
		struct probe *p = &made.worker[0].probe;

		for (unsigned q = 0; q < PROBE_QUESTIONS; q++)
			p->of[q].answer = PROBE_RIGHT;
		snprintf(p->about, sizeof p->about, "%s", rows[i].about);
		why[0] = 0;
		ck_assert(!room_config_software(&c));
		ck_assert_int_eq(room_software(&made), rows[i].software);
		ck_assert_int_eq(room_judge(why, &c, p), rows[i].software ? E_DENIED : E_OK);
		ck_assert_int_eq(why[0] != 0, rows[i].software);
		c.accept_software_token = true;
		ck_assert_int_eq(room_judge(why, &c, p), E_OK);
		c = (struct room_config){ .test = true };
		ck_assert_int_eq(room_judge(why, &c, p), E_OK);
	}
}
END_TEST

/* NSS softokn for a room that was opened as a test room and is a production room from then on */
START_TEST(no_worker_starts_in_a_production_room_on_nss_softokn)
{
	struct room_config config = { .purpose = ROOM_LOAD, .test = true, .name = "Room 1",
				      .token_arguments = "configdir='sql:{room}/token' dbTokenDescription='N'" };
	char why[ROOM_WHY];
	struct worker *w;
	glob_t found;

	ck_assert_int_eq(glob("/usr/lib/*/libsoftokn3.so", 0, NULL, &found), 0);
	snprintf(config.token, sizeof config.token, "pkcs11:token=N?module-path=%s", found.gl_pathv[0]);
	globfree(&found);
	ck_assert_int_eq(room_init(dir, &config, &(struct room_birth){ .who.n = 0 }, why), E_OK);
	ck_assert_int_eq(room_open(&r, dir, why), E_OK);
	ck_assert_int_eq(probe_verdict(&r.worker[0].probe), PROBE_TEST);
	ck_assert(probe_software(&r.worker[0].probe)); /* as it says itself */
	ck_assert_int_eq(room_worker(&w, &r), E_OK);
	r.config.test = false;
	for (unsigned i = 0; i < r.config.workers; i++)
		worker_stop(&r.worker[i]);
	ck_assert_int_eq(room_worker(&w, &r), E_DENIED);
	ck_assert_int_eq(w->fd, -1);
	ck_assert_int_eq(room_judge(why, &r.config, &w->probe), E_DENIED);
	ck_assert_ptr_nonnull(strstr(why, "wrap-unextractable"));
	room_close(&r);
}
END_TEST

START_TEST(the_guard_closes_the_process)
{
	struct rlimit core;
	bool locked;
	int status;
	pid_t child = fork();

	if (!child) {
		bool closed = !guard_secrets(&locked) && !prctl(PR_GET_DUMPABLE) && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 &&
			      !getrlimit(RLIMIT_CORE, &core) && !core.rlim_cur && !core.rlim_max;
		_exit(!closed);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status) && !WEXITSTATUS(status));
	ck_assert_int_eq(prctl(PR_GET_DUMPABLE), 1);		/* the test itself shows what an open one looks like */
}
END_TEST

#define ROWS(array) (int)(sizeof(array) / sizeof *(array))

static Suite *suite(void)
{
	Suite *s = suite_create("room");
	TCase *c = tcase_create("config"), *t = tcase_create("room");

	tcase_add_test(c, a_configuration_is_read);
	tcase_add_loop_test(c, a_wrong_configuration_is_refused_with_its_line, 0, ROWS(configs));
	tcase_add_test(c, a_line_that_is_too_long_is_not_cut);
	tcase_add_test(c, a_production_room_refuses_a_token_that_allows_what_must_fail);
	tcase_add_test(c, the_guard_closes_the_process);
	suite_add_tcase(s, c);
	tcase_add_checked_fixture(t, make_folder, remove_folder);
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t, a_room_that_was_made_opens, ROOM_CA, ROOM_ACQUIRER + 1);
	tcase_add_test(t, a_room_may_be_moved);
	tcase_add_loop_test(t, a_room_that_cannot_be_made_leaves_nothing, 0, ROWS(limits));
	tcase_add_test(t, nothing_is_made_over_something);
	tcase_add_test(t, a_production_room_is_not_half_made);
	tcase_add_loop_test(t, a_pin_that_the_token_refuses_is_not_tried_again, 0, 2);
	tcase_add_test(t, a_locked_room_has_no_worker_and_no_pin);
	tcase_add_test(t, one_bdkd_serves_a_room);
	tcase_add_loop_test(t, a_room_whose_configuration_was_changed_does_not_open, 0, ROWS(damaged));
	tcase_add_test(t, a_room_that_others_may_enter_does_not_open);
	tcase_add_test(t, an_import_that_was_cut_off_can_be_done_again);
	tcase_add_test(t, certificates_of_another_token_are_seen);
	tcase_add_test(t, a_worker_that_died_is_replaced);
	tcase_add_test(t, a_token_that_says_that_it_is_software_has_to_be_accepted);
	tcase_add_test(t, no_worker_starts_in_a_production_room_on_nss_softokn);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
