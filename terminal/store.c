#include "terminal/store.h"
#include "base/wipe.h"
#include "crypto/sha256.h"
#include "terminal/random.h"

#include <stddef.h>
#include <string.h>

enum { KEY_AT = 0, BIRTH_AT = 32, CHUNK = 64 };

static uint32_t contents_of(unsigned record)
{
	return record == RECORD_STATE ? sizeof(struct state) : sizeof(struct slot_record);
}

static uint32_t copy_at(unsigned record, unsigned copy)
{
	uint32_t slots = STORE_RECORDS + 2 * STORE_COPY(struct state), each = STORE_COPY(struct slot_record);

	return record == RECORD_STATE ? (uint32_t)(STORE_RECORDS + copy * STORE_COPY(struct state))
				      : slots + (2 * (record - RECORD_SLOT) + copy) * each;
}

static uint32_t paper_at(enum paper which)
{
	return STORE_PAPERS + (uint32_t)which * CERT_MAX;
}

static uint32_t paper_max(enum paper which)
{
	return which == PAPER_CONFIG ? STORE_CONFIG : CERT_MAX;
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

/* Does the memory hold these bytes, or zeros if p is NULL? E_OK, `no` if it does not, E_STORE */
static enum err nv_holds(const struct store *s, uint32_t at, const uint8_t *p, size_t len, enum err no)
{
	static const uint8_t zero[CHUNK];
	uint8_t b[CHUNK];
	enum err e = E_OK;

	for (size_t i = 0; !e && i < len; i += CHUNK) {
		size_t n = len - i < CHUNK ? len - i : CHUNK;

		e = nv_read(s, at + (uint32_t)i, b, n);
		if (!e && !ct_equal(b, p ? p + i : zero, n))
			e = no;
	}
	wipe(b, sizeof b);
	return e;
}

/* --- One copy of a record --- */

static enum err check_of(uint8_t out[static STORE_CHECK], const struct store *s, unsigned record, uint32_t seq)
{
	static const uint8_t label[] = "keyroom/1 store";
	uint8_t head[5] = { (uint8_t)record };

	put_be32(head + 1, seq);
	return hmac_sha256(out, SPAN(s->key),
			   (struct span[]){ SPAN(label), SPAN(head), { s->draft.b, contents_of(record) } }, 3);
}

/* The sequence number of a copy, 0 if its head is not whole. */
static enum err head_of(uint32_t *seq, const struct store *s, unsigned record, unsigned copy)
{
	uint32_t head[2];
	enum err e = nv_read(s, copy_at(record, copy) + contents_of(record) + STORE_CHECK, head, sizeof head);

	*seq = !e && head[0] == ~head[1] ? head[1] : 0;
	return e;
}

/* Head first: from then on the rest counts for nothing. The draft is all zero here and serves as the eraser. */
static enum err copy_wipe(struct store *s, unsigned record, unsigned copy)
{
	static const uint8_t zero[STORE_HEAD];
	uint32_t at = copy_at(record, copy), len = contents_of(record) + STORE_CHECK;
	enum err e = nv_write(s, at + len, zero, sizeof zero);

	return e ? e : nv_write(s, at, &s->draft, len);
}

/* Write the draft. */
static enum err copy_write(struct store *s, unsigned record, unsigned copy, uint32_t seq)
{
	uint32_t at = copy_at(record, copy), len = contents_of(record), head[2] = { ~seq, seq };
	enum err e = check_of(s->draft.b + len, s, record, seq);

	if (e)
		return e;
	len += STORE_CHECK;
	e = nv_write(s, at, s->draft.b, len);
	/* A cell that does not keep its word shows while the old copy still stands. */
	if (!e)
		e = nv_holds(s, at, s->draft.b, len, E_STORE);
	if (!e)
		e = nv_write(s, at + len, head, sizeof head);
	if (e)
		s->failed = true;
	return e;
}

/* Read a copy into the draft and check it. */
static enum err copy_read(struct store *s, unsigned record, unsigned copy, uint32_t seq)
{
	uint32_t len = contents_of(record);
	uint8_t good[STORE_CHECK];
	enum err e = nv_read(s, copy_at(record, copy), s->draft.b, len + STORE_CHECK);

	if (!e)
		e = check_of(good, s, record, seq);
	if (!e && !ct_equal(s->draft.b + len, good, sizeof good))
		e = E_TAMPERED;
	wipe(s->draft.b + len, STORE_CHECK);
	return e;
}

/* The draft has become durable: what RAM holds of it. */
static void publish(struct store *s, unsigned record, unsigned copy, uint32_t seq)
{
	if (record == RECORD_STATE)
		s->state = s->draft.state;
	else
		s->slot[record - RECORD_SLOT] = s->draft.slot.slot;
	s->live[record] = (uint8_t)copy;
	s->seq[record] = seq;
}

/* --- Power-on --- */

enum err store_tamper(struct store *s)
{
	static const uint32_t mark = STORE_TAMPERED;
	static const uint8_t zero[BIRTH_AT];
	enum err e, f;

	wipe(&s->state, sizeof s->state);
	wipe(s->slot, sizeof s->slot);
	wipe(&s->draft, sizeof s->draft);
	wipe(s->key, sizeof s->key);
	s->state.life = LIFE_TAMPERED;
	/* Each part whether or not the one before worked: as much as can be wiped is wiped. */
	e = nv_write(s, BIRTH_AT, &mark, sizeof mark);
	f = nv_write(s, KEY_AT, zero, sizeof zero);
	e = e ? e : f;
	for (unsigned i = 0; i < RECORDS; i++)
		for (unsigned copy = 0; copy < 2; copy++) {
			f = copy_wipe(s, i, copy);
			e = e ? e : f;
		}
	for (enum paper i = PAPER_CERT; i < PAPERS; i++) {
		f = nv_write(s, paper_at(i), &s->draft, paper_max(i));
		e = e ? e : f;
	}
	return e;
}

/* Can this memory be that of a first boot without power? There are pieces in the first copies then, and nowhere else. */
static enum err check_unborn(const struct store *s)
{
	enum err e = nv_holds(s, STORE_PAPERS, NULL, STORE_RECORDS - STORE_PAPERS, E_TAMPERED);

	for (unsigned i = 0; !e && i < RECORDS; i++) {
		uint32_t seq;

		e = head_of(&seq, s, i, 0);
		if (!e && seq > 1)
			e = E_TAMPERED;
		if (!e)
			e = nv_holds(s, copy_at(i, 1), NULL, contents_of(i) + STORE_CHECK + STORE_HEAD, E_TAMPERED);
	}
	return e;
}

/*
 * First boot. The birth word comes last, so a loss of power before leaves a terminal that is still unborn, with nothing
 * in its memory that was ever used.
 */
static enum err first_boot(struct store *s)
{
	static const uint32_t born = STORE_BORN;
	struct health h;
	struct drbg d;
	enum err e = check_unborn(s);

	if (e)
		return e;
	health_start(&h, s->port);
	e = random_birth(&d, &h, s->port, (struct span){ NULL, 0 });
	if (!e)
		e = drbg_take(&d, s->key, sizeof s->key);
	wipe(&d, sizeof d);
	if (!e)
		e = nv_write(s, KEY_AT, s->key, sizeof s->key);
	if (!e)
		e = nv_holds(s, KEY_AT, s->key, sizeof s->key, E_STORE);
	for (unsigned i = 0; !e && i < RECORDS; i++) {
		wipe(&s->draft, sizeof s->draft);
		if (i == RECORD_STATE) {
			s->draft.state.layout = STORE_LAYOUT;
			s->draft.state.boots = 1;
		}
		e = copy_write(s, i, 0, 1);
		if (!e)
			publish(s, i, 0, 1);
	}
	return e ? e : nv_write(s, BIRTH_AT, &born, sizeof born);
}

/* Which copy of a record counts? Read and publish it. */
static enum err record_open(struct store *s, unsigned record)
{
	uint32_t seq[2];
	unsigned live;
	enum err e = head_of(&seq[0], s, record, 0);

	if (!e)
		e = head_of(&seq[1], s, record, 1);
	if (e)
		return e;
	live = seq[1] > seq[0];
	if (!seq[live] || (seq[!live] && seq[!live] != seq[live] - 1))
		return E_TAMPERED;
	e = copy_read(s, record, live, seq[live]);
	if (!e)
		publish(s, record, live, seq[live]);
	return e;
}

/* Read a paper into the draft. */
static enum err paper_read(struct span *text, struct store *s, enum paper which)
{
	uint8_t digest[32];
	enum err e = E_TAMPERED;

	*text = (struct span){ s->draft.paper, s->state.paper[which].len };
	if (text->len <= paper_max(which))
		e = nv_read(s, paper_at(which), s->draft.paper, text->len);
	if (!e)
		e = sha256(digest, text, 1);
	if (!e && !ct_equal(digest, s->state.paper[which].digest, sizeof digest))
		e = E_TAMPERED;
	return e;
}

/* What a power cut left of the copy that does not count. */
static enum err record_tidy(struct store *s, unsigned record)
{
	unsigned spare = !s->live[record];
	enum err e = nv_holds(s, copy_at(record, spare), NULL, contents_of(record) + STORE_CHECK + STORE_HEAD,
			      E_TAMPERED);

	return e == E_TAMPERED ? copy_wipe(s, record, spare) : e;
}

static enum err later_boot(struct store *s)
{
	enum err e = nv_read(s, KEY_AT, s->key, sizeof s->key);

	for (unsigned i = 0; !e && i < RECORDS; i++)
		e = record_open(s, i);
	if (!e && s->state.layout != STORE_LAYOUT)
		e = E_TAMPERED;
	for (enum paper i = PAPER_CERT; !e && i < PAPERS && s->state.life != LIFE_BLANK; i++) {
		struct span text;

		e = paper_read(&text, s, i);
	}
	wipe(&s->draft, sizeof s->draft);
	for (unsigned i = 0; !e && i < RECORDS; i++)
		e = record_tidy(s, i);
	if (!e && s->state.emptying)
		e = store_empty(s, s->state.emptying);
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
	store_drop(s);
	return e;
}

/* --- Reading and writing --- */

uint32_t store_load_count(const struct store *s)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < STORE_SLOTS; i++)
		n = s->slot[i].load_count > n ? s->slot[i].load_count : n;
	return n;
}

