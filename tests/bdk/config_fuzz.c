/* room_config_parse() on any bytes: an error says why and leaves nothing, a success is a whole configuration. */
#include "bdk/room.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct room_config nothing;
	struct room_config c;
	char why[ROOM_WHY];
	enum err e = room_config_parse(&c, (struct span){ data, size }, why);

	if (e && (memcmp(&c, &nothing, sizeof c) || !why[0]))
		abort();
	if (!e && (c.version != ROOM_VERSION || !room_config_name(c.name) || strncmp(c.token, "pkcs11:", 7) || why[0] ||
		   c.purpose < ROOM_CA || c.purpose > ROOM_ACQUIRER || !c.epoch || !c.crl_days ||
		   !c.workers || c.workers > ROOM_WORKERS))
		abort();
	return 0;
}
