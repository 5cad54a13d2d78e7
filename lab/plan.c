#include "lab/plan.h"
#include "dukpt/ksn.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct visitor {
	struct plan *p;
	plan_visit *visit;
	void *context;
	bool any; /* the row has given a check */
	enum err e;
};

static const char *row_get(const struct plan *p, const char *key)
{
	const struct turn t = { &p->row, NULL };

	return turn_get(&t, key);
}

/* of the row, or of the inputs of its file */
static const char *input_get(const struct plan *p, const char *key)
{
	const struct turn t = { &p->inputs, NULL };
	const char *value = row_get(p, key);

	return value ? value : turn_get(&t, key);
}

static const char no_bdk[] = "no file of this run has the BDK of this KSN, or several have different ones";
static const char no_input[] = "neither the row nor inputs of its file have the data of this figure";

static bool is(const char *value, const char *word)
{
	return value && !strcasecmp(value, word);
}

static void begin(struct plan *p, const char *topic, const char *command)
{
	const struct turn q = { NULL, &p->check.question };
	const char *name = row_get(p, "case");

	p->check.topic = topic;
	p->check.command = command;
	p->check.refused = false;
	p->check.question.n = p->check.question.used = 0;
	p->check.expected.n = p->check.expected.used = 0;
	if (command)
		turn_say(&q, "command", command);
	if (name)
		turn_say(&q, "case", name);
}

static void ask(struct plan *p, const char *key, const char *value)
{
	const struct turn q = { NULL, &p->check.question };

	if (value)
		turn_say(&q, key, value);
}

static void expect(struct plan *p, const char *key, const char *value)
{
	const struct turn x = { NULL, &p->check.expected };

	if (value)
		turn_say(&x, key, value);
}

static void visit(struct visitor *v)
{
	v->any = true;
	if (!v->e)
		v->e = v->visit(v->context, &v->p->check, &v->p->row);
}

/* A figure that nothing can be asked about is not passed over in silence. */
static void unasked(struct visitor *v, const char *why)
{
	begin(v->p, why, NULL);
	visit(v);
}

/* The device of a KSN, as the key under which a BDK is remembered */
static bool device_of(char out[static KSN_TEXT], const char *ksn)
{
	struct ksn k;

	if (!ksn || ksn_parse(&k, ksn))
		return false;
	ksn_set_counter(&k, &k, 0);
	ksn_text(out, &k);
	return true;
}

static bool row_device(const struct plan *p, char out[static KSN_TEXT])
{
	const char *ikid = row_get(p, "ikid");
	char text[KSN_TEXT];

	if (ikid && strlen(ikid) == 16) {
		snprintf(text, sizeof text, "%.16s00000000", ikid);
		return device_of(out, text);
	}
	return device_of(out, row_get(p, "iksn"));
}

/* The BDK of a row that names its device: it becomes the last of those known */
static enum err learn(struct plan *p)
{
	const char *bdk = row_get(p, "bdk");
	struct plan_bdk new, *known;
	size_t i = 0;

	if (!bdk || strlen(bdk) >= sizeof new.bdk || !row_device(p, new.device))
		return E_OK;
	snprintf(new.bdk, sizeof new.bdk, "%s", bdk);
	while (i < p->n && (strcmp(p->known[i].device, new.device) || strcasecmp(p->known[i].bdk, bdk)))
		i++;
	if (i == p->n) {
		known = realloc(p->known, (p->n + 1) * sizeof *known);
		if (!known)
			return E_INTERNAL;
		p->known = known;
		p->n++;
		p->own++;
	} else if (i < p->n - p->own) {
		p->own++;
	}
	for (; i + 1 < p->n; i++)
		p->known[i] = p->known[i + 1];
	p->known[i] = new;
	return E_OK;
}

enum err plan_learn(struct plan *p, FILE *f)
{
	enum err e;

