#include "bdk/seal.h"
#include "base/hex.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SIG_DER = 80 };
_Static_assert(4 * ((72 + 2) / 3) + 1 <= SEAL_SIG, "the longest signature fits");

void seal_base64(char *out, struct span in)
{
	EVP_EncodeBlock((unsigned char *)out, in.p, (int)in.len);
}

/* The one way in which bytes are written: E_OK, E_FORMAT */
enum err seal_from_base64(uint8_t *out, size_t *len, size_t size, const char *text)
{
	unsigned char b[SEAL_BASE64];
	char again[SEAL_BASE64 + 4];
	size_t n = strlen(text), pad = 0;

	if (!n || n % 4 || n >= SEAL_BASE64 || EVP_DecodeBlock(b, (const unsigned char *)text, (int)n) < 0)
		return E_FORMAT;
	while (pad < 2 && text[n - 1 - pad] == '=')
		pad++;
	*len = n / 4 * 3 - pad;
	seal_base64(again, (struct span){ b, *len });
	if (*len > size || strcmp(again, text))
		return E_FORMAT;
	memcpy(out, b, *len);
	return E_OK;
}

static enum err sig_to_der(uint8_t der[static SIG_DER], size_t *len, const uint8_t sig[static P256_SIG])
{
	ECDSA_SIG *s = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(sig, 32, NULL), *v = BN_bin2bn(sig + 32, 32, NULL);
	unsigned char *p = der;
	enum err e = E_CRYPTO;
	int n;

	if (s && r && v && ECDSA_SIG_set0(s, r, v)) {
		r = v = NULL;
		n = i2d_ECDSA_SIG(s, NULL);
		if (n > 0 && n <= SIG_DER) {
			*len = (size_t)i2d_ECDSA_SIG(s, &p);
			e = E_OK;
		}
	}
	BN_free(r);
	BN_free(v);
	ECDSA_SIG_free(s);
	return e;
}

enum err seal_sig(char out[static SEAL_SIG], const uint8_t sig[static P256_SIG])
{
	uint8_t der[SIG_DER], low[P256_SIG];
	size_t len = 0;
	enum err e;

	memcpy(low, sig, sizeof low);
	p256_low(low);
	e = sig_to_der(der, &len, low);
	if (!e)
		seal_base64(out, (struct span){ der, len });
	return e;
}

/* The one way in which a signature is written, with the lower s. */
enum err seal_from_sig(uint8_t sig[static P256_SIG], const char *text)
{
	uint8_t der[SIG_DER], again[SIG_DER], raw[P256_SIG], low[P256_SIG];
	size_t len = 0, n = 0;
	const unsigned char *p = der;
	ECDSA_SIG *s = NULL;
	enum err e = seal_from_base64(der, &len, sizeof der, text);

	if (!e)
		s = d2i_ECDSA_SIG(NULL, &p, (long)len);
	if (!s || BN_bn2binpad(ECDSA_SIG_get0_r(s), raw, 32) != 32 || BN_bn2binpad(ECDSA_SIG_get0_s(s), raw + 32, 32) != 32) {
		ECDSA_SIG_free(s);
		return E_FORMAT;
	}
	ECDSA_SIG_free(s);
	memcpy(low, raw, sizeof low);
	p256_low(low);
	if (memcmp(low, raw, sizeof low) || sig_to_der(again, &n, raw) || n != len || memcmp(again, der, n))
		return E_FORMAT;
	memcpy(sig, raw, sizeof raw);
	return E_OK;
}

void seal_spki(char out[static SEAL_SPKI], const uint8_t point[static P256_POINT])
{
	uint8_t spki[P256_SPKI];

	p256_spki(spki, point);
	seal_base64(out, SPAN(spki));
}

enum err seal_from_spki(uint8_t point[static P256_POINT], const char *text)
{
	uint8_t spki[P256_SPKI], is[P256_SPKI];
	size_t len = 0;
	enum err e = seal_from_base64(is, &len, sizeof is, text);

	if (e || len != sizeof is)
		return E_FORMAT;
	p256_spki(spki, is + P256_SPKI - P256_POINT);
	if (memcmp(spki, is, sizeof is))
		return E_FORMAT;
	memcpy(point, is + P256_SPKI - P256_POINT, P256_POINT);
	return E_OK;
}

void seal_time(char out[static SEAL_TIME], uint64_t utc)
{
	time_t t = (time_t)utc;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || strftime(out, SEAL_TIME, "%Y-%m-%dT%H:%M:%SZ", &tm) != SEAL_TIME - 1)
		strcpy(out, "1970-01-01T00:00:00Z");
}

