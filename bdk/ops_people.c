#include "bdk/key_state.h"
#include "bdk/ops.h"
#include "base/hex.h"
#include "bdk/exchange.h"
#include "bdk/kbpk.h"
#include "bdk/list.h"
#include "bdk/revocation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- What a room is and has done ---------------------------------------------------------------------------------- */

enum err op_info(struct ask *a)
{
	const struct room_config *c = &a->room->config;
	uint32_t epoch;
	enum err e = c->purpose == ROOM_CA ? revocation_epoch(&epoch, a->room) : list_epoch(&epoch, a->room);

	if (e)
		return e;
	record_put_text(a->answer, F_PURPOSE, room_purpose_name(c->purpose));
	record_put_text(a->answer, F_NAME, c->name);
	record_put_number(a->answer, F_TEST_ROOM, c->test);
	if (a->room->kif_ca.len)
		record_put(a->answer, F_ENVIRONMENT, SPAN(a->room->environment));
	if (a->room->device_ca.len)
		record_put(a->answer, F_ROOT, SPAN(a->room->device_environment));
	record_put_number(a->answer, F_SOFTWARE_TOKEN, room_software(a->room));
	record_put_number(a->answer, F_SEALED, a->room->sealed);
	record_put_number(a->answer, F_EPOCH, epoch);
	if (a->room->list.until) {
		record_put_number(a->answer, F_LIST, a->room->list.number);
		record_put_number(a->answer, F_UNTIL, a->room->list.until);
	}
	if (a->room->mark.locked[0])
		record_put_text(a->answer, F_LOCKED, a->room->mark.locked);
	return E_OK;
}

/* What was issued of a key set, what is left, and how long that lasts. */
static enum err put_forecast(struct ask *a, const struct key_set_id *set)
{
	struct lease_forecast f;
	struct key_set_id next;
	char id[KEY_SET_TEXT];
	uint64_t skipped;
	enum err e = lease_forecast(&f, a->room->journal, set);

	if (e)
		return e;
	record_put_number(a->answer, F_USED, f.loads.loads);
	e = journal_skipped(&skipped, a->room->journal, set);
	if (e)
		return e;
	record_put_number(a->answer, F_SKIPPED, skipped);
	ops_left(a->answer, &f);
	record_put_number(a->answer, F_WEEK, f.loads.week);
	record_put_number(a->answer, F_MONTH, f.loads.month);
	e = journal_follower(&next, a->room->journal, set);
	if (!e) {
		key_set_text(id, &next);
		record_put_text(a->answer, F_FOLLOWER, id);
	}
	return e == E_SHORT ? E_OK : e;
}

/* In or out of this room in a key block: under which KBPK, and with which exportability. */
static enum err put_block_use(struct ask *a, const char *id)
{
	char label[KEY_LABEL];
	struct block_use use;
	enum err e;

	snprintf(label, sizeof label, "bdk-%.10s", id);
	e = journal_block_of(&use, a->room->journal, label);
	if (e)
		return e == E_SHORT ? E_OK : e;
	record_put_text(a->answer, F_UNDER, use.kbpk);
	record_put_text(a->answer, F_EXPORTABILITY, (char[]){ use.exportability, 0 });
	return E_OK;
}

enum err op_list(struct ask *a)
{
	struct key_set s;
	char id[KEY_SET_TEXT];
	uint64_t at;
	bool full = false;
	enum err e = ops_since(&at, a);

	while (!e && !(full = ops_full(a->answer))) {
		size_t row;

		e = journal_key_set_next(&s, a->room->journal, &at);
		if (e)
			break;
		row = record_open(a->answer, F_ROW);
		key_set_text(id, &s.id);
		record_put_text(a->answer, F_KEY_SET, id);
		record_put_text(a->answer, F_SCHEME, dukpt_scheme_name(s.id.scheme));
		record_put_text(a->answer, F_STATE, key_set_state_name(key_state_at(&s, room_utc())));
		record_put_number(a->answer, F_CHANGED, s.changed);
		if (s.period.from)
			record_put_number(a->answer, F_FROM, s.period.from);
		if (s.period.until)
			record_put_number(a->answer, F_UNTIL, s.period.until);
		record_put(a->answer, F_KCV, (struct span){ s.kcv.b, s.kcv.len });
		record_put_number(a->answer, F_TIME, s.utc);
		e = put_block_use(a, id);
		if (!e && a->room->config.purpose == ROOM_LOAD)
			e = put_forecast(a, &s.id);
		record_close(a->answer, row);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, at);
	return E_OK;
}

