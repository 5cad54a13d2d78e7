#include "kif/inject.h"

#include <string.h>

/* The facts in the last answer: of the load that was asked for, or they are none. */
static enum err get_facts(struct visit *v, struct fact *f, const struct inject *in)
{
	size_t at = 0;
	enum err e = visit_facts(v, f, &at, in->slot);

	return e == E_SHORT ? visit_bad_answer(v) : e;
}

/* What the room says of the load's key set beside the facts. */
static enum err get_advice(struct visit *v, struct inject_result *out)
{
	struct span fields = v->client.fields;
	uint64_t follows = 0;
	enum err e = E_OK;

	if (field_get(fields, F_FOLLOWS).p)
		e = field_number(&follows, fields, F_FOLLOWS, 1);
	out->follows = follows;
	out->low = field_get(fields, F_LEFT).p;
	out->days = INJECT_LONG;
	if (!e && out->low)
		e = field_number(&out->left, fields, F_LEFT, INT64_MAX);
	if (!e && field_get(fields, F_DAYS).p)
		e = field_number(&out->days, fields, F_DAYS, INT64_MAX);
	return e ? visit_bad_answer(v) : E_OK;
}

static enum err greet(struct visit *v, struct span *offer, const struct inject *in)
{
	record_begin(&v->request, OP_SESSION);
	record_put_text(&v->request, F_KEY_SET, in->key_set);
	record_put_number(&v->request, F_SLOT, in->slot);
	record_put_text(&v->request, F_SERIAL, in->to.serial);
	return visit_greet(v, offer);
}

/* OFFER is verified; KEY goes out, RECEIPT comes in. receipt stays empty where OFFER was a receipt itself. sent: the facts
 * that went with KEY. */
static enum err load(struct visit *v, struct inject_result *out, struct fact *sent, struct span *receipt,
		     struct span offer, const struct inject *in)
{
	struct fact f;
	enum err e;

	record_begin(&v->request, OP_OFFER);
	record_put(&v->request, F_MESSAGE, offer);
	e = visit_ask_room(v);
	if (e) {
		v->begun = false;
		return e;
	}
	e = get_facts(v, &f, in);
	if (!e)
		e = get_advice(v, out);
	if (e)
		return e;
	visit_progress(v, "OFFER from firmware %s", *f.firmware ? f.firmware : "unknown");
	if (!visit_message(v).len) {
		v->begun = false;
		out->settled = true;
		if (strcmp(f.state, "loaded"))
			return visit_bad_answer(v);
		out->load = f;
		visit_progress(v, "already loaded by an earlier run, now settled");
		return E_OK;
	}
	if (strcmp(f.key_set, in->key_set) && !out->follows)
		return visit_bad_answer(v);
	*sent = f;
	v->sent = true;
	visit_progress(v, "KEY sent, initial KSN %s", f.ksn);
	return visit_ask_terminal(v, receipt, VISIT_KEY, visit_message(v), VISIT_RECEIPT);
}

/* RECEIPT is verified: that is what counts as loaded. */
static enum err settle(struct visit *v, struct inject_result *out, const struct fact *sent, struct span receipt,
		       const struct inject *in)
{
	struct fact f;
	enum err e;

	record_begin(&v->request, OP_RECEIPT);
	record_put_text(&v->request, F_SERIAL, in->to.serial);
	record_put(&v->request, F_MESSAGE, receipt);
	e = visit_ask_room(v);
	if (!e)
		e = get_facts(v, &f, in);
	if (!e && (strcmp(f.state, "loaded") || strcmp(f.key_set, sent->key_set) || strcmp(f.ksn, sent->ksn)))
		e = visit_bad_answer(v);
	if (e)
		return e;
	v->begun = false;
	out->load = f;
	visit_progress(v, "RECEIPT verified");
	return E_OK;
}

enum err inject_run(struct inject_result *out, const struct inject *in)
{
	struct span offer = { NULL, 0 }, receipt = { NULL, 0 };
	struct fact sent;
	struct visit *v;
	enum err e;

	*out = (struct inject_result){ .settled = false };
	e = visit_begin(&v, &out->report, &in->to, "loading",
			"run the same command again: it settles whether the key was loaded");
	if (e)
		goto done;
	e = greet(v, &offer, in);
	if (!e)
		e = load(v, out, &sent, &receipt, offer, in);
	if (!e && !out->settled)
		e = settle(v, out, &sent, receipt, in);
	if (e) {
		visit_give_up(v, e);
		goto done;
	}
	e = visit_record(v);
	if (!e)
		e = visit_check(v, &out->load);
	if (!e && strcmp(out->load.key_set, in->key_set) && !out->follows)
		e = visit_fail(v, E_LOADED, NULL, NULL, "slot %u of %s, with key set %s", in->slot, in->to.serial,
			       out->load.key_set);
done:
	visit_end(v);
	return e;
}
