/*
 * The probe: asks a token the questions of bdk/probe.h, and chooses how keys are made on it.
 */
#ifndef KEYROOM_BDK_TOKEN_PROBE_H
#define KEYROOM_BDK_TOKEN_PROBE_H

#include "bdk/token.h"

/*
 * token_probe - fills t->probe and t->made; only session objects are made, and none stays
 *
 *   E_OK (test rooms at least: see probe_verdict()), E_TOKEN (unusable; t->why names the first key path that failed)
 */
MUST_USE enum err token_probe(struct token *t);

#endif
