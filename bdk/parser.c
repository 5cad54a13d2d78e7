#include "bdk/parser.h"
#include "base/host/fail.h"
#include "bdk/evident.h"
#include "bdk/pki_read.h"
#include "bdk/process.h"
#include "bdk/wall.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/*
 * A question is one record: what (1), a number (8), then two spans with two bytes of length each: the CA's certificate,
 * and the end of what is asked about. What is longer comes in several, of which only the last is answered. The first
 * question is ASK_BEGIN. The answer is one byte: a result.
 */
enum { START_SECONDS = 30, PART = 32768, QUESTION_MAX = 1 + 8 + 2 * 2 + PKI_MAX + PART };

enum question {
	ASK_BEGIN, /* number: does it end where one of its walls cannot be built? */
	ASK_PART,
	ASK_ANCHOR,
	ASK_CERT, /* number: utc */
	ASK_REQUEST,
	ASK_LIST,
	QUESTIONS
};

struct asked {
	uint8_t what;
	uint64_t number;
	struct span ca, der;
};

static void wr_asked(struct wr *w, const struct asked *a)
{
	wr_u8(w, a->what);
	wr_u64(w, a->number);
	wr_span16(w, a->ca);
	wr_span16(w, a->der);
}

static enum err rd_asked(struct asked *a, struct rd *r)
{
	a->what = rd_u8(r);
	a->number = rd_u64(r);
	a->ca = rd_span16(r);
	a->der = rd_span16(r);
	return rd_end(r);
}

/* --- In the parser ------------------------------------------------------------------------------------------------- */

static enum err sign_softly(void *priv, uint8_t sig[static P256_SIG], const uint8_t digest[static 32])
{
	return p256_sign(sig, priv, digest);
}

/* One of each kind is made and read, so that whatever OpenSSL opens and loads on the way is there before the walls. */
static enum err warm_up(void)
{
	static uint8_t der[PKI_MAX];
	struct key priv = { { 1 }, 32 };
	const struct pki_signer s = { sign_softly, &priv };
	uint8_t point[P256_POINT], list[PKI_MAX];
	struct pki_list l = { 0 };
	char name[CERT_TEXT];
	struct span ca = { der, 0 };
	struct cert c;
	size_t len = 0;
	enum err e = p256_public(point, &priv);

	if (!e)
		e = pki_request(der, &ca.len, sizeof der, point, "x", &s);
	if (!e)
		e = pki_request_read(point, name, ca);
	if (!e)
		e = pki_ca(der, &ca.len, sizeof der, point, "x", 1, 1, &s);
	if (!e)
		e = cert_anchor(&c, ca);
	if (!e)
		e = pki_crl(list, &len, sizeof list, &c, 1, 1, NULL, 0, 1, 1, &s);
	if (!e)
		e = pki_list_read(&l, (struct span){ list, len }, ca);
	pki_list_free(&l);
	return e;
}

static enum err enter(bool strict)
{
	char why[WALL_WHY] = "what it reads does not read back";
	enum err e = warm_up();

	if (!e)
		e = wall_build(WALL_PARSER, (const char *const[]){ NULL }, strict, why);
	if (e)
		fail_why(e, why, "", "parser");
	return e;
}

static enum err judge(const struct asked *a, struct span der)
{
	uint8_t point[P256_POINT];
	struct pki_list list = { 0 };
	char name[CERT_TEXT];
	struct cert c;
	enum err e = E_INTERNAL;

	switch (a->what) {
	case ASK_BEGIN:
		e = enter(a->number);
		break;
	case ASK_ANCHOR:
		e = cert_anchor(&c, der);
		break;
	case ASK_CERT:
		e = cert_verify(&c, der, a->ca, a->number);
		break;
	case ASK_REQUEST:
		e = pki_request_read(point, name, der);
		break;
	case ASK_LIST:
		e = pki_list_read(&list, der, a->ca);
		pki_list_free(&list);
		break;
	default:
		break;
	}
	return e;
}

