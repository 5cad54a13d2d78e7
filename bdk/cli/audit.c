/* audit: as a table; export, head, key; verify, which needs no room */
#include "base/hex.h"
#include "base/host/fail.h"
#include "bdk/audit.h"
#include "bdk/cli/cli.h"
#include "crypto/sha256.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct client c;
static struct record request;

/* --- Export ------------------------------------------------------------------------------------------------------- */

static bool get_text(char *out, size_t size, struct span row, uint16_t tag)
{
	struct span v = field_get(row, tag);

	if (v.len >= size || (v.len && memchr(v.p, 0, v.len)))
		return false;
	if (v.len)
		memcpy(out, v.p, v.len);
	out[v.len] = 0;
	return true;
}

/* The next record, if it fits the one before. */
static bool get_record(struct audit *a, struct span row)
{
	struct audit o = { 0 };
	struct span hash = field_get(row, F_HASH);

	memcpy(o.previous, a->hash, sizeof o.previous);
	if (field_check(row) || field_number(&o.sequence, row, F_SEQUENCE, INT64_MAX) ||
	    field_number(&o.utc, row, F_TIME, INT64_MAX) || !get_text(o.who, sizeof o.who, row, F_WHO) ||
	    !get_text(o.what, sizeof o.what, row, F_WHAT) || !get_text(o.object, sizeof o.object, row, F_OBJECT) ||
	    !get_text(o.reason, sizeof o.reason, row, F_REASON) || hash.len != sizeof o.hash || audit_hash(o.hash, &o) ||
	    memcmp(o.hash, hash.p, sizeof o.hash) != 0)
		return false;
	*a = o;
	return true;
}

/* A cell. A spreadsheet takes what begins with one of these for a formula. */
static void put_cell(const char *text)
{
	printf(",\"%s", *text && strchr("=+-@", *text) ? "'" : "");
	for (; *text; text++)
		if (*text == '"')
			fputs("\"\"", stdout);
		else if (*text < ' ' || *text > '~')
			printf("\\u%04X", (unsigned)(unsigned char)*text);
		else
			putchar(*text);
	putchar('"');
}

static void print_csv(const struct audit *a)
{
	char time[SEAL_TIME], hash[65];

	seal_time(time, a->utc);
	hex_encode(hash, a->hash, sizeof a->hash);
	printf("%llu,%s", (unsigned long long)a->sequence, time);
	put_cell(a->who);
	put_cell(a->what);
	put_cell(a->object);
	put_cell(a->reason);
	printf(",%s\n", hash);
}

static void print_line(const struct audit *a)
{
	char line[AUDIT_LINE];

	audit_line(line, a);
	fputs(line, stdout);
}

static int export_all(void)
{
	struct audit a = { 0 };
	struct span row;
	uint64_t more = 1, since = 0;
	int status = 0;

	if (!cli_open(&c, &status))
		return status;
	if (cli.csv)
		printf("sequence,utc,who,what,object,reason,hash\n");
	while (!status && more) {
		size_t at = 0;

		record_begin(&request, OP_AUDIT);
		record_put_number(&request, F_SINCE, since);
		if (!cli_ask(&c, &request, &status, cli.room))
			break;
		while (!status && field_next(&row, c.fields, F_ROW, &at))
			if (!get_record(&a, row))
				status = fail_why(E_FORMAT, "bdkd's answer is not the next record of its chain",
						  "are bdk and bdkd of one version?", "after record %llu",
						  (unsigned long long)a.sequence);
			else
				cli.csv ? print_csv(&a) : print_line(&a);
		if (field_number(&more, c.fields, F_MORE, 1) || field_number(&since, c.fields, F_SEQUENCE, INT64_MAX))
			more = 0;
	}
	client_close(&c);
	return status;
}

/* --- Heads -------------------------------------------------------------------------------------------------------- */

static int print_heads(void)
{
	uint64_t more = 1, since = 0;
	struct span head;
	unsigned n = 0;
	int status = 0;

	if (!cli_open(&c, &status))
		return status;
	while (!status && more) {
		size_t at = 0;

		record_begin(&request, cli.all ? OP_HEADS : OP_HEAD);
		record_put_number(&request, F_SINCE, since);
		if (!cli_ask(&c, &request, &status, cli.room))
			break;
		while (field_next(&head, c.fields, F_HEAD, &at))
			printf("%s%.*s", n++ ? "\n" : "", (int)head.len, (const char *)head.p);
		if (field_number(&more, c.fields, F_MORE, 1) || field_number(&since, c.fields, F_SEQUENCE, INT64_MAX))
			more = 0;
	}
	client_close(&c);
	return status;
}

/* The public records key, as it stands in a head. */
static int print_key(void)
{
	uint8_t point[P256_POINT], spki[P256_SPKI], digest[32];
	struct stanza s = { .last = 0 };
	char comment[192], text[65];
	const char *records = NULL, *room = NULL;
	struct span head;
	FILE *f = NULL;
	int status = 0;

	if (!cli_open(&c, &status))
		return status;
	record_begin(&request, OP_HEAD);
	if (cli_ask(&c, &request, &status, cli.room)) {
		head = field_get(c.fields, F_HEAD);
		f = head.len ? fmemopen((void *)(uintptr_t)head.p, head.len, "r") : NULL;
		if (f && !stanza_read(&s, f))
			records = stanza_get(&s, "records"), room = stanza_get(&s, "room");
		if (!records || !room || seal_from_spki(point, records) || p256_spki_digest(digest, point)) {
			status = cli_fail(&c, E_FORMAT, cli.room);
		} else {
			p256_spki(spki, point);
			hex_encode(text, digest, sizeof digest);
			snprintf(comment, sizeof comment, "records key of the room %.64s, SHA-256 %s", room, text);
			status = cli_pem_out("PUBLIC KEY", SPAN(spki), comment);
		}
		if (f)
			fclose(f);
	}
	client_close(&c);
	return status;
}

