/*
 * A hostile station, for tests: it has the load room's station socket, terminals that it legitimately is (enrolled keys
 * of its own) and forged ones, and tries what it likes.
 *
 *     rogue enrol --listen PATH --serial S --key PEM --cert DER
 *     rogue attack --room DIR --rounds N [--seed N] --set ID:FIRST:LAST... --terminal SERIAL:PEM:DER...
 *                  --forged SERIAL:PEM:DER... [--twin certified|range|once]
 *
 * enrol   is a blank terminal with that identity key on a UNIX socket, until it has its certificate; prints SPKI as its
 *         display.
 * attack  scenes first, each with the end that the design gives it, then N random acts: ops in any order with fields
 *         right, wrong and hurt, OFFERs and RECEIPTs of every terminal with lies in them, raw bytes. After each the
 *         room has to answer INFO on people.sock. The last set must have few ids, and is used up; the first two sets
 *         are TDES and AES.
 *
 * Whatever comes back as a KEY is opened with every ephemeral key it holds. Violations are lines on standard error, and
 * status 1:
 *   - a KEY that answers anything but an OFFER signed now by the certified terminal that the session names;
 *   - a KEY that it cannot open with that OFFER's ephemeral key, or can open with another;
 *   - a device id outside its set, for two terminals or slots, or sent again after the next one was;
 *   - a RECEIPT accepted that no certified terminal signed; no answer; an answer that is no record.
 * --twin  the broken twin: it believes that its first terminal is forged, that the sets end one id earlier, or that a
 *         KSN may be sent once only. It has to find violations in an honest room.
 */
#include "bdk/request.h"
#include "base/hex.h"
#include "crypto/cert.h"
#include "crypto/cmac.h"
#include "crypto/des.h"
#include "crypto/kbkdf.h"
#include "crypto/keywrap.h"
#include "crypto/sha256.h"
#include "protocol/link.h"
#include "protocol/transcript.h"
#include "tests/lib/peer.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { RECORD = 65536, SETS = 4, TERMINALS = 8, SLOTS = 4, CONNS = 6, HELD = 12, KSNS = 4096, TDES = 1, AES128 = 2 };

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "rogue: %s: %s\n", what, why);
	exit(70);
}

static void need(enum err e, const char *what)
{
	if (e)
		die(what, err_text(e));
}

/* --- Random: the acts from a seed, keys and nonces new in every run
 * ------------------------------------------------------ */

static uint64_t seed;

/* splitmix64 */
static uint64_t roll(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned dice(unsigned n)
{
	return (unsigned)(roll() % n);
}

static void fresh(uint8_t *out, size_t len)
{
	if (getrandom(out, len, 0) != (ssize_t)len)
		die("getrandom", strerror(errno));
}

static void fresh_key(struct key *priv, uint8_t point[static P256_POINT])
{
	uint8_t entropy[48];
	struct drbg d;

	fresh(entropy, sizeof entropy);
	need(drbg_seed(&d, &SPAN(entropy), 1), "drbg");
	need(p256_generate(priv, &d), "p256");
	need(p256_public(point, priv), "p256");
}

/* --- Terminals
 * ------------------------------------------------------------------------------------------------------------- */

static struct terminal {
	char serial[33];
	bool certified;
	struct key identity;
	uint8_t point[P256_POINT], cert[CERT_MAX];
	size_t cert_len;
	uint32_t load_count;
	struct held {
		uint8_t state, scheme, ksn[12], ksn_len, kcv[5], kcv_len, hash[32];
		uint32_t load_count;
	} slot[SLOTS];
} terminal[TERMINALS];
static unsigned terminals, certified; /* the certified ones come first */

static struct set {
	char id[17];
	unsigned long first, last;
} set[SETS];
static unsigned sets;

static bool twin_once;
static unsigned long violations, requests, keys;

static void violation(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void violation(const char *format, ...)
{
	va_list a;

	violations++;
	va_start(a, format);
	fputs("rogue: violation: ", stderr);
	vfprintf(stderr, format, a);
	fputc('\n', stderr);
	va_end(a);
}

static size_t read_file(uint8_t *out, size_t size, const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f)
		die(path, strerror(errno));
	n = fread(out, 1, size, f);
	fclose(f);
	return n;
}

static void read_identity(struct terminal *t, const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *pkey = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	BIGNUM *d = NULL;

	if (!pkey || !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) ||
	    BN_bn2binpad(d, t->identity.b, 32) != 32)
		die(path, "no EC key");
	t->identity.len = 32;
	need(p256_public(t->point, &t->identity), path);
	BN_clear_free(d);
	EVP_PKEY_free(pkey);
	fclose(f);
}

/* Sign a body as what comes after t. */
static void seal(uint8_t *out, size_t *len, const struct transcript *t, enum msg_type type, const struct key *signer)
{
	uint8_t digest[32], sig[P256_SIG];

	need(transcript_digest(digest, t, type, (struct span){ out, *len }), "digest");
	need(p256_sign(sig, signer, digest), "sign");
	need(msg_seal(out, len, MSG_MAX, sig), "seal");
}

/* --- Enrolment: an honest terminal, for once
 * ---------------------------------------------------------------------------- */

