/*
 * Test only: an image that runs what the terminal does with secrets, over other secrets each time, and writes down what
 * each run took by the timer; tests/board/counts.py starts it under -icount, where the timer counts instructions. Of the
 * secrets the first are edges: all bits zero, all one, a first byte of zero. What is public stays the same: lengths,
 * counters, PAN, messages' lengths.
 */
#include "base/hex.h"
#include "base/wipe.h"
#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "crypto/des.h"
#include "crypto/kbkdf.h"
#include "crypto/keyblock.h"
#include "crypto/keywrap.h"
#include "crypto/p256.h"
#include "crypto/sha256.h"
#include "dukpt/data.h"
#include "dukpt/ikblock.h"
#include "dukpt/mac.h"
#include "dukpt/pinblock.h"
#include "dukpt/update.h"
#include "terminal/port/mps2-an386/board.h"
#include "terminal/random.h"

#include <string.h>

/* What the host sees; tests/board/counts.py has the same shape. */
enum { CASES = 96, TIMES = 32, SIGNATURES = 8, SYS_EXIT = 0x18, EXITED = 0x20026 };
#define SHARED ((volatile struct shared *)(BOARD_FACTORY + UINT32_C(0x10000)))
struct shared {
	uint32_t seed[8];                /* in */
	uint8_t sign[SIGNATURES][2][32]; /* in: private key, digest */
	uint32_t cases, done;
	struct {
		char name[32];
		uint32_t twin, failed, times, ticks[TIMES];
	} out[CASES];
};

/* One of everything, so that nothing is allocated and all of it is filled anew for each run. */
static struct {
	struct key key, other, out;
	uint8_t in[64], b[64], more[64];
	char text[129];
	struct pin pin;
	size_t len;
	struct dukpt_registers r[2];
	struct drbg drbg;
	struct health health;
	uint8_t point[P256_POINT], sig[P256_SIG];
	char block[IKBLOCK_MAX];
	struct keyblock parsed;
	uint8_t work[IKBLOCK_ROOM];
	uint8_t kcv[KCV_MAX], kcv_len;
	struct ksn ksn;
	uint8_t noise[RANDOM_ENTROPY];
} w;
static enum err result;
static unsigned run_number;

static const struct ksn tdes = { { 0xFF, 0xFF, 0x98, 0x76, 0x54, 0x32, 0x10, 0xE0, 0, 0 }, KSN_TDES };
static const struct ksn aes = { { 0x12, 0x34, 0x56, 0x78, 0x90, 0x12, 0x34, 0x56, 0, 0, 0, 0 }, KSN_AES };
static const struct pan pan = { "4111111111111111", 16 };

/* --- Secrets --- */

static uint32_t next_random(void)
{
	static uint32_t s[4];

	if (!(s[0] | s[1] | s[2] | s[3]))
		for (unsigned i = 0; i < 4; i++)
			s[i] = SHARED->seed[i] | 1;
	/* xorshift128: no need for more */
	uint32_t t = s[3] ^ s[3] << 11;

	s[3] = s[2];
	s[2] = s[1];
	s[1] = s[0];
	s[0] ^= s[0] >> 19 ^ t ^ t >> 8;
	return s[0];
}

static void fill(void *p, size_t len)
{
	uint8_t *b = p;

	for (size_t i = 0; i < len; i++)
		b[i] = run_number == 0 ? 0 : run_number == 1 ? 0xff : (uint8_t)(next_random() >> 7);
	if (run_number == 2)
		b[0] = 0;
}

static void fill_key(struct key *k, unsigned len)
{
	memset(k, 0, sizeof *k);
	fill(k->b, len);
	k->len = (uint8_t)len;
}

static const struct ksn *iksn(unsigned scheme)
{
	return scheme == DUKPT_TDES ? &tdes : &aes;
}

/* --- Before a run, uncounted --- */

