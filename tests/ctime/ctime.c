/*
 * Constant time, as far as a machine without timing can show it: under valgrind, keys, PINs and random bytes are marked
 * as undefined, so that memcheck reports each branch and each index that depends on one. Where a result is public by
 * definition it is declared so: here, for what a function returns; in declassified.supp, for a verdict that a function
 * itself branches on. The crypto back end is BearSSL's.
 *
 * It also runs broken twins, which have to be reported; and it prints one line a case. Status 0: all as it should be.
 * tools/ctime runs it.
 */
#include "base/hex.h"
#include "base/wipe.h"
#include "bdk/clear_key.h"
#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "crypto/des.h"
#include "crypto/kbkdf.h"
#include "crypto/keyblock.h"
#include "crypto/keywrap.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/ikblock.h"
#include "dukpt/kcv.h"
#include "dukpt/mac.h"
#include "dukpt/pinblock.h"
#include "dukpt/registers.h"
#include "dukpt/update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn tdes_used = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0x15, 5 }, KSN_TDES };
static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 0 }, KSN_AES };
static const struct ksn aes_used = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 1, 3, 7 }, KSN_AES };
static const struct pan pan = { "4111111111111111", 16 };

static void secret(void *p, size_t len)
{
	VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

static void public(void *p, size_t len)
{
	VALGRIND_MAKE_MEM_DEFINED(p, len);
}

/* a key whose length is known and whose bytes are not */
static struct key key_of(uint8_t len)
{
	struct key k = { { 0 }, len };

	for (uint8_t i = 0; i < len; i++)
		k.b[i] = (uint8_t)(3 * i + 1);
	secret(k.b, sizeof k.b);
	return k;
}

static struct pin pin_of(void)
{
	struct pin p = { { 1, 2, 3, 4, 5 }, 5 };

	secret(&p, sizeof p);
	return p;
}

/* a result that the caller learns anyway */
static void must(enum err e)
{
	public(&e, sizeof e);
	if (e) {
		fprintf(stderr, "ctime: %s\n", err_text(e));
		exit(2);
	}
}

/* --- The back end ----------------------------------------------------------------------------------------------- */

static void ciphers(void)
{
	static const uint8_t iv[16] = { 1 };
	uint8_t b[48], mac[32];

	for (uint8_t len = 8; len <= 32; len = (uint8_t)(len + 8)) {
		struct key k = key_of(len);

		secret(b, sizeof b);
		if (len < 32) {
			must(des_ecb(b, &k, ENCRYPT, b, 6));
			must(des_ecb(b, &k, DECRYPT, b, 6));
			must(des_cbc(b, &k, ENCRYPT, iv, b, 6));
			must(des_cbc(b, &k, DECRYPT, iv, b, 6));
		}
		if (len == 16 || len == 24)
			must(cmac_tdes(mac, &k, b, 21));
		if (len > 8) {
			must(aes_ecb(b, &k, ENCRYPT, b, 3));
			must(aes_ecb(b, &k, DECRYPT, b, 3));
			must(aes_cbc(b, &k, ENCRYPT, iv, b, 3));
			must(aes_cbc(b, &k, DECRYPT, iv, b, 3));
			must(cmac_aes(mac, &k, b, 21));
		}
	}
}

static void hashes(void)
{
	struct key k = key_of(32);
	uint8_t b[100], out[32];
	struct span part = SPAN(b);

	secret(b, sizeof b);
	must(sha256(out, &part, 1));
	must(hmac_sha256(out, (struct span){ k.b, 32 }, &part, 1));
}

static void key_derivation_and_wrap(void)
{
	struct key z = key_of(32), kek, inner = key_of(16), back;
	static const uint8_t ctx[32] = { 7 };
	uint8_t wrapped[KEYWRAP_MAX];
	size_t len;

	must(kbkdf(&kek, &z, "KRM1-IK", ctx));
	public(&kek.len, 1);
	must(keywrap_wrap(wrapped, &len, &kek, &inner));
	public(wrapped, sizeof wrapped); /* it goes over the wire */
	must(keywrap_unwrap(&back, &kek, wrapped, len));
}

static void curve(void)
{
	struct key a = key_of(32), z;
	uint8_t point[P256_POINT], sig[P256_SIG], digest[32] = { 5 };

	must(p256_public(point, &a));
	public(point, sizeof point);
	must(p256_ecdh(&z, &a, point));
	must(p256_sign(sig, &a, digest));
}

static void secrets_of_base(void)
{
	uint8_t a[32], b[32];
	char text[65];
	size_t len;
	bool same;

	memset(a, 0x5A, sizeof a);
	secret(a, sizeof a);
	hex_encode(text, a, sizeof a);
	must(hex_decode(b, &len, sizeof b, text, 64));
	same = ct_equal(a, b, sizeof a);
	public(&same, sizeof same);
	if (!same)
		exit(2);
	wipe(a, sizeof a);
}

/* --- dukpt/ ----------------------------------------------------------------------------------------------------- */

static const struct ksn *iksn_of(enum dukpt_scheme s)
{
	return s == DUKPT_TDES ? &tdes : &aes;
}

static const struct ksn *used_of(enum dukpt_scheme s)
{
	return s == DUKPT_TDES ? &tdes_used : &aes_used;
}

static void host(void)
{
	for (enum dukpt_scheme s = DUKPT_TDES; s <= DUKPT_AES256; s++) {
		struct key bdk = key_of(dukpt_key_len(s)), ik, key;
		uint8_t kcv[KCV_MAX], len;

		must(dukpt_host_ik(&ik, &bdk, s, iksn_of(s)));
		for (enum dukpt_purpose p = DUKPT_PIN; p <= DUKPT_DATA_RESPONSE; p++)
			must(dukpt_host_key(&key, &ik, s, used_of(s), p));
		must(kcv_compute(kcv, &len, s, &ik));
		if (s == DUKPT_TDES)
			continue;
		for (enum dukpt_key_type t = DUKPT_KEY_2TDEA; t <= DUKPT_KEY_HMAC128; t++)
			if (dukpt_key_kind(t)->strength <= 128)
				must(dukpt_host_aes_key(&key, &ik, s, used_of(s), DUKPT_USE_MAC_BOTH, t));
		must(dukpt_host_update_key(&key, &ik, s, iksn_of(s), DUKPT_KEY_AES128));
	}
}

static void registers(void)
{
	for (enum dukpt_scheme s = DUKPT_TDES; s <= DUKPT_AES256; s++) {
		struct key ik = key_of(dukpt_key_len(s)), txn;
		struct dukpt_registers r[2];
		struct ksn used;

		must(dukpt_registers_load(&r[0], s, &ik, iksn_of(s)));
		for (int i = 0; i < 4; i++)
			must(dukpt_registers_take(&r[~i & 1], &txn, &used, &r[i & 1]));
		if (s != DUKPT_TDES)
			must(dukpt_update_key(&txn, &r[0]));
	}
}

static void macs_and_data(void)
{
	uint8_t b[48], mac[DUKPT_MAC_ANY];
	size_t len;

	for (enum dukpt_key_type t = DUKPT_KEY_2TDEA; t <= DUKPT_KEY_HMAC256; t++) {
		const struct dukpt_key_kind *kind = dukpt_key_kind(t);
		struct key k = key_of(kind->len);

		secret(b, sizeof b);
		must(dukpt_mac_by(mac, &len, kind->block ? DUKPT_MAC_CMAC : DUKPT_MAC_HMAC, t, &k, b, 21));
		if (!kind->block)
			continue;
		must(dukpt_data_by(b, t, &k, ENCRYPT, NULL, b, 48));
		must(dukpt_data_by(b, t, &k, DECRYPT, NULL, b, 48));
		if (t == DUKPT_KEY_2TDEA)
			must(dukpt_mac_by(mac, &len, DUKPT_MAC_RETAIL, t, &k, b, 21));
	}
}

/* Good blocks and bad ones: the verdict alone is public. */
static void pin_blocks(void)
{
	struct key k = key_of(16);
	uint8_t random[8] = { 9 }, b[16];
	struct pin pin = pin_of(), back;
	enum err e;

	secret(random, sizeof random);
	for (enum pin_format f = PIN_FORMAT_0; f <= PIN_FORMAT_3; f++) {
		must(pinblock_encode(b, f, &pin, &pan, random));
		must(pinblock_decode(&back, f, b, &pan));
		b[0] ^= 0x40;
		e = pinblock_decode(&back, f, b, &pan);
		public(&e, sizeof e);
		if (e != E_PIN_BLOCK)
			exit(2);
	}
	must(pinblock4_encipher(b, &k, &pin, &pan, random));
	must(pinblock4_decipher(&back, &k, b, &pan));
	b[0] ^= 0x40;
	e = pinblock4_decipher(&back, &k, b, &pan);
	public(&e, sizeof e);
	if (e != E_PIN_BLOCK)
		exit(2);
	/* no PIN: its length is bad, which may not show either but in the result */
	pin.len = (uint8_t)(pin.len + 20);
	e = pinblock_encode(b, PIN_FORMAT_0, &pin, &pan, random);
	public(&e, sizeof e);
	if (e != E_RANGE)
		exit(2);
}

static void key_blocks(void)
{
	static const struct {
		char version;
		enum dukpt_scheme scheme;
		uint8_t kbpk;
	} rows[] = {
		{ 'B', DUKPT_TDES, 16 }, { 'B', DUKPT_TDES, 24 }, { 'D', DUKPT_TDES, 16 }, { 'D', DUKPT_AES256, 32 }
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		enum dukpt_scheme s = rows[i].scheme;
		struct key ik = key_of(dukpt_key_len(s)), kbpk = key_of(rows[i].kbpk);
		uint8_t random[KEYBLOCK_RANDOM] = { 3 }, work[IKBLOCK_ROOM];
		char text[IKBLOCK_MAX];
		struct keyblock b;
		struct span key;
		size_t len;

		secret(random, sizeof random);
		must(dukpt_ik_block(text, &len, rows[i].version, s, &ik, iksn_of(s), &kbpk, random));
		public(text, len); /* it goes over the wire */
		must(keyblock_parse(&b, (struct span){ (uint8_t *)text, len }));
		must(keyblock_open(&key, work, sizeof work, &b, &kbpk));
	}
}

/* Components are put together, and what comes of it is judged: made or refused is all that anybody learns. */
static void clear_keys(void)
{
	static const struct { uint8_t len; bool tdes; } rows[] = { { 16, true }, { 24, true }, { 16, false }, { 24, false }, { 32, false } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct key part[3] = { key_of(rows[i].len), key_of(rows[i].len), key_of(rows[i].len) }, sum;
		enum err e;

		for (uint8_t b = 0; b < rows[i].len; b++) {
			part[1].b[b] ^= (uint8_t)(17 * b + 0x42);
			part[2].b[b] ^= (uint8_t)(b * b + 0x64);
		}
		must(clear_key_join(&sum, part, 3, rows[i].tdes));
		part[2] = part[0];
		e = clear_key_join(&sum, part, 3, rows[i].tdes);
		public(&e, sizeof e);
		if (e != E_KEY)
			exit(2);
	}
}

/* --- Broken twins ----------------------------------------------------------------------------------------------- */

static volatile uint8_t sink;

static void twin_branches_on_a_key(void)
{
	struct key k = key_of(16);

	if (k.b[5] & 1)
		sink = 1;
}

static void twin_looks_up_by_a_digit(void)
{
	static const uint8_t table[16] = { 1, 2, 3 };
	struct pin p = pin_of();

	sink = table[p.digit[0] & 15];
}

/* the usual comparison: it stops at the first difference */
static void twin_compares_early_out(void)
{
	uint8_t a[8] = { 1 }, b[8] = { 1, 2 };

	secret(a, sizeof a);
	for (int i = 0; i < 8; i++)
		if (a[i] != b[i]) {
			sink = (uint8_t)i;
			break;
		}
}

static const struct {
	const char *name;
	void (*run)(void);
	bool twin;
} cases[] = {
	{ "AES, DES, CMAC", ciphers, false },
	{ "SHA-256, HMAC", hashes, false },
	{ "KBKDF, key wrap", key_derivation_and_wrap, false },
	{ "P-256", curve, false },
	{ "hexadecimal, comparison", secrets_of_base, false },
	{ "components", clear_keys, false },
	{ "initial, transaction, working keys", host, false },
	{ "registers", registers, false },
	{ "MACs and data", macs_and_data, false },
	{ "PIN blocks", pin_blocks, false },
	{ "key blocks", key_blocks, false },
	{ "broken twin: branches on a key", twin_branches_on_a_key, true },
	{ "broken twin: looks up by a PIN digit", twin_looks_up_by_a_digit, true },
	{ "broken twin: compares until a difference", twin_compares_early_out, true },
};

int main(void)
{
	int status = 0;

	if (!RUNNING_ON_VALGRIND) {
		fputs("ctime: shows nothing without valgrind: run tools/ctime\n", stderr);
		return 2;
	}
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		unsigned long before = VALGRIND_COUNT_ERRORS, found;
		bool good;

		cases[i].run();
		found = VALGRIND_COUNT_ERRORS - before;
		good = cases[i].twin ? found > 0 : !found;
		printf("%-44s %s\n", cases[i].name,
		       good            ? cases[i].twin ? "caught" : "constant"
		       : cases[i].twin ? "NOT CAUGHT"
				       : "DEPENDS ON SECRETS");
		if (!good)
			status = 1;
	}
	return status;
}
