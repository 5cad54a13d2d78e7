#include "bdk/object.h"

#include <string.h>

/*
 * The room's mark is the CKA_ID of a key that may do nothing: NSS keeps no data object on a token, and every token keeps
 * keys. A new one is made before the old ones are destroyed, so that a process killed in between leaves at least one whole;
 * the one that counts most is the mark.
 */
enum { MARKS = 16, KEY_LEN = 16 };

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
		CK_ATTRIBUTE a = { CKA_ID, value, sizeof value };

		/* one that was being written when its process was killed has no whole value */
		if (t->f->C_GetAttributeValue(t->session, found[i], &a, 1) != CKR_OK || a.ulValueLen != TOKEN_MARK)
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

enum err token_set_mark(struct token *t, const uint8_t mark[static TOKEN_MARK])
{
	CK_OBJECT_HANDLE found[MARKS], made;
	CK_MECHANISM m = { CKM_AES_KEY_GEN, NULL, 0 };
	struct attrs l;
	CK_ULONG n;
	enum err e = find_marks(t, found, &n);

	if (e)
		return e;
	attrs_secret(t, &l, CKK_AES, KEY_LEN, 0, label);
	l.n--; /* what ends a template comes again behind the mark: attrs_secret() says why */
	attrs_put(&l, CKA_ID, mark, TOKEN_MARK);
	attrs_flag(&l, CKA_MODIFIABLE, false);
	e = token_check(t, "C_GenerateKey", t->f->C_GenerateKey(t->session, &m, l.a, l.n, &made));
	for (CK_ULONG i = 0; !e && i < n; i++)
		e = token_check(t, "C_DestroyObject", t->f->C_DestroyObject(t->session, found[i]));
	return e;
}
