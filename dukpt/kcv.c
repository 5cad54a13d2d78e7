#include "dukpt/kcv.h"
#include "base/wipe.h"
#include "crypto/cmac.h"
#include "crypto/des.h"

#include <string.h>

enum err kcv_compute(uint8_t out[static KCV_MAX], uint8_t *len, enum dukpt_scheme scheme, const struct key *key)
{
	static const uint8_t zero[16];
	uint8_t b[16], n = scheme == DUKPT_TDES ? 3 : 5;
	enum err e = E_SCHEME;

	if (!dukpt_key_len(scheme))
		goto done;
	e = E_KEY;
	if (key->len != dukpt_key_len(scheme))
		goto done;
	e = scheme == DUKPT_TDES ? des_ecb(b, key, ENCRYPT, zero, 1) : cmac_aes(b, key, zero, sizeof zero);
	if (e)
		goto done;
	memset(out, 0, KCV_MAX);
	memcpy(out, b, n);
	*len = n;
done:
	wipe(b, sizeof b);
	return e;
}
