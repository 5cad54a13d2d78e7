/*
 * Token URIs (RFC 7512), as p11-kit parses them: which module, and which of its tokens.
 *
 *     pkcs11:token=KIF%20HSM;serial=0042?module-path=/usr/lib/vendor/libpkcs11.so
 *
 * token, manufacturer, model, serial, slot-id, slot-description, slot-manufacturer, library-description,
 * library-manufacturer and library-version have to fit all that are given. module-path is needed and absolute: what a
 * search path finds is not what somebody chose, so there is no module-name. A PIN is neither in a URI nor named by one.
 * What is not looked at should not be there to be believed: nothing else, nothing twice.
 */
#ifndef KEYROOM_BDK_TOKEN_URI_H
#define KEYROOM_BDK_TOKEN_URI_H

#include "base/err.h"

#include <p11-kit/pkcs11.h>

#include <p11-kit/uri.h>
#include <stdbool.h>

struct token_uri {
	P11KitUri *uri;
	const char *module; /* absolute path; in uri */
};

/*
 * token_uri_parse - to be freed with token_uri_free()
 *
 *   why  out  after E_FORMAT: a sentence without a full stop, static; may be NULL
 *
 *   E_OK, E_FORMAT (*u is empty)
 */
MUST_USE enum err token_uri_parse(struct token_uri *u, const char *text, const char **why);

/* token_uri_free - fine on an empty one */
void token_uri_free(struct token_uri *u);

/* token_uri_fits - is this token meant? token->label is not looked at where blank: it gets its label yet. */
bool token_uri_fits(const struct token_uri *u, const CK_INFO *module, CK_SLOT_ID id, const CK_SLOT_INFO *slot,
		    const CK_TOKEN_INFO *token, bool blank);

/* token_uri_label - the value of token=, for a token that is to get it: 32 characters, padded with blanks. Static; the
 * next call overwrites it. */
const char *token_uri_label(const struct token_uri *u);

#endif