enum err op_devices(struct ask *a)
{
	struct device d;
	uint64_t at;
	bool full = false;
	enum err e;

	if (a->room->config.purpose == ROOM_LOAD)
		return op_history(a);
	e = ops_since(&at, a);
	while (!e && !(full = ops_full(a->answer))) {
		size_t row;

		e = journal_device_next(&d, a->room->journal, &at);
		if (e)
			break;
		row = record_open(a->answer, F_ROW);
		record_put_text(a->answer, F_SERIAL, d.serial);
		if (d.cert_len)
			record_put(a->answer, F_SPKI, SPAN(d.spki));
		record_put_text(a->answer, F_STATE, device_state_name(d.state));
		record_put_number(a->answer, F_TIME, d.utc);
		record_close(a->answer, row);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, at);
	return E_OK;
}

enum err op_audit(struct ask *a)
{
	struct audit x;
	uint64_t at;
	bool full = false;
	enum err e = ops_since(&at, a);

	while (!e && !(full = ops_full(a->answer))) {
		size_t row;

		e = journal_audit_next(&x, a->room->journal, at);
		if (e)
			break;
		at = x.sequence;
		row = record_open(a->answer, F_ROW);
		record_put_number(a->answer, F_SEQUENCE, x.sequence);
		record_put_number(a->answer, F_TIME, x.utc);
		record_put_text(a->answer, F_WHO, x.who);
		record_put_text(a->answer, F_WHAT, x.what);
		record_put_text(a->answer, F_OBJECT, x.object);
		record_put_text(a->answer, F_REASON, x.reason);
		record_put(a->answer, F_HASH, SPAN(x.hash));
		record_close(a->answer, row);
	}
	if (e && e != E_SHORT)
		return e;
	ops_more(a->answer, full, at);
	return E_OK;
}

enum err op_digest(struct ask *a)
{
	uint8_t digest[32];
	enum err e = journal_digest(digest, a->room->journal);

	if (!e)
		record_put(a->answer, F_HASH, SPAN(digest));
	return e;
}

enum err op_probe(struct ask *a)
{
	uint8_t b[PROBE_BYTES];
	struct wr w;

	wr_init(&w, b, sizeof b);
	probe_put(&w, &a->room->worker[0].probe);
	if (wr_end(&w))
		return E_INTERNAL;
	record_put(a->answer, F_PROBE, (struct span){ b, w.len });
	return E_OK;
}

/* --- Identities and anchors --------------------------------------------------------------------------------------- */

enum err op_request(struct ask *a)
{
	struct room_key key = { a->room, room_own_label(a->room) };
	struct pki_signer signer = { room_sign, &key };
	uint8_t der[PKI_MAX], point[P256_POINT], spki[32];
	char hex[2 * sizeof spki + 1];
	struct worker *w;
	size_t len = 0;
	enum err e = room_worker(&w, a->room);

	if (!e)
		e = worker_point(w, point, key.label);
	if (!e)
		e = p256_spki_digest(spki, point);
	if (!e)
		e = pki_request(der, &len, sizeof der, point, a->room->config.name, &signer);
	if (e)
		return e;
	hex_encode(hex, spki, sizeof spki);
	snprintf(a->object, sizeof a->object, "%s, key %s", a->room->config.name, hex);
	record_put(a->answer, F_CSR, (struct span){ der, len });
	return E_OK;
}

/* What was certified can be disowned. */
static enum err keep(struct journal *j, const uint8_t number[static 20], const char *name, const char *unit,
		     const uint8_t spki[static 32])
{
	struct certified c = { 0 };

	memcpy(c.number, number, sizeof c.number);
	snprintf(c.name, sizeof c.name, "%s", name);
	snprintf(c.unit, sizeof c.unit, "%s", unit);
	memcpy(c.spki, spki, sizeof c.spki);
	return journal_certified_put(j, &c);
}

