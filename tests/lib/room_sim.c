#include "tests/lib/room_sim.h"
#include "bdk/evident.h"
#include "bdk/pki_read.h"
#include "crypto/keywrap.h"
#include "crypto/sha256.h"
#include "dukpt/kcv.h"
#include "dukpt/tdes.h"
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL(s) ((struct span){ (const uint8_t *)(s), sizeof(s) })

static void need(enum err e, const char *what)
{
	if (e) {
		fprintf(stderr, "room_sim: %s: %s\n", what, err_text(e));
		exit(2);
	}
}

static void open_room(struct room *r, const char *dir)
{
	char why[ROOM_WHY] = "";
	enum err e = room_open(r, dir, why);

	need(e, *why ? why : dir);
}

static void make_room(struct room_sim *s, struct room *r, enum room_purpose purpose, const char *name)
{
	struct room_config config = { .purpose = purpose, .test = true };
	char dir[96], why[ROOM_WHY] = "";
	enum err e;

	snprintf(config.name, sizeof config.name, "%s", name);
	snprintf(dir, sizeof dir, "%s/%s", s->dir, name);
	e = room_init(dir, &config, &(struct room_birth){ .who.n = 0 }, why);
	need(e, *why ? why : dir);
	open_room(r, dir);
}

static void install(struct room_sim *s, struct room *r, const char *ca, const char *unit)
{
	struct pki_subject who = { r->config.name, NULL, unit };
	uint8_t point[P256_POINT];
	uint8_t number[20];
	struct room_certs in;
	char why[ROOM_WHY];
	struct cert says;
	struct der own;

	need(worker_point(r->worker, point, room_own_label(r)), room_own_label(r));
	own = room_sim_issue(s, ca, point, &who, room_utc(), 30);
	in = (struct room_certs){ der_span(&own), der_span(&s->ca.device_ca), der_span(&s->ca.kif_ca),
				  der_span(&s->ca.exchange_ca) };
	need(room_check_certs(&says, number, r, &in, why), "room_check_certs");
	need(room_install(r, &in), "room_install");
}

void room_sim_make(struct room_sim *s)
{
	memset(s, 0, sizeof *s);
	test_folder_make(s->dir, sizeof s->dir);
	make_room(s, &s->ca, ROOM_CA, "Test");
	make_room(s, &s->load, ROOM_LOAD, "KIF-1");
	make_room(s, &s->acquirer, ROOM_ACQUIRER, "Bank-1");
	install(s, &s->load, "kif-ca", "epoch 1");
	install(s, &s->acquirer, "exchange-ca", NULL);
	room_sim_crl(s, &s->load, (struct span){ NULL, 0 }, room_utc(), 30);
	room_sim_crl(s, &s->acquirer, (struct span){ NULL, 0 }, room_utc(), 30);
}

void room_sim_remove(struct room_sim *s)
{
	room_close(&s->ca);
	room_close(&s->load);
	room_close(&s->acquirer);
	test_folder_remove(s->dir);
}

void room_sim_reopen(struct room *r)
{
	char dir[sizeof r->dir];

	memcpy(dir, r->dir, sizeof dir);
	mark_stop(r);
	room_close(r);
	open_room(r, dir);
}

void room_sim_meddle(const struct room *r, const char *sql)
{
	char path[PATH_MAX + 16], *why = NULL;
	sqlite3 *db;

	snprintf(path, sizeof path, "%s/journal.db", r->dir);
	if (sqlite3_open(path, &db) || sqlite3_busy_timeout(db, 10000) || sqlite3_exec(db, sql, NULL, NULL, &why)) {
		fprintf(stderr, "room_sim: %s: %s\n", sql, why ? why : path);
		exit(2);
	}
	sqlite3_close(db);
}

void room_sim_digest(uint8_t out[static 32], struct room *r)
{
	need(journal_digest(out, r->journal), "journal_digest");
}

void room_sim_key(struct room_sim *s, struct key *priv, uint8_t point[static P256_POINT])
{
	uint8_t seed[64] = { 0 };
	struct drbg d;

	put_be32(seed, ++s->keys);
	need(drbg_seed(&d, &SPAN(seed), 1), "drbg_seed");
	need(p256_generate(priv, &d), "p256_generate");
	need(p256_public(point, priv), "p256_public");
}

