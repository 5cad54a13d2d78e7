#include "bdk/server.h"
#include "bdk/destroyed.h"
#include "bdk/exchange.h"
#include "bdk/heads.h"
#include "bdk/kbpk.h"
#include "bdk/key_state.h"
#include "bdk/ops.h"
#include "bdk/preview.h"
#include "bdk/rule.h"
#include "base/wipe.h"
#include "crypto/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* A worker that does not start is tried again so often: the others wait meanwhile. */
enum { TEND_MS = 2000 };

struct server {
	struct room *room;
	uid_t owner;		    /* of the room's folder */
	struct door door[ROLES];
	struct peer *peer[SERVER_CLIENTS];
	struct recover recover;
	struct sessions sessions;
	struct record in, out;
	bool sealed;				 /* the room was, and nobody is left from before */
	uint64_t turns;				 /* given out in the queue */
	uint64_t tend;				 /* milliseconds: when to start again what did not start */
	bool group;				 /* one is open in the journal */
	struct proof proof;			 /* of a passphrase: one at a time */
	struct peer **proves;			 /* whose that is; NULL: nobody's, or one that is gone */
	uint64_t proved_by;			 /* room_monotonic(): it has had its time then */
	struct peer **client[ROOM_WORKERS]; /* whom each worker makes a KEY for; NULL: nobody, or one that is gone */
};

/* --- The table ---------------------------------------------------------------------------------------------------- */

enum { CA = 1 << ROOM_CA, LOAD = 1 << ROOM_LOAD, ACQ = 1 << ROOM_ACQUIRER, ANY = CA | LOAD | ACQ };
/*
 * READ changes nothing but what the connection has put and the heads that are kept, and is not audited, unless it is refused.
 * WHOLE: the act and its record are one transaction; KEEP: so are a refusal and what the journal learns from it all the same.
 * The others commit step by step, each step with a record of its own where it stays even if the next one fails, and answer
 * nothing before the last record is there. HEAD: a head of the audit goes with the answer. SEALED: also in a room that nobody
 * has unlocked. CUSTODY: not in a test room, which has no custodians. GROUP: changes nothing but the journal and its own
 * connection. QUIET is in no row: what will be asked again, with a passphrase, is neither done nor refused.
 */
enum { ONCE = 1, READ = 2, WHOLE = 4, KEEP = 8, HEAD = 16, QUIET = 32, SEALED = 64, CUSTODY = 128, GROUP = 256 };

enum state { NOTHING, SESSION, TO_LOAD, TO_ZEROIZE, IDENTIFIED, PENDING, CERTIFIED };

