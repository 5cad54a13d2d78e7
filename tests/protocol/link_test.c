/*
 * The link: what goes in comes out, whatever the wire does to it; one request is worked on once.
 */
#include "protocol/link.h"
#include "tests/lib/peer.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static const struct frame plain = { LINK_REQUEST, 0x01020304, 0x0506, { (const uint8_t *)"\x03 key", 5 } };

static size_t encode(uint8_t wire[static LINK_WIRE], const struct frame *f)
{
	size_t n = 0;

	ck_assert_int_eq(link_encode(wire, &n, LINK_WIRE, f), E_OK);
	return n;
}

static bool frames_equal(const struct frame *a, const struct frame *b)
{
	return a->kind == b->kind && a->channel == b->channel && a->sequence == b->sequence &&
	       a->payload.len == b->payload.len && !memcmp(a->payload.p, b->payload.p, a->payload.len);
}

/* Push bytes; how many good frames came, and how many of them are `want`; *broken counts what was dropped. */
static unsigned push(struct link_rx *rx, const uint8_t *p, size_t n, const struct frame *want, unsigned *same,
		     unsigned *broken)
{
	unsigned good = 0;

	*same = *broken = 0;
	for (size_t i = 0; i < n; i++) {
		struct frame f;
		enum err e = link_push(rx, &f, p[i]);

		if (e != E_OK && e != E_SHORT && e != E_FORMAT && e != E_LENGTH)
			ck_abort_msg("%s", err_name(e));
		good += e == E_OK;
		*broken += e == E_FORMAT || e == E_LENGTH;
		*same += e == E_OK && frames_equal(&f, want);
	}
	return good;
}

/* CRC-32/ISO-HDLC bit by bit, checked against its published check value: another way to the same number. */
static uint32_t crc32_by_bits(const uint8_t *p, size_t n)
{
	uint32_t c = 0xffffffff;

	while (n--) {
		c ^= *p++;
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c;
}

START_TEST(the_fcs_is_crc32_least_octet_first)
{
	static const uint8_t inside[] = { 1, 1, 2, 3, 4, 5, 6, 3, ' ', 'k', 'e', 'y' };
	uint8_t wire[LINK_WIRE];
	size_t n = encode(wire, &plain);
	uint32_t crc;

	ck_assert_uint_eq(crc32_by_bits((const uint8_t *)"123456789", 9), 0xcbf43926);
	crc = crc32_by_bits(inside, sizeof inside);
	ck_assert_uint_eq(n, 1 + sizeof inside + 4 + 1); /* nothing to stuff in this one */
	ck_assert_uint_eq(wire[0], 0x7e);
	ck_assert_mem_eq(wire + 1, inside, sizeof inside);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(wire[1 + sizeof inside + (size_t)i], crc >> 8 * i & 0xff);
	ck_assert_uint_eq(wire[n - 1], 0x7e);
}
END_TEST

START_TEST(every_length_comes_back)
{
	uint8_t data[LINK_PAYLOAD], wire[LINK_WIRE];
	struct frame f = { LINK_REPLY, 0x7e7d5e5d, 0x7d7e, { data, 0 } };
	struct link_rx rx = { .in = { 0 } };
	unsigned same, broken;

	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * i >> 3 ^ i);
	for (f.payload.len = 0; f.payload.len <= sizeof data; f.payload.len++) {
		size_t n = encode(wire, &f);

		ck_assert_uint_eq(push(&rx, wire, n, &f, &same, &broken), 1);
		ck_assert(same == 1 && broken == 0);
	}
}
END_TEST

START_TEST(every_octet_is_stuffed_where_it_must_be)
{
	uint8_t data[LINK_PAYLOAD], wire[LINK_WIRE];
	struct frame f = { LINK_REQUEST, 1, 1, SPAN(data) };
	struct link_rx rx = { .in = { 0 } };
	unsigned same, broken;
	size_t n;

	memset(data, _i, sizeof data);
	n = encode(wire, &f);
	ck_assert_uint_le(n, LINK_WIRE);
	for (size_t i = 1; i < n - 1; i++)
		if (wire[i] == 0x7e || (wire[i] == 0x7d && wire[i + 1] != 0x5e && wire[i + 1] != 0x5d))
			ck_abort_msg("octet %zu", i);
	ck_assert_uint_eq(push(&rx, wire, n, &f, &same, &broken), 1);
	ck_assert(same == 1 && broken == 0);
}
END_TEST

