#include "protocol/message.h"
#include "base/serial.h"
#include "crypto/cert.h"

#include <string.h>

#define CHIP_MAX 32
#define FIRMWARE_MAX 32
#define CONFIG_MAX 256
#define WRAPPED_MIN 16
#define WRAPPED_MAX 40

static const struct kind {
	uint8_t type;
	bool sealed;
	const char *name;
} kinds[] = {
	/* clang-format off */
	{ MSG_HELLO,    false, "HELLO" },
	{ MSG_OFFER,    true,  "OFFER" },
	{ MSG_KEY,      true,  "KEY" },
	{ MSG_ZEROIZE,  true,  "ZEROIZE" },
	{ MSG_RECEIPT,  true,  "RECEIPT" },
	{ MSG_ABORT,    false, "ABORT" },
	{ MSG_IDENTIFY, false, "IDENTIFY" },
	{ MSG_CSR,      true,  "CSR" },
	{ MSG_CERT,     true,  "CERT" },
	{ MSG_DONE,     true,  "DONE" },
	/* clang-format on */
};

static const struct kind *kind_of(unsigned type)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

const char *msg_name(unsigned type)
{
	const struct kind *k = kind_of(type);

	return k ? k->name : NULL;
}

bool msg_signed(unsigned type)
{
	const struct kind *k = kind_of(type);

	return k && k->sealed;
}

enum err msg_seal(uint8_t *out, size_t *len, size_t size, const uint8_t sig[static P256_SIG])
{
	if (*len > size || size - *len < P256_SIG)
		return E_SPACE;
	memcpy(out + *len, sig, P256_SIG);
	p256_low(out + *len);
	*len += P256_SIG;
	return E_OK;
}

enum err msg_open(struct span *body, const uint8_t **sig, unsigned type, struct span message)
{
	size_t tail = msg_signed(type) ? P256_SIG : 0;
	uint8_t low[P256_SIG];

	*body = (struct span){ NULL, 0 };
	*sig = NULL;
	if (!kind_of(type) || message.len > MSG_MAX)
		return E_FORMAT;
	if (message.len < tail)
		return E_SHORT;
	if (tail) {
		memcpy(low, message.p + message.len - tail, tail);
		p256_low(low);
		if (memcmp(low, message.p + message.len - tail, tail) != 0)
			return E_SIGNATURE;
		*sig = message.p + message.len - tail;
	}
	*body = (struct span){ message.p, message.len - tail };
	return E_OK;
}

/*
 * What a field may be. Encoder and decoder ask the same functions, so that the one accepts exactly what the other
 * makes.
 */
static bool der_ok(struct span s)
{
	return s.len >= 1 && s.len <= CERT_MAX;
}

static bool ksn_ok(struct span s)
{
	return s.len == 10 || s.len == 12;
}

static bool kcv_ok(struct span s)
{
	return s.len == 3 || s.len == 5;
}

/* Printable ASCII, for people's screens; lines where it is a stanza. */
static bool text_ok(struct span s, size_t max, bool lines)
{
	bool ok = s.len <= max;

	for (size_t i = 0; ok && i < s.len; i++)
		ok = (s.p[i] >= ' ' && s.p[i] <= '~') || (lines && s.p[i] == '\n');
	return ok;
}

