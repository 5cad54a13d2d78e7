#include "dukpt/translate.h"

enum rule { NEVER, SAME_PAN, ALWAYS };

static const uint8_t rules[][5] = {
	[PIN_FORMAT_0] = { SAME_PAN, NEVER, NEVER, SAME_PAN, SAME_PAN },
	[PIN_FORMAT_1] = { ALWAYS, NEVER, NEVER, ALWAYS, ALWAYS },
	[PIN_FORMAT_2] = { NEVER, NEVER, NEVER, NEVER, NEVER },
	[PIN_FORMAT_3] = { SAME_PAN, NEVER, NEVER, SAME_PAN, SAME_PAN },
	[PIN_FORMAT_4] = { SAME_PAN, NEVER, NEVER, SAME_PAN, SAME_PAN },
};

bool pinblock_may_translate(enum pin_format from, enum pin_format to, bool same_pan)
{
	enum rule rule = NEVER;

	if ((unsigned)from <= PIN_FORMAT_4 && (unsigned)to <= PIN_FORMAT_4)
		rule = (enum rule)rules[from][to];
	return rule == ALWAYS || (rule == SAME_PAN && same_pan);
}
