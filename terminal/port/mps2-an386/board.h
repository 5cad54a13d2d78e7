/*
 * The board: QEMU's mps2-an386, a Cortex-M4 at 25 MHz with five CMSDK UARTs.
 *
 *     0x00000000  flash    code, constants (board.ld)
 *     0x20000000  RAM      stack first, so that one that grows too far leaves RAM and faults; then data
 *     0x21000000  memory   16 MiB that a file stands behind (tools/board), in the place of battery-backed SRAM:
 *                          non-volatile memory, then the factory page, then the simulated pins
 *     UART 0 loading link, UART 1 till and keypad, UART 2 display, a line of text each
 *
 * There are no interrupt handlers: interrupts only end the sleep of WFI, which they do although they are masked.
 */
#ifndef KEYROOM_BOARD_H
#define KEYROOM_BOARD_H

#include "terminal/port.h"

#define BOARD_NV UINT32_C(0x21000000)
#define BOARD_NV_SIZE UINT32_C(0x10000)

/* Written once by whoever makes the terminal (tools/board writes it). */
#define BOARD_FACTORY (BOARD_NV + BOARD_NV_SIZE)
#define BOARD_FACTORY_MARK UINT32_C(0x3146524b) /* "KRF1" */
struct factory {
	uint32_t mark;
	uint32_t serial_len;
	uint8_t serial[32];
	uint8_t root[32];
};

/* SIMULATED: the tamper switch is a word of that memory, which the host pokes; open is anything but zero. */
#define BOARD_TAMPER (BOARD_FACTORY + UINT32_C(0x1000))

/* SIMULATED: the loading key is the next word, as a latch that the port clears: pressed for good, since nobody is there to
 * press it; not pressed; pressed once. */
#define BOARD_LOADING (BOARD_TAMPER + UINT32_C(4))
enum { BOARD_PRESSED = 0, BOARD_RELEASED = 1, BOARD_PRESSED_ONCE = 2 };

#define BOARD_HZ UINT32_C(25000000)

/* board_init - UARTs, timers, watchdog */
void board_init(void);

/* board_port - fill in the functions, nv_size and what the factory page says. E_OK, E_FORMAT: there is none */
MUST_USE enum err board_port(struct port *port);

/* board_show - a line on the display */
void board_show(const char *line);

/* board_store - one word of the non-volatile memory, durable on return */
void board_store(volatile uint32_t *at, uint32_t word);

/* board_reset - the whole board starts again */
_Noreturn void board_reset(void);

/* board_entropy - SIMULATED: the host's /dev/urandom by semihosting. A real board reads its noise source. As port.h */
MUST_USE enum err board_entropy(void *ctx, uint8_t *out, size_t len);

/* semihost - a debugger's service, SIMULATED: real boards run without one */
int semihost(int op, const void *arg);

#endif
