#include "bdk/room.h"
#include "base/hex.h"
#include "base/host/database.h"
#include "base/host/file.h"
#include "base/wipe.h"
#include "bdk/destroy.h"
#include "bdk/fingerprint.h"
#include "bdk/kbpk.h"
#include "bdk/key_state.h"
#include "bdk/list.h"
#include "bdk/making.h"
#include "crypto/sha256.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SOFTHSM "/usr/lib/softhsm/libsofthsm2.so"
/* A PKCS#11 module may leak a little with every session object (SoftHSM: about 250 bytes): a worker is replaced in
 * time. */
enum { WORKER_ACTS = 50000 };
enum { TOKEN_OBJECT = 4096, CA_DAYS = 7305, PATH = PATH_MAX + 64 };

/* --- Names -------------------------------------------------------------------------------------------------------- */

static void path_of(char out[static PATH], const struct room *r, const char *name)
{
	snprintf(out, PATH, "%s/%s", r->dir, name);
}

uint64_t room_utc(void)
{
	return (uint64_t)time(NULL);
}

uint64_t room_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec;
}

const char *room_own_label(const struct room *r)
{
	return r->config.purpose == ROOM_LOAD ? "identity" : r->config.purpose == ROOM_ACQUIRER ? "exchange" : NULL;
}

/* The pairs of each purpose; the first three of a ca room are its CAs. */
static const char *const pairs[][5] = {
	[ROOM_CA] = { "device-ca", "kif-ca", "exchange-ca", "records", NULL },
	[ROOM_LOAD] = { "identity", "records", NULL },
	[ROOM_ACQUIRER] = { "exchange", "records", NULL },
};
enum { CAS = 3 };

static struct der *ca_of(struct room *r, int i)
{
	return i == 0 ? &r->device_ca : i == 1 ? &r->kif_ca : &r->exchange_ca;
}

struct span der_span(const struct der *d)
{
	return (struct span){ d->b, d->len };
}

/* --- The workers -------------------------------------------------------------------------------------------------- */

/* SoftHSM's own configuration names its folder by an absolute path: written at every start, so that a room can be
 * moved. */
static enum err write_softhsm_conf(const struct room *r)
{
	char path[PATH], text[PATH + 128];

	path_of(path, r, "token/softhsm2.conf");
	snprintf(text, sizeof text,
		 "directories.tokendir = %s/token\nobjectstore.backend = file\nlog.level = ERROR\n"
		 "slots.removable = false\n",
		 r->dir);
	return file_write(path, (struct span){ (const uint8_t *)text, strlen(text) }, 0600);
}

static enum err read_pin(struct room *r)
{
	char path[PATH];

	path_of(path, r, "pin");
	return login_read(&r->pin, path);
}

/* A page with a PIN: the hexadecimal text of its secret. */
static enum err write_pin(struct login *p, const uint8_t secret[static SHARE_SECRET])
{
	enum err e = login_page(p);

	if (!e)
		hex_encode((char *)p->page, secret, SHARE_SECRET);
	p->len = e ? 0 : 2 * SHARE_SECRET;
	return e;
}

/* The one token in the room's folder has its token.object there. */
static bool find_token(char object[static PATH], const struct room *r)
{
	char folder[PATH], path[PATH];
	unsigned n = 0;
	struct dirent *x;
	DIR *d;

	path_of(folder, r, "token");
	d = opendir(folder);
	while (d && (x = readdir(d)))
		if (x->d_name[0] != '.' && snprintf(path, PATH, "%s/%s/token.object", folder, x->d_name) < PATH &&
		    !access(path, F_OK)) {
			memcpy(object, path, PATH);
			n++;
		}
	if (d)
		closedir(d);
	return n == 1;
}

/*
 * SoftHSM empties token.object and writes it anew at every login, and without it the token and all its keys are lost. A
 * worker that is killed just then, or finds the disk full, must not be the end of the room: what the file held before
 * the first login is kept beside the token, and put back whenever it differs.
 */
static enum err mend_token(const struct room *r)
{
	char object[PATH], kept[PATH];
	uint8_t is[TOKEN_OBJECT], was[TOKEN_OBJECT];
	size_t is_len = 0, was_len = 0;
	enum err e = E_OK;

	path_of(kept, r, "token/token.object");
	if (!find_token(object, r) || file_read(is, &is_len, sizeof is, object))
		return E_TOKEN;
	if (file_read(was, &was_len, sizeof was, kept))
		e = errno == ENOENT && is_len ? file_write(kept, (struct span){ is, is_len }, 0600) : E_TOKEN;
	else if (is_len != was_len || memcmp(is, was, is_len) != 0)
		e = file_write(object, (struct span){ was, was_len }, 0600);
	wipe(is, sizeof is);
	wipe(was, sizeof was);
	return e;
}

/* What a token_place points to. */
struct place_text {
	char conf[PATH], folder[PATH], arguments[PATH];
};

/* How to reach the token. A room may be moved: {room} in the arguments is where it is. E_OK, E_RANGE (too long) */
static enum err place(struct token_place *at, struct place_text *text, const struct room *r)
{
	const char *arguments = r->config.token_arguments, *here = strstr(arguments, "{room}");
	int n = here ? snprintf(text->arguments, PATH, "%.*s%s%s", (int)(here - arguments), arguments, r->dir,
				here + strlen("{room}"))
		     : snprintf(text->arguments, PATH, "%s", arguments);

