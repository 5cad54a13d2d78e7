/*
 * Is a key on the line? For tests whose BDKs are known: their packages are made for an exchange key in software.
 *
 *     noise_leak search --package FILE... --key PEM --loads FILE TAP...
 *     noise_leak plant --package FILE... --key PEM --loads FILE FOLDER
 *     noise_leak show --package FILE --key PEM
 *
 * --package  what bdk generate made for that exchange key
 * --key      the exchange key, PEM
 * --loads    lines "initial-KSN check-value": what the terminals say they were loaded with
 *
 * search  opens the packages, derives the initial key of every load, and says which check value is not that key's
 *         (status 2) and which TAP holds 8 bytes of any of these keys, in bytes or in hexadecimal digits (status 1).
 * plant   the broken twin: writes a tap with half a key into FOLDER for each form that has to be found.
 * show    "bdk = HEX", for a test that has to be an acquirer in software.
 *
 * The derivations are written out here once more, from the standards: the firmware's own are what is tested.
 */
#include "base/hex.h"
#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "crypto/des.h"
#include "crypto/kbkdf.h"
#include "crypto/keywrap.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "protocol/message.h"

#include <ctype.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SETS = 8, HALVES_MAX = 65536, PIECE = 8 };

struct set {
	uint8_t id[8], id_len;
	struct key bdk, variant; /* variant: TDES */
};

static struct set sets[SETS];
static size_t set_count;
static uint8_t halves[HALVES_MAX][PIECE];
static size_t half_count;
static struct key exchange;
static uint8_t last[16]; /* the key that plant shows */

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "noise_leak: %s: %s\n", what, why);
	exit(70);
}

static void need(enum err e, const char *what)
{
	if (e)
		die(what, err_text(e));
}

static uint8_t *read_file(size_t *len, const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;
	long n;

	if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0)
		die(path, "cannot be read");
	rewind(f);
	p = malloc((size_t)n + 1);
	if (!p || fread(p, 1, (size_t)n, f) != (size_t)n)
		die(path, "cannot be read");
	fclose(f);
	p[n] = 0;
	*len = (size_t)n;
	return p;
}

static void read_key(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *pkey = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
	BIGNUM *d = NULL;

	if (!pkey || !EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) ||
	    BN_bn2binpad(d, exchange.b, 32) != 32)
		die(path, "no EC key");
	exchange.len = 32;
	BN_clear_free(d);
	EVP_PKEY_free(pkey);
	fclose(f);
}

static void add_halves(const struct key *k)
{
	for (unsigned i = 0; i + PIECE <= k->len; i += PIECE) {
		if (half_count == HALVES_MAX)
			die("keys", "too many");
		memcpy(halves[half_count++], k->b + i, PIECE);
	}
}

/* bdk/exchange.h */
static void open_package(const char *path)
{
	static const char label[] = "keyroom/1 exchange";
	uint8_t point[P256_POINT], ctx[32], length[4], *b;
	struct set *s = &sets[set_count++];
	struct span id, head, wrapped;
	struct key z, kek;
	unsigned items;
	struct rd r;
	size_t len;

	if (set_count > SETS)
		die(path, "too many packages");
	b = read_file(&len, path);
	rd_init(&r, b, len);
	rd_span(&r, 5);
	id = rd_span8(&r);
	rd_span(&r, 32);
	rd_span16(&r);
	rd_copy(&r, point, sizeof point);
	need(r.e, path);
	head = (struct span){ b, len - r.left };
	rd_span8(&r);
	items = rd_u8(&r);
	if (r.e || id.len > sizeof s->id || items < 1 || items > 2)
		die(path, "no package");
	memcpy(s->id, id.p, id.len);
	s->id_len = (uint8_t)id.len;
	put_be32(length, (uint32_t)head.len);
	need(sha256(ctx, (struct span[]){ { (const uint8_t *)label, sizeof label }, SPAN(length), head }, 3), path);
	need(p256_ecdh(&z, &exchange, point), path);
	for (unsigned i = 0; i < items; i++) {
		struct key *k = i ? &s->variant : &s->bdk;

		rd_span(&r, KBKDF_LABEL);
		wrapped = rd_span8(&r);
		need(r.e, path);
		need(kbkdf(&kek, &z, i ? "KRM1-BV" : "KRM1-BD", ctx), path);
		need(keywrap_unwrap(k, &kek, wrapped.p, wrapped.len), path);
		add_halves(k);
	}
	free(b);
}

/* X9.24-1: both halves from the KSN without its counter. X9.24-3: usage 8001, AES-128, the initial key id. */
static void derive(struct key *ik, struct span kcv, const struct set *s, const uint8_t *ksn)
{
	uint8_t data[16] = { 0x01, 0x01, 0x80, 0x01, 0x00, 0x02, 0x00, 0x80 }, made[16] = { 0 };
	struct key whole;

	ik->len = 16;
	if (s->variant.len) {
		memcpy(data, ksn, 8);
		data[7] &= 0xe0;
		need(des_ecb(ik->b, &s->bdk, ENCRYPT, data, 1), "TDES");
		need(des_ecb(ik->b + 8, &s->variant, ENCRYPT, data, 1), "TDES");
		whole = *ik;
		need(des_ecb(made, &whole, ENCRYPT, (const uint8_t[8]){ 0 }, 1), "TDES");
	} else {
		memcpy(data + 8, ksn, 8);
		need(aes_ecb(ik->b, &s->bdk, ENCRYPT, data, 1), "AES");
		need(cmac_aes(made, ik, made, sizeof made), "CMAC");
	}
	if (memcmp(made, kcv.p, kcv.len) != 0)
		ik->len = 0;
}

