#include "bdk/enrol.h"
#include "bdk/revocation.h"
#include "base/hex.h"
#include "base/serial.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

#include <stdio.h>
#include <string.h>

/* In this state, and in time? */
static enum err expect(const struct enrol *e, int state)
{
	return (int)e->state == state && room_monotonic() < e->until ? E_OK : E_SEQUENCE;
}

static bool certified(const struct device *d)
{
	return d->state == DEVICE_CERTIFIED || d->state == DEVICE_ENROLLED;
}

/* May this serial take part? d: its row. */
static enum err look_up(struct device *d, struct journal *j, const char *serial)
{
	enum err e = journal_device(d, j, serial, NULL);

	if (!e && d->state == DEVICE_QUARANTINED)
		e = E_QUARANTINED;
	if (!e && d->state == DEVICE_REVOKED)
		e = E_REVOKED;
	return e;
}

enum err enrol_begin(struct enrol *e, uint8_t identify[static MSG_MAX], size_t *len, struct room *r, const char *serial,
		     char why[static ENROL_WHY])
{
	struct msg_identify m = { .version = MSG_VERSION, .suite = MSG_SUITE, .utc = room_utc() };
	struct enrol o = { .state = ENROL_IDENTIFIED, .until = room_monotonic() + ENROL_SECONDS };
	struct device d;
	struct worker *w;
	size_t n = 0;
	enum err err;

	enrol_end(e);
	*why = 0;
	if (!serial_ok(serial, strlen(serial)))
		return E_FORMAT;
	if (!r->device_ca.len || !r->kif_ca.len)
		return E_NOT_READY;
	snprintf(o.serial, sizeof o.serial, "%s", serial);
	err = look_up(&d, r->journal, serial);
	if (err == E_UNKNOWN_DEVICE)
		snprintf(why, ENROL_WHY, "%s is not on the list of expected terminals", serial);
	if (!err)
		err = room_worker(&w, r);
	if (!err)
		err = worker_random(w, m.nonce, sizeof m.nonce);
	if (!err)
		err = worker_random(w, m.random, sizeof m.random);
	if (err)
		return err;
	memcpy(m.environment, r->device_environment, sizeof m.environment);
	err = msg_put_identify(identify, &n, MSG_MAX, &m);
	if (!err)
		err = transcript_start(&o.t);
	if (!err)
		err = transcript_add(&o.t, MSG_IDENTIFY, (struct span){ identify, n });
	if (!err) {
		*e = o;
		*len = n;
	}
	return err;
}

/* What was revoked stays so; what was certified comes onto the revocation list. */
static enum err quarantine_row(struct journal *j, struct device *d)
{
	bool listed = d->cert_len && d->state != DEVICE_QUARANTINED;
	uint64_t number;
	enum err e;

	if (d->state == DEVICE_REVOKED)
		return E_OK;
	d->state = DEVICE_QUARANTINED;
	e = journal_device_put(j, d);
	return e || !listed ? e : revocation_grown(&number, j);
}

/*
 * Put a serial and an identity key out of use for good. A key that no serial owns yet gets a row of its own, whose name
 * no terminal can have, so that people see it in the list and no other serial gets it certified.
 */
static enum err quarantine(struct journal *j, const char *serial, const uint8_t spki[static 32])
{
	struct device d;
	enum err e = journal_begin(j);

	if (e)
		return e;
	e = journal_device(&d, j, serial, NULL);
	if (!e)
		e = quarantine_row(j, &d);
	if (!e)
		e = journal_device(&d, j, NULL, spki);
	if (e == E_UNKNOWN_DEVICE) {
		memset(&d, 0, sizeof d);
		memcpy(d.serial, "key:", 4);
		hex_encode(d.serial + 4, spki, ENROL_DIGEST);
		memcpy(d.spki, spki, sizeof d.spki);
		e = E_OK;
	}
	if (!e)
		e = quarantine_row(j, &d);
	if (e) {
		journal_rollback(j);
		return e;
	}
	return journal_commit(j);
}

