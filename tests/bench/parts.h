/*
 * Where bdkd's time goes: tests/bench/parts.c, preloaded, adds it up in the file $KEYROOM_PARTS, one struct parts, for the
 * supervisor and all its workers together.
 */
#ifndef KEYROOM_TESTS_BENCH_PARTS_H
#define KEYROOM_TESTS_BENCH_PARTS_H

#include <stdint.h>

/* name in the report, and what is counted there; PART_DISK by the clock on the wall, the others in processor time */
#define PARTS                                                                                                          \
	PART(DISK, "disk")	   /* fdatasync() of the journal */                                                      \
	PART(JOURNAL, "journal")   /* SQLite, without that */                                                            \
	PART(VERIFY, "verify")	   /* ECDSA signatures: certificates, OFFER, RECEIPT */                                  \
	PART(PAIR, "pair")	   /* C_GenerateKeyPair */                                                               \
	PART(DERIVE, "derive")	   /* C_DeriveKey: ECDH, initial key, KEK */                                             \
	PART(KDF, "kdf")	   /* C_Encrypt: the rest of the KDF */                                                  \
	PART(WRAP, "wrap")	   /* C_WrapKey */                                                                       \
	PART(SIGN, "sign")	   /* C_Sign */                                                                          \
	PART(OBJECTS, "objects")   /* C_FindObjects, C_GetAttributeValue, C_DestroyObject */

enum part {
#define PART(name, text) PART_##name,
	PARTS
#undef PART
	PART_COUNT
};

struct parts {
	struct {
		uint64_t ns, calls;
	} of[PART_COUNT];
};

#endif
