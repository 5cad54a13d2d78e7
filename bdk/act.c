#include "bdk/act.h"
#include "base/hex.h"
#include "base/wipe.h"
#include "bdk/request.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { SHORT = 32, LINE = 64 /* of a text: with its label less than a screen's line */ };

/* WORD is a text without blanks: several of them may follow each other on a line. */
enum kind { TEXT, WORD, NUMBER, TIME, BYTES };

/* What people call the fields of acts that take two. A field that has no row is shown all the same. */
static const struct label {
	uint16_t tag;
	enum kind kind;
	const char *name;
} labels[] = {
	/* clang-format off */
	{ F_ROLE,        WORD,   "role" },
	{ F_CSR,         BYTES,  "request" },
	{ F_CERT,        BYTES,  "certificate" },
	{ F_DEVICE_CA,   BYTES,  "device CA" },
	{ F_KIF_CA,      BYTES,  "KIF CA" },
	{ F_EXCHANGE_CA, BYTES,  "exchange CA" },
	{ F_REASON,      TEXT,   "reason" },
	{ F_KEY_SET,     WORD,   "key set" },
	{ F_SCHEME,      WORD,   "scheme" },
	{ F_STATE,       WORD,   "state" },
	{ F_FIRST,       NUMBER, "first device id" },
	{ F_LAST,        NUMBER, "last device id" },
	{ F_PACKAGE,     BYTES,  "package" },
	{ F_KCV,         BYTES,  "check value" },
	{ F_LEASE,       BYTES,  "lease" },
	{ F_NUMBER,      NUMBER, "number" },
	{ F_COUNT,       NUMBER, "device ids" },
	{ F_FOLLOWER,    WORD,   "followed by" },
	{ F_SLOT,        NUMBER, "slot" },
	{ F_SERIAL,      WORD,   "serial" },
	{ F_NAME,        WORD,   "name" },
	{ F_UID,         NUMBER, "uid" },
	{ F_CARD,        BYTES,  "card" },
	{ F_KBPK,        WORD,   "KBPK" },
	{ F_UNDER,       WORD,   "under KBPK" },
	{ F_ALGORITHM,   WORD,   "algorithm" },
	{ F_EXPORTABILITY, WORD, "exportability" },
	{ F_BLOCK,       BYTES,  "key block" },
	{ F_BAG,         WORD,   "bag" },
	{ F_FROM,        TIME,   "active from" },
	{ F_UNTIL,       TIME,   "active until" },
	{ F_DISPOSITION, WORD,   "disposition" },
	{ F_PLACE,       TEXT,   "place" },
	/* clang-format on */
};

