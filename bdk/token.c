#include "bdk/token.h"
#include "base/wipe.h"
#include "bdk/clear_key.h"
#include "bdk/construction.h"
#include "bdk/kek.h"
#include "bdk/object.h"
#include "bdk/pair.h"
#include "crypto/cmac.h"

#include <stdio.h>
#include <string.h>

struct bdk_names {
	char label[2][TOKEN_LABEL]; /* of the BDK, and of its variant */
	uint8_t n;
};

/* E_OK, E_SCHEME */
static enum err name_bdk(struct bdk_names *b, const struct key_set_id *set)
{
	char id[KEY_SET_TEXT];

	if (!set->len || set->len != dukpt_key_set_len(set->scheme))
		return E_SCHEME;
	key_set_text(id, set);
	b->n = construct_parts(set->scheme);
	snprintf(b->label[0], sizeof b->label[0], "bdk-%s", id);
	snprintf(b->label[1], sizeof b->label[1], "bdk-variant-%s", id);
	return E_OK;
}

static enum err absent_bdk(struct token *t, const struct bdk_names *b)
{
	enum err e = E_OK;

	for (unsigned i = 0; !e && i < b->n; i++)
		e = object_absent(t, CKO_SECRET_KEY, b->label[i]);
	return e;
}

static enum err drop_bdk(struct token *t, const struct bdk_names *b)
{
	enum err e = E_OK;

	for (unsigned i = 0; i < b->n; i++) {
		enum err f = object_drop(t, CKO_SECRET_KEY, b->label[i]);

		if (!e)
			e = f;
	}
	return e;
}

/* The pair of a handle, which nobody can claim again. */
static enum err claim(struct token *t, struct token_pair *p, uint64_t handle)
{
	for (struct token_pair *q = t->ephemeral; handle && q < t->ephemeral + TOKEN_EPHEMERALS; q++) {
		if (q->handle == handle) {
			*p = *q;
			memset(q, 0, sizeof *q);
			return E_OK;
		}
	}
	return E_KEY;
}

/* --- BDKs -------------------------------------------------------------------------------------------------------- */

/* TDES: E(0). AES: CMAC(0), whose one block is whole: E(K1). */
static enum err check_value(struct token *t, struct kcv *kcv, CK_OBJECT_HANDLE key, enum dukpt_scheme scheme)
{
	bool tdes = scheme == DUKPT_TDES;
	CK_MECHANISM_TYPE ecb = tdes ? CKM_DES3_ECB : CKM_AES_ECB;
	uint8_t x[16] = { 0 };
	size_t len = tdes ? 8 : 16;
	struct kcv out = { { 0 }, tdes ? 3 : 5 };
	enum err e = object_encrypt(t, x, key, ecb, x, len);

	if (!e && !tdes) {
		cmac_double(x, x);
		e = object_encrypt(t, x, key, ecb, x, len);
	}
	if (!e) {
		memcpy(out.b, x, out.len);
		*kcv = out;
	}
	wipe(x, sizeof x);
	return e;
}

enum err token_make_bdk(struct token *t, struct kcv *kcv, struct wrapped item[static 2], uint8_t *items,
			uint64_t handle, const uint8_t peer[static P256_POINT], const uint8_t ctx[static 32],
			const struct key_set_id *set)
{
	static const char *const label[2] = { KEK_BD, KEK_BV };
	const unsigned may = MAY_ENCRYPT | MAY_LEAVE | MAY_BE_COPIED;
	CK_OBJECT_HANDLE born[2] = { 0, 0 }, h;
	struct token_pair pair = { 0, 0, 0 };
	struct wrapped out[2] = { { .len = 0 } };
	struct kcv value = { .len = 0 };
	struct bdk_names b = { .n = 0 };
	struct kdf k = { .z = 0 };
	enum err e = claim(t, &pair, handle);

	if (!e)
		e = name_bdk(&b, set);
	if (!e)
		e = absent_bdk(t, &b);
	if (!e)
		e = kek_agree(t, &k, pair.priv, peer);
	if (!e)
		e = set->scheme == DUKPT_TDES ? construct_tdes(t, born, may)
					       : construct_aes(t, born, dukpt_key_len(set->scheme), may);
	if (!e)
		e = check_value(t, &value, born[0], set->scheme);
	for (unsigned i = 0; !e && i < b.n; i++)
		e = kek_wrap_item(t, &out[i], &k, label[i], ctx, born[i]);
	for (unsigned i = 0; !e && i < b.n; i++) {
		e = construct_settle(t, &h, born[i], b.label[i]);
		if (e && drop_bdk(t, &b))
			e = E_TOKEN;
	}
	if (e)
		wipe(out, sizeof out);
	memcpy(item, out, sizeof out);
	*items = e ? 0 : b.n;
	*kcv = e ? (struct kcv){ .len = 0 } : value;
	object_destroy(t, &born[0]);
	object_destroy(t, &born[1]);
	kek_end(t, &k);
	pair_destroy(t, &pair);
	return e;
}

