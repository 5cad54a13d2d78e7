/*
 * A terminal as the subject: loaded through kif from a test room, used through pos, recovered by the acquirer. Its keys
 * are the room's, not the published ones; what is held against the vectors is the KSNs that it emits, for a key set and
 * a device id that the room was asked for (bdk lease --range N-N).
 */
#ifndef KEYROOM_LAB_TERMINAL_H
#define KEYROOM_LAB_TERMINAL_H

#include "lab/report.h"

struct terminal {
	const char *port, *till, *serial, *room, *key_set;
	const char *acquirer; /* NULL: cryptograms are not recovered */
	const char *slot;
};

/*
 * terminal_judge - load it, have it make count transactions, judge these
 *
 * - every KSN is the one that follows the last, by the skip rule, from the initial KSN on
 * - every published KSN of this device, as far as count goes, is among them
 * - the acquirer recovers PIN, MAC and data of each
 *
 * Returns 0, or the exit status of what went wrong, having said so: then nothing is judged.
 */
int terminal_judge(struct run *r, struct plan *p, const struct terminal *t, unsigned count);

#endif
