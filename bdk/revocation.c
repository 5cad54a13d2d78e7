#include "bdk/revocation.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

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

enum err revocation_list(uint8_t der[static PKI_CRL_MAX], size_t *len, uint64_t *number, size_t *n, struct room *r)
{
	struct room_key key = { r, "device-ca" };
	struct pki_signer signer = { room_sign, &key };
	struct pki_revoked *revoked = NULL;
	struct device d;
	uint64_t at = 0;
	uint32_t epoch = 0;
	size_t count = 0;
	enum err e = journal_number(number, r->journal, list_number);

	while (!e && !(e = journal_device_next(&d, r->journal, &at))) {
		struct pki_revoked *more;

		if (!is_on_it(&d))
			continue;
		more = realloc(revoked, (count + 1) * sizeof *revoked);
		if (!more) {
			e = E_INTERNAL;
			break;
		}
		revoked = more;
		revoked[count].utc = d.utc;
		e = pki_number(revoked[count++].number, (struct span){ d.cert, d.cert_len });
	}
	if (e == E_SHORT)
		e = revocation_epoch(&epoch, r);
	if (!e)
		e = pki_crl(der, len, PKI_CRL_MAX, der_span(&r->device_ca), *number, epoch, revoked, count, room_utc(),
			    r->config.crl_days, &signer);
	if (!e)
		*n = count;
	free(revoked);
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
