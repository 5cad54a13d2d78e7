#include "bdk/cli/cli.h"
#include "base/host/fail.h"

#include <string.h>

bool cli_open(struct client *c, int *status)
{
	enum err e;

	if (!cli.room || !*cli.room) {
		*status = fail_why(E_USAGE, "is needed", "give it, or set KEYROOM_ROOM", "--room DIR");
		return false;
	}
	e = client_open(c, cli.room, "people");
	if (e)
		*status = cli_fail(c, e, cli.room);
	return !e;
}

bool cli_ask(struct client *c, const struct record *request, int *status, const char *what)
{
	enum err e = client_call(c, request);

	if (e)
		*status = cli_fail(c, e, what);
	return !e;
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
