/*
 * lab validate: every row of the vector files, asked of a subject, told in a report.
 *
 * Exit status: 0 every answer was right and at least one was asked for; 1 an answer was wrong or missing; 65 and above
 * after sysexits.h: nothing could be asked.
 */
#ifndef KEYROOM_LAB_VALIDATE_H
#define KEYROOM_LAB_VALIDATE_H

#include "base/host/opt.h"

extern const struct opt validate_opts[];

int validate(int operands, char **operand);

#endif
