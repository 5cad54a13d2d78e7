/*
 * The ca room's end of enrolment: IDENTIFY, CSR, a person's word, CERT, DONE.
 *
 * The room certifies {serial, SPKI} when CSR proves possession under this room's nonce, the serial stands on the
 * maker's list, the digest that a person read off the terminal's own display agrees, and neither was certified before;
 * else both are quarantined. The same pair again gets the same certificate again, so a power cut strands nobody.
 */
#ifndef KEYROOM_BDK_ENROL_H
#define KEYROOM_BDK_ENROL_H

#include "bdk/room.h"
#include "protocol/transcript.h"

#define ENROL_SECONDS 600	/* a person has to read a display */
#define ENROL_DIGEST 16		/* bytes of the SPKI digest that a person compares */
#define ENROL_WHY 160

struct enrol {
	enum { ENROL_IDLE, ENROL_IDENTIFIED, ENROL_PENDING, ENROL_CERTIFIED } state;
	struct transcript t;
	uint64_t until;			/* by room_monotonic(): later is E_SEQUENCE */
	char serial[CERT_TEXT];
	uint8_t point[P256_POINT];
	uint8_t spki[32];
	uint8_t cert_digest[32];
};

/* Each E_OK or: E_SEQUENCE (not in this state, or too late), E_SHORT/E_FORMAT, E_JOURNAL, E_TOKEN, and what it names.
 * After any error e is idle. Messages are without their type, at most MSG_MAX bytes. */

/* enrol_begin - IDENTIFY. E_UNKNOWN_DEVICE (serial not on the maker's list), E_QUARANTINED, E_REVOKED, E_FORMAT
 * (serial), E_NOT_READY */
MUST_USE enum err enrol_begin(struct enrol *e, uint8_t identify[static MSG_MAX], size_t *len, struct room *r,
			      const char *serial, char why[static ENROL_WHY]);

/* enrol_csr - check a CSR. E_SERIAL (another terminal), E_POINT, E_REPLAY (nonce seen before), E_SIGNATURE */
MUST_USE enum err enrol_csr(struct enrol *e, struct room *r, struct span csr, char firmware[static CERT_TEXT],
			    char why[static ENROL_WHY]);

/* enrol_digest - the digest a person read; CERT if it agrees, once the device's row is durable. E_DIGEST, E_DUPLICATE
 * (serial or key certified with another: both are quarantined now), E_QUARANTINED (the serial, or the key). A
 * quarantined key that has no serial stands in the list of devices as "key:" and the first 16 bytes of its digest. */
MUST_USE enum err enrol_digest(struct enrol *e, uint8_t cert[static MSG_MAX], size_t *len, struct room *r,
			       const uint8_t digest[static ENROL_DIGEST], char why[static ENROL_WHY]);

/* enrol_done - check DONE; the terminal is enrolled. E_SIGNATURE, E_DIGEST (of another certificate) */
MUST_USE enum err enrol_done(struct enrol *e, struct device *facts, struct room *r, struct span done,
			     char why[static ENROL_WHY]);

/* enrol_end - forget */
void enrol_end(struct enrol *e);

#endif
