/*
 * Ports by name, without hardware: what is refused, and in which words. Serial lines are in line_test.c.
 */
#include "line/port.h"
#include "tests/lib/test.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static const struct {
	const char *name;
	enum err e;
	const char *says;
} refused[] = {
	{ "/dev/keyroom-none", E_PORT, "no such port: /dev/keyroom-none" },
	{ "/dev/keyroom-none:9600", E_PORT, "no such port: /dev/keyroom-none" },
	{ "/dev/null/x", E_PORT, "no such port: /dev/null/x" },
	{ "/dev/null", E_PORT, "not a serial port: /dev/null" },
	{ "/dev/null:fast", E_BAUD, "not a speed in baud: \"fast\"" },
	{ "/dev/null:", E_BAUD, "not a speed in baud: \"\"" },
	{ "/dev/null:0", E_BAUD, "not a speed in baud: \"0\"" },
	{ "/dev/null:9600x", E_BAUD, "not a speed in baud: \"9600x\"" },
	{ "/dev/null:99999999999999999999", E_BAUD, "not a speed in baud" },
	{ "/dev/serial/by-path/pci-0:14.0-usb-0:1:1.0-port0", E_PORT, "no such port: /dev/serial/by-path/pci" },
	{ "unix:/nowhere/keyroom", E_PORT, "no such port: unix:/nowhere/keyroom" },
	{ "unix:", E_PORT, "a socket's path" },
	{ "tcp:localhost", E_USAGE, "neither tcp:host:port" },
	{ "tcp::17", E_USAGE, "neither tcp:host:port" },
	{ "tcp:localhost:", E_USAGE, "neither tcp:host:port" },
	{ "ttyUSB0", E_USAGE, "not a port's name: \"ttyUSB0\"" },
	{ "", E_USAGE, "not a port's name: \"\"" },
};

START_TEST(a_refused_name_says_what_is_wrong)
{
	struct port *p = (struct port *)1;
	char why[160] = "";

	ck_assert_msg(port_open(&p, refused[_i].name, why) == refused[_i].e, "%s: %s", refused[_i].name, why);
	ck_assert_ptr_null(p);
	ck_assert_msg(strstr(why, refused[_i].says), "%s: %s", refused[_i].name, why);
}
END_TEST

START_TEST(a_name_of_any_length_gives_a_sentence_that_fits)
{
	static const char *const form[] = { "/dev/", "unix:/", "tcp:h:", "x" };
	char name[9000], why[160];
	struct port *p;

	memset(name, 'a', sizeof name);
	name[sizeof name - 1] = 0;
	memcpy(name, form[_i], strlen(form[_i]));
	ck_assert_int_ne(port_open(&p, name, why), E_OK);
	ck_assert_uint_gt(strlen(why), 0);
	ck_assert_uint_lt(strlen(why), sizeof why);
}
END_TEST

/* Bound but not listening: the name is there, and every connection is refused. */
START_TEST(where_nobody_listens_the_sentence_says_so)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int tcp = socket(AF_INET, SOCK_STREAM, 0), local = socket(AF_UNIX, SOCK_STREAM, 0);
	char dir[64], name[160], why[160];
	socklen_t n = sizeof in;
	struct port *p;

	test_folder_make(dir, sizeof dir);
	ck_assert(tcp >= 0 && local >= 0);
	ck_assert_int_eq(bind(tcp, (struct sockaddr *)&in, n), 0);
	ck_assert_int_eq(getsockname(tcp, (struct sockaddr *)&in, &n), 0);
	snprintf(name, sizeof name, "tcp:127.0.0.1:%u", ntohs(in.sin_port));
	ck_assert_int_eq(port_open(&p, name, why), E_PORT);
	ck_assert_msg(strstr(why, "nobody listens on tcp:127.0.0.1:"), "%s", why);

	snprintf(un.sun_path, sizeof un.sun_path, "%s/s", dir);
	ck_assert_int_eq(bind(local, (struct sockaddr *)&un, sizeof un), 0);
	snprintf(name, sizeof name, "unix:%s", un.sun_path);
	ck_assert_int_eq(port_open(&p, name, why), E_PORT);
	ck_assert_msg(strstr(why, "nobody listens on unix:"), "%s", why);
	test_folder_remove(dir);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("port");
	TCase *t = tcase_create("port");

	tcase_add_loop_test(t, a_refused_name_says_what_is_wrong, 0, sizeof refused / sizeof *refused);
	tcase_add_loop_test(t, a_name_of_any_length_gives_a_sentence_that_fits, 0, 4);
	tcase_add_test(t, where_nobody_listens_the_sentence_says_so);
	suite_add_tcase(s, t);
	return test_main(s);
}
