/* lease, accept, leases, manifest, chain, backup */
#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/opt.h"
#include "base/host/stanza.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DER = 4096, LEASE = 1024 };
static const char lease_type[] = "KEYROOM LEASE";

static struct client c;
static struct record request;

/* "FIRST-LAST" into the request. */
static bool put_range(const char *option, const char *range, int *status)
{
	unsigned long long first, last;
	int end = 0;

	if (strspn(range, "0123456789-") != strlen(range) ||
	    sscanf(range, "%10llu-%10llu%n", &first, &last, &end) != 2 || range[end]) {
		*status = fail_why(E_USAGE, "device ids are FIRST-LAST, in decimal", "", "--%s %s", option, range);
		return false;
	}
	record_put_number(&request, F_FIRST, first);
	record_put_number(&request, F_LAST, last);
	return true;
}

static bool put_ids(int *status)
{
	unsigned long n;

	if (!cli.count)
		return put_range(cli.range ? "range" : "elsewhere", cli.range ? cli.range : cli.elsewhere, status);
	if (!opt_number(&n, "count", cli.count, 1, 4294967296)) {
		*status = err_exit(E_USAGE);
		return false;
	}
	record_put_number(&request, F_COUNT, n);
	return true;
}

static bool put_check_value(int *status)
{
	uint8_t kcv[5];
	size_t len = 0;

	if (!cli.check_value)
		return true;
	if (hex_decode(kcv, &len, sizeof kcv, cli.check_value, strlen(cli.check_value))) {
		*status = fail_why(E_USAGE, "a check value has 6 digits (tdes) or 10 (aes)", "", "--check-value %s",
				   cli.check_value);
		return false;
	}
	record_put(&request, F_KCV, (struct span){ kcv, len });
	return true;
}

/* The lease in the answer. "lease 3: key set FFFF987654 (tdes), device ids 0-999" */
static void describe(char *out, size_t size)
{
	char id[16], scheme[16];
	uint64_t number, first, last;

	if (field_number(&number, c.fields, F_NUMBER, UINT64_MAX) || field_number(&first, c.fields, F_FIRST, UINT32_MAX) ||
	    field_number(&last, c.fields, F_LAST, UINT32_MAX) || field_text(id, sizeof id, c.fields, F_KEY_SET) ||
	    field_text(scheme, sizeof scheme, c.fields, F_SCHEME))
		snprintf(out, size, "a lease");
	else
		snprintf(out, size, "lease %llu: key set %s (%s), device ids %llu-%llu", (unsigned long long)number, id,
			 scheme, (unsigned long long)first, (unsigned long long)last);
}

static int print_lease(void)
{
	char what[160], name[64], comment[256];

	describe(what, sizeof what);
	if (!field_get(c.fields, F_LEASE).p) {
		printf("%s, noted as issued elsewhere\n", what);
		return 0;
	}
	if (field_text(name, sizeof name, c.fields, F_NAME))
		snprintf(name, sizeof name, "?");
	snprintf(comment, sizeof comment, "%s, for %s", what, name);
	return cli_pem_out(lease_type, field_get(c.fields, F_LEASE), comment);
}

int cli_lease(int operands, char **operand)
{
	uint8_t der[DER];
	struct span cert;
	unsigned long number;
	int status = 0;
	bool grant = cli.recipient && !!cli.range + !!cli.count == 1 && !cli.elsewhere;

	(void)operands, (void)operand;
	record_begin(&request, OP_LEASE);
	if (cli.again) {
		if (!opt_number(&number, "again", cli.again, 1, UINT32_MAX))
			return err_exit(E_USAGE);
		record_put_number(&request, F_NUMBER, number);
	} else {
		if (!cli.id || !cli.scheme || !(grant || (cli.elsewhere && !cli.recipient && !cli.range && !cli.count)))
			return fail_why(E_USAGE,
					"--key-set and --scheme with --for and --range or --count, or with --elsewhere; "
					"or --again",
					"--help tells how", "bdk lease");
		record_put_text(&request, F_KEY_SET, cli.id);
		record_put_text(&request, F_SCHEME, cli.scheme);
		if (!put_ids(&status) || !put_check_value(&status))
			return status;
		if (grant && !cli_pem_in(&cert, 1, der, sizeof der, "CERTIFICATE", cli.recipient, &status))
			return status;
		if (grant)
			record_put(&request, F_CERT, cert);
	}
	if (!cli_open(&c, &status))
		return status;
	if (cli_ask(&c, &request, &status, cli.room))
		status = print_lease();
	client_close(&c);
	return status;
}

int cli_accept(int operands, char **operand)
{
	uint8_t der[LEASE];
	char what[160];
	struct span lease;
	uint64_t again = 0;
	int status = 0;

	(void)operands;
	if (!cli_pem_in(&lease, 1, der, sizeof der, lease_type, operand[0], &status) || !cli_open(&c, &status))
		return status;
	record_begin(&request, OP_ACCEPT);
	record_put(&request, F_LEASE, lease);
	if (cli_ask(&c, &request, &status, operand[0])) {
		describe(what, sizeof what);
		if (field_number(&again, c.fields, F_AGAIN, 1))
			again = 0;
		printf("%s%s\n", what, again ? ", accepted before" : "");
	}
	client_close(&c);
	return status;
}

