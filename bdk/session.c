#include "bdk/session.h"
#include "base/wipe.h"
#include "bdk/record.h"
#include "bdk/request.h"

#include <stdlib.h>
#include <string.h>

enum err session_new(uint64_t *number, struct sessions *all, const struct key_set_id *set, uint8_t slot,
		     struct span fields, uint64_t now)
{
	struct session *s = all->one;
	uint8_t *copy;

	while (s < all->one + SESSIONS && s->number)
		s++;
	if (s == all->one + SESSIONS)
		return E_SPACE;
	copy = malloc(fields.len + 1);
	if (!copy)
		return E_INTERNAL;
	memcpy(copy, fields.p, fields.len);
	*s = (struct session){ ++all->last, *set, slot, copy, fields.len, now, now };
	*number = s->number;
	return E_OK;
}

bool session_has(struct span fields, struct span serial)
{
	struct span value;
	size_t at = 0;

	while (field_next(&value, fields, F_SERIAL, &at))
		if (value.len == serial.len && !memcmp(value.p, serial.p, serial.len))
			return true;
	return false;
}

/* All terminals that are asked for are among these. */
static bool covers(const struct session *s, struct span fields)
{
	struct span value;
	size_t at = 0;

	while (field_next(&value, fields, F_SERIAL, &at))
		if (!session_has((struct span){ s->serials, s->serials_len }, value))
			return false;
	return true;
}

struct session *session_find(struct sessions *all, const struct key_set_id *set, uint8_t slot, struct span fields)
{
	for (struct session *s = all->one; s < all->one + SESSIONS; s++)
		if (s->number && s->set.len == set->len && !memcmp(s->set.b, set->b, set->len) &&
		    (!set->len || (s->set.scheme == set->scheme && s->slot == slot)) && covers(s, fields))
			return s;
	return NULL;
}

struct session *session_of(struct sessions *all, uint64_t number)
{
	for (struct session *s = all->one; s < all->one + SESSIONS; s++)
		if (number && s->number == number)
			return s;
	return NULL;
}

uint64_t session_left(const struct session *s, const struct room_config *c, uint64_t now, const char **why)
{
	uint64_t idle = s->used + c->session_idle_seconds, whole = s->opened + c->session_seconds;
	uint64_t end = idle < whole ? idle : whole;

	*why = idle < whole ? "nothing was loaded for session-idle-seconds" : "it was open for session-seconds";
	return now < end ? end - now : 0;
}

bool session_uses(uint16_t op, enum err result)
{
	return !result && (op == OP_OFFER || op == OP_ZEROIZE);
}

void session_end(struct session *s)
{
	free(s->serials);
	wipe(s, sizeof *s);
}