enum err op_certify(struct ask *a)
{
	const struct room_config *c = &a->room->config;
	char role[16], name[CERT_TEXT], unit[24], text[OPS_NUMBER];
	uint8_t der[PKI_MAX], point[P256_POINT], number[16], given[20] = { 0 }, spki[32];
	struct room_key key = { a->room, NULL };
	struct pki_signer signer = { room_sign, &key };
	struct pki_subject who = { name, NULL, NULL };
	struct cert ca;
	struct worker *w;
	size_t len = 0;
	uint32_t epoch = 0;
	bool load;
	enum err e = field_text(role, sizeof role, a->fields, F_ROLE);

	load = !strcmp(role, "load");
	if (e || (!load && strcmp(role, "acquirer"))) {
		snprintf(a->why, sizeof a->why, "a role is load or acquirer");
		return E_FORMAT;
	}
	e = parser_request(&a->room->parser, point, name, field_get(a->fields, F_CSR));
	if (e)
		return e;
	/* It goes to the audit and to screens, where two names must not look alike. */
	if (!room_config_name(name)) {
		snprintf(a->why, sizeof a->why, "the request's name is none that a room can have");
		return E_FORMAT;
	}
	/* Roles are separated by CA. The epoch stands where terminals look for it. */
	e = revocation_epoch(&epoch, a->room);
	if (e)
		return e;
	snprintf(unit, sizeof unit, "epoch %u", (unsigned)epoch);
	snprintf(a->object, sizeof a->object, "%s as %s%s%s", name, role, load ? ", " : "", load ? unit : "");
	who.unit = load ? unit : NULL;
	key.label = load ? "kif-ca" : "exchange-ca";
	e = room_worker(&w, a->room);
	if (!e)
		e = worker_random(w, number, sizeof number);
	if (!e)
		e = parser_anchor(&a->room->parser, &ca, der_span(load ? &a->room->kif_ca : &a->room->exchange_ca));
	if (!e)
		e = pki_issue(der, &len, sizeof der, point, &who, &ca, number, room_utc(),
			      c->room_days, !load, &signer);
	if (!e)
		e = p256_spki_digest(spki, point);
	if (!e) {
		memcpy(given + sizeof given - sizeof number, number, sizeof number);
		ops_number(text, given);
		snprintf(a->object, sizeof a->object, "%s as %.8s%s%s, %.32s", name, role, load ? ", " : "", load ? unit : "",
			 text);
		e = keep(a->room->journal, given, name, load ? unit : "", spki);
	}
	if (!e) {
		record_put(a->answer, F_CERT, (struct span){ der, len });
		record_put(a->answer, F_SPKI, SPAN(spki));
		record_put_text(a->answer, F_NAME, name);
	}
	return e;
}

enum err op_anchors(struct ask *a)
{
	const struct room *r = a->room;

	record_put(a->answer, F_DEVICE_CA, der_span(&r->device_ca));
	record_put(a->answer, F_KIF_CA, der_span(&r->kif_ca));
	record_put(a->answer, F_EXCHANGE_CA, der_span(&r->exchange_ca));
	return E_OK;
}

enum err op_install(struct ask *a)
{
	const struct room_certs in = { field_get(a->fields, F_CERT), field_get(a->fields, F_DEVICE_CA),
				       field_get(a->fields, F_KIF_CA), field_get(a->fields, F_EXCHANGE_CA) };
	char number[OPS_NUMBER], epoch[CERT_TEXT + 2];
	uint8_t n[20];
	struct cert own;
	enum err e = room_check_certs(&own, n, a->room, &in, a->why);

	if (e)
		return e;
	ops_number(number, n);
	snprintf(epoch, sizeof epoch, "%s%s", own.unit[0] ? ", " : "", own.unit);
	snprintf(a->object, sizeof a->object, "%s%.18s, %s", own.name, epoch, number);
	/* Certificates are files: they are in force as soon as they are there, and so are written down before. */
	e = journal_audit(a->room->journal, "bdkd", "installing", a->object, "");
	if (!e)
		e = room_install(a->room, &in);
	if (!e)
		record_put(a->answer, F_ENVIRONMENT, SPAN(a->room->environment));
	return e;
}

