#include "bdk/block.h"
#include "base/hex.h"
#include "base/wipe.h"

#include <stdio.h>
#include <string.h>

enum { CHECK_ECB = '0', CHECK_CMAC = '1' }; /* the second digit of KC's and KP's method */

/* --- KBPKs by name and type --------------------------------------------------------------------------------------- */

bool kbpk_name_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len < KBPK_NAME && name[0] >= 'a' && name[0] <= 'z' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

uint8_t kbpk_len(enum dukpt_key_type type)
{
	const struct dukpt_key_kind *k = dukpt_key_kind(type);

	return k && k->block ? k->len : 0;
}

bool kbpk_tdes(enum dukpt_key_type type)
{
	return type == DUKPT_KEY_2TDEA || type == DUKPT_KEY_3TDEA;
}

char kbpk_version(enum dukpt_key_type type)
{
	return kbpk_tdes(type) ? 'B' : 'D';
}

enum err kbpk_type_parse(enum dukpt_key_type *type, const char *name)
{
	enum dukpt_key_type t;
	enum err e = dukpt_key_type_parse(&t, name);

	if (!e && !kbpk_len(t))
		e = E_FORMAT;
	if (!e)
		*type = t;
	return e;
}

enum err kbpk_type_of(enum dukpt_key_type *type, bool tdes, size_t len)
{
	for (unsigned t = DUKPT_KEY_2TDEA; t <= DUKPT_KEY_AES256; t++) {
		if (kbpk_tdes((enum dukpt_key_type)t) != tdes || kbpk_len((enum dukpt_key_type)t) != len)
			continue;
		*type = (enum dukpt_key_type)t;
		return E_OK;
	}
	return E_KEY;
}

bool kbpk_may_hold(enum dukpt_key_type kbpk, bool tdes, size_t len)
{
	return keyblock_protects(kbpk_version(kbpk), kbpk_len(kbpk), tdes ? 'T' : 'A', len);
}

/* --- Reading ------------------------------------------------------------------------------------------------------ */

static enum err refuse(char why[static BLOCK_WHY], enum err e, const char *text)
{
	snprintf(why, BLOCK_WHY, "%s", text);
	return e;
}

/* Usage, algorithm, mode */
static enum err read_kind(struct block *b, char why[static BLOCK_WHY])
{
	const struct keyblock_header *h = &b->parsed.header;
	bool bdk = !memcmp(h->usage, "B0", 2);

	b->kbpk = !memcmp(h->usage, "K0", 2) || !memcmp(h->usage, "K1", 2);
	b->tdes = h->algorithm == 'T';
	b->mode = h->mode != 'N' ? h->mode : b->kbpk ? 'B' : 'X';
	b->exportability = h->exportability;
	if (h->version != 'B' && h->version != 'D')
		return refuse(why, E_VERSION, "only key blocks of versions B and D are taken here");
	if (!bdk && !b->kbpk) {
		snprintf(why, BLOCK_WHY, "its usage is %.2s: a BDK's is B0, a KBPK's K0 or K1", h->usage);
		return E_SCHEME;
	}
	if (h->key_version[0] == 'c')
		return refuse(why, E_FORMAT, "it holds a component, and not a key");
	if (!b->tdes && h->algorithm != 'A')
		return refuse(why, E_SCHEME, "its key is for another algorithm than TDES and AES");
	if (bdk ? b->mode != 'X' : !strchr("BDE", b->mode)) {
		snprintf(why, BLOCK_WHY, "its mode of use is %c: a BDK's is X, a KBPK's B, D or E", h->mode);
		return E_SCHEME;
	}
	if (!strchr("ESN", h->exportability))
		return refuse(why, E_FORMAT, "its exportability is none of E, S and N");
	return E_OK;
}

/* The digits of an id that an option begins with, behind skip of its characters */
static enum err read_id(struct block *b, struct span digits, char why[static BLOCK_WHY])
{
	enum dukpt_scheme scheme = b->tdes ? DUKPT_TDES : DUKPT_AES128;
	size_t len = 2u * dukpt_key_set_len(scheme);
	struct key_set_id id;
	char text[KEY_SET_TEXT] = "";
	enum err e = digits.len < len ? E_FORMAT : E_OK;

	if (!e) {
		memcpy(text, digits.p, len);
		e = key_set_parse(&id, text, scheme);
	}
	if (e) {
		snprintf(why, BLOCK_WHY, "its id %s is none of a key set here: FFFF and 6 digits (TDES), or 8 (AES)",
			 text);
		return E_FORMAT;
	}
	if (b->set.len && memcmp(b->set.b, id.b, sizeof id.b))
		return refuse(why, E_FORMAT, "it names two key sets");
	b->set = id;
	b->set.scheme = b->tdes ? DUKPT_TDES : DUKPT_NONE;
	return E_OK;
}

/* BI: method 00 and a TDES id, or 01 and an AES one. KS: a TDES KSN, perhaps without its leading Fs. IK: an AES
 * initial key id */
static enum err read_ids(struct block *b, char why[static BLOCK_WHY])
{
	char text[KSN_TEXT] = "", whole[KSN_TEXT];
	struct span bi, ks, ik;
	struct ksn ksn;
	enum err e = E_OK;

