/*
 * Key sets: one BDK, the device ids below it, and what it may be used for. Its id is what stands at the head of every
 * KSN: TDES 5 bytes, printed FFFFkkkkkk; AES the 4 bytes of the BDK ID. The id's length says which family.
 */
#ifndef KEYROOM_BDK_KEY_SET_H
#define KEYROOM_BDK_KEY_SET_H

#include "dukpt/ksn.h"

enum room_purpose { ROOM_CA = 1, ROOM_LOAD = 2, ROOM_ACQUIRER = 3 };

struct key_set_id {
	uint8_t b[5];
	uint8_t len;			/* 5 TDES, 4 AES */
	enum dukpt_scheme scheme;
};

struct kcv {
	uint8_t b[5];
	uint8_t len;			/* 3 TDES, 5 AES, 0 unknown */
};

#define KEY_SET_TEXT 11			/* 10 hex digits and a NUL */

/* key_set_parse - 10 hex digits beginning FFFF (TDES) or 8 hex digits (AES) for that scheme. E_OK, E_FORMAT,
 * E_SCHEME */
MUST_USE enum err key_set_parse(struct key_set_id *set, const char *text, enum dukpt_scheme scheme);

void key_set_text(char out[static KEY_SET_TEXT], const struct key_set_id *set);

/* key_set_of_ksn - the id at the head of a KSN. For AES, whose id does not tell the key length, scheme is DUKPT_NONE:
 * look the id up in the journal. */
void key_set_of_ksn(struct key_set_id *set, const struct ksn *k);

#endif
