/*
 * The probe: every key path once on published figures, then what has to fail.
 */
#ifndef KEYROOM_BDK_PROBE_H
#define KEYROOM_BDK_PROBE_H

#include "bdk/token.h"

/* probe_token - E_OK, E_TOKEN (t->why says in what the token failed) */
MUST_USE enum err probe_token(struct token *t);

#endif
