/*
 * The messages of enrolment and loading, as bytes. PROTOCOL.md is the same in prose, with one whole session in hex.
 *
 * A message is body || signature where its type is signed, else body alone. On the link its type goes in front.
 * Integers are big-endian. A decoder gives spans that point into its input and accepts exactly what the encoder can
 * produce: whatever is left over, missing or out of range is E_SHORT or E_FORMAT. Decoders check form only; what a
 * message means, and whether its signature is good, is decided in bdk/kdh.c, bdk/enrol.c and terminal/krd.c.
 */
#ifndef KEYROOM_PROTOCOL_MESSAGE_H
#define KEYROOM_PROTOCOL_MESSAGE_H

#include "base/bytes.h"
#include "crypto/p256.h"
#include "protocol/slot.h"

#include <stdbool.h>

#define MSG_VERSION 1
#define MSG_SUITE 1		/* P-256, CMAC-AES-256 KBKDF, RFC 5649 */
#define MSG_MAX 2559		/* with its signature; one link payload less the type */
#define MSG_SLOTS 8
#define MSG_ITEMS 2
#define MSG_NONCE 16
#define MSG_SLOT_ALL 0xff

enum msg_type {
	MSG_HELLO = 1, MSG_OFFER = 2, MSG_KEY = 3, MSG_ZEROIZE = 4, MSG_RECEIPT = 5, MSG_ABORT = 6,
	MSG_IDENTIFY = 16, MSG_CSR = 17, MSG_CERT = 18, MSG_DONE = 19
};

/* msg_name - "HELLO" …, the name that a signature's label carries; NULL for no such type */
const char *msg_name(unsigned type);

/* msg_signed - does this type carry a signature? */
bool msg_signed(unsigned type);

/* KDH -> KRD, unsigned: everything in it is signed by the messages that follow, through the transcript. */
struct msg_hello {
	uint8_t version, suite;
	uint8_t environment[32];	/* SHA-256 of the SPKI of the KIF CA */
	uint64_t utc;			/* seconds since 1970 */
	uint8_t nonce[MSG_NONCE];
	struct span cert;		/* the KDH identity's certificate, DER */
};

struct msg_slot {
	uint8_t index, state, scheme;	/* enum slot_state; enum dukpt_scheme, 0 in an empty slot */
	struct span ksn;		/* initial KSN it holds, or last held: 0, 10 or 12 bytes */
	struct span kcv;		/* check value of the initial key: 0, 3 or 5 bytes */
	uint8_t key_hash[32];		/* h after the accepted KEY, zero if there never was one */
};

/* KRD -> KDH, signed by the terminal's identity key. */
struct msg_offer {
	struct span cert;		/* the terminal's certificate, DER */
	uint8_t nonce[MSG_NONCE];
	uint8_t point[P256_POINT];	/* ephemeral */
	struct span firmware;		/* version text, at most 32 bytes */
	uint8_t firmware_digest[32];
	uint32_t load_count;		/* accepted KEYs in this terminal's life */
	uint8_t slots;			/* 1..MSG_SLOTS, in ascending order of index */
	struct msg_slot slot[MSG_SLOTS];
};

struct msg_item {
	char label[7];			/* "KRM1-IK", or "KRM1-IL" and "KRM1-IR": no NUL */
	struct span wrapped;		/* RFC 5649, 16..40 bytes */
};

/* KDH -> KRD, signed by the KDH identity. */
struct msg_key {
	uint8_t environment[32];
	uint8_t slot, scheme;
	char usage[2];			/* X9.143: "B1", DUKPT initial key */
	struct span ksn;		/* initial KSN: 10 or 12 bytes */
	uint8_t point[P256_POINT];	/* ephemeral */
	uint8_t items;			/* 1..MSG_ITEMS */
	struct msg_item item[MSG_ITEMS];
	struct span head;		/* decode only: the body up to and with the point, which ctx covers */
};

enum zeroize_reason { ZEROIZE_REJECT = 1, ZEROIZE_DECOMMISSION = 2, ZEROIZE_RELOAD = 3 };

/* KDH -> KRD in KEY's place, signed by the KDH identity. */
struct msg_zeroize {
	uint8_t environment[32];
	uint8_t slot;			/* or MSG_SLOT_ALL */
	uint8_t reason;			/* enum zeroize_reason */
};

/* KRD -> KDH, signed by the terminal's identity key. After ZEROIZE ksn and kcv are what was there, possibly empty. */
struct msg_receipt {
	uint16_t result;		/* enum err: E_OK */
	uint8_t slot;
	struct span ksn, kcv;
	uint32_t load_count;		/* with this load */
};

