/*
 * One loading or zeroizing between a bdkd and a terminal that both may lie: kif ends in time, with the right result and
 * status, tells bdkd when a loading came to nothing, and its ledger is what the journal says. Both play in processes of
 * their own, over real records and real frames.
 */
#include "kif/inject.h"
#include "kif/sync.h"
#include "kif/zeroize.h"
#include "protocol/link.h"
#include "tests/lib/peer.h"
#include "tests/lib/test.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum lie {
	HONEST,
	/* bdkd */
	GARBAGE,
	WRONG_OP,
	SILENT,
	ONE_BYTE,
	HANG_UP,
	REFUSE,
	NO_FACTS,
	OTHER_SERIAL,
	OTHER_KEY_SET,
	OTHER_STATE,
	NO_MESSAGE,
	HUGE_MESSAGE,
	SEQUENCE_STANDS,
	MORE_OF_NOTHING,
	/* terminal */
	ABORTS,
	ABORTS_SHORT,
	ABORTS_OK,
	ABORTS_STRANGE,
	MUTE,
	EMPTY,
	TYPE_ALONE,
	WRONG_TYPE,
	HANGS_UP_ONCE,
	LOSES_REPLY,
	NOISY
};

/* What both have seen and may show; shared with the children. */
static struct shared {
	unsigned asked[64]; /* by op */
	unsigned connections;
	unsigned hello, key, zeroize; /* requests the terminal worked on: not repeats */
	uint64_t sequence;            /* the journal: one load, 0 none */
	bool loaded, zeroized;
} * shared;

enum { FOLLOWS = 2 };

static struct script {
	enum lie bdkd;
	uint16_t op; /* where bdkd lies */
	enum lie terminal;
	int type;     /* where the terminal lies: 1 HELLO, 3 KEY, 4 ZEROIZE */
	bool settled; /* the load stands in the journal and OFFER shows it */
	int other;    /* the load is of another key set than the one asked for; FOLLOWS: bdkd says so, and that ids are few */
} script;

static char dir[64], room[80], port[100], ledger[80];
static pid_t children[2];

/* --- bdkd --------------------------------------------------------------------------------------------------------- */

static const uint8_t spki[32] = { 1 }, kcv[3] = { 0xa1, 0xb2, 0xc3 };
static const uint8_t ksn[10] = { 0xff, 0xff, 0x98, 0x76, 0x54, 0, 0, 0x20, 0, 0 };
static const uint8_t hello[] = "hello, whatever it is", key[] = "a key that kif cannot read", wipe_it[] = "empty it";
static const uint8_t offer[] = "an offer", receipt[] = "a receipt";

static void put_facts(struct record *r, enum lie lie)
{
	size_t at;

	if (lie == NO_FACTS)
		return;
	at = record_open(r, F_ROW);
	record_put_number(r, F_SEQUENCE, shared->sequence);
	record_put_number(r, F_TIME, 1700000000 + shared->sequence);
	record_put_text(r, F_SERIAL, lie == OTHER_SERIAL ? "TC-2" : "TC-1");
	record_put(r, F_SPKI, SPAN(spki));
	record_put_text(r, F_KEY_SET, script.other || lie == OTHER_KEY_SET ? "FFFF000000" : "FFFF987654");
	record_put_text(r, F_SCHEME, "tdes");
	record_put_number(r, F_SLOT, 2);
	record_put(r, F_KSN, SPAN(ksn));
	record_put_text(r, F_STATE,
			shared->zeroized != (lie == OTHER_STATE) ? "zeroized"
			: shared->loaded                         ? "loaded"
								 : "sent");
	record_put_number(r, F_LOAD_COUNT, shared->loaded);
	if (shared->loaded)
		record_put(r, F_KCV, SPAN(kcv));
	record_put_text(r, F_FIRMWARE, "0.1.0");
	record_close(r, at);
}

static void answer_history(struct record *r, struct span fields, enum lie lie)
{
	uint64_t since;

	ck_assert_int_eq(field_number(&since, fields, F_SINCE, UINT64_MAX), E_OK);
	if (shared->sequence > since || (shared->sequence && lie == SEQUENCE_STANDS))
		put_facts(r, HONEST);
	record_put_number(r, F_TEST_ROOM, 1);
	record_put_number(r, F_SOFTWARE_TOKEN, 1);
	record_put_number(r, F_MORE, lie == MORE_OF_NOTHING || (lie == SEQUENCE_STANDS && !since));
}