	p->row.last = 0;
	p->inputs.n = p->inputs.used = 0;
	p->own = 0;
	while ((e = stanza_read(&p->row, f)) == E_OK && (e = learn(p)) == E_OK)
		if (!p->inputs.n && is(row_get(p, "case"), "inputs"))
			p->inputs = p->row;
	return e == E_SHORT ? E_OK : e;
}

void plan_free(struct plan *p)
{
	free(p->known);
	p->known = NULL;
	p->n = p->own = 0;
}

/* A device's BDK of so many digits: of this file the last, of other files the only one. NULL: there is none, or which of
 * several is meant nobody can say */
static const char *find(const struct plan *p, const char *device, size_t digits)
{
	const char *bdk = NULL;

	for (size_t i = p->n; i-- > 0;) {
		if (strcmp(p->known[i].device, device) || strlen(p->known[i].bdk) != digits)
			continue;
		if (bdk)
			return NULL;
		bdk = p->known[i].bdk;
		if (i >= p->n - p->own)
			break;
	}
	return bdk;
}

/* The keys of a row with a KSN into the question. False: nobody knows them */
static bool ask_keys(struct plan *p)
{
	const char *bdk = row_get(p, "bdk"), *ik = row_get(p, "ik"), *type = row_get(p, "ik_type");
	size_t digits = !type || is(type, "AES128") ? 32 : is(type, "AES192") ? 48 : 64;
	char device[KSN_TEXT];

	if (!bdk && !ik) {
		if (!device_of(device, row_get(p, "ksn")))
			return false;
		bdk = find(p, device, digits);
	}
	ask(p, "scheme", row_get(p, "scheme"));
	ask(p, bdk ? "bdk" : "ik", bdk ? bdk : ik);
	ask(p, "ksn", row_get(p, "ksn"));
	ask(p, "ik_type", type);
	ask(p, "working_key_type", row_get(p, "working_key_type"));
	return bdk || ik;
}

/* Every field of the row that an answer to derive may have */
static bool expect_keys(struct plan *p)
{
	static const char *const names[] = { "ik", "txn_key", "deriv_key" };
	bool any = false;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (row_get(p, names[i])) {
			expect(p, names[i], row_get(p, names[i]));
			any |= i > 0;
		}
	for (size_t i = 0; i < p->row.n; i++) {
		const char *name = p->row.text + p->row.field[i].key;

		if (!strncmp(name, "key_", 4) && strcmp(name, "key_block")) {
			expect(p, name, p->row.text + p->row.field[i].value);
			any = true;
		}
	}
	return any;
}

static void plan_initial(struct visitor *v)
{
	struct plan *p = v->p;

	begin(p, "initial key", "derive");
	ask(p, "scheme", row_get(p, "scheme"));
	ask(p, "bdk", row_get(p, "bdk"));
	ask(p, "iksn", row_get(p, "iksn"));
	ask(p, "ikid", row_get(p, "ikid"));
	expect(p, "ik", row_get(p, "ik"));
	visit(v);
}

static void plan_derive(struct visitor *v)
{
	struct plan *p = v->p;
	const char *ksn = row_get(p, "ksn");
	const bool update = strlen(ksn) == 2 * KSN_AES && !strcasecmp(ksn + 16, "FFFFFFFF");

	begin(p, "transaction and working keys", "derive");
	if (!ask_keys(p) || !expect_keys(p))
		return;
	if (is(row_get(p, "valid_counter"), "no")) {
		p->check.topic = "impossible counter refused";
		p->check.refused = true;
		visit(v);
		if (!update)
			return;
		p->check.topic = "update key";
		p->check.refused = false;
		ask(p, "update_key", "yes");
	}
	visit(v);
}

