/*
 * The audit outside a room: its records as lines, signed heads, and the check of both, which needs no room. doc/AUDIT.md
 * says the same for outsiders, with openssl alone.
 *
 * An export is one line of JSON for each record, from the first:
 *
 *     {"sequence":N,"utc":"RFC 3339","who":"…","what":"…","object":"…","reason":"…","previous":"64 hex digits"}
 *
 * without blanks, and with \", \\ and \u00XX (bytes outside 20..7E) as the only escapes. The hash of a record is the SHA-256
 * of its line, line end included; "previous" is that of the record before, zeros in the first. So there is one text for a
 * record, and it holds the whole past.
 *
 * A head says how far the audit went at a time; whoever holds one sees a truncation to before it. It is a stanza:
 *
 *     head = keyroom/1           room, purpose, sequence (0: no record yet), hash (of that record), utc; records: base64, SPKI
 *                                of the room's records key
 *     signature = ...            base64 of the DER signature by that key over SHA-256 of the lines before it
 */
#ifndef KEYROOM_BDK_AUDIT_H
#define KEYROOM_BDK_AUDIT_H

#include "bdk/seal.h"

#define AUDIT_LINE 4096
#define AUDIT_HEAD_TEXT 640			/* characters of a head, and its NUL */
#define AUDIT_WHY 200

struct audit {
	uint64_t sequence, utc;		/* the first is 1 */
	char who[128], what[CERT_TEXT], object[128], reason[256];
	uint8_t previous[32], hash[32];
};

/* audit_line - a record as its line, with line end and NUL; returns its length. a->hash does not matter. */
size_t audit_line(char out[static AUDIT_LINE], const struct audit *a);

/* audit_hash - what a->hash has to be. E_OK, E_CRYPTO */
MUST_USE enum err audit_hash(uint8_t out[static 32], const struct audit *a);

/* audit_parse - a line, line end included; a->hash is worked out. E_OK, E_FORMAT (not as a room writes it), E_CRYPTO */
MUST_USE enum err audit_parse(struct audit *a, struct span line);

/* --- Heads -------------------------------------------------------------------------------------------------------- */

struct audit_head {
	char room[CERT_TEXT], purpose[16];
	uint64_t sequence, utc;
	uint8_t hash[32];
	uint8_t records[P256_POINT];
	uint8_t sig[P256_SIG];
};

/* audit_head_digest - what the records key signs. E_OK, E_CRYPTO */
MUST_USE enum err audit_head_digest(uint8_t digest[static 32], const struct audit_head *h);

/* audit_head_text - the stanza, signed. E_OK, E_CRYPTO */
MUST_USE enum err audit_head_text(char out[static AUDIT_HEAD_TEXT], const struct audit_head *h);

/*
 * audit_heads - the heads in a text, any number, each signed by that key
 *
 *   head     out  malloc()ed, the caller's; NULL on an error
 *   records  in   the records key that has to have signed them all
 *   why      out  the line and what is wrong there
 *
 *   E_OK (at least one), E_FORMAT, E_KEY (of another room), E_SIGNATURE, E_CRYPTO, E_INTERNAL (no memory)
 */
MUST_USE enum err audit_heads(struct audit_head **head, size_t *n, struct span text,
			      const uint8_t records[static P256_POINT], char why[static AUDIT_WHY]);

/* --- The check ---------------------------------------------------------------------------------------------------- */

struct audit_check {
	uint64_t records;		/* lines of the export */
	uint64_t utc;			/* of the last one */
	uint64_t held;			/* the last record that a head vouches for; 0: none */
	uint64_t named;			/* the first record that is not right; 0: all are */
};

/*
 * audit_verify - is an export whole and unchanged?
 *
 *   head  in   n heads, from audit_heads(); without one a chain that ends early, or was made anew, is not noticed
 *   why   out  which record was changed, removed, inserted or moved, or where the export ends too early
 *
 *   E_OK, E_FORMAT (c->named and why say what), E_CRYPTO, E_INTERNAL (no memory)
 */
MUST_USE enum err audit_verify(struct audit_check *c, struct span text, const struct audit_head *head, size_t n,
			       char why[static AUDIT_WHY]);

#endif
