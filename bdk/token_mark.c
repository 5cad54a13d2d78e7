#include "bdk/object.h"

#include <string.h>

/*
 * The room's mark is the CKA_ID of a key that may do nothing: NSS keeps no data object on a token, and every token keeps
 * keys. A new one is made before the old ones are destroyed, so that a process killed in between leaves at least one whole;
 * the one that counts most is the mark.
 */
enum { MARKS = 16, KEY_LEN = 16, TOKEN_NUMBER = 8 };

static const char label[] = "keyroom-mark";

/* E_OK, E_TOKEN (also: more of them than writing ever leaves) */
static enum err find_marks(struct token *t, CK_OBJECT_HANDLE found[static MARKS], CK_ULONG *n)
{
	struct attrs l;
	enum err e;

	*n = 0;
	attrs_head(&l, CKO_SECRET_KEY, label);
	e = token_check(t, "C_FindObjectsInit", t->f->C_FindObjectsInit(t->session, l.a, l.n));
	if (e)
		return e;
	e = token_check(t, "C_FindObjects", t->f->C_FindObjects(t->session, found, MARKS, n));
	t->f->C_FindObjectsFinal(t->session);
	return !e && *n == MARKS ? token_refuse(t, "too many marks in the token") : e;
}

/* One that was being written when its process was killed has no whole value. */
static bool read_mark(struct token *t, uint8_t value[static TOKEN_MARK + 1], CK_OBJECT_HANDLE found)
{
	CK_ATTRIBUTE a = { CKA_ID, value, TOKEN_MARK + 1 };

	return t->f->C_GetAttributeValue(t->session, found, &a, 1) == CKR_OK && a.ulValueLen == TOKEN_MARK;
}

/* The highest of the marks that can be read. E_KEY (none), E_SHORT (none, but some were there a moment ago) */
static enum err read_marks(struct token *t, uint8_t mark[static TOKEN_MARK])
{
	CK_OBJECT_HANDLE found[MARKS];
	uint8_t best[TOKEN_MARK] = { 0 };
	CK_ULONG n;
	bool any = false;
	enum err e = find_marks(t, found, &n);

	for (CK_ULONG i = 0; !e && i < n; i++) {
		uint8_t value[TOKEN_MARK + 1];

		if (!read_mark(t, value, found[i]))
			continue;
		if (!any || memcmp(value, best, TOKEN_MARK) > 0)
			memcpy(best, value, TOKEN_MARK);
		any = true;
	}
	if (e)
		return e;
	if (!any)
		return n ? E_SHORT : E_KEY;
	memcpy(mark, best, TOKEN_MARK);
	return E_OK;
}

enum err token_mark(struct token *t, uint8_t mark[static TOKEN_MARK])
{
	enum err e = E_SHORT;

	/* A worker whose supervisor was killed may be putting its last one in the place of those that were found. */
	for (int tries = 0; e == E_SHORT && tries < 3; tries++)
		e = read_marks(t, mark);
	return e == E_SHORT ? E_KEY : e;
}

/*
 * How many of the marks that can be read are somebody else's: neither the one that was known nor the one that was tried
 * after it, and no older. An older one is what a killed process left. E_DENIED: the known one is gone, and so is the
 * tried one.
 */
static enum err count_foreign(struct token *t, unsigned *foreign, const uint8_t known[static TOKEN_MARK],
			      const uint8_t tried[static TOKEN_MARK])
{
	static const uint8_t none[TOKEN_MARK];
	CK_OBJECT_HANDLE found[MARKS];
	bool ours = !memcmp(known, none, TOKEN_MARK);
	CK_ULONG n;
	enum err e = find_marks(t, found, &n);

	*foreign = 0;
	for (CK_ULONG i = 0; !e && i < n; i++) {
		uint8_t value[TOKEN_MARK + 1];

		if (!read_mark(t, value, found[i]))
			continue;
		if (!memcmp(value, known, TOKEN_MARK) || !memcmp(value, tried, TOKEN_MARK))
			ours = true;
		else if (memcmp(value, known, TOKEN_NUMBER) >= 0)
			++*foreign;
	}
	return e || ours ? e : E_DENIED;
}

/*
 * Of two processes that have found the same mark and make another at the same time, the second to make it finds both. It
 * takes its own back: the first may have been believed already.
 */
enum err token_set_mark(struct token *t, const uint8_t mark[static TOKEN_MARK], const uint8_t known[static TOKEN_MARK],
			const uint8_t tried[static TOKEN_MARK])
{
	CK_OBJECT_HANDLE found[MARKS], made;
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	struct attrs l;
	unsigned foreign = 0;
	CK_ULONG n;
	enum err e = find_marks(t, found, &n);

	if (!e)
		e = count_foreign(t, &foreign, known, tried);
	if (!e && foreign)
		e = E_DENIED;
	if (e)
		return e;
	attrs_secret(t, &l, CKK_AES, KEY_LEN, 0, label);
	l.n--; /* what ends a template comes again behind the mark: attrs_secret() says why */
	attrs_put(&l, CKA_ID, mark, TOKEN_MARK);
	attrs_flag(&l, CKA_MODIFIABLE, false);
	e = token_check(t, "C_GenerateKey", t->f->C_GenerateKey(t->session, &m, l.a, l.n, &made));
	if (e)
		return e;
	e = count_foreign(t, &foreign, known, tried);
	if (e == E_DENIED || (!e && foreign != 1)) {
		t->f->C_DestroyObject(t->session, made);
		return E_DENIED;
	}
	for (CK_ULONG i = 0; !e && i < n; i++)
		e = token_check(t, "C_DestroyObject", t->f->C_DestroyObject(t->session, found[i]));
	return e;
}
