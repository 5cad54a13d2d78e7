/*
 * Every way to hurt a recorded message: each bit flipped, each length cut short, each field replaced by the same field
 * of another recorded message. The end under test says of each whether it took it; taking one is what must not happen.
 */
#ifndef KEYROOM_TESTS_HOSTILE_MUTATE_H
#define KEYROOM_TESTS_HOSTILE_MUTATE_H

#include "protocol/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message as it was on the line, without its type. */
struct recorded {
	uint8_t b[MSG_MAX];
	size_t len;
	unsigned type;
};

/* Give a message to the end under test, in the state in which it waited for `waited`. True: it was taken, or changed
 * something. */
typedef bool takes_fn(const struct recorded *waited, struct span message);

struct fields {
	struct span f[96];
	size_t n;
};

/*
 * The fields of each type in order, after PROTOCOL.md: a number is that many bytes, b and w are bytes with a length of
 * one or two in front, n() is a count with so many groups after it.
 */
static inline const char *fields_layout(unsigned type)
{
	switch (type) {
	case MSG_HELLO:
		return "1 1 32 8 16 w";
	case MSG_OFFER:
		return "w 16 65 b 32 4 n(1 1 1 b b 32)64";
	case MSG_KEY:
		return "32 1 1 2 b 65 n(7 b)64";
	case MSG_ZEROIZE:
		return "32 1 1 64";
	case MSG_RECEIPT:
		return "2 1 b b 4 64";
	case MSG_IDENTIFY:
		return "1 1 32 8 16 32";
	case MSG_CSR:
		return "b 65 16 b b 32 64";
	case MSG_CERT:
		return "65 w w w 64";
	case MSG_DONE:
		return "32 64";
	}
	return "";
}

/* Cut a message into its fields; it exits when they do not fill it, so that no part of a message is left out. */
static inline void fields_cut(struct fields *out, unsigned type, struct span message)
{
	const char *at = fields_layout(type), *group = NULL;
	unsigned left = 0;
	struct rd r;

	out->n = 0;
	rd_init(&r, message.p, message.len);
	while (*at && !r.e && out->n < sizeof out->f / sizeof out->f[0]) {
		struct span *f = &out->f[out->n];
		size_t before = r.left;

		f->p = r.p;
		if (*at == ' ') {
			at++;
			continue;
		}
		if (*at == ')') {
			at = --left ? group : at + 1;
			continue;
		}
		if (*at == 'n') {
			left = rd_u8(&r);
			at += 2;
			group = at;
		} else if (*at == 'b') {
			rd_span8(&r);
			at++;
		} else if (*at == 'w') {
			rd_span16(&r);
			at++;
		} else {
			rd_span(&r, strtoul(at, (char **)&at, 10));
		}
		f->len = before - r.left;
		out->n++;
	}
	if (rd_end(&r) || *at) {
		fprintf(stderr, "the layout of %s does not fit\n", msg_name(type));
		exit(2);
	}
}

static inline struct span recorded_span(const struct recorded *m)
{
	return (struct span){ m->b, m->len };
}

/* Is a message with a single flipped bit taken? All are tried, until one is. */
static inline bool flip_taken(takes_fn *takes, const struct recorded *m)
{
	uint8_t bad[MSG_MAX];
	bool taken = false;

	memcpy(bad, m->b, m->len);
	for (size_t i = 0; i < 8 * m->len && !taken; i++) {
		bad[i / 8] = (uint8_t)(bad[i / 8] ^ 1u << i % 8);
		taken = takes(m, (struct span){ bad, m->len });
		if (taken)
			printf("%s with bit %zu flipped is taken\n", msg_name(m->type), i);
		bad[i / 8] = m->b[i / 8];
	}
	return taken;
}

/* Is a truncated message taken? */
static inline bool cut_taken(takes_fn *takes, const struct recorded *m)
{
	bool taken = false;

	for (size_t len = 0; len < m->len && !taken; len++) {
		taken = takes(m, (struct span){ m->b, len });
		if (taken)
			printf("%s of %zu bytes is taken\n", msg_name(m->type), len);
	}
	return taken;
}

/* Is a taken with one field of b, or b with one field of a? *tried counts the mixtures, which are neither of the two.
 */
static inline bool swap_taken(size_t *tried, takes_fn *takes, const struct recorded *a, const struct recorded *b)
{
	struct fields fa, fb;
	bool taken = false;

	fields_cut(&fa, a->type, recorded_span(a));
	fields_cut(&fb, b->type, recorded_span(b));
	for (size_t i = 0; i < 2 * fa.n && fa.n == fb.n && !taken; i++) {
		uint8_t mixed[2 * MSG_MAX];
		size_t len = 0;

		for (size_t k = 0; k < fa.n; k++) {
			const struct span *f = (k == i % fa.n) == (i < fa.n) ? &fb.f[k] : &fa.f[k];

			memcpy(mixed + len, f->p, f->len);
			len += f->len;
		}
		/* equal fields make a message that was sent */
		if (len > MSG_MAX || (len == a->len && !memcmp(mixed, a->b, len)) ||
		    (len == b->len && !memcmp(mixed, b->b, len)))
			continue;
		++*tried;
		taken = takes(a, (struct span){ mixed, len });
		if (taken)
			printf("%s with field %zu of another is taken\n", msg_name(a->type), i);
	}
	return taken;
}

#endif
