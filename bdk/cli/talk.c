#include "bdk/cli/cli.h"
#include "base/hex.h"
#include "base/host/fail.h"
#include "base/host/guard.h"
#include "base/host/prompt.h"
#include "base/wipe.h"
#include "bdk/card.h"
#include "crypto/sha256.h"

#include <string.h>
#include <unistd.h>

struct client *cli_kept;

bool cli_open(struct client *c, int *status)
{
	enum err e;

	if (cli_kept) {
		c->fd = dup(cli_kept->fd);
		if (c->fd < 0)
			*status = fail_say(E_UNREACHABLE, "%s", cli.room);
		return c->fd >= 0;
	}

	if (!cli.room || !*cli.room) {
		*status = fail_why(E_USAGE, "is needed", "give it, or set KEYROOM_ROOM", "--room DIR");
		return false;
	}
	e = client_open(c, cli.room, "people");
	if (e)
		*status = cli_fail(c, e, cli.room);
	return !e;
}

/* What OP_WHO answered, signed for the request that comes next. */
static bool put_signature(struct record *login, const struct client *who, const char *name, const struct record *next, int *status)
{
	uint8_t sig[P256_SIG], request[32], digest[32];
	struct span nonce = field_get(who->fields, F_NONCE);
	char room[64];
	uint64_t uid = 0;
	enum err e = field_text(room, sizeof room, who->fields, F_ROOM);

	if (!e)
		e = field_number(&uid, who->fields, F_UID, UINT32_MAX);
	if (!e && nonce.len != CARD_NONCE)
		e = E_FORMAT;
	if (!e)
		e = sha256(request, &(struct span){ next->b, next->len }, 1);
	if (!e)
		e = card_digest(digest, room, nonce.p, name, (uint32_t)uid, request);
	if (e) {
		*status = cli_fail(who, e, cli.room);
		return false;
	}
	if (!cli_card_sign(sig, digest, status))
		return false;
	record_begin(login, OP_LOGIN);
	record_put(login, F_HASH, SPAN(request));
	record_put(login, F_SIGNATURE, SPAN(sig));
	return true;
}

static bool put_passphrase(struct record *login, const char *name, int *status)
{
	char phrase[PASSPHRASE_MAX + 1], question[96];
	size_t len = 0;
	bool locked; /* where memory may not be locked it is at least in no core dump */

	if (guard_secrets(&locked)) {
		*status = fail_say(E_INTERNAL, "%s", name);
		return false;
	}
	snprintf(question, sizeof question, "Passphrase of %s", name);
	if (!prompt_secret(phrase, &len, sizeof phrase, question, status))
		return false;
	record_begin(login, OP_LOGIN);
	record_put(login, F_PASSPHRASE, (struct span){ (const uint8_t *)phrase, len });
	wipe(phrase, sizeof phrase);
	return true;
}

bool cli_login(struct client *c, const struct record *next, int *status)
{
	static struct record login;
	char name[64], state[32] = "";
	enum err e;

	record_begin(&login, OP_WHO);
	e = client_call(c, &login);
	if (!e && (field_text(name, sizeof name, c->fields, F_NAME) || field_text(state, sizeof state, c->fields, F_STATE)))
		e = E_PERSON;
	if (e) {
		*status = cli_fail(c, e, cli.room);
		return false;
	}
	if (strcmp(state, "card") ? !put_passphrase(&login, name, status) : !put_signature(&login, c, name, next, status))
		return false;
	e = client_call(c, &login);
	wipe(&login, sizeof login);
	if (e)
		*status = cli_fail(c, e, name);
	return !e;
}