START_TEST(what_fits_no_frame_is_refused)
{
	static const uint8_t big[LINK_PAYLOAD + 1];
	uint8_t wire[LINK_WIRE];
	struct frame f = plain;
	size_t n = 77, whole = encode(wire, &plain);

	for (size_t size = 0; size < whole; size++)
		ck_assert_int_eq(link_encode(wire, &n, size, &plain), E_SPACE);
	f.payload = SPAN(big);
	ck_assert_int_eq(link_encode(wire, &n, sizeof wire, &f), E_RANGE);
	f = plain;
	f.kind = 3;
	ck_assert_int_eq(link_encode(wire, &n, sizeof wire, &f), E_RANGE);
	ck_assert_uint_eq(n, 77);
}
END_TEST

/* A flip is followed by another flag, as the next frame brings one. Nothing but the frame itself may come out. */
static unsigned survivors_of_flips(const struct frame *f, bool blind)
{
	uint8_t wire[LINK_WIRE];
	size_t n = encode(wire, f);
	unsigned wrong = 0;

	wire[n] = 0x7e;
	for (size_t bit = 0; bit < 8 * n; bit++) {
		struct link_rx rx = { .in = { 0 } };
		unsigned same, broken, good;

		wire[bit / 8] = (uint8_t)(wire[bit / 8] ^ 1u << bit % 8);
		if (blind) { /* the twin: what comes between two flags is believed */
			for (size_t i = 0; i < n; i++) {
				struct link_rx before = rx;
				struct frame g;

				if (link_push(&rx, &g, wire[i]) == E_FORMAT && !before.in.dropping && !before.in.escaped &&
				    before.in.len >= LINK_HEAD + LINK_FCS)
					wrong++;
			}
		} else {
			good = push(&rx, wire, n + 1, f, &same, &broken);
			wrong += good - same;
		}
		wire[bit / 8] = (uint8_t)(wire[bit / 8] ^ 1u << bit % 8);
	}
	return wrong;
}

START_TEST(no_flipped_bit_gets_through)
{
	static const uint8_t data[] = { 0x7e, 0x7d, 0x5e, 0x5d, 0, 0xff, 0x20, 0x7e, 0x7e, 0x7c, 0x7f, 0x3e };
	uint8_t big[700];
	struct frame f = { LINK_REQUEST, 0x7d005e7e, 0x7e7d, SPAN(data) };

	ck_assert_uint_eq(survivors_of_flips(&f, false), 0);
	ck_assert_uint_gt(survivors_of_flips(&f, true), 0);
	for (size_t i = 0; i < sizeof big; i++)
		big[i] = (uint8_t)(i % 5 ? i : 0x7e);
	f.payload = SPAN(big);
	ck_assert_uint_eq(survivors_of_flips(&f, false), 0);
	ck_assert_uint_eq(survivors_of_flips(&plain, false), 0);
}
END_TEST

START_TEST(a_cut_frame_is_no_frame_and_harms_no_other)
{
	uint8_t wire[LINK_WIRE];
	size_t n = encode(wire, &plain);

	for (size_t cut = 0; cut < n; cut++) {
		struct link_rx rx = { .in = { 0 } };
		unsigned same, broken;

		ck_assert_uint_eq(push(&rx, wire, cut, &plain, &same, &broken), 0);
		ck_assert_uint_eq(push(&rx, wire, n, &plain, &same, &broken), cut == n - 1 ? 2 : 1);
		ck_assert_uint_eq(same, cut == n - 1 ? 2 : 1); /* all but its last flag: the next one's will do */
		ck_assert_uint_eq(broken, cut > 1 && cut < n - 1 ? 1 : 0);
	}
}
END_TEST

