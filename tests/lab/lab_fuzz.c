/*
 * Any bytes as questions to every command: an answer is a stanza whose last fields are its status and, of a refusal
 * alone, a reason; what a refusal says is nothing but the case, status and reason; the question is not changed.
 */
#include "lab/commands.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct stanza *a, enum err e)
{
	const char *status = stanza_get(a, "status"), *reason = stanza_get(a, "reason");

	if (!status || strcmp(status, e ? "refused" : "ok") || !e != !reason || (reason && !*reason))
		abort();
	if (e && a->n > 3)
		abort();
	if (a->used > sizeof a->text || (a->used && a->text[a->used - 1]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const commands[] = { "derive", "ksn",      "pinblock",  "mac",
						"data",   "keyblock", "primitive", NULL };
	static struct stanza q, before, a;
	FILE *f;
	enum err e;

	if (!size)
		return 0; /* fmemopen() takes no empty buffer */
	f = fmemopen((void *)(uintptr_t)data, size, "r");
	if (!f)
		abort();
	q.last = 0;
	while ((e = stanza_read(&q, f)) != E_SHORT) {
		if (e)
			continue;
		before = q;
		for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
			check(&a, command_answer(&a, &q, commands[i]));
			if (q.n != before.n || memcmp(q.text, before.text, q.used))
				abort();
		}
	}
	fclose(f);
	return 0;
}
