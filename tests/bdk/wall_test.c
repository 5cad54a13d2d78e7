#include "bdk/wall.h"
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static char folder[64], outside[64];

static void make_folders(void)
{
	test_folder_make(folder, sizeof folder);
	test_folder_make(outside, sizeof outside);
}

static void remove_folders(void)
{
	test_folder_remove(folder);
	test_folder_remove(outside);
}

/* --- What a process might be made to do: 0, or errno -------------------------------------------------------------- */

static int result(long r)
{
	return r < 0 ? errno : 0;
}

static int to_network(void)
{
	return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int to_network6(void)
{
	return result(socket(AF_INET6, SOCK_DGRAM, 0));
}

static int to_unix(void)
{
	return result(socket(AF_UNIX, SOCK_SEQPACKET, 0));
}

static int trace(void)
{
	return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int execute(void)
{
	return result(execl("/bin/true", "true", (char *)NULL));
}

static int write_in(const char *where)
{
	char path[128];

	snprintf(path, sizeof path, "%s/written", where);
	return result(open(path, O_WRONLY | O_CREAT, 0600));
}

static int write_inside(void)
{
	return write_in(folder);
}

static int write_outside(void)
{
	return write_in(outside);
}

static int read_file(void)
{
	return result(open("/etc/passwd", O_RDONLY));
}

static int new_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : 0;
}

static int new_process(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(0);
	return pid < 0 ? errno : waitpid(pid, NULL, 0) == pid ? 0 : errno;
}

static int new_namespace(void)
{
	return result(unshare(CLONE_FS)); /* one that anybody may */
}

static int become_dumpable(void)
{
	return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int make_folder(void)
{
	char path[128];

	snprintf(path, sizeof path, "%s/folder", folder);
	return result(mkdir(path, 0700));
}

/* --- In a process of its own --------------------------------------------------------------------------------------- */

enum { DONE = 0, REFUSED = 1, BUILT_NOT = 2, STOPPED = EX_SOFTWARE };

/* What comes of an act around which walls were built, or none (0); what it said on standard error. */
static int try(unsigned walls, int (*act)(void), char *said, size_t size)
{
	const char *const writable[] = { folder, NULL };
	char why[WALL_WHY];
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		dup2(fd[1], STDERR_FILENO);
		if (walls && wall_build((enum wall_around)walls, writable, false, why))
			_exit(BUILT_NOT);
		_exit(act() ? REFUSED : DONE);
	}
	close(fd[1]);
	n = read(fd[0], said, size - 1);
	said[n > 0 ? n : 0] = 0;
	close(fd[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status), "signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

enum { S = WALL_SUPERVISOR, W = WALL_WORKER, P = WALL_PARSER };

static const struct {
	const char *name;
	int (*act)(void);
	unsigned around;
	int comes_of_it;
	const char *said;
} rows[] = {
	/* clang-format off */
	{ "a TCP socket",		to_network,	 S,	 STOPPED, "supervisor: the system call socket " },
	{ "a TCP socket",		to_network,	 W | P,	 REFUSED, "" },
	{ "a UDP socket",		to_network6,	 S,	 STOPPED, "supervisor: the system call socket " },
	{ "a UNIX socket",		to_unix,	 S,	 DONE,	  "" },
	{ "a UNIX socket",		to_unix,	 W | P,	 REFUSED, "" },
	{ "being traced",		trace,		 S,	 STOPPED, "supervisor: the system call ptrace " },
	{ "being traced",		trace,		 W,	 STOPPED, "worker: the system call ptrace " },
	{ "being traced",		trace,		 P,	 STOPPED, "parser: the system call ptrace " },
	{ "another program",		execute,	 S,	 REFUSED, "" },
	{ "another program",		execute,	 W | P,	 STOPPED, "the system call execve " },
	{ "writing outside",		write_outside,	 S | W | P, REFUSED, "" },
	{ "writing inside",		write_inside,	 S | W,	 DONE,	  "" },
	{ "writing inside",		write_inside,	 P,	 REFUSED, "" },
	{ "reading a file",		read_file,	 S | W,	 DONE,	  "" },
	{ "reading a file",		read_file,	 P,	 REFUSED, "" },
	{ "new code",			new_code,	 W | P,	 STOPPED, "the system call mmap " },
	{ "a new process",		new_process,	 S,	 DONE,	  "" },
	{ "a new process",		new_process,	 W | P,	 STOPPED, "the system call clone " },
	{ "another namespace",		new_namespace,	 S | W | P, STOPPED, "the system call unshare " },
	{ "a dumpable process",		become_dumpable, S | W | P, STOPPED, "the system call prctl " },
	{ "a new folder",		make_folder,	 S | W | P, STOPPED, "the system call mkdir " },
	/* clang-format on */
};

START_TEST(what_is_behind_a_wall_is_not_done)
{
	for (unsigned who = S; who <= P; who <<= 1) {
		char said[256];
		int got;

		if (!(rows[_i].around & who))
			continue;
		got = try(who, rows[_i].act, said, sizeof said);
		ck_assert_msg(got == rows[_i].comes_of_it, "%s, process %u: %d, said: %s", rows[_i].name, who, got, said);
		ck_assert_msg(strstr(said, rows[_i].said), "%s: %s", rows[_i].name, said);
	}
}
END_TEST

/* The broken twin: without walls every one of these acts succeeds, so it is the wall that stops it. */
START_TEST(without_walls_it_is_done)
{
	char said[256];

	ck_assert_int_eq(try(0, rows[_i].act, said, sizeof said), DONE);
}
END_TEST

/* --- Walls that cannot be built ------------------------------------------------------------------------------------ */

static void without_memory(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_MEMLOCK, &none) || (!geteuid() && setresuid(65534, 65534, 65534)))
		_exit(99);
}

/* A kernel, or a container's profile, that has not this call. */
static void without_call(int call)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	if (!f || seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), call, 0) || seccomp_load(f))
		_exit(99);
}

