/*
 * What a test must know to look for leaks: a party in the middle of a hand-over, possible only because the test owns
 * the ca room.
 *
 *     keys open EXCHANGE KIF KIF.crt ANCHORS ACQUIRER.crt PACKAGE OUT
 *         opens a package made for the exchange key in the file EXCHANGE, prints its BDK and variant, the ECDH secret
 *         and KEKs it travelled under, and writes the same key set to OUT for the acquirer room, from the KIF whose key
 *         is in the file KIF
 *     keys of NEEDLES SCHEME KSN N
 *         prints, from the line "bdk" of NEEDLES, the initial key of that KSN, the transaction keys of counters 1..N
 *         with all their working keys ("past", but the two of N that a host's response is under: "reply"), and the
 *         transaction key after them ("next")
 *
 * Private keys are files of 32 bytes, certificates PEM. Lines are "NAME HEX": what tests/leaks/scan.c looks for.
 */
#include "base/hex.h"
#include "base/host/file.h"
#include "base/host/opt.h"
#include "crypto/keywrap.h"
#include "crypto/sha256.h"
#include "dukpt/aes.h"
#include "dukpt/host.h"
#include "dukpt/tdes.h"
#include "tests/lib/room_sim.h"

#include <openssl/pem.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void need(enum err e, const char *what)
{
	if (e) {
		fprintf(stderr, "keys: %s: %s\n", what, err_text(e));
		exit(2);
	}
}

static void print(const char *name, const uint8_t *p, size_t len)
{
	char text[2 * 65 + 1];

	hex_encode(text, p, len);
	printf("%s %s\n", name, text);
}

static struct key private(const char *path)
{
	struct key k = { .len = 32 };
	size_t len;

	need(file_read(k.b, &len, sizeof k.b, path), path);
	need(len == sizeof k.b ? E_OK : E_KEY, path);
	return k;
}

/* The nth PEM block of a file */
static struct der pem(const char *path, unsigned n)
{
	FILE *f = fopen(path, "re");
	char *name = NULL, *header = NULL;
	unsigned char *data = NULL;
	struct der out = { .len = 0 };
	long len = 0;

	need(f ? E_OK : E_IO, path);
	for (unsigned i = 0; i <= n; i++)
		need(PEM_read(f, &name, &header, &data, &len) && (size_t)len <= sizeof out.b ? E_OK : E_FORMAT, path);
	memcpy(out.b, data, (size_t)len);
	out.len = (size_t)len;
	fclose(f);
	return out;
}

static void open_package(char **a)
{
	struct room_sim_package p = { .kdh = private(a[1]), .cert = pem(a[2], 0) };
	const struct der exchange_ca = pem(a[3], 2), acquirer = pem(a[4], 0);
	struct key mine = private(a[0]), z, kek, *key[2] = { &p.bdk, &p.variant };
	uint8_t package[EXCHANGE_MAX], point[P256_POINT], ctx[32], length[4];
	static const char label[] = "keyroom/1 exchange";
	struct room_sim s = { .keys = 0 };
	struct cert to;
	struct span id;
	size_t len, head;
	struct rd r;

	need(cert_verify(&to, (struct span){ acquirer.b, acquirer.len },
			 (struct span){ exchange_ca.b, exchange_ca.len }, room_utc()),
	     a[4]);
	memcpy(p.recipient, to.point, sizeof p.recipient);
	need(file_read(package, &len, sizeof package, a[5]), a[5]);
	rd_init(&r, package, len);
	rd_span(&r, 4);
	p.set.scheme = (enum dukpt_scheme)rd_u8(&r);
	id = rd_span8(&r);
	need(id.p && id.len <= sizeof p.set.b ? E_OK : E_FORMAT, a[5]);
	memcpy(p.set.b, id.p, id.len);
	p.set.len = (uint8_t)id.len;
	rd_span(&r, 32);
	rd_span16(&r);
	rd_copy(&r, point, sizeof point);
	head = len - r.left;
	put_be32(length, (uint32_t)head);
	need(sha256(ctx, (struct span[]){ { (const uint8_t *)label, sizeof label }, SPAN(length), { package, head } },
		    3),
	     "ctx");
	need(p256_ecdh(&z, &mine, point), "ecdh");
	print("z", z.b, z.len);
	id = rd_span8(&r);
	need(id.p && id.len <= sizeof p.kcv.b ? E_OK : E_FORMAT, a[5]);
	memcpy(p.kcv.b, id.p, id.len);
	p.kcv.len = (uint8_t)id.len;
	for (unsigned i = 0, n = rd_u8(&r); i < n && i < 2; i++) {
		struct span name = rd_span(&r, KBKDF_LABEL), wrapped = rd_span8(&r);

		need(r.e, a[5]);
		need(kbkdf(&kek, &z, (const char *)name.p, ctx), "kbkdf");
		print("kek", kek.b, kek.len);
		need(keywrap_unwrap(key[i], &kek, wrapped.p, wrapped.len), "unwrap");
		print(i ? "variant" : "bdk", key[i]->b, key[i]->len);
	}
	len = room_sim_package_bytes(&s, package, &p);
	need(file_write(a[6], (struct span){ package, len }, 0600), a[6]);
}

/* The value of the line "bdk" */
static struct key bdk_of(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[256], text[129];
	struct key k = { .len = 0 };
	size_t len = 0;

	need(f ? E_OK : E_IO, path);
	while (!k.len && fgets(line, sizeof line, f))
		if (sscanf(line, "bdk %128s", text) == 1) {
			need(hex_decode(k.b, &len, sizeof k.b, text, strlen(text)), path);
			k.len = (uint8_t)len;
		}
	need(k.len ? E_OK : E_KEY, path);
	fclose(f);
	return k;
}

static void derive(char **a)
{
	enum dukpt_scheme scheme = !strcmp(a[1], "tdes") ? DUKPT_TDES : DUKPT_AES128;
	struct key bdk = bdk_of(a[0]), ik, key;
	unsigned long n;
	struct dukpt_step step;
	struct ksn ksn;

	need(ksn_parse(&ksn, a[2]), a[2]);
	if (!opt_number(&n, "N", a[3], 0, 1000))
		exit(2);
	if (scheme == DUKPT_TDES) {
		need(dukpt_tdes_ik(&ik, &bdk, &ksn), "initial key");
	} else {
		need(dukpt_aes_step_ik(&step, scheme, &ksn), "initial key");
		need(dukpt_run(&ik, &bdk, &step), "initial key");
	}
	print("ik", ik.b, ik.len);
	for (uint32_t i = 1; i <= n + 1; i++) {
		const char *name = i <= n ? "past" : "next";

		ksn_set_counter(&ksn, &ksn, i);
		need(dukpt_host_txn(&key, &ik, scheme, &ksn), "transaction key");
		print(name, key.b, key.len);
		for (int p = DUKPT_PIN; i <= n && p <= DUKPT_DATA_RESPONSE; p++) {
			bool reply = i == n && (p == DUKPT_MAC_RESPONSE || p == DUKPT_DATA_RESPONSE);

			need(dukpt_host_key(&key, &ik, scheme, &ksn, (enum dukpt_purpose)p), "working key");
			print(reply ? "reply" : name, key.b, key.len);
		}
	}
}

int main(int argc, char **argv)
{
	if (argc == 9 && !strcmp(argv[1], "open"))
		open_package(argv + 2);
	else if (argc == 6 && !strcmp(argv[1], "of"))
		derive(argv + 2);
	else
		return 2;
	return 0;
}
