#include "bdk/wall.h"
#include "base/host/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <link.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

/* --- Files: Landlock ---------------------------------------------------------------------------------------------- */

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE /* newer than Debian 12's headers */
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
enum { ABI_TRUNCATE = 3 };

#define WRITES                                                                                                         \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |                \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK)
#define NEVER                                                                                                          \
	(LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |                  \
	 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static bool permit_below(int rules, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr a = { .allowed_access = access };
	long bad;

	a.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (a.parent_fd < 0)
		return false;
	bad = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &a, 0);
	close(a.parent_fd);
	return !bad;
}

/* The first object is the program: the loader that it names is executed with it. */
static int find_loader(struct dl_phdr_info *object, size_t size, void *loader)
{
	(void)size;
	for (unsigned i = 0; i < object->dlpi_phnum; i++)
		if (object->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)loader = (const char *)(object->dlpi_addr + object->dlpi_phdr[i].p_vaddr);
	return 1;
}

static bool wall_files(enum wall_around who, const char *const writable[])
{
	struct landlock_ruleset_attr handled = { .handled_access_fs = WRITES | NEVER | LANDLOCK_ACCESS_FS_EXECUTE };
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t writes = WRITES;
	const char *loader = NULL;
	int rules;
	bool good;

	if (abi >= ABI_TRUNCATE) {
		handled.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
		writes |= LANDLOCK_ACCESS_FS_TRUNCATE;
	}
	rules = abi > 0 && writable ? (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0) : -1;
	good = rules >= 0;
	for (; good && *writable; writable++)
		good = permit_below(rules, *writable, writes);
	if (good && who == WALL_SUPERVISOR) {
		dl_iterate_phdr(find_loader, &loader);
		good = permit_below(rules, "/proc/self/exe", LANDLOCK_ACCESS_FS_EXECUTE) &&
		       (!loader || permit_below(rules, loader, LANDLOCK_ACCESS_FS_EXECUTE));
	}
	good = good && !syscall(SYS_landlock_restrict_self, rules, 0);
	if (rules >= 0)
		close(rules);
	return good;
}

/* --- Calls: seccomp ----------------------------------------------------------------------------------------------- */

enum { S = WALL_SUPERVISOR, W = WALL_WORKER, P = WALL_PARSER, SW = S | W, WP = W | P, ALL = S | W | P };

#define ANY_WAY 0, { 0, _SCMP_CMP_MIN, 0, 0 }
#define IS(n, value) 1, { (n), SCMP_CMP_EQ, (value), 0 }
#define WITHOUT(n, bits) 1, { (n), SCMP_CMP_MASKED_EQ, (bits), 0 }

