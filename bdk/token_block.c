#include "base/wipe.h"
#include "bdk/clear_key.h"
#include "bdk/construction.h"
#include "bdk/kek.h"
#include "bdk/object.h"
#include "bdk/pair.h"
#include "crypto/aes.h"
#include "crypto/des.h"
#include "crypto/keywrap.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

/* --- A KBPK in the token, which derives and does nothing else ---------------------------------------------------- */

struct far {
	struct token *t;
	CK_OBJECT_HANDLE h;
	bool tdes;
};

static CK_KEY_TYPE type_of(enum dukpt_key_type type)
{
	return type == DUKPT_KEY_2TDEA ? CKK_DES2 : type == DUKPT_KEY_3TDEA ? CKK_DES3 : CKK_AES;
}

static void name_kbpk(char label[static TOKEN_LABEL], const char *name)
{
	snprintf(label, TOKEN_LABEL, "kbpk-%.*s", KBPK_NAME - 1, name);
}

/* cmac_ecb: what it enciphers is a key object, which may be read */
static enum err encipher(void *ctx, uint8_t *out, const uint8_t *in, size_t blocks)
{
	struct far *k = ctx;
	size_t len = blocks * (k->tdes ? 8 : 16);
	CK_OBJECT_HANDLE made = 0;
	enum err e = object_derive(k->t, &made, k->h, k->tdes ? CKM_DES3_ECB_ENCRYPT_DATA : CKM_AES_ECB_ENCRYPT_DATA,
				   in, len, CKK_GENERIC_SECRET, len, MAY_BE_READ);

	if (!e)
		e = object_read(k->t, out, len, made);
	object_destroy(k->t, &made);
	return e;
}

/* cmac_ecb of one that was just born, and may still encrypt */
static enum err encipher_born(void *ctx, uint8_t *out, const uint8_t *in, size_t blocks)
{
	struct far *k = ctx;

	return object_encrypt(k->t, out, k->h, k->tdes ? CKM_DES3_ECB : CKM_AES_ECB, in, blocks * (k->tdes ? 8 : 16));
}

static enum err find_kbpk(struct far *k, struct token *t, const struct kbpk_id *id)
{
	char label[TOKEN_LABEL];

	name_kbpk(label, id->name);
	*k = (struct far){ t, 0, kbpk_tdes(id->type) };
	return object_find(t, &k->h, CKO_SECRET_KEY, label);
}

/* ... and what it does in a block */
static enum err use_kbpk(struct keyblock_keys *keys, struct far *k, struct token *t, const struct kbpk_id *id)
{
	enum err e = find_kbpk(k, t, id);

	if (e == E_KEY)
		e = token_refuse(t, "the token has lost a KBPK");
	return e ? e : keyblock_derive(keys, kbpk_version(id->type), kbpk_len(id->type), encipher, k);
}

static enum err absent_kbpk(struct token *t, const struct kbpk_id *id)
{
	char label[TOKEN_LABEL];

	if (!kbpk_name_ok(id->name) || !kbpk_len(id->type))
		return E_KEY;
	name_kbpk(label, id->name);
	return object_absent(t, CKO_SECRET_KEY, label);
}

/* The copy of a session object that stays. */
static enum err settle_kbpk(struct token *t, CK_OBJECT_HANDLE born, const struct kbpk_id *id)
{
	char label[TOKEN_LABEL];
	CK_OBJECT_HANDLE h;

	name_kbpk(label, id->name);
	return construct_settle(t, &h, born, label);
}

/* Of a key that is there in the clear. paper: what its check value has to be, NULL where nobody said; len 0: it is
 * wanted alone, and nothing is kept */
static enum err place_kbpk(struct token *t, struct kcv *kcv, const struct key *clear, const struct kbpk_id *id,
			   const struct kcv *paper)
{
	struct far k = { t, 0, kbpk_tdes(id->type) };
	struct key fit = *clear;
	struct kcv value = { .len = 0 };
	bool keep = !paper || paper->len;
	enum err e = keep ? absent_kbpk(t, id) : E_OK;

	if (!e && fit.len != kbpk_len(id->type))
		e = E_KEY;
	if (!e)
		e = clear_key_fit(&fit, k.tdes);
	if (!e)
		e = object_create(t, &k.h, type_of(id->type), fit.b, fit.len, MAY_ENCRYPT | MAY_LEAVE | MAY_BE_COPIED);
	if (!e)
		e = block_kcv(&value, k.tdes, encipher_born, &k);
	if (!e && paper && paper->len && (paper->len != value.len || !ct_equal(paper->b, value.b, value.len)))
		e = E_MAC;
	if (!e && keep)
		e = settle_kbpk(t, k.h, id);
	if (e)
		value = (struct kcv){ .len = 0 };
	*kcv = value;
	object_destroy(t, &k.h);
	wipe(&fit, sizeof fit);
	return e;
}

