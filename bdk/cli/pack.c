/* handover, import-pack, verify */
#include "base/host/fail.h"
#include "base/host/file.h"
#include "bdk/audit.h"
#include "bdk/cli/cli.h"
#include "bdk/pack.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { DER = 4096 };

static struct client c;
static struct record request;
static uint8_t text[PACK_MAX];

static unsigned long long number(uint16_t tag)
{
	uint64_t v;

	return field_number(&v, c.fields, tag, INT64_MAX) ? 0 : v;
}

int cli_handover(int operands, char **operand)
{
	unsigned long long loads, sequence;
	char *end = NULL, beside[PATH_MAX], audit[AUDIT_HEAD_TEXT];
	struct span head;
	size_t len = 0, head_len;
	int status = 0;

	(void)operands;
	(void)operand;
	record_begin(&request, OP_HANDOVER);
	if (cli.key_set)
		record_put_text(&request, F_KEY_SET, cli.key_set);
	if (cli.since) {
		errno = 0;
		record_put_number(&request, F_SINCE, strtoull(cli.since, &end, 10));
		if (errno || !*cli.since || *end || strspn(cli.since, "0123456789") != strlen(cli.since))
			return fail_why(E_USAGE, "a sequence of the journal, as a pack's last", "", "--since %s", cli.since);
	}
	if ((size_t)snprintf(beside, sizeof beside, "%s.head", cli.out) >= sizeof beside)
		return fail_why(E_IO, strerror(ENAMETOOLONG), "", "--out %s", cli.out);
	if (!cli_open(&c, &status))
		return status;
	if (cli_ask(&c, &request, &status, cli.key_set ? cli.key_set : cli.room)) {
		loads = number(F_USED);
		sequence = number(F_SEQUENCE);
		head = field_get(c.fields, F_HEAD);
		head_len = head.len < sizeof audit ? head.len : 0;
		memcpy(audit, head_len ? head.p : (const uint8_t *)"", head_len);
		if (cli_fetch(&c, text, &len, sizeof text, &status, cli.room)) {
			if (file_write(cli.out, (struct span){ text, len }, 0644))
				status = fail_why(E_IO, strerror(errno), "", "--out %s", cli.out);
			else if (head_len && file_write(beside, (struct span){ (const uint8_t *)audit, head_len }, 0644))
				status = fail_why(E_IO, strerror(errno), "", "%s", beside);
			else
				printf("%llu loads, up to sequence %llu, in %s\n", loads, sequence, cli.out);
		}
	}
	client_close(&c);
	return status;
}

int cli_import_pack(int operands, char **operand)
{
	char room[64];
	size_t len = 0;
	int status = 0;

	(void)operands;
	if (!cli_read(text, &len, sizeof text, operand[0], &status) || !cli_open(&c, &status))
		return status;
	record_begin(&request, OP_IMPORT_PACK);
	if (cli_put(&c, (struct span){ text, len }, &status, operand[0]) && cli_ask(&c, &request, &status, operand[0])) {
		if (field_text(room, sizeof room, c.fields, F_NAME))
			room[0] = 0;
		printf("pack of %s up to sequence %llu: %llu loads, %llu of them revoked", room, number(F_SEQUENCE),
		       number(F_USED), number(F_REVOKED));
		if (number(F_STRANGE))
			printf("; %llu of key sets that are not here", number(F_STRANGE));
		putchar('\n');
	}
	client_close(&c);
	return status;
}

static enum err count_revoked(void *n, const struct pack_load *l)
{
	*(unsigned long long *)n += *l->revoked != 0;
	return E_OK;
}

static enum err by_anchor(void *ca, struct cert *maker, struct span der, uint64_t utc)
{
	return cert_verify(maker, der, *(const struct span *)ca, utc);
}

int cli_verify(int operands, char **operand)
{
	uint8_t der[DER];
	struct span anchors[3];
	const struct pack_judge judge = { by_anchor, &anchors[1] };
	unsigned long long revoked = 0;
	char why[PACK_WHY], time[CLI_TIME];
	struct pack_head h;
	struct cert maker;
	size_t len = 0;
	int status = 0;
	enum err e;

	(void)operands;
	if (!cli_pem_in(anchors, 3, der, sizeof der, "CERTIFICATE", cli.anchors, &status) ||
	    !cli_read(text, &len, sizeof text, operand[0], &status))
		return status;
	e = pack_read(&h, &maker, (struct span){ text, len }, &judge, 0, count_revoked, &revoked, why);
	if (e)
		return *why ? fail_why(e, why, "ask its room for the pack once more", "%s", operand[0]) :
			      fail_say(e, "%s", operand[0]);
	cli_time(time, h.time);
	printf("pack of %s (%s room, %s token, epoch %u), made %s under revocation list %llu\n", h.room,
	       h.test ? "test" : "production", h.software ? "software" : "hardware", (unsigned)h.epoch, time,
	       (unsigned long long)h.list);
	printf("key set %s, journal after %llu up to %llu: %llu loads, %llu of them revoked; nothing is changed or missing\n",
	       h.key_set, (unsigned long long)h.after, (unsigned long long)h.sequence, (unsigned long long)h.loads, revoked);
	return 0;
}
