/*
 * Key blocks (ANSI X9.143, once TR-31; version E is ISO 20038): a key in printable text, bound to a header that says
 * what it is for.
 *
 *   header (16 characters)
 *     version(1) length(4, decimal) usage(2) algorithm(1) mode(1) key version(2) exportability(1)
 *     number of optional blocks(2, decimal) reserved(2)
 *   optional blocks, each id(2) length(2, hexadecimal, counts itself) data; a length of 00 is followed by how many
 *     digits the real one has (2) and the real one
 *   enciphered: key length in bits(2 bytes), key, random padding; in hexadecimal
 *   MAC; in hexadecimal
 *
 *   version  KBPK  keys for cipher and MAC       cipher                MAC, over what                        its bytes
 *   A, C     TDES  KBPK xor 45.., 4D..           CBC, IV from header   CBC-MAC, header and enciphered        4
 *   B        TDES  CMAC derivation, usage 0, 1   CBC, IV is the MAC    CMAC, header and clear                8
 *   D        AES   CMAC derivation, usage 0, 1   CBC, IV is the MAC    CMAC, header and clear                16
 *   E        AES   CMAC derivation, usage 2, 1   CTR, IV is the MAC    CMAC, header and clear                16
 *
 * "Header" in this table is the header with its optional blocks. KBPK: key block protection key. Digits are upper case:
 * of one key block there is one text. All five versions are read; B and D are written, the others when asked for.
 *
 * Vectors: vectors/x9.143.txt
 */
#ifndef KEYROOM_CRYPTO_KEYBLOCK_H
#define KEYROOM_CRYPTO_KEYBLOCK_H

#include "crypto/cmac.h"

#include <stdbool.h>

#define KEYBLOCK_MAX 9999	/* characters of the longest: four digits say so */
#define KEYBLOCK_MIN 40		/* of the shortest: header, one block, the shortest MAC */

/* The header's fields as they stand there: letters and digits, without NULs. */
struct keyblock_header {
	char version;		/* 'A' to 'E' */
	char usage[2];		/* B0 BDK, B1 initial DUKPT key, P0 PIN key, ... */
	char algorithm;		/* T TDES, A AES, H HMAC, ... */
	char mode;		/* X derive, E encrypt, ... */
	char key_version[2];	/* "00": none */
	char exportability;	/* E under a trusted KBPK, N not at all, S sensitive */
	char reserved[2];	/* "00" */
};

/* One optional block. data points into somebody else's text, or memory for keyblock_write(). */
struct keyblock_option {
	char id[2];
	struct span data;	/* printable characters */
};

/* A key block taken apart. The spans point into the text that was parsed. */
struct keyblock {
	struct keyblock_header header;
	uint8_t options;	/* how many optional blocks */
	struct span head;	/* header and optional blocks */
	struct span optional;	/* the optional blocks alone: for keyblock_next() */
	struct span enciphered;	/* hexadecimal */
	struct span mac;	/* hexadecimal */
};

/*
 * keyblock_parse - take a key block apart, without its key. Nothing of it may be believed before keyblock_open().
 *
 *   b     out  zeroed on an error
 *   text  in   exactly one key block
 *
 *   E_OK
 *   E_VERSION  not one of A to E
 *   E_FORMAT   its length is not what it says; a header field is no letter or digit; an optional block reaches over the
 *              end, stands there twice, or is one of those below and not what this says; the header's length is no
 *              multiple of the cipher's block (A to D); nothing enciphered; not an upper-case hexadecimal digit
 *
 *   KS  TDES initial KSN, 16 to 20 digits (hexadecimal, as all below)   KC, KP  check value of the key, of the KBPK:
 *   IK  AES initial key ID, 16 digits                                          method 00 (legacy) or 01 (CMAC), value
 *   BI  00 and 10 digits (TDES) or 01 and 8 (AES): BDK id               TS, TC  time stamp, time of creation, in UTC
 *   LB  label                                                           PB      padding
 *
 * Optional blocks of other ids are skipped.
 */
MUST_USE enum err keyblock_parse(struct keyblock *b, struct span text);

/*
 * keyblock_next - the optional blocks in order
 *
 *   o     out  the next one
 *   rest  in   what is left: b->optional of a parsed key block at first
 *
 *   true, or false: there is none left
 */
bool keyblock_next(struct keyblock_option *o, struct span *rest);

