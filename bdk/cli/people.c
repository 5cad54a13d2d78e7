/* people, appoint, dismiss, passphrase, approve, session */
#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/opt.h"
#include "base/host/prompt.h"
#include "base/wipe.h"

#include <string.h>
#include <strings.h>

enum { DIGEST = CLI_DIGEST };

static struct client c;
static struct record request;

int cli_people(int operands, char **operand)
{
	static const struct column columns[] = {
		{ "NAME", "name", F_NAME, CELL_TEXT },	 { "UID", "uid", F_UID, CELL_NUMBER },
		{ "ROLES", "roles", F_ROLE, CELL_TEXT }, { "STATE", "state", F_STATE, CELL_TEXT },
		{ "SINCE", "since", F_TIME, CELL_TIME },
	};

	(void)operands;
	(void)operand;
	return cli_table(OP_PEOPLE, columns, sizeof columns / sizeof columns[0]);
}

int cli_appoint(int operands, char **operand)
{
	uint8_t der[P256_SPKI + 64];
	struct span card = { NULL, 0 };
	unsigned long uid;
	uint64_t in_force = 0;
	int status = 0;

	(void)operands;
	if (!opt_number(&uid, "uid", cli.uid, 0, UINT32_MAX - 1))
		return err_exit(E_USAGE);
	if (cli.card && !cli_pem_in(&card, 1, der, sizeof der, "PUBLIC KEY", cli.card, &status))
		return status;
	if (cli.card && card.len != P256_SPKI)
		return fail_why(E_POINT, "not the public key of a P-256 pair", "pkcs11-tool --read-object --type pubkey", "%s",
				cli.card);
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_APPOINT);
	record_put_text(&request, F_NAME, operand[0]);
	record_put_number(&request, F_UID, uid);
	record_put_text(&request, F_ROLE, cli.role);
	if (cli.card) /* the point ends it */
		record_put(&request, F_CARD, (struct span){ card.p + P256_SPKI - P256_POINT, P256_POINT });
	if (cli_ask(&c, &request, &status, operand[0])) {
		printf("%s is %s, as uid %lu: %s, in that login\n", operand[0], cli.role, uid,
		       cli.card ? "KEYROOM_CARD" : "bdk passphrase");
		if (!field_number(&in_force, c.fields, F_IN_FORCE, 1) && !in_force)
			printf("this test room asks for nobody's passphrase before its second custodian is appointed\n");
	}
	client_close(&c);
	return status;
}

int cli_dismiss(int operands, char **operand)
{
	int status = 0;

	(void)operands;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_DISMISS);
	record_put_text(&request, F_NAME, operand[0]);
	if (cli_ask(&c, &request, &status, operand[0]))
		printf("%s is nobody of this room any more\n", operand[0]);
	client_close(&c);
	return status;
}

int cli_passphrase(int operands, char **operand)
{
	char phrase[PASSPHRASE_MAX + 1], name[64], state[32], question[96];
	size_t len = 0;
	bool locked; /* where memory may not be locked it is at least in no core dump */
	int status = 0;

	(void)operands;
	(void)operand;
	if (guard_secrets(&locked))
		return fail_say(E_INTERNAL, "%s", cli.room);
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_WHO);
	if (!cli_ask(&c, &request, &status, cli.room))
		goto done;
	if (field_text(name, sizeof name, c.fields, F_NAME) || field_text(state, sizeof state, c.fields, F_STATE)) {
		status = fail_why(E_PERSON, "nobody of this room has this user's uid", "two custodians appoint people: bdk appoint",
				  "%s", cli.room);
		goto done;
	}
	if (!strcmp(state, "ready") && !cli_login(&c, &request, &status))
		goto done;
	snprintf(question, sizeof question, "New passphrase of %s", name);
	if (!prompt_new_secret(phrase, &len, sizeof phrase, PASSPHRASE_MIN, question, &status))
		goto done;
	record_begin(&request, OP_PASSPHRASE);
	record_put(&request, F_PASSPHRASE, (struct span){ (const uint8_t *)phrase, len });
	wipe(phrase, sizeof phrase);
	if (cli_ask(&c, &request, &status, name))
		printf("%s has a new passphrase\n", name);
	wipe(&request, sizeof request);
done:
	client_close(&c);
	return status;
}

/* --- Agreeing to what another has asked --------------------------------------------------------------------------- */

