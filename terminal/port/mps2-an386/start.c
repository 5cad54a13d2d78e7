/*
 * From power-on or reset to main(). All of RAM is written: what a reset left in it is gone.
 */
#include "terminal/port/mps2-an386/board.h"

#include <string.h>

#define PAINT UINT32_C(0x5ac35ac3) /* of unused stack: what is still painted was never reached */

extern uint32_t board_stack[], board_stack_top[], board_data[], board_data_end[], board_bss_end[];
extern const uint32_t board_data_load[];
_Noreturn void board_start(void);
int main(void);

#define AIRCR (*(volatile uint32_t *)0xe000ed0c)

void board_reset(void)
{
	__asm__ volatile("dsb");
	AIRCR = UINT32_C(0x05fa0004);
	for (;;)
		;
}

/* On a stack of its own making: the old one may be the fault. */
static _Noreturn __attribute__((used)) void fault(void)
{
	board_show("FAULT");
	board_reset();
}

static __attribute__((naked)) void on_fault(void)
{
	__asm__ volatile("ldr r0, =board_stack_top\n\tmov sp, r0\n\tb %c0" : : "i"(fault));
}

void board_start(void)
{
	uint32_t *p;

	__asm__ volatile("cpsid i\n\tmov %0, sp" : "=r"(p));
	while (p > board_stack)
		*--p = PAINT;
	memcpy(board_data, board_data_load, (size_t)((uintptr_t)board_data_end - (uintptr_t)board_data));
	memset(board_data_end, 0, (size_t)((uintptr_t)board_bss_end - (uintptr_t)board_data_end));
	main();
	board_reset();
}

/* Interrupts are masked for good, so the system exceptions are all the vectors that there are. NMI is the watchdog's
 * first warning, which nothing can be done about. */
static const struct {
	uint32_t *stack;
	void (*on[15])(void);
} vectors __attribute__((section(".vectors"), used)) = {
	board_stack_top,
	{ board_start, on_fault, on_fault, on_fault, on_fault, on_fault, NULL, NULL, NULL, NULL, on_fault, on_fault,
	  NULL, on_fault, on_fault },
};
