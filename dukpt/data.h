/*
 * Data under a data key: CBC with a zero IV, as X9.24-1:2009 A.4 has it. A transaction key is used once, so the IV need
 * not change. Padding is the caller's.
 */
#ifndef KEYROOM_DUKPT_DATA_H
#define KEYROOM_DUKPT_DATA_H

#include "crypto/key.h"
#include "dukpt/key_type.h"

/* dukpt_block_len - bytes of a block: TDES 8, AES 16; 0 for no scheme */
uint8_t dukpt_block_len(enum dukpt_scheme scheme);

/*
 * dukpt_data - encrypt or decrypt
 *
 *   out  out  len bytes; may be data
 *   key  in   dukpt_key_len(scheme) bytes
 *
 *   E_OK, E_SCHEME, E_KEY, E_RANGE (len is no multiple of the block); out is as it was. E_CRYPTO: out is wiped
 */
MUST_USE enum err dukpt_data(uint8_t *out, enum dukpt_scheme scheme, const struct key *key, enum dir dir,
			     const uint8_t *data, size_t len);

/*
 * dukpt_data_by - the same under a working key of any type that enciphers
 *
 *   iv  in  one block, only read; NULL for zeros
 *
 *   E_OK, E_SCHEME (no such type, or HMAC), E_KEY (another length), E_RANGE, E_CRYPTO
 */
MUST_USE enum err dukpt_data_by(uint8_t *out, enum dukpt_key_type type, const struct key *key, enum dir dir,
				const uint8_t *iv, const uint8_t *data, size_t len);

#endif
