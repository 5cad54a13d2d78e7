/*
 * The hand-over package of a key set: a BDK wrapped at birth to one acquirer room's certified exchange key.
 *
 *     body:  "KRX1"(4)  scheme(1)  key set(span8)  SHA-256 of the recipient's SPKI(32)  KDH certificate(span16)
 *            ephemeral point(65)  check value(span8)  items(1)  { label(7) wrapped(span8) }*
 *     then   signature(64) by the KDH identity over SHA-256("keyroom/1 EXCHANGE" || 00 || length(4) || body)
 *     ctx    SHA-256("keyroom/1 exchange" || 00 || length(4) || body up to and with the point)
 *
 * The KEKs come from ctx and the ECDH of the ephemeral and the exchange key as in KEY (crypto/kbkdf.h).
 */
#ifndef KEYROOM_BDK_EXCHANGE_H
#define KEYROOM_BDK_EXCHANGE_H

#include "bdk/room.h"

#define EXCHANGE_MAX 2048
#define EXCHANGE_WHY 160

/*
 * exchange_generate - make a key set in a load room and its package for the acquirer room named by cert
 *
 *   made in/out  its period in; as it stands in the journal out
 *   set  in/out  its scheme and, if len is not 0, its id; a free random id is chosen otherwise (TDES: FFFF and 24
 *                random bits)
 *
 *   E_OK, E_NOT_READY, E_CERTIFICATE/E_EXPIRED/E_REVOKED (cert is no exchange certificate of this environment),
 *   E_EXISTS, E_SCHEME, E_STRENGTH, E_PUBLISHED, E_JOURNAL, E_TOKEN
 */
MUST_USE enum err exchange_generate(uint8_t package[static EXCHANGE_MAX], size_t *len, struct key_set *made,
				    struct room *r, struct key_set_id *set, struct span cert,
				    char why[static EXCHANGE_WHY]);

/*
 * exchange_import - take a package into an acquirer room
 *
 *   taken in/out  its period in, which is this room's own; as it stands in the journal out
 *   from  out  CN of the load room that made it
 *
 *   E_OK, E_NOT_READY, E_SHORT/E_FORMAT, E_CERTIFICATE/E_EXPIRED/E_REVOKED (not from a load room of this environment),
 *   E_SIGNATURE, E_KEY (wrapped for another room), E_UNWRAP, E_MAC (check value differs from what was announced),
 *   E_PUBLISHED, E_EXISTS (the id, or the key under another id), E_JOURNAL, E_TOKEN. Nothing stays in the token on an error.
 */
MUST_USE enum err exchange_import(struct key_set *taken, char from[static CERT_TEXT], struct room *r,
				  struct span package, char why[static EXCHANGE_WHY]);

/* exchange_ready - may key sets come in or go out: is there a list in force, and this room's own certificate not disowned? E_OK,
 * E_NOT_READY, E_CERTIFICATE/E_EXPIRED/E_REVOKED, E_JOURNAL */
MUST_USE enum err exchange_ready(struct room *r, char why[static EXCHANGE_WHY]);

/* exchange_most - bytes of the longest BDK that this room, with its token, may have */
uint8_t exchange_most(const struct room *r);

/* exchange_name - an id for a new key set of that scheme: the one that stands in id, or with len 0 a free random one. E_OK, E_SCHEME,
 * E_STRENGTH, E_FORMAT, E_EXISTS, E_JOURNAL, E_TOKEN */
MUST_USE enum err exchange_name(struct key_set_id *id, struct room *r, char why[static EXCHANGE_WHY]);

/* What a package says. */
struct exchange_says {
	struct key_set_id set;
	struct kcv kcv;
	uint8_t recipient[32];	/* SHA-256 of its SPKI */
	struct span cert;	/* of the room that made it; points into the package */
};

/* exchange_read - form alone, as exchange_import() reads it. E_OK, E_SHORT, E_FORMAT, E_SCHEME */
MUST_USE enum err exchange_read(struct exchange_says *s, struct span package);

/* Where a key set has come from. */
struct key_set_origin {
	struct span package;		/* load room: what it was handed over in, at birth; len 0: in nothing */
	const uint8_t *number;		/* acquirer room: of the KIF certificate that it came under, 20 bytes; NULL: of none */
	const char *name;		/* that certificate's CN */
};

/*
 * exchange_keep - a key set whose objects have just come into the token is written down, if its key may be in this room
 * (fingerprint_admit()); else its objects go again. Whoever puts a BDK into the token ends with this.
 *
 *   s  in/out  id, kcv and period in; as it stands in the journal out
 *
 *   E_OK, E_RANGE (no such period), E_PUBLISHED, E_EXISTS (that key, or that id, is here), E_JOURNAL, E_IO, E_TOKEN (also: an object that had to go stays)
 */
MUST_USE enum err exchange_keep(struct key_set *s, struct room *r, const struct key_set_origin *from,
				char why[static EXCHANGE_WHY]);

/*
 * exchange_enter - a key set of components (bdk/component.h), in a load or acquirer room; nothing is known of who else has it
 *
 *   taken  out  with its check value
 *   part   in   parts of them; the caller wipes them
 *   paper  in   what its check value has to be; len 0: it is wanted alone, and nothing is made
 *
 *   exchange_may_enter - what speaks against it before anything was given: E_FORMAT (no id), E_SCHEME, E_STRENGTH,
 *   exchange_ready()'s, E_EXISTS
 *
 *   E_OK, these, E_KEY (together they are none: clear_key_join()), E_MAC (another check value), exchange_keep()'s. Nothing stays
 *   in the token on an error.
 */
MUST_USE enum err exchange_may_enter(struct room *r, const struct key_set_id *id, char why[static EXCHANGE_WHY]);
MUST_USE enum err exchange_enter(struct key_set *taken, struct room *r, const struct key_set_id *id, const struct key part[],
				 uint8_t parts, const struct kcv *paper, char why[static EXCHANGE_WHY]);

/* exchange_drop - a key set that was made or taken and cannot be written down goes out of the token again. E_OK, E_TOKEN */
MUST_USE enum err exchange_drop(struct room *r, const struct key_set_id *id);

#endif
