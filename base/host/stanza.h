/*
 * Stanzas: "key = value" lines, a blank line between cases, "#" comments. Vector files, calculators, the till and the
 * acquirer's command line speak them.
 */
#ifndef KEYROOM_BASE_HOST_STANZA_H
#define KEYROOM_BASE_HOST_STANZA_H

#include "base/bytes.h"

#include <stdio.h>

#define STANZA_FIELDS 40
#define STANZA_BYTES 8192	/* the longest published key block and its key */

struct stanza {
	size_t n;			/* fields */
	size_t used;			/* bytes of text */
	unsigned line;			/* line number of its first field */
	unsigned last;			/* last line read so far: 0 before the first call */
	struct {
		uint16_t key, value;	/* offsets into text */
	} field[STANZA_FIELDS];
	char text[STANZA_BYTES];	/* NUL-terminated keys and values */
};

/*
 * stanza_read - the next stanza of a stream
 *
 *   s  in/out  s->last is counted on from call to call: set it to 0 before the first; the rest is overwritten
 *
 *   E_OK      one stanza
 *   E_SHORT   no more
 *   E_FORMAT  a line without " = ", an empty key, or the same key twice; the rest of the stanza is skipped, so that the
 *             next call reads the next one
 *   E_SPACE   more than STANZA_FIELDS fields or STANZA_BYTES bytes; skipped likewise
 */
MUST_USE enum err stanza_read(struct stanza *s, FILE *f);

/* stanza_get - the value of a key, NULL if absent */
const char *stanza_get(const struct stanza *s, const char *key);

/* stanza_print - a field of any bytes: "key = text" where a reader gets exactly these bytes back, that is printable ASCII
 * which neither begins nor ends with a blank; else "key_hex = digits" */
void stanza_print(FILE *out, const char *key, struct span value);

#endif
