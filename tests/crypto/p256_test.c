#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "tests/lib/test.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>
#include <string.h>

static const char order[] = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
static const char prime[] = "FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF";
static const uint8_t zero[P256_POINT];

/* b, read as a big-endian number of 32 bytes, plus n */
static void add(uint8_t b[static 32], int n)
{
	for (size_t i = 32; i-- > 0; n >>= 8) {
		n += b[i];
		b[i] = (uint8_t)n;
	}
}

static struct key scalar(uint8_t low)
{
	struct key k = { .len = 32 };

	k.b[31] = low;
	return k;
}

/* Scalars that are none: 0, n, n+1, 2^256-1; and 1 and n-1, which are. */
static const struct {
	int from_order;
	bool all_ones, zero, ok;
} edges[] = {
	{ .zero = true },
	{ .from_order = 0 },
	{ .from_order = 1 },
	{ .from_order = 255 },
	{ .all_ones = true },
	{ .from_order = -1, .ok = true },
	{ .from_order = -200, .ok = true },
	{ .zero = true, .from_order = 1, .ok = true },
};

static struct key edge(size_t i)
{
	struct key k = edges[i].zero ? scalar(0) : test_key(order);

	add(k.b, edges[i].from_order);
	if (edges[i].all_ones)
		memset(k.b, 0xff, sizeof k.b);
	return k;
}

START_TEST(gives_the_published_figures)
{
	size_t count;
	const struct stanza *v = test_vectors("p256.txt", &count);

	for (size_t i = 0; i < count; i++) {
		struct key priv = test_key(stanza_get(&v[i], "private")), z;
		const char *name = stanza_get(&v[i], "case"), *text;
		uint8_t want[P256_POINT], out[P256_POINT], digest[32], m[32], point[P256_POINT];

		ck_assert_int_eq(p256_public(point, &priv), E_OK);
		text = stanza_get(&v[i], "public");
		if (text) {
			ck_assert_uint_eq(test_hex(want, sizeof want, text), P256_POINT);
			ck_assert_msg(!memcmp(point, want, P256_POINT), "%s", name);
		}
		text = stanza_get(&v[i], "peer");
		if (text) {
			ck_assert_uint_eq(test_hex(out, sizeof out, text), P256_POINT);
			ck_assert_int_eq(p256_check(out), E_OK);
			ck_assert_int_eq(p256_ecdh(&z, &priv, out), E_OK);
			ck_assert_uint_eq(z.len, 32);
			ck_assert_uint_eq(test_hex(want, sizeof want, stanza_get(&v[i], "z")), 32);
			ck_assert_msg(!memcmp(z.b, want, 32), "%s", name);
			continue;
		}
		text = stanza_get(&v[i], "message");
		if (text) {
			const struct span part = { m, test_hex(m, sizeof m, text) };

			ck_assert_int_eq(sha256(digest, &part, 1), E_OK);
		} else {
			ck_assert_uint_eq(test_hex(digest, sizeof digest, stanza_get(&v[i], "digest")), 32);
		}
		ck_assert_uint_eq(test_hex(want, sizeof want, stanza_get(&v[i], "signature")), P256_SIG);
		ck_assert_int_eq(p256_sign(out, &priv, digest), E_OK);
		ck_assert_msg(!memcmp(out, want, P256_SIG), "%s", name);
		ck_assert_int_eq(p256_verify(out, point, digest), E_OK);
	}
}
END_TEST