/* clang-format off */
static const struct row {
	int call;
	unsigned who;
	unsigned compared;		/* 0, or 1: only with this argument */
	struct scmp_arg_cmp with;
} rows[] = {
	/* what every process does */
	{ SCMP_SYS(read),		ALL, ANY_WAY },
	{ SCMP_SYS(write),		ALL, ANY_WAY },
	{ SCMP_SYS(writev),		ALL, ANY_WAY },
	{ SCMP_SYS(close),		ALL, ANY_WAY },
	{ SCMP_SYS(recvfrom),		ALL, ANY_WAY },
	{ SCMP_SYS(recvmsg),		ALL, ANY_WAY },
	{ SCMP_SYS(sendto),		ALL, ANY_WAY },
	{ SCMP_SYS(sendmsg),		ALL, ANY_WAY },
	{ SCMP_SYS(poll),		ALL, ANY_WAY },
	{ SCMP_SYS(ppoll),		ALL, ANY_WAY },
	{ SCMP_SYS(brk),		ALL, ANY_WAY },
	{ SCMP_SYS(munmap),		ALL, ANY_WAY },
	{ SCMP_SYS(mremap),		ALL, ANY_WAY },
	{ SCMP_SYS(madvise),		ALL, ANY_WAY },
	{ SCMP_SYS(futex),		ALL, ANY_WAY },
	{ SCMP_SYS(sched_yield),	ALL, ANY_WAY },
	{ SCMP_SYS(sched_getaffinity),	ALL, ANY_WAY },
	{ SCMP_SYS(clock_gettime),	ALL, ANY_WAY },
	{ SCMP_SYS(clock_nanosleep),	ALL, ANY_WAY },
	{ SCMP_SYS(nanosleep),		ALL, ANY_WAY },
	{ SCMP_SYS(gettimeofday),	ALL, ANY_WAY },
	{ SCMP_SYS(time),		ALL, ANY_WAY },
	{ SCMP_SYS(getrandom),		ALL, ANY_WAY },
	{ SCMP_SYS(sysinfo),		ALL, ANY_WAY }, /* qsort() asks how much memory there is; NSS, for its seed */
	{ SCMP_SYS(getpid),		ALL, ANY_WAY },
	{ SCMP_SYS(gettid),		ALL, ANY_WAY },
	{ SCMP_SYS(getuid),		ALL, ANY_WAY },
	{ SCMP_SYS(geteuid),		ALL, ANY_WAY },
	{ SCMP_SYS(getgid),		ALL, ANY_WAY },
	{ SCMP_SYS(getegid),		ALL, ANY_WAY },
	{ SCMP_SYS(rt_sigaction),	ALL, ANY_WAY },
	{ SCMP_SYS(rt_sigprocmask),	ALL, ANY_WAY },
	{ SCMP_SYS(rt_sigreturn),	ALL, ANY_WAY },
	{ SCMP_SYS(restart_syscall),	ALL, ANY_WAY },
	{ SCMP_SYS(fstat),		ALL, ANY_WAY },
	{ SCMP_SYS(ioctl),		ALL, IS(1, TCGETS) }, /* stdio: is this a terminal? */
	{ SCMP_SYS(exit),		ALL, ANY_WAY },
	{ SCMP_SYS(exit_group),		ALL, ANY_WAY },
	/* memory: once a worker or a parser stands, no new code */
	{ SCMP_SYS(mmap),		S,   ANY_WAY },
	{ SCMP_SYS(mprotect),		S,   ANY_WAY },
	{ SCMP_SYS(mmap),		WP,  WITHOUT(2, PROT_EXEC) },
	{ SCMP_SYS(mprotect),		WP,  WITHOUT(2, PROT_EXEC) },
	/* files: which ones is Landlock's affair */
	{ SCMP_SYS(open),		SW,  ANY_WAY },
	{ SCMP_SYS(openat),		SW,  ANY_WAY },
	{ SCMP_SYS(stat),		SW,  ANY_WAY },
	{ SCMP_SYS(lstat),		SW,  ANY_WAY },
	{ SCMP_SYS(newfstatat),		SW,  ANY_WAY },
	{ SCMP_SYS(statx),		SW,  ANY_WAY },
	{ SCMP_SYS(statfs),		SW,  ANY_WAY },
	{ SCMP_SYS(fstatfs),		SW,  ANY_WAY },
	{ SCMP_SYS(access),		SW,  ANY_WAY },
	{ SCMP_SYS(faccessat),		SW,  ANY_WAY },
	{ SCMP_SYS(faccessat2),		SW,  ANY_WAY },
	{ SCMP_SYS(readlink),		SW,  ANY_WAY },
	{ SCMP_SYS(readlinkat),		SW,  ANY_WAY },
	{ SCMP_SYS(getcwd),		SW,  ANY_WAY },
	{ SCMP_SYS(getdents64),		SW,  ANY_WAY },
	{ SCMP_SYS(lseek),		SW,  ANY_WAY },
	{ SCMP_SYS(pread64),		SW,  ANY_WAY },
	{ SCMP_SYS(pwrite64),		SW,  ANY_WAY },
	{ SCMP_SYS(fcntl),		SW,  ANY_WAY },
	{ SCMP_SYS(flock),		SW,  ANY_WAY },
	{ SCMP_SYS(fsync),		SW,  ANY_WAY },
	{ SCMP_SYS(fdatasync),		SW,  ANY_WAY },
	{ SCMP_SYS(ftruncate),		SW,  ANY_WAY },
	{ SCMP_SYS(fchmod),		SW,  ANY_WAY },
	{ SCMP_SYS(umask),		SW,  ANY_WAY },
	{ SCMP_SYS(rename),		SW,  ANY_WAY },
	{ SCMP_SYS(renameat),		SW,  ANY_WAY },
	{ SCMP_SYS(renameat2),		SW,  ANY_WAY },
	{ SCMP_SYS(unlink),		SW,  ANY_WAY },
	{ SCMP_SYS(unlinkat),		SW,  ANY_WAY },
	{ SCMP_SYS(uname),		SW,  ANY_WAY },
	/* SQLite (NSS softokn's too), and the room's folder */
	{ SCMP_SYS(fchown),		SW,  ANY_WAY },
	{ SCMP_SYS(chmod),		S,   ANY_WAY },
	{ SCMP_SYS(fchmodat),		S,   ANY_WAY },
	{ SCMP_SYS(setxattr),		S,   ANY_WAY },
	{ SCMP_SYS(getxattr),		S,   ANY_WAY },
	{ SCMP_SYS(syncfs),		S,   ANY_WAY },
	/* sockets */
	{ SCMP_SYS(socket),		S,   IS(0, AF_UNIX) },
	{ SCMP_SYS(socketpair),		S,   IS(0, AF_UNIX) },
	{ SCMP_SYS(bind),		S,   ANY_WAY },
	{ SCMP_SYS(listen),		S,   ANY_WAY },
	{ SCMP_SYS(accept4),		S,   ANY_WAY },
	{ SCMP_SYS(connect),		S,   ANY_WAY },
	{ SCMP_SYS(shutdown),		S,   ANY_WAY },
	{ SCMP_SYS(getsockopt),		S,   ANY_WAY },
	{ SCMP_SYS(setsockopt),		S,   ANY_WAY },
	/* workers and parsers, until they stand: fork, exec, module and walls */
	{ SCMP_SYS(clone),		S,   WITHOUT(0, CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET |
						     CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) },
	{ SCMP_SYS(fork),		S,   ANY_WAY },
	{ SCMP_SYS(vfork),		S,   ANY_WAY },
	{ SCMP_SYS(execve),		S,   ANY_WAY },
	{ SCMP_SYS(wait4),		S,   ANY_WAY },
	{ SCMP_SYS(waitid),		S,   ANY_WAY },
	{ SCMP_SYS(kill),		S,   ANY_WAY },
	{ SCMP_SYS(tgkill),		S,   ANY_WAY },
	{ SCMP_SYS(getppid),		S,   ANY_WAY },
	{ SCMP_SYS(dup),		S,   ANY_WAY },
	{ SCMP_SYS(dup2),		S,   ANY_WAY },
	{ SCMP_SYS(dup3),		S,   ANY_WAY },
	{ SCMP_SYS(pipe2),		S,   ANY_WAY },
	{ SCMP_SYS(close_range),	S,   ANY_WAY },
	{ SCMP_SYS(set_tid_address),	S,   ANY_WAY },
	{ SCMP_SYS(set_robust_list),	S,   ANY_WAY },
	{ SCMP_SYS(rseq),		S,   ANY_WAY },
	{ SCMP_SYS(arch_prctl),		S,   ANY_WAY },
	{ SCMP_SYS(alarm),		S,   ANY_WAY },
	{ SCMP_SYS(prlimit64),		S,   ANY_WAY },
	{ SCMP_SYS(mlockall),		S,   ANY_WAY },
	{ SCMP_SYS(mlock),		S,   ANY_WAY },
	{ SCMP_SYS(mlock2),		S,   ANY_WAY },
	{ SCMP_SYS(seccomp),		S,   ANY_WAY },
	{ SCMP_SYS(landlock_create_ruleset), S, ANY_WAY },
	{ SCMP_SYS(landlock_add_rule),	S,   ANY_WAY },
	{ SCMP_SYS(landlock_restrict_self), S, ANY_WAY },
	{ SCMP_SYS(prctl),		S,   IS(0, PR_SET_PDEATHSIG) },
	{ SCMP_SYS(prctl),		S,   IS(0, PR_SET_NO_NEW_PRIVS) },
	{ SCMP_SYS(prctl),		S,   IS(0, PR_GET_NO_NEW_PRIVS) },
	{ SCMP_SYS(prctl),		S,   IS(0, PR_GET_DUMPABLE) },
	{ SCMP_SYS(prctl),		S,   IS(0, PR_SET_SECCOMP) },
	{ SCMP_SYS(prctl),		S,   IS(0, PR_GET_SECCOMP) },
};

