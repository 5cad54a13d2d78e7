#include "terminal/krd.h"
#include "base/wipe.h"
#include "crypto/kbkdf.h"
#include "crypto/keywrap.h"
#include "crypto/sha256.h"
#include "dukpt/update.h"
#include "terminal/text.h"

#include <string.h>

/* The message under construction: reply[0] is its type, the body follows. */
struct answer {
	uint8_t *reply;
	size_t len; /* of the message */
};

static struct span part(const uint8_t *p, size_t len)
{
	return (struct span){ p, len };
}

/* Sign the body that a holds, as what comes after all of t. */
static enum err seal(struct answer *a, const struct krd *k, enum msg_type type, const struct transcript *t)
{
	uint8_t digest[32], sig[P256_SIG];
	struct key identity = { { 0 }, sizeof k->store->state.identity };
	enum err e;

	memcpy(identity.b, k->store->state.identity, identity.len);
	e = transcript_digest(digest, t, type, part(a->reply + 1, a->len));
	if (!e)
		e = p256_sign(sig, &identity, digest);
	if (!e)
		e = msg_seal(a->reply + 1, &a->len, MSG_MAX, sig);
	if (!e)
		a->reply[0] = (uint8_t)type;
	wipe(&identity, sizeof identity);
	return e;
}

/* Take a signed message apart and verify it, as what comes after all of k->t: a check of secure.h. */
struct signed_message {
	struct span body; /* out */
	const struct krd *k;
	enum msg_type type;
	struct span message;
	const uint8_t *signer;
};

static enum err check_signature(uint32_t *mark, void *ctx)
{
	struct signed_message *m = ctx;
	uint8_t digest[32];
	const uint8_t *sig;
	enum err e = msg_open(&m->body, &sig, m->type, m->message);

	*mark = SECURE_SIGNATURE;
	if (!e)
		e = transcript_digest(digest, &m->k->t, m->type, m->body);
	if (!e)
		e = p256_verify(sig, m->signer, digest);
	return e;
}

/* What has been checked since the session began, and nothing else, is this. Asked twice before anything is done. */
static enum err passed(const struct krd *k, uint32_t marks)
{
	return secure_passed(&k->secure, marks) == SECURE_YES ? E_OK : E_SIGNATURE;
}

static enum err own_point(uint8_t point[static P256_POINT], const struct state *s)
{
	struct key identity = { { 0 }, sizeof s->identity };
	enum err e;

	memcpy(identity.b, s->identity, identity.len);
	e = p256_public(point, &identity);
	wipe(&identity, sizeof identity);
	return e;
}

/* --- Enrolment --- */

/* SPKI XXXX XXXX ...: the first 16 bytes of its digest, for a person to compare */
static enum err show_spki(const struct krd *k, const uint8_t point[static P256_POINT])
{
	struct text line = { { 0 }, 0 };
	uint8_t digest[32];
	enum err e = p256_spki_digest(digest, point);

	if (e)
		return e;
	text_string(&line, "SPKI");
	for (size_t i = 0; i < 16; i += 2) {
		text_string(&line, " ");
		text_hex(&line, part(digest + i, 2));
	}
	text_show(&line, k->port);
	return E_OK;
}

/* The identity key and the device secret, once in a life, durable before anything is signed with them. */
static enum err make_identity(struct krd *k, struct span room)
{
	struct state *s = store_draft(k->store);
	struct key identity = { { 0 }, 0 };
	struct drbg d;
	enum err e;

	e = random_birth(&d, &k->random->health, k->port, room);
	if (!e)
		e = p256_generate(&identity, &d);
	if (!e)
		e = drbg_take(&d, s->secret, sizeof s->secret);
	memcpy(s->identity, identity.b, sizeof s->identity);
	s->has_identity = 1;
	wipe(&identity, sizeof identity);
	wipe(&d, sizeof d);
	if (e) {
		store_drop(k->store);
		return e;
	}
	return store_commit(k->store);
}

static enum err on_identify(struct krd *k, struct answer *a, struct span message)
{
	const struct state *s = &k->store->state;
	struct msg_csr csr = { .serial = k->port->serial, .chip = k->port->chip, .firmware = k->port->firmware };
	struct msg_identify m;
	struct drbg d;
	struct span body;
	const uint8_t *sig;
	enum err e;