/* May the key of this digest be certified to this serial? If one of the two belongs to another, both are
 * quarantined. */
static enum err check_pair(struct journal *j, const char *serial, const uint8_t spki[static 32],
			   char why[static ENROL_WHY])
{
	struct device d, owner;
	enum err e = look_up(&d, j, serial), owned;

	if (e)
		return e;
	owned = journal_device(&owner, j, NULL, spki);
	if (owned == E_UNKNOWN_DEVICE && !certified(&d))
		return E_OK;
	if (owned && owned != E_UNKNOWN_DEVICE)
		return owned;
	if (!owned && !strcmp(owner.serial, serial))
		return E_OK;
	if (!owned && owner.state == DEVICE_QUARANTINED && !certified(&d))
		return E_QUARANTINED;
	if (certified(&d))
		snprintf(why, ENROL_WHY, "%s was certified with another identity key before; both are quarantined",
			 serial);
	else
		snprintf(why, ENROL_WHY, "the identity key belongs to %s; both are quarantined", owner.serial);
	e = quarantine(j, serial, spki);
	return e ? e : E_DUPLICATE;
}

enum err enrol_csr(struct enrol *e, struct room *r, struct span csr, char firmware[static CERT_TEXT],
		   char why[static ENROL_WHY])
{
	struct msg_csr m;
	const uint8_t *sig;
	uint8_t digest[32], spki[32];
	struct span body;
	enum err err = expect(e, ENROL_IDENTIFIED);

	*why = 0;
	*firmware = 0;
	if (!err)
		err = msg_open(&body, &sig, MSG_CSR, csr);
	if (!err)
		err = msg_get_csr(&m, body);
	if (!err && (m.serial.len != strlen(e->serial) || memcmp(m.serial.p, e->serial, m.serial.len) != 0)) {
		snprintf(why, ENROL_WHY, "expected %s, this is %.*s", e->serial, (int)m.serial.len,
			 (const char *)m.serial.p);
		err = E_SERIAL;
	}
	if (!err)
		err = p256_check(m.point);
	if (!err)
		err = transcript_digest(digest, &e->t, MSG_CSR, body);
	if (!err)
		err = p256_verify(sig, m.point, digest);
	if (!err)
		err = p256_spki_digest(spki, m.point);
	if (!err)
		err = transcript_add(&e->t, MSG_CSR, csr);
	if (!err)
		err = journal_seen(r->journal, "csr", SPAN(m.nonce));
	if (err) {
		enrol_end(e);
		return err;
	}
	memcpy(e->point, m.point, sizeof e->point);
	memcpy(e->spki, spki, sizeof e->spki);
	memcpy(firmware, m.firmware.p, m.firmware.len);
	firmware[m.firmware.len] = 0;
	e->state = ENROL_PENDING;
	return E_OK;
}

/* The certificate of the pair: the one it has, or a new one, durable before it is returned. */
static enum err certify(struct device *d, const struct enrol *e, struct room *r)
{
	struct room_key key = { r, "device-ca" };
	const struct pki_signer signer = { room_sign, &key };
	const struct pki_subject who = { e->serial, e->serial, NULL };
	uint8_t number[16];
	struct worker *w;
	struct cert ca;
	enum err err = look_up(d, r->journal, e->serial);

	if (err || (certified(d) && !memcmp(d->spki, e->spki, sizeof d->spki)))
		return err;
	if (d->state != DEVICE_EXPECTED)
		return E_DUPLICATE;
	err = parser_anchor(&r->parser, &ca, der_span(&r->device_ca));
	if (!err)
		err = room_worker(&w, r);
	if (!err)
		err = worker_random(w, number, sizeof number);
	if (!err)
		err = pki_issue(d->cert, &d->cert_len, sizeof d->cert, e->point, &who, &ca, number, room_utc(),
				r->config.device_days, false, &signer);
	if (err)
		return err;
	memcpy(d->spki, e->spki, sizeof d->spki);
	d->state = DEVICE_CERTIFIED;
	return journal_device_put(r->journal, d);
}