static int unix_socket(const char *path, int type, struct sockaddr_un *a)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (fd < 0 || strlen(path) >= sizeof a->sun_path)
		die(path, "no socket");
	memcpy(a->sun_path, path, strlen(path));
	return fd;
}

static size_t enrol_answer(uint8_t reply[static LINK_PAYLOAD], struct terminal *t, struct transcript *said,
			   struct span in)
{
	struct span message = { in.p + 1, in.len ? in.len - 1 : 0 };
	struct msg_csr csr = { .serial = { (const uint8_t *)t->serial, strlen(t->serial) }, .firmware = message };
	struct msg_done done;
	struct msg_cert cert;
	enum msg_type type;
	uint8_t digest[32];
	size_t len = 0;

	if (!in.len)
		return 0;
	if (in.p[0] == MSG_IDENTIFY) {
		type = MSG_CSR;
		csr.firmware = (struct span){ (const uint8_t *)"rogue", 5 };
		memcpy(csr.point, t->point, sizeof csr.point);
		fresh(csr.nonce, sizeof csr.nonce);
		need(transcript_start(said), "transcript");
		need(msg_put_csr(reply + 1, &len, MSG_MAX, &csr), "CSR");
		need(p256_spki_digest(digest, t->point), "SPKI");
		printf("SPKI ");
		for (int i = 0; i < 16; i++)
			printf("%02X", digest[i]);
		putchar('\n');
		fflush(stdout);
	} else {
		type = MSG_DONE;
		need(msg_get_cert(&cert, (struct span){ message.p, message.len - P256_SIG }), "CERT");
		memcpy(t->cert, cert.cert.p, cert.cert.len);
		t->cert_len = cert.cert.len;
		need(sha256(done.cert_digest, &cert.cert, 1), "DONE");
		need(msg_put_done(reply + 1, &len, MSG_MAX, &done), "DONE");
	}
	need(transcript_add(said, (enum msg_type)in.p[0], message), "transcript");
	seal(reply + 1, &len, said, type, &t->identity);
	need(transcript_add(said, type, (struct span){ reply + 1, len }), "transcript");
	reply[0] = (uint8_t)type;
	return len + 1;
}

static int enrol(const char *path, struct terminal *t, const char *cert_path)
{
	static struct link_peer peer;
	static struct link_rx rx;
	static uint8_t reply[LINK_PAYLOAD], wire[LINK_WIRE];
	struct transcript said = { { 0 } };
	struct sockaddr_un a;
	int listener = unix_socket(path, SOCK_STREAM, &a), fd;
	uint8_t byte;
	FILE *f;

	unlink(path);
	if (bind(listener, (struct sockaddr *)&a, sizeof a) || listen(listener, 1))
		die(path, strerror(errno));
	puts("rogue: listening");
	fflush(stdout);
	fd = accept(listener, NULL, NULL);
	while (!t->cert_len && read(fd, &byte, 1) == 1) {
		struct frame in;
		size_t len;

		if (link_push(&rx, &in, byte) || link_peer_request(&peer, &in))
			continue;
		len = enrol_answer(reply, t, &said, in.payload);
		need(link_peer_reply(&peer, (struct span){ reply, len }), "reply");
		need(peer_encode(&peer, wire, &len, sizeof wire), "reply");
		if (write(fd, wire, len) != (ssize_t)len)
			die(path, strerror(errno));
	}
	f = fopen(cert_path, "wb");
	if (!t->cert_len || !f || fwrite(t->cert, 1, t->cert_len, f) != t->cert_len || fclose(f))
		die(cert_path, "no certificate");
	return 0;
}

/* --- The socket: a codec of its own, which makes what bdk/record.h would not
 * -------------------------------------------- */

static const char *room;

static struct conn {
	int fd; /* -1: none */
	/* what it has said, as far as it was accepted */
	bool session, greeted;
	struct set *set;
	unsigned slot, named, who; /* named: a bit a terminal */
	struct transcript t;       /* with HELLO */
} conn[CONNS];

static struct wr out;
static uint8_t out_b[RECORD + 4096], in_b[RECORD];
static struct span answer; /* fields of the last answer */

static void begin(unsigned op)
{
	wr_init(&out, out_b, sizeof out_b);
	wr_u16(&out, op);
}

static void put(unsigned tag, struct span value)
{
	wr_u16(&out, tag);
	wr_span16(&out, value);
}

static void put_text(unsigned tag, const char *text)
{
	put(tag, (struct span){ (const uint8_t *)text, strlen(text) });
}

static void put_number(unsigned tag, uint64_t n)
{
	uint8_t b[8];

	put_be64(b, n);
	put(tag, SPAN(b));
}

static struct span get(struct span fields, unsigned tag)
{
	struct rd r;

	rd_init(&r, fields.p, fields.len);
	while (r.left) {
		unsigned is = rd_u16(&r);
		struct span v = rd_span16(&r);

		if (is == tag || r.e)
			return v;
	}
	return (struct span){ NULL, 0 };
}

static void close_conn(struct conn *c)
{
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct conn){ .fd = -1 };
}

