#include "bdk/component.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static enum err digest(uint8_t hash[static 32], const char *room, const struct components *x)
{
	uint8_t nonce[32], text[160];
	struct wr w;
	enum err e;

	if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
		return E_RANDOM;
	wr_init(&w, text, sizeof text);
	wr_copy(&w, (const uint8_t *)"components", sizeof "components");
	wr_copy(&w, nonce, sizeof nonce);
	wr_span8(&w, (struct span){ (const uint8_t *)room, strlen(room) });
	wr_u8(&w, x->set.scheme);
	wr_span8(&w, (struct span){ x->set.b, x->set.len });
	wr_u8(&w, x->n);
	wr_span8(&w, (struct span){ x->paper.b, x->paper.len });
	e = wr_end(&w);
	return e ? e : sha256(hash, &(struct span){ text, w.len }, 1);
}

enum err components_begin(struct components *x, const char *room, const struct key_set_id *set, unsigned n,
			  const struct kcv *paper, const struct giver *by, uint64_t now)
{
	struct components next = { .number = x->last + 1, .last = x->last + 1, .by = *by, .opened = now, .used = now,
				   .set = *set, .n = (uint8_t)n, .paper = *paper };
	enum err e;

	if (x->number)
		return E_EXISTS;
	if (n < COMPONENTS_LEAST || n > COMPONENTS_MOST)
		return E_RANGE;
	e = digest(next.hash, room, &next);
	if (!e)
		*x = next;
	return e;
}

static bool same(const struct giver *a, const struct giver *b)
{
	return *a->name && *b->name && (a->uid == b->uid || !strcmp(a->name, b->name));
}

enum err components_may_give(const struct components *x, const struct giver *by)
{
	for (unsigned i = 0; i < x->given; i++)
		if (same(&x->part[i].by, by))
			return E_EXISTS;
	return x->given < x->n ? E_OK : E_SEQUENCE;
}

enum err components_give(struct components *x, const struct key *key, const struct giver *by, const char *bag, uint64_t now)
{
	enum err e = components_may_give(x, by);

	if (!e && key->len != dukpt_key_len(x->set.scheme))
		e = E_KEY;
	for (unsigned i = 0; !e && i < x->given; i++)
		e = strcmp(x->part[i].bag, bag) ? E_OK : E_BAG_STATE;
	if (e)
		return e;
	x->part[x->given] = (struct component){ .key = *key, .by = *by };
	snprintf(x->part[x->given++].bag, COMPONENT_BAG, "%s", bag);
	x->used = now;
	return E_OK;
}

/* Where one login may give all, it agrees as often as it gave. */
enum err components_agree(struct components *x, const struct giver *by, uint64_t now)
{
	if (!x->total.len)
		return E_SEQUENCE;
	for (unsigned i = 0; i < x->given; i++) {
		struct component *c = &x->part[i];

		if (c->by.uid != by->uid || strcmp(c->by.name, by->name) != 0 || c->agreed)
			continue;
		c->agreed = true;
		x->used = now;
		return E_OK;
	}
	return E_DENIED;
}

bool components_whole(const struct components *x)
{
	bool agreed = true;

	for (unsigned i = 0; i < x->given; i++)
		agreed = agreed && x->part[i].agreed;
	return x->number && x->given == x->n && (x->paper.len || (x->total.len && agreed));
}

uint64_t components_left(const struct components *x, uint64_t now, const char **why)
{
	uint64_t idle = x->used + COMPONENTS_IDLE, all = x->opened + COMPONENTS_SECONDS, until = idle < all ? idle : all;

	*why = idle < all ? "nobody went on with it in time" : "it took too long";
	if (!x->number)
		return UINT64_MAX;
	return until > now ? until - now : 0;
}

void components_end(struct components *x, const char *why)
{
	if (!x->number)
		return;
	x->number = 0;
	wipe(x->part, sizeof x->part);
	snprintf(x->ended, sizeof x->ended, "%s", why);
}
