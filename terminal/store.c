#include "terminal/store.h"
#include "base/wipe.h"
#include "crypto/sha256.h"
#include "terminal/random.h"


enum { KEY_AT = 0, BIRTH_AT = 32, CHECK = 32, HEAD = 8, CHUNK = 64 };

static uint32_t slot_at(unsigned i)
{
	return (uint32_t)(STORE_FIRST + i * STORE_SLOT);
}

static enum err nv_read(const struct store *s, uint32_t at, void *out, size_t len)
{
	return s->port->nv_read(s->port->ctx, at, out, len);
}

static enum err nv_write(struct store *s, uint32_t at, const void *in, size_t len)
{
	enum err e = s->port->nv_write(s->port->ctx, at, in, len);

	if (e)
		s->failed = true;
	return e;
}

/* Does the memory hold these bytes? E_OK, `no` if it does not, E_STORE */
static enum err nv_holds(const struct store *s, uint32_t at, const uint8_t *p, size_t len, enum err no)
{
	uint8_t b[CHUNK];
	enum err e = E_OK;

	for (size_t i = 0; !e && i < len; i += CHUNK) {
		size_t n = len - i < CHUNK ? len - i : CHUNK;

		e = nv_read(s, at + (uint32_t)i, b, n);
		if (!e && !ct_equal(b, p + i, n))
			e = no;
	}
	wipe(b, sizeof b);
	return e;
}

static enum err check_of(uint8_t out[static CHECK], const struct store *s, uint32_t seq, const struct state *state)
{
	static const uint8_t label[] = "keyroom/1 store";
	uint8_t be[4];

	put_be32(be, seq);
	return hmac_sha256(out, SPAN(s->key),
			   (struct span[]){ SPAN(label), SPAN(be), { (const uint8_t *)state, sizeof *state } }, 3);
}

/* The sequence number of a slot, 0 if its head is not whole. */
static enum err head_of(uint32_t *seq, const struct store *s, unsigned slot)
{
	uint32_t head[2];
	enum err e = nv_read(s, slot_at(slot) + (uint32_t)(STORE_SLOT - HEAD), head, sizeof head);

	*seq = !e && head[0] == ~head[1] ? head[1] : 0;
	return e;
}

/* Head first: from then on the rest counts for nothing. The draft is all zero here and serves as the eraser. */
static enum err slot_wipe(struct store *s, unsigned slot)
{
	static const uint8_t zero[CHECK];
	uint32_t at = slot_at(slot), check = at + (uint32_t)sizeof s->draft;
	enum err e = nv_write(s, check + CHECK, zero, HEAD);

	if (!e)
		e = nv_write(s, at, &s->draft, sizeof s->draft);
	if (!e)
		e = nv_write(s, check, zero, CHECK);
	return e;
}

static enum err slot_write(struct store *s, unsigned slot, uint32_t seq)
{
	uint8_t check[CHECK];
	uint32_t at = slot_at(slot), head[2] = { ~seq, seq };
	const uint8_t *p = (const uint8_t *)&s->draft;
	enum err e = check_of(check, s, seq, &s->draft);

	if (e)
		return e;
	e = nv_write(s, at, p, sizeof s->draft);
	if (!e)
		e = nv_write(s, at + (uint32_t)sizeof s->draft, check, sizeof check);
	/* A cell that does not keep its word shows while the old slot still stands. */
	if (!e)
		e = nv_holds(s, at, p, sizeof s->draft, E_STORE);
	if (!e)
		e = nv_holds(s, at + (uint32_t)sizeof s->draft, check, sizeof check, E_STORE);
	if (!e)
		e = nv_write(s, at + (uint32_t)(sizeof s->draft + sizeof check), head, sizeof head);
	if (e)
		s->failed = true;
	return e;
}

/* Read a slot into the draft and check it. */
static enum err slot_read(struct store *s, unsigned slot, uint32_t seq)
{
	uint8_t check[CHECK], good[CHECK];
	enum err e = nv_read(s, slot_at(slot), &s->draft, sizeof s->draft);

	if (!e)
		e = nv_read(s, slot_at(slot) + (uint32_t)sizeof s->draft, check, sizeof check);
	if (!e)
		e = check_of(good, s, seq, &s->draft);
	if (!e && (!ct_equal(check, good, sizeof check) || s->draft.layout != STORE_LAYOUT))
		e = E_TAMPERED;
	return e;
}

