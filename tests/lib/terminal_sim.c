#include "tests/lib/terminal_sim.h"
#include "tests/lib/test.h"
#include "crypto/kbkdf.h"
#include "crypto/keywrap.h"
#include "crypto/sha256.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t sim_reply[LINK_PAYLOAD];
size_t sim_reply_len;

/* A set-up that fails is no test result. */
static void must(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "terminal_sim: %s\n", what);
		abort();
	}
}

#define MUST(x) must(x, #x)

/* --- Hardware --- */

static size_t no_read(void *ctx, enum uart u, uint8_t *out, size_t size)
{
	(void)ctx, (void)u, (void)out, (void)size;
	return 0;
}

static void no_write(void *ctx, enum uart u, const uint8_t *in, size_t len)
{
	(void)ctx, (void)u, (void)in, (void)len;
}

static void display(void *ctx, const char *line)
{
	struct sim *s = ctx;

	MUST(strlen(line) <= DISPLAY_LINE);
	memmove(s->shown[1], s->shown[0], sizeof s->shown - sizeof s->shown[0]);
	strcpy(s->shown[0], line);
}

static enum err nv_read(void *ctx, uint32_t at, uint8_t *out, size_t len)
{
	const struct sim *s = ctx;

	MUST(at + len <= SIM_NV);
	memcpy(out, s->nv + at, len);
	return E_OK;
}

static enum err nv_write(void *ctx, uint32_t at, const uint8_t *in, size_t len)
{
	struct sim *s = ctx;

	MUST(at % 4 == 0 && len % 4 == 0 && at + len <= SIM_NV);
	for (size_t i = 0; i < len; i += 4) {
		if (!s->budget)
			return E_STORE;
		s->budget -= s->budget > 0;
		memcpy(s->nv + at + i, in + i, 4);
		s->written++;
		if (s->logged < SIM_WORDS) {
			s->log[s->logged].at = at + (uint32_t)i;
			memcpy(s->log[s->logged++].b, in + i, 4);
		}
	}
	return E_OK;
}

static enum err entropy(void *ctx, uint8_t *out, size_t len)
{
	struct sim *s = ctx;
	uint8_t b[32], count[4];

	memset(out, 0x55, len);
	for (size_t i = 0; s->noise != NOISE_STUCK && i < len; i++) {
		if (i % 32 == 0 && !(i && s->noise == NOISE_REPEATS)) {
			put_be32(count, s->entropy_count++);
			MUST(!sha256(b, &SPAN(count), 1));
		}
		out[i] = s->noise == NOISE_BIASED && i % 4 == 0 ? 0x77 : b[i % 32];
	}
	return s->noise == NOISE_FAILS ? E_RANDOM : E_OK;
}

static bool tamper(void *ctx)
{
	(void)ctx;
	return false;
}

static bool loading(void *ctx)
{
	return ((const struct sim *)ctx)->loading;
}

static uint32_t tick(void *ctx)
{
	return ((const struct sim *)ctx)->now;
}

static bool wait_never(void *ctx)
{
	(void)ctx;
	return false;
}

/* Private keys are the SHA-256 of their names. p256_public() refuses the one in 2^32 that is no key. */
static struct key key_named(const char *name, unsigned n)
{
	struct key k = { { 0 }, 32 };
	uint8_t b[1] = { (uint8_t)n };

	MUST(!sha256(k.b, (struct span[]){ { (const uint8_t *)name, strlen(name) }, SPAN(b) }, 2));
	return k;
}

static void spki_digest(uint8_t out[static 32], const struct key *priv)
{
	uint8_t point[P256_POINT];

	MUST(!p256_public(point, priv));
	MUST(!p256_spki_digest(out, point));
}

