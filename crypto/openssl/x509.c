#include "crypto/x509.h"

#include <openssl/obj_mac.h>
#include <openssl/x509.h>
#include <string.h>

/* The first text of a kind in a name; "" if there is none. false if it does not fit, or is not a text. */
static bool copy_text(char out[static CERT_TEXT], X509_NAME *name, int nid)
{
	int at = X509_NAME_get_index_by_NID(name, nid, -1), len;
	unsigned char *utf8 = NULL;
	bool ok;

	if (at < 0)
		return true;
	len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	ok = len >= 0 && len < CERT_TEXT && !memchr(utf8, 0, (size_t)len);
	if (ok) {
		memcpy(out, utf8, (size_t)len);
		out[len] = 0;
	}
	OPENSSL_free(utf8);
	return ok;
}

/* utc is for back ends that look at dates themselves: cert.c has done so already. */
enum err x509_verify(struct cert *c, const struct x509 *x, const struct x509 *ca, uint64_t utc)
{
	const unsigned char *p = x->der.p, *q = ca->der.p;
	X509 *cert = d2i_X509(NULL, &p, (long)x->der.len), *issuer = d2i_X509(NULL, &q, (long)ca->der.len);
	X509_NAME *subject;
	enum err e = E_CERTIFICATE;

	(void)utc;
	if (!cert || !issuer || X509_verify(cert, X509_get0_pubkey(issuer)) != 1)
		goto done;
	subject = X509_get_subject_name(cert);
	if (copy_text(c->serial, subject, NID_serialNumber) &&
	    copy_text(c->unit, subject, NID_organizationalUnitName) && copy_text(c->name, subject, NID_commonName))
		e = E_OK;
done:
	X509_free(cert);
	X509_free(issuer);
	return e;
}
