/*
 * What a test must have to play the partner of a room, and the custodians who entered the first KBPK with him:
 *
 *     partner enter ROOM NAME TYPE MODE HEX   puts this KBPK into a room that nobody serves, as two components of it
 *     partner open HEX FILE                   opens a key block with OpenSSL alone, and prints the key in it
 */
#include "base/hex.h"
#include "base/host/file.h"
#include "bdk/kbpk.h"
#include "tests/lib/outsider.h"
#include "tests/lib/process.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <string.h>

static int say(enum err e, const char *why)
{
	fprintf(stderr, "partner: %s\n", *why ? why : err_text(e));
	return 1;
}

static int enter(char **arg)
{
	static struct room r;
	struct key part[2] = { test_key(arg[4]), test_key(arg[4]) };
	struct kbpk k = { .mode = *arg[3], .exportability = 'N' };
	char why[ROOM_WHY] = "";
	struct worker *w;
	enum err e = kbpk_type_parse(&k.id.type, arg[2]);

	snprintf(k.id.name, sizeof k.id.name, "%s", arg[1]);
	memset(part[0].b, 0xA7, part[0].len);
	for (unsigned i = 0; i < part[1].len; i++)
		part[1].b[i] ^= part[0].b[i];
	if (!e)
		e = room_open(&r, arg[0], why);
	if (e)
		return say(e, why);
	e = room_worker(&w, &r);
	if (!e)
		e = worker_enter_kbpk(w, &k.kcv, part, 2, &k.id, &(struct kcv){ .len = 0 });
	if (!e)
		e = worker_enter_kbpk(w, &k.kcv, part, 2, &k.id, &k.kcv);
	if (!e)
		e = kbpk_keep(&k, &r, why);
	mark_stop(&r);
	room_close(&r);
	return e ? say(e, why) : 0;
}

static int open_block(char **arg)
{
	struct key kbpk = test_key(arg[0]), key;
	uint8_t text[BLOCK_MAX];
	char hex[2 * sizeof key.b + 1];
	size_t len = 0;
	enum err e = file_read(text, &len, sizeof text, arg[1]);

	if (e)
		return say(e, "");
	if (!outsider_open(&key, (const char *)text, len, &kbpk))
		return say(E_MAC, "");
	hex_encode(hex, key.b, key.len);
	puts(hex);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 7 && !strcmp(argv[1], "enter"))
		return enter(argv + 2);
	if (argc == 4 && !strcmp(argv[1], "open"))
		return open_block(argv + 2);
	return say(E_USAGE, "");
}
