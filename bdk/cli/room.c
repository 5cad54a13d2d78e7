/* init, restore, info, list, devices, digest, probe */
#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"
#include "bdk/probe.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* bdkd makes and restores rooms, because no other program loads a PKCS#11 module or writes a journal: the one beside this
 * program, else on the PATH. */
static int become_bdkd(const char *const arg[])
{
	char path[PATH_MAX + 8];
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
	char *slash;

	path[len > 0 ? len : 0] = 0;
	slash = strrchr(path, '/');
	if (slash) {
		memcpy(slash + 1, "bdkd", 5);
		execv(path, (char *const *)arg);
	}
	execvp("bdkd", (char *const *)arg);
	return fail_why(E_UNREACHABLE, strerror(errno), "install bdkd beside bdk", "bdkd");
}

int cli_init(int operands, char **operand)
{
	/* what is passed on as it is */
	const struct {
		const char *option, *value;
	} given[] = {
		{ "--name", cli.name },
		{ "--token", cli.token },
		{ "--token-arguments", cli.token_arguments },
		{ "--module-folder", cli.module_folder },
		{ "--pin-file", cli.pin_file },
		{ "--mark", cli.mark },
		{ "--custodians", cli.custodians },
		{ "--threshold", cli.threshold },
		{ "--so-threshold", cli.so_threshold },
	};
	const char *arg[24] = { "bdkd", "--room", operand[0], "--init", cli.purpose };
	size_t n = 5;

	(void)operands;
	for (size_t i = 0; i < sizeof given / sizeof *given; i++) {
		if (given[i].value) {
			arg[n++] = given[i].option;
			arg[n++] = given[i].value;
		}
	}
	if (cli.test)
		arg[n++] = "--test";
	if (cli.accept_software)
		arg[n++] = "--accept-software-token";
	arg[n] = NULL;
	return become_bdkd(arg);
}

int cli_restore(int operands, char **operand)
{
	const char *const arg[] = { "bdkd", "--room", operand[0], "--restore", operand[1], NULL };

	(void)operands;
	return become_bdkd(arg);
}

int cli_info(int operands, char **operand)
{
	static struct client c;
	static struct record request;
	char purpose[16], name[64], environment[65] = "", root[65] = "", end[CLI_TIME], locked[256] = "";
	uint64_t test = 0, software = 0, sealed = 0, epoch = 0, list = 0, until = 0;
	struct span env, ca, no;
	bool listed;
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_INFO);
	if (!cli_ask(&c, &request, &status, cli.room))
		goto done;
	env = field_get(c.fields, F_ENVIRONMENT);
	ca = field_get(c.fields, F_ROOT);
	no = field_get(c.fields, F_LOCKED);
	if (field_text(purpose, sizeof purpose, c.fields, F_PURPOSE) ||
	    field_text(name, sizeof name, c.fields, F_NAME) || field_number(&test, c.fields, F_TEST_ROOM, 1) ||
	    field_number(&software, c.fields, F_SOFTWARE_TOKEN, 1) || field_number(&sealed, c.fields, F_SEALED, 1) ||
	    field_number(&epoch, c.fields, F_EPOCH, UINT32_MAX) || (env.p && env.len != 32) ||
	    (ca.p && ca.len != 32) || (no.p && field_text(locked, sizeof locked, c.fields, F_LOCKED))) {
		status = cli_fail(&c, E_FORMAT, cli.room);
		goto done;
	}
	listed = !field_number(&list, c.fields, F_LIST, INT64_MAX) && !field_number(&until, c.fields, F_UNTIL, INT64_MAX);
	cli_time(end, until);
	hex_encode(environment, env.p, env.len);
	hex_encode(root, ca.p, ca.len);
	if (cli.json) {
		json_t *o = json_pack("{s:s, s:s, s:b, s:b, s:b, s:s?, s:s?, s:I, s:o?, s:s?, s:s?}", "name", name, "purpose",
				      purpose, "test", (int)test, "software_token", (int)software, "locked", (int)sealed, "environment",
				      env.p ? environment : NULL, "root", ca.p ? root : NULL, "epoch",
				      (json_int_t)epoch, "list", listed ? json_integer((json_int_t)list) : json_null(),
				      "list_until", listed ? end : NULL, "loading_locked", no.p ? locked : NULL);

		if (!o || (json_dumpf(o, stdout, JSON_INDENT(2)) && !ferror(stdout)))
			fail_memory();
		putchar('\n');
		json_decref(o);
	} else {
		printf("name         %s\npurpose      %s\nkind         %s\ntoken        %s\n", name, purpose,
		       test ? "test" : "production", !software ? "hardware" : test ? "software" : "software, accepted");
		if (!test)
			printf("state        %s\n", sealed ? "locked: its custodians unlock it (bdk unlock)" : "unlocked");
		printf("environment  %s\nroot         %s\n", env.p ? environment : "not installed yet",
		       ca.p ? root : "not installed yet");
		if (epoch)
			printf("epoch        %llu\n", (unsigned long long)epoch);
		if (strcmp(purpose, "ca")) {
			printf("list         ");
			if (listed)
				printf("%llu, until %s\n", (unsigned long long)list, end);
			else
				printf("not installed yet\n");
		}
		if (no.p)
			printf("loading      locked: %s\n", locked);
	}