	path_of(text->conf, r, "token/softhsm2.conf");
	path_of(text->folder, r, "token");
	*at = (struct token_place){ .uri = r->config.token, .strict = !r->config.test };
	if (room_config_softhsm(&r->config))
		at->softhsm_conf = text->conf;
	if (*arguments)
		at->arguments = text->arguments;
	if (r->config.module_folder[0])
		at->folder = r->config.module_folder;
	else if (here)
		at->folder = text->folder;
	return n < PATH ? E_OK : E_RANGE;
}

enum err room_judge(char why[static ROOM_WHY], const struct room_config *c, const struct probe *p)
{
	char blame[100];

	if (c->test)
		return E_OK;
	if (probe_verdict(p) != PROBE_PRODUCTION) {
		probe_blame(blame, sizeof blame, p);
		snprintf(why, ROOM_WHY, "a production room, and its token allows what must fail: %s", blame);
		return E_DENIED;
	}
	if (probe_software(p) && !c->accept_software_token) {
		snprintf(why, ROOM_WHY, "a production room, and its token says that it is software (%.60s), which room.conf does not accept",
			 p->about);
		return E_DENIED;
	}
	return E_OK;
}

bool room_software(const struct room *r)
{
	return room_config_software(&r->config) || probe_software(&r->worker[0].probe);
}

/* E_OK, E_TOKEN, E_PASSPHRASE (the token does not take the PIN, which is wiped: it is not tried again), E_DENIED (a
 * production room, and the probe of its token found what has to fail) */
static enum err start_worker(struct room *r, unsigned which)
{
	struct worker *w = &r->worker[which];
	char why[ROOM_WHY];
	struct place_text text;
	struct token_place at;
	enum err e = r->pin.len ? place(&at, &text, r) : E_TOKEN;

	if (!e && at.softhsm_conf)
		e = mend_token(r);
	if (!e)
		e = worker_start(w, &at, r->config.purpose, login_span(&r->pin));
	if (!e)
		e = room_judge(why, &r->config, &w->probe);
	if (e)
		worker_stop(w);
	if (e == E_PASSPHRASE)
		login_wipe(&r->pin);
	return e;
}

/* Looked at, not reaped: that is worker_stop()'s. */
static bool dead(const struct worker *w)
{
	siginfo_t ended = { 0 };

	return w->fd < 0 || waitid(P_PID, (id_t)w->pid, &ended, WEXITED | WNOHANG | WNOWAIT) || ended.si_pid;
}

/* One that may be asked now: alive and not worn. */
static enum err fit(struct room *r, unsigned which)
{
	struct worker *w = &r->worker[which];
	enum err e;

	if (!dead(w) && w->asked < WORKER_ACTS)
		return E_OK;
	worker_stop(w);
	e = start_worker(r, which);
	if (e == E_PASSPHRASE) {
		r->sealed = r->refused = !r->config.test;
		e = E_TOKEN;
	}
	return e;
}

enum err room_worker(struct worker **w, struct room *r)
{
	struct worker *soonest = &r->worker[0];
	enum err e = E_TOKEN;

	*w = soonest;
	for (unsigned i = 0; i < r->config.workers; i++) {
		if (r->worker[i].state != WORKER_KEY_ORDERED) {
			e = fit(r, i);
			*w = &r->worker[i];
			if (!e)
				return E_OK;
		} else if (soonest->state != WORKER_KEY_ORDERED || r->worker[i].until < soonest->until) {
			soonest = &r->worker[i];
		}
	}
	if (soonest->state == WORKER_KEY_ORDERED) {
		worker_wait_key(soonest);
		*w = soonest;
		e = fit(r, (unsigned)(soonest - r->worker));
	}
	return e;
}

enum err room_worker_at(struct worker **w, struct room *r, unsigned which)
{
	*w = &r->worker[which];
	worker_wait_key(*w);
	return fit(r, which);
}

enum err room_order(unsigned *which, struct room *r, const struct key_order *order)
{
	bool full = false;
	enum err e = E_TOKEN;

	for (unsigned i = 0; i < r->config.workers; i++) {
		if (r->worker[i].state != WORKER_KEY_NONE) {
			full = true;
			continue;
		}
		e = fit(r, i);
		if (!e)
			e = worker_order_key(&r->worker[i], order);
		*which = i;
		if (!e)
			return E_OK;
	}
	return full ? E_SPACE : e;
}

void room_tend(struct room *r, unsigned which)
{
	if (!r->sealed && r->worker[which].fd < 0 && fit(r, which))
		worker_stop(&r->worker[which]);
}

enum err room_sign(void *room_key, uint8_t sig[static P256_SIG], const uint8_t digest[static 32])
{
	const struct room_key *k = room_key;
	struct worker *w;
	enum err e = room_worker(&w, k->room);

	return e ? e : worker_sign(w, sig, k->label, digest);
}

enum err room_digest(uint8_t digest[static 32], const char *label, struct span covered)
{
	const struct span name = { (const uint8_t *)label, strlen(label) + 1 };
	uint8_t length[4];