/* What each act that takes two takes, as bdk/request.h says. */
static const struct {
	uint16_t op, tag[8]; /* 0 after the last */
} takes[] = {
	/* clang-format off */
	{ OP_CERTIFY,  { F_ROLE, F_CSR } },
	{ OP_INSTALL,  { F_CERT, F_DEVICE_CA, F_KIF_CA, F_EXCHANGE_CA } },
	{ OP_DISOWN,   { F_CERT, F_REASON } },
	{ OP_RAISE,    { 0 } },
	{ OP_GENERATE, { F_SCHEME, F_CERT, F_KEY_SET, F_FROM, F_UNTIL } },
	{ OP_IMPORT,   { F_PACKAGE, F_FROM, F_UNTIL } },
	{ OP_PACKAGE,  { F_KEY_SET } },
	{ OP_STATE,    { F_KEY_SET, F_STATE, F_REASON } },
	{ OP_COMPROMISE, { F_KEY_SET, F_REASON } },
	{ OP_DESTROY,  { F_KEY_SET, F_REASON } },
	{ OP_PERIOD,   { F_KEY_SET, F_FROM, F_UNTIL } },
	{ OP_LEASE,    { F_KEY_SET, F_SCHEME, F_KCV, F_CERT, F_FIRST, F_LAST, F_COUNT, F_NUMBER } },
	{ OP_ACCEPT,   { F_LEASE } },
	{ OP_CHAIN,    { F_KEY_SET, F_FOLLOWER } },
	{ OP_REVOKE,   { F_SERIAL, F_REASON } },
	{ OP_OPEN,     { F_KEY_SET, F_SLOT, F_SERIAL } },
	{ OP_APPOINT,  { F_NAME, F_UID, F_ROLE, F_CARD } },
	{ OP_DISMISS,  { F_NAME } },
	{ OP_KBPK_GENERATE, { F_KBPK, F_ALGORITHM, F_UNDER, F_EXPORTABILITY } },
	{ OP_KBPK_IMPORT, { F_KBPK, F_UNDER, F_BLOCK } },
	{ OP_KBPK_RESUME, { F_KBPK, F_REASON } },
	{ OP_KBPK_COMPROMISE, { F_KBPK, F_REASON } },
	{ OP_KBPK_DESTROY, { F_KBPK, F_REASON } },
	{ OP_GENERATE_BLOCK, { F_SCHEME, F_UNDER, F_EXPORTABILITY, F_KEY_SET, F_FROM, F_UNTIL } },
	{ OP_IMPORT_BLOCK, { F_BLOCK, F_UNDER, F_KEY_SET, F_FROM, F_UNTIL } },
	{ OP_BAG_MOVE, { F_BAG, F_DISPOSITION, F_PLACE } },
	/* clang-format on */
};
enum { TAKES = sizeof takes / sizeof *takes, TAGS = sizeof takes->tag / sizeof *takes->tag };

bool act_takes(uint16_t op, struct span fields)
{
	unsigned seen = 0;
	size_t row = 0;
	struct rd r;

	while (row < TAKES && takes[row].op != op)
		row++;
	rd_init(&r, fields.p, fields.len);
	while (row < TAKES && r.left && !r.e) {
		uint16_t tag = rd_u16(&r);
		size_t i = 0;

		rd_span16(&r);
		while (i < TAGS && takes[row].tag[i] != tag)
			i++;
		if (!tag || i == TAGS || (seen >> i & 1 && !(op == OP_OPEN && tag == F_SERIAL)))
			return false;
		seen |= 1u << i;
	}
	return row < TAKES && !r.e;
}

enum err act_new(struct act **a, uint16_t op, struct span fields, const struct person *first, uint64_t until)
{
	struct act *made = calloc(1, sizeof *made);

	*a = NULL;
	if (made)
		made->fields = malloc(fields.len + 1);
	if (!made || !made->fields) {
		free(made);
		return E_INTERNAL;
	}
	made->op = op;
	made->len = fields.len;
	if (fields.len)
		memcpy(made->fields, fields.p, fields.len);
	made->first = *first;
	made->until = until;
	if (getrandom(made->nonce, sizeof made->nonce, 0) != sizeof made->nonce) {
		act_free(made);
		return E_RANDOM;
	}
	*a = made;
	return E_OK;
}

enum err act_tell(struct act *a, struct span lines)
{
	uint8_t *copy = malloc(lines.len + 1);

	if (!copy)
		return E_INTERNAL;
	memcpy(copy, lines.p, lines.len);
	free(a->said);
	a->said = copy;
	a->said_len = lines.len;
	return E_OK;
}

enum err act_digest(uint8_t out[static 32], const struct act *a, const char *room, struct span put)
{
	uint8_t head[256], length[4];
	struct wr w;
	enum err e;

