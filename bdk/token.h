/*
 * The acts on the PKCS#11 token: what a worker process (bdk/worker.h) does when it is asked. No other process calls
 * these functions or loads a module.
 *
 * libp11 loads the module, finds the token, logs in, gives random bytes and initialises. What it does not offer (secret
 * keys, derive, wrap, pairs in the token) is raw PKCS#11 on the same instance of the module, in a session of our own.
 *
 * Every object is private, sensitive, not modifiable and, but for what is about to be wrapped, not extractable; a key
 * may do one thing: a BDK derives, a KEK wraps or unwraps, Z runs the KDF. Session objects are destroyed before the act
 * returns, on every path; ephemeral pairs alone outlive it.
 *
 * BDKs for AES-192 and AES-256 are stronger than P-256, under which they travel: bdk/exchange.h keeps them to test rooms.
 */
#ifndef KEYROOM_BDK_TOKEN_H
#define KEYROOM_BDK_TOKEN_H

#include "bdk/probe.h"
#include "bdk/worker.h"

#include <p11-kit/pkcs11.h>

#include <libp11.h>

#define TOKEN_LABEL 24 /* longest object label, with its NUL */
#define TOKEN_EPHEMERALS 64
#define TOKEN_KNOWN 32

struct token_pair {
	uint64_t handle; /* 0: free */
	CK_OBJECT_HANDLE pub, priv;
};

/* A token object that was looked up before: searching is slow. */
struct token_known {
	CK_OBJECT_CLASS class;
	char label[TOKEN_LABEL];
	CK_OBJECT_HANDLE object;
};

/* How keys are made on this token: the probe chooses. */
struct construction {
	CK_MECHANISM_TYPE wrap; /* RFC 5649: CKM_AES_KEY_WRAP_PAD or CKM_AES_KEY_WRAP_KWP */
	bool lists;             /* keys keep to a list of their mechanisms */
	bool mixes;             /* CKM_XOR_BASE_AND_DATA: TDES BDKs are made in the token */
	bool joins;             /* CKM_CONCATENATE_BASE_AND_KEY: a TDES initial key is read as one object */
};

struct token {
	PKCS11_CTX *p11;
	PKCS11_SLOT *slots, *slot; /* all, and the one with the token */
	unsigned n;
	void *module;
	CK_FUNCTION_LIST *f;
	CK_SESSION_HANDLE session;
	struct token_pair ephemeral[TOKEN_EPHEMERALS];
	struct token_known known[TOKEN_KNOWN];
	unsigned oldest; /* of known[], the next to be replaced */
	struct construction made;
	struct probe probe;
	CK_RV rv;        /* what the last function answered */
	char why[96];    /* after E_TOKEN: one sentence without a full stop */
};

/* token_init, token_change_pins - worker_init_token() and worker_change_pins() in this process. why as in struct token.
 * E_OK, E_EXISTS or E_PASSPHRASE, E_TOKEN */
MUST_USE enum err token_init(const struct token_place *at, struct span pin, struct span so_pin, char why[static 96]);
MUST_USE enum err token_change_pins(const struct token_place *at, const struct token_pins *p, char why[static 96]);

/*
 * token_open - load the module, find the token, log in, probe
 *
 *   t  out  to be closed with token_close(), also after an error
 *
 * The probe takes every key path once on published figures: the KDF and the wrap of crypto/kbkdf.h and
 * crypto/keywrap.h, both halves of a TDES initial key, an AES initial key, ECDH and ECDSA against this program's own
 * arithmetic. Then what has to fail: reading a sensitive value, wrapping an unextractable key, changing an unmodifiable
 * one, using a BDK to encrypt. A token that fails in any of them is refused and t->why says in which.
 *
 *   E_OK, E_PASSPHRASE (the token refuses the PIN, or has locked it: there was one try, or none where that could have been the
 *   last), E_TOKEN; t->why either way
 */
MUST_USE enum err token_open(struct token *t, const struct token_place *at, struct span pin);

/* token_close - log out and unload. Ends PKCS#11 for the whole process. */
void token_close(struct token *t);

/* The acts: as the worker_ function of the same name says (bdk/worker.h). E_SPACE (token_ephemeral): TOKEN_EPHEMERALS
 * pairs are waiting. */
MUST_USE enum err token_random(struct token *t, uint8_t *out, size_t len);
MUST_USE enum err token_make_pair(struct token *t, uint8_t point[static P256_POINT], const char *label);
MUST_USE enum err token_point(struct token *t, uint8_t point[static P256_POINT], const char *label);
MUST_USE enum err token_sign(struct token *t, uint8_t sig[static P256_SIG], const char *label,
			     const uint8_t digest[static 32]);
