#include "terminal/port/mps2-an386/board.h"

void board_sent(enum uart u)
{
	(void)u;
}
