#include "crypto/kbkdf.h"
#include "base/wipe.h"
#include "crypto/cmac.h"

#include <string.h>

void kbkdf_input(uint8_t out[static KBKDF_INPUT], uint32_t i, const char label[static KBKDF_LABEL],
		 const uint8_t ctx[static 32])
{
	put_be32(out, i);
	memcpy(out + 4, label, KBKDF_LABEL);
	out[11] = 0;
	memcpy(out + 12, ctx, 32);
	put_be32(out + 44, 256); /* bits of output */
}

enum err kbkdf(struct key *kek, const struct key *z, const char label[static KBKDF_LABEL], const uint8_t ctx[static 32])
{
	struct key out = { .len = 32 };
	uint8_t input[KBKDF_INPUT];
	enum err e = z->len == 32 ? E_OK : E_KEY;

	for (uint32_t i = 1; !e && i <= 2; i++) {
		kbkdf_input(input, i, label, ctx);
		e = cmac_aes(out.b + 16 * (i - 1), z, input, sizeof input);
	}
	if (e)
		wipe(kek, sizeof *kek);
	else
		*kek = out;
	wipe(&out, sizeof out);
	return e;
}