static const struct row {
	uint16_t op;
	enum role role;
	unsigned purposes;
	enum state needs;
	unsigned flags;
	op_handler *run;
	const char *name; /* in the audit */
} rows[] = {
	/* clang-format off */
	{ OP_INFO,         ROLE_PEOPLE,   ANY,        NOTHING,    READ | SEALED, op_info, "info" },
	{ OP_LIST,         ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_list,         "list" },
	{ OP_DEVICES,      ROLE_PEOPLE,   CA | LOAD,  NOTHING,    READ,  op_devices,      "devices" },
	{ OP_AUDIT,        ROLE_PEOPLE,   ANY,        NOTHING,    READ | SEALED, op_audit, "audit" },
	{ OP_UNLOCK,       ROLE_PEOPLE,   ANY,        NOTHING,    CUSTODY | SEALED, op_unlock,     "unlock" },
	{ OP_LOCK,         ROLE_PEOPLE,   ANY,        NOTHING,    CUSTODY | SEALED, op_lock,       "lock" },
	{ OP_CUSTODIANS,   ROLE_PEOPLE,   ANY,        NOTHING,    READ | CUSTODY | SEALED, op_custodians, "custodians" },
	{ OP_CHANGE,       ROLE_PEOPLE,   ANY,        NOTHING,    CUSTODY | SEALED, op_change,     "change" },
	{ OP_ENTRUST,      ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE | CUSTODY | SEALED, op_entrust,    "entrust" },
	{ OP_DIGEST,       ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_digest,       "digest" },
	{ OP_PROBE,        ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_probe,        "probe" },
	{ OP_HEAD,         ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_head,         "head" },
	{ OP_HEADS,        ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_heads,        "heads" },
	{ OP_PUT,          ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_put,          "put" },
	{ OP_FETCH,        ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_fetch,        "fetch" },
	{ OP_CEREMONY,     ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE, op_ceremony,     "ceremony" },
	{ OP_LED,          ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_led,          "led" },
	{ OP_RECORD,       ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE, op_record,       "record" },
	{ OP_BAG,          ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE, op_bag,          "bag" },
	{ OP_BAG_FOUND,    ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE, op_bag_found,    "bag-found" },
	{ OP_BAG_MOVE,     ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE, op_bag_move,     "bag-move" },
	{ OP_BAGS,         ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_bags,         "bags" },
	{ OP_REQUEST,      ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_request,      "request" },
	{ OP_CERTIFY,      ROLE_PEOPLE,   CA,         NOTHING,    WHOLE, op_certify,      "certify" },
	{ OP_ANCHORS,      ROLE_PEOPLE,   CA,         NOTHING,    READ,  op_anchors,      "anchors" },
	{ OP_INSTALL,      ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    0,     op_install,      "install" },
	{ OP_CRL,          ROLE_PEOPLE,   CA,         NOTHING,    WHOLE, op_crl,          "crl" },
	{ OP_INSTALL_CRL,  ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_install_crl,  "install-crl" },
	{ OP_DISOWN,       ROLE_PEOPLE,   CA,         NOTHING,    WHOLE, op_disown,       "disown" },
	{ OP_RAISE,        ROLE_PEOPLE,   CA,         NOTHING,    WHOLE, op_raise,        "raise" },
	{ OP_GENERATE,     ROLE_PEOPLE,   LOAD,       NOTHING,    WHOLE | KEEP, op_generate,     "generate" },
	{ OP_IMPORT,       ROLE_PEOPLE,   ACQ,        NOTHING,    WHOLE | KEEP, op_import,       "import" },
	{ OP_PACKAGE,      ROLE_PEOPLE,   LOAD,       NOTHING,    WHOLE, op_package,      "package" },
	{ OP_STATE,        ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_state,        "state" },
	{ OP_ENTER,        ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_enter,        "enter" },
	{ OP_ENTERING,     ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_entering,     "entering" },
	{ OP_COMPONENT,    ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_component,    "component" },
	{ OP_CONFIRM,      ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE | KEEP, op_confirm,      "confirm" },
	{ OP_ENTERED,      ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_entered,      "entered" },
	{ OP_AGREE,        ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE | KEEP, op_agree,        "agree" },
	{ OP_WITHDRAW,     ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_withdraw,     "withdraw" },
	{ OP_MAILER,       ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_mailer,       "mailer" },
	{ OP_COMPROMISE,   ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_compromise,   "compromise" },
	{ OP_DESTROY,      ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_destroy,      DESTROYED_PROVED },
	{ OP_PERIOD,       ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_period,       "period" },
	{ OP_BELOW,        ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_below,        "below" },
	{ OP_LIFE,         ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_life,         "life" },
	{ OP_DESTROYED,    ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_destroyed,    "destroyed" },
	{ OP_HANDOVER,     ROLE_PEOPLE,   LOAD,       NOTHING,    WHOLE | KEEP | HEAD, op_handover,     "handover" },
	{ OP_IMPORT_PACK,  ROLE_PEOPLE,   ACQ,        NOTHING,    WHOLE, op_import_pack,  "import-pack" },
	{ OP_KBPK_GENERATE, ROLE_PEOPLE,  LOAD | ACQ, NOTHING,    WHOLE | KEEP, op_kbpk_generate, "kbpk-generate" },
	{ OP_KBPK_IMPORT,  ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE | KEEP, op_kbpk_import,  "kbpk-import" },
	{ OP_KBPK_LIST,    ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    READ,  op_kbpk_list,    "kbpk-list" },
	{ OP_KBPK_COMPROMISE, ROLE_PEOPLE, LOAD | ACQ, NOTHING,   WHOLE, op_kbpk_compromise, "kbpk-compromise" },
	{ OP_KBPK_RESUME,  ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_kbpk_resume,  "kbpk-resume" },
	{ OP_KBPK_DESTROY, ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE, op_kbpk_destroy, "kbpk-destroy" },
	{ OP_GENERATE_BLOCK, ROLE_PEOPLE, LOAD,       NOTHING,    WHOLE | KEEP, op_generate_block, "generate-block" },
	{ OP_IMPORT_BLOCK, ROLE_PEOPLE,   LOAD | ACQ, NOTHING,    WHOLE | KEEP, op_import_block, "import-block" },
	{ OP_EXPECT,       ROLE_PEOPLE,   CA,         NOTHING,    WHOLE, op_expect,       "expect" },
	{ OP_ENROL,        ROLE_PEOPLE,   CA,         NOTHING,    WHOLE, op_enrol,        "enrol" },
	{ OP_ENROL_CSR,    ROLE_PEOPLE,   CA,         IDENTIFIED, WHOLE, op_enrol_csr,    "enrol-csr" },
	{ OP_ENROL_DIGEST, ROLE_PEOPLE,   CA,         PENDING,    WHOLE | KEEP, op_enrol_digest, "enrol-digest" },
	{ OP_ENROL_DONE,   ROLE_PEOPLE,   CA,         CERTIFIED,  WHOLE, op_enrol_done,   "enrol-done" },
	{ OP_REVOKE,       ROLE_PEOPLE,   CA,         NOTHING,    WHOLE, op_revoke,       "revoke" },
	{ OP_LEASE,        ROLE_PEOPLE,   CA,         NOTHING,    WHOLE, op_lease,        "lease" },
	{ OP_ACCEPT,       ROLE_PEOPLE,   LOAD,       NOTHING,    WHOLE, op_accept,       "accept" },
	{ OP_LEASES,       ROLE_PEOPLE,   CA | LOAD,  NOTHING,    READ,  op_leases,       "leases" },
	{ OP_MANIFEST,     ROLE_PEOPLE,   LOAD,       NOTHING,    WHOLE, op_manifest,     "manifest" },
	{ OP_CHAIN,        ROLE_PEOPLE,   LOAD,       NOTHING,    WHOLE, op_chain,        "chain" },
	{ OP_BACKUP,       ROLE_PEOPLE,   LOAD,       NOTHING,    0,     op_backup,       "backup" },
	{ OP_WHO,          ROLE_PEOPLE,   ANY,        NOTHING,    READ | SEALED, op_who,         "who" },
	{ OP_LOGIN,        ROLE_PEOPLE,   ANY,        NOTHING,    0,     op_login,        "login" },
	{ OP_PASSPHRASE,   ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE, op_passphrase,   "passphrase" },
	{ OP_PEOPLE,       ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_people,       "people" },
	{ OP_APPOINT,      ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE, op_appoint,      "appoint" },
	{ OP_DISMISS,      ROLE_PEOPLE,   ANY,        NOTHING,    WHOLE, op_dismiss,      "dismiss" },
	{ OP_PENDING,      ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_pending,      "pending" },
	{ OP_APPROVE,      ROLE_PEOPLE,   ANY,        NOTHING,    0,     op_approve,      "approve" },
	{ OP_OPEN,         ROLE_PEOPLE,   LOAD,       NOTHING,    0,     op_open,         "open" },
	{ OP_ATTEND,       ROLE_PEOPLE,   LOAD,       NOTHING,    READ,  op_attend,       "attend" },
	{ OP_AWAIT,        ROLE_PEOPLE,   ANY,        NOTHING,    READ,  op_await,        "await" },
	{ OP_SESSION,      ROLE_STATION,  LOAD,       NOTHING,    ONCE | WHOLE | GROUP, op_session,      "session" },
	{ OP_BEGIN,        ROLE_STATION,  LOAD,       SESSION,    GROUP, op_begin,        "begin" },
	{ OP_OFFER,        ROLE_STATION,  LOAD,       TO_LOAD,    GROUP, op_offer,        "offer" },
	{ OP_RECEIPT,      ROLE_STATION,  LOAD,       NOTHING,    WHOLE | HEAD | GROUP, op_receipt,      "receipt" },
	{ OP_ABORT,        ROLE_STATION,  LOAD,       SESSION,    WHOLE | GROUP, op_abort,        "abort" },
	{ OP_HISTORY,      ROLE_STATION,  LOAD,       NOTHING,    READ,  op_history,      "history" },
	{ OP_ZEROIZE,      ROLE_STATION,  LOAD,       TO_ZEROIZE, 0,     op_zeroize,      "zeroize" },
	{ OP_WIPED,        ROLE_STATION,  LOAD,       NOTHING,    WHOLE | HEAD | GROUP, op_wiped,        "wiped" },
	{ OP_RECOVER,      ROLE_ACQUIRER, ACQ,        NOTHING,    0,     op_recover,      "recover" },
	/* clang-format on */
};
enum { ROWS = sizeof rows / sizeof rows[0] };
_Static_assert(ROWS <= SERVER_ROWS, "struct peer has a mark for each row");

