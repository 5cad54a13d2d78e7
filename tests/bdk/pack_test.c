/*
 * Hand-over packs: what was put in is read out again, and whatever is changed, removed, moved or signed by somebody else is
 * refused, with the line where it is.
 */
#include "tests/lib/pack_sim.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct pack_sim sim;
static char text[PACK_MAX], other[PACK_MAX], why[PACK_WHY];
static size_t len;
static struct pack_head head;
static struct pack_load got[PACK_SIM_LOADS];
static unsigned n;

static void setup(void)
{
	pack_sim(&sim);
	len = pack_sim_make(text, &sim);
}

static enum err keep(void *ctx, const struct pack_load *l)
{
	(void)ctx;
	ck_assert_uint_lt(n, PACK_SIM_LOADS);
	got[n++] = *l;
	return E_OK;
}

static enum err read_at(const char *p, size_t size, uint64_t utc)
{
	struct pack_judge judge = pack_sim_judge(&sim);
	struct cert maker;

	n = 0;
	return pack_read(&head, &maker, (struct span){ (const uint8_t *)p, size }, &judge, utc, keep, NULL, why);
}

static enum err read_pack(const char *p, size_t size)
{
	return read_at(p, size, PACK_SIM_UTC);
}

/* It is refused, a sentence says why, and nothing of it was given out. */
static void refused(const char *p, size_t size, const char *what)
{
	ck_assert_msg(read_pack(p, size) != E_OK, "%s", what);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(head.loads, 0);
	ck_assert_msg(*why, "%s: no reason", what);
}

START_TEST(what_was_put_is_read)
{
	ck_assert_int_eq(read_pack(text, len), E_OK);
	ck_assert_mem_eq(&head, &sim.head, sizeof head);
	ck_assert_uint_eq(n, PACK_SIM_LOADS);
	for (unsigned i = 0; i < n; i++)
		ck_assert_mem_eq(&got[i], &sim.load[i], sizeof got[i]);
}
END_TEST

START_TEST(every_changed_byte_and_every_cut_is_refused)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		for (unsigned bit = 0; bit < 8; bit += 1 + (unsigned)(i % 3)) {
			text[i] = (char)(c ^ 1 << bit);
			refused(text, len, "a flipped bit");
		}
		text[i] = c;
		if (i % 7 == 0)
			refused(text, i, "a cut");
	}
	memcpy(text + len, "\n", 1);
	refused(text, len + 1, "an empty line more");
	memcpy(text + len, "load = 5\n", 9);
	refused(text, len + 9, "a stanza more");
	ck_assert_int_eq(read_pack(text, len), E_OK);	/* the twin to which nothing was done */
}
END_TEST

/* Where the stanza of load i begins; 5: the signature's. */
static char *stanza(unsigned i)
{
	char key[32];
	char *p;

	snprintf(key, sizeof key, i <= PACK_SIM_LOADS ? "\nload = %u\n" : "\nsignature = ", i);
	p = strstr(text, key);
	ck_assert_ptr_nonnull(p);
	return p + 1;
}

static size_t join(const char *a, size_t a_len, const char *b, size_t b_len, const char *c, size_t c_len)
{
	memcpy(other, a, a_len);
	memcpy(other + a_len, b, b_len);
	memcpy(other + a_len + b_len, c, c_len);
	return a_len + b_len + c_len;
}

START_TEST(a_removed_moved_or_repeated_load_is_named)
{
	char *s2, *s3, *s4;
	size_t end, size;

	text[len] = 0;
	s2 = stanza(2);
	s3 = stanza(3);
	s4 = stanza(4);
	end = (size_t)(text + len - s4);
	size = join(text, (size_t)(s2 - text), s3, (size_t)(text + len - s3), "", 0);
	refused(other, size, "removed");
	ck_assert_ptr_nonnull(strstr(why, "load 3 (TC-2 slot 2) stands where load 2 belongs"));
	size = join(text, (size_t)(s2 - text), s3, (size_t)(s4 - s3), s2, (size_t)(s3 - s2));
	memcpy(other + size, s4, end);
	refused(other, size + end, "moved");
	ck_assert_ptr_nonnull(strstr(why, "load 3 (TC-2 slot 2) stands where load 2 belongs"));
	size = join(text, (size_t)(s3 - text), s2, (size_t)(s3 - s2), s3, (size_t)(text + len - s3));
	refused(other, size, "repeated");
	ck_assert_ptr_nonnull(strstr(why, "load 2 (TC-1 slot 1) stands where load 3 belongs"));
	size = join(text, (size_t)(s4 - text), "", 0, stanza(5), strlen(stanza(5)));
	refused(other, size, "the last one removed");
	memcpy(strstr(s3, "possibly"), "certainl", 8);
	refused(text, len, "changed");
	ck_assert_ptr_nonnull(strstr(why, "the load of TC-2 slot 2 is changed"));
}
END_TEST

