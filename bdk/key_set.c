#include "bdk/key_set.h"
#include "base/hex.h"

#include <string.h>

enum err key_set_parse(struct key_set_id *set, const char *text, enum dukpt_scheme scheme)
{
	struct key_set_id out = { { 0 }, dukpt_key_set_len(scheme), scheme };
	size_t len;

	if (!out.len)
		return E_SCHEME;
	if (strlen(text) != 2u * out.len || hex_decode(out.b, &len, sizeof out.b, text, 2u * out.len))
		return E_FORMAT;
	if (scheme == DUKPT_TDES && (out.b[0] != 0xFF || out.b[1] != 0xFF))
		return E_FORMAT;
	*set = out;
	return E_OK;
}

void key_set_text(char out[static KEY_SET_TEXT], const struct key_set_id *set)
{
	hex_encode(out, set->b, set->len);
}

void key_set_of_ksn(struct key_set_id *set, const struct ksn *k)
{
	struct span id = ksn_key_set(k);
	struct key_set_id out = { { 0 }, (uint8_t)id.len, k->len == KSN_TDES ? DUKPT_TDES : DUKPT_NONE };

	memcpy(out.b, id.p, id.len);
	*set = out;
}
