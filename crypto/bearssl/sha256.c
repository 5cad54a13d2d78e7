#include "crypto/sha256.h"
#include "base/wipe.h"

#include <bearssl.h>

enum err sha256(uint8_t out[static 32], const struct span *parts, size_t n)
{
	br_sha256_context c;

	br_sha256_init(&c);
	for (size_t i = 0; i < n; i++)
		if (parts[i].len)
			br_sha256_update(&c, parts[i].p, parts[i].len);
	br_sha256_out(&c, out);
	wipe(&c, sizeof c);
	return E_OK;
}

enum err hmac_sha256(uint8_t out[static 32], struct span key, const struct span *parts, size_t n)
{
	static const uint8_t none[1];
	br_hmac_key_context k;
	br_hmac_context c;

	br_hmac_key_init(&k, &br_sha256_vtable, key.len ? key.p : none, key.len);
	br_hmac_init(&c, &k, 0);
	for (size_t i = 0; i < n; i++)
		if (parts[i].len)
			br_hmac_update(&c, parts[i].p, parts[i].len);
	br_hmac_out(&c, out);
	wipe(&k, sizeof k);
	wipe(&c, sizeof c);
	return E_OK;
}
