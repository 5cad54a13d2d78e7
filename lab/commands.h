/*
 * The commands that answer stanzas. Each is a function over one turn, pure but for the random fillers of PIN blocks and
 * key blocks where the question brings none; doc/man/lab.1 lists their fields.
 */
#ifndef KEYROOM_LAB_COMMANDS_H
#define KEYROOM_LAB_COMMANDS_H

#include "lab/turn.h"

typedef enum err answerer(const struct turn *t);

answerer derive_answer;    /* lab/derive.c */
answerer ksn_answer;       /* lab/ksn.c */
answerer pinblock_answer;  /* lab/pinblock.c */
answerer mac_answer;       /* lab/mac.c */
answerer data_answer;      /* lab/data.c */
answerer keyblock_answer;  /* lab/keyblock.c */
answerer primitive_answer; /* lab/primitive.c */

/*
 * command_answer - the whole answer to one question, with its status
 *
 *   name  in  "derive" ...; NULL: the question's own field "command" says which
 *
 * Returns E_OK, or why the answer is a refusal.
 */
enum err command_answer(struct stanza *a, const struct stanza *q, const char *name);

#endif
