/*
 * Users of the machine: who a room's bdkd is, and who may ask it.
 */
#ifndef KEYROOM_BDK_USERS_H
#define KEYROOM_BDK_USERS_H

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define USERS_MAX 8
#define USERS_TEXT 256 /* their names, one or more, with blanks or commas between them */
#define USERS_WHY 160

struct users {
	uid_t uid[USERS_MAX];
	unsigned n; /* 0: nobody is named */
};

/*
 * users_find - the users of these names, as the machine knows them; a number is a uid, known or not
 *
 *   u     out  none on an error
 *   text  in   "kif", "anna bert", "1001, 1002"; "" names nobody
 *
 *   E_OK, E_ROOM (why: no such user, or more than USERS_MAX)
 */
MUST_USE enum err users_find(struct users *u, const char *text, char why[static USERS_WHY]);

bool users_has(const struct users *u, uid_t uid);

/*
 * users_become - this process, started by root, becomes the one user that name says, for good: no group but its own, no
 * way back. It may lock all its memory from then on, where root's process may give that leave. Somebody else's process stays what it is.
 *
 *   folder  in  has to belong to that user
 *
 *   E_OK, E_ROOM (no such user, or the folder is another's), E_DENIED (this process is neither root's nor that user's,
 *   or could not give up what root may)
 */
MUST_USE enum err users_become(const char *name, const char *folder, char why[static USERS_WHY]);

#endif
