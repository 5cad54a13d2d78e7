/*
 * The whole session of PROTOCOL.md, replayed: every message comes out of the inputs again, byte for byte, every
 * signature and certificate in it verifies, and both ends reach the published initial key.
 *
 * KEYROOM_PRINT_SESSION=1 prints the figures as the document has them.
 */
#include "base/hex.h"
#include "crypto/cert.h"
#include "crypto/des.h"
#include "crypto/kbkdf.h"
#include "crypto/keywrap.h"
#include "crypto/sha256.h"
#include "protocol/link.h"
#include "protocol/transcript.h"
#include "tests/lib/test.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- The document: tables of numbers; then "name = hex" or "name = "text"" in the fenced blocks of its last chapter.
 *     Hex goes on in lines that begin with a blank --- */

#define CHAPTER "## One whole session"

static struct figure {
	char name[40];
	uint8_t b[LINK_WIRE];
	size_t len;
	bool used;
} figures[100];
static size_t figures_n;
static unsigned types_n, results_n; /* rows of tables that were compared with the code */

static void broken(const char *what, const char *where)
{
	fprintf(stderr, "PROTOCOL.md: %s: %s\n", what, where);
	exit(2);
}

static void add_hex(struct figure *f, const char *text)
{
	size_t n;

	if (hex_decode(f->b + f->len, &n, sizeof f->b - f->len, text, strlen(text)))
		broken("not hexadecimal", text);
	f->len += n;
}

static void add_line(char *line)
{
	struct figure *f = &figures[figures_n];
	char *value = strstr(line, " =");

	line[strcspn(line, "\n")] = 0;
	if (!*line || *line == '#')
		return;
	if (isblank((unsigned char)*line)) {
		if (!figures_n)
			broken("nothing to go on with", line);
		add_hex(f - 1, line + strspn(line, " "));
		return;
	}
	if (!value || value - line >= (long)sizeof f->name || figures_n == sizeof figures / sizeof *figures)
		broken("no figure", line);
	memcpy(f->name, line, (size_t)(value - line));
	value += 2;
	value += strspn(value, " ");
	if (*value == '"') {
		f->len = strcspn(value + 1, "\"");
		memcpy(f->b, value + 1, f->len);
	} else {
		add_hex(f, value);
	}
	figures_n++;
}

/* "| 31 | `E_ENVIRONMENT` |" and "| 1 | HELLO |": the document's tables of numbers are the code's. */
static void compare_row(const char *line)
{
	unsigned number;
	char word[32];

	if (sscanf(line, "| %u | `%31[A-Z_]` |", &number, word) == 2) {
		if (strcmp(err_name((enum err)number), word))
			broken("not this result's number", line);
		results_n++;
	} else if (sscanf(line, "| %u | %31[A-Z] |", &number, word) == 2) {
		if (!msg_name(number) || strcmp(msg_name(number), word))
			broken("not this type's number", line);
		types_n++;
	}
}

static void read_document(void)
{
	const char *top = getenv("SRC");
	char path[512], line[512];
	bool chapter = false, fenced = false;
	FILE *f;

	snprintf(path, sizeof path, "%s/PROTOCOL.md", top ? top : ".");
	f = fopen(path, "r");
	if (!f) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof line, f)) {
		if (!strncmp(line, CHAPTER, strlen(CHAPTER)))
			chapter = true;
		else if (!chapter)
			compare_row(line);
		else if (!strncmp(line, "```", 3))
			fenced = !fenced;
		else if (fenced)
			add_line(line);
	}
	fclose(f);
	if (!figures_n)
		broken("no figures under", CHAPTER);
}

static struct span get(const char *name)
{
	for (struct figure *f = figures; f < figures + figures_n; f++)
		if (!strcmp(f->name, name)) {
			f->used = true;
			return (struct span){ f->b, f->len };
		}
	broken("missing", name);
	return (struct span){ NULL, 0 };
}

/* A figure of a fixed length. */
static void take(uint8_t *out, size_t len, const char *name)
{
	struct span s = get(name);

	if (s.len != len)
		broken("wrong length", name);
	memcpy(out, s.p, len);
}
#define TAKE(field, name) take((field), sizeof(field), (name))

static struct key take_key(const char *name, uint8_t len)
{
	struct key k = { { 0 }, len };

	take(k.b, len, name);
	return k;
}

static void must(enum err e, const char *what)
{
	if (e) {
		fprintf(stderr, "%s: %s\n", what, err_name(e));
		exit(2);
	}
}
#define MUST(call) must((call), #call)

