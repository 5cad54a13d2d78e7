#include "crypto/p256.h"
#include "base/wipe.h"

#include <bearssl.h>
#include <string.h>

/* m31: 31-bit words, constant time; BearSSL's choice for a CPU whose multiplication is. */
#define EC (&br_ec_p256_m31)
#define CURVE BR_EC_secp256r1

/*
 * In the place of BearSSL's own function of this name, which goes one step less where the number begins with a zero byte;
 * and the number may be the nonce of a signature. This takes the same steps for each, but is for numbers of as many bits
 * as the order only: with P-256 and SHA-256 there are no others.
 */
void br_i31_decode(uint32_t *x, const void *src, size_t len);
void br_ecdsa_i31_bits2int(uint32_t *x, const void *src, size_t len, uint32_t ebitlen);
void br_ecdsa_i31_bits2int(uint32_t *x, const void *src, size_t len, uint32_t ebitlen)
{
	br_i31_decode(x, src, len);
	x[0] = ebitlen;
}

enum err p256_public(uint8_t point[static P256_POINT], const struct key *priv)
{
	enum err e = E_OK;

	if (!p256_private_ok(priv))
		e = E_KEY;
	else if (EC->mulgen(point, priv->b, priv->len, CURVE) != P256_POINT)
		e = E_CRYPTO;
	if (e)
		wipe(point, P256_POINT);
	return e;
}

enum err p256_check(const uint8_t point[static P256_POINT])
{
	static const uint8_t one[1] = { 1 };
	uint8_t p[P256_POINT];

	/* multiplication refuses what is not on the curve, and coordinates that are not reduced */
	memcpy(p, point, sizeof p);
	return EC->mul(p, sizeof p, one, sizeof one, CURVE) ? E_OK : E_POINT;
}

enum err p256_ecdh(struct key *z, const struct key *priv, const uint8_t point[static P256_POINT])
{
	uint8_t p[P256_POINT];
	enum err e = E_OK;

	memcpy(p, point, sizeof p);
	if (!p256_private_ok(priv))
		e = E_KEY;
	else if (!EC->mul(p, sizeof p, priv->b, priv->len, CURVE))
		e = E_POINT;
	wipe(z, sizeof *z);
	if (!e) {
		memcpy(z->b, p + 1, 32);
		z->len = 32;
	}
	wipe(p, sizeof p);
	return e;
}

enum err p256_sign(uint8_t sig[static P256_SIG], const struct key *priv, const uint8_t digest[static 32])
{
	br_ec_private_key sk = { CURVE, (unsigned char *)priv->b, priv->len }; /* BearSSL only reads it */
	enum err e = E_OK;

	if (!p256_private_ok(priv))
		e = E_KEY;
	else if (br_ecdsa_i31_sign_raw(EC, &br_sha256_vtable, digest, &sk, sig) != P256_SIG)
		e = E_CRYPTO;
	if (e)
		wipe(sig, P256_SIG);
	return e;
}

enum err p256_verify(const uint8_t sig[static P256_SIG], const uint8_t point[static P256_POINT],
		     const uint8_t digest[static 32])
{
	br_ec_public_key pk = { CURVE, (unsigned char *)point, P256_POINT }; /* BearSSL only reads it */
	enum err e = p256_check(point);

	if (!e && (!p256_scalar_ok(sig) || !p256_scalar_ok(sig + 32) ||
		   !br_ecdsa_i31_vrfy_raw(EC, digest, 32, &pk, sig, P256_SIG)))
		e = E_SIGNATURE;
	return e;
}