	e = msg_open(&body, &sig, MSG_IDENTIFY, message);
	if (!e)
		e = msg_get_identify(&m, body);
	if (e)
		return e;
	if (m.version != MSG_VERSION || m.suite != MSG_SUITE)
		return E_VERSION;
	if (!ct_equal(m.environment, k->port->root, sizeof m.environment))
		return E_ENVIRONMENT;
	if (!s->has_identity) {
		e = make_identity(k, SPAN(m.random));
		if (e)
			return e;
	}
	e = random_session(&d, k->random, message);
	if (!e)
		e = drbg_take(&d, csr.nonce, sizeof csr.nonce);
	wipe(&d, sizeof d);
	if (!e)
		e = own_point(csr.point, s);
	if (!e)
		e = show_spki(k, csr.point);
	if (e)
		return e;
	memcpy(csr.firmware_digest, k->port->firmware_digest, sizeof csr.firmware_digest);
	k->secure = (struct secure){ 0, 0 };
	e = transcript_start(&k->t);
	if (!e)
		e = transcript_add(&k->t, MSG_IDENTIFY, message);
	if (!e)
		e = msg_put_csr(a->reply + 1, &a->len, MSG_MAX, &csr);
	if (!e)
		e = seal(a, k, MSG_CSR, &k->t);
	if (!e)
		e = transcript_add(&k->t, MSG_CSR, part(a->reply + 1, a->len));
	return e;
}

/* CERT as checks of secure.h: is the root the one in the image; is the certificate of that root, for this terminal's key
 * and serial? */
struct papers {
	const struct krd *k;
	struct msg_cert m;
};

static enum err check_root(uint32_t *mark, void *ctx)
{
	const struct papers *p = ctx;
	uint8_t digest[32];
	enum err e = p256_spki_digest(digest, p->m.root);

	*mark = SECURE_ROOT;
	return e ? e : ct_equal(digest, p->k->port->root, sizeof digest) ? E_OK : E_ENVIRONMENT;
}

static enum err check_own(uint32_t *mark, void *ctx)
{
	const struct papers *p = ctx;
	struct span serial = p->k->port->serial;
	uint8_t point[P256_POINT];
	struct cert c;
	enum err e = cert_signed_by(&c, p->m.cert, p->m.root);

	*mark = SECURE_OWN;
	if (!e)
		e = own_point(point, &p->k->store->state);
	if (!e && (!ct_equal(c.point, point, sizeof point) || serial.len >= CERT_TEXT || c.serial[serial.len] ||
		   memcmp(c.serial, serial.p, serial.len)))
		e = E_CERTIFICATE;
	return e;
}

/* The papers first: they count once the record says so. */
static enum err enrol(struct krd *k, const struct msg_cert *m, const struct cert *anchor, uint32_t marks)
{
	struct state *next = store_draft(k->store);
	struct text line = { { 0 }, 0 };
	enum err e = p256_spki_digest(next->environment, anchor->point);

	next->life = LIFE_IDENTIFIED;
	if (!e)
		e = store_put_paper(k->store, PAPER_CERT, m->cert);
	if (!e)
		e = store_put_paper(k->store, PAPER_ANCHOR, m->anchor);
	if (!e)
		e = store_put_paper(k->store, PAPER_CONFIG, m->config);
	if (!e)
		e = passed(k, marks);
	if (e) {
		store_drop(k->store);
		return e;
	}
	e = store_commit(k->store);
	if (!e) {
		text_string(&line, "ENROLLED ");
		text_span(&line, k->port->serial);
		text_show(&line, k->port);
	}
	return e;
}

/* Is this the very paper that the terminal has? */
static bool holds(const struct state *s, enum paper which, struct span text)
{
	uint8_t digest[32];

	return s->paper[which].len == text.len && !sha256(digest, &text, 1) &&
	       ct_equal(digest, s->paper[which].digest, sizeof digest);
}

static enum err on_cert(struct krd *k, struct answer *a, struct span message)
{
	const uint32_t marks = SECURE_ROOT + SECURE_SIGNATURE + SECURE_OWN;
	const struct state *now = &k->store->state;
	struct signed_message in = { .k = k, .type = MSG_CERT, .message = message };
	struct papers p = { .k = k };
	struct msg_done done;
	struct cert anchor;
	const uint8_t *sig;
	enum err e;

