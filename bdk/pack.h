/*
 * The hand-over pack: what a load room has issued, as text that people can read, signed by the room's records key. It
 * goes to acquirers, who refuse what it says is revoked, and into files.
 *
 * Stanzas (base/host/stanza.h): a head, one for each load in the order of its last change in the journal, and the
 * signature. Each but the last ends with a line "link = ...": the first 8 bytes, in hex, of
 *
 *     h = SHA-256(h of the link before, or nothing || all bytes since that link line's end, up to this link line)
 *
 * so that a changed, removed or moved stanza is not only found but named.
 *
 *     pack = keyroom/1           room, kind (test, production), token (software, hardware), environment (hex), key_set (an
 *                                id, or all), after and sequence (of the journal: loads that changed after the one, up to
 *                                the other), time (RFC 3339), list (number of the revocation list), epoch, loads (how
 *                                many); base64: certificate (the room's KIF certificate), records (SPKI of its records
 *                                key), vouched (DER signature by the certificate's key over the line "records = ...")
 *     load = 1 ...               serial, slot, key_set, scheme, ksn (initial), state, kcv, sequence, device (number of its
 *                                terminal's certificate, hex), spki (SHA-256, hex); revoked: why no acquirer shall recover
 *                                anything under it, if so
 *     signature = ...            base64 of the DER signature by the records key over SHA-256 of every byte before it
 *
 * Both signatures sign the SHA-256 of text as it stands, so that openssl can check them; bdk(1) shows how. No other
 * signature of these keys is over a text that begins like that: theirs begin "keyroom/1 ".
 */
#ifndef KEYROOM_BDK_PACK_H
#define KEYROOM_BDK_PACK_H

#include "base/serial.h"
#include "crypto/cert.h"

#include <stdbool.h>
#include <stddef.h>

#define PACK_MAX 4194304
#define PACK_WHY 160
#define PACK_NUMBER 20		/* bytes of a certificate's number */
#define PACK_REVOKED 64

struct pack_head {
	char room[CERT_TEXT];
	bool test, software;
	uint8_t environment[32];
	char key_set[11];		/* "all" or an id */
	uint64_t after, sequence, time, list, loads;
	uint32_t epoch;
	uint8_t cert[CERT_MAX];
	size_t cert_len;
	uint8_t records[P256_POINT];
	uint8_t vouched[P256_SIG];
};

struct pack_load {
	char serial[SERIAL_MAX + 1];
	uint8_t slot;
	char key_set[11], scheme[16];
	uint8_t ksn[12];
	uint8_t ksn_len;		/* 10 or 12 */
	char state[16];
	uint8_t kcv[5];
	uint8_t kcv_len;		/* 0: not known */
	uint64_t sequence;
	uint8_t device[PACK_NUMBER], spki[32];
	char revoked[PACK_REVOKED];	/* "": it is not */
};

/*
 * pack_read - check a pack whole, then walk over its loads
 *
 *   h       out  its head; zero on an error
 *   maker   out  what its certificate says
 *   text    in   at most PACK_MAX bytes
 *   judge   in   says whether its certificate is a good one of the KIF CA
 *   utc     in   when that has to be valid; 0: at the time that the pack itself says
 *   each    in   called for each load, once everything is verified; an error ends the walk with it. NULL: none
 *   why     out  the line and what is wrong there
 *
 *   E_OK, E_FORMAT (no pack, or a stanza that is changed, missing, or not in its place), E_CERTIFICATE, E_EXPIRED,
 *   E_SIGNATURE, E_INTERNAL (no memory), or each's
 */
struct pack_judge {
	enum err (*cert)(void *ctx, struct cert *c, struct span der, uint64_t utc); /* as cert_verify() */
	void *ctx;
};
MUST_USE enum err pack_read(struct pack_head *h, struct cert *maker, struct span text, const struct pack_judge *judge,
			    uint64_t utc, enum err (*each)(void *ctx, const struct pack_load *l), void *ctx,
			    char why[static PACK_WHY]);

/* --- Making one: head, loads in order, seal. The first error stays in t->e (E_SPACE: more than PACK_MAX bytes). ---- */

struct pack_text {
	char *b;			/* PACK_MAX bytes of the caller's */
	size_t len, linked;
	uint8_t link[32];
	uint64_t loads;
	enum err e;
};

/* pack_vouch - digest of the line that names a records key: what the identity key signs. E_OK, E_CRYPTO */
MUST_USE enum err pack_vouch(uint8_t digest[static 32], const uint8_t records[static P256_POINT]);

void pack_begin(struct pack_text *t, char *b, const struct pack_head *h);
void pack_put(struct pack_text *t, const struct pack_load *l);
/* pack_digest - what the records key signs. E_OK, t->e, E_CRYPTO. pack_seal - the last stanza */
MUST_USE enum err pack_digest(uint8_t digest[static 32], const struct pack_text *t);
void pack_seal(struct pack_text *t, const uint8_t sig[static P256_SIG]);

#endif
