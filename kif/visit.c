#include "kif/visit.h"
#include "kif/sync.h"
#include "base/host/fail.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

enum err visit_fail(struct visit *v, enum err e, const char *why, const char *hint, const char *what, ...)
{
	struct visit_report *r = v->report;
	va_list args;

	va_start(args, what);
	vsnprintf(r->what, sizeof r->what, what, args);
	va_end(args);
	snprintf(r->why, sizeof r->why, "%s", why && *why ? why : err_text(e));
	r->hint = hint ? hint : err_hint(e);
	return e;
}

void visit_progress(const struct visit *v, const char *format, ...)
{
	va_list args;

	if (!v->to->progress)
		return;
	va_start(args, format);
	fputs("  ", v->to->progress);
	vfprintf(v->to->progress, format, args);
	fputc('\n', v->to->progress);
	va_end(args);
}

/* The hint for whatever ends it from now on; NULL, the general one, before anything can have changed. */
static const char *again(const struct visit *v)
{
	return v->sent ? v->again : NULL;
}

/* --- the room ----------------------------------------------------------------------------------------------------- */

static enum err connect_room(struct visit *v)
{
	enum err e = station_open(&v->client, v->to->room, v->to->room_seconds);

	v->connected = !e;
	return e ? visit_fail(v, e, v->client.why, NULL, "room %s", v->to->room) : E_OK;
}

/* A signed head of the room's audit comes with receipts. */
static enum err keep_head(struct visit *v)
{
	struct span head = field_get(v->client.fields, F_HEAD);
	enum err e = head.p ? ledger_put_head(&v->ledger, head) : E_OK;

	if (e == E_FORMAT)
		return visit_bad_answer(v);
	return e ? visit_fail(v, e, v->ledger.why, "check disk space and rights", "ledger %s", v->to->ledger) : E_OK;
}

enum err visit_ask_room(struct visit *v)
{
	enum err e = client_call(&v->client, &v->request);

	if (!e)
		return keep_head(v);
	if (e == E_UNREACHABLE)
		return visit_fail(v, e, "bdkd ended the connection, or does not answer", again(v), "room %s",
				  v->to->room);
	return visit_fail(v, e, v->client.why, NULL, "%s %s", v->doing, v->to->serial);
}

enum err visit_bad_answer(struct visit *v)
{
	return visit_fail(v, E_FORMAT, "bdkd's answer breaks its format",
			  v->sent ? v->again : "are bdkd and kif of one version?", "room %s", v->to->room);
}

struct span visit_message(const struct visit *v)
{
	return field_get(v->client.fields, F_MESSAGE);
}

enum err visit_facts(struct visit *v, struct fact *f, size_t *at, unsigned slot)
{
	struct span row;

	if (!field_next(&row, v->client.fields, F_ROW, at))
		return E_SHORT;
	if (fact_read(f, row) || strcmp(f->serial, v->to->serial) || (slot != VISIT_ALL_SLOTS && f->slot != slot))
		return visit_bad_answer(v);
	return E_OK;
}

enum err visit_record(struct visit *v)
{
	enum err e = sync_catch_up(&v->ledger, &v->client);

	if (e == E_IO)
		return visit_fail(v, e, v->ledger.why, "check disk space and rights", "ledger %s", v->to->ledger);
	if (e)
		return visit_fail(v, e, v->client.why, NULL, "history of the room %s", v->to->room);
	return E_OK;
}

static void find(void *context, const struct fact *f)
{
	struct fact *wanted = context;

	if (!strcmp(f->key_set, wanted->key_set) && !strcmp(f->ksn, wanted->ksn) && f->sequence >= wanted->sequence)
		wanted->sequence = 0;
}

/* The ledger follows the journal, so after catching up the load stands in it. */
enum err visit_check(struct visit *v, const struct fact *load)
{
	struct fact wanted = *load;
	enum err e = ledger_loads(&v->ledger, wanted.serial, find, &wanted);

	if (e)
		return visit_fail(v, e, v->ledger.why, NULL, "ledger %s", v->to->ledger);
	if (wanted.sequence)
		return visit_fail(v, E_FORMAT, "it does not follow this room's journal", "kif rebuild makes it anew",
				  "ledger %s", v->to->ledger);
	return E_OK;
}

/* --- the terminal ------------------------------------------------------------------------------------------------- */

/* Why did the terminal end it? */
static enum err aborted(struct visit *v, struct span reply)
{
	enum err e = reply.len == 3 ? (enum err)get_be16(reply.p + 1) : E_OK;