static bool upper_or_digit(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool slot_ok(const struct msg_slot *s)
{
	return s->index != MSG_SLOT_ALL && s->state <= SLOT_EXHAUSTED && (s->state == SLOT_EMPTY) == (s->scheme == 0) &&
	       (!s->ksn.len || ksn_ok(s->ksn)) && (!s->kcv.len || kcv_ok(s->kcv));
}

static bool offer_ok(const struct msg_offer *m)
{
	bool ok =
		der_ok(m->cert) && text_ok(m->firmware, FIRMWARE_MAX, false) && m->slots >= 1 && m->slots <= MSG_SLOTS;

	for (unsigned i = 0; ok && i < m->slots; i++)
		ok = slot_ok(&m->slot[i]) && (!i || m->slot[i].index > m->slot[i - 1].index);
	return ok;
}

static bool item_ok(const struct msg_item *it, const char label[static 7])
{
	return !memcmp(it->label, label, sizeof it->label) && it->wrapped.len >= WRAPPED_MIN &&
	       it->wrapped.len <= WRAPPED_MAX && it->wrapped.len % 8 == 0;
}

/* One item is a whole key, two are the halves of a TDES key, left first. */
static bool items_ok(const struct msg_key *m)
{
	return m->items == 1 ? item_ok(&m->item[0], "KRM1-IK")
			     : m->items == 2 && item_ok(&m->item[0], "KRM1-IL") && item_ok(&m->item[1], "KRM1-IR");
}

static bool key_head_ok(const struct msg_key *m)
{
	return m->slot != MSG_SLOT_ALL && m->scheme && upper_or_digit(m->usage[0]) && upper_or_digit(m->usage[1]) &&
	       ksn_ok(m->ksn);
}

static bool zeroize_ok(const struct msg_zeroize *m)
{
	return m->reason >= ZEROIZE_REJECT && m->reason <= ZEROIZE_RELOAD;
}

static bool receipt_ok(const struct msg_receipt *m)
{
	return (!m->ksn.len || ksn_ok(m->ksn)) && (!m->kcv.len || kcv_ok(m->kcv));
}

static bool csr_ok(const struct msg_csr *m)
{
	return serial_ok((const char *)m->serial.p, m->serial.len) && m->chip.len <= CHIP_MAX &&
	       text_ok(m->firmware, FIRMWARE_MAX, false);
}

static bool cert_ok(const struct msg_cert *m)
{
	return der_ok(m->cert) && der_ok(m->anchor) && text_ok(m->config, CONFIG_MAX, true);
}

/* The ends of every encoder and decoder. */
static enum err put_end(size_t *len, const struct wr *w, bool ok)
{
	enum err e = ok ? wr_end(w) : E_RANGE;

	if (!e)
		*len = w->len;
	return e;
}

static enum err get_end(void *m, size_t size, const struct rd *r, bool ok)
{
	enum err e = rd_end(r);

	if (!e && !ok)
		e = E_FORMAT;
	if (e)
		memset(m, 0, size);
	return e;
}

enum err msg_put_hello(uint8_t *out, size_t *len, size_t size, const struct msg_hello *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_u8(&w, m->version);
	wr_u8(&w, m->suite);
	wr_copy(&w, m->environment, sizeof m->environment);
	wr_u64(&w, m->utc);
	wr_copy(&w, m->nonce, sizeof m->nonce);
	wr_span16(&w, m->cert);
	return put_end(len, &w, der_ok(m->cert));
}

enum err msg_get_hello(struct msg_hello *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	m->version = rd_u8(&r);
	m->suite = rd_u8(&r);
	rd_copy(&r, m->environment, sizeof m->environment);
	m->utc = rd_u64(&r);
	rd_copy(&r, m->nonce, sizeof m->nonce);
	m->cert = rd_span16(&r);
	return get_end(m, sizeof *m, &r, der_ok(m->cert));
}

enum err msg_put_offer(uint8_t *out, size_t *len, size_t size, const struct msg_offer *m)
{
	bool ok = offer_ok(m);
	struct wr w;

	wr_init(&w, out, size);
	wr_span16(&w, m->cert);
	wr_copy(&w, m->nonce, sizeof m->nonce);
	wr_copy(&w, m->point, sizeof m->point);
	wr_span8(&w, m->firmware);
	wr_copy(&w, m->firmware_digest, sizeof m->firmware_digest);
	wr_u32(&w, m->load_count);
	wr_u8(&w, m->slots);
	for (const struct msg_slot *s = m->slot; ok && s < m->slot + m->slots; s++) {
		wr_u8(&w, s->index);
		wr_u8(&w, s->state);
		wr_u8(&w, s->scheme);
		wr_span8(&w, s->ksn);
		wr_span8(&w, s->kcv);
		wr_copy(&w, s->key_hash, sizeof s->key_hash);
	}
	return put_end(len, &w, ok);
}

enum err msg_get_offer(struct msg_offer *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	m->cert = rd_span16(&r);
	rd_copy(&r, m->nonce, sizeof m->nonce);
	rd_copy(&r, m->point, sizeof m->point);
	m->firmware = rd_span8(&r);
	rd_copy(&r, m->firmware_digest, sizeof m->firmware_digest);
	m->load_count = rd_u32(&r);
	m->slots = rd_u8(&r);
	for (unsigned i = 0; i < m->slots && i < MSG_SLOTS; i++) {
		struct msg_slot *s = &m->slot[i];

		s->index = rd_u8(&r);
		s->state = rd_u8(&r);
		s->scheme = rd_u8(&r);
		s->ksn = rd_span8(&r);
		s->kcv = rd_span8(&r);
		rd_copy(&r, s->key_hash, sizeof s->key_hash);
	}
	return get_end(m, sizeof *m, &r, offer_ok(m));
}

enum err msg_put_key(uint8_t *out, size_t *len, size_t size, const struct msg_key *m, size_t *head)
{
	bool ok = key_head_ok(m) && (!m->items || items_ok(m));
	struct wr w;
	size_t n;
	enum err e;

	wr_init(&w, out, size);
	wr_copy(&w, m->environment, sizeof m->environment);
	wr_u8(&w, m->slot);
	wr_u8(&w, m->scheme);
	wr_u8(&w, (uint8_t)m->usage[0]);
	wr_u8(&w, (uint8_t)m->usage[1]);
	wr_span8(&w, m->ksn);
	wr_copy(&w, m->point, sizeof m->point);
	n = w.len;
	wr_u8(&w, m->items);
	for (const struct msg_item *it = m->item; ok && it < m->item + m->items; it++) {
		wr_copy(&w, (const uint8_t *)it->label, sizeof it->label);
		wr_span8(&w, it->wrapped);
	}
	e = put_end(len, &w, ok);
	if (!e)
		*head = n;
	return e;
}

enum err msg_get_key(struct msg_key *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	rd_copy(&r, m->environment, sizeof m->environment);
	m->slot = rd_u8(&r);
	m->scheme = rd_u8(&r);
	rd_copy(&r, (uint8_t *)m->usage, sizeof m->usage);
	m->ksn = rd_span8(&r);
	rd_copy(&r, m->point, sizeof m->point);
	m->head = (struct span){ body.p, body.len - r.left };
	m->items = rd_u8(&r);
	for (unsigned i = 0; i < m->items && i < MSG_ITEMS; i++) {
		rd_copy(&r, (uint8_t *)m->item[i].label, sizeof m->item[i].label);
		m->item[i].wrapped = rd_span8(&r);
	}
	return get_end(m, sizeof *m, &r, key_head_ok(m) && items_ok(m));
}

enum err msg_put_zeroize(uint8_t *out, size_t *len, size_t size, const struct msg_zeroize *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_copy(&w, m->environment, sizeof m->environment);
	wr_u8(&w, m->slot);
	wr_u8(&w, m->reason);
	return put_end(len, &w, zeroize_ok(m));
}

enum err msg_get_zeroize(struct msg_zeroize *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	rd_copy(&r, m->environment, sizeof m->environment);
	m->slot = rd_u8(&r);
	m->reason = rd_u8(&r);
	return get_end(m, sizeof *m, &r, zeroize_ok(m));
}

enum err msg_put_receipt(uint8_t *out, size_t *len, size_t size, const struct msg_receipt *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_u16(&w, m->result);
	wr_u8(&w, m->slot);
	wr_span8(&w, m->ksn);
	wr_span8(&w, m->kcv);
	wr_u32(&w, m->load_count);
	return put_end(len, &w, receipt_ok(m));
}

enum err msg_get_receipt(struct msg_receipt *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	m->result = rd_u16(&r);
	m->slot = rd_u8(&r);
	m->ksn = rd_span8(&r);
	m->kcv = rd_span8(&r);
	m->load_count = rd_u32(&r);
	return get_end(m, sizeof *m, &r, receipt_ok(m));
}

enum err msg_put_abort(uint8_t *out, size_t *len, size_t size, const struct msg_abort *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_u16(&w, m->reason);
	return put_end(len, &w, true);
}

enum err msg_get_abort(struct msg_abort *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	m->reason = rd_u16(&r);
	return get_end(m, sizeof *m, &r, true);
}

enum err msg_put_identify(uint8_t *out, size_t *len, size_t size, const struct msg_identify *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_u8(&w, m->version);
	wr_u8(&w, m->suite);
	wr_copy(&w, m->environment, sizeof m->environment);
	wr_u64(&w, m->utc);
	wr_copy(&w, m->nonce, sizeof m->nonce);
	wr_copy(&w, m->random, sizeof m->random);
	return put_end(len, &w, true);
}

enum err msg_get_identify(struct msg_identify *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	m->version = rd_u8(&r);
	m->suite = rd_u8(&r);
	rd_copy(&r, m->environment, sizeof m->environment);
	m->utc = rd_u64(&r);
	rd_copy(&r, m->nonce, sizeof m->nonce);
	rd_copy(&r, m->random, sizeof m->random);
	return get_end(m, sizeof *m, &r, true);
}

enum err msg_put_csr(uint8_t *out, size_t *len, size_t size, const struct msg_csr *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_span8(&w, m->serial);
	wr_copy(&w, m->point, sizeof m->point);
	wr_copy(&w, m->nonce, sizeof m->nonce);
	wr_span8(&w, m->chip);
	wr_span8(&w, m->firmware);
	wr_copy(&w, m->firmware_digest, sizeof m->firmware_digest);
	return put_end(len, &w, csr_ok(m));
}

enum err msg_get_csr(struct msg_csr *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	m->serial = rd_span8(&r);
	rd_copy(&r, m->point, sizeof m->point);
	rd_copy(&r, m->nonce, sizeof m->nonce);
	m->chip = rd_span8(&r);
	m->firmware = rd_span8(&r);
	rd_copy(&r, m->firmware_digest, sizeof m->firmware_digest);
	return get_end(m, sizeof *m, &r, csr_ok(m));
}

enum err msg_put_cert(uint8_t *out, size_t *len, size_t size, const struct msg_cert *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_copy(&w, m->root, sizeof m->root);
	wr_span16(&w, m->cert);
	wr_span16(&w, m->anchor);
	wr_span16(&w, m->config);
	return put_end(len, &w, cert_ok(m));
}

enum err msg_get_cert(struct msg_cert *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	rd_copy(&r, m->root, sizeof m->root);
	m->cert = rd_span16(&r);
	m->anchor = rd_span16(&r);
	m->config = rd_span16(&r);
	return get_end(m, sizeof *m, &r, cert_ok(m));
}

enum err msg_put_done(uint8_t *out, size_t *len, size_t size, const struct msg_done *m)
{
	struct wr w;

	wr_init(&w, out, size);
	wr_copy(&w, m->cert_digest, sizeof m->cert_digest);
	return put_end(len, &w, true);
}

enum err msg_get_done(struct msg_done *m, struct span body)
{
	struct rd r;

	memset(m, 0, sizeof *m);
	rd_init(&r, body.p, body.len);
	rd_copy(&r, m->cert_digest, sizeof m->cert_digest);
	return get_end(m, sizeof *m, &r, true);
}