/* The PIN key of a row with a KSN, by its keys; where nobody knows these, as it stands in the row */
static void ask_pin_key(struct plan *p)
{
	const char *format = row_get(p, "format");

	if (!ask_keys(p)) {
		ask(p, "pin_key", row_get(p, "pin_key"));
		if (!format)
			format = strlen(row_get(p, "enc_pin_block")) == 16 ? "0" : "4";
	}
	ask(p, "format", format);
}

static void plan_ksn_pinblock(struct visitor *v)
{
	static const char *const fields[] = {
		"pin_key", "pin_field", "pan_field", "block_a", "block_b", "enc_pin_block"
	};
	struct plan *p = v->p;
	const bool by_row = !ask_keys(p); /* only the row knows the PIN key */

	if (by_row && !row_get(p, "pin_key"))
		return;
	if (by_row)
		unasked(v, no_bdk);
	if (!input_get(p, "pin")) {
		unasked(v, no_input);
		return;
	}
	begin(p, "PIN block made under the PIN key", "pinblock");
	ask_pin_key(p);
	ask(p, "pin", input_get(p, "pin"));
	ask(p, "pan", input_get(p, "pan"));
	ask(p, "random", row_get(p, "random"));
	for (size_t i = by_row; i < sizeof fields / sizeof fields[0]; i++)
		expect(p, fields[i], row_get(p, fields[i]));
	visit(v);
	begin(p, "PIN block opened under the PIN key", "pinblock");
	ask_pin_key(p);
	ask(p, "pan", input_get(p, "pan"));
	ask(p, "enc_pin_block", row_get(p, "enc_pin_block"));
	expect(p, "pin", input_get(p, "pin"));
	visit(v);
}

static void plan_ksn_mac(struct visitor *v)
{
	static const char *const data[] = { "message", "mac_data", "mac_data_ascii" };
	struct plan *p = v->p;
	const char *request = row_get(p, "mac_request"), *response = row_get(p, "mac_response");
	char len[24];

	begin(p, "MAC under the MAC keys", "mac");
	if (!ask_keys(p))
		return;
	if (!input_get(p, data[0]) && !input_get(p, data[1]) && !input_get(p, data[2])) {
		unasked(v, no_input);
		return;
	}
	for (size_t i = 0; i < sizeof data / sizeof data[0]; i++)
		ask(p, data[i], input_get(p, data[i]));
	ask(p, "method", row_get(p, "method"));
	snprintf(len, sizeof len, "%zu", strlen(request ? request : response) / 2);
	ask(p, "mac_len", len);
	expect(p, "mac_request", request);
	expect(p, "mac_response", response);
	visit(v);
}

static void plan_ksn_data(struct visitor *v)
{
	static const char *const sent[] = { "enc_request", "enc_response" };
	struct plan *p = v->p;

	begin(p, "data encrypted under the data keys", "data");
	if (!ask_keys(p))
		return;
	if (!input_get(p, "data_plaintext")) {
		unasked(v, no_input);
		return;
	}
	ask(p, "mode", row_get(p, "mode"));
	ask(p, "data_iv", input_get(p, "data_iv"));
	ask(p, "data_plaintext", input_get(p, "data_plaintext"));
	expect(p, sent[0], row_get(p, sent[0]));
	expect(p, sent[1], row_get(p, sent[1]));
	visit(v);
	for (size_t i = 0; i < 2; i++) {
		if (!row_get(p, sent[i]))
			continue;
		begin(p, "data decrypted under the data keys", "data");
		ask_keys(p);
		ask(p, "mode", row_get(p, "mode"));
		ask(p, "data_iv", input_get(p, "data_iv"));
		ask(p, sent[i], row_get(p, sent[i]));
		expect(p, "data_plaintext", input_get(p, "data_plaintext"));
		visit(v);
	}
}

/* A block without a PIN is malformed, unless the row says that it is not. */
static bool has_to_be_refused(const struct plan *p)
{
	const char *accept = row_get(p, "accept");

	return accept ? is(accept, "no") : !row_get(p, "pin");
}

