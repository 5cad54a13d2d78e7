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
		if (f->store.slot[i].state != SLOT_EMPTY)
			krd_show_slot(&f->krd, i);
	say(f->port, "READY");
}

enum err firmware_start(struct firmware *f, const struct port *port)
{
	enum err e;

	wipe(f, sizeof *f);
	f->port = port;
	random_start(&f->random, port, &f->store);
	krd_init(&f->krd, port, &f->store, &f->random);
	trade_init(&f->trade, port, &f->store, &f->random);
	e = store_open(&f->store, port);
	if (e && e != E_TAMPERED) {
		say(port, err_text(e));
		return e;
	}
	f->tampered = f->store.state.life == LIFE_TAMPERED;
	show_state(f);
	return E_OK;
}

struct outlet {
	const struct port *port;
	enum uart u;
};

static void write_piece(void *ctx, const uint8_t *p, size_t len)
{
	const struct outlet *o = ctx;

	o->port->uart_write(o->port->ctx, o->u, p, len);
}

/* A request that is new is worked on, or refused if it came too long; one that repeats gets the reply it got. */
static void serve(struct firmware *f, enum uart u, const struct frame *frame, bool too_long)
{
	struct link_peer *peer = &f->wire[u].peer;
	struct outlet outlet = { f->port, u };
	enum err e = link_peer_request(peer, frame);
	size_t len;

	if (!e) {
		wipe(peer->reply, sizeof peer->reply);
		if (u == UART_LINK)
			len = too_long ? krd_refuse(&f->krd, peer->reply, E_LENGTH)
				       : krd_answer(&f->krd, peer->reply, frame->payload);
		else
			len = too_long ? trade_refuse(&f->trade, peer->reply, E_LENGTH)
				       : trade_answer(&f->trade, peer->reply, frame->payload);
		e = link_peer_reply(peer, (struct span){ peer->reply, len });
	}
	/* One that is too long cannot be: a reply fits. */
	if ((!e || e == E_REPLAY) && link_peer_send(peer, write_piece, &outlet))
		say(f->port, err_text(E_INTERNAL));
}

static void receive(struct firmware *f, enum uart u)
{
	uint8_t *place = u == UART_LINK ? f->link_frame : f->till_frame, b[64];
	size_t size = u == UART_LINK ? sizeof f->link_frame : sizeof f->till_frame, n;
	struct frame frame;
	enum err e;

	/* Once a step: a line that never pauses holds up neither tamper switch nor clocks nor the other line. */
	n = f->port->uart_read(f->port->ctx, u, b, sizeof b);
	for (size_t i = 0; i < n; i++) {
		e = link_take(&f->wire[u].in, place, size, &frame, b[i]);
		if (!e || e == E_LENGTH)
			serve(f, u, &frame, e == E_LENGTH);
		/* What came from the till may have been a key of the keypad, in a damaged frame too. */
		if (e != E_SHORT)
			wipe(place, size);
	}
	wipe(b, sizeof b);
}

/* What the store has wiped, or found forged while the terminal ran, is over everywhere else too. */
bool firmware_step(struct firmware *f)
{
	bool opened = f->port->tamper(f->port->ctx);

	if ((opened || f->store.state.life == LIFE_TAMPERED) && !f->tampered) {
		f->tampered = true;
		krd_end(&f->krd);
		f->krd.window.open = false;
		trade_init(&f->trade, f->port, &f->store, &f->random);
		wipe(f->wire, sizeof f->wire);
		wipe(f->link_frame, sizeof f->link_frame);
		wipe(f->till_frame, sizeof f->till_frame);
		if (f->store.state.life != LIFE_TAMPERED && store_tamper(&f->store))
			say(f->port, err_text(E_STORE));
		say(f->port, "TAMPERED");
	}
	if (f->port->loading(f->port->ctx) && f->store.state.life != LIFE_TAMPERED)
		krd_open(&f->krd);
	krd_tick(&f->krd);
	for (enum uart u = UART_LINK; u < UARTS; u++)
		receive(f, u);
	trade_tick(&f->trade);
	return f->port->wait(f->port->ctx);
}

void firmware_stop(struct firmware *f)
{
	wipe(f, sizeof *f);
}
