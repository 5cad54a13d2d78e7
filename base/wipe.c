#include "base/wipe.h"

#include <stdint.h>
#include <string.h>

void wipe(void *p, size_t len)
{
	if (!len)
		return; /* p may be NULL then, which memset() does not take */
	memset(p, 0, len);
	/* The barrier claims to read *p, so the stores above must happen. */
	__asm__ __volatile__("" : : "r"(p) : "memory");
}

bool ct_equal(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;
	uint8_t differs = 0;

	for (size_t i = 0; i < len; i++)
		differs = (uint8_t)(differs | (x[i] ^ y[i]));
	return ((uint32_t)differs - 1) >> 31;
}
