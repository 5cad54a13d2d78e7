/*
 * Ceremony records: some consecutive records of a room's audit, as text to print and to sign by hand, signed by the room's
 * records key too. A ceremony goes from the record that opened it to the one that closed it.
 *
 * The text is for people first; behind a line of dashes stands what it is made from, so that whoever reads it makes it anew and
 * compares: a stanza
 *
 *     record = keyroom/1         room, purpose, kind (test, production), token (software, hardware), title, first and last
 *                                (sequences), utc (when it was made), records: base64, SPKI of the records key
 *
 * the lines of an export (bdk/audit.h) from first to last, and
 *
 *     signature = ...            base64 of the DER signature by the records key over SHA-256 of every byte before it
 */
#ifndef KEYROOM_BDK_CEREMONY_H
#define KEYROOM_BDK_CEREMONY_H

#include "bdk/audit.h"

#define CEREMONY_MAX 4194304		/* characters */
#define CEREMONY_RECORDS 4000
#define CEREMONY_TITLE 128
#define CEREMONY_WHY 160
#define CEREMONY_OPEN "ceremony open"	/* number in the journal: the record that opened the one which is open; 0: none is */

struct ceremony {
	char room[CERT_TEXT], purpose[16], title[CEREMONY_TITLE];
	bool test, software;
	uint64_t utc;
	uint8_t records[P256_POINT];
	uint8_t sig[P256_SIG];
	struct audit *act;		/* n of them, on the heap: the audit's records, each chained to the one before */
	size_t n;
};

/* ceremony_text - all but the signature; the text is malloc()ed. E_OK, E_SPACE (longer than CEREMONY_MAX), E_INTERNAL (no
 * memory) */
MUST_USE enum err ceremony_text(char **text, size_t *len, const struct ceremony *c);

/*
 * ceremony_read - a record, checked whole: its form, the chain in it, and the signature
 *
 *   c        out  for ceremony_free(), whatever the result
 *   records  in   the records key that has to have signed it; NULL: whichever it names, for who has it from the room itself
 *   why      out  what is wrong
 *
 *   E_OK, E_FORMAT, E_KEY (of another room), E_SIGNATURE, E_CRYPTO, E_INTERNAL (no memory)
 */
MUST_USE enum err ceremony_read(struct ceremony *c, struct span text, const uint8_t *records,
				char why[static CEREMONY_WHY]);
void ceremony_free(struct ceremony *c);

/* --- What stands in the acts -------------------------------------------------------------------------------------- */

/* ceremony_note - what the people wrote down in the room's audit: kind "present", "media" or "remark", its text; NULL where an act
 * is no such note */
const char *ceremony_note(const struct audit *act, const char *kind);

/* ceremony_bag - what an act said of a bag (bdk/media.h): its number, what it holds and what happened, each of so many characters;
 * false where it said nothing of one */
struct ceremony_bag {
	const char *number, *holds, *what;
	int number_len, holds_len;
};
bool ceremony_bag(struct ceremony_bag *b, const struct audit *act);

/* ceremony_bag_first - is this the first act of a ceremony that says something of its bag? ceremony_bag_same - of one bag? */
bool ceremony_bag_first(const struct ceremony *c, size_t act);
bool ceremony_bag_same(const struct ceremony_bag *a, const struct ceremony_bag *b);

/* ceremony_check_value - of the key that the act made or took; NULL where it is none. *of: how long the key's name before it is */
const char *ceremony_check_value(const struct audit *act, int *of);

/*
 * Who did something: each of them once, in the order of their first acts; an act of two is each of theirs.
 *
 * ceremony_person_next - starts with act and at 0; false after the last. name: as in the audit, "anna uid 60002"
 * ceremony_count - how many of the acts are theirs, and how many of these were refused
 */
struct ceremony_person {
	size_t act, at;
	char name[sizeof (struct audit){ 0 }.who];
};
bool ceremony_person_next(struct ceremony_person *p, const struct ceremony *c);
void ceremony_count(size_t *acts, size_t *refused, const struct ceremony *c, const char *name);

#endif
