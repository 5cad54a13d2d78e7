/*
 * Messages: what is put comes back, nothing else is accepted, and the largest of each fits.
 */
#include "crypto/cert.h"
#include "protocol/link.h"
#include "tests/lib/test.h"
#include "tests/protocol/recode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum size { SMALL, MIDDLE, FULL, SIZES };

static const uint8_t types[] = { MSG_HELLO,    MSG_OFFER, MSG_KEY,  MSG_ZEROIZE, MSG_RECEIPT, MSG_ABORT,
				 MSG_IDENTIFY, MSG_CSR,   MSG_CERT, MSG_DONE,    MSG_UPDATE };
#define TYPES sizeof types

/* Bytes that differ from field to field. */
static uint8_t bytes[4096];

static struct span some(size_t from, size_t len)
{
	return (struct span){ bytes + from, len };
}

static struct span text(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static size_t pick(enum size z, size_t small, size_t middle, size_t full)
{
	return (size_t[]){ small, middle, full }[z];
}

static const char *one_of(enum size z, const char *small, const char *middle, const char *full)
{
	return (const char *[]){ small, middle, full }[z];
}

static void fill(uint8_t *out, size_t len, uint8_t seed)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(seed + 31 * i);
}
#define FILL(field, seed) fill((field), sizeof(field), (seed))

static const char text32[] = "0123456789abcdefghijKLMNOPQRST-z";
static char text256[257], text512[513];

static struct msg_hello hello(enum size z)
{
	struct msg_hello m = { 1, 1, { 0 }, 1767225600, { 0 }, some(0, pick(z, 1, 400, CERT_MAX)) };

	FILL(m.environment, 1);
	FILL(m.nonce, 2);
	if (z == FULL) {
		m.version = m.suite = 0xff;
		m.utc = UINT64_MAX;
	}
	return m;
}

static struct msg_offer offer(enum size z)
{
	struct msg_offer m = { .cert = some(5, pick(z, 1, 420, CERT_MAX)),
			       .firmware = text(one_of(z, "", "0.1.0", text32)),
			       .load_count = z == FULL ? UINT32_MAX : z,
			       .slots = (uint8_t)pick(z, 1, 2, MSG_SLOTS) };

	FILL(m.nonce, 3);
	FILL(m.point, 4);
	FILL(m.firmware_digest, 5);
	for (uint8_t i = 0; i < m.slots; i++) {
		struct msg_slot *s = &m.slot[i];

		if (z == FULL)
			*s = (struct msg_slot){ (uint8_t)(0xfe - MSG_SLOTS + 1 + i),
						SLOT_EXHAUSTED,
						0xff,
						some(9, 12),
						some(30, 5),
						{ 0 } };
		else if (i == 1)
			*s = (struct msg_slot){ 3, SLOT_LOADED, 1, some(9, 10), some(30, 3), { 0 } };
		if (z != SMALL)
			FILL(s->key_hash, i);
	}
	return m;
}

static struct msg_key key(enum size z)
{
	struct msg_key m = { .slot = z == FULL ? 0xfe : 0,
			     .scheme = z == FULL ? 0xff : 1,
			     .usage = "B1",
			     .ksn = some(9, z == SMALL ? 10 : 12),
			     .items = z == SMALL ? 1 : 2 };

	FILL(m.environment, 6);
	FILL(m.point, 7);
	memcpy(m.item[0].label, z == SMALL ? "KRM1-IK" : "KRM1-IL", 7);
	memcpy(m.item[1].label, "KRM1-IR", 7);
	m.item[0].wrapped = some(40, z == FULL ? 40 : 16);
	m.item[1].wrapped = some(80, z == FULL ? 40 : 16);
	return m;
}

static struct msg_zeroize zeroize(enum size z)
{
	struct msg_zeroize m = { .slot = z == FULL ? MSG_SLOT_ALL : 2, .reason = (uint8_t)(1 + z) };

	FILL(m.environment, 8);
	return m;
}

static struct msg_receipt receipt(enum size z)
{
	struct msg_receipt m = { z == FULL ? 0xffff : 0, z == FULL ? 0xff : 1, { NULL, 0 }, { NULL, 0 }, z };

