#include "protocol/link.h"
#include "base/wipe.h"

#include <string.h>

#define FLAG 0x7e
#define ESCAPE 0x7d
#define FLIP 0x20
#define LONGEST 0x10000u /* octets: no sender's mistake is longer */
#define FCS_START 0xffffffffu
#define FCS_GOOD 0xdebb20e3u /* RFC 1662 C.3: what a frame with its FCS comes to */

/* FCS-32 of RFC 1662 C.3, four bits at a time: a table of 64 bytes is what a small terminal can spare. */
static uint32_t fcs_add(uint32_t fcs, const uint8_t *p, size_t len)
{
	static const uint32_t nibble[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
					     0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
					     0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };

	for (size_t i = 0; i < len; i++) {
		fcs ^= p[i];
		fcs = fcs >> 4 ^ nibble[fcs & 15];
		fcs = fcs >> 4 ^ nibble[fcs & 15];
	}
	return fcs;
}

static bool kind_known(unsigned kind)
{
	return kind == LINK_REQUEST || kind == LINK_REPLY;
}

/* What is on its way out, piece by piece. */
struct pieces {
	link_piece *send;
	void *ctx;
	size_t len;
	uint8_t b[LINK_PIECE];
};

static void put(struct pieces *w, uint8_t byte)
{
	if (w->len == sizeof w->b) {
		w->send(w->ctx, w->b, w->len);
		w->len = 0;
	}
	w->b[w->len++] = byte;
}

static void stuff(struct pieces *w, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool special = p[i] == FLAG || p[i] == ESCAPE;

		if (special)
			put(w, ESCAPE);
		put(w, special ? p[i] ^ FLIP : p[i]);
	}
}

enum err link_send(const struct frame *f, link_piece *send, void *ctx)
{
	uint8_t head[LINK_HEAD], tail[LINK_FCS];
	struct pieces w;
	uint32_t fcs;

	if (!kind_known(f->kind) || f->payload.len > LINK_PAYLOAD)
		return E_RANGE;
	head[0] = f->kind;
	put_be32(head + 1, f->channel);
	put_be16(head + 5, f->sequence);
	fcs = ~fcs_add(fcs_add(FCS_START, head, sizeof head), f->payload.p, f->payload.len);
	for (size_t i = 0; i < sizeof tail; i++)
		tail[i] = (uint8_t)(fcs >> 8 * i);

	w.send = send;
	w.ctx = ctx;
	w.len = 0;
	put(&w, FLAG);
	stuff(&w, head, sizeof head);
	stuff(&w, f->payload.p, f->payload.len);
	stuff(&w, tail, sizeof tail);
	put(&w, FLAG);
	send(ctx, w.b, w.len);
	wipe(w.b, sizeof w.b);
	return E_OK;
}

static void into_buffer(void *ctx, const uint8_t *p, size_t len)
{
	wr_copy(ctx, p, len);
}

enum err link_encode(uint8_t *out, size_t *len, size_t size, const struct frame *f)
{
	struct wr w;
	enum err e;

	wr_init(&w, out, size);
	e = link_send(f, into_buffer, &w);
	if (!e)
		e = wr_end(&w);
	if (!e)
		*len = w.len;
	return e;
}

/* The closing flag: is what came before it a frame? */
static enum err close_frame(const struct link_in *in, const uint8_t *b, size_t size, struct frame *f)
{
	bool whole = in->len <= size;

	if (in->dropping || in->escaped)
		return E_FORMAT;
	if (!in->len)
		return E_SHORT; /* two flags in a row, or one that both closes and opens */
	if (in->len < LINK_HEAD + LINK_FCS || !kind_known(b[0]) || in->fcs != FCS_GOOD)
		return E_FORMAT;
	*f = (struct frame){ b[0], get_be32(b + 1), get_be16(b + 5), { NULL, 0 } };
	if (whole)
		f->payload = (struct span){ b + LINK_HEAD, in->len - LINK_HEAD - LINK_FCS };
	return whole ? E_OK : E_LENGTH;
}

enum err link_take(struct link_in *in, uint8_t *b, size_t size, struct frame *f, uint8_t byte)
{
	enum err e = E_SHORT;

	if (byte == FLAG) {
		e = close_frame(in, b, size, f);
		*in = (struct link_in){ 0 };
	} else if (in->dropping) {
		/* until the next flag */
	} else if (byte == ESCAPE && !in->escaped) {
		in->escaped = true;
	} else if (in->escaped && byte != (FLAG ^ FLIP) && byte != (ESCAPE ^ FLIP)) {
		in->dropping = true; /* an escape that no sender writes */
	} else {
		if (in->escaped)
			byte ^= FLIP;
		in->escaped = false;
		in->fcs = fcs_add(in->len ? in->fcs : FCS_START, &byte, 1);
		/* What is too long is counted on, to be refused once it is whole. */
		if (in->len < size)
			b[in->len] = byte;
		in->dropping = ++in->len == LONGEST;
	}
	return e;
}

enum err link_push(struct link_rx *rx, struct frame *f, uint8_t byte)
{
	return link_take(&rx->in, rx->b, sizeof rx->b, f, byte);
}

void link_host_open(struct link_host *h, const uint8_t random[static 4])
{
	*h = (struct link_host){ get_be32(random), 0 };
}

enum err link_host_request(struct link_host *h, uint8_t *out, size_t *len, size_t size, struct span payload)
{
	struct link_host next = { h->channel, (uint16_t)(h->sequence + 1) };
	enum err e;

	if (!next.sequence) /* the sequence is used up: a lower one would be stale, so open another channel */
		next = (struct link_host){ h->channel + 1, 1 };
	e = link_encode(out, len, size, &(struct frame){ LINK_REQUEST, next.channel, next.sequence, payload });
	if (!e)
		*h = next;
	return e;
}

bool link_host_reply(const struct link_host *h, const struct frame *f)
{
	return f->kind == LINK_REPLY && f->channel == h->channel && f->sequence == h->sequence;
}

enum err link_peer_request(struct link_peer *p, const struct frame *f)
{
	bool same = p->open && f->channel == p->channel;

	if (f->kind != LINK_REQUEST || (same && f->sequence < p->sequence))
		return E_SEQUENCE;
	if (same && f->sequence == p->sequence)
		return E_REPLAY;
	p->open = true;
	p->channel = f->channel;
	p->sequence = f->sequence;
	p->len = 0; /* never another request's reply */
	return E_OK;
}

enum err link_peer_reply(struct link_peer *p, struct span payload)
{
	if (payload.len > sizeof p->reply)
		return E_RANGE;
	if (payload.len && payload.p != p->reply)
		memcpy(p->reply, payload.p, payload.len);
	p->len = (uint16_t)payload.len;
	return E_OK;
}

enum err link_peer_send(const struct link_peer *p, link_piece *send, void *ctx)
{
	struct frame f = { LINK_REPLY, p->channel, p->sequence, { p->reply, p->len } };

	return link_send(&f, send, ctx);
}
