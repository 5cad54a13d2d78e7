/* The commands of lab: every vector row through the plan, bad stanzas, and properties that no row says. */
#include "lab/commands.h"
#include "lab/plan.h"
#include "tests/lib/test.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct stanza question, answer;

/* "key = value" lines into a question, and its answer */
static enum err ask(const char *command, const char *text)
{
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	ck_assert_ptr_nonnull(f);
	question.last = 0;
	ck_assert_int_eq(stanza_read(&question, f), E_OK);
	fclose(f);
	return command_answer(&answer, &question, command);
}

static const char *said(const char *key)
{
	const char *value = stanza_get(&answer, key);

	return value ? value : "";
}

struct totals {
	unsigned asked, unasked;
};

static enum err hold(void *context, const struct check *c, const struct stanza *row)
{
	struct totals *t = context;
	enum err e;

	if (!c->command) {
		t->unasked++;
		return E_OK;
	}
	t->asked++;
	e = command_answer(&answer, &c->question, NULL);
	ck_assert_msg(!e == !c->refused, "line %u, %s: %s", row->line, c->topic, said("reason"));
	ck_assert_str_eq(said("status"), c->refused ? "refused" : "ok");
	ck_assert(!c->refused || *said("reason"));
	for (size_t i = 0; !c->refused && i < c->expected.n; i++) {
		const char *key = c->expected.text + c->expected.field[i].key;

		ck_assert_msg(!strcasecmp(said(key), c->expected.text + c->expected.field[i].value),
			      "line %u, %s: %s is %s", row->line, c->topic, key, said(key));
	}
	return E_OK;
}

START_TEST(every_row_of_the_vectors_is_asked_and_answered_as_published)
{
	static struct plan plan;
	struct totals t = { 0, 0 };
	struct dirent *d;
	const char *top = getenv("SRC");
	char folder[512], path[1024];
	DIR *dir;

	snprintf(folder, sizeof folder, "%s/vectors", top ? top : ".");
	for (int pass = 0; pass < 2; pass++) {
		dir = opendir(folder);
		ck_assert_ptr_nonnull(dir);
		while ((d = readdir(dir))) {
			FILE *f;

			if (!strstr(d->d_name, ".txt"))
				continue;
			snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
			f = fopen(path, "r");
			ck_assert_ptr_nonnull(f);
			ck_assert_int_eq(pass ? plan_run(&plan, f, hold, &t) : plan_learn(&plan, f), E_OK);
			fclose(f);
		}
		closedir(dir);
	}
	plan_free(&plan);
	ck_assert_uint_eq(t.unasked, 0);
	ck_assert_uint_ge(t.asked, 500);
}
END_TEST

#define BDK "bdk = FEDCBA9876543210F1F1F1F1F1F1F1F1\n"
#define TDES_BDK "bdk = 0123456789ABCDEFFEDCBA9876543210\n"
#define KSN "ksn = 123456789012345600000001\n"
#define TDES_KSN "ksn = FFFF9876543210E00001\n"

