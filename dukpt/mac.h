/*
 * The message authentication codes that terminals send: the X9.19 retail MAC (ISO 9797-1 algorithm 3, zero padding)
 * under TDES keys, CMAC under AES keys.
 */
#ifndef KEYROOM_DUKPT_MAC_H
#define KEYROOM_DUKPT_MAC_H

#include "crypto/key.h"
#include "dukpt/ksn.h"

#define DUKPT_MAC_MAX 16

/*
 * dukpt_mac - the whole MAC; who sends a shorter one sends its leftmost bytes
 *
 *   out       out  TDES 8 bytes, AES 16; written only on E_OK
 *   out_len   out  8 or 16
 *   key       in   dukpt_key_len(scheme) bytes
 *   data      in   len bytes, any number
 *
 *   E_OK, E_SCHEME, E_KEY, E_CRYPTO. Compare with ct_equal().
 */
MUST_USE enum err dukpt_mac(uint8_t out[static DUKPT_MAC_MAX], size_t *out_len, enum dukpt_scheme scheme,
			    const struct key *key, const uint8_t *data, size_t len);

#endif