	e = msg_open(&in.body, &sig, MSG_CERT, message);
	if (!e)
		e = msg_get_cert(&p.m, in.body);
	in.signer = p.m.root;
	if (!e)
		e = secure_add(&k->secure, check_root, &p);
	if (!e)
		e = secure_add(&k->secure, check_signature, &in);
	if (!e)
		e = cert_anchor(&anchor, p.m.anchor);
	if (!e)
		e = secure_add(&k->secure, check_own, &p);
	if (!e)
		e = passed(k, marks);
	if (!e)
		e = sha256(done.cert_digest, &p.m.cert, 1);
	if (!e)
		e = transcript_add(&k->t, MSG_CERT, message);
	if (e)
		return e;
	if (now->life == LIFE_BLANK) {
		e = enrol(k, &p.m, &anchor, marks);
	} else {
		bool same = holds(now, PAPER_CERT, p.m.cert) && holds(now, PAPER_ANCHOR, p.m.anchor) &&
			    holds(now, PAPER_CONFIG, p.m.config);

		e = same ? E_OK : E_ENROLLED;
	}
	if (!e)
		e = msg_put_done(a->reply + 1, &a->len, MSG_MAX, &done);
	if (!e)
		e = seal(a, k, MSG_DONE, &k->t);
	return e;
}

/* --- Loading --- */

/* HELLO as checks of secure.h */
struct greeting {
	struct krd *k;
	struct msg_hello m;
	struct cert kdh; /* out */
};

static enum err check_environment(uint32_t *mark, void *ctx)
{
	const struct greeting *g = ctx;
	const struct state *s = &g->k->store->state;

	*mark = SECURE_ENVIRONMENT;
	return ct_equal(g->m.environment, s->environment, sizeof s->environment) ? E_OK : E_ENVIRONMENT;
}

static enum err check_certificate(uint32_t *mark, void *ctx)
{
	struct greeting *g = ctx;
	struct span anchor;
	enum err e = store_paper(&anchor, g->k->store, PAPER_ANCHOR);

	*mark = SECURE_CERTIFICATE;
	if (!e)
		e = cert_verify(&g->kdh, g->m.cert, anchor, g->m.utc);
	store_drop(g->k->store);
	return e;
}

static enum err check_epoch(uint32_t *mark, void *ctx)
{
	struct greeting *g = ctx;
	enum err e = cert_epoch(&g->k->epoch, &g->kdh);

	*mark = SECURE_EPOCH;
	return e ? e : g->k->epoch < store_epoch(g->k->store) ? E_EPOCH : E_OK;
}

static enum err check_hello(struct greeting *g)
{
	struct krd *k = g->k;
	enum err e;

	if (g->m.version != MSG_VERSION || g->m.suite != MSG_SUITE)
		return E_VERSION;
	if (k->store->state.life != LIFE_IDENTIFIED)
		return E_BLANK;
	k->secure = (struct secure){ 0, 0 };
	e = secure_add(&k->secure, check_environment, g);
	if (!e)
		e = secure_add(&k->secure, check_certificate, g);
	if (!e)
		e = secure_add(&k->secure, check_epoch, g);
	if (!e)
		memcpy(k->kdh, g->kdh.point, sizeof k->kdh);
	return e;
}

/* What has to be checked before a message of the KDH is obeyed, */
#define KDH_MARKS (SECURE_ENVIRONMENT + SECURE_CERTIFICATE + SECURE_EPOCH + SECURE_SIGNATURE)

/* ... the last of it here. */
static enum err open_of_kdh(struct span *body, struct krd *k, enum msg_type type, struct span message)
{
	struct signed_message in = { .k = k, .type = type, .message = message, .signer = k->kdh };
	enum err e = secure_add(&k->secure, check_signature, &in);

	*body = in.body;
	return e ? e : passed(k, KDH_MARKS);
}

static enum err put_offer(struct krd *k, struct answer *a, struct drbg *d)
{
	struct msg_offer m = { .firmware = k->port->firmware,
			       .load_count = store_load_count(k->store),
			       .slots = STORE_SLOTS };
	enum err e;

