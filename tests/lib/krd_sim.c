#include "tests/lib/krd_sim.h"
#include "crypto/keywrap.h"
#include "dukpt/kcv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(enum err e, const char *what)
{
	if (e) {
		fprintf(stderr, "krd_sim: %s: %s\n", what, err_text(e));
		exit(2);
	}
}

void krd_sim_make(struct krd_sim *k, struct room_sim *s, const char *serial)
{
	memset(k, 0, sizeof *k);
	snprintf(k->serial, sizeof k->serial, "%s", serial);
	room_sim_key(s, &k->identity, k->point);
}

void krd_sim_enrolled(struct krd_sim *k, struct room_sim *s, const char *serial)
{
	krd_sim_make(k, s, serial);
	k->cert = room_sim_issue(s, "device-ca", k->point, &(struct pki_subject){ serial, serial, NULL }, room_utc(),
				 365);
}

/* Nonces need to be new, not secret. */
static void nonce(struct room_sim *s, uint8_t out[static MSG_NONCE])
{
	memset(out, 0, MSG_NONCE);
	put_be32(out, ++s->keys);
}

static size_t seal(struct krd_sim *k, uint8_t *out, size_t len, enum msg_type type)
{
	uint8_t digest[32], sig[P256_SIG];

	need(transcript_digest(digest, &k->t, type, (struct span){ out, len }), "transcript_digest");
	need(p256_sign(sig, &k->identity, digest), "p256_sign");
	need(msg_seal(out, &len, MSG_MAX, sig), "msg_seal");
	return len;
}

static void begin(struct krd_sim *k, enum msg_type type, struct span message)
{
	need(transcript_start(&k->t), "transcript_start");
	need(transcript_add(&k->t, type, message), "transcript_add");
}

void krd_sim_hello(struct krd_sim *k, struct room_sim *s, struct span hello)
{
	struct msg_offer *m = &k->offer;

	begin(k, MSG_HELLO, hello);
	*m = (struct msg_offer){ .cert = der_span(&k->cert), .firmware = { (const uint8_t *)"sim 1", 5 },
				 .load_count = k->load_count, .slots = KRD_SIM_SLOTS };
	nonce(s, m->nonce);
	room_sim_key(s, &k->ephemeral, m->point);
	for (uint8_t i = 0; i < KRD_SIM_SLOTS; i++) {
		const struct krd_sim_slot *from = &k->slot[i];

		m->slot[i] = (struct msg_slot){ .index = i,
						.state = from->state,
						.scheme = from->scheme,
						.ksn = { from->ksn.b, from->ksn.len },
						.kcv = { from->kcv.b, from->kcv.len } };
		memcpy(m->slot[i].key_hash, from->key_hash, 32);
	}
}

size_t krd_sim_offer(struct krd_sim *k, uint8_t out[static MSG_MAX])
{
	size_t len = 0;

	need(msg_put_offer(out, &len, MSG_MAX, &k->offer), "msg_put_offer");
	len = seal(k, out, len, MSG_OFFER);
	need(transcript_add(&k->t, MSG_OFFER, (struct span){ out, len }), "transcript_add");
	return len;
}

bool krd_sim_key(struct krd_sim *k, struct room_sim *s, struct span key)
{
	uint8_t digest[32], ctx[32];
	struct krd_sim_slot got = { .state = SLOT_LOADED };
	struct key z, kek, half;
	const uint8_t *sig;
	struct msg_key m;
	struct cert kdh;
	struct span body;

	if (msg_open(&body, &sig, MSG_KEY, key) || msg_get_key(&m, body) ||
	    cert_verify(&kdh, der_span(&s->load.own), der_span(&s->ca.kif_ca), room_utc()) ||
	    transcript_digest(digest, &k->t, MSG_KEY, body) || p256_verify(sig, kdh.point, digest) ||
	    memcmp(m.environment, s->load.environment, 32) != 0 || memcmp(m.usage, "B1", 2) != 0 ||
	    m.slot >= KRD_SIM_SLOTS || k->slot[m.slot].state != SLOT_EMPTY || transcript_ctx(ctx, &k->t, m.head) ||
	    p256_ecdh(&z, &k->ephemeral, m.point))
		return false;
	for (unsigned i = 0; i < m.items; i++) {
		if (kbkdf(&kek, &z, m.item[i].label, ctx) ||
		    keywrap_unwrap(&half, &kek, m.item[i].wrapped.p, m.item[i].wrapped.len))
			return false;
		memcpy(got.ik.b + got.ik.len, half.b, half.len);
		got.ik.len = (uint8_t)(got.ik.len + half.len);
	}
	got.scheme = m.scheme;
	memcpy(got.ksn.b, m.ksn.p, m.ksn.len);
	got.ksn.len = (uint8_t)m.ksn.len;
	need(transcript_add(&k->t, MSG_KEY, key), "transcript_add");
	memcpy(got.key_hash, k->t.h, 32);
	got.load_count = ++k->load_count;
	need(kcv_compute(got.kcv.b, &got.kcv.len, (enum dukpt_scheme)m.scheme, &got.ik), "kcv_compute");
	k->slot[m.slot] = got;
	return true;
}