	if (z != SMALL) {
		m.ksn = some(9, z == MIDDLE ? 10 : 12);
		m.kcv = some(30, z == MIDDLE ? 3 : 5);
	}
	return m;
}

static struct msg_update update(enum size z)
{
	return (struct msg_update){ z == FULL ? 0xfe : 1,
				    text(one_of(z, "D", "D0144B1AX00N0200IK141234567890123456PB0C00000000", text512)) };
}

static struct msg_identify identify(enum size z)
{
	struct msg_identify m = { 1, 1, { 0 }, z == FULL ? UINT64_MAX : z, { 0 }, { 0 } };

	FILL(m.environment, 9);
	FILL(m.nonce, 10);
	FILL(m.random, 11);
	return m;
}

static struct msg_csr csr(enum size z)
{
	struct msg_csr m = { .serial = text(one_of(z, "7", "KR-000001", text32)),
			     .chip = some(200, pick(z, 0, 12, 32)),
			     .firmware = text(one_of(z, "", "0.1.0", text32)) };

	FILL(m.point, 12);
	FILL(m.nonce, 13);
	FILL(m.firmware_digest, 14);
	return m;
}

static struct msg_cert cert(enum size z)
{
	struct msg_cert m = { .cert = some(1, pick(z, 1, 420, CERT_MAX)),
			      .anchor = some(2, pick(z, 1, 430, CERT_MAX)),
			      .config = text(one_of(z, "", "environment = test\n", text256)) };

	FILL(m.root, 15);
	return m;
}

/* A body of the given type and size. */
static enum err body_of(uint8_t *out, size_t *len, size_t room, unsigned type, enum size z)
{
	struct msg_done done;
	size_t head;

	FILL(done.cert_digest, 16);
	switch (type) {
	case MSG_HELLO:
		return msg_put_hello(out, len, room, (struct msg_hello[]){ hello(z) });
	case MSG_OFFER:
		return msg_put_offer(out, len, room, (struct msg_offer[]){ offer(z) });
	case MSG_KEY:
		return msg_put_key(out, len, room, (struct msg_key[]){ key(z) }, &head);
	case MSG_ZEROIZE:
		return msg_put_zeroize(out, len, room, (struct msg_zeroize[]){ zeroize(z) });
	case MSG_RECEIPT:
		return msg_put_receipt(out, len, room, (struct msg_receipt[]){ receipt(z) });
	case MSG_ABORT:
		return msg_put_abort(out, len, room, &(struct msg_abort){ z == FULL ? 0xffff : (uint16_t)(50 * z) });
	case MSG_UPDATE:
		return msg_put_update(out, len, room, (struct msg_update[]){ update(z) });
	case MSG_IDENTIFY:
		return msg_put_identify(out, len, room, (struct msg_identify[]){ identify(z) });
	case MSG_CSR:
		return msg_put_csr(out, len, room, (struct msg_csr[]){ csr(z) });
	case MSG_CERT:
		return msg_put_cert(out, len, room, (struct msg_cert[]){ cert(z) });
	default:
		return msg_put_done(out, len, room, &done);
	}
}

/* A whole message; returns its length, and the body's. */
static size_t message_of(uint8_t out[static MSG_MAX], size_t *body, unsigned type, enum size z)
{
	uint8_t sig[P256_SIG];
	size_t len = 0;

	FILL(sig, 17);
	ck_assert_int_eq(body_of(out, &len, MSG_MAX, type, z), E_OK);
	*body = len;
	if (msg_signed(type))
		ck_assert_int_eq(msg_seal(out, &len, MSG_MAX, sig), E_OK);
	return len;
}

START_TEST(what_is_put_comes_back)
{
	uint8_t type = types[_i / SIZES], in[MSG_MAX], out[MSG_MAX];
	size_t head, n, len = 0;
	const uint8_t *sig;
	struct span body;

	n = message_of(in, &head, type, (enum size)(_i % SIZES));
	ck_assert_int_eq(msg_open(&body, &sig, type, (struct span){ in, n }), E_OK);
	ck_assert_uint_eq(body.len, head);
	ck_assert_ptr_eq(sig, msg_signed(type) ? in + head : NULL);
	ck_assert_int_eq(recode(out, &len, type, body), E_OK);
	ck_assert_uint_eq(len, head);
	ck_assert_mem_eq(out, in, len);
}
END_TEST