int cli_leases(int operands, char **operand)
{
	static const struct column columns[] = {
		{ "LEASE", "lease", F_NUMBER, CELL_NUMBER },	{ "KEY SET", "key_set", F_KEY_SET, CELL_TEXT },
		{ "SCHEME", "scheme", F_SCHEME, CELL_TEXT },	{ "CHECK", "check_value", F_KCV, CELL_HEX },
		{ "FIRST", "first", F_FIRST, CELL_NUMBER },	{ "LAST", "last", F_LAST, CELL_NUMBER },
		{ "LEFT", "left", F_LEFT, CELL_NUMBER },	{ "EPOCH", "epoch", F_EPOCH, CELL_NUMBER },
		{ "STATE", "state", F_STATE, CELL_TEXT },	{ "FOR", "for", F_NAME, CELL_TEXT },
		{ "GRANTED", "granted", F_TIME, CELL_TIME },
	};

	(void)operands, (void)operand;
	return cli_table(OP_LEASES, columns, sizeof columns / sizeof columns[0]);
}

/* --- Manifests and chains ----------------------------------------------------------------------------------------- */

/* One stanza into the request; false, having said why. */
static bool put_line(const struct stanza *s, const char *path, int *status)
{
	const char *serial = stanza_get(s, "serial"), *set = stanza_get(s, "key_set"), *slot = stanza_get(s, "slot"),
		   *ksn = stanza_get(s, "ksn"), *why = NULL;
	uint8_t k[12];
	char *end = NULL;
	unsigned long n = 0;
	size_t len = 0, row;

	if (!serial || !set || !slot || s->n != (ksn ? 4 : 3))
		why = "a stanza has serial, key_set, slot, and ksn where one is dictated";
	else if (*slot < '0' || *slot > '9' || (n = strtoul(slot, &end, 10), *end) || n > 255)
		why = "slot is a number";
	else if (ksn && (hex_decode(k, &len, sizeof k, ksn, strlen(ksn)) || (len != 10 && len != 12)))
		why = "a KSN has 20 digits (tdes) or 24 (aes)";
	if (why) {
		*status = fail_why(E_FORMAT, why, "nothing of it was taken", "%s line %u", path, s->line);
		return false;
	}
	row = record_open(&request, F_ROW);
	record_put_number(&request, F_SEQUENCE, s->line);
	record_put_text(&request, F_SERIAL, serial);
	record_put_text(&request, F_KEY_SET, set);
	record_put_number(&request, F_SLOT, n);
	if (ksn)
		record_put(&request, F_KSN, (struct span){ k, len });
	record_close(&request, row);
	return true;
}

static bool put_manifest(const char *path, int *status)
{
	static struct stanza s;
	FILE *f = strcmp(path, "-") ? fopen(path, "re") : stdin;
	enum err e = E_OK;
	bool ok = f;

	if (!f)
		*status = fail_why(E_IO, strerror(errno), "", "%s", path);
	while (ok && !(e = stanza_read(&s, f)))
		ok = put_line(&s, path, status);
	if (ok && e != E_SHORT) {
		*status = fail_why(e, "a line is no \"key = value\"", "nothing of it was taken", "%s line %u", path, s.line);
		ok = false;
	}
	if (ok && request.e) {
		*status = fail_why(E_FORMAT, "more than 64 KiB in one manifest, about 700 terminals", "divide it", "%s",
				   path);
		ok = false;
	}
	if (f && f != stdin)
		fclose(f);
	return ok;
}

int cli_manifest(int operands, char **operand)
{
	uint64_t n = 0;
	int status = 0;

	(void)operands;
	record_begin(&request, OP_MANIFEST);
	if (!put_manifest(operand[0], &status) || !cli_open(&c, &status))
		return status;
	if (cli_ask(&c, &request, &status, operand[0]) && !field_number(&n, c.fields, F_USED, UINT64_MAX))
		printf("manifest taken: %llu terminals\n", (unsigned long long)n);
	client_close(&c);
	return status;
}

int cli_chain(int operands, char **operand)
{
	int status = 0;

	(void)operands, (void)operand;
	record_begin(&request, OP_CHAIN);
	record_put_text(&request, F_KEY_SET, cli.id);
	record_put_text(&request, F_FOLLOWER, cli.next);
	if (!cli_open(&c, &status))
		return status;
	if (cli_ask(&c, &request, &status, cli.room))
		printf("when key set %s is used up, loads go on with %s\n", cli.id, cli.next);
	client_close(&c);
	return status;
}

/* --- Backups ------------------------------------------------------------------------------------------------------ */

int cli_backup(int operands, char **operand)
{
	uint64_t head = 0;
	char name[32];
	int status = 0;

	(void)operands, (void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_BACKUP);
	if (cli_ask(&c, &request, &status, cli.room)) {
		if (field_text(name, sizeof name, c.fields, F_NAME) || field_number(&head, c.fields, F_SEQUENCE, INT64_MAX))
			status = cli_fail(&c, E_FORMAT, cli.room);
		else
			printf("%s/%s: the journal up to audit record %llu\n", cli.room, name, (unsigned long long)head);
	}
	client_close(&c);
	return status;
}