START_TEST(after_noise_the_next_frame_is_received)
{
	static uint8_t noise[3 * LINK_FRAME];
	uint8_t wire[LINK_WIRE];
	size_t n = encode(wire, &plain);
	struct link_rx rx = { .in = { 0 } };
	unsigned same, broken;

	srand((unsigned)_i);
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (uint8_t)(_i % 2 ? rand() >> 7 : _i ^ 0x15); /* of all sorts, or of one sort for too long */
	for (size_t len = 0; len < sizeof noise; len += 1 + len / 3) {
		ck_assert_uint_eq(push(&rx, noise, len, &plain, &same, &broken), 0);
		ck_assert_uint_eq(push(&rx, wire, n, &plain, &same, &broken), 1);
		ck_assert_uint_eq(same, 1);
	}
}
END_TEST

START_TEST(only_what_a_sender_writes_is_taken)
{
	static const struct {
		const char *what;
		uint8_t b[16];
		size_t n;
		unsigned broken;
	} row[] = {
		{ "flags alone", { 0x7e, 0x7e, 0x7e }, 3, 0 },
		{ "ten octets", { 0x7e, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x7e }, 12, 1 },
		{ "an abort", { 0x7e, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x7d, 0x7e }, 14, 1 },
		{ "an escape of what needs none", { 0x7e, 1, 0x7d, 0x21, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x7e }, 14, 1 },
		{ "an escape of an escape", { 0x7e, 1, 0x7d, 0x7d, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x7e }, 14, 1 },
	};

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct link_rx rx = { .in = { 0 } };
		unsigned same, broken;

		ck_assert_uint_eq(push(&rx, row[i].b, row[i].n, &plain, &same, &broken), 0);
		ck_assert_msg(broken == row[i].broken, "%s: %u", row[i].what, broken);
	}
}
END_TEST

/* A frame with a good FCS of an unknown kind, and one that is an octet too long, made by hand. */
START_TEST(a_good_fcs_alone_makes_no_frame)
{
	static uint8_t inside[LINK_FRAME + 1], wire[2 * sizeof inside + 2];
	static const size_t length[] = { LINK_HEAD + 3, LINK_HEAD + 3, LINK_HEAD + LINK_PAYLOAD,
					 LINK_HEAD + LINK_PAYLOAD + 1 };
	static const uint8_t kind[] = { 1, 3, 2, 2 };
	static const unsigned good[] = { 1, 0, 1, 0 };

	for (int i = 0; i < 4; i++) {
		size_t n = 0;
		uint32_t crc;
		struct link_rx rx = { .in = { 0 } };
		unsigned same, broken;

		inside[0] = kind[i];
		crc = crc32_by_bits(inside, length[i]);
		for (size_t k = 0; k < length[i] + 4; k++) {
			uint8_t b = k < length[i] ? inside[k] : (uint8_t)(crc >> 8 * (k - length[i]));

			if (b == 0x7e || b == 0x7d) {
				wire[n++] = 0x7d;
				b ^= 0x20;
			}
			wire[n++] = b;
		}
		wire[n++] = 0x7e;
		ck_assert_uint_eq(push(&rx, wire, n, &plain, &same, &broken), good[i]);
		ck_assert_uint_eq(broken, !good[i]);
	}
}
END_TEST

/* What link_take makes of a frame when it has room for so many bytes of it; the twin has a bit flipped on the wire. */
static enum err taken(struct frame *f, size_t payload, size_t size, size_t flip)
{
	static uint8_t data[LINK_PAYLOAD], wire[LINK_WIRE], place[LINK_FRAME + 1];
	struct link_in in = { 0 };
	enum err e = E_SHORT;
	size_t n;

	for (size_t i = 0; i < payload; i++)
		data[i] = (uint8_t)(i * i); /* flags and escapes too */
	place[size] = 0xa5;
	n = encode(wire, &(struct frame){ LINK_REQUEST, 0x01020304, 0x0506, { data, payload } });
	if (flip)
		wire[flip] ^= 1;
	for (size_t i = 0; i < n && e == E_SHORT; i++)
		e = link_take(&in, place, size, f, wire[i]);
	ck_assert_uint_eq(place[size], 0xa5);
	return e;
}