/* Field by field, so that no two of them may have changed places in both encoder and decoder. */
START_TEST(every_field_comes_back)
{
	uint8_t b[MSG_MAX];
	size_t n, head;

	for (enum size z = SMALL; z < SIZES; z++) {
		struct msg_hello h = hello(z), h2;
		struct msg_offer o = offer(z), o2;
		struct msg_key k = key(z), k2;
		struct msg_zeroize ze = zeroize(z), ze2;
		struct msg_receipt r = receipt(z), r2;
		struct msg_update u = update(z), u2;
		struct msg_identify i = identify(z), i2;
		struct msg_csr c = csr(z), c2;
		struct msg_cert ce = cert(z), ce2;

#define SAME(a, b) ck_assert_mem_eq((a), (b), sizeof(a))
#define SAME_SPAN(a, b) ck_assert((a).len == (b).len && !memcmp((a).p ? (a).p : b_, (b).p ? (b).p : b_, (a).len))
		const uint8_t b_[1] = { 0 };

		ck_assert_int_eq(msg_put_hello(b, &n, sizeof b, &h), E_OK);
		ck_assert_int_eq(msg_get_hello(&h2, (struct span){ b, n }), E_OK);
		ck_assert(h.version == h2.version && h.suite == h2.suite && h.utc == h2.utc);
		SAME(h.environment, h2.environment);
		SAME(h.nonce, h2.nonce);
		SAME_SPAN(h.cert, h2.cert);

		ck_assert_int_eq(msg_put_offer(b, &n, sizeof b, &o), E_OK);
		ck_assert_int_eq(msg_get_offer(&o2, (struct span){ b, n }), E_OK);
		ck_assert(o.load_count == o2.load_count && o.slots == o2.slots);
		SAME_SPAN(o.cert, o2.cert);
		SAME(o.nonce, o2.nonce);
		SAME(o.point, o2.point);
		SAME_SPAN(o.firmware, o2.firmware);
		SAME(o.firmware_digest, o2.firmware_digest);
		for (int s = 0; s < o.slots; s++) {
			ck_assert(o.slot[s].index == o2.slot[s].index && o.slot[s].state == o2.slot[s].state &&
				  o.slot[s].scheme == o2.slot[s].scheme);
			SAME_SPAN(o.slot[s].ksn, o2.slot[s].ksn);
			SAME_SPAN(o.slot[s].kcv, o2.slot[s].kcv);
			SAME(o.slot[s].key_hash, o2.slot[s].key_hash);
		}

		ck_assert_int_eq(msg_put_key(b, &n, sizeof b, &k, &head), E_OK);
		ck_assert_int_eq(msg_get_key(&k2, (struct span){ b, n }), E_OK);
		ck_assert(k.slot == k2.slot && k.scheme == k2.scheme && k.items == k2.items && k2.head.len == head);
		ck_assert_ptr_eq(k2.head.p, b);
		SAME(k.environment, k2.environment);
		SAME(k.usage, k2.usage);
		SAME_SPAN(k.ksn, k2.ksn);
		SAME(k.point, k2.point);
		ck_assert_mem_eq(b + head - P256_POINT, k.point, P256_POINT); /* ctx ends with the point */
		for (int s = 0; s < k.items; s++) {
			SAME(k.item[s].label, k2.item[s].label);
			SAME_SPAN(k.item[s].wrapped, k2.item[s].wrapped);
		}

		ck_assert_int_eq(msg_put_zeroize(b, &n, sizeof b, &ze), E_OK);
		ck_assert_int_eq(msg_get_zeroize(&ze2, (struct span){ b, n }), E_OK);
		ck_assert(ze.slot == ze2.slot && ze.reason == ze2.reason);
		SAME(ze.environment, ze2.environment);

		ck_assert_int_eq(msg_put_receipt(b, &n, sizeof b, &r), E_OK);
		ck_assert_int_eq(msg_get_receipt(&r2, (struct span){ b, n }), E_OK);
		ck_assert(r.result == r2.result && r.slot == r2.slot && r.load_count == r2.load_count);
		SAME_SPAN(r.ksn, r2.ksn);
		SAME_SPAN(r.kcv, r2.kcv);

		ck_assert_int_eq(msg_put_update(b, &n, sizeof b, &u), E_OK);
		ck_assert_int_eq(msg_get_update(&u2, (struct span){ b, n }), E_OK);
		ck_assert_uint_eq(u.slot, u2.slot);
		SAME_SPAN(u.block, u2.block);

		ck_assert_int_eq(msg_put_identify(b, &n, sizeof b, &i), E_OK);
		ck_assert_int_eq(msg_get_identify(&i2, (struct span){ b, n }), E_OK);
		ck_assert(i.version == i2.version && i.suite == i2.suite && i.utc == i2.utc);
		SAME(i.environment, i2.environment);
		SAME(i.nonce, i2.nonce);
		SAME(i.random, i2.random);

		ck_assert_int_eq(msg_put_csr(b, &n, sizeof b, &c), E_OK);
		ck_assert_int_eq(msg_get_csr(&c2, (struct span){ b, n }), E_OK);
		SAME_SPAN(c.serial, c2.serial);
		SAME(c.point, c2.point);
		SAME(c.nonce, c2.nonce);
		SAME_SPAN(c.chip, c2.chip);
		SAME_SPAN(c.firmware, c2.firmware);
		SAME(c.firmware_digest, c2.firmware_digest);

		ck_assert_int_eq(msg_put_cert(b, &n, sizeof b, &ce), E_OK);
		ck_assert_int_eq(msg_get_cert(&ce2, (struct span){ b, n }), E_OK);
		SAME(ce.root, ce2.root);
		SAME_SPAN(ce.cert, ce2.cert);
		SAME_SPAN(ce.anchor, ce2.anchor);
		SAME_SPAN(ce.config, ce2.config);
	}
}
END_TEST

