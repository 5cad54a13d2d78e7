/* lab ksn: what a KSN says, for people and for the counter rows of the vector files. Nothing here is secret. */
#include "lab/commands.h"
#include "lab/keys.h"

#include <stdlib.h>
#include <string.h>

/* Of the n lower bits of a counter, in how many ways can at most most of them be one? n is at most 32. */
static uint64_t ways(unsigned n, int most)
{
	uint64_t sum = 0, choose = 1;

	for (int k = 0; k <= most && k <= (int)n; k++) {
		sum += choose;
		choose = choose * (n - (unsigned)k) / ((unsigned)k + 1);
	}
	return sum;
}

/* How many transactions there are up to and with counter c: those above zero with few enough one-bits */
static uint64_t rank(uint32_t c, unsigned bits, int most)
{
	uint64_t n = 0;

	for (unsigned b = bits; b-- > 0;)
		if (c >> b & 1) {
			n += ways(b, most);
			if (--most < 0)
				return n - 1;
		}
	return n; /* c itself counts, zero does not */
}

/* 1048575 as 1,048,575 */
static const char *grouped(char out[static 27], uint64_t v)
{
	char digits[21];
	int n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)v), at = 0;

	for (int i = 0; i < n; i++) {
		if (i && (n - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = 0;
	return out;
}

/* A family's totals: for a question that names only the scheme */
static void say_family(const struct turn *t, bool aes)
{
	turn_say(t, "family", aes ? "aes" : "tdes");
	turn_say_format(t, "valid_counters", "%llu",
			(unsigned long long)rank(aes ? UINT32_MAX : 0x1FFFFF, aes ? 32 : 21, aes ? 16 : 10));
	turn_say(t, "min_counter", aes ? "00000001" : "000001");
	turn_say(t, "max_counter", aes ? "FFFF0000" : "1FF800");
}

static void say_counter(const struct turn *t, const struct ksn *k, bool whole)
{
	const bool aes = k->len == KSN_AES;
	const int digits = aes ? 8 : 6;
	const uint64_t all = rank(aes ? UINT32_MAX : 0x1FFFFF, aes ? 32 : 21, aes ? 16 : 10);
	const uint32_t c = ksn_counter(k);
	uint64_t nth = rank(c, aes ? 32 : 21, aes ? 16 : 10);
	char text[KSN_TEXT], a[27], b[27], left[27];
	struct ksn next;
	enum err e = ksn_next(&next, k);

	turn_say_format(t, "tc", "%0*X", digits, c);
	turn_say(t, "valid", ksn_counter_valid(k) ? "yes" : "no");
	if (e == E_EXHAUSTED)
		turn_say(t, "next", "exhausted");
	else if (!e)
		turn_say_format(t, "next", "%0*X", digits, ksn_counter(&next));
	if (!e && whole) {
		ksn_text(text, &next);
		turn_say(t, "next_ksn", text);
	}
	if (e == E_COUNTER) {
		turn_say_format(t, "explanation",
				"no transaction: the counter has more than %d one-bits, and no terminal "
				"ever reaches it%s",
				aes ? 16 : 10,
				aes && c == UINT32_MAX ? "; FFFFFFFF is the counter of the update key" : "");
		return;
	}
	turn_say_format(t, "transactions", "%llu", (unsigned long long)nth);
	turn_say_format(t, "keys_left", "%llu", (unsigned long long)(all - nth));
	if (!c)
		turn_say_format(t, "explanation",
				"the initial KSN: it names the initial key, and %s transactions follow",
				grouped(a, all));
	else if (nth == all)
		turn_say_format(t, "explanation", "the last of %s transactions: no key is left", grouped(a, all));
	else
		turn_say_format(t, "explanation", "transaction %s of %s: %s keys are left after it", grouped(a, nth),
				grouped(b, all), grouped(left, all - nth));
}

static enum err answer_counter(const struct turn *t, const char *tc)
{
	struct ksn k = { { 0 }, 0 };
	char *end;
	unsigned long v = strtoul(tc, &end, 16);

	if (strlen(tc) == 6)
		k.len = KSN_TDES;
	else if (strlen(tc) == 8)
		k.len = KSN_AES;
	if (!k.len || strspn(tc, "0123456789abcdefABCDEF") != strlen(tc) || (k.len == KSN_TDES && v > 0x1FFFFF))
		return turn_refuse(t, E_FORMAT, "tc is not 6 hexadecimal digits up to 1FFFFF (TDES) or 8 (AES)");
	ksn_set_counter(&k, &k, (uint32_t)v);
	turn_say(t, "family", k.len == KSN_AES ? "aes" : "tdes");
	say_counter(t, &k, false);
	return E_OK;
}

enum err ksn_answer(const struct turn *t)
{
	static const char *const ksns[] = { "ksn", "field_53", NULL };
	const char *text = turn_first(t, ksns), *tc = turn_get(t, "tc"), *name = turn_get(t, "scheme");
	enum dukpt_scheme scheme;
	struct ksn k, initial;
	struct span set;
	char full[KSN_TEXT];
	enum err e;

	if (!text && tc)
		return answer_counter(t, tc);
	if (!text && name) {
		if (keys_scheme(&scheme, name))
			return turn_refuse(t, E_SCHEME, "scheme is not tdes, aes128, aes192 or aes256");
		say_family(t, scheme != DUKPT_TDES);
		return E_OK;
	}
	if (!text)
		return turn_refuse(t, E_SHORT, "ksn is needed (or tc: a counter alone; or scheme: its totals)");
	e = keys_ksn(&k, t);
	if (e)
		return e;
	ksn_text(full, &k);
	turn_say(t, "ksn", full);
	turn_say(t, "family", k.len == KSN_AES ? "aes" : "tdes");
	set = ksn_key_set(&k);
	turn_say_hex(t, "key_set", set.p, set.len);
	turn_say_format(t, "device", "%lu", (unsigned long)ksn_device(&k));
	ksn_set_counter(&initial, &k, 0);
	ksn_text(full, &initial);
	turn_say(t, "iksn", full);
	if (k.len == KSN_AES)
		turn_say_hex(t, "ikid", k.b, 8);
	say_counter(t, &k, true);
	return E_OK;
}
