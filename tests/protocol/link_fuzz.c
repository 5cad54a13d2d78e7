/*
 * The link: any bytes at all. Whatever is taken for a frame encodes to a frame that is taken for the same.
 */
#include "protocol/link.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct link_rx rx, again;
	static struct link_peer peer;
	static uint8_t wire[LINK_WIRE];

	memset(&rx, 0, sizeof rx);
	memset(&peer, 0, sizeof peer);
	for (size_t i = 0; i < size; i++) {
		struct frame f, g;
		size_t n;
		enum err e = link_push(&rx, &f, data[i]);

		if (e == E_SHORT || e == E_FORMAT)
			continue;
		if (e == E_LENGTH && !f.payload.len && rx.in.len == 0)
			continue;
		if (e || f.payload.len > LINK_PAYLOAD || link_encode(wire, &n, sizeof wire, &f))
			abort();
		memset(&again, 0, sizeof again);
		for (size_t k = 0; k < n; k++)
			e = link_push(&again, &g, wire[k]);
		if (e || g.kind != f.kind || g.channel != f.channel || g.sequence != f.sequence ||
		    g.payload.len != f.payload.len || memcmp(g.payload.p, f.payload.p, g.payload.len))
			abort();
		if (!link_peer_request(&peer, &f) && link_peer_reply(&peer, f.payload))
			abort();
	}
	return 0;
}
