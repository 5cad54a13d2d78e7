/*
 * What a terminal's slot holds, as OFFER and the till's STATUS say it. The numbers are wire format.
 */
#ifndef KEYROOM_PROTOCOL_SLOT_H
#define KEYROOM_PROTOCOL_SLOT_H

enum slot_state {
	SLOT_EMPTY = 0,
	SLOT_LOADED = 1,
	SLOT_EXHAUSTED = 2	/* every transaction key of its initial key is used */
};

#endif