	keyblock_find(&bi, &b->parsed, "BI");
	keyblock_find(&ks, &b->parsed, "KS");
	keyblock_find(&ik, &b->parsed, "IK");
	if (b->kbpk && (bi.len || ks.len || ik.len))
		return refuse(why, E_FORMAT, "a KBPK has no key set, but it names one");
	if (b->tdes ? ik.len > 0 : ks.len > 0)
		return refuse(why, E_FORMAT, "KS is of TDES keys, IK of AES keys, and it has the other");
	if (bi.len && (bi.p[1] == '1') == b->tdes)
		return refuse(why, E_FORMAT, "its BI is of another algorithm");
	if (bi.len)
		e = read_id(b, (struct span){ bi.p + 2, bi.len - 2 }, why);
	if (!e && ik.len)
		e = read_id(b, ik, why);
	if (!e && ks.len) {
		memcpy(text, ks.p, ks.len); /* 16 to 20 digits: keyblock_parse() */
		e = ksn_parse(&ksn, text);
		if (!e) {
			ksn_text(whole, &ksn);
			e = read_id(b, (struct span){ (const uint8_t *)whole, strlen(whole) }, why);
		}
	}
	return e;
}

enum err block_read(struct block *b, struct span text, char why[static BLOCK_WHY])
{
	enum err e;

	memset(b, 0, sizeof *b);
	*why = 0;
	if (text.len > BLOCK_MAX)
		return refuse(why, E_FORMAT, "longer than a BDK's or a KBPK's key block can be");
	e = keyblock_parse(&b->parsed, text);
	if (e == E_FORMAT)
		return refuse(why, e, "not a key block: one line of upper-case text, as long as it says");
	if (e == E_VERSION)
		return refuse(why, e, "only key blocks of versions B and D are taken here");
	if (!e)
		e = read_kind(b, why);
	if (!e)
		e = read_ids(b, why);
	return e;
}

/* --- Check values ------------------------------------------------------------------------------------------------- */

static enum err check(uint8_t out[static 16], bool cmac, bool tdes, cmac_ecb *ecb, void *ctx)
{
	static const uint8_t zero[16];

	return cmac ? cmac_by(out, tdes ? 8 : 16, ecb, ctx, zero, tdes ? 8 : 16) : ecb(ctx, out, zero, 1);
}

enum err block_check_value(const struct block *b, const char *id, bool tdes, cmac_ecb *ecb, void *ctx)
{
	uint8_t right[16] = { 0 }, theirs[16] = { 0 };
	struct span v;
	size_t len;
	enum err e;

	if (!keyblock_find(&v, &b->parsed, id))
		return E_OK;
	if (v.len - 2 > 2u * (tdes ? 8 : 16))
		return E_MAC;
	e = check(right, v.p[1] == CHECK_CMAC, tdes, ecb, ctx);
	if (!e)
		e = hex_decode(theirs, &len, sizeof theirs, (const char *)v.p + 2, v.len - 2);
	if (!e && !ct_equal(right, theirs, len))
		e = E_MAC;
	wipe(right, sizeof right);
	return e;
}

enum err block_kcv(struct kcv *kcv, bool tdes, cmac_ecb *ecb, void *ctx)
{
	uint8_t x[16] = { 0 };
	struct kcv out = { { 0 }, tdes ? 3 : 5 };
	enum err e = check(x, !tdes, tdes, ecb, ctx);

	memcpy(out.b, x, out.len);
	if (e)
		out = (struct kcv){ .len = 0 };
	*kcv = out;
	wipe(x, sizeof x);
	return e;
}

/* --- Writing ------------------------------------------------------------------------------------------------------ */

static struct span chars(const char *text)
{
	return (struct span){ (const uint8_t *)text, strlen(text) };
}

/* KC's or KP's data */
static void put_kcv(char out[static 16], const struct kcv *v)
{
	out[0] = '0';
	out[1] = v->len == 3 ? CHECK_ECB : CHECK_CMAC;
	hex_encode(out + 2, v->b, v->len);
}

enum err block_write(char text[static BLOCK_MAX], size_t *len, const struct keyblock_keys *keys, const struct key *key,
		     bool tdes, char exportability, const struct key_set_id *set, const struct kcv *own,
		     const struct kcv *kp, const uint8_t random[static KEYBLOCK_RANDOM])
{
	const struct keyblock_header h = { keys->version,    { set ? 'B' : 'K', set ? '0' : '1' },
					   tdes ? 'T' : 'A', set ? 'X' : 'B',
					   { '0', '0' },     exportability,
					   { '0', '0' } };
	char bi[2 + KEY_SET_TEXT] = "", kc[16], kp_text[16];
	struct keyblock_option o[3];
	size_t n = 0;

	put_kcv(kc, own);
	put_kcv(kp_text, kp);
	if (set) {
		bi[0] = '0';
		bi[1] = tdes ? '0' : '1';
		key_set_text(bi + 2, set);
		o[n++] = (struct keyblock_option){ { 'B', 'I' }, chars(bi) };
	}
	o[n++] = (struct keyblock_option){ { 'K', 'C' }, chars(kc) };
	o[n++] = (struct keyblock_option){ { 'K', 'P' }, chars(kp_text) };
	return keyblock_write_by(text, BLOCK_MAX, len, &h, o, n, keys, (struct span){ key->b, key->len }, random,
				 KEYBLOCK_MODERN);
}
