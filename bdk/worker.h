/*
 * Workers: the processes that hold the PKCS#11 module (bdk/process.h). bdkd's supervisor starts a worker, gives it the
 * PIN once over its socket pair, and asks it for the few acts below; no other code of the project touches a token. A
 * worker that dies is E_TOKEN for the call under way: the supervisor starts another (worker_start) and nothing was
 * answered twice.
 *
 * Objects are named by label. EC key pairs: "identity" (KDH; signs KEY, ZEROIZE, packages), "exchange" (acquirer
 * room's, ECDH, and its own certificate request), "records", "device-ca", "kif-ca", "exchange-ca" (sign). Key sets:
 * "bdk-ID", and for TDES also "bdk-variant-ID". KBPKs: "kbpk-NAME". Everything in the token is sensitive, not
 * extractable and not modifiable.
 */
#ifndef KEYROOM_BDK_WORKER_H
#define KEYROOM_BDK_WORKER_H

#include "bdk/block.h"
#include "bdk/key_set.h"
#include "bdk/probe.h"
#include "crypto/kbkdf.h"
#include "crypto/p256.h"
#include "dukpt/ksn.h"
#include "protocol/transcript.h"

#include <sys/types.h>

/*
 * Making a KEY takes long, so whoever asks need not wait for it: order it, do something else, take it. Between order and
 * answer the worker can do nothing else; an answer that was not yet taken waits here, and keeps it from no other act.
 */
struct worker {
	int fd; /* -1: none */
	pid_t pid;
	unsigned asked; /* acts since it was started */
	struct probe probe; /* what its token answered then */
	enum { WORKER_KEY_NONE, WORKER_KEY_ORDERED, WORKER_KEY_MADE } state;
	uint64_t until; /* of an order, CLOCK_MONOTONIC milliseconds: later the worker is dead */
	enum err made;	/* what became of it, and KEY without its type */
	uint8_t key[MSG_MAX];
	size_t key_len;
};

/* What a KEY is made of. */
struct key_order {
	struct transcript t; /* of HELLO and OFFER */
	uint8_t environment[32];
	uint8_t slot;
	struct key_set_id set;
	struct ksn iksn;
	uint8_t peer[P256_POINT]; /* the terminal's ephemeral point */
};

/* One wrapped key as the KDF and RFC 5649 leave it. */
struct wrapped {
	char label[KBKDF_LABEL];
	uint8_t b[40];
	uint8_t len;
};

/* How to reach the token: from room.conf. */
struct token_place {
	const char *uri;          /* bdk/token_uri.h: pkcs11:token=NAME?module-path=/usr/lib/softhsm/libsofthsm2.so */
	const char *softhsm_conf; /* set as SOFTHSM2_CONF in the worker alone, NULL for other tokens */
	const char *arguments;    /* what C_Initialize is given (NSS: configdir=...), NULL for tokens that want none */
	const char *folder;	  /* where its module writes besides the folder of softhsm_conf, NULL: nowhere */
	bool strict;		  /* a production room's: no worker without its walls (bdk/wall.h) */
};

/*
 * worker_init_token - initialise a blank token, set its SO PIN and its user's
 *
 * Runs in a process of its own, which ends. E_OK, E_EXISTS (a token of that name is there), E_TOKEN
 */
MUST_USE enum err worker_init_token(const struct token_place *at, struct span pin, struct span so_pin);

/*
 * worker_change_pins - as the SO: first a new PIN for the token's user, then a new SO PIN. Keys stay, and so do logins that
 * are under way.
 *
 * Runs in a process of its own, which ends. E_OK, E_PASSPHRASE (the token does not take so_pin), E_TOKEN (next_pin may be
 * the user's already, so_pin is still the SO's)
 */
struct token_pins {
	struct span so_pin, next_pin, next_so_pin;
};
MUST_USE enum err worker_change_pins(const struct token_place *at, const struct token_pins *p);

/*
 * worker_start - start a worker, have it load the module, find the token, log in, and probe on known answers
 *
 *   purpose  in  what this room may ask: a worker of a load or ca room never gives out an initial key
 *
 *   E_OK, E_TOKEN (no module, no token, or a probe gave a wrong answer: why is said on standard error), E_PASSPHRASE (the
 *   token refuses the PIN: likewise; it is not to be tried again),
 *   E_DENIED (a wall that at->strict asks for cannot be built: likewise). Either way w->probe has what the token answered;
 *   whether it is fit for the room is the caller's to judge: probe_verdict()
 */
MUST_USE enum err worker_start(struct worker *w, const struct token_place *at, enum room_purpose purpose,
			       struct span pin);

/* worker_main - a worker's whole life, in its own process */
void worker_main(void);

/* worker_stop - end it and reap it; fine on one that is dead. A KEY that was made before stays to be taken. */
void worker_stop(struct worker *w);