struct der room_sim_issue(struct room_sim *s, const char *ca, const uint8_t point[static P256_POINT],
			  const struct pki_subject *who, uint64_t utc, unsigned days)
{
	struct room_key key = { &s->ca, ca };
	const struct pki_signer signer = { room_sign, &key };
	const struct der *issuer = !strcmp(ca, "device-ca") ? &s->ca.device_ca :
				   !strcmp(ca, "kif-ca")    ? &s->ca.kif_ca :
							      &s->ca.exchange_ca;
	struct der out = { .len = 0 };
	uint8_t number[16];
	struct cert by;

	need(worker_random(s->ca.worker, number, sizeof number), "worker_random");
	need(cert_anchor(&by, der_span(issuer)), "cert_anchor");
	need(pki_issue(out.b, &out.len, sizeof out.b, point, who, &by, number, utc, days,
		       issuer == &s->ca.exchange_ca, &signer),
	     "pki_issue");
	return out;
}

void room_sim_crl(struct room_sim *s, struct room *r, struct span revoked, uint64_t utc, unsigned days)
{
	room_sim_list(s, r, revoked, 1, utc, days);
}

/* A list number 1 of n certificates. */
static void put_list(struct room_sim *s, struct room *r, const struct pki_revoked *one, size_t n, uint32_t epoch,
		     uint64_t utc, unsigned days)
{
	static uint8_t der[PKI_MAX];
	struct room_key key = { &s->ca, "device-ca" };
	const struct pki_signer signer = { room_sign, &key };
	struct cert by;
	size_t len;

	need(cert_anchor(&by, der_span(&s->ca.device_ca)), "cert_anchor");
	need(pki_crl(der, &len, sizeof der, &by, 1, epoch, one, n, utc, days, &signer),
	     "pki_crl");
	pki_list_free(&r->list);
	need(pki_list_read(&r->list, (struct span){ der, len }, der_span(&s->ca.device_ca)), "pki_list_read");
	need(journal_set_number(r->journal, "epoch", epoch), "epoch");
	need(room_store(r, "crl", (struct span){ der, len }), "room_store");
}

void room_sim_list(struct room_sim *s, struct room *r, struct span revoked, uint32_t epoch, uint64_t utc, unsigned days)
{
	struct pki_revoked one = { .utc = utc };

	if (revoked.len)
		need(evident_number(one.number, revoked), "pki_number");
	put_list(s, r, &one, revoked.len ? 1 : 0, epoch, utc, days);
}

void room_sim_revoke(struct room_sim *s, struct room *r, const uint8_t number[static 20])
{
	struct pki_revoked one = { .utc = room_utc() };

	memcpy(one.number, number, sizeof one.number);
	put_list(s, r, &one, 1, 1, one.utc, 5);
}

static void digest(uint8_t out[static 32], struct span label, struct span covered)
{
	uint8_t length[4];

	put_be32(length, (uint32_t)covered.len);
	need(sha256(out, (struct span[]){ label, SPAN(length), covered }, 3), "sha256");
}

struct lease room_sim_lease(struct room_sim *s, const struct key_set_id *set, uint32_t first, uint32_t last)
{
	struct lease granted = { .set = *set, .first = first, .last = last }, accepted;
	char why[LEASE_WHY] = "";
	bool again;
	enum err e = lease_grant(&granted, &s->ca, 0, der_span(&s->load.own), why);

	need(e, *why ? why : "lease_grant");
	e = lease_accept(&accepted, &again, &s->load, (struct span){ granted.bytes, granted.len }, why);
	need(e, *why ? why : "lease_accept");
	return accepted;
}

