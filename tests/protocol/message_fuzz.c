/*
 * Messages: the first byte is the type, the rest the message. Whatever a decoder accepts is exactly what its encoder
 * writes.
 */
#include "tests/lib/test.h"
#include "tests/protocol/recode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t out[MSG_MAX];
	const uint8_t *sig;
	struct span body;
	size_t len = 0;
	enum err e;

	if (!size || msg_open(&body, &sig, data[0], (struct span){ data + 1, size - 1 }))
		return 0;
	if (msg_signed(data[0]) != (sig != NULL) || (sig && sig + P256_SIG != data + size))
		abort();
	e = recode(out, &len, data[0], body);
	if (e == E_INTERNAL || (!e && (len != body.len || memcmp(out, body.p, len))))
		abort();
	return 0;
}
