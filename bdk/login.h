/*
 * The token's PIN while the room is unlocked: in one page of its own, locked into memory, in no core dump and in no
 * process that is forked. Nothing else in the supervisor keeps a copy.
 */
#ifndef KEYROOM_BDK_LOGIN_H
#define KEYROOM_BDK_LOGIN_H

#include "base/bytes.h"

#define LOGIN_MAX 256

struct login {
	uint8_t *page; /* NULL: none */
	size_t len;    /* 0: the page is empty, and may be filled up to LOGIN_MAX */
};

/* login_page - an empty page. Memory that may not be locked (RLIMIT_MEMLOCK) is for the caller's walls to refuse.
 * E_OK, E_INTERNAL */
MUST_USE enum err login_page(struct login *p);

/* login_read - a new page with what stands alone in a file, with or without a line end. E_OK, E_INTERNAL, E_ROOM (no file,
 * or no PIN of 1 to LOGIN_MAX - 1 bytes); p is to be wiped even then */
MUST_USE enum err login_read(struct login *p, const char *path);

struct span login_span(const struct login *p);

/* login_wipe - wiped and given back; fine where there is none */
void login_wipe(struct login *p);

#endif