/* keyblock_find - the optional block of this id. False: there is none, and data is empty */
bool keyblock_find(struct span *data, const struct keyblock *b, const char *id);

/* keyblock_room - bytes of working memory that keyblock_open() needs: at most KEYBLOCK_MAX */
size_t keyblock_room(const struct keyblock *b);

/* What a KBPK does in one version: the keys of the cipher and of the MAC. To be wiped after use. */
struct keyblock_keys {
	char version;
	struct key cipher, mac; /* as long as the KBPK */
};

/*
 * keyblock_derive - these keys of a KBPK that is not at hand, such as a token's, of which blocks can be enciphered
 *
 *   k    out  wiped on an error
 *   len  in   bytes of the KBPK: 16 or 24 for B; 16, 24 or 32 for D and E
 *   ecb  in   enciphers blocks of 8 (B) or 16 bytes under it
 *
 *   E_OK, E_VERSION (not B, D or E), E_KEY (len), or what ecb gives
 */
MUST_USE enum err keyblock_derive(struct keyblock_keys *k, char version, uint8_t len, cmac_ecb *ecb, void *ctx);

/*
 * keyblock_open - verify a key block and decipher its key
 *
 *   key   out  points into work, so wipe that after use; empty on an error
 *   work  out  size bytes; wiped on an error
 *   b     in   from keyblock_parse(); its text still there
 *   kbpk  in   16 or 24 bytes for A, B and C; 16, 24 or 32 for D and E
 *
 *   E_OK
 *   E_MAC     header, key or MAC was changed, or another KBPK. Compared in constant time, before anything is believed
 *   E_FORMAT  the MAC is right, but the key's length is not: zero, no whole bytes, or beyond what was enciphered
 *   E_KEY     kbpk has another length
 *   E_SPACE   work is too small
 *   E_CRYPTO
 */
MUST_USE enum err keyblock_open(struct span *key, uint8_t *work, size_t size, const struct keyblock *b,
				const struct key *kbpk);

/* keyblock_open_by - the same with keys that were derived already. E_KEY: they are of another version */
MUST_USE enum err keyblock_open_by(struct span *key, uint8_t *work, size_t size, const struct keyblock *b,
				   const struct keyblock_keys *keys);

/* keyblock_protects - may a key of so many bytes and this algorithm ('A', 'T' or another) stand in a block of this version
 * under a KBPK of kbpk bytes? Not an AES key under a TDES KBPK, nor one longer than a KBPK of its own algorithm */
bool keyblock_protects(char version, size_t kbpk, char algorithm, size_t len);

#define KEYBLOCK_RANDOM 16

/* which versions keyblock_write() may write */
enum keyblock_policy {
	KEYBLOCK_MODERN,	/* B and D */
	KEYBLOCK_ANY		/* A, C and E too: for a partner who can do no better */
};

/*
 * keyblock_write - make a key block
 *
 *   out      out  text without a NUL; as long as *len says. Wiped on an error
 *   len      out  characters
 *   options  in   n of them, in this order. A PB is added where the cipher's block asks for it; so none of them is PB
 *   kbpk     in   as above
 *   key      in   1 to 4000 bytes
 *   random   in   KEYBLOCK_RANDOM bytes, fresh for each block: padding
 *
 *   E_OK
 *   E_VERSION   no such version, or not one that policy permits
 *   E_FORMAT    a header field or an option that keyblock_parse() would refuse
 *   E_RANGE     key is empty or too long, or more than 98 options
 *   E_STRENGTH  keyblock_protects() says no
 *   E_KEY, E_SPACE (out, or the four digits, do not hold it), E_CRYPTO
 */
MUST_USE enum err keyblock_write(char *out, size_t size, size_t *len, const struct keyblock_header *h,
				 const struct keyblock_option *options, size_t n, const struct key *kbpk,
				 struct span key, const uint8_t random[static KEYBLOCK_RANDOM],
				 enum keyblock_policy policy);

/* keyblock_write_by - the same with keys that were derived already. E_KEY: they are of another version */
MUST_USE enum err keyblock_write_by(char *out, size_t size, size_t *len, const struct keyblock_header *h,
				    const struct keyblock_option *options, size_t n, const struct keyblock_keys *keys,
				    struct span key, const uint8_t random[static KEYBLOCK_RANDOM],
				    enum keyblock_policy policy);

#endif
