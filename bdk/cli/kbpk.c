/* kbpk generate, import, list, compromise, destroy; key sets that come and go under a KBPK */
#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"

#include <string.h>
#include <unistd.h>

enum { BLOCK = 2048 + 64 }; /* what bdkd takes, and the end of a line */

static struct client c;
static struct record request;

/* A key block is one line of text; what is behind it is not part of it. */
static bool read_block(const char *path, int *status)
{
	uint8_t text[BLOCK];
	size_t len = 0;

	if (!cli_read(text, &len, sizeof text, path, status))
		return false;
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		len--;
	record_put(&request, F_BLOCK, (struct span){ text, len });
	return true;
}

static void put_if(uint16_t tag, const char *text)
{
	if (text)
		record_put_text(&request, tag, text);
}

static const char *answered(char *out, size_t size, uint16_t tag)
{
	if (field_text(out, size, c.fields, tag))
		snprintf(out, size, "?");
	return out;
}

static const char *check_value(char out[static 11])
{
	struct span v = field_get(c.fields, F_KCV);

	hex_encode(out, v.p, v.len <= 5 ? v.len : 0);
	return out;
}

/* One question, and its answer; what it leaves is in c. */
static bool ask(const char *what, int *status)
{
	return cli_open(&c, status) && cli_ask(&c, &request, status, what);
}

/* --- KBPKs ------------------------------------------------------------------------------------------------------- */

static int generate(const char *name)
{
	char kcv[11];
	int status = 0;

	if (!cli.algorithm)
		return fail_why(E_USAGE, "is needed", "2TDEA, 3TDEA, AES128, AES192 or AES256", "--algorithm A");
	if (!cli.under != !cli.out)
		return fail_why(E_USAGE, "belong together", "the KBPK goes to FILE in a key block under KBPK OTHER",
				"--under OTHER and --out FILE");
	record_begin(&request, OP_KBPK_GENERATE);
	record_put_text(&request, F_KBPK, name);
	record_put_text(&request, F_ALGORITHM, cli.algorithm);
	put_if(F_UNDER, cli.under);
	put_if(F_EXPORTABILITY, cli.exportability);
	if (cli.out && !cli_reserve(cli.out, &status))
		return status;
	if (!ask(name, &status)) {
		if (cli.out)
			unlink(cli.out);
	} else if (!cli.out ||
		   cli_fill(cli.out, field_get(c.fields, F_BLOCK), "destroy this KBPK and generate another", &status)) {
		printf("generated KBPK %s (%s), check value %s", name, cli.algorithm, check_value(kcv));
		if (cli.out)
			printf("; key block under KBPK %s in %s", cli.under, cli.out);
		putchar('\n');
	}
	client_close(&c);
	return status;
}

static int import(const char *name, const char *path)
{
	char algorithm[16], mode[4], exportability[4], kcv[11];
	int status = 0;

	if (!cli.under)
		return fail_why(E_USAGE, "is needed", "which KBPK the key block is under", "--under KBPK");
	record_begin(&request, OP_KBPK_IMPORT);
	record_put_text(&request, F_KBPK, name);
	record_put_text(&request, F_UNDER, cli.under);
	if (!read_block(path, &status))
		return status;
	if (ask(path, &status))
		printf("imported KBPK %s (%s), check value %s, mode %s, exportability %s\n", name,
		       answered(algorithm, sizeof algorithm, F_ALGORITHM), check_value(kcv),
		       answered(mode, sizeof mode, F_MODE),
		       answered(exportability, sizeof exportability, F_EXPORTABILITY));
	client_close(&c);
	return status;
}

static int list(void)
{
	static const struct column columns[] = {
		{ "KBPK", "kbpk", F_KBPK, CELL_TEXT },    { "ALGORITHM", "algorithm", F_ALGORITHM, CELL_TEXT },
		{ "STATE", "state", F_STATE, CELL_TEXT }, { "CHECK VALUE", "kcv", F_KCV, CELL_HEX },
		{ "MODE", "mode", F_MODE, CELL_TEXT },    { "EXPORT", "exportability", F_EXPORTABILITY, CELL_TEXT },
		{ "KEYS", "keys", F_USED, CELL_NUMBER },  { "MADE", "made", F_TIME, CELL_TIME },
	};

	return cli_table(OP_KBPK_LIST, columns, sizeof columns / sizeof *columns);
}

