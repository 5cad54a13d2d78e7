/*
 * What a second person is shown, for whatever the first has asked: always a whole record, with nothing in it that a
 * terminal obeys, and another digest for anything less. Roles are read as they are printed.
 *
 * Input: two bytes of op, then fields; and all of it once more as the text of roles.
 */
#include "bdk/act.h"
#include "bdk/people.h"
#include "bdk/request.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static struct record shown;

static void must(bool so)
{
	if (!so)
		abort();
}

static void look_at(struct span fields)
{
	struct rd r;

	rd_init(&r, fields.p, fields.len);
	while (r.left && !r.e) {
		uint16_t tag = rd_u16(&r);
		struct span value = rd_span16(&r);

		for (size_t i = 0; tag != F_HASH && tag != F_SECONDS && i < value.len; i++)
			must(value.p[i] >= ' ' && value.p[i] <= '~');
	}
	must(!rd_end(&r));
}

static void try_act(uint16_t op, struct span fields)
{
	const struct person first = { .row = 1, .name = "anna", .uid = 1001 };
	uint8_t whole[32], less[32];
	struct span answer;
	struct act *a;

	must(!act_new(&a, op, fields, &first, 10));
	record_begin(&shown, OP_PENDING);
	act_show(&shown, a, "an act", "Room", fields, 5);
	must(!shown.e || shown.e == E_SPACE);
	must(!record_parse(&op, &answer, (struct span){ shown.b, shown.len }));
	look_at(answer);
	must(!act_digest(whole, a, "Room", fields));
	if (a->len) {
		a->len--; /* the truncated twin */
		must(!act_digest(less, a, "Room", fields));
		must(memcmp(whole, less, sizeof less) != 0);
		a->len++;
	}
	act_free(a);
}

static void try_roles(const uint8_t *data, size_t size)
{
	char text[2 * PERSON_ROLES_TEXT], again[PERSON_ROLES_TEXT];
	size_t len = size < sizeof text - 1 ? size : sizeof text - 1;
	unsigned roles, same;

	memcpy(text, data, len);
	text[len] = 0;
	if (people_roles_parse(&roles, text)) {
		must(!roles);
		return;
	}
	people_roles_text(again, roles);
	must(!people_roles_parse(&same, again) && same == roles);
	must(strlen(again) == strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span fields;
	uint16_t op;

	if (size <= RECORD_MAX && !record_parse(&op, &fields, (struct span){ data, size }))
		try_act(op, fields);
	if (size)
		try_roles(data, size);
	return 0;
}