START_TEST(a_body_cut_anywhere_or_with_a_byte_more_is_refused)
{
	uint8_t type = types[_i / SIZES], in[MSG_MAX + 1], out[MSG_MAX];
	size_t n, len;

	message_of(in, &n, type, (enum size)(_i % SIZES));
	for (size_t cut = 0; cut < n; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1); /* so that a sanitizer sees one byte too far */
		enum err e;

		if (!exact)
			exit(2);
		memcpy(exact, in, cut);
		e = recode(out, &len, type, (struct span){ exact, cut });
		free(exact);
		if (e != E_SHORT && e != E_FORMAT)
			ck_abort_msg("%s cut to %zu of %zu: %s", msg_name(type), cut, n, err_name(e));
	}
	in[n] = 0;
	ck_assert_int_eq(recode(out, &len, type, (struct span){ in, n + 1 }), E_FORMAT);
}
END_TEST

/* The broken twin of a decoder, which does not ask rd_end() about what is left over, takes the byte more. */
START_TEST(a_decoder_that_does_not_look_at_the_end_is_caught)
{
	static const uint8_t abort_body[] = { 0, 50, 0 };
	struct msg_abort m;
	struct rd r;

	rd_init(&r, abort_body, sizeof abort_body);
	ck_assert_uint_eq(rd_u16(&r), 50);
	ck_assert_int_eq(r.e, E_OK);
	ck_assert_int_eq(msg_get_abort(&m, SPAN(abort_body)), E_FORMAT);
	ck_assert_uint_eq(m.reason, 0);
}
END_TEST

START_TEST(an_encoder_writes_no_further_than_it_may)
{
	uint8_t type = types[_i], in[MSG_MAX + 1];
	size_t n, len = 99;

	message_of(in, &n, type, FULL);
	for (size_t room = 0; room < n; room++) {
		in[room] = 0xa5;
		if (body_of(in, &len, room, type, FULL) != E_SPACE || in[room] != 0xa5)
			ck_abort_msg("%s in %zu of %zu bytes", msg_name(type), room, n);
	}
	ck_assert_uint_eq(len, 99);
	ck_assert_int_eq(body_of(in, &len, n, type, FULL), E_OK);
	if (msg_signed(type)) {
		ck_assert_int_eq(msg_seal(in, &len, n + P256_SIG - 1, bytes), E_SPACE);
		ck_assert_uint_eq(len, n);
		ck_assert_int_eq(msg_seal(in, &len, n + P256_SIG, bytes), E_OK);
		ck_assert_uint_eq(len, n + P256_SIG);
	}
}
END_TEST

