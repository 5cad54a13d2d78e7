/*
 * The transcript: whatever differs in what was said, the digest differs. The figures are from Python's hashlib.
 */
#include "protocol/transcript.h"
#include "crypto/sha256.h"
#include "tests/lib/test.h"

#include <string.h>

static struct span text(const char *s)
{
	return (struct span){ (const uint8_t *)s, strlen(s) };
}

static void is(const uint8_t got[static 32], const char *want)
{
	uint8_t b[32];

	ck_assert_uint_eq(test_hex(b, sizeof b, want), 32);
	ck_assert_mem_eq(got, b, 32);
}

START_TEST(the_digests_are_as_defined)
{
	struct transcript t;
	uint8_t out[32];

	ck_assert_int_eq(transcript_start(&t), E_OK);
	is(t.h, "9A9203698693121DC1E1692C7C581E8A1EE11147E306C039A281DAF293AE0CBF");
	ck_assert_int_eq(transcript_add(&t, MSG_HELLO, text("hello")), E_OK);
	is(t.h, "8167FF4E988F48F263D6CD1908612CE697D0842D46BD5A5BE2B9B246EFACF06A");
	ck_assert_int_eq(transcript_digest(out, &t, MSG_OFFER, text("abc")), E_OK);
	is(out, "002EAF0CA2A963B0BD9C64AD5AFD2EE3EBD396A6E2EF7369D14F08D99FAEFFE8");
	ck_assert_int_eq(transcript_ctx(out, &t, text("abc")), E_OK);
	is(out, "9BEEDE028EAF0056484CBD457F7A655B05551B217E4EB444AC02C3659DC03970");
}
END_TEST

struct said {
	enum msg_type type;
	const char *text;
};

/* Ways to say nearly the same: all digests must differ. */
static const struct said talks[][3] = {
	{ { MSG_HELLO, "ab" }, { MSG_OFFER, "cd" } },
	{ { MSG_OFFER, "cd" }, { MSG_HELLO, "ab" } },
	{ { MSG_OFFER, "ab" }, { MSG_HELLO, "cd" } },
	{ { MSG_HELLO, "abc" }, { MSG_OFFER, "d" } },
	{ { MSG_HELLO, "abcd" } },
	{ { MSG_OFFER, "abcd" } },
	{ { MSG_HELLO, "ab" }, { MSG_OFFER, "cd" }, { MSG_KEY, "" } },
	{ { MSG_HELLO, "ab" }, { MSG_OFFER, "" }, { MSG_KEY, "cd" } },
	{ { MSG_HELLO, "" }, { MSG_OFFER, "abcd" } },
	{ { MSG_HELLO, "ab" } },
	{ { MSG_HELLO, "ab" }, { MSG_KEY, "cd" } },
	{ { MSG_HELLO, "ab" }, { MSG_ZEROIZE, "cd" } },
	{ { MSG_HELLO, "ab" }, { MSG_HELLO, "ab" } },
	{ { (enum msg_type)0, NULL } },
};
#define TALKS (sizeof talks / sizeof *talks)

/* The broken twins leave something out of h(k). */
enum twin { WHOLE, NO_TYPE, NO_ORDER };

static void run(uint8_t out[static 32], const struct said *talk, enum twin twin)
{
	struct transcript t;
	uint8_t head[5], sum[32] = { 0 };

	ck_assert_int_eq(transcript_start(&t), E_OK);
	for (int i = 0; i < 3 && talk[i].text; i++) {
		struct span m = text(talk[i].text);
		struct span part[] = { SPAN(t.h), { head, twin == NO_TYPE ? 0 : 1 }, { head + 1, 4 }, m };
		uint8_t h[32];

		head[0] = (uint8_t)talk[i].type;
		put_be32(head + 1, (uint32_t)m.len);
		switch (twin) {
		case WHOLE:
			ck_assert_int_eq(transcript_add(&t, talk[i].type, m), E_OK);
			break;
		case NO_ORDER:
			ck_assert_int_eq(sha256(h, part + 1, 3), E_OK);
			for (int k = 0; k < 32; k++)
				sum[k] ^= h[k];
			memcpy(t.h, sum, 32);
			break;
		default:
			ck_assert_int_eq(sha256(h, part, 4), E_OK);
			memcpy(t.h, h, 32);
			break;
		}
	}
	memcpy(out, t.h, 32);
}