/* Every load's initial key; true if each has the check value that its terminal shows. */
static bool read_loads(const char *path)
{
	char ksn[32], kcv[16];
	FILE *f = fopen(path, "r");
	bool good = f != NULL;
	size_t n = 0;

	while (f && fscanf(f, "%31s %15s", ksn, kcv) == 2) {
		uint8_t k[16], v[8];
		size_t k_len = 0, v_len = 0;
		struct key ik;

		if (hex_decode(k, &k_len, sizeof k, ksn, strlen(ksn)) ||
		    hex_decode(v, &v_len, sizeof v, kcv, strlen(kcv)) || (v_len != 3 && v_len != 5))
			die(path, "no KSN and check value");
		for (size_t i = 0; i < set_count; i++) {
			if (memcmp(k, sets[i].id, sets[i].id_len) != 0)
				continue;
			derive(&ik, (struct span){ v, v_len }, &sets[i], k);
			if (!ik.len)
				fprintf(stderr, "noise_leak: %s: the terminal holds another key: check value %s\n", ksn,
					kcv);
			good = good && ik.len;
			add_halves(&ik);
			memcpy(last, ik.b, sizeof last);
			n++;
		}
	}
	if (!n)
		die(path, "no load of these key sets");
	printf("%zu loads, %zu key halves", n, half_count);
	return good;
}

/* --- Searching
 * ----------------------------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, PIECE);
}

static bool is_key(const uint8_t *piece)
{
	return bsearch(piece, halves, half_count, PIECE, compare);
}

static bool holds_key(const char *path)
{
	uint8_t *b, piece[PIECE];
	size_t len, at;
	bool found = false;

	b = read_file(&len, path);
	for (at = 0; at + PIECE <= len && !found; at++) {
		size_t n = 0;

		found = is_key(b + at);
		if (!found && at + 2 * PIECE <= len && isxdigit(b[at]) &&
		    !hex_decode(piece, &n, sizeof piece, (const char *)b + at, 2 * PIECE))
			found = is_key(piece);
	}
	if (found)
		fprintf(stderr, "noise_leak: %s: a key at byte %zu\n", path, at - 1);
	free(b);
	return found;
}

/* --- The broken twin
 * -------------------------------------------------------------------------------------------------------- */

static void plant(const char *folder)
{
	static const char *const forms[] = { "bytes-left", "bytes-right", "hex-upper", "hex-lower" };
	char path[512], digits[2 * PIECE + 1];

	for (int i = 0; i < 4; i++) {
		const uint8_t *piece = last + (i == 1 ? PIECE : 0);
		FILE *f;

		snprintf(path, sizeof path, "%s/%s", folder, forms[i]);
		f = fopen(path, "wb");
		if (!f)
			die(path, "cannot be written");
		fputs("what else is on a line ", f);
		hex_encode(digits, piece, PIECE);
		for (char *c = digits; i == 3 && *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (i < 2)
			fwrite(piece, 1, PIECE, f);
		else
			fputs(digits, f);
		fputs(" and more of it", f);
		fclose(f);
	}
}

int main(int argc, char **argv)
{
	const char *packages[SETS], *key = NULL, *loads = NULL;
	char digits[2 * sizeof sets->bdk.b + 1];
	size_t n = 0;
	int i, status;
	bool show = argc > 1 && !strcmp(argv[1], "show");

	for (i = 2; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		if (!strcmp(argv[i], "--package") && n < SETS)
			packages[n++] = argv[i + 1];
		else if (!strcmp(argv[i], "--key"))
			key = argv[i + 1];
		else if (!strcmp(argv[i], "--loads"))
			loads = argv[i + 1];
		else
			break;
	}
	if (!n || !key || (!show && (!loads || i >= argc || (strcmp(argv[1], "search") && strcmp(argv[1], "plant"))))) {
		fprintf(stderr,
			"usage: noise_leak search|plant --package FILE... --key PEM --loads FILE TAP...|FOLDER\n"
			"       noise_leak show --package FILE --key PEM\n");
		return 64;
	}
	read_key(key);
	for (size_t p = 0; p < n; p++)
		open_package(packages[p]);
	if (show) {
		hex_encode(digits, sets->bdk.b, sets->bdk.len);
		printf("bdk = %s\n", digits);
		return 0;
	}
	status = read_loads(loads) ? 0 : 2;
	qsort(halves, half_count, PIECE, compare);
	if (!strcmp(argv[1], "plant")) {
		plant(argv[i]);
		putchar('\n');
		return status;
	}
	for (int t = i; t < argc; t++)
		if (holds_key(argv[t]))
			status = 1;
	printf(", %d taps\n", argc - i);
	return status;
}
