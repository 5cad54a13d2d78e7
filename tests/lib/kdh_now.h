/*
 * An OFFER answered at once, with the test waiting for the worker: the two halves of bdk/kdh.h in one call.
 */
#ifndef KEYROOM_TESTS_LIB_KDH_NOW_H
#define KEYROOM_TESTS_LIB_KDH_NOW_H

#include "bdk/kdh.h"

#include <string.h>

/* kdh_now - KEY for an OFFER; *len 0 when the OFFER was itself a receipt. As kdh_offer() and kdh_key() */
static inline enum err kdh_now(struct kdh *k, uint8_t key[static MSG_MAX], size_t *len, struct load *facts,
			       struct room *r, struct span offer, char why[static KDH_WHY])
{
	uint8_t made[MSG_MAX];
	unsigned which;
	size_t n = 0;
	enum err e = kdh_offer(k, facts, r, offer, why);

	*len = 0;
	if (e || k->state != KDH_ORDERED)
		return e;
	e = room_order(&which, r, &k->order);
	if (!e) {
		worker_wait_key(&r->worker[which]);
		e = worker_take_key(&r->worker[which], made, &n);
	}
	e = kdh_key(k, facts, r, e, (struct span){ made, n }, why);
	if (!e) {
		memcpy(key, made, n);
		*len = n;
	}
	return e;
}

#endif
