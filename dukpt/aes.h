/*
 * AES DUKPT (ANSI X9.24-3:2017) as values: which data to encrypt under which parent, along which path.
 *
 * Every key of the scheme comes out of its parent by one step: AES-ECB of one or two blocks of derivation data under
 * the parent, cut to the child's length. This header says what the data are. Who encrypts is open: dukpt_run() does it
 * on bytes; a PKCS#11 token does it on handles.
 *
 * Derivation data, 16 bytes a block: 01 || block number (01, 02) || usage (2) || algorithm (2) || bits (2) || 8 bytes:
 * the initial key ID for an initial key, else derivation ID || counter.
 *
 *   BDK --step_ik--> IK --step_next, for each one-bit of the counter--> derivation key --step_working--> working key
 *
 * Vectors: vectors/x9.24-3-2017.txt
 */
#ifndef KEYROOM_DUKPT_AES_H
#define KEYROOM_DUKPT_AES_H

#include "crypto/key.h"
#include "dukpt/key_type.h"

/* child = ECB(parent, data), cut to len */
struct dukpt_step {
	uint8_t data[32];	/* 16 bytes for a child of 16; 32 for 24 and 32 */
	uint8_t len;		/* of the child: 16, 24 or 32 */
};

/* dukpt_step_blocks - how many 16-byte blocks of s->data to encrypt: 1 or 2 */
size_t dukpt_step_blocks(const struct dukpt_step *s);

/* What a derived key is for. The numbers are those of the standard. */
enum dukpt_usage {
	DUKPT_USE_KEY_ENCRYPTION = 0x0002,	/* the update key, at counter FFFFFFFF */
	DUKPT_USE_PIN = 0x1000,
	DUKPT_USE_MAC_GENERATE = 0x2000,
	DUKPT_USE_MAC_VERIFY = 0x2001,
	DUKPT_USE_MAC_BOTH = 0x2002,
	DUKPT_USE_DATA_ENCRYPT = 0x3000,
	DUKPT_USE_DATA_DECRYPT = 0x3001,
	DUKPT_USE_DATA_BOTH = 0x3002,
	DUKPT_USE_DERIVATION = 0x8000,
	DUKPT_USE_INITIAL_KEY = 0x8001
};

/*
 * dukpt_aes_step_ik - from the BDK to one terminal's initial key
 *
 *   s       out  written only on E_OK
 *   scheme  in   the BDK's; the initial key is as long as the BDK
 *   k       in   its counter does not matter
 *
 *   E_OK, E_SCHEME (not an AES scheme, or a TDES KSN)
 */
MUST_USE enum err dukpt_aes_step_ik(struct dukpt_step *s, enum dukpt_scheme scheme, const struct ksn *k);

/* A walk from the initial key to a counter's derivation key: one step for each one-bit, highest first. */
struct dukpt_walk {
	enum dukpt_scheme scheme;
	uint32_t to;		/* the counter to reach */
	uint32_t at;		/* the counter of the key reached so far; 0 is the initial key */
};

/*
 * dukpt_aes_walk - begin the walk to k's derivation key (the transaction key of a terminal at k)
 *
 *   w  out  written only on E_OK
 *
 *   E_OK
 *   E_SCHEME   not an AES scheme, or a TDES KSN
 *   E_COUNTER  no terminal reaches k's counter: zero, or more than 16 one-bits
 */
MUST_USE enum err dukpt_aes_walk(struct dukpt_walk *w, enum dukpt_scheme scheme, const struct ksn *k);

/* dukpt_aes_walk_update - begin the walk to the derivation key of the update key, at counter FFFFFFFF: the one counter
 * beyond the one-bits rule. E_OK, E_SCHEME (w is as it was) */
MUST_USE enum err dukpt_aes_walk_update(struct dukpt_walk *w, enum dukpt_scheme scheme);

/*
 * dukpt_aes_step_next - the next step of a walk, to be run under the key that the last one gave, at first the IK
 *
 *   s  out  written only when true is returned
 *   k  in   whose walk it is; its counter does not matter
 *
 * The register machine fills its registers with single steps: w->at is then w->to without its lowest one-bit.
 *
 *   true: run s. false: the walk has arrived, or k is none of its scheme
 */
bool dukpt_aes_step_next(struct dukpt_step *s, struct dukpt_walk *w, const struct ksn *k);

/*
 * dukpt_aes_step_working - from a derivation key to one of its working keys
 *
 *   s       out  written only on E_OK
 *   scheme  in   the derivation key's
 *   k       in   with the counter of the derivation key; whether a terminal reaches it was the walk's question
 *
 *   E_OK
 *   E_SCHEME    not an AES scheme, a TDES KSN, or no such key type
 *   E_RANGE     no such usage of a working key
 *   E_STRENGTH  the working key would be stronger than its parent
 */
MUST_USE enum err dukpt_aes_step_working(struct dukpt_step *s, enum dukpt_scheme scheme, const struct ksn *k,
					 enum dukpt_usage usage, enum dukpt_key_type type);

/*
 * dukpt_run - run one step on bytes
 *
 *   child   out  s->len bytes; may be parent; written only on E_OK
 *
 *   E_OK, E_KEY (parent is no AES key, or s->len is none of 16, 24, 32), E_CRYPTO
 */
MUST_USE enum err dukpt_run(struct key *child, const struct key *parent, const struct dukpt_step *s);

#endif
