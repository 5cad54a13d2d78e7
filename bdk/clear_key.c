#include "bdk/clear_key.h"
#include "base/wipe.h"

#define DES_LEN 8

static uint8_t odd(uint8_t b)
{
	unsigned x = b & 0xFEu, p = x ^ x >> 4;

	p ^= p >> 2;
	p ^= p >> 1;
	return (uint8_t)(x | (~p & 1u));
}

void clear_key_parity(struct key *k)
{
	for (unsigned i = 0; i < k->len; i++)
		k->b[i] = odd(k->b[i]);
}

/* Is a DES key with odd parity one of the 4 weak and 12 semi-weak ones (NIST SP 800-67 3.3.2)? */
static bool weak(const uint8_t des[static DES_LEN])
{
	static const uint64_t list[] = {
		0x0101010101010101, 0xFEFEFEFEFEFEFEFE, 0xE0E0E0E0F1F1F1F1, 0x1F1F1F1F0E0E0E0E,
		0x011F011F010E010E, 0x1F011F010E010E01, 0x01E001E001F101F1, 0xE001E001F101F101,
		0x01FE01FE01FE01FE, 0xFE01FE01FE01FE01, 0x1FE01FE00EF10EF1, 0xE01FE01FF10EF10E,
		0x1FFE1FFE0EFE0EFE, 0xFE1FFE1FFE0EFE0E, 0xE0FEE0FEF1FEF1FE, 0xFEE0FEE0FEF1FEF1,
	};
	bool is = false;
	uint8_t b[DES_LEN];

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		put_be64(b, list[i]);
		is |= ct_equal(b, des, DES_LEN);
	}
	return is;
}

/* Without a branch, so that valgrind is told of none in what is inlined here (tests/ctime). */
static enum err verdict(bool bad)
{
	return (enum err)(E_KEY & (0u - bad));
}

enum err clear_key_fit(struct key *k, bool tdes)
{
	static const uint8_t zero[sizeof k->b];
	bool bad = (k->len != 16 && k->len != 24 && k->len != 32) || (tdes && k->len == 32);

	if (bad)
		return E_KEY;
	if (!tdes)
		return verdict(ct_equal(k->b, zero, k->len));
	clear_key_parity(k);
	for (unsigned i = 0; i < k->len; i += DES_LEN) {
		bad |= weak(k->b + i);
		for (unsigned j = 0; j < i; j += DES_LEN)
			bad |= ct_equal(k->b + i, k->b + j, DES_LEN);
	}
	return verdict(bad);
}

/* The bits of a key that count: not a TDES key's parity. */
static struct key counting(const struct key *k, bool tdes)
{
	struct key out = *k;

	for (unsigned i = 0; i < out.len; i++)
		out.b[i] &= tdes ? 0xFE : 0xFF;
	return out;
}

enum err clear_key_join(struct key *out, const struct key part[], unsigned n, bool tdes)
{
	static const struct key zero;
	struct key sum = { { 0 }, 0 }, a, b;
	bool bad = false;
	enum err e;

	wipe(out, sizeof *out);
	if (n < COMPONENTS_LEAST || n > COMPONENTS_MOST)
		return E_RANGE;
	for (unsigned i = 0; i < n; i++)
		if (part[i].len > sizeof part[i].b || part[i].len != part[0].len)
			return E_KEY;
	sum.len = part[0].len;
	for (unsigned i = 0; i < n; i++) {
		a = counting(&part[i], tdes);
		bad |= ct_equal(a.b, zero.b, a.len);
		for (unsigned j = 0; j < i; j++) {
			b = counting(&part[j], tdes);
			bad |= ct_equal(a.b, b.b, a.len);
		}
		for (unsigned k = 0; k < sum.len; k++)
			sum.b[k] ^= part[i].b[k];
	}
	e = clear_key_fit(&sum, tdes);
	if (!e && bad)
		e = E_KEY;
	if (!e)
		*out = sum;
	wipe(&sum, sizeof sum);
	wipe(&a, sizeof a);
	wipe(&b, sizeof b);
	return e;
}
