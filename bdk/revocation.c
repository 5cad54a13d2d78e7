#include "bdk/revocation.h"
#include "bdk/evident.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char list_number[] = "revocation list", at_epoch[] = "epoch";

enum err revocation_grown(uint64_t *number, struct journal *j)
{
	enum err e = journal_number(number, j, list_number);

	return e ? e : journal_set_number(j, list_number, ++*number);
}

enum err revocation_add(uint64_t *number, struct journal *j, const char *serial, char why[static REVOCATION_WHY])
{
	struct device d;
	enum err e = journal_begin(j);

	if (!e)
		e = journal_device(&d, j, serial, NULL);
	if (!e && !d.cert_len) {
		snprintf(why, REVOCATION_WHY, "%s has no certificate", serial);
		e = E_UNKNOWN_DEVICE;
	}
	if (!e && d.state == DEVICE_REVOKED) {
		e = journal_number(number, j, list_number);
	} else if (!e) {
		d.state = DEVICE_REVOKED;
		e = journal_device_put(j, &d);
		if (!e)
			e = revocation_grown(number, j);
	}
	if (!e)
		e = journal_commit(j);
	if (e)
		journal_rollback(j);
	return e;
}

static bool is_on_it(const struct device *d)
{
	return d->cert_len && (d->state == DEVICE_REVOKED || d->state == DEVICE_QUARANTINED);
}

enum err revocation_disown(char name[static CERT_TEXT], uint64_t *number, struct room *r, struct span cert,
			   char why[static REVOCATION_WHY])
{
	struct certified x = { 0 };
	struct cert c;
	size_t n = 0;
	enum err e = parser_cert(&r->parser, &c, x.number, cert, der_span(&r->kif_ca), room_utc());

	if (e == E_CERTIFICATE)
		e = parser_cert(&r->parser, &c, x.number, cert, der_span(&r->exchange_ca), room_utc());
	if (e == E_CERTIFICATE)
		snprintf(why, REVOCATION_WHY, "not a certificate that this room gave to a load or acquirer room");
	if (!e)
		e = p256_spki_digest(x.spki, c.point);
	if (e)
		return e;
	memcpy(x.name, c.name, sizeof x.name);
	memcpy(x.unit, c.unit, sizeof x.unit);
	e = journal_begin(r->journal);
	if (!e)
		e = journal_certified_put(r->journal, &x);	/* given before the journal kept them */
	if (!e)
		e = journal_certified_revoke(&n, r->journal, x.spki);
	if (!e)
		e = n ? revocation_grown(number, r->journal) : journal_number(number, r->journal, list_number);
	if (!e)
		e = journal_commit(r->journal);
	if (e)
		journal_rollback(r->journal);
	else
		memcpy(name, x.name, sizeof x.name);
	return e;
}

/* What is on the list, as it is gathered. */
struct entries {
	struct pki_revoked *p;
	size_t n, room;
};

/* Room for one more. NULL: there is no memory */
static struct pki_revoked *another(struct entries *s)
{
	if (s->n == s->room) {
		size_t room = s->room ? 2 * s->room : 64;
		struct pki_revoked *more = realloc(s->p, room * sizeof *more);

		if (!more)
			return NULL;
		s->p = more;
		s->room = room;
	}
	return &s->p[s->n++];
}

static enum err add_terminals(struct entries *s, struct journal *j)
{
	struct pki_revoked *p;
	struct device d;
	uint64_t at = 0;
	enum err e;

	while (!(e = journal_device_next(&d, j, &at))) {
		if (!is_on_it(&d))
			continue;
		p = another(s);
		e = p ? evident_number(p->number, (struct span){ d.cert, d.cert_len }) : E_INTERNAL;
		if (e)
			return e;
		p->utc = d.utc;
	}
	return e == E_SHORT ? E_OK : e;
}

static enum err add_rooms(struct entries *s, struct journal *j)
{
	struct pki_revoked *p;
	struct certified c;
	uint64_t at = 0;
	enum err e;

	while (!(e = journal_certified_next(&c, j, &at))) {
		if (!c.revoked)
			continue;
		p = another(s);
		if (!p)
			return E_INTERNAL;
		memcpy(p->number, c.number, sizeof p->number);
		p->utc = c.revoked;
	}
	return e == E_SHORT ? E_OK : e;
}

enum err revocation_list(uint8_t der[static PKI_CRL_MAX], size_t *len, uint64_t *number, size_t *n, struct room *r)
{
	struct room_key key = { r, "device-ca" };
	struct pki_signer signer = { room_sign, &key };
	struct entries s = { 0 };
	struct cert ca;
	uint32_t epoch = 0;
	enum err e = journal_number(number, r->journal, list_number);

	if (!e)
		e = revocation_epoch(&epoch, r);
	if (!e)
		e = add_terminals(&s, r->journal);
	if (!e)
		e = add_rooms(&s, r->journal);
	if (!e)
		e = parser_anchor(&r->parser, &ca, der_span(&r->device_ca));
	if (!e)
		e = pki_crl(der, len, PKI_CRL_MAX, &ca, *number, epoch, s.p, s.n, room_utc(),
			    r->config.crl_days, &signer);
	if (!e)
		*n = s.n;
	free(s.p);
	return e;
}

enum err revocation_epoch(uint32_t *epoch, struct room *r)
{
	uint64_t v = 0;
	enum err e = journal_number(&v, r->journal, at_epoch);

	*epoch = v < r->config.epoch || v > INT_MAX ? r->config.epoch : (uint32_t)v;
	return e;
}

enum err revocation_raise(uint32_t *epoch, uint64_t *number, struct room *r)
{
	uint32_t now = 0;
	enum err e = journal_begin(r->journal);

	if (!e)
		e = revocation_epoch(&now, r);
	if (!e && now == INT_MAX)
		e = E_RANGE;
	if (!e)
		e = journal_set_number(r->journal, at_epoch, now + 1);
	if (!e)
		e = revocation_grown(number, r->journal);
	if (!e)
		e = journal_commit(r->journal);
	if (e)
		journal_rollback(r->journal);
	else
		*epoch = now + 1;
	return e;
}