static enum err make_cert(uint8_t out[static MSG_MAX], size_t *len, struct enrol *e, struct room *r)
{
	struct room_key key = { r, "device-ca" };
	uint8_t digest[32], sig[P256_SIG];
	char config[CERT_TEXT + 32];
	struct msg_cert m = { .anchor = der_span(&r->kif_ca) };
	struct device d;
	struct cert root;
	size_t n = 0;
	enum err err = certify(&d, e, r);

	if (!err)
		err = parser_anchor(&r->parser, &root, der_span(&r->device_ca));
	if (err)
		return err;
	/* UPDATE has no allocator of KSNs: only where no real key is. The terminal expects this line after another. */
	snprintf(config, sizeof config, "environment = %s\n%s", r->config.name,
		 r->config.test ? "update = yes\nstrong = yes\n" : "");
	m.config = (struct span){ (const uint8_t *)config, strlen(config) };
	m.cert = (struct span){ d.cert, d.cert_len };
	memcpy(m.root, root.point, sizeof m.root);
	err = msg_put_cert(out, &n, MSG_MAX, &m);
	if (!err)
		err = transcript_digest(digest, &e->t, MSG_CERT, (struct span){ out, n });
	if (!err)
		err = room_sign(&key, sig, digest);
	if (!err)
		err = msg_seal(out, &n, MSG_MAX, sig);
	if (!err)
		err = transcript_add(&e->t, MSG_CERT, (struct span){ out, n });
	if (!err)
		err = sha256(e->cert_digest, &m.cert, 1);
	if (!err)
		*len = n;
	return err;
}

enum err enrol_digest(struct enrol *e, uint8_t cert[static MSG_MAX], size_t *len, struct room *r,
		      const uint8_t digest[static ENROL_DIGEST], char why[static ENROL_WHY])
{
	enum err err = expect(e, ENROL_PENDING);

	*why = 0;
	if (!err && !ct_equal(digest, e->spki, ENROL_DIGEST))
		err = E_DIGEST;
	/* Not before: until a person has seen it on a display, the key may be that of whoever holds the line, and he
	 * shall not be able to put a terminal out of use. */
	if (!err)
		err = check_pair(r->journal, e->serial, e->spki, why);
	if (!err)
		err = make_cert(cert, len, e, r);
	if (err)
		enrol_end(e);
	else
		e->state = ENROL_CERTIFIED;
	return err;
}

enum err enrol_done(struct enrol *e, struct device *facts, struct room *r, struct span done, char why[static ENROL_WHY])
{
	struct msg_done m;
	const uint8_t *sig;
	uint8_t digest[32];
	struct device d;
	struct span body;
	enum err err = expect(e, ENROL_CERTIFIED);

	*why = 0;
	if (!err)
		err = msg_open(&body, &sig, MSG_DONE, done);
	if (!err)
		err = msg_get_done(&m, body);
	if (!err)
		err = transcript_digest(digest, &e->t, MSG_DONE, body);
	if (!err)
		err = p256_verify(sig, e->point, digest);
	if (!err && !ct_equal(m.cert_digest, e->cert_digest, sizeof m.cert_digest))
		err = E_DIGEST;
	if (!err)
		err = look_up(&d, r->journal, e->serial);
	if (!err && d.state == DEVICE_CERTIFIED) {
		d.state = DEVICE_ENROLLED;
		err = journal_device_put(r->journal, &d);
	}
	if (!err)
		*facts = d;
	enrol_end(e);
	return err;
}

void enrol_end(struct enrol *e)
{
	wipe(e, sizeof *e);
	e->state = ENROL_IDLE;
}
