#include "lab/stream.h"
#include "lab/commands.h"

#include <poll.h>

void stream_print(FILE *out, const struct stanza *s)
{
	for (size_t i = 0; i < s->n; i++) {
		fputs_unlocked(s->text + s->field[i].key, out);
		fputs_unlocked(" = ", out);
		fputs_unlocked(s->text + s->field[i].value, out);
		putc_unlocked('\n', out);
	}
	putc_unlocked('\n', out);
}

/* Is there nothing to read for now? */
static bool dry(FILE *in)
{
	struct pollfd p = { fileno(in), POLLIN, 0 };

	return poll(&p, 1, 0) == 0;
}

enum err stream_answer(FILE *out, FILE *in, const char *command, enum err *first, unsigned long *count)
{
	static struct stanza q, a;
	const struct turn t = { &q, &a };
	enum err e, read;

	q.last = 0;
	while ((read = stanza_read(&q, in)) != E_SHORT) {
		++*count;
		if (!read) {
			e = command_answer(&a, &q, command);
		} else {
			q.n = 0; /* half a stanza names no case */
			turn_begin(&t);
			e = turn_refuse(&t, read == E_SPACE ? E_RANGE : read, "the stanza at line %u %s", q.line,
					read == E_SPACE ? "is too long" : "is not key = value lines, each key once");
		}
		if (!*first)
			*first = e;
		stream_print(out, &a);
		turn_wipe(&a);
		turn_wipe(&q);
		if (dry(in))
			fflush(out);
		if (ferror(out))
			return E_IO;
	}
	return fflush(out) || ferror(in) ? E_IO : E_OK;
}
