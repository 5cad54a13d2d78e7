#include "kif/fact.h"
#include "base/hex.h"

#include <string.h>

#define TIME_MOST 253402300799u /* the last second of the year 9999 */
#define SLOT_MOST 7

static const char digits[] = "0123456789ABCDEF";

enum err fact_key_set(char out[static FACT_KEY_SET], const char *text)
{
	size_t n = strlen(text), i;

	out[0] = 0;
	if (n != 8 && n != 10)
		return E_FORMAT;
	for (i = 0; i < n; i++)
		out[i] = (char)(text[i] >= 'a' && text[i] <= 'f' ? text[i] - 'a' + 'A' : text[i]);
	out[n] = 0;
	if (strspn(out, digits) == n && (n == 8 || !strncmp(out, "FFFF", 4)))
		return E_OK;
	out[0] = 0;
	return E_FORMAT;
}

/* Bytes of one of two lengths as hexadecimal text. */
static enum err get_hex(char *out, struct span fields, uint16_t tag, size_t a, size_t b)
{
	struct span v = field_get(fields, tag);

	if (!v.p || (v.len != a && v.len != b))
		return E_FORMAT;
	hex_encode(out, v.p, v.len);
	return E_OK;
}

static bool known_state(const char *s)
{
	static const char *const names[] = { "sent", "loaded", "possibly-loaded", "zeroized" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (!strcmp(s, names[i]))
			return true;
	return false;
}

enum err fact_read(struct fact *f, struct span row)
{
	struct fact out = { 0 };
	char key_set[FACT_KEY_SET];
	uint64_t slot = 0, count = 0;
	enum err e;

	*f = out;
	/* clang-format off */
	if ((e = field_check(row)) ||
	    (e = field_number(&out.sequence, row, F_SEQUENCE, INT64_MAX)) ||
	    (e = field_number(&out.time, row, F_TIME, TIME_MOST)) ||
	    (e = field_text(out.serial, sizeof out.serial, row, F_SERIAL)) ||
	    (e = get_hex(out.spki, row, F_SPKI, 32, 32)) ||
	    (e = field_text(key_set, sizeof key_set, row, F_KEY_SET)) ||
	    (e = fact_key_set(out.key_set, key_set)) ||
	    (e = field_text(out.scheme, sizeof out.scheme, row, F_SCHEME)) ||
	    (e = field_number(&slot, row, F_SLOT, SLOT_MOST)) ||
	    (e = get_hex(out.ksn, row, F_KSN, 10, 12)) ||
	    (e = field_text(out.state, sizeof out.state, row, F_STATE)) ||
	    (e = field_number(&count, row, F_LOAD_COUNT, UINT32_MAX)))
		return e;
	/* clang-format on */
	if (field_get(row, F_KCV).len && (e = get_hex(out.kcv, row, F_KCV, 3, 5)))
		return e;
	if (field_get(row, F_FIRMWARE).len && (e = field_text(out.firmware, sizeof out.firmware, row, F_FIRMWARE)))
		return e;
	if (!out.sequence || !serial_ok(out.serial, strlen(out.serial)) || !known_state(out.state))
		return E_FORMAT;
	out.slot = (uint8_t)slot;
	out.load_count = (uint32_t)count;
	*f = out;
	return E_OK;
}
