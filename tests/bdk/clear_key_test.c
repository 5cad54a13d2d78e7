/*
 * Components put together, and keys that are none.
 */
#include "bdk/clear_key.h"
#include "tests/lib/test.h"

#include <string.h>

static const char *const hex[COMPONENTS_MOST] = {
	"5D79A1F4298C3BE64C0EF2FD1A76D093", "A4BC3ECBD65DC2923BB6D95D4FEA80B6", "10E6D5043D9B7AC20D8CB5F17A3D4C29",
	"F25D3DB6467AC4A8E0B33113A16D0EC1", "9D1C4A5EBF2076E57CA8155794CB620E", "37AB0D62F1C8941FD9E6703E2A5B1C85",
	"68F70B2C15A4D39E83BA4C5DE6701F92", "C45E9D7A20B31F86EC517A2FD3468B0D", "0B8A6E13F4D57C291F98A2B5E60D43C7",
};

static void components(struct key part[static COMPONENTS_MOST])
{
	for (unsigned i = 0; i < COMPONENTS_MOST; i++)
		part[i] = test_key(hex[i]);
}

/* Every bit of every component counts, over the full length; their order does not. */
START_TEST(the_key_is_the_xor_of_all_components_over_their_full_length)
{
	unsigned n = (unsigned)_i;
	struct key part[COMPONENTS_MOST], sum, other;
	uint8_t expected[16] = { 0 };

	components(part);
	for (unsigned i = 0; i < n; i++)
		for (unsigned j = 0; j < 16; j++)
			expected[j] ^= part[i].b[j];
	ck_assert_int_eq(clear_key_join(&sum, part, n, false), E_OK);
	ck_assert_uint_eq(sum.len, 16);
	ck_assert_mem_eq(sum.b, expected, 16);
	for (unsigned i = 0; i < n; i++)
		for (unsigned bit = 0; bit < 128; bit++) {
			part[i].b[bit / 8] = (uint8_t)(part[i].b[bit / 8] ^ 1u << bit % 8);
			ck_assert_int_eq(clear_key_join(&other, part, n, false), E_OK);
			ck_assert_int_eq(other.b[bit / 8] ^ sum.b[bit / 8], 1u << bit % 8);
			part[i].b[bit / 8] = (uint8_t)(part[i].b[bit / 8] ^ 1u << bit % 8);
		}
	other = part[0];
	part[0] = part[n - 1];
	part[n - 1] = other;
	ck_assert_int_eq(clear_key_join(&other, part, n, false), E_OK);
	ck_assert_mem_eq(other.b, sum.b, 16);
}
END_TEST

/* Whatever parity the components have, the key has odd parity, and the same bits besides. */
START_TEST(a_tdes_key_gets_odd_parity)
{
	struct key part[COMPONENTS_MOST], sum, same;

	components(part);
	ck_assert_int_eq(clear_key_join(&sum, part, 3, true), E_OK);
	for (unsigned i = 0; i < 16; i++) {
		ck_assert_int_eq(__builtin_popcount(sum.b[i]) % 2, 1);
		ck_assert_int_eq(sum.b[i] & 0xFE, (part[0].b[i] ^ part[1].b[i] ^ part[2].b[i]) & 0xFE);
		part[1].b[i] ^= 1;
	}
	ck_assert_int_eq(clear_key_join(&same, part, 3, true), E_OK);
	ck_assert_mem_eq(same.b, sum.b, 16);
}
END_TEST

START_TEST(components_that_are_none_are_refused)
{
	static const struct key zero = { { 0 }, 16 };
	struct key part[COMPONENTS_MOST + 1], sum;

	components(part);
	part[COMPONENTS_MOST] = part[0];
	ck_assert_int_eq(clear_key_join(&sum, part, 0, true), E_RANGE);
	ck_assert_int_eq(clear_key_join(&sum, part, 1, true), E_RANGE);
	ck_assert_int_eq(clear_key_join(&sum, part, COMPONENTS_MOST + 1, true), E_RANGE);
	for (unsigned tdes = 0; tdes < 2; tdes++) {
		components(part);
		part[2] = zero;
		ck_assert_int_eq(clear_key_join(&sum, part, 3, tdes), E_KEY);
		ck_assert_int_eq(clear_key_join(&sum, part, 2, tdes), E_OK);
		part[2] = part[0];
		ck_assert_int_eq(clear_key_join(&sum, part, 3, tdes), E_KEY);
		ck_assert_uint_eq(sum.len, 0);
		part[2] = test_key(hex[2]);
		part[1].len = 24;
		ck_assert_int_eq(clear_key_join(&sum, part, 3, tdes), E_KEY);
		/* the sum is zero, and no two of them are the same */
		part[1].len = 16;
		for (unsigned i = 0; i < 16; i++)
			part[2].b[i] = part[0].b[i] ^ part[1].b[i];
		ck_assert_int_eq(clear_key_join(&sum, part, 3, tdes), E_KEY);
	}
	/* the same but for parity: to DES the same; and zero but for it */
	components(part);
	part[2] = part[0];
	part[2].b[5] ^= 1;
	ck_assert_int_eq(clear_key_join(&sum, part, 3, true), E_KEY);
	ck_assert_int_eq(clear_key_join(&sum, part, 3, false), E_OK);
	memset(part[2].b, 1, 16);
	ck_assert_int_eq(clear_key_join(&sum, part, 3, true), E_KEY);
	ck_assert_int_eq(clear_key_join(&sum, part, 3, false), E_OK);
}
END_TEST

START_TEST(weak_keys_are_refused)
{
	static const struct {
		const char *hex;
		bool aes, tdes;
	} row[] = {
		{ "0123456789ABCDEFFEDCBA9876543210", true, true },
		{ "0123456789ABCDEF0123456789ABCDEF", true, false },	     /* single DES */
		{ "0123456789ABCDEF0022446688AACCEE", true, false },	     /* the same but for parity */
		{ "0123456789ABCDEFFEDCBA98765432100123456789ABCDEF", true, false }, /* two-key TDES as three */
		{ "0123456789ABCDEFFEDCBA98765432101122334455667788", true, true },
		{ "00000000000000000000000000000000", false, false },
		{ "00000000000000000000000000000001", true, false },
		{ "01010101010101010123456789ABCDEF", true, false },
		{ "0123456789ABCDEFE0E0E0E0F1F1F1F1", true, false },
		{ "0123456789ABCDEF1FFE1FFE0EFE0EFE", true, false },
		{ "0123456789ABCDEF1EFF1EFF0FFF0FFF", true, false }, /* with another parity */
		{ "0123456789ABCDEF", false, false },
	};
	struct key k = test_key(row[_i].hex);

	ck_assert_int_eq(clear_key_fit(&k, false), row[_i].aes ? E_OK : E_KEY);
	ck_assert_int_eq(clear_key_fit(&k, true), row[_i].tdes ? E_OK : E_KEY);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("clear_key");
	TCase *t = tcase_create("clear_key");

	suite_add_tcase(s, t);
	tcase_add_loop_test(t, the_key_is_the_xor_of_all_components_over_their_full_length, COMPONENTS_LEAST,
			    COMPONENTS_MOST + 1);
	tcase_add_test(t, a_tdes_key_gets_odd_parity);
	tcase_add_test(t, components_that_are_none_are_refused);
	tcase_add_loop_test(t, weak_keys_are_refused, 0, 12);
	return s;
}

int main(void)
{
	return test_main(suite());
}
