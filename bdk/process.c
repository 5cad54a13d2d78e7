#include "bdk/process.h"
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "bdk/parser.h"
#include "bdk/proof.h"
#include "bdk/wall.h"
#include "bdk/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
	char *argument;
	void (*run)(void);
	enum wall_around walls;
	bool environment; /* a PKCS#11 module is configured by variables that only its maker knows */
} table[] = {
	[PROCESS_WORKER] = { "--worker", worker_main, WALL_WORKER, true },
	[PROCESS_PARSER] = { "--parser", parser_main, WALL_PARSER, false },
	[PROCESS_PROOF] = { "--proof", proof_main, WALL_PARSER, false },
};
enum { PROCESSES = sizeof table / sizeof *table };

/* What the loader and the libraries believe, and nobody has to say to a process that holds a PIN. */
static const char *const not_passed_on[] = { "LD_", "GLIBC_", "MALLOC_", "GCONV_", "LOCPATH=", "OPENSSL_", "SSL_" };

/* Does this program begin with process_main()? One that does not would start itself instead, and so would that. */
static bool ready;

void process_main(int argc, char **argv)
{
	bool locked;

	ready = true;
	for (size_t i = 0; i < PROCESSES && argc == 2; i++) {
		if (strcmp(argv[1], table[i].argument))
			continue;
		fail_program("bdkd");
		wall_watch(table[i].walls); /* the supervisor's stand around it already */
		if (!guard_secrets(&locked))
			table[i].run();
		_exit(1);
	}
}

static bool passed_on(const char *variable)
{
	for (size_t i = 0; i < sizeof not_passed_on / sizeof *not_passed_on; i++)
		if (!strncmp(variable, not_passed_on[i], strlen(not_passed_on[i])))
			return false;
	return true;
}

/* The environment of a process, NULL where memory is out. */
static char **environment(enum process what)
{
	size_t n = 0, all = 0;
	char **out;

	while (environ && environ[all])
		all++;
	out = calloc(all + 1, sizeof *out);
	for (size_t i = 0; out && table[what].environment && i < all; i++)
		if (passed_on(environ[i]))
			out[n++] = environ[i];
	return out;
}

/* In the child, up to its new beginning. */
static _Noreturn void become(enum process what, int fd, pid_t supervisor, char **env)
{
	static const int left[] = { SIGINT, SIGHUP, SIGTERM, SIGQUIT };
	char *argv[] = { "bdkd", table[what].argument, NULL };
	sigset_t none;
	int null;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != supervisor)
		_exit(1);
	for (size_t i = 0; i < sizeof left / sizeof *left; i++)
		signal(left[i], SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (fd == PROCESS_FD ? fcntl(fd, F_SETFD, 0) : dup2(fd, PROCESS_FD) < 0)
		_exit(1);
	null = open("/dev/null", O_RDONLY);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		_exit(1);
	if (!close_range(PROCESS_FD + 1, ~0u, 0))
		execve("/proc/self/exe", argv, env);
	_exit(1);
}

enum err process_start(int *fd, pid_t *pid, enum process what, unsigned seconds)
{
	char **env = environment(what);
	pid_t self = getpid(), child = -1;
	int end[2] = { -1, -1 };

	*fd = -1;
	*pid = -1;
	if (!ready || !env || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, end))
		goto done;
	if (!process_limit(end[0], seconds))
		goto done;
	child = fork();
	if (!child)
		become(what, end[1], self, env);
	if (child > 0) {
		*fd = end[0];
		*pid = child;
		end[0] = -1;
	}
done:
	for (int i = 0; i < 2; i++)
		if (end[i] >= 0)
			close(end[i]);
	free(env);
	return *fd < 0 ? E_INTERNAL : E_OK;
}

bool process_limit(int fd, unsigned seconds)
{
	const struct timeval limit = { seconds, 0 };

	return !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) &&
	       !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

void process_stop(int *fd, pid_t *pid)
{
	if (*fd < 0)
		return;
	close(*fd);
	/* Between acts it holds nothing that must be finished, and within one it hangs. */
	kill(*pid, SIGKILL);
	while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR)
		;
	*fd = -1;
	*pid = -1;
}

bool process_send(int fd, const uint8_t *p, size_t len)
{
	ssize_t n;

	do
		n = send(fd, p, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n >= 0 && (size_t)n == len;
}

bool process_receive(int fd, uint8_t *p, size_t *len, size_t size)
{
	ssize_t n;

	do
		n = recv(fd, p, size, MSG_TRUNC);
	while (n < 0 && errno == EINTR);
	*len = n > 0 && (size_t)n <= size ? (size_t)n : 0;
	return *len;
}