	put_be32(length, (uint32_t)covered.len);
	return sha256(digest, (struct span[]){ name, SPAN(length), covered }, 3);
}

/* --- Certificates ------------------------------------------------------------------------------------------------- */

enum err room_sync(const struct room *r)
{
	int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), bad;

	if (fd < 0)
		return E_IO;
	bad = syncfs(fd);
	close(fd);
	return bad ? E_IO : E_OK;
}

enum err room_store(struct room *r, const char *name, struct span der)
{
	char path[PATH];

	snprintf(path, sizeof path, "%s/certs/%s.der", r->dir, name);
	return file_write(path, der, 0600);
}

/* A file that is not there has no bytes. */
static enum err read_der(uint8_t *out, size_t *len, size_t size, const struct room *r, const char *name,
			 char why[static ROOM_WHY])
{
	char path[PATH];

	*len = 0;
	snprintf(path, sizeof path, "%s/certs/%s.der", r->dir, name);
	if (!file_read(out, len, size, path) || errno == ENOENT)
		return E_OK;
	snprintf(why, ROOM_WHY, "certs/%s.der cannot be read", name);
	return E_ROOM;
}

static enum err anchor_digest(uint8_t digest[static 32], struct room *r, const struct der *ca)
{
	struct cert c;
	enum err e = parser_anchor(&r->parser, &c, der_span(ca));

	return e ? e : p256_spki_digest(digest, c.point);
}

/* The environment is what the anchors say it is. */
static enum err set_environment(struct room *r)
{
	enum err e = E_OK;

	if (r->kif_ca.len)
		e = anchor_digest(r->environment, r, &r->kif_ca);
	if (!e && r->device_ca.len)
		e = anchor_digest(r->device_environment, r, &r->device_ca);
	return e;
}

/* Is point that of the token's pair? */
static enum err same_pair(struct room *r, const char *label, const uint8_t point[static P256_POINT])
{
	uint8_t mine[P256_POINT];
	struct worker *w;
	enum err e = room_worker(&w, r);

	if (!e)
		e = worker_point(w, mine, label);
	if (!e && memcmp(mine, point, sizeof mine))
		e = E_KEY;
	return e;
}

static enum err read_certs(struct room *r, char why[static ROOM_WHY])
{
	enum err e;

	e = read_der(r->own.b, &r->own.len, sizeof r->own.b, r, "own", why);
	for (int i = 0; !e && i < CAS; i++)
		e = read_der(ca_of(r, i)->b, &ca_of(r, i)->len, sizeof r->own.b, r, pairs[ROOM_CA][i], why);
	if (!e && list_open(r)) {
		snprintf(why, ROOM_WHY, "certs/crl.der cannot be read");
		e = E_ROOM;
	}
	if (!e && set_environment(r)) {
		snprintf(why, ROOM_WHY, "a CA certificate in certs/ is damaged");
		e = E_ROOM;
	}
	return e;
}

/* A ca room whose certificates are not of its token would certify for nobody. */
static enum err check_cas(struct room *r, char why[static ROOM_WHY])
{
	struct cert c;
	enum err e = E_OK;

	for (int i = 0; !e && i < CAS && r->config.purpose == ROOM_CA; i++) {
		e = parser_anchor(&r->parser, &c, der_span(ca_of(r, i)));
		if (!e)
			e = same_pair(r, pairs[ROOM_CA][i], c.point);
		if (e && e != E_TOKEN) {
			snprintf(why, ROOM_WHY, "certs/%s.der is missing, or not of the key in the token",
				 pairs[ROOM_CA][i]);
			e = E_ROOM;
		}
	}
	return e;
}

/* The anchors of in against what is installed, and against each other: one CA for one role. */
static enum err check_anchors(struct room *r, const struct span in[static CAS], char why[static ROOM_WHY])
{
	struct cert c[CAS];
	enum err e = E_OK;

	for (int i = 0; !e && i < CAS; i++) {
		const struct der *old = ca_of(r, i);

		e = in[i].len > sizeof old->b ? E_FORMAT : parser_anchor(&r->parser, &c[i], in[i]);
		if (e)
			snprintf(why, ROOM_WHY, "the %s certificate is not that of a CA", pairs[ROOM_CA][i]);
		else if (old->len && (old->len != in[i].len || memcmp(old->b, in[i].p, in[i].len)))
			e = E_ENVIRONMENT;
		if (e == E_ENVIRONMENT)
			snprintf(why, ROOM_WHY, "another %s is installed; a room's environment is fixed",
				 pairs[ROOM_CA][i]);
		for (int j = 0; !e && j < i; j++)
			if (!memcmp(c[i].point, c[j].point, P256_POINT)) {
				snprintf(why, ROOM_WHY, "one CA stands for two roles");
				e = E_CERTIFICATE;
			}
	}
	return e;
}

