#include "terminal/trade.h"
#include "base/wipe.h"
#include "dukpt/data.h"
#include "dukpt/mac.h"
#include "terminal/text.h"

#include <string.h>

struct answer {
	uint8_t *reply;
	size_t len;
};

/* The cryptograms of one transaction. */
struct cryptograms {
	struct ksn ksn;
	enum dukpt_scheme scheme;
	size_t pin_block_len, mac_len, data_len;
	uint8_t pin_block[16];
	uint8_t mac[DUKPT_MAC_MAX];
	uint8_t data[TILL_DATA_MAX + TILL_BLOCK];
};

static struct span part(const uint8_t *p, size_t len)
{
	return (struct span){ p, len };
}

static struct span scheme_name(unsigned scheme)
{
	const char *name = dukpt_scheme_name((enum dukpt_scheme)scheme);
	size_t n = 0;

	while (n < 8 && name[n]) /* the longest name has 6 letters; strlen() is not to be had here */
		n++;
	return part((const uint8_t *)name, n);
}

static void show(const struct trade *t, const char *what, struct span more)
{
	struct text line = { { 0 }, 0 };

	text_string(&line, what);
	text_span(&line, more);
	text_show(&line, t->port);
}

static void forget(struct trade *t)
{
	wipe(&t->entry, sizeof t->entry);
	wipe(&t->pending, sizeof t->pending);
}

static enum err on_status(struct trade *t, struct answer *a, struct span request)
{
	struct till_state m = {
		.life = t->store->state.life, .serial = t->port->serial, .firmware = t->port->firmware, .slots = STORE_SLOTS
	};
	unsigned none;
	enum err e = till_get(&none, TILL_STATUS, request);

	for (unsigned i = 0; i < STORE_SLOTS; i++) {
		const struct slot *slot = &t->store->slot[i];

		m.slot[i] = (struct till_slot){ (uint8_t)i, slot->state, scheme_name(slot->scheme),
						part(slot->ksn.b, slot->ksn.len), part(slot->kcv, slot->kcv_len) };
	}
	return e ? e : till_put_state(a->reply, &a->len, LINK_PAYLOAD, &m);
}

static enum err usable(const struct store *s, unsigned slot)
{
	if (s->state.life == LIFE_BLANK)
		return E_BLANK;
	if (slot >= STORE_SLOTS)
		return E_SLOT;
	switch (s->slot[slot].state) {
	case SLOT_LOADED:
		return E_OK;
	case SLOT_EXHAUSTED:
		return E_EXHAUSTED;
	default:
		return E_EMPTY;
	}
}

static enum err on_begin(struct trade *t, struct answer *a, struct span request)
{
	struct entry *n = &t->entry;
	struct till_begin m;
	enum err e;

	forget(t);
	e = till_get_begin(&m, request);
	if (!e)
		e = usable(t->store, m.slot);
	if (e)
		return e;
	n->open = true;
	n->since = t->port->tick(t->port->ctx);
	n->slot = m.slot;
	memcpy(n->pan.digits, m.pan.p, m.pan.len);
	n->pan.len = (uint8_t)m.pan.len;
	if (m.mac_data.len)
		memcpy(n->mac_data, m.mac_data.p, m.mac_data.len);
	n->mac_data_len = m.mac_data.len;
	if (m.data.len)
		memcpy(n->data, m.data.p, m.data.len);
	n->data_len = m.data.len;
	show(t, "AMOUNT ", m.amount);
	show(t, "ENTER PIN", part(NULL, 0));
	return till_put(a->reply, &a->len, LINK_PAYLOAD, TILL_PROMPT, 0);
}

static enum err encipher_pin(struct cryptograms *c, const struct entry *n, const struct key *key,
			     const uint8_t random[static 8])
{
	uint8_t block[8];
	enum err e;

	if (c->scheme == DUKPT_TDES) {
		c->pin_block_len = sizeof block;
		e = pinblock_encode(block, PIN_FORMAT_0, &n->pin, &n->pan, NULL);
		if (!e)
			e = dukpt_data(c->pin_block, c->scheme, key, ENCRYPT, block, sizeof block);
		wipe(block, sizeof block);
	} else {
		c->pin_block_len = 16;
		e = pinblock4_encipher(c->pin_block, key, &n->pin, &n->pan, random);
	}
	return e;
}