	wr_init(&w, head, sizeof head);
	wr_copy(&w, (const uint8_t *)"keyroom/1 act", sizeof "keyroom/1 act");
	wr_span8(&w, (struct span){ (const uint8_t *)room, strlen(room) });
	wr_copy(&w, a->nonce, sizeof a->nonce);
	wr_span8(&w, (struct span){ (const uint8_t *)a->first.name, strlen(a->first.name) });
	wr_u32(&w, a->first.uid);
	wr_u16(&w, a->op);
	wr_u32(&w, (uint32_t)a->len);
	put_be32(length, (uint32_t)put.len);
	e = wr_end(&w);
	return e ? e
		 : sha256(out, (const struct span[]){ { head, w.len }, { a->fields, a->len }, SPAN(length), put }, 4);
}

/* Length and SHA-256. */
static void show_long(struct record *answer, struct span value)
{
	uint8_t hash[32];
	char hex[2 * sizeof hash + 1], text[128];
	enum err e = sha256(hash, &value, 1);

	if (e && !answer->e)
		answer->e = e;
	hex_encode(hex, hash, e ? 0 : sizeof hash);
	snprintf(text, sizeof text, "%zu bytes, SHA-256 %s", value.len, hex);
	record_put_text(answer, F_VALUE, text);
}

static bool printable(struct span value, uint8_t least)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.p[i] < least || value.p[i] > '~')
			return false;
	return value.len && value.len <= LINE;
}

static void show_value(struct record *answer, enum kind kind, struct span value)
{
	char text[2 * SHORT + 1];

	if ((kind == TEXT && printable(value, ' ')) || (kind == WORD && printable(value, '!'))) {
		record_put(answer, F_VALUE, value);
	} else if (kind == NUMBER && value.len == 8) {
		snprintf(text, sizeof text, "%llu", (unsigned long long)get_be64(value.p));
		record_put_text(answer, F_VALUE, text);
	} else if (kind == TIME && value.len == 8) {
		seal_time(text, get_be64(value.p));
		record_put_text(answer, F_VALUE, text);
	} else if (value.len && value.len <= SHORT) {
		hex_encode(text, value.p, value.len);
		record_put_text(answer, F_VALUE, text);
	} else {
		show_long(answer, value);
	}
}

static void show_fields(struct record *answer, const struct act *a)
{
	struct rd r;
	uint16_t last = 0;

	rd_init(&r, a->fields, a->len);
	while (r.left && !r.e && !answer->e) {
		uint16_t tag = rd_u16(&r);
		struct span value = rd_span16(&r);
		struct label unknown = { tag, BYTES, NULL };
		const struct label *l = &unknown;
		char name[16];

		for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
			if (labels[i].tag == tag)
				l = &labels[i];
		snprintf(name, sizeof name, "field %u", tag);
		if (tag != last)
			record_put_text(answer, F_LABEL, l->name ? l->name : name);
		show_value(answer, l->kind, value);
		last = tag;
	}
}

static void show_said(struct record *answer, const struct act *a)
{
	struct rd r;

	rd_init(&r, a->said, a->said_len);
	while (r.left && !r.e && !answer->e) {
		uint16_t tag = rd_u16(&r);

		record_put(answer, tag, rd_span16(&r));
	}
}

void act_show(struct record *answer, const struct act *a, const char *what, const char *room, struct span put, uint64_t now)
{
	uint8_t digest[32];
	size_t at = answer->len;
	enum err e = act_digest(digest, a, room, put);

	if (e && !answer->e)
		answer->e = e;
	record_put_text(answer, F_WHO, a->first.name);
	record_put_text(answer, F_WHAT, what);
	record_put(answer, F_HASH, SPAN(digest));
	record_put_number(answer, F_SECONDS, now < a->until ? a->until - now : 0);
	show_fields(answer, a);
	show_said(answer, a);
	if (put.len) {
		record_put_text(answer, F_LABEL, "file");
		show_long(answer, put);
	}
	if (!answer->e && answer->len - at > ACT_SHOWN)
		answer->e = E_SPACE;
}

void act_free(struct act *a)
{
	if (!a)
		return;
	wipe(a->fields, a->len);
	free(a->fields);
	free(a->said);
	wipe(a, sizeof *a);
	free(a);
}