enum err room_check_certs(struct cert *own, uint8_t number[static 20], struct room *r, const struct room_certs *in,
			  char why[static ROOM_WHY])
{
	const struct span anchors[CAS] = { in->device_ca, in->kif_ca, in->exchange_ca };
	uint32_t epoch;
	enum err e;

	if (!room_own_label(r))
		return E_ROOM_PURPOSE;
	e = check_anchors(r, anchors, why);
	if (e)
		return e;
	e = in->own.len > sizeof r->own.b
		    ? E_FORMAT
		    : parser_cert(&r->parser, own, number, in->own,
				  r->config.purpose == ROOM_LOAD ? in->kif_ca : in->exchange_ca, room_utc());
	if (e)
		return e;
	if (r->config.purpose == ROOM_LOAD && cert_epoch(&epoch, own)) {
		snprintf(why, ROOM_WHY, "the certificate carries no epoch");
		return E_EPOCH;
	}
	e = same_pair(r, room_own_label(r), own->point);
	if (e == E_KEY)
		snprintf(why, ROOM_WHY, "the certificate is not for this room's key");
	return e;
}

enum err room_install(struct room *r, const struct room_certs *in)
{
	const struct span anchors[CAS] = { in->device_ca, in->kif_ca, in->exchange_ca };
	enum err e = E_OK;

	/* The room's own comes last: until then it is not ready, and the same call may be made again. */
	for (int i = 0; !e && i < CAS; i++)
		e = room_store(r, pairs[ROOM_CA][i], anchors[i]);
	if (!e)
		e = room_store(r, "own", in->own);
	if (e)
		return e;
	for (int i = 0; i < CAS; i++) {
		memcpy(ca_of(r, i)->b, anchors[i].p, anchors[i].len);
		ca_of(r, i)->len = anchors[i].len;
	}
	memcpy(r->own.b, in->own.p, in->own.len);
	r->own.len = in->own.len;
	return set_environment(r);
}

/* Neither lock nor processes. */
static void hold_nothing(struct room *r)
{
	r->lock = r->mark.lock = r->mark.file = -1;
	r->parser.fd = r->parser.pid = -1;
	for (unsigned i = 0; i < ROOM_WORKERS; i++)
		r->worker[i].fd = r->worker[i].pid = -1;
}

/* --- Making a room ------------------------------------------------------------------------------------------------ */

enum { CONF = 2048 };

/* The text of room.conf, which is read again at every start. E_OK, E_RANGE (it could not be) */
static enum err config_text(char text[static CONF], const struct room *r, char why[static ROOM_WHY])
{
	const char *arguments = r->config.token_arguments, *folder = r->config.module_folder,
		   *people = r->config.people_user;
	struct room_config again;

	snprintf(text, CONF,
		 "# A Keyroom room; bdkd(8) tells what may stand here.\n"
		 "[room]\nversion = %u\npurpose = %s\nkind = %s\nname = %s\ntoken = %s\n%s%s%s%s%s%s%s%s%s%s%s%s%s%s",
		 (unsigned)ROOM_VERSION, room_purpose_name(r->config.purpose), r->config.test ? "test" : "production",
		 r->config.name, r->config.token, *arguments ? "token-arguments = " : "", arguments,
		 *arguments ? "\n" : "", *folder ? "module-folder = " : "", folder, *folder ? "\n" : "",
		 r->config.accept_software_token ? "accept-software-token = yes\n" : "",
		 *people ? "people-user = " : "", people, *people ? "\n" : "",
		 *r->config.mark ? "mark = " : "", r->config.mark, *r->config.mark ? "\n" : "",
		 r->config.purpose == ROOM_CA ? "epoch = 1\n" : "");
	if (room_config_parse(&again, (struct span){ (const uint8_t *)text, strlen(text) }, why))
		return E_RANGE;
	if (!strcmp(again.token, r->config.token) && !strcmp(again.token_arguments, arguments) &&
	    !strcmp(again.module_folder, folder) && !strcmp(again.mark, r->config.mark))
		return E_OK;
	snprintf(why, ROOM_WHY,
		 "room.conf could not hold what was said of token or mark: blanks at an end, or \" ;\"");
	return E_RANGE;
}

static enum err write_config(const struct room *r, char why[static ROOM_WHY])
{
	char path[PATH], text[CONF];
	enum err e = config_text(text, r, why);

	path_of(path, r, "room.conf");
	return e ? e : file_write(path, (struct span){ (const uint8_t *)text, strlen(text) }, 0600);
}

/* SoftHSM in the room's own folder, where nothing else is asked for. */
static enum err own_token(struct room *r)
{
	uint8_t random[4];
	char label[9];

	if (getrandom(random, sizeof random, 0) != sizeof random)
		return E_RANDOM;
	hex_encode(label, random, sizeof random);
	snprintf(r->config.token, sizeof r->config.token, "pkcs11:token=keyroom-%s?module-path=" SOFTHSM, label);
	return write_softhsm_conf(r);
}

/* A test room's PIN goes into a file, and nobody keeps its SO PIN; a production room's are its custodians'. */
static enum err keep_pins(const struct room *r, const struct room_birth *birth, const struct custody_secrets *s)
{
	char path[PATH];

	path_of(path, r, "pin");
	if (!r->config.test)
		return custody_write(r->dir, r->config.name, 1, &birth->who, birth->key, s);
	r->pin.page[r->pin.len] = '\n';
	return file_write(path, (struct span){ r->pin.page, r->pin.len + 1 }, 0400);
}

