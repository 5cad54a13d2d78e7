/*
 * What a person signs with a card instead of giving a passphrase: one request, in one room, once. bdkd's nonce makes it
 * once; the hash is that of the record that is asked next, so that a signature is good for no other. What OP_PUT brought before
 * is not in that record; where an act takes two, the digest that the second agrees to covers it (bdk/act.h).
 */
#ifndef KEYROOM_BDK_CARD_H
#define KEYROOM_BDK_CARD_H

#include "base/bytes.h"

#define CARD_NONCE 32

/*
 * card_digest - SHA-256("keyroom/1 card" || 00 || u8 length, room's name || nonce || u8 length, person's name || be32 uid ||
 * SHA-256(request)): what the card's P-256 key signs (ECDSA, r || s)
 *
 *   request  in  its SHA-256: of the record as it will be sent
 *
 *   E_OK, E_SPACE (a name of more than 64 bytes), E_CRYPTO
 */
MUST_USE enum err card_digest(uint8_t out[static 32], const char *room, const uint8_t nonce[static CARD_NONCE], const char *person,
			      uint32_t uid, const uint8_t request[static 32]);

#endif
