/* request, certify, anchors, install, crl, disown, epoch */
#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"

#include <string.h>

enum { DER = 4096, LIST = 1048576 };
static const char cert_type[] = "CERTIFICATE", request_type[] = "CERTIFICATE REQUEST", list_type[] = "X509 CRL";

static struct client c;
static struct record request;

/* Asks, and prints the answer's field as PEM. */
static int ask_for_pem(uint16_t tag, const char *type)
{
	int status = 0;

	if (!cli_open(&c, &status))
		return status;
	if (cli_ask(&c, &request, &status, cli.room))
		status = cli_pem_out(type, field_get(c.fields, tag), NULL);
	client_close(&c);
	return status;
}

int cli_request(int operands, char **operand)
{
	(void)operands;
	(void)operand;
	record_begin(&request, OP_REQUEST);
	return ask_for_pem(F_CSR, request_type);
}

int cli_certify(int operands, char **operand)
{
	uint8_t der[DER];
	struct span csr;
	int status = 0;

	(void)operands;
	if (strcmp(cli.role, "load") && strcmp(cli.role, "acquirer"))
		return fail_why(E_USAGE, "a role is load or acquirer", "", "--role %s", cli.role);
	if (!cli_pem_in(&csr, 1, der, sizeof der, request_type, operand[0], &status))
		return status;
	record_begin(&request, OP_CERTIFY);
	record_put_text(&request, F_ROLE, cli.role);
	record_put(&request, F_CSR, csr);
	return ask_for_pem(F_CERT, cert_type);
}

static uint8_t list[LIST];

int cli_crl(int operands, char **operand)
{
	size_t len = 0;
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_CRL);
	if (cli_ask(&c, &request, &status, cli.room) && cli_fetch(&c, list, &len, sizeof list, &status, cli.room))
		status = cli_pem_out(list_type, (struct span){ list, len }, NULL);
	client_close(&c);
	return status;
}

int cli_anchors(int operands, char **operand)
{
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_ANCHORS);
	if (cli_ask(&c, &request, &status, cli.room))
		status = cli_pem_out(cert_type, field_get(c.fields, F_DEVICE_CA), "device CA");
	if (!status)
		status = cli_pem_out(cert_type, field_get(c.fields, F_KIF_CA), "KIF CA");
	if (!status)
		status = cli_pem_out(cert_type, field_get(c.fields, F_EXCHANGE_CA), "exchange CA");
	client_close(&c);
	return status;
}

static int install_crl(void)
{
	struct span crl;
	uint64_t number = 0, n = 0, epoch = 0;
	int status = 0;

	if (!cli_pem_in(&crl, 1, list, sizeof list, list_type, cli.crl, &status) || !cli_open(&c, &status))
		return status;
	record_begin(&request, OP_INSTALL_CRL);
	if (cli_put(&c, crl, &status, cli.crl) && cli_ask(&c, &request, &status, cli.crl) && !field_number(&number, c.fields, F_SEQUENCE, UINT64_MAX) &&
	    !field_number(&n, c.fields, F_USED, UINT64_MAX) && !field_number(&epoch, c.fields, F_EPOCH, UINT64_MAX))
		printf("revocation list %llu installed: %llu revoked, epoch %llu\n", (unsigned long long)number,
		       (unsigned long long)n, (unsigned long long)epoch);
	client_close(&c);
	return status;
}

int cli_install(int operands, char **operand)
{
	uint8_t der[DER], anchors_der[DER];
	struct span cert, anchors[3], env;
	char text[65];
	int status = 0;

	if (cli.crl && !cli.anchors && !operands)
		return install_crl();
	if (cli.crl || !cli.anchors || !operands)
		return fail_why(E_USAGE, "install --anchors FILE CERT, or install --crl FILE", "--help tells how",
				"bdk install");
	if (!cli_pem_in(&cert, 1, der, sizeof der, cert_type, operand[0], &status) ||
	    !cli_pem_in(anchors, 3, anchors_der, sizeof anchors_der, cert_type, cli.anchors, &status) ||
	    !cli_open(&c, &status))
		return status;
	record_begin(&request, OP_INSTALL);
	record_put(&request, F_CERT, cert);
	record_put(&request, F_DEVICE_CA, anchors[0]);
	record_put(&request, F_KIF_CA, anchors[1]);
	record_put(&request, F_EXCHANGE_CA, anchors[2]);
	if (cli_ask(&c, &request, &status, operand[0])) {
		env = field_get(c.fields, F_ENVIRONMENT);
		hex_encode(text, env.p, env.len == 32 ? 32 : 0);
		printf("installed; environment %s\n", text);
	}
	client_close(&c);
	return status;
}

int cli_disown(int operands, char **operand)
{
	uint8_t der[DER];
	char name[64];
	struct span cert;
	uint64_t number = 0;
	int status = 0;

	(void)operands;
	if (!cli_pem_in(&cert, 1, der, sizeof der, cert_type, operand[0], &status) || !cli_open(&c, &status))
		return status;
	record_begin(&request, OP_DISOWN);
	record_put(&request, F_CERT, cert);
	record_put_text(&request, F_REASON, cli.reason);
	if (cli_ask(&c, &request, &status, operand[0]) && !field_number(&number, c.fields, F_SEQUENCE, UINT64_MAX) &&
	    !field_text(name, sizeof name, c.fields, F_NAME))
		printf("%s disowned; install list %llu (bdk crl) in every room\n", name, (unsigned long long)number);
	client_close(&c);
	return status;
}

int cli_epoch(int operands, char **operand)
{
	uint64_t epoch = 0, number = 0;
	int status = 0;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, cli.raise ? OP_RAISE : OP_INFO);
	if (cli_ask(&c, &request, &status, cli.room)) {
		if (field_number(&epoch, c.fields, F_EPOCH, UINT32_MAX) ||
		    (cli.raise && field_number(&number, c.fields, F_SEQUENCE, UINT64_MAX)))
			status = cli_fail(&c, E_FORMAT, cli.room);
		else if (cli.raise)
			printf("epoch %llu: certify the load rooms anew (bdk request, certify, install), then install list "
			       "%llu (bdk crl) in every room\n",
			       (unsigned long long)epoch, (unsigned long long)number);
		else
			printf("epoch %llu\n", (unsigned long long)epoch);
	}
	client_close(&c);
	return status;
}
