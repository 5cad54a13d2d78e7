#include "bdk/handover.h"
#include "bdk/list.h"
#include "bdk/ops.h"

#include <stdio.h>
#include <stdlib.h>

enum err op_handover(struct ask *a)
{
	struct bulk text = { malloc(PACK_MAX), 0 };
	bool one = field_get(a->fields, F_KEY_SET).p;
	char set[KEY_SET_TEXT] = "";
	struct pack_head h;
	uint64_t after;
	enum err e = text.b ? ops_since(&after, a) : E_INTERNAL;

	if (!e && one)
		e = field_text(set, sizeof set, a->fields, F_KEY_SET);
	if (!e)
		e = handover_make((char *)text.b, &text.len, &h, a->room, one ? set : NULL, after, a->why);
	if (e) {
		free(text.b);
		return e;
	}
	snprintf(a->object, sizeof a->object, "key set %s, %llu loads, after %llu up to %llu", h.key_set,
		 (unsigned long long)h.loads, (unsigned long long)h.after, (unsigned long long)h.sequence);
	record_put_number(a->answer, F_SEQUENCE, h.sequence);
	record_put_number(a->answer, F_USED, h.loads);
	ops_leave(a, text);
	return E_OK;
}

enum err op_import_pack(struct ask *a)
{
	struct bulk text = ops_take(a);
	struct handover_taken taken;
	struct pack_head h;
	enum err e = handover_import(&taken, &h, a->room, (struct span){ text.b, text.len }, a->why);

	free(text.b);
	if (e == E_EXPIRED) {
		/* Nothing of the pack stays, but what the clock said of the list does. */
		journal_rollback(a->room->journal);
		if (list_check(a->room, room_utc(), a->why) == E_JOURNAL)
			e = E_JOURNAL;
	}
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "pack of %s up to %llu: %llu loads, %llu revoked", h.room,
		 (unsigned long long)h.sequence, (unsigned long long)taken.loads, (unsigned long long)taken.revoked);
	record_put_text(a->answer, F_NAME, h.room);
	record_put_number(a->answer, F_SEQUENCE, h.sequence);
	record_put_number(a->answer, F_USED, taken.loads);
	record_put_number(a->answer, F_REVOKED, taken.revoked);
	record_put_number(a->answer, F_STRANGE, taken.strange);
	return E_OK;
}
