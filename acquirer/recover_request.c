#include "acquirer/recover_request.h"
#include "base/hex.h"
#include "base/wipe.h"

#include <string.h>

#define DATA_MOST (STANZA_BYTES / 2)

static const char digits[] = "0123456789";
static const char hex_digits[] = "0123456789ABCDEFabcdef";

static bool made_of(const char *text, const char *set, size_t least, size_t most)
{
	size_t n = strlen(text);

	return n >= least && n <= most && strspn(text, set) == n;
}

static enum err put_ksn(struct record *out, char ksn[static KSN_TEXT], const char *text)
{
	size_t n = text ? strlen(text) : 0, pad = n >= 16 && n < 20 ? 20 - n : 0, len;
	uint8_t b[12];

	if ((n + pad != 20 && n != 24) || strspn(text, hex_digits) != n)
		return E_FORMAT;
	memset(ksn, 'F', pad);
	memcpy(ksn + pad, text, n + 1);
	if (hex_decode(b, &len, sizeof b, ksn, n + pad)) {
		ksn[0] = 0;
		return E_FORMAT;
	}
	hex_encode(ksn, b, len);
	record_put(out, F_KSN, (struct span){ b, len });
	return E_OK;
}

static enum err put_hex(struct record *out, uint16_t tag, const char *text, size_t least, size_t most)
{
	uint8_t b[DATA_MOST];
	size_t len = 0;
	enum err e = hex_decode(b, &len, most, text, strlen(text));

	if (!e && len >= least)
		record_put(out, tag, (struct span){ b, len });
	else
		e = E_FORMAT;
	wipe(b, sizeof b);
	return e;
}

static const char *put_pin(struct record *out, const char *format, const char *block, const char *pan)
{
	size_t size;

	if (!format || !block || !pan)
		return "a PIN needs pin_format, pin_block and pan";
	if (!made_of(format, "01234", 1, 1))
		return "pin_format is not 0 to 4";
	size = *format == '4' ? 16 : 8;
	if (!made_of(pan, digits, 12, 19))
		return "pan is not 12 to 19 digits";
	if (put_hex(out, F_PIN_BLOCK, block, size, size))
		return size == 8 ? "pin_block is not 16 hexadecimal digits" : "pin_block is not 32 hexadecimal digits";
	record_put_number(out, F_PIN_FORMAT, (uint64_t)(*format - '0'));
	record_put_text(out, F_PAN, pan);
	return NULL;
}

static const char *put_mac(struct record *out, const char *mac, const char *data)
{
	if (!mac || !data)
		return "mac and mac_data go together";
	if (put_hex(out, F_MAC, mac, 4, 16))
		return "mac is not 4 to 16 bytes in hexadecimal";
	if (put_hex(out, F_MAC_DATA, data, 1, DATA_MOST))
		return "mac_data is not hexadecimal";
	return NULL;
}

static const char *put_all(struct record *out, char ksn[static KSN_TEXT], const struct stanza *s)
{
	const char *format = stanza_get(s, "pin_format"), *block = stanza_get(s, "pin_block");
	const char *mac = stanza_get(s, "mac"), *mac_data = stanza_get(s, "mac_data"), *data = stanza_get(s, "data");
	const char *why = NULL;

	if (put_ksn(out, ksn, stanza_get(s, "ksn")))
		return "ksn is not 16 to 20 or 24 hexadecimal digits";
	if (!format && !block && !mac && !mac_data && !data)
		return "nothing asked: no pin_block, no mac, no data";
	if (format || block)
		why = put_pin(out, format, block, stanza_get(s, "pan"));
	else if (stanza_get(s, "pan") && !made_of(stanza_get(s, "pan"), digits, 12, 19))
		why = "pan is not 12 to 19 digits";
	if (!why && (mac || mac_data))
		why = put_mac(out, mac, mac_data);
	if (!why && data && put_hex(out, F_DATA, data, 1, DATA_MOST))
		why = "data is not hexadecimal";
	if (!why && out->e)
		why = err_text(out->e);
	return why;
}

enum err request_of_stanza(struct record *out, char ksn[static KSN_TEXT], const char **why, const struct stanza *s)
{
	record_begin(out, OP_RECOVER);
	ksn[0] = 0;
	*why = put_all(out, ksn, s);
	return *why ? E_FORMAT : E_OK;
}
