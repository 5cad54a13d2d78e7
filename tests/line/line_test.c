/*
 * A line with a peer at its other end, over a UNIX socket, TCP, and libserialport on a pseudo-terminal. The peer is a
 * child process that misbehaves to order; it answers with how many requests it has worked on, so that a request that
 * was worked on twice shows.
 *
 * libserialport opens no pseudo-terminal: the program starts itself again under tests/shim/tty.c.
 */
#include "line/line.h"
#include "tests/lib/peer.h"
#include "tests/lib/test.h"

#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum kind { UNIX, TCP, PTY, KINDS };
enum manners { POLITE, LOSES_FIRST_REPLY, NOISY, VANISHES, STALE_FIRST, SILENT, FORGETFUL };

static char folder[64];
static char path[80], name[96];

struct peer {
	enum kind kind;
	enum manners manners;
	int listening; /* the listening socket; -1 for a pty */
	int fd, slave; /* the connection, or the pty's master and a slave held open so that it is never idle */
	pid_t pid;
	struct link_rx rx;
	struct link_peer link;
	uint8_t worked;
	int told; /* replies asked of it, repeats included */
};

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		_exit(3);
	}
}

/* A new pty under the old name. */
static void pty_make(struct peer *p)
{
	char other[96];
	struct termios t;

	p->fd = posix_openpt(O_RDWR | O_NOCTTY);
	must(p->fd >= 0 && !grantpt(p->fd) && !unlockpt(p->fd), "posix_openpt");
	p->slave = open(ptsname(p->fd), O_RDWR | O_NOCTTY);
	must(p->slave >= 0 && !tcgetattr(p->slave, &t), "slave");
	cfmakeraw(&t);
	must(!tcsetattr(p->slave, TCSANOW, &t), "raw");
	snprintf(other, sizeof other, "%s.new", path);
	must(!symlink(ptsname(p->fd), other) && !rename(other, path), "symlink");
}

static void send_all(struct peer *p, const uint8_t *b, size_t n)
{
	while (n) {
		ssize_t done = write(p->fd, b, n);

		if (done <= 0)
			return;
		b += done;
		n -= (size_t)done;
	}
}

static void vanish(struct peer *p)
{
	close(p->fd);
	if (p->kind == PTY) {
		close(p->slave);
		unlink(path);
		pty_make(p);
	} else {
		p->fd = accept(p->listening, NULL, NULL);
		must(p->fd >= 0, "accept");
	}
	memset(&p->rx, 0, sizeof p->rx);
}

/* Answer in its manner. false: the connection is another one now. */
static bool answer(struct peer *p)
{
	static const uint8_t noise[] = { 0x7e, 1, 2, 3, 0x7d, 0x7e, 'h', 'e', 'l', 'l', 'o', '\n' };
	uint8_t wire[LINK_WIRE];
	size_t n;

	must(!peer_encode(&p->link, wire, &n, sizeof wire), "encode");
	p->told++;
	if (p->manners == SILENT)
		return true;
	if (p->manners == LOSES_FIRST_REPLY && p->told == 1)
		return true;
	if (p->manners == FORGETFUL && p->told == 1) {
		memset(&p->link, 0, sizeof p->link);
		return true;
	}
	if (p->manners == VANISHES && p->told == 1) {
		send_all(p, wire, n / 2); /* the cable is pulled in the middle of the reply */
		vanish(p);
		return false;
	}
	if (p->manners == NOISY)
		send_all(p, noise, sizeof noise);
	if (p->manners == STALE_FIRST) {
		struct link_peer old = p->link;
		uint8_t stale[LINK_WIRE];
		size_t len;

		old.sequence--;
		old.reply[0] ^= 0xff;
		must(!peer_encode(&old, stale, &len, sizeof stale), "encode");
		send_all(p, stale, len);
	}
	send_all(p, wire, n);
	if (p->manners == NOISY)
		send_all(p, noise, sizeof noise);
	return true;
}

static void serve(struct peer *p)
{
	uint8_t in[256], reply[LINK_PAYLOAD];

	if (p->kind != PTY)
		vanish(p); /* accepts */
	for (;;) {
		ssize_t n = read(p->fd, in, sizeof in);
		struct frame f;

		if (n <= 0)
			vanish(p);
		for (ssize_t i = 0; i < n; i++) {
			enum err e = link_push(&p->rx, &f, in[i]);

			if (e)
				continue;
			e = link_peer_request(&p->link, &f);
			if (!e) {
				size_t len = f.payload.len < sizeof reply ? f.payload.len : sizeof reply - 1;

				reply[0] = ++p->worked;
				memcpy(reply + 1, f.payload.p, len);
				must(!link_peer_reply(&p->link, (struct span){ reply, len + 1 }), "reply");
			}
			if ((!e || e == E_REPLAY) && !answer(p))
				break;
		}
	}
}