uint32_t store_epoch(const struct store *s)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < STORE_SLOTS; i++)
		n = s->slot[i].epoch > n ? s->slot[i].epoch : n;
	return n;
}

/* A memory that is found forged while the terminal runs: as at power-on. */
static enum err found(struct store *s, enum err e)
{
	if (e)
		store_drop(s);
	if (e == E_TAMPERED && s->state.life != LIFE_TAMPERED && store_tamper(s))
		e = E_STORE;
	return e;
}

struct state *store_draft(struct store *s)
{
	store_drop(s);
	s->drafted = RECORD_STATE;
	s->draft.state = s->state;
	return &s->draft.state;
}

enum err store_draft_slot(struct slot_record **draft, struct store *s, unsigned slot)
{
	unsigned record = RECORD_SLOT + slot;
	enum err e;

	store_drop(s);
	s->drafted = record;
	*draft = &s->draft.slot;
	if (s->state.life == LIFE_TAMPERED)
		return E_TAMPERED;
	e = copy_read(s, record, s->live[record], s->seq[record]);
	return found(s, e);
}

enum err store_put_paper(struct store *s, enum paper which, struct span text)
{
	struct state *draft = &s->draft.state;
	size_t whole = text.len & ~(size_t)3, rest = text.len - whole;
	uint8_t last[4] = { 0 };
	enum err e = E_OK;

