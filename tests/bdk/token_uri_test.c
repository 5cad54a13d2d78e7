#include "bdk/token_uri.h"
#include "tests/lib/test.h"

#include <string.h>

START_TEST(reads_what_names_a_token)
{
	struct token_uri u;

	ck_assert_int_eq(token_uri_parse(&u, "pkcs11:token=My%20token%3b?module-path=/usr/lib/a%25.so", NULL), E_OK);
	ck_assert_str_eq(token_uri_label(&u), "My token;                       ");
	ck_assert_str_eq(u.module, "/usr/lib/a%.so");
	token_uri_free(&u);
	ck_assert_int_eq(token_uri_parse(&u, "pkcs11:slot-id=3?module-path=/m", NULL), E_OK);
	ck_assert_str_eq(token_uri_label(&u), "                                ");
	token_uri_free(&u);
}
END_TEST

START_TEST(refuses_the_rest_and_says_why)
{
	static const struct {
		const char *text, *why;
	} row[] = {
		{ "", "not a token URI" },
		{ "softhsm", "not a token URI" },
		{ "pkcs11:token=a%?module-path=/m", "not a token URI" },
		{ "pkcs11:token=a%0?module-path=/m", "not a token URI" },
		{ "pkcs11:token=a%G0?module-path=/m", "not a token URI" },
		{ "pkcs11:slot-id=x?module-path=/m", "not a token URI" },
		{ "pkcs11:token=a b?module-path=/m", "neither blanks" },
		{ "pkcs11:token=a\x80?module-path=/m", "neither blanks" },
		{ "pkcs11:token=a%00b?module-path=/m", "neither blanks" },
		{ "pkcs11:token=a?module-path=/m#x", "neither blanks" },
		{ "pkcs11:token=?module-path=/m", "no value" },
		{ "pkcs11:token=a?module-path=", "no value" },
		{ "pkcs11:", "absolute path" },
		{ "pkcs11:token=a", "absolute path" },
		{ "pkcs11:token=a?module-path=m.so", "absolute path" },
		{ "pkcs11:token=a?module-name=softhsm", "absolute path: module-path=" },
		{ "pkcs11:token=a?module-path=/m&pin-value=1", "PIN" },
		{ "pkcs11:token=a?module-path=/m&pin-source=file:/pin", "PIN" },
		{ "pkcs11:token=a;object=k?module-path=/m", "an object" },
		{ "pkcs11:token=a;type=private?module-path=/m", "an object" },
		{ "pkcs11:token=a;colour=red?module-path=/m", "unknown" },
		{ "pkcs11:token=a?module-path=/m&x-vendor=1", "unknown" },
		{ "pkcs11:token=123456789012345678901234567890123?module-path=/m", "impossible" },
		{ "pkcs11:token=a;token=b?module-path=/m", "twice" },
		{ "pkcs11:token=a?module-path=/m&module-path=/n", "twice" },
	};
	struct token_uri u;
	const char *why;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		ck_assert_msg(token_uri_parse(&u, row[i].text, &why) == E_FORMAT, "%s", row[i].text);
		ck_assert_msg(strstr(why, row[i].why), "%s: %s", row[i].text, why);
		ck_assert_ptr_null(u.uri);
	}
}
END_TEST

static void text(unsigned char *out, size_t len, const char *s)
{
	memset(out, ' ', len);
	memcpy(out, s, strlen(s));
}

static void of_module(CK_INFO *module)
{
	text(module->manufacturerID, 32, "Lib");
	text(module->libraryDescription, 32, "Library");
	module->libraryVersion = (CK_VERSION){ 2, 6 };
}

START_TEST(a_token_fits_if_everything_that_is_said_fits)
{
	static const struct {
		const char *path;
		bool fits, blank;
	} row[] = {
		{ "token=KIF", true, false },
		{ "token=KIF2", false, false },
		{ "token=other", false, true }, /* a blank one gets its label yet */
		{ "manufacturer=Maker;model=M1;serial=0042", true, false },
		{ "manufacturer=Maker;model=M1;serial=0043", false, false },
		{ "model=M2", false, false },
		{ "slot-id=7", true, false },
		{ "slot-id=8", false, false },
		{ "slot-description=Slot", true, false },
		{ "slot-manufacturer=Nobody", false, false },
		{ "library-manufacturer=Lib", true, false },
		{ "library-description=x", false, false },
		{ "library-version=2.6", true, false },
		{ "library-version=2.7", false, false },
	};
	CK_INFO module = { .flags = 0 };
	CK_SLOT_INFO slot = { .flags = 0 };
	CK_TOKEN_INFO token = { .flags = 0 };
	struct token_uri u;
	char uri[128];

	of_module(&module);
	text(slot.slotDescription, 64, "Slot");
	text(slot.manufacturerID, 32, "Maker");
	text(token.label, 32, "KIF");
	if (_i) /* as libp11 0.4.12 labels */
		memset(token.label + 3, 0, 29);
	text(token.manufacturerID, 32, "Maker");
	text(token.model, 16, "M1");
	text(token.serialNumber, 16, "0042");
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		snprintf(uri, sizeof uri, "pkcs11:%s?module-path=/m", row[i].path);
		ck_assert_int_eq(token_uri_parse(&u, uri, NULL), E_OK);
		ck_assert_msg(token_uri_fits(&u, &module, 7, &slot, &token, false) == row[i].fits, "%s", uri);
		ck_assert_msg(token_uri_fits(&u, &module, 7, &slot, &token, true) ==
				      (row[i].fits || row[i].blank || !strncmp(row[i].path, "token=", 6)),
			      "%s, blank", uri);
		token_uri_free(&u);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("token uri");
	TCase *t = tcase_create("token uri");

	suite_add_tcase(s, t);
	tcase_add_test(t, reads_what_names_a_token);
	tcase_add_test(t, refuses_the_rest_and_says_why);
	tcase_add_loop_test(t, a_token_fits_if_everything_that_is_said_fits, 0, 2);
	return s;
}

int main(void)
{
	return test_main(suite());
}
