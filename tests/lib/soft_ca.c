#include "tests/lib/soft_ca.h"

#include <stdlib.h>

enum err soft_sign(void *priv, uint8_t sig[static P256_SIG], const uint8_t digest[static 32])
{
	return p256_sign(sig, priv, digest);
}

struct span soft_ca(void)
{
	static uint8_t der[PKI_MAX];
	static size_t len;
	struct key priv = { { 0x11, 0x11 }, 32 };
	const struct pki_signer s = { soft_sign, &priv };
	uint8_t point[P256_POINT];

	if (!len &&
	    (p256_public(point, &priv) || pki_ca(der, &len, sizeof der, point, "Test device CA", SOFT_CA_UTC, 3650, &s)))
		abort();
	return (struct span){ der, len };
}
