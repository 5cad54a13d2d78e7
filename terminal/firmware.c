#include "terminal/firmware.h"
#include "base/wipe.h"
#include "terminal/text.h"

static void say(const struct port *port, const char *what)
{
	port->display(port->ctx, what);
}

static void show_state(const struct firmware *f)
{
	const struct state *s = &f->store.state;
	struct text line = { { 0 }, 0 };

	if (s->life == LIFE_TAMPERED) {
		say(f->port, "TAMPERED");
		return;
	}
	text_string(&line, s->life == LIFE_BLANK ? "BLANK " : "ENROLLED ");
	text_span(&line, f->port->serial);
	text_show(&line, f->port);
	for (unsigned i = 0; i < STORE_SLOTS; i++)
		if (s->slot[i].state != SLOT_EMPTY)
			krd_show_slot(&f->krd, i);
	say(f->port, "READY");
}

enum err firmware_start(struct firmware *f, const struct port *port)
{
	enum err e;

	wipe(f, sizeof *f);
	f->port = port;
	f->random = (struct random){ .port = port, .store = &f->store };
	krd_init(&f->krd, port, &f->store, &f->random);
	trade_init(&f->trade, port, &f->store, &f->random);
	e = store_open(&f->store, port);
	if (e && e != E_TAMPERED) {
		say(port, err_text(e));
		return e;
	}
	show_state(f);
	return E_OK;
}

/* A request that is new is worked on, one that repeats gets the reply it got. */
static void serve(struct firmware *f, enum uart u, const struct frame *frame)
{
	struct link_peer *peer = &f->wire[u].peer;
	enum err e = link_peer_request(peer, frame);
	size_t len;

	if (!e) {
		len = u == UART_LINK ? krd_answer(&f->krd, f->reply, frame->payload)
				     : trade_answer(&f->trade, f->reply, frame->payload);
		e = link_peer_reply(peer, (struct span){ f->reply, len });
		wipe(f->reply, len);
	}
	if (!e || e == E_REPLAY)
		e = link_peer_encode(peer, f->out, &len, sizeof f->out);
	if (!e)
		f->port->uart_write(f->port->ctx, u, f->out, len);
}

static void receive(struct firmware *f, enum uart u)
{
	uint8_t b[64];
	struct frame frame;
	size_t n;

	do {
		n = f->port->uart_read(f->port->ctx, u, b, sizeof b);
		for (size_t i = 0; i < n; i++)
			if (!link_push(&f->wire[u].rx, &frame, b[i])) {
				serve(f, u, &frame);
				/* What came from the till may have been a key of the keypad. */
				wipe(&f->wire[u].rx, sizeof f->wire[u].rx);
			}
	} while (n);
	wipe(b, sizeof b);
}

bool firmware_step(struct firmware *f)
{
	if (f->port->tamper(f->port->ctx) && f->store.state.life != LIFE_TAMPERED) {
		krd_end(&f->krd);
		trade_init(&f->trade, f->port, &f->store, &f->random);
		wipe(f->wire, sizeof f->wire);
		if (store_tamper(&f->store))
			say(f->port, err_text(E_STORE));
		say(f->port, "TAMPERED");
	}
	for (enum uart u = UART_LINK; u < UARTS; u++)
		receive(f, u);
	trade_tick(&f->trade);
	return f->port->wait(f->port->ctx);
}

void firmware_stop(struct firmware *f)
{
	wipe(f, sizeof *f);
}