struct key_set room_sim_generate(struct room_sim *s, struct key *bdk, enum dukpt_scheme scheme, const char *id,
				 uint32_t first, uint32_t last)
{
	const struct pki_subject who = { "Bank-0", NULL, NULL };
	struct key_set_id set = { .scheme = scheme };
	uint8_t point[P256_POINT], package[EXCHANGE_MAX], ctx[32];
	char why[EXCHANGE_WHY];
	struct key priv, z, kek;
	struct key_set made = { .utc = 0 };
	struct span wrapped;
	struct der cert;
	size_t len, head;
	struct rd r;

	room_sim_key(s, &priv, point);
	cert = room_sim_issue(s, "exchange-ca", point, &who, room_utc(), 1);
	if (id)
		need(key_set_parse(&set, id, scheme), id);
	need(exchange_generate(package, &len, &made, &s->load, &set, der_span(&cert), why), "exchange_generate");
	room_sim_lease(s, &made.id, first, last);
	rd_init(&r, package, len);
	rd_span(&r, 5);
	rd_span8(&r);
	rd_span(&r, 32);
	rd_span16(&r);
	rd_copy(&r, point, sizeof point);
	head = len - r.left;
	rd_span8(&r);
	rd_u8(&r);
	rd_span(&r, KBKDF_LABEL);
	wrapped = rd_span8(&r);
	need(r.e, "package");
	digest(ctx, LABEL("keyroom/1 exchange"), (struct span){ package, head });
	need(p256_ecdh(&z, &priv, point), "p256_ecdh");
	need(kbkdf(&kek, &z, "KRM1-BD", ctx), "kbkdf");
	need(keywrap_unwrap(bdk, &kek, wrapped.p, wrapped.len), "keywrap_unwrap");
	return made;
}

void room_sim_package(struct room_sim *s, struct room_sim_package *p, enum dukpt_scheme scheme, const char *id,
		      const char *bdk)
{
	const struct pki_subject who = { "KIF-2", NULL, "epoch 1" };
	uint8_t point[P256_POINT];

	memset(p, 0, sizeof *p);
	need(key_set_parse(&p->set, id, scheme), id);
	p->bdk = test_key(bdk);
	if (scheme == DUKPT_TDES)
		need(dukpt_tdes_variant(&p->variant, &p->bdk), "dukpt_tdes_variant");
	need(kcv_compute(p->kcv.b, &p->kcv.len, scheme, &p->bdk), "kcv_compute");
	room_sim_key(s, &p->kdh, point);
	p->cert = room_sim_issue(s, "kif-ca", point, &who, room_utc(), 1);
	need(worker_point(s->acquirer.worker, p->recipient, "exchange"), "exchange");
}

static void put_item(struct wr *w, const char *label, const struct key *z, const uint8_t ctx[static 32],
		     const struct key *key)
{
	uint8_t wrapped[KEYWRAP_MAX];
	struct key kek;
	size_t len;

	need(kbkdf(&kek, z, label, ctx), "kbkdf");
	need(keywrap_wrap(wrapped, &len, &kek, key), "keywrap_wrap");
	wr_copy(w, (const uint8_t *)label, KBKDF_LABEL);
	wr_span8(w, (struct span){ wrapped, len });
}

size_t room_sim_package_bytes(struct room_sim *s, uint8_t out[static EXCHANGE_MAX], const struct room_sim_package *p)
{
	uint8_t point[P256_POINT], spki[32], ctx[32], hash[32], sig[P256_SIG];
	struct key ephemeral, z;
	struct wr w;

	room_sim_key(s, &ephemeral, point);
	need(p256_spki_digest(spki, p->recipient), "p256_spki_digest");
	need(p256_ecdh(&z, &ephemeral, p->recipient), "p256_ecdh");
	wr_init(&w, out, EXCHANGE_MAX);
	wr_copy(&w, (const uint8_t *)"KRX1", 4);
	wr_u8(&w, p->set.scheme);
	wr_span8(&w, (struct span){ p->set.b, p->set.len });
	wr_copy(&w, spki, sizeof spki);
	wr_span16(&w, der_span(&p->cert));
	wr_copy(&w, point, sizeof point);
	digest(ctx, LABEL("keyroom/1 exchange"), (struct span){ out, w.len });
	wr_span8(&w, (struct span){ p->kcv.b, p->kcv.len });
	wr_u8(&w, p->variant.len ? 2 : 1);
	put_item(&w, "KRM1-BD", &z, ctx, &p->bdk);
	if (p->variant.len)
		put_item(&w, "KRM1-BV", &z, ctx, &p->variant);
	for (unsigned i = 0; i < p->surplus; i++)
		wr_u8(&w, 0);
	digest(hash, LABEL("keyroom/1 EXCHANGE"), (struct span){ out, w.len });
	need(p256_sign(sig, &p->kdh, hash), "p256_sign");
	wr_copy(&w, sig, sizeof sig);
	need(wr_end(&w), "package");
	return w.len;
}