static const struct {
	const char *command, *text;
	enum err e;
	const char *reason; /* part of it */
} refused[] = {
	{ "derive", KSN, E_SHORT, "bdk or ik" },
	{ "derive", BDK, E_SHORT, "ksn is needed" },
	{ "derive", BDK "ksn = 12345678901234560000001\n", E_FORMAT, "ksn" },
	{ "derive", BDK "ksn = 12345678901234560000000G\n", E_FORMAT, "ksn" },
	{ "derive", "bdk = FEDC\n" KSN, E_KEY, "bdk" },
	{ "derive", "bdk = FEDCB\n" KSN, E_FORMAT, "bdk" },
	{ "derive", "bdk = -\n" KSN, E_SHORT, "bdk or ik" },
	{ "derive", "scheme = des\n" BDK KSN, E_SCHEME, "scheme" },
	{ "derive", "scheme = tdes\n" BDK KSN, E_SCHEME, "KSN" },
	{ "derive", "scheme = aes128\n" BDK TDES_KSN, E_SCHEME, "KSN" },
	{ "derive", "scheme = aes256\n" BDK KSN, E_KEY, "32 bytes" },
	{ "derive", "ik_type = AES192\n" BDK KSN, E_KEY, "24 bytes" },
	{ "derive", BDK KSN "working_key_type = AES192\n", E_STRENGTH, "stronger" },
	{ "derive", BDK KSN "working_key_type = HMAC256\n", E_STRENGTH, "stronger" },
	{ "derive", BDK KSN "working_key_type = AES\n", E_SCHEME, "working_key_type" },
	{ "derive", TDES_BDK TDES_KSN "working_key_type = 3TDEA\n", E_SCHEME, "2TDEA" },
	{ "derive", BDK "ksn = 123456789012345600000000\n", E_COUNTER, "zero" },
	{ "derive", BDK "ksn = 12345678901234560001FFFF\n", E_COUNTER, "16 one-bits" },
	{ "derive", BDK "ksn = 1234567890123456FFFF0001\n", E_COUNTER, "16 one-bits" },
	{ "derive", BDK "ksn = 1234567890123456FFFFFFFF\n", E_COUNTER, "update_key" },
	{ "derive", BDK KSN "update_key = yes\n", E_COUNTER, "FFFFFFFF" },
	{ "derive", BDK KSN "update_key = maybe\n", E_FORMAT, "update_key" },
	{ "derive", TDES_BDK "ksn = FFFF9876543210FFFFFF\nupdate_key = yes\n", E_COUNTER, "AES" },
	{ "derive", TDES_BDK "ksn = FFFF9876543210E00000\n", E_COUNTER, "zero" },
	{ "derive", TDES_BDK "ksn = FFFF9876543210E007FF\n", E_COUNTER, "10 one-bits" },
	{ "derive", TDES_BDK "ksn = FFFF9876543210FFF801\n", E_COUNTER, "10 one-bits" },
	{ "derive", TDES_BDK "iksn = FFFF9876543210E00001\n", E_COUNTER, "iksn" },
	{ "derive", BDK "ikid = 12345678\n", E_FORMAT, "ikid" },
	{ "derive", "bdk = FEDCBA9876543210F1F1F1F1F1F1F1F1FEDCBA9876543210F1F1F1F1F1F1F1F100\n" KSN, E_RANGE,
	  "32 bytes" },
	{ "ksn", "ksn = 1\n", E_FORMAT, "ksn" },
	{ "ksn", "ksn = 9876543210E00001\nksn_descriptor = A05\n", E_FORMAT, "ksn_descriptor" },
	{ "ksn", "scheme = aes\n", E_SCHEME, "scheme" },
	{ "ksn", "x = 1\n", E_SHORT, "ksn" },
	{ "ksn", "tc = 200000\n", E_FORMAT, "tc" },
	{ "ksn", "tc = 12345\n", E_FORMAT, "tc" },
	{ "ksn", "scheme = rsa\n", E_SCHEME, "scheme" },
	{ "pinblock", "format = 5\npin = 1234\n", E_RANGE, "format" },
	{ "pinblock", "format = 0\npin = 1234\n", E_SHORT, "pan" },
	{ "pinblock", "format = 0\npin = 1234\npan = 41111111111\n", E_RANGE, "pan" },
	{ "pinblock", "format = 0\npin = 123\npan = 4111111111111111\n", E_FORMAT, "pin" },
	{ "pinblock", "format = 0\npin = 1234\npan = 4111x\n", E_FORMAT, "pan" },
	{ "pinblock", "format = 2\n", E_SHORT, "pin_block" },
	{ "pinblock", "format = 4\n", E_SHORT, "enc_pin_block" },
	{ "pinblock", "format = 1\npin = 1234\nrandom = 00\n", E_RANGE, "random" },
	{ "pinblock", "format = 0\npan = 4111111111111111\nenc_pin_block = 1234567812345678\n", E_SHORT, "key" },
	{ "pinblock", "pan = 4111111111111111\nenc_pin_block = 12345678123456781234567812345678\n", E_SHORT, "key" },
	{ "pinblock", "format = 0\npin = 1234\npan = 4111111111111111\n" BDK KSN, E_SCHEME, "AES128" },
	{ "pinblock", "format = 4\npin = 1234\npan = 4111111111111111\n" TDES_BDK TDES_KSN, E_SCHEME, "2TDEA" },
	{ "pinblock", "format = 2\npin_block = 341234FFFFFFFFFF\n", E_PIN_BLOCK, "control digit is 3" },
	{ "pinblock", "format = 2\npin_block = 231234FFFFFFFFFF\n", E_PIN_BLOCK, "length is 3" },
	{ "pinblock", "format = 2\npin_block = 24123AFFFFFFFFFF\n", E_PIN_BLOCK, "PIN digit 4 is A" },
	{ "pinblock", "format = 2\npin_block = 241234FFFFFFFFF0\n", E_PIN_BLOCK, "place 16" },
	{ "mac", "message = 00\n", E_SHORT, "key" },
	{ "mac", "key = 00112233445566778899AABBCCDDEEFF\n", E_SHORT, "message" },
	{ "mac", "cipher = des\nkey = 00112233445566778899AABBCCDDEEFF\nmessage = 00\n", E_SCHEME, "cipher" },
	{ "mac", "method = md5\nkey = 00112233445566778899AABBCCDDEEFF\nmessage = 00\n", E_SCHEME, "method" },
	{ "mac", "method = retail\nalgorithm = aes\nkey = 00112233445566778899AABBCCDDEEFF\nmessage = 00\n", E_SCHEME,
	  "AES128" },
	{ "mac", "key = 00112233445566778899AABBCCDDEEFF\nmessage = 00\nmac_len = 17\n", E_RANGE, "mac_len" },
	{ "mac", "key = 0011\nmessage = 00\n", E_KEY, "key" },
	{ "mac", BDK "ikid = 1234567890123456\nmessage = 00\n", E_COUNTER, "transaction" },
	{ "data", "plain = 00\n", E_SHORT, "key" },
	{ "data", "key = 00112233445566778899AABBCCDDEEFF\nplain = 0011\n", E_RANGE, "16 bytes" },
	{ "data", "key = 00112233445566778899AABBCCDDEEFF\nplain =\n", E_RANGE, "16 bytes" },
	{ "data", "key = 00112233445566778899AABBCCDDEEFF\nalgorithm = hmac\nplain = 00\n", E_SCHEME, "HMAC128" },
	{ "data", "key = 00112233445566778899AABBCCDDEEFF\nmode = cbc\niv = 00\nplain = 00\n", E_RANGE, "iv" },
	{ "data", "key = 00112233445566778899AABBCCDDEEFF\nmode = ctr\nplain = 00\n", E_FORMAT, "mode" },
	{ "data", BDK KSN, E_SHORT, "data_plaintext" },
	{ "data", BDK KSN "working_key_type = HMAC128\ndata_plaintext = 00\n", E_SCHEME, "HMAC128" },
	{ "keyblock", "x = 1\n", E_SHORT, "key_block" },
	{ "keyblock", "key_block = Z0072K0TN00N0000F40D5672C6D0EC86F860BA88D44D00F0CA9A8CE8CD2F640287A9A9EB\n",
	  E_VERSION, "version" },
	{ "keyblock", "key_block = A0073K0TN00N0000F40D5672C6D0EC86F860BA88D44D00F0CA9A8CE8CD2F640287A9A9EB\n",
	  E_FORMAT, "malformed" },
	{ "keyblock",
	  "kbpk = AFE0853B256B583D868F251CE99EA1D9\n"
	  "key_block = A0072K0TN00N0000F40D5672C6D0EC86F860BA88D44D00F0CA9A8CE8CD2F640287A9A9EB\n",
	  E_MAC, "MAC" },
	{ "keyblock", "key = 00112233445566778899AABBCCDDEEFF\n", E_SHORT, "kbpk" },
	{ "keyblock",
	  "key = 00112233445566778899AABBCCDDEEFF\nkbpk = EFE0853B256B583D868F251CE99EA1D9\nversion = A\nusage = P0\n"
	  "algorithm = T\nmode = E\n",
	  E_VERSION, "any_version" },
	{ "keyblock",
	  "key = 00112233445566778899AABBCCDDEEFF\nkbpk = EFE0853B256B583D868F251CE99EA1D9\nversion = B\nusage = P\n"
	  "algorithm = T\nmode = E\n",
	  E_FORMAT, "usage" },
	{ "primitive", "function = md5\n", E_FORMAT, "function" },
	{ NULL, "x = 1\n", E_FORMAT, "command" },
	{ NULL, "command = rm\n", E_FORMAT, "command" },
};

