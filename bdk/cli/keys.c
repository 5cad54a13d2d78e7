/* generate, package, import */
#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { DER = 4096, PACKAGE = 4096 };

static struct client c;
static struct record request;

static void print_key_set(const char *verb)
{
	char id[16], kcv[11] = "", scheme[16];
	struct span v = field_get(c.fields, F_KCV);

	if (v.len <= 5)
		hex_encode(kcv, v.p, v.len);
	if (field_text(id, sizeof id, c.fields, F_KEY_SET))
		snprintf(id, sizeof id, "?");
	if (field_text(scheme, sizeof scheme, c.fields, F_SCHEME))
		snprintf(scheme, sizeof scheme, "%s", cli.scheme);
	printf("%s key set %s (%s), check value %s", verb, id, scheme, kcv);
}

/* The package in the answer into the file that was reserved for it. */
static bool write_package(int *status)
{
	return cli_fill(cli.out, field_get(c.fields, F_PACKAGE), "bdk package writes it once more", status);
}

void cli_next_lease(const char *id, const char *kcv)
{
	fprintf(stderr,
		"next, in the ca room: bdk lease --key-set %s --scheme %s --check-value %s --count N --for LOAD.crt "
		">FILE; then here: bdk accept FILE\n", id, cli.scheme, kcv);
}

/* Without a lease nothing can be loaded. */
static void print_next(void)
{
	char id[16], kcv[11] = "";
	struct span v = field_get(c.fields, F_KCV);

	if (v.len > 5 || field_text(id, sizeof id, c.fields, F_KEY_SET))
		return;
	hex_encode(kcv, v.p, v.len);
	cli_next_lease(id, kcv);
}

int cli_generate(int operands, char **operand)
{
	uint8_t der[DER];
	struct span cert;
	int status = 0;

	(void)operands;
	(void)operand;
	if (strcmp(cli.scheme, "tdes") && strcmp(cli.scheme, "aes128") && strcmp(cli.scheme, "aes192") &&
	    strcmp(cli.scheme, "aes256"))
		return fail_why(E_USAGE, "is no scheme", "tdes, aes128, aes192 or aes256", "--scheme %s", cli.scheme);
	if (!cli.recipient == !cli.under)
		return fail_why(E_USAGE, "one of them is needed", "who gets the key set: an acquirer room, or whoever has that KBPK",
				"--for CERT or --under KBPK");
	if (cli.exportability && !cli.under)
		return fail_why(E_USAGE, "is for key blocks", "--under KBPK", "--exportability %s", cli.exportability);
	if (cli.under)
		return cli_generate_block();
	if (!cli_pem_in(&cert, 1, der, sizeof der, "CERTIFICATE", cli.recipient, &status))
		return status;
	record_begin(&request, OP_GENERATE);
	record_put_text(&request, F_SCHEME, cli.scheme);
	record_put(&request, F_CERT, cert);
	if (cli.id)
		record_put_text(&request, F_KEY_SET, cli.id);
	if (!cli_period(&request, &status) || !cli_open(&c, &status))
		return status;
	if (!cli_reserve(cli.out, &status)) {
		client_close(&c);
		return status;
	}
	if (!cli_ask(&c, &request, &status, cli.room)) {
		unlink(cli.out);
	} else if (write_package(&status)) {
		print_key_set("generated");
		printf("; package in %s\n", cli.out);
		print_next();
	}
	client_close(&c);
	return status;
}

int cli_package(int operands, char **operand)
{
	int status = 0;

	(void)operands;
	if (!cli_open(&c, &status))
		return status;
	if (cli_reserve(cli.out, &status)) {
		record_begin(&request, OP_PACKAGE);
		record_put_text(&request, F_KEY_SET, operand[0]);
		if (!cli_ask(&c, &request, &status, operand[0]))
			unlink(cli.out);
		else if (write_package(&status))
			printf("package of key set %s in %s\n", operand[0], cli.out);
	}
	client_close(&c);
	return status;
}

int cli_import(int operands, char **operand)
{
	uint8_t package[PACKAGE];
	char from[64];
	size_t len = 0;
	int status = 0;

	if ((cli.from || cli.until) && (cli.components || cli.join || cli.withdraw))
		return fail_why(E_USAGE, "go with a package or a key block", "bdk period gives a key set its end", "--from, --until");
	if (cli.under && operands == 1)
		return cli_import_block(operand[0]);
	if (cli.components || cli.join || cli.withdraw)
		return cli_enter(operands, operand);
	if (operands != 1)
		return fail_why(E_USAGE, "names one package or key block, or is made of components", "bdk import FILE, or --components N",
				"import");
	if (cli.id || cli.scheme || cli.kbpk || cli.algorithm || cli.check_value || cli.bag)
		return fail_why(E_USAGE, "go with --components, --join or --under", "--help tells how",
				"--id, --scheme, --kbpk, --algorithm, --check-value, --bag");
	if (!cli_read(package, &len, sizeof package, operand[0], &status))
		return status;
	record_begin(&request, OP_IMPORT);
	record_put(&request, F_PACKAGE, (struct span){ package, len });
	if (!cli_period(&request, &status) || !cli_open(&c, &status))
		return status;
	if (cli_ask(&c, &request, &status, operand[0])) {
		print_key_set("imported");
		printf(", made by %s\n", field_text(from, sizeof from, c.fields, F_NAME) ? "?" : from);
	}
	client_close(&c);
	return status;
}