START_TEST(the_largest_of_each_fits_one_payload)
{
	uint8_t in[MSG_MAX];
	size_t body;

	ck_assert_uint_le(message_of(in, &body, types[_i], FULL), MSG_MAX);
	ck_assert_uint_eq(MSG_MAX + 1, LINK_PAYLOAD);
}
END_TEST

START_TEST(open_takes_known_types_of_a_possible_length)
{
	static const uint8_t m[MSG_MAX + 1];
	struct span body;
	const uint8_t *sig;

	for (unsigned type = 0; type < 300; type++) {
		bool known = type < 256 && memchr(types, (int)type, TYPES);
		enum err shorter = msg_signed(type) ? E_SHORT : E_OK; /* shorter than a signature */

		ck_assert_int_eq(msg_name(type) != NULL, known);
		ck_assert_int_eq(msg_open(&body, &sig, type, (struct span){ m, MSG_MAX }), known ? E_OK : E_FORMAT);
		ck_assert_int_eq(msg_open(&body, &sig, type, SPAN(m)), E_FORMAT);
		ck_assert(!body.p && !sig);
		ck_assert_int_eq(msg_open(&body, &sig, type, (struct span){ m, P256_SIG - 1 }),
				 known ? shorter : E_FORMAT);
	}
}
END_TEST