	if (s->state.life != LIFE_BLANK)
		e = E_ENROLLED;
	else if (text.len > paper_max(which))
		e = E_RANGE;
	if (!e && rest)
		memcpy(last, text.p + whole, rest);
	if (!e && whole)
		e = nv_write(s, paper_at(which), text.p, whole);
	if (!e && rest)
		e = nv_write(s, paper_at(which) + (uint32_t)whole, last, sizeof last);
	if (!e)
		e = nv_holds(s, paper_at(which), text.p, text.len, E_STORE);
	draft->paper[which].len = (uint32_t)text.len;
	if (!e)
		e = sha256(draft->paper[which].digest, &text, 1);
	if (e)
		store_drop(s);
	return e;
}

enum err store_paper(struct span *text, struct store *s, enum paper which)
{
	store_drop(s);
	*text = (struct span){ NULL, 0 };
	if (s->state.life != LIFE_IDENTIFIED)
		return s->state.life == LIFE_BLANK ? E_BLANK : E_TAMPERED;
	return found(s, paper_read(text, s, which));
}

void store_drop(struct store *s)
{
	wipe(&s->draft, sizeof s->draft);
}

/* What is written once stays, and no counter is turned back. */
static bool may_follow(const struct store *s)
{
	const struct state *was = &s->state, *is = &s->draft.state;

	if (s->drafted != RECORD_STATE) {
		const struct slot *slot = &s->slot[s->drafted - RECORD_SLOT], *next = &s->draft.slot.slot;

		return next->load_count >= slot->load_count && next->epoch >= slot->epoch &&
		       next->ksn.len >= (slot->ksn.len > 0);
	}
	return is->layout == was->layout && is->boots >= was->boots && is->life >= was->life &&
	       (!was->has_identity ||
		(is->has_identity && ct_equal(is->identity, was->identity, sizeof is->identity) &&
		 ct_equal(is->secret, was->secret, sizeof is->secret))) &&
	       (was->life == LIFE_BLANK || (ct_equal(is->environment, was->environment, sizeof is->environment) &&
					    ct_equal(is->paper, was->paper, sizeof is->paper)));
}