enum err token_take_bdk(struct token *t, struct kcv *kcv, const struct wrapped *item, uint8_t items,
			const uint8_t point[static P256_POINT], const uint8_t ctx[static 32],
			const struct key_set_id *set)
{
	static const char *const label[2] = { KEK_BD, KEK_BV };
	CK_OBJECT_HANDLE exchange, kek[2] = { 0, 0 }, h = 0;
	struct kcv v[2];
	struct bdk_names b = { .n = 0 };
	struct kdf k = { .z = 0 };
	bool settled = false;
	enum err e = name_bdk(&b, set);

	if (!e)
		e = absent_bdk(t, &b);
	if (!e)
		e = object_find(t, &exchange, CKO_PRIVATE_KEY, "exchange");
	if (!e && items != b.n)
		e = E_UNWRAP;
	for (unsigned i = 0; !e && i < b.n; i++)
		if (memcmp(item[i].label, label[i], KBKDF_LABEL) || item[i].len != dukpt_key_len(set->scheme) + 8)
			e = E_UNWRAP;
	if (!e)
		e = kek_agree(t, &k, exchange, point);
	for (unsigned i = 0; !e && i < b.n; i++)
		e = kek_make(t, &kek[i], &k, label[i], ctx, MAY_UNWRAP);
	/* all of them as session objects first, so that what does not unwrap never reaches the token */
	for (unsigned i = 0; !e && i < b.n; i++) {
		e = kek_unwrap(t, &h, kek[i], &item[i], construct_type(set->scheme), MAY_ENCRYPT, NULL);
		/* a key of another length unwraps as well, and then does not work */
		if (!e && check_value(t, &v[i], h, set->scheme))
			e = E_UNWRAP;
		object_destroy(t, &h);
	}
	for (unsigned i = 0; !e && i < b.n; i++) {
		settled = true;
		e = kek_unwrap(t, &h, kek[i], &item[i], construct_type(set->scheme), MAY_DERIVE, b.label[i]);
	}
	if (e && settled && drop_bdk(t, &b))
		e = E_TOKEN;
	*kcv = e ? (struct kcv){ .len = 0 } : v[0];
	object_destroy(t, &kek[0]);
	object_destroy(t, &kek[1]);
	kek_end(t, &k);
	return e;
}

enum err token_place_bdk(struct token *t, struct kcv *kcv, const struct key *bdk, const struct key_set_id *set,
			 const struct kcv *paper)
{
	CK_OBJECT_HANDLE born[2] = { 0, 0 }, h;
	struct kcv value = { .len = 0 };
	struct bdk_names b = { .n = 0 };
	bool keep = !paper || paper->len;
	enum err e = name_bdk(&b, set);

	if (!e && keep)
		e = absent_bdk(t, &b);
	if (!e)
		e = construct_given(t, born, bdk, set->scheme, MAY_ENCRYPT | MAY_LEAVE | MAY_BE_COPIED);
	if (!e)
		e = check_value(t, &value, born[0], set->scheme);
	if (!e && paper && keep && (paper->len != value.len || !ct_equal(paper->b, value.b, value.len)))
		e = E_MAC;
	for (unsigned i = 0; !e && keep && i < b.n; i++) {
		e = construct_settle(t, &h, born[i], b.label[i]);
		if (e && drop_bdk(t, &b))
			e = E_TOKEN;
	}
	*kcv = e ? (struct kcv){ .len = 0 } : value;
	object_destroy(t, &born[0]);
	object_destroy(t, &born[1]);
	return e;
}

enum err token_enter_bdk(struct token *t, struct kcv *kcv, const struct key part[], uint8_t parts,
			 const struct key_set_id *set, const struct kcv *paper)
{
	struct key bdk;
	enum err e = clear_key_join(&bdk, part, parts, set->scheme == DUKPT_TDES);

	*kcv = (struct kcv){ .len = 0 };
	if (!e)
		e = token_place_bdk(t, kcv, &bdk, set, paper);
	wipe(&bdk, sizeof bdk);
	return e;
}

