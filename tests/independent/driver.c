/*
 * What our DUKPT says, for the independent implementation to compare: one line in, one line out.
 *
 *   in   SCHEME BDK KSN TYPE PIN PAN RANDOM DATA     (hexadecimal but for scheme, type, PIN and PAN; DATA: whole blocks
 *                                                    of 16)
 *   out  tdes: IK TXN five keys KCV retail-MAC CMAC data PIN-block
 *        aes*: IK DERIVATION nine keys of TYPE KCV MAC data PIN-block UPDATE-KEY
 *        or:   refused ERROR
 *
 * The update key is 32 steps away: only one line in eight asks for it, by the first byte of RANDOM; else "-".
 * The MAC is under the request (generate) key, the data under the request (encrypt) key; "-" where TYPE has none.
 */
#include "base/hex.h"
#include "dukpt/data.h"
#include "dukpt/host.h"
#include "dukpt/kcv.h"
#include "dukpt/mac.h"
#include "dukpt/pinblock.h"
#include "tests/lib/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UPDATE_BELOW 32

struct line {
	enum dukpt_scheme scheme;
	enum dukpt_key_type type;
	struct key bdk;
	struct ksn k;
	struct pin pin;
	struct pan pan;
	uint8_t random[8], data[64];
	size_t len;
};

static void must(enum err e)
{
	if (e) {
		printf("refused %s\n", err_name(e));
		exit(2);
	}
}

static void show(const uint8_t *p, size_t len)
{
	char text[2 * 64 + 1];

	hex_encode(text, p, len);
	printf(" %s", text);
}

static void show_key(const struct key *k)
{
	show(k->b, k->len);
}

static void tdes(const struct line *l, const struct key *ik)
{
	struct key key[DUKPT_DATA_RESPONSE + 1];
	uint8_t b[64], kcv[KCV_MAX], n;
	size_t len;

	for (int p = DUKPT_PIN; p <= DUKPT_DATA_RESPONSE; p++) {
		must(dukpt_host_key(&key[p], ik, l->scheme, &l->k, (enum dukpt_purpose)p));
		show_key(&key[p]);
	}
	must(kcv_compute(kcv, &n, l->scheme, ik));
	show(kcv, n);
	must(dukpt_mac(b, &len, l->scheme, &key[DUKPT_MAC_REQUEST], l->data, l->len - 3));
	show(b, len);
	must(dukpt_mac_by(b, &len, DUKPT_MAC_CMAC, DUKPT_KEY_2TDEA, &key[DUKPT_MAC_REQUEST], l->data, l->len - 3));
	show(b, len);
	must(dukpt_data(b, l->scheme, &key[DUKPT_DATA_REQUEST], ENCRYPT, l->data, l->len));
	show(b, l->len);
	must(pinblock_encode(b, PIN_FORMAT_0, &l->pin, &l->pan, NULL));
	must(dukpt_data(b, l->scheme, &key[DUKPT_PIN], ENCRYPT, b, 8));
	show(b, 8);
}

static void aes(const struct line *l, const struct key *ik)
{
	static const enum dukpt_usage usages[] = {
		DUKPT_USE_KEY_ENCRYPTION, DUKPT_USE_PIN,       DUKPT_USE_MAC_GENERATE,
		DUKPT_USE_MAC_VERIFY,     DUKPT_USE_MAC_BOTH,  DUKPT_USE_DATA_ENCRYPT,
		DUKPT_USE_DATA_DECRYPT,   DUKPT_USE_DATA_BOTH, DUKPT_USE_DERIVATION,
	};
	const struct dukpt_key_kind *kind = dukpt_key_kind(l->type);
	struct key key[9], pin;
	uint8_t b[64], kcv[KCV_MAX], n;
	size_t len;

	for (int i = 0; i < 9; i++) {
		must(dukpt_host_aes_key(&key[i], ik, l->scheme, &l->k, usages[i], l->type));
		show_key(&key[i]);
	}
	must(kcv_compute(kcv, &n, l->scheme, ik));
	show(kcv, n);
	must(dukpt_mac_by(b, &len, kind->block ? DUKPT_MAC_CMAC : DUKPT_MAC_HMAC, l->type, &key[2], l->data,
			  l->len - 3));
	show(b, len);
	if (kind->block) {
		must(dukpt_data_by(b, l->type, &key[5], ENCRYPT, NULL, l->data, l->len));
		show(b, l->len);
	} else {
		printf(" -");
	}
	must(dukpt_host_key(&pin, ik, l->scheme, &l->k, DUKPT_PIN));
	must(pinblock4_encipher(b, &pin, &l->pin, &l->pan, l->random));
	show(b, 16);
	if (l->random[0] >= UPDATE_BELOW) {
		printf(" -");
		return;
	}
	must(dukpt_host_update_key(&pin, ik, l->scheme, &l->k, l->type));
	show_key(&pin);
}

static void answer(const struct line *l)
{
	struct key ik, txn;
	enum err e;

	must(dukpt_host_ik(&ik, &l->bdk, l->scheme, &l->k));
	e = dukpt_host_txn(&txn, &ik, l->scheme, &l->k);
	if (e) {
		printf("refused %s\n", err_name(e));
		return;
	}
	printf("ok");
	show_key(&ik);
	show_key(&txn);
	(l->scheme == DUKPT_TDES ? tdes : aes)(l, &ik);
	putchar('\n');
}

int main(void)
{
	char scheme[8], bdk[65], ksn[25], type[8], pin[13], pan[20], random[17], data[129];

	while (scanf("%7s %64s %24s %7s %12s %19s %16s %128s", scheme, bdk, ksn, type, pin, pan, random, data) == 8) {
		struct line l;

		memset(&l, 0, sizeof l);
		must(dukpt_scheme_parse(&l.scheme, scheme));
		must(dukpt_key_type_parse(&l.type, type));
		must(ksn_parse(&l.k, ksn));
		must(pin_parse(&l.pin, pin));
		must(pan_parse(&l.pan, pan));
		l.bdk = test_key(bdk);
		test_hex(l.random, sizeof l.random, random);
		l.len = test_hex(l.data, sizeof l.data, data);
		answer(&l);
		fflush(stdout);
	}
	return 0;
}