START_TEST(a_bad_question_is_refused_with_the_name_of_what_is_wrong_and_nothing_else)
{
	ck_assert_msg(ask(refused[_i].command, refused[_i].text) == refused[_i].e, "%s: %s", refused[_i].text,
		      said("reason"));
	ck_assert_str_eq(said("status"), "refused");
	ck_assert_msg(strstr(said("reason"), refused[_i].reason), "%s: %s", refused[_i].text, said("reason"));
	ck_assert_uint_eq(answer.n, 2);
}
END_TEST

/* what is asked, a field of the answer, its value */
static const struct {
	const char *command, *text, *key, *value;
} answered[] = {
	{ "derive", TDES_BDK "ksn = 9876543210e00001\n", "txn_key", "042666B49184CFA368DE9628D0397BC9" },
	{ "derive", "ksn = ffff9876543210e00001\nscheme = tdes\nunknown = 1\n" TDES_BDK, "txn_key",
	  "042666B49184CFA368DE9628D0397BC9" },
	{ "derive", "scheme = AES128\n" BDK KSN, "deriv_key", "4F21B565BAD9835E112B6465635EAE44" },
	{ "derive", "ik = 1273671ea26ac29afa4d1084127652a1\n" KSN, "key_pin", "AF8CB133A78F8DC2D1359F18527593FB" },
	{ "derive", "ksn_descriptor = 605\nksn = 9876543210E00001\n" TDES_BDK, "txn_key",
	  "042666B49184CFA368DE9628D0397BC9" },
	{ "derive", "field_53 = A05FFFF9876543210E00001\n" TDES_BDK, "txn_key", "042666B49184CFA368DE9628D0397BC9" },
	{ "derive", TDES_BDK "iksn = 9876543210E00000\n", "ik", "6AC292FAA1315B4D858AB3A3D7D5933A" },
	{ "derive", BDK "ikid = 1234567890123456\n", "ik", "1273671EA26AC29AFA4D1084127652A1" },
	{ "derive", "case = a name\n" BDK KSN, "case", "a name" },
	{ "ksn", TDES_KSN, "keys_left", "1048574" },
	{ "ksn", "ksn = FFFF9876543210FFF800\n", "next", "exhausted" },
	{ "ksn", "ksn = FFFF9876543210FFF800\n", "transactions", "1048575" },
	{ "ksn", "ksn = FFFF9876543210E00000\n", "valid", "no" },
	{ "ksn", "ksn = FFFF9876543210E00000\n", "keys_left", "1048575" },
	{ "ksn", "ksn = FFFF9876543210E007FF\n", "valid", "no" },
	{ "ksn", "ksn = 1234567890123456FFFF0000\n", "transactions", "2448023842" },
	{ "ksn", "ksn = 1234567890123456FFFF0000\n", "ikid", "1234567890123456" },
	{ "ksn", "field_53 = 6059876543210E00001\n", "device", "102535" },
	{ "ksn", "scheme = AES256\n", "max_counter", "FFFF0000" },
	{ "pinblock", TDES_BDK TDES_KSN "pin = 1234\npan = 4012345678909\n", "enc_pin_block", "1B9C1845EB993A7A" },
	{ "pinblock", TDES_BDK "field_53 = A05FFFF9876543210E00001\npin = 1234\npan = 4012345678909\n", "enc_pin_block",
	  "1B9C1845EB993A7A" },
	{ "pinblock", "algorithm = tdes\nkey = 042666B49184CF5C68DE9628D0397B36\npin = 1234\npan = 4012345678909\n",
	  "enc_pin_block", "1B9C1845EB993A7A" },
	{ "pinblock", TDES_BDK TDES_KSN "enc_pin_block = 1B9C1845EB993A7A\npan = 4012345678909\n", "pin", "1234" },
	{ "pinblock", BDK KSN "enc_pin_block = A912150391AB65A67E52883D81CE2D15\npan = 4111111111111111\n", "pin",
	  "1234" },
	{ "mac", TDES_BDK TDES_KSN "mac_data_ascii = 4012345678909D987\nmac_len = 4\n", "mac_response", "20364223" },
	{ "mac", "algorithm = tdes\nkey = 0123456789ABCDEFFEDCBA9876543210\nmessage = 00\nmethod = cmac\nmac_len = 1\n",
	  "status", "ok" },
	{ "keyblock", "key_block = A0072K0TN00N0000F40D5672C6D0EC86F860BA88D44D00F0CA9A8CE8CD2F640287A9A9EB\n",
	  "verified", "no" },
};