/* birth->pin: of a token that has one; else the token is blank and gets random ones */
static enum err make_token(struct room *r, const struct room_birth *birth, char why[static ROOM_WHY])
{
	struct custody_secrets s;
	struct login so_pin = { NULL, 0 };
	struct place_text text;
	struct token_place at;
	enum err e = custody_secrets_make(&s);

	if (!e)
		e = write_pin(&r->pin, s.pin);
	if (!e)
		e = write_pin(&so_pin, s.so_pin);
	if (!e && !r->config.token[0])
		e = own_token(r);
	if (!e)
		e = place(&at, &text, r);
	if (e)
		goto done;
	if (birth->pin.len) {
		memcpy(r->pin.page, birth->pin.p, birth->pin.len);
		r->pin.len = birth->pin.len;
	}
	/* The shares first: what they open is never lost. */
	if (!r->config.test)
		e = keep_pins(r, birth, &s);
	if (!e)
		e = worker_init_token(&at, login_span(&r->pin), login_span(&so_pin));
	if (e == E_EXISTS && birth->pin.len)
		e = E_OK;
	if (e == E_EXISTS)
		snprintf(why, ROOM_WHY, "the token is not blank%s", r->config.test ? ": its PIN is needed (--pin-file)" : "");
	if (!e && r->config.test)
		e = keep_pins(r, birth, &s);
done:
	login_wipe(&so_pin);
	wipe(&s, sizeof s);
	return e;
}

static enum err make_cas(struct room *r)
{
	static const char *const titles[CAS] = { "device CA", "KIF CA", "exchange CA" };
	enum err e = E_OK;

	for (int i = 0; !e && i < CAS; i++) {
		struct room_key key = { r, pairs[ROOM_CA][i] };
		struct pki_signer signer = { room_sign, &key };
		struct der *ca = ca_of(r, i);
		uint8_t point[P256_POINT];
		char name[CERT_TEXT];

		snprintf(name, sizeof name, "%s %s", r->config.name, titles[i]);
		e = worker_point(&r->worker[0], point, pairs[ROOM_CA][i]);
		if (!e)
			e = pki_ca(ca->b, &ca->len, sizeof ca->b, point, name, room_utc(), CA_DAYS, &signer);
		if (!e)
			e = room_store(r, pairs[ROOM_CA][i], der_span(ca));
	}
	return e;
}

/* Beside the room, and by its whole path, so that a copy of the room finds the mark in use; where room.conf cannot hold
 * that path, beside whatever folder the room is in then. */
static void own_mark(struct room *r)
{
	if (r->config.purpose == ROOM_LOAD && !r->config.mark[0] && strlen(r->dir) + 6 < sizeof r->config.mark &&
	    !strchr(r->dir, ';'))
		snprintf(r->config.mark, sizeof r->config.mark, "%.*s.mark", (int)sizeof r->config.mark - 6, r->dir);
}

/* Everything inside the folder; room.conf, which makes it a room, last. */
static enum err furnish(struct room *r, const struct room_birth *birth, char why[static ROOM_WHY])
{
	char token[PATH], certs[PATH], journal[PATH], shares[PATH], mark[MARK_FOLDER], text[CONF];
	uint8_t point[P256_POINT];
	enum err e;

	path_of(token, r, "token");
	path_of(certs, r, "certs");
	path_of(journal, r, "journal.db");
	path_of(shares, r, "shares");
	own_mark(r);
	e = r->config.token[0] ? config_text(text, r, why) : E_OK;
	if (!e && (mkdir(token, 0700) || mkdir(certs, 0700) || (!r->config.test && mkdir(shares, 0700))))
		e = E_IO;
	if (!e && r->config.purpose == ROOM_LOAD && !mark_folder(mark, &r->config, r->dir))
		e = E_IO;
	if (!e)
		e = make_token(r, birth, why);
	if (!e)
		e = start_worker(r, 0);
	for (int i = 0; !e && pairs[r->config.purpose][i]; i++)
		e = worker_make_pair(&r->worker[0], point, pairs[r->config.purpose][i]);
	if (e == E_EXISTS && !why[0])
		snprintf(why, ROOM_WHY, "the token serves a room already");
	if (!e && r->config.purpose == ROOM_CA)
		e = make_cas(r);
	worker_stop(&r->worker[0]);
	if (!e)
		e = journal_create(journal, r->config.purpose);
	if (!e && !r->config.test)
		e = journal_open(&r->journal, journal, r->config.purpose);
	if (!e && !r->config.test)
		e = custodians_enter(&birth->who, birth->key, r->journal, NULL);
	if (!e)
		e = room_sync(r);
	if (!e)
		e = write_config(r, why); /* last: without it the folder is no room */
	return e;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	return at->level ? remove(path) : 0;
}

static bool empty(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *x;
	int n = 0;

	if (!d)
		return false;
	while ((x = readdir(d)))
		n += strcmp(x->d_name, ".") && strcmp(x->d_name, "..");
	closedir(d);
	return !n;
}

enum err room_permit_birth(const struct room_config *c, const struct room_birth *birth, char why[static ROOM_WHY])
{
	const char *missing = NULL;

