/* Whatever stanzas say: each is refused with a reason, or becomes a record that parses and holds each part whole. */
#include "acquirer/recover_request.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct stanza *s)
{
	static struct record r;
	struct span f;
	char ksn[KSN_TEXT];
	const char *why = NULL;
	uint16_t op;

	if (request_of_stanza(&r, ksn, &why, s)) {
		if (!why || !*why)
			abort();
		return;
	}
	if (why || record_parse(&op, &f, (struct span){ r.b, r.len }) || op != OP_RECOVER)
		abort();
	if (field_get(f, F_KSN).len * 2 != strlen(ksn) || (strlen(ksn) != 20 && strlen(ksn) != 24))
		abort();
	if (!field_get(f, F_PIN_BLOCK).p != !field_get(f, F_PAN).p ||
	    !field_get(f, F_MAC).p != !field_get(f, F_MAC_DATA).p)
		abort();
	if (!field_get(f, F_PIN_BLOCK).p && !field_get(f, F_MAC).p && !field_get(f, F_DATA).p)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct stanza s;
	FILE *f = size ? fmemopen((void *)(uintptr_t)data, size, "r") : NULL;
	enum err e;

	if (!f)
		return 0;
	s.last = 0;
	while ((e = stanza_read(&s, f)) != E_SHORT)
		if (!e)
			check(&s);
	fclose(f);
	return 0;
}