static void open_conn(struct conn *c, const char *name)
{
	struct timeval ten = { .tv_sec = 10 };
	struct sockaddr_un a;
	char path[256];

	close_conn(c);
	snprintf(path, sizeof path, "%s/%s.sock", room, name);
	c->fd = unix_socket(path, SOCK_SEQPACKET, &a);
	if (connect(c->fd, (struct sockaddr *)&a, sizeof a))
		die(path, strerror(errno));
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &ten, sizeof ten);
}

/* Send what stands in out; the answer's result. E_GONE: the room ended the connection, which is closed here too. */
static enum err tell(struct conn *c)
{
	unsigned op = out.len >= 2 ? get_be16(out_b) : 0;
	struct span result;
	struct rd r;
	ssize_t n;

	requests++;
	answer = (struct span){ NULL, 0 };
	if (c->fd < 0)
		open_conn(c, "station");
	n = send(c->fd, out_b, out.len, MSG_NOSIGNAL);
	n = n < 0 ? 0 : recv(c->fd, in_b, sizeof in_b, 0);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		violation("no answer to op %u in 10 s", op);
	if (n <= 0) {
		close_conn(c);
		return E_GONE;
	}
	rd_init(&r, in_b, (size_t)n);
	if (rd_u16(&r) != op)
		violation("op %u is answered as %u", op, get_be16(in_b));
	answer = (struct span){ r.p, r.left };
	while (r.left && !r.e) {
		rd_u16(&r);
		rd_span16(&r);
	}
	result = get(answer, F_RESULT);
	if (r.e || result.len != 8) {
		violation("the answer to op %u is no record", op);
		return E_FORMAT;
	}
	return (enum err)get_be64(result.p);
}

static void still_there(void)
{
	static struct conn people = { .fd = -1 };
	unsigned long before = requests;
	enum err e;

	if (people.fd < 0)
		open_conn(&people, "people");
	begin(OP_INFO);
	e = tell(&people);
	requests = before;
	if (e) {
		violation("INFO on people.sock: %s", err_text(e));
		exit(1); /* there is nothing left to attack */
	}
}

/* --- What the room may do
 * ----------------------------------------------------------------------------------------------- */

/* OFFERs that it signed, and the keys to open what answers them. */
static struct offer {
	struct key ephemeral;
	uint8_t point[P256_POINT], nonce[MSG_NONCE];
	struct transcript t; /* with OFFER */
	bool honest;         /* may be answered with a KEY for: */
	unsigned who, slot;
} offers[HELD];
static unsigned offer_count;
static struct offer seen; /* one that the room has taken: it remembers its nonce and point */

static struct given {
	uint8_t ksn[12], len;
	unsigned who, slot;
	struct key ik;
	bool retired; /* the next id was sent since */
} given[KSNS];
static unsigned given_count;

static bool open_key(struct key *ik, const struct offer *o, const struct msg_key *m)
{
	struct key z, kek, piece;
	uint8_t ctx[32];

	*ik = (struct key){ .len = 0 };
	if (transcript_ctx(ctx, &o->t, m->head) || p256_ecdh(&z, &o->ephemeral, m->point))
		return false;
	for (unsigned i = 0; i < m->items; i++) {
		need(kbkdf(&kek, &z, m->item[i].label, ctx), "kbkdf");
		if (keywrap_unwrap(&piece, &kek, m->item[i].wrapped.p, m->item[i].wrapped.len) ||
		    ik->len + piece.len > 32)
			return false;
		memcpy(ik->b + ik->len, piece.b, piece.len);
		ik->len = (uint8_t)(ik->len + piece.len);
	}
	return true;
}

/* X9.24-1: 19 bits of device id over 21 of counter; X9.24-3: 32 over 32. Not within the set: -1. */
static long long device_id(const struct set *s, struct span ksn)
{
	uint64_t low = 0;
	uint8_t id[8];
	size_t len = 0;

	if (hex_decode(id, &len, sizeof id, s->id, strlen(s->id)) || ksn.len != (len == 5 ? 10 : 12) ||
	    memcmp(ksn.p, id, len) != 0)
		return -1;
	for (size_t i = len; i < ksn.len; i++)
		low = low << 8 | ksn.p[i];
	if (low & (len == 5 ? 0x1fffff : 0xffffffff))
		return -1; /* a counter that has begun */
	low >>= len == 5 ? 21 : 32;
	return low >= s->first && low <= s->last ? (long long)low : -1;
}

static void remember_ksn(struct span ksn, const struct offer *o, const struct key *ik)
{
	struct given *g = given, *end = given + given_count;

	while (g < end && (g->len != ksn.len || memcmp(g->ksn, ksn.p, ksn.len) != 0)) {
		if (g->ik.len == ik->len && !memcmp(g->ik.b, ik->b, ik->len))
			violation("one initial key under two KSNs");
		g++;
	}
	if (g < end) {
		if (g->who != o->who || g->slot != o->slot)
			violation("a KSN of %s slot %u goes to %s slot %u", terminal[g->who].serial, g->slot,
				  terminal[o->who].serial, o->slot);
		if (g->retired || twin_once)
			violation("a KSN that was given up is sent again to %s", terminal[o->who].serial);
		if (memcmp(g->ik.b, ik->b, sizeof ik->b) != 0)
			violation("two initial keys under one KSN");
		return;
	}
	for (g = given; g < end; g++)
		g->retired = g->retired || (g->who == o->who && g->slot == o->slot);
	if (given_count == KSNS)
		die("KSNs", "too many");
	*end = (struct given){ .len = (uint8_t)ksn.len, .who = o->who, .slot = o->slot, .ik = *ik };
	memcpy(end->ksn, ksn.p, ksn.len);
	given_count++;
}