static bool in_state(const struct peer *p, enum state needs)
{
	switch (needs) {
	case NOTHING:
		return true;
	case SESSION:
		return p->session;
	case TO_LOAD:
		return p->session && p->kdh.state == KDH_GREETED && p->kdh.set.len;
	case TO_ZEROIZE:
		return p->session && p->kdh.state == KDH_GREETED && !p->kdh.set.len;
	case IDENTIFIED:
		return p->enrol.state == ENROL_IDENTIFIED;
	case PENDING:
		return p->enrol.state == ENROL_PENDING;
	case CERTIFIED:
		return p->enrol.state == ENROL_CERTIFIED;
	}
	return false;
}

/* The row of an op, NULL if there is none. */
static const struct row *find(uint16_t op)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].op == op)
			return &rows[i];
	return NULL;
}

const char *server_op(enum role role, uint16_t op)
{
	const struct row *row = find(op);

	return row && row->role == role ? row->name : NULL;
}

const char *server_op_name(uint16_t op)
{
	const char *name = server_op(ROLE_PEOPLE, op);

	return name ? name : "unknown";
}

static enum err permit(const struct row *row, const struct ask *a, char *why, size_t size)
{
	enum room_purpose purpose = a->room->config.purpose;

	if (!row || row->role != a->peer->role) {
		snprintf(why, size, "that cannot be asked on this socket");
		return E_DENIED;
	}
	if (!(row->purposes & 1u << purpose)) {
		snprintf(why, size, "that is not for a room of purpose %s", room_purpose_name(purpose));
		return E_ROOM_PURPOSE;
	}
	if (a->room->config.test && row->flags & CUSTODY) {
		snprintf(why, size, "a test room has no custodians: its PIN lies in a file");
		return E_ROOM_PURPOSE;
	}
	if (a->room->sealed && !(row->flags & SEALED)) {
		snprintf(why, size, "the room is locked: no custodians have unlocked it since its bdkd was started or told to lock");
		return E_SEALED;
	}
	if (a->peer->sits && !a->peer->session && !in_state(a->peer, row->needs)) {
		snprintf(why, size, "the operators' session has ended: two operators open another one, bdk session");
		return E_DENIED;
	}
	if (!in_state(a->peer, row->needs) || a->peer->spent[row - rows]) {
		snprintf(why, size, "not at this point of the conversation");
		return E_DENIED;
	}
	return E_OK;
}

/* --- Answers, and the commit before them -------------------------------------------------------------------------- */

static void begin_answer(struct record *out, uint16_t op, enum err e, const char *why)
{
	wipe(out->b, out->len);
	record_begin(out, op);
	record_put_number(out, F_RESULT, (uint64_t)e);
	if (why && *why)
		record_put_text(out, F_WHY, why);
}

static enum err audit_as(const struct ask *a, const char *what, const char *object, const char *reason)
{
	const struct person *first = &a->peer->who;
	char who[sizeof (struct audit){ 0 }.who];

	if (!first->row)
		snprintf(who, sizeof who, "uid %u %s", (unsigned)a->peer->uid, door_name(a->peer->role));
	else if (!a->second)
		snprintf(who, sizeof who, "%s uid %u", first->name, (unsigned)first->uid);
	else
		snprintf(who, sizeof who, "%s uid %u, %s uid %u", first->name, (unsigned)first->uid, a->second->who.name,
			 (unsigned)a->second->uid);
	return journal_audit(a->room->journal, who, what, object, reason);
}

static enum err audit(const struct ask *a, const char *what, const char *reason)
{
	return audit_as(a, what, a->object, reason);
}

enum err server_note(const struct ask *a, const char *what, const char *object)
{
	return audit_as(a, what, object, "");
}

/* What was asked, and takes a second person, comes to nothing. */
static void lapse(struct server *s, struct peer *p, const char *reason)
{
	struct ask a = { .room = s->room, .peer = p };

	if (!p->act)
		return;
	if (audit(&a, server_op_name(p->act->op), reason))
		journal_rollback(s->room->journal);
	act_free(p->act);
	p->act = NULL;
}

static void forget_answer(struct server *s)
{
	wipe(s->out.b, s->out.len);
	s->out.len = 0;
}

static void forget_held(struct peer *p)
{
	if (p->held.b)
		wipe(p->held.b, p->held.len);
	free(p->held.b);
	p->held = (struct bulk){ NULL, 0 };
}

static void leave(struct server *s, struct peer *p);
static void leave_entry(struct server *s, const struct peer *p);
static void close_entry(struct server *s, const char *who, const char *why);

static void forget_guess(struct peer *p)
{
	if (p->guess)
		wipe(p->guess, sizeof *p->guess);
	free(p->guess);
	p->guess = NULL;
}

static void hang_up(struct server *s, struct peer **slot)
{
	struct peer *p = *slot;

	leave(s, p);
	leave_entry(s, p);
	for (unsigned i = 0; i < ROOM_WORKERS; i++)
		if (s->client[i] == slot)
			s->client[i] = NULL;
	if (s->proves == slot)
		s->proves = NULL;
	forget_guess(p);
	lapse(s, p, "the connection ended before a second person agreed");
	close(p->fd);
	kdh_end(&p->kdh);
	enrol_end(&p->enrol);
	free(p->serials);
	free(p->put.b);
	free(p->left.b);
	forget_held(p);
	wipe(p, sizeof *p);
	free(p);
	*slot = NULL;
}

