#include "bdk/card.h"
#include "crypto/sha256.h"

#include <string.h>

enum err card_digest(uint8_t out[static 32], const char *room, const uint8_t nonce[static CARD_NONCE], const char *person,
		     uint32_t uid, const uint8_t request[static 32])
{
	uint8_t b[256];
	struct wr w;
	enum err e;

	wr_init(&w, b, sizeof b);
	wr_copy(&w, (const uint8_t *)"keyroom/1 card", sizeof "keyroom/1 card");
	wr_span8(&w, (struct span){ (const uint8_t *)room, strlen(room) });
	wr_copy(&w, nonce, CARD_NONCE);
	wr_span8(&w, (struct span){ (const uint8_t *)person, strlen(person) });
	wr_u32(&w, uid);
	wr_copy(&w, request, 32);
	e = wr_end(&w);
	return e ? e : sha256(out, &(struct span){ b, w.len }, 1);
}
