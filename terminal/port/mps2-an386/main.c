/*
 * The terminal on the board: runs until the power goes.
 */
#include "crypto/sha256.h"
#include "terminal/firmware.h"
#include "terminal/port/mps2-an386/board.h"

extern const uint8_t board_flash[], board_flash_end[];
int main(void);

/* The firmware is what lies in flash. */
static enum err own_digest(uint8_t out[static 32])
{
	struct span all = { board_flash, (size_t)((uintptr_t)board_flash_end - (uintptr_t)board_flash) };

	return sha256(out, &all, 1);
}

int main(void)
{
	static const uint8_t version[] = "keyroom-mps2-an386 " KEYROOM_VERSION;
	static struct firmware firmware;
	static struct port port;
	enum err e;

	board_init();
	port.firmware = (struct span){ version, sizeof version - 1 };
	e = board_port(&port);
	if (e)
		board_show("NO FACTORY PAGE");
	if (!e)
		e = own_digest(port.firmware_digest);
	if (!e)
		e = firmware_start(&firmware, &port);
	while (!e && firmware_step(&firmware))
		;
	firmware_stop(&firmware);
	for (;;)
		__asm__ volatile("wfi");
}
