#include "base/serial.h"

bool serial_ok(const char *text, size_t len)
{
	bool ok = len >= 1 && len <= SERIAL_MAX;

	for (size_t i = 0; ok && i < len; i++)
		ok = (text[i] >= 'A' && text[i] <= 'Z') || (text[i] >= 'a' && text[i] <= 'z') ||
		     (text[i] >= '0' && text[i] <= '9') || text[i] == '-';
	return ok;
}