/* Whoever mends the links has still no signature: that is what they are not for. */
START_TEST(mended_links_do_not_help)
{
	static char changed[PACK_MAX];
	struct pack_sim s = sim;
	const char *good = stanza(5);
	size_t size;

	s.load[2].revoked[0] = 0;
	size = pack_sim_make(changed, &s);
	ck_assert_int_eq(read_pack(changed, size), E_OK);	/* the twin: its own signature is right */
	changed[size] = 0;
	size = (size_t)(strstr(changed, "\nsignature = ") + 1 - changed);
	memcpy(changed + size, good, (size_t)(text + len - good));
	refused(changed, size + (size_t)(text + len - good), "mended");
	ck_assert_ptr_nonnull(strstr(why, "signature of the records key is wrong"));
}
END_TEST

START_TEST(only_a_load_room_of_this_ca_is_believed)
{
	const struct key foreign = { { 9 }, 32 };

	ck_assert_int_eq(read_at(text, len, 0), E_OK);		/* at its own time */
	ck_assert_int_eq(read_at(text, len, PACK_SIM_UTC + 366 * UINT64_C(86400)), E_EXPIRED);
	pack_sim_certify(&sim, &foreign, "KIF-1", "epoch 1", PACK_SIM_UTC);
	ck_assert_int_eq(read_pack(text, pack_sim_make(text, &sim)), E_CERTIFICATE);
	pack_sim_certify(&sim, &sim.ca, "KIF-1", NULL, PACK_SIM_UTC);
	ck_assert_int_eq(read_pack(text, pack_sim_make(text, &sim)), E_CERTIFICATE);
	pack_sim_certify(&sim, &sim.ca, "KIF-2", "epoch 1", PACK_SIM_UTC);
	ck_assert_int_eq(read_pack(text, pack_sim_make(text, &sim)), E_CERTIFICATE);
	pack_sim_certify(&sim, &sim.ca, "KIF-1", "epoch 1", PACK_SIM_UTC);
	ck_assert_int_eq(read_pack(text, pack_sim_make(text, &sim)), E_OK);
	sim.identity = foreign;					/* vouches for the records key, but is not certified */
	ck_assert_int_eq(read_pack(text, pack_sim_make(text, &sim)), E_SIGNATURE);
	ck_assert_ptr_nonnull(strstr(why, "not vouched"));
	pack_sim(&sim);
	sim.records = foreign;					/* signs, but is not vouched for */
	ck_assert_int_eq(read_pack(text, pack_sim_make(text, &sim)), E_SIGNATURE);
	ck_assert_ptr_nonnull(strstr(why, "records key is wrong"));
	ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(an_empty_pack_and_other_text_are_told_apart)
{
	struct pack_text t;
	uint8_t digest[32], sig[P256_SIG];

	sim.head.loads = 0;
	pack_begin(&t, other, &sim.head);
	ck_assert_int_eq(pack_digest(digest, &t), E_OK);
	ck_assert_int_eq(p256_sign(sig, &sim.records, digest), E_OK);
	pack_seal(&t, sig);
	ck_assert_int_eq(read_pack(other, t.len), E_OK);
	ck_assert_uint_eq(n, 0);
	refused("", 0, "nothing");
	refused("ksn = 1\n", 8, "another stanza");
	ck_assert_str_eq(why, "not a hand-over pack");
	refused("\0\0", 2, "no text");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pack");
	TCase *t = tcase_create("pack");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, what_was_put_is_read);
	tcase_add_test(t, every_changed_byte_and_every_cut_is_refused);
	tcase_add_test(t, a_removed_moved_or_repeated_load_is_named);
	tcase_add_test(t, mended_links_do_not_help);
	tcase_add_test(t, only_a_load_room_of_this_ca_is_believed);
	tcase_add_test(t, an_empty_pack_and_other_text_are_told_apart);
	suite_add_tcase(s, t);
	return test_main(s);
}