/* A KEY has come as the answer to o; hold it against every rule. False where there is nothing to go on with. */
static bool judge_key(struct msg_key *m, struct key *ik, const struct conn *c, const struct offer *o,
		      struct span message)
{
	const uint8_t *sig;
	struct span body;
	struct key other;

	keys++;
	if (msg_open(&body, &sig, MSG_KEY, message) || msg_get_key(m, body)) {
		violation("a KEY that is none");
		return false;
	}
	for (unsigned i = 0; i < HELD && i < offer_count; i++)
		if (&offers[i] != o && open_key(&other, &offers[i], m))
			violation("a KEY opens for another OFFER");
	if (!o->honest) {
		violation("a KEY answers a bad OFFER of %s", terminal[o->who].serial);
		if (open_key(ik, o, m))
			violation("... and it opens");
		return false;
	}
	if (!open_key(ik, o, m)) {
		violation("a KEY that does not open");
		return false;
	}
	if (m->slot != c->slot)
		violation("a KEY for slot %u in a session for slot %u", m->slot, c->slot);
	if (device_id(c->set, m->ksn) < 0)
		violation("a KSN outside key set %s", c->set->id);
	remember_ksn(m->ksn, o, ik);
	return true;
}

/* --- The steps of a loading, with lies
 * ---------------------------------------------------------------------------------- */

static enum err open_session(struct conn *c, struct set *s, unsigned slot, unsigned named)
{
	enum err e;

	begin(OP_SESSION);
	put_text(F_KEY_SET, s->id);
	put_number(F_SLOT, slot);
	for (unsigned i = 0; i < terminals; i++)
		if (named & 1u << i)
			put_text(F_SERIAL, terminal[i].serial);
	e = tell(c);
	if (!e) {
		c->session = true;
		c->set = s;
		c->slot = slot;
		c->named = named;
	}
	return e;
}

static bool names(const struct conn *c, const char *serial)
{
	for (unsigned i = 0; i < terminals; i++)
		if (c->named & 1u << i && !strcmp(terminal[i].serial, serial))
			return c->session;
	return false;
}

static enum err greet(struct conn *c, unsigned who)
{
	enum err e;

	begin(OP_BEGIN);
	put_text(F_SERIAL, terminal[who].serial);
	e = tell(c);
	if (e != E_GONE)
		c->greeted = false;
	if (e)
		return e;
	if (!names(c, terminal[who].serial))
		violation("HELLO for %s, which the session does not name", terminal[who].serial);
	c->greeted = true;
	c->who = who;
	need(transcript_start(&c->t), "transcript");
	need(transcript_add(&c->t, MSG_HELLO, get(answer, F_MESSAGE)), "transcript");
	return E_OK;
}

enum lie {
	HONEST,
	OTHER_KEY,  /* the certificate is right, the signature another key's */
	OTHER_CERT, /* signed by its key, with another terminal's certificate */
	OFF_CURVE,
	OLD_NONCE,
	OLD_POINT,
	OLD_HELLO, /* signed over a HELLO of nobody */
	HURT,      /* a flipped bit */
	CUT,
	NO_SLOT, /* it does not show the slot that is to be loaded */
	LIES,
	HIGH_COUNT = LIES /* signed, and true as far as the room can know: loads that were never made */
};

