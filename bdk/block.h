/*
 * X9.143 key blocks that rooms take and give, versions B and D (crypto/keyblock.h): what one says before it is opened,
 * and under what. Pure: no key is needed to read it, and nothing of it may be believed before a worker has verified
 * its MAC (bdk/worker.h), which reads it by these functions too.
 *
 *   usage  B0 a BDK, K0 or K1 a KBPK
 *   mode   of a BDK X, or N by older partners; of a KBPK B, D (unwraps only), E (wraps only), or N, which is B
 *   export E, S or N: what whoever takes it may do with it. Rooms give nothing on that they took, so they honour each
 *   options that count: BI, KS, IK: the key set's id; KC, KP: check values, which have to be right
 *
 * What rooms write has usage B0 and mode X, or K1 and B; BI, KC and KP.
 */
#ifndef KEYROOM_BDK_BLOCK_H
#define KEYROOM_BDK_BLOCK_H

#include "bdk/key_set.h"
#include "crypto/keyblock.h"
#include "dukpt/key_type.h"

#define BLOCK_MAX 2048 /* characters: with every option that counts it is less than 400 */
#define BLOCK_WHY 160

/* A KBPK by what it is called in a room, and what it is: the object "kbpk-NAME" */
#define KBPK_NAME 16 /* 1..15 of [a-z0-9-], beginning with a letter, and a NUL */
struct kbpk_id {
	char name[KBPK_NAME];
	enum dukpt_key_type type; /* 2TDEA, 3TDEA, AES128, AES192 or AES256 */
};

bool kbpk_name_ok(const char *name);

/* kbpk_type_parse - one of those five names. E_OK, E_FORMAT */
MUST_USE enum err kbpk_type_parse(enum dukpt_key_type *type, const char *name);

/* kbpk_type_of - the type of a TDES or AES key of so many bytes. E_OK, E_KEY (there is none) */
MUST_USE enum err kbpk_type_of(enum dukpt_key_type *type, bool tdes, size_t len);

/* kbpk_len - bytes; 0 where type is none that a KBPK has. kbpk_tdes - TDES, or AES? kbpk_version - of the blocks under
 * it: 'B' or 'D'. kbpk_may_hold - may a key of so many bytes stand under it? */
uint8_t kbpk_len(enum dukpt_key_type type);
bool kbpk_tdes(enum dukpt_key_type type);
char kbpk_version(enum dukpt_key_type type);
bool kbpk_may_hold(enum dukpt_key_type kbpk, bool tdes, size_t len);

struct block {
	struct keyblock parsed; /* points into the text */
	bool kbpk;              /* a KBPK; else a BDK */
	bool tdes;              /* ... for TDES; else for AES */
	char mode;              /* X; of a KBPK B, D or E: what N permits */
	char exportability;
	struct key_set_id set;  /* of a BDK; len 0: it names none. Its scheme is DUKPT_TDES, or DUKPT_NONE: AES of a length
				 * that is known once it is opened */
};

/*
 * block_read - a key block's form, and whether it is one of those above
 *
 *   b     out  valid only on E_OK
 *   text  in   exactly one key block
 *   why   out  "" where the result says enough
 *
 *   E_OK, E_FORMAT (as keyblock_parse(); longer than BLOCK_MAX; options that contradict each other or the algorithm;
 *   an id that no key set can have here; a component), E_VERSION, E_SCHEME (usage, algorithm or mode of another key)
 */
MUST_USE enum err block_read(struct block *b, struct span text, char why[static BLOCK_WHY]);

/* block_check_value - does the option of this id, KC or KP, hold the check value of a key that enciphers so? E_OK (also
 * where there is no such option), E_MAC, or what ecb gives */
MUST_USE enum err block_check_value(const struct block *b, const char *id, bool tdes, cmac_ecb *ecb, void *ctx);

/* block_kcv - a BDK's or KBPK's own check value: TDES the first 3 bytes of E(0), AES the first 5 of CMAC(0). E_OK, or
 * what ecb gives */
MUST_USE enum err block_kcv(struct kcv *kcv, bool tdes, cmac_ecb *ecb, void *ctx);

/*
 * block_write - the key block of a BDK or KBPK
 *
 *   set   in  whose BDK it is; NULL: key is a KBPK
 *   own   in  its check value; kp: the KBPK's
 *
 *   E_OK, E_STRENGTH, E_SPACE, E_CRYPTO, E_KEY (keys of another version than of under)
 */
MUST_USE enum err block_write(char text[static BLOCK_MAX], size_t *len, const struct keyblock_keys *keys,
			      const struct key *key, bool tdes, char exportability, const struct key_set_id *set,
			      const struct kcv *own, const struct kcv *kp,
			      const uint8_t random[static KEYBLOCK_RANDOM]);

#endif
