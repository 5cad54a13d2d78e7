/*
 * Media: what keys are carried on (components on paper or cards, custodians' shares, key blocks, mailers), each in a
 * tamper-evident bag whose number is used once.
 *
 * A bag is sealed, opened, damaged or missing, and what it holds is here, or was re-bagged under a new number, destroyed,
 * returned to its custodian, stored or sent. What may follow what stands in two tables (media.c). What was made, opened or
 * found damaged while a ceremony is open is to be disposed of before that ceremony closes.
 *
 * Each function is part of the caller's transaction, and none writes the audit: media_made(), media_seen() and media_moved()
 * say what stands there, which is what a ceremony's record is made from.
 */
#ifndef KEYROOM_BDK_MEDIA_H
#define KEYROOM_BDK_MEDIA_H

#include "bdk/journal.h"

#define MEDIA_WHY 160
#define MEDIA_SAID 128		/* as long as the audit's objects */
#define MEDIA_PARTS 9
#define MEDIA_CONTENT 56

/* Names as people type and read them: "component", "sealed", "re-bagged", …; parsing gives 0 for what is none. */
const char *media_medium_name(enum bag_medium m);
const char *media_condition_name(enum bag_condition c);
const char *media_disposition_name(enum bag_disposition d);
enum bag_medium media_medium_parse(const char *text);
enum bag_condition media_condition_parse(const char *text);
enum bag_disposition media_disposition_parse(const char *text);

/*
 * media_record - a bag that was never recorded before, sealed and here
 *
 *   b  in  number, medium, part and parts (0 and 0, or part of 2 to MEDIA_PARTS), holds ("": nothing that this room would know),
 *          purpose, keeper; the rest does not matter
 *
 *   E_OK, E_FORMAT (why), E_EXISTS (that number was used before), E_JOURNAL
 */
MUST_USE enum err media_record(struct journal *j, const struct bag *b, char why[static MEDIA_WHY]);

/*
 * media_find - in which condition a bag was found, or that it was opened
 *
 *   b       out  as it is now
 *   reason  in   what was seen; needed for damaged and missing, else ""
 *
 *   E_OK, E_BAG, E_BAG_STATE (why), E_FORMAT (no reason), E_JOURNAL
 */
MUST_USE enum err media_find(struct bag *b, struct journal *j, const char *number, enum bag_condition found, const char *reason,
			     char why[static MEDIA_WHY]);

/*
 * media_use - a part of a key is entered out of a bag, which is opened by that if it is sealed
 *
 *   b  out  as it is now
 *
 *   E_OK, E_BAG, E_BAG_STATE (why: not that part of that key, or damaged, missing, spent), E_JOURNAL
 */
MUST_USE enum err media_use(struct bag *b, struct journal *j, const char *number, const char *holds, unsigned part, unsigned parts,
			    char why[static MEDIA_WHY]);

/*
 * media_move - what became of it
 *
 *   b      out  as it is now
 *   place  in   the new bag's number (re-bagged: that one is recorded, sealed), where (stored), to whom (sent); else ""
 *
 *   E_OK, E_BAG, E_BAG_STATE (why), E_EXISTS (the new number), E_FORMAT (why: place), E_JOURNAL
 */
MUST_USE enum err media_move(struct bag *b, struct journal *j, const char *number, enum bag_disposition disposition,
			     const char *place, char why[static MEDIA_WHY]);

/* media_pending - the bags that the open ceremony still has to dispose of: their numbers, as many as fit, and how many there are.
 * E_OK (also: none, or no ceremony is open), E_JOURNAL */
MUST_USE enum err media_pending(char *numbers, size_t size, size_t *n, struct journal *j);

/* media_is_pending - is it one of them? ceremony: the audit's record that opened it */
bool media_is_pending(const struct bag *b, uint64_t ceremony);

/* media_suspect - a bag that holds a part of this key and was found damaged or missing. E_OK, E_SHORT (none), E_JOURNAL */
MUST_USE enum err media_suspect(struct bag *b, struct journal *j, const char *holds);

/* media_doubt - why a key that comes in is suspended at once: "bag A4711 missing", which was reported before it came; "":
 * nothing is known of it. E_OK, E_JOURNAL */
#define MEDIA_DOUBT 32
MUST_USE enum err media_doubt(char reason[static MEDIA_DOUBT], struct journal *j, const char *holds);

/* media_ceremony - the audit's record that opened the ceremony which is open, 0: none is. E_OK, E_JOURNAL */
MUST_USE enum err media_ceremony(uint64_t *record, struct journal *j);

/* media_content - "component 1 of 3 of FFFF987654" */
void media_content(char out[static MEDIA_CONTENT], const struct bag *b);

/* What the audit says: "A4711: component 1 of 3 of FFFF987654: ann, for loading", "…: damaged, torn at the seam (key suspended)",
 * "…: re-bagged as A4712". The bag's number and what it holds come first, each up to the next ": ", which neither has in it. */
void media_made(char out[static MEDIA_SAID], const struct bag *b);
void media_seen(char out[static MEDIA_SAID], const struct bag *b, bool suspended);
void media_moved(char out[static MEDIA_SAID], const struct bag *b);

#endif