/* What a library tries, and does without: refused in a way that it understands. */
static const struct {
	int call;
	unsigned who;
	unsigned says;
} refused[] = {
	{ SCMP_SYS(clone3),		ALL, ENOSYS }, /* its flags lie in memory: glibc takes clone() then */
	{ SCMP_SYS(socket),		WP,  EACCES }, /* syslog's */
	{ SCMP_SYS(open),		P,   EACCES },
	{ SCMP_SYS(openat),		P,   EACCES },
};
/* clang-format on */

static const char *process;

static void on_denied(int sig, siginfo_t *info, void *context)
{
	/* This allocates, which a handler may here: no call that malloc() makes is ever stopped, so it is not inside one. */
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, info->si_syscall), line[160];
	int len = snprintf(line, sizeof line,
			   "bdkd: %s: the system call %s is not permitted here, so this process ends; please report this\n",
			   process, name ? name : "without a name");

	(void)sig;
	(void)context;
	_exit(write(STDERR_FILENO, line, (size_t)len) == len ? EX_SOFTWARE : EX_OSERR);
}

void wall_watch(enum wall_around who)
{
	struct sigaction a = { .sa_sigaction = on_denied, .sa_flags = SA_SIGINFO };

	process = who == WALL_SUPERVISOR ? "supervisor" : who == WALL_WORKER ? "worker" : "parser";
	sigaction(SIGSYS, &a, NULL);
}