static void any_key(unsigned len)
{
	fill_key(&w.key, len);
	fill_key(&w.other, 16);
	fill(w.in, sizeof w.in);
	fill(w.more, sizeof w.more);
}

/* 1..n-1: the edges are the least and the greatest. */
static void private_key(unsigned unused)
{
	(void)unused;
	do
		any_key(32);
	while (run_number > 1 && !p256_scalar_ok(w.key.b));
	if (run_number == 0)
		w.key.b[31] = 1;
	if (run_number == 1) {
		memcpy(w.key.b, p256_n, 32);
		w.key.b[31]--;
	}
	/* the peer's point is public: the generator times 2 */
	memset(&w.other, 0, sizeof w.other);
	w.other.b[31] = 2;
	w.other.len = 32;
	result = p256_public(w.point, &w.other);
}

static void signing(unsigned unused)
{
	(void)unused;
	w.key.len = 32;
	for (unsigned i = 0; i < 32; i++) {
		w.key.b[i] = SHARED->sign[run_number][0][i];
		w.in[i] = SHARED->sign[run_number][1][i];
	}
}

static void wrapped_key(unsigned len)
{
	any_key(len);
	fill_key(&w.key, 32);
	result = keywrap_wrap(w.b, &w.len, &w.key, &w.other);
}

/* Good noise: what fails the tests is wiped, which shows and may. */
static void good_noise(unsigned unused)
{
	(void)unused;
	for (unsigned i = 0; i < sizeof w.in; i++)
		w.in[i] = (uint8_t)(next_random() >> 7);
}

static void seeded(unsigned unused)
{
	any_key(32);
	(void)unused;
	result = drbg_seed(&w.drbg, &(struct span){ w.in, 64 }, 1);
}

static void registers(unsigned scheme)
{
	fill_key(&w.key, dukpt_key_len((enum dukpt_scheme)scheme));
	if (scheme == DUKPT_TDES && !memcmp(w.key.b, w.key.b + 8, 8))
		w.key.b[8] ^= 2; /* a single-length key is none */
	result = dukpt_registers_load(&w.r[0], (enum dukpt_scheme)scheme, &w.key, iksn(scheme));
}

static void a_pin(unsigned unused)
{
	(void)unused;
	any_key(16);
	memset(&w.pin, 0, sizeof w.pin);
	w.pin.len = (uint8_t)(run_number < 9 ? 4 + run_number : 4 + next_random() % 9); /* its length too is secret */
	for (unsigned i = 0; i < w.pin.len; i++)
		w.pin.digit[i] = (uint8_t)(run_number == 0 ? 0 : run_number == 8 ? 9 : next_random() % 10);
}

/* Its text is public, and taken apart before. */
static void key_block(unsigned unused)
{
	size_t len;

	(void)unused;
	any_key(16);
	result = dukpt_ik_block(w.block, &len, 'D', DUKPT_AES128, &w.other, &aes, &w.key, w.more);
	if (!result)
		result = keyblock_parse(&w.parsed, (struct span){ (const uint8_t *)w.block, len });
}

/* Two that are the same, or differ somewhere. */
static void pair(unsigned unused)
{
	(void)unused;
	any_key(32);
	memcpy(w.b, w.in, 32);
	if (run_number % 4)
		w.b[next_random() % 32] ^= (uint8_t)(1u << next_random() % 8);
}

static void hex_text(unsigned unused)
{
	any_key(32);
	(void)unused;
	hex_encode(w.text, w.in, 64);
}

/* --- What is counted --- */

static void run_aes_encrypt(unsigned len)
{
	(void)len;
	result = aes_ecb(w.b, &w.key, ENCRYPT, w.in, 2);
}

static void run_aes_decrypt(unsigned len)
{
	(void)len;
	result = aes_cbc(w.b, &w.key, DECRYPT, w.more, w.in, 2);
}

static void run_des_encrypt(unsigned len)
{
	(void)len;
	result = des_ecb(w.b, &w.key, ENCRYPT, w.in, 2);
}

