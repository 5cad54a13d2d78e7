/*
 * Records: what clients and bdkd say to each other over an AF_UNIX SOCK_SEQPACKET socket. One codec for every request
 * and every answer: op(2), then fields tag(2) length(2) value, big-endian, at most RECORD_MAX bytes. A field may hold
 * fields itself (a row of a list); a tag may be repeated.
 *
 * What each op carries stands in bdk/request.h; who may ask it, and when, in the table of bdk/server.c.
 */
#ifndef KEYROOM_BDK_RECORD_H
#define KEYROOM_BDK_RECORD_H

#include "base/bytes.h"

#include <stdbool.h>

#define RECORD_MAX 65536

struct record {
	uint8_t b[RECORD_MAX];
	size_t len;
	enum err e;		/* the first error while putting */
};

/* record_begin - an empty record with its op */
void record_begin(struct record *r, uint16_t op);

/* Putting keeps the first error in r->e (E_SPACE, E_RANGE) and does nothing after it. */
void record_put(struct record *r, uint16_t tag, struct span value);
void record_put_text(struct record *r, uint16_t tag, const char *text);
void record_put_number(struct record *r, uint16_t tag, uint64_t v);	/* 8 bytes */

/* Open and close a field that holds fields: record_open() returns where it began, record_close() sets its length. */
size_t record_open(struct record *r, uint16_t tag);
void record_close(struct record *r, size_t at);

/*
 * record_parse - check a received record whole: op and fields exactly fill it
 *
 *   op      out
 *   fields  out  what the field_ functions read; points into the record
 *
 *   E_OK, E_SHORT, E_FORMAT
 */
MUST_USE enum err record_parse(uint16_t *op, struct span *fields, struct span received);

/* field_get - the value of the first field with this tag; {NULL, 0} if absent. Nested fields are read the same way,
 * after field_check(). */
struct span field_get(struct span fields, uint16_t tag);

/* field_next - walk over the fields with this tag: *at starts at 0. False after the last. */
bool field_next(struct span *value, struct span fields, uint16_t tag, size_t *at);

/* field_check - do fields exactly fill the span? E_OK, E_SHORT */
MUST_USE enum err field_check(struct span fields);

/* field_text - a text of at most size-1 printable characters. E_OK, E_FORMAT (absent, empty, too long, or not printable
 * ASCII); out is "" on an error */
MUST_USE enum err field_text(char *out, size_t size, struct span fields, uint16_t tag);

/* field_number - E_OK, E_FORMAT (absent or not 8 bytes), E_RANGE (more than most); *v is 0 on an error */
MUST_USE enum err field_number(uint64_t *v, struct span fields, uint16_t tag, uint64_t most);

#endif
