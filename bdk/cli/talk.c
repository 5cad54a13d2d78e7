#include "bdk/cli/cli.h"
#include "base/host/fail.h"

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

int cli_fail(const struct client *c, enum err e, const char *what)
{
	return c->why[0] ? fail_why(e, c->why, err_hint(e), "%s", what) : fail_say(e, "%s", what);
}