/*
 * All below: E_OK, E_TOKEN (the token refused, or the worker died or did not answer for 30 seconds; it is ended and
 * reaped then, *w has fd -1 and its ephemeral pairs are gone), E_DENIED (this room's worker is not for that), and what
 * they name. Outputs are wiped on errors. A signal does not disturb a call. Nobody else waits for workers:
 * worker_stop() reaps.
 */

/* worker_random - from the token, len at most 4096. E_RANGE */
MUST_USE enum err worker_random(struct worker *w, uint8_t *out, size_t len);

/* worker_make_pair - a P-256 pair as token objects: for signing; "exchange" for ECDH, and for signing its
 * own certificate request. E_EXISTS */
MUST_USE enum err worker_make_pair(struct worker *w, uint8_t point[static P256_POINT], const char *label);

/* worker_point - the public point of a pair. E_KEY (no such label) */
MUST_USE enum err worker_point(struct worker *w, uint8_t point[static P256_POINT], const char *label);

/* worker_sign - raw ECDSA over a digest with a pair that may sign. E_KEY */
MUST_USE enum err worker_sign(struct worker *w, uint8_t sig[static P256_SIG], const char *label,
			      const uint8_t digest[static 32]);

/* worker_ephemeral - a session pair for one package; it is gone after worker_make_bdk() or worker_forget(), whatever they
 * result in. Load room only. E_SPACE (64 pairs wait: forget some),
 * E_KEY (no such handle) */
MUST_USE enum err worker_ephemeral(struct worker *w, uint64_t *handle, uint8_t point[static P256_POINT]);
MUST_USE enum err worker_forget(struct worker *w, uint64_t handle);

/*
 * worker_order_key - have a whole KEY made, in one act: an ephemeral pair, the initial key of order->iksn derived and
 * wrapped for order->peer, signed by "identity"; the pair and everything else is destroyed. The worker must be without
 * an order. E_OK (it is at work), E_TOKEN
 *
 * worker_wait_key - wait for the answer, until 30 seconds after the order at most; at once where w->fd has something to
 * read. The KEY is made then, or made says why not. Fine without an order.
 *
 * worker_left - milliseconds until worker_wait_key() waits no more; -1 without an order
 *
 * worker_take_key - the KEY that was made, without its type, or its result: E_KEY_SET (no such objects, or a KSN of another
 * key set), E_SCHEME (not TDES or AES-128), E_POINT, E_KEY (no "identity"), E_CRYPTO (half of a KEK would have been seen:
 * one chance in 2^120). After it the next may be ordered. Load room only
 */
MUST_USE enum err worker_order_key(struct worker *w, const struct key_order *order);
void worker_wait_key(struct worker *w);
int worker_left(const struct worker *w);
MUST_USE enum err worker_take_key(struct worker *w, uint8_t key[static MSG_MAX], size_t *len);

/*
 * worker_make_bdk - make a BDK in the token and wrap it at birth, once and never again, for an acquirer room
 *
 *   kcv     out  check value: TDES 3 bytes, AES 5 bytes of CMAC(0)
 *   item    out  AES: "KRM1-BD"; TDES: "KRM1-BD" (BDK) and "KRM1-BV" (its variant, xor
 *                C0C0C0C000000000C0C0C0C000000000)
 *   peer    in   the acquirer room's exchange key
 *
 *   E_EXISTS (objects of that key set are there), E_SCHEME (there is none such), E_POINT, E_KEY (no such handle),
 *   E_CRYPTO. Load room only. The peer is whoever the caller says: check its certificate before.
 */
MUST_USE enum err worker_make_bdk(struct worker *w, struct kcv *kcv, struct wrapped item[static 2], uint8_t *items,
				  uint64_t handle, const uint8_t peer[static P256_POINT], const uint8_t ctx[static 32],
				  const struct key_set_id *set);

/*
 * worker_take_bdk - unwrap a BDK into non-extractable token objects under the exchange pair; acquirer room only
 *
 *   point  in  the sender's ephemeral point
 *
 *   E_EXISTS, E_UNWRAP (integrity, a key of another length, or other items than worker_make_bdk() gives), E_SCHEME,
 *   E_POINT, E_KEY (no exchange pair), E_CRYPTO, E_DENIED (another room). Nothing stays in the token on an error. That
 *   a TDES variant is its BDK's cannot be seen in the token: the package's signature answers for it.
 */
MUST_USE enum err worker_take_bdk(struct worker *w, struct kcv *kcv, const struct wrapped *item, uint8_t items,
				  const uint8_t point[static P256_POINT], const uint8_t ctx[static 32],
				  const struct key_set_id *set);

/*
 * worker_enter_bdk - put a BDK together of its components and make a key set's token objects of it; load and acquirer rooms.
 * The BDK is clear in the worker alone, and for this one act; the components are the caller's to wipe
 *
 *   part   in  parts (2 to 9) of the scheme's length
 *   paper  in  what the check value has to be; len 0: it is wanted alone, and nothing is kept
 *
 *   E_EXISTS, E_SCHEME, E_RANGE, E_KEY (clear_key_join() refuses them), E_MAC (another check value), E_DENIED (a ca room).
 *   Nothing stays in the token on an error
 */
