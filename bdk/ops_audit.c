#include "bdk/heads.h"
#include "bdk/ops.h"

#include <string.h>

static void put_head(struct record *answer, const char *text)
{
	record_put(answer, F_HEAD, (struct span){ (const uint8_t *)text, strlen(text) });
}

void ops_hand_out(struct ask *a)
{
	char text[AUDIT_HEAD_TEXT];

	heads_hand_out(text, a->room);
	if (text[0])
		put_head(a->answer, text);
}

enum err op_head(struct ask *a)
{
	char text[AUDIT_HEAD_TEXT];
	enum err e = heads_sign(text, a->room);

	if (!e)
		put_head(a->answer, text);
	return e;
}

enum err op_heads(struct ask *a)
{
	char text[AUDIT_HEAD_TEXT];
	uint64_t at;
	bool full = false;
	enum err e = ops_since(&at, a);

	while (!e && !(full = ops_full(a->answer))) {
		e = journal_head_next(text, a->room->journal, &at);
		if (!e)
			put_head(a->answer, text);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, at);
	return E_OK;
}