/* What terminal `who` offers, with a lie in it; o remembers what opens the answer. */
static size_t make_offer(uint8_t b[static MSG_MAX], struct offer **o, const struct conn *c, unsigned who, enum lie lie)
{
	struct terminal *t = &terminal[who];
	const struct terminal *shown = lie == OTHER_CERT ? &terminal[(who + 1) % terminals] : t;
	struct msg_offer m = { .cert = { shown->cert, shown->cert_len }, .firmware = { (const uint8_t *)"rogue", 5 } };
	struct transcript said = c->t;
	struct key signer = t->identity;
	struct offer *keep;
	size_t len = 0;

	if (!seen.honest && (lie == OLD_NONCE || lie == OLD_POINT))
		lie = OTHER_KEY;
	keep = &offers[offer_count++ % HELD];
	fresh_key(&keep->ephemeral, keep->point);
	fresh(keep->nonce, sizeof keep->nonce);
	memcpy(m.point, keep->point, sizeof m.point);
	memcpy(m.nonce, keep->nonce, sizeof m.nonce);
	if (lie == HIGH_COUNT)
		t->load_count++;
	m.load_count = t->load_count;
	for (unsigned i = 0; i < SLOTS; i++) {
		const struct held *h = &t->slot[i];

		if (lie == NO_SLOT && i == c->slot)
			continue;
		m.slot[m.slots] = (struct msg_slot){ .index = (uint8_t)i,
						     .state = h->state,
						     .scheme = h->scheme,
						     .ksn = { h->ksn, h->ksn_len },
						     .kcv = { h->kcv, h->kcv_len } };
		memcpy(m.slot[m.slots++].key_hash, h->hash, sizeof h->hash);
	}
	if (lie == OFF_CURVE)
		m.point[64] ^= 1;
	if (lie == OLD_NONCE)
		memcpy(m.nonce, seen.nonce, sizeof m.nonce);
	if (lie == OLD_POINT)
		memcpy(m.point, seen.point, sizeof m.point);
	if (lie == OTHER_KEY) {
		uint8_t point[P256_POINT];

		fresh_key(&signer, point);
	}
	if (lie == OLD_HELLO)
		fresh(said.h, sizeof said.h);
	need(msg_put_offer(b, &len, MSG_MAX, &m), "OFFER");
	seal(b, &len, &said, MSG_OFFER, &signer);
	if (lie == HURT)
		b[dice((unsigned)len)] ^= (uint8_t)(1u << dice(8));
	if (lie == CUT)
		len = dice((unsigned)len);
	keep->t = said;
	need(transcript_add(&keep->t, MSG_OFFER, (struct span){ b, len }), "transcript");
	keep->who = who;
	keep->slot = c->slot;
	keep->honest = (lie == HONEST || lie == HIGH_COUNT) && t->certified && c->greeted &&
		       !strcmp(terminal[c->who].serial, t->serial);
	*o = keep;
	return len;
}

/* What the last KEY that was opened said, for a RECEIPT or a later OFFER. */
static struct {
	bool there;
	unsigned who, slot;
	struct held held;
} opened;

/* OFFER and what comes back. E_OK with m->ksn.len 0: the OFFER was the receipt. m points into in_b. */
static enum err offer(struct msg_key *m, struct conn *c, unsigned who, enum lie lie)
{
	uint8_t b[MSG_MAX], zero[16] = { 0 };
	struct transcript t;
	struct span message;
	struct offer *o;
	struct key ik;
	size_t len = make_offer(b, &o, c, who, lie);
	enum err e;

	*m = (struct msg_key){ .items = 0 };
	begin(OP_OFFER);
	put(F_MESSAGE, (struct span){ b, len });
	e = tell(c);
	c->greeted = false;
	if (o->honest && (e == E_OK || e == E_LOADED))
		seen = *o;
	if (e)
		return e;
	message = get(answer, F_MESSAGE);
	if (!message.len) {
		if (!o->honest)
			violation("a bad OFFER of %s is taken as a receipt", terminal[who].serial);
		return E_OK;
	}
	if (!judge_key(m, &ik, c, o, message))
		return E_OK;
	t = o->t;
	need(transcript_add(&t, MSG_KEY, message), "transcript");
	opened.there = true;
	opened.who = who;
	opened.slot = c->slot;
	opened.held = (struct held){ .state = SLOT_LOADED,
				     .scheme = m->scheme,
				     .ksn_len = (uint8_t)m->ksn.len,
				     .kcv_len = m->scheme == TDES ? 3 : 5,
				     .load_count = terminal[who].load_count + 1 };
	memcpy(opened.held.ksn, m->ksn.p, m->ksn.len);
	memcpy(opened.held.hash, t.h, sizeof t.h);
	if (m->scheme == TDES)
		need(des_ecb(zero, &ik, ENCRYPT, zero, 1), "check value");
	else
		need(cmac_aes(zero, &ik, zero, sizeof zero), "check value");
	memcpy(opened.held.kcv, zero, opened.held.kcv_len);
	return E_OK;
}

/* Be the terminal that took the KEY. */
static void accept_key(void)
{
	struct terminal *t = &terminal[opened.who];

	if (opened.there && t->slot[opened.slot].state == SLOT_EMPTY && t->load_count + 1 == opened.held.load_count) {
		t->slot[opened.slot] = opened.held;
		t->load_count++;
	}
}

/* ... and that lost it again, as ZEROIZE would have it: what it last held stays known. */
static void empty(struct held *h)
{
	h->state = h->scheme = h->kcv_len = 0;
}

/* A RECEIPT for a slot of `who`, told as being of `as`. lie: 0 none, 1 hurt, 2 another key's, 3 other words, 4 cut */
static enum err receipt(struct conn *c, unsigned who, unsigned as, unsigned slot, unsigned lie)
{
	struct terminal *t = &terminal[who];
	const struct held *h = &t->slot[slot];
	struct msg_receipt m = { .slot = (uint8_t)slot,
				 .ksn = { h->ksn, h->ksn_len },
				 .kcv = { h->kcv, h->kcv_len },
				 .load_count = h->load_count };
	uint8_t b[MSG_MAX];
	struct transcript said;
	size_t len = 0;
	enum err e;

