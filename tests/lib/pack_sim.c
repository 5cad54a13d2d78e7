#include "tests/lib/pack_sim.h"
#include "bdk/pki.h"
#include "tests/lib/soft_ca.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(enum err e)
{
	if (e) {
		fprintf(stderr, "pack_sim: %s\n", err_text(e));
		exit(2);
	}
}

void pack_sim_certify(struct pack_sim *s, const struct key *ca, const char *name, const char *unit, uint64_t utc)
{
	struct key by = *ca;
	const struct pki_signer signer = { soft_sign, &by };
	const struct pki_subject who = { name, NULL, unit };
	uint8_t point[P256_POINT], number[16] = { 7 };
	struct cert anchor;

	need(p256_public(point, &s->identity));
	need(cert_anchor(&anchor, (struct span){ s->anchor, s->anchor_len }));
	need(pki_issue(s->head.cert, &s->head.cert_len, sizeof s->head.cert, point, &who, &anchor, number,
		       utc, 365, false, &signer));
}

void pack_sim(struct pack_sim *s)
{
	const struct pki_signer signer = { soft_sign, &s->ca };
	uint8_t point[P256_POINT];

	memset(s, 0, sizeof *s);
	s->ca = (struct key){ { 1 }, 32 };
	s->identity = (struct key){ { 2 }, 32 };
	s->records = (struct key){ { 3 }, 32 };
	need(p256_public(point, &s->ca));
	need(pki_ca(s->anchor, &s->anchor_len, sizeof s->anchor, point, "Test KIF CA", PACK_SIM_UTC, 3650, &signer));
	s->head = (struct pack_head){ .room = "KIF-1", .test = true, .software = true, .key_set = "all", .sequence = 20,
				      .time = PACK_SIM_UTC + 3600, .list = 3, .epoch = 1, .loads = PACK_SIM_LOADS };
	pack_sim_certify(s, &s->ca, "KIF-1", "epoch 1", PACK_SIM_UTC);
	need(p256_public(s->head.records, &s->records));
	for (unsigned i = 0; i < PACK_SIM_LOADS; i++) {
		struct pack_load *l = &s->load[i];

		*l = (struct pack_load){ .slot = (uint8_t)i, .sequence = 4 * i + 1, .ksn_len = i % 2 ? 12 : 10 };
		snprintf(l->serial, sizeof l->serial, "TC-%u", i);
		snprintf(l->key_set, sizeof l->key_set, i % 2 ? "12345678" : "FFFF987654");
		snprintf(l->scheme, sizeof l->scheme, i % 2 ? "aes128" : "tdes");
		snprintf(l->state, sizeof l->state, i == 2 ? "possibly-loaded" : "loaded");
		snprintf(l->revoked, sizeof l->revoked, "%s", i == 2 ? "possibly loaded" : "");
		memset(l->ksn, 0x11, l->ksn_len);
		l->kcv_len = i == 2 ? 0 : i % 2 ? 5 : 3;
		l->device[19] = (uint8_t)(i + 1);
		l->spki[0] = (uint8_t)(i + 1);
	}
}

static enum err judge(void *sim, struct cert *c, struct span der, uint64_t utc)
{
	const struct pack_sim *s = sim;

	return cert_verify(c, der, (struct span){ s->anchor, s->anchor_len }, utc);
}

struct pack_judge pack_sim_judge(struct pack_sim *s)
{
	return (struct pack_judge){ judge, s };
}

size_t pack_sim_make(char *out, struct pack_sim *s)
{
	uint8_t digest[32], sig[P256_SIG];
	struct pack_text t;

	need(pack_vouch(digest, s->head.records));
	need(p256_sign(s->head.vouched, &s->identity, digest));
	pack_begin(&t, out, &s->head);
	for (unsigned i = 0; i < PACK_SIM_LOADS; i++)
		pack_put(&t, &s->load[i]);
	need(pack_digest(digest, &t));
	need(p256_sign(sig, &s->records, digest));
	pack_seal(&t, sig);
	need(t.e);
	return t.len;
}