void cli_show_act(FILE *out, struct span act)
{
	char text[8192], hex[65];
	struct span digest = field_get(act, F_HASH);
	uint64_t seconds = 0;
	size_t column = 0, label = 0;
	struct rd r;

	hex_encode(hex, digest.p, digest.len == 32 ? 32 : 0);
	fprintf(out, "  digest  ");
	for (int i = 0; i < 32 && hex[0]; i += 4) /* half of it: as much as people compare */
		fprintf(out, "%s%.4s", i ? " " : "", hex + i);
	if (!field_text(text, sizeof text, act, F_WHAT))
		fprintf(out, "\n  act     %s", text);
	if (!field_text(text, sizeof text, act, F_WHO))
		fprintf(out, "\n  asked by %s", text);
	rd_init(&r, act.p, act.len);
	while (r.left && !r.e) {
		uint16_t tag = rd_u16(&r);
		struct span value = rd_span16(&r);

		if (tag == F_LABEL) {
			fprintf(out, "\n  %.*s", (int)value.len, (const char *)value.p);
			column = label = 2 + value.len;
		} else if (tag == F_VALUE) {
			/* no terminal breaks the line where somebody wants it broken */
			if (column > label && column + 2 + value.len >= 80) {
				fprintf(out, "\n%*s", (int)label, "");
				column = label;
			}
			fprintf(out, "  %.*s", (int)value.len, (const char *)value.p);
			column += 2 + value.len;
		}
	}
	if (!field_number(&seconds, act, F_SECONDS, INT32_MAX))
		fprintf(out, "\n  it lapses in %llu seconds\n", (unsigned long long)seconds);
}

/* What was asked takes a second person, who has to see what this one sees. */
static enum err await_alone(struct client *c)
{
	static struct record request;

	fprintf(stderr, "this takes a second person, in an own login: bdk approve --room %s DIGEST\n", cli.room);
	cli_show_act(stderr, c->fields);
	fprintf(stderr, "waiting; interrupt to withdraw it\n");
	record_begin(&request, OP_AWAIT);
	return client_call(c, &request);
}

enum err (*cli_await)(struct client *c) = await_alone;

bool cli_ask(struct client *c, const struct record *request, int *status, const char *what)
{
	enum err e = client_call(c, request);

	if (e == E_LOGIN) {
		if (!cli_login(c, request, status))
			return false;
		e = client_call(c, request);
	}
	if (e == E_SECOND)
		e = cli_await(c);
	if (e)
		*status = cli_fail(c, e, what);
	return !e;
}

bool cli_digits(char out[static 2 * CLI_DIGEST + 1], int words, char **word)
{
	enum { LEAST = 8 };
	size_t n = 0;

	for (int i = 0; i < words; i++)
		for (const char *p = word[i]; *p; p++) {
			if (*p == ' ')
				continue;
			if (n == 2 * CLI_DIGEST || !strchr("0123456789abcdefABCDEF", *p))
				return false;
			out[n++] = *p;
		}
	out[n] = 0;
	return n >= LEAST;
}

bool cli_put(struct client *c, struct span bytes, int *status, const char *what)
{
	static struct record request;
	enum { PIECE = 60000 };

	while (bytes.len) {
		size_t n = bytes.len < PIECE ? bytes.len : PIECE;

		record_begin(&request, OP_PUT);
		record_put(&request, F_PIECE, (struct span){ bytes.p, n });
		if (!cli_ask(c, &request, status, what))
			return false;
		bytes = (struct span){ bytes.p + n, bytes.len - n };
	}
	return true;
}

bool cli_fetch(struct client *c, uint8_t *out, size_t *len, size_t size, int *status, const char *what)
{
	static struct record request;
	uint64_t more = 1, at = 0;

	*len = 0;
	while (more) {
		struct span piece;

		record_begin(&request, OP_FETCH);
		record_put_number(&request, F_SINCE, at);
		if (!cli_ask(c, &request, status, what))
			return false;
		piece = field_get(c->fields, F_PIECE);
		if (field_number(&more, c->fields, F_MORE, 1) || field_number(&at, c->fields, F_SEQUENCE, size) ||
		    at - *len != piece.len || (more && !piece.len)) {
			*status = cli_fail(c, E_FORMAT, what);
			return false;
		}
		memcpy(out + *len, piece.p, piece.len);
		*len = (size_t)at;
	}
	return true;
}

int cli_fail(const struct client *c, enum err e, const char *what)
{
	return c->why[0] ? fail_why(e, c->why, err_hint(e), "%s", what) : fail_say(e, "%s", what);
}
