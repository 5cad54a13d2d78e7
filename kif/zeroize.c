#include "kif/zeroize.h"

#include <string.h>

bool zeroize_reason(const char *text)
{
	return !strcmp(text, "reject") || !strcmp(text, "decommission") || !strcmp(text, "reload");
}

static enum err greet(struct visit *v, struct span *offer)
{
	record_begin(&v->request, OP_SESSION);
	record_put_text(&v->request, F_SERIAL, v->to->serial);
	return visit_greet(v, offer);
}

/* OFFER is verified; ZEROIZE goes out, RECEIPT comes in. receipt stays empty where OFFER showed empty slots. */
static enum err empty(struct visit *v, struct zeroize_result *out, struct span *receipt, struct span offer,
		      const struct zeroize *in)
{
	enum err e;

	record_begin(&v->request, OP_ZEROIZE);
	record_put(&v->request, F_MESSAGE, offer);
	record_put_number(&v->request, F_SLOT, in->slot);
	record_put_text(&v->request, F_REASON, in->reason);
	e = visit_ask_room(v);
	if (e) {
		v->begun = false;
		return e;
	}
	if (!visit_message(v).len) {
		v->begun = false;
		out->empty = true;
		visit_progress(v, "already empty: settled");
		return E_OK;
	}
	v->sent = true;
	visit_progress(v, "ZEROIZE sent");
	return visit_ask_terminal(v, receipt, VISIT_ZEROIZE, visit_message(v), VISIT_RECEIPT);
}

/* RECEIPT is verified: that is what counts as zeroized. */
static enum err settle(struct visit *v, struct span receipt)
{
	enum err e;

	record_begin(&v->request, OP_WIPED);
	record_put_text(&v->request, F_SERIAL, v->to->serial);
	record_put(&v->request, F_MESSAGE, receipt);
	e = visit_ask_room(v);
	if (e)
		return e;
	v->begun = false;
	visit_progress(v, "RECEIPT verified");
	return E_OK;
}

/* The facts in the last answer. No slot can be loaded now. */
static enum err get_facts(struct visit *v, struct zeroize_result *out, const struct zeroize *in)
{
	struct fact f;
	size_t at = 0;
	enum err e;

	while (!(e = visit_facts(v, &f, &at, in->slot))) {
		if (out->n == ZEROIZE_SLOTS || !strcmp(f.state, "loaded"))
			return visit_bad_answer(v);
		out->load[out->n++] = f;
	}
	if (e != E_SHORT)
		return e;
	out->done = true;
	return E_OK;
}

enum err zeroize_run(struct zeroize_result *out, const struct zeroize *in)
{
	struct span offer = { NULL, 0 }, receipt = { NULL, 0 };
	struct visit *v;
	enum err e;

	*out = (struct zeroize_result){ .n = 0 };
	e = visit_begin(&v, &out->report, &in->to, "zeroizing",
			"run the same command again: it settles whether the slot was zeroized");
	if (e)
		goto done;
	e = greet(v, &offer);
	if (!e)
		e = empty(v, out, &receipt, offer, in);
	if (!e && !out->empty)
		e = settle(v, receipt);
	if (!e)
		e = get_facts(v, out, in);
	if (e) {
		visit_give_up(v, e);
		goto done;
	}
	e = visit_record(v);
	for (unsigned i = 0; !e && i < out->n; i++)
		e = visit_check(v, &out->load[i]);
done:
	visit_end(v);
	return e;
}