done:
	client_close(&c);
	return status;
}

int cli_list(int operands, char **operand)
{
	static const struct column columns[] = {
		{ "KEY SET", "key_set", F_KEY_SET, CELL_TEXT },	 { "SCHEME", "scheme", F_SCHEME, CELL_TEXT },
		{ "STATE", "state", F_STATE, CELL_TEXT },	 { "SINCE", "since", F_CHANGED, CELL_TIME },
		{ "FROM", "from", F_FROM, CELL_TIME },		 { "UNTIL", "until", F_UNTIL, CELL_TIME },
		{ "CHECK VALUE", "kcv", F_KCV, CELL_HEX },
		{ "ISSUED", "issued", F_USED, CELL_NUMBER },	 { "SKIPPED", "skipped", F_SKIPPED, CELL_NUMBER },
		{ "LEFT", "left", F_LEFT, CELL_NUMBER },	 { "7 DAYS", "week", F_WEEK, CELL_NUMBER },
		{ "30 DAYS", "month", F_MONTH, CELL_NUMBER },	 { "LASTS DAYS", "lasts_days", F_DAYS, CELL_NUMBER },
		{ "NEXT", "next", F_FOLLOWER, CELL_TEXT },
		{ "MADE", "made", F_TIME, CELL_TIME },
		{ NULL, "kbpk", F_UNDER, CELL_TEXT },		 { NULL, "exportability", F_EXPORTABILITY, CELL_TEXT },
	};

	static const struct column life[] = {
		{ "STATE", "state", F_STATE, CELL_TEXT }, { "SINCE", "since", F_TIME, CELL_TIME },
		{ "REASON", "reason", F_REASON, CELL_TEXT },
	};

	(void)operands;
	(void)operand;
	if (cli.history)
		return cli_table_of(OP_LIFE, cli.history, life, sizeof life / sizeof life[0]);
	return cli_table(OP_LIST, columns, sizeof columns / sizeof columns[0]);
}

int cli_devices(int operands, char **operand)
{
	/* A ca room's rows have no more than four of these. */
	static const struct column columns[] = {
		{ "SERIAL", "serial", F_SERIAL, CELL_TEXT },   { "STATE", "state", F_STATE, CELL_TEXT },
		{ "SINCE", "since", F_TIME, CELL_TIME },       { "INITIAL KSN", "ksn", F_KSN, CELL_HEX },
		{ "KEY DIGEST", "spki", F_SPKI, CELL_HEX },    { NULL, "key_set", F_KEY_SET, CELL_TEXT },
		{ NULL, "slot", F_SLOT, CELL_NUMBER },	       { NULL, "kcv", F_KCV, CELL_HEX },
		{ NULL, "firmware", F_FIRMWARE, CELL_TEXT },
	};

	(void)operands;
	(void)operand;
	return cli_table(OP_DEVICES, columns, sizeof columns / sizeof columns[0]);
}

int cli_digest(int operands, char **operand)
{
	static struct client c;
	static struct record request;
	struct span digest;
	char text[65];
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_DIGEST);
	if (cli_ask(&c, &request, &status, cli.room)) {
		digest = field_get(c.fields, F_HASH);
		hex_encode(text, digest.p, digest.len == 32 ? 32 : 0);
		printf("%s\n", text);
	}
	client_close(&c);
	return status;
}

int cli_probe(int operands, char **operand)
{
	static struct client c;
	static struct record request;
	struct probe p;
	struct span value;
	struct rd r;
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_PROBE);
	if (cli_ask(&c, &request, &status, cli.room)) {
		value = field_get(c.fields, F_PROBE);
		rd_init(&r, value.p, value.len);
		probe_take(&r, &p);
		if (rd_end(&r))
			status = cli_fail(&c, E_FORMAT, cli.room);
		else
			probe_print(stdout, &p, cli.json);
	}
	client_close(&c);
	return status;
}
