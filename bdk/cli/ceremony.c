/* ceremony: open, present, media, remark, close; record; verify, which needs no room */
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/file.h"
#include "bdk/cli/cli.h"
#include "bdk/cli/page.h"
#include "crypto/sha256.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static struct client c;
static struct record request;
static uint8_t text[CEREMONY_MAX];

static int write_down(const char *kind, const char *what)
{
	int status = 0;

	record_begin(&request, OP_CEREMONY);
	record_put_text(&request, F_STATE, kind);
	record_put_text(&request, F_OBJECT, what);
	if (!cli_open(&c, &status))
		return status;
	if (cli_ask(&c, &request, &status, "ceremony"))
		printf("%s: %s\n", kind, what);
	client_close(&c);
	return status;
}

/* --records FIRST-LAST */
static bool put_range(int *status)
{
	unsigned long long first, last;
	char *end = NULL;

	if (!cli.records)
		return true;
	errno = 0;
	first = strtoull(cli.records, &end, 10);
	last = *end == '-' ? strtoull(end + 1, &end, 10) : 0;
	if (errno || *end || strspn(cli.records, "0123456789-") != strlen(cli.records) || !first || last < first) {
		*status = fail_why(E_USAGE, "sequences of the audit are FIRST-LAST", "bdk audit shows them", "--records %s", cli.records);
		return false;
	}
	record_put_number(&request, F_FIRST, first);
	record_put_number(&request, F_LAST, last);
	return true;
}

/* NAME.txt and NAME.html: the page says of which text it is. */
static int write_both(const struct ceremony *r, size_t len)
{
	char path[PATH_MAX], digest[65], *page = NULL;
	const char *name = strrchr(cli.out, '/') ? strrchr(cli.out, '/') + 1 : cli.out;
	uint8_t hash[32];
	size_t n = 0;
	FILE *f;
	int status = 0;

	if (sha256(hash, &(struct span){ text, len }, 1))
		return fail_say(E_CRYPTO, "--out %s", cli.out);
	hex_encode(digest, hash, sizeof hash);
	f = open_memstream(&page, &n);
	if (!f)
		fail_memory();
	snprintf(path, sizeof path, "%s.txt", name);
	page_print(f, r, path, digest);
	if (fclose(f))
		fail_memory();
	snprintf(path, sizeof path, "%s.txt", cli.out);
	if (file_write(path, (struct span){ text, len }, 0644))
		status = fail_why(E_IO, strerror(errno), "", "%s", path);
	snprintf(path, sizeof path, "%s.html", cli.out);
	if (!status && file_write(path, (struct span){ (const uint8_t *)page, n }, 0644))
		status = fail_why(E_IO, strerror(errno), "", "%s", path);
	free(page);
	if (!status)
		printf("%s: records %llu to %llu, in %s.txt and, to print and sign, %s.html\n", r->title,
		       (unsigned long long)r->act[0].sequence, (unsigned long long)r->act[r->n - 1].sequence, cli.out, cli.out);
	return status;
}

static int record(void)
{
	struct ceremony r = { .n = 0 };
	char why[CEREMONY_WHY];
	size_t len = 0;
	int status = 0;
	enum err e;

	if (!cli.out || strlen(cli.out) + 8 > PATH_MAX)
		return fail_why(E_USAGE, "is needed", "what it names gets .txt and .html", "--out NAME");
	record_begin(&request, OP_RECORD);
	if (!put_range(&status) || !cli_open(&c, &status))
		return status;
	if (cli_ask(&c, &request, &status, "record") && cli_fetch(&c, text, &len, sizeof text, &status, "record")) {
		e = ceremony_read(&r, (struct span){ text, len }, NULL, why);
		status = e ? fail_why(e, *why ? why : err_text(e), "are bdk and bdkd of one version?", "bdkd's answer") :
			     write_both(&r, len);
	}
	ceremony_free(&r);
	client_close(&c);
	return status;
}

static int verify(const char *path)
{
	struct ceremony r = { .n = 0 };
	uint8_t point[P256_POINT];
	char why[CEREMONY_WHY], made[SEAL_TIME];
	size_t len, refused = 0;
	int status = 0;
	enum err e;

	if (!cli.key)
		return fail_why(E_USAGE, "is needed", "bdk audit key prints it", "--key FILE");
	if (!cli_records_key(point, &status) || !cli_read(text, &len, sizeof text, path, &status))
		return status;
	e = ceremony_read(&r, (struct span){ text, len }, point, why);
	if (e) {
		status = *why ? fail_why(e, why, "", "%s", path) : fail_say(e, "%s", path);
	} else {
		for (size_t i = 0; i < r.n; i++)
			refused += *r.act[i].reason != 0;
		seal_time(made, r.utc);
		printf("%s: records %llu to %llu of the room %s, %zu of them refused; made %s\nnothing is changed, and the records key has "
		       "signed it\n", r.title, (unsigned long long)r.act[0].sequence, (unsigned long long)r.act[r.n - 1].sequence, r.room,
		       refused, made);
	}
	ceremony_free(&r);
	return status;
}

int cli_ceremony(int operands, char **operand)
{
	static const struct {
		const char *word, *kind;
	} notes[] = {
		{ "open", "opened" }, { "present", "present" }, { "media", "media" }, { "remark", "remark" }, { "close", "closed" },
	};
	const char *what = operand[0], *of = operands > 1 ? operand[1] : NULL;

	for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
		if (of && !strcmp(what, notes[i].word))
			return write_down(notes[i].kind, of);
	if (!of && !strcmp(what, "record"))
		return record();
	if (of && !strcmp(what, "verify"))
		return verify(of);
	return fail_why(E_USAGE, "open, present, media, remark or close with a TEXT, record, or verify FILE",
			"bdk ceremony --help tells more", "bdk ceremony %s", what);
}
