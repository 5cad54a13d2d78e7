/*
 * What kind of key a working key is: algorithm and length. Transaction keys of TDES DUKPT are 2TDEA.
 */
#ifndef KEYROOM_DUKPT_KEY_TYPE_H
#define KEYROOM_DUKPT_KEY_TYPE_H

#include "dukpt/ksn.h"

enum dukpt_key_type {
	DUKPT_KEY_2TDEA,
	DUKPT_KEY_3TDEA,
	DUKPT_KEY_AES128,
	DUKPT_KEY_AES192,
	DUKPT_KEY_AES256,
	DUKPT_KEY_HMAC128,
	DUKPT_KEY_HMAC192,
	DUKPT_KEY_HMAC256
};

#define DUKPT_KEY_TYPES 8

/* What one is made of, as derivation data and the table of strengths name it */
struct dukpt_key_kind {
	const char *name;	/* "2TDEA", "3TDEA", "AES128", ..., "HMAC256" */
	uint8_t algorithm;	/* 0 2TDEA, 1 3TDEA, 2 AES-128, 3 AES-192, 4 AES-256, 5 HMAC */
	uint8_t len;		/* bytes */
	uint8_t block;		/* bytes of the cipher's block: 8 or 16; 0 for HMAC, which enciphers nothing */
	uint16_t strength;	/* bits of security */
};

/* dukpt_key_kind - NULL if there is no such type */
const struct dukpt_key_kind *dukpt_key_kind(enum dukpt_key_type type);

/* dukpt_key_type_parse - the type of one of these eight names. E_OK, E_FORMAT (type is as it was) */
MUST_USE enum err dukpt_key_type_parse(enum dukpt_key_type *type, const char *name);

/* dukpt_key_type_of - the type of a scheme's own keys: what its working keys are if nobody says otherwise. E_OK,
 * E_SCHEME (no scheme; type is as it was) */
MUST_USE enum err dukpt_key_type_of(enum dukpt_key_type *type, enum dukpt_scheme scheme);

#endif
