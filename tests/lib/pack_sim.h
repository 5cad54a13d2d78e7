/*
 * A hand-over pack of software keys, always the same: for the tests of its reader, and the seeds of its fuzz target.
 */
#ifndef KEYROOM_TESTS_LIB_PACK_SIM_H
#define KEYROOM_TESTS_LIB_PACK_SIM_H

#include "bdk/pack.h"

#define PACK_SIM_UTC UINT64_C(1790000000)
#define PACK_SIM_LOADS 4

struct pack_sim {
	struct key ca, identity, records;	/* private keys; the KIF CA's own certificate: */
	uint8_t anchor[CERT_MAX];
	size_t anchor_len;
	struct pack_head head;			/* as pack_sim_make() is about to write it */
	struct pack_load load[PACK_SIM_LOADS];
};

/* pack_sim - keys, certificates, and what is right to say */
void pack_sim(struct pack_sim *s);

/* pack_sim_certify - another certificate in the head: below this key, in this name and unit, valid a year from utc */
void pack_sim_certify(struct pack_sim *s, const struct key *ca, const char *name, const char *unit, uint64_t utc);

/* pack_sim_judge - goes by its anchor: cert_verify() */
struct pack_judge pack_sim_judge(struct pack_sim *s);

/* pack_sim_make - the pack, each signature by the key it should be. Returns the length; out has PACK_MAX bytes */
size_t pack_sim_make(char *out, struct pack_sim *s);

#endif