static void run_des_decrypt(unsigned len)
{
	(void)len;
	result = des_cbc(w.b, &w.key, DECRYPT, w.more, w.in, 2);
}

static void run_cmac_aes(unsigned len)
{
	(void)len;
	result = cmac_aes(w.b, &w.key, w.in, 37);
}

static void run_cmac_tdes(unsigned len)
{
	(void)len;
	result = cmac_tdes(w.b, &w.key, w.in, 37);
}

static void run_hmac(unsigned len)
{
	result = hmac_sha256(w.b, (struct span){ w.key.b, len }, &(struct span){ w.in, 64 }, 1);
}

static void run_kbkdf(unsigned len)
{
	(void)len;
	result = kbkdf(&w.out, &w.key, "KRM1-IK", w.in);
}

static void run_unwrap(unsigned len)
{
	(void)len;
	result = keywrap_unwrap(&w.out, &w.key, w.b, w.len);
}

static void run_public(unsigned unused)
{
	uint8_t point[P256_POINT];

	(void)unused;
	result = p256_public(point, &w.key);
}

static void run_ecdh(unsigned unused)
{
	(void)unused;
	result = p256_ecdh(&w.out, &w.key, w.point);
}

static void run_sign(unsigned unused)
{
	(void)unused;
	result = p256_sign(w.sig, &w.key, w.in);
}

static void run_generate(unsigned unused)
{
	(void)unused;
	result = p256_generate(&w.out, &w.drbg);
}

static void run_seed(unsigned unused)
{
	(void)unused;
	result = drbg_seed(&w.drbg, &(struct span){ w.in, 64 }, 1);
}

static void run_take(unsigned unused)
{
	(void)unused;
	result = drbg_take(&w.drbg, w.b, 48);
}

static enum err noise(void *ctx, uint8_t *out, size_t len)
{
	(void)ctx;
	memcpy(out, w.in, len);
	return E_OK;
}

static void run_health(unsigned unused)
{
	static const struct port port = { .entropy = noise };

	(void)unused;
	result = random_entropy(w.noise, &w.health, &port);
}

static void run_load(unsigned scheme)
{
	result = dukpt_registers_load(&w.r[0], (enum dukpt_scheme)scheme, &w.key, iksn(scheme));
}

/* Counters 1 to 4, which make no, one, no and two new keys. */
static void run_transactions(unsigned scheme)
{
	(void)scheme;
	for (unsigned i = 0; !result && i < 4; i++)
		result = dukpt_registers_take(&w.r[~i & 1], &w.out, &w.ksn, &w.r[i & 1]);
}

static void run_working(unsigned scheme)
{
	struct ksn ksn = *iksn(scheme);

	ksn.b[ksn.len - 1] |= 5;
	for (unsigned p = DUKPT_PIN; !result && p <= DUKPT_DATA_RESPONSE; p++)
		result = dukpt_txn_key(&w.out, &w.key, (enum dukpt_scheme)scheme, &ksn, (enum dukpt_purpose)p);
}

static void run_kcv(unsigned scheme)
{
	result = kcv_compute(w.kcv, &w.kcv_len, (enum dukpt_scheme)scheme, &w.key);
}

static void run_update_key(unsigned unused)
{
	(void)unused;
	result = dukpt_update_key(&w.out, &w.r[0]);
}

static void run_open(unsigned unused)
{
	struct span key;

	(void)unused;
	result = keyblock_open(&key, w.work, sizeof w.work, &w.parsed, &w.key);
}

static void run_pinblock(unsigned format)
{
	result = pinblock_encode(w.b, (enum pin_format)format, &w.pin, &pan, w.more);
}

static void run_pinblock4(unsigned unused)
{
	(void)unused;
	result = pinblock4_encipher(w.b, &w.key, &w.pin, &pan, w.more);
}

static void run_mac(unsigned scheme)
{
	result = dukpt_mac(w.b, &w.len, (enum dukpt_scheme)scheme, &w.key, w.in, 37);
}