	if (!e || !strcmp(err_name(e), "E_UNKNOWN"))
		return visit_fail(v, E_FORMAT, "its ABORT gives no known reason", "is its firmware newer than kif?",
				  "terminal on %s", v->to->port);
	return visit_fail(v, e, NULL, NULL, "refused by the terminal on %s", v->to->port);
}

enum err visit_ask_terminal(struct visit *v, struct span *out, enum visit_type type, struct span message,
			    enum visit_type want)
{
	uint8_t payload[LINK_PAYLOAD];
	struct span reply = { v->reply, 0 };
	enum err e;

	if (!message.len || message.len >= sizeof payload)
		return visit_bad_answer(v);
	payload[0] = (uint8_t)type;
	memcpy(payload + 1, message.p, message.len);
	e = line_ask(&v->line, v->reply, &reply.len, (struct span){ payload, message.len + 1 });
	if (e)
		return visit_fail(v, e, NULL, again(v), "terminal on %s", v->to->port);
	if (reply.len && reply.p[0] == VISIT_ABORT)
		return aborted(v, reply);
	if (reply.len < 2)
		return visit_fail(v, E_SHORT, "its answer ends early", again(v), "terminal on %s", v->to->port);
	if (reply.p[0] != want)
		return visit_fail(v, E_SEQUENCE, "it answers with another message than the one expected",
				  v->sent ? v->again : "is this the loading link of a terminal?", "terminal on %s",
				  v->to->port);
	*out = (struct span){ reply.p + 1, reply.len - 1 };
	return E_OK;
}

/* --- begin and end ------------------------------------------------------------------------------------------------ */

static enum err open_room(struct visit *v)
{
	const struct visit_to *to = v->to;
	enum err e;

	if (!realpath(to->room, v->room))
		return visit_fail(v, E_ROOM, "no such folder", NULL, "room %s", to->room);
	e = ledger_open(&v->ledger, to->ledger, v->room);
	if (e)
		return visit_fail(v, e, v->ledger.why,
				  e == E_ROOM ? "name another file with --ledger, or make it anew with kif rebuild"
				  : e == E_IO ? "check the folder, disk space and rights"
					      : "name another file with --ledger",
				  "ledger %s", to->ledger);
	return connect_room(v);
}

enum err visit_begin(struct visit **out, struct visit_report *report, const struct visit_to *to, const char *doing,
		     const char *again_hint)
{
	static const struct visit zero;
	struct visit *v = malloc(sizeof *v);
	char why[160];
	enum err e = E_OK;

	if (!v)
		fail_memory();
	*v = zero;
	*out = v;
	*report = (struct visit_report){ .hint = "" };
	v->to = to;
	v->report = report;
	v->doing = doing;
	v->again = again_hint;
	v->began = now_ms();
	if (to->room)
		e = open_room(v);
	if (e)
		return e;
	e = line_open(&v->line, to->port, why);
	if (e)
		return visit_fail(v, e, why, NULL, "--port %s", to->port);
	v->open = true;
	v->line.give_up_ms = to->give_up_ms;
	return to->room ? visit_record(v) : E_OK;
}

enum err visit_greet(struct visit *v, struct span *offer)
{
	enum err e = visit_ask_room(v);

	if (e)
		return e;
	record_begin(&v->request, OP_BEGIN);
	record_put_text(&v->request, F_SERIAL, v->to->serial);
	e = visit_ask_room(v);
	if (e)
		return e;
	v->begun = true;
	visit_progress(v, "HELLO to the terminal on %s", v->to->port);
	return visit_ask_terminal(v, offer, VISIT_HELLO, visit_message(v), VISIT_OFFER);
}

void visit_give_up(struct visit *v, enum err e)
{
	if (e == E_UNREACHABLE)
		return;
	if (v->begun) {
		record_begin(&v->request, OP_ABORT);
		record_put_text(&v->request, F_REASON, err_text(e));
		if (!client_call(&v->client, &v->request) && !sync_catch_up(&v->ledger, &v->client))
			return;
	}
	/* After a refusal the connection may be over. */
	client_close(&v->client);
	v->connected = !station_open(&v->client, v->to->room, v->to->room_seconds);
	/* What is missed here is caught up with by the next run. */
	if (v->connected && sync_catch_up(&v->ledger, &v->client))
		visit_progress(v, "the ledger is behind the journal until the next run");
}

void visit_end(struct visit *v)
{
	v->report->ms = (unsigned long)(now_ms() - v->began);
	if (v->open) {
		v->report->repeats = v->line.repeats;
		v->report->dropped = v->line.dropped;
		line_close(&v->line);
	}
	if (v->connected)
		client_close(&v->client);
	ledger_close(&v->ledger);
	free(v);
}