START_TEST(forms_that_people_use_are_read)
{
	ck_assert_msg(!ask(answered[_i].command, answered[_i].text), "%s: %s", answered[_i].text, said("reason"));
	ck_assert_msg(!strcmp(said(answered[_i].key), answered[_i].value), "%s: %s is %s", answered[_i].text,
		      answered[_i].key, said(answered[_i].key));
}
END_TEST

START_TEST(ksn_counts_every_tdes_transaction)
{
	char text[64], nth[16];
	unsigned n = 0;

	for (unsigned c = 1; c <= 0x1FFFFF; c++) {
		bool valid = __builtin_popcount(c) <= 10;

		n += valid;
		if (c % 4099 && c != 0x1FF800) /* each counter is counted, some are asked for */
			continue;
		snprintf(text, sizeof text, "tc = %06X\n", c);
		ck_assert_int_eq(ask("ksn", text), E_OK);
		ck_assert_str_eq(said("valid"), valid ? "yes" : "no");
		snprintf(nth, sizeof nth, "%u", n);
		ck_assert_str_eq(said("transactions"), valid ? nth : "");
	}
	ck_assert_uint_eq(n, 1048575);
}
END_TEST

static const char *const pins[] = { "1234", "12345", "000000", "9876543210", "123456789012" };

