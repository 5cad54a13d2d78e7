/*
 * Input: a key block, as somebody's file has it. What bdkd makes of it without a key is one of those results, with a sentence where
 * one is promised; what it takes is what its text says; a cut twin of it is never taken.
 */
#include "bdk/block.h"
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>

static void must(bool holds)
{
	if (!holds)
		abort();
}

static enum err ones(void *ctx, uint8_t *out, const uint8_t *in, size_t blocks)
{
	(void)in;
	memset(out, 0x11, blocks * *(size_t *)ctx);
	return E_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char why[BLOCK_WHY], id[KEY_SET_TEXT];
	size_t block;
	struct block b, half;
	struct key_set_id again;
	enum err e = block_read(&b, (struct span){ data, size }, why);

	must(memchr(why, 0, sizeof why) != NULL);
	if (e) {
		must((e == E_FORMAT || e == E_VERSION || e == E_SCHEME) && *why);
		return 0;
	}
	must(size <= BLOCK_MAX && !*why);
	must((data[0] == 'B' || data[0] == 'D') && b.parsed.header.version == (char)data[0]);
	must(b.kbpk ? !b.set.len && strchr("BDE", b.mode) : b.mode == 'X');
	must(strchr("ESN", b.exportability) && (b.tdes ? data[7] == 'T' : data[7] == 'A'));
	if (b.set.len) {
		key_set_text(id, &b.set);
		must(!key_set_parse(&again, id, b.tdes ? DUKPT_TDES : DUKPT_AES128) &&
		     !memcmp(again.b, b.set.b, sizeof again.b));
	}
	block = b.tdes ? 8 : 16;
	e = block_check_value(&b, "KC", b.tdes, ones, &block);
	must(e == E_OK || e == E_MAC);
	block = data[0] == 'B' ? 8 : 16;
	e = block_check_value(&b, "KP", block == 8, ones, &block);
	must(e == E_OK || e == E_MAC);
	/* cut, in memory that ends there */
	for (size_t n = size > 40 ? size - 40 : 0; n < size; n++) {
		uint8_t *cut = malloc(n ? n : 1);

		must(cut != NULL);
		memcpy(cut, data, n);
		must(block_read(&half, (struct span){ cut, n }, why) == E_FORMAT);
		free(cut);
	}
	return 0;
}