enum err token_enter_kbpk(struct token *t, struct kcv *kcv, const struct key part[], uint8_t parts,
			  const struct kbpk_id *id, const struct kcv *paper)
{
	struct key clear;
	enum err e = clear_key_join(&clear, part, parts, kbpk_tdes(id->type));

	*kcv = (struct kcv){ .len = 0 };
	if (!e)
		e = place_kbpk(t, kcv, &clear, id, paper);
	wipe(&clear, sizeof clear);
	return e;
}

/* Does this handle encipher, as a KBPK's did, whichever cipher it was for? */
static bool enciphers(struct token *t, CK_OBJECT_HANDLE h)
{
	struct far k = { t, h, false };
	uint8_t x[16] = { 0 };
	bool does = !encipher(&k, x, x, 1);

	k.tdes = true;
	does |= !encipher(&k, x, x, 1);
	wipe(x, sizeof x);
	return does;
}

enum err token_drop_kbpk(struct token *t, const char *name)
{
	CK_OBJECT_HANDLE old[2] = { 0, 0 }, again; /* as it was remembered, and as a search finds it now */
	char label[TOKEN_LABEL];
	enum err e;

	name_kbpk(label, name);
	object_forget(t, &old[0], CKO_SECRET_KEY, label);
	e = object_find(t, &old[1], CKO_SECRET_KEY, label);
	if (!e)
		e = object_drop(t, CKO_SECRET_KEY, label);
	if (!e || e == E_KEY)
		e = object_absent(t, CKO_SECRET_KEY, label);
	if (e == E_EXISTS) {
		object_forget(t, &again, CKO_SECRET_KEY, label);
		e = token_refuse(t, "a KBPK that was destroyed is found again");
	}
	for (unsigned i = 0; !e && i < 2; i++)
		if (old[i] && enciphers(t, old[i]))
			e = token_refuse(t, "a KBPK that was destroyed still derives");
	return e;
}

/* --- What a block is opened with and written from ---------------------------------------------------------------- */

/* cmac_ecb of a key that is here in the clear */
struct near {
	const struct key *key;
	bool tdes;
};

static enum err encipher_near(void *ctx, uint8_t *out, const uint8_t *in, size_t blocks)
{
	const struct near *k = ctx;

	return k->tdes ? des_ecb(out, k->key, ENCRYPT, in, blocks) : aes_ecb(out, k->key, ENCRYPT, in, blocks);
}

/* The key in a block: its MAC is right, its check values are, and it is no stronger than what protects it. */
static enum err open_block(struct token *t, struct key *clear, struct block *b, struct span text,
			   const struct kbpk_id *under)
{
	uint8_t work[BLOCK_MAX];
	char why[BLOCK_WHY];
	struct keyblock_keys keys = { 0 };
	struct near inside = { clear, false };
	struct far k;
	struct span key;
	enum err e = block_read(b, text, why);

	wipe(clear, sizeof *clear);
	if (!e && b->parsed.header.version != kbpk_version(under->type))
		e = E_MAC;
	if (!e)
		e = use_kbpk(&keys, &k, t, under);
	if (e)
		goto done;
	e = keyblock_open_by(&key, work, sizeof work, &b->parsed, &keys);
	/* whoever made it knew the KBPK, so what is wrong under a right MAC is no forgery: lengths, check values */
	if (e == E_FORMAT || (!e && key.len > sizeof clear->b))
		e = E_KEY;
	if (e)
		goto done;
	memcpy(clear->b, key.p, key.len);
	clear->len = (uint8_t)key.len;
	inside.tdes = b->tdes;
	e = kbpk_may_hold(under->type, b->tdes, key.len) ? E_OK : E_STRENGTH;
	if (!e && (block_check_value(b, "KP", k.tdes, encipher, &k) ||
		   block_check_value(b, "KC", b->tdes, encipher_near, &inside)))
		e = E_KEY;
done:
	if (e)
		wipe(clear, sizeof *clear);
	wipe(&keys, sizeof keys);
	wipe(work, sizeof work);
	return e;
}

