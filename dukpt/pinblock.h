/*
 * PIN blocks (ISO 9564-1): formats 0 to 3 as clear blocks of 8 bytes, format 4 enciphered at once under an AES key.
 *
 * A PIN is secret, its length too: no function here branches on it, or on what is in a block, or uses it as an index,
 * and all failures of a decoder are one result after the same work. A PAN is not secret in that sense.
 *
 * Vectors: vectors/iso9564-formats-0-3.txt, vectors/iso9564-format-4.txt, vectors/x9.24-3-2017-format4.txt
 */
#ifndef KEYROOM_DUKPT_PINBLOCK_H
#define KEYROOM_DUKPT_PINBLOCK_H

#include "crypto/key.h"

enum pin_format {
	PIN_FORMAT_0 = 0,	/* PAN; filled up with F */
	PIN_FORMAT_1 = 1,	/* no PAN; filled up with random digits */
	PIN_FORMAT_2 = 2,	/* no PAN; filled up with F; between a reader and its card only */
	PIN_FORMAT_3 = 3,	/* PAN; filled up with random digits A to F */
	PIN_FORMAT_4 = 4	/* PAN; AES */
};

#define PIN_MIN 4
#define PIN_MAX 12

struct pin {
	uint8_t digit[PIN_MAX];		/* values 0 to 9; zero beyond len */
	uint8_t len;			/* 4 to 12 */
};

#define PAN_MAX 19
#define PAN_MIN 12	/* for formats 0 and 3: they take the 12 digits before the check digit, or a zero and 11 */

struct pan {
	char digits[PAN_MAX + 1];	/* '0' to '9', then a NUL */
	uint8_t len;			/* 1 to 19 */
};

/* pan_parse - 1 to 19 digits. E_OK, E_FORMAT (pan is as it was) */
MUST_USE enum err pan_parse(struct pan *pan, const char *text);

/* pin_parse - 4 to 12 digits, for people at test benches. E_OK, E_FORMAT (pin is as it was) */
MUST_USE enum err pin_parse(struct pin *pin, const char *text);

/*
 * pinblock_encode - the clear PIN block of formats 0 to 3
 *
 *   out     out  written only on E_OK. Secret: to be enciphered at once
 *   pan     in   formats 0 and 3; not looked at by 1 and 2, may be NULL there
 *   random  in   8 bytes for formats 1 and 3, fresh for each block; not looked at by 0 and 2, may be NULL there. Filler
 *                digit n of format 1 is digit n of random; format 3 draws digits A to F from all 64 bits
 *
 *   E_OK, E_RANGE (another format; pin not 4 to 12 decimal digits; PAN shorter than PAN_MIN)
 */
MUST_USE enum err pinblock_encode(uint8_t out[static 8], enum pin_format format, const struct pin *pin,
				  const struct pan *pan, const uint8_t *random);

/*
 * pinblock_decode - the PIN in a clear block of formats 0 to 3
 *
 *   pin  out  zeroed on an error
 *   in   in   the deciphered block
 *   pan  in   as above
 *
 *   E_OK
 *   E_PIN_BLOCK  the block breaks its format in any way: control digit, length, PIN digits, filler
 *   E_RANGE      another format, or the PAN is shorter than PAN_MIN: said before the block is looked at
 *
 * A wrong PAN mostly, not always, shows as E_PIN_BLOCK.
 */
MUST_USE enum err pinblock_decode(struct pin *pin, enum pin_format format, const uint8_t in[static 8],
				  const struct pan *pan);

/*
 * pinblock4_encipher - the enciphered PIN block of format 4: E(E(PIN field) xor PAN field)
 *
 *   out     out  written only on E_OK
 *   key     in   an AES PIN key: 16, 24 or 32 bytes
 *   pan     in   1 to 19 digits
 *   random  in   fresh for each block
 *
 *   E_OK, E_RANGE (pin, pan), E_KEY, E_CRYPTO
 */
MUST_USE enum err pinblock4_encipher(uint8_t out[static 16], const struct key *key, const struct pin *pin,
				     const struct pan *pan, const uint8_t random[static 8]);

/*
 * pinblock4_decipher - the PIN in it
 *
 *   pin  out  zeroed on an error
 *
 *   E_OK, E_PIN_BLOCK (any defect: wrong key, wrong PAN, changed block, bad field), E_RANGE (pan), E_KEY, E_CRYPTO
 */
MUST_USE enum err pinblock4_decipher(struct pin *pin, const struct key *key, const uint8_t in[static 16],
				     const struct pan *pan);

#endif