void parser_main(void)
{
	static uint8_t der[PKI_CRL_MAX], question[QUESTION_MAX];
	size_t part, len = 0;
	bool begun = false;
	struct asked a;
	struct rd r;

	while (process_receive(PROCESS_FD, question, &part, sizeof question)) {
		uint8_t answer;

		rd_init(&r, question, part);
		if (rd_asked(&a, &r) || a.what >= QUESTIONS || a.der.len > sizeof der - len ||
		    begun == (a.what == ASK_BEGIN))
			return;
		begun = true;
		if (a.der.len)
			memcpy(der + len, a.der.p, a.der.len);
		len += a.der.len;
		if (a.what == ASK_PART)
			continue;
		answer = (uint8_t)judge(&a, (struct span){ der, len });
		len = 0;
		if (!process_send(PROCESS_FD, &answer, 1))
			return;
	}
}

/* --- In the supervisor --------------------------------------------------------------------------------------------- */

static bool send_asked(const struct parser *p, const struct asked *a)
{
	static uint8_t question[QUESTION_MAX];
	struct wr w;

	wr_init(&w, question, sizeof question);
	wr_asked(&w, a);
	return !wr_end(&w) && process_send(p->fd, question, w.len);
}

/* What comes back on one question: E_OK, a verdict, E_PARSER */
static enum err exchange(const struct parser *p, struct asked a)
{
	uint8_t answer;
	size_t len;

	for (; a.der.len > PART; a.der = (struct span){ a.der.p + PART, a.der.len - PART })
		if (!send_asked(p, &(struct asked){ .what = ASK_PART, .der = { a.der.p, PART } }))
			return E_PARSER;
	if (!send_asked(p, &a) || !process_receive(p->fd, &answer, &len, sizeof answer))
		return E_PARSER;
	switch (answer) {
	case E_OK:
	case E_FORMAT:
	case E_CERTIFICATE:
	case E_EXPIRED:
	case E_SIGNATURE:
	case E_CRYPTO:
		return (enum err)answer;
	default:
		return E_PARSER;
	}
}

/* Is there one, alive, that says nothing while it is not asked? */
static bool at_rest(const struct parser *p)
{
	uint8_t b;

	return p->fd >= 0 && recv(p->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

enum err parser_start(struct parser *p, bool strict)
{
	enum err e;

	p->strict = strict;
	e = process_start(&p->fd, &p->pid, PROCESS_PARSER, START_SECONDS);
	if (!e)
		e = exchange(p, (struct asked){ .what = ASK_BEGIN, .number = strict });
	if (!e && !process_limit(p->fd, PARSER_SECONDS))
		e = E_PARSER;
	if (e)
		parser_stop(p);
	return e ? E_PARSER : E_OK;
}

void parser_stop(struct parser *p)
{
	process_stop(&p->fd, &p->pid);
}

/* One that fails in any other way than with a verdict is ended, and not asked again. */
static enum err ask(struct parser *p, struct asked a)
{
	enum err e;

	if (a.der.len > PKI_CRL_MAX || a.ca.len > PKI_MAX)
		return E_FORMAT;
	if (!at_rest(p)) {
		parser_stop(p);
		e = parser_start(p, p->strict);
		if (e)
			return e;
	}
	e = exchange(p, a);
	if (e == E_PARSER)
		parser_stop(p);
	return e;
}

/* One that found good what is not was taken over. */
static enum err believe(struct parser *p, enum err evident)
{
	if (evident == E_PARSER)
		parser_stop(p);
	return evident;
}

enum err parser_anchor(struct parser *p, struct cert *c, struct span der)
{
	enum err e = ask(p, (struct asked){ .what = ASK_ANCHOR, .der = der });

	return e ? e : believe(p, evident_anchor(c, der));
}

enum err parser_cert(struct parser *p, struct cert *c, uint8_t number[static 20], struct span der, struct span ca,
		     uint64_t utc)
{
	enum err e = ask(p, (struct asked){ .what = ASK_CERT, .number = utc, .ca = ca, .der = der });

	return e ? e : believe(p, evident_cert(c, number, der, ca, utc));
}

enum err parser_request(struct parser *p, uint8_t point[static P256_POINT], char name[static CERT_TEXT],
			struct span der)
{
	enum err e = ask(p, (struct asked){ .what = ASK_REQUEST, .der = der });

	return e ? e : believe(p, evident_request(point, name, der));
}

enum err parser_list(struct parser *p, struct pki_list *l, struct span der, struct span ca)
{
	enum err e = ask(p, (struct asked){ .what = ASK_LIST, .ca = ca, .der = der });

	return e ? e : believe(p, evident_list(l, der, ca));
}