enum err seal_from_time(uint64_t *utc, const char *text)
{
	char again[SEAL_TIME];
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t t = end && !*end ? timegm(&tm) : -1;

	if (t < 0)
		return E_FORMAT;
	*utc = (uint64_t)t;
	seal_time(again, *utc);
	return strcmp(again, text) ? E_FORMAT : E_OK;
}

void seal_open(struct seal_fields *f, struct stanza *s, struct span text, const char *key)
{
	FILE *in = text.len ? fmemopen((void *)(uintptr_t)text.p, text.len, "r") : NULL;

	*s = (struct stanza){ .last = 0 };
	*f = (struct seal_fields){ .s = s, .e = in && !stanza_read(s, in) ? E_OK : E_FORMAT };
	if (in)
		fclose(in);
	if (strcmp(seal_take(f, key), SEAL_MAGIC))
		f->e = E_FORMAT;
}

const char *seal_take(struct seal_fields *f, const char *key)
{
	const char *v = stanza_get(f->s, key);

	if (!v)
		f->e = E_FORMAT;
	f->taken++;
	return v ? v : "";
}

void seal_take_text(char *out, size_t size, struct seal_fields *f, const char *key)
{
	const char *v = seal_take(f, key);
	size_t n = strlen(v);

	for (size_t i = 0; i < n; i++)
		if (v[i] < ' ' || v[i] > '~')
			f->e = E_FORMAT;
	if (!n || n >= size)
		f->e = E_FORMAT;
	snprintf(out, size, "%s", v);
}

uint64_t seal_take_number(struct seal_fields *f, const char *key, uint64_t most)
{
	const char *v = seal_take(f, key);
	uint64_t n = 0;

	if (!*v || (*v == '0' && v[1]) || strspn(v, "0123456789") != strlen(v) || strlen(v) > 18)
		f->e = E_FORMAT;
	for (; !f->e && *v; v++)
		n = 10 * n + (uint64_t)(*v - '0');
	if (n > most)
		f->e = E_FORMAT;
	return f->e ? 0 : n;
}

uint8_t seal_take_hex(uint8_t *out, struct seal_fields *f, const char *key, size_t a, size_t b)
{
	const char *v = seal_take(f, key);
	char again[65];
	size_t n = 0;

	if (hex_decode(out, &n, a > b ? a : b, v, strlen(v)) || (n != a && n != b)) {
		f->e = E_FORMAT;
		return 0;
	}
	hex_encode(again, out, n);
	if (strcmp(again, v))
		f->e = E_FORMAT;
	return (uint8_t)n;
}

bool seal_take_choice(struct seal_fields *f, const char *key, const char *yes, const char *no)
{
	const char *v = seal_take(f, key);

	if (strcmp(v, yes) && strcmp(v, no))
		f->e = E_FORMAT;
	return !strcmp(v, yes);
}

enum err seal_end(const struct seal_fields *f, size_t rest)
{
	return f->e ? f->e : f->taken + rest == f->s->n ? E_OK : E_FORMAT;
}

/* --- Texts -------------------------------------------------------------------------------------------------------- */

const char seal_rule[] = "\n--------------------------------------------------------------------------------\n";

struct span seal_line(struct span *text)
{
	const uint8_t *nl = text->len ? memchr(text->p, '\n', text->len) : NULL;
	struct span line = { text->p, nl ? (size_t)(nl - text->p) + 1 : text->len };

	text->p += line.len;
	text->len -= line.len;
	return line;
}

static enum err say(char why[static SEAL_WHY], const char *what)
{
	snprintf(why, SEAL_WHY, "%s", what);
	return E_FORMAT;
}

enum err seal_check(uint8_t sig[static P256_SIG], struct span body, struct span line, const uint8_t named[static P256_POINT],
		    const uint8_t *records, char why[static SEAL_WHY])
{
	static const char words[] = "signature = ";
	char text[SEAL_SIG];
	uint8_t digest[32];
	size_t n = strlen(words);
	enum err e;

	if (line.len <= n || line.len - n > sizeof text || memcmp(line.p, words, n) != 0 || line.p[line.len - 1] != '\n')
		return say(why, "its signature is missing, or something stands behind it");
	memcpy(text, line.p + n, line.len - n - 1);
	text[line.len - n - 1] = 0;
	if (seal_from_sig(sig, text))
		return say(why, "its signature is not written as a room writes it");
	if (records && memcmp(named, records, P256_POINT) != 0)
		return E_KEY;
	e = sha256(digest, &body, 1);
	return e ? e : p256_verify(sig, named, digest);
}
