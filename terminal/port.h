/*
 * All the hardware there is. The firmware core reaches the outside through this and nothing else, so that the same
 * sources run as a process (port/posix) and on a microcontroller.
 *
 * The functions get ctx back and are called from one thread, never from an interrupt. The port owns everything that is
 * pointed to and keeps it as long as the firmware runs.
 */
#ifndef KEYROOM_TERMINAL_PORT_H
#define KEYROOM_TERMINAL_PORT_H

#include "base/bytes.h"

#include <stdbool.h>

enum uart {
	UART_LINK, /* enrolment and loading */
	UART_TILL, /* till and keypad */
	UARTS
};

#define DISPLAY_LINE 80 /* characters of the longest line, without the NUL */

struct port {
	void *ctx;

	/* Made in the factory, or in the image. */
	struct span serial;   /* text, 1..32 of [A-Za-z0-9-] */
	struct span chip;     /* chip id, 0..32 bytes */
	uint8_t root[32];     /* SHA-256 of the SPKI of the device CA: the one root that may enrol this terminal */
	struct span firmware; /* version text, at most 32 bytes */
	uint8_t firmware_digest[32];
	uint32_t nv_size; /* bytes of non-volatile memory, a multiple of 4 */

	/* uart_read - what has arrived, at most size bytes, 0 if nothing; never waits */
	size_t (*uart_read)(void *ctx, enum uart u, uint8_t *out, size_t size);

	/* uart_write - send all of it. Nobody may be listening: that is no error */
	void (*uart_write)(void *ctx, enum uart u, const uint8_t *in, size_t len);

	/* display - one line of text, at most DISPLAY_LINE characters */
	void (*display)(void *ctx, const char *line);

	/* nv_read - E_OK, E_STORE */
	enum err (*nv_read)(void *ctx, uint32_t at, uint8_t *out, size_t len);

	/*
	 * nv_write - store bytes; at and len are multiples of 4
	 *
	 * When it returns E_OK they survive a loss of power. One that comes earlier leaves the words below some address
	 * written and those from there on as they were: words go in ascending order, and each is written whole.
	 * The old content is overwritten in place (battery-backed SRAM, FRAM), not kept elsewhere as in a flash that
	 * levels wear: DUKPT forbids old keys. Fresh from the factory all of it is zero.
	 *
	 * E_OK, E_STORE
	 */
	enum err (*nv_write)(void *ctx, uint32_t at, const uint8_t *in, size_t len);

	/* entropy - len bytes from the noise source; random.h tests them. E_OK, E_RANDOM */
	enum err (*entropy)(void *ctx, uint8_t *out, size_t len);

	/* tamper - has a tamper switch opened since power-on? */
	bool (*tamper)(void *ctx);

	/* loading - is the loading key pressed, or was it since the last call? A person's act at the terminal: no line may
	 * bring it about. While it is true, the loading window does not close */
	bool (*loading)(void *ctx);

	/* tick - milliseconds since power-on, going round after 2^32 */
	uint32_t (*tick)(void *ctx);

	/* wait - sleep until something may have arrived, but at most a second. False: stop the firmware */
	bool (*wait)(void *ctx);
};

#endif