enum err store_tamper(struct store *s)
{
	static const uint32_t mark = STORE_TAMPERED;
	static const uint8_t zero[BIRTH_AT];
	enum err e, f;

	wipe(&s->state, sizeof s->state);
	wipe(&s->draft, sizeof s->draft);
	wipe(s->key, sizeof s->key);
	s->state.life = LIFE_TAMPERED;
	/* Each part whether or not the one before worked: as much as can be wiped is wiped. */
	e = nv_write(s, BIRTH_AT, &mark, sizeof mark);
	f = nv_write(s, KEY_AT, zero, sizeof zero);
	e = e ? e : f;
	for (unsigned i = 0; i < 2; i++) {
		f = slot_wipe(s, i);
		e = e ? e : f;
	}
	return e;
}

/*
 * First boot. The birth word comes last, so a loss of power before leaves a terminal that is still unborn, with nothing
 * in its memory that was ever used. Only the first slot may hold pieces then.
 */
static enum err first_boot(struct store *s)
{
	static const uint32_t born = STORE_BORN;
	struct drbg d;
	enum err e;

	e = nv_holds(s, slot_at(1), (const uint8_t *)&s->draft, sizeof s->draft, E_TAMPERED);
	if (e)
		return e;
	e = random_birth(&d, s->port, (struct span){ NULL, 0 });
	if (!e)
		e = drbg_take(&d, s->key, sizeof s->key);
	wipe(&d, sizeof d);
	if (!e)
		e = slot_wipe(s, 0);
	if (!e)
		e = nv_write(s, KEY_AT, s->key, sizeof s->key);
	if (!e)
		e = nv_holds(s, KEY_AT, s->key, sizeof s->key, E_STORE);
	if (e)
		return e;
	s->draft.layout = STORE_LAYOUT;
	s->draft.boots = 1;
	e = slot_write(s, 0, 1);
	if (!e)
		e = nv_write(s, BIRTH_AT, &born, sizeof born);
	if (!e) {
		s->state = s->draft;
		s->live = 0;
		s->seq = 1;
	}
	wipe(&s->draft, sizeof s->draft);
	return e;
}

static enum err later_boot(struct store *s)
{
	uint32_t seq[2];
	unsigned live;
	enum err e = nv_read(s, KEY_AT, s->key, sizeof s->key);

	for (unsigned i = 0; !e && i < 2; i++)
		e = head_of(&seq[i], s, i);
	if (e)
		return e;
	live = seq[1] > seq[0];
	if (!seq[live] || (seq[!live] && seq[!live] != seq[live] - 1))
		return E_TAMPERED;
	e = slot_read(s, live, seq[live]);
	if (e)
		return e;
	s->state = s->draft;
	s->live = live;
	s->seq = seq[live];
	wipe(&s->draft, sizeof s->draft);
	e = slot_wipe(s, !live);
	if (e)
		return e;
	store_draft(s)->boots++;
	return store_commit(s);
}

enum err store_open(struct store *s, const struct port *port)
{
	uint32_t birth;
	enum err e;

	wipe(s, sizeof *s);
	s->port = port;
	if (port->nv_size < STORE_BYTES)
		return E_STORE;
	e = nv_read(s, BIRTH_AT, &birth, sizeof birth);
	if (e)
		return e;
	switch (birth) {
	case 0:
		e = first_boot(s);
		break;
	case STORE_BORN:
		e = later_boot(s);
		break;
	default:
		e = E_TAMPERED;
	}
	if (e == E_TAMPERED && store_tamper(s))
		e = E_STORE;
	wipe(&s->draft, sizeof s->draft);
	return e;
}

struct state *store_draft(struct store *s)
{
	s->draft = s->state;
	return &s->draft;
}

void store_drop(struct store *s)
{
	wipe(&s->draft, sizeof s->draft);
}

enum err store_commit(struct store *s)
{
	unsigned free = !s->live;
	enum err e = E_OK;

	if (s->state.life == LIFE_TAMPERED)
		e = E_TAMPERED;
	else if (s->failed || s->seq == UINT32_MAX - 1)
		e = E_STORE;
	if (!e)
		e = slot_write(s, free, s->seq + 1);
	if (!e) {
		s->state = s->draft;
		s->live = free;
		s->seq++;
	}
	wipe(&s->draft, sizeof s->draft);
	if (!e)
		e = slot_wipe(s, !free);
	return e;
}
