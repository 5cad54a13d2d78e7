/*
 * How BDKs and initial keys are made of the token's objects. Results as in bdk/object.h.
 */
#ifndef KEYROOM_BDK_CONSTRUCTION_H
#define KEYROOM_BDK_CONSTRUCTION_H

#include "bdk/object.h"

#define BDK_LEN 16 /* TDES and AES-128 */

/* construct_type - of a BDK's objects */
CK_KEY_TYPE construct_type(enum dukpt_scheme scheme);

/* construct_parts - how many objects a BDK is, and how many items an initial key: TDES has the variant, and two halves */
uint8_t construct_parts(enum dukpt_scheme scheme);

/* construct_tdes, construct_aes - a new BDK as session objects: itself, of len bytes, and for TDES its variant */
MUST_USE enum err construct_tdes(struct token *t, CK_OBJECT_HANDLE born[static 2], unsigned may);
MUST_USE enum err construct_aes(struct token *t, CK_OBJECT_HANDLE born[static 2], uint8_t len, unsigned may);

/*
 * construct_given - a BDK that is there in the clear as session objects: itself, and for TDES its variant
 *
 *   bdk  in  dukpt_key_len(scheme) bytes; TDES of any parity: the objects get odd parity
 *
 *   E_KEY (another length, or what clear_key_fit() refuses, of the variant too). On an error nothing or the first of both
 *   is there, to be destroyed as always
 */
MUST_USE enum err construct_given(struct token *t, CK_OBJECT_HANDLE born[static 2], const struct key *bdk,
				  enum dukpt_scheme scheme, unsigned may);

/* construct_xor - a DES2 session object: the base, which MAY_MIX, xor mask */
MUST_USE enum err construct_xor(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_HANDLE base,
				const uint8_t mask[static BDK_LEN], unsigned may);

/* construct_settle - the copy that stays: a token object of that label, or with label NULL a session object, that may
 * derive and can never leave. Its list of mechanisms it inherits. born MAY_LEAVE: SoftHSM takes no CKA_EXTRACTABLE, not even
 * false, for the copy of an object that may not. */
MUST_USE enum err construct_settle(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_HANDLE born, const char *label);

/* construct_join - both halves of a TDES initial key, which MAY_MIX, as one session object */
MUST_USE enum err construct_join(struct token *t, CK_OBJECT_HANDLE *whole, const CK_OBJECT_HANDLE part[static 2],
				 unsigned may);

/* construct_initial - the parts of an initial key under the objects of its BDK: AES one, TDES left and right half */
MUST_USE enum err construct_initial(struct token *t, CK_OBJECT_HANDLE part[static 2],
				    const CK_OBJECT_HANDLE bdk[static 2], enum dukpt_scheme scheme,
				    const struct ksn *iksn, unsigned may);

#endif