START_TEST(a_pin_comes_out_of_every_format_as_it_went_in)
{
	char text[256], block[64];

	for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
		snprintf(text, sizeof text, "format = %d\npin = %s\npan = 4111111111111111\n%s", _i, pins[i],
			 _i == 4 ? BDK KSN : TDES_BDK TDES_KSN);
		ck_assert_int_eq(ask("pinblock", text), E_OK);
		ck_assert_uint_eq(strlen(said("random")), _i == 1 || _i == 3 || _i == 4 ? 16 : 0);
		snprintf(block, sizeof block, "%s", said("enc_pin_block"));
		snprintf(text, sizeof text, "format = %d\nenc_pin_block = %s\npan = 4111111111111111\n%s", _i, block,
			 _i == 4 ? BDK KSN : TDES_BDK TDES_KSN);
		ck_assert_msg(!ask("pinblock", text), "%s: %s", text, said("reason"));
		ck_assert_str_eq(said("pin"), pins[i]);
	}
}
END_TEST

START_TEST(a_key_block_that_was_written_is_opened_again)
{
	static const char *const kbpk[] = { "0123456789ABCDEFFEDCBA9876543210",
					    "88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6" };
	char text[1024];

	snprintf(text, sizeof text,
		 "kbpk = %s\nkey = 6AC292FAA1315B4D858AB3A3D7D5933A\nversion = %c\nusage = B1\nalgorithm = T\n"
		 "mode = X\nks = FFFF9876543210E00000\nopt_LB = a label\n",
		 kbpk[_i], _i ? 'D' : 'B');
	ck_assert_msg(!ask("keyblock", text), "%s", said("reason"));
	snprintf(text, sizeof text, "kbpk = %s\nkey_block = %s\n", kbpk[_i], said("key_block"));
	ck_assert_msg(!ask("keyblock", text), "%s", said("reason"));
	ck_assert_str_eq(said("key"), "6AC292FAA1315B4D858AB3A3D7D5933A");
	ck_assert_str_eq(said("ks"), "FFFF9876543210E00000");
	ck_assert_str_eq(said("opt_LB"), "a label");
	ck_assert_str_eq(said("kcv"), "AF8C07");
	ck_assert_str_eq(said("verified"), "yes");
}
END_TEST