/* Either way, unsigned: it ends the session and changes nothing durable. */
struct msg_abort {
	uint16_t reason;		/* enum err */
};

/* ca room -> terminal, unsigned. */
struct msg_identify {
	uint8_t version, suite;
	uint8_t environment[32];	/* SHA-256 of the SPKI of the device CA: the root in the terminal's image */
	uint64_t utc;
	uint8_t nonce[MSG_NONCE];
	uint8_t random[32];		/* mixed into the identity key */
};

/* Terminal -> ca room, signed by the identity key it asks a certificate for: fresh proof of possession. */
struct msg_csr {
	struct span serial;		/* text, 1..32 of [A-Za-z0-9-] */
	uint8_t point[P256_POINT];	/* identity key */
	uint8_t nonce[MSG_NONCE];
	struct span chip;		/* chip id, 0..32 bytes */
	struct span firmware;
	uint8_t firmware_digest[32];
};

/* ca room -> terminal, signed by the device CA. */
struct msg_cert {
	uint8_t root[P256_POINT];	/* the device CA's key: its SPKI digest is in the image */
	struct span cert;		/* the terminal's certificate, DER */
	struct span anchor;		/* the KIF CA's certificate, DER */
	struct span config;		/* stanza text, at most 256 bytes: "environment = NAME" */
};

/* Terminal -> ca room, signed by the identity key: all of CERT is durable. */
struct msg_done {
	uint8_t cert_digest[32];	/* SHA-256 of the certificate */
};

/*
 * Encoders write the body only; append the signature with msg_seal().
 * E_OK, E_SPACE (more than size), E_RANGE (a field is longer or larger than its comment says)
 */
MUST_USE enum err msg_put_hello(uint8_t *out, size_t *len, size_t size, const struct msg_hello *m);
MUST_USE enum err msg_put_offer(uint8_t *out, size_t *len, size_t size, const struct msg_offer *m);
/* head: how many bytes of the body, up to and with the point, ctx covers. May be encoded with items = 0 to learn
 * them. */
MUST_USE enum err msg_put_key(uint8_t *out, size_t *len, size_t size, const struct msg_key *m, size_t *head);
MUST_USE enum err msg_put_zeroize(uint8_t *out, size_t *len, size_t size, const struct msg_zeroize *m);
MUST_USE enum err msg_put_receipt(uint8_t *out, size_t *len, size_t size, const struct msg_receipt *m);
MUST_USE enum err msg_put_abort(uint8_t *out, size_t *len, size_t size, const struct msg_abort *m);
MUST_USE enum err msg_put_identify(uint8_t *out, size_t *len, size_t size, const struct msg_identify *m);
MUST_USE enum err msg_put_csr(uint8_t *out, size_t *len, size_t size, const struct msg_csr *m);
MUST_USE enum err msg_put_cert(uint8_t *out, size_t *len, size_t size, const struct msg_cert *m);
MUST_USE enum err msg_put_done(uint8_t *out, size_t *len, size_t size, const struct msg_done *m);

/* msg_seal - append the signature to a body of *len bytes, in the form that alone is accepted, p256_low(). E_OK,
 * E_SPACE */
MUST_USE enum err msg_seal(uint8_t *out, size_t *len, size_t size, const uint8_t sig[static P256_SIG]);

/*
 * msg_open - take a received message of a type apart
 *
 *   body  out  without the signature
 *   sig   out  64 bytes inside the message, NULL where the type is not signed
 *
 *   E_OK, E_SHORT, E_FORMAT (no such type, or longer than MSG_MAX), E_SIGNATURE (not in the form that
 *   msg_seal() gives: the transcript covers the signature, so nobody on the line may be able to write it otherwise)
 */
MUST_USE enum err msg_open(struct span *body, const uint8_t **sig, unsigned type, struct span message);

/* Decoders take a body. E_OK, E_SHORT, E_FORMAT; *m is zeroed on an error. */
MUST_USE enum err msg_get_hello(struct msg_hello *m, struct span body);
MUST_USE enum err msg_get_offer(struct msg_offer *m, struct span body);
MUST_USE enum err msg_get_key(struct msg_key *m, struct span body);
MUST_USE enum err msg_get_zeroize(struct msg_zeroize *m, struct span body);
MUST_USE enum err msg_get_receipt(struct msg_receipt *m, struct span body);
MUST_USE enum err msg_get_abort(struct msg_abort *m, struct span body);
MUST_USE enum err msg_get_identify(struct msg_identify *m, struct span body);
MUST_USE enum err msg_get_csr(struct msg_csr *m, struct span body);
MUST_USE enum err msg_get_cert(struct msg_cert *m, struct span body);
MUST_USE enum err msg_get_done(struct msg_done *m, struct span body);

#endif
