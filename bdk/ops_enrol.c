#include "bdk/ops.h"
#include "bdk/revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One serial onto the maker's list; one that stands there already is as it was. */
static enum err expect(struct ask *a, const char *serial)
{
	struct device d;
	enum err e = journal_device(&d, a->room->journal, serial, NULL);

	if (!e && d.state == DEVICE_EXPECTED)
		return E_OK;
	if (!e) {
		snprintf(a->why, sizeof a->why, "%s is %s already", serial, device_state_name(d.state));
		return E_EXISTS;
	}
	if (e != E_UNKNOWN_DEVICE)
		return e;
	memset(&d, 0, sizeof d);
	snprintf(d.serial, sizeof d.serial, "%s", serial);
	d.state = DEVICE_EXPECTED;
	return journal_device_put(a->room->journal, &d);
}

enum err op_expect(struct ask *a)
{
	char serial[CERT_TEXT], first[CERT_TEXT] = "";
	struct span value;
	size_t at = 0, n = 0;
	enum err e = E_OK;

	while (!e && field_next(&value, a->fields, F_SERIAL, &at)) {
		e = ops_serial(serial, a, value);
		if (!e)
			e = expect(a, serial);
		if (!n++)
			snprintf(first, sizeof first, "%s", serial);
	}
	if (!e && !n)
		e = E_FORMAT;
	/* The last one is the one that an error is about. */
	if (n > 1 && !e)
		snprintf(a->object, sizeof a->object, "%s to %s, %zu in all", first, serial, n);
	else if (n)
		snprintf(a->object, sizeof a->object, "%s", serial);
	return e;
}

enum err op_enrol(struct ask *a)
{
	uint8_t identify[MSG_MAX];
	char serial[CERT_TEXT];
	size_t len = 0;
	enum err e = ops_serial(serial, a, field_get(a->fields, F_SERIAL));

	snprintf(a->object, sizeof a->object, "%s", serial);
	if (!e)
		e = enrol_begin(&a->peer->enrol, identify, &len, a->room, serial, a->why);
	if (!e)
		record_put(a->answer, F_MESSAGE, (struct span){ identify, len });
	return e;
}

enum err op_enrol_csr(struct ask *a)
{
	struct enrol *enrol = &a->peer->enrol;
	char firmware[CERT_TEXT], serial[CERT_TEXT];
	enum err e;

	snprintf(serial, sizeof serial, "%s", enrol->serial);
	snprintf(a->object, sizeof a->object, "%s", serial);
	e = enrol_csr(enrol, a->room, field_get(a->fields, F_MESSAGE), firmware, a->why);
	if (!e) {
		record_put_text(a->answer, F_SERIAL, serial);
		record_put_text(a->answer, F_FIRMWARE, firmware);
	}
	return e;
}

enum err op_enrol_digest(struct ask *a)
{
	struct span digest = field_get(a->fields, F_DIGEST);
	uint8_t cert[MSG_MAX];
	size_t len = 0;
	enum err e;

	snprintf(a->object, sizeof a->object, "%s", a->peer->enrol.serial);
	if (digest.len != ENROL_DIGEST)
		return E_FORMAT;
	e = enrol_digest(&a->peer->enrol, cert, &len, a->room, digest.p, a->why);
	if (!e)
		record_put(a->answer, F_MESSAGE, (struct span){ cert, len });
	return e;
}

enum err op_enrol_done(struct ask *a)
{
	struct device d;
	enum err e;

	snprintf(a->object, sizeof a->object, "%s", a->peer->enrol.serial);
	e = enrol_done(&a->peer->enrol, &d, a->room, field_get(a->fields, F_MESSAGE), a->why);
	if (!e) {
		record_put_text(a->answer, F_SERIAL, d.serial);
		record_put(a->answer, F_SPKI, SPAN(d.spki));
		record_put(a->answer, F_CERT, (struct span){ d.cert, d.cert_len });
	}
	return e;
}

enum err op_revoke(struct ask *a)
{
	char serial[CERT_TEXT], reason[CERT_TEXT];
	uint64_t number;
	enum err e = ops_serial(serial, a, field_get(a->fields, F_SERIAL));

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%s", serial);
	if (field_text(reason, sizeof reason, a->fields, F_REASON)) {
		snprintf(a->why, sizeof a->why, "a revocation needs a reason of 1 to %d characters", CERT_TEXT - 1);
		return E_FORMAT;
	}
	snprintf(a->object, sizeof a->object, "%s: %s", serial, reason);
	e = revocation_add(&number, a->room->journal, serial, a->why);
	if (!e) {
		record_put_text(a->answer, F_SERIAL, serial);
		record_put_number(a->answer, F_SEQUENCE, number);
	}
	return e;
}

enum err op_crl(struct ask *a)
{
	struct bulk list = { malloc(PKI_CRL_MAX), 0 };
	uint64_t number;
	size_t n;
	enum err e = list.b ? revocation_list(list.b, &list.len, &number, &n, a->room) : E_INTERNAL;

	if (e) {
		free(list.b);
		if (e == E_SPACE) {
			snprintf(a->why, sizeof a->why, "more certificates are revoked than a list of %d bytes holds",
				 PKI_CRL_MAX);
			e = E_RANGE;
		}
		return e;
	}
	snprintf(a->object, sizeof a->object, "list %llu, %zu certificates", (unsigned long long)number, n);
	record_put_number(a->answer, F_SEQUENCE, number);
	ops_leave(a, list);
	return E_OK;
}

enum err op_disown(struct ask *a)
{
	char name[CERT_TEXT], reason[CERT_TEXT];
	uint64_t number;
	enum err e;

	if (field_text(reason, sizeof reason, a->fields, F_REASON)) {
		snprintf(a->why, sizeof a->why, "a revocation needs a reason of 1 to %d characters", CERT_TEXT - 1);
		return E_FORMAT;
	}
	e = revocation_disown(name, &number, a->room, field_get(a->fields, F_CERT), a->why);
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "%s: %s", name, reason);
	record_put_text(a->answer, F_NAME, name);
	record_put_number(a->answer, F_SEQUENCE, number);
	return E_OK;
}

enum err op_raise(struct ask *a)
{
	uint32_t epoch;
	uint64_t number;
	enum err e = revocation_raise(&epoch, &number, a->room);

	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "epoch %u, list %llu", (unsigned)epoch, (unsigned long long)number);
	record_put_number(a->answer, F_EPOCH, epoch);
	record_put_number(a->answer, F_SEQUENCE, number);
	return E_OK;
}
