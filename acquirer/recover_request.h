/*
 * From a stanza, as the till prints it, to a question for bdkd. Pure: nothing is sent before the whole stanza is in
 * order.
 *
 *     ksn                            16 to 20 hexadecimal digits (TDES; left-padded with F to 20), or 24 (AES)
 *     pin_format, pin_block, pan     0 to 4; 8 bytes (format 4: 16) in hexadecimal; 12 to 19 digits
 *     mac, mac_data                  4 to 16 bytes; what it is over; both in hexadecimal
 *     data                           encrypted data in hexadecimal
 *
 * One of the three is needed at least. A PAN alone and keys not named here are passed over: a till prints more.
 */
#ifndef KEYROOM_ACQUIRER_RECOVER_REQUEST_H
#define KEYROOM_ACQUIRER_RECOVER_REQUEST_H

#include "base/host/stanza.h"
#include "bdk/client.h"

#define KSN_TEXT 25 /* 24 digits and a NUL */

/*
 * request_of_stanza - OP_RECOVER for a stanza
 *
 *   out  out  the request; after an error not to be sent
 *   ksn  out  the KSN in upper case and full length; "" where it is none
 *   why  out  after an error: what is wrong, without a value of the stanza's
 *   s    in
 *
 *   E_OK, E_FORMAT
 */
MUST_USE enum err request_of_stanza(struct record *out, char ksn[static KSN_TEXT], const char **why,
				    const struct stanza *s);

#endif
