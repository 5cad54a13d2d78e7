#include "terminal/secure.h"

#ifndef SECURE_UNHARDENED

/* E_OK stays zero; every other result, and what a register may hold by accident, becomes a wide number. */
static uint32_t spread(uint32_t said)
{
	return said * UINT32_C(0x9e3779b1);
}

enum err secure_add(struct secure *s, secure_check *check, void *ctx)
{
	/* volatile: twice means twice */
	secure_check *volatile make = check;
	volatile uint32_t first = E_INTERNAL, second = E_INTERNAL;
	uint32_t mark = 0, again = 0;

	first = (uint32_t)make(&mark, ctx);
	s->sum += mark ^ spread(first);
	if (first)
		return (enum err)first;
	second = (uint32_t)make(&again, ctx);
	s->inverse -= again ^ spread(second);
	return (enum err)second;
}

uint32_t secure_passed(const struct secure *s, uint32_t marks)
{
	return SECURE_YES ^ ((s->sum ^ marks) | (s->inverse ^ (0 - marks)));
}

#else

enum err secure_add(struct secure *s, secure_check *check, void *ctx)
{
	uint32_t mark;

	(void)s;
	return check(&mark, ctx);
}

uint32_t secure_passed(const struct secure *s, uint32_t marks)
{
	(void)s;
	(void)marks;
	return SECURE_YES;
}

#endif
