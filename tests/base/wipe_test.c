#include "base/wipe.h"
#include "tests/lib/test.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#define SECRET 64

/*
 * A secret on the stack of a function that returns at once: nobody reads it any more, so an optimiser may drop whatever
 * clears it. Whether it did is seen from outside: the function runs on a stack of ours, which is searched afterwards.
 */
static uint8_t stack[1 << 16] __attribute__((aligned(16)));
static ucontext_t here, there;
static bool clear;
static volatile uint8_t sink;

static uint8_t secret_byte(size_t i)
{
	return (uint8_t)(0xc3 ^ (i * 29));
}

static void use_secret(void)
{
	uint8_t secret[SECRET];

	for (size_t i = 0; i < sizeof secret; i++)
		((volatile uint8_t *)secret)[i] = secret_byte(i);
	for (size_t i = 0; i < sizeof secret; i++)
		sink = (uint8_t)(sink ^ secret[i]);
	if (clear)
		wipe(secret, sizeof secret);
}

/* Does the dead stack hold eight bytes of the secret in a row? */
static bool found_after(bool with_wipe)
{
	clear = with_wipe;
	memset(stack, 0, sizeof stack);
	ck_assert_int_eq(getcontext(&there), 0);
	there.uc_stack.ss_sp = stack;
	there.uc_stack.ss_size = sizeof stack;
	there.uc_link = &here;
	makecontext(&there, use_secret, 0);
	ck_assert_int_eq(swapcontext(&here, &there), 0);
	for (size_t at = 0; at + SECRET <= sizeof stack; at++)
		for (size_t from = 0; from < SECRET; from += 8) {
			size_t i = 0;

			while (i < 8 && stack[at + i] == secret_byte(from + i))
				i++;
			if (i == 8)
				return true;
		}
	return false;
}

START_TEST(a_wiped_secret_is_gone_though_nobody_looks)
{
	ck_assert(found_after(false)); /* the search can find one */
	ck_assert(!found_after(true));
}
END_TEST

START_TEST(wipes_exactly_what_it_is_given)
{
	uint8_t b[40];

	for (size_t from = 0; from < 20; from++)
		for (size_t len = 0; len <= 20; len++) {
			memset(b, 0xee, sizeof b);
			wipe(b + from, len);
			for (size_t i = 0; i < sizeof b; i++)
				ck_assert_uint_eq(b[i], i >= from && i < from + len ? 0 : 0xee);
		}
	wipe(NULL, 0);
}
END_TEST

START_TEST(equal_means_every_bit)
{
	uint8_t a[33], b[33];

	for (size_t i = 0; i < sizeof a; i++)
		a[i] = b[i] = (uint8_t)(i * 7);
	for (size_t len = 0; len <= sizeof a; len++) {
		ck_assert(ct_equal(a, b, len));
		for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
			b[bit / 8] = (uint8_t)(b[bit / 8] ^ 1u << bit % 8);
			ck_assert_int_eq(ct_equal(a, b, len), bit / 8 >= len);
			b[bit / 8] = (uint8_t)(b[bit / 8] ^ 1u << bit % 8);
		}
	}
	for (unsigned x = 0; x < 256; x++)
		for (unsigned y = 0; y < 256; y++) {
			uint8_t p = (uint8_t)x, q = (uint8_t)y;

			ck_assert_int_eq(ct_equal(&p, &q, 1), x == y);
		}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("wipe");
	TCase *t = tcase_create("wipe");

	tcase_add_test(t, a_wiped_secret_is_gone_though_nobody_looks);
	tcase_add_test(t, wipes_exactly_what_it_is_given);
	tcase_add_test(t, equal_means_every_bit);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