/*
 * The filter is made here and not by libseccomp: that one, out of memory, crashes, or loads a filter that is none. This
 * needs no memory but the stack's.
 */
enum { RULE_MAX = 11, FILTER_MAX = 8 + RULE_MAX * (sizeof rows / sizeof *rows + sizeof refused / sizeof *refused + 1) };

struct filter {
	struct sock_filter op[FILTER_MAX];
	unsigned short len;
};

static void add(struct filter *f, unsigned code, uint32_t k, uint8_t yes, uint8_t no)
{
	f->op[f->len++] = (struct sock_filter){ (uint16_t)code, yes, no, k };
}

static void load_word(struct filter *f, size_t offset)
{
	add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Where this call has such arguments, the filter ends with says; else it goes on with the next rule. */
static void add_rule(struct filter *f, int call, uint32_t says, const struct scmp_arg_cmp with[], unsigned compared)
{
	static const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
	unsigned first = f->len, after;

	if (call < 0) /* this machine has no such call */
		return;
	add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 1);
	for (unsigned i = 0; i < compared; i++) {
		size_t arg = offsetof(struct seccomp_data, args) + with[i].arg * sizeof(uint64_t);
		const struct {
			size_t at;
			uint32_t value;
		} half[] = { { arg + (little ? 0 : 4), (uint32_t)with[i].datum_a },
			     { arg + (little ? 4 : 0), (uint32_t)(with[i].datum_a >> 32) } };

		for (size_t j = 0; j < 2; j++) {
			load_word(f, half[j].at);
			if (with[i].op == SCMP_CMP_EQ)
				add(f, BPF_JMP | BPF_JEQ | BPF_K, half[j].value, 0, 1);
			else
				add(f, BPF_JMP | BPF_JSET | BPF_K, half[j].value, 1, 0);
		}
	}
	add(f, BPF_RET | BPF_K, says, 0, 0);
	/* What does not agree goes on behind the rule, with the call's number again. */
	after = f->len;
	if (compared)
		load_word(f, offsetof(struct seccomp_data, nr));
	f->op[first].jf = (uint8_t)(f->len - first - 1);
	for (unsigned i = first + 1; i < after; i++) {
		if (f->op[i].code == (BPF_JMP | BPF_JEQ | BPF_K))
			f->op[i].jf = (uint8_t)(after - i - 1);
		if (f->op[i].code == (BPF_JMP | BPF_JSET | BPF_K))
			f->op[i].jt = (uint8_t)(after - i - 1);
	}
}

