#include "base/bytes.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

/* One of everything, as a codec would write it. */
static void write_all(struct wr *w)
{
	static const uint8_t three[] = { 1, 2, 3 };

	wr_u8(w, 0xa1);
	wr_u16(w, 0xb1b2);
	wr_u32(w, 0xc1c2c3c4);
	wr_u64(w, 0xd1d2d3d4d5d6d7d8);
	wr_copy(w, three, sizeof three);
	wr_span8(w, SPAN(three));
	wr_span16(w, SPAN(three));
	wr_span16(w, (struct span){ NULL, 0 });
}

static const uint8_t all[] = { 0xa1, 0xb1, 0xb2, 0xc1, 0xc2, 0xc3, 0xc4, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8,
			       1,    2,    3,    3,    1,    2,    3,    0,    3,    1,    2,    3,    0,    0 };

struct values {
	uint8_t u8, three[3];
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	struct span s8, s16, none;
};

static void read_all(struct values *v, struct rd *r)
{
	v->u8 = rd_u8(r);
	v->u16 = rd_u16(r);
	v->u32 = rd_u32(r);
	v->u64 = rd_u64(r);
	rd_copy(r, v->three, sizeof v->three);
	v->s8 = rd_span8(r);
	v->s16 = rd_span16(r);
	v->none = rd_span16(r);
}

START_TEST(what_is_written_is_in_network_order_and_reads_back)
{
	uint8_t b[sizeof all];
	struct values v;
	struct wr w;
	struct rd r;

	wr_init(&w, b, sizeof b);
	write_all(&w);
	ck_assert_int_eq(wr_end(&w), E_OK);
	ck_assert_uint_eq(w.len, sizeof all);
	ck_assert_mem_eq(b, all, sizeof all);
	rd_init(&r, all, sizeof all);
	read_all(&v, &r);
	ck_assert_int_eq(rd_end(&r), E_OK);
	ck_assert_uint_eq(v.u8, 0xa1);
	ck_assert_uint_eq(v.u16, 0xb1b2);
	ck_assert_uint_eq(v.u32, 0xc1c2c3c4);
	ck_assert(v.u64 == 0xd1d2d3d4d5d6d7d8);
	ck_assert_mem_eq(v.three, all + 15, 3);
	ck_assert_uint_eq(v.s8.len, 3);
	ck_assert_ptr_eq(v.s8.p, all + 19);
	ck_assert_uint_eq(v.s16.len, 3);
	ck_assert_ptr_eq(v.s16.p, all + 24);
	ck_assert_uint_eq(v.none.len, 0);
}
END_TEST

START_TEST(every_truncation_is_short_and_gives_zeros)
{
	for (size_t len = 0; len < sizeof all; len++) {
		uint8_t *exact = malloc(len ? len : 1); /* so that a sanitizer sees one byte too far */
		struct values v;
		struct rd r;

		ck_assert_ptr_nonnull(exact);
		memcpy(exact, all, len);
		memset(&v, 0x77, sizeof v);
		rd_init(&r, exact, len);
		read_all(&v, &r);
		ck_assert_int_eq(rd_end(&r), E_SHORT);
		ck_assert_uint_eq(v.none.len, 0);
		ck_assert_ptr_null(v.none.p);
		if (len < 1)
			ck_assert_uint_eq(v.u8, 0);
		if (len < 3)
			ck_assert_uint_eq(v.u16, 0);
		if (len < 7)
			ck_assert_uint_eq(v.u32, 0);
		if (len < 15)
			ck_assert(v.u64 == 0);
		if (len < 18)
			ck_assert_mem_eq(v.three, "\0\0\0", 3);
		if (len < 22)
			ck_assert_ptr_null(v.s8.p);
		free(exact);
	}
}
END_TEST

START_TEST(bytes_left_over_are_a_format_error)
{
	struct rd r;

	rd_init(&r, all, sizeof all);
	ck_assert_int_eq(rd_end(&r), E_FORMAT);
	rd_span(&r, sizeof all - 1);
	ck_assert_int_eq(rd_end(&r), E_FORMAT);
	rd_u8(&r);
	ck_assert_int_eq(rd_end(&r), E_OK);
	rd_init(&r, NULL, 0);
	ck_assert_int_eq(rd_end(&r), E_OK);
	ck_assert_uint_eq(rd_span(&r, 0).len, 0);
	ck_assert_int_eq(rd_end(&r), E_OK);
}
END_TEST