	memcpy(m.firmware_digest, k->port->firmware_digest, sizeof m.firmware_digest);
	for (unsigned i = 0; i < STORE_SLOTS; i++) {
		const struct slot *from = &k->store->slot[i];

		m.slot[i] = (struct msg_slot){ .index = (uint8_t)i,
					       .state = from->state,
					       .scheme = from->scheme,
					       .ksn = part(from->ksn.b, from->ksn.len),
					       .kcv = part(from->kcv, from->kcv_len) };
		memcpy(m.slot[i].key_hash, from->key_hash, sizeof from->key_hash);
	}
	e = drbg_take(d, m.nonce, sizeof m.nonce);
	if (!e)
		e = p256_generate(&k->ephemeral, d);
	if (!e)
		e = p256_public(m.point, &k->ephemeral);
	if (!e)
		e = store_paper(&m.cert, k->store, PAPER_CERT);
	if (!e)
		e = msg_put_offer(a->reply + 1, &a->len, MSG_MAX, &m);
	store_drop(k->store);
	if (!e)
		e = seal(a, k, MSG_OFFER, &k->t);
	return e;
}

static enum err on_hello(struct krd *k, struct answer *a, struct span message)
{
	struct greeting g = { .k = k };
	struct drbg d;
	struct span body;
	const uint8_t *sig;
	enum err e;

	e = msg_open(&body, &sig, MSG_HELLO, message);
	if (!e)
		e = msg_get_hello(&g.m, body);
	if (!e)
		e = check_hello(&g);
	if (!e)
		e = transcript_start(&k->t);
	if (!e)
		e = transcript_add(&k->t, MSG_HELLO, message);
	if (e)
		return e;
	e = random_session(&d, k->random, message);
	if (!e)
		e = put_offer(k, a, &d);
	wipe(&d, sizeof d);
	if (!e)
		e = transcript_add(&k->t, MSG_OFFER, part(a->reply + 1, a->len));
	return e;
}

/* The slot whose key came with this very message, KEY or UPDATE, or NULL. */
static const struct slot *loaded_with(const struct store *s, const uint8_t digest[static 32])
{
	for (const struct slot *slot = s->slot; slot < s->slot + STORE_SLOTS; slot++)
		if (slot->state != SLOT_EMPTY && ct_equal(slot->key_digest, digest, 32))
			return slot;
	return NULL;
}

/* RECEIPT of a loaded slot, from what is durable: the same bytes as often as it is asked for (RFC 6979). */
static enum err put_receipt(const struct krd *k, struct answer *a, const struct slot *slot)
{
	struct msg_receipt m = { .result = E_OK,
				 .slot = (uint8_t)(slot - k->store->slot),
				 .ksn = part(slot->ksn.b, slot->ksn.len),
				 .kcv = part(slot->kcv, slot->kcv_len),
				 .load_count = slot->load_count };
	struct transcript t;
	enum err e;

	memcpy(t.h, slot->key_hash, sizeof t.h);
	e = msg_put_receipt(a->reply + 1, &a->len, MSG_MAX, &m);
	if (!e)
		e = seal(a, k, MSG_RECEIPT, &t);
	return e;
}

/* As a check of secure.h: is this the message that the slot's key came with? Nothing else may be answered with its RECEIPT. */
struct repeat {
	const struct slot *slot;
	struct span message;
};

static enum err check_repeat(uint32_t *mark, void *ctx)
{
	const struct repeat *r = ctx;
	uint8_t digest[32];
	enum err e = sha256(digest, &r->message, 1);

	*mark = SECURE_REPEAT;
	return e ? e : ct_equal(r->slot->key_digest, digest, sizeof digest) ? E_OK : E_SEQUENCE;
}

/* The message that a slot's key came with: its RECEIPT once more, and nothing happens. E_SEQUENCE if it is none. */
static enum err again(struct krd *k, struct answer *a, struct span message)
{
	struct repeat r = { .message = message };
	struct secure secure = { 0, 0 };
	uint8_t digest[32];
	enum err e = sha256(digest, &message, 1);

	if (e)
		return e;
	r.slot = loaded_with(k->store, digest);
	if (!r.slot)
		return E_SEQUENCE;
	e = secure_add(&secure, check_repeat, &r);
	if (!e && secure_passed(&secure, SECURE_REPEAT) != SECURE_YES)
		e = E_SEQUENCE;
	return e ? e : put_receipt(k, a, r.slot);
}