enum err op_install_crl(struct ask *a)
{
	struct room *r = a->room;
	struct bulk der = ops_take(a);
	enum err e = list_install(r, (struct span){ der.b, der.len }, a->why);

	free(der.b);
	if (e)
		return e;
	snprintf(a->object, sizeof a->object, "list %llu, epoch %u", (unsigned long long)r->list.number,
		 (unsigned)r->list.epoch);
	record_put_number(a->answer, F_SEQUENCE, r->list.number);
	record_put_number(a->answer, F_USED, r->list.n);
	record_put_number(a->answer, F_EPOCH, r->list.epoch);
	return E_OK;
}

/* --- Key sets ----------------------------------------------------------------------------------------------------- */

/* What the audit calls a key set: its id, its check value, and from where it came. */
static void name_key_set(struct ask *a, const struct key_set *s, const char *from)
{
	char id[KEY_SET_TEXT], kcv[2 * sizeof s->kcv.b + 1];

	key_set_text(id, &s->id);
	hex_encode(kcv, s->kcv.b, s->kcv.len);
	snprintf(a->object, sizeof a->object, "%s%s%s, check value %s", id, *from ? " from " : "", from, kcv);
}

enum err op_generate(struct ask *a)
{
	uint8_t package[EXCHANGE_MAX];
	struct key_set_id set;
	struct key_set made;
	char id[KEY_SET_TEXT];
	size_t len = 0;
	enum err e = ops_wanted(&set, a);

	if (!e)
		e = ops_period(&made.period, a);
	if (e)
		return e;
	e = exchange_generate(package, &len, &made, a->room, &set, field_get(a->fields, F_CERT), a->why);
	if (e)
		return e;
	a->made = made.id;
	key_set_text(id, &made.id);
	name_key_set(a, &made, "");
	record_put_text(a->answer, F_KEY_SET, id);
	record_put(a->answer, F_KCV, (struct span){ made.kcv.b, made.kcv.len });
	record_put(a->answer, F_PACKAGE, (struct span){ package, len });
	return E_OK;
}

enum err op_package(struct ask *a)
{
	uint8_t package[EXCHANGE_MAX];
	char id[KEY_SET_TEXT];
	struct key_set s;
	size_t len;
	enum err e = field_text(id, sizeof id, a->fields, F_KEY_SET);

	if (e) {
		snprintf(a->why, sizeof a->why, "not a key set's id");
		return e;
	}
	snprintf(a->object, sizeof a->object, "%s", id);
	e = journal_key_set(&s, a->room->journal, id);
	if (!e)
		e = key_state_check(&s, KEY_PACKAGE, a->why);
	if (!e)
		e = kbpk_may_repeat(a->room, id, a->why);
	if (!e) {
		e = journal_package(package, &len, sizeof package, a->room->journal, id);
		if (e == E_KEY_SET)
			snprintf(a->why, sizeof a->why, "key set %s came into this room, and is given on to nobody", id);
	}
	if (!e)
		record_put(a->answer, F_PACKAGE, (struct span){ package, len });
	return e;
}

enum err op_import(struct ask *a)
{
	struct key_set taken;
	char from[CERT_TEXT], id[KEY_SET_TEXT];
	enum err e = ops_period(&taken.period, a);

	if (!e)
		e = exchange_import(&taken, from, a->room, field_get(a->fields, F_PACKAGE), a->why);
	if (e)
		return e;
	a->made = taken.id;
	key_set_text(id, &taken.id);
	name_key_set(a, &taken, from);
	record_put_text(a->answer, F_KEY_SET, id);
	record_put_text(a->answer, F_SCHEME, dukpt_scheme_name(taken.id.scheme));
	record_put(a->answer, F_KCV, (struct span){ taken.kcv.b, taken.kcv.len });
	record_put_text(a->answer, F_NAME, from);
	return E_OK;
}