void sim_factory(struct sim *s, const char *serial)
{
	static const uint8_t chip[] = { 0xc0, 0xff, 0xee, 0x01 };
	struct key ca = key_named("device CA", 1);

	memset(s, 0, sizeof *s);
	s->budget = -1;
	s->loading = true;
	s->port = (struct port){
		.ctx = s,
		.serial = { (const uint8_t *)serial, strlen(serial) },
		.chip = SPAN(chip),
		.firmware = { (const uint8_t *)"sim 1", 5 },
		.firmware_digest = { 0xf1 },
		.nv_size = SIM_NV,
		.uart_read = no_read,
		.uart_write = no_write,
		.display = display,
		.nv_read = nv_read,
		.nv_write = nv_write,
		.entropy = entropy,
		.tamper = tamper,
		.loading = loading,
		.tick = tick,
		.wait = wait_never,
	};
	spki_digest(s->port.root, &ca);
}

enum err sim_boot(struct sim *s)
{
	s->written = 0;
	random_start(&s->random, &s->port, &s->store);
	krd_init(&s->krd, &s->port, &s->store, &s->random);
	trade_init(&s->trade, &s->port, &s->store, &s->random);
	s->krd.window.open = s->loading;
	s->krd.window.opened = s->krd.window.used = s->now;
	return store_open(&s->store, &s->port);
}

struct dukpt_registers sim_registers(struct store *s, unsigned slot)
{
	struct slot_record *draft;
	struct dukpt_registers r;

	MUST(!store_draft_slot(&draft, s, slot));
	r = draft->registers;
	store_drop(s);
	return r;
}

void sim_set_registers(struct store *s, unsigned slot, const struct dukpt_registers *r, enum slot_state state)
{
	struct slot_record *draft;

	MUST(!store_draft_slot(&draft, s, slot));
	draft->registers = *r;
	draft->slot.state = (uint8_t)state;
	MUST(!store_commit(s));
}

unsigned sim_ask(struct sim *s, unsigned type, struct span message)
{
	static uint8_t reply[LINK_PAYLOAD];
	uint8_t request[LINK_PAYLOAD] = { (uint8_t)type };
	size_t n;

	MUST(message.len < sizeof request);
	if (message.len)
		memcpy(request + 1, message.p, message.len);
	n = krd_answer(&s->krd, reply, (struct span){ request, 1 + message.len });
	sim_reply_len = n ? n - 1 : 0;
	memcpy(sim_reply, reply + 1, sim_reply_len);
	return n ? reply[0] : 0;
}

bool sim_abort(enum err reason)
{
	return sim_reply_len == 2 && get_be16(sim_reply) == reason;
}

/* --- Certificates --- */

static EVP_PKEY *public_key(const uint8_t point[static P256_POINT], const struct key *priv)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	BIGNUM *d = priv ? BN_bin2bn(priv->b, priv->len, NULL) : NULL;
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM *params;

	MUST(bld && ctx);
	MUST(OSSL_PARAM_BLD_push_utf8_string(bld, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1);
	MUST(OSSL_PARAM_BLD_push_octet_string(bld, OSSL_PKEY_PARAM_PUB_KEY, point, P256_POINT) == 1);
	if (d)
		MUST(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1);
	params = OSSL_PARAM_BLD_to_param(bld);
	MUST(params && EVP_PKEY_fromdata_init(ctx) == 1);
	MUST(EVP_PKEY_fromdata(ctx, &pkey, priv ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(ctx);
	BN_free(d);
	return pkey;
}

static void add_entry(X509_NAME *name, const char *field, const char *text)
{
	if (*text)
		MUST(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const uint8_t *)text, -1, -1, 0) == 1);
}

struct subject {
	const char *name, *unit, *serial;
	const uint8_t *point;
};

static void extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	MUST(ext && X509_add_ext(x, ext, -1) == 1);
	X509_EXTENSION_free(ext);
}

