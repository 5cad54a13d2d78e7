/*
 * Facts: what bdkd has verified about one load (bdk/request.h), taken apart for the station, which believes nothing
 * else and shows and records these.
 */
#ifndef KEYROOM_KIF_FACT_H
#define KEYROOM_KIF_FACT_H

#include "base/serial.h"
#include "bdk/client.h"

#define FACT_KEY_SET 11 /* 8 or 10 hexadecimal digits and a NUL */

struct fact {
	uint64_t sequence; /* of the load's last change in the journal, 1.. */
	uint64_t time;     /* seconds since 1970 */
	char serial[SERIAL_MAX + 1];
	char spki[65]; /* hexadecimal, as ksn and kcv */
	char key_set[FACT_KEY_SET];
	char scheme[16];
	uint8_t slot;
	char ksn[25];   /* initial KSN: 20 or 24 digits */
	char state[16]; /* "sent", "loaded", "possibly-loaded", "zeroized" */
	char kcv[11];   /* "" until the terminal has signed it */
	uint32_t load_count;
	char firmware[65]; /* "" if unknown */
};

/*
 * fact_key_set - a key set's id in upper case
 *
 *   E_OK, E_FORMAT (neither 10 hexadecimal digits that begin with FFFF, as TDES, nor 8, as AES); out is "" then
 */
MUST_USE enum err fact_key_set(char out[static FACT_KEY_SET], const char *text);

/*
 * fact_read - one F_ROW of facts
 *
 *   f    out  zero on an error
 *   row  in   the fields inside F_ROW
 *
 *   E_OK, E_SHORT, E_FORMAT, E_RANGE (a number that no journal holds)
 */
MUST_USE enum err fact_read(struct fact *f, struct span row);

#endif