/* --- Verify ------------------------------------------------------------------------------------------------------- */

/* A whole file of any length; NULL, having said why. */
static uint8_t *read_whole(size_t *len, const char *path, int *status)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
	uint8_t *b = NULL, *more;
	size_t size = 0, got = 1;

	*len = 0;
	while (f && got) {
		if (*len == size) {
			size = size ? 2 * size : 65536;
			more = realloc(b, size);
			if (!more)
				fail_memory();
			b = more;
		}
		got = fread(b + *len, 1, size - *len, f);
		*len += got;
	}
	if (!f || ferror(f)) {
		*status = fail_why(E_IO, strerror(errno), "", "%s", path);
		free(b);
		b = NULL;
	}
	if (f && f != stdin)
		fclose(f);
	return b;
}

bool cli_records_key(uint8_t point[static P256_POINT], int *status)
{
	uint8_t der[256], again[P256_SPKI];
	struct span spki;

	if (!cli_pem_in(&spki, 1, der, sizeof der, "PUBLIC KEY", cli.key, status))
		return false;
	if (spki.len == P256_SPKI) {
		memcpy(point, spki.p + P256_SPKI - P256_POINT, P256_POINT);
		p256_spki(again, point);
		if (!memcmp(again, spki.p, sizeof again))
			return true;
	}
	*status = fail_why(E_FORMAT, "not a records key", "bdk audit key prints it", "--key %s", cli.key);
	return false;
}

static bool get_heads(struct audit_head **head, size_t *n, int *status)
{
	uint8_t point[P256_POINT], *text;
	char why[AUDIT_WHY];
	size_t len;
	enum err e;

	*head = NULL;
	*n = 0;
	if (!cli.head && !cli.key)
		return true;
	if (!cli.head || !cli.key) {
		*status = fail_why(E_USAGE, "go together", "the one says who has to have signed the other", "--head and --key");
		return false;
	}
	if (!cli_records_key(point, status))
		return false;
	text = read_whole(&len, cli.head, status);
	if (!text)
		return false;
	e = audit_heads(head, n, (struct span){ text, len }, point, why);
	free(text);
	if (e)
		*status = *why ? fail_why(e, why, "", "--head %s", cli.head) : fail_say(e, "--head %s", cli.head);
	return !e;
}

static void say_whole(const struct audit_check *v, const struct audit_head *head, size_t n)
{
	char time[SEAL_TIME];

	seal_time(time, v->utc);
	printf("%llu records up to %s: none is changed, missing or moved\n", (unsigned long long)v->records, time);
	if (!n) {
		printf("no head (--head) was held against them: what ends early, or was made anew from some record on, is not noticed\n");
		return;
	}
	for (size_t i = 0; i < n; i++)
		if (head[i].sequence == v->held)
			seal_time(time, head[i].utc);
	printf("up to record %llu they are what the records key of the room %s signed, last at %s\n", (unsigned long long)v->held,
	       head[0].room, time);
	if (v->held < v->records)
		printf("the %llu after it are newer than the newest head\n", (unsigned long long)(v->records - v->held));
}

static int verify(const char *path)
{
	struct audit_head *head;
	struct audit_check v;
	char why[AUDIT_WHY];
	size_t n, len;
	uint8_t *text;
	int status = 0;
	enum err e;

	if (!get_heads(&head, &n, &status))
		return status;
	text = read_whole(&len, path, &status);
	if (text) {
		e = audit_verify(&v, (struct span){ text, len }, head, n, why);
		if (e && *why)
			status = fail_why(e, why, "keep it as it is, and find out who had it", "%s", path);
		else if (e)
			status = fail_say(e, "%s", path);
		else
			say_whole(&v, head, n);
	}
	free(text);
	free(head);
	return status;
}

/* --- bdk audit ---------------------------------------------------------------------------------------------------- */

static int print_table(void)
{
	static const struct column columns[] = {
		{ "NO", "sequence", F_SEQUENCE, CELL_NUMBER }, { "TIME", "time", F_TIME, CELL_TIME },
		{ "WHO", "who", F_WHO, CELL_TEXT },	       { "WHAT", "what", F_WHAT, CELL_TEXT },
		{ "OBJECT", "object", F_OBJECT, CELL_TEXT },   { "REFUSED", "refused", F_REASON, CELL_TEXT },
		{ NULL, "hash", F_HASH, CELL_HEX },
	};

	return cli_table(OP_AUDIT, columns, sizeof columns / sizeof columns[0]);
}

int cli_audit(int operands, char **operand)
{
	const char *what = operands ? operand[0] : "";

	if (!operands)
		return print_table();
	if (operands == 2 && !strcmp(what, "verify"))
		return verify(operand[1]);
	if (operands == 1 && !strcmp(what, "export"))
		return export_all();
	if (operands == 1 && !strcmp(what, "head"))
		return print_heads();
	if (operands == 1 && !strcmp(what, "key"))
		return print_key();
	return fail_why(E_USAGE, "export, verify FILE, head or key", "bdk audit --help tells more", "bdk audit %s", what);
}
