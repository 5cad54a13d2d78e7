#include "bdk/share.h"
#include "base/wipe.h"
#include "bdk/people.h"
#include "crypto/sha256.h"

#include <libgfshare.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(SHARE_NAME == PERSON_NAME, "custodians are people");
enum { VERSION = 1, NONCE = 12, TAG = 16, CHECK = SHARE_BYTES - SHARE_SECRET };

static const char magic[4] = { 'K', 'R', 'S', 'H' };

bool share_name(const char *name)
{
	return people_name(name);
}

/* --- The file ----------------------------------------------------------------------------------------------------- */

static bool threshold(const struct share_of *of)
{
	return of->m >= SHARE_LEAST && of->m <= of->n && of->n <= SHARE_MOST;
}

static bool good(const struct share *s)
{
	return (s->of.set == SHARE_PIN || s->of.set == SHARE_SO_PIN) && s->of.generation && threshold(&s->of) && s->x &&
	       s->x <= s->of.n && share_name(s->custodian) && s->of.room[0];
}

static void take_text(struct rd *r, char *out, size_t size)
{
	struct span text = rd_span8(r);

	if (!r->e && (text.len >= size || memchr(text.p, 0, text.len)))
		r->e = E_FORMAT;
	if (!r->e)
		memcpy(out, text.p, text.len);
}

enum err share_parse(struct share *s, struct span file)
{
	struct share t = { .x = 0 };
	uint8_t start[sizeof magic], version;
	struct rd r;
	enum err e;

	memset(s, 0, sizeof *s);
	rd_init(&r, file.p, file.len);
	rd_copy(&r, start, sizeof start);
	version = rd_u8(&r);
	if (!r.e && (memcmp(start, magic, sizeof magic) || !version))
		return E_FORMAT;
	if (!r.e && version > VERSION)
		return E_ROOM_VERSION;
	t.of.set = (enum share_set)rd_u8(&r);
	t.of.generation = rd_u32(&r);
	t.x = rd_u8(&r);
	t.of.m = rd_u8(&r);
	t.of.n = rd_u8(&r);
	t.uid = rd_u32(&r);
	take_text(&r, t.custodian, sizeof t.custodian);
	take_text(&r, t.of.room, sizeof t.of.room);
	t.cost.log_n = rd_u8(&r);
	t.cost.r = rd_u8(&r);
	t.cost.p = rd_u8(&r);
	rd_copy(&r, t.salt, sizeof t.salt);
	rd_copy(&r, t.box, sizeof t.box);
	rd_copy(&r, t.tag, sizeof t.tag);
	e = rd_end(&r);
	if (!e && !good(&t))
		e = E_FORMAT;
	if (!e)
		*s = t;
	return e;
}

enum err share_put(uint8_t *out, size_t *len, size_t size, const struct share *s)
{
	struct wr w;

	*len = 0;
	if (!good(s))
		return E_RANGE;
	wr_init(&w, out, size);
	wr_copy(&w, (const uint8_t *)magic, sizeof magic);
	wr_u8(&w, VERSION);
	wr_u8(&w, s->of.set);
	wr_u32(&w, s->of.generation);
	wr_u8(&w, s->x);
	wr_u8(&w, s->of.m);
	wr_u8(&w, s->of.n);
	wr_u32(&w, s->uid);
	wr_span8(&w, (struct span){ (const uint8_t *)s->custodian, strlen(s->custodian) });
	wr_span8(&w, (struct span){ (const uint8_t *)s->of.room, strlen(s->of.room) });
	wr_u8(&w, s->cost.log_n);
	wr_u8(&w, s->cost.r);
	wr_u8(&w, s->cost.p);
	wr_copy(&w, s->salt, sizeof s->salt);
	wr_copy(&w, s->box, sizeof s->box);
	wr_copy(&w, s->tag, sizeof s->tag);
	if (!w.e)
		*len = w.len;
	return wr_end(&w);
}

/* --- Splitting ---------------------------------------------------------------------------------------------------- */

/* libgfshare's shares are only as secret as these, and it takes no answer. */
static void fill(unsigned char *out, unsigned len)
{
	if (RAND_priv_bytes(out, (int)len) != 1)
		abort();
}

/* What shows that a secret is the one that was split. */
static enum err check(uint8_t out[static CHECK], const struct share_of *of, const uint8_t secret[static SHARE_SECRET])
{
	uint8_t head[5] = { (uint8_t)of->set }, digest[32];
	const struct span parts[] = { SPAN(head),
				      { (const uint8_t *)of->room, strnlen(of->room, SHARE_ROOM - 1) },
				      { secret, SHARE_SECRET } };
	enum err e;

	put_be32(head + 1, of->generation);
	e = sha256(digest, parts, 3);
	memcpy(out, digest, CHECK);
	wipe(digest, sizeof digest);
	return e;
}

