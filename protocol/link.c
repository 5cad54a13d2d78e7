#include "protocol/link.h"

#include <string.h>

#define FLAG 0x7e
#define ESCAPE 0x7d
#define FLIP 0x20
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

static void stuff(struct wr *w, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool special = p[i] == FLAG || p[i] == ESCAPE;

		if (special)
			wr_u8(w, ESCAPE);
		wr_u8(w, special ? p[i] ^ FLIP : p[i]);
	}
}

enum err link_encode(uint8_t *out, size_t *len, size_t size, const struct frame *f)
{
	uint8_t head[LINK_HEAD], tail[LINK_FCS];
	uint32_t fcs;
	struct wr w;
	enum err e;

	if (!kind_known(f->kind) || f->payload.len > LINK_PAYLOAD)
		return E_RANGE;
	head[0] = f->kind;
	put_be32(head + 1, f->channel);
	put_be16(head + 5, f->sequence);
	fcs = ~fcs_add(fcs_add(FCS_START, head, sizeof head), f->payload.p, f->payload.len);
	for (size_t i = 0; i < sizeof tail; i++)
		tail[i] = (uint8_t)(fcs >> 8 * i);

	wr_init(&w, out, size);
	wr_u8(&w, FLAG);
	stuff(&w, head, sizeof head);
	stuff(&w, f->payload.p, f->payload.len);
	stuff(&w, tail, sizeof tail);
	wr_u8(&w, FLAG);
	e = wr_end(&w);
	if (!e)
		*len = w.len;
	return e;
}

/* The closing flag: is what came before it a frame? */
static enum err rx_close(const struct link_rx *rx, struct frame *f)
{
	if (rx->dropping || rx->escaped)
		return E_FORMAT;
	if (!rx->len)
		return E_SHORT; /* two flags in a row, or one that both closes and opens */
	if (rx->len < LINK_HEAD + LINK_FCS || !kind_known(rx->b[0]) || fcs_add(FCS_START, rx->b, rx->len) != FCS_GOOD)
		return E_FORMAT;
	*f = (struct frame){ rx->b[0],
			     get_be32(rx->b + 1),
			     get_be16(rx->b + 5),
			     { rx->b + LINK_HEAD, rx->len - LINK_HEAD - LINK_FCS } };
	return E_OK;
}

enum err link_push(struct link_rx *rx, struct frame *f, uint8_t byte)
{
	enum err e = E_SHORT;

	if (byte == FLAG) {
		e = rx_close(rx, f);
		rx->len = 0;
		rx->escaped = rx->dropping = false;
	} else if (rx->dropping) {
		/* until the next flag */
	} else if (byte == ESCAPE && !rx->escaped) {
		rx->escaped = true;
	} else if (rx->len == sizeof rx->b || (rx->escaped && byte != (FLAG ^ FLIP) && byte != (ESCAPE ^ FLIP))) {
		rx->dropping = true; /* too long, or an escape that no sender writes */
	} else {
		rx->b[rx->len++] = rx->escaped ? byte ^ FLIP : byte;
		rx->escaped = false;
	}
	return e;
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
	if (payload.len)
		memcpy(p->reply, payload.p, payload.len);
	p->len = (uint16_t)payload.len;
	return E_OK;
}

enum err link_peer_encode(const struct link_peer *p, uint8_t *out, size_t *len, size_t size)
{
	return link_encode(out, len, size,
			   &(struct frame){ LINK_REPLY, p->channel, p->sequence, { p->reply, p->len } });
}