START_TEST(both_forms_of_a_signature_verify_and_the_lower_one_is_kept)
{
	unsigned lowered = 0;

	for (uint8_t i = 1; i < 40; i++) {
		uint8_t digest[32] = { i }, sig[P256_SIG], low[P256_SIG], point[P256_POINT];
		struct key priv = scalar(i);

		ck_assert_int_eq(p256_public(point, &priv), E_OK);
		ck_assert_int_eq(p256_sign(sig, &priv, digest), E_OK);
		memcpy(low, sig, sizeof low);
		p256_low(low);
		ck_assert_int_eq(p256_verify(low, point, digest), E_OK);
		ck_assert_mem_eq(low, sig, 32);
		ck_assert_uint_lt(low[32], 0x80);
		lowered += memcmp(low, sig, sizeof low) != 0;
		memcpy(sig, low, sizeof sig);
		p256_low(low);
		ck_assert_mem_eq(low, sig, sizeof low);
	}
	ck_assert_uint_gt(lowered, 0);
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) { /* what is no signature does not become one */
		uint8_t sig[P256_SIG] = { 1 };

		memcpy(sig + 32, edge(i).b, 32);
		p256_low(sig);
		ck_assert_int_eq(p256_scalar_ok(sig + 32), edges[i].ok);
	}
}
END_TEST

START_TEST(only_1_to_n_minus_1_are_scalars)
{
	for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
		struct key k = edge(i), two = scalar(2), z, mark = scalar(9);
		enum err want = edges[i].ok ? E_OK : E_KEY;
		uint8_t point[P256_POINT], g2[P256_POINT], sig[P256_SIG], digest[32] = { 1 };

		ck_assert_int_eq(p256_scalar_ok(k.b), edges[i].ok);
		memset(point, 1, sizeof point);
		memset(sig, 1, sizeof sig);
		z = mark;
		ck_assert_int_eq(p256_public(g2, &two), E_OK);
		ck_assert_int_eq(p256_public(point, &k), want);
		ck_assert_int_eq(p256_ecdh(&z, &k, g2), want);
		ck_assert_int_eq(p256_sign(sig, &k, digest), want);
		if (want) {
			ck_assert_mem_eq(point, zero, sizeof point);
			ck_assert_mem_eq(&z, zero, sizeof z);
			ck_assert_mem_eq(sig, zero, sizeof sig);
		} else {
			ck_assert_int_eq(p256_verify(sig, point, digest), E_OK);
		}
		k = two;
		k.len = (uint8_t)(24 + 9 * (i % 2)); /* 24 or 33 */
		ck_assert_int_eq(p256_public(point, &k), E_KEY);
		ck_assert_int_eq(p256_ecdh(&z, &k, g2), E_KEY);
		ck_assert_int_eq(p256_sign(sig, &k, digest), E_KEY);
	}
}
END_TEST

static void refused_as_point(const uint8_t point[static P256_POINT])
{
	struct key k = scalar(3), z = k;
	uint8_t sig[P256_SIG], digest[32] = { 1 };

	ck_assert_int_eq(p256_sign(sig, &k, digest), E_OK);
	ck_assert_int_eq(p256_check(point), E_POINT);
	ck_assert_int_eq(p256_ecdh(&z, &k, point), E_POINT);
	ck_assert_mem_eq(&z, zero, sizeof z);
	ck_assert_int_eq(p256_verify(sig, point, digest), E_POINT);
}

START_TEST(every_function_refuses_what_is_no_point)
{
	struct key k = scalar(7);
	uint8_t good[P256_POINT], p[P256_POINT];

	ck_assert_int_eq(p256_public(good, &k), E_OK);
	ck_assert_int_eq(p256_check(good), E_OK);
	for (size_t bit = 0; bit < 8 * sizeof p; bit++) { /* off the curve, and every other first byte of one bit */
		memcpy(p, good, sizeof p);
		p[bit / 8] = (uint8_t)(p[bit / 8] ^ 1u << bit % 8);
		refused_as_point(p);
	}
	for (unsigned first = 0; first < 256; first++) {
		memcpy(p, good, sizeof p);
		p[0] = (uint8_t)first;
		ck_assert_int_eq(p256_check(p), first == 4 ? E_OK : E_POINT);
	}
	memset(p, 0, sizeof p);
	refused_as_point(p); /* a way to write infinity */
	p[0] = 4;
	refused_as_point(p); /* (0, 0) */
	memset(p + 1, 0xff, 64);
	refused_as_point(p);
}
END_TEST