void krd_sim_receipt_of(struct krd_sim *k, uint8_t slot)
{
	const struct krd_sim_slot *from = &k->slot[slot];

	k->receipt = (struct msg_receipt){ .slot = slot, .ksn = { from->ksn.b, from->ksn.len },
					   .kcv = { from->kcv.b, from->kcv.len }, .load_count = from->load_count };
	memcpy(k->t.h, from->key_hash, 32);
}

size_t krd_sim_receipt(struct krd_sim *k, uint8_t out[static MSG_MAX])
{
	size_t len = 0;

	need(msg_put_receipt(out, &len, MSG_MAX, &k->receipt), "msg_put_receipt");
	return seal(k, out, len, MSG_RECEIPT);
}

void krd_sim_zeroize(struct krd_sim *k, uint8_t slot)
{
	struct krd_sim_slot left = { .ksn = k->slot[slot].ksn, .load_count = k->slot[slot].load_count };

	memcpy(left.key_hash, k->slot[slot].key_hash, 32);
	k->slot[slot] = left;
}

bool krd_sim_obey(struct krd_sim *k, struct room_sim *s, struct span zeroize)
{
	struct msg_zeroize m;
	const uint8_t *sig;
	uint8_t digest[32];
	struct cert kdh;
	struct span body;

	if (msg_open(&body, &sig, MSG_ZEROIZE, zeroize) || msg_get_zeroize(&m, body) ||
	    cert_verify(&kdh, der_span(&s->load.own), der_span(&s->ca.kif_ca), room_utc()) ||
	    transcript_digest(digest, &k->t, MSG_ZEROIZE, body) || p256_verify(sig, kdh.point, digest) ||
	    memcmp(m.environment, s->load.environment, 32) != 0 || (m.slot >= KRD_SIM_SLOTS && m.slot != MSG_SLOT_ALL))
		return false;
	need(transcript_add(&k->t, MSG_ZEROIZE, zeroize), "transcript_add");
	k->receipt = (struct msg_receipt){ .slot = m.slot, .load_count = k->load_count };
	if (m.slot != MSG_SLOT_ALL) {
		k->was = k->slot[m.slot].kcv;
		k->receipt.ksn = (struct span){ k->slot[m.slot].ksn.b, k->slot[m.slot].ksn.len };
		k->receipt.kcv = (struct span){ k->was.b, k->was.len };
	}
	for (uint8_t i = 0; i < KRD_SIM_SLOTS; i++)
		if (m.slot == i || m.slot == MSG_SLOT_ALL)
			krd_sim_zeroize(k, i);
	return true;
}

void krd_sim_identify(struct krd_sim *k, struct room_sim *s, struct span identify)
{
	begin(k, MSG_IDENTIFY, identify);
	k->csr = (struct msg_csr){ .serial = { (const uint8_t *)k->serial, strlen(k->serial) },
				   .firmware = { (const uint8_t *)"sim 1", 5 } };
	memcpy(k->csr.point, k->point, sizeof k->csr.point);
	nonce(s, k->csr.nonce);
}

size_t krd_sim_csr(struct krd_sim *k, uint8_t out[static MSG_MAX])
{
	size_t len = 0;

	need(msg_put_csr(out, &len, MSG_MAX, &k->csr), "msg_put_csr");
	len = seal(k, out, len, MSG_CSR);
	need(transcript_add(&k->t, MSG_CSR, (struct span){ out, len }), "transcript_add");
	return len;
}

bool krd_sim_cert(struct krd_sim *k, struct room_sim *s, struct span cert)
{
	/* only a test room writes more than the first line */
	const char *config = s->ca.config.test ? "environment = Test\nupdate = yes\nstrong = yes\n" : "environment = Test\n";
	uint8_t digest[32], root[32];
	const uint8_t *sig;
	struct msg_cert m;
	struct cert own;
	struct span body;

	if (msg_open(&body, &sig, MSG_CERT, cert) || msg_get_cert(&m, body) ||
	    transcript_digest(digest, &k->t, MSG_CERT, body) || p256_verify(sig, m.root, digest) ||
	    p256_spki_digest(root, m.root) || memcmp(root, s->ca.device_environment, 32) != 0 ||
	    cert_verify(&own, m.cert, der_span(&s->ca.device_ca), room_utc()) ||
	    memcmp(own.point, k->point, P256_POINT) != 0 || strcmp(own.serial, k->serial) != 0 ||
	    m.anchor.len != s->ca.kif_ca.len || memcmp(m.anchor.p, s->ca.kif_ca.b, m.anchor.len) != 0 ||
	    m.config.len != strlen(config) || memcmp(m.config.p, config, m.config.len) != 0)
		return false;
	memcpy(k->cert.b, m.cert.p, m.cert.len);
	k->cert.len = m.cert.len;
	need(transcript_add(&k->t, MSG_CERT, cert), "transcript_add");
	return true;
}

size_t krd_sim_done(struct krd_sim *k, uint8_t out[static MSG_MAX], const uint8_t cert_digest[static 32])
{
	struct msg_done m;
	size_t len = 0;

	memcpy(m.cert_digest, cert_digest, 32);
	need(msg_put_done(out, &len, MSG_MAX, &m), "msg_put_done");
	return seal(k, out, len, MSG_DONE);
}
