/*
 * A ceremony record of a software key, always the same: for the tests of its reader, and the seeds of its fuzz target.
 */
#ifndef KEYROOM_TESTS_LIB_CEREMONY_SIM_H
#define KEYROOM_TESTS_LIB_CEREMONY_SIM_H

#include "bdk/ceremony.h"
#include "tests/lib/audit_sim.h"

#define CEREMONY_SIM_MAX 16384

/* ceremony_sim - c: records 2 to 8 of s, which is made; c->act is the heap's. Returns the length of its text, signed, with a NUL
 * behind it */
size_t ceremony_sim(struct ceremony *c, char out[static CEREMONY_SIM_MAX], struct audit_sim *s);

/* ceremony_sim_sign - the text of a record, whatever stands in it */
size_t ceremony_sim_sign(char out[static CEREMONY_SIM_MAX], const struct ceremony *c, const struct key *priv);

#endif