START_TEST(coordinates_that_are_not_reduced_are_no_point)
{
	EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *q = EC_POINT_new(g);
	BIGNUM *x = BN_new(), *p = NULL;
	int found = 0;

	BN_hex2bn(&p, prime);
	for (BN_ULONG n = 0; n < 64; n++) {
		uint8_t point[P256_POINT];

		BN_set_word(x, n);
		if (EC_POINT_set_compressed_coordinates(g, q, x, (int)n & 1, NULL) != 1)
			continue;
		ck_assert_uint_eq(EC_POINT_point2oct(g, q, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL),
				  P256_POINT);
		ck_assert_int_eq(p256_check(point), E_OK);
		BN_add(x, x, p);
		BN_bn2binpad(x, point + 1, 32);
		refused_as_point(point);
		found++;
	}
	ck_assert_int_gt(found, 10);
	BN_free(x);
	BN_free(p);
	EC_POINT_free(q);
	EC_GROUP_free(g);
}
END_TEST

START_TEST(both_sides_of_ecdh_agree_and_keep_leading_zeros)
{
	struct key one = scalar(1);
	uint8_t g[P256_POINT];
	int leading = 0;

	ck_assert_int_eq(p256_public(g, &one), E_OK);
	for (int i = 1; i < 400; i++) {
		struct key a = scalar(0), b = test_key(order), za, zb;
		uint8_t pa[P256_POINT], pb[P256_POINT];

		add(a.b, i);
		ck_assert_int_eq(p256_ecdh(&za, &a, g), E_OK);
		ck_assert_uint_eq(za.len, 32);
		leading += !za.b[0];
		if (i % 20 && za.b[0])
			continue;
		add(b.b, -2 * i);
		ck_assert_int_eq(p256_public(pa, &a), E_OK);
		ck_assert_mem_eq(za.b, pa + 1, 32);
		ck_assert_int_eq(p256_public(pb, &b), E_OK);
		ck_assert_int_eq(p256_ecdh(&za, &a, pb), E_OK);
		ck_assert_int_eq(p256_ecdh(&zb, &b, pa), E_OK);
		ck_assert_mem_eq(&za, &zb, sizeof za);
	}
	ck_assert_int_gt(leading, 0);
}
END_TEST