/* --- Making it --- */

/* What to do with a figure that comes out: compare, or print. */
static void (*each)(const char *name, struct span got);

static void print(const char *name, struct span got)
{
	char text[2 * LINK_WIRE + 1];

	hex_encode(text, got.p, got.len);
	printf("%s =", name);
	for (size_t i = 0; i < strlen(text); i += 96)
		printf("%s%.96s\n", strlen(text) > 96 && !i ? "\n " : " ", text + i);
	if (!got.len)
		printf("\n");
}

static void compare(const char *name, struct span got)
{
	struct span want = get(name);

	if (got.len != want.len || memcmp(got.p, want.p, got.len)) {
		print(name, got);
		ck_abort_msg("%s differs from the document", name);
	}
}

static void public_of(uint8_t point[static P256_POINT], const char *private)
{
	struct key k = take_key(private, 32);

	MUST(p256_public(point, &k));
}

static void spki_digest_of(uint8_t out[static 32], const char *private)
{
	uint8_t point[P256_POINT];

	public_of(point, private);
	MUST(p256_spki_digest(out, point));
}

/* One message: sign it if it is to be, publish digest, message and h. */
static void say(struct transcript *t, enum msg_type type, const char *name, uint8_t *m, size_t len, const char *signer)
{
	uint8_t digest[32], sig[P256_SIG];
	char text[40];

	if (signer) {
		struct key k = take_key(signer, 32);

		MUST(transcript_digest(digest, t, type, (struct span){ m, len }));
		snprintf(text, sizeof text, "%s-digest", name);
		each(text, SPAN(digest));
		MUST(p256_sign(sig, &k, digest));
		MUST(msg_seal(m, &len, MSG_MAX, sig));
	}
	each(name, (struct span){ m, len });
	MUST(transcript_add(t, type, (struct span){ m, len }));
	snprintf(text, sizeof text, "%s-h", name);
	each(text, SPAN(t->h));
}

static void make_enrolment(void)
{
	struct msg_identify identify = { .version = 1, .suite = 1, .utc = get_be64(get("enrol-utc").p) };
	struct msg_csr csr = { .serial = get("serial"), .chip = get("chip"), .firmware = get("firmware") };
	struct msg_cert cert = { .cert = get("terminal-cert"), .anchor = get("kif-ca-cert"), .config = get("config") };
	struct msg_done done;
	uint8_t m[MSG_MAX], payload[LINK_PAYLOAD] = { MSG_IDENTIFY }, wire[LINK_WIRE];
	struct transcript t;
	size_t n;

	MUST(transcript_start(&t));
	each("h0", SPAN(t.h));

	spki_digest_of(identify.environment, "device-ca-private");
	TAKE(identify.nonce, "identify-nonce");
	TAKE(identify.random, "identify-random");
	MUST(msg_put_identify(m, &n, sizeof m, &identify));
	say(&t, MSG_IDENTIFY, "identify", m, n, NULL);
	memcpy(payload + 1, m, n);
	MUST(link_encode(wire, &n, sizeof wire,
			 &(struct frame){ LINK_REQUEST, get_be32(get("channel").p), 1, { payload, n + 1 } }));
	each("identify-frame", (struct span){ wire, n });

	public_of(csr.point, "terminal-private");
	TAKE(csr.nonce, "csr-nonce");
	TAKE(csr.firmware_digest, "firmware-digest");
	MUST(msg_put_csr(m, &n, sizeof m, &csr));
	say(&t, MSG_CSR, "csr", m, n, "terminal-private");

	public_of(cert.root, "device-ca-private");
	MUST(msg_put_cert(m, &n, sizeof m, &cert));
	say(&t, MSG_CERT, "cert", m, n, "device-ca-private");

	MUST(sha256(done.cert_digest, &cert.cert, 1));
	MUST(msg_put_done(m, &n, sizeof m, &done));
	say(&t, MSG_DONE, "done", m, n, "terminal-private");
}

static void wrap(struct msg_item *item, uint8_t out[static KEYWRAP_MAX], const char *label, const char *kek_name,
		 const struct key *z, const uint8_t ctx[static 32], const uint8_t half[static 8])
{
	struct key kek, k = { { 0 }, 8 };

	memcpy(k.b, half, 8);
	memcpy(item->label, label, sizeof item->label);
	item->wrapped.p = out;
	MUST(kbkdf(&kek, z, label, ctx));
	each(kek_name, (struct span){ kek.b, kek.len });
	MUST(keywrap_wrap(out, &item->wrapped.len, &kek, &k));
}

