/*
 * An export and its signed heads of a software key, always the same: for the tests of their reader, and the seeds of its
 * fuzz target.
 */
#ifndef KEYROOM_TESTS_LIB_AUDIT_SIM_H
#define KEYROOM_TESTS_LIB_AUDIT_SIM_H

#include "bdk/audit.h"

#define AUDIT_SIM_RECORDS 9
#define AUDIT_SIM_UTC UINT64_C(1790000000)

struct audit_sim {
	struct key priv;			/* the records key */
	uint8_t records[P256_POINT];
	struct audit record[AUDIT_SIM_RECORDS];
	struct audit_head head[AUDIT_SIM_RECORDS + 1];	/* [i]: of record i */
	char text[AUDIT_SIM_RECORDS * 512];
	size_t len;
	size_t line[AUDIT_SIM_RECORDS + 1];	/* where record i + 1 begins; the last: len */
};

void audit_sim(struct audit_sim *s);

/* audit_sim_sign - the signature of a head, whatever stands in it. audit_sim_chain - records and text from record[i] on,
 * chained anew */
void audit_sim_sign(struct audit_head *h, const struct key *priv);
void audit_sim_chain(struct audit_sim *s, size_t i);

#endif