static void plan_clear_pinblock(struct visitor *v)
{
	struct plan *p = v->p;
	const char *format = row_get(p, "format"), *pin = row_get(p, "pin"), *block = row_get(p, "pin_block");
	const bool refused = has_to_be_refused(p);

	if (!refused && pin && !is(format, "3")) {
		begin(p, "clear PIN block made", "pinblock");
		ask(p, "format", format);
		ask(p, "pin", pin);
		ask(p, "pan", row_get(p, "pan"));
		/* Filler digit n of format 1 is digit n of the random bytes: the block itself brings its own filler. */
		if (is(format, "1"))
			ask(p, "random", block);
		expect(p, "pin_block", block);
		visit(v);
	}
	begin(p, refused ? "malformed PIN block refused" : "clear PIN block opened", "pinblock");
	ask(p, "format", format);
	ask(p, "pan", row_get(p, "pan"));
	ask(p, "pin_block", block);
	p->check.refused = refused;
	expect(p, "pin", pin);
	visit(v);
}

static void plan_key_pinblock(struct visitor *v)
{
	static const char *const fields[] = { "pin_field", "pan_field", "block_a", "block_b", "enc_pin_block" };
	struct plan *p = v->p;
	const char *pin = row_get(p, "pin"), *derived = row_get(p, "derived_pin_key");
	const bool refused = has_to_be_refused(p);

	if (!refused && pin) {
		begin(p, "PIN block made under a key", "pinblock");
		ask(p, "format", row_get(p, "format"));
		ask(p, "key", row_get(p, "key"));
		ask(p, "pin", pin);
		ask(p, "pan", row_get(p, "pan"));
		ask(p, "random", row_get(p, "random"));
		for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
			expect(p, fields[i], row_get(p, fields[i]));
		visit(v);
	}
	begin(p, refused ? "malformed PIN block refused" : "PIN block opened under a key", "pinblock");
	ask(p, "format", row_get(p, "format"));
	ask(p, "key", row_get(p, "key"));
	ask(p, "pan", row_get(p, "pan"));
	ask(p, "enc_pin_block", row_get(p, "enc_pin_block"));
	p->check.refused = refused;
	expect(p, "pin", pin);
	visit(v);
	if (!derived)
		return;
	begin(p, "PIN block opened under the key it is for", "pinblock");
	ask(p, "key", derived);
	ask(p, "pan", row_get(p, "pan"));
	ask(p, "enc_pin_block", row_get(p, "enc_pin_block"));
	expect(p, "pin_field", row_get(p, "clear_with_derived_key"));
	visit(v);
}

static void plan_fields(struct visitor *v)
{
	struct plan *p = v->p;

	begin(p, "PIN and PAN fields of format 4", "pinblock");
	ask(p, "format", "4");
	ask(p, "pin", row_get(p, "pin"));
	ask(p, "pan", row_get(p, "pan"));
	ask(p, "random", row_get(p, "random"));
	expect(p, "pin_field", row_get(p, "pin_field"));
	expect(p, "pan_field", row_get(p, "pan_field"));
	visit(v);
}

static void plan_format0(struct visitor *v)
{
	struct plan *p = v->p;

	begin(p, "clear PIN block made", "pinblock");
	ask(p, "format", "0");
	ask(p, "pin", row_get(p, "pin"));
	ask(p, "pan", row_get(p, "pan"));
	expect(p, "pin_block", row_get(p, "pin_block_fmt0"));
	visit(v);
}

static void plan_counter(struct visitor *v)
{
	struct plan *p = v->p;

	begin(p, "counter rule", "ksn");
	ask(p, "tc", row_get(p, "tc"));
	expect(p, "valid", row_get(p, "valid"));
	expect(p, "next", row_get(p, "next"));
	visit(v);
}

