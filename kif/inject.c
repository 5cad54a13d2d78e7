#include "kif/inject.h"
#include "kif/sync.h"
#include "base/host/fail.h"
#include "line/line.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The first byte of a link's payload: what PROTOCOL.md fixes, as far as a station has to know it. */
enum { HELLO = 1, OFFER = 2, KEY = 3, RECEIPT = 5, ABORT = 6 };

static const char again[] = "run the same command again: it settles whether the key was loaded";

struct run {
	const struct inject *in;
	struct inject_result *out;
	char room[PATH_MAX];
	struct ledger ledger;
	struct client client;
	struct record request;
	struct line line;
	uint8_t reply[LINK_PAYLOAD];
	bool connected, open, begun; /* to bdkd; the port; a loading that bdkd has to be told the end of */
	bool sent;                   /* KEY may have reached the terminal */
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* An error's line. why NULL or "" and hint NULL stand for the general ones. */
static enum err say(struct run *r, enum err e, const char *why, const char *hint, const char *what, ...)
	__attribute__((format(printf, 5, 6)));
static enum err say(struct run *r, enum err e, const char *why, const char *hint, const char *what, ...)
{
	va_list args;

	va_start(args, what);
	vsnprintf(r->out->what, sizeof r->out->what, what, args);
	va_end(args);
	snprintf(r->out->why, sizeof r->out->why, "%s", why && *why ? why : err_text(e));
	r->out->hint = hint ? hint : err_hint(e);
	return e;
}

static void progress(const struct run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void progress(const struct run *r, const char *format, ...)
{
	va_list args;

	if (!r->in->progress)
		return;
	va_start(args, format);
	fputs("  ", r->in->progress);
	vfprintf(r->in->progress, format, args);
	fputc('\n', r->in->progress);
	va_end(args);
}

/* --- the room ----------------------------------------------------------------------------------------------------- */

static enum err connect_room(struct run *r)
{
	enum err e = station_open(&r->client, r->in->room, r->in->room_seconds);

	r->connected = !e;
	return e ? say(r, e, r->client.why, NULL, "room %s", r->in->room) : E_OK;
}

/* Ask what stands in r->request. */
static enum err ask_room(struct run *r)
{
	enum err e = client_call(&r->client, &r->request);

	if (!e)
		return E_OK;
	if (e == E_UNREACHABLE)
		return say(r, e, "bdkd ended the connection, or does not answer", r->sent ? again : NULL, "room %s",
			   r->in->room);
	return say(r, e, r->client.why, NULL, "loading %s", r->in->serial);
}

static enum err bad_answer(struct run *r)
{
	return say(r, E_FORMAT, "bdkd's answer breaks its format", r->sent ? again : "are bdkd and kif of one version?",
		   "room %s", r->in->room);
}

/* The facts in the last answer: of the load that was asked for, or they are none. */
static enum err get_facts(struct run *r, struct fact *f)
{
	if (fact_read(f, field_get(r->client.fields, F_ROW)) || strcmp(f->serial, r->in->serial) ||
	    f->slot != r->in->slot)
		return bad_answer(r);
	return E_OK;
}

/* The message in the last answer; empty where there is none. It does not outlive the next question. */
static struct span get_message(const struct run *r)
{
	return field_get(r->client.fields, F_MESSAGE);
}

static enum err catch_up(struct run *r)
{
	enum err e = sync_catch_up(&r->ledger, &r->client);

	if (e == E_IO)
		return say(r, e, r->ledger.why, "check disk space and rights", "ledger %s", r->in->ledger);
	if (e)
		return say(r, e, r->client.why, NULL, "history of the room %s", r->in->room);
	return E_OK;
}

/* --- the terminal ------------------------------------------------------------------------------------------------- */

/* Why did the terminal end it? */
static enum err aborted(struct run *r, struct span reply)
{
	enum err e = reply.len == 3 ? (enum err)get_be16(reply.p + 1) : E_OK;

	if (!e || !strcmp(err_name(e), "E_UNKNOWN"))
		return say(r, E_FORMAT, "its ABORT gives no known reason", "is its firmware newer than kif?",
			   "terminal on %s", r->in->port);
	return say(r, e, NULL, NULL, "refused by the terminal on %s", r->in->port);
}

/* One message to the terminal, its answer of the wanted type back; out points into r->reply. */
static enum err ask_terminal(struct run *r, struct span *out, int type, struct span message, int want)
{
	uint8_t payload[LINK_PAYLOAD];
	struct span reply = { r->reply, 0 };
	enum err e;

	if (!message.len || message.len >= sizeof payload)
		return bad_answer(r);
	payload[0] = (uint8_t)type;
	memcpy(payload + 1, message.p, message.len);
	e = line_ask(&r->line, r->reply, &reply.len, (struct span){ payload, message.len + 1 });
	if (e)
		return say(r, e, NULL, r->sent ? again : NULL, "terminal on %s", r->in->port);
	if (reply.len && reply.p[0] == ABORT)
		return aborted(r, reply);
	if (reply.len < 2)
		return say(r, E_SHORT, "its answer ends early", r->sent ? again : NULL, "terminal on %s", r->in->port);
	if (reply.p[0] != want)
		return say(r, E_SEQUENCE, "it answers with another message than the one expected",
			   r->sent ? again : "is this the loading link of a terminal?", "terminal on %s", r->in->port);
	*out = (struct span){ reply.p + 1, reply.len - 1 };
	return E_OK;
}

/* --- one loading -------------------------------------------------------------------------------------------------- */

/* HELLO goes out, OFFER comes in. */
static enum err greet(struct run *r, struct span *offer)
{
	const struct inject *in = r->in;
	enum err e;

	record_begin(&r->request, OP_SESSION);
	record_put_text(&r->request, F_KEY_SET, in->key_set);
	record_put_number(&r->request, F_SLOT, in->slot);
	record_put_text(&r->request, F_SERIAL, in->serial);
	e = ask_room(r);
	if (e)
		return e;
	record_begin(&r->request, OP_BEGIN);
	record_put_text(&r->request, F_SERIAL, in->serial);
	e = ask_room(r);
	if (e)
		return e;
	r->begun = true;
	progress(r, "HELLO to the terminal on %s", in->port);
	return ask_terminal(r, offer, HELLO, get_message(r), OFFER);
}

/* OFFER is verified; KEY goes out, RECEIPT comes in. receipt stays empty where OFFER was a receipt itself. */
static enum err load(struct run *r, struct span *receipt, struct span offer)
{
	struct fact f;
	enum err e;

	record_begin(&r->request, OP_OFFER);
	record_put(&r->request, F_MESSAGE, offer);
	e = ask_room(r);
	if (e) {
		r->begun = false;
		return e;
	}
	e = get_facts(r, &f);
	if (e)
		return e;
	progress(r, "OFFER from firmware %s", *f.firmware ? f.firmware : "unknown");
	if (!get_message(r).len) {
		r->begun = false;
		r->out->settled = true;
		if (strcmp(f.state, "loaded"))
			return bad_answer(r);
		r->out->load = f;
		progress(r, "already loaded by an earlier run, now settled");
		return E_OK;
	}
	if (strcmp(f.key_set, r->in->key_set))
		return bad_answer(r);
	r->sent = true;
	progress(r, "KEY sent, initial KSN %s", f.ksn);
	return ask_terminal(r, receipt, KEY, get_message(r), RECEIPT);
}

/* RECEIPT is verified: that is what counts as loaded. */
static enum err settle(struct run *r, struct span receipt)
{
	struct fact f;
	enum err e;

	record_begin(&r->request, OP_RECEIPT);
	record_put_text(&r->request, F_SERIAL, r->in->serial);
	record_put(&r->request, F_MESSAGE, receipt);
	e = ask_room(r);
	if (!e)
		e = get_facts(r, &f);
	if (!e && (strcmp(f.state, "loaded") || strcmp(f.key_set, r->in->key_set)))
		e = bad_answer(r);
	if (e)
		return e;
	r->begun = false;
	r->out->load = f;
	progress(r, "RECEIPT verified");
	return E_OK;
}

static void find(void *context, const struct fact *f)
{
	struct fact *wanted = context;

	if (!strcmp(f->key_set, wanted->key_set) && !strcmp(f->ksn, wanted->ksn) && f->sequence >= wanted->sequence)
		wanted->sequence = 0;
}

/* The ledger follows the journal, so after catching up the load stands in it. */
static enum err check_ledger(struct run *r)
{
	struct fact wanted = r->out->load;
	enum err e = ledger_loads(&r->ledger, wanted.serial, find, &wanted);

	if (e)
		return say(r, e, r->ledger.why, NULL, "ledger %s", r->in->ledger);
	if (wanted.sequence)
		return say(r, E_FORMAT, "it does not follow this room's journal", "kif rebuild makes it anew",
			   "ledger %s", r->in->ledger);
	return E_OK;
}

/* What is needed, in the order of how little it costs: nothing is asked of bdkd before the ledger can be written. */
static enum err prepare(struct run *r)
{
	const struct inject *in = r->in;
	char why[160];
	enum err e;

	if (!realpath(in->room, r->room))
		return say(r, E_ROOM, "no such folder", NULL, "room %s", in->room);
	e = ledger_open(&r->ledger, in->ledger, r->room);
	if (e)
		return say(r, e, r->ledger.why,
			   e == E_ROOM ? "name another file with --ledger, or make it anew with kif rebuild"
			   : e == E_IO ? "check the folder, disk space and rights"
				       : "name another file with --ledger",
			   "ledger %s", in->ledger);
	e = connect_room(r);
	if (e)
		return e;
	e = line_open(&r->line, in->port, why);
	if (e)
		return say(r, e, why, NULL, "--port %s", in->port);
	r->open = true;
	r->line.give_up_ms = in->give_up_ms;
	return catch_up(r);
}

/* Tell bdkd that it came to nothing, and note what its journal keeps of it. The error that counts is said already. */
static void give_up(struct run *r, enum err e)
{
	if (e == E_UNREACHABLE)
		return;
	if (r->begun) {
		record_begin(&r->request, OP_ABORT);
		record_put_text(&r->request, F_REASON, err_text(e));
		if (!client_call(&r->client, &r->request) && !sync_catch_up(&r->ledger, &r->client))
			return;
	}
	/* After a refusal the connection may be over. */
	client_close(&r->client);
	r->connected = !station_open(&r->client, r->in->room, r->in->room_seconds);
	/* What is missed here is caught up with by the next run. */
	if (r->connected && sync_catch_up(&r->ledger, &r->client))
		progress(r, "the ledger is behind the journal until the next run");
}

enum err inject_run(struct inject_result *out, const struct inject *in)
{
	static const struct run zero;
	struct run *r = malloc(sizeof *r);
	struct span offer = { NULL, 0 }, receipt = { NULL, 0 };
	uint64_t begin = now_ms();
	enum err e;

	if (!r)
		fail_memory();
	*r = zero;
	r->in = in;
	r->out = out;
	*out = (struct inject_result){ .hint = "" };
	e = prepare(r);
	if (e)
		goto done;
	e = greet(r, &offer);
	if (!e)
		e = load(r, &receipt, offer);
	if (!e && !out->settled)
		e = settle(r, receipt);
	if (e) {
		give_up(r, e);
		goto done;
	}
	e = catch_up(r);
	if (!e)
		e = check_ledger(r);
	if (!e && strcmp(out->load.key_set, in->key_set))
		e = say(r, E_LOADED, NULL, NULL, "slot %u of %s, with key set %s", in->slot, in->serial,
			out->load.key_set);
done:
	out->ms = (unsigned long)(now_ms() - begin);
	if (r->open) {
		out->repeats = r->line.repeats;
		out->dropped = r->line.dropped;
		line_close(&r->line);
	}
	if (r->connected)
		client_close(&r->client);
	ledger_close(&r->ledger);
	free(r);
	return e;
}