START_TEST(a_frame_too_long_for_its_place_is_known_by_its_head)
{
	struct frame f;

	for (size_t payload = 0; payload <= LINK_PAYLOAD; payload += 1 + payload / 2) {
		size_t whole = LINK_HEAD + payload + LINK_FCS;

		ck_assert_int_eq(taken(&f, payload, whole, 0), E_OK);
		ck_assert_uint_eq(f.payload.len, payload);
		for (size_t size = LINK_HEAD; size < whole; size += 1 + size / 3) {
			ck_assert_int_eq(taken(&f, payload, size, 0), E_LENGTH);
			ck_assert(f.kind == LINK_REQUEST && f.channel == 0x01020304 && f.sequence == 0x0506);
			ck_assert_uint_eq(f.payload.len, 0);
			ck_assert_int_eq(taken(&f, payload, size, 2), E_FORMAT); /* in its head */
			ck_assert_int_eq(taken(&f, payload, size, LINK_HEAD + 1), E_FORMAT);
		}
	}
}
END_TEST

/* Both ends, with a wire that is a buffer. */
struct ends {
	struct link_host host;
	struct link_peer peer;
	struct link_rx rx;
	uint8_t wire[LINK_WIRE];
	size_t n;
};

static void ask(struct ends *x, const char *text)
{
	ck_assert_int_eq(link_host_request(&x->host, x->wire, &x->n, sizeof x->wire,
					   (struct span){ (const uint8_t *)text, strlen(text) }),
			 E_OK);
}

static enum err hear(struct ends *x, const uint8_t *wire, size_t n, struct frame *f)
{
	enum err e = E_SHORT;

	for (size_t i = 0; i < n; i++)
		e = link_push(&x->rx, f, wire[i]);
	ck_assert_int_eq(e, E_OK);
	return link_peer_request(&x->peer, f);
}

static bool answered(struct ends *x, const char *text)
{
	uint8_t wire[LINK_WIRE];
	struct link_rx rx = { .in = { 0 } };
	struct frame f = { .kind = 0 };
	size_t n;

	ck_assert_int_eq(peer_encode(&x->peer, wire, &n, sizeof wire), E_OK);
	for (size_t i = 1; i < n; i++)
		if (link_push(&rx, &f, wire[i]) == E_OK)
			return link_host_reply(&x->host, &f) && f.payload.len == strlen(text) &&
			       !memcmp(f.payload.p, text, f.payload.len);
	return false;
}

static void reply(struct ends *x, const char *text)
{
	ck_assert_int_eq(link_peer_reply(&x->peer, (struct span){ (const uint8_t *)text, strlen(text) }), E_OK);
}

static void begin(struct ends *x)
{
	memset(x, 0, sizeof *x);
	link_host_open(&x->host, (const uint8_t[4]){ 0xde, 0xad, 0xbe, 0xef });
}

START_TEST(a_repeat_gets_the_same_reply_and_no_work)
{
	static struct ends x;
	uint8_t first[LINK_WIRE], again[LINK_WIRE];
	size_t n, m;
	struct frame f;

	begin(&x);
	ask(&x, "one");
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
	ck_assert_uint_eq(f.channel, 0xdeadbeef);
	ck_assert_uint_eq(f.sequence, 1);
	reply(&x, "first");
	ck_assert_int_eq(peer_encode(&x.peer, first, &n, sizeof first), E_OK);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_REPLAY);
		ck_assert_int_eq(peer_encode(&x.peer, again, &m, sizeof again), E_OK);
		ck_assert_uint_eq(m, n);
		ck_assert_mem_eq(again, first, n);
	}
	ck_assert(answered(&x, "first"));
}
END_TEST

START_TEST(a_stale_request_is_dropped)
{
	static struct ends x, old;
	struct frame f;

	begin(&x);
	ask(&x, "one");
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
	reply(&x, "first");
	old = x;
	ask(&x, "two");
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
	ck_assert(!answered(&x, "first")); /* the reply to the first is not the second's */
	reply(&x, "second");
	ck_assert_int_eq(hear(&x, old.wire, old.n, &f), E_SEQUENCE);
	ck_assert(answered(&x, "second"));
	old.host = x.host;
	ck_assert(!answered(&old, "first"));
}
END_TEST

