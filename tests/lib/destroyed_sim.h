/*
 * A certificate of destruction as a room would sign it, with a key that the tests know.
 */
#ifndef KEYROOM_TESTS_LIB_DESTROYED_SIM_H
#define KEYROOM_TESTS_LIB_DESTROYED_SIM_H

#include "bdk/destroyed.h"
#include "tests/lib/audit_sim.h"

/* destroyed_sim - one of key set FFFF000001, signed by s->priv; exits 2 with a line when it cannot. Returns its length */
size_t destroyed_sim(struct destroyed *d, char out[static DESTROYED_MAX], struct audit_sim *s);

/* destroyed_sim_sign - whatever d says, signed. Returns its length */
size_t destroyed_sim_sign(char out[static DESTROYED_MAX], const struct destroyed *d, const struct key *priv);

#endif
