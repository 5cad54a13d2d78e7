#include "bdk/token_uri.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many attributes stand there: in the path, and after the first question mark. */
static unsigned attributes(const char *text)
{
	const char *query = strchr(text, '?');
	unsigned n = 1;

	for (const char *p = text; *p; p++)
		n += p == query || *p == (query && p > query ? '&' : ';');
	return n;
}

/* Of two attributes of one name p11-kit takes the second: written again, there is one. */
static bool twice(const char *text, P11KitUri *uri)
{
	char *again = NULL;
	bool is = p11_kit_uri_format(uri, P11_KIT_URI_FOR_ANY, &again) || attributes(again) != attributes(text);

	free(again);
	return is;
}

/* Attributes of a query that p11-kit does not know, it keeps by name: without those that were looked at, none is left. */
static bool unknown(P11KitUri *uri)
{
	char *rest = NULL;
	const char *path = p11_kit_uri_get_module_path(uri);
	char *kept = strdup(path);
	bool is = true;

	p11_kit_uri_set_module_path(uri, NULL);
	if (kept && !p11_kit_uri_format(uri, P11_KIT_URI_FOR_ANY, &rest))
		is = strchr(rest, '?');
	p11_kit_uri_set_module_path(uri, kept);
	free(kept);
	free(rest);
	return is;
}

static const char *wrong(P11KitUri *uri, const char *text)
{
	CK_ULONG n = 0;

	for (const char *p = text; *p; p++) {
		if (*p <= ' ' || *p >= 0x7f || *p == '#' || !strncmp(p, "%00", 3))
			return "a token URI holds neither blanks, # nor bytes that are no text: percent-encode them";
		if (*p == '=' && (!p[1] || strchr(";?&", p[1])))
			return "an attribute of the URI has no value";
	}
	if (p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri))
		return "not a token URI: pkcs11:token=NAME?module-path=PATH (RFC 7512)";
	if (p11_kit_uri_get_pin_value(uri) || p11_kit_uri_get_pin_source(uri))
		return "a token URI neither holds a PIN nor names one: leave out pin-value and pin-source";
	if (p11_kit_uri_get_attributes(uri, &n) && n)
		return "the URI names an object: leave out object, type and id";
	if (p11_kit_uri_get_module_name(uri))
		return "a module is named by its absolute path: module-path=, not module-name=";
	if (!p11_kit_uri_get_module_path(uri) || p11_kit_uri_get_module_path(uri)[0] != '/')
		return "the URI lacks the absolute path of the module: ?module-path=/...";
	if (p11_kit_uri_any_unrecognized(uri) || unknown(uri))
		return "an attribute of the URI is unknown, or its value impossible";
	if (twice(text, uri))
		return "an attribute of the URI stands there twice";
	return NULL;
}

enum err token_uri_parse(struct token_uri *u, const char *text, const char **why)
{
	P11KitUri *uri = p11_kit_uri_new();
	const char *what = uri ? wrong(uri, text) : "no memory";

	memset(u, 0, sizeof *u);
	if (why)
		*why = what;
	if (what) {
		p11_kit_uri_free(uri);
		return E_FORMAT;
	}
	u->uri = uri;
	u->module = p11_kit_uri_get_module_path(uri);
	return E_OK;
}

void token_uri_free(struct token_uri *u)
{
	p11_kit_uri_free(u->uri);
	memset(u, 0, sizeof *u);
}

bool token_uri_fits(const struct token_uri *u, const CK_INFO *module, CK_SLOT_ID id, const CK_SLOT_INFO *slot,
		    const CK_TOKEN_INFO *token, bool blank)
{
	CK_SLOT_ID wanted = p11_kit_uri_get_slot_id(u->uri);
	CK_TOKEN_INFO t = *token;

	/* PKCS#11 pads with blanks; tokens that libp11 labelled end in NULs. */
	for (size_t i = sizeof t.label; i-- && !t.label[i];)
		t.label[i] = ' ';
	if (blank)
		memcpy(t.label, p11_kit_uri_get_token_info(u->uri)->label, sizeof t.label);
	return (wanted == (CK_SLOT_ID)-1 || wanted == id) && p11_kit_uri_match_module_info(u->uri, module) &&
	       p11_kit_uri_match_slot_info(u->uri, slot) && p11_kit_uri_match_token_info(u->uri, &t);
}

const char *token_uri_label(const struct token_uri *u)
{
	static char label[33];
	const CK_TOKEN_INFO *t = p11_kit_uri_get_token_info(u->uri);

	snprintf(label, sizeof label, "%-32.32s", (const char *)t->label);
	return label;
}