/* One working key for each purpose, and what it makes. */
static enum err make(struct cryptograms *c, const struct entry *n, const struct key *txn,
		     const uint8_t random[static 8])
{
	size_t block = dukpt_block_len(c->scheme);
	struct key key = { { 0 }, 0 };
	enum err e;

	e = dukpt_txn_key(&key, txn, c->scheme, &c->ksn, DUKPT_PIN);
	if (!e)
		e = encipher_pin(c, n, &key, random);
	if (!e)
		e = dukpt_txn_key(&key, txn, c->scheme, &c->ksn, DUKPT_MAC_REQUEST);
	if (!e)
		e = dukpt_mac(c->mac, &c->mac_len, c->scheme, &key, n->mac_data, n->mac_data_len);
	if (!e)
		e = dukpt_txn_key(&key, txn, c->scheme, &c->ksn, DUKPT_DATA_REQUEST);
	if (!e) {
		/* ISO 9797-1 padding method 2; the rest of c->data is zero */
		memcpy(c->data, n->data, n->data_len);
		c->data[n->data_len] = 0x80;
		c->data_len = (n->data_len / block + 1) * block;
		e = dukpt_data(c->data, c->scheme, &key, ENCRYPT, c->data, c->data_len);
	}
	wipe(&key, sizeof key);
	return e;
}

/* The keys for what the host will say. */
static enum err expect(struct pending *p, const struct cryptograms *c, const struct key *txn, uint32_t now)
{
	enum err e = dukpt_txn_key(&p->mac, txn, c->scheme, &c->ksn, DUKPT_MAC_RESPONSE);

	if (!e)
		e = dukpt_txn_key(&p->data, txn, c->scheme, &c->ksn, DUKPT_DATA_RESPONSE);
	p->open = !e;
	p->scheme = (uint8_t)c->scheme;
	p->since = now;
	return e;
}

static enum err transact(struct trade *t, struct answer *a, struct span request)
{
	const struct entry *n = &t->entry;
	struct cryptograms c = { .scheme = (enum dukpt_scheme)t->store->slot[n->slot].scheme };
	struct slot_record *next = NULL;
	struct pending pending = { 0 };
	struct key txn = { { 0 }, 0 };
	uint8_t random[8];
	struct drbg d;
	enum err e;

	e = random_session(&d, t->random, request);
	if (!e)
		e = drbg_take(&d, random, sizeof random);
	/* derive */
	if (!e)
		e = store_draft_slot(&next, t->store, n->slot);
	if (!e)
		e = dukpt_registers_take(&next->registers, &txn, &c.ksn, &next->registers);
	if (!e)
		e = make(&c, n, &txn, random);
	if (!e)
		e = expect(&pending, &c, &txn, t->port->tick(t->port->ctx));
	wipe(&txn, sizeof txn);
	/* commit */
	if (!e && dukpt_registers_exhausted(&next->registers))
		next->slot.state = SLOT_EXHAUSTED;
	if (!e)
		e = store_commit(t->store);
	/* release */
	if (!e) {
		struct till_result m = { scheme_name(c.scheme),
					 part(c.ksn.b, c.ksn.len),
					 c.scheme == DUKPT_TDES ? PIN_FORMAT_0 : PIN_FORMAT_4,
					 part(c.pin_block, c.pin_block_len),
					 part(c.mac, c.mac_len),
					 part(c.data, c.data_len) };

		e = till_put_result(a->reply, &a->len, LINK_PAYLOAD, &m);
	}
	wipe(&t->entry, sizeof t->entry);
	if (!e)
		t->pending = pending;
	wipe(&pending, sizeof pending);
	store_drop(t->store);
	wipe(&c, sizeof c);
	wipe(random, sizeof random);
	wipe(&d, sizeof d);
	return e;
}

static enum err on_keypad(struct trade *t, struct answer *a, struct span request)
{
	struct pin *pin = &t->entry.pin;
	unsigned key;
	enum err e = till_get(&key, TILL_KEYPAD, request);

	if (e)
		return e;
	if (key == TILL_CANCEL) {
		forget(t);
		show(t, "CANCELLED", part(NULL, 0));
		return till_put(a->reply, &a->len, LINK_PAYLOAD, TILL_CANCELLED, 0);
	}
	if (key == TILL_ENTER && pin->len >= PIN_MIN) {
		e = transact(t, a, request);
		if (!e)
			show(t, "THANK YOU", part(NULL, 0));
		return e;
	}
	if (key == TILL_CLEAR)
		wipe(pin, sizeof *pin);
	else if (key - '0' <= 9u && pin->len < PIN_MAX)
		pin->digit[pin->len++] = (uint8_t)(key - '0');
	else if (key - '0' > 9u && key != TILL_ENTER)
		return E_FORMAT;
	return till_put(a->reply, &a->len, LINK_PAYLOAD, TILL_PROMPT, pin->len);
}