static void plan_totals(struct visitor *v)
{
	static const char *const fields[] = { "valid_counters", "min_counter", "max_counter" };
	struct plan *p = v->p;

	begin(p, "number of transactions", "ksn");
	ask(p, "scheme", strlen(row_get(p, "max_counter")) == 6 ? "tdes" : "aes128");
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		expect(p, fields[i], row_get(p, fields[i]));
	visit(v);
}

static void plan_keyblock(struct visitor *v)
{
	static const char *const fields[] = { "key", "ks", "ik_opt", "kcv" };
	struct plan *p = v->p;
	const bool refused = is(row_get(p, "outcome"), "refuse");

	begin(p, refused ? "key block refused" : "key block opened", "keyblock");
	ask(p, "kbpk", row_get(p, "kbpk"));
	ask(p, "key_block", row_get(p, "key_block"));
	p->check.refused = refused;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		expect(p, fields[i], row_get(p, fields[i]));
	visit(v);
}

static void plan_plain_mac(struct visitor *v)
{
	static const char *const fields[] = { "cipher", "algorithm", "method", "key", "message" };
	struct plan *p = v->p;

	begin(p, "MAC under a key", "mac");
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		ask(p, fields[i], row_get(p, fields[i]));
	if (!row_get(p, "cipher") && !row_get(p, "algorithm") && !row_get(p, "method"))
		ask(p, "method", "hmac");
	expect(p, "mac", row_get(p, "mac"));
	visit(v);
}

static void plan_cipher(struct visitor *v)
{
	static const char *const sides[] = { "plain", "cipher" };
	struct plan *p = v->p;
	const char *algorithm = row_get(p, "algorithm"), *key = row_get(p, "key"), *iv = row_get(p, "iv");

	/* Where nobody says it: AES has no key and no block of eight bytes. */
	if (!algorithm)
		algorithm = strlen(key) == 16 || (iv && strlen(iv) == 16) || strlen(row_get(p, sides[0])) % 32 ? "tdes"
													       : "aes";
	for (size_t i = 0; i < 2; i++) {
		begin(p, i ? "decrypted under a key" : "encrypted under a key", "data");
		ask(p, "algorithm", algorithm);
		ask(p, "key", key);
		ask(p, "iv", iv);
		ask(p, sides[i], row_get(p, sides[i]));
		expect(p, sides[!i], row_get(p, sides[!i]));
		visit(v);
	}
}

/* One question, of the inputs among these fields, and one expectation, of the outputs */
static void plan_primitive(struct visitor *v, const char *topic, const char *function, const char *const *inputs,
			   const char *const *outputs)
{
	struct plan *p = v->p;

	begin(p, topic, "primitive");
	ask(p, "function", function);
	for (; *inputs; inputs++)
		ask(p, *inputs, row_get(p, *inputs));
	for (; *outputs; outputs++)
		expect(p, *outputs, row_get(p, *outputs));
	visit(v);
}

#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void plan_hash(struct visitor *v)
{
	plan_primitive(v, "SHA-256", "sha256", FIELDS("message"), FIELDS("digest"));
}

static void plan_ecdh(struct visitor *v)
{
	plan_primitive(v, "ECDH, P-256", "ecdh", FIELDS("private", "peer"), FIELDS("public", "z"));
}

static void plan_ecdsa(struct visitor *v)
{
	plan_primitive(v, "ECDSA, P-256, nonce of RFC 6979", "ecdsa", FIELDS("private", "message", "digest"),
		       FIELDS("public", "signature"));
}

static void plan_kbkdf(struct visitor *v)
{
	plan_primitive(v, "KDF of SP 800-108", "kbkdf", FIELDS("z", "label", "ctx"), FIELDS("kek"));
}

static void plan_keywrap(struct visitor *v)
{
	plan_primitive(v, "key wrapped", "keywrap", FIELDS("kek", "key"), FIELDS("wrapped"));
	plan_primitive(v, "key unwrapped", "keywrap", FIELDS("kek", "wrapped"), FIELDS("key"));
}