START_TEST(a_refusal_forgets_what_was_said_before_it)
{
	/* the PIN key is said before the block turns out to be none */
	ck_assert_int_eq(ask("pinblock", BDK KSN "case = c\nenc_pin_block = 00\npan = 4111111111111111\n"),
			 E_PIN_BLOCK);
	ck_assert_uint_eq(answer.n, 3);
	for (size_t i = 0; i + 32 <= sizeof answer.text; i++)
		ck_assert(memcmp(answer.text + i, "AF8CB133A78F8DC2D1359F18527593FB", 32));
}
END_TEST

START_TEST(an_answer_that_its_stanza_does_not_hold_is_refused_not_cut_short)
{
	static char text[STANZA_BYTES];
	int n = snprintf(text, sizeof text, "case = c\n" TDES_BDK TDES_KSN "data_plaintext = ");

	/* twice 4,096 digits, and the names */
	memset(text + n, '0', 4096);
	text[n + 4096] = '\n';
	ck_assert_int_eq(ask("data", text), E_RANGE);
	ck_assert_str_eq(said("case"), "c");
	ck_assert_str_eq(said("status"), "refused");
	ck_assert_uint_eq(answer.n, 3);
	/* one block less does fit */
	text[n + 4000] = '\n';
	text[n + 4001] = 0;
	ck_assert_int_eq(ask("data", text), E_OK);
	ck_assert_uint_eq(strlen(said("enc_request")), 4000);
	ck_assert_uint_eq(strlen(said("enc_response")), 4000);
	ck_assert_str_eq(said("status"), "ok");
	/* a name that leaves no room for an answer is not repeated */
	memset(text, 'c', sizeof text);
	memcpy(text, "case = ", 7);
	snprintf(text + sizeof text - 100, 100, "\n" TDES_BDK "ksn = 1\n");
	ck_assert_int_eq(ask("derive", text), E_FORMAT);
	ck_assert_uint_eq(answer.n, 2);
}
END_TEST

