/* unlock, lock, custodians, entrust */
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/prompt.h"
#include "base/wipe.h"
#include "bdk/cli/cli.h"

#include <string.h>

static struct client c;
static struct record request;

/* A passphrase into the request: one to be known by, or a new one. */
static bool put_passphrase(uint16_t tag, bool chosen, const char *question, int *status)
{
	char phrase[PASSPHRASE_MAX + 1];
	size_t len = 0;
	bool locked; /* where memory may not be locked it is at least in no core dump */
	bool good = !guard_secrets(&locked);

	if (!good)
		*status = fail_say(E_INTERNAL, "%s", question);
	else
		good = chosen ? prompt_new_secret(phrase, &len, sizeof phrase, PASSPHRASE_MIN, question, status)
			      : prompt_secret(phrase, &len, sizeof phrase, question, status);
	if (good)
		record_put(&request, tag, (struct span){ (const uint8_t *)phrase, len });
	wipe(phrase, sizeof phrase);
	return good;
}

/* What is not as it should be, though it went well. */
static void print_reason(void)
{
	char text[256];

	if (!field_text(text, sizeof text, c.fields, F_REASON))
		fprintf(stderr, "bdk: note: %s\n", text);
}

int cli_unlock(int operands, char **operand)
{
	uint64_t given = 0, needed = 0, sealed = 1;
	char name[64];
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_UNLOCK);
	if (put_passphrase(F_PASSPHRASE, false, "Your passphrase", &status) &&
	    cli_ask(&c, &request, &status, cli.room)) {
		if (field_text(name, sizeof name, c.fields, F_NAME) ||
		    field_number(&given, c.fields, F_GIVEN, UINT8_MAX) ||
		    field_number(&needed, c.fields, F_NEEDED, UINT8_MAX) ||
		    field_number(&sealed, c.fields, F_SEALED, 1))
			status = cli_fail(&c, E_FORMAT, cli.room);
		else
			printf("%s: %llu of %llu; the room is %s\n", name, (unsigned long long)given,
			       (unsigned long long)needed, sealed ? "still locked" : "unlocked");
		print_reason();
	}
	wipe(&request, sizeof request);
	client_close(&c);
	return status;
}

int cli_lock(int operands, char **operand)
{
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_LOCK);
	if (cli_ask(&c, &request, &status, cli.room))
		printf("the room is locked\n");
	client_close(&c);
	return status;
}

static int withdraw_change(void)
{
	int status = 0;

	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_CHANGE);
	if (cli_ask(&c, &request, &status, cli.room))
		printf("the change of custodians is withdrawn\n");
	client_close(&c);
	return status;
}

static int begin_change(void)
{
	int status = 0;

	if (!cli.threshold)
		return fail_why(E_USAGE, "is needed with --change", "--help tells how", "--threshold");
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_CHANGE);
	record_put_text(&request, F_CUSTODIANS, cli.change);
	record_put_text(&request, F_NEEDED, cli.threshold);
	if (cli.so_threshold)
		record_put_text(&request, F_SO_NEEDED, cli.so_threshold);
	if (cli_ask(&c, &request, &status, cli.room))
		printf("Within ten minutes, each from an own login, run bdk entrust: all who are custodians then, and "
		       "enough of those who are it now.\n");
	client_close(&c);
	return status;
}

int cli_custodians(int operands, char **operand)
{
	static const struct column columns[] = {
		{ "NAME", "name", F_NAME, CELL_TEXT },
		{ "LOGIN", "login", F_UID, CELL_NUMBER },
		{ "STATE", "state", F_STATE, CELL_TEXT },
	};

	(void)operands;
	(void)operand;
	if (cli.change && cli.withdraw)
		return fail_why(E_USAGE, "one or the other", "--help tells how", "--change and --withdraw");
	if (cli.change)
		return begin_change();
	if (cli.threshold || cli.so_threshold)
		return fail_why(E_USAGE, "go with --change", "--help tells how", "--threshold and --so-threshold");
	if (cli.withdraw)
		return withdraw_change();
	return cli_table(OP_CUSTODIANS, columns, sizeof columns / sizeof columns[0]);
}

