/*
 * Reading and writing bytes in network order, and spans of them.
 *
 * Reader and writer keep the first error and do nothing after it, so a codec reads straight down and asks once at the
 * end: rd_end() or wr_end().
 */
#ifndef KEYROOM_BASE_BYTES_H
#define KEYROOM_BASE_BYTES_H

#include "base/err.h"

#include <stddef.h>

/* A piece of somebody else's memory. */
struct span {
	const uint8_t *p;
	size_t len;
};

#define SPAN(array) ((struct span){ (array), sizeof(array) })

struct rd {
	const uint8_t *p;	/* next byte */
	size_t left;
	enum err e;		/* E_OK, or the first error */
};

struct wr {
	uint8_t *p;		/* start of the buffer */
	size_t size, len;	/* len bytes are written */
	enum err e;
};

void rd_init(struct rd *r, const uint8_t *p, size_t len);
uint8_t rd_u8(struct rd *r);		/* these give 0 after an error; the error is E_SHORT */
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);
void rd_copy(struct rd *r, uint8_t *out, size_t len);	/* zeroes out on an error */
struct span rd_span(struct rd *r, size_t len);		/* points into the input; {NULL, 0} on an error */
struct span rd_span8(struct rd *r);			/* u8 length, then bytes */
struct span rd_span16(struct rd *r);			/* u16 length, then bytes */

/* rd_end - the first error; E_FORMAT if there was none but bytes are left over */
MUST_USE enum err rd_end(const struct rd *r);

void wr_init(struct wr *w, uint8_t *p, size_t size);
void wr_u8(struct wr *w, unsigned v);
void wr_u16(struct wr *w, unsigned v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
void wr_copy(struct wr *w, const uint8_t *in, size_t len);
void wr_span8(struct wr *w, struct span s);	/* E_RANGE if it is longer than its length can say */
void wr_span16(struct wr *w, struct span s);

/* wr_end - the first error (E_SPACE, E_RANGE), else E_OK */
MUST_USE enum err wr_end(const struct wr *w);

/* Integers in memory, big-endian. */
void put_be16(uint8_t out[static 2], unsigned v);
void put_be32(uint8_t out[static 4], uint32_t v);
void put_be64(uint8_t out[static 8], uint64_t v);
uint16_t get_be16(const uint8_t in[static 2]);
uint32_t get_be32(const uint8_t in[static 4]);
uint64_t get_be64(const uint8_t in[static 8]);

#endif
