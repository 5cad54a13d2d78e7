/*
 * Which PIN block may become which (ISO 9564-1). A PIN may gain the binding to its account, never lose or change it: a
 * changed PAN is an attack, not a conversion. Format 2 never leaves the reader and its card.
 */
#ifndef KEYROOM_DUKPT_TRANSLATE_H
#define KEYROOM_DUKPT_TRANSLATE_H

#include "dukpt/pinblock.h"

#include <stdbool.h>

/*
 * pinblock_may_translate - may a PIN be taken out of one block and put into another?
 *
 *   same_pan  in  both blocks are of the same account; does not count where the source knows none (format 1)
 *
 *   from \ to  0      1      2      3      4
 *   0          same   -      -      same   same
 *   1          yes    -      -      yes    yes
 *   2          -      -      -      -      -
 *   3          same   -      -      same   same
 *   4          same   -      -      same   same
 *
 * Whatever is not in this table is refused, formats that do not exist too.
 */
bool pinblock_may_translate(enum pin_format from, enum pin_format to, bool same_pan);

#endif