static bool contains(struct span all, struct span piece)
{
	for (size_t i = 0; i + piece.len <= all.len; i++)
		if (!memcmp(all.p + i, piece.p, piece.len))
			return true;
	return false;
}

/* Does the configuration, which the device CA has signed, have this line? It never is the first. No: the reason */
#define TEXT_LINE(s) ((struct span){ (const uint8_t *)"\n" s "\n", sizeof s + 1 })
static enum err permitted(struct store *s, struct span line, enum err reason)
{
	struct span config;
	enum err e = store_paper(&config, s, PAPER_CONFIG);

	if (!e && !contains(config, line))
		e = reason;
	store_drop(s);
	return e;
}

/* Does a slot hold this initial KSN, or did it last hold it? */
static bool seen(const struct store *s, const struct ksn *ksn)
{
	for (unsigned i = 0; i < STORE_SLOTS; i++)
		if (s->slot[i].ksn.len == ksn->len && !memcmp(s->slot[i].ksn.b, ksn->b, ksn->len))
			return true;
	return false;
}

/* All that can be said about a KEY before its key is known. */
static enum err check_key(struct ksn *ksn, const struct krd *k, const struct msg_key *m)
{
	const struct store *s = k->store;

	if (!ct_equal(m->environment, s->state.environment, sizeof m->environment))
		return E_ENVIRONMENT;
	if (m->slot >= STORE_SLOTS)
		return E_SLOT;
	if (s->slot[m->slot].state != SLOT_EMPTY)
		return E_LOADED;
	if (!dukpt_key_len((enum dukpt_scheme)m->scheme) || m->usage[0] != 'B' || m->usage[1] != '1')
		return E_SCHEME;
	if (dukpt_key_len((enum dukpt_scheme)m->scheme) > 16) {
		/* stronger than P-256: only as a test room's */
		enum err e = permitted(k->store, TEXT_LINE("strong = yes"), E_STRENGTH);

		if (e)
			return e;
	}
	*ksn = (struct ksn){ { 0 }, (uint8_t)m->ksn.len };
	memcpy(ksn->b, m->ksn.p, m->ksn.len);
	if (!ksn_fits(ksn, (enum dukpt_scheme)m->scheme) || m->items != (m->scheme == DUKPT_TDES ? 2 : 1))
		return E_SCHEME;
	if (!ksn_initial(ksn))
		return E_COUNTER;
	return seen(s, ksn) ? E_REPLAY : E_OK;
}

/* The same as a check of secure.h. */
struct fitting {
	const struct krd *k;
	struct msg_key m;
	struct ksn ksn; /* out */
};

static enum err check_fits(uint32_t *mark, void *ctx)
{
	struct fitting *f = ctx;

	*mark = SECURE_FITS;
	return check_key(&f->ksn, f->k, &f->m);
}

/* The initial key: one item, or two halves of 8 bytes that differ. */
static enum err unwrap(struct key *ik, const struct krd *k, const struct msg_key *m)
{
	struct key z = { { 0 }, 0 }, kek = { { 0 }, 0 }, piece = { { 0 }, 0 }, out = { { 0 }, 0 };
	uint8_t ctx[32], each = (uint8_t)(dukpt_key_len((enum dukpt_scheme)m->scheme) / m->items);
	enum err e;

	e = transcript_ctx(ctx, &k->t, m->head);
	if (!e)
		e = p256_ecdh(&z, &k->ephemeral, m->point);
	for (unsigned i = 0; !e && i < m->items; i++) {
		e = kbkdf(&kek, &z, m->item[i].label, ctx);
		if (!e)
			e = keywrap_unwrap(&piece, &kek, m->item[i].wrapped.p, m->item[i].wrapped.len);
		if (!e && piece.len != each)
			e = E_KEY;
		if (!e) {
			memcpy(out.b + out.len, piece.b, each);
			out.len = (uint8_t)(out.len + each);
		}
	}
	if (!e && m->items == 2 && ct_equal(out.b, out.b + 8, 8))
		e = E_KEY;
	if (!e)
		*ik = out;
	wipe(&z, sizeof z);
	wipe(&kek, sizeof kek);
	wipe(&piece, sizeof piece);
	wipe(&out, sizeof out);
	return e;
}

