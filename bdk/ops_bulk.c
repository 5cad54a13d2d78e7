#include "bdk/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 60000 };

enum err op_put(struct ask *a)
{
	struct bulk *put = &a->peer->put;
	struct span piece = field_get(a->fields, F_PIECE);
	uint8_t *more;

	if (piece.len > BULK_MAX - put->len) {
		snprintf(a->why, sizeof a->why, "longer than the %d bytes that a room takes", BULK_MAX);
		return E_RANGE;
	}
	more = realloc(put->b, put->len + piece.len + 1);
	if (!more)
		return E_INTERNAL;
	if (piece.len)
		memcpy(more + put->len, piece.p, piece.len);
	*put = (struct bulk){ more, put->len + piece.len };
	return E_OK;
}

enum err op_fetch(struct ask *a)
{
	const struct bulk *left = &a->peer->left;
	uint64_t at;
	size_t n;
	enum err e = ops_since(&at, a);

	if (!e && at > left->len)
		e = E_RANGE;
	if (e)
		return e;
	n = left->len - at < PIECE ? left->len - (size_t)at : PIECE;
	record_put(a->answer, F_PIECE, (struct span){ left->b ? left->b + at : NULL, n });
	ops_more(a->answer, at + n < left->len, at + n);
	return E_OK;
}

struct bulk ops_take(struct ask *a)
{
	struct bulk b = a->peer->put;

	a->peer->put = (struct bulk){ NULL, 0 };
	return b;
}

void ops_leave(struct ask *a, struct bulk b)
{
	free(a->peer->left.b);
	a->peer->left = b;
}