	if (c->test)
		return E_OK;
	if (!birth->who.n || birth->pin.len)
		missing = "a production room's PIN is its custodians' (--custodians), and its token is blank";
	else if (!geteuid())
		missing = "a production room has a user of its own: make it as that user, not as root";
	else if (mlockall(MCL_CURRENT | MCL_FUTURE))
		missing = "memory is not locked: set LimitMEMLOCK=infinity (ulimit -l)";
	else if ((!c->token[0] || room_config_software(c)) && !c->accept_software_token)
		missing = "a production room on a software token: --accept-software-token, if that is what you want";
	if (missing)
		snprintf(why, ROOM_WHY, "%s", missing);
	return missing ? E_DENIED : E_OK;
}

/* Custodians come in by people.sock. */
static void name_custodians(struct room_config *c, const struct custodians *who)
{
	size_t len = 0;

	for (unsigned i = 0; i < who->n; i++)
		len += (size_t)snprintf(c->people_user + len, sizeof c->people_user - len, "%s%u", i ? " " : "",
					(unsigned)who->who[i].uid);
}

enum err room_init(const char *dir, const struct room_config *config, const struct room_birth *birth,
		   char why[static ROOM_WHY])
{
	char lock[PATH];
	struct room *r;
	bool made;
	enum err e;

	why[0] = 0;
	e = room_permit_birth(config, birth, why);
	if (e)
		return e;
	if (!room_config_name(config->name)) {
		snprintf(why, ROOM_WHY,
			 "a room's name is 1 to %d letters, digits, dots, dashes, underscores and single blanks",
			 ROOM_NAME - 1);
		return E_RANGE;
	}
	made = !mkdir(dir, 0700);
	if (!made && errno != EEXIST) {
		snprintf(why, ROOM_WHY, "%s", strerror(errno));
		return E_IO;
	}
	if (!made && !empty(dir)) {
		snprintf(why, ROOM_WHY, "it is no empty folder");
		return E_EXISTS;
	}
	r = calloc(1, sizeof *r);
	if (!r)
		return E_INTERNAL;
	hold_nothing(r);
	r->config = *config;
	r->config.workers = 1;
	name_custodians(&r->config, &birth->who);
	if (!realpath(dir, r->dir) || chmod(dir, 0700)) {
		e = E_IO;
	} else if (strpbrk(r->dir, "#\n\r")) {
		snprintf(why, ROOM_WHY,
			 "SoftHSM's configuration cannot name a folder with a # or line end in its path");
		e = E_RANGE;
	} else {
		path_of(lock, r, "lock");
		r->lock = open(lock, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* of two at the same time, one */
		e = r->lock < 0 ? errno == EEXIST ? E_EXISTS : E_IO : furnish(r, birth, why);
		if (e == E_IO)
			snprintf(why, ROOM_WHY, "%s", strerror(errno));
		if (e && r->lock >= 0)
			nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	if (e && made)
		rmdir(dir);
	room_close(r);
	free(r);
	return e;
}

/* --- Opening ------------------------------------------------------------------------------------------------------ */

enum err room_config_read(struct room_config *c, const char *dir, char why[static ROOM_WHY])
{
	char path[PATH];
	uint8_t text[8192];
	size_t len;

	if (snprintf(path, sizeof path, "%s/room.conf", dir) >= PATH) {
		snprintf(why, ROOM_WHY, "%s", strerror(ENAMETOOLONG));
		return E_ROOM;
	}
	if (file_read(text, &len, sizeof text, path)) {
		if (access(dir, F_OK))
			snprintf(why, ROOM_WHY, "no such folder");
		else
			snprintf(why, ROOM_WHY, "room.conf cannot be read: %s", strerror(errno));
		return E_ROOM;
	}
	return room_config_parse(c, (struct span){ text, len }, why);
}

static enum err read_config(struct room *r, const char *dir, char why[static ROOM_WHY])
{
	if (!realpath(dir, r->dir)) {
		snprintf(why, ROOM_WHY, "%s", errno == ENOENT ? "no such folder" : strerror(errno));
		return E_ROOM;
	}
	return room_config_read(&r->config, r->dir, why);
}

static enum err take_lock(struct room *r, char why[static ROOM_WHY])
{
	char path[PATH];
	bool busy = false;

	path_of(path, r, "lock");
	r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	/* A bdkd that was killed may have forked a worker just before, which holds its lock until it notices. */
	for (int tries = 0; r->lock >= 0 && tries < 50; tries++) {
		if (!flock(r->lock, LOCK_EX | LOCK_NB))
			return E_OK;
		busy = errno == EWOULDBLOCK;
		if (!busy)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	if (busy)
		return E_ROOM_BUSY;
	snprintf(why, ROOM_WHY, "lock: %s", strerror(errno));
	return E_ROOM;
}

static enum err permit_kind(const struct room *r, char why[static ROOM_WHY])
{
	char pin[PATH];

	if (r->config.test)
		return E_OK;
	path_of(pin, r, "pin");
	snprintf(why, ROOM_WHY, "%s",
		 !access(pin, F_OK) ? "a PIN file lies in a production room"
		 : room_config_software(&r->config) && !r->config.accept_software_token
			 ? "a production room on a software token, which its room.conf does not accept (accept-software-token = yes)"
			 : "");
	return why[0] ? E_DENIED : E_OK;
}

/* Whoever may write to the folder is the room, and whoever may read the PIN is its worker. */
static enum err check_modes(const struct room *r, char why[static ROOM_WHY])
{
	char pin[PATH];
	struct stat st;

	path_of(pin, r, "pin");
	if (!stat(r->dir, &st) && st.st_mode & (S_IWGRP | S_IWOTH))
		snprintf(why, ROOM_WHY, "others than its owner may write to the folder");
	else if (!stat(pin, &st) && st.st_mode & (S_IRWXG | S_IRWXO))
		snprintf(why, ROOM_WHY, "others than its owner may open the file pin");
	return why[0] ? E_ROOM : E_OK;
}

static enum err start_workers(struct room *r, char why[static ROOM_WHY])
{
	enum err e = E_OK;

	for (unsigned i = 0; !e && i < r->config.workers; i++) {
		e = start_worker(r, i);
		if (e == E_DENIED && !room_judge(why, &r->config, &r->worker[i].probe))
			snprintf(why, ROOM_WHY, "a worker's walls cannot be built");
	}
	return e ? e : check_cas(r, why);
}

/* What is to be done about its keys as soon as there are workers */
static enum err keys_open(struct room *r)
{
	enum err e = making_open(r);

	if (!e)
		e = destroy_open(r);
	if (!e)
		e = kbpk_open(r);
	if (!e)
		e = fingerprint_open(r);
	return e ? e : key_state_tend(r);
}

enum err room_open(struct room *r, const char *dir, char why[static ROOM_WHY])
{
	char journal[PATH];
	uint64_t bad;
	enum err e;

	memset(r, 0, sizeof *r);
	hold_nothing(r);
	why[0] = 0;
	e = read_config(r, dir, why);
	if (!e)
		e = permit_kind(r, why);
	if (!e)
		e = check_modes(r, why);
	if (!e)
		e = take_lock(r, why);
	path_of(journal, r, "journal.db");
	if (!e)
		e = journal_open(&r->journal, journal, r->config.purpose);
	if (!e) {
		e = journal_audit_check(&bad, r->journal);
		if (e == E_MAC) {
			snprintf(why, ROOM_WHY, "audit record %llu does not fit the chain", (unsigned long long)bad);
			e = E_JOURNAL;
		}
	}
	if (!e && room_config_softhsm(&r->config) && write_softhsm_conf(r)) {
		snprintf(why, ROOM_WHY, "token/softhsm2.conf cannot be written: %s", strerror(errno));
		e = E_ROOM;
	}
	if (!e)
		e = parser_start(&r->parser, !r->config.test);
	if (!e && r->config.test) {
		e = read_pin(r);
		if (e == E_ROOM)
			snprintf(why, ROOM_WHY, "the token's PIN is not in the file pin");
	}
	if (!e)
		e = read_certs(r, why);
	r->sealed = !r->config.test;
	r->head_looked = room_monotonic();
	if (!e && r->config.test)
		e = start_workers(r, why);
	if (e == E_PASSPHRASE) {
		snprintf(why, ROOM_WHY, "the token does not take the PIN in the file pin");
		e = E_TOKEN;
	}
	if (!e && r->config.test)
		e = keys_open(r);
	if (!e && r->config.test)
		mark_open(r);
	if (e)
		room_close(r);
	return e;
}

enum err room_unlock(struct room *r, const uint8_t pin[static SHARE_SECRET], char why[static ROOM_WHY])
{
	enum err e;

	room_lock(r);
	e = write_pin(&r->pin, pin);
	if (!e)
		e = start_workers(r, why);
	if (!e)
		e = keys_open(r);
	r->sealed = e;
	if (e)
		room_lock(r);
	else
		mark_open(r);
	return e;
}

void room_lock(struct room *r)
{
	mark_stop(r);
	for (unsigned i = 0; i < ROOM_WORKERS; i++) {
		worker_stop(&r->worker[i]);
		/* An order that it had is nobody's any more, and not its successor's. */
		wipe(r->worker[i].key, sizeof r->worker[i].key);
		r->worker[i].key_len = 0;
		r->worker[i].state = WORKER_KEY_NONE;
	}
	mark_close(r);
	login_wipe(&r->pin);
	pieces_wipe(&r->given);
	custody_change_wipe(&r->change);
	components_end(&r->components, "the room was locked");
	r->refused = false;
	r->sealed = true;
}

/* What mend_token() puts back is what the token holds now. */
static enum err keep_token(const struct room *r)
{
	char object[PATH], kept[PATH];
	uint8_t is[TOKEN_OBJECT];
	size_t len = 0;
	enum err e = E_TOKEN;

	path_of(kept, r, "token/token.object");
	if (find_token(object, r) && !file_read(is, &len, sizeof is, object))
		e = file_write(kept, (struct span){ is, len }, 0600);
	wipe(is, sizeof is);
	return e;
}

enum err room_change_pins(struct room *r, const uint8_t so_pin[static SHARE_SECRET], const struct custody_secrets *next)
{
	struct login so = { NULL, 0 }, next_so = { NULL, 0 }, pin = { NULL, 0 };
	struct place_text text;
	struct token_place at;
	enum err e = place(&at, &text, r);

	if (!e)
		e = write_pin(&so, so_pin);
	if (!e)
		e = write_pin(&pin, next->pin);
	if (!e)
		e = write_pin(&next_so, next->so_pin);
	if (!e && at.softhsm_conf)
		e = mend_token(r);
	if (!e)
		e = worker_change_pins(&at, &(struct token_pins){ login_span(&so), login_span(&pin), login_span(&next_so) });
	if (!e && at.softhsm_conf)
		e = keep_token(r);
	if (!e)
		e = room_sync(r);
	if (!e && !r->sealed) {
		login_wipe(&r->pin);
		r->pin = pin;
		pin = (struct login){ NULL, 0 };
	}
	login_wipe(&so);
	login_wipe(&next_so);
	login_wipe(&pin);
	return e;
}

void room_close(struct room *r)
{
	for (unsigned i = 0; i < ROOM_WORKERS; i++)
		worker_stop(&r->worker[i]);
	parser_stop(&r->parser);
	login_wipe(&r->pin);
	mark_close(r);
	journal_close(r->journal);
	pki_list_free(&r->list);
	if (r->lock >= 0)
		close(r->lock);
	wipe(r, sizeof *r);
	hold_nothing(r);
}

/* --- Backups ------------------------------------------------------------------------------------------------------ */

/* Remove a database and what SQLite leaves beside it when its process is killed. */
static void drop_database(const char *path)
{
	char beside[PATH + 8];

	unlink(path);
	snprintf(beside, sizeof beside, "%s-wal", path);
	unlink(beside);
	snprintf(beside, sizeof beside, "%s-shm", path);
	unlink(beside);
}

/* What was cut off in its making until now may be made once more, and be finished, before somebody goes back to this copy: it is
 * not to go then. */
static enum err forget_making(struct journal *copy)
{
	char label[KEY_LABEL];
	enum err e;

	while (!(e = journal_making_due(label, copy)) && !(e = journal_made(copy, label)))
		;
	return e == E_SHORT ? E_OK : e;
}

enum err room_backup(struct room *r)
{
	char from[PATH], part[PATH], to[PATH];
	struct journal *copy = NULL;
	enum err e;

	path_of(from, r, "journal.db");
	path_of(part, r, "backup.part");
	path_of(to, r, "backup.db");
	drop_database(part);
	e = database_copy(part, from);
	if (!e)
		e = journal_open(&copy, part, r->config.purpose);
	if (!e)
		e = mark_backup(copy);
	if (!e)
		e = forget_making(copy);
	journal_close(copy);
	if (!e && (rename(part, to) || file_sync_folder(to)))
		e = E_IO;
	if (e)
		drop_database(part);
	return e;
}

/* Is this copy a backup of a load room's journal, and whole? */
static enum err check_backup(const char *copy, char why[static ROOM_WHY])
{
	struct journal *j = NULL;
	uint64_t bad = 0;
	bool is = false;
	enum err e = journal_open(&j, copy, ROOM_LOAD);

	if (e)
		snprintf(why, ROOM_WHY, "it is no journal of a load room");
	else
		e = mark_is_backup(&is, j);
	if (!e && !is) {
		snprintf(why, ROOM_WHY, "it is no backup: bdk backup makes them");
		e = E_FORMAT;
	}
	if (!e)
		e = journal_audit_check(&bad, j);
	if (e == E_MAC)
		snprintf(why, ROOM_WHY, "its audit record %llu does not fit the chain", (unsigned long long)bad);
	journal_close(j);
	return e;
}

enum err room_restore(const char *dir, const char *file, char why[static ROOM_WHY])
{
	char copy[PATH], journal[PATH], log[PATH], before[PATH], before_log[PATH];
	struct room r = { .config.test = false };
	enum err e;

	why[0] = 0;
	hold_nothing(&r);
	e = read_config(&r, dir, why);
	if (!e && r.config.purpose != ROOM_LOAD) {
		snprintf(why, ROOM_WHY, "only a load room has what a backup is for; of others copy the folder while none serves them");
		e = E_ROOM_PURPOSE;
	}
	if (!e)
		e = take_lock(&r, why);
	if (e)
		goto done;
	path_of(copy, &r, "restore.part");
	path_of(journal, &r, "journal.db");
	path_of(log, &r, "journal.db-wal");
	path_of(before, &r, "journal.db.before");
	path_of(before_log, &r, "journal.db.before-wal");
	/* It may be the only journal that knows what was issued: of a restore before, or of one that was cut off. */
	if (!access(before, F_OK) || !access(before_log, F_OK)) {
		snprintf(why, ROOM_WHY, "a restore before put the room's own journal aside: move journal.db.before%s out of its folder",
			 access(before, F_OK) ? "-wal" : access(before_log, F_OK) ? "" : " and its -wal");
		e = E_EXISTS;
		goto done;
	}
	drop_database(copy);
	e = database_copy(copy, file);
	if (e)
		snprintf(why, ROOM_WHY, "it cannot be read as a database");
	else
		e = check_backup(copy, why);
	/* The log first: it must never lie beside another journal. */
	if (!e && ((rename(log, before_log) && errno != ENOENT) || (rename(journal, before) && errno != ENOENT) ||
		   rename(copy, journal) || file_sync_folder(journal)))
		e = E_IO;
	if (e)
		drop_database(copy);
done:
	if (r.lock >= 0)
		close(r.lock);
	return e;
}