static void make_load(void)
{
	struct key ik = take_key("initial-key", 16), kdh = take_key("kdh-ephemeral-private", 32), z;
	struct msg_hello hello = {
		.version = 1, .suite = 1, .utc = get_be64(get("load-utc").p), .cert = get("kdh-cert")
	};
	struct msg_offer offer = { .cert = get("terminal-cert"),
				   .firmware = get("firmware"),
				   .slots = 2,
				   .slot = { { .index = 0 }, { .index = 1 } } };
	struct msg_key key = { .slot = 0, .scheme = 1, .usage = "B1", .ksn = get("initial-ksn") };
	struct msg_receipt receipt = {
		.result = E_OK, .slot = 0, .ksn = get("initial-ksn"), .kcv = get("check-value"), .load_count = 1
	};
	uint8_t m[MSG_MAX], ctx[32], left[KEYWRAP_MAX], right[KEYWRAP_MAX];
	struct transcript t;
	size_t n, head;

	MUST(transcript_start(&t));
	spki_digest_of(hello.environment, "kif-ca-private");
	TAKE(hello.nonce, "hello-nonce");
	MUST(msg_put_hello(m, &n, sizeof m, &hello));
	say(&t, MSG_HELLO, "hello", m, n, NULL);

	TAKE(offer.nonce, "offer-nonce");
	TAKE(offer.firmware_digest, "firmware-digest");
	public_of(offer.point, "terminal-ephemeral-private");
	MUST(msg_put_offer(m, &n, sizeof m, &offer));
	say(&t, MSG_OFFER, "offer", m, n, "terminal-private");

	memcpy(key.environment, hello.environment, sizeof key.environment);
	public_of(key.point, "kdh-ephemeral-private");
	MUST(msg_put_key(m, &n, sizeof m, &key, &head));
	each("key-head", (struct span){ m, head });
	MUST(transcript_ctx(ctx, &t, (struct span){ m, head }));
	each("ctx", SPAN(ctx));
	MUST(p256_ecdh(&z, &kdh, offer.point));
	each("z", (struct span){ z.b, z.len });
	key.items = 2;
	wrap(&key.item[0], left, "KRM1-IL", "kek-left", &z, ctx, ik.b);
	wrap(&key.item[1], right, "KRM1-IR", "kek-right", &z, ctx, ik.b + 8);
	MUST(msg_put_key(m, &n, sizeof m, &key, &head));
	say(&t, MSG_KEY, "key", m, n, "kdh-private");

	MUST(msg_put_receipt(m, &n, sizeof m, &receipt));
	say(&t, MSG_RECEIPT, "receipt", m, n, "terminal-private");
}

START_TEST(every_message_comes_out_of_the_inputs)
{
	each = compare;
	make_enrolment();
	make_load();
	get("bdk");            /* where the initial key comes from is dukpt's to test */
	get("device-ca-cert"); /* verified below; in no message */
	for (size_t i = 0; i < figures_n; i++)
		ck_assert_msg(figures[i].used, "%s is in the document for nothing", figures[i].name);
}
END_TEST

/* Nothing up the sleeve: a private key of the document is the hash of its own name. */
START_TEST(the_tables_of_numbers_are_complete)
{
	unsigned types = 0;

	for (unsigned type = 0; type < 256; type++)
		types += msg_name(type) != NULL;
	ck_assert_uint_eq(types_n, types);
	ck_assert_uint_ge(results_n, 20);
}
END_TEST

START_TEST(the_keys_are_hashes_of_their_names)
{
	static const char *const names[] = { "device-ca",          "kif-ca",       "terminal", "kdh",
					     "terminal-ephemeral", "kdh-ephemeral" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char text[64], name[64];
		uint8_t want[32];
		struct span s = { (const uint8_t *)text, 0 };

		s.len = (size_t)snprintf(text, sizeof text, "keyroom/1 session: %s", names[i]);
		snprintf(name, sizeof name, "%s-private", names[i]);
		ck_assert_int_eq(sha256(want, &s, 1), E_OK);
		ck_assert_mem_eq(take_key(name, 32).b, want, 32);
	}
}
END_TEST

/* --- Reading it, with nothing but the messages and the two trust anchors --- */