START_TEST(a_signature_verifies_with_openssl_and_no_flipped_bit_of_anything_does)
{
	struct key priv = test_key("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
	uint8_t point[P256_POINT], sig[P256_SIG], digest[32] = { 0x42 };
	EC_KEY *key = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
	ECDSA_SIG *s = ECDSA_SIG_new();

	ck_assert_int_eq(p256_public(point, &priv), E_OK);
	ck_assert_int_eq(p256_sign(sig, &priv, digest), E_OK);
	ck_assert_int_eq(EC_KEY_oct2key(key, point, sizeof point, NULL), 1);
	ECDSA_SIG_set0(s, BN_bin2bn(sig, 32, NULL), BN_bin2bn(sig + 32, 32, NULL));
	ck_assert_int_eq(ECDSA_do_verify(digest, sizeof digest, s, key), 1);
	ECDSA_SIG_free(s);
	EC_KEY_free(key);
	for (size_t bit = 0; bit < 8 * sizeof sig; bit++) {
		sig[bit / 8] = (uint8_t)(sig[bit / 8] ^ 1u << bit % 8);
		ck_assert_int_eq(p256_verify(sig, point, digest), E_SIGNATURE);
		sig[bit / 8] = (uint8_t)(sig[bit / 8] ^ 1u << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof digest; bit++) {
		digest[bit / 8] = (uint8_t)(digest[bit / 8] ^ 1u << bit % 8);
		ck_assert_int_eq(p256_verify(sig, point, digest), E_SIGNATURE);
		digest[bit / 8] = (uint8_t)(digest[bit / 8] ^ 1u << bit % 8);
	}
	priv.b[31] ^= 1;
	ck_assert_int_eq(p256_public(point, &priv), E_OK);
	ck_assert_int_eq(p256_verify(sig, point, digest), E_SIGNATURE);
}
END_TEST

START_TEST(r_and_s_outside_1_to_n_minus_1_are_refused)
{
	struct key priv = scalar(5);
	uint8_t point[P256_POINT], good[P256_SIG], sig[P256_SIG], digest[32] = { 3 };

	ck_assert_int_eq(p256_public(point, &priv), E_OK);
	ck_assert_int_eq(p256_sign(good, &priv, digest), E_OK);
	ck_assert_int_eq(p256_verify(good, point, digest), E_OK);
	for (size_t half = 0; half < 2; half++)
		for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
			memcpy(sig, good, sizeof sig);
			memcpy(sig + 32 * half, edge(i).b, 32);
			ck_assert_int_eq(p256_verify(sig, point, digest), E_SIGNATURE);
		}
	memset(sig, 0, sizeof sig);
	ck_assert_int_eq(p256_verify(sig, point, digest), E_SIGNATURE);
}
END_TEST

START_TEST(generates_valid_keys_from_the_drbg_alone)
{
	const struct span seed = { (const uint8_t *)"a seed", 6 };
	struct key a, b, c;
	struct drbg d, e;
	uint8_t candidate[32];

	ck_assert_int_eq(drbg_seed(&d, &seed, 1), E_OK);
	e = d;
	ck_assert_int_eq(p256_generate(&a, &d), E_OK);
	ck_assert_int_eq(p256_generate(&b, &d), E_OK);
	ck_assert_mem_ne(a.b, b.b, 32);
	ck_assert_uint_eq(a.len, 32);
	ck_assert(p256_scalar_ok(a.b) && p256_scalar_ok(b.b));
	/* FIPS 186-4 B.4.2: the candidate plus one */
	ck_assert_int_eq(drbg_take(&e, candidate, sizeof candidate), E_OK);
	add(candidate, 1);
	ck_assert_mem_eq(a.b, candidate, 32);
	ck_assert_int_eq(p256_generate(&c, &e), E_OK);
	ck_assert_mem_eq(c.b, b.b, 32);
	d.requests = 0;
	ck_assert_int_eq(p256_generate(&a, &d), E_RANDOM);
	ck_assert_mem_eq(&a, zero, sizeof a);
}
END_TEST

START_TEST(the_spki_is_the_one_openssl_reads)
{
	struct key k = scalar(11);
	uint8_t point[P256_POINT], spki[P256_SPKI], digest[32], want[32], *der = NULL;
	const unsigned char *p = spki;
	EVP_PKEY *key;

	ck_assert_int_eq(p256_public(point, &k), E_OK);
	p256_spki(spki, point);
	key = d2i_PUBKEY(NULL, &p, sizeof spki);
	ck_assert_ptr_nonnull(key);
	ck_assert_ptr_eq(p, spki + sizeof spki);
	ck_assert_int_eq(i2d_PUBKEY(key, &der), P256_SPKI);
	ck_assert_mem_eq(der, spki, P256_SPKI);
	EVP_Digest(spki, sizeof spki, want, NULL, EVP_sha256(), NULL);
	ck_assert_int_eq(p256_spki_digest(digest, point), E_OK);
	ck_assert_mem_eq(digest, want, 32);
	OPENSSL_free(der);
	EVP_PKEY_free(key);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("p256");
	TCase *t = tcase_create("p256");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, gives_the_published_figures);
	tcase_add_test(t, both_forms_of_a_signature_verify_and_the_lower_one_is_kept);
	tcase_add_test(t, only_1_to_n_minus_1_are_scalars);
	tcase_add_test(t, every_function_refuses_what_is_no_point);
	tcase_add_test(t, coordinates_that_are_not_reduced_are_no_point);
	tcase_add_test(t, both_sides_of_ecdh_agree_and_keep_leading_zeros);
	tcase_add_test(t, a_signature_verifies_with_openssl_and_no_flipped_bit_of_anything_does);
	tcase_add_test(t, r_and_s_outside_1_to_n_minus_1_are_refused);
	tcase_add_test(t, generates_valid_keys_from_the_drbg_alone);
	tcase_add_test(t, the_spki_is_the_one_openssl_reads);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