void krd_show_slot(const struct krd *k, unsigned index)
{
	static const char *const names[] = { " EMPTY", " LOADED ", " EXHAUSTED " };
	const struct slot *slot = &k->store->slot[index];
	struct text line = { { 0 }, 0 };

	text_string(&line, "SLOT ");
	text_number(&line, index);
	text_string(&line, names[slot->state]);
	if (slot->state != SLOT_EMPTY) {
		text_hex(&line, part(slot->ksn.b, slot->ksn.len));
		text_string(&line, " KCV ");
		text_hex(&line, part(slot->kcv, slot->kcv_len));
	}
	text_show(&line, k->port);
}

/* The draft, in which a slot has its new key, becomes durable, or on an error is dropped; then the slot's RECEIPT. */
static enum err finish(struct krd *k, struct answer *a, unsigned index, enum err e)
{
	if (e)
		store_drop(k->store);
	else
		e = store_commit(k->store);
	if (!e) {
		krd_show_slot(k, index);
		e = put_receipt(k, a, &k->store->slot[index]);
	}
	return e;
}

static enum err on_key(struct krd *k, struct answer *a, struct span message)
{
	struct key ik = { { 0 }, 0 };
	struct transcript t = k->t;
	struct slot_record *next;
	struct fitting f = { .k = k };
	const struct msg_key *m = &f.m;
	struct span body;
	enum err e;

	/* A host that asked again for its RECEIPT by a new HELLO may still repeat the KEY. */
	e = again(k, a, message);
	if (e != E_SEQUENCE)
		return e;
	e = open_of_kdh(&body, k, MSG_KEY, message);
	if (!e)
		e = msg_get_key(&f.m, body);
	if (!e)
		e = secure_add(&k->secure, check_fits, &f);
	if (!e)
		e = unwrap(&ik, k, m);
	if (!e)
		e = transcript_add(&t, MSG_KEY, message);
	if (e)
		goto done;
	e = store_draft_slot(&next, k->store, m->slot);
	if (e)
		goto done;
	next->slot = (struct slot){ .load_count = store_load_count(k->store) + 1,
				    .epoch = k->epoch,
				    .ksn = f.ksn,
				    .state = SLOT_LOADED,
				    .scheme = m->scheme };
	memcpy(next->slot.key_hash, t.h, sizeof t.h);
	e = sha256(next->slot.key_digest, &message, 1);
	if (!e)
		e = kcv_compute(next->slot.kcv, &next->slot.kcv_len, (enum dukpt_scheme)m->scheme, &ik);
	if (!e)
		e = dukpt_registers_load(&next->registers, (enum dukpt_scheme)m->scheme, &ik, &f.ksn);
	wipe(&ik, sizeof ik);
	if (!e)
		e = passed(k, KDH_MARKS + SECURE_FITS);
	e = finish(k, a, m->slot, e);
done:
	wipe(&ik, sizeof ik);
	return e;
}

/*
 * An initial key under the update key of the one that the slot holds. Nobody signs it: only who knows the key in the
 * slot can make the block. There is no allocator of such keys yet, so it is for terminals whose configuration, which
 * the device CA has signed, says so: those that a test room enrolled.
 */
static enum err check_update(struct store *s, const struct msg_update *m)
{
	enum err e = permitted(s, TEXT_LINE("update = yes"), E_DENIED);

	if (e)
		return e;
	if (m->slot >= STORE_SLOTS)
		return E_SLOT;
	return s->slot[m->slot].state == SLOT_EMPTY ? E_EMPTY : E_OK;
}

static enum err on_update(struct krd *k, struct answer *a, struct span message)
{
	struct slot_record *next;
	struct transcript t;
	struct msg_update m;
	struct span body;
	const uint8_t *sig;
	struct slot *slot;
	enum err e;