enum err share_split(uint8_t piece[][SHARE_BYTES], const struct share_of *of, const uint8_t secret[static SHARE_SECRET])
{
	uint8_t whole[SHARE_BYTES], x[SHARE_MOST];
	gfshare_ctx *g = NULL;
	enum err e = threshold(of) ? check(whole + SHARE_SECRET, of, secret) : E_RANGE;

	if (e)
		return e;
	memcpy(whole, secret, SHARE_SECRET);
	for (uint8_t i = 0; i < of->n; i++)
		x[i] = (uint8_t)(i + 1);
	gfshare_fill_rand = fill;
	g = gfshare_ctx_init_enc(x, of->n, of->m, SHARE_BYTES);
	if (g) {
		gfshare_ctx_enc_setsecret(g, whole);
		for (uint8_t i = 0; i < of->n; i++)
			gfshare_ctx_enc_getshare(g, i, piece[i]);
		gfshare_ctx_free(g); /* which overwrites what it held */
	} else {
		e = E_INTERNAL;
	}
	wipe(whole, sizeof whole);
	return e;
}

enum err share_combine(uint8_t secret[static SHARE_SECRET], const struct share_of *of, const uint8_t x[],
		       uint8_t piece[][SHARE_BYTES])
{
	uint8_t whole[SHARE_BYTES] = { 0 }, want[CHECK] = { 0 }, number[SHARE_MOST] = { 0 };
	gfshare_ctx *g = NULL;
	enum err e = threshold(of) ? E_OK : E_MAC;

	memset(secret, 0, SHARE_SECRET);
	for (unsigned i = 0; !e && i < of->m; i++) {
		number[i] = x[i];
		if (!x[i] || x[i] > of->n || memchr(x, x[i], i))
			e = E_MAC;
	}
	if (e)
		return e;
	gfshare_fill_rand = fill;
	g = gfshare_ctx_init_dec(number, of->m, SHARE_BYTES);
	if (!g)
		return E_INTERNAL;
	for (uint8_t i = 0; i < of->m; i++)
		gfshare_ctx_dec_giveshare(g, i, piece[i]);
	gfshare_ctx_dec_extract(g, whole);
	gfshare_ctx_free(g);
	e = check(want, of, whole);
	if (!e && !ct_equal(want, whole + SHARE_SECRET, CHECK))
		e = E_MAC;
	if (!e)
		memcpy(secret, whole, SHARE_SECRET);
	wipe(whole, sizeof whole);
	wipe(want, sizeof want);
	return e;
}

/* --- Sealing ------------------------------------------------------------------------------------------------------ */

/* Everything before the box, and the nonce. */
static enum err header(uint8_t out[static SHARE_MAX], int *len, uint8_t nonce[static NONCE], const struct share *s)
{
	size_t n = 0;
	enum err e = share_put(out, &n, SHARE_MAX, s);

	*len = e ? 0 : (int)(n - SHARE_BYTES - TAG);
	memset(nonce, 0, NONCE);
	nonce[0] = (uint8_t)s->of.set;
	return e;
}

enum err share_seal(struct share *s, const uint8_t key[static 32], const uint8_t piece[static SHARE_BYTES])
{
	uint8_t aad[SHARE_MAX], nonce[NONCE];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int aad_len, n = 0;
	enum err e = header(aad, &aad_len, nonce, s);

	if (!e &&
	    (!c || EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
	     EVP_EncryptUpdate(c, NULL, &n, aad, aad_len) != 1 ||
	     EVP_EncryptUpdate(c, s->box, &n, piece, SHARE_BYTES) != 1 || EVP_EncryptFinal_ex(c, s->box + n, &n) != 1 ||
	     EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, s->tag) != 1))
		e = E_CRYPTO;
	EVP_CIPHER_CTX_free(c);
	return e;
}

enum err share_open(uint8_t piece[static SHARE_BYTES], const struct share *s, struct span phrase)
{
	uint8_t aad[SHARE_MAX], nonce[NONCE], key[32] = { 0 }, out[SHARE_BYTES] = { 0 }, tag[TAG];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int aad_len, n = 0;
	enum err e = header(aad, &aad_len, nonce, s);

	memset(piece, 0, SHARE_BYTES);
	memcpy(tag, s->tag, TAG);
	if (!e)
		e = passphrase_derive(key, &s->cost, s->salt, phrase);
	if (e == E_RANGE) /* no passphrase, or a cost that nobody sealed with */
		e = E_PASSPHRASE;
	if (!e && (!c || EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce) != 1 ||
		   EVP_DecryptUpdate(c, NULL, &n, aad, aad_len) != 1 ||
		   EVP_DecryptUpdate(c, out, &n, s->box, SHARE_BYTES) != 1 ||
		   EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, TAG, tag) != 1))
		e = E_CRYPTO;
	if (!e && EVP_DecryptFinal_ex(c, out + n, &n) != 1)
		e = E_PASSPHRASE;
	if (!e)
		memcpy(piece, out, SHARE_BYTES);
	EVP_CIPHER_CTX_free(c);
	wipe(key, sizeof key);
	wipe(out, sizeof out);
	return e;
}
