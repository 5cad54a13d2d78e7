/*
 * Secret keys as objects of the token: templates, making them, finding them. What every act on the token (bdk/token.h)
 * is made of; only a worker process calls it.
 *
 * Results: E_OK, or E_TOKEN with a sentence in t->why, and what a function names.
 */
#ifndef KEYROOM_BDK_OBJECT_H
#define KEYROOM_BDK_OBJECT_H

#include "bdk/token.h"

/* token_refuse - E_TOKEN, and why: one sentence without a full stop; t->rv is CKR_OK then */
enum err token_refuse(struct token *t, const char *why);

/* token_check - what a function of the module answered, in t->rv too. E_OK, E_TOKEN */
MUST_USE enum err token_check(struct token *t, const char *function, CK_RV rv);

/* A template. It points into itself: not to be copied. */
struct attrs {
	CK_ATTRIBUTE a[24];
	CK_ULONG n;
	CK_OBJECT_CLASS class; /* what a[] points to */
	CK_KEY_TYPE type;
	CK_ULONG len;
};

/* What a secret key may do; everything else it may not. */
enum may {
	MAY_ENCRYPT = 1, /* KDF under Z, check values */
	MAY_DERIVE = 2,
	MAY_WRAP = 4,
	MAY_UNWRAP = 8,
	MAY_LEAVE = 16,     /* extractable: it is about to be wrapped */
	MAY_BE_COPIED = 32, /* modifiable: a BDK that is about to be copied into the token */
	MAY_BE_READ = 64,   /* an initial key in an acquirer room */
	MAY_MIX = 128       /* derive, but by XOR or concatenation */
};

/* attrs_put - one more attribute; what p points to has to outlive the template. attrs_flag - a boolean one */
void attrs_put(struct attrs *l, CK_ATTRIBUTE_TYPE type, const void *p, size_t len);
void attrs_flag(struct attrs *l, CK_ATTRIBUTE_TYPE type, bool v);

/* attrs_head - begin a template: a token object of that label, or with label NULL a session object */
void attrs_head(struct attrs *l, CK_OBJECT_CLASS class, const char *label);

/* attrs_secret - the whole template of a secret key. len 0 where the type says it */
void attrs_secret(const struct token *t, struct attrs *l, CK_KEY_TYPE type, size_t len, unsigned may, const char *label);

/* --- Session objects: *h is 0 before, and to be destroyed after --------------------------------------------------- */

/* object_destroy - fine on 0; *h is 0 then */
void object_destroy(struct token *t, CK_OBJECT_HANDLE *h);

/* object_create - a secret key of these bytes */
MUST_USE enum err object_create(struct token *t, CK_OBJECT_HANDLE *h, CK_KEY_TYPE type, const uint8_t *value,
				size_t len, unsigned may);

/* object_derive - child = ECB(parent, data), cut to len; ecb is one of CKM_*_ECB_ENCRYPT_DATA */
MUST_USE enum err object_derive(struct token *t, CK_OBJECT_HANDLE *child, CK_OBJECT_HANDLE parent,
				CK_MECHANISM_TYPE ecb, const uint8_t *data, size_t data_len, CK_KEY_TYPE type,
				size_t len, unsigned may);

/* object_encrypt - out = ECB(key, in), len bytes each; they may be the same */
MUST_USE enum err object_encrypt(struct token *t, uint8_t *out, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE ecb,
				 const uint8_t *in, size_t len);

/* object_read - the value of one that MAY_BE_READ, which has len bytes */
MUST_USE enum err object_read(struct token *t, uint8_t *out, size_t len, CK_OBJECT_HANDLE h);

/* --- Token objects, by class and label ---------------------------------------------------------------------------- */

/* object_find - the only one. E_KEY (none); more than one is E_TOKEN */
MUST_USE enum err object_find(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_CLASS class, const char *label);

/* object_absent - E_OK (there is none), E_EXISTS */
MUST_USE enum err object_absent(struct token *t, CK_OBJECT_CLASS class, const char *label);

/* object_forget - the handle that is remembered for a label: *h, 0 where there is none. The next object_find() searches the token */
void object_forget(struct token *t, CK_OBJECT_HANDLE *h, CK_OBJECT_CLASS class, const char *label);

/* object_drop - destroy it; fine if there is none */
MUST_USE enum err object_drop(struct token *t, CK_OBJECT_CLASS class, const char *label);

#endif
