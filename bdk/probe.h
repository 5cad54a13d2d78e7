/*
 * What a token was asked at start, what it answered, and what follows: which construction, and which rooms it may serve.
 * bdk/token_probe.h asks; this is the record of it, which travels.
 *
 * Three kinds of questions:
 *
 *   needed   a key path on published figures: without the right answer there is no room
 *   choice   a way to do something: where it gives the right answer it is taken, else there is another
 *   refusal  what must fail. A production room is not served by a token that lets it pass; a test room warns.
 */
#ifndef KEYROOM_BDK_PROBE_H
#define KEYROOM_BDK_PROBE_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdio.h>

/* In the order in which they are asked. */
enum probe_question {
	PROBE_ALLOWED,
	PROBE_PAD,
	PROBE_KWP,
	PROBE_KDF,
	PROBE_TDES,
	PROBE_AES,
	PROBE_AES192,
	PROBE_AES256,
	PROBE_XOR,
	PROBE_CONCATENATE,
	PROBE_UNWRAP,
	PROBE_COPY,
	PROBE_SIGNATURE,
	PROBE_AGREEMENT,
	PROBE_READ,
	PROBE_WRAP_BOUND,
	PROBE_CHANGE,
	PROBE_LOOSEN,
	PROBE_ENCRYPT,
	PROBE_MECHANISM,
	PROBE_SPOILED,
	PROBE_PRIVATE,
	PROBE_QUESTIONS
};

enum probe_kind { PROBE_NEEDED, PROBE_CHOICE, PROBE_REFUSAL };

/* An answer: of a refusal, "right" is that it failed and "wrong" that it passed. */
enum probe_answer { PROBE_UNASKED, PROBE_RIGHT, PROBE_WRONG, PROBE_NONE /* the token says it cannot */ };

enum probe_verdict { PROBE_UNUSABLE, PROBE_TEST, PROBE_PRODUCTION };

#define PROBE_ABOUT 96
#define PROBE_BYTES (5 * PROBE_QUESTIONS + 1 + PROBE_ABOUT) /* probe_put() writes no more */

struct probe {
	struct {
		enum probe_answer answer;
		uint32_t rv; /* what a function of the module answered last: CKR_OK is 0 */
	} of[PROBE_QUESTIONS];
	char about[PROBE_ABOUT]; /* model, maker, version of its library: printable, without quotes and backslashes; ""
				    if the token was not reached */
};

/* One question: a word for JSON and errors, what it is about, and for a refusal what it means when it passes. */
struct probe_row {
	enum probe_kind kind;
	const char *name, *text;
};
extern const struct probe_row probe_rows[PROBE_QUESTIONS];

/* probe_answer_name - "right", "wrong", "none", "not asked"; of a refusal "refused", "ALLOWED" */
const char *probe_answer_name(enum probe_question q, enum probe_answer a);

/* probe_verdict - what such a token is good for; probe_verdict_name - "unusable", "test", "production" */
enum probe_verdict probe_verdict(const struct probe *p);
const char *probe_verdict_name(enum probe_verdict v);

/* probe_makes - may a test room have keys of so many bytes on such a token? What is not stronger than AES-128 is needed. */
bool probe_makes(const struct probe *p, size_t key_len);

/* probe_software - does the token itself say that it is SoftHSM or NSS, by whatever module it was reached? */
bool probe_software(const struct probe *p);

/* probe_construction - how a key is made on such a token, in words: the i-th line of them, NULL after the last. Not for
 * one that is unusable. */
const char *probe_construction(const struct probe *p, unsigned i);

/* probe_blame - why it is not fit for production: the names of what it allows, or of what it does not give rightly; ""
 * where it is fit */
void probe_blame(char *out, size_t size, const struct probe *p);

/* probe_print - all of it, for people or as JSON. A choice that is taken, and a refusal that holds, say so by their
 * answers. */
void probe_print(FILE *out, const struct probe *p, bool json);

/* probe_put, probe_take - over a socket. After an error of r, *p says nothing */
void probe_put(struct wr *w, const struct probe *p);
void probe_take(struct rd *r, struct probe *p);

#endif