enum err token_drop_bdk(struct token *t, const struct key_set_id *set)
{
	struct bdk_names b;
	enum err e = name_bdk(&b, set);

	return e ? e : drop_bdk(t, &b);
}

/* Does this handle derive, as a BDK's did? */
static bool derives(struct token *t, CK_OBJECT_HANDLE h, enum dukpt_scheme scheme)
{
	CK_OBJECT_HANDLE part[2] = { 0, 0 }, bdk[2] = { h, h };
	struct key_set_id set = { { 0xFF, 0xFF }, dukpt_key_set_len(scheme), scheme };
	struct ksn iksn;
	bool does = ksn_make(&iksn, scheme, set.b, 0) || !construct_initial(t, part, bdk, scheme, &iksn, 0);

	object_destroy(t, &part[0]);
	object_destroy(t, &part[1]);
	return does;
}

static enum err destroy(struct token *t, const char *label, enum dukpt_scheme scheme)
{
	CK_OBJECT_HANDLE old[2] = { 0, 0 }, again; /* as it was remembered, and as a search finds it now */
	enum err e;

	object_forget(t, &old[0], CKO_SECRET_KEY, label);
	e = object_find(t, &old[1], CKO_SECRET_KEY, label);
	if (!e)
		e = object_drop(t, CKO_SECRET_KEY, label);
	if (!e || e == E_KEY)
		e = object_absent(t, CKO_SECRET_KEY, label); /* nothing is remembered of it: another search */
	if (e == E_EXISTS) {
		object_forget(t, &again, CKO_SECRET_KEY, label);
		e = token_refuse(t, "an object that was destroyed is found again");
	}
	for (unsigned i = 0; !e && i < 2; i++)
		if (old[i] && derives(t, old[i], scheme))
			e = token_refuse(t, "an object that was destroyed still derives");
	return e;
}

enum err token_destroy_bdk(struct token *t, const struct key_set_id *set)
{
	struct bdk_names b = { .n = 0 };
	enum err e = name_bdk(&b, set);

	for (unsigned i = 0; !e && i < b.n; i++)
		e = destroy(t, b.label[i], set->scheme);
	return e;
}

/* --- Initial keys ------------------------------------------------------------------------------------------------ */

/* The objects of a key set, if iksn belongs to it. E_KEY_SET, E_SCHEME, E_TOKEN */
static enum err find_bdk(struct token *t, CK_OBJECT_HANDLE bdk[static 2], const struct key_set_id *set,
			 const struct ksn *iksn)
{
	struct key_set_id of;
	struct bdk_names b;
	enum err e = name_bdk(&b, set);

	if (e)
		return e;
	if (!ksn_fits(iksn, set->scheme))
		return E_KEY_SET;
	key_set_of_ksn(&of, iksn);
	if (memcmp(of.b, set->b, sizeof of.b))
		return E_KEY_SET;
	for (unsigned i = 0; !e && i < b.n; i++)
		e = object_find(t, &bdk[i], CKO_SECRET_KEY, b.label[i]);
	return e == E_KEY ? E_KEY_SET : e;
}

enum err token_wrap_initial_key(struct token *t, struct wrapped item[static 2], uint8_t *items, uint64_t handle,
				const uint8_t peer[static P256_POINT], const uint8_t ctx[static 32],
				const struct key_set_id *set, const struct ksn *iksn)
{
	CK_OBJECT_HANDLE bdk[2], part[2] = { 0, 0 };
	struct token_pair pair = { 0, 0, 0 };
	struct wrapped out[2] = { { .len = 0 } };
	struct kdf k = { .z = 0 };
	uint8_t n = construct_parts(set->scheme);
	const char *const label[2] = { n == 1 ? KEK_IK : KEK_IL, KEK_IR };
	enum err e = claim(t, &pair, handle);

	if (!e)
		e = find_bdk(t, bdk, set, iksn);
	if (!e)
		e = kek_agree(t, &k, pair.priv, peer);
	if (!e)
		e = construct_initial(t, part, bdk, set->scheme, iksn, MAY_LEAVE);
	for (unsigned i = 0; !e && i < n; i++)
		e = kek_wrap_item(t, &out[i], &k, label[i], ctx, part[i]);
	if (e)
		wipe(out, sizeof out);
	memcpy(item, out, sizeof out);
	*items = e ? 0 : n;
	object_destroy(t, &part[0]);
	object_destroy(t, &part[1]);
	kek_end(t, &k);
	pair_destroy(t, &pair);
	return e;
}

