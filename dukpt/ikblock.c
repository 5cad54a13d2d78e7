#include "dukpt/ikblock.h"
#include "base/wipe.h"

#include <string.h>

#define ID_DIGITS 16 /* of an initial key ID: the KSN without its counter */

enum err dukpt_ik_block(char out[static IKBLOCK_MAX], size_t *len, char version, enum dukpt_scheme scheme,
			const struct key *ik, const struct ksn *iksn, const struct key *kbpk,
			const uint8_t random[static KEYBLOCK_RANDOM])
{
	bool tdes = scheme == DUKPT_TDES;
	struct keyblock_header h = { version, { 'B', '1' }, tdes ? 'T' : 'A', 'X', { '0', '0' }, 'N', { '0', '0' } };
	struct keyblock_option o = { { tdes ? 'K' : 'I', tdes ? 'S' : 'K' }, { NULL, 0 } };
	char text[KSN_TEXT];
	enum err e = E_SCHEME;

	if (!ksn_fits(iksn, scheme))
		goto done;
	e = E_COUNTER;
	if (!ksn_initial(iksn))
		goto done;
	e = E_KEY;
	if (ik->len != dukpt_key_len(scheme))
		goto done;
	ksn_text(text, iksn);
	o.data = (struct span){ (const uint8_t *)text, tdes ? 2 * KSN_TDES : ID_DIGITS };
	e = keyblock_write(out, IKBLOCK_MAX, len, &h, &o, 1, kbpk, (struct span){ ik->b, ik->len }, random,
			   KEYBLOCK_MODERN);
done:
	if (e)
		wipe(out, IKBLOCK_MAX);
	return e;
}

/* the scheme of an algorithm's key of this many bytes; DUKPT_NONE if it is no initial key */
static enum dukpt_scheme scheme_of(char algorithm, size_t len)
{
	for (int s = DUKPT_TDES; s <= DUKPT_AES256; s++)
		if ((algorithm == 'T') == (s == DUKPT_TDES) && len == dukpt_key_len((enum dukpt_scheme)s))
			return (enum dukpt_scheme)s;
	return DUKPT_NONE;
}

/* its KSN, from KS or IK */
static enum err initial_ksn(struct ksn *k, const struct keyblock *b)
{
	bool tdes = b->header.algorithm == 'T';
	char text[KSN_TEXT] = { 0 };
	struct span id;
	bool ok;

	if (!keyblock_find(&id, b, tdes ? "KS" : "IK"))
		return E_FORMAT;
	/* an initial key ID is 16 digits, a KS at most 20: keyblock_parse() */
	memcpy(text, id.p, id.len);
	if (!tdes)
		memset(text + ID_DIGITS, '0', 2 * KSN_AES - ID_DIGITS);
	ok = ksn_parse(k, text) == E_OK;
	ok &= ksn_initial(k);
	return ok ? E_OK : E_FORMAT;
}

enum err dukpt_ik_open(struct key *ik, enum dukpt_scheme *scheme, struct ksn *iksn, struct span text,
		       const struct key *kbpk)
{
	uint8_t work[IKBLOCK_ROOM];
	struct key out = { { 0 }, 0 };
	enum dukpt_scheme s;
	struct keyblock b;
	struct span key;
	struct ksn k = { { 0 }, 0 };
	enum err e = keyblock_parse(&b, text);

	if (e)
		goto done;
	e = E_VERSION;
	if (b.header.version < 'B' || b.header.version > 'D')
		goto done;
	e = E_FORMAT;
	if (memcmp(b.header.usage, "B1", 2) || b.header.mode != 'X' ||
	    (b.header.algorithm != 'T' && b.header.algorithm != 'A'))
		goto done;
	e = initial_ksn(&k, &b);
	if (e)
		goto done;
	e = keyblock_open(&key, work, sizeof work, &b, kbpk);
	if (e)
		goto done;
	s = scheme_of(b.header.algorithm, key.len);
	e = E_KEY;
	if (!s)
		goto done;
	memcpy(out.b, key.p, key.len);
	out.len = (uint8_t)key.len;
	*ik = out;
	*scheme = s;
	*iksn = k;
	e = E_OK;
done:
	wipe(&out, sizeof out);
	wipe(work, sizeof work);
	return e;
}
