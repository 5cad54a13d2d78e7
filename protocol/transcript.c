#include "protocol/transcript.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

#include <string.h>

/* A text without its NUL. */
#define TEXT(s) ((struct span){ (const uint8_t *)(s), sizeof(s) - 1 })

enum err transcript_start(struct transcript *t)
{
	return sha256(t->h, &TEXT("keyroom/1 transcript"), 1);
}

enum err transcript_add(struct transcript *t, enum msg_type type, struct span message)
{
	uint8_t head[5] = { (uint8_t)type }, h[32];
	struct span parts[] = { SPAN(t->h), SPAN(head), message };
	enum err e;

	put_be32(head + 1, (uint32_t)message.len);
	e = sha256(h, parts, sizeof parts / sizeof *parts);
	memcpy(t->h, h, sizeof h);
	return e;
}

enum err transcript_digest(uint8_t out[static 32], const struct transcript *t, enum msg_type type, struct span body)
{
	const char *name = msg_name(type);
	uint8_t end[1] = { 0 }, length[4];
	size_t n = 0;

	if (!msg_signed(type)) {
		wipe(out, 32);
		return E_CRYPTO;
	}
	while (n < 8 && name[n]) /* the longest name has 8 letters; strlen() is not to be had in the terminal */
		n++;
	put_be32(length, (uint32_t)body.len);
	return sha256(
		out,
		(struct span[]){
			TEXT("keyroom/1 "), { (const uint8_t *)name, n }, SPAN(end), SPAN(t->h), SPAN(length), body },
		6);
}

enum err transcript_ctx(uint8_t ctx[static 32], const struct transcript *t, struct span key_head)
{
	uint8_t length[4];

	put_be32(length, (uint32_t)key_head.len);
	return sha256(ctx,
		      (struct span[]){ { (const uint8_t *)"keyroom/1 kdf", 14 }, SPAN(t->h), SPAN(length), key_head },
		      4);
}
