#include "bdk/proof.h"
#include "base/host/fail.h"
#include "base/wipe.h"
#include "bdk/process.h"
#include "bdk/wall.h"

/* A question is one record: strict (1), the verifier, what was typed (span16). The answer is one byte: a result. */
enum { QUESTION_MAX = 1 + PASSPHRASE_VERIFIER + 2 + PASSPHRASE_MAX };

/* Whatever OpenSSL opens and loads on the way is there before the walls. */
static enum err enter(bool strict)
{
	static const uint8_t salt[PASSPHRASE_SALT];
	const struct passphrase_cost least = { 14, 8, 1 };
	char why[WALL_WHY] = "scrypt does not run";
	uint8_t key[32];
	enum err e = passphrase_derive(key, &least, salt, (struct span){ (const uint8_t *)"x", 1 });

	if (!e)
		e = wall_build(WALL_PARSER, (const char *const[]){ NULL }, strict, why);
	if (e)
		fail_why(e, why, "", "login");
	return e;
}

void proof_main(void)
{
	struct passphrase_verifier v;
	uint8_t question[QUESTION_MAX], answer;
	struct span phrase;
	bool strict;
	size_t len;
	struct rd r;

	if (!process_receive(PROCESS_FD, question, &len, sizeof question))
		return;
	rd_init(&r, question, len);
	strict = rd_u8(&r);
	passphrase_verifier_take(&r, &v);
	phrase = rd_span16(&r);
	if (!rd_end(&r) && !enter(strict)) {
		answer = (uint8_t)passphrase_verify(&v, phrase);
		process_send(PROCESS_FD, &answer, 1);
	}
	wipe(question, sizeof question);
	wipe(&v, sizeof v);
}

enum err proof_start(struct proof *p, const struct passphrase_verifier *v, struct span phrase, bool strict)
{
	uint8_t question[QUESTION_MAX];
	struct wr w;
	enum err e;

	if (!phrase.len || phrase.len > PASSPHRASE_MAX)
		return E_RANGE;
	wr_init(&w, question, sizeof question);
	wr_u8(&w, strict);
	passphrase_verifier_put(&w, v);
	wr_span16(&w, phrase);
	e = wr_end(&w);
	if (!e)
		e = process_start(&p->fd, &p->pid, PROCESS_PROOF, PROOF_SECONDS);
	if (!e && !process_send(p->fd, question, w.len)) {
		proof_end(p);
		e = E_INTERNAL;
	}
	wipe(question, sizeof question);
	return e;
}

enum err proof_take(struct proof *p)
{
	uint8_t answer;
	size_t len;
	bool answered = process_receive(p->fd, &answer, &len, sizeof answer);

	proof_end(p);
	if (!answered)
		return E_INTERNAL;
	switch (answer) {
	case E_OK:
	case E_PASSPHRASE:
	case E_RANGE:
	case E_CRYPTO:
		return (enum err)answer;
	default:
		return E_INTERNAL;
	}
}

void proof_end(struct proof *p)
{
	process_stop(&p->fd, &p->pid);
}
