#include "bdk/list.h"
#include "base/host/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the journal keeps. */
static const char at_number[] = "crl", at_from[] = "crl from", at_seen[] = "crl seen", at_epoch[] = "epoch";

/* The time under a list is written down as often as that: it need not be exact, and a load should not wait for it. */
enum { SEEN_SECONDS = 600 };

static bool present(const struct pki_list *l)
{
	static const uint8_t none[sizeof l->digest];

	return memcmp(l->digest, none, sizeof none);
}

enum err list_open(struct room *r)
{
	char path[sizeof r->dir + 16];
	uint8_t *der = malloc(PKI_CRL_MAX);
	size_t len = 0;
	enum err e = der ? E_OK : E_INTERNAL;

	snprintf(path, sizeof path, "%s/certs/crl.der", r->dir);
	if (!e)
		e = file_read(der, &len, PKI_CRL_MAX, path);
	if (e == E_IO && errno == ENOENT)
		e = E_SPACE;
	if (!e)
		e = parser_list(&r->parser, &r->list, (struct span){ der, len }, der_span(&r->device_ca));
	if (e && e != E_INTERNAL && e != E_IO && e != E_PARSER)
		e = E_SPACE;
	free(der);
	return e == E_SPACE ? E_OK : e;
}

enum err list_install(struct room *r, struct span der, char why[static LIST_WHY])
{
	struct pki_list l = { 0 };
	uint64_t number = 0, from = 0;
	uint32_t epoch = 0;
	enum err e;

	if (!r->device_ca.len)
		return E_NOT_READY;
	e = parser_list(&r->parser, &l, der, der_span(&r->device_ca));
	if (!e)
		e = pki_list_current(&l, room_utc());
	if (!e)
		e = journal_number(&number, r->journal, at_number);
	if (!e)
		e = journal_number(&from, r->journal, at_from);
	if (!e)
		e = list_epoch(&epoch, r);
	if (!e && (l.number < number || l.from < from || l.epoch < epoch)) {
		if (l.number != number)
			snprintf(why, LIST_WHY, "this is list %llu, but list %llu was installed before",
				 (unsigned long long)l.number, (unsigned long long)number);
		else
			snprintf(why, LIST_WHY, "a newer issue of list %llu was installed before",
				 (unsigned long long)number);
		e = E_REPLAY;
	}
	if (!e)
		e = journal_set_number(r->journal, at_number, l.number);
	if (!e && l.from > from)
		e = journal_set_number(r->journal, at_seen, l.from);
	if (!e)
		e = journal_set_number(r->journal, at_from, l.from);
	if (!e)
		e = journal_set_number(r->journal, at_epoch, l.epoch);
	if (!e)
		e = room_store(r, "crl", der);
	if (e) {
		pki_list_free(&l);
		return e;
	}
	pki_list_free(&r->list);
	r->list = l;
	return E_OK;
}

/* E_EXPIRED, or another, with what is wrong and which commands bring a list. */
static enum err lacks(const struct room *r, enum err e, const char *what, char why[static LIST_WHY])
{
	snprintf(why, LIST_WHY, "%s: bdk crl --room CA >list.pem, then bdk install --room %s --crl list.pem", what,
		 r->config.purpose == ROOM_LOAD ? "LOAD" : "ACQUIRER");
	return e;
}

enum err list_kept(struct room *r, char why[static LIST_WHY])
{
	uint64_t number = 0;
	enum err e = journal_number(&number, r->journal, at_number);

	return !e && r->list.number < number ?
		       lacks(r, E_EXPIRED, "the revocation list is gone, or older than one installed before", why) :
		       e;
}

enum err list_check(struct room *r, uint64_t utc, char why[static LIST_WHY])
{
	const char *what = NULL;
	uint64_t number = 0, seen = 0;
	bool over;
	enum err e = journal_number(&number, r->journal, at_number);

	if (!e)
		e = journal_number(&seen, r->journal, at_seen);
	if (e)
		return e;
	over = present(&r->list) && (utc > r->list.until || seen > r->list.until);
	if (!present(&r->list)) {
		what = "no revocation list is installed";
		e = number ? E_EXPIRED : E_NOT_READY;
	} else if (r->list.number < number) {
		what = "the revocation list is older than one installed before";
		e = E_EXPIRED;
	} else if (over) {
		what = utc > r->list.until ? "the revocation list is past its end" :
					     "the revocation list was past its end when the clock was later";
		e = E_EXPIRED;
	} else if (pki_list_current(&r->list, utc)) {
		what = "the revocation list is not valid yet";
		e = E_EXPIRED;
	}
	if (utc > seen && (over || utc - seen >= SEEN_SECONDS) && journal_set_number(r->journal, at_seen, utc))
		return E_JOURNAL;
	return e ? lacks(r, e, what, why) : E_OK;
}

enum err list_epoch(uint32_t *epoch, struct room *r)
{
	uint64_t v = 0;
	enum err e = journal_number(&v, r->journal, at_epoch);

	*epoch = v > INT32_MAX ? INT32_MAX : (uint32_t)v;
	return e;
}

enum err list_certificate(const struct room *r, const uint8_t number[static 20])
{
	return pki_list_names(&r->list, number) ? E_REVOKED : E_OK;
}

enum err list_kif(struct room *r, const struct cert *c, const uint8_t number[static 20])
{
	uint32_t least = 0, is = 0;
	enum err e = list_certificate(r, number);

	if (!e)
		e = cert_epoch(&is, c);
	if (!e)
		e = list_epoch(&least, r);
	return !e && is < least ? E_EPOCH : e;
}
