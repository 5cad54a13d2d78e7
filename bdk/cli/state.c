/* activate, suspend, resume, deactivate, period, compromise, below, destroy, destroyed */
#include "base/host/fail.h"
#include "base/host/file.h"
#include "bdk/cli/cli.h"
#include "bdk/destroyed.h"

#include <errno.h>
#include <string.h>

static struct client c;
static struct record request;
static uint8_t text[DESTROYED_MAX];

/* A request about a key set, whose answer is a state; then the connection is open */
static bool ask(uint16_t op, const char *id, const char *state, int *status)
{
	record_begin(&request, op);
	record_put_text(&request, F_KEY_SET, id);
	if (state)
		record_put_text(&request, F_STATE, state);
	if (cli.reason)
		record_put_text(&request, F_REASON, cli.reason);
	if (!cli_period(&request, status) || !cli_open(&c, status))
		return false;
	if (cli_ask(&c, &request, status, id))
		return true;
	client_close(&c);
	return false;
}

static int set_state(uint16_t op, const char *id, const char *state)
{
	char now[16];
	int status = 0;

	if (!ask(op, id, state, &status))
		return status;
	printf("%s is %s\n", id, field_text(now, sizeof now, c.fields, F_STATE) ? "?" : now);
	client_close(&c);
	return 0;
}

int cli_activate(int operands, char **operand)
{
	(void)operands;
	return set_state(OP_STATE, operand[0], "active");
}

int cli_suspend(int operands, char **operand)
{
	(void)operands;
	return set_state(OP_STATE, operand[0], "suspended");
}

int cli_deactivate(int operands, char **operand)
{
	(void)operands;
	return set_state(OP_STATE, operand[0], "deactivated");
}

static bool read_time(uint64_t *utc, const char *option, const char *value, int *status)
{
	char whole[64];

	/* a day begins at midnight, UTC */
	snprintf(whole, sizeof whole, "%.40s%s", value, strlen(value) == 10 ? "T00:00:00Z" : "");
	if (!seal_from_time(utc, whole) && *utc)
		return true;
	*status = fail_why(E_USAGE, "is no time", "2027-01-31 or 2027-01-31T12:00:00Z, always UTC", "--%s %s", option,
			   value);
	return false;
}

bool cli_period(struct record *r, int *status)
{
	uint64_t from = 0, until = 0;

	if (cli.from && !read_time(&from, "from", cli.from, status))
		return false;
	if (cli.until && !read_time(&until, "until", cli.until, status))
		return false;
	if (cli.from)
		record_put_number(r, F_FROM, from);
	if (cli.until)
		record_put_number(r, F_UNTIL, until);
	return true;
}

int cli_set_period(int operands, char **operand)
{
	(void)operands;
	return set_state(OP_PERIOD, operand[0], NULL);
}

/* --- What hangs below ---------------------------------------------------------------------------------------------- */

/* A load room's rows are loads, an acquirer room's what packs have said. */
int cli_below(int operands, char **operand)
{
	static const struct column columns[] = {
		{ "SERIAL", "serial", F_SERIAL, CELL_TEXT },
		{ "SLOT", "slot", F_SLOT, CELL_NUMBER },
		{ "INITIAL KSN", "ksn", F_KSN, CELL_HEX },
		{ "STATE", "state", F_STATE, CELL_TEXT },
		{ "SINCE", "since", F_TIME, CELL_TIME },
		{ "REFUSED", "refused", F_REASON, CELL_TEXT },
		{ NULL, "kcv", F_KCV, CELL_HEX },
		{ "ALSO", "also", F_OBJECT, CELL_TEXT },
	};

	(void)operands;
	return cli_table_of(OP_BELOW, operand[0], columns, sizeof columns / sizeof *columns);
}

int cli_compromise(int operands, char **operand)
{
	int status = 0;

	if (!ask(OP_COMPROMISE, operand[0], NULL, &status))
		return status;
	if (!cli.json)
		printf("%s is compromised. What hangs below it:\n", operand[0]);
	client_close(&c);
	status = cli_below(operands, operand);
	if (!status)
		fprintf(stderr,
			"next: bdk compromise %s in every other room that has it; terminals: kif zeroize, then kif inject "
			"from another key set; bdk below %s lists them again; then bdk destroy %s\n",
			operand[0], operand[0], operand[0]);
	return status;
}

/* --- Destruction -------------------------------------------------------------------------------------------------- */

/* The certificate, of a connection that is open. */
static void certificate(const char *id, int *status)
{
	struct destroyed d;
	char why[DESTROYED_WHY];
	size_t len = 0;
	enum err e;

	record_begin(&request, OP_DESTROYED);
	record_put_text(&request, F_KEY_SET, id);
	if (!cli_ask(&c, &request, status, id) || !cli_fetch(&c, text, &len, sizeof text, status, id))
		return;
	e = destroyed_read(&d, (struct span){ text, len }, NULL, why);
	if (e)
		*status = fail_why(e, *why ? why : err_text(e), "are bdk and bdkd of one version?", "bdkd's answer");
	else if (!cli.out)
		fwrite(text, 1, len, stdout);
	else if (file_write(cli.out, (struct span){ text, len }, 0644))
		*status = fail_why(E_IO, strerror(errno), "bdk destroyed prints it again", "%s", cli.out);
	else
		printf("certificate of its destruction in %s\n", cli.out);
}

int cli_destroy(int operands, char **operand)
{
	int status = 0;

	(void)operands;
	if (!ask(OP_DESTROY, operand[0], NULL, &status))
		return status;
	fprintf(cli.out ? stdout : stderr, "%s is destroyed: the token has it no more\n", operand[0]);
	certificate(operand[0], &status);
	client_close(&c);
	return status;
}

static int verify(const char *path)
{
	struct destroyed d;
	uint8_t point[P256_POINT];
	char why[DESTROYED_WHY], at[SEAL_TIME];
	size_t len;
	int status = 0;
	enum err e;

	if (!cli.key)
		return fail_why(E_USAGE, "is needed", "bdk audit key prints it", "--key FILE");
	if (!cli_records_key(point, &status) || !cli_read(text, &len, sizeof text, path, &status))
		return status;
	e = destroyed_read(&d, (struct span){ text, len }, point, why);
	if (e)
		return *why ? fail_why(e, why, "", "%s", path) : fail_say(e, "%s", path);
	seal_time(at, d.proved.utc);
	printf("key set %s of the room %s was destroyed, %s\nnothing is changed, and the records key has signed it\n",
	       d.key_set, d.room, at);
	return 0;
}

int cli_destroyed(int operands, char **operand)
{
	int status = 0;

	if (operands == 2 && !strcmp(operand[0], "verify"))
		return verify(operand[1]);
	if (operands == 2)
		return fail_why(E_USAGE, "ID, or verify FILE", "bdk destroyed --help tells more", "bdk destroyed %s",
				operand[0]);
	if (!cli_open(&c, &status))
		return status;
	certificate(operand[0], &status);
	client_close(&c);
	return status;
}
