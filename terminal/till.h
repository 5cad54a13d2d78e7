/*
 * What till and terminal say to each other, as bytes: payloads of protocol/link.h on the terminal's second line. The
 * till asks, the terminal answers.
 *
 *     till              terminal
 *     STATUS            STATE
 *     BEGIN             PROMPT     the terminal shows the amount and waits for a PIN
 *     KEYPAD            PROMPT     one key was pressed: so many digits stand
 *     KEYPAD (enter)    RESULT     the cryptograms; or PROMPT while there are fewer than 4 digits
 *     KEYPAD (cancel)   CANCELLED
 *     RESPONSE          VERIFIED   the host's answer to the last RESULT: its MAC is right, here is its data in clear
 *     anything          REFUSAL    with the reason; PIN and response keys are forgotten
 *
 * A key is used by a RESULT alone: not by a cancelled or refused entry, nor by asking again for a RESULT that was lost
 * on the line (the link repeats it). An entry ends after a minute.
 *
 * KEYPAD stands for the terminal's own keys. On real hardware they are inside the terminal, and this message does not
 * exist: no PIN crosses a till's line.
 *
 * Cryptograms, all under the one transaction key of the KSN in RESULT:
 *   PIN block  ISO 9564-1 format 0 under the PIN key (TDES), format 4 (AES)
 *   MAC        over the MAC data, under the MAC request key; whole: 8 bytes (retail MAC), 16 (CMAC)
 *   data       under the data request key, CBC, zero IV; padded by ISO 9797-1 method 2: always 80, then 00 to the end
 *              of the block
 * and back, under the response keys of the same KSN:
 *   MAC        over all that follows it in RESPONSE: count, length, text
 *   data       the text's last bytes, encrypted as above under the data response key; may be missing
 * A RESULT gets one RESPONSE, within a minute, and before the next BEGIN: right or wrong, the keys are gone then.
 *
 * Encoders: E_OK, E_SPACE, E_RANGE (a field is longer or larger than its comment says). Decoders take a payload and
 * give spans that point into it: E_OK, E_SHORT, E_FORMAT; *m is zeroed on an error.
 */
#ifndef KEYROOM_TERMINAL_TILL_H
#define KEYROOM_TERMINAL_TILL_H

#include "base/bytes.h"
#include "protocol/slot.h"

#define TILL_SLOTS 8
#define TILL_PAN_MIN 12
#define TILL_PAN_MAX 19
#define TILL_AMOUNT_MAX 16 /* characters */
#define TILL_MAC_DATA_MAX 512
#define TILL_DATA_MAX 512
#define TILL_BLOCK 16 /* of data, at most: padding adds up to this much */
#define TILL_REQUEST (8 + TILL_PAN_MAX + TILL_AMOUNT_MAX + TILL_MAC_DATA_MAX + TILL_DATA_MAX) /* the longest: BEGIN */

/* The first byte of a payload */
enum till_type {
	TILL_STATUS = 1,
	TILL_STATE = 2,
	TILL_BEGIN = 3,
	TILL_PROMPT = 4,
	TILL_KEYPAD = 5,
	TILL_RESULT = 6,
	TILL_CANCELLED = 7,
	TILL_REFUSAL = 8,
	TILL_RESPONSE = 9,
	TILL_VERIFIED = 10
};

/* Keys of the keypad other than '0' to '9' */
enum { TILL_CLEAR = 'C', TILL_CANCEL = 'X', TILL_ENTER = 'E' };

struct till_slot {
	uint8_t index, state; /* state: enum slot_state */
	struct span scheme;   /* "tdes", "aes128", "none" */
	struct span ksn;      /* initial KSN it holds, or last held: 0, 10 or 12 bytes */
	struct span kcv;      /* 0, 3 or 5 bytes */
};

struct till_state {
	uint8_t life;                 /* enum life of terminal/store.h */
	struct span serial, firmware; /* text, at most 32 bytes */
	uint8_t slots;                /* 0..TILL_SLOTS */
	struct till_slot slot[TILL_SLOTS];
};

struct till_begin {
	uint8_t slot;
	struct span pan;      /* TILL_PAN_MIN..TILL_PAN_MAX digits as text */
	struct span amount;   /* for the display: 1..TILL_AMOUNT_MAX printable characters */
	struct span mac_data; /* 0..TILL_MAC_DATA_MAX bytes */
	struct span data;     /* to be encrypted, 0..TILL_DATA_MAX bytes */
};

struct till_result {
	struct span scheme;    /* as above */
	struct span ksn;       /* of this transaction: 10 or 12 bytes */
	uint8_t pin_format;    /* 0 or 4 */
	struct span pin_block; /* enciphered: 8 or 16 bytes */
	struct span mac;       /* 8 or 16 bytes */
	struct span data;      /* encrypted, whole blocks */
};

struct till_response {
	struct span mac;  /* 8 or 16 bytes, whole */
	uint16_t clear;   /* so many bytes of text are not encrypted */
	struct span text; /* 0..TILL_MAC_DATA_MAX bytes in clear, then 0..TILL_DATA_MAX + TILL_BLOCK encrypted: whole blocks */
	struct span covered; /* decode only: what the MAC is over */
};

MUST_USE enum err till_put_state(uint8_t *out, size_t *len, size_t size, const struct till_state *m);
MUST_USE enum err till_put_begin(uint8_t *out, size_t *len, size_t size, const struct till_begin *m);
MUST_USE enum err till_put_result(uint8_t *out, size_t *len, size_t size, const struct till_result *m);
MUST_USE enum err till_put_response(uint8_t *out, size_t *len, size_t size, const struct till_response *m);
MUST_USE enum err till_put_verified(uint8_t *out, size_t *len, size_t size, struct span data);
MUST_USE enum err till_get_state(struct till_state *m, struct span payload);
MUST_USE enum err till_get_begin(struct till_begin *m, struct span payload);
MUST_USE enum err till_get_result(struct till_result *m, struct span payload);
MUST_USE enum err till_get_response(struct till_response *m, struct span payload);
MUST_USE enum err till_get_verified(struct span *data, struct span payload); /* 0..TILL_DATA_MAX bytes */

/* The small ones carry nothing (STATUS, CANCELLED) or one number: of digits (PROMPT), the key (KEYPAD), an enum err
 * (REFUSAL). */
MUST_USE enum err till_put(uint8_t *out, size_t *len, size_t size, enum till_type type, unsigned value);
MUST_USE enum err till_get(unsigned *value, enum till_type type, struct span payload);

#endif
