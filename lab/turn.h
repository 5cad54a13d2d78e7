/*
 * One question and its answer, both stanzas. A command of lab is a function over a turn; everything a command says goes
 * through here, so that a refusal never carries half an answer, and no answer outlives its turn.
 */
#ifndef KEYROOM_LAB_TURN_H
#define KEYROOM_LAB_TURN_H

#include "base/host/stanza.h"
#include "crypto/key.h"

#include <stdbool.h>

struct turn {
	const struct stanza *q;
	struct stanza *a;
};

#define TURN_CASE 1024 /* a longer case is not repeated: a refusal always has room */

/* turn_begin - an empty answer that repeats the question's case, if it has one */
void turn_begin(const struct turn *t);

/* turn_end - the answer's last fields. E_OK: "status = ok". Anything else: "status = refused" and a reason, err_text(e)
 * unless the command gave its own. An answer that did not fit its stanza becomes a refusal, E_RANGE. Returns e. */
enum err turn_end(const struct turn *t, enum err e);

/* turn_wipe - what a stanza holds is secret: clear as much of it as is used */
void turn_wipe(struct stanza *s);

/*
 * The question. A value "-" stands for none, as in the vector files.
 */

/* turn_get - the value of a field, NULL if there is none */
const char *turn_get(const struct turn *t, const char *key);

/* turn_first - the first of the names that has a value, NULL if none has; names ends with NULL */
const char *turn_first(const struct turn *t, const char *const *names);

/*
 * turn_hex - a field that has to be there, as bytes
 *
 *   out  out  at most size bytes; wiped on an error
 *   len  out  how many
 *
 *   E_OK; E_SHORT (no such field), E_FORMAT (not hexadecimal), E_RANGE (longer): refused with the field's name
 */
MUST_USE enum err turn_hex(const struct turn *t, const char *key, uint8_t *out, size_t *len, size_t size);

/* turn_key - a field that has to be there, as a key. E_OK; E_SHORT, E_FORMAT, E_RANGE as above; key is wiped then */
MUST_USE enum err turn_key(const struct turn *t, const char *key, struct key *out);

/* turn_number - a field in decimal, or otherwise where it is absent. E_OK, E_RANGE (not from least to most) */
MUST_USE enum err turn_number(const struct turn *t, const char *key, unsigned *out, unsigned otherwise, unsigned least,
			      unsigned most);

/*
 * The answer. What does not fit any more is left out, and turn_end() refuses.
 */
void turn_say(const struct turn *t, const char *key, const char *value);
void turn_say_hex(const struct turn *t, const char *key, const uint8_t *value, size_t len);
void turn_say_format(const struct turn *t, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* turn_refuse - forget the answer so far, say why there is none. Never puts a value of the question into it. Returns e
 */
enum err turn_refuse(const struct turn *t, enum err e, const char *why, ...) __attribute__((format(printf, 3, 4)));

#endif