static void run_data(unsigned scheme)
{
	result = dukpt_data(w.b, (enum dukpt_scheme)scheme, &w.key, ENCRYPT, w.in, 48);
	if (!result)
		result = dukpt_data(w.b, (enum dukpt_scheme)scheme, &w.key, DECRYPT, w.in, 48);
}

static volatile unsigned sink;

static void run_equal(unsigned unused)
{
	(void)unused;
	sink = ct_equal(w.in, w.b, 32);
}

static void run_hex(unsigned unused)
{
	(void)unused;
	hex_encode(w.text, w.in, 64);
	result = hex_decode(w.b, &w.len, sizeof w.b, w.text, 128);
}

/* The usual comparison, which stops at the first difference. */
static void twin_equal(unsigned unused)
{
	unsigned i = 0;

	(void)unused;
	while (i < 32 && w.in[i] == w.b[i])
		i++;
	sink = i;
}

/* Square and multiply, with its branch on each bit of the key. */
static __attribute__((noinline)) void multiply(void)
{
	sink *= UINT32_C(0x9e3779b1);
}

static void twin_branch(unsigned unused)
{
	(void)unused;
	for (unsigned i = 0; i < 256; i++) {
		sink *= sink;
		if (w.key.b[i / 8] >> i % 8 & 1)
			multiply();
	}
}

enum { LONG = 6 }; /* runs of what takes millions */