static unsigned collisions(enum twin twin)
{
	uint8_t h[TALKS][32];
	unsigned n = 0;

	for (size_t i = 0; i < TALKS; i++) {
		run(h[i], talks[i], twin);
		for (size_t k = 0; k < i; k++)
			n += !memcmp(h[i], h[k], 32);
	}
	return n;
}

START_TEST(order_type_and_length_all_tell)
{
	ck_assert_uint_eq(collisions(WHOLE), 0);
}
END_TEST

START_TEST(a_transcript_that_leaves_the_type_out_is_caught)
{
	ck_assert_uint_gt(collisions(NO_TYPE), 0);
}
END_TEST

START_TEST(a_transcript_that_leaves_the_order_out_is_caught)
{
	ck_assert_uint_gt(collisions(NO_ORDER), 0);
}
END_TEST

START_TEST(every_signed_type_has_a_label_of_its_own)
{
	static const enum msg_type type[] = {
		MSG_OFFER, MSG_KEY, MSG_ZEROIZE, MSG_RECEIPT, MSG_CSR, MSG_CERT, MSG_DONE
	};
	uint8_t d[8][32], ctx[32];
	struct transcript t;

	ck_assert_int_eq(transcript_start(&t), E_OK);
	ck_assert_int_eq(transcript_ctx(ctx, &t, text("body")), E_OK);
	for (size_t i = 0; i < sizeof type / sizeof *type; i++) {
		ck_assert_int_eq(transcript_digest(d[i], &t, type[i], text("body")), E_OK);
		ck_assert_mem_ne(d[i], ctx, 32);
		for (size_t k = 0; k < i; k++)
			ck_assert_mem_ne(d[i], d[k], 32);
	}
}
END_TEST

START_TEST(an_unsigned_type_gives_no_digest)
{
	static const uint8_t zero[32];
	static const unsigned type[] = { MSG_HELLO, MSG_ABORT, MSG_IDENTIFY, MSG_UPDATE, 0, 8, 255 };
	struct transcript t;
	uint8_t d[32];

	ck_assert_int_eq(transcript_start(&t), E_OK);
	for (size_t i = 0; i < sizeof type / sizeof *type; i++) {
		memset(d, 0xff, sizeof d);
		ck_assert_int_eq(transcript_digest(d, &t, (enum msg_type)type[i], text("body")), E_CRYPTO);
		ck_assert_mem_eq(d, zero, 32);
	}
}
END_TEST

START_TEST(a_signature_covers_all_that_came_before)
{
	struct transcript a, b;
	uint8_t d[2][32], c[2][32];

	ck_assert_int_eq(transcript_start(&a), E_OK);
	b = a;
	ck_assert_int_eq(transcript_add(&a, MSG_HELLO, text("x")), E_OK);
	ck_assert_int_eq(transcript_add(&b, MSG_HELLO, text("y")), E_OK);
	ck_assert_int_eq(transcript_digest(d[0], &a, MSG_OFFER, text("body")), E_OK);
	ck_assert_int_eq(transcript_digest(d[1], &b, MSG_OFFER, text("body")), E_OK);
	ck_assert_mem_ne(d[0], d[1], 32);
	ck_assert_int_eq(transcript_ctx(c[0], &a, text("head")), E_OK);
	ck_assert_int_eq(transcript_ctx(c[1], &b, text("head")), E_OK);
	ck_assert_mem_ne(c[0], c[1], 32);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("transcript");
	TCase *t = tcase_create("transcript");

	tcase_add_test(t, the_digests_are_as_defined);
	tcase_add_test(t, order_type_and_length_all_tell);
	tcase_add_test(t, a_transcript_that_leaves_the_type_out_is_caught);
	tcase_add_test(t, a_transcript_that_leaves_the_order_out_is_caught);
	tcase_add_test(t, every_signed_type_has_a_label_of_its_own);
	tcase_add_test(t, an_unsigned_type_gives_no_digest);
	tcase_add_test(t, a_signature_covers_all_that_came_before);
	suite_add_tcase(s, t);
	return test_main(s);
}