/* The key as a block */
static enum err write_block(struct token *t, char text[static BLOCK_MAX], size_t *len, const struct key *key, bool tdes,
			    const struct kbpk_id *under, char exportability, const struct key_set_id *set,
			    const struct kcv *own)
{
	uint8_t random[KEYBLOCK_RANDOM];
	struct keyblock_keys keys = { 0 };
	struct kcv kp;
	struct far k;
	enum err e = use_kbpk(&keys, &k, t, under);

	if (!e)
		e = block_kcv(&kp, k.tdes, encipher, &k);
	if (!e)
		e = token_random(t, random, sizeof random);
	if (!e)
		e = block_write(text, len, &keys, key, tdes, exportability, set, own, &kp, random);
	wipe(&keys, sizeof keys);
	wipe(random, sizeof random);
	return e;
}

/* This process as the one that a key is handed to: a pair of its own, for one key. */
struct heir {
	struct key priv;
	uint8_t point[P256_POINT], ctx[32];
};

static enum err heir_make(struct heir *h, struct token *t)
{
	static const uint8_t label[] = "keyroom/1 block";
	uint8_t seed[2][32];
	struct drbg d = { .requests = 0 };
	enum err e = getrandom(seed[0], sizeof seed[0], 0) == sizeof seed[0] ? E_OK : E_RANDOM;

	if (!e)
		e = token_random(t, seed[1], sizeof seed[1]);
	if (!e)
		e = drbg_seed(&d, (const struct span[]){ SPAN(seed[0]), SPAN(seed[1]) }, 2);
	if (!e)
		e = p256_generate(&h->priv, &d);
	if (!e)
		e = p256_public(h->point, &h->priv);
	if (!e)
		e = sha256(h->ctx, (const struct span[]){ SPAN(label), SPAN(h->point) }, 2);
	wipe(seed, sizeof seed);
	wipe(&d, sizeof d);
	return e;
}

/* What the token has wrapped for it under this point of its own. */
static enum err heir_open(struct key *out, const struct heir *h, const uint8_t point[static P256_POINT],
			  const struct wrapped *item)
{
	struct key z = { .len = 0 }, kek = { .len = 0 };
	enum err e = p256_ecdh(&z, &h->priv, point);

	if (!e)
		e = kbkdf(&kek, &z, item->label, h->ctx);
	if (!e)
		e = keywrap_unwrap(out, &kek, item->b, item->len);
	wipe(&z, sizeof z);
	wipe(&kek, sizeof kek);
	return e;
}

/* --- BDKs -------------------------------------------------------------------------------------------------------- */

enum err token_make_bdk_block(struct token *t, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len,
			      const struct key_set_id *set, const struct kbpk_id *under, char exportability)
{
	uint8_t point[P256_POINT], items = 0;
	struct wrapped item[2];
	struct key clear = { .len = 0 };
	struct heir heir = { .priv.len = 0 };
	uint64_t handle = 0;
	bool made = false;
	enum err e = heir_make(&heir, t);

	if (!e && !kbpk_may_hold(under->type, set->scheme == DUKPT_TDES, dukpt_key_len(set->scheme)))
		e = E_STRENGTH;
	if (!e)
		e = token_ephemeral(t, &handle, point);
	if (!e) {
		e = token_make_bdk(t, kcv, item, &items, handle, heir.point, heir.ctx, set);
		made = !e;
	}
	if (!e)
		e = heir_open(&clear, &heir, point, &item[0]);
	if (!e)
		e = write_block(t, text, len, &clear, set->scheme == DUKPT_TDES, under, exportability, set, kcv);
	if (e && made && token_drop_bdk(t, set))
		e = E_TOKEN;
	if (e)
		*kcv = (struct kcv){ .len = 0 };
	wipe(&clear, sizeof clear);
	wipe(&heir, sizeof heir);
	return e;
}

/* The scheme of a BDK of so many bytes. E_SCHEME, E_RANGE (longer than most) */
static enum err scheme_of(enum dukpt_scheme *scheme, bool tdes, size_t len, uint8_t most)
{
	for (int s = DUKPT_TDES; s <= DUKPT_AES256; s++) {
		if ((s == DUKPT_TDES) != tdes || dukpt_key_len((enum dukpt_scheme)s) != len)
			continue;
		*scheme = (enum dukpt_scheme)s;
		return len > most ? E_RANGE : E_OK;
	}
	return E_SCHEME;
}

