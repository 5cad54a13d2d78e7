#include "terminal/port/mps2-an386/board.h"

void board_store(volatile uint32_t *at, uint32_t word)
{
	*at = word;
	__asm__ volatile("dsb" ::: "memory");
}
