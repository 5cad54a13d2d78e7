#include "bdk/component.h"
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

void entered_name(char out[static ENTERED_NAME], const struct entered *what)
{
	_Static_assert(ENTERED_NAME >= KEY_SET_TEXT, "either fits");

	if (what->set.len)
		key_set_text(out, &what->set);
	else
		snprintf(out, ENTERED_NAME, "%s", what->kbpk.name);
}

const char *entered_kind(const struct entered *what)
{
	return what->set.len ? dukpt_scheme_name(what->set.scheme) : dukpt_key_kind(what->kbpk.type)->name;
}

uint8_t entered_len(const struct entered *what)
{
	return what->set.len ? dukpt_key_len(what->set.scheme) : kbpk_len(what->kbpk.type);
}

bool entered_tdes(const struct entered *what)
{
	return what->set.len ? what->set.scheme == DUKPT_TDES : kbpk_tdes(what->kbpk.type);
}

/* cmac_ecb of a component */
static enum err tdes(void *key, uint8_t *out, const uint8_t *in, size_t blocks)
{
	return des_ecb(out, key, ENCRYPT, in, blocks);
}

static enum err aes(void *key, uint8_t *out, const uint8_t *in, size_t blocks)
{
	return aes_ecb(out, key, ENCRYPT, in, blocks);
}

enum err entered_kcv(struct kcv *kcv, const struct entered *what, const struct key *component)
{
	struct key k = *component;
	bool is_tdes = entered_tdes(what);
	enum err e = k.len == entered_len(what) ? block_kcv(kcv, is_tdes, is_tdes ? tdes : aes, &k) : E_KEY;

	wipe(&k, sizeof k);
	return e;
}

static enum err digest(uint8_t hash[static 32], const char *room, const struct components *x)
{
	uint8_t nonce[32], text[160];
	char name[ENTERED_NAME];
	struct wr w;
	enum err e;

	if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce)
		return E_RANDOM;
	wr_init(&w, text, sizeof text);
	wr_copy(&w, (const uint8_t *)"components", sizeof "components");
	wr_copy(&w, nonce, sizeof nonce);
	wr_span8(&w, (struct span){ (const uint8_t *)room, strlen(room) });
	entered_name(name, &x->what);
	wr_span8(&w, (struct span){ (const uint8_t *)name, strlen(name) });
	wr_span8(&w, (struct span){ (const uint8_t *)entered_kind(&x->what), strlen(entered_kind(&x->what)) });
	wr_u8(&w, x->n);
	wr_span8(&w, (struct span){ x->paper.b, x->paper.len });
	e = wr_end(&w);
	return e ? e : sha256(hash, &(struct span){ text, w.len }, 1);
}

enum err components_begin(struct components *x, const char *room, const struct entered *what, unsigned n,
			  const struct kcv *paper, const struct giver *by, uint64_t now)
{
	struct components next = { .number = x->last + 1, .last = x->last + 1, .by = *by, .opened = now, .used = now,
				   .what = *what, .n = (uint8_t)n, .paper = *paper };
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
	struct component *c;

	if (!e && key->len != entered_len(&x->what))
		e = E_KEY;
	for (unsigned i = 0; !e && i < x->given; i++)
		e = strcmp(x->part[i].bag, bag) ? E_OK : E_BAG_STATE;
	if (e)
		return e;
	c = &x->part[x->given++];
	c->key = *key; /* not by way of a copy that nobody wipes */
	c->by = *by;
	c->agreed = false;
	snprintf(c->bag, COMPONENT_BAG, "%s", bag);
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