enum err token_take_bdk_block(struct token *t, struct kcv *kcv, struct key_set_id *set, uint8_t most, struct span text,
			      const struct kbpk_id *under)
{
	struct key clear = { .len = 0 };
	struct block b;
	enum err e = open_block(t, &clear, &b, text, under);

	*kcv = (struct kcv){ .len = 0 };
	if (!e && b.kbpk)
		e = E_SCHEME;
	if (!e)
		e = scheme_of(&set->scheme, b.tdes, clear.len, most);
	if (!e)
		e = token_place_bdk(t, kcv, &clear, set, NULL);
	wipe(&clear, sizeof clear);
	return e;
}

/* --- KBPKs ------------------------------------------------------------------------------------------------------- */

/* A KBPK that may leave, as a block */
static enum err leave(struct token *t, char text[static BLOCK_MAX], size_t *len, CK_OBJECT_HANDLE born,
		      const struct kbpk_id *id, const struct kcv *own, const struct kbpk_id *under, char exportability)
{
	uint8_t point[P256_POINT];
	struct token_pair pair = { 0, 0, 0 };
	struct heir heir = { .priv.len = 0 };
	struct wrapped item;
	struct key clear = { .len = 0 };
	struct kdf kdf = { .z = 0 };
	enum err e = heir_make(&heir, t);

	if (!e)
		e = pair_make(t, &pair.pub, &pair.priv, false, true, NULL);
	if (!e)
		e = pair_point(t, point, pair.pub);
	if (!e)
		e = kek_agree(t, &kdf, pair.priv, heir.point);
	if (!e)
		e = kek_wrap_item(t, &item, &kdf, KEK_BD, heir.ctx, born);
	if (!e)
		e = heir_open(&clear, &heir, point, &item);
	if (!e)
		e = write_block(t, text, len, &clear, kbpk_tdes(id->type), under, exportability, NULL, own);
	wipe(&clear, sizeof clear);
	wipe(&heir, sizeof heir);
	kek_end(t, &kdf);
	pair_destroy(t, &pair);
	return e;
}

enum err token_make_kbpk(struct token *t, struct kcv *kcv, char text[static BLOCK_MAX], size_t *len,
			 const struct kbpk_id *id, const struct kbpk_id *under, char exportability)
{
	bool tdes = kbpk_tdes(id->type);
	CK_MECHANISM m = { id->type == DUKPT_KEY_2TDEA ? CKM_DES2_KEY_GEN
			   : tdes                      ? CKM_DES3_KEY_GEN
						       : CKM_AES_KEY_GEN,
			   NULL, 0 };
	struct far k = { t, 0, tdes };
	struct kcv value = { .len = 0 };
	struct attrs l;
	enum err e = absent_kbpk(t, id);

	*len = 0;
	if (!e && under && !kbpk_may_hold(under->type, tdes, kbpk_len(id->type)))
		e = E_STRENGTH;
	attrs_secret(t, &l, type_of(id->type), tdes ? 0 : kbpk_len(id->type), MAY_ENCRYPT | MAY_LEAVE | MAY_BE_COPIED,
		     NULL);
	if (!e)
		e = token_check(t, "C_GenerateKey", t->f->C_GenerateKey(t->session, &m, l.a, l.n, &k.h));
	if (!e)
		e = block_kcv(&value, tdes, encipher_born, &k);
	if (!e && under)
		e = leave(t, text, len, k.h, id, &value, under, exportability);
	if (!e)
		e = settle_kbpk(t, k.h, id);
	if (e)
		value = (struct kcv){ .len = 0 };
	*kcv = value;
	object_destroy(t, &k.h);
	return e;
}

enum err token_take_kbpk_block(struct token *t, struct kcv *kcv, struct kbpk_id *id, struct span text,
			       const struct kbpk_id *under)
{
	struct key clear = { .len = 0 };
	struct block b;
	enum err e = open_block(t, &clear, &b, text, under);

	*kcv = (struct kcv){ .len = 0 };
	if (!e && !b.kbpk)
		e = E_SCHEME;
	if (!e)
		e = kbpk_type_of(&id->type, b.tdes, clear.len);
	if (!e)
		e = place_kbpk(t, kcv, &clear, id, NULL);
	wipe(&clear, sizeof clear);
	return e;
}