	if (lie == 3)
		m.load_count += 1 + dice(3);
	memcpy(said.h, h->hash, sizeof said.h);
	need(msg_put_receipt(b, &len, MSG_MAX, &m), "RECEIPT");
	seal(b, &len, &said, MSG_RECEIPT, lie == 2 ? &terminal[(who + 1) % terminals].identity : &t->identity);
	if (lie == 1)
		b[dice((unsigned)len)] ^= (uint8_t)(1u << dice(8));
	if (lie == 4)
		len = dice((unsigned)len);
	begin(OP_RECEIPT);
	put_text(F_SERIAL, terminal[as].serial);
	put(F_MESSAGE, (struct span){ b, len });
	e = tell(c);
	if (!e && (lie || strcmp(terminal[as].serial, t->serial) || !t->certified || h->state == SLOT_EMPTY))
		violation("a bad RECEIPT of %s is accepted", t->serial);
	return e;
}

static enum err abandon(struct conn *c, const char *reason)
{
	begin(OP_ABORT);
	put_text(F_REASON, reason);
	c->greeted = false;
	return tell(c);
}

/* --- Scenes
 * ----------------------------------------------------------------------------------------------------------------- */

static void expect(enum err got, enum err want, const char *scene)
{
	if (got != want)
		violation("%s: %s, not %s", scene, err_name(got), err_name(want));
}

/* Begin again and offer: a loading of terminal `who` in c's session. */
static enum err again(struct msg_key *m, struct conn *c, unsigned who, enum lie lie)
{
	enum err e = greet(c, who);

	return e ? e : offer(m, c, who, lie);
}

/* However often the KEY is asked for and the RECEIPT kept back, it is one KSN; the next OFFER settles it. */
static void withheld_receipts(struct conn *c)
{
	struct msg_key m;
	unsigned before = given_count;

	expect(open_session(c, &set[0], 0, 1), E_OK, "withheld receipts");
	for (int i = 0; i < 6; i++)
		expect(again(&m, c, 0, HONEST), E_OK, "withheld receipts");
	if (given_count != before + 1)
		violation("withheld receipts: %u KSNs", given_count - before);
	accept_key();
	expect(again(&m, c, 0, HONEST), E_OK, "an OFFER that is the receipt");
	if (m.ksn.len)
		violation("a loaded slot gets a KEY");
	expect(again(&m, c, 0, HONEST), E_LOADED, "a loaded slot");
	expect(receipt(c, 0, 0, 0, 0), E_OK, "the RECEIPT, late");
	for (unsigned lie = 1; lie <= 4; lie++)
		if (!receipt(c, 0, 0, 0, lie))
			violation("lie %u in a RECEIPT", lie);
	close_conn(c);
}

/* A slot has its own id; an OFFER without the slot, or a KEY asked for twice at once, gives no more. */
static void switched_slots(struct conn *a, struct conn *b)
{
	struct msg_key m;
	unsigned before = given_count;

	expect(open_session(a, &set[0], 1, 3), E_OK, "switched slots");
	expect(open_session(a, &set[0], 2, 3), E_DENIED, "a second session on one connection");
	close_conn(a);
	expect(open_session(a, &set[0], 1, 3), E_OK, "switched slots");
	expect(open_session(b, &set[1], 1, 3), E_OK, "the same slot, another key set");
	expect(again(&m, a, 0, NO_SLOT), E_SLOT, "an OFFER without the slot");
	expect(greet(a, 0), E_OK, "switched slots");
	expect(greet(b, 0), E_OK, "the same terminal on two connections");
	expect(offer(&m, a, 0, HONEST), E_OK, "switched slots");
	expect(offer(&m, b, 0, HONEST), E_DENIED, "a slot that waits for a KSN of another key set");
	close_conn(b);
	expect(open_session(b, &set[0], 2, 3), E_OK, "another slot");
	expect(again(&m, b, 0, HONEST), E_OK, "another slot");
	if (given_count != before + 2)
		violation("two slots and %u KSNs", given_count - before);
	expect(offer(&m, b, 0, HONEST), E_DENIED, "an OFFER without a HELLO");
	close_conn(a);
	close_conn(b);
}

/* Aborting costs no id. Claiming loads that the room did not see costs one each, and its signature for each: possibly
 * loaded. */
static void used_up_ids(struct conn *c)
{
	struct set *s = &set[sets - 1];
	unsigned before = given_count;
	struct msg_key m;
	enum err e;

	expect(open_session(c, s, 0, 2), E_OK, "aborting");
	for (int i = 0; i < 20; i++) {
		expect(again(&m, c, 1, HONEST), E_OK, "aborting");
		expect(abandon(c, "the rogue's pleasure"), E_OK, "aborting");
	}
	if (given_count != before + 1)
		violation("aborting costs %u ids", given_count - before);
	for (unsigned long i = s->first; i < s->last; i++)
		expect(again(&m, c, 1, HIGH_COUNT), E_OK, "burning ids");
	e = again(&m, c, 1, HIGH_COUNT);
	expect(e, E_KEY_SET_FULL, "a key set that is used up");
	if (given_count != before + 1 + s->last - s->first)
		violation("%lu ids and %u KSNs", s->last - s->first + 1, given_count - before);
	close_conn(c);
	expect(open_session(c, &set[0], 0, 2), E_OK, "the next key set");
	expect(again(&m, c, 1, HONEST), E_OK, "the next key set");
	close_conn(c);
}