START_TEST(the_first_error_stays)
{
	struct rd r;

	rd_init(&r, all, 4);
	ck_assert_uint_eq(rd_u64(&r), 0);
	ck_assert_uint_eq(rd_u8(&r), 0); /* although four bytes are there */
	ck_assert_int_eq(rd_end(&r), E_SHORT);
	rd_init(&r, all, 4);
	r.e = E_RANGE;
	ck_assert_uint_eq(rd_u8(&r), 0);
	ck_assert_ptr_null(rd_span(&r, 100).p);
	ck_assert_int_eq(rd_end(&r), E_RANGE);
}
END_TEST

START_TEST(a_length_that_would_wrap_is_short)
{
	struct rd r;

	rd_init(&r, all, sizeof all);
	ck_assert_ptr_null(rd_span(&r, SIZE_MAX).p);
	ck_assert_int_eq(rd_end(&r), E_SHORT);
}
END_TEST

START_TEST(a_buffer_too_small_is_never_overrun)
{
	for (size_t size = 0; size < sizeof all; size++) {
		uint8_t *exact = malloc(size ? size : 1);
		struct wr w;

		ck_assert_ptr_nonnull(exact);
		wr_init(&w, exact, size);
		write_all(&w);
		ck_assert_int_eq(wr_end(&w), E_SPACE);
		ck_assert_uint_le(w.len, size);
		ck_assert_mem_eq(exact, all, w.len);
		wr_u8(&w, 1); /* nothing more after the error, though it might fit */
		ck_assert_int_eq(wr_end(&w), E_SPACE);
		free(exact);
	}
}
END_TEST

START_TEST(a_span_longer_than_its_length_can_say_is_out_of_range)
{
	static uint8_t big[0x10002], out[0x10010];
	struct wr w;

	wr_init(&w, out, sizeof out);
	wr_span8(&w, (struct span){ big, 255 });
	ck_assert_int_eq(wr_end(&w), E_OK);
	wr_span8(&w, (struct span){ big, 256 });
	ck_assert_int_eq(wr_end(&w), E_RANGE);
	ck_assert_uint_eq(w.len, 256);
	wr_init(&w, out, sizeof out);
	wr_span16(&w, (struct span){ big, 0xffff });
	ck_assert_int_eq(wr_end(&w), E_OK);
	wr_init(&w, out, sizeof out);
	wr_span16(&w, (struct span){ big, 0x10000 });
	ck_assert_int_eq(wr_end(&w), E_RANGE);
	ck_assert_uint_eq(w.len, 0);
}
END_TEST

START_TEST(integers_in_memory_are_big_endian)
{
	uint8_t b[8];

	put_be64(b, 0x0102030405060708);
	ck_assert_mem_eq(b, "\1\2\3\4\5\6\7\10", 8);
	ck_assert(get_be64(b) == 0x0102030405060708);
	ck_assert_uint_eq(get_be32(b), 0x01020304);
	ck_assert_uint_eq(get_be16(b), 0x0102);
	put_be32(b, 0xfffefdfc);
	ck_assert_uint_eq(get_be32(b), 0xfffefdfc);
	put_be16(b, 0xfffe);
	ck_assert_uint_eq(get_be16(b), 0xfffe);
	memset(b, 0xff, sizeof b);
	ck_assert(get_be64(b) == UINT64_MAX);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("bytes");
	TCase *t = tcase_create("bytes");

	tcase_add_test(t, what_is_written_is_in_network_order_and_reads_back);
	tcase_add_test(t, every_truncation_is_short_and_gives_zeros);
	tcase_add_test(t, bytes_left_over_are_a_format_error);
	tcase_add_test(t, the_first_error_stays);
	tcase_add_test(t, a_length_that_would_wrap_is_short);
	tcase_add_test(t, a_buffer_too_small_is_never_overrun);
	tcase_add_test(t, a_span_longer_than_its_length_can_say_is_out_of_range);
	tcase_add_test(t, integers_in_memory_are_big_endian);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
