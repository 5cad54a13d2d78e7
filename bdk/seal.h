/*
 * Values of the texts that a room signs (bdk/pack.h, bdk/audit.h, bdk/ceremony.h): each is written in one way only, and read
 * only if it is written so. What is signed is the SHA-256 of text as it stands, so that openssl can check it.
 */
#ifndef KEYROOM_BDK_SEAL_H
#define KEYROOM_BDK_SEAL_H

#include "base/host/stanza.h"
#include "crypto/cert.h"

#include <stdbool.h>

#define SEAL_MAGIC "keyroom/1"
#define SEAL_TIME 21					/* "2026-11-20T10:50:00Z" and its NUL */
#define SEAL_BASE64 (4 * ((CERT_MAX + 2) / 3) + 1)	/* of at most CERT_MAX bytes, and its NUL */
#define SEAL_SIG 112					/* base64 of a DER signature, and its NUL */
#define SEAL_SPKI (4 * ((P256_SPKI + 2) / 3) + 1)

/* seal_base64 - in: at most CERT_MAX bytes. seal_from_base64 - E_OK, E_FORMAT */
void seal_base64(char *out, struct span in);
MUST_USE enum err seal_from_base64(uint8_t *out, size_t *len, size_t size, const char *text);

/* seal_sig - base64 of DER, with the lower s. E_OK, E_CRYPTO. seal_from_sig - E_OK, E_FORMAT */
MUST_USE enum err seal_sig(char out[static SEAL_SIG], const uint8_t sig[static P256_SIG]);
MUST_USE enum err seal_from_sig(uint8_t sig[static P256_SIG], const char *text);

/* seal_spki - base64 of a point's SPKI. seal_from_spki - E_OK, E_FORMAT */
void seal_spki(char out[static SEAL_SPKI], const uint8_t point[static P256_POINT]);
MUST_USE enum err seal_from_spki(uint8_t point[static P256_POINT], const char *text);

/* seal_time - RFC 3339, UTC; 1970-01-01T00:00:00Z for what is no time of four digits' year. seal_from_time - E_OK, E_FORMAT */
void seal_time(char out[static SEAL_TIME], uint64_t utc);
MUST_USE enum err seal_from_time(uint64_t *utc, const char *text);

/* A stanza's fields, taken one by one: the first error (E_FORMAT) stays, and seal_end() sees that none is left over. */
struct seal_fields {
	const struct stanza *s;
	size_t taken;
	enum err e;
};

/* seal_open - the first stanza of a text, in *s; it says by this key that it is one (SEAL_MAGIC). The other fields are to be taken from f */
void seal_open(struct seal_fields *f, struct stanza *s, struct span text, const char *key);
/* seal_take - the value of a key, "" where it is absent */
const char *seal_take(struct seal_fields *f, const char *key);
/* seal_take_text - 1 to size-1 printable ASCII characters */
void seal_take_text(char *out, size_t size, struct seal_fields *f, const char *key);
uint64_t seal_take_number(struct seal_fields *f, const char *key, uint64_t most);
/* seal_take_hex - upper-case digits of a or b bytes; how many bytes they are */
uint8_t seal_take_hex(uint8_t *out, struct seal_fields *f, const char *key, size_t a, size_t b);
bool seal_take_choice(struct seal_fields *f, const char *key, const char *yes, const char *no);
/* A text for people, then this line of dashes (no text of people begins a line, so none looks like it), then what it is made from, and
 * its signature. seal_line - the next line of a text, with its line end, length 0 after the last; the text goes on behind it */
extern const char seal_rule[];
struct span seal_line(struct span *text);

/*
 * seal_check - is line "signature = ...", by the key that the text names, over body?
 *
 *   sig      out  it
 *   named    in   the records key that the text names
 *   records  in   the one that it has to be; NULL: any
 *   why      out  SEAL_WHY characters: what is wrong
 *
 *   E_OK, E_FORMAT, E_KEY (of another room), E_SIGNATURE, E_CRYPTO
 */
#define SEAL_WHY 160
MUST_USE enum err seal_check(uint8_t sig[static P256_SIG], struct span body, struct span line, const uint8_t named[static P256_POINT],
			     const uint8_t *records, char why[static SEAL_WHY]);

/* seal_end - E_OK: there were no errors, and all but rest fields have been taken. E_FORMAT */
MUST_USE enum err seal_end(const struct seal_fields *f, size_t rest);

#endif