static void send_answer(struct server *s, struct peer **slot, struct span answer, bool keep)
{
	ssize_t sent = send((*slot)->fd, answer.p, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (!keep || sent != (ssize_t)answer.len)
		hang_up(s, slot);
}

/* s->out is this client's answer, at once or after the group's commit. */
static void reply(struct server *s, struct peer **slot, bool keep)
{
	struct peer *p = *slot;

	if (!s->group) {
		send_answer(s, slot, (struct span){ s->out.b, s->out.len }, keep);
	} else if ((p->held.b = malloc(s->out.len))) {
		memcpy(p->held.b, s->out.b, s->out.len);
		p->held.len = s->out.len;
		p->keep = keep;
	} else {
		hang_up(s, slot);
	}
	forget_answer(s);
}

/* The group's commit, and what waits for it. Where it fails, what was allocated for an OFFER is gone as well. */
static void settle(struct server *s)
{
	enum err e = s->group ? journal_group_commit(s->room->journal) : E_OK;

	if (s->group && !e)
		mark_note(s->room);
	s->group = false;
	for (struct peer **slot = s->peer; slot < s->peer + SERVER_CLIENTS; slot++) {
		struct peer *p = *slot;
		struct bulk held;

		if (!p || !(p->held.b || (e && p->stage == PEER_QUEUES)))
			continue;
		if (e) {
			begin_answer(&s->out, p->held.b ? get_be16(p->held.b) : OP_OFFER, e, NULL);
			send_answer(s, slot, (struct span){ s->out.b, s->out.len }, false);
			forget_answer(s);
			continue;
		}
		held = p->held;
		p->held.b = NULL;
		send_answer(s, slot, (struct span){ held.b, held.len }, p->keep);
		wipe(held.b, held.len);
		free(held.b);
	}
}

/* What is written from here on waits for the others; without a group it is for itself. */
static void join(struct server *s)
{
	if (!s->group)
		s->group = !journal_group(s->room->journal);
}

/* --- A request ---------------------------------------------------------------------------------------------------- */

/* A request's record, and with it what it leaves in the journal. */
static enum err write_down(const struct ask *a, const char *name, unsigned flags, enum err e)
{
	struct journal *j = a->room->journal;
	enum err failed;

	if (e && !(flags & KEEP))
		journal_rollback(j);
	if (flags & QUIET || (!e && flags & READ))
		return E_OK;
	failed = audit(a, name, e ? err_text(e) : "");
	if (!failed && journal_begun(j))
		failed = journal_commit(j);
	if (failed)
		journal_rollback(j);
	else
		heads_grown(a->room);
	return failed;
}

/* The key that an act has made, and that is not to be, goes out of the token. */
static void unmake(struct server *s, const struct ask *a)
{
	if (a->made.len && exchange_drop(s->room, &a->made))
		fprintf(stderr, "bdkd: a key set that the journal does not know is left in the token\n");
	if (a->kbpk[0] && kbpk_drop(s->room, a->kbpk))
		fprintf(stderr, "bdkd: a KBPK that the journal does not know is left in the token\n");
}

/* The end of every request: its record, and if there is an error that instead of the answer. Nothing leaves that is not in the
 * journal, and what could not be written down has not happened. What the answer says. */
static enum err conclude(struct server *s, struct ask *a, const char *name, unsigned flags, uint16_t op, enum err e)
{
	bool made = a->made.len || a->kbpk[0];
	enum err failed;

	if (!e && s->out.e)
		e = E_INTERNAL;
	if (e && made)
		flags &= ~(unsigned)KEEP; /* its key goes, and nothing in the journal tells of it */
	failed = write_down(a, name, flags, e);
	if (made && (e || failed))
		unmake(s, a);
	if (failed) {
		if (!e && flags & CUSTODY)
			ops_unwritten(a, op);
		e = E_JOURNAL;
		a->why[0] = 0;
	} else if (!e && a->shares) {
		ops_shares(a);
		if (s->room->components.number)
			close_entry(s, "bdkd", "the custodians have changed");
	}
	if (a->entry)
		ops_entry_written(a, e);
	if (e) {
		begin_answer(&s->out, op, e, a->why);
		ops_leave(a, (struct bulk){ NULL, 0 });
	} else if (flags & HEAD) {
		ops_hand_out(a);
	}
	if (!(flags & READ) && !s->group)
		mark_note(s->room);
	return e;
}

/* --- Two people --------------------------------------------------------------------------------------------------- */

static struct span put_of(const struct peer *p)
{
	return (struct span){ p->put.b, p->put.len };
}

/* May whoever asks have it, by the room's rules? The one place where that is looked at. */
static enum err judge(struct server *s, struct ask *a, uint16_t op)
{
	struct peer *p = a->peer;
	struct person now = { 0 };
	uint8_t hash[32];
	bool in_force = false;
	enum err e;

	if (p->role != ROLE_PEOPLE)
		return E_OK;
	if (p->act && op != OP_AWAIT) {
		lapse(s, p, "withdrawn");
		snprintf(a->why, sizeof a->why, "what was asked before waits for a second person");
		a->end = true;
		return E_DENIED;
	}
	e = people_in_force(&in_force, s->room);
	if (!e)
		e = journal_person(&now, s->room->journal, NULL, p->uid);
	if (e && e != E_PERSON)
		return e;
	/* Whoever was dismissed, or appointed anew, since the passphrase was given, has not given it. */
	p->proved = p->proved && now.row == p->who.row;
	if (!e && now.has_card && p->proved) {
		/* s->in is what came; its first two bytes are the op */
		e = sha256(hash, &(struct span){ s->in.b, a->fields.len + 2 }, 1);
		if (e)
			return e;
		p->proved = op == OP_AWAIT || !memcmp(hash, p->signed_for, sizeof hash);
	}
	p->who = now;
	if (!in_force)
		return E_OK;
	e = rule_ask(a->why, rule_of(op), now.row ? &now : NULL, p->proved);
	if (now.has_card && op != OP_LOGIN)
		memset(p->signed_for, 0, sizeof p->signed_for); /* for one request, once */
	if (e == E_SECOND && !act_takes(op, a->fields)) {
		snprintf(a->why, sizeof a->why, "it has a field twice, or one that is not for it");
		e = E_FORMAT;
	}
	if (e == E_SECOND && act_new(&p->act, op, a->fields, &now, room_monotonic() + s->room->config.approve_seconds))
		e = E_INTERNAL;
	return e;
}

/* The first person is told what a second has to agree to. Nothing has happened, so nothing stands in the audit yet, but for what
 * cannot be shown: that is refused. */
static void ask_for_second(struct server *s, struct ask *a, uint16_t op)
{
	struct peer *p = a->peer;
	enum err e;

	record_begin(&s->out, op);
	preview(&s->out, s->room, a->fields);
	e = s->out.e ? s->out.e : act_tell(p->act, (struct span){ s->out.b + 2, s->out.len - 2 });
	begin_answer(&s->out, op, E_SECOND, a->why);
	if (e)
		s->out.e = e;
	act_show(&s->out, p->act, server_op_name(op), s->room->config.name, put_of(p), room_monotonic());
	if (s->out.e) {
		act_free(p->act);
		p->act = NULL;
		snprintf(a->why, sizeof a->why, "it is too long to be shown to a second person");
		conclude(s, a, server_op_name(op), 0, op, E_RANGE);
	}
}

static void let_go(struct server *s);

/*
 * A second person has agreed, or refused: the act goes ahead, once, and its answer to whoever asked first; what became of
 * it is the second's answer.
 */
static void go_ahead(struct server *s, const struct ask *approval)
{
	struct peer *p = approval->agreed, **slot = s->peer;
	struct ask a = { .room = s->room, .peer = p, .peers = s->peer, .second = approval->peer,
			 .sessions = &s->sessions, .recover = &s->recover, .answer = &s->out };
	struct act *act = p->act;
	const struct row *row = find(act->op);
	uint64_t last = s->sessions.last;
	enum err e = E_LAPSED;

	while (*slot != p)
		slot++;
	p->act = NULL;
	p->stage = PEER_READS;
	a.fields = (struct span){ act->fields, act->len };
	begin_answer(&s->out, OP_AWAIT, E_OK, NULL);
	if (approval->agrees) {
		e = row->flags & WHOLE ? journal_begin(s->room->journal) : E_OK;
		if (!e)
			e = row->run(&a);
	} else {
		snprintf(a.why, sizeof a.why, "%s refused: nothing was done", approval->peer->who.name);
	}
	e = conclude(s, &a, row->name, row->flags, OP_AWAIT, e);
	if (e && s->sessions.last != last) { /* it could not be written down */
		session_end(session_of(&s->sessions, s->sessions.last));
		p->attends = a.second->attends = 0;
	}
	reply(s, slot, true);
	let_go(s);
	begin_answer(&s->out, OP_APPROVE, E_OK, a.why);
	record_put_number(&s->out, F_OUTCOME, (uint64_t)e);
	act_free(act);
}

/* A terminal has answered in a session: that alone is using it, so that a station that only talks keeps none open. */
static void note_use(struct server *s, const struct peer *p, uint16_t op, enum err e)
{
	struct session *in = session_of(&s->sessions, p->sits);

	if (in && session_uses(op, e))
		in->used = room_monotonic();
}

/* Runs the request in s->in and leaves its answer in s->out, or queues the client. False: the connection ends after
 * it. */
static bool answer(struct server *s, struct peer *p, size_t len)
{
	struct ask a = { .room = s->room, .peer = p, .peers = s->peer, .sessions = &s->sessions, .recover = &s->recover,
			 .answer = &s->out };
	uint16_t op = len >= 2 ? get_be16(s->in.b) : 0;
	const struct row *row = NULL;
	char unknown[16];
	unsigned flags = 0;
	enum err e;

	snprintf(unknown, sizeof unknown, "op %u", op);
	/* where that fails the next request tries it again; until then each key set is judged by the clock all the same */
	e = key_state_tend(s->room);
	e = record_parse(&op, &a.fields, (struct span){ s->in.b, len });
	row = e ? NULL : find(op);
	if (!row || row->flags & GROUP)
		join(s);
	else if (!(row->flags & READ))
		settle(s);
	if (!e)
		e = permit(row, &a, a.why, sizeof a.why);
	a.end = e;
	if (!e) {
		e = judge(s, &a, op);
		flags = e ? 0 : row->flags;
	}
	if (e == E_SECOND) {
		ask_for_second(s, &a, op);
		return true;
	}
	if (!e) {
		begin_answer(&s->out, op, E_OK, NULL);
		e = flags & WHOLE ? journal_begin(s->room->journal) : E_OK;
		if (!e)
			e = row->run(&a);
		note_use(s, p, op, e);
		if (!e && a.later) {
			p->stage = p->guess ? PEER_GUESSES : PEER_QUEUES;
			p->turn = ++s->turns;
			return true;
		}
		if (!e && flags & ONCE)
			p->spent[row - rows] = true;
	}
	if (e == E_LOGIN)
		flags = QUIET;
	e = conclude(s, &a, row ? row->name : unknown, flags, op, e);
	if (!e && a.agreed)
		go_ahead(s, &a);
	return !a.end;
}

/* --- Sessions that operators have opened -------------------------------------------------------------------------- */

/* It ends for its stations and for who still attends it. who: by whom, or "bdkd" */
static void close_session(struct server *s, struct session *ends, const char *who, const char *why)
{
	uint64_t number = ends->number;
	char object[128];

	snprintf(object, sizeof object, "session %llu: %s", (unsigned long long)number, why);
	if (journal_audit(s->room->journal, who, "close", object, ""))
		journal_rollback(s->room->journal);
	session_end(ends);
	for (struct peer **slot = s->peer; slot < s->peer + SERVER_CLIENTS; slot++) {
		struct peer *p = *slot;

		if (p && p->sits == number && p->session) {
			p->session = false;
			if (p->stage == PEER_READS)
				kdh_end(&p->kdh); /* else when its worker is done: resume() */
		}
		if (!p || p->attends != number)
			continue;
		p->attends = 0;
		snprintf(p->ended, sizeof p->ended, "%s", why);
		if (p->stage != PEER_PENDS)
			continue;
		p->ended[0] = 0;
		p->stage = PEER_READS;
		begin_answer(&s->out, OP_ATTEND, E_OK, NULL);
		record_put_text(&s->out, F_REASON, why);
		reply(s, slot, true);
	}
}

/* Whoever attends a session and goes ends it. */
static void leave(struct server *s, struct peer *p)
{
	struct session *ends = session_of(&s->sessions, p->attends);
	char who[CERT_TEXT], why[64];

	p->attends = 0;
	if (!ends)
		return;
	snprintf(who, sizeof who, "%s uid %u", p->who.name, (unsigned)p->uid);
	snprintf(why, sizeof why, "%s has left", p->who.name);
	close_session(s, ends, who, why);
}

/* Sessions and the entry of components end that somebody takes part in who has been dismissed. */
static void let_go(struct server *s)
{
	for (int i = 0; i < SERVER_CLIENTS; i++) {
		const struct peer *p = s->peer[i];
		struct session *ends = p ? session_of(&s->sessions, p->attends) : NULL;
		bool enters = p && p->enters && p->enters == s->room->components.number;
		struct person now;
		char why[64];

		if ((!ends && !enters) || journal_person(&now, s->room->journal, NULL, p->uid) != E_PERSON)
			continue;
		snprintf(why, sizeof why, "%s was dismissed", *p->who.name ? p->who.name : "one who attended it");
		if (ends)
			close_session(s, ends, "bdkd", why);
		if (enters)
			close_entry(s, "bdkd", why);
	}
}

/* --- Components that custodians enter ----------------------------------------------------------------------------- */

/* The entry ends, and everything that was given for it is wiped; who waits is told by tell_entered(). */
static void close_entry(struct server *s, const char *who, const char *why)
{
	struct components *x = &s->room->components;
	char object[128], name[ENTERED_NAME];

	entered_name(name, &x->what);
	snprintf(object, sizeof object, "%s, %u of %u components: wiped", name, x->given, x->n);
	components_end(x, why);
	if (journal_audit(s->room->journal, who, "enter", object, why))
		journal_rollback(s->room->journal);
}

/* Whoever has begun it or has given a component, and goes, ends it. */
static void leave_entry(struct server *s, const struct peer *p)
{
	char who[CERT_TEXT], why[64];

	if (!p->enters || p->enters != s->room->components.number)
		return;
	snprintf(who, sizeof who, "%s uid %u", *p->who.name ? p->who.name : "people", (unsigned)p->uid);
	snprintf(why, sizeof why, "%s has left", *p->who.name ? p->who.name : "one of them");
	close_entry(s, who, why);
}

/* What has become of it, to those who wait for that; and where it has ended, what was typed for it goes too. */
static void tell_entered(struct server *s)
{
	for (struct peer **slot = s->peer; slot < s->peer + SERVER_CLIENTS; slot++) {
		struct ask a = { .room = s->room, .peer = *slot, .answer = &s->out };
		enum err e;

		if (*slot && !s->room->components.number)
			wipe(&(*slot)->typed, sizeof (*slot)->typed);
		if (!*slot || !(*slot)->awaits)
			continue;
		begin_answer(&s->out, OP_ENTERED, E_OK, NULL);
		if (!ops_entered(&e, &a)) {
			forget_answer(s);
			continue;
		}
		if (e)
			begin_answer(&s->out, OP_ENTERED, e, a.why);
		(*slot)->stage = PEER_READS;
		reply(s, slot, true);
	}
}

/* One that goes while it waits. If it is for a KEY and that cannot be written down, nothing left either. A guess stays counted. */
static void give_up(struct server *s, struct peer **slot)
{
	struct ask a = { .room = s->room, .peer = *slot };
	bool guess = (*slot)->stage == PEER_GUESSES || (*slot)->stage == PEER_PROVES;

	snprintf(a.object, sizeof a.object, "%s", guess ? (*slot)->who.name : (*slot)->kdh.serial);
	if ((*slot)->stage != PEER_PENDS &&
	    audit(&a, guess ? "login" : "offer",
		  guess ? "the connection ended before the passphrase was tried" : "the connection ended before its KEY was made"))
		journal_rollback(s->room->journal);
	hang_up(s, slot);
}

/* One record of a connection that has something to read. */
static void serve(struct server *s, struct peer **slot)
{
	struct peer *p = *slot;
	ssize_t n = recv(p->fd, s->in.b, sizeof s->in.b, MSG_DONTWAIT | MSG_TRUNC);
	bool keep;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(s, slot);
		return;
	}
	s->in.len = (size_t)n < sizeof s->in.b ? (size_t)n : sizeof s->in.b;
	keep = answer(s, p, (size_t)n); /* a longer one than RECORD_MAX is refused by its length */
	wipe(s->in.b, s->in.len);
	s->in.len = 0;
	if (p->stage == PEER_READS)
		reply(s, slot, keep);
}