static void without_landlock(void)
{
	without_call(SCMP_SYS(landlock_create_ruleset));
}

static void without_seccomp(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

	if (!f || seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(seccomp), 0) ||
	    seccomp_rule_add(f, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_SECCOMP, 0)) ||
	    seccomp_load(f))
		_exit(99);
}

static void without_limits(void)
{
	without_call(SCMP_SYS(prlimit64));
}

static void without_a_folder(void)
{
}

static const struct {
	void (*prepare)(void);
	const char *why, *setting;
} missing[] = {
	{ without_memory, "memory is not locked", "LimitMEMLOCK=infinity" },
	{ without_landlock, "files are not walled off", "lsm=landlock" },
	{ without_a_folder, "files are not walled off", "module-folder" },
	{ without_seccomp, "system calls are not walled off", "CONFIG_SECCOMP_FILTER" },
	{ without_limits, "core dumps and tracing are not shut off", "setrlimit" },
};

START_TEST(a_production_room_does_without_no_wall_and_names_the_setting)
{
	const char *const writable[] = { folder, NULL };

	for (int strict = 0; strict < 2; strict++) {
		int status;
		pid_t pid = fork();

		if (!pid) {
			bool nowhere = missing[_i].prepare == without_a_folder;
			char why[WALL_WHY];
			enum err e;

			missing[_i].prepare();
			/* AddressSanitizer says of everything that it is locked. */
			if (missing[_i].prepare == without_memory && !mlockall(MCL_CURRENT))
				_exit(0);
			e = wall_build(WALL_SUPERVISOR, nowhere ? NULL : writable, strict, why);
			if (!strstr(why, missing[_i].why) || !strstr(why, missing[_i].setting)) {
				fprintf(stderr, "\"%s\"\n", why);
				_exit(98);
			}
			_exit(e == (strict ? E_DENIED : E_OK) ? 0 : 97);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%s: %d", missing[_i].why,
			      WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
	}
}
END_TEST

/* The supervisor's walls stand around what it starts before that has built its own: a call that they stop is named there
 * too. That it cannot be dumped is one of the first things that a process sees to. */
START_TEST(a_process_that_is_stopped_before_its_own_walls_is_named)
{
	static const struct {
		enum process what;
		const char *line;
	} row[] = {
		{ PROCESS_WORKER, "bdkd: worker: the system call prctl is not permitted here" },
		{ PROCESS_PARSER, "bdkd: parser: the system call prctl is not permitted here" },
	};
	const struct scmp_arg_cmp undumpable = { 0, SCMP_CMP_EQ, PR_SET_DUMPABLE, 0 };
	char said[256];
	int end[2], fd, status;
	ssize_t n;
	pid_t pid, started;

	ck_assert_int_eq(pipe(end), 0);
	pid = fork();
	if (!pid) {
		scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

		alarm(60);
		dup2(end[1], STDERR_FILENO);
		if (!f || seccomp_rule_add_array(f, SCMP_ACT_TRAP, SCMP_SYS(prctl), 1, &undumpable) || seccomp_load(f) ||
		    process_start(&fd, &started, row[_i].what, 30) || waitpid(started, &status, 0) != started)
			_exit(BUILT_NOT);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : REFUSED);
	}
	close(end[1]);
	n = read(end[0], said, sizeof said - 1);
	said[n > 0 ? n : 0] = 0;
	close(end[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), STOPPED);
	ck_assert_msg(strstr(said, row[_i].line) == said, "it said '%s'", said);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("wall");
	TCase *t = tcase_create("acts");

	tcase_add_checked_fixture(t, make_folders, remove_folders);
	tcase_add_loop_test(t, what_is_behind_a_wall_is_not_done, 0, sizeof rows / sizeof rows[0]);
	tcase_add_loop_test(t, without_walls_it_is_done, 0, sizeof rows / sizeof rows[0]);
	tcase_add_loop_test(t, a_production_room_does_without_no_wall_and_names_the_setting, 0,
			    sizeof missing / sizeof missing[0]);
	tcase_add_loop_test(t, a_process_that_is_stopped_before_its_own_walls_is_named, 0, 2);
	suite_add_tcase(s, t);
	return test_main(s);
}