START_TEST(of_optional_blocks_with_one_id_the_first_is_said)
{
	char text[512], *second;

	ck_assert_int_eq(ask("keyblock", "kbpk = 0123456789ABCDEFFEDCBA9876543210\n"
					 "key = 6AC292FAA1315B4D858AB3A3D7D5933A\nversion = B\nusage = P0\n"
					 "algorithm = T\nmode = E\nopt_10 = abcd\nopt_11 = efgh\n"),
			 E_OK);
	snprintf(text, sizeof text, "key_block = %.400s\n", said("key_block"));
	second = strstr(text, "1108efgh");
	ck_assert_ptr_nonnull(second);
	second[1] = '0';
	ck_assert_int_eq(ask("keyblock", text), E_OK);
	ck_assert_str_eq(said("optional_blocks"), "2");
	for (size_t i = 0; i < answer.n; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert_str_ne(answer.text + answer.field[i].key, answer.text + answer.field[j].key);
	ck_assert_str_eq(said("opt_10"), "abcd");
}
END_TEST

#define OTHER_BDK "bdk = FEDCBA98765432100123456789ABCDEF\n"
#define TDES_IKSN "iksn = FFFF9876543210E00000\n"

/* Files of one run, and how many questions their rows are. All of them have the right figures. */
static const struct {
	const char *file[3];
	unsigned asked, unasked;
} runs[] = {
	/* the same device under two BDKs: each file by its own, wherever that stands; a file without one cannot know */
	{ { TDES_BDK TDES_IKSN "\n" TDES_KSN "txn_key = 042666B49184CFA368DE9628D0397BC9\n",
	    TDES_KSN "txn_key = F0A281F85D11A325C729F6FF061240A5\n\n" OTHER_BDK TDES_IKSN,
	    TDES_KSN "txn_key = F0A281F85D11A325C729F6FF061240A5\n" },
	  2,
	  3 },
	{ { TDES_BDK TDES_IKSN "\n" TDES_KSN "txn_key = 042666B49184CFA368DE9628D0397BC9\n\n" OTHER_BDK TDES_IKSN
			       "\n" TDES_KSN "txn_key = F0A281F85D11A325C729F6FF061240A5\n" },
	  2,
	  2 },
	{ { TDES_BDK TDES_IKSN, TDES_KSN "txn_key = 042666B49184CFA368DE9628D0397BC9\n" }, 1, 1 },
	/* inputs below the rows that need them; and none at all */
	{ { TDES_BDK TDES_KSN "mac_request = 9CCC7817\n\ncase = inputs\nmac_data_ascii = 4012345678909D987\n" }, 1, 0 },
	{ { TDES_BDK TDES_KSN "mac_request = 9CCC7817\nenc_pin_block = 1B9C1845EB993A7A\nenc_request = FC0D\n" },
	  0,
	  3 },
	/* the PIN key stands in the row, its BDK nowhere */
	{ { KSN "pin = 1234\npan = 4111111111111111\nrandom = 2F69ADDE2E9E7ACE\n"
		"pin_key = AF8CB133A78F8DC2D1359F18527593FB\nenc_pin_block = A912150391AB65A67E52883D81CE2D15\n" },
	  2,
	  1 },
	/* whether it has to be refused is said by accept */
	{ { "format = 0\npan = 4012345678909\npin_block = 041274EDCBA9876F\naccept = yes\n" }, 1, 0 },
	{ { "format = 0\npan = 4012345678909\npin_block = 041274EDCBA9876E\n" }, 1, 0 },
	/* TDES by its block, whatever the file's name */
	{ { "key = 0123456789ABCDEF23456789ABCDEF01456789ABCDEF0123\n"
	    "plain = 54686520717566636B2062726F776E20666F78206A756D70\n"
	    "cipher = A826FD8CE53B855FCCE21C8112256FE668D5C05DD9B6B900\n" },
	  2,
	  0 },
};

START_TEST(a_row_is_judged_by_what_it_and_its_file_say_in_any_order)
{
	static struct plan plan;
	struct totals t = { 0, 0 };

	for (int pass = 0; pass < 2; pass++)
		for (int i = 0; i < 3 && runs[_i].file[i]; i++) {
			const char *text = runs[_i].file[i];
			FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

			ck_assert_ptr_nonnull(f);
			ck_assert_int_eq(pass ? plan_run(&plan, f, hold, &t) : plan_learn(&plan, f), E_OK);
			fclose(f);
		}
	plan_free(&plan);
	ck_assert_uint_eq(t.asked, runs[_i].asked);
	ck_assert_uint_eq(t.unasked, runs[_i].unasked);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("lab");
	TCase *t = tcase_create("answer");

	tcase_add_test(t, every_row_of_the_vectors_is_asked_and_answered_as_published);
	tcase_add_loop_test(t, a_bad_question_is_refused_with_the_name_of_what_is_wrong_and_nothing_else, 0,
			    (int)(sizeof refused / sizeof refused[0]));
	tcase_add_loop_test(t, forms_that_people_use_are_read, 0, (int)(sizeof answered / sizeof answered[0]));
	tcase_add_test(t, ksn_counts_every_tdes_transaction);
	tcase_add_loop_test(t, a_pin_comes_out_of_every_format_as_it_went_in, 0, 5);
	tcase_add_loop_test(t, a_key_block_that_was_written_is_opened_again, 0, 2);
	tcase_add_test(t, a_refusal_forgets_what_was_said_before_it);
	tcase_add_test(t, an_answer_that_its_stanza_does_not_hold_is_refused_not_cut_short);
	tcase_add_test(t, of_optional_blocks_with_one_id_the_first_is_said);
	tcase_add_loop_test(t, a_row_is_judged_by_what_it_and_its_file_say_in_any_order, 0,
			    (int)(sizeof runs / sizeof runs[0]));
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