/* What nobody has agreed to in time, and sessions that have come to a limit. */
static void expire(struct server *s)
{
	uint64_t now = room_monotonic();
	const char *why;

	for (struct session *one = s->sessions.one; one < s->sessions.one + SESSIONS; one++)
		if (one->number && !session_left(one, &s->room->config, now, &why))
			close_session(s, one, "bdkd", why);

	if (!components_left(&s->room->components, now, &why))
		close_entry(s, "bdkd", why);

	for (struct peer **p = s->peer; p < s->peer + SERVER_CLIENTS; p++) {
		if (!*p || !(*p)->act || now < (*p)->act->until)
			continue;
		lapse(s, *p, "no second person agreed in time");
		if ((*p)->stage != PEER_PENDS)
			continue;
		(*p)->stage = PEER_READS;
		begin_answer(&s->out, OP_AWAIT, E_LAPSED, NULL);
		reply(s, p, true);
	}
}

/* The one that has queued longest, NULL if nobody does. */
static struct peer **first(struct server *s, int stage)
{
	struct peer **found = NULL;

	for (struct peer **p = s->peer; p < s->peer + SERVER_CLIENTS; p++)
		if (*p && (int)(*p)->stage == stage && (!found || (*p)->turn < (*found)->turn))
			found = p;
	return found;
}

