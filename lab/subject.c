#include "lab/subject.h"
#include "lab/commands.h"
#include "lab/stream.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile pid_t running;

/* The program took too long. It and what it started are one process group. */
static void give_up(int sig)
{
	(void)sig;
	if (running > 0)
		kill(-running, SIGKILL);
}

enum err subject_open(struct subject *s, const char *command, unsigned patience)
{
	memset(s, 0, sizeof *s);
	s->command = command;
	s->patience = patience;
	if (!command)
		return E_OK;
	s->questions = tmpfile();
	return s->questions ? E_OK : E_IO;
}

enum err subject_prepare(struct subject *s, const struct stanza *question)
{
	if (!s->command)
		return E_OK;
	stream_print(s->questions, question);
	return ferror(s->questions) ? E_IO : E_OK;
}

enum err subject_start(struct subject *s)
{
	struct sigaction act = { .sa_handler = give_up, .sa_flags = SA_RESTART };
	int p[2];

	if (!s->command)
		return E_OK;
	if (fflush(s->questions) || lseek(fileno(s->questions), 0, SEEK_SET) || pipe(p))
		return E_IO;
	s->pid = fork();
	if (!s->pid) {
		setpgid(0, 0);
		if (dup2(fileno(s->questions), STDIN_FILENO) >= 0 && dup2(p[1], STDOUT_FILENO) >= 0) {
			close(p[0]);
			close(p[1]);
			execl("/bin/sh", "sh", "-c", s->command, (char *)NULL);
		}
		_exit(127);
	}
	close(p[1]);
	if (s->pid < 0) {
		close(p[0]);
		return E_IO;
	}
	setpgid(s->pid, s->pid);
	running = s->pid;
	sigaction(SIGALRM, &act, NULL);
	s->answers = fdopen(p[0], "r");
	return s->answers ? E_OK : E_IO;
}

enum err subject_ask(struct subject *s, const struct stanza *question)
{
	enum err e;

	if (!s->command) {
		(void)command_answer(&s->answer, question, NULL); /* the answer says so itself */
		return E_OK;
	}
	alarm(s->patience);
	e = stanza_read(&s->answer, s->answers);
	alarm(0);
	return e;
}

void subject_close(struct subject *s)
{
	if (s->answers)
		fclose(s->answers);
	if (s->pid > 0) {
		give_up(0);
		running = 0;
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	if (s->questions)
		fclose(s->questions);
}
