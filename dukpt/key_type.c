#include "dukpt/key_type.h"

#include <stddef.h>

static const struct dukpt_key_kind kinds[DUKPT_KEY_TYPES] = {
	[DUKPT_KEY_2TDEA] = { "2TDEA", 0, 16, 8, 80 },
	[DUKPT_KEY_3TDEA] = { "3TDEA", 1, 24, 8, 112 },
	[DUKPT_KEY_AES128] = { "AES128", 2, 16, 16, 128 },
	[DUKPT_KEY_AES192] = { "AES192", 3, 24, 16, 192 },
	[DUKPT_KEY_AES256] = { "AES256", 4, 32, 16, 256 },
	[DUKPT_KEY_HMAC128] = { "HMAC128", 5, 16, 0, 128 },
	[DUKPT_KEY_HMAC192] = { "HMAC192", 5, 24, 0, 192 },
	[DUKPT_KEY_HMAC256] = { "HMAC256", 5, 32, 0, 256 },
};

const struct dukpt_key_kind *dukpt_key_kind(enum dukpt_key_type type)
{
	return (unsigned)type < DUKPT_KEY_TYPES ? &kinds[type] : NULL;
}

enum err dukpt_key_type_parse(enum dukpt_key_type *type, const char *name)
{
	for (unsigned i = 0; i < DUKPT_KEY_TYPES; i++) {
		const char *a = kinds[i].name, *b = name;

		while (*a && *a == *b)
			a++, b++;
		if (*a == *b) {
			*type = (enum dukpt_key_type)i;
			return E_OK;
		}
	}
	return E_FORMAT;
}

enum err dukpt_key_type_of(enum dukpt_key_type *type, enum dukpt_scheme scheme)
{
	static const enum dukpt_key_type own[] = {
		[DUKPT_TDES] = DUKPT_KEY_2TDEA,
		[DUKPT_AES128] = DUKPT_KEY_AES128,
		[DUKPT_AES192] = DUKPT_KEY_AES192,
		[DUKPT_AES256] = DUKPT_KEY_AES256,
	};

	if (!dukpt_key_len(scheme))
		return E_SCHEME;
	*type = own[scheme];
	return E_OK;
}