/* --- Passphrases that a process tries ------------------------------------------------------------------------------- */

/* The second half of a login. */
static void log_in(struct server *s, struct peer **slot, enum err verdict)
{
	struct ask a = { .room = s->room, .peer = *slot, .answer = &s->out };
	enum err e;

	settle(s);
	if (!*slot) /* its answer of before could not be sent */
		return;
	a.peer->stage = PEER_READS;
	begin_answer(&s->out, OP_LOGIN, E_OK, NULL);
	e = op_login_tried(&a, verdict);
	conclude(s, &a, "login", 0, OP_LOGIN, e);
	reply(s, slot, true);
}

/* It has an answer, or has had its time. */
static void take_proof(struct server *s, bool answered)
{
	struct peer **slot = s->proves;
	enum err e = E_INTERNAL;

	if (s->proof.fd < 0 || (!answered && room_monotonic() < s->proved_by))
		return;
	if (answered)
		e = proof_take(&s->proof);
	proof_end(&s->proof);
	s->proves = NULL;
	if (slot)
		log_in(s, slot, e);
}

/* The next one, once the one before has its answer. */
static void try_guesses(struct server *s)
{
	struct peer **next;

	while (s->proof.fd < 0 && (next = first(s, PEER_GUESSES))) {
		const struct guess *g = (*next)->guess;
		enum err e = proof_start(&s->proof, &g->verifier, (struct span){ g->phrase, g->len }, !s->room->config.test);

		forget_guess(*next);
		if (e) {
			log_in(s, next, e);
			continue;
		}
		(*next)->stage = PEER_PROVES;
		s->proves = next;
		s->proved_by = room_monotonic() + PROOF_SECONDS;
	}
}

