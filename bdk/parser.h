/*
 * The parser: a process (bdk/process.h) that reads every certificate, request and revocation list from outside, and never
 * gets the PIN. The supervisor asks it whether one of them is good, and the answer is one byte. It keeps nothing between
 * two questions, so a new one answers the same.
 *
 * What comes from outside may kill or hang it, or take it over. Then it is ended, the question is E_PARSER, and the next
 * question starts another. When it finds something good the supervisor verifies the signature itself, and reads from the
 * signed bytes what the room goes by (bdk/evident.h). So a parser that was taken over can pass over an extension, which
 * our CAs write always alike, or find fault with everything, and that is all.
 *
 * Where nothing else is said a function gives what the one behind it gives, or E_PARSER; outputs are written on E_OK only.
 */
#ifndef KEYROOM_BDK_PARSER_H
#define KEYROOM_BDK_PARSER_H

#include "bdk/pki.h"

#include <sys/types.h>

#define PARSER_SECONDS 5 /* for an answer, which takes less than a millisecond */

struct parser {
	int fd; /* -1: none; the next question starts one */
	pid_t pid;
	bool strict; /* without one of its walls (bdk/wall.h) it is E_PARSER */
};

/* parser_start - E_OK (it runs, has read something, and stands behind its walls), E_PARSER (why is said on standard
 * error) */
MUST_USE enum err parser_start(struct parser *p, bool strict);

/* parser_stop - end it and reap it; fine where there is none */
void parser_stop(struct parser *p);

/* parser_main - its whole life, in its own process */
void parser_main(void);

/* parser_anchor - cert_anchor() */
MUST_USE enum err parser_anchor(struct parser *p, struct cert *c, struct span der);

/* parser_cert - cert_verify() at utc, and its number, left-padded */
MUST_USE enum err parser_cert(struct parser *p, struct cert *c, uint8_t number[static 20], struct span der,
			      struct span ca, uint64_t utc);

/* parser_request - pki_request_read() */
MUST_USE enum err parser_request(struct parser *p, uint8_t point[static P256_POINT], char name[static CERT_TEXT],
				 struct span der);

/* parser_list - pki_list_read() */
MUST_USE enum err parser_list(struct parser *p, struct pki_list *l, struct span der, struct span ca);

#endif
