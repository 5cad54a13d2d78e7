/* OpenSSL 3.0 has no RFC 6979 through EVP; ECDSA_do_sign_ex(), which takes a nonce from the caller, is deprecated. */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "crypto/p256.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/obj_mac.h>
#include <string.h>

static EC_GROUP *group;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void make_group(void)
{
	group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

static bool ready(void)
{
	return CRYPTO_THREAD_run_once(&once, make_group) == 1 && group;
}

/* A secret number; OpenSSL then keeps to its constant-time paths. NULL on failure; BN_clear_free() it. */
static BIGNUM *secret(const uint8_t b[static 32])
{
	BIGNUM *n = BN_new();

	if (n)
		BN_set_flags(n, BN_FLG_CONSTTIME);
	if (n && !BN_bin2bn(b, 32, n)) {
		BN_clear_free(n);
		n = NULL;
	}
	return n;
}

/* A point on the curve. E_OK, E_POINT, E_CRYPTO; EC_POINT_free() *p in any case. */
static enum err decode(EC_POINT **p, const uint8_t point[static P256_POINT])
{
	*p = ready() ? EC_POINT_new(group) : NULL;
	if (!*p)
		return E_CRYPTO;
	/* OpenSSL would take the hybrid forms 06 and 07 too; it refuses coordinates that are not reduced */
	if (point[0] != 4 || EC_POINT_oct2point(group, *p, point, P256_POINT, NULL) != 1)
		return E_POINT;
	return E_OK;
}

enum err p256_public(uint8_t point[static P256_POINT], const struct key *priv)
{
	BIGNUM *d = NULL;
	EC_POINT *p = NULL;
	enum err e = E_KEY;

	if (!p256_private_ok(priv))
		goto done;
	e = E_CRYPTO;
	d = secret(priv->b);
	p = ready() ? EC_POINT_new(group) : NULL;
	if (d && p && EC_POINT_mul(group, p, d, NULL, NULL, NULL) == 1 &&
	    EC_POINT_point2oct(group, p, POINT_CONVERSION_UNCOMPRESSED, point, P256_POINT, NULL) == P256_POINT)
		e = E_OK;
done:
	EC_POINT_free(p);
	BN_clear_free(d);
	if (e)
		wipe(point, P256_POINT);
	return e;
}

enum err p256_check(const uint8_t point[static P256_POINT])
{
	EC_POINT *p;
	enum err e = decode(&p, point);

	EC_POINT_free(p);
	return e ? E_POINT : E_OK;
}

enum err p256_ecdh(struct key *z, const struct key *priv, const uint8_t point[static P256_POINT])
{
	BIGNUM *d = NULL, *x = BN_new();
	EC_POINT *p = NULL, *q = NULL;
	enum err e = E_KEY;

	wipe(z, sizeof *z);
	if (!p256_private_ok(priv))
		goto done;
	e = decode(&p, point);
	if (e)
		goto done;
	e = E_CRYPTO;
	d = secret(priv->b);
	q = EC_POINT_new(group);
	if (d && x && q && EC_POINT_mul(group, q, NULL, p, d, NULL) == 1 &&
	    EC_POINT_get_affine_coordinates(group, q, x, NULL, NULL) == 1 && BN_bn2binpad(x, z->b, 32) == 32) {
		z->len = 32;
		e = E_OK;
	}
done:
	EC_POINT_free(p);
	EC_POINT_clear_free(q);
	BN_clear_free(d);
	BN_clear_free(x);
	if (e)
		wipe(z, sizeof *z);
	return e;
}

/* The nonce of RFC 6979 3.2: HMAC-DRBG over x || H(m) mod n, until it gives one of 1..n-1 */
static enum err nonce(uint8_t k[static 32], const struct key *priv, const uint8_t digest[static 32])
{
	uint8_t v[32], h[32], round = 0;
	const struct span in[] = { SPAN(v), { &round, 1 }, { priv->b, 32 }, SPAN(h) };
	BIGNUM *n = BN_bin2bn(digest, 32, NULL);
	BN_CTX *ctx = BN_CTX_new();
	enum err e = E_CRYPTO;

	memset(v, 1, sizeof v);
	memset(k, 0, 32);
	if (n && ctx && BN_nnmod(n, n, EC_GROUP_get0_order(group), ctx) == 1 && BN_bn2binpad(n, h, 32) == 32)
		e = E_OK;
	for (; !e && round < 2; round++) {
		e = hmac_sha256(k, (struct span){ k, 32 }, in, 4);
		if (!e)
			e = hmac_sha256(v, (struct span){ k, 32 }, in, 1);
	}
	if (!e)
		e = hmac_sha256(v, (struct span){ k, 32 }, in, 1);
	for (round = 0; !e && !p256_scalar_ok(v);) {
		e = hmac_sha256(k, (struct span){ k, 32 }, in, 2);
		for (int i = 0; !e && i < 2; i++)
			e = hmac_sha256(v, (struct span){ k, 32 }, in, 1);
	}
	memcpy(k, v, 32);
	wipe(v, sizeof v);
	BN_free(n);
	BN_CTX_free(ctx);
	return e;
}

enum err p256_sign(uint8_t sig[static P256_SIG], const struct key *priv, const uint8_t digest[static 32])
{
	BIGNUM *d = NULL, *k = NULL, *kinv = BN_new(), *exp = BN_new(), *r = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	EC_POINT *p = NULL;
	EC_KEY *key = EC_KEY_new();
	ECDSA_SIG *s = NULL;
	const BIGNUM *n;
	uint8_t kb[32];
	enum err e = E_KEY;

	if (!p256_private_ok(priv))
		goto done;
	e = E_CRYPTO;
	if (!ready() || nonce(kb, priv, digest))
		goto done;
	d = secret(priv->b);
	k = secret(kb);
	p = EC_POINT_new(group);
	n = EC_GROUP_get0_order(group);
	if (!d || !k || !kinv || !exp || !r || !ctx || !p || !key)
		goto done;
	/* r = x(kG) mod n, and 1/k = k^(n-2): an inversion by powers, since that runs in constant time */
	if (EC_POINT_mul(group, p, k, NULL, NULL, ctx) != 1 ||
	    EC_POINT_get_affine_coordinates(group, p, r, NULL, ctx) != 1 || BN_nnmod(r, r, n, ctx) != 1 ||
	    !BN_copy(exp, n) || BN_sub_word(exp, 2) != 1 || BN_mod_exp_mont_consttime(kinv, k, exp, n, ctx, NULL) != 1)
		goto done;
	if (EC_KEY_set_group(key, group) != 1 || EC_KEY_set_private_key(key, d) != 1)
		goto done;
	s = ECDSA_do_sign_ex(digest, 32, kinv, r, key);
	if (s && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32 &&
	    BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32)
		e = E_OK;
done:
	wipe(kb, sizeof kb);
	ECDSA_SIG_free(s);
	EC_KEY_free(key);
	EC_POINT_clear_free(p);
	BN_CTX_free(ctx);
	BN_clear_free(d);
	BN_clear_free(k);
	BN_clear_free(kinv);
	BN_free(exp);
	BN_free(r);
	if (e)
		wipe(sig, P256_SIG);
	return e;
}

enum err p256_verify(const uint8_t sig[static P256_SIG], const uint8_t point[static P256_POINT],
		     const uint8_t digest[static 32])
{
	EC_KEY *key = EC_KEY_new();
	ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, 32, NULL), *t = BN_bin2bn(sig + 32, 32, NULL);
	EC_POINT *p = NULL;
	enum err e = decode(&p, point);

	if (e)
		goto done;
	e = E_SIGNATURE;
	if (!p256_scalar_ok(sig) || !p256_scalar_ok(sig + 32))
		goto done;
	e = E_CRYPTO;
	if (!key || !s || !r || !t || ECDSA_SIG_set0(s, r, t) != 1)
		goto done;
	r = t = NULL; /* s owns them */
	if (EC_KEY_set_group(key, group) != 1 || EC_KEY_set_public_key(key, p) != 1)
		goto done;
	switch (ECDSA_do_verify(digest, 32, s, key)) {
	case 1:
		e = E_OK;
		break;
	case 0:
		e = E_SIGNATURE;
		break;
	default:
		break;
	}
done:
	EC_POINT_free(p);
	BN_free(r);
	BN_free(t);
	ECDSA_SIG_free(s);
	EC_KEY_free(key);
	return e;
}