/* What ISO 9797-1 method 2 padding leaves of len bytes. E_FORMAT: there is none */
static enum err unpad(size_t *len, const uint8_t *p)
{
	while (*len && !p[*len - 1])
		--*len;
	return *len && p[--*len] == 0x80 ? E_OK : E_FORMAT;
}

static enum err on_response(struct trade *t, struct answer *a, struct span request)
{
	struct pending p = t->pending;
	enum dukpt_scheme scheme = (enum dukpt_scheme)p.scheme;
	uint8_t mac[DUKPT_MAC_MAX], data[TILL_DATA_MAX + TILL_BLOCK];
	struct till_response m;
	size_t mac_len, len = 0;
	enum err e;

	forget(t); /* right or wrong, there is no second one */
	e = p.open ? till_get_response(&m, request) : E_SEQUENCE;
	if (!e)
		e = dukpt_mac(mac, &mac_len, scheme, &p.mac, m.covered.p, m.covered.len);
	if (!e && (m.mac.len != mac_len || !ct_equal(m.mac.p, mac, mac_len)))
		e = E_MAC;
	if (!e && m.text.len > m.clear) {
		len = m.text.len - m.clear;
		e = dukpt_data(data, scheme, &p.data, DECRYPT, m.text.p + m.clear, len);
		if (!e)
			e = unpad(&len, data);
	}
	if (!e)
		e = till_put_verified(a->reply, &a->len, LINK_PAYLOAD, part(data, len));
	if (!e)
		show(t, "VERIFIED", part(NULL, 0));
	wipe(data, sizeof data);
	wipe(mac, sizeof mac);
	wipe(&p, sizeof p);
	return e;
}

static const struct row {
	enum till_type got;
	bool needs_entry;
	enum err (*act)(struct trade *t, struct answer *a, struct span request);
} rows[] = {
	/* clang-format off */
	{ TILL_STATUS,   false, on_status   },
	{ TILL_BEGIN,    false, on_begin    },
	{ TILL_KEYPAD,   true,  on_keypad   },
	{ TILL_RESPONSE, false, on_response },
	/* clang-format on */
};

void trade_init(struct trade *t, const struct port *port, struct store *store, struct random *random)
{
	*t = (struct trade){ .port = port, .store = store, .random = random };
}

size_t trade_refuse(struct trade *t, uint8_t reply[static LINK_PAYLOAD], enum err reason)
{
	size_t len;

	if (t->store->state.life == LIFE_TAMPERED)
		reason = E_TAMPERED;
	forget(t);
	wipe(reply, LINK_PAYLOAD);
	show(t, err_text(reason), part(NULL, 0));
	/* Three bytes into a whole payload cannot fail. */
	if (till_put(reply, &len, LINK_PAYLOAD, TILL_REFUSAL, reason))
		len = 0;
	return len;
}

size_t trade_answer(struct trade *t, uint8_t reply[static LINK_PAYLOAD], struct span request)
{
	struct answer a = { reply, 0 };
	const struct row *row = NULL;
	enum err e;

	if (!request.len)
		return 0;
	trade_tick(t); /* what ends the terminal's sleep may come too late */
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++)
		if (r->got == request.p[0])
			row = r;
	if (t->store->state.life == LIFE_TAMPERED)
		e = E_TAMPERED;
	else if (!row)
		e = E_FORMAT;
	else if (row->needs_entry && !t->entry.open)
		e = E_SEQUENCE;
	else
		e = row->act(t, &a, request);
	return e ? trade_refuse(t, reply, e) : a.len;
}

void trade_tick(struct trade *t)
{
	uint32_t now = t->port->tick(t->port->ctx);

	if (t->pending.open && now - t->pending.since >= TRADE_RESPONSE_MS)
		wipe(&t->pending, sizeof t->pending);
	if (t->entry.open && now - t->entry.since >= TRADE_ENTRY_MS) {
		forget(t);
		show(t, "CANCELLED", part(NULL, 0));
	}
}
