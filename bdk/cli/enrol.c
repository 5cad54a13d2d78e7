/* expect, enrol, revoke */
#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"
#include "line/line.h"
#include "protocol/message.h"

#include <string.h>
#include <unistd.h>

enum { DIGEST = 16 };

static struct client c;
static struct record request;

int cli_expect(int operands, char **operand)
{
	int status = 0;

	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_EXPECT);
	for (int i = 0; i < operands; i++)
		record_put_text(&request, F_SERIAL, operand[i]);
	if (cli_ask(&c, &request, &status, cli.room))
		printf("%d expected\n", operands);
	client_close(&c);
	return status;
}

int cli_revoke(int operands, char **operand)
{
	uint64_t number = 0;
	int status = 0;

	(void)operands;
	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_REVOKE);
	record_put_text(&request, F_SERIAL, operand[0]);
	record_put_text(&request, F_REASON, cli.reason);
	if (cli_ask(&c, &request, &status, operand[0]) && !field_number(&number, c.fields, F_SEQUENCE, UINT64_MAX))
		printf("%s revoked; install list %llu (bdk crl) in every room\n", operand[0],
		       (unsigned long long)number);
	client_close(&c);
	return status;
}

/* --- Enrolment ---------------------------------------------------------------------------------------------------- */

static void step(const char *text)
{
	fprintf(stderr, "  %s: %s\n", cli.serial, text);
}

/* A message of bdkd's to the terminal, and its reply into the next request. */
static bool carry(struct line *l, unsigned type, unsigned wanted, uint16_t op, int *status)
{
	static uint8_t out[LINK_PAYLOAD], in[LINK_PAYLOAD];
	struct span message = field_get(c.fields, F_MESSAGE);
	struct msg_abort abort;
	size_t len = 0;
	enum err e = E_FORMAT;

	if (message.len && message.len < sizeof out) {
		out[0] = (uint8_t)type;
		memcpy(out + 1, message.p, message.len);
		e = line_ask(l, in, &len, (struct span){ out, message.len + 1 });
	}
	if (!e && !len)
		e = E_SHORT;
	if (!e && in[0] == MSG_ABORT) {
		e = msg_get_abort(&abort, (struct span){ in + 1, len - 1 });
		if (!e)
			e = abort.reason ? (enum err)abort.reason : E_FORMAT;
	} else if (!e && in[0] != wanted) {
		e = E_SEQUENCE;
	}
	if (e) {
		*status = fail_say(e, "terminal on %s", cli.port);
		return false;
	}
	record_begin(&request, op);
	record_put(&request, F_MESSAGE, (struct span){ in + 1, len - 1 });
	return true;
}

/* 32 hexadecimal digits with blanks wherever the person likes them. */
static bool parse_digest(uint8_t digest[static DIGEST], const char *text)
{
	char digits[2 * DIGEST];
	size_t n = 0, len = 0;

	for (; *text; text++) {
		if (strchr(" \t\r\n", *text))
			continue;
		if (n == sizeof digits)
			return false;
		digits[n++] = *text;
	}
	return n == sizeof digits && !hex_decode(digest, &len, DIGEST, digits, n);
}

/* The digest from --digest-file, or as a person reads it off the display: what came over the line is never shown. */
static bool read_digest(uint8_t digest[static DIGEST], int *status)
{
	char text[256];
	size_t len = 0;

	if (cli.digest_file) {
		if (!cli_read((uint8_t *)text, &len, sizeof text - 1, cli.digest_file, status))
			return false;
		text[len] = 0;
		if (parse_digest(digest, text))
			return true;
	} else {
		for (;;) {
			fprintf(stderr, "digest on the display of %s (32 hex digits): ", cli.serial);
			if (!fgets(text, sizeof text, stdin))
				break;
			if (parse_digest(digest, text))
				return true;
			if (!isatty(STDIN_FILENO))
				break;
			fprintf(stderr, "that is not 32 hex digits; once more\n");
		}
	}
	*status = fail_why(E_FORMAT, "32 hex digits are needed", "read them off the terminal's display", "digest of %s",
			   cli.serial);
	return false;
}

static void enrol(struct line *l, int *status)
{
	uint8_t digest[DIGEST];
	char firmware[64];
	struct span s;

	record_begin(&request, OP_ENROL);
	record_put_text(&request, F_SERIAL, cli.serial);
	if (!cli_ask(&c, &request, status, cli.serial))
		return;
	step("asking it to make its identity key");
	if (!carry(l, MSG_IDENTIFY, MSG_CSR, OP_ENROL_CSR, status) || !cli_ask(&c, &request, status, cli.serial))
		return;
	if (field_text(firmware, sizeof firmware, c.fields, F_FIRMWARE))
		firmware[0] = 0;
	fprintf(stderr, "  %s: it has one and proved it; its firmware says %s\n", cli.serial, firmware);
	if (!read_digest(digest, status))
		return;
	record_begin(&request, OP_ENROL_DIGEST);
	record_put(&request, F_DIGEST, SPAN(digest));
	if (!cli_ask(&c, &request, status, cli.serial))
		return;
	step("the digests agree; sending its certificate");
	if (!carry(l, MSG_CERT, MSG_DONE, OP_ENROL_DONE, status) || !cli_ask(&c, &request, status, cli.serial))
		return;
	s = field_get(c.fields, F_SPKI);
	printf("%s enrolled; SPKI", cli.serial);
	/* in groups of four digits, as the display shows it */
	for (size_t i = 0; i + 1 < s.len; i += 2)
		printf(" %02X%02X", s.p[i], s.p[i + 1]);
	putchar('\n');
}

int cli_enrol(int operands, char **operand)
{
	static struct line l;
	char why[160] = "";
	int status = 0;
	enum err e;

	(void)operands;
	(void)operand;
	if (!cli_open(&c, &status))
		return status;
	e = line_open(&l, cli.port, why);
	if (e) {
		status = *why ? fail_why(e, why, err_hint(e), "%s", cli.port) : fail_say(e, "%s", cli.port);
	} else {
		enrol(&l, &status);
		line_close(&l);
	}
	client_close(&c);
	return status;
}
