/*
 * Schemes and key serial numbers (KSN).
 *
 * A KSN names one transaction key of one terminal: an identity that never changes, then a transaction counter.
 *
 *   TDES  10 bytes  key set id (40 bits, printed FFFFkkkkkk) || device id (19 bits) || counter (21 bits)
 *   AES   12 bytes  BDK ID (32 bits) || derivation ID (32 bits) || counter (32 bits)
 *
 * The device id of AES is the derivation ID; BDK ID and derivation ID together are the initial key ID. Not every
 * counter is used: those with more than 10 (TDES) or 16 (AES) one-bits are skipped, so that no derivation is longer
 * than that. This leaves 1,048,575 keys (last counter 1FF800) and 2,448,023,842 keys (last counter FFFF0000). Counter 0
 * is the initial KSN: it names the initial key and is never a transaction.
 *
 * Everything here is public: KSNs travel in the clear. X9.24-1:2009 A.3, X9.24-3:2017 6.1. Vectors:
 * vectors/ksn-counters.txt
 */
#ifndef KEYROOM_DUKPT_KSN_H
#define KEYROOM_DUKPT_KSN_H

#include "base/bytes.h"

#include <stdbool.h>

/* The scheme of an initial key, and with it of its BDK. The numbers are wire format (PROTOCOL.md). */
enum dukpt_scheme {
	DUKPT_NONE = 0,
	DUKPT_TDES = 1,
	DUKPT_AES128 = 2,
	DUKPT_AES192 = 3,
	DUKPT_AES256 = 4
};

/* dukpt_scheme_name - "tdes", "aes128", "aes192", "aes256"; "none" for anything else. Never NULL. */
const char *dukpt_scheme_name(enum dukpt_scheme scheme);

/* dukpt_scheme_parse - the scheme of one of these four names. E_OK, E_FORMAT (scheme is as it was) */
MUST_USE enum err dukpt_scheme_parse(enum dukpt_scheme *scheme, const char *name);

/* dukpt_key_len - bytes of a BDK, an initial key or a transaction key: 16, 16, 24, 32; 0 for no scheme */
uint8_t dukpt_key_len(enum dukpt_scheme scheme);

/* dukpt_key_set_len - bytes of a key set id: TDES 5, AES 4; 0 for no scheme */
uint8_t dukpt_key_set_len(enum dukpt_scheme scheme);

/* dukpt_device_max - the highest device id: TDES 524,287, AES 2^32-1; 0 for no scheme. The lowest is 0. */
uint32_t dukpt_device_max(enum dukpt_scheme scheme);

#define KSN_MAX 12
#define KSN_TDES 10	/* len of a TDES KSN */
#define KSN_AES 12	/* len of an AES KSN */
#define KSN_TEXT 25	/* its hexadecimal text with the NUL */

struct ksn {
	uint8_t b[KSN_MAX];	/* bytes beyond len are zero */
	uint8_t len;		/* KSN_TDES or KSN_AES: it says which family */
};

/* ksn_fits - is k the KSN of this scheme's family? False for DUKPT_NONE. */
bool ksn_fits(const struct ksn *k, enum dukpt_scheme scheme);

/* ksn_counter - the transaction counter: 21 bits of a TDES KSN, 32 of an AES one */
uint32_t ksn_counter(const struct ksn *k);

/*
 * ksn_set_counter - the same terminal at another counter
 *
 *   out      out  may be k; k itself is only read
 *   counter  in   any value, valid or not; TDES keeps its low 21 bits
 */
void ksn_set_counter(struct ksn *out, const struct ksn *k, uint32_t counter);

/*
 * ksn_next - the KSN of the transaction that follows, by the skip rule
 *
 *   out  out  may be k; written only on E_OK
 *   k    in   an initial KSN, or one with a valid counter
 *
 *   E_OK
 *   E_EXHAUSTED  k is the last: 1FF800 or FFFF0000
 *   E_COUNTER    no terminal is ever at k's counter
 */
MUST_USE enum err ksn_next(struct ksn *out, const struct ksn *k);

/* ksn_counter_valid - does a transaction key with this counter exist: not 0, at most 10 (TDES) or 16 (AES) one-bits?
 * The last such counter is 1FF800 or FFFF0000, so nothing lies beyond it. */
bool ksn_counter_valid(const struct ksn *k);

/* ksn_initial - is the counter zero? */
bool ksn_initial(const struct ksn *k);

/* ksn_same_device - the same family, key set and device, whatever the counters? */
bool ksn_same_device(const struct ksn *a, const struct ksn *b);

/*
 * ksn_parse - a KSN from hexadecimal text, either case
 *
 *   k     out  written only on E_OK; its counter may be any, valid or not
 *   text  in   24 digits: AES. 16 to 20 digits: TDES; PIN pads often strip the leading Fs, so fewer than 20 are
 *              filled up with F on the left
 *
 *   E_OK, E_FORMAT (another number of digits, or not a digit)
 */
MUST_USE enum err ksn_parse(struct ksn *k, const char *text);

/*
 * ksn_parse_described - a KSN whose layout a descriptor gives, as switches and their security modules write it
 *
 *   k           out  written only on E_OK
 *   descriptor  in   three hexadecimal digits: how many digits of the KSN are key set id, sub-key id and device id
 *   text        in   as ksn_parse(); the digits after those are the counter's: 5 in a TDES KSN, 8 in an AES one
 *
 * "A05" and "609" are TDES KSNs of 20 digits; "605" is one whose four leading Fs were stripped; "808" is AES.
 *
 *   E_OK, E_FORMAT (not such a descriptor, no KSN, or one does not fit the other)
 */
MUST_USE enum err ksn_parse_described(struct ksn *k, const char *descriptor, const char *text);

/* ksn_parse_field53 - the same from one text: descriptor, then KSN, as in ISO 8583 field 53. E_OK, E_FORMAT */
MUST_USE enum err ksn_parse_field53(struct ksn *k, const char *field);

/* ksn_text - 20 or 24 upper-case digits and a NUL */
void ksn_text(char out[static KSN_TEXT], const struct ksn *k);

/*
 * ksn_make - the initial KSN of a terminal
 *
 *   out      out  counter 0; written only on E_OK
 *   key_set  in   dukpt_key_set_len(scheme) bytes
 *   device   in   0 .. dukpt_device_max(scheme)
 *
 *   E_OK, E_SCHEME, E_RANGE (device)
 */
MUST_USE enum err ksn_make(struct ksn *out, enum dukpt_scheme scheme, const uint8_t *key_set, uint32_t device);

/* ksn_key_set - the key set id: 5 or 4 bytes inside k */
struct span ksn_key_set(const struct ksn *k);

/* ksn_device - the device id: 19 or 32 bits */
uint32_t ksn_device(const struct ksn *k);

#endif