/* Start a peer; `name` is then the port's name. */
static pid_t start(enum kind kind, enum manners manners)
{
	static struct peer p;
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof in;

	memset(&p, 0, sizeof p);
	p.kind = kind;
	p.manners = manners;
	p.fd = p.slave = p.listening = -1;
	snprintf(path, sizeof path, "%s/port", folder);
	unlink(path);
	if (kind == PTY) {
		pty_make(&p);
		snprintf(name, sizeof name, "%s", path);
		setenv("KEYROOM_TTY_SHIM", path, 1);
	} else if (kind == UNIX) {
		p.listening = socket(AF_UNIX, SOCK_STREAM, 0);
		memcpy(un.sun_path, path, sizeof path);
		must(!bind(p.listening, (struct sockaddr *)&un, sizeof un) && !listen(p.listening, 4), "unix");
		snprintf(name, sizeof name, "unix:%s", path);
	} else {
		p.listening = socket(AF_INET, SOCK_STREAM, 0);
		must(!bind(p.listening, (struct sockaddr *)&in, n) && !listen(p.listening, 4) &&
			     !getsockname(p.listening, (struct sockaddr *)&in, &n),
		     "tcp");
		snprintf(name, sizeof name, "tcp:127.0.0.1:%u", ntohs(in.sin_port));
	}
	p.pid = fork();
	must(p.pid >= 0, "fork");
	if (!p.pid) {
		signal(SIGPIPE, SIG_IGN);
		serve(&p);
		_exit(0);
	}
	close(p.listening);
	close(p.fd);
	close(p.slave);
	return p.pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void open_line(struct line *l)
{
	char why[160];
	enum err e = line_open(l, name, why);

	ck_assert_msg(e == E_OK, "%s: %s", name, why);
	ck_assert_str_eq(why, "");
	l->reply_ms = 150;
}

/* Three requests of different sizes: each is worked on once and gets its own reply, whatever the peer's manners. */
START_TEST(each_request_is_worked_on_once_and_answered)
{
	static const size_t size[] = { 0, 1200, LINK_PAYLOAD - 1 };
	enum kind kind = (enum kind)(_i / SILENT);
	enum manners manners = (enum manners)(_i % SILENT);
	pid_t pid = start(kind, manners);
	uint8_t request[LINK_PAYLOAD], reply[LINK_PAYLOAD];
	struct line l;
	size_t len;

	open_line(&l);
	for (unsigned k = 0; k < 3; k++) {
		for (size_t i = 0; i < size[k]; i++)
			request[i] = (uint8_t)(i * 7 + k);
		ck_assert_int_eq(line_ask(&l, reply, &len, (struct span){ request, size[k] }), E_OK);
		ck_assert_uint_eq(len, size[k] + 1);
		ck_assert_uint_eq(reply[0], k + 1);
		ck_assert_mem_eq(reply + 1, request, size[k]);
	}
	if (manners == LOSES_FIRST_REPLY || manners == VANISHES)
		ck_assert_uint_ge(l.repeats, 1);
	if (manners == NOISY)
		ck_assert_uint_ge(l.dropped, 3);
	line_close(&l);
	stop(pid);
}
END_TEST

/* The broken twin: a peer that forgets what it has answered works on a repeat again; the test above would see it. */
START_TEST(a_peer_without_a_memory_is_caught)
{
	pid_t pid = start((enum kind)_i, FORGETFUL);
	uint8_t reply[LINK_PAYLOAD];
	struct line l;
	size_t len;

	open_line(&l);
	ck_assert_int_eq(line_ask(&l, reply, &len, (struct span){ NULL, 0 }), E_OK);
	ck_assert_uint_ge(reply[0], 2);
	line_close(&l);
	stop(pid);
}
END_TEST

START_TEST(a_line_may_be_closed_and_opened_again)
{
	pid_t pid = start((enum kind)_i, POLITE);
	uint8_t reply[LINK_PAYLOAD];
	struct line l;
	size_t len;

	for (unsigned k = 0; k < 3; k++) {
		open_line(&l);
		ck_assert_int_eq(line_ask(&l, reply, &len, (struct span){ (const uint8_t *)"hello", 5 }), E_OK);
		ck_assert_uint_eq(reply[0], k + 1);
		line_close(&l);
	}
	stop(pid);
}
END_TEST

START_TEST(where_nobody_answers_it_gives_up)
{
	pid_t pid = start((enum kind)_i, SILENT);
	uint8_t reply[LINK_PAYLOAD];
	struct line l;
	size_t len;

	open_line(&l);
	l.give_up_ms = 400;
	ck_assert_int_eq(line_ask(&l, reply, &len, (struct span){ NULL, 0 }), E_TIMEOUT);
	ck_assert_uint_ge(l.repeats, 1);
	line_close(&l);
	stop(pid);
}
END_TEST

START_TEST(a_port_that_stays_away_is_gone)
{
	pid_t pid = start((enum kind)_i, POLITE);
	uint8_t reply[LINK_PAYLOAD];
	struct line l;
	size_t len;

	open_line(&l);
	l.give_up_ms = 400;
	stop(pid);
	unlink(path);
	for (int twice = 0; twice < 2; twice++)
		ck_assert_int_eq(line_ask(&l, reply, &len, (struct span){ NULL, 0 }), E_GONE);
	line_close(&l);
}
END_TEST

START_TEST(a_request_that_fits_no_frame_is_refused)
{
	static const uint8_t big[LINK_PAYLOAD + 1];
	pid_t pid = start(UNIX, POLITE);
	uint8_t reply[LINK_PAYLOAD];
	struct line l;
	size_t len;

	open_line(&l);
	ck_assert_int_eq(line_ask(&l, reply, &len, SPAN(big)), E_RANGE);
	ck_assert_int_eq(line_ask(&l, reply, &len, (struct span){ NULL, 0 }), E_OK);
	line_close(&l);
	stop(pid);
}
END_TEST

/* The shim behaves like a 16550A: it accepts a speed above 115200 baud and stays at 115200. */
START_TEST(a_speed_that_the_port_does_not_run_at_is_refused)
{
	static const struct {
		const char *baud;
		enum err e;
	} row[] = {
		{ "", E_OK }, { ":9600", E_OK }, { ":115200", E_OK }, { ":230400", E_BAUD }, { ":4000001", E_BAUD }
	};
	pid_t pid = start(PTY, POLITE);
	char full[120], why[160];

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct port *p;

		snprintf(full, sizeof full, "%s%s", name, row[i].baud);
		ck_assert_msg(port_open(&p, full, why) == row[i].e, "%s: %s", full, why);
		if (row[i].e)
			ck_assert_msg(strstr(why, row[i].baud + 1), "%s", why);
		port_close(p);
	}
	stop(pid);
}
END_TEST

