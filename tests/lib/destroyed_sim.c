#include "tests/lib/destroyed_sim.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(enum err e)
{
	if (e) {
		fprintf(stderr, "destroyed_sim: %s\n", err_text(e));
		exit(2);
	}
}

size_t destroyed_sim_sign(char out[static DESTROYED_MAX], const struct destroyed *d, const struct key *priv)
{
	uint8_t digest[32], sig[P256_SIG];
	char line[SEAL_SIG];
	size_t len = 0;

	need(destroyed_text(out, &len, d));
	need(sha256(digest, &(struct span){ (const uint8_t *)out, len }, 1));
	need(p256_sign(sig, priv, digest));
	need(seal_sig(line, sig));
	return len + (size_t)snprintf(out + len, DESTROYED_MAX - len, "signature = %s\n", line);
}

size_t destroyed_sim(struct destroyed *d, char out[static DESTROYED_MAX], struct audit_sim *s)
{
	audit_sim(s);
	snprintf(s->record[4].what, sizeof s->record[4].what, DESTROYED_DECIDED);
	snprintf(s->record[4].object, sizeof s->record[4].object, "FFFF000001, check value A1F6D4: its period is over");
	s->record[4].reason[0] = 0;
	snprintf(s->record[5].what, sizeof s->record[5].what, DESTROYED_PROVED);
	snprintf(s->record[5].object, sizeof s->record[5].object, "FFFF000001, the token has it no more");
	s->record[5].reason[0] = 0;
	audit_sim_chain(s, 0);
	*d = (struct destroyed){ .room = "load-1",
				 .purpose = "load",
				 .test = true,
				 .software = true,
				 .key_set = "FFFF000001",
				 .scheme = "tdes",
				 .kcv = { 0xA1, 0xF6, 0xD4 },
				 .kcv_len = 3,
				 .born = AUDIT_SIM_UTC - 86400,
				 .utc = AUDIT_SIM_UTC + 3600,
				 .decided = s->record[4],
				 .proved = s->record[5] };
	memcpy(d->records, s->records, sizeof d->records);
	return destroyed_sim_sign(out, d, &s->priv);
}
