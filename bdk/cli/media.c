/* bag: record, open, found, move, list */
#include "base/host/fail.h"
#include "base/host/opt.h"
#include "bdk/cli/cli.h"

#include <stdlib.h>
#include <string.h>

static struct client c;
static struct record request;

bool cli_put_part(struct record *r, int *status)
{
	char *end = NULL;
	unsigned long part, parts = 0;

	if (!cli.part)
		return true;
	part = strtoul(cli.part, &end, 10);
	if (*end == '/')
		parts = strtoul(end + 1, &end, 10);
	if (strspn(cli.part, "0123456789/") != strlen(cli.part) || *end || !part || parts < 2 || part > parts ||
	    parts > 9) {
		*status = fail_why(E_USAGE, "which part of how many is K/N, N 2 to 9", "1/3", "--part %s", cli.part);
		return false;
	}
	record_put_number(r, F_PART, part);
	record_put_number(r, F_PARTS, parts);
	return true;
}

static int ask(const char *number)
{
	int status = 0;

	if (cli_open(&c, &status) && !cli_ask(&c, &request, &status, number))
		client_close(&c);
	return status;
}

/* Damage of a bag whose key is mistyped would suspend nothing. */
static void print_unknown(void)
{
	char holds[32];

	if (!field_text(holds, sizeof holds, c.fields, F_HOLDS) && !field_get(c.fields, F_STATE).p)
		printf("  no key %s is in this room: a key set's id is written in capitals\n", holds);
}

static int record(const char *number)
{
	int status = 0;

	if (!cli.medium || !cli.purpose || !cli.keeper)
		return fail_why(E_USAGE, "are needed",
				"bdk bag record NUMBER --medium component --part 1/3 --of ID --custodian NAME "
				"--purpose TEXT",
				"--medium, --custodian and --purpose");
	record_begin(&request, OP_BAG);
	record_put_text(&request, F_BAG, number);
	record_put_text(&request, F_MEDIUM, cli.medium);
	if (!cli_put_part(&request, &status))
		return status;
	if (cli.holds)
		record_put_text(&request, F_HOLDS, cli.holds);
	record_put_text(&request, F_INTENT, cli.purpose);
	record_put_text(&request, F_KEEPER, cli.keeper);
	status = ask(number);
	if (!status) {
		printf("bag %s is recorded, sealed\n", number);
		print_unknown();
		client_close(&c);
	}
	return status;
}

/* What hangs on a key that a damaged or missing bag has a part of. */
static void print_below(const char *holds)
{
	uint64_t given = 0, number, first, last, left;
	struct span row;
	char key[32];
	size_t at = 0;

	if (!field_number(&given, c.fields, F_GIVEN, 1) && given)
		printf("  a package or key block of %s has left the room\n", holds);
	while (field_next(&row, c.fields, F_ROW, &at))
		if (!field_number(&number, row, F_NUMBER, INT64_MAX) &&
		    !field_number(&first, row, F_FIRST, UINT32_MAX) && !field_number(&last, row, F_LAST, UINT32_MAX) &&
		    !field_number(&left, row, F_LEFT, INT64_MAX))
			printf("  lease %llu: device ids %llu to %llu, %llu left\n", (unsigned long long)number,
			       (unsigned long long)first, (unsigned long long)last, (unsigned long long)left);
		else if (!field_text(key, sizeof key, row, F_OBJECT) && !field_number(&given, row, F_GIVEN, 1))
			printf("  %s %s under it\n", key, given ? "went out" : "came in");
}

static int found(const char *number, const char *state)
{
	char holds[32] = "";
	uint64_t suspended = 0;
	bool here;
	int status;

	record_begin(&request, OP_BAG_FOUND);
	record_put_text(&request, F_BAG, number);
	record_put_text(&request, F_STATE, state);
	if (cli.reason)
		record_put_text(&request, F_REASON, cli.reason);
	status = ask(number);
	if (status)
		return status;
	printf("bag %s is %s\n", number, state);
	if (!field_text(holds, sizeof holds, c.fields, F_HOLDS) &&
	    !field_number(&suspended, c.fields, F_SUSPENDED, 1) && suspended)
		printf("%s is suspended: two people resume it, with a reason\n", holds);
	here = field_get(c.fields, F_GIVEN).p; /* a key set of this room */
	print_unknown();
	print_below(holds);
	client_close(&c);
	return here ? cli_below(1, (char *[]){ holds }) : 0;
}

static int move(const char *number)
{
	int status;

	if (!cli.to)
		return fail_why(E_USAGE, "is needed", "re-bagged, destroyed, returned, stored or sent", "--to");
	record_begin(&request, OP_BAG_MOVE);
	record_put_text(&request, F_BAG, number);
	record_put_text(&request, F_DISPOSITION, cli.to);
	if (cli.place)
		record_put_text(&request, F_PLACE, cli.place);
	status = ask(number);
	if (!status) {
		printf("bag %s: %s%s%s\n", number, cli.to, cli.place ? ", " : "", cli.place ? cli.place : "");
		client_close(&c);
	}
	return status;
}

static int list(void)
{
	static const struct column columns[] = {
		{ "BAG", "bag", F_BAG, CELL_TEXT },
		{ "MEDIUM", "medium", F_MEDIUM, CELL_TEXT },
		{ "PART", "part", F_PART, CELL_NUMBER },
		{ "OF", "parts", F_PARTS, CELL_NUMBER },
		{ "KEY", "holds", F_HOLDS, CELL_TEXT },
		{ "CUSTODIAN", "custodian", F_KEEPER, CELL_TEXT },
		{ "CONDITION", "condition", F_STATE, CELL_TEXT },
		{ "DISPOSITION", "disposition", F_DISPOSITION, CELL_TEXT },
		{ "WHERE", "place", F_PLACE, CELL_TEXT },
		{ "SINCE", "utc", F_TIME, CELL_TIME },
		{ NULL, "purpose", F_INTENT, CELL_TEXT },
		{ NULL, "reason", F_REASON, CELL_TEXT },
		{ NULL, "recorded", F_FIRST, CELL_TIME },
		{ NULL, "ceremony", F_NUMBER, CELL_NUMBER },
		{ NULL, "needed", F_NEEDED, CELL_NUMBER },
	};

	return cli_table(OP_BAGS, columns, sizeof columns / sizeof *columns);
}

int cli_bag(int operands, char **operand)
{
	const char *what = operand[0], *number = operands > 1 ? operand[1] : NULL;

	if (!number && !strcmp(what, "list"))
		return list();
	if (number && !strcmp(what, "record"))
		return record(number);
	if (number && !strcmp(what, "move"))
		return move(number);
	if (number && !strcmp(what, "open"))
		return found(number, "opened");
	if (number && (!strcmp(what, "sealed") || !strcmp(what, "damaged") || !strcmp(what, "missing")))
		return found(number, what);
	return fail_why(E_USAGE, "record, open, sealed, damaged, missing or move with a bag's NUMBER, or list",
			"bdk bag --help tells more", "bdk bag %s", what);
}