static void answer(struct record *r, uint16_t op, struct span fields, enum lie lie)
{
	static const uint8_t huge[4000];

	record_begin(r, lie == WRONG_OP ? (uint16_t)(op + 1) : op);
	record_put_number(r, F_RESULT, lie == REFUSE ? E_REVOKED : E_OK);
	if (lie == REFUSE) {
		record_put_text(r, F_WHY, "TC-1 stands on list 3");
		return;
	}
	switch (op) {
	case OP_SESSION:
		record_put_text(r, F_SCHEME, "tdes");
		break;
	case OP_BEGIN:
		if (lie != NO_MESSAGE)
			record_put(r, F_MESSAGE, lie == HUGE_MESSAGE ? SPAN(huge) : SPAN(hello));
		break;
	case OP_OFFER:
		ck_assert_uint_eq(field_get(fields, F_MESSAGE).len, sizeof offer);
		ck_assert_mem_eq(field_get(fields, F_MESSAGE).p, offer, sizeof offer);
		if (!script.settled) {
			shared->sequence++;
			record_put(r, F_MESSAGE, lie == HUGE_MESSAGE ? SPAN(huge) : SPAN(key));
		}
		put_facts(r, lie);
		if (script.other == FOLLOWS) {
			record_put_number(r, F_FOLLOWS, 1);
			record_put_number(r, F_LEFT, 7);
			record_put_number(r, F_DAYS, 2);
		}
		break;
	case OP_RECEIPT:
		ck_assert_uint_eq(field_get(fields, F_MESSAGE).len, sizeof receipt);
		ck_assert_mem_eq(field_get(fields, F_MESSAGE).p, receipt, sizeof receipt);
		shared->loaded = true;
		shared->sequence++;
		put_facts(r, lie);
		break;
	case OP_ZEROIZE:
		ck_assert_uint_eq(field_get(fields, F_MESSAGE).len, sizeof offer);
		if (!shared->zeroized)
			record_put(r, F_MESSAGE, lie == HUGE_MESSAGE ? SPAN(huge) : SPAN(wipe_it));
		put_facts(r, lie);
		break;
	case OP_WIPED:
		ck_assert_uint_eq(field_get(fields, F_MESSAGE).len, sizeof receipt);
		ck_assert_mem_eq(field_get(fields, F_MESSAGE).p, receipt, sizeof receipt);
		shared->zeroized = true;
		shared->sequence++;
		put_facts(r, lie);
		break;
	case OP_HISTORY:
		answer_history(r, fields, lie);
		break;
	default:
		break;
	}
}

/* One connection, to its end. */
static void serve_room(int fd)
{
	static uint8_t in[RECORD_MAX];
	static struct record r;
	struct span fields;
	uint16_t op;
	ssize_t n;

	while ((n = recv(fd, in, sizeof in, 0)) > 0) {
		enum lie lie;

		ck_assert_int_eq(record_parse(&op, &fields, (struct span){ in, (size_t)n }), E_OK);
		ck_assert_uint_lt(op, 64);
		lie = op == script.op ? script.bdkd : HONEST;
		shared->asked[op]++;
		if (lie == HANG_UP)
			return;
		if (lie == SILENT)
			continue;
		answer(&r, op, fields, lie);
		if (lie == ONE_BYTE)
			r.len = 1;
		if (lie == GARBAGE)
			memset(r.b, 0xee, r.len);
		ck_assert_int_eq(r.e, E_OK);
		if (send(fd, r.b, r.len, MSG_NOSIGNAL) < 0)
			return;
	}
}

/* --- the terminal ------------------------------------------------------------------------------------------------- */

