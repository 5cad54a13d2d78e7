/*
 * A new initial key for one slot of a terminal, under the update key of the one it holds: UPDATE and its RECEIPT over a
 * port. Test rooms alone enrol terminals that take it (PROTOCOL.md).
 *
 *     UPDATE over the line -> RECEIPT
 *
 * There is no room in this: the key block protects itself, and no journal learns of it. So nobody here verifies the
 * RECEIPT's signature, either; what it says is what the terminal at this port says.
 */
#ifndef KEYROOM_KIF_UPDATE_H
#define KEYROOM_KIF_UPDATE_H

#include "kif/visit.h"

#define UPDATE_BLOCK 512 /* characters of a key block, at most */
#define UPDATE_KSN 12    /* bytes of a KSN, at most */
#define UPDATE_KCV 5

struct update {
	struct visit_to to; /* its port, give_up_ms and progress */
	unsigned slot;
	const char *block; /* 1..UPDATE_BLOCK printable characters */
};

struct update_result {
	struct visit_report report;
	bool done;
	char ksn[2 * UPDATE_KSN + 1]; /* initial KSN and check value, as the terminal says */
	char kcv[2 * UPDATE_KCV + 1];
	uint32_t load_count;
};

/*
 * update_block - the first key block of a text: a line that is D, for version D, and its own length in four
 * digits and the rest, or that says "key_block = BLOCK", as lab keyblock does
 *
 *   E_OK, E_SHORT (none), E_SPACE (longer than UPDATE_BLOCK), E_FORMAT (not printable); out is "" then
 */
MUST_USE enum err update_block(char out[static UPDATE_BLOCK + 1], struct span text);

/* update_receipt - what a RECEIPT says, its signature unread; done is set. E_OK; E_SHORT, E_FORMAT (also: not for this
 * slot), out is as it was */
MUST_USE enum err update_receipt(struct update_result *out, unsigned slot, struct span receipt);

/* update_run - update a slot of a terminal. out is always written. E_OK, as line_open(), visit_ask_terminal() */
MUST_USE enum err update_run(struct update_result *out, const struct update *in);

#endif
