#include "dukpt/ksn.h"
#include "base/hex.h"

#include <string.h>

static const struct {
	const char *name;
	uint8_t key, key_set, ksn;	/* bytes */
	uint32_t device_max;
} schemes[] = {
	[DUKPT_NONE]   = { "none", 0, 0, 0, 0 },
	[DUKPT_TDES]   = { "tdes", 16, 5, KSN_TDES, 0x7FFFF },
	[DUKPT_AES128] = { "aes128", 16, 4, KSN_AES, UINT32_MAX },
	[DUKPT_AES192] = { "aes192", 24, 4, KSN_AES, UINT32_MAX },
	[DUKPT_AES256] = { "aes256", 32, 4, KSN_AES, UINT32_MAX },
};

#define SCHEMES (sizeof schemes / sizeof schemes[0])
#define TDES_COUNTER 0x1FFFFFu

static unsigned row(enum dukpt_scheme scheme)
{
	return (unsigned)scheme < SCHEMES ? (unsigned)scheme : DUKPT_NONE;
}

const char *dukpt_scheme_name(enum dukpt_scheme scheme)
{
	return schemes[row(scheme)].name;
}

enum err dukpt_scheme_parse(enum dukpt_scheme *scheme, const char *name)
{
	for (unsigned i = DUKPT_TDES; i < SCHEMES; i++) {
		const char *a = schemes[i].name, *b = name;

		while (*a && *a == *b)
			a++, b++;
		if (*a == *b) {
			*scheme = (enum dukpt_scheme)i;
			return E_OK;
		}
	}
	return E_FORMAT;
}

uint8_t dukpt_key_len(enum dukpt_scheme scheme)
{
	return schemes[row(scheme)].key;
}

uint8_t dukpt_key_set_len(enum dukpt_scheme scheme)
{
	return schemes[row(scheme)].key_set;
}

uint32_t dukpt_device_max(enum dukpt_scheme scheme)
{
	return schemes[row(scheme)].device_max;
}

bool ksn_fits(const struct ksn *k, enum dukpt_scheme scheme)
{
	return k->len && k->len == schemes[row(scheme)].ksn;
}

uint32_t ksn_counter(const struct ksn *k)
{
	return k->len == KSN_AES ? get_be32(k->b + 8) : get_be32(k->b + 6) & TDES_COUNTER;
}

void ksn_set_counter(struct ksn *out, const struct ksn *k, uint32_t counter)
{
	struct ksn n = *k;

	if (n.len == KSN_AES)
		put_be32(n.b + 8, counter);
	else
		put_be32(n.b + 6, (get_be32(k->b + 6) & ~TDES_COUNTER) | (counter & TDES_COUNTER));
	*out = n;
}

static unsigned ones(uint32_t v)
{
	unsigned n = 0;

	for (; v; v &= v - 1)
		n++;
	return n;
}

static bool few_ones(const struct ksn *k, uint32_t counter)
{
	return ones(counter) <= (k->len == KSN_AES ? 16 : 10);
}

bool ksn_counter_valid(const struct ksn *k)
{
	return !ksn_initial(k) && few_ones(k, ksn_counter(k));
}

bool ksn_initial(const struct ksn *k)
{
	return !ksn_counter(k);
}

enum err ksn_next(struct ksn *out, const struct ksn *k)
{
	uint32_t last = k->len == KSN_AES ? 0xFFFF0000 : 0x1FF800, c = ksn_counter(k);

	if (!few_ones(k, c))
		return E_COUNTER;
	if (c == last)
		return E_EXHAUSTED;
	/* Adding the lowest one-bit skips exactly the counters that keep these upper bits and have one more below. */
	c++;
	while (!few_ones(k, c))
		c += c & (0u - c);
	ksn_set_counter(out, k, c);
	return E_OK;
}

bool ksn_same_device(const struct ksn *a, const struct ksn *b)
{
	struct ksn x, y;

	ksn_set_counter(&x, a, 0);
	ksn_set_counter(&y, b, 0);
	return x.len == y.len && !memcmp(x.b, y.b, x.len);
}

enum err ksn_parse(struct ksn *k, const char *text)
{
	char full[2 * KSN_MAX];
	struct ksn n = { { 0 }, 0 };
	size_t digits = 0, len;
	enum err e;

	while (digits <= sizeof full && text[digits])
		digits++;
	if (digits == 2 * KSN_AES)
		n.len = KSN_AES;
	else if (digits >= 16 && digits <= 2 * KSN_TDES)
		n.len = KSN_TDES;
	else
		return E_FORMAT;
	memset(full, 'F', sizeof full);
	memcpy(full + 2 * n.len - digits, text, digits);
	e = hex_decode(n.b, &len, sizeof n.b, full, 2u * n.len);
	if (e)
		return e;
	*k = n;
	return E_OK;
}

enum err ksn_parse_described(struct ksn *k, const char *descriptor, const char *text)
{
	unsigned described = 0, digits = 0, counter;
	struct ksn n;
	enum err e;

	for (unsigned i = 0; i < 3; i++) {
		/* the digit is read as the second of a byte */
		const char pair[2] = { '0', descriptor[i] };
		uint8_t digit;
		size_t len;

		e = hex_decode(&digit, &len, 1, pair, 2);
		if (e)
			return e;
		described += digit;
	}
	if (descriptor[3])
		return E_FORMAT;
	e = ksn_parse(&n, text);
	if (e)
		return e;
	while (text[digits])
		digits++;
	counter = n.len == KSN_AES ? 8 : 5;
	if (described + counter != digits)
		return E_FORMAT;
	*k = n;
	return E_OK;
}

enum err ksn_parse_field53(struct ksn *k, const char *field)
{
	char descriptor[4] = { 0 };

	for (unsigned i = 0; i < 3 && field[i]; i++)
		descriptor[i] = field[i];
	return ksn_parse_described(k, descriptor, descriptor[2] ? field + 3 : "");
}

void ksn_text(char out[static KSN_TEXT], const struct ksn *k)
{
	hex_encode(out, k->b, k->len == KSN_AES ? KSN_AES : KSN_TDES);
}

enum err ksn_make(struct ksn *out, enum dukpt_scheme scheme, const uint8_t *key_set, uint32_t device)
{
	struct ksn n = { { 0 }, schemes[row(scheme)].ksn };
	size_t set = dukpt_key_set_len(scheme);

	if (!set)
		return E_SCHEME;
	if (device > dukpt_device_max(scheme))
		return E_RANGE;
	memcpy(n.b, key_set, set);
	/* TDES: 19 bits of device id stand on top of the 21 of the counter. */
	if (n.len == KSN_AES)
		put_be32(n.b + 4, device);
	else
		put_be32(n.b + 5, device << 13);
	*out = n;
	return E_OK;
}

struct span ksn_key_set(const struct ksn *k)
{
	return (struct span){ k->b, k->len == KSN_AES ? 4 : 5 };
}

uint32_t ksn_device(const struct ksn *k)
{
	return k->len == KSN_AES ? get_be32(k->b + 4) : get_be32(k->b + 5) >> 13;
}