	e = again(k, a, message);
	if (e != E_SEQUENCE)
		return e;
	e = msg_open(&body, &sig, MSG_UPDATE, message);
	if (!e)
		e = msg_get_update(&m, body);
	if (!e)
		e = check_update(k->store, &m);
	if (!e)
		e = transcript_start(&t);
	if (!e)
		e = transcript_add(&t, MSG_UPDATE, message);
	if (e)
		return e;
	e = store_draft_slot(&next, k->store, m.slot);
	if (e)
		return e;
	slot = &next->slot;
	memcpy(slot->key_hash, t.h, sizeof slot->key_hash);
	e = sha256(slot->key_digest, &message, 1);
	if (!e)
		e = dukpt_update(&next->registers, slot->kcv, &slot->kcv_len, &next->registers, m.block);
	if (!e) {
		ksn_set_counter(&slot->ksn, &next->registers.ksn, 0);
		e = seen(k->store, &slot->ksn) ? E_REPLAY : E_OK;
	}
	return finish(k, a, m.slot, e);
}

static unsigned slots_of(unsigned slot)
{
	return slot == MSG_SLOT_ALL ? (1u << STORE_SLOTS) - 1 : 1u << slot;
}

/* As a check of secure.h: does the memory bear out this RECEIPT? */
struct emptied {
	const struct store *store;
	const struct msg_receipt *receipt;
};

static enum err check_emptied(uint32_t *mark, void *ctx)
{
	const struct emptied *x = ctx;

	*mark = SECURE_EMPTIED;
	return store_emptied(x->store, slots_of(x->receipt->slot));
}

static enum err on_zeroize(struct krd *k, struct answer *a, struct span message)
{
	struct store *s = k->store;
	struct msg_receipt receipt = { .result = E_OK, .load_count = store_load_count(s) };
	struct transcript t = k->t;
	struct slot was = { 0 };
	struct msg_zeroize m;
	struct span body;
	struct emptied emptied = { s, &receipt };
	enum err e;

	e = open_of_kdh(&body, k, MSG_ZEROIZE, message);
	if (!e)
		e = msg_get_zeroize(&m, body);
	if (!e && !ct_equal(m.environment, s->state.environment, sizeof m.environment))
		e = E_ENVIRONMENT;
	if (!e && m.slot >= STORE_SLOTS && m.slot != MSG_SLOT_ALL)
		e = E_SLOT;
	if (!e)
		e = transcript_add(&t, MSG_ZEROIZE, message);
	if (e)
		return e;
	receipt.slot = m.slot;
	if (m.slot != MSG_SLOT_ALL)
		was = s->slot[m.slot];
	receipt.ksn = part(was.ksn.b, was.ksn.len);
	receipt.kcv = part(was.kcv, was.kcv_len);
	e = passed(k, KDH_MARKS);
	if (!e)
		e = store_empty(s, slots_of(m.slot));
	if (!e)
		e = secure_add(&k->secure, check_emptied, &emptied);
	if (e)
		return e;
	for (unsigned i = 0; i < STORE_SLOTS; i++)
		if (slots_of(m.slot) >> i & 1)
			krd_show_slot(k, i);
	e = msg_put_receipt(a->reply + 1, &a->len, MSG_MAX, &receipt);
	if (!e)
		e = passed(k, KDH_MARKS + SECURE_EMPTIED);
	if (!e)
		e = seal(a, k, MSG_RECEIPT, &t);
	return e;
}

/* --- The table --- */

/* KEY outside a session: only the one that a slot was loaded with, and that at any time. */
static enum err on_late_key(struct krd *k, struct answer *a, struct span message)
{
	enum err e = again(k, a, message);

	return e == E_SEQUENCE && !k->window.open ? E_WINDOW : e;
}

static const struct row {
	enum krd_at at;
	enum msg_type got;
	enum err (*act)(struct krd *k, struct answer *a, struct span message);
	enum krd_at next;
	bool window; /* only while the loading window is open */
} rows[] = {
	/* clang-format off */
	/* at           got           act           next         window */
	{ KRD_IDLE,     MSG_IDENTIFY, on_identify,  KRD_ASKED,   false },
	{ KRD_IDLE,     MSG_HELLO,    on_hello,     KRD_OFFERED, true  },
	{ KRD_IDLE,     MSG_KEY,      on_late_key,  KRD_IDLE,    false },
	{ KRD_IDLE,     MSG_UPDATE,   on_update,    KRD_IDLE,    false },
	{ KRD_ASKED,    MSG_IDENTIFY, on_identify,  KRD_ASKED,   false },
	{ KRD_ASKED,    MSG_HELLO,    on_hello,     KRD_OFFERED, true  },
	{ KRD_ASKED,    MSG_CERT,     on_cert,      KRD_IDLE,    false },
	{ KRD_ASKED,    MSG_UPDATE,   on_update,    KRD_IDLE,    false },
	{ KRD_OFFERED,  MSG_IDENTIFY, on_identify,  KRD_ASKED,   false },
	{ KRD_OFFERED,  MSG_HELLO,    on_hello,     KRD_OFFERED, true  },
	{ KRD_OFFERED,  MSG_KEY,      on_key,       KRD_IDLE,    true  },
	{ KRD_OFFERED,  MSG_ZEROIZE,  on_zeroize,   KRD_IDLE,    true  },
	{ KRD_OFFERED,  MSG_UPDATE,   on_update,    KRD_IDLE,    false },
	/* clang-format on */
};

