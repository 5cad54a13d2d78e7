/*
 * The message authentication codes that terminals send: the X9.19 retail MAC (ISO 9797-1 algorithm 3, zero padding)
 * under TDES keys, CMAC under AES keys, HMAC-SHA-256 under HMAC keys. CMAC under TDES keys is an extension that X9.24-1
 * does not know. A receiver compares with ct_equal().
 */
#ifndef KEYROOM_DUKPT_MAC_H
#define KEYROOM_DUKPT_MAC_H

#include "crypto/key.h"
#include "dukpt/key_type.h"

#define DUKPT_MAC_MAX 16	/* bytes of a scheme's own MAC */

/*
 * dukpt_mac - a scheme's own MAC, whole: retail MAC or CMAC; who sends a shorter one sends its leftmost bytes
 *
 *   out       out  TDES 8 bytes, AES 16; written only on E_OK
 *   out_len   out  8 or 16
 *   key       in   dukpt_key_len(scheme) bytes
 *   data      in   len bytes, any number
 *
 *   E_OK, E_SCHEME, E_KEY, E_CRYPTO
 */
MUST_USE enum err dukpt_mac(uint8_t out[static DUKPT_MAC_MAX], size_t *out_len, enum dukpt_scheme scheme,
			    const struct key *key, const uint8_t *data, size_t len);

enum dukpt_mac_method {
	DUKPT_MAC_RETAIL,	/* 8 bytes; 2TDEA */
	DUKPT_MAC_CMAC,		/* 8 bytes under 2TDEA and 3TDEA, 16 under AES */
	DUKPT_MAC_HMAC		/* 32 bytes; HMAC keys */
};

#define DUKPT_MAC_ANY 32

/*
 * dukpt_mac_by - any MAC under a working key of any type
 *
 *   out  out  written only on E_OK
 *   key  in   of this type
 *
 *   E_OK, E_SCHEME (no such method or type, or not one for the other), E_KEY (another length), E_CRYPTO
 */
MUST_USE enum err dukpt_mac_by(uint8_t out[static DUKPT_MAC_ANY], size_t *out_len, enum dukpt_mac_method method,
			       enum dukpt_key_type type, const struct key *key, const uint8_t *data, size_t len);

#endif