static size_t certify(uint8_t der[static CERT_MAX], const struct subject *who, const char *issuer, const struct key *ca,
		      bool is_ca, uint64_t from, uint64_t to)
{
	uint8_t ca_point[P256_POINT], *p = der;
	X509_NAME *issuer_name = X509_NAME_new();
	X509 *x = X509_new();
	EVP_PKEY *key = public_key(who->point, NULL), *signer;
	int len;

	MUST(x && issuer_name && !p256_public(ca_point, ca));
	signer = public_key(ca_point, ca);
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	add_entry(X509_get_subject_name(x), "CN", who->name);
	add_entry(X509_get_subject_name(x), "OU", who->unit);
	add_entry(X509_get_subject_name(x), "serialNumber", who->serial);
	add_entry(issuer_name, "CN", issuer);
	X509_set_issuer_name(x, issuer_name);
	ASN1_TIME_set(X509_getm_notBefore(x), (time_t)from);
	ASN1_TIME_set(X509_getm_notAfter(x), (time_t)to);
	X509_set_pubkey(x, key);
	extend(x, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
	extend(x, NID_key_usage, is_ca ? "critical,keyCertSign" : "critical,digitalSignature");
	MUST(X509_sign(x, signer, EVP_sha256()) > 0);
	len = i2d_X509(x, NULL);
	MUST(len > 0 && len <= CERT_MAX);
	i2d_X509(x, &p);
	X509_free(x);
	X509_NAME_free(issuer_name);
	EVP_PKEY_free(key);
	EVP_PKEY_free(signer);
	return (size_t)len;
}

/* --- The host --- */

#define DAY UINT64_C(86400)

void sim_kdh_certificate(struct sim_host *h, uint32_t epoch, uint64_t from, uint64_t to)
{
	uint8_t point[P256_POINT];
	char unit[32] = "";

	MUST(!p256_public(point, &h->kdh));
	if (epoch)
		snprintf(unit, sizeof unit, "epoch %u", epoch);
	h->kdh_cert_len = certify(h->kdh_cert, &(struct subject){ "KIF 1", unit, "", point }, "Test KIF CA", &h->kif_ca,
				  false, from, to);
}

void sim_host(struct sim_host *h, unsigned environment, uint32_t epoch)
{
	uint8_t point[P256_POINT];

	memset(h, 0, sizeof *h);
	h->ca = key_named("device CA", environment);
	h->kif_ca = key_named("KIF CA", environment);
	h->kdh = key_named("KDH", environment);
	h->utc = SIM_UTC;
	h->config = SIM_CONFIG "update = yes\n";
	spki_digest(h->environment, &h->kif_ca);
	spki_digest(h->root, &h->ca);
	MUST(!p256_public(point, &h->kif_ca));
	h->anchor_len = certify(h->anchor, &(struct subject){ "Test KIF CA", "", "", point }, "Test KIF CA", &h->kif_ca,
				true, SIM_UTC - 30 * DAY, SIM_UTC + 30 * DAY);
	sim_kdh_certificate(h, epoch, SIM_UTC - 30 * DAY, SIM_UTC + 30 * DAY);
}

/* Sign and add to the transcript. */
static size_t sign(struct sim_host *h, uint8_t *out, size_t len, enum msg_type type, const struct key *priv)
{
	uint8_t digest[32], sig[P256_SIG];

	MUST(!transcript_digest(digest, &h->t, type, (struct span){ out, len }));
	MUST(!p256_sign(sig, priv, digest));
	MUST(!msg_seal(out, &len, MSG_MAX, sig));
	MUST(!transcript_add(&h->t, type, (struct span){ out, len }));
	return len;
}

/* Verify the last reply as the terminal's next word. */
static bool verify(struct span *body, const struct sim_host *h, enum msg_type type, const uint8_t *signer)
{
	uint8_t digest[32];
	const uint8_t *sig;

	return !msg_open(body, &sig, type, (struct span){ sim_reply, sim_reply_len }) &&
	       !transcript_digest(digest, &h->t, type, *body) && !p256_verify(sig, signer, digest);
}

/* Different in every session, as a nonce is. */
static void fresh(struct sim_host *h, uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(h->sessions * 7 + i);
	h->sessions++;
}

size_t sim_identify(struct sim_host *h, uint8_t out[static MSG_MAX])
{
	struct msg_identify m = { .version = MSG_VERSION, .suite = MSG_SUITE, .utc = h->utc };
	size_t len;

	memcpy(m.environment, h->root, sizeof m.environment);
	fresh(h, m.nonce, sizeof m.nonce);
	fresh(h, m.random, sizeof m.random);
	MUST(!msg_put_identify(out, &len, MSG_MAX, &m));
	MUST(!transcript_start(&h->t));
	MUST(!transcript_add(&h->t, MSG_IDENTIFY, (struct span){ out, len }));
	return len;
}

bool sim_csr(struct sim_host *h)
{
	struct msg_csr m;
	struct span body = { sim_reply, sim_reply_len > P256_SIG ? sim_reply_len - P256_SIG : 0 };

	if (msg_get_csr(&m, body) || !verify(&body, h, MSG_CSR, m.point))
		return false;
	memcpy(h->device, m.point, sizeof h->device);
	return !transcript_add(&h->t, MSG_CSR, (struct span){ sim_reply, sim_reply_len });
}

size_t sim_cert(struct sim_host *h, uint8_t out[static MSG_MAX], const char *serial)
{
	struct msg_cert m = { .anchor = { h->anchor, h->anchor_len },
			      .config = { (const uint8_t *)h->config, strlen(h->config) } };
	size_t len;

	/* A ca room certifies once and sends the same certificate again. */
	if (!h->device_cert_len)
		h->device_cert_len = certify(h->device_cert, &(struct subject){ "terminal", "", serial, h->device },
					     "Test device CA", &h->ca, false, SIM_UTC - 30 * DAY, SIM_UTC + 3000 * DAY);
	m.cert = (struct span){ h->device_cert, h->device_cert_len };
	MUST(!p256_public(m.root, &h->ca));
	MUST(!msg_put_cert(out, &len, MSG_MAX, &m));
	return sign(h, out, len, MSG_CERT, &h->ca);
}

size_t sim_hello(struct sim_host *h, uint8_t out[static MSG_MAX])
{
	struct msg_hello m = {
		.version = MSG_VERSION, .suite = MSG_SUITE, .utc = h->utc, .cert = { h->kdh_cert, h->kdh_cert_len }
	};
	size_t len;

	memcpy(m.environment, h->environment, sizeof m.environment);
	fresh(h, m.nonce, sizeof m.nonce);
	MUST(!msg_put_hello(out, &len, MSG_MAX, &m));
	MUST(!transcript_start(&h->t));
	MUST(!transcript_add(&h->t, MSG_HELLO, (struct span){ out, len }));
	return len;
}

bool sim_offer(struct sim_host *h)
{
	struct span body, cert;

	body = (struct span){ sim_reply, sim_reply_len > P256_SIG ? sim_reply_len - P256_SIG : 0 };
	if (msg_get_offer(&h->offer, body))
		return false;
	cert = h->offer.cert;
	/* The host knows the terminal by its enrolment here; that its certificate verifies is a test of crypto/. */
	if (cert.len != h->device_cert_len || memcmp(cert.p, h->device_cert, cert.len) ||
	    !verify(&body, h, MSG_OFFER, h->device))
		return false;
	memcpy(h->ephemeral, h->offer.point, sizeof h->ephemeral);
	return !transcript_add(&h->t, MSG_OFFER, (struct span){ sim_reply, sim_reply_len });
}

struct sim_key sim_key_of(const struct sim_host *h, uint8_t slot, enum dukpt_scheme scheme, const char *ksn)
{
	struct sim_key k = { .slot = slot, .scheme = (uint8_t)scheme, .usage = "B1" };

	MUST(!ksn_parse(&k.ksn, ksn));
	memcpy(k.environment, h->environment, sizeof k.environment);
	k.ik = test_key(scheme == DUKPT_TDES ? "6AC292FAA1315B4D858AB3A3D7D5933A" : "1273671EA26AC29AFA4D1084127652A1");
	return k;
}

size_t sim_key(struct sim_host *h, uint8_t out[static MSG_MAX], const struct sim_key *k)
{
	static const char labels[3][7] = { { 'K', 'R', 'M', '1', '-', 'I', 'K' },
					   { 'K', 'R', 'M', '1', '-', 'I', 'L' },
					   { 'K', 'R', 'M', '1', '-', 'I', 'R' } };
	struct msg_key m = { .slot = k->slot,
			     .scheme = k->scheme,
			     .usage = { k->usage[0], k->usage[1] },
			     .ksn = { k->ksn.b, k->ksn.len } };
	uint8_t wrapped[2][KEYWRAP_MAX], ctx[32];
	size_t len, head;
	struct key z;

	h->own = key_named("host ephemeral", h->sessions++);
	memcpy(m.environment, k->environment, sizeof m.environment);
	MUST(!p256_public(m.point, &h->own));
	MUST(!msg_put_key(out, &len, MSG_MAX, &m, &head));
	MUST(!transcript_ctx(ctx, &h->t, (struct span){ out, head }));
	MUST(!p256_ecdh(&z, &h->own, h->ephemeral));
	m.items = k->scheme == DUKPT_TDES ? 2 : 1;
	for (unsigned i = 0; i < m.items; i++) {
		const char *label = labels[m.items == 2 ? i + 1 : 0];
		struct key kek, piece = { { 0 }, (uint8_t)(k->ik.len / m.items) };

		memcpy(piece.b, k->ik.b + i * piece.len, piece.len);
		memcpy(m.item[i].label, label, 7);
		MUST(!kbkdf(&kek, &z, label, ctx));
		MUST(!keywrap_wrap(wrapped[i], &m.item[i].wrapped.len, &kek, &piece));
		m.item[i].wrapped.p = wrapped[i];
	}
	MUST(!msg_put_key(out, &len, MSG_MAX, &m, &head));
	return sign(h, out, len, MSG_KEY, &h->kdh);
}

size_t sim_zeroize(struct sim_host *h, uint8_t out[static MSG_MAX], uint8_t slot)
{
	struct msg_zeroize m = { .slot = slot, .reason = ZEROIZE_DECOMMISSION };
	size_t len;

	memcpy(m.environment, h->environment, sizeof m.environment);
	MUST(!msg_put_zeroize(out, &len, MSG_MAX, &m));
	return sign(h, out, len, MSG_ZEROIZE, &h->kdh);
}

bool sim_receipt(struct msg_receipt *m, const struct sim_host *h)
{
	struct span body;

	return verify(&body, h, MSG_RECEIPT, h->device) && !msg_get_receipt(m, body);
}

/* --- Whole sessions --- */

bool sim_enrol(struct sim *s, struct sim_host *h)
{
	uint8_t out[MSG_MAX];
	char serial[33] = "";
	struct msg_done m;
	struct span body;
	size_t len;

	memcpy(serial, s->port.serial.p, s->port.serial.len);
	len = sim_identify(h, out);
	if (sim_ask(s, MSG_IDENTIFY, (struct span){ out, len }) != MSG_CSR || !sim_csr(h))
		return false;
	len = sim_cert(h, out, serial);
	return sim_ask(s, MSG_CERT, (struct span){ out, len }) == MSG_DONE && verify(&body, h, MSG_DONE, h->device) &&
	       !msg_get_done(&m, body);
}

bool sim_greet(struct sim *s, struct sim_host *h)
{
	uint8_t out[MSG_MAX];
	size_t len = sim_hello(h, out);

	return sim_ask(s, MSG_HELLO, (struct span){ out, len }) == MSG_OFFER && sim_offer(h);
}

bool sim_load(struct sim *s, struct sim_host *h, const struct sim_key *k)
{
	uint8_t out[MSG_MAX];
	struct msg_receipt m;
	size_t len;

	if (!sim_greet(s, h))
		return false;
	len = sim_key(h, out, k);
	return sim_ask(s, MSG_KEY, (struct span){ out, len }) == MSG_RECEIPT && sim_receipt(&m, h) && m.slot == k->slot;
}

void sim_loaded(struct sim *s, struct sim_host *h)
{
	struct sim_key tdes, aes;

	sim_factory(s, "SIM-1");
	sim_host(h, 1, 3);
	tdes = sim_key_of(h, 0, DUKPT_TDES, SIM_KSN_TDES);
	aes = sim_key_of(h, 1, DUKPT_AES128, SIM_KSN_AES);
	MUST(!sim_boot(s));
	MUST(sim_enrol(s, h));
	MUST(sim_load(s, h, &tdes));
	MUST(sim_load(s, h, &aes));
}