/* Forged terminals, and lies of real ones. */
static void forgeries(struct conn *c)
{
	static const enum err ends[LIES] = {
		[OTHER_KEY] = E_SIGNATURE, [OTHER_CERT] = E_SERIAL, [OFF_CURVE] = E_POINT,
		[OLD_NONCE] = E_REPLAY,    [OLD_POINT] = E_REPLAY,  [OLD_HELLO] = E_SIGNATURE
	};
	struct msg_key m;
	enum err e;

	expect(open_session(c, &set[0], 3, (1u << terminals) - 1), E_OK, "forgeries");
	for (unsigned i = certified; i < terminals; i++) {
		e = again(&m, c, i, HONEST);
		expect(e, e == E_SERIAL ? e : E_CERTIFICATE,
		       "a forged certificate"); /* E_SERIAL: a real one of another */
	}
	expect(again(&m, c, 1, HONEST), E_OK, "forgeries");
	for (unsigned i = 0; i < LIES; i++)
		if (ends[i])
			expect(again(&m, c, 0, (enum lie)i), ends[i], "a lie in an OFFER");
	close_conn(c);
}

/* More connections than there may be, one that never reads, one that only listens: the people's socket answers
 * throughout. */
static void crowd(void)
{
	enum { MANY = 90 };
	struct conn many[MANY];

	for (int i = 0; i < MANY; i++) {
		many[i] = (struct conn){ .fd = -1 };
		open_conn(&many[i], "station");
		if (i % 30 == 0)
			still_there();
	}
	for (int i = 0; i < MANY; i++)
		close_conn(&many[i]);
	open_conn(&many[0], "station");
	begin(OP_HISTORY);
	for (int i = 0; i < 3000 && send(many[0].fd, out_b, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) > 0; i++)
		;
	still_there();
	close_conn(&many[0]);
}

/* --- Random acts
 * ------------------------------------------------------------------------------------------------------------ */

static void put_anything(void)
{
	static const unsigned tags[] = { F_KEY_SET, F_SLOT, F_SERIAL, F_MESSAGE, F_REASON,  F_SINCE, F_SEQUENCE,
					 F_RESULT,  F_ROW,  F_CERT,   F_SCHEME,  F_PACKAGE, F_DIGEST };
	unsigned tag = dice(8) ? tags[dice(sizeof tags / sizeof tags[0])] : dice(65536);
	uint8_t b[600];
	size_t len = dice(4) ? dice(40) : dice(sizeof b);

	switch (dice(6)) {
	case 0:
		put_number(tag, dice(2) ? dice(10) : roll());
		break;
	case 1:
		put_text(tag, terminal[dice(terminals)].serial);
		break;
	case 2:
		put_text(tag, set[dice(sets)].id);
		break;
	default:
		for (size_t i = 0; i < len; i++)
			b[i] = (uint8_t)roll();
		put(tag, (struct span){ b, len });
	}
}

/* Any op with any fields: nothing of it may be taken for a KEY. */
static void anything(struct conn *c)
{
	static const unsigned ops[] = { OP_SESSION, OP_BEGIN, OP_OFFER, OP_RECEIPT, OP_ABORT, OP_HISTORY };
	unsigned op = dice(3) ? ops[dice(6)] : dice(80);
	enum err e;

	begin(op);
	for (unsigned n = dice(6); n; n--)
		put_anything();
	e = tell(c);
	if (!e && (op == OP_OFFER || op == OP_RECEIPT))
		violation("op %u takes anything", op);
	if (!e && get(answer, F_MESSAGE).len && op != OP_BEGIN)
		violation("op %u gives a message away", op);
	/* It may have opened a session or ended a loading: begin anew rather than guess. */
	close_conn(c);
}

/* Bytes, or a right request that is hurt. */
static void raw(struct conn *c)
{
	static const size_t lengths[] = { 0, 1, 2, 3, 5, 9, 64, 4096, RECORD - 1, RECORD, RECORD + 1, RECORD + 4000 };

	if (dice(2)) {
		out.len = lengths[dice(sizeof lengths / sizeof lengths[0])];
		for (size_t i = 0; i < out.len; i++)
			out_b[i] = (uint8_t)(i < 2 && dice(2) ? (i ? OP_SESSION + dice(6) : 0) : roll());
	} else {
		begin(OP_SESSION + dice(6));
		put_text(F_KEY_SET, set[0].id);
		put_number(F_SLOT, 0);
		put_text(F_SERIAL, terminal[0].serial);
		if (dice(2))
			out.len -= dice((unsigned)out.len);
		else
			out_b[dice((unsigned)out.len)] ^= (uint8_t)(1u << dice(8));
	}
	if (out.len)
		tell(c);
	close_conn(c);
}