enum err token_initial_key(struct token *t, struct key *ik, const struct key_set_id *set, const struct ksn *iksn)
{
	CK_OBJECT_HANDLE bdk[2], part[3] = { 0, 0, 0 };
	struct key out = { { 0 }, 0 };
	uint8_t parts = construct_parts(set->scheme);
	bool join = parts == 2 && t->made.joins;
	size_t len = dukpt_key_len(set->scheme), each = join ? len : len / parts;
	enum err e = find_bdk(t, bdk, set, iksn);

	if (!e)
		e = construct_initial(t, part, bdk, set->scheme, iksn, MAY_BE_READ | (join ? MAY_MIX : 0));
	if (!e && join)
		e = construct_join(t, &part[2], part, MAY_BE_READ);
	for (unsigned i = join ? 2 : 0; !e && i < (join ? 3 : parts); i++) {
		e = object_read(t, out.b + out.len, each, part[i]);
		out.len = (uint8_t)(out.len + each);
	}
	if (e)
		wipe(&out, sizeof out);
	*ik = out;
	wipe(&out, sizeof out);
	for (unsigned i = 0; i < 3; i++)
		object_destroy(t, &part[i]);
	return e;
}

/* --- Random bytes, named pairs, ephemeral pairs ------------------------------------------------------------------ */

enum err token_random(struct token *t, uint8_t *out, size_t len)
{
	if (!PKCS11_generate_random(t->slot, out, (unsigned)len))
		return E_OK;
	wipe(out, len);
	return token_refuse(t, "no random bytes");
}

enum err token_make_pair(struct token *t, uint8_t point[static P256_POINT], const char *label)
{
	CK_OBJECT_HANDLE pub = 0, priv = 0;
	enum err e = strlen(label) < TOKEN_LABEL ? E_OK : E_KEY;

	if (!e)
		e = object_absent(t, CKO_PRIVATE_KEY, label);
	if (!e)
		e = object_absent(t, CKO_PUBLIC_KEY, label);
	if (!e)
		/* The exchange key signs too, once: its own certificate request (SP 800-57 part 1, 5.2 allows just
		 * that). */
		e = pair_make(t, &pub, &priv, true, !strcmp(label, "exchange"), label);
	if (!e) {
		e = pair_point(t, point, pub);
		if (e) {
			object_destroy(t, &pub);
			object_destroy(t, &priv);
		}
	}
	return e;
}

enum err token_point(struct token *t, uint8_t point[static P256_POINT], const char *label)
{
	CK_OBJECT_HANDLE pub;
	enum err e = object_find(t, &pub, CKO_PUBLIC_KEY, label);

	return e ? e : pair_point(t, point, pub);
}

enum err token_sign(struct token *t, uint8_t sig[static P256_SIG], const char *label, const uint8_t digest[static 32])
{
	CK_OBJECT_HANDLE priv;
	enum err e = object_find(t, &priv, CKO_PRIVATE_KEY, label);

	return e ? e : pair_sign(t, sig, priv, digest);
}

enum err token_ephemeral(struct token *t, uint64_t *handle, uint8_t point[static P256_POINT])
{
	struct token_pair p = { 0, 0, 0 }, *slot = NULL;
	uint8_t number[8];
	enum err e;

	for (unsigned i = 0; i < TOKEN_EPHEMERALS && !slot; i++)
		if (!t->ephemeral[i].handle)
			slot = &t->ephemeral[i];
	if (!slot)
		return E_SPACE;
	e = token_random(t, number, sizeof number);
	if (e)
		return e;
	p.handle = get_be64(number) | 1; /* never 0 */
	e = pair_make(t, &p.pub, &p.priv, false, true, NULL);
	if (!e)
		e = pair_point(t, point, p.pub);
	if (e) {
		pair_destroy(t, &p);
		return e;
	}
	*slot = p;
	*handle = p.handle;
	return E_OK;
}

enum err token_forget(struct token *t, uint64_t handle)
{
	struct token_pair p;
	enum err e = claim(t, &p, handle);

	if (!e)
		pair_destroy(t, &p);
	return e;
}