/* The next message of a session as its receiver has it: verified, and in the transcript. */
static enum err heard(struct span *body, struct transcript *t, enum msg_type type, struct span m,
		      const uint8_t signer[static P256_POINT])
{
	uint8_t digest[32];
	const uint8_t *sig;
	enum err e = msg_open(body, &sig, type, m);

	if (!e && sig) {
		e = transcript_digest(digest, t, type, *body);
		if (!e)
			e = p256_verify(sig, signer, digest);
	}
	if (!e)
		e = transcript_add(t, type, m);
	return e;
}

/* The certified point of the two ends. */
static void point_of(uint8_t point[static P256_POINT], const char *cert, const char *ca, uint64_t utc)
{
	struct cert c;

	must(cert_verify(&c, get(cert), get(ca), utc), cert);
	memcpy(point, c.point, P256_POINT);
}

START_TEST(the_enrolment_verifies)
{
	static const uint8_t nobody[P256_POINT];
	struct span body;
	struct msg_identify identify;
	struct msg_csr csr;
	struct msg_cert cert;
	struct msg_done done;
	struct cert c;
	struct transcript t;
	uint8_t d[32];

	ck_assert_int_eq(transcript_start(&t), E_OK);
	ck_assert_int_eq(heard(&body, &t, MSG_IDENTIFY, get("identify"), nobody), E_OK);
	ck_assert_int_eq(msg_get_identify(&identify, body), E_OK);
	ck_assert_int_eq(msg_open(&body, &(const uint8_t *){ NULL }, MSG_CSR, get("csr")), E_OK);
	ck_assert_int_eq(msg_get_csr(&csr, body), E_OK);
	ck_assert_int_eq(heard(&body, &t, MSG_CSR, get("csr"), csr.point), E_OK); /* proof of possession */
	ck_assert_int_eq(msg_open(&body, &(const uint8_t *){ NULL }, MSG_CERT, get("cert")), E_OK);
	ck_assert_int_eq(msg_get_cert(&cert, body), E_OK);
	ck_assert_int_eq(p256_spki_digest(d, cert.root), E_OK);
	ck_assert_mem_eq(d, identify.environment, 32);
	ck_assert_int_eq(heard(&body, &t, MSG_CERT, get("cert"), cert.root), E_OK);
	ck_assert_int_eq(cert_verify(&c, cert.cert, get("device-ca-cert"), identify.utc), E_OK);
	ck_assert_mem_eq(c.point, csr.point, P256_POINT);
	ck_assert_uint_eq(strlen(c.serial), csr.serial.len);
	ck_assert_mem_eq(c.serial, csr.serial.p, csr.serial.len);
	ck_assert_int_eq(cert_anchor(&c, cert.anchor), E_OK);
	ck_assert_int_eq(heard(&body, &t, MSG_DONE, get("done"), csr.point), E_OK);
	ck_assert_int_eq(msg_get_done(&done, body), E_OK);
	ck_assert_int_eq(sha256(d, &cert.cert, 1), E_OK);
	ck_assert_mem_eq(d, done.cert_digest, 32);
}
END_TEST

/* The four messages of a load, with one byte of one of them changed or none: which is the first that is refused? */
static enum msg_type first_refused(enum msg_type changed, size_t at)
{
	static const struct {
		enum msg_type type;
		const char *name;
		bool by_terminal;
	} row[] = { { MSG_HELLO, "hello", false },
		    { MSG_OFFER, "offer", true },
		    { MSG_KEY, "key", false },
		    { MSG_RECEIPT, "receipt", true } };
	uint64_t utc = get_be64(get("load-utc").p);
	uint8_t terminal[P256_POINT], kdh[P256_POINT], m[MSG_MAX];
	struct transcript t;
	struct span body;

	point_of(terminal, "terminal-cert", "device-ca-cert", utc);
	point_of(kdh, "kdh-cert", "kif-ca-cert", utc);
	MUST(transcript_start(&t));
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct span s = get(row[i].name);

		memcpy(m, s.p, s.len);
		if (row[i].type == changed)
			m[at] ^= 1;
		if (heard(&body, &t, row[i].type, (struct span){ m, s.len }, row[i].by_terminal ? terminal : kdh))
			return row[i].type;
	}
	return (enum msg_type)0;
}

START_TEST(the_load_verifies)
{
	struct cert c;
	uint32_t epoch;

	ck_assert_int_eq(first_refused((enum msg_type)0, 0), 0);
	ck_assert_int_eq(cert_verify(&c, get("kdh-cert"), get("kif-ca-cert"), get_be64(get("load-utc").p)), E_OK);
	ck_assert_int_eq(cert_epoch(&epoch, &c), E_OK);
	ck_assert_uint_eq(epoch, 1);
}
END_TEST

