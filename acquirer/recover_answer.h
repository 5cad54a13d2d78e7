/*
 * From bdkd's answer to a stanza: ksn, scheme, key_set, then pin, mac_verdict = ok, and data_clear or data_clear_hex,
 * as far as they were asked for; at last status = ok. A refusal: ksn if it is one, status = refused, reason. Where the
 * MAC is wrong nothing else is recovered: ksn, scheme, key_set, mac_verdict = wrong, status = refused, reason.
 */
#ifndef KEYROOM_ACQUIRER_RECOVER_ANSWER_H
#define KEYROOM_ACQUIRER_RECOVER_ANSWER_H

#include "acquirer/recover_request.h"

/*
 * answer_print - one answer
 *
 *   ksn      in  as request_of_stanza() gave it
 *   request  in  what was asked
 *   fields   in  what was answered: after client_call()
 *
 *   E_OK, E_MAC (printed: the MAC is wrong), E_FORMAT (not an answer to that request: nothing is printed)
 */
MUST_USE enum err answer_print(FILE *out, const char *ksn, const struct record *request, struct span fields);

/* answer_refuse - one refusal; line 0: the reason says enough, else the line of input where the stanza begins */
void answer_refuse(FILE *out, const char *ksn, unsigned line, const char *reason);

#endif