/* One field at a time out of its range: the encoder refuses it. */
START_TEST(an_encoder_refuses_what_is_out_of_range)
{
	uint8_t b[MSG_MAX];
	size_t n = 99, head = 99;

#define REFUSED(name, change)                                                                                          \
	do {                                                                                                           \
		struct msg_##name m = name(MIDDLE);                                                                    \
		change;                                                                                                \
		ck_assert_msg(msg_put_##name(b, &n, sizeof b, &m) == E_RANGE, #name ": " #change);                     \
	} while (0)
#define KEY_REFUSED(change)                                                                                            \
	do {                                                                                                           \
		struct msg_key m = key(MIDDLE);                                                                        \
		change;                                                                                                \
		ck_assert_msg(msg_put_key(b, &n, sizeof b, &m, &head) == E_RANGE, "key: " #change);                    \
	} while (0)

	REFUSED(hello, m.cert.len = 0);
	REFUSED(hello, m.cert.len = CERT_MAX + 1);
	REFUSED(offer, m.cert.len = 0);
	REFUSED(offer, m.cert.len = CERT_MAX + 1);
	REFUSED(offer, m.firmware = some(0, 33));
	REFUSED(offer, m.firmware = text("0.1\n"));
	REFUSED(offer, m.firmware = text("0.1\x7f"));
	REFUSED(offer, m.slots = 0);
	REFUSED(offer, m.slots = MSG_SLOTS + 1);
	REFUSED(offer, m.slot[1].index = m.slot[0].index);
	REFUSED(offer, m.slot[0].index = 9);
	REFUSED(offer, m.slot[1].index = MSG_SLOT_ALL);
	REFUSED(offer, m.slot[1].state = 3);
	REFUSED(offer, m.slot[1].state = SLOT_EMPTY);
	REFUSED(offer, m.slot[0].scheme = 1);
	REFUSED(offer, m.slot[1].scheme = 0);
	REFUSED(offer, m.slot[1].ksn.len = 8);
	REFUSED(offer, m.slot[1].ksn.len = 11);
	REFUSED(offer, m.slot[1].kcv.len = 4);
	REFUSED(offer, m.slot[1].kcv.len = 6);
	KEY_REFUSED(m.slot = MSG_SLOT_ALL);
	KEY_REFUSED(m.scheme = 0);
	KEY_REFUSED(m.usage[0] = 'b');
	KEY_REFUSED(m.usage[1] = 0);
	KEY_REFUSED(m.ksn.len = 0);
	KEY_REFUSED(m.ksn.len = 11);
	KEY_REFUSED(m.items = 3);
	KEY_REFUSED(m.items = 1);
	KEY_REFUSED(m.item[0] = m.item[1]);
	KEY_REFUSED(memcpy(m.item[0].label, "KRM1-IK", 7));
	KEY_REFUSED(m.item[1].label[6] = 'r');
	KEY_REFUSED(m.item[0].wrapped.len = 8);
	KEY_REFUSED(m.item[0].wrapped.len = 17);
	KEY_REFUSED(m.item[1].wrapped.len = 48);
	REFUSED(zeroize, m.reason = 0);
	REFUSED(zeroize, m.reason = 4);
	REFUSED(receipt, m.ksn.len = 9);
	REFUSED(receipt, m.kcv.len = 2);
	REFUSED(update, m.slot = MSG_SLOT_ALL);
	REFUSED(update, m.block.len = 0);
	REFUSED(update, m.block = text("D0144\n"));
	REFUSED(update, m.block = text("D0144\x7f"));
	REFUSED(update, m.block = some(0, 513));
	REFUSED(csr, m.serial = text(""));
	REFUSED(csr, m.serial = text("0123456789abcdefghijKLMNOPQRST-zz"));
	REFUSED(csr, m.serial = text("KR 1"));
	REFUSED(csr, m.serial = text("KR/1"));
	REFUSED(csr, m.serial = text("KR\xc4\x91"));
	REFUSED(csr, m.chip = some(0, 33));
	REFUSED(csr, m.firmware = text("\x1b[31m"));
	REFUSED(cert, m.cert.len = 0);
	REFUSED(cert, m.cert.len = CERT_MAX + 1);
	REFUSED(cert, m.anchor.len = 0);
	REFUSED(cert, m.anchor.len = CERT_MAX + 1);
	REFUSED(cert, m.config = text("\t"));
	REFUSED(cert, m.config = some(0, 257));
	ck_assert(n == 99 && head == 99);
}
END_TEST

/* The same from the other side: every value of every byte. What is accepted is canonical, and ranges do bite. */
START_TEST(a_decoder_accepts_only_what_its_encoder_makes)
{
	uint8_t type = types[_i], in[MSG_MAX], out[MSG_MAX];
	unsigned refused = 0;
	size_t n, len;

	message_of(in, &n, type, MIDDLE);
	for (size_t at = 0; at < n; at++) {
		uint8_t was = in[at];

		for (unsigned v = 0; v < 256; v++) {
			enum err e;

			in[at] = (uint8_t)v;
			len = 0;
			e = recode(out, &len, type, (struct span){ in, n });
			refused += e != E_OK;
			if (e ? e != E_SHORT && e != E_FORMAT : len != n || memcmp(out, in, n))
				ck_abort_msg("%s, byte %zu = %02x: %s", msg_name(type), at, v, err_name(e));
		}
		in[at] = was;
	}
	if (type != MSG_ABORT && type != MSG_IDENTIFY && type != MSG_DONE) /* these three have no ranges */
		ck_assert_uint_gt(refused, 0);
}
END_TEST

/* 8080... is above n / 2; the head of what it is lowered to, by hand: FFFFFFFF00000000FFFFFFFF... - 8080... */
START_TEST(a_signature_has_one_form)
{
	static const uint8_t lowered[] = { 0x7f, 0x7f, 0x7f, 0x7e, 0x7f, 0x7f, 0x7f, 0x80, 0x7f };
	uint8_t m[1 + P256_SIG] = { MSG_SLOT_ALL }, high[P256_SIG];
	const uint8_t *sig;
	struct span body;
	size_t len = 1;

	memset(high, 0x80, sizeof high);
	ck_assert_int_eq(msg_seal(m, &len, sizeof m, high), E_OK);
	ck_assert_mem_eq(m + 1, high, 32);
	ck_assert_mem_eq(m + 1 + 32, lowered, sizeof lowered);
	for (size_t i = 0; i < TYPES; i++)
		ck_assert_int_eq(msg_open(&body, &sig, types[i], (struct span){ m, len }), E_OK);
	memcpy(m + 1, high, P256_SIG);
	for (size_t i = 0; i < TYPES; i++) {
		enum err want = msg_signed(types[i]) ? E_SIGNATURE : E_OK;

		ck_assert_int_eq(msg_open(&body, &sig, types[i], (struct span){ m, len }), want);
		ck_assert(!want || (!body.p && !sig));
	}
}
END_TEST

START_TEST(a_key_without_items_is_encoded_for_its_head_and_never_decoded)
{
	struct msg_key m = key(MIDDLE), back;
	uint8_t bare[MSG_MAX], whole[MSG_MAX];
	size_t n, head, all, head2;

	ck_assert_int_eq(msg_put_key(whole, &all, sizeof whole, &m, &head2), E_OK);
	m.items = 0;
	ck_assert_int_eq(msg_put_key(bare, &n, sizeof bare, &m, &head), E_OK);
	ck_assert_uint_eq(head, head2);
	ck_assert_uint_eq(n, head + 1);
	ck_assert_mem_eq(bare, whole, head);
	ck_assert_int_eq(msg_get_key(&back, (struct span){ bare, n }), E_FORMAT);
}
END_TEST

START_TEST(an_error_leaves_nothing_behind)
{
	static const struct msg_offer zero;
	struct msg_offer m;
	uint8_t in[MSG_MAX];
	size_t n;

	message_of(in, &n, MSG_OFFER, FULL);
	memset(&m, 0xff, sizeof m);
	ck_assert_int_eq(msg_get_offer(&m, (struct span){ in, n - 1 }), E_SHORT);
	ck_assert_mem_eq(&m, &zero, sizeof m);
}
END_TEST

/*
 * The seeds of the fuzz targets are the middle-sized messages, bare and framed. KEYROOM_WRITE_CORPUS=1 writes them
 * anew.
 */
START_TEST(the_corpus_holds_a_seed_of_every_type)
{
	const char *top = getenv("SRC");
	uint8_t payload[LINK_PAYLOAD] = { types[_i] }, wire[LINK_WIRE], got[LINK_WIRE];
	struct {
		const char *area;
		const uint8_t *p;
		size_t n;
	} seed[] = { { "message", payload, 0 }, { "link", wire, 0 } };
	struct frame frame = { (uint8_t)(1 + _i % 2), 0x7e7d0000u + (unsigned)_i, 1, { payload, 0 } };
	size_t body;

	seed[0].n = 1 + message_of(payload + 1, &body, types[_i], MIDDLE);
	frame.payload.len = seed[0].n;
	ck_assert_int_eq(link_encode(wire, &seed[1].n, sizeof wire, &frame), E_OK);
	for (int i = 0; i < 2; i++) {
		char path[512];
		FILE *f;

		snprintf(path, sizeof path, "%s/tests/corpus/%s/%s", top ? top : ".", seed[i].area,
			 msg_name(types[_i]));
		if (getenv("KEYROOM_WRITE_CORPUS")) {
			f = fopen(path, "wb");
			ck_assert_msg(f && fwrite(seed[i].p, 1, seed[i].n, f) == seed[i].n && !fclose(f), "%s", path);
		}
		f = fopen(path, "rb");
		ck_assert_msg(f != NULL, "%s", path);
		ck_assert_uint_eq(fread(got, 1, sizeof got, f), seed[i].n);
		ck_assert_mem_eq(got, seed[i].p, seed[i].n);
		fclose(f);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("message");
	TCase *t = tcase_create("message");

	fill(bytes, sizeof bytes, 3);
	memset(text256, 'x', 256);
	memset(text512, 'D', 512);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, what_is_put_comes_back, 0, TYPES * SIZES);
	tcase_add_test(t, every_field_comes_back);
	tcase_add_loop_test(t, a_body_cut_anywhere_or_with_a_byte_more_is_refused, 0, TYPES * SIZES);
	tcase_add_test(t, a_decoder_that_does_not_look_at_the_end_is_caught);
	tcase_add_loop_test(t, an_encoder_writes_no_further_than_it_may, 0, TYPES);
	tcase_add_loop_test(t, the_largest_of_each_fits_one_payload, 0, TYPES);
	tcase_add_test(t, open_takes_known_types_of_a_possible_length);
	tcase_add_test(t, an_encoder_refuses_what_is_out_of_range);
	tcase_add_loop_test(t, a_decoder_accepts_only_what_its_encoder_makes, 0, TYPES);
	tcase_add_test(t, a_signature_has_one_form);
	tcase_add_test(t, a_key_without_items_is_encoded_for_its_head_and_never_decoded);
	tcase_add_test(t, an_error_leaves_nothing_behind);
	tcase_add_loop_test(t, the_corpus_holds_a_seed_of_every_type, 0, TYPES);
	suite_add_tcase(s, t);
	return test_main(s);
}