static bool wall_calls(enum wall_around who, const char *const writable[])
{
	static const struct scmp_arg_cmp undumpable[] = { { 0, SCMP_CMP_EQ, PR_SET_DUMPABLE, 0 },
							  { 1, SCMP_CMP_EQ, 0, 0 } };
	struct filter f = { .len = 0 };
	struct sock_fprog program = { .filter = f.op };

	(void)writable;
	/* Calls of another architecture have other numbers. */
	load_word(&f, offsetof(struct seccomp_data, arch));
	add(&f, BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 1, 0);
	add(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
	load_word(&f, offsetof(struct seccomp_data, nr));
#ifdef __x86_64__
	add(&f, BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1); /* x32's */
	add(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
#endif
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].who & who)
			add_rule(&f, rows[i].call, SECCOMP_RET_ALLOW, &rows[i].with, rows[i].compared);
	/* Undumpable once, it stays so. */
	if (who == WALL_SUPERVISOR)
		add_rule(&f, SCMP_SYS(prctl), SECCOMP_RET_ALLOW, undumpable, 2);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (refused[i].who & who)
			add_rule(&f, refused[i].call, SECCOMP_RET_ERRNO | refused[i].says, NULL, 0);
	add(&f, BPF_RET | BPF_K, SECCOMP_RET_TRAP, 0, 0);
	program.len = f.len;
	/* The last one: from here on the table holds. */
	return !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) &&
	       !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* --- All of them -------------------------------------------------------------------------------------------------- */

static bool wall_memory(enum wall_around who, const char *const writable[])
{
	(void)who;
	(void)writable;
	return !mlockall(MCL_CURRENT | MCL_FUTURE);
}

static bool wall_secrets(enum wall_around who, const char *const writable[])
{
	bool locked;

	(void)who;
	(void)writable;
	return !guard_secrets(&locked);
}

static const struct {
	bool (*build)(enum wall_around who, const char *const writable[]);
	const char *missing, *setting;
} walls[] = {
	{ wall_secrets, "core dumps and tracing are not shut off", "let it call setrlimit() and prctl()" },
	{ wall_memory, "memory is not locked", "set LimitMEMLOCK=infinity (ulimit -l)" },
	{ wall_files, "files are not walled off", "name the token's folder (module-folder), on a kernel with Landlock (lsm=landlock,...)" },
	{ wall_calls, "system calls are not walled off", "let it call seccomp(), of a kernel with CONFIG_SECCOMP_FILTER" },
};

enum err wall_build(enum wall_around who, const char *const writable[], bool strict, char why[static WALL_WHY])
{
	size_t len = 0;

	wall_watch(who);
	why[0] = 0;
	for (size_t i = 0; i < sizeof walls / sizeof *walls; i++)
		if (!walls[i].build(who, writable) && len < WALL_WHY)
			len += (size_t)snprintf(why + len, WALL_WHY - len, "%s%s: %s", len ? "; " : "",
						walls[i].missing, walls[i].setting);
	return strict && why[0] ? E_DENIED : E_OK;
}