static void reply_to(struct link_peer *peer, struct span request)
{
	static const uint8_t hello_type = 1, key_type = 3, zeroize_type = 4;
	int type = request.len ? request.p[0] : 0;
	enum lie lie = type == script.type ? script.terminal : HONEST;
	uint8_t out[64] = { 0 };
	size_t len = 0;

	if (type == hello_type) {
		ck_assert_uint_eq(request.len, 1 + sizeof hello);
		ck_assert_mem_eq(request.p + 1, hello, sizeof hello);
		shared->hello++;
	}
	if (type == key_type) {
		ck_assert_uint_eq(request.len, 1 + sizeof key);
		ck_assert_mem_eq(request.p + 1, key, sizeof key);
		shared->key++;
	}
	if (type == zeroize_type) {
		ck_assert_uint_eq(request.len, 1 + sizeof wipe_it);
		ck_assert_mem_eq(request.p + 1, wipe_it, sizeof wipe_it);
		shared->zeroize++;
	}
	out[0] = type == hello_type ? 2 : 5;
	memcpy(out + 1, type == hello_type ? offer : receipt, type == hello_type ? sizeof offer : sizeof receipt);
	len = 1 + (type == hello_type ? sizeof offer : sizeof receipt);
	if (lie == ABORTS || lie == ABORTS_SHORT || lie == ABORTS_OK || lie == ABORTS_STRANGE) {
		out[0] = 6;
		put_be16(out + 1, lie == ABORTS ? E_ENVIRONMENT : lie == ABORTS_OK ? E_OK : 9999);
		len = lie == ABORTS_SHORT ? 2 : 3;
	}
	if (lie == EMPTY)
		len = 0;
	if (lie == TYPE_ALONE)
		len = 1;
	if (lie == WRONG_TYPE)
		out[0] = 17;
	ck_assert_int_eq(link_peer_reply(peer, (struct span){ out, len }), E_OK);
}

/* One connection, to its end. */
static void serve_line(int fd, struct link_peer *peer, bool *lied)
{
	static const uint8_t noise[] = { 0x7e, 0x7d, 0x7e, 0x00, 0xff, 0x7e, 0x01, 0x02, 0x03, 0x7d, 0x5e, 0x7e };
	static struct link_rx rx;
	static uint8_t wire[LINK_WIRE];
	uint8_t byte;
	struct frame f;
	size_t len;

	memset(&rx, 0, sizeof rx);
	while (read(fd, &byte, 1) == 1) {
		enum lie lie;
		enum err e;

		if (link_push(&rx, &f, byte))
			continue;
		e = link_peer_request(peer, &f);
		if (e == E_SEQUENCE)
			continue;
		lie = f.payload.len && f.payload.p[0] == script.type ? script.terminal : HONEST;
		if (!e)
			reply_to(peer, f.payload);
		if (lie == MUTE)
			continue;
		if ((lie == HANGS_UP_ONCE || lie == LOSES_REPLY) && !*lied) {
			*lied = true;
			if (lie == HANGS_UP_ONCE)
				return;
			continue;
		}
		if (lie == NOISY && write(fd, noise, sizeof noise) < 0)
			return;
		ck_assert_int_eq(peer_encode(peer, wire, &len, sizeof wire), E_OK);
		if (write(fd, wire, len) < 0)
			return;
	}
}

/* --- the stage ---------------------------------------------------------------------------------------------------- */

