#include "tests/lib/ceremony_sim.h"
#include "crypto/sha256.h"

#include <stdlib.h>
#include <string.h>

static void need(enum err e)
{
	if (e) {
		fprintf(stderr, "ceremony_sim: %s\n", err_text(e));
		exit(2);
	}
}

size_t ceremony_sim_sign(char out[static CEREMONY_SIM_MAX], const struct ceremony *c, const struct key *priv)
{
	uint8_t digest[32], sig[P256_SIG];
	char line[SEAL_SIG], *text;
	size_t len;

	need(ceremony_text(&text, &len, c));
	need(sha256(digest, &(struct span){ (const uint8_t *)text, len }, 1));
	need(p256_sign(sig, priv, digest));
	need(seal_sig(line, sig));
	len = (size_t)snprintf(out, CEREMONY_SIM_MAX, "%ssignature = %s\n", text, line);
	free(text);
	return len;
}

size_t ceremony_sim(struct ceremony *c, char out[static CEREMONY_SIM_MAX], struct audit_sim *s)
{
	enum { FIRST = 2, LAST = 8 };

	audit_sim(s);
	snprintf(s->record[2].what, sizeof s->record[2].what, "ceremony");
	snprintf(s->record[2].object, sizeof s->record[2].object, "present: Ada");
	snprintf(s->record[3].what, sizeof s->record[3].what, "generate");
	snprintf(s->record[3].object, sizeof s->record[3].object, "FFFF000001, check value A1F6D4");
	snprintf(s->record[4].what, sizeof s->record[4].what, "ceremony");
	snprintf(s->record[4].object, sizeof s->record[4].object, "media: card <1> & bag 4711");
	audit_sim_chain(s, 0);
	*c = (struct ceremony){ .room = "load-1", .purpose = "load", .title = "First keys", .test = true, .software = true,
				.utc = AUDIT_SIM_UTC + 3600, .n = LAST - FIRST + 1 };
	memcpy(c->records, s->records, sizeof c->records);
	c->act = calloc(c->n, sizeof *c->act);
	if (!c->act)
		exit(2);
	memcpy(c->act, &s->record[FIRST - 1], c->n * sizeof *c->act);
	return ceremony_sim_sign(out, c, &s->priv);
}
