/*
 * The register machine against host derivation, at length.
 *
 *   registers tdes          every one of the 1,048,575 keys of a terminal's life, in order
 *   registers aes [COUNT]   COUNT transactions (5,000,000 if not given) from states all over the range of each strength
 *                           in turn; all edges first: around each power of two and each row of ones, and the end
 *
 * The state before a stretch is made from the initial key (tests/dukpt/machine.h); then the machine lives on for some
 * transactions, each key against the host's, and the state after them against one made anew. So what is compared is
 * also that the machine forgets what it has to.
 */
#include "tests/dukpt/machine.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRETCH 250

static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 0 }, KSN_AES };

static struct key ik_of(enum dukpt_scheme s)
{
	struct key k = { { 0 }, dukpt_key_len(s) };

	for (uint8_t i = 0; i < k.len; i++)
		k.b[i] = (uint8_t)(29 * i + 7);
	return k;
}

static void fail(const char *what, enum dukpt_scheme s, const struct ksn *k)
{
	char text[KSN_TEXT];

	ksn_text(text, k);
	fprintf(stderr, "registers: %s: %s at %s\n", dukpt_scheme_name(s), what, text);
	exit(1);
}

/* One transaction of r against the host. False: there was none left, and the last one was the last there is. */
static bool one(struct dukpt_registers *r, enum dukpt_scheme s, const struct key *ik)
{
	uint32_t last = s == DUKPT_TDES ? 0x1FF800 : 0xFFFF0000;
	struct ksn at = r->ksn, used, next_ksn;
	struct dukpt_registers next;
	struct key txn, host;
	enum err e = dukpt_registers_take(&next, &txn, &used, r);

	if (e == E_EXHAUSTED && dukpt_registers_exhausted(r) && ksn_counter(&at) == last)
		return false;
	if (e)
		fail(err_name(e), s, &at);
	if (memcmp(&used, &at, sizeof used))
		fail("another KSN", s, &used);
	if (dukpt_host_txn(&host, ik, s, &used) || host.len != txn.len || memcmp(host.b, txn.b, host.len))
		fail("another key than the host's", s, &used);
	e = ksn_next(&next_ksn, &used);
	if (e ? !dukpt_registers_exhausted(&next) : memcmp(&next_ksn, &next.ksn, sizeof next_ksn) != 0)
		fail("another successor", s, &used);
	*r = next;
	return true;
}

/* From a counter on; false if it is none. */
static bool stretch(enum dukpt_scheme s, const struct key *ik, uint32_t from, unsigned long *done)
{
	struct dukpt_registers r, again;
	struct ksn k;

	ksn_set_counter(&k, &aes, from);
	if (!ksn_counter_valid(&k))
		return false;
	r = machine_at(s, ik, &k);
	for (int i = 0; i < STRETCH; i++) {
		if (!one(&r, s, ik))
			return true;
		++*done;
	}
	if (dukpt_registers_exhausted(&r))
		return true;
	again = machine_at(s, ik, &r.ksn);
	if (memcmp(&again, &r, sizeof r))
		fail("another state than made anew", s, &r.ksn);
	return true;
}

static int all_tdes(void)
{
	struct key ik = ik_of(DUKPT_TDES);
	struct dukpt_registers r;
	unsigned long n = 0;

	if (dukpt_registers_load(&r, DUKPT_TDES, &ik, &tdes))
		fail("not loaded", DUKPT_TDES, &tdes);
	while (one(&r, DUKPT_TDES, &ik))
		n++;
	printf("tdes: %lu transactions, every one as the host derives it\n", n);
	return n != 1048575;
}

static uint32_t random32(void)
{
	static uint64_t x = 0x9E3779B97F4A7C15;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return (uint32_t)(x >> 32);
}

/* Uniform over the range, and some with few zeros on top or many below, where the skip rule works most */
static uint32_t sample(void)
{
	uint32_t c = random32();

	switch (random32() % 4) {
	case 0:
		return c << random32() % 24;
	case 1:
		return (UINT32_MAX << (16 + random32() % 8)) & ~(1u << (24 + random32() % 8));
	default:
		return c;
	}
}

static void some_aes(enum dukpt_scheme s, unsigned long count)
{
	struct key ik = ik_of(s);
	static const uint32_t ends[] = { 1, 0xFFFE8000, 0xFFFF0000 };
	unsigned long n = 0, edges = 0, at = 0;

	for (unsigned bit = 0; bit < 32; bit++)
		for (uint32_t low = 0; low < 3; low++) {
			const uint32_t c[] = { (1u << bit) - low,
					       (1u << bit) + low,
					       (UINT32_MAX << bit) - low,
					       (UINT32_MAX << bit) + low,
					       (UINT32_MAX << bit) ^ (low << 14),
					       0xFFFF0000 ^ (1u << bit) };

			for (size_t i = 0; i < sizeof c / sizeof c[0]; i++)
				edges += stretch(s, &ik, c[i], &n);
		}
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		edges += stretch(s, &ik, ends[i], &n);
	while (n < count)
		at += stretch(s, &ik, sample(), &n);
	printf("%s: %lu transactions, every one as the host derives it: from %lu edges and %lu other states\n",
	       dukpt_scheme_name(s), n, edges, at);
}

int main(int argc, char **argv)
{
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 5000000;

	if (argc == 2 && !strcmp(argv[1], "tdes"))
		return all_tdes();
	if (argc < 2 || argc > 3 || strcmp(argv[1], "aes") || !count) {
		fputs("usage: registers tdes | aes [COUNT]\n", stderr);
		return 2;
	}
	/* half for AES-128, which is the one in the field */
	for (enum dukpt_scheme s = DUKPT_AES128; s <= DUKPT_AES256; s++)
		some_aes(s, s == DUKPT_AES128 ? count / 2 : count / 4);
	return 0;
}
