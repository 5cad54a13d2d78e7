/*
 * Who is asked: this implementation, or a program.
 *
 * The program is run once, by the shell. On standard input it gets all questions, one stanza each with a field
 * "command"; on standard output it gives one stanza for each, in order. "status = unsupported" says that it does not
 * know the question. It may answer at once or when it has read everything.
 */
#ifndef KEYROOM_LAB_SUBJECT_H
#define KEYROOM_LAB_SUBJECT_H

#include "base/host/stanza.h"

#include <sys/types.h>

struct subject {
	const char *command; /* NULL: this implementation */
	unsigned patience;   /* seconds to wait for one answer */
	FILE *questions;     /* what the program reads */
	FILE *answers;
	pid_t pid;
	struct stanza answer; /* the last one */
};

/* subject_open - command as above. E_OK, E_IO (errno says why) */
MUST_USE enum err subject_open(struct subject *s, const char *command, unsigned patience);

/* subject_prepare - all questions first, in their order: a program gets them from a file. E_OK, E_IO */
MUST_USE enum err subject_prepare(struct subject *s, const struct stanza *question);

/* subject_start - after the last question: run the program. E_OK, E_IO */
MUST_USE enum err subject_start(struct subject *s);

/*
 * subject_ask - the answer to the next question, in s->answer
 *
 *   E_OK
 *   E_FORMAT, E_SPACE  not a stanza
 *   E_SHORT            there is none: the program ended, or was ended because it took too long
 */
MUST_USE enum err subject_ask(struct subject *s, const struct stanza *question);

/* subject_close - end the program if it still runs */
void subject_close(struct subject *s);

#endif