static void plan_drbg(struct visitor *v)
{
	plan_primitive(v, "HMAC-DRBG", "hmac-drbg", FIELDS("entropy", "nonce", "reseed"), FIELDS("second"));
}

/* The table of plan.h: a row's fields, all of them and one of any if there are any, and what they make of it */
static const struct rule {
	const char *all[4], *any[4];
	const char *none;
	void (*plan)(struct visitor *v);
} rules[] = {
	/* clang-format off */
	{ { "bdk", "ik" },			{ "iksn", "ikid" },			"ksn",	plan_initial },
	{ { "ksn" },				{ NULL },				NULL,	plan_derive },
	{ { "ksn", "enc_pin_block" },		{ NULL },				NULL,	plan_ksn_pinblock },
	{ { "ksn" },				{ "mac_request", "mac_response" },	NULL,	plan_ksn_mac },
	{ { "ksn" },				{ "enc_request", "enc_response" },	NULL,	plan_ksn_data },
	{ { "format", "pin_block" },		{ NULL },				"ksn",	plan_clear_pinblock },
	{ { "key", "enc_pin_block" },		{ NULL },				"ksn",	plan_key_pinblock },
	{ { NULL },				{ "pin_field", "pan_field" },		"enc_pin_block", plan_fields },
	{ { "pin_block_fmt0", "pin", "pan" },	{ NULL },				NULL,	plan_format0 },
	{ { "tc", "valid" },			{ NULL },				NULL,	plan_counter },
	{ { "valid_counters", "max_counter" },	{ NULL },				NULL,	plan_totals },
	{ { "key_block", "kbpk" },		{ NULL },				NULL,	plan_keyblock },
	{ { "key", "mac" },			{ "message" },				"ksn",	plan_plain_mac },
	{ { "key", "plain", "cipher" },		{ NULL },				NULL,	plan_cipher },
	{ { "message", "digest" },		{ NULL },				"private", plan_hash },
	{ { "private", "peer", "z" },		{ NULL },				NULL,	plan_ecdh },
	{ { "private", "signature" },		{ "message", "digest" },		NULL,	plan_ecdsa },
	{ { "z", "label", "ctx", "kek" },	{ NULL },				NULL,	plan_kbkdf },
	{ { "kek", "key", "wrapped" },		{ NULL },				NULL,	plan_keywrap },
	{ { "entropy", "nonce", "second" },	{ NULL },				NULL,	plan_drbg },
	/* clang-format on */
};

/* A value may be empty, as the message of a MAC is. */
static bool applies(const struct plan *p, const struct rule *r)
{
	bool any = !r->any[0];

	for (size_t i = 0; i < 4 && r->all[i]; i++)
		if (!row_get(p, r->all[i]))
			return false;
	for (size_t i = 0; i < 4 && r->any[i]; i++)
		any |= row_get(p, r->any[i]) != NULL;
	return any && (!r->none || !row_get(p, r->none));
}

enum err plan_run(struct plan *p, FILE *f, plan_visit *visit_check, void *context)
{
	struct visitor v = { p, visit_check, context, false, E_OK };
	enum err e = plan_learn(p, f); /* this file's own context before that of others */

	if (e)
		return e;
	rewind(f);
	p->row.last = 0;
	while (!v.e && (e = stanza_read(&p->row, f)) == E_OK && (e = learn(p)) == E_OK) {
		v.any = false;
		if (is(row_get(p, "case"), "inputs"))
			p->inputs = p->row;
		for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
			if (applies(p, &rules[i]))
				rules[i].plan(&v);
		if (!v.any && !is(row_get(p, "case"), "inputs")) {
			begin(p, row_get(p, "ksn") ? no_bdk : "no command of lab is about such a row", NULL);
			visit(&v);
		}
	}
	return v.e ? v.e : e == E_SHORT ? E_OK : e;
}