/* destroyed, compromised: and which keys had come or gone under it */
static int end(uint16_t op, const char *name, const char *is)
{
	char key[32], kcv[11];
	struct span row;
	size_t at = 0;
	uint64_t outward;
	int status = 0;

	record_begin(&request, op);
	record_put_text(&request, F_KBPK, name);
	put_if(F_REASON, cli.reason);
	if (ask(name, &status)) {
		printf("KBPK %s, check value %s, is %s\n", name, check_value(kcv), is);
		while (field_next(&row, c.fields, F_ROW, &at))
			if (!field_text(key, sizeof key, row, F_OBJECT) && !field_number(&outward, row, F_GIVEN, 1))
				printf("  %s %s under it\n", key, outward ? "went out" : "came in");
		if (op == OP_KBPK_COMPROMISE && at)
			fprintf(stderr, "next: whoever knows a KBPK can know what stood under it: bdk compromise or bdk suspend each\n");
	}
	client_close(&c);
	return status;
}

int cli_kbpk(int operands, char **operand)
{
	const char *what = operand[0];

	if (operands == 2 && !strcmp(what, "generate"))
		return generate(operand[1]);
	if (operands == 3 && !strcmp(what, "import"))
		return import(operand[1], operand[2]);
	if (operands == 1 && !strcmp(what, "list"))
		return list();
	if (operands == 2 && !strcmp(what, "compromise"))
		return cli.reason ? end(OP_KBPK_COMPROMISE, operand[1], "compromised")
				  : fail_why(E_USAGE, "is needed", "for the audit", "--reason TEXT");
	if (operands == 2 && !strcmp(what, "resume"))
		return cli.reason ? end(OP_KBPK_RESUME, operand[1], "active again")
				  : fail_why(E_USAGE, "is needed", "what became of the bag", "--reason TEXT");
	if (operands == 2 && !strcmp(what, "destroy"))
		return end(OP_KBPK_DESTROY, operand[1], "destroyed");
	return fail_why(E_USAGE, "generate NAME, import NAME FILE, list, resume NAME, compromise NAME or destroy NAME",
			"bdk kbpk --help tells more", "bdk kbpk %s", what);
}

/* --- Key sets ---------------------------------------------------------------------------------------------------- */

int cli_generate_block(void)
{
	char id[16], kcv[11];
	int status = 0;

	record_begin(&request, OP_GENERATE_BLOCK);
	record_put_text(&request, F_SCHEME, cli.scheme);
	record_put_text(&request, F_UNDER, cli.under);
	put_if(F_EXPORTABILITY, cli.exportability);
	put_if(F_KEY_SET, cli.id);
	if (!cli_period(&request, &status) || !cli_reserve(cli.out, &status))
		return status;
	if (!ask(cli.under, &status)) {
		unlink(cli.out);
	} else if (cli_fill(cli.out, field_get(c.fields, F_BLOCK), "bdk package writes it once more", &status)) {
		printf("generated key set %s (%s), check value %s; key block under KBPK %s in %s\n",
		       answered(id, sizeof id, F_KEY_SET), cli.scheme, check_value(kcv), cli.under, cli.out);
		cli_next_lease(id, kcv);
	}
	client_close(&c);
	return status;
}

int cli_import_block(const char *path)
{
	char id[16], scheme[16], kcv[11], exportability[4];
	int status = 0;

	record_begin(&request, OP_IMPORT_BLOCK);
	record_put_text(&request, F_UNDER, cli.under);
	put_if(F_KEY_SET, cli.id);
	if (!cli_period(&request, &status) || !read_block(path, &status))
		return status;
	if (ask(path, &status))
		printf("imported key set %s (%s), check value %s, under KBPK %s, exportability %s\n",
		       answered(id, sizeof id, F_KEY_SET), answered(scheme, sizeof scheme, F_SCHEME), check_value(kcv),
		       cli.under, answered(exportability, sizeof exportability, F_EXPORTABILITY));
	client_close(&c);
	return status;
}
