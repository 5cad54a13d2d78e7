#include "bdk/token.h"
#include "base/wipe.h"
#include "bdk/object.h"
#include "bdk/token_probe.h"
#include "bdk/token_uri.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define PIN_TEXT 256 /* longest PIN, with its NUL */

/* libp11 initialises the module; the same library again is for the functions that libp11 does not offer. */
static enum err load(struct token *t, struct token_uri *u, const char *uri, const char *arguments)
{
	CK_C_GetFunctionList list;
	const char *why;

	memset(t, 0, sizeof *t);
	if (token_uri_parse(u, uri, &why))
		return token_refuse(t, why);
	t->p11 = PKCS11_CTX_new();
	if (t->p11 && arguments)
		PKCS11_CTX_init_args(t->p11, arguments);
	if (!t->p11 || PKCS11_CTX_load(t->p11, u->module)) {
		PKCS11_CTX_free(t->p11);
		t->p11 = NULL;
		return token_refuse(t, "the PKCS#11 module cannot be loaded");
	}
	t->module = dlopen(u->module, RTLD_NOW | RTLD_LOCAL);
	list = t->module ? (CK_C_GetFunctionList)dlsym(t->module, "C_GetFunctionList") : NULL;
	if (!list || list(&t->f) != CKR_OK || !t->f)
		return token_refuse(t, "the PKCS#11 module lists no functions");
	if (PKCS11_enumerate_slots(t->p11, &t->slots, &t->n))
		return token_refuse(t, "the PKCS#11 module does not list its slots");
	return E_OK;
}

/*
 * The one token that the URI means. blank: one that is not initialised, whatever its label.
 *
 * E_OK, E_KEY (there is none), E_TOKEN (also: more than one)
 */
static enum err choose(struct token *t, const struct token_uri *u, bool blank)
{
	CK_INFO module = { .flags = 0 };
	enum err e = token_check(t, "C_GetInfo", t->f->C_GetInfo(&module));

	for (unsigned i = 0; !e && i < t->n; i++) {
		CK_SLOT_ID id = PKCS11_get_slotid_from_slot(&t->slots[i]);
		CK_TOKEN_INFO token = { .flags = 0 };
		CK_SLOT_INFO slot = { .flags = 0 };

		if (!t->slots[i].token || t->f->C_GetSlotInfo(id, &slot) != CKR_OK ||
		    t->f->C_GetTokenInfo(id, &token) != CKR_OK || !(token.flags & CKF_TOKEN_INITIALIZED) != blank ||
		    !token_uri_fits(u, &module, id, &slot, &token, blank))
			continue;
		if (t->slot && !blank)
			e = token_refuse(t, "more than one token fits the URI");
		if (!t->slot)
			t->slot = &t->slots[i];
	}
	return e ? e : t->slot ? E_OK : E_KEY;
}

/* What the token and its module say that they are, for people */
static void describe(char out[static PROBE_ABOUT], const CK_TOKEN_INFO *token, const CK_INFO *module)
{
	char *p = out;

	snprintf(out, PROBE_ABOUT, "%.16s by %.32s, library %u.%u", (const char *)token->model,
		 (const char *)token->manufacturerID, module->libraryVersion.major, module->libraryVersion.minor);
	for (const char *q = out; *q; q++) /* padding, and what JSON would want escaped */
		if (*q > ' ' && *q < 0x7f && !strchr("\"\\", *q))
			*p++ = *q;
		else if (*q == ' ' && q[1] > ' ' && q[1] != ',')
			*p++ = ' ';
	*p = 0;
}

