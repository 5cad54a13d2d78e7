/*
 * ksn_parse() on any text: what it accepts is written back as the same KSN, its successor is a possible one, and it is
 * put together again from its parts.
 */
#include "dukpt/ksn.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), back[KSN_TEXT];
	struct ksn k, again, next;
	enum err e;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	e = ksn_parse(&k, text);
	free(text);
	if (e) {
		must(e == E_FORMAT);
		return 0;
	}
	ksn_text(back, &k);
	must(ksn_parse(&again, back) == E_OK && !memcmp(&k, &again, sizeof k));
	must(strlen(back) == 2u * k.len);
	e = ksn_next(&next, &k);
	if (e == E_OK)
		must(ksn_counter_valid(&next) && ksn_counter(&next) > ksn_counter(&k) && ksn_same_device(&next, &k));
	else
		must(e == (ksn_counter_valid(&k) ? E_EXHAUSTED : E_COUNTER));
	must(ksn_make(&again, k.len == KSN_AES ? DUKPT_AES128 : DUKPT_TDES, ksn_key_set(&k).p, ksn_device(&k)) == E_OK);
	must(ksn_initial(&again) && ksn_same_device(&again, &k));
	ksn_set_counter(&again, &again, ksn_counter(&k));
	must(!memcmp(&k, &again, sizeof k));
	return 0;
}
