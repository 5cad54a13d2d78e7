#include "tests/lib/audit_sim.h"

#include <stdlib.h>
#include <string.h>

static void need(enum err e)
{
	if (e) {
		fprintf(stderr, "audit_sim: %s\n", err_text(e));
		exit(2);
	}
}

void audit_sim_sign(struct audit_head *h, const struct key *priv)
{
	uint8_t digest[32];

	need(audit_head_digest(digest, h));
	need(p256_sign(h->sig, priv, digest));
	p256_low(h->sig);
}

void audit_sim_chain(struct audit_sim *s, size_t i)
{
	char line[AUDIT_LINE];

	s->len = s->line[i];
	for (; i < AUDIT_SIM_RECORDS; i++) {
		struct audit *a = &s->record[i];
		size_t n;

		memset(a->previous, 0, sizeof a->previous);
		if (i)
			memcpy(a->previous, s->record[i - 1].hash, sizeof a->previous);
		need(audit_hash(a->hash, a));
		n = audit_line(line, a);
		memcpy(s->text + s->len, line, n);
		s->len += n;
		s->line[i + 1] = s->len;
	}
}

void audit_sim(struct audit_sim *s)
{
	static const char *const what[] = { "start", "generate", "session", "offer", "receipt", "suspend", "audit \"quoted\\",
					    "revoke", "stop" };

	memset(s, 0, sizeof *s);
	s->priv = (struct key){ { 3 }, 32 };
	need(p256_public(s->records, &s->priv));
	for (size_t i = 0; i < AUDIT_SIM_RECORDS; i++) {
		struct audit *a = &s->record[i];

		*a = (struct audit){ .sequence = i + 1, .utc = AUDIT_SIM_UTC + 60 * i };
		snprintf(a->who, sizeof a->who, "uid %zu people", 1000 + i % 2);
		snprintf(a->what, sizeof a->what, "%s", what[i]);
		snprintf(a->object, sizeof a->object, i == 4 ? "TC-1\t\x7f\xc3\xa4" : "FFFF98765%zu", i);
		snprintf(a->reason, sizeof a->reason, "%s", i == 5 ? err_text(E_DENIED) : "");
	}
	audit_sim_chain(s, 0);
	for (size_t i = 0; i <= AUDIT_SIM_RECORDS; i++) {
		struct audit_head *h = &s->head[i];

		*h = (struct audit_head){ .room = "load-1", .purpose = "load", .sequence = i, .utc = AUDIT_SIM_UTC + 60 * i };
		if (i)
			memcpy(h->hash, s->record[i - 1].hash, sizeof h->hash);
		memcpy(h->records, s->records, sizeof h->records);
		audit_sim_sign(h, &s->priv);
	}
}