static const struct {
	const char *name;
	void (*before)(unsigned param), (*run)(unsigned param);
	unsigned param, times;
	bool twin;
} cases[] = {
	{ "AES-128 ECB encrypt", any_key, run_aes_encrypt, 16, TIMES, false },
	{ "AES-192 ECB encrypt", any_key, run_aes_encrypt, 24, TIMES, false },
	{ "AES-256 ECB encrypt", any_key, run_aes_encrypt, 32, TIMES, false },
	{ "AES-128 CBC decrypt", any_key, run_aes_decrypt, 16, TIMES, false },
	{ "AES-192 CBC decrypt", any_key, run_aes_decrypt, 24, TIMES, false },
	{ "AES-256 CBC decrypt", any_key, run_aes_decrypt, 32, TIMES, false },
	{ "DES ECB encrypt", any_key, run_des_encrypt, 8, TIMES, false },
	{ "2TDEA ECB encrypt", any_key, run_des_encrypt, 16, TIMES, false },
	{ "3TDEA ECB encrypt", any_key, run_des_encrypt, 24, TIMES, false },
	{ "DES CBC decrypt", any_key, run_des_decrypt, 8, TIMES, false },
	{ "2TDEA CBC decrypt", any_key, run_des_decrypt, 16, TIMES, false },
	{ "3TDEA CBC decrypt", any_key, run_des_decrypt, 24, TIMES, false },
	{ "CMAC-AES-128", any_key, run_cmac_aes, 16, TIMES, false },
	{ "CMAC-AES-256", any_key, run_cmac_aes, 32, TIMES, false },
	{ "CMAC-2TDEA", any_key, run_cmac_tdes, 16, TIMES, false },
	{ "HMAC-SHA-256", any_key, run_hmac, 32, TIMES, false },
	{ "KBKDF", any_key, run_kbkdf, 32, TIMES, false },
	{ "key unwrap", wrapped_key, run_unwrap, 16, TIMES, false },
	{ "P-256 public key", private_key, run_public, 0, LONG, false },
	{ "P-256 ECDH", private_key, run_ecdh, 0, LONG, false },
	{ "P-256 sign", signing, run_sign, 0, SIGNATURES, false },
	{ "P-256 generate", seeded, run_generate, 0, TIMES, false },
	{ "DRBG seed", any_key, run_seed, 32, TIMES, false },
	{ "DRBG take", seeded, run_take, 0, TIMES, false },
	{ "noise tests", good_noise, run_health, 0, TIMES, false },
	{ "registers load, TDES", registers, run_load, DUKPT_TDES, TIMES, false },
	{ "registers load, AES-128", registers, run_load, DUKPT_AES128, TIMES, false },
	{ "registers load, AES-192", registers, run_load, DUKPT_AES192, LONG, false },
	{ "registers load, AES-256", registers, run_load, DUKPT_AES256, LONG, false },
	{ "transactions 1-4, TDES", registers, run_transactions, DUKPT_TDES, TIMES, false },
	{ "transactions 1-4, AES-128", registers, run_transactions, DUKPT_AES128, TIMES, false },
	{ "transactions 1-4, AES-192", registers, run_transactions, DUKPT_AES192, LONG, false },
	{ "transactions 1-4, AES-256", registers, run_transactions, DUKPT_AES256, LONG, false },
	{ "working keys, TDES", registers, run_working, DUKPT_TDES, TIMES, false },
	{ "working keys, AES-128", registers, run_working, DUKPT_AES128, TIMES, false },
	{ "working keys, AES-256", registers, run_working, DUKPT_AES256, TIMES, false },
	{ "check value, TDES", registers, run_kcv, DUKPT_TDES, TIMES, false },
	{ "check value, AES-128", registers, run_kcv, DUKPT_AES128, TIMES, false },
	{ "update key", registers, run_update_key, DUKPT_AES128, TIMES, false },
	{ "key block open", key_block, run_open, 0, TIMES, false },
	{ "PIN block 0", a_pin, run_pinblock, PIN_FORMAT_0, TIMES, false },
	{ "PIN block 3", a_pin, run_pinblock, PIN_FORMAT_3, TIMES, false },
	{ "PIN block 4", a_pin, run_pinblock4, 0, TIMES, false },
	{ "MAC, TDES", registers, run_mac, DUKPT_TDES, TIMES, false },
	{ "MAC, AES-128", registers, run_mac, DUKPT_AES128, TIMES, false },
	{ "data, TDES", registers, run_data, DUKPT_TDES, TIMES, false },
	{ "data, AES-128", registers, run_data, DUKPT_AES128, TIMES, false },
	{ "comparison", pair, run_equal, 0, TIMES, false },
	{ "hexadecimal", hex_text, run_hex, 0, TIMES, false },
	{ "twin: stops at a difference", pair, twin_equal, 0, TIMES, true },
	{ "twin: branches on a key", any_key, twin_branch, 32, TIMES, true },
};
_Static_assert(sizeof cases / sizeof *cases <= CASES, "there is room");

struct cmsdk_timer {
	volatile uint32_t ctrl, value, reload;
};
#define CLOCK ((struct cmsdk_timer *)0x40001000)

int main(void);

static __attribute__((noinline)) uint32_t ticks_of(void (*run)(unsigned param), unsigned param)
{
	uint32_t since = CLOCK->value;

	run(param);
	return since - CLOCK->value;
}

int main(void)
{
	CLOCK->reload = UINT32_MAX;
	CLOCK->value = UINT32_MAX;
	CLOCK->ctrl = 1;
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (unsigned c = 0; c < sizeof SHARED->out[i].name - 1 && cases[i].name[c]; c++)
			SHARED->out[i].name[c] = cases[i].name[c];
		SHARED->out[i].twin = cases[i].twin;
		SHARED->out[i].times = cases[i].times;
		for (run_number = 0; run_number < cases[i].times; run_number++) {
			memset(&w, 0, sizeof w);
			result = E_OK;
			cases[i].before(cases[i].param);
			if (!result)
				SHARED->out[i].ticks[run_number] = ticks_of(cases[i].run, cases[i].param);
			if (result)
				SHARED->out[i].failed = result;
		}
		SHARED->cases = i + 1;
	}
	SHARED->done = 1;
	semihost(SYS_EXIT, (const void *)EXITED);
	return 0;
}