MUST_USE enum err worker_enter_bdk(struct worker *w, struct kcv *kcv, const struct key part[], uint8_t parts,
				   const struct key_set_id *set, const struct kcv *paper);

/* worker_drop_bdk - destroy a key set's objects: undoes a worker_make_bdk(), worker_take_bdk() or worker_enter_bdk() whose record failed.
 * Fine if there are none. Not in a ca room. E_SCHEME */
MUST_USE enum err worker_drop_bdk(struct worker *w, const struct key_set_id *set);

/*
 * worker_destroy_bdk - destroy a key set's objects, and have the token show that they are gone: neither the handles that this worker had
 * of them nor their labels derive anything, and a fresh search finds none. Fine if there were none; to be asked of every worker, since
 * each knows handles of its own. Not in a ca room. E_SCHEME; E_TOKEN: not shown
 */
MUST_USE enum err worker_destroy_bdk(struct worker *w, const struct key_set_id *set);

/*
 * worker_fingerprint - of the secret key of that label, "bdk-ID" or "kbpk-NAME": which key it is, and nothing more
 *
 *   fp         out  16 bytes under a key that never leaves the token: the same for the same key, whatever its label is
 *   published  out  is it one of the test keys that everybody knows (bdk/fingerprint.h)?
 *
 *   E_KEY (no such label), E_SCHEME (neither AES nor TDES). Not in a ca room
 */
#define FINGERPRINT 16
MUST_USE enum err worker_fingerprint(struct worker *w, uint8_t fp[static FINGERPRINT], bool *published, const char *label);

/*
 * KBPKs, and keys that come in and go out under them (bdk/block.h). Load and acquirer rooms. A key is clear in the worker
 * alone, for the one act. Nothing stays in the token on an error.
 *
 *   E_KEY     id is none, or what is in the block or the components is no key to go by
 *   E_EXISTS  an object of that name is there
 *
 * worker_enter_kbpk - of components: part, parts and paper as worker_enter_bdk() has them. E_RANGE, E_MAC
 *
 * worker_make_kbpk - made by the token; with under it leaves it once, in this block, else len is 0. E_STRENGTH
 *
 * worker_take_kbpk_block - out of a block; id->type is what it turns out to be. E_MAC (not under this KBPK, or changed), E_STRENGTH,
 * E_SCHEME (a BDK); E_KEY, too, where the block's check values are not right
 *
 * worker_drop_kbpk - destroy it, and have the token show that it is gone, as worker_destroy_bdk(). Fine if there is none
 */
MUST_USE enum err worker_enter_kbpk(struct worker *w, struct kcv *kcv, const struct key part[], uint8_t parts,
				    const struct kbpk_id *id, const struct kcv *paper);
MUST_USE enum err worker_make_kbpk(struct worker *w, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len,
				   const struct kbpk_id *id, const struct kbpk_id *under, char exportability);
MUST_USE enum err worker_take_kbpk_block(struct worker *w, struct kcv *kcv, struct kbpk_id *id, struct span text,
					 const struct kbpk_id *under);
MUST_USE enum err worker_drop_kbpk(struct worker *w, const char *name);

/*
 * worker_make_bdk_block - worker_make_bdk() towards whoever has a KBPK: the BDK is made in the token, and leaves it once, in
 * this block. Load room only. E_EXISTS, E_SCHEME, E_STRENGTH
 *
 * worker_take_bdk_block - a key set's objects of the BDK in a block, with results as worker_take_kbpk_block()
 *
 *   set   in/out  its id; the scheme is what the BDK turns out to be
 *   most  in      E_RANGE where it is longer than so many bytes; E_SCHEME where no BDK is as long
 */
MUST_USE enum err worker_make_bdk_block(struct worker *w, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len,
					const struct key_set_id *set, const struct kbpk_id *under, char exportability);
MUST_USE enum err worker_take_bdk_block(struct worker *w, struct kcv *kcv, struct key_set_id *set, uint8_t most,
					struct span text, const struct kbpk_id *under);

/* worker_initial_key - derive an initial key and give it out in the clear; acquirer room only. E_KEY_SET, E_SCHEME,
 * E_DENIED */
MUST_USE enum err worker_initial_key(struct worker *w, struct key *ik, const struct key_set_id *set,
				     const struct ksn *iksn);

/* worker_mark - the room's mark on the token, as worker_set_mark() left it last; load room only. E_KEY (none)
 * worker_set_mark - another in its place, if what is there is known or tried: token_set_mark(). E_DENIED */
#define TOKEN_MARK 56
MUST_USE enum err worker_mark(struct worker *w, uint8_t mark[static TOKEN_MARK]);
MUST_USE enum err worker_set_mark(struct worker *w, const uint8_t mark[static TOKEN_MARK],
				  const uint8_t known[static TOKEN_MARK], const uint8_t tried[static TOKEN_MARK]);

#endif
