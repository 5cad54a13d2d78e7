/*
 * From two points to key-encryption keys, and keys wrapped under those: crypto/kbkdf.h and crypto/keywrap.h run by the
 * token. Results as in bdk/object.h.
 *
 * The chain of the CMAC is queried with C_Encrypt under Z, so this program sees AES under Z at public points; the last
 * call of each chain is CKM_AES_ECB_ENCRYPT_DATA, so its output is a key object and nothing else. That holds only while
 * no X is also a point that was queried: all of them have to be distinct.
 */
#ifndef KEYROOM_BDK_KEK_H
#define KEYROOM_BDK_KEK_H

#include "bdk/object.h"

#define KEK_LEN 32

/* RFC 5649 by its newer name; some tokens know it by CKM_AES_KEY_WRAP_PAD, some mean something else by that. */
#ifndef CKM_AES_KEY_WRAP_KWP
#define CKM_AES_KEY_WRAP_KWP 0x210BUL
#endif

/* The labels: initial key, its TDES halves, BDK, variant of a TDES BDK */
#define KEK_IK "KRM1-IK"
#define KEK_IL "KRM1-IL"
#define KEK_IR "KRM1-IR"
#define KEK_BD "KRM1-BD"
#define KEK_BV "KRM1-BV"

#define KDF_POINTS (1 + 2 * 6) /* zero, and for each of at most two items B1, P^B2 and X, twice each */

/* All zero before, kek_end() after. */
struct kdf {
	CK_OBJECT_HANDLE z;
	uint8_t k1[16]; /* the subkey for whole last blocks: dbl(E(0)) */
	uint8_t point[KDF_POINTS][16];
	unsigned n;
};

/* kek_agree - Z of a pair and the other side's point, and kek_begin(). E_POINT, E_CRYPTO */
MUST_USE enum err kek_agree(struct token *t, struct kdf *k, CK_OBJECT_HANDLE priv,
			    const uint8_t point[static P256_POINT]);

/* kek_begin - where Z is there already. E_CRYPTO */
MUST_USE enum err kek_begin(struct token *t, struct kdf *k);

/* kek_make - the KEK of a label, a session object that may wrap or unwrap. E_CRYPTO (half of it would have been seen: one
 * chance in 2^120) */
MUST_USE enum err kek_make(struct token *t, CK_OBJECT_HANDLE *kek, struct kdf *k, const char label[static KBKDF_LABEL],
			   const uint8_t ctx[static 32], unsigned may);

/* kek_end - destroy Z and forget the points */
void kek_end(struct token *t, struct kdf *k);

/* kek_wrap - key under a KEK; item->label is left alone. kek_wrap_item - under the KEK of a label, which is gone then */
MUST_USE enum err kek_wrap(struct token *t, struct wrapped *item, CK_OBJECT_HANDLE kek, CK_OBJECT_HANDLE key);
MUST_USE enum err kek_wrap_item(struct token *t, struct wrapped *item, struct kdf *k,
				const char label[static KBKDF_LABEL], const uint8_t ctx[static 32],
				CK_OBJECT_HANDLE key);

/* kek_unwrap - a wrapped key as a token object of that label, or with label NULL as a session object. E_UNWRAP */
MUST_USE enum err kek_unwrap(struct token *t, CK_OBJECT_HANDLE *key, CK_OBJECT_HANDLE kek, const struct wrapped *item,
			     CK_KEY_TYPE type, unsigned may, const char *label);

#endif