static const struct row *row_of(enum krd_at at, unsigned got)
{
	for (const struct row *r = rows; r < rows + sizeof rows / sizeof *rows; r++)
		if (r->at == at && r->got == got)
			return r;
	return NULL;
}

void krd_init(struct krd *k, const struct port *port, struct store *store, struct random *random)
{
	*k = (struct krd){ .port = port, .store = store, .random = random };
}

void krd_end(struct krd *k)
{
	struct krd_window window = k->window;

	wipe(&k->ephemeral, sizeof k->ephemeral);
	krd_init(k, k->port, k->store, k->random);
	k->window = window;
}

/* --- The loading window --- */

static uint32_t now(const struct krd *k)
{
	return k->port->tick(k->port->ctx);
}

void krd_open(struct krd *k)
{
	if (!k->window.open)
		k->port->display(k->port->ctx, "LOADING OPEN");
	k->window = (struct krd_window){ true, now(k), now(k) };
}

void krd_tick(struct krd *k)
{
	const struct krd_window *w = &k->window;

	if (w->open && (now(k) - w->opened >= KRD_WINDOW_MS || now(k) - w->used >= KRD_IDLE_MS)) {
		k->window.open = false;
		if (k->at == KRD_OFFERED)
			krd_end(k);
		k->port->display(k->port->ctx, "LOADING CLOSED");
	}
}

/* The reason for answering ABORT, where there is no row. */
static enum err no_row(const struct krd *k, unsigned type, struct span message)
{
	struct msg_abort m;

	if (type == MSG_ABORT && !msg_get_abort(&m, message))
		return (enum err)m.reason;
	if (type == MSG_ZEROIZE && !k->window.open)
		return E_WINDOW; /* it may have closed under a session */
	return msg_name(type) ? E_SEQUENCE : E_FORMAT;
}

size_t krd_refuse(struct krd *k, uint8_t reply[static LINK_PAYLOAD], enum err reason)
{
	bool tampered = k->store->state.life == LIFE_TAMPERED;
	struct msg_abort m = { (uint16_t)(tampered ? E_TAMPERED : reason) };
	size_t len;

	krd_end(k);
	wipe(reply, LINK_PAYLOAD);
	reply[0] = MSG_ABORT;
	k->port->display(k->port->ctx, err_text((enum err)m.reason));
	/* Two bytes into a whole payload cannot fail. */
	if (msg_put_abort(reply + 1, &len, MSG_MAX, &m))
		len = 0;
	return 1 + len;
}

size_t krd_answer(struct krd *k, uint8_t reply[static LINK_PAYLOAD], struct span request)
{
	struct answer a = { reply, 0 };
	struct span message;
	const struct row *row;
	enum err e;

	if (!request.len)
		return 0;
	message = part(request.p + 1, request.len - 1);
	krd_tick(k);
	row = row_of(k->at, request.p[0]);
	if (k->store->state.life == LIFE_TAMPERED)
		e = E_TAMPERED;
	else if (row && row->window && !k->window.open)
		e = E_WINDOW;
	else if (!row)
		e = no_row(k, request.p[0], message);
	else
		e = row->act(k, &a, message);
	if (!e && row && row->window)
		k->window.used = now(k);
	if (e || !row)
		return krd_refuse(k, reply, e);
	if (row->next != KRD_IDLE)
		k->at = row->next;
	else
		krd_end(k);
	return 1 + a.len;
}
