/*
 * What the certificates, requests, leases, packages, key blocks and bags of an act say, for a second person to whom their digests say nothing:
 * read, from the very bytes that the act will use, by the functions that it will read them with; what is X.509 after a
 * process without PIN has found it good (bdk/parser.h). Whether all that counts will be found right, the act itself says.
 */
#ifndef KEYROOM_BDK_PREVIEW_H
#define KEYROOM_BDK_PREVIEW_H

#include "bdk/room.h"
#include "bdk/record.h"

/*
 * preview - F_LABEL and F_VALUE for what there is to say of an act's fields, in their order; of what cannot be read, why.
 * Texts as act_show()'s
 *
 *   lines   in/out  what does not fit stands in lines->e
 *   fields  in      as they were asked
 */
void preview(struct record *lines, struct room *r, struct span fields);

#endif
