/*
 * The terminal's end of a sale: PIN entry and cryptograms, for the till (till.h). The payload of a request in, the
 * payload of its reply out.
 *
 *     at      got      answer                      next
 *     any     STATUS   STATE                       as it was
 *     any     BEGIN    PROMPT                      entry     an entry that was open is forgotten
 *     entry   KEYPAD   PROMPT, RESULT, CANCELLED   entry, idle, idle
 *     idle    RESPONSE VERIFIED                    idle      once after a RESULT
 *
 * Derive, commit, release: the transaction key is derived, the registers without it are made durable, and only then
 * does what it made leave this file. A loss of power before the commit has used no key; one after it has lost a key
 * that nothing was ever said with.
 */
#ifndef KEYROOM_TERMINAL_TRADE_H
#define KEYROOM_TERMINAL_TRADE_H

#include "dukpt/pinblock.h"
#include "protocol/link.h"
#include "terminal/random.h"
#include "terminal/till.h"

#define TRADE_ENTRY_MS 60000    /* how long a PIN entry may stay open */
#define TRADE_RESPONSE_MS 60000 /* how long a RESULT may wait for its RESPONSE */

struct trade {
	const struct port *port;
	struct store *store;
	struct random *random;
	/* The open entry; all zero when there is none. */
	struct entry {
		bool open;
		uint32_t since; /* tick */
		struct pin pin; /* the one place where a PIN stands */
		struct pan pan;
		uint8_t slot;
		size_t mac_data_len, data_len;
		uint8_t mac_data[TILL_MAC_DATA_MAX];
		uint8_t data[TILL_DATA_MAX];
	} entry;
	/* The response keys of the last RESULT; all zero when no RESPONSE is waited for. A TDES MAC response key is a
	 * variant of its transaction key, so that one lives on in them, in RAM alone and for that long. */
	struct pending {
		bool open;
		uint8_t scheme;
		uint32_t since; /* tick */
		struct key mac, data;
	} pending;
};

/* trade_init - at power-on; what is pointed to has to stay */
void trade_init(struct trade *t, const struct port *port, struct store *store, struct random *random);

/* trade_answer - one request; returns the length of its reply */
size_t trade_answer(struct trade *t, uint8_t reply[static LINK_PAYLOAD], struct span request);

/* trade_refuse - likewise of one that could not be read: ends the entry and answers REFUSAL with the reason */
size_t trade_refuse(struct trade *t, uint8_t reply[static LINK_PAYLOAD], enum err reason);

/* trade_tick - call now and then: forgets an entry, and a RESULT, that wait for too long */
void trade_tick(struct trade *t);

#endif
