#include "terminal/port/mps2-an386/board.h"
#include "base/serial.h"

#include <string.h>

enum { LINES = UARTS + 1, DISPLAY = UARTS, WRITE_MS = 5000, BAUD = 115200, WATCHDOG_S = 100 };

struct cmsdk_uart {
	volatile uint32_t data, state, ctrl, interrupt, divisor;
};
enum { TX_FULL = 1, RX_FULL = 2, TX_ON = 1, RX_ON = 2, RX_INTERRUPT = 8, GOT_RX = 2 };

struct cmsdk_timer {
	volatile uint32_t ctrl, value, reload, interrupt;
};
enum { TIMER_ON = 1, TIMER_INTERRUPT = 8 };

struct cmsdk_watchdog {
	volatile uint32_t load, value, ctrl, clear;
};
enum { WATCHDOG_ON = 1, WATCHDOG_RESETS = 2 };

#define SECOND ((struct cmsdk_timer *)0x40000000) /* ends the sleep once a second */
#define CLOCK ((struct cmsdk_timer *)0x40001000)  /* counts down and round */
#define WATCHDOG ((struct cmsdk_watchdog *)0x40008000)
#define NVIC_ENABLE (*(volatile uint32_t *)0xe000e100)
#define NVIC_CLEAR (*(volatile uint32_t *)0xe000e280)
#define FACTORY ((const struct factory *)BOARD_FACTORY)

static struct cmsdk_uart *const uart[LINES] = {
	[UART_LINK] = (struct cmsdk_uart *)0x40004000,
	[UART_TILL] = (struct cmsdk_uart *)0x40005000,
	[DISPLAY] = (struct cmsdk_uart *)0x40006000,
};
enum { INTERRUPTS = 1 << 0 | 1 << 2 | 1 << 8 }; /* both lines' receivers and SECOND */

/* --- Time --- */

static uint32_t tick(void *ctx)
{
	static uint32_t ms, rest, last;
	uint32_t now = ~CLOCK->value;

	(void)ctx;
	rest += now - last; /* asked at least once a second, so neither goes round */
	last = now;
	ms += rest / (BOARD_HZ / 1000);
	rest %= BOARD_HZ / 1000;
	return ms;
}

/* --- Lines --- */

static void send(unsigned line, const uint8_t *in, size_t len)
{
	uint32_t since = tick(NULL);

	for (size_t i = 0; i < len; i++) {
		while (uart[line]->state & TX_FULL)
			if (tick(NULL) - since > WRITE_MS)
				return; /* it does not listen: it will ask again */
		uart[line]->data = in[i];
	}
}

static size_t uart_read(void *ctx, enum uart u, uint8_t *out, size_t size)
{
	size_t n = 0;

	(void)ctx;
	/* The status goes first: a byte that comes after it sets it again. */
	uart[u]->interrupt = GOT_RX;
	while (n < size && (uart[u]->state & RX_FULL))
		out[n++] = (uint8_t)uart[u]->data;
	return n;
}

static void uart_write(void *ctx, enum uart u, const uint8_t *in, size_t len)
{
	(void)ctx;
	send(u, in, len);
}

void board_show(const char *line)
{
	size_t len = 0;

	while (len < DISPLAY_LINE && line[len])
		len++;
	send(DISPLAY, (const uint8_t *)line, len);
	send(DISPLAY, (const uint8_t *)"\n", 1);
}

static void display(void *ctx, const char *line)
{
	(void)ctx;
	board_show(line);
}

/* --- Memory --- */

static enum err nv_read(void *ctx, uint32_t at, uint8_t *out, size_t len)
{
	(void)ctx;
	if (at > BOARD_NV_SIZE || len > BOARD_NV_SIZE - at)
		return E_STORE;
	memcpy(out, (const void *)(BOARD_NV + at), len);
	return E_OK;
}

static enum err nv_write(void *ctx, uint32_t at, const uint8_t *in, size_t len)
{
	uint32_t word;

	(void)ctx;
	if (at % 4 || len % 4 || at > BOARD_NV_SIZE || len > BOARD_NV_SIZE - at)
		return E_STORE;
	for (size_t i = 0; i < len; i += sizeof word) {
		memcpy(&word, in + i, sizeof word);
		board_store((volatile uint32_t *)(BOARD_NV + at + i), word);
	}
	return E_OK;
}

/* --- The rest --- */

static bool tamper(void *ctx)
{
	(void)ctx;
	return *(volatile uint32_t *)BOARD_TAMPER;
}

static bool loading(void *ctx)
{
	volatile uint32_t *key = (volatile uint32_t *)BOARD_LOADING;
	uint32_t was = *key;

	(void)ctx;
	if (was == BOARD_PRESSED_ONCE)
		*key = BOARD_RELEASED;
	return was == BOARD_PRESSED || was == BOARD_PRESSED_ONCE;
}

static bool wait(void *ctx)
{
	(void)ctx;
	WATCHDOG->clear = 1;
	tick(NULL);
	SECOND->interrupt = 1;
	NVIC_CLEAR = INTERRUPTS;
	/* A byte that comes from here on is a pending interrupt, which WFI does not sleep through. */
	if (!((uart[UART_LINK]->state | uart[UART_TILL]->state) & RX_FULL))
		__asm__ volatile("dsb\n\twfi" ::: "memory");
	return true;
}

void board_init(void)
{
	for (unsigned i = 0; i < LINES; i++) {
		uart[i]->divisor = BOARD_HZ / BAUD;
		uart[i]->ctrl = i == DISPLAY ? TX_ON : TX_ON | RX_ON | RX_INTERRUPT;
		(void)uart[i]->data; /* else the first byte can wait a second */
	}
	CLOCK->reload = UINT32_MAX;
	CLOCK->value = UINT32_MAX;
	CLOCK->ctrl = TIMER_ON;
	SECOND->reload = BOARD_HZ - 1;
	SECOND->value = BOARD_HZ - 1;
	SECOND->ctrl = TIMER_ON | TIMER_INTERRUPT;
	WATCHDOG->load = WATCHDOG_S * BOARD_HZ;
	WATCHDOG->ctrl = WATCHDOG_ON | WATCHDOG_RESETS;
	NVIC_ENABLE = INTERRUPTS;
}

enum err board_port(struct port *port)
{
	const struct factory *f = FACTORY;

	if (f->mark != BOARD_FACTORY_MARK || f->serial_len > sizeof f->serial ||
	    !serial_ok((const char *)f->serial, f->serial_len))
		return E_FORMAT;
	port->serial = (struct span){ f->serial, f->serial_len };
	port->chip = port->serial; /* a simulated chip has no number of its own */
	memcpy(port->root, f->root, sizeof port->root);
	port->nv_size = BOARD_NV_SIZE;
	port->uart_read = uart_read;
	port->uart_write = uart_write;
	port->display = display;
	port->nv_read = nv_read;
	port->nv_write = nv_write;
	port->entropy = board_entropy;
	port->tamper = tamper;
	port->loading = loading;
	port->tick = tick;
	port->wait = wait;
	return E_OK;
}
