#include <stdint.h>
#include <string.h>

typedef uint32_t __attribute__((may_alias)) word;

static int aligned(const void *a, const void *b)
{
	return !(((uintptr_t)a | (uintptr_t)b) & 3);
}

void *memcpy(void *restrict to, const void *restrict from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (aligned(t, f))
		for (; len >= 4; len -= 4, t += 4, f += 4)
			*(word *)t = *(const word *)f;
	while (len--)
		*t++ = *f++;
	return to;
}

void *memmove(void *to, const void *from, size_t len)
{
	uint8_t *t = to;
	const uint8_t *f = from;

	if (t <= f)
		while (len--)
			*t++ = *f++;
	else
		while (len--)
			t[len] = f[len];
	return to;
}

void *memset(void *to, int c, size_t len)
{
	uint8_t *t = to;

	if (aligned(t, t))
		for (; len >= 4; len -= 4, t += 4)
			*(word *)t = (uint8_t)c * UINT32_C(0x01010101);
	while (len--)
		*t++ = (uint8_t)c;
	return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;

	for (; len && *x == *y; len--)
		x++, y++;
	return len ? *x - *y : 0;
}
