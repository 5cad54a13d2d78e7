#include "terminal/random.h"
#include "base/wipe.h"


enum { REPEATS = 6 };

/* The bytes become secrets, so the test looks at all of them and branches only on its verdict. */
static bool healthy(const uint8_t b[static RANDOM_ENTROPY])
{
	unsigned stuck = ct_equal(b, b + RANDOM_ENTROPY / 2, RANDOM_ENTROPY / 2);

	for (size_t i = 0; i + REPEATS <= RANDOM_ENTROPY; i++) {
		unsigned differ = 0;

		for (size_t j = 1; j < REPEATS; j++)
			differ |= (unsigned)(b[i] ^ b[i + j]);
		stuck |= (differ - 1u) >> 31;
	}
	return !stuck;
}

enum err random_entropy(uint8_t out[static RANDOM_ENTROPY], const struct port *port)
{
	enum err e = port->entropy(port->ctx, out, RANDOM_ENTROPY);

	if (!e && !healthy(out))
		e = E_RANDOM;
	if (e)
		wipe(out, RANDOM_ENTROPY);
	return e;
}

enum err random_birth(struct drbg *d, const struct port *port, struct span room)
{
	static const uint8_t label[] = "keyroom/1 birth";
	uint8_t fresh[RANDOM_ENTROPY];
	enum err e;

	wipe(d, sizeof *d);
	e = random_entropy(fresh, port);
	if (!e)
		e = drbg_seed(d, (struct span[]){ SPAN(fresh), room, port->chip, SPAN(label) }, 4);
	wipe(fresh, sizeof fresh);
	return e;
}

enum err random_session(struct drbg *d, struct random *r, struct span message)
{
	static const uint8_t label[] = "keyroom/1 session";
	const struct state *s = &r->store->state;
	uint8_t fresh[RANDOM_ENTROPY], count[8];
	enum err e;

	wipe(d, sizeof *d);
	put_be32(count, s->boots);
	put_be32(count + 4, r->draws++);
	e = random_entropy(fresh, r->port);
	if (!e)
		e = drbg_seed(d, (struct span[]){ SPAN(s->secret), SPAN(count), SPAN(fresh), message, SPAN(label) }, 5);
	wipe(fresh, sizeof fresh);
	return e;
}