enum err store_commit(struct store *s)
{
	unsigned record = s->drafted, spare = !s->live[record];
	uint32_t seq = s->seq[record] + 1;
	enum err e = E_OK;

	if (s->state.life == LIFE_TAMPERED)
		e = E_TAMPERED;
	else if (s->failed || seq == UINT32_MAX)
		e = E_STORE;
	else if (!may_follow(s))
		e = E_ENROLLED;
	if (!e)
		e = copy_write(s, record, spare, seq);
	if (!e)
		publish(s, record, spare, seq);
	store_drop(s);
	return e ? e : copy_wipe(s, record, !spare);
}

/* Everything goes but what tells later that the KSN was here. */
static enum err empty_slot(struct store *s, unsigned i)
{
	struct slot left = { .load_count = s->slot[i].load_count, .epoch = s->slot[i].epoch, .ksn = s->slot[i].ksn };

	memcpy(left.key_hash, s->slot[i].key_hash, sizeof left.key_hash);
	store_drop(s);
	s->drafted = RECORD_SLOT + i;
	s->draft.slot.slot = left;
	return store_commit(s);
}

static enum err announce(struct store *s, unsigned slots)
{
	store_draft(s)->emptying = (uint8_t)slots;
	return store_commit(s);
}

enum err store_empty(struct store *s, unsigned slots)
{
	bool several = slots & (slots - 1);
	enum err e = several ? announce(s, slots) : E_OK;

	for (unsigned i = 0; !e && i < STORE_SLOTS; i++)
		if (slots >> i & 1)
			e = empty_slot(s, i);
	if (!e && s->state.emptying)
		e = announce(s, 0);
	return e;
}

enum err store_emptied(const struct store *s, unsigned slots)
{
	enum err e = s->failed || s->state.emptying ? E_STORE : E_OK;

	for (unsigned i = 0; !e && i < STORE_SLOTS; i++) {
		if (!(slots >> i & 1))
			continue;
		if (s->slot[i].state != SLOT_EMPTY)
			e = E_LOADED;
		for (unsigned copy = 0; !e && copy < 2; copy++)
			e = nv_holds(s,
				     copy_at(RECORD_SLOT + i, copy) + (uint32_t)offsetof(struct slot_record, registers),
				     NULL, sizeof(struct dukpt_registers), E_STORE);
	}
	return e;
}