START_TEST(a_restart_of_either_end_starts_afresh)
{
	static struct ends x;
	struct frame f;

	begin(&x);
	for (int i = 0; i < 5; i++) {
		ask(&x, "x");
		ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
		reply(&x, "old");
	}
	/* the terminal restarts: it knows no channel, and works on what comes next */
	memset(&x.peer, 0, sizeof x.peer);
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
	reply(&x, "again");
	ck_assert(answered(&x, "again"));
	/* the host restarts: its sequence is lower, its channel another */
	link_host_open(&x.host, (const uint8_t[4]){ 0, 0, 0, 0 });
	ck_assert(!answered(&x, "again"));
	ask(&x, "y");
	ck_assert_uint_eq(x.host.sequence, 1);
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
	reply(&x, "new");
	ck_assert(answered(&x, "new"));
}
END_TEST

START_TEST(channel_zero_is_a_channel_like_any_other)
{
	static struct ends x;
	struct frame f;

	begin(&x);
	link_host_open(&x.host, (const uint8_t[4]){ 0, 0, 0, 0 });
	ask(&x, "a");
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
}
END_TEST

START_TEST(a_used_up_sequence_opens_another_channel)
{
	static struct ends x;
	struct frame f;

	begin(&x);
	x.host.sequence = 0xfffe;
	ask(&x, "a");
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
	ck_assert_uint_eq(f.sequence, 0xffff);
	ask(&x, "b");
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
	ck_assert_uint_eq(f.sequence, 1);
	ck_assert_uint_eq(f.channel, 0xdeadbef0);
}
END_TEST

START_TEST(a_reply_is_no_request_and_a_request_no_reply)
{
	static struct ends x;
	struct frame f = plain;

	begin(&x);
	ask(&x, "a");
	f.channel = x.host.channel;
	f.sequence = x.host.sequence;
	ck_assert(!link_host_reply(&x.host, &f));
	f.kind = LINK_REPLY;
	ck_assert(link_host_reply(&x.host, &f));
	ck_assert_int_eq(link_peer_request(&x.peer, &f), E_SEQUENCE);
	ck_assert(!x.peer.open);
	f.channel ^= 1;
	ck_assert(!link_host_reply(&x.host, &f));
}
END_TEST

START_TEST(too_long_a_request_or_reply_changes_nothing)
{
	static const uint8_t big[LINK_PAYLOAD + 1];
	static struct ends x;
	struct frame f;

	begin(&x);
	ck_assert_int_eq(link_host_request(&x.host, x.wire, &x.n, sizeof x.wire, SPAN(big)), E_RANGE);
	ck_assert_uint_eq(x.host.sequence, 0);
	ask(&x, "a");
	ck_assert_int_eq(hear(&x, x.wire, x.n, &f), E_OK);
	reply(&x, "good");
	ck_assert_int_eq(link_peer_reply(&x.peer, SPAN(big)), E_RANGE);
	ck_assert(answered(&x, "good"));
	ck_assert_int_eq(link_peer_reply(&x.peer, (struct span){ big, LINK_PAYLOAD }), E_OK);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("link");
	TCase *t = tcase_create("link");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, the_fcs_is_crc32_least_octet_first);
	tcase_add_test(t, every_length_comes_back);
	tcase_add_loop_test(t, every_octet_is_stuffed_where_it_must_be, 0, 256);
	tcase_add_test(t, what_fits_no_frame_is_refused);
	tcase_add_test(t, no_flipped_bit_gets_through);
	tcase_add_test(t, a_cut_frame_is_no_frame_and_harms_no_other);
	tcase_add_loop_test(t, after_noise_the_next_frame_is_received, 0, 8);
	tcase_add_test(t, only_what_a_sender_writes_is_taken);
	tcase_add_test(t, a_good_fcs_alone_makes_no_frame);
	tcase_add_test(t, a_repeat_gets_the_same_reply_and_no_work);
	tcase_add_test(t, a_stale_request_is_dropped);
	tcase_add_test(t, a_restart_of_either_end_starts_afresh);
	tcase_add_test(t, channel_zero_is_a_channel_like_any_other);
	tcase_add_test(t, a_used_up_sequence_opens_another_channel);
	tcase_add_test(t, a_reply_is_no_request_and_a_request_no_reply);
	tcase_add_test(t, a_frame_too_long_for_its_place_is_known_by_its_head);
	tcase_add_test(t, too_long_a_request_or_reply_changes_nothing);
	suite_add_tcase(s, t);
	return test_main(s);
}
