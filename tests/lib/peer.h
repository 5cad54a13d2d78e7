/*
 * A terminal's reply as a frame in a buffer, for tests that play its end of a link; the terminal sends it piece by piece.
 */
#ifndef KEYROOM_TESTS_LIB_PEER_H
#define KEYROOM_TESTS_LIB_PEER_H

#include "protocol/link.h"

static inline void peer_piece(void *ctx, const uint8_t *p, size_t len)
{
	wr_copy(ctx, p, len);
}

/* E_OK, E_SPACE */
static inline enum err peer_encode(const struct link_peer *p, uint8_t *out, size_t *len, size_t size)
{
	struct wr w;
	enum err e;

	wr_init(&w, out, size);
	e = link_peer_send(p, peer_piece, &w);
	if (!e)
		e = wr_end(&w);
	*len = w.len;
	return e;
}

#endif
