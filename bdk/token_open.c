#include "bdk/token.h"
#include "base/hex.h"
#include "base/wipe.h"
#include "bdk/object.h"
#include "bdk/probe.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#define PIN_TEXT 256 /* longest PIN, with its NUL */

/* One attribute's value up to an end character or the end of the text, percent-decoded. */
static enum err uri_value(char *out, size_t size, const char **text, const char *ends)
{
	const char *p = *text;
	size_t n = 0, one;

	for (; *p && !strchr(ends, *p); p++) {
		uint8_t c = (uint8_t)*p;

		if (c == '%') {
			if (!p[1] || hex_decode(&c, &one, 1, p + 1, 2) || !c)
				return E_FORMAT;
			p += 2;
		} else if (c <= ' ' || c >= 0x7f) {
			return E_FORMAT;
		}
		if (n + 1 >= size)
			return E_FORMAT;
		out[n++] = (char)c;
	}
	if (!n)
		return E_FORMAT;
	out[n] = 0;
	*text = p;
	return E_OK;
}

static bool uri_word(const char **text, const char *word)
{
	size_t n = strlen(word);

	if (strncmp(*text, word, n))
		return false;
	*text += n;
	return true;
}

enum err token_uri_parse(struct token_uri *u, const char *text)
{
	struct token_uri out;

	if (!uri_word(&text, "pkcs11:token=") || uri_value(out.name, sizeof out.name, &text, ";?&/#") ||
	    !uri_word(&text, "?module-path=") || uri_value(out.module, sizeof out.module, &text, ";?&#") || *text ||
	    out.module[0] != '/')
		return E_FORMAT;
	*u = out;
	return E_OK;
}

static enum err load(struct token *t, struct token_uri *u, const char *uri)
{
	memset(t, 0, sizeof *t);
	if (token_uri_parse(u, uri))
		return token_refuse(t, "not a token URI of the form pkcs11:token=NAME?module-path=PATH");
	t->p11 = PKCS11_CTX_new();
	if (!t->p11 || PKCS11_CTX_load(t->p11, u->module)) {
		PKCS11_CTX_free(t->p11);
		t->p11 = NULL;
		return token_refuse(t, "the PKCS#11 module cannot be loaded");
	}
	if (PKCS11_enumerate_slots(t->p11, &t->slots, &t->n))
		return token_refuse(t, "the PKCS#11 module does not list its slots");
	return E_OK;
}

static PKCS11_SLOT *slot_of(struct token *t, const char *name)
{
	for (unsigned i = 0; i < t->n; i++) {
		PKCS11_TOKEN *k = t->slots[i].token;

		if (k && k->initialized && k->label && !strcmp(k->label, name))
			return &t->slots[i];
	}
	return NULL;
}

/* The PIN as the text that libp11 wants */
static enum err pin_text(struct token *t, char out[static PIN_TEXT], struct span pin)
{
	if (!pin.len || pin.len >= PIN_TEXT || memchr(pin.p, 0, pin.len))
		return token_refuse(t, "not a PIN");
	memcpy(out, pin.p, pin.len);
	out[pin.len] = 0;
	return E_OK;
}

/* The same library again, for the functions that libp11 does not offer. */
static enum err open_session(struct token *t, const char *module)
{
	CK_C_GetFunctionList list;

	t->module = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	list = t->module ? (CK_C_GetFunctionList)dlsym(t->module, "C_GetFunctionList") : NULL;
	if (!list)
		return token_refuse(t, "the PKCS#11 module cannot be loaded");
	if (list(&t->f) != CKR_OK || !t->f)
		return token_refuse(t, "the PKCS#11 module lists no functions");
	return token_check(t, "C_OpenSession",
			   t->f->C_OpenSession(PKCS11_get_slotid_from_slot(t->slot),
					       CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session));
}

enum err token_open(struct token *t, const char *uri, struct span pin)
{
	char text[PIN_TEXT] = "";
	struct token_uri u;
	enum err e = load(t, &u, uri);

	if (e)
		goto done;
	t->slot = slot_of(t, u.name);
	if (!t->slot)
		e = token_refuse(t, "no token of this name");
	if (!e)
		e = pin_text(t, text, pin);
	if (!e && PKCS11_login(t->slot, 0, text))
		e = token_refuse(t, "the token does not take the PIN");
	if (!e)
		e = open_session(t, u.module);
	if (!e)
		e = probe_token(t);
done:
	wipe(text, sizeof text);
	return e;
}

void token_close(struct token *t)
{
	if (t->session)
		t->f->C_CloseSession(t->session);
	if (t->slots)
		PKCS11_release_all_slots(t->p11, t->slots, t->n);
	if (t->p11) {
		PKCS11_CTX_unload(t->p11);
		PKCS11_CTX_free(t->p11);
	}
	if (t->module)
		dlclose(t->module);
	wipe(t, sizeof *t);
}

enum err token_init(const char *uri, struct span pin, char why[static 96])
{
	static struct token t;
	char text[PIN_TEXT] = "", so_pin[33];
	uint8_t random[16];
	PKCS11_SLOT *blank = NULL;
	struct token_uri u;
	enum err e = load(&t, &u, uri);

	if (!e)
		e = pin_text(&t, text, pin);
	if (!e && slot_of(&t, u.name))
		e = E_EXISTS;
	for (unsigned i = 0; i < t.n && !blank; i++)
		if (t.slots[i].token && !t.slots[i].token->initialized)
			blank = &t.slots[i];
	if (!e && !blank)
		e = token_refuse(&t, "no blank token to initialise");
	if (!e && getrandom(random, sizeof random, 0) != sizeof random)
		e = token_refuse(&t, "no random bytes for the SO PIN");
	if (e)
		goto done;
	hex_encode(so_pin, random, sizeof random);
	if (PKCS11_init_token(blank->token, so_pin, u.name))
		e = token_refuse(&t, "the token cannot be initialised");
	else if (PKCS11_login(blank, 1, so_pin) || PKCS11_init_pin(blank->token, text))
		e = token_refuse(&t, "the token does not take a user PIN");
done:
	memcpy(why, t.why, sizeof t.why);
	wipe(text, sizeof text);
	wipe(so_pin, sizeof so_pin);
	wipe(random, sizeof random);
	token_close(&t);
	return e;
}