static int listen_on(const char *path, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	ck_assert_uint_lt(strlen(path), sizeof a.sun_path);
	strcpy(a.sun_path, path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	return fd;
}

static void play(int i, int listening)
{
	static struct link_peer peer;
	bool lied = false;
	int fd;

	children[i] = fork();
	ck_assert_int_ge(children[i], 0);
	if (children[i]) {
		close(listening);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_IGN);
	while ((fd = accept(listening, NULL, NULL)) >= 0) {
		if (i == 0) {
			shared->connections++;
			serve_room(fd);
		} else {
			serve_line(fd, &peer, &lied);
		}
		close(fd);
	}
	_exit(1);
}

static void set_up(void)
{
	char path[128];
	FILE *conf;

	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	test_folder_make(dir, sizeof dir);
	snprintf(room, sizeof room, "%s/load", dir);
	snprintf(port, sizeof port, "unix:%s/t1", dir);
	snprintf(ledger, sizeof ledger, "%s/kif.db", dir);
	ck_assert_int_eq(mkdir(room, 0700), 0);
	snprintf(path, sizeof path, "%s/room.conf", room);
	conf = fopen(path, "w");
	ck_assert_ptr_nonnull(conf);
	fputs("[room]\nversion = 1\npurpose = load\nkind = test\nname = KIF-1\n", conf);
	fclose(conf);
}

static void raise_curtain(const struct script *s)
{
	char path[128];

	script = *s;
	if (s->settled) {
		shared->sequence = 2;
		shared->loaded = true;
	}
	snprintf(path, sizeof path, "%s/station.sock", room);
	play(0, listen_on(path, SOCK_SEQPACKET));
	play(1, listen_on(port + 5, SOCK_STREAM));
}

static void tear_down(void)
{
	for (int i = 0; i < 2; i++) {
		int status = 0;

		if (!children[i])
			continue;
		/* Still there: nothing that it received was other than it has to be. */
		ck_assert_int_eq(waitpid(children[i], &status, WNOHANG), 0);
		kill(children[i], SIGKILL);
		ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
	}
	test_folder_remove(dir);
}

static enum err inject(struct inject_result *out, unsigned give_up_ms)
{
	const struct inject in = { { room, port, ledger, "TC-1", give_up_ms, 1, NULL }, "FFFF987654", 2 };
	enum err e = inject_run(out, &in);

	if (e) {
		ck_assert_str_ne(out->report.what, "");
		ck_assert_str_ne(out->report.why, "");
		ck_assert_ptr_nonnull(out->report.hint);
		ck_assert_int_ne(err_exit(e), 0);
	}
	return e;
}

static enum err zeroize(struct zeroize_result *out, unsigned slot, unsigned give_up_ms)
{
	const struct zeroize in = { { room, port, ledger, "TC-1", give_up_ms, 1, NULL }, slot, "reload" };
	enum err e = zeroize_run(out, &in);

	if (e) {
		ck_assert_str_ne(out->report.what, "");
		ck_assert_str_ne(out->report.why, "");
		ck_assert_ptr_nonnull(out->report.hint);
		ck_assert_int_ne(err_exit(e), 0);
	}
	return e;
}

struct seen {
	unsigned n;
	struct fact f;
};

static void see(void *context, const struct fact *f)
{
	struct seen *s = context;

	s->n++;
	s->f = *f;
}

/* The ledger's only load; n 0: it is empty. */
static struct seen look(const char *path)
{
	struct seen s = { 0 };
	struct ledger l;

	ck_assert_int_eq(ledger_open_read(&l, path), E_OK);
	ck_assert_int_eq(ledger_loads(&l, NULL, see, &s), E_OK);
	ledger_close(&l);
	ck_assert_uint_le(s.n, 1);
	return s;
}

START_TEST(a_terminal_is_loaded)
{
	struct inject_result out;
	struct seen s;

	raise_curtain(&(struct script){ 0 });
	ck_assert_int_eq(inject(&out, 3000), E_OK);
	ck_assert_str_eq(out.load.state, "loaded");
	ck_assert_str_eq(out.load.kcv, "A1B2C3");
	ck_assert(!out.settled);
	s = look(ledger);
	ck_assert_mem_eq(&s.f, &out.load, sizeof s.f);
	ck_assert_uint_eq(shared->hello, 1);
	ck_assert_uint_eq(shared->key, 1);
	ck_assert_uint_eq(shared->asked[OP_ABORT], 0);
}
END_TEST

START_TEST(an_offer_that_is_a_receipt_settles_it_without_a_key)
{
	struct inject_result out;

	raise_curtain(&(struct script){ .settled = true });
	ck_assert_int_eq(inject(&out, 3000), E_OK);
	ck_assert(out.settled);
	ck_assert_str_eq(out.load.state, "loaded");
	ck_assert_uint_eq(shared->key, 0);
	ck_assert_uint_eq(look(ledger).n, 1);
}
END_TEST

START_TEST(a_settled_load_of_another_key_set_is_not_what_was_asked)
{
	struct inject_result out;

	raise_curtain(&(struct script){ .settled = true, .other = 1 });
	ck_assert_int_eq(inject(&out, 3000), E_LOADED);
	ck_assert(out.settled);
	ck_assert_str_eq(out.load.key_set, "FFFF000000");
	ck_assert_uint_eq(shared->key, 0);
	ck_assert_str_eq(look(ledger).f.key_set, "FFFF000000");
}
END_TEST

/* Loaded now, or by an earlier run. Without that word of bdkd's both are refused: above, and OTHER_KEY_SET below. */
START_TEST(a_key_set_that_follows_the_one_asked_for_is_a_load_and_said)
{
	struct inject_result out;

	raise_curtain(&(struct script){ .settled = _i, .other = FOLLOWS });
	ck_assert_int_eq(inject(&out, 3000), E_OK);
	ck_assert_int_eq(out.settled, _i);
	ck_assert(out.follows && out.low);
	ck_assert_uint_eq(out.left, 7);
	ck_assert_uint_eq(out.days, 2);
	ck_assert_str_eq(out.load.state, "loaded");
	ck_assert_str_eq(out.load.key_set, "FFFF000000");
	ck_assert_str_eq(look(ledger).f.key_set, "FFFF000000");
}
END_TEST

/* Each lie: what kif says of it, and whether the key counts as loaded in the end. */
static const struct {
	struct script script;
	enum err want;
	bool loaded, told; /* told: bdkd gets OP_ABORT */
} lies[] = {
	/* clang-format off */
	{ { GARBAGE, OP_SESSION, HONEST, 0, false, false }, E_FORMAT, false, false },
	{ { WRONG_OP, OP_SESSION, HONEST, 0, false, false }, E_FORMAT, false, false },
	{ { ONE_BYTE, OP_SESSION, HONEST, 0, false, false }, E_FORMAT, false, false },
	{ { SILENT, OP_SESSION, HONEST, 0, false, false }, E_UNREACHABLE, false, false },
	{ { HANG_UP, OP_SESSION, HONEST, 0, false, false }, E_UNREACHABLE, false, false },
	{ { REFUSE, OP_SESSION, HONEST, 0, false, false }, E_REVOKED, false, false },
	{ { GARBAGE, OP_BEGIN, HONEST, 0, false, false }, E_FORMAT, false, false },
	{ { SILENT, OP_BEGIN, HONEST, 0, false, false }, E_UNREACHABLE, false, false },
	{ { NO_MESSAGE, OP_BEGIN, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { HUGE_MESSAGE, OP_BEGIN, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { REFUSE, OP_BEGIN, HONEST, 0, false, false }, E_REVOKED, false, false },
	{ { GARBAGE, OP_OFFER, HONEST, 0, false, false }, E_FORMAT, false, false },
	{ { SILENT, OP_OFFER, HONEST, 0, false, false }, E_UNREACHABLE, false, false },
	{ { REFUSE, OP_OFFER, HONEST, 0, false, false }, E_REVOKED, false, false },
	{ { NO_FACTS, OP_OFFER, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { OTHER_SERIAL, OP_OFFER, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { OTHER_KEY_SET, OP_OFFER, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { HUGE_MESSAGE, OP_OFFER, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { OTHER_STATE, OP_OFFER, HONEST, 0, true, false }, E_FORMAT, false, false },
	{ { GARBAGE, OP_RECEIPT, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { SILENT, OP_RECEIPT, HONEST, 0, false, false }, E_UNREACHABLE, false, false },
	{ { REFUSE, OP_RECEIPT, HONEST, 0, false, false }, E_REVOKED, false, true },
	{ { NO_FACTS, OP_RECEIPT, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { OTHER_STATE, OP_RECEIPT, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { OTHER_KEY_SET, OP_RECEIPT, HONEST, 0, false, false }, E_FORMAT, false, true },
	{ { GARBAGE, OP_HISTORY, HONEST, 0, false, false }, E_FORMAT, false, false },
	{ { SILENT, OP_HISTORY, HONEST, 0, false, false }, E_UNREACHABLE, false, false },
	{ { OTHER_KEY_SET, OP_OFFER, HONEST, 0, true, false }, E_FORMAT, true, false },
	{ { SEQUENCE_STANDS, OP_HISTORY, HONEST, 0, true, false }, E_FORMAT, false, false },
	{ { MORE_OF_NOTHING, OP_HISTORY, HONEST, 0, false, false }, E_FORMAT, false, false },
	{ { HONEST, 0, ABORTS, 1, false, false }, E_ENVIRONMENT, false, true },
	{ { HONEST, 0, ABORTS_SHORT, 1, false, false }, E_FORMAT, false, true },
	{ { HONEST, 0, ABORTS_OK, 1, false, false }, E_FORMAT, false, true },
	{ { HONEST, 0, ABORTS_STRANGE, 1, false, false }, E_FORMAT, false, true },
	{ { HONEST, 0, MUTE, 1, false, false }, E_TIMEOUT, false, true },
	{ { HONEST, 0, EMPTY, 1, false, false }, E_SHORT, false, true },
	{ { HONEST, 0, TYPE_ALONE, 1, false, false }, E_SHORT, false, true },
	{ { HONEST, 0, WRONG_TYPE, 1, false, false }, E_SEQUENCE, false, true },
	{ { HONEST, 0, HANGS_UP_ONCE, 1, false, false }, E_OK, true, false },
	{ { HONEST, 0, NOISY, 1, false, false }, E_OK, true, false },
	{ { HONEST, 0, ABORTS, 3, false, false }, E_ENVIRONMENT, false, true },
	{ { HONEST, 0, MUTE, 3, false, false }, E_TIMEOUT, false, true },
	{ { HONEST, 0, EMPTY, 3, false, false }, E_SHORT, false, true },
	{ { HONEST, 0, WRONG_TYPE, 3, false, false }, E_SEQUENCE, false, true },
	{ { HONEST, 0, HANGS_UP_ONCE, 3, false, false }, E_OK, true, false },
	{ { HONEST, 0, LOSES_REPLY, 3, false, false }, E_OK, true, false },
	{ { HONEST, 0, NOISY, 3, false, false }, E_OK, true, false },
	/* clang-format on */
};

START_TEST(no_lie_hangs_or_deceives_it)
{
	const bool mute = lies[_i].script.terminal == MUTE;
	struct inject_result out;
	struct seen s;

	raise_curtain(&lies[_i].script);
	ck_assert_int_eq(inject(&out, mute ? 200 : 5000), lies[_i].want);
	ck_assert_int_eq(*out.load.serial != 0, lies[_i].loaded);
	ck_assert_int_eq(shared->asked[OP_ABORT] > 0, lies[_i].told);
	ck_assert_uint_le(shared->key, 1);
	/* Where the room still answered, the ledger holds what its journal holds. */
	s = look(ledger);
	if (lies[_i].want != E_UNREACHABLE && lies[_i].script.op != OP_HISTORY) {
		ck_assert_uint_eq(s.n, shared->sequence > 0);
		ck_assert_uint_eq(s.f.sequence, shared->sequence);
	}
}
END_TEST

START_TEST(the_same_command_again_settles_a_lost_receipt)
{
	struct inject_result out;
	char path[128];

	raise_curtain(&(struct script){ .terminal = MUTE, .type = 3 });
	ck_assert_int_eq(inject(&out, 200), E_TIMEOUT);
	ck_assert_ptr_nonnull(strstr(out.report.hint, "same command again"));
	ck_assert_str_eq(look(ledger).f.state, "sent");
	for (int i = 0; i < 2; i++) {
		kill(children[i], SIGKILL);
		ck_assert_int_eq(waitpid(children[i], NULL, 0), children[i]);
		children[i] = 0;
	}
	snprintf(port, sizeof port, "unix:%s/t2", dir);
	snprintf(path, sizeof path, "%s/station.sock", room);
	ck_assert_int_eq(unlink(path), 0);
	raise_curtain(&(struct script){ .settled = true });
	ck_assert_int_eq(inject(&out, 3000), E_OK);
	ck_assert(out.settled);
	ck_assert_str_eq(look(ledger).f.state, "loaded");
}
END_TEST

START_TEST(a_slot_is_zeroized_and_then_it_is_empty_already)
{
	const unsigned slot[] = { 2, VISIT_ALL_SLOTS };
	struct zeroize_result out;
	struct seen s;

	raise_curtain(&(struct script){ .settled = true });
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_int_eq(zeroize(&out, slot[i], 3000), E_OK);
		ck_assert(out.done);
		ck_assert_int_eq(out.empty, i);
		ck_assert_uint_eq(out.n, 1);
		ck_assert_str_eq(out.load[0].state, "zeroized");
		s = look(ledger);
		ck_assert_mem_eq(&s.f, &out.load[0], sizeof s.f);
		ck_assert_uint_eq(shared->zeroize, 1);
		ck_assert_uint_eq(shared->asked[OP_WIPED], 1);
	}
	ck_assert_uint_eq(shared->asked[OP_ABORT], 0);
}
END_TEST

/* Each lie in zeroizing: what kif says of it, and whether it counts as done. */
static const struct lie_row {
	struct script script;
	enum err want;
	bool done, told;
} wipe_lies[] = {
	/* clang-format off */
	{ { GARBAGE, OP_ZEROIZE, HONEST, 0, true, false }, E_FORMAT, false, false },
	{ { SILENT, OP_ZEROIZE, HONEST, 0, true, false }, E_UNREACHABLE, false, false },
	{ { REFUSE, OP_ZEROIZE, HONEST, 0, true, false }, E_REVOKED, false, false },
	{ { HUGE_MESSAGE, OP_ZEROIZE, HONEST, 0, true, false }, E_FORMAT, false, true },
	{ { GARBAGE, OP_WIPED, HONEST, 0, true, false }, E_FORMAT, false, true },
	{ { SILENT, OP_WIPED, HONEST, 0, true, false }, E_UNREACHABLE, false, false },
	{ { REFUSE, OP_WIPED, HONEST, 0, true, false }, E_REVOKED, false, true },
	{ { OTHER_SERIAL, OP_WIPED, HONEST, 0, true, false }, E_FORMAT, false, false },
	{ { OTHER_STATE, OP_WIPED, HONEST, 0, true, false }, E_FORMAT, false, false },
	{ { NO_FACTS, OP_WIPED, HONEST, 0, true, false }, E_OK, true, false }, /* loaded by another room */
	{ { HONEST, 0, ABORTS, 4, true, false }, E_ENVIRONMENT, false, true },
	{ { HONEST, 0, MUTE, 4, true, false }, E_TIMEOUT, false, true },
	{ { HONEST, 0, EMPTY, 4, true, false }, E_SHORT, false, true },
	{ { HONEST, 0, WRONG_TYPE, 4, true, false }, E_SEQUENCE, false, true },
	{ { HONEST, 0, HANGS_UP_ONCE, 4, true, false }, E_OK, true, false },
	{ { HONEST, 0, LOSES_REPLY, 4, true, false }, E_OK, true, false },
	/* clang-format on */
};

START_TEST(no_lie_in_zeroizing_hangs_or_deceives_it)
{
	const struct lie_row *lie = &wipe_lies[_i];
	struct zeroize_result out;

	raise_curtain(&lie->script);
	ck_assert_int_eq(zeroize(&out, 2, lie->script.terminal == MUTE ? 200 : 5000), lie->want);
	ck_assert_int_eq(out.done, lie->done);
	ck_assert_int_eq(shared->asked[OP_ABORT] > 0, lie->told);
	ck_assert_uint_le(shared->zeroize, 1);
	if (lie->script.terminal == MUTE)
		ck_assert_ptr_nonnull(strstr(out.report.hint, "same command again"));
	if (lie->want != E_UNREACHABLE)
		ck_assert_uint_eq(look(ledger).f.sequence, shared->sequence);
}
END_TEST

START_TEST(nothing_is_asked_before_the_ledger_can_be_written)
{
	struct inject_result out;

	raise_curtain(&(struct script){ 0 });
	snprintf(ledger, sizeof ledger, "%s/no/folder", dir);
	ck_assert_int_eq(inject(&out, 1000), E_IO);
	ck_assert_uint_eq(shared->connections, 0);
	ck_assert_uint_eq(shared->hello, 0);
}
END_TEST

START_TEST(nothing_is_begun_without_a_port)
{
	struct inject_result out;

	raise_curtain(&(struct script){ 0 });
	snprintf(port, sizeof port, "unix:%s/nobody", dir);
	ck_assert_int_eq(inject(&out, 1000), E_PORT);
	snprintf(port, sizeof port, "/dev/null:12x");
	ck_assert_int_eq(inject(&out, 1000), E_BAUD);
	snprintf(port, sizeof port, "pigeon");
	ck_assert_int_eq(inject(&out, 1000), E_USAGE);
	ck_assert_uint_eq(shared->asked[OP_SESSION], 0);
	ck_assert_uint_eq(shared->asked[OP_BEGIN], 0);
}
END_TEST

START_TEST(a_room_that_is_not_there_or_not_served_is_named)
{
	struct inject_result out;

	ck_assert_int_eq(inject(&out, 1000), E_UNREACHABLE);
	ck_assert_ptr_nonnull(strstr(out.report.what, room));
	strcat(room, "x");
	ck_assert_int_eq(inject(&out, 1000), E_ROOM);
	ck_assert_ptr_nonnull(strstr(out.report.what, room));
}
END_TEST

START_TEST(a_ledger_that_follows_another_journal_is_found_out)
{
	struct fact f = {
		.sequence = 1000, .time = 1, .serial = "TC-9", .key_set = "FFFF000001", .ksn = "00", .state = "sent"
	};
	struct inject_result out;
	struct ledger l;

	raise_curtain(&(struct script){ 0 });
	ck_assert_int_eq(ledger_open(&l, ledger, room), E_OK);
	ck_assert_int_eq(ledger_put(&l, &f), E_OK);
	ledger_close(&l);
	ck_assert_int_eq(inject(&out, 1000), E_FORMAT);
	ck_assert_str_eq(out.load.state, "loaded");
	ck_assert_ptr_nonnull(strstr(out.report.hint, "rebuild"));
}
END_TEST

START_TEST(rebuilding_gives_the_same_ledger)
{
	static struct client c;
	struct inject_result out;
	struct seen before, after;
	struct ledger l;

	raise_curtain(&(struct script){ 0 });
	ck_assert_int_eq(inject(&out, 3000), E_OK);
	before = look(ledger);
	ck_assert_uint_eq(before.n, 1);
	for (int fresh = 0; fresh < 2; fresh++) {
		if (fresh)
			ck_assert_int_eq(unlink(ledger), 0);
		ck_assert_int_eq(ledger_open(&l, ledger, NULL), E_OK);
		ck_assert_int_eq(station_open(&c, room, 1), E_OK);
		ck_assert_int_eq(sync_rebuild(&l, &c, room), E_OK);
		client_close(&c);
		ledger_close(&l);
		after = look(ledger);
		ck_assert_mem_eq(&before, &after, sizeof before);
	}
}
END_TEST

START_TEST(a_rebuilding_that_fails_leaves_the_ledger_as_it_was)
{
	static struct client c;
	struct fact f = {
		.sequence = 5, .time = 1, .serial = "TC-9", .key_set = "FFFF000001", .ksn = "00", .state = "sent"
	};
	struct seen s;
	struct ledger l;

	raise_curtain(&(struct script){ .bdkd = SEQUENCE_STANDS, .op = OP_HISTORY, .settled = true });
	ck_assert_int_eq(ledger_open(&l, ledger, room), E_OK);
	ck_assert_int_eq(ledger_put(&l, &f), E_OK);
	ck_assert_int_eq(station_open(&c, room, 1), E_OK);
	ck_assert_int_eq(sync_rebuild(&l, &c, room), E_FORMAT);
	client_close(&c);
	ledger_close(&l);
	s = look(ledger);
	ck_assert_uint_eq(s.n, 1);
	ck_assert_str_eq(s.f.serial, "TC-9");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("kif/inject");
	TCase *t = tcase_create("inject");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_set_timeout(t, 20);
	tcase_add_test(t, a_terminal_is_loaded);
	tcase_add_test(t, an_offer_that_is_a_receipt_settles_it_without_a_key);
	tcase_add_test(t, a_settled_load_of_another_key_set_is_not_what_was_asked);
	tcase_add_loop_test(t, a_key_set_that_follows_the_one_asked_for_is_a_load_and_said, 0, 2);
	tcase_add_loop_test(t, no_lie_hangs_or_deceives_it, 0, sizeof lies / sizeof lies[0]);
	tcase_add_test(t, the_same_command_again_settles_a_lost_receipt);
	tcase_add_test(t, a_slot_is_zeroized_and_then_it_is_empty_already);
	tcase_add_loop_test(t, no_lie_in_zeroizing_hangs_or_deceives_it, 0, sizeof wipe_lies / sizeof wipe_lies[0]);
	tcase_add_test(t, nothing_is_asked_before_the_ledger_can_be_written);
	tcase_add_test(t, nothing_is_begun_without_a_port);
	tcase_add_test(t, a_room_that_is_not_there_or_not_served_is_named);
	tcase_add_test(t, a_ledger_that_follows_another_journal_is_found_out);
	tcase_add_test(t, rebuilding_gives_the_same_ledger);
	tcase_add_test(t, a_rebuilding_that_fails_leaves_the_ledger_as_it_was);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	return test_main(suite());
}