/* --- KEYs that workers make --------------------------------------------------------------------------------------- */

/* The second half of an OFFER. h and the audit's record are one transaction, which ends before KEY leaves. */
static void resume(struct server *s, struct peer **slot, enum err made, struct span key)
{
	struct ask a = { .room = s->room, .peer = *slot, .recover = &s->recover, .answer = &s->out };
	enum err e;

	join(s);
	e = journal_begin(s->room->journal);
	a.peer->stage = PEER_READS;
	begin_answer(&s->out, OP_OFFER, E_OK, NULL);
	if (!e && !made && !a.peer->session)
		made = E_DENIED; /* its session has ended while the KEY was being made */
	e = op_key(&a, e ? e : made, key);
	conclude(s, &a, "offer", WHOLE, OP_OFFER, e);
	reply(s, slot, true);
}

/* KEYs that are made are for their clients. */
static void hand_out(struct server *s)
{
	for (unsigned i = 0; i < s->room->config.workers; i++) {
		struct worker *w = &s->room->worker[i];
		struct peer **slot = s->client[i];
		uint8_t key[MSG_MAX];
		size_t len;
		enum err e;

		if (w->state != WORKER_KEY_MADE)
			continue;
		e = worker_take_key(w, key, &len);
		s->client[i] = NULL;
		if (slot)
			resume(s, slot, e, (struct span){ key, len });
		wipe(key, len);
	}
}

/* Orders that wait go to the workers: no group is open, so what they rest on is durable. */
static void give_orders(struct server *s)
{
	struct peer **next;
	unsigned which = 0;
	enum err e;

	while ((next = first(s, PEER_QUEUES))) {
		e = (*next)->session ? room_order(&which, s->room, &(*next)->kdh.order) : E_DENIED;
		if (e == E_SPACE)
			break;
		if (e) {
			resume(s, next, e, (struct span){ NULL, 0 });
			settle(s);
		} else {
			(*next)->stage = PEER_WAITS;
			s->client[which] = next;
		}
	}
}

static bool may_enter(const struct server *s, enum role role, uid_t uid)
{
	const struct users *named = &s->door[role].users;

	return !uid || (named->n ? users_has(named, uid) : uid == s->owner);
}

/* Somebody whom the socket is not for. */
static void turn_away(struct server *s, enum role role, uid_t uid)
{
	struct peer p = { .role = role, .uid = uid };

	if (write_down(&(struct ask){ .room = s->room, .peer = &p }, "connect", 0, E_DENIED))
		fprintf(stderr, "bdkd: uid %u was turned away, and that could not be written down\n", (unsigned)uid);
}

/* A place for one more. NULL: none is free for that role, or this user has enough */
static struct peer **free_place(struct server *s, enum role role, uid_t uid)
{
	size_t from = role == ROLE_PEOPLE ? 0 : SERVER_PEOPLE;
	size_t to = role == ROLE_PEOPLE ? SERVER_CLIENTS - SERVER_MACHINES : SERVER_CLIENTS;
	struct peer **slot = NULL;
	unsigned logins = 0;

	for (size_t i = from; i < to; i++) {
		if (s->peer[i])
			logins += s->peer[i]->role == ROLE_PEOPLE && s->peer[i]->uid == uid;
		else if (!slot)
			slot = &s->peer[i];
	}
	return role == ROLE_PEOPLE && logins >= SERVER_LOGINS ? NULL : slot;
}

static void welcome(struct server *s, enum role role)
{
	struct ucred who = { 0 };
	socklen_t len = sizeof who;
	int fd = accept4(s->door[role].listener, NULL, NULL, SOCK_CLOEXEC);
	struct peer **slot, *made = NULL;

	if (fd < 0)
		return;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len)) {
		slot = free_place(s, role, who.uid);
		if (!may_enter(s, role, who.uid))
			turn_away(s, role, who.uid);
		else if (slot)
			made = *slot = calloc(1, sizeof *made);
	}
	if (!made) {
		close(fd);
		return;
	}
	made->fd = fd;
	made->role = role;
	made->uid = who.uid;
}