static void introduce(struct token *t)
{
	CK_TOKEN_INFO token = { .flags = 0 };
	CK_INFO module = { .flags = 0 };

	if (t->f->C_GetInfo(&module) == CKR_OK &&
	    t->f->C_GetTokenInfo(PKCS11_get_slotid_from_slot(t->slot), &token) == CKR_OK)
		describe(t->probe.about, &token, &module);
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

/* Did the token refuse the PIN, rather than fail? As libp11 keeps it: that of CK_RV. */
static bool refused(void)
{
	switch (ERR_GET_REASON(ERR_peek_last_error())) {
	case CKR_PIN_INCORRECT:
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
	case CKR_PIN_EXPIRED:
	case CKR_PIN_LOCKED:
		return true;
	default:
		return false;
	}
}

/* A token that counts wrong tries is not given the last one by a program: E_PASSPHRASE, and t->why. */
static enum err may_try(struct token *t, bool so)
{
	CK_TOKEN_INFO token = { .flags = 0 };
	enum err e = token_check(t, "C_GetTokenInfo",
				 t->f->C_GetTokenInfo(PKCS11_get_slotid_from_slot(t->slot), &token));

	if (!e && token.flags & (so ? CKF_SO_PIN_LOCKED : CKF_USER_PIN_LOCKED)) {
		token_refuse(t, so ? "the token has locked its SO PIN" : "the token has locked its user's PIN");
		e = E_PASSPHRASE;
	} else if (!e && token.flags & (so ? CKF_SO_PIN_FINAL_TRY : CKF_USER_PIN_FINAL_TRY)) {
		token_refuse(t, "one more wrong PIN and the token locks it: that try is not made");
		e = E_PASSPHRASE;
	}
	return e;
}

/* One try. E_OK, E_PASSPHRASE (the token does not take it), E_TOKEN */
static enum err log_in(struct token *t, bool so, const char *pin)
{
	enum err e = may_try(t, so);

	ERR_clear_error();
	if (!e && PKCS11_login(t->slot, so, pin)) {
		e = token_refuse(t, so ? "the token does not take the SO PIN" : "the token does not take the PIN");
		if (refused())
			e = E_PASSPHRASE;
	}
	return e;
}

enum err token_open(struct token *t, const struct token_place *at, struct span pin)
{
	char text[PIN_TEXT] = "";
	struct token_uri u = { .uri = NULL };
	enum err e = load(t, &u, at->uri, at->arguments);

	if (!e)
		e = choose(t, &u, false);
	if (e == E_KEY)
		e = token_refuse(t, "no token fits the URI");
	if (!e)
		e = pin_text(t, text, pin);
	if (!e)
		e = log_in(t, false, text);
	if (!e)
		e = token_check(t, "C_OpenSession",
				t->f->C_OpenSession(PKCS11_get_slotid_from_slot(t->slot),
						    CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &t->session));
	if (!e)
		introduce(t);
	if (!e)
		e = token_probe(t);
	token_uri_free(&u);
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

/* NSS has no SO PIN: until the user's is set, an empty one logs in. */
static enum err initialise(struct token *t, const char *label, const char *pin, const char *so_pin)
{
	enum err e = E_OK;

	if (PKCS11_init_token(t->slot->token, so_pin, label))
		e = token_refuse(t, "the token cannot be initialised");
	else if ((PKCS11_login(t->slot, 1, so_pin) && PKCS11_login(t->slot, 1, "")) ||
		 PKCS11_init_pin(t->slot->token, pin))
		e = token_refuse(t, "the token does not take a user PIN");
	return e;
}

enum err token_init(const struct token_place *at, struct span pin, struct span so_pin, char why[static 96])
{
	static struct token t;
	char text[PIN_TEXT] = "", so_text[PIN_TEXT] = "";
	struct token_uri u = { .uri = NULL };
	enum err e = load(&t, &u, at->uri, at->arguments);

	if (!e)
		e = pin_text(&t, text, pin);
	if (!e)
		e = pin_text(&t, so_text, so_pin);
	if (!e)
		e = choose(&t, &u, false);
	e = e ? e : E_EXISTS;
	if (e == E_KEY)
		e = choose(&t, &u, true);
	if (e == E_KEY)
		e = token_refuse(&t, "no token fits the URI, and no blank one that could be initialised");
	if (!e)
		e = initialise(&t, token_uri_label(&u), text, so_text);
	memcpy(why, t.why, sizeof t.why);
	token_uri_free(&u);
	wipe(text, sizeof text);
	wipe(so_text, sizeof so_text);
	token_close(&t);
	return e;
}

enum err token_change_pins(const struct token_place *at, const struct token_pins *p, char why[static 96])
{
	static struct token t;
	char so[PIN_TEXT] = "", next_so[PIN_TEXT] = "", next[PIN_TEXT] = "";
	struct token_uri u = { .uri = NULL };
	enum err e = load(&t, &u, at->uri, at->arguments);

	if (!e)
		e = choose(&t, &u, false);
	if (e == E_KEY)
		e = token_refuse(&t, "no token fits the URI");
	if (!e)
		e = pin_text(&t, so, p->so_pin);
	if (!e)
		e = pin_text(&t, next, p->next_pin);
	if (!e)
		e = pin_text(&t, next_so, p->next_so_pin);
	if (!e)
		e = log_in(&t, true, so);
	if (!e && PKCS11_init_pin(t.slot->token, next))
		e = token_refuse(&t, "the token does not take a new user PIN");
	/* Last: as long as this has not come about, the shares of before still open the token's way back. */
	if (!e && PKCS11_change_pin(t.slot, so, next_so))
		e = token_refuse(&t, "the token does not take a new SO PIN");
	memcpy(why, t.why, sizeof t.why);
	token_uri_free(&u);
	wipe(so, sizeof so);
	wipe(next, sizeof next);
	wipe(next_so, sizeof next_so);
	token_close(&t);
	return e;
}