MUST_USE enum err token_ephemeral(struct token *t, uint64_t *handle, uint8_t point[static P256_POINT]);
MUST_USE enum err token_forget(struct token *t, uint64_t handle);
MUST_USE enum err token_wrap_initial_key(struct token *t, struct wrapped item[static 2], uint8_t *items,
					 uint64_t handle, const uint8_t peer[static P256_POINT],
					 const uint8_t ctx[static 32], const struct key_set_id *set,
					 const struct ksn *iksn);
MUST_USE enum err token_make_bdk(struct token *t, struct kcv *kcv, struct wrapped item[static 2], uint8_t *items,
				 uint64_t handle, const uint8_t peer[static P256_POINT], const uint8_t ctx[static 32],
				 const struct key_set_id *set);
MUST_USE enum err token_take_bdk(struct token *t, struct kcv *kcv, const struct wrapped *item, uint8_t items,
				 const uint8_t point[static P256_POINT], const uint8_t ctx[static 32],
				 const struct key_set_id *set);
MUST_USE enum err token_enter_bdk(struct token *t, struct kcv *kcv, const struct key part[], uint8_t parts,
				  const struct key_set_id *set, const struct kcv *paper);
MUST_USE enum err token_enter_kbpk(struct token *t, struct kcv *kcv, const struct key part[], uint8_t parts,
				   const struct kbpk_id *id, const struct kcv *paper);
MUST_USE enum err token_make_kbpk(struct token *t, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len,
				  const struct kbpk_id *id, const struct kbpk_id *under, char exportability);
MUST_USE enum err token_take_kbpk_block(struct token *t, struct kcv *kcv, struct kbpk_id *id, struct span text,
					const struct kbpk_id *under);
MUST_USE enum err token_drop_kbpk(struct token *t, const char *name);
MUST_USE enum err token_make_bdk_block(struct token *t, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len,
				       const struct key_set_id *set, const struct kbpk_id *under, char exportability);
MUST_USE enum err token_take_bdk_block(struct token *t, struct kcv *kcv, struct key_set_id *set, uint8_t most,
				       struct span text, const struct kbpk_id *under);
MUST_USE enum err token_drop_bdk(struct token *t, const struct key_set_id *set);
MUST_USE enum err token_initial_key(struct token *t, struct key *ik, const struct key_set_id *set,
				    const struct ksn *iksn);

MUST_USE enum err token_destroy_bdk(struct token *t, const struct key_set_id *set);

/* token_fingerprint - worker_fingerprint(); the key under which fingerprints are, "fingerprint", is made with the first */
MUST_USE enum err token_fingerprint(struct token *t, uint8_t fp[static FINGERPRINT], bool *published, const char *label);

/*
 * token_place_bdk - a key set's objects of a BDK that is there in the clear, in this process alone: the BDK, and for TDES
 * its variant, which may derive and can never leave. The caller wipes bdk.
 *
 *   kcv    out  len 0 on an error
 *   bdk    in   of the scheme's length; TDES of any parity
 *   paper  in   what the check value has to be, NULL where nobody said; len 0: it is wanted alone, and nothing is kept
 *
 *   E_OK, E_EXISTS, E_SCHEME, E_KEY (not a key to go by: clear_key_fit()), E_MAC (another check value), E_TOKEN. Nothing
 *   stays in the token on an error, session objects neither.
 */
MUST_USE enum err token_place_bdk(struct token *t, struct kcv *kcv, const struct key *bdk, const struct key_set_id *set,
				  const struct kcv *paper);

/*
 * token_mark - the room's mark (bdk/mark.h): of several the one whose bytes are the highest. E_KEY (none)
 * token_set_mark - another one in its place, which a process that is killed leaves whole: the old, the new, or both
 *
 *   mark   in  its first eight bytes, a number, are higher than those of the two others
 *   known  in  what has to be there: the mark that was read or written last, all zero where there was none
 *   tried  in  what may be there as well, or instead: one whose writing failed after that
 *
 *   E_DENIED: something else is there, another process's, and it stays
 */
MUST_USE enum err token_mark(struct token *t, uint8_t mark[static TOKEN_MARK]);
MUST_USE enum err token_set_mark(struct token *t, const uint8_t mark[static TOKEN_MARK],
				 const uint8_t known[static TOKEN_MARK], const uint8_t tried[static TOKEN_MARK]);

#endif