/* --- The loop ----------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t told_to_stop;

static void on_stop(int sig)
{
	(void)sig;
	told_to_stop = 1;
}

/* SIGTERM and SIGINT arrive inside ppoll() alone, so that no request is cut in two. */
static void hold_signals(void)
{
	struct sigaction stop = { .sa_handler = on_stop };
	sigset_t held;

	told_to_stop = 0;
	sigemptyset(&held);
	sigaddset(&held, SIGTERM);
	sigaddset(&held, SIGINT);
	sigprocmask(SIG_BLOCK, &held, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	signal(SIGPIPE, SIG_IGN);
}

enum err server_open(struct server **out, struct room *r, const struct door door[static ROLES], char why[static ROOM_WHY])
{
	struct server *s = calloc(1, sizeof *s);
	struct stat st;
	enum err e = E_OK;

	*out = NULL;
	if (!s)
		return E_INTERNAL;
	s->room = r;
	s->proof.fd = s->proof.pid = -1;
	memcpy(s->door, door, sizeof s->door);
	if (stat(r->dir, &st)) {
		snprintf(why, ROOM_WHY, "%s", strerror(errno));
		e = E_IO;
	} else {
		s->owner = st.st_uid;
		s->sealed = r->sealed;
		e = doors_open(s->door, r->dir, r->config.purpose, why);
	}
	if (e) {
		server_close(s);
		return e;
	}
	hold_signals();
	*out = s;
	return E_OK;
}

enum { AT_PEERS = ROLES, AT_WORKERS = AT_PEERS + SERVER_CLIENTS, AT_PROOF = AT_WORKERS + ROOM_WORKERS, POLLED };

static uint64_t milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int sooner(int a, int b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* How long until a worker has had its time, one is to be started, an act lapses, a session ends, what custodians gave is to
 * be forgotten, or a head is due; false: nothing is to come. */
static bool patience(struct timespec *limit, const struct server *s)
{
	struct room *r = s->room;
	uint64_t now = room_monotonic(), given = pieces_tend(&r->given, now), change = custody_change_tend(&r->change, now);
	uint64_t head = heads_left(r, now);
	const char *why;
	int least = -1;

	least = sooner(least, given ? (int)given * 1000 : -1);
	least = sooner(least, change ? (int)change * 1000 : -1);
	least = sooner(least, head != UINT64_MAX ? (int)head * 1000 : -1);
	for (unsigned i = 0; !r->sealed && i < r->config.workers; i++)
		least = sooner(least, r->worker[i].fd < 0 ? TEND_MS : worker_left(&r->worker[i]));
	for (int i = 0; i < SERVER_CLIENTS; i++)
		if (s->peer[i] && s->peer[i]->act)
			least = sooner(least, now < s->peer[i]->act->until ? (int)(s->peer[i]->act->until - now) * 1000 : 0);
	for (int i = 0; i < SESSIONS; i++)
		if (s->sessions.one[i].number)
			least = sooner(least, (int)session_left(&s->sessions.one[i], &r->config, now, &why) * 1000);
	if (s->proof.fd >= 0)
		least = sooner(least, now < s->proved_by ? (int)(s->proved_by - now) * 1000 : 0);
	if (r->components.number)
		least = sooner(least, (int)components_left(&r->components, now, &why) * 1000);
	*limit = (struct timespec){ least / 1000, least % 1000 * 1000000L };
	return least >= 0;
}

/* What became of the workers. One without an order that says something has died, or is broken. */
static void look_after(struct server *s, const struct pollfd *fd, bool lost[static ROOM_WORKERS])
{
	struct worker *w = s->room->worker;

	for (unsigned i = 0; i < s->room->config.workers; i++) {
		if (w[i].state == WORKER_KEY_ORDERED && (fd[i].revents || !worker_left(&w[i])))
			worker_wait_key(&w[i]);
		else if (fd[i].revents)
			worker_stop(&w[i]);
		lost[i] = w[i].fd < 0 && fd[i].fd >= 0;
	}
}

/* One that died, or could not be started before, is started again. */
static void tend(struct server *s, const bool lost[static ROOM_WORKERS])
{
	for (unsigned i = 0; i < s->room->config.workers; i++)
		if (s->room->worker[i].fd < 0 && (lost[i] || milliseconds() >= s->tend)) {
			room_tend(s->room, i);
			s->tend = milliseconds() + TEND_MS;
		}
}

/* A room that was locked has no keys at hand, and whoever was in the middle of something begins again. */
static void seal(struct server *s)
{
	/* Of workers that are logged in still none goes on with a PIN that the token takes no longer. */
	if (s->room->refused) {
		if (journal_audit(s->room->journal, "bdkd", "locked", "", "the token takes the PIN no longer"))
			journal_rollback(s->room->journal);
		room_lock(s->room);
	}
	if (s->room->sealed && !s->sealed) {
		recover_end(&s->recover);
		for (int i = 0; i < SERVER_CLIENTS; i++)
			if (s->peer[i] && s->peer[i]->stage != PEER_READS)
				give_up(s, &s->peer[i]);
			else if (s->peer[i])
				hang_up(s, &s->peer[i]);
	}
	s->sealed = s->room->sealed;
}

enum err server_run(struct server *s)
{
	struct pollfd fds[POLLED];
	struct timespec limit;
	bool ordered, lost[ROOM_WORKERS];
	sigset_t open;

	sigprocmask(SIG_SETMASK, NULL, &open);
	sigdelset(&open, SIGTERM);
	sigdelset(&open, SIGINT);
	while (!told_to_stop) {
		/* poll() passes over descriptors below 0, and tells of a hang-up unasked. */
		for (int i = 0; i < ROLES; i++)
			fds[i] = (struct pollfd){ s->door[i].listener, POLLIN, 0 };
		for (int i = 0; i < SERVER_CLIENTS; i++)
			fds[AT_PEERS + i] = (struct pollfd){ s->peer[i] ? s->peer[i]->fd : -1,
							     s->peer[i] && s->peer[i]->stage == PEER_READS ? POLLIN : 0, 0 };
		for (unsigned i = 0; i < ROOM_WORKERS; i++)
			fds[AT_WORKERS + i] = (struct pollfd){ s->room->worker[i].fd, POLLIN, 0 };
		fds[AT_PROOF] = (struct pollfd){ s->proof.fd, POLLIN, 0 };
		ordered = patience(&limit, s);
		if (ppoll(fds, POLLED, ordered ? &limit : NULL, &open) < 0) {
			if (errno == EINTR)
				continue;
			return E_IO;
		}
		look_after(s, fds + AT_WORKERS, lost);
		hand_out(s);
		take_proof(s, fds[AT_PROOF].revents);
		expire(s);
		/* One request of each, so that nobody waits for more than a round. */
		for (int i = 0; i < SERVER_CLIENTS; i++) {
			if (!fds[AT_PEERS + i].revents || !s->peer[i] || s->peer[i]->held.b)
				continue;
			if (s->peer[i]->stage == PEER_READS)
				serve(s, &s->peer[i]);
			else
				give_up(s, &s->peer[i]);
			hand_out(s); /* a request may have waited for a worker */
		}
		settle(s);
		tell_entered(s);
		seal(s);
		heads_tend(s->room, room_monotonic());
		give_orders(s);
		try_guesses(s);
		tend(s, lost);
		seal(s); /* a worker may not have been started again */
		for (int i = 0; i < ROLES; i++)
			if (fds[i].revents)
				welcome(s, (enum role)i);
	}
	return E_OK;
}

void server_close(struct server *s)
{
	if (!s)
		return;
	for (int i = 0; i < SESSIONS; i++)
		if (s->sessions.one[i].number)
			close_session(s, &s->sessions.one[i], "bdkd", "bdkd stops");
	for (int i = 0; i < SERVER_CLIENTS; i++)
		if (s->peer[i] && s->peer[i]->stage != PEER_READS)
			give_up(s, &s->peer[i]);
		else if (s->peer[i])
			hang_up(s, &s->peer[i]);
	proof_end(&s->proof);
	doors_close(s->door, s->room->dir);
	recover_end(&s->recover);
	wipe(s, sizeof *s);
	free(s);
}