static void act(void)
{
	struct conn *c = &conn[dice(CONNS)];
	struct msg_key m;
	unsigned who = dice(terminals);

	switch (dice(17)) {
	case 0:
		anything(c);
		break;
	case 1:
		raw(c);
		break;
	case 2:
		close_conn(c);
		break;
	case 3:
		/* Half of them name nobody, somebody else, or no key set. */
		if (!open_session(c, &set[dice(sets)], dice(SLOTS + 6), dice(1u << terminals)) && c->slot >= 8)
			violation("a session for slot %u", c->slot);
		break;
	case 4:
		abandon(c, dice(4) ? "no more" : "");
		break;
	case 5:
		receipt(c, who, dice(8) ? who : dice(terminals), dice(SLOTS), dice(2) ? 0 : dice(5));
		break;
	case 6:
		accept_key();
		break;
	case 7:
		offer(&m, c, who, (enum lie)dice(LIES + 1)); /* in whatever state that connection is */
		break;
	case 8:
		begin(OP_HISTORY);
		put_number(F_SINCE, dice(2) ? 0 : roll());
		if (!tell(c) && get(answer, F_MESSAGE).len)
			violation("HISTORY gives a message away");
		break;
	case 9:
		empty(&terminal[dice(certified)].slot[dice(SLOTS)]);
		break;
	default:
		/* What a station does, with one lie in three */
		if (!c->session && open_session(c, &set[dice(2)], dice(SLOTS), (1u << terminals) - 1))
			break;
		if (!greet(c, dice(4) ? dice(certified) : who) && dice(8))
			offer(&m, c, dice(12) ? c->who : who, dice(3) ? HONEST : (enum lie)dice(LIES + 1));
	}
}

/* --- Command line
 * ------------------------------------------------------------------------------------------------------------ */

/* SERIAL:PEM:DER */
static void add_terminal(char *text, bool is_certified)
{
	struct terminal *t = &terminal[terminals];
	char *key = strchr(text, ':'), *cert = key ? strchr(key + 1, ':') : NULL;

	if (!cert || terminals == TERMINALS || (size_t)(key - text) >= sizeof t->serial ||
	    (is_certified && terminals != certified))
		die(text, "SERIAL:PEM:DER, the certified ones first");
	*key = *cert = 0;
	strcpy(t->serial, text);
	read_identity(t, key + 1);
	t->cert_len = read_file(t->cert, sizeof t->cert, cert + 1);
	t->certified = is_certified;
	terminals++;
	certified += is_certified;
}

int main(int argc, char **argv)
{
	const char *listen_at = NULL, *cert = NULL, *twin = "";
	unsigned long rounds = 0;
	int i;

	fresh((uint8_t *)&seed, 4);
	for (i = 2; i + 1 < argc; i += 2) {
		char *v = argv[i + 1];

		if (!strcmp(argv[i], "--listen")) {
			listen_at = v;
		} else if (!strcmp(argv[i], "--serial")) {
			snprintf(terminal[0].serial, sizeof terminal[0].serial, "%s", v);
		} else if (!strcmp(argv[i], "--key")) {
			read_identity(&terminal[0], v);
		} else if (!strcmp(argv[i], "--cert")) {
			cert = v;
		} else if (!strcmp(argv[i], "--room")) {
			room = v;
		} else if (!strcmp(argv[i], "--rounds")) {
			rounds = strtoul(v, NULL, 10);
		} else if (!strcmp(argv[i], "--seed")) {
			seed = strtoull(v, NULL, 10);
		} else if (!strcmp(argv[i], "--set") && sets < SETS) {
			if (sscanf(v, "%16[^:]:%lu:%lu", set[sets].id, &set[sets].first, &set[sets].last) != 3)
				break;
			sets++;
		} else if (!strcmp(argv[i], "--terminal") || !strcmp(argv[i], "--forged")) {
			add_terminal(v, argv[i][2] == 't');
		} else if (!strcmp(argv[i], "--twin")) {
			twin = v;
		} else {
			break;
		}
	}
	if (i == argc && !strcmp(argv[1], "enrol") && listen_at && cert && *terminal[0].serial &&
	    terminal[0].identity.len)
		return enrol(listen_at, &terminal[0], cert);
	if (i != argc || strcmp(argv[1], "attack") || !room || sets < 3 || certified < 2) {
		fprintf(stderr, "usage: rogue enrol --listen PATH --serial S --key PEM --cert DER\n"
				"       rogue attack --room DIR --rounds N [--seed N] --set ID:FIRST:LAST... "
				"--terminal SERIAL:PEM:DER...\n"
				"             --forged SERIAL:PEM:DER... [--twin certified|range|once]\n");
		return 64;
	}
	twin_once = !strcmp(twin, "once");
	if (!strcmp(twin, "certified"))
		terminal[0].certified = false;
	for (unsigned s = 0; s < sets && !strcmp(twin, "range"); s++)
		set[s].last--;
	for (i = 0; i < CONNS; i++)
		conn[i].fd = -1;
	printf("rogue: seed %llu\n", (unsigned long long)seed);
	withheld_receipts(&conn[0]);
	switched_slots(&conn[0], &conn[1]);
	used_up_ids(&conn[0]);
	forgeries(&conn[0]);
	crowd();
	still_there();
	for (unsigned long n = 0; n < rounds; n++) {
		act();
		still_there();
	}
	printf("rogue: %lu requests, %lu KEYs for %u KSNs, %lu violations\n", requests, keys, given_count, violations);
	return violations != 0;
}