/* The one act that waits under these digits, or all of them with none: printed then. False, having said why. */
static bool find(struct span *act, const char *digits, int *status)
{
	static uint8_t kept[RECORD_MAX]; /* the next piece of the list takes the place of this one */
	char hex[2 * DIGEST + 1];
	struct span row, digest;
	uint64_t more = 1, since = 0;
	size_t n = 0;

	*act = (struct span){ kept, 0 };
	while (more) {
		size_t at = 0;

		record_begin(&request, OP_PENDING);
		record_put_number(&request, F_SINCE, since);
		if (!cli_ask(&c, &request, status, cli.room))
			return false;
		while (field_next(&row, c.fields, F_ROW, &at)) {
			digest = field_get(row, F_HASH);
			hex_encode(hex, digest.p, digest.len == DIGEST ? DIGEST : 0);
			if (digits && strncasecmp(hex, digits, strlen(digits)) != 0)
				continue;
			memcpy(kept, row.p, row.len);
			act->len = row.len;
			n++;
			if (!digits) {
				cli_show_act(stdout, row);
				putchar('\n');
			}
		}
		if (field_number(&more, c.fields, F_MORE, 1) || field_number(&since, c.fields, F_SEQUENCE, INT64_MAX)) {
			*status = cli_fail(&c, E_FORMAT, cli.room);
			return false;
		}
	}
	if (!n)
		*status = fail_why(E_LAPSED, "nothing waits for a second person here", "it has lapsed, or was never asked here",
				   "%s", digits ? digits : cli.room);
	else if (digits && n > 1)
		*status = fail_why(E_USAGE, "more than one act begins with these digits", "give all of them", "%s", digits);
	return n && (!digits || n == 1);
}

/* Both operators stay until the session ends, which is when one of them goes. */
static void attend(int *status)
{
	char reason[128];

	printf("the session is open; interrupt to end it\n");
	fflush(stdout);
	record_begin(&request, OP_ATTEND);
	if (cli_ask(&c, &request, status, "session"))
		printf("the session has ended: %s\n", field_text(reason, sizeof reason, c.fields, F_REASON) ? "?" : reason);
}

int cli_approve(int operands, char **operand)
{
	char what[32] = "", digits[2 * DIGEST + 1];
	uint8_t digest[DIGEST];
	uint64_t outcome = 0;
	struct span act;
	int status = 0;

	if (operands && !cli_digits(digits, operands, operand))
		return fail_why(E_USAGE, "a digest's first 8 hex digits at least are needed", "as they stand on the other's screen", "%s",
				operand[0]);
	if (!cli_open(&c, &status))
		return status;
	if (!find(&act, operands ? digits : NULL, &status) || !operands)
		goto done;
	cli_show_act(stderr, act);
	memcpy(digest, field_get(act, F_HASH).p, sizeof digest);
	if (field_text(what, sizeof what, act, F_WHAT))
		what[0] = 0;
	record_begin(&request, OP_APPROVE);
	record_put(&request, F_HASH, SPAN(digest));
	record_put_text(&request, F_STATE, cli.refuse ? "refused" : "agreed");
	/* The passphrase, or the card's signature over this very answer, is the yes. */
	if (!cli_login(&c, &request, &status))
		goto done;
	if (!cli_ask(&c, &request, &status, digits))
		goto done;
	if (field_number(&outcome, c.fields, F_OUTCOME, UINT16_MAX))
		status = cli_fail(&c, E_FORMAT, digits);
	else if (cli.refuse)
		printf("refused: nothing was done\n");
	else if (outcome)
		status = fail_say((enum err)outcome, "agreed, but it was not done");
	else if (!strcmp(what, "open"))
		attend(&status);
	else
		printf("agreed, and done\n");
done:
	client_close(&c);
	return status;
}

int cli_session(int operands, char **operand)
{
	unsigned long slot = 0;
	int status = 0;

	if (cli.join)
		return operands || cli.key_set || cli.slot ?
			       fail_why(E_USAGE, "goes alone: what the session is for stands on the first one's screen", "", "--join") :
			       cli_approve(1, (char *[]){ (char *)cli.join });
	if (!operands)
		return fail_why(E_USAGE, "names its terminals", "bdk session SERIAL...", "a session");
	if (!cli.key_set != !cli.slot)
		return fail_why(E_USAGE, "go together", "", "--key-set and --slot");
	if (cli.slot && !opt_number(&slot, "slot", cli.slot, 0, 7))
		return err_exit(E_USAGE);
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_OPEN);
	if (cli.key_set) {
		record_put_text(&request, F_KEY_SET, cli.key_set);
		record_put_number(&request, F_SLOT, slot);
	}
	for (int i = 0; i < operands; i++)
		record_put_text(&request, F_SERIAL, operand[i]);
	if (cli_ask(&c, &request, &status, "session"))
		attend(&status);
	client_close(&c);
	return status;
}
