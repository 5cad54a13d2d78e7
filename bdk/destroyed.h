/*
 * Certificates of destruction: that a room's token does not have a key set any more, as text to print and to sign by hand, signed by
 * the room's records key too. It rests on two records of the room's audit: by whom it was decided, and that the token has
 * shown it.
 *
 * The text is for people first; behind a line of dashes stands what it is made from, so that whoever reads it makes it anew and
 * compares: a stanza
 *
 *     destroyed = keyroom/1      room, purpose, kind (test, production), token (software, hardware), key_set, scheme, check_value
 *                                (hex), born (when the room got it), utc (when this was made), records: base64, SPKI of the records key
 *
 * the lines of the two records as in an export (bdk/audit.h), and
 *
 *     signature = ...            base64 of the DER signature by the records key over SHA-256 of every byte before it
 */
#ifndef KEYROOM_BDK_DESTROYED_H
#define KEYROOM_BDK_DESTROYED_H

#include "bdk/audit.h"

#define DESTROYED_MAX 16384
#define DESTROYED_WHY 160

/* What the two records are called in the audit. */
#define DESTROYED_DECIDED "destroying"
#define DESTROYED_PROVED "destroy"

struct destroyed {
	char room[CERT_TEXT], purpose[16];
	bool test, software;
	char key_set[11], scheme[8];		/* hex text; "tdes", "aes128", ... */
	uint8_t kcv[5], kcv_len;
	uint64_t born, utc;
	struct audit decided, proved;
	uint8_t records[P256_POINT];
	uint8_t sig[P256_SIG];
};

/* destroyed_text - all but the signature, NUL-terminated. E_OK, E_FORMAT (these are no two records of that), E_INTERNAL (no memory) */
MUST_USE enum err destroyed_text(char text[static DESTROYED_MAX], size_t *len, const struct destroyed *d);

/*
 * destroyed_read - a certificate, checked whole: its form, that both records are of it and in order, and the signature
 *
 *   records  in   the records key that has to have signed it; NULL: whichever it names, for who has it from the room itself
 *   why      out  what is wrong
 *
 *   E_OK, E_FORMAT, E_KEY (of another room), E_SIGNATURE, E_CRYPTO, E_INTERNAL (no memory)
 */
MUST_USE enum err destroyed_read(struct destroyed *d, struct span text, const uint8_t *records, char why[static DESTROYED_WHY]);

#endif
