#include "terminal/random.h"
#include "base/wipe.h"

static unsigned equal(uint8_t a, uint8_t b)
{
	return ((uint32_t)(a ^ b) - 1) >> 31;
}

/* The bytes become secrets, so the tests look at all of them and nothing branches on what they are. */
static void look(struct health *h, const uint8_t *p, size_t len)
{
	unsigned failed = h->failed;

	for (size_t i = 0; i < len; i++) {
		h->run = (uint16_t)(1 + h->run * (equal(p[i], h->last) & (h->taken > 0)));
		if (h->taken++ % RANDOM_WINDOW == 0) {
			h->sample = p[i];
			h->same = 0;
		}
		h->same = (uint16_t)(h->same + equal(p[i], h->sample));
		h->last = p[i];
		failed |= (h->run >= RANDOM_REPEATS) | (h->same >= RANDOM_SAME);
	}
	h->failed = failed;
}

enum err random_entropy(uint8_t out[static RANDOM_ENTROPY], struct health *h, const struct port *port)
{
	enum err e = port->entropy(port->ctx, out, RANDOM_ENTROPY);

	if (!e)
		look(h, out, RANDOM_ENTROPY);
	if (e || ct_equal(out, out + RANDOM_ENTROPY / 2, RANDOM_ENTROPY / 2))
		h->failed = true;
	if (h->failed)
		wipe(out, RANDOM_ENTROPY);
	return h->failed ? E_RANDOM : E_OK;
}

void health_start(struct health *h, const struct port *port)
{
	uint8_t b[RANDOM_ENTROPY];
	enum err e = E_OK;

	*h = (struct health){ 0 };
	for (unsigned n = 0; !e && n < RANDOM_STARTUP; n += sizeof b)
		e = random_entropy(b, h, port);
	wipe(b, sizeof b);
}

void random_start(struct random *r, const struct port *port, const struct store *store)
{
	*r = (struct random){ .port = port, .store = store };
	health_start(&r->health, port);
}

enum err random_birth(struct drbg *d, struct health *h, const struct port *port, struct span room)
{
	static const uint8_t label[] = "keyroom/1 birth";
	uint8_t fresh[RANDOM_ENTROPY];
	enum err e;

	wipe(d, sizeof *d);
	e = random_entropy(fresh, h, port);
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
	e = random_entropy(fresh, &r->health, r->port);
	if (!e)
		e = drbg_seed(d, (struct span[]){ SPAN(s->secret), SPAN(count), SPAN(fresh), message, SPAN(label) }, 5);
	wipe(fresh, sizeof fresh);
	return e;
}
