/*
 * P-256 pairs in the token. Results as in bdk/object.h.
 */
#ifndef KEYROOM_BDK_PAIR_H
#define KEYROOM_BDK_PAIR_H

#include "bdk/object.h"

/* pair_make - a pair that may sign, agree on keys, or both; label NULL: of the session */
MUST_USE enum err pair_make(struct token *t, CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *priv, bool sign, bool agree,
			    const char *label);

/* pair_point - its public point, checked */
MUST_USE enum err pair_point(struct token *t, uint8_t point[static P256_POINT], CK_OBJECT_HANDLE pub);

/* pair_sign - raw ECDSA over a digest. E_KEY (it may not sign) */
MUST_USE enum err pair_sign(struct token *t, uint8_t sig[static P256_SIG], CK_OBJECT_HANDLE priv,
			    const uint8_t digest[static 32]);

/* pair_destroy - fine on an empty one; *p is empty then */
void pair_destroy(struct token *t, struct token_pair *p);

#endif