START_TEST(one_changed_bit_of_a_load_is_seen_at_once)
{
	for (size_t at = 0; at < get("hello").len; at += 11)
		ck_assert_int_eq(first_refused(MSG_HELLO, at), MSG_OFFER);
	for (size_t at = 0; at < get("offer").len; at += 23)
		ck_assert_int_eq(first_refused(MSG_OFFER, at), MSG_OFFER);
	for (size_t at = 0; at < get("key").len; at += 7)
		ck_assert_int_eq(first_refused(MSG_KEY, at), MSG_KEY);
	for (size_t at = 0; at < get("receipt").len; at += 3)
		ck_assert_int_eq(first_refused(MSG_RECEIPT, at), MSG_RECEIPT);
}
END_TEST

/* A role is its CA: neither certificate is good for the other end, nor before its time. */
START_TEST(a_certificate_of_the_other_role_is_refused)
{
	uint64_t utc = get_be64(get("load-utc").p);
	struct cert c;

	ck_assert_int_eq(cert_verify(&c, get("kdh-cert"), get("device-ca-cert"), utc), E_CERTIFICATE);
	ck_assert_int_eq(cert_verify(&c, get("terminal-cert"), get("kif-ca-cert"), utc), E_CERTIFICATE);
	ck_assert_int_eq(cert_verify(&c, get("kdh-cert"), get("kif-ca-cert"), 0), E_EXPIRED);
}
END_TEST

START_TEST(the_terminal_reaches_the_published_initial_key)
{
	struct key priv = take_key("terminal-ephemeral-private", 32), ik = take_key("initial-key", 16), z, kek, got;
	uint8_t ctx[32], kcv[8] = { 0 };
	struct transcript t;
	struct msg_key m;
	struct span body;
	const uint8_t *sig;

	TAKE(t.h, "offer-h");
	ck_assert_int_eq(msg_open(&body, &sig, MSG_KEY, get("key")), E_OK);
	ck_assert_int_eq(msg_get_key(&m, body), E_OK);
	ck_assert_int_eq(transcript_ctx(ctx, &t, m.head), E_OK);
	ck_assert_int_eq(p256_ecdh(&z, &priv, m.point), E_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(kbkdf(&kek, &z, m.item[i].label, ctx), E_OK);
		ck_assert_int_eq(keywrap_unwrap(&got, &kek, m.item[i].wrapped.p, m.item[i].wrapped.len), E_OK);
		ck_assert_uint_eq(got.len, 8);
		ck_assert_mem_eq(got.b, ik.b + 8 * i, 8);
		/* a swapped half has the other half's key */
		ck_assert_int_eq(keywrap_unwrap(&got, &kek, m.item[1 - i].wrapped.p, m.item[1 - i].wrapped.len),
				 E_UNWRAP);
	}
	/* another header gives other keys */
	ctx[0] ^= 1;
	ck_assert_int_eq(kbkdf(&kek, &z, m.item[1].label, ctx), E_OK);
	ck_assert_int_eq(keywrap_unwrap(&got, &kek, m.item[1].wrapped.p, m.item[1].wrapped.len), E_UNWRAP);
	ck_assert_int_eq(des_ecb(kcv, &ik, ENCRYPT, kcv, 1), E_OK);
	ck_assert_uint_eq(get("check-value").len, 3);
	ck_assert_mem_eq(kcv, get("check-value").p, 3);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("session");
	TCase *t = tcase_create("session");

	read_document();
	if (getenv("KEYROOM_PRINT_SESSION")) {
		each = print;
		make_enrolment();
		make_load();
		return 0;
	}
	tcase_set_timeout(t, 60);
	tcase_add_test(t, every_message_comes_out_of_the_inputs);
	tcase_add_test(t, the_tables_of_numbers_are_complete);
	tcase_add_test(t, the_keys_are_hashes_of_their_names);
	tcase_add_test(t, the_enrolment_verifies);
	tcase_add_test(t, the_load_verifies);
	tcase_add_test(t, one_changed_bit_of_a_load_is_seen_at_once);
	tcase_add_test(t, a_certificate_of_the_other_role_is_refused);
	tcase_add_test(t, the_terminal_reaches_the_published_initial_key);
	suite_add_tcase(s, t);
	return test_main(s);
}