/* What is agreed to: who is next, how many of them it takes, and the digest that all who take part compare. It goes into the
 * request. False: nothing is under way, or the answer is bad. */
static bool show_change(int *status)
{
	struct span hash = field_get(c.fields, F_HASH), row;
	uint64_t by = 0, m = 0, k = 0, uid = 0;
	char name[64], state[32], hex[2 * 32 + 1];
	size_t at = 0;

	if (!hash.p) {
		*status = fail_why(E_DENIED, "no change of custodians is under way",
				   "one of them begins it with bdk custodians --change", "%s", cli.room);
		return false;
	}
	if (hash.len != 32 || field_number(&by, c.fields, F_UID, UINT32_MAX) ||
	    field_number(&m, c.fields, F_NEXT_NEEDED, UINT8_MAX) || field_number(&k, c.fields, F_NEXT_SO_NEEDED, UINT8_MAX)) {
		*status = cli_fail(&c, E_FORMAT, cli.room);
		return false;
	}
	hex_encode(hex, hash.p, hash.len);
	fprintf(stderr, "uid %llu has begun a change of custodians. They would be:\n", (unsigned long long)by);
	while (field_next(&row, c.fields, F_ROW, &at))
		if (!field_check(row) && !field_text(name, sizeof name, row, F_NAME) &&
		    !field_text(state, sizeof state, row, F_STATE) && !strncmp(state, "next", 4) &&
		    !field_number(&uid, row, F_UID, UINT32_MAX))
			fprintf(stderr, "  %s, uid %llu\n", name, (unsigned long long)uid);
	fprintf(stderr, "%llu of them would unlock the room, %llu change its custodians.\n  digest ", (unsigned long long)m,
		(unsigned long long)k);
	for (int i = 0; i < 64; i += 4)
		fprintf(stderr, " %.4s", hex + i);
	fprintf(stderr, "\nAll who take part see this digest, or it is another change: then type nothing.\n");
	record_begin(&request, OP_ENTRUST);
	record_put(&request, F_HASH, hash);
	return true;
}

int cli_entrust(int operands, char **operand)
{
	uint64_t is = 0, next = 0, given = 0, needed = 0, came = 0, all = 0;
	char state[16];
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_CUSTODIANS);
	if (!cli_ask(&c, &request, &status, cli.room))
		goto done;
	if (field_number(&is, c.fields, F_CUSTODIAN, 1) || field_number(&next, c.fields, F_NEXT, 1)) {
		status = cli_fail(&c, E_FORMAT, cli.room);
		goto done;
	}
	if (!is && !next)
		status = fail_why(E_DENIED, "this login is neither a custodian's nor one of the next custodians'",
				  "bdk custodians lists them", "%s", cli.room);
	else if (show_change(&status) && (!is || put_passphrase(F_PASSPHRASE, false, "Your passphrase", &status)) &&
		 (!next || put_passphrase(F_NEW_PASSPHRASE, true, "Your new passphrase", &status)) &&
		 cli_ask(&c, &request, &status, cli.room)) {
		if (field_number(&given, c.fields, F_GIVEN, UINT8_MAX) ||
		    field_number(&needed, c.fields, F_NEEDED, UINT8_MAX) ||
		    field_number(&came, c.fields, F_USED, UINT8_MAX) ||
		    field_number(&all, c.fields, F_LAST, UINT8_MAX) ||
		    field_text(state, sizeof state, c.fields, F_STATE))
			status = cli_fail(&c, E_FORMAT, cli.room);
		else
			printf("%llu of %llu custodians have given, %llu of %llu next ones have come: %s\n",
			       (unsigned long long)given, (unsigned long long)needed, (unsigned long long)came,
			       (unsigned long long)all, state);
	}
done:
	wipe(&request, sizeof request);
	client_close(&c);
	return status;
}
