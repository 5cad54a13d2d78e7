#include "kif/sync.h"

enum err station_open(struct client *c, const char *room, unsigned seconds)
{
	enum err e = client_open(c, room, "station");

	return e ? e : client_patience(c, seconds);
}

/* The next portion after *since, which moves on. */
static enum err fetch(struct ledger *l, struct client *c, uint64_t *since, bool *more)
{
	struct record request;
	struct span row;
	size_t at = 0;
	uint64_t flag = 0, begin = *since, test = 0, software = 0;
	enum err e;

	record_begin(&request, OP_HISTORY);
	record_put_number(&request, F_SINCE, *since);
	e = client_call(c, &request);
	while (!e && field_next(&row, c->fields, F_ROW, &at)) {
		struct fact f;

		e = fact_read(&f, row);
		if (!e && f.sequence <= *since)
			e = E_FORMAT;
		if (!e)
			e = ledger_put(l, &f);
		if (!e)
			*since = f.sequence;
	}
	if (!e)
		e = field_number(&test, c->fields, F_TEST_ROOM, 1);
	if (!e)
		e = field_number(&software, c->fields, F_SOFTWARE_TOKEN, 1);
	if (!e)
		e = ledger_put_token(l, software && !test);
	if (!e)
		e = field_number(&flag, c->fields, F_MORE, 1);
	if (!e && flag && *since == begin)
		e = E_FORMAT; /* more of nothing, for ever */
	*more = flag;
	return e;
}

enum err sync_catch_up(struct ledger *l, struct client *c)
{
	uint64_t since = 0;
	bool more = true;
	enum err e = ledger_last(&since, l);

	while (!e && more) {
		e = ledger_begin(l);
		if (!e)
			e = fetch(l, c, &since, &more);
		if (!e)
			e = ledger_commit(l);
	}
	ledger_rollback(l);
	return e;
}

enum err sync_rebuild(struct ledger *l, struct client *c, const char *room)
{
	uint64_t since = 0;
	bool more = true;
	enum err e = ledger_begin(l);

	if (!e)
		e = ledger_clear(l, room);
	while (!e && more)
		e = fetch(l, c, &since, &more);
	if (!e)
		e = ledger_commit(l);
	ledger_rollback(l);
	return e;
}