START_TEST(a_serial_line_is_locked_for_one)
{
	pid_t pid = start(PTY, POLITE);
	struct port *a, *b;
	char why[160];

	ck_assert_int_eq(port_open(&a, name, why), E_OK);
	ck_assert_int_eq(port_open(&b, name, why), E_PORT);
	ck_assert_msg(strstr(why, "in use by another program: /"), "%s", why);
	port_close(a);
	ck_assert_int_eq(port_open(&b, name, why), E_OK);
	port_close(b);
	stop(pid);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("line");
	TCase *t = tcase_create("line");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, each_request_is_worked_on_once_and_answered, 0, KINDS * SILENT);
	tcase_add_loop_test(t, a_peer_without_a_memory_is_caught, 0, KINDS);
	tcase_add_loop_test(t, a_line_may_be_closed_and_opened_again, 0, KINDS);
	tcase_add_loop_test(t, where_nobody_answers_it_gives_up, 0, KINDS);
	tcase_add_loop_test(t, a_port_that_stays_away_is_gone, 0, KINDS);
	tcase_add_test(t, a_request_that_fits_no_frame_is_refused);
	tcase_add_test(t, a_speed_that_the_port_does_not_run_at_is_refused);
	tcase_add_test(t, a_serial_line_is_locked_for_one);
	suite_add_tcase(s, t);
	return s;
}

/* Start again under the shim. Returns only if that fails. */
static int under_shim(char **argv)
{
	const char *build = getenv("B"), *asan = getenv("ASAN_OPTIONS");
	char shim[PATH_MAX], options[512];

	/* As it lies from here: LD_PRELOAD cannot name a path with a blank. */
	snprintf(shim, sizeof shim, "%s/test/tty-shim.so", build ? build : "build/gcc");
	if (access(shim, R_OK)) {
		perror(shim);
		return 2;
	}
	snprintf(options, sizeof options, "%s%sverify_asan_link_order=0", asan ? asan : "", asan ? ":" : "");
	setenv("ASAN_OPTIONS", options, 1);
	setenv("LD_PRELOAD", shim, 1);
	setenv("KEYROOM_TTY_SHIM", "/dev/keyroom-none", 1);
	execv("/proc/self/exe", argv);
	perror("exec");
	return 2;
}

int main(int argc, char **argv)
{
	int failed;

	(void)argc;
	if (!getenv("KEYROOM_TTY_SHIM"))
		return under_shim(argv);
	test_folder_make(folder, sizeof folder);
	failed = test_main(suite());
	test_folder_remove(folder);
	return failed;
}
